//! Of whom nobody is told.

use std::borrow::Cow;
use std::collections::HashMap;

use shared::UnixMillis;
use shared::api::{self, HeldBy, Mute};
use shared::glob::Glob;

use super::antennas::Antennas;
use super::file::Alerting;
use super::incident::Incident;
use super::maintenance::Maintenance;
use super::state::{Known, Planned, Said, State};

/// Of whom nobody is told, and when. Incidents are taken note of all the same.
#[derive(Debug)]
pub struct Quiet<'a> {
    /// Each with whether its time is now.
    maintenance: Vec<(Window<'a>, bool)>,
    mutes: Vec<Muted<'a>>,
    antennas: &'a Antennas,
    now: UnixMillis,
}

/// Why nobody is told of incidents that last, by their ids.
pub type Held = HashMap<String, HeldBy>;

impl State {
    /// Of which incidents that last nobody is told at a moment.
    #[must_use]
    pub fn held(&self, now: UnixMillis, alerting: &Alerting, antennas: &Antennas) -> Held {
        let quiet = Quiet::new(now, alerting, self.said(), antennas);
        self.incidents.iter().filter_map(|(id, known)| Some((id.clone(), quiet.held(known)?))).collect()
    }
}

/// A window of maintenance, whoever planned it.
#[derive(Debug)]
pub(super) struct Window<'a> {
    pub(super) maintenance: Cow<'a, Maintenance>,
    /// As somebody said it; `None` where it is of the file.
    pub(super) said: Option<&'a api::Maintenance>,
}

/// The windows of the file, then those that people said. One that was committed by a program which knew a time zone that this one does not
/// know is none; that is told where it is read.
pub(super) fn windows<'a>(alerting: &'a Alerting, planned: &'a Planned) -> impl Iterator<Item = Window<'a>> {
    let of_file = alerting.maintenance.iter().map(|it| Window { maintenance: Cow::Borrowed(it), said: None });
    let said = planned.values().filter_map(|said| {
        let maintenance = Maintenance::said(&said.antennas, &said.when, &said.reason).ok()?;
        Some(Window { maintenance: Cow::Owned(maintenance), said: Some(said) })
    });
    of_file.chain(said)
}

/// A mute, and what it is of.
#[derive(Debug)]
struct Muted<'a> {
    mute: &'a Mute,
    /// `None` where it was committed before patterns were checked, and is none: then it is of the antenna with this very id.
    glob: Option<Glob>,
}

impl<'a> Quiet<'a> {
    /// What is known at a moment.
    #[must_use]
    pub fn new(now: UnixMillis, alerting: &'a Alerting, said: Said<'a>, antennas: &'a Antennas) -> Self {
        let with_now = |window: Window<'a>| {
            let is_now = window.maintenance.at(now).is_some();
            (window, is_now)
        };
        let maintenance = windows(alerting, said.planned).map(with_now).collect();
        let mutes = said.mutes.values().map(|mute| Muted { mute, glob: Glob::new(&mute.antennas).ok() }).collect();
        Self { maintenance, mutes, antennas, now }
    }

    /// Whether nobody is told now of an incident, be it of an antenna or of a rule of the network.
    #[must_use]
    pub fn is_now(&self, incident: &Incident) -> bool {
        self.why(incident).is_some()
    }

    /// Whether nobody was to be told of it at a moment before. For how long the registry has said `muted` is not known, so what it says now
    /// counts.
    #[must_use]
    pub fn was(&self, incident: &Incident, at: UnixMillis) -> bool {
        let mut windows = self.maintenance.iter().map(|(window, _)| &window.maintenance);
        windows.any(|it| it.is_of(&incident.subject) && it.at(at).is_some())
            || self.is_muted(&incident.subject, at)
            || self.is_muted_by_registry(incident)
    }

    /// Why nobody is told of an incident that lasts.
    fn held(&self, known: &Known) -> Option<HeldBy> {
        if known.incident.end.is_some() {
            return None;
        }
        let is_with_site = || known.with_site.as_ref().is_some_and(|with| !with.lanes.is_empty());
        self.why(&known.incident).or_else(|| match known.is_unreachable() {
            true => Some(HeldBy::Unreachable),
            false => is_with_site().then_some(HeldBy::Site),
        })
    }

    /// Whether nobody is told now of an antenna.
    #[must_use]
    pub fn is_of(&self, antenna: &str) -> bool {
        self.held_by(antenna).is_some() || self.antennas.of(antenna).muted
    }

    fn why(&self, incident: &Incident) -> Option<HeldBy> {
        let by_registry = || self.is_muted_by_registry(incident).then_some(HeldBy::Muted);
        self.held_by(&incident.subject).or_else(by_registry)
    }

    /// What people and windows say.
    fn held_by(&self, subject: &str) -> Option<HeldBy> {
        if self.maintenance.iter().any(|(window, is_now)| *is_now && window.maintenance.is_of(subject)) {
            return Some(HeldBy::Maintenance);
        }
        self.is_muted(subject, self.now).then_some(HeldBy::Mute)
    }

    fn is_muted(&self, subject: &str, at: UnixMillis) -> bool {
        self.mutes.iter().any(|it| it.mute.at <= at && at < it.mute.until && it.is_of(subject))
    }

    fn is_muted_by_registry(&self, incident: &Incident) -> bool {
        self.antennas.of_incident(incident).is_some_and(|known| known.muted)
    }
}

impl Muted<'_> {
    fn is_of(&self, subject: &str) -> bool {
        self.mute.antennas == subject || self.glob.as_ref().is_some_and(|glob| glob.matches(subject))
    }
}
