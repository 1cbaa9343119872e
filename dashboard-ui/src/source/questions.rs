//! What analytics is asked for each page, as requests of its API.

use std::collections::BTreeSet;

use shared::UnixMillis;
use shared::api::{
    AntennaPage, AntennaRow, AntennasRequest, Badness, Count, End, Grouping, Heatmap, HeatmapRequest, Incident,
    IncidentPage, IncidentState, IncidentsRequest, Labels, MapRequest, OptionalWindow, PipelineHistoryRequest,
    PipelineRequest, ReadingsRequest, RecentReadings, RejectedRequest, Request, Series, SeriesRequest, SitePage,
    SiteSort, SitesRequest, Sort, Status, Summary, SummaryRequest, WindowRequest, WorstRequest,
};
use shared::time::Span;

use super::{Asker, Extent};
use crate::client::ClientError;
use crate::figures::{
    AntennaFigures, AntennasFigures, Figures, IncidentsFigures, MapFigures, MonthFigures, NAMED_ANTENNAS,
    OverviewFigures, PipelineFigures, Quiet, RECENT_SECONDS, ReportFigures, SiteFigures, SitesFigures,
};
use crate::model::State;
use crate::model::snippets::Asked;
use crate::projection::Sheet;
use crate::query::{
    Comparison, FLEET_ROWS, Filter, Fleet, Incidents, Map, Month, Page, Query, Range, SITE_ROWS, Sites, week_before,
};

/// The worst antennas on the overview.
const WORST_ROWS: u32 = 10;

/// The months of a calendar, the present one included.
const CALENDAR_MONTHS: u32 = 3;

/// The most months ago that a report can be about.
const MOST_MONTHS: u32 = 119;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The newest incidents on the overview, and on an antenna's page.
const NEWEST_INCIDENTS: u32 = 6;

/// The newest readings on an antenna's page.
const NEWEST_READINGS: u32 = 30;

/// The newest rejected entries on the pipeline's page.
const NEWEST_REJECTED: u32 = 20;

/// The figures for a query: the answers to several requests, made concurrently.
pub(super) async fn figures(asker: Asker<'_>, query: &Query, extent: Extent) -> Result<Figures, ClientError> {
    let range = query.range;
    Ok(match &query.page {
        Page::Overview { by, tall, is_grouped } => {
            let map = HeatmapRequest {
                rows: rows(Page::heatmap_rows(*tall)),
                group: group(*is_grouped),
                ..HeatmapRequest::default()
            };
            Figures::Overview(Box::new(overview(asker, query, *by, map).await?))
        }
        Page::Antennas(fleet) => {
            // How long a step of a strip is depends on how often antennas report.
            let summary = asker.ask(SummaryRequest { window: window(asker, range) }).await?;
            let step = (extent == Extent::Page).then(|| seconds(range.strip_step(summary.interval_seconds)));
            let request = AntennasRequest { step, ..fleet_request(asker.present, fleet, range, extent) };
            let groups = async { if fleet.is_grouped { groups(asker, &request).await } else { Ok(None) } };
            let (antennas, groups) = tokio::try_join!(asker.ask(request.clone()), groups)?;
            Figures::Antennas(Box::new(AntennasFigures { summary, antennas, groups }))
        }
        Page::Antenna { id } => Figures::Antenna(Box::new(antenna(asker, query, id).await?)),
        Page::Sites(sites) => {
            let request = sites_request(asker.present, *sites, range, extent);
            let summary = SummaryRequest { window: window(asker, range) };
            let (summary, sites) = tokio::try_join!(asker.ask(summary), asker.ask_if_known(request))?;
            Figures::Sites(Box::new(SitesFigures { summary, sites }))
        }
        Page::Site(fleet) => Figures::Site(Box::new(site(asker, range, fleet, extent).await?)),
        Page::Map(map) => {
            let summary = SummaryRequest { window: window(asker, range) };
            let request = map_request(asker.present, map, range);
            let (summary, map) = tokio::try_join!(asker.ask(summary), asker.ask_if_known(request))?;
            Figures::Map(Box::new(MapFigures { summary, map }))
        }
        Page::Incidents(incidents) => {
            let summary = SummaryRequest { window: window(asker, range) };
            let incidents = all_incidents(asker, incidents_request(asker.present, incidents, range));
            let (summary, incidents, has_sites, quiet) =
                tokio::try_join!(asker.ask(summary), incidents, has_sites(asker, range), quiet(asker, range))?;
            Figures::Incidents(Box::new(IncidentsFigures { summary, incidents, has_sites, quiet }))
        }
        Page::Pipeline => Figures::Pipeline(Box::new(pipeline(asker).await?)),
        Page::Report { month, id } => Figures::Report(Box::new(report(asker, *month, id.as_deref()).await?)),
    })
}

