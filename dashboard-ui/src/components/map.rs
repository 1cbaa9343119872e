//! Antennas on a map, drawn by the server: lines and marks are placed by percentages, so that they keep their size on any screen.

use leptos::prelude::*;

use super::parts::{AntennaLink, Pill};
use crate::language::Language;
use crate::model::{Mark, PlaceMap};

/// A map with a legend, and the same as a table.
#[component]
pub(crate) fn MapView(map: PlaceMap, language: Language) -> AnyView {
    let PlaceMap { meridians, parallels, marks, is_clustered, legend, description } = map;
    let meridians = meridians.into_iter().map(|(at, label)| {
        view! {
            <line x1=at.clone() x2=at.clone() y1="0" y2="100%"/>
            <text x=at y="100%" dx="4" dy="-6">{label}</text>
        }
    });
    let parallels = parallels.into_iter().map(|(at, label)| {
        view! {
            <line x1="0" x2="100%" y1=at.clone() y2=at.clone()/>
            <text x="4" y=at dy="-4">{label}</text>
        }
    });
    let lines = (meridians.collect_view(), parallels.collect_view());
    // The worst are drawn last, so that nothing hides them.
    let links = marks.iter().rev().map(mark_link).collect_view();
    let legend = legend.into_iter().map(|(class, words)| {
        view! { <li><span class=format!("key status-{class}")></span>{words}</li> }
    });
    let legend = legend.collect_view();
    let label = language.text("Map of antennas", "Mapa de antenas");
    let class = if is_clustered { "map-frame is-clustered" } else { "map-frame" };
    let note = is_clustered.then(|| {
        let words = language.text(
            "A number is that of antennas close to each other, with the worst status of any of them; it leads closer.",
            "Un número es el de las antenas próximas entre sí, con el peor estado de todas ellas; lleva más cerca.",
        );
        view! { <p class="note">{words}</p> }
    });
    view! {
        <div class=class tabindex="0" role="region" aria-label=label>
            <svg class="antenna-map" role="group" aria-label=description>
                <g class="graticule" aria-hidden="true">{lines}</g>
                {links}
            </svg>
        </div>
        <ul class="legend" aria-hidden="true">{legend}</ul>
        {note}
        <MarkTable marks language/>
    }
    .into_any()
}

fn mark_link(mark: &Mark) -> AnyView {
    let (class, glyph) = (format!("spot status-{}", mark.status), glyph(mark.status));
    let number = mark.number.clone().map(|number| view! { <text dy=".35em">{number}</text> });
    let is_cluster = number.is_some();
    let scale = is_cluster.then_some("scale(2.6)");
    view! {
        <svg x=mark.at.0.clone() y=mark.at.1.clone()>
            <a href=mark.href.clone() class=class class:is-cluster=is_cluster aria-label=mark.words.clone()>
                <title>{mark.words.clone()}</title>
                <circle class="target" r="12"/>
                <path d=glyph transform=scale/>
                {number}
            </a>
        </svg>
    }
    .into_any()
}

/// The shape of a status, as in lists, around the origin.
fn glyph(status: &str) -> &'static str {
    match status {
        "degraded" => "M0-6.5L6.5 0L0 6.5L-6.5 0z",
        "down" => "M-5-5h10v10h-10z",
        "flapping" => "M-5-5h10L-5 5h10z",
        "unavailable" => "M-5 0a5 5 0 0 0 10 0zM-5 0a5 5 0 0 1 10 0",
        _ => "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    }
}

/// The marks of a map as a table.
#[component]
fn MarkTable(marks: Vec<Mark>, language: Language) -> AnyView {
    let labels = [
        language.text("Status", "Estado"),
        language.text("Antenna", "Antena"),
        language.text("Site", "Emplazamiento"),
        language.text("Position", "Posición"),
    ];
    let classes = [Some("col-status"), Some("col-id"), None, None];
    let heads = labels.into_iter().zip(classes);
    let heads = heads.map(|(label, class)| view! { <th scope="col" role="columnheader" class=class>{label}</th> });
    let heads = heads.collect_view();
    let row = |mark: Mark| {
        let what = match mark.number {
            None => view! { <AntennaLink id=mark.text href=mark.href/> }.into_any(),
            Some(_) => view! { <a href=mark.href>{mark.words}</a> }.into_any(),
        };
        let name = mark.name.map(|name| view! { <small class="beside"><bdi>{name}</bdi></small> });
        let site = mark.site.map(|(site, href)| view! { <a href=href><bdi>{site}</bdi></a> });
        view! {
            <tr role="row">
                <td role="cell" class="col-status" data-label=labels[0]>
                    <Pill status=mark.status label=mark.status_label/>
                </td>
                <th scope="row" role="rowheader" class="col-id">{what}{name}</th>
                <td role="cell" data-label=labels[2]>{site}</td>
                <td role="cell" data-label=labels[3]>{mark.position}</td>
            </tr>
        }
    };
    let rows = marks.into_iter().map(row).collect_view();
    view! {
        <details id="marks">
            <summary>{language.text("View the map as a table", "Ver el mapa como tabla")}</summary>
            <table role="table" class="cards marks">
                <thead role="rowgroup"><tr role="row">{heads}</tr></thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </details>
    }
    .into_any()
}
