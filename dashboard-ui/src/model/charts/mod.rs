//! Latency and loss over time, as paths, labels, and rows of a table.

mod latency;
mod loss;
mod scale;

use shared::UnixMillis;
use shared::api::{AntennaCounts, Gap, Point, Series, Status};

pub(super) use scale::{highest, labels, missing};

use super::history::merged;
use super::last_week::LastWeek;
use super::{Form, Moment, Scene, status_label};
use crate::format;
use crate::language::Language;
use crate::plot;

/// How many parts the time axis is divided into.
const TIME_STRETCHES: i64 = 4;

/// The two charts, and the table with the same numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Charts {
    pub(crate) latency: Chart,
    pub(crate) loss: Chart,
    /// The headings of the table's columns.
    pub(crate) columns: Vec<&'static str>,
    /// One row per step, newest first.
    pub(crate) rows: Vec<StepRow>,
    /// The address of the same series as a file.
    pub(crate) csv: String,
}

/// One chart: what is drawn, in a box of [`plot::WIDTH`](crate::plot::WIDTH) by [`plot::HEIGHT`](crate::plot::HEIGHT), and
/// what is written around it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// As a CSS class.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) axis: Axis,
    /// Labels of the vertical axis, from the top down.
    pub(crate) labels: Vec<String>,
    /// Bands, lines, bars and marks from back to front: a class and a path.
    pub(crate) paths: Vec<(&'static str, String)>,
    /// The entries of the legend: a class, or none for words alone, and the words.
    pub(crate) legend: Vec<(&'static str, String)>,
    /// The stretches without data.
    pub(crate) gaps: String,
    /// The height of the threshold; `None` if the axis ends below it.
    pub(crate) threshold: Option<f64>,
    /// Why nothing is drawn; `None` if something is.
    pub(crate) nothing: Option<&'static str>,
    /// The chart in words.
    pub(crate) description: String,
}

/// The time axis that charts share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Labels, evenly spaced from the start of the window to its end.
    pub(crate) times: Vec<Moment>,
    /// Start of the window in milliseconds since the epoch.
    pub(crate) start_ms: i64,
    /// End of the window in milliseconds since the epoch.
    pub(crate) end_ms: i64,
    /// Length of a step in milliseconds.
    pub(crate) step_ms: i64,
}

/// One step in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepRow {
    pub(crate) time: Moment,
    /// One for each column after the first.
    pub(crate) cells: Vec<String>,
    pub(crate) is_revised: bool,
    /// Whether readings of it may still arrive.
    pub(crate) is_open: bool,
    /// Whether files with a part of it could not be read.
    pub(crate) is_partial: bool,
}

/// How many steps nothing is still to come for.
pub(super) fn closed(series: &Series, scene: &Scene<'_>) -> usize {
    let (end, step_ms) = (series.window.end, (series.step_seconds * 1000.0) as i64);
    let settled = scene.settled(end, series.as_of);
    series.points.iter().take_while(|point| (point.start.0 + step_ms).min(end.0) <= settled.0).count()
}

/// The charts of the network. If it lost everything lately, or says nothing at all, they say so themselves: no line and no bar
/// does.
pub(super) fn charts(
    series: &Series,
    last_week: Option<&Series>,
    antennas: &AntennaCounts,
    scene: &Scene<'_>,
) -> Charts {
    let last_week = LastWeek::of(series, last_week, scene);
    let last_week = last_week.as_ref();
    let down = |point: &Point| format::count_if_known(known_worst(point).map(|_| point.antennas_down));
    let down = (scene.text("Antennas down", "Antenas caídas"), series.points.iter().map(down).collect());
    let mean = last_week.map(|last_week| {
        let means = last_week.values(|measures| measures.latency_ms.mean).into_iter();
        let heading = scene.text("Mean, last week", "Media, hace una semana");
        (heading, means.map(|mean| scene.language().latency(mean)).collect())
    });
    let columns = [Some(down), mean, loss_last_week(last_week, scene)].into_iter().flatten().collect();
    let pair = [latency::network(series, last_week, scene), loss::network(series, last_week, scene)];
    let mut charts = both(pair, columns, series, scene);
    if let Some(words) = outage(series, antennas, scene) {
        for chart in [&mut charts.latency, &mut charts.loss] {
            chart.description = format!("{words}. {}", chart.description);
            chart.legend.insert(0, ("all-lost", words.clone()));
        }
    }
    charts
}

