//! Incidents: what went wrong, when, for how long, how bad.

use shared::UnixMillis;
use shared::api::{HeldBy, Incident, IncidentEnding, IncidentKind};
use shared::spelled::Spelled;

use super::fleet::PlaceForm;
use super::inbox::{Fold, Line, lines};
use super::quiet::{acknowledge_href, acknowledged, mutes_of, of_incident};
use super::rows::pages;
use super::{Choice, Frame, Moment, Pages, Scene, hidden};
use crate::figures::{IncidentsFigures, NAMED_ANTENNAS};
use crate::format;
use crate::language::Language;
use crate::query::{INCIDENT_LINES, IncidentSort, Incidents, Page, Range};

/// So many incidents of a line are shown one by one; the list narrowed down to them has them all.
const SHOWN_OF_LINE: usize = 50;

/// The incidents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IncidentsScreen {
    pub(crate) frame: Frame,
    /// The search text.
    pub(crate) search: String,
    /// The hidden fields of the search form.
    pub(crate) hidden: Vec<(String, String)>,
    /// The form of site and label; `None` where nothing says what antennas are.
    pub(crate) place: Option<PlaceForm>,
    /// All kinds, and each.
    pub(crate) kinds: Vec<Choice>,
    /// All incidents, and the ongoing ones.
    pub(crate) states: Vec<Choice>,
    /// Those of the range, and all that are kept.
    pub(crate) scopes: Vec<Choice>,
    /// The orders.
    pub(crate) sorts: Vec<Choice>,
    /// The lines of this page; `None` if analytics keeps no incidents.
    pub(crate) lines: Option<Vec<IncidentLine>>,
    /// The position among all lines.
    pub(crate) pages: Pages,
    /// How many match, how many of them are ongoing, and in how many lines they are, in words.
    pub(crate) found: String,
    /// Whether anything is searched or filtered.
    pub(crate) is_narrowed: bool,
    /// Whether all that are kept are asked for.
    pub(crate) is_all: bool,
    /// The address of the same list as a file.
    pub(crate) csv: String,
}

/// One line: an incident, the repeats of an antenna, or antennas whose trouble began together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentLine {
    /// What it says as a whole. Its id is empty where it is about several antennas.
    pub(crate) row: IncidentRow,
    /// What its incidents have in common, and they; `None` for a single one.
    pub(crate) inner: Option<Inner>,
}

impl From<IncidentRow> for IncidentLine {
    fn from(row: IncidentRow) -> Self {
        Self { row, inner: None }
    }
}

/// The incidents of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inner {
    /// How often, or which antennas, in words.
    pub(crate) words: String,
    /// The same line in another snapshot has the same.
    pub(crate) key: String,
    /// Whether they are of several antennas.
    pub(crate) has_antenna: bool,
    /// Newest first.
    pub(crate) rows: Vec<IncidentRow>,
    /// How many others there are, in words, and where they are listed.
    pub(crate) rest: Option<(String, Option<String>)>,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentRow {
    pub(crate) id: String,
    /// The antenna's page, at the time of the incident.
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
    pub(crate) said: Said,
}

/// What is said of an incident beside what was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The antenna in front of it that was down, and its page at the time of the incident.
    pub(crate) cause: Option<(String, String)>,
    /// Why nobody is told of it, in words, if it lasts.
    pub(crate) quiet: Option<&'static str>,
    /// Who takes care of it, and what they said.
    pub(crate) acknowledged: Option<(String, String)>,
    /// Where it is acknowledged; `None` if it is over, or for who may not do that.
    pub(crate) acknowledge: Option<String>,
}

