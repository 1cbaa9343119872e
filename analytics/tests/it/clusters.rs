//! Real servers that take each other's place: a Redis Cluster, and servers that a Sentinel watches over.

use std::time::{Duration, Instant};

use shared::keys::StreamKeys;
use shared::testing::sentinel::NAME;
use shared::testing::{DEADLINE, Program, RedisCluster, RedisServer, Reservation, Signal, Watched, built, until};

use crate::brokers::{lines, wait_for_reason};
use crate::programs::valid;
use crate::support::{Analytics, fill};

const STREAM: &str = "antenna_stream";

/// What the change of server may take, once there is another one. On a busy machine it takes a second or two.
const SECONDS: Duration = Duration::from_secs(10);

fn add(server: &RedisServer, entries: u64) {
    fill(server.port(), STREAM, (0..entries).map(valid));
}

/// Waits until nobody but the one who asks, and a Sentinel, is connected to a server.
fn until_left(server: &RedisServer) {
    until("the old master is left", DEADLINE, || {
        let clients = server.ask(&["CLIENT", "LIST", "TYPE", "normal"]);
        let left = clients.lines().filter(|client| !client.contains(" name=sentinel-")).count();
        if left == 1 { Ok(()) } else { Err(clients) }
    });
}

/// Waits until a replica has all that its master has.
fn until_replicated(master: &RedisServer, replica: &RedisServer) {
    let offset = |server: &RedisServer| {
        let said = server.ask(&["INFO", "replication"]);
        said.lines().find(|line| line.starts_with("master_repl_offset")).map(str::to_owned)
    };
    until("the replica has everything", DEADLINE, || {
        let (master, replica) = (offset(master), offset(replica));
        if master == replica { Ok(()) } else { Err(format!("{master:?} {replica:?}")) }
    });
}

/// How many entries were ever added to the stream on a server.
fn entries_added(server: &RedisServer) -> u64 {
    let said = server.ask(&["XINFO", "STREAM", STREAM]);
    let mut lines = said.lines().skip_while(|line| *line != "entries-added");
    lines.nth(1).and_then(|line| line.parse().ok()).expect("a count")
}

fn is_told_once(analytics: &Analytics, address: &RedisServer) {
    let log = analytics.log();
    assert_eq!(lines(analytics, "is not as it was left"), 1, "{log}");
    assert_eq!(lines(analytics, "another process"), 0, "{log}");
    let address = format!("address=127.0.0.1:{}", address.port());
    assert!(log.lines().any(|line| line.contains("connected to the broker") && line.contains(&address)), "{log}");
}

/// Whichever server is asked first, and however servers are announced, the stream is found.
#[test]
fn a_stream_in_a_cluster_is_found_and_drained() {
    let cluster = RedisCluster::start(2, &[]);
    let owner = cluster.first_master_of(STREAM);
    let (nobody, other) = (Reservation::new(), cluster.server(1 - owner));
    let url = format!("redis+cluster://{},localhost:{}/0", nobody.address(), other.port());
    add(cluster.server(owner), 300);
    let mut analytics = Analytics::start(&url, &[]);
    analytics.settle(300);
    let mut entries = 300;
    for announced in ["hostname", "unknown-endpoint", "ip"] {
        for number in 0..2 {
            let server = cluster.server(number);
            server.ask(&["CONFIG", "SET", "cluster-announce-hostname", "localhost"]);
            server.ask(&["CONFIG", "SET", "cluster-preferred-endpoint-type", announced]);
        }
        for number in 0..2 {
            cluster.server(number).ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        }
        add(cluster.server(owner), 100);
        entries += 100;
        assert_eq!(analytics.settle(entries)["counted"], entries);
    }
    // A rejected entry is written to another key of the same slot.
    fill(cluster.server(owner).port(), STREAM, std::iter::once(vec![("antenna_id", "a".to_owned())]));
    assert_eq!(analytics.settle(entries + 1)["counted"], entries);
    assert_eq!(cluster.server(owner).ask(&["XLEN", &StreamKeys::new(STREAM).rejected]), "1");
    analytics.terminate();
    let mut again = Analytics::start(&cluster.url(), &[]);
    assert_eq!(again.settle(entries + 1)["counted"], entries);
}

