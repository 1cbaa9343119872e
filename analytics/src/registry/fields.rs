//! What an entry says: each field with its place in the file, and what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::glob::Glob;
use shared::time::parse_duration;

use super::Description;
use crate::fault::{Fault, Place};

/// As many bytes as the id of an antenna in a reading.
const ID_BYTES_MAX: usize = 253;

/// Characters of a name.
const NAME_MAX: usize = 128;

/// Characters of a site, of its public name, and of a label's value.
const TEXT_MAX: usize = 64;

/// Labels of an antenna.
const LABELS_MAX: usize = 16;

/// Intervals of 30 s of [`Description::raise_after`] and [`Description::clear_after`]: half a day.
const INTERVALS_MAX: i64 = 1_440;

/// What a parent begins with that is the uplink of a site.
const SITE: &str = "site:";

/// A value with its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> Placed<T> {
    pub(super) const fn fault(&self, why: String) -> Fault {
        Fault { place: Some(self.place), why }
    }

    pub(super) fn checked<U>(&self, check: impl FnOnce(&T) -> Result<U, String>) -> Result<U, Fault> {
        check(&self.value).map_err(|why| self.fault(why))
    }
}

/// Where an antenna stands, in degrees of WGS 84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// From -90 to 90, northwards.
    pub latitude: f64,
    /// From -180 to 180, eastwards.
    pub longitude: f64,
}

/// An entry as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: Placed<String>,
    pub(super) name: Option<Placed<String>>,
    pub(super) site: Option<Placed<String>>,
    pub(super) public: Option<Placed<String>>,
    /// By key.
    pub(super) labels: Vec<(Placed<String>, Placed<String>)>,
    pub(super) latitude: Option<Placed<f64>>,
    pub(super) longitude: Option<Placed<f64>>,
    pub(super) parent: Option<Placed<String>>,
    pub(super) uplink: Option<Placed<bool>>,
    pub(super) interval: Option<Placed<String>>,
    pub(super) degraded_success_rate: Option<Placed<f64>>,
    pub(super) degraded_latency: Option<Placed<String>>,
    pub(super) raise_after: Option<Placed<i64>>,
    pub(super) clear_after: Option<Placed<i64>>,
    pub(super) muted: Option<Placed<bool>>,
}

/// Behind whom an antenna is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parent {
    /// Nobody, whatever globs say.
    Nobody,
    /// An antenna.
    Antenna(Arc<str>),
    /// The uplink of a site.
    Uplink(Arc<str>),
}

/// What entries say that are right in themselves. An empty text takes away what an earlier entry says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fields {
    pub(super) name: Option<Arc<str>>,
    pub(super) site: Option<Arc<str>>,
    pub(super) public: Option<Arc<str>>,
    labels: BTreeMap<Arc<str>, Arc<str>>,
    position: Option<Position>,
    pub(super) parent: Option<Placed<Parent>>,
    /// Whether the parent is named by the entry of a glob.
    is_parent_of_glob: bool,
    /// Where it is said to be the uplink of its site.
    pub(super) uplink: Option<Placed<()>>,
    interval: Option<Duration>,
    degraded_success_rate: Option<f64>,
    degraded_latency: Option<Duration>,
    raise_after: Option<u32>,
    clear_after: Option<u32>,
    muted: Option<bool>,
}

impl Entry {
    /// Whether it is for all antennas that match a glob. An id that holds one of these characters is written as a glob: `[*]`.
    pub(super) fn is_glob(&self) -> bool {
        Glob::is_meant(&self.id.value)
    }

