//! What an antenna counted up to a moment, as a closed formula of the moment. What it counted between two moments is the
//! difference, so that the parts of any window add up to it, and an hour costs no more than a pane.
//!
//! The formula gives whole numbers at the borders of panes: a steady growth with noise that does not add up. A pane is
//! then divided among its seconds, a reading each.

use std::array;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use super::PANE_SECONDS;

/// The network has an incident in a part of each period of 780 s, here in panes: latency and loss rise everywhere.
pub(super) const INCIDENT_PERIOD: i64 = 156;

/// The part of the period in which it has; see [`INCIDENT_PERIOD`].
pub(super) const INCIDENT: std::ops::Range<i64> = 120..129;

/// Panes over which an antenna's slow drift changes its direction.
const DRIFT_PANES: i64 = 12;

/// Readings of a pane.
const READINGS: usize = PANE_SECONDS as usize;

/// Sums of readings, or their growth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) readings: i64,
    pub(super) packets: i64,
    pub(super) lost: i64,
    /// Readings that carry a latency.
    pub(super) timed: i64,
    /// The sum of their latencies, in microseconds: whole numbers add up in any order.
    pub(super) latency_us: i64,
}

impl Counters {
    fn map(self, other: Self, combine: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            readings: combine(self.readings, other.readings),
            packets: combine(self.packets, other.packets),
            lost: combine(self.lost, other.lost),
            timed: combine(self.timed, other.timed),
            latency_us: combine(self.latency_us, other.latency_us),
        }
    }

    /// Mean latency in milliseconds.
    pub(super) fn mean_latency_ms(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.latency_us as f64 / 1000.0 / self.timed as f64)
    }

    /// Delivered of sent packets.
    pub(super) fn success_rate(&self) -> Option<f64> {
        (self.packets > 0).then(|| (self.packets - self.lost) as f64 / self.packets as f64)
    }
}

impl Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.map(other, |a, b| a + b)
    }
}

