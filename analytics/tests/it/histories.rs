//! The course of antennas over a window, and the heat map, against the reference.

use analytics::store::Store;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaCounts, AntennaPage, AntennasRequest, Count, End, HeatmapRequest, Order, SeriesRequest, Sort, Status,
    SummaryRequest, WorstRequest,
};
use shared::time::Span;

use crate::oracle::alike;
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
