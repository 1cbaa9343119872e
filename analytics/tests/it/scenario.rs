//! The readings of the simulator's scenario, late ones and repeated ones among them, counted by the store and by the reference:
//! what the dashboard's built-in network shows is what analytics would.

use std::collections::BTreeSet;

use analytics::settings::Thresholds;
use analytics::store::Store;
use scenario::Network;
use shared::UnixMillis;
use shared::api::{
    AntennasRequest, Badness, CellsRequest, Count, HeatmapRequest, IncidentsRequest, ReadingsRequest, SeriesRequest,
    Sort, SummaryRequest, WindowRequest, WorstRequest,
};
use shared::time::Span;

use crate::oracle::{alike, alike_in_cells, counted};
use crate::support::{Arrival, feed, name};

const PANE_MS: i64 = 5_000;
const RETENTION_MS: i64 = 600_000;
const START_MS: i64 = 1_763_995_625_000;

/// What 24 antennas publish in 20 minutes. A storm passes, two antennas take turns, others are slow, lossy, late or down.
fn arrivals() -> Vec<Arrival> {
    let mut published = Vec::new();
    Network::new(24, START_MS).publish(START_MS + 1_200_000, &mut published);
    let mut ids: Vec<String> = Vec::new();
    let arrivals = published.into_iter().map(|scenario::network::Arrival { arrival_ms, reading }| {
        let known = ids.iter().position(|id| *id == reading.antenna_id);
        let antenna = known.unwrap_or_else(|| {
            ids.push(reading.antenna_id.clone());
            ids.len() - 1
        });
        Arrival {
            arrival_ms,
            event_ms: reading.timestamp_ms,
            antenna: u32::try_from(antenna).expect("few antennas"),
            packets: reading.packets,
            loss: reading.loss,
            // Means of whole microseconds often lie in the middle of two, and may be rounded either way.
            latency_ms: reading.latency_ms.map(|latency_ms| latency_ms * 1.000_123_4),
            seq: reading.seq,
        }
    });
    arrivals.collect()
}

#[test]
fn the_scenario_is_answered_as_by_the_reference() {
    let arrivals = arrivals();
    let (mut store, mut known) = (Store::new(PANE_MS, RETENTION_MS, Thresholds::default()), BTreeSet::new());
    let mut fed = 0;
    for (moment, batch) in [(2, 700), (9, 150), (16, 5_000), (20, 61)] {
        // However large batches are.
        let end = arrivals.partition_point(|it| it.arrival_ms <= START_MS + moment * 60_000);
        for batch in arrivals[fed..end].chunks(batch) {
            feed(&mut store, &mut known, batch);
        }
        store.build_tiles().expect("columns");
        fed = end;
        let (snapshot, reference) = (store.snapshot(1, None), counted(PANE_MS, RETENTION_MS, &arrivals[..end]));
        let now = UnixMillis(START_MS + moment * 60_000);
        for length_ms in [30_000, 300_000, 600_000] {
            let window = WindowRequest { length: Some(Span::from_ms(length_ms)), ..WindowRequest::default() };
            let step = Some(Span::from_ms(length_ms / 60));
            alike(&snapshot, &reference, now, &SummaryRequest { window }).expect("alike");
            for sort in Sort::ALL.into_iter().filter(|sort| *sort != Sort::P95) {
                let request = AntennasRequest { window, sort, limit: Count::MOST, ..AntennasRequest::default() };
                alike(&snapshot, &reference, now, &request).expect("alike");
            }
            for by in Badness::ALL {
                alike(&snapshot, &reference, now, &WorstRequest { window, by, step, ..WorstRequest::default() })
                    .expect("alike");
            }
            let series = SeriesRequest { window, step, antenna: Some(name(5)), ..SeriesRequest::default() };
            alike(&snapshot, &reference, now, &series).expect("alike");
            let heatmap =
                HeatmapRequest { window, step, rows: Count::new(9).expect("a row"), ..HeatmapRequest::default() };
            alike(&snapshot, &reference, now, &heatmap).expect("alike");
            alike_in_cells(&snapshot, &reference, now, &CellsRequest { window, ..CellsRequest::default() })
                .expect("alike");
        }
        let incidents = IncidentsRequest { limit: Count::MOST, ..IncidentsRequest::default() };
        let found = alike(&snapshot, &reference, now, &incidents).expect("alike").expect("a page");
        assert!(found.open >= 3, "{} incidents last", found.open);
        for antenna in (0..24).map(name) {
            let readings = ReadingsRequest { antenna, limit: Count::MOST, format: None };
            alike(&snapshot, &reference, now, &readings).expect("alike");
        }
    }
    let ledger = counted(PANE_MS, RETENTION_MS, &arrivals).ledger().clone();
    assert!(ledger.duplicates > 0);
}
