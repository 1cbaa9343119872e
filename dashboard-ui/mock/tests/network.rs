//! What the built-in network shows. How its figures hang together is the reference's matter.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeSet;

use mock::Mock;
use shared::api::{
    AntennaCounts, AntennasRequest, Badness, Count, End, IncidentKind, IncidentState, IncidentsRequest, Ledger,
    PipelineHistoryRequest, PipelineRequest, ReadingsRequest, RejectedRequest, SeriesRequest, Status, SummaryRequest,
    WindowRequest, WorstRequest,
};
use shared::time::Span;
use shared::{Rejection, UnixMillis};

const NOON: UnixMillis = UnixMillis(1_763_985_607_000);

fn seconds_later(moment: UnixMillis, seconds: i64) -> UnixMillis {
    UnixMillis(moment.0 + seconds * 1000)
}

fn window(seconds: i64, end: End) -> WindowRequest {
    WindowRequest { length: Some(Span::from_ms(seconds * 1000)), end }
}

fn statuses(mock: &Mock, now: UnixMillis) -> AntennaCounts {
    mock.ask(&SummaryRequest::default(), now).unwrap().antennas
}

#[test]
fn the_same_moment_has_the_same_readings_whenever_the_network_was_begun() {
    let (early, late) = (Mock::default(), Mock::default());
    for seconds in [0, 7, 600, 2_000] {
        statuses(&early, seconds_later(NOON, seconds));
    }
    let now = seconds_later(NOON, 2_000);
    for seconds in [30, 300, 3_600] {
        let answers = |mock: &Mock| {
            let window = window(seconds, End::Latest);
            let antennas = AntennasRequest { window, step: Some(Span::from_ms(60_000)), ..Default::default() };
            let series = SeriesRequest { window, ..Default::default() };
            let mut summary = mock.ask(&SummaryRequest { window }, now).unwrap();
            let mut antennas = mock.ask(&antennas, now).unwrap();
            if seconds == 3_600 {
                // Of all that is kept: who began late has not seen an antenna that was dark at the beginning until it reported,
                // nor what began before.
                summary.availability = None;
                let AntennaCounts { active, healthy, degraded, down, silent, .. } = summary.antennas;
                summary.antennas =
                    AntennaCounts { active, healthy, degraded, down, silent, ..AntennaCounts::default() };
                for row in &mut antennas.antennas {
                    (row.availability, row.changes, row.flapping) = (None, None, false);
                }
            }
            (summary, antennas, mock.ask(&series, now).unwrap())
        };
        let (one, other) = (answers(&early), answers(&late));
        assert_eq!(one, other);
        assert_eq!(one, answers(&early));
    }
    let next = seconds_later(now, 1);
    let measures = |now| late.ask(&SummaryRequest::default(), now).unwrap().measures;
    assert_ne!(measures(now), measures(next));
}

#[test]
fn the_network_shows_every_status() {
    let (mock, single) = (Mock::default(), Mock::with_antennas(1));
    for now in (0..120).map(|at| seconds_later(NOON, at * 61)) {
        let AntennaCounts { healthy, degraded, down, silent, .. } = statuses(&mock, now);
        assert_eq!((healthy, degraded, down, silent), (20, 2, 1, 1), "at {now}");
        let counts = AntennaCounts { active: 1, healthy: 1, ..AntennaCounts::default() };
        assert_eq!(statuses(&single, now), counts, "at {now}");
    }
}

#[test]
fn a_large_network_has_its_share_of_every_status() {
    let mock = Mock::with_antennas(10_000);
    for now in (0..4).map(|at| seconds_later(NOON, at * 311)) {
        let AntennaCounts { healthy, degraded, down, silent, .. } = statuses(&mock, now);
        assert_eq!(healthy + degraded + down + silent, 10_000);
        let is_so = (190..=210).contains(&degraded) && (25..=35).contains(&down) && (45..=55).contains(&silent);
        assert!(is_so, "{degraded} degraded, {down} down, {silent} silent at {now}");
    }
}

#[test]
fn each_order_of_badness_has_its_worst_first() {
    let mock = Mock::default();
    let worst = |by| mock.ask(&WorstRequest { by, ..Default::default() }, NOON).unwrap().antennas;
    assert_eq!(worst(Badness::SuccessRate)[0].status, Status::Down);
    assert!(worst(Badness::Latency)[0].measures.latency_ms.mean.unwrap() > 250.0);
    assert_eq!(worst(Badness::Failures)[0].status, Status::Degraded);
}

