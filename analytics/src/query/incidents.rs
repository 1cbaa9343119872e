//! Incidents: those that have ended, as they were recorded, and those that last, as the antennas are now.

use shared::UnixMillis;
use shared::api::{Incident, IncidentEnding, IncidentKind, IncidentPage};

use super::{Paging, View};
use crate::store::Snapshot;
use crate::trouble::Tally;

/// Which incidents are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct IncidentFilter {
    /// Only those that overlap the view's window.
    pub is_windowed: bool,
    /// Only those of a kind.
    pub kind: Option<IncidentKind>,
    /// Only those that last, or only those that have ended.
    pub is_open: Option<bool>,
    /// Only those of this antenna.
    pub antenna: Option<String>,
    /// Only those of antennas whose id contains this text, in upper or lower case.
    pub search: String,
}

/// An incident that has ended or lasts.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    antenna: &'a str,
    kind: IncidentKind,
    start_ms: i64,
    end: Option<(i64, IncidentEnding)>,
    tally: Tally,
}

impl View<'_> {
    /// A page of the incidents that match, newest start first, then by id and kind. What lasts, and for how long, is as of
    /// `now_ms`, milliseconds since the epoch.
    #[must_use]
    pub fn incidents(&self, filter: &IncidentFilter, paging: Paging, now_ms: i64) -> IncidentPage {
        let search = filter.search.to_lowercase();
        let is_wanted = |it: &Found<'_>| {
            filter.kind.is_none_or(|kind| kind == it.kind)
                && filter.is_open.is_none_or(|is_open| is_open == it.end.is_none())
                && filter.antenna.as_ref().is_none_or(|antenna| antenna == it.antenna)
                && (!filter.is_windowed || it.overlaps(self.window.start_ms, self.window.end_ms))
                && (search.is_empty() || it.antenna.to_lowercase().contains(&search))
        };
        let mut found: Vec<Found<'_>> =
            ended(self.snapshot).chain(open(self.snapshot, now_ms)).filter(is_wanted).collect();
        found.sort_unstable_by(|a, b| {
            b.start_ms.cmp(&a.start_ms).then_with(|| a.antenna.cmp(b.antenna)).then_with(|| a.kind.cmp(&b.kind))
        });
        IncidentPage {
            total: found.len() as u64,
            open: found.iter().filter(|it| it.end.is_none()).count() as u64,
            incidents: found.iter().skip(paging.offset).take(paging.limit).map(|it| it.to_api(now_ms)).collect(),
            as_of: self.snapshot.as_of,
        }
    }
}

/// Numbers of incidents that last, by the position of their kind in [`IncidentKind::ALL`].
pub type OpenIncidents = [u64; IncidentKind::ALL.len()];

/// The number of incidents that last, by kind; for silence, as of `now_ms`, milliseconds since the epoch.
#[must_use]
pub fn open_incidents(snapshot: &Snapshot, now_ms: i64) -> OpenIncidents {
    let mut counts = OpenIncidents::default();
    for incident in open(snapshot, now_ms) {
        counts[incident.kind as usize] += 1;
    }
    counts
}

fn ended(snapshot: &Snapshot) -> impl Iterator<Item = Found<'_>> {
    snapshot.incidents.iter().map(|it| Found {
        antenna: &it.antenna,
        kind: it.kind,
        start_ms: it.start_ms,
        end: Some((it.end_ms, it.ended_by)),
        tally: it.tally,
    })
}

/// The trouble and the silence of each antenna.
fn open(snapshot: &Snapshot, now_ms: i64) -> impl Iterator<Item = Found<'_>> {
    snapshot.retained().flat_map(move |(_, antenna)| {
        let found = |kind, start_ms, tally| Found { antenna: &antenna.id, kind, start_ms, end: None, tally };
        let trouble = antenna.trouble.as_ref().map(|it| found(it.severity.kind(), it.start_ms, it.tally));
        let silence =
            antenna.is_missed(now_ms).then(|| found(IncidentKind::Silent, antenna.last_arrival_ms, Tally::default()));
        trouble.into_iter().chain(silence)
    })
}

impl Found<'_> {
    /// Whether it has something in common with `[start, end)`, in milliseconds since the epoch.
    fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.start_ms < end_ms && self.end.is_none_or(|(ended_ms, _)| ended_ms > start_ms)
    }

    fn to_api(self, now_ms: i64) -> Incident {
        let until_ms = self.end.map_or(now_ms, |(end_ms, _)| end_ms);
        Incident {
            antenna_id: self.antenna.to_owned(),
            kind: self.kind,
            start: UnixMillis(self.start_ms),
            end: self.end.map(|(end_ms, _)| UnixMillis(end_ms)),
            ended_by: self.end.map(|(_, ended_by)| ended_by),
            duration_seconds: UnixMillis(until_ms.saturating_sub(self.start_ms).max(0)).seconds(),
            packets_sent: self.tally.packets,
            packets_lost: self.tally.lost,
            worst_success_rate: self.tally.worst_success_rate,
            worst_latency_ms: self.tally.worst_latency_ms,
        }
    }
}
