//! Panes, and the tiles that stand for several of them.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::{Arc, OnceLock};

use polars::prelude::*;

use super::expressions::column::READINGS;
use super::grid::Grid;
use super::judged::Judged;
use super::partials::{Keys, Partials};
use crate::settings::Thresholds;

/// Panes in a tile, level by level: a minute and twelve minutes of the default panes. A window of an hour reads thirty
/// tables or so instead of 720.
pub(super) const TILE_PANES: [i64; 2] = [12, 144];

/// Tables of several panes are rolled up together until their sketches have this many rows.
const ROWS_AT_ONCE: usize = 500_000;

/// The partials of one pane, or of one tile.
#[derive(Debug, Clone)]
pub struct Pane {
    /// Its start, milliseconds since the epoch.
    pub start_ms: i64,
    /// Whether a reading was counted after the pane had closed.
    pub revised: bool,
    /// By antenna.
    pub antennas: Partials,
    /// Over all antennas; worked out when a question first asks, as most panes are merged into several times before.
    network: OnceLock<Partials>,
    /// Its readings; worked out when a commit first asks.
    readings: OnceLock<u64>,
    /// How its antennas fared, pane by pane; worked out when a question or a tile first asks. A tile has it from its parts.
    judged: OnceLock<Judged>,
}

impl Pane {
    /// A pane of what its antennas measured, rolled up by antenna.
    #[must_use]
    pub const fn new(start_ms: i64, antennas: Partials, revised: bool) -> Self {
        Self {
            start_ms,
            revised,
            antennas,
            network: OnceLock::new(),
            readings: OnceLock::new(),
            judged: OnceLock::new(),
        }
    }

    /// How many readings it holds.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn readings(&self) -> PolarsResult<u64> {
        if let Some(readings) = self.readings.get() {
            return Ok(*readings);
        }
        let readings = self.antennas.cells.column(READINGS)?.cast(&DataType::UInt64)?.u64()?.sum().unwrap_or(0);
        Ok(*self.readings.get_or_init(|| readings))
    }

    /// What it measured over all antennas, if a question has asked or its parts know.
    pub(super) fn known_network(&self) -> Option<&Partials> {
        self.network.get()
    }

    /// The pane with what it measured over all antennas, where that is known.
    pub(super) fn with_network(self, network: Option<Partials>) -> Self {
        Self { network: network.map_or_else(OnceLock::new, OnceLock::from), ..self }
    }

    /// The tile with how its antennas fared in its panes.
    pub(super) fn with_judged(self, judged: Option<Judged>) -> Self {
        Self { judged: judged.map_or_else(OnceLock::new, OnceLock::from), ..self }
    }

    /// How the antennas of some panes and tiles fared, in their order, each pane judged by itself. A process has one set of
    /// thresholds, so what was judged stays.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn judged<'a>(panes: &[&'a Self], thresholds: &Thresholds) -> PolarsResult<Vec<&'a Judged>> {
        let mut missing = panes.iter().filter(|pane| pane.judged.get().is_none()).peekable();
        while missing.peek().is_some() {
            let these = some(&mut missing, |pane| pane.antennas.cells.height());
            let cells: Vec<&DataFrame> = these.iter().map(|pane| &pane.antennas.cells).collect();
            let mut judged = Judged::of_panes(&cells, thresholds)?;
            for pane in these {
                // A pane in which all are well has no row.
                let judged = judged.remove(&pane.start_ms).unwrap_or_default();
                pane.judged.get_or_init(|| judged);
            }
        }
        Ok(panes.iter().filter_map(|pane| pane.judged.get()).collect())
    }

    /// How antennas fared at worst in a pane of some panes and tiles.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn worst_of(parts: &[&Self], thresholds: &Thresholds) -> PolarsResult<Judged> {
        Ok(Judged::worst_of(&Self::judged(parts, thresholds)?))
    }

    /// The panes of a table that is rolled up by pane and antenna, in order of time.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn split(partials: &Partials, revised: impl Fn(i64) -> bool) -> PolarsResult<Vec<Self>> {
        let panes = partials.split_by_pane()?.into_iter();
        Ok(panes.map(|(start_ms, antennas)| Self::new(start_ms, antennas, revised(start_ms))).collect())
    }

    /// What panes with different starts measured over all antennas, in their order.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn networks<'a>(panes: &[&'a Self], grid: Grid) -> PolarsResult<Vec<&'a Partials>> {
        let mut missing = panes.iter().filter(|pane| pane.network.get().is_none()).peekable();
        while missing.peek().is_some() {
            let these = some(&mut missing, |pane| pane.antennas.sketch.height());
            let mut networks = over_all_antennas(these.iter().map(|pane| &pane.antennas), grid)?;
            for pane in these {
                // A pane without a row has no row over all antennas either.
                let network = networks.remove(&pane.start_ms).unwrap_or_else(Partials::empty);
                pane.network.get_or_init(|| network);
            }
        }
        Ok(panes.iter().filter_map(|pane| pane.network.get()).collect())
    }
}

/// What partials add up to over all antennas, by start of the interval of a grid that their panes lie in.
///
/// # Errors
/// When a column is missing.
pub(super) fn over_all_antennas<'a>(
    partials: impl IntoIterator<Item = &'a Partials>,
    grid: Grid,
) -> PolarsResult<BTreeMap<i64, Partials>> {
    let networks = Partials::roll_up(partials, Keys { pane: Some(grid), antenna: false })?;
    Ok(networks.split_by_pane()?.into_iter().collect())
}

/// The next items, until they have [`ROWS_AT_ONCE`] rows: several at once, because a plan has its price, and not all,
/// because their rows are copied.
pub(super) fn some<T>(items: &mut Peekable<impl Iterator<Item = T>>, rows: impl Fn(&T) -> usize) -> Vec<T> {
    let (mut these, mut sum) = (Vec::new(), 0);
    while let Some(item) = items.next_if(|_| sum < ROWS_AT_ONCE) {
        sum += rows(&item);
        these.push(item);
    }
    these
}

/// The grids of the tiles, level by level.
pub(super) fn tile_grids(panes: Grid) -> [Grid; TILE_PANES.len()] {
    TILE_PANES.map(|count| Grid::of_width(panes.width_ms * count))
}

/// Tiles and panes that together cover `[start, end)`, both on the grid: each pane once, in itself or in a tile. At each pane
/// that is not covered yet, the largest tile that begins behind what is covered and ends within the window stands for it, else the pane itself.
pub(super) fn cover<'a>(
    panes: &'a BTreeMap<i64, Arc<Pane>>,
    tiles: &'a [BTreeMap<i64, Arc<Pane>>; TILE_PANES.len()],
    grid: Grid,
    start: i64,
    end: i64,
) -> Vec<&'a Pane> {
    let mut cover: Vec<&Pane> = Vec::new();
    let mut covered = start;
    while let Some((&pane_start, pane)) = panes.range(covered..end.max(covered)).next() {
        let tile = tiles.iter().zip(tile_grids(grid)).rev().find_map(|(tiles, tile)| {
            let tile_start = tile.floor(pane_start);
            let is_within = tile_start >= covered && tile_start + tile.width_ms <= end;
            let found = tiles.get(&tile_start).filter(|_| is_within)?;
            Some((tile_start + tile.width_ms, found))
        });
        let (next, part) = tile.unwrap_or((pane_start + grid.width_ms, pane));
        cover.push(part);
        covered = next;
    }
    cover
}
