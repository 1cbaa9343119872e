//! The course of antennas over a window: histories of a few, and the heat map of all.
//!
//! Steps stand on multiples of their width, as tiles do, so a step of whole tiles reads a table for each of them: an hour
//! of 10,000 antennas is some 70 tables of 10,000 rows. Each row is then told its line of the answer instead of its
//! antenna, and one roll-up adds up what falls into the same step and line, be that one antenna or a group.

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{Heatmap, HeatmapRow, History, Status, Steps, heatmap_groups};

use super::{Filter, Row, View, counts};
use crate::aggregate::column::{ANTENNA, LATENCY_COUNT, LATENCY_SUM, LOST, PACKETS, PANE, READINGS};
use crate::aggregate::{Grid, Keys, roll_up_cells, rows_of_antennas};
use crate::decode::Slot;
use crate::store::Pane;

/// A position in an answer: the antenna's or the group's.
type Line = u32;

impl View<'_> {
    /// Antennas over time, worst first, in at most `limit` rows; where they are more, the better ones share rows.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn heatmap(&self, rows: &[Row], filter: &Filter, step_ms: i64, limit: usize) -> PolarsResult<Heatmap> {
        let mut wanted = filter.of(rows);
        wanted.sort_unstable_by(|a, b| {
            let lost = (b.measures.packets_lost).cmp(&a.measures.packets_lost);
            a.status.cmp(&b.status).then(lost).then_with(|| a.id.cmp(&b.id))
        });
        let statuses: Vec<Status> = wanted.iter().map(|row| row.status).collect();
        let groups: Vec<&[&Row]> = heatmap_groups(&statuses, limit).into_iter().map(|group| &wanted[group]).collect();
        let lines = Lines::new(groups.iter().map(|group| group.iter().map(|row| row.slot)));
        let tables: PolarsResult<Vec<_>> =
            self.parts(step_ms).into_iter().map(|part| lines.label(&part.antennas.cells)).collect();
        let histories = self.add_up(&tables?, step_ms, groups.len())?;
        Ok(Heatmap {
            window: self.window.bounds(),
            steps: self.steps(step_ms),
            total: wanted.len() as u64,
            rows: groups.into_iter().zip(histories).map(|(group, history)| row(group, history)).collect(),
            as_of: self.snapshot.as_of,
        })
    }

    /// The histories of some antennas, in their order.
    pub(super) fn histories(&self, slots: &[Slot], step_ms: i64) -> PolarsResult<Vec<History>> {
        let mut ascending = slots.to_vec();
        ascending.sort_unstable();
        let parts = self.parts(step_ms);
        let cells: Vec<&DataFrame> = parts.iter().map(|part| &part.antennas.cells).collect();
        let mut tables = Vec::new();
        if !cells.is_empty() {
            let lines = Lines::new(slots.iter().map(|&slot| std::iter::once(slot)));
            tables.push(lines.label(&rows_of_antennas(&cells, &ascending)?)?);
        }
        self.add_up(&tables, step_ms, slots.len())
    }

    /// The steps that touch the window.
    pub(super) fn steps(&self, step_ms: i64) -> Steps {
        let starts = self.step_starts(step_ms).map(UnixMillis).collect();
        Steps { step_seconds: UnixMillis(step_ms).seconds(), starts }
    }

    fn step_starts(&self, step_ms: i64) -> impl Iterator<Item = i64> + use<> {
        let first = Grid::of_width(step_ms).floor(self.window.start_ms);
        (first..self.window.end_ms).step_by(usize::try_from(step_ms).unwrap_or(usize::MAX))
    }

    /// Tiles and panes that together cover the window, none of which lies in two steps.
    fn parts(&self, step_ms: i64) -> Vec<&Pane> {
        let within = |start: i64| {
            let end = start.saturating_add(step_ms).min(self.window.end_ms);
            self.snapshot.cover(start.max(self.window.start_ms), end)
        };
        self.step_starts(step_ms).flat_map(within).collect()
    }

    /// Adds labelled tables up by step and line; one history a line.
    fn add_up(&self, tables: &[DataFrame], step_ms: i64, lines: usize) -> PolarsResult<Vec<History>> {
        let steps = Grid::of_width(step_ms);
        let tables: Vec<&DataFrame> = tables.iter().collect();
        let cells = roll_up_cells(&tables, Keys { pane: Some(steps), antenna: true })?;
        let integers = |name: &str| cells.column(name)?.u64()?.cont_slice();
        let (readings, packets, lost) = (integers(READINGS)?, integers(PACKETS)?, integers(LOST)?);
        let (counts, sums) = (integers(LATENCY_COUNT)?, cells.column(LATENCY_SUM)?.f64()?.cont_slice()?);
        let panes = cells.column(PANE)?.i64()?.cont_slice()?;
        let mut histories = vec![nothing(self.step_starts(step_ms).count()); lines];
        for (row, &line) in cells.column(ANTENNA)?.u32()?.cont_slice()?.iter().enumerate() {
            // Behind the last line is what was not asked for.
            let Some(history) = histories.get_mut(line as usize) else { continue };
            let step = (panes[row] - steps.floor(self.window.start_ms)) / step_ms;
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            history.readings[step] = readings[row];
            history.packets_sent[step] = packets[row];
            history.packets_lost[step] = lost[row];
            history.latency_mean_ms[step] = mean_ms(sums[row], counts[row]);
        }
        Ok(histories)
    }
}

