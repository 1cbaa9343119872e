//! What has left memory for the archive: which hours and days of event time are in files, and what the files hold.
//!
//! A [`Span`] is an hour or a day of which every table is written. Spans do not overlap; together with the panes in memory they
//! are everything that is kept. A span is committed behind the write of its files, in the commit that drops its panes, and
//! its keys follow from it, so files are read by their exact keys and never listed.
//!
//! A day takes the place of its hours, and the tables of old spans are not kept any more: the files that nothing names then are
//! [`Discarded`], and removed a day later, as whoever asked before may still read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::UnixMillis;

use super::grid::Grid;

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The version of the files' layout and columns: the first part of their keys.
const LAYOUT: &str = "v1";

/// The number of a partition: 0 is the stream of the plain name, and `n + 1` the one whose name ends in `:n`, until partitions are made
/// anew. Then each gets a number that no other has had, so that no file is written in the place of another one.
pub type PartitionNumber = u32;

/// How many hours are final, from that of the oldest pane to where retention stands, both in milliseconds since the epoch.
pub(super) fn final_hours(oldest_ms: Option<i64>, horizon_ms: i64) -> u64 {
    let hours = Grid::of_width(HOUR_MS);
    let final_ms = oldest_ms.map_or(0, |oldest_ms| hours.floor(horizon_ms).saturating_sub(hours.floor(oldest_ms)));
    final_ms.max(0).unsigned_abs() / HOUR_MS.unsigned_abs()
}

/// Before when nothing can be counted any more, and nothing waits for a file: retention stands at `horizon_ms`, and the oldest pane
/// begins at `oldest_ms`, both in milliseconds since the epoch.
pub(super) fn settled_before_ms(oldest_ms: Option<i64>, horizon_ms: i64) -> i64 {
    oldest_ms.map_or(horizon_ms, |oldest_ms| oldest_ms.min(horizon_ms))
}

/// The tables of a span, a file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// A row for each antenna and minute.
    Minutes,
    /// A row for each antenna and hour.
    Hours,
    /// A row for each antenna and day; only where a span is a day.
    Days,
    /// A row for each minute, over all antennas.
    NetworkMinutes,
    /// A row for each hour, over all antennas.
    NetworkHours,
    /// A row for a day, over all antennas; only where a span is a day.
    NetworkDays,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Minutes, Self::Hours, Self::Days, Self::NetworkMinutes, Self::NetworkHours, Self::NetworkDays];

    /// Whether its rows are of single antennas.
    #[must_use]
    pub const fn is_by_antenna(self) -> bool {
        matches!(self, Self::Minutes | Self::Hours | Self::Days)
    }

    /// The table of hours from which that of their day is made.
    #[must_use]
    pub const fn of_hours(self) -> Self {
        match self {
            Self::Days => Self::Hours,
            Self::NetworkDays => Self::NetworkHours,
            same => same,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hourly",
            Self::Days => "daily",
            Self::NetworkMinutes => "network_minutes",
            Self::NetworkHours => "network_hourly",
            Self::NetworkDays => "network_daily",
        }
    }

    /// The folder of the tables of whole days, each of which is one table of hive partitions.
    const fn folder_of_days(self) -> &'static str {
        match self {
            Self::Minutes => "days",
            other => other.name(),
        }
    }
}

/// A file of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its rows.
    pub rows: u64,
    /// Its length in bytes; one of another length is damaged.
    pub bytes: u64,
}

/// An hour or a day that is in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The number of the partition whose readings it holds.
    #[serde(default, skip_serializing_if = "is_first")]
    pub partition: PartitionNumber,
    /// Its start, milliseconds since the epoch: a full hour, or a full day in UTC.
    pub start_ms: i64,
    /// Its end, an hour or a day later.
    pub end_ms: i64,
    /// The readings that its rows add up to.
    pub readings: u64,
    /// Readings of it that no file holds, as the archive was away for too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// The start of the first of its hours that is known, where that is not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_from_ms: Option<i64>,
    /// Its files. A table that is not kept any more has none.
    pub files: BTreeMap<Table, File>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(partition: &PartitionNumber) -> bool {
    *partition == 0
}

impl Span {
    /// An hour of a partition.
    #[must_use]
    pub const fn hour(
        partition: PartitionNumber,
        start_ms: i64,
        readings: u64,
        expired: u64,
        files: BTreeMap<Table, File>,
    ) -> Self {
        Self { partition, start_ms, end_ms: start_ms + HOUR_MS, readings, expired, known_from_ms: None, files }
    }

