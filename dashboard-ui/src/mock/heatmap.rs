//! All antennas over time.

use shared::UnixMillis;
use shared::api::{Heatmap, HeatmapRow};

use super::Mock;
use super::antennas::Row;
use super::measure::{count, history};
use super::network::Parts;
use super::window::Window;

impl Mock {
    /// All antennas over time, worst first: by status, then by packets lost, then by id. Where there are more antennas than
    /// `rows`, half of the rows are antennas, and the others groups of those that follow, as equal in size as can be.
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
        let rows = groups(&antennas, rows).filter_map(|group| row(group, &parts)).collect();
        Heatmap { window: window.bounds(), steps, total: antennas.len() as u64, rows, as_of: window.now.as_of() }
    }
}

/// Divides a list into at most `rows` groups, of which the first half have one member each.
fn groups<T>(list: &[T], rows: usize) -> impl Iterator<Item = &[T]> {
    let rows = rows.max(1);
    // A single row has no half: it is a group of all.
    let alone = if list.len() <= rows {
        list.len()
    } else if rows == 1 {
        0
    } else {
        rows.div_ceil(2)
    };
    let (alone, others) = list.split_at(alone);
    let count = rows - alone.len();
    let border = move |at: usize| at * others.len() / count.max(1);
    let others = (0..count).map(move |at| &others[border(at)..border(at + 1)]);
    alone.chunks(1).chain(others.filter(|group| !group.is_empty()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_partition_the_list_and_differ_by_one_at_most() {
        for (length, rows) in [(0, 5), (1, 1), (7, 1), (7, 3), (24, 24), (24, 10), (10_000, 60), (61, 60)] {
            let list: Vec<usize> = (0..length).collect();
            let groups: Vec<&[usize]> = groups(&list, rows).collect();
            assert_eq!(groups.concat(), list);
            assert_eq!(groups.len(), rows.min(length), "{length} in {rows}");
            let sizes = groups.iter().skip(rows.div_ceil(2)).map(|group| group.len());
            assert!(sizes.clone().max().unwrap_or(1) - sizes.min().unwrap_or(1) <= 1, "{length} in {rows}");
        }
    }
}
