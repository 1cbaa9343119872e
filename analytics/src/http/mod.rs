//! HTTP: the routes of the contract's section 3. Handlers never write.
//!
//! A handler reads its request, asks the newest snapshot on a thread of [`Workers`], and answers.

mod accept;
mod answer;
mod csv;
mod error;
mod events;
pub mod exposition;
mod heatmap;
mod incidents;
mod openapi;
mod parameters;
mod pipeline;
mod readings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use shared::api::{
    AntennaPage, AntennaRequest, AntennaRow, AntennasRequest, ErrorBody, Format, Health, OriginalMetrics, Phase,
    Series, SeriesRequest, ServiceFigures, ServiceStats, Summary, SummaryRequest, WindowRequest, WorstRequest, path,
};
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::answer::{Answers, Question};
pub use self::error::ApiError;
use self::exposition::IncidentCounts;
use self::parameters::Parameters;
use crate::published::Published;
use crate::query::Window;
use crate::settings::Thresholds;
use crate::store::Snapshot;
use crate::workers::Workers;

/// A request is given up if the answer takes longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The formats of an answer that is not written as a table.
const JSON: [Format; 1] = [Format::Json];

/// The formats of a table.
const TABLE: [Format; 2] = [Format::Json, Format::Csv];

/// What the handlers share. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Api {
    published: Published,
    answers: Answers,
    retention_ms: i64,
    clock: Clock,
    shutdown: CancellationToken,
}

/// The routes. Must be called within a tokio runtime: it starts the task that all streams of events share.
pub fn router(api: Api) -> Router {
    let events = events::Events::start(api.clone());
    Router::new()
        .route(path::METRICS, get(metrics))
        .route(path::SUMMARY, get(summary))
        .route(path::ANTENNAS, get(antennas))
        .route(path::ANTENNA, get(antenna))
        .route(path::WORST, get(worst))
        .route(path::SERIES, get(series))
        .route(path::HEATMAP, get(heatmap::heatmap))
        .route(path::READINGS, get(readings::readings))
        .route(path::REJECTED, get(pipeline::rejected))
        .route(path::INCIDENTS, get(incidents::incidents))
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
    /// Asks about the newest snapshots on query threads; the thresholds decide what counts as degraded, and a window
    /// is at most `retention_ms` long.
    #[must_use]
    pub fn new(
        published: Published,
        workers: Workers,
        thresholds: Thresholds,
        retention_ms: i64,
        clock: Clock,
        shutdown: CancellationToken,
    ) -> Self {
        Self { published, answers: Answers::new(workers, thresholds), retention_ms, clock, shutdown }
    }

    /// The newest snapshot with a window of it.
    fn window(&self, request: WindowRequest) -> Result<(Arc<Snapshot>, Window), ApiError> {
        let snapshot = self.published.snapshot();
        let window = parameters::window(&snapshot, request, self.retention_ms, self.clock.now())?;
        Ok((snapshot, window))
    }
}

/// The original contract's metrics as JSON, or Prometheus exposition for a scraper.
#[utoipa::path(get, path = path::METRICS, tag = "analytics", responses(
    (status = 200, description = "Over the default window", content(
        (OriginalMetrics = "application/json"), (String = "text/plain"),
    )),
))]
pub(crate) async fn metrics(State(api): State<Api>, headers: HeaderMap) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(WindowRequest::default())?;
    let summary = api.answers.summary(Arc::clone(&snapshot), window).await?;
    match accept::preferred(&headers, &["application/json", "text/plain", "application/openmetrics-text"]) {
        0 => Ok(Json(original_metrics(&summary)).into_response()),
        _ => {
            let now = api.clock.now();
            let incidents = IncidentCounts {
                open: api.answers.open_incidents(snapshot, now.0).await?,
                ended: api.published.incidents_ended(),
            };
            let (ledger, pipeline) = (api.published.owned_ledger(), api.published.pipeline(Instant::now()));
            let text = exposition::encode(&summary, incidents, ledger.as_ref(), &pipeline, now)
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
        last_update: summary.as_of.map(shared::UnixMillis::seconds),
        service_stats: if summary.as_of.is_some() { ServiceStats::Some(figures) } else { ServiceStats::None {} },
    }
}

/// One window over the whole network.
#[utoipa::path(get, path = path::SUMMARY, tag = "analytics", params(Parameters<SummaryRequest>), responses(
    (status = 200, body = Summary), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody),
))]
pub(crate) async fn summary(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<SummaryRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window)?;
    api.answers.answer(snapshot, window, Question::Summary).await.map(|answer| answer.respond(&headers))
}

/// Antennas, searched, sorted and paged.
#[utoipa::path(get, path = path::ANTENNAS, tag = "analytics", params(Parameters<AntennasRequest>), responses(
    (status = 200, content((AntennaPage = "application/json"), (String = "text/csv"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody), (status = 406, body = ErrorBody),
))]
pub(crate) async fn antennas(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<AntennasRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window)?;
    let step = parameters::history_step(request.step, window, &snapshot, request.limit.get())?;
    let format = accept::format(&headers, request.format, &TABLE)?;
    // A row of CSV has no room for a history.
    let step = step.filter(|_| format == Format::Json);
    let request = AntennasRequest { window: WindowRequest::default(), step, format: Some(format), ..request };
    let question = Question::Antennas(request);
    api.answers.answer(snapshot, window, question).await.map(|answer| answer.respond(&headers))
}

/// One antenna.
#[utoipa::path(get, path = path::ANTENNA, tag = "analytics",
    params(("id" = String, Path, description = "The antenna's id, percent-encoded"), Parameters<AntennaRequest>), responses(
    (status = 200, body = AntennaRow), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(crate) async fn antenna(
    State(api): State<Api>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    Parameters(request): Parameters<AntennaRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window)?;
    let Path(id) = id.map_err(|_| ApiError::parameter("id", "percent-encoded UTF-8 is needed"))?;
    api.answers.answer(snapshot, window, Question::Antenna { id }).await.map(|answer| answer.respond(&headers))
}

/// The worst antennas.
#[utoipa::path(get, path = path::WORST, tag = "analytics", params(Parameters<WorstRequest>), responses(
    (status = 200, body = AntennaPage), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 406, body = ErrorBody),
))]
pub(crate) async fn worst(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<WorstRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window)?;
    let step = parameters::history_step(request.step, window, &snapshot, request.limit.get())?;
    let format = accept::format(&headers, request.format, &JSON)?;
    let question =
        Question::Worst(WorstRequest { window: WindowRequest::default(), step, format: Some(format), ..request });
    api.answers.answer(snapshot, window, question).await.map(|answer| answer.respond(&headers))
}

/// A window in steps.
#[utoipa::path(get, path = path::SERIES, tag = "analytics", params(Parameters<SeriesRequest>), responses(
    (status = 200, content((Series = "application/json"), (String = "text/csv"))),
    (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 406, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(crate) async fn series(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<SeriesRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window)?;
    let step_ms = parameters::step_ms(request.step, window, snapshot.grid.width_ms)?;
    let format = accept::format(&headers, request.format, &TABLE)?;
    let request = SeriesRequest { window: WindowRequest::default(), step: None, format: Some(format), ..request };
    let question = Question::Series { request, step_ms };
    api.answers.answer(snapshot, window, question).await.map(|answer| answer.respond(&headers))
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
