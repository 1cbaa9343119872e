//! Tables of antennas, incidents and readings, which become cards on narrow screens.
//!
//! The roles are explicit because a table loses them when its parts are laid out as blocks.

use leptos::prelude::*;
use shared::api::{Badness, Order, SiteSort, Sort};

use super::parts::{Ago, AntennaLink, Choices, Pill, StripView, Time};
use crate::language::Language;
use crate::model::{
    AntennaLine, Choice, Column, GroupHead, IncidentLine, IncidentRow, Inner, Moment, ReadingRow, Said, SiteColumn,
    SiteLine, column_label, site_column_label,
};
use crate::query::COLUMNS;

/// The worst antennas, with the available orders.
#[component]
pub(crate) fn WorstCard(
    rows: Vec<AntennaLine>,
    is_all_well: bool,
    by: Badness,
    orders: Vec<Choice>,
    language: Language,
) -> AnyView {
    let body = if rows.is_empty() {
        let nothing = if is_all_well {
            language.text("None: every antenna is healthy.", "Ninguna: todas las antenas están sanas.")
        } else {
            nothing_to_list(by, language)
        };
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        let heads = COLUMNS.map(|sort| head(column_label(sort, language), sort)).collect_view().into_any();
        view! { <AntennaTable heads rows groups=Vec::new() language/> }.into_any()
    };
    let label = language.text("Order of the worst antennas", "Orden de las peores antenas");
    view! {
        <section class="card worst" id="worst">
            <header>
                <h2>{language.text("Worst antennas", "Peores antenas")}<small>" "{order(by, language)}</small></h2>
                {(!orders.is_empty()).then(|| view! { <Choices label choices=orders/> })}
            </header>
            {body}
        </section>
    }
    .into_any()
}

/// The fleet, sorted by its column headings.
#[component]
pub(crate) fn FleetTable(
    rows: Vec<AntennaLine>,
    heads: Vec<(usize, GroupHead)>,
    columns: Vec<Column>,
    language: Language,
) -> AnyView {
    let head = |Column { sort, label, href, order }| sorting_head(label, href, order, column_class(sort));
    let columns = columns.into_iter().map(head).collect_view().into_any();
    view! { <AntennaTable heads=columns rows groups=heads language/> }.into_any()
}

/// The head of a column that the list is sorted by when it is chosen.
fn sorting_head(label: &'static str, href: String, order: Option<Order>, class: Option<&'static str>) -> AnyView {
    let (sorted, arrow) = match order {
        Some(Order::Ascending) => (Some("ascending"), " ↑"),
        Some(Order::Descending) => (Some("descending"), " ↓"),
        None => (None, ""),
    };
    view! {
        <th scope="col" role="columnheader" aria-sort=sorted class=class>
            <a href=href>{label}<span aria-hidden="true">{arrow}</span></a>
        </th>
    }
    .into_any()
}

/// Sites, sorted by their column headings.
#[component]
pub(crate) fn SiteTable(rows: Vec<SiteLine>, columns: Vec<SiteColumn>, language: Language) -> AnyView {
    let antennas = language.text("Antennas", "Antenas");
    let label = |sort| site_column_label(sort, language);
    let heads = columns.into_iter().map(|SiteColumn { sort, label, href, order }| {
        let class = match sort {
            SiteSort::Status => Some("col-status"),
            SiteSort::Site => Some("col-id"),
            _ => None,
        };
        let head = sorting_head(label, href, order, class);
        // How many there are stands beside where they are; there is no order by it.
        let beside = (sort == SiteSort::Site).then(|| view! { <th scope="col" role="columnheader">{antennas}</th> });
        view! { {head}{beside} }
    });
    let heads = heads.collect_view();
    let row = |row: SiteLine| {
        view! {
            <tr role="row">
                <td role="cell" class="col-status" data-label=label(SiteSort::Status)>
                    <Pill status=row.status label=row.status_label/>
                </td>
                <th scope="row" role="rowheader" class="col-id"><AntennaLink id=row.name href=row.href/></th>
                <td role="cell" data-label=antennas>{row.antennas}</td>
                <td role="cell" data-label=label(SiteSort::PacketsLost)>{row.lost}</td>
                <td role="cell" class="strong" data-label=label(SiteSort::SuccessRate)>{row.success}</td>
                <td role="cell" data-label=label(SiteSort::Latency)>{row.mean}</td>
                <td role="cell" class="strong" data-label=label(SiteSort::Availability)>{row.availability}</td>
            </tr>
        }
    };
    let rows = rows.into_iter().map(row).collect_view();
    view! {
        <table role="table" class="cards sites">
            <thead role="rowgroup"><tr role="row">{heads}</tr></thead>
            <tbody role="rowgroup">{rows}</tbody>
        </table>
    }
    .into_any()
}

