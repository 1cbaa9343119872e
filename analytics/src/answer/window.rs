//! Which panes a question is about, and in which steps.

use shared::UnixMillis;
use shared::api::{
    BadParameter, DEFAULT_WINDOW_MS, End, MAX_POINTS, MAX_STEPS, MAX_STEPS_TOGETHER, Steps, WindowBounds, WindowRequest,
};
use shared::time::Span;

use super::View;
use crate::store::Whole;
use crate::store::archived::DAY_MS;
use crate::store::grid::Grid;

/// A window has about this many steps where none is given.
const DEFAULT_STEPS: i64 = 60;

/// A window on the panes' grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Start of the first pane, milliseconds since the epoch.
    pub start_ms: i64,
    /// End of the last pane, milliseconds since the epoch.
    pub end_ms: i64,
    /// The moment by which silence is judged: the last one at which an antenna fell silent, so that equal windows of a
    /// snapshot give equal answers; `None` for a window with a given end. For questions about whatever is kept, the
    /// current time in full seconds.
    pub judged_ms: Option<i64>,
}

impl Window {
    /// The window that is asked for.
    ///
    /// # Errors
    /// When it is longer than what is kept.
    pub fn of(whole: &Whole, request: WindowRequest, now: UnixMillis) -> Result<Self, BadParameter> {
        let length_ms = request.length.map_or(DEFAULT_WINDOW_MS.min(whole.retention_ms), Span::ms);
        check_length("window", length_ms, whole)?;
        Ok(Self::new(whole, length_ms, request.end, now))
    }

    /// The window of a length in milliseconds that ends at `end`. A length between two panes covers both.
    #[must_use]
    pub fn new(whole: &Whole, length_ms: i64, end: End, now: UnixMillis) -> Self {
        let grid = whole.grid;
        let clock = whole.clock;
        let end_ms = match end {
            // The end of the pane that holds the newest event, also when that lies on a boundary.
            End::Latest if clock.has_started() => grid.floor(clock.newest_ms) + grid.width_ms,
            End::Watermark if clock.has_started() => grid.floor(clock.watermark_ms) + grid.width_ms,
            End::Latest | End::Watermark | End::Now => grid.ceil(now.0),
            End::At(time) => grid.ceil(time.0),
        };
        let judged_ms = (!matches!(end, End::At(_))).then(|| whole.last_silence_ms(full_seconds(now).0));
        // What is in files has no panes any more, but rows.
        let rows = |time_ms: i64| Grid::of_width(whole.grain_ms(time_ms));
        let start_ms = grid.floor(end_ms - length_ms);
        let end_ms = rows(end_ms.saturating_sub(1)).ceil(end_ms);
        Self { start_ms: rows(start_ms).floor(start_ms), end_ms, judged_ms }
    }

    /// For questions about whatever is kept.
    #[must_use]
    pub fn kept(now: UnixMillis) -> Self {
        Self { start_ms: 0, end_ms: 0, judged_ms: Some(full_seconds(now).0) }
    }

    pub(super) fn bounds(self) -> WindowBounds {
        WindowBounds {
            start: UnixMillis(self.start_ms),
            end: UnixMillis(self.end_ms),
            seconds: (self.length_ms() / 1000).unsigned_abs(),
        }
    }

    const fn length_ms(self) -> i64 {
        self.end_ms - self.start_ms
    }

    /// The starts of the steps of a grid that touch the window.
    pub(super) fn step_starts(self, steps: Grid) -> impl Iterator<Item = i64> {
        let width = usize::try_from(steps.width_ms).unwrap_or(usize::MAX);
        (steps.floor(self.start_ms)..self.end_ms).step_by(width)
    }
}

