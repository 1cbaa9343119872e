//! `series`: a window in steps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Request, request};
use super::{Format, Gap, Measures, Status, WindowBounds, WindowRequest, path};
use crate::time::{Span, UnixMillis};

/// The most points of a series.
pub const MAX_POINTS: i64 = 5_000;

request! {
    /// `GET /api/v1/series`.
    pub struct SeriesRequest {
        /// The window.
        pub window: WindowRequest,
        /// Length of a step, rounded up to whole panes; a sixtieth of the window by default.
        pub step: Option<Span>,
        /// Only this antenna.
        pub antenna: Option<String>,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for SeriesRequest {
    const PATH: &'static str = path::SERIES;
    const MEANING: &'static str = "A window in steps.";
    const FORMATS: &'static [Format] = &Format::ALL;
    type Answer = Series;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
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
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// Start of the step.
    pub start: UnixMillis,
    /// Sums over the step; zero readings and nulls if nothing was counted.
    #[serde(flatten)]
    pub measures: Measures,
    /// Whether a pane of the step changed after it had closed.
    pub revised: bool,
    /// The worst status of an antenna in a single pane of the step, each pane judged by itself: `down`, `degraded` or
    /// `healthy`; `null` where there is no reading.
    #[serde(default)]
    pub worst_status: Option<Status>,
    /// Antennas that were down in at least one pane of the step.
    #[serde(default)]
    pub antennas_down: u64,
}
