//! Stretches of the earth as maps show them: equirectangular, and true to scale in both directions at the middle latitude.

use shared::api::{MapBounds, MapBox};

/// The width of every map as a multiple of its height.
pub(crate) const ASPECT: f64 = 5.0 / 3.0;

/// The least height of a map, in degrees: some hundred metres.
const LEAST: f64 = 0.002;

/// The height at which a map is as wide as the earth, in degrees. It reaches beyond the poles.
const MOST: f64 = 360.0 / ASPECT;

/// Towards a pole, longitudes are not drawn any closer than at 87 degrees.
const LEAST_SCALE: f64 = 0.05;

/// The corners of a box are rounded, so a map that was asked for is as high as it was up to this factor.
const ROUNDED: f64 = 1.01;

/// Enough for the last digit of a height.
const HALVINGS: u32 = 64;

/// The distances of lines from one another, in degrees.
const STEPS: [f64; 18] =
    [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 45.0];

/// No direction has more lines than this.
const MOST_LINES: f64 = 6.0;

/// What a map shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sheet {
    /// Its middle, in degrees.
    latitude: f64,
    longitude: f64,
    /// How many degrees it is high and wide.
    height: f64,
    width: f64,
}

impl Sheet {
    /// The map of a height around a middle, moved away from the poles and as small or large as maps may be.
    fn new(latitude: f64, longitude: f64, height: f64) -> Self {
        let height = height.clamp(LEAST, MOST);
        let room = (90.0 - height / 2.0).max(0.0);
        let latitude = latitude.clamp(-room, room);
        let width = if height < MOST { (height * ASPECT / scale(latitude)).min(360.0) } else { 360.0 };
        Self { latitude, longitude: within_180(longitude), height, width }
    }

    /// The smallest map with all that lies within some bounds, and with a margin on each side, as a share of them.
    pub(crate) fn around(bounds: MapBounds, margin: f64) -> Self {
        let latitude = f64::midpoint(bounds.south, bounds.north);
        let longitude = bounds.west + bounds.width() / 2.0;
        let of_height = |height| Self::new(latitude, longitude, height);
        let [high, wide] = [bounds.north - bounds.south, bounds.width()].map(|length| length * (1.0 + 2.0 * margin));
        let (mut least, mut most) = (high.clamp(LEAST, MOST), MOST);
        let is_wide_enough = |height| of_height(height).width >= wide.min(360.0);
        if is_wide_enough(least) {
            return of_height(least);
        }
        // The higher, the wider; but a map that has to keep clear of a pole has its middle elsewhere, and another scale.
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(least, most);
            if is_wide_enough(middle) { most = middle } else { least = middle }
        }
        of_height(most)
    }

    /// The map that a box asks for.
    pub(crate) fn of_box(asked: MapBox) -> Self {
        Self::around(asked.bounds(), 0.0)
    }

    /// The box that asks for this map.
    pub(crate) fn to_box(self) -> Option<MapBox> {
        let (half, south, north) = (self.width / 2.0, self.south().max(-90.0), self.north().min(90.0));
        let is_whole = self.width >= 360.0;
        let (west, east) = match is_whole {
            true => (-180.0, 180.0),
            false => (within_180(self.longitude - half), within_180(self.longitude + half)),
        };
        MapBox::new(MapBounds { west, south, east, north })
    }

    /// The same middle, so many times as high.
    pub(crate) fn zoomed(self, factor: f64) -> Self {
        Self::new(self.latitude, self.longitude, self.height * factor)
    }

    /// Moved by shares of its width and height, eastwards and northwards.
    pub(crate) fn moved(self, east: f64, north: f64) -> Self {
        Self::new(self.latitude + north * self.height, self.longitude + east * self.width, self.height)
    }

    /// Whether it cannot show any less.
    pub(crate) fn is_smallest(self) -> bool {
        self.height <= LEAST * ROUNDED
    }

    /// Whether it cannot show any more.
    pub(crate) fn is_largest(self) -> bool {
        self.height >= MOST / ROUNDED
    }

    /// Where something is on it: shares of its width from the left and of its height from the top.
    pub(crate) fn place(self, latitude: f64, longitude: f64) -> (f64, f64) {
        let west = self.longitude - self.width / 2.0;
        ((longitude - west).rem_euclid(360.0) / self.width, (self.north() - latitude) / self.height)
    }

    /// The lines of longitude on it, from left to right: each with its place and its degrees from -180 to 180; and how many
    /// digits they have behind the point.
    pub(crate) fn meridians(self) -> (Vec<(f64, f64)>, usize) {
        let west = self.longitude - self.width / 2.0;
        let (lines, digits) = lines(west, self.width);
        (lines.into_iter().map(|degrees| ((degrees - west) / self.width, within_180(degrees))).collect(), digits)
    }

    /// The lines of latitude on it, from the south to the north, likewise; none is beyond a pole.
    pub(crate) fn parallels(self) -> (Vec<(f64, f64)>, usize) {
        let (lines, digits) = lines(self.south(), self.height);
        let on_earth = lines.into_iter().filter(|degrees| degrees.abs() <= 90.0);
        (on_earth.map(|degrees| ((self.north() - degrees) / self.height, degrees)).collect(), digits)
    }

    fn north(self) -> f64 {
        self.latitude + self.height / 2.0
    }

    fn south(self) -> f64 {
        self.latitude - self.height / 2.0
    }
}

