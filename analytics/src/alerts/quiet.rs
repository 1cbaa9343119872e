//! Of whom nobody is told.

use shared::UnixMillis;

use super::file::Alerting;
use super::maintenance::Maintenance;
use super::matcher::Glob;
use super::state::Mutes;

/// Of whom nobody is told, and when. Incidents are taken note of all the same.
#[derive(Debug)]
pub struct Quiet<'a> {
    maintenance: &'a [Maintenance],
    /// Those whose time it is.
    maintained: Vec<&'a Maintenance>,
    /// Mutes, from when on, and until when.
    mutes: Vec<(Glob, UnixMillis, UnixMillis)>,
    now: UnixMillis,
}

impl<'a> Quiet<'a> {
    /// What is known at a moment.
    #[must_use]
    pub fn new(now: UnixMillis, alerting: &'a Alerting, mutes: &Mutes) -> Self {
        let maintenance = &alerting.maintenance;
        let maintained = maintenance.iter().filter(|it| it.at(now).is_some()).collect();
        let mutes = mutes.values().map(|mute| (Glob::new(&mute.antennas), mute.at, mute.until)).collect();
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
        self.mutes.iter().any(|(glob, from, until)| *from <= at && at < *until && glob.matches(subject))
    }
}
