//! `rejected`: the entries that broke a rule, and which.

use std::cmp::Reverse;

use shared::UnixMillis;
use shared::api::{RejectedExample, RejectedPage, RejectedRequest};

use super::{Question, Refusal};
use crate::Reference;

impl Question for RejectedRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<RejectedPage, Refusal> {
        let of_reason = reference.examples.iter().filter(|(reason, _)| self.reason.is_none_or(|only| only == **reason));
        let mut newest: Vec<RejectedExample> = of_reason.flat_map(|(_, examples)| examples).cloned().collect();
        newest.sort_by_key(|example| Reverse(id(&example.source_id)));
        newest.truncate(self.limit.get());
        // The counts are those of the last commit, the examples may be newer.
        Ok(RejectedPage { rejected: reference.pipeline(now).totals.rejected, newest })
    }
}

/// An id as numbers, in the order of the stream.
fn id(text: &str) -> Option<(i64, u64)> {
    let (arrival_ms, number) = text.split_once('-')?;
    Some((arrival_ms.parse().ok()?, number.parse().ok()?))
}
