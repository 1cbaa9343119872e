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
    /// Made up, so that the page runs before anything else exists.
    Mock(Mock),
}

/// Everything that one rendering of a page needs.
///
/// What an analytics that only keeps the original contract does not know is `None`: the page leaves it out.
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
    /// The window asked for.
    pub summary: Summary,
    /// The window of the same length before it; `None` where analytics does not have it.
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
    /// The window asked for: how many antennas have which status.
    pub summary: Summary,
    /// The page.
    pub antennas: AntennaPage,
}

/// Figures of one antenna.
#[derive(Debug, Clone, PartialEq)]
pub struct AntennaFigures {
    /// The window asked for, over the whole network: what the antenna is compared with.
    pub summary: Summary,
    /// The antenna over the window.
    pub antenna: AntennaRow,
    /// The antenna over the window of the same length before; `None` where analytics does not have it.
    pub previous: Option<AntennaRow>,
    /// The window in steps.
    pub series: Series,
    /// Its newest readings; `None` for a range that has ended, which does not hold them.
    pub readings: Option<RecentReadings>,
    /// Its incidents: of a range that has ended those that fell into it, else whenever they were.
    pub incidents: Option<IncidentPage>,
}

/// Figures of the incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentsFigures {
    /// The default window.
    pub summary: Summary,
    /// A page of them, newest first; `None` where analytics does not keep any.
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
    /// A summary that tells what analytics keeps, how it judges, and when readings were last merged.
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

    /// The figures for a query with all rows of a list that a file has room for, whatever the page.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn all_figures(&self, query: &Query, now: UnixMillis) -> Result<Figures, ClientError> {
        match self {
            Self::Http(client) => client.all_figures(query).await,
            Self::Mock(mock) => mock.all_figures(query, now),
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