/// The question whose answer is the table or the chart of a page, as somebody would ask it. A chart has steps of this length.
pub(crate) fn shown(query: &Query, step: Option<Span>) -> Asked {
    fn asked<R: Request>(request: &R) -> Asked {
        Asked { href: request.href(), formats: R::FORMATS }
    }
    let range = query.range;
    let series = |antenna| {
        let window = up_to(End::Watermark, range);
        asked(&SeriesRequest { window, step, antenna, format: None })
    };
    match &query.page {
        Page::Overview { .. } => series(None),
        Page::Antenna { id } => series(Some(id.clone())),
        Page::Antennas(fleet) | Page::Site(fleet) => asked(&fleet_request(End::Watermark, fleet, range, Extent::All)),
        Page::Sites(sites) => asked(&sites_request(End::Watermark, *sites, range, Extent::All)),
        Page::Map(map) => asked(&map_request(End::Watermark, map, range)),
        Page::Incidents(incidents) => asked(&incidents_request(End::Watermark, incidents, range)),
        Page::Pipeline => asked(&PipelineHistoryRequest::default()),
        Page::Report { id, .. } => series(id.clone()),
    }
}

/// Rounds of requests: the first determines the window, the present statuses and how long a step is, the second asks for that
/// exact window.
async fn overview(
    asker: Asker<'_>,
    query: &Query,
    by: Badness,
    map: HeatmapRequest,
) -> Result<OverviewFigures, ClientError> {
    let range = query.range;
    // Silence is only known for the present, so all requests about statuses name the same end.
    let window = window(asker, range);
    let summary = asker.ask(SummaryRequest { window }).await?;
    let interval = summary.interval_seconds;
    let (step, strip_step) = (Some(seconds(range.step(interval))), Some(seconds(range.strip_step(interval))));
    let worst = WorstRequest { window, by, limit: rows(WORST_ROWS), step: strip_step, ..WorstRequest::default() };
    let heatmap = asker.ask_if_known(HeatmapRequest { window, step, ..map });
    let (worst, heatmap, has_sites) = tokio::try_join!(asker.ask(worst), heatmap, has_sites(asker, range))?;
    let (end, Compared { before, now }) = (summary.window.end, Compared::of(query, &summary));
    let steps_end = range.end_of_steps(end, interval);
    let series = SeriesRequest { window: until(range, steps_end), step, ..SeriesRequest::default() };
    let incidents = newest_incidents(asker, Some(Range { end: range.end.map(|_| end), ..range }), None);
    let (named, previous, settled, last_week, series, incidents, ongoing, before, unsettled) = tokio::join!(
        named(asker, window, &summary, &worst, heatmap.as_ref()),
        summary_if_kept(asker, Some(before)),
        summary_if_kept(asker, now),
        last_week(asker, query, &series, steps_end),
        asker.ask(series.clone()),
        asker.ask_if_known(incidents),
        ongoing(asker, range),
        incidents_before(asker, range, end),
        unsettled(asker, window, strip_step, &summary),
    );
    let (previous, settled, series, last_week, incidents) = (previous?, settled?, series?, last_week?, incidents?);
    let (named, unsettled) = (named?, unsettled?);
    let (ongoing, before) = (ongoing?, before?.map(|page| page.total));
    Ok(OverviewFigures {
        named,
        unsettled,
        settled,
        previous,
        series,
        last_week,
        incidents,
        ongoing,
        before,
        summary,
        worst,
        heatmap,
        has_sites,
    })
}

