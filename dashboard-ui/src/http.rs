//! The routes, the headers of every response, and the allowed hosts.
//!
//! - `asking`: who asks, and how; `login`: logging in and out, and who has to; `orders`: what is muted and acknowledged, and by
//!   whom; `status`: what anybody may see; `notes`: what operators tell them.

mod asking;
mod login;
mod notes;
mod orders;
mod status;

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Request};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, RETRY_AFTER,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use futures::{StreamExt, stream};
use shared::api::description::document;
use shared::api::path::{HEALTHZ, LIVEZ, READYZ};
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_service::Service as _;

use self::asking::Asking;
use crate::client::ClientError;
use crate::events::{self, Event};
use crate::figures::Outcome;
use crate::model::docs::Shown;
use crate::query::{Address, Base, CSV, DOCS, Decimal, Kind, LIVE, Manner, Page, Parameters, Query, Range, Reason};
use crate::source::Trial;
use crate::state::State;
use crate::{assets, csv, model, pages};

/// Nothing from other origins, nothing inline, no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Longer than a load can take in the worst case: two rounds of requests after waiting for another load.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// No page takes a body.
const BODY_MAX: usize = 1024;

/// What forms send is longer: a name, a password, where to go on.
const FORM_MAX: usize = 16 * 1024;

/// For what is of a moment.
const NOT_KEPT: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

type Pairs = Result<extract::Query<Vec<(String, String)>>, QueryRejection>;
type Asked = Result<extract::Query<Parameters>, QueryRejection>;

/// What a handler answers, and what it answers where it cannot go on.
type Answered = Result<Response, Response>;

/// The dashboard's routes.
pub fn router(state: State) -> Router {
    let mut pages = Router::new();
    for kind in Kind::ALL {
        let (page, live, csv) = (
            move |state, asking, asked| page(kind, state, asking, asked),
            move |state, asking, asked| live(kind, state, asking, asked),
            move |state, asking, asked| csv(kind, state, asking, asked),
        );
        pages = pages
            .route(kind.path(), get(page))
            .route(&format!("{LIVE}{}", kind.path()), get(live))
            .route(&format!("{CSV}{}", kind.path()), get(csv));
    }
    let pages = pages
        // Pages of the first release connect here; the answer tells them of the new release, and they reload.
        .route(LIVE, get(|state, asking, asked| live(Kind::Overview, state, asking, asked)))
        .route(DOCS, get(docs))
        .route(&format!("{DOCS}/{{*route}}"), get(route))
        .merge(orders::routes())
        .merge(notes::routes())
        .fallback(not_found)
        .layer(RequestBodyLimitLayer::new(BODY_MAX));
    let assets = Router::new()
        .route("/assets/{name}", get(asset).layer(middleware::from_fn_with_state(state.clone(), without_parameters)))
        .layer(RequestBodyLimitLayer::new(BODY_MAX));
    let pages = if state.auth.is_on() { closed(&state, pages) } else { pages };
    let pages = match state.has_status {
        true => pages.merge(status::routes().layer(RequestBodyLimitLayer::new(BODY_MAX))),
        false => pages,
    };
    let pages = pages.merge(assets).layer(middleware::from_fn_with_state(state.clone(), only_allowed_hosts));
    // Probes use the address, whatever the public host name is. The dashboard is ready even if analytics is not: it has
    // a page that says so.
    let probes = Router::new().route(LIVEZ, get(ok)).route(READYZ, get(ok)).route(HEALTHZ, get(ok));
    let probes = probes.layer(middleware::from_fn_with_state(state.clone(), without_parameters));
    let probes = probes.layer(RequestBodyLimitLayer::new(BODY_MAX));
    let base = state.base;
    let router = pages
        .merge(probes)
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_TIMEOUT))
        .layer(middleware::map_response(with_headers))
        .with_state(state);
    if base.is_root() { router } else { below(base, router) }
}

/// Pages that only who is known sees, and what it takes to be known.
fn closed(state: &State, pages: Router<State>) -> Router<State> {
    let forms = login::routes(state.auth.has_login()).merge(orders::forms()).merge(notes::forms());
    let forms = forms.layer(RequestBodyLimitLayer::new(FORM_MAX));
    let closed = pages.merge(forms).layer(middleware::from_fn_with_state(state.clone(), login::only_who_is_known));
    match state.auth.has_login() {
        true => closed.merge(login::open_routes().layer(RequestBodyLimitLayer::new(FORM_MAX))),
        false => closed,
    }
}

/// The same routes below a base. They are also where they are without one: for probes, and for a proxy that takes the base away.
fn below(base: Base, router: Router) -> Router {
    Router::new().fallback(move |mut request: Request| {
        let mut router = router.clone();
        if let Some(uri) = without(base, request.uri()) {
            *request.uri_mut() = uri;
        }
        async move { router.call(request).await }
    })
}

