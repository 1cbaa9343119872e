//! Decides which antenna takes a reading when; [`run`] publishes the readings of all of them.
//!
//! Reading number `n` of the fleet belongs to antenna `n % antennas` and is due `n * interval / antennas` after the start:
//! the antennas are spread evenly over the interval without a timer for each.

use std::time::Duration;

use futures::future::join_all;
use indicatif::ProgressBar;
use shared::throttle::Throttle;
use shared::{Reading, UnixMillis};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::partitioned::spread;
use crate::publish::{Delivery, QUEUE_MAX, QUEUE_MIN, Queue, Report, Sink, Stop, WhenFull, publish};
use crate::settings::{BadAntennaId, FleetSettings};
use scenario::{Antenna, Moment};

/// Readings due within this time are taken together, so that a large fleet does not have to wake up for each.
const TAKE_EVERY: Duration = Duration::from_millis(5);
/// The most readings taken before other tasks get a turn.
const TAKE_MAX: usize = 5_000;
/// A fleet that is this far behind its schedule cannot keep it.
const LAG_MAX: Duration = Duration::from_secs(1);

/// Takes readings as they fall due and publishes them, until each antenna has taken `count` of them or `shutdown` is
/// cancelled; then publishes what is left.
///
/// An endless fleet never waits for the sink: what does not fit the queue is dropped, and what this machine cannot take
/// in time is skipped; both are logged and counted. A fleet with a `count` waits instead, so that every reading is
/// published.
///
/// There is a sink for each partition, by its number, and readings go to that of their antenna. A sink that takes nothing holds
/// the others up only where there is a `count`.
///
/// `clock` gives event times. The antennas' `seq` starts from its microseconds and counts up, so it also grows across
/// restarts.
///
/// # Errors
/// If the settings name an antenna that the wire format cannot carry.
pub async fn run<S: Sink>(
    settings: &FleetSettings,
    sinks: Vec<S>,
    clock: impl Fn() -> UnixMillis + Send,
    shutdown: CancellationToken,
) -> Result<Report, BadAntennaId> {
    let fleet = Fleet::new(settings, clock())?;
    let when_full = if fleet.is_finite() { WhenFull::Wait } else { WhenFull::DropOldest };
    let capacity = QUEUE_MAX.div_ceil(sinks.len().max(1)).max(QUEUE_MIN);
    let queues: Vec<Queue> = sinks.iter().map(|_| Queue::new(capacity, when_full)).collect();
    let stop = Stop::new(shutdown);
    let published = sinks.into_iter().zip(&queues).map(|(sink, queue)| {
        let delivery = Delivery::new(sink, ProgressBar::hidden());
        publish(queue, delivery, &stop)
    });
    let work = async { tokio::join!(take_readings(fleet, &queues, &stop, clock), join_all(published)) };
    let (skipped, published) = stop.watch_over(work).await;
    let published = published.into_iter().sum();
    // If the time to stop ran out, readings may have been queued after the last attempt to publish.
    queues.iter().for_each(|queue| queue.abandon(0));
    let dropped = queues.iter().map(Queue::dropped).sum();
    info!(published, dropped, skipped, "the antennas have stopped");
    Ok(Report { published, dropped, skipped })
}

/// Fills the queues as readings fall due, and closes them at the end. Returns how many readings were skipped.
async fn take_readings(mut fleet: Fleet, queues: &[Queue], stop: &Stop, clock: impl Fn() -> UnixMillis) -> u64 {
    let mut start = Instant::now();
    let (mut skipped, mut lags) = (0, Throttle::new());
    let (mut taken, mut parts) = (Vec::new(), vec![Vec::new(); queues.len()]);
    while let Some(due) = fleet.next_due() {
        let now = Instant::now();
        let wake_at = if start + due > now { (start + due).max(now + TAKE_EVERY) } else { now };
        tokio::select! {
            biased;
            () = stop.requested() => break,
            () = sleep_until(wake_at) => {}
        }
        let now = Instant::now();
        let lag = now.duration_since(start + due);
        if lag > LAG_MAX {
            if fleet.is_finite() {
                start += lag;
            } else {
                skipped += fleet.skip_to(now.duration_since(start));
            }
            if lags.is_due(now.into_std()) {
                warn!(lag_ms = millis(lag), skipped, "the antennas cannot keep their interval");
            }
        }
        fleet.take_due(now.duration_since(start), clock(), &mut taken);
        spread(taken.drain(..), &mut parts);
        tokio::select! {
            biased;
            () = push(queues, &mut parts) => {}
            () = stop.requested() => break,
        }
        tokio::task::yield_now().await;
    }
    fleet.forward(&mut taken);
    spread(taken, &mut parts);
    push(queues, &mut parts).await;
    queues.iter().for_each(Queue::close);
    skipped
}

