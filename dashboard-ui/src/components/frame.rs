//! The heading of a page with its ranges, the age of the figures, and the verdict.

use leptos::prelude::*;

use super::icon::{Glyph, GlyphView, LevelBadge};
use super::parts::{AntennaLink, Hidden, Prose, Time};
use crate::language::Language;
use crate::model::{self, Condition, Frame, Level, Note, Part, Ranges, Trouble, Verdict};

/// The page's name, how its figures relate to the present, and the ranges on offer.
#[component]
pub(crate) fn Heading(title: AnyView, frame: Frame, #[prop(default = true)] has_ranges: bool) -> AnyView {
    let language = frame.language;
    let ranges = has_ranges.then(|| view! { <RangeBar ranges=frame.ranges.clone() language/> });
    // Every page says so first: what follows is no antenna's fault.
    let broker_away = frame.broker_away.clone().map(|reason| {
        let why = language.text("Reason", "Motivo");
        let text = format!("{}. {why}: {reason}", model::broker_away(language));
        view! { <Remark level=Level::Bad words=vec![Part::Text(text)]/> }
    });
    let notes = frame.notes.clone().into_iter().map(|Note { level, words }| view! { <Remark level words/> });
    let notes = notes.collect_view();
    view! {
        <div class="heading">
            <h1>{title}</h1>
            <FreshnessLabel frame=frame.clone()/>
            {ranges}
        </div>
        {broker_away}
        {notes}
    }
    .into_any()
}

/// The ranges as plain links, and a form for any other.
#[component]
fn RangeBar(ranges: Ranges, language: Language) -> AnyView {
    let links = ranges
        .presets
        .into_iter()
        .enumerate()
        .map(|(position, (label, href, is_shown))| {
            let current = is_shown.then_some("page");
            view! { <a href=href aria-current=current data-key=(position + 1).to_string()>{label}</a> }
        })
        .collect_view();
    let is_fixed = ranges.latest.is_some();
    let latest = ranges.latest.map(|href| {
        view! { <a class="button" href=href data-reset="">{language.text("Back to live", "Volver al presente")}</a> }
    });
    let kept = ranges.kept.map(|(words, href)| view! { <a class="button" href=href>{words}</a> });
    let days = ranges.days.map(|href| {
        let title = language.text("Calendar and reports of months", "Calendario e informes de meses");
        view! { <a class="button" href=href title=title>{language.text("Days", "Días")}</a> }
    });
    let last_week = ranges.last_week.map(|(href, is_on)| {
        let title = language.text("Compare with the same time last week", "Comparar con hace una semana");
        let current = is_on.then_some("true");
        let words = language.text("vs last week", "vs. hace una semana");
        view! { <a class="button" class:is-on=is_on href=href aria-current=current title=title>{words}</a> }
    });
    let [from, to, oldest] = ranges.inputs;
    view! {
        <div class="ranges">
            {latest}
            <nav class="segments" aria-label=language.text("Range", "Intervalo")>{links}</nav>
            <details class="menu" id="range">
                <summary class="button" class:is-on=is_fixed aria-label=language.text("Another range", "Otro intervalo")>
                    <GlyphView glyph=Glyph::Calendar/>
                </summary>
                <form class="panel" action=ranges.action>
                    <Hidden pairs=ranges.hidden/>
                    <p class="panel-head">
                        <Time moment=ranges.start/>" – "<Time moment=ranges.end/>" "<span class="zone">"UTC"</span>
                    </p>
                    <label>
                        <span>{language.text("From (", "Desde (")}<span class="zone">"UTC"</span>")"</span>
                        <input type="datetime-local" step="1" name="from" value=from.clone() min=oldest.clone() required=true
                            data-utc=from data-oldest=oldest/>
                    </label>
                    <label>
                        <span>{language.text("To (", "Hasta (")}<span class="zone">"UTC"</span>")"</span>
                        <input type="datetime-local" step="1" name="to" value=to.clone() required=true data-utc=to/>
                    </label>
                    <button class="button is-main" type="submit">{language.text("Show this range", "Mostrar este intervalo")}</button>
                    {kept}
                    <p class="permalink">
                        <a href=ranges.permalink.clone()>{language.text("Permalink to these figures", "Enlace permanente a estas cifras")}</a>
                        <button class="button needs-script" type="button" data-copy="link" data-href=ranges.permalink
                            data-copied=language.text("Copied", "Copiado")>{language.text("Copy", "Copiar")}</button>
                        <span class="said" aria-live="polite"></span>
                    </p>
                </form>
            </details>
            {last_week}
            {days}
        </div>
    }
    .into_any()
}

