//! The overview: verdict, tiles, charts, the heat map, incidents, the worst antennas.

use leptos::prelude::*;

use super::figures_class;
use crate::components::{
    ChartCard, Heading, HeatMapCard, IncidentsCard, NumbersCard, TileCard, VerdictCard, WorstCard,
};
use crate::model::OverviewScreen;

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
    let incidents = incidents.map(|(rows, href)| {
        let heading = language.text("Newest incidents", "Últimos incidentes");
        let nothing = language.text("Nothing went wrong in this range.", "Nada falló en este intervalo.");
        let all = (language.text("All incidents", "Todos los incidentes"), href);
        view! { <IncidentsCard heading nothing rows has_antenna=true all language/> }
    });
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
            {incidents}
        </div>
    }
    .into_any()
}
