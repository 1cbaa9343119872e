//! What the pipeline shows to the HTTP side: the snapshot and the progress, behind one cheap handle.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use shared::api::{
    BatchTimes, Batches, Commits, Freshness, Ledger, Partition, Phase, Pipeline, PipelineHistory, RejectedPage,
};
use shared::{Rejection, UnixMillis};
use tokio::sync::watch;

use crate::decode::RejectedEntry;
use crate::examples::Examples;
use crate::pace::Pace;
use crate::sketch;
use crate::store::{Snapshot, Store};
use crate::stream_id::StreamId;

/// Rates are taken over this time.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// Freshness is taken over this many batches.
const FRESHNESS_BATCHES: usize = 1024;

/// What the pipeline has published. Clones share it.
#[derive(Debug, Clone)]
pub struct Published {
    snapshot: watch::Sender<Arc<Snapshot>>,
    progress: Arc<Mutex<Progress>>,
    examples: Arc<Mutex<Examples>>,
}

#[derive(Debug)]
struct Progress {
    phase: Phase,
    started_at: UnixMillis,
    stream: String,
    cursor: StreamId,
    committed: StreamId,
    epoch: u64,
    owner: Option<String>,
    ledger: Ledger,
    /// A term has loaded the ledger and lasts, so nobody else changes it.
    owns_ledger: bool,
    batches: u64,
    last: Option<BatchTimes>,
    recent: VecDeque<(Instant, u64)>,
    ages: VecDeque<BTreeMap<i32, u64>>,
    commits: Commits,
    pace: Pace,
    incidents_ended: Option<u64>,
}

impl Published {
    /// Nothing has been published yet but an empty store.
    #[must_use]
    pub fn new(stream: &str, store: &Store, started_at: UnixMillis) -> Self {
        let progress = Progress {
            phase: Phase::Starting,
            started_at,
            stream: stream.to_owned(),
            cursor: StreamId::ZERO,
            committed: StreamId::ZERO,
            epoch: 0,
            owner: None,
            ledger: crate::state::Meta::new(store.pane_ms()).ledger,
            owns_ledger: false,
            batches: 0,
            last: None,
            recent: VecDeque::new(),
            ages: VecDeque::new(),
            commits: Commits::default(),
            pace: Pace::new(started_at),
            incidents_ended: None,
        };
        Self {
            snapshot: watch::Sender::new(Arc::new(store.snapshot(0, None))),
            progress: Arc::new(Mutex::new(progress)),
            examples: Arc::default(),
        }
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Tells of new snapshots.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// What analytics is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.progress.lock().phase
    }

    /// Progress and the ledger.
    #[must_use]
    pub fn pipeline(&self, now: Instant) -> Pipeline {
        let snapshot = self.snapshot();
        let progress = self.progress.lock();
        let partition = Partition {
            stream: progress.stream.clone(),
            cursor: progress.cursor.to_string(),
            committed: progress.committed.to_string(),
            epoch: progress.epoch,
            owner: progress.owner.clone(),
            ledger: progress.ledger.clone(),
        };
        Pipeline {
            phase: progress.phase,
            totals: partition.ledger.clone(),
            partitions: vec![partition],
            batches: Batches {
                count: progress.batches,
                rows_per_second: rows_per_second(&progress.recent, now),
                last: progress.last,
            },
            commits: progress.commits,
            freshness_ms: freshness(&progress.ages),
            watermark: snapshot.clock.has_started().then_some(UnixMillis(snapshot.clock.watermark_ms)),
            panes: snapshot.panes() as u64,
            antennas: snapshot.retained().count() as u64,
            started_at: progress.started_at,
        }
    }

    /// The ledger, where this process owns the stream and has loaded it. [`Self::pipeline`] has the last one known, or one of
    /// zeros.
    #[must_use]
    pub fn owned_ledger(&self) -> Option<Ledger> {
        let progress = self.progress.lock();
        progress.owns_ledger.then(|| progress.ledger.clone())
    }

    /// The pace of the pipeline over the last minutes.
    #[must_use]
    pub fn pipeline_history(&self, now: UnixMillis) -> PipelineHistory {
        self.progress.lock().pace.history(now)
    }

    /// How many entries were rejected and why, with at most `limit` examples of a reason, or of all.
    #[must_use]
    pub fn rejected(&self, reason: Option<Rejection>, limit: usize) -> RejectedPage {
        let rejected = self.progress.lock().ledger.rejected.clone();
        RejectedPage { rejected, newest: self.examples.lock().newest(reason, limit) }
    }

