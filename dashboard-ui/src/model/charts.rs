//! Latency and loss over time, as paths, labels, and rows of a table.

use shared::UnixMillis;
use shared::api::{Limits, Measures, Point, Series};

use super::heat::Heat;
use super::{Moment, Scene};
use crate::format;
use crate::language::Language;
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
    pub(crate) axis: Axis,
    pub(crate) latency: LatencyChart,
    pub(crate) loss: LossChart,
    /// Heads of the table's columns.
    pub(crate) columns: Vec<&'static str>,
    /// One row a step, newest first.
    pub(crate) rows: Vec<StepRow>,
    /// The address of the same as a file.
    pub(crate) csv: String,
}

/// The time axis that charts share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Labels, evenly spread from the window's start to its end.
    pub(crate) times: Vec<Moment>,
    /// Start of the window in milliseconds since the epoch.
    pub(crate) start_ms: i64,
    /// End of the window in milliseconds since the epoch.
    pub(crate) end_ms: i64,
    /// Length of a step in milliseconds.
    pub(crate) step_ms: i64,
}

/// Latency: bands and lines, from the back to the front, each with its class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LatencyChart {
    /// Labels of the axis, from the top down.
    pub(crate) labels: Vec<String>,
    /// Bands, lines and marks, from the back to the front: a class and a path.
    pub(crate) paths: Vec<(&'static str, String)>,
    /// What the legend says: a class and its words.
    pub(crate) legend: Vec<(&'static str, &'static str)>,
    pub(crate) gaps: String,
    /// Dots at the steps that late readings have revised.
    pub(crate) revised: String,
    /// The threshold.
    pub(crate) threshold: Threshold,
    /// Why nothing is drawn, where nothing is.
    pub(crate) nothing: Option<&'static str>,
    /// The chart in words.
    pub(crate) description: String,
}

/// What antennas are judged by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    /// Its height; `None` where the axis ends below it.
    pub(crate) y: Option<f64>,
    /// It in words.
    pub(crate) words: String,
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
    /// The threshold.
    pub(crate) threshold: Threshold,
    /// Packets lost in the window.
    pub(crate) lost: String,
    /// The chart in words.
    pub(crate) description: String,
}

/// One step in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepRow {
    pub(crate) time: Moment,
    /// As many as there are columns after the first.
    pub(crate) cells: Vec<String>,
    pub(crate) is_revised: bool,
}

/// The charts of the network.
pub(super) fn charts(series: &Series, scene: &Scene<'_>) -> Charts {
    with_latency(series, scene, network_paths)
}

/// The charts of one antenna: latency as smoke, after SmokePing (Oetiker and Rand, 2001). The darker the smoke, the more
/// readings are in it; the marks are medians, coloured by what was lost.
pub(super) fn antenna_charts(series: &Series, scene: &Scene<'_>) -> Charts {
    with_latency(series, scene, smoke_paths)
}

