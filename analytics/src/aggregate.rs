//! The one algebra of Vigía: partial aggregates that merge by adding.
//!
//! [`Partials`] are two tables over the same readings. `cells` has a row for each (pane, antenna):
//!
//! | column | type | meaning |
//! | --- | --- | --- |
//! | `pane` | i64 | start of the pane, milliseconds since the epoch |
//! | `antenna` | u32 | the antenna's slot |
//! | `readings` | u64 | readings |
//! | `packets` | u64 | packets sent |
//! | `lost` | u64 | packets lost |
//! | `latency_count` | u64 | readings that carry a latency |
//! | `latency_sum` | f64 | their sum, in milliseconds on the grid of [`snap`] |
//! | `latency_min`, `latency_max` | f64, null where none carries one | in milliseconds |
//!
//! and `sketch` a row for each (pane, antenna, bucket): `bucket` (i32, see [`crate::sketch`]) and `count` (u64).
//! [`Partials::roll_up`] groups both by some of the keys and adds. It aggregates a micro-batch, merges it into panes,
//! coarsens panes and answers queries; there is no other aggregation. Its law: any split of the readings, in any
//! order, merged in any tree, gives the same tables. Rows are sorted by key, so equal tables are equal in every byte.
//!
//! The grouping is a sort by key and one pass over the columns, not a query: planning one costs as much as thousands of
//! rows, and a batch of a quiet network has a few.

use std::ops::Range;

use polars::prelude::*;

use crate::decode::Slot;
use crate::sketch;

/// Names of the columns.
pub mod column {
    /// Start of the pane.
    pub const PANE: &str = "pane";
    /// Slot of the antenna.
    pub const ANTENNA: &str = "antenna";
    /// Bucket of the sketch.
    pub const BUCKET: &str = "bucket";
    /// Readings in the bucket.
    pub const COUNT: &str = "count";
    /// Readings.
    pub const READINGS: &str = "readings";
    /// Packets sent.
    pub const PACKETS: &str = "packets";
    /// Packets lost.
    pub const LOST: &str = "lost";
    /// Readings with a latency.
    pub const LATENCY_COUNT: &str = "latency_count";
    /// Sum of latencies.
    pub const LATENCY_SUM: &str = "latency_sum";
    /// Smallest latency.
    pub const LATENCY_MIN: &str = "latency_min";
    /// Largest latency.
    pub const LATENCY_MAX: &str = "latency_max";
}
use column::{
    ANTENNA, BUCKET, COUNT, LATENCY_COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, LOST, PACKETS, PANE, READINGS,
};

/// Partial aggregates; see the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Partials {
    /// Sums by (pane, antenna).
    pub cells: DataFrame,
    /// Latency counts by (pane, antenna, bucket).
    pub sketch: DataFrame,
}

/// The keys that a roll-up keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Keep the pane, floored to the grid; `None` adds all panes up (their key becomes 0).
    pub pane: Option<Grid>,
    /// Keep the antenna; else all antennas are added up (their key becomes 0).
    pub antenna: bool,
}

/// Intervals `[origin + k * width, origin + (k + 1) * width)`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// A boundary.
    pub origin_ms: i64,
    /// Distance between boundaries; above 0.
    pub width_ms: i64,
}

impl Grid {
    /// Intervals whose boundaries are the multiples of a width.
    #[must_use]
    pub const fn of_width(width_ms: i64) -> Self {
        Self { origin_ms: 0, width_ms }
    }

    /// The start of the interval that holds a time.
    #[must_use]
    pub const fn floor(self, time_ms: i64) -> i64 {
        time_ms - (time_ms - self.origin_ms).rem_euclid(self.width_ms)
    }

    /// The first boundary that is not before a time.
    #[must_use]
    pub const fn ceil(self, time_ms: i64) -> i64 {
        time_ms + (self.origin_ms - time_ms).rem_euclid(self.width_ms)
    }
}

/// Columns of readings, all of one length: what a micro-batch is after acceptance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Start of the pane, milliseconds since the epoch.
    pub pane: Vec<i64>,
    /// Slot of the antenna.
    pub antenna: Vec<Slot>,
    /// Packets sent.
    pub packets: Vec<u64>,
    /// Packets lost.
    pub lost: Vec<u64>,
    /// Latency in milliseconds.
    pub latency_ms: Vec<Option<f64>>,
}

