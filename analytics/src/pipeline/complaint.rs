//! Logs what is wrong when it begins, from time to time while it lasts, and once more when it is over.

use std::time::Instant;

use shared::throttle::Throttle;
use tracing::{info, warn};

use crate::log::LogError;

/// Something that can go wrong repeatedly.
#[derive(Debug)]
pub(super) struct Complaint {
    doing: &'static str,
    since: Option<Instant>,
    lines: Throttle,
}

impl Complaint {
    /// What is being done, for the log: `reading the stream`.
    pub(super) const fn new(doing: &'static str) -> Self {
        Self { doing, since: None, lines: Throttle::new() }
    }

    /// It went wrong.
    pub(super) fn failed(&mut self, error: &LogError, now: Instant) {
        self.since.get_or_insert(now);
        if self.lines.is_due(now) {
            let hint = match error {
                LogError::Refused(_) => "; trying on, an operator has to mend this",
                _ => "; trying on",
            };
            warn!("{}: {error}{hint}", self.doing);
        }
    }

    /// It went well.
    pub(super) fn succeeded(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            info!(away_ms = now.duration_since(since).as_millis(), "{}: works again", self.doing);
            self.lines.reset();
        }
    }
}
