//! The whole path: source > decode > aggregate > merge > commit > publish.
//!
//! A *term* is the time for which this process owns the stream. It begins with the lease and the committed state and
//! ends with a last commit, or when another process takes over. Within a term three parts run side by side:
//!
//! - [`read_loop`] reads the next batch while the last one is decoded and merged;
//! - [`Aggregator`] decodes batches, merges them into the store, publishes snapshots and prepares commits, on a thread of
//!   its own;
//! - [`commit_loop`] commits at an interval, renews the lease and balances the ledger.
//!
//! A bounded channel between them is the back-pressure: while the broker or the aggregator is slow, nothing piles up.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use shared::api::{Ledger, Phase};
use shared::time::millis;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::aggregator::{Aggregator, Prepared, Work};
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::decode::RejectedEntry;
use crate::ledger::Accounts;
use crate::log::{Commit, Epoch, Lease, Log, LogError, Reader, Reply, StreamInfo};
use crate::published::Published;
use crate::settings::{PipelineSettings, Thresholds};
use crate::state::{Meta, Restored, StateError};
use crate::store::Store;
use crate::stream_id::StreamId;

/// An owner that says nothing for so long has lost the stream to whoever waits.
const LEASE: Duration = Duration::from_secs(3);

/// The lease is renewed and the ledger balanced this often, where commits are rarer.
const RENEW_INTERVAL: Duration = Duration::from_secs(1);

/// The last commit may take so long before the process ends without it.
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Giving the lease up may take so long.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// A read waits so long for the first entry before it asks anew.
const READ_WAIT: Duration = Duration::from_secs(1);

/// So many full batches behind each other are a backlog, whose end is worth a commit of its own.
const BACKLOG_BATCHES: u32 = 4;

/// So many of the newest rejected entries are read back, to show examples of.
const REJECTED_LOOKED_AT: usize = 1_000;

/// Fields of the state that are read in one go.
const STATE_FIELDS_AT_ONCE: usize = 64;

/// Why the pipeline gave up.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The broker cannot be worked with.
    #[error(transparent)]
    Broker(#[from] LogError),
    /// The committed state cannot be worked with.
    #[error(transparent)]
    State(#[from] StateError),
    /// The aggregator ended before it was told to.
    #[error("the aggregator failed: {0}")]
    Aggregator(String),
}

/// Why a term ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The process is to end.
    Shutdown,
    /// Another process has taken over, or the stream has to be read anew.
    Again,
}

/// What a term needs.
#[derive(Debug, Clone)]
pub struct Pipeline<L> {
    /// The log.
    pub log: L,
    /// The settings.
    pub settings: PipelineSettings,
    /// What is trouble.
    pub thresholds: Thresholds,
    /// Name of this process for the lease; no other process has it.
    pub owner: String,
    /// Where snapshots and progress go.
    pub published: Published,
    /// The wall clock.
    pub clock: Clock,
}

/// An empty store of the settings' panes and retention, that judges by the thresholds.
#[must_use]
pub fn empty_store(settings: &PipelineSettings, thresholds: Thresholds) -> Store {
    Store::new(millis(settings.pane), millis(settings.retention), thresholds)
}