/// Puts a latency in milliseconds on a grid of 2^-30 ms, about a picosecond.
///
/// Doubles on this grid add without rounding up to 2^23 ms (2.3 hours of summed latency in one cell), so the sum does
/// not depend on the order. The error is below 5e-10 ms; beyond 2^22 ms a double has no finer digits to lose.
#[must_use]
pub fn snap(latency_ms: f64) -> f64 {
    const SCALE: f64 = (1_u64 << 30) as f64;
    const COARSE: f64 = (1_u64 << 22) as f64;
    if latency_ms < COARSE { (latency_ms * SCALE).round() / SCALE } else { latency_ms }
}

impl Partials {
    /// Each reading as a partial of its own, not rolled up yet.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub fn from_readings(readings: &Readings) -> PolarsResult<Self> {
        let Readings { pane, antenna, packets, lost, latency_ms } = readings;
        let cells = Cells {
            pane: pane.clone(),
            antenna: antenna.clone(),
            readings: vec![1; pane.len()],
            packets: packets.clone(),
            lost: lost.clone(),
            latency_count: latency_ms.iter().map(|latency| u64::from(latency.is_some())).collect(),
            latency_sum: latency_ms.iter().map(|latency| latency.map_or(0.0, snap)).collect(),
            latency_min: latency_ms.clone(),
            latency_max: latency_ms.clone(),
        };
        let mut table = Sketch::default();
        for ((&pane, &antenna), latency_ms) in pane.iter().zip(antenna).zip(latency_ms) {
            if let Some(latency_ms) = latency_ms {
                table.pane.push(pane);
                table.antenna.push(antenna);
                table.count.push(1);
                table.bucket.push(sketch::bucket(*latency_ms));
            }
        }
        Ok(Self { cells: cells.into_frame()?, sketch: table.into_frame()? })
    }

    /// No readings.
    ///
    /// # Errors
    /// Never in practice; the tables' schema is fixed.
    pub fn empty() -> PolarsResult<Self> {
        Self::from_readings(&Readings::default())
    }

    /// The rows of all parts, one behind the other, not rolled up.
    ///
    /// # Errors
    /// When a part's columns are not those of the module's table.
    pub fn concat<'a>(parts: impl IntoIterator<Item = &'a Self> + Clone) -> PolarsResult<Self> {
        let empty = Self::empty()?;
        Ok(Self {
            cells: stack(&empty.cells, parts.clone().into_iter().map(|part| &part.cells))?,
            sketch: stack(&empty.sketch, parts.into_iter().map(|part| &part.sketch))?,
        })
    }

    /// Adds up the rows that share the keys kept. The result is sorted by pane, antenna and bucket.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn roll_up(&self, keys: Keys) -> PolarsResult<Self> {
        Ok(Self { cells: roll_up_cells(&self.cells, keys)?, sketch: roll_up_sketch(&self.sketch, keys)? })
    }

    /// Splits a rolled-up table into one for each pane, in order of time. The parts hold their pane once, not in each row.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn split_by_pane(&self) -> PolarsResult<Vec<(i64, Self)>> {
        let sketches = runs(self.sketch.column(PANE)?.i64()?);
        let mut sketches = sketches.into_iter().peekable();
        runs(self.cells.column(PANE)?.i64()?)
            .into_iter()
            .map(|(pane, rows)| {
                let sketch = sketches.next_if(|(other, _)| *other == pane).map_or(0..0, |(_, rows)| rows);
                let part = Self { cells: copy(&self.cells, rows)?, sketch: copy(&self.sketch, sketch)? };
                Ok((pane, part.with_pane(pane)?))
            })
            .collect()
    }

    /// The same tables with every row in one pane, whose start is held once instead of in each row.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn with_pane(mut self, start: i64) -> PolarsResult<Self> {
        for frame in [&mut self.cells, &mut self.sketch] {
            let pane = Column::new_scalar(PANE.into(), start.into(), frame.height());
            match frame.get_column_index(PANE) {
                Some(index) => frame.replace_column(index, pane)?,
                None => frame.insert_column(0, pane)?,
            };
        }
        Ok(self)
    }

    /// The rows of one antenna, from a table that is sorted by antenna within one pane.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn of_antenna(&self, slot: Slot) -> PolarsResult<Self> {
        let part = |frame: &DataFrame| -> PolarsResult<DataFrame> {
            let rows = equal_range(frame.column(ANTENNA)?.u32()?, slot);
            Ok(slice(frame, rows))
        };
        Ok(Self { cells: part(&self.cells)?, sketch: part(&self.sketch)? })
    }
}

