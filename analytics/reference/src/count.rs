//! Which readings count, and what became of each entry.

use std::collections::VecDeque;
use std::fmt;

use shared::api::RejectedExample;
use shared::codec::Fields;
use shared::{Reading, Rejection, UnixMillis};

use crate::antenna::{Antenna, Ended};
use crate::settings::floor;
use crate::{Counted, Reference};

/// A pane closes when the watermark is this far past its end.
const CLOSING_GRACE_MS: i64 = 2_000;

/// The readings counted last are kept up to this number.
const RECENT_MAX: usize = 131_072;

/// Incidents that have ended are kept up to this number; when another one ends, the oldest [`ENDED_DROPPED`] make room.
const ENDED_MAX: usize = 10_000;

/// See [`ENDED_MAX`].
const ENDED_DROPPED: usize = 256;

/// Rejected entries that are kept of each reason.
const EXAMPLES_MAX: usize = 20;

/// Fields that are shown of a rejected entry.
const FIELDS_MAX: usize = 32;

/// Characters that are shown of a name or a value.
const CHARACTERS_MAX: usize = 256;

/// The id of an entry of the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// When it arrived at the broker, in milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Its number among those that arrived in the same millisecond.
    pub number: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.arrival_ms, self.number)
    }
}

/// An entry of the stream: the names and values of its fields as they stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its fields in order.
    pub fields: Vec<(String, String)>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It counts.
    Counted,
    /// Its `seq` had been counted before.
    Duplicate,
    /// It is older than everything retained.
    TooLate,
    /// It broke a rule.
    Rejected(Rejection),
}

/// What a clock shows in the coarsest unit in which the highest `seq` of an antenna is not ahead of it; in nanoseconds where
/// it has none, or one that is ahead in all units.
fn reached_seq(highest: Option<u64>, clock_ms: i64) -> u64 {
    let clock_ns = i128::from(clock_ms.max(0)) * 1_000_000;
    let units = [1_000_000_000, 1_000_000, 1_000, 1];
    let clocks = units.map(|unit_ns| u64::try_from(clock_ns / unit_ns).unwrap_or(u64::MAX));
    clocks.into_iter().find(|clock| highest.is_some_and(|highest| highest <= *clock)).unwrap_or(clocks[3])
}

impl Reference {
    /// Takes the next entry of the stream, whatever it holds.
    pub fn take(&mut self, entry: &Entry) -> Outcome {
        let fields: Fields<'_> = entry.fields.iter().map(|(name, value)| (name, value)).collect();
        match fields.decode() {
            Ok(reading) => self.judge(entry.id, &reading.to_owned(), || entry.fields.clone()),
            Err(reason) => self.reject(entry.id, reason, &entry.fields),
        }
    }

    /// Takes the next entry of the stream, which holds a reading.
    pub fn count(&mut self, id: EntryId, reading: &Reading) -> Outcome {
        let fields =
            || shared::codec::encode(reading).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.judge(id, reading, fields)
    }

