//! Latency and loss over time, as paths, labels, and rows of a table.

use shared::UnixMillis;
use shared::api::{Point, Series};

use super::{DEGRADED_LATENCY_MS, DEGRADED_SUCCESS_RATE};
use crate::format;
use crate::plot::{self, Scale};

/// How many stretches the time axis is divided into.
const TIME_STRETCHES: i64 = 4;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Values that reach this share of a threshold are near it.
const NEAR: f64 = 0.6;

/// The two charts and the table that says the same in numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Charts {
    /// Labels of the time axis, evenly spread from the window's start to its end.
    pub(crate) times: Vec<String>,
    pub(crate) latency: LatencyChart,
    pub(crate) loss: LossChart,
    /// One row a step, newest first.
    pub(crate) rows: Vec<StepRow>,
}

/// Mean and 95th percentile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LatencyChart {
    /// Labels of the axis, from the top down.
    pub(crate) labels: Vec<String>,
    pub(crate) mean: String,
    pub(crate) p95: String,
    pub(crate) band: String,
    pub(crate) gaps: String,
    /// Height of the threshold, where the axis reaches it.
    pub(crate) threshold: Option<f64>,
    /// The chart in words.
    pub(crate) description: String,
}

/// Share of packets lost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LossChart {
    /// See [`LatencyChart::labels`].
    pub(crate) labels: Vec<String>,
    /// Bars up to the threshold.
    pub(crate) usual: String,
    /// Bars above the threshold.
    pub(crate) high: String,
    /// Bars of the steps in which everything was lost.
    pub(crate) total: String,
    pub(crate) gaps: String,
    /// See [`LatencyChart::threshold`].
    pub(crate) threshold: Option<f64>,
    /// Packets lost in the window.
    pub(crate) lost: String,
    /// The chart in words.
    pub(crate) description: String,
}

/// One step in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepRow {
    pub(crate) time: String,
    pub(crate) mean: String,
    pub(crate) p95: String,
    pub(crate) delivered: String,
    pub(crate) lost: String,
    pub(crate) loss: String,
}

pub(super) fn charts(series: &Series) -> Charts {
    let (start, end) = (series.window.start, series.window.end);
    let period = format!("from {} to {} UTC", format::time(start), format::time(end));
    Charts {
        times: times(start, end),
        latency: latency_chart(&series.points, &period),
        loss: loss_chart(&series.points, &period),
        rows: series.points.iter().rev().map(step_row).collect(),
    }
}

fn times(start: UnixMillis, end: UnixMillis) -> Vec<String> {
    let length = end.0 - start.0;
    let label = match length {
        ..HOUR_MS => format::time,
        HOUR_MS..DAY_MS => format::time_to_the_minute,
        _ => format::day,
    };
    (0..=TIME_STRETCHES).map(|stretch| label(UnixMillis(start.0 + length * stretch / TIME_STRETCHES))).collect()
}

fn latency_chart(points: &[Point], period: &str) -> LatencyChart {
    let values = |value: fn(&Point) -> Option<f64>| points.iter().map(value).collect::<Vec<_>>();
    let mean = values(|point| point.measures.latency_ms.mean);
    let p95 = values(|point| point.measures.latency_ms.p95);
    let (scale, threshold) = scale(highest(mean.iter().chain(&p95)), DEGRADED_LATENCY_MS);
    LatencyChart {
        labels: labels(scale, ""),
        mean: plot::line(&mean, scale),
        p95: plot::line(&p95, scale),
        band: plot::band(&mean, &p95, scale),
        gaps: plot::gaps(&mean),
        threshold,
        description: match (lowest(&mean), highest(&mean)) {
            (Some(low), Some(high)) => format!(
                "Latency {period}. Mean between {} and {} ms, 95th percentile up to {}.{}",
                format::milliseconds(low),
                format::milliseconds(high),
                format::latency(highest(&p95)),
                gap_sentence(&mean),
            ),
            _ => format!("Latency {period}. No step has a latency."),
        },
    }
}

fn loss_chart(points: &[Point], period: &str) -> LossChart {
    let loss: Vec<Option<f64>> =
        points.iter().map(|point| point.measures.success_rate.map(|rate| (1.0 - rate) * 100.0)).collect();
    let limit = (1.0 - DEGRADED_SUCCESS_RATE) * 100.0;
    let (scale, threshold) = scale(highest(&loss).map(|highest| highest.max(1.0)), limit);
    let is_total = |loss: f64| loss >= 100.0;
    let lost: u64 = points.iter().map(|point| point.measures.packets_lost).sum();
    LossChart {
        labels: labels(scale, "%"),
        usual: plot::bars(&loss, scale, |loss| loss <= limit),
        high: plot::bars(&loss, scale, |loss| loss > limit && !is_total(loss)),
        total: plot::bars(&loss, scale, is_total),
        gaps: plot::gaps(&loss),
        threshold,
        lost: if loss.iter().all(Option::is_none) { format::UNKNOWN.to_owned() } else { format::count(lost) },
        description: match highest(&loss) {
            Some(high) => format!(
                "Packet loss {period}. {} packets lost, at most {high:.2} % in a step; {} above the threshold of {limit:.0} %.{}",
                format::count(lost),
                steps(loss.iter().flatten().filter(|loss| **loss > limit).count()),
                gap_sentence(&loss),
            ),
            None => format!("Packet loss {period}. No step has packets."),
        },
    }
}

