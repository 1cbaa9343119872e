//! A built-in network, so that every page runs before anything else exists: the simulator's scenario, counted by the naive
//! analytics. An hour of it has passed when it is first asked; then it goes on as the clock does. The readings of a moment
//! are the same whenever it was begun.
//!
//! - `strays`: entries that do not count; `places`: where antennas are.

mod places;
mod strays;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::{Stream, stream};
use reference::{Entry, EntryId, Question, Reference, Refusal, Settings, Stages};
use scenario::Network;
use scenario::network::{Arrival, name};
use shared::UnixMillis;

/// A batch is merged this often, in milliseconds.
const BATCH_MS: i64 = 100;

/// Entries that arrive later than this before a batch is merged are left to the next one, in milliseconds.
const READING_MS: i64 = 20;

/// A commit is done this often, in milliseconds.
const COMMIT_MS: i64 = 1_000;

/// The built-in source. A clone is the same network.
#[derive(Debug, Clone)]
pub struct Mock {
    antennas: u32,
    world: Arc<RwLock<Option<World>>>,
}

impl Default for Mock {
    /// 24 antennas, of which two are degraded, one is down and one is silent.
    fn default() -> Self {
        Self::with_antennas(24)
    }
}

impl Mock {
    /// A network of a size; see [`Network::new`].
    #[must_use]
    pub fn with_antennas(antennas: u32) -> Self {
        Self { antennas, world: Arc::default() }
    }

    /// The answer to a question. It takes a while where much has passed since the last one, most of all before the first.
    ///
    /// # Errors
    /// What analytics would answer in place of a success.
    pub fn ask<Q: Question>(&self, question: &Q, now: UnixMillis) -> Result<Q::Answer, Refusal> {
        self.read(now, |reference| reference.ask(question, now))
    }

    /// Lets time pass up to a moment, and looks at what was counted.
    pub fn read<T>(&self, now: UnixMillis, look: impl FnOnce(&Reference) -> T) -> T {
        let is_current = |world: &Option<World>| world.as_ref().is_some_and(|world| world.now_ms + BATCH_MS > now.0);
        // A world that a panic left behind is one that stands still for a moment: it goes on with the next batch.
        let mut world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        if !is_current(&world) {
            drop(world);
            self.pass(now);
            world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        }
        match &*world {
            Some(world) => look(&world.reference),
            None => unreachable!("a world that time has passed in is there"),
        }
    }

    fn pass(&self, now: UnixMillis) {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let retention_ms = Settings::default().retention_ms;
        // After a long sleep nothing of the past is retained: there is no need to live through it.
        let living = world.take().filter(|world| world.now_ms + retention_ms > now.0);
        let mut next = living.unwrap_or_else(|| World::new(self.antennas, now.0 - retention_ms));
        next.pass(now.0);
        *world = Some(next);
    }

    /// Yields once a second.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + 'static {
        stream::unfold(tokio::time::interval(Duration::from_secs(1)), |mut interval| async move {
            interval.tick().await;
            Some(((), interval))
        })
    }
}

/// The network, and what has been counted of it.
#[derive(Debug)]
struct World {
    network: Network,
    reference: Reference,
    /// The time of the last batch.
    now_ms: i64,
    /// Entries that have arrived and were not read yet, in order.
    unread: Vec<Unread>,
    last_id: EntryId,
}

/// An entry that was not read yet.
#[derive(Debug)]
enum Unread {
    Reading(Arrival),
    Stray { arrival_ms: i64, fields: Vec<(String, String)> },
}

impl World {
    /// Begins at a time, with all that the network published some minutes before it still to read.
    fn new(antennas: u32, start_ms: i64) -> Self {
        let now_ms = start_ms.div_euclid(COMMIT_MS) * COMMIT_MS;
        let mut reference = Reference::new(Settings::default(), UnixMillis(now_ms));
        reference.set_owner(format!("analytics-0:1:{now_ms}"));
        for position in 0..antennas.max(1) {
            reference.describe(&name(position), places::about(position));
        }
        let network = Network::new(antennas, now_ms);
        Self { network, reference, now_ms, unread: Vec::new(), last_id: EntryId::default() }
    }

    /// Lives batch by batch up to a time.
    fn pass(&mut self, until_ms: i64) {
        while self.now_ms + BATCH_MS <= until_ms {
            let before_ms = self.now_ms;
            self.now_ms += BATCH_MS;
            self.arrive(before_ms);
            self.merge();
            if self.now_ms % COMMIT_MS == 0 {
                let took_ms = 4.5 * about_one(self.now_ms, 5);
                self.reference.commit(UnixMillis(self.now_ms), took_ms, Some(self.unread.len() as u64));
            }
        }
    }

    fn arrive(&mut self, before_ms: i64) {
        let mut arrivals = Vec::new();
        self.network.publish(self.now_ms, &mut arrivals);
        self.unread.extend(arrivals.into_iter().map(Unread::Reading));
        let strays = strays::between(before_ms, self.now_ms);
        if !strays.is_empty() {
            self.unread.extend(strays.into_iter().map(|(arrival_ms, fields)| Unread::Stray { arrival_ms, fields }));
            self.unread.sort_by_key(Unread::arrival_ms);
        }
    }

    /// Counts what was read in time, if anything was.
    fn merge(&mut self) {
        let read_until_ms = self.now_ms - READING_MS;
        let count = self.unread.iter().take_while(|entry| entry.arrival_ms() <= read_until_ms).count();
        if count == 0 {
            return;
        }
        let read: Vec<Unread> = self.unread.drain(..count).collect();
        for entry in read {
            let id = self.next_id(entry.arrival_ms());
            match entry {
                Unread::Reading(arrival) => self.reference.count(id, &arrival.reading),
                Unread::Stray { fields, .. } => self.reference.take(&Entry { id, fields }),
            };
        }
        self.reference.merge(UnixMillis(self.now_ms), stages(self.now_ms, count));
    }

    fn next_id(&mut self, arrival_ms: i64) -> EntryId {
        let number = if self.last_id.arrival_ms == arrival_ms { self.last_id.number + 1 } else { 0 };
        self.last_id = EntryId { arrival_ms, number };
        self.last_id
    }
}

impl Unread {
    const fn arrival_ms(&self) -> i64 {
        match self {
            Self::Reading(Arrival { arrival_ms, .. }) | Self::Stray { arrival_ms, .. } => *arrival_ms,
        }
    }
}

/// How long the stages of a batch take: a part for the batch, and a part for each row.
fn stages(now_ms: i64, rows: usize) -> Stages {
    let stage = |salt, batch_ms: f64, row_ms: f64| (batch_ms + row_ms * rows as f64) * about_one(now_ms, salt);
    Stages {
        read_ms: stage(1, 0.18, 0.000_5),
        decode_ms: stage(2, 0.012, 0.000_13),
        aggregate_ms: stage(3, 0.06, 0.000_09),
        merge_ms: stage(4, 0.09, 0.000_07),
    }
}

/// A factor from 0.8 to 1.2 that looks random and follows from its arguments: SplitMix64 (Steele, Lea, Flood 2014).
fn about_one(now_ms: i64, salt: u64) -> f64 {
    let mut z = now_ms.unsigned_abs().wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    0.8 + 0.4 * ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
