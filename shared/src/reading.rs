//! One measurement of an antenna, and the reasons for which a stream entry is not one.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an antenna measured since its last reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Who measured: 1 to 253 bytes of UTF-8 without control characters.
    pub antenna_id: String,
    /// When it was measured, in milliseconds since the epoch: the event time.
    pub timestamp_ms: i64,
    /// Packets sent since the antenna's last reading.
    pub packets: u32,
    /// Packets lost of those; never above `packets`.
    pub loss: u32,
    /// Mean latency of the delivered packets in milliseconds: finite and not negative. `None` where nothing was delivered.
    pub latency_ms: Option<f64>,
    /// Strictly increasing per antenna, across restarts too; lets a resent reading be recognised.
    pub seq: Option<u64>,
}

/// Why an entry of the stream is not a reading. Such an entry goes to the dead-letter stream with this as its `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// One of `antenna_id`, `timestamp`, `packets`, `loss` is absent.
    MissingField,
    /// `antenna_id` is empty, above 253 bytes, not UTF-8, or holds a control character.
    BadAntennaId,
    /// `timestamp` is not a decimal number of seconds from 0 to the end of the year 9999.
    BadTimestamp,
    /// `packets` is not an integer from 0 to 2^32 - 1.
    BadPackets,
    /// `loss` is not an integer from 0 to 2^32 - 1.
    BadLoss,
    /// `loss` is above `packets`.
    LossExceedsPackets,
    /// `latency` is neither absent, nor empty, nor a finite number of milliseconds that is not negative.
    BadLatency,
    /// `seq` is present and not an integer from 0 to 2^64 - 1.
    BadSeq,
    /// The event time lies further ahead of the broker's own entry time than `MAX_CLOCK_SKEW` allows.
    Future,
}

impl Rejection {
    /// Every reason, in the order of the contract.
    pub const ALL: [Self; 9] = [
        Self::MissingField,
        Self::BadAntennaId,
        Self::BadTimestamp,
        Self::BadPackets,
        Self::BadLoss,
        Self::LossExceedsPackets,
        Self::BadLatency,
        Self::BadSeq,
        Self::Future,
    ];

    /// The reason as the contract spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::BadAntennaId => "bad_antenna_id",
            Self::BadTimestamp => "bad_timestamp",
            Self::BadPackets => "bad_packets",
            Self::BadLoss => "bad_loss",
            Self::LossExceedsPackets => "loss_exceeds_packets",
            Self::BadLatency => "bad_latency",
            Self::BadSeq => "bad_seq",
            Self::Future => "future",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
