//! The naive analytics behind HTTP, at a moment that stands still. Like the real one, it refuses parameters that it does not
//! know; and it has the faults that it is told to have.

use std::any::Any;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};

use axum::extract::{self, FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;
use futures::stream;
use reference::{Question, Reference, Refusal};
use reqwest::StatusCode;
use serde::Serialize;
use shared::UnixMillis;
use shared::api::{
    AntennasRequest, End, HeatmapRequest, IncidentsRequest, MapRequest, Note, NotePage, PipelineHistoryRequest,
    PipelineRequest, PublicStatus, PublicStatusRequest, ReadingsRequest, RejectedRequest, Request, SNAPSHOT_EVENT,
    SeriesRequest, SitesRequest, Summary, SummaryRequest, WindowRequest, WorstRequest, path,
};
use shared::settings::{KeptToken, Token};
use shared::testing::Reservation;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;

use super::{NOW, poll, source_at, source_with_token};

/// The built-in network of 24 antennas, as it was counted by now.
static NETWORK: LazyLock<Arc<Reference>> = LazyLock::new(|| Arc::new(Mock::default().read(NOW, Reference::clone)));

/// An analytics that does as it is told.
#[derive(Clone)]
pub struct Analytics {
    /// Stays its own while it is away.
    port: Arc<Reservation>,
    shared: Arc<Shared>,
    process: Arc<Mutex<Process>>,
}

struct Shared {
    reference: Arc<Reference>,
    /// What is done to answers about the present: the path of the route, and a function of its answer.
    changes_made: Mutex<Vec<(&'static str, Change)>>,
    has_previous: AtomicBool,
    is_original: AtomicBool,
    changes: broadcast::Sender<()>,
    subscriptions: AtomicUsize,
    loads: AtomicUsize,
    pipelines: AtomicUsize,
    /// The ends of windows that summaries were answered about.
    ends: Mutex<Vec<UnixMillis>>,
    incident_ends: Mutex<Vec<Option<End>>>,
    token: Mutex<Option<Token>>,
    /// What is public; without it, there is no such route.
    public: Mutex<Option<PublicStatus>>,
    publics: AtomicUsize,
    notes: Mutex<Vec<Note>>,
}

type Change = Arc<dyn Fn(&mut dyn Any) + Send + Sync>;

impl Analytics {
    /// It has counted the built-in network.
    pub async fn start() -> Self {
        Self::start_with(Arc::clone(&NETWORK)).await
    }

    /// It has counted something else.
    pub async fn start_with(reference: Arc<Reference>) -> Self {
        let shared = Shared {
            reference,
            changes_made: Mutex::default(),
            has_previous: true.into(),
            is_original: false.into(),
            changes: broadcast::channel(16).0,
            subscriptions: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
            pipelines: AtomicUsize::new(0),
            ends: Mutex::default(),
            incident_ends: Mutex::default(),
            token: Mutex::default(),
            public: Mutex::default(),
            publics: AtomicUsize::new(0),
            notes: Mutex::default(),
        };
        let analytics = Self { port: Arc::new(Reservation::new()), shared: Arc::new(shared), process: Arc::default() };
        analytics.restart().await;
        analytics
    }

    /// A client of it.
    pub fn source(&self) -> Source {
        source_at(self.port.address())
    }

    /// A client of it that sends a token.
    pub fn source_with(&self, token: impl Into<KeptToken>) -> Source {
        source_with_token(self.port.address(), Some(token.into()))
    }

    /// Answers only who sends a token from here on.
    pub fn demand(&self, token: &Token) {
        *self.shared.token.lock().unwrap() = Some(token.clone());
    }

    /// Changes what it answers to a request from here on, without a word about it.
    pub fn change<R: Request>(&self, change: impl Fn(&mut R::Answer) + Send + Sync + 'static)
    where
        R::Answer: 'static,
    {
        let change: Change = Arc::new(move |answer| change(answer.downcast_mut().unwrap()));
        self.shared.changes_made.lock().unwrap().push((R::PATH, change));
    }

    /// Tells this of public sites from here on.
    pub fn make_public(&self, status: PublicStatus) {
        *self.shared.public.lock().unwrap() = Some(status);
    }

    /// Tells this in the name of an operator from here on.
    pub fn note(&self, note: Note) {
        self.shared.notes.lock().unwrap().insert(0, note);
    }

    /// How often it was asked what is public.
    pub fn asked_for_public(&self) -> usize {
        self.shared.publics.load(SeqCst)
    }

    /// Changes the mean latency and says so.
    pub fn announce(&self, mean_latency_ms: f64) {
        self.announce_change(move |summary| summary.measures.latency_ms.mean = Some(mean_latency_ms));
    }

    /// Changes the summary and says so.
    pub fn announce_change(&self, change: impl Fn(&mut Summary) + Send + Sync + 'static) {
        self.change::<SummaryRequest>(change);
        // Nobody may be listening.
        let _listeners = self.shared.changes.send(());
    }

    /// Answers 400 to who asks for the window before.
    pub fn forget_previous(&self) {
        self.shared.has_previous.store(false, SeqCst);
    }

    /// Knows only the routes and fields of the original contract from here on, and ignores parameters that were added.
    pub fn become_original(&self) {
        self.shared.is_original.store(true, SeqCst);
    }

    /// How many subscriptions to its events there ever were.
    pub fn subscriptions(&self) -> usize {
        self.shared.subscriptions.load(SeqCst)
    }

    /// How often the figures of a page were asked for.
    pub fn loads(&self) -> usize {
        self.shared.loads.load(SeqCst)
    }

    /// How often the pipeline was asked for.
    pub fn asked_for_pipeline(&self) -> usize {
        self.shared.pipelines.load(SeqCst)
    }

    /// The ends of the windows that incidents were asked for, in order; `None` for all incidents.
    pub fn asked_for_incidents(&self) -> Vec<Option<End>> {
        self.shared.incident_ends.lock().unwrap().clone()
    }

    /// Stops at once, connections too.
    pub fn kill(&self) {
        *self.process.lock().unwrap() = Process(None);
    }

    /// Starts, again at the same address.
    pub async fn restart(&self) {
        let listener = poll("the port", || async { std::net::TcpListener::bind(self.port.address()).ok() }).await;
        self.serve(listener);
    }

    fn serve(&self, listener: std::net::TcpListener) {
        let app = Router::new()
            .route(path::SUMMARY, get(answer::<SummaryRequest>))
            .route(path::SERIES, get(answer::<SeriesRequest>))
            .route(path::WORST, get(answer::<WorstRequest>))
            .route(path::ANTENNAS, get(answer::<AntennasRequest>))
            .route(path::SITES, get(answer::<SitesRequest>))
            .route(path::MAP, get(answer::<MapRequest>))
            .route(path::HEATMAP, get(answer::<HeatmapRequest>))
            .route(path::INCIDENTS, get(answer::<IncidentsRequest>))
            .route(path::READINGS, get(answer::<ReadingsRequest>))
            .route(path::REJECTED, get(answer::<RejectedRequest>))
            .route(path::PIPELINE, get(answer::<PipelineRequest>))
            .route(path::PIPELINE_HISTORY, get(answer::<PipelineHistoryRequest>))
            .route(path::STATUS, get(public))
            .route(path::NOTES, get(notes))
            .route(path::EVENTS, get(events))
            .layer(middleware::from_fn_with_state(self.shared.clone(), only_who_knows))
            .with_state(self.shared.clone());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            listener.set_nonblocking(true).unwrap();
            axum::serve(TcpListener::from_std(listener).unwrap(), app).await
        });
        *self.process.lock().unwrap() = Process(Some(runtime));
    }
}

/// What dies with everything in it, connections too, as a process does.
#[derive(Default)]
struct Process(Option<Runtime>);

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A request of the API, read as analytics reads it: what it does not know is refused.
struct Asked<R>(R);

impl<R: Request, S: Sync> FromRequestParts<S> for Asked<R> {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        R::read_from(pairs).map(Self).map_err(|_| StatusCode::BAD_REQUEST)
    }
}

