//! The parts of time that questions are about: windows on the panes' grid, and their steps.

use std::ops::Range;

use shared::UnixMillis;
use shared::api::{BadParameter, DEFAULT_WINDOW_MS, End, MAX_POINTS, MAX_STEPS, Steps, WindowBounds, WindowRequest};
use shared::time::Span;

use crate::Reference;
use crate::settings::{Settings, floor};

/// A window has so many steps where no step is given.
const DEFAULT_STEPS: i64 = 60;

/// By default, the steps of a heat map or of cells are multiples of so many panes where they are that long.
const DEFAULT_PANES: i64 = 12;

/// The panes of a window: `[start, end)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// The current time in full seconds where the window moves with it; `None` for a window with a given end.
    pub(crate) now_ms: Option<i64>,
}

impl Reference {
    /// The window of a request.
    pub(crate) fn window(&self, asked: &WindowRequest, now: UnixMillis) -> Result<Window, BadParameter> {
        let Settings { pane_ms, retention_ms, .. } = self.settings;
        let length_ms = asked.length.map_or(DEFAULT_WINDOW_MS.min(retention_ms), Span::ms);
        if length_ms > retention_ms {
            return Err(BadParameter::new("window", format!("RETENTION keeps {} s", retention_ms / 1000)));
        }
        let newest = match asked.end {
            End::Latest => self.newest(),
            End::Watermark => self.watermark(),
            End::Now | End::At(_) => None,
        };
        let end_ms = match (asked.end, newest) {
            // The pane that holds the newest event is in, also when that lies on a border.
            (_, Some(newest)) => self.settings.pane_of(newest.0) + pane_ms,
            (End::At(time), None) => self.settings.border_after(time.0),
            (End::Latest | End::Watermark | End::Now, None) => self.settings.border_after(now.0),
        };
        let now_ms = (!matches!(asked.end, End::At(_))).then(|| floor(now.0, 1_000));
        Ok(Window { start_ms: self.settings.pane_of(end_ms - length_ms), end_ms, now_ms })
    }
}

impl Window {
    pub(crate) const fn bounds(self) -> WindowBounds {
        let seconds = (self.length_ms() / 1000).unsigned_abs();
        WindowBounds { start: UnixMillis(self.start_ms), end: UnixMillis(self.end_ms), seconds }
    }

    const fn length_ms(self) -> i64 {
        self.end_ms - self.start_ms
    }

    /// The step of points that begin at the window's start.
    pub(crate) fn point_ms(self, asked: Option<Span>, settings: &Settings) -> Result<i64, BadParameter> {
        let step_ms = whole(asked.map_or(up(self.length_ms(), DEFAULT_STEPS), Span::ms), settings.pane_ms);
        if self.length_ms() / step_ms > MAX_POINTS {
            return Err(BadParameter::new("step", format!("more than {MAX_POINTS} points")));
        }
        Ok(step_ms)
    }

    /// The step of a history.
    pub(crate) fn step_ms(self, asked: Span, settings: &Settings) -> Result<i64, BadParameter> {
        if asked.ms() > settings.retention_ms {
            return Err(BadParameter::new("step", format!("RETENTION keeps {} s", settings.retention_ms / 1000)));
        }
        let step_ms = whole(asked.ms(), settings.pane_ms);
        if self.parts(step_ms).count() as i64 > MAX_STEPS {
            return Err(BadParameter::new("step", format!("more than {MAX_STEPS} steps")));
        }
        Ok(step_ms)
    }

    /// The step of a heat map or of cells.
    pub(crate) fn default_step_ms(self, asked: Option<Span>, settings: &Settings) -> Result<i64, BadParameter> {
        let several_ms = settings.pane_ms * DEFAULT_PANES;
        let even_ms = whole(up(self.length_ms(), DEFAULT_STEPS), settings.pane_ms);
        let usual_ms = if even_ms >= several_ms { whole(even_ms, several_ms) } else { even_ms };
        self.step_ms(asked.unwrap_or(Span::from_ms(usual_ms)), settings)
    }

    /// What the window has in common with each multiple of a step: the first and the last may be shorter than it.
    pub(crate) fn parts(self, step_ms: i64) -> impl Iterator<Item = Range<i64>> {
        let starts =
            (floor(self.start_ms, step_ms)..self.end_ms).step_by(usize::try_from(step_ms).unwrap_or(usize::MAX));
        starts.map(move |start| start.max(self.start_ms)..(start + step_ms).min(self.end_ms))
    }

    /// The steps of a history as the API tells them.
    pub(crate) fn steps(self, step_ms: i64) -> Steps {
        let starts = self.parts(step_ms).map(|part| UnixMillis(floor(part.start, step_ms))).collect();
        Steps { step_seconds: UnixMillis(step_ms).seconds(), starts }
    }

    /// The place of a time among the steps.
    pub(crate) fn step_of(self, time_ms: i64, step_ms: i64) -> usize {
        usize::try_from((time_ms - floor(self.start_ms, step_ms)) / step_ms).unwrap_or_default()
    }
}

/// A length rounded up to a multiple of a width.
const fn whole(length_ms: i64, width_ms: i64) -> i64 {
    up(length_ms, width_ms).saturating_mul(width_ms)
}

/// A quotient of numbers above zero, rounded up.
const fn up(dividend: i64, divisor: i64) -> i64 {
    (dividend - 1) / divisor + 1
}
