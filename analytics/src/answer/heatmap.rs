//! All antennas over time, worst first; where there are more than rows, the better ones share rows.

use std::ops::Range;

use polars::prelude::*;
use shared::api::{Grouping, Heatmap, HeatmapRequest, HeatmapRow, History, Status, heatmap_groups};

use super::choice::Choice;
use super::{AnswerError, Question, Table, View, rows, summary};
use crate::readings::Slot;
use crate::store::expressions::answer::{
    ANTENNA_ID, ANTENNAS_DOWN, AVAILABILITY, FLAPPING, LATENCY_MEAN, SITE, START, STATUS, WORST_STATUS,
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
        let antennas = choice.of(view, view.antennas()?.as_ref())?;
        let (antennas, groups, sites) = match self.group {
            None => {
                let antennas = antennas.select(columns).sort([STATUS, PACKETS_LOST, ANTENNA_ID], by).collect()?;
                let statuses = rows::positions(&antennas, STATUS, &Status::ALL)?;
                let groups = heatmap_groups(&statuses, self.rows.get());
                (antennas, groups, None)
            }
            Some(Grouping::Site) => {
                let antennas = by_site(view.with_about(antennas.collect()?)?)?;
                let (groups, sites) = site_groups(&rows::texts(&antennas, SITE)?, self.rows.get());
                (antennas.lazy().select(columns).collect()?, groups, Some(sites))
            }
        };
        let slots: Vec<Slot> = antennas.column(ANTENNA)?.u32()?.iter().flatten().collect();
        let members: Vec<Vec<Slot>> = groups.iter().map(|group| slots[group.clone()].to_vec()).collect();
        let (histories, antennas_down) = view.histories_of_groups(&members, steps)?;
        Ok(Heatmap {
            window: view.window.bounds(),
            steps: view.told_steps(steps),
            total: antennas.height() as u64,
            rows: map_rows(antennas, (&groups, sites), histories, antennas_down)?,
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
            Column::new(SITE.into(), text(|row| row.site.as_deref())),
        ];
        let table = DataFrame::new(cells.len(), columns)?;
        Ok(table.lazy().with_column(time(START)).collect()?.into())
    }
}

/// Antennas with those of a site together, the worst site first, and those at none last.
fn by_site(antennas: DataFrame) -> PolarsResult<DataFrame> {
    const WORST_THERE: &str = "worst_there";
    const LOST_THERE: &str = "lost_there";
    let there = [col(STATUS).min().alias(WORST_THERE), col(PACKETS_LOST).sum().alias(LOST_THERE)];
    let is_at_one = col(SITE).is_not_null();
    let sites = antennas.clone().lazy().filter(is_at_one).group_by([col(SITE)]).agg(there).collect()?.lazy();
    let by = SortMultipleOptions::default()
        .with_order_descending_multi([false, true, false, false, true, false])
        .with_nulls_last(true);
    antennas
        .lazy()
        .join(sites, [col(SITE)], [col(SITE)], JoinArgs::new(JoinType::Left))
        .sort([WORST_THERE, LOST_THERE, SITE, STATUS, PACKETS_LOST, ANTENNA_ID], by)
        .collect()
}

/// A group for each site, and its name; the last of at most `limit` groups is of all others, whose sites are not one.
fn site_groups(sites: &[Option<String>], limit: usize) -> (Vec<Range<usize>>, Vec<Option<String>>) {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for group in sites.chunk_by(|a, b| a == b) {
        let start = groups.last().map_or(0, |before| before.end);
        groups.push(start..start + group.len());
    }
    if groups.len() > limit {
        groups.truncate(limit);
        if let Some(last) = groups.last_mut() {
            last.end = sites.len();
        }
    }
    let is_one = |group: &Range<usize>| sites[group.start] == sites[group.end - 1];
    let named = groups.iter().map(|group| sites[group.start].clone().filter(|_| is_one(group))).collect();
    (groups, named)
}

/// The rows of the map: groups of antennas that follow each other in the order, and what they measured. Where they are sites, the
/// groups have names.
fn map_rows(
    antennas: DataFrame,
    (groups, sites): (&[Range<usize>], Option<Vec<Option<String>>>),
    histories: Vec<History>,
    antennas_down: Vec<Vec<u64>>,
) -> Result<Vec<HeatmapRow>, AnswerError> {
    let rows: Vec<u32> = (0..).zip(groups).flat_map(|(row, group)| std::iter::repeat_n(row, group.len())).collect();
    let mut antennas = antennas;
    antennas.with_column(Column::new(ROW.into(), rows))?;
    // A group has an id where it is one antenna, and is no site.
    let first = [col(ANTENNA_ID).first(), col(STATUS).min().alias("worst"), len().alias("members")];
    let aggregated = [first.as_slice(), antenna_counts().as_slice()].concat();
    let table = antennas.lazy().group_by_stable([col(ROW)]).agg(aggregated).collect()?;
    let ids = rows::texts(&table, ANTENNA_ID)?.into_iter().zip(groups);
    let ids = ids.map(|(id, group)| id.filter(|_| group.len() == 1 && sites.is_none()));
    let sites = sites.clone().unwrap_or_else(|| vec![None; groups.len()]);
    let statuses = rows::positions(&table, "worst", &Status::ALL)?;
    let rows = ids.zip(sites).zip(statuses).zip(summary::counts(&table)?).zip(histories.into_iter().zip(antennas_down));
    let row = |((((antenna_id, site), status), antennas), (history, antennas_down))| HeatmapRow {
        antenna_id,
        site,
        status,
        antennas,
        history,
        antennas_down,
    };
    Ok(rows.map(row).collect())
}
