//! From panes to the rows of files, and back to partials.
//!
//! A row is a partial with its sketch as two lists and its antenna as text, so a file stands alone: counts are 64-bit integers
//! with a sign, as not every engine has others, a latency that is not there is null, times are in UTC. A minute of an
//! antenna also says in how many of its panes it was down or degraded, which its sums level out.

use std::collections::HashMap;
use std::sync::Arc;

use polars::prelude::*;
use polars::series::IsSorted;
use shared::api::Status;

use crate::readings::Slot;
use crate::store::archived::{DAY_MS, HOUR_MS, PartitionNumber, Table};
use crate::store::expected::Limits;
use crate::store::expressions::column::{
    ANTENNA, BUCKET, COUNT, LATENCY_COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, PANE,
};
use crate::store::expressions::{COUNTS, floor, known_if, time};
use crate::store::grid::Grid;
use crate::store::partials::{Keys, Partials, narrowed};
use crate::store::{Pane, Store};

/// Columns of files; those of partials that are not listed have the same name.
pub mod column {
    /// The antenna's id, text; only in tables by antenna.
    pub const ANTENNA_ID: &str = "antenna_id";
    /// Start of the minute or hour, a time in UTC.
    pub const START: &str = "start";
    /// Sum of latencies, f64, milliseconds.
    pub const LATENCY_SUM_MS: &str = "latency_sum_ms";
    /// Smallest latency, f64, milliseconds; null where no reading carries one.
    pub const LATENCY_MIN_MS: &str = "latency_min_ms";
    /// Largest latency, likewise.
    pub const LATENCY_MAX_MS: &str = "latency_max_ms";
    /// Panes in which the antenna was down, i64; only in tables by antenna, as the next.
    pub const PANES_DOWN: &str = "panes_down";
    /// Panes in which it was degraded, i64.
    pub const PANES_DEGRADED: &str = "panes_degraded";
    /// Whether a reading was counted after its pane had closed, bool.
    pub const REVISED: &str = "revised";
    /// Buckets of the sketch, a list of i32, ascending.
    pub const LATENCY_BUCKETS: &str = "latency_buckets";
    /// Readings in each of them, a list of i64.
    pub const LATENCY_BUCKET_COUNTS: &str = "latency_bucket_counts";
}
use column::{
    ANTENNA_ID, LATENCY_BUCKET_COUNTS, LATENCY_BUCKETS, LATENCY_MAX_MS, LATENCY_MIN_MS, LATENCY_SUM_MS, PANES_DEGRADED,
    PANES_DOWN, REVISED, START,
};

/// The position of an antenna among the ids of a file.
const RANK: &str = "rank";

/// The number of a row's sketch.
const SKETCH: &str = "sketch";

/// What rows are sorted by.
const KEY: &str = "key";

/// What of the cells is counted beside the partials: how panes fared.
const FARED: [&str; 2] = [PANES_DOWN, PANES_DEGRADED];

/// An hour that is final: its panes, and the ids of the antennas in them.
#[derive(Debug, Clone)]
pub struct FinalHour {
    /// The number of its partition.
    pub partition: PartitionNumber,
    /// Its start, milliseconds since the epoch.
    pub start_ms: i64,
    /// Its panes, in order of time.
    pub panes: Vec<Arc<Pane>>,
    /// The width of rows in milliseconds: a minute, or a pane where that is wider.
    pub row_ms: i64,
    /// The ids of all antennas that its panes name.
    pub ids: Vec<(Slot, Arc<str>)>,
    /// By what they are judged.
    pub limits: Limits,
}

impl FinalHour {
    /// An hour of a store, by its start and its panes.
    #[must_use]
    pub fn of(store: &Store, (start_ms, panes): (i64, Vec<Arc<Pane>>), row_ms: i64) -> Self {
        let ids = store.antennas().iter().map(|(slot, antenna)| (slot, Arc::clone(&antenna.id))).collect();
        Self { partition: store.partition(), start_ms, panes, row_ms, ids, limits: store.limits() }
    }

    /// The readings that it adds up to.
    ///
    /// # Errors
    /// When a pane lacks a column.
    pub fn readings(&self) -> PolarsResult<u64> {
        self.panes.iter().map(|pane| pane.readings()).sum()
    }

