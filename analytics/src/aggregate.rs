//! The one algebra of Vigía: partial aggregates that merge by adding.
//!
//! [`Partials`] are two tables over the same readings. `cells` has a row for each (pane, antenna):
//!
//! | column | type | meaning |
//! | --- | --- | --- |
//! | `pane` | i64 | start of the pane, milliseconds since the epoch |
//! | `antenna` | u32 | the antenna's slot |
//! | `readings` | count | readings |
//! | `packets` | count | packets sent |
//! | `lost` | count | packets lost |
//! | `latency_count` | count | readings that carry a latency |
//! | `latency_sum` | f64 | their sum, in milliseconds on the grid of [`snap`] |
//! | `latency_min`, `latency_max` | f64 | in milliseconds; +∞ and -∞, which change no other, where none carries one |
//!
//! and `sketch` a row for each (pane, antenna, bucket): `bucket` (i32, see [`crate::sketch`]) and `count` (a count).
//! A count is u64 in what [`Partials::roll_up`] returns; a table at rest ([`Partials::split_by_pane`]) holds the column
//! as u32 where all of its values fit, which halves the memory of a pane. Every reader takes both.
//!
//! [`Partials::roll_up`] groups both tables by some of the keys and adds. It aggregates a micro-batch, merges it into
//! panes, coarsens panes and answers queries; there is no other aggregation. Its law: any split of the readings, in any
//! order, merged in any tree, gives the same tables. Rows are sorted by key, so equal tables are equal in every byte.
//!
//! The grouping is a pass over the columns, not a query: planning one costs as much as thousands of rows, and a batch of
//! a quiet network has a few. Keys are small integers, so a row's group is found by counting, not by hashing; see
//! [`Groups`].

