//! Latency over time: lines for the network, a smoke chart for one antenna.

use std::ops::Range;

use shared::api::{Limits, Measures, Point, Series};

use super::scale::{
    filling_up, gap_sentence, gaps, highest, labels, last_week_key, last_week_sentence, lowest, period, scale,
    threshold,
};
use super::{Axis, Chart, closed, is_all_lost};
use crate::format;
use crate::language::Language;
use crate::model::Scene;
use crate::model::heat::Heat;
use crate::model::last_week::LastWeek;
use crate::plot::{self, Scale};

/// The chart of the network, with the mean of last week.
pub(super) fn network(series: &Series, last_week: Option<&LastWeek<'_>>, scene: &Scene<'_>) -> Chart {
    let word = scene.text("mean", "media");
    let before = last_week.map(|last_week| Before::of(last_week, word, |measures| measures.latency_ms.mean));
    chart(series, before, scene, lines)
}

/// The chart of one antenna, in the style of SmokePing (Oetiker and Rand, 2001): the darker the smoke, the more readings; the
/// marks are medians, coloured by loss. That of last week is a line.
pub(super) fn antenna(series: &Series, last_week: Option<&LastWeek<'_>>, scene: &Scene<'_>) -> Chart {
    let word = scene.text("median", "mediana");
    let before = last_week.map(|last_week| Before::of(last_week, word, |measures| measures.latency_ms.p50));
    chart(series, before, scene, smoke)
}

/// The latency that the same steps had a week before.
struct Before<'a> {
    last_week: &'a LastWeek<'a>,
    /// Which latency it is.
    word: &'static str,
    values: Vec<Option<f64>>,
}

impl<'a> Before<'a> {
    fn of(last_week: &'a LastWeek<'a>, word: &'static str, value: fn(&Measures) -> Option<f64>) -> Self {
        Self { last_week, word, values: last_week.values(value) }
    }

    fn sentence(&self, scene: &Scene<'_>) -> String {
        let language = scene.language();
        let course = lowest(&self.values).zip(highest(&self.values)).map(|(low, high)| {
            let (low, high) = (language.milliseconds(low), language.milliseconds(high));
            match language {
                Language::English => format!("{} between {low} and {high} ms", self.word),
                Language::Spanish => format!("{} entre {low} y {high} ms", self.word),
            }
        });
        last_week_sentence(course, scene)
    }
}

/// Paths and a legend, each with classes of the style sheet.
type Paths = (Vec<(&'static str, String)>, Vec<(&'static str, String)>);

