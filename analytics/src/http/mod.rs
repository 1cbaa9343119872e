//! HTTP: the routes of the contract's section 3. Handlers never write.
//!
//! A handler reads its request, asks the newest snapshot on a thread of [`Workers`], and answers.

mod accept;
mod answer;
mod error;
mod events;
pub mod exposition;
mod openapi;
mod parameters;
mod pipeline;
mod questions;

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use shared::UnixMillis;
use shared::api::{
    Health, OriginalMetrics, Phase, ServiceFigures, ServiceStats, Summary, SummaryRequest, WindowRequest, path,
};
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::answer::{Answers, Asked};
pub use self::error::ApiError;
use self::exposition::IncidentCounts;
use crate::answer::window::full_seconds;
use crate::answer::{About, Window};
use crate::published::Published;
use crate::settings::Thresholds;
use crate::workers::Workers;

/// A request is given up if the answer takes longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handlers share. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Api {
    published: Published,
    answers: Answers,
    clock: Clock,
    shutdown: CancellationToken,
}

/// The routes. Must be called within a tokio runtime: it starts the task that all streams of events share.
pub fn router(api: Api) -> Router {
    let events = events::Events::start(api.clone());
    Router::new()
        .route(path::METRICS, get(metrics))
        .route(path::SUMMARY, get(questions::summary))
        .route(path::ANTENNAS, get(questions::antennas))
        .route(path::ANTENNA, get(questions::antenna))
        .route(path::WORST, get(questions::worst))
        .route(path::SERIES, get(questions::series))
        .route(path::HEATMAP, get(questions::heatmap))
        .route(path::CELLS, get(questions::cells))
        .route(path::READINGS, get(questions::readings))
        .route(path::REJECTED, get(pipeline::rejected))
        .route(path::INCIDENTS, get(questions::incidents))
        .route(path::PIPELINE, get(pipeline::pipeline))
        .route(path::PIPELINE_HISTORY, get(pipeline::pipeline_history))
        .route(path::LIVEZ, get(livez))
        .route(path::READYZ, get(readyz))
        .route(path::HEALTHZ, get(readyz))
        .route(path::OPENAPI, get(openapi::document))
        .with_state(api)
        .route(path::EVENTS, get(events::events).with_state(events))
        .fallback(|| async { ApiError::NotFound("there is no such path; /openapi.json lists them".to_owned()) })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(middleware::from_fn(in_time))
}

/// Answers on a listener until shutdown.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, api: Api) -> std::io::Result<()> {
    let shutdown = api.shutdown.clone();
    let listener = listener.tap_io(|connection| {
        // Otherwise an answer in two writes would wait for the client's acknowledgement. A socket that refuses the
        // option is about to fail anyway.
        let _failed = connection.set_nodelay(true);
    });
    axum::serve(listener, router(api)).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

impl Api {
    /// Asks about the newest snapshots on query threads; what counts as degraded is up to the thresholds.
    #[must_use]
    pub fn new(
        published: Published,
        workers: Workers,
        thresholds: Thresholds,
        clock: Clock,
        shutdown: CancellationToken,
    ) -> Self {
        Self { published, answers: Answers::new(workers, thresholds), clock, shutdown }
    }

    /// The current time by the broker's clock, which arrivals are told by.
    fn now(&self) -> UnixMillis {
        self.published.by_broker(self.clock.now())
    }

    /// The newest snapshot with what a question to it is about.
    fn asked(&self, about: About) -> Result<Asked, ApiError> {
        let (snapshot, now) = (self.published.snapshot(), self.published.judged_at(self.clock.now()));
        let window = match about {
            About::Window(request) => Window::of(&snapshot, request, now)?,
            About::Kept => Window::kept(now),
        };
        Ok(Asked { snapshot, window, now: full_seconds(now) })
    }
}

/// The original contract's metrics as JSON, or Prometheus exposition for a scraper.
#[utoipa::path(get, path = path::METRICS, tag = "analytics", responses(
    (status = 200, description = "Over the default window", content(
        (OriginalMetrics = "application/json"), (String = "text/plain"),
    )),
))]
pub(crate) async fn metrics(State(api): State<Api>, headers: HeaderMap) -> Result<Response, ApiError> {
    let asked = api.asked(About::Window(WindowRequest::default()))?;
    let summary = api.answers.figures(asked.clone(), SummaryRequest::default()).await?;
    match accept::preferred(&headers, &["application/json", "text/plain", "application/openmetrics-text"]) {
        0 => Ok(Json(original_metrics(&summary)).into_response()),
        _ => {
            let now = api.now();
            let incidents = IncidentCounts {
                open: api.answers.open_incidents(asked).await?,
                ended: api.published.incidents_ended(),
            };
            let (ledger, pipeline) = (api.published.owned_ledger(), api.published.pipeline(Instant::now()));
            let text =
                exposition::encode(&summary, incidents, ledger.as_ref(), &pipeline, api.published.is_evicting(), now)
                    .map_err(|error| ApiError::internal(&error))?;
            Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
        }
    }
}

fn original_metrics(summary: &Summary) -> OriginalMetrics {
    let measures = &summary.measures;
    let figures = ServiceFigures {
        total_packets: measures.packets_sent,
        total_loss: measures.packets_lost,
        loss_rate: measures.success_rate.map(|rate| 1.0 - rate),
        avg_latency: measures.latency_ms.mean,
        active_antennas: summary.antennas.active,
        delivered_packets: measures.packets_delivered,
        success_rate: measures.success_rate,
    };
    OriginalMetrics {
        last_update: summary.as_of.map(UnixMillis::seconds),
        service_stats: if summary.as_of.is_some() { ServiceStats::Some(figures) } else { ServiceStats::None {} },
    }
}

/// Whether the process works. Does not depend on the broker.
#[utoipa::path(get, path = path::LIVEZ, tag = "analytics", responses((status = 200, body = Health)))]
pub(crate) async fn livez(State(api): State<Api>) -> Json<Health> {
    Json(Health { ok: true, phase: api.published.phase() })
}

/// Whether readings are read and committed. `/healthz` answers the same.
#[utoipa::path(get, path = path::READYZ, tag = "analytics", responses(
    (status = 200, body = Health), (status = 503, body = Health),
))]
pub(crate) async fn readyz(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let phase = api.published.phase();
    let ok = phase == Phase::Running;
    (if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(Health { ok, phase }))
}

/// Gives up a request whose answer takes too long. A stream counts as answered once its first event is there.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => ApiError::TooSlow.into_response(),
    }
}