use std::collections::BTreeSet;
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
    pub packets: Vec<u32>,
    /// Packets lost.
    pub lost: Vec<u32>,
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
    pub fn from_readings(readings: Readings) -> PolarsResult<Self> {
        let Readings { pane, antenna, packets, lost, latency_ms } = readings;
        let rows = pane.len();
        let mut sketch_pane = Vec::with_capacity(rows);
        let mut sketch_antenna = Vec::with_capacity(rows);
        let mut buckets = Vec::with_capacity(rows);
        for ((&pane, &antenna), latency_ms) in pane.iter().zip(&antenna).zip(&latency_ms) {
            if let Some(latency_ms) = latency_ms {
                sketch_pane.push(pane);
                sketch_antenna.push(antenna);
                buckets.push(sketch::bucket(*latency_ms));
            }
        }
        let latencies = |none: f64| -> Vec<f64> { latency_ms.iter().map(|it| it.unwrap_or(none)).collect() };
        let counts = latency_ms.iter().map(|latency| u32::from(latency.is_some())).collect::<Vec<_>>();
        let cells = vec![
            Column::new(PANE.into(), pane),
            Column::new(ANTENNA.into(), antenna),
            Column::new(READINGS.into(), vec![1_u32; rows]),
            Column::new(PACKETS.into(), packets),
            Column::new(LOST.into(), lost),
            Column::new(LATENCY_COUNT.into(), counts),
            Column::new(LATENCY_SUM.into(), latencies(0.0).into_iter().map(snap).collect::<Vec<_>>()),
            Column::new(LATENCY_MIN.into(), latencies(f64::INFINITY)),
            Column::new(LATENCY_MAX.into(), latencies(f64::NEG_INFINITY)),
        ];
        let sketch = vec![
            Column::new(PANE.into(), sketch_pane),
            Column::new(ANTENNA.into(), sketch_antenna),
            Column::new(COUNT.into(), vec![1_u32; buckets.len()]),
            Column::new(BUCKET.into(), buckets),
        ];
        Ok(Self { sketch: DataFrame::new(sketch[0].len(), sketch)?, cells: DataFrame::new(rows, cells)? })
    }

    /// Adds up the rows of all parts that share the keys kept. The result is sorted by pane, antenna and bucket.
    ///
    /// # Errors
    /// When a part's columns are not those of the module's tables.
    pub fn roll_up<'a>(parts: impl IntoIterator<Item = &'a Self>, keys: Keys) -> PolarsResult<Self> {
        let (cells, sketches): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (&part.cells, &part.sketch)).unzip();
        Ok(Self { cells: roll_up_cells(&cells, keys)?, sketch: roll_up_sketch(&sketches, keys)? })
    }

    /// Splits a rolled-up table into one for each pane, in order of time. The parts hold their pane once, not in each
    /// row, in buffers of their own, so that a small pane does not keep a large table alive.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn split_by_pane(&self) -> PolarsResult<Vec<(i64, Self)>> {
        let mut sketches = runs(&self.sketch)?.into_iter().peekable();
        runs(&self.cells)?
            .into_iter()
            .map(|(pane, rows)| {
                let sketch = sketches.next_if(|(other, _)| *other == pane).map_or(0..0, |(_, rows)| rows);
                let cells = pick(&[(&self.cells, vec![rows])])?;
                let part = Self { cells, sketch: pick(&[(&self.sketch, vec![sketch])])? };
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

    /// Checks what every rolled-up table of one pane holds to, in one that comes from elsewhere: no value is missing,
    /// antennas ascend, and so do the buckets of each; no antenna lost more than it sent.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> PolarsResult<()> {
        let mut columns = self.cells.columns().iter().chain(self.sketch.columns());
        polars_ensure!(!columns.any(Column::has_nulls), ComputeError: "a value is missing");
        let antennas = self.cells.column(ANTENNA)?.u32()?.cont_slice()?;
        polars_ensure!(antennas.is_sorted_by(|a, b| a < b), ComputeError: "its antennas do not ascend");
        let antennas = self.sketch.column(ANTENNA)?.u32()?.cont_slice()?;
        let buckets = self.sketch.column(BUCKET)?.i32()?.cont_slice()?;
        let keys = antennas.iter().zip(buckets);
        polars_ensure!(keys.is_sorted_by(|a, b| a < b), ComputeError: "its buckets do not ascend");
        let every_row = 0..self.cells.height();
        let counts = |name| {
            let column = self.cells.column(name)?;
            pick_counts([(column, std::slice::from_ref(&every_row))].into_iter(), every_row.len())
        };
        let (packets, lost) = (counts(PACKETS)?, counts(LOST)?);
        let is_possible = packets.iter().zip(&lost).all(|(packets, lost)| lost <= packets);
        polars_ensure!(is_possible, ComputeError: "an antenna lost more than it sent");
        Ok(())
    }

    /// The panes that have rows, ascending.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn starts(&self) -> PolarsResult<BTreeSet<i64>> {
        Ok(runs(&self.cells)?.into_iter().map(|(start, _)| start).collect())
    }

    /// The rows of some antennas, whose slots ascend, from tables that are each sorted by antenna within one pane.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn of_antennas<'a>(parts: impl IntoIterator<Item = &'a Self>, slots: &[Slot]) -> PolarsResult<Self> {
        let (cells, sketches): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (&part.cells, &part.sketch)).unzip();
        if cells.is_empty() {
            return Self::from_readings(Readings::default());
        }
        Ok(Self { cells: rows_of_antennas(&cells, slots)?, sketch: rows_of_antennas(&sketches, slots)? })
    }
}

/// The rows of some antennas from tables of one kind; see [`Partials::of_antennas`]. At least one table is needed.
///
/// # Errors
/// When a column is missing.
pub fn rows_of_antennas(tables: &[&DataFrame], slots: &[Slot]) -> PolarsResult<DataFrame> {
    let rows_of = |table: &DataFrame| {
        let known = table.column(ANTENNA)?.u32()?.cont_slice()?;
        let rows = |slot: &Slot| known.partition_point(|it| it < slot)..known.partition_point(|it| it <= slot);
        PolarsResult::Ok(slots.iter().map(rows).filter(|rows| !rows.is_empty()).collect::<Vec<_>>())
    };
    let parts = tables.iter().map(|table| Ok((*table, rows_of(table)?))).collect::<PolarsResult<Vec<_>>>()?;
    pick(&parts)
}

