//! From what is committed of the partitions to the incidents that alerts have not taken note of.
//!
//! Incidents that have ended are numbered and committed already, and those that last are read off the antennas. So the state is the
//! outbox: what was not taken note of is found in it, whenever a process looks, and counting readings costs nothing more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::UnixMillis;
use shared::api::{AlertEnding, AlertKind, IncidentEnding, IncidentKind};

use super::incident::Incident;
use super::quiet::Quiet;
use super::state::State;
use super::step::{Network, Seen};
use crate::published::Settled;
use crate::settings::Thresholds;
use crate::store::antennas::Antenna;
use crate::store::incidents::Finished;
use crate::store::trouble::Tally;

/// What alerts have not taken note of. `is_whole` tells whether all partitions are among those that are known. An antenna of which nobody is
/// told does not count as unwell.
#[must_use]
pub fn observe(settled: &[Settled], is_whole: bool, state: &State, thresholds: &Thresholds, quiet: &Quiet<'_>) -> Seen {
    let mut seen = Seen { cursors: state.cursors.clone(), ..Seen::default() };
    let mut antennas = 0_u64;
    let mut unwell: BTreeSet<&str> = BTreeSet::new();
    let places = Places::of(settled, thresholds);
    for (number, partition) in settled.iter().enumerate() {
        let heard_ms = partition.heard_until.0;
        for (_, antenna) in partition.snapshot.retained() {
            antennas += 1;
            for incident in lasting(antenna, heard_ms, thresholds) {
                if places.is_newest(antenna, number) {
                    if matches!(incident.kind, AlertKind::Down | AlertKind::Silent) && !quiet.is_now(&incident) {
                        unwell.insert(&antenna.id);
                    }
                    seen.open.push((partition.stream.clone(), incident));
                }
            }
        }
        let finished = ended(partition, &mut seen);
        let finished = finished.into_iter().filter(|it| !places.has_moved(it, number));
        let finished: Vec<_> = finished.map(|it| (partition.stream.clone(), of_finished(it))).collect();
        seen.ended.extend(finished);
    }
    vanish(settled, is_whole, state, &mut seen);
    seen.network = Network {
        down_share: share(unwell.len() as u64, antennas),
        last_reading: settled.iter().filter_map(|it| it.snapshot.as_of).max(),
        // They are worked out where they are asked for.
        success_rates: BTreeMap::new(),
    };
    seen
}

#[expect(clippy::cast_precision_loss, reason = "antennas are far fewer than 2^53")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What lasts at an antenna, whose silence is judged at a time.
fn lasting(antenna: &Antenna, heard_ms: i64, thresholds: &Thresholds) -> impl Iterator<Item = Incident> {
    let is_missed = antenna.is_missed(heard_ms);
    let trouble = if antenna.trouble.is_some() || is_missed {
        let (lasting, ended) = antenna.trouble_at(heard_ms, thresholds);
        // That silence shows it to be over is told once it is recorded, with the next reading.
        lasting.or(ended.map(|(trouble, _)| trouble))
    } else {
        None
    };
    let trouble = trouble.map(|it| {
        let incident = Incident::begun(&antenna.id, kind(it.severity.kind()), UnixMillis(it.start_ms));
        with_tally(incident, &it.tally)
    });
    let silence =
        is_missed.then(|| Incident::begun(&antenna.id, AlertKind::Silent, UnixMillis(antenna.last_arrival_ms)));
    trouble.into_iter().chain(silence)
}

/// The incidents of a partition that ended since they were taken note of. Of one that is new, none did.
fn ended<'a>(partition: &'a Settled, seen: &mut Seen) -> Vec<&'a Finished> {
    let known = seen.cursors.insert(partition.stream.clone(), partition.ended).unwrap_or(partition.ended);
    // Where the broker went back, those that are there were told already, as far as anybody can know.
    let new = partition.ended.saturating_sub(known);
    let kept = partition.snapshot.incidents.iter().count() as u64;
    seen.missed += new.saturating_sub(kept);
    let skipped = usize::try_from(kept.saturating_sub(new)).unwrap_or(usize::MAX);
    partition.snapshot.incidents.iter().skip(skipped).collect()
}

