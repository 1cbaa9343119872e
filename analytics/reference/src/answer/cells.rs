//! `cells`: what was measured in each step at each antenna.

use std::collections::BTreeMap;

use shared::UnixMillis;
use shared::api::{BadParameter, Cell, Cells, CellsRequest};

use super::rows::is_at;
use super::{Question, Refusal};
use crate::measures::measures;
use crate::worst::worst;
use crate::{Counted, Reference};

/// Cells at most: antennas times steps.
const MAX_CELLS: usize = 10_000_000;

impl Question for CellsRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Cells, Refusal> {
        let window = reference.window(&self.window, now)?;
        let step_ms = window.default_step_ms(self.step, &reference.settings)?;
        if let Some(id) = &self.antenna {
            reference.find(id)?;
        }
        let mut rows = reference.rows(window);
        rows.retain(|row| self.antenna.as_deref().is_none_or(|id| id == row.id));
        rows.retain(|row| row.is_wanted(self.q.as_deref(), &self.statuses, self.flapping));
        rows.retain(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        let starts = window.steps(step_ms).starts;
        if rows.len() * starts.len() > MAX_CELLS {
            return Err(BadParameter::new("step", format!("more than {MAX_CELLS} cells")).into());
        }
        let mut cells: BTreeMap<(usize, &str), Vec<&Counted>> = BTreeMap::new();
        for row in &rows {
            for reading in &row.readings {
                cells.entry((window.step_of(reading.event_ms, step_ms), row.id)).or_default().push(reading);
            }
        }
        let cells = cells.into_iter().map(|((step, id), readings)| Cell {
            start: starts[step],
            antenna_id: id.to_owned(),
            worst_status: worst(readings.iter().copied(), reference).status,
            measures: measures(readings),
        });
        Ok(Cells {
            window: window.bounds(),
            step_seconds: UnixMillis(step_ms).seconds(),
            cells: cells.collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}
