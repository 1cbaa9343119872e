//! What is expected of single antennas, in place of what the settings say of all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use analytics::registry::{Notation, Registry};
use analytics::store::Store;
use proptest::prelude::*;
use reference::Expected;
use shared::UnixMillis;
use shared::api::{
    AntennasRequest, Count, End, HeatmapRequest, IncidentKind, IncidentsRequest, SeriesRequest, Status, SummaryRequest,
    WindowRequest,
};

use crate::incidents::{DOWN, LOSSY, PANE_MS, RETENTION_MS, SLOW, START_MS, State, WELL, arrivals, commit, of, store};
use crate::oracle::{alike, counted_with};
use crate::support::{Arrival, ask, feed, name, window};

/// The registry that says so, of the first antennas.
fn registry(expected: &[Expected]) -> Arc<Registry> {
    let mut text = String::new();
    for (antenna, it) in (0..).zip(expected) {
        writeln!(text, "[[antenna]]\nid = {:?}", name(antenna)).expect("text");
        let mut say = |field: &str, value: Option<String>| {
            value.iter().for_each(|value| writeln!(text, "{field} = {value}").expect("text"));
        };
        let duration = |ms: f64| format!("\"{ms}ms\"");
        say("interval", it.interval_ms.map(duration));
        say("degraded_success_rate", it.degraded_success_rate.map(|rate| format!("{rate:?}")));
        say("degraded_latency", it.degraded_latency_ms.map(duration));
        say("raise_after", it.raise_after.map(|count| count.to_string()));
        say("clear_after", it.clear_after.map(|count| count.to_string()));
    }
    Arc::new(Registry::read(text.as_bytes(), Notation::Toml).unwrap_or_else(|fault| panic!("{fault} in\n{text}")))
}