type Paths = (Vec<(&'static str, String)>, Vec<(&'static str, &'static str)>);

fn with_latency(series: &Series, scene: &Scene<'_>, paths: fn(&Values, Scale, &Scene<'_>) -> Paths) -> Charts {
    let language = scene.language();
    Charts {
        axis: axis(series, language),
        latency: latency_chart(series, scene, paths),
        loss: loss_chart(series, scene),
        columns: vec![
            language.text("From", "Desde"),
            language.text("Mean", "Media"),
            "p50",
            "p95",
            "p99",
            language.text("Delivered", "Entregados"),
            language.text("Lost", "Perdidos"),
            language.text("Loss", "Pérdida"),
        ],
        rows: series.points.iter().rev().map(|point| step_row(point, scene)).collect(),
        csv: format!("/csv{}", scene.address.href()),
    }
}

fn axis(series: &Series, language: Language) -> Axis {
    let (start, end) = (series.window.start, series.window.end);
    let length = end.0 - start.0;
    let label = |at| match length {
        ..HOUR_MS => Moment::time(at),
        HOUR_MS..DAY_MS => Moment::minute(at),
        _ => Moment::day(at, language),
    };
    Axis {
        times: (0..=TIME_STRETCHES)
            .map(|stretch| label(UnixMillis(start.0 + length * stretch / TIME_STRETCHES)))
            .collect(),
        start_ms: start.0,
        end_ms: end.0,
        step_ms: (series.step_seconds * 1000.0) as i64,
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

fn network_paths(values: &Values<'_>, scale: Scale, scene: &Scene<'_>) -> Paths {
    let paths = vec![
        ("band", plot::band(&values.p50, &values.p95, scale)),
        ("p99", plot::line(&values.p99, scale)),
        ("p95", plot::line(&values.p95, scale)),
        ("mean", plot::line(&values.mean, scale)),
    ];
    let legend = vec![
        ("line-mean", scene.text("mean", "media")),
        ("line-band", scene.text("p50 to p95", "p50 a p95")),
        ("line-p99", "p99"),
    ];
    (paths, legend)
}

fn smoke_paths(values: &Values<'_>, scale: Scale, scene: &Scene<'_>) -> Paths {
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
    // Where everything was lost there is no latency, and that must not look like a gap.
    let down: Vec<Option<f64>> = heats.iter().map(|heat| (*heat == Heat::Down).then_some(1.0)).collect();
    paths.push(("all-down", plot::stretches(&down)));
    paths.retain(|(_, path)| !path.is_empty());
    let legend = vec![
        ("line-smoke", scene.text("min to max", "mín. a máx.")),
        ("line-median", scene.text("median, coloured by loss", "mediana, color según la pérdida")),
    ];
    (paths, legend)
}

/// What was lost in a step; latency is what the chart shows anyway.
fn heat(point: &Point, limits: &Limits) -> Heat {
    let measures = &point.measures;
    Heat::judge(measures.readings, measures.packets_sent, measures.packets_lost, None, limits)
}

fn latency_chart(series: &Series, scene: &Scene<'_>, paths: fn(&Values, Scale, &Scene<'_>) -> Paths) -> LatencyChart {
    let (language, limit) = (scene.language(), scene.limits.degraded_latency_ms);
    let values = Values::of(&series.points);
    // Without the few that stand out, or they would flatten all others; what is cut off ends at the top.
    let highest_of = highest(values.mean.iter().chain(&values.p99));
    let (scale, y) = scale(highest_of, limit);
    let (paths, mut legend) = paths(&values, scale, scene);
    let nothing = highest_of.is_none().then(|| {
        legend.clear();
        match values.points.iter().any(|point| point.measures.packets_sent > 0) {
            true => scene.text("No packet came back", "No volvió ningún paquete"),
            false => scene.text("No data", "Sin datos"),
        }
    });
    let gaps = plot::stretches(&missing(&values.points.iter().map(has_readings).collect::<Vec<_>>()));
    if !gaps.is_empty() {
        legend.push(("gap", scene.text("no data", "sin datos")));
    }
    let revised: Vec<Option<f64>> = series.points.iter().map(|point| point.revised.then_some(0.0)).collect();
    let revised = plot::dots(&revised, Scale::from_zero_to(1.0));
    if !revised.is_empty() {
        legend.push(("dot-revised", scene.text("revised by late readings", "revisado por lecturas tardías")));
    }
    let period = period(series, language);
    LatencyChart {
        labels: if nothing.is_some() { Vec::new() } else { labels(scale, "", language) },
        nothing,
        paths,
        legend,
        gaps,
        revised,
        threshold: threshold(y, &format::with_unit(&format!("{limit:.0}"), "ms"), scene),
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

fn loss_chart(series: &Series, scene: &Scene<'_>) -> LossChart {
    let (points, language) = (&series.points, scene.language());
    let loss: Vec<Option<f64>> =
        points.iter().map(|point| point.measures.success_rate.map(|rate| (1.0 - rate) * 100.0)).collect();
    let limit = (1.0 - scene.limits.degraded_success_rate) * 100.0;
    let (scale, y) = scale(highest(&loss).map(|highest| highest.max(1.0)), limit);
    let is_total = |loss: f64| loss >= 100.0;
    let lost: u64 = points.iter().map(|point| point.measures.packets_lost).sum();
    let above = steps(loss.iter().flatten().filter(|loss| **loss > limit).count(), language);
    let period = period(series, language);
    LossChart {
        labels: labels(scale, "%", language),
        usual: plot::bars(&loss, scale, |loss| loss <= limit),
        high: plot::bars(&loss, scale, |loss| loss > limit && !is_total(loss)),
        total: plot::bars(&loss, scale, is_total),
        gaps: plot::stretches(&missing(&loss)),
        threshold: threshold(y, &format::with_unit(&language.fixed(limit, decimals(limit)), "%"), scene),
        lost: if loss.iter().all(Option::is_none) { format::UNKNOWN.to_owned() } else { format::count(lost) },
        description: match (highest(&loss), language) {
            (Some(high), Language::English) => format!(
                "Packet loss {period}. {} packets lost, at most {high:.2} % in a step; {above} above the threshold of {limit:.0} %.{}",
                format::count(lost),
                gap_sentence(&loss, language),
            ),
            (Some(high), Language::Spanish) => format!(
                "Pérdida de paquetes {period}. {} paquetes perdidos, como máximo {} % en un tramo; {above} por encima del umbral de {limit:.0} %.{}",
                format::count(lost),
                language.fixed(high, 2),
                gap_sentence(&loss, language),
            ),
            (None, Language::English) => format!("Packet loss {period}. No step has packets."),
            (None, Language::Spanish) => format!("Pérdida de paquetes {period}. Ningún tramo tiene paquetes."),
        },
    }
}

fn step_row(point: &Point, scene: &Scene<'_>) -> StepRow {
    let (measures, language) = (&point.measures, scene.language());
    let latency = &measures.latency_ms;
    let count = |number| format::count_if_known((measures.readings > 0).then_some(number));
    StepRow {
        time: Moment::near(point.start, scene.now, language),
        cells: vec![
            language.latency(latency.mean),
            language.latency(latency.p50),
            language.latency(latency.p95),
            language.latency(latency.p99),
            count(measures.packets_delivered),
            count(measures.packets_lost),
            language.percent(measures.success_rate.map(|rate| 1.0 - rate)),
        ],
        is_revised: point.revised,
    }
}

fn period(series: &Series, language: Language) -> String {
    let (start, end) = (format::time(series.window.start), format::time(series.window.end));
    match language {
        Language::English => format!("from {start} to {end} UTC"),
        Language::Spanish => format!("de {start} a {end} UTC"),
    }
}

/// The words tell of a threshold that is not drawn, too.
fn threshold(y: Option<f64>, limit: &str, scene: &Scene<'_>) -> Threshold {
    let words = match y {
        Some(_) => scene.text("threshold", "umbral"),
        None => scene.text("all far below the threshold of", "todo muy por debajo del umbral de"),
    };
    Threshold { y, words: format!("{words} {limit}") }
}

/// The axis, and where on it the threshold is. An axis far below the threshold is not stretched up to it: what the
/// values do would no longer be seen.
fn scale(highest: Option<f64>, limit: f64) -> (Scale, Option<f64>) {
    let highest = highest.unwrap_or_default();
    let is_near = highest >= limit * NEAR;
    let scale = Scale::from_zero_to(if is_near { highest.max(limit * 1.1) } else { highest });
    (scale, is_near.then(|| scale.y(limit)))
}

fn labels(scale: Scale, unit: &str, language: Language) -> Vec<String> {
    let (ticks, step) = scale.ticks();
    ticks.into_iter().map(|tick| format!("{}{unit}", language.axis_number(tick, step))).collect()
}

fn has_readings(point: &Point) -> Option<f64> {
    (point.measures.readings > 0).then_some(1.0)
}

/// A value where there is none, and none where there is one.
fn missing(values: &[Option<f64>]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.is_none().then_some(1.0)).collect()
}

const fn decimals(number: f64) -> usize {
    if (number - number.round()).abs() < 1e-9 { 0 } else { 1 }
}

fn gap_sentence(values: &[Option<f64>], language: Language) -> String {
    match values.iter().filter(|value| value.is_none()).count() {
        0 => String::new(),
        gaps => format!(" {} {}", steps(gaps, language), language.text("without data.", "sin datos.")),
    }
}

fn steps(number: usize, language: Language) -> String {
    language.plural(number as u64, ["step", "steps"], ["tramo", "tramos"])
}

fn highest<'a>(values: impl IntoIterator<Item = &'a Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().copied().reduce(f64::max)
}

fn lowest<'a>(values: impl IntoIterator<Item = &'a Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().copied().reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{address, address_in, antenna, overview, scene};

    fn charted(series: &Series) -> Charts {
        charts(series, &scene(&address("/")))
    }

    fn with_step(index: usize, measures: Measures) -> Charts {
        let mut series = overview().series;
        series.points[index].measures = measures;
        charted(&series)
    }

    fn smoke(series: &Series) -> Charts {
        antenna_charts(series, &scene(&address("/antenna?id=x")))
    }

    fn path<'a>(chart: &'a LatencyChart, class: &str) -> &'a str {
        chart.paths.iter().find(|(own, _)| *own == class).map_or("", |(_, path)| path)
    }

    fn all_lost() -> Measures {
        Measures { readings: 5, packets_sent: 500, packets_lost: 500, success_rate: Some(0.0), ..Measures::default() }
    }

    #[test]
    fn a_step_without_readings_is_a_gap_and_never_zero() {
        let charts = with_step(30, Measures::default());
        assert_eq!(charts.latency.gaps, "M300 0h10v200h-10z");
        assert_eq!(charts.loss.gaps, charts.latency.gaps);
        assert_eq!(path(&charts.latency, "mean").matches('M').count(), 2, "the line is broken");
        assert!(charts.rows[29].cells.iter().all(|cell| cell == "–"), "{:?}", charts.rows[29]);
        assert!(charts.latency.description.ends_with("1 step without data."));
    }

    #[test]
    fn a_step_in_which_all_was_lost_stands_out() {
        let charts = with_step(3, all_lost());
        assert_eq!(charts.loss.total, "M31.2 200V0h7.6V200z", "it reaches the top");
        assert!(!charts.loss.high.contains("M31.2 "), "it is told apart from what is merely high");
        assert_eq!(charts.loss.labels[0], "100%");
        assert_eq!(charts.rows[56].cells.last().unwrap(), "100\u{202f}%");
    }

    #[test]
    fn the_threshold_is_drawn_where_values_come_near_it() {
        let mut series = overview().series;
        for point in &mut series.points {
            point.measures.success_rate = Some(0.999);
        }
        let far = charted(&series).loss.threshold;
        assert_eq!((far.y, &*far.words), (None, "all far below the threshold of 5\u{202f}%"));
        assert_eq!(charted(&series).loss.labels[0], "1.00%");
        series.points[7].measures.success_rate = Some(0.969);
        let near = charted(&series).loss.threshold;
        assert_eq!((near.y.is_some(), &*near.words), (true, "threshold 5\u{202f}%"));
    }

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
        assert_eq!((nothing.nothing, nothing.legend), (Some("No data"), vec![("gap", "no data")]));
        assert_eq!(charted(&overview().series).latency.nothing, None);
    }

    #[test]
    fn a_window_has_its_times() {
        let charts = charted(&overview().series);
        let times: Vec<&str> = charts.axis.times.iter().map(|moment| &*moment.text).collect();
        assert_eq!(times, ["14:42:05", "14:43:20", "14:44:35", "14:45:50", "14:47:05"]);
        assert_eq!(charts.rows.len(), 60);
        assert_eq!(charts.rows[0].time.text, "14:47:00", "the newest step is first");
    }

    #[test]
    fn the_table_has_a_row_for_each_step_that_is_drawn_and_a_cell_for_each_column() {
        for charts in [charted(&overview().series), smoke(&antenna("airport-west").series)] {
            let Axis { start_ms, end_ms, step_ms, .. } = charts.axis;
            assert_eq!(charts.rows.len() as i64, (end_ms - start_ms + step_ms - 1) / step_ms);
            assert!(charts.rows.iter().all(|row| row.cells.len() + 1 == charts.columns.len()));
            let starts = charts.rows.iter().rev().map(|row| &row.time.machine);
            assert!(
                starts.eq((0..60)
                    .map(|step| UnixMillis(start_ms + step * step_ms).to_string())
                    .collect::<Vec<_>>()
                    .iter())
            );
        }
    }

    #[test]
    fn long_windows_have_times_to_the_minute_and_longer_ones_have_days() {
        let times = |length_ms: i64| {
            let mut series = overview().series;
            series.window.start = UnixMillis(series.window.end.0 - length_ms);
            let charts = charted(&series);
            (charts.axis.times[0].text.clone(), charts.axis.times[0].form)
        };
        assert_eq!(times(HOUR_MS - 1000), ("13:47:06".to_owned(), "time"));
        assert_eq!(times(HOUR_MS), ("13:47".to_owned(), "minute"));
        assert_eq!(times(DAY_MS), ("23 Nov 14:47".to_owned(), "day"));
    }

    #[test]
    fn an_empty_series_is_a_chart_without_lines() {
        let mut series = overview().series;
        series.points.clear();
        for charts in [charted(&series), smoke(&series)] {
            assert!(charts.latency.paths.iter().all(|(_, path)| path.is_empty()));
            assert_eq!(charts.loss.lost, "–");
            assert!(charts.latency.description.ends_with("No step has a latency."));
        }
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

    #[test]
    fn steps_that_late_readings_revised_are_marked_in_chart_and_table() {
        let mut series = overview().series;
        for (step, point) in series.points.iter_mut().enumerate() {
            point.revised = step == 2;
        }
        let charts = charted(&series);
        assert_eq!(charts.latency.revised, "M25 200h0");
        assert!(charts.latency.legend.iter().any(|(class, _)| *class == "dot-revised"));
        let marked: Vec<usize> = (0..60).filter(|row| charts.rows[*row].is_revised).collect();
        assert_eq!(marked, [57]);
    }

    #[test]
    fn both_languages_draw_the_same() {
        let address = address_in(Language::Spanish, "/");
        let (english, spanish) = (charted(&overview().series), charts(&overview().series, &scene(&address)));
        assert_eq!(english.latency.paths, spanish.latency.paths);
        assert_eq!((&english.loss.usual, &english.loss.high), (&spanish.loss.usual, &spanish.loss.high));
        let cells = |charts: &Charts| charts.rows.iter().flat_map(|row| row.cells.clone()).collect::<Vec<_>>();
        assert_eq!(cells(&english).into_iter().map(|cell| cell.replace('.', ",")).collect::<Vec<_>>(), cells(&spanish));
    }
}
