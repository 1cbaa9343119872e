//! What an address asks for.
//!
//! - [`Query`]: which figures: the page with its search and sort order, and the range of time.
//! - [`Address`]: a query and how it is displayed: the language, and whether on a wall screen.
//!
//! [`Address::parse`] and [`Address::href`] are inverse. Defaults are left out of the text, so that each page has exactly
//! one address.

mod address;
mod lists;
mod month;
mod page;
mod range;
mod reason;

pub use address::{Address, Decimal, Manner, Parameters};
pub use lists::{COLUMNS, FLEET_ROWS, Filter, Fleet, INCIDENT_LINES, IncidentSort, Incidents};
#[cfg(test)]
pub(crate) use lists::{reversed, usual_order};
pub use month::Month;
pub use page::{Kind, Page};
pub use range::{Range, duration_label};
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
pub(crate) mod tests;
