//! Laws that the answers keep among each other.

use std::collections::HashSet;

use futures::FutureExt;
use shared::UnixMillis;
use shared::api::{AntennaCounts, AntennaPage, AntennaRow, Badness, History, Measures, Status};

use super::*;
use crate::query::Query;
use crate::source::{Extent, Source};

pub(super) const NOON: UnixMillis = UnixMillis(1_763_985_607_000);

/// Networks of one antenna, of named ones, and of many.
pub(super) const SIZES: [u32; 4] = [1, 7, 24, 1000];

pub(super) fn seconds_later(moment: UnixMillis, seconds: i64) -> UnixMillis {
    UnixMillis(moment.0 + seconds * 1000)
}

/// Moments from noon on, some seconds apart.
pub(super) fn later(count: i64, seconds: i64) -> impl Iterator<Item = UnixMillis> {
    (0..count).map(move |at| seconds_later(NOON, at * seconds))
}

fn all(limit: usize, offset: usize, sort: Sort) -> AntennaSearch {
    AntennaSearch { limit, offset, sort, ..AntennaSearch::default() }
}

fn ids(page: &AntennaPage) -> Vec<&str> {
    page.antennas.iter().map(|row| row.antenna_id.as_str()).collect()
}

fn sum<'a>(measures: impl IntoIterator<Item = &'a Measures>) -> [u64; 4] {
    measures.into_iter().fold([0; 4], |sum, it| {
        let own = [it.readings, it.packets_sent, it.packets_delivered, it.packets_lost];
        std::array::from_fn(|at| sum[at] + own[at])
    })
}

fn sum_of_histories<'a>(histories: impl IntoIterator<Item = &'a History>) -> [u64; 3] {
    histories.into_iter().fold([0; 3], |sum, it| {
        let own = [&it.readings, &it.packets_sent, &it.packets_lost].map(|column| column.iter().sum::<u64>());
        std::array::from_fn(|at| sum[at] + own[at])
    })
}

fn by_status(rows: &[AntennaRow]) -> AntennaCounts {
    measure::count(rows.iter().map(|row| (row.status, row.measures.readings > 0)))
}

#[test]
fn the_same_moment_gives_the_same_answers_and_the_next_gives_others() {
    let (mock, next) = (Mock::default(), seconds_later(NOON, 1));
    let figures =
        |now| Source::Mock(mock).figures(&Query::default(), Extent::Page, now).now_or_never().unwrap().unwrap();
    assert_eq!(figures(NOON), figures(NOON));
    assert_ne!(figures(NOON).summary().measures, figures(next).summary().measures);
    assert_eq!(mock.heatmap(300, None, 10, 60, NOON), mock.heatmap(300, None, 10, 60, NOON));
    assert_ne!(mock.heatmap(300, None, 10, 60, NOON).rows, mock.heatmap(300, None, 10, 60, next).rows);
    assert_eq!(mock.pipeline(NOON), mock.pipeline(NOON));
    assert_ne!(mock.pipeline(NOON).totals, mock.pipeline(next).totals);
    assert_ne!(mock.pipeline_history(NOON), mock.pipeline_history(next));
    assert_ne!(mock.readings("quarry", 5, NOON), mock.readings("quarry", 5, next));
}

#[test]
fn a_window_with_a_given_end_stays_as_it_was() {
    // All that was held back has arrived by the end of a minute's first half.
    let end = UnixMillis(NOON.0 - NOON.0 % 120_000 + 30_000);
    let search = AntennaSearch { step_s: Some(30), ..AntennaSearch::default() };
    let answers = |now| {
        let mock = Mock::default();
        let mut summary = mock.summary(300, Some(end), now);
        // How far back one can ask moves on, and so does the time of the newest reading.
        (summary.limits, summary.as_of) = (None, None);
        let measures = |page: AntennaPage| page.antennas.into_iter().map(|row| (row.measures, row.status, row.history));
        let antennas: Vec<_> = measures(mock.antennas(300, Some(end), &search, now)).collect();
        let points = mock.series(300, 5, Some(end), None, now).unwrap().points;
        (summary, antennas, points, mock.heatmap(300, Some(end), 20, 10, now).rows)
    };
    for seconds in [1, 5, 59, 800, 3000] {
        assert_eq!(answers(end), answers(seconds_later(end, seconds)), "{seconds} s later");
    }
}

