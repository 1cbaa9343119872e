//! Files: Parquet, written whole, and read by footer, row groups and columns.

use std::cell::RefCell;
use std::io::{self, Cursor};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use memmap2::MmapMut;
use polars::prelude::*;
use polars_io::mmap::MmapBytesReader;
use polars_io::parquet::read::{ParallelStrategy, ParquetReader};
use polars_io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{FileMetadata, read_metadata};

use crate::store::archived::Table;

/// Rows of a row group of a table: what is read at least where one antenna is asked for.
#[must_use]
pub const fn group_rows(table: Table, is_day: bool) -> usize {
    match (table, is_day) {
        // An antenna has 1,440 of them in a day.
        (Table::Minutes | Table::NetworkMinutes, true) => 32_768,
        // One of each of a day's hours is in memory while they are compacted.
        (Table::Minutes | Table::NetworkMinutes, false) | (Table::Hours | Table::NetworkHours, true) => 4_096,
        // An antenna has one.
        (Table::Hours | Table::NetworkHours, false) | (Table::Days | Table::NetworkDays, _) => 1_024,
    }
}

/// The end of a file, in which its footer usually is, in bytes.
const TAIL_BYTES: u64 = 64 * 1024;

/// What a file ends with: the length of its footer and its mark.
const MARK_BYTES: usize = 8;

/// A table as a file with so many rows in a row group.
///
/// # Errors
/// When a column is of a type that Parquet does not have.
pub fn encode(table: &DataFrame, group_rows: usize) -> PolarsResult<Vec<u8>> {
    let mut encoder = Encoder::new(table.schema(), group_rows)?;
    let mut bytes = encoder.write(table.clone())?;
    bytes.extend(encoder.finish()?.bytes);
    Ok(bytes)
}

/// A file that is written piece by piece.
pub struct Encoder {
    writer: BatchedWriter<Output>,
    output: Output,
    group_rows: usize,
    /// Rows that do not fill a row group yet.
    waiting: DataFrame,
    rows: u64,
}

/// What a file ends with.
#[derive(Debug)]
pub struct Ending {
    /// The bytes behind those that were there before.
    pub bytes: Vec<u8>,
    /// The rows of the whole file.
    pub rows: u64,
}

/// Takes bytes until they are asked for.
#[derive(Debug, Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Output {
    fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Encoder {
    /// A file of tables with a schema, with so many rows in a row group.
    ///
    /// # Errors
    /// When a column is of a type that Parquet does not have.
    pub fn new(schema: &Schema, group_rows: usize) -> PolarsResult<Self> {
        let output = Output::default();
        let writer =
            ParquetWriter::new(output.clone()).with_compression(ParquetCompression::Zstd(None)).set_parallel(false);
        let writer = writer.batched(schema)?;
        Ok(Self { writer, output, group_rows, waiting: DataFrame::empty_with_schema(schema), rows: 0 })
    }

    /// Adds a table; returns the bytes of the row groups that are full.
    ///
    /// # Errors
    /// When the table has other columns.
    pub fn write(&mut self, table: DataFrame) -> PolarsResult<Vec<u8>> {
        self.rows += table.height() as u64;
        self.waiting.vstack_mut_owned(table)?;
        let full = self.waiting.height() / self.group_rows * self.group_rows;
        for from in (0..full).step_by(self.group_rows) {
            let mut group = self.waiting.slice(from.cast_signed() as i64, self.group_rows);
            group.rechunk_mut();
            self.writer.write_batch(&group)?;
        }
        self.waiting = self.waiting.slice(full.cast_signed() as i64, self.group_rows);
        Ok(self.output.take())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// None that are known.
    pub fn finish(mut self) -> PolarsResult<Ending> {
        if self.waiting.height() > 0 {
            self.waiting.rechunk_mut();
            self.writer.write_batch(&self.waiting)?;
        }
        self.writer.finish()?;
        Ok(Ending { bytes: self.output.take(), rows: self.rows })
    }
}

/// A file of which only some ranges are known. The rest is never touched, so it takes no memory: pages of a mapping are not there
/// before they are written to. An allocation of zeros is not always such a mapping, and writing the zeros took a quarter of the time of
/// an answer from files.
#[derive(Debug)]
pub struct Sparse(MmapMut);

impl Sparse {
    /// A file of a length of which nothing is known.
    ///
    /// # Errors
    /// When there is no room for so many addresses.
    pub fn new(length: u64) -> PolarsResult<Self> {
        Ok(Self(MmapMut::map_anon(usize::try_from(length).unwrap_or(usize::MAX))?))
    }

    /// Takes note of some of its bytes.
    ///
    /// # Errors
    /// When they do not lie within it.
    pub fn fill(&mut self, from: u64, bytes: &[u8]) -> PolarsResult<()> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let place = from.checked_add(bytes.len()).and_then(|end| self.0.get_mut(from..end));
        place.ok_or_else(|| polars_err!(ComputeError: "a range is not within the file"))?.copy_from_slice(bytes);
        Ok(())
    }
}

