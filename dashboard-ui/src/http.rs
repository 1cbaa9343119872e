//! The routes, the headers of every answer, and the hosts that may be asked for.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Request};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures::{StreamExt, stream};
use shared::api::path::{HEALTHZ, LIVEZ, READYZ};
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::cache::Outcome;
use crate::query::{Parameters, Query};
use crate::state::State;
use crate::{assets, pages};

/// Nothing from elsewhere, nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Longer than the client of analytics waits in the worst case, which is two rounds behind another load.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A stream says this often that it is alive; the script in the page gives it up after 15 s of silence.
const PING: Duration = Duration::from_secs(5);

/// No route takes a body.
const BODY_MAX: usize = 1024;

type Asked = Result<extract::Query<Parameters>, QueryRejection>;

/// The dashboard's routes.
pub fn router(state: State) -> Router {
    let pages = Router::new()
        .route("/", get(overview))
        .route("/live", get(live))
        .route("/assets/{name}", get(asset))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(state.clone(), only_allowed_hosts));
    // Probes come by address, whatever the host is called outside. The dashboard is ready whether analytics is or
    // not: it has a page for that.
    let probes = Router::new().route(LIVEZ, get(ok)).route(READYZ, get(ok)).route(HEALTHZ, get(ok));
    pages
        .merge(probes)
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_TIMEOUT))
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        .layer(middleware::map_response(with_headers))
        .with_state(state)
}

async fn overview(extract::State(state): extract::State<State>, asked: Asked) -> Response {
    let query = match judge(asked) {
        Ok(query) => query,
        Err(reason) => return bad_request(reason),
    };
    let loaded = state.cache.load(query).await;
    let page = Html(pages::page(&loaded, query, state.cache.is_mock(), state.clock.now()));
    match loaded.outcome {
        Outcome::Answered => page.into_response(),
        Outcome::Refused => (StatusCode::BAD_REQUEST, page).into_response(),
        Outcome::Away => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], page).into_response(),
    }
}

/// The overview's fragments as Server-Sent Events: `release` first, then `fragment` each time that it differs.
async fn live(extract::State(state): extract::State<State>, asked: Asked) -> Response {
    let query = match judge(asked) {
        Ok(query) => query,
        Err(reason) => return bad_request(reason),
    };
    let Some(fragments) = state.live.join(query).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")]).into_response();
    };
    let release = Event::default().event("release").data(assets::RELEASE.as_str());
    let fragments = fragments.map(|fragment| Event::default().event("fragment").data(&*fragment.html));
    let events = stream::once(async { release }).chain(fragments).map(Ok::<_, Infallible>);
    // A comment would keep the connection alive too, but the script in the page would not see it.
    let ping = KeepAlive::new().interval(PING).event(Event::default().event("ping").data("."));
    // A buffering proxy would hold events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    ([unbuffered], Sse::new(events).keep_alive(ping)).into_response()
}

async fn asset(name: extract::Path<String>) -> Response {
    match assets::asset(name).await {
        Some(asset) => asset,
        None => not_found().await,
    }
}

async fn ok() -> &'static str {
    "ok"
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Html(pages::not_found())).into_response()
}

fn bad_request(reason: String) -> Response {
    (StatusCode::BAD_REQUEST, Html(pages::bad_request(reason))).into_response()
}

fn judge(asked: Asked) -> Result<Query, String> {
    let extract::Query(parameters) =
        asked.map_err(|_| "A parameter is given twice, or is not text. Use each of window and by once.".to_owned())?;
    Query::from_parameters(&parameters)
}

async fn only_allowed_hosts(extract::State(state): extract::State<State>, request: Request, next: Next) -> Response {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    // In a request that names a whole URL, the URL's host counts.
    if state.allowed_hosts.allow(request.uri().host().or(header)) {
        next.run(request).await
    } else {
        bad_request("The dashboard does not answer for this host name.".to_owned())
    }
}

async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}
