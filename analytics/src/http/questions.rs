//! The routes of questions to a snapshot.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use shared::api::{
    AntennaPage, AntennaRequest, AntennaRow, AntennasRequest, Cells, CellsRequest, ErrorBody, Heatmap, HeatmapRequest,
    IncidentPage, IncidentsRequest, ReadingsRequest, RecentReadings, Series, SeriesRequest, Summary, SummaryRequest,
    WorstRequest, path,
};

use super::parameters::Parameters;
use super::{Api, ApiError, accept};
use crate::answer::antenna::AntennaQuestion;
use crate::answer::format::TABLES;
use crate::answer::{About, Question};

/// Puts a question to the newest snapshot, and answers in the format that the client prefers.
async fn ask<Q: Question>(api: &Api, headers: &HeaderMap, question: Q) -> Result<Response, ApiError> {
    let asked = api.asked(question.about())?;
    let format = accept::format(headers, question.format(), Q::FORMATS);
    api.answers.answer(asked, question, format).await.map(|answer| answer.respond(headers))
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
    ask(&api, &headers, request).await
}

/// Antennas, searched, sorted and paged.
#[utoipa::path(get, path = path::ANTENNAS, tag = "analytics", params(Parameters<AntennasRequest>), responses(
    (status = 200, content((AntennaPage = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
))]
pub(crate) async fn antennas(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<AntennasRequest>,
) -> Result<Response, ApiError> {
    ask(&api, &headers, request).await
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
    let Path(id) = id.map_err(|_| ApiError::parameter("id", "percent-encoded UTF-8 is needed"))?;
    ask(&api, &headers, AntennaQuestion { id, request }).await
}

/// The worst antennas.
#[utoipa::path(get, path = path::WORST, tag = "analytics", params(Parameters<WorstRequest>), responses(
    (status = 200, content((AntennaPage = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
))]
pub(crate) async fn worst(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<WorstRequest>,
) -> Result<Response, ApiError> {
    ask(&api, &headers, request).await
}

/// A window in steps.
#[utoipa::path(get, path = path::SERIES, tag = "analytics", params(Parameters<SeriesRequest>), responses(
    (status = 200, content((Series = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody),
))]
pub(crate) async fn series(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<SeriesRequest>,
) -> Result<Response, ApiError> {
    ask(&api, &headers, request).await
}

/// All antennas over time, worst first; where there are more than rows, the better ones share rows.
#[utoipa::path(get, path = path::HEATMAP, tag = "analytics", params(Parameters<HeatmapRequest>), responses(
    (status = 200, content((Heatmap = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
))]
pub(crate) async fn heatmap(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<HeatmapRequest>,
) -> Result<Response, ApiError> {
    ask(&api, &headers, request).await
}

/// What each antenna measured in each step, oldest step first, then by id. The table is written as it is read, so it has no
/// `ETag`.
#[utoipa::path(get, path = path::CELLS, tag = "analytics", params(Parameters<CellsRequest>), responses(
    (status = 200, content((Cells = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(crate) async fn cells(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<CellsRequest>,
) -> Result<Response, ApiError> {
    let asked = api.asked(About::Window(request.window))?;
    let format = accept::format(&headers, request.format, TABLES);
    api.answers.cells(asked, request, format).await
}

/// When antennas degraded, went down or fell silent, newest start first.
#[utoipa::path(get, path = path::INCIDENTS, tag = "analytics", params(Parameters<IncidentsRequest>), responses(
    (status = 200, content((IncidentPage = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
))]
pub(crate) async fn incidents(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<IncidentsRequest>,
) -> Result<Response, ApiError> {
    ask(&api, &headers, request).await
}

/// The readings of an antenna that were counted last, newest arrival first. They are kept in memory and not across a
/// restart.
#[utoipa::path(get, path = path::READINGS, tag = "analytics", params(Parameters<ReadingsRequest>), responses(
    (status = 200, content((RecentReadings = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody),
))]
pub(crate) async fn readings(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<ReadingsRequest>,
) -> Result<Response, ApiError> {
    ask(&api, &headers, request).await
}