/// A user without the right to CLUSTER SHARDS, and without INFO: servers say where the stream is when they are asked for it.
#[test]
fn a_user_who_may_not_ask_where_slots_are_does() {
    let cluster = RedisCluster::start(2, &[]);
    let owner = cluster.first_master_of(STREAM);
    for number in 0..2 {
        cluster.server(number).ask(&["ACL", "SETUSER", "vigia", "on", ">hunter2", "~*", "+@all", "-cluster", "-info"]);
    }
    add(cluster.server(owner), 300);
    let [other, right] = [1 - owner, owner].map(|number| cluster.server(number).port());
    let url = format!("redis+cluster://vigia:hunter2@127.0.0.1:{other},127.0.0.1:{right}");
    let mut analytics = Analytics::start(&url, &[]);
    assert_eq!(analytics.settle(300)["counted"], 300);
    for number in 0..2 {
        cluster.server(number).ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    add(cluster.server(owner), 100);
    assert_eq!(analytics.settle(400)["counted"], 400);
    assert_eq!(lines(&analytics, "no right to CLUSTER SHARDS"), 1, "{}", analytics.log());
    assert!(!analytics.log().contains("hunter2"), "{}", analytics.log());
}

/// Its replica takes the place of a master that is killed. What the replica had not copied is told lost, and nothing else.
#[test]
fn a_master_that_dies_is_replaced_and_what_only_it_had_is_told() {
    let mut cluster = RedisCluster::with_replicas();
    let owner = cluster.first_master_of(STREAM);
    let replica = cluster.replica_of(owner);
    add(cluster.server(owner), 200);
    let mut analytics = Analytics::start(&cluster.url(), &[]);
    analytics.settle(200);
    until_replicated(cluster.server(owner), cluster.server(replica));
    cluster.server(owner).cut_off(cluster.server(replica));
    add(cluster.server(owner), 100);
    assert_eq!(analytics.settle(300)["counted"], 300);
    cluster.server_mut(owner).kill();
    cluster.until_promoted(replica);
    let promoted = Instant::now();
    add(cluster.server(replica), 50);
    let totals = analytics.settle(350);
    assert!(promoted.elapsed() < SECONDS, "{:?}", promoted.elapsed());
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&250.into(), &100.into()), "{totals}");
    is_told_once(&analytics, cluster.server(replica));
    // The server of before comes back as a replica, and nobody takes it for the master.
    cluster.server_mut(owner).restart();
    cluster.until_it_says(owner, "INFO replication", &["role:slave", "master_link_status:up"]);
    add(cluster.server(replica), 50);
    assert_eq!(analytics.settle(400)["counted"], 300);
    until_left(cluster.server(owner));
}

/// A master that hands over to its replica and lives on is left at once, by the connection that reads as well.
#[test]
fn a_master_that_is_demoted_in_a_cluster_is_left() {
    let cluster = RedisCluster::with_replicas();
    let owner = cluster.first_master_of(STREAM);
    let replica = cluster.replica_of(owner);
    add(cluster.server(owner), 200);
    let mut analytics = Analytics::start(&cluster.url(), &[]);
    analytics.settle(200);
    cluster.server(replica).ask(&["CLUSTER", "FAILOVER"]);
    cluster.until_promoted(replica);
    let promoted = Instant::now();
    cluster.until_it_says(owner, "INFO replication", &["role:slave"]);
    until_left(cluster.server(owner));
    add(cluster.server(replica), 100);
    let totals = analytics.settle(300);
    assert!(promoted.elapsed() < SECONDS, "{:?}", promoted.elapsed());
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&300.into(), &0.into()), "{totals}");
    is_told_once(&analytics, cluster.server(replica));
}

