//! Examples whose answers follow from the contract by hand, and laws that the answers keep among each other.

use proptest::prelude::*;
use shared::api::{
    AntennasRequest, Badness, CellsRequest, Count, End, HeatmapRequest, IncidentKind, IncidentPage, IncidentsRequest,
    PipelineHistoryRequest, PipelineRequest, ReadingsRequest, RejectedRequest, SeriesRequest, SummaryRequest,
    WindowRequest, WorstRequest,
};
use shared::time::Span;
use shared::{Reading, Rejection, UnixMillis};

use super::*;

/// A multiple of 30 s, so that offsets tell intervals.
const START_MS: i64 = 1_700_000_010_000;

fn empty() -> Reference {
    let settings = Settings { retention_ms: 300_000, ..Settings::default() };
    Reference::new(settings, UnixMillis(START_MS))
}

fn after(seconds: f64) -> UnixMillis {
    UnixMillis(START_MS + (seconds * 1000.0) as i64)
}

/// What is measured: packets sent, lost, latency.
type Measured = (u32, u32, Option<f64>);

const WELL: Measured = (100, 1, Some(20.0));
const LOSSY: Measured = (100, 30, Some(20.0));

fn reading(antenna: &str, second: f64, (packets, loss, latency_ms): Measured) -> Reading {
    Reading { antenna_id: antenna.to_owned(), timestamp_ms: after(second).0, packets, loss, latency_ms, seq: None }
}

fn arriving(second: f64) -> EntryId {
    EntryId { arrival_ms: after(second).0, number: 0 }
}

/// Counts a reading that arrives at once.
fn count(reference: &mut Reference, antenna: &str, second: f64, measured: Measured) {
    assert_eq!(reference.count(arriving(second), &reading(antenna, second, measured)), Outcome::Counted);
}

fn window(seconds: i64, end: End) -> WindowRequest {
    WindowRequest { length: Some(Span::from_ms(seconds * 1000)), end }
}

fn incidents(reference: &Reference, second: f64) -> IncidentPage {
    reference.ask(&IncidentsRequest::default(), after(second)).unwrap()
}

#[test]
fn the_ledger_has_a_column_for_each_entry() {
    let mut reference = empty();
    let numbered = |second, seq| Reading { seq: Some(seq), ..reading("a", second, WELL) };
    let mut outcomes = vec![
        reference.count(arriving(400.0), &numbered(400.0, 7)),
        reference.count(arriving(401.0), &numbered(401.0, 7)),
        // The oldest pane retained begins at 105 s.
        reference.count(arriving(402.0), &numbered(105.0, 8)),
        reference.count(arriving(403.0), &numbered(104.999, 9)),
        reference.count(arriving(404.0), &numbered(465.0, 10)),
    ];
    let fields = vec![("antenna_id".to_owned(), "a".to_owned()), ("x".repeat(300), String::new())];
    outcomes.push(reference.take(&Entry { id: arriving(405.0), fields }));
    let expected = [
        Outcome::Counted,
        Outcome::Duplicate,
        Outcome::Counted,
        Outcome::TooLate,
        Outcome::Rejected(Rejection::Future),
        Outcome::Rejected(Rejection::MissingField),
    ];
    assert_eq!(outcomes, expected);
    reference.merge(after(405.5), Stages::default());
    reference.commit(after(406.0), 3.0, Some(4));
    let pipeline = reference.ask(&PipelineRequest::default(), after(406.0)).unwrap();
    let totals = pipeline.totals;
    assert_eq!((totals.counted, totals.duplicates, totals.too_late, totals.entries_added), (2, 1, 1, Some(10)));
    assert_eq!((pipeline.batches.count, pipeline.batches.rows_per_second), (1, 0.6));
    assert_eq!((pipeline.antennas, pipeline.panes), (1, 2));
    let history = reference.ask(&PipelineHistoryRequest::default(), after(408.0)).unwrap();
    let last = &history.samples[history.samples.len() - 3..];
    assert_eq!(last.iter().map(|sample| (sample.rows, sample.commits)).collect::<Vec<_>>(), [(6, 0), (0, 1), (0, 0)]);
    assert_eq!(last.iter().map(|sample| sample.lag).collect::<Vec<_>>(), [None, Some(4), Some(4)]);
    assert_eq!(last[0].freshness_ms.p99, Some(5_500.0));
    let rejected = reference.ask(&RejectedRequest::default(), after(408.0)).unwrap();
    assert_eq!(
        rejected.newest.iter().map(|it| it.reason).collect::<Vec<_>>(),
        [Rejection::MissingField, Rejection::Future]
    );
    assert_eq!(rejected.newest[0].fields[1].0.len(), 256);
    assert_eq!((rejected.rejected[&Rejection::Future], rejected.rejected[&Rejection::BadSeq]), (1, 0));
}

