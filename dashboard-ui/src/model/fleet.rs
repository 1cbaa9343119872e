//! The fleet: every antenna, searched, filtered, sorted and cut into pages by analytics.

use shared::api::Status;

use super::rows::{antenna_line, pages};
use super::{AntennaLine, Frame, Pages, Scene, hidden, status_label};
use crate::format;
use crate::language::Language;
use crate::query::{FLEET_ROWS, Fleet, Page, STATUSES, Sort};
use crate::source::AntennasFigures;

/// The fleet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FleetScreen {
    pub(crate) frame: Frame,
    /// What is searched for.
    pub(crate) search: String,
    /// What the form of the search has to send along.
    pub(crate) hidden: Vec<(String, String)>,
    /// All, and each status.
    pub(crate) filters: Vec<StatusFilter>,
    /// The columns that can be sorted by.
    pub(crate) columns: Vec<Column>,
    /// The rows.
    pub(crate) rows: Vec<AntennaLine>,
    /// Where one is among all rows.
    pub(crate) pages: Pages,
    /// How many antennas match, in words.
    pub(crate) found: String,
    /// The address without search and filter, where there is one.
    pub(crate) clear: Option<String>,
    /// The address of the same as a file.
    pub(crate) csv: String,
}

/// A status to filter by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusFilter {
    /// As a class of the style sheet; `None` for all.
    pub(crate) status: Option<&'static str>,
    pub(crate) label: &'static str,
    pub(crate) count: String,
    pub(crate) href: String,
    pub(crate) is_shown: bool,
}

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) sort: Sort,
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// Whether it is sorted by, and whether the largest comes first then.
    pub(crate) order: Option<bool>,
}

pub(super) fn fleet_screen(figures: &AntennasFigures, frame: Frame, scene: &Scene<'_>) -> FleetScreen {
    let default = Fleet::default();
    let fleet = match &scene.address.query.page {
        Page::Antennas(fleet) => fleet,
        _ => &default,
    };
    let language = scene.language();
    let href = |fleet: Fleet| scene.address.with_page(Page::Antennas(fleet)).href();
    let page = &figures.antennas;
    let is_narrowed = !fleet.search.is_empty() || fleet.status.is_some();
    FleetScreen {
        search: fleet.search.clone(),
        hidden: hidden(scene.address, &["q", "page"]),
        filters: filters(figures, fleet, scene),
        columns: Sort::ALL.map(|sort| column(sort, fleet, scene)).to_vec(),
        rows: page.antennas.iter().map(|row| antenna_line(row, scene)).collect(),
        pages: pages(page.total, page.antennas.len() as u64, fleet.page, FLEET_ROWS, language, |page| {
            href(Fleet { page, ..fleet.clone() })
        }),
        found: language.antennas(page.total),
        clear: is_narrowed.then(|| href(Fleet { search: String::new(), status: None, page: 1, ..fleet.clone() })),
        csv: format!("/csv{}", href(Fleet { page: 1, ..fleet.clone() })),
        frame,
    }
}

fn filters(figures: &AntennasFigures, fleet: &Fleet, scene: &Scene<'_>) -> Vec<StatusFilter> {
    let counts = &figures.summary.antennas;
    let href = |status| scene.address.with_page(Page::Antennas(Fleet { status, page: 1, ..fleet.clone() })).href();
    let all = StatusFilter {
        status: None,
        label: scene.text("All", "Todas"),
        count: format::count(counts.down + counts.degraded + counts.silent + counts.healthy),
        href: href(None),
        is_shown: fleet.status.is_none(),
    };
    let filter = |status: Status| StatusFilter {
        status: Some(status.as_str()),
        label: status_label(status, scene.language()),
        count: format::count(match status {
            Status::Down => counts.down,
            Status::Degraded => counts.degraded,
            Status::Silent => counts.silent,
            Status::Healthy => counts.healthy,
        }),
        href: href(Some(status)),
        is_shown: fleet.status == Some(status),
    };
    std::iter::once(all).chain(STATUSES.map(filter)).collect()
}

fn column(sort: Sort, fleet: &Fleet, scene: &Scene<'_>) -> Column {
    Column {
        sort,
        label: column_label(sort, scene.language()),
        href: scene.address.with_page(Page::Antennas(fleet.sorted_by(sort))).href(),
        order: (sort == fleet.sort).then_some(fleet.descending),
    }
}

/// The head of a column.
pub(crate) const fn column_label(sort: Sort, language: Language) -> &'static str {
    match sort {
        Sort::Status => language.text("Status", "Estado"),
        Sort::AntennaId => language.text("Antenna", "Antena"),
        Sort::SuccessRate => language.text("Success", "Éxito"),
        Sort::Latency => language.text("Mean", "Media"),
        Sort::P95 => "p95",
        Sort::PacketsDelivered => language.text("Delivered", "Entregados"),
        Sort::PacketsLost => language.text("Lost", "Perdidos"),
        Sort::LastSeen => language.text("Last seen", "Última señal"),
    }
}
