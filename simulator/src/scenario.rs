//! What one antenna measures: pure and seeded. The same seed, id and times give the same readings.
//!
//! Losses come in bursts (a Gilbert-Elliott channel); latency is a base that differs by antenna plus jitter with a
//! heavy tail. A [`Scenario`] gives each antenna a role, and the role changes what it measures or when it publishes it.

use std::collections::VecDeque;

use clap::ValueEnum;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution as _, Geometric, LogNormal, Pareto};
use shared::Reading;

/// What happens to the antennas of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// All are healthy, each in its own way.
    Steady,
    /// A fifth degrades at times, one goes dark at times, one flaps, the rest are steady.
    Mixed,
    /// A quarter loses its uplink at times: it stores its readings and forwards them late, in order.
    Late,
}

/// With this many readings stored, an antenna without uplink goes back to forwarding: its memory is full.
const STORED_MAX: usize = 2_000;
/// An antenna that forwards does not know which of its last readings arrived, and repeats this many.
const REPEATED: usize = 3;
/// The longest mean latency that the model gives, in milliseconds.
const LATENCY_MAX_MS: f64 = 5_000.0;

/// One antenna and the state of its channel.
#[derive(Debug)]
pub struct Antenna {
    id: String,
    role: Role,
    rng: ChaCha8Rng,
    packets_per_reading: u32,
    base_ms: f64,
    jitter_ms: LogNormal<f64>,
    spike_ms: Pareto<f64>,
    usual: GilbertElliott,
    degraded: GilbertElliott,
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
        // Log-uniform from 8 to 120 ms: most antennas are near, some are far.
        let base_ms = 8.0 * 15.0_f64.powf(rng.random());
        let jitter_ms: f64 = base_ms * rng.random_range(0.03..0.15);
        Self {
            role,
            packets_per_reading: rng.random_range(80..=120),
            base_ms,
            jitter_ms: LogNormal::new(jitter_ms.ln(), 0.7).expect("a finite mean and spread"),
            spike_ms: Pareto::new(base_ms * 2.0, 2.2).expect("a positive scale and shape"),
            usual: GilbertElliott::new(&Channel {
                to_bad: 1.0 / rng.random_range(1_500.0..6_000.0),
                to_good: 1.0 / rng.random_range(5.0..20.0),
                loss_good: rng.random_range(0.0001..0.001),
                loss_bad: rng.random_range(0.3..0.6),
            }),
            degraded: GilbertElliott::new(&Channel {
                to_bad: 1.0 / 45.0,
                to_good: 1.0 / 30.0,
                loss_good: 0.01,
                loss_bad: rng.random_range(0.5..0.7),
            }),
            stored: VecDeque::new(),
            rng,
            id,
        }
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
            latency_ms += self.spike_ms.sample(&mut self.rng);
        }
        let loss = match &self.role {
            Role::Flapping(stretch) if stretch.covers(moment.elapsed_ms) => packets,
            Role::Degrading(stretch) if stretch.covers(moment.elapsed_ms) => {
                // Where packets are lost, queues fill: latency rises, and more so for distant antennas.
                latency_ms = latency_ms * 3.0 + 250.0;
                self.degraded.losses(packets, &mut self.rng)
            }
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

/// The probabilities of a Gilbert-Elliott channel, per packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// From the good state to the bad one.
    pub to_bad: f64,
    /// From the bad state to the good one.
    pub to_good: f64,
    /// That a packet is lost in the good state.
    pub loss_good: f64,
    /// That a packet is lost in the bad state.
    pub loss_bad: f64,
}

impl Channel {
    /// The share of packets lost in the long run: the losses of both states, weighted by the chain's stationary
    /// distribution (Elliott 1963, "Estimates of error rates for codes on burst-noise channels").
    #[must_use]
    pub fn long_run_loss(&self) -> f64 {
        let bad = self.to_bad / (self.to_bad + self.to_good);
        bad * self.loss_bad + (1.0 - bad) * self.loss_good
    }
}

/// A channel whose losses come in bursts: a Markov chain of a good and a bad state, with one step per packet.
///
/// It draws how long a state lasts instead of every step, so that its cost does not grow with the number of packets.
#[derive(Debug, Clone)]
pub struct GilbertElliott {
    channel: Channel,
    good_lasts: Geometric,
    bad_lasts: Geometric,
    in_bad: bool,
    packets_left_in_state: u64,
}

impl GilbertElliott {
    /// A channel that starts at the end of a bad stretch.
    ///
    /// # Panics
    /// If one of the four is not a probability.
    #[must_use]
    pub fn new(channel: &Channel) -> Self {
        Self {
            channel: *channel,
            good_lasts: Geometric::new(channel.to_bad).expect("a probability"),
            bad_lasts: Geometric::new(channel.to_good).expect("a probability"),
            in_bad: true,
            packets_left_in_state: 0,
        }
    }

