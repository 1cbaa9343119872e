//! HTTP: the routes of the contract's section 3. Handlers never write: what people say of alerts they give to who decides.
//!
//! A handler reads its request, asks the newest snapshot on a thread of [`Workers`], and answers.

mod accept;
mod answer;
mod door;
mod error;
mod events;
pub mod exposition;
mod orders;
mod routes;

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use shared::UnixMillis;
use shared::api::path::{HEALTHZ, LIVEZ, READYZ};
use shared::api::{
    AlertsRequest, Count, Health, MetricsFormat, MetricsRequest, OriginalMetrics, Phase, ServiceFigures, ServiceStats,
    SitesRequest, Summary, SummaryRequest, WindowRequest,
};
use shared::server::{self, HttpSettings};
use shared::settings::KeptToken;
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::answer::{Answers, Asked};
pub use self::door::Door;
pub use self::error::ApiError;
use self::exposition::{DefaultWindow, IncidentCounts};
use self::routes::Parameters;
use crate::alerts::orders::Orders;
use crate::alerts::told::AlertsTold;
use crate::answer::Window;
use crate::answer::window::full_seconds;
use crate::archive::read::Archive;
use crate::published::Partitions;
use crate::registry::KeptRegistry;
use crate::settings::Thresholds;
use crate::workers::Workers;

/// A request is given up if the answer takes longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// So long a question is put again while a partition changes its owner: longer than a lease, and shorter than clients wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// It is put again this often.
const AGAIN: Duration = Duration::from_millis(100);

/// What the handlers share. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Api {
    published: Partitions,
    answers: Answers,
    clock: Clock,
    shutdown: CancellationToken,
    door: Option<Door>,
    alerts: AlertsTold,
    orders: Option<Orders>,
    registry: KeptRegistry,
}

/// The routes. Must be called within a tokio runtime: it starts the task that all streams of events share, and the one that looks
/// whether there is another token.
pub fn router(api: Api) -> Router {
    let door = api.door.clone();
    if let Some(door) = door.clone() {
        let shutdown = api.shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(door.follow()).await });
    }
    let router = routes::router(api)
        .fallback(|| async { ApiError::NotFound("there is no such path; /openapi.json lists them".to_owned()) })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed });
    let router = match door {
        Some(door) => router.layer(middleware::from_fn_with_state(door, only_who_knows)),
        None => router,
    };
    router.layer(middleware::from_fn(in_time)).layer(middleware::map_response(not_kept))
}

/// Answers on a listener until shutdown.
pub async fn serve(listener: TcpListener, api: Api, settings: &HttpSettings) {
    let shutdown = api.shutdown.clone();
    server::serve(listener, router(api), settings, shutdown).await;
}

impl Api {
    /// Asks about what is in files too, on query threads of its own, as those wait for the files.
    #[must_use]
    pub fn with_archive(self, archive: Option<(Archive, Workers)>) -> Self {
        Self { answers: self.answers.with_archive(archive), ..self }
    }

    /// Answers only those who know a token, if there is one.
    #[must_use]
    pub fn with_token(self, token: Option<KeptToken>) -> Self {
        Self { door: token.map(Door::new), ..self }
    }

    /// Shows who was told of incidents.
    #[must_use]
    pub fn with_alerts(self, alerts: AlertsTold) -> Self {
        Self { alerts, ..self }
    }

    /// Takes what people say of alerts.
    #[must_use]
    pub fn with_orders(self, orders: Option<Orders>) -> Self {
        Self { orders, ..self }
    }

    /// Tells what a registry says of antennas.
    #[must_use]
    pub fn with_registry(self, registry: KeptRegistry) -> Self {
        Self { registry, ..self }
    }

    /// Who is let in, where not everybody is.
    #[must_use]
    pub const fn door(&self) -> Option<&Door> {
        self.door.as_ref()
    }

    /// Asks about the newest snapshots on query threads; what counts as degraded is up to the thresholds.
    #[must_use]
    pub fn new(
        published: impl Into<Partitions>,
        workers: Workers,
        thresholds: Thresholds,
        clock: Clock,
        shutdown: CancellationToken,
    ) -> Self {
        let published = published.into();
        let answers = Answers::new(workers, thresholds, published.count());
        let (alerts, registry) = (AlertsTold::default(), KeptRegistry::default());
        Self { published, answers, clock, shutdown, door: None, alerts, orders: None, registry }
    }

    /// The current time by the broker's clock, which arrivals are told by.
    fn now(&self) -> UnixMillis {
        self.published.by_broker(self.clock.now())
    }

    /// Puts a question to the newest snapshots, and again where a process that has tables of them went away meanwhile. One that is
    /// strict is refused where partitions are missing.
    async fn persist<T, F: Future<Output = Result<T, ApiError>>>(
        &self,
        window: Option<WindowRequest>,
        strict: bool,
        ask: impl Fn(Answers, Asked) -> F,
    ) -> Result<T, ApiError> {
        let began = Instant::now();
        loop {
            let asked = self.asked(window)?;
            if strict && !asked.whole.missing().is_empty() {
                return Err(ApiError::missing(asked.whole.missing()));
            }
            match ask(self.answers.clone(), asked).await {
                Err(ApiError::Moving) if began.elapsed() < PATIENCE => {
                    self.published.demand().hurry();
                    tokio::time::sleep(AGAIN).await;
                }
                answer => return answer,
            }
        }
    }