type Told = State<Arc<Shared>>;

async fn only_who_knows(State(analytics): Told, request: extract::Request, next: middleware::Next) -> Response {
    let header = request.headers().get("authorization").map_or(&b""[..], |header| header.as_bytes());
    let is_known = analytics.token.lock().unwrap().as_ref().is_none_or(|token| token.is_in(header));
    if is_known { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
}

async fn answer<R: Fake>(State(analytics): Told, Asked(mut asked): Asked<R>) -> Response
where
    R::Answer: Serialize + 'static,
{
    let is_original = analytics.is_original.load(SeqCst);
    if is_original && R::IS_ADDED {
        return StatusCode::NOT_FOUND.into_response();
    }
    if is_original {
        if asked.window().is_some_and(|window| window.end == End::Watermark) {
            return StatusCode::BAD_REQUEST.into_response();
        }
        asked.forget_additions();
    }
    let is_before = asked.window().is_some_and(|window| analytics.is_before(window));
    if is_before && !analytics.has_previous.load(SeqCst) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut answer = match analytics.reference.ask(&asked, NOW) {
        Ok(answer) => answer,
        Err(Refusal::BadParameter(_)) => return StatusCode::BAD_REQUEST.into_response(),
        Err(Refusal::UnknownAntenna) => return StatusCode::NOT_FOUND.into_response(),
    };
    analytics.take_note(&asked, &answer);
    if is_original && let Some(summary) = (&mut answer as &mut dyn Any).downcast_mut::<Summary>() {
        summary.limits = None;
    }
    if !is_before {
        let changes_made = analytics.changes_made.lock().unwrap().clone();
        changes_made.iter().filter(|(path, _)| *path == R::PATH).for_each(|(_, change)| change(&mut answer));
    }
    Json(answer).into_response()
}

impl Shared {
    /// Whether a window ends before the latest of the same length begins.
    fn is_before(&self, window: WindowRequest) -> bool {
        let present = if self.is_original.load(SeqCst) { End::Latest } else { End::Watermark };
        let latest = SummaryRequest { window: WindowRequest { end: present, ..window } };
        let latest = self.reference.ask(&latest, NOW);
        matches!((window.end, latest), (End::At(end), Ok(latest)) if end <= latest.window.start)
    }

    fn take_note(&self, asked: &dyn Any, answer: &dyn Any) {
        if let Some(summary) = answer.downcast_ref::<Summary>() {
            self.ends.lock().unwrap().push(summary.window.end);
        }
        if let Some(SummaryRequest { window }) = asked.downcast_ref() {
            // A page also asks what the windows held that changes are measured between.
            self.loads.fetch_add(usize::from(!matches!(window.end, End::At(_))), SeqCst);
        }
        self.pipelines.fetch_add(usize::from(asked.is::<PipelineRequest>()), SeqCst);
        if let Some(SeriesRequest { window, .. }) = asked.downcast_ref() {
            let is_shown = self.ends.lock().unwrap().iter().any(|end| window.end == End::At(*end));
            assert!(is_shown, "all of a page is about one window");
        }
        if let Some(IncidentsRequest { window, .. }) = asked.downcast_ref() {
            self.incident_ends.lock().unwrap().push(window.map(|window| window.end));
        }
    }
}

/// A request that it answers.
trait Fake: Question + Send + Sync + 'static {
    /// Whether the original contract does not have its route.
    const IS_ADDED: bool = false;

    /// Takes away the parameters that the original contract does not have.
    fn forget_additions(&mut self) {}
}

