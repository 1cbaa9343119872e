//! One load for all who want the same figures at the same moment: a thousand viewers cost analytics no more than one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::BoxStream;
use shared::UnixMillis;

use crate::client::ClientError;
use crate::query::Query;
use crate::source::{Figures, Source};
use crate::state::Clock;

/// How long figures are good for where no change is announced: the connection for changes may be the broken one.
const MAX_AGE_MS: i64 = 1000;

/// Figures for more queries than this are not kept: anybody can make up queries.
const MOST_QUERIES: usize = 256;

/// The source with a cache before it. A clone is the same cache.
#[derive(Clone)]
pub(crate) struct Cache(Arc<Inner>);

struct Inner {
    source: Source,
    clock: Clock,
    version: AtomicU64,
    entries: Mutex<HashMap<Query, Arc<Entry>>>,
}

/// The lock is held while the figures are loaded: who comes meanwhile waits and shares them.
type Entry = tokio::sync::Mutex<Option<(Loaded, UnixMillis)>>;

/// What a load came to.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The newest figures that there are: where the outcome is not [`Outcome::Answered`], those from before.
    pub(crate) figures: Option<Arc<Figures>>,
    /// How analytics took it.
    pub(crate) outcome: Outcome,
    /// The version that was current when the load began.
    pub(crate) version: u64,
}

/// How analytics took a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With figures.
    Answered,
    /// It cannot answer for this range: the range is longer than what it keeps, most likely.
    Refused,
    /// It does not know the antenna.
    Unknown,
    /// Not at all, or with something that is no answer.
    Away,
}

impl Cache {
    pub(crate) fn new(source: Source, clock: Clock) -> Self {
        Self(Arc::new(Inner { source, clock, version: AtomicU64::new(0), entries: Mutex::default() }))
    }

    /// The figures for a query: the ones at hand where they are current, else new ones.
    pub(crate) async fn load(&self, query: &Query) -> Loaded {
        let entry = self.entry(query);
        let mut slot = entry.lock().await;
        let (version, now) = (self.0.version.load(Ordering::Acquire), self.0.clock.now());
        if let Some((loaded, at)) = slot.as_ref()
            && loaded.version == version
            && (0..MAX_AGE_MS).contains(&(now.0 - at.0))
        {
            return loaded.clone();
        }
        let before = slot.as_ref().map(|(loaded, _)| loaded.clone());
        let loaded = self.load_anew(query, version, before, now).await;
        *slot = Some((loaded.clone(), self.0.clock.now()));
        loaded
    }

    async fn load_anew(&self, query: &Query, version: u64, before: Option<Loaded>, now: UnixMillis) -> Loaded {
        let (before, outcome_before) = before.map_or((None, None), |loaded| (loaded.figures, Some(loaded.outcome)));
        let error = match self.0.source.figures(query, now).await {
            Ok(figures) => return Loaded { figures: Some(Arc::new(figures)), outcome: Outcome::Answered, version },
            Err(error) => error,
        };
        let outcome = match error {
            ClientError::UnknownAntenna => Outcome::Unknown,
            ref error if error.is_refusal() => Outcome::Refused,
            _ => Outcome::Away,
        };
        // Once, not with every try; and what a viewer has mistyped is no news.
        if outcome_before != Some(outcome) && outcome != Outcome::Unknown {
            tracing::warn!(%error, page = query.page.kind().path(), window_s = query.range.window, "no figures");
        }
        Loaded { figures: before, outcome, version }
    }

    /// Says that everything loaded so far is out of date.
    pub(crate) fn outdate(&self) -> u64 {
        self.0.version.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) async fn changes(&self) -> Result<BoxStream<'static, Result<(), ClientError>>, ClientError> {
        self.0.source.changes().await
    }

    /// The figures for a query with all rows of its list, never kept: they are asked for now and then.
    pub(crate) async fn load_all(&self, query: &Query) -> Result<Figures, ClientError> {
        self.0.source.all_figures(query, self.0.clock.now()).await
    }

    pub(crate) fn is_mock(&self) -> bool {
        self.0.source.is_mock()
    }

    fn entry(&self, query: &Query) -> Arc<Entry> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(query) {
            return Arc::clone(entry);
        }
        if entries.len() >= MOST_QUERIES {
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        entries.entry(query.clone()).or_default().clone()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Query, Arc<Entry>>> {
        // No code that can panic runs under this lock, and a map is whole at any time.
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
