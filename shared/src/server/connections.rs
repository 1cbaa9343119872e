//! Which connections there are, and which has to go when there are too many.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::Peer;

/// The open connections of a server. A clone is the same connections.
///
/// Who comes is let in as long as that is fair. A client with as many connections as it may have loses its oldest idle one, and is
/// turned away if none is idle. If there are too many of all clients together, the one with the most connections
/// loses one: an idle one, or else its oldest, as long as it still has no fewer than the one who comes. So neither idle clients
/// nor busy ones keep a probe out.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_of_peer: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// By number, so oldest first.
    connections: BTreeMap<u64, Connection>,
    next: u64,
}

#[derive(Debug)]
struct Connection {
    peer: Peer,
    requests: Requests,
    cut: CancellationToken,
}

/// How many requests of a connection have not been answered to their end.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<AtomicUsize>);

impl Requests {
    /// One more, until what is returned is dropped.
    #[must_use]
    pub fn begin(&self) -> Use {
        self.0.fetch_add(1, Ordering::Relaxed);
        Use(self.clone())
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Use(Requests);

impl Drop for Use {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Admitted {
    connections: Connections,
    number: u64,
    requests: Requests,
    cut: CancellationToken,
}

impl Connections {
    /// At most so many, and of each client.
    #[must_use]
    pub fn new(most: usize, most_of_peer: usize) -> Self {
        Self(Arc::new(Inner { most, most_of_peer, open: Mutex::default() }))
    }

    /// Lets a connection in, if there is room or another makes it.
    #[must_use]
    pub fn admit(&self, peer: Peer, is_proxy: bool) -> Option<Admitted> {
        let mut open = self.open();
        let own = open.connections.values().filter(|connection| connection.peer == peer).count();
        let gone = if own >= self.0.most_of_peer && !is_proxy {
            Some(open.oldest(peer, true)?)
        } else if open.connections.len() >= self.0.most {
            let (heaviest, count) = open.heaviest()?;
            let is_fair = count > own + 1;
            Some(open.oldest(heaviest, true).or_else(|| open.oldest(heaviest, false).filter(|_| is_fair))?)
        } else {
            None
        };
        if let Some(gone) = gone.and_then(|number| open.connections.remove(&number)) {
            gone.cut.cancel();
        }
        let (number, requests, cut) = (open.next, Requests::default(), CancellationToken::new());
        open.next += 1;
        open.connections.insert(number, Connection { peer, requests: requests.clone(), cut: cut.clone() });
        Some(Admitted { connections: self.clone(), number, requests, cut })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No code that can panic runs under this lock, so the map is always consistent.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The oldest connection of a client, or its oldest idle one.
    fn oldest(&self, peer: Peer, is_idle: bool) -> Option<u64> {
        let mut own = self.connections.iter().filter(|(_, connection)| connection.peer == peer);
        let found = own.find(|(_, connection)| !is_idle || connection.requests.is_idle());
        found.map(|(number, _)| *number)
    }

    /// The client with the most connections, and how many.
    fn heaviest(&self) -> Option<(Peer, usize)> {
        let mut counts = HashMap::new();
        self.connections.values().for_each(|connection| *counts.entry(connection.peer).or_insert(0) += 1);
        counts.into_iter().max_by_key(|(peer, count)| (*count, *peer))
    }
}

impl Admitted {
    /// Its requests.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Waits until the connection has to make room for another.
    pub async fn cut(&mut self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.open().connections.remove(&self.number);
    }
}
