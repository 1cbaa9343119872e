//! Analytics over HTTP: the figures of a page, and its events.

mod events;

use std::time::Duration;

use futures::{Stream, TryStreamExt};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use shared::UnixMillis;
use shared::api::{
    AntennaPage, AntennaRow, Heatmap, IncidentPage, Pipeline, PipelineHistory, RecentReadings, RejectedPage, Series,
    Summary, path,
};

use crate::query::{By, FLEET_ROWS, Fleet, INCIDENT_ROWS, Incidents, Page, Query, Range};
use crate::source::{AntennaFigures, AntennasFigures, Figures, IncidentsFigures, OverviewFigures, PipelineFigures};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// For a complete answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The worst antennas on the overview.
pub(crate) const WORST_ROWS: u32 = 10;

/// The newest incidents on the overview, and on an antenna's page.
pub(crate) const NEWEST_INCIDENTS: u32 = 6;

/// The newest readings on an antenna's page.
pub(crate) const NEWEST_READINGS: u32 = 30;

/// The newest rejected entries on the pipeline's page.
pub(crate) const NEWEST_REJECTED: u32 = 20;

/// Rows of a file: as many as analytics returns at once.
pub(crate) const ALL_ROWS: u32 = 10_000;

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
    /// The antenna is not known, or nothing of it is retained.
    #[error("analytics does not know the antenna")]
    UnknownAntenna,
    /// No event and no comment came for too long.
    #[error("analytics' events fell silent")]
    Silent,
}

