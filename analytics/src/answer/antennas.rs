//! Antennas searched, sorted and paged.

use polars::prelude::*;
use shared::api::request::Count;
use shared::api::{AntennaPage, AntennasRequest, Format, Grouping, Order, Sort};
use shared::time::Span;

use super::choice::Choice;
use super::{AnswerError, Question, Table, View, next_offset, rows};
use crate::store::expressions::answer::{
    ABOUT, ANTENNA_ID, AVAILABILITY, CHANGES, FLAPPING, INTERVAL_SECONDS, LAST_SEEN, LATENCY_MEAN, LATENCY_P95,
    MEASURES, PACKETS_DELIVERED, SITE, STATUS, SUCCESS_RATE,
};
use crate::store::expressions::column::{PACKETS_LOST, PACKETS_SENT, READINGS};
use crate::store::expressions::{status_name, time, unrest};

impl Question for AntennasRequest {
    fn answer(&self, view: &View<'_>) -> Result<AntennaPage, AnswerError> {
        page(self, view, self.limit.get())?.answer(view, self.step, self.limit.get())
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        page(self, view, self.limit.in_table())?.table()
    }

    fn total(&self, answer: &AntennaPage, _: &View<'_>) -> Result<Option<u64>, AnswerError> {
        Ok(Some(answer.total))
    }

    fn next(&self, format: Format, total: u64) -> Option<Self> {
        let limit = self.limit.in_format(format);
        let offset = next_offset(self.offset, limit, total)?;
        Some(Self { limit: Count::new(limit)?, offset, ..self.clone() })
    }
}

fn page(request: &AntennasRequest, view: &View<'_>, limit: usize) -> Result<Page, AnswerError> {
    let AntennasRequest { q, statuses, flapping, site, labels, .. } = request;
    let choice = Choice { search: q.as_deref(), statuses, flapping: *flapping, site: site.as_deref(), labels };
    let mut chosen = choice.of(view, &view.everybody()?)?;
    if let Some(id) = &request.id {
        chosen = chosen.filter(col(ANTENNA_ID).eq(lit(id.clone())));
    }
    let mut rows = chosen.collect()?;
    if request.sort == Sort::P95 {
        rows = view.with_percentiles(rows)?;
    }
    let descending = request.order == Order::Descending;
    let mut by = Vec::new();
    if let Some(Grouping::Site) = request.group {
        rows = view.with_about(rows)?;
        by.push((col(SITE), false));
    }
    by.push((col(column(request.sort)), descending));
    if request.sort == Sort::Status {
        // Of one status, those that only look well come before those that are.
        by.push((unrest(), descending));
    }
    by.push((col(ANTENNA_ID), descending && request.sort == Sort::AntennaId));
    Page::of(view, rows, &by, limit, request.offset)
}

/// The column that an order sorts by.
const fn column(sort: Sort) -> &'static str {
    match sort {
        Sort::AntennaId => ANTENNA_ID,
        Sort::Status => STATUS,
        Sort::Readings => READINGS,
        Sort::PacketsSent => PACKETS_SENT,
        Sort::PacketsDelivered => PACKETS_DELIVERED,
        Sort::PacketsLost => PACKETS_LOST,
        Sort::SuccessRate => SUCCESS_RATE,
        Sort::Latency => LATENCY_MEAN,
        Sort::P95 => LATENCY_P95,
        Sort::LastSeen => LAST_SEEN,
        Sort::Availability => AVAILABILITY,
    }
}

/// Some rows of a longer list.
pub(super) struct Page {
    total: u64,
    rows: DataFrame,
}

impl Page {
    /// The rows of a page, sorted by expressions, each of which may descend. Unknown values come last in either direction.
    pub(super) fn of(
        view: &View<'_>,
        rows: DataFrame,
        by: &[(Expr, bool)],
        limit: usize,
        offset: usize,
    ) -> Result<Self, AnswerError> {
        let total = rows.height() as u64;
        let page = sorted(rows, by, limit, offset)?;
        Ok(Self { total, rows: view.with_about(view.with_percentiles(page)?)? })
    }

    /// The page as JSON, with histories where a step is given.
    pub(super) fn answer(&self, view: &View<'_>, step: Option<Span>, limit: usize) -> Result<AntennaPage, AnswerError> {
        let mut antennas = rows::antennas(&self.rows)?;
        let mut steps = None;
        if let Some(step) = step {
            let grid = view.history_steps(step, limit)?;
            for (antenna, history) in antennas.iter_mut().zip(view.histories(&self.rows, grid)?) {
                antenna.history = Some(history);
            }
            steps = Some(view.told_steps(grid));
        }
        let (window, as_of) = (view.window.bounds(), view.whole.as_of);
        Ok(AntennaPage {
            window,
            total: self.total,
            antennas,
            steps,
            as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    /// The page as a table; histories have no place in it.
    pub(super) fn table(self) -> Result<Table, AnswerError> {
        let first = [col(ANTENNA_ID), status_name(STATUS)].into_iter();
        let last = [AVAILABILITY, CHANGES, FLAPPING, INTERVAL_SECONDS].map(col);
        let last = std::iter::once(time(LAST_SEEN)).chain(last).chain(ABOUT.map(col));
        let columns = first.chain(MEASURES.map(col)).chain(last);
        let rows = self.rows.lazy().select(columns.collect::<Vec<_>>()).collect()?;
        Ok(Table { rows, total: Some(self.total) })
    }
}

/// Some rows of a table, sorted by expressions, each of which may descend. Unknown values come last in either direction.
pub(super) fn sorted(rows: DataFrame, by: &[(Expr, bool)], limit: usize, offset: usize) -> PolarsResult<DataFrame> {
    let options = SortMultipleOptions::default()
        .with_order_descending_multi(by.iter().map(|(_, descending)| *descending))
        .with_nulls_last_multi(by.iter().map(|_| true));
    let by: Vec<Expr> = by.iter().map(|(by, _)| by.clone()).collect();
    let (limit, offset) = (u32::try_from(limit).unwrap_or(u32::MAX), i64::try_from(offset).unwrap_or(i64::MAX));
    rows.lazy().sort_by_exprs(by, options).slice(offset, limit).collect()
}
