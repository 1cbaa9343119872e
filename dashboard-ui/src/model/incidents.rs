//! Incidents: what went wrong, when, for how long, how bad.

use shared::api::{Incident, IncidentEnding, IncidentKind};

use super::heat::antenna_href;
use super::rows::pages;
use super::{Choice, Frame, Moment, Pages, Scene, hidden};
use crate::figures::IncidentsFigures;
use crate::format;
use crate::language::Language;
use crate::query::{INCIDENT_ROWS, Incidents, Page};

/// The incidents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IncidentsScreen {
    pub(crate) frame: Frame,
    /// The search text.
    pub(crate) search: String,
    /// The hidden fields of the search form.
    pub(crate) hidden: Vec<(String, String)>,
    /// All kinds, and each.
    pub(crate) kinds: Vec<Choice>,
    /// All incidents, and the ongoing ones.
    pub(crate) states: Vec<Choice>,
    /// The rows, newest first; `None` if analytics keeps no incidents.
    pub(crate) rows: Option<Vec<IncidentRow>>,
    /// The position among all rows.
    pub(crate) pages: Pages,
    /// How many match and how many of them are ongoing, in words.
    pub(crate) found: String,
    /// Whether anything is searched or filtered.
    pub(crate) is_narrowed: bool,
    /// The address of the same list as a file.
    pub(crate) csv: String,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentRow {
    pub(crate) id: String,
    /// The antenna's page.
    pub(crate) href: String,
    /// As a CSS class.
    pub(crate) kind: &'static str,
    pub(crate) kind_label: &'static str,
    pub(crate) start: Moment,
    pub(crate) end: Option<Moment>,
    pub(crate) is_open: bool,
    /// Whether it is ongoing or how it ended.
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
        states: [(false, language.text("All", "Todos")), (true, language.text("Ongoing", "En curso"))]
            .map(|(open, label)| {
                Choice::new(label, href(Incidents { open, page: 1, ..asked.clone() }), asked.open == open)
            })
            .to_vec(),
        rows: page.map(|page| page.incidents.iter().map(|incident| incident_row(incident, scene)).collect()),
        pages: pages(total, shown, asked.page, INCIDENT_ROWS, language, |page| {
            href(Incidents { page, ..asked.clone() })
        }),
        found: match language {
            Language::English => {
                let total = language.plural(total, ["incident", "incidents"], ["", ""]);
                format!("{total}, {} open", format::count(open))
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
    if parts.is_empty() { format::UNKNOWN.to_owned() } else { parts.join(", ") }
}

fn kinds(asked: &Incidents, scene: &Scene<'_>) -> Vec<Choice> {
    let href = |kind| scene.address.with_page(Page::Incidents(Incidents { kind, page: 1, ..asked.clone() })).href();
    let choice = |kind: Option<IncidentKind>, label| Choice {
        status: kind.map(IncidentKind::as_str),
        ..Choice::new(label, href(kind), asked.kind == kind)
    };
    let all = choice(None, scene.text("All", "Todos"));
    let filter = |kind| choice(Some(kind), kind_label(kind, scene.language()));
    std::iter::once(all).chain(IncidentKind::ALL.map(filter)).collect()
}

const fn kind_label(kind: IncidentKind, language: Language) -> &'static str {
    match kind {
        IncidentKind::Down => language.text("Down", "Caída"),
        IncidentKind::Degraded => language.text("Degraded", "Degradada"),
        IncidentKind::Silent => language.text("Silent", "Sin señal"),
    }
}

#[cfg(test)]
mod tests {
    use shared::UnixMillis;

    use super::*;
    use crate::model::tests::{NOW, address, incidents, scene};
    use crate::query::Address;
    use crate::query::tests::read;

    fn shown_for(figures: &IncidentsFigures, address: &Address) -> IncidentsScreen {
        let scene = scene(address);
        incidents_screen(figures, Frame::new(&scene, Some(NOW), &figures.summary, false), &scene)
    }

    fn shown(address: &Address) -> IncidentsScreen {
        shown_for(&incidents(address), address)
    }

    fn asked(href: &str) -> Incidents {
        match read(href).unwrap().query.page {
            Page::Incidents(incidents) => incidents,
            page => panic!("{page:?} is not incidents"),
        }
    }

    fn incident(kind: IncidentKind) -> Incident {
        Incident {
            antenna_id: "a/b".to_owned(),
            kind,
            start: UnixMillis(NOW.0 - 600_000),
            end: Some(UnixMillis(NOW.0 - 340_000)),
            ended_by: Some(IncidentEnding::Recovered),
            duration_seconds: 260.0,
            packets_sent: 1000,
            packets_lost: 120,
            worst_success_rate: Some(0.41),
            worst_latency_ms: Some(1284.0),
        }
    }

    fn row(incident: &Incident, href: &str) -> IncidentRow {
        incident_row(incident, &scene(&address(href)))
    }

    #[test]
    fn filters_of_kind_and_state_lead_to_what_they_say_from_the_first_page() {
        let address = address("/incidents?q=harbour&kind=down&state=open&page=4&lang=es");
        let screen = shown(&address);
        let kinds: Vec<Option<IncidentKind>> = screen.kinds.iter().map(|kind| asked(&kind.href).kind).collect();
        assert_eq!(kinds, [None, Some(IncidentKind::Down), Some(IncidentKind::Degraded), Some(IncidentKind::Silent)]);
        assert_eq!(screen.kinds.iter().map(|kind| kind.is_shown).collect::<Vec<_>>(), [false, true, false, false]);
        let states = screen.states.iter().map(|state| (asked(&state.href).open, state.is_shown));
        assert_eq!(states.collect::<Vec<_>>(), [(false, false), (true, true)]);
        for there in screen.kinds.iter().chain(&screen.states).map(|choice| asked(&choice.href)) {
            assert_eq!((&*there.search, there.page), ("harbour", 1));
        }
        assert_eq!(screen.csv, "/csv/incidents?q=harbour&kind=down&state=open&lang=es");
    }

    #[test]
    fn what_is_found_is_said_with_what_of_it_lasts() {
        let found = |href: &str| shown(&address(href)).found;
        let page = incidents(&address("/incidents")).incidents.unwrap();
        assert_eq!(found("/incidents"), format!("{} incidents, {} open", page.total, page.open));
        assert_eq!(found("/incidents?state=open&kind=down"), "1 incident, 1 open");
        assert_eq!(found("/incidents?state=open&kind=down&lang=es"), "1 incidente, 1 abierto");
        assert_eq!(found("/incidents?q=nothing&lang=es"), "0 incidentes, 0 abiertos");
        assert!(
            shown(&address("/incidents?q=nothing")).is_narrowed && !shown(&address("/incidents?page=2")).is_narrowed
        );
    }

    #[test]
    fn large_numbers_are_grouped_in_either_language() {
        let mut figures = incidents(&address("/incidents"));
        let page = figures.incidents.as_mut().unwrap();
        (page.total, page.open) = (12_345, 1_234);
        let found = |href: &str| shown_for(&figures, &address(href)).found;
        assert_eq!(found("/incidents"), "12\u{202f}345 incidents, 1\u{202f}234 open");
        assert_eq!(found("/incidents?lang=es"), "12\u{202f}345 incidentes, 1\u{202f}234 abiertos");
    }

    #[test]
    fn pages_cover_every_incident_once() {
        let (mut at, mut starts) = (address("/incidents"), Vec::new());
        let total = incidents(&at).incidents.unwrap().total;
        loop {
            let screen = shown(&at);
            starts.extend(screen.rows.unwrap().into_iter().map(|row| (row.start.machine, row.id, row.kind)));
            let Some(next) = screen.pages.next else { break };
            at = read(&next).unwrap();
        }
        assert_eq!(starts.len() as u64, total);
        assert!(starts.is_sorted_by(|a, b| a.0 >= b.0), "newest first");
        starts.sort();
        starts.dedup();
        assert_eq!(starts.len() as u64, total, "each once");
    }

    #[test]
    fn an_analytics_that_keeps_none_is_not_one_that_found_none() {
        let address = address("/incidents");
        let mut figures = incidents(&address);
        figures.incidents.as_mut().unwrap().incidents.clear();
        assert_eq!(shown_for(&figures, &address).rows, Some(Vec::new()));
        figures.incidents = None;
        assert_eq!(shown_for(&figures, &address).rows, None);
    }

    #[test]
    fn an_incident_says_how_it_stands() {
        for (ended_by, english, spanish) in [
            (None, "ongoing", "en curso"),
            (Some(IncidentEnding::Recovered), "recovered", "recuperada"),
            (Some(IncidentEnding::Forgotten), "never seen again", "no volvió"),
        ] {
            let end = ended_by.map(|_| NOW);
            let incident = Incident { ended_by, end, ..incident(IncidentKind::Down) };
            for (href, state) in [("/incidents", english), ("/incidents?lang=es", spanish)] {
                let row = row(&incident, href);
                assert_eq!(
                    (row.state, row.is_open, row.end.is_none()),
                    (state, ended_by.is_none(), ended_by.is_none())
                );
                assert_eq!(row.duration, "4 min 20 s");
            }
        }
    }

    #[test]
    fn how_bad_it_was_is_what_is_known_of_it() {
        let severity = |change: fn(&mut Incident), href: &str| {
            let mut incident = incident(IncidentKind::Degraded);
            change(&mut incident);
            row(&incident, href).severity.replace('\u{202f}', "_")
        };
        assert_eq!(severity(|_| (), "/incidents"), "41.00_% delivered at worst, up to 1_284_ms");
        assert_eq!(severity(|_| (), "/incidents?lang=es"), "41,00_% entregado en el peor tramo, hasta 1_284_ms");
        assert_eq!(severity(|it| it.worst_latency_ms = None, "/incidents"), "41.00_% delivered at worst");
        assert_eq!(severity(|it| it.worst_success_rate = None, "/incidents"), "up to 1_284_ms");
        let nothing = |it: &mut Incident| (it.worst_latency_ms, it.worst_success_rate) = (None, None);
        assert_eq!(severity(nothing, "/incidents"), "–");
        assert_eq!(severity(|it| it.kind = IncidentKind::Silent, "/incidents"), "no readings");
    }

    #[test]
    fn an_incident_leads_to_its_antenna() {
        let address = address("/incidents?kind=down&window=15m&lang=es");
        let there = read(&row(&incident(IncidentKind::Down), "/incidents?kind=down&window=15m&lang=es").href);
        assert_eq!(there, Ok(address.with_page(Page::Antenna { id: "a/b".to_owned() })));
    }
}
