//! The description of the API, generated from the handlers and the types.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

#[derive(OpenApi)]
#[openapi(
    info(title = "Vigía analytics", description = "Windowed metrics of a communication network."),
    paths(
        super::metrics,
        super::questions::summary,
        super::questions::antennas,
        super::questions::antenna,
        super::questions::worst,
        super::questions::series,
        super::questions::heatmap,
        super::questions::cells,
        super::questions::readings,
        super::pipeline::rejected,
        super::questions::incidents,
        super::pipeline::pipeline,
        super::pipeline::pipeline_history,
        super::events::events,
        super::livez,
        super::readyz,
        healthz,
        document,
    )
)]
struct Api;

/// Readiness under its older name; the same as `/readyz`.
#[utoipa::path(get, path = shared::api::path::HEALTHZ, tag = "analytics", responses(
    (status = 200, body = shared::api::Health), (status = 503, body = shared::api::Health),
))]
#[expect(dead_code, reason = "the route is served by `readyz`; this carries its description")]
fn healthz() {}

/// This description.
#[utoipa::path(get, path = shared::api::path::OPENAPI, tag = "analytics", responses((status = 200, description = "OpenAPI 3.1")))]
pub(crate) async fn document() -> Json<Document> {
    Json(Api::openapi())
}
