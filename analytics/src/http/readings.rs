//! The route of an antenna's last readings.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::api::{ErrorBody, ReadingsRequest, RecentReadings, path};

use super::answer::Question;
use super::parameters::Parameters;
use super::{Api, ApiError, JSON, accept};
use crate::query::Window;

/// The readings of an antenna that were counted last, newest arrival first. They are kept in memory only and
/// are lost at a restart.
#[utoipa::path(get, path = path::READINGS, tag = "analytics", params(Parameters<ReadingsRequest>), responses(
    (status = 200, body = RecentReadings), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 406, body = ErrorBody),
))]
pub(crate) async fn readings(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<ReadingsRequest>,
) -> Result<Response, ApiError> {
    let format = accept::format(&headers, request.format, &JSON)?;
    let question = Question::Readings(ReadingsRequest { format: Some(format), ..request });
    let answer = api.answers.answer(api.published.snapshot(), Window::NONE, question).await?;
    Ok(answer.respond(&headers))
}
