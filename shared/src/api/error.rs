//! What is answered where something went wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every answer with a 4xx or 5xx status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs: `bad_parameter`, `not_found`, `method_not_allowed`, `not_acceptable`, `unavailable`, `internal`.
    pub code: String,
    /// For people: what is wrong, and with which parameter.
    pub message: String,
}
