//! Every antenna in a window: what it measured, and how it fares.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use polars::prelude::*;
use quick_cache::sync::Cache;

use super::incidents::changes;
use super::{View, Window};
use crate::archive::rows::Part;
use crate::readings::Slot;
use crate::registry::Registry;
use crate::store::Whole;
use crate::store::expected::or_of_all;
use crate::store::expressions::answer::{
    ANTENNA_ID, AVAILABILITY, CHANGES, FLAPPING, INTERVAL_SECONDS, LATENCY_P50, LATENCY_P95, LATENCY_P99, LEFT,
    OBSERVED_MS, OWN_LATENCY_MS, OWN_SUCCESS_RATE, SILENT_FROM, STATUS, USUAL_MS,
};
use crate::store::expressions::column::{ANTENNA, AVAILABLE_MS, LATENCY_MAX, LATENCY_MIN, LATENCY_SUM, READINGS};
use crate::store::expressions::{
    COUNTS, Percentiles, availability, available_ms, earlier, known_if, later, measures, observed_ms, seconds, status,
};
use crate::store::partials::{Keys, Partials, roll_up_cells, roll_up_sketch};
use crate::store::whole::{Covering, Portion, cells, cells_of, networks, sketch_of, sketches};

/// Tables are kept for this many windows and snapshots: with 10,000 antennas each takes two megabytes or so.
const KEPT: usize = 8;

/// How a window is added up by antenna.
pub(super) const BY_ANTENNA: Keys = Keys { pane: None, antenna: true };

/// How it is added up over all antennas.
pub(super) const OVER_ALL: Keys = Keys { pane: None, antenna: false };

/// What questions to a window share, kept for a few windows and snapshots.
pub struct Tables {
    /// By snapshot and window: with the status, which depends on the clock.
    antennas: Cache<(u64, Window), Arc<DataFrame>>,
    /// What antennas measured, by snapshot, start and end: the same from one second to the next.
    measured: Cache<(u64, i64, i64), Arc<DataFrame>>,
    /// The cells of closed panes and of files of a partition added up by antenna, by the state of slots, the store's revision, start and end:
    /// most of a window stays as it is from one snapshot to the next.
    closed: Cache<ClosedKey, Arc<DataFrame>>,
    /// What they add up to over all antennas, but for files, which have no slots in it.
    closed_networks: Cache<(u64, i64, i64), Arc<Partials>>,
    /// Antennas that a registry names and that have no slot, by what changes the ones and the others: they are seldom others, and all of them are
    /// looked through.
    without_slot: Cache<(u64, u64), Arc<[Arc<str>]>>,
}

/// The state of the slots, the store's revision, and a range.
type ClosedKey = (u64, u64, i64, i64);

/// A window, parted where the panes of each partition have closed.
struct Parted<'a> {
    /// The partitions, with the range of the window up to there.
    closed: Vec<(&'a Portion, (i64, i64))>,
    /// What of the window lies behind, in any partition.
    open: Vec<Covering<'a>>,
}

impl<'a> Parted<'a> {
    fn new(view: &View<'a>) -> Self {
        let Window { start_ms, end_ms, .. } = view.window;
        let (mut closed, mut open) = (Vec::new(), Vec::new());
        for portion in view.whole.portions() {
            let snapshot = &portion.snapshot;
            // Before the first reading no pane is open, but there may be files of an import.
            let closed_ms = if snapshot.clock.has_started() { snapshot.closed_before_ms() } else { end_ms };
            let closed_ms = closed_ms.clamp(start_ms, end_ms.max(start_ms));
            closed.push((portion, (start_ms, closed_ms)));
            open.extend(portion.cover(closed_ms, end_ms));
        }
        Self { closed, open }
    }

