//! What one sender, or too many, cannot do to the others: an antenna's `seq` that no clock has reached, antennas beyond the
//! most, the last id that there is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use analytics::ingest::log::MemoryLog;
use analytics::ingest::stream_id::StreamId;
use analytics::settings::{PipelineSettings, Thresholds};
use analytics::store::{Accepted, Store};
use proptest::prelude::*;
use reference::{EntryId, Reference, Settings};
use shared::{Reading, UnixMillis};

use crate::support::{Arrival, Embedded, NOW, feed, name, publish, reading};

const SKEW_MS: i64 = 60_000;
const PANE_MS: i64 = 5_000;
const RETENTION_MS: i64 = 3_600_000;

fn store() -> Store {
    Store::new(PANE_MS, RETENTION_MS, Thresholds::default()).with_max_clock_skew(SKEW_MS)
}

fn arrival(at_ms: i64, seq: u64) -> Arrival {
    let arrival_ms = NOW.0 + at_ms;
    let latency_ms = Some(10.0);
    Arrival { arrival_ms, event_ms: arrival_ms, antenna: 0, packets: 1, loss: 0, latency_ms, seq: Some(seq) }
}

const ONE: Accepted = Accepted { counted: 1, duplicates: 0, too_late: 0 };
const AGAIN: Accepted = Accepted { counted: 0, duplicates: 1, too_late: 0 };

/// Whatever unit its producer's clock counts in.
#[test]
fn no_seq_that_anybody_can_send_silences_an_antenna() {
    for per_ms in [1_000_000, 1_000, 1] {
        let clock = |at_ms: i64| u64::try_from((NOW.0 + at_ms) * per_ms).expect("a time");
        for evil in [u64::MAX, u64::MAX - 1, clock(SKEW_MS + 10_000), clock(0).saturating_mul(1_000)] {
            let (mut store, mut known) = (store(), BTreeSet::new());
            assert_eq!(feed(&mut store, &mut known, &[arrival(0, clock(0))]), ONE);
            feed(&mut store, &mut known, &[arrival(1, evil)]);
            for at_ms in [1_000, 2_000, 3_000] {
                assert_eq!(feed(&mut store, &mut known, &[arrival(at_ms, clock(at_ms))]), ONE, "{evil} at {at_ms}");
                assert_eq!(feed(&mut store, &mut known, &[arrival(at_ms, clock(at_ms))]), AGAIN, "{evil} at {at_ms}");
            }
        }
    }
}

/// As the first that is heard of an antenna, and in state that an older version left behind.
#[test]
fn a_seq_that_no_clock_has_reached_is_not_taken_note_of() {
    let (mut store, mut known) = (store(), BTreeSet::new());
    assert_eq!(feed(&mut store, &mut known, &[arrival(0, u64::MAX)]), ONE);
    assert_eq!(feed(&mut store, &mut known, &[arrival(1, 7), arrival(2, 8)]).counted, 2);
    assert_eq!(feed(&mut store, &mut known, &[arrival(3, 8)]), AGAIN);
}

proptest! {
    /// Analytics and the reference remember the same.
    #[test]
    fn the_reference_knows_the_same_duplicates(
        sent in prop::collection::vec((0..90_000_i64, 0..5_usize, -90_000..90_000_i64, 0..3_u64), 1..30),
    ) {
        let (mut store, mut known) = (store(), BTreeSet::new());
        let settings = Settings {
            pane_ms: PANE_MS,
            retention_ms: RETENTION_MS,
            max_clock_skew_ms: SKEW_MS,
            ..Settings::default()
        };
        let mut reference = Reference::new(settings, NOW);
        let mut at_ms = 0;
        for (pause_ms, unit, ahead_ms, small) in sent {
            at_ms += pause_ms / 10;
            let clock_ms = u64::try_from(NOW.0 + at_ms + ahead_ms).expect("a time");
            let seq = [small, clock_ms / 1_000, clock_ms, clock_ms * 1_000, clock_ms * 1_000_000][unit];
            let one = arrival(at_ms, seq);
            let reading = Reading {
                antenna_id: name(0),
                timestamp_ms: one.event_ms,
                packets: 1,
                loss: 0,
                latency_ms: one.latency_ms,
                seq: one.seq,
            };
            feed(&mut store, &mut known, &[one]);
            reference.count(EntryId { arrival_ms: NOW.0 + at_ms, number: 0 }, &reading);
            let highest = store.antennas().get(0).and_then(|antenna| antenna.highest_seq);
            prop_assert_eq!(highest.is_some(), highest.is_some_and(|it| it <= u64::try_from(NOW.0 + at_ms + SKEW_MS).expect("a time") * 1_000_000));
        }
        let (ours, theirs) = (store.snapshot(1, None), reference.ledger().clone());
        let counted = crate::support::ask(&ours, NOW, &shared::api::SummaryRequest { window: crate::support::window(RETENTION_MS, shared::api::End::Latest) });
        prop_assert_eq!(counted.map(|it| it.measures.readings), Some(theirs.counted));
    }
}

