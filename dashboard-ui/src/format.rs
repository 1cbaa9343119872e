//! Numbers, durations and times to text. Unknown is a dash, never 0.

use chrono::{DateTime, Utc};
use shared::UnixMillis;

/// What stands for a figure that is not known.
pub(crate) const UNKNOWN: &str = "–";

/// Keeps a number together with its groups and its unit.
const NARROW_NO_BREAK_SPACE: char = '\u{202f}';

/// `1278059` becomes `1 278 059`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(NARROW_NO_BREAK_SPACE);
        }
        text.push(digit);
    }
    text
}

/// A count that need not be exact: `950`, `8.1 k`, `1.28 M`.
pub(crate) fn rough_count(number: u64) -> String {
    let scaled = |unit: f64, name: &str| {
        let value = number as f64 / unit;
        let places = if value < 10.0 { 1 } else { 0 };
        format!("{value:.places$}{NARROW_NO_BREAK_SPACE}{name}")
    };
    match number {
        0..=999 => number.to_string(),
        1_000..=999_499 => scaled(1e3, "k"),
        999_500..=999_499_999 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

/// Milliseconds without their unit, to about three digits: `0.42`, `42.4`, `1 284`.
pub(crate) fn milliseconds(latency: f64) -> String {
    match latency {
        // What is not a number has no place here, and no text of its own on the page.
        l if !l.is_finite() => UNKNOWN.to_owned(),
        l if l < 0.995 => format!("{l:.2}"),
        l if l < 999.95 => format!("{l:.1}"),
        l => count(l.round() as u64),
    }
}

/// [`milliseconds`] with their unit.
pub(crate) fn latency(latency: Option<f64>) -> String {
    latency.map_or_else(|| UNKNOWN.to_owned(), |latency| format!("{}{NARROW_NO_BREAK_SPACE}ms", milliseconds(latency)))
}

/// A rate as percent without its sign: `99.08`. Only all is 100 and only none is 0: what lies next to them stays apart.
pub(crate) fn percent_number(rate: f64) -> String {
    match rate {
        r if !r.is_finite() => UNKNOWN.to_owned(),
        r if r >= 1.0 => "100".to_owned(),
        r if r <= 0.0 => "0".to_owned(),
        r => format!("{:.2}", (r * 100.0).clamp(0.01, 99.99)),
    }
}

/// [`percent_number`] with its sign.
pub(crate) fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| UNKNOWN.to_owned(), |rate| format!("{}{NARROW_NO_BREAK_SPACE}%", percent_number(rate)))
}

/// The label of an axis: as few places as the step between two labels needs.
pub(crate) fn axis_number(value: f64, step: f64) -> String {
    let places = if step >= 1.0 && (step - step.round()).abs() < 1e-9 {
        0
    } else if (step * 10.0 - (step * 10.0).round()).abs() < 1e-9 {
        1
    } else {
        2
    };
    if value >= 1000.0 && places == 0 { count(value.round() as u64) } else { format!("{value:.places$}") }
}

/// `12 antennas`, `1 antenna`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `14:47:05`.
pub(crate) fn time(at: UnixMillis) -> String {
    formatted(at, "%H:%M:%S")
}

/// `14:47`.
pub(crate) fn time_to_the_minute(at: UnixMillis) -> String {
    formatted(at, "%H:%M")
}

/// `24 Nov`.
pub(crate) fn day(at: UnixMillis) -> String {
    formatted(at, "%-d %b")
}

/// `14:47:05` on the day of `now`, else `23 Nov 14:47`.
pub(crate) fn time_or_day(at: UnixMillis, now: UnixMillis) -> String {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    if at.0.div_euclid(DAY_MS) == now.0.div_euclid(DAY_MS) { time(at) } else { formatted(at, "%-d %b %H:%M") }
}

