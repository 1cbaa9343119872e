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

/// What a scenario makes of an antenna.
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
}

impl Role {
    /// Trouble begins within half a minute, so that whoever opens the page sees it come and go within a minute or two.
    pub(crate) fn new(scenario: Scenario, position: usize, rng: &mut ChaCha8Rng) -> Self {
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
pub struct Stretch {
    /// Milliseconds without trouble.
    pub calm_ms: u64,
    /// Milliseconds with it.
    pub lasts_ms: u64,
}

impl Stretch {
    /// Whether a time since the start lies in the trouble.
    #[must_use]
    pub const fn covers(self, elapsed_ms: u64) -> bool {
        elapsed_ms % (self.calm_ms + self.lasts_ms) >= self.calm_ms
    }
}
