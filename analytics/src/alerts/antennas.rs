//! What the registry says of the antennas that alerts are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::api::AlertKind;

use super::incident::Incident;
use crate::registry::{Description, Registry};

/// What people call an antenna, and where it belongs, as receivers are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The site that it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What else is said of it, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A registry that is asked about the antennas in trouble. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub struct Antennas(Arc<Registry>);

impl From<Arc<Registry>> for Antennas {
    fn from(registry: Arc<Registry>) -> Self {
        Self(registry)
    }
}

impl Antennas {
    /// Whether it is the same registry.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The registry itself.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0
    }

    /// What is known of the antenna with an id.
    #[must_use]
    pub fn of(&self, id: &str) -> Arc<Description> {
        self.0.of(id)
    }

    /// What is known of the antenna that an incident is of; `None` where it is of none, but of a site or a rule.
    #[must_use]
    pub fn of_incident(&self, incident: &Incident) -> Option<Arc<Description>> {
        (!matches!(incident.kind, AlertKind::Site | AlertKind::Network)).then(|| self.of(&incident.subject))
    }

    /// What receivers are told of the antenna that an incident is of.
    #[must_use]
    pub fn about(&self, incident: &Incident) -> About {
        let Some(known) = self.of_incident(incident) else {
            let site = Some(incident.subject.clone()).filter(|_| incident.kind == AlertKind::Site);
            return About { site, ..About::default() };
        };
        let labels = known.labels.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        About {
            name: known.name.as_deref().map(str::to_owned),
            site: known.site.as_deref().map(str::to_owned),
            labels: labels.collect(),
        }
    }
}
