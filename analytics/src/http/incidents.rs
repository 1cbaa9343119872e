//! The route of incidents.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use shared::api::{ErrorBody, IncidentKind, IncidentPage, path};
use utoipa::IntoParams;

use super::answer::Question;
use super::parameters::{self, Parameters};
use super::{Api, ApiError, wants_csv};
use crate::aggregate::Grid;
use crate::query::IncidentFilter;

/// Of incidents.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentsParameters {
    /// Only incidents that overlap a window of this length; by default all that are kept.
    pub(crate) window: Option<String>,
    /// Where the window ends, see the summary; only together with `window`.
    pub(crate) end: Option<String>,
    /// Only incidents of this kind: `down`, `degraded` or `silent`.
    pub(crate) kind: Option<String>,
    /// `open`: only incidents that last; `ended`: only those that have ended.
    pub(crate) state: Option<String>,
    /// Only incidents of this antenna.
    pub(crate) antenna: Option<String>,
    /// Only incidents of antennas whose id contains this text, in upper or lower case.
    pub(crate) q: Option<String>,
    /// Rows at most, 1 to 10,000; 100 by default.
    pub(crate) limit: Option<String>,
    /// Rows to leave out first.
    pub(crate) offset: Option<String>,
    /// `json` (default) or `csv`.
    pub(crate) format: Option<String>,
}

/// When antennas degraded, went down or fell silent, newest start first.
#[utoipa::path(get, path = path::INCIDENTS, tag = "analytics", params(IncidentsParameters), responses(
    (status = 200, content((IncidentPage = "application/json"), (String = "text/csv"))),
    (status = 304, description = "As the client holds it"), (status = 400, body = ErrorBody),
))]
pub(crate) async fn incidents(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<IncidentsParameters>,
) -> Result<Response, ApiError> {
    let (snapshot, window) = api.window(parameters.window.as_deref(), parameters.end.as_deref())?;
    if parameters.end.is_some() && parameters.window.is_none() {
        return Err(ApiError::parameter("end", "it ends a window, so window is needed too"));
    }
    let known_kinds = IncidentKind::ALL.map(|kind| (kind.as_str(), kind));
    let filter = IncidentFilter {
        is_windowed: parameters.window.is_some(),
        kind: parameters::choose_any("kind", parameters.kind.as_deref(), &known_kinds)?,
        is_open: parameters::choose_any("state", parameters.state.as_deref(), &[("open", true), ("ended", false)])?,
        antenna: parameters.antenna,
        search: parameters.q.unwrap_or_default(),
    };
    let question = Question::Incidents {
        filter,
        paging: parameters::paging(parameters.limit.as_deref(), parameters.offset.as_deref())?,
        now_ms: Grid::of_width(1_000).floor(api.clock.now().0),
        is_csv: wants_csv(&headers, parameters.format.as_deref())?,
    };
    api.answers.answer(snapshot, window, question).await.map(|answer| answer.respond(&headers))
}
