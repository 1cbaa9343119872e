//! The routes: a request says what is asked and answered, so a question is a line of [`router`]. What is said of them is
//! [`shared::api::description`].

use std::time::Instant;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Query, RawPathParams, State};
use axum::handler::Handler;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use shared::api::description::document;
use shared::api::request::{Part, read_all};
use shared::api::{
    AcknowledgementsRequest, AlertsRequest, AntennaRequest, AntennasRequest, AuditRequest, CancelRequest, CellsRequest,
    HeatmapRequest, IncidentsRequest, MaintenanceRequest, MapRequest, MetricsRequest, MutesRequest, NewAcknowledgement,
    NewMaintenance, NewMute, NewNote, NotesRequest, Pipeline, PipelineHistoryRequest, PipelineRequest,
    PublicStatusRequest, ReadingsRequest, RejectedRequest, Request, SeriesRequest, SitesRequest, Strictly,
    SummaryRequest, UnacknowledgeRequest, UnmuteRequest, UnnoteRequest, WorstRequest, path,
};

use super::answer::Answers;
use super::events::Events;
use super::{Api, ApiError, accept, livez, metrics, orders, readyz};
use crate::answer::Question;

/// All routes.
pub(super) fn router(api: Api) -> Router {
    let events = Events::start(api.clone());
    Routes::default()
        .question::<SummaryRequest>()
        .question::<AntennasRequest>()
        .question::<AntennaRequest>()
        .question::<WorstRequest>()
        .question::<SitesRequest>()
        .question::<MapRequest>()
        .question::<PublicStatusRequest>()
        .question::<SeriesRequest>()
        .question::<HeatmapRequest>()
        .question::<IncidentsRequest>()
        .question::<ReadingsRequest>()
        .request::<CellsRequest, _>(cells)
        .told::<RejectedRequest>(|api, request| api.published.rejected(request.reason, request.limit.get()))
        .told::<AlertsRequest>(|api, request| api.alerts.page(&request))
        .told::<MaintenanceRequest>(|api, _| api.alerts.maintenance())
        .told::<MutesRequest>(|api, _| api.alerts.mutes())
        .told::<AcknowledgementsRequest>(|api, _| api.alerts.acknowledgements())
        .told::<NotesRequest>(|api, _| api.alerts.notes())
        .told::<AuditRequest>(|api, request| api.alerts.audit(&request))
        .changed(path::MAINTENANCE, post(orders::say::<NewMaintenance>).delete(orders::take_back::<CancelRequest>))
        .changed(path::MUTES, post(orders::say::<NewMute>).delete(orders::take_back::<UnmuteRequest>))
        .changed(
            path::ACKNOWLEDGEMENTS,
            post(orders::say::<NewAcknowledgement>).delete(orders::take_back::<UnacknowledgeRequest>),
        )
        .changed(path::NOTES, post(orders::say::<NewNote>).delete(orders::take_back::<UnnoteRequest>))
        .told::<PipelineRequest>(|api, _| Pipeline { now: Some(api.now()), ..api.published.pipeline(Instant::now()) })
        .told::<PipelineHistoryRequest>(|api, _| api.published.pipeline_history(api.clock.now()))
        .request::<MetricsRequest, _>(metrics)
        .route(path::LIVEZ, livez)
        .route(path::READYZ, readyz)
        .route(path::HEALTHZ, readyz)
        .route(path::EVENTS, move |_: Parameters<()>| events.clone().stream())
        .route(path::OPENAPI, async |_: Parameters<()>| Json(document()))
        .0
        .with_state(api)
}

/// Puts a question to the newest snapshot, and answers in the format that the client prefers.
async fn ask<Q: Question>(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(Strictly { question, strict }): Parameters<Strictly<Q>>,
) -> Result<Response, ApiError> {
    let format = accept::format(&headers, &question);
    let window = question.window();
    let ask = |answers: Answers, asked| {
        let question = question.clone();
        async move { answers.answer(asked, question, format).await }
    };
    Ok(api.persist(window, strict, ask).await?.respond(&headers))
}

async fn cells(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(Strictly { question: request, strict }): Parameters<Strictly<CellsRequest>>,
) -> Result<Response, ApiError> {
    let format = accept::format(&headers, &request);
    let window = request.window();
    let ask = |answers: Answers, asked| {
        let request = request.clone();
        async move { answers.cells(asked, request, format).await }
    };
    api.persist(window, strict, ask).await
}

/// The parameters of a request, in its path and query string. What cannot be understood is refused with the contract's error
/// body, and so is what is not known.
#[derive(Debug, Clone)]
pub(super) struct Parameters<P>(pub(super) P);

impl<S: Send + Sync, P: Part> FromRequestParts<S> for Parameters<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let in_path = RawPathParams::from_request_parts(parts, state).await;
        let in_path = in_path.map_err(|rejection| ApiError::BadParameter(rejection.body_text()))?;
        let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|rejection| ApiError::BadParameter(rejection.body_text()))?;
        pairs.extend(in_path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self(read_all(pairs)?))
    }
}

/// Routes under the paths of their requests.
#[derive(Default)]
struct Routes(Router<Api>);

impl Routes {
    fn question<Q: Question>(self) -> Self {
        self.request::<Q, _>(ask::<Q>)
    }

    /// A request that is answered with what is known at the moment.
    fn told<R: Request + Send + 'static>(self, tell: fn(&Api, R) -> R::Answer) -> Self {
        self.request::<R, _>(move |State(api): State<Api>, Parameters(request): Parameters<R>| async move {
            Json(tell(&api, request))
        })
    }

    /// A request that is answered by a handler.
    fn request<R: Request, T: 'static>(self, handler: impl Handler<T, Api>) -> Self {
        self.route(R::PATH, handler)
    }

    /// What people change at a path.
    fn changed(mut self, path: &str, methods: MethodRouter<Api>) -> Self {
        self.0 = self.0.route(path, methods.layer(DefaultBodyLimit::max(orders::BODY_BYTES_MAX)));
        self
    }

    fn route<T: 'static>(mut self, path: &str, handler: impl Handler<T, Api>) -> Self {
        self.0 = self.0.route(path, get(handler));
        self
    }
}
