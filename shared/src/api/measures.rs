//! What is summed over readings, and what is derived from the sums.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Latencies in milliseconds, over the readings that carry one; all `null` if none does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Median, within 2 % of the nearest-rank value.
    pub p50: Option<f64>,
    /// 95th percentile, within 2 % of the nearest-rank value.
    pub p95: Option<f64>,
    /// 99th percentile, within 2 % of the nearest-rank value.
    pub p99: Option<f64>,
}

/// Counts of readings and packets with what is derived from them: the part that the answers share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Measures {
    /// Readings counted.
    pub readings: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets delivered: sent less lost.
    pub packets_delivered: u64,
    /// Packets lost.
    pub packets_lost: u64,
    /// Delivered of sent, from 0 to 1; `null` if no packet was sent.
    pub success_rate: Option<f64>,
    /// Latencies in milliseconds.
    pub latency_ms: Latency,
}
