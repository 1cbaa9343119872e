//! The real programs, end to end: readings from the simulator to the page, and everything in one process.
//!
//! The programs lie beside `vigia` once the workspace has been built, as the test command does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use shared::testing::{DEADLINE, Program, RedisServer, Reservation, Signal, built, until};

/// What a program gets to end after a signal, by the contract.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A port that the system chooses.
const ANY: &str = "127.0.0.1:0";

fn start(name: &str, settings: &[(&str, &str)]) -> Program {
    Program::start(built(name).envs(settings.iter().copied()))
}

/// Sends a signal and waits for the end, which must be good and in time.
fn end(mut program: Program, signal: Signal) {
    let ended = program.end(signal, END_TIMEOUT);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}

#[test]
fn a_reading_goes_from_the_simulator_to_the_page() {
    let redis = RedisServer::start(&[]);
    // The dashboard has to know where analytics is before it is there.
    let api = Reservation::new();
    let (bind, url) = (api.address().to_string(), format!("http://{}", api.address()));
    let mut dashboard = start("dashboard", &[("BIND", ANY), ("ANALYTICS_URL", &url)]);
    let page = dashboard.address("dashboard");
    // Analytics is away; the page says so and works all the same.
    dashboard.wait_for(page, "/", |answer| answer.status == 503);
    let mut analytics = start("analytics", &[("BIND", &bind), ("REDIS_URL", &redis.url())]);
    dashboard.wait_for(page, "/", |answer| answer.status == 200);

    // A page that was opened before the first reading learns of it.
    let mut live = TcpStream::connect(page).expect("the dashboard");
    live.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    write!(live, "GET /live HTTP/1.1\r\nHost: {page}\r\nAccept: text/event-stream\r\n\r\n").expect("a request");
    let simulator = start("simulator", &[("REDIS_URL", &redis.url()), ("ANTENNA_ID", "roof-7"), ("INTERVAL", "200ms")]);
    let told = BufReader::new(live).lines().map_while(Result::ok).any(|line| line.contains("roof-7"));
    assert!(told, "the stream of the page ended without the antenna");
    dashboard.wait_for(page, "/", |answer| answer.status == 200 && answer.body.contains("roof-7"));

    end(simulator, Signal::Terminate);
    analytics.wait_for(api.address(), "/api/v1/pipeline", |answer| answer.body.contains("\"lag\":0,"));
    end(dashboard, Signal::Terminate);
    end(analytics, Signal::Terminate);
}

/// Starts `vigia`, sees its antennas on the page, and ends it as Ctrl-C would.
fn assert_standalone(settings: &[(&str, &str)], broker: &str) {
    let common = [("BIND", ANY), ("ANALYTICS_BIND", ANY), ("INTERVAL", "100ms"), ("SCENARIO", "steady")];
    let settings: Vec<_> = common.into_iter().chain(settings.iter().copied()).collect();
    let mut vigia = start("vigia", &settings);
    let (page, api) = (vigia.address("dashboard"), vigia.address("analytics"));
    vigia.wait_for(page, "/", |answer| answer.status == 200 && answer.body.contains("All 12 antennas"));
    vigia.wait_for(api, "/api/v1/pipeline", |answer| answer.body.contains("\"imbalance\":0"));
    let said = vigia.log();
    assert!(said.contains(broker) && said.contains(&format!("open http://{page}")), "{said}");
    end(vigia, Signal::Interrupt);
}

#[test]
fn vigia_runs_on_a_private_redis() {
    assert_standalone(&[], "broker: private redis-server on port ");
}

#[test]
fn vigia_runs_on_the_memory_of_its_process() {
    let nothing_installed = tempfile::tempdir().expect("an empty folder");
    assert_standalone(
        &[("PATH", &nothing_installed.path().to_string_lossy())],
        "broker: in-process log, as no redis-server is installed",
    );
}

#[test]
fn vigia_runs_on_a_redis_that_is_given() {
    let redis = RedisServer::start(&[]);
    assert_standalone(&[("REDIS_URL", &redis.url())], &format!("broker: {}", redis.url()));
}

#[test]
fn an_older_redis_is_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = folder.path().join("redis-server");
    std::fs::write(&old, "#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0'\n").expect("a script");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).expect("a script that can be run");
    let why = "broker: in-process log, as the installed redis-server has version 6.0.16, and 7.0 or newer is needed";
    assert_standalone(&[("PATH", &folder.path().to_string_lossy())], why);
}