pub(super) fn incidents_screen(figures: &IncidentsFigures, frame: Frame, scene: &Scene<'_>) -> IncidentsScreen {
    let default = Incidents::default();
    let asked = match &scene.address.query.page {
        Page::Incidents(incidents) => incidents,
        _ => &default,
    };
    let language = scene.language();
    let is_placed = !asked.site.is_empty() || asked.label.is_some();
    let href = |asked: Incidents| scene.address.with_page(Page::Incidents(asked)).href();
    let page = figures.incidents.as_ref();
    let all = page.map_or_else(Vec::new, |page| lines(&page.incidents, asked.sort));
    let first = (asked.page.saturating_sub(1) as usize).saturating_mul(INCIDENT_LINES as usize);
    let shown: Vec<&Line<'_>> = all.iter().skip(first).take(INCIDENT_LINES as usize).collect();
    IncidentsScreen {
        search: asked.search.clone(),
        hidden: hidden(scene.address, &["q", "page"]),
        place: (is_placed || figures.has_sites)
            .then(|| PlaceForm::new(&asked.site, asked.label.as_ref(), scene.address)),
        kinds: kinds(asked, scene),
        states: [(false, language.text("All", "Todos")), (true, language.text("Ongoing", "En curso"))]
            .map(|(open, label)| {
                Choice::new(label, href(Incidents { open, page: 1, ..asked.clone() }), asked.open == open)
            })
            .to_vec(),
        scopes: [
            (false, language.text("This range", "Este intervalo")),
            (true, language.text("All kept", "Todo lo guardado")),
        ]
        .map(|(kept, label)| Choice::new(label, href(Incidents { kept, page: 1, ..asked.clone() }), asked.kept == kept))
        .to_vec(),
        sorts: IncidentSort::EVERY
            .iter()
            .map(|sort| {
                let there = href(Incidents { sort: *sort, page: 1, ..asked.clone() });
                Choice::new(sort_label(*sort, language), there, asked.sort == *sort)
            })
            .collect(),
        pages: pages(all.len() as u64, shown.len() as u64, asked.page, INCIDENT_LINES, language, |page| {
            href(Incidents { page, ..asked.clone() })
        }),
        found: page
            .map_or_else(String::new, |page| found(page.total, page.open, page.incidents.len(), all.len(), language)),
        lines: page.map(|_| shown.into_iter().map(|line| incident_line(line, asked, scene)).collect()),
        is_all: asked.kept,
        is_narrowed: asked.kind.is_some() || asked.open || !asked.search.is_empty() || is_placed,
        csv: scene.address.with_page(Page::Incidents(Incidents { page: 1, ..asked.clone() })).csv_href(),
        frame,
    }
}

/// `57 incidents, 3 open, in 12 lines`; analytics tells of some at most.
fn found(total: u64, open: u64, told: usize, lines: usize, language: Language) -> String {
    let count = |number: usize| format::count(number as u64);
    let of = if (told as u64) < total {
        match language {
            Language::English => format!(", the newest {} of them", count(told)),
            Language::Spanish => format!(", los {} más recientes", count(told)),
        }
    } else {
        String::new()
    };
    let folded = match language {
        _ if lines == told => of,
        Language::English => format!("{of} in {}", language.plural(lines as u64, ["line", "lines"], ["", ""])),
        Language::Spanish => format!("{of} en {}", language.plural(lines as u64, ["", ""], ["línea", "líneas"])),
    };
    match language {
        Language::English => {
            let total = language.plural(total, ["incident", "incidents"], ["", ""]);
            format!("{total}, {} open{folded}", format::count(open))
        }
        Language::Spanish => format!(
            "{}, {}{folded}",
            language.plural(total, ["", ""], ["incidente", "incidentes"]),
            language.plural(open, ["", ""], ["abierto", "abiertos"])
        ),
    }
}

fn incident_line(line: &Line<'_>, asked: &Incidents, scene: &Scene<'_>) -> IncidentLine {
    let language = scene.language();
    let row = incident_row(line.incidents[0], scene);
    if line.fold == Fold::Single {
        return IncidentLine { row, inner: None };
    }
    let (one, is_open, number) = (line.as_one(), line.is_open(), line.incidents.len());
    let (id, href, words, narrowed) = match line.fold {
        Fold::Together => {
            let names: Vec<&str> =
                line.incidents.iter().take(NAMED_ANTENNAS).map(|incident| &*incident.antenna_id).collect();
            (String::new(), String::new(), named(&names, number, language), None)
        }
        Fold::Repeats | Fold::Single => {
            let seconds = (line.until().0 - line.start().0) as f64 / 1e3;
            let words = repeats(number, seconds, line.share(), language);
            let search = Incidents { search: one.antenna_id.clone(), kind: Some(one.kind), page: 1, ..asked.clone() };
            let end = Some(line.until()).filter(|_| !is_open);
            let href = permalink(&one.antenna_id, line.start(), end, scene);
            (one.antenna_id.clone(), href, words, Some(scene.address.with_page(Page::Incidents(search)).href()))
        }
    };
    let others = number.saturating_sub(SHOWN_OF_LINE) as u64;
    let inner = Inner {
        words,
        key: format!("{}-{}-{}", one.kind.as_str(), one.antenna_id, line.start().0),
        has_antenna: line.fold == Fold::Together,
        rows: line.incidents.iter().take(SHOWN_OF_LINE).map(|incident| incident_row(incident, scene)).collect(),
        rest: (others > 0).then(|| (language.more(others), narrowed)),
    };
    let end = line.until();
    let row = IncidentRow {
        id,
        href,
        start: Moment::near(line.start(), scene.now, language),
        end: (!is_open).then(|| Moment::near(end, scene.now, language)),
        is_open,
        state: if is_open { ongoing(language) } else { row.state },
        duration: language.duration(line.duration_seconds()),
        severity: severity(&one, language),
        // Each of its incidents is one of its own.
        said: Said::default(),
        ..row
    };
    IncidentLine { row, inner: Some(inner) }
}

