//! Windows and steps on the panes' grid, in Unix seconds.

use shared::UnixMillis;
use shared::api::{Steps, WindowBounds};

use super::{PANE_SECONDS, RETENTION_SECONDS};

/// What is known at a moment: the readings of all seconds before it, as far as they are retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// The current second.
    pub(super) second: i64,
    /// Start of the oldest pane that is retained.
    pub(super) oldest: i64,
}

/// Panes `[start, end)` at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) now: Now,
    /// Whether the end was given, so that the answer does not depend on the clock.
    pub(super) is_fixed: bool,
}

impl Now {
    pub(super) fn at(now: UnixMillis) -> Self {
        let second = now.0.div_euclid(1000);
        Self { second, oldest: ceil_to(second, PANE_SECONDS) - RETENTION_SECONDS }
    }

    /// When the newest readings were merged.
    pub(super) fn as_of(self) -> Option<UnixMillis> {
        Some(millis(self.second))
    }
}

impl Window {
    /// The window of a length that ends at a time, or else with the pane that holds the second before `now`.
    pub(super) fn new(window_s: u32, end: Option<UnixMillis>, now: UnixMillis) -> Self {
        let is_fixed = end.is_some();
        let now = Now::at(now);
        let end = match end {
            Some(end) => ceil_to(end.0, PANE_SECONDS * 1000) / 1000,
            None => ceil_to(now.second, PANE_SECONDS),
        };
        Self { start: floor_to(end - i64::from(window_s), PANE_SECONDS), end, now, is_fixed }
    }

    /// A part of the window.
    pub(super) fn part(self, start: i64, end: i64) -> Self {
        Self { start: start.max(self.start), end: end.min(self.end), ..self }
    }

    /// The starts of those panes of the window that can hold something.
    pub(super) fn panes(self) -> impl Iterator<Item = i64> {
        let start = self.start.max(self.now.oldest);
        let end = self.end.min(ceil_to(self.now.second, PANE_SECONDS)).max(start);
        (0..(end - start) / PANE_SECONDS).map(move |at| start + at * PANE_SECONDS)
    }

    pub(super) fn bounds(self) -> WindowBounds {
        let seconds = (self.end - self.start).unsigned_abs();
        WindowBounds { start: millis(self.start), end: millis(self.end), seconds }
    }

    /// The window in steps that begin with it; the last one may be shorter.
    pub(super) fn points(self, step_s: u32) -> impl Iterator<Item = Self> {
        let step = whole_panes(step_s);
        let starts = (0..).map(move |at| self.start + at * step).take_while(move |start| *start < self.end);
        starts.map(move |start| self.part(start, start + step))
    }

    /// The window in steps that stand still while it moves; the first and the last one may be shorter.
    pub(super) fn steps(self, step_s: u32) -> (Steps, Vec<Self>) {
        let step = whole_panes(step_s);
        let first = floor_to(self.start, step);
        let starts: Vec<i64> = (0..).map(|at| first + at * step).take_while(|start| *start < self.end).collect();
        let parts = starts.iter().map(|start| self.part(*start, start + step)).collect();
        (Steps { step_seconds: step as f64, starts: starts.into_iter().map(millis).collect() }, parts)
    }
}

/// The start of a second.
pub(super) const fn millis(second: i64) -> UnixMillis {
    UnixMillis(second * 1000)
}

/// The last multiple of a width that is not above a number.
pub(super) const fn floor_to(number: i64, width: i64) -> i64 {
    number - number.rem_euclid(width)
}

/// The first multiple of a width that is not below a number.
pub(super) const fn ceil_to(number: i64, width: i64) -> i64 {
    floor_to(number + width - 1, width)
}

/// A step, rounded up to whole panes.
pub(super) fn whole_panes(step_s: u32) -> i64 {
    ceil_to(i64::from(step_s.max(1)), PANE_SECONDS)
}