impl ClientError {
    /// Whether analytics understood the request but will not answer it, for example because it does not keep the range.
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
        // Analytics runs next to the dashboard, so neither proxies nor redirects are expected.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http, base: base.as_str().trim_end_matches('/').to_owned() })
    }

    /// The figures for a query: the answers to several requests, made concurrently.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn figures(&self, query: &Query) -> Result<Figures, ClientError> {
        self.figures_with(query, Extent::Page).await
    }

    /// The figures for a query with all rows of its list.
    ///
    /// # Errors
    /// When analytics does not answer, or not as the contract says.
    pub async fn all_figures(&self, query: &Query) -> Result<Figures, ClientError> {
        self.figures_with(query, Extent::All).await
    }

    async fn figures_with(&self, query: &Query, extent: Extent) -> Result<Figures, ClientError> {
        let range = query.range;
        Ok(match &query.page {
            Page::Overview { by, tall } => {
                Figures::Overview(Box::new(self.overview(range, *by, Page::heatmap_rows(*tall)).await?))
            }
            Page::Antennas(fleet) => {
                let (summary, antennas) = tokio::try_join!(self.summary(range), self.fleet(range, fleet, extent))?;
                Figures::Antennas(Box::new(AntennasFigures { summary, antennas }))
            }
            Page::Antenna { id } => Figures::Antenna(Box::new(self.antenna(range, id).await?)),
            Page::Incidents(incidents) => {
                let (summary, incidents) = tokio::try_join!(self.default_summary(), self.incidents(incidents, extent))?;
                Figures::Incidents(Box::new(IncidentsFigures { summary, incidents }))
            }
            Page::Pipeline => Figures::Pipeline(Box::new(self.pipeline().await?)),
        })
    }

    /// Two rounds of requests: the first determines the window and the present statuses, the second asks for that exact
    /// window.
    async fn overview(&self, range: Range, by: By, rows: u32) -> Result<OverviewFigures, ClientError> {
        // Silence is only known for the present, so all three requests name the same end.
        let (summary, worst, heatmap) =
            tokio::try_join!(self.summary(range), self.worst(range, by), self.heatmap(range, rows))?;
        let (window, end) = (&summary.window, summary.window.end);
        let (previous, series, incidents) = tokio::join!(
            self.previous(range, window.start),
            self.series(range, end, None),
            self.newest_incidents(Some((range, end)), None),
        );
        Ok(OverviewFigures { previous: previous?, series: series?, incidents: incidents?, summary, worst, heatmap })
    }

    async fn antenna(&self, range: Range, id: &str) -> Result<AntennaFigures, ClientError> {
        let (summary, antenna, readings, incidents) = tokio::try_join!(
            self.summary(range),
            self.row(range, id),
            self.newest_readings(range, id),
            self.newest_incidents(range.end.map(|end| (range, end)), Some(id)),
        )?;
        let antenna = antenna.ok_or(ClientError::UnknownAntenna)?;
        let before = Range { end: Some(summary.window.start), ..range };
        let (previous, series) = tokio::join!(self.row(before, id), self.series(range, summary.window.end, Some(id)));
        let previous = if_kept(previous)?.flatten();
        Ok(AntennaFigures { previous, series: series?, summary, antenna, readings, incidents })
    }

    async fn pipeline(&self) -> Result<PipelineFigures, ClientError> {
        let limit = NEWEST_REJECTED.to_string();
        let newest = [("limit", &*limit)];
        let (summary, pipeline, history, rejected) = tokio::try_join!(
            self.default_summary(),
            self.get::<Pipeline>(path::PIPELINE, &[]),
            self.get_if_known::<PipelineHistory>(path::PIPELINE_HISTORY, &[]),
            self.get_if_known::<RejectedPage>(path::REJECTED, &newest),
        )?;
        Ok(PipelineFigures { summary, pipeline, history, rejected })
    }

    /// Yields whenever analytics has a new snapshot.
    ///
    /// # Errors
    /// When analytics does not answer.
    pub async fn changes(&self) -> Result<impl Stream<Item = Result<(), ClientError>> + Send + 'static, ClientError> {
        let request = self.http.get(self.url(path::EVENTS)).header("accept", "text/event-stream").send();
        let response = tokio::time::timeout(ANSWER_TIMEOUT, request).await.map_err(|_| ClientError::Silent)??;
        Ok(events::snapshots(succeeded(response)?.bytes_stream().err_into()))
    }

    async fn summary(&self, range: Range) -> Result<Summary, ClientError> {
        self.get(path::SUMMARY, &window(range).pairs()).await
    }

    /// Over analytics' default window: five minutes, or everything it keeps if that is less.
    async fn default_summary(&self) -> Result<Summary, ClientError> {
        self.get(path::SUMMARY, &[]).await
    }

    /// The window before; `None` if analytics no longer keeps it. The page then says that there is nothing to compare with.
    async fn previous(&self, range: Range, start: UnixMillis) -> Result<Option<Summary>, ClientError> {
        if_kept(self.summary(Range { end: Some(start), ..range }).await)
    }

    async fn series(&self, range: Range, end: UnixMillis, antenna: Option<&str>) -> Result<Series, ClientError> {
        let window = window(Range { end: Some(end), ..range });
        let step = in_seconds(range.step());
        let mut parameters = window.pairs();
        parameters.push(("step", &step));
        parameters.extend(antenna.map(|id| ("antenna", id)));
        self.get(path::SERIES, &parameters).await
    }

    async fn worst(&self, range: Range, by: By) -> Result<AntennaPage, ClientError> {
        let (window, step, limit) = (window(range), in_seconds(range.strip_step()), WORST_ROWS.to_string());
        let mut parameters = window.pairs();
        parameters.extend([("by", by.as_str()), ("limit", &*limit), ("step", &*step)]);
        self.get(path::WORST, &parameters).await
    }

    async fn heatmap(&self, range: Range, rows: u32) -> Result<Option<Heatmap>, ClientError> {
        let (window, step, rows) = (window(range), in_seconds(range.step()), rows.to_string());
        let mut parameters = window.pairs();
        parameters.extend([("step", &*step), ("rows", &*rows)]);
        self.get_if_known(path::HEATMAP, &parameters).await
    }

    async fn fleet(&self, range: Range, fleet: &Fleet, extent: Extent) -> Result<AntennaPage, ClientError> {
        let (window, step) = (window(range), in_seconds(range.strip_step()));
        let (limit, offset) = extent.paging(fleet.page, FLEET_ROWS);
        let mut parameters = window.pairs();
        parameters.extend([
            ("q", &*fleet.search),
            ("sort", fleet.sort.as_str()),
            ("order", if fleet.descending { "desc" } else { "asc" }),
            ("limit", &*limit),
            ("offset", &*offset),
        ]);
        parameters.extend(fleet.status.map(|status| ("status", status.as_str())));
        if matches!(extent, Extent::Page) {
            parameters.push(("step", &step));
        }
        self.get(path::ANTENNAS, &parameters).await
    }

    /// One antenna, requested by parameter because an id like `..` would change a path. An analytics that ignores `id`
    /// searches for it instead and may return others as well.
    async fn row(&self, range: Range, id: &str) -> Result<Option<AntennaRow>, ClientError> {
        let window = window(range);
        let mut parameters = window.pairs();
        parameters.extend([("id", id), ("q", id)]);
        let page: AntennaPage = self.get(path::ANTENNAS, &parameters).await?;
        Ok(page.antennas.into_iter().find(|row| row.antenna_id == id))
    }

    /// `None` for a range that has ended: analytics only keeps the most recent readings.
    async fn newest_readings(&self, range: Range, id: &str) -> Result<Option<RecentReadings>, ClientError> {
        if range.end.is_some() {
            return Ok(None);
        }
        let limit = NEWEST_READINGS.to_string();
        self.get_if_known(path::READINGS, &[("antenna", id), ("limit", &limit)]).await
    }

    async fn newest_incidents(
        &self,
        within: Option<(Range, UnixMillis)>,
        antenna: Option<&str>,
    ) -> Result<Option<IncidentPage>, ClientError> {
        let window = within.map(|(range, end)| window(Range { end: range.end.map(|_| end), ..range }));
        let limit = NEWEST_INCIDENTS.to_string();
        let mut parameters = window.as_ref().map(Window::pairs).unwrap_or_default();
        parameters.push(("limit", &limit));
        parameters.extend(antenna.map(|id| ("antenna", id)));
        self.get_if_known(path::INCIDENTS, &parameters).await
    }

    async fn incidents(&self, incidents: &Incidents, extent: Extent) -> Result<Option<IncidentPage>, ClientError> {
        let (limit, offset) = extent.paging(incidents.page, INCIDENT_ROWS);
        let mut parameters = vec![("q", &*incidents.search), ("limit", &*limit), ("offset", &*offset)];
        parameters.extend(incidents.kind.map(|kind| ("kind", kind.as_str())));
        parameters.extend(incidents.open.then_some(("state", "open")));
        self.get_if_known(path::INCIDENTS, &parameters).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, &str)]) -> Result<T, ClientError> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let url = format!("{}?{query}", self.url(path));
        let response = self.http.get(url).timeout(ANSWER_TIMEOUT).send().await?;
        Ok(succeeded(response)?.json().await?)
    }

    /// `None` if analytics does not have the route, like one that only implements the original contract, or has nothing there.
    async fn get_if_known<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Option<T>, ClientError> {
        match self.get(path, parameters).await {
            Err(ClientError::Status(StatusCode::NOT_FOUND)) => Ok(None),
            answer => answer.map(Some),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// How much of a list to request.
#[derive(Debug, Clone, Copy)]
enum Extent {
    Page,
    All,
}

impl Extent {
    /// `limit` and `offset`.
    fn paging(self, page: u32, rows: u32) -> (String, String) {
        match self {
            Self::Page => (rows.to_string(), (u64::from(page.saturating_sub(1)) * u64::from(rows)).to_string()),
            Self::All => (ALL_ROWS.to_string(), "0".to_owned()),
        }
    }
}

/// `window` and `end` as analytics wants them.
struct Window {
    length: String,
    end: String,
}

impl Window {
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        vec![("window", &self.length), ("end", &self.end)]
    }
}

fn window(range: Range) -> Window {
    let end = range.end.map_or_else(|| "latest".to_owned(), |end| end.to_string());
    Window { length: in_seconds(range.window), end }
}

/// `None` if analytics refuses the window because it does not keep it.
fn if_kept<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Err(error) if error.is_refusal() => Ok(None),
        answer => answer.map(Some),
    }
}

fn in_seconds(seconds: u32) -> String {
    format!("{seconds}s")
}

fn succeeded(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(ClientError::Status(status)) }
}

fn with_sources(error: &reqwest::Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    std::iter::once(error.to_string()).chain(sources.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}
