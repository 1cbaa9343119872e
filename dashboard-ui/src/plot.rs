//! From values to SVG paths. Pure. `None` is a gap: nothing is drawn there, and no line crosses it.

use std::fmt::Write;

/// The size of the coordinate system of every path; the page stretches it.
pub(crate) const WIDTH: f64 = 600.0;
/// See [`WIDTH`].
pub(crate) const HEIGHT: f64 = 200.0;

/// Roughly how many steps an axis has.
const AXIS_STEPS: f64 = 4.0;

/// The share of a step's width that its bar takes.
const BAR: f64 = 0.76;

/// Maps values to heights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    bottom: f64,
    top: f64,
    step: f64,
}

impl Scale {
    /// From 0 to a round number that is at least `highest`.
    pub(crate) fn from_zero_to(highest: f64) -> Self {
        let highest = if highest.is_finite() && highest > 0.0 { highest } else { 1.0 };
        let rough = highest / AXIS_STEPS;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| *step >= rough * (1.0 - 1e-9))
            .unwrap_or(rough);
        Self { bottom: 0.0, top: (highest / step - 1e-9).ceil() * step, step }
    }

    /// From the lowest value to the highest, with some margin; at least `least` apart, so that noise stays small.
    pub(crate) fn around(values: &[Option<f64>], least: f64) -> Self {
        let (lowest, highest) = values
            .iter()
            .flatten()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
        let middle = if lowest <= highest { f64::midpoint(lowest, highest) } else { 0.0 };
        let half = ((highest - lowest).max(least).max(f64::MIN_POSITIVE)) / 2.0 * 1.2;
        // What is never negative stands on zero where it is zero.
        let bottom = if lowest >= 0.0 { (middle - half).max(0.0) } else { middle - half };
        Self { bottom, top: bottom + 2.0 * half, step: 2.0 * half }
    }

    /// The values to label, from the top down, and the step between them.
    pub(crate) fn ticks(self) -> (Vec<f64>, f64) {
        let count = ((self.top - self.bottom) / self.step).round().clamp(1.0, 10.0) as u32;
        ((0..=count).rev().map(|tick| self.bottom + f64::from(tick) * self.step).collect(), self.step)
    }

    /// Whether a value is within the axis.
    pub(crate) fn holds(self, value: f64) -> bool {
        value <= self.top
    }

    /// The position of a value, from the top.
    pub(crate) fn y(self, value: f64) -> f64 {
        let share = (value - self.bottom) / (self.top - self.bottom);
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// A line through the middles of the steps.
pub(crate) fn line(values: &[Option<f64>], scale: Scale) -> String {
    let mut path = String::new();
    for run in runs(values, |value| *value) {
        for (position, (x, value)) in run.iter().enumerate() {
            let command = if position == 0 { 'M' } else { 'L' };
            push(&mut path, format_args!("{command}{} {}", short(*x), short(scale.y(*value))));
        }
        if run.len() == 1 {
            // A line of zero length: its round ends make it a dot.
            path.push_str("h0");
        }
    }
    path
}

/// The area between two lines.
pub(crate) fn band(lower: &[Option<f64>], upper: &[Option<f64>], scale: Scale) -> String {
    let both: Vec<Option<(f64, f64)>> = lower.iter().zip(upper).map(|(low, high)| low.zip(*high)).collect();
    let mut path = String::new();
    for run in runs(&both, |pair| *pair) {
        let there = run.iter().map(|(x, (_, high))| (*x, *high));
        let back = run.iter().rev().map(|(x, (low, _))| (*x, *low));
        for (position, (x, value)) in there.chain(back).enumerate() {
            let command = if position == 0 { 'M' } else { 'L' };
            push(&mut path, format_args!("{command}{} {}", short(x), short(scale.y(value))));
        }
        path.push('z');
    }
    path
}

/// The area below a line.
pub(crate) fn area(values: &[Option<f64>], scale: Scale) -> String {
    let mut path = String::new();
    for run in runs(values, |value| *value) {
        push(&mut path, format_args!("M{} {HEIGHT}", short(run[0].0)));
        for (x, value) in &run {
            push(&mut path, format_args!("L{} {}", short(*x), short(scale.y(*value))));
        }
        push(&mut path, format_args!("V{HEIGHT}z"));
    }
    path
}

/// A bar from the bottom for each value that `include` accepts; a value above 0 is at least a sliver.
pub(crate) fn bars(values: &[Option<f64>], scale: Scale, include: impl Fn(f64) -> bool) -> String {
    let step = WIDTH / values.len().max(1) as f64;
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| *value > 0.0 && include(*value)) else { continue };
        let x = step * (index as f64 + (1.0 - BAR) / 2.0);
        let y = scale.y(value).min(HEIGHT - 1.5);
        push(&mut path, format_args!("M{} {HEIGHT}V{}h{}V{HEIGHT}z", short(x), short(y), short(step * BAR)));
    }
    path
}

/// A mark at the top of each step whose value the axis does not reach: an arrowhead that leads on.
pub(crate) fn cuts(values: &[Option<f64>], scale: Scale) -> String {
    let step = WIDTH / values.len().max(1) as f64;
    let mut path = String::new();
    for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_some_and(|value| !scale.holds(value))) {
        push(
            &mut path,
            format_args!("M{} 14l{} -14l{} 14z", short(step * index as f64), short(step / 2.0), short(step / 2.0)),
        );
    }
    path
}

