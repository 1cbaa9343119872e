//! The charts as SVG that stretches with its card. Labels are HTML, so that they do not stretch with it.

use leptos::prelude::*;

use crate::model::{DEGRADED_LATENCY_MS, DEGRADED_SUCCESS_RATE, LatencyChart, LossChart, StepRow};
use crate::plot::{HEIGHT, WIDTH};

/// Latency over time.
#[component]
pub(crate) fn LatencyCard(chart: LatencyChart, times: Vec<String>) -> AnyView {
    let threshold_key = chart
        .threshold
        .map(|_| view! { <li><span class="key line-threshold"></span>{format!("threshold {DEGRADED_LATENCY_MS:.0} ms")}</li> });
    let gap_key = (!chart.gaps.is_empty()).then(|| view! { <li><span class="key gap"></span>"no data"</li> });
    view! {
        <section class="card chart latency">
            <header>
                <h2>"Latency" <small>" ms"</small></h2>
                <ul class="legend" aria-hidden="true">
                    <li><span class="key line-mean"></span>"mean"</li>
                    <li><span class="key line-p95"></span>"p95"</li>
                    {threshold_key}
                    {gap_key}
                </ul>
            </header>
            <Plot labels=chart.labels times threshold=chart.threshold gaps=chart.gaps description=chart.description>
                <path class="band" d=chart.band/>
                <path class="p95" d=chart.p95/>
                <path class="mean" d=chart.mean/>
            </Plot>
        </section>
    }
    .into_any()
}

/// Loss over time.
#[component]
pub(crate) fn LossCard(chart: LossChart, times: Vec<String>) -> AnyView {
    let threshold = (1.0 - DEGRADED_SUCCESS_RATE) * 100.0;
    let threshold_key = chart
        .threshold
        .map(|_| view! { <li><span class="key line-threshold"></span>{format!("threshold {threshold:.0} %")}</li> });
    let total_key = (!chart.total.is_empty())
        .then(|| view! { <li class="all-lost"><span class="key bar-total"></span>"all lost"</li> });
    view! {
        <section class="card chart loss">
            <header>
                <h2>"Packet loss"</h2>
                <ul class="legend" aria-hidden="true">
                    {total_key}
                    {threshold_key}
                    <li>{chart.lost}" lost"</li>
                </ul>
            </header>
            <Plot labels=chart.labels times threshold=chart.threshold gaps=chart.gaps description=chart.description>
                <path class="usual" d=chart.usual/>
                <path class="high" d=chart.high/>
                <path class="total" d=chart.total/>
            </Plot>
        </section>
    }
    .into_any()
}

/// A plot with its axes: a grid line for each label, gaps behind the values, the threshold before them.
#[component]
fn Plot(
    labels: Vec<String>,
    times: Vec<String>,
    threshold: Option<f64>,
    gaps: String,
    description: String,
    children: Children,
) -> impl IntoView {
    let steps = labels.len().saturating_sub(1).max(1);
    let grid: String =
        (0..=steps).map(|line| format!("M0 {:.1}H{WIDTH}", HEIGHT * line as f64 / steps as f64)).collect();
    let threshold = threshold.map(|y| view! { <path class="threshold" d=format!("M0 {y:.1}H{WIDTH}")/> });
    let labels = labels.into_iter().map(|label| view! { <li>{label}</li> }).collect_view();
    let times = times.into_iter().map(|time| view! { <li>{time}</li> }).collect_view();
    view! {
        <div class="plot">
            <ul class="axis-y" aria-hidden="true">{labels}</ul>
            <svg viewBox="0 0 600 200" preserveAspectRatio="none" role="img" aria-label=description>
                <path class="gaps" d=gaps/>
                <path class="grid" d=grid/>
                {children()}
                {threshold}
            </svg>
            <ul class="axis-x" aria-hidden="true">{times}</ul>
        </div>
    }
}

/// Both charts in numbers.
#[component]
pub(crate) fn StepsCard(rows: Vec<StepRow>) -> AnyView {
    let rows = rows.into_iter().map(|row| {
        view! {
            <tr>
                <th scope="row">{row.time}</th>
                <td>{row.mean}</td>
                <td>{row.p95}</td>
                <td>{row.delivered}</td>
                <td>{row.lost}</td>
                <td>{row.loss}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <details class="card steps" id="steps">
            <summary>"View the charts as a table"</summary>
            <div class="scroll" tabindex="0" role="region" aria-label="Latency and packet loss as a table">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"From"</th>
                            <th scope="col">"Mean"</th>
                            <th scope="col">"p95"</th>
                            <th scope="col">"Delivered"</th>
                            <th scope="col">"Lost"</th>
                            <th scope="col">"Loss"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
    .into_any()
}
