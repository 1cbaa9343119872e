//! A network with some of every kind of trouble, for the dashboard to show when there is no real one. What its antennas
//! publish depends on the time alone: whoever starts watching later sees the same readings.

use shared::Reading;

use crate::antenna::{Antenna, Moment};
use crate::role::{Role, Stretch};

/// Every antenna starts afresh at each multiple of this time, so that nothing depends on when the network was started. No
/// antenna stores readings across such a moment.
const BLOCK_MS: i64 = 600_000;

/// Antennas of a large network report less often, so that the whole network takes about this many readings an hour.
const READINGS_AN_HOUR: i64 = 400_000;

/// Antennas report at least this often.
const INTERVAL_MAX_MS: i64 = 300_000;

/// Storms come once in this many milliseconds, and affect antennas that report often enough to notice.
const STORM_CYCLE_MS: u64 = 780_000;

/// See [`STORM_CYCLE_MS`].
const STORM_INTERVAL_MAX_MS: i64 = 15_000;

/// The first antennas have names of their own.
const NAMES: [&str; 24] = [
    "airport-west",
    "canal-street",
    "castle-hill",
    "cathedral",
    "city-park",
    "depot-12",
    "east-bridge",
    "ferry-pier",
    "grain-silo",
    "harbour-north",
    "harbour-south",
    "hillcrest",
    "hospital",
    "lakeside",
    "lighthouse",
    "market-hall",
    "observatory",
    "old-mill",
    "quarry",
    "ridge-7",
    "stadium",
    "tv-tower",
    "university",
    "water-tower",
];

/// The antennas and their schedule. Each reports once per interval, and they are spread evenly over it.
#[derive(Debug)]
pub struct Network {
    antennas: Vec<Antenna>,
    interval_ms: i64,
    /// Number of the next reading since the epoch. A reading belongs to the antenna whose position is the number modulo
    /// the number of antennas.
    next: i64,
    block: i64,
}

/// A reading as it arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// When it arrives, in milliseconds since the epoch.
    pub arrival_ms: i64,
    /// What was measured.
    pub reading: Reading,
}

impl Network {
    /// A network of this many antennas, from a few minutes before `start_ms` on. Of 24 antennas, two are degraded, one is
    /// down and one silent; of thousands, 2 % are degraded, 0.5 % silent and 0.3 % down. A single antenna is healthy.
    #[must_use]
    pub fn new(antennas: u32, start_ms: i64) -> Self {
        let size = i64::from(antennas.max(1));
        let interval_ms = ((size * 3_600_000 / READINGS_AN_HOUR + 999) / 1_000 * 1_000).clamp(1_000, INTERVAL_MAX_MS);
        let seconds = u32::try_from(interval_ms / 1_000).unwrap_or(1);
        let antenna = |index| Antenna::with_role(name(index), role(index, interval_ms), 0).with_traffic(seconds);
        let block = start_ms.div_euclid(BLOCK_MS);
        let mut network =
            Self { antennas: (0..antennas.max(1)).map(antenna).collect(), interval_ms, next: 0, block: block - 1 };
        // The first number that is not due before the block.
        network.next = (block * BLOCK_MS * size + interval_ms - 1).div_euclid(interval_ms);
        network
    }

    /// How often each antenna reports, in milliseconds.
    #[must_use]
    pub const fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// Appends what arrives until `until_ms`, in order of arrival.
    pub fn publish(&mut self, until_ms: i64, arrivals: &mut Vec<Arrival>) {
        let mut published = Vec::new();
        while self.due_ms(self.next) <= until_ms {
            let arrival_ms = self.due_ms(self.next);
            self.take(self.next, arrival_ms, &mut published);
            arrivals.extend(published.drain(..).map(|reading| Arrival { arrival_ms, reading }));
            self.next += 1;
        }
    }

    fn take(&mut self, number: i64, arrival_ms: i64, published: &mut Vec<Reading>) {
        let block = arrival_ms.div_euclid(BLOCK_MS);
        if block > self.block {
            self.block = block;
            self.antennas.iter_mut().for_each(|antenna| antenna.reseed(block.unsigned_abs()));
        }
        let size = self.size();
        let (round, position) = (number.div_euclid(size), number.rem_euclid(size));
        // Readings take 15 to 74 ms to arrive.
        let moment = Moment {
            elapsed_ms: arrival_ms.unsigned_abs(),
            timestamp_ms: arrival_ms - 15 - (round * 7 + position * 13).rem_euclid(60),
            seq: round.unsigned_abs(),
        };
        self.antennas[usize::try_from(position).unwrap_or_default()].take(moment, published);
    }

    fn due_ms(&self, number: i64) -> i64 {
        (number * self.interval_ms).div_euclid(self.size())
    }

    fn size(&self) -> i64 {
        i64::try_from(self.antennas.len()).unwrap_or(i64::MAX)
    }
}

/// The id of the antenna at a position.
#[must_use]
pub fn name(index: u32) -> String {
    NAMES.get(index as usize).map_or_else(|| format!("antenna-{index:05}"), |name| (*name).to_owned())
}

