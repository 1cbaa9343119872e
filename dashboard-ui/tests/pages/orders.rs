//! What is muted and acknowledged, the forms of operators, and who did what.

use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::StatusCode as Status;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use dashboard_ui::client::Client;
use dashboard_ui::settings::AuthSettings;
use dashboard_ui::source::Source;
use reqwest::{StatusCode, Url};
use serde_json::json;
use shared::UnixMillis;
use shared::api::{
    Acknowledgement, AcknowledgementPage, AlertPage, AuditAction, AuditEntry, AuditPage, Mute, MutePage,
    NewAcknowledgement, NewMute, NewNote, Note, NotePage, PublicSite, PublicStatus, SiteState, path,
};
use shared::settings::Token;

use crate::auth::{closed_by, header, log_in, passwords, people, token};
use crate::common::{Dashboard, NOW};
use crate::mock;

const INCIDENT: &str = "trouble:1763995000000:north-01";
const HOSTILE: &str = "<script>alert(1)</script>";

/// What analytics keeps of what people say, and what it answers in place of doing it.
#[derive(Default)]
struct Kept {
    mutes: Vec<Mute>,
    acknowledgements: Vec<Acknowledgement>,
    audit: Vec<AuditEntry>,
    notes: Vec<Note>,
    has_no_alerts: bool,
    refuses: Option<(Status, &'static str)>,
}

type Alerts = Arc<Mutex<Kept>>;

impl Kept {
    fn write_down(&mut self, by: &str, action: AuditAction, subject: &str, text: &str, until: Option<UnixMillis>) {
        let (by, subject, text) = (by.to_owned(), subject.to_owned(), text.to_owned());
        self.audit.insert(0, AuditEntry { at: NOW, by, action, subject, text, until });
    }
}

fn refused(status: Status, message: &str) -> Response {
    (status, Json(json!({"error": {"code": "some", "message": message}}))).into_response()
}

/// The part of analytics that is about alerts.
fn analytics(alerts: Alerts) -> Router {
    type Kept = State<Alerts>;
    type Pairs = Query<Vec<(String, String)>>;
    async fn mutes(State(alerts): Kept) -> Json<MutePage> {
        Json(MutePage { mutes: alerts.lock().unwrap().mutes.clone(), as_of: Some(NOW) })
    }
    async fn mute(State(alerts): Kept, Json(new): Json<NewMute>) -> Response {
        let mut alerts = alerts.lock().unwrap();
        if let Some((status, message)) = alerts.refuses {
            return refused(status, message);
        }
        let id = format!("id-{}", alerts.mutes.len());
        let NewMute { antennas, until, reason, by } = new;
        alerts.write_down(&by, AuditAction::Mute, &antennas, &reason, Some(until));
        let mute = Mute { id, antennas, at: NOW, until, reason, by };
        alerts.mutes.push(mute.clone());
        (Status::CREATED, Json(mute)).into_response()
    }
    async fn unmute(State(alerts): Kept, Query(pairs): Pairs) -> Response {
        let mut alerts = alerts.lock().unwrap();
        let [id, by] = ["id", "by"].map(|name| pairs.iter().find(|(given, _)| given == name).unwrap().1.clone());
        let Some(at) = alerts.mutes.iter().position(|mute| mute.id == id) else {
            return refused(Status::NOT_FOUND, "there is no mute with this id that holds");
        };
        let mute = alerts.mutes.remove(at);
        alerts.write_down(&by, AuditAction::Unmute, &mute.antennas, &mute.reason, Some(mute.until));
        Json(mute).into_response()
    }
    async fn acknowledgements(State(alerts): Kept) -> Json<AcknowledgementPage> {
        let acknowledgements = alerts.lock().unwrap().acknowledgements.clone();
        Json(AcknowledgementPage { acknowledgements, as_of: Some(NOW) })
    }
    async fn acknowledge(State(alerts): Kept, Json(new): Json<NewAcknowledgement>) -> Response {
        let mut alerts = alerts.lock().unwrap();
        let NewAcknowledgement { incident, note, by } = new;
        if incident != INCIDENT {
            return refused(Status::NOT_FOUND, "there is no incident with this id that lasts");
        }
        alerts.write_down(&by, AuditAction::Acknowledge, &incident, &note, None);
        let antenna_id = "north-01".to_owned();
        let acknowledgement = Acknowledgement { incident, antenna_id, at: NOW, note, by, open: true };
        alerts.acknowledgements.push(acknowledgement.clone());
        (Status::CREATED, Json(acknowledgement)).into_response()
    }
    async fn unacknowledge(State(alerts): Kept, Query(pairs): Pairs) -> Response {
        let mut alerts = alerts.lock().unwrap();
        let by = pairs.iter().find(|(name, _)| name == "by").unwrap().1.clone();
        let Some(before) = alerts.acknowledgements.pop() else { return refused(Status::NOT_FOUND, "none") };
        alerts.write_down(&by, AuditAction::Unacknowledge, &before.incident, &before.note, None);
        Json(before).into_response()
    }
    async fn notes(State(alerts): Kept) -> Json<NotePage> {
        Json(NotePage { notes: alerts.lock().unwrap().notes.clone(), as_of: Some(NOW) })
    }
    async fn note(State(alerts): Kept, Json(new): Json<NewNote>) -> Response {
        let mut alerts = alerts.lock().unwrap();
        let NewNote { site, text, until, by } = new;
        if site != "North & coast" {
            return refused(Status::NOT_FOUND, "no site has this public name");
        }
        alerts.write_down(&by, AuditAction::Note, &site, &text, Some(until));
        let note = Note { id: "1f".to_owned(), site, text, at: NOW, until, by };
        alerts.notes.push(note.clone());
        (Status::CREATED, Json(note)).into_response()
    }
    async fn unnote(State(alerts): Kept, Query(pairs): Pairs) -> Response {
        let mut alerts = alerts.lock().unwrap();
        let by = pairs.iter().find(|(name, _)| name == "by").unwrap().1.clone();
        let Some(note) = alerts.notes.pop() else { return refused(Status::NOT_FOUND, "there is no note with this id") };
        alerts.write_down(&by, AuditAction::Unnote, &note.site, &note.text, Some(note.until));
        Json(note).into_response()
    }
    async fn public() -> Json<PublicStatus> {
        let site = PublicSite {
            name: "North & coast".to_owned(),
            state: SiteState::Operational,
            daily_availability: Vec::new(),
            availability: None,
        };
        Json(PublicStatus { sites: vec![site], ..PublicStatus::default() })
    }
    async fn told(State(alerts): Kept) -> Json<AlertPage> {
        Json(AlertPage { enabled: !alerts.lock().unwrap().has_no_alerts, ..AlertPage::default() })
    }
    async fn audit(State(alerts): Kept) -> Json<AuditPage> {
        let entries = alerts.lock().unwrap().audit.clone();
        Json(AuditPage { total: entries.len() as u64, entries, as_of: Some(NOW) })
    }
    Router::new()
        .route(path::MUTES, get(mutes).post(mute).delete(unmute))
        .route(path::ACKNOWLEDGEMENTS, get(acknowledgements).post(acknowledge).delete(unacknowledge))
        .route(path::NOTES, get(notes).post(note).delete(unnote))
        .route(path::STATUS, get(public))
        .route(path::ALERTS, get(told))
        .route(path::AUDIT, get(audit))
        .with_state(alerts)
}

/// A dashboard with a login, and what its analytics keeps.
async fn closed() -> (Dashboard, Alerts) {
    let auth: AuthSettings = passwords(&people(), &[]);
    let alerts = Alerts::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let router = analytics(alerts.clone());
    tokio::spawn(async { axum::serve(listener, router).await });
    let token = Token::new("a-token-of-the-tests").unwrap();
    (closed_by(auth, Source::Http(Client::new(url, Some(token.into())).unwrap())).await, alerts)
}

/// Somebody in front of a dashboard.
struct Person<'a> {
    dashboard: &'a Dashboard,
    cookie: String,
}

