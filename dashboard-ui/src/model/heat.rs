//! Health over time as colour: a strip for one antenna, a map for all of them.

use std::fmt::Write;

use shared::UnixMillis;
use shared::api::{Heatmap, HeatmapRow, History, Limits, Status, Steps};

use super::{Moment, Scene, status_label};
use crate::format;
use crate::language::Language;
use crate::query::{By, Page};

/// The share of a row that its cells take; the rest keeps rows apart.
const ROW: f64 = 0.86;

/// How many stretches the time axis of the map is divided into.
const TIME_STRETCHES: usize = 4;

/// How an antenna, or a group of them, fared in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heat {
    /// Nothing was counted.
    Unknown,
    /// Hardly anything was lost, and latency is far below its threshold.
    Well,
    /// Nearer to a threshold than to perfection.
    Fair,
    /// Beyond a threshold.
    Degraded,
    /// Four times as much was lost as the threshold allows.
    Bad,
    /// Everything was lost.
    Down,
}

impl Heat {
    /// Those that are drawn, mildest first.
    pub(crate) const DRAWN: [Self; 5] = [Self::Well, Self::Fair, Self::Degraded, Self::Bad, Self::Down];

    /// The class of the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Unknown => "heat-unknown",
            Self::Well => "heat-well",
            Self::Fair => "heat-fair",
            Self::Degraded => "heat-degraded",
            Self::Bad => "heat-bad",
            Self::Down => "heat-down",
        }
    }

    /// From the top of a strip to the top of its bar, as a share: what is worse is taller, so that colour is not all that
    /// tells it.
    const fn top(self) -> f64 {
        match self {
            Self::Unknown => 1.0,
            Self::Well => 0.45,
            Self::Fair => 0.3,
            Self::Degraded => 0.15,
            Self::Bad => 0.05,
            Self::Down => 0.0,
        }
    }

    /// The class of a mark on a chart.
    pub(crate) const fn mark_class(self) -> &'static str {
        match self {
            Self::Unknown => "mark-unknown",
            Self::Well => "mark-well",
            Self::Fair => "mark-fair",
            Self::Degraded => "mark-degraded",
            Self::Bad => "mark-bad",
            Self::Down => "mark-down",
        }
    }

    /// Judges what was counted; by loss alone where no latency is given.
    pub(super) fn judge(readings: u64, sent: u64, lost: u64, latency_ms: Option<f64>, limits: &Limits) -> Self {
        let loss = if sent > 0 { lost as f64 / sent as f64 } else { 0.0 };
        let limit = 1.0 - limits.degraded_success_rate;
        let latency_ms = latency_ms.unwrap_or_default();
        match () {
            () if readings == 0 => Self::Unknown,
            () if sent > 0 && lost == sent => Self::Down,
            () if loss > 4.0 * limit => Self::Bad,
            () if loss > limit || latency_ms > limits.degraded_latency_ms => Self::Degraded,
            () if loss > 0.2 * limit || latency_ms > 0.6 * limits.degraded_latency_ms => Self::Fair,
            () => Self::Well,
        }
    }

    fn of(history: &History, step: usize, limits: &Limits) -> Self {
        let at = |column: &[u64]| column.get(step).copied().unwrap_or_default();
        let latency_ms = history.latency_mean_ms.get(step).copied().flatten();
        Self::judge(at(&history.readings), at(&history.packets_sent), at(&history.packets_lost), latency_ms, limits)
    }
}

/// A strip of bars: for each heat the path of its steps, in a box of `width` by 10.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Strip {
    pub(crate) width: usize,
    pub(crate) bars: Vec<(&'static str, String)>,
    /// The strip in words.
    pub(crate) description: String,
}

/// The map: for each heat the path of its cells, in a box of `columns` by as many units as there are rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) cells: Vec<(&'static str, String)>,
    /// What stands beside each row.
    pub(crate) labels: Vec<HeatLabel>,
    /// The time axis.
    pub(crate) times: Vec<Moment>,
    /// What it shows: how many antennas, how long a step is.
    pub(crate) caption: String,
    /// The address with more rows or with fewer, and its words; `None` where each antenna has a row.
    pub(crate) more: Option<(String, &'static str)>,
    /// The map in words.
    pub(crate) description: String,
}

/// What stands beside a row of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatLabel {
    /// The id, or how many antennas the row stands for.
    pub(crate) text: String,
    /// The antenna's page; `None` for a group.
    pub(crate) href: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
}

pub(super) fn strip(history: Option<&History>, scene: &Scene<'_>) -> Strip {
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
        description: match scene.language() {
            Language::English => {
                format!("{} steps: {bad} degraded, {down} down, {} without data", heats.len(), number(&[Heat::Unknown]))
            }
            Language::Spanish => format!(
                "{} tramos: {bad} degradados, {down} caídos, {} sin datos",
                heats.len(),
                number(&[Heat::Unknown])
            ),
        },
    }
}

