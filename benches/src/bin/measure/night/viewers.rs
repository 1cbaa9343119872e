//! Viewers of the dashboard: pages that are kept open and live, and pages that are loaded now and then.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use shared::testing::http;

/// What is looked at.
const PAGES: [&str; 5] = ["/", "/antennas", "/incidents", "/pipeline", "/?window=15m"];

/// The pause between two pages, and before a connection that was lost is made again.
const PAUSE: Duration = Duration::from_millis(500);

/// What viewers have seen.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    /// Pages that were loaded.
    pub(super) pages: u64,
    /// Those of them that had a status of 500 or more.
    pub(super) errors: u64,
    /// Updates of pages that were kept open.
    pub(super) updates: u64,
}

/// All viewers.
#[derive(Debug)]
pub(super) struct Viewers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    pages: AtomicU64,
    errors: AtomicU64,
    updates: AtomicU64,
}

impl Viewers {
    /// Keeps so many pages open, and loads others.
    pub(super) fn start(dashboard: SocketAddr, open: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        for number in 0..open {
            let shared = Arc::clone(&shared);
            threads.push(thread::spawn(move || {
                while !shared.is_stopped() {
                    // A connection that is lost is made again, as a browser does.
                    let _lost = shared.watch(dashboard, PAGES[number % PAGES.len()]);
                    thread::sleep(PAUSE);
                }
            }));
        }
        let of_loader = Arc::clone(&shared);
        threads.push(thread::spawn(move || {
            for page in PAGES.iter().cycle() {
                if of_loader.is_stopped() {
                    return;
                }
                let status = http::get(dashboard, page, &[]).map_or(599, |answer| answer.status);
                of_loader.pages.fetch_add(1, Ordering::Relaxed);
                of_loader.errors.fetch_add(u64::from(status >= 500), Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
        }));
        Self { shared, threads }
    }

    /// Closes all pages.
    pub(super) fn stop(self) -> Result<Seen> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a viewer panicked"))?;
        }
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Ok(Seen { pages: of(&self.shared.pages), errors: of(&self.shared.errors), updates: of(&self.shared.updates) })
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Keeps a page open until the connection ends.
    fn watch(&self, dashboard: SocketAddr, page: &str) -> std::io::Result<()> {
        let mut connection = TcpStream::connect(dashboard)?;
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(connection, "GET /live{page} HTTP/1.1\r\nHost: {dashboard}\r\nAccept: text/event-stream\r\n\r\n")?;
        let mut piece = vec![0; 64 * 1024];
        while !self.is_stopped() {
            match connection.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    let begins = piece[..read].windows(7).filter(|part| part == b"\nevent:").count();
                    self.updates.fetch_add(begins as u64, Ordering::Relaxed);
                }
                // Nothing is said for a second now and then.
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
