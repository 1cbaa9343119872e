//! What pipelines show to the HTTP side: the snapshot and the progress of each, behind one cheap handle, and all of them together
//! behind another.

mod demand;
mod examples;
mod pace;
mod partitions;
mod settled;
mod told;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use shared::api::{BatchTimes, ClockOffset, Commits, Ledger, Phase, Pipeline, PipelineHistory, RejectedPage};
use shared::{Rejection, UnixMillis};
use tokio::sync::watch;

pub use self::demand::Demand;
use self::examples::Examples;
use self::pace::{Ages, Pace, Steps};
pub use self::partitions::Partitions;
pub use self::settled::Settled;
pub use self::told::ToldProgress;
use crate::figures::{CommitFigures, Loaded, Outcome};
use crate::ingest::decode::RejectedEntry;
use crate::ingest::log::{Epoch, Fence, LogError};
use crate::ingest::stream_id::StreamId;
use crate::state::Meta;
use crate::store::{Snapshot, Store};

/// Rates are taken over this time.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// What is said of a stream that takes no more entries.
pub(crate) const EXHAUSTED: &str = "the stream's last id is the largest there is, so nothing can be appended any more; \
     docs/operations.md (VigiaStreamExhausted) says how to take that entry out";

/// What the pipeline of a partition has published. Clones share it.
#[derive(Debug, Clone)]
pub struct Published {
    snapshot: watch::Sender<Arc<Snapshot>>,
    /// What is shown where nothing is known.
    nothing: Arc<Snapshot>,
    progress: Arc<Mutex<Progress>>,
    examples: Arc<Mutex<Examples>>,
    /// The term in which this process owns the partition.
    term: watch::Sender<Option<Fence>>,
}

#[derive(Debug)]
struct Progress {
    phase: Phase,
    started_at: UnixMillis,
    stream: String,
    cursor: StreamId,
    committed: StreamId,
    epoch: Epoch,
    owner: Option<String>,
    /// How often there was another owner.
    moves: u64,
    /// The owner before nobody was known.
    last_owner: Option<String>,
    ledger: Ledger,
    /// From whom it is known what the partition holds.
    known: Known,
    /// Whether anything was known of it since the process began.
    was_known: bool,
    batches: u64,
    /// The last batch, and when it was merged.
    last: Option<(Instant, BatchTimes)>,
    recent: VecDeque<Merged>,
    ages: Ages,
    commits: Commits,
    pace: Pace,
    /// The rate of the owner, where that is another process.
    rate_told: Option<f64>,
    /// The pace of the owner, where that is another process.
    pace_told: Option<Steps>,
    incidents_ended: Option<u64>,
    is_evicting: Option<bool>,
    is_exhausted: bool,
    clock: Option<ClockOffset>,
    /// The moment, by the broker's clock, at which silence is judged while nobody reads the stream; of partitions that others own.
    held_at: Option<UnixMillis>,
    /// When the clocks were last compared, by this process's own: the broker's last sign of life.
    compared_at: Option<UnixMillis>,
    /// What the broker said, or failed with, when it last failed.
    reason: Option<String>,
    ids_ahead: u64,
    /// Where final hours go, as it was set.
    archive: Option<String>,
    /// Why the last file could not be written.
    archive_reason: Option<String>,
    /// Since the start.
    compactions_failed: u64,
    /// Incidents that ended in partitions of before.
    incidents_before: u64,
    settled: settled::Progress,
}

/// From whom a process knows what a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Not at all: nobody could be asked.
    Missing,
    /// It owns the partition and has loaded it, so nobody else changes it.
    Owned,
    /// It owned the partition, and nobody has told anything newer.
    Lost,
    /// From the owner, or from what was committed.
    Followed,
}

