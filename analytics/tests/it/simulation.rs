//! Ten thousand histories: the pipeline's own code over the log in memory, one step at a time, with simulated time.
//!
//! A seed decides what happens next. Two processes read, merge, commit, crash and wake up again; the broker goes back to an
//! earlier moment, is replaced by a replica whose clock is behind, loses a key or everything; readings are sent again, late
//! and out of order. At the end the ledger is exact, and every pane, antenna and incident is that of the reference over what
//! survived.
//!
//! With the epoch alone as the fence, as it once was, the broker that goes back is found by seed 506. With a check of the
//! server besides, but neither nonce nor predecessor, two owners of one epoch are found by seed 1,476.
//! A lease whose owner is forgotten with the connection is found by seed 4.
//!
//! A seed that fails prints the command that replays it; it belongs into [`REGRESSIONS`] then.

mod compare;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use analytics::ingest::log::{Fault, Log as _, LogError, MemoryLog, Saved};
use analytics::ingest::stream_id::StreamId;
use analytics::pipeline::{Pipeline, PipelineError, Steps, empty_store};
use analytics::published::Published;
use analytics::settings::{PipelineSettings, Thresholds};
use analytics::store::Snapshot;
use reference::{Entry, EntryId, Reference, Settings};
use shared::UnixMillis;
use shared::api::{AntennasRequest, Count, End, IncidentsRequest, Ledger};
use shared::time::{Clock, Span};

use self::compare::{assert_antennas, assert_panes};
use crate::oracle::compare;
use crate::support::{NOW, ask, reading, window};

/// Histories in one run.
const SEEDS: u64 = 10_000;

/// Seeds that have failed, and are always tried first.
const REGRESSIONS: [u64; 1] = [1_277];

/// Steps of a history before it settles.
const STEPS: u64 = 12;

const PANE_MS: i64 = 10_000;
const RETENTION_MS: i64 = 120_000;

/// Moments of the broker that can come back.
const SAVED: usize = 12;

/// A history's source of chance: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What the test knows of the broker: the truth that the ledger has to agree with.
#[derive(Debug, Clone, Default)]
struct Truth {
    /// Ids of all entries that were ever added.
    added: Vec<StreamId>,
    /// How many of them were in streams that have been deleted since.
    before: usize,
    /// Those that the state is made of once everything is read.
    entries: Vec<Entry>,
    /// Those that went before the present state could read them.
    trimmed: u64,
    /// What the committed state says of entries that the broker lost.
    lost: u64,
}

/// What a process was told last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    epoch: u64,
    entries: u64,
    last_id: StreamId,
}

/// One of the two processes.
struct Process<'a> {
    pipeline: &'a Pipeline<MemoryLog>,
    steps: Steps<'a, MemoryLog>,
    seen: Option<Seen>,
    /// What its ledger says of entries that the broker lost.
    lost: u64,
    /// Whether it has prepared a commit in its term, from when on it balances.
    has_prepared: bool,
}

impl<'a> Process<'a> {
    fn start(pipeline: &'a Pipeline<MemoryLog>) -> Self {
        Self { pipeline, steps: Steps::new(pipeline), seen: None, lost: 0, has_prepared: false }
    }

    fn ledger(&self) -> Ledger {
        self.pipeline.published.pipeline(Instant::now()).totals
    }

    fn epoch(&self) -> u64 {
        self.pipeline.published.pipeline(Instant::now()).partitions[0].epoch
    }
}

struct World<'a> {
    runtime: tokio::runtime::Runtime,
    chance: Chance,
    log: MemoryLog,
    /// The broker's clock.
    now_ms: i64,
    number: u64,
    /// The last reading sent, which may be sent again.
    last: Vec<(String, String)>,
    truth: Truth,
    saved: VecDeque<(Saved, Truth)>,
    processes: [Process<'a>; 2],
    /// Pipelines of processes to come.
    pipelines: &'a [Pipeline<MemoryLog>],
    started: usize,
}

fn settings() -> PipelineSettings {
    PipelineSettings {
        batch_max: 12,
        keep_entries: 5,
        pane: Duration::from_millis(PANE_MS as u64),
        retention: Duration::from_millis(RETENTION_MS as u64),
        ..PipelineSettings::default()
    }
}

fn pipelines(log: &MemoryLog, clock: &Arc<AtomicI64>) -> Vec<Pipeline<MemoryLog>> {
    let settings = settings();
    let pipeline = |number: i64| {
        let published = Published::new("memory", &empty_store(&settings, Thresholds::default()), NOW);
        let clock = Arc::clone(clock);
        // Each process has a clock of its own.
        let clock = Clock::of(move || UnixMillis(clock.load(Ordering::Relaxed) + 16_000 * (number - 2)));
        let owner = format!("process-{number}");
        Pipeline::new(log.clone(), settings.clone(), Thresholds::default(), owner, published, clock)
    };
    (0..4).map(pipeline).collect()
}

