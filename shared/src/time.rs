//! Points in time and durations, as they cross a process boundary, and the wall clock.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::codec::TIMESTAMP_MAX_MS;

/// The first moment of the year 0, the earliest that is written.
const WRITTEN_MIN_MS: i64 = -62_167_219_200_000;

/// A point in time in milliseconds since the epoch. In JSON and text: RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2023-02-11T22:40:05.000Z"))]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The current time. Called only at the edges; everything below them is given the time as an argument.
    #[must_use]
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis())
    }

    /// Unix seconds with their fraction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds up to the year 9999 are exact in a double")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has years of four digits. Only an id that no clock gave, or a bound computed from absurd settings, lies
        // beyond them; whoever reads the answer is to be able to read all the rest of it.
        let written = self.0.clamp(WRITTEN_MIN_MS, TIMESTAMP_MAX_MS);
        let time = DateTime::<Utc>::from_timestamp_millis(written).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for UnixMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnixMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|time| Self(time.timestamp_millis())).map_err(de::Error::custom)
    }
}

/// A length of time in whole milliseconds, at least one. In text, human notation: `500ms`, `30s`, `5m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// A span of this many milliseconds, or of one if there are fewer.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(if ms < 1 { 1 } else { ms })
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.0 / 1_000, self.0 % 1_000);
        match (seconds, ms) {
            (0, ms) => write!(f, "{ms}ms"),
            (seconds, 0) if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            (seconds, 0) if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            (seconds, 0) => write!(f, "{seconds}s"),
            (seconds, ms) => write!(f, "{seconds}s{ms}ms"),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text).map(|duration| Self::from_ms(millis(duration)))
    }
}

/// The wall clock as a value: a program reads the system's, a test sets its own. Clones tell the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::of(UnixMillis::now)
    }

    /// A clock that asks a function.
    #[must_use]
    pub fn of(now: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Reads a duration in human notation: `500ms`, `30s`, `5m`, `1h`, `7d`, `1h 30m`.
///
/// # Errors
/// What is wrong with the text; zero is refused too.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.contains(|it: char| it.is_ascii_uppercase()) {
        // Behind this is a parser to which 5M are five months.
        return Err("units are written in lower case, like 500ms, 30s, 5m, 1h, 7d".to_owned());
    }
    let duration =
        humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 500ms, 30s, 5m, 1h, 7d"))?;
    if duration.is_zero() {
        return Err("a duration above zero is needed".to_owned());
    }
    Ok(duration)
}

/// Like [`parse_duration`], but allows zero.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_duration_or_zero(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0ms") { Ok(Duration::ZERO) } else { parse_duration(text) }
}

/// The milliseconds of a duration, at most what an `i64` can hold.
#[must_use]
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// Ids in micro- and nanoseconds, and what no calendar has: the answer that holds one can still be read.
    #[test]
    fn every_time_that_is_written_can_be_read() {
        for ms in [0, -1, 253_402_300_799_999, 253_402_300_800_000, 1_700_000_000_000_000, i64::MAX, i64::MIN] {
            let written = serde_json::to_string(&UnixMillis(ms)).expect("a time");
            let read: UnixMillis = serde_json::from_str(&written).expect("a time");
            assert_eq!(read.0, ms.clamp(WRITTEN_MIN_MS, TIMESTAMP_MAX_MS), "{written}");
        }
    }

    #[test]
    fn a_duration_is_what_it_looks_like() {
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        for bad in ["5M", "1Y", "1H", "5", "-1s", "0s", "1h30", ""] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn clones_of_a_clock_tell_the_same_time() {
        let now = Arc::new(AtomicI64::new(1_000));
        let asked = Arc::clone(&now);
        let clock = Clock::of(move || UnixMillis(asked.load(Ordering::Relaxed)));
        let clone = clock.clone();
        now.store(2_000, Ordering::Relaxed);
        assert_eq!((clock.now(), clone.now()), (UnixMillis(2_000), UnixMillis(2_000)));
    }
}
