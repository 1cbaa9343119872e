//! The state of some partitions as that of others: what is known of each antenna goes to the stream to which it publishes from then on.
//!
//! Everything is pure: states in, states out. What of a state cannot be split by antenna stays whole. Files name the partition that
//! wrote them, so they stay as they are, and one of the new partitions keeps them as those of a partition of before. Entries were added
//! to a stream, so each ledger goes on where it is, and the readings that its entries became are accounted for as `moved`; the ledger
//! of a stream that is not read any more is part of that of the plain name until it is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use polars::prelude::*;
use shared::api::Ledger;
use shared::keys::{PARTITIONS_MAX, partition_of};

use crate::readings::Slot;
use crate::settings::Thresholds;
use crate::state::{Meta, UNUSED};
use crate::store::antennas::{Antenna, Antennas, CHUNK};
use crate::store::archived::{Archived, Discarded, PartitionNumber};
use crate::store::expressions::column::ANTENNA;
use crate::store::grid::Grid;
use crate::store::imports::Import;
use crate::store::incidents::{Finished, Incidents};
use crate::store::partials::{Keys, Partials};
use crate::store::whole::Numbering;
use crate::store::{Committed, EventClock, Former, Pane, Store, Whole};

/// The place of a stream: 0 is that of the plain name, and `n + 1` that of the one whose name ends in `:n`.
pub type Place = u32;

/// The place of the stream of the plain name.
pub const PLAIN: Place = 0;

/// The first number that is no place.
const FIRST_NUMBER: PartitionNumber = PARTITIONS_MAX as PartitionNumber + 1;

/// What is held is held whole, whatever the settings say: nothing expires here. In milliseconds, and far enough from what overflows.
pub(super) const EVER_MS: i64 = i64::MAX / 4;

/// The state of a stream.
#[derive(Debug, Clone)]
pub struct State {
    /// What a store is restored from.
    pub committed: Committed,
    /// What is committed beside it.
    pub meta: Meta,
}

/// The states of streams, by their places.
pub type States = BTreeMap<Place, State>;

impl State {
    /// That of a stream of which nothing is committed, with the width of its panes in milliseconds.
    #[must_use]
    pub fn new(pane_ms: i64) -> Self {
        let committed = Store::new(pane_ms, EVER_MS, Thresholds::default()).into_committed();
        Self { committed, meta: Meta { partitions: UNUSED, ..Meta::new(pane_ms) } }
    }

    /// The number of the partition in the names of its files.
    #[must_use]
    pub fn number(&self, place: Place) -> PartitionNumber {
        self.meta.number.unwrap_or(place)
    }

    /// The entries of which its ledger tells, as long as none is unread and but for those that the broker lost.
    pub(super) const fn entries(&self) -> u64 {
        self.meta.entries_before.saturating_add(self.meta.entries_seen)
    }

    /// It as a store, without tiles.
    #[must_use]
    pub fn into_store(self, place: Place) -> (Store, Meta) {
        let store = Store::new(self.meta.pane_ms, EVER_MS, Thresholds::default()).with_partition(self.number(place));
        (store.holding(self.committed), self.meta)
    }
}

/// The streams that readings are spread over, with so many partitions.
#[must_use]
pub fn spread_over(partitions: u16) -> Range<Place> {
    if partitions <= 1 { PLAIN..PLAIN + 1 } else { 1..Place::from(partitions) + 1 }
}

/// The streams that are read, with so many partitions.
#[must_use]
pub fn read(partitions: u16) -> Range<Place> {
    PLAIN..spread_over(partitions).end
}

/// The stream that an antenna publishes to, with so many partitions.
#[must_use]
pub fn place_of(antenna: &str, partitions: u16) -> Place {
    if partitions <= 1 { PLAIN } else { 1 + Place::from(partition_of(antenna, partitions)) }
}

