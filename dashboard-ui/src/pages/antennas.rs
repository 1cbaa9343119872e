//! The fleet: every antenna, searched, filtered, sorted and paged.

use leptos::prelude::*;

use super::{beyond, figures_class};
use crate::components::{Choices, FileLink, FleetTable, Heading, Pager, Place, Search};
use crate::model::FleetScreen;

/// The fleet.
#[component]
pub(crate) fn AntennasPage(screen: FleetScreen) -> AnyView {
    let (frame, class) = (screen.frame.clone(), figures_class(&screen.frame));
    let title = frame.language.text("Antennas", "Antenas").into_any();
    view! {
        <Heading title frame/>
        <div class=class><FleetCard screen/></div>
    }
    .into_any()
}

/// The list of antennas with its search and its filters.
#[component]
pub(crate) fn FleetCard(screen: FleetScreen) -> AnyView {
    let FleetScreen {
        frame,
        elsewhere,
        search,
        hidden,
        place,
        filters,
        groupings,
        columns,
        rows,
        heads,
        pages,
        found,
        clear,
        csv,
    } = screen;
    let language = frame.language;
    let action = frame.ranges.action;
    let body = if rows.is_empty() {
        let nothing = if pages.is_beyond {
            beyond(language)
        } else {
            language.text("No antenna matches.", "Ninguna antena coincide.")
        };
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        view! { <FleetTable rows heads columns language/> }.into_any()
    };
    let place = place.map(|form| view! { <Place action=action.clone() form language/> });
    let groupings = (!groupings.is_empty()).then(|| {
        let label = language.text("Group antennas", "Agrupar antenas");
        view! { <Choices label choices=groupings/> }
    });
    let clear = clear.map(|href| view! { <a href=href>{language.text("Show all", "Mostrar todas")}</a> });
    let elsewhere = elsewhere.map(|[sites, map]| {
        view! {
            <a href=sites>{language.text("Sites", "Emplazamientos")}</a>
            <a href=map>{language.text("Map", "Mapa")}</a>
        }
    });
    view! {
        <section class="card" id="fleet">
            <header>
                <Search action value=search hidden language/>
                <Choices label=language.text("Filter by status", "Filtrar por estado") choices=filters/>
                {groupings}
                {place}
            </header>
            <p class="found">
                <span role="status" aria-live="polite">{found}</span>
                {clear}
                {elsewhere}
                <FileLink href=csv language/>
            </p>
            {body}
            <Pager pages language/>
        </section>
    }
    .into_any()
}
