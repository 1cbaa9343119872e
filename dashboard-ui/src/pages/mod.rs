//! The pages, and the part of them that is kept live.

#![expect(unreachable_pub, reason = "the component macro makes `pub` of `pub(crate)`")]

mod antenna;
mod antennas;
mod incidents;
mod message;
mod overview;
mod pipeline;

use leptos::prelude::*;
use shared::UnixMillis;

use crate::cache::{Loaded, Outcome};
use crate::components::{App, Document, Layout};
use crate::language::Language;
use crate::model::{self, Condition, Frame, Screen};
use crate::query::{Address, Kind, Manner, Reason};

use antenna::AntennaPage;
use antennas::AntennasPage;
use incidents::IncidentsPage;
use message::{AwayMessage, Message, NoDataMessage};
use overview::OverviewPage;
use pipeline::PipelinePage;

/// The page for what was loaded.
pub(crate) fn page(loaded: &Loaded, address: &Address, is_mock: bool, now: UnixMillis) -> String {
    // A page that is asked for anew says that analytics is away, and is no place for figures from before.
    let is_away = loaded.outcome == Outcome::Away;
    let screen = if is_away { Screen::Away } else { model::screen(loaded, address, now) };
    render(|| {
        let (document, content) = (document(&screen, address, is_mock), content(screen, address));
        let app = view! { <App document=document.clone() content/> }.into_any();
        view! { <Layout document app/> }
    })
}

/// What a live page shows for what was loaded: what is inside of its `#app`.
pub(crate) fn fragment(loaded: &Loaded, address: &Address, is_mock: bool, now: UnixMillis) -> String {
    let screen = model::screen(loaded, address, now);
    render(|| {
        let (document, content) = (document(&screen, address, is_mock), content(screen, address));
        view! { <App document content/> }
    })
}

/// The page for an address that leads nowhere.
pub(crate) fn not_found(manner: Manner) -> String {
    let language = manner.language;
    let text = language.text("There is no page at this address.", "No hay ninguna página en esta dirección.");
    message_page(language.text("Page not found", "Página no encontrada"), text, manner)
}

/// The page for an address that is wrong in itself.
pub(crate) fn bad_request(reason: Reason, manner: Manner) -> String {
    let language = manner.language;
    let heading = language.text("This address can’t be understood", "No se entiende esta dirección");
    message_page(heading, reason.words(language), manner)
}

fn message_page(heading: &'static str, text: &str, manner: Manner) -> String {
    let document = Document { title: format!("{heading} · Vigía"), address: None, manner, is_mock: false };
    let (text, href) = (text.to_owned(), Kind::Overview.address(manner).href());
    render(|| {
        let content = view! { <Message heading text href language=manner.language/> }.into_any();
        let app = view! { <App document=document.clone() content/> }.into_any();
        view! { <Layout document app/> }
    })
}

fn document(screen: &Screen, address: &Address, is_mock: bool) -> Document {
    let title = title(screen, address.manner.language);
    Document { title, address: Some(address.clone()), manner: address.manner, is_mock }
}

fn content(screen: Screen, address: &Address) -> AnyView {
    let language = address.manner.language;
    let href = Kind::Overview.address(address.manner).href();
    match screen {
        Screen::Overview(screen) => view! { <OverviewPage screen=*screen/> }.into_any(),
        Screen::Antennas(screen) => view! { <AntennasPage screen=*screen/> }.into_any(),
        Screen::Antenna(screen) => view! { <AntennaPage screen=*screen/> }.into_any(),
        Screen::Incidents(screen) => view! { <IncidentsPage screen=*screen/> }.into_any(),
        Screen::Pipeline(screen) => view! { <PipelinePage screen=*screen/> }.into_any(),
        Screen::NoData => view! { <NoDataMessage language/> }.into_any(),
        Screen::Refused => {
            let heading = language.text("This range can’t be shown", "No se puede mostrar este intervalo");
            let text = language.text(
                "It is longer than what analytics keeps, or older.",
                "Es más largo que lo que guarda el análisis, o más antiguo.",
            );
            view! { <Message heading text=text.to_owned() href language/> }.into_any()
        }
        Screen::Unknown(id) => {
            let heading = language.text("This antenna is not known", "No se conoce esta antena");
            let text = match language {
                Language::English => format!("No reading of “{id}” is kept."),
                Language::Spanish => format!("No se guarda ninguna lectura de «{id}»."),
            };
            view! { <Message heading text href language/> }.into_any()
        }
        Screen::Away => view! { <AwayMessage language/> }.into_any(),
    }
}

