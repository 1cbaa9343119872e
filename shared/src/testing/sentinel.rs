//! A real Redis Sentinel.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::program::Program;
use super::redis::{RedisServer, ask};
use super::reservation::Reservation;
use super::wait::{DEADLINE, until};

/// The name of the master.
pub const NAME: &str = "readings";

/// Two servers, the second one a replica of the first, and a Sentinel that makes the one the master when the other has been gone for
/// a second.
#[derive(Debug)]
pub struct Watched {
    servers: [RedisServer; 2],
    sentinel: Program,
    port: Reservation,
    _folder: TempDir,
}

impl Watched {
    /// Starts them; `extra_arguments` are more lines of the Sentinel's configuration.
    ///
    /// # Panics
    /// Where they do not come up and find each other.
    #[must_use]
    pub fn start(extra_lines: &[&str]) -> Self {
        let arguments = ["--repl-diskless-sync-delay", "0"];
        let master = RedisServer::start(&arguments);
        let port = master.port().to_string();
        let replica = RedisServer::start(&[&arguments[..], &["--replicaof", "127.0.0.1", &port]].concat());
        until("the replica has what the master has", DEADLINE, || {
            let said = replica.ask(&["INFO", "replication"]);
            if said.contains("master_link_status:up") { Ok(()) } else { Err(said) }
        });
        let (folder, sentinel_port) = (tempfile::tempdir().expect("a folder for a Sentinel"), Reservation::new());
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, configuration(sentinel_port.port(), master.port(), extra_lines)).expect("a file");
        let sentinel = sentinel(&file);
        let watched = Self { servers: [master, replica], sentinel, port: sentinel_port, _folder: folder };
        until("the Sentinel knows both", DEADLINE, || {
            if !watched.sentinel.output().contains("+slave") {
                return Err(watched.sentinel.output());
            }
            Ok(())
        });
        watched
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/{NAME}", self.port.address())
    }

    /// The Sentinel's port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.port()
    }

    /// A server: the first one is the master in the beginning.
    #[must_use]
    pub const fn server(&self, number: usize) -> &RedisServer {
        &self.servers[number]
    }

    /// A server, to kill it or to bring it back.
    pub const fn server_mut(&mut self, number: usize) -> &mut RedisServer {
        &mut self.servers[number]
    }

    /// What the Sentinel answers to a command.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> String {
        ask(self.port(), words)
    }

    /// Waits until the Sentinel names a server as the master, and the server says so too.
    ///
    /// # Panics
    /// Where it does not come to that.
    #[track_caller]
    pub fn until_master_is(&self, number: usize) {
        let port = self.server(number).port().to_string();
        until("the other one is the master", DEADLINE, || {
            let named = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
            let role = self.server(number).ask(&["ROLE"]);
            if named.lines().any(|line| line == port) && role.starts_with("master") { Ok(()) } else { Err(named) }
        });
    }
}

fn configuration(port: u16, master: u16, extra_lines: &[&str]) -> String {
    let mut lines = vec![
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("sentinel monitor {NAME} 127.0.0.1 {master} 1"),
        format!("sentinel down-after-milliseconds {NAME} 1000"),
        format!("sentinel failover-timeout {NAME} 2000"),
    ];
    lines.extend(extra_lines.iter().map(|&line| line.to_owned()));
    lines.join("\n") + "\n"
}

/// A Sentinel is a `redis-server` that is told so, and writes into its own configuration.
fn sentinel(file: &PathBuf) -> Program {
    Program::start(Command::new("redis-server").arg(file).arg("--sentinel"))
}
