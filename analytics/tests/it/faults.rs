//! Crashes and faults at any point: what is counted in the end is what an undisturbed run counts.

use analytics::ingest::log::{Fault, MemoryLog};
use analytics::ingest::stream_id::StreamId;
use analytics::pipeline::{Pipeline, Steps, empty_store};
use analytics::published::Published;
use analytics::settings::{PipelineSettings, Thresholds};
use analytics::store::Snapshot;
use proptest::prelude::*;
use shared::api::{
    AntennaPage, AntennasRequest, End, Incident, IncidentEnding, IncidentKind, IncidentPage, IncidentsRequest, Ledger,
    Phase, Series, SeriesRequest, SummaryRequest,
};
use shared::time::{Clock, Span};
use shared::{Rejection, UnixMillis};
use std::time::{Duration, Instant};

use crate::support::{Embedded, NOW, ask, publish, reading, until_it_is, window};

fn settings() -> PipelineSettings {
    PipelineSettings {
        commit_interval: Duration::from_millis(3),
        batch_max: 7,
        batch_wait: Duration::ZERO,
        keep_entries: 5,
        // Within a run, an antenna can be forgotten.
        retention: Duration::from_secs(120),
        ..PipelineSettings::default()
    }
}

/// When an entry arrives: one a second, with a pause of half a minute behind each fifty.
fn arrival(number: u64) -> UnixMillis {
    UnixMillis(NOW.0 + 1_000 * number as i64 + 30_000 * (number as i64 / 50))
}

/// An entry of any kind: good, a duplicate, too late, rejected. Of three antennas, and now and then of a visitor that does
/// not stay, in stretches of trouble and of peace.
fn add(log: &MemoryLog, number: u64) {
    let now = arrival(number);
    let event_ms = now.0 - 4_000 * (number as i64 % 11);
    let antenna =
        if number % 100 > 90 { format!("visitor-{}", number / 100) } else { format!("antenna-{}", number % 3) };
    match number % 10 {
        7 => drop(log.add(now, &[("antenna_id", "nobody")])),
        8 => publish(log, now, &reading(&antenna, NOW.0 - 7_200_000, 10, 1, None)),
        _ => {
            let latency_ms = Some(1.0 + number as f64 / 3.0);
            let loss = if (number / 70).is_multiple_of(2) { number % 5 } else { 100 - number % 7 };
            let mut reading = reading(&antenna, event_ms, 100, loss as u32, latency_ms);
            reading.seq = Some(number);
            publish(log, now, &reading);
            if number % 10 == 9 {
                publish(log, now, &reading);
            }
        }
    }
}

fn answers(snapshot: &Snapshot) -> (AntennaPage, Series, IncidentPage) {
    let window = window(300_000, End::Latest);
    let page = AntennasRequest { window, ..AntennasRequest::default() };
    let series = SeriesRequest { window, step: Some(Span::from_ms(5_000)), ..SeriesRequest::default() };
    let mut page = ask(snapshot, NOW, &page).expect("an answer");
    let mut series = ask(snapshot, NOW, &series).expect("a network");
    let later = UnixMillis(snapshot.clock.newest_ms + 100_000);
    let mut incidents = ask(snapshot, later, &IncidentsRequest::default()).expect("an answer");
    // When it was merged differs from run to run.
    (page.as_of, series.as_of, incidents.as_of) = (None, None, None);
    (page, series, incidents)
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Add(u64),
    Crash,
    Fault(Fault),
    Settle,
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (1..40_u64).prop_map(Event::Add),
        2 => Just(Event::Crash),
        1 => Just(Event::Fault(Fault::BeforeCommit)),
        1 => Just(Event::Fault(Fault::AfterCommit)),
        1 => Just(Event::Settle),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..14)
}

