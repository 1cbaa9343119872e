//! The pace of the pipeline over the last minutes, as charts and as a table.

use shared::api::{PipelineHistory, PipelineSample};

use crate::format;
use crate::language::Language;
use crate::model::charts::{self, Axis, Chart, StepRow};
use crate::model::{Form, Moment, Scene};
use crate::plot::{self, Scale};

/// The axis of entries reaches at least this far, so that a single entry does not look like a peak.
const LAG_LEAST: f64 = 8.0;

pub(super) fn charts(history: &PipelineHistory, scene: &Scene<'_>) -> Vec<Chart> {
    let language = scene.language();
    // The last step is still filling up and would look like a drop.
    let samples = &history.samples[..history.samples.len().saturating_sub(1)];
    let (Some(first), Some(open)) = (samples.first(), history.samples.last()) else { return Vec::new() };
    let axis = Axis::new([first.start, open.start], history.step_seconds, scene);
    let values = |value: &dyn Fn(&PipelineSample) -> Option<f64>| samples.iter().map(value).collect::<Vec<_>>();
    let rate = values(&|sample| Some(sample.rows as f64 / history.step_seconds));
    let (p50, p99) = (values(&|sample| sample.freshness_ms.p50), values(&|sample| sample.freshness_ms.p99));
    let lag = values(&|sample| sample.lag.map(|lag| lag as f64));
    let highest = |values: &[Option<f64>]| charts::highest(values).unwrap_or_default();
    let (rate_scale, age_scale, lag_scale) = (
        Scale::from_zero_to(highest(&rate)),
        Scale::from_zero_to(highest(&p99)),
        Scale::from_zero_to(highest(&lag).max(LAG_LEAST)),
    );
    // A chart without its curves.
    let chart = |title, unit, highest, scale| Chart {
        name: "pace",
        title,
        unit,
        axis: axis.clone(),
        labels: charts::labels(scale, "", language),
        paths: Vec::new(),
        legend: Vec::new(),
        gaps: String::new(),
        threshold: None,
        nothing: None,
        description: description(title, unit, highest, language),
    };
    let gaps = |values: &[Option<f64>]| plot::stretches(&charts::missing(values));
    vec![
        Chart {
            paths: vec![("usual", plot::bars(&rate, rate_scale, |_| true))],
            ..chart(language.text("Readings a second", "Lecturas por segundo"), "", highest(&rate), rate_scale)
        },
        Chart {
            paths: vec![("p99", plot::line(&p99, age_scale)), ("mean", plot::line(&p50, age_scale))],
            legend: vec![("line-mean", "p50".to_owned()), ("line-p99", "p99".to_owned())],
            gaps: gaps(&p50),
            ..chart(language.text("Freshness", "Frescura"), "ms", highest(&p99), age_scale)
        },
        Chart {
            paths: vec![("band", plot::area(&lag, lag_scale)), ("mean", plot::line(&lag, lag_scale))],
            gaps: gaps(&lag),
            ..chart(language.text("Entries still to read", "Entradas por leer"), "", highest(&lag), lag_scale)
        },
    ]
}

fn description(title: &str, unit: &str, highest: f64, language: Language) -> String {
    let highest = format!("{} {unit}", language.axis_number(highest, highest));
    let highest = highest.trim_end();
    match language {
        Language::English => format!("{title} over the last minutes, at most {highest}."),
        Language::Spanish => format!("{title} en los últimos minutos, como máximo {highest}."),
    }
}

pub(super) fn steps(
    samples: &[PipelineSample],
    step_seconds: f64,
    scene: &Scene<'_>,
) -> (Vec<&'static str>, Vec<StepRow>) {
    let language = scene.language();
    let heads = vec![
        language.text("From", "Desde"),
        language.text("Readings a second", "Lecturas por segundo"),
        language.text("Batches", "Lotes"),
        "p50",
        "p99",
        language.text("To read", "Por leer"),
        "Commits",
    ];
    let complete = &samples[..samples.len().saturating_sub(1)];
    let row = |sample: &PipelineSample| {
        let cells = vec![
            format::count((sample.rows as f64 / step_seconds).round() as u64),
            format::count(sample.batches),
            language.latency(sample.freshness_ms.p50),
            language.latency(sample.freshness_ms.p99),
            format::count_if_known(sample.lag),
            format::count(sample.commits),
        ];
        let time = Moment::new(sample.start, Form::Time, language);
        StepRow { time, cells, is_revised: false, is_open: false, is_partial: false }
    };
    (heads, complete.iter().rev().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;
    use crate::model::tests::pipeline;

    #[test]
    fn the_table_has_a_row_for_each_step_that_is_drawn_and_leaves_out_the_open_one() {
        let samples = pipeline().history.unwrap().samples;
        let screen = shown(|_| ());
        assert_eq!(screen.charts.len(), 3);
        for chart in &screen.charts {
            let Axis { start_ms, end_ms, step_ms, .. } = chart.axis;
            assert_eq!((end_ms - start_ms) / step_ms, screen.steps.1.len() as i64);
            assert_eq!((start_ms, end_ms), (samples[0].start.0, samples[samples.len() - 1].start.0));
        }
        assert!(screen.steps.1.iter().all(|row| row.cells.len() + 1 == screen.steps.0.len()));
        let starts: Vec<&str> = screen.steps.1.iter().map(|row| &*row.time.machine).collect();
        assert!(starts.is_sorted_by(|a, b| a > b), "newest first");
    }

    #[test]
    fn a_step_without_readings_is_a_gap_of_freshness_and_no_gap_of_the_rate() {
        let screen = shown(|figures| {
            let history = figures.history.as_mut().unwrap();
            history.samples.truncate(5);
            let sample = &mut history.samples[1];
            (sample.rows, sample.lag) = (0, None);
            (sample.freshness_ms.p50, sample.freshness_ms.p99) = (None, None);
        });
        assert_eq!(screen.charts[0].gaps, "");
        assert_eq!(
            (&*screen.charts[1].gaps, &*screen.charts[2].gaps),
            ("M150 0h150v200h-150z", "M150 0h150v200h-150z")
        );
        let cells = &screen.steps.1[2].cells;
        assert_eq!((&*cells[0], &*cells[2], &*cells[4]), ("0", "–", "–"));
    }
}
