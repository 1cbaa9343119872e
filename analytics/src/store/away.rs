//! Tables that another process has.
//!
//! Of a partition that another process owns, this one has the head: the antennas, the incidents, which panes and tiles there are. Their
//! tables stay with the owner until a question reads them. Then they come over together, each once, and are kept as long as the
//! pane is as it was.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use polars::prelude::*;
use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::Status;

use super::antennas::Antennas;
use super::archived::Archived;
use super::expressions::answer::STATUS;
use super::expressions::column::{ANTENNA, PANE};
use super::grid::Grid;
use super::incidents::Incidents;
use super::judged::Judged;
use super::panes::TILE_PANES;
use super::partials::{Partials, cells_of_antennas, cells_together, runs, sketch_of_antennas, sketches_together};
use super::recent::Recent;
use super::{EventClock, Former, Pane, Snapshot};
use crate::readings::Slot;
use crate::settings::Thresholds;

/// Names a pane or a tile as it was at some moment: a number that no other one of the process has that made it.
pub type Stamp = u64;

/// The next stamp.
pub(super) fn next_stamp() -> Stamp {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What is asked of the process that has the tables. Slots are those of the partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The cells of panes and tiles: all, or those of some antennas, whose slots ascend.
    Cells(Vec<Stamp>, Option<Vec<Slot>>),
    /// Their sketches, likewise.
    Sketch(Vec<Stamp>, Option<Vec<Slot>>),
    /// What they measured over all antennas: cells and sketch.
    Network(Vec<Stamp>),
    /// How their antennas fared.
    Judged(Vec<Stamp>),
    /// At most so many of the readings of an antenna that were counted last.
    Recent(Slot, usize),
    /// How many of them are kept.
    RecentCount(Slot),
}

/// Where the tables of a partition are.
pub trait Source: fmt::Debug + Send + Sync {
    /// Has tables sent over. It blocks the thread, as all that uses Polars does.
    ///
    /// # Errors
    /// [`unreachable()`] where there is no answer, or where a pane is not there any more.
    fn tables(&self, wanted: &Wanted) -> PolarsResult<Vec<DataFrame>>;
}

/// The error of a source that does not answer, or does not have any more what it is asked for.
#[must_use]
pub fn unreachable(why: impl fmt::Display) -> PolarsError {
    let error = io::Error::new(io::ErrorKind::NotConnected, why.to_string());
    PolarsError::IO { error: Arc::new(error), msg: None }
}

/// Whether an error is that of [`unreachable()`]: the same question may be answered by another process, or a moment later.
#[must_use]
pub fn is_unreachable(error: &PolarsError) -> bool {
    match error {
        PolarsError::IO { error, .. } => error.kind() == io::ErrorKind::NotConnected,
        PolarsError::Context { error, .. } => is_unreachable(error),
        _ => false,
    }
}

/// Of the newest readings of a partition: with its owner.
#[derive(Debug, Clone)]
pub(super) struct RecentAway(pub(super) Arc<dyn Source>);

impl RecentAway {
    pub(super) fn of(&self, antenna: Slot, limit: usize) -> PolarsResult<DataFrame> {
        one(self.0.tables(&Wanted::Recent(antenna, limit))?)
    }

    pub(super) fn count(&self, antenna: Slot) -> PolarsResult<u64> {
        let count = one(self.0.tables(&Wanted::RecentCount(antenna))?)?;
        Ok(count.column(COUNT)?.u64()?.get(0).unwrap_or(0))
    }
}

/// The column of [`Wanted::RecentCount`].
const COUNT: &str = "count";

