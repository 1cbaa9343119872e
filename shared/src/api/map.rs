//! `map`: where antennas stand, and how they fare.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::request::{Request, Value, request};
use super::{AntennaCounts, Format, Gap, Labels, Status, WindowBounds, WindowRequest, path};
use crate::time::UnixMillis;

/// More antennas than this are told by the cells of a grid.
pub const MAX_MARKS: usize = 500;

/// Columns and rows of that grid: it has [`MAX_MARKS`] cells.
pub const MAP_GRID: (u32, u32) = (25, 20);

request! {
    /// `GET /api/v1/map`.
    pub struct MapRequest {
        /// The window.
        pub window: WindowRequest,
        /// Only marks within `west,south,east,north`, in degrees of WGS 84; across the antimeridian where `west` is above `east`.
        pub within as "box": Option<MapBox>,
        /// Only antennas whose id or name contains this text, ignoring case.
        pub q: Option<String>,
        /// Only antennas with this status, or with one of several separated by commas.
        pub statuses as "status": BTreeSet<Status>,
        /// Only antennas that are flapping, whatever their status, or only those that are not.
        pub flapping: Option<bool>,
        /// Only antennas at the site with exactly this name.
        pub site: Option<String>,
        /// Only antennas with this label, as `key:value`; given several times, with all of them.
        pub labels as "label": Labels,
        /// The format of the answer. It takes precedence over the header `Accept`.
        pub format: Option<Format>,
    }
}

impl Request for MapRequest {
    const PATH: &'static str = path::MAP;
    const MEANING: &'static str = "Where antennas stand by `ANTENNAS_FILE`, worst first; more than 500 as clusters.";
    const FORMATS: &'static [Format] = &Format::ALL;
    type Answer = AntennaMap;

    fn window(&self) -> Option<WindowRequest> {
        Some(self.window)
    }

    fn format(&self) -> Option<Format> {
        self.format
    }
}

/// A stretch of the earth that is asked for, in millionths of a degree, which is about a decimetre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapBox {
    west: i32,
    south: i32,
    east: i32,
    north: i32,
}

impl MapBox {
    /// The box of some bounds, whose corners are rounded; `None` where they are none on earth, or nothing lies between them.
    #[must_use]
    pub fn new(bounds: MapBounds) -> Option<Self> {
        let MapBounds { west, south, east, north } = bounds;
        let is_on_earth =
            [west, east].iter().all(|it| it.abs() <= 180.0) && [south, north].iter().all(|it| it.abs() <= 90.0);
        let [west, south, east, north] = [west, south, east, north].map(|degrees| (degrees * 1e6).round() as i32);
        (is_on_earth && west != east && south < north).then_some(Self { west, south, east, north })
    }

    /// Its bounds.
    #[must_use]
    pub fn bounds(self) -> MapBounds {
        let [west, south, east, north] =
            [self.west, self.south, self.east, self.north].map(|millionths| f64::from(millionths) / 1e6);
        MapBounds { west, south, east, north }
    }
}

impl Value for MapBox {
    fn parse(text: &str) -> Result<Self, String> {
        let why = "west,south,east,north in degrees is needed, with south below north";
        let degrees: Vec<f64> =
            text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| why.to_owned())?;
        let [west, south, east, north] = <[f64; 4]>::try_from(degrees).map_err(|_| why.to_owned())?;
        Self::new(MapBounds { west, south, east, north }).ok_or_else(|| why.to_owned())
    }

    fn to_text(&self) -> String {
        let MapBounds { west, south, east, north } = self.bounds();
        format!("{west},{south},{east},{north}")
    }

    fn when_absent() -> Option<Self> {
        None
    }

    fn schema() -> RefOr<Schema> {
        let number = "-?[0-9.]+(e-?[0-9]+)?";
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.pattern(Some(format!("^{number},{number},{number},{number}$")));
        text.examples(["-9.5,36,3.4,43.8"]).into()
    }
}

/// A stretch of the earth, in degrees of WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MapBounds {
    /// Its western edge, eastwards from Greenwich. Above `east` where it crosses the antimeridian.
    pub west: f64,
    /// Its southern edge, northwards from the equator.
    pub south: f64,
    /// Its eastern edge.
    pub east: f64,
    /// Its northern edge.
    pub north: f64,
}

