//! The routes of the pipeline: its progress and ledger, its recent pace, and the entries that it rejected.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use shared::api::{ErrorBody, Pipeline, PipelineHistory, PipelineHistoryRequest, RejectedPage, RejectedRequest, path};

use super::Api;
use super::parameters::Parameters;

/// Progress and the ledger.
#[utoipa::path(get, path = path::PIPELINE, tag = "analytics", responses((status = 200, body = Pipeline)))]
pub(crate) async fn pipeline(State(api): State<Api>) -> Json<Pipeline> {
    let now = Some(api.now());
    Json(Pipeline { now, ..api.published.pipeline(Instant::now()) })
}

/// The pace of the pipeline over the last five minutes, in steps of two seconds.
#[utoipa::path(get, path = path::PIPELINE_HISTORY, tag = "analytics", responses(
    (status = 200, body = PipelineHistory), (status = 400, body = ErrorBody),
))]
pub(crate) async fn pipeline_history(
    State(api): State<Api>,
    Parameters(PipelineHistoryRequest {}): Parameters<PipelineHistoryRequest>,
) -> Json<PipelineHistory> {
    Json(api.published.pipeline_history(api.clock.now()))
}

/// How many entries were rejected and why, with the newest examples.
#[utoipa::path(get, path = path::REJECTED, tag = "analytics", params(Parameters<RejectedRequest>), responses(
    (status = 200, body = RejectedPage), (status = 400, body = ErrorBody),
))]
pub(crate) async fn rejected(
    State(api): State<Api>,
    Parameters(request): Parameters<RejectedRequest>,
) -> Json<RejectedPage> {
    Json(api.published.rejected(request.reason, request.limit.get()))
}
