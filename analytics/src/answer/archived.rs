//! What of a window lies in files: rows of minutes or hours, read as partials like those in memory.
//!
//! Whole days are read as rows of days and whole hours as rows of hours, where the steps of the answer allow it; the edges of a
//! window are read as rows of minutes.
//! A file that cannot be read is a [`Gap`] of the answer: what it held is missing, and said to be.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{Gap, Status};

use super::{AnswerError, View};
use crate::archive::place::PlaceError;
use crate::archive::read::Archive;
use crate::archive::rows::{Part, Rows};
use crate::readings::Slot;
use crate::store::archived::{Archived, Course, DAY_MS, HOUR_MS, IncidentFile, Span, Table};
use crate::store::expressions::answer::{
    ANTENNA_ID, FIRST_EVENT, LAST_SEEN, LEFT, NEWEST_EVENT, OWN_LATENCY_MS, OWN_SUCCESS_RATE, SILENT_FROM, USUAL_MS,
};
use crate::store::expressions::column::{ANTENNA, PANE};
use crate::store::grid::Grid;
use crate::store::incidents::Finished;
use crate::store::partials::{Partials, union};
use crate::store::whole::Portion;

/// What a view keeps of the archive while it is asked.
#[derive(Default)]
pub(super) struct Looked {
    /// Slots by the number that antennas have in rows.
    slots: RefCell<Vec<Slot>>,
    /// Slots in memory by id, and whether the antenna is retained.
    live: OnceCell<HashMap<Arc<str>, (Slot, bool)>>,
    known: OnceCell<DataFrame>,
    gaps: RefCell<BTreeMap<(i64, i64), String>>,
}

/// The tables of days, hours and minutes that say the same: of single antennas, or over all of them.
struct Widths {
    days: Table,
    hours: Table,
    minutes: Table,
}

const BY_ANTENNA: Widths = Widths { days: Table::Days, hours: Table::Hours, minutes: Table::Minutes };

const OF_NETWORK: Widths =
    Widths { days: Table::NetworkDays, hours: Table::NetworkHours, minutes: Table::NetworkMinutes };

/// Up to so many antennas are picked from files; of more, the rows of all are read.
const PICKED: usize = 256;

/// A part of a file that a window covers.
struct Piece {
    span: Arc<Span>,
    table: Table,
    start_ms: i64,
    end_ms: i64,
}

/// Some rows of a file, as they were decoded, and what of them is within the window.
struct Found {
    rows: Arc<Rows>,
    start_ms: i64,
    end_ms: i64,
}