/// The range of a file of a length that is read first, as it likely holds the whole footer.
#[must_use]
pub const fn tail(length: u64) -> Range<u64> {
    length.saturating_sub(TAIL_BYTES)..length
}

/// The range of the footer, from the end of a file of a length.
///
/// # Errors
/// When that is not the end of a Parquet file.
pub fn footer(length: u64, tail: &[u8]) -> PolarsResult<Range<u64>> {
    let damaged = || polars_err!(ComputeError: "it does not end as a Parquet file does");
    let mark = tail.last_chunk::<MARK_BYTES>().ok_or_else(damaged)?;
    let [a, b, c, d, b'P', b'A', b'R', b'1'] = *mark else { return Err(damaged()) };
    let footer = u64::from(u32::from_le_bytes([a, b, c, d])) + MARK_BYTES as u64;
    Ok(length.checked_sub(footer).ok_or_else(damaged)?..length)
}

/// What a file says of itself: where its row groups and columns are.
#[derive(Debug)]
pub struct Footer {
    metadata: Arc<FileMetadata>,
}

impl Footer {
    /// The footer of a file of which the end is known.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn read(file: &Sparse) -> PolarsResult<Self> {
        let metadata = undamaged(|| read_metadata(&mut Cursor::new(&file.0)))?;
        Ok(Self { metadata: Arc::new(metadata) })
    }

    /// Number of row groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.metadata.row_groups.len()
    }

    /// The row groups that may hold some texts of a column, which ascend.
    #[must_use]
    pub fn groups_with(&self, column: &str, texts: &[Arc<str>]) -> Vec<usize> {
        let may_hold = |group: &usize| {
            let [chunk] = self.chunks(*group, column)[..] else { return true };
            let Some(Ok(Statistics::Binary(range))) = chunk.statistics(&self.metadata.footer_buf) else { return true };
            let (least, most) = (range.min_value.as_deref(), range.max_value.as_deref());
            let is_low = |text: &Arc<str>| least.is_some_and(|least| text.as_bytes() < least);
            let first = texts.get(texts.partition_point(is_low));
            first.is_some_and(|text| most.is_none_or(|most| text.as_bytes() <= most))
        };
        (0..self.groups()).filter(may_hold).collect()
    }

    /// The ranges of the file that hold some columns of some row groups.
    #[must_use]
    pub fn ranges(&self, groups: Range<usize>, columns: &[&str]) -> Vec<Range<u64>> {
        let chunks = groups.flat_map(|group| columns.iter().flat_map(move |column| self.chunks(group, column)));
        chunks.map(polars_parquet::read::ColumnChunkMetadata::byte_range).collect()
    }

    /// Some columns of some row groups, of a file of which their ranges are known.
    ///
    /// # Errors
    /// When a column is missing or damaged.
    pub fn rows(&self, file: Sparse, groups: Range<usize>, columns: &[&str]) -> PolarsResult<DataFrame> {
        decoded(Cursor::new(file.0), &self.metadata, groups, columns)
    }

    fn chunks(&self, group: usize, column: &str) -> Vec<&polars_parquet::read::ColumnChunkMetadata> {
        self.metadata.row_groups[group].columns_under_root_iter(column).map(Iterator::collect).unwrap_or_default()
    }
}