    /// The day that some hours make up, in order, before it has files.
    #[must_use]
    pub fn day(hours: &[Arc<Self>]) -> Self {
        let first_ms = hours.first().map_or(0, |hour| hour.start_ms);
        let start_ms = Grid::of_width(DAY_MS).floor(first_ms);
        Self {
            partition: hours.first().map_or(0, |hour| hour.partition),
            start_ms,
            end_ms: start_ms + DAY_MS,
            readings: hours.iter().map(|hour| hour.readings).sum(),
            expired: hours.iter().map(|hour| hour.expired).sum(),
            known_from_ms: (first_ms != start_ms).then_some(first_ms),
            files: BTreeMap::new(),
        }
    }

    /// Whether rows of a table can be read: one that is not kept any more has no file, and neither has what was given up.
    #[must_use]
    pub fn has(&self, table: Table) -> bool {
        self.files.contains_key(&table)
    }

    /// Whether its minutes are not kept any more, and its hours are.
    #[must_use]
    pub fn is_by_hour(&self) -> bool {
        self.has(Table::NetworkHours) && !self.has(Table::NetworkMinutes)
    }

    /// Whether it is a whole day.
    #[must_use]
    pub const fn is_day(&self) -> bool {
        self.end_ms - self.start_ms == DAY_MS
    }

    /// Where the file of a table is, below the archive's own place.
    #[must_use]
    pub fn key(&self, table: Table) -> String {
        let time = UnixMillis(self.start_ms).to_string();
        let (date, hour, partition) = (&time[..10], &time[11..13], self.partition);
        if self.is_day() {
            format!("{LAYOUT}/{}/date={date}/{partition}.parquet", table.folder_of_days())
        } else {
            format!("{LAYOUT}/hours/date={date}/hour={hour}/{}-{partition}.parquet", table.name())
        }
    }
}

/// A day that is in files of its own, and what they were made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// The day.
    pub day: Span,
    /// Its hours, in order.
    pub hours: Vec<Arc<Span>>,
}

/// Incidents that are in a file: whole chunks of them, in the order in which they ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentFile {
    /// The number of the partition whose incidents they are.
    #[serde(default, skip_serializing_if = "is_first")]
    pub partition: PartitionNumber,
    /// The number of the first chunk; see [`super::incidents`].
    pub first: u64,
    /// How many chunks it holds.
    pub chunks: u64,
    /// When the first of them began, milliseconds since the epoch.
    pub start_ms: i64,
    /// When the last of them ended, likewise.
    pub end_ms: i64,
    /// The file.
    pub file: File,
}

impl IncidentFile {
    /// Where it is, below the archive's own place.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{LAYOUT}/incidents/{:08}-{}.parquet", self.first, self.partition)
    }
}

/// Files that are not read any more, and are to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// When they were discarded, by the broker's clock.
    pub at: UnixMillis,
    /// Their keys, below the archive's own place.
    pub keys: Vec<String>,
}

impl Discarded {
    /// When they are to be removed, milliseconds since the epoch: nobody who asked before reads them any more by then.
    #[must_use]
    pub const fn removed_from_ms(&self) -> i64 {
        self.at.0.saturating_add(DAY_MS)
    }
}

/// How long the tables of spans are kept, counted from the watermark, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// Those of minutes.
    pub minutes_ms: i64,
    /// Those of hours and days; at least as long.
    pub hours_ms: i64,
}

impl Tiers {
    /// Whether a table of what ends at a time is still kept at another, both in milliseconds since the epoch. The hours of a day are
    /// kept as long as the day.
    #[must_use]
    pub const fn keep(self, table: Table, end_ms: i64, now_ms: i64) -> bool {
        let kept_ms = match table {
            Table::Minutes | Table::NetworkMinutes => self.minutes_ms,
            Table::Hours | Table::Days | Table::NetworkHours | Table::NetworkDays => self.hours_ms,
        };
        Grid::of_width(DAY_MS).ceil(end_ms).saturating_add(kept_ms) > now_ms
    }
}

/// From when to when rows of an antenna are in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Start of its first row, milliseconds since the epoch.
    pub first_ms: i64,
    /// End of its last row, likewise.
    pub last_ms: i64,
}

