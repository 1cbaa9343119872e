//! What has been counted: panes, antennas, incidents, and the snapshot of all that questions read.
//!
//! - [`grid`]: intervals of time; [`expressions`]: what is summed and derived; [`sketch`]: the buckets of latency.
//! - [`partials`]: the one algebra, a plan over tables; [`judged`]: how single panes fared, which sums level out.
//! - [`antennas`], [`trouble`], [`incidents`]: what is known of each antenna, and when it was down, degraded or silent;
//!   [`expected`]: by what it is judged where the settings do not hold.
//! - [`archived`]: what has left memory for files; [`imports`]: what of it came from elsewhere.
//! - [`recent`]: the readings counted last.
//! - [`away`]: tables that another process has.
//! - [`whole`]: the snapshots of all partitions as one.
//!
//! [`Store::count`] is where a reading is counted, [`Store::build_tiles`] where a tile is made, [`Snapshot::cover`] what a
//! window is answered from.
//!
//! A pane is a table of its own in an ordered map: a batch touches one or two, a snapshot shares them all, a commit
//! writes the changed ones. Closed panes are rolled up once more into tiles of several panes (the same algebra), and
//! those into larger tiles, so that a long window reads tiles and only its edges read panes.

pub mod antennas;
pub mod archived;
pub mod away;
pub mod expected;
pub mod expressions;
pub mod grid;
pub mod imports;
pub mod incidents;
pub mod judged;
mod panes;
pub mod partials;
pub mod recent;
pub mod sketch;
mod snapshot;
pub mod trouble;
pub mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::Ledger;

use self::antennas::{Antennas, place};
use self::archived::{
    Archived, Compacted, Courses, Discarded, Expired, HOUR_MS, IncidentFile, PartitionNumber, Span, Tiers,
};
use self::expected::{Expected, Limits};
use self::expressions::column::{ANTENNA, PACKETS_LOST, PACKETS_SENT};
use self::grid::Grid;
use self::imports::Import;
use self::incidents::{Incidents, Mark};
pub use self::panes::Pane;
use self::panes::{TILE_PANES, cover, over_all_antennas, some, tile_grids};
use self::partials::{Keys, Partials};
use self::recent::Recent;
pub use self::snapshot::Snapshot;
use self::trouble::Counted;
pub use self::whole::Whole;
use crate::ingest::decode::Batch;
use crate::readings::column as reading;
use crate::registry::Registry;
use crate::settings::Thresholds;

/// A pane closes when the watermark is this far past its end. Readings of antennas whose clocks and ways differ by less
/// do not revise it.
const CLOSING_GRACE_MS: i64 = 2_000;

/// What event time has seen, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventClock {
    /// The newest event time counted: where windows end.
    pub newest_ms: i64,
    /// The newest event time counted, each bounded by its arrival: what closes panes and bounds retention. An antenna
    /// whose clock is ahead cannot move it past the broker's clock.
    pub watermark_ms: i64,
}

impl EventClock {
    /// Before the first reading.
    pub const START: Self = Self { newest_ms: i64::MIN, watermark_ms: i64::MIN };

    /// Whether a reading has been counted.
    #[must_use]
    pub const fn has_started(self) -> bool {
        self.newest_ms != i64::MIN
    }
}

/// What became of the readings of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Counted in a pane.
    pub counted: u64,
    /// Their `seq` had been counted before.
    pub duplicates: u64,
    /// Older than everything retained.
    pub too_late: u64,
}

/// How a batch was counted.
#[derive(Debug, Clone, Copy)]
pub struct Counting {
    /// What became of its readings.
    pub accepted: Accepted,
    /// When they had been rolled up with their panes; what follows puts the panes back.
    pub rolled_up: Instant,
}

/// The readings of a batch that count.
struct Acceptance {
    accepted: Accepted,
    readings: DataFrame,
    /// Panes that had closed, by start.
    revised: BTreeSet<i64>,
}

/// What changed since the last commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Panes to write, by start.
    pub panes: BTreeSet<i64>,
    /// Panes to drop, by start.
    pub dropped: BTreeSet<i64>,
    /// Chunks of antennas to write.
    pub chunks: BTreeSet<usize>,
    /// Chunks of incidents to write, by number.
    pub incidents: Range<u64>,
    /// Chunks of incidents to drop, by number.
    pub incidents_dropped: Range<u64>,
    /// Spans of the archive to write, or to drop where there is none any more, by the partition that they are of and their start.
    pub spans: BTreeSet<(PartitionNumber, i64)>,
    /// Discarded files to write, or to drop where there are none any more, by number.
    pub discarded: BTreeSet<u64>,
    /// Files of incidents to write, or to drop where there are none any more, by the partition that they are of and their first chunk.
    pub incident_files: BTreeSet<(PartitionNumber, u64)>,
    /// Imports to write, by id.
    pub imports: BTreeSet<String>,
}

