//! The range of time that a page covers.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use shared::UnixMillis;
use shared::api::Limits;
use shared::time::parse_duration;

use super::Reason;

/// The ranges offered by pages, in seconds; the first is the default.
pub const PRESETS: [u32; 3] = [5 * 60, 15 * 60, 60 * 60];

/// The shortest and the longest possible range, in seconds.
const LIMITS: (u32, u32) = (30, 7 * 24 * 60 * 60);

/// Steps that a series may have, in seconds. All but the shortest are whole multiples of the default pane.
const STEPS: [u32; 14] = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800];

/// The most points that a chart has room for.
const MOST_POINTS: u32 = 75;

/// The least by which an interval is longer than a step so that it matters, as a factor. Few antennas report to the millisecond:
/// one that usually does so every 15.1 s has steps of 15 s, and now and then one of them is empty.
const LONGER: f64 = 1.05;

/// The most steps that a strip in a row of a table has room for.
const MOST_STRIP_STEPS: u32 = 31;

/// A pane closes so long after its end, in milliseconds; what arrives later is late.
const PANE_CLOSES_AFTER_MS: i64 = 2_000;

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// Its length in seconds.
    pub window: u32,
    /// Where it ends; `None` for the newest reading, so that the page shows the present.
    pub end: Option<UnixMillis>,
}

impl Default for Range {
    fn default() -> Self {
        Self { window: PRESETS[0], end: None }
    }
}

impl Range {
    /// A range of the given length that ends at the newest reading.
    #[must_use]
    pub const fn latest(window: u32) -> Self {
        Self { window, end: None }
    }

    /// All that is kept up to the present, in whole minutes; `None` if analytics does not tell, or if it is less than a minute.
    pub(crate) fn kept(limits: &Limits, now: UnixMillis) -> Option<Self> {
        // A pane is dropped as a whole, so a little less than the retention is as much as there ever is.
        let (retention_ms, panes_ms) = ((limits.retention_seconds * 1e3) as i64, (limits.pane_seconds * 2e3) as i64);
        let kept_ms = now.0 - limits.oldest?.0;
        let kept_ms = if kept_ms + panes_ms >= retention_ms { retention_ms } else { kept_ms };
        let window = u32::try_from(kept_ms / 60_000 * 60).ok()?.min(LIMITS.1);
        is_within_limits(&window).then_some(Self::latest(window))
    }

    /// What shows something that lasted from `start` to `end`, or lasts: with half as much time before and after it, a minute
    /// at least, in whole minutes. No longer than what analytics keeps; then the end is what is seen.
    pub(crate) fn around(start: UnixMillis, end: Option<UnixMillis>, now: UnixMillis, limits: &Limits) -> Self {
        const MINUTE_MS: i64 = 60_000;
        let length_ms = end.map_or(now.0, |end| end.0).saturating_sub(start.0).max(0);
        let context_ms = (length_ms / 2).max(MINUTE_MS);
        // What reaches into the present goes on with it.
        let end = end.map(|end| UnixMillis((end.0 + context_ms).div_euclid(MINUTE_MS) * MINUTE_MS + MINUTE_MS));
        let end = end.filter(|end| end.0 < now.0);
        let window_ms = end.map_or(now.0, |end| end.0) - start.0 + context_ms;
        let longest = u32::try_from((limits.retention_seconds / 60.0) as i64 * 60).unwrap_or(LIMITS.1);
        let window = u32::try_from(window_ms.div_euclid(MINUTE_MS) * 60 + 60).unwrap_or(LIMITS.1);
        Self { window: window.min(longest).clamp(LIMITS.0, LIMITS.1), end }
    }

    /// Parses `window` and `end`.
    pub(super) fn parse(window: Option<&str>, end: Option<&str>) -> Result<Self, Reason> {
        Ok(Self {
            window: window.map_or(Ok(PRESETS[0]), parse_window)?,
            end: end.filter(|end| *end != "latest").map(parse_end).transpose()?,
        })
    }

    /// Parses `from` and `to` as sent by a form: dates and times in UTC.
    pub(super) fn between(from: &str, to: &str) -> Result<Self, Reason> {
        let (from, to) = (parse_local(from)?, parse_local(to)?);
        let seconds = (to - from).num_seconds();
        let window = u32::try_from(seconds).ok().filter(is_within_limits).ok_or(Reason::Window)?;
        Ok(Self { window, end: Some(UnixMillis(to.timestamp_millis())) })
    }

    /// Up to where a window that ends at `end` has all of its readings, if the newest were merged at `as_of`. A step or a sum
    /// beyond is still filling up.
    pub(crate) fn settled(self, end: UnixMillis, as_of: Option<UnixMillis>, pane_seconds: f64) -> UnixMillis {
        let pane_ms = ((pane_seconds * 1000.0) as i64).max(1);
        let newest_ms = match self.end {
            // A window up to the present ends with the pane that holds the newest reading.
            None => end.0 - pane_ms,
            Some(_) => as_of.unwrap_or(end).0,
        };
        let closed_ms = newest_ms - PANE_CLOSES_AFTER_MS;
        UnixMillis(end.0.min(closed_ms - closed_ms.rem_euclid(pane_ms)))
    }

