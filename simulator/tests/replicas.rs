//! The simulator against real servers with replicas: in a cluster, behind a Sentinel, and where replicas have to confirm.

mod readings;

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::ProgressBar;
use shared::UnixMillis;
use shared::keys::StreamKeys;
use shared::settings::BrokerSettings;
use shared::testing::{DEADLINE, Program, RedisCluster, RedisServer, Watched, built, until, until_async};
use simulator::publish::{SendError, Sink};
use simulator::redis_sink::{OnceSink, RedisSink};
use simulator::replay::replay;
use simulator::settings::{FleetSettings, ReplaySettings};
use tokio_util::sync::CancellationToken;

use crate::readings::batch;

const STREAM: &str = "antenna_stream";

fn keys() -> StreamKeys {
    StreamKeys::new(STREAM)
}

fn broker(url: &str) -> BrokerSettings {
    BrokerSettings::from_url(url).expect("a good URL")
}

fn sink(url: &str, replicas: u16) -> RedisSink {
    RedisSink::new(&broker(url), &keys()).expect("a good URL").confirmed_by(replicas)
}

fn once(url: &str, replicas: u16) -> OnceSink {
    OnceSink::new(&broker(url), &keys(), 1).expect("a good URL").confirmed_by(replicas)
}

fn length(server: &RedisServer) -> usize {
    server.ask(&["XLEN", STREAM]).parse().expect("a length")
}

/// The number of different readings in the stream.
fn different(server: &RedisServer) -> usize {
    let mut readings = BTreeSet::new();
    let (mut antenna, mut field) = ("", "");
    let said = server.ask(&["XRANGE", STREAM, "-", "+"]);
    for line in said.lines() {
        match field {
            "antenna_id" => antenna = line,
            "seq" => drop(readings.insert((antenna, line))),
            _ => {}
        }
        field = line;
    }
    readings.len()
}

