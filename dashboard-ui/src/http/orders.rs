//! What is muted and acknowledged, who did what, and the forms with which operators say so.

use axum::Router;
use axum::body::Bytes;
use axum::extract;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use shared::UnixMillis;
use shared::api::{CancelRequest, NewAcknowledgement, NewMaintenance, NewMute, UnacknowledgeRequest, UnmuteRequest};

use super::asking::Asking;
use super::login::{Fields, sent_by_visitor};
use super::{Answered, NOT_KEPT, Pairs, bad_request, pairs, parameters};
use crate::auth::{Role, Visitor};
use crate::client::{ClientError, NotDone, Order};
use crate::model::maintenance::{MaintenanceForm, new_maintenance};
use crate::model::quiet::{self, AcknowledgementForm, MuteForm, Told};
use crate::pages;
use crate::query::{
    ACKNOWLEDGE, AUDIT, CANCEL, MAINTENANCE, MUTE, Manner, QUIET, Reason, UNACKNOWLEDGE, UNMUTE, parse_local,
};
use crate::state::State;

pub(super) type Body = Result<Bytes, BytesRejection>;
pub(super) type Shared = extract::State<State>;

/// What whoever sees the page may read.
pub(super) fn routes() -> Router<State> {
    Router::new().route(QUIET, get(list)).route(AUDIT, get(audit))
}

/// What operators do.
pub(super) fn forms() -> Router<State> {
    Router::new()
        .route(MUTE, get(mute_form).post(mute))
        .route(UNMUTE, post(unmute))
        .route(MAINTENANCE, get(maintenance_form).post(schedule))
        .route(CANCEL, post(cancel))
        .route(ACKNOWLEDGE, get(acknowledge_form).post(acknowledge))
        .route(UNACKNOWLEDGE, post(unacknowledge))
}

/// What is muted and acknowledged, and what was just done.
async fn list(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["done", "of"])?;
    let quiet = match state.cache.source().quiet().await {
        Ok(quiet) => quiet,
        Err(error) => return Ok(away(&error, manner)),
    };
    let told = match (given("done"), &quiet) {
        (action, Some(quiet)) if !action.is_empty() => match state.cache.source().audit().await {
            Ok(audit) => {
                let (audit, now) = (audit.unwrap_or_default(), state.clock.now());
                quiet::done(&action, &given("of"), &audit, quiet, now, manner)
            }
            Err(error) => return Ok(away(&error, manner)),
        },
        _ => None,
    };
    let screen = quiet::quiet_screen(quiet.as_ref(), told, state.clock.now(), manner);
    let page = pages::quiet(screen, token(&state, &asking), manner, state.cache.is_mock());
    Ok((NOT_KEPT, Html(page)).into_response())
}

/// Who did what.
async fn audit(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (_, manner) = parameters(&asking, asked, &[])?;
    let entries = state.cache.source().audit().await.map_err(|error| away(&error, manner))?;
    let rows = entries.map(|entries| quiet::audit_rows(&entries, state.clock.now(), manner.language));
    Ok((NOT_KEPT, Html(pages::audit(rows, manner, state.cache.is_mock()))).into_response())
}

async fn mute_form(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["antennas"])?;
    operator(&asking, manner)?;
    let form = quiet::new_mute(&given("antennas"), state.clock.now());
    Ok(Html(pages::mute(form, None, token(&state, &asking), manner)).into_response())
}

async fn maintenance_form(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["antennas", "recurs"])?;
    operator(&asking, manner)?;
    let form = new_maintenance(&given("antennas"), !given("recurs").is_empty(), state.clock.now());
    Ok(Html(pages::maintenance(form, None, token(&state, &asking), manner)).into_response())
}

async fn acknowledge_form(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["incident"])?;
    operator(&asking, manner)?;
    let form = AcknowledgementForm { incident: given("incident"), note: String::new() };
    if form.incident.is_empty() {
        return Err(bad_request(Reason::Parameters, manner));
    }
    Ok(Html(pages::acknowledge(form, None, token(&state, &asking), manner)).into_response())
}

async fn mute(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let [antennas, until, reason] = ["antennas", "until", "reason"].map(|name| fields.get(name).trim().to_owned());
    let order =
        Order::Mute(NewMute { antennas: antennas.clone(), until: until_of(&until), reason: reason.clone(), by });
    let again = |told| {
        let oldest = quiet::new_mute("", state.clock.now()).oldest;
        let form = MuteForm { antennas, until, oldest, reason };
        pages::mute(form, Some(told), token(&state, &asking), manner)
    };
    Ok(done(&state, order, manner, again).await)
}

