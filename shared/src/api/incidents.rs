//! `incidents`: when an antenna degraded, went down or fell silent, and for how long.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{DEFAULT_ROWS, Format, Gap, HeldBy, Labels, MAX_ROWS, OptionalWindow, WindowRequest, path};
use crate::spelled::spelled;
use crate::time::UnixMillis;

request! {
    /// `GET /api/v1/incidents`.
    pub struct IncidentsRequest {
        /// Only incidents that overlap a window of this length; by default all that are kept.
        pub window: Option<OptionalWindow>,
        /// Only incidents of this kind.
        pub kind: Option<IncidentKind>,
        /// Only incidents that are going on, or only those that have ended.
        pub state: Option<IncidentState>,
        /// Only incidents of this antenna.
        pub antenna: Option<String>,
        /// Only incidents of antennas whose id contains this text, ignoring case.
        pub q: Option<String>,
        /// Only incidents of antennas that are at the site with exactly this name.
        pub site: Option<String>,
        /// Only incidents of antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// The most rows to return. Without it, CSV, Arrow and Parquet have all of them, up to the maximum; the default is that of JSON.
        pub limit: Count<DEFAULT_ROWS, MAX_ROWS>,
        /// Rows to skip first.
        pub offset: usize,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for IncidentsRequest {
    const PATH: &'static str = path::INCIDENTS;
    const MEANING: &'static str = "When antennas degraded, went down or fell silent, newest start first.";
    const FORMATS: &'static [Format] = &Format::ALL;
    const IS_LIST: bool = true;
    type Answer = IncidentPage;

    fn window(&self) -> Option<WindowRequest> {
        self.window.map(Into::into)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
}

spelled! {
    /// The kind of an incident.
    pub enum IncidentKind {
        /// All packets of an interval were lost, in at least one interval.
        Down = "down",
        /// The success rate of an interval was below, or its mean latency above, the threshold; no interval lost all
        /// packets.
        Degraded = "degraded",
        /// No reading arrived for three of the antenna's usual intervals, and at least 15 s.
        Silent = "silent",
    }
}

impl IncidentKind {
    /// The first part of the ids of incidents of this kind: one that gets worse stays the same incident.
    #[must_use]
    pub const fn family(self) -> &'static str {
        match self {
            Self::Down | Self::Degraded => "trouble",
            Self::Silent => "silence",
        }
    }
}

/// An incident's id, by which people acknowledge it and receivers of alerts are told of it. It stays the same through everything that happens
/// to the incident.
#[must_use]
pub fn incident_id(family: &str, start: UnixMillis, subject: &str) -> String {
    format!("{family}:{}:{subject}", start.0)
}

spelled! {
    /// Whether an incident is going on.
    pub enum IncidentState {
        /// It is going on.
        Open = "open",
        /// It has ended.
        Ended = "ended",
    }
}

spelled! {
    /// How an incident ended.
    pub enum IncidentEnding {
        /// The antenna was healthy again, or reported again.
        Recovered = "recovered",
        /// The antenna had no readings left in retention.
        Forgotten = "forgotten",
    }
}

/// `GET /api/v1/incidents`: incidents, newest start first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    /// Incidents that match, on this page or not.
    pub total: u64,
    /// How many of those are going on.
    pub open: u64,
    /// The page.
    pub incidents: Vec<Incident>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times of which incidents could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// One incident of one antenna.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The antenna's id.
    pub antenna_id: String,
    /// The worst kind that it reached.
    pub kind: IncidentKind,
    /// When it began: for `silent`, the arrival of the last reading before it; otherwise, the event time of the first
    /// bad reading.
    pub start: UnixMillis,
    /// When it ended: for `silent`, the arrival of the next reading; otherwise, the event time of the first reading
    /// that was healthy again, or of the newest reading of an antenna that was forgotten; `null` while it is going on.
    pub end: Option<UnixMillis>,
    /// How it ended; `null` while it is going on.
    pub ended_by: Option<IncidentEnding>,
    /// From its start to its end, or until now.
    pub duration_seconds: f64,
    /// Packets sent during it, up to the last interval that was judged; 0 for `silent`.
    pub packets_sent: u64,
    /// How many of those were lost.
    pub packets_lost: u64,
    /// The lowest success rate of an interval during it; `null` for `silent`, or if no packet was sent.
    pub worst_success_rate: Option<f64>,
    /// The highest mean latency of an interval during it, in milliseconds; `null` for `silent`, or if none is known.
    pub worst_latency_ms: Option<f64>,
    /// The id of the incident, `down` or `silent`, of the antenna in front of it that was down when it ended, or a minute before, or is where it
    /// lasts; of several in a row, of the one furthest up. `null` where none was.
    pub caused_by: Option<String>,
    /// Why nobody is told of it; `null` where it is over, or receivers are told, or none are to be.
    pub held: Option<HeldBy>,
    /// Who takes care of it; `null` where nobody says so.
    pub acknowledged: Option<String>,
}

impl Incident {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> String {
        incident_id(self.kind.family(), self.start, &self.antenna_id)
    }
}
