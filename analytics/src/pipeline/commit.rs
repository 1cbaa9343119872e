//! Commits at an interval, renews the lease and balances the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::api::ClockOffset;
use shared::time::millis;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::aggregator::{Prepared, Work};
use super::health::Health;
use super::ledger::{Accounts, Seen};
use super::retry::{Lines, Retry};
use super::{Ended, LEASE, Pipeline, PipelineError, RENEW_INTERVAL};
use crate::figures::{CommitFigures, clock_offset};
use crate::ingest::log::{Commit, Fence, GroupStep, Log, LogError, StreamInfo};
use crate::ingest::stream_id::StreamId;
use crate::published::EXHAUSTED;

/// The last commit may take this long before the process ends without it.
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(3);

/// The broker's clock may be off by so much before that is told.
const TOLERATED_OFFSET_MS: i64 = 1_000;

/// The commit loop of a term.
#[derive(Debug)]
pub(super) struct CommitLoop<'a, L> {
    committer: Committer<'a, L>,
    work: mpsc::Sender<Work>,
    health: Arc<Health>,
    /// The end of a backlog is committed at once, so that lag 0 is reported without waiting for the interval.
    caught_up: Arc<Notify>,
    lines: Lines,
}

impl<'a, L: Log> CommitLoop<'a, L> {
    /// A loop that has yet to commit for the first time in its term.
    pub(super) fn new(
        committer: Committer<'a, L>,
        work: mpsc::Sender<Work>,
        health: Arc<Health>,
        caught_up: Arc<Notify>,
        lines: Lines,
    ) -> Self {
        Self { committer, work, health, caught_up, lines }
    }

    /// Commits, renews and balances at an interval, until the process is to end or the stream is lost.
    pub(super) async fn run(&mut self, shutdown: &CancellationToken) -> Result<Ended, PipelineError> {
        let mut retry = Retry::new("committing", self.lines.clone());
        let rhythm = Rhythm::of(self.committer.pipeline.settings.commit_interval);
        let mut ticks = interval(rhythm.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0;
        loop {
            let is_due = tokio::select! {
                () = shutdown.cancelled() => return Ok(Ended::Shutdown),
                () = self.caught_up.notified() => true,
                _ = ticks.tick() => {
                    tick += 1;
                    (tick - 1) % rhythm.ticks_per_commit == 0
                }
            };
            if is_due {
                self.prepare().await?;
            }
            match self.step().await {
                Ok(()) => {
                    self.health.set_committing(true);
                    retry.succeeded();
                    if let Some(why) = self.committer.is_made_anew() {
                        return Ok(Ended::Back(why));
                    }
                }
                Err(LogError::Fenced) => return Ok(Ended::Fenced),
                Err(LogError::Back(why)) => return Ok(Ended::Back(why)),
                Err(error @ LogError::Unsupported(_)) => return Err(error.into()),
                Err(error) => {
                    self.committer.pipeline.published.broker_failed(&error);
                    self.health.set_committing(false);
                    // The next tick tries again, so the wait is not needed.
                    retry.failed(&error);
                }
            }
        }
    }

    /// A step of the committer. One that takes longer than the lease is as good as none: anybody may have taken the stream.
    async fn step(&mut self) -> Result<(), LogError> {
        let step = self.committer.step();
        tokio::pin!(step);
        match timeout(LEASE, &mut step).await {
            Ok(done) => done,
            Err(_) => {
                self.health.set_committing(false);
                step.await
            }
        }
    }

    /// Commits everything merged, or gives up after a while.
    pub(super) async fn last(&mut self) {
        let last = async {
            self.committer.step_in_flight().await?;
            if self.prepare().await.is_err() {
                return Ok(());
            }
            self.committer.step().await
        };
        match timeout(LAST_COMMIT_TIMEOUT, last).await {
            Ok(Ok(())) => info!("committed for the last time"),
            Ok(Err(error)) => error!("the last commit failed, its entries will be read again: {error}"),
            Err(_) => error!("the last commit took too long, its entries will be read again"),
        }
    }

    /// The term is over: what the broker told last, and the fence as it is now.
    pub(super) fn end(self) -> (Fence, Option<Seen>) {
        (self.committer.fence, self.committer.seen)
    }

    /// Has the aggregator prepare a commit, unless one is still in flight.
    async fn prepare(&mut self) -> Result<(), PipelineError> {
        if !self.committer.is_idle() {
            return Ok(());
        }
        let gone = || PipelineError::Aggregator("it is gone".to_owned());
        let (reply, prepared) = oneshot::channel();
        self.work.send(Work::Prepare(self.committer.accounts, reply)).await.map_err(|_| gone())?;
        self.committer.take(prepared.await.map_err(|_| gone())?);
        Ok(())
    }
}

/// What commits, renews and balances, one step at a time.
#[derive(Debug)]
pub(super) struct Committer<'a, L> {
    pipeline: &'a Pipeline<L>,
    /// With the last commit that is known to be done.
    fence: Fence,
    accounts: Accounts,
    /// A commit whose outcome is not known yet. It is tried again unchanged until the log takes it, so that nothing in
    /// it happens twice; what has been merged since waits for the next one.
    in_flight: Option<Prepared>,
    /// The figures as of the last commit.
    committed: Option<CommitFigures>,
    seen: Option<Seen>,
    /// Whether the broker's clock was far from ours when they were last compared.
    is_skewed: bool,
    /// Whether a commit has left it to the next term to settle which stream this is.
    has_left_group: bool,
}

