//! Incidents against the reference, and over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use analytics::answer::incidents::open_incidents;
use analytics::http::{Api, serve};
use analytics::ingest::log::MemoryLog;
use analytics::settings::{PipelineSettings, Thresholds};
use analytics::state::{Meta, Restored, encode_changes};
use analytics::store::{Store, Whole};
use analytics::workers::Workers;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    Count, End, ErrorBody, Incident, IncidentEnding, IncidentKind, IncidentPage, IncidentState, IncidentsRequest,
    OptionalWindow, path,
};
use shared::server::HttpSettings;
use shared::time::Clock;
use shared::time::Span;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::oracle::{self, alike};
use crate::support::{Arrival, Embedded, NOW, ask, feed, name, publish, reading};

pub(crate) const PANE_MS: i64 = 5_000;
pub(crate) const RETENTION_MS: i64 = 300_000;
/// A multiple of 30 s, so that offsets tell intervals.
pub(crate) const START_MS: i64 = 1_700_000_010_000;

/// What an antenna measures: packets sent, lost, latency in milliseconds.
pub(crate) type Measured = (u32, u32, Option<f64>);

pub(crate) const WELL: Measured = (100, 1, Some(20.0));
pub(crate) const LOSSY: Measured = (100, 30, Some(20.0));
pub(crate) const SLOW: Measured = (100, 0, Some(400.0));
pub(crate) const DOWN: Measured = (100, 100, None);
const IDLE: Measured = (0, 0, None);

pub(crate) fn store() -> Store {
    Store::new(PANE_MS, RETENTION_MS, Thresholds::default())
}

/// A reading of antenna 0 at a time after the start, that arrives at once.
fn at(second: i64, measured: Measured) -> Arrival {
    of(0, second, second, measured)
}

pub(crate) fn of(antenna: u32, arrival_s: i64, event_s: i64, (packets, loss, latency_ms): Measured) -> Arrival {
    let (arrival_ms, event_ms) = (START_MS + arrival_s * 1_000, START_MS + event_s * 1_000);
    Arrival { arrival_ms, event_ms, antenna, packets, loss, latency_ms, seq: None }
}

fn fed(arrivals: &[Arrival]) -> Store {
    let mut store = store();
    feed(&mut store, &mut BTreeSet::new(), arrivals);
    store
}

/// All incidents that match.
fn page(store: &Store, request: &IncidentsRequest, now_ms: i64) -> IncidentPage {
    let request = IncidentsRequest { limit: Count::MOST, ..request.clone() };
    ask(&store.snapshot(1, None), UnixMillis(now_ms), &request).expect("an answer")
}

/// All incidents, newest first, some seconds after the start.
fn incidents(store: &Store, now_s: i64) -> Vec<Incident> {
    page(store, &IncidentsRequest::default(), START_MS + now_s * 1_000).incidents
}

/// Kind, start and end in seconds after the start, ending, packets sent and lost: what examples look at.
type Brief = (IncidentKind, i64, Option<i64>, Option<IncidentEnding>, u64, u64);

fn brief(incidents: &[Incident]) -> Vec<Brief> {
    let second = |time: UnixMillis| (time.0 - START_MS) / 1_000;
    let brief =
        |it: &Incident| (it.kind, second(it.start), it.end.map(second), it.ended_by, it.packets_sent, it.packets_lost);
    incidents.iter().map(brief).collect()
}

/// Committed fields.
pub(crate) struct State(BTreeMap<String, Vec<u8>>);

impl State {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The store that the fields stand for, from one without anything, and the slots that it has given out.
    pub(crate) fn reload(&self, store: Store) -> (Store, BTreeSet<u32>) {
        let mut restored = Restored::default();
        restored.take(&self.0.clone().into_iter().collect::<Vec<_>>()).expect("sound fields");
        let (store, _) = restored.finish(store).expect("sound state");
        let known = store.antennas().iter().map(|(slot, _)| slot).collect();
        (store, known)
    }
}

/// Commits what changed in a store; the names of the fields that were written.
pub(crate) fn commit(store: &mut Store, state: &mut State) -> Vec<String> {
    let mut meta = Meta::new(store.pane_ms());
    let clock = store.clock();
    meta.newest_ms = clock.has_started().then_some(clock.newest_ms);
    meta.watermark_ms = clock.has_started().then_some(clock.watermark_ms);
    let changes = store.take_changes();
    let (written, dropped) = encode_changes(store, &changes, &meta).expect("tables");
    let names = written.iter().map(|(name, _)| name.clone()).collect();
    state.0.extend(written);
    state.0.retain(|name, _| !dropped.contains(name));
    names
}

