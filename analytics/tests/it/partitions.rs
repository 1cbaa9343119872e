//! Readings spread over partitions: whatever is asked, the answer is that of one stream.

use std::collections::{BTreeSet, VecDeque};
use std::process::Command;
use std::sync::{Arc, Mutex};

use analytics::answer::cells::CellsExport;
use analytics::answer::{Question, Tables, View, Window};
use analytics::settings::Thresholds;
use analytics::state::head::{Mirror, decode_tables, encode_head, encode_tables, join_fields, split_fields};
use analytics::store::away::{Source, Wanted};
use analytics::store::whole::Numbering;
use analytics::store::{Snapshot, Store, Whole};
use polars::prelude::{DataFrame, PolarsResult};
use proptest::prelude::*;
use serde_json::Value;
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennasRequest, Badness, CellsRequest, End, Format, HeatmapRequest, IncidentsRequest,
    OptionalWindow, ReadingsRequest, SeriesRequest, Sort, SummaryRequest, WindowRequest, WorstRequest, path,
};
use shared::keys::partition_of;
use shared::testing::{DEADLINE, Program, RedisServer, built};
use shared::time::Span;

use crate::programs::{redis, valid};
use crate::support::{Analytics, Arrival, ask_whole, feed, fill, name, window};
use crate::windows::{PANE_MS, START_MS};

pub(crate) const RETENTION_MS: i64 = 3_600_000;

/// Readings that arrive within the grace in which panes close: whether one is late depends on the readings of others, and partitions
/// do not wait for each other.
pub(crate) fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let seq = prop_oneof![Just(None), (0..400_u64).prop_map(Some)];
    let latency = prop_oneof![Just(None), (0.1..900.0_f64).prop_map(Some)];
    let one = (0..9_000_i64, 0..1_500_i64, 0..12_u32, 0..200_u32, 0..=4_u32, latency, seq);
    prop::collection::vec(one, 1..250).prop_map(|rows| {
        let mut arrival_ms = START_MS;
        let arrival = |(pause, age, antenna, packets, quarters, latency_ms, seq)| {
            arrival_ms += pause;
            let loss = packets * quarters / 4;
            Arrival { arrival_ms, event_ms: arrival_ms - age, antenna, packets, loss, latency_ms, seq }
        };
        rows.into_iter().map(arrival).collect()
    })
}

/// A partition's store, which gives slots in the order in which it meets antennas.
struct Partition {
    store: Store,
    known: BTreeSet<u32>,
    slots: Vec<u32>,
    /// What another process knows of it, where another process owns it.
    mirror: Option<(Arc<Owner>, Mirror)>,
}

/// The process that owns a partition: it keeps the last snapshots that it told of.
#[derive(Debug, Default)]
struct Owner {
    told: Mutex<VecDeque<Arc<Snapshot>>>,
}

/// So many snapshots are kept.
const TOLD: usize = 2;

impl Source for Owner {
    fn tables(&self, wanted: &Wanted) -> PolarsResult<Vec<DataFrame>> {
        let told = self.told.lock().expect("no panic").iter().cloned().collect::<Vec<_>>();
        let (newest, before) = told.split_last().expect("it told of a snapshot");
        let tables = newest.tell(before, wanted, &Thresholds::default())?;
        decode_tables(&split_fields(&join_fields(&encode_tables(tables)?)).expect("whole fields"))
    }
}

impl Partition {
    fn new(is_away: bool) -> Self {
        let store = Store::new(PANE_MS, RETENTION_MS, Thresholds::default());
        let owner = Arc::<Owner>::default();
        let source: Arc<dyn Source> = Arc::clone(&owner) as _;
        let mirror = is_away.then(|| (owner, Mirror::new(source)));
        Self { store, known: BTreeSet::new(), slots: Vec::new(), mirror }
    }

    /// As the process that answers knows it: as it is, or as its owner tells.
    fn snapshot(&mut self, version: u64) -> Arc<Snapshot> {
        let now = Arc::new(self.store.snapshot(version, None));
        let Some((owner, mirror)) = &mut self.mirror else { return now };
        let mut told = owner.told.lock().expect("no panic");
        let before = mirror.version().and_then(|version| told.iter().find(|it| it.version == version).cloned());
        told.push_back(Arc::clone(&now));
        if told.len() > TOLD {
            told.pop_front();
        }
        let fields = join_fields(&encode_head(&now, before.as_deref()).expect("tables"));
        Arc::new(mirror.take(&split_fields(&fields).expect("whole fields")).expect("a head that fits"))
    }

