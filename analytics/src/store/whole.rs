//! The whole network at one moment: the snapshots of its partitions, as one.
//!
//! A partition gives antennas slots of its own. The whole has slots too, the same ones where there is one partition; where there
//! are several, an antenna has one slot in all of them, and what is read from a partition's tables is translated. An antenna that
//! shows up in two partitions, as it does when producers begin to spread their readings, is one antenna: its rows add up, and what
//! is known of it is what the partition knows in which it reported last.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{IncidentEnding, IncidentKind, Status};

use super::antennas::{Antenna, CHUNK};
use super::archived::{Archived, Course, Courses, add_courses};
use super::away::{Stamp, Wanted, fetch_antennas, fetch_cells, fetch_judged, fetch_networks, fetch_sketches};
use super::expressions::answer;
use super::expressions::column::ANTENNA;
use super::grid::Grid;
use super::incidents::Finished;
use super::partials::{Partials, cells_of_antennas, sketch_of_antennas};
use super::snapshot::last_silence_ms;
use super::{EventClock, Pane, Snapshot};
use crate::readings::Slot;
use crate::readings::column as reading;
use crate::settings::Thresholds;

/// See the module. Immutable.
#[derive(Debug)]
pub struct Whole {
    /// No other whole of this process has it.
    pub version: u64,
    /// When the newest readings were merged.
    pub as_of: Option<UnixMillis>,
    /// The grid of the panes.
    pub grid: Grid,
    /// How long panes are kept, in milliseconds.
    pub retention_ms: i64,
    /// Start of the oldest pane that is retained.
    pub horizon_ms: i64,
    /// What event time has seen, in any partition.
    pub clock: EventClock,
    /// The width of the archive's finest rows in milliseconds; `None` where there is no archive.
    pub row_ms: Option<i64>,
    portions: Vec<Portion>,
    numbering: Numbering,
    missing: Vec<String>,
    antenna_table: OnceLock<DataFrame>,
    silences: OnceLock<Vec<i64>>,
}

/// The snapshot of a partition, within the whole.
#[derive(Debug)]
pub struct Portion {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// `None` where its slots are those of the whole.
    slots: Option<Arc<Slots>>,
}

/// How the slots of a partition are those of the whole.
#[derive(Debug)]
struct Slots {
    /// [`super::antennas::Antennas::names`] of the partition.
    names: u64,
    /// The slots of the whole by those of the partition, as a column; null where none is given out.
    of_whole: UInt32Chunked,
    /// The slots of the partition by those of the whole.
    of_portion: HashMap<Slot, Slot>,
}

/// The slots of the whole. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Numbering {
    /// Another whenever slots are given out anew; 0 where they are those of the only partition.
    id: u64,
    /// Another whenever an antenna gets a slot or goes.
    names: u64,
    /// By id.
    slots: Arc<HashMap<Arc<str>, Slot>>,
    portions: Vec<Arc<Slots>>,
    /// The slots of antennas that are in several partitions.
    shared: Arc<HashSet<Slot>>,
}

/// A pane or a tile that a window reads, with the partition that it is of.
#[derive(Debug, Clone, Copy)]
pub struct Covering<'a> {
    /// The pane or tile. Its tables are taken from [`cells`] and the like, of many at once.
    pub pane: &'a Pane,
    portion: &'a Portion,
}

impl From<Arc<Snapshot>> for Whole {
    /// The whole network is one partition.
    fn from(snapshot: Arc<Snapshot>) -> Self {
        Self::of(vec![Portion { snapshot, slots: None }], Numbering::default())
    }
}

impl Whole {
    /// The snapshots of some partitions, of which there is at least one, with the slots that an earlier whole has given out.
    #[must_use]
    pub fn join(snapshots: Vec<Arc<Snapshot>>, mut before: Numbering) -> Self {
        if let [one] = &*snapshots {
            return Self::from(Arc::clone(one));
        }
        before.number(&snapshots);
        let portions = snapshots.into_iter().zip(&before.portions);
        let portions = portions.map(|(snapshot, slots)| Portion { snapshot, slots: Some(Arc::clone(slots)) });
        Self::of(portions.collect(), before)
    }

