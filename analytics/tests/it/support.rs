//! What the tests share: readings to publish, a pipeline on a log in memory, analytics as a process.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use analytics::answer::{AnswerError, Question, Tables, View, Window};
use analytics::archive::read::Archive;
use analytics::ingest::decode::Batch;
use analytics::ingest::log::MemoryLog;
use analytics::pipeline::{Pipeline, PipelineError, empty_store};
use analytics::published::Published;
use analytics::readings::{Row, Rows};
use analytics::settings::{PipelineSettings, Thresholds};
use analytics::store::{Accepted, Snapshot, Store, Whole};
use shared::api::{DEFAULT_WINDOW_MS, End, WindowRequest};
use shared::testing::{Answer, DEADLINE, Program, Signal, built, http, until_async};
use shared::time::{Clock, Span};
use shared::{Reading, UnixMillis};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The time in tests that set the clock.
pub(crate) const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

pub(crate) fn reading(antenna: &str, timestamp_ms: i64, packets: u32, loss: u32, latency_ms: Option<f64>) -> Reading {
    Reading { antenna_id: antenna.to_owned(), timestamp_ms, packets, loss, latency_ms, seq: None }
}

pub(crate) fn publish(log: &MemoryLog, now: UnixMillis, reading: &Reading) {
    log.add(now, &shared::codec::encode(reading));
}

/// One reading as it arrives, of an antenna by its slot.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) arrival_ms: i64,
    pub(crate) event_ms: i64,
    pub(crate) antenna: u32,
    pub(crate) packets: u32,
    pub(crate) loss: u32,
    pub(crate) latency_ms: Option<f64>,
    pub(crate) seq: Option<u64>,
}

/// The name of the antenna in a slot.
pub(crate) fn name(antenna: u32) -> String {
    format!("antenna-{antenna}")
}

/// Counts a batch of arrivals. Slots that are not `known` are given out first.
pub(crate) fn feed(store: &mut Store, known: &mut BTreeSet<u32>, arrivals: &[Arrival]) -> Accepted {
    let mut batch = Batch::default();
    for arrival in arrivals {
        if known.insert(arrival.antenna) {
            batch.new_antennas.push((arrival.antenna, Arc::from(name(arrival.antenna))));
        }
    }
    let rows = arrivals.iter().map(|arrival| Row {
        arrival_ms: arrival.arrival_ms,
        event_ms: arrival.event_ms,
        antenna: arrival.antenna,
        packets_sent: arrival.packets,
        packets_lost: arrival.loss,
        latency_ms: arrival.latency_ms,
        seq: arrival.seq,
    });
    batch.readings = rows.collect::<Rows>().finish().expect("columns of one length");
    store.count(&batch).expect("columns").accepted
}

/// The answer to a question to a snapshot at a time; `None` where the antenna is not known.
pub(crate) fn ask<Q: Question>(snapshot: &Snapshot, now: UnixMillis, question: &Q) -> Option<Q::Answer> {
    ask_with(snapshot, None, now, question)
}

/// The same, with files.
pub(crate) fn ask_with<Q: Question>(
    snapshot: &Snapshot,
    archive: Option<&Archive>,
    now: UnixMillis,
    question: &Q,
) -> Option<Q::Answer> {
    ask_whole(&Whole::from(Arc::new(snapshot.clone())), archive, now, question)
}