impl Fake for SummaryRequest {}

impl Fake for AntennasRequest {
    fn forget_additions(&mut self) {
        (self.id, self.step, self.site, self.group) = (None, None, None, None);
        self.statuses.clear();
        self.labels.0.clear();
    }
}

impl Fake for WorstRequest {
    fn forget_additions(&mut self) {
        (self.step, self.site) = (None, None);
        self.labels.0.clear();
    }
}

impl Fake for SitesRequest {
    const IS_ADDED: bool = true;
}

impl Fake for MapRequest {
    const IS_ADDED: bool = true;
}

impl Fake for SeriesRequest {}

impl Fake for PipelineRequest {}

impl Fake for HeatmapRequest {
    const IS_ADDED: bool = true;
}

impl Fake for IncidentsRequest {
    const IS_ADDED: bool = true;
}

impl Fake for ReadingsRequest {
    const IS_ADDED: bool = true;
}

impl Fake for RejectedRequest {
    const IS_ADDED: bool = true;
}

impl Fake for PipelineHistoryRequest {
    const IS_ADDED: bool = true;
}

async fn public(State(analytics): Told, _: Asked<PublicStatusRequest>) -> Response {
    analytics.publics.fetch_add(1, SeqCst);
    match analytics.public.lock().unwrap().clone() {
        Some(status) => Json(status).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn notes(State(analytics): Told) -> Json<NotePage> {
    Json(NotePage { notes: analytics.notes.lock().unwrap().clone(), as_of: Some(NOW) })
}

async fn events(State(analytics): Told) -> Response {
    analytics.subscriptions.fetch_add(1, SeqCst);
    let changes = stream::unfold(analytics.changes.subscribe(), |mut changes| async move {
        changes.recv().await.ok()?;
        Some((Ok::<_, Infallible>(Event::default().event(SNAPSHOT_EVENT).data("{}")), changes))
    });
    Sse::new(changes).into_response()
}
