//! Analytics over HTTP: the figures of a page, and its events.

use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use shared::UnixMillis;
use shared::api::{AntennaPage, SNAPSHOT_EVENT, Series, Summary, path};

use crate::query::Query;
use crate::source::Figures;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// For the whole of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Analytics sends a comment at least every 15 s: one may be late, two may not.
const EVENTS_SILENCE: Duration = Duration::from_secs(32);

/// A client of analytics with its pool of connections. A clone shares the pool.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
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
    /// The events stopped coming, comments too.
    #[error("analytics' events fell silent")]
    Silent,
}

impl ClientError {
    /// Whether analytics understood the request and will not answer it, as for a range that it does not keep.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Status(StatusCode::BAD_REQUEST))
    }
}

impl Client {
    /// A client of the analytics at `base`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base: Url) -> reqwest::Result<Self> {
        // Analytics stands beside the dashboard: no proxy on the way, and nowhere to be redirected to.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http, base: base.as_str().trim_end_matches('/').to_owned() })
    }

    /// The figures for a query, in two rounds: first what tells the window and the present statuses, then what is
    /// asked for that very window.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn figures(&self, query: Query) -> Result<Figures, ClientError> {
        // Whether an antenna is silent is known about the present only, so the worst are asked for at `latest` too.
        let (summary, worst) = tokio::try_join!(self.summary(query, None), self.worst(query))?;
        let (previous, series) =
            tokio::join!(self.summary(query, Some(summary.window.start)), self.series(query, summary.window.end));
        // Further back than analytics keeps panes: there is nothing to compare with, and the page says so.
        let previous = match previous {
            Err(error) if error.is_refusal() => None,
            previous => Some(previous?),
        };
        Ok(Figures { summary, previous, series: series?, worst })
    }

    /// Yields each time that analytics has a new snapshot.
    ///
    /// # Errors
    /// When analytics does not answer.
    pub async fn changes(&self) -> Result<impl Stream<Item = Result<(), ClientError>> + Send + 'static, ClientError> {
        let request = self.http.get(self.url(path::EVENTS)).header("accept", "text/event-stream").send();
        let response = tokio::time::timeout(ANSWER_TIMEOUT, request).await.map_err(|_| ClientError::Silent)??;
        let chunks = silence_is_an_error(succeeded(response)?.bytes_stream().err_into());
        let mut events = EventCounter::default();
        Ok(chunks.try_filter_map(move |chunk| {
            let any = events.push(chunk.as_ref()) > 0;
            async move { Ok(any.then_some(())) }
        }))
    }

    async fn summary(&self, query: Query, end: Option<UnixMillis>) -> Result<Summary, ClientError> {
        let end = end.map_or_else(|| "latest".to_owned(), |end| end.to_string());
        self.get(path::SUMMARY, &[("window", &in_seconds(query.window)), ("end", &end)]).await
    }

    async fn series(&self, query: Query, end: UnixMillis) -> Result<Series, ClientError> {
        let (window, step) = (in_seconds(query.window), in_seconds(query.step()));
        self.get(path::SERIES, &[("window", &window), ("step", &step), ("end", &end.to_string())]).await
    }

    async fn worst(&self, query: Query) -> Result<AntennaPage, ClientError> {
        self.get(path::WORST, &[("window", &in_seconds(query.window)), ("by", query.by.as_str()), ("limit", "10")])
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, &str)]) -> Result<T, ClientError> {
        // The parameters are numbers, times and words of our own: only the colons of a time are not plain, and they
        // may stand in a query as they are.
        let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{}?{}", self.url(path), parameters.join("&"));
        let response = self.http.get(url).timeout(ANSWER_TIMEOUT).send().await?;
        Ok(succeeded(response)?.json().await?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

fn in_seconds(seconds: u32) -> String {
    format!("{seconds}s")
}

fn succeeded(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(ClientError::Status(status)) }
}

/// Ends a stream with an error when nothing comes for too long: a peer that vanished without a word never says so.
fn silence_is_an_error<T: Send + 'static>(
    stream: impl Stream<Item = Result<T, ClientError>> + Send + 'static,
) -> impl Stream<Item = Result<T, ClientError>> + Send + 'static {
    stream::unfold(Some(stream.boxed()), |stream| async move {
        let mut stream = stream?;
        match tokio::time::timeout(EVENTS_SILENCE, stream.next()).await {
            Ok(item) => item.map(|item| (item, Some(stream))),
            Err(_) => Some((Err(ClientError::Silent), None)),
        }
    })
}

fn with_sources(error: &reqwest::Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    std::iter::once(error.to_string()).chain(sources.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

/// Counts the snapshots in a Server-Sent Events stream. What they say is of no interest: the figures are asked for by
/// query, and the events are about the default window only.
#[derive(Debug, Default)]
struct EventCounter {
    line: Vec<u8>,
    is_snapshot: bool,
}

impl EventCounter {
    /// Longer than any line of interest. The rest of a line is dropped, so that no peer can fill the memory.
    const LINE_MAX: usize = 64;

    /// Takes the next bytes and tells how many snapshots ended in them.
    fn push(&mut self, bytes: &[u8]) -> usize {
        bytes.iter().filter(|&&byte| self.push_byte(byte)).count()
    }

    /// Whether a snapshot ended with this byte.
    fn push_byte(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => false,
            _ => {
                if self.line.len() < Self::LINE_MAX {
                    self.line.push(byte);
                }
                false
            }
        }
    }

    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return std::mem::take(&mut self.is_snapshot);
        }
        if let Some(name) = line.strip_prefix(b"event:") {
            self.is_snapshot = name.trim_ascii() == SNAPSHOT_EVENT.as_bytes();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": hello\n\nevent: snapshot\ndata: {}\n\nevent: other\ndata: {}\n\nevent:snapshot\r\ndata: {}\r\n\r\n: bye\n\n";

    #[test]
    fn snapshots_are_counted() {
        assert_eq!(EventCounter::default().push(STREAM.as_bytes()), 2);
    }

    #[test]
    fn snapshots_are_counted_however_the_bytes_are_cut() {
        for size in 1..STREAM.len() {
            let mut events = EventCounter::default();
            let count: usize = STREAM.as_bytes().chunks(size).map(|chunk| events.push(chunk)).sum();
            assert_eq!(count, 2, "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut events = EventCounter::default();
        events.push(&vec![b'x'; 1 << 20]);
        assert!(events.line.capacity() <= 2 * EventCounter::LINE_MAX);
    }
}