/// Spreads states over another number of partitions. There has to be one for each stream that is read before or afterwards; those of
/// streams that are not read afterwards are empty then but for their ledgers.
///
/// # Errors
/// When a state contradicts itself or another one.
pub fn spread(mut states: States, from: u16, to: u16) -> PolarsResult<States> {
    let pool: BTreeSet<Place> = spread_over(from).chain(spread_over(to)).collect();
    let is_whole = read(from.max(to)).all(|place| states.contains_key(&place));
    polars_ensure!(is_whole, ComputeError: "the state of a stream is missing");
    let pane_ms = states[&PLAIN].meta.pane_ms;
    polars_ensure!(states.values().all(|it| it.meta.pane_ms == pane_ms), ComputeError: "the panes of partitions differ in width");
    take_back(&mut states, from, to)?;
    let first_number = first_number(&states);

    let as_of = pool.iter().filter_map(|place| states[place].meta.as_of).max();
    let ended: u64 = pool.iter().map(|place| states[place].incidents_ended()).sum();
    let parts = take(&mut states, &pool, pane_ms);
    let clock = EventClock {
        newest_ms: parts.iter().map(|(_, store)| store.clock().newest_ms).max().unwrap_or(i64::MIN),
        watermark_ms: parts.iter().map(|(_, store)| store.clock().watermark_ms).max().unwrap_or(i64::MIN),
    };
    let mut incidents = incidents(&parts, to);
    let numbered: u64 = incidents.values().map(|incidents| incidents.len() as u64).sum();
    let numbering = Numbered::of(antennas(&parts, to));
    let parts: Vec<(PartitionNumber, Committed)> =
        parts.into_iter().map(|(number, store)| (number, store.into_committed())).collect();
    let (kept, tables): (Vec<_>, Vec<_>) =
        parts.into_iter().map(|(number, committed)| split(number, committed)).unzip();
    let mut panes = panes(tables, &numbering, pane_ms)?;
    let mut kept = dealt(kept, to);

    for (number, (place, antennas)) in (first_number..).zip(numbering.chunks()) {
        let Kept { archives, discarded, imports } = kept.remove(&place).unwrap_or_default();
        let Some(state) = states.get_mut(&place) else { continue };
        state.committed = Committed {
            clock,
            antennas,
            incidents: Incidents::from_all(&incidents.remove(&place).unwrap_or_default()),
            panes: panes.remove(&place).unwrap_or_default(),
            archived: Archived::default().with_discarded((0..).zip(discarded)),
            former: archives,
            imports,
            expired: state.committed.expired,
        };
        state.meta.number = Some(number);
        state.meta.newest_ms = clock.has_started().then_some(clock.newest_ms);
        state.meta.watermark_ms = clock.has_started().then_some(clock.watermark_ms);
        state.meta.as_of = as_of;
    }
    for place in &pool {
        if let Some(state) = states.get_mut(place) {
            // All of them are counted once, by the first of the new ones.
            state.meta.incidents_before = if *place == spread_over(to).start { ended - numbered } else { 0 };
        }
    }
    leave(&mut states, from, to);
    if let Some(plain) = states.get_mut(&PLAIN) {
        plain.meta.next_number = first_number + PartitionNumber::from(to);
    }
    account(states, to)
}

impl State {
    pub(super) fn incidents_ended(&self) -> u64 {
        self.meta.incidents_before + self.committed.incidents.ended()
    }
}

/// The first number that no partition has had.
fn first_number(states: &States) -> PartitionNumber {
    let all = states.iter().flat_map(|(place, state)| {
        let former = state.committed.former.keys().copied();
        former.chain([state.number(*place)]).map(|number| number + 1).chain([state.meta.next_number])
    });
    all.chain([FIRST_NUMBER]).max().unwrap_or(FIRST_NUMBER)
}

/// What some streams hold, as stores with their numbers. Their clocks and what has expired stay.
fn take(states: &mut States, pool: &BTreeSet<Place>, pane_ms: i64) -> Vec<(PartitionNumber, Store)> {
    let taken = states.iter_mut().filter(|(place, _)| pool.contains(place)).map(|(place, state)| {
        let number = state.number(*place);
        let nothing = State::new(pane_ms).committed;
        let (clock, expired) = (state.committed.clock, state.committed.expired);
        let committed = std::mem::replace(&mut state.committed, Committed { clock, expired, ..nothing });
        let store = Store::new(pane_ms, EVER_MS, Thresholds::default()).with_partition(number);
        (number, store.holding(committed))
    });
    taken.collect()
}