/// Rolls up tables of cells; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_cells(tables: &[&DataFrame], keys: Keys) -> PolarsResult<DataFrame> {
    let groups = Groups::of(tables, keys, false)?;
    let sum = |name| groups.sum(tables, name);
    let (readings, packets, lost, counts) = (sum(READINGS)?, sum(PACKETS)?, sum(LOST)?, sum(LATENCY_COUNT)?);
    let sums = groups.fold(tables, LATENCY_SUM, 0.0, |sum, value| sum + value)?;
    let minima = groups.fold(tables, LATENCY_MIN, f64::INFINITY, f64::min)?;
    let maxima = groups.fold(tables, LATENCY_MAX, f64::NEG_INFINITY, f64::max)?;
    let rows = groups.with_rows(&readings);
    let keys = groups.keys(&rows);
    let columns = vec![
        Column::new(PANE.into(), keys.panes),
        Column::new(ANTENNA.into(), keys.antennas),
        Column::new(READINGS.into(), rows.of(readings)),
        Column::new(PACKETS.into(), rows.of(packets)),
        Column::new(LOST.into(), rows.of(lost)),
        Column::new(LATENCY_COUNT.into(), rows.of(counts)),
        Column::new(LATENCY_SUM.into(), rows.of(sums)),
        Column::new(LATENCY_MIN.into(), rows.of(minima)),
        Column::new(LATENCY_MAX.into(), rows.of(maxima)),
    ];
    DataFrame::new(rows.0.len(), columns)
}

/// Rolls up tables of sketches; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_sketch(tables: &[&DataFrame], keys: Keys) -> PolarsResult<DataFrame> {
    let groups = Groups::of(tables, keys, true)?;
    let counts = groups.sum(tables, COUNT)?;
    let rows = groups.with_rows(&counts);
    let keys = groups.keys(&rows);
    let columns = vec![
        Column::new(PANE.into(), keys.panes),
        Column::new(ANTENNA.into(), keys.antennas),
        Column::new(COUNT.into(), rows.of(counts)),
        Column::new(BUCKET.into(), keys.buckets),
    ];
    DataFrame::new(rows.0.len(), columns)
}

/// The keys that rows can have, numbered in their order: by pane, then antenna, then bucket.
#[derive(Debug)]
struct KeySpace {
    grid: Option<Grid>,
    /// The panes that occur, ascending.
    panes: Vec<i64>,
    /// 1 above the highest slot; `None` where antennas are not kept.
    antennas: Option<usize>,
    /// The lowest bucket, and how many there are up to the highest; `None` where there are none.
    buckets: Option<(i32, usize)>,
}

impl KeySpace {
    fn of(tables: &[&DataFrame], keys: Keys, has_buckets: bool) -> PolarsResult<Self> {
        let mut panes = BTreeSet::new();
        let mut slots = 0;
        let mut buckets: Option<(i32, i32)> = None;
        for table in tables.iter().filter(|table| table.height() > 0) {
            match keys.pane {
                Some(grid) => Panes::of(table.column(PANE)?)?.each(|pane, _| {
                    panes.insert(grid.floor(pane));
                })?,
                None => {
                    panes.insert(0);
                }
            }
            if keys.antenna {
                slots = slots.max(table.column(ANTENNA)?.u32()?.max().map_or(0, |slot| slot as usize + 1));
            }
            if has_buckets {
                let column = table.column(BUCKET)?.i32()?;
                let (low, high) = (column.min().unwrap_or_default(), column.max().unwrap_or_default());
                buckets = Some(buckets.map_or((low, high), |(lowest, highest)| (lowest.min(low), highest.max(high))));
            }
        }
        let buckets = buckets.map(|(lowest, highest)| (lowest, lowest.abs_diff(highest) as usize + 1));
        let panes = panes.into_iter().collect();
        Ok(Self { grid: keys.pane, panes, antennas: keys.antenna.then_some(slots), buckets })
    }

    /// How many keys there are.
    fn len(&self) -> PolarsResult<usize> {
        let (antennas, buckets) = (self.antennas.unwrap_or(1), self.buckets.map_or(1, |(_, count)| count));
        let len = self.panes.len().checked_mul(antennas).and_then(|len| len.checked_mul(buckets));
        len.ok_or_else(|| polars_err!(ComputeError: "the keys of a roll-up are too many to be numbered"))
    }