fn step_row(point: &Point) -> StepRow {
    let measures = &point.measures;
    let count = |number| if measures.readings > 0 { format::count(number) } else { format::UNKNOWN.to_owned() };
    StepRow {
        time: format::time(point.start),
        mean: format::latency(measures.latency_ms.mean),
        p95: format::latency(measures.latency_ms.p95),
        delivered: count(measures.packets_delivered),
        lost: count(measures.packets_lost),
        loss: format::percent(measures.success_rate.map(|rate| 1.0 - rate)),
    }
}

/// The axis, and where on it the threshold is. An axis far below the threshold is not stretched up to it: what the
/// values do would no longer be seen.
fn scale(highest: Option<f64>, limit: f64) -> (Scale, Option<f64>) {
    let highest = highest.unwrap_or_default();
    let is_near = highest >= limit * NEAR;
    let scale = Scale::from_zero_to(if is_near { highest.max(limit * 1.1) } else { highest });
    (scale, is_near.then(|| scale.y(limit)))
}

fn labels(scale: Scale, unit: &str) -> Vec<String> {
    let (ticks, step) = scale.ticks();
    ticks.into_iter().map(|tick| format!("{}{unit}", format::axis_number(tick, step))).collect()
}

fn gap_sentence(values: &[Option<f64>]) -> String {
    match values.iter().filter(|value| value.is_none()).count() {
        0 => String::new(),
        gaps => format!(" {} without data.", steps(gaps)),
    }
}

fn steps(number: usize) -> String {
    format::plural(number as u64, "step", "steps")
}

fn highest<'a>(values: impl IntoIterator<Item = &'a Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().copied().reduce(f64::max)
}

fn lowest<'a>(values: impl IntoIterator<Item = &'a Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().copied().reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use shared::api::Measures;

    use super::*;
    use crate::model::tests::figures;

    fn with_step(index: usize, measures: Measures) -> Charts {
        let mut series = figures().series;
        series.points[index].measures = measures;
        charts(&series)
    }

    #[test]
    fn a_step_without_readings_is_a_gap_and_never_zero() {
        let charts = with_step(30, Measures::default());
        assert_eq!(charts.latency.gaps, "M300 0h10v200h-10z");
        assert_eq!(charts.loss.gaps, charts.latency.gaps);
        assert_eq!(charts.latency.mean.matches('M').count(), 2, "the line is broken");
        let row = &charts.rows[29];
        assert_eq!((row.mean.as_str(), row.lost.as_str(), row.loss.as_str()), ("–", "–", "–"));
        assert!(charts.latency.description.ends_with("1 step without data."));
    }

    #[test]
    fn a_step_in_which_all_was_lost_stands_out() {
        let all_lost = Measures {
            readings: 5,
            packets_sent: 500,
            packets_lost: 500,
            success_rate: Some(0.0),
            ..Measures::default()
        };
        let charts = with_step(3, all_lost);
        assert_eq!(charts.loss.total, "M31.2 200V0h7.6V200z", "it reaches the top");
        assert!(!charts.loss.high.contains("M31.2 "), "it is told apart from what is merely high");
        assert_eq!(charts.loss.labels[0], "100%");
        assert_eq!(charts.rows[56].loss, "100\u{202f}%");
    }

    #[test]
    fn the_threshold_is_drawn_where_values_come_near_it() {
        let mut series = figures().series;
        for point in &mut series.points {
            point.measures.success_rate = Some(0.999);
        }
        assert_eq!(charts(&series).loss.threshold, None);
        assert_eq!(charts(&series).loss.labels[0], "1.00%");
        series.points[7].measures.success_rate = Some(0.969);
        assert!(charts(&series).loss.threshold.is_some());
    }

    #[test]
    fn a_window_has_its_times() {
        let charts = charts(&figures().series);
        assert_eq!(charts.times, ["14:42:05", "14:43:20", "14:44:35", "14:45:50", "14:47:05"]);
        assert_eq!(charts.rows.len(), 60);
        assert_eq!(charts.rows[0].time, "14:47:00", "the newest step is first");
    }

    #[test]
    fn an_empty_series_is_a_chart_without_lines() {
        let mut series = figures().series;
        series.points.clear();
        let charts = charts(&series);
        assert_eq!((charts.latency.mean.as_str(), charts.loss.lost.as_str()), ("", "–"));
        assert!(charts.latency.description.ends_with("No step has a latency."));
    }
}
