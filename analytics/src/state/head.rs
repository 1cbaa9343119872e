//! What a process tells others of a partition that it owns: all of a snapshot but the tables of its panes, or what of it is another
//! one than in an older snapshot. And those tables, as they are asked for.
//!
//! | field | value |
//! | --- | --- |
//! | `head` | [`Head`] as JSON |
//! | others | as they are committed |

use std::collections::BTreeMap;
use std::sync::Arc;

use polars::prelude::*;
use serde::{Deserialize, Serialize};
use shared::UnixMillis;

use super::{
    ANTENNAS_PREFIX, INCIDENTS_PREFIX, Restored, StateError, archived_fields, damaged, decode_frame, encode_antennas,
    encode_frame, encode_incidents,
};
use crate::ingest::log::StateField;
use crate::store::antennas::Antennas;
use crate::store::archived::Archived;
use crate::store::away::{AwayPanes, Listed, Source, Stamp, Told};
use crate::store::incidents::{Finished, Incidents};
use crate::store::{EventClock, Former, Snapshot, next_revision};

/// The name of the field that holds [`Head`].
const HEAD: &str = "head";

/// What is told beside the tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The snapshot.
    pub version: u64,
    /// The older snapshot that this is to be added to; `None` where it is whole.
    pub since: Option<u64>,
    /// When the newest readings were merged.
    as_of: Option<UnixMillis>,
    pane_ms: i64,
    retention_ms: i64,
    horizon_ms: i64,
    newest_ms: i64,
    watermark_ms: i64,
    row_ms: Option<i64>,
    /// See [`Snapshot::revision`]; of the process that tells.
    revision: u64,
    /// See [`Antennas::names`]; of the process that tells.
    names: u64,
    /// Panes and tiles that are new or have changed.
    panes: Vec<Listed>,
    /// Panes and tiles that are gone.
    gone: Vec<(usize, i64)>,
    /// Incidents that are gone, in chunks before this one.
    incidents_from: u64,
    /// Whether what is in files is told too, as it has changed.
    is_archive_told: bool,
}

/// The fields that tell of a snapshot to who knows an older one, or none.
///
/// # Errors
/// When a table cannot be written as Arrow IPC.
pub fn encode_head(now: &Snapshot, before: Option<&Snapshot>) -> PolarsResult<Vec<StateField>> {
    let known: BTreeMap<(usize, i64), Stamp> = before.map(listed).unwrap_or_default();
    let all = listed(now);
    let panes =
        now.panes_and_tiles().filter(|(level, pane)| known.get(&(*level, pane.start_ms)) != Some(&pane.stamp()));
    let (incidents, gone) = now.incidents.changes_since(before.map(|it| it.incidents.mark()).unwrap_or_default());
    let is_archive_told = before.is_none_or(|before| before.archived != now.archived || before.former != now.former);
    let head = Head {
        version: now.version,
        since: before.map(|before| before.version),
        as_of: now.as_of,
        pane_ms: now.grid.width_ms,
        retention_ms: now.retention_ms,
        horizon_ms: now.horizon_ms,
        newest_ms: now.clock.newest_ms,
        watermark_ms: now.clock.watermark_ms,
        row_ms: now.row_ms,
        revision: now.revision,
        names: now.antennas.names(),
        panes: panes.map(|(level, pane)| (level, pane.start_ms, pane.stamp(), pane.revised)).collect(),
        gone: known.into_keys().filter(|place| !all.contains_key(place)).collect(),
        incidents_from: gone.end,
        is_archive_told,
    };
    let head = serde_json::to_vec(&head).map_err(|error| polars_err!(ComputeError: "{error}"))?;
    let mut fields = vec![(HEAD.to_owned(), head)];
    let nobody = Antennas::default();
    for chunk in now.antennas.changed_since(before.map_or(&nobody, |before| &before.antennas)) {
        fields.push((format!("{ANTENNAS_PREFIX}{chunk}"), encode_antennas(now.antennas.chunk(chunk))?));
    }
    for chunk in incidents {
        fields.push((format!("{INCIDENTS_PREFIX}{chunk}"), encode_incidents(now.incidents.chunk(chunk))?));
    }
    if is_archive_told {
        fields.extend(archived_fields(&now.archived, None)?);
        for (number, archived) in now.former.iter() {
            fields.extend(archived_fields(archived, Some(*number))?);
        }
    }
    Ok(fields)
}

/// All panes and tiles by level and start, with their stamps.
fn listed(snapshot: &Snapshot) -> BTreeMap<(usize, i64), Stamp> {
    snapshot.panes_and_tiles().map(|(level, pane)| ((level, pane.start_ms), pane.stamp())).collect()
}

