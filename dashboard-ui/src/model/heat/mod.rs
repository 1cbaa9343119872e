//! Health over time as colour: a strip for one antenna, a map for all of them.

mod map;
mod strip;

use std::fmt::Write;

use shared::api::{History, Limits, Status};

use super::Scene;
use crate::language::Language;

pub(crate) use map::{HeatLabel, HeatMap};
pub(super) use map::{antenna_href, heat_map};
pub(crate) use strip::Strip;
pub(super) use strip::strip;

/// The health of an antenna, or of a group of them, in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heat {
    /// Nothing was counted.
    Unknown,
    /// Healthy: almost nothing was lost, and latency is far below its threshold.
    Well,
    /// Healthy, near a threshold.
    Fair,
    /// Degraded: beyond a threshold.
    Degraded,
    /// Badly degraded: more than four times the loss that the threshold allows.
    Bad,
    /// Down: everything was lost.
    Down,
}

impl Heat {
    /// The drawn ones, mildest first.
    pub(crate) const DRAWN: [Self; 5] = [Self::Well, Self::Fair, Self::Degraded, Self::Bad, Self::Down];

    /// The CSS class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Unknown => "heat-unknown",
            Self::Well => "heat-well",
            Self::Fair => "heat-fair",
            Self::Degraded => "heat-degraded",
            Self::Bad => "heat-bad",
            Self::Down => "heat-down",
        }
    }

    /// The distance from the top of a strip to the top of its bar, as a share: worse is taller, so that colour is not the
    /// only cue.
    const fn top(self) -> f64 {
        match self {
            Self::Unknown => 1.0,
            Self::Well => 0.45,
            Self::Fair => 0.3,
            Self::Degraded => 0.15,
            Self::Bad => 0.05,
            Self::Down => 0.0,
        }
    }

    /// The CSS class of a mark on a chart.
    pub(crate) const fn mark_class(self) -> &'static str {
        match self {
            Self::Unknown => "mark-unknown",
            Self::Well => "mark-well",
            Self::Fair => "mark-fair",
            Self::Degraded => "mark-degraded",
            Self::Bad => "mark-bad",
            Self::Down => "mark-down",
        }
    }

    /// Judges the counts; by loss alone if no latency is given.
    pub(super) fn judge(readings: u64, sent: u64, lost: u64, latency_ms: Option<f64>, limits: &Limits) -> Self {
        let success = if sent > 0 { sent.saturating_sub(lost) as f64 / sent as f64 } else { 1.0 };
        let (loss, limit) = (1.0 - success, 1.0 - limits.degraded_success_rate);
        let latency_ms = latency_ms.unwrap_or_default();
        // The same comparisons as in analytics, so that both agree at the threshold itself.
        let is_degraded = success < limits.degraded_success_rate || latency_ms > limits.degraded_latency_ms;
        match () {
            () if readings == 0 => Self::Unknown,
            () if sent > 0 && lost == sent => Self::Down,
            () if loss > 4.0 * limit => Self::Bad,
            () if is_degraded => Self::Degraded,
            () if loss > 0.2 * limit || latency_ms > 0.6 * limits.degraded_latency_ms => Self::Fair,
            () => Self::Well,
        }
    }

    fn of(history: &History, step: usize, limits: &Limits) -> Self {
        let at = |column: &[u64]| column.get(step).copied().unwrap_or_default();
        let latency_ms = history.latency_mean_ms.get(step).copied().flatten();
        Self::judge(at(&history.readings), at(&history.packets_sent), at(&history.packets_lost), latency_ms, limits)
    }
}

/// Whether an antenna was down in a part of a step whose sums do not say so. Nothing milder counts: in a healthy network, a
/// pane in which one packet of ten is lost is common.
fn is_down_in_part(history: &History, step: usize, heat: Heat) -> bool {
    heat != Heat::Down && history.worst_status.get(step).copied().flatten() == Some(Status::Down)
}

