//! The pages, and their live fragments.

#![expect(unreachable_pub, reason = "the component macro makes `pub` of `pub(crate)`")]

mod antenna;
mod antennas;
mod docs;
mod incidents;
mod login;
mod maintenance;
mod map;
mod message;
mod notes;
mod overview;
mod pipeline;
mod quiet;
mod report;
mod sites;
mod status;

use leptos::prelude::*;
use shared::UnixMillis;

use crate::components::{App, Document, Layout, SnippetsCard};
use crate::figures::{Loaded, Outcome};
use crate::format::without_directions;
use crate::language::Language;
use crate::model::docs::{DocsScreen, Place, RouteScreen};
use crate::model::maintenance::MaintenanceForm;
use crate::model::notes::{NoteForm, NotesScreen};
use crate::model::quiet::{AcknowledgementForm, AuditRow, MuteForm, QuietScreen, Told};
use crate::model::status::StatusScreen;
use crate::model::{self, Condition, Frame, Screen};
use crate::query::{
    ACCOUNT, ACKNOWLEDGE, AUDIT, Address, Incidents, Kind, LOGIN, MAINTENANCE, MUTE, Manner, NOTE, NOTES, Page, QUIET,
    Reason,
};
use crate::source;

pub(crate) use login::Said;

use antenna::AntennaPage;
use antennas::AntennasPage;
use docs::{DocsPage, RoutePage};
use incidents::IncidentsPage;
use login::{AccountPage, LoginPage};
use maintenance::MaintenancePage;
use map::MapPage;
use message::{AwayMessage, Message, NoDataMessage};
use notes::{NotePage, NotesPage};
use overview::OverviewPage;
use pipeline::PipelinePage;
use quiet::{AcknowledgementPage, AuditPage, MutePage, QuietPage};
use report::ReportPage;
use sites::{SitePage, SitesPage};
use status::StatusLayout;

/// The page for what was loaded.
pub(crate) fn page(loaded: &Loaded, address: &Address, is_mock: bool, now: UnixMillis) -> String {
    // A newly requested page says that analytics is away instead of showing old figures.
    let is_away = loaded.outcome == Outcome::Away && !loaded.standing.is_standby;
    let screen = if is_away { Screen::Away } else { model::screen(loaded, address, now) };
    render(|| {
        let (document, content) = (document(&screen, address, is_mock), content(screen, address));
        let app = view! { <App document=document.clone() content/> }.into_any();
        view! { <Layout document app/> }
    })
}

/// The live fragment for loaded figures: the content of `#app`.
pub(crate) fn fragment(loaded: &Loaded, address: &Address, is_mock: bool, now: UnixMillis) -> String {
    let screen = model::screen(loaded, address, now);
    render(|| {
        let (document, content) = (document(&screen, address, is_mock), content(screen, address));
        view! { <App document content/> }
    })
}

/// The page for an unknown address.
pub(crate) fn not_found(manner: Manner) -> String {
    let language = manner.language;
    let text = language.text("There is no page at this address.", "No hay ninguna página en esta dirección.");
    message_page(language.text("Page not found", "Página no encontrada"), text, manner)
}

/// The page for an invalid address.
pub(crate) fn bad_request(reason: &Reason, manner: Manner) -> String {
    let language = manner.language;
    let heading = language.text("This address can’t be understood", "No se entiende esta dirección");
    message_page(heading, &reason.words(language), manner)
}

/// The form to log in, and what is to be said of the last try. `to` is where it leads.
pub(crate) fn login(said: Option<Said>, name: &str, to: &str, manner: Manner) -> String {
    let heading = manner.language.text("Log in", "Iniciar sesión");
    let document = placed(heading, (LOGIN, vec![("to", to.to_owned())]), manner, false);
    let (name, to) = (name.to_owned(), to.to_owned());
    still(document, || view! { <LoginPage said name to manner/> }.into_any())
}

/// Who is known, and what they may do. With a token, the session can be ended.
pub(crate) fn account(name: &str, token: Option<String>, manner: Manner) -> String {
    let document = placed(manner.language.text("Account", "Cuenta"), (ACCOUNT, Vec::new()), manner, false);
    let name = name.to_owned();
    still(document, || view! { <AccountPage name token manner/> }.into_any())
}

