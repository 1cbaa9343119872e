//! More incidents than memory keeps: the older ones are in files, and are asked for like the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use analytics::answer::incidents::open_incidents;
use analytics::archive::incidents::encoded;
use analytics::settings::Thresholds;
use analytics::store::incidents::{Finished, MAX_KEPT};
use analytics::store::{Store, Whole};
use shared::UnixMillis;
use shared::api::{Count, End, IncidentPage, IncidentsRequest, OptionalWindow};
use shared::time::Span;

use crate::archive::{Chance, Files};
use crate::incidents::{State, commit};
use crate::support::{Arrival, ask_with, feed};

const PANE_MS: i64 = 60_000;
const RETENTION_MS: i64 = 300_000;
/// A full minute, so that windows begin and end where they are asked to.
const START_MS: i64 = 1_700_000_040_000;
const ANTENNAS: u32 = 60;
/// What an antenna reports lasts four intervals of 30 s: one in which all is lost, and three that are well.
const CYCLE_MS: i64 = 120_000;
const CYCLES: i64 = 260;

fn store() -> Store {
    Store::new(PANE_MS, RETENTION_MS, Thresholds::default()).with_archive(Some(PANE_MS))
}

/// What all antennas report in a cycle.
fn cycle(number: i64, chance: &mut Chance) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for interval in 0..4 {
        for antenna in 0..ANTENNAS {
            let event_ms = START_MS + number * CYCLE_MS + interval * 30_000 + chance.below(20_000) as i64;
            let (loss, latency_ms) = if interval == 0 { (100, None) } else { (0, Some(20.0)) };
            let (arrival_ms, seq) = (event_ms, None);
            arrivals.push(Arrival { arrival_ms, event_ms, antenna, packets: 100, loss, latency_ms, seq });
        }
    }
    arrivals.sort_by_key(|arrival| arrival.arrival_ms);
    arrivals
}

/// The history of a store of which the old incidents go to files, by processes that end at any point, and every incident that
/// has ended.
fn lived(files: &Files, chance: &mut Chance) -> (Store, Vec<Finished>) {
    let (mut store, mut state, mut known, mut all) = (store(), State::new(), BTreeSet::new(), Vec::new());
    let mut crashes = 0;
    for number in 0..CYCLES {
        feed(&mut store, &mut known, &cycle(number, chance));
        let new = usize::try_from(store.incidents().ended()).expect("a number") - all.len();
        let newest: Vec<Finished> = store.incidents().iter().cloned().collect();
        all.extend_from_slice(&newest[newest.len() - new..]);
        commit(&mut store, &mut state);
        while let Some(old) = store.incidents().old() {
            let (file, bytes) = encoded(&old, 0).expect("columns");
            let is_torn = chance.below(3) == 0;
            if !is_torn {
                files.runtime.block_on(files.place.put(&file.key(), bytes)).expect("a disk with room");
            }
            if is_torn || chance.below(3) == 0 {
                // The next process knows nothing of the file.
                (store, known) = state.reload(self::store());
                crashes += 1;
                let again = store.incidents().old().expect("they are still there");
                assert_eq!(encoded(&again, 0).expect("columns").0, file);
                continue;
            }
            store.archive_incidents(file);
            commit(&mut store, &mut state);
        }
    }
    assert!(crashes > 0);
    let (reloaded, _) = state.reload(self::store());
    assert_eq!(reloaded.archived(), store.archived());
    (reloaded, all)
}

#[test]
fn incidents_beyond_those_in_memory_are_asked_of_files() {
    let (files, mut chance) = (Files::new(), Chance(7));
    let (store, all) = lived(&files, &mut chance);
    assert!(all.len() > MAX_KEPT + 4_096 && store.incidents().iter().count() <= MAX_KEPT, "{}", all.len());
    let end_ms = START_MS + CYCLES * CYCLE_MS;
    let now = UnixMillis(end_ms);
    let snapshot = store.snapshot(1, None);
    let lasting = open_incidents(&Whole::from(Arc::new(snapshot.clone())), now.0, &Thresholds::default())
        .iter()
        .sum::<u64>() as usize;
    assert_eq!(lasting, 0, "the last intervals are well");
    let archive = files.archive();
    let ask = |from_ms: i64, to_ms: i64| -> IncidentPage {
        let window = OptionalWindow { length: Span::from_ms(to_ms - from_ms), end: End::At(UnixMillis(to_ms)) };
        let request = IncidentsRequest { window: Some(window), limit: Count::MOST, ..IncidentsRequest::default() };
        ask_with(&snapshot, Some(&archive), now, &request).expect("an answer")
    };
    let expected = |from_ms: i64, to_ms: i64| {
        let mut found: Vec<&Finished> = all.iter().filter(|it| it.start_ms < to_ms && it.end_ms > from_ms).collect();
        found.sort_by_key(|it| (-it.start_ms, it.antenna.clone(), it.kind as u32));
        found
    };
    for turn in 0..40 {
        let from_ms = START_MS + chance.below((CYCLES * CYCLE_MS) as u64) as i64 / PANE_MS * PANE_MS;
        let to_ms = (from_ms + 30 * PANE_MS).min(end_ms);
        let (from_ms, to_ms) = if turn == 0 { (START_MS, end_ms) } else { (from_ms, to_ms) };
        let (page, expected) = (ask(from_ms, to_ms), expected(from_ms, to_ms));
        assert_eq!((page.total, page.open, &page.gaps), (expected.len() as u64, 0, &Vec::new()));
        for (found, expected) in page.incidents.iter().zip(&expected) {
            let end = found.end.map(|end| end.0);
            assert_eq!((&*found.antenna_id, found.kind), (&*expected.antenna, expected.kind));
            assert_eq!(
                (found.start.0, end, found.ended_by),
                (expected.start_ms, Some(expected.end_ms), Some(expected.ended_by))
            );
            let tally = (found.packets_sent, found.packets_lost, found.worst_success_rate, found.worst_latency_ms);
            let of = expected.tally;
            assert_eq!(tally, (of.packets_sent, of.packets_lost, of.worst_success_rate, of.worst_latency_ms));
        }
    }
    // Without its file, a time is a gap, and not a time without incidents.
    let file = store.archived().incidents_within(START_MS, START_MS + CYCLE_MS).next().expect("the oldest").clone();
    let path = files.list().into_iter().find(|path| path.ends_with(file.key())).expect("its file");
    std::fs::remove_file(path).expect("a file");
    let (archive, known) = (files.archive(), ask(START_MS, START_MS + CYCLE_MS));
    let window = OptionalWindow { length: Span::from_ms(CYCLE_MS), end: End::At(UnixMillis(START_MS + CYCLE_MS)) };
    let request = IncidentsRequest { window: Some(window), ..IncidentsRequest::default() };
    let page = ask_with(&snapshot, Some(&archive), now, &request).expect("an answer");
    assert!(known.gaps.is_empty() && known.total > 0);
    assert_eq!((page.total, page.gaps.len(), page.gaps[0].reason.as_str()), (0, 1, "missing"));
}