/// `31 times in 40 min, 60 % of the time`.
fn repeats(times: usize, seconds: f64, share: f64, language: Language) -> String {
    let (times, within) = (format::count(times as u64), language.duration(seconds));
    let share = format::with_unit(&format!("{:.0}", share * 100.0), "%");
    match language {
        Language::English => format!("{times} times in {within}, {share} of the time"),
        Language::Spanish => format!("{times} veces en {within}, {share} del tiempo"),
    }
}

/// `12 antennas: a, b, c and 9 more`.
fn named(names: &[&str], antennas: usize, language: Language) -> String {
    let (others, names) = ((antennas - names.len()) as u64, names.join(", "));
    let antennas = language.antennas(antennas as u64);
    let named = format!("{antennas}: {names}");
    if others == 0 { named } else { format!("{named} {}", language.more(others)) }
}

const fn sort_label(sort: IncidentSort, language: Language) -> &'static str {
    match sort {
        IncidentSort::Newest => language.text("Newest", "Recientes"),
        IncidentSort::Severity => language.text("Severity", "Gravedad"),
        IncidentSort::Length => language.text("Length", "Duración"),
    }
}

const fn ongoing(language: Language) -> &'static str {
    language.text("ongoing", "en curso")
}

/// An antenna's page from the beginning to the end of what went wrong, or while it lasts, with some time before and after it.
fn permalink(antenna: &str, start: UnixMillis, end: Option<UnixMillis>, scene: &Scene<'_>) -> String {
    let range = Range::around(start, end, scene.now, &scene.limits);
    scene.address.with_page(Page::Antenna { id: antenna.to_owned() }).with_range(range).href()
}

pub(super) fn incident_row(incident: &Incident, scene: &Scene<'_>) -> IncidentRow {
    let language = scene.language();
    IncidentRow {
        id: incident.antenna_id.clone(),
        href: permalink(&incident.antenna_id, incident.start, incident.end, scene),
        kind: incident.kind.as_str(),
        kind_label: kind_label(incident.kind, language),
        start: Moment::near(incident.start, scene.now, language),
        end: incident.end.map(|end| Moment::near(end, scene.now, language)),
        is_open: incident.end.is_none(),
        state: match incident.ended_by {
            None => ongoing(language),
            Some(IncidentEnding::Recovered) => language.text("recovered", "recuperada"),
            Some(IncidentEnding::Forgotten) => language.text("never seen again", "no volvió"),
        },
        duration: language.duration(incident.duration_seconds),
        severity: severity(incident, language),
        said: said(incident, scene),
    }
}

fn said(incident: &Incident, scene: &Scene<'_>) -> Said {
    let language = scene.language();
    let cause = incident.caused_by.as_deref().map(|cause| of_incident(cause, language).2.to_owned());
    let told = incident.held.map(|held| held_by(held, language));
    // An analytics of before tells of mutes alone.
    let is_muted = || incident.end.is_none() && !mutes_of(&incident.antenna_id, scene).is_empty();
    Said {
        cause: cause.map(|antenna| {
            let href = permalink(&antenna, incident.start, incident.end, scene);
            (antenna, href)
        }),
        quiet: told.or_else(|| is_muted().then(|| held_by(HeldBy::Mute, language))),
        acknowledged: acknowledged(incident, scene),
        acknowledge: acknowledge_href(incident, scene),
    }
}