impl Course {
    /// From the earlier start to the later end.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { first_ms: self.first_ms.min(other.first_ms), last_ms: self.last_ms.max(other.last_ms) }
    }
}

/// What is not kept any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// The starts of spans that have fewer tables, or are forgotten.
    pub starts: BTreeSet<i64>,
    /// The keys of files that are not read any more.
    pub keys: Vec<String>,
    /// The readings in spans that are forgotten.
    pub readings: u64,
    /// The first chunks of files of incidents that are forgotten.
    pub incident_files: BTreeSet<u64>,
}

/// The antennas that are in files, by id.
pub type Courses = BTreeMap<Arc<str>, Course>;

/// Adds antennas in files to those that are known.
pub(super) fn add_courses(known: &mut Courses, courses: &Courses) {
    for (id, course) in courses {
        let known = known.entry(Arc::clone(id)).or_insert(*course);
        *known = known.with(*course);
    }
}

/// Everything that is in files. Cloning is cheap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archived {
    /// By start.
    spans: Arc<BTreeMap<i64, Arc<Span>>>,
    courses: Arc<Courses>,
    /// By first chunk.
    incidents: Arc<BTreeMap<u64, IncidentFile>>,
    /// By number; later ones have higher numbers.
    discarded: Arc<BTreeMap<u64, Arc<Discarded>>>,
}

