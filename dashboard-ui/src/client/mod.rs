//! Analytics over HTTP: requests of its API, and its events.

mod events;
mod orders;
mod shown;

use std::time::Duration;

use futures::{Stream, TryStreamExt};
use reference::Refusal;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use shared::api::{End, Request, WindowRequest, path};
use shared::settings::KeptToken;
use shared::time::Span;
use tokio::task::JoinError;

use self::shown::ShownToken;

pub use self::orders::{NotDone, Order};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Analytics closes connections that idle for 20 s; one that is about to be closed is not to be used.
const POOL_TIMEOUT: Duration = Duration::from_secs(10);

/// For a complete answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// For an answer for which analytics may have to fetch files: about a window of more than an hour, or one that ends at a given time,
/// as that of last week does. A page asks twice at most, and has 15 s.
const LONG_ANSWER_TIMEOUT: Duration = Duration::from_secs(7);

/// Longer windows are long, in milliseconds.
const LONG_MS: i64 = 60 * 60 * 1000;

/// A client of analytics with its pool of connections. A clone shares the pool.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<ShownToken>,
}

/// Why analytics' answer cannot be used. The texts are for logs: pages never show them.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection, a broken one, a timeout, or a body that is not what the contract says.
    #[error("analytics cannot be reached or understood: {}", with_sources(.0))]
    Http(#[from] reqwest::Error),
    /// An answer that is not a success.
    #[error("analytics answered {0}")]
    Status(StatusCode),
    /// It demands a token, and this is not it.
    #[error("analytics refuses the dashboard, as ANALYTICS_TOKEN is not set here as it is there")]
    Unauthorized,
    /// The antenna is not known, or nothing of it is retained.
    #[error("analytics does not know the antenna")]
    UnknownAntenna,
    /// No event and no comment came for too long.
    #[error("analytics' events fell silent")]
    Silent,
    /// The built-in network failed to answer.
    #[error("the built-in network does not answer: {0}")]
    Mock(#[from] JoinError),
}

impl From<Refusal> for ClientError {
    /// The status that analytics would have answered with.
    fn from(refusal: Refusal) -> Self {
        Self::Status(match refusal {
            Refusal::BadParameter(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownAntenna => StatusCode::NOT_FOUND,
        })
    }
}

impl ClientError {
    /// Whether analytics understood the request but will not answer it, for example because it does not keep the range.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Status(StatusCode::BAD_REQUEST))
    }
}

impl Client {
    /// A client of the analytics at `base`, which may demand a token.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base: Url, token: Option<KeptToken>) -> reqwest::Result<Self> {
        // Analytics runs next to the dashboard, so neither proxies nor redirects are expected.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .build()?;
        let (base, token) = (base.as_str().trim_end_matches('/').to_owned(), token.and_then(ShownToken::new));
        Ok(Self { http, base, token })
    }

    /// Whether analytics is shown a token.
    #[must_use]
    pub const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// What analytics answers to a request.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn ask<R: Request>(&self, request: &R) -> Result<R::Answer, ClientError> {
        self.ask_within(request, request.window().map_or(ANSWER_TIMEOUT, timeout)).await
    }

    /// The same, where analytics may have to fetch many files.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn ask_patiently<R: Request>(&self, request: &R) -> Result<R::Answer, ClientError> {
        self.ask_within(request, LONG_ANSWER_TIMEOUT).await
    }

    async fn ask_within<R: Request>(&self, request: &R, timeout: Duration) -> Result<R::Answer, ClientError> {
        let response = self.send(self.http.get(self.url(&request.href())).timeout(timeout)).await?;
        Ok(succeeded(response)?.json().await?)
    }

    /// Yields whenever analytics has a new snapshot.
    ///
    /// # Errors
    /// When analytics does not answer.
    pub async fn changes(&self) -> Result<impl Stream<Item = Result<(), ClientError>> + Send + 'static, ClientError> {
        let request = self.send(self.http.get(self.url(path::EVENTS)).header("accept", "text/event-stream"));
        let response = tokio::time::timeout(ANSWER_TIMEOUT, request).await.map_err(|_| ClientError::Silent)??;
        Ok(events::snapshots(succeeded(response)?.bytes_stream().err_into()))
    }

    async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        match &self.token {
            Some(token) => token.send(request).await,
            None => request.send().await,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

fn timeout(window: WindowRequest) -> Duration {
    let is_long = window.length.map_or(0, Span::ms) > LONG_MS;
    if is_long || matches!(window.end, End::At(_)) { LONG_ANSWER_TIMEOUT } else { ANSWER_TIMEOUT }
}

fn succeeded(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    match status {
        status if status.is_success() => Ok(response),
        StatusCode::UNAUTHORIZED => Err(ClientError::Unauthorized),
        status => Err(ClientError::Status(status)),
    }
}

fn with_sources(error: &reqwest::Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    std::iter::once(error.to_string()).chain(sources.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use shared::UnixMillis;

    use super::*;

    #[test]
    fn what_may_need_files_is_waited_for_longer() {
        let of = |seconds: i64, end| timeout(WindowRequest { length: Some(Span::from_ms(seconds * 1000)), end });
        assert_eq!([of(300, End::Watermark), of(3600, End::Latest)], [ANSWER_TIMEOUT; 2]);
        assert_eq!([of(3601, End::Watermark), of(300, End::At(UnixMillis(0)))], [LONG_ANSWER_TIMEOUT; 2]);
    }
}
