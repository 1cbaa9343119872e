//! The figures of each page, as a client would put them together from several answers.

use shared::UnixMillis;
use shared::api::Order;

use super::{AntennaSearch, IncidentSearch, Mock, Sort};
use crate::client::ClientError;
use crate::figures::{AntennaFigures, AntennasFigures, Figures, IncidentsFigures, OverviewFigures, PipelineFigures};
use crate::query::{FLEET_ROWS, Fleet, INCIDENT_ROWS, Incidents, Page, Query, Range};
use crate::source::{ALL_ROWS, NEWEST_INCIDENTS, NEWEST_READINGS, WORST_ROWS};

impl Mock {
    /// The figures for a query at a moment.
    ///
    /// # Errors
    /// When the query is about an antenna that there is not.
    pub fn figures(&self, query: &Query, now: UnixMillis) -> Result<Figures, ClientError> {
        self.figures_of(query, None, now)
    }

    /// The figures for a query with all rows of its list.
    ///
    /// # Errors
    /// See [`Self::figures`].
    pub fn all_figures(&self, query: &Query, now: UnixMillis) -> Result<Figures, ClientError> {
        self.figures_of(query, Some(ALL_ROWS as usize), now)
    }

    fn figures_of(&self, query: &Query, all: Option<usize>, now: UnixMillis) -> Result<Figures, ClientError> {
        let Range { window, end } = query.range;
        let summary = self.summary(window, end, now);
        Ok(match &query.page {
            Page::Overview { by, tall } => {
                let rows = Page::heatmap_rows(*tall) as usize;
                let incidents = IncidentSearch {
                    within: Some((summary.window.start, summary.window.end)),
                    limit: NEWEST_INCIDENTS as usize,
                    ..IncidentSearch::default()
                };
                Figures::Overview(Box::new(OverviewFigures {
                    previous: Some(self.summary(window, Some(summary.window.start), now)),
                    series: self
                        .series(window, query.range.step(), end, None, now)
                        .ok_or(ClientError::UnknownAntenna)?,
                    worst: self.worst(
                        window,
                        end,
                        by.as_str(),
                        WORST_ROWS as usize,
                        Some(query.range.strip_step()),
                        now,
                    ),
                    heatmap: Some(self.heatmap(window, end, query.range.step(), rows, now)),
                    incidents: Some(self.incidents(&incidents, now)),
                    summary,
                }))
            }
            Page::Antennas(fleet) => {
                let search = fleet_search(fleet, query.range, all);
                let antennas = self.antennas(window, end, &search, now);
                Figures::Antennas(Box::new(AntennasFigures { summary, antennas }))
            }
            Page::Antenna { id } => {
                let row = |end| {
                    let search = AntennaSearch { id: Some(id.clone()), ..AntennaSearch::default() };
                    self.antennas(window, end, &search, now).antennas.into_iter().next()
                };
                let incidents = IncidentSearch {
                    antenna: Some(id.clone()),
                    within: end.map(|_| (summary.window.start, summary.window.end)),
                    limit: NEWEST_INCIDENTS as usize,
                    ..IncidentSearch::default()
                };
                Figures::Antenna(Box::new(AntennaFigures {
                    antenna: row(end).ok_or(ClientError::UnknownAntenna)?,
                    previous: row(Some(summary.window.start)),
                    series: self
                        .series(window, query.range.step(), end, Some(id), now)
                        .ok_or(ClientError::UnknownAntenna)?,
                    readings: end.map_or_else(|| self.readings(id, NEWEST_READINGS as usize, now), |_| None),
                    incidents: Some(self.incidents(&incidents, now)),
                    summary,
                }))
            }
            Page::Incidents(incidents) => {
                let incidents = self.incidents(&incident_search(incidents, all), now);
                Figures::Incidents(Box::new(IncidentsFigures { summary, incidents: Some(incidents) }))
            }
            Page::Pipeline => Figures::Pipeline(Box::new(PipelineFigures {
                summary,
                pipeline: self.pipeline(now),
                history: Some(self.pipeline_history(now)),
                rejected: Some(self.rejected(now)),
            })),
        })
    }
}

fn fleet_search(fleet: &Fleet, range: Range, all: Option<usize>) -> AntennaSearch {
    let (limit, offset) = paging(fleet.page, FLEET_ROWS, all);
    AntennaSearch {
        q: fleet.search.clone(),
        status: fleet.status,
        id: None,
        sort: Sort::named(fleet.sort.as_str()).unwrap_or(Sort::AntennaId),
        descending: fleet.order == Order::Descending,
        limit,
        offset,
        step_s: all.is_none().then(|| range.strip_step()),
    }
}

fn incident_search(incidents: &Incidents, all: Option<usize>) -> IncidentSearch {
    let (limit, offset) = paging(incidents.page, INCIDENT_ROWS, all);
    IncidentSearch {
        q: incidents.search.clone(),
        kind: incidents.kind,
        is_open: incidents.open.then_some(true),
        limit,
        offset,
        ..IncidentSearch::default()
    }
}

fn paging(page: u32, rows: u32, all: Option<usize>) -> (usize, usize) {
    match all {
        Some(all) => (all, 0),
        None => (rows as usize, (page.saturating_sub(1) as usize).saturating_mul(rows as usize)),
    }
}
