//! `antennas`: antennas sorted, searched and paged, and one antenna.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{Format, Gap, Grouping, History, Labels, Measures, Status, Steps, WindowBounds, WindowRequest, path};
use crate::spelled::spelled;
use crate::time::{Span, UnixMillis};

/// Rows of a list if no limit is given.
pub const DEFAULT_ROWS: usize = 100;

/// The most rows of a list.
pub const MAX_ROWS: usize = 10_000;

request! {
    /// `GET /api/v1/antennas`.
    pub struct AntennasRequest {
        /// The window.
        pub window: WindowRequest,
        /// By what antennas are sorted; `status` is worst first.
        pub sort: Sort,
        /// Whether the smallest or the largest comes first. Unknown values come last in either order.
        pub order: Order,
        /// Sorts antennas by the name of their site first, those at none last.
        pub group: Option<Grouping>,
        /// The most rows to return. Without it, CSV, Arrow and Parquet have all of them, up to the maximum; the default is that of JSON.
        pub limit: Count<DEFAULT_ROWS, MAX_ROWS>,
        /// Rows to skip first.
        pub offset: usize,
        /// Only antennas whose id or name contains this text, ignoring case.
        pub q: Option<String>,
        /// Only the antenna with exactly this id, including one that no path can hold.
        pub id: Option<String>,
        /// Only antennas with this status, or with one of several separated by commas.
        pub statuses as "status": BTreeSet<Status>,
        /// Only antennas that are flapping, whatever their status, or only those that are not.
        pub flapping: Option<bool>,
        /// Only antennas at the site with exactly this name.
        pub site: Option<String>,
        /// Only antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// Adds each antenna's history in steps of this length, rounded up to whole panes; not in CSV.
        pub step: Option<Span>,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for AntennasRequest {
    const PATH: &'static str = path::ANTENNAS;
    const MEANING: &'static str = "Antennas, searched, sorted and paged.";
    const FORMATS: &'static [Format] = &Format::ALL;
    const IS_LIST: bool = true;
    type Answer = AntennaPage;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
}

spelled! {
    /// By what antennas are sorted.
    #[derive(Default)]
    pub enum Sort {
        /// Id.
        #[default]
        AntennaId = "antenna_id",
        /// Status, worst first.
        Status = "status",
        /// Readings.
        Readings = "readings",
        /// Packets sent.
        PacketsSent = "packets_sent",
        /// Packets delivered.
        PacketsDelivered = "packets_delivered",
        /// Packets lost.
        PacketsLost = "packets_lost",
        /// Success rate.
        SuccessRate = "success_rate",
        /// Mean latency.
        Latency = "latency",
        /// 95th percentile of latency.
        P95 = "p95",
        /// Arrival of the newest reading.
        LastSeen = "last_seen",
        /// Availability.
        Availability = "availability",
    }
}

spelled! {
    /// In which direction rows are sorted.
    #[derive(Default)]
    pub enum Order {
        /// The smallest first.
        #[default]
        Ascending = "asc",
        /// The largest first.
        Descending = "desc",
    }
}

request! {
    /// `GET /api/v1/antennas/{id}`.
    pub struct AntennaRequest {
        /// The antenna's id, percent-encoded.
        pub id: String,
        /// The window.
        pub window: WindowRequest,
    }
}

impl Request for AntennaRequest {
    const PATH: &'static str = path::ANTENNA;
    const MEANING: &'static str = "One antenna.";
    type Answer = AntennaRow;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }
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
    /// The steps of the rows' histories, on the grid of [`Heatmap`]; absent if no `step` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// One antenna in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AntennaRow {
    /// The antenna's id.
    pub antenna_id: String,
    /// Its status in the window.
    pub status: Status,
    /// Its sums.
    #[serde(flatten)]
    pub measures: Measures,
    /// When its newest reading arrived at the broker, by the broker's clock; `null` where none is kept.
    pub last_seen: Option<UnixMillis>,
    /// Share of the time for which it was observed in the window in which it reported as often as usual and was not down,
    /// from 0 to 1; `null` where nothing can be said. An older analytics does not report it.
    #[serde(default)]
    pub availability: Option<f64>,
    /// Incidents that began in the window, and those that ended in it. An older analytics does not report it.
    #[serde(default)]
    pub changes: Option<u64>,
    /// Whether that are as many as make an antenna flap in a window of this length, or more.
    #[serde(default)]
    pub flapping: bool,
    /// How much time usually lies between its readings by their event times, in seconds, as of its newest reading; `null` before
    /// it has reported at two times. An older analytics does not report it.
    #[serde(default)]
    pub interval_seconds: Option<f64>,
    /// The success rate below which it is degraded, where that is another one than of all antennas; absent where that of all holds. In
    /// JSON only, as what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_success_rate: Option<f64>,
    /// The mean latency in milliseconds above which it is degraded, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_latency_ms: Option<f64>,
    /// Its history over the window, if a `step` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// What it is, beyond what it reports.
    #[serde(flatten)]
    pub about: About,
}

/// What `ANTENNAS_FILE` says of an antenna. What it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The site that it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What else is said of it, by key. In a table, they are one text: this object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where it stands, in degrees of WGS 84 northwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// The same eastwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// The id of the antenna behind which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}