    /// Sends `packets` and returns how many of them are lost.
    pub fn losses(&mut self, packets: u32, rng: &mut ChaCha8Rng) -> u32 {
        let mut to_send = u64::from(packets);
        let mut lost = 0;
        while to_send > 0 {
            if self.packets_left_in_state == 0 {
                self.in_bad = !self.in_bad;
                let lasts = if self.in_bad { &self.bad_lasts } else { &self.good_lasts };
                self.packets_left_in_state = lasts.sample(rng).saturating_add(1);
            }
            let run = to_send.min(self.packets_left_in_state);
            let loss = if self.in_bad { self.channel.loss_bad } else { self.channel.loss_good };
            lost += Binomial::new(run, loss).expect("a probability").sample(rng);
            self.packets_left_in_state -= run;
            to_send -= run;
        }
        u32::try_from(lost).expect("no more are lost than were sent")
    }
}

/// What a scenario makes of an antenna.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Steady,
    /// Latency and loss rise at times.
    Degrading(Stretch),
    /// Publishes nothing at times.
    Dark(Stretch),
    /// Loses everything at times.
    Flapping(Stretch),
    /// Loses its uplink at times, and catches up afterwards.
    StoresAndForwards(Stretch),
}

impl Role {
    /// Trouble begins within half a minute, so that whoever opens the page sees it come and go within a minute or two.
    fn new(scenario: Scenario, position: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut seconds = |range: std::ops::Range<u64>| rng.random_range(range) * 1_000;
        match (scenario, position) {
            (Scenario::Mixed, 1) => Self::Dark(Stretch { calm_ms: 30_000, lasts_ms: 45_000 }),
            (Scenario::Mixed, 2) => Self::Flapping(Stretch { calm_ms: 15_000, lasts_ms: 15_000 }),
            (Scenario::Mixed, position) if position.is_multiple_of(5) => {
                Self::Degrading(Stretch { calm_ms: seconds(15..35), lasts_ms: seconds(30..60) })
            }
            (Scenario::Late, position) if position.is_multiple_of(4) => {
                Self::StoresAndForwards(Stretch { calm_ms: seconds(10..30), lasts_ms: seconds(5..120) })
            }
            _ => Self::Steady,
        }
    }
}

/// A cycle: a calm stretch first, then trouble, and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    calm_ms: u64,
    lasts_ms: u64,
}

