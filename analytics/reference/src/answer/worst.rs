//! `worst`: the worst antennas.

use shared::UnixMillis;
use shared::api::{AntennaPage, Badness, WorstRequest};

use super::rows::{Row, is_at};
use super::{Question, Refusal};
use crate::Reference;
use crate::measures::wilson_upper;

impl Question for WorstRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<AntennaPage, Refusal> {
        let window = reference.window(&self.window, now)?;
        let chosen =
            reference.rows(window).into_iter().filter(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        let mut bad: Vec<(f64, Row<'_>)> = chosen.filter_map(|row| Some((badness(&row, self.by)?, row))).collect();
        // The rows are in the order of ids, and equally bad ones stay in it.
        bad.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let rows: Vec<Row<'_>> = bad.into_iter().map(|(_, row)| row).collect();
        Ok(reference.page(&rows, (self.limit.get(), 0), self.step, window)?)
    }
}

/// The larger, the worse; `None` for an antenna that is left out.
fn badness(row: &Row<'_>, by: Badness) -> Option<f64> {
    match by {
        Badness::Failures => Some(row.measures.packets_lost as f64).filter(|lost| *lost > 0.0),
        Badness::SuccessRate => wilson_upper(&row.measures).map(|bound| -bound),
        Badness::Latency => row.measures.latency_ms.mean,
        Badness::Availability => row.availability().filter(|share| *share < 1.0).map(|share| -share),
    }
}
