//! For how much of a window antennas were available.

use analytics::store::Snapshot;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennaRow, AntennasRequest, Badness, End, Order, Sort, Status, SummaryRequest, WorstRequest,
};

use crate::oracle::alike;
use crate::support::{Arrival, ask, window};
use crate::windows::{PANE_MS, START_MS, counted, store};

/// A reading of antenna `antenna` that arrives when it is taken, a number of seconds after the start.
fn reading(antenna: u32, second: i64) -> Arrival {
    let time_ms = START_MS + second * 1_000;
    let (packets, loss, latency_ms, seq) = (100, 0, Some(40.0), None);
    Arrival { arrival_ms: time_ms, event_ms: time_ms, antenna, packets, loss, latency_ms, seq }
}

/// The same readings in the order in which they arrive.
fn in_order(mut arrivals: Vec<Arrival>) -> Vec<Arrival> {
    arrivals.sort_by_key(|arrival| arrival.arrival_ms);
    arrivals
}

fn snapshot(arrivals: &[Arrival]) -> Snapshot {
    store(arrivals, &[0, arrivals.len()], true).0.snapshot(1, None)
}

fn at(second: i64) -> UnixMillis {
    UnixMillis(START_MS + second * 1_000)
}

/// Antenna 0 in the window of a number of seconds that ends somewhere, at a second since the start. Analytics and the
/// reference say the same of it.
fn row(arrivals: &[Arrival], seconds: i64, end: End, now: i64) -> AntennaRow {
    let request = AntennaRequest { id: "antenna-0".to_owned(), window: window(seconds * 1_000, end) };
    alike(&snapshot(arrivals), &counted(arrivals), at(now), &request).expect("one answer").expect("it is known")
}

fn availability(arrivals: &[Arrival], seconds: i64, end: End, now: i64) -> Option<f64> {
    row(arrivals, seconds, end, now).availability
}

/// Twenty seconds of reports, half a minute of nothing, and again, for five minutes.
fn mostly_silent() -> Vec<Arrival> {
    (0..300).filter(|second| second % 50 < 20).map(|second| reading(0, second)).chain([reading(1, 299)]).collect()
}

#[test]
fn an_antenna_that_is_silent_most_of_the_time_is_healthy_by_its_packets_and_not_available() {
    let row = row(&mostly_silent(), 300, End::Watermark, 299);
    assert_eq!((row.status, row.measures.success_rate), (Status::Silent, Some(1.0)));
    let share = row.availability.expect("a share");
    assert!((0.40..0.45).contains(&share), "{share}");
    // While it reports, it is healthy.
    let heard: Vec<Arrival> = mostly_silent().into_iter().filter(|arrival| arrival.event_ms <= at(265).0).collect();
    let row = self::row(&heard, 300, End::Watermark, 266);
    assert_eq!(row.status, Status::Healthy);
    assert!(row.availability.is_some_and(|share| (0.40..0.55).contains(&share)), "{:?}", row.availability);
}

#[test]
fn nothing_is_said_of_an_antenna_that_has_reported_once() {
    let once = [reading(0, 0), reading(0, 0)];
    for now in [0, 10, 3_000] {
        for end in [End::Latest, End::Now, End::At(at(5))] {
            assert_eq!(availability(&once, 300, end, now), None, "{end:?} at {now}");
        }
    }
    let summary = ask(&snapshot(&once), at(0), &SummaryRequest::default()).expect("a summary");
    assert_eq!(summary.availability, None);
}

#[test]
fn what_is_down_is_not_available() {
    let every_other_lost = (0..300).map(|second| {
        let loss = if second % 2 == 0 { 100 } else { 99 };
        Arrival { loss, ..reading(0, second) }
    });
    let arrivals: Vec<Arrival> = every_other_lost.collect();
    let share = availability(&arrivals, 300, End::Watermark, 299).expect("a share");
    assert!((share - 0.5).abs() < 0.01, "{share}");
}