    /// The newest snapshot with the window that is asked about, or else whatever is kept.
    fn asked(&self, window: Option<WindowRequest>) -> Result<Asked, ApiError> {
        self.published.demand().asked();
        let (phase, whole) = (self.published.phase(), self.published.whole());
        if whole.missing().len() == self.published.count() {
            // What would be answered is not zero, but unknown. Before anything was known, it is none.
            match phase {
                Phase::Standby => return Err(ApiError::Standby),
                _ if self.published.was_known() => return Err(ApiError::missing(whole.missing())),
                _ => {}
            }
        }
        let now = self.published.judged_at(self.clock.now());
        let window = match window {
            Some(request) => Window::of(&whole, request, now)?,
            None => Window::kept(now),
        };
        let (registry, said) = (self.registry.current(), self.alerts.said());
        Ok(Asked { whole, registry, said, window, now: full_seconds(now) })
    }
}

/// The original contract's metrics as JSON, or Prometheus exposition for a scraper.
async fn metrics(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<MetricsRequest>,
) -> Result<Response, ApiError> {
    let media_types = ["application/json", "text/plain", "application/openmetrics-text"];
    let is_json = match request.format {
        Some(format) => format == MetricsFormat::Json,
        None => accept::preferred(&headers, &media_types) == 0,
    };
    // A standby has no window to tell of, but is watched like its owner.
    let figures = |answers: Answers, asked: Asked| async move {
        let summary = answers.figures(asked.clone(), SummaryRequest::default()).await?;
        let all = SitesRequest { limit: Count::MOST, ..SitesRequest::default() };
        let sites = match is_json || asked.registry.sites().is_empty() {
            true => Vec::new(),
            false => answers.figures(asked.clone(), all).await?.sites,
        };
        Ok((summary, sites, asked))
    };
    let window = match api.persist(Some(WindowRequest::default()), false, figures).await {
        Ok(window) => Some(window),
        Err(ApiError::Standby | ApiError::Missing(_)) => None,
        Err(error) => return Err(error),
    };
    let mut response = if is_json {
        Json(original_metrics(window.as_ref().map(|(summary, ..)| summary))).into_response()
    } else {
        let window = match window {
            Some((summary, sites, asked)) => {
                let open = api.answers.open_incidents(asked).await?;
                let incidents = IncidentCounts { open, ended: api.published.incidents_ended() };
                Some(DefaultWindow { summary, sites, incidents })
            }
            None => None,
        };
        let (ledger, pipeline) = (api.published.known_ledger(), api.published.pipeline(Instant::now()));
        let (is_evicting, archive_gaps) = (api.published.is_evicting(), api.answers.archive_gaps());
        let (told, now) = (api.alerts.page(&AlertsRequest::default()), api.now());
        let window = window.as_ref();
        let text = exposition::encode(window, ledger.as_ref(), &pipeline, is_evicting, archive_gaps, &told, now)
            .map_err(|error| ApiError::internal(&error))?;
        ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Without figures before the first reading, and where there is no window.
fn original_metrics(summary: Option<&Summary>) -> OriginalMetrics {
    let Some((as_of, Summary { measures, antennas, .. })) = summary.and_then(|it| it.as_of.zip(Some(it))) else {
        return OriginalMetrics { last_update: None, service_stats: ServiceStats::None {} };
    };
    let figures = ServiceFigures {
        total_packets: measures.packets_sent,
        total_loss: measures.packets_lost,
        loss_rate: measures.success_rate.map(|rate| 1.0 - rate),
        avg_latency: measures.latency_ms.mean,
        active_antennas: antennas.active,
        delivered_packets: measures.packets_delivered,
        success_rate: measures.success_rate,
    };
    OriginalMetrics { last_update: Some(as_of.seconds()), service_stats: ServiceStats::Some(figures) }
}

async fn livez(State(api): State<Api>, _: Parameters<()>) -> Json<Health> {
    Json(Health { ok: true, phase: api.published.phase() })
}

async fn readyz(State(api): State<Api>, _: Parameters<()>) -> (StatusCode, Json<Health>) {
    let phase = api.published.phase();
    let ok = phase == Phase::Running;
    (if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(Health { ok, phase }))
}

/// Turns away who does not know the token, whatever is asked: not even which paths there are is told. Probes come from who cannot
/// be told a secret, and are told nothing but whether the process works.
async fn only_who_knows(State(door): State<Door>, request: Request, next: Next) -> Response {
    if door.admits(request.headers()) || [LIVEZ, READYZ, HEALTHZ].contains(&request.uri().path()) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

/// Gives up a request whose answer takes too long. A stream counts as answered once its first event is there.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => ApiError::TooSlow.into_response(),
    }
}

/// Most answers are of a moment: one that says nothing about it is not to be kept by anybody.
async fn not_kept(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Tells a proxy to pass a stream on as it comes.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