impl View<'_> {
    /// The archive, if the window begins before memory does.
    fn before_memory(&self) -> Option<&Archive> {
        self.archive.filter(|_| self.whole.is_archived(self.window.start_ms))
    }

    /// Whether the window begins before memory does, and there are files.
    pub(super) fn reads_files(&self) -> bool {
        self.before_memory().is_some()
    }

    /// The width of the finest rows that the window reads, in milliseconds.
    pub(super) fn grain_ms(&self) -> i64 {
        self.whole.grain_ms(self.window.start_ms)
    }

    /// The window's start and end.
    pub(super) const fn range(&self) -> (i64, i64) {
        (self.window.start_ms, self.window.end_ms)
    }

    /// Whether a part of the window could not be read.
    pub(super) fn has_gaps(&self) -> bool {
        !self.looked.gaps.borrow().is_empty()
    }

    /// The parts of the window that could not be read, in order of time.
    pub fn gaps(&self) -> Vec<Gap> {
        let gaps = self.looked.gaps.borrow();
        let gap = |((start_ms, end_ms), why): (&(i64, i64), &String)| Gap {
            start: UnixMillis(*start_ms),
            end: UnixMillis(*end_ms),
            reason: why.clone(),
        };
        gaps.iter().map(gap).collect()
    }

    /// Takes note of what could not be read of another window.
    pub(super) fn note_gaps_of(&self, other: &Self) {
        let theirs = other.looked.gaps.borrow().clone();
        self.looked.gaps.borrow_mut().extend(theirs);
    }

    /// Partials over all antennas of what of `[start_ms, end_ms)` lies in files. No row lies in two steps.
    pub(super) fn archived_network(
        &self,
        (start_ms, end_ms): (i64, i64),
        steps: Option<Grid>,
    ) -> PolarsResult<Vec<Partials>> {
        let pieces = self.pieces((start_ms, end_ms), steps, &OF_NETWORK);
        let mut all = Vec::new();
        for piece in &pieces {
            let (Some(cells), Some(sketch)) =
                (self.found(piece, Part::Cells, None), self.found(piece, Part::Sketch, None))
            else {
                continue;
            };
            all.push(Partials { cells: cells.table()?, sketch: sketch.table()? });
        }
        Ok(all)
    }

    /// Partials by antenna, likewise.
    pub(super) fn archived_partials(
        &self,
        range: (i64, i64),
        steps: Grid,
        slots: Option<&[Slot]>,
    ) -> PolarsResult<Partials> {
        let nothing = Partials::empty();
        Ok(Partials {
            cells: self.archived_table(range, Some(steps), slots, Part::Cells)?.unwrap_or(nothing.cells),
            sketch: self.archived_table(range, Some(steps), slots, Part::Sketch)?.unwrap_or(nothing.sketch),
        })
    }

    /// The antennas that were worse than well in a pane of a row, with the row's start.
    pub(super) fn archived_fared(
        &self,
        (start_ms, end_ms): (i64, i64),
        steps: Option<Grid>,
        slots: Option<&[Slot]>,
    ) -> Vec<(i64, Slot, Status)> {
        let all_found = self.found_by_antenna((start_ms, end_ms), steps, slots, Part::Cells);
        // Behind the reading, which may give antennas their numbers.
        let slot_of = self.slots();
        let mut all = Vec::new();
        for found in all_found {
            let fared = found.rows.fared.iter().filter(|(start, ..)| (found.start_ms..found.end_ms).contains(start));
            all.extend(fared.map(|(start, number, status)| (*start, slot_of[*number as usize], *status)));
        }
        all
    }

    /// The starts of rows of which a pane was revised.
    pub(super) fn archived_revised(&self, (start_ms, end_ms): (i64, i64), steps: Option<Grid>) -> Vec<i64> {
        let pieces = self.pieces((start_ms, end_ms), steps, &OF_NETWORK);
        let found = pieces.iter().filter_map(|piece| self.found(piece, Part::Cells, None));
        let revised = |found: Found| {
            let is_within = |start: &i64| (found.start_ms..found.end_ms).contains(start);
            found.rows.revised.iter().copied().filter(is_within).collect::<Vec<_>>()
        };
        found.flat_map(revised).collect()
    }

    /// Cells or sketches by antenna of what of a range lies in files: of all antennas, or of some. No row lies in two steps. Most
    /// answers are about memory alone, and `None` saves them a plan over nothing.
    pub(super) fn archived_table(
        &self,
        range: (i64, i64),
        steps: Option<Grid>,
        slots: Option<&[Slot]>,
        part: Part,
    ) -> PolarsResult<Option<DataFrame>> {
        let found = self.found_by_antenna(range, steps, slots, part);
        self.in_slots(&found, slots)
    }

    /// The cells by antenna of what of a range a partition has in files.
    pub(super) fn archived_cells_of(&self, portion: &Portion, range: (i64, i64)) -> PolarsResult<Option<DataFrame>> {
        let archives = portion.snapshot.archives();
        let pieces = archives.flat_map(|archived| self.pieces_of(archived, range, None, &BY_ANTENNA));
        let found: Vec<Found> =
            pieces.collect::<Vec<_>>().iter().filter_map(|piece| self.found(piece, Part::Cells, None)).collect();
        self.in_slots(&found, None)
    }

    /// What was found, of all antennas or of some, by their slots.
    fn in_slots(&self, found: &[Found], slots: Option<&[Slot]>) -> PolarsResult<Option<DataFrame>> {
        let Some(first) = found.first() else { return Ok(None) };
        let tables = found.iter().map(Found::table).collect::<PolarsResult<Vec<_>>>()?;
        let slot_of = lit(Series::new(ANTENNA.into(), self.slots()));
        let slot = slot_of.gather(col(ANTENNA), true).alias(ANTENNA);
        let rows = union(&tables.iter().collect::<Vec<_>>(), first.rows.table.schema())?.lazy().with_column(slot);
        let rows = match slots.filter(|slots| slots.len() > PICKED) {
            Some(slots) => {
                rows.filter(col(ANTENNA).is_in(lit(Series::new(ANTENNA.into(), slots)).implode(true), false))
            }
            None => rows,
        };
        rows.collect().map(Some)
    }

    fn found_by_antenna(
        &self,
        range: (i64, i64),
        steps: Option<Grid>,
        slots: Option<&[Slot]>,
        part: Part,
    ) -> Vec<Found> {
        let pieces = self.pieces(range, steps, &BY_ANTENNA);
        let picked = slots.filter(|slots| slots.len() <= PICKED).map(|slots| {
            let mut ids: Vec<Arc<str>> = slots.iter().filter_map(|slot| self.id_of(*slot)).collect();
            ids.sort_unstable();
            Arc::from(ids)
        });
        pieces.iter().filter_map(|piece| self.found(piece, part, picked.as_ref())).collect()
    }

    /// The incidents in files that may overlap a range; what cannot be read is a gap.
    pub(super) fn archived_incidents(&self, (start_ms, end_ms): (i64, i64)) -> Vec<Arc<Vec<Finished>>> {
        let Some(archive) = self.archive else { return Vec::new() };
        let found = |file: &IncidentFile| {
            let gap = (start_ms.max(file.start_ms), end_ms.min(file.end_ms));
            archive.incidents(file).inspect_err(|error| self.note(gap, error)).ok()
        };
        let files = self.whole.archives().flat_map(|archived| archived.incidents_within(start_ms, end_ms));
        files.filter_map(found).collect()
    }

    /// The rows of a piece; what cannot be read is a gap.
    fn found(&self, piece: &Piece, part: Part, antennas: Option<&Arc<[Arc<str>]>>) -> Option<Found> {
        let Piece { span, table, start_ms, end_ms } = piece;
        let (start_ms, end_ms) = (*start_ms, *end_ms);
        match self.archive?.rows(span, *table, part, antennas, start_ms..end_ms) {
            Ok(rows) => Some(Found { rows, start_ms, end_ms }),
            Err(error) => {
                self.note((start_ms, end_ms), &error);
                None
            }
        }
    }

    /// The parts of files that together cover what of a range lies in them.
    fn pieces(&self, range: (i64, i64), steps: Option<Grid>, widths: &Widths) -> Vec<Piece> {
        self.whole.archives().flat_map(|archived| self.pieces_of(archived, range, steps, widths)).collect()
    }

    /// Those of a partition.
    fn pieces_of(
        &self,
        archived: &Archived,
        (start_ms, end_ms): (i64, i64),
        steps: Option<Grid>,
        widths: &Widths,
    ) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let Some(_) = self.archive else { return pieces };
        let Widths { days, hours, minutes } = *widths;
        let fits = |width_ms: i64| {
            steps.is_none_or(|steps| steps.width_ms % width_ms == 0 && steps.origin_ms.rem_euclid(width_ms) == 0)
        };
        let (by_hour, by_day) = (fits(HOUR_MS), fits(DAY_MS));
        let grid = Grid::of_width(HOUR_MS);
        for span in archived.within(start_ms, end_ms) {
            let (first_ms, last_ms) = (start_ms.max(span.start_ms), end_ms.min(span.end_ms));
            let (from_ms, to_ms) = (grid.ceil(first_ms), grid.floor(last_ms));
            // Days that were compacted before there were such rows have none.
            let parts = if by_day && span.has(days) && (first_ms, last_ms) == (span.start_ms, span.end_ms) {
                vec![(days, first_ms, last_ms)]
            } else if span.is_by_hour() {
                // A window that begins here is one of whole hours.
                vec![(hours, first_ms, last_ms)]
            } else if by_hour && from_ms < to_ms {
                vec![(minutes, first_ms, from_ms), (hours, from_ms, to_ms), (minutes, to_ms, last_ms)]
            } else {
                vec![(minutes, first_ms, last_ms)]
            };
            let parts = parts.into_iter().filter(|(_, start_ms, end_ms)| start_ms < end_ms);
            pieces.extend(parts.map(|(table, start_ms, end_ms)| Piece {
                span: Arc::clone(span),
                table,
                start_ms,
                end_ms,
            }));
        }
        pieces
    }

    /// The slots of antennas by the number that they have in rows: that of the snapshot where it knows the antenna, else one behind
    /// all of those.
    fn slots(&self) -> Vec<Slot> {
        let Some(archive) = self.archive else { return Vec::new() };
        let live = self.live();
        let first = self.whole.slots_end();
        let mut slots = self.looked.slots.borrow_mut();
        let ids = archive.ids();
        for (number, id) in (0..).zip(&ids).skip(slots.len()) {
            slots.push(live.get(id).map_or(first + number, |(slot, _)| *slot));
        }
        slots.clone()
    }

    fn live(&self) -> &HashMap<Arc<str>, (Slot, bool)> {
        self.looked.live.get_or_init(|| self.whole.slots())
    }

    /// The id of an antenna by its slot.
    fn id_of(&self, slot: Slot) -> Option<Arc<str>> {
        if let Some(id) = self.whole.id(slot) {
            return Some(Arc::clone(id));
        }
        let number = slot.checked_sub(self.whole.slots_end())?;
        self.archive?.ids().get(number as usize).cloned()
    }

    /// The slot of an antenna that is known and retained, or in files of the window.
    pub(super) fn slot(&self, id: &str) -> Result<Slot, AnswerError> {
        if let Some(slot) = self.whole.find(id) {
            return Ok(slot);
        }
        let course = self.before_memory().and_then(|archive| {
            let course = self.whole.course(id)?;
            self.is_within(course).then_some(archive)
        });
        let archive = course.ok_or_else(|| AnswerError::UnknownAntenna(id.to_owned()))?;
        let number = archive.number(id);
        Ok(self.slots()[number as usize])
    }

    fn is_within(&self, course: Course) -> bool {
        course.first_ms < self.window.end_ms && course.last_ms > self.window.start_ms
    }

    /// The antennas that the window is about: those that are retained, and those of which files of the window have rows. With the
    /// columns of [`crate::store::Snapshot::antenna_table`].
    pub(super) fn known(&self) -> PolarsResult<&DataFrame> {
        let Some(archive) = self.before_memory() else { return self.whole.antenna_table() };
        if let Some(known) = self.looked.known.get() {
            return Ok(known);
        }
        let courses = self.whole.courses();
        let retained = self.whole.antenna_table()?;
        let ids = retained.column(ANTENNA_ID)?.str()?;
        let first = retained.column(FIRST_EVENT)?.i64()?;
        let earliest = ids.iter().zip(first.iter()).map(|(id, first_ms)| {
            let course = id.and_then(|id| courses.get(id));
            first_ms.map(|first_ms| course.map_or(first_ms, |course| course.first_ms.min(first_ms)))
        });
        let earliest = Column::new(FIRST_EVENT.into(), earliest.collect::<Vec<_>>());
        let mut retained = retained.clone();
        retained.with_column(earliest)?;
        let is_retained = |id: &Arc<str>| self.live().get(id).is_some_and(|(_, is_retained)| *is_retained);
        let gone: Vec<(&Arc<str>, &Course)> =
            courses.iter().filter(|(id, course)| self.is_within(**course) && !is_retained(id)).collect();
        let numbers: Vec<Slot> = gone.iter().map(|(id, _)| archive.number(id)).collect();
        let slots = self.slots();
        let last = |column: &str| Column::new(column.into(), gone.iter().map(|(_, it)| it.last_ms).collect::<Vec<_>>());
        let left = gone.iter().map(|(_, it)| it.last_ms.saturating_add(self.whole.retention_ms));
        let columns = vec![
            Column::new(ANTENNA.into(), numbers.iter().map(|number| slots[*number as usize]).collect::<Vec<_>>()),
            Column::new(ANTENNA_ID.into(), gone.iter().map(|(id, _)| &***id).collect::<Vec<_>>()),
            last(LAST_SEEN),
            last(SILENT_FROM),
            Column::new(FIRST_EVENT.into(), gone.iter().map(|(_, it)| it.first_ms).collect::<Vec<_>>()),
            last(NEWEST_EVENT),
            Column::new(USUAL_MS.into(), vec![0_i64; gone.len()]),
            Column::new(OWN_SUCCESS_RATE.into(), vec![None::<f64>; gone.len()]),
            Column::new(OWN_LATENCY_MS.into(), vec![None::<f64>; gone.len()]),
            Column::new(LEFT.into(), left.collect::<Vec<_>>()),
        ];
        let known = retained.vstack(&DataFrame::new(gone.len(), columns)?)?;
        Ok(self.looked.known.get_or_init(|| known))
    }

    /// The start of the oldest time of which something may be known, milliseconds since the epoch.
    pub(super) fn known_from_ms(&self) -> i64 {
        let oldest_ms = self.archive.and_then(|_| self.whole.oldest_archived_ms());
        oldest_ms.map_or(self.whole.horizon_ms, |oldest_ms| oldest_ms.min(self.whole.horizon_ms))
    }

    /// Looks whether the files of the window can be had, as far as their footers tell, before an answer begins that cannot
    /// tell of gaps later.
    pub(super) fn look_ahead(&self, steps: Grid) {
        for Piece { span, table, start_ms, end_ms } in self.pieces(self.range(), Some(steps), &BY_ANTENNA) {
            if let Some(Err(error)) = self.archive.map(|archive| archive.look(&span, table)) {
                self.note((start_ms, end_ms), &error);
            }
        }
    }

    fn note(&self, range: (i64, i64), error: &PlaceError) {
        let why = match error {
            PlaceError::Missing(_) => "missing",
            PlaceError::Damaged { .. } => "damaged",
            PlaceError::Away { .. } => "away",
        };
        self.looked.gaps.borrow_mut().insert(range, why.to_owned());
    }
}

impl Found {
    /// The rows that lie within what was asked for.
    fn table(&self) -> PolarsResult<DataFrame> {
        let table = &self.rows.table;
        // Files are read by whole hours.
        if self.start_ms % HOUR_MS == 0 && self.end_ms % HOUR_MS == 0 {
            return Ok(table.clone());
        }
        let panes = table.column(PANE)?.i64()?;
        table.filter(&(panes.gt_eq(self.start_ms) & panes.lt(self.end_ms)))
    }
}
