//! `heatmap`: all antennas over time.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{AntennaCounts, Format, Gap, Grouping, History, Labels, Status, Steps, WindowBounds, WindowRequest, path};
use crate::time::{Span, UnixMillis};

/// Rows of a heat map if no number is given.
pub const DEFAULT_HEATMAP_ROWS: usize = 100;

/// The most rows of a heat map.
pub const MAX_HEATMAP_ROWS: usize = 1_000;

/// The most steps of a heat map or of a history.
pub const MAX_STEPS: i64 = 500;

/// The most steps of all histories of an answer together: as many as the largest heat map has.
pub const MAX_STEPS_TOGETHER: i64 = MAX_STEPS * MAX_HEATMAP_ROWS as i64;

request! {
    /// `GET /api/v1/heatmap`.
    pub struct HeatmapRequest {
        /// The window.
        pub window: WindowRequest,
        /// Length of a step, rounded up to whole panes; by default a sixtieth of the window, or a multiple of 12
        /// panes if that is longer than 11.
        pub step: Option<Span>,
        /// A row for each site in place of each antenna, the worst first; antennas at none share the last one.
        pub group: Option<Grouping>,
        /// The most rows to return.
        pub rows: Count<DEFAULT_HEATMAP_ROWS, MAX_HEATMAP_ROWS>,
        /// Only antennas whose id or name contains this text, ignoring case.
        pub q: Option<String>,
        /// Only antennas with this status, or with one of several separated by commas.
        pub statuses as "status": BTreeSet<Status>,
        /// Only antennas that are flapping in the window, whatever their status, or only those that are not.
        pub flapping: Option<bool>,
        /// Only antennas at the site with exactly this name.
        pub site: Option<String>,
        /// Only antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for HeatmapRequest {
    const PATH: &'static str = path::HEATMAP;
    const MEANING: &'static str =
        "All antennas over time, worst first; where there are more than rows, the better ones share rows.";
    const FORMATS: &'static [Format] = &Format::ALL;
    type Answer = Heatmap;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
}

/// `GET /api/v1/heatmap`: every antenna that is known and retained over time, worst first.
///
/// Steps are whole multiples of `step_seconds` since the epoch, so that they stay put while the window moves; the first
/// and the last step may reach beyond the window, and hold only what is within it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heatmap {
    /// The panes covered.
    pub window: WindowBounds,
    /// The steps.
    #[serde(flatten)]
    pub steps: Steps,
    /// Antennas known and retained: the rows cover all of them.
    pub total: u64,
    /// The rows, worst first: antennas, then groups of antennas if there are more antennas than rows.
    pub rows: Vec<HeatmapRow>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// One antenna, or a group of antennas that follow each other in the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeatmapRow {
    /// The antenna's id; `null` for a group.
    pub antenna_id: Option<String>,
    /// The site whose antennas they are, where rows are sites; absent in the last row, if others share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The antenna's status in the window; the worst of a group.
    pub status: Status,
    /// The antennas of the row by status.
    pub antennas: AntennaCounts,
    /// The sums over the row's antennas, step by step.
    pub history: History,
    /// Antennas of the row that were down in at least one pane of the step, step by step.
    #[serde(default)]
    pub antennas_down: Vec<u64>,
}

/// The rows of a heat map: divides antennas, given by their statuses, worst first, into at most `limit` groups.
///
/// If there are more antennas than groups, the first half of the groups has one antenna each. Each of the other groups
/// has antennas of one status, and those of a status are as equal in size as possible. A group has several statuses
/// only if there are fewer groups than statuses.
#[must_use]
pub fn heatmap_groups(statuses: &[Status], limit: usize) -> Vec<Range<usize>> {
    let antennas = statuses.len();
    // One row has to be left for the antennas that have none of their own.
    let alone = if antennas <= limit { antennas } else { limit.div_ceil(2).min(limit.saturating_sub(1)) };
    let mut groups: Vec<Range<usize>> = (0..alone).map(|at| at..at + 1).collect();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for run in statuses[alone..].chunk_by(|a, b| a == b) {
        let start = runs.last().map_or(alone, |last| last.end);
        runs.push(start..start + run.len());
    }
    if runs.len() > limit - alone {
        runs.clear();
        runs.push(alone..antennas);
    }
    let mut shares = vec![1; runs.len()];
    for _ in runs.len()..limit - alone {
        // The status with the largest groups gets the next one.
        let size = |run: usize| runs[run].len().div_ceil(shares[run]);
        let largest = (0..runs.len()).max_by_key(|&run| (size(run), Reverse(run)));
        if let Some(run) = largest.filter(|&run| shares[run] < runs[run].len()) {
            shares[run] += 1;
        }
    }
    for (run, share) in runs.into_iter().zip(shares) {
        let (start, length) = (run.start, run.len());
        groups.extend((0..share).map(|group| start + group * length / share..start + (group + 1) * length / share));
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every antenna is in one group; the first half has one each. The others are of one status if there are
        /// enough, and those of a status differ by at most one.
        #[test]
        fn groups_divide_all_antennas(counts in prop::array::uniform4(0..900_usize), limit in 1..1_200_usize) {
            const ORDER: [Status; 4] = [Status::Down, Status::Degraded, Status::Silent, Status::Healthy];
            let statuses: Vec<Status> =
                ORDER.into_iter().zip(counts).flat_map(|(status, count)| std::iter::repeat_n(status, count)).collect();
            let antennas = statuses.len();
            let groups = heatmap_groups(&statuses, limit);
            prop_assert_eq!(groups.len(), antennas.min(limit));
            prop_assert!(groups.iter().all(|group| !group.is_empty()));
            prop_assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert_eq!(groups.first().map_or(0, |group| group.start), 0);
            prop_assert_eq!(groups.last().map_or(0, |group| group.end), antennas);
            let alone = groups.iter().take_while(|group| group.len() == 1).count();
            prop_assert!(limit == 1 || alone >= antennas.min(limit.div_ceil(2)));
            let shared = &groups[antennas.min(limit.div_ceil(2)).min(groups.len())..];
            let is_pure = |group: &Range<usize>| statuses[group.start] == statuses[group.end - 1];
            if shared.len() >= ORDER.len() {
                prop_assert!(shared.iter().all(is_pure));
            }
            for status in ORDER {
                let of_it = shared.iter().filter(|group| is_pure(group) && statuses[group.start] == status);
                let (least, most) = of_it.fold((usize::MAX, 0), |(least, most), group| (least.min(group.len()), most.max(group.len())));
                prop_assert!(most <= least.saturating_add(1));
            }
        }
    }
}
