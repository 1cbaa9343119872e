//! A real `redis-server` for tests, behind the feature `testing`.
//!
//! It listens on a free port of the loopback interface, keeps its files in a temporary folder, and is killed with the
//! value that stands for it. Blocking and std only, so that any test can use it.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to start or to stop before the test fails.
const DEADLINE: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(5);
/// What a server logs, by default, once it listens.
const READY: &str = "Ready to accept connections";

/// A running `redis-server`; killed when dropped. It persists nothing unless told to.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server; `extra_arguments` are configuration like `["--maxmemory", "4mb"]` and win over the defaults.
    ///
    /// # Panics
    /// Where `redis-server` is missing or does not come up.
    #[must_use]
    pub fn start(extra_arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder for redis-server");
        let arguments: Vec<String> = extra_arguments.iter().map(|&argument| argument.to_owned()).collect();
        // Another process may take the port between the moment it is found free and the moment the server binds it.
        for _attempt in 0..20 {
            let port = free_port();
            if let Some(child) = launch(port, folder.path(), &arguments) {
                return Self { child, port, arguments, folder };
            }
        }
        panic!("redis-server does not start: {}", log_of(folder.path()));
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL to connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once with SIGKILL, as a crash would. [`restart`](Self::restart) brings it back.
    pub fn kill(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// Ends it in good order with SIGTERM; it saves what it is configured to save.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let give_up_at = Instant::now() + DEADLINE;
        while self.child.try_wait().expect("the state of redis-server").is_none() {
            assert!(Instant::now() < give_up_at, "redis-server does not stop");
            thread::sleep(POLL_EVERY);
        }
    }

    /// Freezes it with SIGSTOP: its connections stay open and nothing answers. Undone by [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Undoes [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Starts it again on the same port and folder; kills it first where it still runs.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        let give_up_at = Instant::now() + DEADLINE;
        // A client may have been given the port for the near end of a connection; it is free again soon.
        self.child = loop {
            if let Some(child) = launch(self.port, self.folder.path(), &self.arguments) {
                break child;
            }
            assert!(Instant::now() < give_up_at, "redis-server does not restart: {}", log_of(self.folder.path()));
        };
    }

    fn signal(&self, name: &str) {
        signal(&self.child, name);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal, by name without `SIG`, to a child process.
///
/// # Panics
/// Where it has ended already.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(sent.is_ok_and(|status| status.success()), "SIG{name} does not reach the process");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("the address of a bound socket").port()
}

/// Starts a server and waits until it listens; `None` where it ended instead, as it does when the port is taken.
/// The server's own log tells, so another server that answers on the same port is never taken for this one.
fn launch(port: u16, folder: &Path, extra_arguments: &[String]) -> Option<Child> {
    let log = File::create(folder.join("log")).expect("a log file for redis-server");
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder)
        .args(extra_arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => panic!("redis-server is not installed; install Redis 7.0 or newer"),
            _ => panic!("redis-server cannot be run: {error}"),
        });
    let give_up_at = Instant::now() + DEADLINE;
    loop {
        if log_of(folder).contains(READY) {
            return Some(child);
        }
        if child.try_wait().expect("the state of redis-server").is_some() {
            return None;
        }
        if Instant::now() > give_up_at {
            let _ended = child.kill();
            panic!("redis-server does not come up: {}", log_of(folder));
        }
        thread::sleep(POLL_EVERY);
    }
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn ping(port: u16) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(b"PING\r\n")?;
        let mut reply = [0; 7];
        stream.read_exact(&mut reply)?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }

    #[test]
    fn a_server_answers_dies_and_comes_back_on_its_port() {
        let mut server = RedisServer::start(&[]);
        assert_eq!(ping(server.port()).expect("an answer"), "+PONG\r\n");
        server.kill();
        assert!(ping(server.port()).is_err());
        server.restart();
        assert_eq!(ping(server.port()).expect("an answer"), "+PONG\r\n");
        server.stop();
        assert!(ping(server.port()).is_err());
    }

    #[test]
    fn two_servers_do_not_meet() {
        let (one, other) = (RedisServer::start(&[]), RedisServer::start(&[]));
        assert_ne!(one.port(), other.port());
        assert_ne!(one.folder(), other.folder());
    }
}
