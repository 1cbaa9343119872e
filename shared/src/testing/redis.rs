//! A real `redis-server`.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::program::{Program, Signal};
use super::reservation::Reservation;
use super::wait::{DEADLINE, until};

/// What a server logs, by default, once it listens: on a port or on a socket.
const READY: [&str; 2] = ["Ready to accept connections", "ready to accept connections at"];

/// A running `redis-server` on a port of the loopback interface; killed when dropped. It keeps its files in a temporary
/// folder, and persists nothing unless told to.
#[derive(Debug)]
pub struct RedisServer {
    server: Program,
    port: Reservation,
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
        let port = Reservation::new();
        let mut server = start(port.port(), folder.path(), &arguments);
        until_ready(&mut server);
        Self { server, port, arguments, folder }
    }

    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.port()
    }

    /// The URL to connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// The last lines that it has written.
    #[must_use]
    pub fn tail(&self) -> String {
        self.server.tail()
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it answers to a command, as `redis-cli` prints it where nobody watches.
    ///
    /// # Panics
    /// Where it answers an error, or not at all.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> String {
        ask(self.port(), words)
    }

    /// Ends it at once with SIGKILL, as a crash would. [`restart`](Self::restart) brings it back.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Ends it in good order with SIGTERM; it saves what it is configured to save.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) {
        self.server.end(Signal::Terminate, DEADLINE);
    }

    /// Freezes it: its connections stay open and nothing answers. Undone by [`resume`](Self::resume).
    pub fn pause(&self) {
        self.server.signal(Signal::Stop);
    }

    /// Undoes [`pause`](Self::pause).
    pub fn resume(&self) {
        self.server.signal(Signal::Continue);
    }

    /// Lets no replica copy it any more, and waits until one has noticed. A restart undoes it.
    ///
    /// # Panics
    /// Where the replica does not notice.
    #[track_caller]
    pub fn cut_off(&self, replica: &Self) {
        self.ask(&["ACL", "SETUSER", "default", "-psync", "-sync"]);
        self.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
        until("the replica has lost its master", DEADLINE, || {
            let said = replica.ask(&["INFO", "replication"]);
            if said.contains("master_link_status:down") { Ok(()) } else { Err(said) }
        });
    }

    /// Starts it again on the same port and folder; kills it first where it still runs.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart(&mut self) {
        self.restart_with(&[], || ());
    }

    /// The same with more arguments, and with something to do while it starts.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart_with(&mut self, more_arguments: &[&str], meanwhile: impl FnOnce()) {
        self.kill();
        let more = more_arguments.iter().map(|&argument| argument.to_owned());
        let arguments: Vec<String> = self.arguments.iter().cloned().chain(more).collect();
        self.server = start(self.port(), self.folder.path(), &arguments);
        meanwhile();
        until_ready(&mut self.server);
    }
}

/// What a server or Sentinel on a port answers to a command.
#[track_caller]
pub(super) fn ask(port: u16, words: &[&str]) -> String {
    let ended = Program::run(Command::new("redis-cli").args(["-e", "-p", &port.to_string()]).args(words));
    assert_eq!(ended.code, Some(0), "{words:?} at {port}: {}{}", ended.output, ended.log);
    ended.output.trim_end().to_owned()
}

fn start(port: u16, folder: &Path, extra_arguments: &[String]) -> Program {
    Program::start(
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(folder)
            .args(extra_arguments),
    )
}

/// Waits until a server listens. Its own log tells, so another server that answers on the same port is never taken for this
/// one.
fn until_ready(server: &mut Program) {
    server.until("redis-server listens", |server| {
        if READY.iter().any(|ready| server.output().contains(ready)) { Ok(()) } else { Err("it does not say so") }
    });
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _, Write as _};
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