/// The first of the antennas that are healthy by what they measured, but flapping or mostly unavailable; none where there are
/// none.
async fn unsettled(
    asker: Asker<'_>,
    window: WindowRequest,
    step: Option<Span>,
    summary: &Summary,
) -> Result<Vec<AntennaRow>, ClientError> {
    if summary.antennas.unsettled == 0 {
        return Ok(Vec::new());
    }
    // Of one status, these come first.
    let request = AntennasRequest {
        window,
        sort: Sort::Status,
        limit: rows(WORST_ROWS),
        statuses: [Status::Healthy].into(),
        step,
        ..AntennasRequest::default()
    };
    let healthy = asker.ask(request).await?.antennas;
    Ok(healthy.into_iter().filter(|row| State::of(row) != State::Status(Status::Healthy)).collect())
}

/// The statuses of antennas in trouble.
const IN_TROUBLE: [Status; 3] = [Status::Down, Status::Degraded, Status::Silent];

/// The first antennas of each status in trouble that no row of the overview names.
async fn named(
    asker: Asker<'_>,
    window: WindowRequest,
    summary: &Summary,
    worst: &AntennaPage,
    heatmap: Option<&Heatmap>,
) -> Result<Vec<AntennaRow>, ClientError> {
    let is_named = |status: Status| match heatmap {
        Some(map) => map.rows.iter().any(|row| row.status == status && row.antenna_id.is_some()),
        None => worst.antennas.iter().any(|row| row.status == status),
    };
    let is_missing = |status: &Status| summary.antennas.of(*status) > 0 && !is_named(*status);
    let first = async |status| {
        let (statuses, limit) = (std::iter::once(status).collect(), rows(NAMED_ANTENNAS as u32));
        let request = AntennasRequest { window, statuses, limit, ..AntennasRequest::default() };
        // An analytics that ignores or refuses the status names none.
        let page = if_kept(asker.ask(request).await)?;
        let rows = page.into_iter().flat_map(|page| page.antennas);
        Ok::<_, ClientError>(rows.filter(|row| row.status == status).take(NAMED_ANTENNAS).collect::<Vec<_>>())
    };
    let rows = futures::future::try_join_all(IN_TROUBLE.into_iter().filter(is_missing).map(first)).await?;
    Ok(rows.concat())
}

async fn antenna(asker: Asker<'_>, query: &Query, id: &str) -> Result<AntennaFigures, ClientError> {
    let range = query.range;
    let summary = SummaryRequest { window: window(asker, range) };
    let incidents = newest_incidents(asker, range.end.map(|_| range), Some(id));
    let (summary, antenna, readings, incidents, quiet) = tokio::try_join!(
        asker.ask(summary),
        row(asker, window(asker, range), id),
        newest_readings(asker, range, id),
        asker.ask_if_known(incidents),
        quiet(asker, range),
    )?;
    let antenna = antenna.ok_or(ClientError::UnknownAntenna)?;
    let Compared { before, now } = Compared::of(query, &summary);
    let steps_end = range.end_of_steps(summary.window.end, antenna.interval_seconds);
    let series = SeriesRequest {
        window: until(range, steps_end),
        step: Some(seconds(range.step(antenna.interval_seconds))),
        antenna: Some(id.to_owned()),
        ..SeriesRequest::default()
    };
    let settled = async {
        match now {
            Some(now) => whole_row(asker, now, id).await,
            None => Ok(None),
        }
    };
    let (previous, settled, last_week, series) = tokio::join!(
        whole_row(asker, before, id),
        settled,
        last_week(asker, query, &series, steps_end),
        asker.ask(series.clone()),
    );
    let (previous, settled) = (if_kept(previous)?.flatten(), if_kept(settled)?.flatten());
    let (series, last_week) = (series?, last_week?);
    Ok(AntennaFigures { settled, previous, series, last_week, summary, antenna, readings, incidents, quiet })
}