impl World<'_> {
    fn step(&mut self) {
        let process = self.chance.below(2) as usize;
        match self.chance.below(100) {
            0..30 => self.add(),
            30..48 => self.merge(process),
            48..68 => self.commit(process),
            68..72 => self.log.inject(Fault::BeforeCommit),
            72..76 => self.log.inject(Fault::AfterCommit),
            76 => self.log.inject(Fault::AfterAcquire),
            77..82 => self.crash(process),
            82..87 => self.log.expire_lease(),
            87..93 => self.go_back(),
            93..95 => self.delete_state(),
            95..96 => self.damage(process),
            96..98 => self.delete_stream(),
            98..99 => {
                self.log.flush();
                self.truth = Truth::default();
            }
            _ => {
                self.log.expire_lease();
                self.take_over(process);
            }
        }
        let lease = self.log.lease();
        assert!(lease.as_ref().is_none_or(|name| name.starts_with("process-")), "the lease names {lease:?}");
    }

    /// Readings of some antennas arrive: new ones, late ones, far too late ones, the last one again, and what is none.
    fn add(&mut self) {
        for _ in 0..=self.chance.below(5) {
            let is_quiet = self.chance.below(8) == 0;
            self.now_ms += self.chance.below(if is_quiet { 60_000 } else { 2_000 }) as i64;
            self.number += 1;
            let antenna = format!("antenna-{}", self.chance.below(3));
            let late_ms = [0, 0, 0, 4_000, 30_000, 400_000, -90_000][self.chance.below(7) as usize];
            let loss = if (self.number / 8).is_multiple_of(2) { 0 } else { 97 };
            // Some readings carry no latency, and some none above zero.
            let latency_ms = match self.number % 9 {
                0 => None,
                1 => Some(0.0),
                _ => Some(1.0 + self.number as f64 / 3.0),
            };
            let mut reading = reading(&antenna, self.now_ms - late_ms, 100, loss, latency_ms);
            reading.seq = Some(self.number);
            let fields = match self.chance.below(8) {
                0 => vec![("antenna_id".to_owned(), "nobody".to_owned())],
                1 if !self.last.is_empty() => self.last.clone(),
                _ => {
                    shared::codec::encode(&reading).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                }
            };
            self.last.clone_from(&fields);
            let id = self.log.add(UnixMillis(self.now_ms), &fields);
            self.truth.added.push(id);
            self.truth.entries.push(Entry { id: EntryId { arrival_ms: id.arrival_ms(), number: id.counter }, fields });
        }
        self.save();
    }

    fn save(&mut self) {
        self.saved.push_back((self.log.save(), self.truth.clone()));
        if self.saved.len() > SAVED {
            self.saved.pop_front();
        }
    }

    fn take_over(&mut self, process: usize) {
        let it = &mut self.processes[process];
        if it.steps.is_owner() {
            return;
        }
        match self.runtime.block_on(it.steps.take_over()) {
            Ok(true) => {}
            // Somebody else has the stream, or it does not know that it has.
            Ok(false) | Err(PipelineError::Broker(LogError::Away(_))) => return,
            Err(error) => panic!("state that can be read: {error}"),
        }
        it.has_prepared = false;
        it.lost = self.truth.lost;
        let epoch = it.epoch();
        if let Some(seen) = it.seen.filter(|seen| epoch <= seen.epoch + 1) {
            // What is behind the last entry seen is new. Where another process has read and trimmed it meanwhile, nobody
            // can tell any more.
            let trimmed = self.truth.added.len() - self.log.len();
            let present = &self.truth.added[trimmed..];
            // Of a stream that was made anew, everything is new.
            let is_known = self.log.info().has_group || present.contains(&seen.last_id);
            let newer = present.iter().filter(|id| !is_known || **id > seen.last_id).count();
            let still_there = (self.truth.added.len() - newer) as u64;
            it.lost += seen.entries.saturating_sub(still_there + self.truth.lost);
        }
        assert_eq!(it.ledger().lost_by_broker, it.lost, "the broker lost more or less than process {process} says");
    }

    /// Reads, or merges what was read.
    fn merge(&mut self, process: usize) {
        self.take_over(process);
        // A crash may come between the two.
        let is_to_merge = self.chance.below(4) > 0;
        let it = &mut self.processes[process];
        // A reader that lost its server is made anew the next time, or the term ends with the next commit.
        let _lost = self.runtime.block_on(it.steps.read());
        if is_to_merge {
            it.steps.merge().expect("columns");
        }
    }

    fn commit(&mut self, process: usize) {
        self.take_over(process);
        if self.chance.below(4) > 0 && self.processes[process].steps.is_owner() {
            self.prepare(process);
        }
        self.commit_prepared(process);
    }

    fn prepare(&mut self, process: usize) {
        self.processes[process].steps.prepare().expect("columns");
        self.processes[process].has_prepared = true;
    }

    /// Whether the broker took a commit, or a renewal.
    fn commit_prepared(&mut self, process: usize) -> bool {
        let name = |world: &Self| world.runtime.block_on(world.log.state(&["commit".to_owned()])).expect("a log");
        let before = name(self);
        let it = &mut self.processes[process];
        if !it.steps.is_owner() {
            return false;
        }
        let result = self.runtime.block_on(it.steps.commit());
        // A stream that was deleted ends the term with a commit.
        let is_done = result.is_ok() || matches!(&result, Err(LogError::Back(why)) if why.contains("was deleted"));
        assert!(!matches!(result, Err(LogError::Refused(_) | LogError::Unsupported(_))), "{result:?}");
        if name(self) != before {
            self.truth.lost = self.processes[process].lost;
            self.save();
        }
        let it = &mut self.processes[process];
        if is_done && it.has_prepared {
            let ledger = it.ledger();
            assert!(matches!(ledger.imbalance, None | Some(0)), "{ledger:?}");
            assert_eq!(ledger.lost_by_broker, it.lost, "{ledger:?}");
            let entries = self.truth.added.len() as u64 + it.lost;
            assert_eq!(ledger.entries_added, Some(entries), "{ledger:?}");
            it.seen = Some(Seen { epoch: it.epoch(), entries, last_id: self.log.info().last_id });
        }
        is_done
    }

    /// The process is gone; another one under another name will take its place.
    fn crash(&mut self, process: usize) {
        self.started += 1;
        self.processes[process] = Process::start(&self.pipelines[self.started % self.pipelines.len()]);
        // Two processes never have one name.
        if std::ptr::eq(self.processes[0].pipeline, self.processes[1].pipeline) {
            self.crash(process);
        }
    }

    /// A dump is restored, or a replica promoted that was behind; its clock may be behind too.
    fn go_back(&mut self) {
        let Some((saved, truth)) = (!self.saved.is_empty()).then(|| {
            let place = self.chance.below(self.saved.len() as u64) as usize;
            self.saved.truncate(place + 1);
            self.saved[place].clone()
        }) else {
            return;
        };
        self.log.restore(saved);
        self.truth = truth;
        if self.chance.below(2) == 0 {
            self.log.expire_lease();
        }
        if self.chance.below(3) == 0 {
            self.now_ms -= self.chance.below(60_000) as i64;
        }
    }

    /// The state's key is gone: what the stream still holds counts.
    fn delete_state(&mut self) {
        self.log.delete_state();
        let truth = &mut self.truth;
        let present = self.log.len();
        truth.added.drain(..std::mem::take(&mut truth.before));
        truth.trimmed = (truth.added.len() - present) as u64;
        // Entries that an earlier deletion left out are among the oldest.
        let surplus = truth.entries.len().saturating_sub(present);
        truth.entries.drain(..surplus);
        truth.lost = 0;
    }

    /// The stream's key is gone, when everything in it had been read but what nobody has seen; its owner may be gone too, and the
    /// broker's clock may have been set back.
    fn delete_stream(&mut self) {
        let owner = self.settle();
        let (added, entries) = (self.truth.added.len(), self.truth.entries.len());
        if self.chance.below(2) == 0 {
            self.add();
            self.truth.added.truncate(added);
            self.truth.entries.truncate(entries);
        }
        if self.chance.below(2) == 0 {
            self.crash(owner);
        }
        self.log.delete_stream();
        self.truth.before = added;
        self.save();
        if self.chance.below(2) == 0 {
            self.now_ms -= self.chance.below(60_000) as i64;
            // Its owner looks at the stream before the clock is where it was.
            while self.processes[owner].steps.is_owner() {
                self.prepare(owner);
                self.commit_prepared(owner);
            }
        }
    }

    /// A damaged field is named when the state is loaded, and the state can be set aside.
    fn damage(&mut self, process: usize) {
        let Some(field) = self.log.damage("pane:") else { return };
        self.crash(process);
        self.log.expire_lease();
        let mut error = self.runtime.block_on(self.processes[process].steps.take_over());
        if let Err(PipelineError::Broker(LogError::Away(_))) = error {
            error = self.runtime.block_on(self.processes[process].steps.take_over());
        }
        let Err(PipelineError::State(error)) = error else { panic!("{field} is damaged, and it is loaded: {error:?}") };
        assert!(error.to_string().contains(&field), "{error} does not name {field}");
        self.delete_state();
    }

    /// Everything is read and committed, by one process.
    fn settle(&mut self) -> usize {
        let process = self.chance.below(2) as usize;
        for _ in 0..100 {
            if !self.processes[process].steps.is_owner() {
                self.log.expire_lease();
                self.take_over(process);
            }
            let it = &mut self.processes[process];
            // What had been read before is merged first.
            it.steps.merge().expect("columns");
            let read = self.runtime.block_on(it.steps.read());
            it.steps.merge().expect("columns");
            if !matches!(read, Ok(0) | Err(_)) {
                continue;
            }
            self.prepare(process);
            let is_done = self.commit_prepared(process);
            let it = &self.processes[process];
            if is_done && read == Ok(0) && it.ledger().lag == Some(0) {
                return process;
            }
        }
        panic!("it does not settle");
    }

    fn compare_antennas(&self, snapshot: &Snapshot, reference: &Reference, now: UnixMillis) {
        let request = AntennasRequest {
            window: window(RETENTION_MS, End::Latest),
            step: Some(Span::from_ms(PANE_MS)),
            limit: Count::MOST,
            ..AntennasRequest::default()
        };
        let (mut found, mut expected) =
            (ask(snapshot, now, &request).expect("an answer"), reference.ask(&request, now));
        found.as_of = None;
        if let Ok(expected) = &mut expected {
            expected.as_of = None;
        }
        compare(Some(found), expected).expect("every antenna is the reference's");
    }

    fn check(&mut self) {
        let process = self.settle();
        let published = &self.processes[process].pipeline.published;
        let settings = Settings { pane_ms: PANE_MS, retention_ms: RETENTION_MS, ..Settings::default() };
        let mut reference = Reference::new(settings, NOW);
        for entry in &self.truth.entries {
            reference.take(entry);
        }
        let expected = Ledger {
            entries_added: Some(self.truth.added.len() as u64 + self.truth.lost),
            lag: Some(0),
            trimmed_unread: self.truth.trimmed,
            lost_by_broker: self.truth.lost,
            imbalance: Some(0),
            ..reference.ledger().clone()
        };
        assert_eq!(self.processes[process].ledger(), expected);
        let snapshot = published.snapshot();
        // Answers know the time in full seconds.
        let now = UnixMillis((self.now_ms + 100_000) / 1_000 * 1_000);
        assert_panes(&snapshot, &reference, now);
        assert_antennas(&snapshot, &reference, now);
        // Whole answers take a while, so only some histories are asked for one.
        if self.chance.below(16) == 0 {
            self.compare_antennas(&snapshot, &reference, now);
        }
        let request = IncidentsRequest::default();
        let (mut found, mut expected) =
            (ask(&snapshot, now, &request).expect("an answer"), reference.ask(&request, now));
        found.as_of = None;
        if let Ok(expected) = &mut expected {
            expected.as_of = None;
        }
        compare(Some(found), expected).expect("every incident is the reference's");
    }
}