    /// The rows of its tables.
    ///
    /// # Errors
    /// When a pane lacks a column, or names an antenna without an id.
    pub fn tables(&self) -> PolarsResult<Vec<(Table, DataFrame)>> {
        let (minutes, hours) = (Grid::of_width(self.row_ms), Grid::of_width(HOUR_MS));
        let by_antenna = |grid| Keys { pane: Some(grid), antenna: true };
        let over_all = |grid| Keys { pane: Some(grid), antenna: false };
        let parts = self.panes.iter().map(|pane| pane.antennas()).collect::<PolarsResult<Vec<_>>>()?;
        let (of_minutes, network_minutes) =
            if self.panes.iter().all(|pane| minutes.floor(pane.start_ms) == pane.start_ms) {
                // A pane is a row: there is nothing to add up, and what tiles were made of is known over all antennas.
                let panes: Vec<&Pane> = self.panes.iter().map(|pane| &**pane).collect();
                (Partials::together(&parts)?, Partials::networks_together(Pane::networks(&panes, minutes)?)?)
            } else {
                let of_minutes = Partials::roll_up(&parts, by_antenna(minutes))?;
                let network_minutes = Partials::roll_up([&of_minutes], over_all(minutes))?;
                (of_minutes, network_minutes)
            };
        let of_hours = Partials::roll_up([&of_minutes], by_antenna(hours))?;
        let network_hours = Partials::roll_up([&network_minutes], over_all(hours))?;
        let fared = self.fared()?;
        let ids = Ids::new(&self.ids);
        let told = |partials: &Partials, grid, ids| table(partials, &fared, &self.revised()?, grid, ids);
        let (network_minutes, network_hours) = (network_minutes.rounded()?, network_hours.rounded()?);
        Ok(vec![
            (Table::Minutes, told(&of_minutes, minutes, Some(&ids))?),
            (Table::Hours, told(&of_hours, hours, Some(&ids))?),
            (Table::NetworkMinutes, told(&network_minutes, minutes, None)?),
            (Table::NetworkHours, told(&network_hours, hours, None)?),
        ])
    }

    /// A row for each pane and antenna that was worse than well in it.
    fn fared(&self) -> PolarsResult<DataFrame> {
        let (mut panes, mut slots, mut down) = (Vec::new(), Vec::new(), Vec::new());
        let all: Vec<&Pane> = self.panes.iter().map(|pane| &**pane).collect();
        for (pane, judged) in all.iter().zip(Pane::judged(&all, &self.limits)?) {
            for (slot, status) in judged.iter() {
                panes.push(pane.start_ms);
                slots.push(slot);
                down.push(i64::from(status == Status::Down));
            }
        }
        let degraded: Vec<i64> = down.iter().map(|down| 1 - down).collect();
        let columns = vec![
            Column::new(PANE.into(), panes),
            Column::new(ANTENNA.into(), slots),
            Column::new(PANES_DOWN.into(), down),
            Column::new(PANES_DEGRADED.into(), degraded),
        ];
        DataFrame::new(columns[0].len(), columns)
    }

    /// A row for each pane that was revised.
    fn revised(&self) -> PolarsResult<DataFrame> {
        revised_panes(self.panes.iter().filter(|pane| pane.revised).map(|pane| pane.start_ms).collect())
    }
}

/// A row for each pane that was revised, of their starts.
fn revised_panes(starts: Vec<i64>) -> PolarsResult<DataFrame> {
    DataFrame::new(starts.len(), vec![Column::new(PANE.into(), starts)])
}

/// Numbers for antennas, given as they are met.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Slot>,
}

impl Numbers {
    /// The number of an antenna.
    pub(super) fn number(&mut self, id: &str) -> Slot {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let (id, number) = (Arc::<str>::from(id), Slot::try_from(self.ids.len()).unwrap_or(Slot::MAX));
        self.ids.push(Arc::clone(&id));
        self.numbers.insert(id, number);
        number
    }

    /// The antennas by number.
    pub(super) fn ids(&self) -> &[Arc<str>] {
        &self.ids
    }

    /// Each number with its antenna.
    fn known(&self) -> Vec<(Slot, Arc<str>)> {
        (0..).zip(self.ids.iter().map(Arc::clone)).collect()
    }
}

/// Ids in the order of text, and where the antennas are among them.
struct Ids {
    /// By slot.
    ranks: Series,
    /// By rank.
    ids: Series,
}

