//! One measurement of an antenna, and the reasons to reject an entry of the stream.

use crate::spelled::spelled;

/// What an antenna has measured since its previous reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Who measured: 1 to 253 bytes of UTF-8 without control characters.
    pub antenna_id: String,
    /// When it was measured, in milliseconds since the epoch: the event time.
    pub timestamp_ms: i64,
    /// Packets sent since the antenna's previous reading.
    pub packets: u32,
    /// How many of those were lost; never more than `packets`.
    pub loss: u32,
    /// Mean latency of the delivered packets in milliseconds, from 0 to a day. `None` if nothing was delivered.
    pub latency_ms: Option<f64>,
    /// Strictly increasing per antenna, across restarts too, so that a reading that is sent again can be recognised.
    pub seq: Option<u64>,
}

spelled! {
    /// Why an entry of the stream is not a reading. Such an entry goes to the dead-letter stream with this as its `reason`.
    pub enum Rejection {
        /// One of `antenna_id`, `timestamp`, `packets`, `loss` is absent.
        MissingField = "missing_field",
        /// `antenna_id` is empty, longer than 253 bytes, not UTF-8, or contains a control character.
        BadAntennaId = "bad_antenna_id",
        /// `timestamp` is not a decimal number of seconds from 0 to the end of the year 9999.
        BadTimestamp = "bad_timestamp",
        /// `packets` is not an integer from 0 to 2^32 - 1.
        BadPackets = "bad_packets",
        /// `loss` is not an integer from 0 to 2^32 - 1.
        BadLoss = "bad_loss",
        /// `loss` is greater than `packets`.
        LossExceedsPackets = "loss_exceeds_packets",
        /// `latency` is present and not empty, but not a number of milliseconds from 0 to a day.
        BadLatency = "bad_latency",
        /// `seq` is present but not an integer from 0 to 2^64 - 1.
        BadSeq = "bad_seq",
        /// The event time is further ahead of the broker's own entry time than `MAX_CLOCK_SKEW` allows.
        Future = "future",
    }
}