/// Rows of antennas under the given headings: one for each of [`COLUMNS`], and a last one for the strip. Where groups begin, they
/// have heads of their own.
#[component]
fn AntennaTable(
    heads: AnyView,
    rows: Vec<AntennaLine>,
    groups: Vec<(usize, GroupHead)>,
    language: Language,
) -> AnyView {
    let mut rows = rows;
    let mut bodies: Vec<(Option<GroupHead>, Vec<AntennaLine>)> = Vec::new();
    for (start, head) in groups.into_iter().rev() {
        bodies.push((Some(head), rows.split_off(start)));
    }
    if !rows.is_empty() {
        bodies.push((None, rows));
    }
    let body = |(head, rows): (Option<GroupHead>, Vec<AntennaLine>)| {
        let head = head.map(|head| view! { <GroupHeadRow head language/> });
        let rows = rows.into_iter().map(|row| view! { <AntennaTableRow row language/> }).collect_view();
        view! { <tbody role="rowgroup">{head}{rows}</tbody> }
    };
    let bodies = bodies.into_iter().rev().map(body).collect_view();
    view! {
        <table role="table" class="cards antennas">
            <thead role="rowgroup">
                <tr role="row">
                    {heads}
                    <th scope="col" role="columnheader" class="col-strip">{language.text("Course", "Evolución")}</th>
                </tr>
            </thead>
            {bodies}
        </table>
    }
    .into_any()
}

/// The antennas of a site together, in front of their rows.
#[component]
fn GroupHeadRow(head: GroupHead, language: Language) -> AnyView {
    let GroupHead { site, words } = head;
    let name = match site {
        Some((name, href)) => view! { <AntennaLink id=name href=href/> }.into_any(),
        None => language.text("At no site", "Sin emplazamiento").into_any(),
    };
    let columns = (COLUMNS.len() + 1).to_string();
    view! {
        <tr role="row" class="group">
            <th scope="rowgroup" role="rowheader" colspan=columns>{name}<small>{words}</small></th>
        </tr>
    }
    .into_any()
}

#[component]
fn AntennaTableRow(row: AntennaLine, language: Language) -> AnyView {
    let label = |sort| column_label(sort, language);
    let course = language.text("Course", "Evolución");
    view! {
        <tr role="row">
            <td role="cell" class="col-status" data-label=label(Sort::Status)>
                <Pill status=row.status label=row.status_label/>
                {row.flapping.map(|words| view! { <small class="beside">{words}</small> })}
            </td>
            <th scope="row" role="rowheader" class="col-id">
                <AntennaLink id=row.id href=row.href/>
                {row.name.map(|name| view! { <small class="beside"><bdi>{name}</bdi></small> })}
                {row.site.map(|(site, href)| view! { <small class="beside"><a href=href><bdi>{site}</bdi></a></small> })}
            </th>
            <td role="cell" class="strong" data-label=label(Sort::SuccessRate)>{row.success}</td>
            <td role="cell" class="strong" data-label=label(Sort::Availability)>{row.availability}</td>
            <td role="cell" data-label=label(Sort::Latency)>{row.mean}</td>
            <td role="cell" data-label=label(Sort::P95)>{row.p95}</td>
            <td role="cell" data-label=label(Sort::PacketsDelivered)>{row.delivered}</td>
            <td role="cell" data-label=label(Sort::PacketsLost)>{row.lost}</td>
            <td role="cell" data-label=label(Sort::LastSeen)><Ago seen=row.last_seen language/></td>
            <td role="cell" class="col-strip" data-label=course><StripView strip=row.strip/></td>
        </tr>
    }
    .into_any()
}

fn head(label: &'static str, sort: Sort) -> AnyView {
    view! { <th scope="col" role="columnheader" class=column_class(sort)>{label}</th> }.into_any()
}

const fn column_class(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::Status => Some("col-status"),
        Sort::AntennaId => Some("col-id"),
        _ => None,
    }
}

