//! Query parameters: read as text, understood one by one, so that an error names the parameter.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use chrono::DateTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::api::Status;
use shared::codec::TIMESTAMP_MAX_MS;
use shared::time::{millis, parse_duration};
use shared::{Rejection, UnixMillis};
use utoipa::IntoParams;

use super::error::ApiError;
use crate::aggregate::Grid;
use crate::query::{Badness, End, Paging, Sort, Window};
use crate::store::Snapshot;

/// The window of a question that gives none.
pub(crate) const DEFAULT_WINDOW_MS: i64 = 5 * 60 * 1000;

/// A series has about so many points where no step is given.
const DEFAULT_POINTS: i64 = 60;

/// A series has at most so many points.
const MAX_POINTS: i64 = 5_000;

/// A history has at most so many steps.
const MAX_STEPS: i64 = 500;

/// The histories of an answer have at most so many steps together: as many as the largest heat map.
const MAX_STEPS_TOGETHER: i64 = MAX_STEPS * MAX_HEATMAP_ROWS as i64;

/// Rows of a heat map where no number is given.
const DEFAULT_HEATMAP_ROWS: usize = 100;

/// Rows of a heat map at most.
const MAX_HEATMAP_ROWS: usize = 1_000;

/// Rows of a page where no limit is given.
const DEFAULT_LIMIT: usize = 100;

/// Rows of a page at most.
const MAX_LIMIT: usize = 10_000;

/// Readings of an antenna where no limit is given.
const DEFAULT_READINGS: usize = 50;

/// Readings of an antenna at most.
const MAX_READINGS: usize = 1_000;

/// Rejected entries where no limit is given.
const DEFAULT_REJECTED: usize = 20;

/// Rejected entries at most.
const MAX_REJECTED: usize = 100;

/// Rows of the worst antennas where no limit is given.
const DEFAULT_WORST: usize = 10;

/// A query string that is refused with the contract's error body if it has a parameter that the route does not know.
#[derive(Debug, Clone)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(ApiError::BadParameter(rejection.body_text())),
        }
    }
}

/// `window` and `end`.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowParameters {
    /// Length of the window, like `30s`, `5m`, `1h`, `7d`; 5 minutes by default, the retention at most.
    pub(crate) window: Option<String>,
    /// Where it ends: `latest` (default), `now`, RFC 3339 or Unix seconds.
    pub(crate) end: Option<String>,
}

/// Of the list of antennas.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AntennasParameters {
    /// See the summary.
    pub(crate) window: Option<String>,
    /// See the summary.
    pub(crate) end: Option<String>,
    /// `antenna_id` (default), `status`, `readings`, `packets_sent`, `packets_delivered`, `packets_lost`,
    /// `success_rate`, `latency`, `p95`, `last_seen`.
    pub(crate) sort: Option<String>,
    /// `asc` (default) or `desc`.
    pub(crate) order: Option<String>,
    /// Rows at most, 1 to 10,000; 100 by default.
    pub(crate) limit: Option<String>,
    /// Rows to leave out first.
    pub(crate) offset: Option<String>,
    /// Only antennas whose id contains this text, in upper or lower case.
    pub(crate) q: Option<String>,
    /// Only the antenna with exactly this id, which may be one that no path can hold.
    pub(crate) id: Option<String>,
    /// Only antennas with this status, or one of these, separated by commas: `down`, `degraded`, `silent`, `healthy`.
    pub(crate) status: Option<String>,
    /// Adds the course of each antenna in steps of this length, rounded up to whole panes; not in CSV.
    pub(crate) step: Option<String>,
    /// `json` (default) or `csv`.
    pub(crate) format: Option<String>,
}

/// Of the worst antennas.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorstParameters {
    /// See the summary.
    pub(crate) window: Option<String>,
    /// See the summary.
    pub(crate) end: Option<String>,
    /// `failures` (default), `success_rate`, `latency`.
    pub(crate) by: Option<String>,
    /// Rows at most, 1 to 10,000; 10 by default.
    pub(crate) limit: Option<String>,
    /// Adds the course of each antenna in steps of this length, rounded up to whole panes.
    pub(crate) step: Option<String>,
}

/// Of the heat map.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeatmapParameters {
    /// See the summary.
    pub(crate) window: Option<String>,
    /// See the summary.
    pub(crate) end: Option<String>,
    /// Length of a step, rounded up to whole panes; by default a sixtieth of the window, in whole tiles (12 panes)
    /// where it is as long as one.
    pub(crate) step: Option<String>,
    /// Rows at most, 1 to 1,000; 100 by default.
    pub(crate) rows: Option<String>,
    /// Only antennas whose id contains this text, in upper or lower case.
    pub(crate) q: Option<String>,
    /// Only antennas with this status, or one of these, separated by commas.
    pub(crate) status: Option<String>,
}

