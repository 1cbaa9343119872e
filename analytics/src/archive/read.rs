//! Files back into tables: of a file, only the row groups and columns that are asked for, and what was read is kept for a while.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use polars::prelude::*;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use shared::throttle::Throttle;
use tokio::runtime::Handle;
use tracing::warn;

use super::file::Footer;
use super::incidents;
use super::place::{Place, PlaceError};
use super::rows::column::{ANTENNA_ID, START};
use super::rows::{Numbers, Part, Rows};
use super::source::{Source, damaged};
use crate::cache;
use crate::readings::Slot;
use crate::store::archived::{HOUR_MS, IncidentFile, Span, Table};
use crate::store::grid::Grid;
use crate::store::incidents::Finished;

/// Footers are kept of this many files.
const FOOTERS: usize = 4_096;

/// Tables are kept up to so many bytes.
const TABLE_BYTES: u64 = 96 * 1024 * 1024;

/// The incidents of so many files are kept: 4,096 of some hundred bytes each.
const INCIDENT_FILES: usize = 32;

/// About as many tables fit.
const TABLES: usize = 1_024;

/// Reads files. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct Archive {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    footers: Cache<String, Arc<Footer>>,
    tables: Cache<Key, Arc<Rows>, TableBytes>,
    incidents: Cache<String, Arc<Vec<Finished>>>,
    /// The antennas of files: each has a number in this process, in which decoded rows name it.
    ids: Mutex<Numbers>,
    lines: Mutex<Throttle>,
    failures: AtomicU64,
}

/// A file, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    file: String,
    part: Part,
    /// Only the rows of these; of all antennas where there are none.
    antennas: Option<Arc<[Arc<str>]>>,
    /// Rows that begin in these milliseconds since the epoch.
    times: Range<i64>,
}

#[derive(Debug, Clone)]
struct TableBytes;

impl Weighter<Key, Arc<Rows>> for TableBytes {
    fn weight(&self, key: &Key, rows: &Arc<Rows>) -> u64 {
        (rows.table.estimated_size() + rows.fared.len() * size_of::<(i64, Slot, u8)>() + key.file.len() + 512) as u64
    }
}

impl Archive {
    /// The files of a place. It is to be made within the async runtime, and used on other threads than that one's.
    #[must_use]
    pub fn new(place: Place) -> Self {
        let shared = Shared {
            source: Source::new(place, Handle::current()),
            footers: Cache::new(FOOTERS),
            tables: cache::of_bytes(TABLE_BYTES, TABLES, TableBytes),
            incidents: Cache::new(INCIDENT_FILES),
            ids: Mutex::default(),
            lines: Mutex::new(Throttle::new()),
            failures: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The ids of the antennas that rows have named so far, by number.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        self.shared.ids.lock().ids().to_vec()
    }

    /// The number of an antenna in rows.
    #[must_use]
    pub fn number(&self, id: &str) -> Slot {
        self.shared.ids.lock().number(id)
    }

    /// How many files could not be read, each time that one was asked for.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Relaxed)
    }

    /// A part of a file: of all antennas, or of some, whose ids ascend; at least the rows that begin in some milliseconds since the
    /// epoch. Nothing is written to the log more than once a minute, and what fails is tried again the next time.
    ///
    /// # Errors
    /// When the file is missing, damaged or cannot be had.
    pub fn rows(
        &self,
        span: &Span,
        table: Table,
        part: Part,
        antennas: Option<&Arc<[Arc<str>]>>,
        times: Range<i64>,
    ) -> Result<Arc<Rows>, PlaceError> {
        let key = span.key(table);
        self.noted(self.read(&key, span, table, part, antennas, times))
    }

    /// The incidents of a file, likewise.
    ///
    /// # Errors
    /// When the file is missing, damaged or cannot be had.
    pub fn incidents(&self, file: &IncidentFile) -> Result<Arc<Vec<Finished>>, PlaceError> {
        let (key, length) = (file.key(), file.file.bytes);
        self.noted(self.shared.incidents.get_or_insert_with(&key, || {
            let source = &self.shared.source;
            let footer = source.footer(&key, length)?;
            let rows = source.rows(&key, length, &footer, 0..footer.groups(), &incidents::COLUMNS)?;
            incidents::decoded(rows).map(Arc::new).map_err(|why| damaged(&key, &why))
        }))
    }

