//! The JSON of analytics' HTTP API: what analytics writes and the dashboard reads.
//!
//! Times are RFC 3339 in UTC with milliseconds; durations and latencies carry their unit in the name; rates run from
//! 0 to 1; unknown is `null`, never 0.

mod heatmap;
mod incidents;
mod stream;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::heatmap::{Heatmap, HeatmapRow, History, heatmap_groups};
pub use self::incidents::{Incident, IncidentEnding, IncidentKind, IncidentPage};
pub use self::stream::{PipelineHistory, PipelineSample, RecentReading, RecentReadings, RejectedExample, RejectedPage};
use crate::reading::Rejection;
use crate::time::UnixMillis;

/// Paths of the routes.
pub mod path {
    /// The original contract's metrics, and Prometheus exposition.
    pub const METRICS: &str = "/metrics";
    /// One window over the whole network.
    pub const SUMMARY: &str = "/api/v1/summary";
    /// Antennas, sorted, searched and paged.
    pub const ANTENNAS: &str = "/api/v1/antennas";
    /// One antenna.
    pub const ANTENNA: &str = "/api/v1/antennas/{id}";
    /// The worst antennas.
    pub const WORST: &str = "/api/v1/worst";
    /// A window in steps.
    pub const SERIES: &str = "/api/v1/series";
    /// All antennas over time.
    pub const HEATMAP: &str = "/api/v1/heatmap";
    /// When antennas degraded, went down or fell silent.
    pub const INCIDENTS: &str = "/api/v1/incidents";
    /// The readings of an antenna that were counted last.
    pub const READINGS: &str = "/api/v1/readings";
    /// Rejected entries by reason, with examples.
    pub const REJECTED: &str = "/api/v1/rejected";
    /// Progress and the ledger.
    pub const PIPELINE: &str = "/api/v1/pipeline";
    /// The pipeline's pace over the last minutes.
    pub const PIPELINE_HISTORY: &str = "/api/v1/pipeline/history";
    /// Server-Sent Events.
    pub const EVENTS: &str = "/api/v1/events";
    /// Liveness.
    pub const LIVEZ: &str = "/livez";
    /// Readiness.
    pub const READYZ: &str = "/readyz";
    /// Readiness under its older name.
    pub const HEALTHZ: &str = "/healthz";
    /// The description of all of this.
    pub const OPENAPI: &str = "/openapi.json";

    /// Every route, as the contract, the router and the description have to agree on.
    pub const ALL: [&str; 17] = [
        METRICS,
        SUMMARY,
        ANTENNAS,
        ANTENNA,
        WORST,
        SERIES,
        HEATMAP,
        INCIDENTS,
        READINGS,
        REJECTED,
        PIPELINE,
        PIPELINE_HISTORY,
        EVENTS,
        LIVEZ,
        READYZ,
        HEALTHZ,
        OPENAPI,
    ];
}

/// Name of the Server-Sent Event that carries a [`Summary`].
pub const SNAPSHOT_EVENT: &str = "snapshot";

/// The panes that an answer covers: `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WindowBounds {
    /// Start of the first pane.
    pub start: UnixMillis,
    /// End of the last pane.
    pub end: UnixMillis,
    /// Length in whole seconds; rounded down where panes are shorter than a second.
    pub seconds: u64,
}

/// Latencies in milliseconds, over the readings that carry one; all `null` where none does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Median, within 2 % of the nearest-rank value.
    pub p50: Option<f64>,
    /// 95th percentile, within 2 % of the nearest-rank value.
    pub p95: Option<f64>,
    /// 99th percentile, within 2 % of the nearest-rank value.
    pub p99: Option<f64>,
}

/// Counts of readings and packets with what follows from them: the part that every answer shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Measures {
    /// Readings counted.
    pub readings: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets delivered: sent less lost.
    pub packets_delivered: u64,
    /// Packets lost.
    pub packets_lost: u64,
    /// Delivered of sent, from 0 to 1; `null` where no packet was sent.
    pub success_rate: Option<f64>,
    /// Latencies in milliseconds.
    pub latency_ms: Latency,
}

/// How an antenna fares in a window. The first that applies, from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Packets were sent and all were lost.
    Down,
    /// The success rate is below, or the mean latency above, its threshold.
    Degraded,
    /// No reading arrived for three of the antenna's usual intervals, and for 15 s at least; or, in a window that
    /// ends at a given time, there is no reading in it.
    Silent,
    /// None of these.
    Healthy,
}

