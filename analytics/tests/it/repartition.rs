//! The state spread over another number of partitions: whatever is asked, the answer stays, wherever the tool is killed.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use analytics::archive::read::Archive;
use analytics::ingest::decode::RejectedEntry;
use analytics::ingest::log::{
    Commit, Epoch, Fence, Lease, Log, LogError, Member, MemoryLog, Present, StateField, StreamInfo,
};
use analytics::pipeline::{Pipeline, Steps};
use analytics::repartition::spread::{Place, place_of, read};
use analytics::repartition::{Order, Patience, Summary, run};
use analytics::settings::PipelineSettings;
use analytics::store::Whole;
use analytics::store::whole::Numbering;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::api::{
    AntennasRequest, Badness, Count, End, HeatmapRequest, IncidentsRequest, Ledger, OptionalWindow, SeriesRequest,
    SummaryRequest, WindowRequest, WorstRequest, path,
};
use shared::testing::{Ended, Program, RedisServer, built};
use shared::time::{Clock, Span};
use shared::{Reading, UnixMillis};
use tokio_util::sync::CancellationToken;

use crate::archive::{Chance, Files, HOUR_MS, drain, ledger, pipeline, settings};
use crate::partitions::{RETENTION_MS, arrivals};
use crate::programs::{redis, valid};
use crate::support::{Analytics, Arrival, NOW, ask_whole, fill, name, publish, reading, window};

/// The numbers of partitions that follow each other.
const NUMBERS: [u16; 5] = [1, 4, 32, 3, 1];

/// Writes that a process may still do before it is killed.
#[derive(Debug)]
struct Life {
    writes: AtomicI64,
    /// Whether the last one is done.
    is_last_done: bool,
}

/// A log of a process that is killed some day.
#[derive(Debug, Clone)]
struct Mortal {
    log: MemoryLog,
    life: Arc<Life>,
}

impl Mortal {
    fn killed<T>() -> Result<T, LogError> {
        Err(LogError::Unsupported("killed".to_owned()))
    }

    fn look(&self) -> Result<(), LogError> {
        if self.life.writes.load(Ordering::Relaxed) < 0 { Self::killed() } else { Ok(()) }
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T, LogError>>) -> Result<T, LogError> {
        match self.life.writes.fetch_sub(1, Ordering::Relaxed) {
            left if left > 0 => write.await,
            0 if self.life.is_last_done => write.await.and_then(|_| Self::killed()),
            _ => Self::killed(),
        }
    }
}

impl Log for Mortal {
    type Reader = <MemoryLog as Log>::Reader;

    async fn acquire(&self, owner: &str, nonce: u64, known: Epoch, lease_for: Duration) -> Result<Lease, LogError> {
        self.write(self.log.acquire(owner, nonce, known, lease_for)).await
    }

    async fn release(&self, fence: &Fence) -> Result<(), LogError> {
        self.look()?;
        self.log.release(fence).await
    }

    async fn state_names(&self) -> Result<Vec<String>, LogError> {
        self.look()?;
        self.log.state_names().await
    }

    async fn state(&self, names: &[String]) -> Result<Vec<StateField>, LogError> {
        self.look()?;
        self.log.state(names).await
    }

    async fn newest_rejected(&self, count: usize) -> Result<Vec<RejectedEntry>, LogError> {
        self.look()?;
        self.log.newest_rejected(count).await
    }

    async fn commit(&self, commit: &Commit, lease_for: Duration) -> Result<StreamInfo, LogError> {
        self.write(self.log.commit(commit, lease_for)).await
    }

    async fn renew(&self, fence: &Fence, lease_for: Duration) -> Result<StreamInfo, LogError> {
        self.look()?;
        self.log.renew(fence, lease_for).await
    }

    async fn alerts(&self) -> Result<Option<Vec<u8>>, LogError> {
        self.look()?;
        self.log.alerts().await
    }