impl<'a> Person<'a> {
    async fn named(dashboard: &'a Dashboard, name: &str) -> Self {
        Self { dashboard, cookie: log_in(dashboard, name).await }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.dashboard.request(path).header("cookie", &self.cookie).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Sends a form with the token of a page.
    async fn send(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let token = token(self.dashboard, page, &self.cookie).await;
        let fields = [fields, &[("token", &*token)]].concat();
        self.dashboard.form(path, &fields).header("cookie", &self.cookie).send().await.unwrap()
    }

    /// Sends a form that is taken, and returns the page to which that leads.
    async fn done(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> String {
        let response = self.send(page, path, fields).await;
        let (status, to) = (response.status(), header(&response, "location"));
        assert_eq!(status, StatusCode::SEE_OTHER, "{}", response.text().await.unwrap());
        self.get(&to).await.1
    }
}

#[tokio::test]
async fn an_operator_mutes_an_antenna_and_takes_it_back_without_a_script() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let (status, form) = ana.get("/mute?antennas=north-01").await;
    assert!(
        status == StatusCode::OK && form.contains("value=\"north-01\"") && form.contains("value=\"2025-11-24T18:47\""),
        "{form}"
    );
    let fields = [("antennas", "north-01"), ("until", "2025-11-24T20:00"), ("reason", HOSTILE)];
    let page = ana.done("/mute", "/mute", &fields).await;
    assert!(page.contains("Muted: nobody is told of north-01 until 24 Nov 20:00 UTC."), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains(HOSTILE), "{page}");
    assert!(page.contains("href=\"/antenna?id=north-01\"") && page.contains("Take it back"), "{page}");
    let kept = alerts.lock().unwrap().mutes.clone();
    assert_eq!((&*kept[0].by, &*kept[0].reason, kept[0].until), ("ana", HOSTILE, UnixMillis(1_764_014_400_000)));
    let page = ana.done("/quiet", "/unmute", &[("id", &kept[0].id)]).await;
    assert!(page.contains("The mute of north-01 was taken back.") && page.contains("Mute again"), "{page}");
    assert!(alerts.lock().unwrap().mutes.is_empty());
    let again = [("antennas", "north-01"), ("until", "2025-11-24T20:00"), ("reason", HOSTILE)];
    assert!(ana.done("/mute", "/mute?lang=es", &again).await.contains("Silenciado: no se avisa de north-01"));
    let (_, audit) = ana.get("/audit").await;
    let places: Vec<usize> = ["muted", "took the mute back of", "muted"]
        .iter()
        .scan(0, |from, did| {
            *from += audit[*from..].find(&format!(" {did} "))? + 1;
            Some(*from)
        })
        .collect();
    assert_eq!(places.len(), 3, "{audit}");
    assert!(audit.contains("<bdi>ana</bdi>") && !audit.contains(HOSTILE));
}

#[tokio::test]
async fn an_operator_acknowledges_an_incident_and_takes_it_back() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let form = format!("/acknowledge?incident={INCIDENT}");
    let page = ana.done(&form, "/acknowledge", &[("incident", INCIDENT), ("note", "on my way")]).await;
    assert!(page.contains("Acknowledged: north-01 (degraded or down).") && page.contains("on my way"), "{page}");
    assert_eq!(alerts.lock().unwrap().acknowledgements[0].by, "ana");
    let page = ana.done("/quiet", "/unacknowledge", &[("incident", INCIDENT)]).await;
    assert!(page.contains("The acknowledgement of north-01 (degraded or down) was taken back."), "{page}");
    assert!(page.contains("Acknowledge again") && page.contains("value=\"on my way\""), "{page}");
    let gone = ana.send(&form, "/acknowledge", &[("incident", "silence:1:north-01"), ("note", "what I typed")]).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let page = gone.text().await.unwrap();
    assert!(page.contains("There is no such thing any more") && page.contains("value=\"what I typed\""), "{page}");
}

