//! Server-Sent Events: the summary after each change, computed once for all viewers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use shared::api::{Format, SNAPSHOT_EVENT, SummaryRequest, WindowRequest};
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use super::answer::Answers;
use super::{Api, ApiError, UNBUFFERED};

/// At most one event in this time.
const EVERY: Duration = Duration::from_secs(1);

/// Without new readings, the summary is computed every so many intervals, as antennas fall silent by the clock alone.
const LOOK_EVERY: u32 = 5;

/// A comment line is sent if nothing else was for this long; the contract allows 15 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A viewer that is this many events behind misses some; the newest is all that matters to it.
const BEHIND: usize = 2;

/// What the viewers share.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    api: Api,
    events: broadcast::Sender<Arc<str>>,
}

impl Events {
    pub(crate) fn start(api: Api) -> Self {
        let events = broadcast::Sender::new(BEHIND);
        tokio::spawn(publish(api.clone(), events.clone()));
        Self { api, events }
    }

    /// The summary of the default window, now and after each change.
    pub(crate) async fn stream(self) -> Result<Response, ApiError> {
        // Subscribed before the first summary is computed, so that no change is missed in between.
        let receiver = self.events.subscribe();
        let first = summary(&self.api).await?;
        let later = stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(text) => return Some((text, receiver)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        let all = stream::once(async { first })
            .chain(later)
            .map(|text| Ok::<_, Infallible>(Event::default().event(SNAPSHOT_EVENT).data(text)))
            .take_until(self.api.shutdown.clone().cancelled_owned());
        let stream = Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
        let mut response = ([UNBUFFERED], stream).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// Computes the summary after each change, at most once a second, while there are viewers.
async fn publish(api: Api, events: broadcast::Sender<Arc<str>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent: Option<((u64, u64), Arc<str>)> = None;
    let mut idle = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = api.shutdown.cancelled() => return,
        }
        if events.receiver_count() == 0 {
            continue;
        }
        let version = (api.published.whole().version, api.registry.current().version());
        let is_changed = sent.as_ref().is_none_or(|(last, _)| *last != version);
        idle = if is_changed { 0 } else { idle + 1 };
        if !is_changed && idle % LOOK_EVERY != 0 {
            continue;
        }
        // A query that failed has been logged; the next change asks again.
        let Ok(text) = summary(&api).await else { continue };
        if sent.as_ref().is_none_or(|(_, last)| *last != text) {
            // It does not matter if the last viewer has just left.
            let _no_viewer = events.send(Arc::clone(&text));
        }
        sent = Some((version, text));
    }
}

/// The summary of the default window as JSON.
async fn summary(api: &Api) -> Result<Arc<str>, ApiError> {
    let ask =
        |answers: Answers, asked| async move { answers.answer(asked, SummaryRequest::default(), Format::Json).await };
    let answer = api.persist(Some(WindowRequest::default()), false, ask).await?;
    std::str::from_utf8(&answer.body).map(Arc::from).map_err(|error| ApiError::internal(&error))
}