/// A batch that counts towards the rate.
#[derive(Debug, Clone, Copy)]
struct Merged {
    at: Instant,
    rows: u64,
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
            moves: 0,
            last_owner: None,
            ledger: Meta::new(store.pane_ms()).ledger,
            known: Known::Missing,
            was_known: false,
            rate_told: None,
            pace_told: None,
            batches: 0,
            last: None,
            recent: VecDeque::new(),
            ages: Ages::default(),
            commits: Commits::default(),
            pace: Pace::new(started_at),
            incidents_ended: None,
            is_evicting: None,
            is_exhausted: false,
            clock: None,
            held_at: None,
            compared_at: None,
            reason: None,
            ids_ahead: 0,
            archive: None,
            archive_reason: None,
            compactions_failed: 0,
            incidents_before: 0,
            settled: settled::Progress::default(),
        };
        let nothing = Arc::new(store.snapshot(0, None));
        Self {
            snapshot: watch::Sender::new(Arc::clone(&nothing)),
            nothing,
            progress: Arc::new(Mutex::new(progress)),
            examples: Arc::default(),
            term: watch::Sender::new(None),
        }
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// The newest snapshot, and whether anything is known of the partition.
    #[must_use]
    pub fn seen(&self) -> (Arc<Snapshot>, bool) {
        let progress = self.progress.lock();
        (self.snapshot(), progress.known != Known::Missing)
    }

    /// Tells of new snapshots.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// The stream's name.
    #[must_use]
    pub fn stream(&self) -> String {
        self.progress.lock().stream.clone()
    }

    /// What analytics is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.progress.lock().phase
    }

    /// Progress and the ledger.
    #[must_use]
    pub fn pipeline(&self, now: Instant) -> Pipeline {
        Partitions::from(self.clone()).pipeline(now)
    }

    /// The broker's clock at a moment of this process's own; the same as long as the two have not been compared.
    #[must_use]
    pub fn by_broker(&self, own: UnixMillis) -> UnixMillis {
        let offset_ms = self.progress.lock().clock.map_or(0, |clock| clock.offset_ms);
        UnixMillis(own.0.saturating_add(offset_ms))
    }

    /// The moment by which antennas are judged silent, by the broker's clock. While the broker is away no reading can arrive,
    /// which is no antenna's fault, so the moment stays at the broker's last sign of life.
    #[must_use]
    pub fn judged_at(&self, own: UnixMillis) -> UnixMillis {
        let (phase, compared_at, held_at) = {
            let progress = self.progress.lock();
            (progress.phase, progress.compared_at, progress.held_at)
        };
        let seen = compared_at.filter(|_| phase == Phase::BrokerAway).unwrap_or(own);
        let judged = self.by_broker(own.min(seen));
        held_at.map_or(judged, |held_at| judged.min(held_at))
    }

    /// The two clocks were compared at a moment of this process's own.
    pub(crate) fn set_clock_offset(&self, offset: ClockOffset, at: UnixMillis) {
        let mut progress = self.progress.lock();
        progress.clock = Some(offset);
        progress.compared_at = Some(at);
    }

    /// The clocks were compared by who does not read the stream itself.
    pub(crate) fn set_clock(&self, offset: ClockOffset) {
        self.progress.lock().clock = Some(offset);
    }

    /// The broker failed, and why: shown while it is away.
    pub(crate) fn broker_failed(&self, error: &LogError) {
        self.progress.lock().reason = Some(error.to_string());
    }

    /// The ledger, if this process owns the stream and has loaded it, or is told it by who does. [`Self::pipeline`] has the last one
    /// known, or one of zeros.
    #[must_use]
    pub fn known_ledger(&self) -> Option<Ledger> {
        let progress = self.progress.lock();
        matches!(progress.known, Known::Owned | Known::Followed).then(|| progress.ledger.clone())
    }

    /// The pace of the pipeline over the last minutes.
    #[must_use]
    pub fn pipeline_history(&self, now: UnixMillis) -> PipelineHistory {
        Partitions::from(self.clone()).pipeline_history(now)
    }

    /// How many entries were rejected and why, with at most `limit` examples of a reason, or of all.
    #[must_use]
    pub fn rejected(&self, reason: Option<Rejection>, limit: usize) -> RejectedPage {
        let rejected = self.progress.lock().ledger.rejected.clone();
        RejectedPage { rejected, newest: self.examples.lock().newest(reason, limit) }
    }

    /// Incidents that have ended since the stream's beginning, as of the last commit; `None` before the first is known.
    #[must_use]
    pub fn incidents_ended(&self) -> Option<u64> {
        self.progress.lock().incidents_ended
    }

    /// Whether the broker removes keys when its memory is full, as of the last look at it.
    #[must_use]
    pub fn is_evicting(&self) -> Option<bool> {
        self.progress.lock().is_evicting
    }

    /// Where final hours go, as it was set.
    pub fn set_archive(&self, url: &str) {
        self.progress.lock().archive = Some(url.to_owned());
    }

    /// A file could not be written, and why.
    pub(crate) fn archive_failed(&self, why: String) {
        self.progress.lock().archive_reason = Some(why);
    }

    /// Files are written.
    pub(crate) fn archive_works(&self) {
        self.progress.lock().archive_reason = None;
    }

    /// A day could not be compacted.
    pub(crate) fn compaction_failed(&self) {
        self.progress.lock().compactions_failed += 1;
    }

    pub(crate) fn set_evicting(&self, is_evicting: Option<bool>) {
        self.progress.lock().is_evicting = is_evicting;
    }

    /// Sets whether the stream takes no more entries; tells whether that is news.
    pub(crate) fn set_exhausted(&self, is_exhausted: bool) -> bool {
        std::mem::replace(&mut self.progress.lock().is_exhausted, is_exhausted) != is_exhausted
    }

    /// Sets who owns the stream, if that is known.
    pub(crate) fn set_owner(&self, owner: Option<String>) {
        self.progress.lock().set_owner(owner);
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.progress.lock().phase = phase;
    }

    /// Another process owns the stream; who, where that is known. If it tells what it does, that is what is known.
    pub(crate) fn stand_by(&self, owner: Option<String>) {
        let mut progress = self.progress.lock();
        if progress.known != Known::Followed {
            progress.phase = Phase::Standby;
            progress.set_owner(owner);
        }
    }

    /// A term of ownership begins with what was committed.
    pub(crate) fn begin(&self, fence: &Fence, loaded: &Loaded) {
        let snapshot = Arc::new(loaded.store.snapshot(self.snapshot().version + 1, loaded.meta.as_of));
        let mut examples = Examples::default();
        examples.extend(&loaded.rejected);
        *self.examples.lock() = examples;
        {
            let mut progress = self.progress.lock();
            progress.incidents_before = loaded.meta.incidents_before;
            progress.incidents_ended = Some(loaded.meta.incidents_before + snapshot.incidents.ended());
            progress.settled.begin(Arc::clone(&snapshot), loaded.cursor);
            // Whoever sees that it is known sees this snapshot.
            self.snapshot.send_replace(snapshot);
            progress.held_at = None;
            progress.epoch = fence.epoch;
            progress.cursor = loaded.cursor;
            progress.committed = loaded.cursor;
            progress.ledger = loaded.meta.ledger.clone();
            (progress.known, progress.was_known) = (Known::Owned, true);
            progress.rate_told = None;
            progress.pace_told = None;
        }
        self.term.send_replace(Some(fence.clone()));
    }

    /// The stream was lost: another process may own it and keep the ledger. Where processes share the partitions, the new owner tells
    /// soon what it has, and until then what was counted here is still true.
    pub(crate) fn lose(&self, is_shared: bool) {
        self.term.send_replace(None);
        let mut progress = self.progress.lock();
        if !is_shared {
            progress.phase = Phase::Standby;
        }
        progress.known = match progress.known {
            Known::Owned if is_shared => Known::Lost,
            Known::Owned => Known::Missing,
            other => other,
        };
        progress.owner = None;
        progress.archive_reason = None;
    }

    /// Entries of a batch were rejected; oldest first.
    pub(crate) fn add_rejected(&self, entries: &[RejectedEntry]) {
        if !entries.is_empty() {
            self.examples.lock().extend(entries);
        }
    }

    /// Panes have left memory for files.
    pub(crate) fn archived(&self, snapshot: Snapshot) {
        self.snapshot.send_replace(Arc::new(snapshot));
    }

    /// A batch was merged.
    pub(crate) fn merged(&self, batch: Outcome) {
        self.snapshot.send_replace(Arc::new(batch.snapshot));
        let mut progress = self.progress.lock();
        progress.cursor = batch.cursor;
        progress.batches += 1;
        progress.ids_ahead += batch.ids_ahead;
        progress.pace.merged(batch.merged_at, &batch.times, &batch.ages);
        progress.last = Some((batch.merged, batch.times));
        progress.recent.push_back(Merged { at: batch.merged, rows: batch.times.rows });
        while progress.recent.pop_front_if(|it| batch.merged.duration_since(it.at) > RATE_WINDOW).is_some() {}
        progress.ages.merged(batch.ages);
    }

    /// The ledger was completed by what the broker reports, which has nothing behind what is committed or has.
    pub(crate) fn balanced(&self, ledger: Ledger, committed: StreamId, is_caught_up: bool, at: UnixMillis) {
        let at_broker = self.by_broker(at);
        let mut progress = self.progress.lock();
        progress.settled.heard(committed, is_caught_up, at_broker);
        progress.pace.lag_told(at, ledger.lag);
        progress.ledger = ledger;
        progress.committed = committed;
    }

    /// A commit was done.
    pub(crate) fn committed(&self, commit: &CommitFigures, took: Duration, at: UnixMillis) {
        let mut progress = self.progress.lock();
        let took_ms = took.as_secs_f64() * 1000.0;
        progress.pace.committed(at, took_ms);
        progress.commits.count += 1;
        progress.commits.last_ms = Some(took_ms);
        progress.commits.last_at = Some(at);
        progress.incidents_ended = Some(commit.incidents_ended);
        progress.settled.settle(Arc::clone(&commit.snapshot));
    }
}

impl Progress {
    fn set_owner(&mut self, owner: Option<String>) {
        if owner.is_some() && self.last_owner != owner {
            self.moves += u64::from(self.last_owner.is_some());
            self.last_owner.clone_from(&owner);
        }
        self.owner = owner;
    }

    #[expect(clippy::cast_precision_loss, reason = "rows of ten seconds are far below 2^53")]
    fn rows_per_second(&self, now: Instant) -> f64 {
        if let Some(told) = self.rate_told {
            return told;
        }
        let recent = self.recent.iter().filter(|batch| now.duration_since(batch.at) <= RATE_WINDOW);
        recent.map(|batch| batch.rows).sum::<u64>() as f64 / RATE_WINDOW.as_secs_f64()
    }

    fn pace_history(&self, now: UnixMillis) -> Steps {
        self.pace_told.clone().unwrap_or_else(|| self.pace.history(now))
    }
}
