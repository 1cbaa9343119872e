//! The range of time that a page covers.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use shared::UnixMillis;
use shared::api::Limits;
use shared::time::parse_duration;

use super::Reason;

const HOUR: u32 = 60 * 60;
const DAY: u32 = 24 * HOUR;

/// The ranges offered by pages, in seconds; the first is the default.
const PRESETS: [u32; 3] = [5 * 60, 15 * 60, HOUR];

/// The ranges offered besides, where there is an archive.
const HISTORY_PRESETS: [u32; 5] = [6 * HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY];

/// The shortest and the longest possible range, in seconds: as long as analytics answers about, where there is an archive.
const LIMITS: (u32, u32) = (30, 3660 * DAY);

/// Steps that a series may have, in seconds. All but the shortest are whole multiples of the default pane.
const STEPS: [u32; 24] = [
    1,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    60 * DAY,
    120 * DAY,
];

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

    /// The longest that analytics answers about, in seconds.
    pub(crate) fn longest(limits: &Limits) -> u32 {
        match limits.history {
            Some(_) => LIMITS.1,
            None => (limits.retention_seconds as u32).min(LIMITS.1),
        }
    }

    /// The lengths on offer.
    pub(crate) fn presets(limits: &Limits) -> impl Iterator<Item = u32> + use<> {
        let (longest, history) = (Self::longest(limits), limits.history.map(|_| HISTORY_PRESETS));
        PRESETS.into_iter().chain(history.into_iter().flatten()).filter(move |window| *window <= longest)
    }

    /// All that is kept up to the present, in whole minutes, or hours where it is more than a day; `None` if analytics does not
    /// tell, or if it is less than a minute.
    pub(crate) fn kept(limits: &Limits, now: UnixMillis) -> Option<Self> {
        if limits.history.is_some() {
            let seconds = u32::try_from((now.0 - limits.known_from()?.0) / 1000).ok()?.min(LIMITS.1);
            let window = seconds - seconds % if seconds < DAY { 60 } else { HOUR };
            return is_within_limits(&window).then_some(Self::latest(window));
        }
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
        let longest = Self::longest(limits) / 60 * 60;
        let window = u32::try_from(window_ms.div_euclid(MINUTE_MS) * 60 + 60).unwrap_or(LIMITS.1);
        Self { window: window.min(longest).max(LIMITS.0), end }
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
            // Its steps may go on for a while.
            None => (end.0 - pane_ms).min(as_of.unwrap_or(end).0),
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

    /// Whether a step is an hour or some, at least.
    pub(crate) fn has_steps_of_hours(self) -> bool {
        self.step(None).is_multiple_of(HOUR)
    }

    /// Where the steps of a window end that ends at a time. Those of hours begin on full ones: the archive has rows of hours, and
    /// reads ten times as many of minutes else.
    pub(crate) fn end_of_steps(self, end: UnixMillis, interval_seconds: Option<f64>) -> UnixMillis {
        const HOUR_MS: i64 = 1000 * HOUR as i64;
        let is_of_hours = self.step(interval_seconds).is_multiple_of(HOUR) && self.window.is_multiple_of(HOUR);
        UnixMillis(if is_of_hours { (end.0 + HOUR_MS - 1).div_euclid(HOUR_MS) * HOUR_MS } else { end.0 })
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

/// A duration as in addresses and on buttons: `90s`, `15m`, `24h`, `7d`.
#[must_use]
pub fn duration_label(seconds: u32) -> String {
    match seconds {
        s if s % DAY == 0 && s > DAY => format!("{}d", s / DAY),
        s if s % HOUR == 0 => format!("{}h", s / HOUR),
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
pub(crate) fn parse_local(text: &str) -> Result<DateTime<Utc>, Reason> {
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).ok_or(Reason::End)?;
    let time = time.and_utc().trunc_subsecs(0);
    if (0..=shared::codec::TIMESTAMP_MAX_MS).contains(&time.timestamp_millis()) { Ok(time) } else { Err(Reason::End) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::api::HistoryLimits;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_763_995_625_000);

    /// What an analytics keeps that has been at work for so many seconds, with an hour in memory and maybe an archive.
    fn limits(age_s: i64, has_archive: bool) -> Limits {
        let before = |seconds: i64| UnixMillis(NOW.0 - seconds * 1000);
        let archived = (age_s > 2 * 3600).then(|| before(age_s));
        let until = archived.map(|_| before(3600));
        let history = HistoryLimits { oldest: archived, until, step_seconds: 60.0 };
        Limits {
            pane_seconds: 5.0,
            retention_seconds: 3600.0,
            oldest: Some(before(age_s.min(3600))),
            degraded_success_rate: 0.95,
            degraded_latency_ms: 250.0,
            flapping_changes: None,
            history: has_archive.then_some(history),
        }
    }

    #[test]
    fn each_preset_has_about_sixty_points() {
        for window in PRESETS {
            assert_eq!(window / Range::latest(window).step(None), 60);
        }
        for (window, points) in HISTORY_PRESETS.into_iter().zip([72, 48, 56, 60, 45]) {
            assert_eq!(window / Range::latest(window).step(None), points);
        }
    }

    #[test]
    fn longer_ranges_are_offered_where_there_is_an_archive() {
        let offered = |has_archive| Range::presets(&limits(7200, has_archive)).map(duration_label).collect::<Vec<_>>();
        assert_eq!(offered(false), ["5m", "15m", "1h"]);
        assert_eq!(offered(true), ["5m", "15m", "1h", "6h", "24h", "7d", "30d", "90d"]);
    }

    #[test]
    fn a_long_incident_is_seen_whole_where_there_is_an_archive() {
        let start = UnixMillis(NOW.0 - 86_400_000);
        let seen = |has_archive| Range::around(start, None, NOW, &limits(200_000, has_archive)).window;
        assert_eq!(seen(false), 3600);
        assert!(seen(true) > 86_400, "{}", seen(true));
    }

    proptest! {
        #[test]
        fn any_range_has_few_enough_steps(window in LIMITS.0..=LIMITS.1) {
            let range = Range::latest(window);
            prop_assert!(window.div_ceil(range.step(None)) <= MOST_POINTS);
            prop_assert!(window.div_ceil(range.strip_step(None)) <= MOST_STRIP_STEPS);
            prop_assert!(range.step(None) <= range.strip_step(None));
        }

        #[test]
        fn steps_of_hours_begin_on_full_hours_and_end_within_the_next(hours in 1..=LIMITS.1 / HOUR, end in 0..NOW.0) {
            let (range, end) = (Range::latest(hours * HOUR), UnixMillis(end));
            let steps_end = range.end_of_steps(end, None);
            prop_assert!((0..3_600_000).contains(&(steps_end.0 - end.0)));
            if range.step(None).is_multiple_of(HOUR) {
                prop_assert_eq!((steps_end.0 - i64::from(range.window) * 1000).rem_euclid(3_600_000), 0);
            } else {
                prop_assert_eq!(steps_end, end);
            }
        }

        /// A row of the archive is a minute: a step that reaches back further than memory does is never a part of one.
        #[test]
        fn steps_of_ranges_longer_than_memory_are_whole_minutes(window in 3601..=LIMITS.1) {
            prop_assert_eq!(Range::latest(window).step(None) % 60, 0);
        }

        #[test]
        fn all_that_is_kept_begins_no_earlier_and_little_later(age_s in 60..4_000_000_i64, has_archive: bool) {
            let limits = limits(age_s, has_archive);
            let kept = Range::kept(&limits, NOW).unwrap();
            let known_s = (NOW.0 - limits.known_from().unwrap().0) / 1000;
            prop_assert!(i64::from(kept.window) <= known_s);
            let most_s = if known_s < 86_400 { 60 } else { 3600 };
            prop_assert!(known_s - i64::from(kept.window) < most_s, "{:?} of {}", kept, known_s);
            prop_assert!(kept.window <= Range::longest(&limits));
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
