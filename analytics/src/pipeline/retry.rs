//! Trying again after the broker was away.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::complaint::Complaint;
use crate::log::LogError;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(2);

/// Says in the log that something fails, and how long to wait before the next try: from 50 ms, doubling to 2 s, with
/// jitter, for ever.
#[derive(Debug)]
pub(super) struct Retry {
    complaint: Complaint,
    backoff: ExponentialBackoff,
}

impl Retry {
    /// What is being done, for the log: `reading the stream`.
    pub(super) fn new(doing: &'static str) -> Self {
        Self { complaint: Complaint::new(doing), backoff: backoff() }
    }

    /// It failed; gives the wait before the next try.
    pub(super) fn failed(&mut self, error: &LogError) -> Duration {
        self.complaint.failed(error, Instant::now());
        self.backoff.next().unwrap_or(LONGEST)
    }

    /// It succeeded, so the next failure is a new one.
    pub(super) fn succeeded(&mut self) {
        self.complaint.succeeded(Instant::now());
        self.backoff = backoff();
    }
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(LONGEST)
        .with_jitter()
        .without_max_times()
        .build()
}