#[test]
fn an_hour_is_there_at_once_with_a_few_revised_panes() {
    let mock = Mock::default();
    let summary = mock.ask(&SummaryRequest { window: window(3_600, End::Latest) }, NOON).unwrap();
    assert_eq!(summary.limits.unwrap().oldest, Some(summary.window.start));
    assert_eq!(summary.as_of, Some(NOON));
    let points = mock.ask(&SeriesRequest::default(), NOON).unwrap().points;
    assert!(points.iter().all(|point| point.measures.readings > 0));
    assert!((1..=6).contains(&points.iter().filter(|point| point.revised).count()));
    let asked = ReadingsRequest { antenna: "airport-west".to_owned(), limit: Count::MOST, ..Default::default() };
    let readings = mock.ask(&asked, NOON).unwrap().readings;
    assert!(readings.iter().any(|reading| reading.late) && readings.iter().any(|reading| !reading.late));
}

#[test]
fn whoever_is_in_trouble_has_an_incident_that_lasts() {
    let mock = Mock::default();
    for now in (0..40).map(|at| seconds_later(NOON, at * 47)) {
        let asked = IncidentsRequest { state: Some(IncidentState::Open), limit: Count::MOST, ..Default::default() };
        let incidents = mock.ask(&asked, now).unwrap().incidents;
        for row in mock.ask(&AntennasRequest::default(), now).unwrap().antennas {
            let mut own = incidents.iter().filter(|incident| incident.antenna_id == row.antenna_id);
            let kind = match row.status {
                Status::Down => IncidentKind::Down,
                Status::Degraded => IncidentKind::Degraded,
                Status::Silent => IncidentKind::Silent,
                Status::Healthy => {
                    assert!(own.all(|incident| incident.kind == IncidentKind::Degraded), "{row:?} at {now}");
                    continue;
                }
                // The network of the mock has no registry.
                Status::Unseen => panic!("{row:?} at {now}"),
            };
            assert_eq!(own.map(|incident| incident.kind).collect::<Vec<_>>(), [kind], "{row:?} at {now}");
        }
    }
}

#[test]
fn the_hour_has_incidents_of_every_kind() {
    let asked = IncidentsRequest { limit: Count::MOST, ..Default::default() };
    let page = Mock::default().ask(&asked, NOON).unwrap();
    let kinds: BTreeSet<IncidentKind> = page.incidents.iter().map(|incident| incident.kind).collect();
    assert_eq!(kinds.len(), IncidentKind::ALL.len());
    assert!(page.open >= 4 && page.total > page.open + 40, "{} open of {}", page.open, page.total);
}

#[test]
fn entries_that_do_not_count_have_every_reason() {
    let mock = Mock::default();
    let page = mock.ask(&RejectedRequest { limit: Count::MOST, ..Default::default() }, NOON).unwrap();
    for reason in Rejection::ALL {
        assert!(page.rejected[&reason] > 0, "{reason}");
        assert!(page.newest.iter().any(|example| example.reason == reason), "{reason}");
    }
    let ledger = mock.read(NOON, |reference| reference.ledger().clone());
    assert!(ledger.too_late > 0 && ledger.duplicates > 0);
}

#[test]
fn the_ledger_adds_up_and_only_grows() {
    for mock in [1, 7, 24, 1_000].map(Mock::with_antennas) {
        let mut last = Ledger::default();
        for now in (0..20).map(|second| seconds_later(NOON, second)) {
            let totals = mock.ask(&PipelineRequest::default(), now).unwrap().totals;
            let Ledger { counted, duplicates, too_late, trimmed_unread, lost_by_broker, lag, .. } = totals;
            let gone = trimmed_unread + lost_by_broker + totals.untracked;
            let sum = counted + duplicates + totals.rejected.values().sum::<u64>() + too_late + gone;
            assert_eq!((totals.entries_added, totals.imbalance), (lag.map(|lag| sum + lag), Some(0)));
            assert!(counted >= last.counted && totals.entries_added >= last.entries_added, "at {now}");
            last = totals;
        }
    }
}

#[test]
fn the_pipeline_has_a_history_of_five_minutes() {
    let mock = Mock::default();
    let samples = mock.ask(&PipelineHistoryRequest::default(), NOON).unwrap().samples;
    assert_eq!(samples.len(), 151);
    let (_, over) = samples.split_last().unwrap();
    assert!(over.iter().all(|sample| sample.rows > 0 && sample.commits == 2 && sample.freshness_ms.p99.is_some()));
    assert!(over.iter().any(|sample| sample.lag > Some(0)) && over.iter().any(|sample| sample.lag == Some(0)));
}

#[test]
fn after_a_long_sleep_the_network_is_as_lively_as_before() {
    let mock = Mock::default();
    statuses(&mock, NOON);
    let morning = seconds_later(NOON, 50_000);
    let counts = statuses(&mock, morning);
    assert_eq!((counts.active, counts.healthy), (23, 20));
    // A clock that was set back finds what there is.
    assert_eq!(statuses(&mock, NOON).active, 23);
}
