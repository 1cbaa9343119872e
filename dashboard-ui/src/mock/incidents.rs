//! What went wrong in the last hour, antenna by antenna: the network's incident each time it comes, silences, and what lasts.

use shared::UnixMillis;
use shared::api::{Incident, IncidentEnding, IncidentKind, IncidentPage};

use super::counters::{Counters, noise};
use super::network::{Ailment, Antenna};
use super::window::{Now, floor_to, millis};
use super::{Mock, PANE_SECONDS, RETENTION_SECONDS};

/// What lasts began at some time of the day, longer ago than anything is retained.
const DAY: i64 = 86_400;

/// Which incidents, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentSearch {
    /// Only those that last, or only those that ended.
    pub is_open: Option<bool>,
    /// Only those of this kind.
    pub kind: Option<IncidentKind>,
    /// Only those of the antenna of this id.
    pub antenna: Option<String>,
    /// Only those of antennas whose id contains this text, in upper or lower case; all for an empty one.
    pub q: String,
    /// Only those that lasted for a part at least of the time from the first to the second.
    pub within: Option<(UnixMillis, UnixMillis)>,
    /// Incidents at most.
    pub limit: usize,
    /// Incidents to leave out first.
    pub offset: usize,
}

impl Default for IncidentSearch {
    fn default() -> Self {
        Self { is_open: None, kind: None, antenna: None, q: String::new(), within: None, limit: 100, offset: 0 }
    }
}

/// An incident before its figures are worked out.
#[derive(Debug, Clone, Copy)]
struct Episode<'a> {
    antenna: &'a Antenna,
    kind: IncidentKind,
    start: UnixMillis,
    end: Option<UnixMillis>,
    /// The seconds of which it consists.
    seconds: (i64, i64),
}

impl Mock {
    /// The incidents that match a search and were not over an hour ago, newest start first.
    #[must_use]
    pub fn incidents(&self, search: &IncidentSearch, now: UnixMillis) -> IncidentPage {
        let now = Now::at(now);
        let antennas = match &search.antenna {
            Some(id) => self.find(id).into_iter().collect(),
            None => self.network(),
        };
        let mut episodes: Vec<Episode<'_>> = antennas.iter().flat_map(|antenna| episodes(antenna, now)).collect();
        let q = search.q.to_lowercase();
        episodes.retain(|episode| {
            let is_within = |(start, end)| episode.start < end && episode.end.is_none_or(|own| own > start);
            search.within.is_none_or(is_within)
                && episode.antenna.id().to_lowercase().contains(&q)
                && search.kind.is_none_or(|kind| kind == episode.kind)
                && search.is_open.is_none_or(|is_open| is_open == episode.end.is_none())
        });
        // The sort is stable: what began at the same time stays in the network's order.
        episodes.sort_by_key(|episode| std::cmp::Reverse(episode.start));
        IncidentPage {
            total: episodes.len() as u64,
            open: episodes.iter().filter(|episode| episode.end.is_none()).count() as u64,
            incidents: episodes.iter().skip(search.offset).take(search.limit).map(|it| it.incident(now)).collect(),
            as_of: now.as_of(),
        }
    }
}

fn episodes(antenna: &Antenna, now: Now) -> Vec<Episode<'_>> {
    let since = now.second - RETENTION_SECONDS;
    let lasting = |kind| {
        let time = (DAY as f64 * noise(u64::from(antenna.index), 0, 6)) as i64;
        let start = floor_to(since - time, DAY) + time;
        vec![Episode { antenna, kind, start: antenna.event(start), end: None, seconds: (start, now.second) }]
    };
    let bounded = |kind, start, end: UnixMillis, (from, to): (i64, i64)| Episode {
        antenna,
        kind,
        start,
        end: (now.second > to).then_some(end),
        seconds: (from, to.min(now.second)),
    };
    match antenna.ailment {
        Ailment::Down => lasting(IncidentKind::Down),
        Ailment::Lossy | Ailment::Slow => lasting(IncidentKind::Degraded),
        _ => {
            let silences = antenna.silences(since, now.second).map(|rest| {
                let (start, end) = (antenna.arrival(rest.start - 1), antenna.arrival(rest.end));
                bounded(IncidentKind::Silent, start, end, (rest.start, rest.end))
            });
            let hits = antenna.hits(since, now.second).map(|hit| {
                let (start, end) = (antenna.event(hit.start), antenna.event(hit.end));
                bounded(IncidentKind::Degraded, start, end, (hit.start, hit.end))
            });
            silences.chain(hits).collect()
        }
    }
}

