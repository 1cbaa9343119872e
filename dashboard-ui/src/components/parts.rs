//! The smallest parts: times, sentences with times in them, antennas, strips.

use leptos::prelude::*;

use crate::language::Language;
use crate::model::{Choice, Moment, Pages, Part, PlaceForm, Strip};

/// A time. Its text is UTC; the script can rewrite it in the viewer's time zone.
#[component]
pub(crate) fn Time(moment: Moment) -> AnyView {
    let title = format!("{} UTC", moment.machine.replace('T', " ").trim_end_matches('Z'));
    view! { <time datetime=moment.machine data-form=moment.form.parts() title=title>{moment.text}</time> }.into_any()
}

/// How long ago something was, with the exact time as its title.
#[component]
pub(crate) fn Ago(seen: Option<(String, Moment)>, language: Language) -> AnyView {
    let Some((text, moment)) = seen else { return language.text("never", "nunca").into_any() };
    let title = format!("{} UTC", moment.machine.replace('T', " ").trim_end_matches('Z'));
    view! { <time datetime=moment.machine title=title>{text}</time> }.into_any()
}

/// A sentence with times in it.
#[component]
pub(crate) fn Prose(parts: Vec<Part>) -> AnyView {
    let part = |part| match part {
        Part::Text(text) => text.into_any(),
        Part::Time(moment) => view! { <Time moment/> }.into_any(),
        Part::Zone => view! { <span class="zone">"UTC"</span> }.into_any(),
    };
    parts.into_iter().map(part).collect_view().into_any()
}

/// An antenna's id, or a site's name, as a link to its page. Either can be any text: `bdi` keeps right-to-left text from reordering what is
/// around it.
#[component]
pub(crate) fn AntennaLink(id: String, href: String) -> AnyView {
    view! { <a class="id" href=href title=id.clone()><bdi>{id.clone()}</bdi></a> }.into_any()
}

/// A status in words, shape and colour.
#[component]
pub(crate) fn Pill(status: &'static str, label: &'static str) -> AnyView {
    view! { <span class=format!("pill status-{status}")>{label}</span> }.into_any()
}

/// Health over time as a row of bars; worse is taller.
#[component]
pub(crate) fn StripView(strip: Strip) -> AnyView {
    let bars = strip.bars.into_iter().map(|(class, path)| view! { <path class=class d=path/> }).collect_view();
    let viewbox = format!("0 0 {} 10", strip.width);
    let picture = view! {
        <svg class="strip" viewBox=viewbox preserveAspectRatio="none" role="img" aria-label=strip.description>{bars}</svg>
    };
    (strip.width > 0).then_some(picture).into_any()
}

/// The position in a long table, with links to the previous and the next page.
#[component]
pub(crate) fn Pager(pages: Pages, language: Language) -> AnyView {
    let link = |href: Option<String>, label: &'static str, rel: &'static str| match href {
        Some(href) => view! { <a class="button" href=href rel=rel>{label}</a> }.into_any(),
        None => view! { <a class="button is-off" role="link" aria-disabled="true">{label}</a> }.into_any(),
    };
    let previous = link(pages.previous, language.text("Previous", "Anterior"), "prev");
    let next = link(pages.next, language.text("Next", "Siguiente"), "next");
    view! {
        <nav class="pager" aria-label=language.text("Pages of the table", "Páginas de la tabla")>
            <span class="place">{pages.place}</span>
            {previous}
            {next}
        </nav>
    }
    .into_any()
}

/// Links to choose from, the selected one marked as such. Filters by status or kind carry its symbol.
#[component]
pub(crate) fn Choices(label: &'static str, choices: Vec<Choice>) -> AnyView {
    let class = if choices.iter().any(|choice| choice.status.is_some()) { "segments wraps" } else { "segments" };
    let link = |choice: Choice| {
        let current = choice.is_shown.then_some("true");
        let dot =
            choice.status.map(|status| view! { <span class=format!("key status-{status}") aria-hidden="true"></span> });
        let count = choice.count.map(|count| view! { <small>" "{count}</small> });
        view! { <a href=choice.href aria-current=current>{dot}{choice.label}{count}</a> }
    };
    let links = choices.into_iter().map(link).collect_view();
    view! { <nav class=class aria-label=label>{links}</nav> }.into_any()
}

/// The links to the same as a file: with decimal points, and with decimal commas for a spreadsheet that is used to them.
#[component]
pub(crate) fn FileLink(href: String, language: Language) -> AnyView {
    let comma = format!("{href}{}decimal=comma", if href.contains('?') { '&' } else { '?' });
    let title = language.text("For Excel where decimals have a comma", "Para Excel con coma decimal");
    view! {
        <span class="file">
            <a href=href download="">{language.text("Download as CSV", "Descargar como CSV")}</a>
            " · "
            <a href=comma download="" title=title>{language.text("with decimal commas", "con coma decimal")}</a>
        </span>
    }
    .into_any()
}

/// The hidden fields of a form.
#[component]
pub(crate) fn Hidden(pairs: Vec<(String, String)>) -> AnyView {
    pairs
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view()
        .into_any()
}

/// A search: a plain form, which the script submits while the viewer types.
#[component]
pub(crate) fn Search(action: String, value: String, hidden: Vec<(String, String)>, language: Language) -> AnyView {
    let label = language.text("Search antennas", "Buscar antenas");
    view! {
        <form class="search" role="search" action=action data-search="">
            <Hidden pairs=hidden/>
            <input type="search" id="search" name="q" value=value maxlength="253" placeholder=label aria-label=label
                autocomplete="off" spellcheck="false" data-key="/"/>
            <button class="button" type="submit">{language.text("Search", "Buscar")}</button>
        </form>
    }
    .into_any()
}

/// Where antennas are and what else is said of them: a plain form.
#[component]
pub(crate) fn Place(action: String, form: PlaceForm, language: Language) -> AnyView {
    let (site, label) = (language.text("Site", "Emplazamiento"), language.text("Label", "Etiqueta"));
    view! {
        <form class="search place" action=action>
            <Hidden pairs=form.hidden/>
            <input name="site" value=form.site maxlength="64" placeholder=site aria-label=site autocomplete="off"
                spellcheck="false"/>
            <input name="label" value=form.label maxlength="160" placeholder=format!("{label} (key:value)") aria-label=label
                autocomplete="off" spellcheck="false"/>
            <button class="button" type="submit">{language.text("Filter", "Filtrar")}</button>
        </form>
    }
    .into_any()
}
