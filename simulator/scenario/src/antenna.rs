//! What one antenna measures: pure and seeded. The same seed, id and times give the same readings.
//!
//! Losses come in bursts (see [`crate::channel`]); latency is a base that differs by antenna plus jitter with a heavy tail.
//! The antenna's role changes what it measures or when it publishes it.

use std::collections::VecDeque;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal, Pareto};
use shared::Reading;

use crate::channel::{Channel, GilbertElliott};
use crate::role::{Role, Scenario};

/// With this many readings stored, an antenna without uplink goes back to forwarding: its memory is full.
const STORED_MAX: usize = 2_000;
/// An antenna that forwards does not know which of its last readings arrived, and repeats this many.
const REPEATED: usize = 3;
/// How many packets an antenna sends that delivers none.
const PACKETS_WHEN_DOWN: u32 = 5;
/// How much a slow antenna adds to latency, in milliseconds.
const SLOWER_MS: f64 = 330.0;
/// The factor by which a storm raises latency.
const STORM_LATENCY: f64 = 1.7;
/// The longest mean latency that the model gives, in milliseconds.
const LATENCY_MAX_MS: f64 = 5_000.0;

/// One antenna and the state of its channel.
#[derive(Debug)]
pub struct Antenna {
    id: String,
    role: Role,
    rng: ChaCha8Rng,
    packets_per_reading: u32,
    /// How many times as much traffic it has as others of its kind.
    traffic: u32,
    base_ms: f64,
    jitter_ms: LogNormal<f64>,
    spike_ms: Pareto<f64>,
    usual: GilbertElliott,
    /// The channel while its role puts it in trouble.
    troubled: GilbertElliott,
    stored: VecDeque<Reading>,
}

/// The moment at which a reading is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the antenna was started: decides where in its cycle it is.
    pub elapsed_ms: u64,
    /// The event time.
    pub timestamp_ms: i64,
    /// The sequence number.
    pub seq: u64,
}

