//! What passed through the stream of late: readings of an antenna, rejected entries, and the pace of the pipeline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Freshness;
use crate::reading::Rejection;
use crate::time::UnixMillis;

/// One reading as it was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecentReading {
    /// Event time.
    pub timestamp: UnixMillis,
    /// Arrival at the broker.
    pub arrived_at: UnixMillis,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets lost of those.
    pub packets_lost: u64,
    /// Mean latency in milliseconds; `null` where the reading carries none.
    pub latency_ms: Option<f64>,
    /// Sequence number; `null` where the reading carries none.
    pub seq: Option<u64>,
    /// Whether its pane had closed before it arrived: it revised the pane.
    pub late: bool,
}

/// `GET /api/v1/readings`: the readings of an antenna that were counted last, newest arrival first. They are kept in memory,
/// those of the whole network together up to a fixed number, and not across a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecentReadings {
    /// The antenna's id.
    pub antenna_id: String,
    /// The readings.
    pub readings: Vec<RecentReading>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
}

/// A rejected entry as it stood in the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedExample {
    /// Its id in the stream.
    pub source_id: String,
    /// Arrival at the broker.
    pub arrived_at: UnixMillis,
    /// The rule that it broke.
    pub reason: Rejection,
    /// Its fields in order, as name and value. Bytes that are not UTF-8 are replaced, long texts are cut.
    pub fields: Vec<(String, String)>,
}

/// `GET /api/v1/rejected`: how many entries were rejected and why, with the newest examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPage {
    /// Entries by reason, as in the ledger.
    pub rejected: BTreeMap<Rejection, u64>,
    /// The newest examples, newest first.
    pub newest: Vec<RejectedExample>,
}

/// What the pipeline did in one step of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PipelineSample {
    /// Start of the step.
    pub start: UnixMillis,
    /// Entries merged.
    pub rows: u64,
    /// Batches merged.
    pub batches: u64,
    /// Reading, summed over the batches; see [`super::BatchTimes`].
    pub read_ms: f64,
    /// Decoding, summed over the batches.
    pub decode_ms: f64,
    /// Aggregating, summed over the batches.
    pub aggregate_ms: f64,
    /// Merging, summed over the batches.
    pub merge_ms: f64,
    /// Commits done.
    pub commits: u64,
    /// Committing, summed over the commits.
    pub commit_ms: f64,
    /// Entries still to read at the step's end; `null` where the broker has not told.
    pub lag: Option<u64>,
    /// Age of the step's readings when they became visible.
    pub freshness_ms: Freshness,
}

/// `GET /api/v1/pipeline/history`: the pace of the pipeline over the last minutes, oldest step first, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PipelineHistory {
    /// Length of a step in seconds.
    pub step_seconds: f64,
    /// The steps; the last one is still filling up.
    pub samples: Vec<PipelineSample>,
}