impl Ids {
    fn new(known: &[(Slot, Arc<str>)]) -> Self {
        let mut known: Vec<(&str, Slot)> = known.iter().map(|(slot, id)| (&**id, *slot)).collect();
        known.sort_unstable();
        let slots = known.iter().map(|(_, slot)| *slot as usize + 1).max().unwrap_or(0);
        let mut ranks: Vec<Option<u32>> = vec![None; slots];
        for (rank, (_, slot)) in (0..).zip(&known) {
            ranks[*slot as usize] = Some(rank);
        }
        let ids: Vec<&str> = known.iter().map(|(id, _)| *id).collect();
        Self { ranks: Series::new(RANK.into(), ranks), ids: Series::new(ANTENNA_ID.into(), ids) }
    }

    fn rank(&self) -> Expr {
        lit(self.ranks.clone()).gather(col(ANTENNA), true).alias(RANK)
    }

    fn id(&self) -> Expr {
        lit(self.ids.clone()).gather(col(RANK), true).alias(ANTENNA_ID)
    }
}

/// The rows of days, of those of hours, which are sorted: all of some antennas, or over all antennas.
///
/// # Errors
/// When a column is not there or of another type.
pub fn of_days(hours: &DataFrame) -> PolarsResult<DataFrame> {
    let (is_by_antenna, days) = (hours.get_column_index(ANTENNA_ID).is_some(), Grid::of_width(DAY_MS));
    let mut numbers = Numbers::default();
    let cells = Rows::new(hours, Part::Cells, |id| numbers.number(id))?.table;
    let sketch = Rows::new(hours, Part::Sketch, |id| numbers.number(id))?.table;
    let mut fared = cells.select([PANE, ANTENNA])?;
    if is_by_antenna {
        fared.hstack_mut(hours.select(FARED)?.columns())?;
    }
    let partials = Partials::roll_up([&Partials { cells, sketch }], Keys { pane: Some(days), antenna: is_by_antenna })?;
    let partials = if is_by_antenna { partials } else { partials.rounded()? };
    let ids = is_by_antenna.then(|| Ids::new(&numbers.known()));
    let mut rows = table(&partials, &fared, &revised_panes(Vec::new())?, days, ids.as_ref())?;
    // A row of an hour tells it for its antenna alone, and they are in the order of the rows of days.
    let is_revised = [col(REVISED).any(true)];
    let hours = hours.clone().lazy();
    let is_revised = match is_by_antenna {
        true => hours.group_by_stable([col(ANTENNA_ID)]).agg(is_revised),
        false => hours.select(is_revised),
    };
    rows.with_column(is_revised.collect()?.column(REVISED)?.clone())?;
    Ok(rows)
}

/// The rows of partials that are rolled up to a grid: with ids by antenna, sorted by them, without over all antennas.
fn table(
    partials: &Partials,
    fared: &DataFrame,
    revised: &DataFrame,
    grid: Grid,
    ids: Option<&Ids>,
) -> PolarsResult<DataFrame> {
    let keys = || [col(PANE), col(ANTENNA)];
    let left = |table: LazyFrame, other: LazyFrame, on: &[Expr]| {
        let how = JoinArgs::new(JoinType::Left).with_coalesce(JoinCoalesce::CoalesceColumns);
        table.join(other, on, on, JoinArgs { maintain_order: MaintainOrderJoin::Left, ..how })
    };
    let step = || floor(col(PANE), grid).alias(PANE);
    let is_revised = revised.clone().lazy().select([step()]).unique(None, UniqueKeepStrategy::Any);
    let is_revised = is_revised.with_column(lit(true).alias(REVISED));
    let counts = COUNTS.map(|name| col(name).cast(DataType::Int64));
    let has_latency = || col(LATENCY_COUNT).gt(lit(0_i64));
    let latencies = [
        col(LATENCY_SUM).alias(LATENCY_SUM_MS),
        known_if(has_latency(), col(LATENCY_MIN)).alias(LATENCY_MIN_MS),
        known_if(has_latency(), col(LATENCY_MAX)).alias(LATENCY_MAX_MS),
    ];
    // Cells and sketches are in the same order, and the cells with a latency are those that have a sketch. Lists are dear to move,
    // so they are taken to their rows once, at the end.
    let lists = lists(&partials.sketch)?;
    let number = has_latency().cast(DataType::UInt32).cum_sum(false) - lit(1_u32);
    let mut rows = partials.cells.clone().lazy().with_column(known_if(has_latency(), number).alias(SKETCH));
    rows = left(rows, is_revised, &[col(PANE)]).with_column(col(REVISED).fill_null(lit(false)));
    if let Some(ids) = ids {
        let sums = FARED.map(|name| col(name).sum());
        let fared = fared.clone().lazy().with_column(step()).group_by(keys()).agg(sums);
        rows = left(rows, fared, &keys()).with_columns(FARED.map(|name| col(name).fill_null(lit(0_i64))));
        let in_order = SortMultipleOptions::default().with_multithreaded(false);
        // One key is sorted faster than two: a file spans less than 2^32 ms.
        let key = ids.rank().cast(DataType::Int64) * lit(1_i64 << 32) + col(PANE) - col(PANE).min();
        rows = rows.with_columns([ids.rank(), key.alias(KEY)]).sort([KEY], in_order).with_column(ids.id());
    }
    let sketches =
        lists.columns().iter().map(|list| lit(list.as_materialized_series().clone()).gather(col(SKETCH), true));
    let rows = rows.with_columns(counts).with_columns(latencies).with_columns(sketches.collect::<Vec<_>>());
    let rows = rows.with_column(col(PANE).alias(START)).with_column(time(START));
    let table = rows.select(columns(ids.is_some()).into_iter().map(col).collect::<Vec<_>>()).collect()?;
    let nameless = ids.is_some() && table.column(ANTENNA_ID)?.null_count() > 0;
    polars_ensure!(!nameless, ComputeError: "a pane names an antenna that has no id");
    let latencies = partials.cells.column(LATENCY_COUNT)?.cast(&DataType::UInt64)?;
    let known = latencies.u64()?.gt(0_u64).sum().unwrap_or(0) as usize;
    polars_ensure!(known == lists.height(), ComputeError: "{known} cells have a latency, and {} have a sketch", lists.height());
    Ok(table)
}

