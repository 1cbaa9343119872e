//! `worst`: the worst antennas. The answer is an [`AntennaPage`].

use super::request::{Count, Request, request};
use super::{AntennaPage, Format, Labels, MAX_ROWS, WindowRequest, path};
use crate::spelled::spelled;
use crate::time::Span;

/// Rows of the worst antennas if no limit is given.
pub const DEFAULT_WORST: usize = 10;

request! {
    /// `GET /api/v1/worst`.
    pub struct WorstRequest {
        /// The window.
        pub window: WindowRequest,
        /// What antennas are ranked by.
        pub by: Badness,
        /// Only antennas at the site with exactly this name.
        pub site: Option<String>,
        /// Only antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// The most rows to return.
        pub limit: Count<DEFAULT_WORST, MAX_ROWS>,
        /// Adds each antenna's history in steps of this length, rounded up to whole panes.
        pub step: Option<Span>,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for WorstRequest {
    const PATH: &'static str = path::WORST;
    const MEANING: &'static str = "The worst antennas.";
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
    /// What the worst antennas are ranked by.
    #[derive(Default)]
    pub enum Badness {
        /// Packets lost, most first.
        #[default]
        Failures = "failures",
        /// Upper 95 % Wilson bound of the success rate, lowest first.
        SuccessRate = "success_rate",
        /// Mean latency, highest first.
        Latency = "latency",
        /// Availability, lowest first.
        Availability = "availability",
    }
}
