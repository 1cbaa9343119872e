//! What is answered if something went wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer with a 4xx or 5xx status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs: `bad_parameter`, `unauthorized`, `not_found`, `method_not_allowed`, `unavailable`, `internal`.
    pub code: String,
    /// For humans: what is wrong, and with which parameter.
    pub message: String,
}
