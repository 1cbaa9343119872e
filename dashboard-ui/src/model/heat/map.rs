//! All antennas over time: a map with a row for each antenna, or for each group of them.

use shared::UnixMillis;
use shared::api::{Badness, Heatmap, HeatmapRow, History, Limits, Sort, Status, Steps};

use super::{Heat, is_down_in_part, push, story};
use crate::language::Language;
use crate::model::rows::{counts_in_words, site_href};
use crate::model::{Choice, Form, Moment, Scene, State};
use crate::query::{FLEET_ROWS, Fleet, Page};

/// The share of a row that its cells take; the rest keeps rows apart.
const ROW: f64 = 0.86;

/// The share of a row that the lower part of a split cell takes.
const SPLIT: f64 = 0.34;

/// Letters at the end of an id that are shown always.
const TAIL: usize = 6;

/// How many parts the time axis of the map is divided into.
const TIME_STRETCHES: i64 = 4;

/// The map: one path for the cells of each heat, in a box of `columns` by `rows`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) cells: Vec<(&'static str, String)>,
    /// The lower parts of the cells of steps in which an antenna was down for a part.
    pub(crate) splits: String,
    /// The cells that are still filling up.
    pub(crate) open: String,
    /// Start and length of a step and the end of the window, in milliseconds.
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) end_ms: i64,
    /// The labels of the rows.
    pub(crate) labels: Vec<HeatLabel>,
    /// The time axis.
    pub(crate) times: Vec<Moment>,
    /// The form of the times that the crosshair tells.
    pub(crate) form: Form,
    /// How many antennas there are, and how long a step is.
    pub(crate) caption: String,
    /// A row for each antenna, or for each site; empty where nothing says at which site antennas are.
    pub(crate) groupings: Vec<Choice>,
    /// The address with more rows or fewer, and its label; `None` if each antenna has a row.
    pub(crate) more: Option<(String, &'static str)>,
    /// The map in words.
    pub(crate) description: String,
}

/// The label of a row of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatLabel {
    /// The id, or how many antennas the row represents.
    pub(crate) text: String,
    /// Where the id is cut if there is no room for it: ids differ at their ends most.
    pub(crate) cut: usize,
    /// Whether the row stands for a group of antennas.
    pub(crate) is_group: bool,
    /// The antenna's page, or the list of antennas where the group begins in it; `None` for a group of several statuses, and on
    /// a wall, whose rows are lower than what can be aimed at.
    pub(crate) href: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    /// The row in words.
    pub(crate) story: String,
    /// What the crosshair tells of each step, separated by spaces: loss in hundredths of a percent, mean latency in whole
    /// milliseconds, and the antennas that were down for a part. Unknown is empty.
    pub(crate) cells: String,
}

pub(in crate::model) fn heat_map(heatmap: &Heatmap, has_sites: bool, scene: &Scene<'_>) -> HeatMap {
    let columns = heatmap.steps.starts.len();
    let (language, stretch) = (scene.language(), bounds(&heatmap.steps));
    let (tall, is_grouped) = asked(scene);
    // A site is what it is, and no group for want of rows.
    let is_site = |row: &&HeatmapRow| row.site.is_some();
    let sites = heatmap.rows.iter().filter(is_site).count();
    let groups = heatmap.rows.iter().filter(|row| row.antenna_id.is_none() && row.site.is_none()).count();
    let href = |tall, is_grouped| scene.address.with_page(overview_with(scene, tall, is_grouped)).href();
    let more = |tall: bool, words| (href(tall, is_grouped), words);
    let grouping = |to: bool, words| Choice::new(words, format!("{}#heatmap", href(tall, to)), to == is_grouped);
    HeatMap {
        columns,
        rows: heatmap.rows.len(),
        cells: cells(heatmap, columns, &scene.limits),
        splits: splits(heatmap, &scene.limits),
        open: open(heatmap, scene),
        start_ms: heatmap.steps.starts.first().map_or(heatmap.window.start.0, |start| start.0),
        step_ms: step_ms(&heatmap.steps),
        end_ms: heatmap.window.end.0,
        labels: labels(heatmap, scene),
        times: stretch.map_or_else(Vec::new, |it| Moment::on_axis(it, TIME_STRETCHES, scene.now, language)),
        form: Form::of_steps([heatmap.window.start, heatmap.window.end], step_ms(&heatmap.steps), scene.now),
        caption: format!(
            "{}, {}, {} {}",
            language.antennas(heatmap.total),
            language.text("worst first", "las peores primero"),
            language.duration(heatmap.steps.step_seconds),
            language.text("a step", "por tramo"),
        ),
        // On a wall, nobody can reach them.
        groupings: match (has_sites || is_grouped) && !scene.address.manner.is_wall {
            true => vec![
                grouping(false, language.text("By antenna", "Por antena")),
                grouping(true, language.text("By site", "Por emplazamiento")),
            ],
            false => Vec::new(),
        },
        more: match (tall, groups > 0) {
            (true, _) => Some(more(false, language.text("Fewer rows", "Menos filas"))),
            (false, true) => Some(more(true, language.text("More rows", "Más filas"))),
            (false, false) => None,
        },
        description: {
            let antennas = language.antennas(heatmap.total);
            let group = if groups > 0 { language.text(" or a group of antennas", " o grupo de antenas") } else { "" };
            let one = if sites > 0 {
                language.text("a site", "emplazamiento")
            } else {
                language.text("an antenna", "antena")
            };
            match language {
                Language::English => format!(
                    "Health of {antennas} over time, a row {one}{group}, worst first. The table of antennas says the same in numbers."
                ),
                Language::Spanish => format!(
                    "Salud de {antennas} a lo largo del tiempo, una fila por {one}{group}, las peores primero. La tabla de antenas dice lo mismo en cifras."
                ),
            }
        },
    }
}

