//! The one algebra of Vigía: partial aggregates that merge by adding.
//!
//! [`Partials`] are two tables over the same readings. `cells` has a row for each (pane, antenna) with the sums of
//! [`column`], `sketch` a row for each (pane, antenna, bucket). Counts are u64 in what [`Partials::roll_up`] returns; a
//! table at rest ([`Partials::split_by_pane`]) holds a count as u32 where all of its values fit, which halves the memory
//! of a pane. Every reader takes both. Over all antennas, `cells` has a column more, `latency_rest`: what they add up to is more than
//! a double holds without rounding.
//!
//! [`Partials::roll_up`] groups both tables by some of the keys and adds. It aggregates a micro-batch, merges it into
//! panes, coarsens panes and answers queries; there is no other aggregation. Its law: any split of the readings, in any
//! order, merged in any tree, gives the same tables. Rows are sorted by key, so equal tables are equal in every byte.
//!
//! A roll-up is a plan over one table of all: `sort by key > running totals > group by key > differences`. Most of its inputs are sorted
//! already, and the stable sort merges sorted runs in passes without comparing each row with many others; behind it, a group
//! is a slice of rows, so nothing is hashed and the result is in order. Over all antennas or by line, where a million rows
//! make some hundred groups, it is `group by key > sort by key` instead: hashing costs a tenth of the sort there. So it is for
//! few rows, whose plan costs more than they do, and is shorter this way. Pane, antenna and bucket are packed into one integer,
//! because a sort by several columns has to encode each row first.

use std::ops::Range;

use polars::prelude::*;

use super::expressions::column::{
    ANTENNA, BUCKET, COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_REST, LATENCY_SUM, PACKETS_LOST, PACKETS_SENT, PANE,
    READINGS,
};
use super::expressions::{
    COUNTS, added, carried, floor, in_one_part, in_two_parts, last, latencies, of_reading, running, summed,
};
use super::grid::Grid;
use crate::readings::Slot;
use crate::settings::MAX_PANES;

/// Slots are below `2^SLOT_BITS`: memory does not hold as many antennas.
const SLOT_BITS: u32 = 28;

/// A bucket is within 25,000, so its distance from the lowest fits.
const BUCKET_BITS: u32 = 16;

const _: () = assert!(MAX_PANES <= 1 << (64 - SLOT_BITS - BUCKET_BITS), "the key of a row has no room for its pane");

/// From so many rows on, running totals save more than they add to the plan.
const MANY_ROWS: usize = 4_096;

/// Up to so many lines make few groups of many rows.
const FEW_LINES: u32 = 2_048;

/// How many groups a roll-up makes of its rows: whether they are worth to be hashed, or to be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    Few,
    Many,
}

/// The packed key of a row.
const KEY: &str = "key";

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