    fn of(portions: Vec<Portion>, numbering: Numbering) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let all = || portions.iter().map(|portion| &*portion.snapshot);
        let newest_ms = all().map(|it| it.clock.newest_ms).max().unwrap_or(EventClock::START.newest_ms);
        let watermark_ms = all().map(|it| it.clock.watermark_ms).max().unwrap_or(EventClock::START.watermark_ms);
        let Snapshot { grid, retention_ms, row_ms, .. } = *portions[0].snapshot;
        Self {
            version: NEXT.fetch_add(1, Ordering::Relaxed),
            as_of: all().filter_map(|it| it.as_of).max(),
            grid,
            retention_ms,
            horizon_ms: all().map(|it| it.horizon_ms).max().unwrap_or(i64::MIN),
            clock: EventClock { newest_ms, watermark_ms },
            row_ms,
            portions,
            numbering,
            missing: Vec::new(),
            antenna_table: OnceLock::new(),
            silences: OnceLock::new(),
        }
    }

    /// The whole without some partitions, of which nothing is known: the names of their streams.
    #[must_use]
    pub fn without(self, missing: Vec<String>) -> Self {
        Self { missing, ..self }
    }

    /// The streams of which nothing is known.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The slots, for the whole that follows.
    #[must_use]
    pub fn numbering(&self) -> Numbering {
        self.numbering.clone()
    }

    /// As long as this is the same, so are the slots of all antennas that panes have rows of.
    #[must_use]
    pub const fn numbering_id(&self) -> u64 {
        self.numbering.id
    }

    /// As long as this is the same, so are all antennas that have slots.
    #[must_use]
    pub fn names(&self) -> u64 {
        match &*self.portions {
            [Portion { snapshot, slots: None }] => snapshot.antennas.names(),
            _ => self.numbering.names,
        }
    }

    /// The partitions.
    #[must_use]
    pub fn portions(&self) -> &[Portion] {
        &self.portions
    }

    /// What the partitions have in files.
    pub fn archives(&self) -> impl Iterator<Item = &Archived> {
        self.portions.iter().flat_map(|portion| portion.snapshot.archives())
    }

    /// The antennas of which a pane may still hold a reading, each once.
    pub fn retained(&self) -> impl Iterator<Item = (Slot, &Antenna)> {
        self.portions.iter().flat_map(move |portion| {
            let retained = portion.snapshot.antennas.iter().filter(|(_, antenna)| self.is_retained(antenna));
            let retained = retained.map(|(slot, antenna)| (portion.slot(slot), antenna));
            retained.filter(move |(slot, antenna)| self.is_newest(portion, *slot, antenna))
        })
    }

    /// Whether a pane may still hold a reading of an antenna.
    const fn is_retained(&self, antenna: &Antenna) -> bool {
        antenna.has_started() && antenna.newest_event_ms >= self.horizon_ms
    }

    /// Whether no other partition knows something newer of an antenna.
    fn is_newest(&self, portion: &Portion, slot: Slot, antenna: &Antenna) -> bool {
        !self.numbering.shared.contains(&slot)
            || self.portions.iter().all(|other| {
                let theirs = other.antenna(slot).filter(|theirs| self.is_retained(theirs));
                // Of two that are as new, the first partition counts.
                theirs.is_none_or(|theirs| {
                    let [ours, theirs] = [antenna, theirs].map(|it| it.last_arrival_ms);
                    theirs < ours || (theirs == ours && !other.is_before(portion, &self.portions))
                })
            })
    }

    /// The slot of an antenna of which a pane may still hold a reading.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Slot> {
        self.retained().find(|(_, antenna)| &*antenna.id == id).map(|(slot, _)| slot)
    }

    /// The id of the antenna in a slot.
    #[must_use]
    pub fn id(&self, slot: Slot) -> Option<&Arc<str>> {
        self.portions.iter().find_map(|portion| portion.antenna(slot)).map(|antenna| &antenna.id)
    }

    /// All slots by id, with whether a pane may still hold a reading of the antenna.
    #[must_use]
    pub fn slots(&self) -> HashMap<Arc<str>, (Slot, bool)> {
        let mut slots: HashMap<Arc<str>, (Slot, bool)> = HashMap::new();
        for portion in &self.portions {
            for (slot, antenna) in portion.snapshot.antennas.iter() {
                let known = slots.entry(Arc::clone(&antenna.id)).or_insert((portion.slot(slot), false));
                known.1 |= self.is_retained(antenna);
            }
        }
        slots
    }

    /// The ids of antennas that have a slot, and of which no pane holds a reading any more.
    #[must_use]
    pub fn forgotten(&self) -> Vec<Arc<str>> {
        let all = self.portions.iter().flat_map(|portion| portion.snapshot.antennas.iter());
        let gone = all.filter(|(_, antenna)| !self.is_retained(antenna)).map(|(_, antenna)| Arc::clone(&antenna.id));
        let mut gone: Vec<Arc<str>> = gone.collect();
        if self.portions.len() > 1 && !gone.is_empty() {
            let retained: HashSet<&str> = self.retained().map(|(_, antenna)| &*antenna.id).collect();
            gone.retain(|id| !retained.contains(&**id));
            gone.sort_unstable();
            gone.dedup();
        }
        gone
    }

    /// The first slot behind all that are given out.
    #[must_use]
    pub fn slots_end(&self) -> Slot {
        let end = match &*self.portions {
            [Portion { snapshot, slots: None }] => snapshot.antennas.chunks() * CHUNK,
            _ => self.numbering.slots.len(),
        };
        Slot::try_from(end).unwrap_or(Slot::MAX)
    }

    /// The antennas of which a pane may still hold a reading, a row each, with the columns of [`Snapshot::antenna_table`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn antenna_table(&self) -> PolarsResult<&DataFrame> {
        if let [Portion { snapshot, slots: None }] = &*self.portions {
            return snapshot.antenna_table();
        }
        if let Some(table) = self.antenna_table.get() {
            return Ok(table);
        }
        let tables = self
            .portions
            .iter()
            .map(|portion| Ok(portion.translated(portion.snapshot.antenna_table()?)?.into_owned().lazy()));
        let all = concat(tables.collect::<PolarsResult<Vec<_>>>()?, UnionArgs::default())?;
        let all = all.filter(col(answer::NEWEST_EVENT).gt_eq(lit(self.horizon_ms)));
        // Where no antenna is in two partitions, which is so but for a while, each has one row.
        let rows = if self.numbering.shared.is_empty() { all } else { newest_of_each(all) };
        let table = rows.collect()?;
        Ok(self.antenna_table.get_or_init(|| table))
    }

    /// The last moment up to `now_ms` at which an antenna fell silent; see [`Snapshot::last_silence_ms`].
    #[must_use]
    pub fn last_silence_ms(&self, now_ms: i64) -> i64 {
        if let [Portion { snapshot, slots: None }] = &*self.portions {
            return snapshot.last_silence_ms(now_ms);
        }
        last_silence_ms(&self.silences, self.retained(), now_ms)
    }

    /// Start of the oldest pane in memory, in milliseconds since the epoch; `None` before the first reading.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<i64> {
        self.portions.iter().filter_map(|portion| portion.snapshot.oldest_ms()).min()
    }

    /// Where the oldest hour in files begins, in milliseconds since the epoch; `None` where there is none.
    #[must_use]
    pub fn oldest_archived_ms(&self) -> Option<i64> {
        self.archives().filter_map(Archived::oldest_ms).min()
    }

    /// From when to when something is in files.
    #[must_use]
    pub fn archived_extent(&self) -> Option<(UnixMillis, UnixMillis)> {
        let extents = self.archives().filter_map(Archived::extent);
        extents.reduce(|(oldest, until), (start, end)| (oldest.min(start), until.max(end)))
    }

    /// From when to when rows of an antenna are in files.
    #[must_use]
    pub fn course(&self, id: &str) -> Option<Course> {
        self.archives().filter_map(|archived| archived.courses().get(id).copied()).reduce(Course::with)
    }

    /// The antennas that are in files.
    #[must_use]
    pub fn courses(&self) -> Cow<'_, Courses> {
        let mut archives = self.archives();
        if let (Some(one), None) = (archives.next(), archives.next()) {
            return Cow::Borrowed(one.courses());
        }
        let mut all = Courses::new();
        self.archives().for_each(|archived| add_courses(&mut all, archived.courses()));
        Cow::Owned(all)
    }

    /// Whether something of what was measured at a time, in milliseconds since the epoch, is in files.
    #[must_use]
    pub fn is_archived(&self, time_ms: i64) -> bool {
        self.portions.iter().any(|portion| portion.snapshot.is_archived(time_ms))
    }

    /// The width of the finest rows that an answer from a time on is made of; see [`Snapshot::grain_ms`].
    #[must_use]
    pub fn grain_ms(&self, time_ms: i64) -> i64 {
        let grains = self.portions.iter().map(|portion| portion.snapshot.grain_ms(time_ms));
        grains.max().unwrap_or(self.grid.width_ms)
    }

    /// Width of the smallest tiles in milliseconds.
    #[must_use]
    pub fn tile_ms(&self) -> i64 {
        self.portions[0].snapshot.tile_ms()
    }

    /// The panes of `[start, end)`, both on the grid, in order of time.
    #[must_use]
    pub fn panes_in(&self, start: i64, end: i64) -> Vec<Covering<'_>> {
        self.coverings(|snapshot| snapshot.panes_in(start, end).collect())
    }

    /// Tiles and panes that together cover `[start, end)`, both on the grid, in order of time.
    #[must_use]
    pub fn cover(&self, start: i64, end: i64) -> Vec<Covering<'_>> {
        self.coverings(|snapshot| snapshot.cover(start, end))
    }

    fn coverings<'a>(&'a self, panes: impl Fn(&'a Snapshot) -> Vec<&'a Pane>) -> Vec<Covering<'a>> {
        let of =
            |portion: &'a Portion| panes(&portion.snapshot).into_iter().map(move |pane| Covering { pane, portion });
        let mut all: Vec<Covering<'_>> = self.portions.iter().flat_map(of).collect();
        if self.portions.len() > 1 {
            all.sort_by_key(|it| it.pane.start_ms);
        }
        all
    }

    /// Has the tables of panes that have not closed and lie in `[start, end)` sent over: they change soon, and what is with another process
    /// is there for a while only.
    ///
    /// # Errors
    /// When a process that has some of them does not answer.
    pub fn bring_open(&self, start: i64, end: i64, thresholds: &Thresholds) -> PolarsResult<()> {
        let open = |portion: &'_ Portion| portion.snapshot.closed_before_ms().clamp(start, end.max(start));
        let open: Vec<_> = self.portions.iter().flat_map(|portion| portion.cover(open(portion), end)).collect();
        partials(&open)?;
        judged(&open, thresholds).map(drop)
    }

    /// At most `limit` of the readings of an antenna that were counted last, newest arrival first.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn recent(&self, slot: Slot, limit: usize) -> PolarsResult<DataFrame> {
        let with_slot = self.portions.iter().filter_map(|portion| Some((portion, portion.known_slot(slot)?)));
        let found = with_slot.map(|(portion, own)| portion.snapshot.recent.of(own, limit));
        let mut found = found.collect::<PolarsResult<Vec<_>>>()?;
        match found.len() {
            0 => super::recent::nothing(),
            1 => Ok(found.remove(0)),
            _ => {
                let all = concat(found.into_iter().map(IntoLazy::lazy).collect::<Vec<_>>(), UnionArgs::default())?;
                let newest = SortMultipleOptions::default().with_order_descending(true).with_maintain_order(true);
                all.sort([reading::ARRIVAL_MS], newest)
                    .limit(IdxSize::try_from(limit).unwrap_or(IdxSize::MAX))
                    .collect()
            }
        }
    }

    /// How many of the readings of an antenna that were counted last are kept.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn recent_count(&self, slot: Slot) -> PolarsResult<u64> {
        let with_slot = self.portions.iter().filter_map(|portion| Some((portion, portion.known_slot(slot)?)));
        with_slot.map(|(portion, own)| portion.snapshot.recent.count(own)).sum()
    }

    /// The incidents that have ended and are in memory. That an antenna is silent where another partition has newer readings of it
    /// is none.
    pub fn incidents(&self) -> impl Iterator<Item = &Finished> {
        self.portions.iter().flat_map(move |portion| {
            portion.snapshot.incidents.iter().filter(move |it| {
                let is_left = it.kind == IncidentKind::Silent && it.ended_by == IncidentEnding::Forgotten;
                !is_left || !self.has_moved_from(portion, it)
            })
        })
    }

    /// Whether an antenna that was forgotten by a partition had reported to another one since.
    fn has_moved_from(&self, portion: &Portion, silence: &Finished) -> bool {
        let slot = self.numbering.slots.get(&silence.antenna).filter(|slot| self.numbering.shared.contains(slot));
        let Some(slot) = slot else { return false };
        let others = self.portions.iter().filter(|other| !std::ptr::eq(*other, portion));
        others.filter_map(|other| other.antenna(*slot)).any(|theirs| theirs.last_arrival_ms > silence.start_ms)
    }
}

