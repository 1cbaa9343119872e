//! The committed state: named fields of bytes, and the store that they stand for.
//!
//! | field | value |
//! | --- | --- |
//! | `epoch`, `commit` | kept by the log itself |
//! | `meta` | [`Meta`] as JSON |
//! | `pane:<start>` | a pane, see [`encode_pane`] |
//! | `antennas:<chunk>` | a chunk of antennas, see [`encode_antennas`] |
//! | `incidents:<chunk>` | a chunk of incidents that have ended, see [`encode_incidents`] |
//! | `archived:<start>` | a [`Span`] that is in files, as JSON |
//! | `incidents_archived:<chunk>` | an [`IncidentFile`], as JSON |
//! | `discarded:<number>` | [`Discarded`] files, as JSON |
//! | `import:<id>` | how far an [`Import`] is, as JSON |
//! | `courses` | the antennas that are in files, see [`encode_courses`] |
//! | `archived:<start>:<number>`, `incidents_archived:<chunk>:<number>`, `courses:<number>` | the same of a partition of before, by its number |
//! | `repartition` | a [`Marker`], as JSON |
//! | `next:<field>` | a field that `analytics repartition` is about to write |
//!
//! Tables are Arrow IPC streams, compressed with LZ4, with a checksum behind each.

mod antennas;
mod courses;
pub mod head;
mod incidents;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::panic::catch_unwind;

use polars::io::ipc::{IpcCompression, IpcStreamReader, IpcStreamWriter};
use polars::prelude::*;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::Ledger;

use self::antennas::{decode_antennas, encode_antennas};
use self::courses::{decode_courses, encode_courses};
use self::incidents::{decode_incidents, encode_incidents};
use crate::ingest::log::StateField;
use crate::ingest::stream_id::StreamId;
use crate::store::antennas::{Antenna, Antennas};
use crate::store::archived::{Archived, Courses, Discarded, IncidentFile, PartitionNumber, Span};
use crate::store::expressions::column::{AVAILABLE_MS, PACKETS_LOST, PACKETS_SENT, PANE};
use crate::store::imports::Import;
use crate::store::incidents::{Finished, Incidents};
use crate::store::partials::Partials;
use crate::store::{Changes, Committed, EventClock, Former, Pane, Store};

/// Version of the format. In version 1, missing latencies were null and all counts u64. Version 2 had no incidents. Up to
/// version 3, the columns of packets had shorter names. Up to version 4, it was not known how long antennas were available.
/// Up to version 5, there was no archive, and what left memory was not counted. Up to version 6, days in files had no rows of days.
const FORMAT: u32 = 7;

/// The oldest version that is read; what it does not have is absent from its fields.
const OLDEST_FORMAT: u32 = 2;

/// Columns of panes up to version 3, and what they are named since.
const FORMER_NAMES: [(&str, &str); 2] = [("packets", PACKETS_SENT), ("lost", PACKETS_LOST)];

/// What stands between a table and its checksum. A reader of Arrow IPC streams does not look behind the end of one, so versions
/// without checksums read what this one writes; what they wrote ends before it.
const CHECKED: &[u8] = b"SHA:";

/// Length of a checksum.
const CHECKSUM_BYTES: usize = 8;

/// The name of the field that holds [`Meta`].
pub const META: &str = "meta";
const PANE_PREFIX: &str = "pane:";
const ANTENNAS_PREFIX: &str = "antennas:";
const INCIDENTS_PREFIX: &str = "incidents:";
const ARCHIVED_PREFIX: &str = "archived:";
const INCIDENTS_ARCHIVED_PREFIX: &str = "incidents_archived:";
const DISCARDED_PREFIX: &str = "discarded:";
const IMPORT_PREFIX: &str = "import:";
const COURSES: &str = "courses";

/// The name of the field that holds a [`Marker`].
pub const MARKER: &str = "repartition";

/// What stands in front of the names of fields that `analytics repartition` is about to write.
pub const STAGED_PREFIX: &str = "next:";

/// The number of partitions of a stream that is not read any more.
pub const UNUSED: u16 = 0;