/// What a request is for, as it would be without the base; `None` if it is not below it, as where the proxy takes it away.
fn without(base: Base, uri: &Uri) -> Option<Uri> {
    let path = base.without(uri.path())?;
    let whole = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole.parse().ok()?);
    Uri::from_parts(parts).ok()
}

async fn page(kind: Kind, extract::State(state): extract::State<State>, asking: Asking, asked: Asked) -> Response {
    let is_form = asked.as_ref().is_ok_and(|asked| asked.are_of_the_range_form());
    let address = match judge(kind, asked, &asking) {
        Ok(address) => address,
        Err(refused) => return refused,
    };
    if is_form {
        return Redirect::to(&address.href()).into_response();
    }
    let loaded = state.cache.load(&address.query).await;
    if loaded.outcome == Outcome::Refused
        && let Some(kept) = with_what_is_kept(&state, &address).await
    {
        return match address.query.range == Range::default() {
            true => Redirect::to(&kept.href()).into_response(),
            false => (StatusCode::BAD_REQUEST, Html(pages::refused(&kept))).into_response(),
        };
    }
    let page = Html(pages::page(&loaded, &address, state.cache.is_mock(), state.clock.now()));
    match loaded.outcome {
        Outcome::Answered => page.into_response(),
        Outcome::Refused => (StatusCode::BAD_REQUEST, page).into_response(),
        Outcome::Unknown => (StatusCode::NOT_FOUND, page).into_response(),
        Outcome::Away | Outcome::Unauthorized => {
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], page).into_response()
        }
    }
}

/// The same page over everything that analytics keeps, if that is less than what the address asks for.
async fn with_what_is_kept(state: &State, address: &Address) -> Option<Address> {
    let any_range = Query { page: Page::Pipeline, ..Query::default() };
    let limits = state.cache.load(&any_range).await.figures?.summary().limits?;
    let retention_s = Duration::try_from_secs_f64(limits.retention_seconds).ok()?.as_secs();
    let longest = Range::latest(retention_s.try_into().ok()?);
    // The default range is replaced by one that need not be replaced again a minute later.
    let range = match address.query.range == Range::default() {
        true => longest,
        false => Range::kept(&limits, state.clock.now()).unwrap_or(longest),
    };
    (range.window < address.query.range.window).then(|| address.with_range(range))
}

/// A page's fragments as Server-Sent Events: `release` first, then `fragment` whenever it changes.
async fn live(kind: Kind, extract::State(state): extract::State<State>, asking: Asking, asked: Asked) -> Response {
    let address = match judge(kind, asked, &asking) {
        Ok(address) => address,
        Err(refused) => return refused,
    };
    let Some(fragments) = state.live.join(address, asking.peer).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")]).into_response();
    };
    let release = Event::new("release", &assets::RELEASE);
    let fragments = fragments.take_until(asking.until_over(&state));
    (NOT_KEPT, events::answer(&asking.headers, stream::once(async { release }).chain(fragments))).into_response()
}

/// The rows or steps that a page shows, as a file.
async fn csv(kind: Kind, extract::State(state): extract::State<State>, asking: Asking, mut asked: Asked) -> Response {
    let decimal = asked.as_mut().map_or(Ok(Decimal::Point), |asked| asked.take_decimal());
    let address = match judge(kind, asked, &asking) {
        Ok(address) => address,
        Err(refused) => return refused,
    };
    let decimal = match decimal {
        Ok(decimal) => decimal,
        Err(reason) => return bad_request(reason, address.manner),
    };
    let figures = match state.cache.load_all(&address.query).await {
        Ok(figures) => figures,
        Err(ClientError::UnknownAntenna) => return not_found_page(address.manner),
        Err(error) if error.is_refusal() => return bad_request(Reason::Window, address.manner),
        Err(error) => {
            tracing::warn!(%error, page = kind.path(), "no figures for a file");
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")]).into_response();
        }
    };
    let Some((name, text)) = csv::file(&figures, decimal) else { return not_found_page(address.manner) };
    // Analytics returns so many rows at once; a file that lacks some must not look whole.
    let part = csv::cut(&figures).map_or_else(String::new, |(rows, total)| format!("-{rows}-of-{total}"));
    let disposition = format!("attachment; filename=\"vigia-{name}{part}.csv\"");
    let about = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)];
    (NOT_KEPT, about, text).into_response()
}

/// The routes of the API, to read.
async fn docs(extract::State(state): extract::State<State>, asking: Asking, asked: Pairs) -> Answered {
    let (_, manner) = parameters(&asking, asked, &[])?;
    let screen = model::docs::docs(&document(), manner);
    Ok(Html(pages::docs(screen, manner, state.cache.is_mock())).into_response())
}