impl<'a, L: Log> Committer<'a, L> {
    /// A committer of a term that has just begun.
    pub(super) const fn new(pipeline: &'a Pipeline<L>, fence: Fence, accounts: Accounts) -> Self {
        Self {
            pipeline,
            fence,
            accounts,
            in_flight: None,
            committed: None,
            seen: None,
            is_skewed: false,
            has_left_group: false,
        }
    }

    /// What a commit is to be prepared with.
    pub(super) const fn accounts(&self) -> Accounts {
        self.accounts
    }

    /// Whether a commit may be prepared.
    pub(super) const fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// Takes a commit that was prepared while this was idle.
    pub(super) fn take(&mut self, prepared: Prepared) {
        if prepared.commit.is_some() {
            self.in_flight = Some(prepared);
        } else {
            self.committed = Some(prepared.figures);
        }
    }

    /// What the broker told last.
    pub(super) const fn seen(&self) -> Option<Seen> {
        self.seen
    }

    /// Why the term has to end although nobody has taken the stream: everything merged is committed, and the cursor is in doubt.
    pub(super) fn is_made_anew(&self) -> Option<String> {
        self.has_left_group.then(|| "the stream or its consumer group was deleted".to_owned())
    }

    /// Commits what is in flight, or renews the lease if nothing is; then balances the ledger.
    pub(super) async fn step(&mut self) -> Result<(), LogError> {
        if self.in_flight.is_some() {
            return self.step_in_flight().await;
        }
        let started = Instant::now();
        let info = self.pipeline.log.renew(&self.fence, LEASE).await?;
        self.compare_clocks(info, started.elapsed());
        self.balance(info)
    }

    async fn step_in_flight(&mut self) -> Result<(), LogError> {
        let Some(Prepared { commit: Some(commit), .. }) = &self.in_flight else { return Ok(()) };
        let started = Instant::now();
        let info = self.pipeline.log.commit(commit, LEASE).await?;
        let took = started.elapsed();
        log_commit(commit, took);
        self.has_left_group |= commit.group == GroupStep::Leave;
        self.fence.commit = Some(commit.name());
        self.compare_clocks(info, took);
        self.committed = self.in_flight.take().map(|prepared| prepared.figures);
        if let Some(figures) = &self.committed {
            self.pipeline.published.committed(figures, took, self.pipeline.clock.now());
        }
        self.balance(info)
    }

    /// Takes note of how far the broker's clock is from ours.
    fn compare_clocks(&mut self, info: StreamInfo, round_trip: Duration) {
        let Some(broker) = info.broker_time else { return };
        let now = self.pipeline.clock.now();
        let offset = clock_offset(broker, now, round_trip);
        self.pipeline.published.set_clock_offset(offset, now);
        let is_skewed = offset.offset_ms.abs() > TOLERATED_OFFSET_MS + millis(round_trip) / 2;
        if is_skewed && !self.is_skewed {
            let ClockOffset { offset_ms, error_ms } = offset;
            warn!(offset_ms, error_ms, "the broker's clock and this one differ; ages and arrivals go by the broker's");
        }
        self.is_skewed = is_skewed;
    }

    fn balance(&mut self, info: StreamInfo) -> Result<(), LogError> {
        let Some(CommitFigures { ledger, cursor, .. }) = &self.committed else { return Ok(()) };
        if let Some(seen) = self.seen.filter(|seen| info.has_group && info.last_id < seen.last_id) {
            return Err(LogError::Back(format!("the stream ends at {}, before {}", info.last_id, seen.last_id)));
        }
        let mut ledger = ledger.clone();
        self.accounts.balance(&mut ledger, *cursor, info);
        self.seen =
            ledger.entries_added.map(|entries| Seen { epoch: self.fence.epoch, entries, last_id: info.last_id });
        self.pipeline.published.set_evicting(info.is_evicting);
        if self.pipeline.published.set_exhausted(info.last_id == StreamId::MAX) {
            match info.last_id {
                StreamId::MAX => error!("{EXHAUSTED}"),
                last_id => info!(%last_id, "entries can be appended to the stream again"),
            }
        }
        self.pipeline.published.balanced(ledger, *cursor, info.last_id <= *cursor, self.pipeline.clock.now());
        Ok(())
    }
}

/// When the commit loop acts: it renews the lease at each tick, and every so many ticks it commits instead.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    tick: Duration,
    ticks_per_commit: u32,
}

impl Rhythm {
    fn of(commit_interval: Duration) -> Self {
        let ticks = commit_interval.as_nanos().div_ceil(RENEW_INTERVAL.as_nanos()).max(1);
        let ticks_per_commit = u32::try_from(ticks).unwrap_or(u32::MAX);
        Self { tick: commit_interval / ticks_per_commit, ticks_per_commit }
    }
}

fn log_commit(commit: &Commit, took: Duration) {
    debug!(
        number = commit.number,
        cursor = %commit.cursor,
        fields = commit.fields.len(),
        bytes = commit.fields.iter().map(|(_, value)| value.len()).sum::<usize>(),
        rejected = commit.rejected.len(),
        duration_ms = took.as_millis(),
        "committed"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every commit interval ends at a tick, and the lease is renewed in time between them.
    #[test]
    fn commits_are_as_far_apart_as_they_are_set() {
        for millis in [1, 100, 999, 1_000, 1_001, 1_500, 2_000, 10_000, 86_400_000] {
            let commit_interval = Duration::from_millis(millis);
            let Rhythm { tick: period, ticks_per_commit } = Rhythm::of(commit_interval);
            let error = commit_interval.saturating_sub(period * ticks_per_commit);
            assert!(error < Duration::from_millis(1), "{commit_interval:?} is {ticks_per_commit} times {period:?}");
            assert!(period <= RENEW_INTERVAL && period > Duration::ZERO);
        }
    }
}
