//! `status`: what a status page may show to anybody: sites under their public names, and nothing else of the network.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{Gap, path};
use crate::spelled::spelled;
use crate::time::UnixMillis;

/// Days of a site's history if no number is given.
pub const DEFAULT_STATUS_DAYS: usize = 90;

/// The most days of a site's history.
pub const MAX_STATUS_DAYS: usize = 366;

/// So many incidents of sites are told, the newest.
pub const STATUS_INCIDENTS: usize = 100;

request! {
    /// `GET /api/v1/status`.
    pub struct PublicStatusRequest {
        /// How many days of UTC, the present one included.
        pub days: Count<DEFAULT_STATUS_DAYS, MAX_STATUS_DAYS>,
    }
}

impl Request for PublicStatusRequest {
    const PATH: &'static str = path::STATUS;
    const MEANING: &'static str =
        "The sites of `ANTENNAS_FILE` that have a public name: their state, their days, and their incidents.";
    type Answer = PublicStatus;
}

spelled! {
    /// How a site is, the worst first.
    pub enum SiteState {
        /// More than half of its antennas are down or silent.
        Down = "down",
        /// More than a tenth of its antennas are down, silent or degraded.
        Degraded = "degraded",
        /// Nothing is known of it.
        NoData = "no_data",
        /// Otherwise.
        Operational = "operational",
    }
}

/// `GET /api/v1/status`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublicStatus {
    /// Where the days begin, the oldest in front; the last one is not over.
    pub days: Vec<UnixMillis>,
    /// The sites that have a public name, by it.
    pub sites: Vec<PublicSite>,
    /// Times in which one of them was not operational, within these days: the newest, at most 100.
    pub incidents: Vec<SiteIncident>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the days that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// A site under its public name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublicSite {
    /// Its public name.
    pub name: String,
    /// How it is.
    pub state: SiteState,
    /// Availability of its antennas together on each of the days, from 0 to 1; `null` where nothing can be said.
    pub daily_availability: Vec<Option<f64>>,
    /// The same over all days of which something can be said.
    pub availability: Option<f64>,
}

/// A time in which a site was not operational.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteIncident {
    /// The public name of the site.
    pub site: String,
    /// The worst that it was: `down` or `degraded`.
    pub state: SiteState,
    /// When it began.
    pub start: UnixMillis,
    /// When it was over; `null` while it lasts.
    pub end: Option<UnixMillis>,
}
