//! Built-in figures, so that the page runs before anything else exists: 24 antennas of which two are degraded, one is
//! down and one has fallen silent. Everything follows from the time: the same moment gives the same figures.

use std::time::Duration;

use futures::{Stream, stream};
use shared::UnixMillis;
use shared::api::{
    AntennaCounts, AntennaPage, AntennaRow, Latency, Measures, Point, Series, Status, Summary, WindowBounds,
};

use crate::model::{DEGRADED_LATENCY_MS, DEGRADED_SUCCESS_RATE};
use crate::query::{By, Query};
use crate::source::Figures;

/// Each antenna sends one reading a second; five make a pane.
const PANE_SECONDS: i64 = 5;

/// The network has an incident in a part of each period: latency and loss rise everywhere.
const INCIDENT_PERIOD: i64 = 780;
const INCIDENT: std::ops::Range<i64> = 600..645;

const ANTENNAS: [&str; 24] = [
    "airport-west",
    "canal-street",
    "castle-hill",
    "cathedral",
    "city-park",
    "depot-12",
    "east-bridge",
    "ferry-pier",
    "grain-silo",
    "harbour-north",
    "harbour-south",
    "hillcrest",
    "hospital",
    "lakeside",
    "lighthouse",
    "market-hall",
    "observatory",
    "old-mill",
    "quarry",
    "ridge-7",
    "stadium",
    "tv-tower",
    "university",
    "water-tower",
];
const LOSSY: usize = 5;
const SLOW: usize = 18;
const DOWN: usize = 9;
const SILENT: usize = 17;

/// The built-in source.
#[derive(Debug, Clone, Copy)]
pub struct Mock;

impl Mock {
    /// The figures for a query at a moment.
    #[must_use]
    pub fn figures(&self, query: Query, now: UnixMillis) -> Figures {
        let now = now.0.div_euclid(1000);
        let window = Window::ending_at(now, i64::from(query.window));
        Figures {
            summary: summary(window, now),
            previous: Some(summary(window.before(), now)),
            series: series(window, i64::from(query.step()), now),
            worst: worst(window, query.by, now),
        }
    }

    /// Yields once a second.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + 'static {
        stream::unfold(tokio::time::interval(Duration::from_secs(1)), |mut interval| async move {
            interval.tick().await;
            Some(((), interval))
        })
    }
}

/// Panes `[start, end)` in Unix seconds.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: i64,
    end: i64,
}

impl Window {
    /// The window whose last pane holds the second before `now`.
    fn ending_at(now: i64, length: i64) -> Self {
        let end = (now + PANE_SECONDS - 1).div_euclid(PANE_SECONDS) * PANE_SECONDS;
        Self { start: end - length, end }
    }

    fn before(self) -> Self {
        Self { start: self.start - (self.end - self.start), end: self.start }
    }

    fn panes(self) -> impl Iterator<Item = i64> {
        (self.start..self.end).step_by(5)
    }

    fn bounds(self) -> WindowBounds {
        let seconds = u64::try_from(self.end - self.start).unwrap_or_default();
        WindowBounds { start: millis(self.start), end: millis(self.end), seconds }
    }
}

/// What one antenna measured in one pane.
struct Cell {
    readings: u64,
    packets: u64,
    lost: u64,
    latency_ms: Option<f64>,
}

/// Sums of cells, with every latency kept for the percentiles.
#[derive(Default)]
struct Sums {
    readings: u64,
    packets: u64,
    lost: u64,
    latencies: Vec<f64>,
}

impl Sums {
    fn over(antennas: impl IntoIterator<Item = usize>, window: Window, now: i64) -> Self {
        let mut sums = Self::default();
        for antenna in antennas {
            for pane in window.panes() {
                sums.add(&cell(antenna, pane, now));
            }
        }
        sums
    }

    fn add(&mut self, cell: &Cell) {
        self.readings += cell.readings;
        self.packets += cell.packets;
        self.lost += cell.lost;
        // Readings of one pane differ: most are quick, some are not.
        self.latencies.extend(cell.latency_ms.iter().flat_map(|mean| [0.7, 0.9, 1.4].map(|factor| mean * factor)));
    }