fn chart(
    series: &Series,
    before: Option<Before<'_>>,
    scene: &Scene<'_>,
    paths: fn(&Values, Scale, &Scene<'_>) -> Paths,
) -> Chart {
    let (language, limit) = (scene.language(), scene.limits.degraded_latency_ms);
    let values = Values::of(&series.points, closed(series, scene));
    // The axis ignores outliers, which would flatten everything else; they are clipped at the top. It ignores open steps too.
    let own = highest(values.mean.iter().chain(&values.p99)).or_else(|| highest(&values.open));
    let highest_of = own.into_iter().chain(before.as_ref().and_then(|before| highest(&before.values))).reduce(f64::max);
    let (scale, y) = scale(highest_of, limit);
    let (mut paths, mut legend) = paths(&values, scale, scene);
    let nothing = highest_of.is_none().then(|| {
        legend.clear();
        match values.points.iter().any(|point| point.measures.packets_sent > 0) {
            true => scene.text("No packet came back", "No volvió ningún paquete"),
            false => scene.text("No data", "Sin datos"),
        }
    });
    if let Some(before) = &before {
        paths.insert(0, ("last-week", plot::line(&before.values, scale)));
        legend.push(last_week_key(before.last_week, scene));
    }
    let gaps = gaps(&values.points.iter().map(has_readings).collect::<Vec<_>>(), values.closed);
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
        let open = &values.open[values.closed..];
        let beyond = highest(open).filter(|highest| !scale.holds(*highest));
        legend.extend(filling_up(
            "line-open",
            open.len(),
            beyond.map(|highest| language.latency(Some(highest))),
            scene,
        ));
        let above = open.iter().flatten().filter(|latency| **latency > limit).count();
        legend.push(threshold(y, &format::with_unit(&format!("{limit:.0}"), "ms"), above, scene));
    }
    let period = period(series, language);
    let own = match lowest(&values.mean).zip(highest(&values.mean)) {
        Some((low, high)) => {
            let (low, high) = (language.milliseconds(low), language.milliseconds(high));
            let p95 = language.percentile(highest(&values.p95));
            let gaps = gap_sentence(&values.mean[..values.closed], language);
            match language {
                Language::English => {
                    format!("Latency {period}. Mean between {low} and {high} ms, 95th percentile up to {p95}.{gaps}")
                }
                Language::Spanish => {
                    format!("Latencia {period}. Media entre {low} y {high} ms, percentil 95 hasta {p95}.{gaps}")
                }
            }
        }
        None => match language {
            Language::English => format!("Latency {period}. No step has a latency."),
            Language::Spanish => format!("Latencia {period}. Ningún tramo tiene latencia."),
        },
    };
    Chart {
        name: "latency",
        title: language.text("Latency", "Latencia"),
        unit: "ms",
        axis: Axis::of(series, scene),
        labels: if nothing.is_some() { Vec::new() } else { labels(scale, "", language) },
        nothing,
        paths,
        legend,
        gaps,
        threshold: y,
        description: own + &before.map_or_else(String::new, |before| before.sentence(scene)),
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
    /// The means of the steps that are still filling up, which the others leave out, and of the one before them.
    open: Vec<Option<f64>>,
    /// How many steps are closed.
    closed: usize,
}

impl<'a> Values<'a> {
    fn of(points: &'a [Point], closed: usize) -> Self {
        let within = |steps: Range<usize>, value: fn(&Measures) -> Option<f64>| {
            let measures = points.iter().map(|point| value(&point.measures)).enumerate();
            measures.map(|(step, value)| value.filter(|_| steps.contains(&step))).collect::<Vec<_>>()
        };
        let values = |value| within(0..closed, value);
        let from = if closed < points.len() { closed.saturating_sub(1) } else { closed };
        Self {
            points,
            closed,
            open: within(from..points.len(), |measures| measures.latency_ms.mean),
            mean: values(|measures| measures.latency_ms.mean),
            min: values(|measures| measures.latency_ms.min),
            max: values(|measures| measures.latency_ms.max),
            p50: values(|measures| measures.latency_ms.p50),
            p95: values(|measures| measures.latency_ms.p95),
            p99: values(|measures| measures.latency_ms.p99),
        }
    }

    /// Where everything was lost there is no latency; that must not look like missing data.
    fn all_down(&self) -> String {
        let down = self.points.iter().take(self.closed).map(|point| is_all_lost(point).then_some(1.0));
        let open = self.points.iter().skip(self.closed).map(|_| None);
        plot::stretches(&down.chain(open).collect::<Vec<_>>())
    }
}

fn lines(values: &Values<'_>, scale: Scale, scene: &Scene<'_>) -> Paths {
    let paths = vec![
        ("all-down", values.all_down()),
        ("band", plot::band(&values.p50, &values.p95, scale)),
        ("p99", plot::line(&values.p99, scale)),
        ("p95", plot::line(&values.p95, scale)),
        ("mean", plot::line(&values.mean, scale)),
        ("open", plot::line(&values.open, scale)),
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
    let heats: Vec<Heat> = values.points[..values.closed].iter().map(|point| heat(point, &scene.limits)).collect();
    let medians: Vec<Option<f64>> = values.points.iter().map(|point| point.measures.latency_ms.p50).collect();
    for heat in Heat::DRAWN {
        let own = |step: usize| heats.get(step) == Some(&heat);
        let marks: Vec<Option<f64>> =
            medians.iter().enumerate().map(|(step, median)| median.filter(|_| own(step))).collect();
        paths.push((heat.mark_class(), plot::marks(&marks, scale)));
    }
    paths.push(("all-down", values.all_down()));
    let open = medians.iter().enumerate().map(|(step, median)| median.filter(|_| step >= values.closed));
    paths.push(("mark-open", plot::marks(&open.collect::<Vec<_>>(), scale)));
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
        let said = vec![("all-lost", "All packets lost for 4 min 50 s".to_owned())];
        assert_eq!((lost.nothing, lost.labels, lost.legend), (Some("No packet came back"), vec![], said));
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
