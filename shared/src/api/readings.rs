//! `readings`: the readings of an antenna that were counted last.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{Format, path};
use crate::time::UnixMillis;

/// Readings of an antenna if no limit is given.
pub const DEFAULT_READINGS: usize = 50;

/// The most readings of an antenna.
pub const MAX_READINGS: usize = 1_000;

request! {
    /// `GET /api/v1/readings`.
    pub struct ReadingsRequest {
        /// The antenna's id.
        pub antenna: String,
        /// The most readings to return. Without it, CSV, Arrow and Parquet have all that are kept, up to the maximum; the default
        /// is that of JSON.
        pub limit: Count<DEFAULT_READINGS, MAX_READINGS>,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for ReadingsRequest {
    const PATH: &'static str = path::READINGS;
    const MEANING: &'static str = "The readings of an antenna that were counted last, newest arrival first. They are kept in memory \
        and not across a restart.";
    const FORMATS: &'static [Format] = &Format::ALL;
    const IS_LIST: bool = true;
    type Answer = RecentReadings;

    fn format(&self) -> Option<Format> {
        self.format
    }
}

/// `GET /api/v1/readings`: the readings of an antenna that were counted last, newest arrival first. They are kept
/// in memory only, up to a fixed number for the whole network, and are lost at a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecentReadings {
    /// The antenna's id.
    pub antenna_id: String,
    /// The readings.
    pub readings: Vec<RecentReading>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
}

/// One reading as it was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecentReading {
    /// Event time.
    pub timestamp: UnixMillis,
    /// Arrival at the broker.
    pub arrived_at: UnixMillis,
    /// Packets sent.
    pub packets_sent: u64,
    /// How many of those were lost.
    pub packets_lost: u64,
    /// Mean latency in milliseconds; `null` if the reading carries none.
    pub latency_ms: Option<f64>,
    /// Sequence number; `null` if the reading carries none.
    pub seq: Option<u64>,
    /// Whether its pane had closed before it arrived, so that it revised the pane.
    pub late: bool,
}
