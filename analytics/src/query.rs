//! Questions to a snapshot: pure functions from a [`Snapshot`] and a window to the API's types.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaCounts, AntennaPage, AntennaRow, Latency, Measures, Point, Series, Status, Summary, WindowBounds,
};

use crate::aggregate::column::{
    ANTENNA, BUCKET, COUNT, LATENCY_COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, LOST, PACKETS, PANE, READINGS,
};
use crate::aggregate::{Grid, Keys, Partials, roll_up_cells, roll_up_sketch};
use crate::antennas::Antenna;
use crate::decode::Slot;
use crate::settings::Thresholds;
use crate::sketch;
use crate::store::{Pane, Snapshot};

/// 97.5th percentile of the normal distribution: 95 % lie within it on both sides.
const Z_95: f64 = 1.959_963_984_540_054;

/// Up to so many antennas, their sketches are looked up one by one; beyond, all are rolled up at once.
const LOOKED_UP_ONE_BY_ONE: usize = 32;

/// Where a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At the newest event time counted; the pane that holds it is in.
    Latest,
    /// At the current time.
    Now,
    /// At a given time: the answer does not change with the clock.
    At(UnixMillis),
}

/// A window on the panes' grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start of the first pane, milliseconds since the epoch.
    pub start_ms: i64,
    /// End of the last pane, milliseconds since the epoch.
    pub end_ms: i64,
    /// The current time where the window moves with it; `None` for a window with a given end.
    pub now_ms: Option<i64>,
}

impl Window {
    /// The window of a length in milliseconds that ends at `end`. A length between two panes covers both.
    #[must_use]
    pub fn new(snapshot: &Snapshot, length_ms: i64, end: End, now: UnixMillis) -> Self {
        let grid = snapshot.grid;
        let end_ms = match end {
            // The end of the pane that holds the newest event, also when that lies on a boundary.
            End::Latest if snapshot.clock.has_started() => grid.floor(snapshot.clock.newest_ms) + grid.width_ms,
            End::Latest | End::Now => grid.ceil(now.0),
            End::At(time) => grid.ceil(time.0),
        };
        let now_ms = (!matches!(end, End::At(_))).then_some(now.0);
        Self { start_ms: grid.floor(end_ms - length_ms), end_ms, now_ms }
    }

    fn bounds(self) -> WindowBounds {
        let length_ms = self.end_ms - self.start_ms;
        WindowBounds {
            start: UnixMillis(self.start_ms),
            end: UnixMillis(self.end_ms),
            seconds: (length_ms / 1000).unsigned_abs(),
        }
    }
}

/// By what antennas are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Id.
    AntennaId,
    /// Status, worst first.
    Status,
    /// Readings.
    Readings,
    /// Packets sent.
    PacketsSent,
    /// Packets delivered.
    PacketsDelivered,
    /// Packets lost.
    PacketsLost,
    /// Success rate.
    SuccessRate,
    /// Mean latency.
    Latency,
    /// 95th percentile of latency.
    P95,
    /// Arrival of the newest reading.
    LastSeen,
}

/// What makes an antenna bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Badness {
    /// Packets lost, most first.
    Failures,
    /// Upper 95 % Wilson bound of the success rate, lowest first.
    SuccessRate,
    /// Mean latency, highest first.
    Latency,
}

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Rows at most.
    pub limit: usize,
    /// Rows to leave out first.
    pub offset: usize,
}

