//! The heat map: all antennas over time.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::api::{ErrorBody, Heatmap, HeatmapRequest, WindowRequest, path};

use super::answer::Question;
use super::parameters::{self, Parameters};
use super::{Api, ApiError, JSON, accept};

/// All antennas over time, worst first; if there are more antennas than rows, the better ones share rows.
#[utoipa::path(get, path = path::HEATMAP, tag = "analytics", params(Parameters<HeatmapRequest>), responses(
    (status = 200, body = Heatmap), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody), (status = 406, body = ErrorBody),
))]
pub(crate) async fn heatmap(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<HeatmapRequest>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(request.window)?;
    let step_ms = parameters::heatmap_step_ms(request.step, window, &snapshot)?;
    let format = accept::format(&headers, request.format, &JSON)?;
    let request = HeatmapRequest { window: WindowRequest::default(), step: None, format: Some(format), ..request };
    let answer = api.answers.answer(snapshot, window, Question::Heatmap { request, step_ms }).await?;
    Ok(answer.respond(&headers))
}