/// The slot is moved to another master while antennas publish, one key after the other, with each key away for a while. Who commits
/// and who publishes wait meanwhile; nothing is lost, and nothing counts twice.
#[test]
fn a_slot_that_is_moved_is_followed() {
    let cluster = RedisCluster::start(2, &[]);
    let from = cluster.first_master_of(STREAM);
    let to = 1 - from;
    let url = cluster.url();
    let mut antennas =
        Program::start(built("simulator").args(["--antennas", "50", "--interval", "20ms"]).env("REDIS_URL", &url));
    let mut analytics = Analytics::start(&url, &[]);
    analytics.wait("/api/v1/pipeline", |it| it["totals"]["counted"].as_u64() > Some(500));
    let keys = StreamKeys::new(STREAM);
    cluster.begin_to_move(STREAM, from, to);
    cluster.move_key(&keys.state, from, to);
    wait_for_reason(&mut analytics, "ASK ");
    for key in [&keys.lease, &keys.rejected, &keys.stream] {
        cluster.move_key(key, from, to);
    }
    let mut until_told = |line: &str| {
        antennas.until(line, |antennas| if antennas.log().contains(line) { Ok(()) } else { Err("it is not told yet") });
    };
    until_told("not now: ASK ");
    cluster.end_to_move(STREAM, from, to);
    until_told("takes readings again");
    let ended = antennas.end(Signal::Terminate, DEADLINE);
    let published = ended.log.split_once("published=").and_then(|(_, behind)| behind.split(' ').next()?.parse().ok());
    let published: u64 = published.expect("how many were published");
    let address = format!("address=\"127.0.0.1:{}\"", cluster.server(to).port());
    let is_told = ended.log.lines().any(|line| line.contains("takes readings again") && line.contains(&address));
    assert!(ended.code == Some(0) && ended.log.contains("dropped=0") && is_told, "{}", ended.log);
    let entries = entries_added(cluster.server(to));
    let totals = analytics.settle(entries);
    let column = |name: &str| totals[name].as_u64();
    assert_eq!((column("counted"), column("duplicates")), (Some(published), Some(entries - published)), "{totals}");
    assert_eq!((column("lost_by_broker"), column("trimmed_unread")), (Some(0), Some(0)), "{totals}");
    is_told_once(&analytics, cluster.server(to));
}

/// A cluster that is down because a part of it is, and a server that still reads its file, pass by themselves.
#[test]
fn a_cluster_that_is_down_is_waited_for() {
    let mut cluster = RedisCluster::start(2, &["--cluster-node-timeout", "500"]);
    let owner = cluster.first_master_of(STREAM);
    add(cluster.server(owner), 200);
    let mut analytics = Analytics::start(&cluster.url(), &[]);
    analytics.settle(200);
    cluster.server_mut(1 - owner).kill();
    wait_for_reason(&mut analytics, "CLUSTERDOWN");
    cluster.server_mut(1 - owner).restart();
    analytics.wait("/readyz", |health| health["ok"] == true);
    add(cluster.server(owner), 100);
    assert_eq!(analytics.settle(300)["counted"], 300);
    assert_eq!(lines(&analytics, "is not as it was left"), 0, "{}", analytics.log());

    const ENTRIES: u64 = 6_000;
    let arguments = ["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"];
    let mut cluster = RedisCluster::start(1, &arguments);
    add(cluster.server(0), ENTRIES);
    let mut analytics = Analytics::start(&cluster.url(), &[]);
    analytics.settle(ENTRIES);
    cluster.server_mut(0).kill();
    cluster.server_mut(0).restart_with(&["--key-load-delay", "500"], || wait_for_reason(&mut analytics, "LOADING"));
    analytics.wait("/readyz", |health| health["ok"] == true);
    add(cluster.server(0), 100);
    assert_eq!(analytics.settle(ENTRIES + 100)["counted"], ENTRIES + 100);
}

