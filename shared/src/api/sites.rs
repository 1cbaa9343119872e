//! `sites`: where antennas are, and how those of each site fare together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{
    AntennaCounts, DEFAULT_ROWS, Format, Gap, Labels, MAX_ROWS, Order, Status, WindowBounds, WindowRequest, path,
};
use crate::spelled::spelled;
use crate::time::UnixMillis;

request! {
    /// `GET /api/v1/sites`.
    pub struct SitesRequest {
        /// The window.
        pub window: WindowRequest,
        /// By what sites are sorted; `status` is worst first: by antennas down, then degraded, silent and unsettled.
        pub sort: SiteSort,
        /// Whether the smallest or the largest comes first. Unknown values come last in either order.
        pub order: Order,
        /// The most rows to return. Without it, CSV, Arrow and Parquet have all of them, up to the maximum; the default is that of JSON.
        pub limit: Count<DEFAULT_ROWS, MAX_ROWS>,
        /// Rows to skip first.
        pub offset: usize,
        /// Only antennas whose id or name contains this text, ignoring case.
        pub q: Option<String>,
        /// Only antennas with this status, or with one of several separated by commas.
        pub statuses as "status": BTreeSet<Status>,
        /// Only antennas that are flapping, whatever their status, or only those that are not.
        pub flapping: Option<bool>,
        /// Only antennas at the site with exactly this name.
        pub site: Option<String>,
        /// Only antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for SitesRequest {
    const PATH: &'static str = path::SITES;
    const MEANING: &'static str = "The sites of `ANTENNAS_FILE` that antennas are at, with how these fare together.";
    const FORMATS: &'static [Format] = &Format::ALL;
    const IS_LIST: bool = true;
    type Answer = SitePage;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
}

spelled! {
    /// By what sites are sorted.
    #[derive(Default)]
    pub enum SiteSort {
        /// Antennas down, then degraded, silent and unsettled: the most first.
        #[default]
        Status = "status",
        /// Name.
        Site = "site",
        /// Packets lost.
        PacketsLost = "packets_lost",
        /// Success rate.
        SuccessRate = "success_rate",
        /// Mean latency.
        Latency = "latency",
        /// Availability.
        Availability = "availability",
    }
}

spelled! {
    /// What antennas are grouped by.
    pub enum Grouping {
        /// The site that they are at.
        Site = "site",
    }
}

/// `GET /api/v1/sites`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SitePage {
    /// The panes covered.
    pub window: WindowBounds,
    /// Sites, on this page or not.
    pub total: u64,
    /// The page.
    pub sites: Vec<SiteRow>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// One site in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteRow {
    /// Its name.
    pub site: String,
    /// The worst status of its antennas; `unseen` if no reading of any of them is kept.
    pub status: Status,
    /// Its antennas by status.
    pub antennas: AntennaCounts,
    /// Readings of its antennas.
    pub readings: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets sent less packets lost.
    pub packets_delivered: u64,
    /// Packets lost.
    pub packets_lost: u64,
    /// Delivered of sent packets, from 0 to 1; `null` if none was sent.
    pub success_rate: Option<f64>,
    /// Mean latency in milliseconds, to the microsecond; `null` if no reading carries one.
    pub latency_mean_ms: Option<f64>,
    /// Time for which its antennas reported as often as usual and were not down, of the time for which they were observed in
    /// the window, from 0 to 1; `null` where nothing can be said.
    pub availability: Option<f64>,
}
