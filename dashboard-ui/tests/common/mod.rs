//! A dashboard on a loopback port, and an analytics that does as it is told.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use dashboard_ui::client::Client;
use dashboard_ui::http::router;
use dashboard_ui::mock::Mock;
use dashboard_ui::settings::AllowedHosts;
use dashboard_ui::source::{Figures, Source};
use dashboard_ui::state::Clock;
use futures::{Stream, StreamExt, stream};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use shared::UnixMillis;
use shared::api::{SNAPSHOT_EVENT, path};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The time at which every test begins: 24 November 2025, 14:47:05 UTC.
pub const NOW: UnixMillis = UnixMillis(1_763_995_625_000);

/// Longer than anything here takes, however busy the machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A dashboard that is being served.
pub struct Dashboard {
    pub url: String,
    now: Arc<AtomicI64>,
    http: reqwest::Client,
    _stop: DropGuard,
}

impl Dashboard {
    pub async fn start(source: Source) -> Self {
        Self::start_for(source, AllowedHosts::default()).await
    }

    pub async fn start_for(source: Source, hosts: AllowedHosts) -> Self {
        let now = Arc::new(AtomicI64::new(NOW.0));
        let clock = Clock::new({
            let now = now.clone();
            move || UnixMillis(now.load(SeqCst))
        });
        let stop = CancellationToken::new();
        let app = router(dashboard_ui::state::State::start(source, hosts, clock, stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stopped).into_future());
        Self { url, now, http: browser(), _stop: stop.drop_guard() }
    }

    /// Lets time pass.
    pub fn advance(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, SeqCst);
    }

    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Opens a live page.
    pub async fn view(&self, path: &str) -> Viewer {
        let response = self.request(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let chunks = response.bytes_stream().map(|chunk| chunk.unwrap().to_vec());
        Viewer { chunks: Box::pin(chunks), buffer: String::new() }
    }
}

/// A client that goes straight to where it is sent.
pub fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A browser with a live page.
pub struct Viewer {
    chunks: std::pin::Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>,
    buffer: String,
}

impl Viewer {
    /// The next fragment.
    pub async fn fragment(&mut self) -> String {
        loop {
            let event = self.event().await;
            if let Some(html) = event.strip_prefix("event: fragment\ndata: ") {
                return html.to_owned();
            }
        }
    }

    /// The first fragment from here on that contains a text.
    pub async fn fragment_with(&mut self, text: &str) -> String {
        within_deadline(text, async {
            loop {
                let html = self.fragment().await;
                if html.contains(text) {
                    return html;
                }
            }
        })
        .await
    }

    /// The next event, as it came.
    pub async fn event(&mut self) -> String {
        within_deadline("an event", async {
            loop {
                if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                    let event = event.to_owned();
                    self.buffer = rest.to_owned();
                    return event;
                }
                let chunk = self.chunks.next().await.expect("the stream goes on");
                self.buffer
                    .push_str(std::str::from_utf8(&chunk).expect("events are small and never cut in a character"));
            }
        })
        .await
    }

    /// Waits for the end of the stream.
    pub async fn end(mut self) {
        within_deadline("the end", async { while self.chunks.next().await.is_some() {} }).await;
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
    figures: Mutex<Figures>,
    has_previous: AtomicBool,
    changes: broadcast::Sender<()>,
    subscriptions: AtomicUsize,
    loads: AtomicUsize,
}

impl Analytics {
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Shared {
            figures: Mutex::new(Mock.figures(dashboard_ui::query::Query::default(), NOW)),
            has_previous: true.into(),
            changes: broadcast::channel(16).0,
            subscriptions: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
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
    pub fn set(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.shared.figures.lock().unwrap());
    }

    /// Changes the mean latency and says so.
    pub fn announce(&self, mean_latency_ms: f64) {
        self.set(|figures| figures.summary.measures.latency_ms.mean = Some(mean_latency_ms));
        // Nobody may be listening.
        let _listeners = self.shared.changes.send(());
    }

    /// Answers 400 to who asks for the window before.
    pub fn forget_previous(&self) {
        self.shared.has_previous.store(false, SeqCst);
    }

    /// How many subscriptions to its events there ever were.
    pub fn subscriptions(&self) -> usize {
        self.shared.subscriptions.load(SeqCst)
    }

    /// How often the figures of a page were asked for.
    pub fn loads(&self) -> usize {
        self.shared.loads.load(SeqCst)
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
            .route(path::EVENTS, get(events))
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

/// A client of an analytics that may not be there.
pub fn source_at(address: SocketAddr) -> Source {
    Source::Http(Client::new(Url::parse(&format!("http://{address}")).unwrap()).unwrap())
}

#[derive(Deserialize)]
struct Window {
    end: String,
}

async fn summary(State(analytics): State<Arc<Shared>>, Query(window): Query<Window>) -> Response {
    let figures = analytics.figures.lock().unwrap().clone();
    if window.end == "latest" {
        return Json(figures.summary).into_response();
    }
    match figures.previous {
        Some(previous) if analytics.has_previous.load(SeqCst) => Json(previous).into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn series(State(analytics): State<Arc<Shared>>, Query(window): Query<Window>) -> Response {
    let figures = analytics.figures.lock().unwrap().clone();
    assert_eq!(window.end, figures.summary.window.end.to_string(), "all of a page is about one window");
    Json(figures.series).into_response()
}

async fn worst(State(analytics): State<Arc<Shared>>) -> Response {
    analytics.loads.fetch_add(1, SeqCst);
    Json(analytics.figures.lock().unwrap().worst.clone()).into_response()
}

async fn events(State(analytics): State<Arc<Shared>>) -> Response {
    analytics.subscriptions.fetch_add(1, SeqCst);
    let changes = stream::unfold(analytics.changes.subscribe(), |mut changes| async move {
        changes.recv().await.ok()?;
        Some((Ok::<_, Infallible>(Event::default().event(SNAPSHOT_EVENT).data("{}")), changes))
    });
    Sse::new(changes).into_response()
}

/// Asks again and again until there is an answer.
pub async fn poll<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    within_deadline(what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

pub async fn within_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}