/// The Sentinel hands over from a master that lives on.
#[test]
fn a_master_that_a_sentinel_demotes_is_left() {
    let watched = Watched::start(&[]);
    add(watched.server(0), 200);
    let nobody = Reservation::new();
    let url = format!("redis+sentinel://{},127.0.0.1:{}/{NAME}/0", nobody.address(), watched.port());
    let mut analytics = Analytics::start(&url, &[]);
    analytics.settle(200);
    watched.ask(&["SENTINEL", "FAILOVER", NAME]);
    watched.until_master_is(1);
    let promoted = Instant::now();
    add(watched.server(1), 100);
    let totals = analytics.settle(300);
    // The old master itself is told ten seconds later, and takes writes until then.
    until_left(watched.server(0));
    assert!(promoted.elapsed() < SECONDS, "{:?}", promoted.elapsed());
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&300.into(), &0.into()), "{totals}");
    is_told_once(&analytics, watched.server(1));
}

/// The Sentinel replaces a master that is killed.
#[test]
fn a_master_that_a_sentinel_replaces_is_followed() {
    let mut watched = Watched::start(&[]);
    add(watched.server(0), 200);
    let mut analytics = Analytics::start(&watched.url(), &[]);
    analytics.settle(200);
    until_replicated(watched.server(0), watched.server(1));
    watched.server(0).cut_off(watched.server(1));
    add(watched.server(0), 100);
    analytics.settle(300);
    watched.server_mut(0).kill();
    watched.until_master_is(1);
    let promoted = Instant::now();
    add(watched.server(1), 50);
    let totals = analytics.settle(350);
    assert!(promoted.elapsed() < SECONDS, "{:?}", promoted.elapsed());
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&250.into(), &100.into()), "{totals}");
    is_told_once(&analytics, watched.server(1));
}

/// What is not as the settings say is told in words that name the setting.
#[test]
fn settings_that_do_not_fit_are_blamed() {
    let (cluster, watched) = (RedisCluster::start(2, &[]), Watched::start(&[]));
    let owner = cluster.first_master_of(STREAM);
    let [other, master] = [cluster.server(1 - owner), watched.server(0)].map(RedisServer::port);
    // A Sentinel that has not heard yet.
    let replica = watched.server(1).port().to_string();
    watched.ask(&["SENTINEL", "MONITOR", "late", "127.0.0.1", &replica, "1"]);
    let sentinel = format!("redis+sentinel://127.0.0.1:{}", watched.port());
    for (url, blamed) in [
        (format!("redis://127.0.0.1:{other}"), "redis+cluster://"),
        (format!("redis+cluster://127.0.0.1:{master}"), "no server of a cluster"),
        (format!("redis+sentinel://127.0.0.1:{master}/{NAME}"), "no Sentinel"),
        (format!("{sentinel}/unheard"), "no master of the name unheard, which REDIS_URL has behind the /"),
        (format!("{sentinel}/late"), "it is a replica"),
    ] {
        let mut analytics = Analytics::start(&url, &[]);
        wait_for_reason(&mut analytics, blamed);
    }
    watched.ask(&["ACL", "SETUSER", "default", "resetpass", ">hunter2"]);
    let url = format!("{sentinel}/{NAME}");
    for password in ["wrong", "hunter2"] {
        let mut analytics = Analytics::start(&url, &[("REDIS_SENTINEL_PASSWORD", password)]);
        if password == "wrong" {
            wait_for_reason(&mut analytics, "REDIS_SENTINEL_PASSWORD");
        } else {
            analytics.wait("/readyz", |health| health["ok"] == true);
        }
        assert!(!analytics.log().contains("hunter2"), "{}", analytics.log());
    }
}