/// One window over the whole network.
///
/// # Errors
/// When a table lacks a column.
pub fn summary(snapshot: &Snapshot, window: Window, thresholds: &Thresholds) -> PolarsResult<Summary> {
    let cover = snapshot.cover(window.start_ms, window.end_ms);
    let network = Partials::concat(cover.iter().map(|pane| &pane.network).collect::<Vec<_>>())?;
    let network = network.roll_up(Keys { pane: None, antenna: false })?;
    let mut antennas = AntennaCounts::default();
    for row in antenna_table(snapshot, &cover, window, thresholds)? {
        antennas.active += u64::from(row.measures.readings > 0);
        *match row.status {
            Status::Down => &mut antennas.down,
            Status::Degraded => &mut antennas.degraded,
            Status::Silent => &mut antennas.silent,
            Status::Healthy => &mut antennas.healthy,
        } += 1;
    }
    Ok(Summary {
        window: window.bounds(),
        measures: Measured::read(&network, |_, _| ())?.remove(&()).unwrap_or_default().finish(),
        antennas,
        as_of: snapshot.as_of,
        revised: cover.iter().any(|pane| pane.revised),
    })
}

/// Antennas that match a text, sorted and paged.
///
/// # Errors
/// When a table lacks a column.
pub fn antennas(
    snapshot: &Snapshot,
    window: Window,
    thresholds: &Thresholds,
    query: &str,
    (sort, is_descending): (Sort, bool),
    paging: Paging,
) -> PolarsResult<AntennaPage> {
    let cover = snapshot.cover(window.start_ms, window.end_ms);
    let query = query.to_lowercase();
    let mut rows = antenna_table(snapshot, &cover, window, thresholds)?;
    rows.retain(|row| query.is_empty() || row.antenna.id.to_lowercase().contains(&query));
    if sort == Sort::P95 {
        fill_percentiles(&cover, &mut rows)?;
    }
    rows.sort_by(|a, b| compare(a, b, sort, is_descending));
    page(snapshot, window, &cover, rows, paging)
}

/// The worst antennas.
///
/// # Errors
/// When a table lacks a column.
pub fn worst(
    snapshot: &Snapshot,
    window: Window,
    thresholds: &Thresholds,
    by: Badness,
    limit: usize,
) -> PolarsResult<AntennaPage> {
    let cover = snapshot.cover(window.start_ms, window.end_ms);
    let badness = |row: &TableRow<'_>| match by {
        Badness::Failures => (row.measures.packets_lost > 0).then_some(row.measures.packets_lost as f64),
        Badness::SuccessRate => {
            wilson_upper(row.measures.packets_delivered, row.measures.packets_sent).map(|bound| -bound)
        }
        Badness::Latency => row.measures.latency_ms.mean,
    };
    let rows = antenna_table(snapshot, &cover, window, thresholds)?;
    let mut rows: Vec<(f64, TableRow<'_>)> =
        rows.into_iter().filter_map(|row| badness(&row).map(|badness| (badness, row))).collect();
    rows.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.antenna.id.cmp(&right.antenna.id)));
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    page(snapshot, window, &cover, rows, Paging { limit, offset: 0 })
}

/// One antenna; `None` if it is not known or nothing of it is retained.
///
/// # Errors
/// When a table lacks a column.
pub fn antenna(
    snapshot: &Snapshot,
    window: Window,
    thresholds: &Thresholds,
    id: &str,
) -> PolarsResult<Option<AntennaRow>> {
    let Some((slot, known)) = snapshot.retained().find(|(_, antenna)| &*antenna.id == id) else { return Ok(None) };
    let cover = snapshot.cover(window.start_ms, window.end_ms);
    let partials = partials_of(&cover, slot)?;
    let measured = Measured::read(&partials, |_, _| ())?.remove(&()).unwrap_or_default();
    let mut row = TableRow { slot, antenna: known, status: Status::Healthy, measures: measured.finish() };
    row.status = status(&row, window, thresholds);
    Ok(Some(row.into_api()))
}

