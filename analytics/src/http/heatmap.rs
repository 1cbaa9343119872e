//! The heat map: all antennas over time.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use shared::api::{ErrorBody, Heatmap, path};

use super::answer::Question;
use super::parameters::{self, HeatmapParameters, Parameters};
use super::{Api, ApiError};
use crate::query::Filter;

/// All antennas over time, worst first; where there are more than rows, the better ones share rows.
#[utoipa::path(get, path = path::HEATMAP, tag = "analytics", params(HeatmapParameters), responses(
    (status = 200, body = Heatmap), (status = 304, description = "As the client holds it"),
    (status = 400, body = ErrorBody),
))]
pub(crate) async fn heatmap(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<HeatmapParameters>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(parameters.window.as_deref(), parameters.end.as_deref())?;
    let question = Question::Heatmap {
        step_ms: parameters::heatmap_step_ms(parameters.step.as_deref(), window, &snapshot)?,
        rows: parameters::heatmap_rows(parameters.rows.as_deref())?,
        filter: Filter {
            search: parameters.q.unwrap_or_default(),
            id: None,
            statuses: parameters::statuses(parameters.status.as_deref())?,
        },
    };
    api.answers.answer(snapshot, window, question).await.map(|answer| answer.respond(&headers))
}
