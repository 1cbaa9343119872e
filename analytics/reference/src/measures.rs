//! What readings come to: sums, rates, exact percentiles, the status.

use shared::api::{AntennaCounts, Latency, Measures, Status};

use crate::Counted;
use crate::settings::Settings;

/// The 97.5th percentile of the normal distribution: 95 % lie within it on both sides.
const Z_95: f64 = 1.959_963_984_540_054;

/// What some readings come to.
pub(crate) fn measures<'a>(readings: impl IntoIterator<Item = &'a Counted>) -> Measures {
    let (mut sums, mut latencies) = (Measures::default(), Vec::new());
    for reading in readings {
        sums.readings += 1;
        sums.packets_sent += u64::from(reading.packets);
        sums.packets_lost += u64::from(reading.lost);
        latencies.extend(reading.latency_ms);
    }
    Measures {
        packets_delivered: sums.packets_sent - sums.packets_lost,
        success_rate: success_rate(sums.packets_sent, sums.packets_lost),
        latency_ms: latency(&mut latencies),
        ..sums
    }
}

fn latency(latencies_ms: &mut [f64]) -> Latency {
    let (min, max) =
        (latencies_ms.iter().copied().min_by(f64::total_cmp), latencies_ms.iter().copied().max_by(f64::total_cmp));
    Latency {
        // Rounded, a mean may lie a hair outside of the extremes.
        mean: min
            .zip(max)
            .and_then(|(min, max)| Some(mean(latencies_ms.iter().sum(), latencies_ms.len() as u64)?.clamp(min, max))),
        min,
        max,
        p50: nearest_rank(latencies_ms, 0.50),
        p95: nearest_rank(latencies_ms, 0.95),
        p99: nearest_rank(latencies_ms, 0.99),
    }
}

/// The smallest value that is at least as large as a share `q` of all values.
pub(crate) fn nearest_rank(values: &mut [f64], q: f64) -> Option<f64> {
    let rank = (values.len() as f64 * q).ceil() as usize;
    let index = rank.max(1) - 1;
    if index >= values.len() {
        return None;
    }
    Some(*values.select_nth_unstable_by(index, f64::total_cmp).1)
}

/// The mean of some values with a sum.
pub(crate) fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

/// Delivered of sent packets.
pub(crate) fn success_rate(sent: u64, lost: u64) -> Option<f64> {
    (sent > 0).then(|| (sent - lost) as f64 / sent as f64)
}

/// Whether packets were sent and all of them lost.
pub(crate) const fn is_down(sent: u64, lost: u64) -> bool {
    sent > 0 && sent == lost
}

/// Whether one of the thresholds is passed.
pub(crate) fn is_degraded(success_rate: Option<f64>, mean_latency_ms: Option<f64>, settings: &Settings) -> bool {
    success_rate.is_some_and(|rate| rate < settings.degraded_success_rate)
        || mean_latency_ms.is_some_and(|mean_ms| mean_ms > settings.degraded_latency_ms)
}

/// The first status that applies, from the top.
pub(crate) fn status(measures: &Measures, is_silent: bool, settings: &Settings) -> Status {
    if is_down(measures.packets_sent, measures.packets_lost) {
        Status::Down
    } else if is_degraded(measures.success_rate, measures.latency_ms.mean, settings) {
        Status::Degraded
    } else if is_silent {
        Status::Silent
    } else {
        Status::Healthy
    }
}

/// Adds an antenna to the counts.
pub(crate) const fn count(
    counts: &mut AntennaCounts,
    status: Status,
    is_active: bool,
    is_flapping: bool,
    is_mostly_unavailable: bool,
) {
    let is_healthy = matches!(status, Status::Healthy);
    counts.active += is_active as u64;
    counts.flapping += is_flapping as u64;
    counts.unavailable += (is_healthy && is_mostly_unavailable) as u64;
    counts.unsettled += (is_healthy && (is_flapping || is_mostly_unavailable)) as u64;
    let of_status = match status {
        Status::Down => &mut counts.down,
        Status::Degraded => &mut counts.degraded,
        Status::Silent => &mut counts.silent,
        Status::Healthy => &mut counts.healthy,
        Status::Unseen => &mut counts.unseen,
    };
    *of_status += 1;
}

/// The upper bound of the 95 % Wilson score interval of the success rate (Wilson 1927, "Probable inference, the law of
/// succession, and statistical inference"): `(p + z²/2n + z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)`.
pub(crate) fn wilson_upper(measures: &Measures) -> Option<f64> {
    let (p, n, z) = (measures.success_rate?, measures.packets_sent as f64, Z_95);
    if measures.packets_lost == 0 {
        // Exactly, which the formula misses by a rounding error that depends on `n`.
        return Some(1.0);
    }
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(((p + z * z / (2.0 * n) + spread) / (1.0 + z * z / n)).min(1.0))
}
