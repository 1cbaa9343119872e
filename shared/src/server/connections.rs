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
/// nor busy ones keep a probe out. Networks of IPv6 are weighed before the clients in them, so whoever has one with thousands of
/// clients in it is one of those who share, and not thousands.
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
            Some(open.to_go(peer)?)
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

    /// Which connection makes room for one more of a client: one of the heaviest client in the heaviest network.
    fn to_go(&self, newcomer: Peer) -> Option<u64> {
        let mut peers: Vec<Peer> = self.connections.values().map(|connection| connection.peer).collect();
        // Whether the one who comes is in the heaviest network so far, and else whether that one has more than its share.
        let (mut is_own, mut is_fair) = (true, false);
        for (level, own) in newcomer.networks().into_iter().enumerate() {
            let mut counts = HashMap::new();
            peers.iter().for_each(|peer| *counts.entry(peer.networks()[level]).or_insert(0) += 1);
            let own_count: usize = counts.get(&own).copied().unwrap_or(0);
            let (heaviest, count) = counts.into_iter().max_by_key(|(network, count)| (*count, *network))?;
            if is_own {
                (is_own, is_fair) = (heaviest == own, count > own_count + 1);
            }
            peers.retain(|peer| peer.networks()[level] == heaviest);
        }
        let heaviest = *peers.first()?;
        self.oldest(heaviest, true).or_else(|| self.oldest(heaviest, false).filter(|_| is_fair))
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::*;

    const MOST: usize = 64;

    /// An address in a network of 48 bits: the network of 56 bits in it, and the client in that.
    fn ipv6(wide: u16, narrow: u8, client: u8) -> Peer {
        let segments = [0x2001, 0xdb8, wide, u16::from_be_bytes([narrow, client]), 0, 0, 0, 1];
        IpAddr::from(Ipv6Addr::from(segments)).into()
    }

    fn ipv4(client: u8) -> Peer {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, client)).into()
    }

    /// Connections that are all busy, of these clients.
    fn busy(connections: &Connections, peers: impl IntoIterator<Item = Peer>) -> Vec<(Admitted, Use)> {
        let admitted = peers.into_iter().filter_map(|peer| connections.admit(peer, false));
        let in_use = |admitted: Admitted| {
            let used = admitted.requests().begin();
            (admitted, used)
        };
        admitted.map(in_use).collect()
    }

    fn is_cut(held: &[(Admitted, Use)]) -> usize {
        held.iter().filter(|(admitted, _)| admitted.cut.is_cancelled()).count()
    }

    #[test]
    fn a_network_full_of_clients_is_one_of_those_who_share() {
        // Each client of the network has one connection, and none of them is more than anybody's share.
        let ways: [fn(u8) -> Peer; 2] = [|client| ipv6(1, 0, client), |narrow| ipv6(1, narrow, 0)];
        for of_network in ways {
            let connections = Connections::new(MOST, MOST);
            let greedy = busy(&connections, (0..=u8::MAX).map(of_network));
            assert_eq!((greedy.len(), is_cut(&greedy)), (MOST, 0), "the network does not drive itself out");
            // Half of them is what two get who share.
            let others =
                [busy(&connections, (0..64).map(|_| ipv4(1))), busy(&connections, (0..64).map(|_| ipv6(2, 0, 0)))];
            let left = MOST - is_cut(&greedy);
            let [first, second] = [0, 1].map(|at| others[at].len() - is_cut(&others[at]));
            assert_eq!(left + first + second, MOST);
            assert!(
                [left, first, second].iter().all(|share| (MOST / 3..=MOST / 3 + 1).contains(share)),
                "{left} {first} {second}"
            );
        }
    }

    #[test]
    fn within_a_network_the_heaviest_part_makes_room() {
        let connections = Connections::new(MOST, MOST);
        let heavy = busy(&connections, (0..40).map(|client| ipv6(1, 7, client)));
        let light = busy(&connections, (0..24).map(|client| ipv6(1, 8, client)));
        let other = busy(&connections, (0..8).map(|_| ipv4(1)));
        assert_eq!((other.len(), is_cut(&heavy), is_cut(&light)), (8, 8, 0));
        // A neighbour of the heavy part makes room there too.
        let neighbour = busy(&connections, (0..4).map(|_| ipv6(1, 9, 0)));
        assert_eq!((neighbour.len(), is_cut(&heavy), is_cut(&light), is_cut(&other)), (4, 12, 0, 0));
    }
}
