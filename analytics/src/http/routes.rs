//! The routes and their description, from one table: a request says what is asked and answered, so a question is a line of
//! [`router`].

use std::collections::BTreeMap;
use std::time::Instant;

use axum::extract::{FromRequestParts, Query, RawPathParams, State};
use axum::handler::Handler;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use shared::api::request::{Part, read_all};
use shared::api::{
    AntennaRequest, AntennasRequest, CellsRequest, ErrorBody, Format, Health, HeatmapRequest, IncidentsRequest,
    MetricsRequest, Pipeline, PipelineHistoryRequest, PipelineRequest, ReadingsRequest, RejectedRequest, Request,
    SeriesRequest, Summary, SummaryRequest, WorstRequest, path,
};
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};

use super::answer::TOTAL_COUNT;
use super::events::Events;
use super::{Api, ApiError, accept, livez, metrics, readyz};
use crate::answer::Question;

/// All routes.
pub(super) fn router(api: Api) -> Router {
    let events = Events::start(api.clone());
    let mut routes = Routes::default()
        .question::<SummaryRequest>()
        .question::<AntennasRequest>()
        .question::<AntennaRequest>()
        .question::<WorstRequest>()
        .question::<SeriesRequest>()
        .question::<HeatmapRequest>()
        .question::<IncidentsRequest>()
        .question::<ReadingsRequest>()
        .request::<CellsRequest, _>(&[], cells)
        .told::<RejectedRequest>(|api, request| api.published.rejected(request.reason, request.limit.get()))
        .told::<PipelineRequest>(|api, _| Pipeline { now: Some(api.now()), ..api.published.pipeline(Instant::now()) })
        .told::<PipelineHistoryRequest>(|api, _| api.published.pipeline_history(api.clock.now()))
        .request::<MetricsRequest, _>(&["text/plain"], metrics);
    let (health, summary) =
        (routes.content::<Health>("application/json"), routes.content::<Summary>("text/event-stream"));
    let works = |meaning| json!({"200": answer(meaning, &health)});
    let works_or_not = || json!({"200": answer("It is", &health), "503": answer("It is not", &health)});
    let snapshots = json!({"200": answer("Events named `snapshot` with a summary as data", &summary)});
    routes
        .route(path::LIVEZ, "Whether the process works. Does not depend on the broker.", works("It does"), livez)
        .route(path::READYZ, "Whether readings are read and committed.", works_or_not(), readyz)
        .route(path::HEALTHZ, "Readiness under its older name.", works_or_not(), readyz)
        .route(
            path::EVENTS,
            "The default window's summary, now and after each change.",
            snapshots,
            move |_: Parameters<()>| events.clone().stream(),
        )
        .finish()
        .with_state(api)
}

/// Puts a question to the newest snapshot, and answers in the format that the client prefers.
async fn ask<Q: Question>(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(question): Parameters<Q>,
) -> Result<Response, ApiError> {
    let format = accept::format(&headers, &question);
    let answer = api.answers.answer(api.asked(question.window())?, question, format).await?;
    Ok(answer.respond(&headers))
}

async fn cells(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<CellsRequest>,
) -> Result<Response, ApiError> {
    let format = accept::format(&headers, &request);
    api.answers.cells(api.asked(request.window())?, request, format).await
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

/// Routes with what the OpenAPI document says of them.
#[derive(Default)]
struct Routes {
    router: Router<Api>,
    paths: Map<String, Value>,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Routes {
    fn question<Q: Question>(self) -> Self {
        let mut routes = self.request::<Q, _>(&[], ask::<Q>);
        let responses = &mut routes.paths[Q::PATH]["get"]["responses"];
        responses["304"] = json!({"description": "As the client holds it"});
        if Q::IS_LIST {
            responses["200"]["headers"] = json!({
                TOTAL_COUNT.as_str(): {
                    "description": "The rows that there are, whether in this answer or not.", "required": true,
                    "schema": {"type": "integer", "minimum": 0},
                },
                "link": {
                    "description": "Where the rows that follow are, with `rel=\"next\"`, if the route has an offset and some follow.",
                    "schema": {"type": "string"},
                },
            });
        }
        routes
    }

    /// A request that is answered with what is known at the moment.
    fn told<R: Request + Send + 'static>(self, tell: fn(&Api, R) -> R::Answer) -> Self {
        self.request::<R, _>(&[], move |State(api): State<Api>, Parameters(request): Parameters<R>| async move {
            Json(tell(&api, request))
        })
    }

    /// A request that is answered by a handler, as text of other media types too.
    fn request<R: Request, T: 'static>(mut self, texts: &[&str], handler: impl Handler<T, Api>) -> Self {
        let mut content = self.content::<R::Answer>(Format::Json.media_type());
        for format in R::FORMATS.iter().filter(|format| **format != Format::Json) {
            let is_text = *format == Format::Csv;
            content[format.media_type()] = if is_text { json!({"schema": {"type": "string"}}) } else { json!({}) };
        }
        for text in texts {
            content[*text] = json!({"schema": {"type": "string"}});
        }
        self.describe(R::PATH, R::MEANING, R::parameters(), json!({"200": answer("The answer", &content)}));
        self.router = self.router.route(R::PATH, get(handler));
        self
    }

    /// A route without parameters.
    fn route<T: 'static>(mut self, path: &str, meaning: &str, responses: Value, handler: impl Handler<T, Api>) -> Self {
        self.describe(path, meaning, Vec::new(), responses);
        self.router = self.router.route(path, get(handler));
        self
    }

    fn describe(&mut self, path: &str, meaning: &str, parameters: Vec<Parameter>, mut responses: Value) {
        let error = answer("An error, and why", &self.content::<ErrorBody>("application/json"));
        responses["4XX"] = error.clone();
        responses["5XX"] = error;
        let id = path.trim_start_matches("/api/v1").replace("s/{id}", "").replace(['/', '.'], "_");
        let operation = json!({
            "tags": ["analytics"], "operationId": id.trim_start_matches('_'), "summary": meaning,
            "parameters": parameters, "responses": responses,
        });
        self.paths.insert(path.to_owned(), json!({"get": operation}));
    }

    /// Content of a type, whose schema becomes a part of the document.
    fn content<T: ToSchema>(&mut self, media_type: &str) -> Value {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        self.schemas.extend(schemas);
        json!({media_type: {"schema": {"$ref": format!("#/components/schemas/{}", T::name())}}})
    }

    /// The routes, one of which has the document.
    fn finish(mut self) -> Router<Api> {
        let document = answer("OpenAPI 3.1", &json!({"application/json": {"schema": {"type": "object"}}}));
        self.describe(path::OPENAPI, "This description.", Vec::new(), json!({"200": document}));
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Vigía analytics", "version": env!("CARGO_PKG_VERSION"),
                "description": "Windowed metrics of a communication network.",
            },
            "paths": self.paths, "components": {"schemas": self.schemas},
        });
        self.router.route(path::OPENAPI, get(async move |_: Parameters<()>| Json(document)))
    }
}

fn answer(description: &str, content: &Value) -> Value {
    json!({"description": description, "content": content})
}