#[tokio::test]
async fn an_operator_writes_a_public_note_and_takes_it_back_without_a_script() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let (status, form) = ana.get("/note").await;
    assert!(status == StatusCode::OK && form.contains("<option value=\"North &amp; coast\""), "{form}");
    assert!(!form.contains("ALERTS_FILE"), "{form}");
    let fields = [("site", "North & coast"), ("until", "2025-11-24T20:00"), ("text", HOSTILE)];
    let page = ana.done("/note", "/note", &fields).await;
    assert!(page.contains("Everybody is told this of North &amp; coast, until 24 Nov 20:00 UTC."), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains(HOSTILE) && page.contains("Take it back"), "{page}");
    let kept = alerts.lock().unwrap().notes.clone();
    assert_eq!((&*kept[0].by, &*kept[0].text, kept[0].until), ("ana", HOSTILE, UnixMillis(1_764_014_400_000)));
    let page = ana.done("/notes", "/unnote", &[("id", "1f")]).await;
    assert!(page.contains("The note on North &amp; coast was taken back.") && page.contains("Tell it again"), "{page}");
    assert!(alerts.lock().unwrap().notes.is_empty());
    let spanish = ana.done("/note", "/note?lang=es", &fields).await;
    assert!(spanish.contains("Esto se dice a todos de North &amp; coast"), "{spanish}");
    let (_, audit) = ana.get("/audit").await;
    assert!(audit.contains(" told everybody of ") && audit.contains(" took the public note back of "), "{audit}");
    let other =
        ana.send("/note", "/note", &[("site", "rack-7"), ("until", "2025-11-24T20:00"), ("text", "typed")]).await;
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
    assert!(other.text().await.unwrap().contains("value=\"typed\""));
}