impl Antenna {
    /// The antenna at `index` of a fleet of `fleet_size`.
    ///
    /// Randomness depends on `seed` and `id`, so that pods which share a seed still differ. In a fleet the role depends
    /// on the index; an antenna that is alone in its process draws its role, so that pods differ in role as well.
    #[must_use]
    pub fn new(id: String, index: usize, fleet_size: usize, scenario: Scenario, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed_of(seed, &id));
        let position = if fleet_size == 1 { rng.random_range(0..10) } else { index };
        let role = Role::new(scenario, position, &mut rng);
        Self::of(id, role, rng)
    }

    /// An antenna in a role. Randomness depends on `seed` and `id`.
    #[must_use]
    pub fn with_role(id: String, role: Role, seed: u64) -> Self {
        let rng = ChaCha8Rng::from_seed(seed_of(seed, &id));
        Self::of(id, role, rng)
    }

    /// The same antenna with so many times as much traffic: as for one that reports so many times less often.
    #[must_use]
    pub const fn with_traffic(mut self, times: u32) -> Self {
        self.packets_per_reading *= times;
        self.traffic *= times;
        self
    }

    fn of(id: String, role: Role, mut rng: ChaCha8Rng) -> Self {
        // Log-uniform from 8 to 120 ms: most antennas are near, some are far.
        let base_ms = 8.0 * 15.0_f64.powf(rng.random());
        let jitter_ms: f64 = base_ms * rng.random_range(0.03..0.15);
        Self {
            role,
            // One that delivers nothing carries little traffic: with its share, its losses would outweigh all others.
            packets_per_reading: if role == Role::Down { PACKETS_WHEN_DOWN } else { rng.random_range(80..=120) },
            traffic: 1,
            base_ms,
            jitter_ms: LogNormal::new(jitter_ms.ln(), 0.7).expect("a finite mean and spread"),
            spike_ms: Pareto::new(base_ms * 2.0, 2.2).expect("a positive scale and shape"),
            usual: GilbertElliott::new(&Channel {
                to_bad: 1.0 / rng.random_range(1_500.0..6_000.0),
                to_good: 1.0 / rng.random_range(5.0..20.0),
                loss_good: rng.random_range(0.0001..0.001),
                loss_bad: rng.random_range(0.3..0.6),
            }),
            troubled: GilbertElliott::new(&match role {
                Role::Lossy => Channel { to_bad: 1.0 / 60.0, to_good: 1.0 / 12.0, loss_good: 0.001, loss_bad: 0.55 },
                Role::Stormy(_) => Channel { to_bad: 1.0 / 40.0, to_good: 1.0 / 12.0, loss_good: 0.005, loss_bad: 0.6 },
                _ => Channel {
                    to_bad: 1.0 / 45.0,
                    to_good: 1.0 / 30.0,
                    loss_good: 0.01,
                    loss_bad: rng.random_range(0.5..0.7),
                },
            }),
            stored: VecDeque::new(),
            rng,
            id,
        }
    }

    /// Starts afresh with another seed: what it measures from now on depends on the seed and the times alone. Its
    /// character stays the same.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = ChaCha8Rng::from_seed(seed_of(seed, &self.id));
        self.usual.restart();
        self.troubled.restart();
        self.stored.clear();
    }

    /// Takes a reading and appends to `published` what the antenna publishes now: nothing while it is dark or without
    /// uplink, everything it has stored once the uplink is back, otherwise the reading.
    pub fn take(&mut self, moment: Moment, published: &mut Vec<Reading>) {
        match &self.role {
            Role::Dark(stretch) if stretch.covers(moment.elapsed_ms) => {}
            Role::StoresAndForwards(stretch) => {
                let offline = stretch.covers(moment.elapsed_ms);
                let reading = self.measure(moment);
                if offline && self.stored.len() < STORED_MAX {
                    self.stored.push_back(reading);
                } else {
                    self.forward(published);
                    published.push(reading);
                }
            }
            _ => {
                let reading = self.measure(moment);
                published.push(reading);
            }
        }
    }

    /// Appends to `published` what is stored, in order, repeating the last few readings.
    pub fn forward(&mut self, published: &mut Vec<Reading>) {
        let repeated = self.stored.len().min(REPEATED);
        published.extend(self.stored.drain(..));
        published.extend_from_within(published.len() - repeated..);
    }

    fn measure(&mut self, moment: Moment) -> Reading {
        let spread = self.packets_per_reading / 20;
        let packets = self.packets_per_reading - spread + self.rng.random_range(0..=2 * spread);
        let mut latency_ms = self.base_ms + self.jitter_ms.sample(&mut self.rng);
        if self.rng.random_bool(0.005) {
            // A reading is a mean: of more packets, a spike takes up less.
            latency_ms += self.spike_ms.sample(&mut self.rng) / f64::from(self.traffic);
        }
        let loss = match &self.role {
            Role::Flapping(stretch) if stretch.covers(moment.elapsed_ms) => packets,
            Role::Degrading(stretch) if stretch.covers(moment.elapsed_ms) => {
                // Where packets are lost, queues fill: latency rises, and more so for distant antennas.
                latency_ms = latency_ms * 3.0 + 250.0;
                self.troubled.losses(packets, &mut self.rng)
            }
            Role::Stormy(stretch) if stretch.covers(moment.elapsed_ms) => {
                latency_ms *= STORM_LATENCY;
                self.troubled.losses(packets, &mut self.rng)
            }
            Role::Lossy => self.troubled.losses(packets, &mut self.rng),
            Role::Slow => {
                latency_ms += SLOWER_MS;
                self.usual.losses(packets, &mut self.rng)
            }
            Role::Down => packets,
            _ => self.usual.losses(packets, &mut self.rng),
        };
        Reading {
            antenna_id: self.id.clone(),
            timestamp_ms: moment.timestamp_ms,
            packets,
            loss,
            latency_ms: (loss < packets).then(|| (latency_ms.min(LATENCY_MAX_MS) * 1_000.0).round() / 1_000.0),
            seq: Some(moment.seq),
        }
    }
}

/// The seed in the first bytes and a hash of the id in the rest; FNV-1a, because it is the same in every build.
fn seed_of(seed: u64, id: &str) -> [u8; 32] {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&hash.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