const fn step_ms(steps: &Steps) -> i64 {
    (steps.step_seconds * 1000.0) as i64
}

/// The cells of columns that are still filling up. Where nothing was counted there is nothing to tone down: a map has one
/// colour for that.
fn open(heatmap: &Heatmap, scene: &Scene<'_>) -> String {
    let end = heatmap.window.end;
    let settled = scene.settled(end, heatmap.as_of);
    let is_closed = |start: &&UnixMillis| (start.0 + step_ms(&heatmap.steps)).min(end.0) <= settled.0;
    let closed = heatmap.steps.starts.iter().take_while(is_closed).count();
    let is_open = |history: &History, step| step >= closed && history.readings.get(step).is_some_and(|it| *it > 0);
    stretches(heatmap, is_open, 0.0, ROW)
}

fn overview_with(scene: &Scene<'_>, tall: bool, is_grouped: bool) -> Page {
    let by = match &scene.address.query.page {
        Page::Overview { by, .. } => *by,
        _ => Badness::default(),
    };
    Page::Overview { by, tall, is_grouped }
}

/// Whether the map has more rows, and whether they are sites.
const fn asked(scene: &Scene<'_>) -> (bool, bool) {
    match &scene.address.query.page {
        Page::Overview { tall, is_grouped, .. } => (*tall, *is_grouped),
        _ => (false, false),
    }
}

/// Adjacent cells of the same heat become one rectangle: most of a network is healthy most of the time.
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

/// The lower part of each cell in which an antenna was down for a part of the step.
fn splits(heatmap: &Heatmap, limits: &Limits) -> String {
    let is_split = |history: &History, step| is_down_in_part(history, step, Heat::of(history, step, limits));
    stretches(heatmap, is_split, ROW - SPLIT, SPLIT)
}

/// A part of each cell that is included, from a distance below its top on; neighbours as one.
fn stretches(heatmap: &Heatmap, include: impl Fn(&History, usize) -> bool, below: f64, height: f64) -> String {
    let mut path = String::new();
    for (row, HeatmapRow { history, .. }) in heatmap.rows.iter().enumerate() {
        let included: Vec<bool> = (0..heatmap.steps.starts.len()).map(|step| include(history, step)).collect();
        let mut column = 0;
        for run in included.chunk_by(|a, b| a == b) {
            if run[0] {
                let (top, width) = (short(row as f64 + below), run.len());
                push(&mut path, format_args!("M{column} {top}h{width}v{height}h-{width}z"));
            }
            column += run.len();
        }
    }
    path
}