/// What is muted, in maintenance and acknowledged; `token` is for the forms in it.
pub(crate) fn quiet(screen: QuietScreen, token: String, manner: Manner, is_mock: bool) -> String {
    let heading = model::quiet::heading(manner.language);
    let document = placed(heading, (QUIET, Vec::new()), manner, is_mock);
    still(document, || view! { <QuietPage screen token manner/> }.into_any())
}

/// The form to mute antennas, and what is to be said of it.
pub(crate) fn mute(form: MuteForm, told: Option<Told>, token: String, manner: Manner) -> String {
    let heading = manner.language.text("Mute alerts", "Silenciar alertas");
    let document = placed(heading, (MUTE, vec![("antennas", form.antennas.clone())]), manner, false);
    still(document, || view! { <MutePage form told token manner/> }.into_any())
}

/// The form to plan maintenance, and what is to be said of it.
pub(crate) fn maintenance(form: MaintenanceForm, told: Option<Told>, token: String, manner: Manner) -> String {
    let heading = manner.language.text("Plan maintenance", "Programar mantenimiento");
    let recurs = form.recurs.then(|| ("recurs", "1".to_owned()));
    let pairs = std::iter::once(("antennas", form.antennas.clone())).chain(recurs).collect();
    let document = placed(heading, (MAINTENANCE, pairs), manner, false);
    still(document, || view! { <MaintenancePage form told token manner/> }.into_any())
}

/// The form to acknowledge an incident, and what is to be said of it.
pub(crate) fn acknowledge(form: AcknowledgementForm, told: Option<Told>, token: String, manner: Manner) -> String {
    let heading = manner.language.text("Acknowledge an incident", "Atender un incidente");
    let document = placed(heading, (ACKNOWLEDGE, vec![("incident", form.incident.clone())]), manner, false);
    still(document, || view! { <AcknowledgementPage form told token manner/> }.into_any())
}

/// What anybody may see of sites.
pub(crate) fn status(screen: StatusScreen, manner: Manner) -> String {
    render(|| view! { <StatusLayout screen manner/> })
}

/// The public notes; `token` is for the forms in it.
pub(crate) fn notes(screen: NotesScreen, token: String, manner: Manner, is_mock: bool) -> String {
    let heading = manner.language.text("Public notes", "Notas públicas");
    let document = placed(heading, (NOTES, Vec::new()), manner, is_mock);
    still(document, || view! { <NotesPage screen token manner/> }.into_any())
}

/// The form to write a public note, and what is to be said of it.
pub(crate) fn note(form: NoteForm, told: Option<Told>, token: String, manner: Manner) -> String {
    let heading = manner.language.text("Write a public note", "Escribir una nota pública");
    let document = placed(heading, (NOTE, vec![("site", form.site.clone())]), manner, false);
    still(document, || view! { <NotePage form told token manner/> }.into_any())
}

/// Who did what.
pub(crate) fn audit(rows: Option<Vec<AuditRow>>, manner: Manner, is_mock: bool) -> String {
    let heading = manner.language.text("Who did what", "Quién hizo qué");
    let document = placed(heading, (AUDIT, Vec::new()), manner, is_mock);
    still(document, || view! { <AuditPage rows manner/> }.into_any())
}

/// The page for analytics that cannot be asked what is muted, or who did what.
pub(crate) fn away(is_refused: bool, manner: Manner) -> String {
    let language = manner.language;
    let [heading, text] = if is_refused {
        model::unauthorized(language)
    } else {
        let text = language.text(
            "The dashboard is running, but analytics does not answer. Load the page again in a moment.",
            "El panel funciona, pero el análisis no responde. Vuelva a cargar la página dentro de un momento.",
        );
        [model::away(language), text]
    };
    message_page(heading, text, manner)
}

/// The page for a viewer who asks for what operators do.
pub(crate) fn for_operators(manner: Manner) -> String {
    let language = manner.language;
    let text = language.text(
        "You are known as a viewer, so you see everything and change nothing. Whoever runs the dashboard can make you an operator.",
        "Se le conoce como observador: lo ve todo y no cambia nada. Quien administra el panel puede hacerle operador.",
    );
    message_page(language.text("This is for operators", "Esto es para operadores"), text, manner)
}

