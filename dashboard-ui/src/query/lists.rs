//! Search, filters and sort order of lists.

use shared::api::request::Value;
use shared::api::{Grouping, IncidentKind, IncidentState, Label, MapBox, Order, SiteSort, Sort, Status};
use shared::codec::ANTENNA_ID_MAX_BYTES;
use shared::spelled::Spelled;

use super::{Parameters, Reason};

/// Rows of a page of the fleet.
pub const FLEET_ROWS: u32 = 50;

/// Rows of a page of sites.
pub const SITE_ROWS: u32 = 50;

/// Lines of a page of incidents.
pub const INCIDENT_LINES: u32 = 50;

/// Characters of a site's name.
pub(crate) const SITE_MAX: usize = 64;

/// What the fleet is sorted by unless another column is chosen: the worst status first.
const FIRST_SORT: Sort = Sort::Status;

/// The columns that the fleet can be sorted by, in the order of the table.
pub const COLUMNS: [Sort; 9] = [
    Sort::Status,
    Sort::AntennaId,
    Sort::SuccessRate,
    Sort::Availability,
    Sort::Latency,
    Sort::P95,
    Sort::PacketsDelivered,
    Sort::PacketsLost,
    Sort::LastSeen,
];

/// The order of a column unless another is asked for: the worst first, or the largest volume.
pub(crate) const fn usual_order(sort: Sort) -> Order {
    match sort {
        Sort::Latency | Sort::P95 | Sort::PacketsDelivered | Sort::PacketsLost => Order::Descending,
        _ => Order::Ascending,
    }
}

pub(crate) const fn reversed(order: Order) -> Order {
    match order {
        Order::Ascending => Order::Descending,
        Order::Descending => Order::Ascending,
    }
}

/// Which antennas of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Those of a status.
    Status(Status),
    /// Those that are flapping, whatever their status.
    Flapping,
}

impl Filter {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 6] = [
        Self::Status(Status::Down),
        Self::Status(Status::Degraded),
        Self::Status(Status::Silent),
        Self::Status(Status::Healthy),
        Self::Flapping,
        Self::Status(Status::Unseen),
    ];

    /// As the address spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status(status) => status.as_str(),
            Self::Flapping => "flapping",
        }
    }

    fn parse(text: &Option<String>) -> Result<Option<Self>, Reason> {
        let Some(text) = given(text) else { return Ok(None) };
        Self::ALL.into_iter().find(|filter| filter.as_str() == text).map(Some).ok_or(Reason::Status)
    }
}

/// A part of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fleet {
    /// Only antennas whose id contains this text; empty for all.
    pub search: String,
    /// Only these antennas.
    pub filter: Option<Filter>,
    /// Only antennas at this site; empty for all.
    pub site: String,
    /// Only antennas with this label.
    pub label: Option<Label>,
    /// Whether those of a site are together.
    pub is_grouped: bool,
    /// The order, within a site if they are grouped.
    pub sort: Sort,
    /// Its direction.
    pub order: Order,
    /// The page, from 1.
    pub page: u32,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            search: String::new(),
            filter: None,
            site: String::new(),
            label: None,
            is_grouped: false,
            sort: FIRST_SORT,
            order: usual_order(FIRST_SORT),
            page: 1,
        }
    }
}

impl Fleet {
    pub(super) fn parse(asked: &Parameters) -> Result<Self, Reason> {
        let sort = choose(&COLUMNS, &asked.sort, Reason::Sort)?.unwrap_or(FIRST_SORT);
        let order = choose(&Order::ALL, &asked.order, Reason::Sort)?.unwrap_or(usual_order(sort));
        Ok(Self {
            search: parse_search(&asked.q)?,
            filter: Filter::parse(&asked.status)?,
            site: parse_site(&asked.site)?,
            label: parse_label(&asked.label)?,
            is_grouped: parse_group(&asked.group)?,
            sort,
            order,
            page: parse_page(&asked.page)?,
        })
    }

    /// The antennas of a site, whose page names it.
    pub(super) fn parse_site(asked: &Parameters) -> Result<Self, Reason> {
        let site = parse_site(&asked.name)?;
        if site.is_empty() { Err(Reason::Site) } else { Ok(Self { site, ..Self::parse(asked)? }) }
    }

