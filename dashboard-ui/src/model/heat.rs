//! Health over time as colour: a strip for one antenna, a map for all of them.

use std::fmt::Write;

use shared::UnixMillis;
use shared::api::{Heatmap, HeatmapRow, History, Limits, Status, Steps};

use super::rows::status_word;
use super::{Moment, Scene, status_label};
use crate::format;
use crate::language::Language;
use crate::query::{By, Page};

/// The share of a row that its cells take; the rest keeps rows apart.
const ROW: f64 = 0.86;

/// How many stretches the time axis of the map is divided into.
const TIME_STRETCHES: usize = 4;

/// How an antenna, or a group of them, fared in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heat {
    /// Nothing was counted.
    Unknown,
    /// Hardly anything was lost, and latency is far below its threshold.
    Well,
    /// Nearer to a threshold than to perfection.
    Fair,
    /// Beyond a threshold.
    Degraded,
    /// Four times as much was lost as the threshold allows.
    Bad,
    /// Everything was lost.
    Down,
}

impl Heat {
    /// Those that are drawn, mildest first.
    pub(crate) const DRAWN: [Self; 5] = [Self::Well, Self::Fair, Self::Degraded, Self::Bad, Self::Down];

    /// The class of the style sheet.
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

    /// From the top of a strip to the top of its bar, as a share: what is worse is taller, so that colour is not all that
    /// tells it.
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

    /// The class of a mark on a chart.
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