/// Full-height stretches from one share of the width to another.
pub(crate) fn spans(spans: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (from, to) in spans {
        let (from, to) = (WIDTH * from.clamp(0.0, 1.0), WIDTH * to.clamp(0.0, 1.0));
        if from < to {
            let width = short(to - from);
            push(&mut path, format_args!("M{} 0h{width}v{HEIGHT}h-{width}z", short(from)));
        }
    }
    path
}

/// Full-height stretches over the steps that have a value.
pub(crate) fn stretches(values: &[Option<f64>]) -> String {
    let step = WIDTH / values.len().max(1) as f64;
    let mut path = String::new();
    let mut index = 0;
    for stretch in values.chunk_by(|a, b| a.is_some() == b.is_some()) {
        if stretch[0].is_some() {
            let (x, width) = (step * index as f64, step * stretch.len() as f64);
            push(&mut path, format_args!("M{} 0h{}v{HEIGHT}h-{}z", short(x), short(width), short(width)));
        }
        index += stretch.len();
    }
    path
}

/// A level stroke over the width of each step, at its value.
pub(crate) fn marks(values: &[Option<f64>], scale: Scale) -> String {
    let step = WIDTH / values.len().max(1) as f64;
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let x = step * (index as f64 + (1.0 - BAR) / 2.0);
        push(&mut path, format_args!("M{} {}h{}", short(x), short(scale.y(*value)), short(step * BAR)));
    }
    path
}

/// A stroke of zero length in the middle of each step, at its value: round ends make it a dot.
pub(crate) fn dots(values: &[Option<f64>], scale: Scale) -> String {
    let step = WIDTH / values.len().max(1) as f64;
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        push(&mut path, format_args!("M{} {}h0", short(step * (index as f64 + 0.5)), short(scale.y(*value))));
    }
    path
}

/// Runs of adjacent values, each with the middle of its step.
fn runs<T, U>(values: &[T], value: impl Fn(&T) -> Option<U>) -> Vec<Vec<(f64, U)>> {
    let step = WIDTH / values.len().max(1) as f64;
    let mut runs = vec![Vec::new()];
    for (index, item) in values.iter().enumerate() {
        match (value(item), runs.last_mut()) {
            (Some(value), Some(run)) => run.push((step * (index as f64 + 0.5), value)),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// One decimal is finer than any screen.
fn short(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn push(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (highest, top, ticks) in [(130.0, 150.0, 4), (100.0, 100.0, 5), (3.8, 4.0, 5), (0.7, 0.8, 5), (0.0, 1.0, 5)]
        {
            let scale = Scale::from_zero_to(highest);
            assert!((scale.top - top).abs() < 1e-9, "{highest}: {scale:?}");
            assert_eq!(scale.ticks().0.len(), ticks, "{highest}");
        }
    }

    #[test]
    fn absurd_values_still_have_an_axis() {
        for highest in [f64::NAN, f64::INFINITY, -1.0, 1e300, 1e-300] {
            let (ticks, _) = Scale::from_zero_to(highest).ticks();
            assert!((2..=11).contains(&ticks.len()), "{highest}: {ticks:?}");
        }
        assert!(Scale::around(&[], 0.0).y(0.0).is_finite());
    }

    #[test]
    fn zeros_lie_on_zero() {
        for (values, least, path) in [
            (vec![Some(0.0); 2], 0.01, "M150 200L450 200"),
            (vec![Some(0.0); 2], 0.0, "M150 200L450 200"),
            (vec![Some(1.0); 2], 0.01, "M150 100L450 100"),
            (vec![Some(0.0), Some(2.0)], 0.0, "M150 200L450 33.3"),
        ] {
            assert_eq!(line(&values, Scale::around(&values, least)), path);
        }
    }

    #[test]
    fn no_line_leads_across_a_gap() {
        let scale = Scale::from_zero_to(4.0);
        let path = line(&[Some(0.0), Some(4.0), None, Some(2.0)], scale);
        assert_eq!(path, "M75 200L225 0M525 100h0");
    }

    #[test]
    fn a_stretch_covers_neighbours_together() {
        assert_eq!(stretches(&[None, Some(0.0), Some(1.0), None]), "M150 0h300v200h-300z");
        assert_eq!(stretches(&[None]), "");
        assert_eq!(stretches(&[]), "");
    }

    #[test]
    fn marks_and_dots_are_at_their_values() {
        let (values, scale) = ([None, Some(2.0)], Scale::from_zero_to(4.0));
        assert_eq!(marks(&values, scale), "M336 100h228");
        assert_eq!(dots(&values, scale), "M450 100h0");
    }

    #[test]
    fn bars_stand_on_the_bottom_and_zero_has_none() {
        let path = bars(&[Some(0.0), Some(1.0), None, Some(0.001)], Scale::from_zero_to(1.0), |_| true);
        assert_eq!(path, "M168 200V0h114V200zM468 200V198.5h114V200z");
    }

    #[test]
    fn an_area_stands_on_the_bottom() {
        let path = area(&[Some(2.0), Some(4.0), None], Scale::from_zero_to(4.0));
        assert_eq!(path, "M100 200L100 100L300 0V200z");
    }

    #[test]
    fn a_band_goes_there_and_back() {
        let scale = Scale::from_zero_to(4.0);
        let path = band(&[Some(1.0), Some(1.0)], &[Some(2.0), Some(4.0)], scale);
        assert_eq!(path, "M150 100L450 0L450 150L150 150z");
    }
}
