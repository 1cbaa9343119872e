//! What the handlers share, behind one cheap handle.

use std::sync::Arc;

use shared::time::Clock;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::cache::Cache;
use crate::live::Live;
use crate::query::Base;
use crate::settings::{AllowedHosts, AuthSettings};
use crate::source::{Source, Trial};

/// What the handlers share. A clone is the same state.
#[derive(Clone)]
pub struct State {
    pub(crate) cache: Cache,
    pub(crate) live: Live,
    pub(crate) clock: Clock,
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    pub(crate) base: Base,
    pub(crate) auth: Auth,
    /// Whether there is a page that anybody may see.
    pub(crate) has_status: bool,
    trials: Arc<Semaphore>,
}

/// Questions of the API that are tried at a time: an answer may be large, and nobody shares it.
const MOST_TRIALS: usize = 2;

impl State {
    /// Sets everything up and starts to follow the source's changes, until `shutdown`.
    #[must_use]
    pub fn start(source: Source, allowed_hosts: AllowedHosts, clock: Clock, shutdown: CancellationToken) -> Self {
        let cache = Cache::new(source, clock.clone());
        let live = Live::start(cache.clone(), clock.clone(), shutdown);
        Self {
            cache,
            live,
            clock,
            allowed_hosts: Arc::new(allowed_hosts),
            base: Base::default(),
            auth: Auth::default(),
            has_status: false,
            trials: Arc::new(Semaphore::new(MOST_TRIALS)),
        }
    }

    /// The same, for a dashboard that is below a base.
    #[must_use]
    pub fn with_base(self, base: Base) -> Self {
        Self { base, ..self }
    }

    /// The same, for a dashboard that not everybody may see. It has its base already.
    #[must_use]
    pub fn with_auth(self, settings: AuthSettings) -> Self {
        Self { auth: Auth::new(settings, self.base), ..self }
    }

    /// The same, with a status page that anybody may see, or without one.
    #[must_use]
    pub fn with_status(self, has_status: bool) -> Self {
        Self { has_status, ..self }
    }

    /// Reads the users' file again and again, where there is one.
    pub async fn follow_users(self) {
        self.auth.follow().await;
    }

    /// Puts a question to a route of the API; see [`Source::try_out`].
    pub(crate) async fn try_out(&self, path: &str, pairs: Vec<(String, String)>) -> Option<Trial> {
        let _turn = self.trials.acquire().await.ok()?;
        self.cache.source().try_out(path, pairs, self.clock.now()).await
    }
}