/// From its last reading on, but for one usual interval.
#[test]
fn silence_that_lasts_counts_to_the_end_of_the_window() {
    let stops = (0..100).map(|second| reading(0, second));
    let arrivals = in_order(stops.chain((0..300).map(|second| reading(1, second))).collect());
    let expected = 99.0 / 298.0;
    for (end, now) in [(End::Watermark, 299), (End::At(at(299)), 299)] {
        let share = availability(&arrivals, 300, end, now).expect("a share");
        assert!((share - expected).abs() < 0.01, "{share} is not {expected} up to {end:?}");
    }
    // Before it is missed, nothing is held against it.
    assert_eq!(availability(&arrivals[..200 + 10], 300, End::Watermark, 110), Some(1.0));
    // A window of which it missed all.
    assert_eq!(availability(&arrivals, 60, End::Watermark, 299), Some(0.0));
    // When all are silent, time goes on at the clock.
    assert_eq!(availability(&arrivals, 60, End::Now, 500), Some(0.0));
}

#[test]
fn after_a_silence_longer_than_the_window_only_what_lies_within_it_counts() {
    let arrivals: Vec<Arrival> = (0..50).chain(540..600).map(|second| reading(0, second)).collect();
    let share = availability(&arrivals, 300, End::Watermark, 599).expect("a share");
    assert!((share - 61.0 / 299.0).abs() < 0.01, "{share}");
}

/// What arrives at once is judged by when it was taken; what was taken before the newest reading says nothing new.
#[test]
fn old_readings_are_judged_by_their_event_times() {
    let replayed = |seconds: std::ops::Range<i64>| {
        seconds.step_by(60).map(|second| Arrival { arrival_ms: START_MS + 9_000_000, ..reading(0, second) })
    };
    let whole: Vec<Arrival> = replayed(0..600).collect();
    assert_eq!(availability(&whole, 600, End::Latest, 9_000), Some(1.0));
    let with_gap: Vec<Arrival> = replayed(0..120).chain(replayed(480..600)).collect();
    let share = availability(&with_gap, 600, End::Latest, 9_000).expect("a share");
    assert!((share - 180.0 / 540.0).abs() < 0.01, "{share}");
    let late = [reading(0, 0), reading(0, 2), reading(0, 60), reading(0, 30)];
    let in_time = [reading(0, 0), reading(0, 2), reading(0, 60)];
    let of = |arrivals: &[Arrival]| availability(arrivals, 300, End::Watermark, 60);
    assert_eq!(of(&late), of(&in_time));
    assert_eq!(of(&in_time), Some(4.0 / 60.0), "of the minute of silence, one usual interval counts");
}

/// How seldom an antenna reports is no fault, wherever the window begins and ends.
#[test]
fn an_antenna_that_reports_as_often_as_usual_is_always_available() {
    for interval in [1, 7, 60, 120] {
        let seconds = (0..=600 / interval).map(|number| number * interval);
        let arrivals: Vec<Arrival> = seconds.map(|second| reading(0, second)).collect();
        for length in [5, 60, 300, 600] {
            for end in [End::Latest, End::Watermark, End::At(at(420)), End::At(at(513))] {
                let share = availability(&arrivals, length, end, 600);
                let is_long_enough = length > 2 * interval + PANE_MS / 1_000;
                assert!(
                    share == Some(1.0) || share.is_none() && !is_long_enough,
                    "{share:?} for {interval} in {length}"
                );
            }
        }
    }
}

#[test]
fn an_antenna_that_is_forgotten_begins_anew() {
    let before = (0..10).map(|second| reading(0, second));
    let others = (0..700).map(|second| reading(1, second));
    let again = (690..700).map(|second| reading(0, second));
    let arrivals = in_order(before.chain(others).chain(again).collect());
    assert_eq!(availability(&arrivals, 300, End::Watermark, 700), Some(1.0));
}