fn placed(
    heading: &str,
    place: (&'static str, Vec<(&'static str, String)>),
    manner: Manner,
    is_mock: bool,
) -> Document {
    let title = format!("{heading} · Vigía");
    Document { title, address: None, docs: None, place: Some(place), manner, is_mock }
}

/// The page for whom the proxy does not name.
pub(crate) fn closed(manner: Manner) -> String {
    let language = manner.language;
    let text = language.text(
        "It is for people whom the login in front of it names, and your request did not come from there with a name. Open the address of that login.",
        "Es para quienes nombra el inicio de sesión que tiene delante, y su petición no vino de allí con un nombre. Abra la dirección de ese inicio de sesión.",
    );
    message_page(language.text("This page is closed", "Esta página está cerrada"), text, manner)
}

/// The page for a form that was not sent by a page of the dashboard, or too late.
pub(crate) fn stray_form(manner: Manner) -> String {
    let language = manner.language;
    let text = language.text(
        "It was not sent from a page of this dashboard, or the page had been open for too long. Nothing was changed. Open the page again and send it from there.",
        "No se envió desde una página de este panel, o la página llevaba demasiado tiempo abierta. No se ha cambiado nada. Abra la página de nuevo y envíelo desde allí.",
    );
    message_page(language.text("This form was not taken", "No se ha aceptado este formulario"), text, manner)
}

/// The page for a range that analytics does not keep, with the same page over what it keeps.
pub(crate) fn refused(kept: &Address) -> String {
    let (manner, language) = (kept.manner, kept.manner.language);
    let range = language.range(kept.query.range.window);
    let go = match language {
        Language::English => format!("Show the {range} that are kept"),
        Language::Spanish => format!("Mostrar lo guardado: {range}"),
    };
    let [heading, text] = refusal(language);
    message_page_to(heading, text, (go, kept.href()), manner)
}

const fn refusal(language: Language) -> [&'static str; 2] {
    [
        language.text("This range can’t be shown", "No se puede mostrar este intervalo"),
        language.text(
            "It is longer than what analytics keeps, or older.",
            "Es más largo que lo que guarda el análisis, o más antiguo.",
        ),
    ]
}

fn message_page(heading: &'static str, text: &str, manner: Manner) -> String {
    message_page_to(heading, text, overview(manner), manner)
}

/// Where a message leads unless there is a better place.
fn overview(manner: Manner) -> (String, String) {
    let words = manner.language.text("Go to the overview", "Ir al resumen");
    (words.to_owned(), Kind::Overview.address(manner).href())
}

fn message_page_to(heading: &'static str, text: &str, to: (String, String), manner: Manner) -> String {
    let document = Document {
        title: format!("{heading} · Vigía"),
        address: None,
        docs: None,
        place: None,
        manner,
        is_mock: false,
    };
    let text = text.to_owned();
    still(document, || view! { <Message heading text=text.into_any() to/> }.into_any())
}

/// The list of the API's routes.
pub(crate) fn docs(screen: DocsScreen, manner: Manner, is_mock: bool) -> String {
    let title = format!("{} · Vigía", manner.language.text("The API", "La API"));
    let document = Document {
        title,
        address: None,
        docs: Some(Place { route: None, given: Vec::new() }),
        place: None,
        manner,
        is_mock,
    };
    still(document, || view! { <DocsPage screen manner/> }.into_any())
}

/// A route of the API, as it was asked.
pub(crate) fn route(screen: RouteScreen, given: Vec<(String, String)>, manner: Manner, is_mock: bool) -> String {
    let title = format!("{} · Vigía", screen.path);
    let document = Document {
        title,
        address: None,
        docs: Some(Place { route: Some(screen.path.clone()), given }),
        place: None,
        manner,
        is_mock,
    };
    still(document, || view! { <RoutePage screen manner/> }.into_any())
}

/// A page that is not kept live.
fn still(document: Document, content: impl FnOnce() -> AnyView) -> String {
    render(|| {
        let content = content();
        let app = view! { <App document=document.clone() content/> }.into_any();
        view! { <Layout document app/> }
    })
}

fn document(screen: &Screen, address: &Address, is_mock: bool) -> Document {
    let title = title(screen, address.manner.language);
    Document { title, address: Some(address.clone()), docs: None, place: None, manner: address.manner, is_mock }
}