/// The incidents that have ended, in the order in which they did, by the new place of their antenna. That an antenna is silent where
/// another partition has newer readings of it is none.
fn incidents(parts: &[(PartitionNumber, Store)], to: u16) -> BTreeMap<Place, Vec<Finished>> {
    let snapshots = parts.iter().map(|(_, store)| Arc::new(store.snapshot(0, None)));
    let whole = Whole::join(snapshots.collect(), Numbering::default());
    let mut by_place: BTreeMap<Place, Vec<Finished>> = BTreeMap::new();
    for incident in whole.incidents() {
        by_place.entry(place_of(&incident.antenna, to)).or_default().push(incident.clone());
    }
    by_place.values_mut().for_each(|incidents| incidents.sort_by_key(|it| it.end_ms));
    by_place
}

/// What is known of each antenna that anything still names, by its new place and its id.
fn antennas(parts: &[(PartitionNumber, Store)], to: u16) -> BTreeMap<Place, BTreeMap<Arc<str>, Antenna>> {
    let mut by_place: BTreeMap<Place, BTreeMap<Arc<str>, Antenna>> =
        spread_over(to).map(|place| (place, BTreeMap::new())).collect();
    for (_, antenna) in parts.iter().flat_map(|(_, store)| store.antennas().iter()).filter(|(_, it)| !it.is_gone()) {
        let known = by_place.entry(place_of(&antenna.id, to)).or_default();
        match known.get_mut(&antenna.id) {
            Some(known) => *known = joined(known, antenna),
            None => drop(known.insert(Arc::clone(&antenna.id), antenna.clone())),
        }
    }
    by_place
}

/// One antenna of two partitions: it is as its newest reading says. Of two that are as new, the first one counts, as it does in
/// [`Whole`].
fn joined(first: &Antenna, second: &Antenna) -> Antenna {
    let (newest, older) =
        if second.last_arrival_ms > first.last_arrival_ms { (second, first) } else { (first, second) };
    let first_event_ms = if older.has_started() { older.first_event_ms } else { newest.first_event_ms };
    Antenna {
        newest_event_ms: newest.newest_event_ms.max(older.newest_event_ms),
        first_event_ms: newest.first_event_ms.min(first_event_ms),
        highest_seq: newest.highest_seq.or(older.highest_seq),
        left_ms: newest.left_ms.max(older.left_ms),
        ..newest.clone()
    }
}

/// The antennas of the new partitions, each with a slot among all of them: those of a partition follow each other.
struct Numbered {
    slots: BTreeMap<Arc<str>, Slot>,
    /// Where those of a partition begin and end.
    ranges: Vec<(Place, Range<Slot>)>,
    antennas: Vec<Antenna>,
}

impl Numbered {
    fn of(by_place: BTreeMap<Place, BTreeMap<Arc<str>, Antenna>>) -> Self {
        let mut all = Self { slots: BTreeMap::new(), ranges: Vec::new(), antennas: Vec::new() };
        for (place, antennas) in by_place {
            let start = all.next();
            for (id, antenna) in antennas {
                all.slots.insert(id, all.next());
                all.antennas.push(antenna);
            }
            all.ranges.push((place, start..all.next()));
        }
        all
    }

    fn next(&self) -> Slot {
        Slot::try_from(self.antennas.len()).unwrap_or(Slot::MAX)
    }

    /// The slots among all by those of a partition of before, as a column; null where none is given out.
    fn of_part(&self, antennas: &Antennas) -> UInt32Chunked {
        let mut slots: Vec<Option<Slot>> = vec![None; antennas.chunks() * CHUNK];
        for (slot, antenna) in antennas.iter() {
            slots[slot as usize] = self.slots.get(&antenna.id).copied();
        }
        UInt32Chunked::from_iter_options(ANTENNA.into(), slots.into_iter())
    }

    /// The antennas of each partition, by slots of its own.
    fn chunks(&self) -> impl Iterator<Item = (Place, Antennas)> {
        self.ranges.iter().map(|(place, range)| {
            let antennas = &self.antennas[range.start as usize..range.end as usize];
            let chunks = antennas.chunks(CHUNK).map(|chunk| chunk.iter().cloned().map(Some).collect());
            (*place, Antennas::from_chunks(chunks.enumerate()))
        })
    }
}