/// Readings in stretches of one quality: what makes incidents begin, go on and end.
pub(crate) fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let quality = prop_oneof![
        4 => Just(WELL), 2 => Just(LOSSY), 2 => Just(DOWN), 1 => Just(SLOW), 1 => Just(IDLE), 1 => Just((100, 5, Some(250.0)))
    ];
    let pause_ms = prop_oneof![8 => 0..6_000_i64, 1 => 14_000..16_000_i64, 1 => 30_000..400_000_i64];
    let lag_ms = prop_oneof![6 => 0..2_000_i64, 1 => 0..100_000_i64, 1 => -30_000..0_i64];
    let antenna = prop_oneof![4 => 0..2_u32, 1 => 2..4_u32];
    let stretch = (quality, prop::collection::vec((antenna, pause_ms, lag_ms), 1..25));
    prop::collection::vec(stretch, 1..12).prop_map(|stretches| {
        let mut arrival_ms = START_MS;
        let mut arrivals = Vec::new();
        for ((packets, loss, latency_ms), rows) in stretches {
            for (antenna, pause_ms, lag_ms) in rows {
                arrival_ms += pause_ms;
                let event_ms = arrival_ms - lag_ms;
                arrivals.push(Arrival { arrival_ms, event_ms, antenna, packets, loss, latency_ms, seq: None });
            }
        }
        arrivals
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However batches are cut, and whatever is lost after a commit and read again.
    #[test]
    fn incidents_are_what_the_reference_derives(
        arrivals in arrivals(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0..3_usize), 0..6),
        (later_ms, window_s, which) in (0..100_000_i64, 1..300_i64, 0..4_u8),
    ) {
        let mut cuts: Vec<(usize, bool, usize)> =
            cuts.into_iter().map(|(cut, is_crash, more)| (cut.index(arrivals.len() + 1), is_crash, more)).collect();
        cuts.sort_unstable();
        let (mut store, mut known, mut fields) = (store(), BTreeSet::new(), State::new());
        let mut fed = 0;
        for (cut, is_crash, more) in cuts {
            let cut = cut.max(fed);
            feed(&mut store, &mut known, &arrivals[fed..cut]);
            fed = cut;
            commit(&mut store, &mut fields);
            if is_crash {
                // What was counted after the commit is lost.
                feed(&mut store, &mut known, &arrivals[cut..arrivals.len().min(cut + more)]);
                (store, known) = fields.reload(self::store());
            }
        }
        feed(&mut store, &mut known, &arrivals[fed..]);

        // Analytics tells durations in full seconds.
        let now_ms = (arrivals.last().expect("an arrival").arrival_ms + later_ms) / 1_000 * 1_000;
        let (now, all) = (UnixMillis(now_ms), IncidentsRequest { limit: Count::MOST, ..IncidentsRequest::default() });
        let reference = oracle::counted(PANE_MS, RETENTION_MS, &arrivals);
        let found = alike(&store.snapshot(1, None), &reference, now, &all)?.expect("a page");
        let open: Vec<IncidentKind> = found.incidents.iter().filter(|it| it.end.is_none()).map(|it| it.kind).collect();
        prop_assert_eq!((found.total, found.open), (found.incidents.len() as u64, open.len() as u64));
        let by_kind = IncidentKind::ALL.map(|kind| open.iter().filter(|open| **open == kind).count() as u64);
        prop_assert_eq!(open_incidents(&Whole::from(Arc::new(store.snapshot(1, None))), now_ms, &Thresholds::default()), by_kind);
        // Silence may have ended some that no reading has shown to be over yet.
        prop_assert!(store.incidents().ended() <= found.total - found.open);
        prop_assert_eq!(reference.incidents_ended(), store.incidents().ended());
        let window = OptionalWindow { length: Span::from_ms(window_s * 1_000), end: End::Latest };
        let request = match which {
            0 => IncidentsRequest { window: Some(window), ..all.clone() },
            1 => IncidentsRequest { kind: Some(IncidentKind::Silent), state: Some(IncidentState::Ended), ..all.clone() },
            2 => IncidentsRequest { antenna: Some(name(1)), state: Some(IncidentState::Open), ..all.clone() },
            _ => IncidentsRequest { q: Some("A-0".to_owned()), limit: Count::default(), offset: 1, ..all.clone() },
        };
        alike(&store.snapshot(1, None), &reference, now, &request)?;
        commit(&mut store, &mut fields);
        alike(&fields.reload(self::store()).0.snapshot(1, None), &reference, now, &all)?;
    }
}