/// The sketches of a table that is sorted by pane and antenna, as two lists for each of them.
fn lists(sketch: &DataFrame) -> PolarsResult<DataFrame> {
    let changes = |name: &str| col(name).neq_missing(col(name).shift(lit(1)));
    let number = changes(PANE).or(changes(ANTENNA)).cast(DataType::UInt32).cum_sum(false).alias(SKETCH);
    let lists = [col(BUCKET).alias(LATENCY_BUCKETS), col(COUNT).cast(DataType::Int64).alias(LATENCY_BUCKET_COUNTS)];
    let number = sketch.clone().lazy().select([number]).collect()?;
    let mut number = number.column(SKETCH)?.as_materialized_series().clone();
    // Groups of a key that ascends are runs, which need no table of hashes.
    number.set_sorted_flag(IsSorted::Ascending);
    let numbered = sketch.hstack(&[number.into_column()])?.lazy();
    numbered.group_by_stable([col(SKETCH)]).agg(lists).collect()?.select([LATENCY_BUCKETS, LATENCY_BUCKET_COUNTS])
}

/// The columns of a file, in their order.
#[must_use]
pub fn columns(is_by_antenna: bool) -> Vec<&'static str> {
    let mut columns = vec![START];
    columns.extend(COUNTS);
    columns.extend([LATENCY_SUM_MS, LATENCY_MIN_MS, LATENCY_MAX_MS]);
    if is_by_antenna {
        columns.insert(0, ANTENNA_ID);
        columns.extend(FARED);
    }
    columns.extend([REVISED, LATENCY_BUCKETS, LATENCY_BUCKET_COUNTS]);
    columns
}

/// What of the rows of a file is read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Sums, and how panes fared.
    Cells,
    /// The sketch.
    Sketch,
}

impl Part {
    /// The columns of a table that it is made of.
    #[must_use]
    pub fn columns(self, table: Table) -> Vec<&'static str> {
        let mut columns = vec![START];
        if table.is_by_antenna() {
            columns.push(ANTENNA_ID);
        }
        match self {
            Self::Cells => {
                columns.extend(COUNTS);
                columns.extend([LATENCY_SUM_MS, LATENCY_MIN_MS, LATENCY_MAX_MS, REVISED]);
                if table.is_by_antenna() {
                    columns.extend(FARED);
                }
            }
            Self::Sketch => columns.extend([LATENCY_BUCKETS, LATENCY_BUCKET_COUNTS]),
        }
        columns
    }
}

/// Rows of a file as a table of partials.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Cells or a sketch, as [`Partials`] have them, in the order of the file.
    pub table: DataFrame,
    /// The starts of rows, and the antennas that were worse than well in a pane of them.
    pub fared: Vec<(i64, Slot, Status)>,
    /// The starts of rows of which a pane was revised.
    pub revised: Vec<i64>,
}