/// Rolls up a table of cells; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_cells(cells: &DataFrame, keys: Keys) -> PolarsResult<DataFrame> {
    let rows = keys_of_rows(cells, keys, None)?;
    let (readings, packets, lost) = (u64s(cells, READINGS)?, u64s(cells, PACKETS)?, u64s(cells, LOST)?);
    let (counts, sums) = (u64s(cells, LATENCY_COUNT)?, f64s(cells, LATENCY_SUM)?);
    let (minima, maxima) = (f64s(cells, LATENCY_MIN)?, f64s(cells, LATENCY_MAX)?);
    let mut table = Cells::default();
    let mut last = None;
    for row in order(&rows) {
        if last != Some(rows[row]) {
            last = Some(rows[row]);
            table.begin(rows[row]);
        }
        let at = table.pane.len() - 1;
        table.readings[at] += readings[row].unwrap_or_default();
        table.packets[at] += packets[row].unwrap_or_default();
        table.lost[at] += lost[row].unwrap_or_default();
        table.latency_count[at] += counts[row].unwrap_or_default();
        table.latency_sum[at] += sums[row].unwrap_or_default();
        table.latency_min[at] = either(table.latency_min[at], minima[row], f64::min);
        table.latency_max[at] = either(table.latency_max[at], maxima[row], f64::max);
    }
    table.into_frame()
}

/// Rolls up a table of sketches; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_sketch(sketch: &DataFrame, keys: Keys) -> PolarsResult<DataFrame> {
    let buckets = sketch.column(BUCKET)?.i32()?;
    let rows = keys_of_rows(sketch, keys, Some(buckets))?;
    let counts = u64s(sketch, COUNT)?;
    let mut table = Sketch::default();
    let mut last = None;
    for row in order(&rows) {
        if last != Some(rows[row]) {
            last = Some(rows[row]);
            let (pane, antenna, bucket) = rows[row];
            table.pane.push(pane);
            table.antenna.push(antenna);
            table.bucket.push(bucket);
            table.count.push(0);
        }
        if let Some(count) = table.count.last_mut() {
            *count += counts[row].unwrap_or_default();
        }
    }
    table.into_frame()
}

/// What a row is grouped by: pane, antenna, bucket; 0 for what is not kept.
type RowKey = (i64, Slot, i32);

fn keys_of_rows(frame: &DataFrame, keys: Keys, buckets: Option<&Int32Chunked>) -> PolarsResult<Vec<RowKey>> {
    let (panes, antennas) = (frame.column(PANE)?.i64()?, frame.column(ANTENNA)?.u32()?);
    let mut rows: Vec<RowKey> = vec![(0, 0, 0); frame.height()];
    if let Some(grid) = keys.pane {
        rows.iter_mut().zip(panes.iter()).for_each(|(key, pane)| key.0 = grid.floor(pane.unwrap_or_default()));
    }
    if keys.antenna {
        rows.iter_mut().zip(antennas.iter()).for_each(|(key, antenna)| key.1 = antenna.unwrap_or_default());
    }
    if let Some(buckets) = buckets {
        rows.iter_mut().zip(buckets.iter()).for_each(|(key, bucket)| key.2 = bucket.unwrap_or_default());
    }
    Ok(rows)
}

/// The rows in order of their keys. Tables are mostly one sorted run behind another, which the sort takes as they are.
fn order(keys: &[RowKey]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|&row| keys[row]);
    order
}

fn u64s(frame: &DataFrame, name: &str) -> PolarsResult<Vec<Option<u64>>> {
    Ok(frame.column(name)?.u64()?.iter().collect())
}

fn f64s(frame: &DataFrame, name: &str) -> PolarsResult<Vec<Option<f64>>> {
    Ok(frame.column(name)?.f64()?.iter().collect())
}

