//! What a spreadsheet would take for a formula.

use std::borrow::Cow;

/// What a formula begins with.
const STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// A text for a cell of a CSV file: one that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
/// Injection"), as anybody can publish any id. In locales with a decimal comma, spreadsheets also split cells at semicolons,
/// so the text after one is treated likewise. Numbers are no texts: a negative one stays as it is.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.split(';').any(|cell| cell.starts_with(STARTS)) {
        return Cow::Borrowed(text);
    }
    let quoted = |cell: &str| if cell.starts_with(STARTS) { format!("'{cell}") } else { cell.to_owned() };
    Cow::Owned(text.split(';').map(quoted).collect::<Vec<_>>().join(";"))
}