/// A site that no antenna is at is as unknown as an antenna that nothing is kept of.
async fn site(asker: Asker<'_>, range: Range, fleet: &Fleet, extent: Extent) -> Result<SiteFigures, ClientError> {
    let summary = asker.ask(SummaryRequest { window: window(asker, range) }).await?;
    let step = (extent == Extent::Page).then(|| seconds(range.strip_step(summary.interval_seconds)));
    let antennas = AntennasRequest { step, ..fleet_request(asker.present, fleet, range, extent) };
    let site = SitesRequest { window: window(asker, range), site: given(&fleet.site), ..SitesRequest::default() };
    let ongoing = async {
        let state = Some(IncidentState::Open);
        let (site, limit) = (given(&fleet.site), rows(NEWEST_INCIDENTS));
        let request = IncidentsRequest { state, site, limit, ..IncidentsRequest::default() };
        if range.end.is_some() { Ok(None) } else { asker.ask_if_known(request).await }
    };
    let map = Map { site: fleet.site.clone(), ..Map::default() };
    let map = asker.ask_if_known(map_request(asker.present, &map, range));
    let (antennas, site, map, ongoing) = tokio::try_join!(asker.ask(antennas), asker.ask_if_known(site), map, ongoing)?;
    let site = site.and_then(|page| page.sites.into_iter().find(|row| row.site == fleet.site));
    Ok(SiteFigures { summary, site: site.ok_or(ClientError::UnknownAntenna)?, antennas, map, ongoing })
}

/// How those fare at each site that a list of antennas is about.
async fn groups(asker: Asker<'_>, list: &AntennasRequest) -> Result<Option<SitePage>, ClientError> {
    let AntennasRequest { window, q, statuses, flapping, site, labels, .. } = list.clone();
    let (sort, limit) = (SiteSort::Site, Count::MOST);
    let request = SitesRequest { window, sort, limit, q, statuses, flapping, site, labels, ..SitesRequest::default() };
    asker.ask_if_known(request).await
}

/// Whether anything says at which site antennas are.
async fn has_sites(asker: Asker<'_>, range: Range) -> Result<bool, ClientError> {
    let request = SitesRequest { window: window(asker, range), limit: rows(1), ..SitesRequest::default() };
    Ok(if_kept(asker.ask_if_known(request).await)?.flatten().is_some_and(|page| page.total > 0))
}

/// What people said of alerts: of the present.
async fn quiet(asker: Asker<'_>, range: Range) -> Result<Option<Quiet>, ClientError> {
    if range.end.is_some() { Ok(None) } else { asker.source.quiet().await }
}

async fn pipeline(asker: Asker<'_>) -> Result<PipelineFigures, ClientError> {
    let rejected = RejectedRequest { limit: rows(NEWEST_REJECTED), ..RejectedRequest::default() };
    let (summary, pipeline, history, rejected) = tokio::try_join!(
        // Over analytics' default window: five minutes, or everything it keeps if that is less.
        asker.ask(present(asker)),
        asker.ask(PipelineRequest::default()),
        asker.ask_if_known(PipelineHistoryRequest::default()),
        asker.ask_if_known(rejected),
    )?;
    Ok(PipelineFigures { summary, pipeline, history, rejected })
}

/// Days, and what else there is to tell of a month.
async fn report(asker: Asker<'_>, month: Option<Month>, id: Option<&str>) -> Result<ReportFigures, ClientError> {
    let summary = asker.ask(present(asker)).await?;
    let has_archive = summary.limits.is_some_and(|limits| limits.history.is_some());
    let (Some(current), true) = (Month::of(asker.now), has_archive) else {
        return Ok(ReportFigures { summary, days: None, month: None });
    };
    let between = |start: UnixMillis, end: UnixMillis| WindowRequest {
        length: Some(Span::from_ms(end.0 - start.0)),
        end: End::At(end),
    };
    let known_from = summary.limits.and_then(|limits| limits.known_from()).and_then(Month::of).unwrap_or(current);
    let calendar = || (current.earlier(CALENDAR_MONTHS - 1).max(known_from).min(current), current);
    let (first, last) = month.map_or_else(calendar, |month| (month, month));
    // Analytics answers about no more than ten years.
    if last > current || current > last.later(MOST_MONTHS) {
        return Ok(ReportFigures { summary, days: None, month: None });
    }
    // Steps are whole days: the last one is that of today, which is not over.
    let today_end = UnixMillis((asker.now.0.div_euclid(DAY_MS) + 1) * DAY_MS);
    let days = SeriesRequest {
        window: between(first.start(), last.end().min(today_end)),
        step: Some(Span::from_ms(DAY_MS)),
        antenna: id.map(str::to_owned),
        format: None,
    };
    let whole = async {
        let Some(month) = month else { return Ok(None) };
        month_figures(asker, between(month.start(), month.end().min(asker.now)), id).await.map(Some)
    };
    let (days, month) = tokio::join!(asker.ask(days), whole);
    Ok(ReportFigures { summary, days: if_kept(days)?, month: if_kept(month)?.flatten() })
}