/// What is committed beside the tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Version of the format.
    pub format: u32,
    /// Width of the panes in milliseconds.
    pub pane_ms: i64,
    /// Number of the streams that readings are spread over, beside the one with the plain name if there are several.
    #[serde(default = "one")]
    pub partitions: u16,
    /// The number of the partition in the names of its files; `None` where it is that of its place among the streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<PartitionNumber>,
    /// In the state of the plain name: the first number that no partition has had; 0 where they are those of their places.
    #[serde(default)]
    pub next_number: PartitionNumber,
    /// In the state of the plain name: streams that are not read any more, by the number in their names, whose entries are part of this
    /// ledger.
    #[serde(default)]
    pub streams_left: BTreeSet<u16>,
    /// Incidents that have ended and are not numbered here, as they were in partitions of before.
    #[serde(default)]
    pub incidents_before: u64,
    /// The last entry counted.
    pub cursor: String,
    /// Newest event time counted; `None` before the first reading.
    pub newest_ms: Option<i64>,
    /// Watermark; `None` before the first reading.
    pub watermark_ms: Option<i64>,
    /// When the newest readings were merged.
    pub as_of: Option<UnixMillis>,
    /// Where the entries went.
    pub ledger: Ledger,
    /// Entries of streams under this name that were deleted since, by the broker's count.
    pub entries_before: u64,
    /// The broker's count at the last look.
    pub entries_seen: u64,
    /// The cursor when everything present had been read the last time; `None` in state of versions that did not keep it.
    #[serde(default)]
    pub caught_up_at: Option<String>,
    /// The stream was deleted and made anew since everything present had been read the last time.
    #[serde(default)]
    pub is_recreated: bool,
    /// The present stream is accounted for, though it has no consumer group yet.
    #[serde(default)]
    pub awaits_group: bool,
}

/// Up to format 7 there may be no number of partitions, as there was but one.
const fn one() -> u16 {
    1
}

impl Meta {
    /// Of the field in which it is committed.
    ///
    /// # Errors
    /// [`StateError::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        serde_json::from_slice(bytes).map_err(|error| damaged(META, &error))
    }

    /// Whether readings are spread over so many partitions as the settings say.
    ///
    /// # Errors
    /// [`StateError::Partitions`].
    pub const fn check_partitions(&self, wanted: u16) -> Result<(), StateError> {
        if self.partitions == wanted {
            return Ok(());
        }
        if self.partitions == UNUSED {
            return Err(StateError::Unused);
        }
        Err(StateError::Partitions { wanted, found: self.partitions })
    }

    /// Before the first reading.
    #[must_use]
    pub fn new(pane_ms: i64) -> Self {
        let mut ledger = Ledger::default();
        ledger.rejected.extend(shared::Rejection::ALL.map(|reason| (reason, 0)));
        Self {
            format: FORMAT,
            pane_ms,
            partitions: one(),
            number: None,
            next_number: 0,
            streams_left: BTreeSet::new(),
            incidents_before: 0,
            cursor: StreamId::ZERO.to_string(),
            newest_ms: None,
            watermark_ms: None,
            as_of: None,
            ledger,
            entries_before: 0,
            entries_seen: 0,
            caught_up_at: None,
            is_recreated: false,
            awaits_group: false,
        }
    }
}

/// The committed state could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Written by another version.
    #[error(
        "the committed state has format {0}, this version of analytics reads formats {OLDEST_FORMAT} to {FORMAT}; use the \
         version that wrote it, or delete the state's key to begin anew with the entries that the stream still holds"
    )]
    Format(u32),
    /// Written with another width of panes.
    #[error(
        "PANE is {wanted_ms} ms, but the committed state was written with {found_ms} ms; set PANE back, or delete the \
         state's key to begin anew with the entries that the stream still holds"
    )]
    PaneWidth {
        /// The setting.
        wanted_ms: i64,
        /// The state's.
        found_ms: i64,
    },
    /// Written with another number of partitions.
    #[error(
        "STREAM_PARTITIONS is {wanted}, but the committed state was written with {found}: an antenna's readings would be looked \
         for in another stream than the one that they are in; set STREAM_PARTITIONS back to {found}, or spread the state anew while \
         no analytics runs: analytics repartition --from {found} --to {wanted}"
    )]
    Partitions {
        /// The setting.
        wanted: u16,
        /// The state's.
        found: u16,
    },
    /// It is of a stream that was given up.
    #[error(
        "the stream is not read any more since the state was spread over fewer partitions, and its entries are in the ledger of \
         the stream of the plain name; analytics repartition makes it one that is read again"
    )]
    Unused,
    /// It is half written.
    #[error(
        "the state is being spread anew, from {from} to {to} partitions, and that has not come to its end: run analytics \
         repartition --from {from} --to {to} again"
    )]
    Repartitioning {
        /// The number of partitions that it was written with.
        from: u16,
        /// The number of partitions that it will have.
        to: u16,
    },
    /// A field does not hold what its name says.
    #[error(
        "the committed field {field} is damaged: {why}; docs/operations.md (A damaged state) says how to set it aside"
    )]
    Damaged {
        /// The field's name.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What `analytics repartition` has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The number of partitions that the state was written with.
    pub from: u16,
    /// The number of partitions that it will have.
    pub to: u16,
    /// Whether all that is to be written is there, and the streams are being switched to it. Before, nothing is.
    pub is_switching: bool,
}