#[tokio::test]
async fn the_form_for_notes_says_that_there_are_none_without_alerts_and_viewers_write_none() {
    let (dashboard, alerts) = closed().await;
    alerts.lock().unwrap().has_no_alerts = true;
    let ana = Person::named(&dashboard, "ana").await;
    for (lang, words) in
        [("en", "this analytics has none (ALERTS_FILE)"), ("es", "este análisis no las tiene (ALERTS_FILE)")]
    {
        let (status, form) = ana.get(&format!("/note?lang={lang}")).await;
        assert!(status == StatusCode::OK && form.contains(words), "{form}");
    }
    let bea = Person::named(&dashboard, "bea").await;
    let (status, page) = bea.get("/notes").await;
    assert!(status == StatusCode::OK && !page.contains("method=\"post\"") && page.contains("STATUS is off"), "{page}");
    assert_eq!(bea.get("/note").await.0, StatusCode::FORBIDDEN);
    for path in ["/note", "/unnote"] {
        let fields = [("site", "North & coast"), ("until", "2025-11-24T20:00"), ("text", "mine"), ("id", "1f")];
        assert_eq!(bea.send("/account", path, &fields).await.status(), StatusCode::FORBIDDEN, "{path}");
        let stray = dashboard.form(path, &fields).header("cookie", &ana.cookie).send().await.unwrap();
        assert_eq!(stray.status(), StatusCode::FORBIDDEN, "{path} without a token");
    }
    assert!(alerts.lock().unwrap().audit.is_empty());
    assert_eq!(mock().await.get("/note").await.0, StatusCode::NOT_FOUND, "nobody is known");
}

