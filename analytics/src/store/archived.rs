//! What has left memory for the archive: which hours and days of event time are in files, and what the files hold.
//!
//! A [`Span`] is an hour or a day of which every table is written. Spans do not overlap; together with the panes in memory they
//! are everything that is kept. A span is committed behind the write of its files, in the commit that drops its panes, and
//! its keys follow from it, so files are read by their exact keys and never listed.

use std::collections::BTreeMap;
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

/// The number of the partition whose readings a file holds: there is one.
const PARTITION: u32 = 0;

/// How many hours are final, from that of the oldest pane to where retention stands, both in milliseconds since the epoch.
pub(super) fn final_hours(oldest_ms: Option<i64>, horizon_ms: i64) -> u64 {
    let hours = Grid::of_width(HOUR_MS);
    let final_ms = oldest_ms.map_or(0, |oldest_ms| hours.floor(horizon_ms).saturating_sub(hours.floor(oldest_ms)));
    final_ms.max(0).unsigned_abs() / HOUR_MS.unsigned_abs()
}

/// The tables of a span, a file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// A row for each antenna and minute.
    Minutes,
    /// A row for each antenna and hour.
    Hours,
    /// A row for each minute, over all antennas.
    NetworkMinutes,
    /// A row for each hour, over all antennas.
    NetworkHours,
}

impl Table {
    /// Whether its rows are of single antennas.
    #[must_use]
    pub const fn is_by_antenna(self) -> bool {
        matches!(self, Self::Minutes | Self::Hours)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hourly",
            Self::NetworkMinutes => "network_minutes",
            Self::NetworkHours => "network_hourly",
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
    /// Its start, milliseconds since the epoch: a full hour, or a full day in UTC.
    pub start_ms: i64,
    /// Its end, an hour or a day later.
    pub end_ms: i64,
    /// The readings that its rows add up to.
    pub readings: u64,
    /// Readings of it that no file holds, as the archive was away for too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// Its files. A table that is not kept any more has none.
    pub files: BTreeMap<Table, File>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Span {
    /// Whether it is a whole day.
    #[must_use]
    pub const fn is_day(&self) -> bool {
        self.end_ms - self.start_ms == DAY_MS
    }

    /// Where the file of a table is, below the archive's own place.
    #[must_use]
    pub fn key(&self, table: Table) -> String {
        let time = UnixMillis(self.start_ms).to_string();
        let (date, hour) = (&time[..10], &time[11..13]);
        if self.is_day() {
            format!("{LAYOUT}/{}/date={date}/{PARTITION}.parquet", table.folder_of_days())
        } else {
            format!("{LAYOUT}/hours/date={date}/hour={hour}/{}-{PARTITION}.parquet", table.name())
        }
    }
}

/// Incidents that are in a file: whole chunks of them, in the order in which they ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentFile {
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
        format!("{LAYOUT}/incidents/{:08}-{PARTITION}.parquet", self.first)
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

/// The antennas that are in files, by id.
pub type Courses = BTreeMap<Arc<str>, Course>;

/// Everything that is in files. Cloning is cheap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archived {
    /// By start.
    spans: Arc<BTreeMap<i64, Arc<Span>>>,
    courses: Arc<Courses>,
    /// By first chunk.
    incidents: Arc<BTreeMap<u64, IncidentFile>>,
}

impl Archived {
    /// What is in the spans, of the antennas with these courses.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = Span>, courses: Courses) -> Self {
        let spans = spans.into_iter().map(|span| (span.start_ms, Arc::new(span)));
        Self { spans: Arc::new(spans.collect()), courses: Arc::new(courses), incidents: Arc::default() }
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
        let known = Arc::make_mut(&mut self.courses);
        for (id, course) in courses {
            let known = known.entry(Arc::clone(id)).or_insert(*course);
            *known = known.with(*course);
        }
    }

    /// Adds a span, in place of those within it.
    pub fn insert(&mut self, span: Span) {
        let spans = Arc::make_mut(&mut self.spans);
        spans.retain(|start, _| !(span.start_ms..span.end_ms).contains(start));
        spans.insert(span.start_ms, Arc::new(span));
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

    /// Where the first span begins, in milliseconds since the epoch; `None` where there is none.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<i64> {
        self.spans.first_key_value().map(|(start, _)| *start)
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
        Span { start_ms, end_ms, readings: 1, expired: 0, files: BTreeMap::new() }
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
