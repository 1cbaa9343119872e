//! Whether the broker can be both read from and committed to; the process is ready only then.

use parking_lot::Mutex;
use shared::api::Phase;

use crate::ingest::log::LogError;
use crate::published::Published;

/// Publishes the phase of a term as reading and committing work or fail.
#[derive(Debug)]
pub(super) struct Health {
    published: Published,
    works: Mutex<Works>,
}

#[derive(Debug, Clone, Copy)]
struct Works {
    reading: bool,
    committing: bool,
}

impl Health {
    /// The state has just been loaded, so the broker can be read from and is expected to take commits.
    pub(super) fn new(published: Published) -> Self {
        published.set_phase(Phase::Running);
        Self { published, works: Mutex::new(Works { reading: true, committing: true }) }
    }

    /// The last read failed.
    pub(super) fn reading_failed(&self, error: &LogError) {
        self.published.broker_failed(error);
        self.set_reading(false);
    }

    /// Whether the last read succeeded.
    pub(super) fn set_reading(&self, works: bool) {
        self.change(|all| all.reading = works);
    }

    /// Whether the last commit or renewal succeeded.
    pub(super) fn set_committing(&self, works: bool) {
        self.change(|all| all.committing = works);
    }

    fn change(&self, change: impl FnOnce(&mut Works)) {
        let works = {
            let mut works = self.works.lock();
            change(&mut works);
            *works
        };
        self.published.set_phase(if works.reading && works.committing { Phase::Running } else { Phase::BrokerAway });
    }
}