#[test]
fn a_late_reading_revises_its_pane_and_is_told_as_late() {
    let mut reference = empty();
    count(&mut reference, "a", 1.0, WELL);
    count(&mut reference, "a", 11.9, WELL);
    assert_eq!(reference.count(arriving(12.0), &reading("a", 5.0, WELL)), Outcome::Counted);
    count(&mut reference, "a", 12.0, WELL);
    assert_eq!(reference.count(arriving(12.1), &reading("a", 9.0, WELL)), Outcome::Counted);
    let asked =
        SeriesRequest { window: window(15, End::Latest), step: Some(Span::from_ms(5_000)), ..Default::default() };
    let series = reference.ask(&asked, after(13.0)).unwrap();
    assert_eq!(series.points.iter().map(|point| point.revised).collect::<Vec<_>>(), [false, true, false]);
    let readings =
        reference.ask(&ReadingsRequest { antenna: "a".to_owned(), ..Default::default() }, after(13.0)).unwrap();
    assert_eq!(
        readings.readings.iter().map(|reading| reading.late).collect::<Vec<_>>(),
        [true, false, false, false, false]
    );
    assert_eq!(readings.readings[0].timestamp, after(9.0));
}

#[test]
fn percentiles_are_the_nearest_rank() {
    let mut reference = empty();
    for index in 1..=10 {
        count(&mut reference, "a", f64::from(index) / 10.0, (10, 0, Some(f64::from(index))));
    }
    let summary = reference.ask(&SummaryRequest::default(), after(2.0)).unwrap();
    let latency = summary.measures.latency_ms;
    assert_eq!([latency.p50, latency.p95, latency.p99], [Some(5.0), Some(10.0), Some(10.0)]);
    assert_eq!([latency.min, latency.mean, latency.max], [Some(1.0), Some(5.5), Some(10.0)]);
}

#[test]
fn one_lost_packet_of_one_is_not_the_worst() {
    let mut reference = empty();
    count(&mut reference, "one", 0.0, (1, 1, None));
    count(&mut reference, "many", 0.0, (1_000, 900, Some(10.0)));
    count(&mut reference, "slow", 0.0, (1_000, 0, Some(300.0)));
    count(&mut reference, "idle", 0.0, (0, 0, None));
    let worst = |by| {
        let page = reference.ask(&WorstRequest { by, ..Default::default() }, after(1.0)).unwrap();
        page.antennas.into_iter().map(|row| row.antenna_id).collect::<Vec<_>>()
    };
    assert_eq!(worst(Badness::Failures), ["many", "one"]);
    assert_eq!(worst(Badness::SuccessRate), ["many", "one", "slow"]);
    assert_eq!(worst(Badness::Latency), ["slow", "many"]);
}

#[test]
fn an_incident_has_a_well_interval_in_it_and_ends_with_two() {
    let mut reference = empty();
    let course = [WELL, LOSSY, WELL, LOSSY, WELL, WELL, WELL, LOSSY, WELL];
    for index in 0..27 {
        count(&mut reference, "a", f64::from(index) * 10.0, course[index as usize / 3]);
    }
    let page = incidents(&reference, 265.0);
    assert_eq!((page.total, page.open), (2, 1));
    let [lasts, ended] = &page.incidents[..] else { panic!("{page:?}") };
    assert_eq!((lasts.start, lasts.end, lasts.duration_seconds), (after(210.0), None, 55.0));
    assert_eq!((ended.start, ended.end, ended.kind), (after(30.0), Some(after(120.0)), IncidentKind::Degraded));
    assert_eq!((ended.packets_sent, ended.packets_lost, ended.worst_success_rate), (900, 183, Some(0.7)));
}

#[test]
fn silence_is_measured_by_the_usual_gap_and_what_is_forgotten_begins_anew() {
    let mut reference = empty();
    for second in [0.0, 4.0, 8.0, 12.0, 16.0, 28.0] {
        count(&mut reference, "a", second, WELL);
    }
    assert_eq!(incidents(&reference, 42.9).total, 0);
    let silence =
        |second| incidents(&reference, second).incidents.first().map(|it| (it.kind, it.start, it.duration_seconds));
    assert_eq!(silence(43.0), Some((IncidentKind::Silent, after(28.0), 15.0)));
    count(&mut reference, "b", 324.0, WELL);
    assert_eq!(incidents(&reference, 325.0).open, 1);
    count(&mut reference, "b", 325.0, WELL);
    let page = incidents(&reference, 330.0);
    assert_eq!((page.total, page.open, page.incidents[0].end), (1, 0, Some(after(325.0))));
    assert_eq!(reference.ask(&AntennasRequest::default(), after(330.0)).unwrap().total, 1);
    let gone = ReadingsRequest { antenna: "a".to_owned(), ..Default::default() };
    assert_eq!(reference.ask(&gone, after(330.0)), Err(Refusal::UnknownAntenna));
}

