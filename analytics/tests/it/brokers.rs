//! A real Redis that is not what it was: a replica, loading, locked, cut short, full of other things.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use shared::UnixMillis;
use shared::testing::{DEADLINE, Program, RedisServer, Reservation, built, until};

use crate::programs::{redis, valid};
use crate::support::{Analytics, fill};

fn ask(server: &RedisServer, words: &[&str]) {
    redis::cmd(words[0]).arg(&words[1..]).exec(&mut redis(server)).expect("an answer");
}

/// Analytics with so many entries counted.
fn with_entries(server: &RedisServer, entries: u64) -> Analytics {
    fill(server.port(), "antenna_stream", (0..entries).map(valid));
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.settle(entries);
    analytics
}

/// Waits until the broker is away for a reason with a word in it.
pub(crate) fn wait_for_reason(analytics: &mut Analytics, word: &str) {
    analytics.wait("/api/v1/pipeline", |pipeline| {
        pipeline["phase"] == "broker_away" && pipeline["reason"].as_str().is_some_and(|why| why.contains(word))
    });
}

/// Waits until the stream has a consumer group.
fn wait_for_group(server: &RedisServer) {
    until("the consumer group is made again", DEADLINE, || {
        let groups: Result<Vec<redis::Value>, _> =
            redis::cmd("XINFO").arg("GROUPS").arg("antenna_stream").query(&mut redis(server));
        groups.as_ref().is_ok_and(|groups| groups.len() == 1).then_some(()).ok_or(format!("{groups:?}"))
    });
}

pub(crate) fn lines(analytics: &Analytics, text: &str) -> usize {
    analytics.log().lines().filter(|line| line.contains(text)).count()
}

/// The owner's server is made a replica, and a master again: what is refused is told, both connections are made anew, and
/// nothing is counted twice.
#[test]
fn a_master_that_is_demoted_under_its_owner_is_told_and_left() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 200);
    let nobody = Reservation::new();
    let master = nobody.port().to_string();
    for (serves_stale, word) in [("yes", "READONLY"), ("no", "MASTERDOWN")] {
        ask(&server, &["CONFIG", "SET", "replica-serve-stale-data", serves_stale]);
        ask(&server, &["REPLICAOF", "127.0.0.1", &master]);
        wait_for_reason(&mut analytics, word);
        ask(&server, &["REPLICAOF", "NO", "ONE"]);
        analytics.wait("/readyz", |health| health["ok"] == true);
    }
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    let totals = analytics.settle(300);
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&300.into(), &0.into()), "{totals}");
    assert_eq!(lines(&analytics, "another process"), 0, "{}", analytics.log());
}

/// The key is a string for a while, and the right to look at the stream is missing for a while. Neither says that the stream was
/// deleted: it is the same one afterwards, and nothing of it is told lost.
#[test]
fn a_stream_that_cannot_be_looked_at_is_the_same_one_afterwards() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 500);
    let transact = |commands: [[&str; 3]; 2]| {
        let mut transaction = redis::pipe();
        transaction.atomic();
        for words in commands {
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            transaction.cmd(words[0]).arg(&words[1..]).ignore();
        }
        transaction.exec(&mut redis(&server)).expect("a transaction");
    };
    transact([["RENAME", "antenna_stream", "aside"], ["SET", "antenna_stream", "no stream"]]);
    wait_for_reason(&mut analytics, "WRONGTYPE");
    transact([["DEL", "antenna_stream", ""], ["RENAME", "aside", "antenna_stream"]]);
    analytics.wait("/readyz", |health| health["ok"] == true);
    let mut operator = redis(&server);
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut operator).expect("an answer");
    ask(&["ACL", "SETUSER", "default", "-xinfo"]);
    wait_for_reason(&mut analytics, "NOPERM");
    ask(&["ACL", "SETUSER", "default", "+xinfo"]);
    analytics.wait("/readyz", |health| health["ok"] == true);
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    let totals = analytics.settle(600);
    assert_eq!((&totals["counted"], &totals["trimmed_unread"]), (&600.into(), &0.into()), "{totals}");
}

/// A server that still reads its file answers some commands and not others, which is no change of owner.
#[test]
fn a_broker_that_is_loading_is_waited_for() {
    const ENTRIES: u64 = 6_000;
    let mut server =
        RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no"]);
    let mut analytics = with_entries(&server, ENTRIES);
    server.kill();
    server.restart_with(&["--key-load-delay", "500"], || {
        until("it is told to be loading", DEADLINE, || {
            let reason = analytics.get("/api/v1/pipeline").map(|pipeline| pipeline["reason"].to_string());
            if reason.as_ref().is_some_and(|why| why.contains("LOADING")) { Ok(()) } else { Err(format!("{reason:?}")) }
        });
    });
    analytics.wait("/readyz", |health| health["ok"] == true);
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    let totals = analytics.settle(ENTRIES + 100);
    assert_eq!(totals["counted"], ENTRIES + 100, "{totals}");
    assert_eq!(lines(&analytics, "another process"), 0, "{}", analytics.log());
}