/// The answer to a question to the whole network at a time; `None` where the antenna is not known.
pub(crate) fn ask_whole<Q: Question>(
    whole: &Whole,
    archive: Option<&Archive>,
    now: UnixMillis,
    question: &Q,
) -> Option<Q::Answer> {
    let window = match question.window() {
        Some(request) => {
            let length_ms = request.length.map_or(DEFAULT_WINDOW_MS, Span::ms);
            Window::new(whole, length_ms, request.end, now)
        }
        None => Window::kept(now),
    };
    let tables = Tables::default();
    let view = View::new(whole, window, now, Thresholds::default(), &tables).with_archive(archive);
    match question.answer(&view) {
        Ok(answer) => Some(answer),
        Err(AnswerError::UnknownAntenna(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// A window of a length in milliseconds.
pub(crate) fn window(length_ms: i64, end: End) -> WindowRequest {
    WindowRequest { length: Some(Span::from_ms(length_ms)), end }
}

/// A pipeline on a log in memory.
pub(crate) struct Embedded {
    pub(crate) published: Published,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<Result<(), PipelineError>>,
}

impl Embedded {
    pub(crate) fn start(log: &MemoryLog, settings: &PipelineSettings, owner: &str) -> Self {
        Self::start_by(log, settings, owner, Clock::of(|| NOW))
    }

    /// The same, by a clock of its own.
    pub(crate) fn start_by(log: &MemoryLog, settings: &PipelineSettings, owner: &str, clock: Clock) -> Self {
        let published = Published::new("memory", &empty_store(settings, Thresholds::default()), NOW);
        let shutdown = CancellationToken::new();
        let pipeline = Pipeline::new(
            log.clone(),
            settings.clone(),
            Thresholds::default(),
            owner.to_owned(),
            published.clone(),
            clock,
        );
        let task = tokio::spawn(pipeline.run(shutdown.clone()));
        Self { published, shutdown, task }
    }

    /// Waits until it owns its partition: until then every answer tells that it is missing.
    pub(crate) async fn begin(&self) {
        until_it_is(true, || self.published.owned_epoch().is_some()).await;
    }

    /// Waits until everything added has been read and committed, and checks that the ledger adds up.
    pub(crate) async fn settle(&self, entries: u64) -> shared::api::Ledger {
        let ledger = until_async("everything is committed", DEADLINE, async || {
            let pipeline = self.published.pipeline(Instant::now());
            let ledger = pipeline.totals;
            if ledger.lag == Some(0) && ledger.entries_added == Some(entries) {
                return Ok(ledger);
            }
            assert!(!self.task.is_finished(), "the pipeline has ended");
            Err(format!("{ledger:?} in phase {:?}", pipeline.phase))
        })
        .await;
        assert_eq!(ledger.imbalance, Some(0), "{ledger:?}");
        ledger
    }

    /// Ends it in the middle of whatever it does, as a crash would.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }

    /// Ends it in good order.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic").expect("a pipeline that ends well");
    }
}

/// Looks at something that tasks change until it is as wanted.
pub(crate) async fn until_it_is<T: PartialEq + Debug>(wanted: T, look: impl Fn() -> T) {
    until_async(&format!("it is {wanted:?}"), DEADLINE, async || {
        let seen = look();
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

/// The program `analytics`; killed when dropped.
pub(crate) struct Analytics {
    program: Program,
    address: SocketAddr,
}

impl Analytics {
    /// Starts it on a Redis, with settings as environment variables.
    pub(crate) fn start(redis_url: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = built("analytics");
        command.envs(settings.iter().copied()).env("REDIS_URL", redis_url).env("BIND", "127.0.0.1:0");
        let mut program = Program::start(&mut command);
        let address = program.address("analytics");
        Self { program, address }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// The same, with a bound for the descriptors that it may open.
    pub(crate) fn start_with_descriptors(redis_url: &str, descriptors: u32) -> Self {
        Self::start_under(redis_url, &format!("ulimit -n {descriptors}"), &[])
    }

    /// The same, behind some commands of the shell.
    pub(crate) fn start_under(redis_url: &str, commands: &str, settings: &[(&str, String)]) -> Self {
        let program = built("analytics");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{commands}; exec \"$0\"")]).arg(program.get_program()).env_clear();
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command.env("REDIS_URL", redis_url).env("BIND", "127.0.0.1:0");
        let mut program = Program::start(&mut command);
        let address = program.address("analytics");
        Self { program, address }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Where it answers.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Where it answers, as the beginning of a URL.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The body of an answer with status 200 as JSON; `None` where there is none (yet).
    pub(crate) fn get(&self, path: &str) -> Option<serde_json::Value> {
        let answer = http::get(self.address, path, &[]).ok()?;
        (answer.status == 200).then(|| answer.json())
    }

    /// The status and body of an answer.
    pub(crate) fn ask(&self, path: &str, accept: &str) -> Option<(u16, String)> {
        let Answer { status, body, .. } = http::get(self.address, path, &[("Accept", accept)]).ok()?;
        Some((status, body))
    }

    /// Asks again and again until an answer is as wanted, and returns it.
    #[track_caller]
    pub(crate) fn wait(&mut self, path: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let is_it = |answer: &Answer| answer.status == 200 && wanted(&answer.json());
        self.program.wait_for(self.address, path, is_it).json()
    }

    /// Waits until everything added has been read and committed, and checks that the ledger adds up.
    #[track_caller]
    pub(crate) fn settle(&mut self, entries: u64) -> serde_json::Value {
        let pipeline =
            self.wait("/api/v1/pipeline", |it| it["totals"]["lag"] == 0 && it["totals"]["entries_added"] == entries);
        assert_eq!(pipeline["totals"]["imbalance"], 0, "{pipeline}");
        pipeline["totals"].clone()
    }

    /// Ends it at once with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.program.kill();
    }

    /// Ends it with SIGTERM; returns its exit code and how long it took.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, Duration) {
        let ended = self.program.end(Signal::Terminate, DEADLINE);
        (ended.code, ended.took)
    }
}

/// Writes entries to a stream as fast as Redis takes them: each is a list of field/value pairs.
pub(crate) fn fill<'a>(port: u16, stream: &str, entries: impl Iterator<Item = Vec<(&'a str, String)>>) {
    let mut redis = Command::new("redis-cli")
        .args(["-p", &port.to_string(), "--pipe"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli, which comes with redis-server");
    let mut input = std::io::BufWriter::with_capacity(1 << 20, redis.stdin.take().expect("its input"));
    let mut command = String::new();
    for pairs in entries {
        command.clear();
        let words = ["XADD", stream, "*"].into_iter().chain(pairs.iter().flat_map(|(name, value)| [*name, value]));
        write!(command, "*{}\r\n", 3 + pairs.len() * 2).expect("a string");
        for word in words {
            write!(command, "${}\r\n{word}\r\n", word.len()).expect("a string");
        }
        input.write_all(command.as_bytes()).expect("redis-cli takes the entries");
    }
    drop(input);
    let mut said = String::new();
    redis.stdout.take().expect("its output").read_to_string(&mut said).expect("text");
    assert!(redis.wait().expect("its end").success() && said.contains("errors: 0"), "{said}");
}