use IncidentEnding::{Forgotten, Recovered};
use IncidentKind::{Degraded, Down, Silent};

#[test]
fn an_antenna_that_flaps_has_one_incident() {
    let course = [WELL, LOSSY, WELL, LOSSY, WELL, LOSSY, WELL, WELL, WELL, LOSSY, WELL];
    // A reading each 10 s, three an interval.
    let arrivals: Vec<Arrival> = (0..33).map(|index| at(index * 10, course[index as usize / 3])).collect();
    let found = incidents(&fed(&arrivals), 330);
    let lasts = (Degraded, 270, None, None, 300, 90);
    // Three bad intervals and the two well ones between them; the two that end it are not part of it.
    let flapped = (Degraded, 30, Some(180), Some(Recovered), 1_500, 276);
    assert_eq!(brief(&found), [lasts, flapped]);
    assert_eq!((found[1].duration_seconds, found[1].worst_success_rate), (150.0, Some(0.7)));
    assert_eq!(found[0].duration_seconds, 60.0);
}

#[test]
fn an_incident_is_the_worst_that_it_came_to() {
    let arrivals = [
        at(0, SLOW),
        at(40, (10, 0, Some(300.0))),
        at(60, DOWN),
        at(90, LOSSY),
        at(120, WELL),
        at(150, IDLE),
        at(180, WELL),
    ];
    let found = incidents(&fed(&arrivals), 180);
    assert_eq!(brief(&found)[0], (Down, 0, Some(120), Some(Recovered), 310, 130));
    assert_eq!((found[0].worst_success_rate, found[0].worst_latency_ms), (Some(0.0), Some(400.0)));
}

