//! Windows against an oracle that keeps every reading and counts by hand.

use std::collections::{BTreeMap, BTreeSet};

use analytics::answer::Window;
use analytics::answer::antenna::AntennaQuestion;
use analytics::settings::Thresholds;
use analytics::store::{Pane, Snapshot, Store};
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennasRequest, Badness, Count, End, Measures, SeriesRequest, SummaryRequest, WorstRequest,
};
use shared::time::Span;

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

/// What should be counted, reading by reading.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) counted: Vec<Arrival>,
    /// In order of arrival, retained or not, with whether its pane had closed.
    pub(crate) accepted: Vec<(Arrival, bool)>,
    duplicates: u64,
    too_late: u64,
    pub(crate) newest_ms: i64,
    watermark_ms: i64,
    revised: BTreeSet<i64>,
}

pub(crate) fn oracle(arrivals: &[Arrival]) -> Oracle {
    let mut oracle = Oracle { newest_ms: i64::MIN, watermark_ms: i64::MIN, ..Oracle::default() };
    let mut highest: BTreeMap<u32, u64> = BTreeMap::new();
    let mut newest: BTreeMap<u32, i64> = BTreeMap::new();
    for arrival in arrivals {
        let highest_seq = highest.get(&arrival.antenna).copied();
        if arrival.seq.is_some() && arrival.seq <= highest_seq {
            oracle.duplicates += 1;
            continue;
        }
        let pane = arrival.event_ms.div_euclid(PANE_MS) * PANE_MS;
        let watermark_ms = oracle.watermark_ms.max(arrival.event_ms.min(arrival.arrival_ms));
        let retained_from = (watermark_ms.div_euclid(PANE_MS) + 1) * PANE_MS - RETENTION_MS;
        if pane < retained_from {
            oracle.too_late += 1;
            continue;
        }
        let is_late = pane + PANE_MS + 2_000 <= oracle.watermark_ms;
        if is_late {
            oracle.revised.insert(pane);
        }
        oracle.accepted.push((arrival.clone(), is_late));
        oracle.watermark_ms = watermark_ms;
        oracle.newest_ms = oracle.newest_ms.max(arrival.event_ms);
        if let Some(seq) = arrival.seq {
            highest.insert(arrival.antenna, seq);
        }
        oracle.counted.push(arrival.clone());
        // An antenna of which nothing is retained is forgotten with its highest `seq`.
        let newest_ms = newest.entry(arrival.antenna).or_insert(i64::MIN);
        *newest_ms = arrival.event_ms.max(*newest_ms);
        newest.retain(|_, newest_ms| *newest_ms >= retained_from);
        highest.retain(|antenna, _| newest.contains_key(antenna));
    }
    let retained_from = (oracle.watermark_ms.div_euclid(PANE_MS) + 1) * PANE_MS - RETENTION_MS;
    oracle.counted.retain(|arrival| arrival.event_ms >= retained_from);
    oracle.revised.retain(|pane| *pane >= retained_from);
    oracle
}

impl Oracle {
    pub(crate) fn within(&self, start_ms: i64, end_ms: i64, antenna: Option<u32>) -> Vec<&Arrival> {
        let is_in =
            |it: &&Arrival| (start_ms..end_ms).contains(&it.event_ms) && antenna.is_none_or(|only| only == it.antenna);
        self.counted.iter().filter(is_in).collect()
    }

    fn is_revised(&self, start_ms: i64, end_ms: i64) -> bool {
        self.revised.range(start_ms..end_ms.max(start_ms)).next().is_some()
    }
}