impl Marker {
    /// Of the field in which it is committed.
    ///
    /// # Errors
    /// [`StateError::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        serde_json::from_slice(bytes).map_err(|error| damaged(MARKER, &error))
    }

    /// The error of whoever finds it and is not to go on.
    #[must_use]
    pub const fn refusal(self) -> StateError {
        StateError::Repartitioning { from: self.from, to: self.to }
    }
}

/// What is in files of a partition.
#[derive(Debug, Default)]
struct Files {
    spans: Vec<Span>,
    incidents: Vec<IncidentFile>,
    courses: Courses,
}

impl Files {
    fn into_archived(self) -> Archived {
        Archived::new(self.spans, self.courses).with_incidents(self.incidents)
    }
}

/// Collects committed fields, in any order, and becomes a store.
#[derive(Debug, Default)]
pub struct Restored {
    meta: Option<Meta>,
    marker: Option<Marker>,
    panes: Vec<Pane>,
    chunks: Vec<(usize, Vec<Option<Antenna>>)>,
    incidents: BTreeMap<u32, Vec<Finished>>,
    files: Files,
    /// Of partitions of before, by their number.
    former: BTreeMap<PartitionNumber, Files>,
    discarded: BTreeMap<u64, Discarded>,
    imports: BTreeMap<String, Import>,
}

impl Restored {
    /// Takes fields. Names that this version does not know are left alone.
    ///
    /// # Errors
    /// [`StateError::Damaged`].
    pub fn take(&mut self, fields: &[StateField]) -> Result<(), StateError> {
        fields.iter().try_for_each(|field| self.take_one(field))
    }

    fn take_one(&mut self, (name, value): &StateField) -> Result<(), StateError> {
        let damaged = |why: &dyn std::fmt::Display| damaged(name, why);
        if name == META {
            self.meta = Some(Meta::decode(value)?);
        } else if let Some(start) = name.strip_prefix(PANE_PREFIX) {
            let start = start.parse().map_err(|_| damaged(&"its start is not a number"))?;
            self.panes.push(decode_pane(value, start).map_err(|error| damaged(&error))?);
        } else if let Some(chunk) = name.strip_prefix(ANTENNAS_PREFIX) {
            let chunk = chunk.parse().map_err(|_| damaged(&"its chunk is not a number"))?;
            self.chunks.push((chunk, decode_antennas(value).map_err(|error| damaged(&error))?));
        } else if let Some(chunk) = name.strip_prefix(INCIDENTS_PREFIX) {
            let chunk = chunk.parse().map_err(|_| damaged(&"its chunk is not a number"))?;
            self.incidents.insert(chunk, decode_incidents(value).map_err(|error| damaged(&error))?);
        } else if let Some(start) = name.strip_prefix(ARCHIVED_PREFIX) {
            let span: Span = serde_json::from_slice(value).map_err(|error| damaged(&error))?;
            let (start, former) = split_number(start);
            if span.start_ms.to_string() != start || former.is_some_and(|number| span.partition.to_string() != number) {
                return Err(damaged(&"it is a span of another time or partition"));
            }
            self.files_of(former.map(|_| span.partition)).spans.push(span);
        } else if let Some(chunk) = name.strip_prefix(INCIDENTS_ARCHIVED_PREFIX) {
            let file: IncidentFile = serde_json::from_slice(value).map_err(|error| damaged(&error))?;
            let (chunk, former) = split_number(chunk);
            if file.first.to_string() != chunk || former.is_some_and(|number| file.partition.to_string() != number) {
                return Err(damaged(&"it is a file of other incidents"));
            }
            self.files_of(former.map(|_| file.partition)).incidents.push(file);
        } else if let Some(number) = name.strip_prefix(DISCARDED_PREFIX) {
            let number = number.parse().map_err(|_| damaged(&"its number is none"))?;
            self.discarded.insert(number, serde_json::from_slice(value).map_err(|error| damaged(&error))?);
        } else if let Some(id) = name.strip_prefix(IMPORT_PREFIX) {
            self.imports.insert(id.to_owned(), serde_json::from_slice(value).map_err(|error| damaged(&error))?);
        } else if let (COURSES, former) = split_number(name) {
            let number = former.map(str::parse).transpose().map_err(|_| damaged(&"its number is none"))?;
            self.files_of(number).courses = decode_courses(value).map_err(|error| damaged(&error))?;
        } else if name == MARKER {
            self.marker = Some(Marker::decode(value)?);
        }
        Ok(())
    }