/// The panes of a partition of before, and its antennas.
struct Tables {
    antennas: Antennas,
    panes: Vec<Pane>,
}

/// What of a partition of before stays whole.
#[derive(Default)]
struct Kept {
    archives: Former,
    discarded: Vec<Discarded>,
    imports: BTreeMap<String, Import>,
}

fn split(number: PartitionNumber, committed: Committed) -> (Kept, Tables) {
    let Committed { antennas, panes, archived, former, imports, .. } = committed;
    let discarded = archived.discarded().values().map(|files| (**files).clone()).collect();
    let mut archives = former;
    archives.insert(number, archived.without_discarded());
    archives.retain(|_, archived| !archived.is_empty());
    (Kept { archives, discarded, imports }, Tables { antennas, panes })
}

/// Who of the new partitions keeps what stays whole: they take turns.
fn dealt(all: Vec<Kept>, to: u16) -> BTreeMap<Place, Kept> {
    let mut dealt: BTreeMap<Place, Kept> = BTreeMap::new();
    for (kept, place) in all.into_iter().zip(spread_over(to).cycle()) {
        let theirs = dealt.entry(place).or_default();
        theirs.archives.extend(kept.archives);
        theirs.discarded.extend(kept.discarded);
        theirs.imports.extend(kept.imports);
    }
    // Later ones have higher numbers.
    dealt.values_mut().for_each(|kept| kept.discarded.sort_by_key(|files| files.at));
    dealt
}

/// The panes of the new partitions: what those of before measured in each interval is rolled up once, in order of the slots among all,
/// and cut where a partition ends.
fn panes(tables: Vec<Tables>, numbered: &Numbered, pane_ms: i64) -> PolarsResult<BTreeMap<Place, Vec<Pane>>> {
    let mut by_start: BTreeMap<i64, Vec<(usize, Pane)>> = BTreeMap::new();
    let mut slots = Vec::with_capacity(tables.len());
    for (part, Tables { antennas, panes }) in tables.into_iter().enumerate() {
        slots.push(numbered.of_part(&antennas));
        for pane in panes {
            by_start.entry(pane.start_ms).or_default().push((part, pane));
        }
    }
    let keys = Keys { pane: Some(Grid::of_width(pane_ms)), antenna: true };
    let mut by_place: BTreeMap<Place, Vec<Pane>> = BTreeMap::new();
    for (_, parts) in by_start {
        let is_revised = parts.iter().any(|(_, pane)| pane.revised);
        let translated = parts.iter().map(|(part, pane)| {
            let (cells, sketch) = (pane.cells()?, pane.sketch()?);
            Ok(Partials { cells: translated(cells, &slots[*part])?, sketch: translated(sketch, &slots[*part])? })
        });
        let translated = translated.collect::<PolarsResult<Vec<_>>>()?;
        let all = Partials::roll_up(&translated, keys)?;
        for (place, range) in &numbered.ranges {
            let Some(cells) = cut(&all.cells, range)? else { continue };
            let sketch = cut(&all.sketch, range)?.unwrap_or_else(|| Partials::empty().sketch);
            let share = Partials { cells, sketch };
            by_place.entry(*place).or_default().extend(Pane::split(&share, |_| is_revised)?);
        }
    }
    Ok(by_place)
}

/// A table of a partition of before with the slots among all.
fn translated(table: &DataFrame, slots: &UInt32Chunked) -> PolarsResult<DataFrame> {
    let mut table = table.clone();
    let translated = slots.take(table.column(ANTENNA)?.u32()?)?.with_name(ANTENNA.into());
    polars_ensure!(!translated.has_nulls(), ComputeError: "a pane names an antenna that is not known");
    table.with_column(translated.into_column())?;
    Ok(table)
}

/// The rows of a partition, in a table that is sorted by the slots among all, with the slots of its own; `None` where there are none.
fn cut(table: &DataFrame, range: &Range<Slot>) -> PolarsResult<Option<DataFrame>> {
    let slots = table.column(ANTENNA)?.u32()?.rechunk();
    let slots = slots.cont_slice()?;
    let (first, end) =
        (slots.partition_point(|slot| *slot < range.start), slots.partition_point(|slot| *slot < range.end));
    if first == end {
        return Ok(None);
    }
    let own: Vec<Slot> = slots[first..end].iter().map(|slot| slot - range.start).collect();
    let mut rows = table.slice(i64::try_from(first).unwrap_or(i64::MAX), end - first);
    rows.with_column(Column::new(ANTENNA.into(), own))?;
    Ok(Some(rows))
}