fn settings(antennas_max: u32) -> PipelineSettings {
    PipelineSettings {
        commit_interval: Duration::from_millis(20),
        batch_wait: Duration::ZERO,
        antennas_max,
        ..PipelineSettings::default()
    }
}

/// Readings of antennas beyond the most have a column of their own, and antennas that are forgotten make room.
#[tokio::test(flavor = "multi_thread")]
async fn antennas_beyond_the_most_are_told_and_not_tracked() {
    let log = MemoryLog::default();
    let analytics = Embedded::start(&log, &settings(3), "first");
    for antenna in ["a", "b", "c", "d", "e", "a", "d"] {
        publish(&log, NOW, &reading(antenna, NOW.0, 1, 0, Some(1.0)));
    }
    let ledger = analytics.settle(7).await;
    assert_eq!((ledger.counted, ledger.untracked, ledger.imbalance), (4, 3, Some(0)));
    assert_eq!(analytics.published.pipeline(Instant::now()).antennas, 3);
    // An hour later `a` is the only one that is known still, and the first batch of others makes room for the next.
    let later = UnixMillis(NOW.0 + 2 * RETENTION_MS);
    publish(&log, later, &reading("a", later.0, 1, 0, None));
    assert_eq!(analytics.settle(8).await.untracked, 3);
    publish(&log, later, &reading("f", later.0, 1, 0, None));
    assert_eq!(analytics.settle(9).await.untracked, 4);
    for antenna in ["f", "g", "h", "a"] {
        publish(&log, later, &reading(antenna, later.0, 1, 0, None));
    }
    let ledger = analytics.settle(13).await;
    assert_eq!((ledger.counted, ledger.untracked), (8, 5));
    let snapshot = analytics.published.snapshot();
    let mut known: Vec<String> = snapshot.retained().map(|(_, antenna)| antenna.id.to_string()).collect();
    known.sort();
    assert_eq!(known, ["a", "f", "g"]);
    analytics.stop().await;
    // A restart keeps the column and the antennas.
    let again = Embedded::start(&log, &settings(3), "second");
    let ledger = again.settle(13).await;
    assert_eq!((ledger.counted, ledger.untracked), (8, 5));
    again.stop().await;
}

/// Where an entry has the largest id there is, nothing can be appended; analytics says so, and goes on once it is out.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_takes_no_more_entries_is_told() {
    let log = MemoryLog::default();
    let analytics = Embedded::start(&log, &settings(10), "first");
    publish(&log, NOW, &reading("a", NOW.0, 1, 0, None));
    analytics.settle(1).await;
    let pipeline = analytics.published.pipeline(Instant::now());
    assert_eq!((pipeline.exhausted, pipeline.reason), (false, None));
    log.add_as(StreamId::MAX, &shared::codec::encode(&reading("evil", 0, 1, 0, None)));
    analytics.settle(2).await;
    let pipeline = analytics.published.pipeline(Instant::now());
    assert!(pipeline.exhausted && pipeline.reason.is_some_and(|why| why.contains("nothing can be appended")));
    // XDEL and XSETID.
    log.remove_last();
    publish(&log, NOW, &reading("b", NOW.0, 1, 0, None));
    crate::support::until_it_is((2, false), || {
        let pipeline = analytics.published.pipeline(Instant::now());
        (pipeline.totals.counted, pipeline.exhausted)
    })
    .await;
    assert_eq!(analytics.settle(3).await.imbalance, Some(0));
    analytics.stop().await;
}
