//! What an address asks for.
//!
//! - [`Query`]: which figures: the page with its search and sort order, and the range of time.
//! - [`Address`]: a query and how it is displayed: the language, and whether on a wall screen.
//!
//! [`Address::parse`] and [`Address::href`] are inverse. Defaults are left out of the text, so that each page has exactly
//! one address.

mod address;
mod lists;
mod page;
mod range;
mod reason;

pub use address::{Address, Decimal, Manner, Parameters};
pub use lists::{COLUMNS, FLEET_ROWS, Filter, Fleet, INCIDENT_LINES, IncidentSort, Incidents};
#[cfg(test)]
pub(crate) use lists::{reversed, usual_order};
pub use page::{Kind, Page};
pub use range::{PRESETS, Range, duration_label};
pub use reason::Reason;

/// Which figures a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// The page.
    pub page: Page,
    /// The range of time.
    pub range: Range,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::language::Language;

    /// The address of a text, as the router and axum's extractor read it.
    pub(crate) fn read(href: &str) -> Result<Address, Reason> {
        let (path, text) = href.split_once('?').unwrap_or((href, ""));
        let kinds = [Kind::Overview, Kind::Antennas, Kind::Antenna, Kind::Incidents, Kind::Pipeline];
        let kind = kinds.into_iter().find(|kind| kind.path() == path).unwrap();
        let uri = format!("http://host{path}?{text}").parse().unwrap();
        let axum::extract::Query(parameters) =
            axum::extract::Query::<Parameters>::try_from_uri(&uri).map_err(|_| Reason::Parameters)?;
        Address::parse(kind, &parameters, Language::English)
    }
}
