//! Trying again after the broker or the archive was away, without flooding the log.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use parking_lot::Mutex;
use shared::throttle::Throttle;
use tracing::{info, warn};

use crate::ingest::log::LogError;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(2);

/// When a line about a trouble was written last. Clones share it, from term to term.
pub(super) type Lines = Arc<Mutex<Throttle>>;

/// Something that is tried until it succeeds. A failure is logged when it begins, from time to time while it lasts, and
/// once more when it is over.
#[derive(Debug)]
pub(super) struct Retry {
    doing: &'static str,
    since: Option<Instant>,
    lines: Lines,
    /// Whether the log says that it fails, so that it has to say that it works again.
    is_told: bool,
    backoff: ExponentialBackoff,
}

impl Retry {
    /// What is being done, for the log: `reading the stream`.
    pub(super) fn new(doing: &'static str, lines: Lines) -> Self {
        Self { doing, since: None, lines, is_told: false, backoff: backoff() }
    }

    /// It failed; gives the wait before the next try.
    pub(super) fn failed(&mut self, error: &LogError) -> Duration {
        let is_refused = matches!(error, LogError::Refused(_));
        self.failed_with(error, if is_refused { ", an operator has to mend this" } else { "" })
    }

    /// It failed with an error of another kind; gives the wait before the next try.
    pub(super) fn failed_with(&mut self, error: &dyn Display, hint: &str) -> Duration {
        let now = Instant::now();
        self.since.get_or_insert(now);
        if self.lines.lock().is_due(now) {
            self.is_told = true;
            warn!("{}: {error}; trying on{hint}", self.doing);
        }
        self.backoff.next().unwrap_or(LONGEST)
    }

    /// It succeeded, so the next failure is a new one.
    pub(super) fn succeeded(&mut self) {
        if let Some(since) = self.since.take() {
            // The lines are not reset: a connection that flaps would fill the log.
            if std::mem::take(&mut self.is_told) {
                info!(away_ms = since.elapsed().as_millis(), "{}: works again", self.doing);
            }
            self.backoff = backoff();
        }
    }
}

/// From 50 ms, doubling to the longest wait, with jitter, for ever.
fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(LONGEST)
        .with_jitter()
        .without_max_times()
        .build()
}
