//! A window in steps, and what was measured in each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Status;
use crate::time::UnixMillis;

/// The steps of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Steps {
    /// Length of a step in seconds.
    pub step_seconds: f64,
    /// Start of each step, oldest first.
    pub starts: Vec<UnixMillis>,
}

/// What was measured in each step of a window: columns of the same length, oldest step first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// Readings counted; if 0, nothing is known about the step.
    pub readings: Vec<u64>,
    /// Packets sent.
    pub packets_sent: Vec<u64>,
    /// Packets lost.
    pub packets_lost: Vec<u64>,
    /// Mean latency in milliseconds; `null` if no reading carries one.
    pub latency_mean_ms: Vec<Option<f64>>,
    /// The worst status in a single pane of the step, each pane judged by itself: `down`, `degraded` or `healthy`; `null` where
    /// there is no reading. What the sums of a step level out shows here.
    #[serde(default)]
    pub worst_status: Vec<Option<Status>>,
}
