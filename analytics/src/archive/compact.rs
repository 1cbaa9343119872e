//! The files of a day's hours into those of the day.
//!
//! Each table of the hours is sorted by antenna, then time, and so is the day's: it is merged from theirs antenna by antenna. A
//! row group of each hour is in memory at a time, whatever the number of antennas.

use std::ops::Range;
use std::sync::Arc;

use polars::prelude::*;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::file::{Encoder, Ending, Footer, group_rows};
use super::place::{Place, PlaceError, Upload};
use super::rows::column::{ANTENNA_ID, START};
use super::rows::{columns, of_days};
use super::source::{Source, damaged};
use crate::store::archived::{Compacted, File, Span, Table};

/// Why a day could not be compacted.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// A file could not be read or written.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// What was read does not go together.
    #[error(transparent)]
    Polars(#[from] PolarsError),
}

/// Makes the files of days.
#[derive(Debug)]
pub struct Compaction {
    place: Place,
    source: Source,
    runtime: Handle,
}

impl Compaction {
    /// Of the files of a place, which is asked on a runtime. The threads that use it are other ones than that runtime's.
    #[must_use]
    pub fn new(place: Place, runtime: Handle) -> Self {
        Self { source: Source::new(place.clone(), runtime.clone()), place, runtime }
    }

    /// Writes the files of the day that hours make up, which are in order; `None` where that has `ended` before. The files follow
    /// from those of the hours alone, so whoever writes them twice writes the same.
    ///
    /// # Errors
    /// When a file of an hour is missing or damaged, or the place does not answer.
    pub fn day(&self, hours: Vec<Arc<Span>>, ended: &CancellationToken) -> Result<Option<Compacted>, CompactError> {
        let mut day = Span::day(&hours);
        // An hour that was given up has no file.
        let known: Vec<&Span> = hours.iter().map(|hour| &**hour).filter(|hour| !hour.files.is_empty()).collect();
        for table in Table::ALL {
            // An hour of which a table is not kept any more leaves the day without it.
            if known.is_empty() || !known.iter().all(|hour| hour.has(table.of_hours())) {
                continue;
            }
            let Some(file) = self.table(&day.key(table), table, &known, ended)? else { return Ok(None) };
            day.files.insert(table, file);
        }
        Ok(Some(Compacted { day, hours }))
    }

    fn table(
        &self,
        key: &str,
        table: Table,
        hours: &[&Span],
        ended: &CancellationToken,
    ) -> Result<Option<File>, CompactError> {
        let mut upload = self.place.upload(key);
        let rows = self.upload(&mut upload, key, table, hours, ended);
        if !matches!(rows, Ok(Some(_))) {
            // What was put is of no use to anybody. Why it is given up is what is told.
            self.runtime.block_on(upload.abort());
            return rows.map(|_| None);
        }
        let bytes = self.runtime.block_on(upload.finish())?;
        Ok(rows?.map(|rows| File { rows, bytes }))
    }

    /// Puts the rows of a table, and returns how many.
    fn upload(
        &self,
        upload: &mut Upload<'_>,
        key: &str,
        table: Table,
        hours: &[&Span],
        ended: &CancellationToken,
    ) -> Result<Option<u64>, CompactError> {
        let from = table.of_hours();
        let mut merge = Merge::new(&self.source, from, hours)?;
        let (mut encoder, mut found) = (None, 0);
        while let Some(rows) = merge.next()? {
            if ended.is_cancelled() {
                return Ok(None);
            }
            found += rows.height() as u64;
            let rows = if from == table { rows } else { of_days(&rows)? };
            let encoder = match &mut encoder {
                Some(encoder) => encoder,
                None => encoder.insert(Encoder::new(rows.schema(), group_rows(table, true))?),
            };
            let bytes = encoder.write(rows)?;
            self.runtime.block_on(upload.write(&bytes))?;
        }
        let wanted = hours.iter().filter_map(|hour| hour.files.get(&from)).map(|file| file.rows).sum::<u64>();
        let Some(Ending { bytes, rows }) = encoder.map(Encoder::finish).transpose()? else {
            return Err(PolarsError::NoData("the hours have no rows".into()).into());
        };
        if found != wanted {
            return Err(
                damaged(key, &format!("the files of its hours have {found} rows and should have {wanted}")).into()
            );
        }
        self.runtime.block_on(upload.write(&bytes))?;
        Ok(Some(rows))
    }
}

/// The rows of a table of some hours, by antenna and time.
struct Merge<'a> {
    source: &'a Source,
    columns: Vec<&'static str>,
    is_by_antenna: bool,
    hours: Vec<Hour>,
}

/// What of an hour's table is to come.
struct Hour {
    key: String,
    length: u64,
    footer: Footer,
    groups: Range<usize>,
    /// Rows that were read.
    rows: DataFrame,
}