#[test]
fn the_network_is_available_for_the_sum_of_its_antennas_times() {
    let twice = (0..100).map(|second| reading(0, second)).chain((0..300).map(|second| reading(1, second)));
    let arrivals = in_order(twice.collect());
    let (snapshot, reference) = (snapshot(&arrivals), counted(&arrivals));
    let request = SummaryRequest { window: window(300_000, End::Watermark) };
    let summary = alike(&snapshot, &reference, at(299), &request).expect("one answer").expect("a summary");
    let share = summary.availability.expect("a share");
    assert!((share - (99.0 + 299.0) / (298.0 + 299.0)).abs() < 0.01, "{share}");

    let asked = request.window;
    let sorted = |order| {
        let request = AntennasRequest { window: asked, sort: Sort::Availability, order, ..AntennasRequest::default() };
        let page = alike(&snapshot, &reference, at(299), &request).expect("one answer").expect("a page");
        page.antennas.into_iter().map(|row| row.antenna_id).collect::<Vec<_>>()
    };
    assert_eq!(sorted(Order::Ascending), ["antenna-0", "antenna-1"]);
    assert_eq!(sorted(Order::Descending), ["antenna-1", "antenna-0"]);
    let worst = WorstRequest { window: asked, by: Badness::Availability, ..WorstRequest::default() };
    let worst = alike(&snapshot, &reference, at(299), &worst).expect("one answer").expect("a page");
    let worst: Vec<&str> = worst.antennas.iter().map(|row| &*row.antenna_id).collect();
    assert_eq!(worst, ["antenna-0"], "who was always available is left out");
}

#[test]
fn how_often_antennas_usually_report_is_known_from_the_second_time_on() {
    let every = |antenna, interval: usize| (0..300).step_by(interval).map(move |second| reading(antenna, second));
    let arrivals = in_order([every(0, 1), every(1, 15), every(2, 60), every(3, 60)].into_iter().flatten().collect());
    let arrivals: Vec<Arrival> = arrivals.into_iter().chain([reading(4, 299)]).collect();
    let (snapshot, reference) = (snapshot(&arrivals), counted(&arrivals));
    let asked = window(60_000, End::Watermark);
    let request = AntennasRequest { window: asked, ..AntennasRequest::default() };
    let page = alike(&snapshot, &reference, at(299), &request).expect("one answer").expect("a page");
    let intervals: Vec<Option<f64>> = page.antennas.iter().map(|row| row.interval_seconds).collect();
    assert_eq!(intervals, [Some(1.0), Some(15.0), Some(60.0), Some(60.0), None]);
    let request = SummaryRequest { window: asked };
    let summary = alike(&snapshot, &reference, at(299), &request).expect("one answer").expect("a summary");
    assert_eq!(summary.interval_seconds, Some(15.0), "the lower one of the two in the middle");
    let nobody = ask(&self::snapshot(&[]), at(0), &SummaryRequest::default()).expect("a summary");
    assert_eq!(nobody.interval_seconds, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// It is a share in any window, and the whole where there was a reading each second.
    #[test]
    fn availability_is_a_share(gaps in prop::collection::vec(1..60_i64, 2..40), panes in 1..=120_i64) {
        let times = gaps.iter().scan(0, |second, gap| {
            *second += gap;
            Some(*second)
        });
        let seconds: Vec<i64> = std::iter::once(0).chain(times).filter(|second| *second < 590).collect();
        let newest = seconds[seconds.len() - 1];
        let share = |seconds: &[i64]| {
            let arrivals: Vec<Arrival> = seconds.iter().map(|second| reading(0, *second)).collect();
            availability(&arrivals, panes * PANE_MS / 1_000, End::Watermark, newest)
        };
        let some = share(&seconds);
        prop_assert!(some.is_none_or(|share| (0.0..=1.0).contains(&share)), "{:?}", some);
        let each = share(&(0..=newest).collect::<Vec<_>>());
        prop_assert!(each == Some(1.0) || panes == 1, "{:?}", each);
    }
}