/// What is to say of a network of which nothing comes through.
fn outage(series: &Series, antennas: &AntennaCounts, scene: &Scene<'_>) -> Option<String> {
    let language = scene.language();
    if antennas.silent > 0 && antennas.silent == antennas.total() {
        return Some(language.text("All antennas are silent", "Todas las antenas en silencio").to_owned());
    }
    let lost = series.points[..closed(series, scene)].iter().rev().take_while(|point| is_all_lost(point)).count();
    let length = language.duration(lost as f64 * series.step_seconds);
    (lost > 0).then(|| {
        format!("{} {length}", language.text("All packets lost for", "Todos los paquetes perdidos desde hace"))
    })
}

/// Whether packets were sent in a step and none came back.
const fn is_all_lost(point: &Point) -> bool {
    point.measures.packets_sent > 0 && point.measures.packets_lost == point.measures.packets_sent
}

/// The charts of one antenna.
pub(super) fn antenna_charts(series: &Series, last_week: Option<&Series>, scene: &Scene<'_>) -> Charts {
    let last_week = LastWeek::of(series, last_week, scene);
    let last_week = last_week.as_ref();
    let worst = |point: &Point| known_worst(point).map_or("–", |it| status_label(it, scene.language())).to_owned();
    let worst = (scene.text("At worst", "En lo peor"), series.points.iter().map(worst).collect());
    let median = last_week.map(|last_week| {
        let medians = last_week.values(|measures| measures.latency_ms.p50).into_iter();
        let heading = scene.text("p50, last week", "p50, hace una semana");
        (heading, medians.map(|median| scene.language().percentile(median)).collect())
    });
    let columns = [Some(worst), median, loss_last_week(last_week, scene)].into_iter().flatten().collect();
    let pair = [latency::antenna(series, last_week, scene), loss::antenna(series, last_week, scene)];
    both(pair, columns, series, scene)
}

