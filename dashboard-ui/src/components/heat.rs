//! The heat map: all antennas over time in one picture.

use leptos::prelude::*;

use super::parts::{Choices, Time};
use crate::language::Language;
use crate::model::{HeatLabel, HeatMap};

/// All antennas over time, worst first.
#[component]
pub(crate) fn HeatMapCard(map: HeatMap, language: Language) -> AnyView {
    let cells = map.cells.into_iter().map(|(class, path)| view! { <path class=class d=path/> }).collect_view();
    let splits = (!map.splits.is_empty()).then(|| view! { <path class="split" d=map.splits/> });
    let labels = map.labels.into_iter().map(|label| view! { <HeatLabelItem label language/> }).collect_view();
    let times = map.times.into_iter().map(|moment| view! { <li><Time moment/></li> }).collect_view();
    // What is still filling up is toned down.
    let open = (!map.open.is_empty()).then(|| view! { <path class="open" d=map.open/> });
    let viewbox = format!("0 0 {} {}", map.columns.max(1), map.rows.max(1));
    let more =
        map.more.map(|(href, words)| view! { <p class="file"><a href=format!("{href}#heatmap")>{words}</a></p> });
    let legend = [
        ("heat-well", language.text("healthy", "sana")),
        ("heat-fair", language.text("near a threshold", "cerca del umbral")),
        ("heat-degraded", language.text("degraded", "degradada")),
        ("heat-bad", language.text("badly degraded", "muy degradada")),
        ("heat-down", language.text("down", "caída")),
        ("heat-split", language.text("down in part", "caída en parte")),
        ("heat-unknown", language.text("no data", "sin datos")),
    ];
    let legend = legend
        .map(|(class, words)| view! { <li><span class=format!("key {class}")></span>{words}</li> })
        .collect_view();
    let groupings = (!map.groupings.is_empty()).then(|| {
        let label = language.text("Rows of the map", "Filas del mapa");
        view! { <Choices label choices=map.groupings/> }
    });
    // A label reaches over its row of the picture, so that the row is its link; the script has it lead to the time pointed at.
    // The picture has one row per label, as high as the label; the style sheet sets that height. The picture itself has none:
    // as a part of the grid, it would be as high as its aspect ratio asks for.
    view! {
        <section class="card heatmap" id="heatmap">
            <header>
                <h2>{language.text("Health of every antenna", "Salud de cada antena")}<small>" "{map.caption}</small></h2>
                {groupings}
                <ul class="legend" aria-hidden="true">{legend}</ul>
            </header>
            <div
                class="map"
                data-start=map.start_ms
                data-step=map.step_ms
                data-steps=map.columns
                data-end=map.end_ms
                data-form=map.form.parts()
                data-loss=language.text("Loss", "Pérdida")
                data-latency=language.text("Mean", "Media")
                data-down=language.text("Antennas down in part", "Antenas caídas en parte")
            >
                <ol class="map-labels">{labels}</ol>
                <div class="map-cells">
                    <svg viewBox=viewbox preserveAspectRatio="none" role="img" aria-label=map.description>{cells}{splits}{open}</svg>
                </div>
                <ul class="axis-x" aria-hidden="true">{times}</ul>
            </div>
            {more}
        </section>
    }
    .into_any()
}

#[component]
fn HeatLabelItem(label: HeatLabel, language: Language) -> AnyView {
    let HeatLabel { text, cut, is_group, href, status, status_label, story, cells } = label;
    let dot = view! { <span class=format!("key status-{status}") title=status_label></span> };
    let hidden = view! { <span class="hidden">{format!(", {status_label}. {story}")}</span> };
    let class = is_group.then_some("group");
    let words = if is_group {
        view! { <span class="of">{text.clone()}</span> }.into_any()
    } else {
        let (head, tail) = (text[..cut].to_owned(), text[cut..].to_owned());
        let head = (!head.is_empty()).then(|| view! { <span>{head}</span> });
        view! { <bdi>{head}<span>{tail}</span></bdi> }.into_any()
    };
    let title = match is_group {
        true => language.text("The list of these antennas", "La lista de estas antenas").to_owned(),
        false => text,
    };
    let row = match href {
        Some(href) => view! { <a href=href title=title>{dot}{words}{hidden}</a> }.into_any(),
        None => view! { <span class="row" tabindex="-1">{dot}{words}{hidden}</span> }.into_any(),
    };
    view! { <li class=class data-cells=cells>{row}</li> }.into_any()
}
