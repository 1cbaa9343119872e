//! What the sums of a step level out: how antennas fared at worst in its panes.

use polars::prelude::PolarsResult;
use shared::api::Status;

use super::View;
use crate::readings::Slot;
use crate::store::grid::Grid;
use crate::store::whole::{Covering, judged};

/// How the antennas of a line fared at worst in the panes of a step; well where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worst {
    pub(super) status: Status,
    /// Antennas that were down in at least one pane.
    pub(super) antennas_down: u64,
}

impl View<'_> {
    /// How antennas fared at worst, by line and step: in rows of files, by their start, and in tiles and panes in order of time,
    /// none of which lies in two steps. `line` tells an antenna's line.
    pub(super) fn worst_by_line(
        &self,
        archived: &[(i64, Slot, Status)],
        parts: &[Covering<'_>],
        steps: Grid,
        lines: usize,
        line: impl Fn(Slot) -> Option<usize>,
    ) -> PolarsResult<Vec<Vec<Worst>>> {
        let well = Worst { status: Status::Healthy, antennas_down: 0 };
        let mut worst = vec![vec![well; self.window.step_starts(steps).count()]; lines];
        // By slot, the steps up to the last one in which the antenna was down: several parts of a step count it once.
        let mut counted: Vec<usize> = Vec::new();
        let mut archived: Vec<(usize, Slot, Status)> =
            archived.iter().map(|(start_ms, slot, status)| (self.step_of(*start_ms, steps), *slot, *status)).collect();
        archived.sort_unstable_by_key(|(step, ..)| *step);
        let in_memory = judged(parts, &self.thresholds)?.into_iter();
        let in_memory = in_memory.map(|(start_ms, slot, status)| (self.step_of(start_ms, steps), slot, status));
        let mut all: Vec<(usize, Slot, Status)> = archived.into_iter().chain(in_memory).collect();
        if self.whole.portions().len() > 1 {
            // The files of a partition may reach beyond the oldest pane of another one.
            all.sort_by_key(|(step, ..)| *step);
        }
        for (step, slot, status) in all {
            let Some(line) = line(slot) else { continue };
            let worst = &mut worst[line][step];
            worst.status = worst.status.min(status);
            let slot = slot as usize;
            if status == Status::Down {
                if counted.len() <= slot {
                    counted.resize(slot + 1, 0);
                }
                if counted[slot] <= step {
                    counted[slot] = step + 1;
                    worst.antennas_down += 1;
                }
            }
        }
        Ok(worst)
    }
}
