//! Intervals of time: panes, tiles, steps. Plain arithmetic on milliseconds.

/// Intervals `[origin + k * width, origin + (k + 1) * width)`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// A boundary.
    pub origin_ms: i64,
    /// Distance between boundaries; above 0.
    pub width_ms: i64,
}

impl Grid {
    /// Intervals whose boundaries are the multiples of a width.
    #[must_use]
    pub const fn of_width(width_ms: i64) -> Self {
        Self { origin_ms: 0, width_ms }
    }

    /// The start of the interval that holds a time.
    #[must_use]
    pub const fn floor(self, time_ms: i64) -> i64 {
        time_ms - (time_ms - self.origin_ms).rem_euclid(self.width_ms)
    }

    /// The first boundary that is not before a time.
    #[must_use]
    pub const fn ceil(self, time_ms: i64) -> i64 {
        time_ms + (self.origin_ms - time_ms).rem_euclid(self.width_ms)
    }
}