impl Partials {
    /// No rows.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            cells: DataFrame::empty_with_schema(&cells_schema()),
            sketch: DataFrame::empty_with_schema(&sketch_schema()),
        }
    }

    /// No rows over all antennas.
    #[must_use]
    pub fn empty_network() -> Self {
        Self { cells: DataFrame::empty_with_schema(&network_schema()), ..Self::empty() }
    }

    /// The same over all antennas with the columns of the others: each sum of latencies is rounded, once.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn rounded(self) -> PolarsResult<Self> {
        let names: Vec<Expr> = cells_schema().iter_names().map(|name| col(name.clone())).collect();
        let cells = self.cells.lazy().with_column(in_one_part()).select(names).collect()?;
        Ok(Self { cells, ..self })
    }

    /// Each reading of a micro-batch as a partial of its own, in panes of a grid, not rolled up yet: one plan for both tables,
    /// as that of a few rows takes longer than they do.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn of_readings(readings: &DataFrame, panes: Grid) -> PolarsResult<Self> {
        let rows = readings.clone().lazy().select(of_reading(panes)).collect()?;
        let has_latency = rows.column(BUCKET)?.is_not_null();
        let mut sketch = rows.select([PANE, ANTENNA, READINGS, BUCKET])?;
        if !has_latency.all() {
            sketch = sketch.filter(&has_latency)?;
        }
        sketch.rename(READINGS, COUNT.into())?;
        Ok(Self { cells: rows.drop(BUCKET)?, sketch })
    }

    /// Adds up the rows of all parts that share the keys kept. The result is sorted by pane, antenna and bucket.
    ///
    /// # Errors
    /// When a part's columns are not those of the module's tables.
    pub fn roll_up<'a>(parts: impl IntoIterator<Item = &'a Self>, keys: Keys) -> PolarsResult<Self> {
        let (cells, sketches): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (&part.cells, &part.sketch)).unzip();
        Ok(Self { cells: roll_up_cells(&cells, keys)?, sketch: roll_up_sketch(&sketches, keys)? })
    }

    /// One table of parts that share no key, in their order.
    ///
    /// # Errors
    /// When a part's columns are not those of the module's tables.
    pub fn together<'a>(parts: impl IntoIterator<Item = &'a Self>) -> PolarsResult<Self> {
        Self::one_table(parts, &cells_schema())
    }

    /// One table of parts over all antennas, likewise.
    ///
    /// # Errors
    /// When a part's columns are not those of the module's tables over all antennas.
    pub fn networks_together<'a>(parts: impl IntoIterator<Item = &'a Self>) -> PolarsResult<Self> {
        Self::one_table(parts, &network_schema())
    }

    fn one_table<'a>(parts: impl IntoIterator<Item = &'a Self>, cells: &Schema) -> PolarsResult<Self> {
        let (tables, sketches): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (&part.cells, &part.sketch)).unzip();
        Ok(Self { cells: union(&tables, cells)?, sketch: sketches_together(&sketches)? })
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
                Ok((pane, Self { cells: part(&self.cells, pane, rows)?, sketch: part(&self.sketch, pane, sketch)? }))
            })
            .collect()
    }

    /// The same tables with every row in one pane, whose start is held once instead of in each row.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn with_pane(mut self, start: i64) -> PolarsResult<Self> {
        for frame in [&mut self.cells, &mut self.sketch] {
            set_pane(frame, start)?;
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
        let counts = |name| self.cells.column(name)?.cast(&DataType::UInt64);
        let (sent, lost) = (counts(PACKETS_SENT)?, counts(PACKETS_LOST)?);
        polars_ensure!(sent.u64()?.gt_eq(lost.u64()?).all(), ComputeError: "an antenna lost more than it sent");
        Ok(())
    }
}

/// The cells of some antennas, whose slots ascend, from tables that are each sorted by antenna within one pane.
///
/// # Errors
/// When a column is missing.
pub fn cells_of_antennas(tables: &[&DataFrame], slots: &[Slot]) -> PolarsResult<DataFrame> {
    rows_of_antennas(tables, &cells_schema(), slots)
}

/// The sketches of some antennas, likewise.
///
/// # Errors
/// When a column is missing.
pub fn sketch_of_antennas(tables: &[&DataFrame], slots: &[Slot]) -> PolarsResult<DataFrame> {
    rows_of_antennas(tables, &sketch_schema(), slots)
}

/// The rows of some antennas. They are found by binary search, because a filter would look at
/// every antenna's rows to find those of a few, and copied column by column, because a slice of each of hundreds of tables
/// would cost more than its rows.
fn rows_of_antennas(tables: &[&DataFrame], schema: &Schema, slots: &[Slot]) -> PolarsResult<DataFrame> {
    let rows = tables.iter().map(|table| ranges(table, slots)).collect::<PolarsResult<Vec<_>>>()?;
    let column = |(name, dtype): (&PlSmallStr, &DataType)| {
        let parts = tables.iter().map(|table| table.column(name)).zip(&rows);
        match dtype {
            DataType::Int32 => gathered::<Int32Type>(name, parts),
            DataType::Int64 => gathered::<Int64Type>(name, parts),
            DataType::UInt32 => gathered::<UInt32Type>(name, parts),
            DataType::UInt64 => gathered::<UInt64Type>(name, parts),
            _ => gathered::<Float64Type>(name, parts),
        }
    };
    let height = rows.iter().flatten().map(ExactSizeIterator::len).sum();
    DataFrame::new(height, schema.iter().map(column).collect::<PolarsResult<Vec<_>>>()?)
}

