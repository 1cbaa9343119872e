//! The fleet: every antenna, searched, filtered, sorted and paged.

use leptos::prelude::*;

use super::{beyond, figures_class};
use crate::components::{Choices, FileLink, FleetTable, Heading, Hidden, Pager, Search};
use crate::language::Language;
use crate::model::{FleetScreen, PlaceForm};

/// The fleet.
#[component]
pub(crate) fn AntennasPage(screen: FleetScreen) -> AnyView {
    let FleetScreen { frame, search, hidden, place, filters, columns, rows, pages, found, clear, csv } = screen;
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
    let place = place.map(|form| view! { <Place action=action.clone() form language/> });
    let clear = clear.map(|href| view! { <a href=href>{language.text("Show all", "Mostrar todas")}</a> });
    view! {
        <Heading title frame/>
        <div class=class>
            <section class="card" id="fleet">
                <header>
                    <Search action value=search hidden language/>
                    <Choices label=language.text("Filter by status", "Filtrar por estado") choices=filters/>
                    {place}
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

/// Where antennas are and what else is said of them: a plain form.
#[component]
fn Place(action: String, form: PlaceForm, language: Language) -> AnyView {
    let (site, label) = (language.text("Site", "Emplazamiento"), language.text("Label", "Etiqueta"));
    view! {
        <form class="search place" action=action>
            <Hidden pairs=form.hidden/>
            <input name="site" value=form.site maxlength="64" placeholder=site aria-label=site autocomplete="off"
                spellcheck="false"/>
            <input name="label" value=form.label maxlength="160" placeholder=format!("{label} (key:value)") aria-label=label
                autocomplete="off" spellcheck="false"/>
            <button class="button" type="submit">{language.text("Filter", "Filtrar")}</button>
        </form>
    }
    .into_any()
}