/// Streams that are read again have their ledgers to themselves again.
fn take_back(states: &mut States, from: u16, to: u16) -> PolarsResult<()> {
    for place in read(from).end..read(to).end {
        let Some(number) = number_in_name(place) else { continue };
        let (entries, ledger) = match states.get(&place) {
            Some(state) => (state.entries(), state.meta.ledger.clone()),
            None => continue,
        };
        let Some(plain) = states.get_mut(&PLAIN) else { continue };
        if !plain.meta.streams_left.remove(&number) {
            continue;
        }
        let without = without(&plain.meta.ledger, &ledger).zip(plain.meta.entries_before.checked_sub(entries));
        let Some((ledger, entries_before)) = without else {
            polars_bail!(ComputeError: "the ledger of the plain name does not hold what the stream :{number} had");
        };
        (plain.meta.ledger, plain.meta.entries_before) = (ledger, entries_before);
    }
    Ok(())
}

/// What streams that are not read any more had goes to the ledger of the plain name, which has it as entries of before.
fn leave(states: &mut States, from: u16, to: u16) {
    for place in read(to).end..read(from).end {
        let (Some(number), Some(state)) = (number_in_name(place), states.get_mut(&place)) else { continue };
        state.meta.partitions = UNUSED;
        let (entries, ledger) = (state.entries(), state.meta.ledger.clone());
        let expired = std::mem::take(&mut state.committed.expired);
        let Some(plain) = states.get_mut(&PLAIN) else { continue };
        // What is in memory and in files is looked at behind this.
        let known =
            Ledger { entries_added: None, in_memory: None, lag: None, imbalance: None, ..plain.meta.ledger.clone() };
        plain.meta.ledger = [known, ledger].iter().sum();
        plain.meta.entries_before += entries;
        plain.committed.expired += expired;
        plain.meta.streams_left.insert(number);
    }
}

/// The number in the name of a stream.
fn number_in_name(place: Place) -> Option<u16> {
    place.checked_sub(1).and_then(|number| u16::try_from(number).ok())
}

/// A ledger without what is of another one; `None` where it has less.
fn without(ledger: &Ledger, other: &Ledger) -> Option<Ledger> {
    let mut rejected = ledger.rejected.clone();
    for (reason, count) in &other.rejected {
        let all = rejected.entry(*reason).or_default();
        *all = all.checked_sub(*count)?;
    }
    Some(Ledger {
        counted: ledger.counted.checked_sub(other.counted)?,
        imported: ledger.imported.checked_sub(other.imported)?,
        duplicates: ledger.duplicates.checked_sub(other.duplicates)?,
        rejected,
        too_late: ledger.too_late.checked_sub(other.too_late)?,
        untracked: ledger.untracked.checked_sub(other.untracked)?,
        trimmed_unread: ledger.trimmed_unread.checked_sub(other.trimmed_unread)?,
        lost_by_broker: ledger.lost_by_broker.checked_sub(other.lost_by_broker)?,
        ..ledger.clone()
    })
}

/// Enters where the readings are now, and how many of them were moved for that.
fn account(states: States, to: u16) -> PolarsResult<States> {
    let accounted = states.into_iter().map(|(place, mut state)| {
        if read(to).contains(&place) {
            state.meta.partitions = to;
        }
        let (store, mut meta) = state.into_store(place);
        store.kept()?.enter(&mut meta.ledger);
        let Ledger { counted, imported, in_memory, archived, expired, .. } = meta.ledger;
        let held = i128::from(in_memory.unwrap_or(0)) + i128::from(archived) + i128::from(expired);
        let moved = i64::try_from(held - i128::from(counted) - i128::from(imported));
        meta.ledger.moved = moved.map_err(|_| polars_err!(ComputeError: "a ledger is beyond 64 bits"))?;
        state = State { committed: store.into_committed(), meta };
        Ok((place, state))
    });
    accounted.collect()
}
