//! Which incidents a route is for.

use shared::api::{AlertKind, AlertSeverity};

use super::incident::Incident;
use crate::registry::Glob;

/// What an incident has to be like. What is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// One of these.
    pub kinds: Vec<AlertKind>,
    /// One of these.
    pub severities: Vec<AlertSeverity>,
    /// Its subject is like one of these.
    pub antennas: Vec<Glob>,
}

impl Matcher {
    /// Whether an incident is.
    #[must_use]
    pub fn matches(&self, incident: &Incident) -> bool {
        fn is_one<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(is)
        }
        is_one(&self.kinds, |kind| *kind == incident.kind)
            && is_one(&self.severities, |severity| *severity == incident.severity())
            && is_one(&self.antennas, |glob| glob.matches(&incident.subject))
    }
}