/// Where the rows of some antennas lie in a table that is sorted by antenna.
fn ranges(table: &DataFrame, slots: &[Slot]) -> PolarsResult<Vec<Range<usize>>> {
    let known = table.column(ANTENNA)?.u32()?.cont_slice()?;
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(slots.len());
    for slot in slots {
        let rows = known.partition_point(|it| it < slot)..known.partition_point(|it| it <= slot);
        match ranges.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => ranges.push(rows),
        }
    }
    Ok(ranges)
}

/// Some rows of a column of several tables, each of which holds one value for all rows, one for each, or narrow counts.
fn gathered<'a, T: PolarsNumericType>(
    name: &PlSmallStr,
    parts: impl Iterator<Item = (PolarsResult<&'a Column>, &'a Vec<Range<usize>>)>,
) -> PolarsResult<Column> {
    let is_wrong = || polars_err!(ComputeError: "{name} holds something else than numbers");
    let mut values: Vec<T::Native> = Vec::new();
    for (column, rows) in parts {
        match column? {
            // An empty column holds no value.
            Column::Scalar(one) if one.is_empty() => {}
            Column::Scalar(one) => {
                let value: T::Native = one.scalar().value().extract().ok_or_else(is_wrong)?;
                values.extend(std::iter::repeat_n(value, rows.iter().map(ExactSizeIterator::len).sum()));
            }
            Column::Series(each) => match each.unpack::<T>() {
                Ok(each) => {
                    let each = each.cont_slice()?;
                    rows.iter().for_each(|rows| values.extend_from_slice(&each[rows.clone()]));
                }
                Err(_) => {
                    let counts = each.u32()?.cont_slice()?;
                    let counts = rows.iter().flat_map(|rows| &counts[rows.clone()]);
                    values.extend(counts.filter_map(|count| AnyValue::UInt32(*count).extract::<T::Native>()));
                }
            },
        }
    }
    Ok(ChunkedArray::<T>::from_vec(name.clone(), values).into_column())
}

/// One table of the cells of panes that share no key, in their order.
///
/// # Errors
/// When a table does not have the module's columns.
pub fn cells_together(tables: &[&DataFrame]) -> PolarsResult<DataFrame> {
    union(tables, &cells_schema())
}

/// One table of their sketches, likewise.
///
/// # Errors
/// When a table does not have the module's columns.
pub fn sketches_together(tables: &[&DataFrame]) -> PolarsResult<DataFrame> {
    union(tables, &sketch_schema())
}

/// Rolls up tables of cells; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_cells(tables: &[&DataFrame], keys: Keys) -> PolarsResult<DataFrame> {
    let schema = if keys.antenna { cells_schema() } else { network_schema() };
    roll_up(tables, &schema, keys)
}

/// Rolls up tables of sketches; see [`Partials::roll_up`].
///
/// # Errors
/// When a column is missing.
pub fn roll_up_sketch(tables: &[&DataFrame], keys: Keys) -> PolarsResult<DataFrame> {
    roll_up(tables, &sketch_schema(), keys)
}