    /// Incidents that have ended since the stream's beginning, as of the last commit; `None` where nothing is known of it.
    #[must_use]
    pub fn incidents_ended(&self) -> Option<u64> {
        self.progress.lock().incidents_ended
    }

    /// Who owns the stream, where that is known.
    pub(crate) fn set_owner(&self, owner: Option<String>) {
        self.progress.lock().owner = owner;
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.progress.lock().phase = phase;
    }

    /// A term of ownership begins with what was committed; `rejected` are the newest rejected entries, oldest first.
    pub(crate) fn begin(
        &self,
        epoch: u64,
        cursor: StreamId,
        ledger: Ledger,
        snapshot: Snapshot,
        rejected: &[RejectedEntry],
    ) {
        let mut examples = Examples::default();
        examples.extend(rejected);
        *self.examples.lock() = examples;
        {
            let mut progress = self.progress.lock();
            progress.epoch = epoch;
            progress.cursor = cursor;
            progress.committed = cursor;
            progress.ledger = ledger;
            progress.owns_ledger = true;
            progress.incidents_ended = Some(snapshot.incidents.ended());
        }
        self.snapshot.send_replace(Arc::new(snapshot));
    }

    /// The stream was lost: somebody else may own it and keep the ledger.
    pub(crate) fn lose(&self) {
        let mut progress = self.progress.lock();
        progress.phase = Phase::Standby;
        progress.owner = None;
        progress.owns_ledger = false;
    }

    /// Entries of a batch were rejected; oldest first.
    pub(crate) fn add_rejected(&self, entries: &[RejectedEntry]) {
        if !entries.is_empty() {
            self.examples.lock().extend(entries);
        }
    }

    /// A batch was merged; `ages` are those of its readings by bucket, in milliseconds.
    pub(crate) fn merged(
        &self,
        snapshot: Snapshot,
        cursor: StreamId,
        times: BatchTimes,
        ages: BTreeMap<i32, u64>,
        (now, at): (Instant, UnixMillis),
    ) {
        self.snapshot.send_replace(Arc::new(snapshot));
        let mut progress = self.progress.lock();
        progress.cursor = cursor;
        progress.batches += 1;
        progress.pace.merged(at, &times, &ages);
        progress.last = Some(times);
        progress.recent.push_back((now, times.rows));
        while progress.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            progress.recent.pop_front();
        }
        progress.ages.push_back(ages);
        if progress.ages.len() > FRESHNESS_BATCHES {
            progress.ages.pop_front();
        }
    }

    /// The broker told how the stream stands.
    pub(crate) fn balanced(&self, ledger: Ledger, committed: StreamId, at: UnixMillis) {
        let mut progress = self.progress.lock();
        progress.pace.lag_told(at, ledger.lag);
        progress.ledger = ledger;
        progress.committed = committed;
    }

    /// A commit was done, as of which so many incidents have ended.
    pub(crate) fn committed(&self, took: Duration, at: UnixMillis, incidents_ended: u64) {
        let mut progress = self.progress.lock();
        let took_ms = took.as_secs_f64() * 1000.0;
        progress.pace.committed(at, took_ms);
        progress.commits.count += 1;
        progress.commits.last_ms = Some(took_ms);
        progress.commits.last_at = Some(at);
        progress.incidents_ended = Some(incidents_ended);
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows of ten seconds are far below 2^53")]
fn rows_per_second(recent: &VecDeque<(Instant, u64)>, now: Instant) -> f64 {
    let rows: u64 = recent.iter().filter(|(at, _)| now.duration_since(*at) <= RATE_WINDOW).map(|(_, rows)| rows).sum();
    rows as f64 / RATE_WINDOW.as_secs_f64()
}

/// The age of readings from counts by bucket.
pub(crate) fn freshness<'a>(ages: impl IntoIterator<Item = &'a BTreeMap<i32, u64>>) -> Freshness {
    let mut all: BTreeMap<i32, u64> = BTreeMap::new();
    for (&bucket, &count) in ages.into_iter().flatten() {
        *all.entry(bucket).or_default() += count;
    }
    let total = all.values().sum();
    let at = |q| sketch::quantile(all.iter().map(|(&bucket, &count)| (bucket, count)), total, q);
    Freshness { p50: at(0.50), p99: at(0.99) }
}