impl Portion {
    /// The slot in the whole of one of the partition.
    fn slot(&self, slot: Slot) -> Slot {
        let Some(slots) = &self.slots else { return slot };
        slots.of_whole.get(slot as usize).unwrap_or(Slot::MAX)
    }

    /// What the partition knows of the antenna in a slot of the whole.
    fn antenna(&self, slot: Slot) -> Option<&Antenna> {
        self.snapshot.antennas.get(self.own_slot(slot)?)
    }

    /// The slot in the partition of one of the whole.
    fn own_slot(&self, slot: Slot) -> Option<Slot> {
        match &self.slots {
            None => Some(slot),
            Some(slots) => slots.of_portion.get(&slot).copied(),
        }
    }

    /// The same, where an antenna has it.
    fn known_slot(&self, slot: Slot) -> Option<Slot> {
        self.own_slot(slot).filter(|own| self.snapshot.antennas.get(*own).is_some())
    }

    /// Tiles and panes of the partition that together cover `[start, end)`, both on the grid.
    #[must_use]
    pub fn cover(&self, start: i64, end: i64) -> Vec<Covering<'_>> {
        let panes = self.snapshot.cover(start, end).into_iter();
        panes.map(|pane| Covering { pane, portion: self }).collect()
    }

    fn is_before(&self, other: &Self, all: &[Self]) -> bool {
        let position = |wanted: &Self| all.iter().position(|portion| std::ptr::eq(portion, wanted));
        position(self) < position(other)
    }

    /// A table of the partition with the antennas' slots in the whole.
    ///
    /// # Errors
    /// When it has no antennas.
    fn translated<'t>(&self, table: &'t DataFrame) -> PolarsResult<Cow<'t, DataFrame>> {
        let Some(slots) = &self.slots else { return Ok(Cow::Borrowed(table)) };
        let mut table = table.clone();
        let own = table.column(ANTENNA)?.u32()?.clone();
        let translated = slots.of_whole.take(&own)?.with_name(ANTENNA.into());
        polars_ensure!(!translated.has_nulls(), ComputeError: "a pane names an antenna that is not known");
        table.with_column(translated.into_column())?;
        Ok(Cow::Owned(table))
    }
}