/// What a store is restored from.
#[derive(Debug, Clone)]
pub struct Committed {
    /// What event time had seen.
    pub clock: EventClock,
    /// The antennas.
    pub antennas: Antennas,
    /// The incidents that had ended.
    pub incidents: Incidents,
    /// The panes.
    pub panes: Vec<Pane>,
    /// What is in files.
    pub archived: Archived,
    /// What partitions of before have in files, by their number.
    pub former: Former,
    /// What was imported, by id.
    pub imports: BTreeMap<String, Import>,
    /// Readings that have left memory for no file.
    pub expired: u64,
}

/// Where the readings that were counted or imported are now: they add up to all that ever were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// In panes.
    pub in_memory: u64,
    /// In files.
    pub archived: u64,
    /// Nowhere: retention has moved past them.
    pub expired: u64,
}

impl Kept {
    /// Enters them into a ledger.
    pub fn enter(self, ledger: &mut Ledger) {
        ledger.in_memory = Some(self.in_memory);
        ledger.archived = self.archived;
        ledger.expired = self.expired;
    }
}

/// What partitions have in files whose antennas are in other ones by now, by their number; see [`crate::repartition`].
pub type Former = BTreeMap<PartitionNumber, Archived>;

/// What a registry expects of an antenna; `None` where the settings hold for all of it.
fn expected(registry: &Registry, id: &str) -> Option<Arc<Expected>> {
    let expected = Expected::from(&*registry.of(id));
    (!expected.is_nothing()).then(|| Arc::new(expected))
}

/// Everything counted and retained. Owned by one thread; [`Store::snapshot`] shares it with others.
#[derive(Debug, Clone)]
pub struct Store {
    partition: PartitionNumber,
    grid: Grid,
    retention_ms: i64,
    max_clock_skew_ms: i64,
    thresholds: Thresholds,
    registry: Arc<Registry>,
    clock: EventClock,
    antennas: Antennas,
    incidents: Incidents,
    /// The incidents as of the last call of [`Store::take_changes`].
    incidents_taken: Mark,
    panes: BTreeMap<i64, Arc<Pane>>,
    tiles: [BTreeMap<i64, Arc<Pane>>; TILE_PANES.len()],
    /// The width of the archive's finest rows in milliseconds; with an archive, final panes stay until they are in files.
    row_ms: Option<i64>,
    archived: Archived,
    former: Arc<Former>,
    /// By id.
    imports: BTreeMap<String, Import>,
    /// Readings that have left memory for no file.
    expired: u64,
    recent: Recent,
    changes: Changes,
    /// See [`Snapshot::revision`].
    revision: u64,
}

impl Store {
    /// An empty store of panes of a width, kept for a time, both in milliseconds; what is trouble is up to the thresholds.
    #[must_use]
    pub fn new(pane_ms: i64, retention_ms: i64, thresholds: Thresholds) -> Self {
        Self {
            partition: 0,
            grid: Grid::of_width(pane_ms),
            retention_ms,
            max_clock_skew_ms: i64::MAX,
            thresholds,
            registry: Arc::default(),
            clock: EventClock::START,
            antennas: Antennas::default(),
            incidents: Incidents::default(),
            incidents_taken: Mark::default(),
            panes: BTreeMap::new(),
            tiles: Default::default(),
            row_ms: None,
            archived: Archived::default(),
            former: Arc::default(),
            imports: BTreeMap::new(),
            expired: 0,
            recent: Recent::default(),
            changes: Changes::default(),
            revision: next_revision(),
        }
    }

    /// The store of a partition.
    #[must_use]
    pub fn with_partition(self, partition: PartitionNumber) -> Self {
        Self { partition, ..self }
    }

    /// The number of its partition.
    #[must_use]
    pub const fn partition(&self) -> PartitionNumber {
        self.partition
    }

    /// The store with a bound on how far ahead of the broker's clock an antenna's `seq` may be, in milliseconds.
    #[must_use]
    pub fn with_max_clock_skew(self, max_clock_skew_ms: i64) -> Self {
        Self { max_clock_skew_ms, ..self }
    }

    /// The store with its final panes kept until they are in files, whose finest rows have a width in milliseconds.
    #[must_use]
    pub fn with_archive(self, row_ms: Option<i64>) -> Self {
        Self { row_ms, incidents: self.incidents.with_archive(row_ms.is_some()), ..self }
    }