async fn month_figures(asker: Asker<'_>, window: WindowRequest, id: Option<&str>) -> Result<MonthFigures, ClientError> {
    let incidents = IncidentsRequest {
        window: window.length.map(|length| OptionalWindow { length, end: window.end }),
        antenna: id.map(str::to_owned),
        limit: Count::MOST,
        ..IncidentsRequest::default()
    };
    let worst =
        WorstRequest { window, limit: rows(WORST_ROWS), step: Some(Span::from_ms(DAY_MS)), ..WorstRequest::default() };
    let (worst, antenna) = (async { if id.is_none() { asker.ask(worst).await.map(Some) } else { Ok(None) } }, async {
        let Some(id) = id else { return Ok(None) };
        row(asker, window, id).await
    });
    let (summary, worst, antenna, incidents) =
        tokio::try_join!(asker.ask(SummaryRequest { window }), worst, antenna, asker.ask_if_known(incidents))?;
    Ok(MonthFigures { summary, antenna, worst, incidents })
}

/// The windows that a change is measured between.
struct Compared {
    before: WindowRequest,
    /// `None` if it is the window that the page shows.
    now: Option<WindowRequest>,
}

impl Compared {
    /// The newest window of the range's length that nothing is still to come for, and the one that it is compared with. With the
    /// open pane, a steady stream would always seem to send less.
    fn of(query: &Query, summary: &Summary) -> Self {
        let (range, window) = (query.range, summary.window);
        let pane_seconds = summary.limits.map(|limits| limits.pane_seconds);
        let settled =
            pane_seconds.map_or(window.end, |pane_seconds| range.settled(window.end, summary.as_of, pane_seconds));
        let shown_ms = window.end.0 - window.start.0;
        match query.comparison {
            Comparison::Previous => Self {
                before: until(range, UnixMillis(settled.0 - shown_ms)),
                now: (settled != window.end).then(|| until(range, settled)),
            },
            Comparison::Week => {
                let (end, length_ms) = whole_rows(range, settled, summary);
                let until = |end| WindowRequest { length: Some(Span::from_ms(length_ms)), end: End::At(end) };
                let now = (end != window.end || length_ms != shown_ms).then(|| until(end));
                Self { before: until(week_before(end)), now }
            }
        }
    }
}

/// The newest end and the length of a window of at least the range's length that is made of whole rows of the archive. A week
/// back there is nothing finer, and windows of different lengths would differ in what they count. Minutes are not kept for ever,
/// so long windows are whole hours.
fn whole_rows(range: Range, settled: UnixMillis, summary: &Summary) -> (UnixMillis, i64) {
    let history = summary.limits.and_then(|limits| limits.history);
    let row_ms = history.map_or(1, |history| (history.step_seconds * 1000.0) as i64).max(1);
    let row_ms = if history.is_some() && range.has_steps_of_hours() { row_ms.max(HOUR_MS) } else { row_ms };
    let length_ms = i64::from(range.window) * 1000;
    (UnixMillis(settled.0 - settled.0.rem_euclid(row_ms)), (length_ms + row_ms - 1).div_euclid(row_ms) * row_ms)
}

/// The same steps a week before, if the page is compared with them; `None` if analytics keeps nothing of them. In files, steps are
/// whole rows, which may be longer and begin earlier.
async fn last_week(
    asker: Asker<'_>,
    query: &Query,
    series: &SeriesRequest,
    end: UnixMillis,
) -> Result<Option<Series>, ClientError> {
    if query.comparison != Comparison::Week {
        return Ok(None);
    }
    let request = SeriesRequest { window: until(query.range, week_before(end)), ..series.clone() };
    if_kept(asker.ask_if_known(request).await).map(Option::flatten)
}

/// `None` if no window is asked for, or analytics does not keep it. The page then says that there is nothing to compare with.
async fn summary_if_kept(asker: Asker<'_>, window: Option<WindowRequest>) -> Result<Option<Summary>, ClientError> {
    match window {
        Some(window) => if_kept(asker.ask(SummaryRequest { window }).await),
        None => Ok(None),
    }
}

