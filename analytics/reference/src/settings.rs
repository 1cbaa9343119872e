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

/// What is expected of an antenna; where nothing is said, the settings hold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expected {
    /// How often it is to report, in milliseconds, in place of its usual gap where silence is told.
    pub interval_ms: Option<f64>,
    /// It is degraded below this success rate.
    pub degraded_success_rate: Option<f64>,
    /// It is degraded above this mean latency in milliseconds.
    pub degraded_latency_ms: Option<f64>,
    /// So many bad intervals behind each other begin an incident; one where nothing is said.
    pub raise_after: Option<usize>,
    /// So many well intervals behind each other end it; two where nothing is said.
    pub clear_after: Option<usize>,
}

impl Settings {
    /// Those that an antenna is judged by.
    pub(crate) fn of(&self, expected: &Expected) -> Self {
        Self {
            degraded_success_rate: expected.degraded_success_rate.unwrap_or(self.degraded_success_rate),
            degraded_latency_ms: expected.degraded_latency_ms.unwrap_or(self.degraded_latency_ms),
            ..*self
        }
    }

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