impl Episode<'_> {
    fn incident(self, now: Now) -> Incident {
        let Self { antenna, kind, start, end, seconds: (from, to) } = self;
        let counted = antenna.counted_between(from, to, now.second);
        let panes: Vec<Counters> = if kind == IncidentKind::Silent {
            Vec::new()
        } else {
            let starts = (from.max(now.oldest)..to).filter(|second| second.rem_euclid(PANE_SECONDS) == 0);
            starts.map(|pane| antenna.counted_between(pane, to.min(pane + PANE_SECONDS), now.second)).collect()
        };
        Incident {
            antenna_id: antenna.id().into_owned(),
            kind,
            start,
            end,
            ended_by: end.map(|_| IncidentEnding::Recovered),
            duration_seconds: (end.unwrap_or(millis(now.second)).0 - start.0) as f64 / 1000.0,
            packets_sent: counted.packets.unsigned_abs(),
            packets_lost: counted.lost.unsigned_abs(),
            worst_success_rate: panes.iter().filter_map(Counters::success_rate).min_by(f64::total_cmp),
            worst_latency_ms: panes.iter().filter_map(Counters::mean_latency_ms).max_by(f64::total_cmp),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::api::Status;

    use super::super::measure::is_degraded;
    use super::super::tests::{NOON, later};
    use super::super::window::Window;
    use super::*;

    #[test]
    fn who_is_in_trouble_has_an_incident_that_lasts() {
        for now in later(40, 47) {
            let open = IncidentSearch { is_open: Some(true), limit: usize::MAX, ..IncidentSearch::default() };
            let incidents = Mock::default().incidents(&open, now).incidents;
            for row in Mock::default().rows(Window::new(300, None, now)) {
                let mut own = incidents.iter().filter(|incident| incident.antenna_id == row.id);
                let kind = match row.status {
                    Status::Down => IncidentKind::Down,
                    Status::Degraded => IncidentKind::Degraded,
                    Status::Silent => IncidentKind::Silent,
                    Status::Healthy => {
                        assert!(own.all(|incident| incident.kind == IncidentKind::Degraded), "{} at {now}", row.id);
                        continue;
                    }
                };
                assert_eq!(own.map(|incident| incident.kind).collect::<Vec<_>>(), [kind], "{} at {now}", row.id);
            }
        }
    }

    #[test]
    fn incidents_are_those_panes_that_are_beyond_a_threshold() {
        let now = Now::at(NOON);
        for antenna in Mock::default().network() {
            let episodes: Vec<_> =
                episodes(&antenna, now).into_iter().filter(|it| it.kind != IncidentKind::Silent).collect();
            // The open pane may yet get better.
            for pane in Window::new(3600, None, NOON).panes().filter(|pane| pane + PANE_SECONDS <= now.second) {
                let is_within = episodes.iter().any(|it| (it.seconds.0..it.seconds.1).contains(&pane));
                let cell = antenna.counted_between(pane, pane + PANE_SECONDS, now.second);
                assert_eq!(is_degraded(&cell), is_within, "{} at {pane}: {cell:?}", antenna.id());
            }
        }
    }

    #[test]
    fn the_hour_has_incidents_of_every_kind_newest_first() {
        let search = IncidentSearch { limit: usize::MAX, ..IncidentSearch::default() };
        let page = Mock::default().incidents(&search, NOON);
        assert!(page.incidents.is_sorted_by(|a, b| a.start >= b.start));
        assert!(IncidentKind::ALL.iter().all(|kind| page.incidents.iter().any(|it| it.kind == *kind)));
        assert!(page.open >= 4 && page.total > page.open + 40, "{} open of {}", page.open, page.total);
        for incident in &page.incidents {
            let until = incident.end.unwrap_or(NOON);
            assert_eq!(incident.duration_seconds, (until.0 - incident.start.0) as f64 / 1000.0);
            assert!(incident.duration_seconds > 0.0 && until.0 >= NOON.0 - RETENTION_SECONDS * 1000);
            assert_eq!(incident.ended_by.is_none(), incident.end.is_none());
            assert_eq!(incident.packets_sent == 0, incident.kind == IncidentKind::Silent, "{incident:?}");
        }
    }

    #[test]
    fn pages_put_together_and_filters_put_together_are_the_list() {
        let mock = Mock::default();
        let list = mock.incidents(&IncidentSearch { limit: usize::MAX, ..IncidentSearch::default() }, NOON);
        let page = |offset| mock.incidents(&IncidentSearch { limit: 7, offset, ..IncidentSearch::default() }, NOON);
        let pages = (0..list.incidents.len()).step_by(7).flat_map(|offset| page(offset).incidents);
        assert_eq!(pages.collect::<Vec<_>>(), list.incidents);
        let total = |search: IncidentSearch| mock.incidents(&search, NOON).total;
        let default = IncidentSearch::default;
        let kinds = IncidentKind::ALL.map(|kind| total(IncidentSearch { kind: Some(kind), ..default() }));
        let states = [true, false].map(|is_open| total(IncidentSearch { is_open: Some(is_open), ..default() }));
        let ids = mock.network().into_iter().map(|antenna| antenna.id().into_owned());
        let antennas = ids.map(|id| total(IncidentSearch { antenna: Some(id), ..default() }));
        assert_eq!(kinds.iter().sum::<u64>(), list.total);
        assert_eq!(states.iter().sum::<u64>(), list.total);
        assert_eq!(antennas.sum::<u64>(), list.total);
        assert_eq!(total(IncidentSearch { antenna: Some("nowhere".to_owned()), ..default() }), 0);
    }
}