impl Snapshot {
    /// Tells what another process wants; `before` are older snapshots, in which a pane may be that has changed since.
    ///
    /// # Errors
    /// [`unreachable()`] where a pane is in none of them, or when a column is missing.
    pub fn tell(&self, before: &[Arc<Self>], wanted: &Wanted, thresholds: &Thresholds) -> PolarsResult<Vec<DataFrame>> {
        let find = |stamps: &[Stamp]| self.find_panes(before, stamps);
        match wanted {
            Wanted::Cells(stamps, antennas) => {
                let panes = find(stamps)?;
                let cells = panes.iter().map(|pane| pane.cells()).collect::<PolarsResult<Vec<_>>>()?;
                Ok(vec![match antennas {
                    Some(slots) => cells_of_antennas(&cells, slots)?,
                    None => cells_together(&cells)?,
                }])
            }
            Wanted::Sketch(stamps, antennas) => {
                let panes = find(stamps)?;
                let sketches = panes.iter().map(|pane| pane.sketch()).collect::<PolarsResult<Vec<_>>>()?;
                Ok(vec![match antennas {
                    Some(slots) => sketch_of_antennas(&sketches, slots)?,
                    None => sketches_together(&sketches)?,
                }])
            }
            Wanted::Network(stamps) => {
                let panes = find(stamps)?;
                let panes: Vec<&Pane> = panes.iter().map(|pane| &**pane).collect();
                let all = Partials::networks_together(Pane::networks(&panes, self.grid)?)?;
                Ok(vec![all.cells, all.sketch])
            }
            Wanted::Judged(stamps) => {
                let panes = find(stamps)?;
                let panes: Vec<&Pane> = panes.iter().map(|pane| &**pane).collect();
                let judged = Pane::judged(&panes, &self.antennas.limits(*thresholds))?;
                let rows = panes.iter().zip(judged).map(|(pane, judged)| {
                    let mut rows = judged.table(STATUS)?;
                    rows.insert_column(0, Column::new_scalar(PANE.into(), pane.start_ms.into(), rows.height()))?;
                    Ok(rows.lazy())
                });
                let rows = rows.collect::<PolarsResult<Vec<_>>>()?;
                Ok(vec![if rows.is_empty() {
                    nobody_judged()
                } else {
                    concat(rows, UnionArgs::default())?.collect()?
                }])
            }
            Wanted::Recent(antenna, limit) => Ok(vec![self.recent.of(*antenna, *limit)?]),
            Wanted::RecentCount(antenna) => {
                Ok(vec![DataFrame::new(1, vec![Column::new(COUNT.into(), [self.recent.count(*antenna)?])])?])
            }
        }
    }

    /// Panes and tiles by their stamps, in that order.
    fn find_panes(&self, before: &[Arc<Self>], stamps: &[Stamp]) -> PolarsResult<Vec<Arc<Pane>>> {
        let mut found: HashMap<Stamp, &Arc<Pane>> = HashMap::with_capacity(stamps.len());
        for snapshot in before.iter().map(|it| &**it).chain([self]) {
            found.extend(snapshot.panes_and_tiles().map(|(_, pane)| (pane.stamp(), pane)));
        }
        let find = |stamp| {
            found.get(stamp).map(|pane| Arc::clone(pane)).ok_or_else(|| unreachable("a pane has changed since"))
        };
        stamps.iter().map(find).collect()
    }

    /// All panes and tiles, each with its level: 0 for panes.
    pub fn panes_and_tiles(&self) -> impl Iterator<Item = (usize, &Arc<Pane>)> {
        let tiles =
            self.tiles.iter().enumerate().flat_map(|(level, tiles)| tiles.values().map(move |it| (level + 1, it)));
        self.panes.values().map(|pane| (0, pane)).chain(tiles)
    }
}

/// A pane or a tile as it is told of: its level (0 for panes), its start in milliseconds since the epoch, its stamp, and whether it
/// is revised.
pub type Listed = (usize, i64, Stamp, bool);

/// The panes and tiles of which this process has the list and another one the tables, level by level.
#[derive(Debug, Clone, Default)]
pub struct AwayPanes {
    panes: BTreeMap<i64, Arc<Pane>>,
    tiles: [BTreeMap<i64, Arc<Pane>>; TILE_PANES.len()],
}

