//! Stream entries to columns.
//!
//! The reply's bytes go straight into the columns of [`Readings`]; an entry that is no reading becomes a [`RejectedEntry`]. Antenna
//! ids are interned: a column holds small numbers, [`Interner`] knows the names.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use shared::codec::{Fields, TIMESTAMP_MAX_MS};
use shared::{Rejection, UnixMillis};

use super::resp::{EntryRef, ReplyError, ReplyParser, Visitor};
use super::stream_id::StreamId;
use crate::readings::{Readings, Row, Rows, Slot};

/// At most this many rejected entries, the newest, are kept for the dead-letter stream; all are counted.
const REJECTED_KEPT: usize = shared::keys::REJECTED_MAX_ENTRIES;

/// Their copies take so many bytes at most: they are held in memory, and written in one transaction.
const REJECTED_BYTES: usize = 8 * 1024 * 1024;

/// A copy ends with the field that brings it to so many bytes.
const COPY_BYTES: usize = 4_096;

/// So much of a name or a value is copied.
const TEXT_BYTES: usize = 1_024;

/// What a field takes beside its bytes.
const FIELD_BYTES: usize = 64;

/// One micro-batch: its readings, in stream order, with what could not be read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries read, good and bad.
    pub entries: u64,
    /// Id of the last entry.
    pub last_id: StreamId,
    /// The readings, a row each.
    pub readings: Readings,
    /// Antennas seen for the first time, by slot.
    pub new_antennas: Vec<(Slot, Arc<str>)>,
    /// Entries that are no readings, the newest of them, with their fields cut.
    pub rejected: Vec<RejectedEntry>,
    /// Number of entries that are no readings, by the position of the reason in [`Rejection::ALL`].
    pub rejected_counts: [u64; Rejection::ALL.len()],
    /// Entries whose id is ahead of the broker's clock.
    pub ids_ahead: u64,
    /// Readings of antennas beyond the most that are kept track of.
    pub untracked: u64,
}

/// An entry that is no reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEntry {
    /// Its id in the stream.
    pub source_id: StreamId,
    /// The rule that it broke.
    pub reason: Rejection,
    /// Its field/value pairs, in order, as [`RejectedEntry::new`] copies them.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl RejectedEntry {
    /// Copies an entry as it is, unless it is longer than any reading: of a long name or value the beginning and the length,
    /// and behind some kilobytes the number of the fields that follow.
    #[must_use]
    pub fn new<'a>(
        source_id: StreamId,
        reason: Rejection,
        mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let mut entry = Self { source_id, reason, pairs: Vec::new() };
        let mut bytes = 0;
        while bytes < COPY_BYTES {
            let Some((name, value)) = fields.next() else { return entry };
            entry.pairs.push((cut(name), cut(value)));
            bytes = entry.bytes();
        }
        let more = fields.count();
        if more > 0 {
            entry.pairs.push((b"...".to_vec(), format!("{more} more fields").into_bytes()));
        }
        entry
    }

    fn bytes(&self) -> usize {
        self.pairs.iter().map(|(name, value)| FIELD_BYTES + name.len() + value.len()).sum()
    }

    /// How many of these entries, oldest first, are more than can be kept.
    #[must_use]
    pub fn surplus(entries: &[Self]) -> usize {
        let mut bytes = 0;
        let fits = |entry: &&Self| {
            bytes += entry.bytes();
            bytes <= REJECTED_BYTES
        };
        entries.len() - entries.iter().rev().take(REJECTED_KEPT).take_while(fits).count()
    }
}

fn cut(text: &[u8]) -> Vec<u8> {
    match text.split_at_checked(TEXT_BYTES) {
        Some((beginning, [_, ..])) => [beginning, format!("... ({} bytes)", text.len()).as_bytes()].concat(),
        _ => text.to_vec(),
    }
}

/// Antenna ids to slots. Slots of antennas that were forgotten are used again first.
#[derive(Debug)]
pub struct Interner {
    /// Looked up once an entry: a hash that is fast for short ids, with seeds that nobody outside can know.
    slots: HashMap<Arc<str>, Slot, RandomState>,
    free: Vec<Slot>,
    next: Slot,
    max: usize,
}

impl Default for Interner {
    /// One that knows no antenna.
    fn default() -> Self {
        Self::new([], Vec::new(), 0)
    }
}

impl Interner {
    /// An interner that knows `antennas`, has given out the slots below `next`, and may give out `free` again.
    #[must_use]
    pub fn new(antennas: impl IntoIterator<Item = (Arc<str>, Slot)>, free: Vec<Slot>, next: Slot) -> Self {
        Self { slots: antennas.into_iter().collect(), free, next, max: usize::MAX }
    }

