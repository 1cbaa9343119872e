//! The simulator against a real Redis that dies, fills up, refuses and hangs.

mod readings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use redis::Connection;
use redis::streams::StreamRangeReply;
use shared::codec::Fields;
use shared::keys::StreamKeys;
use shared::settings::BrokerSettings;
use shared::testing::{DEADLINE, RedisServer, until_async};
use shared::{Reading, UnixMillis};
use simulator::publish::{Report, SendError, Sink};
use simulator::redis_sink::{OnceSink, RedisSink};
use simulator::replay::replay;
use simulator::settings::{FleetSettings, ReplaySettings};
use tokio_util::sync::CancellationToken;

use crate::readings::batch;

const STREAM: &str = "antenna_stream";
/// Every reply is on disk before it is sent, so that a killed server comes back with everything that it accepted.
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const ROWS: usize = 38_733;

fn keys() -> StreamKeys {
    StreamKeys::new(STREAM)
}

fn broker(url: &str) -> BrokerSettings {
    BrokerSettings::from_url(url).expect("a good URL")
}

fn connect(server: &RedisServer) -> Connection {
    let client = redis::Client::open(server.url()).expect("a good URL");
    client.get_connection().expect("a running server")
}

fn call<T: redis::FromRedisValue>(connection: &mut Connection, command: &str) -> T {
    let mut words = command.split(' ');
    let mut call = redis::cmd(words.next().expect("a command"));
    words.for_each(|word| {
        call.arg(word);
    });
    call.query(connection).expect("an answer")
}

fn readings(server: &RedisServer) -> Vec<Reading> {
    let entries: StreamRangeReply = call(&mut connect(server), "XRANGE antenna_stream - +");
    let decoded = entries.ids.iter().map(|entry| {
        let pairs: Vec<(String, Vec<u8>)> = entry
            .map
            .iter()
            .map(|(name, value)| (name.clone(), redis::from_redis_value_ref(value).expect("a string")))
            .collect();
        let fields: Fields<'_> = pairs.iter().map(|(name, value)| (name, value)).collect();
        fields.decode().expect("a reading that keeps the contract").to_owned()
    });
    decoded.collect()
}

/// The number of readings that count, by antenna; the stream must hold the readings of each antenna in order.
fn counted(readings: &[Reading]) -> BTreeMap<String, usize> {
    let mut highest: BTreeMap<String, (Option<u64>, usize)> = BTreeMap::new();
    for reading in readings {
        let (last, count) = highest.entry(reading.antenna_id.clone()).or_default();
        if reading.seq > *last {
            *last = reading.seq;
            *count += 1;
        }
    }
    highest.into_iter().map(|(id, (_, count))| (id, count)).collect()
}

/// Waits until the stream holds this many readings.
async fn until_it_holds(server: &RedisServer, readings: usize) {
    until_async(&format!("{readings} readings arrive"), DEADLINE, async || match length(server) {
        length if length >= readings => Ok(()),
        length => Err(length),
    })
    .await;
}

/// Waits until the server has refused a command because its memory is full.
async fn until_it_refuses(watcher: &mut Connection) {
    until_async("the server refuses", DEADLINE, async || {
        let errors: String = call(watcher, "INFO errorstats");
        if errors.contains("errorstat_OOM") { Ok(()) } else { Err(errors) }
    })
    .await;
}

/// Runs a fleet to its end.
async fn publish(server: &RedisServer, settings: &FleetSettings) -> Report {
    let sink = RedisSink::new(&broker(&server.url()), &keys()).expect("a good URL");
    simulator::run(settings, vec![sink], UnixMillis::now, CancellationToken::new()).await.expect("good settings")
}

fn fleet(antennas: u32, interval_ms: u64, count: u64) -> FleetSettings {
    FleetSettings {
        antenna_id: "a".to_owned(),
        antennas,
        interval: Duration::from_millis(interval_ms),
        count: Some(count),
        ..FleetSettings::default()
    }
}

fn recording() -> ReplaySettings {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/fixtures/ripe_atlas.csv.gz");
    ReplaySettings { file, speed: None, limit: None }
}

