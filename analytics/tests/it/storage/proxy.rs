//! What may happen to requests on their way to a server and back.

use std::io::{Read as _, Write as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex, MutexGuard};
use shared::testing::DEADLINE;

/// Passes requests on, one of each connection, as the server closes them; the requests that write files are counted.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Rules>,
    changed: Condvar,
}

#[derive(Default)]
struct Rules {
    /// Connections are closed without an answer.
    is_away: bool,
    /// Nobody needs them any more.
    is_over: bool,
    /// Writes that have come in.
    writes: u64,
    /// Writes that the server has done.
    written: u64,
    /// So many answers to writes are still to be lost.
    lose: u64,
    /// The write that is held, and where.
    held: Option<(u64, Held)>,
}

/// Where a write is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The server has not seen it yet.
    Before,
    /// The server has done it, and its answer is on the way.
    Behind,
}

impl Proxy {
    pub(super) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.rules.lock().is_over {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                // A connection that breaks off is what a client and a server have to live with.
                thread::spawn(move || shared.pass(client?, server));
            }
        });
        Self { address, shared }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections are closed without an answer, also those that are held.
    pub(super) fn set_away(&self, is_away: bool) {
        self.change(|rules| rules.is_away = is_away);
    }

    /// The answers to the next writes are lost.
    pub(super) fn lose(&self, answers: u64) {
        self.change(|rules| rules.lose = answers);
    }

    /// Holds the write behind so many more.
    pub(super) fn hold(&self, behind: u64, held: Held) {
        self.change(|rules| rules.held = Some((rules.writes + behind + 1, held)));
    }

    /// Waits until the write to be held is there, and where it is held.
    pub(super) fn wait_until_held(&self) {
        self.wait("a write is held", |rules| match rules.held {
            Some((number, Held::Before)) => rules.writes >= number,
            Some((number, Held::Behind)) => rules.written >= number,
            None => panic!("nothing is to be held"),
        });
    }

    /// Nothing is held any more.
    pub(super) fn release(&self) {
        self.change(|rules| rules.held = None);
    }

    /// How many writes the server has done.
    pub(super) fn written(&self) -> u64 {
        self.shared.rules.lock().written
    }

    /// Waits until the server has done so many writes.
    pub(super) fn wait_until_written(&self, writes: u64) {
        self.wait("files are written", |rules| rules.written >= writes);
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Rules) -> bool) {
        let mut rules = self.shared.rules.lock();
        while !is_so(&rules) {
            let waited = self.shared.changed.wait_for(&mut rules, DEADLINE);
            assert!(!waited.timed_out(), "not true: {what}, after {} writes of {}", rules.written, rules.writes);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.rules.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|rules| (rules.is_away, rules.is_over) = (true, true));
        // The listener looks up at a connection.
        let _woken = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn pass(&self, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
        let mut first = [0; 16 * 1024];
        let length = client.read(&mut first)?;
        let first = &first[..length];
        if self.rules.lock().is_away {
            return Ok(());
        }
        let is_write = first.starts_with(b"PUT ");
        let mut number = 0;
        if is_write {
            let mut rules = self.rules.lock();
            rules.writes += 1;
            number = rules.writes;
            self.changed.notify_all();
            if !self.held(&mut rules, (number, Held::Before)) {
                return Ok(());
            }
        }
        let mut server = TcpStream::connect(server)?;
        server.write_all(first)?;
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || copy(&mut from, &mut to));
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        let mut rules = self.rules.lock();
        if is_write {
            rules.written += 1;
            self.changed.notify_all();
            let is_lost = rules.lose > 0;
            rules.lose = rules.lose.saturating_sub(1);
            if is_lost || !self.held(&mut rules, (number, Held::Behind)) {
                return client.shutdown(Shutdown::Both);
            }
        }
        drop(rules);
        client.write_all(&answer)?;
        client.shutdown(Shutdown::Both)
    }

    /// Waits as long as a write is held; tells whether it may go on.
    fn held(&self, rules: &mut MutexGuard<'_, Rules>, write: (u64, Held)) -> bool {
        while rules.held == Some(write) && !rules.is_away {
            self.changed.wait(rules);
        }
        !rules.is_away
    }
}