#[tokio::test]
async fn a_viewer_sees_no_form_and_is_told_why_none_is_taken() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let fields = [("antennas", "north-*"), ("until", "2025-11-24T20:00"), ("reason", "new mast")];
    ana.done("/mute", "/mute", &fields).await;
    let bea = Person::named(&dashboard, "bea").await;
    let (status, page) = bea.get("/quiet?done=mute&of=north-*").await;
    assert!(status == StatusCode::OK && page.contains("north-*") && page.contains("new mast"), "{page}");
    assert!(page.contains("Muted: nobody is told of north-*") && !page.contains("<form method=\"post\""), "{page}");
    assert!(bea.get("/audit").await.1.contains("<bdi>ana</bdi>"));
    for path in ["/mute?antennas=north-01", "/acknowledge?incident=a"] {
        let (status, page) = bea.get(path).await;
        assert!(status == StatusCode::FORBIDDEN && page.contains("This is for operators"), "{path}");
    }
    for path in ["/mute", "/unmute", "/acknowledge", "/unacknowledge"] {
        let all = [&fields[..], &[("id", "id-0"), ("incident", INCIDENT), ("note", "mine")]].concat();
        let refused = bea.send("/account", path, &all).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text().await.unwrap().contains("This is for operators"), "{path}");
        let stray = dashboard.form(path, &all).header("cookie", &ana.cookie).send().await.unwrap();
        assert_eq!(stray.status(), StatusCode::FORBIDDEN, "{path} without a token");
        assert_eq!(ana.get(path).await.0 == StatusCode::METHOD_NOT_ALLOWED, path.starts_with("/un"), "{path}");
    }
    assert_eq!(alerts.lock().unwrap().audit.len(), 1, "nothing else was done");
}

#[tokio::test]
async fn why_something_was_not_done_is_told_in_words_and_what_was_typed_stays() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let fields = [("antennas", "north-01"), ("until", "never"), ("reason", "new mast")];
    for (status, message, english, spanish) in [
        (Status::FORBIDDEN, "no", "only where ANALYTICS_TOKEN is set", "donde ANALYTICS_TOKEN está fijado"),
        (Status::CONFLICT, "no", "Analytics cannot do this", "El análisis no puede hacerlo"),
        (Status::SERVICE_UNAVAILABLE, "no", "No analytics took it in time", "Ningún análisis lo aceptó"),
        (Status::BAD_REQUEST, "until: a time is needed", "until: a time is needed", "El análisis no lo ha aceptado"),
        (Status::UNAUTHORIZED, "no", "ANALYTICS_TOKEN", "ANALYTICS_TOKEN"),
    ] {
        alerts.lock().unwrap().refuses = Some((status, message));
        for (lang, words) in [("en", english), ("es", spanish)] {
            let refused = ana.send("/mute", &format!("/mute?lang={lang}"), &fields).await;
            let expected = if status == Status::UNAUTHORIZED { 503 } else { status.as_u16() };
            assert_eq!(refused.status().as_u16(), expected, "{status}");
            let page = refused.text().await.unwrap();
            assert!(page.contains(words) && page.contains("value=\"new mast\""), "{status}: {page}");
        }
    }
    assert!(alerts.lock().unwrap().mutes.is_empty());
    let gone = ana.send("/mute", "/unmute", &[("id", "id-7")]).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert!(gone.text().await.unwrap().contains("There is no such thing any more"));
}

#[tokio::test]
async fn where_nobody_is_known_lists_are_read_and_nothing_is_changed() {
    let dashboard = mock().await;
    for (path, words) in [("/quiet", "no alerts to mute"), ("/audit", "keeps no list"), ("/quiet?done=mute&of=x", "")] {
        let (status, page) = dashboard.get(path).await;
        assert!(
            status == StatusCode::OK && page.contains(words) && !page.contains("method=\"post\""),
            "{path}: {page}"
        );
    }
    for path in ["/mute", "/acknowledge"] {
        assert_eq!(dashboard.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(dashboard.form(path, &[]).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/quiet?x=1", "/audit?x=1"] {
        assert_eq!(dashboard.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
}
