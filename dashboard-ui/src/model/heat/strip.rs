//! One antenna over time: a strip of bars.

use shared::api::History;

use super::{Heat, push};
use crate::language::Language;
use crate::model::Scene;

/// A strip of bars: one path for the steps of each heat, in a box of `width` by 10.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Strip {
    pub(crate) width: usize,
    pub(crate) bars: Vec<(&'static str, String)>,
    /// The strip in words.
    pub(crate) description: String,
}

pub(in crate::model) fn strip(history: Option<&History>, scene: &Scene<'_>) -> Strip {
    let Some(history) = history else { return Strip::default() };
    let heats: Vec<Heat> = (0..history.readings.len()).map(|step| Heat::of(history, step, &scene.limits)).collect();
    let path = |wanted: Heat| {
        let mut path = String::new();
        for (step, _) in heats.iter().enumerate().filter(|(_, heat)| **heat == wanted) {
            let top = wanted.top() * 10.0;
            push(&mut path, format_args!("M{} 10V{top}h.72V10z", step as f64 + 0.14));
        }
        path
    };
    let bars = Heat::DRAWN.into_iter().map(|heat| (heat.class(), path(heat))).filter(|(_, path)| !path.is_empty());
    let number = |wanted: &[Heat]| heats.iter().filter(|heat| wanted.contains(heat)).count() as u64;
    let (bad, down) = (number(&[Heat::Degraded, Heat::Bad]), number(&[Heat::Down]));
    Strip {
        width: heats.len(),
        bars: bars.collect(),
        description: {
            let (steps, unknown) = (heats.len(), number(&[Heat::Unknown]));
            match scene.language() {
                Language::English => format!("{steps} steps: {bad} degraded, {down} down, {unknown} without data"),
                Language::Spanish => format!("{steps} tramos: {bad} degradados, {down} caídos, {unknown} sin datos"),
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{cell, history, judged};
    use super::*;
    use crate::model::tests::{address, scene};

    proptest! {
        #[test]
        fn a_strip_has_a_bar_for_each_known_step_and_says_how_many_were_bad(cells in prop::collection::vec(cell(), 1..40)) {
            let address = address("/");
            let strip = strip(Some(&history(&cells)), &scene(&address));
            prop_assert_eq!(strip.width, cells.len());
            for heat in Heat::DRAWN {
                let steps: Vec<usize> = (0..cells.len()).filter(|step| judged(cells[*step]) == heat).collect();
                let path = strip.bars.iter().find(|(class, _)| *class == heat.class()).map_or("", |(_, path)| path);
                let bars: Vec<usize> = path
                    .split_terminator('z')
                    .map(|bar| bar[1..].split([' ', '.']).next().unwrap().parse().unwrap())
                    .collect();
                prop_assert_eq!(bars, steps);
            }
            let number = |wanted: &[Heat]| cells.iter().filter(|cell| wanted.contains(&judged(**cell))).count();
            let (bad, down) = (number(&[Heat::Degraded, Heat::Bad]), number(&[Heat::Down]));
            let said = format!(
                "{} steps: {bad} degraded, {down} down, {} without data",
                cells.len(),
                number(&[Heat::Unknown]),
            );
            prop_assert_eq!(strip.description, said);
        }
    }

    #[test]
    fn no_history_is_no_strip() {
        assert_eq!(strip(None, &scene(&address("/"))), Strip::default());
    }
}
