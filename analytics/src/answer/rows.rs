//! Tables to the API's types: the last step of an answer as JSON.

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{AntennaRow, Latency, Measures, Status};

use super::about::abouts;
use crate::store::expressions::answer::{
    ANTENNA_ID, AVAILABILITY, CHANGES, FLAPPING, INTERVAL_SECONDS, LAST_SEEN, LATENCY_MAX, LATENCY_MEAN, LATENCY_MIN,
    LATENCY_P50, LATENCY_P95, LATENCY_P99, OWN_LATENCY_MS, OWN_SUCCESS_RATE, PACKETS_DELIVERED, STATUS, SUCCESS_RATE,
};
use crate::store::expressions::column::{PACKETS_LOST, PACKETS_SENT, READINGS};

/// The values of a column of counts; a missing one is 0.
pub(super) fn counts(table: &DataFrame, name: &str) -> PolarsResult<Vec<u64>> {
    Ok(table.column(name)?.u64()?.iter().map(Option::unwrap_or_default).collect())
}

/// The values of a column of times.
pub(super) fn times(table: &DataFrame, name: &str) -> PolarsResult<Vec<UnixMillis>> {
    Ok(table.column(name)?.i64()?.iter().map(|ms| UnixMillis(ms.unwrap_or_default())).collect())
}

/// The values of a column of times, some of which are unknown.
pub(super) fn known_times(table: &DataFrame, name: &str) -> PolarsResult<Vec<Option<UnixMillis>>> {
    Ok(table.column(name)?.i64()?.iter().map(|ms| ms.map(UnixMillis)).collect())
}

/// The values of a column of numbers, some of which are unknown.
pub(super) fn numbers(table: &DataFrame, name: &str) -> PolarsResult<Vec<Option<f64>>> {
    Ok(table.column(name)?.f64()?.iter().collect())
}

/// The values of a column of text, some of which are unknown.
pub(super) fn texts(table: &DataFrame, name: &str) -> PolarsResult<Vec<Option<String>>> {
    Ok(table.column(name)?.str()?.iter().map(|text| text.map(str::to_owned)).collect())
}

/// The values of a column of yes and no.
pub(super) fn flags(table: &DataFrame, name: &str) -> PolarsResult<Vec<bool>> {
    Ok(table.column(name)?.bool()?.iter().map(Option::unwrap_or_default).collect())
}

/// The values of a column of positions in a list of values.
pub(super) fn positions<T: Copy>(table: &DataFrame, name: &str, all: &[T]) -> PolarsResult<Vec<T>> {
    let known = known_positions(table, name, all)?.into_iter();
    known.map(|value| value.ok_or_else(|| polars_err!(ComputeError: "{name} has no position"))).collect()
}

/// The values of a column of positions in a list of values, some of which are unknown.
pub(super) fn known_positions<T: Copy>(table: &DataFrame, name: &str, all: &[T]) -> PolarsResult<Vec<Option<T>>> {
    let value = |position: u32| {
        let value = all.get(position as usize).copied();
        value.ok_or_else(|| polars_err!(ComputeError: "{name} has a position that stands for nothing"))
    };
    table.column(name)?.u32()?.iter().map(|position| position.map(value).transpose()).collect()
}

/// What was measured, row by row.
pub(super) fn measures(table: &DataFrame) -> PolarsResult<Vec<Measures>> {
    let count = |name| counts(table, name);
    let number = |name| numbers(table, name);
    let (readings, sent) = (count(READINGS)?, count(PACKETS_SENT)?);
    let (delivered, lost) = (count(PACKETS_DELIVERED)?, count(PACKETS_LOST)?);
    let (success_rates, means) = (number(SUCCESS_RATE)?, number(LATENCY_MEAN)?);
    let (minima, maxima) = (number(LATENCY_MIN)?, number(LATENCY_MAX)?);
    let (p50, p95, p99) = (number(LATENCY_P50)?, number(LATENCY_P95)?, number(LATENCY_P99)?);
    let of_row = |row: usize| Measures {
        readings: readings[row],
        packets_sent: sent[row],
        packets_delivered: delivered[row],
        packets_lost: lost[row],
        success_rate: success_rates[row],
        latency_ms: Latency {
            mean: means[row],
            min: minima[row],
            max: maxima[row],
            p50: p50[row],
            p95: p95[row],
            p99: p99[row],
        },
    };
    Ok((0..table.height()).map(of_row).collect())
}

/// Antennas, row by row, without histories.
pub(super) fn antennas(table: &DataFrame) -> PolarsResult<Vec<AntennaRow>> {
    let (statuses, measures) = (positions(table, STATUS, &Status::ALL)?, measures(table)?);
    let (last_seen, availability) = (known_times(table, LAST_SEEN)?, numbers(table, AVAILABILITY)?);
    let (changes, flapping) = (counts(table, CHANGES)?, flags(table, FLAPPING)?);
    let intervals = numbers(table, INTERVAL_SECONDS)?;
    let (own_success_rates, own_latencies_ms) = (numbers(table, OWN_SUCCESS_RATE)?, numbers(table, OWN_LATENCY_MS)?);
    let row = |((row, antenna_id), about): ((usize, Option<String>), _)| AntennaRow {
        antenna_id: antenna_id.unwrap_or_default(),
        status: statuses[row],
        measures: measures[row],
        last_seen: last_seen[row],
        availability: availability[row],
        changes: Some(changes[row]),
        flapping: flapping[row],
        interval_seconds: intervals[row],
        degraded_success_rate: own_success_rates[row],
        degraded_latency_ms: own_latencies_ms[row],
        history: None,
        about,
    };
    Ok(texts(table, ANTENNA_ID)?.into_iter().enumerate().zip(abouts(table)?).map(row).collect())
}
