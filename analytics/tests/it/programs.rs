//! The program `analytics` on a real Redis: a million entries, faults of the broker, two owners, signals, settings.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use shared::api::path;
use shared::testing::{DEADLINE, Program, RedisServer, built, until};
use shared::{Rejection, UnixMillis};

use crate::support::{Analytics, fill};

pub(crate) type Pairs = Vec<(&'static str, String)>;

pub(crate) fn valid(number: u64) -> Pairs {
    vec![
        ("antenna_id", format!("antenna-{}", number % 1_000)),
        ("timestamp", (UnixMillis::now().0 / 1000).to_string()),
        ("packets", "100".to_owned()),
        ("loss", (number % 3).to_string()),
        ("latency", format!("{}.5", 10 + number % 90)),
    ]
}

/// One entry for each way to be no reading, with its reason.
fn bad() -> Vec<(Rejection, Pairs)> {
    let with = |name: &'static str, value: &str| {
        let mut pairs = valid(1);
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = value.to_owned(),
            None => pairs.push((name, value.to_owned())),
        }
        pairs
    };
    let without = |name: &str| valid(1).into_iter().filter(|(known, _)| *known != name).collect::<Pairs>();
    let mut bad = vec![(Rejection::LossExceedsPackets, with("loss", "101"))];
    bad.extend(["antenna_id", "timestamp", "packets", "loss"].map(|name| (Rejection::MissingField, without(name))));
    bad.extend(["", "a\u{7}b", &"x".repeat(254)].map(|id| (Rejection::BadAntennaId, with("antenna_id", id))));
    let timestamps = ["-1", "soon", "1e", "253402300800", "", "1..0"];
    bad.extend(timestamps.map(|timestamp| (Rejection::BadTimestamp, with("timestamp", timestamp))));
    bad.extend(["-1", "4294967296", "1.5", ""].map(|packets| (Rejection::BadPackets, with("packets", packets))));
    bad.extend(["-1", "x"].map(|loss| (Rejection::BadLoss, with("loss", loss))));
    bad.extend(["-1", "inf", "nan", "1e308", "x"].map(|latency| (Rejection::BadLatency, with("latency", latency))));
    bad.extend(["-1", "18446744073709551616", ""].map(|seq| (Rejection::BadSeq, with("seq", seq))));
    let tomorrow = (UnixMillis::now().0 / 1000 + 86_400).to_string();
    bad.push((Rejection::Future, with("timestamp", &tomorrow)));
    bad
}

pub(crate) fn redis(server: &RedisServer) -> redis::Connection {
    redis::Client::open(server.url()).and_then(|client| client.get_connection()).expect("a connection")
}

#[test]
fn a_million_entries_and_every_kind_of_bad_one_drain_in_balance() {
    const VALID: u64 = 1_000_000;
    let server = RedisServer::start(&[]);
    let bad = bad();
    let every = VALID / bad.len() as u64;
    let entries = (0..VALID).flat_map(|number| {
        // The bad ones lie among the valid ones, not behind them.
        let index = usize::try_from(number / every).expect("an index");
        let bad = if number % every == 0 { bad.get(index).map(|(_, pairs)| pairs.clone()) } else { None };
        std::iter::once(valid(number)).chain(bad)
    });
    fill(server.port(), "antenna_stream", entries);
    let mut analytics = Analytics::start(&server.url(), &[]);
    let totals = analytics.settle(VALID + bad.len() as u64);
    assert_eq!(totals["counted"], VALID, "{totals}");
    for reason in Rejection::ALL {
        let expected = bad.iter().filter(|(why, _)| *why == reason).count();
        assert_eq!(totals["rejected"][reason.as_str()], expected, "{reason}: {totals}");
    }
    let mut letters: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg("{antenna_stream}:rejected")
        .arg("-")
        .arg("+")
        .query(&mut redis(&server))
        .expect("entries");
    assert_eq!(letters.ids.len(), bad.len());
    for ((reason, pairs), letter) in bad.iter().zip(&mut letters.ids) {
        assert_eq!(letter.get::<String>("reason").as_deref(), Some(reason.as_str()), "{pairs:?}");
        assert!(letter.get::<String>("source_id").is_some_and(|id| id.contains('-')));
        for (name, value) in pairs {
            assert_eq!(letter.get::<String>(name).as_ref(), Some(value), "{reason}");
        }
    }
    // The group shows the lag to others, and what was read is trimmed but for what is to be kept.
    let groups: Vec<std::collections::HashMap<String, redis::Value>> =
        redis::cmd("XINFO").arg("GROUPS").arg("antenna_stream").query(&mut redis(&server)).expect("groups");
    assert_eq!(groups[0]["lag"], redis::Value::Int(0), "{groups:?}");
    let length: u64 = redis::cmd("XLEN").arg("antenna_stream").query(&mut redis(&server)).expect("a length");
    assert!((10_000..=10_000 + 2 * 65_536).contains(&length), "{length} entries are kept");
}

