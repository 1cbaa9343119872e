//! The pipeline: where every entry went, how fast, and who owns the stream.

use leptos::prelude::*;

use super::figures_class;
use crate::components::{ChartCard, Heading, NumbersCard, Prose, Remark, Time, VerdictCard};
use crate::language::Language;
use crate::model::{ArchivePanel, LedgerTerm, Level, Part, PipelineScreen, RejectedReason, RejectedRow, Stage};

/// The pipeline.
#[component]
pub(crate) fn PipelinePage(screen: PipelineScreen) -> AnyView {
    let PipelineScreen {
        frame,
        verdict,
        ledger,
        whereabouts,
        balance,
        archive,
        figures,
        charts,
        steps: (columns, steps),
        stages,
        reasons,
        rejected,
        partitions,
        csv,
    } = screen;
    let (language, class) = (frame.language, figures_class(&frame));
    let title = language.text("Pipeline", "Proceso").into_any();
    let tiles = figures.into_iter().map(|(label, value, aside)| {
        view! {
            <article class="card tile is-flat">
                <h2>{label}</h2>
                <p class="figure"><span class="value">{value}</span></p>
                <p class="change">{aside}</p>
            </article>
        }
    });
    let tiles = tiles.collect_view();
    let has_charts = !charts.is_empty();
    let charts = charts.into_iter().map(|chart| view! { <ChartCard chart/> }).collect_view();
    view! {
        <Heading title frame has_ranges=false/>
        <VerdictCard verdict language/>
        <div class=class>
            <LedgerCard ledger whereabouts balance language/>
            <div class="tiles">{tiles}</div>
            {has_charts.then(|| view! {
                <div class="charts of-three">{charts}</div>
                <NumbersCard columns rows=steps csv language/>
            })}
            <div class="halves">
                <StagesCard stages language/>
                <PartitionsCard partitions language/>
            </div>
            {archive.map(|archive| view! { <ArchiveCard archive language/> })}
            <RejectedCard reasons rejected language/>
        </div>
    }
    .into_any()
}

/// The ledger as an equation, and a second one of where the readings are now.
#[component]
fn LedgerCard(
    ledger: Vec<LedgerTerm>,
    whereabouts: Vec<LedgerTerm>,
    balance: Option<(Level, String)>,
    language: Language,
) -> AnyView {
    let balance = balance.map(|(level, text)| view! { <Remark level words=vec![Part::Text(text)]/> });
    let whereabouts = (!whereabouts.is_empty()).then(|| {
        view! {
            <h3>{language.text("Where the readings are now", "Dónde están ahora las lecturas")}</h3>
            <Equation terms=whereabouts/>
        }
    });
    view! {
        <section class="card ledger" id="ledger">
            <header>
                <h2>
                    {language.text("The ledger", "El balance")}
                    <small>" "{language.text("every entry is in exactly one column", "cada entrada está en exactamente una columna")}</small>
                </h2>
                {balance}
            </header>
            <Equation terms=ledger/>
            {whereabouts}
        </section>
    }
    .into_any()
}

#[component]
fn Equation(terms: Vec<LedgerTerm>) -> AnyView {
    let terms = terms.into_iter().map(|term| {
        let sign = (!term.sign.is_empty()).then(|| view! { <span class="sign">{term.sign}</span> });
        view! {
            <li class:is-bad=term.is_bad>
                {sign}
                <span class="term">
                    <strong>{term.count}</strong>
                    <span>{term.label}</span>
                    <small>{term.meaning}</small>
                </span>
            </li>
        }
    });
    let terms = terms.collect_view();
    view! { <ol class="equation">{terms}</ol> }.into_any()
}

/// The archive: where it is, what is in it, and whether it takes what is to go there.
#[component]
fn ArchiveCard(archive: ArchivePanel, language: Language) -> AnyView {
    let ArchivePanel { level, state, facts } = archive;
    let facts = facts.into_iter().map(|(name, words)| {
        view! { <div><dt>{name}</dt><dd><bdi><Prose parts=words/></bdi></dd></div> }
    });
    let facts = facts.collect_view();
    view! {
        <section class="card" id="archive">
            <header>
                <h2>{language.text("The archive", "El archivo histórico")}</h2>
                <Remark level words=vec![Part::Text(state)]/>
            </header>
            <dl class="facts">{facts}</dl>
        </section>
    }
    .into_any()
}

