//! From numbers, durations and times to text in the page's language. Unknown is a dash, never 0.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};
use shared::UnixMillis;

use crate::language::Language;
use crate::query::Month;

/// Stands for an unknown figure.
pub(crate) const UNKNOWN: &str = "–";

/// Keeps the digit groups and the unit of a number together.
const NARROW_NO_BREAK_SPACE: char = '\u{202f}';

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

const HOUR_S: u32 = 60 * 60;
const DAY_S: u32 = 24 * HOUR_S;

/// `1278059` becomes `1 278 059`, in either language.
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

/// A count, or a dash if it is unknown.
pub(crate) fn count_if_known(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), count)
}

/// A number with its unit.
pub(crate) fn with_unit(number: &str, unit: &str) -> String {
    format!("{number}{NARROW_NO_BREAK_SPACE}{unit}")
}

/// `14:47:05`.
pub(crate) fn time(at: UnixMillis) -> String {
    formatted(at, "%H:%M:%S")
}

/// `14:47`.
pub(crate) fn time_to_the_minute(at: UnixMillis) -> String {
    formatted(at, "%H:%M")
}

/// `2025`.
pub(crate) fn year(at: UnixMillis) -> String {
    formatted(at, "%Y")
}

/// As `<input type="datetime-local">` has it, which leaves seconds out where they are zero: `2025-11-24T14:47:05`.
pub(crate) fn local_input(at: UnixMillis) -> String {
    formatted(at, if at.0.rem_euclid(60_000) < 1000 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" })
}

/// Degrees of latitude or of longitude: `43.30° N`.
pub(crate) fn degrees(degrees: f64, digits: usize, is_latitude: bool, language: Language) -> String {
    let direction = match (is_latitude, degrees < 0.0) {
        (true, false) => "N",
        (true, true) => "S",
        (false, false) => "E",
        (false, true) => language.text("W", "O"),
    };
    format!("{}° {direction}", language.fixed(degrees.abs(), digits))
}

/// A text without the characters that change its direction: neither a title nor an attribute can contain `<bdi>`.
pub(crate) fn without_directions(text: &str) -> String {
    const DIRECTIONS: [RangeInclusive<char>; 4] =
        ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    text.chars().filter(|c| !DIRECTIONS.iter().any(|range| range.contains(c))).collect()
}

impl Language {
    /// A number with the decimal sign of the language.
    fn decimal(self, number: String) -> String {
        match self {
            Self::English => number,
            Self::Spanish => number.replace('.', ","),
        }
    }

    /// A number with a fixed number of decimals.
    pub(crate) fn fixed(self, number: f64, places: usize) -> String {
        if number.is_finite() { self.decimal(format!("{number:.places$}")) } else { UNKNOWN.to_owned() }
    }

    /// A count that need not be exact: `950`, `8.1 k`, `1.28 M`.
    pub(crate) fn rough_count(self, number: u64) -> String {
        let scaled = |unit: f64, name: &str| {
            let value = number as f64 / unit;
            with_unit(&self.fixed(value, if value < 10.0 { 1 } else { 0 }), name)
        };
        match number {
            0..=999 => number.to_string(),
            1_000..=999_499 => scaled(1e3, "k"),
            999_500..=999_499_999 => scaled(1e6, "M"),
            _ => scaled(1e9, "G"),
        }
    }

    /// Milliseconds without their unit, to about three digits: `0.42`, `42.4`, `1 284`.
    pub(crate) fn milliseconds(self, latency: f64) -> String {
        match latency {
            // NaN and infinity have no meaning here, and no text on the page.
            l if !l.is_finite() => UNKNOWN.to_owned(),
            l if l < 0.995 => self.fixed(l, 2),
            l if l < 999.95 => self.fixed(l, 1),
            l => count(l.round() as u64),
        }
    }

    /// [`Self::milliseconds`] with their unit.
    pub(crate) fn latency(self, latency: Option<f64>) -> String {
        latency.map_or_else(|| UNKNOWN.to_owned(), |latency| with_unit(&self.milliseconds(latency), "ms"))
    }

    /// How late something came: [`Self::latency`], and in words from ten seconds on.
    pub(crate) fn delay(self, milliseconds: Option<f64>) -> String {
        match milliseconds {
            Some(long) if long.is_finite() && long >= 10_000.0 => self.duration(long / 1000.0),
            short => self.latency(short),
        }
    }

    /// A percentile of latencies with its unit. It is the middle of a bucket that is 3 % wide, so no digit tells less than that.
    pub(crate) fn percentile(self, latency: Option<f64>) -> String {
        let Some(latency) = latency.filter(|latency| latency.is_finite() && *latency > 0.0) else {
            return self.latency(latency);
        };
        let digit = 10_f64.powi((latency * 0.03).log10().floor() as i32);
        let rounded = (latency / digit).round() * digit;
        let places = (-digit.log10()).clamp(0.0, 2.0) as usize;
        with_unit(&if rounded < 1000.0 { self.fixed(rounded, places) } else { count(rounded.round() as u64) }, "ms")
    }

    /// A rate as a percentage without its sign: `99.08`. Rounding never turns a rate into 100 or 0 that is not exactly so.
    pub(crate) fn percent_number(self, rate: f64) -> String {
        match rate {
            r if !r.is_finite() => UNKNOWN.to_owned(),
            r if r >= 1.0 => "100".to_owned(),
            r if r <= 0.0 => "0".to_owned(),
            r => self.fixed((r * 100.0).clamp(0.01, 99.99), 2),
        }
    }

    /// [`Self::percent_number`] with its sign.
    pub(crate) fn percent(self, rate: Option<f64>) -> String {
        rate.map_or_else(|| UNKNOWN.to_owned(), |rate| with_unit(&self.percent_number(rate), "%"))
    }

    /// A label of an axis, with as few decimals as the step between two labels needs.
    pub(crate) fn axis_number(self, value: f64, step: f64) -> String {
        let places = if step >= 1.0 && (step - step.round()).abs() < 1e-9 {
            0
        } else if (step * 10.0 - (step * 10.0).round()).abs() < 1e-9 {
            1
        } else {
            2
        };
        if value >= 1000.0 && places == 0 { count(value.round() as u64) } else { self.fixed(value, places) }
    }

    /// `12 antennas`, `1 antenna`.
    pub(crate) fn plural(self, number: u64, english: [&str; 2], spanish: [&str; 2]) -> String {
        let [one, many] = match self {
            Self::English => english,
            Self::Spanish => spanish,
        };
        format!("{} {}", count(number), if number == 1 { one } else { many })
    }

    /// How many antennas.
    pub(crate) fn antennas(self, number: u64) -> String {
        self.plural(number, ["antenna", "antennas"], ["antena", "antenas"])
    }

    /// `and 9 more`.
    pub(crate) fn more(self, number: u64) -> String {
        format!("{} {} {}", self.text("and", "y"), count(number), self.text("more", "más"))
    }

    /// `24 Nov`, `24 nov`.
    pub(crate) fn date(self, at: UnixMillis) -> String {
        const SPANISH: [&str; 12] =
            ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"];
        match (self, DateTime::<Utc>::from_timestamp_millis(at.0)) {
            (Self::Spanish, Some(time)) => format!("{} {}", time.day(), SPANISH[time.month0() as usize]),
            _ => formatted(at, "%-d %b"),
        }
    }

    /// `October 2026`, `octubre de 2026`.
    pub(crate) fn month(self, month: Month) -> String {
        let (position, year) = (month.position_in_year(), month.year());
        match self {
            Self::English => format!("{} {year}", ENGLISH_MONTHS[position]),
            Self::Spanish => format!("{} de {year}", SPANISH_MONTHS[position]),
        }
    }

    /// A number of bytes: `812 B`, `3.4 MB`.
    pub(crate) fn bytes(self, number: u64) -> String {
        const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
        if number < 1000 {
            return with_unit(&number.to_string(), "B");
        }
        let mut value = number as f64 / 1e3;
        let mut unit = UNITS[0];
        for larger in &UNITS[1..] {
            if value < 999.5 {
                break;
            }
            (value, unit) = (value / 1e3, larger);
        }
        with_unit(&self.fixed(value, usize::from(value < 9.95)), unit)
    }

    /// An age in words, to the minute: `under a minute`, `4 min`, `2 h 5 min`, `3 days`.
    pub(crate) fn age(self, milliseconds: i64) -> String {
        match milliseconds.max(0) / 60_000 {
            0 => self.text("under a minute", "menos de un minuto").to_owned(),
            minutes @ 1..60 => format!("{minutes} min"),
            minutes @ 60..1440 if minutes % 60 == 0 => format!("{} h", minutes / 60),
            minutes @ 60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
            minutes => self.plural(minutes.unsigned_abs() / 1440, ["day", "days"], ["día", "días"]),
        }
    }

    /// How long something took, to the second if it was short: `12 s`, `4 min 20 s`, `2 h 5 min`.
    pub(crate) fn duration(self, seconds: f64) -> String {
        match seconds.max(0.0) as i64 {
            seconds @ 0..60 => format!("{seconds} s"),
            seconds @ 60..600 if seconds % 60 != 0 => format!("{} min {} s", seconds / 60, seconds % 60),
            seconds => self.age(seconds * 1000),
        }
    }

    /// How long ago something was seen: `now`, `12 s ago`, `4 min ago`.
    pub(crate) fn ago(self, milliseconds: i64) -> String {
        let age = match milliseconds.max(0) / 1000 {
            0..3 => return self.text("now", "ahora").to_owned(),
            seconds @ 3..60 => format!("{seconds} s"),
            _ => self.age(milliseconds),
        };
        match self {
            Self::English => format!("{age} ago"),
            Self::Spanish => format!("hace {age}"),
        }
    }

    /// A range in words: `5 min`, `1 h`, `90 s`, `7 days`.
    pub(crate) fn range(self, seconds: u32) -> String {
        match seconds {
            ..60 => format!("{seconds} s"),
            _ if !seconds.is_multiple_of(60) => format!("{seconds} s"),
            _ if seconds < 7200 && !seconds.is_multiple_of(3600) => format!("{} min", seconds / 60),
            _ => self.age(i64::from(seconds) * 1000),
        }
    }

    /// A range that ends now: `Last 5 min`, `Última hora`. In Spanish, hours are feminine, and a single one is singular.
    pub(crate) fn last(self, seconds: u32) -> String {
        let range = self.range(seconds);
        match (self, seconds) {
            (Self::English, _) => format!("Last {range}"),
            (Self::Spanish, HOUR_S) => "Última hora".to_owned(),
            (Self::Spanish, DAY_S) => "Último día".to_owned(),
            (Self::Spanish, _) if range.contains(" h") => format!("Últimas {range}"),
            (Self::Spanish, _) => format!("Últimos {range}"),
        }
    }

    /// What a range is compared with: `vs previous 5 min`, `frente a la hora anterior`.
    pub(crate) fn against(self, seconds: u32) -> String {
        let range = self.range(seconds);
        match (self, seconds) {
            (Self::English, _) => format!("vs previous {range}"),
            (Self::Spanish, HOUR_S) => "frente a la hora anterior".to_owned(),
            (Self::Spanish, DAY_S) => "frente al día anterior".to_owned(),
            (Self::Spanish, _) if range.contains(" h") => format!("frente a las {range} anteriores"),
            (Self::Spanish, _) => format!("frente a los {range} anteriores"),
        }
    }
}

fn formatted(at: UnixMillis, pattern: &str) -> String {
    DateTime::<Utc>::from_timestamp_millis(at.0)
        .map_or_else(|| UNKNOWN.to_owned(), |time| time.format(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::Language::{English, Spanish};
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
            assert_eq!(English.rough_count(number), text.replace('_', "\u{202f}"));
        }
        assert_eq!(Spanish.rough_count(8_120), "8,1\u{202f}k");
    }

    #[test]
    fn latencies_have_about_three_digits() {
        for (value, text) in [(0.0, "0.00"), (0.423, "0.42"), (0.996, "1.0"), (42.44, "42.4"), (999.96, "1_000")] {
            assert_eq!(English.milliseconds(value), text.replace('_', "\u{202f}"));
            assert_eq!(Spanish.milliseconds(value), text.replace('_', "\u{202f}").replace('.', ","));
        }
        assert_eq!(English.latency(None), "–");
        assert_eq!(English.latency(Some(f64::NAN)), "–\u{202f}ms");
        assert_eq!(English.delay(Some(9_999.0)), English.latency(Some(9_999.0)));
        assert_eq!([English.delay(Some(10_000.0)), English.delay(Some(1_822_954.0))], ["10 s", "30 min"]);
    }

    #[test]
    fn percentiles_have_the_digits_that_a_bucket_tells() {
        for (value, text) in [
            (0.423, "0.42_ms"),
            (9.87, "9.9_ms"),
            (12.34, "12.3_ms"),
            (42.44, "42_ms"),
            (350.0, "350_ms"),
            (999.0, "1_000_ms"),
            (1284.0, "1_280_ms"),
            (0.0, "0.00_ms"),
        ] {
            assert_eq!(English.percentile(Some(value)), text.replace('_', "\u{202f}"));
        }
        assert_eq!(English.percentile(None), "–");
    }

    #[test]
    fn only_all_is_a_hundred_percent_and_only_none_is_zero() {
        for (rate, text) in [(1.0, "100"), (0.999_999, "99.99"), (0.9908, "99.08"), (0.000_001, "0.01"), (0.0, "0")] {
            assert_eq!(English.percent_number(rate), text);
        }
        assert_eq!(English.percent(None), "–");
        assert_eq!(Spanish.percent(Some(0.9908)), "99,08\u{202f}%");
    }

    #[test]
    fn axis_numbers_have_the_places_of_their_step() {
        for (value, step, text) in [(150.0, 50.0, "150"), (2.5, 2.5, "2.5"), (0.25, 0.25, "0.25"), (7.5, 2.5, "7.5")] {
            assert_eq!(English.axis_number(value, step), text);
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(AT), "14:47:05");
        assert_eq!(time_to_the_minute(AT), "14:47");
        assert_eq!(local_input(AT), "2025-11-24T14:47:05");
        assert_eq!(local_input(UnixMillis(AT.0 - 5_000)), "2025-11-24T14:47");
        assert_eq!((English.date(AT), Spanish.date(AT)), ("24 Nov".into(), "24 nov".into()));
        assert_eq!(year(AT), "2025");
        assert_eq!(time(UnixMillis(i64::MAX)), "–");
    }

    #[test]
    fn bytes_have_about_two_digits() {
        for (number, text) in
            [(0, "0_B"), (999, "999_B"), (1_000, "1.0_kB"), (9_950, "10_kB"), (999_499, "999_kB"), (999_500, "1.0_MB")]
        {
            assert_eq!(English.bytes(number), text.replace('_', "\u{202f}"), "{number}");
        }
        assert_eq!(Spanish.bytes(3_400_000_000), "3,4\u{202f}GB");
    }

    #[test]
    fn ages_are_in_words() {
        let ages = [(-5, "under a minute"), (59, "under a minute"), (60, "1 min"), (3599, "59 min"), (3600, "1 h")];
        for (seconds, text) in ages.into_iter().chain([(7500, "2 h 5 min"), (86_400, "1 day"), (300_000, "3 days")]) {
            assert_eq!(English.age(seconds * 1000), text);
        }
        assert_eq!((English.ago(2_900), English.ago(240_000)), ("now".into(), "4 min ago".into()));
        assert_eq!((Spanish.ago(12_000), Spanish.age(300_000_000)), ("hace 12 s".into(), "3 días".into()));
        assert_eq!(
            (English.range(90), English.range(900), English.range(3600)),
            ("90 s".into(), "15 min".into(), "1 h".into())
        );
        for (seconds, text) in
            [(0.4, "0 s"), (59.9, "59 s"), (260.0, "4 min 20 s"), (300.0, "5 min"), (7500.0, "2 h 5 min")]
        {
            assert_eq!(English.duration(seconds), text);
        }
    }

    #[test]
    fn ranges_agree_with_the_words_around_them() {
        for (seconds, last, against) in [
            (90, "Últimos 90 s", "frente a los 90 s anteriores"),
            (300, "Últimos 5 min", "frente a los 5 min anteriores"),
            (3600, "Última hora", "frente a la hora anterior"),
            (7200, "Últimas 2 h", "frente a las 2 h anteriores"),
            (86_400, "Último día", "frente al día anterior"),
            (604_800, "Últimos 7 días", "frente a los 7 días anteriores"),
        ] {
            assert_eq!((&*Spanish.last(seconds), &*Spanish.against(seconds)), (last, against));
        }
        assert_eq!((&*English.last(3600), &*English.against(3600)), ("Last 1 h", "vs previous 1 h"));
    }
}
