//! `pipeline/history`: the pace of the pipeline over the last minutes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Request, request};
use super::{Freshness, path};
use crate::time::UnixMillis;

request! {
    /// `GET /api/v1/pipeline/history`.
    pub struct PipelineHistoryRequest {}
}

impl Request for PipelineHistoryRequest {
    const PATH: &'static str = path::PIPELINE_HISTORY;
    const MEANING: &'static str = "The pace of the pipeline over the last five minutes, in steps of two seconds.";
    type Answer = PipelineHistory;
}

/// `GET /api/v1/pipeline/history`: the pace of the pipeline over the last minutes, oldest step first, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PipelineHistory {
    /// Length of a step in seconds.
    pub step_seconds: f64,
    /// The steps; the last one is still filling up.
    pub samples: Vec<PipelineSample>,
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
    /// Entries still to read at the step's end; `null` if the broker has not reported it.
    pub lag: Option<u64>,
    /// Age of the step's readings when they became visible.
    pub freshness_ms: Freshness,
}