/// Two decimals are finer than any screen.
fn short(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn labels(heatmap: &Heatmap, scene: &Scene<'_>) -> Vec<HeatLabel> {
    // Antennas in the rows above, by status.
    let mut above = [0; Status::ALL.len()];
    let labels = heatmap.rows.iter().map(|row| {
        let label = label(row, above[row.status as usize], scene);
        for status in Status::ALL {
            above[status as usize] += row.antennas.of(status);
        }
        label
    });
    labels.collect()
}

/// The antennas of a status in the order of the map, on the page of their list that holds the one behind so many others.
fn group_href(status: Status, above: u64, scene: &Scene<'_>) -> String {
    let fleet = State::Status(status).fleet().sorted_by(Sort::PacketsLost);
    let page = u32::try_from(above / u64::from(FLEET_ROWS)).unwrap_or(u32::MAX).saturating_add(1);
    scene.address.with_page(Page::Antennas(Fleet { page, ..fleet })).href()
}

fn label(row: &HeatmapRow, above: u64, scene: &Scene<'_>) -> HeatLabel {
    let language = scene.language();
    // A group usually has one status, sometimes a few.
    let states = Status::ALL.map(State::Status).into_iter().chain(State::UNSETTLED).collect::<Vec<_>>();
    let group = || counts_in_words(&row.antennas, &states, language).join(", ");
    let named = row.antenna_id.as_ref().or(row.site.as_ref());
    let text = named.cloned().unwrap_or_else(group);
    let is_grouped = asked(scene).1;
    let state = State::of_group(row.status, &row.antennas);
    let href = match &row.antenna_id {
        _ if scene.address.manner.is_wall => None,
        Some(id) => Some(antenna_href(id, scene)),
        None if is_grouped => row.site.clone().map(|site| site_href(site, scene)),
        None if row.antennas.of(row.status) == row.antennas.total() => Some(group_href(row.status, above, scene)),
        None => None,
    };
    HeatLabel {
        cut: text.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at),
        story: story(&row.history, scene),
        cells: told(row, &scene.limits),
        text,
        is_group: named.is_none(),
        href,
        status: state.class(),
        status_label: state.label(language),
    }
}

fn told(row: &HeatmapRow, limits: &Limits) -> String {
    let history = &row.history;
    let mut text = String::new();
    for step in 0..history.readings.len() {
        let at = |column: &[u64]| column.get(step).copied().unwrap_or_default();
        let (sent, lost) = (at(&history.packets_sent), at(&history.packets_lost));
        push(&mut text, format_args!("{}", if step > 0 { " " } else { "" }));
        if sent > 0 {
            push(&mut text, format_args!("{:.0}", lost as f64 / sent as f64 * 1e4));
        }
        push(&mut text, format_args!(","));
        if let Some(latency_ms) = history.latency_mean_ms.get(step).copied().flatten() {
            push(&mut text, format_args!("{latency_ms:.0}"));
        }
        if is_down_in_part(history, step, Heat::of(history, step, limits)) {
            push(&mut text, format_args!(",{}", at(&row.antennas_down)));
        }
    }
    text
}

/// The address of an antenna's page, over the same range.
pub(in crate::model) fn antenna_href(id: &str, scene: &Scene<'_>) -> String {
    scene.address.with_page(Page::Antenna { id: id.to_owned() }).href()
}

