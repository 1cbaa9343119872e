//! Sites that went down as a whole: an incident of the site, told in place of those of its antennas.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::{AlertEnding, AlertKind};

use super::antennas::Antennas;
use super::incident::Incident;
use super::quiet::Quiet;
use super::state::Known;
use super::upstream::is_down;
use crate::published::Settled;
use crate::registry::upstream::RETURN_MS;

/// More than half of a site has to go down within so many milliseconds.
const WITHIN_MS: i64 = 60_000;

/// How often the antennas of sites are counted: all of them are looked through.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A site of fewer antennas is told by them.
const ANTENNAS_MIN: u64 = 3;

/// How many antennas each of some sites has.
pub type Sizes = BTreeMap<Arc<str>, u64>;

/// Tells how many antennas some sites have; `None` where that is not known now.
pub type Sizing<'a> = &'a dyn Fn(&BTreeSet<Arc<str>>) -> Option<Sizes>;

/// How many antennas that report are at each site, as it was a second ago at most.
#[derive(Debug, Default)]
pub struct KeptSizes {
    sizes: Sizes,
    /// When they were counted, and by which registry.
    counted: Option<(Instant, Antennas)>,
}

impl KeptSizes {
    /// Those of now.
    pub fn of(&mut self, settled: &[Settled], antennas: &Antennas) -> &Sizes {
        let is_known = self.counted.as_ref().is_some_and(|(at, by)| at.elapsed() < COUNT_EVERY && by.is_same(antennas));
        if !is_known {
            self.sizes = sizes(settled, antennas);
            self.counted = Some((Instant::now(), antennas.clone()));
        }
        &self.sizes
    }
}

fn sizes(settled: &[Settled], antennas: &Antennas) -> Sizes {
    let mut sizes = Sizes::new();
    // One that moved to another partition is known to both for a while.
    let mut counted: HashSet<&str> = HashSet::new();
    for (_, antenna) in settled.iter().flat_map(|partition| partition.snapshot.retained()) {
        if let Some(site) = &antennas.of(&antenna.id).site
            && (settled.len() == 1 || counted.insert(&antenna.id))
        {
            *sizes.entry(Arc::clone(site)).or_default() += 1;
        }
    }
    sizes
}

/// When antennas went down, by site and antenna.
type Downs = BTreeMap<Arc<str>, BTreeMap<String, UnixMillis>>;

/// What is wrong at sites.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// All antennas that are down.
    down: Downs,
    /// Those of them that are not behind another one that is down, and that somebody is to be told of.
    on_their_own: Downs,
    /// The ids of the incidents of sites that last, by site.
    lasting: BTreeMap<Arc<str>, String>,
}

/// What is to be changed of the incidents of sites.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// One begins.
    Begin(Arc<str>, UnixMillis),
    /// The one with this id ends.
    End(String, AlertEnding),
}

impl Troubles {
    pub(super) fn of(incidents: &BTreeMap<String, Known>, antennas: &Antennas, quiet: &Quiet<'_>) -> Self {
        let mut troubles = Self::default();
        for (id, known) in incidents.iter().filter(|(_, known)| known.incident.end.is_none()) {
            let Incident { subject, start, kind, .. } = &known.incident;
            if *kind == AlertKind::Site {
                troubles.lasting.insert(subject.as_str().into(), id.clone());
            } else if is_down(&known.incident)
                && let Some(site) = antennas.of(subject).site.clone()
            {
                let note = |of: &mut Downs| {
                    let at = of.entry(Arc::clone(&site)).or_default().entry(subject.clone()).or_insert(*start);
                    *at = (*at).min(*start);
                };
                note(&mut troubles.down);
                if known.unreachable.is_none() && !quiet.is_now(&known.incident) {
                    note(&mut troubles.on_their_own);
                }
            }
        }
        troubles
    }

    /// The sites of which it has to be known how many antennas they have: the others neither begin nor end.
    pub(super) fn wanted(&self) -> BTreeSet<Arc<str>> {
        let many = self.on_their_own.iter().filter(|(_, down)| down.len() as u64 * 2 > ANTENNAS_MIN);
        many.map(|(site, _)| site).chain(self.lasting.keys()).cloned().collect()
    }

