//! The whole network in a window.

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{AntennaCounts, HistoryLimits, Limits, Status, Summary, SummaryRequest};

use super::network::OVER_ALL;
use super::{AnswerError, Question, Table, View, Window, rows};
use crate::readings::Slot;
use crate::store::Whole;
use crate::store::expressions::answer::{
    AVAILABILITY, FLAPPING_ANTENNAS, INTERVAL_SECONDS, OBSERVED_MS, SUCCESS_RATE, UNAVAILABLE, UNSETTLED,
};
use crate::store::expressions::column::AVAILABLE_MS;
use crate::store::expressions::{self, Percentiles, antenna_counts, availability, measures, median};
use crate::store::partials::roll_up_cells;
use crate::store::whole::{cells_of, networks};

impl Question for SummaryRequest {
    fn answer(&self, view: &View<'_>) -> Result<Summary, AnswerError> {
        let sums = [col(AVAILABLE_MS), col(OBSERVED_MS)].map(|time| time.sum());
        let [available_ms, observed_ms] = sums;
        let availability = availability(available_ms, observed_ms).alias(AVAILABILITY);
        let of_antennas = [antenna_counts().as_slice(), &[availability, median(col(INTERVAL_SECONDS))]].concat();
        let of_antennas = view.antennas()?.as_ref().clone().lazy().select(of_antennas).collect()?;
        let measures = rows::measures(&self.table(view)?.rows)?.into_iter().next().unwrap_or_default();
        Ok(Summary {
            window: view.window.bounds(),
            measures,
            antennas: AntennaCounts { unseen: view.unseen_ids().len() as u64, ..counts(&of_antennas)?.remove(0) },
            availability: rows::numbers(&of_antennas, AVAILABILITY)?.remove(0),
            interval_seconds: rows::numbers(&of_antennas, INTERVAL_SECONDS)?.remove(0),
            as_of: view.whole.as_of,
            revised: view.cover().iter().any(|part| part.pane.revised)
                || !view.archived_revised(view.range(), None).is_empty(),
            limits: Some(limits(view)),
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let archived = view.archived_network(view.range(), None)?;
        let network = view.tables.network(view, &archived)?.rounded()?;
        let percentiles = Percentiles::of(network.sketch.lazy(), &[])?.collect()?;
        let measured = network.cells.lazy().select(measures()).collect()?;
        // No row where nothing was measured; percentiles are one row of nulls then.
        let percentiles = percentiles.head(Some(measured.height()));
        let whole = measured.hstack(percentiles.columns())?;
        Ok(whole.lazy().with_columns(Percentiles::bounded()).collect()?.into())
    }
}

/// The success rate of what is in memory of a window, from 0 to 1: over all antennas, or over some, whose slots ascend; `None` where no packet was
/// sent.
///
/// # Errors
/// When a process that has some of the tables does not answer.
pub fn success_rate(whole: &Whole, window: Window, of: Option<&[Slot]>) -> Result<Option<f64>, AnswerError> {
    let cover = whole.cover(window.start_ms, window.end_ms);
    let cells = match of {
        None => {
            let networks = networks(&cover, whole.grid)?;
            roll_up_cells(&networks.iter().map(|network| &network.cells).collect::<Vec<_>>(), OVER_ALL)?
        }
        Some(slots) => roll_up_cells(&[&cells_of(&cover, slots)?], OVER_ALL)?,
    };
    let rate = cells.lazy().select([expressions::success_rate().alias(SUCCESS_RATE)]).collect()?;
    Ok(rows::numbers(&rate, SUCCESS_RATE)?.into_iter().next().flatten())
}

/// Antennas by status, from a table with the columns of [`antenna_counts`].
pub(super) fn counts(table: &DataFrame) -> PolarsResult<Vec<AntennaCounts>> {
    let active = rows::counts(table, "active")?;
    let of = |status: Status| rows::counts(table, status.as_str());
    let (healthy, degraded) = (of(Status::Healthy)?, of(Status::Degraded)?);
    let (down, silent, unseen) = (of(Status::Down)?, of(Status::Silent)?, of(Status::Unseen)?);
    let (flapping, unavailable) = (rows::counts(table, FLAPPING_ANTENNAS)?, rows::counts(table, UNAVAILABLE)?);
    let unsettled = rows::counts(table, UNSETTLED)?;
    let of_row = |row: usize| AntennaCounts {
        active: active[row],
        healthy: healthy[row],
        degraded: degraded[row],
        down: down[row],
        silent: silent[row],
        unseen: unseen[row],
        flapping: flapping[row],
        unavailable: unavailable[row],
        unsettled: unsettled[row],
    };
    Ok((0..table.height()).map(of_row).collect())
}

/// The same as columns of a table that is an answer: `antennas_` and what is counted.
pub(super) fn counts_in_table() -> impl Iterator<Item = Expr> {
    let counted = ["active", "healthy", "degraded", "down", "silent", "unseen"].map(|name| (name, name));
    let beside = [(FLAPPING_ANTENNAS, "flapping"), (UNAVAILABLE, UNAVAILABLE), (UNSETTLED, UNSETTLED)];
    let all = counted.into_iter().chain(beside);
    all.map(|(column, name)| col(column).alias(format!("antennas_{name}")))
}

fn limits(view: &View<'_>) -> Limits {
    Limits {
        pane_seconds: UnixMillis(view.whole.grid.width_ms).seconds(),
        retention_seconds: UnixMillis(view.whole.retention_ms).seconds(),
        oldest: view.whole.oldest_ms().map(UnixMillis),
        degraded_success_rate: view.thresholds.degraded_success_rate,
        degraded_latency_ms: view.thresholds.degraded_latency_ms(),
        flapping_changes: Some(view.thresholds.flapping_changes.into()),
        history: view.whole.row_ms.map(|row_ms| {
            let (oldest, until) = view.whole.archived_extent().unzip();
            HistoryLimits { oldest, until, step_seconds: UnixMillis(row_ms).seconds() }
        }),
    }
}
