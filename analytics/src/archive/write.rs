//! Final hours into files.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use polars::prelude::*;

use super::file::{encode, group_rows};
use super::place::{Place, PlaceError};
use super::rows::FinalHour;
use super::rows::column::{ANTENNA_ID, START};
use crate::store::archived::{Course, Courses, File, Span, Table};

const FIRST: &str = "first";
const LAST: &str = "last";

/// The files of an hour, before they are written.
#[derive(Debug, Clone)]
pub struct Files {
    written: Written,
    bytes: Vec<(Table, Bytes)>,
}

/// What files hold that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The hour.
    pub span: Span,
    /// Its antennas.
    pub courses: Courses,
}

impl Files {
    /// The files of a final hour. They follow from its panes alone, so whoever writes them twice writes the same.
    ///
    /// # Errors
    /// When a pane lacks a column.
    pub fn of(hour: &FinalHour) -> PolarsResult<Self> {
        let readings = hour.readings()?;
        let (mut files, mut all, mut courses) = (BTreeMap::new(), Vec::new(), Courses::new());
        for (table, rows) in hour.tables()? {
            if table == Table::Minutes {
                courses = courses_of(&rows, hour.row_ms)?;
            }
            let bytes = Bytes::from(encode(&rows, group_rows(table, false))?);
            files.insert(table, File { rows: rows.height() as u64, bytes: bytes.len() as u64 });
            all.push((table, bytes));
        }
        let span = Span::hour(hour.partition, hour.start_ms, readings, 0, files);
        Ok(Self { written: Written { span, courses }, bytes: all })
    }

    /// The hour that they hold.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.written.span
    }

    /// Writes all of them, over what may be there of an earlier try.
    ///
    /// # Errors
    /// When the place does not answer, or refuses.
    pub async fn put(&self, place: &Place) -> Result<Written, PlaceError> {
        for (table, bytes) in &self.bytes {
            place.put(&self.written.span.key(*table), bytes.clone()).await?;
        }
        Ok(self.written.clone())
    }
}

/// From when to when each antenna is in some rows.
fn courses_of(rows: &DataFrame, row_ms: i64) -> PolarsResult<Courses> {
    let ends = [col(START).min().alias(FIRST), col(START).max().alias(LAST)];
    let courses = rows.clone().lazy().group_by([col(ANTENNA_ID)]).agg(ends).collect()?;
    let times = |name: &str| courses.column(name)?.cast(&DataType::Int64);
    let (first, last) = (times(FIRST)?, times(LAST)?);
    let rows = courses.column(ANTENNA_ID)?.str()?.iter().zip(first.i64()?.iter().zip(last.i64()?.iter()));
    let course = |(id, (first_ms, last_ms)): (Option<&str>, (Option<i64>, Option<i64>))| {
        Some((Arc::from(id?), Course { first_ms: first_ms?, last_ms: last_ms? + row_ms }))
    };
    Ok(rows.filter_map(course).collect())
}