/// A row for each antenna of a table with the columns of [`Snapshot::antenna_table`]: what the partition knows in which it reported
/// last, and since when and until when it has reported in any.
fn newest_of_each(antennas: LazyFrame) -> LazyFrame {
    let of_newest = |name: &str| col(name).sort_by([col(answer::LAST_SEEN)], SortMultipleOptions::default()).last();
    antennas.group_by_stable([col(ANTENNA)]).agg([
        col(answer::ANTENNA_ID).first(),
        col(answer::LAST_SEEN).max(),
        of_newest(answer::SILENT_FROM),
        col(answer::FIRST_EVENT).min(),
        col(answer::NEWEST_EVENT).max(),
        of_newest(answer::USUAL_MS),
        of_newest(answer::OWN_SUCCESS_RATE),
        of_newest(answer::OWN_LATENCY_MS),
        col(answer::LEFT).first(),
    ])
}

/// The cells of panes and tiles, by slots of the whole.
///
/// # Errors
/// When a column is missing, or a process that has some of them does not answer.
pub fn cells<'a>(all: &[Covering<'a>]) -> PolarsResult<Vec<Cow<'a, DataFrame>>> {
    bring(all, fetch_cells)?;
    all.iter().map(|it| it.portion.translated(it.pane.cells()?)).collect()
}