/// Of a series.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesParameters {
    /// See the summary.
    pub(crate) window: Option<String>,
    /// See the summary.
    pub(crate) end: Option<String>,
    /// Length of a step, rounded up to whole panes; a sixtieth of the window by default.
    pub(crate) step: Option<String>,
    /// Only this antenna.
    pub(crate) antenna: Option<String>,
    /// `json` (default) or `csv`.
    pub(crate) format: Option<String>,
}

/// Of the last readings of an antenna.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadingsParameters {
    /// The antenna's id.
    pub(crate) antenna: String,
    /// Readings at most, 1 to 1,000; 50 by default.
    pub(crate) limit: Option<String>,
}

/// Of rejected entries.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RejectedParameters {
    /// Only examples of this reason.
    pub(crate) reason: Option<String>,
    /// Examples at most, 1 to 100; 20 by default.
    pub(crate) limit: Option<String>,
}

/// Of routes without a parameter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// The window of `window` and `end`.
pub(crate) fn window(
    snapshot: &Snapshot,
    window: Option<&str>,
    end: Option<&str>,
    retention_ms: i64,
    now: UnixMillis,
) -> Result<Window, ApiError> {
    let length_ms = match window {
        None => DEFAULT_WINDOW_MS.min(retention_ms),
        Some(text) => duration_ms("window", text)?,
    };
    if length_ms > retention_ms {
        return Err(ApiError::parameter("window", format_args!("RETENTION keeps {} s", retention_ms / 1000)));
    }
    Ok(Window::new(snapshot, length_ms, end_of(end)?, now))
}

/// The step of a series over a window, in milliseconds: whole panes.
pub(crate) fn step_ms(step: Option<&str>, window: Window, pane_ms: i64) -> Result<i64, ApiError> {
    let length_ms = window.end_ms - window.start_ms;
    let wanted_ms = match step {
        None => ceiling(length_ms, DEFAULT_POINTS),
        Some(text) => duration_ms("step", text)?,
    };
    let step_ms = ceiling(wanted_ms, pane_ms).saturating_mul(pane_ms);
    if length_ms / step_ms > MAX_POINTS {
        return Err(ApiError::parameter("step", format_args!("more than {MAX_POINTS} points")));
    }
    Ok(step_ms)
}

/// The step of histories of so many antennas at most, in milliseconds: whole panes. `None` where none is asked for.
pub(crate) fn history_step_ms(
    step: Option<&str>,
    window: Window,
    snapshot: &Snapshot,
    antennas: usize,
) -> Result<Option<i64>, ApiError> {
    let Some(text) = step else { return Ok(None) };
    let (step_ms, steps) = aligned(duration_ms("step", text)?, window, snapshot)?;
    let together = steps.saturating_mul(i64::try_from(antennas).unwrap_or(i64::MAX));
    if together > MAX_STEPS_TOGETHER {
        let why = format_args!("more than {MAX_STEPS_TOGETHER} steps of all rows; ask for longer steps or fewer rows");
        return Err(ApiError::parameter("step", why));
    }
    Ok(Some(step_ms))
}