/// What a process knows of a partition that another one owns.
#[derive(Debug)]
pub struct Mirror {
    source: Arc<dyn Source>,
    head: Option<Head>,
    antennas: Antennas,
    incidents: BTreeMap<u32, Vec<Finished>>,
    archived: Archived,
    former: Arc<Former>,
    panes: AwayPanes,
    /// [`Snapshot::revision`] in this process.
    revision: u64,
}

impl Mirror {
    /// Nothing is known yet; tables will be fetched from the source.
    #[must_use]
    pub fn new(source: Arc<dyn Source>) -> Self {
        let (antennas, incidents, archived, former, panes) = Default::default();
        Self { source, head: None, antennas, incidents, archived, former, panes, revision: 0 }
    }

    /// The snapshot that is known, by the number that its process gave it.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.head.as_ref().map(|head| head.version)
    }

    /// Takes what the other process told, and becomes the snapshot of it.
    ///
    /// # Errors
    /// [`StateError::Damaged`].
    pub fn take(&mut self, fields: &[StateField]) -> Result<Snapshot, StateError> {
        let missing = || damaged(HEAD, &"it is missing");
        let (_, head) = fields.iter().find(|(name, _)| name == HEAD).ok_or_else(missing)?;
        let head: Head = serde_json::from_slice(head).map_err(|error| damaged(HEAD, &error))?;
        if head.since.is_some() && head.since != self.version() {
            return Err(damaged(HEAD, &"it is to be added to another snapshot"));
        }
        if head.since.is_none() {
            *self = Self::new(Arc::clone(&self.source));
        }
        let mut told = Restored::default();
        told.take(fields)?;
        let before = self.head.as_ref();
        let is_renamed = before.is_none_or(|before| before.names != head.names);
        if before.is_none_or(|before| before.revision != head.revision) {
            self.revision = next_revision();
        }
        self.antennas = std::mem::take(&mut self.antennas).with_chunks(told.chunks, is_renamed);
        self.incidents.retain(|chunk, _| u64::from(*chunk) >= head.incidents_from);
        self.incidents.extend(told.incidents);
        if head.is_archive_told {
            self.archived = told.files.into_archived();
            let former = told.former.into_iter().map(|(number, files)| (number, files.into_archived()));
            self.former = Arc::new(former.collect());
        }
        self.panes.update(&head.panes, &head.gone, &self.source);
        let incidents = Incidents::from_chunks(self.incidents.clone())
            .map_err(|(chunk, why)| damaged(&format!("{INCIDENTS_PREFIX}{chunk}"), &why))?;
        let told = Told {
            as_of: head.as_of,
            pane_ms: head.pane_ms,
            retention_ms: head.retention_ms,
            horizon_ms: head.horizon_ms,
            clock: EventClock { newest_ms: head.newest_ms, watermark_ms: head.watermark_ms },
            antennas: self.antennas.clone(),
            incidents,
            archived: self.archived.clone(),
            former: Arc::clone(&self.former),
            row_ms: head.row_ms,
        };
        self.head = Some(head);
        Ok(Snapshot::away(told, &self.panes, self.revision, &self.source))
    }
}

/// Tables as fields.
///
/// # Errors
/// When a table cannot be written as Arrow IPC.
pub fn encode_tables(tables: Vec<DataFrame>) -> PolarsResult<Vec<StateField>> {
    let fields = (0..).zip(tables).map(|(number, mut table)| Ok((format!("{number}"), encode_frame(&mut table)?)));
    fields.collect()
}

/// Reads them back, in their order.
///
/// # Errors
/// When one is damaged.
pub fn decode_tables(fields: &[StateField]) -> PolarsResult<Vec<DataFrame>> {
    fields.iter().map(|(_, table)| decode_frame(table)).collect()
}

/// Fields one after the other: the length of the name as four bytes and that of the value as eight, lowest first, then both.
#[must_use]
pub fn join_fields(fields: &[StateField]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|(name, value)| 12 + name.len() + value.len()).sum());
    for (name, value) in fields {
        bytes.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(value);
    }
    bytes
}

/// Takes them apart.
///
/// # Errors
/// [`StateError::Damaged`] where they end early, or a name is no text.
pub fn split_fields(mut bytes: &[u8]) -> Result<Vec<StateField>, StateError> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (field, rest) = split_field(bytes).ok_or_else(|| damaged(HEAD, &"the fields end early"))?;
        fields.push(field);
        bytes = rest;
    }
    Ok(fields)
}

fn split_field(bytes: &[u8]) -> Option<(StateField, &[u8])> {
    let (name, bytes) = bytes.split_first_chunk::<4>()?;
    let (value, bytes) = bytes.split_first_chunk::<8>()?;
    let (name, bytes) = bytes.split_at_checked(usize::try_from(u32::from_le_bytes(*name)).ok()?)?;
    let (value, bytes) = bytes.split_at_checked(usize::try_from(u64::from_le_bytes(*value)).ok()?)?;
    Some(((String::from_utf8(name.to_vec()).ok()?, value.to_vec()), bytes))
}
