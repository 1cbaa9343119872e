//! Which antennas are unreachable: those behind one that is down.
//!
//! An antenna is down, for those behind it, as long as an incident of it lasts that is `down` or `silent`. Whatever is wrong with
//! those behind it then is not told by itself, as nobody can mend it before: it is counted where the one in front of all of them is told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::AlertKind;

use super::antennas::Antennas;
use super::incident::Incident;
use super::state::Known;
use crate::registry::upstream::RETURN_MS;

/// That an antenna is, or was a short time ago, behind one that is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreachable {
    /// The id of the antenna that is down: of several in a row, the one in front of all of them.
    pub behind: String,
    /// Until when, where that one is back; `None` while it is down.
    pub until: Option<UnixMillis>,
}

/// Judges of which incidents the antenna is unreachable. Of one that is over, it is told whether it was when it ended, and stays so. Tells
/// whether anything has changed.
pub(super) fn judge(incidents: &mut BTreeMap<String, Known>, antennas: &Antennas, now: UnixMillis) -> bool {
    let (troubles, registry) = (Troubles::of(incidents.values()), antennas.registry());
    let (mut lasting, mut recent) = (HashMap::new(), HashMap::new());
    let mut changed: Vec<(String, Option<Unreachable>)> = Vec::new();
    for (id, known) in incidents.iter().filter(|(_, known)| !known.is_settled) {
        let Some(parent) = antennas.of_incident(&known.incident).and_then(|it| it.parent.clone()) else {
            // Also where the registry says so since a moment ago, there is nothing to wait for.
            if known.unreachable.is_some() && known.incident.end.is_none() {
                changed.push((id.clone(), None));
            }
            continue;
        };
        let judged = match (&known.unreachable, known.incident.end) {
            (Some(_), Some(_)) => continue,
            (None, Some((end, _))) => {
                let at_end = |it: &str| troubles.until(it, end).is_some();
                registry.first_in_front(parent, at_end, &mut HashMap::new()).map(|it| troubles.behind(&it, end))
            }
            (before, None) => {
                let is_down = |it: &str| troubles.last(it);
                let was_down = |it: &str| troubles.until(it, now).is_some();
                if let Some(behind) = registry.first_in_front(Arc::clone(&parent), is_down, &mut lasting) {
                    Some(Unreachable { behind: behind.to_string(), until: None })
                } else if let Some(before) = before {
                    let until = before.until.unwrap_or(UnixMillis(now.0 + RETURN_MS));
                    (now < until).then(|| Unreachable { until: Some(until), ..before.clone() })
                } else {
                    registry.first_in_front(parent, was_down, &mut recent).map(|it| troubles.behind(&it, now))
                }
            }
        };
        if judged != known.unreachable {
            changed.push((id.clone(), judged));
        }
    }
    let is_changed = !changed.is_empty();
    for (id, judged) in changed {
        if let Some(known) = incidents.get_mut(&id) {
            known.unreachable = judged;
        }
    }
    is_changed
}

/// How many antennas that are not told by themselves are behind each one that is told.
#[must_use]
pub(super) fn count<'k>(incidents: impl IntoIterator<Item = &'k Known>) -> HashMap<&'k str, u64> {
    let unreachable = incidents.into_iter().filter(|known| known.is_unreachable());
    let pairs =
        unreachable.filter_map(|it| Some((it.unreachable.as_ref()?.behind.as_str(), it.incident.subject.as_str())));
    let pairs: BTreeSet<(&str, &str)> = pairs.collect();
    let mut counts = HashMap::new();
    for (behind, _) in pairs {
        *counts.entry(behind).or_default() += 1;
    }
    counts
}

/// The incidents by which antennas are down for those behind them, by antenna.
struct Troubles<'k>(HashMap<&'k str, Vec<(UnixMillis, Option<UnixMillis>)>>);

impl<'k> Troubles<'k> {
    fn of(incidents: impl Iterator<Item = &'k Known>) -> Self {
        let mut troubles: HashMap<&str, Vec<_>> = HashMap::new();
        for Known { incident, .. } in incidents.filter(|known| is_down(&known.incident)) {
            let times = (incident.start, incident.end.map(|(end, _)| end));
            troubles.entry(&incident.subject).or_default().push(times);
        }
        Self(troubles)
    }

    /// Whether an antenna is down.
    fn last(&self, antenna: &str) -> bool {
        self.0.get(antenna).is_some_and(|times| times.iter().any(|(_, end)| end.is_none()))
    }

    /// Until when those behind an antenna are unreachable that were at a moment: for ever, where it is down.
    fn until(&self, antenna: &str, at: UnixMillis) -> Option<UnixMillis> {
        let began = self.0.get(antenna)?.iter().filter(|(start, _)| *start <= at);
        let until = began.map(|(_, end)| end.map_or(UnixMillis(i64::MAX), |end| UnixMillis(end.0 + RETURN_MS))).max();
        until.filter(|until| at < *until)
    }

    fn behind(&self, antenna: &str, at: UnixMillis) -> Unreachable {
        let until = self.until(antenna, at).filter(|until| until.0 < i64::MAX);
        Unreachable { behind: antenna.to_owned(), until }
    }
}

/// Whether an antenna is down by an incident as long as it lasts.
pub(super) fn is_down(incident: &Incident) -> bool {
    matches!(incident.kind, AlertKind::Down | AlertKind::Silent)
}
