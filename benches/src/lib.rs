//! Inputs that the benches share: micro-batches of readings, made from a formula, the same in every run.

use analytics::aggregate::Readings;

/// Readings of one pane: `rows` of them, spread over `antennas`, one in fifty without a latency.
#[must_use]
pub fn readings(rows: usize, antennas: u32) -> Readings {
    let mut readings = Readings::default();
    // A linear congruential generator (Knuth, MMIX): no need for better chance here.
    let mut state = 1_u64;
    for _ in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chance = state >> 33;
        readings.pane.push(1_700_000_000_000);
        readings.antenna.push(u32::try_from(chance % u64::from(antennas)).unwrap_or(0));
        readings.packets.push(100);
        readings.lost.push(chance % 3);
        let latency_ms = f64::from(u32::try_from(chance % 100_000).unwrap_or(0)) / 400.0 + 5.0;
        readings.latency_ms.push((!chance.is_multiple_of(50)).then_some(latency_ms));
    }
    readings
}