#[test]
fn the_network_shows_every_status() {
    for now in later(120, 61) {
        let counts = Mock::default().summary(300, None, now).antennas;
        assert_eq!((counts.healthy, counts.degraded, counts.down, counts.silent), (20, 2, 1, 1), "at {now}");
        let counts = Mock::with_antennas(1).summary(300, None, now).antennas;
        assert_eq!(counts, AntennaCounts { active: 1, healthy: 1, ..AntennaCounts::default() }, "at {now}");
    }
    for now in later(10, 311) {
        let counts = Mock::with_antennas(10_000).summary(300, None, now).antennas;
        let AntennaCounts { healthy, degraded, down, silent, .. } = counts;
        assert_eq!(healthy + degraded + down + silent, 10_000);
        assert!(
            (190..=210).contains(&degraded) && (25..=35).contains(&down) && (45..=55).contains(&silent),
            "{counts:?}"
        );
    }
}

#[test]
fn steps_and_antennas_add_up_to_the_summary() {
    for mock in SIZES.map(Mock::with_antennas) {
        for (window_s, step_s, now) in [(300, 5, NOON), (900, 15, seconds_later(NOON, 141)), (3600, 70, NOON)] {
            let summary = mock.summary(window_s, None, now);
            let series = mock.series(window_s, step_s, None, None, now).unwrap();
            assert_eq!(sum(series.points.iter().map(|point| &point.measures)), sum([&summary.measures]));
            assert_eq!(series.points.len() as u32, window_s.div_ceil(step_s));
            let page = mock.antennas(window_s, None, &all(usize::MAX, 0, Sort::Status), now);
            assert_eq!(sum(page.antennas.iter().map(|row| &row.measures)), sum([&summary.measures]));
            assert_eq!(by_status(&page.antennas), summary.antennas);
            assert_eq!((series.window, page.window), (summary.window, summary.window));
            assert_eq!(series.points.iter().any(|point| point.revised), summary.revised);
        }
    }
}

#[test]
fn an_antenna_has_the_same_figures_wherever_it_is_shown() {
    let mock = Mock::default();
    let search = AntennaSearch { step_s: Some(60), limit: usize::MAX, ..AntennaSearch::default() };
    let list = mock.antennas(900, None, &search, NOON);
    let worst = mock.worst(900, None, "latency", 100, Some(60), NOON);
    assert_eq!(worst.steps, list.steps);
    for row in &list.antennas {
        let alone = AntennaSearch { id: Some(row.antenna_id.clone()), ..search.clone() };
        assert_eq!(mock.antennas(900, None, &alone, NOON).antennas, std::slice::from_ref(row));
        let points = mock.series(900, 60, None, Some(&row.antenna_id), NOON).unwrap().points;
        assert_eq!(sum(points.iter().map(|point| &point.measures)), sum([&row.measures]));
        let history = row.history.as_ref().unwrap();
        assert_eq!(
            sum_of_histories([history]),
            [row.measures.readings, row.measures.packets_sent, row.measures.packets_lost]
        );
        assert!(worst.antennas.iter().filter(|bad| bad.antenna_id == row.antenna_id).all(|bad| bad == row));
    }
}

#[test]
fn steps_stand_still_while_the_window_moves() {
    let search = AntennaSearch { step_s: Some(60), ..AntennaSearch::default() };
    for now in later(30, 7) {
        let page = Mock::default().antennas(900, None, &search, now);
        let steps = page.steps.unwrap();
        assert!(steps.starts.iter().all(|start| start.0 % 60_000 == 0));
        assert!(steps.starts.windows(2).all(|pair| pair[1].0 - pair[0].0 == 60_000));
        let (first, last) = (steps.starts[0], steps.starts[steps.starts.len() - 1]);
        assert!(first <= page.window.start && page.window.start.0 < first.0 + 60_000);
        assert!(last < page.window.end && page.window.end.0 <= last.0 + 60_000);
        assert!(page.antennas.iter().all(|row| row.history.as_ref().unwrap().readings.len() == steps.starts.len()));
    }
    assert_eq!(Mock::default().antennas(900, None, &AntennaSearch::default(), NOON).steps, None);
}