/// One antenna, requested by parameter because an id like `..` would change a path. An analytics that ignores `id`
/// searches for it instead and may return others as well.
async fn row(asker: Asker<'_>, window: WindowRequest, id: &str) -> Result<Option<AntennaRow>, ClientError> {
    Ok(row_of(page_of(asker, window, id).await?, id))
}

/// The same; `None` if a part of the window could not be read, as nothing can be compared with it then.
async fn whole_row(asker: Asker<'_>, window: WindowRequest, id: &str) -> Result<Option<AntennaRow>, ClientError> {
    let page = page_of(asker, window, id).await?;
    Ok(if page.gaps.is_empty() { row_of(page, id) } else { None })
}

async fn page_of(asker: Asker<'_>, window: WindowRequest, id: &str) -> Result<AntennaPage, ClientError> {
    let text = Some(id.to_owned());
    asker.ask(AntennasRequest { window, id: text.clone(), q: text, ..AntennasRequest::default() }).await
}

fn row_of(page: AntennaPage, id: &str) -> Option<AntennaRow> {
    page.antennas.into_iter().find(|row| row.antenna_id == id)
}

/// `None` for a range that has ended: analytics only keeps the most recent readings.
async fn newest_readings(asker: Asker<'_>, range: Range, id: &str) -> Result<Option<RecentReadings>, ClientError> {
    if range.end.is_some() {
        return Ok(None);
    }
    let request = ReadingsRequest { antenna: id.to_owned(), limit: rows(NEWEST_READINGS), format: None };
    asker.ask_if_known(request).await
}

fn newest_incidents(asker: Asker<'_>, within: Option<Range>, antenna: Option<&str>) -> IncidentsRequest {
    IncidentsRequest {
        window: within.map(|range| OptionalWindow { length: seconds(range.window), end: end(asker, range) }),
        antenna: antenna.map(str::to_owned),
        limit: rows(NEWEST_INCIDENTS),
        ..IncidentsRequest::default()
    }
}

/// All incidents that are going on; `None` for a range that is not about the present.
async fn ongoing(asker: Asker<'_>, range: Range) -> Result<Option<IncidentPage>, ClientError> {
    let state = Some(IncidentState::Open);
    let request = IncidentsRequest { state, limit: Count::MOST, ..IncidentsRequest::default() };
    if range.end.is_some() { Ok(None) } else { asker.ask_if_known(request).await }
}

/// How many were going on a while before the end; `None` for a range that is not about the present, or if it is not kept.
async fn incidents_before(
    asker: Asker<'_>,
    range: Range,
    end: UnixMillis,
) -> Result<Option<IncidentPage>, ClientError> {
    let then = UnixMillis(end.0 - i64::from(RECENT_SECONDS) * 1000);
    let window = Some(OptionalWindow { length: seconds(1), end: End::At(then) });
    let request = IncidentsRequest { window, limit: rows(1), ..IncidentsRequest::default() };
    if range.end.is_some() { Ok(None) } else { if_kept(asker.ask_if_known(request).await).map(Option::flatten) }
}

fn fleet_request(present: End, fleet: &Fleet, range: Range, extent: Extent) -> AntennasRequest {
    let (limit, offset) = paging(extent, fleet.page, FLEET_ROWS);
    let (statuses, flapping) = chosen(fleet.filter);
    AntennasRequest {
        window: up_to(present, range),
        sort: fleet.sort,
        order: fleet.order,
        group: group(fleet.is_grouped),
        limit,
        offset,
        q: given(&fleet.search),
        statuses,
        flapping,
        site: given(&fleet.site),
        labels: Labels(fleet.label.iter().cloned().collect()),
        ..AntennasRequest::default()
    }
}

fn group(is_grouped: bool) -> Option<Grouping> {
    is_grouped.then_some(Grouping::Site)
}

/// The statuses that a filter asks for, and whether it asks for antennas that flap.
fn chosen(filter: Option<Filter>) -> (BTreeSet<Status>, Option<bool>) {
    match filter {
        Some(Filter::Status(status)) => ([status].into(), None),
        Some(Filter::Flapping) => (BTreeSet::new(), Some(true)),
        None => (BTreeSet::new(), None),
    }
}

