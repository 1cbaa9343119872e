//! One load for everybody who wants the same figures at the same moment: a thousand viewers cost analytics no more than
//! one.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::Either;
use futures::stream::BoxStream;
use shared::UnixMillis;
use shared::time::Clock;
use tokio::sync::Mutex;

use crate::client::ClientError;
use crate::figures::{Figures, Loaded, Outcome, PublicFigures, Standing};
use crate::query::{Page, Query};
use crate::source::{Extent, Source};

/// How long figures stay valid when no change is announced: it may be the event connection that is broken.
const MAX_AGE_MS: i64 = 1000;

/// What is public is asked for no more often: anybody may ask for it, and it changes by the minute.
const PUBLIC_AGE_MS: i64 = 5000;

/// Figures are kept for this many queries, since anybody can make up queries. Those asked for most stay longest.
const MOST_QUERIES: usize = 256;

/// The source behind a cache. A clone is the same cache.
#[derive(Clone)]
pub(crate) struct Cache(Arc<Inner>);

struct Inner {
    source: Source,
    clock: Clock,
    version: AtomicU64,
    entries: quick_cache::sync::Cache<Query, Arc<Entry>>,
    /// How analytics fared, at which version, and when that was: the same for all queries. The lock is held while it is asked.
    standing: Mutex<Option<(Standing, u64, UnixMillis)>>,
    /// What is public, if that is known, and when it was asked for. The lock is held while it is.
    public: Mutex<Option<(Option<Arc<PublicFigures>>, UnixMillis)>>,
}

#[derive(Default)]
struct Entry {
    /// The last load and when it ended. The lock is held during a load: whoever comes meanwhile waits and shares it.
    last: Mutex<Option<(Loaded, UnixMillis)>>,
    /// How many loads have ended.
    ended: AtomicU64,
}

