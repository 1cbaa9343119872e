//! What is committed of a partition: all that others may be told of for good, as a crash does not take it back.

use std::collections::VecDeque;
use std::sync::Arc;

use shared::UnixMillis;
use tokio::sync::watch;

use super::Published;
use crate::ingest::log::Fence;
use crate::ingest::stream_id::StreamId;
use crate::store::Snapshot;

/// A partition as it is committed.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The stream's name.
    pub stream: String,
    /// What was counted.
    pub snapshot: Arc<Snapshot>,
    /// Incidents that have ended since the stream's beginning.
    pub ended: u64,
    /// All that arrived until then is in the snapshot, by the broker's clock. Whoever was not heard of was silent until then; of later
    /// nothing can be said, as it may not have been read.
    pub heard_until: UnixMillis,
}

/// The part of the progress that is about it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    snapshot: Option<Arc<Snapshot>>,
    heard_until: i64,
    /// Snapshots that another process told before they were committed, with the numbers that it gave them, oldest first.
    told: VecDeque<(u64, Arc<Snapshot>)>,
}

impl Progress {
    /// What was committed has been loaded.
    pub(super) fn begin(&mut self, snapshot: Arc<Snapshot>, cursor: StreamId) {
        *self = Self { snapshot: Some(snapshot), heard_until: time_of(cursor), told: VecDeque::new() };
    }

    /// A snapshot is committed.
    pub(super) fn settle(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = Some(snapshot);
    }

    /// Up to where entries are committed, and whether there are none behind them at a moment of the broker's clock.
    pub(super) fn heard(&mut self, committed: StreamId, is_caught_up: bool, at: UnixMillis) {
        let until = if is_caught_up { at.0 } else { time_of(committed).min(at.0) };
        self.heard_until = self.heard_until.max(until);
    }

    /// Another process told a snapshot, by its number, and up to which number they are committed.
    pub(super) fn follow(&mut self, version: u64, snapshot: Arc<Snapshot>, settled: u64, heard_until: UnixMillis) {
        if self.told.back().is_some_and(|(last, _)| version < *last) {
            self.told.clear();
        }
        if self.told.back().is_none_or(|(last, _)| version > *last) {
            self.told.push_back((version, snapshot));
        }
        while let Some((_, snapshot)) = self.told.pop_front_if(|(version, _)| *version <= settled) {
            self.snapshot = Some(snapshot);
            self.heard_until = heard_until.0;
        }
        if self.told.is_empty() {
            self.heard_until = heard_until.0;
        }
    }

    /// Of what was told before, another process knows nothing.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
    }

    /// The number of the snapshot that is committed.
    pub(super) fn version(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.version)
    }

    pub(super) const fn heard_until(&self) -> UnixMillis {
        UnixMillis(self.heard_until)
    }
}

impl Published {
    /// What is committed of the partition; `None` where that is not known.
    #[must_use]
    pub fn settled(&self) -> Option<Settled> {
        let progress = self.progress.lock();
        let snapshot = Arc::clone(progress.settled.snapshot.as_ref()?);
        let ended = progress.incidents_before + snapshot.incidents.ended();
        let heard_until = progress.settled.heard_until();
        Some(Settled { stream: progress.stream.clone(), snapshot, ended, heard_until })
    }

    /// The term in which this process owns the partition; `None` while it does not.
    #[must_use]
    pub fn term(&self) -> watch::Receiver<Option<Fence>> {
        self.term.subscribe()
    }
}

fn time_of(id: StreamId) -> i64 {
    i64::try_from(id.millis).unwrap_or(i64::MAX)
}
