//! The time range of a question.

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::request::{BadParameter, Part, Query, Value, request};
use crate::codec::{TIMESTAMP_MAX_MS, timestamp_ms_from};
use crate::time::{Span, UnixMillis};

/// The length of the window of a question that gives none, in milliseconds; less if less is retained.
pub const DEFAULT_WINDOW_MS: i64 = 5 * 60 * 1000;

request! {
    /// The window of a question.
    #[derive(Copy)]
    pub struct WindowRequest {
        /// Length of the window, as `30s`, `5m` or `1h`; 5 minutes by default, and at most what is retained.
        pub length as "window": Option<Span>,
        /// Where the window ends: `latest` (default) is the newest event time counted, `watermark` the same with
        /// each event time bounded by its arrival, `now` the current time; otherwise a time in RFC 3339 or in Unix seconds.
        pub end: End,
    }
}

/// Where a window ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum End {
    /// At the newest event time counted; the pane that holds it is included.
    #[default]
    Latest,
    /// At the watermark; the pane that holds it is included. An antenna whose clock is ahead cannot move it.
    Watermark,
    /// At the current time.
    Now,
    /// At a given time from 1970 to the year 9999: the answer does not change with the clock.
    At(UnixMillis),
}

impl Value for End {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "latest" => return Ok(Self::Latest),
            "watermark" => return Ok(Self::Watermark),
            "now" => return Ok(Self::Now),
            _ => {}
        }
        // A plus sign of a time zone turns into a space in a query string.
        let rfc3339 = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).map(|time| time.timestamp_millis());
        let time_ms = rfc3339.ok().or_else(|| timestamp_ms_from(text.as_bytes()));
        match time_ms {
            Some(time_ms) if (0..=TIMESTAMP_MAX_MS).contains(&time_ms) => Ok(Self::At(UnixMillis(time_ms))),
            _ => Err("latest, watermark, now, RFC 3339 or Unix seconds is needed".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Latest => "latest".to_owned(),
            Self::Watermark => "watermark".to_owned(),
            Self::Now => "now".to_owned(),
            Self::At(time) => time.to_string(),
        }
    }

    fn when_absent() -> Option<Self> {
        Some(Self::Latest)
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).default(Some("latest".into()));
        let text = text.pattern(Some("^(latest|watermark|now|[0-9].*)$"));
        text.examples(["latest", "watermark", "now", "2023-02-11T22:40:05Z", "1676155205"]).into()
    }
}

/// A window that may be left out; the question is then about everything that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OptionalWindow {
    /// Its length.
    pub length: Span,
    /// Where it ends.
    pub end: End,
}

impl From<OptionalWindow> for WindowRequest {
    fn from(window: OptionalWindow) -> Self {
        Self { length: Some(window.length), end: window.end }
    }
}

impl Part for Option<OptionalWindow> {
    fn read(name: &'static str, query: &mut Query) -> Result<Self, BadParameter> {
        let length: Option<Span> = Part::read(name, query)?;
        let end: Option<End> = Part::read("end", query)?;
        match (length, end) {
            (Some(length), end) => Ok(Some(OptionalWindow { length, end: end.unwrap_or_default() })),
            (None, Some(_)) => Err(BadParameter::new("end", format!("it ends a window, so {name} is needed too"))),
            (None, None) => Ok(None),
        }
    }

    fn write(&self, name: &'static str, pairs: &mut Vec<(&'static str, String)>) {
        if let Some(window) = self {
            window.length.write(name, pairs);
            window.end.write("end", pairs);
        }
    }

    fn describe(name: &'static str, description: &str, parameters: &mut Vec<Parameter>) {
        Option::<Span>::describe(name, description, parameters);
        let end = "Where the window ends, as in the summary; only together with `window`.";
        Option::<End>::describe("end", end, parameters);
    }
}

/// A time of which the archive's files could not be read: what was measured in it is missing from the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// Its start.
    pub start: UnixMillis,
    /// Its end.
    pub end: UnixMillis,
    /// Why: `missing` and `damaged` files stay gaps, what is `away` may come back.
    pub reason: String,
}

/// The panes that an answer covers: `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WindowBounds {
    /// Start of the first pane.
    pub start: UnixMillis,
    /// End of the last pane.
    pub end: UnixMillis,
    /// Length in whole seconds; rounded down if panes are shorter than a second.
    pub seconds: u64,
}
