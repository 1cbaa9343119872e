//! An analytics that does as it is told. Like the real one, it refuses parameters that it does not know.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use dashboard_ui::mock::{AntennaSearch, IncidentSearch, Mock};
use dashboard_ui::source::Source;
use futures::stream;
use reqwest::StatusCode;
use serde::Serialize;
use shared::api::{
    AntennaPage, AntennaRow, AntennasRequest, End, Heatmap, HeatmapRequest, IncidentPage, IncidentState,
    IncidentsRequest, Order, Pipeline, PipelineHistory, ReadingsRequest, RecentReadings, RejectedPage, RejectedRequest,
    Request as ApiRequest, SNAPSHOT_EVENT, Series, SeriesRequest, Summary, SummaryRequest, WorstRequest, path,
};
use shared::time::parse_duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;

use super::{NOW, poll, source_at};

/// The antenna of which it knows readings.
const ANTENNA: &str = "airport-west";

/// What it answers, whatever the window that is asked for.
#[derive(Clone)]
pub struct Answers {
    pub summary: Summary,
    /// The window before.
    pub previous: Summary,
    pub series: Series,
    pub worst: AntennaPage,
    /// All antennas, in the order in which pages get them.
    pub antennas: AntennaPage,
    pub heatmap: Heatmap,
    /// All incidents, newest first.
    pub incidents: IncidentPage,
    pub readings: RecentReadings,
    pub pipeline: Pipeline,
    pub history: PipelineHistory,
    pub rejected: RejectedPage,
}

impl Answers {
    fn new() -> Self {
        let mock = Mock::default();
        let summary = mock.summary(300, None, NOW);
        let antennas = AntennaSearch { limit: usize::MAX, step_s: Some(10), ..AntennaSearch::default() };
        let incidents = IncidentSearch { limit: usize::MAX, ..IncidentSearch::default() };
        Self {
            previous: mock.summary(300, Some(summary.window.start), NOW),
            series: mock.series(300, 5, None, None, NOW).unwrap(),
            worst: mock.worst(300, None, "failures", 10, Some(10), NOW),
            antennas: mock.antennas(300, None, &antennas, NOW),
            heatmap: mock.heatmap(300, None, 5, 24, NOW),
            incidents: mock.incidents(&incidents, NOW),
            readings: mock.readings(ANTENNA, 100, NOW).unwrap(),
            pipeline: mock.pipeline(NOW),
            history: mock.pipeline_history(NOW),
            rejected: mock.rejected(NOW),
            summary,
        }
    }

    /// Takes away what the original contract does not have.
    fn forget_additions(&mut self) {
        self.summary.limits = None;
        self.previous.limits = None;
        for page in [&mut self.worst, &mut self.antennas] {
            page.steps = None;
            page.antennas.iter_mut().for_each(|row| row.history = None);
        }
    }
}

/// An analytics that does as it is told.
#[derive(Clone)]
pub struct Analytics {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    process: Arc<Mutex<Process>>,
}

struct Shared {
    answers: Mutex<Answers>,
    has_previous: AtomicBool,
    is_original: AtomicBool,
    changes: broadcast::Sender<()>,
    subscriptions: AtomicUsize,
    loads: AtomicUsize,
    incident_ends: Mutex<Vec<Option<End>>>,
}