/// Their sketches, likewise.
///
/// # Errors
/// When a column is missing, or a process that has some of them does not answer.
pub fn sketches<'a>(all: &[Covering<'a>]) -> PolarsResult<Vec<Cow<'a, DataFrame>>> {
    bring(all, fetch_sketches)?;
    all.iter().map(|it| it.portion.translated(it.pane.sketch()?)).collect()
}

/// Both.
///
/// # Errors
/// When a column is missing, or a process that has some of them does not answer.
pub fn partials(all: &[Covering<'_>]) -> PolarsResult<Vec<Partials>> {
    let (cells, sketches) = (cells(all)?, sketches(all)?);
    let both = cells.into_iter().zip(sketches);
    Ok(both.map(|(cells, sketch)| Partials { cells: cells.into_owned(), sketch: sketch.into_owned() }).collect())
}

/// Has tables that are with other processes sent over, from all of them at the same time.
fn bring<'a>(all: &[Covering<'a>], fetch: impl Fn(&[&'a Pane]) -> PolarsResult<()> + Sync) -> PolarsResult<()> {
    let mut portions = by_portion(all);
    portions.retain(|(_, panes)| panes.iter().any(|pane| pane.source().is_some()));
    at_once(&portions, |(_, panes)| fetch(panes)).into_iter().collect()
}

/// Does something for each of some items, of which each waits for another process, at the same time.
fn at_once<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (work, panicked) = (&work, "a thread that waits for another process panicked");
    match items {
        [] => Vec::new(),
        [one] => vec![work(one)],
        _ => thread::scope(|scope| {
            let threads: Vec<_> = items.iter().map(|item| scope.spawn(move || work(item))).collect();
            threads.into_iter().map(|thread| thread.join().expect(panicked)).collect()
        }),
    }
}

