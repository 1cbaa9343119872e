//! Compares a snapshot with the reference: every pane as it lies there, and every antenna.

use std::collections::{BTreeMap, HashMap};

use analytics::store::Snapshot;
use analytics::store::expressions::column::{
    ANTENNA, BUCKET, COUNT, LATENCY_COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, PACKETS_LOST, PACKETS_SENT, READINGS,
};
use analytics::store::partials::Partials;
use analytics::store::sketch;
use polars::prelude::{DataFrame, DataType};
use reference::Reference;
use shared::UnixMillis;
use shared::api::{Cells, CellsRequest, Count, End, ReadingsRequest};
use shared::time::Span;

use super::{PANE_MS, RETENTION_MS};
use crate::support::window;

/// What was measured at an antenna in a pane, with its latencies by bucket of the sketch.
#[derive(Debug, Default, PartialEq)]
struct Measured {
    readings: u64,
    sent: u64,
    lost: u64,
    timed: u64,
    buckets: BTreeMap<i32, u64>,
    min_ms: Option<f64>,
    max_ms: Option<f64>,
    mean_ms: Option<f64>,
}

/// What was measured, by the pane's start and the antenna.
type Panes = BTreeMap<(i64, String), Measured>;

/// The panes as they lie there are those of the reference, with all latencies.
pub(super) fn assert_panes(snapshot: &Snapshot, reference: &Reference, now: UnixMillis) {
    let request = CellsRequest {
        window: window(RETENTION_MS, End::Latest),
        step: Some(Span::from_ms(PANE_MS)),
        ..CellsRequest::default()
    };
    let expected = reference.ask(&request, now).expect("an answer");
    let mut found = panes(snapshot, expected.window.start.0, expected.window.end.0);
    let expected = expected_panes(expected, reference, now);
    for (place, measured) in &mut found {
        let exact = expected.get(place).and_then(|exact| exact.mean_ms);
        // Each latency is rounded to 2^-30 ms before it is added.
        if let (Some(mean_ms), Some(exact)) = (&mut measured.mean_ms, exact)
            && (*mean_ms - exact).abs() <= exact * 1e-9
        {
            *mean_ms = exact;
        }
    }
    assert_eq!(found, expected);
}

fn panes(snapshot: &Snapshot, start_ms: i64, end_ms: i64) -> Panes {
    let ids: HashMap<u32, &str> = snapshot.retained().map(|(slot, antenna)| (slot, &*antenna.id)).collect();
    let mut panes = Panes::new();
    for pane in snapshot.panes_in(start_ms, end_ms) {
        let place = |slot: u32| (pane.start_ms, ids[&slot].to_owned());
        let Partials { cells, sketch } = &pane.antennas().expect("tables in memory");
        let [readings, sent, lost, timed] =
            [READINGS, PACKETS_SENT, PACKETS_LOST, LATENCY_COUNT].map(|name| counts(cells, name));
        let [sum, min, max] = [LATENCY_SUM, LATENCY_MIN, LATENCY_MAX].map(|name| {
            let column = cells.column(name).and_then(|column| column.f64()).expect("latencies");
            column.into_no_null_iter().collect::<Vec<_>>()
        });
        for (row, slot) in slots(cells).into_iter().enumerate() {
            let known = |value: f64| (timed[row] > 0).then_some(value);
            let measured = Measured {
                readings: readings[row],
                sent: sent[row],
                lost: lost[row],
                timed: timed[row],
                buckets: BTreeMap::new(),
                min_ms: known(min[row]),
                max_ms: known(max[row]),
                mean_ms: known(sum[row] / timed[row] as f64),
            };
            assert!(panes.insert(place(slot), measured).is_none(), "antenna {slot} is in a pane twice");
        }
        let buckets = sketch.column(BUCKET).and_then(|column| column.i32()).expect("buckets");
        let rows = slots(sketch).into_iter().zip(buckets.into_no_null_iter()).zip(counts(sketch, COUNT));
        for ((slot, bucket), count) in rows {
            let measured = panes.get_mut(&place(slot)).expect("an antenna of the pane");
            assert_eq!(measured.buckets.insert(bucket, count), None, "bucket {bucket} is there twice");
        }
    }
    panes
}

/// The reference's cells, with the latencies of its readings.
fn expected_panes(cells: Cells, reference: &Reference, now: UnixMillis) -> Panes {
    let mut panes: Panes = cells
        .cells
        .into_iter()
        .map(|cell| {
            let (measures, latency_ms) = (cell.measures, cell.measures.latency_ms);
            let measured = Measured {
                readings: measures.readings,
                sent: measures.packets_sent,
                lost: measures.packets_lost,
                min_ms: latency_ms.min,
                max_ms: latency_ms.max,
                mean_ms: latency_ms.mean,
                ..Measured::default()
            };
            ((cell.start.0, cell.antenna_id), measured)
        })
        .collect();
    for (id, ..) in reference.arrivals(now) {
        let request = ReadingsRequest { antenna: id.to_owned(), limit: Count::MOST, format: None };
        for reading in reference.ask(&request, now).expect("a retained antenna").readings {
            let pane_ms = reading.timestamp.0.div_euclid(PANE_MS) * PANE_MS;
            // Readings are remembered for longer than their panes.
            if let (Some(measured), Some(latency_ms)) = (panes.get_mut(&(pane_ms, id.to_owned())), reading.latency_ms) {
                measured.timed += 1;
                *measured.buckets.entry(sketch::bucket(latency_ms)).or_default() += 1;
            }
        }
    }
    panes
}

/// The antennas are those of the reference: when each was heard of last, and from which moment on it is silent.
pub(super) fn assert_antennas(snapshot: &Snapshot, reference: &Reference, now: UnixMillis) {
    let mut found: Vec<_> = snapshot.retained().map(|(_, it)| (&*it.id, it)).collect();
    found.sort_unstable_by_key(|(id, _)| *id);
    let heard: Vec<_> =
        found.iter().map(|(id, it)| (*id, UnixMillis(it.last_arrival_ms), it.silent_from_ms() <= now.0)).collect();
    let mut expected: Vec<_> = reference.arrivals(now).collect();
    expected.sort_unstable();
    assert_eq!(heard, expected);
    for (id, antenna) in found {
        let is_silent = |now_ms| reference.arrivals(UnixMillis(now_ms)).any(|(other, _, silent)| other == id && silent);
        let from_ms = antenna.silent_from_ms();
        assert!(!is_silent(from_ms - 1) && is_silent(from_ms), "{id} is not silent from {from_ms} on");
    }
}

fn slots(table: &DataFrame) -> Vec<u32> {
    let column = table.column(ANTENNA).and_then(|column| column.u32()).expect("slots");
    column.into_no_null_iter().collect()
}

fn counts(cells: &DataFrame, name: &str) -> Vec<u64> {
    let column = cells.column(name).and_then(|column| column.cast(&DataType::UInt64)).expect("counts");
    column.u64().expect("counts").into_no_null_iter().collect()
}
