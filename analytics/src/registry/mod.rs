//! What antennas are, beyond what they report: their names, sites and labels, where they stand, behind which other one they
//! are reached, and what is expected of each.
//!
//! - [`fields`]: what an entry says, and within which bounds.
//! - `from_toml`, `from_csv`: the entries of a file, each with its place in it.
//! - `upstream`: who is behind an antenna that is down.
//!
//! An entry is for an antenna's exact id or for all ids that match a glob. What the entry of the exact id says counts before what
//! globs say, and of several globs that match, the later one in the file, each field by itself and labels each by its key:
//! whoever begins a file with what most antennas share and ends it with exceptions gets what is meant.

mod fields;
mod from_csv;
mod from_toml;
pub(crate) mod upstream;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use shared::glob::Glob;
use tracing::info;

pub use self::fields::Position;
use self::fields::{Entry, Fields, Parent};
pub(crate) use self::fields::{harmless, label_key};
use crate::fault::{Fault, Place};
use crate::kept::{Content, Kept};

/// A file holds no more bytes than this.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file holds no more entries than this.
pub const ENTRIES_MAX: usize = 100_000;

/// Of its entries, no more than this are globs: each antenna is compared with all of them.
pub const GLOBS_MAX: usize = 256;

/// No more sites than this: each has a row in metrics.
pub const SITES_MAX: usize = 1_000;

/// No more of them are on the public status page, which is one page.
pub const PUBLIC_MAX: usize = 100;

/// What globs say is remembered of no more antennas.
const REMEMBERED_MAX: usize = 100_000;

/// What is known of an antenna.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// The site that it is at.
    pub site: Option<Arc<str>>,
    /// The name of the site on the public status page; it is not there without one.
    pub public: Option<Arc<str>>,
    /// What else is said of it, by key.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Where it stands.
    pub position: Option<Position>,
    /// The id of the antenna behind which it is reached. It is in the registry by its exact id.
    pub parent: Option<Arc<str>>,
    /// How often it is to report, in place of its usual interval where silence is told.
    pub interval: Option<Duration>,
    /// It is degraded below this success rate, in place of the setting.
    pub degraded_success_rate: Option<f64>,
    /// It is degraded above this mean latency, in place of the setting.
    pub degraded_latency: Option<Duration>,
    /// An incident begins with so many bad intervals in a row.
    pub raise_after: Option<u32>,
    /// An incident ends with so many good intervals in a row.
    pub clear_after: Option<u32>,
    /// Nobody is to be alerted of it.
    pub muted: bool,
}

/// What a file says of all antennas. Immutable, and shared.
#[derive(Debug)]
pub struct Registry {
    version: u64,
    antennas: HashMap<Arc<str>, Arc<Description>>,
    /// In the order of the file.
    globs: Vec<(Glob, Fields)>,
    /// The uplinks of sites.
    uplinks: BTreeMap<Arc<str>, Arc<str>>,
    sites: BTreeSet<Arc<str>>,
    public: BTreeSet<Arc<str>>,
    nothing: Arc<Description>,
    /// What globs say of antennas that were asked about, by id: all of them are tried, one after another.
    remembered: Mutex<HashMap<Arc<str>, Arc<Description>>>,
}

/// The registry of a file that is read again when it changes.
pub type KeptRegistry = Kept<Registry>;

impl Content for Registry {
    const SETTING: &'static str = "ANTENNAS_FILE";
    const BYTES_MAX: u64 = FILE_BYTES_MAX;

    fn read(path: &Path, bytes: &[u8]) -> Result<Self, Fault> {
        Self::read(bytes, Notation::of(path))
    }

    fn log(&self, path: &Path) {
        let (antennas, globs) = (self.antennas.len(), self.globs.len());
        info!(file = %path.display(), antennas, globs, "what antennas are has changed");
    }
}

/// How the entries of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// A table `[[antenna]]` for each.
    Toml,
    /// A row for each.
    Csv,
}

impl Notation {
    /// That of a file whose name ends in `.csv` is CSV; any other one is TOML.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::Toml }
    }
}