    /// Counts a failure, and writes a line to the log.
    fn noted<T>(&self, result: Result<T, PlaceError>) -> Result<T, PlaceError> {
        if let Err(error) = &result {
            self.shared.failures.fetch_add(1, Ordering::Relaxed);
            if self.shared.lines.lock().is_due(Instant::now()) {
                warn!("the archive has a gap: {error}");
            }
        }
        result
    }

    /// Whether a file can be had, as far as its footer tells. What fails is counted and told as with [`Self::rows`].
    ///
    /// # Errors
    /// When the file is missing, damaged or cannot be had.
    pub fn look(&self, span: &Span, table: Table) -> Result<(), PlaceError> {
        let key = span.key(table);
        self.noted(self.footer_of(&key, span, table).map(drop))
    }

    fn footer_of(&self, key: &str, span: &Span, table: Table) -> Result<(Arc<Footer>, u64), PlaceError> {
        let Some(file) = span.files.get(&table) else { return Err(PlaceError::Missing(key.to_owned())) };
        let footer =
            self.shared.footers.get_or_insert_with(key, || self.shared.source.footer(key, file.bytes).map(Arc::new))?;
        Ok((footer, file.bytes))
    }

    fn read(
        &self,
        key: &str,
        span: &Span,
        table: Table,
        part: Part,
        antennas: Option<&Arc<[Arc<str>]>>,
        times: Range<i64>,
    ) -> Result<Arc<Rows>, PlaceError> {
        let (footer, length) = self.footer_of(key, span, table)?;
        let antennas = antennas.filter(|_| table.is_by_antenna());
        // Whole hours, so that a window that moves on finds what was read before.
        let hours = Grid::of_width(HOUR_MS);
        let times = hours.floor(times.start).max(span.start_ms)..hours.ceil(times.end).min(span.end_ms);
        let entry = Key { file: key.to_owned(), part, antennas: antennas.cloned(), times: times.clone() };
        self.shared.tables.get_or_insert_with(&entry, || {
            let columns = part.columns(table);
            let read = |groups| self.shared.source.rows(key, length, &footer, groups, &columns);
            let is_whole = times == (span.start_ms..span.end_ms);
            let rows = if is_whole && antennas.is_none() {
                read(0..footer.groups())?
            } else {
                // The rows of an hour lie in every row group of a day, and an antenna has a few of those in which it is. The others are
                // not kept for a moment.
                let all = 0..footer.groups();
                let groups = antennas.map_or_else(|| all.collect(), |ids| footer.groups_with(ANTENNA_ID, ids));
                let picked = |group| {
                    let rows = read(group..group + 1)?;
                    let rows = wanted(rows, (!is_whole).then_some(&times), antennas.map(|ids| &**ids));
                    rows.map_err(|why| damaged(key, &why))
                };
                let mut groups = groups.into_iter();
                let mut rows = groups.next().map_or_else(|| read(0..0), picked)?;
                for group in groups {
                    rows.vstack_mut_owned(picked(group)?).map_err(|why| damaged(key, &why))?;
                }
                rows.rechunk_mut();
                rows
            };
            let mut ids = self.shared.ids.lock();
            Rows::new(&rows, part, |id| ids.number(id)).map(Arc::new).map_err(|why| damaged(key, &why))
        })
    }
}

/// The rows that begin in some milliseconds since the epoch, of some antennas, whose ids ascend.
fn wanted(mut rows: DataFrame, times: Option<&Range<i64>>, antennas: Option<&[Arc<str>]>) -> PolarsResult<DataFrame> {
    if let Some(times) = times {
        let starts = rows.column(START)?.cast(&DataType::Int64)?;
        let starts = starts.i64()?;
        rows = rows.filter(&(starts.gt_eq(times.start) & starts.lt(times.end)))?;
    }
    if let Some(ids) = antennas {
        let is_wanted = |id: Option<&str>| id.is_some_and(|id| ids.binary_search_by(|it| (**it).cmp(id)).is_ok());
        let is_wanted: BooleanChunked = rows.column(ANTENNA_ID)?.str()?.iter().map(is_wanted).collect();
        rows = rows.filter(&is_wanted)?;
    }
    Ok(rows)
}