const fn held_by(held: HeldBy, language: Language) -> &'static str {
    match held {
        HeldBy::Maintenance => language.text("in maintenance", "en mantenimiento"),
        HeldBy::Mute | HeldBy::Muted => language.text("muted", "silenciada"),
        HeldBy::Unreachable => language.text("unreachable", "inaccesible"),
        HeldBy::Site => language.text("told with its site", "se avisa con su emplazamiento"),
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

pub(super) const fn kind_label(kind: IncidentKind, language: Language) -> &'static str {
    match kind {
        IncidentKind::Down => language.text("Down", "Caída"),
        IncidentKind::Degraded => language.text("Degraded", "Degradada"),
        IncidentKind::Silent => language.text("Silent", "Sin señal"),
    }
}

#[cfg(test)]
mod tests {
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
            caused_by: None,
            held: None,
            acknowledged: None,
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
        let page = incidents(&address("/incidents?window=1h")).incidents.unwrap();
        let lines = lines(&page.incidents, IncidentSort::Newest).len();
        assert_eq!(
            found("/incidents?window=1h"),
            format!("{} incidents, {} open in {lines} lines", page.total, page.open)
        );
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
        page.incidents = vec![incident(IncidentKind::Down)];
        let found = |href: &str| shown_for(&figures, &address(href)).found;
        assert_eq!(found("/incidents"), "12\u{202f}345 incidents, 1\u{202f}234 open, the newest 1 of them");
        assert_eq!(found("/incidents?lang=es"), "12\u{202f}345 incidentes, 1\u{202f}234 abiertos, los 1 más recientes");
    }

    #[test]
    fn what_caused_an_incident_and_why_nobody_is_told_of_it_is_said_in_words() {
        let behind = Incident {
            end: None,
            ended_by: None,
            caused_by: Some("silence:1763995000000:mast:1".to_owned()),
            held: Some(HeldBy::Unreachable),
            ..incident(IncidentKind::Down)
        };
        let said = row(&behind, "/incidents").said;
        let (antenna, href) = said.cause.unwrap();
        assert!(antenna == "mast:1" && href.contains("/antenna?id=mast%3A1"), "{antenna} {href}");
        assert_eq!((said.quiet, said.acknowledged), (Some("unreachable"), None));
        for (held, english, spanish) in [
            (HeldBy::Maintenance, "in maintenance", "en mantenimiento"),
            (HeldBy::Mute, "muted", "silenciada"),
            (HeldBy::Muted, "muted", "silenciada"),
            (HeldBy::Site, "told with its site", "se avisa con su emplazamiento"),
        ] {
            let it = Incident { held: Some(held), caused_by: None, ..behind.clone() };
            assert_eq!(row(&it, "/incidents").said, Said { quiet: Some(english), ..Said::default() });
            assert_eq!(row(&it, "/incidents?lang=es").said.quiet, Some(spanish));
        }
        assert_eq!(row(&incident(IncidentKind::Down), "/incidents").said, Said::default());
    }

    /// A page of lines for incidents of as many antennas, a minute apart.
    fn many(number: usize) -> IncidentsFigures {
        let mut figures = incidents(&address("/incidents"));
        let page = figures.incidents.as_mut().unwrap();
        let of_antenna = |antenna: usize| Incident {
            antenna_id: format!("antenna-{antenna:03}"),
            start: UnixMillis(NOW.0 - 60_000 * antenna as i64 - 600_000),
            ..incident(IncidentKind::Down)
        };
        page.incidents = (0..number).map(of_antenna).collect();
        (page.total, page.open) = (number as u64, 0);
        figures
    }

    #[test]
    fn pages_cover_every_line_once() {
        let (mut at, mut ids, figures) = (address("/incidents"), Vec::new(), many(120));
        loop {
            let screen = shown_for(&figures, &at);
            ids.extend(screen.lines.unwrap().into_iter().map(|line| line.row.id));
            let Some(next) = screen.pages.next else { break };
            at = read(&next).unwrap();
        }
        assert_eq!(ids, (0..120).map(|antenna| format!("antenna-{antenna:03}")).collect::<Vec<_>>(), "newest first");
    }

    #[test]
    fn a_line_tells_what_its_incidents_have_in_common() {
        let mut figures = many(3);
        let page = figures.incidents.as_mut().unwrap();
        page.incidents.iter_mut().for_each(|incident| incident.antenna_id = "flapping".to_owned());
        let narrow = |text: &str| text.replace('\u{202f}', "_");
        let line = |figures: &IncidentsFigures, href: &str| shown_for(figures, &address(href)).lines.unwrap().remove(0);
        let repeats = line(&figures, "/incidents");
        assert_eq!((&*repeats.row.id, repeats.row.is_open), ("flapping", false));
        assert_eq!(
            (&*repeats.row.duration, &*repeats.row.severity),
            ("13 min", "41.00\u{202f}% delivered at worst, up to 1\u{202f}284\u{202f}ms")
        );
        let inner = repeats.inner.unwrap();
        // Three times 260 s, from the first beginning to the last end 380 s.
        assert_eq!(narrow(&inner.words), "3 times in 6 min 20 s, 100_% of the time");
        assert_eq!((inner.rows.len(), inner.has_antenna, inner.rest), (3, false, None));

        let page = figures.incidents.as_mut().unwrap();
        for (number, incident) in page.incidents.iter_mut().enumerate() {
            (incident.antenna_id, incident.start) = (format!("mill-{number}"), UnixMillis(NOW.0 - 600_000));
        }
        page.incidents.push(Incident { antenna_id: "mill-3".to_owned(), ..page.incidents[0].clone() });
        let together = line(&figures, "/incidents");
        assert_eq!((&*together.row.id, &*together.row.duration), ("", "4 min 20 s"));
        let inner = together.inner.unwrap();
        assert_eq!(
            (&*inner.words, inner.rows.len(), inner.has_antenna),
            ("4 antennas: mill-0, mill-1, mill-2 and 1 more", 4, true)
        );
        let spanish = line(&figures, "/incidents?lang=es").inner.unwrap().words;
        assert_eq!(spanish, "4 antenas: mill-0, mill-1, mill-2 y 1 más");
    }

    #[test]
    fn a_long_line_shows_some_of_its_incidents_and_leads_to_the_others() {
        let mut figures = many(SHOWN_OF_LINE + 7);
        let page = figures.incidents.as_mut().unwrap();
        page.incidents.iter_mut().for_each(|incident| incident.antenna_id = "flapping".to_owned());
        let line = shown_for(&figures, &address("/incidents?sort=length&window=1h")).lines.unwrap().remove(0);
        let inner = line.inner.unwrap();
        let (words, href) = inner.rest.unwrap();
        assert_eq!((inner.rows.len(), &*words), (SHOWN_OF_LINE, "and 7 more"));
        let there = asked(&href.unwrap());
        assert_eq!(
            (&*there.search, there.kind, there.sort),
            ("flapping", Some(IncidentKind::Down), IncidentSort::Length)
        );
    }

    #[test]
    fn an_analytics_that_keeps_none_is_not_one_that_found_none() {
        let address = address("/incidents");
        let mut figures = incidents(&address);
        figures.incidents.as_mut().unwrap().incidents.clear();
        assert_eq!(shown_for(&figures, &address).lines, Some(Vec::new()));
        figures.incidents = None;
        assert_eq!(shown_for(&figures, &address).lines, None);
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
    fn an_incident_leads_to_its_antenna_at_its_time() {
        let there = read(&row(&incident(IncidentKind::Down), "/incidents?kind=down&window=15m&lang=es").href).unwrap();
        assert_eq!(there.query.page, Page::Antenna { id: "a/b".to_owned() });
        assert_eq!(there.manner.language, Language::Spanish);
        let Range { window, end } = there.query.range;
        // It went on for 260 s, until 340 s ago: with 130 s before and after it, in whole minutes.
        let (end, start_ms) = (end.unwrap(), end.unwrap().0 - i64::from(window) * 1000);
        assert!((NOW.0 - 340_000 + 130_000..NOW.0 - 340_000 + 190_000).contains(&end.0), "{end}");
        assert!((NOW.0 - 600_000 - 190_000 - 60_000..=NOW.0 - 600_000 - 130_000).contains(&start_ms), "{window}");
        let lasting = Incident { end: None, ended_by: None, ..incident(IncidentKind::Down) };
        let there = read(&row(&lasting, "/incidents").href).unwrap();
        assert_eq!(there.query.range, Range::latest(16 * 60), "what lasts is seen up to the present");
        let ancient = Incident { start: UnixMillis(NOW.0 - 90_000_000), ..lasting };
        let there = read(&row(&ancient, "/incidents").href).unwrap();
        assert_eq!(there.query.range, Range::latest(3600), "as much as is kept");
    }
}
