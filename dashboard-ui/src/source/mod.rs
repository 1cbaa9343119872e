//! Where the figures of a page come from: analytics, or the built-in network.

mod questions;

use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::StatusCode;
use shared::UnixMillis;
use shared::api::Request;

use crate::client::{Client, ClientError};
use crate::figures::Figures;
use crate::mock::Mock;
use crate::query::Query;

/// Where figures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Analytics, over HTTP.
    Http(Client),
    /// Generated, so that the page runs without anything else.
    Mock(Mock),
}

/// How much of a page's list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The rows that the page shows.
    Page,
    /// All rows, up to the length of a file.
    All,
}

impl Source {
    /// The figures for a query.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn figures(&self, query: &Query, extent: Extent, now: UnixMillis) -> Result<Figures, ClientError> {
        questions::figures(Asker { source: self, now }, query, extent).await
    }

    /// Yields whenever the figures have changed. The stream ends after an error.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn changes(&self) -> Result<BoxStream<'static, Result<(), ClientError>>, ClientError> {
        match self {
            Self::Http(client) => Ok(client.changes().await?.boxed()),
            Self::Mock(mock) => Ok(mock.changes().map(Ok).boxed()),
        }
    }

    /// Whether the figures are generated, which the page must state.
    #[must_use]
    pub const fn is_mock(&self) -> bool {
        matches!(self, Self::Mock(_))
    }
}

/// Answers a request of analytics' API at a moment, without analytics.
pub(crate) trait Answers<R: Request> {
    /// The answer.
    ///
    /// # Errors
    /// As analytics would refuse the request.
    fn answer(&self, request: &R, now: UnixMillis) -> Result<R::Answer, ClientError>;
}

/// A source at a moment, which can be asked with requests of analytics' API.
#[derive(Clone, Copy)]
struct Asker<'a> {
    source: &'a Source,
    now: UnixMillis,
}

impl Asker<'_> {
    async fn ask<R: Request>(self, request: R) -> Result<R::Answer, ClientError>
    where
        Mock: Answers<R>,
    {
        match self.source {
            Source::Http(client) => client.ask(&request).await,
            Source::Mock(mock) => mock.answer(&request, self.now),
        }
    }

    /// `None` if analytics does not have the route, like one that only implements the original contract, or has nothing there.
    async fn ask_if_known<R: Request>(self, request: R) -> Result<Option<R::Answer>, ClientError>
    where
        Mock: Answers<R>,
    {
        match self.ask(request).await {
            Err(ClientError::Status(StatusCode::NOT_FOUND)) => Ok(None),
            answer => answer.map(Some),
        }
    }
}
