//! How the antennas of a single pane fared, kept beside tiles: what the sums of several panes level out.
//!
//! An antenna that is down for twenty seconds of an hour is well on the average of the hour. So each pane is judged by
//! itself, by the rule of the status, and a tile keeps the worst that its panes were told. Only antennas that were worse
//! than well are listed, which a network in good health has few of.

use std::collections::BTreeMap;

use polars::prelude::*;
use shared::api::Status;

use super::expected::Limits;
use super::expressions::answer::STATUS;
use super::expressions::column::{ANTENNA, PANE};
use super::expressions::status;
use super::partials::{Partials, union};
use crate::readings::Slot;

/// The antennas that were worse than well in a pane, or in at least one of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Ascending.
    down: Box<[Slot]>,
    /// Ascending; without those that are down.
    degraded: Box<[Slot]>,
}

impl Judged {
    /// Judges what antennas measured in panes, by the panes' starts. Silence is told by arrivals, so no pane is silent.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn of_panes(cells: &[&DataFrame], limits: &Limits) -> PolarsResult<BTreeMap<i64, Self>> {
        let judged = union(cells, Partials::empty().cells.schema())?;
        let judged =
            judged.lazy().select([col(PANE), col(ANTENNA), status(limits.of(&col(ANTENNA)), lit(false)).alias(STATUS)]);
        let worse = judged.filter(col(STATUS).lt(lit(Status::Healthy as u32))).collect()?;
        let (panes, slots) = (worse.column(PANE)?.i64()?, worse.column(ANTENNA)?.u32()?);
        let rows = panes.iter().zip(slots.iter()).zip(worse.column(STATUS)?.u32()?.iter());
        let mut fared: BTreeMap<i64, Vec<(Slot, Status)>> = BTreeMap::new();
        for ((pane, slot), position) in rows {
            let status = position.and_then(|position| Status::ALL.get(position as usize).copied());
            if let (Some(pane), Some(slot), Some(status)) = (pane, slot, status) {
                fared.entry(pane).or_default().push((slot, status));
            }
        }
        Ok(fared.into_iter().map(|(pane, fared)| (pane, Self::of(fared))).collect())
    }

    /// Antennas with how each fared, in any order and more than once.
    pub fn of(fared: impl IntoIterator<Item = (Slot, Status)>) -> Self {
        let (mut down, mut degraded): (Vec<Slot>, Vec<Slot>) = (Vec::new(), Vec::new());
        for (slot, status) in fared {
            if status == Status::Down { down.push(slot) } else { degraded.push(slot) }
        }
        for slots in [&mut down, &mut degraded] {
            slots.sort_unstable();
            slots.dedup();
        }
        degraded.retain(|slot| down.binary_search(slot).is_err());
        Self { down: down.into(), degraded: degraded.into() }
    }

    /// The worst of several.
    #[must_use]
    pub fn worst_of(parts: &[&Self]) -> Self {
        if let [one] = parts {
            return (*one).clone();
        }
        Self::of(parts.iter().flat_map(|part| part.iter()))
    }

    /// The antennas that were worse than well, each with its status.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, Status)> {
        let down = self.down.iter().map(|slot| (*slot, Status::Down));
        down.chain(self.degraded.iter().map(|slot| (*slot, Status::Degraded)))
    }

    /// The same as a table: antenna and status.
    ///
    /// # Errors
    /// Never in practice: the columns are made here.
    pub fn table(&self, status: &str) -> PolarsResult<DataFrame> {
        let (slots, statuses): (Vec<Slot>, Vec<u32>) = self.iter().map(|(slot, status)| (slot, status as u32)).unzip();
        DataFrame::new(slots.len(), vec![Column::new(ANTENNA.into(), slots), Column::new(status.into(), statuses)])
    }
}
