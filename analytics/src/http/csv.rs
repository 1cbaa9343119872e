//! Answers as CSV: the JSON's names as columns, latencies as `latency_ms_mean` and so on, unknown as an empty cell.

use shared::api::{AntennaPage, IncidentEnding, IncidentPage, Measures, Series};

use super::ApiError;

/// The media type of an answer as CSV.
pub(crate) const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

const MEASURES: [&str; 11] = [
    "readings",
    "packets_sent",
    "packets_delivered",
    "packets_lost",
    "success_rate",
    "latency_ms_mean",
    "latency_ms_min",
    "latency_ms_max",
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
];

const INCIDENT: [&str; 10] = [
    "antenna_id",
    "kind",
    "start",
    "end",
    "ended_by",
    "duration_seconds",
    "packets_sent",
    "packets_lost",
    "worst_success_rate",
    "worst_latency_ms",
];

/// A page of antennas.
pub(crate) fn antennas(page: &AntennaPage) -> Result<Vec<u8>, ApiError> {
    let rows = page.antennas.iter().map(|row| {
        let first = [row.antenna_id.clone(), row.status.as_str().to_owned()];
        first.into_iter().chain(measures(&row.measures)).chain([row.last_seen.to_string()]).collect()
    });
    table(["antenna_id", "status"].into_iter().chain(MEASURES).chain(["last_seen"]), rows)
}

/// A series.
pub(crate) fn series(series: &Series) -> Result<Vec<u8>, ApiError> {
    let rows = series.points.iter().map(|point| {
        let first = [point.start.to_string()];
        first.into_iter().chain(measures(&point.measures)).chain([point.revised.to_string()]).collect()
    });
    table(["start"].into_iter().chain(MEASURES).chain(["revised"]), rows)
}

/// A page of incidents.
pub(crate) fn incidents(page: &IncidentPage) -> Result<Vec<u8>, ApiError> {
    let rows = page.incidents.iter().map(|it| {
        vec![
            it.antenna_id.clone(),
            it.kind.as_str().to_owned(),
            it.start.to_string(),
            text(it.end),
            text(it.ended_by.map(IncidentEnding::as_str)),
            it.duration_seconds.to_string(),
            it.packets_sent.to_string(),
            it.packets_lost.to_string(),
            text(it.worst_success_rate),
            text(it.worst_latency_ms),
        ]
    });
    table(INCIDENT.into_iter(), rows)
}

fn measures(measures: &Measures) -> [String; MEASURES.len()] {
    let latency = &measures.latency_ms;
    [
        measures.readings.to_string(),
        measures.packets_sent.to_string(),
        measures.packets_delivered.to_string(),
        measures.packets_lost.to_string(),
        text(measures.success_rate),
        text(latency.mean),
        text(latency.min),
        text(latency.max),
        text(latency.p50),
        text(latency.p95),
        text(latency.p99),
    ]
}

/// A value as text; empty if it is unknown.
fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn table<'a>(
    head: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<Vec<u8>, ApiError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(head).and_then(|()| {
        for row in rows {
            writer.write_record(row)?;
        }
        Ok(())
    });
    written.map_err(|error| ApiError::internal(&error))?;
    writer.into_inner().map_err(|error| ApiError::internal(&error))
}
