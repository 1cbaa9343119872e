//! Antennas that the registry names, and that analytics has not seen.

use std::sync::Arc;

use polars::prelude::*;
use shared::api::Status;

use super::View;
use crate::registry::Registry;
use crate::store::expressions::answer::{ANTENNA_ID, STATUS};

impl View<'_> {
    /// The ids that the registry names exactly and of which no reading is kept, neither in memory nor in files, in their order. None
    /// while a partition is missing, as any of them may be in it.
    pub(super) fn unseen_ids(&self) -> Vec<Arc<str>> {
        let names_any = |registry: &&Registry| registry.antennas().next().is_some();
        let registry = self.registry.filter(names_any).filter(|_| self.whole.missing().is_empty());
        let Some(registry) = registry else { return Vec::new() };
        // An antenna that is forgotten may have its slot for a while.
        let forgotten = self.whole.forgotten().into_iter().filter(|id| registry.has(id));
        let without_slot = self.tables.without_slot(self.whole, registry);
        let unknown = forgotten.chain(without_slot.iter().cloned());
        let mut unseen: Vec<Arc<str>> = unknown.filter(|id| self.whole.course(id).is_none()).collect();
        unseen.sort_unstable();
        unseen
    }

    /// Whether an antenna is one of them.
    pub(super) fn is_unseen(&self, id: &str) -> bool {
        let is_named = self.registry.is_some_and(|registry| registry.has(id));
        is_named && self.unseen_ids().binary_search_by(|it| (**it).cmp(id)).is_ok()
    }

    /// They as rows like those of [`View::antennas`]: nothing was counted, and all else is null.
    pub(super) fn unseen(&self) -> PolarsResult<DataFrame> {
        let (antennas, ids) = (self.antennas()?, self.unseen_ids());
        let column = |(name, kind): (&PlSmallStr, &DataType)| match (name.as_str(), kind) {
            (ANTENNA_ID, _) => Column::new(name.clone(), ids.iter().map(|id| &**id).collect::<Vec<&str>>()),
            (STATUS, _) => Column::new(name.clone(), vec![Status::Unseen as u32; ids.len()]),
            (_, DataType::UInt64) => Column::new(name.clone(), vec![0_u64; ids.len()]),
            (_, DataType::Boolean) => Column::new(name.clone(), vec![false; ids.len()]),
            _ => Column::full_null(name.clone(), ids.len(), kind),
        };
        DataFrame::new(ids.len(), antennas.schema().iter().map(column).collect())
    }

    /// Every antenna: those of [`View::antennas`], and behind them those that have not been seen.
    pub(super) fn everybody(&self) -> PolarsResult<DataFrame> {
        let (antennas, unseen) = (self.antennas()?, self.unseen()?);
        if unseen.height() == 0 { Ok(antennas.as_ref().clone()) } else { antennas.vstack(&unseen) }
    }
}
