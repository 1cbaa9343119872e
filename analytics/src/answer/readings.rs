//! The readings of an antenna that were counted last.

use polars::prelude::*;
use shared::api::{ReadingsRequest, RecentReading, RecentReadings};

use super::{AnswerError, Question, Table, View, rows};
use crate::readings::column::{ARRIVAL_MS, EVENT_MS, LATE, LATENCY_MS, SEQ};
use crate::store::expressions::answer::ANTENNA_ID;
use crate::store::expressions::column::{PACKETS_LOST, PACKETS_SENT};
use crate::store::expressions::time;

/// Event time, under the API's name.
const TIMESTAMP: &str = "timestamp";

/// Arrival, under the API's name.
const ARRIVED_AT: &str = "arrived_at";

impl Question for ReadingsRequest {
    fn answer(&self, view: &View<'_>) -> Result<RecentReadings, AnswerError> {
        let table = newest(self, view, self.limit.get())?.collect()?;
        let (timestamps, arrivals) = (rows::times(&table, TIMESTAMP)?, rows::times(&table, ARRIVED_AT)?);
        let (sent, lost) = (rows::counts(&table, PACKETS_SENT)?, rows::counts(&table, PACKETS_LOST)?);
        let (latencies, late) = (rows::numbers(&table, LATENCY_MS)?, rows::flags(&table, LATE)?);
        let seqs: Vec<Option<u64>> = table.column(SEQ)?.u64()?.iter().collect();
        let reading = |row: usize| RecentReading {
            timestamp: timestamps[row],
            arrived_at: arrivals[row],
            packets_sent: sent[row],
            packets_lost: lost[row],
            latency_ms: latencies[row],
            seq: seqs[row],
            late: late[row],
        };
        Ok(RecentReadings {
            antenna_id: self.antenna.clone(),
            readings: (0..table.height()).map(reading).collect(),
            as_of: view.whole.as_of,
        })
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let newest = newest(self, view, self.limit.in_table())?;
        Ok(Table {
            rows: newest.with_columns([time(TIMESTAMP), time(ARRIVED_AT)]).collect()?,
            total: kept(self, view)?,
        })
    }

    fn total(&self, _: &RecentReadings, view: &View<'_>) -> Result<Option<u64>, AnswerError> {
        kept(self, view)
    }
}

/// The readings of the antenna that are kept.
fn kept(request: &ReadingsRequest, view: &View<'_>) -> Result<Option<u64>, AnswerError> {
    Ok(Some(view.whole.recent_count(view.slot(&request.antenna)?)?))
}

/// The readings, newest arrival first, under the API's names.
fn newest(request: &ReadingsRequest, view: &View<'_>, limit: usize) -> Result<LazyFrame, AnswerError> {
    let readings = view.whole.recent(view.slot(&request.antenna)?, limit)?;
    let count = |name: &str| col(name).cast(DataType::UInt64);
    Ok(readings.lazy().select([
        lit(request.antenna.clone()).alias(ANTENNA_ID),
        col(EVENT_MS).alias(TIMESTAMP),
        col(ARRIVAL_MS).alias(ARRIVED_AT),
        count(PACKETS_SENT),
        count(PACKETS_LOST),
        col(LATENCY_MS),
        col(SEQ),
        col(LATE),
    ]))
}