/// What a kept connection was let in with may not do for the next.
#[test]
fn a_broker_that_asks_for_a_password_or_takes_a_right_away_is_told() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 200);
    let mut operator = redis(&server);
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut operator).expect("an answer");
    ask(&["CONFIG", "SET", "requirepass", "hunter2"]);
    ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    wait_for_reason(&mut analytics, "NOAUTH");
    ask(&["CONFIG", "SET", "requirepass", ""]);
    analytics.wait("/readyz", |health| health["ok"] == true);
    for right in ["xread", "hmget"] {
        ask(&["ACL", "SETUSER", "default", &format!("-{right}")]);
        ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        wait_for_reason(&mut analytics, "NOPERM");
        ask(&["ACL", "SETUSER", "default", &format!("+{right}")]);
        analytics.wait("/readyz", |health| health["ok"] == true);
    }
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    assert_eq!(analytics.settle(300)["counted"], 300);
}

/// A right to what a commit does inside its transaction is missing for a while. That is told, and is not taken for a stream or a group
/// that somebody deleted.
#[test]
fn a_right_that_is_missing_in_a_commit_says_nothing_of_the_stream() {
    let server = RedisServer::start(&[]);
    fill(server.port(), "antenna_stream", (0..500).map(valid));
    let mut analytics = Analytics::start(&server.url(), &[("KEEP_ENTRIES", "10"), ("COMMIT_INTERVAL", "50ms")]);
    analytics.settle(500);
    let mut operator = redis(&server);
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut operator).expect("an answer");
    let mut entries = 500;
    for right in ["xtrim", "xgroup|setid", "hset"] {
        ask(&["ACL", "SETUSER", "default", &format!("-{right}")]);
        fill(server.port(), "antenna_stream", (0..100).map(valid));
        wait_for_reason(&mut analytics, "NOPERM");
        ask(&["ACL", "SETUSER", "default", &format!("+{right}")]);
        entries += 100;
        let totals = analytics.settle(entries);
        let told = ["counted", "trimmed_unread", "lost_by_broker"].map(|column| &totals[column]);
        assert_eq!(told, [entries, 0, 0], "{right}: {totals}");
    }
    assert_eq!(lines(&analytics, "made anew"), 0, "{}", analytics.log());
}

/// A user without the right to INFO: the version is known from HELLO, what is not known is told once and absent, and a server that
/// took the place of the one before is noticed by what it lost.
#[test]
fn a_user_without_the_right_to_info_does() {
    let mut server = RedisServer::start(&["--save", ""]);
    let user = ["ACL", "SETUSER", "default", "-info"];
    ask(&server, &user);
    let mut analytics = with_entries(&server, 200);
    let log = analytics.log();
    assert_eq!(lines(&analytics, "no right to INFO"), 1, "{log}");
    let version: HashMap<String, redis::Value> = redis::cmd("HELLO").query(&mut redis(&server)).expect("a greeting");
    let version: String = redis::from_redis_value_ref(&version["version"]).expect("a version");
    assert!(log.lines().any(|line| line.contains("connected to the broker") && line.contains(&version)), "{log}");
    let (_, exposition) = analytics.ask("/metrics", "text/plain").expect("an exposition");
    assert!(!exposition.contains("vigia_broker_evicts"), "{exposition}");
    // Connections that are made anew say nothing again.
    ask(&server, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    assert_eq!(analytics.settle(300)["counted"], 300);
    assert_eq!(lines(&analytics, "no right to INFO"), 1, "{}", analytics.log());
    // Nothing of it was kept.
    server.restart_with(&[], || ());
    ask(&server, &user);
    fill(server.port(), "antenna_stream", (0..50).map(valid));
    let totals = analytics.settle(350);
    let told = ["counted", "lost_by_broker", "imbalance"].map(|column| &totals[column]);
    assert_eq!(told, [50, 300, 0], "{totals}");
}

/// The end of the append-only file is gone, in the middle of a command.
#[test]
fn an_append_only_file_that_is_cut_short_is_gone_back_to() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut analytics = with_entries(&server, 500);
    let file = server.folder().join("appendonlydir/appendonly.aof.1.incr.aof");
    let length = || std::fs::metadata(&file).expect("the append-only file").len();
    let before = length();
    fill(server.port(), "antenna_stream", (0..3_000).map(valid));
    analytics.settle(3_500);
    server.kill();
    let cut = before + (length() - before) / 2;
    std::fs::File::options().write(true).open(&file).and_then(|file| file.set_len(cut)).expect("a shorter file");
    server.restart();
    let kept: u64 = redis::cmd("XLEN").arg("antenna_stream").query(&mut redis(&server)).expect("a length");
    assert!((500..3_500).contains(&kept), "{kept}");
    fill(server.port(), "antenna_stream", (0..100).map(valid));
    let totals = analytics.settle(3_600);
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&(kept + 100).into(), &(3_500 - kept).into()));
    let summary = analytics.get("/api/v1/summary?window=1h").expect("a summary");
    assert_eq!(summary["readings"], kept + 100, "{summary}");
}

