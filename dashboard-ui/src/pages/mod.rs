//! The pages, and the part of them that is kept live.

#![expect(unreachable_pub, reason = "the component macro makes `pub` of `pub(crate)`")]

mod message;
mod overview;

use leptos::prelude::*;
use shared::UnixMillis;

use crate::cache::{Loaded, Outcome};
use crate::components::{Document, Layout};
use crate::model::{self, Screen};
use crate::query::Query;

use message::{AwayMessage, Message, NoDataMessage, RefusedMessage};
use overview::OverviewScreen;

/// The page for what was loaded.
pub(crate) fn page(loaded: &Loaded, query: Query, is_mock: bool, now: UnixMillis) -> String {
    // A page that is asked for anew says that analytics is away, and is no place for figures from before.
    let is_away = loaded.outcome == Outcome::Away;
    let screen = if is_away { Screen::Away } else { model::screen(loaded, query, now) };
    let document = Document { title: title(&screen), query: Some(query), is_mock };
    render(|| view! { <Layout document><ScreenView screen query/></Layout> })
}

/// What a live page shows for what was loaded: what is inside of its `main`.
pub(crate) fn fragment(loaded: &Loaded, query: Query, now: UnixMillis) -> String {
    let screen = model::screen(loaded, query, now);
    render(|| view! { <ScreenView screen query/> })
}

/// The page for an address that leads nowhere.
pub(crate) fn not_found() -> String {
    message_page("Page not found", "There is no page at this address.")
}

/// The page for an address that is wrong in itself; `reason` is in words.
pub(crate) fn bad_request(reason: String) -> String {
    message_page("This address can’t be understood", reason)
}

fn message_page(heading: &'static str, text: impl Into<String>) -> String {
    let text = text.into();
    let document = Document { title: format!("{heading} · Vigía"), query: None, is_mock: false };
    render(|| view! { <Layout document><Message heading text/></Layout> })
}

#[component]
fn ScreenView(screen: Screen, query: Query) -> impl IntoView {
    let title = title(&screen);
    let view = match screen {
        Screen::Overview(overview) => view! { <OverviewScreen overview=*overview query/> }.into_any(),
        Screen::NoData => view! { <NoDataMessage/> }.into_any(),
        Screen::Refused => view! { <RefusedMessage/> }.into_any(),
        Screen::Away => view! { <AwayMessage/> }.into_any(),
    };
    view! { <div class="screen" data-title=title>{view}</div> }
}

/// The title says what a tab among many should: the verdict.
fn title(screen: &Screen) -> String {
    match screen {
        Screen::Overview(overview) => format!("{} · Vigía", overview.verdict.sentence),
        Screen::NoData => "No data yet · Vigía".to_owned(),
        Screen::Refused => "This range can’t be shown · Vigía".to_owned(),
        Screen::Away => "Analytics can’t be reached · Vigía".to_owned(),
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