/// A route of the API, to read and to try.
async fn route(
    extract::State(state): extract::State<State>,
    extract::Path(route): extract::Path<String>,
    asking: Asking,
    asked: Pairs,
) -> Response {
    let (given, manner) = match pairs(&asking, asked) {
        Ok(pairs) => pairs,
        Err(refused) => return refused,
    };
    let route = format!("/{route}");
    let trial = state.try_out(&route, given.clone()).await;
    let status = match &trial {
        Some(Trial::Bad(_)) => StatusCode::BAD_REQUEST,
        Some(Trial::Refused(status)) => *status,
        Some(Trial::Away | Trial::Unauthorized) => StatusCode::SERVICE_UNAVAILABLE,
        Some(Trial::Answered(_)) | None => StatusCode::OK,
    };
    let is_tried = trial.is_some();
    let Some(screen) = model::docs::route(&document(), &route, &given, trial, manner) else {
        return not_found_page(manner);
    };
    let is_known = |name: &str| screen.fields.iter().any(|field| field.name == name);
    if let Some((name, _)) = given.iter().find(|(name, _)| !is_tried && !is_known(name)) {
        return bad_request(Reason::Unknown(name.clone()), manner);
    }
    // Who has not filled in the form yet has made no mistake.
    let status = if matches!(screen.answer, Some(Shown::Needs(_))) { StatusCode::OK } else { status };
    (status, NOT_KEPT, Html(pages::route(screen, given, manner, state.cache.is_mock()))).into_response()
}

async fn asset(name: extract::Path<String>, asking: Asking, asked: Asked) -> Response {
    match assets::asset(name).await {
        Some(asset) => asset,
        None => not_found(asking, asked).await,
    }
}

async fn ok() -> impl IntoResponse {
    (NOT_KEPT, "ok")
}

async fn not_found(asking: Asking, asked: Asked) -> Response {
    not_found_page(manner(&asked, asking.preferred))
}

fn not_found_page(manner: Manner) -> Response {
    (StatusCode::NOT_FOUND, Html(pages::not_found(manner))).into_response()
}

fn bad_request(reason: Reason, manner: Manner) -> Response {
    (StatusCode::BAD_REQUEST, Html(pages::bad_request(&reason, manner))).into_response()
}

/// The address, or a page that explains what is wrong with it.
#[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
fn judge(kind: Kind, asked: Asked, asking: &Asking) -> Result<Address, Response> {
    let manner = manner(&asked, asking.preferred);
    let address = match asked {
        Ok(extract::Query(parameters)) => Address::parse(kind, &parameters, asking.preferred),
        Err(_) => Err(Reason::Parameters),
    };
    address.map_err(|reason| bad_request(reason, manner))
}

/// The parameters that are given to a page without a range, and how it is displayed.
#[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
fn pairs(asking: &Asking, asked: Pairs) -> Result<(Vec<(String, String)>, Manner), Response> {
    let Ok(extract::Query(mut given)) = asked else {
        return Err(bad_request(Reason::Parameters, asking.preferred));
    };
    let manner = Manner::take(&mut given, asking.preferred);
    // A form also sends its empty fields.
    given.retain(|(_, value)| !value.is_empty());
    Ok((given, manner))
}

/// The parameters of a page that has these and no others; those that are not given are empty.
#[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
fn parameters(
    asking: &Asking,
    asked: Pairs,
    known: &[&str],
) -> Result<(impl Fn(&str) -> String + use<>, Manner), Response> {
    let (given, manner) = pairs(asking, asked)?;
    if let Some((name, _)) = given.iter().find(|(name, _)| !known.contains(&&**name)) {
        return Err(bad_request(Reason::Unknown(name.clone()), manner));
    }
    let value = move |wanted: &str| {
        given.iter().find(|(name, _)| name == wanted).map_or_else(String::new, |(_, value)| value.clone())
    };
    Ok((value, manner))
}

fn manner(asked: &Asked, preferred: Manner) -> Manner {
    match asked {
        Ok(parameters) => Manner::of(parameters, preferred),
        Err(_) => preferred,
    }
}

/// For routes that have no parameter.
async fn without_parameters(asking: Asking, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    match form_urlencoded::parse(query.as_bytes()).next() {
        None => next.run(request).await,
        Some((name, _)) => bad_request(Reason::Unknown(name.into_owned()), asking.preferred),
    }
}

async fn only_allowed_hosts(
    extract::State(state): extract::State<State>,
    asking: Asking,
    request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    // If a request names a full URL, its host counts.
    if state.allowed_hosts.allow(request.uri().host().or(header)) {
        next.run(request).await
    } else {
        bad_request(Reason::Host, asking.preferred)
    }
}

async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.append(VARY, HeaderValue::from_static("accept-language"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}
