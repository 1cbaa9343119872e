//! One antenna over time: a strip of bars.

use shared::api::History;

use super::{Heat, is_down_in_part, push, story};
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
    let mut split = String::new();
    for (step, _) in heats.iter().enumerate().filter(|(step, heat)| is_down_in_part(history, *step, **heat)) {
        push(&mut split, format_args!("M{} 10V7h.72V10z", step as f64 + 0.14));
    }
    let bars = bars.chain([("heat-down", split)].into_iter().filter(|(_, path)| !path.is_empty()));
    Strip { width: heats.len(), bars: bars.collect(), description: story(history, scene) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::api::Status;

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
    fn a_step_that_was_down_for_a_part_has_a_foot_and_words() {
        let mut cells = history(&[(1, 100, 10, None), (1, 100, 100, None)]);
        cells.worst_status = vec![Some(Status::Down); 2];
        let strip = strip(Some(&cells), &scene(&address("/")));
        assert_eq!(strip.bars.last(), Some(&("heat-down", "M0.14 10V7h.72V10z".to_owned())));
        assert_eq!(strip.description, "2 steps: 1 degraded, 1 down, 1 down in part, 0 without data");
    }

    #[test]
    fn no_history_is_no_strip() {
        assert_eq!(strip(None, &scene(&address("/"))), Strip::default());
    }
}
