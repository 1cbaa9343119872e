//! The charts as SVG that stretches with its card. Labels are HTML, so that they do not stretch.

use leptos::prelude::*;

use super::parts::Time;
use crate::language::Language;
use crate::model::{Axis, LatencyChart, LossChart, Moment, PaceChart, StepRow};
use crate::plot::{HEIGHT, WIDTH};

/// Latency over time.
#[component]
pub(crate) fn LatencyCard(chart: LatencyChart, axis: Axis, language: Language) -> AnyView {
    let threshold_key = chart.nothing.is_none().then(|| key("line-threshold", chart.threshold.words));
    let keys = chart.legend.into_iter().map(|(class, words)| key(class, words.to_owned())).collect_view();
    let paths =
        chart.paths.into_iter().map(|(class, path)| view! { <path class=class d=path/> }).collect_view().into_any();
    let revised = (!chart.revised.is_empty()).then(|| view! { <path class="revised" d=chart.revised/> });
    view! {
        <section class="card chart latency">
            <header>
                <h2>{language.text("Latency", "Latencia")}<small>" ms"</small></h2>
                <ul class="legend" aria-hidden="true">{keys}{threshold_key}</ul>
            </header>
            <Plot axis table="steps" labels=chart.labels threshold=chart.threshold.y gaps=chart.gaps nothing=chart.nothing description=chart.description>
                {paths}
                {revised}
            </Plot>
        </section>
    }
    .into_any()
}

/// Loss over time.
#[component]
pub(crate) fn LossCard(chart: LossChart, axis: Axis, language: Language) -> AnyView {
    let threshold_key = key("line-threshold", chart.threshold.words);
    let total_key = (!chart.total.is_empty())
        .then(|| view! { <li class="all-lost"><span class="key bar-total"></span>{language.text("all lost", "todo perdido")}</li> });
    view! {
        <section class="card chart loss">
            <header>
                <h2>{language.text("Packet loss", "Pérdida de paquetes")}</h2>
                <ul class="legend" aria-hidden="true">
                    {total_key}
                    {threshold_key}
                    <li>{chart.lost}" "{language.text("lost", "perdidos")}</li>
                </ul>
            </header>
            <Plot axis table="steps" labels=chart.labels threshold=chart.threshold.y gaps=chart.gaps nothing=None description=chart.description>
                <path class="usual" d=chart.usual/>
                <path class="high" d=chart.high/>
                <path class="total" d=chart.total/>
            </Plot>
        </section>
    }
    .into_any()
}

/// One chart of the pipeline.
#[component]
pub(crate) fn PaceCard(chart: PaceChart) -> AnyView {
    let keys = chart.legend.into_iter().map(|(class, words)| key(class, words.to_owned())).collect_view();
    let paths =
        chart.paths.into_iter().map(|(class, path)| view! { <path class=class d=path/> }).collect_view().into_any();
    let unit = (!chart.unit.is_empty()).then(|| view! { <small>" "{chart.unit}</small> });
    view! {
        <section class="card chart pace">
            <header>
                <h2>{chart.title}{unit}</h2>
                <ul class="legend" aria-hidden="true">{keys}</ul>
            </header>
            <Plot axis=chart.axis table="steps" labels=chart.labels threshold=None gaps=chart.gaps nothing=None description=chart.description>
                {paths}
            </Plot>
        </section>
    }
    .into_any()
}

fn key(class: &str, words: String) -> AnyView {
    view! { <li><span class=format!("key {class}")></span>{words}</li> }.into_any()
}

/// A plot with its axes: a grid line for each label, gaps behind the values, the threshold in front. The script reads the
/// time axis from its attributes, and the figures from the table with the id `table`.
#[component]
fn Plot(
    axis: Axis,
    table: &'static str,
    labels: Vec<String>,
    threshold: Option<f64>,
    gaps: String,
    nothing: Option<&'static str>,
    description: String,
    children: Children,
) -> AnyView {
    let steps = labels.len().saturating_sub(1).max(1);
    let grid: String =
        (0..labels.len()).map(|line| format!("M0 {:.1}H{WIDTH}", HEIGHT * line as f64 / steps as f64)).collect();
    let nothing = nothing.map(|words| view! { <p class="nothing" aria-hidden="true">{words}</p> });
    let threshold = threshold.map(|y| view! { <path class="threshold" d=format!("M0 {y:.1}H{WIDTH}")/> });
    let labels = labels.into_iter().map(|label| view! { <li>{label}</li> }).collect_view();
    let times = axis.times.into_iter().map(|moment| view! { <li><Time moment/></li> }).collect_view();
    view! {
        <div class="plot" data-table=table data-start=axis.start_ms data-end=axis.end_ms data-step=axis.step_ms>
            <ul class="axis-y" aria-hidden="true">{labels}</ul>
            <svg viewBox="0 0 600 200" preserveAspectRatio="none" role="img" tabindex="0" aria-label=description>
                <path class="gaps" d=gaps/>
                <path class="grid" d=grid/>
                {children()}
                {threshold}
            </svg>
            {nothing}
            <ul class="axis-x" aria-hidden="true">{times}</ul>
        </div>
    }
    .into_any()
}

/// The charts as numbers.
#[component]
pub(crate) fn StepsCard(columns: Vec<&'static str>, rows: Vec<StepRow>, csv: String, language: Language) -> AnyView {
    let mark = language.text("revised", "revisado");
    let rows = rows.into_iter().map(|row| (row.time, row.cells, row.is_revised.then_some(mark))).collect();
    view! { <NumbersCard columns rows csv=Some(csv) language/> }.into_any()
}

/// A table with the numbers behind the charts: one row per step, newest first, with a mark after its time.
#[component]
pub(crate) fn NumbersCard(
    columns: Vec<&'static str>,
    rows: Vec<(Moment, Vec<String>, Option<&'static str>)>,
    csv: Option<String>,
    language: Language,
) -> AnyView {
    let heads = columns.into_iter().map(|column| view! { <th scope="col">{column}</th> }).collect_view();
    let row = |(moment, cells, mark): (Moment, Vec<String>, Option<&'static str>)| {
        let cells = cells.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view();
        let mark = mark.map(|mark| view! { <small>" "{mark}</small> });
        view! { <tr><th scope="row"><Time moment/>{mark}</th>{cells}</tr> }
    };
    let rows = rows.into_iter().map(row).collect_view();
    let csv = csv.map(|csv| view! { <p class="file"><a href=csv download="">{language.text("Download as CSV", "Descargar como CSV")}</a></p> });
    view! {
        <details class="card steps" id="numbers">
            <summary>{language.text("View the charts as a table", "Ver los gráficos como tabla")}</summary>
            <div class="scroll" tabindex="0" role="region" aria-label=language.text("The charts as a table", "Los gráficos como tabla")>
                <table id="steps">
                    <thead><tr>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {csv}
        </details>
    }
    .into_any()
}
