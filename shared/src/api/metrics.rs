//! `/metrics` as JSON: the contract of the stack that Vigía replaces.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /metrics` as JSON: the contract of the stack that Vigía replaces, over the default window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OriginalMetrics {
    /// Unix seconds at which the newest readings were merged; `null` before the first.
    pub last_update: Option<f64>,
    /// The figures; empty before the first reading.
    pub service_stats: ServiceStats,
}

/// The figures of [`OriginalMetrics`], all present or all absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ServiceStats {
    /// There are readings.
    Some(ServiceFigures),
    /// There are none yet: `{}`.
    None {},
}

/// The figures of the original contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceFigures {
    /// Packets sent.
    pub total_packets: u64,
    /// Packets lost.
    pub total_loss: u64,
    /// Lost of sent, from 0 to 1; `null` if no packet was sent.
    pub loss_rate: Option<f64>,
    /// Mean latency in milliseconds; `null` if no reading carries one.
    pub avg_latency: Option<f64>,
    /// Antennas with a reading in the window.
    pub active_antennas: u64,
    /// Packets delivered.
    pub delivered_packets: u64,
    /// Delivered of sent, from 0 to 1; `null` if no packet was sent.
    pub success_rate: Option<f64>,
}