    /// What follows, where sites have so many antennas.
    pub(super) fn changes(&self, sizes: &Sizes) -> Vec<Change> {
        let mut changes = Vec::new();
        for site in self.wanted() {
            let size = sizes.get(&site).copied().unwrap_or_default();
            if let Some(id) = self.lasting.get(&site) {
                let count = |of: &Downs| of.get(&site).map_or(0, |down| down.len() as u64);
                if count(&self.on_their_own) * 2 <= size {
                    // It may be found that they are behind one that is down, or nobody is to be told of them any more.
                    let is_back = size > 0 && count(&self.down) * 2 <= size;
                    let by = if is_back { AlertEnding::Recovered } else { AlertEnding::Withdrawn };
                    changes.push(Change::End(id.clone(), by));
                }
            } else if size >= ANTENNAS_MIN
                && let Some(at) = self.on_their_own.get(&site).and_then(|down| more_than_half(down, size))
            {
                changes.push(Change::Begin(site, at));
            }
        }
        changes
    }
}

/// When more than half of so many went down within the time in which they have to: the start of the first one beyond the half, which is
/// later than that of any incident of the site before, as it is over when half is back.
fn more_than_half(down: &BTreeMap<String, UnixMillis>, size: u64) -> Option<UnixMillis> {
    let mut starts: Vec<UnixMillis> = down.values().copied().collect();
    starts.sort_unstable();
    let half = usize::try_from(size / 2).unwrap_or(usize::MAX);
    let beyond = starts.iter().skip(half).zip(&starts);
    beyond.filter(|(at, first)| at.0 - first.0 < WITHIN_MS).map(|(at, _)| *at).next()
}

/// That an antenna is told with its site, or was a short time ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithSite {
    /// The site.
    pub site: String,
    /// Until when, where the incident of the site is over; `None` while it lasts.
    pub until: Option<UnixMillis>,
    /// The receivers, each with the route, that are told of the site: all others are told of its antennas.
    pub lanes: Vec<(String, String)>,
}

/// Judges of which incidents the antenna is told with its site. Tells whether anything has changed.
pub(super) fn judge(incidents: &mut BTreeMap<String, Known>, antennas: &Antennas, now: UnixMillis) -> bool {
    let sites = incidents.values().filter(|it| it.incident.kind == AlertKind::Site && it.incident.end.is_none());
    let lasting: HashMap<String, Vec<(String, String)>> =
        sites.map(|known| (known.incident.subject.clone(), known.lanes.clone())).collect();
    let over = incidents.values().map(|known| &known.incident).filter(|it| it.kind == AlertKind::Site);
    let withdrawn = over.filter(|it| it.end.is_some_and(|(_, by)| by == AlertEnding::Withdrawn));
    let withdrawn: BTreeSet<String> = withdrawn.map(|it| it.subject.clone()).collect();
    let mut is_changed = false;
    for known in incidents.values_mut() {
        let site = antennas.of_incident(&known.incident).and_then(|it| it.site.clone());
        let judged = match (site.as_deref().and_then(|site| lasting.get_key_value(site)), &known.with_site) {
            // What is over stays told as it was.
            (_, Some(_)) if known.incident.end.is_some() => continue,
            (Some((site, lanes)), _) => Some(WithSite { site: site.clone(), until: None, lanes: lanes.clone() }),
            // It was something else, for which there is nothing to wait.
            (None, Some(before)) if withdrawn.contains(&before.site) => None,
            (None, Some(before)) => {
                let until = before.until.unwrap_or(UnixMillis(now.0 + RETURN_MS));
                (now < until).then(|| WithSite { until: Some(until), ..before.clone() })
            }
            (None, None) => None,
        };
        is_changed |= judged != known.with_site;
        known.with_site = judged;
    }
    is_changed
}

/// How many antennas are told with each site, and not with another one that is down.
#[must_use]
pub(super) fn count<'k>(incidents: impl IntoIterator<Item = &'k Known>) -> HashMap<&'k str, u64> {
    let on_their_own = incidents.into_iter().filter(|it| it.incident.end.is_none() && it.unreachable.is_none());
    let pairs: BTreeSet<(&str, &str)> = on_their_own
        .filter_map(|it| Some((it.with_site.as_ref()?.site.as_str(), it.incident.subject.as_str())))
        .collect();
    let mut counts = HashMap::new();
    for (site, _) in pairs {
        *counts.entry(site).or_default() += 1;
    }
    counts
}
