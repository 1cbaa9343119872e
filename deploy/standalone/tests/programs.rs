//! The real programs, end to end: readings from the simulator to the page, and everything in one process.
//!
//! The programs lie beside `vigia` once the workspace has been built, as the test command does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use shared::testing::{RedisServer, signal};

/// What real processes get to do something before a test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a program gets to end after a signal, by the contract.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A program; killed when dropped. What it says on standard error is kept.
struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Program {
    fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_BIN_EXE_vigia")).with_file_name(name);
        assert!(path.exists(), "{} is missing; run deploy/test.sh, which builds the workspace", path.display());
        let mut child = Command::new(path)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a program that starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, into) = (BufReader::new(child.stderr.take().expect("its output")).lines(), Arc::clone(&said));
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                into.lock().expect("no panic").push_str(&(line + "\n"));
            }
        });
        Self { child, said }
    }

    fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    /// Sends a signal and waits for the end, which must be good and in time.
    fn end(mut self, name: &str) {
        let started = Instant::now();
        signal(&self.child, name);
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                assert_eq!(status.code(), Some(0), "{}", self.said());
                return;
            }
            assert!(started.elapsed() < END_TIMEOUT, "does not end: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Status line, headers and body of an answer, as text; `None` where nobody answers.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(address).ok()?;
    connection.set_read_timeout(Some(DEADLINE)).ok()?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

fn wait_for(address: SocketAddr, path: &str, wanted: impl Fn(&str) -> bool, program: &Program) -> String {
    let give_up_at = Instant::now() + DEADLINE;
    let mut last = None;
    loop {
        if let Some(answer) = get(address, path) {
            if wanted(&answer) {
                return answer;
            }
            last = Some(answer);
        }
        assert!(Instant::now() < give_up_at, "{path} does not become as wanted: {last:?}\n{}", program.said());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_reading_goes_from_the_simulator_to_the_page() {
    let redis = RedisServer::start(&[]);
    let (api, page) = (free_address(), free_address());
    let url = format!("http://{api}");
    let dashboard = Program::start("dashboard", &[("BIND", &page.to_string()), ("ANALYTICS_URL", &url)]);
    // Analytics is away; the page says so and works all the same.
    wait_for(page, "/", |answer| answer.starts_with("HTTP/1.1 503"), &dashboard);
    let analytics = Program::start("analytics", &[("BIND", &api.to_string()), ("REDIS_URL", &redis.url())]);
    wait_for(page, "/", |answer| answer.starts_with("HTTP/1.1 200"), &dashboard);

    // A page that was opened before the first reading learns of it.
    let mut live = TcpStream::connect(page).expect("the dashboard");
    live.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    write!(live, "GET /live HTTP/1.1\r\nHost: {page}\r\nAccept: text/event-stream\r\n\r\n").expect("a request");
    let settings = [("REDIS_URL", redis.url()), ("ANTENNA_ID", "roof-7".to_owned()), ("INTERVAL", "200ms".to_owned())];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let simulator = Program::start("simulator", &settings);
    let told = BufReader::new(live).lines().map_while(Result::ok).any(|line| line.contains("roof-7"));
    assert!(told, "the stream of the page ended without the antenna");
    wait_for(page, "/", |answer| answer.starts_with("HTTP/1.1 200") && answer.contains("roof-7"), &dashboard);

    simulator.end("TERM");
    wait_for(api, "/api/v1/pipeline", |answer| answer.contains("\"lag\":0,"), &analytics);
    dashboard.end("TERM");
    analytics.end("TERM");
}

/// Starts `vigia`, sees its antennas on the page, and ends it as Ctrl-C would.
fn assert_standalone(settings: &[(&str, &str)], broker: &str) {
    let (page, api) = (free_address(), free_address());
    let (bind, analytics_bind) = (page.to_string(), api.to_string());
    let common =
        [("BIND", bind.as_str()), ("ANALYTICS_BIND", &analytics_bind), ("INTERVAL", "100ms"), ("SCENARIO", "steady")];
    let settings: Vec<_> = common.into_iter().chain(settings.iter().copied()).collect();
    let vigia = Program::start("vigia", &settings);
    wait_for(page, "/", |answer| answer.starts_with("HTTP/1.1 200") && answer.contains("All 12 antennas"), &vigia);
    wait_for(api, "/api/v1/pipeline", |answer| answer.contains("\"imbalance\":0"), &vigia);
    let said = vigia.said();
    assert!(said.contains(broker) && said.contains(&format!("open http://{page}")), "{said}");
    vigia.end("INT");
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
    let (page, api) = (free_address(), free_address());
    let (bind, analytics_bind, nobody) = (page.to_string(), api.to_string(), format!("redis://{}", free_address()));
    let vigia =
        Program::start("vigia", &[("BIND", &bind), ("ANALYTICS_BIND", &analytics_bind), ("REDIS_URL", &nobody)]);
    wait_for(api, "/livez", |answer| answer.contains("broker_away"), &vigia);
    vigia.end("TERM");
}

#[test]
fn the_private_redis_goes_however_vigia_ends() {
    let (page, api) = (free_address(), free_address());
    let settings = [("BIND", page.to_string()), ("ANALYTICS_BIND", api.to_string())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut vigia = Program::start("vigia", &settings);
    wait_for(api, "/readyz", |answer| answer.starts_with("HTTP/1.1 200"), &vigia);
    let said = vigia.said();
    let port = said.split("on port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the port");
    let redis: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
    TcpStream::connect(redis).expect("the private server");
    vigia.child.kill().expect("SIGKILL");
    let give_up_at = Instant::now() + DEADLINE;
    while TcpStream::connect(redis).is_ok() {
        assert!(Instant::now() < give_up_at, "the private server outlives vigia");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line_that_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let free = free_address().to_string();
    let vigia = PathBuf::from(env!("CARGO_BIN_EXE_vigia"));
    for (arguments, settings, code, named) in [
        (vec!["--antenas", "3"], vec![], 2, "--antenas"),
        (vec![], vec![("ANTENNAS", "0")], 2, "--antennas (ANTENNAS)"),
        (vec![], vec![("RETENTION", "1s")], 2, "--retention (RETENTION)"),
        (vec![], vec![("REDIS_URL", "localhost")], 2, "--redis-url (REDIS_URL)"),
        (vec![], vec![("BIND", taken.as_str()), ("ANALYTICS_BIND", &free)], 1, "(--bind, BIND)"),
        (vec![], vec![("BIND", free.as_str()), ("ANALYTICS_BIND", &taken)], 1, "ANALYTICS_BIND"),
    ] {
        let output = Command::new(&vigia).args(arguments).envs(settings).output().expect("the program vigia");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{said}");
        assert!(said.contains(named), "{named} is not named: {said}");
    }
}