async fn schedule(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let field = |name: &str| fields.get(name).trim().to_owned();
    let recurs = !field("recurs").is_empty();
    let form = MaintenanceForm {
        antennas: field("antennas"),
        recurs,
        start: field("start"),
        end: field("end"),
        oldest: new_maintenance("", recurs, state.clock.now()).oldest,
        from: field("from"),
        until: field("until"),
        days: fields.all("days").map(str::to_owned).collect(),
        time_zone: field("time_zone"),
        reason: field("reason"),
    };
    let (antennas, when, reason) = (form.antennas.clone(), form.when(), form.reason.clone());
    let order = Order::Schedule(NewMaintenance { antennas, when, reason, by });
    let again = |told| pages::maintenance(form, Some(told), token(&state, &asking), manner);
    Ok(done(&state, order, manner, again).await)
}

async fn acknowledge(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let (incident, note) = (fields.get("incident").to_owned(), fields.get("note").trim().to_owned());
    let order = Order::Acknowledge(NewAcknowledgement { incident: incident.clone(), note: note.clone(), by });
    let again =
        |told| pages::acknowledge(AcknowledgementForm { incident, note }, Some(told), token(&state, &asking), manner);
    Ok(done(&state, order, manner, again).await)
}

async fn unmute(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let order = Order::Unmute(UnmuteRequest { id: fields.get("id").to_owned(), by });
    Ok(take_back(&state, &asking, order, manner).await)
}

async fn cancel(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let order = Order::Cancel(CancelRequest { id: fields.get("id").to_owned(), by });
    Ok(take_back(&state, &asking, order, manner).await)
}

async fn unacknowledge(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let incident = fields.get("incident").to_owned();
    let order = Order::Unacknowledge(UnacknowledgeRequest { incident, by });
    Ok(take_back(&state, &asking, order, manner).await)
}

/// Until when something is to be, as a form has it. What is no time is told by analytics, as one that has passed.
pub(super) fn until_of(text: &str) -> UnixMillis {
    parse_local(text).map_or(UnixMillis(0), |until| UnixMillis(until.timestamp_millis()))
}

/// Has something taken back. Why it was not is told above the list, which shows what there is.
async fn take_back(state: &State, asking: &Asking, order: Order, manner: Manner) -> Response {
    let listed = state.cache.source().quiet().await.ok().flatten();
    done(state, order, manner, |told| {
        let screen = quiet::quiet_screen(listed.as_ref(), Some(told), state.clock.now(), manner);
        pages::quiet(screen, token(state, asking), manner, state.cache.is_mock())
    })
    .await
}

/// Has something done, and leads to where that is told; or shows a page that tells why it was not.
pub(super) async fn done(state: &State, order: Order, manner: Manner, page: impl FnOnce(Told) -> String) -> Response {
    let action = order.action();
    let error = match state.cache.source().order(&order).await {
        // What other pages show of it is loaded again.
        Ok(subject) => {
            state.cache.outdate();
            return Redirect::to(&quiet::done_href(action, &subject, manner)).into_response();
        }
        Err(error) => error,
    };
    tracing::warn!(%error, action = action.as_str(), "something was not done");
    let status = match &error {
        NotDone::BuiltIn => StatusCode::CONFLICT,
        NotDone::Refused(status, _) => *status,
        NotDone::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, NOT_KEPT, Html(page(quiet::not_done(&error, manner.language)))).into_response()
}

/// A form that an operator sent.
pub(super) struct Sent {
    pub(super) by: String,
    pub(super) fields: Fields,
    pub(super) manner: Manner,
}

#[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
pub(super) fn sent(state: &State, asking: &Asking, asked: Pairs, body: Body) -> Result<Sent, Response> {
    let (_, manner) = pairs(asking, asked)?;
    let (Visitor { name: by, .. }, fields) = sent_by_visitor(state, asking, body, manner)?;
    operator(asking, manner)?;
    Ok(Sent { by, fields, manner })
}

/// Only operators change anything.
#[expect(clippy::result_large_err, reason = "either is an answer, made once a request")]
pub(super) fn operator(asking: &Asking, manner: Manner) -> Result<(), Response> {
    let is_one = asking.visitor.as_ref().is_some_and(|visitor| visitor.role == Role::Operator);
    let refused = || (StatusCode::FORBIDDEN, Html(pages::for_operators(manner))).into_response();
    if is_one { Ok(()) } else { Err(refused()) }
}

/// For the forms of whoever asks.
pub(super) fn token(state: &State, asking: &Asking) -> String {
    asking.visitor.as_ref().map_or_else(String::new, |visitor| state.auth.token(visitor, state.clock.now()))
}

/// Analytics cannot be asked.
pub(super) fn away(error: &ClientError, manner: Manner) -> Response {
    tracing::warn!(%error, "what is muted and acknowledged is not known");
    let is_refused = matches!(error, ClientError::Unauthorized);
    (StatusCode::SERVICE_UNAVAILABLE, NOT_KEPT, Html(pages::away(is_refused, manner))).into_response()
}
