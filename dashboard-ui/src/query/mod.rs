//! What a page was asked for, as its address says it.
//!
//! - [`Query`]: which figures: the page, with what it is searched and sorted by, and the range of time.
//! - [`Address`]: a query and the manner in which it is shown: the language, and whether on a wall screen.
//!
//! An address and its text are two forms of one thing: [`Address::parse`] and [`Address::href`]. Defaults are left out of
//! the text, so that each page has one address.

mod lists;
mod range;

use serde::Deserialize;

pub use lists::{By, FLEET_ROWS, Fleet, INCIDENT_ROWS, Incidents, STATUSES, Sort};
pub use range::{PRESETS, Range, duration_label};

use crate::language::Language;

/// An id is at most this long, in bytes.
const ID_MAX: usize = 253;

/// Rows of the heat map where no more are asked for, and where they are.
const HEATMAP_ROWS: (u32, u32) = (24, 120);

/// Which figures a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// The page.
    pub page: Page,
    /// The range of time.
    pub range: Range,
}

/// A page of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Page {
    /// The whole network.
    Overview {
        /// The order of the worst antennas.
        by: By,
        /// Whether the heat map has more rows.
        tall: bool,
    },
    /// Every antenna.
    Antennas(Fleet),
    /// One antenna.
    Antenna {
        /// Its id: any text.
        id: String,
    },
    /// What went wrong, and for how long.
    Incidents(Incidents),
    /// The way of the readings from the stream to the page.
    Pipeline,
}

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

/// The kinds of pages, as addresses spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`Page::Overview`].
    Overview,
    /// See [`Page::Antennas`].
    Antennas,
    /// See [`Page::Antenna`].
    Antenna,
    /// See [`Page::Incidents`].
    Incidents,
    /// See [`Page::Pipeline`].
    Pipeline,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A parameter is given twice, or is not text.
    Parameters,
    /// The range.
    Window,
    /// The end of the range.
    End,
    /// The order of the worst antennas.
    By,
    /// The order of the fleet.
    Sort,
    /// The status.
    Status,
    /// The kind of incidents.
    Kind,
    /// Whether incidents last.
    State,
    /// The search.
    Search,
    /// The page's number.
    Page,
    /// The antenna.
    Id,
    /// The host.
    Host,
}

/// The parameters of an address before they are judged. Unknown ones are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Parameters {
    window: Option<String>,
    end: Option<String>,
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    heatmap: Option<String>,
    q: Option<String>,
    status: Option<String>,
    sort: Option<String>,
    order: Option<String>,
    page: Option<String>,
    kind: Option<String>,
    state: Option<String>,
    id: Option<String>,
    lang: Option<String>,
    wall: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self::Overview { by: By::default(), tall: false }
    }
}

impl Page {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Overview { .. } => Kind::Overview,
            Self::Antennas(_) => Kind::Antennas,
            Self::Antenna { .. } => Kind::Antenna,
            Self::Incidents(_) => Kind::Incidents,
            Self::Pipeline => Kind::Pipeline,
        }
    }

    fn parse(kind: Kind, given: &Parameters) -> Result<Self, Reason> {
        let Parameters { by, heatmap, q, status, sort, order, page, kind: incident_kind, state, id, .. } = given;
        Ok(match kind {
            Kind::Overview => Self::Overview {
                by: by.as_deref().map_or(Ok(By::default()), By::parse)?,
                tall: heatmap.as_deref() == Some("tall"),
            },
            Kind::Antennas => Self::Antennas(Fleet::parse(
                q.as_deref(),
                status.as_deref(),
                sort.as_deref(),
                order.as_deref(),
                page.as_deref(),
            )?),
            Kind::Antenna => {
                let id = id.clone().filter(|id| !id.is_empty() && id.len() <= ID_MAX).ok_or(Reason::Id)?;
                Self::Antenna { id }
            }
            Kind::Incidents => Self::Incidents(Incidents::parse(
                q.as_deref(),
                incident_kind.as_deref(),
                state.as_deref(),
                page.as_deref(),
            )?),
            Kind::Pipeline => Self::Pipeline,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Overview { by, tall } => {
                let by = (*by != By::default()).then(|| ("by", by.as_str().to_owned()));
                let tall = tall.then(|| ("heatmap", "tall".to_owned()));
                by.into_iter().chain(tall).collect()
            }
            Self::Antennas(fleet) => fleet.parameters(),
            Self::Antenna { id } => vec![("id", id.clone())],
            Self::Incidents(incidents) => incidents.parameters(),
            Self::Pipeline => Vec::new(),
        }
    }

    /// Rows of the heat map.
    #[must_use]
    pub const fn heatmap_rows(tall: bool) -> u32 {
        if tall { HEATMAP_ROWS.1 } else { HEATMAP_ROWS.0 }
    }
}

