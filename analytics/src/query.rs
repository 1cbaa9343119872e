//! Questions to a snapshot: a [`View`] is a window of one, its answers are the API's types.

mod heatmap;
mod incidents;
mod recent;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaCounts, AntennaPage, AntennaRow, Latency, Limits, Measures, Point, Series, Status, Summary, WindowBounds,
};

pub use shared::api::{Badness, End, Sort};

pub use self::incidents::{IncidentFilter, OpenIncidents, open_incidents};
use crate::aggregate::column::{
    ANTENNA, BUCKET, COUNT, LATENCY_COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, LOST, PACKETS, PANE, READINGS,
};
use crate::aggregate::{Grid, Keys, Partials, roll_up_cells};
use crate::antennas::Antenna;
use crate::decode::Slot;
use crate::settings::Thresholds;
use crate::sketch;
use crate::store::{Pane, Snapshot};
use crate::trouble::{Severity, success_rate};

/// 97.5th percentile of the normal distribution: 95 % lie within it on both sides.
const Z_95: f64 = 1.959_963_984_540_054;

/// A window on the panes' grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Start of the first pane, milliseconds since the epoch.
    pub start_ms: i64,
    /// End of the last pane, milliseconds since the epoch.
    pub end_ms: i64,
    /// The current time, in full seconds, where the window moves with it; `None` for a window with a given end. Within
    /// a second, equal windows of a snapshot give equal answers.
    pub now_ms: Option<i64>,
}

impl Window {
    /// Of questions that are not about a time.
    pub const NONE: Self = Self { start_ms: 0, end_ms: 0, now_ms: None };

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
        let now_ms = (!matches!(end, End::At(_))).then(|| Grid::of_width(1_000).floor(now.0));
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

/// Which antennas are wanted; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Those whose id contains this text, in upper or lower case.
    pub search: String,
    /// The one with exactly this id.
    pub id: Option<String>,
    /// Those with one of these statuses; where there are none, those with any.
    pub statuses: BTreeSet<Status>,
}

impl Filter {
    /// The rows that are wanted, in their order.
    fn of<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let search = self.search.to_lowercase();
        let is_wanted = |row: &&Row| {
            self.id.as_deref().is_none_or(|id| *row.id == *id)
                && (self.statuses.is_empty() || self.statuses.contains(&row.status))
                && (search.is_empty() || row.id.to_lowercase().contains(&search))
        };
        rows.iter().filter(is_wanted).collect()
    }
}

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Paging {
    /// Rows at most.
    pub limit: usize,
    /// Rows to leave out first.
    pub offset: usize,
}

/// A window of a snapshot: what questions are put to.
#[derive(Debug)]
pub struct View<'a> {
    snapshot: &'a Snapshot,
    window: Window,
    cover: Vec<&'a Pane>,
}

/// One antenna in a window. What it takes to sort and to page; percentiles are left out.
#[derive(Debug, Clone)]
pub struct Row {
    slot: Slot,
    id: Arc<str>,
    last_seen: UnixMillis,
    status: Status,
    measures: Measures,
}

impl Row {
    fn into_api(self) -> AntennaRow {
        AntennaRow {
            antenna_id: self.id.to_string(),
            status: self.status,
            measures: self.measures,
            last_seen: self.last_seen,
            history: None,
        }
    }
}

