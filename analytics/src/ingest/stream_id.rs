//! The id of a stream entry: the broker's clock in milliseconds and a counter within the millisecond.

use std::fmt;
use std::str::FromStr;

use shared::codec::u64_from;

/// `milliseconds-counter`, ordered as the broker orders entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The broker's clock at the entry's arrival, in milliseconds since the epoch.
    pub millis: u64,
    /// Counter within the millisecond.
    pub counter: u64,
}

impl StreamId {
    /// Before every entry.
    pub const ZERO: Self = Self { millis: 0, counter: 0 };

    /// Behind every entry: where the last entry has it, nothing can be appended any more.
    pub const MAX: Self = Self { millis: u64::MAX, counter: u64::MAX };

    /// Parses the bytes of an id; `None` if they are not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let dash = bytes.iter().position(|&byte| byte == b'-')?;
        Some(Self { millis: u64_from(&bytes[..dash])?, counter: u64_from(&bytes[dash + 1..])? })
    }

    /// The largest id that is smaller; none is smaller than [`ZERO`](Self::ZERO), which is its own.
    #[must_use]
    pub const fn before(self) -> Self {
        match (self.millis, self.counter) {
            (0, 0) => Self::ZERO,
            (millis, 0) => Self { millis: millis - 1, counter: u64::MAX },
            (millis, counter) => Self { millis, counter: counter - 1 },
        }
    }

    /// The arrival time of the entry in milliseconds since the epoch.
    #[must_use]
    pub fn arrival_ms(self) -> i64 {
        i64::try_from(self.millis).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.counter)
    }
}

/// Text that is not a stream id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the id of a stream entry")]
pub struct NotAStreamId(String);

impl FromStr for StreamId {
    type Err = NotAStreamId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| NotAStreamId(text.to_owned()))
    }
}
