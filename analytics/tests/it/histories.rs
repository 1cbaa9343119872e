//! The course of antennas over a window, and the heat map, against the reference.

use analytics::settings::Thresholds;
use analytics::store::Store;
use analytics::store::trouble::Severity;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaCounts, AntennaPage, AntennasRequest, Cell, CellsRequest, Count, End, HeatmapRequest, Order, SeriesRequest,
    Sort, Status, SummaryRequest, WorstRequest,
};
use shared::time::Span;

use crate::oracle::{alike, alike_in_cells};
use crate::support::{Arrival, ask, name, window};
use crate::windows::{PANE_MS, START_MS, arrivals, counted, end, ends, store};

const STATUSES: [Status; 4] = [Status::Down, Status::Degraded, Status::Silent, Status::Healthy];

/// The histories of a page stand on multiples of the step, and each adds up to its row.
fn assert_adds_up(page: &AntennaPage, step_ms: i64) -> Result<(), TestCaseError> {
    let steps = page.steps.as_ref().expect("steps");
    prop_assert!(steps.starts.iter().all(|start| start.0 % step_ms == 0));
    for row in &page.antennas {
        let history = row.history.as_ref().expect("a history");
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
    sum.flapping += more.flapping;
    sum.unavailable += more.unavailable;
    sum.unsettled += more.unsettled;
    more.healthy + more.degraded + more.down + more.silent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// In any window and step, with tiles and without, in whatever order the antennas are listed.
    #[test]
    fn a_history_is_what_the_reference_counts_and_adds_up(
        arrivals in arrivals(),
        has_tiles in any::<bool>(),
        panes in 1..=120_i64,
        step_panes in prop_oneof![1..=40_i64, Just(12), Just(24)],
        end_ms in ends(),
        sort in prop_oneof![Just(Sort::AntennaId), Just(Sort::PacketsLost)],
        order in prop_oneof![Just(Order::Ascending), Just(Order::Descending)],
        (limit, offset) in (1..8_usize, 0..3_usize),
    ) {
        let (store, _) = store(&arrivals, &[0, arrivals.len() / 2, arrivals.len()], has_tiles);
        let (snapshot, reference) = (store.snapshot(1, None), counted(&arrivals));
        let (now, asked) = (UnixMillis(START_MS), window(panes * PANE_MS, end(&reference, end_ms)));
        let step_ms = step_panes * PANE_MS;
        let step = Some(Span::from_ms(step_ms));
        let limit = Count::new(limit).expect("within the bounds");
        let request = AntennasRequest { window: asked, sort, order, limit, offset, step, ..AntennasRequest::default() };
        let page = alike(&snapshot, &reference, now, &request)?.expect("an answer");
        assert_adds_up(&page, step_ms)?;
        let limit = Count::new(limit.get()).expect("within the bounds");
        let worst = WorstRequest { window: asked, limit, step, ..WorstRequest::default() };
        let worst = alike(&snapshot, &reference, now, &worst)?.expect("an answer");
        assert_adds_up(&worst, step_ms)?;

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
        end_ms in ends(),
        limit in 1..8_usize,
        statuses in prop::sample::subsequence(STATUSES.to_vec(), 0..4),
    ) {
        let (store, _) = store(&arrivals, &[0, arrivals.len() / 2, arrivals.len()], has_tiles);
        let (snapshot, reference) = (store.snapshot(1, None), counted(&arrivals));
        let (now, asked) = (UnixMillis(START_MS), window(panes * PANE_MS, end(&reference, end_ms)));
        let step_ms = step_panes * PANE_MS;
        let statuses: std::collections::BTreeSet<Status> = statuses.into_iter().collect();
        let step = Some(Span::from_ms(step_ms));
        let rows = Count::new(limit).expect("within the bounds");
        let request = HeatmapRequest { window: asked, step, rows, statuses: statuses.clone(), ..HeatmapRequest::default() };
        let map = alike(&snapshot, &reference, now, &request)?.expect("an answer");

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
                    Status::Unseen => row.antennas.unseen,
                };
                prop_assert_eq!(found, count);
            }
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

/// The status that a cell of a single pane has by its own sums.
fn of_pane(cell: &Cell) -> Status {
    let it = &cell.measures;
    match Thresholds::default().judge(it.packets_sent, it.packets_lost, it.latency_ms.mean) {
        Some(Severity::Down) => Status::Down,
        Some(Severity::Degraded) => Status::Degraded,
        None => Status::Healthy,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Averages hide nothing: what a single pane shows as down or degraded, every longer step that holds it shows too, in a
    /// heat map, in cells, and in the series of the antenna and of the network.
    #[test]
    fn no_step_is_better_than_its_worst_pane(
        arrivals in arrivals(),
        has_tiles in any::<bool>(),
        (panes, step_panes) in (1..=120_i64, prop_oneof![4..=40_i64, Just(12), Just(24)]),
        end_ms in ends(),
    ) {
        let (store, _) = store(&arrivals, &[0, arrivals.len() / 2, arrivals.len()], has_tiles);
        let (snapshot, reference) = (store.snapshot(1, None), counted(&arrivals));
        let (now, asked) = (UnixMillis(START_MS), window(panes * PANE_MS, end(&reference, end_ms)));
        let step_ms = step_panes * PANE_MS;
        let step = Some(Span::from_ms(step_ms));
        let of = |step| CellsRequest { window: asked, step, ..CellsRequest::default() };
        // Single panes are those of the reference.
        let each = reference.ask(&of(Some(Span::from_ms(PANE_MS))), now).expect("cells").cells;
        prop_assert!(each.iter().all(|cell| cell.worst_status == Some(of_pane(cell))));
        let within = |from: i64, to: i64, id: Option<&str>| -> Vec<&Cell> {
            let is_asked_for = |cell: &&Cell| (from..to).contains(&cell.start.0) && id.is_none_or(|id| id == cell.antenna_id);
            each.iter().filter(is_asked_for).collect()
        };
        let worst = |panes: &[&Cell]| panes.iter().map(|cell| of_pane(cell)).min();
        let down = |panes: &[&Cell]| {
            let down = panes.iter().filter(|cell| of_pane(cell) == Status::Down).map(|cell| &cell.antenna_id);
            down.collect::<std::collections::BTreeSet<_>>().len() as u64
        };
        for cell in alike_in_cells(&snapshot, &reference, now, &of(step))?.expect("cells").cells {
            let panes = within(cell.start.0, cell.start.0 + step_ms, Some(&cell.antenna_id));
            prop_assert_eq!(cell.worst_status, worst(&panes));
        }
        for rows in [2, 100] {
            let rows = Count::new(rows).expect("within the bounds");
            let map = HeatmapRequest { window: asked, step, rows, ..HeatmapRequest::default() };
            let map = alike(&snapshot, &reference, now, &map)?.expect("a map");
            for (step, start) in map.steps.starts.iter().enumerate() {
                let (from, to) = (start.0, start.0 + step_ms);
                for row in map.rows.iter().filter(|row| row.antenna_id.is_some()) {
                    let panes = within(from, to, row.antenna_id.as_deref());
                    prop_assert_eq!(row.history.worst_status[step], worst(&panes));
                    prop_assert_eq!(row.antennas_down[step], down(&panes));
                }
                let all = within(from, to, None);
                prop_assert_eq!(map.rows.iter().filter_map(|row| row.history.worst_status[step]).min(), worst(&all));
                prop_assert_eq!(map.rows.iter().map(|row| row.antennas_down[step]).sum::<u64>(), down(&all));
            }
        }
        for antenna in [None, each.first().map(|cell| cell.antenna_id.clone())] {
            let series = SeriesRequest { window: asked, step, antenna, ..SeriesRequest::default() };
            for point in alike(&snapshot, &reference, now, &series)?.expect("a series").points {
                let panes = within(point.start.0, point.start.0 + step_ms, series.antenna.as_deref());
                prop_assert_eq!((point.worst_status, point.antennas_down), (worst(&panes), down(&panes)));
            }
        }
    }
}

/// An antenna is down for twenty seconds of ten minutes, in which it is well on average: the map says so, whatever the step, and
/// a late reading that undoes it takes the tiles along.
#[test]
fn an_outage_of_seconds_shows_at_every_step_until_a_late_reading_undoes_it() {
    let reading = |second: i64, loss| Arrival {
        arrival_ms: START_MS + second * 1_000,
        event_ms: START_MS + second * 1_000,
        antenna: 0,
        packets: 100,
        loss,
        latency_ms: None,
        seq: None,
    };
    let mut arrivals: Vec<Arrival> =
        (0..120).map(|pane| reading(pane * 5, if (60..64).contains(&pane) { 100 } else { 0 })).collect();
    let shown = |arrivals: &[Arrival], step_panes: i64| {
        let (store, _) = store(arrivals, &[0, 120, arrivals.len()], true);
        let (snapshot, now) = (store.snapshot(1, None), UnixMillis(START_MS + 600_000));
        let step = Some(Span::from_ms(step_panes * PANE_MS));
        let request = HeatmapRequest { window: window(600_000, End::Latest), step, ..HeatmapRequest::default() };
        let map = ask(&snapshot, now, &request).expect("a map");
        let row = &map.rows[0];
        let down = row.history.worst_status.iter().filter(|status| **status == Some(Status::Down)).count();
        (row.status, down, row.antennas_down.iter().sum::<u64>())
    };
    for (step_panes, steps) in [(1, 4), (12, 1), (120, 1)] {
        assert_eq!(shown(&arrivals, step_panes), (Status::Healthy, steps, steps as u64), "steps of {step_panes} panes");
    }
    arrivals.extend((60..64).map(|pane| Arrival { arrival_ms: START_MS + 600_000, ..reading(pane * 5, 0) }));
    for step_panes in [1, 12, 120] {
        assert_eq!(shown(&arrivals, step_panes), (Status::Healthy, 0, 0), "steps of {step_panes} panes");
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
