//! The map: where antennas stand.

use leptos::prelude::*;

use super::figures_class;
use crate::components::{Choices, FileLink, Heading, MapView, Place, Search};
use crate::model::{MapScreen, Move};

/// The map.
#[component]
pub(crate) fn MapPage(screen: MapScreen) -> AnyView {
    let MapScreen { frame, search, hidden, place, filters, found, clear, map, moves, csv } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let action = frame.ranges.action.clone();
    let title = language.text("Map", "Mapa").into_any();
    let step = |Move { sign, label, href }| match href {
        Some(href) => view! { <a class="button" href=href aria-label=label title=label>{sign}</a> }.into_any(),
        None => {
            view! { <a class="button is-off" role="link" aria-disabled="true" aria-label=label title=label>{sign}</a> }
                .into_any()
        }
    };
    let steps = moves.into_iter().map(step).collect_view();
    let body = match map {
        Some(map) => view! {
            <nav class="moves" aria-label=language.text("Move the map", "Mover el mapa")>{steps}</nav>
            <MapView map language/>
        }
        .into_any(),
        None => {
            let nothing = language.text(
                "Of no antenna that matches is it said where it stands: ANTENNAS_FILE of analytics does.",
                "De ninguna antena que coincida se dice dónde está: lo hace ANTENNAS_FILE del análisis.",
            );
            view! { <p class="empty">{nothing}</p> }.into_any()
        }
    };
    let clear = clear.map(|href| view! { <a href=href>{language.text("Show all", "Mostrar todas")}</a> });
    view! {
        <Heading title frame/>
        <div class=class>
            <section class="card" id="map">
                <header>
                    <Search action=action.clone() value=search hidden language/>
                    <Choices label=language.text("Filter by status", "Filtrar por estado") choices=filters/>
                    <Place action form=place language/>
                </header>
                <p class="found">
                    <span role="status" aria-live="polite">{found}</span>
                    {clear}
                    <FileLink href=csv language/>
                </p>
                {body}
            </section>
        </div>
    }
    .into_any()
}
