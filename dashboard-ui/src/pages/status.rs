//! What anybody may see of sites. It has a frame of its own, without a way to pages that may be closed, and no script.

use leptos::html::link;
use leptos::prelude::*;

use crate::assets::{FONT, ICON, STYLE};
use crate::components::{LevelBadge, Logo, StripView, Time};
use crate::language::Language;
use crate::model::status::{IncidentItem, SiteCard, StatusScreen, Told};
use crate::query::{Manner, STATUS};

/// The whole document.
#[component]
pub(crate) fn StatusLayout(screen: StatusScreen, manner: Manner) -> impl IntoView {
    let (language, base) = (manner.language, manner.base);
    let title = format!("{} · Vigía", screen.sentence);
    // The view macro does not know these attributes.
    let font =
        link().rel("preload").href(FONT.href(base)).attr("as", "font").r#type("font/woff2").attr("crossorigin", "");
    let feed = language.text("Incidents as an Atom feed", "Incidentes como fuente Atom");
    let feed_href = screen.feed.clone();
    let languages = Language::ALL.map(|other| {
        let current = (other == language).then_some("true");
        let href = Manner { language: other, is_language_chosen: true, ..manner }.href_of(STATUS);
        view! { <a href=href lang=other.code() hreflang=other.code() aria-current=current>{other.name()}</a> }
    });
    view! {
        <!DOCTYPE html>
        <html lang=language.code()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="description" content=language.text("How the sites are", "Cómo están los emplazamientos")/>
                <title>{title}</title>
                <link rel="icon" type="image/svg+xml" href=ICON.href(base)/>
                <link rel="alternate" type="application/atom+xml" title=feed href=feed_href.clone()/>
                {font}
                <link rel="stylesheet" href=STYLE.href(base)/>
            </head>
            <body>
                <header class="top">
                    <div class="wrap">
                        <span class="brand"><Logo/>"Vigía"</span>
                        <nav class="segments" aria-label=language.text("Language", "Idioma")>{languages.collect_view()}</nav>
                    </div>
                </header>
                <main class="wrap" id="content">{content(screen, language)}</main>
                <footer class="wrap">
                    {language.text("Times in UTC. ", "Horas en UTC. ")}<a href=feed_href>{feed}</a>"."
                </footer>
            </body>
        </html>
    }
}

fn content(screen: StatusScreen, language: Language) -> AnyView {
    let StatusScreen { level, sentence, as_of, sites, incidents, .. } = screen;
    let as_of = as_of.map(|moment| {
        view! { <p class="lead">{language.text("As of ", "A fecha de ")}<Time moment/>" UTC"</p> }
    });
    let sites: Vec<AnyView> = sites.into_iter().map(|site| card(site, language)).collect();
    let nothing = incidents.is_empty().then(|| {
        view! { <p class="empty">{language.text("None in these days.", "Ninguno en estos días.")}</p> }
    });
    let incidents: Vec<AnyView> = incidents.into_iter().map(|incident| item(incident, language)).collect();
    let incidents = (!sites.is_empty()).then(|| {
        view! {
            <section class="card" id="incidents">
                <header><h2>{language.text("Incidents", "Incidentes")}</h2></header>
                {nothing}
                <ul class="sayings">{incidents}</ul>
            </section>
        }
    });
    view! {
        <div class="heading"><h1>{language.text("Status", "Estado")}</h1></div>
        <p class=format!("remark level-{}", level.class())><LevelBadge level/><span>{sentence}</span></p>
        {as_of}
        <div class="figures">{sites}{incidents}</div>
    }
    .into_any()
}

fn card(site: SiteCard, language: Language) -> AnyView {
    let SiteCard { name, level, state, days, ends, availability, badge, notes } = site;
    let ends = ends.map(|[first, last]| {
        view! { <p class="detail ends"><Time moment=first/><span>{availability}</span><Time moment=last/></p> }
    });
    view! {
        <section class="card site">
            <header>
                <h2><bdi>{name}</bdi></h2>
                <span class=format!("state level-{}", level.class())><LevelBadge level/>{state}</span>
            </header>
            {told(notes)}
            <StripView strip=days/>
            {ends}
            <p class="detail"><a href=badge>{language.text("Badge", "Distintivo")}</a></p>
        </section>
    }
    .into_any()
}

fn item(incident: IncidentItem, language: Language) -> AnyView {
    let IncidentItem { site, level, state, start, end, lasted, notes } = incident;
    let times = match end {
        Some(end) => view! {
            {language.text("from ", "desde ")}<Time moment=start/>{language.text(" to ", " hasta ")}<Time moment=end/>
        }
        .into_any(),
        None => view! { {language.text("since ", "desde ")}<Time moment=start/> }.into_any(),
    };
    view! {
        <li>
            <p class=format!("state level-{}", level.class())><LevelBadge level/><span><bdi>{site}</bdi>": "{state}</span></p>
            <p class="detail">{times}" UTC ("{lasted}")"</p>
            {told(notes)}
        </li>
    }
    .into_any()
}

/// What operators tell, and since when.
fn told(notes: Vec<Told>) -> AnyView {
    let note = |Told { text, at }: Told| {
        view! { <p class="note"><Time moment=at/>" UTC: "<bdi>{text}</bdi></p> }
    };
    notes.into_iter().map(note).collect_view().into_any()
}
