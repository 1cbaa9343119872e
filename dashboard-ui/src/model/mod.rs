//! What a page says: figures, a query and the time to plain texts and paths. Pure; components only place the result.

mod charts;
mod tiles;
mod verdict;
mod worst;

use shared::UnixMillis;

pub(crate) use charts::{Charts, LatencyChart, LossChart, StepRow};
pub(crate) use tiles::{Change, Judgement, Picture, Tile};
pub(crate) use verdict::{Level, Verdict};
pub(crate) use worst::WorstRow;

use crate::cache::{Loaded, Outcome};
use crate::format;
use crate::query::Query;
use crate::source::Figures;

/// Below this success rate an antenna is degraded. Analytics judges; this default of its setting only draws the line.
pub(crate) const DEGRADED_SUCCESS_RATE: f64 = 0.95;

/// Above this mean latency in milliseconds an antenna is degraded; see [`DEGRADED_SUCCESS_RATE`].
pub(crate) const DEGRADED_LATENCY_MS: f64 = 250.0;

/// Figures older than this are stale: analytics merges several times a second, and antennas report every few seconds.
const STALE_AFTER_MS: i64 = 30_000;

/// What there is to show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Screen {
    /// Figures, though they may be old.
    Overview(Box<Overview>),
    /// Analytics answers, and has not counted a reading yet.
    NoData,
    /// Analytics answers, though not for this range.
    Refused,
    /// Analytics does not answer, and never did as far as this process can tell.
    Away,
}

/// How the figures relate to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// They are current.
    Live,
    /// Nothing came for this many milliseconds.
    Stale(i64),
    /// Analytics does not answer any more.
    Away,
}

/// The overview.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Overview {
    /// How the figures relate to the present.
    pub(crate) condition: Condition,
    /// When the newest readings were merged.
    pub(crate) as_of: Moment,
    /// The whole in one sentence.
    pub(crate) verdict: Verdict,
    /// Latency, packets, success, antennas.
    pub(crate) tiles: Vec<Tile>,
    /// Latency and loss over time.
    pub(crate) charts: Charts,
    /// The worst antennas, worst first.
    pub(crate) worst: Vec<WorstRow>,
    /// The range in words.
    pub(crate) range: String,
}

/// A point in time, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// As the page shows it.
    pub(crate) text: String,
    /// RFC 3339.
    pub(crate) machine: String,
}

impl Moment {
    fn new(at: UnixMillis, now: UnixMillis) -> Self {
        Self { text: format::time_or_day(at, now), machine: at.to_string() }
    }
}

/// What there is to show for what was loaded.
pub(crate) fn screen(loaded: &Loaded, query: Query, now: UnixMillis) -> Screen {
    let is_away = loaded.outcome == Outcome::Away;
    let counted = loaded.figures.as_ref().and_then(|figures| Some((figures, figures.summary.as_of?)));
    match counted {
        _ if loaded.outcome == Outcome::Refused => Screen::Refused,
        Some((figures, as_of)) => {
            let condition = condition(as_of, is_away, now);
            Screen::Overview(Box::new(overview(figures, as_of, condition, query, now)))
        }
        None if is_away => Screen::Away,
        None => Screen::NoData,
    }
}

fn condition(as_of: UnixMillis, is_away: bool, now: UnixMillis) -> Condition {
    let age = now.0 - as_of.0;
    match (is_away, age > STALE_AFTER_MS) {
        (true, _) => Condition::Away,
        (false, true) => Condition::Stale(age),
        (false, false) => Condition::Live,
    }
}

fn overview(figures: &Figures, as_of: UnixMillis, condition: Condition, query: Query, now: UnixMillis) -> Overview {
    let as_of = Moment::new(as_of, now);
    Overview {
        condition,
        verdict: verdict::verdict(&figures.summary, condition, &as_of, query, now),
        tiles: tiles::tiles(figures),
        charts: charts::charts(&figures.series),
        worst: figures.worst.antennas.iter().map(|row| worst::worst_row(row, now)).collect(),
        range: format::range(query.window),
        as_of,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mock::Mock;

    pub(crate) const NOW: UnixMillis = UnixMillis(1_763_995_625_000); // 24 November 2025, 14:47:05 UTC

    pub(crate) fn figures() -> Figures {
        Mock.figures(Query::default(), NOW)
    }

    pub(crate) fn loaded(figures: Option<Figures>, is_away: bool) -> Loaded {
        let outcome = if is_away { Outcome::Away } else { Outcome::Answered };
        Loaded { figures: figures.map(Arc::new), outcome, version: 0 }
    }

    fn shown(loaded: &Loaded, now: UnixMillis) -> Screen {
        screen(loaded, Query::default(), now)
    }

    fn condition_of(screen: &Screen) -> Option<Condition> {
        if let Screen::Overview(overview) = screen { Some(overview.condition) } else { None }
    }

    #[test]
    fn figures_are_stale_only_after_half_a_minute() {
        let loaded = loaded(Some(figures()), false);
        let after = |seconds: i64| condition_of(&shown(&loaded, UnixMillis(NOW.0 + seconds * 1000)));
        assert_eq!(after(0), Some(Condition::Live));
        assert_eq!(after(30), Some(Condition::Live));
        assert_eq!(after(240), Some(Condition::Stale(240_000)));
        // The two clocks need not agree: figures from the future are current.
        assert_eq!(after(-60), Some(Condition::Live));
    }

    #[test]
    fn no_reading_yet_is_not_a_failure_and_a_failure_is_not_no_reading() {
        let mut empty = figures();
        empty.summary.as_of = None;
        assert_eq!(shown(&loaded(Some(empty.clone()), false), NOW), Screen::NoData);
        assert_eq!(shown(&loaded(Some(empty), true), NOW), Screen::Away);
        assert_eq!(shown(&loaded(None, true), NOW), Screen::Away);
        assert_eq!(condition_of(&shown(&loaded(Some(figures()), true), NOW)), Some(Condition::Away));
    }

    #[test]
    fn the_time_has_a_day_when_it_is_not_today() {
        let Screen::Overview(overview) = shown(&loaded(Some(figures()), false), UnixMillis(NOW.0 + 86_400_000)) else {
            panic!("there are figures");
        };
        assert_eq!(overview.as_of.text, "24 Nov 14:47");
        assert_eq!(overview.as_of.machine, "2025-11-24T14:47:05.000Z");
    }
}
