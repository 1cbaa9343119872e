//! Files of measurements: which rows they have, which of those count, and which do not and why.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use ring::digest::{self, SHA256};
use shared::codec::checked;
use shared::recording::{COLUMNS, Inexpressible, Row, Rows};
use shared::{Reading, Rejection};

use super::sorted::{Measured, RUN_ROWS, Sorted, Sorter};
use crate::archive::foreign::{ForeignFile, MAGIC};
use crate::digits::hexadecimal;
use crate::readings::Slot;
use crate::store::archived::HOUR_MS;
use crate::store::grid::Grid;

/// Of the rows that one rule rejects, so many are told.
const EXAMPLES: usize = 3;

/// Of an id that is told, so many characters.
const ID_CHARS: usize = 60;

/// Rows between two looks at whether the import is to stop.
const ROWS_AT_ONCE: u64 = 4_096;

/// Bytes that are hashed at a time.
const HASHED_BYTES: usize = 64 * 1024;

/// How far reading and counting are, for whoever watches. Written by one thread.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Length of all files in bytes.
    pub(super) bytes: AtomicU64,
    /// Of which read.
    pub(super) bytes_read: AtomicU64,
    /// Rows read.
    pub(super) rows: AtomicU64,
    /// Of which are no readings.
    pub(super) rejected: AtomicU64,
    /// Rows counted.
    pub(super) counted: AtomicU64,
    /// Whether everything is to stop.
    pub(super) stop: AtomicBool,
}

impl Progress {
    /// An error where everything is to stop.
    pub(super) fn go_on(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) { bail!("stopped") } else { Ok(()) }
    }
}

/// What rows are held against beside the rules of the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The latest event time, milliseconds since the epoch.
    pub(super) latest_ms: i64,
    /// The most antennas.
    pub(super) antennas_max: usize,
}

/// Everything that the files hold.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The readings, by antennas' positions in `ids`.
    pub(super) readings: Sorted,
    /// The antennas.
    pub(super) ids: Vec<Arc<str>>,
    /// How many readings there are of each hour, by its start.
    pub(super) hours: BTreeMap<i64, u64>,
    /// A hash of the readings in the order of the files.
    pub(super) fingerprint: String,
    /// Rows read.
    pub(super) rows: u64,
    /// Rows that are no readings.
    pub(super) rejected: Rejected,
}

/// Rows that are no readings, by the rule that they break.
#[derive(Debug, Default)]
pub(super) struct Rejected(BTreeMap<Rejection, (u64, Vec<String>)>);

impl Rejected {
    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }

    fn add(&mut self, reason: Rejection, example: impl FnOnce() -> String) {
        let (count, examples) = self.0.entry(reason).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }
}

impl fmt::Display for Rejected {
    /// A line for each rule, and one for each example.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, (count, examples)) in &self.0 {
            writeln!(f, "  {reason}: {count}")?;
            for example in examples {
                writeln!(f, "    {example}")?;
            }
        }
        Ok(())
    }
}