/// One table of all, with the columns of a schema; none is needed. It is made at once: to take hundreds of small tables into a plan, as an
/// answer about many partitions does, is many times the work on their rows.
///
/// # Errors
/// When a column is missing.
pub fn union(tables: &[&DataFrame], schema: &Schema) -> PolarsResult<DataFrame> {
    let height = tables.iter().map(|table| table.height()).sum();
    let column = |(name, dtype): (&PlSmallStr, &DataType)| {
        let parts = tables.iter().map(|table| table.column(name)).collect::<PolarsResult<Vec<_>>>()?;
        let is_same = parts.windows(2).all(|pair| pair[0].dtype() == pair[1].dtype());
        // A count may be u32 in one table and u64 in another, whatever it is in the schema.
        let is_count = COUNTS.contains(&name.as_str()) || name == COUNT;
        let wide = if is_count { &DataType::UInt64 } else { dtype };
        let dtype = parts.first().filter(|_| is_same).map_or(wide, |first| first.dtype()).clone();
        let mut parts = parts.into_iter().map(|part| series_of(part).cast(&dtype));
        let Some(mut all) = parts.next().transpose()? else { return Ok(Column::new_empty(name.clone(), &dtype)) };
        for part in parts {
            all.append_owned(part?)?;
        }
        Ok(all.rechunk().into_column())
    };
    DataFrame::new(height, schema.iter().map(column).collect::<PolarsResult<Vec<_>>>()?)
}

/// The values of a column. Asking one that holds a single value for all rows would make it hold one for each from then on.
fn series_of(column: &Column) -> Series {
    match column {
        Column::Scalar(one) => one.to_series(),
        Column::Series(each) => Series::clone(each),
    }
}

/// One table of cells of antennas and of what they are over all of them, with sums of latencies in two parts.
fn in_two(tables: &[&DataFrame], schema: &Schema) -> PolarsResult<DataFrame> {
    let (networks, antennas): (Vec<&DataFrame>, Vec<_>) =
        tables.iter().partition(|table| table.get_column_index(LATENCY_REST).is_some());
    if antennas.is_empty() {
        return union(&networks, schema);
    }
    let antennas = union(&antennas, &cells_schema())?.lazy().with_columns(in_two_parts()).collect()?;
    if networks.is_empty() {
        return Ok(antennas);
    }
    union(&[&antennas, &union(&networks, schema)?], schema)
}

/// Adds cells up by step and line instead of antenna; see [`Lines`]. It is a plan, so that columns that are not asked for are
/// not added up.
///
/// # Errors
/// When a column is missing.
pub fn roll_up_lines(tables: &[&DataFrame], lines: &Lines, steps: Grid) -> PolarsResult<LazyFrame> {
    let keys = Keys { pane: Some(steps), antenna: true };
    // Antennas of a line lie anywhere in a table, so there are no sorted runs to merge.
    let groups = if lines.len() <= FEW_LINES { Groups::Few } else { Groups::Many };
    roll_up_by(tables, &cells_schema(), keys, lines.of(col(ANTENNA)), groups)
}

/// The lines of an answer: each stands for some antennas.
#[derive(Debug)]
pub struct Lines {
    /// By slot.
    of_slot: Series,
    len: u32,
}

impl Lines {
    /// A line for each group of antennas.
    #[must_use]
    pub fn new<G: IntoIterator<Item = Slot>>(groups: impl Iterator<Item = G>) -> Self {
        let mut of_slot: Vec<Option<u32>> = Vec::new();
        let mut len = 0;
        for group in groups {
            for slot in group {
                let slot = slot as usize;
                if of_slot.len() <= slot {
                    of_slot.resize(slot + 1, None);
                }
                of_slot[slot] = Some(len);
            }
            len += 1;
        }
        Self { of_slot: Series::new("line".into(), of_slot), len }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The line of an antenna; `None` for those that the answer is not about.
    ///
    /// # Errors
    /// Never in practice: the column is made here.
    pub fn by_slot(&self) -> PolarsResult<impl Fn(Slot) -> Option<usize> + '_> {
        let of_slot = self.of_slot.u32()?;
        // Slots behind the last that has a line are not in the column.
        Ok(move |slot: Slot| {
            let slot = Some(slot as usize).filter(|slot| *slot < of_slot.len())?;
            of_slot.get(slot).map(|line| line as usize)
        })
    }

    /// The line of an antenna; one behind the last for those that the answer is not about.
    fn of(&self, antenna: Expr) -> Expr {
        lit(self.of_slot.clone()).gather(antenna, true).fill_null(lit(self.len))
    }
}