impl Default for Registry {
    /// Nothing is known of any antenna.
    fn default() -> Self {
        Self::of_entries(Vec::new()).expect("nothing is wrong with no entries")
    }
}

impl Registry {
    /// Reads a file, all of it or nothing.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn read(bytes: &[u8], notation: Notation) -> Result<Self, Fault> {
        let text = Fault::or_text(bytes, FILE_BYTES_MAX)?;
        Self::of_entries(match notation {
            Notation::Toml => from_toml::entries(text)?,
            Notation::Csv => from_csv::entries(text)?,
        })
    }

    fn of_entries(entries: Vec<Entry>) -> Result<Self, Fault> {
        if let Some(entry) = entries.get(ENTRIES_MAX) {
            return Err(entry.id.fault(format!("there are more than {ENTRIES_MAX} entries")));
        }
        let mut exact: Vec<(Arc<str>, Place, Fields)> = Vec::new();
        let mut globs: Vec<(Glob, Fields)> = Vec::new();
        let mut places: HashMap<Arc<str>, Place> = HashMap::new();
        let mut uplinks: BTreeMap<Arc<str>, (Arc<str>, Place)> = BTreeMap::new();
        let (mut sites, mut public) = (BTreeSet::new(), BTreeSet::new());
        for entry in entries {
            let fields = entry.check()?;
            if let Some(site) = fields.site.clone().filter(|site| !site.is_empty())
                && sites.insert(site)
                && sites.len() > SITES_MAX
            {
                return Err(entry.id.fault(format!("there are more than {SITES_MAX} sites")));
            }
            if let Some(name) = fields.public.clone().filter(|name| !name.is_empty())
                && public.insert(name)
                && public.len() > PUBLIC_MAX
            {
                return Err(entry.id.fault(format!("there are more than {PUBLIC_MAX} public names")));
            }
            if entry.is_glob() {
                if globs.len() == GLOBS_MAX {
                    return Err(entry.id.fault(format!("there are more than {GLOBS_MAX} globs")));
                }
                globs.push((entry.id.checked(|id| Glob::new(id))?, fields));
                continue;
            }
            let id: Arc<str> = entry.id.value.as_str().into();
            if let Some(first) = places.insert(Arc::clone(&id), entry.id.place) {
                return Err(entry.id.fault(format!("{id:?} has an entry already, at {first}")));
            }
            exact.push((id, entry.id.place, fields));
        }
        let merged: Vec<(Arc<str>, Place, Fields)> = exact
            .into_iter()
            .map(|(id, place, own)| {
                let fields = merged(&globs, &id).with(&own);
                (id, place, fields)
            })
            .collect();
        for (id, place, fields) in &merged {
            let Some(at) = fields.uplink else { continue };
            let Some(site) = fields.site.as_ref().filter(|site| !site.is_empty()) else {
                return Err(at.fault(format!("{id:?} is the uplink of a site, and at none")));
            };
            if let Some((other, _)) = uplinks.insert(Arc::clone(site), (Arc::clone(id), *place)) {
                return Err(at.fault(format!("the site {site:?} has {other:?} for its uplink already")));
            }
        }
        let uplinks: BTreeMap<Arc<str>, Arc<str>> = uplinks.into_iter().map(|(site, (id, _))| (site, id)).collect();
        check_globs(&globs, &places, &uplinks)?;
        check_parents(&merged, &places, &uplinks)?;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let antennas = merged.into_iter().map(|(id, _, fields)| {
            let description = fields.describe(&id, &uplinks);
            (id, Arc::new(description))
        });
        Ok(Self {
            version: NEXT.fetch_add(1, Ordering::Relaxed),
            antennas: antennas.collect(),
            globs,
            uplinks,
            sites,
            public,
            nothing: Arc::default(),
            remembered: Mutex::default(),
        })
    }

    /// No other registry of this process has it.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What is known of the antenna with an id. What globs say of it is remembered for whoever asks again.
    #[must_use]
    pub fn of(&self, id: &str) -> Arc<Description> {
        if let Some(known) = self.antennas.get(id) {
            return Arc::clone(known);
        }
        if self.globs.is_empty() {
            return Arc::clone(&self.nothing);
        }
        if let Some(known) = self.remembered.lock().get(id) {
            return Arc::clone(known);
        }
        let matching = self.globs.iter().any(|(glob, _)| glob.matches(id));
        let known = if matching {
            Arc::new(merged(&self.globs, id).describe(id, &self.uplinks))
        } else {
            Arc::clone(&self.nothing)
        };
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(id.into(), Arc::clone(&known));
        known
    }

    /// Those that are there by their exact ids, in no order.
    pub fn antennas(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Description>)> {
        self.antennas.iter()
    }

    /// Whether an antenna is there by its exact id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.antennas.contains_key(id)
    }

    /// Whether nothing is said of any antenna.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.antennas.is_empty() && self.globs.is_empty()
    }

    /// The globs, as they stand in the file.
    pub fn globs(&self) -> impl Iterator<Item = &str> {
        self.globs.iter().map(|(glob, _)| glob.as_str())
    }

    /// All sites that are named.
    #[must_use]
    pub const fn sites(&self) -> &BTreeSet<Arc<str>> {
        &self.sites
    }

    /// All public names of sites.
    #[must_use]
    pub const fn public(&self) -> &BTreeSet<Arc<str>> {
        &self.public
    }
}