impl Sub for Counters {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.map(other, |a, b| a - b)
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Counters {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// What an antenna measures: the constants of its formula.
#[derive(Debug, Clone)]
pub(super) struct Nature {
    /// What tells its noise from that of others.
    pub(super) seed: u64,
    /// Packets that it sends in a second.
    pub(super) rate: f64,
    /// Lost of sent packets on a good day; 1 where it is down.
    pub(super) loss: f64,
    /// Lost of sent packets in an incident, on top of that.
    pub(super) incident_loss: f64,
    /// Mean latency in milliseconds on a good day; `None` where nothing is delivered.
    pub(super) latency_ms: Option<f64>,
    /// How far the noise reaches, from 0 to 1.
    pub(super) unrest: f64,
    /// The panes of [`INCIDENT_PERIOD`] in which the network's incident reaches it.
    pub(super) incident: std::ops::Range<i64>,
}

impl Nature {
    /// What was counted before the start of a pane.
    pub(super) fn before_pane(&self, border: &Border) -> Counters {
        let growth = self.growth(border);
        let packets_in_pane = self.rate * PANE_SECONDS as f64;
        let packets = (packets_in_pane * growth.packets).floor();
        let lost = if self.loss < 1.0 {
            (packets_in_pane * (self.loss * growth.lost + self.incident_loss * growth.incident_lost)).floor()
        } else {
            packets
        };
        let (readings, latency_us) = (border.pane * PANE_SECONDS, self.latency_us(&growth));
        Counters {
            readings,
            packets: packets as i64,
            lost: lost as i64,
            timed: latency_us.map_or(0, |_| readings),
            latency_us: latency_us.unwrap_or_default(),
        }
    }

    /// What was counted before a second.
    pub(super) fn before(&self, moment: &Moment) -> Counters {
        let mut sum = self.before_pane(&moment.start);
        if let Some(end) = &moment.end {
            for reading in self.readings(&moment.start, end).into_iter().take(moment.seconds) {
                sum += reading;
            }
        }
        sum
    }

    /// The readings of the pane between two borders, second by second.
    pub(super) fn readings(&self, start: &Border, end: &Border) -> [Counters; READINGS] {
        let whole = self.before_pane(end) - self.before_pane(start);
        let packets = divide(whole.packets, |at| 0.95 + 0.1 * self.noise_within(start, at, 8));
        let lost = divide(whole.lost, |at| 0.5 + self.noise_within(start, at, 9));
        let latencies_us = self.latencies_us(start, end);
        array::from_fn(|at| Counters {
            readings: 1,
            packets: packets[at],
            lost: if self.loss < 1.0 { lost[at] } else { packets[at] },
            timed: i64::from(latencies_us.is_some()),
            latency_us: latencies_us.map_or(0, |all| all[at]),
        })
    }

    /// The latencies of the pane's readings alone; see [`Self::readings`]. `None` where nothing is delivered.
    pub(super) fn latencies_us(&self, start: &Border, end: &Border) -> Option<[i64; READINGS]> {
        let whole = self.latency_us(&self.growth(end))? - self.latency_us(&self.growth(start))?;
        // Most readings are quick, some are not.
        let weight = |at| 0.7 + 0.4 * self.noise_within(start, at, 10) + 1.5 * self.noise_within(start, at, 11).powi(8);
        Some(divide(whole, weight))
    }

    fn growth(&self, border: &Border) -> Growth {
        let Self { seed, unrest, .. } = *self;
        let panes = border.pane as f64;
        let [packets, lost, latency] = noises(seed, border.pane, 1);
        // Noise that keeps its direction for a while.
        let (from, to) = (noise(seed, border.drift, 2), noise(seed, border.drift + 1, 2));
        let drift = DRIFT_PANES as f64 * (from + (to - from) * border.within_drift);
        let length = self.incident.end - self.incident.start;
        let hit = border.period * length + (border.within_period - self.incident.start).clamp(0, length);
        // The incident's own noise moves on only while it lasts.
        let [hit_lost, hit_latency, _] = noises(seed, hit, 3);
        Growth {
            packets: panes + 0.08 * packets,
            lost: panes + unrest * (border.swell + 0.4 * lost + 0.25 * drift),
            latency: panes + border.swell + unrest * (0.25 * latency + 0.15 * drift),
            incident_lost: hit as f64 + 0.15 * hit_lost,
            incident_latency: hit as f64 + 0.1 * hit_latency,
        }
    }

    /// The sum of latencies.
    fn latency_us(&self, growth: &Growth) -> Option<i64> {
        let panes = growth.latency + 0.7 * growth.incident_latency;
        self.latency_ms.map(|mean_ms| (mean_ms * 1000.0 * PANE_SECONDS as f64 * panes).floor() as i64)
    }

    /// Noise of a reading of the pane that begins at a border.
    fn noise_within(&self, start: &Border, at: usize, salt: u64) -> f64 {
        noise(self.seed, start.pane * PANE_SECONDS + at as i64, salt)
    }
}

/// What an antenna's counters grow with: panes, with noise that does not add up.
struct Growth {
    packets: f64,
    lost: f64,
    latency: f64,
    /// Panes of incidents.
    incident_lost: f64,
    incident_latency: f64,
}

/// The start of a pane, with what all antennas' formulas share.
#[derive(Debug, Clone)]
pub(super) struct Border {
    /// Panes since the epoch.
    pane: i64,
    /// What the network's common swell of latency has added, in panes.
    swell: f64,
    drift: i64,
    within_drift: f64,
    period: i64,
    within_period: i64,
}

impl Border {
    pub(super) fn new(pane: i64) -> Self {
        // Two waves of the latency: the integrals of 0.12 sin(t / 97 s) and 0.08 sin(t / 31 s).
        let wave = |height: f64, seconds: f64| {
            let panes = seconds / PANE_SECONDS as f64;
            -height * panes * (pane as f64 / panes).cos()
        };
        Self {
            pane,
            swell: wave(0.12, 97.0) + wave(0.08, 31.0),
            drift: pane.div_euclid(DRIFT_PANES),
            within_drift: pane.rem_euclid(DRIFT_PANES) as f64 / DRIFT_PANES as f64,
            period: pane.div_euclid(INCIDENT_PERIOD),
            within_period: pane.rem_euclid(INCIDENT_PERIOD),
        }
    }
}

/// The start of a second.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    start: Border,
    /// The end of its pane; `None` where the second is the pane's first.
    end: Option<Border>,
    /// Seconds of the pane before it.
    seconds: usize,
}

impl Moment {
    pub(super) fn new(second: i64) -> Self {
        let pane = second.div_euclid(PANE_SECONDS);
        let seconds = second.rem_euclid(PANE_SECONDS) as usize;
        Self { start: Border::new(pane), end: (seconds > 0).then(|| Border::new(pane + 1)), seconds }
    }
}

/// Divides a whole number by weights; the parts add up to it.
fn divide(whole: i64, weight: impl Fn(usize) -> f64) -> [i64; READINGS] {
    let weights: [f64; READINGS] = array::from_fn(weight);
    let total: f64 = weights.iter().sum();
    let (mut weight, mut given) = (0.0, 0);
    let mut parts = weights.map(|own| {
        weight += own;
        let part = (whole as f64 * (weight / total)).floor() as i64 - given;
        given += part;
        part
    });
    // Rounding may leave one over.
    parts[READINGS - 1] += whole - given;
    parts
}

/// A number from 0 to 1 that looks random and follows from its arguments.
pub(super) fn noise(seed: u64, position: i64, salt: u64) -> f64 {
    (bits(seed, position, salt) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Three such numbers for the price of one.
fn noises(seed: u64, position: i64, salt: u64) -> [f64; 3] {
    let bits = bits(seed, position, salt);
    [bits >> 43, (bits >> 22) & 0x1f_ffff, (bits >> 1) & 0x1f_ffff].map(|part| part as f64 / (1_u64 << 21) as f64)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn bits(seed: u64, position: i64, salt: u64) -> u64 {
    let seed =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (position as u64).wrapping_mul(0xd1b5_4a32_d192_ed03) ^ (salt << 56);
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nature(seed: u64) -> Nature {
        Nature {
            seed,
            rate: 170.0,
            loss: 0.006,
            incident_loss: 0.07,
            latency_ms: Some(40.0),
            unrest: 1.0,
            incident: INCIDENT,
        }
    }

    #[test]
    fn the_seconds_of_a_pane_add_up_to_it_and_none_loses_more_than_it_sends() {
        for seed in 0..20 {
            let nature = nature(seed);
            for pane in 352_000_000..352_000_200 {
                let (start, end) = (Border::new(pane), Border::new(pane + 1));
                let readings = nature.readings(&start, &end);
                let sum = readings.into_iter().fold(Counters::default(), Add::add);
                assert_eq!(sum, nature.before_pane(&end) - nature.before_pane(&start));
                for Counters { packets, lost, latency_us, .. } in readings {
                    assert!(0 <= lost && lost <= packets && latency_us > 0, "{lost} of {packets}, {latency_us} us");
                }
            }
        }
    }

    #[test]
    fn an_incident_degrades_each_of_its_panes_and_no_other() {
        for seed in 0..20 {
            let nature = nature(seed);
            for pane in 352_000_000..352_000_400 {
                let cell = nature.before_pane(&Border::new(pane + 1)) - nature.before_pane(&Border::new(pane));
                let is_degraded = cell.success_rate().unwrap() < super::super::DEGRADED_SUCCESS_RATE;
                assert_eq!(is_degraded, INCIDENT.contains(&(pane % INCIDENT_PERIOD)), "{cell:?} in {pane}");
            }
        }
    }
}