/// A length of time in the words of a person in a hurry: `under a minute`, `4 min`, `2 h 5 min`, `3 days`.
pub(crate) fn age(milliseconds: i64) -> String {
    match milliseconds.max(0) / 60_000 {
        0 => "under a minute".to_owned(),
        minutes @ 1..60 => format!("{minutes} min"),
        minutes @ 60..1440 if minutes % 60 == 0 => format!("{} h", minutes / 60),
        minutes @ 60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        minutes => plural(minutes.unsigned_abs() / 1440, "day", "days"),
    }
}

/// How long ago something was seen: `now`, `12 s ago`, `4 min ago`.
pub(crate) fn ago(milliseconds: i64) -> String {
    match milliseconds.max(0) / 1000 {
        0..3 => "now".to_owned(),
        seconds @ 3..60 => format!("{seconds} s ago"),
        _ => format!("{} ago", age(milliseconds)),
    }
}

/// A range in words: `5 min`, `1 h`, `90 s`, `7 days`.
pub(crate) fn range(seconds: u32) -> String {
    if seconds < 60 || !seconds.is_multiple_of(60) { format!("{seconds} s") } else { age(i64::from(seconds) * 1000) }
}

fn formatted(at: UnixMillis, pattern: &str) -> String {
    DateTime::<Utc>::from_timestamp_millis(at.0)
        .map_or_else(|| UNKNOWN.to_owned(), |time| time.format(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixMillis = UnixMillis(1_763_995_625_250); // 24 November 2025, 14:47:05 UTC

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1_000"), (1_278_059, "1_278_059")] {
            assert_eq!(count(number), text.replace('_', "\u{202f}"));
        }
        for (number, text) in
            [(950, "950"), (8_120, "8.1_k"), (81_200, "81_k"), (999_500, "1.0_M"), (12_000_000, "12_M")]
        {
            assert_eq!(rough_count(number), text.replace('_', "\u{202f}"));
        }
    }

    #[test]
    fn latencies_have_about_three_digits() {
        for (value, text) in [(0.0, "0.00"), (0.423, "0.42"), (0.996, "1.0"), (42.44, "42.4"), (999.96, "1_000")] {
            assert_eq!(milliseconds(value), text.replace('_', "\u{202f}"));
        }
        assert_eq!(latency(None), "–");
        assert_eq!(latency(Some(f64::NAN)), "–\u{202f}ms");
    }

    #[test]
    fn only_all_is_a_hundred_percent_and_only_none_is_zero() {
        for (rate, text) in [(1.0, "100"), (0.999_999, "99.99"), (0.9908, "99.08"), (0.000_001, "0.01"), (0.0, "0")] {
            assert_eq!(percent_number(rate), text);
        }
        assert_eq!(percent(None), "–");
    }

    #[test]
    fn axis_numbers_have_the_places_of_their_step() {
        for (value, step, text) in [(150.0, 50.0, "150"), (2.5, 2.5, "2.5"), (0.25, 0.25, "0.25"), (7.5, 2.5, "7.5")] {
            assert_eq!(axis_number(value, step), text);
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(AT), "14:47:05");
        assert_eq!(time_to_the_minute(AT), "14:47");
        assert_eq!(time_or_day(AT, AT), "14:47:05");
        assert_eq!(time_or_day(AT, UnixMillis(AT.0 + 86_400_000)), "24 Nov 14:47");
        assert_eq!(time(UnixMillis(i64::MAX)), "–");
    }

    #[test]
    fn ages_are_in_words() {
        let ages = [(-5, "under a minute"), (59, "under a minute"), (60, "1 min"), (3599, "59 min"), (3600, "1 h")];
        for (seconds, text) in ages.into_iter().chain([(7500, "2 h 5 min"), (86_400, "1 day"), (300_000, "3 days")]) {
            assert_eq!(age(seconds * 1000), text);
        }
        assert_eq!((ago(2_900), ago(12_000), ago(240_000)), ("now".into(), "12 s ago".into(), "4 min ago".into()));
        assert_eq!((range(90), range(900), range(3600)), ("90 s".into(), "15 min".into(), "1 h".into()));
    }
}
