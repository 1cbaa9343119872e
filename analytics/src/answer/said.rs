//! What alerts know of incidents: why nobody is told of one, and who takes care of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use shared::api::HeldBy;

/// What alerts know of incidents, by their ids. Immutable, and shared.
#[derive(Debug, Default)]
pub struct Said {
    version: u64,
    held: HashMap<String, HeldBy>,
    acknowledged: HashMap<String, String>,
}

impl Said {
    /// Why nobody is told of incidents that last, and who takes care of which.
    #[must_use]
    pub(crate) fn new(held: HashMap<String, HeldBy>, acknowledged: HashMap<String, String>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { version: NEXT.fetch_add(1, Ordering::Relaxed), held, acknowledged }
    }

    /// Whether it says just this.
    #[must_use]
    pub(crate) fn is(&self, held: &HashMap<String, HeldBy>, acknowledged: &HashMap<String, String>) -> bool {
        self.held == *held && self.acknowledged == *acknowledged
    }

    /// Nothing else that was said in this process has it.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Why nobody is told of an incident that lasts; `None` where somebody is, as far as is known.
    #[must_use]
    pub fn held(&self, incident: &str) -> Option<HeldBy> {
        self.held.get(incident).copied()
    }

    /// Who takes care of an incident.
    #[must_use]
    pub fn acknowledged(&self, incident: &str) -> Option<&str> {
        self.acknowledged.get(incident).map(String::as_str)
    }
}