#[test]
fn what_is_not_kept_and_too_many_steps_are_refused() {
    let mut reference = empty();
    count(&mut reference, "a", 0.0, WELL);
    let refused = |refusal: Result<(), Refusal>| match refusal {
        Err(Refusal::BadParameter(bad)) => bad.name,
        other => panic!("{other:?}"),
    };
    let long = SummaryRequest { window: window(301, End::Now) };
    assert_eq!(refused(reference.ask(&long, after(1.0)).map(|_| ())), "window");
    let step = Some(Span::from_ms(300_001));
    assert_eq!(refused(reference.ask(&HeatmapRequest { step, ..Default::default() }, after(1.0)).map(|_| ())), "step");
    let step = Some(Span::from_ms(1));
    let many = AntennasRequest { step, limit: Count::MOST, ..Default::default() };
    assert_eq!(refused(reference.ask(&many, after(1.0)).map(|_| ())), "step");
}

fn network() -> impl Strategy<Value = Reference> {
    let one = (0..5_u8, 0..4_000_i64, -60_000..500_i64, 0..200_u32, 0..=4_u32, prop::option::of(1.0..600.0_f64));
    prop::collection::vec(one, 1..120).prop_map(|rows| {
        let (mut reference, mut arrival_ms) = (empty(), START_MS);
        for (antenna, pause_ms, event_ms, packets, quarters, latency_ms) in rows {
            arrival_ms += pause_ms;
            let reading = Reading {
                antenna_id: format!("antenna-{antenna}"),
                timestamp_ms: arrival_ms + event_ms,
                packets,
                loss: packets * quarters / 4,
                latency_ms,
                seq: None,
            };
            reference.count(EntryId { arrival_ms, number: 0 }, &reading);
        }
        reference
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever a window is divided into, the parts add up to it.
    #[test]
    fn all_answers_about_a_window_add_up_to_its_summary(
        reference in network(),
        (seconds, step_s) in (1..300_i64, 1..100_i64),
        end in prop_oneof![Just(End::Latest), Just(End::Watermark), (0..300_i64).prop_map(|second| End::At(after(second as f64)))],
        rows in 1..7_usize,
    ) {
        let now = after(300.0);
        let (window, step) = (window(seconds, end), Some(Span::from_ms(step_s * 1000)));
        let summary = reference.ask(&SummaryRequest { window }, now).unwrap();
        let sums = |measures: &shared::api::Measures| [measures.readings, measures.packets_sent, measures.packets_lost];
        let add = |a: [u64; 3], b: [u64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let of_history = |history: &shared::api::History| {
            [&history.readings, &history.packets_sent, &history.packets_lost].map(|column| column.iter().sum::<u64>())
        };
        let whole = sums(&summary.measures);
        let total = |parts: Vec<[u64; 3]>| parts.into_iter().fold([0; 3], add);

        let asked = SeriesRequest { window, step, ..Default::default() };
        let series = reference.ask(&asked, now).unwrap();
        prop_assert_eq!(total(series.points.iter().map(|point| sums(&point.measures)).collect()), whole);
        prop_assert_eq!(series.points.iter().any(|point| point.revised), summary.revised);
        let cells = reference.ask(&CellsRequest { window, step, ..Default::default() }, now).unwrap();
        prop_assert_eq!(total(cells.cells.iter().map(|cell| sums(&cell.measures)).collect()), whole);
        let asked = AntennasRequest { window, step, ..Default::default() };
        let page = reference.ask(&asked, now).unwrap();
        prop_assert_eq!(total(page.antennas.iter().map(|row| sums(&row.measures)).collect()), whole);
        for row in &page.antennas {
            prop_assert_eq!(row.history.as_ref().map(of_history), Some(sums(&row.measures)));
        }
        let rows = Count::new(rows).unwrap();
        let map = reference.ask(&HeatmapRequest { window, step, rows, ..Default::default() }, now).unwrap();
        prop_assert_eq!(total(map.rows.iter().map(|row| of_history(&row.history)).collect()), whole);
        prop_assert_eq!(Some(map.steps), page.steps);
    }
}