impl Cache {
    pub(crate) fn new(source: Source, clock: Clock) -> Self {
        let entries = quick_cache::sync::Cache::new(MOST_QUERIES);
        let (version, standing, public) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { source, clock, version, entries, standing, public }))
    }

    /// What is behind the cache.
    pub(crate) fn source(&self) -> &Source {
        &self.0.source
    }

    /// The figures for a query: the cached ones while they are current, otherwise new ones. A failure is shared by those who
    /// waited for it; the next request asks again.
    pub(crate) async fn load(&self, query: &Query) -> Loaded {
        let Ok(entry) = self.0.entries.get_or_insert_with(query, || Ok::<_, Infallible>(Arc::<Entry>::default()));
        let ended_before = entry.ended.load(Ordering::Acquire);
        let mut last = entry.last.lock().await;
        let (version, now) = (self.0.version.load(Ordering::Acquire), self.0.clock.now());
        let was_awaited = entry.ended.load(Ordering::Acquire) != ended_before;
        if let Some((loaded, at)) = last.as_ref()
            && (loaded.outcome == Outcome::Answered || was_awaited)
            && loaded.version == version
            && (0..MAX_AGE_MS).contains(&(now.0 - at.0))
        {
            return loaded.clone();
        }
        let before = last.as_ref().map(|(loaded, _)| loaded.clone());
        let loaded = self.load_anew(query, version, before, now).await;
        *last = Some((loaded.clone(), self.0.clock.now()));
        entry.ended.fetch_add(1, Ordering::AcqRel);
        loaded
    }

    async fn load_anew(&self, query: &Query, version: u64, before: Option<Loaded>, now: UnixMillis) -> Loaded {
        let (before, outcome_before, standing_before) =
            before.map_or((None, None, None), |loaded| (loaded.figures, Some(loaded.outcome), Some(loaded.standing)));
        let figures = self.0.source.figures(query, Extent::Page, now);
        // Whoever cannot be asked for figures is not waited for.
        let (figures, standing) = match query.page {
            Page::Pipeline => {
                let figures = figures.await;
                let standing = match &figures {
                    Ok(Figures::Pipeline(figures)) => Some(Standing::of(&figures.pipeline, now, self.0.clock.now())),
                    Err(ClientError::Status(_)) => self.standing(version, now).await,
                    _ => None,
                };
                (figures, standing)
            }
            _ => match futures::future::select(pin!(figures), pin!(self.standing(version, now))).await {
                Either::Left((figures @ (Ok(_) | Err(ClientError::Status(_))), standing)) => (figures, standing.await),
                Either::Left((failure, _)) => (failure, None),
                Either::Right((standing, figures)) => (figures.await, standing),
            },
        };
        // Who does not answer at all is no standby any more.
        let standing_before = standing_before.map(|before| Standing { is_standby: false, ..before });
        let standing = standing.or(standing_before).unwrap_or_default();
        let error = match figures {
            Ok(figures) => {
                return Loaded { figures: Some(Arc::new(figures)), outcome: Outcome::Answered, version, standing };
            }
            Err(error) => error,
        };
        let outcome = match error {
            ClientError::UnknownAntenna => Outcome::Unknown,
            ref error if error.is_refusal() => Outcome::Refused,
            ClientError::Unauthorized => Outcome::Unauthorized,
            _ => Outcome::Away,
        };
        // Logged once, not with every attempt; and a viewer's typing error is not worth a warning.
        if outcome_before != Some(outcome) && outcome != Outcome::Unknown {
            tracing::warn!(%error, page = query.page.kind().path(), window_s = query.range.window, "no figures");
        }
        Loaded { figures: before, outcome, version, standing }
    }

    /// How analytics fares: asked once for all queries of a moment.
    async fn standing(&self, version: u64, now: UnixMillis) -> Option<Standing> {
        let mut last = self.0.standing.lock().await;
        if let Some((standing, of, at)) = last.as_ref()
            && *of >= version
            && (0..MAX_AGE_MS).contains(&(now.0 - at.0))
        {
            return Some(standing.clone());
        }
        let standing = self.0.source.standing(&self.0.clock).await?;
        *last = Some((standing.clone(), version, now));
        Some(standing)
    }

    /// What is public: one load for everybody, within some seconds. What was known before stands in for what cannot be had, as
    /// something of the past; `None` where nothing ever was.
    pub(crate) async fn public(&self) -> Option<Arc<PublicFigures>> {
        // Whoever asks may go away meanwhile. What was begun is for everybody and goes on, or it would be begun again.
        let cache = self.clone();
        tokio::spawn(async move { cache.load_public().await }).await.ok().flatten()
    }

    async fn load_public(&self) -> Option<Arc<PublicFigures>> {
        let mut last = self.0.public.lock().await;
        let now = self.0.clock.now();
        let before = match last.as_ref() {
            Some((figures, at)) if (0..PUBLIC_AGE_MS).contains(&(now.0 - at.0)) => return figures.clone(),
            Some((figures, _)) => figures.clone(),
            None => None,
        };
        let version = self.0.version.load(Ordering::Acquire);
        let source = &self.0.source;
        let told = async { tokio::try_join!(source.public(), source.notes()) };
        let (loaded, standing) = tokio::join!(told, self.standing(version, now));
        let figures = match loaded {
            Ok((status, notes)) => {
                let is_current =
                    standing.is_some_and(|standing| standing.broker_away.is_none() && !standing.is_standby);
                let (status, notes) = (status.unwrap_or_default(), notes.unwrap_or_default());
                Some(Arc::new(PublicFigures { status, notes, is_current }))
            }
            Err(error) => {
                if before.as_ref().is_none_or(|before| before.is_current) {
                    tracing::warn!(%error, "what is public is not known");
                }
                before.map(|before| Arc::new(PublicFigures { is_current: false, ..(*before).clone() }))
            }
        };
        *last = Some((figures.clone(), self.0.clock.now()));
        figures
    }

    /// Marks everything loaded so far as out of date.
    pub(crate) fn outdate(&self) -> u64 {
        self.0.version.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) async fn changes(&self) -> Result<BoxStream<'static, Result<(), ClientError>>, ClientError> {
        self.0.source.changes().await
    }

    /// The figures for a query with all rows of its list. They are rarely asked for, so they are not kept.
    pub(crate) async fn load_all(&self, query: &Query) -> Result<Figures, ClientError> {
        self.0.source.figures(query, Extent::All, self.0.clock.now()).await
    }

    pub(crate) fn is_mock(&self) -> bool {
        self.0.source.is_mock()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;

    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use futures::future::{join_all, pending};
    use shared::api::path;
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::Client;

    /// A cache in front of an analytics that fails, and how often a page's figures were asked for.
    async fn cache() -> (Cache, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move |uri: Uri| async move {
            if uri.path() != path::SUMMARY {
                return pending().await;
            }
            count.fetch_add(1, SeqCst);
            StatusCode::INTERNAL_SERVER_ERROR
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
        let clock = Clock::of(|| UnixMillis(0));
        (Cache::new(Source::Http(Client::new(url, None).unwrap()), clock), asked)
    }

    #[tokio::test]
    async fn a_failure_is_shared_by_those_who_wait_for_it_and_is_not_kept() {
        let (cache, asked) = cache().await;
        let query = Query::default();
        for loads in 1..4 {
            let loaded = join_all((0..50).map(|_| cache.load(&query))).await;
            assert!(loaded.iter().all(|loaded| loaded.outcome == Outcome::Away));
            assert_eq!(asked.load(SeqCst), loads);
        }
    }
}