/// The step of a heat map, in milliseconds: whole panes, and by default whole tiles where it is as long as one.
pub(crate) fn heatmap_step_ms(step: Option<&str>, window: Window, snapshot: &Snapshot) -> Result<i64, ApiError> {
    let wanted_ms = match step {
        None => {
            let even_ms = ceiling(window.end_ms - window.start_ms, DEFAULT_POINTS);
            let tile_ms = snapshot.tile_ms();
            if even_ms > tile_ms - snapshot.grid.width_ms { ceiling(even_ms, tile_ms) * tile_ms } else { even_ms }
        }
        Some(text) => duration_ms("step", text)?,
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

/// The rows of a heat map.
pub(crate) fn heatmap_rows(rows: Option<&str>) -> Result<usize, ApiError> {
    number("rows", rows, DEFAULT_HEATMAP_ROWS, MAX_HEATMAP_ROWS)
}

/// The statuses that antennas may have; none where any will do.
pub(crate) fn statuses(status: Option<&str>) -> Result<BTreeSet<Status>, ApiError> {
    let known =
        [Status::Down, Status::Degraded, Status::Silent, Status::Healthy].map(|status| (status.as_str(), status));
    let names = status.into_iter().flat_map(|names| names.split(','));
    names.map(|name| choose("status", Some(name), &known)).collect()
}

/// A quotient of numbers above zero, rounded up.
const fn ceiling(dividend: i64, divisor: i64) -> i64 {
    (dividend - 1) / divisor + 1
}

/// How antennas are sorted, and whether the largest comes first.
pub(crate) fn sort(sort: Option<&str>, order: Option<&str>) -> Result<(Sort, bool), ApiError> {
    let sort = choose(
        "sort",
        sort,
        &[
            ("antenna_id", Sort::AntennaId),
            ("status", Sort::Status),
            ("readings", Sort::Readings),
            ("packets_sent", Sort::PacketsSent),
            ("packets_delivered", Sort::PacketsDelivered),
            ("packets_lost", Sort::PacketsLost),
            ("success_rate", Sort::SuccessRate),
            ("latency", Sort::Latency),
            ("p95", Sort::P95),
            ("last_seen", Sort::LastSeen),
        ],
    )?;
    Ok((sort, choose("order", order, &[("asc", false), ("desc", true)])?))
}

/// What the worst antennas are worst by.
pub(crate) fn badness(by: Option<&str>) -> Result<Badness, ApiError> {
    let known =
        [("failures", Badness::Failures), ("success_rate", Badness::SuccessRate), ("latency", Badness::Latency)];
    choose("by", by, &known)
}

/// Whether CSV is asked for by parameter; `None` where the parameter is absent.
pub(crate) fn is_csv(format: Option<&str>) -> Result<Option<bool>, ApiError> {
    choose_any("format", format, &[("json", false), ("csv", true)])
}

/// The page of `limit` and `offset`.
pub(crate) fn paging(limit: Option<&str>, offset: Option<&str>) -> Result<Paging, ApiError> {
    let offset = match offset {
        None => 0,
        Some(text) => text.parse().map_err(|_| ApiError::parameter("offset", "a number from 0 is needed"))?,
    };
    Ok(Paging { limit: limit_of(limit, DEFAULT_LIMIT)?, offset })
}

/// The number of the worst antennas.
pub(crate) fn worst_limit(limit: Option<&str>) -> Result<usize, ApiError> {
    limit_of(limit, DEFAULT_WORST)
}

fn limit_of(limit: Option<&str>, default: usize) -> Result<usize, ApiError> {
    number("limit", limit, default, MAX_LIMIT)
}

/// The number of an antenna's last readings.
pub(crate) fn readings_limit(limit: Option<&str>) -> Result<usize, ApiError> {
    number("limit", limit, DEFAULT_READINGS, MAX_READINGS)
}

/// The number of rejected entries.
pub(crate) fn rejected_limit(limit: Option<&str>) -> Result<usize, ApiError> {
    number("limit", limit, DEFAULT_REJECTED, MAX_REJECTED)
}

/// Why entries were rejected; `None` for whatever reason.
pub(crate) fn reason(reason: Option<&str>) -> Result<Option<Rejection>, ApiError> {
    let known = Rejection::ALL.map(|reason| (reason.as_str(), reason));
    reason.map(|reason| choose("reason", Some(reason), &known)).transpose()
}

/// A number from 1.
fn number(name: &str, value: Option<&str>, default: usize, max: usize) -> Result<usize, ApiError> {
    let Some(text) = value else { return Ok(default) };
    match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(ApiError::parameter(name, format_args!("a number from 1 to {max} is needed"))),
    }
}

/// One of the known values of a parameter; the first where it is absent.
fn choose<T: Copy>(name: &str, value: Option<&str>, known: &[(&str, T)]) -> Result<T, ApiError> {
    let Some(value) = value else { return Ok(known[0].1) };
    known.iter().find(|(text, _)| *text == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(text, _)| *text).collect();
        ApiError::parameter(name, format_args!("one of {} is needed", names.join(", ")))
    })
}

/// One of the known values of a parameter; `None` where it is absent.
pub(crate) fn choose_any<T: Copy>(name: &str, value: Option<&str>, known: &[(&str, T)]) -> Result<Option<T>, ApiError> {
    value.map(|value| choose(name, Some(value), known)).transpose()
}

fn duration_ms(name: &str, text: &str) -> Result<i64, ApiError> {
    parse_duration(text).map(|duration| millis(duration).max(1)).map_err(|why| ApiError::parameter(name, why))
}

fn end_of(end: Option<&str>) -> Result<End, ApiError> {
    match end {
        None | Some("latest") => return Ok(End::Latest),
        Some("now") => return Ok(End::Now),
        Some(_) => {}
    }
    let text = end.unwrap_or_default();
    // A plus sign of a time zone turns into a space in a query string.
    let rfc3339 = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).map(|time| time.timestamp_millis());
    let time_ms = match rfc3339 {
        Ok(time_ms) => Some(time_ms),
        Err(_) => shared::codec::timestamp_ms_from(text.as_bytes()),
    };
    match time_ms {
        Some(time_ms) if (0..=TIMESTAMP_MAX_MS).contains(&time_ms) => Ok(End::At(UnixMillis(time_ms))),
        _ => Err(ApiError::parameter("end", "latest, now, RFC 3339 or Unix seconds is needed")),
    }
}