    /// Appends the number of each row's key.
    fn number(&self, table: &DataFrame, numbers: &mut Vec<usize>) -> PolarsResult<()> {
        let first = numbers.len();
        match self.grid {
            Some(grid) => Panes::of(table.column(PANE)?)?.each(|pane, rows| {
                let number = self.panes.partition_point(|&it| it < grid.floor(pane));
                numbers.extend(std::iter::repeat_n(number, rows));
            })?,
            None => numbers.extend(std::iter::repeat_n(0, table.height())),
        }
        if let Some(antennas) = self.antennas {
            let mut numbers = numbers[first..].iter_mut();
            for slots in slices(table.column(ANTENNA)?.u32()?) {
                slots.iter().zip(&mut numbers).for_each(|(&slot, it)| *it = *it * antennas + slot as usize);
            }
        }
        if let Some((lowest, count)) = self.buckets {
            let mut numbers = numbers[first..].iter_mut();
            for buckets in slices(table.column(BUCKET)?.i32()?) {
                let from_lowest = |bucket: i32| bucket.abs_diff(lowest) as usize;
                buckets.iter().zip(&mut numbers).for_each(|(&bucket, it)| *it = *it * count + from_lowest(bucket));
            }
        }
        Ok(())
    }

    /// The pane, the antenna and the bucket of keys whose numbers ascend; 0 for what is not kept.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "they were made of such integers")]
    fn keys(&self, numbers: impl Iterator<Item = usize>) -> impl Iterator<Item = RowKey> {
        let (lowest, buckets) = self.buckets.unwrap_or((0, 1));
        let antennas = self.antennas.unwrap_or(1);
        let (mut pane, mut antenna, mut first) = (0, 0, 0);
        // Numbers of one antenna lie side by side, so most take no division.
        numbers.map(move |number| {
            let ahead = number - first;
            if ahead >= buckets {
                first += ahead / buckets * buckets;
                antenna += ahead / buckets;
                (pane, antenna) = (pane + antenna / antennas, antenna % antennas);
            }
            (self.panes[pane], antenna as Slot, lowest + (number - first) as i32)
        })
    }
}

/// The groups that the rows of some tables fall into.
///
/// A key's number is its group where numbers are few, or not many more than rows: then no row is compared with another, at
/// the price of sums for keys that do not occur. Else the rows are sorted by number, and each number that occurs is a
/// group.
#[derive(Debug)]
struct Groups {
    space: KeySpace,
    /// For each row of all tables, one behind the other, its group.
    of_row: Vec<usize>,
    /// How many groups there are.
    len: usize,
    /// The number of each group's key, ascending; `None` where the group is the number.
    numbers: Option<Vec<usize>>,
}

/// Keys may be so many times as many as rows for a key's number to be its group.
const DENSE: usize = 8;

/// Fewer keys than this are always numbered.
const FEW_KEYS: usize = 1024;

impl Groups {
    fn of(tables: &[&DataFrame], keys: Keys, has_buckets: bool) -> PolarsResult<Self> {
        let space = KeySpace::of(tables, keys, has_buckets)?;
        let rows = tables.iter().map(|table| table.height()).sum();
        let mut of_row = Vec::with_capacity(rows);
        for table in tables {
            space.number(table, &mut of_row)?;
        }
        let len = space.len()?;
        if len <= FEW_KEYS.max(rows.saturating_mul(DENSE)) {
            return Ok(Self { space, of_row, len, numbers: None });
        }
        let mut sorted: Vec<(usize, usize)> = of_row.iter().copied().zip(0..).collect();
        radsort::sort_by_key(&mut sorted, |(number, _)| *number);
        let mut numbers: Vec<usize> = Vec::new();
        for (number, row) in sorted {
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
            of_row[row] = numbers.len() - 1;
        }
        Ok(Self { space, of_row, len: numbers.len(), numbers: Some(numbers) })
    }

    /// A column of counts, added up by group.
    fn sum(&self, tables: &[&DataFrame], name: &str) -> PolarsResult<Vec<u64>> {
        let mut sums = vec![0; self.len];
        let mut of_row = self.of_row.as_slice();
        for table in tables {
            let column = table.column(name)?;
            of_row = match column.dtype() {
                DataType::UInt32 => gather(column.u32()?, of_row, &mut sums, |sum, count| sum + u64::from(count)),
                _ => gather(column.u64()?, of_row, &mut sums, |sum, count| sum + count),
            };
        }
        Ok(sums)
    }

