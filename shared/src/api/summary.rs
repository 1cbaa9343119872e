//! `summary`: one window over the whole network.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Request, request};
use super::{AntennaCounts, Gap, Measures, WindowBounds, WindowRequest, path};
use crate::time::UnixMillis;

/// Name of the Server-Sent Event that carries a [`Summary`].
pub const SNAPSHOT_EVENT: &str = "snapshot";

request! {
    /// `GET /api/v1/summary`.
    pub struct SummaryRequest {
        /// The window.
        pub window: WindowRequest,
    }
}

impl Request for SummaryRequest {
    const PATH: &'static str = path::SUMMARY;
    const MEANING: &'static str = "One window over the whole network.";
    type Answer = Summary;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }
}

/// `GET /api/v1/summary`: one window over the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// The panes covered.
    pub window: WindowBounds,
    /// Sums over all antennas.
    #[serde(flatten)]
    pub measures: Measures,
    /// Antennas by status.
    pub antennas: AntennaCounts,
    /// Time for which antennas reported as often as usual and were not down, of the time for which they were observed in the
    /// window, from 0 to 1; `null` where nothing can be said. An older analytics does not report it.
    #[serde(default)]
    pub availability: Option<f64>,
    /// How much time usually lies between the readings of an antenna, in seconds: the median of the antennas that are known and
    /// retained; `null` where none has reported at two times. An older analytics does not report it.
    #[serde(default)]
    pub interval_seconds: Option<f64>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
    /// Whether a pane of the window changed after it had closed.
    pub revised: bool,
    /// What can be asked for, and what decides a status; an older analytics does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// What can be asked for, and what decides an antenna's status: the settings of analytics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Width of a pane in seconds.
    pub pane_seconds: f64,
    /// The longest window in seconds.
    pub retention_seconds: f64,
    /// Start of the oldest pane that is retained; `null` before the first reading.
    pub oldest: Option<UnixMillis>,
    /// An antenna is degraded below this success rate.
    pub degraded_success_rate: f64,
    /// An antenna is degraded above this mean latency in milliseconds.
    pub degraded_latency_ms: f64,
    /// An antenna is flapping from so many changes on in a window of up to 15 minutes, or for each 15 minutes of a longer one; an older analytics does not report it.
    #[serde(default)]
    pub flapping_changes: Option<u64>,
    /// What is kept beyond the longest window of memory; `null` where there is no archive, and a window is no longer than
    /// `retention_seconds`.
    #[serde(default)]
    pub history: Option<HistoryLimits>,
}

impl Limits {
    /// Where what is known begins: in the archive, if anything is in it, else in memory.
    #[must_use]
    pub fn known_from(&self) -> Option<UnixMillis> {
        let archived = self.history.and_then(|history| history.oldest);
        archived.into_iter().chain(self.oldest).min()
    }
}

/// What is kept in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryLimits {
    /// Where it begins; `null` as long as nothing is in it.
    pub oldest: Option<UnixMillis>,
    /// Where memory begins: what is older is in the archive; `null` as long as nothing is in it.
    pub until: Option<UnixMillis>,
    /// The shortest step in seconds of a window that reaches into it.
    pub step_seconds: f64,
}
