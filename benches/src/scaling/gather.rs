//! How long an answer takes that one replica gathers from the others.
//!
//! A question comes to a replica by chance. That asks for each partition that another one owns, all at once, waits for all replies, adds
//! them up and answers. Replicas have a few workers and one line to the network, where everything waits its turn; nothing is asked
//! twice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use analytics::cluster::membership::wanted_owner;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::rebalance::{members, streams};

/// Questions that are asked; percentiles are of these.
const QUESTIONS: usize = 1_000;

/// What a row (pane, antenna) takes on the wire, in bytes: 26 of cells and 9 of the sketch, compressed.
const BYTES_A_ROW: u64 = 35;

/// What an owner adds up to: a row for the network with its sketch, and the rows of the ten worst.
const BYTES_ADDED_UP: u64 = 8_000;

/// What writing a row as compressed Arrow IPC takes, in nanoseconds.
const WRITE_NS: u64 = 120;

/// What reading a row takes.
const READ_NS: u64 = 55;

/// What grouping a row by antenna and sorting takes.
const ADD_UP_NS: u64 = 70;

/// Threads of a replica that work on answers.
const WORKERS: usize = 2;

/// Bits a second of a replica's line, in each direction.
const LINE_BITS: u64 = 10_000_000_000;

/// From one replica to another, in nanoseconds.
const WAY_NS: u64 = 100_000;

/// How long an owner takes for a request besides its rows: a lognormal distribution.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its median in milliseconds.
    pub p50_ms: f64,
    /// Its 99th percentile.
    pub p99_ms: f64,
}

/// What `worst` took in `measure hour`, where nothing was drained.
pub const AT_REST: Service = Service { p50_ms: 1.6, p99_ms: 2.1 };

/// What it took beside a drain at half of the top rate.
pub const BESIDE_A_DRAIN: Service = Service { p50_ms: 1.0, p99_ms: 27.7 };

/// What owners send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    /// The rows of the open pane, which each batch changes, a reply for each partition; whoever asks adds them up. Closed panes were
    /// fetched before. This is how it is built.
    Tables,
    /// What they have added up, one reply of each owner.
    AddedUp,
}

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    /// Antennas, each with a row in the open pane.
    pub antennas: u64,
    /// Streams that they are spread over.
    pub partitions: u16,
    /// Replicas of analytics.
    pub replicas: usize,
    /// Questions to all of them together, which come by chance.
    pub questions_per_second: f64,
    /// What owners send.
    pub replies: Replies,
    /// How long they take for it.
    pub service: Service,
}

/// How long answers take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Bytes that come to the replica that is asked, on average.
    pub bytes: u64,
}

/// Something that happens at a time, in nanoseconds. Of what happens at the same time, the older question goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: u64,
    question: usize,
    kind: Kind,
}

/// The way of a question, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It comes to the replica that is asked.
    Asked,
    /// A request comes to an owner.
    Requested { owner: usize, rows: u64 },
    /// An owner has its reply.
    Worked { owner: usize, bytes: u64 },
    /// A reply has come through the owner's line to that of whoever asked.
    Sent { bytes: u64 },
    /// A reply is there.
    Received,
}

/// A question on its way.
#[derive(Debug, Clone, Copy)]
struct Question {
    asked_at: u64,
    replica: usize,
    awaited: usize,
}

/// What is busy until when.
#[derive(Debug)]
struct Replica {
    partitions: u64,
    workers: [u64; WORKERS],
    out: u64,
    into: u64,
}

