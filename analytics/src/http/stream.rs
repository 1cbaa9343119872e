//! What passed through the stream of late: readings of an antenna, rejected entries, and the pace of the pipeline.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::api::{ErrorBody, PipelineHistory, RecentReadings, RejectedPage, path};

use super::answer::Question;
use super::parameters::{self, NoParameters, Parameters, ReadingsParameters, RejectedParameters};
use super::{Api, ApiError};
use crate::query::Window;

/// The readings of an antenna that were counted last, newest arrival first. They are kept in memory and not across a
/// restart.
#[utoipa::path(get, path = path::READINGS, tag = "analytics", params(ReadingsParameters), responses(
    (status = 200, body = RecentReadings), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(crate) async fn readings(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ReadingsParameters>,
) -> Result<Response, ApiError> {
    let limit = parameters::readings_limit(parameters.limit.as_deref())?;
    let question = Question::Readings { antenna: parameters.antenna, limit };
    let answer = api.answers.answer(api.published.snapshot(), Window::NONE, question).await?;
    Ok(answer.respond(&headers))
}

/// How many entries were rejected and why, with the newest examples.
#[utoipa::path(get, path = path::REJECTED, tag = "analytics", params(RejectedParameters), responses(
    (status = 200, body = RejectedPage), (status = 400, body = ErrorBody),
))]
pub(crate) async fn rejected(
    State(api): State<Api>,
    Parameters(parameters): Parameters<RejectedParameters>,
) -> Result<Json<RejectedPage>, ApiError> {
    let reason = parameters::reason(parameters.reason.as_deref())?;
    let limit = parameters::rejected_limit(parameters.limit.as_deref())?;
    Ok(Json(api.published.rejected(reason, limit)))
}

/// The pace of the pipeline over the last five minutes, in steps of two seconds.
#[utoipa::path(get, path = path::PIPELINE_HISTORY, tag = "analytics", responses(
    (status = 200, body = PipelineHistory), (status = 400, body = ErrorBody),
))]
pub(crate) async fn pipeline_history(
    State(api): State<Api>,
    Parameters(NoParameters {}): Parameters<NoParameters>,
) -> Json<PipelineHistory> {
    Json(api.published.pipeline_history(api.clock.now()))
}