    fn files_of(&mut self, former: Option<PartitionNumber>) -> &mut Files {
        former.map_or(&mut self.files, |number| self.former.entry(number).or_default())
    }

    /// Whether the state is whole.
    ///
    /// # Errors
    /// [`StateError::Repartitioning`].
    pub fn check_marker(&self) -> Result<(), StateError> {
        self.marker.map_or(Ok(()), |marker| Err(marker.refusal()))
    }

    /// Whether nothing was committed yet.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.meta.is_none()
    }

    /// The store with what is committed beside it.
    ///
    /// # Errors
    /// [`StateError`] when the fields do not go together with each other or with the settings.
    pub fn finish(self, store: Store) -> Result<(Store, Meta), StateError> {
        let (committed, mut meta) = self.into_committed(store.pane_ms())?;
        if meta.pane_ms != store.pane_ms() {
            return Err(StateError::PaneWidth { wanted_ms: store.pane_ms(), found_ms: meta.pane_ms });
        }
        let number = meta.number.unwrap_or(store.partition());
        let of_panes = |error: PolarsError| damaged(PANE_PREFIX, &error);
        let store = store.with_partition(number).restore(committed).map_err(of_panes)?;
        store.kept().map_err(of_panes)?.enter(&mut meta.ledger);
        Ok((store, meta))
    }

    /// What a store is restored from, with what is committed beside it. Where nothing is, panes have the width that is given, in
    /// milliseconds.
    ///
    /// # Errors
    /// [`StateError`] when the fields do not go together with each other.
    pub fn into_committed(self, pane_ms: i64) -> Result<(Committed, Meta), StateError> {
        let mut meta = self.meta.unwrap_or_else(|| Meta::new(pane_ms));
        if !(OLDEST_FORMAT..=FORMAT).contains(&meta.format) {
            return Err(StateError::Format(meta.format));
        }
        let format = std::mem::replace(&mut meta.format, FORMAT);
        let clock = EventClock {
            newest_ms: meta.newest_ms.unwrap_or(i64::MIN),
            watermark_ms: meta.watermark_ms.unwrap_or(i64::MIN),
        };
        let incidents = Incidents::from_chunks(self.incidents)
            .map_err(|(chunk, why)| damaged(&format!("{INCIDENTS_PREFIX}{chunk}"), &why))?;
        let of_panes = |error: PolarsError| damaged(PANE_PREFIX, &error);
        let in_memory = self.panes.iter().map(Pane::readings).sum::<PolarsResult<u64>>().map_err(of_panes)?;
        // What had left memory was not counted before.
        let expired = if format < 6 { meta.ledger.counted.saturating_sub(in_memory) } else { meta.ledger.expired };
        let committed = Committed {
            clock,
            antennas: Antennas::from_chunks(self.chunks),
            incidents,
            panes: self.panes,
            archived: self.files.into_archived().with_discarded(self.discarded),
            former: self.former.into_iter().map(|(number, files)| (number, files.into_archived())).collect::<Former>(),
            imports: self.imports,
            expired,
        };
        Ok((committed, meta))
    }
}

/// The fields of all that is in files, but for what is to be removed, of the partition or, by its number, of one of before.
fn archived_fields(archived: &Archived, former: Option<PartitionNumber>) -> PolarsResult<Vec<StateField>> {
    let of = former.map(|number| format!(":{number}")).unwrap_or_default();
    let json = |value: serde_json::Result<Vec<u8>>| value.map_err(|error| polars_err!(ComputeError: "{error}"));
    let mut fields = vec![(format!("{COURSES}{of}"), encode_courses(archived.courses())?)];
    for span in archived.within(i64::MIN, i64::MAX) {
        fields.push((format!("{ARCHIVED_PREFIX}{}{of}", span.start_ms), json(serde_json::to_vec(&**span))?));
    }
    for file in archived.incident_files() {
        fields.push((format!("{INCIDENTS_ARCHIVED_PREFIX}{}{of}", file.first), json(serde_json::to_vec(file))?));
    }
    Ok(fields)
}

/// A name and the number of the partition behind it, where there is one.
fn split_number(name: &str) -> (&str, Option<&str>) {
    name.split_once(':').map_or((name, None), |(name, number)| (name, Some(number)))
}

fn damaged(field: &str, why: &dyn std::fmt::Display) -> StateError {
    StateError::Damaged { field: field.to_owned(), why: why.to_string() }
}