/// A column of the table: its heading, and the cell of each step, oldest first.
type TableColumn = (&'static str, Vec<String>);

fn loss_last_week(last_week: Option<&LastWeek<'_>>, scene: &Scene<'_>) -> Option<TableColumn> {
    let losses = last_week?.values(loss::share).into_iter();
    let cells = losses.map(|loss| scene.language().percent(loss)).collect();
    Some((scene.text("Loss, last week", "Pérdida, hace una semana"), cells))
}

/// The worst status of a step, where it has readings and analytics tells.
fn known_worst(point: &Point) -> Option<Status> {
    point.worst_status.filter(|_| point.measures.readings > 0)
}

/// The charts with their table, which has more columns: of what the sums of a step level out, and of last week.
fn both(pair: [Chart; 2], more: Vec<TableColumn>, series: &Series, scene: &Scene<'_>) -> Charts {
    let language = scene.language();
    let gaps = merged(series.gaps.clone());
    let [latency, loss] = pair.map(|chart| with_unread(chart, series, &gaps, language));
    let mut columns = vec![
        language.text("From", "Desde"),
        language.text("Mean", "Media"),
        "p50",
        "p95",
        "p99",
        language.text("Delivered", "Entregados"),
        language.text("Lost", "Perdidos"),
        language.text("Loss", "Pérdida"),
    ];
    columns.extend(more.iter().map(|(heading, _)| heading));
    let form = Form::of_steps([series.window.start, series.window.end], step_ms(series), scene.now);
    let closed = closed(series, scene);
    let row = |(step, point): (usize, &Point)| {
        let mut row = step_row(point, form, language);
        row.cells.extend(more.iter().map(|(_, cells)| cells[step].clone()));
        StepRow { is_open: step >= closed, is_partial: is_partial(point, series), ..row }
    };
    let rows = series.points.iter().enumerate().rev().map(row).collect();
    Charts { latency, loss, columns, rows, csv: scene.address.csv_href() }
}

const fn step_ms(series: &Series) -> i64 {
    (series.step_seconds * 1000.0) as i64
}

/// Whether files with a part of a step could not be read, and others could.
pub(super) fn is_partial(point: &Point, series: &Series) -> bool {
    let end_ms = point.start.0 + step_ms(series);
    point.measures.readings > 0 && series.gaps.iter().any(|gap| gap.start.0 < end_ms && gap.end > point.start)
}

/// A chart with what could not be read behind its values: exactly those times, as a step may have a part of its figures.
fn with_unread(mut chart: Chart, series: &Series, gaps: &[Gap], language: Language) -> Chart {
    let start_ms = series.window.start.0;
    let length_ms = (step_ms(series) * series.points.len() as i64).max(1);
    let share = |at: UnixMillis| (at.0 - start_ms) as f64 / length_ms as f64;
    let path = plot::spans(gaps.iter().map(|gap| (share(gap.start), share(gap.end))));
    if !path.is_empty() {
        chart.paths.insert(0, ("unread", path));
        chart.legend.push(("unread", language.text("not readable", "no se pudo leer").to_owned()));
        let stretches = language.plural(gaps.len() as u64, ["stretch", "stretches"], ["periodo", "periodos"]);
        chart.description.push_str(&match language {
            Language::English => format!(" {stretches} of the archive could not be read."),
            Language::Spanish => format!(" No se pudo leer {stretches} del archivo histórico."),
        });
    }
    chart
}

impl Axis {
    fn of(series: &Series, scene: &Scene<'_>) -> Self {
        Self::new([series.window.start, series.window.end], series.step_seconds, scene)
    }

    pub(super) fn new([start, end]: [UnixMillis; 2], step_seconds: f64, scene: &Scene<'_>) -> Self {
        Self {
            times: Moment::on_axis([start, end], TIME_STRETCHES, scene.now, scene.language()),
            start_ms: start.0,
            end_ms: end.0,
            step_ms: (step_seconds * 1000.0) as i64,
        }
    }
}

fn step_row(point: &Point, form: Form, language: Language) -> StepRow {
    let measures = &point.measures;
    let latency = &measures.latency_ms;
    let count = |number| format::count_if_known((measures.readings > 0).then_some(number));
    StepRow {
        time: Moment::new(point.start, form, language),
        cells: vec![
            language.latency(latency.mean),
            language.percentile(latency.p50),
            language.percentile(latency.p95),
            language.percentile(latency.p99),
            count(measures.packets_delivered),
            count(measures.packets_lost),
            language.percent(loss::share(measures)),
        ],
        is_revised: point.revised,
        is_open: false,
        is_partial: false,
    }
}

#[cfg(test)]
mod tests {
    use shared::api::Measures;

    use super::*;
    use crate::model::last_week::tests::week_earlier;
    use crate::model::tests::{address, address_in, antenna, overview, scene};

    pub(super) fn charted(series: &Series) -> Charts {
        charts(series, None, &AntennaCounts::default(), &scene(&address("/")))
    }

    pub(super) fn with_step(index: usize, measures: Measures) -> Charts {
        let mut series = overview().series;
        series.points[index].measures = measures;
        charted(&series)
    }

    pub(super) fn smoke(series: &Series) -> Charts {
        antenna_charts(series, None, &scene(&address("/antenna?id=x")))
    }

    pub(super) fn path<'a>(chart: &'a Chart, class: &str) -> &'a str {
        chart.paths.iter().find(|(own, _)| *own == class).map_or("", |(_, path)| path)
    }

    pub(super) fn all_lost() -> Measures {
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
    fn a_step_that_has_just_opened_is_no_gap() {
        let mut series = overview().series;
        let gaps = |series: &Series| {
            let Charts { latency, loss, .. } = charted(series);
            [latency, loss].map(|chart| (chart.gaps, chart.description.contains("without data")))
        };
        let before = gaps(&series);
        series.points.last_mut().unwrap().measures = Measures::default();
        assert_eq!(gaps(&series), before);
    }

    #[test]
    fn a_network_that_says_nothing_or_loses_everything_has_charts_that_say_so() {
        let address = address("/");
        let said = |lost: usize, antennas: AntennaCounts| {
            let mut series = overview().series;
            let closed = closed(&series, &scene(&address));
            series.points[closed - lost..closed].iter_mut().for_each(|point| point.measures = all_lost());
            let charts = charts(&series, None, &antennas, &scene(&address));
            let loss = &charts.loss;
            assert_eq!(
                charts.latency.legend.iter().find(|(class, _)| *class == "all-lost"),
                loss.legend.iter().find(|(class, _)| *class == "all-lost")
            );
            let said = loss.legend.first().filter(|(class, _)| *class == "all-lost").map(|(_, words)| words.clone());
            assert!(said.iter().all(|words| loss.description.starts_with(words)), "{}", loss.description);
            (said, path(&charts.latency, "all-down").matches('M').count())
        };
        let counts = AntennaCounts { healthy: 1, silent: 4, ..AntennaCounts::default() };
        assert_eq!(said(0, counts), (None, 0));
        assert_eq!(said(0, AntennaCounts::default()), (None, 0), "there is no antenna");
        assert_eq!(said(3, counts), (Some("All packets lost for 15 s".to_owned()), 1));
        let silent = AntennaCounts { silent: 5, ..AntennaCounts::default() };
        assert_eq!(said(0, silent), (Some("All antennas are silent".to_owned()), 0));
    }

    #[test]
    fn a_window_has_its_times() {
        let charts = charted(&overview().series);
        let times: Vec<&str> = charts.latency.axis.times.iter().map(|moment| &*moment.text).collect();
        assert_eq!(times, ["14:42:05", "14:43:20", "14:44:35", "14:45:50", "14:47:05"]);
        assert_eq!(charts.rows.len(), 60);
        assert_eq!(charts.rows[0].time.text, "14:47:00", "the newest step is first");
    }

    #[test]
    fn the_table_has_a_row_for_each_step_that_is_drawn_and_a_cell_for_each_column() {
        for charts in [charted(&overview().series), smoke(&antenna("airport-west").series)] {
            let Axis { start_ms, end_ms, step_ms, .. } = charts.latency.axis;
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
            (charts.latency.axis.times[0].text.clone(), charts.latency.axis.times[0].form.parts())
        };
        let hour_ms = 3_600_000;
        assert_eq!(times(hour_ms - 1000), ("13:47:06".to_owned(), "time"));
        assert_eq!(times(hour_ms), ("13:47".to_owned(), "minute"));
        assert_eq!(times(24 * hour_ms), ("23 Nov 14:47".to_owned(), "date minute"));
        assert_eq!(times(7 * 24 * hour_ms), ("17 Nov".to_owned(), "date"));
    }

    #[test]
    fn what_could_not_be_read_is_marked_where_it_was_and_told() {
        let mut series = overview().series;
        let at = |seconds: i64| UnixMillis(series.window.start.0 + seconds * 1000);
        let gap = |start, end| Gap { start: at(start), end: at(end), reason: "missing".to_owned() };
        // The first steps and a half, in two files, and the last second of all.
        series.gaps = vec![gap(-60, 5), gap(299, 300), gap(5, 12)];
        series.points[..2].iter_mut().for_each(|point| point.measures = Measures::default());
        for charts in [charted(&series), smoke(&series)] {
            for chart in [&charts.latency, &charts.loss] {
                assert_eq!(chart.paths[0], ("unread", "M0 0h24v200h-24zM598 0h2v200h-2z".to_owned()));
                assert!(chart.legend.contains(&("unread", "not readable".to_owned())));
                assert!(chart.description.ends_with(" 2 stretches of the archive could not be read."));
                assert!(chart.gaps.starts_with("M0 0h20v200h-20z"), "{}", chart.gaps);
            }
            let partial: Vec<usize> = (0..60).filter(|row| charts.rows[59 - row].is_partial).collect();
            assert_eq!(partial, [2, 59], "what is missing as a whole has dashes");
        }
        let whole = charted(&overview().series);
        assert!(whole.rows.iter().all(|row| !row.is_partial));
        assert!(whole.latency.paths.iter().all(|(class, _)| *class != "unread"));
    }

    #[test]
    fn an_empty_series_is_a_chart_without_lines() {
        let mut series = overview().series;
        series.points.clear();
        for charts in [charted(&series), smoke(&series)] {
            assert!(charts.latency.paths.iter().all(|(_, path)| path.is_empty()));
            assert_eq!(charts.loss.legend.last().unwrap().1, "– lost");
            assert!(charts.latency.description.ends_with("No step has a latency."));
        }
    }

    #[test]
    fn steps_that_late_readings_revised_are_marked_in_chart_and_table() {
        let mut series = overview().series;
        for (step, point) in series.points.iter_mut().enumerate() {
            point.revised = step == 2;
        }
        let charts = charted(&series);
        assert_eq!(path(&charts.latency, "revised"), "M25 200h0");
        assert!(charts.latency.legend.iter().any(|(class, _)| *class == "dot-revised"));
        let marked: Vec<usize> = (0..60).filter(|row| charts.rows[*row].is_revised).collect();
        assert_eq!(marked, [57]);
    }

    #[test]
    fn last_week_is_a_line_behind_the_others_on_their_scale_with_a_key_words_and_columns() {
        let (network, one) = (address("/?compare=week"), address("/antenna?id=x&compare=week"));
        let mut series = antenna("airport-west").series;
        for point in &mut series.points {
            point.measures.success_rate = Some(0.99);
        }
        let mut last_week = week_earlier(&series);
        for (step, point) in last_week.points.iter_mut().enumerate() {
            (point.measures.readings, point.measures.success_rate) = (1, Some(0.9));
            // Higher than anything of this week.
            point.measures.latency_ms.mean = (step != 30).then_some(1000.0);
            point.measures.latency_ms.p50 = (step != 30).then_some(2000.0);
        }
        let of_network = charts(&series, Some(&last_week), &AntennaCounts::default(), &scene(&network));
        let of_antenna = antenna_charts(&series, Some(&last_week), &scene(&one));
        let key = ("line-last-week", "same time last week".to_owned());
        for (charts, top, heading, cell, words) in [
            (&of_network, "1\u{202f}000", "Mean, last week", "1\u{202f}000\u{202f}ms", "mean between 1\u{202f}000 and"),
            (
                &of_antenna,
                "2\u{202f}000",
                "p50, last week",
                "2\u{202f}000\u{202f}ms",
                "median between 2\u{202f}000 and",
            ),
        ] {
            let line = &charts.latency.paths[0];
            assert_eq!((line.0, &line.1[..12], line.1.matches('M').count()), ("last-week", "M5 0L15 0L25", 2));
            assert_eq!((&*charts.latency.labels[0], &*charts.loss.labels[0]), (top, "10.0%"));
            assert_eq!(charts.loss.paths[0].0, "last-week");
            assert!(charts.loss.paths[0].1.starts_with("M5 0L15 0L"), "{}", charts.loss.paths[0].1);
            for chart in [&charts.latency, &charts.loss] {
                assert!(chart.legend.contains(&key), "{:?}", chart.legend);
            }
            let said = format!(" The same time last week: {words}");
            assert!(charts.latency.description.contains(&said), "{}", charts.latency.description);
            assert!(charts.loss.description.ends_with(" The same time last week: at most 10.00 % in a step."));
            assert_eq!(charts.columns[9..], [heading, "Loss, last week"]);
            let cells = |row: usize| charts.rows[row].cells[8..].to_vec();
            assert_eq!(
                (cells(0), cells(29)),
                (vec![cell.to_owned(), "10.00\u{202f}%".to_owned()], vec!["–".to_owned(), "10.00\u{202f}%".to_owned()])
            );
        }
    }

    #[test]
    fn without_data_of_last_week_there_is_no_line_and_no_zero() {
        let address = address("/?compare=week");
        let series = overview().series;
        let mut empty = week_earlier(&series);
        empty.points.iter_mut().for_each(|point| point.measures = Measures::default());
        for last_week in [None, Some(&empty)] {
            let charts = charts(&series, last_week, &AntennaCounts::default(), &scene(&address));
            let before = charted(&series);
            for (chart, before) in [(&charts.latency, &before.latency), (&charts.loss, &before.loss)] {
                assert_eq!(path(chart, "last-week"), "");
                assert_eq!(chart.labels, before.labels);
                assert!(chart.legend.contains(&("", "no data of last week".to_owned())));
                assert!(chart.description.ends_with(" No data of the same time last week."));
            }
            assert!(charts.rows.iter().all(|row| row.cells[8..] == ["–", "–"]));
        }
        let whole = charted(&series);
        assert!(whole.latency.paths.iter().chain(&whole.loss.paths).all(|(class, _)| *class != "last-week"));
    }

    #[test]
    fn both_languages_draw_the_same() {
        let address = address_in(Language::Spanish, "/");
        let (english, spanish) = (
            charted(&overview().series),
            charts(&overview().series, None, &AntennaCounts::default(), &scene(&address)),
        );
        assert_eq!(english.latency.paths, spanish.latency.paths);
        assert_eq!(english.loss.paths, spanish.loss.paths);
        let cells = |charts: &Charts| charts.rows.iter().flat_map(|row| row.cells.clone()).collect::<Vec<_>>();
        assert_eq!(cells(&english).into_iter().map(|cell| cell.replace('.', ",")).collect::<Vec<_>>(), cells(&spanish));
    }
}
