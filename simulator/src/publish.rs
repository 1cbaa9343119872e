//! Hands readings to a [`Sink`], batch by batch, until it takes them.
//!
//! [`Queue`] holds the waiting readings and is bounded: if the sink is away for long, the oldest of them are dropped,
//! and counted. [`Delivery`] offers a batch until it is taken, backing off between attempts; the batch stays the same,
//! including each `seq`, so that one that had arrived after all is recognised. [`publish`] connects the two.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use indicatif::ProgressBar;
use shared::Reading;
use shared::throttle::Throttle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The most readings in a batch: enough to hide the round trip, few enough for the broker to take within milliseconds.
pub const BATCH_MAX: usize = 2_000;
/// The most readings that wait, besides the batch being sent: days of one antenna, half a minute of 10,000 readings a
/// second.
pub const QUEUE_MAX: usize = 250_000;
/// The most that wait for a partition, however many partitions share the former.
pub const QUEUE_MIN: usize = 5 * BATCH_MAX;
/// How long remaining readings may still be offered after a stop is requested; Kubernetes kills after 30 s.
pub const GRACE: Duration = Duration::from_secs(5);

const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// With jitter, which may double the delay, the broker is tried again within 10 s.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Where readings go: Redis, or the log of a program that embeds the simulator.
pub trait Sink: Send {
    /// Appends the readings of a batch in order, either all of them or none.
    ///
    /// After an error the same batch is sent again before any other, because it may have arrived all the same. It must
    /// not count twice in that case: readings with a `seq` are recognised by whoever counts them; for those without
    /// one, the sink has to make sure.
    ///
    /// # Errors
    /// Why the batch is not known to have arrived.
    fn send(&mut self, batch: &[Reading]) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Where batches go, for the log, if that can change.
    fn address(&self) -> Option<String> {
        None
    }
}

impl<S: Sink> Sink for &mut S {
    fn send(&mut self, batch: &[Reading]) -> impl Future<Output = Result<(), SendError>> + Send {
        (**self).send(batch)
    }

    fn address(&self) -> Option<String> {
        (**self).address()
    }
}

/// Why a batch is not known to have arrived. Neither reason is final: the broker may come back, or be reconfigured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There was no answer: whether the batch arrived is unknown.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The broker refused, in its own words (OOM, NOAUTH, NOPERM, WRONGTYPE, ...): nothing of the batch was appended.
    #[error("refused: {0}")]
    Refused(String),
    /// The broker takes nothing for now, in its own words (LOADING, READONLY, CLUSTERDOWN, NOREPLICAS, ...): nothing of the
    /// batch was appended.
    #[error("not now: {0}")]
    NotNow(String),
    /// The batch was appended, and too few replicas have it: a failover may lose it.
    #[error("too few replicas have the batch: {replicas} of {needed}")]
    Unconfirmed {
        /// So many have it.
        replicas: u64,
        /// So many have to have it.
        needed: u16,
    },
}

/// What became of the readings: `taken = published + dropped`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Readings that the sink took.
    pub published: u64,
    /// Readings given up: those that did not fit the queue, and those left over when the program had to stop. The first
    /// batch of the latter may have arrived all the same.
    pub dropped: u64,
    /// Readings not taken at all because this machine was too slow for them.
    pub skipped: u64,
}

/// Publishes what comes through the queue until it is closed and empty, or the time to stop runs out.
/// Returns how many readings the sink took.
pub(crate) async fn publish<S: Sink>(queue: &Queue, mut delivery: Delivery<S>, stop: &Stop) -> u64 {
    let mut published = 0;
    let mut overflow = Throttle::new();
    let mut said = 0;
    while let Some(batch) = queue.next_batch(BATCH_MAX).await {
        if delivery.deliver(&batch, stop, || queue.dropped()).await.is_err() {
            queue.abandon(batch.len());
            break;
        }
        published += batch.len() as u64;
        // Lines about outages report their own losses; this one is about a sink that works, but not fast enough.
        let dropped = queue.dropped() - delivery.dropped_in_outages;
        if dropped > said && overflow.is_due(Instant::now().into_std()) {
            warn!(
                readings = dropped - said,
                "readings dropped: the broker takes them slower than the antennas give them"
            );
            said = dropped;
        }
    }
    delivery.end();
    published
}

/// The two steps of stopping: a stop is requested, and later its time runs out.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    requested: CancellationToken,
    overdue: CancellationToken,
}

impl Stop {
    pub(crate) fn new(requested: CancellationToken) -> Self {
        Self { requested, overdue: CancellationToken::new() }
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    pub(crate) async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Does `work` while watching the time: [`GRACE`] after a stop is requested, whatever waits for the sink is cut
    /// short.
    pub(crate) async fn watch_over<T>(&self, work: impl Future<Output = T>) -> T {
        let watch = async {
            self.requested.cancelled().await;
            sleep(GRACE).await;
            self.overdue.cancel();
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            done = work => done,
            never = watch => match never {},
        }
    }
}

/// What happens when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The oldest readings are dropped.
    DropOldest,
    /// New readings have to wait.
    Wait,
}

