//! The course of antennas, or of groups of them, over a window.
//!
//! Steps stand on multiples of their width, as tiles do, so a step of whole tiles reads a table for each of them: an hour
//! of 10,000 antennas is some 70 tables of 10,000 rows. Each row is told its line of the answer in place of its antenna, and
//! one roll-up adds up what falls into the same step and line, be that one antenna or a group.

use polars::prelude::*;
use shared::api::History;

use super::{View, rows};
use crate::archive::rows::Part;
use crate::readings::Slot;
use crate::store::expressions::column::{ANTENNA, LATENCY_SUM, PACKETS_LOST, PACKETS_SENT, PANE, READINGS};
use crate::store::expressions::mean_to_microseconds;
use crate::store::grid::Grid;
use crate::store::partials::{Lines, roll_up_lines};
use crate::store::whole::{Covering, cells, cells_of};

impl View<'_> {
    /// The histories of the antennas of a table, in its order; those that have not been seen have no slot, and one of nothing.
    pub(super) fn histories(&self, antennas: &DataFrame, steps: Grid) -> PolarsResult<Vec<History>> {
        let slots: Vec<Option<Slot>> = antennas.column(ANTENNA)?.u32()?.iter().collect();
        let mut ascending: Vec<Slot> = slots.iter().copied().flatten().collect();
        ascending.sort_unstable();
        let parts = self.parts(steps);
        let lines = Lines::new(slots.into_iter());
        let in_memory = cells_of(&parts, &ascending)?;
        let archived = self.archived_table(self.range(), Some(steps), Some(&ascending), Part::Cells)?;
        let tables: Vec<&DataFrame> = std::iter::once(&in_memory).chain(&archived).collect();
        let mut histories = self.add_up(&tables, &lines, steps)?;
        self.add_worst(&mut histories, &parts, &lines, Some(&ascending), steps)?;
        Ok(histories)
    }

    /// The histories of groups of antennas, which together are most of the network, and how many antennas of each were down
    /// in a pane of each step.
    pub(super) fn histories_of_groups(
        &self,
        groups: &[Vec<Slot>],
        steps: Grid,
    ) -> PolarsResult<(Vec<History>, Vec<Vec<u64>>)> {
        let parts = self.parts(steps);
        let archived = self.archived_table(self.range(), Some(steps), None, Part::Cells)?;
        let cells = cells(&parts)?;
        let tables: Vec<&DataFrame> = cells.iter().map(|cells| &**cells).chain(&archived).collect();
        let lines = Lines::new(groups.iter().map(|group| group.iter().copied()));
        let mut histories = self.add_up(&tables, &lines, steps)?;
        let antennas_down = self.add_worst(&mut histories, &parts, &lines, None, steps)?;
        Ok((histories, antennas_down))
    }

    /// Adds the worst status of each step with readings; the lines are of some slots, or of all. Returns how many antennas were down
    /// in a pane of it.
    fn add_worst(
        &self,
        histories: &mut [History],
        parts: &[Covering<'_>],
        lines: &Lines,
        slots: Option<&[Slot]>,
        steps: Grid,
    ) -> PolarsResult<Vec<Vec<u64>>> {
        let archived = self.archived_fared(self.range(), Some(steps), slots);
        let worst = self.worst_by_line(&archived, parts, steps, lines.len() as usize, lines.by_slot()?)?;
        for (history, worst) in histories.iter_mut().zip(&worst) {
            let known =
                history.readings.iter().zip(worst).map(|(readings, worst)| (*readings > 0).then_some(worst.status));
            history.worst_status = known.collect();
        }
        Ok(worst.into_iter().map(|line| line.into_iter().map(|worst| worst.antennas_down).collect()).collect())
    }

    /// Tiles and panes that together cover the window, none of which lies in two steps.
    pub(super) fn parts(&self, steps: Grid) -> Vec<Covering<'_>> {
        self.window.step_starts(steps).flat_map(|start| self.parts_of(start, steps)).collect()
    }

    /// Tiles and panes that together cover what lies of a step within the window.
    pub(super) fn parts_of(&self, start_ms: i64, steps: Grid) -> Vec<Covering<'_>> {
        let end_ms = start_ms.saturating_add(steps.width_ms).min(self.window.end_ms);
        self.whole.cover(start_ms.max(self.window.start_ms), end_ms)
    }

    /// Adds tables up by step and line; one history a line.
    fn add_up(&self, tables: &[&DataFrame], lines: &Lines, steps: Grid) -> PolarsResult<Vec<History>> {
        let cells = roll_up_lines(tables, lines, steps)?;
        let is_asked_for = col(ANTENNA).lt(lit(lines.len()));
        let means = mean_to_microseconds().alias(LATENCY_SUM);
        let columns = [col(PANE), col(ANTENNA), col(READINGS), col(PACKETS_SENT), col(PACKETS_LOST), means];
        let cells = cells.filter(is_asked_for).select(columns).collect()?;
        let (panes, positions) = (cells.column(PANE)?.i64()?, cells.column(ANTENNA)?.u32()?);
        let (readings, sent) = (rows::counts(&cells, READINGS)?, rows::counts(&cells, PACKETS_SENT)?);
        let (lost, means) = (rows::counts(&cells, PACKETS_LOST)?, rows::numbers(&cells, LATENCY_SUM)?);
        let mut histories = vec![nothing(self.window.step_starts(steps).count()); lines.len() as usize];
        for (row, (pane, line)) in panes.iter().flatten().zip(positions.iter().flatten()).enumerate() {
            let step = self.step_of(pane, steps);
            let history = &mut histories[line as usize];
            history.readings[step] = readings[row];
            history.packets_sent[step] = sent[row];
            history.packets_lost[step] = lost[row];
            history.latency_mean_ms[step] = means[row];
        }
        Ok(histories)
    }
}

/// A history of a number of steps in which nothing was measured.
fn nothing(steps: usize) -> History {
    History {
        readings: vec![0; steps],
        packets_sent: vec![0; steps],
        packets_lost: vec![0; steps],
        latency_mean_ms: vec![None; steps],
        worst_status: vec![None; steps],
    }
}