impl<'a> View<'a> {
    /// A window of a snapshot.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, window: Window) -> Self {
        Self { snapshot, window, cover: snapshot.cover(window.start_ms, window.end_ms) }
    }

    /// Every antenna that is known and retained, by slot: what [`Self::summary`], [`Self::antennas`] and
    /// [`Self::worst`] share.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn rows(&self, thresholds: &Thresholds) -> PolarsResult<Vec<Row>> {
        let cells: Vec<&DataFrame> = self.cover.iter().map(|pane| &pane.antennas.cells).collect();
        let cells = roll_up_cells(&cells, Keys { pane: None, antenna: true })?;
        let mut measured = Measured::read(&cells, None)?.into_iter().peekable();
        let rows = self.snapshot.retained().map(|(slot, antenna)| {
            while measured.next_if(|it| it.slot < slot).is_some() {}
            let measured = measured.next_if(|it| it.slot == slot).unwrap_or_default();
            self.row(slot, antenna, measured, thresholds)
        });
        Ok(rows.collect())
    }

    /// The whole network.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn summary(&self, rows: &[Row], thresholds: &Thresholds) -> PolarsResult<Summary> {
        let network = self.cover.iter().map(|pane| &pane.network);
        let network = Partials::roll_up(network, Keys { pane: None, antenna: false })?;
        Ok(Summary {
            window: self.window.bounds(),
            measures: Measured::read_one(&network)?.finish(),
            antennas: counts(rows),
            as_of: self.snapshot.as_of,
            revised: self.cover.iter().any(|pane| pane.revised),
            limits: Some(self.limits(thresholds)),
        })
    }

    fn limits(&self, thresholds: &Thresholds) -> Limits {
        Limits {
            pane_seconds: UnixMillis(self.snapshot.grid.width_ms).seconds(),
            retention_seconds: UnixMillis(self.snapshot.retention_ms).seconds(),
            oldest: self.snapshot.oldest_ms().map(UnixMillis),
            degraded_success_rate: thresholds.degraded_success_rate,
            degraded_latency_ms: thresholds.degraded_latency_ms(),
        }
    }

    /// Antennas, sorted and paged; with their histories where a step in milliseconds is given.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn antennas(
        &self,
        rows: &[Row],
        filter: &Filter,
        (sort, is_descending): (Sort, bool),
        paging: Paging,
        step_ms: Option<i64>,
    ) -> PolarsResult<AntennaPage> {
        let mut rows: Vec<Row> = filter.of(rows).into_iter().cloned().collect();
        if sort == Sort::P95 {
            self.fill_percentiles(&mut rows)?;
        }
        self.page(rows, paging, step_ms, |a, b| compare(a, b, sort, is_descending))
    }

    /// The worst antennas; with their histories where a step in milliseconds is given.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn worst(&self, rows: &[Row], by: Badness, limit: usize, step_ms: Option<i64>) -> PolarsResult<AntennaPage> {
        let badness = |row: &Row| match by {
            Badness::Failures => (row.measures.packets_lost > 0).then_some(row.measures.packets_lost as f64),
            Badness::SuccessRate => {
                wilson_upper(row.measures.packets_delivered, row.measures.packets_sent).map(|bound| -bound)
            }
            Badness::Latency => row.measures.latency_ms.mean,
        };
        let bad: Vec<Row> = rows.iter().filter(|row| badness(row).is_some()).cloned().collect();
        let rank = |row: &Row| badness(row).unwrap_or(f64::NEG_INFINITY);
        let paging = Paging { limit, offset: 0 };
        self.page(bad, paging, step_ms, |a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.id.cmp(&b.id)))
    }

    /// One antenna; `None` if it is not known or nothing of it is retained.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn antenna(&self, id: &str, thresholds: &Thresholds) -> PolarsResult<Option<AntennaRow>> {
        let Some((slot, antenna)) = self.snapshot.find(id) else { return Ok(None) };
        let measured = Measured::read_one(&self.of_antennas(&[slot])?)?;
        Ok(Some(self.row(slot, antenna, measured, thresholds).into_api()))
    }

    /// The window in steps, of one antenna or of the whole network. `None` if the antenna is not known.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn series(&self, step_ms: i64, antenna: Option<&str>) -> PolarsResult<Option<Series>> {
        let window = self.window;
        let panes: Vec<(i64, &Pane)> = self.snapshot.panes_in(window.start_ms, window.end_ms).collect();
        let steps = Grid { origin_ms: window.start_ms, width_ms: step_ms };
        let keys = Keys { pane: Some(steps), antenna: false };
        let partials = match antenna {
            None => Partials::roll_up(panes.iter().map(|(_, pane)| &pane.network), keys)?,
            Some(id) => {
                let Some((slot, _)) = self.snapshot.find(id) else { return Ok(None) };
                let of_antenna = Partials::of_antennas(panes.iter().map(|(_, pane)| &pane.antennas), &[slot])?;
                Partials::roll_up([&of_antenna], keys)?
            }
        };
        let measured = Measured::read(&partials.cells, Some(&partials.sketch))?;
        let mut measured: HashMap<i64, Measured> = measured.into_iter().map(|it| (it.pane, it)).collect();
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
            as_of: self.snapshot.as_of,
        }))
    }

    fn row(&self, slot: Slot, antenna: &Antenna, measured: Measured, thresholds: &Thresholds) -> Row {
        let measures = measured.finish();
        let is_silent = match self.window.now_ms {
            Some(now_ms) => antenna.is_silent(now_ms),
            None => measures.readings == 0,
        };
        Row {
            slot,
            id: Arc::clone(&antenna.id),
            last_seen: UnixMillis(antenna.last_arrival_ms),
            status: status(&measures, is_silent, thresholds),
            measures,
        }
    }

    fn page(
        &self,
        mut rows: Vec<Row>,
        paging: Paging,
        step_ms: Option<i64>,
        compare: impl Fn(&Row, &Row) -> Ordering,
    ) -> PolarsResult<AntennaPage> {
        let total = rows.len() as u64;
        let end = paging.offset.saturating_add(paging.limit);
        // What lies behind the page need not be in order.
        if end < rows.len() {
            rows.select_nth_unstable_by(end, &compare);
            rows.truncate(end);
        }
        rows.sort_unstable_by(&compare);
        rows.drain(..paging.offset.min(rows.len()));
        self.fill_percentiles(&mut rows)?;
        let slots: Vec<Slot> = rows.iter().map(|row| row.slot).collect();
        let mut antennas: Vec<AntennaRow> = rows.into_iter().map(Row::into_api).collect();
        let mut steps = None;
        if let Some(step_ms) = step_ms {
            for (antenna, history) in antennas.iter_mut().zip(self.histories(&slots, step_ms)?) {
                antenna.history = Some(history);
            }
            steps = Some(self.steps(step_ms));
        }
        Ok(AntennaPage { window: self.window.bounds(), total, antennas, steps, as_of: self.snapshot.as_of })
    }

    /// Adds the percentiles to rows that have their sums.
    fn fill_percentiles(&self, rows: &mut [Row]) -> PolarsResult<()> {
        let mut slots: Vec<Slot> = rows.iter().map(|row| row.slot).collect();
        slots.sort_unstable();
        let partials = self.of_antennas(&slots)?;
        let measured = Measured::read(&partials.cells, Some(&partials.sketch))?;
        let counts: HashMap<Slot, Vec<(i32, u64)>> = measured.into_iter().map(|it| (it.slot, it.counts)).collect();
        for row in rows {
            if let Some(counts) = counts.get(&row.slot) {
                fill_quantiles(&mut row.measures.latency_ms, counts);
            }
        }
        Ok(())
    }

    /// The window's partials of some antennas, whose slots ascend.
    fn of_antennas(&self, slots: &[Slot]) -> PolarsResult<Partials> {
        let of_antennas = Partials::of_antennas(self.cover.iter().map(|pane| &pane.antennas), slots)?;
        Partials::roll_up([&of_antennas], Keys { pane: None, antenna: true })
    }
}

