//! Of whom nobody is told.

use shared::UnixMillis;
use shared::api::Mute;

use super::file::Alerting;
use super::maintenance::Maintenance;
use super::state::Mutes;
use crate::registry::Glob;

/// Of whom nobody is told, and when. Incidents are taken note of all the same.
#[derive(Debug)]
pub struct Quiet<'a> {
    maintenance: &'a [Maintenance],
    /// Those whose time it is.
    maintained: Vec<&'a Maintenance>,
    mutes: Vec<Muted<'a>>,
    now: UnixMillis,
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
    pub fn new(now: UnixMillis, alerting: &'a Alerting, mutes: &'a Mutes) -> Self {
        let maintenance = &alerting.maintenance;
        let maintained = maintenance.iter().filter(|it| it.at(now).is_some()).collect();
        let mutes = mutes.values().map(|mute| Muted { mute, glob: Glob::new(&mute.antennas).ok() }).collect();
        Self { maintenance, maintained, mutes, now }
    }

    /// Whether nobody is told now of an antenna, or of a rule of the network.
    #[must_use]
    pub fn is_now(&self, subject: &str) -> bool {
        self.maintained.iter().any(|it| it.is_of(subject)) || self.is_muted(subject, self.now)
    }

    /// Whether nobody was to be told of it at a moment before.
    #[must_use]
    pub fn was(&self, subject: &str, at: UnixMillis) -> bool {
        self.maintenance.iter().any(|it| it.is_of(subject) && it.at(at).is_some()) || self.is_muted(subject, at)
    }

    fn is_muted(&self, subject: &str, at: UnixMillis) -> bool {
        self.mutes.iter().any(|it| it.mute.at <= at && at < it.mute.until && it.is_of(subject))
    }
}

impl Muted<'_> {
    fn is_of(&self, subject: &str) -> bool {
        self.mute.antennas == subject || self.glob.as_ref().is_some_and(|glob| glob.matches(subject))
    }
}