/// How long a degree of longitude is at a latitude, compared with one of latitude.
fn scale(latitude: f64) -> f64 {
    latitude.to_radians().cos().max(LEAST_SCALE)
}

/// A longitude from -180, below 180.
fn within_180(longitude: f64) -> f64 {
    (longitude + 180.0).rem_euclid(360.0) - 180.0
}

/// Multiples of a step within a stretch, and the digits that they have behind the point.
fn lines(start: f64, length: f64) -> (Vec<f64>, usize) {
    let step = STEPS.into_iter().find(|step| length / step <= MOST_LINES).unwrap_or(60.0);
    let (first, last) = ((start / step).ceil() as i64, ((start + length) / step).floor() as i64);
    let digits = (0..=4).find(|digits| step * 10_f64.powi(*digits) >= 0.999).unwrap_or(4);
    ((first..=last).map(|number| number as f64 * step).collect(), digits.unsigned_abs() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds() -> impl Strategy<Value = MapBounds> {
        let width = prop_oneof![Just(0.0), 0.0..0.01, 0.0..350.0];
        let height = prop_oneof![Just(0.0), 0.0..0.01, 0.0..170.0];
        (-180.0..180.0, -90.0..80.0, width, height).prop_map(|(west, south, width, height)| {
            let north = f64::min(south + height, 90.0);
            MapBounds { west, south, east: within_180(west + width), north }
        })
    }

    proptest! {
        #[test]
        fn a_map_holds_what_it_is_around(bounds in bounds(), margin in prop_oneof![Just(0.0), Just(0.1)]) {
            let sheet = Sheet::around(bounds, margin);
            let inside = -1e-6..1.0 + 1e-6;
            for latitude in [bounds.south, bounds.north] {
                for longitude in [bounds.west, bounds.east] {
                    let (x, y) = sheet.place(latitude, longitude);
                    // On the edge, a rounding away from it is all around the earth.
                    let is_on_edge = x * sheet.width > 360.0 - 1e-6;
                    prop_assert!((inside.contains(&x) || is_on_edge) && inside.contains(&y), "{sheet:?} {x} {y}");
                }
            }
        }

        #[test]
        fn the_box_of_a_map_asks_for_it(bounds in bounds(), factor in 0.3..3.0, east in -1.0..1.0, north in -1.0..1.0) {
            let sheet = Sheet::around(bounds, 0.1).zoomed(factor).moved(east, north);
            let again = Sheet::of_box(sheet.to_box().unwrap());
            let close = |a: f64, b: f64| (a - b).abs() < 1e-4 + 1e-4 * sheet.height;
            prop_assert!(close(sheet.latitude, again.latitude) && close(sheet.height, again.height), "{sheet:?} {again:?}");
            let apart = (sheet.longitude - again.longitude).rem_euclid(360.0);
            prop_assert!(sheet.width >= 360.0 || close(apart.min(360.0 - apart), 0.0), "{sheet:?} {again:?}");
        }

        #[test]
        fn a_map_is_true_to_scale_in_its_middle(bounds in bounds()) {
            let sheet = Sheet::around(bounds, 0.0);
            prop_assume!(sheet.width < 360.0);
            let high_and_wide = sheet.height / (sheet.width * scale(sheet.latitude));
            prop_assert!((high_and_wide * ASPECT - 1.0).abs() < 1e-9, "{sheet:?}");
        }

        #[test]
        fn lines_are_few_in_order_and_on_the_map(bounds in bounds()) {
            let sheet = Sheet::around(bounds, 0.1);
            for (lines, is_latitude) in [(sheet.meridians().0, false), (sheet.parallels().0, true)] {
                prop_assert!(lines.len() <= 7, "{lines:?}");
                prop_assert!(lines.iter().all(|(at, _)| (-1e-6..=1.0 + 1e-6).contains(at)), "{lines:?}");
                prop_assert!(lines.is_sorted_by(|a, b| (a.0 < b.0) != is_latitude), "{lines:?}");
                let most = if is_latitude { 90.0 } else { 180.0 };
                prop_assert!(lines.iter().all(|(_, degrees)| degrees.abs() <= most), "{lines:?}");
            }
        }

        #[test]
        fn what_is_zoomed_into_ends_at_the_smallest_map_and_out_of_at_the_whole_earth(bounds in bounds()) {
            let zoomed = |factor| (0..40).fold(Sheet::around(bounds, 0.0), |sheet, _| sheet.zoomed(factor));
            prop_assert!(zoomed(0.5).is_smallest() && zoomed(2.0).is_largest());
            prop_assert_eq!(zoomed(2.0).width, 360.0);
        }
    }

    #[test]
    fn a_line_is_named_by_as_many_digits_as_it_takes() {
        let around = |west, south, east, north| Sheet::around(MapBounds { west, south, east, north }, 0.0);
        let (meridians, digits) = around(170.0, -10.0, -170.0, 2.0).meridians();
        assert_eq!(
            (meridians.iter().map(|(_, degrees)| *degrees).collect::<Vec<_>>(), digits),
            (vec![170.0, 175.0, -180.0, -175.0, -170.0], 0)
        );
        let (parallels, digits) = around(-3.1, 43.27, -2.95, 43.33).parallels();
        assert_eq!(digits, 2);
        assert!(parallels.iter().any(|(_, degrees)| (degrees - 43.3).abs() < 1e-9), "{parallels:?}");
    }
}
