//! Memory is bounded by bytes: entries that are far larger than a reading, on a real Redis.

use redis::Connection;
use shared::testing::RedisServer;

use crate::support::Analytics;

/// So many bytes no reading has.
const LARGE: usize = 1024 * 1024;

/// The most that the process has had in memory so far, in bytes.
fn peak_memory(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

fn connect(server: &RedisServer) -> Connection {
    redis::Client::open(server.url()).and_then(|client| client.get_connection()).expect("a connection")
}

#[test]
fn entries_of_a_megabyte_do_not_pile_up_and_their_copies_are_cut() {
    let server = RedisServer::start(&[]);
    let mut redis = connect(&server);
    let large = "x".repeat(LARGE);
    let add = |redis: &mut Connection, pairs: &[(&str, &str)]| {
        redis::cmd("XADD").arg("antenna_stream").arg("*").arg(pairs).exec(redis).expect("an entry");
    };
    for number in 0..60 {
        add(&mut redis, &[("antenna_id", &large), ("number", &number.to_string())]);
    }
    // A single one that is larger than any reply may be, and one with many fields.
    add(&mut redis, &[("note", &large.repeat(40))]);
    add(&mut redis, &vec![("", "x"); 100_000]);
    add(&mut redis, &[("antenna_id", "a"), ("timestamp", "1700000000"), ("packets", "1"), ("loss", "0")]);
    let mut analytics = Analytics::start(&server.url(), &[]);
    let totals = analytics.settle(63);
    assert_eq!(totals["rejected"]["missing_field"], 62, "{totals}");
    assert_eq!((&totals["counted"], &totals["imbalance"]), (&1.into(), &0.into()), "{totals}");
    let peak = peak_memory(analytics.id());
    assert!(peak < 320 * LARGE, "it took {} MiB", peak / LARGE);
    let copies: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg("{antenna_stream}:rejected").arg("-").arg("+").query(&mut redis).expect("entries");
    assert_eq!(copies.len(), 62);
    for (number, (_, pairs)) in copies.iter().take(60).enumerate() {
        let cut = format!("{}... ({LARGE} bytes)", "x".repeat(1024));
        assert_eq!(pairs[..2], [("antenna_id".to_owned(), cut), ("number".to_owned(), number.to_string())]);
    }
    let (field, more) = &copies[61].1[copies[61].1.len() - 3];
    assert!(field == "..." && more.ends_with(" more fields"), "{field} {more}");
    // It starts again, though what older versions copied is as long as it was.
    analytics.terminate();
    for number in 0..60 {
        let source_id = format!("1-{number}");
        let pairs = [("note", large.as_str()), ("reason", "missing_field"), ("source_id", &source_id)];
        redis::cmd("XADD").arg("{antenna_stream}:rejected").arg("*").arg(&pairs).exec(&mut redis).expect("an entry");
    }
    let mut again = Analytics::start(&server.url(), &[]);
    again.settle(63);
    let peak = peak_memory(again.id());
    assert!(peak < 200 * LARGE, "it took {} MiB", peak / LARGE);
}
