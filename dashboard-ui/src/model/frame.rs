//! What all pages share: how their figures relate to the present, and the ranges to choose from.

use shared::UnixMillis;
use shared::api::Summary;

use super::{Scene, hidden};
use crate::format;
use crate::language::Language;
use crate::query::{PRESETS, Range, duration_label};

/// Figures older than this are stale: analytics merges several times a second, and antennas report every few seconds.
const STALE_AFTER_MS: i64 = 30_000;

/// How the figures relate to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// They are current.
    Live,
    /// They are about a range that ended at a given time.
    Fixed,
    /// Nothing came for this many milliseconds.
    Stale(i64),
    /// Nothing came yet.
    Waiting,
    /// Analytics does not answer any more.
    Away,
}

/// What stands around a page's figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    /// How the figures relate to the present.
    pub(crate) condition: Condition,
    /// When the newest readings were merged; `None` before the first.
    pub(crate) as_of: Option<Moment>,
    /// The ranges.
    pub(crate) ranges: Ranges,
    /// The language.
    pub(crate) language: Language,
}

/// The ranges that a page offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// Each with its address, and whether it is the one shown. Those that analytics does not keep are left out.
    pub(crate) presets: Vec<(String, String, bool)>,
    /// Start and end of what is shown.
    pub(crate) start: Moment,
    /// See [`Self::start`].
    pub(crate) end: Moment,
    /// For the form that asks for other ends: what `<input type="datetime-local">` holds, and the earliest it may.
    pub(crate) inputs: [String; 3],
    /// What the form has to send along.
    pub(crate) hidden: Vec<(String, String)>,
    /// Where the form goes.
    pub(crate) action: &'static str,
    /// The address under which the same figures can be seen again.
    pub(crate) permalink: String,
    /// The address that is about the present again, where the page is not.
    pub(crate) latest: Option<String>,
}

/// A point in time, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// As the page shows it, in UTC.
    pub(crate) text: String,
    /// RFC 3339.
    pub(crate) machine: String,
    /// The form of the text, for who shows it in another time zone.
    pub(crate) form: &'static str,
}

/// A part of a sentence that holds times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Words.
    Text(String),
    /// A time.
    Time(Moment),
    /// The name of the time zone.
    Zone,
}

impl Moment {
    /// To the second.
    pub(crate) fn time(at: UnixMillis) -> Self {
        Self { text: format::time(at), machine: at.to_string(), form: "time" }
    }

    /// To the minute.
    pub(crate) fn minute(at: UnixMillis) -> Self {
        Self { text: format::time_to_the_minute(at), machine: at.to_string(), form: "minute" }
    }

    /// With its day.
    pub(crate) fn day(at: UnixMillis, language: Language) -> Self {
        Self { text: language.day(at), machine: at.to_string(), form: "day" }
    }

    /// To the second where it is within half a day, else with its day.
    pub(crate) fn near(at: UnixMillis, now: UnixMillis, language: Language) -> Self {
        const HALF_A_DAY_MS: i64 = 12 * 60 * 60 * 1000;
        if (now.0 - at.0).abs() < HALF_A_DAY_MS { Self::time(at) } else { Self::day(at, language) }
    }
}

impl Part {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl Frame {
    pub(super) fn new(scene: &Scene<'_>, as_of: Option<UnixMillis>, summary: &Summary, is_away: bool) -> Self {
        let language = scene.language();
        Self {
            condition: condition(scene, as_of, is_away),
            as_of: as_of.map(|as_of| Moment::near(as_of, scene.now, language)),
            ranges: ranges(scene, summary),
            language,
        }
    }
}

fn condition(scene: &Scene<'_>, as_of: Option<UnixMillis>, is_away: bool) -> Condition {
    let is_fixed = scene.address.query.range.end.is_some();
    match as_of.map(|as_of| scene.now.0 - as_of.0) {
        _ if is_away => Condition::Away,
        _ if is_fixed => Condition::Fixed,
        None => Condition::Waiting,
        Some(age) if age > STALE_AFTER_MS => Condition::Stale(age),
        Some(_) => Condition::Live,
    }
}

fn ranges(scene: &Scene<'_>, summary: &Summary) -> Ranges {
    let Scene { address, now, limits } = scene;
    let range = address.query.range;
    let is_kept = |window: &u32| f64::from(*window) <= limits.retention_seconds;
    let custom = Some(range.window).filter(|window| !PRESETS.contains(window) && range.end.is_none());
    let preset = |window: u32| {
        let is_shown = range == Range::latest(window);
        (duration_label(window), address.with_range(Range::latest(window)).href(), is_shown)
    };
    let (start, end) = (summary.window.start, summary.window.end);
    let oldest = limits.oldest.map_or_else(String::new, format::local_input);
    Ranges {
        presets: PRESETS.into_iter().filter(is_kept).chain(custom).map(preset).collect(),
        start: Moment::near(start, *now, scene.language()),
        end: Moment::near(end, *now, scene.language()),
        inputs: [format::local_input(start), format::local_input(end), oldest],
        hidden: hidden(address, &["window", "end", "page"]),
        action: address.query.page.kind().path(),
        permalink: address.with_range(Range { window: range.window, end: Some(end) }).href(),
        latest: range.end.map(|_| address.with_range(Range::latest(latest_window(range.window, is_kept))).href()),
    }
}

/// Back from a range that was zoomed into to one that the page offers: the shortest that is as long, else the longest.
fn latest_window(window: u32, is_kept: impl Fn(&u32) -> bool) -> u32 {
    let kept = || PRESETS.into_iter().filter(|preset| is_kept(preset));
    kept().find(|preset| *preset >= window).or_else(|| kept().last()).unwrap_or(window)
}
