//! Incidents: when an antenna degraded, went down or fell silent, and for how long.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::UnixMillis;

/// What kind of trouble an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentKind {
    /// All packets of an interval were lost, of one at least.
    Down,
    /// The success rate of an interval was below, or its mean latency above, its threshold; in none were all lost.
    Degraded,
    /// No reading arrived for three of the antenna's usual intervals, and for 15 s at least.
    Silent,
}

impl IncidentKind {
    /// Every kind, worst first.
    pub const ALL: [Self; 3] = [Self::Down, Self::Degraded, Self::Silent];

    /// The kind as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Degraded => "degraded",
            Self::Silent => "silent",
        }
    }
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentEnding {
    /// The antenna was well again, or reported again.
    Recovered,
    /// Nothing of the antenna was retained any more.
    Forgotten,
}

impl IncidentEnding {
    /// Every ending.
    pub const ALL: [Self; 2] = [Self::Recovered, Self::Forgotten];

    /// The ending as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Forgotten => "forgotten",
        }
    }
}

/// One incident of one antenna.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The antenna's id.
    pub antenna_id: String,
    /// The worst that it came to.
    pub kind: IncidentKind,
    /// When it began: for `silent` the arrival of the last reading before it, else the event time of the first bad one.
    pub start: UnixMillis,
    /// When it ended: for `silent` the arrival of the next reading, else the event time of the first reading that was well
    /// again, or of the newest reading of an antenna that was forgotten; `null` while it lasts.
    pub end: Option<UnixMillis>,
    /// How it ended; `null` while it lasts.
    pub ended_by: Option<IncidentEnding>,
    /// From its start to its end, or to now.
    pub duration_seconds: f64,
    /// Packets sent during it, as far as it has been judged; 0 for `silent`.
    pub packets_sent: u64,
    /// Packets lost of those.
    pub packets_lost: u64,
    /// The lowest success rate of an interval during it; `null` for `silent` and where no packet was sent.
    pub worst_success_rate: Option<f64>,
    /// The highest mean latency of an interval during it, in milliseconds; `null` for `silent` and where none is known.
    pub worst_latency_ms: Option<f64>,
}

/// `GET /api/v1/incidents`: incidents, newest start first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    /// Incidents that match, on this page or not.
    pub total: u64,
    /// Those of them that last.
    pub open: u64,
    /// The page.
    pub incidents: Vec<Incident>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
}
