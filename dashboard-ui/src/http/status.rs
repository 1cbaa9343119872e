//! What anybody may see, also where everything else is closed: sites under their public names, on a page, on badges and in a feed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::Router;
use axum::extract;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::asking::Asking;
use super::{Answered, Pairs, bad_request, parameters};
use crate::figures::PublicFigures;
use crate::model::status::{Badge, feed, status_screen};
use crate::pages;
use crate::query::{BADGE, FEED, Manner, Reason, STATUS};
use crate::state::State;

type Shared = extract::State<State>;

/// What is shown is asked for every few seconds, however many look; caches on the way may keep it for as long as nobody minds.
const KEPT: &str = "public, max-age=30";

/// What a badge is.
const PICTURE: &str = "image/svg+xml";

/// The routes that are open to anybody.
pub(super) fn routes() -> Router<State> {
    Router::new().route(STATUS, get(page)).route(BADGE, get(badge)).route(FEED, get(feed_of_incidents))
}

async fn page(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (_, manner) = parameters(&asking, asked, &[])?;
    let manner = for_anybody(manner);
    let public = state.cache.public().await;
    let screen = status_screen(public.as_deref(), state.clock.now(), manner);
    let page = Html(pages::status(screen, manner));
    Ok(match public {
        Some(_) => ([(CACHE_CONTROL, KEPT)], page).into_response(),
        None => unknown(page),
    })
}

async fn badge(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["site"])?;
    let site = given("site");
    if site.is_empty() {
        return Err(bad_request(Reason::Parameters, for_anybody(manner)));
    }
    let public = state.cache.public().await;
    let badge = Badge::of(public.as_deref(), &site, manner.language);
    if badge.is_of_a_site {
        return Ok(held(&asking.headers, PICTURE, badge.picture()));
    }
    // Nothing of what was asked for is repeated: there is no site of that name, or it is nobody's business.
    let headers = [(CACHE_CONTROL, KEPT), (CONTENT_TYPE, PICTURE)];
    Ok((StatusCode::NOT_FOUND, headers, badge.picture()).into_response())
}

async fn feed_of_incidents(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (_, manner) = parameters(&asking, asked, &[])?;
    let manner = for_anybody(manner);
    let Some(public): Option<Arc<PublicFigures>> = state.cache.public().await else {
        return Ok(unknown("not known at present\n"));
    };
    let host = asking.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let text = feed(&public, host, state.clock.now(), manner);
    Ok(held(&asking.headers, "application/atom+xml; charset=utf-8", text))
}

/// The same for everybody, whoever asks.
fn for_anybody(manner: Manner) -> Manner {
    Manner { access: crate::query::Access::Open, with_token: false, is_wall: false, ..manner }
}

fn unknown(body: impl IntoResponse) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30"), (CACHE_CONTROL, "no-store")], body).into_response()
}

/// A text with an `ETag` of it, or 304 for who has it. Compression changes its bytes and not what they say, so it is a weak one.
fn held(request: &HeaderMap, content_type: &'static str, text: String) -> Response {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let etag = format!("W/\"{:016x}\"", hasher.finish());
    let asked = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let is_held = asked.flat_map(|line| line.split(',')).any(|one| [etag.as_str(), "*"].contains(&one.trim()));
    let about = [(ETAG, etag), (CACHE_CONTROL, KEPT.to_owned())];
    match is_held {
        true => (StatusCode::NOT_MODIFIED, about).into_response(),
        false => (about, [(CONTENT_TYPE, content_type)], text).into_response(),
    }
}
