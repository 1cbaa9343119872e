//! Producers that keep a record: each batch is appended once, however often it is sent, and the id of its last entry is noted
//! when the broker has acknowledged it. What the broker loses afterwards is found in the record by its id.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use analytics::ingest::stream_id::StreamId;
use anyhow::{Context as _, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use redis::{Client, Connection, Script};
use shared::codec::encode;

use crate::broker::{now_ms, reading};

/// Readings in a batch.
pub(crate) const BATCH: u64 = 500;

/// A reply that takes longer is given up, and the batch sent again.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before a batch is sent again.
const PAUSE: Duration = Duration::from_millis(20);

/// KEYS: marker, stream. ARGV: the batch's number, then for each reading the number of its arguments and the arguments.
/// Returns the id of the batch's last entry, also where the batch had been appended before.
const APPEND_ONCE: &str = "
local known = redis.call('HMGET', KEYS[1], 'number', 'last')
if known[1] and tonumber(known[1]) >= tonumber(ARGV[1]) then return known[2] end
local at, id = 2, ''
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  id = redis.call('XADD', KEYS[2], '*', unpack(ARGV, at + 1, last))
  at = last + 1
end
redis.call('HSET', KEYS[1], 'number', ARGV[1], 'last', id)
return id
";

/// What a producer publishes to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) stream: String,
    /// The ports of the servers of which one has the stream, by which the others are found.
    pub(crate) ports: Vec<u16>,
    /// The ids of the antennas.
    pub(crate) antennas: Vec<String>,
}

/// All producers together.
#[derive(Debug)]
pub(crate) struct Producers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Readings that may be published.
    released: AtomicU64,
    /// Readings taken by a producer.
    taken: AtomicU64,
    /// Readings that the broker has acknowledged.
    acknowledged: AtomicU64,
    /// Batches that had to be sent again, for lack of an answer or because of a refusal.
    again: AtomicU64,
    stop: AtomicBool,
    /// Readings by the stream and id of the last entry of their batch.
    record: Mutex<BTreeMap<(String, StreamId), u64>>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Producers {
    /// Starts a producer for each of some targets.
    pub(crate) fn start(targets: Vec<Target>) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |(number, target)| {
            let producer = Producer {
                shared: Arc::clone(&shared),
                target,
                number,
                at: 0,
                chance: ChaCha8Rng::seed_from_u64(number),
            };
            thread::spawn(move || producer.run())
        };
        let threads = (0..).zip(targets).map(start).collect();
        Self { shared, threads }
    }

    /// Lets so many more readings be published, as fast as the broker takes them.
    pub(crate) fn release(&self, readings: u64) {
        self.shared.released.fetch_add(readings, Ordering::SeqCst);
    }

    /// Readings that the broker has acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// Whether everything that was released is acknowledged.
    pub(crate) fn are_done(&self) -> bool {
        self.acknowledged() == self.shared.released.load(Ordering::SeqCst)
    }

    /// How often a batch was sent again.
    pub(crate) fn sent_again(&self) -> u64 {
        self.shared.again.load(Ordering::SeqCst)
    }

    /// What the broker said when it refused batches, by its first word, and how often.
    pub(crate) fn refusals(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.refusals).clone()
    }

    /// Takes what was acknowledged with an id above `last` out of the record of a stream, and returns how many readings that are:
    /// the broker's stream ends there, so it has lost them.
    pub(crate) fn strike_above(&self, stream: &str, last: StreamId) -> u64 {
        let mut record = lock(&self.shared.record);
        let lost: Vec<_> = record.keys().filter(|(of, id)| of == stream && *id > last).cloned().collect();
        lost.into_iter().filter_map(|key| record.remove(&key)).sum()
    }

    /// Readings in the record: acknowledged, and not known to be lost.
    pub(crate) fn recorded(&self) -> u64 {
        lock(&self.shared.record).values().sum()
    }

    /// Ends them.
    pub(crate) fn stop(self) -> Result<()> {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a producer panicked"))?;
        }
        Ok(())
    }
}

