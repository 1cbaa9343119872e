//! Search, filters and sort order of lists.

use shared::api::{IncidentKind, Status};

use super::{Parameters, Reason};

/// Rows of a page of the fleet.
pub const FLEET_ROWS: u32 = 50;

/// Rows of a page of incidents.
pub const INCIDENT_ROWS: u32 = 50;

/// A search can be as long as the longest id.
const SEARCH_MAX: usize = 253;

/// The order of the worst antennas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// Most packets lost first.
    #[default]
    Failures,
    /// Lowest success rate first.
    SuccessRate,
    /// Highest mean latency first.
    Latency,
}

impl By {
    /// Every order, in the order in which the page offers them.
    pub const ALL: [Self; 3] = [Self::Failures, Self::SuccessRate, Self::Latency];

    /// The order as addresses spell it, this page's and analytics' alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::SuccessRate => "success_rate",
            Self::Latency => "latency",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        choose(&Self::ALL, Self::as_str, text).ok_or(Reason::By)
    }
}

/// What the fleet is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// Status, worst first.
    #[default]
    Status,
    /// Id.
    AntennaId,
    /// Success rate.
    SuccessRate,
    /// Mean latency.
    Latency,
    /// 95th percentile of latency.
    P95,
    /// Packets delivered.
    PacketsDelivered,
    /// Packets lost.
    PacketsLost,
    /// Arrival of the newest reading.
    LastSeen,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 8] = [
        Self::Status,
        Self::AntennaId,
        Self::SuccessRate,
        Self::Latency,
        Self::P95,
        Self::PacketsDelivered,
        Self::PacketsLost,
        Self::LastSeen,
    ];

    /// The order as addresses spell it, this page's and analytics' alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::AntennaId => "antenna_id",
            Self::SuccessRate => "success_rate",
            Self::Latency => "latency",
            Self::P95 => "p95",
            Self::PacketsDelivered => "packets_delivered",
            Self::PacketsLost => "packets_lost",
            Self::LastSeen => "last_seen",
        }
    }

    /// Whether the largest comes first where nothing else is asked for: what is worse than the rest is of interest.
    #[must_use]
    pub const fn descends(self) -> bool {
        matches!(self, Self::Latency | Self::P95 | Self::PacketsDelivered | Self::PacketsLost)
    }
}

/// A part of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fleet {
    /// Only antennas whose id contains this text; empty for all.
    pub search: String,
    /// Only antennas of this status.
    pub status: Option<Status>,
    /// The order.
    pub sort: Sort,
    /// Whether the largest comes first.
    pub descending: bool,
    /// The page, from 1.
    pub page: u32,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            search: String::new(),
            status: None,
            sort: Sort::default(),
            descending: Sort::default().descends(),
            page: 1,
        }
    }
}

impl Fleet {
    pub(super) fn parse(asked: &Parameters) -> Result<Self, Reason> {
        let sort = given(&asked.sort)
            .map_or(Ok(Sort::default()), |sort| choose(&Sort::ALL, Sort::as_str, sort).ok_or(Reason::Sort))?;
        let descending = match given(&asked.order) {
            None => sort.descends(),
            Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Reason::Sort),
        };
        Ok(Self {
            search: parse_search(&asked.q)?,
            status: given(&asked.status)
                .map(|status| choose(&STATUSES, Status::as_str, status).ok_or(Reason::Status))
                .transpose()?,
            sort,
            descending,
            page: parse_page(&asked.page)?,
        })
    }

    /// Sorted by another column, or in the opposite order if it is sorted by that column already; from the first page.
    #[must_use]
    pub fn sorted_by(&self, sort: Sort) -> Self {
        let descending = if sort == self.sort { !self.descending } else { sort.descends() };
        Self { sort, descending, page: 1, ..self.clone() }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        push(&mut parameters, "q", (!self.search.is_empty()).then(|| self.search.clone()));
        push(&mut parameters, "status", self.status.map(|status| status.as_str().to_owned()));
        push(&mut parameters, "sort", (self.sort != Sort::default()).then(|| self.sort.as_str().to_owned()));
        let order = if self.descending { "desc" } else { "asc" };
        push(&mut parameters, "order", (self.descending != self.sort.descends()).then(|| order.to_owned()));
        push(&mut parameters, "page", (self.page > 1).then(|| self.page.to_string()));
        parameters
    }
}

/// Every status, worst first.
pub const STATUSES: [Status; 4] = [Status::Down, Status::Degraded, Status::Silent, Status::Healthy];

/// Some of the incidents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Incidents {
    /// Only antennas whose id contains this text; empty for all.
    pub search: String,
    /// Only those of this kind.
    pub kind: Option<IncidentKind>,
    /// Only ongoing ones.
    pub open: bool,
    /// The page, from 1.
    pub page: u32,
}

impl Default for Incidents {
    fn default() -> Self {
        Self { search: String::new(), kind: None, open: false, page: 1 }
    }
}

impl Incidents {
    pub(super) fn parse(asked: &Parameters) -> Result<Self, Reason> {
        let open = match given(&asked.state) {
            None | Some("all") => false,
            Some("open") => true,
            Some(_) => return Err(Reason::State),
        };
        let kind =
            given(&asked.kind).map(|kind| choose(&IncidentKind::ALL, IncidentKind::as_str, kind).ok_or(Reason::Kind));
        Ok(Self { search: parse_search(&asked.q)?, kind: kind.transpose()?, open, page: parse_page(&asked.page)? })
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        push(&mut parameters, "q", (!self.search.is_empty()).then(|| self.search.clone()));
        push(&mut parameters, "kind", self.kind.map(|kind| kind.as_str().to_owned()));
        push(&mut parameters, "state", self.open.then(|| "open".to_owned()));
        push(&mut parameters, "page", (self.page > 1).then(|| self.page.to_string()));
        parameters
    }
}

/// A form also sends its empty fields.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn choose<T: Copy>(all: &[T], spelled: impl Fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|choice| spelled(*choice) == text)
}

fn parse_search(text: &Option<String>) -> Result<String, Reason> {
    let text = text.clone().unwrap_or_default();
    if text.len() <= SEARCH_MAX { Ok(text) } else { Err(Reason::Search) }
}

fn parse_page(text: &Option<String>) -> Result<u32, Reason> {
    match given(text).map(str::parse) {
        None => Ok(1),
        Some(Ok(page @ 1..=1_000_000)) => Ok(page),
        Some(_) => Err(Reason::Page),
    }
}

fn push(parameters: &mut Vec<(&'static str, String)>, name: &'static str, value: Option<String>) {
    parameters.extend(value.map(|value| (name, value)));
}
