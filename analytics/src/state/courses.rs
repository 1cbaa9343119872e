//! The antennas that are in files, as a table.

use std::sync::Arc;

use polars::prelude::*;

use super::{decode_frame, encode_frame};
use crate::store::archived::{Course, Courses};

/// A table with a row for each antenna, by id: from when to when rows of it are in files.
pub(super) fn encode_courses(courses: &Courses) -> PolarsResult<Vec<u8>> {
    let columns = vec![
        Column::new("id".into(), courses.keys().map(|id| &**id).collect::<Vec<_>>()),
        Column::new("first_ms".into(), courses.values().map(|course| course.first_ms).collect::<Vec<_>>()),
        Column::new("last_ms".into(), courses.values().map(|course| course.last_ms).collect::<Vec<_>>()),
    ];
    encode_frame(&mut DataFrame::new(courses.len(), columns)?)
}

/// Reads the table back.
pub(super) fn decode_courses(bytes: &[u8]) -> PolarsResult<Courses> {
    let frame = decode_frame(bytes)?;
    let (first, last) = (frame.column("first_ms")?.i64()?, frame.column("last_ms")?.i64()?);
    let rows = frame.column("id")?.str()?.iter().zip(first.iter().zip(last.iter()));
    let courses = rows.map(|(id, (first_ms, last_ms))| {
        let course = Course { first_ms: first_ms?, last_ms: last_ms? };
        Some((Arc::from(id?), course)).filter(|_| course.first_ms < course.last_ms)
    });
    let courses: Option<Courses> = courses.collect();
    courses.ok_or_else(|| polars_err!(ComputeError: "a value is missing, or an antenna ends before it begins"))
}