    /// What is open, and what of the closed partitions is asked for: what is with other processes comes over together.
    fn unknown(&self, is_known: impl Fn(&Portion, (i64, i64)) -> bool) -> Vec<Covering<'a>> {
        let unknown = self.closed.iter().filter(|(portion, range)| !is_known(portion, *range));
        let unknown = unknown.flat_map(|(portion, (start_ms, closed_ms))| portion.cover(*start_ms, *closed_ms));
        self.open.iter().copied().chain(unknown).collect()
    }
}

impl Default for Tables {
    /// Of one partition.
    fn default() -> Self {
        Self::of_partitions(1)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("antennas", &self.antennas.len()).field("closed", &self.closed.len()).finish()
    }
}

impl Tables {
    /// Of a number of partitions.
    #[must_use]
    pub fn of_partitions(partitions: usize) -> Self {
        Self {
            antennas: Cache::new(KEPT),
            measured: Cache::new(KEPT),
            closed: Cache::new(KEPT * partitions),
            closed_networks: Cache::new(KEPT * partitions),
            without_slot: Cache::new(KEPT),
        }
    }

    pub(super) fn antennas(&self, view: &View<'_>) -> PolarsResult<Arc<DataFrame>> {
        let Window { start_ms, end_ms, .. } = view.window;
        let (by_window, by_range) = ((view.whole.version, view.window), (view.whole.version, start_ms, end_ms));
        if let Some(antennas) = self.antennas.get(&by_window) {
            return Ok(antennas);
        }
        let measured = match self.measured.get(&by_range) {
            Some(measured) => measured,
            None => Arc::new(measured(view.known()?.clone(), &self.cells(view)?).collect()?),
        };
        let antennas = Arc::new(with_status(view, measured.as_ref().clone().lazy())?.collect()?);
        // What has gaps is looked for again the next time.
        if !view.has_gaps() {
            self.measured.insert(by_range, measured);
            self.antennas.insert(by_window, Arc::clone(&antennas));
        }
        Ok(antennas)
    }

    /// The antennas that a registry names by their exact ids and that have no slot.
    pub(super) fn without_slot(&self, whole: &Whole, registry: &Registry) -> Arc<[Arc<str>]> {
        let key = (whole.names(), registry.version());
        if let Some(known) = self.without_slot.get(&key) {
            return known;
        }
        let slots = whole.slots();
        let named = registry.antennas().map(|(id, _)| id);
        let without_slot: Arc<[Arc<str>]> = named.filter(|id| !slots.contains_key(*id)).cloned().collect();
        self.without_slot.insert(key, Arc::clone(&without_slot));
        without_slot
    }

    /// The cells of the window by antenna.
    fn cells(&self, view: &View<'_>) -> PolarsResult<DataFrame> {
        let parted = Parted::new(view);
        let key = |portion: &Portion, range| Self::closed_key(view, portion, range);
        cells(&parted.unknown(|portion, range| self.closed.peek(&key(portion, range)).is_some()))?;
        let closed = parted.closed.iter().map(|(portion, range)| self.closed(view, portion, key(portion, *range)));
        let closed = closed.filter_map(Result::transpose).collect::<PolarsResult<Vec<_>>>()?;
        let open = cells(&parted.open)?;
        let tables = closed.iter().map(|closed| &**closed).chain(open.iter().map(|cells| &**cells));
        roll_up_cells(&tables.collect::<Vec<&DataFrame>>(), BY_ANTENNA)
    }

    /// What of the window is in memory, and what of it is in files, added up over all antennas.
    pub(super) fn network(&self, view: &View<'_>, archived: &[Partials]) -> PolarsResult<Partials> {
        let (parted, grid) = (Parted::new(view), view.whole.grid);
        let key = |portion: &Portion, (start_ms, end_ms)| (portion.snapshot.revision, start_ms, end_ms);
        networks(&parted.unknown(|portion, range| self.closed_networks.peek(&key(portion, range)).is_some()), grid)?;
        let add_up = |portion: &Portion, (start_ms, end_ms)| {
            let closed = networks(&portion.cover(start_ms, end_ms), grid)?;
            Partials::roll_up(closed, OVER_ALL).map(Arc::new)
        };
        let closed = parted.closed.iter().map(|(portion, range)| {
            self.closed_networks.get_or_insert_with(&key(portion, *range), || add_up(portion, *range))
        });
        let closed = closed.collect::<PolarsResult<Vec<_>>>()?;
        let open = networks(&parted.open, grid)?;
        Partials::roll_up(closed.iter().map(|closed| &**closed).chain(open).chain(archived), OVER_ALL)
    }

