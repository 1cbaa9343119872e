//! Which incidents a route is for.

use std::collections::BTreeMap;

use shared::api::{AlertKind, AlertSeverity};
use shared::glob::Glob;

use super::antennas::About;
use super::incident::Incident;

/// What an incident has to be like. What is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// One of these.
    pub kinds: Vec<AlertKind>,
    /// One of these.
    pub severities: Vec<AlertSeverity>,
    /// Its subject is like one of these.
    pub antennas: Vec<Glob>,
    /// Its antenna, or what its rule is of, is at a site like one of these.
    pub sites: Vec<Glob>,
    /// By key of a label: its antenna has one that is like one of these.
    pub labels: BTreeMap<String, Vec<Glob>>,
}

impl Matcher {
    /// Whether an incident is, of an antenna of which this is known.
    #[must_use]
    pub fn matches(&self, incident: &Incident, about: &About) -> bool {
        fn is_one<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(is)
        }
        // Where nothing is known, no pattern is right, not even the one of everything.
        fn is_like(wanted: &[Glob], text: Option<&String>) -> bool {
            is_one(wanted, |glob| text.is_some_and(|text| glob.matches(text)))
        }
        is_one(&self.kinds, |kind| *kind == incident.kind)
            && is_one(&self.severities, |severity| *severity == incident.severity())
            && is_one(&self.antennas, |glob| glob.matches(&incident.subject))
            && is_like(&self.sites, about.site.as_ref())
            && self.labels.iter().all(|(key, wanted)| is_like(wanted, about.labels.get(key)))
    }
}