impl View<'_> {
    /// The steps of a series: whole panes from the start of the window.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn series_steps(&self, step: Option<Span>) -> Result<Grid, BadParameter> {
        let (length_ms, pane_ms) = (self.window.length_ms(), self.grain_ms());
        let wanted_ms = step.map_or_else(|| ceiling(length_ms, DEFAULT_STEPS), Span::ms);
        let width_ms = ceiling(wanted_ms, pane_ms).saturating_mul(pane_ms);
        if length_ms / width_ms > MAX_POINTS {
            return Err(BadParameter::new("step", format!("more than {MAX_POINTS} points")));
        }
        Ok(Grid { origin_ms: self.window.start_ms, width_ms })
    }

    /// The steps of histories of a number of antennas at most: whole panes, on multiples of their width.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn history_steps(&self, step: Span, antennas: usize) -> Result<Grid, BadParameter> {
        let (steps, number) = self.aligned(step.ms())?;
        let together = number.saturating_mul(i64::try_from(antennas).unwrap_or(i64::MAX));
        if together > MAX_STEPS_TOGETHER {
            let why = format!("more than {MAX_STEPS_TOGETHER} steps of all rows; ask for longer steps or fewer rows");
            return Err(BadParameter::new("step", why));
        }
        Ok(steps)
    }

    /// The steps of a heat map or of cells: whole panes, on multiples of their width, and by default whole tiles where a
    /// step is as long as one.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn default_steps(&self, step: Option<Span>) -> Result<Grid, BadParameter> {
        let wanted_ms = step.map_or_else(
            || {
                let even_ms = ceiling(self.window.length_ms(), DEFAULT_STEPS);
                let tile_ms = self.whole.tile_ms();
                if even_ms > tile_ms - self.whole.grid.width_ms { ceiling(even_ms, tile_ms) * tile_ms } else { even_ms }
            },
            Span::ms,
        );
        self.aligned(wanted_ms).map(|(steps, _)| steps)
    }

    /// Steps of whole panes, with the number of those on its multiples that touch the window.
    fn aligned(&self, wanted_ms: i64) -> Result<(Grid, i64), BadParameter> {
        let pane_ms = self.grain_ms();
        check_length("step", wanted_ms, self.whole)?;
        let steps = Grid::of_width(ceiling(wanted_ms, pane_ms).saturating_mul(pane_ms));
        let first_ms = steps.floor(self.window.start_ms);
        let number = ceiling(self.window.end_ms.saturating_sub(first_ms), steps.width_ms);
        if number > MAX_STEPS {
            return Err(BadParameter::new("step", format!("more than {MAX_STEPS} steps")));
        }
        Ok((steps, number))
    }

    /// The number of the step that holds a time of the window.
    pub(super) fn step_of(&self, time_ms: i64, steps: Grid) -> usize {
        usize::try_from((time_ms - steps.floor(self.window.start_ms)) / steps.width_ms).unwrap_or(usize::MAX)
    }

    /// The steps as the API tells them.
    pub(super) fn told_steps(&self, steps: Grid) -> Steps {
        let starts = self.window.step_starts(steps).map(UnixMillis).collect();
        Steps { step_seconds: UnixMillis(steps.width_ms).seconds(), starts }
    }
}

/// The longest window where there is an archive: what is older than it begins is not there, but not an error either.
const LONGEST_MS: i64 = 10 * 366 * DAY_MS;

fn check_length(name: &'static str, length_ms: i64, whole: &Whole) -> Result<(), BadParameter> {
    let retention_ms = whole.retention_ms;
    if whole.row_ms.is_some() && length_ms > retention_ms.max(LONGEST_MS) {
        return Err(BadParameter::new(name, "it is longer than ten years"));
    }
    if whole.row_ms.is_none() && length_ms > retention_ms {
        return Err(BadParameter::new(name, format!("RETENTION keeps {} s", retention_ms / 1000)));
    }
    Ok(())
}

/// A time in full seconds: within one, answers do not change with the clock.
#[must_use]
pub fn full_seconds(now: UnixMillis) -> UnixMillis {
    UnixMillis(Grid::of_width(1_000).floor(now.0))
}

/// A quotient of numbers above zero, rounded up.
const fn ceiling(dividend: i64, divisor: i64) -> i64 {
    (dividend - 1) / divisor + 1
}