impl Archived {
    /// What is in the spans, of the antennas with these courses.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = Span>, courses: Courses) -> Self {
        let spans = spans.into_iter().map(|span| (span.start_ms, Arc::new(span)));
        let (incidents, discarded) = (Arc::default(), Arc::default());
        Self { spans: Arc::new(spans.collect()), courses: Arc::new(courses), incidents, discarded }
    }

    /// With files that are to be removed, by number.
    #[must_use]
    pub fn with_discarded(self, discarded: impl IntoIterator<Item = (u64, Discarded)>) -> Self {
        let discarded = discarded.into_iter().map(|(number, files)| (number, Arc::new(files)));
        Self { discarded: Arc::new(discarded.collect()), ..self }
    }

    /// The files that are to be removed, by number.
    #[must_use]
    pub fn discarded(&self) -> &BTreeMap<u64, Arc<Discarded>> {
        &self.discarded
    }

    /// Takes note of files that are to be removed; returns their number.
    pub fn discard(&mut self, files: Discarded) -> u64 {
        let discarded = Arc::make_mut(&mut self.discarded);
        let number = discarded.last_key_value().map_or(0, |(number, _)| number + 1);
        discarded.insert(number, Arc::new(files));
        number
    }

    /// Takes note that files of a partition are written again of a time, in milliseconds since the epoch, of which some may be
    /// discarded: those of its hour and those of its day stay. Returns the numbers of what this changed.
    pub fn retrieve(&mut self, partition: PartitionNumber, time_ms: i64) -> Vec<u64> {
        if self.discarded.is_empty() {
            return Vec::new();
        }
        let hour = Span::hour(partition, Grid::of_width(HOUR_MS).floor(time_ms), 0, 0, BTreeMap::new());
        let start_ms = Grid::of_width(DAY_MS).floor(time_ms);
        let day = Span { start_ms, end_ms: start_ms + DAY_MS, ..hour.clone() };
        let keys: Vec<String> = [hour, day].iter().flat_map(|span| Table::ALL.map(|table| span.key(table))).collect();
        let has_some = |files: &Discarded| files.keys.iter().any(|key| keys.contains(key));
        let with_some = self.discarded.iter().filter(|(_, files)| has_some(files)).map(|(number, _)| *number);
        let changed: Vec<u64> = with_some.collect();
        for number in &changed {
            if let Some(files) = Arc::make_mut(&mut self.discarded).get_mut(number) {
                Arc::make_mut(files).keys.retain(|key| !keys.contains(key));
            }
        }
        changed
    }

    /// Takes note that files were removed; tells whether they were to be.
    pub fn removed(&mut self, number: u64) -> bool {
        self.discarded.contains_key(&number) && Arc::make_mut(&mut self.discarded).remove(&number).is_some()
    }

    /// With incidents in these files too.
    #[must_use]
    pub fn with_incidents(self, files: impl IntoIterator<Item = IncidentFile>) -> Self {
        let incidents = files.into_iter().map(|file| (file.first, file));
        Self { incidents: Arc::new(incidents.collect()), ..self }
    }

    /// Adds a file of incidents.
    pub fn insert_incidents(&mut self, file: IncidentFile) {
        Arc::make_mut(&mut self.incidents).insert(file.first, file);
    }

    /// The file of incidents that begins with a chunk.
    #[must_use]
    pub fn incident_file(&self, first: u64) -> Option<&IncidentFile> {
        self.incidents.get(&first)
    }

    /// The files of incidents.
    pub fn incident_files(&self) -> impl Iterator<Item = &IncidentFile> {
        self.incidents.values()
    }

    /// The files in which incidents may be that overlap `[start_ms, end_ms)`.
    pub fn incidents_within(&self, start_ms: i64, end_ms: i64) -> impl Iterator<Item = &IncidentFile> {
        self.incidents.values().filter(move |file| file.start_ms < end_ms && file.end_ms >= start_ms)
    }

    /// The antennas that are in files.
    #[must_use]
    pub fn courses(&self) -> &Courses {
        &self.courses
    }

    /// Takes note of antennas in files that were added.
    pub fn extend(&mut self, courses: &Courses) {
        add_courses(Arc::make_mut(&mut self.courses), courses);
    }

    /// Adds a span, in place of those within it.
    pub fn insert(&mut self, span: Span) {
        let spans = Arc::make_mut(&mut self.spans);
        spans.retain(|start, _| !(span.start_ms..span.end_ms).contains(start));
        spans.insert(span.start_ms, Arc::new(span));
    }

    /// The hours of the first day from a time on that are not in files of a whole day yet and end before another time, in order;
    /// none where there is no such day. All in milliseconds since the epoch.
    #[must_use]
    pub fn hours_of_a_day(&self, from_ms: i64, before_ms: i64) -> Vec<Arc<Span>> {
        let days = Grid::of_width(DAY_MS);
        let hours = self.spans.range(from_ms..).map(|(_, span)| span).filter(|span| !span.is_day());
        let Some(day_ms) = hours.map(|span| days.floor(span.start_ms)).next() else { return Vec::new() };
        let end_ms = day_ms + DAY_MS;
        if end_ms > before_ms {
            return Vec::new();
        }
        self.spans.range(day_ms..end_ms).map(|(_, span)| Arc::clone(span)).collect()
    }

    /// How many days that end before a time, in milliseconds since the epoch, are not in files of a whole day yet.
    #[must_use]
    pub fn days_of_hours(&self, before_ms: i64) -> u64 {
        let days = Grid::of_width(DAY_MS);
        let hours = self.spans.values().filter(|span| !span.is_day()).map(|span| days.floor(span.start_ms));
        let days: BTreeSet<i64> = hours.filter(|day| day + DAY_MS <= before_ms).collect();
        days.len() as u64
    }

    /// Forgets the tables that are not kept any more at a time, in milliseconds since the epoch, the spans of which none is, and
    /// the incidents that ended as long ago.
    pub fn expire(&mut self, tiers: Tiers, now_ms: i64) -> Expired {
        let mut expired = Expired::default();
        for span in self.spans.values() {
            let keeps = |table: &Table| tiers.keep(*table, span.end_ms, now_ms);
            if keeps(&Table::Minutes) {
                // What follows is newer.
                break;
            }
            let is_kept = keeps(&Table::Hours);
            let gone = span.files.keys().filter(|table| !keeps(table));
            let keys_before = expired.keys.len();
            expired.keys.extend(gone.map(|table| span.key(*table)));
            if !is_kept || expired.keys.len() > keys_before {
                expired.starts.insert(span.start_ms);
            }
        }
        let is_old = |file: &&IncidentFile| !tiers.keep(Table::Hours, file.end_ms, now_ms);
        for file in self.incidents.values().filter(is_old) {
            expired.incident_files.insert(file.first);
            expired.keys.push(file.key());
        }
        if !expired.incident_files.is_empty() {
            Arc::make_mut(&mut self.incidents).retain(|first, _| !expired.incident_files.contains(first));
        }
        if expired.starts.is_empty() {
            return expired;
        }
        let spans = Arc::make_mut(&mut self.spans);
        for start in &expired.starts {
            let Some(span) = spans.get_mut(start) else { continue };
            if tiers.keep(Table::Hours, span.end_ms, now_ms) {
                let end_ms = span.end_ms;
                Arc::make_mut(span).files.retain(|table, _| tiers.keep(*table, end_ms, now_ms));
            } else {
                expired.readings += span.readings;
                spans.remove(start);
            }
        }
        let oldest_ms = self.oldest_ms().unwrap_or(i64::MAX);
        if self.courses.values().any(|course| course.first_ms < oldest_ms) {
            let courses = Arc::make_mut(&mut self.courses);
            courses.retain(|_, course| course.last_ms > oldest_ms);
            courses.values_mut().for_each(|course| course.first_ms = course.first_ms.max(oldest_ms));
        }
        expired
    }

    /// The span that begins at a time.
    #[must_use]
    pub fn get(&self, start_ms: i64) -> Option<&Arc<Span>> {
        self.spans.get(&start_ms)
    }

    /// The spans that touch `[start_ms, end_ms)`, in order of time.
    pub fn within(&self, start_ms: i64, end_ms: i64) -> impl DoubleEndedIterator<Item = &Arc<Span>> {
        // A day may begin before the time and reach behind it.
        let from_ms = start_ms.saturating_sub(DAY_MS);
        self.spans.range(from_ms..end_ms.max(from_ms)).map(|(_, span)| span).filter(move |span| span.end_ms > start_ms)
    }

    /// From where to where it reaches, in milliseconds since the epoch; `None` where nothing is in it.
    #[must_use]
    pub fn extent(&self) -> Option<(UnixMillis, UnixMillis)> {
        self.oldest_ms().map(|oldest_ms| (UnixMillis(oldest_ms), UnixMillis(self.until_ms())))
    }

    /// Where the first hour begins, in milliseconds since the epoch; `None` where there is none.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<i64> {
        self.spans.first_key_value().map(|(start, span)| span.known_from_ms.unwrap_or(*start))
    }

    /// Where the last span ends: what is older is in files or has never been counted. `i64::MIN` where there is none.
    #[must_use]
    pub fn until_ms(&self) -> i64 {
        self.spans.last_key_value().map_or(i64::MIN, |(_, span)| span.end_ms)
    }

    /// Length of the files in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let tables = self.spans.values().flat_map(|span| span.files.values());
        tables.chain(self.incidents.values().map(|it| &it.file)).map(|file| file.bytes).sum()
    }

    /// Whether nothing is in files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.incidents.is_empty()
    }

    /// The same without the files that are to be removed.
    #[must_use]
    pub fn without_discarded(self) -> Self {
        Self { discarded: Arc::default(), ..self }
    }

    /// The readings in files.
    #[must_use]
    pub fn readings(&self) -> u64 {
        self.spans.values().map(|span| span.readings).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_ms: i64, end_ms: i64) -> Span {
        Span { start_ms, end_ms, ..Span::hour(0, 0, 1, 0, BTreeMap::new()) }
    }

    #[test]
    fn keys_follow_from_the_span() {
        let hour = 1_764_176_400_000;
        let day = hour - hour % DAY_MS;
        let key = |table| span(hour, hour + HOUR_MS).key(table);
        assert_eq!(key(Table::Minutes), "v1/hours/date=2025-11-26/hour=17/minutes-0.parquet");
        assert_eq!(key(Table::NetworkHours), "v1/hours/date=2025-11-26/hour=17/network_hourly-0.parquet");
        let key = |table| span(day, day + DAY_MS).key(table);
        assert_eq!(key(Table::Minutes), "v1/days/date=2025-11-26/0.parquet");
        assert_eq!(key(Table::Hours), "v1/hourly/date=2025-11-26/0.parquet");
        assert_eq!(key(Table::Days), "v1/daily/date=2025-11-26/0.parquet");
        let third = Span { partition: 3, ..span(hour, hour + HOUR_MS) };
        assert_eq!(third.key(Table::Minutes), "v1/hours/date=2025-11-26/hour=17/minutes-3.parquet");
        // A span of a version that knew one partition.
        let before = serde_json::to_value(span(hour, hour + HOUR_MS)).expect("JSON");
        assert!(before.get("partition").is_none());
        assert_eq!(serde_json::from_value::<Span>(before).expect("a span"), span(hour, hour + HOUR_MS));
    }

    #[test]
    fn the_next_day_has_hours_and_is_over() {
        let mut archived =
            Archived::new((20..75).map(|hour| span(hour * HOUR_MS, (hour + 1) * HOUR_MS)), Courses::new());
        let hours = |archived: &Archived, from_ms, before_ms| {
            let hours = archived.hours_of_a_day(from_ms, before_ms);
            hours.iter().map(|span| span.start_ms / HOUR_MS).collect::<Vec<_>>()
        };
        assert!(hours(&archived, i64::MIN, DAY_MS - 1).is_empty());
        assert_eq!(hours(&archived, i64::MIN, DAY_MS), [20, 21, 22, 23]);
        archived.insert(span(0, DAY_MS));
        assert_eq!(hours(&archived, i64::MIN, 3 * DAY_MS), (24..48).collect::<Vec<_>>());
        assert_eq!(hours(&archived, 2 * DAY_MS, 3 * DAY_MS), (48..72).collect::<Vec<_>>());
        assert!(hours(&archived, 3 * DAY_MS, 4 * DAY_MS - 1).is_empty());
    }

    #[test]
    fn tables_are_forgotten_tier_by_tier() {
        let files: BTreeMap<Table, File> =
            Table::ALL.into_iter().map(|table| (table, File { rows: 1, bytes: 1 })).collect();
        let day = |day: i64| Span { files: files.clone(), ..span(day * DAY_MS, (day + 1) * DAY_MS) };
        let course = |first, last| Course { first_ms: first * DAY_MS, last_ms: last * DAY_MS };
        let courses = [(Arc::from("left"), course(0, 2)), (Arc::from("stays"), course(1, 9))].into();
        let mut archived = Archived::new((0..10).map(day), courses);
        let tiers = Tiers { minutes_ms: 3 * DAY_MS, hours_ms: 7 * DAY_MS };
        assert_eq!(archived.expire(tiers, 4 * DAY_MS - 1), Expired::default());
        let expired = archived.expire(tiers, 10 * DAY_MS);
        assert_eq!((expired.starts.len(), expired.readings), (7, 3));
        // Of three days all files, of four more those of minutes.
        assert_eq!(expired.keys.len(), 3 * 6 + 4 * 2);
        assert_eq!((archived.oldest_ms(), archived.readings()), (Some(3 * DAY_MS), 7));
        let is_by_hour = archived.within(0, 10 * DAY_MS).map(|span| span.is_by_hour()).collect::<Vec<_>>();
        assert_eq!(is_by_hour, [true, true, true, true, false, false, false]);
        assert_eq!(
            archived.courses().iter().map(|(id, it)| (&**id, *it)).collect::<Vec<_>>(),
            [("stays", course(3, 9))]
        );
        assert_eq!(archived.expire(tiers, 10 * DAY_MS), Expired::default());
    }

    #[test]
    fn what_is_written_again_is_not_removed() {
        let mut archived = Archived::default();
        let keys = |span: &Span| vec![span.key(Table::Minutes), span.key(Table::NetworkHours)];
        let [hour, next, day] =
            [span(0, HOUR_MS), span(HOUR_MS, 2 * HOUR_MS), Span { end_ms: DAY_MS, ..span(0, HOUR_MS) }];
        for span in [&hour, &next, &day] {
            archived.discard(Discarded { at: UnixMillis(0), keys: keys(span) });
        }
        assert_eq!(archived.retrieve(0, 5), [0, 2]);
        let left: Vec<&String> = archived.discarded().values().flat_map(|files| &files.keys).collect();
        assert_eq!(left, keys(&next).iter().collect::<Vec<_>>());
        assert!(archived.retrieve(0, 5).is_empty());
    }

    #[test]
    fn a_day_takes_the_place_of_its_hours() {
        let hours = (0..30).map(|hour| span(hour * HOUR_MS, (hour + 1) * HOUR_MS));
        let mut archived = Archived::new(hours, Courses::new());
        assert_eq!((archived.readings(), archived.until_ms()), (30, 30 * HOUR_MS));
        let before = archived.clone();
        archived.insert(Span { readings: 24, ..span(0, DAY_MS) });
        assert_eq!((archived.readings(), archived.until_ms()), (30, 30 * HOUR_MS));
        let starts =
            |of: &Archived, start_ms, end_ms| of.within(start_ms, end_ms).map(|it| it.start_ms).collect::<Vec<_>>();
        assert_eq!(starts(&archived, 5 * HOUR_MS, DAY_MS + 1), [0, DAY_MS]);
        assert!(starts(&archived, DAY_MS, DAY_MS).is_empty());
        assert_eq!(starts(&before, 5 * HOUR_MS, 7 * HOUR_MS), [5 * HOUR_MS, 6 * HOUR_MS]);
    }
}
