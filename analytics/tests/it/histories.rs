//! The course of antennas over a window, and the heat map, against the oracle of [`crate::windows`].

use analytics::answer::Window;
use analytics::store::Store;
use analytics::store::grid::Grid;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaCounts, AntennaPage, AntennasRequest, Count, End, HeatmapRequest, History, Order, SeriesRequest, Sort,
    Status, Steps, SummaryRequest, WorstRequest,
};
use shared::time::Span;

use crate::support::{Arrival, ask, name, window};
use crate::windows::{Oracle, PANE_MS, START_MS, arrivals, oracle, store};

const STATUSES: [Status; 4] = [Status::Down, Status::Degraded, Status::Silent, Status::Healthy];

fn within(oracle: &Oracle, start_ms: i64, end_ms: i64, ids: &[String]) -> Vec<Arrival> {
    let readings = oracle.within(start_ms, end_ms, None);
    readings.into_iter().filter(|it| ids.contains(&name(it.antenna))).cloned().collect()
}

/// The steps stand on multiples of their width and cover the window, and each holds what the antennas measured in it.
fn assert_history(
    (steps, history): (&Steps, &History),
    (window, step_ms): (Window, i64),
    oracle: &Oracle,
    ids: &[String],
) -> Result<(), TestCaseError> {
    let starts: Vec<i64> = steps.starts.iter().map(|start| start.0).collect();
    let grid = Grid::of_width(step_ms);
    let expected: Vec<i64> =
        (grid.floor(window.start_ms)..window.end_ms).step_by(usize::try_from(step_ms).expect("a step")).collect();
    prop_assert_eq!(&starts, &expected);
    prop_assert_eq!(steps.step_seconds, step_ms as f64 / 1000.0);
    let History { readings, packets_sent, packets_lost, latency_mean_ms } = history;
    for column in [readings.len(), packets_sent.len(), packets_lost.len(), latency_mean_ms.len()] {
        prop_assert_eq!(column, starts.len());
    }
    for (step, &start) in starts.iter().enumerate() {
        let (from, until) = (start.max(window.start_ms), (start + step_ms).min(window.end_ms));
        let expected = within(oracle, from, until, ids);
        prop_assert_eq!(readings[step], expected.len() as u64);
        prop_assert_eq!(packets_sent[step], expected.iter().map(|it| u64::from(it.packets)).sum::<u64>());
        prop_assert_eq!(packets_lost[step], expected.iter().map(|it| u64::from(it.loss)).sum::<u64>());
        let latencies: Vec<f64> = expected.iter().filter_map(|it| it.latency_ms).collect();
        let mean = latencies.iter().sum::<f64>() / latencies.len() as f64;
        match latency_mean_ms[step] {
            Some(found) => prop_assert!((found - mean).abs() <= 0.000_501, "{found} for {mean}"),
            None => prop_assert!(latencies.is_empty()),
        }
    }
    Ok(())
}

fn assert_page(page: &AntennaPage, (window, step_ms): (Window, i64), oracle: &Oracle) -> Result<(), TestCaseError> {
    let steps = page.steps.as_ref().expect("steps");
    for row in &page.antennas {
        let history = row.history.as_ref().expect("a history");
        assert_history((steps, history), (window, step_ms), oracle, std::slice::from_ref(&row.antenna_id))?;
        prop_assert_eq!(history.readings.iter().sum::<u64>(), row.measures.readings);
        prop_assert_eq!(history.packets_sent.iter().sum::<u64>(), row.measures.packets_sent);
        prop_assert_eq!(history.packets_lost.iter().sum::<u64>(), row.measures.packets_lost);
    }
    Ok(())
}

