//! What operators tell everybody of sites on the status page, and the forms with which they do.

use axum::Router;
use axum::extract;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use shared::api::{NewNote, UnnoteRequest};

use super::asking::Asking;
use super::orders::{Body, Sent, Shared, away, done, operator, sent, token, until_of};
use super::{Answered, NOT_KEPT, Pairs, parameters};
use crate::client::Order;
use crate::model::notes::{NoteForm, new_note, note_done, notes_screen, without_alerts};
use crate::model::quiet::Told;
use crate::pages;
use crate::query::{Manner, NOTE, NOTES, UNNOTE};
use crate::state::State;

/// What whoever sees the page may read.
pub(super) fn routes() -> Router<State> {
    Router::new().route(NOTES, get(list))
}

/// What operators do.
pub(super) fn forms() -> Router<State> {
    Router::new().route(NOTE, get(form).post(note)).route(UNNOTE, post(unnote))
}

/// The notes, and what was just done.
async fn list(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["done", "of"])?;
    let notes = state.cache.source().notes().await.map_err(|error| away(&error, manner))?;
    let told = match given("done") {
        action if action.is_empty() => None,
        action => {
            let audit = state.cache.source().audit().await.map_err(|error| away(&error, manner))?;
            let notes = notes.as_deref().unwrap_or_default();
            note_done(&action, &given("of"), &audit.unwrap_or_default(), notes, state.clock.now(), manner)
        }
    };
    let screen = notes_screen(notes.as_deref(), told, state.has_status, state.clock.now(), manner);
    let page = pages::notes(screen, token(&state, &asking), manner, state.cache.is_mock());
    Ok((NOT_KEPT, Html(page)).into_response())
}

async fn form(extract::State(state): Shared, asking: Asking, asked: Pairs) -> Answered {
    let (given, manner) = parameters(&asking, asked, &["site"])?;
    operator(&asking, manner)?;
    let form = new_note(&given("site"), sites(&state).await, state.clock.now());
    let told = match state.cache.source().has_alerts().await {
        Ok(true) => None,
        Ok(false) => Some(without_alerts(manner.language)),
        Err(error) => return Err(away(&error, manner)),
    };
    Ok((NOT_KEPT, Html(pages::note(form, told, token(&state, &asking), manner))).into_response())
}

async fn note(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let [site, until, text] = ["site", "until", "text"].map(|name| fields.get(name).trim().to_owned());
    let order = Order::Note(NewNote { site: site.clone(), text: text.clone(), until: until_of(&until), by });
    let sites = sites(&state).await;
    let again = |told| {
        let form = NoteForm { until, text, ..new_note(&site, sites, state.clock.now()) };
        pages::note(form, Some(told), token(&state, &asking), manner)
    };
    Ok(done(&state, order, manner, again).await)
}

async fn unnote(extract::State(state): Shared, asking: Asking, asked: Pairs, body: Body) -> Answered {
    let Sent { by, fields, manner } = sent(&state, &asking, asked, body)?;
    let order = Order::Unnote(UnnoteRequest { id: fields.get("id").to_owned(), by });
    Ok(take_back(&state, &asking, order, manner).await)
}

/// Has a note taken back. Why it was not is told above the list, which shows what there is.
async fn take_back(state: &State, asking: &Asking, order: Order, manner: Manner) -> Response {
    let notes = state.cache.source().notes().await.ok().flatten();
    done(state, order, manner, |told: Told| {
        let screen = notes_screen(notes.as_deref(), Some(told), state.has_status, state.clock.now(), manner);
        pages::notes(screen, token(state, asking), manner, state.cache.is_mock())
    })
    .await
}

/// The public names of sites, of which one is chosen.
async fn sites(state: &State) -> Vec<String> {
    let public = state.cache.public().await;
    public.map_or_else(Vec::new, |public| public.status.sites.iter().map(|site| site.name.clone()).collect())
}