fn make_replica(replica: &RedisServer, master: &RedisServer) {
    replica.ask(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    until("the replica has what the master has", DEADLINE, || {
        let said = replica.ask(&["INFO", "replication"]);
        if said.contains("master_link_status:up") { Ok(()) } else { Err(said) }
    });
}

/// Too few replicas: a batch is not taken, and does not pile up. Once there are enough, it is sent once more.
async fn confirms<S: Sink>(make: impl Fn(&str) -> S, copies: usize) {
    let servers = [RedisServer::start(&[]), RedisServer::start(&["--repl-diskless-sync-delay", "0"])];
    let [master, replica] = &servers;
    let mut sink = make(&master.url());
    for _attempt in 0..3 {
        let sent = sink.send(&batch(0..10)).await;
        assert_eq!(sent, Err(SendError::Unconfirmed { replicas: 0, needed: 1 }));
        assert_eq!(length(master), 10);
    }
    make_replica(replica, master);
    sink.send(&batch(0..10)).await.expect("a replica has it");
    assert_eq!((length(replica), different(replica)), (10 * copies, 10));
    sink.send(&batch(0..10)).await.expect("a replica has it");
    // The server does not take a write that no replica would have.
    replica.ask(&["REPLICAOF", "NO", "ONE"]);
    until("the master has lost its replica", DEADLINE, || {
        let said = master.ask(&["INFO", "replication"]);
        if said.contains("connected_slaves:0") { Ok(()) } else { Err(said) }
    });
    master.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let before = length(master);
    let refused = make(&master.url()).send(&batch(0..10)).await;
    assert!(matches!(&refused, Err(SendError::NotNow(why)) if why.starts_with("NOREPLICAS")), "{refused:?}");
    assert_eq!(length(master), before);
    // Who may not wait does not write.
    master.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    master.ask(&["ACL", "SETUSER", "default", "-wait"]);
    let refused = make(&master.url()).send(&batch(0..10)).await;
    assert!(matches!(&refused, Err(SendError::Refused(why)) if why.starts_with("NOPERM")), "{refused:?}");
    assert_eq!(length(master), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_too_few_replicas_have_is_sent_again_once_there_are_enough() {
    confirms(|url| sink(url, 1), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_a_replay_that_too_few_replicas_have_is_appended_once() {
    confirms(|url| once(url, 1), 1).await;
}

/// What was appended over another connection is confirmed too, although nothing is appended any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_there_already_is_confirmed_by_replicas_that_have_it() {
    let servers = [RedisServer::start(&[]), RedisServer::start(&["--repl-diskless-sync-delay", "0"])];
    let [master, replica] = &servers;
    once(&master.url(), 0).send(&batch(0..10)).await.expect("a running server");
    make_replica(replica, master);
    // The replica says that it has what it has, and gets no more.
    replica.pause();
    let sent = once(&master.url(), 1).send(&batch(0..10)).await;
    assert_eq!(sent, Err(SendError::Unconfirmed { replicas: 0, needed: 1 }));
    replica.resume();
    once(&master.url(), 1).send(&batch(0..10)).await.expect("the replica has it");
    assert_eq!(length(replica), 10);
}

/// The program says that too few replicas have what it publishes, and at its end how many times that was so.
#[test]
fn the_program_tells_that_replicas_are_missing() {
    let servers = [RedisServer::start(&[]), RedisServer::start(&["--repl-diskless-sync-delay", "0"])];
    let [master, replica] = &servers;
    let mut command = built("simulator");
    command
        .args(["--count", "5", "--interval", "10ms"])
        .envs([("REDIS_URL", master.url().as_str()), ("CONFIRM_REPLICAS", "1")]);
    let mut simulator = Program::start(&mut command);
    simulator.until("it is told", |simulator| {
        let log = simulator.log();
        if log.contains("too few replicas have the batch: 0 of 1") { Ok(()) } else { Err(log) }
    });
    make_replica(replica, master);
    let ended = simulator.wait(DEADLINE);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(ended.log.contains("batches were sent again, as too few replicas had them times="), "{}", ended.log);
    assert_eq!(different(replica), 5);
}

/// Waits until the stream holds so many readings.
async fn until_it_holds(server: &RedisServer, readings: usize) {
    until_async(&format!("{readings} readings arrive"), DEADLINE, async || match length(server) {
        length if length >= readings => Ok(()),
        length => Err(length),
    })
    .await;
}

/// A fleet whose batches a replica has to have loses nothing when the master dies.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_has_confirmed_survives_the_master() {
    const READINGS: usize = 50 * 100;
    let mut cluster = RedisCluster::with_replicas();
    let owner = cluster.first_master_of(STREAM);
    let replica = cluster.replica_of(owner);
    let settings = FleetSettings {
        antenna_id: "a".to_owned(),
        antennas: 50,
        interval: Duration::from_millis(20),
        count: Some(100),
        ..FleetSettings::default()
    };
    let sink = sink(&cluster.url(), 1);
    let run = tokio::spawn(async move {
        simulator::run(&settings, vec![sink], UnixMillis::now, CancellationToken::new()).await.expect("good settings")
    });
    until_it_holds(cluster.server(owner), 1_000).await;
    cluster.server_mut(owner).kill();
    cluster.until_promoted(replica);
    cluster.server_mut(owner).restart();
    let report = run.await.expect("no panic");
    assert_eq!((report.published, report.dropped), (READINGS as u64, 0));
    assert_eq!(different(cluster.server(replica)), READINGS);
}

/// A replay appends each row once, though the Sentinel makes the replica the master in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_appends_every_row_once_though_the_master_changes() {
    const ROWS: u64 = 30_000;
    let mut watched = Watched::start(&[]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/tests/fixtures/ripe_atlas.csv.gz");
    let settings = ReplaySettings { file: file.into(), speed: None, limit: Some(ROWS) };
    let sink = once(&watched.url(), 1);
    let run = tokio::spawn(async move {
        replay(&settings, sink, ProgressBar::hidden(), CancellationToken::new()).await.expect("a recording")
    });
    until_it_holds(watched.server(0), 2_000).await;
    watched.server_mut(0).kill();
    watched.until_master_is(1);
    watched.server_mut(0).restart();
    // The Sentinel would do so some time later.
    make_replica(watched.server(0), watched.server(1));
    let report = run.await.expect("no panic");
    assert_eq!(report.published, ROWS);
    assert_eq!(length(watched.server(1)) as u64, ROWS);
}