/// The line of each antenna of an answer.
#[derive(Debug)]
struct Lines {
    /// By slot.
    of_slot: Vec<Line>,
    /// The line of antennas that the answer is not about: one behind the last.
    behind: Line,
}

impl Lines {
    fn new<G: Iterator<Item = Slot>>(groups: impl Iterator<Item = G>) -> Self {
        let mut behind = 0;
        let mut placed = Vec::new();
        for (line, group) in (0..).zip(groups) {
            placed.extend(group.map(|slot| (slot as usize, line)));
            behind = line + 1;
        }
        let slots = placed.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0);
        let mut of_slot = vec![behind; slots];
        placed.into_iter().for_each(|(slot, line)| of_slot[slot] = line);
        Self { of_slot, behind }
    }

    /// The same cells with lines in place of antennas.
    fn label(&self, cells: &DataFrame) -> PolarsResult<DataFrame> {
        let slots = cells.column(ANTENNA)?.u32()?.cont_slice()?;
        let line = |&slot: &Slot| self.of_slot.get(slot as usize).copied().unwrap_or(self.behind);
        let lines: Vec<Line> = slots.iter().map(line).collect();
        let mut labelled = cells.clone();
        labelled.with_column(Column::new(ANTENNA.into(), lines))?;
        Ok(labelled)
    }
}

fn row(group: &[&Row], history: History) -> HeatmapRow {
    let antenna_id = match group {
        [alone] => Some(alone.id.to_string()),
        _ => None,
    };
    HeatmapRow {
        antenna_id,
        status: group.first().map_or(Status::Healthy, |worst| worst.status),
        antennas: counts(group.iter().copied()),
        history,
    }
}

/// A history of so many steps in which nothing was measured.
fn nothing(steps: usize) -> History {
    History {
        readings: vec![0; steps],
        packets_sent: vec![0; steps],
        packets_lost: vec![0; steps],
        latency_mean_ms: vec![None; steps],
    }
}

/// A mean in milliseconds, to the microsecond: a history has thousands of them, and their other digits would be most of
/// its JSON.
#[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^53")]
fn mean_ms(sum_ms: f64, count: u64) -> Option<f64> {
    // From here on a double has no finer digits to lose.
    const COARSE_MS: f64 = (1_u64 << 43) as f64;
    let mean_ms = (count > 0).then(|| sum_ms / count as f64)?;
    Some(if mean_ms < COARSE_MS { (mean_ms * 1000.0).round() / 1000.0 } else { mean_ms })
}
