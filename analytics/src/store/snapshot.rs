//! Everything counted and retained at one moment: what questions read.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use polars::prelude::*;
use shared::UnixMillis;

use super::antennas::{Antenna, Antennas};
use super::archived::{Archived, HOUR_MS, final_hours, settled_before_ms};
use super::expressions::answer;
use super::expressions::column::ANTENNA;
use super::grid::Grid;
use super::incidents::Incidents;
use super::panes::{Pane, TILE_PANES, cover};
use super::recent::Recent;
use super::{CLOSING_GRACE_MS, EventClock, Former};
use crate::readings::Slot;
use crate::settings::in_ms;

/// Everything counted and retained at one moment; immutable.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Grows with each change.
    pub version: u64,
    /// When the newest readings were merged.
    pub as_of: Option<UnixMillis>,
    /// The grid of the panes.
    pub grid: Grid,
    /// How long panes are kept, in milliseconds.
    pub retention_ms: i64,
    /// Start of the oldest pane that is retained.
    pub horizon_ms: i64,
    /// What event time has seen.
    pub clock: EventClock,
    /// The antennas.
    pub antennas: Antennas,
    /// The readings that were counted last.
    pub recent: Recent,
    /// The incidents that have ended.
    pub incidents: Incidents,
    /// What is in files.
    pub archived: Archived,
    /// What partitions of before have in files.
    pub former: Arc<Former>,
    /// The width of the archive's finest rows in milliseconds; `None` where there is no archive.
    pub row_ms: Option<i64>,
    /// Another whenever a pane that had closed changes or goes: what closed panes add up to is the same until then. No two
    /// stores of a process share one.
    pub revision: u64,
    pub(super) panes: BTreeMap<i64, Arc<Pane>>,
    pub(super) tiles: [BTreeMap<i64, Arc<Pane>>; TILE_PANES.len()],
    pub(super) antenna_table: OnceLock<DataFrame>,
    /// The moments from which antennas are silent, in order.
    pub(super) silences: OnceLock<Vec<i64>>,
}

impl Snapshot {
    /// The antennas of which a pane may still hold a reading.
    pub fn retained(&self) -> impl Iterator<Item = (Slot, &Antenna)> {
        self.antennas.iter().filter(|(_, antenna)| self.is_retained(antenna))
    }

    /// Whether a pane may still hold a reading of an antenna.
    #[must_use]
    pub const fn is_retained(&self, antenna: &Antenna) -> bool {
        antenna.has_started() && antenna.newest_event_ms >= self.horizon_ms
    }

