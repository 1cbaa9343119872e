//! A built-in network, so that every page runs before anything else exists. Everything follows from the time: the same
//! moment gives the same answers, and what has been counted stays as it was.
//!
//! - `window`: windows and steps on the panes' grid.
//! - `counters`: what an antenna counted up to a moment, as a closed formula; what a window holds is a difference of two.
//! - `network`: the antennas, what is wrong with some of them, and what they counted.
//! - `attendance`: when they report, and when what they reported arrives.
//! - `measure`: differences of counters to the API's measures, with percentiles and the status.
//! - `overview`, `antennas`, `heatmap`, `incidents`, `readings`, `rejected`, `pipeline`: the figures; `answers`: to the requests of the
//!   API.

mod answers;
mod antennas;
mod attendance;
mod counters;
mod heatmap;
mod incidents;
mod measure;
mod network;
mod overview;
mod pipeline;
mod readings;
mod rejected;
mod window;

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::{Stream, stream};

pub use self::antennas::{AntennaSearch, Sort};
pub use self::incidents::IncidentSearch;

/// Width of a pane in seconds. Each antenna sends one reading a second.
const PANE_SECONDS: i64 = 5;

/// How long panes are retained, in seconds.
const RETENTION_SECONDS: i64 = 3600;

/// Below this success rate an antenna is degraded.
const DEGRADED_SUCCESS_RATE: f64 = 0.95;

/// Above this mean latency in milliseconds an antenna is degraded.
const DEGRADED_LATENCY_MS: f64 = 250.0;

/// An antenna without a reading for longer than this many seconds is silent.
const SILENT_AFTER_SECONDS: i64 = 15;

/// The built-in source. A copy is as good as the original: it holds nothing but its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mock {
    antennas: u32,
}

impl Default for Mock {
    /// 24 antennas, of which two are degraded, one is down and one is silent.
    fn default() -> Self {
        Self::with_antennas(24)
    }
}

impl Mock {
    /// A network of a size. A single antenna is healthy; of thousands, 2 % are degraded, 0.5 % silent and 0.3 % down.
    #[must_use]
    pub const fn with_antennas(antennas: u32) -> Self {
        Self { antennas }
    }

    /// Yields once a second.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + 'static {
        stream::unfold(tokio::time::interval(Duration::from_secs(1)), |mut interval| async move {
            interval.tick().await;
            Some(((), interval))
        })
    }
}