impl<'a> Merge<'a> {
    fn new(source: &'a Source, table: Table, hours: &[&Span]) -> Result<Self, PlaceError> {
        let hours = hours.iter().filter_map(|hour| Some((hour.key(table), hour.files.get(&table)?.bytes)));
        let hours = hours.map(|(key, length)| {
            let footer = source.footer(&key, length)?;
            Ok(Hour { groups: 0..footer.groups(), key, length, footer, rows: DataFrame::default() })
        });
        let is_by_antenna = table.is_by_antenna();
        let hours = hours.collect::<Result<_, PlaceError>>()?;
        Ok(Self { source, columns: columns(is_by_antenna), is_by_antenna, hours })
    }

    /// The next rows: of whole antennas, in order.
    fn next(&mut self) -> Result<Option<DataFrame>, CompactError> {
        loop {
            for hour in self.hours.iter_mut().filter(|hour| hour.rows.height() == 0) {
                hour.read(self.source, &self.columns)?;
            }
            let bound = self.bound()?;
            let mut all: Vec<DataFrame> = Vec::new();
            for hour in &mut self.hours {
                all.extend(Some(hour.take_before(bound.as_deref())?).filter(|rows| rows.height() > 0));
            }
            let rows = all.into_iter().map(IntoLazy::lazy).collect::<Vec<_>>();
            if !rows.is_empty() {
                // Each hour's rows of an antenna are in order, and so are the hours.
                let by: &[&str] = if self.is_by_antenna { &[ANTENNA_ID] } else { &[START] };
                let in_order = SortMultipleOptions::default().with_maintain_order(true).with_multithreaded(false);
                let rows = concat(rows, UnionArgs { rechunk: true, parallel: false, ..UnionArgs::default() })?;
                return Ok(Some(rows.sort(by.to_vec(), in_order).collect()?));
            }
            let Some(bound) = bound else { return Ok(None) };
            // A row group that holds one antenna alone may not be the last with it.
            for hour in &mut self.hours {
                if hour.last()?.as_deref() == Some(&*bound) {
                    hour.read(self.source, &self.columns)?;
                }
            }
        }
    }

    /// The first antenna of which rows may be to come; `None` where all have been read.
    fn bound(&self) -> PolarsResult<Option<String>> {
        if !self.is_by_antenna {
            return Ok(None);
        }
        let unread = self.hours.iter().filter(|hour| !hour.groups.is_empty());
        let lasts = unread.map(Hour::last).collect::<PolarsResult<Vec<_>>>()?;
        Ok(lasts.into_iter().flatten().min())
    }
}

impl Hour {
    /// Reads the next row group, if there is one; of rows over all antennas, which are few, all that there are.
    fn read(&mut self, source: &Source, columns: &[&str]) -> Result<(), CompactError> {
        if self.groups.is_empty() {
            return Ok(());
        }
        let first = self.groups.start;
        self.groups.start = if columns.contains(&ANTENNA_ID) { first + 1 } else { self.groups.end };
        let rows = source.rows(&self.key, self.length, &self.footer, first..self.groups.start, columns)?;
        let rows = rows.select(columns.iter().copied())?;
        if rows.column(ANTENNA_ID).is_ok_and(Column::has_nulls) {
            return Err(damaged(&self.key, &"a row has no antenna").into());
        }
        if self.rows.height() == 0 {
            self.rows = rows;
        } else {
            self.rows.vstack_mut(&rows)?;
        }
        Ok(())
    }

    /// The antenna of the last row that was read.
    fn last(&self) -> PolarsResult<Option<String>> {
        if self.rows.height() == 0 {
            return Ok(None);
        }
        let ids = self.rows.column(ANTENNA_ID)?.str()?;
        Ok(ids.last().map(ToOwned::to_owned))
    }

