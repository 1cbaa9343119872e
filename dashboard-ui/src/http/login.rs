//! Logging in and out, and who has to.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{self, Request};
use axum::http::header::{ACCEPT, CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::asking::Asking;
use super::{Answered, NOT_KEPT, Pairs, pairs, parameters};
use crate::auth::{Refused, Visitor, is_from_own_page};
use crate::pages::{self, Said};
use crate::query::{ACCOUNT, LOGIN, LOGOUT, Manner};
use crate::state::State;

/// Where the login leads that was not asked for by another page.
const OVERVIEW: &str = "/";

/// The routes for whoever is not known.
pub(super) fn open_routes() -> Router<State> {
    Router::new().route(LOGIN, get(form).post(enter))
}

/// The routes for whoever is.
pub(super) fn routes(has_login: bool) -> Router<State> {
    let routes = Router::new().route(ACCOUNT, get(account));
    if has_login { routes.route(LOGOUT, post(leave)) } else { routes }
}

/// Lets those through who are known. Others are led to the login, where they may read HTML; else they are told so.
pub(super) async fn only_who_is_known(
    extract::State(state): extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let asking = Asking::of(&parts, &state);
    if asking.visitor.is_some() {
        let mut response = next.run(Request::from_parts(parts, body)).await;
        // Nobody is to find it in the browser who comes after them.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().append(VARY, HeaderValue::from_static("cookie"));
        return response;
    }
    let mut given = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let manner = Manner::take(&mut given, asking.preferred);
    if !state.auth.has_login() {
        return (StatusCode::FORBIDDEN, NOT_KEPT, Html(pages::closed(manner))).into_response();
    }
    if !reads_html(&parts.headers) {
        let how = [(WWW_AUTHENTICATE, format!("Cookie form-action=\"{}{LOGIN}\"", state.base))];
        return (StatusCode::UNAUTHORIZED, NOT_KEPT, how, "log in first\n").into_response();
    }
    // What a form sent is gone, as it is in no address.
    let is_page = parts.method == Method::GET;
    let asked = parts.uri.path_and_query().filter(|_| is_page).map_or(OVERVIEW, |asked| asked.as_str());
    let to = if asked == OVERVIEW { Vec::new() } else { vec![("to", asked)] };
    (NOT_KEPT, Redirect::to(&manner.href(LOGIN, &to))).into_response()
}

fn reads_html(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.any(|line| line.contains("text/html"))
}

/// The form. Whoever is known already is led on.
async fn form(extract::State(state): extract::State<State>, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["to", "entered", "left"])?;
    let is_given = |wanted: &str| !given(wanted).is_empty();
    let to = given("to");
    let to = own_address(&to);
    if asking.visitor.is_some() {
        return Ok((NOT_KEPT, Redirect::to(&format!("{}{to}", state.base))).into_response());
    }
    let said = if is_given("entered") { Some(Said::NotKept) } else { is_given("left").then_some(Said::Left) };
    Ok((NOT_KEPT, Html(pages::login(said, "", to, manner))).into_response())
}

/// Logs in.
async fn enter(
    extract::State(state): extract::State<State>,
    asking: Asking,
    asked: Pairs,
    body: Result<Bytes, BytesRejection>,
) -> Answered {
    let (_, manner) = pairs(&asking, asked)?;
    let fields = Fields::read(body)?;
    // There is no session yet that a token could belong to.
    if !is_from_own_page(&asking.headers) {
        return Err((StatusCode::FORBIDDEN, NOT_KEPT, Html(pages::stray_form(manner))).into_response());
    }
    let (name, to) = (fields.get("name"), own_address(fields.get("to")));
    let said = match state.auth.enter(asking.peer, name, fields.get("password"), state.clock.now()).await {
        Ok(cookie) => {
            tracing::info!(name, peer = ?asking.peer, "somebody logged in");
            // Where the cookie was not kept, the form says why.
            let next = manner.href(LOGIN, &[("entered", "1"), ("to", to)]);
            return Ok((NOT_KEPT, [(SET_COOKIE, cookie)], Redirect::to(&next)).into_response());
        }
        Err(Refused::Wrong) => Said::Wrong,
        Err(Refused::TooOften(wait)) => Said::TooOften(wait),
        Err(Refused::Busy) => Said::Busy,
    };
    // A name may be a password that was typed into the wrong field.
    tracing::warn!(peer = ?asking.peer, why = ?said, "a login was refused");
    let page = Html(pages::login(Some(said), name, to, manner));
    let again = |seconds: u64| [(RETRY_AFTER, seconds.to_string())];
    Err(match said {
        Said::TooOften(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, NOT_KEPT, again(wait.as_secs() + 1), page).into_response()
        }
        Said::Busy => (StatusCode::SERVICE_UNAVAILABLE, NOT_KEPT, again(5), page).into_response(),
        _ => (StatusCode::FORBIDDEN, NOT_KEPT, page).into_response(),
    })
}

/// Who is known, and the form to log out.
async fn account(extract::State(state): extract::State<State>, asking: Asking, asked: Pairs) -> Answered {
    let (_, manner) = parameters(&asking, asked, &[])?;
    let visitor = asking.visitor.as_ref().ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())?;
    let token = state.auth.has_login().then(|| state.auth.token(visitor, state.clock.now()));
    Ok(Html(pages::account(&visitor.name, token, manner)).into_response())
}

/// Logs out.
async fn leave(
    extract::State(state): extract::State<State>,
    asking: Asking,
    asked: Pairs,
    body: Result<Bytes, BytesRejection>,
) -> Answered {
    let (_, manner) = pairs(&asking, asked)?;
    sent_by_visitor(&state, &asking, body, manner)?;
    let mut headers = HeaderMap::new();
    headers.extend(state.auth.leave().map(|cookie| (SET_COOKIE, cookie)));
    headers.extend(HeaderValue::try_from(manner.href(LOGIN, &[("left", "1")])).ok().map(|to| (LOCATION, to)));
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The fields of a form, and who sent it: a visitor, from a page of this dashboard that was made for them.
#[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
pub(super) fn sent_by_visitor(
    state: &State,
    asking: &Asking,
    body: Result<Bytes, BytesRejection>,
    manner: Manner,
) -> Result<(Visitor, Fields), Response> {
    let fields = Fields::read(body)?;
    let stray = || (StatusCode::FORBIDDEN, Html(pages::stray_form(manner))).into_response();
    let visitor = asking.visitor.clone().ok_or_else(stray)?;
    let is_theirs = state.auth.holds(fields.get("token"), &visitor, state.clock.now());
    if is_theirs && is_from_own_page(&asking.headers) { Ok((visitor, fields)) } else { Err(stray()) }
}

/// What a form sent.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    #[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
    fn read(body: Result<Bytes, BytesRejection>) -> Result<Self, Response> {
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }

    /// A field; empty if it was not sent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of a field that may be sent several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// The address of a page of this dashboard without its base; that of the overview if it is none. What leads elsewhere, as `//host` does,
/// is none.
fn own_address(to: &str) -> &str {
    let is_plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_plain && to.starts_with('/') && !to.starts_with("//") { to } else { OVERVIEW }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_no_other_host() {
        for to in ["/", "/antenna?id=a%20b", "/docs/api/v1/summary?window=1m"] {
            assert_eq!(own_address(to), to);
        }
        for to in [
            "",
            "antennas",
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "/a b",
            "/\n/evil.test",
            "\\\\evil",
            "/ñ",
        ] {
            assert_eq!(own_address(to), OVERVIEW, "{to}");
        }
    }
}