#[test]
fn a_reading_of_an_interval_that_was_judged_changes_no_incident() {
    let course = [at(0, DOWN), at(31, WELL), at(61, WELL), at(91, WELL)];
    let mut late = course.to_vec();
    // One that would have made the first interval well, one that would have made the second bad.
    late.insert(2, of(0, 32, 5, (1_000_000, 0, Some(1.0))));
    late.insert(4, of(0, 62, 59, DOWN));
    let expected = [(Down, 0, Some(31), Some(Recovered), 100, 100)];
    for arrivals in [course.to_vec(), late] {
        let found = brief(&incidents(&fed(&arrivals), 92));
        assert_eq!(found.iter().filter(|it| it.0 != Silent).copied().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn an_antenna_that_comes_back_was_silent_and_one_that_does_not_is() {
    // It reports each 4 s, so 15 s are more than three of its intervals, and 12 s are too few.
    let mut arrivals: Vec<Arrival> = (0..5).map(|index| at(index * 4, WELL)).collect();
    arrivals.extend([at(28, WELL), at(43, WELL)]);
    let store = fed(&arrivals);
    let was = (Silent, 28, Some(43), Some(Recovered), 0, 0);
    assert_eq!(brief(&incidents(&store, 57)), [was]);
    // The gaps have raised its usual interval to 6.25 s.
    assert_eq!(brief(&incidents(&store, 61)), [was]);
    assert_eq!(brief(&incidents(&store, 62)), [(Silent, 43, None, None, 0, 0), was]);
}

#[test]
fn an_antenna_that_is_forgotten_ends_its_incidents_and_begins_anew() {
    let mut store = store();
    let mut known = BTreeSet::new();
    let mut arrivals: Vec<Arrival> = [0, 30, 60].map(|second| at(second, DOWN)).to_vec();
    arrivals.push(at(62, WELL));
    feed(&mut store, &mut known, &arrivals);
    let retained_s = 62 + RETENTION_MS / 1_000;
    feed(&mut store, &mut known, &[of(1, retained_s - 5, retained_s - 5, WELL)]);
    // Its last interval is judged as soon as it is missed.
    let lasts = [(Silent, 62, None, None, 0, 0), (Down, 0, None, None, 400, 301)];
    assert_eq!(brief(&incidents(&store, 400)), lasts);
    feed(&mut store, &mut known, &[of(1, retained_s, retained_s, WELL)]);
    let forgotten =
        [(Silent, 62, Some(retained_s), Some(Forgotten), 0, 0), (Down, 0, Some(62), Some(Forgotten), 400, 301)];
    assert_eq!(brief(&incidents(&store, 370)), forgotten);
    // It comes back after an hour, with a lower `seq`, and nothing is known against it.
    let back = Arrival { seq: Some(0), ..of(0, 3_600, 3_600, WELL) };
    assert_eq!(feed(&mut store, &mut known, &[back]).counted, 1);
    let of_it = IncidentsRequest { antenna: Some(name(0)), ..IncidentsRequest::default() };
    assert_eq!(brief(&page(&store, &of_it, START_MS + 3_600_000).incidents), forgotten);
}

#[test]
fn an_antenna_that_lost_everything_and_vanished_was_down() {
    let (mut store, mut known, mut fields) = (store(), BTreeSet::new(), State::new());
    let arrivals: Vec<Arrival> = (0..14).map(|second| at(second, DOWN)).collect();
    feed(&mut store, &mut known, &arrivals);
    assert_eq!(brief(&incidents(&store, 27)), []);
    let vanished = [(Silent, 13, None, None, 0, 0), (Down, 0, None, None, 1_400, 1_400)];
    assert_eq!(brief(&incidents(&store, 28)), vanished);
    // It comes back within the interval that silence has closed, which is not judged twice, and what comes now is.
    feed(&mut store, &mut known, &[at(28, DOWN), of(0, 28, -31, WELL), at(29, WELL)]);
    let was = (Silent, 13, Some(28), Some(Recovered), 0, 0);
    assert_eq!(brief(&incidents(&store, 30)), [was, (Down, 0, None, None, 1_400, 1_400)]);
    commit(&mut store, &mut fields);
    let (mut store, mut known) = fields.reload(self::store());
    feed(&mut store, &mut known, &[at(31, WELL)]);
    assert_eq!(brief(&incidents(&store, 31)), [was, (Down, 0, None, None, 1_600, 1_501)]);
    // A second well interval, closed by silence, ends it before a reading shows that.
    feed(&mut store, &mut known, &[at(60, WELL)]);
    let second = (Silent, 31, Some(60), Some(Recovered), 0, 0);
    let lasts = (Down, 0, None, None, 1_600, 1_501);
    assert_eq!(brief(&incidents(&store, 61)), [second, was, lasts]);
    let (third, over) = ((Silent, 60, None, None, 0, 0), (Down, 0, Some(31), Some(Recovered), 1_600, 1_501));
    assert_eq!(brief(&incidents(&store, 160)), [third, second, was, over]);
}

/// The oldest go in whole chunks, from the state too, and what is counted goes on.
#[test]
fn ten_thousand_incidents_are_kept() {
    let (mut store, mut known, mut fields) = (store(), BTreeSet::new(), State::new());
    let round = |second| (0..5_200).map(|antenna| of(antenna, second, second, WELL)).collect::<Vec<_>>();
    for second in [0, 1, 21] {
        feed(&mut store, &mut known, &round(second));
    }
    let written = commit(&mut store, &mut fields);
    assert_eq!(written.iter().filter(|name| name.starts_with("incidents:")).count(), 5_200_usize.div_ceil(256));
    assert!(fields.0.contains_key("incidents:0"));
    feed(&mut store, &mut known, &round(41));
    let written = commit(&mut store, &mut fields);
    let written: BTreeSet<&str> = written.iter().filter_map(|name| name.strip_prefix("incidents:")).collect();
    assert_eq!(
        written,
        (20..41).map(|chunk| chunk.to_string()).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
    for store in [&store, &fields.reload(self::store()).0] {
        assert_eq!(store.incidents().ended(), 10_400);
        assert_eq!(store.incidents().iter().count(), 10_400 - 2 * 256);
        assert_eq!(store.incidents().iter().next().map(|it| &*it.antenna), Some(&*name(512)));
    }
    assert!(!fields.0.contains_key("incidents:0") && !fields.0.contains_key("incidents:1"));
    feed(&mut store, &mut known, &[of(0, 42, 42, WELL)]);
    let written = commit(&mut store, &mut fields);
    assert!(written.iter().all(|name| !name.starts_with("incidents:")), "nothing has ended: {written:?}");
}

/// Analytics on a log in memory with a clock that stands at [`NOW`], answering on a port of its own.
struct Answering {
    log: MemoryLog,
    embedded: Embedded,
    base: String,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl Answering {
    async fn start() -> Self {
        let log = MemoryLog::default();
        let settings = PipelineSettings::default();
        let embedded = Embedded::start(&log, &settings, "owner");
        embedded.begin().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let shutdown = CancellationToken::new();
        let workers = Workers::start(1).expect("a thread");
        let published = embedded.published.clone();
        let api = Api::new(published, workers, Thresholds::default(), Clock::of(|| NOW), shutdown.clone());
        let server = tokio::spawn(async move { serve(listener, api, &HttpSettings::default()).await });
        Self { log, embedded, base, shutdown, server }
    }

    /// Publishes a reading some seconds before now.
    fn publish(&self, antenna: &str, seconds_ago: i64, (packets, loss, latency_ms): Measured) {
        let time_ms = NOW.0 - seconds_ago * 1_000;
        publish(&self.log, UnixMillis(time_ms), &reading(antenna, time_ms, packets, loss, latency_ms));
    }

    async fn ask(&self, query: &str, held: &str) -> (u16, String, String) {
        let request = reqwest::Client::new().get(format!("{}{}{query}", self.base, path::INCIDENTS));
        let answer = request.header("if-none-match", held).send().await.expect("an answer");
        let etag = answer.headers().get("etag").map(|etag| etag.to_str().expect("text").to_owned());
        (answer.status().as_u16(), etag.unwrap_or_default(), answer.text().await.expect("a body"))
    }

    async fn page(&self, query: &str) -> IncidentPage {
        let (status, _, body) = self.ask(query, "").await;
        assert_eq!(status, 200, "{query}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{query}: {error}: {body}"))
    }

    /// The antennas of a page, with the first letter of the kind.
    async fn found(&self, query: &str) -> Vec<String> {
        let of = |it: &Incident| format!("{} {}", it.antenna_id, &it.kind.as_str()[..2]);
        self.page(query).await.incidents.iter().map(of).collect()
    }

    async fn stop(self) {
        self.embedded.stop().await;
        self.shutdown.cancel();
        self.server.await.expect("no panic");
    }
}

/// Four antennas: `Slow` has been slow for 20 minutes, `dead,1` was down and has fallen silent, `gone` was silent for a
/// while, `well` has no incident.
async fn answering() -> Answering {
    let analytics = Answering::start().await;
    for seconds_ago in (0..=1_200).rev().step_by(10) {
        analytics.publish("Slow", seconds_ago, SLOW);
        analytics.publish("well", seconds_ago, WELL);
        if seconds_ago >= 600 {
            analytics.publish("dead,1", seconds_ago, if seconds_ago > 900 { DOWN } else { WELL });
        }
        if !(300..420).contains(&seconds_ago) {
            analytics.publish("gone", seconds_ago, WELL);
        }
    }
    analytics.embedded.settle(121 + 121 + 61 + 109).await;
    analytics
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_filtered_and_paged_newest_first() {
    let analytics = answering().await;
    let all = ["gone si", "dead,1 si", "Slow de", "dead,1 do"];
    // `Slow` and `dead,1` began at the same time; the ids decide.
    for (query, expected) in [
        ("", &all[..]),
        ("?window=1h", &all[..]),
        ("?window=4m", &["dead,1 si", "Slow de"]),
        ("?window=5m", &["gone si", "dead,1 si", "Slow de"]),
        ("?window=5m&end=1699999300", &["Slow de", "dead,1 do"]),
        ("?window=30s&end=1699998805", &["Slow de", "dead,1 do"]),
        ("?window=30s&end=1699998800", &[]),
        ("?kind=silent", &["gone si", "dead,1 si"]),
        ("?kind=down", &["dead,1 do"]),
        ("?kind=degraded", &["Slow de"]),
        ("?state=open", &["dead,1 si", "Slow de"]),
        ("?state=ended", &["gone si", "dead,1 do"]),
        ("?state=open&kind=silent", &["dead,1 si"]),
        ("?antenna=dead,1", &["dead,1 si", "dead,1 do"]),
        ("?antenna=dead", &[]),
        ("?antenna=nobody", &[]),
        ("?q=SLO", &["Slow de"]),
        ("?q=E", &["gone si", "dead,1 si", "dead,1 do"]),
        ("?limit=2&offset=1", &["dead,1 si", "Slow de"]),
        ("?offset=4", &[]),
    ] {
        assert_eq!(analytics.found(query).await, expected, "{query}");
    }
    let page = analytics.page("?limit=1").await;
    assert_eq!((page.total, page.open, page.as_of), (4, 2, Some(NOW)));
    let newest = &page.incidents[0];
    assert_eq!((newest.start.0, newest.duration_seconds), (NOW.0 - 420_000, 130.0));
    let open = &analytics.page("?state=open").await.incidents[0];
    assert_eq!((open.start.0, open.end, open.duration_seconds), (NOW.0 - 600_000, None, 600.0));
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_answer_csv_and_keep_their_etag() {
    let analytics = answering().await;
    let (status, etag, body) = analytics.ask("?format=csv&antenna=dead,1", "").await;
    assert_eq!(status, 200);
    let mut reader = csv::Reader::from_reader(body.as_bytes());
    let head = "antenna_id,kind,start,end,ended_by,duration_seconds,packets_sent,packets_lost,worst_success_rate,\
                worst_latency_ms,caused_by,held,acknowledged";
    assert_eq!(reader.headers().expect("a head"), &head.split(',').collect::<csv::StringRecord>());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
    let start = UnixMillis(NOW.0 - 600_000).to_string();
    assert_eq!(
        rows[0],
        csv::StringRecord::from(vec!["dead,1", "silent", &start, "", "", "600", "0", "0", "", "", "", "", ""])
    );
    assert_eq!((rows.len(), &rows[1][1], &rows[1][4], &rows[1][8], &rows[1][9]), (2, "down", "recovered", "0", "20"));
    assert_eq!(analytics.ask("?format=csv&antenna=dead,1", &etag).await, (304, etag, String::new()));

    let (_, etag, _) = analytics.ask("", "").await;
    assert_eq!(analytics.ask("", &etag).await.0, 304, "within a second an answer does not change");
    analytics.publish("dead,1", 0, WELL);
    analytics.embedded.settle(121 + 121 + 61 + 109 + 1).await;
    let (status, changed, _) = analytics.ask("", &etag).await;
    assert_eq!((status, changed == etag), (200, false));
    assert_eq!(analytics.found("?state=open").await, ["Slow de"]);
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_of_incidents_are_400_and_named() {
    let analytics = Answering::start().await;
    assert_eq!(
        analytics.page("").await,
        IncidentPage {
            total: 0,
            open: 0,
            incidents: Vec::new(),
            as_of: None,
            gaps: Vec::new(),
            partitions_missing: Vec::new()
        }
    );
    for (query, named) in [
        ("?window=soon", "window"),
        ("?window=2h", "window"),
        ("?window=5m&end=yesterday", "end"),
        ("?end=now", "end"),
        ("?kind=healthy", "kind"),
        ("?state=closed", "state"),
        ("?limit=0", "limit"),
        ("?limit=10001", "limit"),
        ("?offset=-1", "offset"),
        ("?format=xml", "format"),
        ("?sort=start", "sort"),
    ] {
        let (status, _, body) = analytics.ask(query, "").await;
        assert_eq!(status, 400, "{query}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert_eq!(error.code, "bad_parameter");
        assert!(error.message.contains(named), "{query}: {}", error.message);
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_incidents_by_kind_and_those_that_have_ended() {
    let analytics = answering().await;
    let request = reqwest::Client::new().get(format!("{}{}", analytics.base, path::METRICS));
    let exposition = request.header("accept", "text/plain").send().await.expect("an answer");
    let exposition = exposition.text().await.expect("text");
    for line in [
        "vigia_incidents_open{kind=\"down\"} 0",
        "vigia_incidents_open{kind=\"degraded\"} 1",
        "vigia_incidents_open{kind=\"silent\"} 1",
        "vigia_incidents_ended_total 2",
    ] {
        assert!(exposition.lines().any(|it| it == line), "{line} is missing from {exposition}");
    }
    analytics.stop().await;
}