/// The cells of some antennas, by slots of the whole, which ascend.
///
/// # Errors
/// When a column is missing.
pub fn cells_of(all: &[Covering<'_>], slots: &[Slot]) -> PolarsResult<DataFrame> {
    picked(all, slots, Pane::has_cells, Pane::cells, Wanted::Cells, cells_of_antennas)
}

/// The sketches of some antennas, likewise.
///
/// # Errors
/// When a column is missing.
pub fn sketch_of(all: &[Covering<'_>], slots: &[Slot]) -> PolarsResult<DataFrame> {
    picked(all, slots, Pane::has_sketch, Pane::sketch, Wanted::Sketch, sketch_of_antennas)
}

/// Both.
///
/// # Errors
/// When a column is missing.
pub fn partials_of(all: &[Covering<'_>], slots: &[Slot]) -> PolarsResult<Partials> {
    Ok(Partials { cells: cells_of(all, slots)?, sketch: sketch_of(all, slots)? })
}

fn picked<'a>(
    all: &[Covering<'a>],
    slots: &[Slot],
    is_here: impl Fn(&Pane) -> bool + Sync,
    table: impl Fn(&'a Pane) -> PolarsResult<&'a DataFrame> + Sync,
    wanted: impl Fn(Vec<Stamp>, Option<Vec<Slot>>) -> Wanted + Sync,
    pick: impl Fn(&[&DataFrame], &[Slot]) -> PolarsResult<DataFrame> + Sync,
) -> PolarsResult<DataFrame> {
    let portions: Vec<_> = by_portion(all)
        .into_iter()
        .map(|(portion, panes)| {
            let own = match &portion.slots {
                None => Cow::Borrowed(slots),
                Some(_) => {
                    // Tables are sorted by the partition's own slots.
                    let mut own: Vec<Slot> = slots.iter().filter_map(|slot| portion.own_slot(*slot)).collect();
                    own.sort_unstable();
                    Cow::Owned(own)
                }
            };
            (portion, panes, own)
        })
        // A partition that does not know them has no row of theirs, and need not be asked.
        .filter(|(.., own)| !own.is_empty())
        .collect();
    let found: Vec<PolarsResult<DataFrame>> = at_once(&portions, |(portion, panes, own)| {
        let (here, away): (Vec<&Pane>, Vec<&Pane>) = panes.iter().partition(|pane| is_here(pane));
        let tables = here.into_iter().map(&table).collect::<PolarsResult<Vec<_>>>()?;
        let mut found = pick(&tables, own)?;
        if let Some(theirs) = fetch_antennas(&away, own, &wanted)? {
            found.vstack_mut_owned(theirs)?;
        }
        Ok(portion.translated(&found)?.into_owned())
    });
    let mut found = found.into_iter();
    let Some(mut rows) = found.next().transpose()? else { return pick(&[], &[]) };
    for more in found {
        rows.vstack_mut_owned(more?)?;
    }
    Ok(rows)
}

/// What panes and tiles measured over all antennas.
///
/// # Errors
/// When a column is missing.
pub fn networks<'a>(all: &[Covering<'a>], grid: Grid) -> PolarsResult<Vec<&'a Partials>> {
    bring(all, fetch_networks)?;
    let mut networks = Vec::with_capacity(all.len());
    for (_, panes) in by_portion(all) {
        networks.extend(Pane::networks(&panes, grid)?);
    }
    Ok(networks)
}

/// The antennas that were worse than well in some panes and tiles, with the start of each, in order of time.
///
/// # Errors
/// When a column is missing.
pub fn judged(all: &[Covering<'_>], thresholds: &Thresholds) -> PolarsResult<Vec<(i64, Slot, Status)>> {
    bring(all, fetch_judged)?;
    let mut worse = Vec::new();
    let portions = by_portion(all);
    for (portion, panes) in &portions {
        for (pane, judged) in panes.iter().zip(Pane::judged(panes, &portion.snapshot.antennas.limits(*thresholds))?) {
            worse.extend(judged.iter().map(|(slot, status)| (pane.start_ms, portion.slot(slot), status)));
        }
    }
    if portions.len() > 1 {
        worse.sort_by_key(|(start_ms, ..)| *start_ms);
    }
    Ok(worse)
}

/// Panes and tiles by the partition that they are of.
fn by_portion<'a>(all: &[Covering<'a>]) -> Vec<(&'a Portion, Vec<&'a Pane>)> {
    let mut portions: Vec<(&Portion, Vec<&Pane>)> = Vec::new();
    for Covering { pane, portion } in all {
        match portions.iter_mut().find(|(known, _)| std::ptr::eq(*known, *portion)) {
            Some((_, panes)) => panes.push(pane),
            None => portions.push((portion, vec![pane])),
        }
    }
    portions
}