impl Gather {
    /// Asks the questions, and tells how long answers took.
    #[must_use]
    pub fn simulate(&self, seed: u64) -> Times {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut replicas = self.owners(&mut chance);
        let mut questions = Vec::new();
        let (mut events, mut at) = (BinaryHeap::new(), 0.0);
        for question in 0..QUESTIONS {
            at -= unit(&mut chance).ln() / self.questions_per_second * 1e9;
            let replica = (chance.next_u64() % self.replicas as u64) as usize;
            questions.push(Question { asked_at: at as u64, replica, awaited: 0 });
            events.push(Reverse(Event { at: at as u64, question, kind: Kind::Asked }));
        }
        let (mut took, mut sent) = (Vec::new(), 0);
        while let Some(Reverse(Event { at, question: number, kind })) = events.pop() {
            let question = &mut questions[number];
            let mut then = |at, kind| events.push(Reverse(Event { at, question: number, kind }));
            match kind {
                Kind::Asked => {
                    for (owner, rows) in self.requests(&replicas, question.replica) {
                        question.awaited += 1;
                        then(at + WAY_NS, Kind::Requested { owner, rows });
                    }
                    if question.awaited == 0 {
                        question.awaited = 1;
                        then(at, Kind::Received);
                    }
                }
                Kind::Requested { owner, rows } => {
                    let (row_ns, bytes) = match self.replies {
                        Replies::Tables => (WRITE_NS, rows * BYTES_A_ROW),
                        Replies::AddedUp => (ADD_UP_NS, BYTES_ADDED_UP),
                    };
                    let work = self.service.draw(&mut chance) + rows * row_ns;
                    then(replicas[owner].work(at, work), Kind::Worked { owner, bytes });
                }
                Kind::Worked { owner, bytes } => {
                    sent += bytes;
                    then(through(&mut replicas[owner].out, at, bytes) + WAY_NS, Kind::Sent { bytes });
                }
                Kind::Sent { bytes } => {
                    // The last bit arrives as it is sent, unless others are on the line: then the whole reply waits its turn.
                    let began = at.saturating_sub(on_the_line(bytes));
                    then(through(&mut replicas[question.replica].into, began, bytes).max(at), Kind::Received);
                }
                Kind::Received => {
                    question.awaited -= 1;
                    if question.awaited == 0 {
                        let asked = question.replica;
                        let work =
                            self.service.draw(&mut chance) + self.asked_ns(replicas[asked].partitions * self.rows());
                        took.push(replicas[asked].work(at, work) - question.asked_at);
                    }
                }
            }
        }
        took.sort_unstable();
        let quantile = |q: f64| took[((took.len() as f64 * q).ceil() as usize).saturating_sub(1)] as f64 / 1e6;
        Times { p50_ms: quantile(0.5), p99_ms: quantile(0.99), bytes: sent / QUESTIONS as u64 }
    }

    /// The replicas, each with as many partitions as it is to own.
    fn owners(&self, chance: &mut ChaCha8Rng) -> Vec<Replica> {
        let members = members(self.replicas, chance);
        let mut replicas: Vec<Replica> =
            members.iter().map(|_| Replica { partitions: 0, workers: [0; WORKERS], out: 0, into: 0 }).collect();
        for stream in streams(self.partitions) {
            let owner = wanted_owner(&stream, members.iter().map(String::as_str));
            if let Some(number) = members.iter().position(|member| Some(member.as_str()) == owner) {
                replicas[number].partitions += 1;
            }
        }
        replicas
    }

    /// Rows of a partition.
    fn rows(&self) -> u64 {
        self.antennas / u64::from(self.partitions)
    }

    /// Who is asked for how many rows.
    fn requests(&self, replicas: &[Replica], asked: usize) -> Vec<(usize, u64)> {
        let others = replicas.iter().enumerate().filter(|(number, it)| *number != asked && it.partitions > 0);
        match self.replies {
            Replies::Tables => {
                others.flat_map(|(owner, it)| (0..it.partitions).map(move |_| (owner, self.rows()))).collect()
            }
            Replies::AddedUp => others.map(|(owner, it)| (owner, it.partitions * self.rows())).collect(),
        }
    }

    /// What whoever is asked does with all rows, of which it has some of its own.
    const fn asked_ns(&self, own: u64) -> u64 {
        match self.replies {
            Replies::Tables => (self.antennas - own) * READ_NS + self.antennas * ADD_UP_NS,
            Replies::AddedUp => own * ADD_UP_NS,
        }
    }
}

impl Replica {
    /// Has the first worker that is free do something, and tells when it is done.
    fn work(&mut self, at: u64, takes: u64) -> u64 {
        let free = (0..WORKERS).min_by_key(|&number| self.workers[number]).unwrap_or_default();
        self.workers[free] = self.workers[free].max(at) + takes;
        self.workers[free]
    }
}

impl Service {
    /// Nanoseconds, by chance.
    fn draw(self, chance: &mut ChaCha8Rng) -> u64 {
        /// The 99th percentile of the normal distribution.
        const Z99: f64 = 2.326_347_874;
        let sigma = (self.p99_ms / self.p50_ms).ln() / Z99;
        let normal = (-2.0 * unit(chance).ln()).sqrt() * (std::f64::consts::TAU * unit(chance)).cos();
        (self.p50_ms * (sigma * normal).exp() * 1e6) as u64
    }
}

/// A number above 0 and up to 1, by chance.
fn unit(chance: &mut ChaCha8Rng) -> f64 {
    ((chance.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// Nanoseconds that bytes take on a line.
const fn on_the_line(bytes: u64) -> u64 {
    bytes * 8 * 1_000_000_000 / LINE_BITS
}

/// Sends bytes over a line once it is free, and tells when the last one is through.
fn through(line: &mut u64, at: u64, bytes: u64) -> u64 {
    *line = (*line).max(at) + on_the_line(bytes);
    *line
}