fn assert_measures(measures: &Measures, readings: &[&Arrival]) -> Result<(), TestCaseError> {
    let sent: u64 = readings.iter().map(|it| u64::from(it.packets)).sum();
    let lost: u64 = readings.iter().map(|it| u64::from(it.loss)).sum();
    prop_assert_eq!(measures.readings, readings.len() as u64);
    prop_assert_eq!((measures.packets_sent, measures.packets_lost), (sent, lost));
    prop_assert_eq!(measures.packets_delivered, sent - lost);
    prop_assert_eq!(measures.success_rate, (sent > 0).then(|| (sent - lost) as f64 / sent as f64));
    let mut latencies: Vec<f64> = readings.iter().filter_map(|it| it.latency_ms).collect();
    latencies.sort_by(f64::total_cmp);
    let latency = &measures.latency_ms;
    prop_assert_eq!((latency.min, latency.max), (latencies.first().copied(), latencies.last().copied()));
    let close = |found: Option<f64>, expected: Option<f64>, error: f64| match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= expected * error,
        (found, expected) => found == expected,
    };
    let mean = (!latencies.is_empty()).then(|| latencies.iter().sum::<f64>() / latencies.len() as f64);
    prop_assert!(close(latency.mean, mean, 1e-8), "{:?} for {:?}", latency.mean, mean);
    for (found, q) in [(latency.p50, 0.50), (latency.p95, 0.95), (latency.p99, 0.99)] {
        let rank = (latencies.len() as f64 * q).ceil() as usize;
        let exact = rank.checked_sub(1).and_then(|index| latencies.get(index).copied());
        prop_assert!(close(found, exact, 0.02), "{found:?} for {exact:?} at {q}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn windows_are_what_the_oracle_counts(
        arrivals in arrivals(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        has_tiles in any::<bool>(),
        panes in 1..=120_i64,
        step_panes in 1..=30_i64,
        end in prop_oneof![Just(None), (-300_000..100_000_i64).prop_map(Some)],
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arrivals.len() + 1)).collect();
        cuts.extend([0, arrivals.len()]);
        cuts.sort_unstable();
        let (store, outcome) = store(&arrivals, &cuts, has_tiles);
        let oracle = oracle(&arrivals);
        prop_assert_eq!(outcome[1..].to_vec(), vec![oracle.duplicates, oracle.too_late]);
        prop_assert_eq!(outcome.iter().sum::<u64>(), arrivals.len() as u64);
        let snapshot = store.snapshot(1, None);
        prop_assert_eq!(snapshot.clock.newest_ms, oracle.newest_ms);
        prop_assert_eq!(snapshot.clock.watermark_ms, oracle.watermark_ms);

        let end = end.map_or(End::Latest, |offset| End::At(UnixMillis(oracle.newest_ms + offset)));
        let now = UnixMillis(START_MS);
        let asked = window(panes * PANE_MS, end);
        let Window { start_ms, end_ms, .. } = Window::of(&snapshot, asked, now).expect("it is retained");
        prop_assert_eq!(end_ms - start_ms, panes * PANE_MS);
        prop_assert!(end != End::Latest || (end_ms - PANE_MS..end_ms).contains(&oracle.newest_ms));
        let within = oracle.within(start_ms, end_ms, None);

        let summary = ask(&snapshot, now, &SummaryRequest { window: asked }).expect("an answer");
        assert_measures(&summary.measures, &within)?;
        prop_assert_eq!(summary.revised, oracle.is_revised(start_ms, end_ms));
        let active: BTreeSet<u32> = within.iter().map(|it| it.antenna).collect();
        prop_assert_eq!(summary.antennas.active, active.len() as u64);
        let limits = summary.limits.expect("limits");
        let oldest_ms = oracle.counted.iter().map(|it| it.event_ms.div_euclid(PANE_MS) * PANE_MS).min();
        prop_assert_eq!(limits.oldest, oldest_ms.map(UnixMillis));
        prop_assert_eq!((limits.pane_seconds, limits.retention_seconds), (5.0, 600.0));
        prop_assert_eq!((limits.degraded_success_rate, limits.degraded_latency_ms), (0.95, 250.0));

        let all = AntennasRequest { window: asked, limit: Count::MOST, ..AntennasRequest::default() };
        let page = ask(&snapshot, now, &all).expect("an answer");
        let known: BTreeSet<u32> = oracle.counted.iter().map(|it| it.antenna).collect();
        prop_assert_eq!(page.total, known.len() as u64);
        let counts = summary.antennas;
        prop_assert_eq!(counts.healthy + counts.degraded + counts.down + counts.silent, page.total);
        for (row, antenna) in page.antennas.iter().zip(&known) {
            prop_assert_eq!(&row.antenna_id, &name(*antenna));
            assert_measures(&row.measures, &oracle.within(start_ms, end_ms, Some(*antenna)))?;
            let alone = AntennaQuestion { id: row.antenna_id.clone(), request: AntennaRequest { window: asked } };
            let alone = ask(&snapshot, now, &alone);
            prop_assert_eq!(alone.as_ref(), Some(row));
        }

        let step = Some(Span::from_ms(step_panes * PANE_MS));
        let series = SeriesRequest { window: asked, step, ..SeriesRequest::default() };
        let series = ask(&snapshot, now, &series).expect("a network");
        prop_assert_eq!(series.points.len() as i64, (panes + step_panes - 1) / step_panes);
        for point in &series.points {
            let until = (point.start.0 + step_panes * PANE_MS).min(end_ms);
            assert_measures(&point.measures, &oracle.within(point.start.0, until, None))?;
            prop_assert_eq!(point.revised, oracle.is_revised(point.start.0, until));
        }
    }

    /// What is kept does not depend on where batches begin and end.
    #[test]
    fn batches_cut_differently_keep_the_same(
        arrivals in arrivals(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arrivals.len() + 1)).collect();
        cuts.extend([0, arrivals.len()]);
        cuts.sort_unstable();
        let (one, other) = (store(&arrivals, &[0, arrivals.len()], true), store(&arrivals, &cuts, true));
        prop_assert_eq!(one.1, other.1);
        let (one, other) = (one.0.snapshot(1, None), other.0.snapshot(1, None));
        let panes = |snapshot: &Snapshot| {
            snapshot.panes_in(i64::MIN, i64::MAX).map(|pane| (pane.start_ms, pane.clone())).collect::<Vec<_>>()
        };
        for ((start, left), (other_start, right)) in panes(&one).into_iter().zip(panes(&other)) {
            prop_assert_eq!((start, left.revised), (other_start, right.revised));
            prop_assert!(left.antennas.cells.equals_missing(&right.antennas.cells));
            prop_assert!(left.antennas.sketch.equals_missing(&right.antennas.sketch));
            let network = |pane| Pane::networks(&[pane], one.grid).expect("columns").remove(0).cells.clone();
            prop_assert!(network(&left).equals_missing(&network(&right)));
        }
        prop_assert_eq!(one.panes(), other.panes());
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
    assert_eq!(store.snapshot(1, None).panes(), 1);
}
