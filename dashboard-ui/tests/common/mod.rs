//! A dashboard on a loopback port, viewers of it, and a scripted analytics.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]

mod analytics;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use dashboard_ui::client::Client;
use dashboard_ui::http::router;
use dashboard_ui::query::Base;
use dashboard_ui::settings::{AllowedHosts, AuthSettings};
use dashboard_ui::source::Source;
use futures::{Stream, StreamExt};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use shared::UnixMillis;
use shared::server::HttpSettings;
use shared::settings::KeptToken;
use shared::testing::{DEADLINE, until_async};
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use analytics::Analytics;

/// The time at which every test starts: 24 November 2025, 14:47:05 UTC.
pub const NOW: UnixMillis = UnixMillis(1_763_995_625_000);

/// The path and query of each page.
pub const PAGES: [&str; 5] = ["/", "/antennas", "/antenna?id=airport-west", "/incidents", "/pipeline"];

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
        Self::start_at(source, hosts, Base::default()).await
    }

    pub async fn start_at(source: Source, hosts: AllowedHosts, base: Base) -> Self {
        let now = Arc::new(AtomicI64::new(NOW.0));
        let clock = Clock::of({
            let now = now.clone();
            move || UnixMillis(now.load(SeqCst))
        });
        let stop = CancellationToken::new();
        let app = router(dashboard_ui::state::State::start(source, hosts, clock, stop.clone()).with_base(base));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stopped).into_future());
        Self { url, now, http: browser(), _stop: stop.drop_guard() }
    }

    /// One that not everybody may see, on the server of the programs, which tells who asks.
    pub async fn start_closed(source: Source, auth: AuthSettings, base: Base) -> Self {
        Self::start_with_status(source, auth, base, false).await
    }

    /// The same, with a status page that anybody may see or without one.
    pub async fn start_with_status(source: Source, auth: AuthSettings, base: Base, has_status: bool) -> Self {
        let now = Arc::new(AtomicI64::new(NOW.0));
        let clock = Clock::of({
            let now = now.clone();
            move || UnixMillis(now.load(SeqCst))
        });
        let stop = CancellationToken::new();
        let state = dashboard_ui::state::State::start(source, AllowedHosts::default(), clock, stop.clone());
        let state = state.with_base(base).with_auth(auth).with_status(has_status);
        tokio::spawn({
            let (users, stop) = (state.clone().follow_users(), stop.clone());
            async move { stop.run_until_cancelled(users).await }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn({
            let stop = stop.clone();
            async move { shared::server::serve(listener, router(state), &HttpSettings::default(), stop).await }
        });
        Self { url, now, http: browser(), _stop: stop.drop_guard() }
    }

    /// Lets time pass.
    pub fn advance(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, SeqCst);
    }

    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// What a form sends.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(format!("{}{path}", self.url)).header("origin", &self.url);
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Opens a live page.
    pub async fn view(&self, path: &str) -> Viewer {
        Self::view_of(self.request(path)).await
    }

    /// Opens what is asked for as a live page.
    pub async fn view_of(request: reqwest::RequestBuilder) -> Viewer {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let chunks = response.bytes_stream().map(|chunk| chunk.unwrap().to_vec());
        Viewer::of(Box::pin(chunks))
    }
}

/// A source that asks an analytics, which may not exist.
pub fn source_at(address: SocketAddr) -> Source {
    source_with_token(address, None)
}

/// The same, with a token to send.
pub fn source_with_token(address: SocketAddr, token: Option<KeptToken>) -> Source {
    Source::Http(Client::new(Url::parse(&format!("http://{address}")).unwrap(), token).unwrap())
}

/// A client without proxies or redirects.
pub fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

/// A browser with a live page.
pub struct Viewer {
    chunks: std::pin::Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>,
    buffer: Vec<u8>,
}

impl Viewer {
    /// A browser that gets these chunks of a live page.
    pub fn of(chunks: std::pin::Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>) -> Self {
        Self { chunks, buffer: Vec::new() }
    }

    /// The next fragment.
    pub async fn fragment(&mut self) -> String {
        loop {
            let event = self.event().await;
            if let Some(data) = event.strip_prefix("event: fragment\ndata: ") {
                return data.replace("\ndata: ", "\n");
            }
        }
    }

    /// The next fragment that contains a text.
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
                if let Some(length) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                    let event = self.buffer.drain(..length + 2).take(length).collect();
                    return String::from_utf8(event).expect("events are text");
                }
                self.buffer.extend(self.chunks.next().await.expect("the stream goes on"));
            }
        })
        .await
    }

    /// Waits for the end of the stream.
    pub async fn end(mut self) {
        within_deadline("the end", async { while self.chunks.next().await.is_some() {} }).await;
    }
}

/// Asks repeatedly until there is an answer.
pub async fn poll<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    until_async(what, DEADLINE, async || ask().await.ok_or("nothing")).await
}

pub async fn within_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}