const fn order(by: Badness, language: Language) -> &'static str {
    match by {
        Badness::Failures => language.text("most packets lost first", "más paquetes perdidos primero"),
        Badness::SuccessRate => language.text("lowest success rate first", "menor tasa de éxito primero"),
        Badness::Latency => language.text("highest mean latency first", "mayor latencia media primero"),
        Badness::Availability => language.text("lowest availability first", "menor disponibilidad primero"),
    }
}

const fn nothing_to_list(by: Badness, language: Language) -> &'static str {
    match by {
        Badness::Failures => language.text(
            "No antenna in trouble is among those that lost most packets.",
            "Ninguna antena con problemas está entre las que más paquetes perdieron.",
        ),
        Badness::SuccessRate => language.text(
            "No antenna in trouble is among those with the lowest success rate.",
            "Ninguna antena con problemas está entre las de menor tasa de éxito.",
        ),
        Badness::Latency => language.text(
            "No antenna in trouble is among those with the highest latency.",
            "Ninguna antena con problemas está entre las de mayor latencia.",
        ),
        Badness::Availability => language.text(
            "No antenna in trouble is among those with the lowest availability.",
            "Ninguna antena con problemas está entre las de menor disponibilidad.",
        ),
    }
}

/// Some incidents, or a sentence that there are none, with a link to all of them.
#[component]
pub(crate) fn IncidentsCard(
    heading: &'static str,
    /// The sentence.
    nothing: &'static str,
    rows: Vec<IncidentRow>,
    has_antenna: bool,
    /// The words of the link, and its address.
    all: (&'static str, String),
    language: Language,
) -> AnyView {
    let body = if rows.is_empty() {
        view! { <p class="empty">{nothing}</p> }.into_any()
    } else {
        let lines: Vec<IncidentLine> = rows.into_iter().map(Into::into).collect();
        view! { <IncidentTable lines has_antenna language/> }.into_any()
    };
    let (words, href) = all;
    view! {
        <section class="card" id="incidents">
            <header>
                <h2>{heading}</h2>
                <a class="all" href=href>{words}</a>
            </header>
            {body}
        </section>
    }
    .into_any()
}

/// Incidents; the antenna's name is left out if all are of one antenna.
#[component]
pub(crate) fn IncidentTable(lines: Vec<IncidentLine>, has_antenna: bool, language: Language) -> AnyView {
    let labels = [
        language.text("What", "Qué"),
        language.text("Antenna", "Antena"),
        language.text("Began", "Inicio"),
        language.text("Ended", "Fin"),
        language.text("Lasted", "Duró"),
        language.text("How bad", "Gravedad"),
    ];
    let classes = [Some("col-status"), Some("col-id"), None, None, None, Some("wide")];
    let head = |(label, class): (&'static str, Option<&'static str>)| {
        view! { <th scope="col" role="columnheader" class=class>{label}</th> }
    };
    let is_shown = |(label, _): &(&str, _)| has_antenna || *label != labels[1];
    let heads = labels.into_iter().zip(classes).filter(is_shown).map(head).collect_view();
    let line = |IncidentLine { row, inner }: IncidentLine| {
        let end = end_of(row.end, row.state);
        // Where no name leads to the incident, its time does.
        let start = match has_antenna {
            true => view! { <Time moment=row.start/> }.into_any(),
            false => view! { <a href=row.href.clone()><Time moment=row.start/></a> }.into_any(),
        };
        let words = inner.as_ref().map(|inner| inner.words.clone());
        let antenna = has_antenna.then(|| {
            let link = (!row.id.is_empty()).then(|| view! { <AntennaLink id=row.id href=row.href/> });
            let words = words.map(|words| view! { <span class="fold"><bdi>{words}</bdi></span> });
            view! { <th scope="row" role="rowheader" class="col-id">{link}{words}</th> }
        });
        let inner = inner.map(|inner| view! { <InnerList inner language/> });
        let said = view! { <SaidView said=row.said language/> };
        view! {
            <tr role="row" class:is-open=row.is_open>
                <td role="cell" class="col-status" data-label=labels[0]><Pill status=row.kind label=row.kind_label/></td>
                {antenna}
                <td role="cell" data-label=labels[2]>{start}</td>
                <td role="cell" data-label=labels[3]>{end}</td>
                <td role="cell" data-label=labels[4] class="strong">{row.duration}</td>
                <td role="cell" data-label=labels[5] class="wide">{row.severity}{said}{inner}</td>
            </tr>
        }
    };
    let lines = lines.into_iter().map(line).collect_view();
    view! {
        <table role="table" class="cards incidents">
            <thead role="rowgroup"><tr role="row">{heads}</tr></thead>
            <tbody role="rowgroup">{lines}</tbody>
        </table>
    }
    .into_any()
}

/// The incidents of a line one by one.
#[component]
fn InnerList(inner: Inner, language: Language) -> AnyView {
    let Inner { key, has_antenna, rows, rest, .. } = inner;
    let item = |row: IncidentRow| {
        let start = view! { <Time moment=row.start/> };
        let lead = match has_antenna {
            true => view! { <AntennaLink id=row.id href=row.href/>" "{start} }.into_any(),
            false => view! { <a href=row.href>{start}</a> }.into_any(),
        };
        let said = view! { <SaidView said=row.said language/> };
        view! { <li>{lead}" – "{end_of(row.end, row.state)}", "{row.duration}", "{row.severity}{said}</li> }
    };
    let items = rows.into_iter().map(item).collect_view();
    let rest = rest.map(|(words, href)| match href {
        Some(href) => view! { <li><a href=href>{words}</a></li> }.into_any(),
        None => view! { <li>{words}</li> }.into_any(),
    });
    let label = match has_antenna {
        true => language.text("Each antenna", "Cada antena"),
        false => language.text("Each time", "Cada vez"),
    };
    view! { <details class="inner" id=key><summary>{label}</summary><ul>{items}{rest}</ul></details> }.into_any()
}

/// What caused an incident, why nobody is told of it, who takes care of it, and where it is acknowledged.
#[component]
fn SaidView(said: Said, language: Language) -> AnyView {
    let Said { cause, quiet, acknowledged, acknowledge } = said;
    let cause = cause.map(|(id, href)| {
        let words = language.text("behind", "detrás de");
        view! { " "<span class="mark">{words}</span><AntennaLink id href/> }
    });
    let quiet = quiet.map(|words| view! { " "<span class="mark">{words}</span> });
    let by = acknowledged.map(|(by, note)| {
        let words = language.text("acknowledged", "atendido");
        view! { " "<span class="mark">{words}</span><bdi>{by}</bdi>": "<bdi>{note}</bdi> }
    });
    let link = acknowledge.map(|href| view! { " "<a href=href>{language.text("Acknowledge…", "Atender…")}</a> });
    view! { {cause}{quiet}{by}{link} }.into_any()
}

/// When an incident ended and how, or that it has not.
fn end_of(end: Option<Moment>, state: &'static str) -> AnyView {
    match end {
        Some(moment) => view! { <Time moment/><small>" "{state}</small> }.into_any(),
        None => view! { <strong class="ongoing">{state}</strong> }.into_any(),
    }
}

/// The newest readings of an antenna.
#[component]
pub(crate) fn ReadingTable(rows: Vec<ReadingRow>, language: Language) -> AnyView {
    let labels = [
        language.text("Taken", "Tomada"),
        language.text("Arrived after", "Llegó tras"),
        language.text("Latency", "Latencia"),
        language.text("Sent", "Enviados"),
        language.text("Lost", "Perdidos"),
    ];
    let heads = labels.map(|label| view! { <th scope="col" role="columnheader">{label}</th> }).collect_view();
    let row = |row: ReadingRow| {
        let mark = row.is_late.then(|| view! { <span class="mark">{language.text("late", "tardía")}</span> });
        view! {
            <tr role="row" class:is-all-lost=row.is_all_lost>
                <th scope="row" role="rowheader"><Time moment=row.time/>{mark}</th>
                <td role="cell" data-label=labels[1]>{row.delay}</td>
                <td role="cell" data-label=labels[2]>{row.latency}</td>
                <td role="cell" data-label=labels[3]>{row.sent}</td>
                <td role="cell" data-label=labels[4]>{row.lost}</td>
            </tr>
        }
    };
    let rows = rows.into_iter().map(row).collect_view();
    view! {
        <table role="table" class="readings">
            <thead role="rowgroup"><tr role="row">{heads}</tr></thead>
            <tbody role="rowgroup">{rows}</tbody>
        </table>
    }
    .into_any()
}