    /// What it says, if that is right in itself.
    pub(super) fn check(&self) -> Result<Fields, Fault> {
        self.id.checked(|id| match id.len() {
            0 => Err("an id is needed".to_owned()),
            1..=ID_BYTES_MAX => harmless(id),
            _ => Err(format!("an id has at most {ID_BYTES_MAX} bytes")),
        })?;
        let text = |field: &Option<Placed<String>>, max: usize| {
            let checked = field.as_ref().map(|field| field.checked(|text| within(text, max)));
            checked.transpose()
        };
        let uplink = self.uplink.filter(|uplink| uplink.value);
        if let Some(uplink) = uplink
            && self.is_glob()
        {
            return Err(uplink.fault("only one antenna is the uplink of a site, and this is a glob".to_owned()));
        }
        Ok(Fields {
            name: text(&self.name, NAME_MAX)?,
            site: text(&self.site, TEXT_MAX)?,
            public: self.public()?,
            labels: self.labels()?,
            position: self.position()?,
            parent: self.parent()?,
            is_parent_of_glob: self.is_glob(),
            uplink: uplink.map(|Placed { place, .. }| Placed { value: (), place }),
            interval: duration(self.interval.as_ref())?,
            degraded_success_rate: number(self.degraded_success_rate, 0.0, 1.0)?,
            degraded_latency: duration(self.degraded_latency.as_ref())?,
            raise_after: intervals(self.raise_after)?,
            clear_after: intervals(self.clear_after)?,
            muted: self.muted.map(|muted| muted.value),
        })
    }

    fn public(&self) -> Result<Option<Arc<str>>, Fault> {
        let checked = self.public.as_ref().map(|public| {
            public.checked(|text| match text.trim() == text {
                true => within(text, TEXT_MAX),
                false => Err("no space may stand at its beginning or its end".to_owned()),
            })
        });
        checked.transpose()
    }

    fn labels(&self) -> Result<BTreeMap<Arc<str>, Arc<str>>, Fault> {
        let mut labels = BTreeMap::new();
        for (key, value) in &self.labels {
            key.checked(|key| label_key(key))?;
            let text = value.checked(|text| within(text, TEXT_MAX))?;
            if labels.insert(Arc::from(key.value.as_str()), text).is_some() {
                return Err(key.fault(format!("the label {:?} is given twice", key.value)));
            }
            if labels.len() > LABELS_MAX {
                return Err(key.fault(format!("an antenna has at most {LABELS_MAX} labels")));
            }
        }
        Ok(labels)
    }

    fn position(&self) -> Result<Option<Position>, Fault> {
        let (latitude, longitude) = (number(self.latitude, -90.0, 90.0)?, number(self.longitude, -180.0, 180.0)?);
        match (latitude, longitude) {
            (Some(latitude), Some(longitude)) => Ok(Some(Position { latitude, longitude })),
            (None, None) => Ok(None),
            _ => {
                let given = self.latitude.or(self.longitude);
                let why = "latitude and longitude are needed both, or neither".to_owned();
                Err(given.map_or_else(|| Fault::of_file(why.clone()), |given| given.fault(why.clone())))
            }
        }
    }

    fn parent(&self) -> Result<Option<Placed<Parent>>, Fault> {
        let Some(parent) = &self.parent else { return Ok(None) };
        let text = parent.value.as_str();
        parent.checked(|text| {
            if text.len() > ID_BYTES_MAX {
                Err(format!("an id has at most {ID_BYTES_MAX} bytes"))
            } else {
                harmless(text)
            }
        })?;
        let value = match text.strip_prefix(SITE) {
            Some(site) => Parent::Uplink(site.into()),
            None if text.is_empty() => Parent::Nobody,
            None => Parent::Antenna(text.into()),
        };
        Ok(Some(Placed { value, place: parent.place }))
    }
}

impl Fields {
    /// These, with what a later entry says in their place.
    pub(super) fn with(mut self, later: &Self) -> Self {
        self.labels.extend(later.labels.iter().map(|(key, value)| (Arc::clone(key), Arc::clone(value))));
        let is_parent_of_glob = if later.parent.is_some() { later.is_parent_of_glob } else { self.is_parent_of_glob };
        Self {
            name: later.name.clone().or(self.name),
            site: later.site.clone().or(self.site),
            public: later.public.clone().or(self.public),
            labels: self.labels,
            position: later.position.or(self.position),
            parent: later.parent.clone().or(self.parent),
            is_parent_of_glob,
            uplink: later.uplink.or(self.uplink),
            interval: later.interval.or(self.interval),
            degraded_success_rate: later.degraded_success_rate.or(self.degraded_success_rate),
            degraded_latency: later.degraded_latency.or(self.degraded_latency),
            raise_after: later.raise_after.or(self.raise_after),
            clear_after: later.clear_after.or(self.clear_after),
            muted: later.muted.or(self.muted),
        }
    }

