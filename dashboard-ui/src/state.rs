//! What the handlers share, behind one cheap handle.

use std::sync::Arc;

use shared::UnixMillis;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::live::Live;
use crate::settings::AllowedHosts;
use crate::source::Source;

/// Tells the time: the system's, or a test's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(UnixMillis::now)
    }

    /// A clock of one's own.
    #[must_use]
    pub fn new(now: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        (self.0)()
    }
}

/// What the handlers share. A clone is the same state.
#[derive(Clone)]
pub struct State {
    pub(crate) cache: Cache,
    pub(crate) live: Live,
    pub(crate) clock: Clock,
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
}

impl State {
    /// Sets everything up and starts to follow the source's changes, until `shutdown`.
    #[must_use]
    pub fn start(source: Source, allowed_hosts: AllowedHosts, clock: Clock, shutdown: CancellationToken) -> Self {
        let cache = Cache::new(source, clock.clone());
        let live = Live::start(cache.clone(), clock.clone(), shutdown);
        Self { cache, live, clock, allowed_hosts: Arc::new(allowed_hosts) }
    }
}
