//! Readings that several tests publish.

use shared::Reading;

/// Readings of one antenna with these numbers.
pub(crate) fn batch(seqs: std::ops::Range<u64>) -> Vec<Reading> {
    let reading = |seq| Reading {
        antenna_id: "a".to_owned(),
        timestamp_ms: 1_763_900_000_250,
        packets: 100,
        loss: 1,
        latency_ms: Some(12.5),
        seq: Some(seq),
    };
    seqs.map(reading).collect()
}