fn either(one: Option<f64>, other: Option<f64>, choose: fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(choose(one, other)),
        (one, other) => one.or(other),
    }
}

/// The columns of a table of cells.
#[derive(Debug, Default)]
struct Cells {
    pane: Vec<i64>,
    antenna: Vec<Slot>,
    readings: Vec<u64>,
    packets: Vec<u64>,
    lost: Vec<u64>,
    latency_count: Vec<u64>,
    latency_sum: Vec<f64>,
    latency_min: Vec<Option<f64>>,
    latency_max: Vec<Option<f64>>,
}

impl Cells {
    /// Begins a row of nothing.
    fn begin(&mut self, (pane, antenna, _): RowKey) {
        self.pane.push(pane);
        self.antenna.push(antenna);
        self.readings.push(0);
        self.packets.push(0);
        self.lost.push(0);
        self.latency_count.push(0);
        self.latency_sum.push(0.0);
        self.latency_min.push(None);
        self.latency_max.push(None);
    }

    fn into_frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new(
            self.pane.len(),
            vec![
                Column::new(PANE.into(), self.pane),
                Column::new(ANTENNA.into(), self.antenna),
                Column::new(READINGS.into(), self.readings),
                Column::new(PACKETS.into(), self.packets),
                Column::new(LOST.into(), self.lost),
                Column::new(LATENCY_COUNT.into(), self.latency_count),
                Column::new(LATENCY_SUM.into(), self.latency_sum),
                Column::new(LATENCY_MIN.into(), self.latency_min),
                Column::new(LATENCY_MAX.into(), self.latency_max),
            ],
        )
    }
}

/// The columns of a table of sketches.
#[derive(Debug, Default)]
struct Sketch {
    pane: Vec<i64>,
    antenna: Vec<Slot>,
    count: Vec<u64>,
    bucket: Vec<i32>,
}

impl Sketch {
    fn into_frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new(
            self.pane.len(),
            vec![
                Column::new(PANE.into(), self.pane),
                Column::new(ANTENNA.into(), self.antenna),
                Column::new(COUNT.into(), self.count),
                Column::new(BUCKET.into(), self.bucket),
            ],
        )
    }
}

fn stack<'a>(empty: &DataFrame, parts: impl Iterator<Item = &'a DataFrame>) -> PolarsResult<DataFrame> {
    let mut whole: Option<DataFrame> = None;
    for part in parts.filter(|part| part.height() > 0) {
        match &mut whole {
            None => whole = Some(part.clone()),
            Some(whole) => {
                whole.vstack_mut(part)?;
            }
        }
    }
    Ok(whole.unwrap_or_else(|| empty.clone()))
}

/// The runs of equal values with their rows.
fn runs(values: &Int64Chunked) -> Vec<(i64, Range<usize>)> {
    let mut runs: Vec<(i64, Range<usize>)> = Vec::new();
    for (row, value) in values.into_no_null_iter().enumerate() {
        match runs.last_mut() {
            Some((last, rows)) if *last == value => rows.end = row + 1,
            _ => runs.push((value, row..row + 1)),
        }
    }
    runs
}

/// The rows that hold a value, in a column that is sorted.
fn equal_range(values: &UInt32Chunked, value: u32) -> Range<usize> {
    let at = |row: usize| values.get(row).unwrap_or_default();
    let bound = |above: bool| {
        let (mut low, mut high) = (0, values.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if at(middle) < value || above && at(middle) == value { low = middle + 1 } else { high = middle }
        }
        low
    };
    bound(false)..bound(true)
}

fn slice(frame: &DataFrame, rows: Range<usize>) -> DataFrame {
    frame.slice(i64::try_from(rows.start).unwrap_or(i64::MAX), rows.len())
}

/// The rows with buffers of their own, so that a small pane does not keep a large table alive.
fn copy(frame: &DataFrame, rows: Range<usize>) -> PolarsResult<DataFrame> {
    if rows.len() == frame.height() {
        return Ok(frame.clone());
    }
    let rows = IdxCa::from_vec("rows".into(), (rows.start..rows.end).map(|row| row as IdxSize).collect());
    frame.take(&rows)
}