fn length(server: &RedisServer) -> usize {
    call(&mut connect(server), "XLEN antenna_stream")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_publishes_what_the_contract_says() {
    let server = RedisServer::start(&[]);
    let report = publish(&server, &fleet(20, 10, 50)).await;
    assert_eq!(report, Report { published: 1_000, dropped: 0, skipped: 0 });
    let readings = readings(&server);
    assert_eq!(readings.len(), 1_000);
    assert!(counted(&readings).values().all(|count| *count == 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_nothing_that_the_queue_can_hold() {
    let mut server = RedisServer::start(&DURABLE);
    let settings = fleet(50, 20, 100);
    let url = server.url();
    let sink = RedisSink::new(&broker(&url), &keys()).expect("a good URL");
    let run = tokio::spawn(async move {
        simulator::run(&settings, vec![sink], UnixMillis::now, CancellationToken::new()).await.expect("good settings")
    });
    for taken in [500, 2_000] {
        until_it_holds(&server, taken).await;
        server.kill();
        server.restart();
    }
    let report = run.await.expect("no panic");
    assert_eq!((report.published, report.dropped), (5_000, 0));
    let counted = counted(&readings(&server));
    assert_eq!(counted.len(), 50);
    assert!(counted.values().all(|count| *count == 100), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_whole_batches_and_goes_on_once_it_has_room() {
    let server = RedisServer::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let settings = fleet(100, 1, 1_000);
    let mut watcher = connect(&server);
    let sink = RedisSink::new(&broker(&server.url()), &keys()).expect("a good URL");
    let run = tokio::spawn(async move {
        simulator::run(&settings, vec![sink], UnixMillis::now, CancellationToken::new()).await.expect("good settings")
    });
    until_it_refuses(&mut watcher).await;
    let () = call(&mut watcher, "CONFIG SET maxmemory 0");
    let report = run.await.expect("no panic");
    assert_eq!((report.published, report.dropped), (100_000, 0));
    let readings = readings(&server);
    assert_eq!(readings.len(), 100_000, "a refused batch leaves nothing behind");
    assert!(counted(&readings).values().all(|count| *count == 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_publishes_every_row_once_though_the_server_is_killed() {
    let mut server = RedisServer::start(&DURABLE);
    let sink = OnceSink::new(&broker(&server.url()), &keys(), 1).expect("a good URL");
    let run = tokio::spawn(async move {
        replay(&recording(), sink, ProgressBar::hidden(), CancellationToken::new()).await.expect("a whole recording")
    });
    for taken in [2_000, 10_000, 20_000] {
        until_it_holds(&server, taken).await;
        server.kill();
        server.restart();
    }
    let report = run.await.expect("no panic");
    assert_eq!((report.rows, report.published), (ROWS as u64, ROWS as u64));
    let readings = readings(&server);
    assert_eq!(readings.len(), ROWS);
    let (packets, lost) =
        readings.iter().fold((0, 0), |(packets, lost), reading| (packets + reading.packets, lost + reading.loss));
    let rows = shared::recording::Rows::open(&recording().file).expect("the recording");
    let expected = rows.map(|row| row.expect("a row").reading.expect("a reading"));
    let expected = expected.fold((0, 0), |(packets, lost), reading| (packets + reading.packets, lost + reading.loss));
    assert_eq!((packets, lost), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_into_a_full_server_publishes_every_row_once_it_has_room() {
    let server = RedisServer::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let mut watcher = connect(&server);
    let sink = OnceSink::new(&broker(&server.url()), &keys(), 1).expect("a good URL");
    let run = tokio::spawn(async move {
        replay(&recording(), sink, ProgressBar::hidden(), CancellationToken::new()).await.expect("a whole recording")
    });
    until_it_refuses(&mut watcher).await;
    let () = call(&mut watcher, "CONFIG SET maxmemory 0");
    assert_eq!(run.await.expect("no panic").published, ROWS as u64);
    assert_eq!(length(&server), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_a_frozen_server_reads_later_is_appended_once() {
    let server = RedisServer::start(&[]);
    let mut sink = OnceSink::new(&broker(&server.url()), &keys(), 1).expect("a good URL");
    sink.send(&batch(0..500)).await.expect("a running server");
    server.pause();
    // The attempt is abandoned with its bytes in the server's socket; they are read and run when it resumes.
    let given_up = tokio::time::timeout(Duration::from_millis(100), sink.send(&batch(500..1_000))).await;
    assert!(given_up.is_err());
    server.resume();
    sink.send(&batch(500..1_000)).await.expect("a running server");
    sink.send(&batch(1_000..1_100)).await.expect("a running server");
    assert_eq!(readings(&server), batch(0..1_100));
    sink.finish().await;
    let lives_s: i64 = call(&mut connect(&server), &format!("TTL {}", keys().replay_marker(1)));
    assert!((1..=60).contains(&lives_s), "{lives_s}");
}

/// Sends, and expects an error that begins with `code`.
async fn assert_refused(sink: &mut impl Sink, code: &str) {
    let refused = sink.send(&batch(0..3)).await;
    assert!(matches!(&refused, Err(SendError::Refused(why)) if why.starts_with(code)), "{code}: {refused:?}");
}

/// What both sinks must do with a server that refuses; `rights` are the commands they need, each with the beginning of
/// its refusal.
async fn refusals<S: Sink>(rights: [(&str, &str); 2], make: impl Fn(&RedisServer) -> S) {
    let server = RedisServer::start(&[]);
    let mut admin = connect(&server);
    let mut sink = make(&server);
    let () = call(&mut admin, "SET antenna_stream text");
    assert_refused(&mut sink, "WRONGTYPE").await;
    let () = call(&mut admin, "DEL antenna_stream");
    sink.send(&batch(0..3)).await.expect("a stream by now");

    for (right, refusal) in rights {
        let () = call(&mut admin, &format!("ACL SETUSER default -{right}"));
        assert_refused(&mut make(&server), refusal).await;
        let () = call(&mut admin, &format!("ACL SETUSER default +{right}"));
    }
    make(&server).send(&batch(3..6)).await.expect("all rights by now");

    let () = call(&mut admin, "CONFIG SET requirepass secret");
    assert_refused(&mut make(&server), "NOAUTH").await;
    assert_eq!(call::<usize>(&mut admin, "XLEN antenna_stream"), 6, "refused batches leave nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_the_servers_words_and_is_not_final() {
    refusals([("xadd", "NOPERM"), ("multi", "NOPERM")], |server| {
        RedisSink::new(&broker(&server.url()), &keys()).expect("a good URL")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_replay_is_told_in_the_servers_words_and_is_not_final() {
    let names = AtomicU64::new(0);
    let name = || names.fetch_add(1, Ordering::Relaxed);
    // Redis words what a script may not do differently from one version to the next.
    let rights = [("xadd", ""), ("evalsha", "NOPERM")];
    refusals(rights, |server| OnceSink::new(&broker(&server.url()), &keys(), name()).expect("a good URL")).await;
}

#[tokio::test]
async fn nothing_listening_is_unreachable() {
    let mut server = RedisServer::start(&[]);
    let mut sink = RedisSink::new(&broker(&server.url()), &keys()).expect("a good URL");
    server.kill();
    let outcome = sink.send(&batch(0..1)).await;
    assert!(matches!(outcome, Err(SendError::Unreachable(_))), "{outcome:?}");
}