    /// Sorted by another column, or in the opposite order if it is sorted by that column already; from the first page.
    #[must_use]
    pub fn sorted_by(&self, sort: Sort) -> Self {
        let order = if sort == self.sort { reversed(self.order) } else { usual_order(sort) };
        Self { sort, order, page: 1, ..self.clone() }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        push(&mut parameters, "q", (!self.search.is_empty()).then(|| self.search.clone()));
        push(&mut parameters, "status", self.filter.map(|filter| filter.as_str().to_owned()));
        push(&mut parameters, "site", (!self.site.is_empty()).then(|| self.site.clone()));
        push(&mut parameters, "label", self.label.as_ref().map(Label::to_string));
        push(&mut parameters, "group", self.is_grouped.then(|| Grouping::Site.to_string()));
        push(&mut parameters, "sort", (self.sort != FIRST_SORT).then(|| self.sort.to_string()));
        push(&mut parameters, "order", (self.order != usual_order(self.sort)).then(|| self.order.to_string()));
        push(&mut parameters, "page", (self.page > 1).then(|| self.page.to_string()));
        parameters
    }
}

/// A part of the fleet, and what of the earth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Map {
    /// The stretch that is shown; by default the one with all antennas in it.
    pub within: Option<MapBox>,
    /// Only antennas whose id contains this text; empty for all.
    pub search: String,
    /// Only these antennas.
    pub filter: Option<Filter>,
    /// Only antennas at this site; empty for all.
    pub site: String,
    /// Only antennas with this label.
    pub label: Option<Label>,
}

impl Map {
    pub(super) fn parse(asked: &Parameters) -> Result<Self, Reason> {
        let Fleet { search, filter, site, label, .. } = Fleet::parse(asked)?;
        let within = given(&asked.within).map(|text| MapBox::parse(text).map_err(|_| Reason::Box)).transpose()?;
        Ok(Self { within, search, filter, site, label })
    }

    /// The antennas of a list, wherever they stand.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let Fleet { search, filter, site, label, .. } = fleet.clone();
        Self { within: None, search, filter, site, label }
    }

    /// The same antennas as a list.
    #[must_use]
    pub fn fleet(&self) -> Fleet {
        let Self { search, filter, site, label, .. } = self.clone();
        Fleet { search, filter, site, label, ..Fleet::default() }
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = self.fleet().parameters();
        push(&mut parameters, "box", self.within.map(|within| within.to_text()));
        parameters
    }
}

/// Sites, in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sites {
    /// The order.
    pub sort: SiteSort,
    /// Its direction.
    pub order: Order,
    /// The page, from 1.
    pub page: u32,
}

impl Default for Sites {
    fn default() -> Self {
        let sort = SiteSort::default();
        Self { sort, order: usual_order_of_sites(sort), page: 1 }
    }
}

/// The order of sites unless another is asked for: the worst first, or the most.
const fn usual_order_of_sites(sort: SiteSort) -> Order {
    match sort {
        SiteSort::Latency | SiteSort::PacketsLost => Order::Descending,
        SiteSort::Status | SiteSort::Site | SiteSort::SuccessRate | SiteSort::Availability => Order::Ascending,
    }
}

impl Sites {
    pub(super) fn parse(asked: &Parameters) -> Result<Self, Reason> {
        let sort = choose(&SiteSort::ALL, &asked.sort, Reason::SiteSort)?.unwrap_or_default();
        let order = choose(&Order::ALL, &asked.order, Reason::SiteSort)?.unwrap_or(usual_order_of_sites(sort));
        Ok(Self { sort, order, page: parse_page(&asked.page)? })
    }

    /// Sorted by another column, or in the opposite order if they are sorted by that column already; from the first page.
    #[must_use]
    pub fn sorted_by(self, sort: SiteSort) -> Self {
        let order = if sort == self.sort { reversed(self.order) } else { usual_order_of_sites(sort) };
        Self { sort, order, page: 1 }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        push(&mut parameters, "sort", (self.sort != SiteSort::default()).then(|| self.sort.to_string()));
        let is_usual = self.order == usual_order_of_sites(self.sort);
        push(&mut parameters, "order", (!is_usual).then(|| self.order.to_string()));
        push(&mut parameters, "page", (self.page > 1).then(|| self.page.to_string()));
        parameters
    }
}