    /// The antenna with this id, where a pane may still hold a reading of it.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<(Slot, &Antenna)> {
        self.retained().find(|(_, antenna)| &*antenna.id == id)
    }

    /// The antennas of which a pane may still hold a reading, by slot: slot, id, arrival of the newest reading, the moment from
    /// which it is silent, its first and newest event time, how often it reports, and that it has not left.
    ///
    /// # Errors
    /// Never in practice: the columns are made here.
    pub fn antenna_table(&self) -> PolarsResult<&DataFrame> {
        if let Some(table) = self.antenna_table.get() {
            return Ok(table);
        }
        let antennas: Vec<(Slot, &Antenna)> = self.retained().collect();
        let columns = vec![
            Column::new(ANTENNA.into(), antennas.iter().map(|(slot, _)| *slot).collect::<Vec<_>>()),
            Column::new(answer::ANTENNA_ID.into(), antennas.iter().map(|(_, it)| &*it.id).collect::<Vec<_>>()),
            Column::new(
                answer::LAST_SEEN.into(),
                antennas.iter().map(|(_, it)| it.last_arrival_ms).collect::<Vec<_>>(),
            ),
            Column::new(
                answer::SILENT_FROM.into(),
                antennas.iter().map(|(_, it)| it.silent_from_ms()).collect::<Vec<_>>(),
            ),
            Column::new(
                answer::FIRST_EVENT.into(),
                antennas.iter().map(|(_, it)| it.first_event_ms).collect::<Vec<_>>(),
            ),
            Column::new(
                answer::NEWEST_EVENT.into(),
                antennas.iter().map(|(_, it)| it.newest_event_ms).collect::<Vec<_>>(),
            ),
            Column::new(answer::USUAL_MS.into(), antennas.iter().map(|(_, it)| it.usual_ms()).collect::<Vec<_>>()),
            Column::new(
                answer::OWN_SUCCESS_RATE.into(),
                antennas.iter().map(|(_, it)| it.expected().degraded_success_rate).collect::<Vec<_>>(),
            ),
            Column::new(
                answer::OWN_LATENCY_MS.into(),
                antennas.iter().map(|(_, it)| it.expected().degraded_latency.map(in_ms)).collect::<Vec<_>>(),
            ),
            Column::new(answer::LEFT.into(), vec![None::<i64>; antennas.len()]),
        ];
        let table = DataFrame::new(antennas.len(), columns)?;
        Ok(self.antenna_table.get_or_init(|| table))
    }

    /// The last moment up to `now_ms` at which an antenna fell silent, both in milliseconds since the epoch: from then on the
    /// same antennas are. The epoch itself where none is silent.
    #[must_use]
    pub fn last_silence_ms(&self, now_ms: i64) -> i64 {
        last_silence_ms(&self.silences, self.retained(), now_ms)
    }

    /// Where the panes that have closed end, in milliseconds since the epoch; it may lie before the oldest.
    #[must_use]
    pub const fn closed_before_ms(&self) -> i64 {
        if !self.clock.has_started() {
            return i64::MIN;
        }
        self.grid.floor(self.clock.watermark_ms - CLOSING_GRACE_MS)
    }

    /// The starts of the panes in memory, in milliseconds since the epoch, in order.
    pub fn pane_starts(&self) -> impl Iterator<Item = i64> {
        self.panes.keys().copied()
    }

    /// Start of the oldest pane in memory, in milliseconds since the epoch; `None` before the first reading.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<i64> {
        self.panes.first_key_value().map(|(&start, _)| start)
    }

    /// Whether what was measured at a time, in milliseconds since the epoch, is in files.
    #[must_use]
    pub fn is_archived(&self, time_ms: i64) -> bool {
        self.row_ms.is_some() && self.archives().any(|archived| time_ms < archived.until_ms())
    }

    /// What is in files, of the partition and of those of before whose files it keeps.
    pub fn archives(&self) -> impl Iterator<Item = &Archived> {
        std::iter::once(&self.archived).chain(self.former.values())
    }

    /// The width of the finest rows that an answer from a time on is made of, in milliseconds: panes, or rows of files.
    #[must_use]
    pub fn grain_ms(&self, time_ms: i64) -> i64 {
        let Some(row_ms) = self.row_ms.filter(|_| self.is_archived(time_ms)) else { return self.grid.width_ms };
        // Minutes are kept for less time than hours, so what follows has them too. Of hours that were given up there is neither.
        let is_by_hour = self.archives().any(|archived| {
            let mut known = archived.within(time_ms, i64::MAX).filter(|span| !span.files.is_empty());
            known.next().is_some_and(|span| span.is_by_hour())
        });
        if is_by_hour { HOUR_MS } else { row_ms }
    }

    /// How many hours from the oldest pane on are final, and wait for the archive where there is one.
    #[must_use]
    pub fn final_hours(&self) -> u64 {
        final_hours(self.oldest_ms(), self.horizon_ms)
    }

    /// How many days are final and in files of hours, not in those of a day yet.
    #[must_use]
    pub fn final_days(&self) -> u64 {
        let before_ms = settled_before_ms(self.oldest_ms(), self.horizon_ms);
        self.archives().map(|archived| archived.days_of_hours(before_ms)).max().unwrap_or(0)
    }

    /// Width of the smallest tiles in milliseconds: steps of whole tiles read a tile each instead of its panes.
    #[must_use]
    pub const fn tile_ms(&self) -> i64 {
        self.grid.width_ms * TILE_PANES[0]
    }

    /// The panes of `[start, end)`, both on the grid, in order of time.
    pub fn panes_in(&self, start: i64, end: i64) -> impl Iterator<Item = &Pane> {
        self.panes.range(start..end.max(start)).map(|(_, pane)| &**pane)
    }

    /// Tiles and panes that together cover `[start, end)`, both on the grid: each pane once, in itself or in a tile.
    #[must_use]
    pub fn cover(&self, start: i64, end: i64) -> Vec<&Pane> {
        cover(&self.panes, &self.tiles, self.grid, start, end)
    }
}

/// The last moment up to `now_ms` at which one of some antennas fell silent; 0 where none has. Their moments are worked out once.
pub(super) fn last_silence_ms<'a>(
    silences: &OnceLock<Vec<i64>>,
    antennas: impl Iterator<Item = (Slot, &'a Antenna)>,
    now_ms: i64,
) -> i64 {
    let moments = silences.get_or_init(|| {
        let mut moments: Vec<i64> = antennas.map(|(_, antenna)| antenna.silent_from_ms()).collect();
        moments.sort_unstable();
        moments
    });
    moments[..moments.partition_point(|moment| *moment <= now_ms)].last().copied().unwrap_or(0)
}