fn content(screen: Screen, address: &Address) -> AnyView {
    let to = overview(address.manner);
    let step = screen.step();
    let page = match screen {
        Screen::Overview(screen) => view! { <OverviewPage screen=*screen/> }.into_any(),
        Screen::Antennas(screen) => view! { <AntennasPage screen=*screen/> }.into_any(),
        Screen::Antenna(screen) => view! { <AntennaPage screen=*screen/> }.into_any(),
        Screen::Sites(screen) => view! { <SitesPage screen=*screen/> }.into_any(),
        Screen::Site(screen) => view! { <SitePage screen=*screen/> }.into_any(),
        Screen::Map(screen) => view! { <MapPage screen=*screen/> }.into_any(),
        Screen::Incidents(screen) => view! { <IncidentsPage screen=*screen/> }.into_any(),
        Screen::Pipeline(screen) => view! { <PipelinePage screen=*screen/> }.into_any(),
        // What it shows are several answers.
        Screen::Report(screen) => return view! { <ReportPage screen=*screen/> }.into_any(),
        screen => return without_figures(screen, address, to),
    };
    let (asked, docs) = (source::shown(&address.query, step), model::docs::href(None, &[], address.manner));
    view! { {page}<SnippetsCard asked docs manner=address.manner/> }.into_any()
}

fn without_figures(screen: Screen, address: &Address, to: (String, String)) -> AnyView {
    let language = address.manner.language;
    match screen {
        Screen::NoData => view! { <NoDataMessage language/> }.into_any(),
        Screen::Refused => {
            let [heading, text] = refusal(language);
            view! { <Message heading text=text.into_any() to/> }.into_any()
        }
        Screen::Unknown(id) => {
            let heading = language.text("This antenna is not known", "No se conoce esta antena");
            let [before, after] = match language {
                Language::English => [
                    "No reading of “",
                    "” is kept: it has not reported for longer than readings are, or it never has. If anything went wrong with it, \
                     that is kept for longer.",
                ],
                Language::Spanish => [
                    "No se guarda ninguna lectura de «",
                    "»: hace más tiempo que no informa del que se guardan, o nunca lo ha hecho. Si algo le falló, eso se guarda \
                     durante más tiempo.",
                ],
            };
            let incidents = Page::Incidents(Incidents { search: id.clone(), kept: true, ..Incidents::default() });
            let there = address.with_page(incidents).href();
            let to = (language.text("See its incidents", "Ver sus incidentes").to_owned(), there);
            let text = view! { {before}<bdi>{id}</bdi>{after} }.into_any();
            view! { <Message heading text to/> }.into_any()
        }
        Screen::UnknownSite(name) => {
            let heading = unknown_site(language);
            let [before, after] = match language {
                Language::English => ["No antenna is said to be at “", "” by what analytics knows of them."],
                Language::Spanish => {
                    ["De ninguna antena se dice que esté en «", "», por lo que el análisis sabe de ellas."]
                }
            };
            let to = (language.text("See all sites", "Ver todos los emplazamientos").to_owned(), sites(address));
            let text = view! { {before}<bdi>{name}</bdi>{after} }.into_any();
            view! { <Message heading text to/> }.into_any()
        }
        Screen::Standby => {
            let text = language.text(
                "Another process of analytics owns the stream and has the figures. This page shows them as soon as it takes over, \
                 or once the dashboard’s ANALYTICS_URL names the other one.",
                "Otro proceso de análisis es dueño del flujo y tiene las cifras. Esta página las mostrará en cuanto tome el relevo, \
                 o cuando ANALYTICS_URL del panel nombre al otro.",
            );
            view! { <Message heading=model::standby(language) text=text.into_any() to/> }.into_any()
        }
        Screen::Unauthorized => {
            let [heading, text] = model::unauthorized(language);
            view! { <Message heading text=text.into_any() to/> }.into_any()
        }
        _ => view! { <AwayMessage language/> }.into_any(),
    }
}

/// The address of all sites.
fn sites(address: &Address) -> String {
    address.with_page(Kind::Sites.page()).href()
}

const fn unknown_site(language: Language) -> &'static str {
    language.text("This site is not known", "No se conoce este emplazamiento")
}