impl Numbering {
    /// Gives a slot to every antenna of some snapshots. What it was before stays, unless most slots are of antennas that are gone.
    fn number(&mut self, snapshots: &[Arc<Snapshot>]) {
        let is_same = |(known, snapshot): (&Arc<Slots>, &Arc<Snapshot>)| known.names == snapshot.antennas.names();
        if self.portions.len() == snapshots.len() && self.portions.iter().zip(snapshots).all(is_same) {
            return;
        }
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.names = NEXT.fetch_add(1, Ordering::Relaxed);
        let antennas: usize = snapshots.iter().map(|snapshot| snapshot.antennas.iter().count()).sum();
        let mut slots = Arc::unwrap_or_clone(std::mem::take(&mut self.slots));
        if self.id == 0 || slots.len() > 2 * antennas + CHUNK {
            slots.clear();
            self.portions.clear();
            self.id = self.names;
        }
        let before = std::mem::take(&mut self.portions);
        self.portions = snapshots
            .iter()
            .enumerate()
            .map(|(at, snapshot)| match before.get(at).filter(|known| known.names == snapshot.antennas.names()) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Slots::new(snapshot, &mut slots)),
            })
            .collect();
        let mut known = HashSet::new();
        let all = self.portions.iter().flat_map(|portion| portion.of_portion.keys().copied());
        self.shared = Arc::new(all.filter(|slot| !known.insert(*slot)).collect());
        self.slots = Arc::new(slots);
    }
}

impl Slots {
    /// The slots of a partition's antennas in the whole, which gives new ones to those that it does not know.
    fn new(snapshot: &Snapshot, known: &mut HashMap<Arc<str>, Slot>) -> Self {
        let mut of_whole: Vec<Option<Slot>> = vec![None; snapshot.antennas.chunks() * CHUNK];
        let mut of_portion = HashMap::new();
        for (own, antenna) in snapshot.antennas.iter() {
            let next = Slot::try_from(known.len()).unwrap_or(Slot::MAX);
            let slot = *known.entry(Arc::clone(&antenna.id)).or_insert(next);
            of_whole[own as usize] = Some(slot);
            of_portion.insert(slot, own);
        }
        let names = snapshot.antennas.names();
        Self { names, of_whole: UInt32Chunked::from_iter_options(ANTENNA.into(), of_whole.into_iter()), of_portion }
    }
}
