//! What a range is compared with.

use shared::UnixMillis;
use shared::spelled::Spelled;

/// Seven days, in milliseconds. In UTC, so that the length of a day never differs.
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What the figures of a range are compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The time of the same length before it.
    #[default]
    Previous,
    /// The same time a week before.
    Week,
}

impl Comparison {
    /// `compare` as in addresses, unless it is the default.
    pub(super) fn parameter(self) -> Option<(&'static str, String)> {
        (self != Self::default()).then(|| ("compare", self.spelling().to_owned()))
    }
}

impl Spelled for Comparison {
    const EVERY: &'static [Self] = &[Self::Previous, Self::Week];

    fn spelling(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Week => "week",
        }
    }
}

/// The same time a week before.
pub(crate) const fn week_before(at: UnixMillis) -> UnixMillis {
    UnixMillis(at.0 - WEEK_MS)
}