fn add(sum: &mut AntennaCounts, more: AntennaCounts) -> u64 {
    sum.active += more.active;
    sum.healthy += more.healthy;
    sum.degraded += more.degraded;
    sum.down += more.down;
    sum.silent += more.silent;
    more.healthy + more.degraded + more.down + more.silent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// In any window and step, with tiles and without, in whatever order the antennas are listed.
    #[test]
    fn a_history_is_what_the_oracle_counts_and_adds_up(
        arrivals in arrivals(),
        has_tiles in any::<bool>(),
        panes in 1..=120_i64,
        step_panes in prop_oneof![1..=40_i64, Just(12), Just(24)],
        end in prop_oneof![Just(None), (-300_000..100_000_i64).prop_map(Some)],
        sort in prop_oneof![Just(Sort::AntennaId), Just(Sort::PacketsLost)],
        order in prop_oneof![Just(Order::Ascending), Just(Order::Descending)],
        (limit, offset) in (1..8_usize, 0..3_usize),
    ) {
        let (store, _) = store(&arrivals, &[0, arrivals.len() / 2, arrivals.len()], has_tiles);
        let (snapshot, oracle) = (store.snapshot(1, None), oracle(&arrivals));
        let end = end.map_or(End::Latest, |offset| End::At(UnixMillis(oracle.newest_ms + offset)));
        let (now, asked) = (UnixMillis(START_MS), window(panes * PANE_MS, end));
        let window = Window::of(&snapshot, asked, now).expect("it is retained");
        let step_ms = step_panes * PANE_MS;
        let step = Some(Span::from_ms(step_ms));
        let limit = Count::new(limit).expect("within the bounds");
        let request = AntennasRequest { window: asked, sort, order, limit, offset, step, ..AntennasRequest::default() };
        let page = ask(&snapshot, now, &request).expect("an answer");
        assert_page(&page, (window, step_ms), &oracle)?;
        let limit = Count::new(limit.get()).expect("within the bounds");
        let worst = WorstRequest { window: asked, limit, step, ..WorstRequest::default() };
        let worst = ask(&snapshot, now, &worst).expect("an answer");
        assert_page(&worst, (window, step_ms), &oracle)?;

        // Without a step everything else is the same.
        let mut without = page;
        without.steps = None;
        without.antennas.iter_mut().for_each(|row| row.history = None);
        let plain = ask(&snapshot, now, &AntennasRequest { step: None, ..request }).expect("an answer");
        prop_assert_eq!(plain, without);
    }

    /// The rows of a heat map are the antennas in order, each in one row, and what they hold adds up to the network.
    #[test]
    fn a_heat_map_divides_the_network(
        arrivals in arrivals(),
        has_tiles in any::<bool>(),
        panes in 1..=120_i64,
        step_panes in prop_oneof![1..=40_i64, Just(12), Just(24)],
        end in prop_oneof![Just(None), (-300_000..100_000_i64).prop_map(Some)],
        limit in 1..8_usize,
        statuses in prop::sample::subsequence(STATUSES.to_vec(), 0..4),
    ) {
        let (store, _) = store(&arrivals, &[0, arrivals.len() / 2, arrivals.len()], has_tiles);
        let (snapshot, oracle) = (store.snapshot(1, None), oracle(&arrivals));
        let end = end.map_or(End::Latest, |offset| End::At(UnixMillis(oracle.newest_ms + offset)));
        let (now, asked) = (UnixMillis(START_MS), window(panes * PANE_MS, end));
        let window = Window::of(&snapshot, asked, now).expect("it is retained");
        let step_ms = step_panes * PANE_MS;
        let statuses: std::collections::BTreeSet<Status> = statuses.into_iter().collect();
        let step = Some(Span::from_ms(step_ms));
        let rows = Count::new(limit).expect("within the bounds");
        let request = HeatmapRequest { window: asked, step, rows, statuses: statuses.clone(), ..HeatmapRequest::default() };
        let map = ask(&snapshot, now, &request).expect("an answer");

        let every =
            AntennasRequest { window: asked, limit: Count::MOST, statuses: statuses.clone(), ..AntennasRequest::default() };
        let mut expected = ask(&snapshot, now, &every).expect("an answer").antennas;
        let is_wanted = |status: &Status| statuses.is_empty() || statuses.contains(status);
        prop_assert!(expected.iter().all(|row| is_wanted(&row.status)));
        // A stable sort: of equally bad antennas the one with the first id comes first.
        expected.sort_by_key(|row| (row.status, u64::MAX - row.measures.packets_lost));
        prop_assert_eq!(map.total, expected.len() as u64);
        prop_assert_eq!(map.rows.len(), expected.len().min(limit));
        let (mut counts, mut rest) = (AntennaCounts::default(), expected.as_slice());
        for row in &map.rows {
            let antennas = usize::try_from(add(&mut counts, row.antennas)).expect("a number of antennas");
            let (these, others) = rest.split_at(antennas);
            rest = others;
            prop_assert_eq!(row.status, these[0].status);
            prop_assert_eq!(row.antenna_id.as_ref(), (antennas == 1).then_some(&these[0].antenna_id));
            for status in STATUSES {
                let count = these.iter().filter(|it| it.status == status).count() as u64;
                let found = match status {
                    Status::Down => row.antennas.down,
                    Status::Degraded => row.antennas.degraded,
                    Status::Silent => row.antennas.silent,
                    Status::Healthy => row.antennas.healthy,
                };
                prop_assert_eq!(found, count);
            }
            let ids: Vec<String> = these.iter().map(|it| it.antenna_id.clone()).collect();
            assert_history((&map.steps, &row.history), (window, step_ms), &oracle, &ids)?;
        }
        prop_assert!(rest.is_empty());
        if statuses.is_empty() {
            let summary = ask(&snapshot, now, &SummaryRequest { window: asked }).expect("an answer");
            prop_assert_eq!(counts, summary.antennas);
            let lost: u64 = map.rows.iter().flat_map(|row| &row.history.packets_lost).sum();
            let series = SeriesRequest { window: asked, step, ..SeriesRequest::default() };
            let series = ask(&snapshot, now, &series).expect("a network");
            prop_assert_eq!(lost, series.points.iter().map(|point| point.measures.packets_lost).sum::<u64>());
        }
    }
}

