//! The whole network in a window.

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{AntennaCounts, HistoryLimits, Limits, Status, Summary, SummaryRequest};

use super::{AnswerError, Question, Table, View, rows};
use crate::store::expressions::answer::{
    AVAILABILITY, FLAPPING_ANTENNAS, INTERVAL_SECONDS, OBSERVED_MS, UNAVAILABLE, UNSETTLED,
};
use crate::store::expressions::column::AVAILABLE_MS;
use crate::store::expressions::{Percentiles, antenna_counts, availability, measures, median};

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