fn roll_up(tables: &[&DataFrame], schema: &Schema, keys: Keys) -> PolarsResult<DataFrame> {
    let antenna = if keys.antenna { col(ANTENNA) } else { lit(0_u32) };
    let groups = if keys.antenna { Groups::Many } else { Groups::Few };
    roll_up_by(tables, schema, keys, antenna, groups)?.collect()
}

fn roll_up_by(
    tables: &[&DataFrame],
    schema: &Schema,
    keys: Keys,
    antenna: Expr,
    groups: Groups,
) -> PolarsResult<LazyFrame> {
    let has_buckets = schema.contains(BUCKET);
    let (counts, first, latencies): (&[&str], &[&str], _) = match has_buckets {
        true => (&[COUNT], &[PANE, ANTENNA, BUCKET], Vec::new()),
        false => (&COUNTS, &[PANE, ANTENNA], latencies(schema.contains(LATENCY_REST))),
    };
    let first: Vec<Expr> = first.iter().map(|name| col(*name).first()).collect();
    let pane = keys.pane.map_or_else(|| lit(0_i64), |grid| floor(col(PANE), grid)).alias(PANE);
    let key = key(tables, keys, has_buckets)?;
    let is_network = schema.contains(LATENCY_REST);
    let rows = if is_network { in_two(tables, schema)? } else { union(tables, schema)? };
    let keyed = rows.lazy().with_columns([pane, antenna.alias(ANTENNA)]).with_column(key.alias(KEY));
    let in_order = SortMultipleOptions::default().with_maintain_order(true).with_multithreaded(false);
    let rows: usize = tables.iter().map(|table| table.height()).sum();
    let rolled_up = if groups == Groups::Many && rows >= MANY_ROWS {
        let sorted = keyed.sort([KEY], in_order).with_columns(running(counts)).group_by([col(KEY)]);
        sorted.agg([first, last(counts), latencies].concat()).with_columns(added(counts))
    } else {
        keyed.group_by([col(KEY)]).agg([first, summed(counts), latencies].concat()).sort([KEY], in_order)
    };
    let rolled_up = if is_network { rolled_up.with_columns(carried()) } else { rolled_up };
    let names: Vec<Expr> = schema.iter_names().map(|name| col(name.clone())).collect();
    Ok(rolled_up.select(names))
}

/// The packed key of a row: the number of its pane, its antenna and its bucket, from the highest bit down.
fn key(tables: &[&DataFrame], keys: Keys, has_buckets: bool) -> PolarsResult<Expr> {
    let as_key = |part: Expr| part.cast(DataType::UInt64);
    let mut key = lit(0_u64);
    if let Some(grid) = keys.pane {
        let (first, last) = extent(tables)?.map_or((0, 0), |(first, last)| (grid.floor(first), grid.floor(last)));
        let panes = (last - first) / grid.width_ms;
        polars_ensure!(panes < MAX_PANES, ComputeError: "a roll-up spans {panes} panes, more than {MAX_PANES}");
        key = as_key((col(PANE) - lit(first)).floor_div(lit(grid.width_ms)));
    }
    if keys.antenna {
        key = key * lit(1_u64 << SLOT_BITS) + as_key(col(ANTENNA));
    }
    if has_buckets {
        let from_lowest = col(BUCKET) - lit(super::sketch::ZERO_BUCKET);
        key = key * lit(1_u64 << BUCKET_BITS) + as_key(from_lowest);
    }
    Ok(key)
}