    async fn commit_alerts(&self, fence: &Fence, alerts: &[u8]) -> Result<(), LogError> {
        self.write(self.log.commit_alerts(fence, alerts)).await
    }

    async fn has_group(&self) -> Result<bool, LogError> {
        self.look()?;
        self.log.has_group().await
    }

    fn beside(&self) -> Self {
        Self { log: self.log.beside(), life: Arc::clone(&self.life) }
    }

    async fn announce(&self, member: &Member, every: Duration) -> Result<Present, LogError> {
        self.look()?;
        self.log.announce(member, every).await
    }

    async fn leave(&self, name: &str) -> Result<(), LogError> {
        self.look()?;
        self.log.leave(name).await
    }

    async fn reader(&self, fence: &Fence) -> Result<Self::Reader, LogError> {
        self.look()?;
        self.log.reader(fence).await
    }
}

/// All streams that there may be, and the archive.
struct World {
    files: Files,
    settings: PipelineSettings,
    logs: BTreeMap<Place, MemoryLog>,
}

impl World {
    fn new(files: Files, settings: PipelineSettings) -> Self {
        let most = NUMBERS.into_iter().max().expect("numbers");
        Self { files, settings, logs: read(most).map(|place| (place, MemoryLog::default())).collect() }
    }

    fn publish(&self, partitions: u16, now: UnixMillis, reading: &Reading) {
        publish(&self.logs[&place_of(&reading.antenna_id, partitions)], now, reading);
    }

    fn pipelines(&self, partitions: u16) -> Vec<(Place, Pipeline<MemoryLog>)> {
        let of = |place| {
            let pipeline = pipeline(&self.logs[&place], self.settings.clone(), "analytics");
            (place, pipeline.with_partition(place, partitions))
        };
        read(partitions).map(of).collect()
    }

    /// Analytics with so many partitions reads and commits everything.
    fn drain(&self, partitions: u16, chance: &mut Chance) {
        for (place, pipeline) in self.pipelines(partitions) {
            drain(&self.files, &self.logs[&place], &[pipeline], chance);
            self.logs[&place].expire_lease();
        }
    }

    /// The whole network as analytics has it after a start, and the ledgers together, each of which has to add up.
    fn start(&self, partitions: u16) -> (Whole, Ledger) {
        let (mut snapshots, mut ledgers) = (Vec::new(), Vec::new());
        for (place, pipeline) in self.pipelines(partitions) {
            self.logs[&place].expire_lease();
            let mut steps = Steps::new(&pipeline);
            assert!(self.files.runtime.block_on(steps.take_over()).expect("state that can be read"));
            for _ in 0..2 {
                steps.prepare().expect("columns");
                self.files.runtime.block_on(steps.commit()).expect("a log");
            }
            let ledger = ledger(&pipeline);
            let Ledger { counted, imported, moved, in_memory, archived, expired, imbalance, lag, .. } = ledger.clone();
            assert_eq!((imbalance, lag), (Some(0), Some(0)), "{place} of {partitions}: {ledger:?}");
            let held = in_memory.expect("known") + archived + expired;
            assert_eq!(
                (counted + imported).checked_add_signed(moved),
                Some(held),
                "{place} of {partitions}: {ledger:?}"
            );
            ledgers.push(ledger);
            snapshots.push(pipeline.published.snapshot());
            self.logs[&place].expire_lease();
        }
        let totals: Ledger = ledgers.iter().sum();
        assert_eq!(totals.moved, 0);
        (Whole::join(snapshots, Numbering::default()), totals)
    }

    /// The tool, which is killed after so many writes, or by nobody.
    fn repartition(&self, from: u16, to: u16, writes: Option<i64>, is_last_done: bool) -> anyhow::Result<Summary> {
        self.logs.values().for_each(MemoryLog::expire_lease);
        let life = Arc::new(Life { writes: AtomicI64::new(writes.unwrap_or(i64::MAX)), is_last_done });
        let open = |partitions| {
            let mortal = |place| (place, Mortal { log: self.logs[&place].clone(), life: Arc::clone(&life) });
            let named = |(place, log): (Place, Mortal)| (format!("stream {place}"), log);
            Ok(read(partitions).map(mortal).map(named).collect())
        };
        let patience = Patience { lease: Duration::ZERO, broker: Duration::ZERO };
        let order = Order { from, to, dry_run: false, owner: "tool".to_owned(), patience };
        run(&self.files.runtime, open, &order, &Clock::of(|| NOW), &CancellationToken::new())
    }