/// The order of incidents; those that last come first in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IncidentSort {
    /// The newest start first.
    #[default]
    Newest,
    /// The worst kind first, then the most antennas and packets lost.
    Severity,
    /// The longest first.
    Length,
}

impl Spelled for IncidentSort {
    const EVERY: &'static [Self] = &[Self::Newest, Self::Severity, Self::Length];

    fn spelling(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Severity => "severity",
            Self::Length => "length",
        }
    }
}

/// Some of the incidents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Incidents {
    /// Only antennas whose id contains this text; empty for all.
    pub search: String,
    /// Only antennas at this site; empty for all.
    pub site: String,
    /// Only antennas with this label.
    pub label: Option<Label>,
    /// Only those of this kind.
    pub kind: Option<IncidentKind>,
    /// Only ongoing ones.
    pub open: bool,
    /// Not only those of the page's range, but all that analytics keeps, which may be older.
    pub kept: bool,
    /// The order.
    pub sort: IncidentSort,
    /// The page, from 1.
    pub page: u32,
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            search: String::new(),
            site: String::new(),
            label: None,
            kind: None,
            open: false,
            kept: false,
            sort: IncidentSort::default(),
            page: 1,
        }
    }
}

impl Incidents {
    pub(super) fn parse(asked: &Parameters) -> Result<Self, Reason> {
        let open = match given(&asked.state) {
            None | Some("all") => false,
            Some("open") => true,
            Some(_) => return Err(Reason::State),
        };
        let kind = choose(&IncidentKind::ALL, &asked.kind, Reason::Kind)?;
        let kept = match given(&asked.scope) {
            None | Some("range") => false,
            Some("kept") => true,
            Some(_) => return Err(Reason::Scope),
        };
        let sort = choose(IncidentSort::EVERY, &asked.sort, Reason::IncidentSort)?.unwrap_or_default();
        Ok(Self {
            search: parse_search(&asked.q)?,
            site: parse_site(&asked.site)?,
            label: parse_label(&asked.label)?,
            kind,
            open,
            kept,
            sort,
            page: parse_page(&asked.page)?,
        })
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        push(&mut parameters, "q", (!self.search.is_empty()).then(|| self.search.clone()));
        push(&mut parameters, "site", (!self.site.is_empty()).then(|| self.site.clone()));
        push(&mut parameters, "label", self.label.as_ref().map(Label::to_string));
        push(&mut parameters, "kind", self.kind.map(|kind| kind.to_string()));
        push(&mut parameters, "state", self.open.then(|| IncidentState::Open.to_string()));
        push(&mut parameters, "scope", self.kept.then(|| "kept".to_owned()));
        let is_usual = self.sort == IncidentSort::default();
        push(&mut parameters, "sort", (!is_usual).then(|| self.sort.spelling().to_owned()));
        push(&mut parameters, "page", (self.page > 1).then(|| self.page.to_string()));
        parameters
    }
}

/// A form also sends its empty fields.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// What is given, among all that can be chosen.
pub(super) fn choose<T: Spelled>(all: &[T], text: &Option<String>, wrong: Reason) -> Result<Option<T>, Reason> {
    let Some(text) = given(text) else { return Ok(None) };
    all.iter().copied().find(|choice| choice.spelling() == text).map(Some).ok_or(wrong)
}

/// A search can be as long as the longest id.
fn parse_search(text: &Option<String>) -> Result<String, Reason> {
    let text = text.clone().unwrap_or_default();
    if text.len() <= ANTENNA_ID_MAX_BYTES { Ok(text) } else { Err(Reason::Search) }
}

/// A site has a name of 64 characters at most.
fn parse_site(text: &Option<String>) -> Result<String, Reason> {
    let text = text.clone().unwrap_or_default();
    if text.chars().count() <= SITE_MAX { Ok(text) } else { Err(Reason::Site) }
}

/// Whether antennas are grouped by their sites.
pub(super) fn parse_group(text: &Option<String>) -> Result<bool, Reason> {
    Ok(choose(&Grouping::ALL, text, Reason::Group)?.is_some())
}

fn parse_label(text: &Option<String>) -> Result<Option<Label>, Reason> {
    given(text).map(|text| Label::parse(text).ok_or(Reason::Label)).transpose()
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