fn role(index: u32, interval_ms: i64) -> Role {
    match index {
        0 | 8 | 16 => Role::StoresAndForwards(Stretch::within(120_000, 44_000, 52_000)),
        5 => Role::Lossy,
        18 => Role::Slow,
        9 => Role::Down,
        3 | 17 => resting(0, index == 3, interval_ms),
        0..24 => stormy(index, interval_ms),
        _ => match (index % 1000, index % 200, index % 100) {
            (205 | 505 | 805, ..) => Role::Down,
            (_, 10 | 110, _) => resting(index / 200 + 1, index % 200 == 10, interval_ms),
            (_, _, 50) => Role::Lossy,
            (_, _, 75) => Role::Slow,
            _ => stormy(index, interval_ms),
        },
    }
}

/// The two antennas of a pair take turns: each reports in one half of the cycle, and stops so long before the other resumes
/// that it counts as silent by then. So one of them is silent at any time.
fn resting(pair: u32, is_first: bool, interval_ms: i64) -> Role {
    let interval_ms = interval_ms.unsigned_abs();
    // Silent for less than an hour, so that it is not forgotten.
    let half_ms = (20 * interval_ms).clamp(STORM_CYCLE_MS, 2_400_000);
    let silent_after_ms = (3 * interval_ms).max(15_000);
    // Pairs take turns at different times, and none while there may be a storm.
    let spread_s = if interval_ms > STORM_INTERVAL_MAX_MS.unsigned_abs() { half_ms / 1_000 } else { 400 };
    let resumes_ms = 100_000 + u64::from(pair) * 37 % spread_s * 1_000 + if is_first { 0 } else { half_ms };
    Role::Dark(Stretch::within(2 * half_ms, resumes_ms + half_ms - silent_after_ms, resumes_ms + 2 * half_ms))
}

/// A storm reaches all antennas within 15 s, and clears up to 10 s sooner at some than at others.
fn stormy(index: u32, interval_ms: i64) -> Role {
    if interval_ms > STORM_INTERVAL_MAX_MS {
        return Role::Steady;
    }
    let (later_ms, sooner_ms) = (u64::from(index * 7919 % 15) * 1_000, u64::from(index * 104_729 % 10) * 1_000);
    Role::Stormy(Stretch::within(STORM_CYCLE_MS, 600_000 + later_ms, 645_000 - sooner_ms))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const START_MS: i64 = 1_763_995_625_000;

    fn published(network: &mut Network, until_ms: i64) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        network.publish(until_ms, &mut arrivals);
        arrivals
    }

    #[test]
    fn readings_do_not_depend_on_when_the_network_was_begun_nor_on_how_often_it_is_asked() {
        for size in [1, 24, 1_000] {
            let whole = published(&mut Network::new(size, START_MS), START_MS + 159 * 9_500);
            let mut later = Network::new(size, START_MS + 600_000);
            let parts: Vec<Arrival> =
                (0..160).flat_map(|part| published(&mut later, START_MS + part * 9_500)).collect();
            let shared: Vec<&Arrival> = whole
                .iter()
                .filter(|it| (parts[0].arrival_ms..=START_MS + 159 * 9_500).contains(&it.arrival_ms))
                .collect();
            assert!(!parts.is_empty() && shared.into_iter().eq(&parts), "{size} antennas");
        }
    }

    #[test]
    fn entries_come_in_order_and_an_hour_has_as_many_as_it_may() {
        for (size, interval_ms) in [(1, 1_000), (24, 1_000), (240, 3_000), (1_000, 9_000), (10_000, 90_000)] {
            let mut network = Network::new(size, START_MS);
            assert_eq!(network.interval_ms(), interval_ms);
            published(&mut network, START_MS);
            let minute = published(&mut network, START_MS + 60_000);
            assert!(minute.is_sorted_by_key(|it| it.arrival_ms));
            assert!(minute.iter().all(|it| it.reading.timestamp_ms < it.arrival_ms));
            assert!(minute.len() <= 400_000 / 60 + 100, "{} a minute", minute.len());
        }
    }

    #[test]
    fn a_late_antenna_repeats_itself_and_a_resting_one_is_away_for_half_of_the_time() {
        let mut by_antenna: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut network = Network::new(24, START_MS);
        published(&mut network, START_MS);
        for Arrival { reading, .. } in published(&mut network, START_MS + 1_560_000) {
            by_antenna.entry(reading.antenna_id).or_default().extend(reading.seq);
        }
        let all = by_antenna["city-park"].len();
        for id in ["cathedral", "old-mill"] {
            assert!((all * 2 / 5..all * 3 / 5).contains(&by_antenna[id].len()), "{id}");
        }
        let late = &by_antenna["airport-west"];
        let distinct: std::collections::BTreeSet<&u64> = late.iter().collect();
        assert!(distinct.len() == all && late.len() > all + 30);
        assert_eq!(by_antenna.len(), 24);
    }
}
