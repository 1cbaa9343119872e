//! Which faults come when: a pure function of the seed.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    KillAnalytics,
    FreezeAnalytics,
    KillSimulator,
    KillRedisEverysec,
    KillRedisAlways,
    Promote,
    PromoteBehind,
    CutMidReply,
    StallMidReply,
    MaxMemory,
    DiskFull,
    WrongType,
    DeleteStream,
    FlushAll,
}

impl Fault {
    /// Each fault, how often it comes in a long run, and how often in a short one.
    const ALL: [(Self, u32, u32); 14] = [
        (Self::KillAnalytics, 12, 1),
        (Self::FreezeAnalytics, 2, 1),
        (Self::KillSimulator, 4, 1),
        (Self::KillRedisEverysec, 4, 1),
        (Self::KillRedisAlways, 4, 1),
        (Self::Promote, 2, 1),
        (Self::PromoteBehind, 2, 1),
        (Self::CutMidReply, 5, 1),
        (Self::StallMidReply, 4, 1),
        (Self::MaxMemory, 2, 1),
        (Self::DiskFull, 2, 1),
        (Self::WrongType, 2, 1),
        (Self::DeleteStream, 2, 1),
        (Self::FlushAll, 1, 1),
    ];

    /// What happens, in words.
    pub(crate) const fn said(self) -> &'static str {
        match self {
            Self::KillAnalytics => "SIGKILL of analytics",
            Self::FreezeAnalytics => "SIGSTOP of analytics past its lease, beside a standby",
            Self::KillSimulator => "SIGKILL of a simulator",
            Self::KillRedisEverysec => "SIGKILL of Redis, appendfsync everysec",
            Self::KillRedisAlways => "SIGKILL of Redis, appendfsync always",
            Self::Promote => "SIGKILL of the master, its replica is promoted",
            Self::PromoteBehind => "SIGKILL of the master, a replica that was cut off for a burst is promoted",
            Self::CutMidReply => "connections cut in the middle of a reply",
            Self::StallMidReply => "connections stalled in the middle of a reply",
            Self::MaxMemory => "maxmemory is reached",
            Self::DiskFull => "the disk of Redis is full",
            Self::WrongType => "the stream's key is a string for a while (WRONGTYPE)",
            Self::DeleteStream => "the stream is deleted",
            Self::FlushAll => "FLUSHALL",
        }
    }

    /// Whether entries are lost or removed by the fault itself. They are lost at a moment when all of them have been read, as
    /// analytics tells exactly of what it has seen, and only of that.
    pub(crate) const fn takes_entries(self) -> bool {
        matches!(self, Self::PromoteBehind | Self::DeleteStream | Self::FlushAll)
    }

    /// Whether analytics may be killed at the same moment. Where entries are lost, only the owner that has seen them can
    /// tell.
    const fn bears_company(self) -> bool {
        matches!(
            self,
            Self::KillSimulator
                | Self::KillRedisEverysec
                | Self::KillRedisAlways
                | Self::CutMidReply
                | Self::MaxMemory
                | Self::DiskFull
                | Self::WrongType
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.said())
    }
}

/// A burst of readings and the fault in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) fault: Fault,
    /// Whether analytics is killed at the same moment.
    pub(crate) kills_analytics: bool,
    /// How many thousandths of the burst are acknowledged when it comes.
    pub(crate) at_permille: u64,
    /// How long it lasts, where it lasts.
    pub(crate) for_ms: u64,
    /// After how many bytes of a reply it comes, where it comes in one; and which of two things is meant, where there are
    /// two.
    pub(crate) chance: u64,
}

/// The plan of a seed.
pub(crate) fn plan(seed: u64, is_short: bool) -> Vec<Step> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut faults = shuffled(&mut chance, &Fault::ALL, is_short);
    // What empties the broker comes early, so that most of what is published later has to be there at the end.
    if let Some(late) = faults.iter().position(|fault| *fault == Fault::FlushAll) {
        let early = chance.next_u64() % (faults.len() as u64).div_ceil(4);
        faults.swap(late, usize::try_from(early).unwrap_or(0));
    }
    // So many of the kills come together with another fault.
    let mut companies: Vec<usize> = (0..faults.len()).filter(|&at| faults[at].bears_company()).collect();
    shuffle(&mut chance, &mut companies);
    companies.truncate(if is_short { 2 } else { 8 });
    let step = |(at, fault)| Step {
        fault,
        kills_analytics: companies.contains(&at),
        at_permille: 100 + chance.next_u64() % 800,
        for_ms: 500 + chance.next_u64() % 1_000,
        chance: chance.next_u64() % 4_096,
    };
    faults.into_iter().enumerate().map(step).collect()
}

/// Items as often as they come in a long run or in a short one, in an order that chance gives.
pub(crate) fn shuffled<T: Copy>(chance: &mut ChaCha8Rng, all: &[(T, u32, u32)], is_short: bool) -> Vec<T> {
    let times = |&(item, often, seldom): &(T, u32, u32)| (0..if is_short { seldom } else { often }).map(move |_| item);
    let mut items: Vec<T> = all.iter().flat_map(times).collect();
    shuffle(chance, &mut items);
    items
}

fn shuffle<T>(chance: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = chance.next_u64() % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap_or(0));
    }
}
