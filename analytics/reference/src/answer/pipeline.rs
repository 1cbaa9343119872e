//! `pipeline` and its history: progress and the ledger.

use shared::UnixMillis;
use shared::api::{Pipeline, PipelineHistory, PipelineHistoryRequest, PipelineRequest};

use super::{Question, Refusal};
use crate::Reference;

impl Question for PipelineRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Pipeline, Refusal> {
        Ok(reference.pipeline(now))
    }
}

impl Question for PipelineHistoryRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<PipelineHistory, Refusal> {
        Ok(reference.pipeline_history(now))
    }
}
