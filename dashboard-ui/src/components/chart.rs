//! The charts as SVG that stretches with its card. Labels are HTML, so that they do not stretch.

use leptos::prelude::*;

use super::parts::{FileLink, Time};
use crate::language::Language;
use crate::model::{Chart, StepRow};
use crate::plot::{HEIGHT, WIDTH};

/// A chart in its card: a grid line for each label, gaps behind the values, the threshold in front. The script reads the time
/// axis from its attributes, and the figures from the table with the id `steps`.
#[component]
pub(crate) fn ChartCard(chart: Chart) -> AnyView {
    let key = |(class, words): (&'static str, String)| {
        let mark = (!class.is_empty()).then(|| view! { <span class=format!("key {class}")></span> });
        if class == "bar-total" || class == "all-lost" {
            view! { <li class="all-lost">{mark}{words}</li> }.into_any()
        } else {
            view! { <li>{mark}{words}</li> }.into_any()
        }
    };
    let keys = chart.legend.into_iter().map(key).collect_view();
    let paths = chart.paths.into_iter().map(|(class, path)| view! { <path class=class d=path/> }).collect_view();
    let unit = (!chart.unit.is_empty()).then(|| view! { <small>" "{chart.unit}</small> });
    let steps = chart.labels.len().saturating_sub(1).max(1);
    let grid: String =
        (0..chart.labels.len()).map(|line| format!("M0 {:.1}H{WIDTH}", HEIGHT * line as f64 / steps as f64)).collect();
    let nothing = chart.nothing.map(|words| view! { <p class="nothing" aria-hidden="true">{words}</p> });
    let threshold = chart.threshold.map(|y| view! { <path class="threshold" d=format!("M0 {y:.1}H{WIDTH}")/> });
    let labels = chart.labels.into_iter().map(|label| view! { <li>{label}</li> }).collect_view();
    let axis = chart.axis;
    let times = axis.times.into_iter().map(|moment| view! { <li><Time moment/></li> }).collect_view();
    view! {
        <section class=format!("card chart {}", chart.name)>
            <header>
                <h2>{chart.title}{unit}</h2>
                <ul class="legend" aria-hidden="true">{keys}</ul>
            </header>
            <div class="plot" data-table="steps" data-start=axis.start_ms data-end=axis.end_ms data-step=axis.step_ms>
                <ul class="axis-y" aria-hidden="true">{labels}</ul>
                <svg viewBox="0 0 600 200" preserveAspectRatio="none" role="img" tabindex="0" aria-label=chart.description>
                    <path class="gaps" d=chart.gaps/>
                    <path class="grid" d=grid/>
                    {paths}
                    {threshold}
                </svg>
                {nothing}
                <ul class="axis-x" aria-hidden="true">{times}</ul>
            </div>
        </section>
    }
    .into_any()
}

/// A table with the numbers behind the charts: one row per step, newest first, with a mark after its time.
#[component]
pub(crate) fn NumbersCard(columns: Vec<&'static str>, rows: Vec<StepRow>, csv: String, language: Language) -> AnyView {
    let heads = columns.into_iter().map(|column| view! { <th scope="col">{column}</th> }).collect_view();
    let row = |row: StepRow| {
        let cells = row.cells.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view();
        let mark = match row {
            StepRow { is_partial: true, .. } => Some(language.text(" a part is missing", " falta una parte")),
            StepRow { is_open: true, .. } => Some(language.text(" still filling up", " aún incompleto")),
            StepRow { is_revised: true, .. } => Some(language.text(" revised", " revisado")),
            _ => None,
        };
        let mark = mark.map(|mark| view! { <small>{mark}</small> });
        view! { <tr><th scope="row"><Time moment=row.time/>{mark}</th>{cells}</tr> }
    };
    let rows = rows.into_iter().map(row).collect_view();
    view! {
        <details class="card steps" id="numbers">
            <summary>{language.text("View the charts as a table", "Ver los gráficos como tabla")}</summary>
            <div class="scroll" tabindex="0" role="region" aria-label=language.text("The charts as a table", "Los gráficos como tabla")>
                <table id="steps">
                    <thead><tr>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <p class="file"><FileLink href=csv language/></p>
        </details>
    }
    .into_any()
}
