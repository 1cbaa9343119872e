//! Stream entries to columns.
//!
//! The reply's bytes go straight into column builders; an entry that is no reading becomes a [`RejectedEntry`]. Antenna
//! ids are interned: a column holds small numbers, [`Interner`] knows the names.

use std::collections::HashMap;
use std::sync::Arc;

use shared::Rejection;
use shared::codec::Fields;

use crate::resp::{EntryRef, ReplyError, ReplyParser};
use crate::stream_id::StreamId;

/// An antenna's number: its slot in the registry.
pub type Slot = u32;

/// At most this many rejected entries of one batch are kept for the dead-letter stream; all are counted.
const REJECTED_KEPT: usize = shared::keys::REJECTED_MAX_ENTRIES;

/// Readings of one micro-batch, column by column, in stream order, with what could not be read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries read, good and bad.
    pub entries: u64,
    /// Id of the last entry.
    pub last_id: StreamId,
    /// Arrival at the broker, milliseconds since the epoch.
    pub arrival_ms: Vec<i64>,
    /// Event time, milliseconds since the epoch.
    pub event_ms: Vec<i64>,
    /// Antenna.
    pub antenna: Vec<Slot>,
    /// Packets sent.
    pub packets: Vec<u32>,
    /// Packets lost.
    pub loss: Vec<u32>,
    /// Latency in milliseconds.
    pub latency_ms: Vec<Option<f64>>,
    /// Sequence number.
    pub seq: Vec<Option<u64>>,
    /// Antennas seen for the first time, by slot.
    pub new_antennas: Vec<(Slot, Arc<str>)>,
    /// Entries that are no readings, the newest [`REJECTED_KEPT`] of them.
    pub rejected: Vec<RejectedEntry>,
    /// Number of entries that are no readings, by the position of the reason in [`Rejection::ALL`].
    pub rejected_counts: [u64; Rejection::ALL.len()],
}

impl Batch {
    /// Number of readings.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.event_ms.len()
    }
}

/// An entry that is no reading, with its fields as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEntry {
    /// Its id in the stream.
    pub source_id: StreamId,
    /// The rule that it broke.
    pub reason: Rejection,
    /// Its field/value pairs, in order.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Antenna ids to slots. Slots of antennas that were forgotten are used again first.
#[derive(Debug, Default)]
pub struct Interner {
    slots: HashMap<Arc<str>, Slot>,
    free: Vec<Slot>,
    next: Slot,
}

impl Interner {
    /// An interner that knows `antennas`, has given out the slots below `next`, and may give out `free` again.
    #[must_use]
    pub fn new(antennas: impl IntoIterator<Item = (Arc<str>, Slot)>, free: Vec<Slot>, next: Slot) -> Self {
        Self { slots: antennas.into_iter().collect(), free, next }
    }

    fn slot(&mut self, id: &str, new: &mut Vec<(Slot, Arc<str>)>) -> Slot {
        if let Some(&slot) = self.slots.get(id) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let id: Arc<str> = id.into();
        self.slots.insert(Arc::clone(&id), slot);
        new.push((slot, id));
        slot
    }
}

/// Decodes replies into batches.
#[derive(Debug)]
pub struct Decoder {
    interner: Interner,
    max_clock_skew_ms: i64,
    parser: ReplyParser,
    batch: Batch,
}

impl Decoder {
    /// A decoder that rejects event times further than `max_clock_skew_ms` after the entry's arrival.
    #[must_use]
    pub fn new(interner: Interner, max_clock_skew_ms: i64) -> Self {
        Self { interner, max_clock_skew_ms, parser: ReplyParser::default(), batch: Batch::default() }
    }

    /// Decodes as far as `bytes` reach and returns how many of them are done with; see [`ReplyParser::feed`].
    ///
    /// # Errors
    /// See [`ReplyError`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, ReplyError> {
        let Self { interner, max_clock_skew_ms, parser, batch } = self;
        parser.feed(bytes, |entry| push(batch, interner, *max_clock_skew_ms, &entry))
    }

    /// Whether the reply has been decoded to its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.parser.is_done()
    }

    /// What has been decoded since the last call. Entries of a reply that broke off are complete and valid: the next
    /// read goes on after the last of them.
    pub fn take(&mut self) -> Batch {
        self.parser = ReplyParser::default();
        let rows = self.batch.event_ms.len();
        let columns = Batch {
            arrival_ms: Vec::with_capacity(rows),
            event_ms: Vec::with_capacity(rows),
            antenna: Vec::with_capacity(rows),
            packets: Vec::with_capacity(rows),
            loss: Vec::with_capacity(rows),
            latency_ms: Vec::with_capacity(rows),
            seq: Vec::with_capacity(rows),
            ..Batch::default()
        };
        std::mem::replace(&mut self.batch, columns)
    }
}

fn push(batch: &mut Batch, interner: &mut Interner, max_clock_skew_ms: i64, entry: &EntryRef<'_>) {
    batch.entries += 1;
    batch.last_id = entry.id;
    let mut fields = Fields::default();
    for (name, value) in entry.pairs() {
        fields.set(name, value);
    }
    let arrival_ms = entry.id.arrival_ms();
    let decoded = fields.decode().and_then(|reading| {
        let ahead_ms = reading.timestamp_ms.saturating_sub(arrival_ms);
        if ahead_ms > max_clock_skew_ms { Err(Rejection::Future) } else { Ok(reading) }
    });
    match decoded {
        Ok(reading) => {
            batch.arrival_ms.push(arrival_ms);
            batch.event_ms.push(reading.timestamp_ms);
            batch.antenna.push(interner.slot(reading.antenna_id, &mut batch.new_antennas));
            batch.packets.push(reading.packets);
            batch.loss.push(reading.loss);
            batch.latency_ms.push(reading.latency_ms);
            batch.seq.push(reading.seq);
        }
        Err(reason) => reject(batch, entry, reason),
    }
}

fn reject(batch: &mut Batch, entry: &EntryRef<'_>, reason: Rejection) {
    batch.rejected_counts[reason as usize] += 1;
    // Twice the bound before the oldest half goes keeps a flood of bad entries linear.
    if batch.rejected.len() >= 2 * REJECTED_KEPT {
        batch.rejected.drain(..REJECTED_KEPT);
    }
    let pairs = entry.pairs().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    batch.rejected.push(RejectedEntry { source_id: entry.id, reason, pairs });
}
