//! A question of the API as somebody types it, put to the source: what the pages of the API try out.

use reference::Question;
use reqwest::StatusCode;
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennasRequest, BadParameter, End, HeatmapRequest, IncidentsRequest, MapRequest,
    PipelineHistoryRequest, PipelineRequest, ReadingsRequest, RejectedRequest, Request, SeriesRequest, SitesRequest,
    SummaryRequest, WorstRequest,
};

use super::{Asker, Source};
use crate::client::ClientError;

/// How a question was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trial {
    /// The answer as JSON, written for people.
    Answered(String),
    /// The question cannot be understood; nobody was asked.
    Bad(BadParameter),
    /// Analytics refuses it, with this status.
    Refused(StatusCode),
    /// Analytics demands a token that the dashboard does not know.
    Unauthorized,
    /// Analytics cannot be asked.
    Away,
}

/// Which question it is, what to ask with, and the requests among which it is.
macro_rules! tried {
    ($path:expr, $asker:expr, $pairs:expr, $($request:ty),+) => {
        match $path {
            $(<$request>::PATH => Some(try_out::<$request>($asker, $pairs).await),)+
            _ => None,
        }
    };
}

impl Source {
    /// Puts a question to a route. `None` if it is not one to try out: the route is no question, or its answer is a file.
    pub(crate) async fn try_out(&self, path: &str, pairs: Vec<(String, String)>, now: UnixMillis) -> Option<Trial> {
        let asker = Asker { source: self, now, present: End::Latest };
        tried!(
            path,
            asker,
            pairs,
            SummaryRequest,
            AntennasRequest,
            AntennaRequest,
            WorstRequest,
            SitesRequest,
            MapRequest,
            SeriesRequest,
            HeatmapRequest,
            IncidentsRequest,
            ReadingsRequest,
            RejectedRequest,
            PipelineRequest,
            PipelineHistoryRequest
        )
    }
}

async fn try_out<R: Question + Send + 'static>(asker: Asker<'_>, pairs: Vec<(String, String)>) -> Trial
where
    R::Answer: Send + 'static,
{
    // The answer is shown as JSON, whatever it is fetched as.
    let pairs = pairs.into_iter().filter(|(name, _)| name != "format").collect();
    let request = match R::read_from(pairs) {
        Ok(request) => request,
        Err(bad) => return Trial::Bad(bad),
    };
    let answer = match asker.ask(request).await {
        Ok(answer) => answer,
        Err(ClientError::Status(status)) if status.is_client_error() => return Trial::Refused(status),
        Err(ClientError::UnknownAntenna) => return Trial::Refused(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(%error, path = R::PATH, "a question of the API has no answer");
            return if matches!(error, ClientError::Unauthorized) { Trial::Unauthorized } else { Trial::Away };
        }
    };
    // A large answer takes its time.
    let written = tokio::task::spawn_blocking(move || serde_json::to_string_pretty(&answer)).await;
    match written {
        Ok(Ok(text)) => Trial::Answered(text),
        _ => Trial::Away,
    }
}
