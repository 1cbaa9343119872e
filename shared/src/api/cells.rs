//! `cells`: the table from which the other answers can be derived, with a row for each step and antenna.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Request, request};
use super::{Format, Gap, Labels, Measures, Status, WindowBounds, WindowRequest, path};
use crate::time::{Span, UnixMillis};

request! {
    /// `GET /api/v1/cells`.
    pub struct CellsRequest {
        /// The window.
        pub window: WindowRequest,
        /// Length of a step, rounded up to whole panes; a sixtieth of the window by default.
        pub step: Option<Span>,
        /// Only this antenna.
        pub antenna: Option<String>,
        /// Only antennas whose id or name contains this text, ignoring case.
        pub q: Option<String>,
        /// Only antennas with this status in the window, or with one of several separated by commas.
        pub statuses as "status": BTreeSet<Status>,
        /// Only antennas that are flapping in the window, whatever their status, or only those that are not.
        pub flapping: Option<bool>,
        /// Only antennas at the site with exactly this name.
        pub site: Option<String>,
        /// Only antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for CellsRequest {
    const PATH: &'static str = path::CELLS;
    const MEANING: &'static str = "What each antenna measured in each step, oldest step first, then by id. The table is written as it \
        is read, so it has no `ETag`.";
    const FORMATS: &'static [Format] = &Format::ALL;
    type Answer = Cells;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
}

/// `GET /api/v1/cells`: what was measured at each antenna in each step, oldest step first, then by id. A step in which
/// an antenna has no reading has no cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cells {
    /// The panes covered.
    pub window: WindowBounds,
    /// Length of a step in seconds.
    pub step_seconds: f64,
    /// The cells.
    pub cells: Vec<Cell>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// One antenna in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// Start of the step.
    pub start: UnixMillis,
    /// The antenna's id.
    pub antenna_id: String,
    /// Its sums over the step.
    #[serde(flatten)]
    pub measures: Measures,
    /// Its worst status in a single pane of the step, each pane judged by itself: `down`, `degraded` or `healthy`.
    #[serde(default)]
    pub worst_status: Option<Status>,
}
