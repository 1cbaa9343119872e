//! Latency over time: lines for the network, a smoke chart for one antenna.

use shared::api::{Limits, Measures, Point, Series};

use super::scale::{gap_sentence, highest, labels, lowest, missing, period, scale, threshold};
use super::{Axis, Chart};
use crate::format;
use crate::language::Language;
use crate::model::Scene;
use crate::model::heat::Heat;
use crate::plot::{self, Scale};

/// The chart of the network.
pub(super) fn network(series: &Series, scene: &Scene<'_>) -> Chart {
    chart(series, scene, lines)
}

/// The chart of one antenna, in the style of SmokePing (Oetiker and Rand, 2001): the darker the smoke, the more readings; the
/// marks are medians, coloured by loss.
pub(super) fn antenna(series: &Series, scene: &Scene<'_>) -> Chart {
    chart(series, scene, smoke)
}

/// Paths and a legend, each with classes of the style sheet.
type Paths = (Vec<(&'static str, String)>, Vec<(&'static str, String)>);

fn chart(series: &Series, scene: &Scene<'_>, paths: fn(&Values, Scale, &Scene<'_>) -> Paths) -> Chart {
    let (language, limit) = (scene.language(), scene.limits.degraded_latency_ms);
    let values = Values::of(&series.points);
    // The axis ignores outliers, which would flatten everything else; they are clipped at the top.
    let highest_of = highest(values.mean.iter().chain(&values.p99));
    let (scale, y) = scale(highest_of, limit);
    let (mut paths, mut legend) = paths(&values, scale, scene);
    let nothing = highest_of.is_none().then(|| {
        legend.clear();
        match values.points.iter().any(|point| point.measures.packets_sent > 0) {
            true => scene.text("No packet came back", "No volvió ningún paquete"),
            false => scene.text("No data", "Sin datos"),
        }
    });
    let gaps = plot::stretches(&missing(&values.points.iter().map(has_readings).collect::<Vec<_>>()));
    if !gaps.is_empty() {
        legend.push(("gap", scene.text("no data", "sin datos").to_owned()));
    }
    let revised: Vec<Option<f64>> = series.points.iter().map(|point| point.revised.then_some(0.0)).collect();
    let revised = plot::dots(&revised, Scale::from_zero_to(1.0));
    if !revised.is_empty() {
        legend
            .push(("dot-revised", scene.text("revised by late readings", "revisado por lecturas tardías").to_owned()));
        paths.push(("revised", revised));
    }
    if nothing.is_none() {
        legend.push(threshold(y, &format::with_unit(&format!("{limit:.0}"), "ms"), scene));
    }
    let period = period(series, language);
    Chart {
        name: "latency",
        title: language.text("Latency", "Latencia"),
        unit: "ms",
        axis: Axis::of(series, language),
        labels: if nothing.is_some() { Vec::new() } else { labels(scale, "", language) },
        nothing,
        paths,
        legend,
        gaps,
        threshold: y,
        description: match (lowest(&values.mean), highest(&values.mean), language) {
            (Some(low), Some(high), Language::English) => format!(
                "Latency {period}. Mean between {} and {} ms, 95th percentile up to {}.{}",
                language.milliseconds(low),
                language.milliseconds(high),
                language.latency(highest(&values.p95)),
                gap_sentence(&values.mean, language),
            ),
            (Some(low), Some(high), Language::Spanish) => format!(
                "Latencia {period}. Media entre {} y {} ms, percentil 95 hasta {}.{}",
                language.milliseconds(low),
                language.milliseconds(high),
                language.latency(highest(&values.p95)),
                gap_sentence(&values.mean, language),
            ),
            (_, _, Language::English) => format!("Latency {period}. No step has a latency."),
            (_, _, Language::Spanish) => format!("Latencia {period}. Ningún tramo tiene latencia."),
        },
    }
}

/// The latencies of a series, step by step.
struct Values<'a> {
    points: &'a [Point],
    mean: Vec<Option<f64>>,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    p50: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
    p99: Vec<Option<f64>>,
}

impl<'a> Values<'a> {
    fn of(points: &'a [Point]) -> Self {
        let values = |value: fn(&Measures) -> Option<f64>| points.iter().map(|point| value(&point.measures)).collect();
        Self {
            points,
            mean: values(|measures| measures.latency_ms.mean),
            min: values(|measures| measures.latency_ms.min),
            max: values(|measures| measures.latency_ms.max),
            p50: values(|measures| measures.latency_ms.p50),
            p95: values(|measures| measures.latency_ms.p95),
            p99: values(|measures| measures.latency_ms.p99),
        }
    }
}

