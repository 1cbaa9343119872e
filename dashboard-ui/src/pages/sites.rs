//! Sites: all of them, and each by itself.

use leptos::prelude::*;

use super::antennas::FleetCard;
use super::{beyond, figures_class};
use crate::components::{FileLink, Heading, IncidentTable, MapView, Pager, SiteTable, TileCard, VerdictCard};
use crate::language::Language;
use crate::model::{IncidentLine, IncidentRow, SiteScreen, SitesScreen};

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
    view! {
        <Heading title frame/>
        <VerdictCard verdict language/>
        <div class=class>
            <div class="tiles">{tiles}</div>
            {ongoing.map(|rows| view! { <Ongoing rows all=incidents language/> })}
            <FleetCard screen=fleet/>
            {map}
            <p class="found"><a href=sites>{language.text("All sites", "Todos los emplazamientos")}</a></p>
        </div>
    }
    .into_any()
}

/// What lasts at a site, with a link to all of its incidents.
#[component]
fn Ongoing(rows: Vec<IncidentRow>, all: String, language: Language) -> AnyView {
    let body = if rows.is_empty() {
        let nothing = language.text("Nothing is wrong here at the moment.", "Aquí no falla nada en este momento.");
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        let lines: Vec<IncidentLine> = rows.into_iter().map(Into::into).collect();
        view! { <IncidentTable lines has_antenna=true language/> }.into_any()
    };
    view! {
        <section class="card" id="incidents">
            <header>
                <h2>{language.text("Ongoing incidents", "Incidentes en curso")}</h2>
                <a class="all" href=all>{language.text("All incidents", "Todos los incidentes")}</a>
            </header>
            {body}
        </section>
    }
    .into_any()
}