#[test]
fn pages_put_together_are_the_list_in_every_order() {
    for mock in [24, 60].map(Mock::with_antennas) {
        for (sort, descending) in Sort::ALL.into_iter().flat_map(|sort| [(sort, false), (sort, true)]) {
            let search = |limit, offset| AntennaSearch { descending, ..all(limit, offset, sort) };
            let list = mock.antennas(300, None, &search(usize::MAX, 0), NOON);
            assert_eq!(ids(&list).into_iter().collect::<HashSet<_>>().len() as u64, list.total);
            let pages =
                (0..list.antennas.len()).step_by(17).map(|offset| mock.antennas(300, None, &search(17, offset), NOON));
            assert_eq!(pages.flat_map(|page| page.antennas).collect::<Vec<_>>(), list.antennas, "{sort:?}");
        }
    }
}

#[test]
fn orders_have_their_largest_first_or_last_and_unknown_values_last() {
    let list = |sort, descending| {
        Mock::default().antennas(300, None, &AntennaSearch { descending, ..all(100, 0, sort) }, NOON).antennas
    };
    assert!(list(Sort::AntennaId, false).is_sorted_by(|a, b| a.antenna_id < b.antenna_id));
    assert!(list(Sort::Status, false).is_sorted_by(|a, b| a.status <= b.status));
    assert!(list(Sort::PacketsLost, true).is_sorted_by(|a, b| a.measures.packets_lost >= b.measures.packets_lost));
    assert!(list(Sort::LastSeen, true).is_sorted_by(|a, b| a.last_seen >= b.last_seen));
    for descending in [false, true] {
        let p95s: Vec<_> = list(Sort::P95, descending).iter().map(|row| row.measures.latency_ms.p95).collect();
        let (known, unknown) = p95s.split_at(p95s.iter().position(Option::is_none).unwrap());
        assert!(unknown.iter().all(Option::is_none));
        assert!(known.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }));
    }
    assert!(Sort::ALL.iter().all(|sort| Sort::named(sort.as_str()) == Some(*sort)) && Sort::named("name").is_none());
}

#[test]
fn filters_find_what_they_say() {
    let total = |search| Mock::default().antennas(300, None, &search, NOON).total;
    let status = |status| AntennaSearch { status: Some(status), ..AntennaSearch::default() };
    let statuses = [Status::Down, Status::Degraded, Status::Silent, Status::Healthy];
    assert_eq!(statuses.map(|it| total(status(it))), [1, 2, 1, 20]);
    let q = |q: &str| AntennaSearch { q: q.to_owned(), ..AntennaSearch::default() };
    assert_eq!((total(q("HARBOUR")), total(q("<script>")), total(q(""))), (2, 0, 24));
    let id = |id: &str| AntennaSearch { id: Some(id.to_owned()), ..AntennaSearch::default() };
    assert_eq!((total(id("harbour-north")), total(id("harbour")), total(id("antenna-00003"))), (1, 0, 0));
    let page = Mock::with_antennas(2000).antennas(300, None, &id("antenna-01234"), NOON);
    assert_eq!(ids(&page), ["antenna-01234"]);
    assert_eq!(Mock::with_antennas(2000).antennas(300, None, &id("antenna-1234"), NOON).total, 0);
    assert_eq!(Mock::default().series(300, 5, None, Some("antenna-01234"), NOON), None);
}

#[test]
fn each_order_of_badness_has_its_worst_first() {
    let worst = |by: Badness| Mock::default().worst(300, None, by.as_str(), 10, None, NOON).antennas;
    assert_eq!(worst(Badness::SuccessRate)[0].status, Status::Down);
    assert!(worst(Badness::Latency)[0].measures.latency_ms.mean.unwrap() > DEGRADED_LATENCY_MS);
    assert!(worst(Badness::Latency).is_sorted_by(|a, b| a.measures.latency_ms.mean >= b.measures.latency_ms.mean));
    assert!(worst(Badness::Failures).is_sorted_by(|a, b| a.measures.packets_lost >= b.measures.packets_lost));
    assert_eq!(worst(Badness::Failures)[0].status, Status::Degraded);
    assert_eq!(Mock::default().worst(300, None, "name", 10, None, NOON).total, 0);
}

