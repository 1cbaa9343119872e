//! Where the antennas of the built-in network are: what `ANTENNAS_FILE` would say of them.

use shared::api::About;

/// The sites of the first antennas, each with the positions of its antennas in the network.
const SITES: [(&str, &[u32]); 5] = [
    ("west", &[0, 13, 17, 18, 23]),
    ("centre", &[1, 3, 4, 12, 15]),
    ("harbour", &[7, 8, 9, 10, 14]),
    ("hills", &[2, 11, 16, 19, 21]),
    ("east", &[5, 6, 20, 22]),
];

/// So many of the others are at a site.
const AT_A_SITE: u32 = 40;

/// One antenna of so many stands nobody knows where.
const NOT_PLACED: u32 = 50;

/// Where the network is, in degrees.
const NORTH: f64 = 43.3;
const EAST: f64 = -3.0;

/// How far the first antennas are apart, in degrees north and east: so far that marks on a phone's map do not touch.
const APART: (f64, f64) = (0.012, 0.0275);

/// The angle at which points of a spiral are spread evenly, in radians: the golden angle.
const GOLDEN: f64 = 2.399_963_229_728_653;

/// What is said of the antenna at a position in the network.
pub(crate) fn about(position: u32) -> About {
    let named = SITES.into_iter().enumerate().find_map(|(column, (site, antennas))| {
        let row = antennas.iter().position(|antenna| *antenna == position)?;
        Some((site.to_owned(), on_grid(position, (row as f64 - 2.0, column as f64 - 2.0))))
    });
    let (site, (latitude, longitude)) =
        named.unwrap_or_else(|| (format!("sector {}", position / AT_A_SITE), on_spiral(position)));
    let is_placed = position % NOT_PLACED != 18;
    About {
        site: Some(site),
        latitude: is_placed.then_some(latitude),
        longitude: is_placed.then_some(longitude),
        ..About::default()
    }
}

/// A point of a grid, a little beside it.
fn on_grid(position: u32, (row, column): (f64, f64)) -> (f64, f64) {
    let beside = |factor: u32| f64::from(position * factor % 11) / 50.0 - 0.1;
    (NORTH + (row + beside(7)) * APART.0, EAST + (column + beside(5)) * APART.1)
}

/// A point around the grid, the further away the later.
fn on_spiral(position: u32) -> (f64, f64) {
    let (distance, angle) = (0.015 * f64::from(position).sqrt(), GOLDEN * f64::from(position));
    (NORTH + distance * angle.sin(), EAST + distance * angle.cos() / NORTH.to_radians().cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_first_antennas_is_at_one_site_and_apart_from_the_others() {
        let mut all: Vec<u32> = SITES.iter().flat_map(|(_, antennas)| antennas.iter().copied()).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..24));
        let placed: Vec<(f64, f64)> =
            (0..24).filter_map(|position| about(position).latitude.zip(about(position).longitude)).collect();
        assert_eq!(placed.len(), 23);
        for (at, one) in placed.iter().enumerate() {
            for other in &placed[at + 1..] {
                let (north, east) = ((one.0 - other.0) / APART.0, (one.1 - other.1) / APART.1);
                assert!(north.hypot(east) > 0.75, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn every_antenna_is_on_earth_however_many_there_are() {
        for position in [24, 999, 10_000, 100_000] {
            let about = about(position);
            assert!(about.site.is_some_and(|site| site.starts_with("sector ")));
            assert!(about.latitude.is_none_or(|north| north.abs() <= 90.0));
            assert!(about.longitude.is_none_or(|east| east.abs() <= 180.0));
        }
    }
}