/// Runs the events against a log and returns the ledger, the dead letters' sources and the answers at the end.
fn run(events: &[Event]) -> (Ledger, Vec<String>, (AntennaPage, Series, IncidentPage)) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let log = MemoryLog::default();
        let mut number = 0;
        let mut entries = 0;
        let mut term = 0;
        let mut analytics = Embedded::start(&log, &settings(), "owner-0");
        for event in events {
            match event {
                Event::Add(count) => {
                    for _ in 0..*count {
                        number += 1;
                        add(&log, number);
                        entries += if number % 10 == 9 { 2 } else { 1 };
                    }
                }
                Event::Fault(fault) => log.inject(*fault),
                Event::Settle => drop(analytics.settle(entries).await),
                Event::Crash | Event::Restart => {
                    term += 1;
                    if matches!(event, Event::Crash) {
                        analytics.crash().await;
                        log.expire_lease();
                    } else {
                        analytics.stop().await;
                    }
                    analytics = Embedded::start(&log, &settings(), &format!("owner-{term}"));
                }
            }
        }
        let ledger = analytics.settle(entries).await;
        let answers = answers(&analytics.published.snapshot());
        analytics.stop().await;
        let rejected = log.rejected().iter().map(|entry| entry.source_id.to_string()).collect();
        (ledger, rejected, answers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_crashes_the_numbers_are_those_of_a_quiet_run(events in events()) {
        let quiet: Vec<Event> = events.iter().copied().filter(|event| matches!(event, Event::Add(_))).collect();
        let (disturbed, quiet) = (run(&events), run(&quiet));
        prop_assert_eq!(disturbed.0, quiet.0);
        prop_assert_eq!(disturbed.1, quiet.1);
        prop_assert_eq!(disturbed.2, quiet.2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_lost_the_stream_does_not_write_any_more() {
    let log = MemoryLog::default();
    let old = Embedded::start(&log, &settings(), "old");
    (1..=20).for_each(|number| add(&log, number));
    old.settle(22).await;
    log.expire_lease();
    let new = Embedded::start(&log, &settings(), "new");
    wait_for(&new, Phase::Running).await;
    (21..=40).for_each(|number| add(&log, number));
    let ledger = new.settle(44).await;
    assert_eq!(ledger.counted + ledger.duplicates + ledger.too_late + ledger.rejected.values().sum::<u64>(), 44);
    wait_for(&old, Phase::Standby).await;
    // What it knew is out of date from now on: another process keeps the ledger.
    assert_eq!((old.published.known_ledger(), new.published.known_ledger()), (None, Some(ledger.clone())));
    new.stop().await;
    wait_for(&old, Phase::Running).await;
    assert_eq!(old.settle(44).await.counted, ledger.counted, "the old owner goes on from the new owner's commit");
    old.stop().await;
}

/// The next process need not wait for the lease to run out.
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_given_up_even_if_the_last_commit_has_no_answer() {
    let log = MemoryLog::default();
    // Only the first commit, of nothing, and the last one are done.
    let settings = PipelineSettings { commit_interval: Duration::from_secs(3_600), ..settings() };
    let analytics = Embedded::start(&log, &settings, "owner");
    wait_for(&analytics, Phase::Running).await;
    (1..=5).for_each(|number| add(&log, number));
    until_it_is(true, || analytics.published.snapshot().as_of.is_some()).await;
    log.inject(Fault::AfterCommit);
    analytics.stop().await;
    assert_eq!(log.lease(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_costs_nothing_but_time() {
    let log = MemoryLog::default();
    let analytics = Embedded::start(&log, &settings(), "owner");
    (1..=30).for_each(|number| add(&log, number));
    let before = analytics.settle(33).await;
    log.set_away(true);
    wait_for(&analytics, Phase::BrokerAway).await;
    assert_eq!(answers(&analytics.published.snapshot()).0.total, 3, "the last snapshot is still there");
    log.set_away(false);
    wait_for(&analytics, Phase::Running).await;
    assert_eq!(analytics.settle(33).await, before);
    analytics.stop().await;
}

/// A term that ends before the broker has told it anything leaves what was known before to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_told_also_where_the_term_that_found_it_ended_at_once() {
    let log = MemoryLog::default();
    let analytics = Embedded::start(&log, &settings(), "owner");
    (1..=30).for_each(|number| add(&log, number));
    analytics.settle(33).await;
    for _ in 0..3 {
        let epoch = analytics.published.owned_epoch();
        // The next term commits nothing at first.
        log.inject(Fault::BeforeCommit);
        log.flush();
        until_it_is(true, || analytics.published.owned_epoch().is_some_and(|now| Some(now) > epoch)).await;
    }
    (31..=40).for_each(|number| add(&log, number));
    let ledger = analytics.settle(44).await;
    assert_eq!((ledger.lost_by_broker, ledger.imbalance), (33, Some(0)), "{ledger:?}");
    analytics.stop().await;
}

/// Who takes the stream without an answer and takes it again has had it all the time, and knows what it held before.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_told_also_where_the_answer_to_the_taking_of_the_stream_is() {
    let log = MemoryLog::default();
    let analytics = Embedded::start(&log, &settings(), "owner");
    (1..=30).for_each(|number| add(&log, number));
    analytics.settle(33).await;
    let epoch = analytics.published.owned_epoch().expect("an owner");
    log.inject(Fault::AfterAcquire);
    log.flush();
    until_it_is(true, || analytics.published.owned_epoch().is_some_and(|now| now > epoch)).await;
    (31..=40).for_each(|number| add(&log, number));
    let ledger = analytics.settle(44).await;
    assert_eq!((ledger.lost_by_broker, ledger.imbalance), (33, Some(0)), "{ledger:?}");
    assert_eq!(analytics.published.owned_epoch(), Some(epoch + 1), "one term, not two");
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_removed_unread_are_accounted_for() {
    let log = MemoryLog::default();
    let ids: Vec<_> = (1..=50).map(|_| log.add(NOW, &[("antenna_id", "nobody")])).collect();
    log.trim_before(ids[20]);
    let analytics = Embedded::start(&log, &settings(), "owner");
    let ledger = analytics.settle(50).await;
    assert_eq!(ledger.trimmed_unread, 20);
    analytics.stop().await;
    let again = Embedded::start(&log, &settings(), "owner");
    assert_eq!(again.settle(50).await, ledger, "what was settled is committed");
    again.stop().await;
}

/// An owner that dies in a backlog of which a part was removed leaves that to the next one.
#[test]
fn entries_removed_unread_are_accounted_for_by_the_next_owner() {
    let log = MemoryLog::default();
    let published = Published::new("memory", &empty_store(&settings(), Thresholds::default()), NOW);
    let pipeline = |owner: &str| {
        let clock = Clock::of(|| NOW);
        Pipeline::new(log.clone(), settings(), Thresholds::default(), owner.to_owned(), published.clone(), clock)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let read = |steps: &mut Steps<'_, MemoryLog>, times: u32| {
        for _ in 0..times {
            runtime.block_on(steps.read()).expect("entries");
            steps.merge().expect("columns");
            steps.prepare().expect("columns");
            runtime.block_on(steps.commit()).expect("a commit");
            let totals = published.pipeline(Instant::now()).totals;
            assert_eq!(totals.imbalance, Some(0), "{totals:?}");
        }
    };
    let (first, second) = (pipeline("first"), pipeline("second"));
    let mut steps = Steps::new(&first);
    assert!(runtime.block_on(steps.take_over()).expect("an owner"));
    let mut ids = Vec::new();
    let mut add = |count: u64| ids.extend((0..count).map(|_| log.add(NOW, &[("antenna_id", "nobody")])));
    add(10);
    read(&mut steps, 4);
    add(50);
    log.trim_before(ids[40]);
    read(&mut steps, 1);
    log.expire_lease();
    let mut steps = Steps::new(&second);
    assert!(runtime.block_on(steps.take_over()).expect("an owner"));
    read(&mut steps, 6);
    let totals = published.pipeline(Instant::now()).totals;
    assert_eq!((totals.lag, totals.trimmed_unread, totals.entries_added), (Some(0), 30, Some(60)), "{totals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_trimmed_behind_the_cursor_only() {
    let log = MemoryLog::default();
    let analytics = Embedded::start(&log, &settings(), "owner");
    (1..=200).for_each(|number| add(&log, number));
    analytics.settle(220).await;
    analytics.stop().await;
    let kept = log.len();
    assert!((5..=5 + 7 + 7).contains(&kept), "{kept} entries are kept");
}

/// The law above says something of incidents: a run of many entries has each kind, lasting and ended in either way.
#[test]
fn a_long_run_has_incidents_of_every_kind() {
    let (_, _, (_, _, incidents)) = run(&[Event::Add(560)]);
    let count = |wanted: fn(&Incident) -> bool| incidents.incidents.iter().filter(|it| wanted(it)).count();
    assert!(count(|it| it.kind == IncidentKind::Degraded && it.ended_by == Some(IncidentEnding::Recovered)) > 0);
    assert!(count(|it| it.kind == IncidentKind::Silent && it.ended_by == Some(IncidentEnding::Recovered)) > 0);
    assert!(count(|it| it.ended_by == Some(IncidentEnding::Forgotten)) > 0);
    assert!(count(|it| it.kind == IncidentKind::Degraded && it.end.is_none()) > 0);
    assert!(count(|it| it.kind == IncidentKind::Silent && it.end.is_none()) > 0);
}

async fn wait_for(analytics: &Embedded, phase: Phase) {
    until_it_is(phase, || analytics.published.phase()).await;
}

/// Analytics' clock is ten minutes from the broker's, either way: an antenna that has just reported is not silent, nothing is
/// old, and the offset is told.
#[tokio::test(flavor = "multi_thread")]
async fn ages_go_by_the_broker_s_clock() {
    for offset_ms in [-600_000, 600_000] {
        let (log, broker) = (MemoryLog::default(), UnixMillis(NOW.0 + offset_ms));
        log.set_time(broker);
        let analytics = Embedded::start(&log, &settings(), "owner");
        until_it_is(true, || analytics.published.pipeline(Instant::now()).clock.is_some()).await;
        publish(&log, broker, &reading("antenna-0", broker.0, 10, 0, None));
        analytics.settle(1).await;
        let clock = analytics.published.pipeline(Instant::now()).clock.expect("an offset");
        assert!((clock.offset_ms as f64 - offset_ms as f64).abs() <= clock.error_ms + 1.0, "{clock:?}");
        let now = analytics.published.by_broker(NOW);
        let snapshot = analytics.published.snapshot();
        assert!((snapshot.as_of.expect("a reading").0 - broker.0).abs() < 10_000);
        let summary = ask(&snapshot, now, &SummaryRequest::default()).expect("an answer");
        assert_eq!((summary.antennas.healthy, summary.antennas.silent), (1, 0));
        analytics.crash().await;
    }
}

/// `XADD antenna_stream 4102444800000-0 ...` with an event time of 2100: it is `future`, and the readings behind it, whose ids
/// go on from its own, count where they belong.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_from_2100_does_not_move_the_watermark() {
    let log = MemoryLog::default();
    log.set_time(NOW);
    let analytics = Embedded::start(&log, &settings(), "owner");
    publish(&log, NOW, &reading("antenna-0", NOW.0, 10, 0, None));
    let evil = reading("evil", 4_102_444_800_000, 1, 0, None);
    log.add_as(StreamId { millis: 4_102_444_800_000, counter: 0 }, &shared::codec::encode(&evil));
    publish(&log, NOW, &reading("antenna-0", NOW.0, 10, 0, None));
    let ledger = analytics.settle(3).await;
    assert_eq!((ledger.counted, ledger.too_late, ledger.rejected[&Rejection::Future]), (2, 0, 1));
    let pipeline = analytics.published.pipeline(Instant::now());
    assert_eq!((pipeline.watermark, pipeline.ids_ahead), (Some(NOW), 2));
    analytics.crash().await;
}

/// The broker goes away for ten minutes: that is told with its reason, and no antenna is blamed.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_silent_because_the_broker_is_away() {
    let log = MemoryLog::default();
    log.set_time(NOW);
    let analytics = Embedded::start(&log, &settings(), "owner");
    publish(&log, NOW, &reading("antenna-0", NOW.0, 10, 0, None));
    analytics.settle(1).await;
    log.set_away(true);
    let look = || analytics.published.pipeline(Instant::now());
    until_it_is((Phase::BrokerAway, Some("the broker is away: taken away".to_owned())), || {
        let pipeline = look();
        (pipeline.phase, pipeline.reason)
    })
    .await;
    let later = UnixMillis(NOW.0 + 600_000);
    let silent =
        |now| ask(&analytics.published.snapshot(), now, &SummaryRequest::default()).expect("an answer").antennas.silent;
    assert_eq!(silent(analytics.published.judged_at(later)), 0);
    log.set_away(false);
    until_it_is((Phase::Running, None), || (look().phase, look().reason)).await;
    assert_eq!(silent(analytics.published.judged_at(later)), 1);
    analytics.crash().await;
}