/// One lost packet more each: the last antenna is the worst.
fn network(antennas: u32) -> Store {
    let arrival = |antenna| Arrival {
        arrival_ms: START_MS,
        event_ms: START_MS,
        antenna,
        packets: 100_000,
        loss: antenna,
        latency_ms: Some(f64::from(antenna)),
        seq: None,
    };
    let arrivals: Vec<Arrival> = (0..antennas).map(arrival).collect();
    store(&arrivals, &[0, arrivals.len()], true).0
}

#[test]
fn a_heat_map_has_a_row_for_each_of_the_worst_and_groups_for_the_others() {
    for (antennas, sizes) in [
        (0, vec![]),
        (1, vec![1]),
        (4, vec![1; 4]),
        (5, vec![1, 1, 1, 2]),
        (6, vec![1, 1, 2, 2]),
        (200, vec![1, 1, 99, 99]),
        (201, vec![1, 1, 99, 100]),
    ] {
        let snapshot = network(antennas).snapshot(1, None);
        let (now, window) = (UnixMillis(START_MS), window(60_000, End::At(UnixMillis(START_MS + 1))));
        let map = |rows| {
            let (step, rows) = (Some(Span::from_ms(PANE_MS)), Count::new(rows).expect("within the bounds"));
            ask(&snapshot, now, &HeatmapRequest { window, step, rows, ..HeatmapRequest::default() }).expect("an answer")
        };
        let one = map(1);
        let map = map(4);
        let found: Vec<u64> = map.rows.iter().map(|row| row.antennas.active).collect();
        assert_eq!(found, sizes, "{antennas} antennas");
        let worst = map.rows.first().and_then(|row| row.antenna_id.clone());
        assert_eq!(worst, antennas.checked_sub(1).map(name));
        // The history of a group is that of its antennas together.
        let mut next = antennas;
        for row in &map.rows {
            let size = u32::try_from(row.antennas.active).expect("a number of antennas");
            let lost: u32 = (next - size..next).sum();
            next -= size;
            assert_eq!(row.history.packets_lost.last(), Some(&u64::from(lost)));
            let mean = f64::from(lost) / f64::from(size);
            assert!(
                row.history.latency_mean_ms.last().is_some_and(|it| it.is_some_and(|it| (it - mean).abs() < 0.001))
            );
        }
        let map = one;
        assert_eq!(map.rows.iter().map(|row| row.antennas.active).sum::<u64>(), u64::from(antennas));
        assert_eq!(map.rows.len(), usize::from(antennas > 0), "one row stands for all");
    }
}