impl Rows {
    /// Rows as they were read. `slot` gives antennas their slots. Column by column: a question may be about a hundred files, and a
    /// plan takes longer than their rows do.
    ///
    /// # Errors
    /// When a column is not there or of another type.
    pub fn new(rows: &DataFrame, part: Part, slot: impl FnMut(&str) -> Slot) -> PolarsResult<Self> {
        let pane = rows.column(START)?.cast(&DataType::Int64)?.with_name(PANE.into());
        let antenna = match rows.column(ANTENNA_ID) {
            Ok(ids) => Column::new(ANTENNA.into(), slots(ids.str()?, slot)),
            Err(_) => Column::new_scalar(ANTENNA.into(), 0_u32.into(), rows.height()),
        };
        match part {
            Part::Sketch => {
                let buckets = rows.column(LATENCY_BUCKETS)?;
                let counts = rows.column(LATENCY_BUCKET_COUNTS)?.clone().with_name(COUNT.into());
                let columns = vec![pane, antenna, counts, buckets.clone().with_name(BUCKET.into())];
                let rows = DataFrame::new(rows.height(), columns)?.filter(&buckets.is_not_null())?;
                let how = ExplodeOptions { empty_as_null: false, keep_nulls: false };
                let mut table = rows.explode([COUNT, BUCKET], how)?;
                table.with_column(count(&table, COUNT)?)?;
                Ok(Self { table: narrowed(table)?, fared: Vec::new(), revised: Vec::new() })
            }
            Part::Cells => {
                let latency = |from: &str, to: &str, nothing: f64| -> PolarsResult<Column> {
                    let known = rows.column(from)?.f64()?.fill_null_with_values(nothing)?;
                    Ok(known.with_name(to.into()).into_column())
                };
                let mut columns = vec![pane, antenna];
                columns.extend(COUNTS.map(|name| count(rows, name)).into_iter().collect::<PolarsResult<Vec<_>>>()?);
                columns.push(latency(LATENCY_SUM_MS, LATENCY_SUM, 0.0)?);
                columns.push(latency(LATENCY_MIN_MS, LATENCY_MIN, f64::INFINITY)?);
                columns.push(latency(LATENCY_MAX_MS, LATENCY_MAX, f64::NEG_INFINITY)?);
                let table = DataFrame::new(rows.height(), columns)?;
                let table = narrowed(table.select(Partials::empty().cells.get_column_names_owned())?)?;
                Ok(Self { fared: fared(rows, &table)?, revised: revised(rows, &table)?, table })
            }
        }
    }
}

/// A count as a roll-up gives it. One below zero is an error.
fn count(rows: &DataFrame, name: &str) -> PolarsResult<Column> {
    rows.column(name)?.strict_cast(&DataType::UInt64)
}

/// The slots of the antennas of rows. Equal ids lie side by side.
fn slots(ids: &StringChunked, mut slot: impl FnMut(&str) -> Slot) -> Vec<Slot> {
    let mut last: Option<(&str, Slot)> = None;
    let mut slots = Vec::with_capacity(ids.len());
    for id in ids.iter() {
        let id = id.unwrap_or_default();
        let slot = last.filter(|(known, _)| *known == id).map_or_else(|| slot(id), |(_, slot)| slot);
        last = Some((id, slot));
        slots.push(slot);
    }
    slots
}

/// The rows of antennas that were worse than well in a pane.
fn fared(rows: &DataFrame, table: &DataFrame) -> PolarsResult<Vec<(i64, Slot, Status)>> {
    let (Ok(down), Ok(degraded)) = (rows.column(PANES_DOWN), rows.column(PANES_DEGRADED)) else {
        return Ok(Vec::new());
    };
    let is_down = down.i64()?.gt(0_i64);
    let is_worse = &is_down | &degraded.i64()?.gt(0_i64);
    let worse = table.select([PANE, ANTENNA])?.filter(&is_worse)?;
    let (panes, slots) = (worse.column(PANE)?.i64()?.iter(), worse.column(ANTENNA)?.u32()?.iter());
    let status = |is_down| if is_down { Status::Down } else { Status::Degraded };
    let rows = panes.zip(slots).zip(is_down.filter(&is_worse)?.iter().collect::<Vec<_>>());
    Ok(rows.filter_map(|((pane, slot), is_down)| Some((pane?, slot?, status(is_down?)))).collect())
}

/// The starts of rows of which a pane was revised.
fn revised(rows: &DataFrame, table: &DataFrame) -> PolarsResult<Vec<i64>> {
    let is_revised = rows.column(REVISED)?.bool()?;
    let starts = table.column(PANE)?.i64()?.filter(is_revised)?.unique()?;
    Ok(starts.iter().flatten().collect())
}
