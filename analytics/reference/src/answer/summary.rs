//! `summary`: one window over the whole network.

use shared::UnixMillis;
use shared::api::{Limits, Summary, SummaryRequest};

use super::rows::{availability, counts};
use super::{Question, Refusal};
use crate::Reference;
use crate::measures::{measures, nearest_rank};

impl Question for SummaryRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Summary, Refusal> {
        let window = reference.window(&self.window, now)?;
        let (rows, settings) = (reference.rows(window), &reference.settings);
        let mut intervals: Vec<f64> = rows.iter().filter_map(|row| row.interval_seconds).collect();
        let times: Vec<(i64, i64)> = rows.iter().map(|row| row.available).collect();
        Ok(Summary {
            window: window.bounds(),
            measures: measures(reference.readings(window.start_ms, window.end_ms)),
            antennas: counts(&rows),
            availability: availability(&times),
            interval_seconds: nearest_rank(&mut intervals, 0.5),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
            revised: reference.is_revised(window.start_ms, window.end_ms),
            limits: Some(Limits {
                pane_seconds: UnixMillis(settings.pane_ms).seconds(),
                retention_seconds: UnixMillis(settings.retention_ms).seconds(),
                oldest: reference.panes.keys().next().copied().map(UnixMillis),
                degraded_success_rate: settings.degraded_success_rate,
                degraded_latency_ms: settings.degraded_latency_ms,
                flapping_changes: Some(settings.flapping_changes),
                history: None,
            }),
        })
    }
}