#[test]
fn vigia_ends_in_time_while_its_broker_is_away() {
    let nobody = Reservation::new();
    let url = format!("redis://{}", nobody.address());
    let mut vigia = start("vigia", &[("BIND", ANY), ("ANALYTICS_BIND", ANY), ("REDIS_URL", &url)]);
    let api = vigia.address("analytics");
    vigia.wait_for(api, "/livez", |answer| answer.body.contains("broker_away"));
    end(vigia, Signal::Terminate);
}

#[test]
fn the_private_redis_goes_however_vigia_ends() {
    let mut vigia = start("vigia", &[("BIND", ANY), ("ANALYTICS_BIND", ANY)]);
    let api = vigia.address("analytics");
    vigia.wait_for(api, "/readyz", |answer| answer.status == 200);
    let said = vigia.log();
    let port = said.split("on port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the port");
    let redis: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
    TcpStream::connect(redis).expect("the private server");
    vigia.kill();
    until("the private server ends with vigia", DEADLINE, || match TcpStream::connect(redis) {
        Ok(_connection) => Err("it takes connections"),
        Err(_gone) => Ok(()),
    });
}

#[test]
fn what_is_wrong_is_told_in_one_line_that_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    for (arguments, settings, code, named) in [
        (vec!["--antenas", "3"], vec![], 2, "--antenas"),
        (vec![], vec![("ANTENNAS", "0")], 2, "--antennas (ANTENNAS)"),
        (vec![], vec![("RETENTION", "1s")], 2, "--retention (RETENTION)"),
        (vec![], vec![("REDIS_URL", "localhost")], 2, "--redis-url (REDIS_URL)"),
        (vec![], vec![("REDIS_PORT", "tcp://10.0.0.1:6379")], 2, "--redis-port (REDIS_PORT): a port is a number"),
        (vec![], vec![("BIND", taken.as_str()), ("ANALYTICS_BIND", ANY)], 1, "(--bind, BIND)"),
        (vec![], vec![("BIND", ANY), ("ANALYTICS_BIND", taken.as_str())], 1, "ANALYTICS_BIND"),
    ] {
        let ended = Program::run(built("vigia").args(arguments).envs(settings));
        let said = ended.log;
        assert_eq!((ended.code, said.lines().count()), (Some(code), 1), "{said}");
        assert!(said.contains(named), "{named} is not named: {said}");
    }
}

/// Whichever program it is, a password that stands in a setting is not repeated, and a word that is no level is told.
#[test]
fn no_program_repeats_a_password_or_takes_a_setting_for_another_one() {
    for program in ["simulator", "analytics", "dashboard", "vigia"] {
        for (variable, value) in [
            ("REDIS_URL", " redis://:hunter2@a"),
            ("REDIS_URL", "redis://:hun/ter2@a"),
            ("REDIS_HOST", "redis://:hunter2@a"),
            ("ANALYTICS_URL", "https://user:hunter2@a"),
            ("RUST_LOG", "warning"),
        ] {
            if (variable == "ANALYTICS_URL") != (program == "dashboard") && variable != "RUST_LOG" {
                continue;
            }
            let ended = Program::run(built(program).env(variable, value));
            let said = ended.log;
            assert_eq!((ended.code, said.lines().count()), (Some(2), 1), "{said}");
            assert!(said.contains(&format!("({variable})")) && !said.contains("ter2"), "{said}");
        }
    }
}

/// The script keeps its tools in the target folder; it installs them the first time, and when a version changes.
#[test]
fn every_snippet_that_a_page_shows_runs() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../analytics/tests/analysis/snippets.sh");
    for token in [None, Some(("ANALYTICS_TOKEN", "the-token-of-this-test"))] {
        let own = [("BIND", ANY), ("ANALYTICS_BIND", ANY), ("INTERVAL", "100ms")];
        let mut vigia = start("vigia", &own.into_iter().chain(token).collect::<Vec<_>>());
        let (page, api) = (vigia.address("dashboard"), vigia.address("analytics"));
        vigia.wait_for(page, "/", |answer| answer.status == 200 && answer.body.contains("id=\"snippets\""));
        let addresses = [page, api].map(|address| format!("http://{address}"));
        let ran = Command::new(&script).args(addresses).env_remove("ANALYTICS_TOKEN").envs(token).output();
        let ran = ran.expect("bash");
        let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(ran.status.success() && said[0].contains("snippets of"), "snippets.sh fails:\n{}{}", said[0], said[1]);
        end(vigia, Signal::Interrupt);
    }
}
