//! The rows of a recording: a CSV file, plain or gzip.
//!
//! A row that the wire format can express becomes a reading as it is, even if it breaks a rule of the contract, so that
//! analytics counts it as rejected. A row that it cannot express, such as one with more packets delivered than sent, is
//! given with its line and the reason, so that none is skipped silently. The simulator plays recordings back, analytics imports
//! them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Reading, Rejection};
use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;

/// The columns of a recording; others are ignored.
pub const COLUMNS: [&str; 5] = ["antenna_id", "timestamp_ms", "latency_ms", "packets_sent", "packets_delivered"];

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// A recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file cannot be opened.
    #[error("{path:?} cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in the file, not even a header.
    #[error("the file is empty")]
    Empty,
    /// The first line does not name all columns.
    #[error("line 1: the header lacks {0}")]
    Header(String),
    /// The file is cut short or damaged.
    #[error("line {line}: the file is damaged")]
    Damaged {
        /// The line, from 1.
        line: u64,
        /// Why.
        source: csv::Error,
    },
}

/// Why no reading can express a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inexpressible {
    /// The rule that an entry of the stream would break which had the same.
    pub reason: Rejection,
    /// What is wrong with which column.
    pub why: String,
}

impl Inexpressible {
    /// A column of which a row has no value.
    #[must_use]
    pub fn missing(column: &str) -> Self {
        Self { reason: Rejection::MissingField, why: format!("{column} is missing") }
    }

    /// A value of a column that a reading cannot carry, as a text.
    #[must_use]
    pub fn value(column: &str, text: &str) -> Self {
        Self { reason: reason(column), why: format!("{column} {text:?} is not a number that a reading can carry") }
    }
}

/// The packets that were lost of those sent.
///
/// # Errors
/// When more were delivered.
pub fn lost(sent: u32, delivered: u32) -> Result<u32, Inexpressible> {
    sent.checked_sub(delivered).ok_or_else(|| Inexpressible {
        reason: Rejection::BadLoss,
        why: format!("packets_delivered {delivered} is above packets_sent {sent}"),
    })
}

/// The rule that a bad value of a column breaks.
fn reason(column: &str) -> Rejection {
    match column {
        "antenna_id" => Rejection::BadAntennaId,
        "timestamp_ms" => Rejection::BadTimestamp,
        "latency_ms" => Rejection::BadLatency,
        "packets_sent" => Rejection::BadPackets,
        _ => Rejection::BadLoss,
    }
}

/// A row of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its line in the file, from 1; the header is a line.
    pub line: u64,
    /// How far into the file the reader was, which is a little past the row.
    pub bytes_read: u64,
    /// The reading, or why the wire format cannot express it. Without a `seq`: in real data, equal rows are distinct.
    pub reading: Result<Reading, Inexpressible>,
}

/// Reads the rows of a recording in file order.
pub struct Rows {
    csv: csv::Reader<Box<dyn Read + Send>>,
    record: ByteRecord,
    /// The positions of [`COLUMNS`].
    columns: [usize; 5],
    /// 1 if lines end with CR LF: after reading a row, the reader stands before the LF.
    line_lag: u64,
    bytes_read: Arc<AtomicU64>,
}

impl Rows {
    /// Opens a recording and reads its header.
    ///
    /// # Errors
    /// If there is no such file, or its header lacks a column.
    pub fn open(path: &Path) -> Result<Self, RowsError> {
        let open_error = |source| RowsError::Open { path: path.to_owned(), source };
        let bytes_read = Arc::new(AtomicU64::new(0));
        let file = File::open(path).map_err(open_error)?;
        let mut file = BufReader::new(Counting { inner: file, bytes_read: Arc::clone(&bytes_read) });
        // The content decides, not the name.
        let beginning = file.fill_buf().map_err(open_error)?;
        if beginning.is_empty() {
            return Err(RowsError::Empty);
        }
        let is_gzip = beginning.starts_with(GZIP_MAGIC);
        let text: Box<dyn Read + Send> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::Headers).from_reader(text);
        let header = csv.byte_headers().map_err(|source| RowsError::Damaged { line: 1, source })?;
        let columns = COLUMNS.map(|column| header.iter().position(|name| name == column.as_bytes()));
        let missing: Vec<&str> =
            COLUMNS.iter().zip(columns).filter_map(|(name, at)| at.is_none().then_some(*name)).collect();
        if !missing.is_empty() {
            return Err(RowsError::Header(missing.join(", ")));
        }
        let line_lag = 2_u64.saturating_sub(csv.position().line());
        let columns = columns.map(Option::unwrap_or_default);
        Ok(Self { csv, record: ByteRecord::new(), columns, line_lag, bytes_read })
    }

    /// The line on which the record just read begins. The reader gives the line where it stood before, which is too
    /// early if empty lines lie between, so this also looks back from the end of the record.
    fn line(&self) -> u64 {
        let before = self.record.position().map_or(0, csv::Position::line);
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        before.max(self.csv.position().line().saturating_sub(1 + inside)) + self.line_lag
    }
}

impl Iterator for Rows {
    type Item = Result<Row, RowsError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.csv.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let fields = self.columns.map(|at| self.record.get(at));
                let bytes_read = self.bytes_read.load(Ordering::Relaxed);
                Some(Ok(Row { line: self.line(), bytes_read, reading: reading_from(fields) }))
            }
            Err(source) => Some(Err(RowsError::Damaged { line: self.csv.position().line() + self.line_lag, source })),
        }
    }
}

/// The fields in the order of [`COLUMNS`]; `None` for those that the row is too short for.
fn reading_from(fields: [Option<&[u8]>; 5]) -> Result<Reading, Inexpressible> {
    let mut texts = [""; 5];
    for ((text, field), column) in texts.iter_mut().zip(fields).zip(COLUMNS) {
        let field = field.ok_or_else(|| Inexpressible::missing(column))?;
        let not_text = |_| Inexpressible { reason: reason(column), why: format!("{column} is not UTF-8") };
        *text = std::str::from_utf8(field).map_err(not_text)?;
    }
    let [antenna_id, timestamp_ms, latency_ms, sent, delivered] = texts;
    let packets: u32 = number(sent, "packets_sent")?;
    let delivered: u32 = number(delivered, "packets_delivered")?;
    Ok(Reading {
        antenna_id: antenna_id.to_owned(),
        timestamp_ms: number(timestamp_ms, "timestamp_ms")?,
        packets,
        loss: lost(packets, delivered)?,
        latency_ms: if latency_ms.trim().is_empty() { None } else { Some(number(latency_ms, "latency_ms")?) },
        seq: None,
    })
}

fn number<T: std::str::FromStr>(text: &str, column: &str) -> Result<T, Inexpressible> {
    text.trim().parse().map_err(|_| Inexpressible::value(column, text))
}

/// Counts the bytes that pass.
struct Counting<R> {
    inner: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
