//! The pages of the dashboard, each with its search and sort order.

use shared::api::Badness;
use shared::codec::ANTENNA_ID_MAX_BYTES;

use super::lists::choose;
use super::{Fleet, Incidents, Parameters, Reason};

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
    /// The path of the readings from the stream to the page.
    Pipeline,
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
    /// See [`Page::Incidents`].
    Incidents,
    /// See [`Page::Pipeline`].
    Pipeline,
}

impl Default for Page {
    fn default() -> Self {
        Self::Overview { by: Badness::default(), tall: false }
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

    pub(super) fn parse(kind: Kind, given: &Parameters) -> Result<Self, Reason> {
        Ok(match kind {
            Kind::Overview => Self::Overview {
                by: choose(&Badness::ALL, &given.by, Reason::By)?.unwrap_or_default(),
                tall: given.heatmap.as_deref() == Some("tall"),
            },
            Kind::Antennas => Self::Antennas(Fleet::parse(given)?),
            Kind::Antenna => {
                let id = given
                    .id
                    .clone()
                    .filter(|id| !id.is_empty() && id.len() <= ANTENNA_ID_MAX_BYTES)
                    .ok_or(Reason::Id)?;
                Self::Antenna { id }
            }
            Kind::Incidents => Self::Incidents(Incidents::parse(given)?),
            Kind::Pipeline => Self::Pipeline,
        })
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Overview { by, tall } => {
                let by = (*by != Badness::default()).then(|| ("by", by.to_string()));
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
    /// The kinds in the navigation, in its order.
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

    /// The parameters of the page, besides those of the range and of how it is displayed.
    #[must_use]
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Overview => &["by", "heatmap"],
            Self::Antennas => &["q", "status", "sort", "order", "page"],
            Self::Antenna => &["id"],
            Self::Incidents => &["q", "kind", "state", "scope", "sort", "page"],
            Self::Pipeline => &[],
        }
    }

    /// The page of this kind without search or sort order; for an antenna, the list of all antennas.
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
