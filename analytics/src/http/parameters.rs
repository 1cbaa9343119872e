//! Reads requests from query strings, and checks the limits that depend on a snapshot.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use shared::UnixMillis;
use shared::api::{DEFAULT_WINDOW_MS, MAX_POINTS, MAX_STEPS, MAX_STEPS_TOGETHER, Request, WindowRequest};
use shared::time::Span;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::error::ApiError;
use crate::aggregate::Grid;
use crate::query::Window;
use crate::store::Snapshot;

/// A window has about this many steps if no step is given.
const DEFAULT_STEPS: i64 = 60;

/// Reads a request from the query string. A bad one is refused with the contract's error body.
#[derive(Debug, Clone)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: Request> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Query(pairs) =
            Query::try_from_uri(&parts.uri).map_err(|rejection| ApiError::BadParameter(rejection.body_text()))?;
        Ok(Self(T::read_from(pairs)?))
    }
}

impl<T: Request> IntoParams for Parameters<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::parameters()
    }
}

/// The window of a snapshot that a request means.
pub(crate) fn window(
    snapshot: &Snapshot,
    request: WindowRequest,
    retention_ms: i64,
    now: UnixMillis,
) -> Result<Window, ApiError> {
    let length_ms = request.length.map_or(DEFAULT_WINDOW_MS.min(retention_ms), Span::ms);
    if length_ms > retention_ms {
        return Err(ApiError::parameter("window", format_args!("RETENTION keeps {} s", retention_ms / 1000)));
    }
    Ok(Window::new(snapshot, length_ms, request.end, now))
}

/// The step of a series over a window, in milliseconds: whole panes.
pub(crate) fn step_ms(step: Option<Span>, window: Window, pane_ms: i64) -> Result<i64, ApiError> {
    let length_ms = window.end_ms - window.start_ms;
    let wanted_ms = step.map_or_else(|| ceiling(length_ms, DEFAULT_STEPS), Span::ms);
    let step_ms = ceiling(wanted_ms, pane_ms).saturating_mul(pane_ms);
    if length_ms / step_ms > MAX_POINTS {
        return Err(ApiError::parameter("step", format_args!("more than {MAX_POINTS} points")));
    }
    Ok(step_ms)
}

/// The step of the histories of up to `antennas` antennas: whole panes. `None` if none is asked for.
pub(crate) fn history_step(
    step: Option<Span>,
    window: Window,
    snapshot: &Snapshot,
    antennas: usize,
) -> Result<Option<Span>, ApiError> {
    let Some(step) = step else { return Ok(None) };
    let (step_ms, steps) = aligned(step.ms(), window, snapshot)?;
    let together = steps.saturating_mul(i64::try_from(antennas).unwrap_or(i64::MAX));
    if together > MAX_STEPS_TOGETHER {
        let why = format_args!("more than {MAX_STEPS_TOGETHER} steps of all rows; ask for longer steps or fewer rows");
        return Err(ApiError::parameter("step", why));
    }
    Ok(Some(Span::from_ms(step_ms)))
}

/// The step of a heat map, in milliseconds: whole panes, and by default whole tiles if it is as long as one.
pub(crate) fn heatmap_step_ms(step: Option<Span>, window: Window, snapshot: &Snapshot) -> Result<i64, ApiError> {
    let wanted_ms = match step {
        None => {
            let even_ms = ceiling(window.end_ms - window.start_ms, DEFAULT_STEPS);
            let tile_ms = snapshot.tile_ms();
            if even_ms > tile_ms - snapshot.grid.width_ms { ceiling(even_ms, tile_ms) * tile_ms } else { even_ms }
        }
        Some(step) => step.ms(),
    };
    aligned(wanted_ms, window, snapshot).map(|(step_ms, _)| step_ms)
}

/// A step of whole panes, with the number of steps on its multiples that touch the window.
fn aligned(wanted_ms: i64, window: Window, snapshot: &Snapshot) -> Result<(i64, i64), ApiError> {
    if wanted_ms > snapshot.retention_ms {
        let why = format_args!("RETENTION keeps {} s", snapshot.retention_ms / 1000);
        return Err(ApiError::parameter("step", why));
    }
    let step_ms = ceiling(wanted_ms, snapshot.grid.width_ms).saturating_mul(snapshot.grid.width_ms);
    let first_ms = Grid::of_width(step_ms).floor(window.start_ms);
    let steps = ceiling(window.end_ms.saturating_sub(first_ms), step_ms);
    if steps > MAX_STEPS {
        return Err(ApiError::parameter("step", format_args!("more than {MAX_STEPS} steps")));
    }
    Ok((step_ms, steps))
}

/// A quotient of positive numbers, rounded up.
const fn ceiling(dividend: i64, divisor: i64) -> i64 {
    (dividend - 1) / divisor + 1
}
