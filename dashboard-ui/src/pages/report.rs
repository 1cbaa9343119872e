//! Days as a calendar, and the report of a month, to be read, printed and kept.

use leptos::prelude::*;
use shared::api::Badness;

use crate::components::{CalendarView, FileLink, Remark, WorstCard};
use crate::language::Language;
use crate::model::{CalendarMonth, IncidentSum, MonthScreen, Note, ReportScreen};

/// Days of one or some months.
#[component]
pub(crate) fn ReportPage(screen: ReportScreen) -> AnyView {
    let ReportScreen { frame, title, antenna, nothing, months, calendars, month, csv } = screen;
    let language = frame.language;
    let about = match antenna {
        Some((id, href)) => view! { <a href=href><bdi class="name">{id}</bdi></a> }.into_any(),
        None => language.text("The whole network", "Toda la red").into_any(),
    };
    let notes = frame.notes.into_iter().map(|Note { level, words }| view! { <Remark level words/> }).collect_view();
    let (figures, rest) = match month {
        Some(month) => month_view(month, language),
        None => (().into_any(), ().into_any()),
    };
    let body = match nothing {
        Some(nothing) => view! { <section class="card"><p class="empty">{nothing}</p></section> }.into_any(),
        None => view! { {figures}<Days calendars csv language/>{rest} }.into_any(),
    };
    let links = months.into_iter().map(|(label, href, is_shown)| {
        let current = is_shown.then_some("page");
        view! { <a href=href aria-current=current>{label}</a> }
    });
    let links = links.collect_view();
    view! {
        <div class="heading">
            <h1>{title}</h1>
            <p class="about">{about}</p>
        </div>
        <nav class="segments wraps" aria-label=language.text("Months", "Meses")>
            {links}
        </nav>
        {notes}
        <div class="figures report">{body}</div>
    }
    .into_any()
}

#[component]
fn Days(calendars: Vec<CalendarMonth>, csv: String, language: Language) -> AnyView {
    let calendars = calendars.into_iter().map(|month| view! { <CalendarView month language/> }).collect_view();
    let legend = [
        ("heat-well", language.text("Almost nothing lost", "Casi nada perdido")),
        ("heat-fair", language.text("Near the threshold", "Cerca del umbral")),
        ("heat-degraded", language.text("Below it", "Por debajo")),
        ("heat-bad", language.text("Far below", "Muy por debajo")),
        ("heat-down", language.text("All lost", "Todo perdido")),
        ("heat-unknown", language.text("No reading", "Ninguna lectura")),
        ("unread", language.text("Could not be read", "No se pudo leer")),
    ];
    let legend = legend.map(|(class, words)| view! { <li><span class=format!("key {class}")></span>{words}</li> });
    let legend = legend.collect_view();
    view! {
        <section class="card days" id="days">
            <header>
                <h2>{language.text("Success rate by day", "Tasa de éxito por día")}<small>" %, UTC"</small></h2>
                <ul class="legend" aria-hidden="true">{legend}</ul>
            </header>
            <div class="calendars">{calendars}</div>
            <FileLink href=csv language/>
        </section>
    }
    .into_any()
}

/// The figures before the days, and what comes behind them.
fn month_view(month: MonthScreen, language: Language) -> (AnyView, AnyView) {
    let MonthScreen { figures, worst, incidents, uncounted } = month;
    let figures = figures.into_iter().map(|(label, figure)| view! { <div><dt>{label}</dt><dd>{figure}</dd></div> });
    let figures = figures.collect_view();
    let figures = view! { <section class="card" aria-label=language.text("The month", "El mes")><dl class="sums">{figures}</dl></section> };
    let by = Badness::Failures;
    let worst = worst.map(|rows| {
        let is_all_well = rows.is_empty();
        view! { <WorstCard rows is_all_well by orders=Vec::new() language/> }
    });
    let incidents = incidents.map(|sums| view! { <Incidents sums uncounted language/> });
    (figures.into_any(), view! { {incidents}{worst} }.into_any())
}

#[component]
fn Incidents(sums: Vec<IncidentSum>, uncounted: u64, language: Language) -> AnyView {
    let rows = sums.into_iter().map(|IncidentSum { kind, label, count, total, longest }| {
        view! {
            <tr>
                <th scope="row"><span class=format!("pill status-{kind}")>{label}</span></th>
                <td>{count}</td>
                <td>{total}</td>
                <td>{longest}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    let uncounted = (uncounted > 0).then(|| {
        let words = language.text(" Older ones that could not be counted: ", " Anteriores que no se pudieron contar: ");
        format!("{words}{}.", crate::format::count(uncounted))
    });
    view! {
        <section class="card" id="incidents">
            <header><h2>{language.text("Incidents", "Incidentes")}</h2></header>
            <table class="sums-by-kind">
                <thead>
                    <tr>
                        <th scope="col">{language.text("Kind", "Tipo")}</th>
                        <th scope="col">{language.text("Number", "Número")}</th>
                        <th scope="col">{language.text("Together", "En total")}</th>
                        <th scope="col">{language.text("Longest", "El más largo")}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="note">
                {language.text(
                    "Of the incidents that analytics keeps, those of the month, and only the time that lies in it.",
                    "De los incidentes que guarda el análisis, los del mes, y solo el tiempo que cae en él.",
                )}
                {uncounted}
            </p>
        </section>
    }
    .into_any()
}
