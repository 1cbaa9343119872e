//! All antennas over time, worst first; where there are more than rows, the better ones share rows.

use std::ops::Range;

use polars::prelude::*;
use shared::api::{Heatmap, HeatmapRequest, HeatmapRow, History, Status, heatmap_groups};

use super::choice::Choice;
use super::{AnswerError, Question, Table, View, rows, summary};
use crate::readings::Slot;
use crate::store::expressions::answer::{
    ANTENNA_ID, ANTENNAS_DOWN, AVAILABILITY, FLAPPING, LATENCY_MEAN, START, STATUS, WORST_STATUS,
};
use crate::store::expressions::column::{ANTENNA, PACKETS_LOST, PACKETS_SENT, READINGS};
use crate::store::expressions::{antenna_counts, time};

/// The number of a row of the map.
const ROW: &str = "row";

impl Question for HeatmapRequest {
    fn answer(&self, view: &View<'_>) -> Result<Heatmap, AnswerError> {
        let steps = view.default_steps(self.step)?;
        let columns = [ANTENNA, ANTENNA_ID, STATUS, READINGS, PACKETS_LOST, AVAILABILITY, FLAPPING].map(col);
        let by = SortMultipleOptions::default().with_order_descending_multi([false, true, false]);
        let Self { q, statuses, flapping, site, labels, .. } = self;
        let choice = Choice { search: q.as_deref(), statuses, flapping: *flapping, site: site.as_deref(), labels };
        let antennas = choice.of(view, view.antennas()?.as_ref())?.select(columns);
        let antennas = antennas.sort([STATUS, PACKETS_LOST, ANTENNA_ID], by).collect()?;
        let statuses = rows::positions(&antennas, STATUS, &Status::ALL)?;
        let groups = heatmap_groups(&statuses, self.rows.get());
        let slots: Vec<Slot> = antennas.column(ANTENNA)?.u32()?.iter().flatten().collect();
        let members: Vec<Vec<Slot>> = groups.iter().map(|group| slots[group.clone()].to_vec()).collect();
        let (histories, antennas_down) = view.histories_of_groups(&members, steps)?;
        Ok(Heatmap {
            window: view.window.bounds(),
            steps: view.told_steps(steps),
            total: antennas.height() as u64,
            rows: map_rows(antennas, &groups, histories, antennas_down)?,
            as_of: view.whole.as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    /// A row for each step of each row of the map; a step in which a row of the map has no reading is left out.
    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let map = self.answer(view)?;
        let mut cells: Vec<(u64, &HeatmapRow, usize)> = Vec::new();
        for (number, row) in (0..).zip(&map.rows) {
            let has_readings = row.history.readings.iter().enumerate().filter(|(_, readings)| **readings > 0);
            cells.extend(has_readings.map(|(step, _)| (number, row, step)));
        }
        let counts = |of: fn(&History) -> &Vec<u64>| -> Vec<u64> {
            cells.iter().map(|(_, row, step)| of(&row.history)[*step]).collect()
        };
        let text = |of: fn(&HeatmapRow) -> Option<&str>| -> Vec<Option<&str>> {
            cells.iter().map(|(_, row, _)| of(row)).collect()
        };
        let antennas = |row: &HeatmapRow| {
            let counts = row.antennas;
            counts.healthy + counts.degraded + counts.down + counts.silent
        };
        let starts: Vec<i64> = cells.iter().map(|(_, _, step)| map.steps.starts[*step].0).collect();
        let means: Vec<Option<f64>> = cells.iter().map(|(_, row, step)| row.history.latency_mean_ms[*step]).collect();
        let worst: Vec<Option<&str>> =
            cells.iter().map(|(_, row, step)| row.history.worst_status[*step].map(Status::as_str)).collect();
        let down: Vec<u64> = cells.iter().map(|(_, row, step)| row.antennas_down[*step]).collect();
        let columns = vec![
            Column::new(ROW.into(), cells.iter().map(|(number, _, _)| *number).collect::<Vec<_>>()),
            Column::new(ANTENNA_ID.into(), text(|row| row.antenna_id.as_deref())),
            Column::new(STATUS.into(), text(|row| Some(row.status.as_str()))),
            Column::new("antennas".into(), cells.iter().map(|(_, row, _)| antennas(row)).collect::<Vec<_>>()),
            Column::new(START.into(), starts),
            Column::new(READINGS.into(), counts(|history| &history.readings)),
            Column::new(PACKETS_SENT.into(), counts(|history| &history.packets_sent)),
            Column::new(PACKETS_LOST.into(), counts(|history| &history.packets_lost)),
            Column::new(LATENCY_MEAN.into(), means),
            Column::new(WORST_STATUS.into(), worst),
            Column::new(ANTENNAS_DOWN.into(), down),
        ];
        let table = DataFrame::new(cells.len(), columns)?;
        Ok(table.lazy().with_column(time(START)).collect()?.into())
    }
}

/// The rows of the map: groups of antennas that follow each other in the order, and what they measured.
fn map_rows(
    antennas: DataFrame,
    groups: &[Range<usize>],
    histories: Vec<History>,
    antennas_down: Vec<Vec<u64>>,
) -> Result<Vec<HeatmapRow>, AnswerError> {
    let rows: Vec<u32> = (0..).zip(groups).flat_map(|(row, group)| std::iter::repeat_n(row, group.len())).collect();
    let mut antennas = antennas;
    antennas.with_column(Column::new(ROW.into(), rows))?;
    // The worst of a group is its first; a group has an id where it is one antenna.
    let first = [col(ANTENNA_ID).first(), col(STATUS).first().alias("worst"), len().alias("members")];
    let aggregated = [first.as_slice(), antenna_counts().as_slice()].concat();
    let table = antennas.lazy().group_by_stable([col(ROW)]).agg(aggregated).collect()?;
    let ids = rows::texts(&table, ANTENNA_ID)?.into_iter().zip(groups);
    let ids = ids.map(|(id, group)| id.filter(|_| group.len() == 1));
    let statuses = rows::positions(&table, "worst", &Status::ALL)?;
    let rows = ids.zip(statuses).zip(summary::counts(&table)?).zip(histories.into_iter().zip(antennas_down));
    let row = |(((antenna_id, status), antennas), (history, antennas_down))| HeatmapRow {
        antenna_id,
        status,
        antennas,
        history,
        antennas_down,
    };
    Ok(rows.map(row).collect())
}