/// Moves readings into the queues of their partitions. If the future is dropped while it waits for room, what is left stays where it
/// is.
async fn push(queues: &[Queue], parts: &mut [Vec<Reading>]) {
    let filled = queues.iter().zip(parts).filter(|(_, part)| !part.is_empty());
    join_all(filled.map(|(queue, part)| queue.push(part))).await;
}

/// The antennas of this process and their schedule. Pure: time is an argument.
#[derive(Debug)]
struct Fleet {
    antennas: Vec<Antenna>,
    interval: Duration,
    first_seq: u64,
    /// Number of the next reading.
    next: u64,
    /// One past the number of the last reading.
    end: Option<u64>,
}

impl Fleet {
    fn new(settings: &FleetSettings, start: UnixMillis) -> Result<Self, BadAntennaId> {
        let ids = settings.antenna_ids()?;
        let size = ids.len();
        let antennas = ids
            .into_iter()
            .enumerate()
            .map(|(index, id)| Antenna::new(id, index, size, settings.scenario, settings.seed))
            .collect();
        Ok(Self {
            antennas,
            interval: settings.interval,
            first_seq: u64::try_from(start.0).unwrap_or_default().saturating_mul(1_000),
            next: 0,
            end: settings.count.map(|count| count.saturating_mul(size as u64)),
        })
    }

    fn is_finite(&self) -> bool {
        self.end.is_some()
    }

    /// When the next reading is due, since the start; `None` after the last.
    fn next_due(&self) -> Option<Duration> {
        self.end.is_none_or(|end| self.next < end).then(|| self.due(self.next))
    }

    /// Takes the readings that are due `elapsed` after the start, at most [`TAKE_MAX`]. `now` is the event time of that
    /// moment; a reading that was due a little earlier has an event time that much earlier.
    fn take_due(&mut self, elapsed: Duration, now: UnixMillis, taken: &mut Vec<Reading>) {
        while let Some(due) = self.next_due().filter(|due| *due <= elapsed && taken.len() < TAKE_MAX) {
            let (round, antenna) = (self.next / self.size(), self.next % self.size());
            let moment = Moment {
                elapsed_ms: millis(due),
                timestamp_ms: now.0 - shared::time::millis(elapsed - due),
                seq: self.first_seq.saturating_add(round),
            };
            self.antennas[usize::try_from(antenna).expect("below a length")].take(moment, taken);
            self.next += 1;
        }
    }

    /// Skips the readings that are overdue by `elapsed`, except the latest, and returns how many were skipped.
    fn skip_to(&mut self, elapsed: Duration) -> u64 {
        let before = elapsed.as_nanos().saturating_mul(u128::from(self.size())) / self.interval.as_nanos().max(1);
        let next = u64::try_from(before).unwrap_or(u64::MAX).max(self.next);
        let skipped = next - self.next;
        self.next = next;
        skipped
    }

    /// Appends what the antennas have stored.
    fn forward(&mut self, taken: &mut Vec<Reading>) {
        for antenna in &mut self.antennas {
            antenna.forward(taken);
        }
    }

    fn due(&self, number: u64) -> Duration {
        let nanos = self.interval.as_nanos().saturating_mul(u128::from(number)) / u128::from(self.size());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn size(&self) -> u64 {
        self.antennas.len() as u64
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
