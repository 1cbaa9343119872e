//! Where antennas stand, and how they fare: each by itself, or those in a cell of a grid together where there are too many.

use polars::prelude::*;
use shared::api::{AntennaMap, MAP_GRID, MAX_MARKS, MapBounds, MapBox, MapMark, MapRequest, Status};

use super::choice::Choice;
use super::{AnswerError, Question, Table, View, rows, summary};
use crate::store::expressions::answer::{ANTENNA_ID, LATITUDE, LONGITUDE, NAME, SITE, STATUS};
use crate::store::expressions::{antenna_counts, status_name};

const WEST: &str = "west";
const SOUTH: &str = "south";
const EAST: &str = "east";
const NORTH: &str = "north";

/// How far east of the western edge of what is shown.
const EASTWARDS: &str = "eastwards";

/// Shorter than any stretch between two antennas, in degrees.
const LEAST: f64 = 1e-9;

/// The longitude of the first antenna of a mark.
const OWN: &str = "own";

/// Which mark of the map an antenna is a part of.
const MARK: &str = "mark";

/// How many antennas a mark stands for.
const MEMBERS: &str = "members";

impl Question for MapRequest {
    fn answer(&self, view: &View<'_>) -> Result<AntennaMap, AnswerError> {
        let Drawn { total, placed, bounds, shown, marks } = drawn(self, view)?;
        Ok(AntennaMap {
            window: view.window.bounds(),
            total,
            placed,
            bounds,
            shown,
            is_clustered: is_clustered(shown),
            marks: map_marks(&marks)?,
            as_of: view.whole.as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let marks = drawn(self, view)?.marks;
        let bounds = [WEST, SOUTH, EAST, NORTH].map(|name| col(name).alias(format!("bounds_{name}")));
        let first = [col(ANTENNA_ID), col(NAME), col(SITE), status_name(STATUS), col(LATITUDE), col(LONGITUDE)];
        let columns: Vec<Expr> = first.into_iter().chain(bounds).chain(summary::counts_in_table()).collect();
        Ok(marks.lazy().select(columns).collect()?.into())
    }
}

/// The marks of a map, and of how many antennas they are some.
struct Drawn {
    total: u64,
    placed: u64,
    bounds: Option<MapBounds>,
    shown: u64,
    marks: DataFrame,
}

fn drawn(request: &MapRequest, view: &View<'_>) -> Result<Drawn, AnswerError> {
    let MapRequest { q, statuses, flapping, site, labels, .. } = request;
    let choice = Choice { search: q.as_deref(), statuses, flapping: *flapping, site: site.as_deref(), labels };
    let chosen = choice.of(view, &view.everybody()?)?.collect()?;
    let total = chosen.height() as u64;
    let is_placed = col(LATITUDE).is_not_null().and(col(LONGITUDE).is_not_null());
    let placed = view.with_about(chosen)?.lazy().filter(is_placed).collect()?;
    let bounds = bounds_of(&placed)?;
    let frame = request.within.map(MapBox::bounds).or(bounds);
    // Without an antenna that has a position there is no frame, and nothing to be in it.
    let frame = frame.unwrap_or(MapBounds { west: 0.0, south: 0.0, east: 0.0, north: 0.0 });
    let shown = within(placed.clone(), frame).collect()?;
    let marks = marks(numbered(shown.clone(), frame)?, frame).collect()?;
    Ok(Drawn { total, placed: placed.height() as u64, bounds, shown: shown.height() as u64, marks })
}

const fn is_clustered(antennas: u64) -> bool {
    antennas > MAX_MARKS as u64
}

/// The narrowest bounds of antennas: the edges from west to east are those of the widest stretch of longitudes without any.
fn bounds_of(placed: &DataFrame) -> PolarsResult<Option<MapBounds>> {
    if placed.height() == 0 {
        return Ok(None);
    }
    let descending = SortOptions::default().with_order_descending(true);
    // Of each, the next one to the east, with which the easternmost one's is the westernmost one.
    let next = col(EAST).shift(lit(1)).fill_null(col(EAST).last());
    let gap = col(WEST) - col(EAST);
    let gap = when(gap.clone().lt(lit(0.0))).then(gap.clone() + lit(360.0)).otherwise(gap);
    let edges = placed
        .clone()
        .lazy()
        .select([col(LONGITUDE).sort(descending).alias(EAST)])
        .with_column(next.alias(WEST))
        // Of gaps that are equally wide, the first: bounds that do not cross the antimeridian rather than others.
        .filter(gap.clone().eq(gap.max()))
        .select([col(WEST).first(), col(EAST).first()])
        .collect()?;
    let heights =
        placed.clone().lazy().select([col(LATITUDE).min().alias(SOUTH), col(LATITUDE).max().alias(NORTH)]).collect()?;
    Ok(bounds(&edges.hstack(heights.columns())?)?.pop())
}

/// Antennas within a frame, by id, with how far east of its western edge they are.
fn within(placed: DataFrame, frame: MapBounds) -> LazyFrame {
    let from_west = col(LONGITUDE) - lit(frame.west);
    let from_west = when(from_west.clone().lt(lit(0.0))).then(from_west.clone() + lit(360.0)).otherwise(from_west);
    let is_within = col(EASTWARDS).lt_eq(lit(frame.width()));
    let is_within = is_within.and(col(LATITUDE).gt_eq(lit(frame.south))).and(col(LATITUDE).lt_eq(lit(frame.north)));
    placed
        .lazy()
        .with_column(from_west.alias(EASTWARDS))
        .filter(is_within)
        .sort([ANTENNA_ID], SortMultipleOptions::default())
}

/// Antennas with the mark that each is a part of: one of its own, or where they are many, that of its cell of the grid.
fn numbered(shown: DataFrame, frame: MapBounds) -> PolarsResult<DataFrame> {
    let mut shown = shown;
    if !is_clustered(shown.height() as u64) {
        let own: Vec<u32> = (0..).take(shown.height()).collect();
        shown.with_column(Column::new(MARK.into(), own))?;
        return Ok(shown);
    }
    let (columns, rows) = MAP_GRID;
    let cell = |from: Expr, length: f64, cells: u32| {
        // Where all are on one line, they are in the first cells; what is on the far edge is in the last one.
        let at = (from * lit(f64::from(cells) / length.max(LEAST))).cast(DataType::UInt32);
        when(at.clone().gt_eq(lit(cells))).then(lit(cells - 1)).otherwise(at)
    };
    let column = cell(col(EASTWARDS), frame.width(), columns);
    let row = cell(col(LATITUDE) - lit(frame.south), frame.north - frame.south, rows);
    shown.lazy().with_column((row * lit(columns) + column).alias(MARK)).collect()
}

/// A row for each mark, worst first, then the most antennas, then by id.
fn marks(numbered: DataFrame, frame: MapBounds) -> LazyFrame {
    let longitude = |from_west: Expr| {
        let east = from_west + lit(frame.west);
        when(east.clone().gt(lit(180.0))).then(east.clone() - lit(360.0)).otherwise(east)
    };
    let is_one = || col(MEMBERS).eq(lit(1_u32));
    let of_one = |name: &str| when(is_one()).then(col(name)).otherwise(lit(NULL)).alias(name);
    // What stands alone is where it is said to be, to the last digit.
    let as_said = |name: &str| when(is_one()).then(col(OWN)).otherwise(col(name)).alias(name);
    let aggregated = [
        col(ANTENNA_ID).first(),
        col(NAME).first(),
        col(SITE).first(),
        col(STATUS).min().alias("worst"),
        len().cast(DataType::UInt32).alias(MEMBERS),
        col(LONGITUDE).first().alias(OWN),
        longitude(col(EASTWARDS).min()).alias(WEST),
        longitude(col(EASTWARDS).max()).alias(EAST),
        longitude(col(EASTWARDS).mean()).alias(LONGITUDE),
        col(LATITUDE).min().alias(SOUTH),
        col(LATITUDE).max().alias(NORTH),
        col(LATITUDE).mean(),
    ];
    let by = SortMultipleOptions::default().with_order_descending_multi([false, true, false]);
    numbered
        .lazy()
        .group_by_stable([col(MARK)])
        .agg([aggregated.as_slice(), antenna_counts().as_slice()].concat())
        .with_column(col("worst").alias(STATUS))
        .sort([STATUS, MEMBERS, ANTENNA_ID], by)
        .with_columns([ANTENNA_ID, NAME, SITE].map(of_one))
        .with_columns([LONGITUDE, WEST, EAST].map(as_said))
}

fn bounds(table: &DataFrame) -> PolarsResult<Vec<MapBounds>> {
    let edges = [WEST, SOUTH, EAST, NORTH].map(|name| rows::numbers(table, name));
    let [west, south, east, north] = edges;
    let (west, south, east, north) = (west?, south?, east?, north?);
    let at = |edge: &[Option<f64>], row: usize| edge[row].unwrap_or_default();
    let of_row =
        |row| MapBounds { west: at(&west, row), south: at(&south, row), east: at(&east, row), north: at(&north, row) };
    Ok((0..table.height()).map(of_row).collect())
}

fn map_marks(table: &DataFrame) -> PolarsResult<Vec<MapMark>> {
    let (names, sites) = (rows::texts(table, NAME)?, rows::texts(table, SITE)?);
    let (statuses, antennas) = (rows::positions(table, STATUS, &Status::ALL)?, summary::counts(table)?);
    let (latitudes, longitudes) = (rows::numbers(table, LATITUDE)?, rows::numbers(table, LONGITUDE)?);
    let bounds = bounds(table)?;
    let mark = |(row, antenna_id): (usize, Option<String>)| MapMark {
        antenna_id,
        name: names[row].clone(),
        site: sites[row].clone(),
        status: statuses[row],
        antennas: antennas[row],
        latitude: latitudes[row].unwrap_or_default(),
        longitude: longitudes[row].unwrap_or_default(),
        bounds: bounds[row],
    };
    Ok(rows::texts(table, ANTENNA_ID)?.into_iter().enumerate().map(mark).collect())
}
