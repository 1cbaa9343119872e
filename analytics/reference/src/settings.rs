//! What can be asked for, and what is judged by.

/// The settings of analytics that its answers depend on. The default is the contract's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Width of a pane in milliseconds.
    pub pane_ms: i64,
    /// How long panes are kept, in milliseconds.
    pub retention_ms: i64,
    /// How far an event time may lie ahead of its entry's arrival, in milliseconds.
    pub max_clock_skew_ms: i64,
    /// An antenna is degraded below this success rate.
    pub degraded_success_rate: f64,
    /// An antenna is degraded above this mean latency in milliseconds.
    pub degraded_latency_ms: f64,
    /// An antenna is flapping from so many incidents begun or ended in a window of a quarter of an hour on; in a longer one, from
    /// as many for each quarter of an hour.
    pub flapping_changes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pane_ms: 5_000,
            retention_ms: 3_600_000,
            max_clock_skew_ms: 60_000,
            degraded_success_rate: 0.95,
            degraded_latency_ms: 250.0,
            flapping_changes: 6,
        }
    }
}

impl Settings {
    /// The start of the pane that holds a time.
    pub(crate) const fn pane_of(&self, time_ms: i64) -> i64 {
        floor(time_ms, self.pane_ms)
    }

    /// The first border of panes at a time or behind it.
    pub(crate) const fn border_after(&self, time_ms: i64) -> i64 {
        -floor(-time_ms, self.pane_ms)
    }
}

/// The last multiple of a width up to a time.
pub(crate) const fn floor(time_ms: i64, width_ms: i64) -> i64 {
    time_ms.div_euclid(width_ms) * width_ms
}
