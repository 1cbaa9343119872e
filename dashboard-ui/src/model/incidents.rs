//! Incidents: what went wrong, when, for how long, how bad.

use shared::api::{Incident, IncidentEnding, IncidentKind};

use super::heat::antenna_href;
use super::rows::pages;
use super::{Frame, Moment, Pages, Scene, hidden};
use crate::language::Language;
use crate::query::{INCIDENT_ROWS, Incidents, Page};
use crate::source::IncidentsFigures;

/// The incidents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IncidentsScreen {
    pub(crate) frame: Frame,
    /// What is searched for.
    pub(crate) search: String,
    /// What the form of the search has to send along.
    pub(crate) hidden: Vec<(String, String)>,
    /// All kinds, and each.
    pub(crate) kinds: Vec<KindFilter>,
    /// The addresses with all, and with those that last only; and whether the second is shown.
    pub(crate) states: [(String, bool); 2],
    /// The rows, newest first; `None` where analytics keeps no incidents.
    pub(crate) rows: Option<Vec<IncidentRow>>,
    /// Where one is among all rows.
    pub(crate) pages: Pages,
    /// How many match and how many of them last, in words.
    pub(crate) found: String,
    /// Whether anything is searched or filtered.
    pub(crate) is_narrowed: bool,
    /// The address of the same as a file.
    pub(crate) csv: String,
}

/// A kind to filter by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KindFilter {
    /// As a class of the style sheet; `None` for all.
    pub(crate) kind: Option<&'static str>,
    pub(crate) label: &'static str,
    pub(crate) href: String,
    pub(crate) is_shown: bool,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentRow {
    pub(crate) id: String,
    /// The antenna's page.
    pub(crate) href: String,
    /// As a class of the style sheet.
    pub(crate) kind: &'static str,
    pub(crate) kind_label: &'static str,
    pub(crate) start: Moment,
    pub(crate) end: Option<Moment>,
    pub(crate) is_open: bool,
    /// How it stands: it lasts, it passed, or the antenna is gone.
    pub(crate) state: &'static str,
    pub(crate) duration: String,
    /// How bad it was: what was lost, how slow it was.
    pub(crate) severity: String,
}

pub(super) fn incidents_screen(figures: &IncidentsFigures, frame: Frame, scene: &Scene<'_>) -> IncidentsScreen {
    let default = Incidents::default();
    let asked = match &scene.address.query.page {
        Page::Incidents(incidents) => incidents,
        _ => &default,
    };
    let language = scene.language();
    let href = |asked: Incidents| scene.address.with_page(Page::Incidents(asked)).href();
    let page = figures.incidents.as_ref();
    let (total, open) = page.map_or((0, 0), |page| (page.total, page.open));
    let shown = page.map_or(0, |page| page.incidents.len()) as u64;
    IncidentsScreen {
        search: asked.search.clone(),
        hidden: hidden(scene.address, &["q", "page"]),
        kinds: kinds(asked, scene),
        states: [false, true].map(|open| (href(Incidents { open, page: 1, ..asked.clone() }), asked.open == open)),
        rows: page.map(|page| page.incidents.iter().map(|incident| incident_row(incident, scene)).collect()),
        pages: pages(total, shown, asked.page, INCIDENT_ROWS, language, |page| {
            href(Incidents { page, ..asked.clone() })
        }),
        found: match language {
            Language::English => {
                format!("{}, {open} open", language.plural(total, ["incident", "incidents"], ["", ""]))
            }
            Language::Spanish => format!(
                "{}, {}",
                language.plural(total, ["", ""], ["incidente", "incidentes"]),
                language.plural(open, ["", ""], ["abierto", "abiertos"])
            ),
        },
        is_narrowed: asked.kind.is_some() || asked.open || !asked.search.is_empty(),
        csv: format!("/csv{}", href(Incidents { page: 1, ..asked.clone() })),
        frame,
    }
}

pub(super) fn incident_row(incident: &Incident, scene: &Scene<'_>) -> IncidentRow {
    let language = scene.language();
    IncidentRow {
        id: incident.antenna_id.clone(),
        href: antenna_href(&incident.antenna_id, scene),
        kind: incident.kind.as_str(),
        kind_label: kind_label(incident.kind, language),
        start: Moment::near(incident.start, scene.now, language),
        end: incident.end.map(|end| Moment::near(end, scene.now, language)),
        is_open: incident.end.is_none(),
        state: match incident.ended_by {
            None => language.text("ongoing", "en curso"),
            Some(IncidentEnding::Recovered) => language.text("recovered", "recuperada"),
            Some(IncidentEnding::Forgotten) => language.text("never seen again", "no volvió"),
        },
        duration: language.duration(incident.duration_seconds),
        severity: severity(incident, language),
    }
}

fn severity(incident: &Incident, language: Language) -> String {
    if incident.kind == IncidentKind::Silent {
        return language.text("no readings", "sin lecturas").to_owned();
    }
    let success = incident.worst_success_rate.map(|rate| match language {
        Language::English => format!("{} delivered at worst", language.percent(Some(rate))),
        Language::Spanish => format!("{} entregado en el peor tramo", language.percent(Some(rate))),
    });
    let latency = incident.worst_latency_ms.map(|latency| match language {
        Language::English => format!("up to {}", language.latency(Some(latency))),
        Language::Spanish => format!("hasta {}", language.latency(Some(latency))),
    });
    let parts: Vec<String> = success.into_iter().chain(latency).collect();
    if parts.is_empty() { crate::format::UNKNOWN.to_owned() } else { parts.join(", ") }
}

fn kinds(asked: &Incidents, scene: &Scene<'_>) -> Vec<KindFilter> {
    let href = |kind| scene.address.with_page(Page::Incidents(Incidents { kind, page: 1, ..asked.clone() })).href();
    let all =
        KindFilter { kind: None, label: scene.text("All", "Todos"), href: href(None), is_shown: asked.kind.is_none() };
    let filter = |kind: IncidentKind| KindFilter {
        kind: Some(kind.as_str()),
        label: kind_label(kind, scene.language()),
        href: href(Some(kind)),
        is_shown: asked.kind == Some(kind),
    };
    std::iter::once(all).chain(IncidentKind::ALL.map(filter)).collect()
}

const fn kind_label(kind: IncidentKind, language: Language) -> &'static str {
    match kind {
        IncidentKind::Down => language.text("Down", "Caída"),
        IncidentKind::Degraded => language.text("Degraded", "Degradada"),
        IncidentKind::Silent => language.text("Silent", "Sin señal"),
    }
}
