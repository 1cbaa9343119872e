//! The route of incidents.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::api::{ErrorBody, IncidentPage, IncidentsRequest, WindowRequest, path};

use super::answer::Question;
use super::parameters::Parameters;
use super::{Api, ApiError, TABLE, accept};
use crate::aggregate::Grid;

/// When antennas degraded, went down or fell silent, newest start first.
#[utoipa::path(get, path = path::INCIDENTS, tag = "analytics", params(Parameters<IncidentsRequest>), responses(
    (status = 200, content((IncidentPage = "application/json"), (String = "text/csv"))),
    (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 406, body = ErrorBody),
))]
pub(crate) async fn incidents(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<IncidentsRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window.map_or_else(WindowRequest::default, WindowRequest::from))?;
    let format = accept::format(&headers, request.format, &TABLE)?;
    let question = Question::Incidents {
        request: IncidentsRequest { format: Some(format), ..request },
        now_ms: Grid::of_width(1_000).floor(api.clock.now().0),
    };
    api.answers.answer(snapshot, window, question).await.map(|answer| answer.respond(&headers))
}
