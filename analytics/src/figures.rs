//! What the parts of the pipeline hand to each other and to the outside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::UnixMillis;
use shared::api::{BatchTimes, ClockOffset, Ledger};
use shared::time::millis;

use crate::histogram::Histogram;
use crate::ingest::decode::RejectedEntry;
use crate::ingest::stream_id::StreamId;
use crate::state::Meta;
use crate::store::{Snapshot, Store};

/// What was loaded at the beginning of a term.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) store: Store,
    /// The ledger, and what else is committed beside the store.
    pub(crate) meta: Meta,
    pub(crate) cursor: StreamId,
    /// The newest rejected entries, oldest first.
    pub(crate) rejected: Vec<RejectedEntry>,
    /// Whether more was found out than is committed, so that a commit is due before anything is merged.
    pub(crate) is_changed: bool,
}

/// What a batch came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The store with the batch in it.
    pub(crate) snapshot: Snapshot,
    /// Id of the batch's last entry.
    pub(crate) cursor: StreamId,
    pub(crate) times: BatchTimes,
    /// Milliseconds since the arrival of each reading that is in the snapshot for the first time.
    pub(crate) ages: Histogram,
    /// When the snapshot was made.
    pub(crate) merged: Instant,
    /// The same moment by the wall clock.
    pub(crate) merged_at: UnixMillis,
    /// Entries of the batch whose id was ahead of the broker's clock.
    pub(crate) ids_ahead: u64,
}

/// What a commit holds, and what is shown once it is done.
#[derive(Debug)]
pub(crate) struct CommitFigures {
    /// The ledger, before it is balanced against the broker's count.
    pub(crate) ledger: Ledger,
    pub(crate) cursor: StreamId,
    /// Incidents that have ended, since the stream's beginning.
    pub(crate) incidents_ended: u64,
    /// What is in it.
    pub(crate) snapshot: Arc<Snapshot>,
}

/// How far the broker's clock is from ours, which shows a time now. The broker's time was read somewhere within the round trip.
pub(crate) fn clock_offset(broker: UnixMillis, now: UnixMillis, round_trip: Duration) -> ClockOffset {
    let middle_ms = now.0 - millis(round_trip) / 2;
    let error_ms = round_trip.as_secs_f64() * 500.0;
    ClockOffset { offset_ms: broker.0.saturating_sub(middle_ms), error_ms }
}