/// The fields to write and the fields to drop for what changed in a store.
///
/// # Errors
/// When a table cannot be written as Arrow IPC.
pub fn encode_changes(
    store: &Store,
    changes: &Changes,
    meta: &Meta,
) -> Result<(Vec<StateField>, Vec<String>), PolarsError> {
    let meta = serde_json::to_vec(meta).map_err(|error| polars_err!(ComputeError: "{error}"))?;
    let mut fields = vec![(META.to_owned(), meta)];
    for &start in &changes.panes {
        if let Some(pane) = store.pane(start) {
            fields.push((format!("{PANE_PREFIX}{start}"), encode_pane(pane)?));
        }
    }
    for &chunk in &changes.chunks {
        fields.push((format!("{ANTENNAS_PREFIX}{chunk}"), encode_antennas(store.antennas().chunk(chunk))?));
    }
    for chunk in changes.incidents.clone() {
        fields.push((format!("{INCIDENTS_PREFIX}{chunk}"), encode_incidents(store.incidents().chunk(chunk))?));
    }
    let archived = store.archived();
    let mut dropped = Vec::new();
    let mut write = |name: String, value: Option<serde_json::Result<Vec<u8>>>| -> PolarsResult<()> {
        match value {
            Some(value) => fields.push((name, value.map_err(|error| polars_err!(ComputeError: "{error}"))?)),
            None => dropped.push(name),
        }
        Ok(())
    };
    // Those of a partition of before have its number behind their names.
    let of = |number: PartitionNumber| match number == store.partition() {
        true => String::new(),
        false => format!(":{number}"),
    };
    for (number, start) in &changes.spans {
        let span = store.archived_of(*number).and_then(|archived| archived.get(*start));
        write(format!("{ARCHIVED_PREFIX}{start}{}", of(*number)), span.map(|span| serde_json::to_vec(&**span)))?;
    }
    for (number, first) in &changes.incident_files {
        let file = store.archived_of(*number).and_then(|archived| archived.incident_file(*first));
        write(format!("{INCIDENTS_ARCHIVED_PREFIX}{first}{}", of(*number)), file.map(serde_json::to_vec))?;
    }
    for number in &changes.discarded {
        write(
            format!("{DISCARDED_PREFIX}{number}"),
            archived.discarded().get(number).map(|files| serde_json::to_vec(&**files)),
        )?;
    }
    for id in &changes.imports {
        write(format!("{IMPORT_PREFIX}{id}"), store.imported(id).map(serde_json::to_vec))?;
    }
    for number in changes.spans.iter().map(|(number, _)| *number).collect::<BTreeSet<_>>() {
        let name = format!("{COURSES}{}", of(number));
        match store.archived_of(number) {
            Some(archived) => fields.push((name, encode_courses(archived.courses())?)),
            None => dropped.push(name),
        }
    }
    dropped.extend(changes.dropped.iter().map(|start| format!("{PANE_PREFIX}{start}")));
    dropped.extend(changes.incidents_dropped.clone().map(|chunk| format!("{INCIDENTS_PREFIX}{chunk}")));
    Ok((fields, dropped))
}

/// One byte that is 1 if the pane is revised; the length of the cells' table as 8 bytes, lowest first; the table of
/// cells; the table of sketches. The pane's start is in the field's name and not in the tables.
fn encode_pane(pane: &Pane) -> PolarsResult<Vec<u8>> {
    let cells = encode_frame(&mut pane.cells()?.drop(PANE)?)?;
    let sketch = encode_frame(&mut pane.sketch()?.drop(PANE)?)?;
    let mut bytes = vec![u8::from(pane.revised)];
    bytes.extend_from_slice(&(cells.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&cells);
    bytes.extend_from_slice(&sketch);
    Ok(bytes)
}

fn decode_pane(bytes: &[u8], start: i64) -> PolarsResult<Pane> {
    let short = || polars_err!(ComputeError: "it is too short");
    let (&revised, rest) = bytes.split_first().ok_or_else(short)?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
    let (cells, sketch) = rest.split_at_checked(length).ok_or_else(short)?;
    let mut cells = decode_frame(cells)?;
    for (former, name) in FORMER_NAMES {
        if cells.get_column_index(former).is_some() {
            cells.rename(former, name.into())?;
        }
    }
    if cells.get_column_index(AVAILABLE_MS).is_none() {
        cells.with_column(Column::new_scalar(AVAILABLE_MS.into(), 0_u32.into(), cells.height()))?;
    }
    let cells = cells.select(Partials::empty().cells.drop(PANE)?.get_column_names_owned())?;
    let partials = Partials { cells, sketch: decode_frame(sketch)? };
    partials.check()?;
    Ok(Pane::new(start, partials.with_pane(start)?, revised == 1))
}

fn encode_frame(frame: &mut DataFrame) -> PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    // LZ4 rather than Zstandard: a commit is made while readings wait.
    IpcStreamWriter::new(&mut bytes).with_compression(Some(IpcCompression::LZ4)).finish(frame)?;
    let checksum = checksum(&bytes);
    bytes.extend(CHECKED);
    bytes.extend(checksum);
    Ok(bytes)
}