    /// Judges what was counted; by loss alone where no latency is given.
    pub(super) fn judge(readings: u64, sent: u64, lost: u64, latency_ms: Option<f64>, limits: &Limits) -> Self {
        let success = if sent > 0 { sent.saturating_sub(lost) as f64 / sent as f64 } else { 1.0 };
        let (loss, limit) = (1.0 - success, 1.0 - limits.degraded_success_rate);
        let latency_ms = latency_ms.unwrap_or_default();
        // Compared as analytics compares, or what it calls degraded would differ at the threshold itself.
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

/// A strip of bars: for each heat the path of its steps, in a box of `width` by 10.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Strip {
    pub(crate) width: usize,
    pub(crate) bars: Vec<(&'static str, String)>,
    /// The strip in words.
    pub(crate) description: String,
}

/// The map: for each heat the path of its cells, in a box of `columns` by as many units as there are rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) cells: Vec<(&'static str, String)>,
    /// What stands beside each row.
    pub(crate) labels: Vec<HeatLabel>,
    /// The time axis.
    pub(crate) times: Vec<Moment>,
    /// What it shows: how many antennas, how long a step is.
    pub(crate) caption: String,
    /// The address with more rows or with fewer, and its words; `None` where each antenna has a row.
    pub(crate) more: Option<(String, &'static str)>,
    /// The map in words.
    pub(crate) description: String,
}

/// What stands beside a row of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatLabel {
    /// The id, or how many antennas the row stands for.
    pub(crate) text: String,
    /// The antenna's page; `None` for a group.
    pub(crate) href: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
}

pub(super) fn strip(history: Option<&History>, scene: &Scene<'_>) -> Strip {
    let Some(history) = history else { return Strip::default() };
    let heats: Vec<Heat> = (0..history.readings.len()).map(|step| Heat::of(history, step, &scene.limits)).collect();
    let path = |wanted: Heat| {
        let mut path = String::new();
        for (step, _) in heats.iter().enumerate().filter(|(_, heat)| **heat == wanted) {
            let top = wanted.top() * 10.0;
            push(&mut path, format_args!("M{} 10V{top}h.72V10z", step as f64 + 0.14));
        }
        path
    };
    let bars = Heat::DRAWN.into_iter().map(|heat| (heat.class(), path(heat))).filter(|(_, path)| !path.is_empty());
    let number = |wanted: &[Heat]| heats.iter().filter(|heat| wanted.contains(heat)).count() as u64;
    let (bad, down) = (number(&[Heat::Degraded, Heat::Bad]), number(&[Heat::Down]));
    Strip {
        width: heats.len(),
        bars: bars.collect(),
        description: match scene.language() {
            Language::English => {
                format!("{} steps: {bad} degraded, {down} down, {} without data", heats.len(), number(&[Heat::Unknown]))
            }
            Language::Spanish => format!(
                "{} tramos: {bad} degradados, {down} caídos, {} sin datos",
                heats.len(),
                number(&[Heat::Unknown])
            ),
        },
    }
}

pub(super) fn heat_map(heatmap: &Heatmap, tall: bool, scene: &Scene<'_>) -> HeatMap {
    let columns = heatmap.steps.starts.len();
    let language = scene.language();
    let groups = heatmap.rows.iter().filter(|row| row.antenna_id.is_none()).count();
    let more = |tall: bool, words| (scene.address.with_page(overview_with(scene, tall)).href(), words);
    HeatMap {
        columns,
        rows: heatmap.rows.len(),
        cells: cells(heatmap, columns, &scene.limits),
        labels: heatmap.rows.iter().map(|row| label(row, scene)).collect(),
        times: times(&heatmap.steps),
        caption: match language {
            Language::English => format!(
                "{}, worst first, {} a step",
                language.antennas(heatmap.total),
                language.duration(heatmap.steps.step_seconds)
            ),
            Language::Spanish => format!(
                "{}, las peores primero, {} por tramo",
                language.antennas(heatmap.total),
                language.duration(heatmap.steps.step_seconds)
            ),
        },
        more: match (tall, groups > 0) {
            (true, _) => Some(more(false, language.text("Fewer rows", "Menos filas"))),
            (false, true) => Some(more(true, language.text("More rows", "Más filas"))),
            (false, false) => None,
        },
        description: match language {
            Language::English => format!(
                "Health of {} over time, a row an antenna{}, worst first. The table of antennas says the same in numbers.",
                language.antennas(heatmap.total),
                if groups > 0 { " or a group of antennas" } else { "" }
            ),
            Language::Spanish => format!(
                "Salud de {} a lo largo del tiempo, una fila por antena{}, las peores primero. La tabla de antenas dice lo mismo en cifras.",
                language.antennas(heatmap.total),
                if groups > 0 { " o grupo de antenas" } else { "" }
            ),
        },
    }
}

fn overview_with(scene: &Scene<'_>, tall: bool) -> Page {
    match &scene.address.query.page {
        Page::Overview { by, .. } => Page::Overview { by: *by, tall },
        _ => Page::Overview { by: By::default(), tall },
    }
}

/// Neighbours of the same heat become one rectangle: most of a network is well most of the time.
fn cells(heatmap: &Heatmap, columns: usize, limits: &Limits) -> Vec<(&'static str, String)> {
    let mut paths = Heat::DRAWN.map(|heat| (heat, String::new()));
    for (row, HeatmapRow { history, .. }) in heatmap.rows.iter().enumerate() {
        let heats: Vec<Heat> = (0..columns).map(|step| Heat::of(history, step, limits)).collect();
        let mut column = 0;
        for run in heats.chunk_by(|a, b| a == b) {
            if let Some((_, path)) = paths.iter_mut().find(|(heat, _)| *heat == run[0]) {
                push(path, format_args!("M{column} {row}h{}v{ROW}h-{}z", run.len(), run.len()));
            }
            column += run.len();
        }
    }
    paths.into_iter().filter(|(_, path)| !path.is_empty()).map(|(heat, path)| (heat.class(), path)).collect()
}

fn label(row: &HeatmapRow, scene: &Scene<'_>) -> HeatLabel {
    let language = scene.language();
    let counts = &row.antennas;
    let parts = [
        (counts.down, Status::Down),
        (counts.degraded, Status::Degraded),
        (counts.silent, Status::Silent),
        (counts.healthy, Status::Healthy),
    ];
    // A group is of one status, or of few.
    let part = |(count, status): &(u64, Status)| {
        format!("{} {}", format::count(*count), status_word(*status, *count, language))
    };
    let group: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(part).collect();
    HeatLabel {
        text: row.antenna_id.clone().unwrap_or_else(|| group.join(", ")),
        href: row.antenna_id.as_ref().map(|id| antenna_href(id, scene)),
        status: row.status.as_str(),
        status_label: status_label(row.status, language),
    }
}

/// The address of an antenna's page, over the same range.
pub(super) fn antenna_href(id: &str, scene: &Scene<'_>) -> String {
    scene.address.with_page(Page::Antenna { id: id.to_owned() }).href()
}

fn times(steps: &Steps) -> Vec<Moment> {
    let (Some(first), Some(last)) = (steps.starts.first(), steps.starts.last()) else { return Vec::new() };
    let end_ms = last.0 + (steps.step_seconds * 1000.0) as i64;
    let length_ms = end_ms - first.0;
    (0..=TIME_STRETCHES as i64)
        .map(|stretch| UnixMillis(first.0 + length_ms * stretch / TIME_STRETCHES as i64))
        .map(|at| if length_ms < 30 * 60 * 1000 { Moment::time(at) } else { Moment::minute(at) })
        .collect()
}

fn push(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use shared::api::{AntennaCounts, Status, WindowBounds};

    use super::*;
    use crate::model::CONTRACT_LIMITS;
    use crate::model::tests::{NOW, address, address_in, overview, scene};
    use crate::query::tests::read;

    /// Readings, packets sent, packets lost, latency.
    type Cell = (u64, u64, u64, Option<f64>);

    fn judged((readings, sent, lost, latency_ms): Cell) -> Heat {
        Heat::judge(readings, sent, lost, latency_ms, &CONTRACT_LIMITS)
    }

    fn history(cells: &[Cell]) -> History {
        History {
            readings: cells.iter().map(|cell| cell.0).collect(),
            packets_sent: cells.iter().map(|cell| cell.1).collect(),
            packets_lost: cells.iter().map(|cell| cell.2).collect(),
            latency_mean_ms: cells.iter().map(|cell| cell.3).collect(),
        }
    }

    fn heatmap(rows: &[Vec<Cell>]) -> Heatmap {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default() as i64;
        let starts: Vec<UnixMillis> = (0..columns).map(|step| UnixMillis(NOW.0 + step * 5000)).collect();
        let row = |cells: &Vec<Cell>| HeatmapRow {
            antenna_id: None,
            status: Status::Healthy,
            antennas: AntennaCounts::default(),
            history: history(cells),
        };
        Heatmap {
            window: WindowBounds { start: NOW, end: UnixMillis(NOW.0 + columns * 5000), seconds: 0 },
            steps: Steps { step_seconds: 5.0, starts },
            total: rows.len() as u64,
            rows: rows.iter().map(row).collect(),
            as_of: Some(NOW),
        }
    }

    /// The cells that a path of rectangles covers: column, row, columns.
    fn rectangles(path: &str) -> Vec<(usize, usize, usize)> {
        let rectangle = |text: &str| {
            let numbers: Vec<usize> =
                text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            assert_eq!(text, format!("M{} {}h{}v{ROW}h-{}", numbers[0], numbers[1], numbers[2], numbers[2]));
            (numbers[0], numbers[1], numbers[2])
        };
        path.split_terminator('z').map(rectangle).collect()
    }

    fn cell() -> impl Strategy<Value = Cell> {
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

        #[test]
        fn each_known_cell_is_covered_once_by_its_own_heat_and_neighbours_are_one(
            rows in prop::collection::vec(prop::collection::vec(cell(), 12), 0..6),
        ) {
            let mut covered = HashMap::new();
            for (class, path) in cells(&heatmap(&rows), 12, &CONTRACT_LIMITS) {
                for (column, row, columns) in rectangles(&path) {
                    for cell in column..column + columns {
                        prop_assert_eq!(covered.insert((row, cell), (class, column)), None, "twice: {} {}", row, cell);
                    }
                }
            }
            for (row, cells) in rows.iter().enumerate() {
                for (column, cell) in cells.iter().enumerate() {
                    let heat = judged(*cell);
                    let found = covered.get(&(row, column));
                    prop_assert_eq!(found.map(|found| found.0), (heat != Heat::Unknown).then_some(heat.class()));
                    let is_one_with_the_last = column > 0 && judged(cells[column - 1]) == heat;
                    prop_assert_eq!(found.is_none_or(|found| found.1 < column), is_one_with_the_last || heat == Heat::Unknown);
                }
            }
        }

        #[test]
        fn a_strip_has_a_bar_for_each_known_step_and_says_how_many_were_bad(cells in prop::collection::vec(cell(), 1..40)) {
            let address = address("/");
            let strip = strip(Some(&history(&cells)), &scene(&address));
            prop_assert_eq!(strip.width, cells.len());
            for heat in Heat::DRAWN {
                let steps: Vec<usize> = (0..cells.len()).filter(|step| judged(cells[*step]) == heat).collect();
                let path = strip.bars.iter().find(|(class, _)| *class == heat.class()).map_or("", |(_, path)| path);
                let bars: Vec<usize> = path
                    .split_terminator('z')
                    .map(|bar| bar[1..].split([' ', '.']).next().unwrap().parse().unwrap())
                    .collect();
                prop_assert_eq!(bars, steps);
            }
            let number = |wanted: &[Heat]| cells.iter().filter(|cell| wanted.contains(&judged(**cell))).count();
            let (bad, down) = (number(&[Heat::Degraded, Heat::Bad]), number(&[Heat::Down]));
            let said = format!(
                "{} steps: {bad} degraded, {down} down, {} without data",
                cells.len(),
                number(&[Heat::Unknown]),
            );
            prop_assert_eq!(strip.description, said);
        }
    }

    #[test]
    fn what_is_worse_is_taller() {
        assert!(Heat::DRAWN.is_sorted_by(|milder, worse| milder.top() > worse.top()));
        assert_eq!((Heat::Down.top(), Heat::Unknown.top()), (0.0, 1.0));
    }

    #[test]
    fn a_history_that_is_too_short_ends_in_a_gap() {
        let mut map = heatmap(&[vec![(1, 100, 0, None); 3]]);
        map.steps.starts.push(UnixMillis(NOW.0 + 15_000));
        map.rows[0].history.packets_lost.clear();
        assert_eq!(cells(&map, 4, &CONTRACT_LIMITS), [("heat-well", format!("M0 0h3v{ROW}h-3z"))]);
    }

    #[test]
    fn no_history_is_no_strip() {
        assert_eq!(strip(None, &scene(&address("/"))), Strip::default());
    }

    #[test]
    fn an_antenna_leads_to_its_page_over_the_same_range_and_a_group_leads_nowhere() {
        let address = address("/?by=latency&window=15m&end=2025-11-24T14:30:00Z&lang=es&wall=1");
        let mut map = heatmap(&[vec![(1, 100, 0, None)], vec![(1, 100, 0, None)]]);
        map.rows[0].antenna_id = Some("a/../b?c#d".to_owned());
        map.rows[1].antennas = AntennaCounts { active: 9, healthy: 1200, degraded: 30, down: 4, silent: 0 };
        let labels = heat_map(&map, false, &scene(&address)).labels;
        assert_eq!(labels[0].text, "a/../b?c#d");
        let there = read(labels[0].href.as_deref().unwrap()).unwrap();
        assert_eq!(there, address.with_page(Page::Antenna { id: "a/../b?c#d".to_owned() }));
        assert_eq!((&*labels[1].text, &labels[1].href), ("4 caídas, 30 degradadas, 1\u{202f}200 sanas", &None));
    }

    #[test]
    fn more_rows_are_offered_while_antennas_share_one() {
        let more = |href: &str, grouped: bool| {
            let address = address(href);
            let mut map = heatmap(&[vec![(1, 100, 0, None)]]);
            map.rows[0].antenna_id = (!grouped).then(|| "x".to_owned());
            let Page::Overview { tall, .. } = address.query.page else { panic!("it is the overview") };
            heat_map(&map, tall, &scene(&address)).more
        };
        assert_eq!(more("/?by=latency", false), None);
        assert_eq!(more("/?by=latency", true), Some(("/?by=latency&heatmap=tall".to_owned(), "More rows")));
        assert_eq!(more("/?by=latency&heatmap=tall", true), Some(("/?by=latency".to_owned(), "Fewer rows")));
        assert_eq!(more("/?heatmap=tall", false), Some(("/".to_owned(), "Fewer rows")));
    }

    #[test]
    fn the_map_is_as_large_as_its_table_and_its_axis_as_long() {
        for (href, language) in [("/", Language::English), ("/", Language::Spanish)] {
            let address = address_in(language, href);
            let heatmap = overview().heatmap.unwrap();
            let map = heat_map(&heatmap, false, &scene(&address));
            assert_eq!((map.rows, map.labels.len(), map.columns), (24, 24, heatmap.steps.starts.len()));
            assert_eq!((map.times[0].text.as_str(), map.times[4].text.as_str()), ("14:42:05", "14:47:05"));
        }
    }

    #[test]
    fn a_map_without_steps_is_empty() {
        let address = address("/");
        let map = heat_map(&heatmap(&[]), false, &scene(&address));
        assert_eq!((map.columns, map.rows, map.cells.len(), map.times.len()), (0, 0, 0, 0));
    }
}