    /// The id of the parent of an antenna of which this is said. A glob that puts antennas behind one that it matches itself does
    /// not mean that one: all of a site are behind its uplink, but for the uplink.
    pub(super) fn parent_of(&self, id: &str, uplinks: &BTreeMap<Arc<str>, Arc<str>>) -> Option<Arc<str>> {
        let parent = match &self.parent.as_ref()?.value {
            Parent::Nobody => return None,
            Parent::Antenna(parent) => Arc::clone(parent),
            Parent::Uplink(site) => Arc::clone(uplinks.get(site)?),
        };
        (&*parent != id || !self.is_parent_of_glob).then_some(parent)
    }

    /// What is known of an antenna of which this is said.
    pub(super) fn describe(self, id: &str, uplinks: &BTreeMap<Arc<str>, Arc<str>>) -> Description {
        let parent = self.parent_of(id, uplinks);
        let known = |text: Option<Arc<str>>| text.filter(|text| !text.is_empty());
        let labels = self.labels.into_iter().filter(|(_, value)| !value.is_empty());
        Description {
            name: known(self.name),
            site: known(self.site),
            public: known(self.public),
            labels: labels.collect(),
            position: self.position,
            parent,
            interval: self.interval,
            degraded_success_rate: self.degraded_success_rate,
            degraded_latency: self.degraded_latency,
            raise_after: self.raise_after,
            clear_after: self.clear_after,
            muted: self.muted.unwrap_or(false),
        }
    }
}

/// Refuses what cannot be the key of a label.
pub(crate) fn label_key(key: &str) -> Result<(), String> {
    let is_allowed = |(at, it): (usize, char)| it == '_' || it.is_ascii_alphabetic() || (at > 0 && it.is_ascii_digit());
    let is_name = !key.is_empty() && key.len() <= TEXT_MAX && key.chars().enumerate().all(is_allowed);
    let why = || {
        format!(
            "the key of a label has letters, digits and _, does not begin with a digit, and at most {TEXT_MAX} of them"
        )
    };
    is_name.then_some(()).ok_or_else(why)
}

fn within(text: &str, max: usize) -> Result<Arc<str>, String> {
    if text.chars().count() > max {
        return Err(format!("at most {max} characters are allowed"));
    }
    harmless(text).map(|()| Arc::from(text))
}

/// Refuses characters that are not seen, and change how the text around them is.
pub(crate) fn harmless(text: &str) -> Result<(), String> {
    let is_hostile = |it: &char| {
        it.is_control()
            || matches!(it, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    match text.chars().find(is_hostile) {
        Some(hostile) => Err(format!("the character {} is not allowed", hostile.escape_unicode())),
        None => Ok(()),
    }
}

fn duration(field: Option<&Placed<String>>) -> Result<Option<Duration>, Fault> {
    field.map(|field| field.checked(|text| parse_duration(text))).transpose()
}

fn number(field: Option<Placed<f64>>, min: f64, max: f64) -> Result<Option<f64>, Fault> {
    let checked = field.map(|field| {
        field.checked(|number| {
            (min..=max)
                .contains(number)
                .then_some(*number)
                .ok_or_else(|| format!("a number from {min} to {max} is needed"))
        })
    });
    checked.transpose()
}

fn intervals(field: Option<Placed<i64>>) -> Result<Option<u32>, Fault> {
    let checked = field.map(|field| {
        field.checked(|number| {
            let within = Some(*number).filter(|number| (1..=INTERVALS_MAX).contains(number));
            within
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| format!("a number of intervals from 1 to {INTERVALS_MAX} is needed"))
        })
    });
    checked.transpose()
}
