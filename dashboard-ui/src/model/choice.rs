//! Links to choose from: filters, states, orders.

/// One of several links, of which one is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    pub(crate) is_shown: bool,
    /// As a CSS class, for a filter by status or kind.
    pub(crate) status: Option<&'static str>,
    /// How many rows it leads to, if that is known.
    pub(crate) count: Option<String>,
}

impl Choice {
    pub(super) const fn new(label: &'static str, href: String, is_shown: bool) -> Self {
        Self { label, href, is_shown, status: None, count: None }
    }
}
