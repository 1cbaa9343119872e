//! How often a password may be tried: for each name, and for each client and its networks.
//!
//! Each of them may fail a few times at once, and after that once in a while. What is kept of it takes the same memory however many
//! names and clients there are: some share a place, which makes them wait for each other and lets nobody in sooner. Who shares one
//! is drawn when the program starts, so that nobody can choose whom to keep waiting.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::server::Peer;

/// Places, some 64 KB of them.
const PLACES: usize = 8192;

/// How many tries may fail at once, and how long each then takes to come back.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    at_once: u32,
    every: Duration,
}

impl Allowance {
    /// Of a name, whoever tries it.
    const NAME: Self = Self::new(10, 30);

    /// Of the networks of a client and of itself, the widest first.
    const CLIENT: [Self; Peer::LEVELS] = [Self::new(80, 4), Self::new(40, 8), Self::new(20, 15)];

    const fn new(at_once: u32, every_s: u64) -> Self {
        Self { at_once, every: Duration::from_secs(every_s) }
    }
}

/// The tries that have failed, and those under way.
#[derive(Debug)]
pub(super) struct Tries<S = RandomState> {
    start: Instant,
    hashes: S,
    /// For each place, until when what was tried takes to come back, since the start.
    back_at: Mutex<Vec<Duration>>,
}

impl<S: BuildHasher + Default> Tries<S> {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, hashes: S::default(), back_at: Mutex::new(vec![Duration::ZERO; PLACES]) }
    }

    /// Takes a try, which counts as failed until it is given back.
    ///
    /// # Errors
    /// After which time there is one again. Nothing is taken then.
    pub(super) fn take(&self, peer: Option<Peer>, name: &str, now: Instant) -> Result<(), Duration> {
        let since_start = now.saturating_duration_since(self.start);
        let places = self.places(peer, name);
        let mut back_at = self.back_at();
        let wait = |(place, allowance): &(usize, Allowance)| {
            let all = allowance.every * allowance.at_once;
            (back_at[*place].max(since_start) + allowance.every).saturating_sub(since_start + all)
        };
        let longest = places.iter().map(wait).max().unwrap_or_default();
        if !longest.is_zero() {
            return Err(longest);
        }
        for (place, allowance) in places {
            back_at[place] = back_at[place].max(since_start) + allowance.every;
        }
        Ok(())
    }

    /// Gives a try back that did not fail.
    pub(super) fn give_back(&self, peer: Option<Peer>, name: &str) {
        let places = self.places(peer, name);
        let mut back_at = self.back_at();
        for (place, allowance) in places {
            back_at[place] = back_at[place].saturating_sub(allowance.every);
        }
    }

    fn places(&self, peer: Option<Peer>, name: &str) -> Vec<(usize, Allowance)> {
        let networks = peer.map(Peer::networks).into_iter().flatten().zip(Allowance::CLIENT).enumerate();
        let of_client = networks.map(|(level, (network, allowance))| (self.place((level, network)), allowance));
        of_client.chain([(self.place(name), Allowance::NAME)]).collect()
    }

    fn place(&self, what: impl std::hash::Hash) -> usize {
        usize::try_from(self.hashes.hash_one(what) % PLACES as u64).unwrap_or_default()
    }

    fn back_at(&self) -> MutexGuard<'_, Vec<Duration>> {
        // Any durations are good ones.
        self.back_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, DefaultHasher};
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    /// Always the same places.
    type Tries = super::Tries<BuildHasherDefault<DefaultHasher>>;

    fn peer(number: u8) -> Option<Peer> {
        Some(IpAddr::from(Ipv4Addr::new(10, 0, 0, number)).into())
    }

    /// How many tries are taken one after the other at a moment.
    fn taken(tries: &Tries, now: Instant, mut next: impl FnMut(usize) -> (Option<Peer>, String)) -> usize {
        (0..1000)
            .take_while(|n| {
                let (peer, name) = next(*n);
                tries.take(peer, &name, now).is_ok()
            })
            .count()
    }

    #[test]
    fn a_name_is_tried_ten_times_from_anywhere_and_then_twice_a_minute() {
        let start = Instant::now();
        let tries = Tries::new(start);
        let from_anywhere = |n: usize| (peer(u8::try_from(n % 200).unwrap()), "ana".to_owned());
        assert_eq!(taken(&tries, start, from_anywhere), 10);
        assert_eq!(tries.take(None, "ana", start), Err(Duration::from_secs(30)));
        assert_eq!(tries.take(None, "ana", start + Duration::from_secs(29)), Err(Duration::from_secs(1)));
        assert_eq!(taken(&tries, start + Duration::from_secs(30), |_| (None, "ana".to_owned())), 1);
        assert_eq!(taken(&tries, start + Duration::from_secs(3600), |_| (None, "ana".to_owned())), 10);
    }

    #[test]
    fn a_client_tries_twenty_names_and_others_are_not_kept_waiting() {
        let start = Instant::now();
        let tries = Tries::new(start);
        assert_eq!(taken(&tries, start, |n| (peer(1), format!("name {n}"))), 20);
        assert_eq!(tries.take(peer(1), "bea", start), Err(Duration::from_secs(15)));
        assert_eq!(tries.take(peer(2), "bea", start), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_not_thousands_of_clients() {
        let start = Instant::now();
        let tries = Tries::new(start);
        let of_network = |n: usize| {
            let address: IpAddr = format!("2001:db8:1:{n:x}::1").parse().unwrap();
            (Some(address.into()), format!("name {n}"))
        };
        assert_eq!(taken(&tries, start, of_network), 40, "the first forty are of one network of 56 bits");
    }

    #[test]
    fn what_does_not_fail_is_given_back() {
        let start = Instant::now();
        let tries = Tries::new(start);
        for _ in 0..100 {
            assert_eq!(tries.take(peer(1), "ana", start), Ok(()));
            tries.give_back(peer(1), "ana");
        }
    }
}
