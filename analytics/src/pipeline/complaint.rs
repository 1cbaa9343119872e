//! Logs what is wrong when it begins, and then at most once a minute, however often it happens.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::log::LogError;

const EVERY: Duration = Duration::from_secs(60);

/// Something that can go wrong repeatedly.
#[derive(Debug)]
pub(super) struct Complaint {
    doing: &'static str,
    since: Option<Instant>,
    said: Option<(Instant, LogError)>,
}

impl Complaint {
    /// What is being done, for the log: `reading the stream`.
    pub(super) const fn new(doing: &'static str) -> Self {
        Self { doing, since: None, said: None }
    }

    /// It went wrong.
    pub(super) fn failed(&mut self, error: &LogError, now: Instant) {
        self.since.get_or_insert(now);
        let is_due = match &self.said {
            None => true,
            Some((at, _)) => now.duration_since(*at) >= EVERY,
        };
        if is_due {
            let hint = match error {
                LogError::Refused(_) => "; trying on, an operator has to mend this",
                _ => "; trying on",
            };
            warn!("{}: {error}{hint}", self.doing);
            self.said = Some((now, error.clone()));
        }
    }

    /// It went well.
    pub(super) fn succeeded(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            info!(away_ms = now.duration_since(since).as_millis(), "{}: works again", self.doing);
            self.said = None;
        }
    }
}
