//! Where the figures of a page come from: analytics, or the built-in generator.

use futures::StreamExt;
use futures::stream::BoxStream;
use shared::UnixMillis;
use shared::api::{
    AntennaPage, AntennaRow, Heatmap, IncidentPage, Pipeline, PipelineHistory, RecentReadings, RejectedPage, Series,
    Summary,
};

use crate::client::{Client, ClientError};
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

/// Everything needed to render a page once.
///
/// Optional parts are `None` if analytics only implements the original contract; the page leaves them out.
#[derive(Debug, Clone, PartialEq)]
pub enum Figures {
    /// The whole network.
    Overview(Box<OverviewFigures>),
    /// A page of the fleet.
    Antennas(Box<AntennasFigures>),
    /// One antenna.
    Antenna(Box<AntennaFigures>),
    /// Incidents.
    Incidents(Box<IncidentsFigures>),
    /// The pipeline.
    Pipeline(Box<PipelineFigures>),
}

/// Figures of the overview.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewFigures {
    /// The requested window.
    pub summary: Summary,
    /// The window of the same length before it; `None` if analytics does not have it.
    pub previous: Option<Summary>,
    /// The window in steps.
    pub series: Series,
    /// The worst antennas, worst first.
    pub worst: AntennaPage,
    /// All antennas over time.
    pub heatmap: Option<Heatmap>,
    /// The newest incidents of the window.
    pub incidents: Option<IncidentPage>,
}

/// Figures of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct AntennasFigures {
    /// The requested window: how many antennas have each status.
    pub summary: Summary,
    /// The page.
    pub antennas: AntennaPage,
}

/// Figures of one antenna.
#[derive(Debug, Clone, PartialEq)]
pub struct AntennaFigures {
    /// The requested window over the whole network, to compare the antenna with.
    pub summary: Summary,
    /// The antenna over the window.
    pub antenna: AntennaRow,
    /// The antenna over the window of the same length before; `None` if analytics does not have it.
    pub previous: Option<AntennaRow>,
    /// The window in steps.
    pub series: Series,
    /// Its newest readings; `None` for a range that has ended, as they are not part of it.
    pub readings: Option<RecentReadings>,
    /// Its incidents: those within the range if it has ended, otherwise the newest.
    pub incidents: Option<IncidentPage>,
}

/// Figures of the incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentsFigures {
    /// The default window.
    pub summary: Summary,
    /// A page of them, newest first; `None` if analytics does not keep incidents.
    pub incidents: Option<IncidentPage>,
}

/// Figures of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineFigures {
    /// The default window.
    pub summary: Summary,
    /// Progress and the ledger.
    pub pipeline: Pipeline,
    /// The pace over the last minutes.
    pub history: Option<PipelineHistory>,
    /// Rejected entries.
    pub rejected: Option<RejectedPage>,
}

impl Figures {
    /// A summary with the limits and thresholds of analytics, and the time when readings were last merged.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        match self {
            Self::Overview(figures) => &figures.summary,
            Self::Antennas(figures) => &figures.summary,
            Self::Antenna(figures) => &figures.summary,
            Self::Incidents(figures) => &figures.summary,
            Self::Pipeline(figures) => &figures.summary,
        }
    }
}

impl Source {
    /// The figures for a query.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn figures(&self, query: &Query, now: UnixMillis) -> Result<Figures, ClientError> {
        match self {
            Self::Http(client) => client.figures(query).await,
            Self::Mock(mock) => mock.figures(query, now),
        }
    }

    /// The figures for a query with all rows of its list, up to the length of a file, whatever the page.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn all_figures(&self, query: &Query, now: UnixMillis) -> Result<Figures, ClientError> {
        match self {
            Self::Http(client) => client.all_figures(query).await,
            Self::Mock(mock) => mock.all_figures(query, now),
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
