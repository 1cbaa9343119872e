//! The readings that were counted last, of all antennas together.
//!
//! They are the tables of the batches that they came in, shared and not copied; small ones are put together now and then.
//! Nothing of it is committed: the list begins anew whenever slots are given out anew, so a slot stands for one antenna all along.

use std::collections::VecDeque;
use std::sync::Arc;

use polars::prelude::*;

use super::away::{RecentAway, Source};
use super::expressions::column::ANTENNA;
use crate::readings::column::LATE;
use crate::readings::{Rows, Slot};

/// Readings kept. They take 8 MB.
pub const KEPT: usize = 131_072;

/// Tables are put together until they have this many rows, so that a list of small batches is not a list of thousands of
/// tables.
const CHUNK: usize = 4_096;

/// So many small tables are put together at a time: a batch of a quiet network has a few rows.
const SMALL_TABLES: usize = 64;

/// The readings that were counted last, oldest first. Cloning is cheap: tables are shared.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// Tables of `CHUNK` rows or more, but for those that a bound has cut.
    large: VecDeque<Arc<DataFrame>>,
    /// Newer ones.
    small: Vec<Arc<DataFrame>>,
    rows: usize,
    /// The process that has them, if it is another one.
    away: Option<RecentAway>,
}

/// Readings with whether each is late.
///
/// # Errors
/// When there are not as many.
pub(super) fn with_late(mut readings: DataFrame, is_late: Vec<bool>) -> PolarsResult<DataFrame> {
    readings.with_column(Column::new(LATE.into(), is_late))?;
    Ok(readings)
}

/// No readings.
///
/// # Errors
/// Never in practice: the columns are made here.
pub(super) fn nothing() -> PolarsResult<DataFrame> {
    with_late(Rows::with_capacity(0).finish()?, Vec::new())
}

impl Recent {
    /// The readings that another process has counted.
    #[must_use]
    pub fn away(source: Arc<dyn Source>) -> Self {
        Self { away: Some(RecentAway(source)), ..Self::default() }
    }

    /// Takes note of readings that were counted.
    ///
    /// # Errors
    /// When tables differ in their columns.
    pub fn extend(&mut self, readings: DataFrame) -> PolarsResult<()> {
        if readings.height() == 0 {
            return Ok(());
        }
        self.rows += readings.height();
        self.small.push(Arc::new(readings));
        if self.small_rows() >= CHUNK {
            self.put_together()?;
            self.large.extend(self.small.drain(..));
        } else if self.small.len() >= SMALL_TABLES {
            self.put_together()?;
        }
        while self.rows > KEPT {
            self.forget();
        }
        Ok(())
    }

    /// At most `limit` readings of an antenna, newest first.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn of(&self, antenna: Slot, limit: usize) -> PolarsResult<DataFrame> {
        if let Some(away) = &self.away {
            return away.of(antenna, limit);
        }
        let mut found: Option<DataFrame> = None;
        for table in self.large.iter().chain(&self.small).rev() {
            let is_wanted = table.column(ANTENNA)?.u32()?.equal(antenna);
            let rows = table.filter(&is_wanted)?.reverse();
            match &mut found {
                Some(found) => {
                    found.vstack_mut(&rows)?;
                }
                None => found = Some(rows),
            }
            if found.as_ref().is_some_and(|found| found.height() >= limit) {
                break;
            }
        }
        match found {
            Some(found) => Ok(found.head(Some(limit))),
            None => nothing(),
        }
    }

    /// The readings of an antenna that are kept.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn count(&self, antenna: Slot) -> PolarsResult<u64> {
        if let Some(away) = &self.away {
            return away.count(antenna);
        }
        let mut count = 0;
        for table in self.large.iter().chain(&self.small) {
            count += table.column(ANTENNA)?.u32()?.equal(antenna).sum().map_or(0, u64::from);
        }
        Ok(count)
    }

    fn small_rows(&self) -> usize {
        self.small.iter().map(|table| table.height()).sum()
    }

    /// Makes one table of the small ones.
    fn put_together(&mut self) -> PolarsResult<()> {
        let mut tables = self.small.drain(..);
        let Some(first) = tables.next() else { return Ok(()) };
        let mut whole = Arc::unwrap_or_clone(first);
        for table in tables {
            whole.vstack_mut(&table)?;
        }
        whole.rechunk_mut();
        self.small.push(Arc::new(whole));
        Ok(())
    }

    /// Forgets the oldest readings above the bound, of one table.
    #[expect(clippy::cast_possible_wrap, reason = "a table in memory has fewer than 2^63 rows")]
    fn forget(&mut self) {
        let surplus = self.rows - KEPT;
        let Some(oldest) = self.large.pop_front() else { return };
        let gone = surplus.min(oldest.height());
        self.rows -= gone;
        if gone < oldest.height() {
            self.large.push_front(Arc::new(oldest.slice(gone as i64, oldest.height() - gone)));
        }
    }
}
