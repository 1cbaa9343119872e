//! `mutes`, `acknowledgements`, `audit`: of what nobody is to be told, who takes care of what, and who said so.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{Maintenance, path};
use crate::spelled::spelled;
use crate::time::UnixMillis;

/// Entries of the audit list if no limit is given.
pub const DEFAULT_AUDIT: usize = 50;

/// The most entries of the audit list: as many as are kept.
pub const MAX_AUDIT: usize = 500;

request! {
    /// `GET /api/v1/mutes`.
    pub struct MutesRequest {}
}

impl Request for MutesRequest {
    const PATH: &'static str = path::MUTES;
    const MEANING: &'static str = "Of which antennas nobody is told, until when, and why.";
    type Answer = MutePage;
}

request! {
    /// `GET /api/v1/acknowledgements`.
    pub struct AcknowledgementsRequest {}
}

impl Request for AcknowledgementsRequest {
    const PATH: &'static str = path::ACKNOWLEDGEMENTS;
    const MEANING: &'static str = "Which incidents somebody takes care of.";
    type Answer = AcknowledgementPage;
}

request! {
    /// `GET /api/v1/audit`.
    pub struct AuditRequest {
        /// The most entries to return.
        pub limit: Count<DEFAULT_AUDIT, MAX_AUDIT>,
    }
}

impl Request for AuditRequest {
    const PATH: &'static str = path::AUDIT;
    const MEANING: &'static str = "Who muted and acknowledged what, or planned maintenance, and when, newest first.";
    type Answer = AuditPage;
}

request! {
    /// `DELETE /api/v1/mutes`.
    pub struct UnmuteRequest {
        /// The id of the mute.
        pub id: String,
        /// Who does so.
        pub by: String,
    }
}

request! {
    /// `DELETE /api/v1/acknowledgements`.
    pub struct UnacknowledgeRequest {
        /// The id of the incident.
        pub incident: String,
        /// Who does so.
        pub by: String,
    }
}

/// `POST /api/v1/mutes`: of which antennas nobody is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMute {
    /// An antenna's id, or a pattern of ids, in which `*` stands for any characters and `?` for one; names of rules of the network too.
    pub antennas: String,
    /// Until when, a year from now at most.
    #[serde(deserialize_with = "until")]
    pub until: UnixMillis,
    /// Why.
    pub reason: String,
    /// Who does so.
    pub by: String,
}

/// A time, which is named where it is none.
pub(super) fn until<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMillis, D::Error> {
    let why = || D::Error::custom("until: a time like 2026-12-01T22:00:00Z is needed");
    UnixMillis::deserialize(deserializer).map_err(|_| why())
}

/// `POST /api/v1/acknowledgements`: which incident somebody takes care of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAcknowledgement {
    /// The id of an incident that lasts, as receivers are told it.
    pub incident: String,
    /// What there is to say.
    pub note: String,
    /// Who does so.
    pub by: String,
}

/// A mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mute {
    /// Its id, which follows from what is said in it.
    pub id: String,
    /// An antenna's id, or a pattern of ids.
    pub antennas: String,
    /// Since when.
    pub at: UnixMillis,
    /// Until when.
    pub until: UnixMillis,
    /// Why.
    pub reason: String,
    /// Who did so.
    pub by: String,
}

/// `GET /api/v1/mutes`: the mutes that hold, the one that ends first in front.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MutePage {
    /// The mutes.
    pub mutes: Vec<Mute>,
    /// When this was known; `null` where nothing is.
    pub as_of: Option<UnixMillis>,
}

/// That somebody takes care of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledgement {
    /// The id of the incident.
    pub incident: String,
    /// The antenna's id, or the name of a rule of the network.
    pub antenna_id: String,
    /// Since when.
    pub at: UnixMillis,
    /// What there is to say.
    pub note: String,
    /// Who did so.
    pub by: String,
    /// Whether the incident lasts.
    pub open: bool,
}

/// `GET /api/v1/acknowledgements`: the newest in front.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcknowledgementPage {
    /// The acknowledgements, also of incidents that are over, as long as there is room for them.
    pub acknowledgements: Vec<Acknowledgement>,
    /// When this was known; `null` where nothing is.
    pub as_of: Option<UnixMillis>,
}

spelled! {
    /// What somebody did.
    pub enum AuditAction {
        /// Muted antennas.
        Mute = "mute",
        /// Took a mute back.
        Unmute = "unmute",
        /// Acknowledged an incident.
        Acknowledge = "acknowledge",
        /// Took an acknowledgement back.
        Unacknowledge = "unacknowledge",
        /// Told everybody something of a site.
        Note = "note",
        /// Took that back.
        Unnote = "unnote",
        /// Planned a window of maintenance.
        Schedule = "schedule",
        /// Took a window of maintenance back.
        Cancel = "cancel",
    }
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub by: String,
    /// What.
    pub action: AuditAction,
    /// Of what: the antennas of a mute or of maintenance, the id of an incident, or the public name of a site.
    pub subject: String,
    /// The reason of the mute or of the maintenance, the note of the acknowledgement, or the public note.
    pub text: String,
    /// Until when, of a mute, a public note, or maintenance that is once.
    pub until: Option<UnixMillis>,
    /// The window, of maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
}

/// `GET /api/v1/audit`: the newest in front.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// How many entries are kept.
    pub total: u64,
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// When this was known; `null` where nothing is.
    pub as_of: Option<UnixMillis>,
}