impl Stretch {
    fn covers(self, elapsed_ms: u64) -> bool {
        elapsed_ms % (self.calm_ms + self.lasts_ms) >= self.calm_ms
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
mod tests {
    use proptest::prelude::*;
    use shared::codec::{Fields, encode};

    use super::*;

    const START_MS: i64 = 1_763_900_000_000;

    fn antenna(id: &str, index: usize, scenario: Scenario, seed: u64) -> Antenna {
        Antenna::new(id.to_owned(), index, 10, scenario, seed)
    }

    /// What `antenna` publishes in `seconds` at one reading a second, each with the second in which it is published.
    fn published(antenna: &mut Antenna, seconds: u64) -> Vec<(u64, Reading)> {
        let mut all = Vec::new();
        for second in 0..seconds {
            let mut now = Vec::new();
            let timestamp_ms = START_MS + i64::try_from(second).expect("few seconds") * 1_000;
            antenna.take(Moment { elapsed_ms: second * 1_000, timestamp_ms, seq: second }, &mut now);
            all.extend(now.into_iter().map(|reading| (second, reading)));
        }
        all
    }

    proptest! {
        #[test]
        fn readings_keep_the_contract_and_repeat_with_the_seed(
            seed: u64, index in 0_usize..10, scenario in prop::sample::select(Scenario::value_variants())
        ) {
            let readings = published(&mut antenna("a", index, scenario, seed), 200);
            prop_assert_eq!(&readings, &published(&mut antenna("a", index, scenario, seed), 200));
            for (_, reading) in readings {
                prop_assert!(reading.loss <= reading.packets);
                prop_assert_eq!(reading.latency_ms.is_none(), reading.loss == reading.packets);
                let pairs = encode(&reading);
                let fields: Fields<'_> = pairs.iter().map(|(name, value)| (*name, value)).collect();
                prop_assert_eq!(fields.decode().map(|decoded| decoded.to_owned()), Ok(reading));
            }
        }

        #[test]
        fn losses_never_exceed_packets(
            seed: u64, to_bad in 0.001..=1.0, to_good in 0.001..=1.0, loss_good in 0.0..=1.0, loss_bad in 0.0..=1.0,
            packets in 0_u32..10_000
        ) {
            let mut channel = GilbertElliott::new(&Channel { to_bad, to_good, loss_good, loss_bad });
            prop_assert!(channel.losses(packets, &mut ChaCha8Rng::seed_from_u64(seed)) <= packets);
        }
    }

    #[test]
    fn antennas_and_seeds_differ() {
        let readings = |id, seed| published(&mut antenna(id, 3, Scenario::Steady, seed), 20);
        let without_id = |readings: Vec<(u64, Reading)>| {
            readings.into_iter().map(|(_, reading)| (reading.packets, reading.latency_ms)).collect::<Vec<_>>()
        };
        assert_ne!(without_id(readings("a", 1)), without_id(readings("b", 1)));
        assert_ne!(without_id(readings("a", 1)), without_id(readings("a", 2)));
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "a few million packets are exact in a double")]
    fn losses_come_near_the_formula_in_the_long_run() {
        let channel = Channel { to_bad: 0.02, to_good: 0.1, loss_good: 0.001, loss_bad: 0.4 };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut chain = GilbertElliott::new(&channel);
        let packets = 5_000_000_u64;
        let lost: u64 = (0..packets / 100).map(|_| u64::from(chain.losses(100, &mut rng))).sum();
        let (share, expected) = (lost as f64 / packets as f64, channel.long_run_loss());
        assert!((share / expected - 1.0).abs() < 0.02, "{share} is not near {expected}");
    }

    #[test]
    fn losses_come_in_bursts() {
        let channel = Channel { to_bad: 0.001, to_good: 0.1, loss_good: 0.0, loss_bad: 0.5 };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut chain = GilbertElliott::new(&channel);
        let losses: Vec<bool> = (0..500_000).map(|_| chain.losses(1, &mut rng) == 1).collect();
        let pairs = losses.windows(2).filter(|pair| pair[0]).count();
        let both = losses.windows(2).filter(|pair| pair[0] && pair[1]).count();
        // After a loss the next packet is lost with probability 0.9 x 0.5; with independent losses it would be half a
        // percent.
        assert!(both * 3 > pairs, "{both} of {pairs} losses are followed by a loss");
    }

    #[test]
    fn steady_antennas_are_healthy() {
        for index in 0..50 {
            let mut antenna = antenna(&format!("a-{index}"), index, Scenario::Steady, 1);
            let readings = published(&mut antenna, 300);
            let (packets, lost) = readings
                .iter()
                .fold((0, 0), |(packets, lost), (_, reading)| (packets + reading.packets, lost + reading.loss));
            let latencies: Vec<f64> = readings.iter().filter_map(|(_, reading)| reading.latency_ms).collect();
            assert!(lost * 20 < packets, "{index} lost {lost} of {packets}");
            assert!(latencies.iter().sum::<f64>() < 250.0 * f64::from(u32::try_from(latencies.len()).expect("300")));
        }
    }

    #[test]
    fn mixed_shows_every_kind_of_trouble_within_two_minutes() {
        let of = |index| published(&mut antenna("a", index, Scenario::Mixed, 1), 120);
        let largest_gap = |readings: &[(u64, Reading)]| readings.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        assert!(of(0).iter().filter(|(_, reading)| reading.latency_ms > Some(250.0)).count() >= 30);
        assert!(of(0).iter().any(|(_, reading)| reading.latency_ms < Some(250.0)));
        assert!(largest_gap(&of(1)) >= Some(45));
        assert_eq!(of(2).iter().filter(|(_, reading)| reading.loss == reading.packets).count(), 60);
        assert_eq!(largest_gap(&of(3)), Some(1));
    }

    #[test]
    fn late_readings_arrive_in_order_and_only_the_repeated_ones_are_duplicates() {
        let mut antenna = antenna("a", 0, Scenario::Late, 1);
        let mut readings = published(&mut antenna, 600);
        let mut rest = Vec::new();
        antenna.forward(&mut rest);
        readings.extend(rest.into_iter().map(|reading| (600, reading)));
        let lateness_s = |second: u64, reading: &Reading| second - reading.seq.expect("a seq");
        assert!(readings.iter().any(|(second, reading)| lateness_s(*second, reading) > 5));
        let (mut highest, mut counted, mut duplicates) = (None, 0, 0);
        for (_, reading) in &readings {
            if reading.seq > highest {
                highest = reading.seq;
                counted += 1;
            } else {
                duplicates += 1;
            }
        }
        assert_eq!(counted, 600, "every reading counts once");
        assert!(duplicates > 0);
    }

    #[test]
    fn an_antenna_stores_a_bounded_number_of_readings() {
        let mut antenna = antenna("a", 0, Scenario::Late, 1);
        let mut out = Vec::new();
        for seq in 0..200_000 {
            antenna.take(Moment { elapsed_ms: seq, timestamp_ms: START_MS, seq }, &mut out);
            assert!(antenna.stored.len() <= STORED_MAX);
        }
    }
}