    /// The step in seconds that gives charts and the heat map as many points as fit; 60 for each preset, if antennas report so
    /// often. `interval_seconds` is how much time usually lies between an antenna's readings, if that is known.
    ///
    /// A step is no shorter than that. A row of the heat map would be half empty otherwise, which looks like an outage. The
    /// charts of the network have the same steps: a shorter one would only hold the antennas whose turn it is, and none at all
    /// between the full minutes at which all of them report.
    #[must_use]
    pub fn step(self, interval_seconds: Option<f64>) -> u32 {
        self.step_for(MOST_POINTS, interval_seconds)
    }

    /// The step in seconds of a strip in a row of a table; see [`Range::step`].
    #[must_use]
    pub fn strip_step(self, interval_seconds: Option<f64>) -> u32 {
        self.step_for(MOST_STRIP_STEPS, interval_seconds)
    }

    fn step_for(self, most: u32, interval_seconds: Option<f64>) -> u32 {
        let interval_seconds = interval_seconds.unwrap_or_default();
        let is_enough = |step: &u32| self.window <= step * most && interval_seconds <= f64::from(*step) * LONGER;
        // Analytics refuses steps that are longer than what it keeps, so none is longer than the window.
        let steps = || STEPS.into_iter().filter(|step| *step <= self.window);
        steps().find(is_enough).or_else(|| steps().next_back()).unwrap_or(STEPS[0])
    }

    /// `window` and `end` as in addresses, unless they are the default.
    pub(super) fn parameters(self) -> impl Iterator<Item = (&'static str, String)> {
        let window = (self.window != PRESETS[0]).then(|| ("window", duration_label(self.window)));
        window.into_iter().chain(self.end.map(|end| ("end", end_label(end))))
    }
}

/// A duration as in addresses and on buttons: `90s`, `15m`, `1h`, `7d`.
#[must_use]
pub fn duration_label(seconds: u32) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// An end as in addresses: RFC 3339, without a zero fraction.
fn end_label(end: UnixMillis) -> String {
    end.to_string().replace(".000Z", "Z")
}

fn is_within_limits(seconds: &u32) -> bool {
    (LIMITS.0..=LIMITS.1).contains(seconds)
}

fn parse_window(text: &str) -> Result<u32, Reason> {
    let duration = parse_duration(text).map_err(|_| Reason::Window)?;
    let seconds = u32::try_from(duration.as_secs()).ok().filter(is_within_limits).ok_or(Reason::Window)?;
    if duration.subsec_nanos() == 0 { Ok(seconds) } else { Err(Reason::Window) }
}

/// RFC 3339; a query turns a plus sign into a space.
fn parse_end(text: &str) -> Result<UnixMillis, Reason> {
    let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).map_err(|_| Reason::End)?;
    let time_ms = time.timestamp_millis();
    if (0..=shared::codec::TIMESTAMP_MAX_MS).contains(&time_ms) { Ok(UnixMillis(time_ms)) } else { Err(Reason::End) }
}

/// A date and time as sent by `<input type="datetime-local">`, with or without seconds.
fn parse_local(text: &str) -> Result<DateTime<Utc>, Reason> {
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).ok_or(Reason::End)?;
    let time = time.and_utc().trunc_subsecs(0);
    if (0..=shared::codec::TIMESTAMP_MAX_MS).contains(&time.timestamp_millis()) { Ok(time) } else { Err(Reason::End) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_preset_has_sixty_points_and_any_range_few_enough() {
        for window in PRESETS {
            assert_eq!(window / Range::latest(window).step(None), 60);
        }
        for window in [30, 31, 75, 299, 301, 3601, 86_400, LIMITS.1] {
            let range = Range::latest(window);
            assert!(window.div_ceil(range.step(None)) <= MOST_POINTS, "{window}");
            assert!(window.div_ceil(range.strip_step(None)) <= 57, "{window}");
        }
    }

    proptest! {
        /// No antenna that reports as often as usual misses a step, unless the window is too short for two readings.
        #[test]
        fn a_step_is_at_least_the_usual_interval(window in LIMITS.0..=LIMITS.1, interval_seconds in 0.1..20_000.0) {
            let range = Range::latest(window);
            for (own, any) in [
                (range.step(Some(interval_seconds)), range.step(None)),
                (range.strip_step(Some(interval_seconds)), range.strip_step(None)),
            ] {
                prop_assert!((any..=window).contains(&own));
                let longest = STEPS.into_iter().rfind(|step| *step <= window);
                prop_assert!(f64::from(own) * LONGER >= interval_seconds || Some(own) == longest, "{} s", own);
                // It is no longer than it has to be.
                let shorter = STEPS.into_iter().rfind(|step| *step < own);
                let is_too_short = shorter.is_some_and(|shorter| f64::from(shorter) * LONGER < interval_seconds);
                prop_assert!(own == any || is_too_short, "{} s", own);
            }
        }
    }

    #[test]
    fn an_interval_that_wavers_around_a_step_has_that_step() {
        let step = |interval_seconds| Range::latest(300).step(Some(interval_seconds));
        assert_eq!([1.0, 5.1, 5.5, 14.9, 15.2, 60.0, 61.0, 90.0].map(step), [5, 5, 10, 15, 15, 60, 60, 120]);
    }
}
