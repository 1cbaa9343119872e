//! Inputs that the benches share: micro-batches of readings, made from a formula, the same in every run. And [`scaling`]: what cannot
//! be run on one machine, simulated.

pub mod scaling;

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use analytics::ingest::decode::Batch;
use analytics::readings::{Row, Rows, Slot};
use analytics::settings::Thresholds;
use analytics::store::grid::Grid;
use analytics::store::partials::Keys;
use analytics::store::whole::Numbering;
use analytics::store::{Store, Whole};
use polars::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// How a batch is rolled up.
pub const BY_PANE_AND_ANTENNA: Keys = Keys { pane: Some(PANES), antenna: true };

/// The panes.
pub const PANES: Grid = Grid::of_width(PANE_MS);

/// Width of a pane in milliseconds.
pub const PANE_MS: i64 = 5_000;

/// When the first reading is measured, milliseconds since the epoch; the start of a pane.
pub const START_MS: i64 = 1_700_000_000_000;

/// Where all chance comes from: the simulator's generator with a fixed seed. By its crate's promise it gives the same
/// numbers in every run, on every machine and in every version.
#[must_use]
pub fn chance() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

/// What an antenna measures: packets sent, packets lost, latency in milliseconds; one in fifty without a latency.
fn measured(chance: u64) -> (u32, u32, Option<f64>) {
    let latency_ms = f64::from(u32::try_from(chance % 100_000).unwrap_or(0)) / 400.0 + 5.0;
    (100, u32::from(chance.is_multiple_of(3)), (!chance.is_multiple_of(50)).then_some(latency_ms))
}

/// The name of an antenna.
#[must_use]
pub fn antenna_id(slot: Slot) -> Arc<str> {
    format!("antenna-{slot:05}").into()
}

/// Readings of one pane: `rows` of them, spread over `antennas` by chance.
#[must_use]
pub fn readings(rows: usize, antennas: u32) -> Vec<Row> {
    let mut chance = chance();
    let row = |number: usize| {
        let chance = chance.next_u64();
        let (packets_sent, packets_lost, latency_ms) = measured(chance);
        Row {
            arrival_ms: START_MS,
            event_ms: START_MS + (number % 1000) as i64,
            antenna: u32::try_from(chance % u64::from(antennas)).unwrap_or(0),
            packets_sent,
            packets_lost,
            latency_ms,
            seq: None,
        }
    };
    (0..rows).map(row).collect()
}

/// A whole reply to XREAD with these readings, as Redis writes it (RESP2).
#[must_use]
pub fn reply(readings: &[Row]) -> Vec<u8> {
    let mut reply = format!("*1\r\n*2\r\n$14\r\nantenna_stream\r\n*{}\r\n", readings.len());
    let bulk = |reply: &mut String, text: &str| {
        // Writing to a string does not fail.
        let _ok = write!(reply, "${}\r\n{text}\r\n", text.len());
    };
    for (number, row) in readings.iter().enumerate() {
        reply.push_str("*2\r\n");
        bulk(&mut reply, &format!("{START_MS}-{number}"));
        let latency = row.latency_ms.map_or_else(String::new, |latency_ms| format!("{latency_ms:.3}"));
        let pairs = [
            ("antenna_id", antenna_id(row.antenna).to_string()),
            ("timestamp", format!("{}.{:03}", row.event_ms / 1000, row.event_ms % 1000)),
            ("packets", row.packets_sent.to_string()),
            ("loss", row.packets_lost.to_string()),
            ("latency", latency),
            ("seq", number.to_string()),
        ];
        reply.push_str("*12\r\n");
        for (name, value) in pairs {
            bulk(&mut reply, name);
            bulk(&mut reply, &value);
        }
    }
    reply.into_bytes()
}

/// A micro-batch of readings.
///
/// # Errors
/// Never in practice: the columns are made here.
pub fn batch(readings: Vec<Row>) -> PolarsResult<Batch> {
    let entries = readings.len() as u64;
    Ok(Batch { entries, readings: readings.into_iter().collect::<Rows>().finish()?, ..Batch::default() })
}

/// A store with panes behind each other, in each of which every antenna reports once.
///
/// # Errors
/// Never in practice: the columns are made here.
pub fn store(panes: i64, antennas: u32) -> PolarsResult<Store> {
    partition(panes, 0..antennas)
}

/// The same of antennas with these numbers.
fn partition(panes: i64, antennas: Range<u32>) -> PolarsResult<Store> {
    let mut store = Store::new(PANE_MS, panes * PANE_MS, Thresholds::default());
    let mut chance = chance();
    for pane in 0..panes {
        let event_ms = START_MS + pane * PANE_MS;
        let row = |antenna| {
            let (packets_sent, packets_lost, latency_ms) = measured(chance.next_u64());
            Row { arrival_ms: event_ms, event_ms, antenna, packets_sent, packets_lost, latency_ms, seq: None }
        };
        let slots = 0..u32::try_from(antennas.len()).unwrap_or(u32::MAX);
        let mut batch = batch(slots.clone().map(row).collect())?;
        if pane == 0 {
            batch.new_antennas = slots.zip(antennas.clone().map(antenna_id)).collect();
        }
        store.count(&batch)?;
        store.build_tiles()?;
    }
    Ok(store)
}

/// What queries read of such stores, which share the antennas evenly.
///
/// # Errors
/// See [`store`].
pub fn whole(panes: i64, antennas: u32, partitions: u32) -> PolarsResult<Whole> {
    let each = antennas / partitions;
    let of = |number| Ok(Arc::new(partition(panes, number * each..(number + 1) * each)?.snapshot(1, None)));
    let snapshots = (0..partitions).map(of).collect::<PolarsResult<Vec<_>>>()?;
    Ok(Whole::join(snapshots, Numbering::default()))
}

/// The floor under the roll-up: one loop over the same columns into an array by slot, as one would write it by hand for
/// this one question, its number of antennas known. No sketch, no keys, no tables; a lower bound, not a rival.
#[must_use]
pub fn dense_loop(readings: &[Row], antennas: u32) -> Vec<Sums> {
    let mut sums = vec![Sums::default(); antennas as usize];
    for &Row { antenna, packets_sent, packets_lost, latency_ms, .. } in readings {
        let sums = &mut sums[antenna as usize];
        sums.readings += 1;
        sums.packets_sent += u64::from(packets_sent);
        sums.packets_lost += u64::from(packets_lost);
        if let Some(latency_ms) = latency_ms {
            sums.latency_count += 1;
            sums.latency_sum += latency_ms;
            sums.latency_min = sums.latency_min.min(latency_ms);
            sums.latency_max = sums.latency_max.max(latency_ms);
        }
    }
    sums
}

/// The sums of one antenna in [`dense_loop`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// Readings.
    pub readings: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets lost.
    pub packets_lost: u64,
    /// Readings with a latency.
    pub latency_count: u64,
    /// Sum of latencies.
    pub latency_sum: f64,
    /// Smallest latency.
    pub latency_min: f64,
    /// Largest latency.
    pub latency_max: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            readings: 0,
            packets_sent: 0,
            packets_lost: 0,
            latency_count: 0,
            latency_sum: 0.0,
            latency_min: f64::INFINITY,
            latency_max: f64::NEG_INFINITY,
        }
    }
}
