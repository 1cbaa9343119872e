//! Parquet files that others wrote, as recordings: a row group at a time.

use std::fs::File;
use std::path::Path;

use polars::prelude::*;
use polars_parquet::read::{FileMetadata, read_metadata};
use shared::Reading;
use shared::recording::{COLUMNS, Inexpressible, lost};

use super::file::{decoded, undamaged};

/// What every Parquet file begins with.
pub const MAGIC: &[u8] = b"PAR1";

/// A file of which the end is read: which columns and row groups it has.
#[derive(Debug)]
pub struct ForeignFile {
    file: File,
    metadata: FileMetadata,
    names: Vec<String>,
}

impl ForeignFile {
    /// Opens a file and reads its end.
    ///
    /// # Errors
    /// When there is no such file, or it is damaged.
    pub fn open(path: &Path) -> PolarsResult<Self> {
        let mut file = File::open(path)?;
        let metadata = undamaged(|| read_metadata(&mut file))?;
        let names = metadata.schema_descr.fields().iter().map(|field| field.name().to_owned()).collect();
        Ok(Self { file, metadata, names })
    }

    /// The names of its columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of row groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.metadata.row_groups.len()
    }

    /// The rows of a row group with the columns of a recording: readings, or why no reading can express them.
    ///
    /// # Errors
    /// When the row group is damaged, or a column is of a type that cannot hold what it stands for.
    pub fn readings(&self, group: usize) -> PolarsResult<impl Iterator<Item = Result<Reading, Inexpressible>>> {
        let table = decoded(self.file.try_clone()?, &self.metadata, group..group + 1, &COLUMNS)?;
        let columns = Columns::of(&table)?;
        Ok((0..table.height()).map(move |row| columns.reading(row)))
    }
}

/// The columns of a table, as numbers that hold whatever they can hold.
struct Columns {
    ids: StringChunked,
    /// Timestamp, packets sent, packets delivered: as they were, and as numbers of 64 bits where they fit.
    integers: [(Column, Int64Chunked); 3],
    latencies: Float64Chunked,
}

/// The columns of whole numbers, in the order of [`Columns::integers`].
const INTEGERS: [&str; 3] = [COLUMNS[1], COLUMNS[3], COLUMNS[4]];

impl Columns {
    fn of(table: &DataFrame) -> PolarsResult<Self> {
        let of_type = |name: &str, wanted: &str, is_it: &dyn Fn(&DataType) -> bool| {
            let column = table.column(name)?;
            if is_it(column.dtype()) {
                return Ok(column.clone());
            }
            polars_bail!(SchemaMismatch: "{name} is of type {}, where {wanted} is needed", column.dtype())
        };
        let ids = of_type(COLUMNS[0], "text", &|it| *it == DataType::String)?;
        let latency = of_type(COLUMNS[2], "a number", &|it| it.is_float() || it.is_integer() || *it == DataType::Null)?;
        let whole = |name: &str, may_be_time: bool| {
            let is_it = |it: &DataType| it.is_integer() || (may_be_time && matches!(it, DataType::Datetime(..)));
            let wanted = if may_be_time { "a whole number of milliseconds or a time" } else { "a whole number" };
            let column = of_type(name, wanted, &is_it)?;
            let milliseconds = DataType::Datetime(TimeUnit::Milliseconds, None);
            let number = match column.dtype() {
                DataType::Datetime(..) => column.cast(&milliseconds)?,
                _ => column.clone(),
            };
            let number = number.cast(&DataType::Int64)?.i64()?.clone();
            PolarsResult::Ok((column, number))
        };
        let [timestamp, sent, delivered] = INTEGERS;
        Ok(Self {
            ids: ids.str()?.clone(),
            integers: [whole(timestamp, true)?, whole(sent, false)?, whole(delivered, false)?],
            latencies: latency.cast(&DataType::Float64)?.f64()?.clone(),
        })
    }

    fn reading(&self, row: usize) -> Result<Reading, Inexpressible> {
        let antenna_id = self.ids.get(row).ok_or_else(|| Inexpressible::missing(COLUMNS[0]))?;
        let (sent, delivered) = (self.count(1, row)?, self.count(2, row)?);
        Ok(Reading {
            antenna_id: antenna_id.to_owned(),
            timestamp_ms: self.whole(0, row)?,
            packets: sent,
            loss: lost(sent, delivered)?,
            latency_ms: self.latencies.get(row),
            seq: None,
        })
    }

    fn count(&self, column: usize, row: usize) -> Result<u32, Inexpressible> {
        let number = self.whole(column, row)?;
        u32::try_from(number).map_err(|_| Inexpressible::value(INTEGERS[column], &number.to_string()))
    }

    fn whole(&self, column: usize, row: usize) -> Result<i64, Inexpressible> {
        let (was, number) = &self.integers[column];
        if let Some(number) = number.get(row) {
            return Ok(number);
        }
        match was.get(row) {
            Ok(value) if !value.is_null() => Err(Inexpressible::value(INTEGERS[column], &value.to_string())),
            _ => Err(Inexpressible::missing(INTEGERS[column])),
        }
    }
}
