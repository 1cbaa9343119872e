//! One antenna: its status, its latency as a smoke chart, its readings and incidents.

use leptos::prelude::*;

use super::figures_class;
use crate::components::{
    Ago, ChartCard, Heading, IncidentsCard, LevelBadge, NumbersCard, Pill, Prose, ReadingTable, StripView, TileCard,
    Time,
};
use crate::language::Language;
use crate::model::maintenance::MaintenanceRow;
use crate::model::quiet::MuteRow;
use crate::model::{About, AntennaScreen, ReadingRow};

/// One antenna.
#[component]
pub(crate) fn AntennaPage(screen: AntennaScreen) -> AnyView {
    let AntennaScreen {
        frame,
        id,
        level,
        status,
        status_label,
        flapping,
        changes,
        last_seen,
        tiles,
        strip,
        charts,
        readings,
        incidents,
        mutes,
        maintenance,
        mute,
        plan,
        against,
        revised,
        about,
    } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let about = about.into_iter().map(|About { text, href }| match href {
        Some(href) => view! { <li><a href=href><bdi>{text}</bdi></a></li> }.into_any(),
        None => view! { <li><bdi>{text}</bdi></li> }.into_any(),
    });
    let about = (about.len() > 0).then(|| {
        let label = language.text("What it is", "Qué es");
        view! { <ul class="about" aria-label=label>{about.collect_view()}</ul> }
    });
    let is_of_last_week = frame.is_of_last_week();
    let flapping = flapping.map(|words| view! { <span class="mark">{words}</span> });
    let mutes = mutes.into_iter().map(|MuteRow { until, by, reason, .. }| {
        view! {
            <p class="detail">
                <span class="mark">{language.text("muted", "silenciada")}</span>
                {language.text("until ", "hasta ")}<Time moment=until/>" "<span class="zone">"UTC"</span>
                " · "<bdi>{by}</bdi>": "<bdi>{reason}</bdi>
            </p>
        }
    });
    let mutes = mutes.collect_view();
    let maintenance = maintenance.into_iter().map(|MaintenanceRow { times, reason, .. }| {
        view! {
            <p class="detail">
                <span class="mark">{language.text("in maintenance", "en mantenimiento")}</span>
                <Prose parts=times/>" · "<bdi>{reason}</bdi>
            </p>
        }
    });
    let maintenance = maintenance.collect_view();
    let mute = mute.map(|href| {
        view! { <a class="button" href=href>{language.text("Mute alerts…", "Silenciar alertas…")}</a> }
    });
    let plan = plan.map(|href| {
        view! { <a class="button" href=href>{language.text("Plan maintenance…", "Programar mantenimiento…")}</a> }
    });
    let orders = mute.is_some().then(|| view! { <p class="buttons">{mute}{plan}</p> });
    let title = view! { <bdi class="name">{id}</bdi> }.into_any();
    let tiles =
        tiles.into_iter().map(|tile| view! { <TileCard tile against=against.clone() language/> }).collect_view();
    let revised = (revised > 0).then(|| {
        let steps = language.plural(
            revised as u64,
            ["step was revised by late readings", "steps were revised by late readings"],
            ["tramo revisado por lecturas tardías", "tramos revisados por lecturas tardías"],
        );
        view! { <span class="mark">{steps}</span> }
    });
    let incidents = incidents.map(|(rows, href)| {
        let heading = language.text("Incidents", "Incidentes");
        let nothing = language.text("None that is known of.", "No se conoce ninguno.");
        let all = (language.text("All of them", "Todos"), href);
        view! { <IncidentsCard heading nothing rows has_antenna=false all language/> }
    });
    view! {
        <Heading title frame/>
        <section class=format!("card verdict antenna level-{}", level.class()) aria-label=language.text("Status", "Estado")>
            <LevelBadge level/>
            <div>
                <p class="sentence" role="status" aria-live="polite"><Pill status label=status_label/>{flapping}</p>
                <p class="detail">
                    {language.text("last seen ", "última señal: ")}
                    <Ago seen=last_seen language/>
                    {changes.map(|changes| format!(" · {changes}"))}
                    {revised}
                </p>
                {about}
                {mutes}
                {maintenance}
                {orders}
            </div>
            <div class="course">
                <p class="detail">{language.text("Health over the range", "Salud en el intervalo")}</p>
                <StripView strip/>
            </div>
        </section>
        <div class=class>
            <div class="tiles" class:of-last-week=is_of_last_week>{tiles}</div>
            <div class="charts">
                <ChartCard chart=charts.latency/>
                <ChartCard chart=charts.loss/>
            </div>
            <NumbersCard columns=charts.columns rows=charts.rows csv=charts.csv language/>
            <div class="halves">
                {readings.map(|rows| view! { <Readings rows language/> })}
                {incidents}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Readings(rows: Vec<ReadingRow>, language: Language) -> AnyView {
    let body = if rows.is_empty() {
        let nothing = language.text(
            "None since analytics started: readings are kept in memory.",
            "Ninguna desde que arrancó el análisis: las lecturas se guardan en memoria.",
        );
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        let label = language.text("Recent readings", "Lecturas recientes");
        view! { <div class="scroll" tabindex="0" role="region" aria-label=label><ReadingTable rows language/></div> }
            .into_any()
    };
    view! {
        <section class="card" id="readings">
            <header><h2>{language.text("Recent readings", "Lecturas recientes")}</h2></header>
            {body}
        </section>
    }
    .into_any()
}