/// The server dies behind a deletion that its idle owner has not seen: nothing is counted twice, and nothing of it was lost.
#[test]
fn a_stream_that_is_deleted_before_a_restart_is_counted_once() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut analytics = with_entries(&server, 200);
    ask(&server, &["DEL", "antenna_stream"]);
    server.kill();
    server.restart();
    fill(server.port(), "antenna_stream", (0..50).map(valid));
    let totals = analytics.settle(250);
    assert_eq!((&totals["counted"], &totals["lost_by_broker"]), (&250.into(), &0.into()), "{totals}");
}

/// That a stream was deleted is known to the owner's successor, though nothing was read in between.
#[test]
fn a_stream_that_is_deleted_and_outgrown_is_known_to_the_next_owner() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 200);
    ask(&server, &["DEL", "antenna_stream"]);
    wait_for_group(&server);
    analytics.kill();
    for entries in [500, 800] {
        fill(server.port(), "antenna_stream", (0..300).map(valid));
        let mut analytics = Analytics::start(&server.url(), &[]);
        let totals = analytics.settle(entries);
        assert_eq!((&totals["counted"], &totals["trimmed_unread"]), (&entries.into(), &0.into()), "{totals}");
        // The next one begins with a stream that it has not seen deleted.
        analytics.kill();
        ask(&server, &["DEL", "antenna_stream"]);
    }
}

/// A stream takes another one's place and has more entries before anybody looks; their ids go on, or lie before those that were
/// read, as where the broker's clock was set back.
#[test]
fn a_stream_that_takes_another_one_s_place_is_read_from_its_beginning() {
    for (back_ms, group) in [(0, None), (0, Some("another")), (30_000, None), (30_000, Some("another"))] {
        let server = RedisServer::start(&[]);
        let mut analytics = with_entries(&server, 200);
        let begin_ms = UnixMillis::now().0 - back_ms;
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("DEL").arg("antenna_stream");
        for number in 0..300 {
            pipe.cmd("XADD").arg("antenna_stream").arg(format!("{begin_ms}-{number}"));
            for (name, value) in valid(number) {
                pipe.arg(name).arg(value);
            }
        }
        if let Some(group) = group {
            pipe.cmd("XGROUP").arg("CREATE").arg("antenna_stream").arg(group).arg("0");
        }
        pipe.exec(&mut redis(&server)).expect("the broker takes it");
        // With a group of somebody else's in a stream whose ids go on, only a commit finds ours gone.
        let more = u64::from(group.is_some() && back_ms == 0);
        fill(server.port(), "antenna_stream", (0..more).map(valid));
        let entries = 500 + more;
        let totals = analytics.settle(entries);
        assert_eq!((&totals["counted"], &totals["trimmed_unread"]), (&entries.into(), &0.into()), "{totals}");
        analytics.wait("/api/v1/summary?window=1h", |summary| summary["readings"] == entries);
    }
}

/// State of a version that took an entry's id for the broker's clock: the line names both times and the page with the way out, and
/// what arrives is in a column of the ledger.
#[test]
fn a_watermark_from_2100_is_named_with_the_way_out() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 200);
    assert_eq!(analytics.terminate().0, Some(0));
    let state = "{antenna_stream}:state";
    let meta: String = redis::cmd("HGET").arg(state).arg("meta").query(&mut redis(&server)).expect("the state");
    let mut meta: serde_json::Value = serde_json::from_str(&meta).expect("JSON");
    meta["watermark_ms"] = 4_102_444_800_000_i64.into();
    ask(&server, &["HSET", state, "meta", &meta.to_string()]);
    fill(server.port(), "antenna_stream", (0..50).map(valid));
    let mut analytics = Analytics::start(&server.url(), &[]);
    let totals = analytics.settle(250);
    assert_eq!((&totals["counted"], &totals["too_late"]), (&200.into(), &50.into()), "{totals}");
    let log = analytics.log();
    let line = log.lines().find(|line| line.contains("A watermark ahead of the clock")).expect("a line about it");
    assert!(line.contains("2100-01-01T00:00:00.000Z"), "{line}");
}