/// Looks at the beginning of each file, so that a wrong one is told before any is read.
///
/// # Errors
/// When one is not there or empty, or lacks a column.
pub(super) fn check(files: &[PathBuf], progress: &Progress) -> anyhow::Result<()> {
    for path in files {
        Source::open(path)?;
        let length = std::fs::metadata(path).with_context(|| told(path))?.len();
        progress.bytes.fetch_add(length, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads all files.
///
/// # Errors
/// When one cannot be read to its end, or has columns of other types, or there are too many antennas.
pub(super) fn gather(files: &[PathBuf], bounds: Bounds, progress: &Progress) -> anyhow::Result<Gathered> {
    let mut gathering = Gathering {
        bounds,
        sorter: Sorter::new(RUN_ROWS),
        slots: HashMap::new(),
        ids: Vec::new(),
        hours: BTreeMap::new(),
        hash: digest::Context::new(&SHA256),
        hashed: Vec::new(),
        rows: 0,
        rejected: Rejected::default(),
    };
    for path in files {
        let before = progress.bytes_read.load(Ordering::Relaxed);
        let length = std::fs::metadata(path).with_context(|| told(path))?.len();
        Source::open(path)?.each(path, |place, bytes_read, row| {
            gathering.take(path, place, row)?;
            if gathering.rows.is_multiple_of(ROWS_AT_ONCE) {
                progress.bytes_read.store(before + bytes_read.min(length), Ordering::Relaxed);
                gathering.show(progress);
                progress.go_on()?;
            }
            Ok(())
        })?;
        progress.bytes_read.store(before + length, Ordering::Relaxed);
        gathering.show(progress);
    }
    gathering.finish()
}

/// What has been read so far.
struct Gathering {
    bounds: Bounds,
    sorter: Sorter,
    slots: HashMap<Arc<str>, Slot>,
    ids: Vec<Arc<str>>,
    hours: BTreeMap<i64, u64>,
    hash: digest::Context,
    /// What is to be hashed next.
    hashed: Vec<u8>,
    rows: u64,
    rejected: Rejected,
}

impl Gathering {
    fn take(&mut self, path: &Path, place: Place, row: Result<Reading, Inexpressible>) -> anyhow::Result<()> {
        self.rows += 1;
        let reading = match row {
            Ok(reading) => reading,
            Err(Inexpressible { reason, why }) => {
                self.rejected.add(reason, || format!("{}:{place}: {why}", path.display()));
                return Ok(());
            }
        };
        let is_future = |time_ms: i64| time_ms > self.bounds.latest_ms;
        let judged =
            checked(&reading).and_then(|it| if is_future(it.timestamp_ms) { Err(Rejection::Future) } else { Ok(it) });
        let judged = match judged {
            Ok(judged) => judged,
            Err(reason) => {
                self.rejected.add(reason, || format!("{}:{place}: {}", path.display(), broken(reason, &reading)));
                return Ok(());
            }
        };
        let antenna = match self.slots.get(judged.antenna_id) {
            Some(slot) => *slot,
            None => self.new_antenna(judged.antenna_id)?,
        };
        let row = Measured {
            event_ms: judged.timestamp_ms,
            antenna,
            packets_sent: judged.packets,
            packets_lost: judged.loss,
            latency_ms: judged.latency_ms,
        };
        *self.hours.entry(Grid::of_width(HOUR_MS).floor(row.event_ms)).or_default() += 1;
        self.hashed.extend(row.bytes());
        if self.hashed.len() > HASHED_BYTES {
            self.hash();
        }
        self.sorter.push(row).context("rows cannot be put aside in the temporary folder (TMPDIR)")
    }

    fn new_antenna(&mut self, id: &str) -> anyhow::Result<Slot> {
        let Bounds { antennas_max, .. } = self.bounds;
        if self.ids.len() >= antennas_max {
            bail!("the files have more than {antennas_max} antennas; --antennas-max (ANTENNAS_MAX) allows more");
        }
        let (id, slot) = (Arc::<str>::from(id), Slot::try_from(self.ids.len()).unwrap_or(Slot::MAX));
        self.hashed.extend(id.as_bytes());
        self.slots.insert(Arc::clone(&id), slot);
        self.ids.push(id);
        Ok(slot)
    }

    fn hash(&mut self) {
        self.hash.update(&self.hashed);
        self.hashed.clear();
    }

    fn show(&self, progress: &Progress) {
        progress.rows.store(self.rows, Ordering::Relaxed);
        progress.rejected.store(self.rejected.count(), Ordering::Relaxed);
    }

    fn finish(mut self) -> anyhow::Result<Gathered> {
        self.hash();
        let Self { sorter, ids, hours, hash, rows, rejected, .. } = self;
        let fingerprint = hexadecimal(&hash.finish().as_ref()[..8]);
        let readings = sorter.finish().context("rows that were put aside cannot be read")?;
        Ok(Gathered { readings, ids, hours, fingerprint, rows, rejected })
    }
}

/// What is wrong with a reading that breaks a rule.
fn broken(reason: Rejection, reading: &Reading) -> String {
    let Reading { antenna_id, timestamp_ms, packets, loss, latency_ms, .. } = reading;
    match reason {
        Rejection::BadAntennaId if antenna_id.is_empty() => "antenna_id is empty".to_owned(),
        Rejection::BadAntennaId => {
            let beginning: String = antenna_id.chars().take(ID_CHARS).collect();
            format!("antenna_id {beginning:?} is too long or has control characters")
        }
        Rejection::BadTimestamp => format!("timestamp_ms {timestamp_ms} is not between 1970 and the year 9999"),
        Rejection::BadLatency => {
            let latency_ms = latency_ms.unwrap_or_default();
            format!("latency_ms {latency_ms} is not between 0 and a day")
        }
        Rejection::Future => format!("timestamp_ms {timestamp_ms} is in the future"),
        _ => format!("{reason}: packets_sent {packets}, of which lost {loss}"),
    }
}

/// Where a row is in its file.
#[derive(Debug, Clone, Copy)]
enum Place {
    Line(u64),
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "{line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// A file that is open.
enum Source {
    Csv(Box<Rows>),
    Parquet(Box<ForeignFile>),
}

impl Source {
    /// Opens a file; its content decides what it is.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let mut beginning = Vec::new();
        let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
        file.take(MAGIC.len() as u64).read_to_end(&mut beginning).with_context(|| told(path))?;
        if beginning != MAGIC {
            return Ok(Self::Csv(Box::new(Rows::open(path).with_context(|| told(path))?)));
        }
        let file = ForeignFile::open(path).map_err(anyhow::Error::from).with_context(|| told(path))?;
        let missing: Vec<&str> = COLUMNS.into_iter().filter(|it| !file.names().iter().any(|name| name == it)).collect();
        if !missing.is_empty() {
            bail!("{}: the file lacks {}", path.display(), missing.join(", "));
        }
        Ok(Self::Parquet(Box::new(file)))
    }

    /// Hands over each row with its place, and how many bytes of the file were read about then.
    fn each(
        self,
        path: &Path,
        mut row: impl FnMut(Place, u64, Result<Reading, Inexpressible>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Csv(rows) => {
                for next in *rows {
                    let Row { line, bytes_read, reading } = next.with_context(|| told(path))?;
                    row(Place::Line(line), bytes_read, reading)?;
                }
            }
            Self::Parquet(file) => {
                let length = std::fs::metadata(path).with_context(|| told(path))?.len();
                let (groups, mut number) = (file.groups() as u64, 0);
                for group in 0..file.groups() {
                    let bytes_read = (length / groups.max(1)).saturating_mul(group as u64 + 1);
                    for reading in file.readings(group).map_err(anyhow::Error::from).with_context(|| told(path))? {
                        number += 1;
                        row(Place::Row(number), bytes_read, reading)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn told(path: &Path) -> String {
    path.display().to_string()
}
