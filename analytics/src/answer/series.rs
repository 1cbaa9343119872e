//! A window in steps, of one antenna or of the whole network.

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{Point, Series, SeriesRequest, Status};

use super::{AnswerError, Question, Table, View, rows};
use crate::readings::Slot;
use crate::store::expressions::answer::{ANTENNAS_DOWN, MEASURES, PACKETS_DELIVERED, REVISED, START, WORST_STATUS};
use crate::store::expressions::column::{PACKETS_LOST, PACKETS_SENT, PANE, READINGS};
use crate::store::expressions::{Percentiles, floor, known_if, measures, status_name, time};
use crate::store::grid::Grid;
use crate::store::partials::{Keys, Partials};
use crate::store::whole::{Covering, networks, partials_of};

impl Question for SeriesRequest {
    fn answer(&self, view: &View<'_>) -> Result<Series, AnswerError> {
        let steps = view.series_steps(self.step)?;
        let table = points(self, view, steps)?;
        let starts = rows::times(&table, START)?.into_iter().zip(rows::flags(&table, REVISED)?);
        let worst = rows::known_positions(&table, WORST_STATUS, &Status::ALL)?;
        let worst = worst.into_iter().zip(rows::counts(&table, ANTENNAS_DOWN)?);
        let points = starts.zip(rows::measures(&table)?).zip(worst);
        let point = |(((start, revised), measures), (worst_status, antennas_down))| Point {
            start,
            measures,
            revised,
            worst_status,
            antennas_down,
        };
        Ok(Series {
            window: view.window.bounds(),
            step_seconds: UnixMillis(steps.width_ms).seconds(),
            points: points.map(point).collect(),
            as_of: view.whole.as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let points = points(self, view, view.series_steps(self.step)?)?;
        let last = [col(REVISED), status_name(WORST_STATUS), col(ANTENNAS_DOWN)];
        let columns = std::iter::once(time(START)).chain(MEASURES.map(col)).chain(last);
        Ok(points.lazy().select(columns.collect::<Vec<_>>()).collect()?.into())
    }
}

/// A row for each step, oldest first, whether something was measured in it or not.
fn points(request: &SeriesRequest, view: &View<'_>, steps: Grid) -> Result<DataFrame, AnswerError> {
    let panes = view.whole.panes_in(view.window.start_ms, view.window.end_ms);
    let keys = Keys { pane: Some(steps), antenna: false };
    let antenna = request.antenna.as_deref().map(|id| slots(view, id)).transpose()?;
    let partials = match &antenna {
        None => {
            let archived = view.archived_network(view.range(), Some(steps))?;
            Partials::roll_up(networks(&panes, view.whole.grid)?.into_iter().chain(&archived), keys)?.rounded()?
        }
        Some(slots) => {
            let of_antenna = partials_of(&panes, slots)?;
            let archived = view.archived_partials(view.range(), steps, Some(slots))?;
            Partials::roll_up([&of_antenna, &archived], keys)?.rounded()?
        }
    };
    let by_start = |table: LazyFrame, other: LazyFrame, key: &str| {
        table.join(other, [col(START)], [col(key)], JoinArgs::new(JoinType::Left))
    };
    let starts: Vec<i64> = view.window.step_starts(steps).collect();
    let starts = DataFrame::new(starts.len(), vec![Column::new(START.into(), starts)])?;
    let measured = partials.cells.lazy().select([&[col(PANE)], measures().as_slice()].concat());
    let percentiles = Percentiles::of(partials.sketch.lazy(), &[PANE])?;
    let points = by_start(
        by_start(by_start(starts.lazy(), measured, PANE), percentiles, PANE),
        revised(view, &panes, steps)?,
        START,
    );
    let counts = [READINGS, PACKETS_SENT, PACKETS_DELIVERED, PACKETS_LOST].map(|name| col(name).fill_null(lit(0_u64)));
    let points = points.with_columns(Percentiles::bounded()).with_columns(counts);
    let points = points.with_column(col(REVISED).fill_null(lit(false))).collect()?;
    let points = points.hstack(&worst(view, &panes, steps, antenna.as_deref())?)?;
    let is_known = col(READINGS).gt(lit(0_u64));
    Ok(points.lazy().with_column(known_if(is_known, col(WORST_STATUS)).alias(WORST_STATUS)).collect()?)
}

/// The slot of an antenna; none where it has not been seen.
fn slots(view: &View<'_>, id: &str) -> Result<Vec<Slot>, AnswerError> {
    match view.slot(id) {
        Err(_) if view.is_unseen(id) => Ok(Vec::new()),
        slot => Ok(vec![slot?]),
    }
}

/// How the antenna, or all of them, fared at worst in each step, whether something was measured in it or not.
fn worst(view: &View<'_>, panes: &[Covering<'_>], steps: Grid, slots: Option<&[Slot]>) -> PolarsResult<Vec<Column>> {
    let line = |slot| slots.is_none_or(|slots| slots.contains(&slot)).then_some(0);
    let archived = view.archived_fared(view.range(), Some(steps), slots);
    let worst = view.worst_by_line(&archived, panes, steps, 1, line)?.concat();
    let statuses: Vec<u32> = worst.iter().map(|worst| worst.status as u32).collect();
    let down: Vec<u64> = worst.iter().map(|worst| worst.antennas_down).collect();
    Ok(vec![Column::new(WORST_STATUS.into(), statuses), Column::new(ANTENNAS_DOWN.into(), down)])
}

/// Whether a pane of each step was revised, for the steps that have panes.
fn revised(view: &View<'_>, panes: &[Covering<'_>], steps: Grid) -> PolarsResult<LazyFrame> {
    let archived = view.archived_revised(view.range(), Some(steps)).into_iter().map(|start| (start, true));
    let panes = panes.iter().map(|it| (it.pane.start_ms, it.pane.revised)).chain(archived);
    let (starts, revised): (Vec<i64>, Vec<bool>) = panes.unzip();
    let height = starts.len();
    let columns = vec![Column::new(PANE.into(), starts), Column::new(REVISED.into(), revised)];
    let step = floor(col(PANE), steps).alias(START);
    Ok(DataFrame::new(height, columns)?.lazy().group_by([step]).agg([col(REVISED).any(true)]))
}