/// Reads a table back. The reader takes the bytes to be as they say: damaged ones may make it panic, or ask for more memory than
/// there is, which nothing can catch. So the checksum comes first, where there is one.
fn decode_frame(bytes: &[u8]) -> PolarsResult<DataFrame> {
    let table = match bytes.split_last_chunk::<CHECKSUM_BYTES>() {
        Some((rest, expected)) if let Some(table) = rest.strip_suffix(CHECKED) => {
            polars_ensure!(checksum(table) == *expected, ComputeError: "its checksum is another one");
            table
        }
        _ => bytes,
    };
    let read = || {
        let mut frame = IpcStreamReader::new(Cursor::new(table)).finish()?;
        frame.rechunk_mut();
        Ok(frame)
    };
    catch_unwind(read).unwrap_or_else(|_| Err(polars_err!(ComputeError: "it is no Arrow IPC stream of ours")))
}

/// The beginning of a hash, against accidents.
fn checksum(table: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&digest(&SHA256, table).as_ref()[..CHECKSUM_BYTES]);
    checksum
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::api::{IncidentEnding, IncidentKind};

    use super::*;
    use crate::readings::{Row, Rows};
    use crate::settings::Thresholds;
    use crate::store::grid::Grid;
    use crate::store::partials::Keys;
    use crate::store::trouble::Counted;
    use crate::store::trouble::{Interval, Tally};

    const PANE_MS: i64 = 5_000;

    fn store() -> Store {
        Store::new(PANE_MS, 600_000, Thresholds::default())
    }

    /// Three antennas: one is well, one is in trouble with a well interval behind it, nothing was counted of the third.
    fn antennas() -> Antennas {
        let mut antennas = Antennas::default();
        for (slot, id) in ["well", "bad", "new"].into_iter().enumerate() {
            antennas.insert(u32::try_from(slot).expect("a slot"), Arc::from(id), None);
        }
        for (slot, second, lost) in [(0, 1, 0), (1, 1, 10), (1, 31, 0), (1, 61, 0), (0, 62, 1)] {
            let time_ms = 60_000 + second * 1_000;
            let (arrival_ms, event_ms, latency_ms) = (time_ms, time_ms, Some(0.1 + f64::from(lost)));
            let reading =
                Counted { arrival_ms, event_ms, packets_sent: 10, packets_lost: lost, latency_ms, seq: Some(7) };
            antennas.count(slot, &reading, &Thresholds::default(), &mut Incidents::default());
        }
        antennas
    }

    fn incident() -> Finished {
        Finished {
            antenna: Arc::from("bad"),
            kind: IncidentKind::Degraded,
            start_ms: 1_000,
            end_ms: 2_000,
            ended_by: IncidentEnding::Forgotten,
            tally: Tally { packets_sent: 10, packets_lost: 1, worst_success_rate: Some(0.9), worst_latency_ms: None },
        }
    }

    fn finish(fields: Vec<StateField>) -> Result<(Store, Meta), StateError> {
        let mut restored = Restored::default();
        restored.take(&fields)?;
        restored.finish(store())
    }

    fn partials() -> Partials {
        let row = |antenna, packets_sent, packets_lost, latency_ms| Row {
            arrival_ms: 0,
            event_ms: 0,
            antenna,
            packets_sent,
            packets_lost,
            latency_ms,
            seq: None,
        };
        let rows = [row(3, 10, 1, Some(5.0)), row(1, 20, 0, Some(7.0)), row(1, 30, 30, None), row(2, 40, 2, None)];
        let mut readings = rows.into_iter().collect::<Rows>().finish().expect("columns of one length");
        readings.with_column(Column::new(AVAILABLE_MS.into(), [1_000_u64, 0, 2_000, 3_000])).expect("as many");
        let panes = Grid::of_width(PANE_MS);
        let readings = Partials::of_readings(&readings, panes).expect("the columns of readings");
        Partials::roll_up([&readings], Keys { pane: Some(panes), antenna: true }).expect("columns")
    }

    fn pane() -> Pane {
        Pane::split(&partials(), |_| false).expect("columns").remove(0)
    }

    fn restored(pane: &Pane) -> Result<(), StateError> {
        Restored::default().take(&[(format!("{PANE_PREFIX}0"), encode_pane(pane).expect("a table"))])
    }

    #[test]
    fn antennas_and_incidents_come_back_as_they_were() {
        let antennas = antennas();
        let chunk = antennas.chunk(0);
        assert!(chunk[1].as_ref().is_some_and(|it| it.trouble.as_ref().is_some_and(|it| it.calm.intervals == 1)));
        let decoded = decode_antennas(&encode_antennas(chunk).expect("a table")).expect("the same table");
        assert_eq!(decoded[..2], chunk[..2]);
        assert_eq!(decoded[2], None, "an antenna of which nothing was counted leaves its slot free");
        let silence = Finished { kind: IncidentKind::Silent, tally: Tally::default(), ..incident() };
        let incidents = [incident(), silence];
        let decoded = decode_incidents(&encode_incidents(&incidents).expect("a table")).expect("the same table");
        assert_eq!(decoded, incidents);
    }

    /// State of format 2 knows no incidents and no open intervals; what is written next is of this version.
    #[test]
    fn state_of_the_format_before_is_read() {
        let antennas = antennas();
        let meta = |format| {
            let meta = Meta { format, newest_ms: Some(122_000), watermark_ms: Some(122_000), ..Meta::new(PANE_MS) };
            (META.to_owned(), serde_json::to_vec(&meta).expect("JSON"))
        };
        let frame = decode_frame(&encode_antennas(antennas.chunk(0)).expect("a table")).expect("a table");
        let columns = ["id", "last_arrival_ms", "newest_event_ms", "highest_seq", "interval_ms"];
        let chunk = encode_frame(&mut frame.select(columns).expect("columns")).expect("a table");
        let fields = vec![("antennas:0".to_owned(), chunk), meta(2)];
        let (store, read) = finish(fields).expect("state that is read");
        assert_eq!(read.format, FORMAT);
        assert_eq!(store.incidents().ended(), 0);
        let expected = antennas.iter().filter(|(_, it)| it.has_started());
        // From then on they are observed.
        let expected = expected.map(|(slot, it)| {
            let (first_event_ms, event_interval_ms) = (it.newest_event_ms, None);
            let known =
                Antenna { open: Interval::NONE, trouble: None, first_event_ms, event_interval_ms, ..it.clone() };
            (slot, known)
        });
        assert!(expected.eq(store.antennas().iter().map(|(slot, it)| (slot, it.clone()))));
        for format in [1, FORMAT + 1] {
            assert!(matches!(finish(vec![meta(format)]), Err(StateError::Format(found)) if found == format));
        }
    }

    #[test]
    fn damaged_antennas_and_incidents_are_told() {
        let told = |field: &str, frame: DataFrame, column: Column, why: &str| {
            let mut frame = frame;
            frame.with_column(column).expect("a column of the same length");
            let field = (field.to_owned(), encode_frame(&mut frame).expect("a table"));
            let error = finish(vec![field.clone()]).expect_err("damage").to_string();
            assert!(error.contains(&field.0) && error.contains(why), "{error}");
        };
        let frame = |bytes: PolarsResult<Vec<u8>>| decode_frame(&bytes.expect("a table")).expect("a table");
        let antennas = frame(encode_antennas(antennas().chunk(0)));
        for (name, values, why) in [
            ("open_lost", [Some(11_u64), Some(0), None], "lost"),
            ("open_packets", [None; 3], "missing"),
            ("trouble_packets", [None; 3], "missing"),
            ("calm_lost", [None, Some(11), None], "lost"),
            ("trouble_start_ms", [Some(1); 3], "Int64"),
        ] {
            told("antennas:0", antennas.clone(), Column::new(name.into(), values), why);
        }
        let incidents = frame(encode_incidents(&[incident()]));
        told("incidents:0", incidents.clone(), Column::new("kind".into(), ["bored"]), "unknown");
        told("incidents:0", incidents.clone(), Column::new("ended_by".into(), [None::<&str>]), "missing");
        told("incidents:0", incidents.clone(), Column::new("during_lost".into(), [11_u64]), "lost");
        told("incidents:0", incidents, Column::new("end_ms".into(), [999_i64]), "before it begins");
        let chunk = encode_incidents(&[incident()]).expect("a table");
        for (fields, culprit) in [
            (vec![("incidents:first".to_owned(), chunk.clone())], "incidents:first"),
            (vec![("incidents:0".to_owned(), chunk.clone()), ("incidents:1".to_owned(), chunk)], "incidents:1"),
            (vec![("incidents:0".to_owned(), b"no table".to_vec())], "incidents:0"),
        ] {
            let error = finish(fields).expect_err("damage").to_string();
            assert!(error.contains(culprit), "{error}");
        }
    }

    #[test]
    fn a_pane_comes_back_as_it_was() {
        let pane = Pane::split(&partials(), |_| true).expect("columns").remove(0);
        let decoded = decode_pane(&encode_pane(&pane).expect("a table"), 0).expect("the same table");
        assert_eq!((decoded.start_ms, decoded.revised), (0, true));
        assert_eq!(decoded.antennas().expect("tables"), pane.antennas().expect("tables"));
    }

    /// Up to format 4 it was not known how long antennas were available, up to format 3 packets had other names.
    #[test]
    fn a_pane_of_a_format_before_is_read() {
        let mut antennas = pane().antennas().expect("tables");
        antennas.cells.drop_in_place(AVAILABLE_MS).expect("a column");
        for (former, name) in FORMER_NAMES {
            antennas.cells.rename(name, former.into()).expect("a column");
        }
        let pane = Pane::new(0, antennas, false);
        let read = decode_pane(&encode_pane(&pane).expect("a table"), 0).expect("a pane");
        let (read, now) = (read.antennas().expect("tables"), self::pane().antennas().expect("tables"));
        assert_eq!(read.cells.get_column_names(), now.cells.get_column_names());
        let column = read.cells.column(AVAILABLE_MS).expect("a column").cast(&DataType::UInt64).expect("counts");
        assert_eq!(column.u64().expect("counts").sum(), Some(0));
        Partials::roll_up([&read, &now], Keys { pane: None, antenna: true }).expect("they go together");
    }

    /// Whichever byte of a table is another one, and wherever it ends early, the field is named, or the table is still whole.
    #[test]
    fn bytes_that_are_damaged_are_told_by_the_name_of_their_field() {
        let pane = pane();
        let tables = [
            (format!("{PANE_PREFIX}0"), encode_pane(&pane).expect("a table")),
            (format!("{ANTENNAS_PREFIX}0"), encode_antennas(antennas().chunk(0)).expect("a table")),
            (format!("{INCIDENTS_PREFIX}0"), encode_incidents(&[incident()]).expect("a table")),
        ];
        for (field, bytes) in tables {
            let is_told = |harmed: Vec<u8>| match Restored::default().take(&[(field.clone(), harmed)]) {
                Ok(()) => false,
                Err(error) => {
                    assert!(error.to_string().contains(&field), "{error}");
                    true
                }
            };
            assert!(!is_told(bytes.clone()));
            for mask in [1, 0x80, 0xff] {
                let changed = (0..bytes.len()).map(|at| {
                    let mut harmed = bytes.clone();
                    harmed[at] ^= mask;
                    harmed
                });
                // Without the mark, a table is taken for one of a version without checksums, and is whole. A pane has two tables,
                // and a byte that says whether it was revised.
                let untold = changed.filter(|harmed| !is_told(harmed.clone())).count();
                assert!(untold <= 2 * CHECKED.len() + 1, "{untold} of {} are not told in {field}", bytes.len());
            }
            for length in 0..bytes.len() {
                is_told(bytes[..length].to_vec());
            }
        }
    }

    #[test]
    fn versions_without_checksums_read_what_this_one_writes_and_the_other_way_around() {
        let table = df!("a" => [1_u64, 2, 3]).expect("a table");
        let bytes = encode_frame(&mut table.clone()).expect("types of Arrow");
        assert_eq!(IpcStreamReader::new(Cursor::new(&bytes)).finish().expect("a stream"), table);
        let of_before = &bytes[..bytes.len() - CHECKED.len() - CHECKSUM_BYTES];
        assert_eq!(decode_frame(of_before).expect("a table"), table);
    }

    /// What queries take for granted is checked when a table comes from the broker.
    #[test]
    fn a_damaged_pane_is_told() {
        let pane = pane();
        restored(&pane).expect("a sound pane");
        let antennas = pane.antennas().expect("tables");
        let reversed = Partials { cells: antennas.cells.reverse(), sketch: antennas.sketch.clone() };
        let sketch_reversed = Partials { cells: antennas.cells.clone(), sketch: antennas.sketch.reverse() };
        let mut more_lost = antennas;
        let lost = Column::new(PACKETS_LOST.into(), vec![51_u64, 2, 1]);
        more_lost.cells.with_column(lost).expect("a column of the same length");
        for (antennas, why) in
            [(reversed, "antennas do not ascend"), (sketch_reversed, "buckets do not ascend"), (more_lost, "lost more")]
        {
            let error = restored(&Pane::new(pane.start_ms, antennas, false)).expect_err("a damaged pane").to_string();
            assert!(error.contains("pane:0") && error.contains(why), "{error}");
        }
    }
}