impl Kind {
    /// The kinds that the navigation offers, in its order.
    pub const MAIN: [Self; 4] = [Self::Overview, Self::Antennas, Self::Incidents, Self::Pipeline];

    /// The path of the page.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Antennas => "/antennas",
            Self::Antenna => "/antenna",
            Self::Incidents => "/incidents",
            Self::Pipeline => "/pipeline",
        }
    }

    /// The page of this kind over the default range.
    #[must_use]
    pub fn address(self, manner: Manner) -> Address {
        Address { query: Query { page: self.page(), range: Range::default() }, manner }
    }

    /// The page of this kind with nothing searched or sorted; an antenna's page leads to all of them.
    #[must_use]
    pub fn page(self) -> Page {
        match self {
            Self::Overview => Page::default(),
            Self::Antennas | Self::Antenna => Page::Antennas(Fleet::default()),
            Self::Incidents => Page::Incidents(Incidents::default()),
            Self::Pipeline => Page::Pipeline,
        }
    }
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

impl Reason {
    /// What is wrong, in words for the person who typed the address.
    #[must_use]
    pub const fn words(self, language: Language) -> &'static str {
        match self {
            Self::Parameters => language.text(
                "A parameter is given twice, or is not text. Use each of them once.",
                "Un parámetro está repetido o no es texto. Use cada uno una sola vez.",
            ),
            Self::Window => language.text(
                "The range (window) is a length of time from 30s to 7d, like 5m, 15m or 1h.",
                "El intervalo (window) es una duración de 30s a 7d, como 5m, 15m o 1h.",
            ),
            Self::End => language.text(
                "The end of the range (end) is a time like 2025-11-24T14:47:05Z, or latest.",
                "El final del intervalo (end) es una hora como 2025-11-24T14:47:05Z, o latest.",
            ),
            Self::By => language.text(
                "The order (by) is one of failures, success_rate and latency.",
                "El orden (by) es failures, success_rate o latency.",
            ),
            Self::Sort => language.text(
                "The order (sort) is one of the columns of the table, and order is asc or desc.",
                "El orden (sort) es una de las columnas de la tabla, y order es asc o desc.",
            ),
            Self::Status => language.text(
                "The status is one of down, degraded, silent and healthy.",
                "El estado (status) es down, degraded, silent o healthy.",
            ),
            Self::Kind => language.text(
                "The kind of incidents is one of down, degraded and silent.",
                "El tipo de incidente (kind) es down, degraded o silent.",
            ),
            Self::State => language
                .text("The state of incidents is open or all.", "El estado de los incidentes (state) es open o all."),
            Self::Search => language.text(
                "The search (q) is at most 253 bytes long, as ids are.",
                "La búsqueda (q) tiene como máximo 253 bytes, igual que los identificadores.",
            ),
            Self::Page => language.text("The page is a number from 1.", "La página (page) es un número desde 1."),
            Self::Id => language
                .text("The antenna (id) is named by 1 to 253 bytes.", "La antena (id) se nombra con 1 a 253 bytes."),
            Self::Host => language.text(
                "The dashboard does not answer for this host name.",
                "El panel no responde a este nombre de host.",
            ),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use shared::UnixMillis;
    use shared::api::{IncidentKind, Status};

    use super::*;

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

    fn addresses() -> impl Strategy<Value = Address> {
        let text = "\\PC{0,20}";
        let fleet = (text, prop::option::of(0..4_usize), 0..8_usize, any::<bool>(), 1..1000_u32).prop_map(
            |(search, status, sort, descending, page)| {
                let status = status.map(|at| STATUSES[at]);
                Page::Antennas(Fleet { search, status, sort: Sort::ALL[sort], descending, page })
            },
        );
        let incidents =
            (text, prop::option::of(0..3_usize), any::<bool>(), 1..1000_u32).prop_map(|(search, kind, open, page)| {
                let kind = kind.map(|at| IncidentKind::ALL[at]);
                Page::Incidents(Incidents { search, kind, open, page })
            });
        let page = prop_oneof![
            (0..3_usize, any::<bool>()).prop_map(|(by, tall)| Page::Overview { by: By::ALL[by], tall }),
            fleet,
            "\\PC{1,40}".prop_map(|id| Page::Antenna { id }),
            incidents,
            Just(Page::Pipeline),
        ];
        let end = prop::option::of((0..4_000_000_000_000_i64).prop_map(UnixMillis));
        let range = (30..604_800_u32, end).prop_map(|(window, end)| Range { window, end });
        let manner = (any::<bool>(), any::<bool>()).prop_map(|(is_language_chosen, is_wall)| Manner {
            language: if is_language_chosen { Language::Spanish } else { Language::English },
            is_language_chosen,
            is_wall,
        });
        (page, range, manner).prop_map(|(page, range, manner)| Address { query: Query { page, range }, manner })
    }

    proptest! {
        #[test]
        fn an_address_and_its_text_are_the_same(address in addresses()) {
            prop_assert_eq!(read(&address.href()), Ok(address));
        }
    }

    #[test]
    fn defaults_are_left_out_of_the_text() {
        for (href, text) in [
            ("/?window=5m&by=failures&end=latest", "/"),
            ("/?window=900s", "/?window=15m"),
            ("/antennas?q=&status=&sort=&order=&page=1", "/antennas"),
            ("/antennas?sort=latency&order=desc", "/antennas?sort=latency"),
            ("/incidents?state=all&kind=", "/incidents"),
            ("/antenna?id=a/b%20c&lang=es&wall=1", "/antenna?id=a%2Fb+c&lang=es&wall=1"),
            ("/?lang=xx&wall=0", "/"),
        ] {
            assert_eq!(read(href).map(|address| address.href()), Ok(text.to_owned()), "{href}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(254);
        for (href, reason) in [
            ("/?window=1s", Reason::Window),
            ("/?end=soon", Reason::End),
            ("/?by=luck", Reason::By),
            ("/?window=5m&window=15m", Reason::Parameters),
            ("/antennas?sort=luck", Reason::Sort),
            ("/antennas?order=up", Reason::Sort),
            ("/antennas?status=well", Reason::Status),
            ("/antennas?page=0", Reason::Page),
            (&format!("/antennas?q={long}"), Reason::Search),
            ("/incidents?kind=odd", Reason::Kind),
            ("/incidents?state=shut", Reason::State),
            ("/antenna", Reason::Id),
            ("/antenna?id=", Reason::Id),
            (&format!("/antenna?id={long}"), Reason::Id),
        ] {
            assert_eq!(read(href), Err(reason), "{href}");
        }
    }

    #[test]
    fn the_form_of_a_range_leads_to_an_address_of_its_own() {
        let address = read("/antennas?from=2025-11-24T14:27&to=2025-11-24T14:47&q=north&page=3").unwrap();
        assert_eq!(address.href(), "/antennas?q=north&page=3&window=20m&end=2025-11-24T14%3A47%3A00Z");
    }

    #[test]
    fn sorting_again_turns_the_order_around() {
        let fleet = Fleet { page: 7, status: Some(Status::Down), ..Fleet::default() };
        let slowest = fleet.sorted_by(Sort::Latency);
        assert_eq!((slowest.sort, slowest.descending, slowest.page), (Sort::Latency, true, 1));
        assert!(!slowest.sorted_by(Sort::Latency).descending);
        assert_eq!(slowest.status, Some(Status::Down));
    }
}