impl MapBounds {
    /// How many degrees its edges are apart, from west to east: from 0 to 360.
    #[must_use]
    pub fn width(self) -> f64 {
        let width = self.east - self.west;
        if width < 0.0 { width + 360.0 } else { width }
    }

    /// How far east of its western edge a longitude is, in degrees: from 0 to 360.
    #[must_use]
    pub fn east_of_west(self, longitude: f64) -> f64 {
        let east = longitude - self.west;
        if east < 0.0 { east + 360.0 } else { east }
    }
}

/// `GET /api/v1/map`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AntennaMap {
    /// The panes covered.
    pub window: WindowBounds,
    /// Antennas that match, wherever they are.
    pub total: u64,
    /// How many of those have a position.
    pub placed: u64,
    /// The narrowest bounds with all of those; `null` where there are none. The box plays no part in it.
    pub bounds: Option<MapBounds>,
    /// How many of those are within the box, or all of them where none is asked for.
    pub shown: u64,
    /// Whether those are so many that each mark stands for all of them in a cell of a grid of 25 by 20 cells.
    pub is_clustered: bool,
    /// What is within the box, worst first, then the most antennas, then by id.
    pub marks: Vec<MapMark>,
    /// When the newest readings were merged; `null` before the first.
    pub as_of: Option<UnixMillis>,
    /// Times within the window that are missing from the answer, as their files could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The streams whose readings are missing from the answer, as neither their owners nor the broker could be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions_missing: Vec<String>,
}

/// An antenna on a map, or several in a cell of its grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MapMark {
    /// The antenna's id; `null` where it stands for several.
    pub antenna_id: Option<String>,
    /// What people call it. Absent where that is not said, and where it stands for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The site that it is at; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The worst status of its antennas.
    pub status: Status,
    /// Its antennas by status.
    pub antennas: AntennaCounts,
    /// Where it is, in degrees northwards: the mean of its antennas.
    pub latitude: f64,
    /// The same eastwards, from -180 to 180.
    pub longitude: f64,
    /// The narrowest bounds with all of its antennas.
    pub bounds: MapBounds,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_box_is_four_numbers_on_earth_with_something_between_them() {
        for (text, written) in [
            ("-9.5,36,3.4,43.8", "-9.5,36,3.4,43.8"),
            ("170,-10,-170,10", "170,-10,-170,10"),
            ("-180,-90,180,90", "-180,-90,180,90"),
            ("1e1,0,1.00000001e1,1", ""),
            ("0.1234567,0,1,1", "0.123457,0,1,1"),
        ] {
            let read = MapBox::parse(text).map(|it| it.to_text());
            assert_eq!(read.unwrap_or_default(), written, "{text}");
        }
        for text in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "a,0,1,1",
            "0,1,1,1",
            "0,2,1,1",
            "0,0,181,1",
            "0,-91,1,1",
            "NaN,0,1,1",
            "0,0,inf,1",
            "1,0,1,1",
        ] {
            assert!(MapBox::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_box_is_read_as_it_was_written(west in -180.0..180.0, south in -90.0..0.0, wide in 0.001..179.0_f64, high in 0.001..89.0) {
            let east = if west + wide > 180.0 { west + wide - 360.0 } else { west + wide };
            let bounds = MapBounds { west, south, east, north: south + high };
            let asked = MapBox::new(bounds).expect("a box on earth");
            prop_assert_eq!(MapBox::parse(&asked.to_text()), Ok(asked));
            prop_assert!((asked.bounds().width() - wide).abs() < 1e-5);
        }

        #[test]
        fn what_is_east_of_the_western_edge_is_never_behind_it(west in -180.0..180.0, east in -180.0..180.0, at in -180.0..180.0) {
            let bounds = MapBounds { west, south: 0.0, east, north: 1.0 };
            prop_assert!((0.0..=360.0).contains(&bounds.east_of_west(at)));
            prop_assert!((0.0..=360.0).contains(&bounds.width()));
        }
    }
}