    fn feed(&mut self, arrivals: &[Arrival], names: &[String]) {
        use analytics::ingest::decode::Batch;
        use analytics::readings::{Row, Rows};
        let mut batch = Batch::default();
        let rows = arrivals.iter().map(|arrival| {
            let slot = self.slots.iter().position(|known| *known == arrival.antenna).unwrap_or_else(|| {
                self.slots.push(arrival.antenna);
                self.slots.len() - 1
            });
            let antenna = u32::try_from(slot).expect("few antennas");
            if self.known.insert(antenna) {
                batch.new_antennas.push((antenna, Arc::from(&*names[arrival.antenna as usize])));
            }
            Row {
                arrival_ms: arrival.arrival_ms,
                event_ms: arrival.event_ms,
                antenna,
                packets_sent: arrival.packets,
                packets_lost: arrival.loss,
                latency_ms: arrival.latency_ms,
                seq: arrival.seq,
            }
        });
        batch.readings = rows.collect::<Rows>().finish().expect("columns of one length");
        self.store.count(&batch).expect("columns");
        self.store.build_tiles().expect("columns");
    }
}

fn names() -> Vec<String> {
    (0..12).map(name).collect()
}

/// The partitions, with the stream of the plain name first, after the arrivals came in batches of a size, and a whole of them after
/// each batch, as slots are given out one after the other. Every so many partitions are with another process.
fn spread(
    arrivals: &[Arrival],
    partitions: u16,
    size: usize,
    away: Option<u16>,
    partition: impl Fn(usize, &Arrival) -> usize,
) -> Whole {
    let is_away = |number: u16| away.is_some_and(|every| number.is_multiple_of(every));
    let mut stores: Vec<Partition> = (0..=partitions).map(|number| Partition::new(is_away(number))).collect();
    let (names, mut numbering) = (names(), Numbering::default());
    let mut at = 0;
    let mut whole = None;
    for (version, batch) in (1..).zip(arrivals.chunks(size)) {
        let mut parts = vec![Vec::new(); stores.len()];
        for arrival in batch {
            parts[partition(at, arrival)].push(arrival.clone());
            at += 1;
        }
        for (store, part) in stores.iter_mut().zip(&parts).filter(|(_, part)| !part.is_empty()) {
            store.feed(part, &names);
        }
        // Who answers does not look at each batch.
        if version % 3 == 2 && at < arrivals.len() {
            continue;
        }
        let snapshots = stores.iter_mut().map(|partition| partition.snapshot(version));
        let joined = Whole::join(snapshots.collect(), numbering);
        numbering = joined.numbering();
        // What comes over for this question is there for the next one, as far as it is as it was.
        if away.is_some() {
            let now = UnixMillis(batch[batch.len() - 1].arrival_ms);
            let window = window(RETENTION_MS, End::Latest);
            ask_whole(&joined, None, now, &HeatmapRequest { window, ..HeatmapRequest::default() }).expect("an answer");
        }
        whole = Some(joined);
    }
    whole.expect("arrivals")
}

/// The answers to many questions about a window, as JSON.
fn answers(whole: &Whole, now: UnixMillis, window: WindowRequest, step_ms: i64) -> Vec<Value> {
    fn told<Q: Question>(whole: &Whole, now: UnixMillis, question: &Q) -> Value {
        serde_json::to_value(ask_whole(whole, None, now, question)).expect("JSON")
    }
    let step = Some(Span::from_ms(step_ms));
    let within = window.length.map(|length| OptionalWindow { length, end: window.end });
    let mut all = vec![
        told(whole, now, &SummaryRequest { window }),
        told(whole, now, &AntennasRequest { window, sort: Sort::P95, step, ..AntennasRequest::default() }),
        told(whole, now, &AntennasRequest { window, sort: Sort::LastSeen, ..AntennasRequest::default() }),
        told(whole, now, &WorstRequest { window, by: Badness::Failures, ..WorstRequest::default() }),
        told(whole, now, &WorstRequest { window, by: Badness::Availability, ..WorstRequest::default() }),
        told(whole, now, &SeriesRequest { window, step, ..SeriesRequest::default() }),
        told(whole, now, &HeatmapRequest { window, step, ..HeatmapRequest::default() }),
        told(whole, now, &IncidentsRequest { window: within, ..IncidentsRequest::default() }),
        cells(whole, now, window, step),
    ];
    for antenna in names().into_iter().step_by(5) {
        all.push(told(whole, now, &AntennaRequest { id: antenna.clone(), window }));
        let of_antenna = Some(antenna.clone());
        all.push(told(whole, now, &SeriesRequest { window, step, antenna: of_antenna, ..SeriesRequest::default() }));
        all.push(told(whole, now, &ReadingsRequest { antenna, ..ReadingsRequest::default() }));
    }
    all
}