    /// Whether analytics with so many partitions would start.
    fn check(&self, partitions: u16) -> Result<(), String> {
        let shutdown = CancellationToken::new();
        for (_, pipeline) in self.pipelines(partitions) {
            let checked = self.files.runtime.block_on(pipeline.check_partitions(&shutdown));
            checked.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// The answers to questions to a window, as JSON.
fn answers(
    whole: &Whole,
    archive: Option<&Archive>,
    now: UnixMillis,
    window: WindowRequest,
    step_ms: i64,
) -> Vec<Value> {
    let step = Some(Span::from_ms(step_ms));
    let limit = Count::new(50).expect("a limit");
    let within = window.length.map(|length| OptionalWindow { length, end: window.end });
    macro_rules! told {
        ($($question:expr),* $(,)?) => {
            vec![$({
                let answer = ask_whole(whole, archive, now, &$question);
                let mut answer = serde_json::to_value(answer).expect("JSON");
                if let Some(answer) = answer.as_object_mut() {
                    // When it was merged, and what is kept where.
                    answer.remove("as_of");
                    answer.remove("limits");
                }
                answer
            }),*]
        };
    }
    told![
        SummaryRequest { window },
        AntennasRequest { window, step, limit, ..AntennasRequest::default() },
        WorstRequest { window, by: Badness::Failures, ..WorstRequest::default() },
        WorstRequest { window, by: Badness::Availability, ..WorstRequest::default() },
        SeriesRequest { window, step, ..SeriesRequest::default() },
        SeriesRequest { window, step, antenna: Some(name(1)), ..SeriesRequest::default() },
        HeatmapRequest { window, step, ..HeatmapRequest::default() },
        IncidentsRequest { window: within, ..IncidentsRequest::default() },
    ]
}

fn reading_of(arrival: &Arrival) -> Reading {
    let Arrival { event_ms, antenna, packets, loss, latency_ms, seq, .. } = *arrival;
    Reading { seq, ..reading(&name(antenna), event_ms, packets, loss, latency_ms) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    /// Readings that came while there were 1, 4, 32, 3 partitions and 1 again, with the tool killed anywhere in between, are answered as
    /// those of one stream are. A `seq` is known by the new partition of its antenna.
    #[test]
    fn answers_do_not_depend_on_how_often_the_state_was_spread(
        arrivals in arrivals(),
        seed in any::<u64>(),
        step_ms in 60_000..600_000_i64,
    ) {
        let mut chance = Chance(seed);
        let settings = PipelineSettings {
            retention: Duration::from_millis(RETENTION_MS as u64),
            ..settings(Duration::ZERO, None)
        };
        let (spread, one) = (World::new(Files::new(), settings.clone()), World::new(Files::new(), settings));
        let now = UnixMillis(arrivals.last().expect("arrivals").arrival_ms + 7_300);
        let size = arrivals.len().div_ceil(NUMBERS.len());
        for (at, batch) in arrivals.chunks(size).enumerate() {
            let to = NUMBERS[at];
            if let Some(from) = at.checked_sub(1).map(|before| NUMBERS[before]) {
                while spread.repartition(from, to, Some(chance.below(120) as i64), chance.below(2) == 0).is_err() {}
                prop_assert!(spread.check(from).is_err() && spread.check(to).is_ok());
            }
            for arrival in batch {
                let at = UnixMillis(arrival.arrival_ms);
                spread.publish(to, at, &reading_of(arrival));
                one.publish(1, at, &reading_of(arrival));
            }
            spread.drain(to, &mut chance);
            one.drain(1, &mut chance);
            let (found, totals) = spread.start(to);
            let (expected, all) = one.start(1);
            prop_assert_eq!(totals, all);
            for length_ms in [RETENTION_MS, 400_000] {
                let window = window(length_ms, End::Latest);
                let expected = answers(&expected, None, now, window, step_ms);
                prop_assert_eq!(answers(&found, None, now, window, step_ms), expected, "with {} partitions", to);
            }
        }
    }
}

/// A network of nine antennas that report within the grace in which panes close.
fn report(
    world: &World,
    partitions: u16,
    one: &World,
    chance: &mut Chance,
    from: UnixMillis,
    minutes: i64,
) -> UnixMillis {
    let mut now = from;
    while now.0 < from.0 + minutes * 60_000 {
        now = UnixMillis(now.0 + chance.below(20_000) as i64);
        let packets = [0, 10, 100, 1_000][chance.below(4) as usize];
        let loss = [0, 0, packets / 10, packets][chance.below(4) as usize];
        let latency_ms = (chance.below(5) > 0).then(|| 1.0 + chance.below(90_000) as f64 / 100.0);
        let event_ms = now.0 - chance.below(1_500) as i64;
        let reading = reading(&name(chance.below(9) as u32), event_ms, packets, loss, latency_ms);
        world.publish(partitions, now, &reading);
        one.publish(1, now, &reading);
    }
    now
}

/// What is in files is answered as if it were in memory, whoever wrote it.
#[test]
fn files_of_all_partitions_that_there_were_are_read() {
    let (mut chance, files) = (Chance(3), Files::new());
    let archiving = settings(Duration::from_secs(1_200), Some(&files.url));
    let world = World::new(files, archiving);
    let one = World::new(Files::new(), settings(Duration::from_secs(96 * 3_600), None));
    let (mut now, mut from) = (NOW, None);
    for to in [1, 4, 6, 3, 1] {
        if let Some(from) = from {
            let before = world.start(from);
            while world.repartition(from, to, Some(chance.below(120) as i64), chance.below(2) == 0).is_err() {}
            let after = world.start(to);
            assert_eq!(after.1, before.1, "from {from} to {to}");
            let archive = world.files.archive();
            for (length_ms, step_ms) in [(5 * HOUR_MS, HOUR_MS), (20 * 60_000, 60_000)] {
                let window = window(length_ms, End::Latest);
                let told = |whole: &Whole| answers(whole, Some(&archive), now, window, step_ms);
                assert_eq!(told(&after.0), told(&before.0), "from {from} to {to}");
            }
        }
        now = report(&world, to, &one, &mut chance, now, 7 * 60);
        world.drain(to, &mut chance);
        from = Some(to);
    }
    one.drain(1, &mut chance);
    let (expected, _) = one.start(1);
    let (found, totals) = world.start(1);
    assert!(totals.archived > totals.counted * 8 / 10 && totals.expired == 0, "{totals:?}");
    let archive = world.files.archive();
    let last_hour = UnixMillis(now.0 / HOUR_MS * HOUR_MS);
    for (length_ms, end, step_ms) in [
        (34 * HOUR_MS, End::At(last_hour), HOUR_MS),
        (9 * HOUR_MS, End::At(UnixMillis(last_hour.0 - 12 * HOUR_MS)), 3 * HOUR_MS),
        (HOUR_MS, End::At(UnixMillis(last_hour.0 - 20 * HOUR_MS)), 60_000),
    ] {
        let window = window(length_ms, end);
        let without_incidents = |mut answers: Vec<Value>| {
            answers.truncate(7);
            answers
        };
        let found = without_incidents(answers(&found, Some(&archive), now, window, step_ms));
        let expected = without_incidents(answers(&expected, None, now, window, step_ms));
        for (found, expected) in found.into_iter().zip(expected) {
            assert_eq!(found, expected, "{length_ms} ms");
        }
    }
    assert_eq!(archive.failures(), 0);
    // Days of partitions that there are no more are compacted all the same.
    let spans = found.archives().flat_map(|archived| archived.within(i64::MIN, i64::MAX));
    let last_day = last_hour.0 / (24 * HOUR_MS) * 24 * HOUR_MS;
    for span in spans {
        assert_eq!(span.is_day(), span.start_ms < last_day, "{span:?}");
    }
}

/// Killed before and behind each of its writes, it goes on: either nothing has changed yet, or analytics does not start until it has come
/// to its end.
#[test]
fn killed_at_any_write_it_goes_on() {
    let world = World::new(Files::new(), settings(Duration::from_secs(3_600), None));
    let one = World::new(Files::new(), settings(Duration::from_secs(3_600), None));
    let mut chance = Chance(5);
    let mut now = NOW;
    for (from, to) in [(1, 3), (3, 2), (2, 1)] {
        now = report(&world, from, &one, &mut chance, now, 6);
        world.drain(from, &mut chance);
        let told = |partitions| {
            let (whole, ledger) = world.start(partitions);
            let window = window(HOUR_MS, End::Latest);
            let page = AntennasRequest { window, ..AntennasRequest::default() };
            let within = OptionalWindow { length: Span::from_ms(HOUR_MS), end: window.end };
            let incidents = IncidentsRequest { window: Some(within), ..IncidentsRequest::default() };
            let page = ask_whole(&whole, None, now, &page).expect("an answer");
            (page.antennas, ask_whole(&whole, None, now, &incidents), ledger)
        };
        let expected = told(from);
        let saved: Vec<_> = world.logs.values().map(MemoryLog::save).collect();
        let restore = || world.logs.values().zip(&saved).for_each(|(log, saved)| log.restore(saved.clone()));
        let (mut writes, mut refused, mut switched) = (0, 0, 0);
        loop {
            restore();
            let is_killed = world.repartition(from, to, Some(writes), writes % 2 == 0).is_err();
            match (world.check(from), world.check(to)) {
                (Ok(()), Err(_)) if is_killed => assert_eq!(told(from), expected, "killed after {writes} writes"),
                (Err(_), Ok(())) => switched += 1,
                (Err(of_from), Err(of_to)) if is_killed => {
                    refused += 1;
                    let why = format!("run analytics repartition --from {from} --to {to} again");
                    assert!([&of_from, &of_to].iter().any(|told| told.contains(&why)), "{of_from}, {of_to}");
                    if writes % 3 == 0 {
                        // Another order is taken as long as no stream is switched.
                        let halfway: Vec<_> = world.logs.values().map(MemoryLog::save).collect();
                        match world.repartition(from, 4, None, false) {
                            Ok(_) => assert_eq!(told(4), expected, "killed after {writes} writes"),
                            Err(error) => assert!(error.to_string().contains(&why), "{error}"),
                        }
                        world.logs.values().zip(halfway).for_each(|(log, saved)| log.restore(saved));
                    }
                }
                other => panic!("killed after {writes} writes: {other:?}"),
            }
            let summary = world.repartition(from, to, None, false).expect("it goes on").to_string();
            assert!(summary.contains(&format!("the number of partitions is {to}")), "{summary}");
            assert_eq!(told(to), expected, "killed after {writes} writes");
            if !is_killed {
                break;
            }
            writes += 1;
        }
        assert!(refused > 4 && switched > 0 && writes > refused, "{refused} of {writes}, {switched}");
    }
}

/// Runs the tool on a Redis.
fn tool(server: &RedisServer, arguments: &[&str]) -> Ended {
    let mut command = built("analytics");
    Program::run(command.env("REDIS_URL", server.url()).arg("repartition").args(arguments))
}

/// Real programs: nothing is lost or doubled, and whoever has the wrong number is refused.
#[test]
fn a_state_is_spread_by_the_program() {
    const ANTENNAS: u64 = 100;
    let server = RedisServer::start(&[]);
    let publish = |partitions: &str| {
        let mut simulator = built("simulator");
        simulator.env("REDIS_URL", server.url()).env("STREAM_PARTITIONS", partitions);
        simulator.args(["--antennas", &ANTENNAS.to_string(), "--count", "20", "--interval", "50ms"]);
        let ended = Program::run(&mut simulator);
        assert_eq!(ended.code, Some(0), "{}", ended.log);
    };
    let refused = |partitions: &str, why: &str| {
        let mut command = built("analytics");
        command.env("REDIS_URL", server.url()).env("STREAM_PARTITIONS", partitions).env("BIND", "127.0.0.1:0");
        let ended = Program::run(&mut command);
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        assert!(ended.log.contains(why), "{}", ended.log);
    };
    let told = |arguments: &[&str], code: i32, why: &str| {
        let ended = tool(&server, arguments);
        assert_eq!(ended.code, Some(code), "{}", ended.log);
        let said = ended.log + &ended.output;
        assert!(said.contains(why), "{arguments:?}: {said}");
    };
    told(&["--from", "1", "--to", "4"], 1, "nothing is committed yet");
    publish("1");
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.settle(20 * ANTENNAS);
    told(&["--from", "1", "--to", "4"], 1, "owns the stream antenna_stream");
    analytics.terminate();
    for bad in [["--from", "1", "--to", "0"], ["--from", "1025", "--to", "4"]] {
        told(&bad, 2, "bad value");
    }
    told(&["--from", "4", "--to", "4"], 2, "the same number");
    told(&["--from", "2", "--to", "4"], 1, "written with 1 partitions, and --from is 2");
    refused("4", "analytics repartition --from 1 --to 4");
    // Producers that begin before the state is spread lose nothing; those that went on do, and are waited for.
    publish("4");
    fill(server.port(), "antenna_stream", (0..10).map(valid));
    told(&["--from", "1", "--to", "4"], 1, "10 entries behind the cursor of antenna_stream are not read yet");
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.settle(20 * ANTENNAS + 10);
    analytics.terminate();
    let before = tool(&server, &["--from", "1", "--to", "4", "--dry-run"]);
    assert_eq!(before.code, Some(0), "{}", before.log);
    refused("4", "analytics repartition --from 1 --to 4");
    told(&["--from", "1", "--to", "4"], 0, "nothing was lost");
    told(&["--from", "1", "--to", "4"], 0, "nothing is left to do");
    refused("1", "analytics repartition --from 4 --to 1");
    let settings = [("STREAM_PARTITIONS", "4")];
    let mut analytics = Analytics::start(&server.url(), &settings);
    let totals = analytics.settle(40 * ANTENNAS + 10);
    assert_eq!((&totals["counted"], &totals["moved"]), (&json!(40 * ANTENNAS + 10), &json!(0)), "{totals}");
    publish("4");
    analytics.settle(60 * ANTENNAS + 10);
    let summary = analytics.get(&format!("{}?window=1h", path::SUMMARY)).expect("an answer");
    assert_eq!(summary["readings"], json!(60 * ANTENNAS + 10), "{summary}");
    // Nothing is left of what was staged.
    let mut connection = redis(&server);
    for place in ["antenna_stream", "antenna_stream:0", "antenna_stream:3"] {
        let names: Vec<String> =
            redis::cmd("HKEYS").arg(format!("{{{place}}}:state")).query(&mut connection).expect("names");
        assert!(names.iter().all(|name| !name.starts_with("next:") && name != "repartition"), "{names:?}");
    }
    analytics.terminate();
    // And back: what streams had that are not read any more is still in the ledger.
    told(&["--from", "4", "--to", "1"], 0, "nothing was lost");
    let mut analytics = Analytics::start(&server.url(), &[]);
    let totals = analytics.settle(60 * ANTENNAS + 10);
    assert_eq!(totals["counted"], json!(60 * ANTENNAS + 10), "{totals}");
    publish("1");
    analytics.settle(80 * ANTENNAS + 10);
}
