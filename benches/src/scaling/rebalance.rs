//! Which partitions move where replicas come and go, and how evenly they are owned.
//!
//! The wanted owner is told by analytics' own function, over names of members that are drawn by chance.

use analytics::cluster::membership::wanted_owner;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use shared::keys::StreamKeys;

/// What a move takes in seconds, from the last commit of the one owner to the first batch of the other.
pub const MOVE_SECONDS: f64 = 0.3;

/// So many sets of names of members are tried.
const TRIALS: usize = 20;

/// Replicas come or go.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Streams that are owned.
    pub partitions: u16,
    /// Replicas before.
    pub before: usize,
    /// Replicas after.
    pub after: usize,
}

/// What a change moves, over all names that were tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moves {
    /// Partitions that have another owner afterwards.
    pub moved_median: usize,
    /// The most of them.
    pub moved_most: usize,
    /// Partitions of the replica that has most after the change, by the mean.
    pub imbalance_median: f64,
    /// The most of it.
    pub imbalance_most: f64,
    /// Median of the seconds until the last move is done, where each owner moves one at a time.
    pub seconds_side_by_side: f64,
    /// The same where only one partition of all is on the move.
    pub seconds_one_by_one: f64,
}

/// Streams of so many partitions.
pub(super) fn streams(partitions: u16) -> Vec<String> {
    (0..partitions).map(|number| StreamKeys::of_partition("antenna_stream", number).stream).collect()
}

/// So many names of members, by chance, as pods have them.
pub(super) fn members(count: usize, chance: &mut ChaCha8Rng) -> Vec<String> {
    (0..count).map(|_| format!("analytics-{:016x}", chance.next_u64())).collect()
}

impl Change {
    /// Makes the change with names of pods that are drawn by chance.
    #[must_use]
    pub fn simulate(self, seed: u64) -> Moves {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let streams = streams(self.partitions);
        let (mut moved, mut imbalance, mut side_by_side) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TRIALS {
            let most = self.before.max(self.after);
            let members = members(most, &mut chance);
            let owners = |count: usize| -> Vec<usize> {
                let names = || members[..count].iter().map(String::as_str);
                let number = |owner: &str| names().position(|name| name == owner);
                streams.iter().filter_map(|stream| number(wanted_owner(stream, names())?)).collect()
            };
            let (before, after) = (owners(self.before), owners(self.after));
            let mut left = vec![0_usize; most];
            for (from, _) in before.iter().zip(&after).filter(|(from, to)| from != to) {
                left[*from] += 1;
            }
            let mut owned = vec![0_usize; self.after];
            for owner in after {
                owned[owner] += 1;
            }
            moved.push(left.iter().sum::<usize>());
            side_by_side.push(left.into_iter().max().unwrap_or_default());
            imbalance.push(owned.into_iter().max().unwrap_or_default());
        }
        let [moved, imbalance, side_by_side] = [moved, imbalance, side_by_side].map(|mut values| {
            values.sort_unstable();
            [values[values.len() / 2], values[values.len() - 1]]
        });
        let mean = f64::from(self.partitions) / self.after as f64;
        Moves {
            moved_median: moved[0],
            moved_most: moved[1],
            imbalance_median: imbalance[0] as f64 / mean,
            imbalance_most: imbalance[1] as f64 / mean,
            seconds_side_by_side: side_by_side[0] as f64 * MOVE_SECONDS,
            seconds_one_by_one: moved[0] as f64 * MOVE_SECONDS,
        }
    }
}