/// A moment after some arrivals, a window that ends about then or before, and steps of which the window has not too many.
fn question(arrivals: &[Arrival], length_ms: i64, step_ms: i64, is_past: bool) -> (UnixMillis, WindowRequest, i64) {
    let now = UnixMillis(arrivals.last().expect("arrivals").arrival_ms + 7_300);
    let window = window(length_ms, if is_past { End::At(UnixMillis(now.0 - 30_000)) } else { End::Latest });
    (now, window, step_ms.max(length_ms / 100))
}

fn cells(whole: &Whole, now: UnixMillis, window: WindowRequest, step: Option<Span>) -> Value {
    let request = CellsRequest { window, step, ..CellsRequest::default() };
    let tables = Tables::default();
    let window = Window::of(whole, window, now).expect("it is retained");
    let view = View::new(whole, window, now, Thresholds::default(), &tables);
    let mut export = CellsExport::begin(&request, Format::Json, &view).expect("few cells");
    let mut bytes = Vec::new();
    while let Some(step) = export.step(&view).expect("columns") {
        bytes.extend(step);
    }
    serde_json::from_slice(&bytes).expect("JSON")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5))]

    /// However many partitions there are, and however batches are cut.
    #[test]
    fn answers_do_not_depend_on_the_number_of_partitions(
        arrivals in arrivals(),
        size in 1..120_usize,
        length_ms in 5_000..RETENTION_MS,
        step_ms in prop_oneof![Just(60_000_i64), 20_000..600_000_i64],
        is_past in any::<bool>(),
    ) {
        let (now, window, step_ms) = question(&arrivals, length_ms, step_ms, is_past);
        let mut one = Store::new(PANE_MS, RETENTION_MS, Thresholds::default());
        let mut known = BTreeSet::new();
        for batch in arrivals.chunks(size) {
            feed(&mut one, &mut known, batch);
        }
        let expected = answers(&Whole::from(Arc::new(one.snapshot(1, None))), now, window, step_ms);
        for partitions in [1, 4, 16, 32] {
            let whole = spread(&arrivals, partitions, size, None, |_, arrival| {
                1 + usize::from(partition_of(&name(arrival.antenna), partitions))
            });
            let found = answers(&whole, now, window, step_ms);
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert_eq!(found, expected, "with {} partitions", partitions);
            }
        }
    }

    /// Whoever owns the partitions: the process that answers, others, or some this and some that.
    #[test]
    fn answers_do_not_depend_on_who_owns_the_partitions(
        arrivals in arrivals(),
        size in 1..120_usize,
        length_ms in 5_000..RETENTION_MS,
        step_ms in prop_oneof![Just(60_000_i64), 20_000..600_000_i64],
        is_past in any::<bool>(),
    ) {
        let (now, window, step_ms) = question(&arrivals, length_ms, step_ms, is_past);
        for partitions in [1, 4] {
            let of = |away| spread(&arrivals, partitions, size, away, |_, arrival| {
                1 + usize::from(partition_of(&name(arrival.antenna), partitions))
            });
            let expected = answers(&of(None), now, window, step_ms);
            for every in [1, 2, 3] {
                let found = answers(&of(Some(every)), now, window, step_ms);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(found, expected, "{} partitions, 1 of {} away", partitions, every);
                }
            }
        }
    }

    /// Antennas that change their stream at some moment are one antenna each: what they measured adds up, and they are as their newest
    /// readings say.
    #[test]
    fn an_antenna_in_two_partitions_is_one(arrivals in arrivals(), at in any::<prop::sample::Index>(), size in 1..120_usize) {
        // A `seq` is remembered by the partition that counted it.
        let arrivals: Vec<Arrival> = arrivals.into_iter().map(|arrival| Arrival { seq: None, ..arrival }).collect();
        let now = UnixMillis(arrivals.last().expect("arrivals").arrival_ms + 7_300);
        let at = at.index(arrivals.len() + 1);
        let moved = spread(&arrivals, 4, size, None, |number, arrival| {
            if number < at { 0 } else { 1 + usize::from(partition_of(&name(arrival.antenna), 4)) }
        });
        let one = spread(&arrivals, 1, size, None, |_, _| 0);
        let window = window(RETENTION_MS, End::Latest);
        let summary = |whole| ask_whole(whole, None, now, &SummaryRequest { window }).expect("an answer");
        let (found, expected) = (summary(&moved), summary(&one));
        prop_assert_eq!(found.measures, expected.measures);
        prop_assert_eq!(found.antennas.active, expected.antennas.active);
        let rows = |whole| {
            let page = ask_whole(whole, None, now, &AntennasRequest { window, ..AntennasRequest::default() });
            let rows = page.expect("an answer").antennas.into_iter();
            rows.map(|row| (row.antenna_id, row.measures, row.last_seen)).collect::<Vec<_>>()
        };
        prop_assert_eq!(rows(&moved), rows(&one));
        for antenna in names() {
            let request = ReadingsRequest { antenna, ..ReadingsRequest::default() };
            let newest = |whole| ask_whole(whole, None, now, &request).map(|it| it.readings);
            prop_assert_eq!(newest(&moved), newest(&one));
        }
        let steps = SeriesRequest { window, ..SeriesRequest::default() };
        let points = |whole| ask_whole(whole, None, now, &steps).expect("an answer").points;
        let measured = |points: Vec<shared::api::Point>| points.into_iter().map(|it| (it.start, it.measures)).collect::<Vec<_>>();
        prop_assert_eq!(measured(points(&moved)), measured(points(&one)));
    }
}

