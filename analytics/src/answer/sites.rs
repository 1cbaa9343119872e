//! The sites that antennas are at, and how those of each fare together.

use std::collections::HashMap;

use polars::prelude::*;
use shared::api::request::Count;
use shared::api::{Format, Order, SitePage, SiteRow, SiteSort, SitesRequest, Status};

use super::antennas::sorted;
use super::choice::Choice;
use super::network::{BY_ANTENNA, measured};
use super::{AnswerError, Question, Table, View, next_offset, rows, summary};
use crate::store::expressions::answer::{
    AVAILABILITY, LATENCY_MEAN_MS, OBSERVED_MS, PACKETS_DELIVERED, SITE, STATUS, SUCCESS_RATE, UNSETTLED,
};
use crate::store::expressions::column::{
    ANTENNA, AVAILABLE_MS, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, PACKETS_LOST, PACKETS_SENT, PANE, READINGS,
};
use crate::store::expressions::{COUNTS, antenna_counts, availability, mean_to_microseconds, status_name};
use crate::store::partials::roll_up_cells;

/// What a site measured, in the API's order.
const MEASURES: [&str; 7] =
    [READINGS, PACKETS_SENT, PACKETS_DELIVERED, PACKETS_LOST, SUCCESS_RATE, LATENCY_MEAN_MS, AVAILABILITY];

impl Question for SitesRequest {
    fn answer(&self, view: &View<'_>) -> Result<SitePage, AnswerError> {
        let (total, page) = page(self, view, self.limit.get())?;
        Ok(SitePage {
            window: view.window.bounds(),
            total,
            sites: site_rows(&page)?,
            as_of: view.whole.as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let (total, page) = page(self, view, self.limit.in_table())?;
        let columns =
            [col(SITE), status_name(STATUS)].into_iter().chain(summary::counts_in_table()).chain(MEASURES.map(col));
        let rows = page.lazy().select(columns.collect::<Vec<_>>()).collect()?;
        Ok(Table { rows, total: Some(total) })
    }

    fn total(&self, answer: &SitePage, _: &View<'_>) -> Result<Option<u64>, AnswerError> {
        Ok(Some(answer.total))
    }

    fn next(&self, format: Format, total: u64) -> Option<Self> {
        let limit = self.limit.in_format(format);
        let offset = next_offset(self.offset, limit, total)?;
        Some(Self { limit: Count::new(limit)?, offset, ..self.clone() })
    }
}

/// How many sites there are, and those of a page.
fn page(request: &SitesRequest, view: &View<'_>, limit: usize) -> Result<(u64, DataFrame), AnswerError> {
    let SitesRequest { q, statuses, flapping, site, labels, .. } = request;
    let choice = Choice { search: q.as_deref(), statuses, flapping: *flapping, site: site.as_deref(), labels };
    let sites = sites(view, choice.of(view, &view.everybody()?)?.collect()?)?;
    let descending = request.order == Order::Descending;
    let mut by: Vec<(Expr, bool)> = match request.sort {
        // The more, the worse; and the worst come first where what is smallest does.
        SiteSort::Status => ["down", "degraded", "silent", UNSETTLED].map(|name| (col(name), !descending)).to_vec(),
        SiteSort::Site => Vec::new(),
        SiteSort::PacketsLost => vec![(col(PACKETS_LOST), descending)],
        SiteSort::SuccessRate => vec![(col(SUCCESS_RATE), descending)],
        SiteSort::Latency => vec![(col(LATENCY_MEAN_MS), descending)],
        SiteSort::Availability => vec![(col(AVAILABILITY), descending)],
    };
    by.push((col(SITE), descending && request.sort == SiteSort::Site));
    Ok((sites.height() as u64, sorted(sites, &by, limit, request.offset)?))
}

/// A row for each site that some antennas are at: these by status, and what they measured, added up as antennas are
/// ([`roll_up_cells`]).
fn sites(view: &View<'_>, antennas: DataFrame) -> PolarsResult<DataFrame> {
    let antennas = view.with_about(antennas)?.lazy().filter(col(SITE).is_not_null()).collect()?;
    let antennas = numbered(antennas)?;
    let availability = availability(col(AVAILABLE_MS).sum(), col(OBSERVED_MS).sum()).alias(AVAILABILITY);
    let told = [col(SITE).first(), col(STATUS).min(), availability];
    let by_site = antennas.clone().lazy().group_by_stable([col(ANTENNA)]);
    let told = by_site.agg([told.as_slice(), antenna_counts().as_slice()].concat()).collect()?;
    let sums = COUNTS.map(|name| col(name).cast(DataType::UInt64).fill_null(lit(0_u64)));
    let latencies = [LATENCY_SUM, LATENCY_MIN, LATENCY_MAX].map(col);
    let keys = [lit(0_i64).cast(DataType::Int64).alias(PANE), col(ANTENNA)];
    let columns: Vec<Expr> = keys.into_iter().chain(sums).chain(latencies).collect();
    let is_seen = col(STATUS).neq(lit(Status::Unseen as u32));
    let cells = antennas.lazy().filter(is_seen).select(columns).collect()?;
    let measured = measured(told, &roll_up_cells(&[&cells], BY_ANTENNA)?);
    measured.with_column(mean_to_microseconds().alias(LATENCY_MEAN_MS)).collect()
}

/// Antennas with the number of their site in place of their slot.
fn numbered(antennas: DataFrame) -> PolarsResult<DataFrame> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut of_antennas: Vec<u32> = Vec::with_capacity(antennas.height());
    for site in antennas.column(SITE)?.str()?.iter().flatten() {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        of_antennas.push(*numbers.entry(site).or_insert(next));
    }
    let mut numbered = antennas.clone();
    numbered.with_column(Column::new(ANTENNA.into(), of_antennas))?;
    Ok(numbered)
}

fn site_rows(table: &DataFrame) -> PolarsResult<Vec<SiteRow>> {
    let count = |name| rows::counts(table, name);
    let number = |name| rows::numbers(table, name);
    let (statuses, antennas) = (rows::positions(table, STATUS, &Status::ALL)?, summary::counts(table)?);
    let (readings, sent) = (count(READINGS)?, count(PACKETS_SENT)?);
    let (delivered, lost) = (count(PACKETS_DELIVERED)?, count(PACKETS_LOST)?);
    let (success_rates, means) = (number(SUCCESS_RATE)?, number(LATENCY_MEAN_MS)?);
    let availability = number(AVAILABILITY)?;
    let row = |(row, site): (usize, Option<String>)| SiteRow {
        site: site.unwrap_or_default(),
        status: statuses[row],
        antennas: antennas[row],
        readings: readings[row],
        packets_sent: sent[row],
        packets_delivered: delivered[row],
        packets_lost: lost[row],
        success_rate: success_rates[row],
        latency_mean_ms: means[row],
        availability: availability[row],
    };
    Ok(rows::texts(table, SITE)?.into_iter().enumerate().map(row).collect())
}