/// The age of the data. The words before it depend on the state of the browser's stream: the script sets it on the root
/// element, and the style sheet shows the matching word. An update cannot undo that.
#[component]
fn FreshnessLabel(frame: Frame) -> AnyView {
    let language = frame.language;
    let (class, connected) = match frame.condition {
        Condition::Live => ("freshness is-live", language.text("Live", "En vivo")),
        Condition::Fixed => ("freshness is-fixed", language.text("Fixed range", "Intervalo fijo")),
        Condition::Stale(_) => ("freshness is-stale", language.text("Stale", "Sin novedades")),
        Condition::Waiting => ("freshness is-stale", language.text("Waiting for readings", "Esperando lecturas")),
        Condition::BrokerAway => ("freshness is-away", language.text("Broker away", "Sin broker")),
        Condition::Away => ("freshness is-away", language.text("Analytics away", "Sin análisis")),
    };
    let as_of = frame.as_of.map(|as_of| {
        let parts = vec![
            match language {
                Language::English => Part::text(" · data from "),
                Language::Spanish => as_of.led_by(" · datos de las ", " · datos del "),
            },
            Part::Time(as_of),
            Part::text(" "),
            Part::Zone,
        ];
        view! { <Prose parts/> }
    });
    view! {
        <p class=class>
            <span class="dot" aria-hidden="true"></span>
            <span class="when-connected">{connected}</span>
            <span class="when-paused">{language.text("Paused", "En pausa")}</span>
            <span class="when-lost">{language.text("Connection lost", "Conexión perdida")}</span>
            <span>{as_of}</span>
        </p>
    }
    .into_any()
}

/// The verdict in one sentence. It is the only part whose changes screen readers announce.
#[component]
pub(crate) fn VerdictCard(verdict: Verdict, language: Language) -> AnyView {
    let Verdict { level, sentence, detail, course, who } = verdict;
    let who = who.into_iter().map(|Trouble { status, words, href, named, more }| {
        let named = named.into_iter().map(|(id, href)| view! { <AntennaLink id href/>" " }).collect_view();
        view! {
            <li>
                <a class=format!("pill status-{status}") href=href.clone()>{words}</a>
                " "{named}
                {(!more.is_empty()).then(|| view! { <a href=href>{more}</a> })}
            </li>
        }
    });
    let who = who.collect_view();
    let course = (!course.is_empty()).then(|| view! { <p class="since"><Prose parts=course/></p> });
    let class = format!("card verdict level-{}", level.class());
    view! {
        <section class=class aria-label=language.text("Verdict", "Veredicto")>
            <LevelBadge level/>
            <div>
                <p class="sentence" role="status" aria-live="polite">{sentence}</p>
                {course}
                <ul class="who">{who}</ul>
                <p class="detail"><Prose parts=detail/></p>
            </div>
        </section>
    }
    .into_any()
}

/// A short sentence with the colour of a level.
#[component]
pub(crate) fn Remark(level: Level, words: Vec<Part>) -> AnyView {
    let class = format!("remark level-{}", level.class());
    view! { <p class=class><LevelBadge level/><span><Prose parts=words/></span></p> }.into_any()
}
