//! Incidents put into lines, so that what needs somebody comes first: what lasts, then the rest; the repeats of an antenna in
//! one line, and antennas whose trouble began together in one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use shared::UnixMillis;
use shared::api::{Incident, IncidentKind};

use crate::query::IncidentSort;

/// Incidents that began within this time of the first began together: an interval of judgement, in milliseconds.
const TOGETHER_MS: i64 = 30_000;

/// Two antennas may be in trouble at the same time by chance.
const FEWEST_TOGETHER: usize = 3;

/// So many incidents of an antenna that are part of no common outage are repeats.
const FEWEST_REPEATS: usize = 3;

/// An antenna is restless whose incidents begin within this time of each other on average, in milliseconds: in one of ten intervals
/// of [`TOGETHER_MS`] it begins together with whatever else does.
const RESTLESS_MS: i64 = 10 * TOGETHER_MS;

/// One line: at least one incident, newest first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) fold: Fold,
    pub(super) incidents: Vec<&'a Incident>,
}

/// Why incidents share a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// There is one.
    Single,
    /// An antenna has had the same trouble again and again, by itself.
    Repeats,
    /// Antennas have had the same trouble from the same time on.
    Together,
}

impl Line<'_> {
    pub(super) fn is_open(&self) -> bool {
        self.incidents.iter().any(|incident| incident.end.is_none())
    }

    pub(super) fn kind(&self) -> IncidentKind {
        self.incidents[0].kind
    }

    /// From when on there was trouble.
    pub(super) fn start(&self) -> UnixMillis {
        self.incidents.iter().map(|incident| incident.start).min().unwrap_or(self.incidents[0].start)
    }

    /// When the last of it ended, or until when it has lasted.
    pub(super) fn until(&self) -> UnixMillis {
        self.incidents.iter().map(|incident| until(incident)).max().unwrap_or(self.incidents[0].start)
    }

    /// How long there was trouble, in seconds: that of an antenna's repeats together, and the longest of several antennas.
    pub(super) fn duration_seconds(&self) -> f64 {
        let durations = self.incidents.iter().map(|incident| incident.duration_seconds);
        if self.fold == Fold::Together { durations.fold(0.0, f64::max) } else { durations.sum() }
    }

    /// The share of the time, from the first to the last, in which there was trouble.
    pub(super) fn share(&self) -> f64 {
        let span_seconds = (self.until().0 - self.start().0) as f64 / 1e3;
        (self.duration_seconds() / span_seconds).min(1.0)
    }

    /// Its incidents as one: the sums of what was lost, and the worst of the rest.
    pub(super) fn as_one(&self) -> Incident {
        let worst = |a: Option<f64>, b: Option<f64>, worse: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(worse(a, b)),
            (a, b) => a.or(b),
        };
        let [first, others @ ..] = &*self.incidents else { unreachable!("a line has an incident") };
        let mut one = (*first).clone();
        for other in others {
            one.packets_sent += other.packets_sent;
            one.packets_lost += other.packets_lost;
            one.worst_success_rate = worst(one.worst_success_rate, other.worst_success_rate, f64::min);
            one.worst_latency_ms = worst(one.worst_latency_ms, other.worst_latency_ms, f64::max);
        }
        one
    }
}

fn until(incident: &Incident) -> UnixMillis {
    incident.end.unwrap_or(UnixMillis(incident.start.0 + (incident.duration_seconds * 1e3) as i64))
}

