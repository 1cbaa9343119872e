//! Whether analytics is alive, and whether it is ready.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Phase;

/// `GET /livez`, `/readyz`, `/healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether the answer is 200.
    pub ok: bool,
    /// What analytics is doing.
    pub phase: Phase,
}