/// The waiting readings. Bounded by its capacity; if pushing waits for room, it may hold one push more.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    filled: Notify,
    drained: Notify,
    capacity: usize,
    when_full: WhenFull,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Reading>,
    dropped: u64,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), drained: Notify::new(), capacity, when_full }
    }

    /// Moves all readings into the queue. If the future is dropped while it waits, they stay where they are.
    pub(crate) async fn push(&self, readings: &mut Vec<Reading>) {
        if self.when_full == WhenFull::Wait {
            while self.lock().waiting.len() >= self.capacity {
                self.drained.notified().await;
            }
        }
        let mut state = self.lock();
        state.waiting.extend(readings.drain(..));
        if self.when_full == WhenFull::DropOldest {
            let excess = state.waiting.len().saturating_sub(self.capacity);
            state.waiting.drain(..excess);
            state.dropped += excess as u64;
        }
        self.filled.notify_one();
    }

    /// Says that no more readings will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Counts the `under_way` readings and all waiting ones as dropped.
    pub(crate) fn abandon(&self, under_way: usize) {
        let mut state = self.lock();
        state.dropped += (under_way + state.waiting.len()) as u64;
        state.waiting.clear();
        drop(state);
        self.drained.notify_one();
    }

    /// Takes the next readings, at most `max`; `None` once the queue is closed and empty.
    async fn next_batch(&self, max: usize) -> Option<Vec<Reading>> {
        loop {
            {
                let mut state = self.lock();
                if !state.waiting.is_empty() {
                    let count = state.waiting.len().min(max);
                    let batch = state.waiting.drain(..count).collect();
                    self.drained.notify_one();
                    return Some(batch);
                }
                if state.closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // No code panics while holding the lock, and every method leaves the queue in a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time to stop ran out before the sink took the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undelivered;

/// Offers batches to a sink one after the other, each until it is taken, and reports outages.
#[derive(Debug)]
pub(crate) struct Delivery<S> {
    sink: S,
    /// The progress bar, which log lines must not break; it may be hidden.
    screen: ProgressBar,
    outages: Throttle,
    dropped_in_outages: u64,
    /// How many times a batch was not confirmed.
    unconfirmed: u64,
}

impl<S: Sink> Delivery<S> {
    pub(crate) fn new(sink: S, screen: ProgressBar) -> Self {
        Self { sink, screen, outages: Throttle::new(), dropped_in_outages: 0, unconfirmed: 0 }
    }

    /// Reports how many times too few replicas had a batch, if that was ever so.
    pub(crate) fn end(&self) {
        let times = self.unconfirmed;
        if times > 0 {
            self.screen.suspend(|| info!(times, "batches were sent again, as too few replicas had them"));
        }
    }

    /// Offers the batch until it is taken. `dropped` gives how many readings have been dropped elsewhere so far.
    pub(crate) async fn deliver(
        &mut self,
        batch: &[Reading],
        stop: &Stop,
        dropped: impl Fn() -> u64,
    ) -> Result<(), Undelivered> {
        let mut overdue = pin!(stop.overdue.cancelled());
        let mut outage: Option<Outage> = None;
        loop {
            let sent = tokio::select! {
                biased;
                () = &mut overdue => return Err(Undelivered),
                sent = self.sink.send(batch) => sent,
            };
            let now = Instant::now();
            let Err(error) = sent else {
                if let Some(outage) = outage {
                    self.outage_ended(&outage, now, dropped());
                }
                return Ok(());
            };
            self.unconfirmed += u64::from(matches!(error, SendError::Unconfirmed { .. }));
            let outage = outage.get_or_insert_with(|| Outage::begin(now, dropped()));
            if self.outages.is_due(now.into_std()) {
                outage.said = true;
                let (outage_ms, dropped) = (outage.millis(now), dropped() - outage.dropped_before);
                self.screen.suspend(|| warn!(%error, outage_ms, dropped, "the broker takes no readings; trying again"));
            }
            let delay = outage.backoff.next().unwrap_or(BACKOFF_MAX);
            wait(delay, stop).await;
        }
    }

    /// Reports in one line what an outage cost, if its beginning was reported. Readings dropped in an outage too short
    /// to report are left to the line about a slow sink.
    fn outage_ended(&mut self, outage: &Outage, now: Instant, dropped: u64) {
        if outage.said {
            let dropped = dropped - outage.dropped_before;
            self.dropped_in_outages += dropped;
            let (outage_ms, address) = (outage.millis(now), self.sink.address());
            self.screen.suspend(|| info!(outage_ms, dropped, address, "the broker takes readings again"));
        }
    }
}

/// Waits for a delay; once a stop is requested, no longer than the shortest delay.
async fn wait(delay: Duration, stop: &Stop) {
    tokio::select! {
        () = sleep(delay) => {}
        () = stop.requested() => sleep(BACKOFF_MIN.min(delay)).await,
    }
}

/// The sink does not take readings.
struct Outage {
    began: Instant,
    dropped_before: u64,
    backoff: backon::ExponentialBackoff,
    said: bool,
}

impl Outage {
    fn begin(now: Instant, dropped_before: u64) -> Self {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(BACKOFF_MIN)
            .with_max_delay(BACKOFF_MAX)
            .without_max_times()
            .with_jitter();
        Self { began: now, dropped_before, backoff: backoff.build(), said: false }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
