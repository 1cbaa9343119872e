//! Windows against the reference, which keeps every reading.

use std::collections::BTreeSet;
use std::sync::Arc;

use analytics::answer::summary::success_rate;
use analytics::answer::{Question as _, Tables, View, Window};
use analytics::registry::{Notation, Registry};
use analytics::settings::Thresholds;
use analytics::store::{Pane, Snapshot, Store, Whole};
use proptest::prelude::*;
use reference::Reference;
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennaRow, AntennasRequest, Badness, CellsRequest, Count, End, HeatmapRequest, Order,
    SeriesRequest, Sort, Status, SummaryRequest, WorstRequest,
};
use shared::time::Span;

use crate::oracle::{self, alike, alike_in_cells};
use crate::support::{Arrival, ask, feed, name, window};

pub(crate) const PANE_MS: i64 = 5_000;
const RETENTION_MS: i64 = 600_000;
pub(crate) const START_MS: i64 = 1_700_000_000_000;

pub(crate) fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let event = prop_oneof![
        6 => -4_000..1_000_i64,
        2 => -400_000..0_i64,
        1 => -2_000_000..50_000_i64,
    ];
    let seq = prop_oneof![Just(None), (0..40_u64).prop_map(Some)];
    let latency = prop_oneof![Just(None), (0.1..900.0_f64).prop_map(Some)];
    let one = (0..9_000_i64, event, 0..6_u32, 0..200_u32, 0..=4_u32, latency, seq);
    prop::collection::vec(one, 1..150).prop_map(|rows| {
        let mut arrival_ms = START_MS;
        rows.into_iter()
            .map(|(pause, event, antenna, packets, quarters, latency_ms, seq)| {
                arrival_ms += pause;
                let loss = packets * quarters / 4;
                Arrival { arrival_ms, event_ms: arrival_ms + event, antenna, packets, loss, latency_ms, seq }
            })
            .collect()
    })
}

/// The store after the arrivals came in batches that end at the cuts.
pub(crate) fn store(arrivals: &[Arrival], cuts: &[usize], has_tiles: bool) -> (Store, [u64; 3]) {
    let mut store = Store::new(PANE_MS, RETENTION_MS, Thresholds::default());
    let mut known = BTreeSet::new();
    let mut outcome = [0; 3];
    for cut in cuts.windows(2) {
        let accepted = feed(&mut store, &mut known, &arrivals[cut[0]..cut[1]]);
        if has_tiles {
            store.build_tiles().expect("columns");
        }
        for (sum, more) in outcome.iter_mut().zip([accepted.counted, accepted.duplicates, accepted.too_late]) {
            *sum += more;
        }
    }
    (store, outcome)
}

/// What the reference made of the arrivals.
pub(crate) fn counted(arrivals: &[Arrival]) -> Reference {
    oracle::counted(PANE_MS, RETENTION_MS, arrivals)
}

/// Where batches end, from the first to the last.
pub(crate) fn cuts(cuts: &[prop::sample::Index], arrivals: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arrivals + 1)).collect();
    cuts.extend([0, arrivals]);
    cuts.sort_unstable();
    cuts
}

/// The end of a window: the newest event, the watermark, or so many milliseconds behind the newest event.
pub(crate) fn ends() -> impl Strategy<Value = End> {
    let offset = (-300_000..100_000_i64).prop_map(|offset_ms| End::At(UnixMillis(offset_ms)));
    prop_oneof![Just(End::Latest), Just(End::Watermark), offset]
}

/// See [`ends`].
pub(crate) fn end(reference: &Reference, end: End) -> End {
    let newest = reference.newest().expect("a reading that counts");
    if let End::At(offset) = end { End::At(UnixMillis(newest.0 + offset.0)) } else { end }
}

