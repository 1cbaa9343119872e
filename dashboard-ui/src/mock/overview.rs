//! The whole network: one window, and a window in steps.

use shared::UnixMillis;
use shared::api::{Limits, Point, Series, Summary};

use super::counters::Counters;
use super::measure::{Sample, count, measures, status};
use super::network::{Antenna, Parts};
use super::window::{Window, millis, whole_panes};
use super::{DEGRADED_LATENCY_MS, DEGRADED_SUCCESS_RATE, Mock, PANE_SECONDS, RETENTION_SECONDS};

/// Percentiles of a summary come from at most so many panes of an antenna.
const SUMMARY_SAMPLE: usize = 2048;

/// Percentiles of a point come from at most so many panes of an antenna.
const POINT_SAMPLE: usize = 128;

impl Mock {
    /// One window over the whole network. It ends at a given time, or with the newest reading.
    #[must_use]
    pub fn summary(&self, window_s: u32, end: Option<UnixMillis>, now: UnixMillis) -> Summary {
        let window = Window::new(window_s, end, now);
        let network = self.network();
        let counted: Vec<Counters> = network.iter().map(|antenna| antenna.counted(window)).collect();
        let statuses = network.iter().zip(&counted);
        let statuses = statuses.map(|(antenna, own)| (status(antenna, own, window), own.readings > 0));
        let sum = counted.iter().fold(Counters::default(), |sum, own| sum + *own);
        Summary {
            window: window.bounds(),
            measures: measures(&sum, Sample::new(window, SUMMARY_SAMPLE).of_antennas(&network)),
            antennas: count(statuses),
            as_of: window.now.as_of(),
            revised: is_revised(&network, window),
            limits: Some(Limits {
                pane_seconds: PANE_SECONDS as f64,
                retention_seconds: RETENTION_SECONDS as f64,
                oldest: Some(millis(window.now.oldest)),
                degraded_success_rate: DEGRADED_SUCCESS_RATE,
                degraded_latency_ms: DEGRADED_LATENCY_MS,
            }),
        }
    }

    /// A window in steps, of one antenna or of the whole network. `None` if the antenna is not known.
    #[must_use]
    pub fn series(
        &self,
        window_s: u32,
        step_s: u32,
        end: Option<UnixMillis>,
        antenna: Option<&str>,
        now: UnixMillis,
    ) -> Option<Series> {
        let window = Window::new(window_s, end, now);
        let antennas = match antenna {
            Some(id) => vec![self.find(id)?],
            None => self.network(),
        };
        Some(series(&antennas, window, step_s))
    }
}

fn series(antennas: &[Antenna], window: Window, step_s: u32) -> Series {
    let parts: Vec<Window> = window.points(step_s).collect();
    let sums = Parts::new(parts.clone()).sums(antennas);
    let points = parts.iter().zip(sums).map(|(part, sum)| Point {
        start: millis(part.start),
        measures: measures(&sum, Sample::new(*part, POINT_SAMPLE).of_antennas(antennas)),
        revised: is_revised(antennas, *part),
    });
    Series {
        window: window.bounds(),
        step_seconds: whole_panes(step_s) as f64,
        points: points.collect(),
        as_of: window.now.as_of(),
    }
}

fn is_revised(antennas: &[Antenna], window: Window) -> bool {
    antennas.iter().any(|antenna| antenna.is_revised(window))
}
