//! A TCP proxy on the loopback interface that can be closed, pointed elsewhere, and made to cut or stall in the middle of what
//! the server says.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;

/// How much is passed on at once.
const PIECE: usize = 16 * 1024;

/// A proxy. Its threads end with the process.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    upstream: u16,
    mode: Mode,
    open: Vec<TcpStream>,
    /// How often a connection was cut or stalled in the middle of a reply.
    struck: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Nobody gets through, and connections are closed.
    Closed,
    /// All connections are cut after so many more bytes of replies.
    CutAfter(usize),
    /// All replies stand still after so many more bytes.
    StallAfter(usize),
}

impl Proxy {
    /// Listens on a free port and forwards to another.
    pub(crate) fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let state = State { upstream, mode: Mode::Pass, open: Vec::new(), struck: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Who cannot be forwarded is turned away, as the broker itself would be away.
                let _turned_away = of_thread.accept(client);
            }
        });
        Ok(Self { port, shared })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a broker behind it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Closes all connections and takes no others.
    pub(crate) fn close(&self) {
        self.shared.set(Mode::Closed);
        self.cut();
    }

    /// Takes connections to a port.
    pub(crate) fn open_to(&self, upstream: u16) {
        self.shared.lock().upstream = upstream;
        self.shared.set(Mode::Pass);
    }

    /// Closes all connections.
    pub(crate) fn cut(&self) {
        self.shared.lock().cut();
    }

    /// Closes all connections after so many more bytes of replies, in the middle of what is being said.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.shared.set(Mode::CutAfter(bytes));
    }

    /// Holds all replies back after so many more bytes, until [`Self::resume`].
    pub(crate) fn stall_after(&self, bytes: usize) {
        self.shared.set(Mode::StallAfter(bytes));
    }

    /// Lets everything through again.
    pub(crate) fn resume(&self) {
        self.shared.set(Mode::Pass);
    }

    /// How often replies were cut or stalled.
    pub(crate) fn struck(&self) -> u64 {
        self.shared.lock().struck
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mode: Mode) {
        self.lock().mode = mode;
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, client: TcpStream) -> Result<()> {
        let upstream = {
            let state = self.lock();
            if state.mode == Mode::Closed {
                return Ok(());
            }
            state.upstream
        };
        let server = TcpStream::connect(("127.0.0.1", upstream))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        {
            let mut state = self.lock();
            if state.mode == Mode::Closed {
                return Ok(());
            }
            state.open.retain(|open| open.peer_addr().is_ok());
            state.open.extend([client.try_clone()?, server.try_clone()?]);
        }
        thread::spawn(move || pass(from_client, to_server, |_| Some(usize::MAX)));
        let shared = Arc::clone(self);
        thread::spawn(move || pass(server, client, |length| shared.allows(length)));
        Ok(())
    }

    /// How many bytes of a reply may go on now; waits while replies stand still. `None` where the connection is cut.
    fn allows(&self, length: usize) -> Option<usize> {
        let mut state = self.lock();
        loop {
            let bytes = match state.mode {
                Mode::Pass => return Some(length),
                Mode::Closed => return None,
                Mode::CutAfter(bytes) | Mode::StallAfter(bytes) => bytes,
            };
            let is_cut = matches!(state.mode, Mode::CutAfter(_));
            let with = |bytes| if is_cut { Mode::CutAfter(bytes) } else { Mode::StallAfter(bytes) };
            if bytes >= length {
                state.mode = with(bytes - length);
                return Some(length);
            }
            if bytes > 0 {
                state.mode = with(0);
                return Some(bytes);
            }
            state.struck += 1;
            if is_cut {
                state.mode = Mode::Pass;
                state.cut();
                return None;
            }
            while matches!(state.mode, Mode::StallAfter(_)) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl State {
    fn cut(&mut self) {
        for open in self.open.drain(..) {
            // An error means that it has ended already.
            let _ended = open.shutdown(Shutdown::Both);
        }
    }
}

/// Forwards bytes, as many at once as are allowed, until either side closes.
fn pass(mut from: TcpStream, mut to: TcpStream, allows: impl Fn(usize) -> Option<usize>) {
    let mut piece = vec![0; PIECE];
    'connection: while let Ok(read @ 1..) = from.read(&mut piece) {
        let mut rest = &piece[..read];
        while !rest.is_empty() {
            let Some(allowed) = allows(rest.len()) else { break 'connection };
            let (now, later) = rest.split_at(allowed.min(rest.len()));
            if to.write_all(now).is_err() {
                break 'connection;
            }
            rest = later;
        }
    }
    // The other direction ends with this one; an error means that it has already ended.
    let _ended = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