    /// By what the closed panes of a partition in a range are known.
    fn closed_key(view: &View<'_>, portion: &Portion, (start_ms, end_ms): (i64, i64)) -> ClosedKey {
        // An antenna in files has the slot of one in memory as soon as there is one.
        let slots = if view.reads_files() { view.whole.names() } else { view.whole.numbering_id() };
        (slots, portion.snapshot.revision, start_ms, end_ms)
    }

    /// The cells of what of a partition has closed, by antenna, of a range up to where it has; `None` where there is nothing.
    fn closed(&self, view: &View<'_>, portion: &Portion, key: ClosedKey) -> PolarsResult<Option<Arc<DataFrame>>> {
        if let Some(closed) = self.closed.get(&key) {
            return Ok(Some(closed));
        }
        let (.., start_ms, end_ms) = key;
        let archived = view.archived_cells_of(portion, (start_ms, end_ms))?;
        let in_memory = portion.cover(start_ms, end_ms);
        if in_memory.is_empty() && archived.is_none() {
            return Ok(None);
        }
        let in_memory = cells(&in_memory)?;
        let tables = in_memory.iter().map(|cells| &**cells).chain(&archived);
        let closed = Arc::new(roll_up_cells(&tables.collect::<Vec<_>>(), BY_ANTENNA)?);
        if !view.has_gaps() {
            self.closed.insert(key, Arc::clone(&closed));
        }
        Ok(Some(closed))
    }
}

/// The antennas of a table with what they measured, under the names of partials and of the API. Without percentiles, which
/// only the rows that are shown are worth.
pub(super) fn measured(known: DataFrame, cells: &DataFrame) -> LazyFrame {
    let nothing = |name: &str, value: Expr| col(name).fill_null(value);
    let counts = COUNTS.map(|name| nothing(name, lit(0_u64)));
    let latencies = [(LATENCY_SUM, 0.0), (LATENCY_MIN, f64::INFINITY), (LATENCY_MAX, f64::NEG_INFINITY)];
    let latencies = latencies.map(|(name, value)| nothing(name, lit(value)));
    known
        .lazy()
        .join(cells.clone().lazy(), [col(ANTENNA)], [col(ANTENNA)], JoinArgs::new(JoinType::Left))
        .with_columns(counts)
        .with_columns(latencies)
        .with_columns(measures())
}

/// Antennas that were measured, with their status and availability, how often they report, and how often that changed.
pub(super) fn with_status(view: &View<'_>, measured: LazyFrame) -> PolarsResult<LazyFrame> {
    let is_silent = match view.window.judged_ms {
        Some(judged_ms) => lit(judged_ms).gt_eq(col(SILENT_FROM)),
        None => col(READINGS).eq(lit(0_u64)),
    };
    let Window { start_ms, end_ms, .. } = view.window;
    let changes = changes(view, (start_ms, end_ms), judged_ms(view))?.lazy();
    let flapping_changes = view.thresholds.flapping_changes_in(end_ms - start_ms);
    let limits = or_of_all([col(OWN_SUCCESS_RATE), col(OWN_LATENCY_MS)], &view.thresholds);
    // What could not be read may have been available or not.
    let observed = if view.has_gaps() { lit(NULL).cast(DataType::Int64) } else { observed(view) };
    Ok(measured
        .with_column(status(limits, is_silent).alias(STATUS))
        // How often an antenna reported that is not retained any more is not kept.
        .with_column(known_if(col(LEFT).is_null(), seconds(col(USUAL_MS))).alias(INTERVAL_SECONDS))
        .with_column(observed.alias(OBSERVED_MS))
        .with_column(available_ms().alias(AVAILABLE_MS))
        .with_column(availability(col(AVAILABLE_MS), col(OBSERVED_MS)).alias(AVAILABILITY))
        .join(changes, [col(ANTENNA_ID)], [col(ANTENNA_ID)], JoinArgs::new(JoinType::Left))
        .with_column(col(CHANGES).fill_null(lit(0_u64)))
        .with_column(col(CHANGES).gt_eq(lit(flapping_changes)).alias(FLAPPING)))
}

