//! Addresses: a query, how it is displayed, and both as text.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared::spelled::Spelled;

use super::lists::choose;
use super::{Base, CSV, Comparison, Fleet, Incidents, Kind, LIVE, Page, Query, Range, Reason, Sites};
use crate::language::Language;

/// A query and how it is displayed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which figures.
    pub query: Query,
    /// How they are displayed.
    pub manner: Manner,
}

/// How a page is displayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Manner {
    /// The language.
    pub language: Language,
    /// Whether the address names the language; otherwise it follows the browser.
    pub is_language_chosen: bool,
    /// Whether it is displayed on a wall screen: larger, and without the controls that nobody can reach there.
    pub is_wall: bool,
    /// Where the dashboard is.
    pub base: Base,
    /// Whether analytics answers only who shows a token, as code on the page then does.
    pub with_token: bool,
    /// What whoever looks at it may do.
    pub access: Access,
}

/// What whoever looks at a page may do. It is no part of an address: it follows from who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// Look, as anybody may.
    #[default]
    Open,
    /// Look, as they are known.
    Viewer,
    /// Look, and change things.
    Operator,
}

/// The parameters of an address before validation.
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
    pub(super) site: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "box")]
    pub(super) within: Option<String>,
    pub(super) label: Option<String>,
    pub(super) group: Option<String>,
    pub(super) sort: Option<String>,
    pub(super) order: Option<String>,
    pub(super) page: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) state: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) id: Option<String>,
    pub(super) month: Option<String>,
    pub(super) compare: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) wall: Option<String>,
    pub(super) decimal: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

/// How numbers stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// With a point, in cells separated by commas.
    Point,
    /// With a comma, in cells separated by semicolons, as Excel reads them where decimals have a comma.
    Comma,
}

impl Address {
    /// Validates an address. `preferred` is where the dashboard is, and the language if the address names none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(kind: Kind, given: &Parameters, preferred: impl Into<Manner>) -> Result<Self, Reason> {
        if let Some(name) = given.first_unknown(kind) {
            return Err(Reason::Unknown(name.to_owned()));
        }
        let range = match (given.from.as_deref(), given.to.as_deref()) {
            (Some(from), Some(to)) => Range::between(from, to)?,
            _ => Range::parse(given.window.as_deref(), given.end.as_deref())?,
        };
        let page = Page::parse(kind, given)?;
        let comparison = choose(Comparison::EVERY, &given.compare, Reason::Compare)?.unwrap_or_default();
        Ok(Self { query: Query { page, range, comparison }, manner: Manner::of(given, preferred.into()) })
    }

    /// The address as text: path and query.
    #[must_use]
    pub fn href(&self) -> String {
        self.href_under("")
    }

    fn href_under(&self, folder: &str) -> String {
        let Self { query: Query { page, range, comparison }, manner } = self;
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(page.parameters().into_iter().chain(range.parameters()));
        text.extend_pairs(comparison.parameter().into_iter().chain(manner.parameters()));
        let text = text.finish();
        let path = page.kind().path_in(manner.base, folder);
        if text.is_empty() { path } else { format!("{path}?{text}") }
    }

    /// The address of this page's live fragments.
    #[must_use]
    pub fn live_href(&self) -> String {
        self.href_under(LIVE)
    }

    /// The address of the file with what this page shows.
    #[must_use]
    pub fn csv_href(&self) -> String {
        self.href_under(CSV)
    }

    /// Another page over the same range, compared with the same, displayed in the same way.
    #[must_use]
    pub fn with_page(&self, page: Page) -> Self {
        Self { query: Query { page, ..self.query }, manner: self.manner }
    }

    /// The same page, compared with something else.
    #[must_use]
    pub fn with_comparison(&self, comparison: Comparison) -> Self {
        Self { query: Query { comparison, ..self.query.clone() }, manner: self.manner }
    }

    /// The same page over another range. A list starts at its first page.
    #[must_use]
    pub fn with_range(&self, range: Range) -> Self {
        let page = match &self.query.page {
            Page::Antennas(fleet) => Page::Antennas(Fleet { page: 1, ..fleet.clone() }),
            Page::Site(fleet) => Page::Site(Fleet { page: 1, ..fleet.clone() }),
            Page::Sites(sites) => Page::Sites(Sites { page: 1, ..*sites }),
            Page::Incidents(incidents) => Page::Incidents(Incidents { page: 1, ..incidents.clone() }),
            page => page.clone(),
        };
        Self { query: Query { page, range, ..self.query }, manner: self.manner }
    }

    /// The same page, displayed in another way.
    #[must_use]
    pub fn with_manner(&self, manner: Manner) -> Self {
        Self { query: self.query.clone(), manner }
    }
}