impl<L: Log> Pipeline<L> {
    /// Owns the stream, term after term, until `shutdown`; everything merged is committed then.
    ///
    /// # Errors
    /// [`PipelineError`], where trying again would not help.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        loop {
            let Some(epoch) = self.take_over(&shutdown).await? else { return Ok(()) };
            match self.term(epoch, &shutdown).await? {
                Ended::Shutdown => {
                    self.give_up(epoch).await;
                    return Ok(());
                }
                Ended::Again => self.published.lose(),
            }
        }
    }

    /// Waits for the lease; `None` if the process is to end first.
    async fn take_over(&self, shutdown: &CancellationToken) -> Result<Option<Epoch>, PipelineError> {
        let mut complaint = Complaint::new("taking the stream");
        let mut backoff = retries();
        let mut is_standby = false;
        loop {
            match self.log.acquire(&self.owner, LEASE).await {
                Ok(Lease::Held(epoch)) => {
                    complaint.succeeded(Instant::now());
                    info!(epoch, owner = self.owner, "owns the stream");
                    self.published.set_owner(Some(self.owner.clone()));
                    return Ok(Some(epoch));
                }
                Ok(Lease::Taken(owner)) => {
                    complaint.succeeded(Instant::now());
                    backoff = retries();
                    self.published.set_phase(Phase::Standby);
                    self.published.set_owner(owner.clone());
                    if !is_standby {
                        info!(owner, "another process owns the stream; waiting for its lease to end");
                        is_standby = true;
                    }
                }
                Err(error @ LogError::Unsupported(_)) => return Err(error.into()),
                Err(error) => {
                    self.published.set_phase(Phase::BrokerAway);
                    complaint.failed(&error, Instant::now());
                }
            }
            let pause = if is_standby { LEASE / 6 } else { backoff.next().unwrap_or(RENEW_INTERVAL) };
            if timeout(pause, shutdown.cancelled()).await.is_ok() {
                return Ok(None);
            }
        }
    }

    /// Ends the lease, so that whoever waits need not wait for its time to run out.
    async fn give_up(&self, epoch: Epoch) {
        match timeout(GIVE_UP_TIMEOUT, self.log.release(epoch)).await {
            Ok(Ok(())) => {
                self.published.set_owner(None);
                info!(epoch, "gave the stream up");
            }
            Ok(Err(error)) => warn!("the lease runs out by itself: {error}"),
            Err(_) => warn!("the lease runs out by itself: the broker does not answer"),
        }
    }

    async fn term(&self, epoch: Epoch, shutdown: &CancellationToken) -> Result<Ended, PipelineError> {
        let (store, meta, rejected) = match self.load(epoch, shutdown).await? {
            Ok(loaded) => loaded,
            Err(ended) => return Ok(ended),
        };
        let cursor = meta.cursor.parse().map_err(|error: crate::stream_id::NotAStreamId| StateError::Damaged {
            field: "meta".to_owned(),
            why: error.to_string(),
        })?;
        info!(%cursor, counted = meta.ledger.counted, "begins after the committed cursor");
        let version = self.published.snapshot().version + 1;
        self.published.begin(epoch, cursor, meta.ledger.clone(), store.snapshot(version, meta.as_of), &rejected);
        let accounts = Accounts::new(meta.ledger.trimmed_unread, meta.entries_before, meta.entries_seen, cursor);

        let (work, queue) = mpsc::channel(1);
        let aggregator = Aggregator::new(
            (store, meta, cursor),
            epoch,
            &self.settings,
            accounts,
            self.published.clone(),
            self.clock.clone(),
        );
        let (failed, mut failure) = oneshot::channel();
        let thread = thread::Builder::new().name("aggregator".to_owned()).spawn(move || {
            if let Err(error) = aggregator.run(queue) {
                // Nobody listens once the term has ended.
                let _ended = failed.send(error.to_string());
            }
        });
        let thread = thread.map_err(|error| PipelineError::Aggregator(error.to_string()))?;

        let reading = CancellationToken::new();
        let caught_up = Arc::new(Notify::new());
        let health = Arc::new(Health::new(self.published.clone()));
        let reader = tokio::spawn(read_loop(
            self.log.clone(),
            self.settings.clone(),
            cursor,
            work.clone(),
            Arc::clone(&health),
            Arc::clone(&caught_up),
            reading.clone(),
        ));
        let mut commits =
            Commits { pipeline: self, epoch, accounts, health: &health, caught_up, in_flight: None, balanced: None };
        health.set(|health| health.reading = true);
        let ended = tokio::select! {
            ended = commits.run(&work, shutdown) => ended,
            why = &mut failure => Err(PipelineError::Aggregator(why.unwrap_or_else(|_| "it panicked".to_owned()))),
        };
        reading.cancel();
        // The reader gives up at once; whether it ended well does not matter any more.
        let _ended = reader.await;
        if matches!(ended, Ok(Ended::Shutdown)) {
            self.published.set_phase(Phase::Stopping);
            commits.last(&work).await;
        }
        drop(work);
        // The queue is closed, so the thread ends after what it is doing.
        let _joined = tokio::task::spawn_blocking(move || thread.join()).await;
        ended
    }

    /// Reads the committed state back, unless the term ends first.
    async fn load(
        &self,
        epoch: Epoch,
        shutdown: &CancellationToken,
    ) -> Result<Result<(Store, Meta, Vec<RejectedEntry>), Ended>, PipelineError> {
        let started = Instant::now();
        let mut complaint = Complaint::new("loading the committed state");
        let mut backoff = retries();
        loop {
            match self.try_load(epoch).await {
                Ok((fields, rejected)) => {
                    let store = empty_store(&self.settings, self.thresholds);
                    // Rebuilding frames is work for a thread that does not serve the async runtime.
                    let restored = spawn_thread(move || fields.finish(store)).await;
                    let (store, meta) = restored.map_err(PipelineError::Aggregator)??;
                    info!(duration_ms = started.elapsed().as_millis(), "loaded the committed state");
                    return Ok(Ok((store, meta, rejected)));
                }
                Err(PipelineError::Broker(error @ (LogError::Away(_) | LogError::Refused(_)))) => {
                    self.published.set_phase(Phase::BrokerAway);
                    complaint.failed(&error, Instant::now());
                }
                Err(PipelineError::Broker(LogError::Fenced)) => return Ok(Err(Ended::Again)),
                Err(error) => return Err(error),
            }
            if timeout(backoff.next().unwrap_or(RENEW_INTERVAL), shutdown.cancelled()).await.is_ok() {
                return Ok(Err(Ended::Shutdown));
            }
        }
    }

    async fn try_load(&self, epoch: Epoch) -> Result<(Restored, Vec<RejectedEntry>), PipelineError> {
        let mut restored = Restored::default();
        for names in self.log.state_names().await?.chunks(STATE_FIELDS_AT_ONCE) {
            let fields = self.log.state(names).await?;
            restored = spawn_thread(move || {
                restored.take(&fields)?;
                Ok::<_, StateError>(restored)
            })
            .await
            .map_err(PipelineError::Aggregator)??;
            // A large state takes longer than a lease.
            self.log.renew(epoch, LEASE).await?;
        }
        Ok((restored, self.newest_rejected().await?))
    }

    /// The newest rejected entries, oldest first. They are only shown, so whoever refuses them does not stop the term.
    async fn newest_rejected(&self) -> Result<Vec<RejectedEntry>, LogError> {
        match self.log.newest_rejected(REJECTED_LOOKED_AT).await {
            Ok(mut newest) => {
                newest.reverse();
                Ok(newest)
            }
            Err(LogError::Refused(why)) => {
                warn!("rejected entries of earlier terms are not shown: {why}");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

/// Reads batch after batch and hands them to the aggregator, until cancelled.
async fn read_loop<L: Log>(
    log: L,
    settings: PipelineSettings,
    mut cursor: StreamId,
    work: mpsc::Sender<Work>,
    health: Arc<Health>,
    caught_up: Arc<Notify>,
    cancelled: CancellationToken,
) {
    let max = usize::try_from(settings.batch_max).unwrap_or(usize::MAX);
    let mut complaint = Complaint::new("reading the stream");
    let mut backoff = retries();
    let mut reader = None;
    let mut full_batches = 0;
    loop {
        let started = tokio::time::Instant::now();
        let result = tokio::select! {
            result = read(&log, &mut reader, cursor, max) => result,
            () = cancelled.cancelled() => return,
        };
        let next = match result {
            Ok(reply) => {
                let entries = reply.entries;
                if entries > 0 {
                    cursor = reply.last_id;
                    // A closed channel means that the term has ended.
                    if work.send(Work::Merge(reply)).await.is_err() {
                        return;
                    }
                }
                let is_full = entries >= u64::from(settings.batch_max);
                if is_full {
                    full_batches += 1;
                } else {
                    if full_batches >= BACKLOG_BATCHES {
                        caught_up.notify_one();
                    }
                    full_batches = 0;
                }
                health.set(|health| health.reading = true);
                complaint.succeeded(Instant::now());
                backoff = retries();
                // A batch that was not full gives the next one time to fill.
                if entries > 0 && !is_full { started + settings.batch_wait } else { started }
            }
            Err(error) => {
                reader = None;
                health.set(|health| health.reading = false);
                complaint.failed(&error, Instant::now());
                tokio::time::Instant::now() + backoff.next().unwrap_or(RENEW_INTERVAL)
            }
        };
        tokio::select! {
            () = sleep_until(next) => {}
            () = cancelled.cancelled() => return,
        }
    }
}

/// One read, over a connection made anew where there is none.
async fn read<L: Log>(
    log: &L,
    reader: &mut Option<L::Reader>,
    cursor: StreamId,
    max: usize,
) -> Result<Reply, LogError> {
    let connected = match reader.take() {
        Some(connected) => connected,
        None => log.reader().await?,
    };
    reader.insert(connected).read(cursor, max, READ_WAIT).await
}

/// Commits of one term.
struct Commits<'a, L> {
    pipeline: &'a Pipeline<L>,
    epoch: Epoch,
    accounts: Accounts,
    health: &'a Health,
    /// The end of a backlog is committed at once: whoever waits for it need not wait for the interval too.
    caught_up: Arc<Notify>,
    /// A commit whose outcome is not known yet. It is tried again as it is until the log takes it, so that nothing in
    /// it happens twice; what was merged since waits for the next one.
    in_flight: Option<Prepared>,
    /// The ledger and the cursor as of the last commit.
    balanced: Option<(Ledger, StreamId)>,
}

impl<L: Log> Commits<'_, L> {
    /// Commits, renews and balances at an interval, until the process is to end or the stream is lost.
    async fn run(&mut self, work: &mpsc::Sender<Work>, shutdown: &CancellationToken) -> Result<Ended, PipelineError> {
        let mut complaint = Complaint::new("committing");
        let (period, ticks_a_commit) = ticks_of(self.pipeline.settings.commit_interval);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0;
        loop {
            let is_due = tokio::select! {
                () = shutdown.cancelled() => return Ok(Ended::Shutdown),
                () = self.caught_up.notified() => true,
                _ = ticks.tick() => {
                    tick += 1;
                    (tick - 1) % ticks_a_commit == 0
                }
            };
            if is_due {
                self.prepare(work).await?;
            }
            match self.step().await {
                Ok(()) => {
                    self.health.set(|health| health.committing = true);
                    complaint.succeeded(Instant::now());
                }
                Err(LogError::Fenced) => {
                    warn!(epoch = self.epoch, "another process has taken the stream over; dropping what is in memory");
                    return Ok(Ended::Again);
                }
                Err(error @ LogError::Unsupported(_)) => return Err(error.into()),
                Err(error) => {
                    self.health.set(|health| health.committing = false);
                    complaint.failed(&error, Instant::now());
                }
            }
        }
    }

    /// Commits everything merged, and does not take long.
    async fn last(&mut self, work: &mpsc::Sender<Work>) {
        let last = async {
            self.step_in_flight().await?;
            if self.prepare(work).await.is_err() {
                return Ok(());
            }
            self.step().await
        };
        match timeout(LAST_COMMIT_TIMEOUT, last).await {
            Ok(Ok(())) => info!("committed for the last time"),
            Ok(Err(error)) => error!("the last commit failed, its entries will be read again: {error}"),
            Err(_) => error!("the last commit took too long, its entries will be read again"),
        }
    }

    /// Has the aggregator prepare a commit, unless one is still on its way.
    async fn prepare(&mut self, work: &mpsc::Sender<Work>) -> Result<(), PipelineError> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let gone = || PipelineError::Aggregator("it is gone".to_owned());
        let (reply, prepared) = oneshot::channel();
        work.send(Work::Prepare(self.accounts, reply)).await.map_err(|_| gone())?;
        let prepared = prepared.await.map_err(|_| gone())?;
        if prepared.commit.is_some() {
            self.in_flight = Some(prepared);
        } else {
            self.balanced = Some((prepared.ledger, prepared.cursor));
        }
        Ok(())
    }

    /// Commits what is in flight, or renews the lease where nothing is; then balances the ledger.
    async fn step(&mut self) -> Result<(), LogError> {
        if self.in_flight.is_some() {
            return self.step_in_flight().await;
        }
        let info = self.pipeline.log.renew(self.epoch, LEASE).await?;
        self.balance(info);
        Ok(())
    }

    async fn step_in_flight(&mut self) -> Result<(), LogError> {
        let Some(Prepared { commit: Some(commit), ledger, cursor, incidents_ended }) = &self.in_flight else {
            return Ok(());
        };
        let started = Instant::now();
        let info = self.pipeline.log.commit(commit, LEASE).await?;
        self.pipeline.published.committed(started.elapsed(), self.pipeline.clock.now(), *incidents_ended);
        log_commit(commit, started.elapsed());
        self.balanced = Some((ledger.clone(), *cursor));
        self.in_flight = None;
        self.balance(info);
        Ok(())
    }

    fn balance(&mut self, info: StreamInfo) {
        let Some((ledger, cursor)) = &self.balanced else { return };
        let mut ledger = ledger.clone();
        self.accounts.balance(&mut ledger, *cursor, info);
        self.pipeline.published.balanced(ledger, *cursor, self.pipeline.clock.now());
    }
}

