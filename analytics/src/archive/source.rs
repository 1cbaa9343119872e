//! Files of a place as they are asked for on threads that may wait: a footer, and the rows of some row groups.

use std::ops::Range;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use polars::prelude::*;
use tokio::runtime::Handle;

use super::file::{Footer, Sparse, footer, tail};
use super::place::{Place, PlaceError};

/// A file is waited for this long, so that a question is answered in time without it.
const WAIT: Duration = Duration::from_secs(4);

/// A failure that took longer would take as long for every file.
const QUICK: Duration = Duration::from_millis(200);

/// After such a failure, nothing is asked for this long.
const REST: Duration = Duration::from_secs(2);

/// Where files are read from.
#[derive(Debug)]
pub struct Source {
    place: Place,
    runtime: Handle,
    /// When the place was last found to be away, and what it said.
    away: Mutex<Option<(Instant, String)>>,
}

impl Source {
    /// The files of a place, which is asked on a runtime. The threads that use it are other ones than that runtime's.
    #[must_use]
    pub fn new(place: Place, runtime: Handle) -> Self {
        Self { place, runtime, away: Mutex::default() }
    }

    /// The footer of a file that has a length.
    ///
    /// # Errors
    /// When the file is missing, damaged, of another length, or cannot be had.
    pub fn footer(&self, key: &str, length: u64) -> Result<Footer, PlaceError> {
        // A file of another length is another file.
        let found = self.ask(key, self.place.length(key))?;
        if found != length {
            return Err(damaged(key, &format!("it has {found} bytes and should have {length}")));
        }
        let end = tail(length);
        let bytes = self.ranges(key, std::slice::from_ref(&end))?;
        let bytes = bytes.first().map(|bytes| &bytes[..]).unwrap_or_default();
        let range = footer(length, bytes).map_err(|why| damaged(key, &why))?;
        let mut file = Sparse::new(length).map_err(|why| damaged(key, &why))?;
        file.fill(end.start, bytes).map_err(|why| damaged(key, &why))?;
        if range.start < end.start {
            let rest = range.start..end.start;
            for bytes in self.ranges(key, std::slice::from_ref(&rest))? {
                file.fill(rest.start, &bytes).map_err(|why| damaged(key, &why))?;
            }
        }
        Footer::read(&file).map_err(|why| damaged(key, &why))
    }

    /// Some columns of some row groups of a file with a length and a footer. Nothing else of it is read.
    ///
    /// # Errors
    /// When the file is missing or damaged, or cannot be had.
    pub fn rows(
        &self,
        key: &str,
        length: u64,
        footer: &Footer,
        groups: Range<usize>,
        columns: &[&str],
    ) -> Result<DataFrame, PlaceError> {
        let ranges = footer.ranges(groups.clone(), columns);
        let mut file = Sparse::new(length).map_err(|why| damaged(key, &why))?;
        let bytes = self.ranges(key, &ranges)?;
        for (range, bytes) in ranges.iter().zip(bytes) {
            file.fill(range.start, &bytes).map_err(|why| damaged(key, &why))?;
        }
        footer.rows(file, groups, columns).map_err(|why| damaged(key, &why))
    }

    fn ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>, PlaceError> {
        self.ask(key, self.place.ranges(key, ranges))
    }

    /// Asks the place, unless it has just been found to be away: a question may be about hundreds of files, and whoever asks
    /// does not wait for each of them.
    fn ask<T>(&self, key: &str, work: impl Future<Output = Result<T, PlaceError>>) -> Result<T, PlaceError> {
        let away = |why: String| PlaceError::Away { key: key.to_owned(), why };
        let started = Instant::now();
        let known = self.away.lock().clone();
        if let Some((_, why)) = known.filter(|(since, _)| started.duration_since(*since) < REST) {
            return Err(away(why));
        }
        let result = self.runtime.block_on(async { tokio::time::timeout(WAIT, work).await });
        let result = result.unwrap_or_else(|_elapsed| Err(away(format!("no answer within {WAIT:?}"))));
        if let Err(PlaceError::Away { why, .. }) = &result
            && started.elapsed() > QUICK
        {
            *self.away.lock() = Some((Instant::now(), why.clone()));
        }
        result
    }
}

/// A file is not what it should be.
pub(super) fn damaged(key: &str, why: &dyn std::fmt::Display) -> PlaceError {
    PlaceError::Damaged { key: key.to_owned(), why: why.to_string() }
}