    /// The same interner, which knows so many antennas at most.
    #[must_use]
    pub fn with_max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// The slot of an antenna; `None` where it would be one too many.
    fn slot(&mut self, id: &str, new: &mut Vec<(Slot, Arc<str>)>) -> Option<Slot> {
        if let Some(&slot) = self.slots.get(id) {
            return Some(slot);
        }
        if self.slots.len() >= self.max {
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let id: Arc<str> = id.into();
        self.slots.insert(Arc::clone(&id), slot);
        new.push((slot, id));
        Some(slot)
    }
}

/// Decodes replies into batches.
#[derive(Debug)]
pub struct Decoder {
    interner: Interner,
    max_clock_skew_ms: i64,
    /// The broker's clock, see [`Self::set_broker_time`].
    broker_ms: i64,
    /// Readings of the last reply: about as many are expected in the next.
    expected: usize,
}

impl Decoder {
    /// A decoder that rejects event times further than `max_clock_skew_ms` after the entry's arrival.
    #[must_use]
    pub fn new(interner: Interner, max_clock_skew_ms: i64) -> Self {
        Self { interner, max_clock_skew_ms, broker_ms: TIMESTAMP_MAX_MS, expected: 0 }
    }

    /// Tells the broker's clock just after the reply that is decoded next. An id is chosen by whoever writes the entry, and
    /// later entries inherit one that is ahead, so an entry's arrival is its id's time or this one, whichever is earlier.
    /// Until it is told, only times that can be written down are taken.
    pub fn set_broker_time(&mut self, time: UnixMillis) {
        self.broker_ms = time.0.min(TIMESTAMP_MAX_MS);
    }

    /// Replaces the interner where slots are given out anew.
    pub fn set_interner(&mut self, interner: Interner) {
        self.interner = interner;
    }

    /// Decodes a whole reply in one pass.
    ///
    /// # Errors
    /// See [`ReplyError`]; a reply that is cut off is malformed.
    pub fn decode(&mut self, reply: &[u8]) -> Result<Batch, ReplyError> {
        match self.decode_first(reply)? {
            (batch, true) => Ok(batch),
            (_, false) => Err(ReplyError::Malformed("it is cut off")),
        }
    }

    /// Decodes the entries that a reply begins with, and tells whether they are all of it.
    ///
    /// # Errors
    /// See [`ReplyError`].
    pub fn decode_first(&mut self, reply: &[u8]) -> Result<(Batch, bool), ReplyError> {
        let Self { interner, max_clock_skew_ms, broker_ms, expected } = self;
        let mut builder = Builder {
            batch: Batch::default(),
            rows: Rows::with_capacity(*expected),
            interner,
            max_clock_skew_ms: *max_clock_skew_ms,
            broker_ms: *broker_ms,
            fields: Fields::default(),
            rejected_bytes: 0,
        };
        let mut parser = ReplyParser::default();
        parser.feed(reply, &mut builder)?;
        let Builder { mut batch, rows, .. } = builder;
        batch.readings = rows.finish().unwrap_or_else(|_| unreachable!("the columns of rows have one length"));
        *expected = batch.readings.height();
        Ok((batch, parser.is_done()))
    }
}

/// Puts the entries of a reply into columns.
#[derive(Debug)]
struct Builder<'a, 'interner> {
    batch: Batch,
    rows: Rows,
    interner: &'interner mut Interner,
    max_clock_skew_ms: i64,
    broker_ms: i64,
    fields: Fields<'a>,
    /// Of the copies made since the last that were dropped.
    rejected_bytes: usize,
}

impl<'a> Visitor<'a> for Builder<'a, '_> {
    fn begin(&mut self) {
        self.fields = Fields::default();
    }

    fn field(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.fields.set(name, value);
    }

    fn end(&mut self, entry: EntryRef<'a>) {
        let batch = &mut self.batch;
        batch.entries += 1;
        batch.last_id = entry.id;
        let id_ms = entry.id.arrival_ms();
        let arrival_ms = id_ms.min(self.broker_ms);
        batch.ids_ahead += u64::from(id_ms > self.broker_ms);
        let decoded = self.fields.decode().and_then(|reading| {
            let ahead_ms = reading.timestamp_ms.saturating_sub(arrival_ms);
            if ahead_ms > self.max_clock_skew_ms { Err(Rejection::Future) } else { Ok(reading) }
        });
        match decoded {
            Ok(reading) => {
                let Some(antenna) = self.interner.slot(reading.antenna_id, &mut batch.new_antennas) else {
                    batch.untracked += 1;
                    return;
                };
                let row = Row {
                    arrival_ms,
                    event_ms: reading.timestamp_ms,
                    antenna,
                    packets_sent: reading.packets,
                    packets_lost: reading.loss,
                    latency_ms: reading.latency_ms,
                    seq: reading.seq,
                };
                self.rows.push(&row);
            }
            Err(reason) => self.reject(&entry, reason),
        }
    }
}

impl Builder<'_, '_> {
    fn reject(&mut self, entry: &EntryRef<'_>, reason: Rejection) {
        let rejected = &mut self.batch.rejected;
        self.batch.rejected_counts[reason as usize] += 1;
        // Twice the bound before the oldest half goes keeps a flood of bad entries linear.
        if rejected.len() >= 2 * REJECTED_KEPT || self.rejected_bytes >= REJECTED_BYTES {
            rejected.drain(..RejectedEntry::surplus(rejected));
            self.rejected_bytes = 0;
        }
        let copy = RejectedEntry::new(entry.id, reason, entry.pairs());
        self.rejected_bytes += copy.bytes();
        rejected.push(copy);
    }
}