fn lines(values: &Values<'_>, scale: Scale, scene: &Scene<'_>) -> Paths {
    let paths = vec![
        ("band", plot::band(&values.p50, &values.p95, scale)),
        ("p99", plot::line(&values.p99, scale)),
        ("p95", plot::line(&values.p95, scale)),
        ("mean", plot::line(&values.mean, scale)),
    ];
    let legend = vec![
        ("line-mean", scene.text("mean", "media").to_owned()),
        ("line-band", scene.text("p50 to p95", "p50 a p95").to_owned()),
        ("line-p99", "p99".to_owned()),
    ];
    (paths, legend)
}

fn smoke(values: &Values<'_>, scale: Scale, scene: &Scene<'_>) -> Paths {
    let mut paths = vec![
        ("smoke", plot::band(&values.min, &values.max, scale)),
        ("smoke", plot::band(&values.min, &values.p99, scale)),
        ("smoke", plot::band(&values.min, &values.p95, scale)),
    ];
    let heats: Vec<Heat> = values.points.iter().map(|point| heat(point, &scene.limits)).collect();
    for heat in Heat::DRAWN {
        let marks: Vec<Option<f64>> =
            values.p50.iter().zip(&heats).map(|(median, own)| median.filter(|_| *own == heat)).collect();
        paths.push((heat.mark_class(), plot::marks(&marks, scale)));
    }
    // Where everything was lost there is no latency; that must not look like missing data.
    let down: Vec<Option<f64>> = heats.iter().map(|heat| (*heat == Heat::Down).then_some(1.0)).collect();
    paths.push(("all-down", plot::stretches(&down)));
    paths.retain(|(_, path)| !path.is_empty());
    let legend = vec![
        ("line-smoke", scene.text("min to max", "mín. a máx.").to_owned()),
        ("line-median", scene.text("median, coloured by loss", "mediana, color según la pérdida").to_owned()),
    ];
    (paths, legend)
}

/// The loss in a step; the chart itself shows the latency.
fn heat(point: &Point, limits: &Limits) -> Heat {
    let measures = &point.measures;
    Heat::judge(measures.readings, measures.packets_sent, measures.packets_lost, None, limits)
}

fn has_readings(point: &Point) -> Option<f64> {
    (point.measures.readings > 0).then_some(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_lost, charted, path, smoke};
    use super::*;
    use crate::model::tests::{antenna, overview};

    #[test]
    fn a_chart_without_a_value_has_no_axis_and_says_why() {
        let mut series = overview().series;
        for point in &mut series.points {
            (point.measures, point.revised) = (all_lost(), false);
        }
        let lost = charted(&series).latency;
        assert_eq!((lost.nothing, lost.labels, lost.legend), (Some("No packet came back"), vec![], vec![]));
        for point in &mut series.points {
            point.measures = Measures::default();
        }
        let nothing = charted(&series).latency;
        assert_eq!((nothing.nothing, nothing.legend), (Some("No data"), vec![("gap", "no data".to_owned())]));
        assert_eq!(charted(&overview().series).latency.nothing, None);
    }

    #[test]
    fn each_median_has_one_mark_and_its_colour_is_what_was_lost() {
        let mut series = antenna("airport-west").series;
        for (point, lost) in series.points.iter_mut().zip([0, 2, 6, 30]) {
            (point.measures.packets_sent, point.measures.packets_lost) = (100, lost);
        }
        let charts = smoke(&series);
        let x = |class| path(&charts.latency, class).split(' ').next().unwrap_or_default().to_owned();
        assert_eq!(
            [x("mark-well"), x("mark-fair"), x("mark-degraded"), x("mark-bad")],
            ["M1.2", "M11.2", "M21.2", "M31.2"]
        );
        let marks = charts.latency.paths.iter().filter(|(class, _)| class.starts_with("mark-"));
        let known = series.points.iter().filter(|point| point.measures.latency_ms.p50.is_some()).count();
        assert_eq!(marks.map(|(_, path)| path.matches('M').count()).sum::<usize>(), known);
    }

    #[test]
    fn in_the_smoke_a_step_in_which_all_was_lost_is_no_gap() {
        let mut series = antenna("airport-west").series;
        series.points[3].measures = all_lost();
        series.points[4].measures = Measures::default();
        let charts = smoke(&series);
        assert_eq!(path(&charts.latency, "all-down"), "M30 0h10v200h-10z");
        assert_eq!(charts.latency.gaps, "M40 0h10v200h-10z");
    }
}
