//! The program as people and Kubernetes run it: exit codes, what it says, and how it stops.

use std::io::Write as _;
use std::process::Command;

use shared::testing::{DEADLINE, Ended, Program, RedisServer, Signal, built};

/// The program with these arguments.
fn simulator(arguments: &[&str]) -> Command {
    let mut command = built("simulator");
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    outcome(Program::run(command))
}

fn outcome(ended: Ended) -> (Option<i32>, String) {
    assert!(ended.output.is_empty(), "standard output is for nothing but help");
    (ended.code, ended.log)
}

fn length(url: &str) -> u64 {
    let client = redis::Client::open(url).expect("a good URL");
    let mut connection = client.get_connection().expect("a running server");
    redis::cmd("XLEN").arg("antenna_stream").query(&mut connection).expect("a length")
}

/// Waits until the stream holds more readings than this.
fn until_longer_than(readings: u64, simulator: &mut Program, url: &str) {
    simulator.until(&format!("more than {readings} readings arrive"), |_simulator| match length(url) {
        length if length > readings => Ok(()),
        length => Err(length),
    });
}

#[test]
fn a_bad_setting_is_named_in_one_line() {
    for (arguments, variable, expected) in [
        (&["--bogus"][..], ("X", ""), "simulator: unknown setting --bogus\n"),
        (&[], ("SCENARIO", "calm"), "simulator: bad value \"calm\" for --scenario (SCENARIO): "),
        (&[], ("INTERVAL", "0s"), "simulator: bad value \"0s\" for --interval (INTERVAL): "),
        (&[], ("REDIS_URL", " http://:hunter2@x"), "simulator: bad value for --redis-url (REDIS_URL): "),
        (
            &[],
            ("REDIS_HOST", "127.0.0.1:6379"),
            "simulator: bad value \"127.0.0.1:6379\" for --redis-host (REDIS_HOST): ",
        ),
        (&[], ("RUST_LOG", "warning"), "simulator: bad value \"warning\" for --rust-log (RUST_LOG): "),
        (&["redis://:hunter2@x"], ("X", ""), "simulator: unknown command\n"),
        (&["replay", "file", "--speed", "-1"], ("X", ""), "simulator: bad value \"-1\" for --speed"),
    ] {
        let (code, said) = run(simulator(arguments).env(variable.0, variable.1));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.starts_with(expected) && said.lines().count() == 1, "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_replay_tells_of_rows_that_it_could_not_publish() {
    let server = RedisServer::start(&[]);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let rows = "antenna_id,timestamp_ms,latency_ms,packets_sent,packets_delivered\na,1000,1,3,4\na,1000,1,3,3\n";
    file.write_all(rows.as_bytes()).expect("room");
    let path = file.path().to_str().expect("UTF-8");
    let (code, said) = run(simulator(&["replay", path]).env("REDIS_URL", server.url()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("line 2: packets_delivered 4 is above packets_sent 3"), "{said}");
    assert!(said.contains("1 of 2 rows"), "{said}");
    assert_eq!(length(&server.url()), 1);
    let (code, said) = run(&mut simulator(&["replay", "/no/such/file.csv"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/no/such/file.csv"), "{said}");
}

#[test]
fn sigterm_publishes_what_was_taken_and_ends_well() {
    let server = RedisServer::start(&[]);
    let mut simulator =
        Program::start(simulator(&["--antennas", "100", "--interval", "50ms"]).env("REDIS_URL", server.url()));
    until_longer_than(500, &mut simulator, &server.url());
    let (code, said) = outcome(simulator.end(Signal::Terminate, DEADLINE));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("published={} dropped=0", length(&server.url()))), "{said}");
}

#[test]
fn a_password_is_never_said_and_an_outage_is_said_once() {
    let mut server = RedisServer::start(&["--requirepass", "hunter2"]);
    let url = server.url().replace("redis://", "redis://:hunter2@");
    let mut simulator = Program::start(simulator(&["--antennas", "10", "--interval", "10ms"]).env("REDIS_URL", &url));
    until_longer_than(100, &mut simulator, &url);
    server.kill();
    let (code, said) = outcome(simulator.end(Signal::Terminate, DEADLINE));
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(said.matches("the broker takes no readings").count() <= 1, "{said}");
}
