//! The fleet: every antenna, searched, filtered, sorted and paged.

use leptos::prelude::*;

use super::{beyond, figures_class};
use crate::components::{Choices, FileLink, FleetTable, Heading, Pager, Search};
use crate::model::FleetScreen;

/// The fleet.
#[component]
pub(crate) fn AntennasPage(screen: FleetScreen) -> AnyView {
    let FleetScreen { frame, search, hidden, filters, columns, rows, pages, found, clear, csv } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let action = frame.ranges.action.clone();
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
                    <Search action value=search hidden language/>
                    <Choices label=language.text("Filter by status", "Filtrar por estado") choices=filters/>
                </header>
                <p class="found">
                    <span role="status" aria-live="polite">{found}</span>
                    {clear}
                    <FileLink href=csv language/>
                </p>
                {body}
                <Pager pages language/>
            </section>
        </div>
    }
    .into_any()
}