    fn judge(&mut self, id: EntryId, reading: &Reading, fields: impl FnOnce() -> Vec<(String, String)>) -> Outcome {
        if reading.timestamp_ms > id.arrival_ms.saturating_add(self.settings.max_clock_skew_ms) {
            return self.reject(id, Rejection::Future, &fields());
        }
        self.cursor = id;
        self.pace.read(id.arrival_ms);
        let antenna = self.antenna(&reading.antenna_id);
        let highest = self.antennas[antenna].highest_seq;
        let reached = reached_seq(highest, id.arrival_ms.saturating_add(self.settings.max_clock_skew_ms));
        if reading.seq.is_some() && reading.seq <= highest && highest <= Some(reached) {
            self.ledger.duplicates += 1;
            return Outcome::Duplicate;
        }
        // The reading itself may move what is retained.
        let watermark_ms = self.watermark_ms.max(reading.timestamp_ms.min(id.arrival_ms));
        let (pane_ms, retention_ms) = (self.settings.pane_ms, self.settings.retention_ms);
        let pane = self.settings.pane_of(reading.timestamp_ms);
        // The open pane counts as whole, so a window as long as the retention is always covered.
        let horizon_ms = floor(watermark_ms, pane_ms) + pane_ms - retention_ms;
        if pane < horizon_ms {
            self.ledger.too_late += 1;
            return Outcome::TooLate;
        }
        let counted = Counted {
            antenna: u32::try_from(antenna).unwrap_or(u32::MAX),
            arrival_ms: id.arrival_ms,
            event_ms: reading.timestamp_ms,
            packets: reading.packets,
            lost: reading.loss,
            latency_ms: reading.latency_ms,
            seq: reading.seq,
            is_late: pane + pane_ms + CLOSING_GRACE_MS <= self.watermark_ms,
            available_ms: 0,
        };
        let available_ms = self.antennas[antenna].available_ms(&counted);
        let counted = Counted { available_ms, ..counted };
        self.ledger.counted += 1;
        self.watermark_ms = watermark_ms;
        self.newest_ms = self.newest_ms.max(reading.timestamp_ms);
        self.keep(pane, counted);
        let known = Counted { seq: reading.seq.filter(|seq| *seq <= reached), ..counted };
        let ended = self.antennas[antenna].count(&known, &self.settings);
        self.end(ended);
        if horizon_ms > self.horizon_ms {
            self.horizon_ms = horizon_ms;
            self.forget(id.arrival_ms);
        }
        Outcome::Counted
    }

    fn keep(&mut self, pane: i64, counted: Counted) {
        let pane = self.panes.entry(pane).or_default();
        pane.revised |= counted.is_late;
        pane.readings.push(counted);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(counted);
        self.ledger.in_memory = self.ledger.in_memory.map(|in_memory| in_memory + 1);
    }

    /// Drops the panes that are not retained any more, and the antennas of which nothing is.
    fn forget(&mut self, arrival_ms: i64) {
        let retained = self.panes.split_off(&self.horizon_ms);
        let dropped = std::mem::replace(&mut self.panes, retained);
        let expired: u64 = dropped.values().map(|pane| pane.readings.len() as u64).sum();
        self.ledger.expired += expired;
        self.ledger.in_memory = self.ledger.in_memory.map(|in_memory| in_memory - expired);
        let is_gone = |antenna: &&mut Antenna| antenna.has_started() && antenna.newest_event_ms < self.horizon_ms;
        let mut gone: Vec<&mut Antenna> = self.antennas.iter_mut().filter(is_gone).collect();
        gone.sort_by(|a, b| a.id.cmp(&b.id));
        let ended: Vec<Ended> =
            gone.into_iter().flat_map(|antenna| antenna.forget(arrival_ms, &self.settings)).collect();
        self.end(ended);
    }

    /// Takes note of incidents that have ended.
    fn end(&mut self, ended: Vec<Ended>) {
        for incident in ended {
            self.ended_ever += 1;
            self.ended.push_back(incident);
            if self.ended.len() > ENDED_MAX {
                self.ended.drain(..ENDED_DROPPED);
            }
        }
    }

    fn reject(&mut self, id: EntryId, reason: Rejection, fields: &[(String, String)]) -> Outcome {
        self.cursor = id;
        self.pace.read_rejected();
        *self.ledger.rejected.entry(reason).or_default() += 1;
        let cut = |text: &String| text.chars().take(CHARACTERS_MAX).collect();
        let example = RejectedExample {
            stream: None,
            source_id: id.to_string(),
            arrived_at: UnixMillis(id.arrival_ms),
            reason,
            fields: fields.iter().take(FIELDS_MAX).map(|(name, value)| (cut(name), cut(value))).collect(),
        };
        let examples: &mut VecDeque<RejectedExample> = self.examples.entry(reason).or_default();
        examples.push_front(example);
        examples.truncate(EXAMPLES_MAX);
        Outcome::Rejected(reason)
    }

    /// The position of an antenna; a new one gets the next.
    fn antenna(&mut self, id: &str) -> usize {
        if let Some(&position) = self.positions.get(id) {
            return position;
        }
        let expected = self.expected.get(id).copied().unwrap_or_default();
        self.antennas.push(Antenna::new(id.to_owned(), expected));
        self.positions.insert(id.to_owned(), self.antennas.len() - 1);
        self.antennas.len() - 1
    }
}