/// The lines of incidents: each incident is in one of them. What lasts comes first, in either order.
pub(super) fn lines(incidents: &[Incident], sort: IncidentSort) -> Vec<Line<'_>> {
    let (mut lines, alone) = together(incidents);
    for incidents in by_antenna(alone).into_values() {
        if incidents.len() >= FEWEST_REPEATS {
            lines.push(line(Fold::Repeats, incidents));
        } else {
            lines.extend(incidents.into_iter().map(|incident| line(Fold::Single, vec![incident])));
        }
    }
    match sort {
        IncidentSort::Newest => lines.sort_by_key(|line| (!line.is_open(), Reverse(newest(line)))),
        IncidentSort::Severity => lines.sort_by_key(|line| {
            let one = line.as_one();
            (!line.is_open(), line.kind(), Reverse((antennas(line), one.packets_lost)), Reverse(newest(line)))
        }),
        IncidentSort::Length => lines.sort_by(|a, b| {
            let by_length = b.duration_seconds().total_cmp(&a.duration_seconds());
            a.is_open().cmp(&b.is_open()).reverse().then(by_length)
        }),
    }
    lines
}

/// What the incidents of an antenna have in common.
type Own<'a> = (&'a str, IncidentKind);

fn by_antenna<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> BTreeMap<Own<'a>, Vec<&'a Incident>> {
    let mut by_antenna: BTreeMap<Own<'_>, Vec<&Incident>> = BTreeMap::new();
    for incident in incidents {
        by_antenna.entry((&incident.antenna_id, incident.kind)).or_default().push(incident);
    }
    by_antenna
}

/// The antennas whose trouble comes again so soon that it begins together with that of others by chance.
fn restless(incidents: &[Incident]) -> BTreeSet<Own<'_>> {
    let is_restless = |own: &[&Incident]| {
        let starts = || own.iter().map(|incident| incident.start.0);
        let span_ms = starts().max().zip(starts().min()).map_or(0, |(last, first)| last - first);
        own.len() >= FEWEST_REPEATS && span_ms < RESTLESS_MS * (own.len() as i64 - 1)
    };
    by_antenna(incidents).into_iter().filter(|(_, own)| is_restless(own)).map(|(antenna, _)| antenna).collect()
}

/// Common outages, a line each, with one incident of each of their antennas, and the incidents that are part of none. Antennas that
/// are restless make no common outage, but take part in that of others.
fn together(incidents: &[Incident]) -> (Vec<Line<'_>>, Vec<&Incident>) {
    let restless = restless(incidents);
    let is_calm = |incident: &Incident| !restless.contains(&(&*incident.antenna_id, incident.kind));
    let mut sorted: Vec<&Incident> = incidents.iter().collect();
    // Whether it lasts is a part of what they have in common: those that have recovered are not news any more.
    sorted.sort_by_key(|incident| (incident.kind, incident.end.is_none(), incident.start, &incident.antenna_id));
    let (mut lines, mut alone) = (Vec::new(), Vec::new());
    let mut rest = &*sorted;
    while let [first, others @ ..] = rest {
        let is_alike = |other: &&&Incident| {
            let both_last = other.end.is_none() == first.end.is_none();
            other.kind == first.kind && both_last && other.start.0 - first.start.0 <= TOGETHER_MS
        };
        let (these, later) = rest.split_at(1 + others.iter().take_while(is_alike).count());
        let calm = || these.iter().filter(|incident| is_calm(incident)).map(|incident| &incident.antenna_id);
        if !is_calm(first) || calm().collect::<BTreeSet<_>>().len() < FEWEST_TOGETHER {
            alone.push(*first);
            rest = others;
            continue;
        }
        let mut told = BTreeSet::new();
        let (firsts, again) = these.iter().partition(|incident| told.insert(&incident.antenna_id));
        lines.push(line(Fold::Together, firsts));
        alone.extend::<Vec<&Incident>>(again);
        rest = later;
    }
    (lines, alone)
}

fn line(fold: Fold, mut incidents: Vec<&Incident>) -> Line<'_> {
    incidents.sort_by_key(|incident| Reverse(incident.start));
    Line { fold, incidents }
}

fn newest(line: &Line<'_>) -> UnixMillis {
    line.incidents[0].start
}