/// The title says what a tab among many should: the verdict, or which page it is.
fn title(screen: &Screen, language: Language) -> String {
    let title = match screen {
        Screen::Overview(screen) => screen.verdict.sentence.clone(),
        Screen::Antennas(_) => language.text("Antennas", "Antenas").to_owned(),
        Screen::Antenna(screen) => format!("{}: {}", screen.id, screen.status_label),
        Screen::Incidents(_) => language.text("Incidents", "Incidentes").to_owned(),
        Screen::Pipeline(screen) => format!("{}: {}", language.text("Pipeline", "Proceso"), screen.verdict.sentence),
        Screen::NoData => language.text("No data yet", "Aún no hay datos").to_owned(),
        Screen::Refused => language.text("This range can’t be shown", "No se puede mostrar este intervalo").to_owned(),
        Screen::Unknown(_) => language.text("This antenna is not known", "No se conoce esta antena").to_owned(),
        Screen::Away => model::away(language).to_owned(),
    };
    format!("{title} · Vigía")
}

/// Figures that are not current are toned down.
fn figures_class(frame: &Frame) -> &'static str {
    match frame.condition {
        Condition::Live | Condition::Fixed => "figures",
        Condition::Stale(_) | Condition::Waiting | Condition::Away => "figures is-old",
    }
}

/// Renders a view to HTML. Leptos marks places for hydration with `<!>`, which nothing here hydrates; in texts and
/// attributes the characters are escaped, so that only the marks go.
fn render<V: IntoView>(view: impl FnOnce() -> V) -> String {
    Owner::new().with(|| view().into_view().to_html()).replace("<!>", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{NOW, figures, loaded};
    use crate::source::Figures;

    fn shown(figures: Figures) -> String {
        page(&loaded(Some(figures), false), Query::default(), true, NOW)
    }

    #[test]
    fn the_overview_has_its_parts_in_order() {
        let html = shown(figures());
        let parts = [
            "<!DOCTYPE html><html",
            "<h1>",
            "1 of 24 antennas down, 2 degraded, 1 silent</p>",
            "Mean latency",
            "Delivered packets",
        ];
        let parts = parts.into_iter().chain(["Success rate", "Active antennas", "Packet loss", "Worst antennas"]);
        let places: Vec<usize> = parts.map(|part| html.find(part).unwrap_or_else(|| panic!("no {part}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(html.contains("Built-in demonstration data."));
    }

    #[test]
    fn nothing_is_inline_and_nothing_is_left_of_hydration() {
        let html = shown(figures());
        for forbidden in [" style=", "<style", "onclick", "<!>", "<!--", "javascript:"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        assert_eq!(html.matches("<script").count(), html.matches("<script src=\"/assets/").count());
    }

    #[test]
    fn hostile_ids_are_plain_text() {
        let ids = [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "a/../b?c#d",
            "\u{202e}gpj.exe",
            "<!>",
            "' x='",
        ];
        for id in ids.into_iter().chain([&*"w".repeat(253)]) {
            let mut figures = figures();
            figures.worst.antennas[0].antenna_id = id.to_owned();
            let html = shown(figures);
            assert!(!html.contains("<script>alert") && !html.contains("<img"), "{id}");
            let escaped = id.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(html.contains(&format!(">{escaped}</bdi>")), "{id}");
        }
    }

    #[test]
    fn a_new_page_shows_no_old_figures_and_a_live_one_does() {
        let loaded = loaded(Some(figures()), true);
        let page = page(&loaded, Query::default(), false, NOW);
        assert!(page.contains("Analytics can’t be reached") && !page.contains("Mean latency"));
        let fragment = fragment(&loaded, Query::default(), NOW);
        assert!(fragment.contains("Analytics can’t be reached") && fragment.contains("Mean latency"));
        assert!(fragment.contains("was so at 14:47:05 UTC"));
    }

    #[test]
    fn links_keep_what_they_do_not_change() {
        let query = Query { window: 900, by: crate::query::By::Latency };
        let html = page(&loaded(Some(figures()), false), query, false, NOW);
        for link in ["href=\"/?by=latency\"", "href=\"/?window=1h&amp;by=latency\"", "href=\"/?window=15m#worst\""] {
            assert!(html.contains(link), "{link}");
        }
        assert!(html.contains("data-live=\"/live?window=15m&amp;by=latency\""));
    }

    #[test]
    fn an_empty_list_says_so() {
        let mut figures = figures();
        figures.worst.antennas.clear();
        assert!(shown(figures).contains("No antenna lost a packet in this range."));
    }
}