#[test]
fn a_broker_that_dies_takes_nothing_along() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    fill(server.port(), "antenna_stream", (0..500).map(valid));
    let mut analytics = Analytics::start(&server.url(), &[]);
    let before = analytics.settle(500);
    server.kill();
    let summary = until("analytics is not ready", DEADLINE, || {
        // The last snapshot is served, but not as ready.
        let summary = analytics.get("/api/v1/summary").expect("a summary");
        assert_eq!(analytics.ask("/livez", "*/*").map(|(status, _)| status), Some(200));
        match analytics.ask("/readyz", "*/*").map(|(status, _)| status) {
            Some(503) => Ok(summary),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(summary["readings"], 500);
    server.restart();
    analytics.wait("/readyz", |health| health["ok"] == true);
    fill(server.port(), "antenna_stream", (0..500).map(valid));
    let after = analytics.settle(1_000);
    assert_eq!(after["counted"].as_u64(), before["counted"].as_u64().map(|count| count + 500));
    let (code, took) = analytics.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// A dump from before most of the readings is put back under a living owner, as after a failover to a replica that was
/// behind. What is shown is what the broker still holds, and what it lost has its column.
#[test]
fn a_broker_that_goes_back_is_read_anew_and_what_it_lost_is_told() {
    let mut server = RedisServer::start(&[]);
    let mut analytics = Analytics::start(&server.url(), &[]);
    fill(server.port(), "antenna_stream", (0..500).map(valid));
    analytics.settle(500);
    redis::cmd("SAVE").exec(&mut redis(&server)).expect("a dump");
    fill(server.port(), "antenna_stream", (0..30_000).map(valid));
    analytics.settle(30_500);
    server.restart();
    fill(server.port(), "antenna_stream", (0..700).map(valid));
    let totals = analytics.settle(31_200);
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&1_200.into(), &30_000.into()), "{totals}");
    assert_eq!((&totals["trimmed_unread"], &totals["duplicates"]), (&0.into(), &0.into()), "{totals}");
    let summary = analytics.get("/api/v1/summary?window=1h").expect("a summary");
    assert_eq!(summary["readings"], 1_200, "{summary}");
    let log = analytics.log();
    assert_eq!(log.lines().filter(|line| line.contains("lost entries that it had confirmed")).count(), 1, "{log}");
    // Another process that starts now finds the same.
    analytics.terminate();
    let mut again = Analytics::start(&server.url(), &[]);
    assert_eq!(again.settle(31_200), totals);
}

/// A connection that was cut comes back with the owner's name, and an empty broker is told as one.
#[test]
fn a_lease_keeps_its_owner_and_an_emptied_broker_is_told() {
    let server = RedisServer::start(&[]);
    let mut analytics = Analytics::start(&server.url(), &[]);
    fill(server.port(), "antenna_stream", (0..300).map(valid));
    analytics.settle(300);
    let lease = || {
        let lease: Option<String> =
            redis::cmd("GET").arg("{antenna_stream}:lease").query(&mut redis(&server)).expect("a key");
        lease
    };
    let owner = lease().expect("an owner");
    redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).exec(&mut redis(&server)).expect("cut connections");
    fill(server.port(), "antenna_stream", (0..300).map(valid));
    analytics.settle(600);
    assert_eq!(lease(), Some(owner));
    redis::cmd("FLUSHALL").exec(&mut redis(&server)).expect("an empty broker");
    until("the loss is told", DEADLINE, || {
        let log = analytics.log();
        if log.contains("it has lost the state") { Ok(()) } else { Err(log) }
    });
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    let totals = analytics.settle(700);
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&100.into(), &600.into()), "{totals}");
}

#[test]
fn a_second_replica_takes_over_where_the_first_was_killed() {
    let server = RedisServer::start(&[]);
    let mut first = Analytics::start(&server.url(), &[]);
    first.wait("/readyz", |health| health["ok"] == true);
    let mut second = Analytics::start(&server.url(), &[]);
    second.wait("/readyz", |health| health["ok"] == true);
    fill(server.port(), "antenna_stream", (0..300).map(valid));
    first.settle(300);
    first.kill();
    fill(server.port(), "antenna_stream", (0..300).map(valid));
    let totals = second.settle(600);
    assert_eq!(totals["counted"], 600);
}

