//! `heatmap`: all antennas over time.

use std::cmp::Reverse;

use shared::UnixMillis;
use shared::api::{Heatmap, HeatmapRequest, HeatmapRow, Status, heatmap_groups};

use super::rows::{Row, counts, is_at};
use super::{Question, Refusal};
use crate::{Counted, Reference};

impl Question for HeatmapRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Heatmap, Refusal> {
        let window = reference.window(&self.window, now)?;
        let step_ms = window.default_step_ms(self.step, &reference.settings)?;
        let mut rows = reference.rows(window);
        rows.retain(|row| row.is_wanted(self.q.as_deref(), &self.statuses, self.flapping));
        rows.retain(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        // The rows are in the order of ids, and equal ones stay in it.
        rows.sort_by_key(|row| (row.status, Reverse(row.measures.packets_lost)));
        let statuses: Vec<Status> = rows.iter().map(|row| row.status).collect();
        let groups = heatmap_groups(&statuses, self.rows.get()).into_iter().map(|group| {
            let group = &rows[group];
            let readings: Vec<&Counted> = group.iter().flat_map(|row| row.readings.iter().copied()).collect();
            let (history, antennas_down) = reference.history(&readings, window, step_ms);
            HeatmapRow {
                antenna_id: alone(group).map(|row| row.id.to_owned()),
                status: group[0].status,
                antennas: counts(group),
                history,
                antennas_down,
            }
        });
        Ok(Heatmap {
            window: window.bounds(),
            steps: window.steps(step_ms),
            total: rows.len() as u64,
            rows: groups.collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}

const fn alone<'a, 'b>(group: &'a [Row<'b>]) -> Option<&'a Row<'b>> {
    if let [row] = group { Some(row) } else { None }
}
