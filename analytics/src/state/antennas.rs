//! Chunks of antennas as tables.

use std::sync::Arc;
use std::time::Duration;

use polars::prelude::*;

use super::{decode_frame, encode_frame};
use crate::store::antennas::Antenna;
use crate::store::expected::Expected;
use crate::store::trouble::{Calm, Interval, Severity, Tally, Trouble};

/// A table with a row for each slot of a chunk; `id` is null for a slot that is free or whose antenna is gone. Of an
/// antenna that is forgotten, but named by a pane that waits for the archive, nothing else is there but when it left. The
/// columns of the trouble are there only where an antenna of the chunk is in trouble, as most are well, and those of what is expected where
/// something is.
pub(super) fn encode_antennas(chunk: &[Option<Antenna>]) -> PolarsResult<Vec<u8>> {
    let rows: Vec<Option<&Antenna>> =
        chunk.iter().map(|slot| slot.as_ref().filter(|antenna| antenna.has_started())).collect();
    let named: Vec<Option<&Antenna>> =
        chunk.iter().map(|slot| slot.as_ref().filter(|antenna| !antenna.is_gone())).collect();
    let ids: Vec<Option<&str>> = named.iter().map(|row| row.map(|it| &*it.id)).collect();
    let mut columns = vec![
        Column::new("id".into(), ids),
        column("left_ms", &named, |it| Some(it.left_ms).filter(|left_ms| *left_ms != i64::MIN)),
        column("last_arrival_ms", &rows, |it| Some(it.last_arrival_ms)),
        column("newest_event_ms", &rows, |it| Some(it.newest_event_ms)),
        column("highest_seq", &rows, |it| it.highest_seq),
        column("interval_ms", &rows, |it| it.interval_ms),
        column("first_event_ms", &rows, |it| Some(it.first_event_ms)),
        column("event_interval_ms", &rows, |it| it.event_interval_ms),
    ];
    let open: Vec<Option<&Interval>> =
        rows.iter().map(|row| row.map(|it| &it.open).filter(|open| **open != Interval::NONE)).collect();
    columns.extend([
        column("open_start_ms", &open, |it| Some(it.start_ms)),
        column("open_first_after_ms", &open, |it| Some(it.first_after_ms)),
        column("open_latencies", &open, |it| Some(it.latencies)),
        column("open_latency_sum_ms", &open, |it| Some(it.latency_sum_ms)),
        column("open_packets", &open, |it| Some(it.packets_sent)),
        column("open_lost", &open, |it| Some(it.packets_lost)),
    ]);
    let trouble: Vec<Option<&Trouble>> = rows.iter().map(|row| row.and_then(|it| it.trouble.as_deref())).collect();
    if trouble.iter().any(Option::is_some) {
        let tally: Vec<Option<&Tally>> = trouble.iter().map(|it| it.map(|it| &it.tally)).collect();
        let calm: Vec<Option<&Calm>> = trouble.iter().map(|it| it.map(|it| &it.calm)).collect();
        let calm_tally: Vec<Option<&Tally>> = calm.iter().map(|it| it.map(|it| &it.tally)).collect();
        columns.extend([
            column("trouble_is_down", &trouble, |it| Some(it.severity == Severity::Down)),
            column("trouble_start_ms", &trouble, |it| Some(it.start_ms)),
            column("calm_intervals", &calm, |it| Some(it.intervals)),
            column("calm_since_ms", &calm, |it| Some(it.since_ms)),
            column("pending_intervals", &trouble, |it| Some(it.pending)),
        ]);
        columns.extend(tally_columns("trouble", &tally));
        columns.extend(tally_columns("calm", &calm_tally));
    }
    let expected: Vec<Option<&Expected>> = rows.iter().map(|row| row.and_then(|it| it.expected.as_deref())).collect();
    if expected.iter().any(Option::is_some) {
        columns.extend([
            column("expected_interval_ns", &expected, |it| it.interval.map(nanoseconds)),
            column("expected_success_rate", &expected, |it| it.degraded_success_rate),
            column("expected_latency_ns", &expected, |it| it.degraded_latency.map(nanoseconds)),
            column("raise_after", &expected, |it| it.raise_after),
            column("clear_after", &expected, |it| it.clear_after),
        ]);
    }
    encode_frame(&mut DataFrame::new(chunk.len(), columns)?)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads a chunk back. Columns that a chunk in state of format 2, or a chunk without trouble, does not have stand for
/// nothing; up to format 4, antennas are observed from their newest reading on.
pub(super) fn decode_antennas(bytes: &[u8]) -> PolarsResult<Vec<Option<Antenna>>> {
    let frame = decode_frame(bytes)?;
    let (ids, seqs) = (frame.column("id")?.str()?, frame.column("highest_seq")?.u64()?);
    let (arrivals, events) = (frame.column("last_arrival_ms")?.i64()?, frame.column("newest_event_ms")?.i64()?);
    let intervals = frame.column("interval_ms")?.f64()?;
    let first_events = frame.column("first_event_ms").map_or(Ok(events), |column| column.i64())?;
    let event_intervals = frame.column("event_interval_ms").ok().map(|column| column.f64()).transpose()?;
    let left = frame.column("left_ms").ok().map(|column| column.i64()).transpose()?;
    let open = decode_open(&frame)?;
    let (trouble, expected) = (decode_trouble(&frame)?, decode_expected(&frame)?);
    Ok((0..frame.height())
        .map(|row| {
            let id = Arc::from(ids.get(row)?);
            let left_ms = left.and_then(|left| left.get(row)).unwrap_or(i64::MIN);
            if events.get(row).is_none() {
                return Some(Antenna { left_ms, ..Antenna::new(id) });
            }
            Some(Antenna {
                id,
                last_arrival_ms: arrivals.get(row)?,
                newest_event_ms: events.get(row)?,
                highest_seq: seqs.get(row),
                interval_ms: intervals.get(row),
                first_event_ms: first_events.get(row)?,
                event_interval_ms: event_intervals.and_then(|intervals| intervals.get(row)),
                open: open.get(row).copied().flatten().unwrap_or(Interval::NONE),
                trouble: trouble.get(row).cloned().flatten(),
                expected: expected.get(row).cloned().flatten(),
                left_ms,
            })
        })
        .collect())
}

/// The open interval of each row; nothing where the table does not know them.
fn decode_open(frame: &DataFrame) -> PolarsResult<Vec<Option<Interval>>> {
    if frame.column("open_start_ms").is_err() {
        return Ok(Vec::new());
    }
    let (starts, firsts) = (frame.column("open_start_ms")?.i64()?, frame.column("open_first_after_ms")?.u32()?);
    let (latencies, sums) = (frame.column("open_latencies")?.u32()?, frame.column("open_latency_sum_ms")?.f64()?);
    let (packets, lost) = (frame.column("open_packets")?.u64()?, frame.column("open_lost")?.u64()?);
    let of_row = |row| {
        let Some(start_ms) = starts.get(row) else { return Ok(None) };
        let open = Interval {
            start_ms,
            first_after_ms: known(firsts.get(row))?,
            latencies: known(latencies.get(row))?,
            latency_sum_ms: known(sums.get(row))?,
            packets_sent: known(packets.get(row))?,
            packets_lost: known(lost.get(row))?,
        };
        polars_ensure!(open.packets_lost <= open.packets_sent, ComputeError: "more is lost than was sent");
        Ok(Some(open))
    };
    (0..frame.height()).map(of_row).collect()
}

/// The trouble of each row; nothing where no antenna of the table is in trouble.
fn decode_trouble(frame: &DataFrame) -> PolarsResult<Vec<Option<Arc<Trouble>>>> {
    if frame.column("trouble_is_down").is_err() {
        return Ok(Vec::new());
    }
    let (down, starts) = (frame.column("trouble_is_down")?.bool()?, frame.column("trouble_start_ms")?.i64()?);
    let (calms, since) = (frame.column("calm_intervals")?.u32()?, frame.column("calm_since_ms")?.i64()?);
    let pending = frame.column("pending_intervals").ok().map(|column| column.u32()).transpose()?;
    let (tallies, calm_tallies) = (decode_tallies("trouble", frame)?, decode_tallies("calm", frame)?);
    let of_row = |row| {
        let Some(is_down) = down.get(row) else { return Ok(None) };
        let severity = if is_down { Severity::Down } else { Severity::Degraded };
        let (intervals, since_ms) = (known(calms.get(row))?, known(since.get(row))?);
        let calm = Calm { intervals, since_ms, tally: known(calm_tallies[row])? };
        let (start_ms, tally) = (known(starts.get(row))?, known(tallies[row])?);
        let pending = pending.and_then(|pending| pending.get(row)).unwrap_or(0);
        Ok(Some(Arc::new(Trouble { severity, start_ms, tally, calm, pending })))
    };
    (0..frame.height()).map(of_row).collect()
}

/// What is expected of the antenna of each row; nothing where the table does not know.
fn decode_expected(frame: &DataFrame) -> PolarsResult<Vec<Option<Arc<Expected>>>> {
    if frame.column("expected_interval_ns").is_err() {
        return Ok(Vec::new());
    }
    let durations = |name: &str| frame.column(name)?.u64();
    let (intervals, latencies) = (durations("expected_interval_ns")?, durations("expected_latency_ns")?);
    let rates = frame.column("expected_success_rate")?.f64()?;
    let (raise, clear) = (frame.column("raise_after")?.u32()?, frame.column("clear_after")?.u32()?);
    let of_row = |row| {
        let expected = Expected {
            interval: intervals.get(row).map(Duration::from_nanos),
            degraded_success_rate: rates.get(row),
            degraded_latency: latencies.get(row).map(Duration::from_nanos),
            raise_after: raise.get(row),
            clear_after: clear.get(row),
        };
        (!expected.is_nothing()).then(|| Arc::new(expected))
    };
    Ok((0..frame.height()).map(of_row).collect())
}

fn known<T>(value: Option<T>) -> PolarsResult<T> {
    value.ok_or_else(|| polars_err!(ComputeError: "a value is missing"))
}

/// The columns of a tally, with a name in front of theirs.
pub(super) fn tally_columns(of: &str, tallies: &[Option<&Tally>]) -> [Column; 4] {
    [
        column(&format!("{of}_packets"), tallies, |it| Some(it.packets_sent)),
        column(&format!("{of}_lost"), tallies, |it| Some(it.packets_lost)),
        column(&format!("{of}_worst_success_rate"), tallies, |it| it.worst_success_rate),
        column(&format!("{of}_worst_latency_ms"), tallies, |it| it.worst_latency_ms),
    ]
}

/// Reads tallies back; `None` where a row has none.
pub(super) fn decode_tallies(of: &str, frame: &DataFrame) -> PolarsResult<Vec<Option<Tally>>> {
    let integers = |name: &str| frame.column(&format!("{of}_{name}"))?.u64();
    let floats = |name: &str| frame.column(&format!("{of}_{name}"))?.f64();
    let (packets, lost) = (integers("packets")?, integers("lost")?);
    let (rates, latencies) = (floats("worst_success_rate")?, floats("worst_latency_ms")?);
    let tallies = (0..frame.height()).map(|row| {
        let (worst_success_rate, worst_latency_ms) = (rates.get(row), latencies.get(row));
        Some(Tally {
            packets_sent: packets.get(row)?,
            packets_lost: lost.get(row)?,
            worst_success_rate,
            worst_latency_ms,
        })
    });
    let tallies: Vec<Option<Tally>> = tallies.collect();
    polars_ensure!(tallies.iter().flatten().all(|it| it.packets_lost <= it.packets_sent), ComputeError: "more is lost than was sent");
    Ok(tallies)
}

/// A column with a value of each row; null where there is none.
fn column<R, T>(name: &str, rows: &[Option<&R>], value: impl Fn(&R) -> Option<T>) -> Column
where
    Series: NamedFrom<Vec<Option<T>>, [Option<T>]>,
{
    let values: Vec<Option<T>> = rows.iter().map(|row| row.and_then(&value)).collect();
    Column::new(name.into(), values)
}