#[test]
fn the_rows_of_a_heat_map_partition_the_antennas() {
    for (mock, rows) in [(1, 60), (24, 60), (24, 9), (1000, 60)].map(|(size, rows)| (Mock::with_antennas(size), rows)) {
        for now in later(4, 127) {
            let heatmap = mock.heatmap(900, None, 15, rows, now);
            let list = mock.antennas(900, None, &all(usize::MAX, 0, Sort::Status), now).antennas;
            assert_eq!(heatmap.total, list.len() as u64);
            assert_eq!(heatmap.rows.len(), rows.min(list.len()));
            let counts = heatmap.rows.iter().fold(AntennaCounts::default(), |sum, row| AntennaCounts {
                active: sum.active + row.antennas.active,
                healthy: sum.healthy + row.antennas.healthy,
                degraded: sum.degraded + row.antennas.degraded,
                down: sum.down + row.antennas.down,
                silent: sum.silent + row.antennas.silent,
            });
            assert_eq!(counts, by_status(&list));
            let [readings, sent, _, lost] = sum(list.iter().map(|row| &row.measures));
            assert_eq!(sum_of_histories(heatmap.rows.iter().map(|row| &row.history)), [readings, sent, lost]);
            assert!(heatmap.rows.is_sorted_by(|a, b| a.status <= b.status));
            assert!(heatmap.rows.iter().all(|row| row.history.readings.len() == heatmap.steps.starts.len()));
        }
    }
}

#[test]
fn the_rows_of_a_heat_map_are_its_antennas_worst_first() {
    let search = AntennaSearch { step_s: Some(15), ..all(usize::MAX, 0, Sort::Status) };
    let mut list = Mock::default().antennas(300, None, &search, NOON).antennas;
    list.sort_by_key(|row| (row.status, std::cmp::Reverse(row.measures.packets_lost)));
    let heatmap = Mock::default().heatmap(300, None, 15, 9, NOON);
    let singles: Vec<_> = heatmap.rows[..5].iter().map(|row| (row.antenna_id.clone(), row.history.clone())).collect();
    let expected: Vec<_> =
        list[..5].iter().map(|row| (Some(row.antenna_id.clone()), row.history.clone().unwrap())).collect();
    assert_eq!(singles, expected);
    assert!(heatmap.rows[5..].iter().all(|row| row.antenna_id.is_none()));
}

#[test]
fn percentiles_are_in_order_and_known_where_the_mean_is() {
    for now in later(20, 97) {
        for (window_s, size) in [(30, 24), (300, 24), (3600, 24), (300, 1000)] {
            let mock = Mock::with_antennas(size);
            let points = mock.series(window_s, window_s / 6, None, None, now).unwrap().points;
            let rows = mock.antennas(window_s, None, &all(100, 0, Sort::Status), now).antennas;
            let measures = points.iter().map(|point| &point.measures).chain(rows.iter().map(|row| &row.measures));
            for latency in measures.map(|measures| measures.latency_ms) {
                let ordered = [latency.min, latency.p50, latency.p95, latency.p99, latency.max];
                assert!(ordered.is_sorted() && ordered.iter().all(|it| it.is_some() == latency.mean.is_some()));
                assert!(latency.min <= latency.mean && latency.mean <= latency.max, "{latency:?}");
            }
        }
    }
}

#[test]
fn nothing_is_older_than_what_is_retained() {
    let summary = Mock::default().summary(3600, None, NOON);
    assert_eq!(summary.limits.unwrap().oldest, Some(summary.window.start));
    let before = Mock::default().summary(3600, Some(summary.window.start), NOON);
    assert_eq!(before.measures, Measures::default());
    let day = Mock::default().series(86_400, 1800, None, None, NOON).unwrap();
    assert_eq!(sum(day.points.iter().map(|point| &point.measures)), sum([&summary.measures]));
}

#[test]
fn a_few_points_are_revised_and_most_are_not() {
    let points = Mock::default().series(300, 5, None, None, NOON).unwrap().points;
    assert!((1..=6).contains(&points.iter().filter(|point| point.revised).count()));
}