#[test]
fn a_broker_that_refuses_is_told_in_one_line_and_heals() {
    let server = RedisServer::start(&[]);
    redis::cmd("SET").arg("antenna_stream").arg("not a stream").exec(&mut redis(&server)).expect("a string");
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.wait("/livez", |health| health["phase"] == "broker_away");
    redis::cmd("DEL").arg("antenna_stream").exec(&mut redis(&server)).expect("it is gone");
    analytics.wait("/readyz", |health| health["ok"] == true);
    fill(server.port(), "antenna_stream", (0..10).map(valid));
    assert_eq!(analytics.settle(10)["counted"], 10);
    // A user that may not write, as an ACL mistake would have it.
    redis::cmd("ACL").arg("SETUSER").arg("default").arg("-hset").exec(&mut redis(&server)).expect("an ACL");
    fill(server.port(), "antenna_stream", (0..10).map(valid));
    analytics.wait("/livez", |health| health["phase"] == "broker_away");
    redis::cmd("ACL").arg("SETUSER").arg("default").arg("+hset").exec(&mut redis(&server)).expect("an ACL");
    assert_eq!(analytics.settle(20)["counted"], 20);
    let log = analytics.log();
    assert_eq!(log.lines().filter(|line| line.contains("WRONGTYPE")).count(), 1, "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("committing: the broker refuses")).count(), 1, "{log}");
}

#[test]
fn a_broker_that_asks_for_a_password_gets_it_or_is_told() {
    let server = RedisServer::start(&["--requirepass", "secret"]);
    let mut refused = Analytics::start(&server.url(), &[]);
    refused.wait("/livez", |health| health["phase"] == "broker_away");
    assert_eq!(refused.log().lines().filter(|line| line.contains("NOAUTH")).count(), 1);
    let url = format!("redis://:secret@127.0.0.1:{}", server.port());
    let mut admitted = Analytics::start(&url, &[]);
    admitted.wait("/readyz", |health| health["ok"] == true);
    let log = admitted.log();
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_scraper_gets_an_exposition_that_promtool_likes() {
    let server = RedisServer::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    // Availability is known of an antenna that has reported at two times.
    let mut earlier = valid(0);
    earlier[1].1 = (UnixMillis::now().0 / 1000 - 10).to_string();
    fill(server.port(), "antenna_stream", std::iter::once(earlier).chain((0..500).map(valid)));
    // What the archive is about is absent where there is none.
    let archive = format!("file://{}", folder.path().join("archive").display());
    // So is what alerts are about where nobody is told.
    let alerts = folder.path().join("alerts.toml");
    let receiver =
        "[[receiver]]\nname = 'hook'\ntype = 'webhook'\nurl = 'http://127.0.0.1:9'\n[[route]]\nreceivers = ['hook']\n";
    std::fs::write(&alerts, receiver).expect("a file");
    let alerts = alerts.to_str().expect("text");
    // And what sites are about where none is named; what they are called is data.
    let antennas = folder.path().join("antennas.toml");
    let site = "nor\\\"th} 1";
    let entries = format!("[[antenna]]\nid = \"*\"\nsite = {site:?}\n[[antenna]]\nid = \"nobody\"\n");
    std::fs::write(&antennas, entries).expect("a file");
    let antennas = antennas.to_str().expect("text");
    let settings = [("ARCHIVE", &*archive), ("ALERTS_FILE", alerts), ("ANTENNAS_FILE", antennas)];
    let mut analytics = Analytics::start(&server.url(), &settings);
    analytics.settle(501);
    analytics.wait(path::ALERTS, |page| !page["as_of"].is_null());
    let (status, exposition) = analytics.ask("/metrics", "text/plain").expect("an exposition");
    assert_eq!(status, 200);
    for (name, _) in analytics::http::exposition::METRICS {
        assert!(exposition.contains(&format!("# TYPE {name} ")), "{name} is missing from {exposition}");
    }
    let is_told = |line: &str| exposition.lines().any(|told| told == line);
    assert!(is_told("vigia_antennas_unseen 1"), "{exposition}");
    let escaped = site.replace('\\', "\\\\").replace('"', "\\\"");
    assert!(is_told(&format!("vigia_site_antennas{{site=\"{escaped}\",status=\"unseen\"}} 1")), "{exposition}");
    assert!(!exposition.contains("vigia_antennas{status=\"unseen\"}"), "{exposition}");
    let file = folder.path().join("metrics");
    std::fs::write(&file, exposition).expect("a file");
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(file).expect("the file"))
        .output()
        .expect("promtool, from Debian's package prometheus");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

/// A counter that jumps from 0 to what it is looks to a scraper as if all of it had happened just now.
#[test]
fn a_process_that_owns_nothing_tells_the_ledger_of_who_does() {
    const LEDGER: [&str; 10] = [
        "vigia_stream_entries_added_total",
        "vigia_entries_counted_total",
        "vigia_entries_duplicate_total",
        "vigia_entries_rejected_total",
        "vigia_entries_too_late_total",
        "vigia_entries_trimmed_unread_total",
        "vigia_entries_lost_by_broker_total",
        "vigia_broker_evicts",
        "vigia_stream_lag_entries",
        "vigia_ledger_imbalance_entries",
    ];
    let server = RedisServer::start(&[]);
    let mut owner = Analytics::start(&server.url(), &[]);
    fill(server.port(), "antenna_stream", (0..300).map(valid));
    owner.settle(300);
    let mut other = Analytics::start(&server.url(), &[]);
    other.settle(300);
    let told = |process: &Analytics| {
        let (_, exposition) = process.ask("/metrics", "text/plain").expect("an exposition");
        for metric in LEDGER {
            assert!(exposition.contains(&format!("# TYPE {metric} ")), "{metric} is missing from {exposition}");
        }
        assert!(exposition.lines().any(|line| line == "vigia_entries_counted_total 300"), "{exposition}");
    };
    other.wait("/readyz", |health| health["ok"] == true);
    told(&other);
    owner.kill();
    other.settle(300);
    told(&other);
}

#[test]
fn a_bad_setting_stops_the_program_with_one_line_that_names_it() {
    let run = |arguments: &[&str], settings: &[(&str, &str)]| {
        let ended = Program::run(built("analytics").args(arguments).envs(settings.iter().copied()));
        (ended.code, ended.log)
    };
    for (arguments, settings, named) in [
        (vec!["--pnae", "5s"], vec![], "--pnae"),
        (vec!["--pane", "soon"], vec![], "--pane (PANE)"),
        (vec![], vec![("PANE", "0s")], "--pane (PANE)"),
        (vec![], vec![("PANE", "5m"), ("RETENTION", "1m")], "--retention (RETENTION)"),
        (vec![], vec![("PANE", "1ms"), ("RETENTION", "1h")], "--retention (RETENTION)"),
        (vec![], vec![("BATCH_MAX", "0")], "--batch-max (BATCH_MAX)"),
        (vec![], vec![("BIND", "here")], "--bind (BIND)"),
        (vec![], vec![("STREAM_PARTITIONS", "0")], "--stream-partitions (STREAM_PARTITIONS)"),
        (vec![], vec![("REDIS_URL", "http://redis")], "--redis-url (REDIS_URL)"),
        (vec![], vec![("DEGRADED_SUCCESS_RATE", "95")], "--degraded-success-rate (DEGRADED_SUCCESS_RATE)"),
        (vec![], vec![("LOG_FORMAT", "xml")], "--log-format (LOG_FORMAT)"),
    ] {
        let (code, said) = run(&arguments, &settings);
        assert_eq!(code, Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(named), "{named} is not named: {said}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let (code, said) = run(&[], &[("BIND", &address), ("RUST_LOG", "off")]);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("BIND") && said.contains(&address), "{said}");
}

/// More clients than the process may open descriptors, all of which just wait.
#[test]
fn idle_clients_stop_neither_the_probes_nor_the_commits() {
    let server = RedisServer::start(&[]);
    let mut analytics = Analytics::start_with_descriptors(&server.url(), 300);
    analytics.wait(path::READYZ, |_| true);
    let address = analytics.base().trim_start_matches("http://").to_owned();
    // What was turned away is closed at once, and stays open on this side.
    let idle: Vec<_> = (0..400).filter_map(|_| TcpStream::connect(&address).ok()).collect();
    assert_eq!(idle.len(), 400);
    for path in [path::LIVEZ, path::READYZ] {
        assert_eq!(analytics.ask(path, "*/*").map(|(status, _)| status), Some(200), "{path}");
    }
    // The broker loses all connections, and new ones need descriptors.
    let mut connection = redis(&server);
    redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).exec(&mut connection).expect("connections are killed");
    fill(server.port(), "antenna_stream", (0..1_000).map(valid));
    let totals = analytics.settle(1_000);
    assert_eq!(totals["counted"], 1_000, "{totals}");
    drop(idle);
}
