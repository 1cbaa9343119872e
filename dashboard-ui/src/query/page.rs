//! The pages of the dashboard, each with its search and sort order.

use shared::api::{Badness, Grouping};
use shared::codec::ANTENNA_ID_MAX_BYTES;

use super::lists::{choose, parse_group};
use super::{Fleet, Incidents, Map, Month, Parameters, Reason, Sites};

/// Rows of the heat map: by default, and if more are requested.
const HEATMAP_ROWS: (u32, u32) = (24, 120);

/// A page of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Page {
    /// The whole network.
    Overview {
        /// The order of the worst antennas.
        by: Badness,
        /// Whether the heat map has more rows.
        tall: bool,
        /// Whether it has a row for each site.
        is_grouped: bool,
    },
    /// Every antenna.
    Antennas(Fleet),
    /// One antenna.
    Antenna {
        /// Its id: any text.
        id: String,
    },
    /// The sites that antennas are at.
    Sites(Sites),
    /// One site, with its antennas.
    Site(Fleet),
    /// Where antennas stand.
    Map(Map),
    /// What went wrong, and for how long.
    Incidents(Incidents),
    /// The path of the readings from the stream to the page.
    Pipeline,
    /// Days of the archive, as a calendar; of one month also as a report.
    Report {
        /// The month; without one, the latest months.
        month: Option<Month>,
        /// Of one antenna; by default of the whole network.
        id: Option<String>,
    },
}

/// The kinds of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`Page::Overview`].
    Overview,
    /// See [`Page::Antennas`].
    Antennas,
    /// See [`Page::Antenna`].
    Antenna,
    /// See [`Page::Sites`].
    Sites,
    /// See [`Page::Site`].
    Site,
    /// See [`Page::Map`].
    Map,
    /// See [`Page::Incidents`].
    Incidents,
    /// See [`Page::Pipeline`].
    Pipeline,
    /// See [`Page::Report`].
    Report,
}

impl Default for Page {
    fn default() -> Self {
        Self::Overview { by: Badness::default(), tall: false, is_grouped: false }
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
            Self::Sites(_) => Kind::Sites,
            Self::Site(_) => Kind::Site,
            Self::Map(_) => Kind::Map,
            Self::Incidents(_) => Kind::Incidents,
            Self::Pipeline => Kind::Pipeline,
            Self::Report { .. } => Kind::Report,
        }
    }

    /// Whether its figures are compared with those of another time.
    #[must_use]
    pub(crate) const fn is_compared(&self) -> bool {
        matches!(self, Self::Overview { .. } | Self::Antenna { .. })
    }

    /// The days of what the page is about.
    #[must_use]
    pub(crate) fn days(&self) -> Self {
        let id = match self {
            Self::Antenna { id } => Some(id.clone()),
            _ => None,
        };
        Self::Report { month: None, id }
    }

    pub(super) fn parse(kind: Kind, given: &Parameters) -> Result<Self, Reason> {
        Ok(match kind {
            Kind::Overview => Self::Overview {
                by: choose(&Badness::ALL, &given.by, Reason::By)?.unwrap_or_default(),
                tall: given.heatmap.as_deref() == Some("tall"),
                is_grouped: parse_group(&given.group)?,
            },
            Kind::Antennas => Self::Antennas(Fleet::parse(given)?),
            Kind::Antenna => Self::Antenna { id: parse_id(given.id.clone())? },
            Kind::Sites => Self::Sites(Sites::parse(given)?),
            Kind::Site => Self::Site(Fleet::parse_site(given)?),
            Kind::Map => Self::Map(Map::parse(given)?),
            Kind::Incidents => Self::Incidents(Incidents::parse(given)?),
            Kind::Pipeline => Self::Pipeline,
            Kind::Report => Self::Report {
                month: given.month.as_deref().map(Month::parse).transpose()?,
                id: given.id.clone().map(|id| parse_id(Some(id))).transpose()?,
            },
        })
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Overview { by, tall, is_grouped } => {
                let by = (*by != Badness::default()).then(|| ("by", by.to_string()));
                let tall = tall.then(|| ("heatmap", "tall".to_owned()));
                let group = is_grouped.then(|| ("group", Grouping::Site.to_string()));
                by.into_iter().chain(tall).chain(group).collect()
            }
            Self::Antennas(fleet) => fleet.parameters(),
            Self::Antenna { id } => vec![("id", id.clone())],
            Self::Sites(sites) => sites.parameters(),
            Self::Site(fleet) => {
                let named = |(name, value)| (if name == "site" { "name" } else { name }, value);
                fleet.parameters().into_iter().map(named).collect()
            }
            Self::Map(map) => map.parameters(),
            Self::Incidents(incidents) => incidents.parameters(),
            Self::Pipeline => Vec::new(),
            Self::Report { month, id } => {
                let month = month.map(|month| ("month", month.to_string()));
                month.into_iter().chain(id.clone().map(|id| ("id", id))).collect()
            }
        }
    }

    /// Rows of the heat map.
    #[must_use]
    pub const fn heatmap_rows(tall: bool) -> u32 {
        if tall { HEATMAP_ROWS.1 } else { HEATMAP_ROWS.0 }
    }
}

impl Kind {
    /// The kinds in the navigation, in its order.
    pub const MAIN: [Self; 4] = [Self::Overview, Self::Antennas, Self::Incidents, Self::Pipeline];

    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Overview,
        Self::Antennas,
        Self::Antenna,
        Self::Sites,
        Self::Site,
        Self::Map,
        Self::Incidents,
        Self::Pipeline,
        Self::Report,
    ];

    /// Whether its pages are kept live. Days that have passed do not change.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Report)
    }

    /// The path of the page.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Antennas => "/antennas",
            Self::Antenna => "/antenna",
            Self::Sites => "/sites",
            Self::Site => "/site",
            Self::Map => "/map",
            Self::Incidents => "/incidents",
            Self::Pipeline => "/pipeline",
            Self::Report => "/report",
        }
    }

    /// The parameters of the page, besides those of the range and of how it is displayed.
    #[must_use]
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Overview => &["by", "heatmap", "group"],
            Self::Antennas => &["q", "status", "site", "label", "group", "sort", "order", "page"],
            Self::Antenna => &["id"],
            Self::Sites => &["sort", "order", "page"],
            Self::Site => &["name", "q", "status", "label", "sort", "order", "page"],
            Self::Map => &["q", "status", "site", "label", "box"],
            Self::Incidents => &["q", "site", "label", "kind", "state", "scope", "sort", "page"],
            Self::Pipeline => &[],
            Self::Report => &["month", "id"],
        }
    }

    /// The page of this kind without search or sort order; for an antenna, the list of all antennas, and for a site that of all
    /// sites.
    #[must_use]
    pub fn page(self) -> Page {
        match self {
            Self::Overview => Page::default(),
            Self::Antennas | Self::Antenna => Page::Antennas(Fleet::default()),
            Self::Sites | Self::Site => Page::Sites(Sites::default()),
            Self::Map => Page::Map(Map::default()),
            Self::Incidents => Page::Incidents(Incidents::default()),
            Self::Pipeline => Page::Pipeline,
            Self::Report => Page::Report { month: None, id: None },
        }
    }
}

fn parse_id(id: Option<String>) -> Result<String, Reason> {
    id.filter(|id| !id.is_empty() && id.len() <= ANTENNA_ID_MAX_BYTES).ok_or(Reason::Id)
}
