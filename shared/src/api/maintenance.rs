//! `maintenance`: the windows in which nobody is told of some antennas, as a file and people say.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::request::{Request, request};
use super::{AlertMaintenance, path};
use crate::time::UnixMillis;

request! {
    /// `GET /api/v1/maintenance`.
    pub struct MaintenanceRequest {}
}

impl Request for MaintenanceRequest {
    const PATH: &'static str = path::MAINTENANCE;
    const MEANING: &'static str =
        "The windows of maintenance in which it is now, and the next ones, of `ALERTS_FILE` and as people said.";
    type Answer = MaintenancePage;
}

request! {
    /// `DELETE /api/v1/maintenance`.
    pub struct CancelRequest {
        /// The id of the window.
        pub id: String,
        /// Who does so.
        pub by: String,
    }
}

/// When maintenance is: once, with `start` and `end`; or again and again by the clocks of a `time_zone`, with `hours`, `days` or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceTimes {
    /// From when on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "start")]
    pub start: Option<UnixMillis>,
    /// Before when it is over, a year from now at most.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "end")]
    pub end: Option<UnixMillis>,
    /// Times of day like `22:00-04:00`, of which the second may be on the next day; the whole day where they are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// Days like `mon`, or `mon-fri`, on which it begins; every day where they are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<String>>,
    /// The time zone by IANA's name, like `Europe/Madrid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

fn start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixMillis>, D::Error> {
    moment("start", deserializer)
}

fn end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixMillis>, D::Error> {
    moment("end", deserializer)
}

/// A time, whose field is named where it is none.
fn moment<'de, D: Deserializer<'de>>(field: &str, deserializer: D) -> Result<Option<UnixMillis>, D::Error> {
    let why = || D::Error::custom(format!("{field}: a time like 2026-12-01T22:00:00Z is needed"));
    Option::deserialize(deserializer).map_err(|_| why())
}

/// `POST /api/v1/maintenance`: of which antennas nobody is to be told, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMaintenance {
    /// An antenna's id, or a pattern of ids, in which `*` stands for any characters and `?` for one; names of rules of the network too.
    pub antennas: String,
    /// When.
    pub when: MaintenanceTimes,
    /// Why.
    pub reason: String,
    /// Who does so.
    pub by: String,
}

/// A window of maintenance that somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Maintenance {
    /// Its id, which follows from what is said in it.
    pub id: String,
    /// An antenna's id, or a pattern of ids.
    pub antennas: String,
    /// When it is.
    pub when: MaintenanceTimes,
    /// When it was said.
    pub at: UnixMillis,
    /// Why.
    pub reason: String,
    /// Who did so.
    pub by: String,
}

/// `GET /api/v1/maintenance`: the windows in which it is now, then the next ones, in order. Windows that are over are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MaintenancePage {
    /// The windows.
    pub maintenance: Vec<AlertMaintenance>,
    /// When this was known; `null` where nothing is.
    pub as_of: Option<UnixMillis>,
}
