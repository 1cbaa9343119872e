//! All antennas over time.

use shared::UnixMillis;
use shared::api::{Heatmap, HeatmapRow, Status, heatmap_groups};

use super::Mock;
use super::antennas::Row;
use super::measure::{count, history};
use super::network::Parts;
use super::window::Window;

impl Mock {
    /// All antennas over time, worst first: by status, then by packets lost, then by id. Where there are more antennas than
    /// `rows`, half of the rows are antennas, and the others groups, see [`heatmap_groups`].
    #[must_use]
    pub fn heatmap(
        &self,
        window_s: u32,
        end: Option<UnixMillis>,
        step_s: u32,
        rows: usize,
        now: UnixMillis,
    ) -> Heatmap {
        let window = Window::new(window_s, end, now);
        let mut antennas = self.rows(window);
        antennas.sort_by(|a, b| {
            let order = a.status.cmp(&b.status).then(b.counted.lost.cmp(&a.counted.lost));
            order.then_with(|| a.id.cmp(&b.id))
        });
        let (steps, parts) = window.steps(step_s);
        let parts = Parts::new(parts);
        let statuses: Vec<Status> = antennas.iter().map(|row| row.status).collect();
        let groups = heatmap_groups(&statuses, rows).into_iter();
        let rows = groups.filter_map(|group| row(&antennas[group], &parts)).collect();
        Heatmap { window: window.bounds(), steps, total: antennas.len() as u64, rows, as_of: window.now.as_of() }
    }
}

/// The row of a group. `None` if it is empty.
fn row(group: &[Row], parts: &Parts) -> Option<HeatmapRow> {
    let worst = group.first()?;
    let sums = parts.sums(group.iter().map(|row| &row.antenna));
    Some(HeatmapRow {
        antenna_id: (group.len() == 1).then(|| worst.id.clone()),
        status: worst.status,
        antennas: count(group.iter().map(|row| (row.status, row.counted.readings > 0))),
        history: history(&sums),
    })
}
