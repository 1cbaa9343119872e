//! Figures as a file: what a page lists or draws, with names and units as the API has them.

use csv::Writer;
use shared::api::{AntennaRow, Incident, Measures, PipelineSample, Point};

use crate::source::Figures;

/// The columns of [`Measures`].
const MEASURES: [&str; 11] = [
    "readings",
    "packets_sent",
    "packets_delivered",
    "packets_lost",
    "success_rate",
    "latency_mean_ms",
    "latency_min_ms",
    "latency_max_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
];

/// The name of the file and its text; `None` where analytics does not tell what would be in it.
pub(crate) fn file(figures: &Figures) -> Option<(&'static str, String)> {
    match figures {
        Figures::Overview(figures) => Some(("network", points(&figures.series.points))),
        Figures::Antenna(figures) => Some(("antenna", points(&figures.series.points))),
        Figures::Antennas(figures) => Some(("antennas", antennas(&figures.antennas.antennas))),
        Figures::Incidents(figures) => Some(("incidents", incidents(&figures.incidents.as_ref()?.incidents))),
        Figures::Pipeline(figures) => Some(("pipeline", samples(&figures.history.as_ref()?.samples))),
    }
}

fn points(points: &[Point]) -> String {
    let heads = ["start"].into_iter().chain(MEASURES).chain(["revised"]);
    let row = |point: &Point| {
        let cells = std::iter::once(point.start.to_string()).chain(measures(&point.measures));
        cells.chain([point.revised.to_string()]).collect()
    };
    table(heads, points.iter().map(row))
}

fn antennas(rows: &[AntennaRow]) -> String {
    let heads = ["antenna_id", "status"].into_iter().chain(MEASURES).chain(["last_seen"]);
    let row = |row: &AntennaRow| {
        let cells = [harmless(&row.antenna_id), row.status.as_str().to_owned()].into_iter();
        cells.chain(measures(&row.measures)).chain([row.last_seen.to_string()]).collect()
    };
    table(heads, rows.iter().map(row))
}

fn incidents(incidents: &[Incident]) -> String {
    let heads = [
        "antenna_id",
        "kind",
        "start",
        "end",
        "duration_seconds",
        "packets_sent",
        "packets_lost",
        "worst_success_rate",
        "worst_latency_ms",
    ];
    let row = |incident: &Incident| {
        vec![
            harmless(&incident.antenna_id),
            incident.kind.as_str().to_owned(),
            incident.start.to_string(),
            incident.end.map(|end| end.to_string()).unwrap_or_default(),
            incident.duration_seconds.to_string(),
            incident.packets_sent.to_string(),
            incident.packets_lost.to_string(),
            number(incident.worst_success_rate),
            number(incident.worst_latency_ms),
        ]
    };
    table(heads, incidents.iter().map(row))
}

fn samples(samples: &[PipelineSample]) -> String {
    let heads = ["start", "rows", "batches", "commits", "lag", "freshness_p50_ms", "freshness_p99_ms"];
    let row = |sample: &PipelineSample| {
        vec![
            sample.start.to_string(),
            sample.rows.to_string(),
            sample.batches.to_string(),
            sample.commits.to_string(),
            sample.lag.map(|lag| lag.to_string()).unwrap_or_default(),
            number(sample.freshness_ms.p50),
            number(sample.freshness_ms.p99),
        ]
    };
    table(heads, samples.iter().map(row))
}

fn measures(measures: &Measures) -> impl Iterator<Item = String> {
    let Measures { readings, packets_sent, packets_delivered, packets_lost, success_rate, latency_ms } = *measures;
    let counts = [readings, packets_sent, packets_delivered, packets_lost].map(|count| count.to_string());
    let known =
        [success_rate, latency_ms.mean, latency_ms.min, latency_ms.max, latency_ms.p50, latency_ms.p95, latency_ms.p99];
    counts.into_iter().chain(known.map(number))
}

/// Unknown is empty.
fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"): an id is any
/// text that anybody has published.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn table<'a>(heads: impl IntoIterator<Item = &'a str>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let written =
        writer.write_record(heads).and_then(|()| rows.into_iter().try_for_each(|row| writer.write_record(row)));
    written.expect("all rows have as many cells as there are heads, and writing to memory cannot fail");
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("all cells are text")
}