    fn measures(mut self) -> Measures {
        let delivered = self.packets - self.lost;
        self.latencies.sort_by(f64::total_cmp);
        Measures {
            readings: self.readings,
            packets_sent: self.packets,
            packets_delivered: delivered,
            packets_lost: self.lost,
            success_rate: (self.packets > 0).then(|| delivered as f64 / self.packets as f64),
            latency_ms: latency(&self.latencies),
        }
    }
}

fn latency(sorted: &[f64]) -> Latency {
    let rank = |share: f64| sorted.get(((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied();
    Latency {
        mean: (!sorted.is_empty()).then(|| sorted.iter().sum::<f64>() / sorted.len() as f64),
        min: sorted.first().copied(),
        max: sorted.last().copied(),
        p50: rank(0.5),
        p95: rank(0.95),
        p99: rank(0.99),
    }
}

fn cell(antenna: usize, pane: i64, now: i64) -> Cell {
    let readings = (last_reading(antenna, now) - pane).clamp(0, PANE_SECONDS);
    let noise = |salt| noise(antenna as u64, pane as u64, salt);
    let incident = INCIDENT.contains(&pane.rem_euclid(INCIDENT_PERIOD));
    // The antenna that is down carries little traffic: one that carried its share would drown all else.
    let rate = if antenna == DOWN { 9.0 } else { 150.0 + 40.0 * character(antenna) };
    let packets = (readings as f64 * rate * (0.95 + 0.1 * noise(1))).round();
    let loss_rate = match antenna {
        DOWN => 1.0,
        LOSSY => 0.06 + 0.03 * noise(2),
        _ => 0.012 * noise(2) + if incident { 0.05 + 0.02 * noise(3) } else { 0.0 },
    };
    let base = if antenna == SLOW { 310.0 } else { 24.0 + 26.0 * character(antenna) };
    let swell = 1.0 + 0.12 * (pane as f64 / 97.0).sin() + 0.08 * (pane as f64 / 31.0).sin();
    let spread = 0.8 + 0.3 * noise(4) + 0.7 * noise(5).powi(8);
    let latency_ms = base * swell * spread * if incident { 1.7 } else { 1.0 };
    Cell {
        readings: readings.unsigned_abs(),
        packets: packets as u64,
        lost: (packets * loss_rate).round() as u64,
        latency_ms: (readings > 0 && antenna != DOWN).then_some(latency_ms),
    }
}

/// The second after the antenna's newest reading. The silent one fell silent one to eleven minutes ago.
fn last_reading(antenna: usize, now: i64) -> i64 {
    if antenna == SILENT { (now - 60).div_euclid(600) * 600 } else { now }
}

fn status(antenna: usize, measures: &Measures) -> Status {
    match measures {
        Measures { packets_sent: 1.., packets_delivered: 0, .. } => Status::Down,
        _ if antenna == SILENT => Status::Silent,
        _ if measures.success_rate.is_some_and(|rate| rate < DEGRADED_SUCCESS_RATE)
            || measures.latency_ms.mean.is_some_and(|mean| mean > DEGRADED_LATENCY_MS) =>
        {
            Status::Degraded
        }
        _ => Status::Healthy,
    }
}

fn summary(window: Window, now: i64) -> Summary {
    let mut counts = AntennaCounts::default();
    let mut sums = Sums::default();
    for antenna in 0..ANTENNAS.len() {
        let own = Sums::over([antenna], window, now);
        sums.readings += own.readings;
        sums.packets += own.packets;
        sums.lost += own.lost;
        sums.latencies.extend_from_slice(&own.latencies);
        let measures = own.measures();
        counts.active += u64::from(measures.readings > 0);
        *match status(antenna, &measures) {
            Status::Down => &mut counts.down,
            Status::Degraded => &mut counts.degraded,
            Status::Silent => &mut counts.silent,
            Status::Healthy => &mut counts.healthy,
        } += 1;
    }
    let measures = sums.measures();
    Summary {
        window: window.bounds(),
        measures,
        antennas: counts,
        as_of: Some(millis(now)),
        revised: false,
        limits: None,
    }
}

fn series(window: Window, step: i64, now: i64) -> Series {
    let starts = (window.start..window.end).step_by(usize::try_from(step).unwrap_or(1));
    let point = |start: i64| {
        let part = Window { start, end: window.end.min(start + step) };
        let measures = Sums::over(0..ANTENNAS.len(), part, now).measures();
        Point { start: millis(start), measures, revised: false }
    };
    Series {
        window: window.bounds(),
        step_seconds: step as f64,
        points: starts.map(point).collect(),
        as_of: Some(millis(now)),
    }
}

fn worst(window: Window, by: By, now: i64) -> AntennaPage {
    let row = |(antenna, id): (usize, &&str)| {
        let measures = Sums::over([antenna], window, now).measures();
        let last_seen = millis(last_reading(antenna, now) - 1);
        AntennaRow {
            antenna_id: (*id).to_owned(),
            status: status(antenna, &measures),
            measures,
            last_seen,
            history: None,
        }
    };
    let mut rows: Vec<AntennaRow> = ANTENNAS.iter().enumerate().map(row).collect();
    // All send about as much, so that the plain success rate orders them as its Wilson bound would.
    let badness = |row: &AntennaRow| match by {
        By::Failures => Some(row.measures.packets_lost as f64).filter(|lost| *lost > 0.0),
        By::SuccessRate => row.measures.success_rate.map(|rate| -rate),
        By::Latency => row.measures.latency_ms.mean,
    };
    rows.retain(|row| badness(row).is_some());
    rows.sort_by(|a, b| badness(b).unwrap_or_default().total_cmp(&badness(a).unwrap_or_default()));
    let total = rows.len() as u64;
    rows.truncate(10);
    AntennaPage { window: window.bounds(), total, antennas: rows, steps: None, as_of: Some(millis(now)) }
}

const fn millis(seconds: i64) -> UnixMillis {
    UnixMillis(seconds * 1000)
}

/// What makes an antenna differ from the others for good, from 0 to 1.
fn character(antenna: usize) -> f64 {
    noise(antenna as u64, 0, 0)
}

/// A number from 0 to 1 that looks random and follows from its arguments: SplitMix64 (Steele, Lea, Flood 2014).
fn noise(antenna: u64, pane: u64, salt: u64) -> f64 {
    let seed = antenna.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pane.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ (salt << 56);
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_763_985_607_000);

    fn figures(window: u32, by: By) -> Figures {
        Mock.figures(Query { window, by }, NOON)
    }

    #[test]
    fn the_same_moment_gives_the_same_figures_and_the_next_gives_others() {
        assert_eq!(figures(300, By::Failures), figures(300, By::Failures));
        let later = Mock.figures(Query::default(), UnixMillis(NOON.0 + 1000));
        assert_ne!(later.summary.measures, figures(300, By::Failures).summary.measures);
    }

    #[test]
    fn the_network_shows_every_status() {
        for minutes in 0..30 {
            let now = UnixMillis(NOON.0 + minutes * 60_000);
            let counts = Mock.figures(Query::default(), now).summary.antennas;
            assert_eq!((counts.healthy, counts.degraded, counts.down, counts.silent), (20, 2, 1, 1), "at {now}");
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let Figures { summary, series, .. } = figures(900, By::Failures);
        let sum = |part: fn(&Measures) -> u64| series.points.iter().map(|point| part(&point.measures)).sum::<u64>();
        assert_eq!(sum(|m| m.readings), summary.measures.readings);
        assert_eq!(sum(|m| m.packets_lost), summary.measures.packets_lost);
        assert_eq!(series.points.len(), 60);
        assert_eq!(series.window, summary.window);
    }

    #[test]
    fn each_order_has_its_worst_first() {
        assert_eq!(figures(300, By::SuccessRate).worst.antennas[0].antenna_id, ANTENNAS[DOWN]);
        assert_eq!(figures(300, By::Latency).worst.antennas[0].antenna_id, ANTENNAS[SLOW]);
        assert_eq!(figures(300, By::Failures).worst.antennas[0].antenna_id, ANTENNAS[LOSSY]);
    }
}
