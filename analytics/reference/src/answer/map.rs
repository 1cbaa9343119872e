//! `map`: where antennas stand, and how they fare.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use shared::UnixMillis;
use shared::api::{AntennaMap, MAP_GRID, MAX_MARKS, MapBounds, MapMark, MapRequest, Status};

use super::rows::{Row, counts, is_at};
use super::{Question, Refusal};
use crate::Reference;

/// An antenna, how far north it is, and how far east.
type Placed<'a> = (Row<'a>, f64, f64);

impl Question for MapRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<AntennaMap, Refusal> {
        let window = reference.window(&self.window, now)?;
        let mut rows = reference.rows(window);
        rows.retain(|row| row.is_wanted(self.q.as_deref(), &self.statuses, self.flapping));
        rows.retain(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        let total = rows.len() as u64;
        let placed = rows.into_iter().filter_map(|row| {
            let (latitude, longitude) = (row.about?.latitude?, row.about?.longitude?);
            Some((row, latitude, longitude))
        });
        let placed: Vec<Placed<'_>> = placed.collect();
        let (number, bounds) = (placed.len() as u64, bounds(&placed));
        let frame = self.within.map(shared::api::MapBox::bounds).or(bounds);
        let is_within = |(_, latitude, longitude): &Placed<'_>| {
            frame.is_some_and(|frame| {
                (frame.south..=frame.north).contains(latitude) && frame.east_of_west(*longitude) <= frame.width()
            })
        };
        let shown: Vec<Placed<'_>> = placed.into_iter().filter(is_within).collect();
        let is_clustered = shown.len() > MAX_MARKS;
        let (total_shown, mut groups) = (shown.len() as u64, BTreeMap::<usize, Vec<Placed<'_>>>::new());
        for (position, antenna) in shown.into_iter().enumerate() {
            let cell = frame.filter(|_| is_clustered).map_or(position, |frame| cell(&antenna, frame));
            groups.entry(cell).or_default().push(antenna);
        }
        let mut marks: Vec<(u64, String, MapMark)> = groups.into_values().filter_map(mark).collect();
        marks.sort_by(|(a, first, one), (b, second, other)| {
            (one.status, Reverse(a), first).cmp(&(other.status, Reverse(b), second))
        });
        Ok(AntennaMap {
            window: window.bounds(),
            total,
            placed: number,
            bounds,
            shown: total_shown,
            is_clustered,
            marks: marks.into_iter().map(|(.., mark)| mark).collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}

/// The narrowest bounds of antennas; `None` of none.
fn bounds(antennas: &[Placed<'_>]) -> Option<MapBounds> {
    let mut longitudes: Vec<f64> = antennas.iter().map(|(.., longitude)| *longitude).collect();
    longitudes.sort_by(f64::total_cmp);
    let latitudes = || antennas.iter().map(|(_, latitude, _)| *latitude);
    let (south, north) = (latitudes().reduce(f64::min)?, latitudes().reduce(f64::max)?);
    // Any of them may be at the western edge; the next one west of it is then at the eastern edge.
    let is_first = |at: &usize| *at == 0 || longitudes[*at] > longitudes[*at - 1];
    let ends = (0..longitudes.len()).filter(is_first).map(|first| {
        let last = if first == 0 { longitudes.len() - 1 } else { first - 1 };
        MapBounds { west: longitudes[first], south, east: longitudes[last], north }
    });
    // Where two are equally narrow, the one that does not cross the antimeridian, which begins at the first one.
    ends.min_by(|a, b| a.width().total_cmp(&b.width()))
}

/// The cell of the grid that an antenna within a frame is in.
fn cell((_, latitude, longitude): &Placed<'_>, frame: MapBounds) -> usize {
    let (columns, rows) = MAP_GRID;
    let cell = |from: f64, length: f64, cells: u32| {
        let at = if length > 0.0 { (from / length * f64::from(cells)) as u32 } else { 0 };
        at.min(cells - 1)
    };
    let column = cell(frame.east_of_west(*longitude), frame.width(), columns);
    (cell(latitude - frame.south, frame.north - frame.south, rows) * columns + column) as usize
}

/// The mark of some antennas, with how many they are and the id of the first.
fn mark(antennas: Vec<Placed<'_>>) -> Option<(u64, String, MapMark)> {
    let (bounds, number) = (bounds(&antennas)?, antennas.len());
    let first = antennas.first()?.0.id.to_owned();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / number as f64;
    let latitude = mean(&mut antennas.iter().map(|(_, latitude, _)| *latitude));
    let east = bounds.west + mean(&mut antennas.iter().map(|(.., longitude)| bounds.east_of_west(*longitude)));
    let longitude = if east > 180.0 { east - 360.0 } else { east };
    let rows: Vec<Row<'_>> = antennas.into_iter().map(|(row, ..)| row).collect();
    let about = rows.first().filter(|_| number == 1).and_then(|row| row.about);
    let mark = MapMark {
        antenna_id: (number == 1).then(|| first.clone()),
        name: about.and_then(|about| about.name.clone()),
        site: about.and_then(|about| about.site.clone()),
        status: rows.iter().map(|row| row.status).min().unwrap_or(Status::Unseen),
        antennas: counts(&rows),
        latitude,
        longitude,
        bounds,
    };
    Some((number as u64, first, mark))
}
