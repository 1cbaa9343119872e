//! The course of each antenna over a window, and of all antennas at once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AntennaCounts, Status, Steps, WindowBounds};
use crate::time::UnixMillis;

/// What was measured in each step of a window: a column an entry, all of one length, oldest step first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// Readings counted; 0 where none was, and then nothing is known of the step.
    pub readings: Vec<u64>,
    /// Packets sent.
    pub packets_sent: Vec<u64>,
    /// Packets lost.
    pub packets_lost: Vec<u64>,
    /// Mean latency in milliseconds; `null` where no reading carries one.
    pub latency_mean_ms: Vec<Option<f64>>,
}

/// `GET /api/v1/heatmap`: every antenna that is known and retained over time, worst first.
///
/// Steps are whole multiples of `step_seconds` since the epoch, so that they stand still while the window moves; the first
/// and the last step may reach beyond the window, and hold only what is within it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heatmap {
    /// The panes covered.
    pub window: WindowBounds,
    /// The steps.
    #[serde(flatten)]
    pub steps: Steps,
    /// Antennas known and retained: as many as the rows stand for.
    pub total: u64,
    /// The rows, worst first: antennas, then groups of antennas where there are more than rows.
    pub rows: Vec<HeatmapRow>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
}

/// One antenna, or a group of antennas that follow each other in the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeatmapRow {
    /// The antenna's id; `null` for a group.
    pub antenna_id: Option<String>,
    /// How the antenna fares in the window; the worst of a group.
    pub status: Status,
    /// The antennas of the row by status.
    pub antennas: AntennaCounts,
    /// The sums over the row's antennas, step by step.
    pub history: History,
}