/// What lasted and is neither there nor among what has ended since: it is looked for in all that is kept, and is withdrawn if it is
/// not there either.
fn vanish(settled: &[Settled], is_whole: bool, state: &State, seen: &mut Seen) {
    let there: BTreeSet<String> = seen.open.iter().chain(&seen.ended).map(|(_, incident)| incident.id()).collect();
    let until: BTreeMap<&str, UnixMillis> =
        settled.iter().map(|partition| (partition.stream.as_str(), partition.heard_until)).collect();
    let mut vanished: HashMap<String, (&str, &Incident, UnixMillis)> = HashMap::new();
    for (id, known) in &state.incidents {
        let is_judged = |at: &UnixMillis| known.incident.end.is_none() && !there.contains(id) && at.0 != i64::MIN;
        // That of a stream which is not read any more is in another one by now.
        let elsewhere = || is_whole.then(|| until.values().copied().min()).flatten();
        let at =
            if known.stream.is_empty() { None } else { until.get(known.stream.as_str()).copied().or_else(elsewhere) };
        if let Some(at) = at.filter(is_judged) {
            vanished.insert(id.clone(), (&known.stream, &known.incident, at));
        }
    }
    if vanished.is_empty() {
        return;
    }
    let subjects: BTreeSet<&str> = vanished.values().map(|(_, incident, _)| incident.subject.as_str()).collect();
    let kept = settled.iter().flat_map(|partition| partition.snapshot.incidents.iter());
    let found: Vec<Incident> = kept.filter(|it| subjects.contains(&*it.antenna)).map(of_finished).collect();
    for incident in found {
        if let Some((stream, ..)) = vanished.remove(&incident.id()) {
            seen.ended.push((stream.to_owned(), incident));
        }
    }
    let mut vanished: Vec<_> = vanished.into_values().collect();
    vanished.sort_by(|(_, a, _), (_, b, _)| (a.start, &a.subject).cmp(&(b.start, &b.subject)));
    for (stream, incident, at) in vanished {
        let end = Some((at.max(incident.start), AlertEnding::Withdrawn));
        seen.ended.push((stream.to_owned(), Incident { end, ..incident.clone() }));
    }
}

/// When antennas that may be in trouble arrived last in each partition: what one says of an antenna that reports to another by now
/// does not count. Only where there are several.
struct Places<'a>(HashMap<&'a str, Vec<(i64, usize)>>);

impl<'a> Places<'a> {
    fn of(settled: &'a [Settled], thresholds: &Thresholds) -> Self {
        if settled.len() < 2 {
            return Self(HashMap::new());
        }
        let mut wanted: HashMap<&str, Vec<(i64, usize)>> = HashMap::new();
        for partition in settled {
            for (_, antenna) in partition.snapshot.retained() {
                if lasting(antenna, partition.heard_until.0, thresholds).next().is_some() {
                    wanted.entry(&antenna.id).or_default();
                }
            }
            for finished in partition.snapshot.incidents.iter().filter(|it| is_left(it)) {
                wanted.entry(&finished.antenna).or_default();
            }
        }
        for (number, partition) in settled.iter().enumerate() {
            for (_, antenna) in partition.snapshot.retained() {
                if let Some(places) = wanted.get_mut(&*antenna.id) {
                    places.push((antenna.last_arrival_ms, number));
                }
            }
        }
        Self(wanted)
    }

    /// Whether no other partition heard of an antenna later. Of two that did at the same time, the first counts.
    fn is_newest(&self, antenna: &Antenna, number: usize) -> bool {
        self.0.get(&*antenna.id).is_none_or(|places| {
            places.iter().all(|(arrival_ms, other)| {
                *other == number
                    || *arrival_ms < antenna.last_arrival_ms
                    || (*arrival_ms == antenna.last_arrival_ms && number < *other)
            })
        })
    }

    /// Whether a silence is that of an antenna which had gone to another partition.
    fn has_moved(&self, finished: &Finished, number: usize) -> bool {
        is_left(finished)
            && self.0.get(&*finished.antenna).is_some_and(|places| {
                places.iter().any(|(arrival_ms, other)| *other != number && *arrival_ms > finished.start_ms)
            })
    }
}

fn is_left(finished: &Finished) -> bool {
    finished.kind == IncidentKind::Silent && finished.ended_by == IncidentEnding::Forgotten
}

fn of_finished(finished: &Finished) -> Incident {
    let by = match finished.ended_by {
        IncidentEnding::Recovered => AlertEnding::Recovered,
        IncidentEnding::Forgotten => AlertEnding::Forgotten,
    };
    let incident = Incident::begun(&finished.antenna, kind(finished.kind), UnixMillis(finished.start_ms));
    Incident { end: Some((UnixMillis(finished.end_ms), by)), ..with_tally(incident, &finished.tally) }
}

const fn kind(kind: IncidentKind) -> AlertKind {
    match kind {
        IncidentKind::Down => AlertKind::Down,
        IncidentKind::Degraded => AlertKind::Degraded,
        IncidentKind::Silent => AlertKind::Silent,
    }
}

fn with_tally(incident: Incident, tally: &Tally) -> Incident {
    let &Tally { packets_sent, packets_lost, worst_success_rate, worst_latency_ms } = tally;
    Incident { packets_sent, packets_lost, worst_success_rate, worst_latency_ms, ..incident }
}
