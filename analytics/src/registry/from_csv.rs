//! Entries in CSV: a row for each, below a header that names the fields.
//!
//! A label is a column `label:KEY`. An empty cell says nothing. Spreadsheets of countries that write a decimal comma put
//! semicolons between cells, which the header tells.

use std::collections::HashSet;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};

use super::fields::{Entry, Placed};
use crate::fault::{Fault, Place};

/// What a column of a label begins with.
const LABEL: &str = "label:";

/// The columns that are not labels.
const COLUMNS: [&str; 14] = [
    "id",
    "name",
    "site",
    "public",
    "latitude",
    "longitude",
    "parent",
    "uplink",
    "interval",
    "degraded_success_rate",
    "degraded_latency",
    "raise_after",
    "clear_after",
    "muted",
];

/// The entries of a text.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Fault> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = reader.records();
    let Some(header) = rows.next() else {
        return Err(Fault::of_file("a header is needed that names the columns, the first of them id".to_owned()));
    };
    let header = header.map_err(|error| fault(&error))?;
    let columns = columns(&header)?;
    let mut entries = Vec::new();
    for row in rows {
        let row = row.map_err(|error| fault(&error))?;
        let line = row.position().map_or(1, csv::Position::line);
        if row.iter().all(|cell| cell.trim().is_empty()) {
            // A spreadsheet ends in rows of nothing.
            continue;
        }
        if row.len() > columns.len() {
            let place = Place { line, column: columns.len() as u64 + 1 };
            return Err(Fault {
                place: Some(place),
                why: format!("the row has {} cells, and the header {}", row.len(), columns.len()),
            });
        }
        entries.push(Row { columns: &columns, cells: &row, line }.entry()?);
    }
    Ok(entries)
}

fn fault(error: &csv::Error) -> Fault {
    let place = error.position().map(|position| Place { line: position.line(), column: 1 });
    Fault { place, why: error.to_string() }
}

/// The names of the columns.
fn columns(header: &StringRecord) -> Result<Vec<Placed<String>>, Fault> {
    let line = header.position().map_or(1, csv::Position::line);
    let mut seen = HashSet::new();
    let mut columns = Vec::new();
    for (name, column) in header.iter().zip(1..) {
        let name = Placed { value: name.trim().to_owned(), place: Place { line, column } };
        if !COLUMNS.contains(&name.value.as_str()) && !name.value.starts_with(LABEL) {
            return Err(name.fault(format!(
                "no column {:?} is known; there are {} and {LABEL}KEY",
                name.value,
                COLUMNS.join(", ")
            )));
        }
        if !seen.insert(name.value.clone()) {
            return Err(name.fault(format!("the column {:?} is there twice", name.value)));
        }
        columns.push(name);
    }
    if !seen.contains("id") {
        let why = "the column id is missing".to_owned();
        return Err(Fault { place: Some(Place { line, column: 1 }), why });
    }
    Ok(columns)
}

/// A row of a file.
struct Row<'a> {
    columns: &'a [Placed<String>],
    cells: &'a StringRecord,
    line: u64,
}

impl Row<'_> {
    fn entry(&self) -> Result<Entry, Fault> {
        let labels = self.columns.iter().zip(1..).filter_map(|(name, column)| {
            let key = name.value.strip_prefix(LABEL)?.to_owned();
            Some((Placed { value: key, place: name.place }, self.cell(column)?))
        });
        let nothing = Placed { value: String::new(), place: Place { line: self.line, column: 1 } };
        Ok(Entry {
            id: self.text("id").unwrap_or(nothing),
            name: self.text("name"),
            site: self.text("site"),
            public: self.text("public"),
            labels: labels.collect(),
            latitude: self.parsed("latitude", "a number like 40.4168 is needed")?,
            longitude: self.parsed("longitude", "a number like -3.7038 is needed")?,
            parent: self.text("parent"),
            uplink: self.flag("uplink")?,
            interval: self.text("interval"),
            degraded_success_rate: self.parsed("degraded_success_rate", "a number like 0.95 is needed")?,
            degraded_latency: self.text("degraded_latency"),
            raise_after: self.parsed("raise_after", "a whole number is needed")?,
            clear_after: self.parsed("clear_after", "a whole number is needed")?,
            muted: self.flag("muted")?,
        })
    }

    fn cell(&self, column: u64) -> Option<Placed<String>> {
        let text = self.cells.get(usize::try_from(column).ok()?.checked_sub(1)?)?.trim();
        (!text.is_empty()).then(|| Placed { value: text.to_owned(), place: Place { line: self.line, column } })
    }

    fn text(&self, name: &str) -> Option<Placed<String>> {
        let column = self.columns.iter().find(|column| column.value == name)?.place.column;
        self.cell(column)
    }

    fn parsed<T: FromStr>(&self, name: &str, needed: &str) -> Result<Option<Placed<T>>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = text.value.parse().map_err(|_| text.fault(needed.to_owned()))?;
        Ok(Some(Placed { value, place: text.place }))
    }

    /// Spreadsheets write yes and no in capitals.
    fn flag(&self, name: &str) -> Result<Option<Placed<bool>>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = match text.value.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(text.fault("true or false is needed".to_owned())),
        };
        Ok(Some(Placed { value, place: text.place }))
    }
}