/// The moment by which silence is judged that may be over or last, milliseconds since the epoch. For a window with a given end
/// it is the watermark, so that nothing depends on the clock.
fn judged_ms(view: &View<'_>) -> i64 {
    view.window.judged_ms.unwrap_or(view.whole.clock.watermark_ms)
}

/// For how long an antenna was observed in the window.
fn observed(view: &View<'_>) -> Expr {
    let Window { start_ms, end_ms, .. } = view.window;
    observed_in(view, [lit(start_ms), lit(end_ms)])
}

/// The same in a part of the window, from a start to an end in milliseconds since the epoch.
pub(super) fn observed_in(view: &View<'_>, [start, end]: [Expr; 2]) -> Expr {
    let kept_from = later(start, lit(view.known_from_ms()));
    let is_missed = lit(judged_ms(view)).gt_eq(col(SILENT_FROM));
    let is_present = view.window.judged_ms.is_some();
    let missed_until = if is_present { end.clone() } else { earlier(end.clone(), lit(view.whole.clock.watermark_ms)) };
    observed_ms(kept_from, end, is_missed, missed_until)
}

impl View<'_> {
    /// What an antenna measured in the window: a row, or none.
    pub(super) fn cells_of(&self, slot: Slot) -> PolarsResult<DataFrame> {
        let in_memory = cells_of(&self.cover(), &[slot])?;
        let archived = self.archived_table(self.range(), None, Some(&[slot]), Part::Cells)?;
        roll_up_cells(&std::iter::once(&in_memory).chain(&archived).collect::<Vec<_>>(), BY_ANTENNA)
    }

    /// Rows of [`View::antennas`] with their percentiles, in their order.
    pub(super) fn with_percentiles(&self, rows: DataFrame) -> PolarsResult<DataFrame> {
        // Antennas that have not been seen have none.
        let slots = rows.column(ANTENNA)?.drop_nulls().sort(SortOptions::default())?;
        let slots = slots.u32()?.rechunk();
        let cover = self.cover();
        let slots = slots.cont_slice()?;
        let are_all = slots.len() == self.known()?.height();
        let archived = self.archived_table(self.range(), None, (!are_all).then_some(slots), Part::Sketch)?;
        let in_memory = if are_all { sketches(&cover)? } else { vec![Cow::Owned(sketch_of(&cover, slots)?)] };
        let tables = in_memory.iter().map(|table| &**table).chain(&archived);
        let sketch = roll_up_sketch(&tables.collect::<Vec<_>>(), BY_ANTENNA)?;
        let percentiles = Percentiles::of(sketch.lazy(), &[ANTENNA])?;
        let rows = rows.drop_many([LATENCY_P50, LATENCY_P95, LATENCY_P99]).lazy();
        let joined = rows.join(percentiles, [col(ANTENNA)], [col(ANTENNA)], JoinArgs::new(JoinType::Left));
        joined.with_columns(Percentiles::bounded()).collect()
    }
}

/// Whether a text contains a search, in upper or lower case.
pub(super) fn contains(column: &str, search: &str) -> Expr {
    col(column).str().to_lowercase().str().contains_literal(lit(search.to_lowercase()))
}
