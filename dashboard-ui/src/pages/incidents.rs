//! Incidents: what went wrong, when, for how long, how bad; newest first.

use leptos::prelude::*;

use super::{beyond, figures_class};
use crate::components::{Heading, IncidentTable, Pager, Search};
use crate::language::Language;
use crate::model::{IncidentsScreen, KindFilter};
use crate::query::Kind;

/// The incidents.
#[component]
pub(crate) fn IncidentsPage(screen: IncidentsScreen) -> AnyView {
    let IncidentsScreen { frame, search, hidden, kinds, states, rows, pages, found, is_narrowed, csv } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let title = language.text("Incidents", "Incidentes").into_any();
    let body = match rows {
        None => {
            let unknown = language.text("This analytics keeps no incidents.", "Este análisis no guarda incidentes.");
            view! { <p class="empty">{unknown}</p> }.into_any()
        }
        Some(rows) if rows.is_empty() => {
            let nothing = if pages.is_beyond {
                beyond(language)
            } else if is_narrowed {
                language.text("No incident matches.", "Ningún incidente coincide.")
            } else {
                language.text("Nothing has gone wrong so far.", "Nada ha fallado hasta ahora.")
            };
            view! { <p class="empty">{nothing}</p> }.into_any()
        }
        Some(rows) => view! { <IncidentTable rows has_antenna=true language/> }.into_any(),
    };
    let [all, open] = states;
    let state = |(href, is_shown): (String, bool), label: &'static str| {
        let current = is_shown.then_some("true");
        view! { <a href=href aria-current=current>{label}</a> }
    };
    view! {
        <Heading title frame has_ranges=false/>
        <div class=class>
            <section class="card" id="incidents">
                <header>
                    <Search action=Kind::Incidents.path() value=search hidden language/>
                    <div class="filters">
                        <nav class="segments" aria-label=language.text("Filter by state", "Filtrar por situación")>
                            {state(all, language.text("All", "Todos"))}
                            {state(open, language.text("Ongoing", "En curso"))}
                        </nav>
                        <Kinds kinds language/>
                    </div>
                </header>
                <p class="found">
                    <span role="status" aria-live="polite">{found}</span>
                    <a class="file" href=csv download="">{language.text("Download as CSV", "Descargar como CSV")}</a>
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

#[component]
fn Kinds(kinds: Vec<KindFilter>, language: Language) -> AnyView {
    let link = |filter: KindFilter| {
        let current = filter.is_shown.then_some("true");
        let dot = filter.kind.map(|kind| view! { <span class=format!("key status-{kind}") aria-hidden="true"></span> });
        view! { <a href=filter.href aria-current=current>{dot}{filter.label}</a> }
    };
    let links = kinds.into_iter().map(link).collect_view();
    view! { <nav class="segments wraps" aria-label=language.text("Filter by kind", "Filtrar por tipo")>{links}</nav> }
        .into_any()
}