    /// A column of doubles, folded by group.
    fn fold(
        &self,
        tables: &[&DataFrame],
        name: &str,
        identity: f64,
        combine: impl Fn(f64, f64) -> f64,
    ) -> PolarsResult<Vec<f64>> {
        let mut folded = vec![identity; self.len];
        let mut of_row = self.of_row.as_slice();
        for table in tables {
            of_row = gather(table.column(name)?.f64()?, of_row, &mut folded, &combine);
        }
        Ok(folded)
    }

    /// The groups that have rows: those with a reading.
    fn with_rows(&self, readings: &[u64]) -> Rows {
        Rows((0..self.len).filter(|&group| readings[group] > 0).collect())
    }

    /// The keys of groups that ascend, as columns.
    fn keys(&self, rows: &Rows) -> Keyed {
        let height = rows.0.len();
        let mut keyed = Keyed {
            panes: Vec::with_capacity(height),
            antennas: Vec::with_capacity(height),
            buckets: Vec::with_capacity(height),
        };
        let number = |&group: &usize| self.numbers.as_ref().map_or(group, |numbers| numbers[group]);
        for (pane, antenna, bucket) in self.space.keys(rows.0.iter().map(number)) {
            keyed.panes.push(pane);
            keyed.antennas.push(antenna);
            keyed.buckets.push(bucket);
        }
        keyed
    }
}

/// What a row is grouped by: pane, antenna, bucket.
type RowKey = (i64, Slot, i32);

/// The keys of some rows.
#[derive(Debug)]
struct Keyed {
    panes: Vec<i64>,
    antennas: Vec<Slot>,
    buckets: Vec<i32>,
}

/// The groups that become rows, ascending.
#[derive(Debug)]
struct Rows(Vec<usize>);

impl Rows {
    /// The values of these groups.
    fn of<T: Copy>(&self, by_group: Vec<T>) -> Vec<T> {
        if self.0.len() == by_group.len() {
            return by_group;
        }
        self.0.iter().map(|&group| by_group[group]).collect()
    }
}

/// The pane of each row of a table.
#[derive(Debug)]
enum Panes<'a> {
    /// All rows are in one.
    One(i64, usize),
    /// Row by row.
    Each(&'a Int64Chunked),
}

impl<'a> Panes<'a> {
    fn of(column: &'a Column) -> PolarsResult<Self> {
        match column {
            // Asking the column for its values would make it hold one for each row from then on.
            Column::Scalar(one) => {
                let pane = one.scalar().value().extract::<i64>();
                let pane = pane.ok_or_else(|| polars_err!(ComputeError: "the pane is not a number"))?;
                Ok(Self::One(pane, one.len()))
            }
            each @ Column::Series(_) => each.i64().map(Self::Each),
        }
    }

    /// Calls for each run of equal panes, with its number of rows.
    fn each(&self, mut run: impl FnMut(i64, usize)) -> PolarsResult<()> {
        match self {
            Self::One(pane, rows) => run(*pane, *rows),
            Self::Each(panes) => {
                slices(panes).flat_map(|panes| panes.chunk_by(|a, b| a == b)).for_each(|of| run(of[0], of.len()));
            }
        }
        Ok(())
    }
}

/// The runs of equal panes of a table with their rows.
fn runs(table: &DataFrame) -> PolarsResult<Vec<(i64, Range<usize>)>> {
    let mut runs: Vec<(i64, Range<usize>)> = Vec::new();
    let mut row = 0;
    Panes::of(table.column(PANE)?)?.each(|pane, rows| {
        if rows > 0 {
            runs.push((pane, row..row + rows));
        }
        row += rows;
    })?;
    Ok(runs)
}

/// The values of a column without nulls, chunk by chunk.
fn slices<T: PolarsNumericType>(column: &ChunkedArray<T>) -> impl Iterator<Item = &[T::Native]> {
    column.downcast_iter().map(|chunk| chunk.values().as_slice())
}