fn expected() -> impl Strategy<Value = Expected> {
    use prop::option::of;
    use prop::sample::select;
    let interval_ms = of(select(vec![1_000.0, 10_000.0, 60_000.0]));
    let rate = of(select(vec![0.0, 0.5, 0.7, 0.99, 1.0]));
    let latency_ms = of(select(vec![10.0, 250.0, 500.0]));
    (interval_ms, rate, latency_ms, of(1..5_usize), of(1..5_usize)).prop_map(
        |(interval_ms, degraded_success_rate, degraded_latency_ms, raise_after, clear_after)| Expected {
            interval_ms,
            degraded_success_rate,
            degraded_latency_ms,
            raise_after,
            clear_after,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Whatever is expected of whom, however batches are cut, and whatever is lost after a commit and read again.
    #[test]
    fn antennas_are_judged_by_what_is_expected_of_each(
        arrivals in arrivals(),
        expected in prop::collection::vec(expected(), 0..4),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4),
        (later_ms, panes, step_panes) in (0..100_000_i64, 1..=60_i64, 1..=12_i64),
    ) {
        let registry = registry(&expected);
        let begun = || {
            let mut store = store();
            store.expect(&registry);
            store
        };
        let mut cuts: Vec<(usize, bool)> =
            cuts.into_iter().map(|(cut, is_crash)| (cut.index(arrivals.len() + 1), is_crash)).collect();
        cuts.sort_unstable();
        let (mut store, mut known, mut fields) = (begun(), BTreeSet::new(), State::new());
        let mut fed = 0;
        for (cut, is_crash) in cuts {
            feed(&mut store, &mut known, &arrivals[fed..cut]);
            fed = cut;
            store.build_tiles().expect("columns");
            commit(&mut store, &mut fields);
            if is_crash {
                (store, known) = fields.reload(self::store());
                prop_assert!(!store.expect(&registry), "it was committed");
            }
        }
        feed(&mut store, &mut known, &arrivals[fed..]);

        let reference = counted_with(PANE_MS, RETENTION_MS, &arrivals, &expected);
        let now = UnixMillis((arrivals.last().expect("an arrival").arrival_ms + later_ms) / 1_000 * 1_000);
        let snapshot = store.snapshot(1, None);
        let all = IncidentsRequest { limit: Count::MOST, ..IncidentsRequest::default() };
        alike(&snapshot, &reference, now, &all)?;
        prop_assert_eq!(reference.incidents_ended(), store.incidents().ended());
        for end in [End::Latest, End::Watermark] {
            let asked = window(panes * PANE_MS, end);
            let step = Some(shared::time::Span::from_ms(step_panes * PANE_MS));
            alike(&snapshot, &reference, now, &SummaryRequest { window: asked })?;
            alike(&snapshot, &reference, now, &list(asked))?;
            alike(&snapshot, &reference, now, &SeriesRequest { window: asked, step, ..SeriesRequest::default() })?;
            alike(&snapshot, &reference, now, &HeatmapRequest { window: asked, ..HeatmapRequest::default() })?;
        }
    }
}

fn list(window: WindowRequest) -> AntennasRequest {
    AntennasRequest { window, limit: Count::MOST, ..AntennasRequest::default() }
}

/// The status of the first antenna in a window of a minute, its incidents by kind and start in seconds, and whether one lasts.
fn judged(store: &Store, now_s: i64) -> (Status, Vec<(IncidentKind, i64, bool)>) {
    let (snapshot, now) = (store.snapshot(1, None), UnixMillis(START_MS + now_s * 1_000));
    let row = ask(&snapshot, now, &list(window(60_000, End::Latest))).expect("a page").antennas.remove(0);
    let incidents = ask(&snapshot, now, &IncidentsRequest::default()).expect("a page").incidents;
    let brief = |it: &shared::api::Incident| (it.kind, (it.start.0 - START_MS) / 1_000, it.end.is_none());
    (row.status, incidents.iter().map(brief).collect())
}

/// A file may change while readings come: what was an incident stays one, and panes are judged by what holds now.
#[test]
fn what_changes_holds_from_then_on() {
    let every_10_s =
        |from: i64, until: i64, measured| (from..until).step_by(10).map(move |second| of(0, second, second, measured));
    let feed_all = |store: &mut Store, known: &mut BTreeSet<u32>, arrivals: &mut dyn Iterator<Item = Arrival>| {
        feed(store, known, &arrivals.collect::<Vec<_>>());
        store.build_tiles().expect("columns");
    };
    let (mut store, mut known) = (store(), BTreeSet::new());
    feed_all(&mut store, &mut known, &mut every_10_s(0, 120, LOSSY));
    assert_eq!(judged(&store, 120), (Status::Degraded, vec![(IncidentKind::Degraded, 0, true)]));
    let lenient =
        Expected { degraded_success_rate: Some(0.5), degraded_latency_ms: Some(500.0), ..Expected::default() };
    let revision = store.snapshot(2, None).revision;
    assert!(store.expect(&registry(&[lenient])), "something else holds");
    assert_ne!(store.snapshot(2, None).revision, revision, "answers that are kept are of before");
    assert_eq!(judged(&store, 120), (Status::Healthy, vec![(IncidentKind::Degraded, 0, true)]));
    feed_all(&mut store, &mut known, &mut every_10_s(120, 240, SLOW));
    assert_eq!(judged(&store, 240), (Status::Healthy, vec![(IncidentKind::Degraded, 0, false)]), "it ended meanwhile");
    let (series, now) =
        (SeriesRequest { window: window(240_000, End::Latest), ..SeriesRequest::default() }, START_MS + 240_000);
    let worst = |store: &Store| {
        let points = ask(&store.snapshot(3, None), UnixMillis(now), &series).expect("a series").points;
        points.iter().filter_map(|point| point.worst_status).min()
    };
    assert_eq!(worst(&store), Some(Status::Healthy), "panes of before are judged by what holds now");
    assert!(store.expect(&Arc::default()), "the file says nothing any more");
    assert_eq!((judged(&store, 240).0, worst(&store)), (Status::Degraded, Some(Status::Degraded)));
}

/// Two bad intervals are none where three are needed, and the third makes all three an incident.
#[test]
fn an_incident_needs_as_many_bad_intervals_as_are_said() {
    let patient = Expected { raise_after: Some(3), clear_after: Some(1), ..Expected::default() };
    let told = |course: &[_]| {
        let mut store = store();
        store.expect(&registry(&[patient]));
        let arrivals = (0..).zip(course).map(|(interval, measured)| of(0, interval * 30, interval * 30, *measured));
        feed(&mut store, &mut BTreeSet::new(), &arrivals.collect::<Vec<_>>());
        judged(&store, 30 * course.len() as i64).1
    };
    assert_eq!(told(&[DOWN, DOWN, WELL, DOWN, DOWN, WELL]), []);
    assert_eq!(told(&[WELL, LOSSY, DOWN, DOWN, WELL, WELL]), [(IncidentKind::Down, 30, false)]);
    assert_eq!(told(&[WELL, LOSSY, DOWN, DOWN, WELL]), [(IncidentKind::Down, 30, true)]);
    assert_eq!(told(&[DOWN, DOWN, DOWN, WELL, DOWN, WELL, WELL]), [(IncidentKind::Down, 0, false)]);
}

/// An antenna that is to report every minute is not silent after 15 s, and one that never reported twice is.
#[test]
fn silence_goes_by_how_often_an_antenna_is_to_report() {
    let seldom = Expected { interval_ms: Some(60_000.0), ..Expected::default() };
    let mut store = store();
    store.expect(&registry(&[seldom]));
    feed(&mut store, &mut BTreeSet::new(), &[of(0, 0, 0, WELL)]);
    assert_eq!(judged(&store, 179).1, []);
    assert_eq!(judged(&store, 180), (Status::Silent, vec![(IncidentKind::Silent, 0, true)]));
}
