//! Sites: all of them, and each by itself.

use leptos::prelude::*;

use super::antennas::FleetCard;
use super::{beyond, figures_class};
use crate::components::{FileLink, Heading, IncidentsCard, MapView, Pager, SiteTable, TileCard, VerdictCard};
use crate::model::{SiteScreen, SitesScreen};

/// The sites.
#[component]
pub(crate) fn SitesPage(screen: SitesScreen) -> AnyView {
    let SitesScreen { frame, columns, rows, pages, found, csv } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let title = language.text("Sites", "Emplazamientos").into_any();
    let body = match rows {
        Some(rows) if !rows.is_empty() => view! { <SiteTable rows columns language/> }.into_any(),
        rows => {
            let nothing = match rows {
                None => language.text("This analytics knows of no sites.", "Este análisis no sabe de emplazamientos."),
                Some(_) if pages.is_beyond => beyond(language),
                Some(_) => language.text(
                    "Of no antenna is it said where it is: ANTENNAS_FILE of analytics does.",
                    "De ninguna antena se dice dónde está: lo hace ANTENNAS_FILE del análisis.",
                ),
            };
            view! { <p class="empty">{nothing}</p> }.into_any()
        }
    };
    view! {
        <Heading title frame/>
        <div class=class>
            <section class="card" id="sites">
                <p class="found">
                    <span role="status" aria-live="polite">{found}</span>
                    <FileLink href=csv language/>
                </p>
                {body}
                <Pager pages language/>
            </section>
        </div>
    }
    .into_any()
}

/// One site.
#[component]
pub(crate) fn SitePage(screen: SiteScreen) -> AnyView {
    let SiteScreen { name, verdict, tiles, fleet, map, ongoing, incidents, sites } = screen;
    let (frame, class) = (fleet.frame.clone(), figures_class(&fleet.frame));
    let language = frame.language;
    let title = view! { <bdi class="name">{name}</bdi> }.into_any();
    let against = String::new();
    let tiles =
        tiles.into_iter().map(|tile| view! { <TileCard tile against=against.clone() language/> }).collect_view();
    let map = map.map(|(map, href)| {
        view! {
            <section class="card" id="map">
                <header>
                    <h2>{language.text("Map", "Mapa")}</h2>
                    <a class="all" href=href>{language.text("Open the map", "Abrir el mapa")}</a>
                </header>
                <MapView map language/>
            </section>
        }
    });
    let ongoing = ongoing.map(|rows| {
        let heading = language.text("Ongoing incidents", "Incidentes en curso");
        let nothing = language.text("Nothing is wrong here at the moment.", "Aquí no falla nada en este momento.");
        let all = (language.text("All incidents", "Todos los incidentes"), incidents);
        view! { <IncidentsCard heading nothing rows has_antenna=true all language/> }
    });
    view! {
        <Heading title frame/>
        <VerdictCard verdict language/>
        <div class=class>
            <div class="tiles">{tiles}</div>
            {ongoing}
            <FleetCard screen=fleet/>
            {map}
            <p class="found"><a href=sites>{language.text("All sites", "Todos los emplazamientos")}</a></p>
        </div>
    }
    .into_any()
}