/// Real programs: antennas that know of partitions and a producer that does not, a crash, and settings that do not fit.
#[test]
fn partitions_and_the_plain_stream_are_read_together() {
    const PLAIN: u64 = 5_000;
    let server = RedisServer::start(&[]);
    let settings = [("STREAM_PARTITIONS", "4")];
    let mut simulator = built("simulator");
    simulator.env("REDIS_URL", server.url()).envs(settings);
    simulator.args(["--antennas", "100", "--count", "20", "--interval", "50ms"]);
    let ended = Program::run(&mut simulator);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    fill(server.port(), "antenna_stream", (0..PLAIN).map(valid));
    let mut analytics = Analytics::start(&server.url(), &settings);
    analytics.settle(PLAIN + 2_000);
    // A process that crashes has read each of them as far as it had committed.
    let owners = |pipeline: &Value| {
        let owners = pipeline["partitions"].as_array().expect("a list").iter().map(|it| it["owner"].to_string());
        owners.collect::<BTreeSet<_>>()
    };
    let before = analytics.wait(path::PIPELINE, |it| it["phase"] == "running");
    assert_eq!(owners(&before).len(), 1, "{before}");
    analytics.kill();
    let mut analytics = Analytics::start(&server.url(), &settings);
    let totals = analytics.settle(PLAIN + 2_000);
    assert_eq!((&totals["counted"], &totals["imbalance"]), (&(PLAIN + 2_000).into(), &0.into()), "{totals}");
    let is_taken = |it: &Value| it["phase"] == "running" && owners(it).len() == 1 && owners(it) != owners(&before);
    let pipeline = analytics.wait(path::PIPELINE, is_taken);
    let partitions = pipeline["partitions"].as_array().expect("a list");
    let streams: Vec<&str> = partitions.iter().filter_map(|it| it["stream"].as_str()).collect();
    assert_eq!(streams[0], "antenna_stream");
    assert_eq!(streams[1..], ["antenna_stream:0", "antenna_stream:1", "antenna_stream:2", "antenna_stream:3"]);
    // The antennas are spread, each by its id.
    let mut connection = redis(&server);
    let lengths: Vec<u64> = streams[1..]
        .iter()
        .map(|stream| redis::cmd("XLEN").arg(*stream).query(&mut connection).expect("a length"))
        .collect();
    let antennas =
        |number| (0..100).filter(|antenna| partition_of(&format!("antenna-{antenna:04}"), 4) == number).count();
    assert_eq!(lengths, (0..4).map(|number| 20 * antennas(number) as u64).collect::<Vec<_>>());
    let (code, took) = analytics.terminate();
    assert!(code == Some(0) && took < DEADLINE, "{code:?} after {took:?}");

    // What the state was written with counts.
    for other in ["1", "8"] {
        let mut command: Command = built("analytics");
        let ended = Program::run(command.envs([
            ("STREAM_PARTITIONS", other),
            ("BIND", "127.0.0.1:0"),
            ("REDIS_URL", &server.url()),
        ]));
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        let why = format!("STREAM_PARTITIONS is {other}, but the committed state was written with 4");
        assert!(ended.log.contains(&why), "{}", ended.log);
    }
}
