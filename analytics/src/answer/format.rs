//! Tables to bytes, by Polars' own writers.

use polars::io::ipc::IpcStreamWriter;
use polars::prelude::*;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::{ParquetCompression, ParquetWriter};
use shared::api::Format;
use shared::spreadsheet::harmless;

/// How times are written in CSV: as the API writes them.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// Doubles from here on have no fractions to tell, and some do not fit into an integer.
const MOST_WHOLE: f64 = (1_u64 << 53) as f64;

/// A table in a format.
///
/// # Errors
/// When the format is no format of tables.
pub fn write(table: &DataFrame, format: Format) -> PolarsResult<Vec<u8>> {
    match format {
        Format::Json => polars_bail!(ComputeError: "JSON is written from the API's types"),
        Format::Csv => csv(table, true),
        Format::Arrow => arrow(table),
        Format::Parquet => {
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Snappy).finish(&mut table.clone())?;
            Ok(bytes)
        }
    }
}

/// Comma-separated values, with a line of names where `has_head`; unknown is an empty cell.
pub(super) fn csv(table: &DataFrame, has_head: bool) -> PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    // Without its zone, which the format names, Polars need not know of zones.
    let as_text = |column: &Column| match column.dtype() {
        DataType::Datetime(..) => Some(naive(column.name())),
        DataType::Float64 => Some(plain(column.name())),
        DataType::String => Some(cells(column.name())),
        _ => None,
    };
    let changed: Vec<Expr> = table.columns().iter().filter_map(as_text).collect();
    let mut table = table.clone().lazy().with_columns(changed).collect()?;
    let mut writer = CsvWriter::new(&mut bytes).include_header(has_head).with_datetime_format(Some(TIME.into()));
    writer.finish(&mut table)?;
    Ok(bytes)
}

/// A number without a fraction where it has none: 600, not 600.0.
fn plain(name: &PlSmallStr) -> Expr {
    let number = || col(name.clone());
    let is_whole = number().eq(number().floor()).and(number().lt(lit(MOST_WHOLE)));
    let whole = number().cast(DataType::Int64).cast(DataType::String);
    when(is_whole).then(whole).otherwise(number().cast(DataType::String)).alias(name.clone())
}

/// Texts, none of which a spreadsheet takes for a formula.
fn cells(name: &PlSmallStr) -> Expr {
    let harmless = |column: Column| Ok(column.str()?.apply_values(harmless).into_column());
    col(name.clone()).map(harmless, |_, field| Ok(field.clone()))
}

fn naive(name: &PlSmallStr) -> Expr {
    let naive = DataType::Datetime(TimeUnit::Milliseconds, None);
    col(name.clone()).cast(DataType::Int64).cast(naive)
}

/// A stream of Arrow's IPC format that older readers understand too.
fn arrow(table: &DataFrame) -> PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = IpcStreamWriter::new(&mut bytes).with_compat_level(CompatLevel::oldest());
    writer.finish(&mut table.clone())?;
    Ok(bytes)
}

/// The end of a stream of Arrow's IPC format: a message of no length.
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// A stream of Arrow's IPC format that comes table by table: the schema once, then the batches of each table.
#[derive(Debug)]
pub(super) struct ArrowStream {
    schema: Vec<u8>,
}

impl ArrowStream {
    /// A stream of tables like this one.
    pub(super) fn of(table: &DataFrame) -> PolarsResult<Self> {
        let mut schema = arrow(&table.clear())?;
        // A table without rows has a batch too, of no rows. The schema comes first: a message without a body, which is a mark,
        // the length of what follows, and the schema itself.
        let length = schema.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        schema.truncate(8 + length as usize);
        Ok(Self { schema })
    }

    /// What the stream begins with.
    pub(super) fn head(&self) -> Vec<u8> {
        self.schema.clone()
    }

    /// A table's batches: its own stream without the schema, which is the same for all, and without the end.
    pub(super) fn batches(&self, table: &DataFrame) -> PolarsResult<Vec<u8>> {
        if table.height() == 0 {
            return Ok(Vec::new());
        }
        let mut stream = arrow(table)?;
        polars_ensure!(stream.starts_with(&self.schema), ComputeError: "the tables of a stream differ in their columns");
        strip_end(&mut stream)?;
        Ok(stream.split_off(self.schema.len()))
    }

    /// What the stream ends with.
    pub(super) fn tail() -> Vec<u8> {
        END_OF_STREAM.to_vec()
    }
}

fn strip_end(stream: &mut Vec<u8>) -> PolarsResult<()> {
    polars_ensure!(stream.ends_with(&END_OF_STREAM), ComputeError: "a stream of Arrow's IPC format has no end");
    stream.truncate(stream.len() - END_OF_STREAM.len());
    Ok(())
}