impl Status {
    /// The status as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Degraded => "degraded",
            Self::Silent => "silent",
            Self::Healthy => "healthy",
        }
    }
}

/// How many antennas there are, by status. The four statuses add up to the antennas that are known and retained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AntennaCounts {
    /// Antennas with a reading in the window.
    pub active: u64,
    /// See [`Status::Healthy`].
    pub healthy: u64,
    /// See [`Status::Degraded`].
    pub degraded: u64,
    /// See [`Status::Down`].
    pub down: u64,
    /// See [`Status::Silent`].
    pub silent: u64,
}

/// `GET /api/v1/summary`: one window over the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// The panes covered.
    pub window: WindowBounds,
    /// Sums over all antennas.
    #[serde(flatten)]
    pub measures: Measures,
    /// Antennas by status.
    pub antennas: AntennaCounts,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Whether a pane of the window changed after it had closed.
    pub revised: bool,
    /// What can be asked for, and what is judged by; absent in answers of an analytics that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// What can be asked for, and what an antenna's status is judged by: the settings of analytics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Width of a pane in seconds.
    pub pane_seconds: f64,
    /// The longest window in seconds.
    pub retention_seconds: f64,
    /// Start of the oldest pane that is retained; `null` before the first reading.
    pub oldest: Option<UnixMillis>,
    /// An antenna is degraded below this success rate.
    pub degraded_success_rate: f64,
    /// An antenna is degraded above this mean latency in milliseconds.
    pub degraded_latency_ms: f64,
}

/// One antenna in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AntennaRow {
    /// The antenna's id.
    pub antenna_id: String,
    /// How it fares.
    pub status: Status,
    /// Its sums.
    #[serde(flatten)]
    pub measures: Measures,
    /// When its newest reading arrived at the broker.
    pub last_seen: UnixMillis,
    /// Its course over the window, where a `step` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// The steps of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Steps {
    /// Length of a step in seconds.
    pub step_seconds: f64,
    /// Start of each step, oldest first.
    pub starts: Vec<UnixMillis>,
}

/// `GET /api/v1/antennas` and `GET /api/v1/worst`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AntennaPage {
    /// The panes covered.
    pub window: WindowBounds,
    /// Antennas that match, on this page or not.
    pub total: u64,
    /// The page.
    pub antennas: Vec<AntennaRow>,
    /// The steps of the rows' histories, on the grid of [`Heatmap`]; absent where no `step` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// Start of the step.
    pub start: UnixMillis,
    /// Sums over the step; zero readings and nulls where nothing was counted.
    #[serde(flatten)]
    pub measures: Measures,
    /// Whether a pane of the step changed after it had closed.
    pub revised: bool,
}

/// `GET /api/v1/series`: a window in steps, oldest first, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// The panes covered.
    pub window: WindowBounds,
    /// Length of a step in seconds; the last one may be shorter.
    pub step_seconds: f64,
    /// The steps.
    pub points: Vec<Point>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
}

/// `GET /metrics` as JSON: the contract of the stack that Vigía replaces, over the default window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OriginalMetrics {
    /// Unix seconds at which the newest readings were merged; `null` before the first.
    pub last_update: Option<f64>,
    /// The figures; empty before the first reading.
    pub service_stats: ServiceStats,
}

/// The figures of [`OriginalMetrics`], all present or all absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ServiceStats {
    /// There are readings.
    Some(ServiceFigures),
    /// There were none yet: `{}`.
    None {},
}

/// The figures of the original contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceFigures {
    /// Packets sent.
    pub total_packets: u64,
    /// Packets lost.
    pub total_loss: u64,
    /// Lost of sent, from 0 to 1; `null` where no packet was sent.
    pub loss_rate: Option<f64>,
    /// Mean latency in milliseconds; `null` where no reading carries one.
    pub avg_latency: Option<f64>,
    /// Antennas with a reading in the window.
    pub active_antennas: u64,
    /// Packets delivered.
    pub delivered_packets: u64,
    /// Delivered of sent, from 0 to 1; `null` where no packet was sent.
    pub success_rate: Option<f64>,
}