/// The title is what a browser tab should show: the verdict, or the name of the page.
fn title(screen: &Screen, language: Language) -> String {
    let title = match screen {
        Screen::Overview(screen) => screen.verdict.sentence.clone(),
        Screen::Antennas(_) => language.text("Antennas", "Antenas").to_owned(),
        Screen::Antenna(screen) => format!("{}: {}", without_directions(&screen.id), screen.status_label),
        Screen::Sites(_) => language.text("Sites", "Emplazamientos").to_owned(),
        Screen::Site(screen) => format!("{}: {}", without_directions(&screen.name), screen.verdict.sentence),
        Screen::Map(_) => language.text("Map", "Mapa").to_owned(),
        Screen::Incidents(_) => language.text("Incidents", "Incidentes").to_owned(),
        Screen::Pipeline(screen) => format!("{}: {}", language.text("Pipeline", "Proceso"), screen.verdict.sentence),
        Screen::Report(screen) => screen.title.clone(),
        Screen::NoData => language.text("No data yet", "Aún no hay datos").to_owned(),
        Screen::Refused => refusal(language)[0].to_owned(),
        Screen::Unknown(_) => language.text("This antenna is not known", "No se conoce esta antena").to_owned(),
        Screen::UnknownSite(_) => unknown_site(language).to_owned(),
        Screen::Standby => model::standby(language).to_owned(),
        Screen::Unauthorized => model::unauthorized(language)[0].to_owned(),
        Screen::Away => model::away(language).to_owned(),
    };
    format!("{title} · Vigía")
}

/// Figures that are not current are toned down.
fn figures_class(frame: &Frame) -> &'static str {
    match frame.condition {
        Condition::Live | Condition::Fixed => "figures",
        Condition::Stale(_) | Condition::Waiting | Condition::BrokerAway | Condition::Away => "figures is-old",
    }
}

/// The text of a list's page beyond the last one.
const fn beyond(language: Language) -> &'static str {
    language.text("The list ends before this page.", "La lista termina antes de esta página.")
}

/// Renders a view to HTML without Leptos's hydration marks (`<!>`): nothing is hydrated here. In texts and attributes these
/// characters are escaped, so only the marks are removed.
fn render<V: IntoView>(view: impl FnOnce() -> V) -> String {
    Owner::new().with(|| view().into_view().to_html()).replace("<!>", "")
}

#[cfg(test)]
mod tests {
    use shared::api::{Acknowledgement, IncidentKind, Mute};

    use super::page as page_of;
    use super::*;
    use crate::figures::{Figures, OverviewFigures, Quiet};
    use crate::model::tests::{NOW, PAGES, address, antenna, figures, incidents, loaded, overview};
    use crate::query::Access;

    fn shown(href: &str, figures: Figures) -> String {
        page(&loaded(Some(figures), Outcome::Answered), &address(href), true, NOW)
    }

    fn shown_overview(figures: OverviewFigures) -> String {
        shown("/", Figures::Overview(Box::new(figures)))
    }