fn run(seed: u64) {
    let clock = Arc::new(AtomicI64::new(NOW.0));
    let log = MemoryLog::default();
    let pipelines = pipelines(&log, &clock);
    let mut world = World {
        runtime: tokio::runtime::Builder::new_current_thread().build().expect("a runtime"),
        chance: Chance(seed),
        now_ms: NOW.0,
        number: 0,
        last: Vec::new(),
        truth: Truth::default(),
        saved: VecDeque::new(),
        processes: [Process::start(&pipelines[0]), Process::start(&pipelines[1])],
        pipelines: &pipelines,
        started: 1,
        log,
    };
    for _ in 0..STEPS {
        world.step();
        clock.fetch_add(world.chance.below(2_000) as i64 - 500, Ordering::Relaxed);
    }
    world.check();
}

/// Names the seed if its history fails, and ends the run.
struct Named<'a>(u64, &'a AtomicU64);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.1.store(u64::MAX / 2, Ordering::Relaxed);
            eprintln!("to replay: VIGIA_SEED={} cargo test -p analytics --test it simulation", self.0);
        }
    }
}

/// Set `VIGIA_SEED` to replay one history, `VIGIA_SEEDS` to try another number of them.
#[test]
fn ten_thousand_histories_end_with_an_exact_ledger_and_the_readings_that_survived() {
    let next = AtomicU64::new(0);
    if let Some(seed) = std::env::var("VIGIA_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let _named = Named(seed, &next);
        return run(seed);
    }
    let seeds = std::env::var("VIGIA_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= seeds + REGRESSIONS.len() as u64 {
                        return;
                    }
                    let seed =
                        REGRESSIONS.get(place as usize).copied().unwrap_or_else(|| place - REGRESSIONS.len() as u64);
                    let _named = Named(seed, &next);
                    run(seed);
                }
            });
        }
    });
}
