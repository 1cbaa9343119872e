//! `worst`: the worst antennas. The answer is an [`AntennaPage`].

use super::request::{Count, Request, request};
use super::{AntennaPage, Format, MAX_ROWS, WindowRequest, path};
use crate::spelled::spelled;
use crate::time::Span;

/// The worst antennas where no limit is given.
pub const DEFAULT_WORST: usize = 10;

request! {
    /// `GET /api/v1/worst`.
    pub struct WorstRequest {
        /// The window.
        pub window: WindowRequest,
        /// What antennas are worst by.
        pub by: Badness,
        /// Rows at most.
        pub limit: Count<DEFAULT_WORST, MAX_ROWS>,
        /// Adds the course of each antenna in steps of this length, rounded up to whole panes.
        pub step: Option<Span>,
        /// The format of the answer; wins over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for WorstRequest {
    const PATH: &'static str = path::WORST;
    type Answer = AntennaPage;
}

spelled! {
    /// What makes an antenna bad.
    #[derive(Default)]
    pub enum Badness {
        /// Packets lost, most first.
        #[default]
        Failures = "failures",
        /// Upper 95 % Wilson bound of the success rate, lowest first.
        SuccessRate = "success_rate",
        /// Mean latency, highest first.
        Latency = "latency",
    }
}
