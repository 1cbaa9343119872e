//! `series`: a window in steps.

use shared::UnixMillis;
use shared::api::{Point, Series, SeriesRequest};

use super::{Question, Refusal};
use crate::measures::measures;
use crate::worst::worst;
use crate::{Counted, Reference};

impl Question for SeriesRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Series, Refusal> {
        let window = reference.window(&self.window, now)?;
        let step_ms = window.point_ms(self.step, &reference.settings)?;
        let antenna = self.antenna.as_deref().map(|id| reference.find(id)).transpose()?.map(|(position, _)| position);
        let is_wanted = |reading: &&Counted| antenna.is_none_or(|antenna| antenna == reading.antenna);
        // Points begin with the window, and the last one may be shorter.
        let starts = (window.start_ms..window.end_ms).step_by(usize::try_from(step_ms).unwrap_or(usize::MAX));
        let points = starts.map(|start_ms| {
            let end_ms = (start_ms + step_ms).min(window.end_ms);
            let worst = worst(reference.readings(start_ms, end_ms).filter(is_wanted), reference);
            Point {
                start: UnixMillis(start_ms),
                measures: measures(reference.readings(start_ms, end_ms).filter(is_wanted)),
                revised: reference.is_revised(start_ms, end_ms),
                worst_status: worst.status,
                antennas_down: worst.antennas_down,
            }
        });
        Ok(Series {
            window: window.bounds(),
            step_seconds: UnixMillis(step_ms).seconds(),
            points: points.collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}
