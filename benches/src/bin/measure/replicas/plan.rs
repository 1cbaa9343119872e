//! Which changes come when: a pure function of the seed.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::faults::shuffled;

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Kill,
    Freeze,
    Unreachable,
    ScaleUp,
    ScaleDown,
    FailOver,
    MoveSlot,
}

impl Change {
    /// Each change, how often it comes in a long run, and how often in a short one.
    const ALL: [(Self, u32, u32); 7] = [
        (Self::Kill, 10, 1),
        (Self::Freeze, 1, 1),
        (Self::Unreachable, 1, 1),
        (Self::ScaleUp, 4, 1),
        (Self::ScaleDown, 4, 1),
        (Self::FailOver, 2, 1),
        (Self::MoveSlot, 1, 1),
    ];
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kill => "SIGKILL of a replica, and another one comes",
            Self::Freeze => "SIGSTOP of a replica past its leases",
            Self::Unreachable => "a replica that the others cannot ask, while it owns partitions",
            Self::ScaleUp => "two more replicas",
            Self::ScaleDown => "two replicas end",
            Self::FailOver => "SIGKILL of a master whose replica was cut off, and is promoted",
            Self::MoveSlot => "a slot moves to another master",
        })
    }
}

/// A change, and the chance that says whom it meets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) change: Change,
    pub(super) chance: usize,
}

/// The plan of a seed.
pub(super) fn plan(seed: u64, is_short: bool) -> Vec<Step> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut changes = shuffled(&mut chance, &Change::ALL, is_short);
    // They go up before they go down.
    let mut is_up = false;
    for change in changes.iter_mut().filter(|change| matches!(change, Change::ScaleUp | Change::ScaleDown)) {
        is_up = !is_up;
        *change = if is_up { Change::ScaleUp } else { Change::ScaleDown };
    }
    changes.into_iter().map(|change| Step { change, chance: chance.next_u64() as usize % 4_096 }).collect()
}