/// One thread that publishes, with antennas of its own.
struct Producer {
    shared: Arc<Shared>,
    target: Target,
    number: u64,
    /// The place among the target's ports of the server that is asked.
    at: usize,
    chance: ChaCha8Rng,
}

impl Producer {
    fn run(mut self) {
        let script = Script::new(APPEND_ONCE);
        let mut connection = None;
        let mut number = 0_u64;
        let mut published = 0_u64;
        loop {
            let count = self.take();
            if count == 0 {
                if self.is_stopped() {
                    return;
                }
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            number += 1;
            let mut invocation = script.prepare_invoke();
            let stream = &self.target.stream;
            invocation.key(format!("{{{stream}}}:producer:{}", self.number)).key(stream).arg(number);
            for _ in 0..count {
                let antenna = published as usize % self.target.antennas.len();
                let mut reading = reading(&mut self.chance, antenna as u32, now_ms(), 0);
                // Without a `seq`, a reading that is counted twice shows: nothing takes the second one for a duplicate.
                reading.seq = None;
                reading.antenna_id.clone_from(&self.target.antennas[antenna]);
                let pairs = encode(&reading);
                invocation.arg(pairs.len() * 2);
                for (field, value) in &pairs {
                    invocation.arg(*field).arg(value);
                }
                published += 1;
            }
            loop {
                let id = self.connected(&mut connection).and_then(|it| Ok(invocation.invoke::<String>(it)?));
                match id.and_then(|id| Ok(id.parse()?)) {
                    Ok(id) => {
                        // The record first: what counts as acknowledged is in it.
                        lock(&self.shared.record).insert((self.target.stream.clone(), id), count);
                        self.shared.acknowledged.fetch_add(count, Ordering::SeqCst);
                        break;
                    }
                    Err(error) => {
                        connection = None;
                        self.turn(&error);
                        self.shared.again.fetch_add(1, Ordering::SeqCst);
                        *lock(&self.shared.refusals).entry(first_word(&error)).or_default() += 1;
                        if self.is_stopped() {
                            return;
                        }
                        thread::sleep(PAUSE);
                    }
                }
            }
        }
    }

    /// Goes to the server that has the stream, as far as an error tells which that is; else to the next one where nobody answers.
    fn turn(&mut self, error: &anyhow::Error) {
        let Some(error) = error.downcast_ref::<redis::RedisError>() else { return };
        let ports = &self.target.ports;
        // One that a slot is being moved to takes nothing yet, and the move is soon over.
        let told = error.redirect_node().filter(|_| error.code() == Some("MOVED")).map(|(address, _)| address);
        let told = told.and_then(|address| address.rsplit_once(':')?.1.parse::<u16>().ok());
        if let Some(place) = told.and_then(|port| ports.iter().position(|it| *it == port)) {
            self.at = place;
        } else if error.code().is_none() {
            self.at = (self.at + 1) % ports.len();
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }

    /// How many readings of those released are this producer's next batch.
    fn take(&self) -> u64 {
        let released = self.shared.released.load(Ordering::SeqCst);
        let take = |taken: u64| (taken < released).then(|| (taken + BATCH).min(released));
        match self.shared.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(before) => (before + BATCH).min(released) - before,
            Err(_) => 0,
        }
    }

    fn connected<'a>(&self, connection: &'a mut Option<Connection>) -> Result<&'a mut Connection> {
        if connection.is_none() {
            let client = Client::open(format!("redis://127.0.0.1:{}", self.target.ports[self.at]))?;
            let made = client.get_connection_with_timeout(TIMEOUT)?;
            made.set_read_timeout(Some(TIMEOUT))?;
            made.set_write_timeout(Some(TIMEOUT))?;
            *connection = Some(made);
        }
        connection.as_mut().context("a connection")
    }
}

/// What the ids of the producers' antennas begin with.
pub(crate) const PREFIX: &str = "recorded-";

/// What a refusal is about: Redis' code of the error, or the kind of a failed connection.
fn first_word(error: &anyhow::Error) -> String {
    let Some(error) = error.downcast_ref::<redis::RedisError>() else { return error.to_string() };
    error.code().map_or_else(|| "no answer".to_owned(), str::to_owned)
}

/// The guard of a mutex.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