/// Combines the values of a column into their groups; returns the groups of the rows behind.
fn gather<'a, T: PolarsNumericType, A: Copy>(
    column: &ChunkedArray<T>,
    mut of_row: &'a [usize],
    groups: &mut [A],
    combine: impl Fn(A, T::Native) -> A,
) -> &'a [usize] {
    for values in slices(column) {
        let (these, behind) = of_row.split_at(values.len());
        for (&value, &group) in values.iter().zip(these) {
            groups[group] = combine(groups[group], value);
        }
        of_row = behind;
    }
    of_row
}

/// Some rows of some tables with like columns, one behind the other, in buffers of their own, with counts as narrow as they
/// fit; see the module. At least one table is needed.
fn pick(parts: &[(&DataFrame, Vec<Range<usize>>)]) -> PolarsResult<DataFrame> {
    let height = parts.iter().flat_map(|(_, rows)| rows).map(ExactSizeIterator::len).sum();
    let columns = parts[0].0.columns().iter().enumerate().map(|(index, first)| {
        let name = first.name().clone();
        // By position: a table has few columns, but there may be many tables.
        let columns = parts.iter().map(|(table, rows)| (&table.columns()[index], rows.as_slice()));
        Ok(match first.dtype() {
            DataType::Int64 => Column::new(name, pick_panes(columns, height)?),
            DataType::Int32 => Column::new(name, pick_values(columns, height, |column| column.i32()?.cont_slice())?),
            DataType::Float64 => Column::new(name, pick_values(columns, height, |column| column.f64()?.cont_slice())?),
            _ if name == ANTENNA => {
                Column::new(name, pick_values(columns, height, |column| column.u32()?.cont_slice())?)
            }
            _ => narrow(name, pick_counts(columns, height)?),
        })
    });
    DataFrame::new(height, columns.collect::<PolarsResult<_>>()?)
}

type PickedColumn<'a> = (&'a Column, &'a [Range<usize>]);

fn pick_values<'a, T: Copy + 'a>(
    columns: impl Iterator<Item = PickedColumn<'a>>,
    height: usize,
    values_of: impl Fn(&'a Column) -> PolarsResult<&'a [T]>,
) -> PolarsResult<Vec<T>> {
    let mut picked = Vec::with_capacity(height);
    for (column, rows) in columns {
        let values = values_of(column)?;
        rows.iter().for_each(|rows| picked.extend_from_slice(&values[rows.clone()]));
    }
    Ok(picked)
}

fn pick_counts<'a>(columns: impl Iterator<Item = PickedColumn<'a>>, height: usize) -> PolarsResult<Vec<u64>> {
    let mut picked = Vec::with_capacity(height);
    for (column, rows) in columns {
        if column.dtype() == &DataType::UInt32 {
            let values = column.u32()?.cont_slice()?;
            rows.iter().for_each(|rows| picked.extend(values[rows.clone()].iter().copied().map(u64::from)));
        } else {
            let values = column.u64()?.cont_slice()?;
            rows.iter().for_each(|rows| picked.extend_from_slice(&values[rows.clone()]));
        }
    }
    Ok(picked)
}

fn pick_panes<'a>(columns: impl Iterator<Item = PickedColumn<'a>>, height: usize) -> PolarsResult<Vec<i64>> {
    let mut picked = Vec::with_capacity(height);
    for (column, rows) in columns {
        match Panes::of(column)? {
            Panes::One(pane, _) => {
                picked.extend(std::iter::repeat_n(pane, rows.iter().map(ExactSizeIterator::len).sum()));
            }
            Panes::Each(panes) => {
                let panes = panes.cont_slice()?;
                rows.iter().for_each(|rows| picked.extend_from_slice(&panes[rows.clone()]));
            }
        }
    }
    Ok(picked)
}

/// A column of counts, as u32 where all of them fit.
fn narrow(name: PlSmallStr, counts: Vec<u64>) -> Column {
    let narrow: Result<Vec<u32>, _> = counts.iter().map(|&count| u32::try_from(count)).collect();
    match narrow {
        Ok(narrow) => Column::new(name, narrow),
        Err(_wide) => Column::new(name, counts),
    }
}
