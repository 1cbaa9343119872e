//! Addresses: a query, the manner in which it is shown, and both as text.

use serde::Deserialize;

use super::{Fleet, Kind, Page, Query, Range, Reason};
use crate::language::Language;

/// A query and the manner in which it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which figures.
    pub query: Query,
    /// The manner.
    pub manner: Manner,
}

/// The manner in which a page is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Manner {
    /// The language.
    pub language: Language,
    /// Whether the address names the language; else it follows the browser.
    pub is_language_chosen: bool,
    /// Whether it is shown on a wall screen: larger, and without what nobody can reach there.
    pub is_wall: bool,
}

/// The parameters of an address before they are judged. Unknown ones are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Parameters {
    pub(super) window: Option<String>,
    pub(super) end: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) by: Option<String>,
    pub(super) heatmap: Option<String>,
    pub(super) q: Option<String>,
    pub(super) status: Option<String>,
    pub(super) sort: Option<String>,
    pub(super) order: Option<String>,
    pub(super) page: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) state: Option<String>,
    pub(super) id: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) wall: Option<String>,
}

impl Address {
    /// Judges an address. `preferred` is the language where the address names none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(kind: Kind, given: &Parameters, preferred: Language) -> Result<Self, Reason> {
        let range = match (given.from.as_deref(), given.to.as_deref()) {
            (Some(from), Some(to)) => Range::between(from, to)?,
            _ => Range::parse(given.window.as_deref(), given.end.as_deref())?,
        };
        Ok(Self { query: Query { page: Page::parse(kind, given)?, range }, manner: Manner::of(given, preferred) })
    }

    /// The address as text: path and query.
    #[must_use]
    pub fn href(&self) -> String {
        let Self { query: Query { page, range }, manner } = self;
        let language = manner.is_language_chosen.then(|| ("lang", manner.language.code().to_owned()));
        let wall = manner.is_wall.then(|| ("wall", "1".to_owned()));
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(page.parameters().into_iter().chain(range.parameters()).chain(language).chain(wall));
        let text = text.finish();
        let path = page.kind().path();
        if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
    }

    /// Where the fragments of this page come from.
    #[must_use]
    pub fn live_href(&self) -> String {
        format!("/live{}", self.href())
    }

    /// Another page over the same range, in the same manner.
    #[must_use]
    pub fn with_page(&self, page: Page) -> Self {
        Self { query: Query { page, range: self.query.range }, manner: self.manner }
    }

    /// The same page over another range. A list begins at its first page.
    #[must_use]
    pub fn with_range(&self, range: Range) -> Self {
        let page = match &self.query.page {
            Page::Antennas(fleet) => Page::Antennas(Fleet { page: 1, ..fleet.clone() }),
            page => page.clone(),
        };
        Self { query: Query { page, range }, manner: self.manner }
    }

    /// The same in another manner.
    #[must_use]
    pub fn with_manner(&self, manner: Manner) -> Self {
        Self { query: self.query.clone(), manner }
    }
}

impl Kind {
    /// The page of this kind over the default range.
    #[must_use]
    pub fn address(self, manner: Manner) -> Address {
        Address { query: Query { page: self.page(), range: Range::default() }, manner }
    }
}

impl Manner {
    /// The manner that parameters ask for. What they ask wrongly is not worth an error.
    #[must_use]
    pub fn of(given: &Parameters, preferred: Language) -> Self {
        let chosen = given.lang.as_deref().and_then(Language::from_code);
        Self {
            language: chosen.unwrap_or(preferred),
            is_language_chosen: chosen.is_some(),
            is_wall: given.wall.as_deref() == Some("1"),
        }
    }
}

impl Parameters {
    /// Whether they come from the form that asks for a range by its ends, which has an address of its own.
    #[must_use]
    pub const fn are_of_the_range_form(&self) -> bool {
        self.from.is_some() && self.to.is_some()
    }
}