/// Antennas by status.
fn counts<'a>(rows: impl IntoIterator<Item = &'a Row>) -> AntennaCounts {
    let mut counts = AntennaCounts::default();
    for row in rows {
        counts.active += u64::from(row.measures.readings > 0);
        *match row.status {
            Status::Down => &mut counts.down,
            Status::Degraded => &mut counts.degraded,
            Status::Silent => &mut counts.silent,
            Status::Healthy => &mut counts.healthy,
        } += 1;
    }
    counts
}

/// The contract's rule, from the top: down, degraded, silent, else healthy.
fn status(measures: &Measures, is_silent: bool, thresholds: &Thresholds) -> Status {
    match thresholds.judge(measures.packets_sent, measures.packets_lost, measures.latency_ms.mean) {
        Some(Severity::Down) => Status::Down,
        Some(Severity::Degraded) => Status::Degraded,
        None if is_silent => Status::Silent,
        None => Status::Healthy,
    }
}

fn compare(a: &Row, b: &Row, sort: Sort, is_descending: bool) -> Ordering {
    let directed = |order: Ordering| if is_descending { order.reverse() } else { order };
    // Unknown values come last in either direction.
    let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => directed(a.total_cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let (left, right) = (&a.measures, &b.measures);
    let order = match sort {
        Sort::AntennaId => return directed(a.id.cmp(&b.id)),
        Sort::Status => directed(a.status.cmp(&b.status)),
        Sort::Readings => directed(left.readings.cmp(&right.readings)),
        Sort::PacketsSent => directed(left.packets_sent.cmp(&right.packets_sent)),
        Sort::PacketsDelivered => directed(left.packets_delivered.cmp(&right.packets_delivered)),
        Sort::PacketsLost => directed(left.packets_lost.cmp(&right.packets_lost)),
        Sort::SuccessRate => known(left.success_rate, right.success_rate),
        Sort::Latency => known(left.latency_ms.mean, right.latency_ms.mean),
        Sort::P95 => known(left.latency_ms.p95, right.latency_ms.p95),
        Sort::LastSeen => directed(a.last_seen.cmp(&b.last_seen)),
    };
    order.then_with(|| a.id.cmp(&b.id))
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
    pane: i64,
    slot: Slot,
    readings: u64,
    packets: u64,
    lost: u64,
    latency_count: u64,
    latency_sum: f64,
    latency_min: f64,
    latency_max: f64,
    /// Readings by bucket, ascending by bucket.
    counts: Vec<(i32, u64)>,
}

impl Measured {
    /// The rows of rolled-up tables, in their order.
    fn read(cells: &DataFrame, sketch: Option<&DataFrame>) -> PolarsResult<Vec<Self>> {
        let integers = |name: &str| cells.column(name)?.u64();
        let floats = |name: &str| cells.column(name)?.f64();
        let (panes, slots) = (cells.column(PANE)?.i64()?, cells.column(ANTENNA)?.u32()?);
        let (readings, packets, lost) = (integers(READINGS)?, integers(PACKETS)?, integers(LOST)?);
        let (counts, sums) = (integers(LATENCY_COUNT)?, floats(LATENCY_SUM)?);
        let (minima, maxima) = (floats(LATENCY_MIN)?, floats(LATENCY_MAX)?);
        let mut rows = Vec::with_capacity(cells.height());
        for row in 0..cells.height() {
            rows.push(Self {
                pane: panes.get(row).unwrap_or_default(),
                slot: slots.get(row).unwrap_or_default(),
                readings: readings.get(row).unwrap_or_default(),
                packets: packets.get(row).unwrap_or_default(),
                lost: lost.get(row).unwrap_or_default(),
                latency_count: counts.get(row).unwrap_or_default(),
                latency_sum: sums.get(row).unwrap_or_default(),
                latency_min: minima.get(row).unwrap_or_default(),
                latency_max: maxima.get(row).unwrap_or_default(),
                counts: Vec::new(),
            });
        }
        if let Some(sketch) = sketch {
            Self::add_sketches(&mut rows, sketch)?;
        }
        Ok(rows)
    }

    /// Both tables are in order of pane and antenna, and a sketch has cells.
    fn add_sketches(rows: &mut [Self], sketch: &DataFrame) -> PolarsResult<()> {
        let (panes, slots) = (sketch.column(PANE)?.i64()?, sketch.column(ANTENNA)?.u32()?);
        let (buckets, counts) = (sketch.column(BUCKET)?.i32()?, sketch.column(COUNT)?.u64()?);
        let mut rows = rows.iter_mut().peekable();
        for at in 0..sketch.height() {
            let key = (panes.get(at).unwrap_or_default(), slots.get(at).unwrap_or_default());
            while rows.next_if(|row| (row.pane, row.slot) < key).is_some() {}
            if let Some(row) = rows.peek_mut() {
                row.counts.push((buckets.get(at).unwrap_or_default(), counts.get(at).unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// The row of tables that were rolled up into one, or nothing measured.
    fn read_one(partials: &Partials) -> PolarsResult<Self> {
        let rows = Self::read(&partials.cells, Some(&partials.sketch))?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^53")]
    fn finish(self) -> Measures {
        let is_measured = self.latency_count > 0;
        let mut latency_ms = Latency {
            mean: is_measured.then(|| self.latency_sum / self.latency_count as f64),
            min: is_measured.then_some(self.latency_min),
            max: is_measured.then_some(self.latency_max),
            ..Latency::default()
        };
        fill_quantiles(&mut latency_ms, &self.counts);
        Measures {
            readings: self.readings,
            packets_sent: self.packets,
            packets_delivered: self.packets - self.lost,
            packets_lost: self.lost,
            success_rate: success_rate(self.packets, self.lost),
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