    /// Judges antennas by what a registry says of them, from now on: what was judged of intervals stands, and panes are judged anew.
    /// Tells whether that is anything else than before.
    pub fn expect(&mut self, registry: &Arc<Registry>) -> bool {
        if Arc::ptr_eq(&self.registry, registry) {
            return false;
        }
        self.registry = Arc::clone(registry);
        let (chunks, are_limits_others) = self.antennas.expect(|id| expected(registry, id));
        if are_limits_others {
            self.panes.values_mut().for_each(|pane| *pane = Arc::new(pane.unjudged()));
            self.tiles = Default::default();
        }
        if chunks.is_empty() {
            return false;
        }
        self.changes.chunks.extend(chunks);
        self.revision = next_revision();
        true
    }

    /// By what its antennas are judged in tables.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.antennas.limits(self.thresholds)
    }

    /// The store as it was committed. Where retention has been shortened since, panes are dropped, and antennas of which
    /// nothing is retained are forgotten.
    ///
    /// # Errors
    /// When a pane's tables do not have the right columns.
    pub fn restore(self, committed: Committed) -> PolarsResult<Self> {
        let mut restored = self.holding(committed);
        restored.retain()?;
        restored.forget(restored.horizon_ms(restored.clock.watermark_ms), restored.antennas.newest_arrival_ms());
        restored.build_tiles()?;
        Ok(restored)
    }

    /// The store with what was committed, all of it, and without tiles.
    #[must_use]
    pub fn holding(mut self, committed: Committed) -> Self {
        self.clock = committed.clock;
        self.antennas = committed.antennas;
        self.incidents_taken = committed.incidents.mark();
        self.incidents = committed.incidents.with_archive(self.row_ms.is_some());
        self.panes = committed.panes.into_iter().map(|pane| (pane.start_ms, Arc::new(pane))).collect();
        self.archived = committed.archived;
        self.former = Arc::new(committed.former);
        self.imports = committed.imports;
        self.expired = committed.expired;
        self
    }

    /// What is to be committed of it: see [`Self::holding`].
    #[must_use]
    pub fn into_committed(self) -> Committed {
        Committed {
            clock: self.clock,
            antennas: self.antennas,
            incidents: self.incidents,
            panes: self.panes.into_values().map(Arc::unwrap_or_clone).collect(),
            archived: self.archived,
            former: Arc::unwrap_or_clone(self.former),
            imports: self.imports,
            expired: self.expired,
        }
    }

    /// All that it holds, as if none of it were committed.
    #[must_use]
    pub fn all_as_changes(&self) -> Changes {
        let spans = self.archives().flat_map(|(number, archived)| {
            archived.within(i64::MIN, i64::MAX).map(move |span| (number, span.start_ms))
        });
        let incident_files = self.archives().flat_map(|(number, archived)| {
            archived.incidents_within(i64::MIN, i64::MAX).map(move |file| (number, file.first))
        });
        Changes {
            panes: self.panes.keys().copied().collect(),
            dropped: BTreeSet::new(),
            chunks: (0..self.antennas.chunks()).collect(),
            incidents: self.incidents.numbers(),
            incidents_dropped: 0..0,
            spans: spans.collect(),
            discarded: self.archived.discarded().keys().copied().collect(),
            incident_files: incident_files.collect(),
            imports: self.imports.keys().cloned().collect(),
        }
    }

    /// Width of a pane in milliseconds.
    #[must_use]
    pub const fn pane_ms(&self) -> i64 {
        self.grid.width_ms
    }

    /// What event time has seen.
    #[must_use]
    pub const fn clock(&self) -> EventClock {
        self.clock
    }

    /// The antennas.
    #[must_use]
    pub const fn antennas(&self) -> &Antennas {
        &self.antennas
    }

    /// The incidents that have ended.
    #[must_use]
    pub const fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// A pane by its start.
    #[must_use]
    pub fn pane(&self, start: i64) -> Option<&Arc<Pane>> {
        self.panes.get(&start)
    }

    /// Counts the readings of a batch that are to be counted, each in its pane, and drops what retention no longer
    /// covers.
    ///
    /// What is counted depends on the order of the readings alone, not on where batches begin: a batch that is read again
    /// after a crash, cut differently, counts the same.
    ///
    /// # Errors
    /// When a table does not have the right columns.
    pub fn count(&mut self, batch: &Batch) -> PolarsResult<Counting> {
        for (slot, id) in &batch.new_antennas {
            self.antennas.insert(*slot, Arc::clone(id), expected(&self.registry, id));
            self.changes.chunks.insert(place(*slot).0);
        }
        let Acceptance { accepted, readings, revised } = self.accept(&batch.readings)?;
        // What retention has moved past within the batch is gone at its end.
        let is_retained = readings.column(reading::EVENT_MS)?.i64()?.gt_eq(self.kept_from_ms());
        let retained = readings.filter(&is_retained)?;
        self.expired += (readings.height() - retained.height()) as u64;
        let partials = Partials::of_readings(&retained, self.grid)?;
        self.recent.extend(readings.drop(reading::AVAILABLE_MS)?)?;
        let starts = batch_panes(&partials)?;
        let mut networks = self.networks(&starts, &partials)?;
        let whole = if accepted.counted > 0 { self.with_panes(&starts, partials)? } else { partials };
        let rolled_up = Instant::now();
        let is_revised =
            |start| revised.contains(&start) || self.panes.get(&start).is_some_and(|pane: &Arc<Pane>| pane.revised);
        for pane in Pane::split(&whole, is_revised)? {
            let network = networks.remove(&pane.start_ms);
            let pane = pane.with_network(network);
            self.drop_tiles(pane.start_ms);
            self.changes.panes.insert(pane.start_ms);
            self.panes.insert(pane.start_ms, Arc::new(pane));
        }
        if !revised.is_empty() {
            self.revision = next_revision();
        }
        self.retain()?;
        Ok(Counting { accepted, rolled_up })
    }

    /// Decides for each reading, in stream order, whether it counts, and takes note of it and of the incidents that it
    /// ends. Returns the readings that count, with whether they are late and how long each shows its antenna to have been
    /// available, and the panes that they revise.
    ///
    /// This is a loop and no expression, because whether a reading counts depends on those before it: on the highest `seq`
    /// of its antenna, on the watermark, on the antennas forgotten meanwhile.
    fn accept(&mut self, readings: &DataFrame) -> PolarsResult<Acceptance> {
        let integers = |name: &str| readings.column(name)?.i64()?.cont_slice();
        let counts = |name: &str| readings.column(name)?.u32()?.cont_slice();
        let (arrivals, events) = (integers(reading::ARRIVAL_MS)?, integers(reading::EVENT_MS)?);
        let (slots, sent, lost) = (counts(ANTENNA)?, counts(PACKETS_SENT)?, counts(PACKETS_LOST)?);
        let latencies = readings.column(reading::LATENCY_MS)?.f64()?.iter();
        let seqs = readings.column(reading::SEQ)?.u64()?.iter();
        let mut accepted = Accepted::default();
        let (mut is_counted, mut is_late) = (vec![true; slots.len()], vec![false; slots.len()]);
        let mut available_ms = vec![0_u64; slots.len()];
        let mut revised = BTreeSet::new();
        // By chunk of antennas.
        let mut is_touched = vec![false; self.antennas.chunks()];
        for (row, (latency_ms, mut seq)) in latencies.zip(seqs).enumerate() {
            let (slot, event_ms, arrival_ms) = (slots[row], events[row], arrivals[row]);
            if let Some(number) = seq {
                let highest = self.antennas.get(slot).and_then(|antenna| antenna.highest_seq);
                let reached = antennas::reached_seq(highest, arrival_ms.saturating_add(self.max_clock_skew_ms));
                if highest.is_some_and(|highest| number <= highest && highest <= reached) {
                    accepted.duplicates += 1;
                    is_counted[row] = false;
                    continue;
                }
                seq = seq.filter(|number| *number <= reached);
            }
            let watermark_ms = self.clock.watermark_ms.max(event_ms.min(arrival_ms));
            let pane = self.grid.floor(event_ms);
            let horizon_ms = self.horizon_ms(watermark_ms);
            if pane < horizon_ms {
                accepted.too_late += 1;
                is_counted[row] = false;
                continue;
            }
            if self.is_closed(pane + self.grid.width_ms) {
                revised.insert(pane);
                is_late[row] = true;
            }
            self.clock.watermark_ms = watermark_ms;
            self.clock.newest_ms = self.clock.newest_ms.max(event_ms);
            let (packets_sent, packets_lost) = (sent[row], lost[row]);
            let counted = Counted { arrival_ms, event_ms, packets_sent, packets_lost, latency_ms, seq };
            available_ms[row] = self.antennas.count(slot, &counted, &self.thresholds, &mut self.incidents);
            if let Some(is_touched) = is_touched.get_mut(place(slot).0) {
                *is_touched = true;
            }
            self.forget(horizon_ms, arrival_ms);
            accepted.counted += 1;
        }
        self.changes.chunks.extend((0..).zip(is_touched).filter_map(|(chunk, is_touched)| is_touched.then_some(chunk)));
        let mut readings = recent::with_late(readings.clone(), is_late)?;
        readings.with_column(Column::new(reading::AVAILABLE_MS.into(), available_ms))?;
        if accepted.counted < is_counted.len() as u64 {
            readings = readings.filter(&BooleanChunked::from_slice("".into(), &is_counted))?;
        }
        Ok(Acceptance { accepted, readings, revised })
    }

    /// Rolls partials of readings up together with the panes that they fall into, in one plan: a batch is grouped once.
    fn with_panes(&self, starts: &[i64], batch: Partials) -> PolarsResult<Partials> {
        let present = starts.iter().filter_map(|start| self.panes.get(start)).map(|pane| pane.antennas());
        let present = present.collect::<PolarsResult<Vec<_>>>()?;
        Partials::roll_up(present.iter().chain([&batch]), Keys { pane: Some(self.grid), antenna: true })
    }

    /// What the panes of a batch measured over all antennas, with it, where that is asked for: the batch is added to what is
    /// known, as its rows are few beside those of its panes. Where nobody asks, nothing is worked out.
    fn networks(&self, starts: &[i64], batch: &Partials) -> PolarsResult<BTreeMap<i64, Partials>> {
        let known = |start: &i64| self.panes.get(start).map(|pane| pane.known_network());
        let networks: Vec<&Partials> = starts.iter().filter_map(known).flatten().collect();
        if networks.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut networks = over_all_antennas(networks.into_iter().chain([batch]), self.grid)?;
        networks.retain(|start, _| known(start) != Some(None));
        Ok(networks)
    }

    /// Builds the tiles of closed panes that are missing. Called now and then, not for each batch: a late reading
    /// takes its tiles away, and windows read the panes until they are back.
    ///
    /// # Errors
    /// When a table does not have the right columns.
    pub fn build_tiles(&mut self) -> PolarsResult<()> {
        // A tile that retention has cut is of no use: a window that reads all of it reads more than is retained.
        let (horizon_ms, limits) = (self.horizon_ms(self.clock.watermark_ms), self.limits());
        for (level, tile) in tile_grids(self.grid).into_iter().enumerate() {
            let mut missing: Vec<i64> = self.panes.keys().map(|&start| tile.floor(start)).collect();
            missing.dedup();
            missing.retain(|start| {
                let is_whole = *start >= horizon_ms && self.is_closed(start + tile.width_ms);
                is_whole && !self.tiles[level].contains_key(start)
            });
            let parts_of = |start| cover(&self.panes, &self.tiles, self.grid, start, start + tile.width_ms);
            let mut missing = missing.into_iter().map(|start| (start, parts_of(start))).peekable();
            let mut all_built = Vec::new();
            while missing.peek().is_some() {
                let these = some(&mut missing, |(_, parts)| parts.iter().map(|part| part.sketch_rows()).sum());
                let is_revised =
                    |(start, parts): &(i64, Vec<&Pane>)| parts.iter().any(|it| it.revised).then_some(*start);
                let revised: BTreeSet<i64> = these.iter().filter_map(is_revised).collect();
                let parts: Vec<&Pane> = these.iter().flat_map(|(_, parts)| parts).copied().collect();
                // All in one plan; what follows finds them judged.
                Pane::judged(&parts, &limits)?;
                let mut judged = BTreeMap::new();
                for (start, parts) in &these {
                    judged.insert(*start, Pane::worst_of(parts, &limits)?);
                }
                let keys = Keys { pane: Some(tile), antenna: true };
                let antennas = parts.iter().map(|part| part.antennas()).collect::<PolarsResult<Vec<_>>>()?;
                let whole = Partials::roll_up(&antennas, keys)?;
                let mut networks = over_all_antennas(Pane::networks(&parts, self.grid)?, tile)?;
                let built = Pane::split(&whole, |start| revised.contains(&start))?.into_iter();
                all_built.extend(built.map(|tile| {
                    let (network, judged) = (networks.remove(&tile.start_ms), judged.remove(&tile.start_ms));
                    tile.with_network(network).with_judged(judged)
                }));
            }
            self.tiles[level].extend(all_built.into_iter().map(|tile| (tile.start_ms, Arc::new(tile))));
        }
        Ok(())
    }

    /// Makes room for other antennas where some are forgotten, whose slots may then be given out again; tells whether there
    /// was any to make. The list of recent readings begins anew, as a slot stands for one antenna in all of it.
    pub fn free_forgotten(&mut self) -> bool {
        let changed = self.antennas.free_forgotten();
        if changed.is_empty() {
            return false;
        }
        self.changes.chunks.extend(changed);
        self.recent = Recent::default();
        true
    }

    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        let (incidents, incidents_dropped) = self.incidents.changes_since(self.incidents_taken);
        self.incidents_taken = self.incidents.mark();
        Changes { incidents, incidents_dropped, ..std::mem::take(&mut self.changes) }
    }

    /// What queries read from now on. Cheap: everything is shared.
    #[must_use]
    pub fn snapshot(&self, version: u64, as_of: Option<UnixMillis>) -> Snapshot {
        Snapshot {
            version,
            as_of,
            grid: self.grid,
            retention_ms: self.retention_ms,
            horizon_ms: self.horizon_ms(self.clock.watermark_ms),
            clock: self.clock,
            antennas: self.antennas.clone(),
            recent: self.recent.clone(),
            incidents: self.incidents.clone(),
            archived: self.archived.clone(),
            former: Arc::clone(&self.former),
            row_ms: self.row_ms,
            panes: self.panes.clone(),
            tiles: self.tiles.clone(),
            revision: self.revision,
            antenna_table: OnceLock::new(),
            silences: OnceLock::new(),
        }
    }

    /// Forgets the tiles that hold a pane.
    fn drop_tiles(&mut self, pane: i64) {
        for (tiles, grid) in self.tiles.iter_mut().zip(tile_grids(self.grid)) {
            tiles.remove(&grid.floor(pane));
        }
    }

    /// Whether a pane or tile with this end is closed.
    const fn is_closed(&self, end_ms: i64) -> bool {
        end_ms.saturating_add(CLOSING_GRACE_MS) <= self.clock.watermark_ms
    }

    /// The start of the oldest pane that is retained when the watermark stands here. What is in files is final, also where
    /// retention has been made longer since.
    fn horizon_ms(&self, watermark_ms: i64) -> i64 {
        if watermark_ms == i64::MIN {
            return i64::MIN;
        }
        // The open pane counts as whole, so a window as long as the retention is always covered.
        let retained_ms = self.grid.floor(watermark_ms) + self.grid.width_ms - self.retention_ms;
        retained_ms.max(self.archived.until_ms())
    }

    /// The start of the oldest pane that stays in memory: what is final stays until it is in files.
    fn kept_from_ms(&self) -> i64 {
        if self.row_ms.is_some() { self.archived.until_ms() } else { self.horizon_ms(self.clock.watermark_ms) }
    }

    /// Forgets the antennas of which nothing is retained; see [`Antennas::forget_before`].
    fn forget(&mut self, horizon_ms: i64, arrival_ms: i64) {
        // Asked once a reading, and hardly ever so.
        if !self.antennas.may_forget_before(horizon_ms) {
            return;
        }
        let changed = self.antennas.forget_before(horizon_ms, arrival_ms, &self.thresholds, &mut self.incidents);
        self.changes.chunks.extend(changed);
    }

    /// Drops the panes that retention has moved past, unless they are to be archived.
    fn retain(&mut self) -> PolarsResult<()> {
        let kept_from_ms = self.kept_from_ms();
        while let Some((start, pane)) = self.panes.first_key_value().filter(|(start, _)| **start < kept_from_ms) {
            self.expired += pane.readings()?;
            let start = *start;
            self.drop_pane(start);
        }
        let kept_from_ms = self.oldest_ms().unwrap_or(i64::MAX);
        self.changes.chunks.extend(self.antennas.let_go(kept_from_ms));
        Ok(())
    }

    fn drop_pane(&mut self, start: i64) {
        self.panes.remove(&start);
        self.changes.panes.remove(&start);
        self.changes.dropped.insert(start);
        self.revision = next_revision();
        // A tile that lost a pane no longer stands for its whole width.
        self.drop_tiles(start);
    }

    /// The first hour from a time on, both in milliseconds since the epoch, of which panes are in memory, if it is final: no
    /// reading of it can be counted any more. Its start and its panes.
    #[must_use]
    pub fn final_hour(&self, from_ms: i64) -> Option<(i64, Vec<Arc<Pane>>)> {
        let start = self.first_hour(from_ms)?;
        let is_final = start + HOUR_MS <= self.horizon_ms(self.clock.watermark_ms);
        is_final.then(|| (start, self.panes_of_hour(start)))
    }

    /// The oldest hour of which panes are in memory, where no more readings will come at all. Its start and its panes.
    #[must_use]
    pub fn last_hours(&self) -> Option<(i64, Vec<Arc<Pane>>)> {
        let start = self.first_hour(i64::MIN)?;
        Some((start, self.panes_of_hour(start)))
    }

    fn first_hour(&self, from_ms: i64) -> Option<i64> {
        let (oldest, _) = self.panes.range(from_ms..).next()?;
        Some(Grid::of_width(HOUR_MS).floor(*oldest))
    }

    fn panes_of_hour(&self, start: i64) -> Vec<Arc<Pane>> {
        self.panes.range(start..start + HOUR_MS).map(|(_, pane)| Arc::clone(pane)).collect()
    }

    /// Up to where hours may be imported, in milliseconds since the epoch: no reading of them can be counted any more, and no
    /// pane from there on waits for the archive. Before the first reading, that is left to the clock.
    #[must_use]
    pub fn importable_until_ms(&self, now_ms: i64) -> i64 {
        let watermark_ms = if self.clock.has_started() { self.clock.watermark_ms } else { now_ms };
        let settled_ms = archived::settled_before_ms(self.oldest_ms(), self.horizon_ms(watermark_ms));
        Grid::of_width(HOUR_MS).floor(settled_ms)
    }

    /// Takes note of an hour of an import that is in files now, with the antennas in them.
    ///
    /// # Errors
    /// When something of that time is in the archive or in memory already.
    pub fn import(&mut self, id: &str, span: Span, courses: &Courses) -> PolarsResult<()> {
        let is_free = !self.has_files_of(span.start_ms, span.end_ms);
        let is_before = self.oldest_ms().is_none_or(|oldest_ms| span.end_ms <= oldest_ms);
        polars_ensure!(is_free && is_before, ComputeError: "an hour that is to be imported is there already");
        let import = self.imports.entry(id.to_owned()).or_default();
        import.until_ms = import.until_ms.max(span.end_ms);
        import.hours += 1;
        import.readings += span.readings;
        self.changes.imports.insert(id.to_owned());
        // It may have been there before, until it was too old for what was kept then.
        self.changes.discarded.extend(self.archived.retrieve(self.partition, span.start_ms));
        self.changes.spans.insert((self.partition, span.start_ms));
        self.archived.insert(span);
        self.archived.extend(courses);
        self.revision = next_revision();
        Ok(())
    }

    /// Whether files hold something of `[start_ms, end_ms)`.
    #[must_use]
    pub fn has_files_of(&self, start_ms: i64, end_ms: i64) -> bool {
        self.archives().any(|(_, archived)| archived.within(start_ms, end_ms).next().is_some())
    }

    /// How far an import is, by its id.
    #[must_use]
    pub fn imported(&self, id: &str) -> Option<&Import> {
        self.imports.get(id)
    }

    /// Takes note of an hour that is in files now, with the antennas in them, and drops its panes. Nothing where they are not in
    /// memory any more.
    ///
    /// # Errors
    /// When the files do not hold what the panes do.
    pub fn archive(&mut self, span: Span, courses: &Courses) -> PolarsResult<()> {
        let panes: Vec<&Arc<Pane>> = self.panes.range(span.start_ms..span.end_ms).map(|(_, pane)| pane).collect();
        if panes.is_empty() {
            return Ok(());
        }
        let starts: Vec<i64> = panes.iter().map(|pane| pane.start_ms).collect();
        let readings = panes.into_iter().map(|pane| pane.readings()).sum::<PolarsResult<u64>>()?;
        polars_ensure!(readings == span.readings, ComputeError: "the files of an hour hold {} readings, its panes {readings}", span.readings);
        for start in starts {
            self.drop_pane(start);
        }
        self.changes.spans.insert((self.partition, span.start_ms));
        self.archived.insert(span);
        self.archived.extend(courses);
        self.retain()
    }

    /// The hours of the first day from a time on, in milliseconds since the epoch, that is final and whose hours are all in files,
    /// but not in those of a whole day yet; none where there is no such day. The hours are of one partition, this one or one of before.
    #[must_use]
    pub fn final_day(&self, from_ms: i64) -> Vec<Arc<Span>> {
        let horizon_ms = self.horizon_ms(self.clock.watermark_ms);
        let before_ms = archived::settled_before_ms(self.oldest_ms(), horizon_ms);
        let days = self.archives().map(|(_, archived)| archived.hours_of_a_day(from_ms, before_ms));
        let days = days.filter(|hours| !hours.is_empty());
        days.min_by_key(|hours| hours[0].start_ms).unwrap_or_default()
    }

    /// Takes note of a day that is in files of its own now, in place of its hours, whose files are discarded; tells whether it did.
    /// Where its hours are not what the day was made of any more, the files of the day are.
    pub fn compact(&mut self, Compacted { day, hours }: Compacted, now: UnixMillis) -> bool {
        let (own, number) = (self.partition, day.partition);
        let archived =
            if number == own { Some(&mut self.archived) } else { Arc::make_mut(&mut self.former).get_mut(&number) };
        let Some(archived) = archived.filter(|archived| archived.within(day.start_ms, day.end_ms).eq(&hours)) else {
            self.discard(day.files.keys().map(|table| day.key(*table)).collect(), now);
            return false;
        };
        let start_ms = day.start_ms;
        archived.insert(day);
        self.changes.discarded.extend(self.archived.retrieve(number, start_ms));
        let keys = hours.iter().flat_map(|hour| hour.files.keys().map(|table| hour.key(*table))).collect();
        self.changes.spans.extend(hours.iter().map(|hour| (number, hour.start_ms)));
        self.changes.spans.insert((number, start_ms));
        self.discard(keys, now);
        true
    }

    /// Forgets the tables in files that are not kept any more, and discards their files; tells whether there were any.
    pub fn expire(&mut self, tiers: Tiers, now: UnixMillis) -> bool {
        if !self.clock.has_started() {
            return false;
        }
        let watermark_ms = self.clock.watermark_ms;
        let mut all = vec![(self.partition, self.archived.expire(tiers, watermark_ms))];
        if !self.former.is_empty() {
            let former = Arc::make_mut(&mut self.former);
            all.extend(former.iter_mut().map(|(number, archived)| (*number, archived.expire(tiers, watermark_ms))));
            former.retain(|_, archived| !archived.is_empty());
        }
        all.retain(|(_, expired)| *expired != Expired::default());
        let is_any = !all.is_empty();
        for (number, Expired { starts, keys, readings, incident_files }) in all {
            self.expired += readings;
            self.changes.spans.extend(starts.into_iter().map(|start| (number, start)));
            self.changes.incident_files.extend(incident_files.into_iter().map(|first| (number, first)));
            self.discard(keys, now);
        }
        is_any
    }

    fn discard(&mut self, keys: Vec<String>, at: UnixMillis) {
        self.revision = next_revision();
        if !keys.is_empty() {
            self.changes.discarded.insert(self.archived.discard(Discarded { at, keys }));
        }
    }

    /// Takes note that discarded files were removed, by their number.
    pub fn removed(&mut self, number: u64) {
        if self.archived.removed(number) {
            self.changes.discarded.insert(number);
        }
    }

    /// Takes note of incidents that are in a file now, and drops them. Nothing where they are not the oldest in memory any more.
    pub fn archive_incidents(&mut self, file: IncidentFile) {
        if self.incidents.drop_old(file.first, file.chunks) {
            self.changes.incident_files.insert((self.partition, file.first));
            self.archived.insert_incidents(file);
            self.revision = next_revision();
        }
    }

    /// How many hours from the oldest pane on are final.
    #[must_use]
    pub fn final_hours(&self) -> u64 {
        archived::final_hours(self.oldest_ms(), self.horizon_ms(self.clock.watermark_ms))
    }

    /// Start of the oldest pane in memory, in milliseconds since the epoch.
    fn oldest_ms(&self) -> Option<i64> {
        self.panes.first_key_value().map(|(start, _)| *start)
    }

    /// Drops the panes of an hour without a file, by its start: what was measured in it is not known any more.
    ///
    /// # Errors
    /// When a pane lacks a column.
    pub fn give_up(&mut self, start_ms: i64) -> PolarsResult<u64> {
        let end_ms = start_ms + HOUR_MS;
        let starts: Vec<i64> = self.panes.range(start_ms..end_ms).map(|(start, _)| *start).collect();
        let readings =
            self.panes.range(start_ms..end_ms).map(|(_, pane)| pane.readings()).sum::<PolarsResult<u64>>()?;
        for start in starts {
            self.drop_pane(start);
        }
        self.expired += readings;
        self.changes.spans.insert((self.partition, start_ms));
        self.archived.insert(Span::hour(self.partition, start_ms, 0, readings, BTreeMap::new()));
        self.retain()?;
        Ok(readings)
    }

    /// What is in files.
    #[must_use]
    pub const fn archived(&self) -> &Archived {
        &self.archived
    }

    /// What is in files, of the partition and of those of before whose files it keeps, each with its number.
    pub fn archives(&self) -> impl Iterator<Item = (PartitionNumber, &Archived)> {
        let former = self.former.iter().map(|(number, archived)| (*number, archived));
        std::iter::once((self.partition, &self.archived)).chain(former)
    }

    /// What is in files of the partition with a number.
    #[must_use]
    pub fn archived_of(&self, number: PartitionNumber) -> Option<&Archived> {
        if number == self.partition { Some(&self.archived) } else { self.former.get(&number) }
    }

    /// See [`Snapshot::revision`].
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Where the readings that were counted or imported are now.
    ///
    /// # Errors
    /// When a pane lacks a column.
    pub fn kept(&self) -> PolarsResult<Kept> {
        let in_memory = self.panes.values().map(|pane| pane.readings()).sum::<PolarsResult<u64>>()?;
        let archived = self.archives().map(|(_, archived)| archived.readings()).sum();
        Ok(Kept { in_memory, archived, expired: self.expired })
    }
}

/// The panes of partials, by start.
fn batch_panes(batch: &Partials) -> PolarsResult<Vec<i64>> {
    Ok(batch.cells.column(expressions::column::PANE)?.unique()?.i64()?.iter().flatten().collect())
}

/// A number that no store of this process has had.
pub(crate) fn next_revision() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