/// What is within the map that is drawn, which has the shape of all maps and may hold more than the box that is asked for.
fn map_request(present: End, map: &Map, range: Range) -> MapRequest {
    let (statuses, flapping) = chosen(map.filter);
    MapRequest {
        window: up_to(present, range),
        within: map.within.and_then(|within| Sheet::of_box(within).to_box()),
        q: given(&map.search),
        statuses,
        flapping,
        site: given(&map.site),
        labels: Labels(map.label.iter().cloned().collect()),
        format: None,
    }
}

fn sites_request(present: End, sites: Sites, range: Range, extent: Extent) -> SitesRequest {
    let (limit, offset) = paging(extent, sites.page, SITE_ROWS);
    let Sites { sort, order, .. } = sites;
    SitesRequest { window: up_to(present, range), sort, order, limit, offset, ..SitesRequest::default() }
}

/// All incidents that are asked for, as their lines depend on all of them.
fn incidents_request(present: End, incidents: &Incidents, range: Range) -> IncidentsRequest {
    IncidentsRequest {
        window: (!incidents.kept)
            .then(|| OptionalWindow { length: seconds(range.window), end: range.end.map_or(present, End::At) }),
        kind: incidents.kind,
        state: incidents.open.then_some(IncidentState::Open),
        q: given(&incidents.search),
        site: given(&incidents.site),
        labels: Labels(incidents.label.iter().cloned().collect()),
        limit: Count::MOST,
        ..IncidentsRequest::default()
    }
}

/// As many as analytics returns at once. If there are more, those that are going on are among them, however old they are.
async fn all_incidents(asker: Asker<'_>, request: IncidentsRequest) -> Result<Option<IncidentPage>, ClientError> {
    let Some(mut page) = asker.ask_if_known(request.clone()).await? else { return Ok(None) };
    let lasting = page.incidents.iter().filter(|incident| incident.end.is_none()).count() as u64;
    if lasting < page.open {
        let lasting = asker.ask(IncidentsRequest { state: Some(IncidentState::Open), ..request }).await?;
        page.incidents = with_all_that_last(page.incidents, lasting.incidents);
    }
    Ok(Some(page))
}

/// The newest incidents with all of those that last, in place of the oldest that have ended; in the order of analytics.
fn with_all_that_last(newest: Vec<Incident>, lasting: Vec<Incident>) -> Vec<Incident> {
    let most = newest.len();
    let mut incidents = lasting;
    let room = most.saturating_sub(incidents.len());
    incidents.extend(newest.into_iter().filter(|incident| incident.end.is_some()).take(room));
    incidents.sort_by(|a, b| (b.start, &a.antenna_id, a.kind).cmp(&(a.start, &b.antenna_id, b.kind)));
    incidents
}