/// Whoever destroys the consumer group has not deleted the stream.
#[test]
fn a_group_that_is_destroyed_is_made_again_and_nothing_is_counted_twice() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 200);
    for entries in [250, 300] {
        ask(&server, &["XGROUP", "DESTROY", "antenna_stream", "analytics"]);
        fill(server.port(), "antenna_stream", (0..50).map(valid));
        let totals = analytics.settle(entries);
        assert_eq!(totals["counted"], entries, "{totals}");
        wait_for_group(&server);
    }
}

/// A field of the state that holds something else ends the program with one line that names it and the way out; one that is
/// missing is that pane's readings.
#[test]
fn a_damaged_field_is_named_with_the_way_out() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 500);
    analytics.terminate();
    let state = "{antenna_stream}:state";
    let names: Vec<String> = redis::cmd("HKEYS").arg(state).query(&mut redis(&server)).expect("names");
    let pane = names.iter().find(|name| name.starts_with("pane:")).expect("a pane");
    let get = |name: &str| -> Vec<u8> {
        redis::cmd("HGET").arg(state).arg(name).query(&mut redis(&server)).expect("a field")
    };
    for name in [pane.as_str(), "meta", "antennas:0"] {
        let whole = get(name);
        ask(&server, &["HSET", state, name, "garbage"]);
        let ended = Program::run(built("analytics").env("REDIS_URL", server.url()).env("BIND", "127.0.0.1:0"));
        let said = ended.log;
        assert_eq!(ended.code, Some(1), "{said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains(&format!("field {name} is damaged")) && last.contains("docs/operations.md"), "{said}");
        redis::cmd("HSET").arg(state).arg(name).arg(whole).exec(&mut redis(&server)).expect("a field");
    }
    let epoch = get("epoch");
    ask(&server, &["HSET", state, "epoch", "garbage"]);
    let mut refused = Analytics::start(&server.url(), &[]);
    wait_for_reason(&mut refused, "field epoch is damaged");
    refused.kill();
    redis::cmd("HSET").arg(state).arg("epoch").arg(epoch).exec(&mut redis(&server)).expect("a field");
    ask(&server, &["DEL", "{antenna_stream}:lease"]);
    ask(&server, &["HDEL", state, pane]);
    let mut again = Analytics::start(&server.url(), &[]);
    assert_eq!(again.settle(500)["counted"], 500);
    let readings = again.get("/api/v1/summary?window=1h").expect("a summary")["readings"].as_u64();
    assert!(readings.is_some_and(|readings| readings < 500), "{readings:?}");
}

/// Connections that are cut all the time, and a state that is another one all the time, do not fill the log.
#[test]
fn what_flaps_is_told_once_a_minute() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 200);
    let mut operator = redis(&server);
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut operator).expect("an answer");
    let before = analytics.log().lines().count();
    let until_then = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until_then {
        ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        std::thread::sleep(Duration::from_millis(20));
    }
    analytics.wait("/readyz", |health| health["ok"] == true);
    let cut = analytics.log().lines().count() - before;
    assert!(cut <= 8, "{}", analytics.log());
    for number in 0..6 {
        let commit = format!("9-0-{number}");
        ask(&["HSET", "{antenna_stream}:state", "commit", &commit]);
        until("the term ends", DEADLINE, || {
            let held: Vec<Option<String>> = redis::cmd("HMGET")
                .arg(&["{antenna_stream}:state", "commit"])
                .query(&mut redis(&server))
                .expect("a field");
            let epoch = analytics.get("/api/v1/pipeline").map(|it| it["partitions"][0]["epoch"].clone());
            if epoch.as_ref().and_then(serde_json::Value::as_u64) > Some(number + 1) {
                Ok(())
            } else {
                Err(format!("{held:?} {epoch:?}"))
            }
        });
    }
    let told = analytics.log().lines().count() - before - cut;
    assert!(told <= 5, "{}", analytics.log());
}

/// A policy that lets the broker remove keys is told in one line, and shows as a metric.
#[test]
fn a_broker_that_evicts_is_told() {
    let server = RedisServer::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let analytics = with_entries(&server, 10);
    assert_eq!(lines(&analytics, "maxmemory-policy"), 1, "{}", analytics.log());
    let (_, exposition) = analytics.ask("/metrics", "text/plain").expect("an exposition");
    assert!(exposition.lines().any(|line| line == "vigia_broker_evicts 1"), "{exposition}");
}

/// Whoever takes no commits for longer than a lease is not ready, though it still waits for the answer.
#[test]
fn a_commit_that_hangs_is_no_readiness() {
    let server = RedisServer::start(&[]);
    let mut analytics = with_entries(&server, 10);
    let began = Instant::now();
    ask(&server, &["CLIENT", "PAUSE", "60000", "WRITE"]);
    analytics.wait("/livez", |health| health["phase"] == "broker_away");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(9), "the answer is waited for 10 s, and readiness went after {took:?}");
    ask(&server, &["CLIENT", "UNPAUSE"]);
    analytics.wait("/readyz", |health| health["ok"] == true);
}
