//! Analytics' HTTP API: what is asked, and the JSON that is answered, with a file for each question.
//!
//! Times are RFC 3339 in UTC with milliseconds; durations and latencies carry their unit in the name; rates run from
//! 0 to 1; unknown is `null`, never 0.
//!
//! - [`request`]: how a question is read from a query string, and written as one.
//! - [`description`]: the OpenAPI document: what is asked and answered, for people and for tools.
//! - `window`, `measures`, `status`, `steps`, `labels`, `format`: what several questions or answers share.
//! - `summary`, `antennas`, `worst`, `sites`, `map`, `public_status`, `series`, `heatmap`, `cells`, `incidents`, `readings`: questions about the network.
//! - `pipeline`, `pipeline_history`, `rejected`, `alerts`: questions about analytics itself.
//! - `quiet`, `maintenance`: of what nobody is to be told, which is asked and said; `notes`: what everybody is.
//! - `metrics`, `health`, `error`: what else is answered.

mod alerts;
mod antennas;
mod cells;
pub mod description;
mod error;
mod format;
mod health;
mod heatmap;
mod incidents;
mod labels;
mod maintenance;
mod map;
mod measures;
mod metrics;
mod notes;
mod pipeline;
mod pipeline_history;
mod public_status;
mod quiet;
mod readings;
mod rejected;
pub mod request;
mod series;
mod sites;
mod status;
mod steps;
mod strictly;
mod summary;
mod window;
mod worst;

pub use self::alerts::{
    AlertDelivery, AlertEnding, AlertHeld, AlertKind, AlertMaintenance, AlertPage, AlertReceiver, AlertSeverity,
    AlertsRequest, DEFAULT_DELIVERIES, DeliveryStatus, HeldBy, MAX_DELIVERIES, ReceiverType,
};
pub use self::antennas::{
    About, AntennaPage, AntennaRequest, AntennaRow, AntennasRequest, DEFAULT_ROWS, MAX_ROWS, Order, Sort,
};
pub use self::cells::{Cell, Cells, CellsRequest};
pub use self::error::{ErrorBody, ErrorDetail};
pub use self::format::Format;
pub use self::health::Health;
pub use self::heatmap::{
    DEFAULT_HEATMAP_ROWS, Heatmap, HeatmapRequest, HeatmapRow, MAX_HEATMAP_ROWS, MAX_STEPS, MAX_STEPS_TOGETHER,
    heatmap_groups,
};
pub use self::incidents::{
    Incident, IncidentEnding, IncidentKind, IncidentPage, IncidentState, IncidentsRequest, incident_id,
};
pub use self::labels::{Label, Labels, MAX_LABELS};
pub use self::maintenance::{
    CancelRequest, Maintenance, MaintenancePage, MaintenanceRequest, MaintenanceTimes, NewMaintenance,
};
pub use self::map::{AntennaMap, MAP_GRID, MAX_MARKS, MapBounds, MapBox, MapMark, MapRequest};
pub use self::measures::{Latency, Measures};
pub use self::metrics::{MetricsFormat, MetricsRequest, OriginalMetrics, ServiceFigures, ServiceStats};
pub use self::notes::{NewNote, Note, NotePage, NotesRequest, UnnoteRequest};
pub use self::pipeline::{
    Archive, BatchTimes, Batches, ClockOffset, Commits, Freshness, Ledger, Partition, Phase, Pipeline, PipelineRequest,
};
pub use self::pipeline_history::{PipelineHistory, PipelineHistoryRequest, PipelineSample};
pub use self::public_status::{
    DEFAULT_STATUS_DAYS, MAX_STATUS_DAYS, PublicSite, PublicStatus, PublicStatusRequest, STATUS_INCIDENTS,
    SiteIncident, SiteState,
};
pub use self::quiet::{
    Acknowledgement, AcknowledgementPage, AcknowledgementsRequest, AuditAction, AuditEntry, AuditPage, AuditRequest,
    DEFAULT_AUDIT, MAX_AUDIT, Mute, MutePage, MutesRequest, NewAcknowledgement, NewMute, UnacknowledgeRequest,
    UnmuteRequest,
};
pub use self::readings::{DEFAULT_READINGS, MAX_READINGS, ReadingsRequest, RecentReading, RecentReadings};
pub use self::rejected::{DEFAULT_REJECTED, MAX_REJECTED, RejectedExample, RejectedPage, RejectedRequest};
pub use self::request::{BadParameter, Count, Request};
pub use self::series::{MAX_POINTS, Point, Series, SeriesRequest};
pub use self::sites::{Grouping, SitePage, SiteRow, SiteSort, SitesRequest};
pub use self::status::{AntennaCounts, MOSTLY, Status};
pub use self::steps::{History, Steps};
pub use self::strictly::Strictly;
pub use self::summary::{HistoryLimits, Limits, SNAPSHOT_EVENT, Summary, SummaryRequest};
pub use self::window::{DEFAULT_WINDOW_MS, End, Gap, OptionalWindow, WindowBounds, WindowRequest};
pub use self::worst::{Badness, DEFAULT_WORST, WorstRequest};

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
    /// How the antennas of each site fare together.
    pub const SITES: &str = "/api/v1/sites";
    /// Where antennas stand, and how they fare.
    pub const MAP: &str = "/api/v1/map";
    /// What a status page may show to anybody.
    pub const STATUS: &str = "/api/v1/status";
    /// A window in steps.
    pub const SERIES: &str = "/api/v1/series";
    /// All antennas over time.
    pub const HEATMAP: &str = "/api/v1/heatmap";
    /// What was measured at each antenna in each step.
    pub const CELLS: &str = "/api/v1/cells";
    /// When antennas degraded, went down or fell silent.
    pub const INCIDENTS: &str = "/api/v1/incidents";
    /// The readings of an antenna that were counted last.
    pub const READINGS: &str = "/api/v1/readings";
    /// Rejected entries by reason, with examples.
    pub const REJECTED: &str = "/api/v1/rejected";
    /// Who was told of which incidents.
    pub const ALERTS: &str = "/api/v1/alerts";
    /// When nobody is told of some antennas.
    pub const MAINTENANCE: &str = "/api/v1/maintenance";
    /// Of which antennas nobody is told.
    pub const MUTES: &str = "/api/v1/mutes";
    /// Which incidents somebody takes care of.
    pub const ACKNOWLEDGEMENTS: &str = "/api/v1/acknowledgements";
    /// What operators tell everybody of sites.
    pub const NOTES: &str = "/api/v1/notes";
    /// Who muted and acknowledged what.
    pub const AUDIT: &str = "/api/v1/audit";
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
    /// The description of all routes.
    pub const OPENAPI: &str = "/openapi.json";

    /// Every route, on which the contract, the router and the description have to agree.
    pub const ALL: [&str; 27] = [
        METRICS,
        SUMMARY,
        ANTENNAS,
        ANTENNA,
        WORST,
        SITES,
        MAP,
        STATUS,
        SERIES,
        HEATMAP,
        CELLS,
        INCIDENTS,
        READINGS,
        REJECTED,
        ALERTS,
        MAINTENANCE,
        MUTES,
        ACKNOWLEDGEMENTS,
        NOTES,
        AUDIT,
        PIPELINE,
        PIPELINE_HISTORY,
        EVENTS,
        LIVEZ,
        READYZ,
        HEALTHZ,
        OPENAPI,
    ];
}