#[component]
fn StagesCard(stages: Vec<Stage>, language: Language) -> AnyView {
    let rows = stages.into_iter().map(|stage| {
        let width = format!("{:.1}", stage.share * 100.0);
        view! {
            <tr>
                <th scope="row">{stage.name}<small>{stage.meaning}</small></th>
                <td>{stage.last}</td>
                <td>{stage.mean}</td>
                <td class="share">
                    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width=width height="8"/></svg>
                </td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <section class="card" id="stages">
            <header><h2>{language.text("Stages of a batch", "Etapas de un lote")}</h2></header>
            <table class="stages">
                <thead>
                    <tr>
                        <th scope="col">{language.text("Stage", "Etapa")}</th>
                        <th scope="col">{language.text("Last", "Último")}</th>
                        <th scope="col">{language.text("Mean of 5 min", "Media de 5 min")}</th>
                        <th scope="col">{language.text("Share", "Parte")}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
    .into_any()
}

#[component]
fn PartitionsCard(partitions: Vec<Vec<(&'static str, String)>>, language: Language) -> AnyView {
    let heading = language.text("Partitions and their owners", "Particiones y sus propietarios");
    if partitions.len() > 1 {
        let heads = partitions[0].iter().map(|(name, _)| view! { <th scope="col">{*name}</th> }).collect_view();
        let row = |partition: Vec<(&'static str, String)>| {
            let cells = partition.into_iter().map(|(_, value)| view! { <td><bdi>{value}</bdi></td> }).collect_view();
            view! { <tr>{cells}</tr> }
        };
        let rows = partitions.into_iter().map(row).collect_view();
        return view! {
            <section class="card" id="partitions">
                <header><h2>{heading}</h2></header>
                <div class="scroll" tabindex="0" role="region" aria-label=heading>
                    <table>
                        <thead><tr>{heads}</tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </section>
        }
        .into_any();
    }
    let list = |partition: Vec<(&'static str, String)>| {
        let pairs =
            partition.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div> });
        view! { <dl class="facts">{pairs.collect_view()}</dl> }
    };
    let lists = partitions.into_iter().map(list).collect_view();
    view! {
        <section class="card" id="partitions">
            <header><h2>{heading}</h2></header>
            {lists}
        </section>
    }
    .into_any()
}

/// Why entries were rejected, with the newest examples.
#[component]
fn RejectedCard(reasons: Vec<RejectedReason>, rejected: Option<Vec<RejectedRow>>, language: Language) -> AnyView {
    let heading = language.text("Rejected entries", "Entradas rechazadas");
    if reasons.is_empty() {
        let nothing = language.text("No entry has broken a rule.", "Ninguna entrada ha incumplido una regla.");
        return view! {
            <section class="card" id="rejected"><header><h2>{heading}</h2></header><p class="empty">{nothing}</p></section>
        }
        .into_any();
    }
    let reasons = reasons.into_iter().map(|reason| {
        view! { <li><strong>{reason.count}</strong><code>{reason.reason}</code><span>{reason.meaning}</span></li> }
    });
    let reasons = reasons.collect_view();
    let examples = rejected.filter(|rows| !rows.is_empty()).map(|rows| {
        let row = |row: RejectedRow| {
            let fields = row.fields.into_iter().map(|(name, value)| {
                view! { <li><bdi>{name}</bdi>"="<bdi>{value}</bdi></li> }
            });
            view! {
                <tr>
                    <th scope="row"><Time moment=row.at/></th>
                    <td><code>{row.reason}</code></td>
                    <td class="fields"><ul>{fields.collect_view()}</ul></td>
                    <td class="entry"><code>{row.entry}</code></td>
                </tr>
            }
        };
        let rows = rows.into_iter().map(row).collect_view();
        view! {
            <details class="examples" id="examples">
                <summary>{language.text("The newest of them, as they stood in the stream", "Las últimas, tal como estaban en el flujo")}</summary>
                <div class="scroll" tabindex="0" role="region" aria-label=heading>
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">{language.text("Arrived", "Llegó")}</th>
                                <th scope="col">{language.text("Reason", "Motivo")}</th>
                                <th scope="col">{language.text("Fields", "Campos")}</th>
                                <th scope="col">{language.text("Entry", "Entrada")}</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </details>
        }
    });
    view! {
        <section class="card" id="rejected">
            <header><h2>{heading}</h2></header>
            <ul class="reasons">{reasons}</ul>
            {examples}
        </section>
    }
    .into_any()
}
