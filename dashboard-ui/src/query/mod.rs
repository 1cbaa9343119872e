//! What an address asks for.
//!
//! - [`Query`]: which figures: the page with its search and sort order, the range of time, and what it is compared with.
//! - [`Address`]: a query and how it is displayed: the language, and whether on a wall screen.
//!
//! [`Address::parse`] and [`Address::href`] are inverse. Defaults are left out of the text, so that each page has exactly
//! one address.

mod address;
mod base;
mod comparison;
mod lists;
mod month;
mod page;
mod range;
mod reason;

pub use address::{Access, Address, Decimal, Manner, Parameters};
pub use base::{
    ACCOUNT, ACKNOWLEDGE, AUDIT, BADGE, Base, CANCEL, CSV, DOCS, FEED, LIVE, LOGIN, LOGOUT, MAINTENANCE, MUTE, NOTE,
    NOTES, QUIET, STATUS, UNACKNOWLEDGE, UNMUTE, UNNOTE,
};
pub use comparison::Comparison;
pub(crate) use comparison::week_before;
pub use lists::{COLUMNS, FLEET_ROWS, Filter, Fleet, INCIDENT_LINES, IncidentSort, Incidents, Map, SITE_ROWS, Sites};
#[cfg(test)]
pub(crate) use lists::{reversed, usual_order};
pub use month::Month;
pub use page::{Kind, Page};
pub(crate) use range::parse_local;
pub use range::{Range, duration_label};
pub use reason::Reason;

/// Which figures a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// The page.
    pub page: Page,
    /// The range of time.
    pub range: Range,
    /// What the range is compared with.
    pub comparison: Comparison,
}

#[cfg(test)]
pub(crate) mod tests;