/// A history in words: how many of its steps were bad, and how.
fn story(history: &History, scene: &Scene<'_>) -> String {
    let heats: Vec<Heat> = (0..history.readings.len()).map(|step| Heat::of(history, step, &scene.limits)).collect();
    let number = |wanted: &[Heat]| heats.iter().filter(|heat| wanted.contains(heat)).count();
    let (bad, down, unknown) = (number(&[Heat::Degraded, Heat::Bad]), number(&[Heat::Down]), number(&[Heat::Unknown]));
    let in_part = match (0..heats.len()).filter(|step| is_down_in_part(history, *step, heats[*step])).count() {
        0 => String::new(),
        steps => format!("{steps} {}, ", scene.text("down in part", "caídos en parte")),
    };
    let steps = heats.len();
    match scene.language() {
        Language::English => format!("{steps} steps: {bad} degraded, {down} down, {in_part}{unknown} without data"),
        Language::Spanish => format!("{steps} tramos: {bad} degradados, {down} caídos, {in_part}{unknown} sin datos"),
    }
}

fn push(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::CONTRACT_LIMITS;

    /// Readings, packets sent, packets lost, latency.
    pub(super) type Cell = (u64, u64, u64, Option<f64>);

    pub(super) fn judged((readings, sent, lost, latency_ms): Cell) -> Heat {
        Heat::judge(readings, sent, lost, latency_ms, &CONTRACT_LIMITS)
    }

    pub(super) fn history(cells: &[Cell]) -> History {
        History {
            readings: cells.iter().map(|cell| cell.0).collect(),
            packets_sent: cells.iter().map(|cell| cell.1).collect(),
            packets_lost: cells.iter().map(|cell| cell.2).collect(),
            latency_mean_ms: cells.iter().map(|cell| cell.3).collect(),
            worst_status: cells.iter().map(|cell| (cell.0 > 0).then_some(Status::Healthy)).collect(),
        }
    }

    pub(super) fn cell() -> impl Strategy<Value = Cell> {
        let latency = prop::option::of(prop_oneof![Just(20.0), Just(200.0), Just(600.0)]);
        (0..3_u64, 0..101_u64, 0..101_u64, latency).prop_map(|(readings, sent, lost, latency)| match readings {
            0 => (0, 0, 0, None),
            _ => (readings, sent, lost.min(sent), latency),
        })
    }

    #[test]
    fn heat_follows_the_thresholds() {
        for (cell, heat) in [
            ((0, 0, 0, None), Heat::Unknown),
            ((1, 0, 0, None), Heat::Well),
            ((1, 100, 0, Some(150.0)), Heat::Well),
            ((1, 100, 1, None), Heat::Well),
            ((1, 100, 2, None), Heat::Fair),
            ((1, 100, 0, Some(150.1)), Heat::Fair),
            ((1, 100, 5, Some(250.0)), Heat::Fair),
            ((1, 100, 6, None), Heat::Degraded),
            ((1, 100, 0, Some(250.1)), Heat::Degraded),
            ((1, 100, 0, Some(9000.0)), Heat::Degraded),
            ((1, 100, 21, None), Heat::Bad),
            ((1, 100, 99, Some(1.0)), Heat::Bad),
            ((1, 100, 100, None), Heat::Down),
            ((1, 1, 1, None), Heat::Down),
        ] {
            assert_eq!(judged(cell), heat, "{cell:?}");
        }
    }

    proptest! {
        #[test]
        fn hot_is_what_analytics_would_call_degraded_or_down(
            sent in 1..400_u64,
            lost in 0..400_u64,
            latency_ms in prop::option::of(prop_oneof![0.0..600.0, Just(250.0)]),
            percent in 1..100_u32,
        ) {
            let lost = lost.min(sent);
            let limits = Limits { degraded_success_rate: f64::from(percent) / 100.0, ..CONTRACT_LIMITS };
            let rate = (sent - lost) as f64 / sent as f64;
            let is_degraded = rate < limits.degraded_success_rate || latency_ms > Some(limits.degraded_latency_ms);
            let heat = Heat::judge(1, sent, lost, latency_ms, &limits);
            prop_assert_eq!(matches!(heat, Heat::Degraded | Heat::Bad | Heat::Down), is_degraded, "{:?}", heat);
        }
    }

    #[test]
    fn what_is_worse_is_taller() {
        assert!(Heat::DRAWN.is_sorted_by(|milder, worse| milder.top() > worse.top()));
        assert_eq!((Heat::Down.top(), Heat::Unknown.top()), (0.0, 1.0));
    }
}