/// How often the commit loop wakes up, and at which of these it commits; the lease is renewed at the others.
fn ticks_of(commit_interval: Duration) -> (Duration, u32) {
    let ticks_a_commit = commit_interval.as_nanos().div_ceil(RENEW_INTERVAL.as_nanos()).max(1);
    let ticks_a_commit = u32::try_from(ticks_a_commit).unwrap_or(u32::MAX);
    (commit_interval / ticks_a_commit, ticks_a_commit)
}

fn log_commit(commit: &Commit, took: Duration) {
    tracing::debug!(
        number = commit.number,
        cursor = %commit.cursor,
        fields = commit.fields.len(),
        bytes = commit.fields.iter().map(|(_, value)| value.len()).sum::<usize>(),
        rejected = commit.rejected.len(),
        duration_ms = took.as_millis(),
        "committed"
    );
}

/// Which of the two ways to the broker work; ready means both.
#[derive(Debug)]
struct Health {
    published: Published,
    ways: parking_lot::Mutex<Ways>,
}

#[derive(Debug, Clone, Copy)]
struct Ways {
    reading: bool,
    committing: bool,
}

impl Health {
    fn new(published: Published) -> Self {
        Self { published, ways: parking_lot::Mutex::new(Ways { reading: false, committing: true }) }
    }