pub(super) fn heat_map(heatmap: &Heatmap, tall: bool, scene: &Scene<'_>) -> HeatMap {
    let columns = heatmap.steps.starts.len();
    let language = scene.language();
    let groups = heatmap.rows.iter().filter(|row| row.antenna_id.is_none()).count();
    let more = |tall: bool, words| (scene.address.with_page(overview_with(scene, tall)).href(), words);
    HeatMap {
        columns,
        rows: heatmap.rows.len(),
        cells: cells(heatmap, columns, &scene.limits),
        labels: heatmap.rows.iter().map(|row| label(row, scene)).collect(),
        times: times(&heatmap.steps),
        caption: match language {
            Language::English => format!(
                "{}, worst first, {} a step",
                language.antennas(heatmap.total),
                language.duration(heatmap.steps.step_seconds)
            ),
            Language::Spanish => format!(
                "{}, las peores primero, {} por tramo",
                language.antennas(heatmap.total),
                language.duration(heatmap.steps.step_seconds)
            ),
        },
        more: match (tall, groups > 0) {
            (true, _) => Some(more(false, language.text("Fewer rows", "Menos filas"))),
            (false, true) => Some(more(true, language.text("More rows", "Más filas"))),
            (false, false) => None,
        },
        description: match language {
            Language::English => format!(
                "Health of {} over time, a row an antenna{}, worst first. The table of antennas says the same in numbers.",
                language.antennas(heatmap.total),
                if groups > 0 { " or a group of antennas" } else { "" }
            ),
            Language::Spanish => format!(
                "Salud de {} a lo largo del tiempo, una fila por antena{}, las peores primero. La tabla de antenas dice lo mismo en cifras.",
                language.antennas(heatmap.total),
                if groups > 0 { " o grupo de antenas" } else { "" }
            ),
        },
    }
}

fn overview_with(scene: &Scene<'_>, tall: bool) -> Page {
    match &scene.address.query.page {
        Page::Overview { by, .. } => Page::Overview { by: *by, tall },
        _ => Page::Overview { by: By::default(), tall },
    }
}

/// Neighbours of the same heat become one rectangle: most of a network is well most of the time.
fn cells(heatmap: &Heatmap, columns: usize, limits: &Limits) -> Vec<(&'static str, String)> {
    let mut paths = Heat::DRAWN.map(|heat| (heat, String::new()));
    for (row, HeatmapRow { history, .. }) in heatmap.rows.iter().enumerate() {
        let heats: Vec<Heat> = (0..columns).map(|step| Heat::of(history, step, limits)).collect();
        let mut column = 0;
        for run in heats.chunk_by(|a, b| a == b) {
            if let Some((_, path)) = paths.iter_mut().find(|(heat, _)| *heat == run[0]) {
                push(path, format_args!("M{column} {row}h{}v{ROW}h-{}z", run.len(), run.len()));
            }
            column += run.len();
        }
    }
    paths.into_iter().filter(|(_, path)| !path.is_empty()).map(|(heat, path)| (heat.class(), path)).collect()
}

fn label(row: &HeatmapRow, scene: &Scene<'_>) -> HeatLabel {
    let language = scene.language();
    let counts = &row.antennas;
    let parts = [
        (counts.down, Status::Down),
        (counts.degraded, Status::Degraded),
        (counts.silent, Status::Silent),
        (counts.healthy, Status::Healthy),
    ];
    // A group is of one status, or of few.
    let part = |(count, status): &(u64, Status)| {
        format!("{} {}", format::count(*count), status_label(*status, language).to_lowercase())
    };
    let group: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(part).collect();
    HeatLabel {
        text: row.antenna_id.clone().unwrap_or_else(|| group.join(", ")),
        href: row.antenna_id.as_ref().map(|id| antenna_href(id, scene)),
        status: row.status.as_str(),
        status_label: status_label(row.status, language),
    }
}

/// The address of an antenna's page, over the same range.
pub(super) fn antenna_href(id: &str, scene: &Scene<'_>) -> String {
    scene.address.with_page(Page::Antenna { id: id.to_owned() }).href()
}

fn times(steps: &Steps) -> Vec<Moment> {
    let (Some(first), Some(last)) = (steps.starts.first(), steps.starts.last()) else { return Vec::new() };
    let end_ms = last.0 + (steps.step_seconds * 1000.0) as i64;
    let length_ms = end_ms - first.0;
    (0..=TIME_STRETCHES as i64)
        .map(|stretch| UnixMillis(first.0 + length_ms * stretch / TIME_STRETCHES as i64))
        .map(|at| if length_ms < 30 * 60 * 1000 { Moment::time(at) } else { Moment::minute(at) })
        .collect()
}

fn push(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).expect("writing to a string cannot fail");
}