/// Some of the antennas, in some order.
fn lists() -> impl Strategy<Value = AntennasRequest> {
    let q = prop::option::of(prop::sample::select(vec!["ANTENNA-", "3", "nobody"]).prop_map(str::to_owned));
    let statuses = prop::sample::subsequence(Status::ALL.to_vec(), 0..4);
    let order = prop::sample::select(Order::ALL.to_vec());
    // Analytics sorts by percentiles that are near the exact ones.
    let sorts = Sort::ALL.into_iter().filter(|sort| *sort != Sort::P95).collect::<Vec<_>>();
    let flapping = prop_oneof![3 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (q, statuses, flapping, order, prop::sample::select(sorts), 1..8_usize, 0..3_usize).prop_map(
        |(q, statuses, flapping, order, sort, limit, offset)| AntennasRequest {
            flapping,
            q,
            statuses: statuses.into_iter().collect(),
            order,
            sort,
            limit: Count::new(limit).expect("within the bounds"),
            offset,
            ..AntennasRequest::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is kept from the snapshots before, the unseen are those that are named and that no pane holds a reading of.
    #[test]
    fn the_unseen_are_those_that_are_named_and_not_retained(
        arrivals in arrivals(),
        named in prop::collection::btree_set(0..9_u32, 0..9),
        batch in 1..40_usize,
    ) {
        let text: String = named.iter().map(|antenna| format!("[[antenna]]\nid = \"{}\"\n", name(*antenna))).collect();
        let registry = Registry::read(text.as_bytes(), Notation::Toml).expect("a registry");
        let (mut store, mut known) = (Store::new(PANE_MS, RETENTION_MS, Thresholds::default()), BTreeSet::new());
        let tables = Tables::default();
        for arrivals in arrivals.chunks(batch) {
            feed(&mut store, &mut known, arrivals);
            let snapshot = store.snapshot(1, None);
            let retained: BTreeSet<String> = snapshot.retained().map(|(_, antenna)| antenna.id.to_string()).collect();
            let expected: Vec<String> = named.iter().map(|it| name(*it)).filter(|id| !retained.contains(id)).collect();
            let (whole, now) = (Whole::from(Arc::new(snapshot)), UnixMillis(arrivals.last().expect("one").arrival_ms));
            let window = Window::new(&whole, 60_000, End::Latest, now);
            let view = View::new(&whole, window, now, Thresholds::default(), &tables).with_registry(&registry);
            let unseen = AntennasRequest {
                statuses: BTreeSet::from([Status::Unseen]),
                limit: Count::MOST,
                ..AntennasRequest::default()
            };
            let told = unseen.answer(&view).expect("a page").antennas;
            prop_assert_eq!(told.into_iter().map(|row| row.antenna_id).collect::<Vec<_>>(), expected.clone());
            let counted = SummaryRequest::default().answer(&view).expect("an answer").antennas.unseen;
            prop_assert_eq!(counted, expected.len() as u64);
        }
    }

    /// What rules of alerts are judged by is what a question to the same window is answered: over all antennas, and over some.
    #[test]
    fn the_success_rate_of_a_rule_is_that_of_the_answer_to_its_window(
        arrivals in arrivals(),
        has_tiles in any::<bool>(),
        window_ms in 1..=RETENTION_MS,
        some in prop::collection::btree_set(0..6_u32, 0..6),
    ) {
        let now = UnixMillis(arrivals.last().expect("arrivals").arrival_ms + 7_300);
        let (store, _) = store(&arrivals, &[0, arrivals.len()], has_tiles);
        let snapshot = store.snapshot(1, None);
        let whole = Whole::from(Arc::new(snapshot.clone()));
        let judged = |of: Option<&[u32]>| {
            success_rate(&whole, Window::new(&whole, window_ms, End::Watermark, now), of).expect("columns")
        };
        let window = window(window_ms, End::Watermark);
        let summary = ask(&snapshot, now, &SummaryRequest { window }).expect("an answer");
        prop_assert_eq!(judged(None), summary.measures.success_rate);
        let all = AntennasRequest { window, limit: Count::MOST, ..AntennasRequest::default() };
        let rows = ask(&snapshot, now, &all).expect("a page").antennas.into_iter();
        let ids: BTreeSet<String> = some.iter().map(|antenna| name(*antenna)).collect();
        let (sent, delivered) = rows.filter(|row| ids.contains(&row.antenna_id)).fold((0, 0), |(sent, delivered), row| {
            (sent + row.measures.packets_sent, delivered + row.measures.packets_delivered)
        });
        let expected = (sent > 0).then(|| delivered as f64 / sent as f64);
        prop_assert_eq!(judged(Some(&some.into_iter().collect::<Vec<_>>())), expected);
    }

    /// Every question about a window, however batches were cut, with tiles and without.
    #[test]
    fn windows_are_what_the_reference_counts(
        arrivals in arrivals(),
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        has_tiles in any::<bool>(),
        (panes, step_panes) in (1..=120_i64, 1..=30_i64),
        end_ms in ends(),
        list in lists(),
        by in prop::sample::select(Badness::ALL.to_vec()),
        antenna in prop::option::of((0..7_u32).prop_map(name)),
    ) {
        let (store, outcome) = store(&arrivals, &cuts(&cut, arrivals.len()), has_tiles);
        let (snapshot, reference) = (store.snapshot(1, None), counted(&arrivals));
        let ledger = reference.ledger();
        prop_assert_eq!(outcome, [ledger.counted, ledger.duplicates, ledger.too_late]);
        prop_assert_eq!(outcome.iter().sum::<u64>(), arrivals.len() as u64);
        prop_assert_eq!(Some(UnixMillis(snapshot.clock.newest_ms)), reference.newest());
        prop_assert_eq!(Some(UnixMillis(snapshot.clock.watermark_ms)), reference.watermark());

        let (now, asked) = (UnixMillis(START_MS), window(panes * PANE_MS, end(&reference, end_ms)));
        let step = Some(Span::from_ms(step_panes * PANE_MS));
        let summary = alike(&snapshot, &reference, now, &SummaryRequest { window: asked })?.expect("a summary");
        let (start, end) = (summary.window.start, summary.window.end);
        prop_assert_eq!(end.0 - start.0, panes * PANE_MS);
        let newest_ms = snapshot.clock.newest_ms;
        prop_assert!(end_ms != End::Latest || (end.0 - PANE_MS..end.0).contains(&newest_ms));

        let every = AntennasRequest { window: asked, limit: Count::MOST, ..AntennasRequest::default() };
        let all = alike(&snapshot, &reference, now, &every)?.expect("a page");
        prop_assert_eq!(summary.antennas.total(), all.total);
        for row in &all.antennas {
            let alone = AntennaRequest { id: row.antenna_id.clone(), window: asked };
            let found = alike(&snapshot, &reference, now, &alone)?;
            prop_assert_eq!(found.as_ref(), Some(row));
        }
        let (list_q, statuses) = (list.q.clone(), list.statuses.clone());
        alike(&snapshot, &reference, now, &AntennasRequest { window: asked, ..list })?;
        alike(&snapshot, &reference, now, &AntennasRequest { id: antenna.clone(), ..every.clone() })?;
        let by_p95 = ask(&snapshot, now, &AntennasRequest { sort: Sort::P95, ..every }).expect("a page").antennas;
        let known = |row: &AntennaRow| row.measures.latency_ms.p95.unwrap_or(f64::INFINITY);
        let is_sorted = by_p95.is_sorted_by(|a, b| (known(a), &a.antenna_id) <= (known(b), &b.antenna_id));
        prop_assert!(is_sorted, "unknown ones are last");
        prop_assert!(by_p95.iter().all(|row| all.antennas.contains(row)) && by_p95.len() == all.antennas.len());
        alike(&snapshot, &reference, now, &WorstRequest { window: asked, by, ..WorstRequest::default() })?;

        let network = SeriesRequest { window: asked, step, ..SeriesRequest::default() };
        let points = alike(&snapshot, &reference, now, &network)?.expect("a network").points;
        prop_assert_eq!(points.len() as i64, (panes + step_panes - 1) / step_panes);
        let series = SeriesRequest { step: None, antenna: antenna.clone(), ..network };
        alike(&snapshot, &reference, now, &series)?;
        let cells = CellsRequest { window: asked, step, q: list_q, statuses, ..CellsRequest::default() };
        alike_in_cells(&snapshot, &reference, now, &cells)?;
        alike_in_cells(&snapshot, &reference, now, &CellsRequest { window: asked, antenna, ..CellsRequest::default() })?;
        alike(&snapshot, &reference, now, &HeatmapRequest { window: asked, ..HeatmapRequest::default() })?;
    }

    /// What is kept does not depend on where batches begin and end.
    #[test]
    fn batches_cut_differently_keep_the_same(
        arrivals in arrivals(),
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let cuts = cuts(&cut, arrivals.len());
        let (one, other) = (store(&arrivals, &[0, arrivals.len()], true), store(&arrivals, &cuts, true));
        prop_assert_eq!(one.1, other.1);
        let (one, other) = (one.0.snapshot(1, None), other.0.snapshot(1, None));
        let panes = |snapshot: &Snapshot| {
            snapshot.panes_in(i64::MIN, i64::MAX).map(|pane| (pane.start_ms, pane.clone())).collect::<Vec<_>>()
        };
        for ((start, left), (other_start, right)) in panes(&one).into_iter().zip(panes(&other)) {
            prop_assert_eq!((start, left.revised), (other_start, right.revised));
            let tables = |pane: &Pane| pane.antennas().expect("tables in memory");
            prop_assert!(tables(&left).cells.equals_missing(&tables(&right).cells));
            prop_assert!(tables(&left).sketch.equals_missing(&tables(&right).sketch));
            let network = |pane| Pane::networks(&[pane], one.grid).expect("columns").remove(0).cells.clone();
            prop_assert!(network(&left).equals_missing(&network(&right)));
        }
        prop_assert!(one.pane_starts().eq(other.pane_starts()));
    }
}

#[test]
fn one_lost_packet_of_one_is_not_the_worst() {
    let arrival = |antenna, packets, loss, latency_ms| Arrival {
        arrival_ms: START_MS,
        event_ms: START_MS,
        antenna,
        packets,
        loss,
        latency_ms,
        seq: None,
    };
    let arrivals = [
        arrival(0, 1, 1, None),
        arrival(1, 1_000, 900, Some(10.0)),
        arrival(2, 1_000, 0, Some(300.0)),
        arrival(3, 0, 0, None),
    ];
    let (store, _) = store(&arrivals, &[0, arrivals.len()], false);
    let snapshot = store.snapshot(1, None);
    let worst = |by| {
        let request = WorstRequest { window: window(PANE_MS, End::Latest), by, ..WorstRequest::default() };
        let page = ask(&snapshot, UnixMillis(START_MS), &request).expect("an answer");
        page.antennas.into_iter().map(|row| row.antenna_id).collect::<Vec<_>>()
    };
    assert_eq!(worst(Badness::Failures), [name(1), name(0)]);
    assert_eq!(worst(Badness::SuccessRate), [name(1), name(0), name(2)]);
    assert_eq!(worst(Badness::Latency), [name(2), name(1)]);
}

/// One antenna of eleven is 55 s ahead: the newest event is its own, and the window that ends there shows nobody else. The
/// one that ends at the watermark shows all.
#[test]
fn an_antenna_ahead_does_not_move_the_watermark_s_window() {
    let arrivals: Vec<Arrival> = (0..11_u32)
        .map(|antenna| Arrival {
            arrival_ms: START_MS,
            event_ms: START_MS + if antenna == 10 { 55_000 } else { 0 },
            antenna,
            packets: 10,
            loss: if antenna == 10 { 10 } else { 0 },
            latency_ms: None,
            seq: None,
        })
        .collect();
    let (store, _) = store(&arrivals, &[0, arrivals.len()], false);
    let snapshot = store.snapshot(1, None);
    let active = |end| {
        let request = SummaryRequest { window: window(30_000, end) };
        ask(&snapshot, UnixMillis(START_MS), &request).expect("an answer").antennas.active
    };
    assert_eq!((active(End::Latest), active(End::Watermark)), (1, 10));
}

/// The broker's clock is set ahead by years between two entries of one batch: what was counted before is no longer retained,
/// and nothing fails.
#[test]
fn a_clock_that_jumps_within_a_batch_leaves_what_is_retained() {
    const YEARS_MS: i64 = 10 * 365 * 86_400_000;
    let arrival = |ahead_ms| Arrival {
        arrival_ms: START_MS + ahead_ms,
        event_ms: START_MS + ahead_ms,
        antenna: 0,
        packets: 10,
        loss: 1,
        latency_ms: Some(5.0),
        seq: None,
    };
    let arrivals = [arrival(0), arrival(YEARS_MS), arrival(0), arrival(YEARS_MS + 1_000)];
    let (store, outcome) = store(&arrivals, &[0, arrivals.len()], true);
    assert_eq!(outcome, [3, 0, 1]);
    assert_eq!(store.snapshot(1, None).pane_starts().count(), 1);
}
