//! A tile: one figure with its unit, its change and its trend.

use leptos::either::{Either, EitherOf3};
use leptos::prelude::*;

use crate::language::Language;
use crate::model::{Change, Judgement, Picture, Tile};

/// Figures longer than this are set in smaller type.
const LONG: usize = 10;

/// One figure.
#[component]
pub(crate) fn TileCard(tile: Tile, against: String, language: Language) -> AnyView {
    let unit = (!tile.unit.is_empty()).then(|| view! { <span class="unit">{tile.unit}</span> });
    let is_long = tile.value.chars().count() > LONG;
    view! {
        <article class="card tile">
            <h2>{tile.label}</h2>
            <p class="figure">
                <span class="value" class:long=is_long>{tile.value}</span>
                {unit}
                {tile.aside.map(|aside| view! { <span class="aside">{aside}</span> })}
            </p>
            <ChangeLine change=tile.change uncompared=tile.uncompared against language/>
            <PictureView picture=tile.picture/>
        </article>
    }
    .into_any()
}

/// The change from the previous period, with an arrow for its direction; colour and words say whether it is good.
#[component]
fn ChangeLine(change: Option<Change>, uncompared: String, against: String, language: Language) -> impl IntoView {
    let Some(change) = change else {
        return Either::Left(view! { <p class="change is-none">{uncompared}</p> });
    };
    let (class, words) = match change.judgement {
        Judgement::Better => ("better", language.text(" (better)", " (mejor)")),
        Judgement::Worse => ("worse", language.text(" (worse)", " (peor)")),
        Judgement::Neither => ("neither", ""),
    };
    let (arrow, direction) =
        if change.rises { ("▲", language.text("up ", "sube ")) } else { ("▼", language.text("down ", "baja ")) };
    let amount = if change.amount.is_empty() {
        Either::Left(view! { <span class="neither">{language.text("no change", "sin cambio")}</span> })
    } else {
        Either::Right(view! {
            <strong class=class>
                <span aria-hidden="true">{arrow}" "</span>
                <span class="hidden">{direction}</span>
                {change.amount}
                <span class="hidden">{words}</span>
            </strong>
        })
    };
    Either::Right(view! { <p class="change">{amount} <span class="against">" "{against}</span></p> })
}

#[component]
fn PictureView(picture: Picture) -> impl IntoView {
    match picture {
        Picture::Share(share) => EitherOf3::C(share.map(|share| {
            let width = format!("{:.2}", share * 100.0);
            view! {
                <svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                    <rect class="whole" width="100" height="8"/>
                    <rect class="part" width=width height="8"/>
                </svg>
            }
        })),
        Picture::Sparkline { line, area } => EitherOf3::A(view! {
            <svg class="sparkline" viewBox="0 0 600 200" preserveAspectRatio="none" aria-hidden="true">
                <path class="area" d=area/>
                <path class="line" d=line/>
            </svg>
        }),
        Picture::Statuses(shares) => {
            let bars = shares.iter().map(|share| {
                let class = format!("status-{}", share.status);
                let (x, width) = (format!("{:.2}", share.start * 100.0), format!("{:.2}", share.share * 100.0));
                view! { <rect class=class x=x y="0" width=width height="8"/> }
            });
            let bars = bars.collect_view();
            let words = shares.iter().map(|share| {
                let class = format!("key status-{}", share.status);
                view! { <li><a href=share.href.clone()><span class=class aria-hidden="true"></span>{share.words.clone()}</a></li> }
            });
            let words = words.collect_view();
            EitherOf3::B(view! {
                <div class="statuses">
                    <ul>{words}</ul>
                    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>
                </div>
            })
        }
    }
}
