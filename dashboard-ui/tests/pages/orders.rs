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
    Acknowledgement, AcknowledgementPage, AlertMaintenance, AlertPage, AuditAction, AuditEntry, AuditPage, Maintenance,
    MaintenancePage, MaintenanceTimes, Mute, MutePage, NewAcknowledgement, NewMaintenance, NewMute, NewNote, Note,
    NotePage, PublicSite, PublicStatus, SiteState, path,
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
    planned: Vec<Maintenance>,
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
        self.audit.insert(0, AuditEntry { at: NOW, by, action, subject, text, until, maintenance: None });
    }

    fn write_down_maintenance(&mut self, by: &str, action: AuditAction, planned: &Maintenance) {
        self.write_down(by, action, &planned.antennas, &planned.reason, planned.when.end);
        self.audit[0].maintenance = Some(planned.clone());
    }

    /// What is planned, as if all that is not once were tomorrow; and a window of the file, which is now.
    fn maintenance(&self) -> Vec<AlertMaintenance> {
        let hour = |hours: i64| UnixMillis(NOW.0 + hours * 3_600_000);
        let of_file = AlertMaintenance {
            name: "core works".to_owned(),
            antennas: vec!["core-*".to_owned(), "north-01".to_owned()],
            active: true,
            start: NOW,
            end: hour(1),
            when: MaintenanceTimes::default(),
            id: None,
            at: None,
            by: None,
        };
        let next = |it: &Maintenance| AlertMaintenance {
            name: it.reason.clone(),
            antennas: vec![it.antennas.clone()],
            active: false,
            start: it.when.start.unwrap_or(hour(24)),
            end: it.when.end.unwrap_or(hour(26)),
            when: it.when.clone(),
            id: Some(it.id.clone()),
            at: Some(it.at),
            by: Some(it.by.clone()),
        };
        std::iter::once(of_file).chain(self.planned.iter().map(next)).collect()
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
    async fn maintenance(State(alerts): Kept) -> Json<MaintenancePage> {
        Json(MaintenancePage { maintenance: alerts.lock().unwrap().maintenance(), as_of: Some(NOW) })
    }
    async fn schedule(State(alerts): Kept, Json(new): Json<NewMaintenance>) -> Response {
        let mut alerts = alerts.lock().unwrap();
        if let Some((status, message)) = alerts.refuses {
            return refused(status, message);
        }
        let id = format!("window-{}", alerts.planned.len());
        let NewMaintenance { antennas, when, reason, by } = new;
        let planned = Maintenance { id, antennas, when, at: NOW, reason, by };
        alerts.write_down_maintenance(&planned.by, AuditAction::Schedule, &planned);
        alerts.planned.push(planned.clone());
        (Status::CREATED, Json(planned)).into_response()
    }
    async fn cancel(State(alerts): Kept, Query(pairs): Pairs) -> Response {
        let mut alerts = alerts.lock().unwrap();
        let [id, by] = ["id", "by"].map(|name| pairs.iter().find(|(given, _)| given == name).unwrap().1.clone());
        let Some(at) = alerts.planned.iter().position(|planned| planned.id == id) else {
            return refused(Status::NOT_FOUND, "there is no maintenance with this id that is not over");
        };
        let planned = alerts.planned.remove(at);
        alerts.write_down_maintenance(&by, AuditAction::Cancel, &planned);
        Json(planned).into_response()
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
        .route(path::MAINTENANCE, get(maintenance).post(schedule).delete(cancel))
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
async fn an_operator_plans_maintenance_once_and_takes_it_back_without_a_script() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let (status, form) = ana.get("/maintenance?antennas=north-01").await;
    assert!(status == StatusCode::OK && form.contains("value=\"north-01\""), "{form}");
    assert!(form.contains("name=\"start\" value=\"2025-11-24T14:47\"") && form.contains("recurs=1"), "{form}");
    let (start, end) = ("2025-11-25T20:00", "2025-11-25T22:30");
    let fields = [("antennas", "north-01"), ("start", start), ("end", end), ("reason", HOSTILE)];
    let page = ana.done("/maintenance", "/maintenance", &fields).await;
    let told = "Maintenance planned: nobody is told of north-01. 25 Nov 20:00 UTC – 25 Nov 22:30 UTC.";
    assert!(page.contains(told) && page.contains("Take it back"), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains(HOSTILE), "{page}");
    let kept = alerts.lock().unwrap().planned[0].clone();
    let at = |minutes: i64| Some(UnixMillis(1_764_014_400_000 + 86_400_000 + minutes * 60_000));
    let when = MaintenanceTimes { start: at(0), end: at(150), ..MaintenanceTimes::default() };
    assert_eq!((&*kept.by, &*kept.reason, &kept.when), ("ana", HOSTILE, &when));
    let page = ana.done("/quiet", "/maintenance/cancel", &[("id", &kept.id)]).await;
    assert!(page.contains("The maintenance of north-01 was taken back.") && page.contains("Plan it again"), "{page}");
    for hidden in [format!("name=\"start\" value=\"{start}\""), format!("name=\"end\" value=\"{end}\"")] {
        assert!(page.contains(&hidden), "{hidden}: {page}");
    }
    assert!(alerts.lock().unwrap().planned.is_empty());
    let again = ana.done("/maintenance", "/maintenance?lang=es", &fields).await;
    assert!(again.contains("Mantenimiento programado: no se avisa de north-01."), "{again}");
    let (_, audit) = ana.get("/audit").await;
    for did in ["planned maintenance of", "took the maintenance back of"] {
        assert!(audit.contains(&format!(" {did} ")), "{did}: {audit}");
    }
    assert!(audit.contains("25 Nov 20:00 UTC – 25 Nov 22:30 UTC") && !audit.contains(HOSTILE), "{audit}");
    let gone = ana.send("/quiet", "/maintenance/cancel", &[("id", "window-7")]).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_operator_plans_maintenance_by_the_clocks_of_a_time_zone_and_again_with_the_same_fields() {
    let (dashboard, alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let (status, form) = ana.get("/maintenance?recurs=1").await;
    assert!(status == StatusCode::OK && form.contains("name=\"days\"") && form.contains("Monday"), "{form}");
    let fields = [
        ("antennas", "north-*"),
        ("recurs", "1"),
        ("days", "sat"),
        ("days", "sun"),
        ("from", "22:00"),
        ("until", "02:00"),
        ("time_zone", "Europe/Madrid"),
        ("reason", "updates"),
    ];
    let page = ana.done("/maintenance?recurs=1", "/maintenance", &fields).await;
    let words = "Sat, Sun, 22:00–02:00, Europe/Madrid";
    assert!(page.contains(&format!("nobody is told of north-*. {words}.")) && page.contains("next from "), "{page}");
    let planned = alerts.lock().unwrap().planned[0].clone();
    let days = Some(vec!["sat".to_owned(), "sun".to_owned()]);
    let (hours, time_zone) = (Some("22:00-02:00".to_owned()), Some("Europe/Madrid".to_owned()));
    assert_eq!(planned.when, MaintenanceTimes { hours, days, time_zone, ..MaintenanceTimes::default() });
    let page = ana.done("/quiet", "/maintenance/cancel", &[("id", &planned.id)]).await;
    for (name, value) in fields {
        assert!(page.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name}: {page}");
    }
    // What was typed stays, boxes too.
    alerts.lock().unwrap().refuses = Some((Status::BAD_REQUEST, "bad value for the field time_zone: no"));
    let refused = ana.send("/maintenance?recurs=1", "/maintenance", &fields).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let page = refused.text().await.unwrap();
    assert!(page.contains("time_zone: no") && page.contains("value=\"22:00\""), "{page}");
    assert_eq!(page.matches(" checked").count(), 2, "{page}");
    // All hours of a day, and all days.
    alerts.lock().unwrap().refuses = None;
    for (extra, hours, days) in [
        ([("days", "mon"), ("from", ""), ("until", "")], None, Some(vec!["mon".to_owned()])),
        ([("until", "02:00"), ("from", "01:00"), ("reason", "r")], Some("01:00-02:00".to_owned()), None),
    ] {
        let always = [("antennas", "a"), ("recurs", "1"), ("time_zone", "UTC"), ("reason", "r")];
        ana.done("/maintenance?recurs=1", "/maintenance", &[&always[..], &extra[..]].concat()).await;
        let when = alerts.lock().unwrap().planned.last().unwrap().when.clone();
        assert_eq!((when.hours, when.days, when.time_zone.as_deref()), (hours, days, Some("UTC")));
    }
}

#[tokio::test]
async fn windows_of_the_file_are_listed_and_nobody_takes_them_back_on_the_page() {
    let (dashboard, _alerts) = closed().await;
    let ana = Person::named(&dashboard, "ana").await;
    let (_, page) = ana.get("/quiet").await;
    assert!(page.contains("core works") && page.contains("as ALERTS_FILE says"), "{page}");
    assert!(page.contains("now, until ") && !page.contains("/maintenance/cancel"), "{page}");
    assert!(page.contains("Plan maintenance…"), "{page}");
    let bea = Person::named(&dashboard, "bea").await;
    let (_, page) = bea.get("/quiet").await;
    assert!(page.contains("core works") && !page.contains("Plan maintenance…"), "{page}");
    let (_, page) = bea.get("/quiet?lang=es").await;
    assert!(page.contains("según ALERTS_FILE") && page.contains("ahora, hasta "), "{page}");
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
    for path in ["/mute?antennas=north-01", "/maintenance?antennas=north-01", "/acknowledge?incident=a"] {
        let (status, page) = bea.get(path).await;
        assert!(status == StatusCode::FORBIDDEN && page.contains("This is for operators"), "{path}");
    }
    for path in ["/mute", "/unmute", "/maintenance", "/maintenance/cancel", "/acknowledge", "/unacknowledge"] {
        let is_undone = path.starts_with("/un") || path.ends_with("/cancel");
        let all = [&fields[..], &[("id", "id-0"), ("incident", INCIDENT), ("note", "mine")]].concat();
        let refused = bea.send("/account", path, &all).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text().await.unwrap().contains("This is for operators"), "{path}");
        let stray = dashboard.form(path, &all).header("cookie", &ana.cookie).send().await.unwrap();
        assert_eq!(stray.status(), StatusCode::FORBIDDEN, "{path} without a token");
        assert_eq!(ana.get(path).await.0 == StatusCode::METHOD_NOT_ALLOWED, is_undone, "{path}");
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
    for path in ["/mute", "/maintenance", "/acknowledge"] {
        assert_eq!(dashboard.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(dashboard.form(path, &[]).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/quiet?x=1", "/audit?x=1"] {
        assert_eq!(dashboard.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
}
