//! Files back into tables: of a file, only the row groups and columns that are asked for, and what was read is kept for a while.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use shared::throttle::Throttle;
use tokio::runtime::Handle;
use tracing::warn;

use super::file::{Footer, Sparse, footer, tail};
use super::incidents;
use super::place::{Place, PlaceError};
use super::rows::column::ANTENNA_ID;
use super::rows::{Part, Rows};
use crate::cache;
use crate::readings::Slot;
use crate::store::archived::{IncidentFile, Span, Table};
use crate::store::incidents::Finished;

/// Footers are kept of this many files.
const FOOTERS: usize = 4_096;

/// Tables are kept up to so many bytes.
const TABLE_BYTES: u64 = 96 * 1024 * 1024;

/// The incidents of so many files are kept: 4,096 of some hundred bytes each.
const INCIDENT_FILES: usize = 32;

/// About as many tables fit.
const TABLES: usize = 1_024;

/// A file is waited for this long, so that a question is answered in time without it.
const WAIT: Duration = Duration::from_secs(4);

/// A failure that took longer would take as long for every file.
const QUICK: Duration = Duration::from_millis(200);

/// After such a failure, nothing is asked for this long.
const REST: Duration = Duration::from_secs(2);

/// Reads files. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct Archive {
    place: Place,
    runtime: Handle,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    footers: Cache<String, Arc<Footer>>,
    tables: Cache<Key, Arc<Rows>, TableBytes>,
    incidents: Cache<String, Arc<Vec<Finished>>>,
    ids: Mutex<Ids>,
    lines: Mutex<Throttle>,
    failures: AtomicU64,
    /// When the place was last found to be away, and what it said.
    away: Mutex<Option<(Instant, String)>>,
}

/// A file, its row groups, and what of them.
type Key = (String, usize, usize, Part);

#[derive(Debug, Clone)]
struct TableBytes;

impl Weighter<Key, Arc<Rows>> for TableBytes {
    fn weight(&self, (file, ..): &Key, rows: &Arc<Rows>) -> u64 {
        (rows.table.estimated_size() + rows.fared.len() * size_of::<(i64, Slot, u8)>() + file.len() + 256) as u64
    }
}

/// The antennas of files: each has a number in this process, in which decoded rows name it.
#[derive(Debug, Default)]
struct Ids {
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Slot>,
}

impl Ids {
    fn number(&mut self, id: &str) -> Slot {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let (id, number) = (Arc::<str>::from(id), Slot::try_from(self.ids.len()).unwrap_or(Slot::MAX));
        self.ids.push(Arc::clone(&id));
        self.numbers.insert(id, number);
        number
    }
}

impl Archive {
    /// The files of a place. It is to be made within the async runtime, and used on other threads than that one's.
    #[must_use]
    pub fn new(place: Place) -> Self {
        let shared = Shared {
            footers: Cache::new(FOOTERS),
            tables: cache::of_bytes(TABLE_BYTES, TABLES, TableBytes),
            incidents: Cache::new(INCIDENT_FILES),
            ids: Mutex::default(),
            lines: Mutex::new(Throttle::new()),
            failures: AtomicU64::new(0),
            away: Mutex::default(),
        };
        Self { place, runtime: Handle::current(), shared: Arc::new(shared) }
    }

    /// The ids of the antennas that rows have named so far, by number.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        self.shared.ids.lock().ids.clone()
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

    /// A part of a file, whole, or the row groups that may hold an antenna. Nothing is written to the log more than once a minute,
    /// and what fails is tried again the next time.
    ///
    /// # Errors
    /// When the file is missing, damaged or cannot be had.
    pub fn rows(&self, span: &Span, table: Table, part: Part, antenna: Option<&str>) -> Result<Arc<Rows>, PlaceError> {
        let key = span.key(table);
        self.noted(self.read(&key, span, table, part, antenna))
    }

