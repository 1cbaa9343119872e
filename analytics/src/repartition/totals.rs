//! What has to be the same before and afterwards, added up over all streams that are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use polars::prelude::*;
use shared::api::Ledger;

use super::spread::{State, States, read};
use crate::store::Store;
use crate::store::expressions::column::{ANTENNA, COUNT, PACKETS_LOST, PACKETS_SENT, READINGS};
use crate::store::partials::{Keys, roll_up_cells};

/// What an antenna has in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Measured {
    readings: u64,
    packets_sent: u64,
    packets_lost: u64,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    ledger: Ledger,
    /// Those that streams had before their ledgers began, and those that they have had since, but for what the broker lost.
    entries: u64,
    incidents_ended: u64,
    /// Readings in memory by the buckets of their latency, added up.
    in_buckets: u64,
    /// By id.
    measured: BTreeMap<Arc<str>, Measured>,
    /// The keys of all files that are read.
    files: BTreeSet<String>,
}

impl Totals {
    /// Those of all streams that are read with so many partitions.
    ///
    /// # Errors
    /// When a pane lacks a column, or names an antenna that is not known.
    pub fn of(states: &States, partitions: u16) -> PolarsResult<Self> {
        let mut totals = Self::default();
        let mut ledgers = Vec::new();
        for (place, state) in states.iter().filter(|(place, _)| read(partitions).contains(place)) {
            let (store, _) = state.clone().into_store(*place);
            let mut ledger = state.meta.ledger.clone();
            store.kept()?.enter(&mut ledger);
            ledgers.push(ledger);
            totals.add(state, &store)?;
        }
        totals.ledger = ledgers.iter().sum();
        // What the broker tells of the streams is not part of their state.
        (totals.ledger.entries_added, totals.ledger.lag, totals.ledger.imbalance) = (None, None, None);
        Ok(totals)
    }

    fn add(&mut self, state: &State, store: &Store) -> PolarsResult<()> {
        self.entries += state.entries();
        self.incidents_ended += state.incidents_ended();
        for (_, archived) in store.archives() {
            for span in archived.within(i64::MIN, i64::MAX) {
                self.files.extend(span.files.keys().map(|table| span.key(*table)));
            }
            self.files.extend(archived.incidents_within(i64::MIN, i64::MAX).map(|file| file.key()));
        }
        let cells = state.committed.panes.iter().map(|pane| pane.cells()).collect::<PolarsResult<Vec<_>>>()?;
        let rows = roll_up_cells(&cells, Keys { pane: None, antenna: true })?;
        let counts = |name: &str| rows.column(name)?.u64();
        let (slots, readings) = (rows.column(ANTENNA)?.u32()?, counts(READINGS)?);
        let (sent, lost) = (counts(PACKETS_SENT)?, counts(PACKETS_LOST)?);
        for row in 0..rows.height() {
            let antenna = slots.get(row).and_then(|slot| store.antennas().get(slot));
            let Some(antenna) = antenna else {
                polars_bail!(ComputeError: "a pane names an antenna that is not known")
            };
            let measured = self.measured.entry(Arc::clone(&antenna.id)).or_default();
            measured.readings += readings.get(row).unwrap_or(0);
            measured.packets_sent += sent.get(row).unwrap_or(0);
            measured.packets_lost += lost.get(row).unwrap_or(0);
        }
        for pane in &state.committed.panes {
            let counts = pane.sketch()?.column(COUNT)?.cast(&DataType::UInt64)?;
            self.in_buckets += counts.u64()?.sum().unwrap_or(0);
        }
        Ok(())
    }

    /// The readings that are in memory.
    #[must_use]
    pub fn in_memory(&self) -> u64 {
        self.ledger.in_memory.unwrap_or(0)
    }

    /// The readings that are in files.
    #[must_use]
    pub const fn archived(&self) -> u64 {
        self.ledger.archived
    }

    /// The antennas that have readings in memory.
    #[must_use]
    pub fn antennas(&self) -> usize {
        self.measured.len()
    }

    /// What differs from those of before, where something does.
    #[must_use]
    pub fn difference(&self, before: &Self) -> Option<String> {
        let told = |what: &str, now: u64, then: u64| (now != then).then(|| format!("{what}: {now} in place of {then}"));
        let (now, then) = (&self.ledger, &before.ledger);
        let packets = |totals: &Self, of: fn(&Measured) -> u64| totals.measured.values().map(of).sum::<u64>();
        told("entries counted", now.counted, then.counted)
            .or_else(|| told("readings in memory", self.in_memory(), before.in_memory()))
            .or_else(|| told("readings archived", now.archived, then.archived))
            .or_else(|| {
                told("packets sent", packets(self, |it| it.packets_sent), packets(before, |it| it.packets_sent))
            })
            .or_else(|| told("incidents ended", self.incidents_ended, before.incidents_ended))
            .or_else(|| told("entries of the streams", self.entries, before.entries))
            .or_else(|| told("files", self.files.len() as u64, before.files.len() as u64))
            .or_else(|| {
                let antennas = before.measured.iter().find(|(id, then)| self.measured.get(*id) != Some(then));
                antennas.map(|(id, then)| format!("the antenna {id}: {:?} in place of {then:?}", self.measured.get(id)))
            })
            .or_else(|| (now != then).then(|| format!("the ledger: {now:?} in place of {then:?}")))
            .or_else(|| (self != before).then(|| "the files, the latencies or the antennas".to_owned()))
    }
}
