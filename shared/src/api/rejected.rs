//! `rejected`: the entries that broke a rule.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path;
use super::request::{Count, Request, request};
use crate::reading::Rejection;
use crate::time::UnixMillis;

/// Examples of rejected entries if no limit is given.
pub const DEFAULT_REJECTED: usize = 20;

/// The most examples of rejected entries.
pub const MAX_REJECTED: usize = 100;

request! {
    /// `GET /api/v1/rejected`.
    pub struct RejectedRequest {
        /// Only examples of this reason.
        pub reason: Option<Rejection>,
        /// The most examples to return.
        pub limit: Count<DEFAULT_REJECTED, MAX_REJECTED>,
    }
}

impl Request for RejectedRequest {
    const PATH: &'static str = path::REJECTED;
    const MEANING: &'static str = "How many entries were rejected and why, with the newest examples.";
    type Answer = RejectedPage;
}

/// `GET /api/v1/rejected`: how many entries were rejected and why, with the newest examples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPage {
    /// Entries by reason, as in the ledger.
    pub rejected: BTreeMap<Rejection, u64>,
    /// The newest examples, newest first.
    pub newest: Vec<RejectedExample>,
}

/// A rejected entry as it was in the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedExample {
    /// The stream, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Its id in the stream.
    pub source_id: String,
    /// Arrival at the broker.
    pub arrived_at: UnixMillis,
    /// The rule that it broke.
    pub reason: Rejection,
    /// Its fields in order, as name and value. Bytes that are not UTF-8 are replaced, long texts are truncated.
    pub fields: Vec<(String, String)>,
}