impl Analytics {
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Shared {
            answers: Mutex::new(Answers::new()),
            has_previous: true.into(),
            is_original: false.into(),
            changes: broadcast::channel(16).0,
            subscriptions: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
            incident_ends: Mutex::default(),
        };
        let address = listener.local_addr().unwrap();
        let analytics = Self { address, shared: Arc::new(shared), process: Arc::default() };
        analytics.serve(listener);
        analytics
    }

    /// A client of it.
    pub fn source(&self) -> Source {
        source_at(self.address)
    }

    /// Changes what it answers, without a word about it.
    pub fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.shared.answers.lock().unwrap());
    }

    /// Changes the mean latency and says so.
    pub fn announce(&self, mean_latency_ms: f64) {
        self.announce_change(|answers| answers.summary.measures.latency_ms.mean = Some(mean_latency_ms));
    }

    /// Changes what it answers and says so.
    pub fn announce_change(&self, change: impl FnOnce(&mut Answers)) {
        self.set(change);
        // Nobody may be listening.
        let _listeners = self.shared.changes.send(());
    }

    /// Answers 400 to who asks for the window before.
    pub fn forget_previous(&self) {
        self.shared.has_previous.store(false, SeqCst);
    }

    /// Knows only the routes and fields of the original contract from here on, and ignores parameters that were added.
    pub fn become_original(&self) {
        self.set(Answers::forget_additions);
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

    /// The ends of the windows that incidents were asked for, in order; `None` for all incidents.
    pub fn asked_for_incidents(&self) -> Vec<Option<End>> {
        self.shared.incident_ends.lock().unwrap().clone()
    }

    /// Stops at once, connections too.
    pub fn kill(&self) {
        *self.process.lock().unwrap() = Process(None);
    }

    /// Starts again at the same address.
    pub async fn restart(&self) {
        let listener = poll("the port", || async { std::net::TcpListener::bind(self.address).ok() }).await;
        self.serve(listener);
    }

    fn serve(&self, listener: std::net::TcpListener) {
        let app = Router::new()
            .route(path::SUMMARY, get(summary))
            .route(path::SERIES, get(series))
            .route(path::WORST, get(worst))
            .route(path::ANTENNAS, get(antennas))
            .route(path::HEATMAP, get(heatmap))
            .route(path::INCIDENTS, get(incidents))
            .route(path::READINGS, get(readings))
            .route(path::REJECTED, get(rejected))
            .route(path::PIPELINE, get(pipeline))
            .route(path::PIPELINE_HISTORY, get(history))
            .route(path::EVENTS, get(events))
            .layer(middleware::from_fn_with_state(self.shared.clone(), only_what_is_kept))
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

impl Shared {
    fn answers(&self) -> Answers {
        self.answers.lock().unwrap().clone()
    }

    /// Answers on a route that the original contract does not have.
    fn added<T: Serialize>(&self, answer: impl FnOnce(Answers) -> T) -> Response {
        if self.is_original.load(SeqCst) {
            return StatusCode::NOT_FOUND.into_response();
        }
        Json(answer(self.answers())).into_response()
    }

    /// Whether an end is that of the window before the one that is answered.
    fn is_before(&self, end: End) -> bool {
        end == End::At(self.answers().summary.window.start)
    }
}

/// Refuses a window that is longer than what is kept.
async fn only_what_is_kept(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let parameters = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let window = parameters.into_iter().find(|(name, _)| name == "window").map(|(_, value)| value.into_owned());
    let seconds = window.map_or(0.0, |window| parse_duration(&window).unwrap().as_secs_f64());
    if shared.answers().summary.limits.is_some_and(|limits| seconds > limits.retention_seconds) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    next.run(request).await
}

/// A request of the API, read as analytics reads it: what it does not know is refused.
struct Asked<R>(R);

impl<R: ApiRequest, S: Sync> FromRequestParts<S> for Asked<R> {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        R::read_from(pairs).map(Self).map_err(|_| StatusCode::BAD_REQUEST)
    }
}

type Told = State<Arc<Shared>>;

async fn summary(State(analytics): Told, Asked(asked): Asked<SummaryRequest>) -> Response {
    let answers = analytics.answers();
    if !analytics.is_before(asked.window.end) {
        analytics.loads.fetch_add(1, SeqCst);
        return Json(answers.summary).into_response();
    }
    if !analytics.has_previous.load(SeqCst) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    Json(answers.previous).into_response()
}

async fn series(State(analytics): Told, Asked(asked): Asked<SeriesRequest>) -> Response {
    let Answers { summary, series, antennas, .. } = analytics.answers();
    assert_eq!(asked.window.end, End::At(summary.window.end), "all of a page is about one window");
    let is_known = |id: &String| antennas.antennas.iter().any(|row| row.antenna_id == *id);
    match asked.antenna {
        Some(id) if !is_known(&id) => StatusCode::NOT_FOUND.into_response(),
        _ => Json(series).into_response(),
    }
}

async fn worst(State(analytics): Told, Asked(asked): Asked<WorstRequest>) -> Response {
    let mut worst = analytics.answers().worst;
    worst.antennas.truncate(asked.limit.get());
    Json(worst).into_response()
}

async fn antennas(State(analytics): Told, Asked(asked): Asked<AntennasRequest>) -> Response {
    let mut page = analytics.answers().antennas;
    if analytics.is_before(asked.window.end) && !analytics.has_previous.load(SeqCst) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if !analytics.is_original.load(SeqCst) {
        page.antennas.retain(|row| {
            asked.id.as_ref().is_none_or(|id| *id == row.antenna_id)
                && (asked.statuses.is_empty() || asked.statuses.contains(&row.status))
        });
    }
    page.antennas.retain(|row| row.antenna_id.contains(asked.q.as_deref().unwrap_or_default()));
    if asked.order == Order::Descending {
        page.antennas.reverse();
    }
    page.total = page.antennas.len() as u64;
    page.antennas = page.antennas.into_iter().skip(asked.offset).take(asked.limit.get()).collect();
    if asked.step.is_none() {
        page.steps = None;
        page.antennas.iter_mut().for_each(|row: &mut AntennaRow| row.history = None);
    }
    Json(page).into_response()
}

async fn heatmap(State(analytics): Told, Asked(asked): Asked<HeatmapRequest>) -> Response {
    analytics.added(|mut answers| {
        answers.heatmap.rows.truncate(asked.rows.get());
        answers.heatmap
    })
}

async fn incidents(State(analytics): Told, Asked(asked): Asked<IncidentsRequest>) -> Response {
    analytics.incident_ends.lock().unwrap().push(asked.window.map(|window| window.end));
    analytics.added(|Answers { incidents: mut page, .. }| {
        page.incidents.retain(|incident| {
            incident.antenna_id.contains(asked.q.as_deref().unwrap_or_default())
                && asked.antenna.as_ref().is_none_or(|id| *id == incident.antenna_id)
                && asked.kind.is_none_or(|kind| kind == incident.kind)
                && asked.state.is_none_or(|state| (state == IncidentState::Open) == incident.end.is_none())
        });
        page.total = page.incidents.len() as u64;
        page.open = page.incidents.iter().filter(|incident| incident.end.is_none()).count() as u64;
        page.incidents = page.incidents.into_iter().skip(asked.offset).take(asked.limit.get()).collect();
        page
    })
}

async fn readings(State(analytics): Told, Asked(asked): Asked<ReadingsRequest>) -> Response {
    analytics.added(|Answers { mut readings, .. }| {
        readings.readings.truncate(if asked.antenna == readings.antenna_id { asked.limit.get() } else { 0 });
        RecentReadings { antenna_id: asked.antenna, ..readings }
    })
}

async fn rejected(State(analytics): Told, Asked(asked): Asked<RejectedRequest>) -> Response {
    analytics.added(|Answers { mut rejected, .. }| {
        rejected.newest.truncate(asked.limit.get());
        rejected
    })
}

async fn pipeline(State(analytics): Told) -> Response {
    Json(analytics.answers().pipeline).into_response()
}

async fn history(State(analytics): Told) -> Response {
    analytics.added(|answers| answers.history)
}

async fn events(State(analytics): Told) -> Response {
    analytics.subscriptions.fetch_add(1, SeqCst);
    let changes = stream::unfold(analytics.changes.subscribe(), |mut changes| async move {
        changes.recv().await.ok()?;
        Some((Ok::<_, Infallible>(Event::default().event(SNAPSHOT_EVENT).data("{}")), changes))
    });
    Sse::new(changes).into_response()
}