/// The stretch that the steps cover.
fn bounds(steps: &Steps) -> Option<[UnixMillis; 2]> {
    let (first, last) = (steps.starts.first()?, steps.starts.last()?);
    Some([*first, UnixMillis(last.0 + step_ms(steps))])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use shared::api::{AntennaCounts, Order, WindowBounds};

    use super::super::tests::{Cell, cell, history, judged};
    use super::*;
    use crate::model::CONTRACT_LIMITS;
    use crate::model::tests::{NOW, address, address_in, overview, scene};
    use crate::query::Manner;
    use crate::query::tests::read;

    fn heatmap(rows: &[Vec<Cell>]) -> Heatmap {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default() as i64;
        let starts: Vec<UnixMillis> = (0..columns).map(|step| UnixMillis(NOW.0 + step * 5000)).collect();
        let row = |cells: &Vec<Cell>| HeatmapRow {
            antenna_id: None,
            site: None,
            status: Status::Healthy,
            antennas: AntennaCounts::default(),
            history: history(cells),
            antennas_down: vec![0; cells.len()],
        };
        Heatmap {
            window: WindowBounds { start: NOW, end: UnixMillis(NOW.0 + columns * 5000), seconds: 0 },
            steps: Steps { step_seconds: 5.0, starts },
            total: rows.len() as u64,
            rows: rows.iter().map(row).collect(),
            as_of: Some(NOW),
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
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

    proptest! {
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
    }

    #[test]
    fn what_was_down_for_a_part_is_split_unless_all_of_it_was_down() {
        let mut map = heatmap(&[vec![(1, 100, 0, None); 5], vec![(1, 100, 100, None); 5]]);
        for row in &mut map.rows {
            row.history.worst_status = [Status::Down, Status::Down, Status::Degraded, Status::Down].map(Some).to_vec();
        }
        assert_eq!(splits(&map, &CONTRACT_LIMITS), format!("M0 0.52h2v{SPLIT}h-2zM3 0.52h1v{SPLIT}h-1z"));
        map.rows.iter_mut().for_each(|row| row.history.worst_status.clear());
        assert_eq!(splits(&map, &CONTRACT_LIMITS), "", "analytics does not tell");
    }

    #[test]
    fn a_history_that_is_too_short_ends_in_a_gap() {
        let mut map = heatmap(&[vec![(1, 100, 0, None); 3]]);
        map.steps.starts.push(UnixMillis(NOW.0 + 15_000));
        map.rows[0].history.packets_lost.clear();
        assert_eq!(cells(&map, 4, &CONTRACT_LIMITS), [("heat-well", format!("M0 0h3v{ROW}h-3z"))]);
    }

    #[test]
    fn an_antenna_leads_to_its_page_over_the_same_range_and_a_mixed_group_leads_nowhere() {
        let address = address("/?by=latency&window=15m&end=2025-11-24T14:30:00Z&compare=week&lang=es");
        let mut map = heatmap(&[vec![(1, 100, 0, None)], vec![(1, 100, 0, None)]]);
        map.rows[0].antenna_id = Some("a/../b?c#d".to_owned());
        map.rows[1].antennas =
            AntennaCounts { active: 9, healthy: 1200, degraded: 30, down: 4, ..AntennaCounts::default() };
        let labels = heat_map(&map, false, &scene(&address)).labels;
        assert_eq!(labels[0].text, "a/../b?c#d");
        let there = read(labels[0].href.as_deref().unwrap()).unwrap();
        assert_eq!(there, address.with_page(Page::Antenna { id: "a/../b?c#d".to_owned() }));
        assert_eq!((&*labels[1].text, &labels[1].href), ("4 caídas, 30 degradadas, 1\u{202f}200 sanas", &None));
        let wall = address.with_manner(Manner { is_wall: true, ..address.manner });
        assert!(heat_map(&map, false, &scene(&wall)).labels.iter().all(|label| label.href.is_none()));
    }

    #[test]
    fn a_group_of_one_status_leads_to_where_it_begins_in_the_list_of_its_antennas() {
        let address = address("/?by=latency&window=15m&end=2025-11-24T14:30:00Z&lang=es");
        let mut map = heatmap(&vec![vec![(1, 100, 0, None)]; 5]);
        let counts = [
            AntennaCounts { down: 1, ..AntennaCounts::default() },
            AntennaCounts { degraded: 30, ..AntennaCounts::default() },
            AntennaCounts { healthy: 70, ..AntennaCounts::default() },
            AntennaCounts { healthy: 69, ..AntennaCounts::default() },
            AntennaCounts { healthy: 69, ..AntennaCounts::default() },
        ];
        map.rows[1].status = Status::Degraded;
        map.rows[0].status = Status::Down;
        map.rows.iter_mut().zip(counts).for_each(|(row, counts)| row.antennas = counts);
        map.rows[0].antenna_id = Some("x".to_owned());
        let labels = heat_map(&map, false, &scene(&address)).labels;
        assert!(!labels[0].is_group && labels[1].is_group);
        let there: Vec<_> = labels[1..]
            .iter()
            .map(|label| {
                let there = read(label.href.as_deref().unwrap()).unwrap();
                assert_eq!((there.query.range, there.manner), (address.query.range, address.manner));
                let Page::Antennas(fleet) = there.query.page else { panic!("it is the antennas") };
                (fleet.filter.unwrap().as_str(), fleet.sort, fleet.order, fleet.page)
            })
            .collect();
        let at = |status, page| (status, Sort::PacketsLost, Order::Descending, page);
        assert_eq!(there, [at("degraded", 1), at("healthy", 1), at("healthy", 2), at("healthy", 3)]);
    }

    #[test]
    fn more_rows_are_offered_while_antennas_share_one() {
        let more = |href: &str, grouped: bool| {
            let address = address(href);
            let mut map = heatmap(&[vec![(1, 100, 0, None)]]);
            map.rows[0].antenna_id = (!grouped).then(|| "x".to_owned());
            heat_map(&map, false, &scene(&address)).more
        };
        assert_eq!(more("/?by=latency", false), None);
        assert_eq!(more("/?by=latency", true), Some(("/?by=latency&heatmap=tall".to_owned(), "More rows")));
        assert_eq!(more("/?by=latency&heatmap=tall", true), Some(("/?by=latency".to_owned(), "Fewer rows")));
        assert_eq!(more("/?heatmap=tall", false), Some(("/".to_owned(), "Fewer rows")));
    }

    #[test]
    fn a_row_of_a_site_leads_to_it_and_rows_can_be_sites_where_there_are_any() {
        let here = address("/?by=latency&group=site&window=15m");
        let mut map = heatmap(&[vec![(1, 100, 0, None)], vec![(1, 100, 0, None)]]);
        map.rows[0].site = Some("a&b".to_owned());
        let HeatMap { labels, groupings, more, .. } = heat_map(&map, true, &scene(&here));
        assert_eq!((&*labels[0].text, labels[0].is_group), ("a&b", false));
        assert_eq!(labels[0].href.as_deref(), Some("/site?name=a%26b&window=15m"));
        assert_eq!((labels[1].is_group, &labels[1].href), (true, &None), "antennas of several sites, or at none");
        assert_eq!(more.map(|(_, words)| words), Some("More rows"));
        let hrefs: Vec<(&str, bool)> = groupings.iter().map(|it| (&*it.href, it.is_shown)).collect();
        assert_eq!(
            hrefs,
            [("/?by=latency&window=15m#heatmap", false), ("/?by=latency&group=site&window=15m#heatmap", true)]
        );
        assert_eq!(heat_map(&map, false, &scene(&address("/"))).groupings, []);
        assert_eq!(heat_map(&map, true, &scene(&address("/?wall=1"))).groupings, []);
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
    fn an_id_is_cut_before_its_last_letters_and_a_crosshair_tells_what_is_known() {
        let address = address("/");
        let mut map = heatmap(&[vec![(1, 8, 0, Some(20.4)), (0, 0, 0, None), (1, 8, 1, None), (1, 8, 8, None)]]);
        map.rows[0].antenna_id = Some("estación-norte-0042".to_owned());
        (map.rows[0].history.worst_status[2], map.rows[0].antennas_down[2]) = (Some(Status::Down), 1);
        (map.rows[0].history.worst_status[3], map.rows[0].antennas_down[3]) = (Some(Status::Down), 1);
        let label = heat_map(&map, false, &scene(&address)).labels.remove(0);
        assert_eq!(label.text.split_at(label.cut), ("estación-nort", "e-0042"));
        assert_eq!(label.cells, "0,20 , 1250,,1 10000,");
        assert_eq!(label.story, "4 steps: 1 degraded, 1 down, 1 down in part, 1 without data");
        map.rows[0].antenna_id = Some("ñandú".to_owned());
        assert_eq!(heat_map(&map, false, &scene(&address)).labels[0].cut, 0);
    }

    /// A window that goes on after the last reading: what is missing is one colour, whether it may still come or not.
    #[test]
    fn only_steps_with_something_in_them_are_still_filling_up() {
        let address = address("/?window=1m&end=2025-11-24T14:47:40Z");
        let mut map = heatmap(&[vec![(1, 100, 0, None); 8]]);
        map.as_of = Some(UnixMillis(NOW.0 + 20_000));
        let open = |map: &Heatmap| heat_map(map, false, &scene(&address)).open;
        assert_eq!(open(&map), format!("M3 0h5v{ROW}h-5z"));
        map.rows[0].history.readings[5] = 0;
        assert_eq!(open(&map), format!("M3 0h2v{ROW}h-2zM6 0h2v{ROW}h-2z"));
        map.rows[0].history.readings[3..].fill(0);
        assert_eq!(open(&map), "");
    }

    #[test]
    fn a_map_without_steps_is_empty() {
        let address = address("/");
        let map = heat_map(&heatmap(&[]), false, &scene(&address));
        assert_eq!((map.columns, map.rows, map.cells.len(), map.times.len()), (0, 0, 0, 0));
    }
}
