//! What charts share: scales and their labels, thresholds, and words about values.

use shared::api::Series;

use crate::language::Language;
use crate::model::Scene;
use crate::model::last_week::LastWeek;
use crate::plot::{self, Scale};

/// Values from this share of a threshold on are close to it.
const NEAR: f64 = 0.6;

/// The threshold as an entry of the legend, which mentions it even if it is not drawn. The axis goes by closed steps alone, so
/// what is still filling up may lie beyond a threshold that it does not reach.
pub(super) fn threshold(y: Option<f64>, limit: &str, open_above: usize, scene: &Scene<'_>) -> (&'static str, String) {
    let words = match (y, open_above) {
        (Some(_), _) => scene.text("threshold", "umbral").to_owned(),
        (None, 0) => scene.text("all far below the threshold of", "todo muy por debajo del umbral de").to_owned(),
        (None, open) => match scene.language() {
            Language::English => format!("{} still filling up above the threshold of", steps(open, Language::English)),
            Language::Spanish => format!(
                "{} por encima del umbral de",
                scene.language().plural(open as u64, ["", ""], ["tramo aún incompleto", "tramos aún incompletos"],)
            ),
        },
    };
    ("line-threshold", format!("{words} {limit}"))
}

/// The steps that are still filling up as an entry of the legend; with the highest of them, if the axis does not reach it.
pub(super) fn filling_up(
    class: &'static str,
    steps: usize,
    beyond: Option<String>,
    scene: &Scene<'_>,
) -> Option<(&'static str, String)> {
    let words = scene.text("still filling up", "aún incompleto");
    let beyond = beyond.map(|highest| format!(", {} {highest}", scene.text("up to", "hasta")));
    (steps > 0).then(|| (class, format!("{words}{}", beyond.unwrap_or_default())))
}

/// The axis, and the position of the threshold on it. An axis far below the threshold does not extend up to it, or the
/// values would be squashed.
pub(super) fn scale(highest: Option<f64>, limit: f64) -> (Scale, Option<f64>) {
    let highest = highest.unwrap_or_default();
    let is_near = highest >= limit * NEAR;
    let scale = Scale::from_zero_to(if is_near { highest.max(limit * 1.1) } else { highest });
    (scale, is_near.then(|| scale.y(limit)))
}

pub(in crate::model) fn labels(scale: Scale, unit: &str, language: Language) -> Vec<String> {
    let (ticks, step) = scale.ticks();
    ticks.into_iter().map(|tick| format!("{}{unit}", language.axis_number(tick, step))).collect()
}

/// Last week as an entry of the legend.
pub(super) fn last_week_key(last_week: &LastWeek<'_>, scene: &Scene<'_>) -> (&'static str, String) {
    if last_week.is_empty() {
        return ("", scene.text("no data of last week", "sin datos de hace una semana").to_owned());
    }
    let words = scene.text("same time last week", "hace una semana");
    let steps = last_week.longer_step_seconds.map(|seconds| {
        let length = scene.language().duration(seconds);
        format!(", {} {length}", scene.text("steps of", "en tramos de"))
    });
    ("line-last-week", format!("{words}{}", steps.unwrap_or_default()))
}

/// Last week as a sentence at the end of a description; `course` is that of its values, if there are any.
pub(super) fn last_week_sentence(course: Option<String>, scene: &Scene<'_>) -> String {
    match course {
        Some(course) => format!(" {}: {course}.", scene.text("The same time last week", "Hace una semana")),
        None => scene.text(" No data of the same time last week.", " Sin datos de hace una semana.").to_owned(),
    }
}

/// Swaps values and gaps.
pub(in crate::model) fn missing(values: &[Option<f64>]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.is_none().then_some(1.0)).collect()
}

/// Where closed steps have no value. One that is still filling up may get one yet.
pub(super) fn gaps(values: &[Option<f64>], closed: usize) -> String {
    let mut empty = missing(values);
    empty[closed..].fill(None);
    plot::stretches(&empty)
}

pub(in crate::model) fn highest<'a>(values: impl IntoIterator<Item = &'a Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().copied().reduce(f64::max)
}

pub(super) fn lowest<'a>(values: impl IntoIterator<Item = &'a Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().copied().reduce(f64::min)
}

/// The length of the window: its times stand on the axis, in the viewer's zone.
pub(super) fn period(series: &Series, language: Language) -> String {
    let length = language.duration((series.window.end.0 - series.window.start.0) as f64 / 1000.0);
    format!("{} {length}", language.text("over", "durante"))
}

pub(super) fn gap_sentence(values: &[Option<f64>], language: Language) -> String {
    match values.iter().filter(|value| value.is_none()).count() {
        0 => String::new(),
        gaps => format!(" {} {}", steps(gaps, language), language.text("without data.", "sin datos.")),
    }
}

pub(super) fn steps(number: usize, language: Language) -> String {
    language.plural(number as u64, ["step", "steps"], ["tramo", "tramos"])
}