    fn set(&self, change: impl FnOnce(&mut Ways)) {
        let ways = {
            let mut ways = self.ways.lock();
            change(&mut ways);
            *ways
        };
        self.published.set_phase(if ways.reading && ways.committing { Phase::Running } else { Phase::BrokerAway });
    }
}

/// Waits between tries: doubling from 50 ms to 2 s, with jitter, for ever.
fn retries() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Runs work that uses Polars on a thread of its own.
async fn spawn_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (reply, result) = oneshot::channel();
    thread::Builder::new()
        .name("loader".to_owned())
        .spawn(move || {
            // Nobody waits for the result once the process is to end.
            let _gone = reply.send(work());
        })
        .map_err(|error| error.to_string())?;
    result.await.map_err(|_| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every commit interval ends at a tick, and the lease is renewed in time between them.
    #[test]
    fn commits_are_as_far_apart_as_they_are_set() {
        for millis in [1, 100, 999, 1_000, 1_001, 1_500, 2_000, 10_000, 86_400_000] {
            let commit_interval = Duration::from_millis(millis);
            let (period, ticks_a_commit) = ticks_of(commit_interval);
            let error = commit_interval.saturating_sub(period * ticks_a_commit);
            assert!(error < Duration::from_millis(1), "{commit_interval:?} is {ticks_a_commit} times {period:?}");
            assert!(period <= RENEW_INTERVAL && period > Duration::ZERO);
        }
    }
}
