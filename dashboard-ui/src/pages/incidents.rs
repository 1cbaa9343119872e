//! Incidents: what went wrong, when, for how long, how bad; what lasts first.

use leptos::prelude::*;

use super::{beyond, figures_class};
use crate::components::{Choices, FileLink, Heading, IncidentTable, Pager, Place, Search};
use crate::model::IncidentsScreen;

/// The incidents.
#[component]
pub(crate) fn IncidentsPage(screen: IncidentsScreen) -> AnyView {
    let IncidentsScreen {
        frame,
        search,
        hidden,
        place,
        kinds,
        states,
        scopes,
        sorts,
        lines,
        pages,
        found,
        is_narrowed,
        is_all,
        csv,
    } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let action = frame.ranges.action.clone();
    let place = place.map(|form| view! { <Place action=action.clone() form language/> });
    let title = language.text("Incidents", "Incidentes").into_any();
    let body = match lines {
        None => {
            let unknown = language.text("This analytics keeps no incidents.", "Este análisis no guarda incidentes.");
            view! { <p class="empty">{unknown}</p> }.into_any()
        }
        Some(lines) if lines.is_empty() => {
            let nothing = if pages.is_beyond {
                beyond(language)
            } else if is_narrowed {
                language.text("No incident matches.", "Ningún incidente coincide.")
            } else if is_all {
                language.text("Nothing has gone wrong so far.", "Nada ha fallado hasta ahora.")
            } else {
                language.text("Nothing has gone wrong in this range.", "Nada ha fallado en este intervalo.")
            };
            // What went wrong before is a step away.
            let all = scopes.iter().find(|scope| !scope.is_shown && !pages.is_beyond && !is_all);
            let all = all.map(|all| {
                let words = language.text("See all that are kept.", "Ver todos los que se guardan.");
                view! { " "<a href=all.href.clone()>{words}</a> }
            });
            view! { <p class="empty">{nothing}{all}</p> }.into_any()
        }
        Some(lines) => view! { <IncidentTable lines has_antenna=true language/> }.into_any(),
    };
    view! {
        <Heading title frame/>
        <div class=class>
            <section class="card" id="incidents">
                <header>
                    <Search action value=search hidden language/>
                    <div class="filters">
                        <Choices label=language.text("From when", "De cuándo") choices=scopes/>
                        <Choices label=language.text("Filter by state", "Filtrar por situación") choices=states/>
                        <Choices label=language.text("Filter by kind", "Filtrar por tipo") choices=kinds/>
                        <Choices label=language.text("Order", "Orden") choices=sorts/>
                    </div>
                    {place}
                </header>
                <p class="found">
                    <span role="status" aria-live="polite">{found}</span>
                    <FileLink href=csv language/>
                </p>
                {body}
                <Pager pages language/>
                <p class="note">
                    {language.text(
                        "Trouble is judged every 30 s of an antenna’s readings, by the thresholds for its status, and ends after two good intervals. \
                         Silence is three of the usual intervals without a reading, 15 s at least.",
                        "Los problemas se juzgan cada 30 s de lecturas de una antena, con los umbrales de su estado, y acaban tras dos tramos buenos. \
                         El silencio son tres intervalos habituales sin lecturas, 15 s como mínimo.",
                    )}
                </p>
            </section>
        </div>
    }
    .into_any()
}
