//! Counters to the API's measures: the sums are exact, extremes and percentiles are those of a sample where there are many
//! readings.

use shared::api::{AntennaCounts, History, Latency, Measures, Status};

use super::counters::Counters;
use super::network::{Ailment, Antenna};
use super::window::Window;
use super::{DEGRADED_LATENCY_MS, DEGRADED_SUCCESS_RATE, SILENT_AFTER_SECONDS};

/// 97.5th percentile of the normal distribution: 95 % lie within it on both sides.
const Z_95: f64 = 1.959_963_984_540_054;

/// Multiples of it fall evenly into any interval: the golden ratio.
const PHI: f64 = 1.618_033_988_749_895;

/// The measures of counters. `latencies` are those of their readings, or of a sample.
pub(super) fn measures(counters: &Counters, mut latencies: Vec<f64>) -> Measures {
    latencies.sort_unstable_by(f64::total_cmp);
    let count = latencies.len();
    let rank = |share: f64| latencies.get(((count as f64 * share).ceil() as usize).saturating_sub(1)).copied();
    Measures {
        readings: counters.readings.unsigned_abs(),
        packets_sent: counters.packets.unsigned_abs(),
        packets_delivered: (counters.packets - counters.lost).unsigned_abs(),
        packets_lost: counters.lost.unsigned_abs(),
        success_rate: counters.success_rate(),
        latency_ms: Latency {
            mean: counters.mean_latency_ms(),
            min: latencies.first().copied(),
            max: latencies.last().copied(),
            p50: rank(0.5),
            p95: rank(0.95),
            p99: rank(0.99),
        },
    }
}

/// Latencies in milliseconds of the readings of a window: all of them, or those of about `most` panes of an antenna.
pub(super) fn latencies(antennas: &[Antenna], window: Window, most: usize) -> Vec<f64> {
    let panes = window.panes();
    // An antenna that rests may report in a few panes only; no sample may miss them.
    let panes: Vec<i64> = match antennas {
        [one @ Antenna { ailment: Ailment::Resting { .. }, .. }] => {
            panes.filter(|pane| one.counted(window.part(*pane, pane + super::PANE_SECONDS)).readings > 0).collect()
        }
        _ => panes.collect(),
    };
    let all = antennas.len() * panes.len();
    let mut latencies = Vec::with_capacity(all.min(most) * 5);
    let mut take = |antenna: &Antenna, pane: i64| {
        let readings = antenna.readings(pane, window.now).map(|(_, reading)| reading);
        latencies.extend(readings.filter_map(|reading| reading.mean_latency_ms()));
    };
    if all <= most {
        for antenna in antennas {
            panes.iter().for_each(|pane| take(antenna, *pane));
        }
    } else {
        for at in 0..most {
            let antenna = (antennas.len() as f64 * (at as f64 * PHI).fract()) as usize;
            take(&antennas[antenna], panes[at * panes.len() / most]);
        }
    }
    latencies
}

/// How an antenna fares in a window of which `counters` was counted. The first that applies, from the top.
pub(super) fn status(antenna: &Antenna, counters: &Counters, window: Window) -> Status {
    let is_silent = if window.is_fixed {
        counters.readings == 0
    } else {
        window.now.second - antenna.last_reading(window.now.second) > SILENT_AFTER_SECONDS
    };
    if counters.packets > 0 && counters.lost == counters.packets {
        Status::Down
    } else if is_degraded(counters) {
        Status::Degraded
    } else if is_silent {
        Status::Silent
    } else {
        Status::Healthy
    }
}

/// Whether counters are beyond a threshold.
pub(super) fn is_degraded(counters: &Counters) -> bool {
    counters.success_rate().is_some_and(|rate| rate < DEGRADED_SUCCESS_RATE)
        || counters.mean_latency_ms().is_some_and(|mean_ms| mean_ms > DEGRADED_LATENCY_MS)
}

/// Counts antennas by their status, and whether they have a reading.
pub(super) fn count(antennas: impl IntoIterator<Item = (Status, bool)>) -> AntennaCounts {
    let mut counts = AntennaCounts::default();
    for (status, is_active) in antennas {
        counts.active += u64::from(is_active);
        *match status {
            Status::Down => &mut counts.down,
            Status::Degraded => &mut counts.degraded,
            Status::Silent => &mut counts.silent,
            Status::Healthy => &mut counts.healthy,
        } += 1;
    }
    counts
}

/// Counters step by step as the API's columns.
pub(super) fn history(steps: &[Counters]) -> History {
    History {
        readings: steps.iter().map(|step| step.readings.unsigned_abs()).collect(),
        packets_sent: steps.iter().map(|step| step.packets.unsigned_abs()).collect(),
        packets_lost: steps.iter().map(|step| step.lost.unsigned_abs()).collect(),
        latency_mean_ms: steps.iter().map(Counters::mean_latency_ms).collect(),
    }
}

/// The upper bound of the Wilson score interval at 95 % (E. B. Wilson, "Probable inference, the law of succession, and
/// statistical inference", 1927) of the success rate. `None` where no packet was sent.
pub(super) fn wilson_upper(counters: &Counters) -> Option<f64> {
    let p = counters.success_rate()?;
    let n = counters.packets as f64;
    let z2 = Z_95 * Z_95;
    let spread = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some((p + z2 / (2.0 * n) + spread) / (1.0 + z2 / n))
}
