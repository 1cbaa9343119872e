//! Readings into hours: the store counts them as it would have counted them from the stream, so the same expressions make the
//! same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::input::Progress;
use super::sorted::{Measured, Sorted};
use crate::archive::rows::FinalHour;
use crate::archive::write::Files;
use crate::ingest::decode::Batch;
use crate::readings::{Row, Rows};
use crate::store::archived::{Courses, HOUR_MS, Span};
use crate::store::grid::Grid;
use crate::store::{Pane, Store};

/// Readings that are counted at a time.
const BATCH_ROWS: usize = 65_536;

/// Counts readings in order of time and hands over each hour when it is complete.
pub(super) struct Counter {
    /// It counts nothing else. Hours stay in it until they are handed over.
    store: Store,
    row_ms: i64,
    ids: Vec<Arc<str>>,
    /// Whether the store knows the antenna, by slot.
    is_known: Vec<bool>,
}

impl Counter {
    /// A counter that has counted nothing yet, with an empty store that keeps final hours.
    pub(super) fn new(store: Store, row_ms: i64, ids: Vec<Arc<str>>) -> Self {
        let is_known = vec![false; ids.len()];
        Self { store, row_ms, ids, is_known }
    }

    /// Counts readings up to the last hour that is wanted. The hours that are wanted are handed over as files, in order of time.
    /// Those before that are not are counted too, as how long an antenna was available before a reading depends on the readings
    /// before.
    ///
    /// # Errors
    /// When rows cannot be read back, nobody takes the files any more, or everything is to stop.
    pub(super) fn count(
        mut self,
        readings: Sorted,
        wanted: &BTreeSet<i64>,
        progress: &Progress,
        mut hand_over: impl FnMut(Files) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(until_ms) = wanted.last().map(|hour| hour + HOUR_MS) else { return Ok(()) };
        let is_before = |row: &io::Result<Measured>| row.as_ref().map_or(true, |row| row.event_ms < until_ms);
        let mut readings = readings.take_while(is_before).peekable();
        while readings.peek().is_some() {
            progress.go_on()?;
            let batch = self.batch(&mut readings)?;
            let rows = batch.readings.height() as u64;
            self.store.count(&batch)?;
            while let Some(hour) = self.store.final_hour(i64::MIN) {
                self.finish(hour, wanted, &mut hand_over)?;
            }
            // Nothing of it is committed.
            self.store.take_changes();
            progress.counted.fetch_add(rows, Ordering::Relaxed);
        }
        while let Some(hour) = self.store.last_hours() {
            progress.go_on()?;
            self.finish(hour, wanted, &mut hand_over)?;
        }
        Ok(())
    }

    /// The next readings, of one hour: where there are few, those of a month would fill as many panes as it has.
    fn batch(&mut self, readings: &mut Peekable<impl Iterator<Item = io::Result<Measured>>>) -> anyhow::Result<Batch> {
        let (mut batch, mut rows) = (Batch::default(), Rows::with_capacity(BATCH_ROWS));
        let mut until_ms = None;
        for _row in 0..BATCH_ROWS {
            let is_of_hour = |row: &io::Result<Measured>| match row {
                Ok(row) => until_ms.is_none_or(|until_ms| row.event_ms < until_ms),
                Err(_) => true,
            };
            let Some(row) = readings.next_if(is_of_hour).transpose()? else { break };
            until_ms.get_or_insert_with(|| Grid::of_width(HOUR_MS).floor(row.event_ms) + HOUR_MS);
            let slot = row.antenna as usize;
            if !std::mem::replace(&mut self.is_known[slot], true) {
                batch.new_antennas.push((row.antenna, Arc::clone(&self.ids[slot])));
            }
            rows.push(&Row {
                // When it arrived somewhere else does not matter here.
                arrival_ms: row.event_ms,
                event_ms: row.event_ms,
                antenna: row.antenna,
                packets_sent: row.packets_sent,
                packets_lost: row.packets_lost,
                latency_ms: row.latency_ms,
                seq: None,
            });
        }
        batch.readings = rows.finish()?;
        Ok(batch)
    }

    /// Hands an hour over if it is wanted, and lets go of it.
    fn finish(
        &mut self,
        hour: (i64, Vec<Arc<Pane>>),
        wanted: &BTreeSet<i64>,
        hand_over: &mut impl FnMut(Files) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let hour = FinalHour::of(&self.store, hour, self.row_ms);
        let span = if wanted.contains(&hour.start_ms) {
            let files = Files::of(&hour)?;
            let span = files.span().clone();
            hand_over(files)?;
            span
        } else {
            let readings = hour.readings()?;
            Span::hour(hour.partition, hour.start_ms, readings, 0, BTreeMap::new())
        };
        self.store.archive(span, &Courses::new())?;
        Ok(())
    }
}