impl Kind {
    /// The page's path as browsers know it, in a folder of other forms of the pages.
    #[must_use]
    pub fn path_in(self, base: Base, folder: &str) -> String {
        format!("{base}{folder}{}", self.path())
    }

    /// The page of this kind over the default range.
    #[must_use]
    pub fn address(self, manner: Manner) -> Address {
        Address { query: Query { page: self.page(), ..Query::default() }, manner }
    }
}

impl From<Language> for Manner {
    fn from(language: Language) -> Self {
        Self { language, ..Self::default() }
    }
}

impl Manner {
    /// The display options in the parameters. Invalid ones are ignored.
    #[must_use]
    pub fn of(given: &Parameters, preferred: Self) -> Self {
        let chosen = given.lang.as_deref().and_then(Language::from_code);
        Self {
            language: chosen.unwrap_or(preferred.language),
            is_language_chosen: chosen.is_some(),
            is_wall: given.wall.as_deref() == Some("1"),
            ..preferred
        }
    }

    /// The display options as in addresses. Those that follow from the browser, or are not set, are left out.
    pub(crate) fn parameters(self) -> impl Iterator<Item = (&'static str, String)> {
        let language = self.is_language_chosen.then(|| ("lang", self.language.code().to_owned()));
        language.into_iter().chain(self.is_wall.then(|| ("wall", "1".to_owned())))
    }

    /// The address of a page without a range, displayed in this way.
    pub(crate) fn href<N: AsRef<str>, V: AsRef<str>>(self, path: &str, given: &[(N, V)]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(given).extend_pairs(self.parameters());
        let text = text.finish();
        if text.is_empty() { format!("{}{path}", self.base) } else { format!("{}{path}?{text}", self.base) }
    }

    /// The same for a page without parameters.
    pub(crate) fn href_of(self, path: &str) -> String {
        self.href::<&str, &str>(path, &[])
    }

    /// Takes the display options out of the parameters of a page that has others of its own.
    #[must_use]
    pub(crate) fn take(pairs: &mut Vec<(String, String)>, preferred: Self) -> Self {
        let mut take = |name: &str| pairs.extract_if(.., |(given, _)| given == name).map(|(_, value)| value).next();
        let given = Parameters { lang: take("lang"), wall: take("wall"), ..Parameters::default() };
        Self::of(&given, preferred)
    }
}

impl Parameters {
    /// The first one that a page does not have.
    fn first_unknown(&self, kind: Kind) -> Option<&str> {
        let of_pages = [
            ("by", &self.by),
            ("heatmap", &self.heatmap),
            ("q", &self.q),
            ("status", &self.status),
            ("site", &self.site),
            ("name", &self.name),
            ("box", &self.within),
            ("label", &self.label),
            ("group", &self.group),
            ("sort", &self.sort),
            ("order", &self.order),
            ("page", &self.page),
            ("kind", &self.kind),
            ("state", &self.state),
            ("scope", &self.scope),
            ("id", &self.id),
            ("month", &self.month),
            ("decimal", &self.decimal),
        ];
        let given = of_pages.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name);
        let of_others = given.into_iter().find(|name| !kind.parameters().contains(name));
        of_others.or_else(|| self.others.keys().next().map(String::as_str))
    }

    /// Whether they come from the form with the start and end of a range, which redirects to the range's own address.
    #[must_use]
    pub const fn are_of_the_range_form(&self) -> bool {
        self.from.is_some() && self.to.is_some()
    }

    /// How numbers are to stand in a file.
    ///
    /// # Errors
    /// When it is none of the ways.
    pub fn take_decimal(&mut self) -> Result<Decimal, Reason> {
        match self.decimal.take().as_deref() {
            None | Some("point") => Ok(Decimal::Point),
            Some("comma") => Ok(Decimal::Comma),
            Some(_) => Err(Reason::Decimal),
        }
    }
}
