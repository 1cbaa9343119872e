//! Of whom nobody is told.

use std::borrow::Cow;

use shared::UnixMillis;
use shared::api::{self, AlertHeld, Mute};
use shared::glob::Glob;

use super::antennas::Antennas;
use super::file::Alerting;
use super::incident::Incident;
use super::maintenance::Maintenance;
use super::state::{Known, Planned, Said};

/// Of whom nobody is told, and when. Incidents are taken note of all the same.
#[derive(Debug)]
pub struct Quiet<'a> {
    /// Each with whether its time is now.
    maintenance: Vec<(Window<'a>, bool)>,
    mutes: Vec<Muted<'a>>,
    antennas: &'a Antennas,
    now: UnixMillis,
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

/// Why nobody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Maintenance,
    Mute,
    Registry,
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

    /// How many incidents that last nobody is told of, by why.
    #[must_use]
    pub fn held<'k>(&self, incidents: impl IntoIterator<Item = &'k Known>) -> AlertHeld {
        let mut held = AlertHeld::default();
        for known in incidents.into_iter().filter(|known| known.incident.end.is_none()) {
            match self.why(&known.incident) {
                Some(Why::Maintenance) => held.maintenance += 1,
                Some(Why::Mute) => held.mute += 1,
                Some(Why::Registry) => held.muted += 1,
                None if known.is_unreachable() => held.unreachable += 1,
                None => held.site += u64::from(known.with_site.as_ref().is_some_and(|with| !with.lanes.is_empty())),
            }
        }
        held
    }

    /// Whether nobody is told now of an antenna.
    #[must_use]
    pub fn is_of(&self, antenna: &str) -> bool {
        self.held_by(antenna).is_some() || self.antennas.of(antenna).muted
    }

    fn why(&self, incident: &Incident) -> Option<Why> {
        let by_registry = || self.is_muted_by_registry(incident).then_some(Why::Registry);
        self.held_by(&incident.subject).or_else(by_registry)
    }

    /// What people and windows say.
    fn held_by(&self, subject: &str) -> Option<Why> {
        if self.maintenance.iter().any(|(window, is_now)| *is_now && window.maintenance.is_of(subject)) {
            return Some(Why::Maintenance);
        }
        self.is_muted(subject, self.now).then_some(Why::Mute)
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