/// What the globs that match an id say, later ones before earlier ones.
fn merged(globs: &[(Glob, Fields)], id: &str) -> Fields {
    let matching = globs.iter().filter(|(glob, _)| glob.matches(id));
    matching.fold(Fields::default(), |before, (_, fields)| before.with(fields))
}

/// Whether parents that globs name exist.
fn check_globs(
    globs: &[(Glob, Fields)],
    places: &HashMap<Arc<str>, Place>,
    uplinks: &BTreeMap<Arc<str>, Arc<str>>,
) -> Result<(), Fault> {
    globs.iter().try_for_each(|(_, fields)| exists(fields, places, uplinks))
}

fn exists(
    fields: &Fields,
    places: &HashMap<Arc<str>, Place>,
    uplinks: &BTreeMap<Arc<str>, Arc<str>>,
) -> Result<(), Fault> {
    let Some(parent) = &fields.parent else { return Ok(()) };
    match &parent.value {
        Parent::Antenna(id) if !places.contains_key(id) => {
            Err(parent.fault(format!("the parent {id:?} has no entry of its own with this id")))
        }
        Parent::Uplink(site) if !uplinks.contains_key(site) => {
            Err(parent.fault(format!("no antenna has uplink = true at the site {site:?}")))
        }
        _ => Ok(()),
    }
}

/// Whether all parents exist, and nobody is behind itself. Parents have entries of their own, so a circle can only be among
/// those that have one.
fn check_parents(
    merged: &[(Arc<str>, Place, Fields)],
    places: &HashMap<Arc<str>, Place>,
    uplinks: &BTreeMap<Arc<str>, Arc<str>>,
) -> Result<(), Fault> {
    let mut parents: HashMap<&str, Arc<str>> = HashMap::new();
    for (id, _, fields) in merged {
        exists(fields, places, uplinks)?;
        if let Some(parent) = fields.parent_of(id, uplinks) {
            parents.insert(id, parent);
        }
    }
    let mut well: BTreeSet<&str> = BTreeSet::new();
    for (id, _, fields) in merged {
        let mut path: Vec<&str> = Vec::new();
        let mut at: &str = id;
        while !well.contains(at) {
            if let Some(from) = path.iter().position(|it| *it == at) {
                let mut circle = path[from..].to_vec();
                circle.push(at);
                let parent = fields.parent.as_ref();
                let why = format!("parents go round in a circle: {}", shown(&circle));
                return Err(parent.map_or_else(|| Fault::of_file(why.clone()), |parent| parent.fault(why.clone())));
            }
            path.push(at);
            match parents.get(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        well.extend(path);
    }
    Ok(())
}

/// `"a" > "b" > "a"`, cut where it is long.
fn shown(circle: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut shown: Vec<String> = circle.iter().take(SHOWN).map(|id| format!("{id:?}")).collect();
    if circle.len() > SHOWN {
        shown.push("...".to_owned());
    }
    shown.join(" > ")
}

#[cfg(test)]
mod tests;
