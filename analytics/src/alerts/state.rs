//! What is committed of alerts: how far incidents were taken note of, who was told what, and what is to be sent.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::{Acknowledgement, AlertDelivery, AuditEntry, Maintenance, Mute, Note};

use super::antennas::About;
use super::incident::{Incident, Phase};
use super::matcher::Matcher;
use super::message::Notice;
use super::sites::WithSite;
use super::upstream::Unreachable;

/// The version of the format.
const FORMAT: u32 = 1;

/// All that alerts know. What is in it was decided, and what is decided is committed before anybody is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    format: u32,
    /// Incidents taken note of that have ended, since the stream's beginning, by stream.
    pub cursors: BTreeMap<String, u64>,
    /// Incidents that last, and those that somebody is still to be told of, by id.
    pub incidents: BTreeMap<String, Known>,
    /// The groups of incidents that are told together, by [`Group::name`].
    pub groups: BTreeMap<String, Group>,
    /// What became of deliveries, by receiver.
    pub tallies: BTreeMap<String, Tally>,
    /// The newest deliveries that are done, oldest first.
    pub done: VecDeque<AlertDelivery>,
    /// Since when rules of the network are beyond their limit, by name.
    pub rules: BTreeMap<String, UnixMillis>,
    /// When incidents of an antenna began and ended lately, by its id.
    pub changes: BTreeMap<String, Vec<UnixMillis>>,
    /// Of which antennas nobody is to be told, by id; also those that ended a short time ago.
    #[serde(default)]
    pub mutes: Mutes,
    /// The windows of maintenance that people said, by id; also those that ended a short time ago.
    #[serde(default)]
    pub planned: Planned,
    /// Which incidents somebody takes care of, by their id.
    #[serde(default)]
    pub acknowledgements: BTreeMap<String, Acknowledgement>,
    /// What everybody is told of sites, by id; also what ended a short time ago.
    #[serde(default)]
    pub notes: BTreeMap<String, Note>,
    /// Who did what, oldest first.
    #[serde(default)]
    pub audit: VecDeque<AuditEntry>,
    /// What nobody was told of, as there was too much at a time.
    pub dropped: u64,
}

/// Mutes by their id.
pub type Mutes = BTreeMap<String, Mute>;

/// Windows of maintenance by their id.
pub type Planned = BTreeMap<String, Maintenance>;

/// Of what people said that nobody is to be told.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Antennas that are muted.
    pub mutes: &'a Mutes,
    /// Antennas that are in maintenance at times.
    pub planned: &'a Planned,
}

/// An incident that is kept in mind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// As it is.
    pub incident: Incident,
    /// The stream that it is of; empty where it is of none.
    pub stream: String,
    /// The receivers that it goes to, each with the route.
    pub lanes: Vec<(String, String)>,
    /// Whether it has ended and groups have it, so that nothing more is to be done for it than to tell it.
    pub is_settled: bool,
    /// What the registry said of its antenna when it was taken note of, which stays so: whoever was told of its beginning is told of
    /// its end, in the same words. `None` until the next step.
    #[serde(default)]
    pub about: Option<About>,
    /// Since when it was seen to stand as it does; `None` where that was before this was kept.
    #[serde(default)]
    pub stands_since: Option<UnixMillis>,
    /// That its antenna is behind one that is down, or was when the incident ended.
    #[serde(default)]
    pub unreachable: Option<Unreachable>,
    /// That its antenna is told with its site, or was when the incident ended.
    #[serde(default)]
    pub with_site: Option<WithSite>,
}

/// Incidents that one receiver is told of together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The receiver.
    pub receiver: String,
    /// The route.
    pub route: String,
    /// What they have in common.
    pub common: BTreeMap<String, String>,
    /// The incidents by id, with what the receiver was told last.
    pub members: BTreeMap<String, Option<Told>>,
    /// Since when there is something to tell.
    pub changed: Option<UnixMillis>,
    /// When something was told last.
    pub told: Option<UnixMillis>,
    /// How often what lasts was told again.
    pub repeats: u64,
    /// What is being told. Nothing else is until it has been.
    pub notice: Option<Notice>,
}

/// What a receiver was told of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How it stood.
    pub phase: Phase,
    /// When.
    pub at: UnixMillis,
}

/// What became of the deliveries to a receiver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Those that it took.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Those that it refused.
    pub refused: u64,
    /// When it took one last.
    pub last_sent: Option<UnixMillis>,
}

impl Known {
    /// An incident that nobody has been told of, the stream that it is of, and when it was seen first.
    #[must_use]
    pub const fn new(incident: Incident, stream: String, now: UnixMillis) -> Self {
        let stands_since = Some(now);
        let (about, unreachable, with_site) = (None, None, None);
        Self { incident, stream, lanes: Vec::new(), is_settled: false, about, stands_since, unreachable, with_site }
    }

    /// Whether it lasts and is not told by itself, but counted with the antenna that is down in front of it.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        self.unreachable.is_some() && self.incident.end.is_none()
    }

    /// What receivers are told of its antenna.
    #[must_use]
    pub fn about(&self) -> &About {
        static NOTHING: About = About { name: None, site: None, labels: BTreeMap::new() };
        self.about.as_ref().unwrap_or(&NOTHING)
    }

    /// Whether a route is for it.
    #[must_use]
    pub fn is_for(&self, matcher: &Matcher) -> bool {
        matcher.matches(&self.incident, self.about())
    }
}

impl Group {
    /// A group without incidents.
    #[must_use]
    pub const fn new(receiver: String, route: String, common: BTreeMap<String, String>) -> Self {
        Self { receiver, route, common, members: BTreeMap::new(), changed: None, told: None, repeats: 0, notice: None }
    }

    /// Its name: no other group has it.
    #[must_use]
    pub fn name(receiver: &str, route: &str, common: &BTreeMap<String, String>) -> String {
        // As JSON, no value can look like two.
        serde_json::json!([receiver, route, common]).to_string()
    }
}

impl Default for State {
    fn default() -> Self {
        let (cursors, incidents, groups, tallies, done, rules, changes) = Default::default();
        let (mutes, planned, acknowledgements, audit) = Default::default();
        let notes = BTreeMap::new();
        Self {
            format: FORMAT,
            cursors,
            incidents,
            groups,
            tallies,
            done,
            rules,
            changes,
            mutes,
            planned,
            acknowledgements,
            notes,
            audit,
            dropped: 0,
        }
    }
}

impl State {
    /// Of what people said that nobody is to be told.
    #[must_use]
    pub const fn said(&self) -> Said<'_> {
        Said { mutes: &self.mutes, planned: &self.planned }
    }

    /// As it is committed.
    ///
    /// # Errors
    /// Never in practice.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let state: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if state.format == FORMAT { Ok(state) } else { Err(format!("it has format {}", state.format)) }
    }
}
