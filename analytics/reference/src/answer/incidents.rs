//! `incidents`: when an antenna degraded, went down or fell silent, and for how long.

use std::cmp::Reverse;

use shared::UnixMillis;
use shared::api::{Incident, IncidentPage, IncidentState, IncidentsRequest};

use super::rows::is_at;
use super::{Question, Refusal, is_found};
use crate::Reference;
use crate::antenna::duration_seconds;
use crate::settings::floor;

impl Question for IncidentsRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<IncidentPage, Refusal> {
        let window = self.window.map(|window| reference.window(&window.into(), now)).transpose()?;
        let mut incidents = reference.incidents(now);
        incidents.retain(|incident| {
            self.kind.is_none_or(|kind| kind == incident.kind)
                && self.state.is_none_or(|state| (state == IncidentState::Open) == incident.end.is_none())
                && self.antenna.as_ref().is_none_or(|antenna| *antenna == incident.antenna_id)
                && is_found(&incident.antenna_id, self.q.as_deref())
                && is_at(reference.about.get(&incident.antenna_id), self.site.as_deref(), &self.labels)
                && window.is_none_or(|window| overlaps(incident, window.start_ms, window.end_ms))
        });
        Ok(IncidentPage {
            total: incidents.len() as u64,
            open: incidents.iter().filter(|incident| incident.end.is_none()).count() as u64,
            incidents: incidents.into_iter().skip(self.offset).take(self.limit.get()).collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}

impl Reference {
    /// All that are kept and all that last, newest start first. A duration that goes on runs to now, in full seconds.
    fn incidents(&self, now: UnixMillis) -> Vec<Incident> {
        let now_ms = floor(now.0, 1_000);
        let current = self.retained().flat_map(|(_, antenna)| antenna.current(&self.settings, now_ms));
        let current = current.map(|incident| Incident {
            duration_seconds: duration_seconds(incident.start, incident.end.unwrap_or(UnixMillis(now_ms))),
            ..incident
        });
        let mut incidents: Vec<Incident> = self.ended.iter().cloned().chain(current).collect();
        incidents
            .sort_by(|a, b| (Reverse(a.start), &a.antenna_id, a.kind).cmp(&(Reverse(b.start), &b.antenna_id, b.kind)));
        incidents
    }
}

/// Whether an incident has something in common with `[start, end)`.
fn overlaps(incident: &Incident, start_ms: i64, end_ms: i64) -> bool {
    incident.start.0 < end_ms && incident.end.is_none_or(|end| end.0 > start_ms)
}
