//! `notes`: what operators tell everybody of a site.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path;
use super::quiet::until;
use super::request::{Request, request};
use crate::time::UnixMillis;

request! {
    /// `GET /api/v1/notes`.
    pub struct NotesRequest {}
}

impl Request for NotesRequest {
    const PATH: &'static str = path::NOTES;
    const MEANING: &'static str = "What operators tell everybody of sites, newest first.";
    type Answer = NotePage;
}

request! {
    /// `DELETE /api/v1/notes`.
    pub struct UnnoteRequest {
        /// The id of the note.
        pub id: String,
        /// Who does so.
        pub by: String,
    }
}

/// `POST /api/v1/notes`: what everybody is to be told of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// The public name of the site.
    pub site: String,
    /// What there is to say.
    pub text: String,
    /// Until when it stands beside the site, a year from now at most.
    #[serde(deserialize_with = "until")]
    pub until: UnixMillis,
    /// Who does so, which is not told to everybody.
    pub by: String,
}

/// A public note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// Its id, which follows from what is said in it.
    pub id: String,
    /// The public name of the site.
    pub site: String,
    /// What there is to say.
    pub text: String,
    /// Since when.
    pub at: UnixMillis,
    /// Until when it stands beside the site.
    pub until: UnixMillis,
    /// Who did so.
    pub by: String,
}

/// `GET /api/v1/notes`: the newest in front, also those that ended within 90 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotePage {
    /// The notes.
    pub notes: Vec<Note>,
    /// When this was known; `null` where nothing is.
    pub as_of: Option<UnixMillis>,
}