/// The first and the last pane of some tables; `None` where there are no rows.
fn extent(tables: &[&DataFrame]) -> PolarsResult<Option<(i64, i64)>> {
    let mut extent: Option<(i64, i64)> = None;
    for table in tables.iter().filter(|table| table.height() > 0) {
        let (first, last) = match table.column(PANE)? {
            // Asking the column for its values would make it hold one for each row from then on.
            Column::Scalar(one) => {
                let pane = one.scalar().value().extract::<i64>();
                let pane = pane.ok_or_else(|| polars_err!(ComputeError: "the pane is not a number"))?;
                (pane, pane)
            }
            each @ Column::Series(_) => {
                let panes = each.i64()?;
                (panes.min().unwrap_or_default(), panes.max().unwrap_or_default())
            }
        };
        extent = Some(extent.map_or((first, last), |(low, high)| (low.min(first), high.max(last))));
    }
    Ok(extent)
}

/// The columns of cells, in their order, with counts as a roll-up gives them.
fn cells_schema() -> Schema {
    let keys = [(PANE, DataType::Int64), (ANTENNA, DataType::UInt32)];
    let counts = COUNTS.map(|name| (name, DataType::UInt64));
    let latencies = [LATENCY_SUM, LATENCY_MIN, LATENCY_MAX].map(|name| (name, DataType::Float64));
    schema(keys.into_iter().chain(counts).chain(latencies))
}

/// The columns of cells over all antennas.
fn network_schema() -> Schema {
    let mut schema = cells_schema();
    schema.with_column(LATENCY_REST.into(), DataType::UInt64);
    schema
}

/// The columns of sketches.
fn sketch_schema() -> Schema {
    schema([(PANE, DataType::Int64), (ANTENNA, DataType::UInt32), (COUNT, DataType::UInt64), (BUCKET, DataType::Int32)])
}

fn schema<'a>(columns: impl IntoIterator<Item = (&'a str, DataType)>) -> Schema {
    columns.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect()
}

/// The runs of equal panes of a table that is sorted by pane, with their rows.
pub(super) fn runs(table: &DataFrame) -> PolarsResult<Vec<(i64, Range<usize>)>> {
    let mut runs = Vec::new();
    let mut row = 0;
    for run in table.column(PANE)?.i64()?.cont_slice()?.chunk_by(|a, b| a == b) {
        runs.push((run[0], row..row + run.len()));
        row += run.len();
    }
    Ok(runs)
}

/// The rows of one pane, whose start is held once instead of in each of them, in buffers of their own.
pub(super) fn part(table: &DataFrame, start: i64, rows: Range<usize>) -> PolarsResult<DataFrame> {
    let mut part = at_rest(table, rows)?;
    set_pane(&mut part, start)?;
    Ok(part)
}

/// Sets the pane of all rows.
fn set_pane(table: &mut DataFrame, start: i64) -> PolarsResult<()> {
    let pane = Column::new_scalar(PANE.into(), start.into(), table.height());
    match table.get_column_index(PANE) {
        Some(index) => table.replace_column(index, pane)?,
        None => table.insert_column(0, pane)?,
    };
    Ok(())
}

/// Some rows of a table in buffers of their own, with counts as narrow as they fit; see the module.
fn at_rest(table: &DataFrame, rows: Range<usize>) -> PolarsResult<DataFrame> {
    narrowed(table.take(&IdxCa::from_vec("".into(), indices(rows).collect()))?)
}

/// The same table with counts as narrow as they fit; see the module.
///
/// # Errors
/// When a column cannot be replaced.
pub fn narrowed(mut part: DataFrame) -> PolarsResult<DataFrame> {
    for name in COUNTS.into_iter().chain([COUNT]) {
        let Some(index) = part.get_column_index(name) else { continue };
        // A table of narrow ones stays as it is.
        let Ok(counts) = part.columns()[index].u64() else { continue };
        if counts.max().is_none_or(|most| most <= u64::from(u32::MAX)) {
            let narrow = counts.cast(&DataType::UInt32)?;
            part.replace_column(index, narrow.into_column())?;
        }
    }
    Ok(part)
}

#[expect(clippy::cast_possible_truncation, reason = "a table of Polars has fewer than 2^32 rows")]
fn indices(rows: Range<usize>) -> impl Iterator<Item = IdxSize> {
    rows.map(|row| row as IdxSize)
}
