//! Incidents that have ended, as the rows of files and back.

use std::sync::Arc;

use bytes::Bytes;
use polars::prelude::*;
use shared::api::{IncidentEnding, IncidentKind};

use super::file::encode;
use crate::store::archived::{File, IncidentFile, PartitionNumber};
use crate::store::expressions::answer::{ANTENNA_ID, START};
use crate::store::expressions::column::{PACKETS_LOST, PACKETS_SENT};
use crate::store::expressions::time;
use crate::store::incidents::{Finished, OldIncidents};
use crate::store::trouble::Tally;

const KIND: &str = "kind";
const END: &str = "end";
const ENDED_BY: &str = "ended_by";
const WORST_SUCCESS_RATE: &str = "worst_success_rate";
const WORST_LATENCY_MS: &str = "worst_latency_ms";

/// The columns of a file, in their order.
pub const COLUMNS: [&str; 9] =
    [ANTENNA_ID, KIND, START, END, ENDED_BY, PACKETS_SENT, PACKETS_LOST, WORST_SUCCESS_RATE, WORST_LATENCY_MS];

/// The file of some incidents of a partition, and what it holds. It follows from them alone.
///
/// # Errors
/// When a count is beyond 64 bits with a sign.
pub fn encoded(old: &OldIncidents, partition: PartitionNumber) -> PolarsResult<(IncidentFile, Bytes)> {
    let all: Vec<&Finished> = old.chunks.iter().flat_map(|chunk| chunk.iter()).collect();
    fn column<T>(all: &[&Finished], name: &str, value: impl Fn(&Finished) -> T) -> Column
    where
        Series: NamedFrom<Vec<T>, [T]>,
    {
        Column::new(name.into(), all.iter().map(|it| value(it)).collect::<Vec<T>>())
    }
    let columns = vec![
        Column::new(ANTENNA_ID.into(), all.iter().map(|it| &*it.antenna).collect::<Vec<_>>()),
        column(&all, KIND, |it| it.kind.as_str()),
        column(&all, START, |it| it.start_ms),
        column(&all, END, |it| it.end_ms),
        column(&all, ENDED_BY, |it| it.ended_by.as_str()),
        column(&all, PACKETS_SENT, |it| it.tally.packets_sent),
        column(&all, PACKETS_LOST, |it| it.tally.packets_lost),
        column(&all, WORST_SUCCESS_RATE, |it| it.tally.worst_success_rate),
        column(&all, WORST_LATENCY_MS, |it| it.tally.worst_latency_ms),
    ];
    let counts = [PACKETS_SENT, PACKETS_LOST].map(|name| col(name).strict_cast(DataType::Int64));
    let rows = DataFrame::new(all.len(), columns)?.lazy().with_columns([time(START), time(END)]).with_columns(counts);
    let rows = rows.collect()?;
    // One row group: they are few.
    let bytes = Bytes::from(encode(&rows, rows.height().max(1))?);
    let file = IncidentFile {
        partition,
        first: old.first,
        chunks: old.chunks.len() as u64,
        start_ms: all.iter().map(|it| it.start_ms).min().unwrap_or_default(),
        end_ms: all.iter().map(|it| it.end_ms).max().unwrap_or_default(),
        file: File { rows: all.len() as u64, bytes: bytes.len() as u64 },
    };
    Ok((file, bytes))
}

/// The incidents of a file.
///
/// # Errors
/// When a column is not there or of another type, or a value is missing or unknown.
pub fn decoded(rows: DataFrame) -> PolarsResult<Vec<Finished>> {
    let times = [START, END].map(|name| col(name).cast(DataType::Int64));
    let counts = [PACKETS_SENT, PACKETS_LOST].map(|name| col(name).strict_cast(DataType::UInt64));
    let rows = rows.lazy().with_columns(times).with_columns(counts).collect()?;
    let text = |name: &str| rows.column(name)?.str();
    let (antennas, kinds, endings) = (text(ANTENNA_ID)?, text(KIND)?, text(ENDED_BY)?);
    let (starts, ends) = (rows.column(START)?.i64()?, rows.column(END)?.i64()?);
    let (sent, lost) = (rows.column(PACKETS_SENT)?.u64()?, rows.column(PACKETS_LOST)?.u64()?);
    let (rates, latencies) = (rows.column(WORST_SUCCESS_RATE)?.f64()?, rows.column(WORST_LATENCY_MS)?.f64()?);
    let incident = |row: usize| {
        let (kind, ended_by) = (kinds.get(row)?, endings.get(row)?);
        Some(Finished {
            antenna: Arc::from(antennas.get(row)?),
            kind: IncidentKind::ALL.into_iter().find(|known| known.as_str() == kind)?,
            start_ms: starts.get(row)?,
            end_ms: ends.get(row)?,
            ended_by: IncidentEnding::ALL.into_iter().find(|known| known.as_str() == ended_by)?,
            tally: Tally {
                packets_sent: sent.get(row)?,
                packets_lost: lost.get(row)?,
                worst_success_rate: rates.get(row),
                worst_latency_ms: latencies.get(row),
            },
        })
    };
    let incidents: Option<Vec<Finished>> = (0..rows.height()).map(incident).collect();
    incidents.ok_or_else(|| polars_err!(ComputeError: "a value is missing or unknown"))
}