impl AwayPanes {
    /// Takes note of what there is now, and what is gone, by level and start. What stayed as it was keeps the tables that came over.
    pub fn update(&mut self, listed: &[Listed], gone: &[(usize, i64)], source: &Arc<dyn Source>) {
        for &(level, start_ms, stamp, revised) in listed {
            let pane = Arc::new(Pane::away(start_ms, revised, stamp, Arc::clone(source)));
            self.level(level).map(|panes| panes.insert(start_ms, pane));
        }
        for (level, start_ms) in gone {
            self.level(*level).map(|panes| panes.remove(start_ms));
        }
    }

    fn level(&mut self, level: usize) -> Option<&mut BTreeMap<i64, Arc<Pane>>> {
        match level {
            0 => Some(&mut self.panes),
            _ => self.tiles.get_mut(level - 1),
        }
    }
}

/// What another process tells of its snapshot beside the panes.
#[derive(Debug)]
pub struct Told {
    /// When the newest readings were merged.
    pub as_of: Option<UnixMillis>,
    /// Width of the panes in milliseconds.
    pub pane_ms: i64,
    /// How long they are kept, in milliseconds.
    pub retention_ms: i64,
    /// Start of the oldest pane that is retained, in milliseconds since the epoch.
    pub horizon_ms: i64,
    /// What event time has seen.
    pub clock: EventClock,
    /// The antennas.
    pub antennas: Antennas,
    /// The incidents that have ended.
    pub incidents: Incidents,
    /// What is in files.
    pub archived: Archived,
    /// What partitions of before have in files.
    pub former: Arc<Former>,
    /// The width of the archive's finest rows in milliseconds; `None` where there is no archive.
    pub row_ms: Option<i64>,
}

impl Snapshot {
    /// The snapshot of another process, with its tables there.
    #[must_use]
    pub fn away(told: Told, panes: &AwayPanes, revision: u64, source: &Arc<dyn Source>) -> Self {
        let Told { as_of, pane_ms, retention_ms, horizon_ms, clock, antennas, incidents, archived, former, row_ms } =
            told;
        let AwayPanes { panes, tiles } = panes.clone();
        Self {
            version: 0,
            as_of,
            grid: Grid::of_width(pane_ms),
            retention_ms,
            horizon_ms,
            clock,
            antennas,
            recent: Recent::away(Arc::clone(source)),
            incidents,
            archived,
            former,
            row_ms,
            revision,
            panes,
            tiles,
            antenna_table: OnceLock::new(),
            silences: OnceLock::new(),
        }
    }
}

/// Tables of so many panes come over at a time: what has come stays, also where the rest takes too long.
const PANES_AT_ONCE: usize = 8;

/// Fetches the cells of panes of one partition that are not here.
pub(super) fn fetch_cells(panes: &[&Pane]) -> PolarsResult<()> {
    let empty = |start_ms| Ok(Partials::empty().with_pane(start_ms)?.cells);
    fetch_tables(panes, Pane::has_cells, Wanted::Cells, empty, Pane::set_cells)
}

/// Fetches their sketches.
pub(super) fn fetch_sketches(panes: &[&Pane]) -> PolarsResult<()> {
    let empty = |start_ms| Ok(Partials::empty().with_pane(start_ms)?.sketch);
    fetch_tables(panes, Pane::has_sketch, Wanted::Sketch, empty, Pane::set_sketch)
}

/// Fetches one table of each pane, some panes at a time. A pane without a row, as one in which no latency was measured has none in its
/// sketch, has an empty table.
fn fetch_tables(
    panes: &[&Pane],
    is_here: impl Fn(&Pane) -> bool,
    wanted: impl Fn(Vec<Stamp>, Option<Vec<Slot>>) -> Wanted,
    empty: impl Fn(i64) -> PolarsResult<DataFrame>,
    set: impl Fn(&Pane, DataFrame),
) -> PolarsResult<()> {
    let Some((source, missing)) = missing(panes, |pane| !is_here(pane)) else { return Ok(()) };
    for panes in missing.chunks(PANES_AT_ONCE) {
        let tables = one(source.tables(&wanted(stamps(panes), None))?)?;
        let mut parts = by_pane(&tables)?;
        for pane in panes {
            set(pane, parts.remove(&pane.start_ms).map_or_else(|| empty(pane.start_ms), Ok)?);
        }
    }
    Ok(())
}

