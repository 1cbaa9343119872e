//! Where the figures of a page come from: analytics, or the built-in generator.

use futures::StreamExt;
use futures::stream::BoxStream;
use shared::UnixMillis;
use shared::api::{AntennaPage, Series, Summary};

use crate::client::{Client, ClientError};
use crate::mock::Mock;
use crate::query::Query;

/// Where figures come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Analytics, over HTTP.
    Http(Client),
    /// Made up, so that the page runs before anything else exists.
    Mock(Mock),
}

/// Everything that one rendering of the overview needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The window asked for.
    pub summary: Summary,
    /// The window of the same length before it; `None` where analytics does not have it.
    pub previous: Option<Summary>,
    /// The window in steps.
    pub series: Series,
    /// The worst antennas, worst first.
    pub worst: AntennaPage,
}

impl Source {
    /// The figures for a query.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn figures(&self, query: Query, now: UnixMillis) -> Result<Figures, ClientError> {
        match self {
            Self::Http(client) => client.figures(query).await,
            Self::Mock(mock) => Ok(mock.figures(query, now)),
        }
    }

    /// Says each time that the figures changed. An error is the last item, as is the end.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn changes(&self) -> Result<BoxStream<'static, Result<(), ClientError>>, ClientError> {
        match self {
            Self::Http(client) => Ok(client.changes().await?.boxed()),
            Self::Mock(mock) => Ok(mock.changes().map(Ok).boxed()),
        }
    }

    /// Whether the figures are made up, which the page must say.
    #[must_use]
    pub const fn is_mock(&self) -> bool {
        matches!(self, Self::Mock(_))
    }
}
