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

use crate::broker::{STREAM, now_ms, reading};

/// Readings in a batch.
const BATCH: u64 = 500;

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

/// All producers together.
#[derive(Debug)]
pub(super) struct Producers {
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
    record: Mutex<BTreeMap<StreamId, u64>>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Producers {
    /// Starts producers that publish through a port, of so many antennas together.
    pub(super) fn start(port: u16, producers: u32, antennas: u32) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let client = Client::open(format!("redis://127.0.0.1:{port}"))?;
        let threads = (0..producers)
            .map(|number| {
                let producer = Producer {
                    shared: Arc::clone(&shared),
                    client: client.clone(),
                    number,
                    antennas: (antennas / producers).max(1),
                    chance: ChaCha8Rng::seed_from_u64(u64::from(number)),
                };
                thread::spawn(move || producer.run())
            })
            .collect();
        Ok(Self { shared, threads })
    }

    /// Lets so many more readings be published, as fast as the broker takes them.
    pub(super) fn release(&self, readings: u64) {
        self.shared.released.fetch_add(readings, Ordering::SeqCst);
    }

    /// Readings that the broker has acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// Whether everything that was released is acknowledged.
    pub(super) fn are_done(&self) -> bool {
        self.acknowledged() == self.shared.released.load(Ordering::SeqCst)
    }

    /// How often a batch was sent again.
    pub(super) fn sent_again(&self) -> u64 {
        self.shared.again.load(Ordering::SeqCst)
    }

    /// What the broker said when it refused batches, by its first word, and how often.
    pub(super) fn refusals(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.refusals).clone()
    }

    /// Takes what was acknowledged with an id above `last` out of the record, and returns how many readings that are: the
    /// broker's stream ends there, so it has lost them.
    pub(super) fn strike_above(&self, last: StreamId) -> u64 {
        let mut record = lock(&self.shared.record);
        let lost: Vec<StreamId> = record.keys().filter(|&&id| id > last).copied().collect();
        lost.into_iter().filter_map(|id| record.remove(&id)).sum()
    }

    /// Readings in the record: acknowledged, and not known to be lost.
    pub(super) fn recorded(&self) -> u64 {
        lock(&self.shared.record).values().sum()
    }

    /// Ends them.
    pub(super) fn stop(self) -> Result<()> {
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
    client: Client,
    number: u32,
    antennas: u32,
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
            invocation.key(format!("{{{STREAM}}}:producer:{}", self.number)).key(STREAM).arg(number);
            for _ in 0..count {
                let antenna = (published % u64::from(self.antennas)) as u32;
                let mut reading = reading(&mut self.chance, antenna, now_ms(), 0);
                // Without a `seq`, a reading that is counted twice shows: nothing takes the second one for a duplicate.
                reading.seq = None;
                reading.antenna_id = format!("{PREFIX}{}-{antenna:05}", self.number);
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
                        lock(&self.shared.record).insert(id, count);
                        self.shared.acknowledged.fetch_add(count, Ordering::SeqCst);
                        break;
                    }
                    Err(error) => {
                        connection = None;
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
            let made = self.client.get_connection_with_timeout(TIMEOUT)?;
            made.set_read_timeout(Some(TIMEOUT))?;
            made.set_write_timeout(Some(TIMEOUT))?;
            *connection = Some(made);
        }
        connection.as_mut().context("a connection")
    }
}

/// What the ids of the producers' antennas begin with.
pub(super) const PREFIX: &str = "recorded-";

/// What a refusal is about: Redis' code of the error, or the kind of a failed connection.
fn first_word(error: &anyhow::Error) -> String {
    let Some(error) = error.downcast_ref::<redis::RedisError>() else { return error.to_string() };
    error.code().map_or_else(|| "no answer".to_owned(), str::to_owned)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