/// Fetches what they measured over all antennas.
pub(super) fn fetch_networks(panes: &[&Pane]) -> PolarsResult<()> {
    let Some((source, missing)) = missing(panes, |pane| pane.known_network().is_none()) else { return Ok(()) };
    let [cells, sketch] = two(source.tables(&Wanted::Network(stamps(&missing)))?)?;
    let mut networks: HashMap<i64, Partials> = Partials { cells, sketch }.split_by_pane()?.into_iter().collect();
    missing
        .iter()
        .for_each(|pane| pane.set_network(networks.remove(&pane.start_ms).unwrap_or_else(Partials::empty_network)));
    Ok(())
}

/// Fetches how their antennas fared.
pub(super) fn fetch_judged(panes: &[&Pane]) -> PolarsResult<()> {
    let Some((source, missing)) = missing(panes, |pane| !pane.is_judged()) else { return Ok(()) };
    let rows = one(source.tables(&Wanted::Judged(stamps(&missing)))?)?;
    let (starts, slots) = (rows.column(PANE)?.i64()?, rows.column(ANTENNA)?.u32()?);
    let mut fared: HashMap<i64, Vec<(Slot, Status)>> = HashMap::new();
    for ((start, slot), status) in starts.iter().zip(slots.iter()).zip(rows.column(STATUS)?.u32()?.iter()) {
        let status = status.and_then(|status| Status::ALL.get(status as usize).copied());
        let (Some(start), Some(slot), Some(status)) = (start, slot, status) else {
            polars_bail!(ComputeError: "a value is missing in how antennas fared");
        };
        fared.entry(start).or_default().push((slot, status));
    }
    missing.iter().for_each(|pane| pane.set_judged(Judged::of(fared.remove(&pane.start_ms).unwrap_or_default())));
    Ok(())
}

/// The rows of some antennas, whose slots ascend, in cells (or sketches) that are not here: they come over alone.
pub(super) fn fetch_antennas(
    panes: &[&Pane],
    slots: &[Slot],
    wanted: impl Fn(Vec<Stamp>, Option<Vec<Slot>>) -> Wanted,
) -> PolarsResult<Option<DataFrame>> {
    let Some((source, missing)) = missing(panes, |_| true) else { return Ok(None) };
    one(source.tables(&wanted(stamps(&missing), Some(slots.to_vec())))?).map(Some)
}

/// The panes that are elsewhere and miss something, with where they are; `None` if there are none.
fn missing<'p>(panes: &[&'p Pane], misses: impl Fn(&Pane) -> bool) -> Option<(&'p Arc<dyn Source>, Vec<&'p Pane>)> {
    let missing: Vec<&Pane> = panes.iter().copied().filter(|pane| pane.source().is_some() && misses(pane)).collect();
    Some((missing.first()?.source()?, missing))
}

fn stamps(panes: &[&Pane]) -> Vec<Stamp> {
    panes.iter().map(|pane| pane.stamp()).collect()
}

/// The parts of a table by the start of their pane, as they are kept at rest.
fn by_pane(table: &DataFrame) -> PolarsResult<HashMap<i64, DataFrame>> {
    runs(table)?.into_iter().map(|(start, rows)| Ok((start, super::partials::part(table, start, rows)?))).collect()
}

/// No antenna that was worse than well.
fn nobody_judged() -> DataFrame {
    let columns = [(PANE, DataType::Int64), (ANTENNA, DataType::UInt32), (STATUS, DataType::UInt32)];
    DataFrame::empty_with_schema(&columns.into_iter().map(|(name, kind)| (name.into(), kind)).collect())
}

fn one(tables: Vec<DataFrame>) -> PolarsResult<DataFrame> {
    <[DataFrame; 1]>::try_from(tables).map(|[table]| table).map_err(|_| polars_err!(ComputeError: "not one table"))
}

fn two(tables: Vec<DataFrame>) -> PolarsResult<[DataFrame; 2]> {
    tables.try_into().map_err(|_| polars_err!(ComputeError: "not two tables"))
}