    #[test]
    fn the_overview_has_its_parts_in_order() {
        let html = shown_overview(overview());
        let parts = [
            "<!DOCTYPE html><html",
            "<h1>",
            "1 of 24 antennas down, 2 degraded, 1 silent</p>",
            "Mean latency",
            "Delivered packets",
            "Success rate",
            "Antennas reporting",
            "Packet loss",
            "Health of every antenna",
            "Worst antennas",
            "Newest incidents",
        ];
        let places: Vec<usize> =
            parts.into_iter().map(|part| html.find(part).unwrap_or_else(|| panic!("no {part}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(html.contains("Built-in demonstration data."));
    }

    #[test]
    fn a_new_page_shows_no_old_figures_and_a_live_one_does() {
        for address in PAGES.map(address) {
            let before = figures(&address);
            let fresh = fragment(&loaded(Some(before.clone()), Outcome::Answered), &address, false, NOW);
            let loaded = loaded(Some(before), Outcome::Away);
            let page = page(&loaded, &address, false, NOW);
            let fragment = fragment(&loaded, &address, false, NOW);
            assert!(page.contains("Analytics can’t be reached") && !page.contains("class=\"figures"));
            assert!(fragment.contains("Analytics away") && fragment.contains("class=\"figures is-old\""));
            assert!(!fresh.contains("is-old"));
        }
    }

    #[test]
    fn an_overview_that_is_not_current_says_of_when_it_is() {
        let address = address("/");
        let fragment = fragment(&loaded(Some(figures(&address)), Outcome::Away), &address, false, NOW);
        assert!(fragment.contains("Analytics can’t be reached") && fragment.contains("Mean latency"));
        assert!(fragment.contains("was so at <time") && fragment.contains(">14:47:05</time>"));
    }

    #[test]
    fn links_keep_what_they_do_not_change() {
        let html = shown("/?window=15m&by=latency", Figures::Overview(Box::new(overview())));
        for link in ["href=\"/?by=latency\"", "href=\"/?by=latency&amp;window=1h\"", "href=\"/?window=15m#worst\""] {
            assert!(html.contains(link), "{link}");
        }
        assert!(html.contains("data-live=\"/live/?by=latency&amp;window=15m\""));
    }

    #[test]
    fn an_empty_list_says_so() {
        let mut figures = overview();
        figures.worst.antennas.clear();
        figures.incidents.as_mut().unwrap().incidents.clear();
        let html = shown_overview(figures);
        assert!(html.contains("No antenna in trouble is among those that lost most packets."));
        assert!(html.contains("Nothing went wrong in this range."));

        let mut figures = antenna("airport-west");
        figures.readings.as_mut().unwrap().readings.clear();
        figures.incidents.as_mut().unwrap().incidents.clear();
        let html = shown("/antenna?id=airport-west", Figures::Antenna(Box::new(figures)));
        assert!(html.contains("None since analytics started") && html.contains("None that is known of."));
    }

    #[test]
    fn what_people_said_of_alerts_is_shown_where_it_matters() {
        let mut figures = incidents(&address("/incidents?state=open"));
        let page = figures.incidents.as_mut().unwrap();
        page.incidents.retain(|incident| incident.end.is_none() && incident.kind != IncidentKind::Silent);
        page.incidents.truncate(1);
        let open = page.incidents[0].clone();
        let id = format!("trouble:{}:{}", open.start.0, open.antenna_id);
        let (antenna_id, note, by) = (open.antenna_id.clone(), "on my <way>".to_owned(), "bea".to_owned());
        let acknowledgement = Acknowledgement { incident: id, antenna_id, at: NOW, note, by, open: true };
        let (antennas, reason) = (format!("{}*", &open.antenna_id[..3]), "new mast".to_owned());
        let until = UnixMillis(NOW.0 + 3_600_000);
        let mute = Mute { id: "1f".to_owned(), antennas, at: NOW, until, reason, by: "ana".to_owned() };
        let as_operator = |href: &str| {
            let address = address(href);
            address.with_manner(Manner { access: Access::Operator, ..address.manner })
        };
        let html = |figures: &Figures, address: &Address| {
            page_of(&loaded(Some(figures.clone()), Outcome::Answered), address, true, NOW)
        };
        let inbox = Figures::Incidents(Box::new(figures.clone()));
        let there = "/acknowledge?incident=trouble%3A";
        assert!(html(&inbox, &as_operator("/incidents")).contains(there));
        assert!(!html(&inbox, &address("/incidents")).contains(there), "for operators");
        figures.quiet =
            Some(Quiet { mutes: vec![mute.clone()], acknowledgements: vec![acknowledgement], ..Quiet::default() });
        let inbox = html(&Figures::Incidents(Box::new(figures.clone())), &as_operator("/incidents"));
        assert!(inbox.contains(">acknowledged</span><bdi>bea</bdi>: <bdi>on my &lt;way&gt;</bdi>"), "{inbox}");
        assert!(inbox.contains(">muted</span>") && !inbox.contains(there), "{inbox}");

        let mut figures = antenna(&open.antenna_id);
        figures.quiet = Some(Quiet { mutes: vec![mute], ..Quiet::default() });
        let href = format!("/antenna?id={}", open.antenna_id);
        let page = html(&Figures::Antenna(Box::new(figures)), &as_operator(&href));
        assert!(page.contains("until <time") && page.contains("<bdi>ana</bdi>: <bdi>new mast</bdi>"), "{page}");
        assert!(page.contains(&format!("/mute?antennas={}", open.antenna_id)), "{page}");
    }
}