    /// Takes the rows of the antennas before one, or all.
    fn take_before(&mut self, bound: Option<&str>) -> PolarsResult<DataFrame> {
        let Some(bound) = bound else { return Ok(std::mem::take(&mut self.rows)) };
        if self.rows.height() == 0 {
            return Ok(DataFrame::default());
        }
        let before = self.rows.column(ANTENNA_ID)?.str()?.lt(bound).sum().unwrap_or(0) as usize;
        let (taken, rest) = self.rows.split_at(before as i64);
        self.rows = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::file::encode;
    use super::super::place::ArchiveUrl;
    use super::super::rows::column::{LATENCY_BUCKET_COUNTS, LATENCY_BUCKETS};
    use super::*;
    use crate::store::archived::HOUR_MS;
    use crate::store::expressions::time;

    const DAY_MS: i64 = 1_700_006_400_000;

    /// The rows of an hour, by antenna and minute: of each antenna the first minutes.
    fn hour(number: i64, antennas: &BTreeMap<u32, i64>) -> DataFrame {
        let of = |value: fn(i64, u32) -> i64| {
            let minutes = antennas.iter().flat_map(|(antenna, minutes)| (0..*minutes).map(|minute| (minute, *antenna)));
            minutes.map(|(minute, antenna)| value(minute, antenna)).collect::<Vec<_>>()
        };
        let start_ms = DAY_MS + number * HOUR_MS;
        let minutes = of(|minute, _| minute);
        let ids: Vec<String> = of(|_, antenna| antenna.into()).iter().map(|it| format!("antenna-{it:05}")).collect();
        let starts: Vec<i64> = minutes.iter().map(|minute| start_ms + minute * 60_000).collect();
        let lists = |values: Vec<i64>| values.into_iter().map(|it| Series::new("".into(), [it])).collect::<Vec<_>>();
        let others = columns(true).into_iter().skip(2).map(|name| match name {
            LATENCY_BUCKETS | LATENCY_BUCKET_COUNTS => Column::new(name.into(), lists(minutes.clone())),
            _ => Column::new(name.into(), of(|minute, antenna| minute * 31 + i64::from(antenna))),
        });
        let first = [Column::new(ANTENNA_ID.into(), &ids), Column::new(START.into(), &starts)];
        let table = DataFrame::new(ids.len(), first.into_iter().chain(others).collect()).expect("as many rows");
        table.lazy().with_column(time(START)).collect().expect("a time")
    }

    fn written(place: &Place, runtime: &Handle, number: i64, rows: &DataFrame) -> Arc<Span> {
        let bytes = encode(rows, group_rows(Table::Minutes, false)).expect("types of Parquet");
        let file = File { rows: rows.height() as u64, bytes: bytes.len() as u64 };
        let files = [(Table::Minutes, file)].into();
        let span = Span::hour(0, DAY_MS + number * HOUR_MS, 1, 0, files);
        runtime.block_on(place.put(&span.key(Table::Minutes), bytes.into())).expect("a disk with room");
        Arc::new(span)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        /// Whichever antennas report in which hours, and however many row groups they fill: nothing is lost, and all is in order.
        #[test]
        fn a_day_has_the_rows_of_its_hours_in_order(
            hours in prop::collection::vec(
                (prop::collection::btree_map(0_u32..1_500, 1..60_i64, 1..40), 0_u32..1_500), 1..5,
            ),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let url: ArchiveUrl = format!("file://{}", folder.path().display()).parse().expect("a URL");
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let place = Place::open(&url).expect("a place");
            let (mut all, mut spans) = (Vec::new(), Vec::new());
            for (number, (mut antennas, many)) in (0..).zip(hours) {
                // Some hours have several row groups.
                antennas.extend((0..many).map(|antenna| (antenna, 60)));
                let rows = hour(number, &antennas);
                spans.push(written(&place, runtime.handle(), number, &rows));
                all.push(rows.lazy());
            }
            let whole = concat(all, UnionArgs::default()).expect("the same columns");
            let expected = whole.sort([ANTENNA_ID, START], SortMultipleOptions::default()).collect().expect("columns");
            let compaction = Compaction::new(place, runtime.handle().clone());
            let compacted = compaction.day(spans, &CancellationToken::new()).expect("files that are there").expect("a day");
            let (key, file) = (compacted.day.key(Table::Minutes), compacted.day.files[&Table::Minutes]);
            let footer = compaction.source.footer(&key, file.bytes).expect("a footer");
            let rows = compaction.source.rows(&key, file.bytes, &footer, 0..footer.groups(), &columns(true)).expect("rows");
            prop_assert_eq!(rows.height(), expected.height());
            prop_assert!(rows.equals_missing(&expected));
            // Other engines find an antenna by the ranges of its row groups.
            prop_assert!(footer.groups_with(ANTENNA_ID, &["antenna-00000".into()]).iter().all(|group| *group == 0));
        }
    }

    #[test]
    fn a_file_of_an_hour_that_is_missing_or_damaged_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let url: ArchiveUrl = format!("file://{}", folder.path().display()).parse().expect("a URL");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let place = Place::open(&url).expect("a place");
        let rows = hour(0, &(0..9).map(|antenna| (antenna, 60)).collect());
        let whole = written(&place, runtime.handle(), 0, &rows);
        let compaction = Compaction::new(place.clone(), runtime.handle().clone());
        let compact = |hours: &[&Arc<Span>]| {
            let hours = hours.iter().map(|hour| Arc::clone(hour)).collect();
            compaction.day(hours, &CancellationToken::new()).expect_err("harm").to_string()
        };
        let missing = Arc::new(Span { start_ms: whole.start_ms + HOUR_MS, ..(*whole).clone() });
        assert!(compact(&[&whole, &missing]).contains("hour=01/minutes-0.parquet is missing"));
        let other = File { rows: 539, ..whole.files[&Table::Minutes] };
        let fewer = Arc::new(Span { files: [(Table::Minutes, other)].into(), ..(*whole).clone() });
        assert!(compact(&[&fewer]).contains("540 rows and should have 539"));
        let key = whole.key(Table::Minutes);
        runtime.block_on(place.put(&key, vec![0_u8; 9].into())).expect("a disk with room");
        assert!(compact(&[&whole]).contains(&format!("{key} is damaged")));
    }
}