fn antennas(line: &Line<'_>) -> usize {
    if line.fold == Fold::Together { line.incidents.len() } else { 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::api::IncidentEnding;
    use shared::spelled::Spelled;

    use super::*;

    /// An incident of an antenna from a second on; without a length, it lasts until the thousandth.
    fn incident(antenna: usize, kind: IncidentKind, start_seconds: i64, length_seconds: Option<i64>) -> Incident {
        let start = UnixMillis(start_seconds * 1000);
        let end = length_seconds.map(|length| UnixMillis(start.0 + length * 1000));
        Incident {
            antenna_id: format!("antenna-{antenna}"),
            kind,
            start,
            end,
            ended_by: end.map(|_| IncidentEnding::Recovered),
            duration_seconds: length_seconds.unwrap_or(1000 - start_seconds) as f64,
            packets_sent: 100,
            packets_lost: 40,
            worst_success_rate: Some(0.5 - antenna as f64 / 100.0),
            worst_latency_ms: None,
            caused_by: None,
            held: None,
            acknowledged: None,
        }
    }

    fn any_incidents() -> impl Strategy<Value = Vec<Incident>> {
        let kind = prop::sample::select(IncidentKind::ALL.to_vec());
        let one = (0..6_usize, kind, 0..900_i64, prop::option::of(1..100_i64));
        let one = one.prop_map(|(antenna, kind, start, length)| incident(antenna, kind, start, length));
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        /// No incident is lost or told twice, whatever the order; lines hold what they say, and what lasts comes first.
        #[test]
        fn every_incident_is_in_one_line(incidents in any_incidents()) {
            for sort in IncidentSort::EVERY {
                let lines = lines(&incidents, *sort);
                let mut told: Vec<*const Incident> = lines.iter().flat_map(|line| &line.incidents).map(|it| std::ptr::from_ref(*it)).collect();
                told.sort_unstable();
                let all: Vec<*const Incident> = incidents.iter().map(std::ptr::from_ref).collect();
                prop_assert_eq!(told, all);
                prop_assert!(lines.iter().map(Line::is_open).is_sorted_by(|a, b| a >= b), "what lasts comes first");
                for line in &lines {
                    let first = line.incidents[0];
                    prop_assert!(line.incidents.iter().all(|it| it.kind == first.kind));
                    prop_assert!(line.incidents.is_sorted_by_key(|it| Reverse(it.start)));
                    let mut ids: Vec<&str> = line.incidents.iter().map(|it| &*it.antenna_id).collect();
                    ids.sort_unstable();
                    ids.dedup();
                    let number = line.incidents.len();
                    match line.fold {
                        Fold::Single => prop_assert_eq!(number, 1),
                        Fold::Repeats => prop_assert!(number >= FEWEST_REPEATS && ids.len() == 1),
                        Fold::Together => {
                            prop_assert!(number >= FEWEST_TOGETHER && ids.len() == number);
                            prop_assert!(first.start.0 - line.start().0 <= TOGETHER_MS);
                            prop_assert!(line.incidents.iter().all(|it| it.end.is_none() == first.end.is_none()));
                        }
                    }
                    prop_assert!((0.0..=1.0).contains(&line.share()));
                }
            }
        }
    }

    /// Four hundred antennas whose trouble lasts fill the first lines, an antenna that flaps takes one.
    #[test]
    fn what_lasts_comes_before_what_repeats() {
        let lasting = (0..400).map(|antenna| incident(antenna, IncidentKind::Down, 2 * antenna as i64, None));
        let flapping = (0..31).map(|turn| incident(999, IncidentKind::Silent, 20 * turn, Some(12)));
        let incidents: Vec<Incident> = flapping.chain(lasting).collect();
        let lines = lines(&incidents, IncidentSort::Newest);
        let [open @ .., last] = &*lines else { panic!("no lines") };
        assert!(open.iter().all(Line::is_open) && open.iter().map(|line| line.incidents.len()).sum::<usize>() == 400);
        assert_eq!((last.fold, last.incidents.len(), last.is_open()), (Fold::Repeats, 31, false));
        assert_eq!((last.duration_seconds(), last.share()), (372.0, 372.0 / 612.0));
    }

    #[test]
    fn antennas_whose_trouble_began_together_share_a_line() {
        use IncidentKind::{Down, Silent};
        let starts = [(0, Down, 100, None), (1, Down, 110, None), (2, Down, 130, None), (3, Down, 131, None)];
        let others = [(4, Silent, 100, None), (5, Silent, 101, None), (6, Down, 100, Some(5))];
        let incidents: Vec<Incident> = starts
            .into_iter()
            .chain(others)
            .map(|(antenna, kind, start, length)| incident(antenna, kind, start, length))
            .collect();
        let lines = lines(&incidents, IncidentSort::Severity);
        let told: Vec<(Fold, usize)> = lines.iter().map(|line| (line.fold, line.incidents.len())).collect();
        let single = (Fold::Single, 1);
        assert_eq!(told, [(Fold::Together, 3), single, single, single, single]);
        assert_eq!((lines[0].start(), lines[0].duration_seconds()), (UnixMillis(100_000), 900.0));
        let one = lines[0].as_one();
        assert_eq!((one.packets_sent, one.packets_lost, one.worst_success_rate), (300, 120, Some(0.48)));
    }

    fn told(incidents: &[Incident]) -> Vec<(Fold, usize)> {
        lines(incidents, IncidentSort::Newest).iter().map(|line| (line.fold, line.incidents.len())).collect()
    }

    /// What an antenna went through by itself does not take it out of what it went through with others.
    #[test]
    fn an_antenna_of_a_common_outage_is_in_its_line_whatever_else_it_had() {
        let down = |antenna, start| incident(antenna, IncidentKind::Down, start, Some(20));
        let outage = |start: i64| (0..5).map(move |antenna| down(antenna, start + antenna as i64));
        let earlier = [down(0, 30), down(1, 200)];
        let incidents: Vec<Incident> = earlier.into_iter().chain(outage(600)).collect();
        assert_eq!(told(&incidents), [(Fold::Together, 5), (Fold::Single, 1), (Fold::Single, 1)]);
        // Outages that are common each time are no repeats of anybody.
        let storms: Vec<Incident> = [0, 780, 1_560, 2_340].into_iter().flat_map(outage).collect();
        assert_eq!(told(&storms), [(Fold::Together, 5); 4]);
        // Who repeats by itself is in the line of the common outage once, and has one for all the rest.
        let restless = (0..12).map(|turn| down(9, 3 + 50 * turn));
        let incidents: Vec<Incident> = outage(600).chain(restless).chain([down(9, 603)]).collect();
        assert_eq!(told(&incidents), [(Fold::Together, 6), (Fold::Repeats, 12)]);
    }

    /// Among antennas that flap, some always begin together.
    #[test]
    fn restless_antennas_have_no_common_outage() {
        let turns = |antenna: usize| {
            (0..20).map(move |turn| incident(antenna, IncidentKind::Silent, antenna as i64 + 45 * turn, Some(15)))
        };
        let incidents: Vec<Incident> = (0..8).flat_map(turns).collect();
        assert_eq!(told(&incidents), [(Fold::Repeats, 20); 8]);
        assert_eq!(told(&incidents[..2]), [(Fold::Single, 1); 2], "twice is not again and again");
    }

    #[test]
    fn lines_are_sorted_by_what_is_asked_for() {
        use IncidentKind::{Degraded, Down, Silent};
        let incidents = [
            incident(0, Degraded, 900, Some(10)),
            incident(1, Silent, 500, Some(90)),
            incident(2, Down, 100, Some(20)),
            incident(3, Degraded, 10, None),
        ];
        let order = |sort| -> Vec<i64> { lines(&incidents, sort).iter().map(|line| line.start().0 / 1000).collect() };
        assert_eq!(order(IncidentSort::Newest), [10, 900, 500, 100]);
        assert_eq!(order(IncidentSort::Severity), [10, 100, 900, 500]);
        assert_eq!(order(IncidentSort::Length), [10, 500, 100, 900]);
    }
}
