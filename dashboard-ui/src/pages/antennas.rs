//! The fleet: every antenna, searched, filtered, sorted and paged.

use leptos::prelude::*;

use super::{beyond, figures_class};
use crate::components::{FleetTable, Heading, Pager, Search};
use crate::language::Language;
use crate::model::{FleetScreen, StatusFilter};
use crate::query::Kind;

/// The fleet.
#[component]
pub(crate) fn AntennasPage(screen: FleetScreen) -> AnyView {
    let FleetScreen { frame, search, hidden, filters, columns, rows, pages, found, clear, csv } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let title = language.text("Antennas", "Antenas").into_any();
    let body = if rows.is_empty() {
        let nothing = if pages.is_beyond {
            beyond(language)
        } else {
            language.text("No antenna matches.", "Ninguna antena coincide.")
        };
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        view! { <FleetTable rows columns language/> }.into_any()
    };
    let clear = clear.map(|href| view! { <a href=href>{language.text("Show all", "Mostrar todas")}</a> });
    view! {
        <Heading title frame/>
        <div class=class>
            <section class="card" id="fleet">
                <header>
                    <Search action=Kind::Antennas.path() value=search hidden language/>
                    <Filters filters language/>
                </header>
                <p class="found">
                    <span role="status" aria-live="polite">{found}</span>
                    {clear}
                    <a class="file" href=csv download="">{language.text("Download as CSV", "Descargar como CSV")}</a>
                </p>
                {body}
                <Pager pages language/>
            </section>
        </div>
    }
    .into_any()
}

#[component]
fn Filters(filters: Vec<StatusFilter>, language: Language) -> AnyView {
    let link = |filter: StatusFilter| {
        let current = filter.is_shown.then_some("true");
        let dot =
            filter.status.map(|status| view! { <span class=format!("key status-{status}") aria-hidden="true"></span> });
        view! { <a href=filter.href aria-current=current>{dot}{filter.label}<small>" "{filter.count}</small></a> }
    };
    let links = filters.into_iter().map(link).collect_view();
    view! { <nav class="segments wraps" aria-label=language.text("Filter by status", "Filtrar por estado")>{links}</nav> }
        .into_any()
}
