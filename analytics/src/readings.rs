//! A micro-batch as a table: a row for each reading, in stream order. The decoder fills it, the store counts it.

use std::fmt;

use polars::prelude::*;

use self::column::{ANTENNA, ARRIVAL_MS, EVENT_MS, LATENCY_MS, PACKETS_LOST, PACKETS_SENT, SEQ};

/// Columns of readings.
pub mod column {
    /// Arrival at the broker, i64, milliseconds since the epoch.
    pub const ARRIVAL_MS: &str = "arrival_ms";
    /// Event time, i64, milliseconds since the epoch.
    pub const EVENT_MS: &str = "event_ms";
    /// Slot of the antenna, u32.
    pub const ANTENNA: &str = "antenna";
    /// Packets sent, u32.
    pub const PACKETS_SENT: &str = "packets_sent";
    /// Packets lost, u32.
    pub const PACKETS_LOST: &str = "packets_lost";
    /// Mean latency of the delivered packets, f64, milliseconds; null where the reading carries none.
    pub const LATENCY_MS: &str = "latency_ms";
    /// Sequence number, u64; null where the reading carries none.
    pub const SEQ: &str = "seq";
    /// Whether the pane had closed when the reading was counted, bool; the store adds it.
    pub const LATE: &str = "late";
    /// Milliseconds before the reading for which it shows its antenna to have been available, u64; the store adds it.
    pub const AVAILABLE_MS: &str = "available_ms";
}

/// A table with the columns of [`column`].
pub type Readings = DataFrame;

/// An antenna's number: its slot in the registry.
pub type Slot = u32;

/// A reading as a row of a micro-batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Arrival at the broker, milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Event time, milliseconds since the epoch.
    pub event_ms: i64,
    /// Antenna.
    pub antenna: Slot,
    /// Packets sent.
    pub packets_sent: u32,
    /// Packets lost.
    pub packets_lost: u32,
    /// Latency in milliseconds.
    pub latency_ms: Option<f64>,
    /// Sequence number.
    pub seq: Option<u64>,
}

/// The columns of a micro-batch while they grow.
pub struct Rows {
    arrival_ms: Vec<i64>,
    event_ms: Vec<i64>,
    antenna: Vec<Slot>,
    packets_sent: Vec<u32>,
    packets_lost: Vec<u32>,
    latency_ms: PrimitiveChunkedBuilder<Float64Type>,
    seq: PrimitiveChunkedBuilder<UInt64Type>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("height", &self.event_ms.len()).finish()
    }
}

impl Rows {
    /// No rows yet, with room for a number of them.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            arrival_ms: Vec::with_capacity(rows),
            event_ms: Vec::with_capacity(rows),
            antenna: Vec::with_capacity(rows),
            packets_sent: Vec::with_capacity(rows),
            packets_lost: Vec::with_capacity(rows),
            latency_ms: PrimitiveChunkedBuilder::new(LATENCY_MS.into(), rows),
            seq: PrimitiveChunkedBuilder::new(SEQ.into(), rows),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Row) {
        self.arrival_ms.push(row.arrival_ms);
        self.event_ms.push(row.event_ms);
        self.antenna.push(row.antenna);
        self.packets_sent.push(row.packets_sent);
        self.packets_lost.push(row.packets_lost);
        self.latency_ms.append_option(row.latency_ms);
        self.seq.append_option(row.seq);
    }

    /// The table of all rows; their columns become its own.
    ///
    /// # Errors
    /// Never in practice: the columns have one length.
    pub fn finish(self) -> PolarsResult<DataFrame> {
        let height = self.event_ms.len();
        let columns = vec![
            Column::new(ARRIVAL_MS.into(), self.arrival_ms),
            Column::new(EVENT_MS.into(), self.event_ms),
            Column::new(ANTENNA.into(), self.antenna),
            Column::new(PACKETS_SENT.into(), self.packets_sent),
            Column::new(PACKETS_LOST.into(), self.packets_lost),
            self.latency_ms.finish().into_column(),
            self.seq.finish().into_column(),
        ];
        DataFrame::new(height, columns)
    }
}

impl FromIterator<Row> for Rows {
    fn from_iter<T: IntoIterator<Item = Row>>(rows: T) -> Self {
        let mut columns = Self::with_capacity(0);
        rows.into_iter().for_each(|row| columns.push(&row));
        columns
    }
}
