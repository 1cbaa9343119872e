//! Whether anybody asks about what other processes own: they need not be followed closely while nobody does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Somebody who asked within this time is likely to ask again.
const RECENT: Duration = Duration::from_secs(10);

/// When questions came. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Demand(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    asked_at: Mutex<Option<Instant>>,
    urgent: Notify,
}

impl Demand {
    /// A question came. The first one behind a pause is urgent.
    pub(crate) fn asked(&self) {
        let before = self.0.asked_at.lock().replace(Instant::now());
        if before.is_none_or(|before| before.elapsed() >= RECENT) {
            self.hurry();
        }
    }

    /// What others own is to be looked at at once.
    pub(crate) fn hurry(&self) {
        self.0.urgent.notify_waiters();
    }

    /// Whether a question came lately.
    #[must_use]
    pub fn is_recent(&self) -> bool {
        self.0.asked_at.lock().is_some_and(|asked_at| asked_at.elapsed() < RECENT)
    }

    /// Waits until what others own is to be looked at at once.
    pub async fn is_urgent(&self) {
        self.0.urgent.notified().await;
    }
}