/// A window in steps, of one antenna or of the whole network. `None` if the antenna is not known.
///
/// # Errors
/// When a table lacks a column.
pub fn series(
    snapshot: &Snapshot,
    window: Window,
    step_ms: i64,
    antenna: Option<&str>,
) -> PolarsResult<Option<Series>> {
    let panes: Vec<(i64, &Pane)> = snapshot.panes_in(window.start_ms, window.end_ms).collect();
    let partials = match antenna {
        None => Partials::concat(panes.iter().map(|(_, pane)| &pane.network).collect::<Vec<_>>())?,
        Some(id) => {
            let Some((slot, _)) = snapshot.retained().find(|(_, known)| &*known.id == id) else { return Ok(None) };
            let parts =
                panes.iter().map(|(_, pane)| pane.antennas.of_antenna(slot)).collect::<PolarsResult<Vec<_>>>()?;
            Partials::concat(&parts)?
        }
    };
    let steps = Grid { origin_ms: window.start_ms, width_ms: step_ms };
    let mut measured = Measured::read(&partials.roll_up(Keys { pane: Some(steps), antenna: false })?, |pane, _| pane)?;
    let mut revised: BTreeMap<i64, bool> = BTreeMap::new();
    for (start, pane) in &panes {
        *revised.entry(steps.floor(*start)).or_default() |= pane.revised;
    }
    let starts = (window.start_ms..window.end_ms).step_by(usize::try_from(step_ms).unwrap_or(usize::MAX));
    let points = starts.map(|start| Point {
        start: UnixMillis(start),
        measures: measured.remove(&start).unwrap_or_default().finish(),
        revised: revised.get(&start).copied().unwrap_or_default(),
    });
    Ok(Some(Series {
        window: window.bounds(),
        step_seconds: UnixMillis(step_ms).seconds(),
        points: points.collect(),
        as_of: snapshot.as_of,
    }))
}

/// One antenna in a window, percentiles left out.
struct TableRow<'a> {
    slot: Slot,
    antenna: &'a Antenna,
    status: Status,
    measures: Measures,
}

impl TableRow<'_> {
    fn into_api(self) -> AntennaRow {
        AntennaRow {
            antenna_id: self.antenna.id.to_string(),
            status: self.status,
            measures: self.measures,
            last_seen: UnixMillis(self.antenna.last_arrival_ms),
        }
    }
}

/// Every antenna that is known and retained, with its sums over the window.
fn antenna_table<'a>(
    snapshot: &'a Snapshot,
    cover: &[&Pane],
    window: Window,
    thresholds: &Thresholds,
) -> PolarsResult<Vec<TableRow<'a>>> {
    let cells = Partials::concat(cover.iter().map(|pane| &pane.antennas).collect::<Vec<_>>())?.cells;
    let cells = roll_up_cells(&cells, Keys { pane: None, antenna: true })?;
    let partials = Partials { cells, sketch: Partials::empty()?.sketch };
    let mut measured = Measured::read(&partials, |_, slot| slot)?;
    Ok(snapshot
        .retained()
        .map(|(slot, antenna)| {
            let measures = measured.remove(&slot).unwrap_or_default().finish();
            let mut row = TableRow { slot, antenna, status: Status::Healthy, measures };
            row.status = status(&row, window, thresholds);
            row
        })
        .collect())
}

/// The contract's rule, from the top: down, degraded, silent, else healthy.
fn status(row: &TableRow<'_>, window: Window, thresholds: &Thresholds) -> Status {
    let Measures { readings, packets_sent, packets_lost, success_rate, latency_ms, .. } = row.measures;
    let threshold_ms = thresholds.degraded_latency.as_secs_f64() * 1000.0;
    let is_silent = match window.now_ms {
        Some(now_ms) => row.antenna.is_silent(now_ms),
        None => readings == 0,
    };
    if packets_sent > 0 && packets_lost == packets_sent {
        Status::Down
    } else if success_rate.is_some_and(|rate| rate < thresholds.degraded_success_rate)
        || latency_ms.mean.is_some_and(|mean_ms| mean_ms > threshold_ms)
    {
        Status::Degraded
    } else if is_silent {
        Status::Silent
    } else {
        Status::Healthy
    }
}

