//! Rows in order of event time, however many there are: runs that fit into memory are sorted, written aside and merged.
//!
//! Files of runs have no name, so the system takes them away with the process, however that ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};

use crate::readings::Slot;

/// Rows of a run: 64 MB.
pub(super) const RUN_ROWS: usize = 2_000_000;

/// So many runs are merged into one, so that they are not all open in the end.
const RUNS: usize = 128;

/// What is read of a run at a time, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Length of a row in a file.
const ROW_BYTES: usize = 28;

/// A measurement that is to be counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    /// Event time, milliseconds since the epoch.
    pub(super) event_ms: i64,
    /// Antenna, by the number that the import gave it.
    pub(super) antenna: Slot,
    /// Packets sent.
    pub(super) packets_sent: u32,
    /// Packets lost.
    pub(super) packets_lost: u32,
    /// Latency in milliseconds.
    pub(super) latency_ms: Option<f64>,
}

impl Measured {
    /// The row as bytes. A latency that is not there is no number.
    pub(super) fn bytes(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[..8].copy_from_slice(&self.event_ms.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.latency_ms.unwrap_or(f64::NAN).to_le_bytes());
        bytes[16..20].copy_from_slice(&self.antenna.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.packets_sent.to_le_bytes());
        bytes[24..].copy_from_slice(&self.packets_lost.to_le_bytes());
        bytes
    }

    fn of(bytes: [u8; ROW_BYTES]) -> Self {
        let eight = |from: usize| std::array::from_fn(|at| bytes[from + at]);
        let four = |from: usize| u32::from_le_bytes(std::array::from_fn(|at| bytes[from + at]));
        let latency_ms = f64::from_le_bytes(eight(8));
        Self {
            event_ms: i64::from_le_bytes(eight(0)),
            latency_ms: Some(latency_ms).filter(|latency_ms| !latency_ms.is_nan()),
            antenna: four(16),
            packets_sent: four(20),
            packets_lost: four(24),
        }
    }
}

/// Takes rows in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    rows: Vec<Measured>,
    run_rows: usize,
    runs: Vec<File>,
}

impl Sorter {
    /// A sorter that holds so many rows in memory.
    pub(super) const fn new(run_rows: usize) -> Self {
        Self { rows: Vec::new(), run_rows, runs: Vec::new() }
    }

    /// Takes a row.
    pub(super) fn push(&mut self, row: Measured) -> io::Result<()> {
        self.rows.push(row);
        if self.rows.len() < self.run_rows {
            return Ok(());
        }
        self.sort();
        self.runs.push(written(self.rows.drain(..).map(Ok))?);
        if self.runs.len() == RUNS {
            let merged = written(Sorted::of(std::mem::take(&mut self.runs), Vec::new())?)?;
            self.runs.push(merged);
        }
        Ok(())
    }

    /// All rows in order of event time; those of one time as they were taken.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        self.sort();
        Sorted::of(self.runs, self.rows)
    }

    fn sort(&mut self) {
        self.rows.sort_by_key(|row| row.event_ms);
    }
}

/// Rows in order of event time.
#[derive(Debug)]
pub(super) struct Sorted {
    runs: Vec<Run>,
    /// The first row of each run that has one, and which run that is.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
}

/// Rows that are in order, of which the first is known.
#[derive(Debug)]
struct Run {
    head: Option<Measured>,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    File(BufReader<File>),
    Memory(std::vec::IntoIter<Measured>),
}

impl Sorted {
    /// Merges runs: those of files come before that in memory.
    fn of(files: Vec<File>, rows: Vec<Measured>) -> io::Result<Self> {
        let files = files.into_iter().map(|mut file| {
            file.rewind()?;
            io::Result::Ok(Rest::File(BufReader::with_capacity(BUFFER_BYTES, file)))
        });
        let memory = std::iter::once(Ok(Rest::Memory(rows.into_iter())));
        let mut sorted = Self { runs: Vec::new(), heads: BinaryHeap::new() };
        for (number, rest) in files.chain(memory).enumerate() {
            let mut run = Run { head: None, rest: rest? };
            run.advance()?;
            sorted.heads.extend(run.head.map(|row| Reverse((row.event_ms, number))));
            sorted.runs.push(run);
        }
        Ok(sorted)
    }
}

impl Iterator for Sorted {
    type Item = io::Result<Measured>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, number)) = self.heads.pop()?;
        let run = &mut self.runs[number];
        let row = run.head?;
        if let Err(error) = run.advance() {
            return Some(Err(error));
        }
        self.heads.extend(run.head.map(|next| Reverse((next.event_ms, number))));
        Some(Ok(row))
    }
}

impl Run {
    /// Goes on to the next row.
    fn advance(&mut self) -> io::Result<()> {
        self.head = match &mut self.rest {
            Rest::Memory(rows) => rows.next(),
            Rest::File(file) => {
                let mut bytes = [0; ROW_BYTES];
                match file.read_exact(&mut bytes) {
                    Ok(()) => Some(Measured::of(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(())
    }
}

/// Writes rows to a file without a name.
fn written(rows: impl Iterator<Item = io::Result<Measured>>) -> io::Result<File> {
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
    for row in rows {
        file.write_all(&row?.bytes())?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Also where runs are so short that they are merged several times.
        #[test]
        fn rows_come_out_in_order_as_from_a_stable_sort(
            times in proptest::collection::vec(0..50_i64, 0..700),
            run_rows in 1..60_usize,
        ) {
            let row = |(number, event_ms): (u32, i64)| Measured {
                event_ms,
                antenna: number,
                packets_sent: number + 1,
                packets_lost: u32::MAX - number,
                latency_ms: (number % 3 > 0).then_some(f64::from(number) / 7.0),
            };
            let mut rows: Vec<Measured> = (0..).zip(times).map(row).collect();
            let mut sorter = Sorter::new(run_rows);
            for row in &rows {
                sorter.push(*row).expect("a disk with room");
            }
            let sorted: io::Result<Vec<Measured>> = sorter.finish().expect("a disk with room").collect();
            rows.sort_by_key(|row| row.event_ms);
            prop_assert_eq!(sorted.expect("files that are there"), rows);
        }
    }
}