    /// The incidents of a file, likewise.
    ///
    /// # Errors
    /// When the file is missing, damaged or cannot be had.
    pub fn incidents(&self, file: &IncidentFile) -> Result<Arc<Vec<Finished>>, PlaceError> {
        let (key, length) = (file.key(), file.file.bytes);
        self.noted(self.shared.incidents.get_or_insert_with(&key, || {
            let footer = self.footer(&key, length)?;
            let groups = 0..footer.groups();
            let bytes = self.sparse(&key, length, footer.ranges(groups.clone(), &incidents::COLUMNS))?;
            let rows = footer.rows(bytes, groups, &incidents::COLUMNS).and_then(incidents::decoded);
            rows.map(Arc::new).map_err(|why| damaged(&key, &why))
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
        let footer = self.shared.footers.get_or_insert_with(key, || self.footer(key, file.bytes).map(Arc::new))?;
        Ok((footer, file.bytes))
    }

    fn read(
        &self,
        key: &str,
        span: &Span,
        table: Table,
        part: Part,
        antenna: Option<&str>,
    ) -> Result<Arc<Rows>, PlaceError> {
        let (footer, length) = self.footer_of(key, span, table)?;
        let groups = match antenna {
            Some(id) if table.is_by_antenna() => footer.groups_with(ANTENNA_ID, id),
            _ => 0..footer.groups(),
        };
        let of_part = (key.to_owned(), groups.start, groups.end, part);
        self.shared.tables.get_or_insert_with(&of_part, || {
            let columns = part.columns(table);
            let file = self.sparse(key, length, footer.ranges(groups.clone(), &columns))?;
            let rows = footer.rows(file, groups, &columns).map_err(|why| damaged(key, &why))?;
            let mut ids = self.shared.ids.lock();
            Rows::new(rows, part, |id| ids.number(id)).map(Arc::new).map_err(|why| damaged(key, &why))
        })
    }

    fn footer(&self, key: &str, length: u64) -> Result<Footer, PlaceError> {
        // A file of another length is another file.
        let found = self.ask(key, self.place.length(key))?;
        if found != length {
            return Err(damaged(key, &format!("it has {found} bytes and should have {length}")));
        }
        let end = tail(length);
        let bytes = self.ranges(key, std::slice::from_ref(&end))?;
        let bytes = bytes.first().map(|bytes| &bytes[..]).unwrap_or_default();
        let range = footer(length, bytes).map_err(|why| damaged(key, &why))?;
        let mut file = Sparse::new(length);
        file.fill(end.start, bytes).map_err(|why| damaged(key, &why))?;
        if range.start < end.start {
            let rest = range.start..end.start;
            for bytes in self.ranges(key, std::slice::from_ref(&rest))? {
                file.fill(rest.start, &bytes).map_err(|why| damaged(key, &why))?;
            }
        }
        Footer::read(&file).map_err(|why| damaged(key, &why))
    }

    /// The file with some of its ranges.
    fn sparse(&self, key: &str, length: u64, ranges: Vec<Range<u64>>) -> Result<Sparse, PlaceError> {
        let mut file = Sparse::new(length);
        let bytes = self.ranges(key, &ranges)?;
        for (range, bytes) in ranges.iter().zip(bytes) {
            file.fill(range.start, &bytes).map_err(|why| damaged(key, &why))?;
        }
        Ok(file)
    }

    fn ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>, PlaceError> {
        self.ask(key, self.place.ranges(key, ranges))
    }

    /// Asks the place, unless it has just been found to be away: a question may be about hundreds of files, and whoever asks
    /// does not wait for each of them.
    fn ask<T>(&self, key: &str, work: impl Future<Output = Result<T, PlaceError>>) -> Result<T, PlaceError> {
        let away = |why: String| PlaceError::Away { key: key.to_owned(), why };
        let started = Instant::now();
        let known = self.shared.away.lock().clone();
        if let Some((_, why)) = known.filter(|(since, _)| started.duration_since(*since) < REST) {
            return Err(away(why));
        }
        let result = self.runtime.block_on(async { tokio::time::timeout(WAIT, work).await });
        let result = result.unwrap_or_else(|_elapsed| Err(away(format!("no answer within {WAIT:?}"))));
        if let Err(PlaceError::Away { why, .. }) = &result
            && started.elapsed() > QUICK
        {
            *self.shared.away.lock() = Some((Instant::now(), why.clone()));
        }
        result
    }
}

fn damaged(key: &str, why: &dyn std::fmt::Display) -> PlaceError {
    PlaceError::Damaged { key: key.to_owned(), why: why.to_string() }
}