fn page(
    snapshot: &Snapshot,
    window: Window,
    cover: &[&Pane],
    rows: Vec<TableRow<'_>>,
    paging: Paging,
) -> PolarsResult<AntennaPage> {
    let total = rows.len() as u64;
    let mut rows: Vec<_> = rows.into_iter().skip(paging.offset).take(paging.limit).collect();
    fill_percentiles(cover, &mut rows)?;
    Ok(AntennaPage {
        window: window.bounds(),
        total,
        antennas: rows.into_iter().map(TableRow::into_api).collect(),
        as_of: snapshot.as_of,
    })
}

/// Adds the percentiles to rows that have their sums.
fn fill_percentiles(cover: &[&Pane], rows: &mut [TableRow<'_>]) -> PolarsResult<()> {
    let parts: Vec<Partials> = if rows.len() <= LOOKED_UP_ONE_BY_ONE {
        rows.iter().map(|row| partials_of(cover, row.slot)).collect::<PolarsResult<_>>()?
    } else {
        cover.iter().map(|pane| pane.antennas.clone()).collect()
    };
    let sketch = Partials::concat(&parts)?.sketch;
    let sketch = roll_up_sketch(&sketch, Keys { pane: None, antenna: true })?;
    let counts = bucket_counts(&sketch, |_, slot| slot)?;
    for row in rows {
        if let Some(counts) = counts.get(&row.slot) {
            fill_quantiles(&mut row.measures.latency_ms, counts);
        }
    }
    Ok(())
}

/// The rows of one antenna in all panes of a cover.
fn partials_of(cover: &[&Pane], slot: Slot) -> PolarsResult<Partials> {
    let parts = cover.iter().map(|pane| pane.antennas.of_antenna(slot)).collect::<PolarsResult<Vec<_>>>()?;
    Partials::concat(&parts)?.roll_up(Keys { pane: None, antenna: true })
}

fn compare(a: &TableRow<'_>, b: &TableRow<'_>, sort: Sort, is_descending: bool) -> Ordering {
    let directed = |order: Ordering| if is_descending { order.reverse() } else { order };
    // Unknown values come last in either direction.
    let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => directed(a.total_cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let (left, right) = (&a.measures, &b.measures);
    let order = match sort {
        Sort::AntennaId => return directed(a.antenna.id.cmp(&b.antenna.id)),
        Sort::Status => directed(a.status.cmp(&b.status)),
        Sort::Readings => directed(left.readings.cmp(&right.readings)),
        Sort::PacketsSent => directed(left.packets_sent.cmp(&right.packets_sent)),
        Sort::PacketsDelivered => directed(left.packets_delivered.cmp(&right.packets_delivered)),
        Sort::PacketsLost => directed(left.packets_lost.cmp(&right.packets_lost)),
        Sort::SuccessRate => known(left.success_rate, right.success_rate),
        Sort::Latency => known(left.latency_ms.mean, right.latency_ms.mean),
        Sort::P95 => known(left.latency_ms.p95, right.latency_ms.p95),
        Sort::LastSeen => directed(a.antenna.last_arrival_ms.cmp(&b.antenna.last_arrival_ms)),
    };
    order.then_with(|| a.antenna.id.cmp(&b.antenna.id))
}

/// The upper bound of the Wilson score interval at 95 % (E. B. Wilson, "Probable inference, the law of succession, and
/// statistical inference", 1927) of a rate of `successes` out of `trials`. `None` without a trial.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "packets of a window are far below 2^53")]
pub fn wilson_upper(successes: u64, trials: u64) -> Option<f64> {
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let p = successes as f64 / n;
    let z2 = Z_95 * Z_95;
    let spread = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some((p + z2 / (2.0 * n) + spread) / (1.0 + z2 / n))
}

/// One rolled-up row with its sketch.
#[derive(Debug, Default)]
struct Measured {
    readings: u64,
    packets: u64,
    lost: u64,
    latency_count: u64,
    latency_sum: f64,
    latency_min: Option<f64>,
    latency_max: Option<f64>,
    counts: Vec<(i32, u64)>,
}

impl Measured {
    /// The rows of rolled-up tables by a key made of pane and antenna.
    fn read<K: std::hash::Hash + Eq>(
        partials: &Partials,
        key: impl Fn(i64, Slot) -> K,
    ) -> PolarsResult<HashMap<K, Self>> {
        let cells = &partials.cells;
        let integers = |name: &str| cells.column(name)?.u64();
        let floats = |name: &str| cells.column(name)?.f64();
        let (panes, slots) = (cells.column(PANE)?.i64()?, cells.column(ANTENNA)?.u32()?);
        let (readings, packets, lost) = (integers(READINGS)?, integers(PACKETS)?, integers(LOST)?);
        let (counts, sums) = (integers(LATENCY_COUNT)?, floats(LATENCY_SUM)?);
        let (minima, maxima) = (floats(LATENCY_MIN)?, floats(LATENCY_MAX)?);
        let mut buckets = bucket_counts(&partials.sketch, &key)?;
        let mut rows = HashMap::with_capacity(cells.height());
        for row in 0..cells.height() {
            let key = key(panes.get(row).unwrap_or_default(), slots.get(row).unwrap_or_default());
            let measured = Self {
                readings: readings.get(row).unwrap_or_default(),
                packets: packets.get(row).unwrap_or_default(),
                lost: lost.get(row).unwrap_or_default(),
                latency_count: counts.get(row).unwrap_or_default(),
                latency_sum: sums.get(row).unwrap_or_default(),
                latency_min: minima.get(row),
                latency_max: maxima.get(row),
                counts: buckets.remove(&key).unwrap_or_default(),
            };
            rows.insert(key, measured);
        }
        Ok(rows)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^53")]
    fn finish(self) -> Measures {
        let delivered = self.packets - self.lost;
        let mut latency_ms = Latency {
            mean: (self.latency_count > 0).then(|| self.latency_sum / self.latency_count as f64),
            min: self.latency_min,
            max: self.latency_max,
            ..Latency::default()
        };
        fill_quantiles(&mut latency_ms, &self.counts);
        Measures {
            readings: self.readings,
            packets_sent: self.packets,
            packets_delivered: delivered,
            packets_lost: self.lost,
            success_rate: (self.packets > 0).then(|| delivered as f64 / self.packets as f64),
            latency_ms,
        }
    }
}

/// Sets the percentiles from bucket counts in ascending order. A bucket's value may lie outside of what was measured;
/// the exact extremes are known and bound it.
fn fill_quantiles(latency_ms: &mut Latency, counts: &[(i32, u64)]) {
    let total = counts.iter().map(|(_, count)| count).sum();
    let at = |q| {
        let estimate: Option<f64> = sketch::quantile(counts.iter().copied(), total, q);
        estimate.map(|it| it.max(latency_ms.min.unwrap_or(it)).min(latency_ms.max.unwrap_or(it)))
    };
    let (p50, p95, p99) = (at(0.50), at(0.95), at(0.99));
    (latency_ms.p50, latency_ms.p95, latency_ms.p99) = (p50, p95, p99);
}

/// Bucket counts, ascending by bucket, by a key made of pane and antenna.
fn bucket_counts<K: std::hash::Hash + Eq>(
    sketch: &DataFrame,
    key: impl Fn(i64, Slot) -> K,
) -> PolarsResult<HashMap<K, Vec<(i32, u64)>>> {
    let (panes, slots) = (sketch.column(PANE)?.i64()?, sketch.column(ANTENNA)?.u32()?);
    let (buckets, counts) = (sketch.column(BUCKET)?.i32()?, sketch.column(COUNT)?.u64()?);
    let mut by_key: HashMap<K, Vec<(i32, u64)>> = HashMap::new();
    for row in 0..sketch.height() {
        let key = key(panes.get(row).unwrap_or_default(), slots.get(row).unwrap_or_default());
        let bucket = (buckets.get(row).unwrap_or_default(), counts.get(row).unwrap_or_default());
        by_key.entry(key).or_default().push(bucket);
    }
    Ok(by_key)
}
