//! What happens to an antenna, and when.

use clap::ValueEnum;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

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

/// How an antenna behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Is healthy.
    Steady,
    /// Latency and loss rise at times.
    Degrading(Stretch),
    /// Publishes nothing at times.
    Dark(Stretch),
    /// Loses everything at times.
    Flapping(Stretch),
    /// Loses its uplink at times, and catches up afterwards.
    StoresAndForwards(Stretch),
    /// Is healthy except in storms, in which it loses more and latency rises.
    Stormy(Stretch),
    /// Always loses some packets.
    Lossy,
    /// Is always slow.
    Slow,
    /// Sends a few packets, of which none is delivered.
    Down,
}

impl Role {
    /// Trouble begins within half a minute, so that whoever opens the page sees it come and go within a minute or two.
    pub(crate) fn new(scenario: Scenario, position: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut seconds = |range: std::ops::Range<u64>| rng.random_range(range) * 1_000;
        match (scenario, position) {
            (Scenario::Mixed, 1) => Self::Dark(Stretch::new(30_000, 45_000)),
            (Scenario::Mixed, 2) => Self::Flapping(Stretch::new(15_000, 15_000)),
            (Scenario::Mixed, position) if position.is_multiple_of(5) => {
                Self::Degrading(Stretch::new(seconds(15..35), seconds(30..60)))
            }
            (Scenario::Late, position) if position.is_multiple_of(4) => {
                Self::StoresAndForwards(Stretch::new(seconds(10..30), seconds(5..120)))
            }
            _ => Self::Steady,
        }
    }
}

/// A cycle: a calm stretch first, then trouble, and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    calm_ms: u64,
    lasts_ms: u64,
    /// How far into the cycle the start is.
    ahead_ms: u64,
}

impl Stretch {
    /// The cycle begins at the start.
    #[must_use]
    pub const fn new(calm_ms: u64, lasts_ms: u64) -> Self {
        Self { calm_ms, lasts_ms, ahead_ms: 0 }
    }

    /// A cycle of a length with trouble in a part of it, `[from, to)` since the start or that many cycles later; all in
    /// milliseconds.
    #[must_use]
    pub const fn within(cycle_ms: u64, from_ms: u64, to_ms: u64) -> Self {
        Self { calm_ms: cycle_ms - (to_ms - from_ms), lasts_ms: to_ms - from_ms, ahead_ms: cycle_ms - to_ms % cycle_ms }
    }

    /// Whether there is trouble at a time since the start.
    #[must_use]
    pub const fn covers(self, elapsed_ms: u64) -> bool {
        (elapsed_ms + self.ahead_ms) % (self.calm_ms + self.lasts_ms) >= self.calm_ms
    }
}