/// Limit and offset. A file has as many rows as analytics returns at once.
fn paging<const DEFAULT: usize, const MAX: usize>(
    extent: Extent,
    page: u32,
    page_rows: u32,
) -> (Count<DEFAULT, MAX>, usize) {
    match extent {
        Extent::Page => (rows(page_rows), (page.saturating_sub(1) as usize).saturating_mul(page_rows as usize)),
        Extent::All => (Count::MOST, 0),
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The summary over analytics' default window, up to the present.
const fn present(asker: Asker<'_>) -> SummaryRequest {
    SummaryRequest { window: WindowRequest { length: None, end: asker.present } }
}

/// The window of a range. One that keeps up with the present ends at the watermark, so that a single antenna whose clock is
/// ahead does not move what all are shown.
fn window(asker: Asker<'_>, range: Range) -> WindowRequest {
    up_to(asker.present, range)
}

fn up_to(present: End, range: Range) -> WindowRequest {
    WindowRequest { length: Some(seconds(range.window)), end: range.end.map_or(present, End::At) }
}

fn end(asker: Asker<'_>, range: Range) -> End {
    range.end.map_or(asker.present, End::At)
}

/// A window of the range's length that ends at a given time.
fn until(range: Range, end: UnixMillis) -> WindowRequest {
    WindowRequest { length: Some(seconds(range.window)), end: End::At(end) }
}

fn seconds(seconds: u32) -> Span {
    Span::from_ms(i64::from(seconds) * 1000)
}

fn rows<const DEFAULT: usize, const MAX: usize>(rows: u32) -> Count<DEFAULT, MAX> {
    Count::new(rows as usize).expect("the dashboard never wants more rows than analytics returns")
}

/// `None` if analytics refuses the window because it does not keep it.
fn if_kept<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Err(error) if error.is_refusal() => Ok(None),
        answer => answer.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use shared::api::{HistoryLimits, IncidentKind};

    use super::*;
    use crate::model::tests::{address, overview};

    const WEEK_MS: i64 = 7 * DAY_MS;

    fn bounds(window: WindowRequest) -> (i64, i64) {
        let End::At(end) = window.end else { panic!("it has an end") };
        (end.0 - window.length.unwrap().ms(), end.0)
    }

    #[test]
    fn a_week_back_both_windows_are_whole_rows_of_one_length() {
        for (href, row_ms, rows) in [
            ("30s", 60_000, 1),
            ("5m", 60_000, 5),
            ("90s", 60_000, 2),
            ("1h", 60_000, 60),
            ("24h", 60_000, 1440),
            ("7d", HOUR_MS, 168),
            ("4321m", HOUR_MS, 73),
        ] {
            let query = address(&format!("/?compare=week&window={href}")).query;
            for second in 0..60 {
                let mut summary = overview().summary;
                let limits = summary.limits.as_mut().unwrap();
                limits.history = Some(HistoryLimits { oldest: None, until: None, step_seconds: 60.0 });
                let end_ms = summary.window.end.0 + second * 1000;
                summary.window.end = UnixMillis(end_ms);
                summary.window.start = UnixMillis(end_ms - i64::from(query.range.window) * 1000);
                summary.as_of = Some(UnixMillis(end_ms));
                let Compared { before, now } = Compared::of(&query, &summary);
                let ((start, end), before) = (bounds(now.unwrap()), bounds(before));
                assert_eq!((before, end - start), ((start - WEEK_MS, end - WEEK_MS), rows * row_ms));
                assert!(end % row_ms == 0 && (7_000..7_000 + row_ms + 5_000).contains(&(end_ms - end)), "{second}");
            }
        }
    }

    #[test]
    fn what_is_shown_and_settled_is_not_asked_for_again() {
        let compared = |href: &str| {
            let mut summary = overview().summary;
            (summary.window.start, summary.window.end) = (UnixMillis(1_763_995_200_000), UnixMillis(1_763_995_500_000));
            Compared::of(&address(href).query, &summary)
        };
        let fixed = "/?end=2025-11-24T14:45:00Z";
        let Compared { before, now } = compared(&format!("{fixed}&compare=week"));
        assert_eq!((bounds(before), now), ((1_763_390_400_000, 1_763_390_700_000), None));
        let Compared { before, now } = compared(fixed);
        assert_eq!((bounds(before), now), ((1_763_994_900_000, 1_763_995_200_000), None));
    }

    #[test]
    fn what_lasts_is_there_however_old_it_is() {
        let incident = |start: i64, is_open: bool| Incident {
            antenna_id: format!("a-{start}"),
            kind: IncidentKind::Down,
            start: UnixMillis(start),
            end: (!is_open).then_some(UnixMillis(start + 1)),
            ended_by: None,
            duration_seconds: 1.0,
            packets_sent: 0,
            packets_lost: 0,
            worst_success_rate: None,
            worst_latency_ms: None,
            caused_by: None,
            held: None,
            acknowledged: None,
        };
        let newest = [(9, false), (8, true), (7, false), (6, false)].map(|(start, open)| incident(start, open));
        let lasting = [8, 3, 1].map(|start| incident(start, true));
        let starts = |lasting: &[Incident]| {
            let all = with_all_that_last(newest.to_vec(), lasting.to_vec());
            all.iter().map(|incident| incident.start.0).collect::<Vec<_>>()
        };
        assert_eq!(starts(&lasting), [9, 8, 3, 1]);
        assert_eq!(starts(&[]), [9, 7, 6], "what has ended since is no more among those that last");
        let more: Vec<Incident> = (0..6).map(|start| incident(start, true)).collect();
        assert_eq!(starts(&more), [5, 4, 3, 2, 1, 0], "all of them, before any that has ended");
    }
}