/// The ledger: where every entry that the broker ever added went.
///
/// `entries_added = counted + duplicates + sum(rejected) + too_late + lag + trimmed_unread + imbalance`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Entries ever added to the stream; `null` where the broker has not told yet.
    pub entries_added: Option<u64>,
    /// Entries counted in a window.
    pub counted: u64,
    /// Entries whose `seq` had been counted before.
    pub duplicates: u64,
    /// Entries that broke a rule, by reason; every reason is listed.
    pub rejected: BTreeMap<Rejection, u64>,
    /// Entries older than everything retained.
    pub too_late: u64,
    /// Entries still to read; `null` where the broker cannot tell.
    pub lag: Option<u64>,
    /// Entries that somebody removed from the stream before they were read.
    pub trimmed_unread: u64,
    /// What is left of the equation: 0; `null` where `entries_added` or `lag` is.
    pub imbalance: Option<i64>,
}

/// One partition of the stream with its ledger, as of its last commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Partition {
    /// The stream's name.
    pub stream: String,
    /// Id of the last entry merged.
    pub cursor: String,
    /// Id of the last entry committed.
    pub committed: String,
    /// The fencing epoch of this owner.
    pub epoch: u64,
    /// The process that owns the stream: its host, process number and start; `null` where nobody is known to.
    #[serde(default)]
    pub owner: Option<String>,
    /// Where every entry went.
    #[serde(flatten)]
    pub ledger: Ledger,
}

/// The stages of one micro-batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchTimes {
    /// Entries in the batch.
    pub rows: u64,
    /// From the request until the reply's last byte, decoding left out.
    pub read_ms: f64,
    /// Reply bytes to columns.
    pub decode_ms: f64,
    /// Columns to partials.
    pub aggregate_ms: f64,
    /// Partials into panes, and the snapshot.
    pub merge_ms: f64,
}

/// Progress of the micro-batches since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Batches {
    /// Batches merged.
    pub count: u64,
    /// Entries merged a second, over the last 10 s.
    pub rows_per_second: f64,
    /// The last batch; `null` before the first.
    pub last: Option<BatchTimes>,
}

/// Progress of the commits since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Commits {
    /// Commits done.
    pub count: u64,
    /// How long the last one took, in milliseconds; `null` before the first.
    pub last_ms: Option<f64>,
    /// When the last one was done; `null` before the first.
    pub last_at: Option<UnixMillis>,
}

/// From the broker's entry time until the reading is in the snapshot that queries read, over the last 1,024 batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Freshness {
    /// Median in milliseconds; `null` before the first batch.
    pub p50: Option<f64>,
    /// 99th percentile in milliseconds; `null` before the first batch.
    pub p99: Option<f64>,
}

/// `GET /api/v1/pipeline`: progress and the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pipeline {
    /// What analytics is doing; see [`Phase`].
    pub phase: Phase,
    /// The partitions that this process owns.
    pub partitions: Vec<Partition>,
    /// The sums over the partitions.
    pub totals: Ledger,
    /// Micro-batches.
    pub batches: Batches,
    /// Commits.
    pub commits: Commits,
    /// Age of the readings at the moment they become visible.
    pub freshness_ms: Freshness,
    /// Event time up to which panes have closed, bounded by the broker's clock; `null` before the first reading.
    pub watermark: Option<UnixMillis>,
    /// Panes in memory.
    pub panes: u64,
    /// Antennas known and retained.
    pub antennas: u64,
    /// When this process started.
    pub started_at: UnixMillis,
}

/// What analytics is doing. Only [`Phase::Running`] is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not connected to the broker yet.
    Starting,
    /// Another process owns the stream; this one takes over when it ends.
    Standby,
    /// Reads, counts and commits.
    Running,
    /// The broker is away or refuses; the last snapshot is served.
    BrokerAway,
    /// Commits for the last time.
    Stopping,
}

impl Phase {
    /// The phase as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Running => "running",
            Self::BrokerAway => "broker_away",
            Self::Stopping => "stopping",
        }
    }
}

/// `GET /livez`, `/readyz`, `/healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether the answer is 200.
    pub ok: bool,
    /// What analytics is doing.
    pub phase: Phase,
}

/// Every answer with a 4xx or 5xx status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs: `bad_parameter`, `not_found`, `method_not_allowed`, `unavailable`, `internal`.
    pub code: String,
    /// For people: what is wrong, and with which parameter.
    pub message: String,
}
