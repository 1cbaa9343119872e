//! The overview: verdict, tiles, charts, the heat map, incidents, the worst antennas.

use leptos::prelude::*;

use super::figures_class;
use crate::components::{
    ChartCard, Heading, HeatMapCard, IncidentTable, NumbersCard, TileCard, VerdictCard, WorstCard,
};
use crate::language::Language;
use crate::model::{IncidentLine, IncidentRow, OverviewScreen};

/// Everything on one page. Figures that are not current are toned down.
#[component]
pub(crate) fn OverviewPage(screen: OverviewScreen) -> AnyView {
    let OverviewScreen { frame, verdict, tiles, charts, heat_map, incidents, worst, is_all_well, by, orders, against } =
        screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let is_of_last_week = frame.is_of_last_week();
    let title = language.text("Network overview", "Resumen de la red").into_any();
    let tiles =
        tiles.into_iter().map(|tile| view! { <TileCard tile against=against.clone() language/> }).collect_view();
    view! {
        <Heading title frame/>
        <VerdictCard verdict language/>
        <div class=class>
            <div class="tiles" class:of-last-week=is_of_last_week>{tiles}</div>
            <div class="charts">
                <ChartCard chart=charts.latency/>
                <ChartCard chart=charts.loss/>
            </div>
            <NumbersCard columns=charts.columns rows=charts.rows csv=charts.csv language/>
            {heat_map.map(|map| view! { <HeatMapCard map language/> })}
            <WorstCard rows=worst is_all_well by orders language/>
            {incidents.map(|(rows, all)| view! { <NewestIncidents rows all language/> })}
        </div>
    }
    .into_any()
}

/// The newest incidents of the range, with a link to all of them.
#[component]
fn NewestIncidents(rows: Vec<IncidentRow>, all: String, language: Language) -> AnyView {
    let body = if rows.is_empty() {
        let nothing = language.text("Nothing went wrong in this range.", "Nada falló en este intervalo.");
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        let lines: Vec<IncidentLine> = rows.into_iter().map(Into::into).collect();
        view! { <IncidentTable lines has_antenna=true language/> }.into_any()
    };
    view! {
        <section class="card" id="incidents">
            <header>
                <h2>{language.text("Newest incidents", "Últimos incidentes")}</h2>
                <a class="all" href=all>{language.text("All incidents", "Todos los incidentes")}</a>
            </header>
            {body}
        </section>
    }
    .into_any()
}
