//! Where the figures of a page come from: analytics, or the built-in network.

mod questions;

use futures::StreamExt;
use futures::stream::BoxStream;
use shared::UnixMillis;

pub(crate) use questions::{ALL_ROWS, NEWEST_INCIDENTS, NEWEST_READINGS, WORST_ROWS};

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
        match (self, extent) {
            (Self::Http(client), _) => questions::figures(client, query, extent).await,
            (Self::Mock(mock), Extent::Page) => mock.figures(query, now),
            (Self::Mock(mock), Extent::All) => mock.all_figures(query, now),
        }
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
