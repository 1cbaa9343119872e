//! Counters to the API's measures: the sums are exact, extremes and percentiles are those of a sample where there are many
//! readings.

use shared::api::{AntennaCounts, History, Latency, Measures, Status};

use super::counters::Counters;
use super::network::{Ailment, Antenna, Pane};
use super::window::Window;
use super::{DEGRADED_LATENCY_MS, DEGRADED_SUCCESS_RATE, PANE_SECONDS, SILENT_AFTER_SECONDS};

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

/// The panes of a window from which percentiles are taken.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) window: Window,
    panes: Vec<Pane>,
    most: usize,
}

impl Sample {
    /// All panes of a window, or about `most` panes of an antenna.
    pub(super) fn new(window: Window, most: usize) -> Self {
        Self { window, panes: window.panes().map(Pane::new).collect(), most }
    }

    /// Latencies in milliseconds of an antenna's readings.
    pub(super) fn of_antenna(&self, antenna: &Antenna) -> Vec<f64> {
        let is_counted =
            |pane: &&Pane| antenna.counted(self.window.part(pane.start, pane.start + PANE_SECONDS)).readings > 0;
        // An antenna that rests may report in a few panes only; no sample may miss them.
        let is_resting = matches!(antenna.ailment, Ailment::Resting { .. });
        let panes: Vec<&Pane> = self.panes.iter().filter(|pane| !is_resting || is_counted(pane)).collect();
        let taken = self.most.min(panes.len());
        let panes = (0..taken).map(|at| panes[at * panes.len() / taken]);
        panes.flat_map(|pane| antenna.latencies_ms(pane, self.window.now)).collect()
    }

    /// Latencies in milliseconds of the readings of several antennas.
    pub(super) fn of_antennas(&self, antennas: &[Antenna]) -> Vec<f64> {
        if let [antenna] = antennas {
            return self.of_antenna(antenna);
        }
        let (rows, columns) = (antennas.len(), self.panes.len());
        let latencies =
            |(row, column): (usize, usize)| antennas[row].latencies_ms(&self.panes[column], self.window.now);
        if rows * columns <= self.most {
            return (0..rows * columns).flat_map(|at| latencies((at / columns, at % columns))).collect();
        }
        let spread = |at: usize| ((rows as f64 * (at as f64 * PHI).fract()) as usize, at * columns / self.most);
        (0..self.most).flat_map(|at| latencies(spread(at))).collect()
    }
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
