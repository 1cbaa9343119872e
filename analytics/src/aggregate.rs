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
        let rows = pane.len();
        let sums: Vec<f64> = latency_ms.iter().map(|latency| latency.map_or(0.0, snap)).collect();
        let counts: Vec<u64> = latency_ms.iter().map(|latency| u64::from(latency.is_some())).collect();
        let latency = Column::new(LATENCY_MIN.into(), latency_ms);
        let cells = DataFrame::new(
            rows,
            vec![
                Column::new(PANE.into(), pane),
                Column::new(ANTENNA.into(), antenna),
                Column::new_scalar(READINGS.into(), 1_u64.into(), rows),
                Column::new(PACKETS.into(), packets),
                Column::new(LOST.into(), lost),
                Column::new(LATENCY_COUNT.into(), counts),
                Column::new(LATENCY_SUM.into(), sums),
                latency.clone(),
                latency.with_name(LATENCY_MAX.into()),
            ],
        )?;
        let with_latency = || latency_ms.iter().enumerate().filter_map(|(row, latency)| latency.map(|ms| (row, ms)));
        let buckets: Vec<i32> = with_latency().map(|(_, latency)| sketch::bucket(latency)).collect();
        let sketch = DataFrame::new(
            buckets.len(),
            vec![
                Column::new(PANE.into(), with_latency().map(|(row, _)| pane[row]).collect::<Vec<_>>()),
                Column::new(ANTENNA.into(), with_latency().map(|(row, _)| antenna[row]).collect::<Vec<_>>()),
                Column::new_scalar(COUNT.into(), 1_u64.into(), buckets.len()),
                Column::new(BUCKET.into(), buckets),
            ],
        )?;
        Ok(Self { cells, sketch })
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
    let sums = [READINGS, PACKETS, LOST, LATENCY_COUNT, LATENCY_SUM].map(|name| col(name).sum());
    let aggregates = sums.into_iter().chain([col(LATENCY_MIN).min(), col(LATENCY_MAX).max()]);
    group(cells, keys, &[], aggregates.collect())
}

/// Rolls up a table of sketches; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_sketch(sketch: &DataFrame, keys: Keys) -> PolarsResult<DataFrame> {
    group(sketch, keys, &[BUCKET], vec![col(COUNT).sum()])
}

fn group(frame: &DataFrame, keys: Keys, more_keys: &[&str], aggregates: Vec<Expr>) -> PolarsResult<DataFrame> {
    let pane = match keys.pane {
        // No pane lies before the origin, so the remainder is never negative.
        Some(grid) => col(PANE) - (col(PANE) - lit(grid.origin_ms)) % lit(grid.width_ms),
        None => lit(0_i64).cast(DataType::Int64),
    };
    let antenna = if keys.antenna { col(ANTENNA) } else { lit(0_u32).cast(DataType::UInt32) };
    let mut by: Vec<&str> = Vec::new();
    if keys.pane.is_some() {
        by.push(PANE);
    }
    if keys.antenna {
        by.push(ANTENNA);
    }
    by.extend(more_keys);
    let keyed = frame.clone().lazy().with_columns([pane.alias(PANE), antenna.alias(ANTENNA)]);
    // Without any key there is still one group: that of the constant pane.
    let by: Vec<Expr> = if by.is_empty() { vec![col(PANE)] } else { by.into_iter().map(col).collect() };
    let constants = [PANE, ANTENNA].into_iter().filter(|name| !by.contains(&col(*name)));
    let aggregates: Vec<Expr> = constants.map(|name| col(name).first()).chain(aggregates).collect();
    let order: Vec<Expr> = [PANE, ANTENNA].iter().chain(more_keys).map(|name| col(*name)).collect();
    let columns: Vec<Expr> = frame.get_column_names().into_iter().map(|name| col(name.clone())).collect();
    keyed.group_by(by).agg(aggregates).sort_by_exprs(order, SortMultipleOptions::default()).select(columns).collect()
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
