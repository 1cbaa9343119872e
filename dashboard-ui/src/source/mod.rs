//! Where the figures of a page come from: analytics, or the built-in network.

mod questions;
mod trial;

use futures::StreamExt;
use futures::stream::BoxStream;
use reference::Question;
use reqwest::StatusCode;
use shared::UnixMillis;
use shared::api::{
    AcknowledgementsRequest, AlertsRequest, AuditEntry, AuditRequest, Count, End, MaintenanceRequest, MutesRequest,
    Note, NotesRequest, PipelineRequest, PublicStatus, PublicStatusRequest, Request,
};
use shared::time::Clock;

use crate::client::{Client, ClientError, NotDone, Order};
use crate::figures::{Figures, Quiet, Standing};
use crate::mock::Mock;
use crate::query::Query;

pub(crate) use questions::shown;
pub(crate) use trial::Trial;

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
        let asker = Asker { source: self, now, present: End::Watermark };
        match questions::figures(asker, query, extent).await {
            // An analytics of the original contract has only this name for the present.
            Err(error) if error.is_refusal() && query.range.end.is_none() => {
                questions::figures(Asker { present: End::Latest, ..asker }, query, extent).await
            }
            figures => figures,
        }
    }

    /// How analytics fares; `None` if it does not tell.
    pub async fn standing(&self, clock: &Clock) -> Option<Standing> {
        let sent = clock.now();
        let asker = Asker { source: self, now: sent, present: End::Watermark };
        Some(Standing::of(&asker.ask(PipelineRequest::default()).await.ok()?, sent, clock.now()))
    }

    /// What is muted, in maintenance and acknowledged; `None` if analytics does not tell.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn quiet(&self) -> Result<Option<Quiet>, ClientError> {
        let (mutes, maintenance, acknowledgements) = tokio::try_join!(
            self.ask_analytics(MutesRequest::default()),
            // An analytics of before has none that it tells.
            self.ask_analytics(MaintenanceRequest::default()),
            self.ask_analytics(AcknowledgementsRequest::default()),
        )?;
        Ok(mutes.zip(acknowledgements).map(|(mutes, acknowledgements)| Quiet {
            mutes: mutes.mutes,
            maintenance: maintenance.map_or_else(Vec::new, |page| page.maintenance),
            acknowledgements: acknowledgements.acknowledgements,
        }))
    }

    /// What is public; `None` if analytics does not tell. The built-in network has no public names.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn public(&self) -> Result<Option<PublicStatus>, ClientError> {
        let Self::Http(client) = self else { return Ok(None) };
        if_there(client.ask_patiently(&PublicStatusRequest::default()).await)
    }

    /// What operators tell everybody of sites, the newest first; `None` if analytics does not tell.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn notes(&self) -> Result<Option<Vec<Note>>, ClientError> {
        Ok(self.ask_analytics(NotesRequest::default()).await?.map(|page| page.notes))
    }

    /// Whether anybody is told of incidents, without which analytics takes no orders.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn has_alerts(&self) -> Result<bool, ClientError> {
        Ok(self.ask_analytics(AlertsRequest::default()).await?.is_some_and(|page| page.enabled))
    }

    /// Who did what, the newest first; `None` if analytics does not tell.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn audit(&self) -> Result<Option<Vec<AuditEntry>>, ClientError> {
        let limit = Count::new(shared::api::MAX_AUDIT).expect("no more than are kept");
        Ok(self.ask_analytics(AuditRequest { limit }).await?.map(|page| page.entries))
    }

    /// Has something done; see [`Client::order`].
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn order(&self, order: &Order) -> Result<String, NotDone> {
        match self {
            Self::Http(client) => client.order(order).await,
            Self::Mock(_) => Err(NotDone::BuiltIn),
        }
    }

    /// `None` if analytics does not have the route. The built-in network has no alerts.
    async fn ask_analytics<R: Request>(&self, request: R) -> Result<Option<R::Answer>, ClientError> {
        let Self::Http(client) = self else { return Ok(None) };
        if_there(client.ask(&request).await)
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

    /// Whether analytics is shown a token.
    #[must_use]
    pub const fn has_token(&self) -> bool {
        match self {
            Self::Http(client) => client.has_token(),
            Self::Mock(_) => false,
        }
    }

    /// Whether the figures are generated, which the page must state.
    #[must_use]
    pub const fn is_mock(&self) -> bool {
        matches!(self, Self::Mock(_))
    }
}

/// A source at a moment, which can be asked with requests of analytics' API.
#[derive(Clone, Copy)]
struct Asker<'a> {
    source: &'a Source,
    now: UnixMillis,
    /// Where a window ends that keeps up with the present.
    present: End,
}

impl Asker<'_> {
    async fn ask<R: Question + Send + 'static>(self, request: R) -> Result<R::Answer, ClientError>
    where
        R::Answer: Send,
    {
        match self.source {
            Source::Http(client) => client.ask(&request).await,
            Source::Mock(mock) => {
                let (mock, now) = (mock.clone(), self.now);
                // An answer about thousands of antennas takes its time.
                Ok(tokio::task::spawn_blocking(move || mock.ask(&request, now)).await??)
            }
        }
    }

    /// `None` if analytics does not have the route, like one that only implements the original contract, or has nothing there.
    async fn ask_if_known<R: Question + Send + 'static>(self, request: R) -> Result<Option<R::Answer>, ClientError>
    where
        R::Answer: Send,
    {
        if_there(self.ask(request).await)
    }
}

/// An answer; `None` where analytics knows of no such thing.
fn if_there<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Err(ClientError::Status(StatusCode::NOT_FOUND)) => Ok(None),
        answer => answer.map(Some),
    }
}