/// Some columns of some row groups of a file, by its footer.
///
/// # Errors
/// When a column is missing or damaged.
pub(super) fn decoded(
    file: impl MmapBytesReader,
    footer: &FileMetadata,
    groups: Range<usize>,
    columns: &[&str],
) -> PolarsResult<DataFrame> {
    // The reader begins to decode every row group that it knows of, also where no row of it is asked for.
    let row_groups = footer.row_groups[groups].to_vec();
    let metadata = FileMetadata {
        version: footer.version,
        num_rows: row_groups.iter().map(|group| group.num_rows()).sum(),
        max_row_group_height: footer.max_row_group_height,
        created_by: footer.created_by.clone(),
        row_groups,
        key_value_metadata: footer.key_value_metadata.clone(),
        schema_descr: footer.schema_descr.clone(),
        column_orders: footer.column_orders.clone(),
        footer_buf: footer.footer_buf.clone(),
    };
    undamaged(|| {
        let mut reader = ParquetReader::new(file)
            .with_columns(Some(columns.iter().map(|column| (*column).to_owned()).collect()))
            .read_parallel(ParallelStrategy::None)
            .set_rechunk(true);
        reader.set_metadata(Arc::new(metadata));
        reader.finish()
    })
}

/// Reads something of a file. The reader takes the file to be as it says, so damaged bytes may make it panic.
pub(super) fn undamaged<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    let read = catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or_else(|_| Err(polars_err!(ComputeError: "it is damaged")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a file, only what is asked for is fetched.
    #[test]
    fn some_row_groups_are_read_without_the_others() {
        let group_rows = group_rows(Table::Minutes, true);
        let rows = group_rows * 5 / 2;
        let ids: Vec<String> = (0..rows).map(|row| format!("antenna-{:05}", row / 60)).collect();
        let table = df!("id" => ids, "value" => (0..rows as u64).collect::<Vec<_>>()).expect("columns of one length");
        let bytes = encode(&table, group_rows).expect("types of Parquet");
        let length = bytes.len() as u64;
        let mut file = Sparse::new(length).expect("room");
        file.fill(0, &bytes).expect("within the file");
        let whole = Footer::read(&file).expect("a footer");
        assert!(whole.groups() > 1);
        let groups_with =
            |ids: &[&str]| whole.groups_with("id", &ids.iter().map(|id| Arc::from(*id)).collect::<Vec<_>>());
        assert!(groups_with(&[]).is_empty());
        assert!(groups_with(&["a", "b"]).is_empty());
        assert_eq!(groups_with(&["a", "antenna-00000", "antenna-01300", "b"]), [0, 2]);
        // This one is in two row groups.
        assert_eq!(groups_with(&[&format!("antenna-{:05}", group_rows / 60)]), [0, 1]);
        let groups = whole.groups() - 1..whole.groups();
        assert_eq!(groups_with(&["antenna-01300"]), groups.clone().collect::<Vec<_>>());
        let groups_before = groups.start;
        let mut file = Sparse::new(length).expect("room");
        for range in whole.ranges(groups.clone(), &["id", "value"]) {
            let (start, end) = (range.start as usize, range.end as usize);
            file.fill(range.start, &bytes[start..end]).expect("within the file");
        }
        let found = whole.rows(file, groups, &["id", "value"]).expect("rows that were fetched");
        let before = whole.metadata.row_groups[..groups_before].iter().map(|group| group.num_rows()).sum::<usize>();
        assert_eq!(found, table.slice(before as i64, rows - before));
    }
}
