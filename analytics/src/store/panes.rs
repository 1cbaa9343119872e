//! Panes, and the tiles that stand for several of them.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::{Arc, OnceLock};

use polars::prelude::*;

use super::away::{Source, Stamp, fetch_cells, fetch_judged, fetch_networks, fetch_sketches, next_stamp};
use super::expected::Limits;
use super::expressions::column::READINGS;
use super::grid::Grid;
use super::judged::Judged;
use super::partials::{Keys, Partials};

/// Panes in a tile, level by level: a minute and twelve minutes of the default panes. A window of an hour reads thirty
/// tables or so instead of 720.
pub(super) const TILE_PANES: [i64; 2] = [12, 144];

/// Tables of several panes are rolled up together until their sketches have this many rows.
const ROWS_AT_ONCE: usize = 500_000;

/// The partials of one pane, or of one tile. Its tables may be with another process until they are asked for; see [`super::away`].
#[derive(Debug, Clone)]
pub struct Pane {
    /// Its start, milliseconds since the epoch.
    pub start_ms: i64,
    /// Whether a reading was counted after the pane had closed.
    pub revised: bool,
    /// What it is known by to other processes.
    stamp: Stamp,
    /// Who has the tables, if it is another process.
    source: Option<Arc<dyn Source>>,
    /// The cells by antenna.
    cells: OnceLock<DataFrame>,
    /// The sketch by antenna.
    sketch: OnceLock<DataFrame>,
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
    pub fn new(start_ms: i64, antennas: Partials, revised: bool) -> Self {
        let Partials { cells, sketch } = antennas;
        let (cells, sketch) = (OnceLock::from(cells), OnceLock::from(sketch));
        Self { cells, sketch, stamp: next_stamp(), source: None, ..Self::without_tables(start_ms, revised) }
    }

    /// A pane whose tables another process has, which knows it by a stamp.
    #[must_use]
    pub fn away(start_ms: i64, revised: bool, stamp: Stamp, source: Arc<dyn Source>) -> Self {
        Self { stamp, source: Some(source), ..Self::without_tables(start_ms, revised) }
    }

    const fn without_tables(start_ms: i64, revised: bool) -> Self {
        Self {
            start_ms,
            revised,
            stamp: 0,
            source: None,
            cells: OnceLock::new(),
            sketch: OnceLock::new(),
            network: OnceLock::new(),
            readings: OnceLock::new(),
            judged: OnceLock::new(),
        }
    }

    /// What it is known by to other processes; another one whenever it changes.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The process that has the tables, if it is another one.
    pub(super) const fn source(&self) -> Option<&Arc<dyn Source>> {
        self.source.as_ref()
    }

    /// Its cells by antenna.
    ///
    /// # Errors
    /// When another process has them and does not answer.
    pub fn cells(&self) -> PolarsResult<&DataFrame> {
        fetch_cells(&[self])?;
        Ok(self.cells.get_or_init(|| Partials::empty().cells))
    }

    /// Its sketch by antenna.
    ///
    /// # Errors
    /// When another process has it and does not answer.
    pub fn sketch(&self) -> PolarsResult<&DataFrame> {
        fetch_sketches(&[self])?;
        Ok(self.sketch.get_or_init(|| Partials::empty().sketch))
    }

    /// Both.
    ///
    /// # Errors
    /// When another process has them and does not answer.
    pub fn antennas(&self) -> PolarsResult<Partials> {
        Ok(Partials { cells: self.cells()?.clone(), sketch: self.sketch()?.clone() })
    }

    pub(super) fn has_cells(&self) -> bool {
        self.cells.get().is_some()
    }

    pub(super) fn has_sketch(&self) -> bool {
        self.sketch.get().is_some()
    }

    pub(super) fn is_judged(&self) -> bool {
        self.judged.get().is_some()
    }

    pub(super) fn set_cells(&self, cells: DataFrame) {
        self.cells.get_or_init(|| cells);
    }

    pub(super) fn set_sketch(&self, sketch: DataFrame) {
        self.sketch.get_or_init(|| sketch);
    }

    pub(super) fn set_network(&self, network: Partials) {
        self.network.get_or_init(|| network);
    }

    pub(super) fn set_judged(&self, judged: Judged) {
        self.judged.get_or_init(|| judged);
    }

    /// How many readings it holds.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn readings(&self) -> PolarsResult<u64> {
        if let Some(readings) = self.readings.get() {
            return Ok(*readings);
        }
        let readings = self.cells()?.column(READINGS)?.cast(&DataType::UInt64)?.u64()?.sum().unwrap_or(0);
        Ok(*self.readings.get_or_init(|| readings))
    }

    /// The rows of its sketch, as far as they are here.
    pub(super) fn sketch_rows(&self) -> usize {
        height(&self.sketch)
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

    /// The same pane, of which nobody knows how its antennas fared: they are judged by something else from now on.
    pub(super) fn unjudged(&self) -> Self {
        Self { stamp: next_stamp(), judged: OnceLock::new(), ..self.clone() }
    }

    /// How the antennas of some panes and tiles fared, in their order, each pane judged by itself. What
    /// was judged stays, see [`Self::unjudged`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn judged<'a>(panes: &[&'a Self], limits: &Limits) -> PolarsResult<Vec<&'a Judged>> {
        fetch_judged(panes)?;
        let mut missing = panes.iter().filter(|pane| pane.judged.get().is_none()).peekable();
        while missing.peek().is_some() {
            let these = some(&mut missing, |pane| height(&pane.cells));
            let cells = these.iter().map(|pane| pane.cells()).collect::<PolarsResult<Vec<_>>>()?;
            let mut judged = Judged::of_panes(&cells, limits)?;
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
    pub fn worst_of(parts: &[&Self], limits: &Limits) -> PolarsResult<Judged> {
        Ok(Judged::worst_of(&Self::judged(parts, limits)?))
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
        fetch_networks(panes)?;
        let mut missing = panes.iter().filter(|pane| pane.network.get().is_none()).peekable();
        while missing.peek().is_some() {
            let these = some(&mut missing, |pane| pane.sketch_rows());
            let antennas = these.iter().map(|pane| pane.antennas()).collect::<PolarsResult<Vec<_>>>()?;
            let mut networks = over_all_antennas(&antennas, grid)?;
            for pane in these {
                // A pane without a row has no row over all antennas either.
                let network = networks.remove(&pane.start_ms).unwrap_or_else(Partials::empty_network);
                pane.network.get_or_init(|| network);
            }
        }
        Ok(panes.iter().filter_map(|pane| pane.network.get()).collect())
    }
}

/// The rows of a table, if it is here.
fn height(table: &OnceLock<DataFrame>) -> usize {
    table.get().map_or(0, DataFrame::height)
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
