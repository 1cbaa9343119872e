//! The frame around every page.

use leptos::html::{link, meta};
use leptos::prelude::*;

use super::icon::{Glyph, GlyphView, Logo};
use crate::assets::{CHARTS, FONT, HUB, ICON, MORPH, RELEASE, SCRIPT, STYLE, THEME};
use crate::language::Language;
use crate::model::docs::{self, Place};
use crate::model::quiet;
use crate::query::{ACCOUNT, Access, Address, Kind, Manner, QUIET};

/// A page's metadata.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// The page's address; `None` if there is no such page.
    pub(crate) address: Option<Address>,
    /// Which page of the API it is, if it is one.
    pub(crate) docs: Option<Place>,
    /// Where else it is, with its parameters.
    pub(crate) place: Option<(&'static str, Vec<(&'static str, String)>)>,
    /// How a page without an address is displayed.
    pub(crate) manner: Manner,
    /// Whether the figures are generated, which the page must state.
    pub(crate) is_mock: bool,
}

impl Document {
    fn manner(&self) -> Manner {
        self.address.as_ref().map_or(self.manner, |address| address.manner)
    }

    /// The address, if the page is kept live.
    fn live(&self) -> Option<&Address> {
        self.address.as_ref().filter(|address| address.query.page.kind().is_live())
    }

    /// A page of a kind, over the current range.
    fn href_of(&self, kind: Kind) -> String {
        self.address.as_ref().map_or_else(|| kind.address(self.manner), |address| address.with_page(kind.page())).href()
    }

    /// The same page, displayed in another way.
    fn href_with(&self, manner: Manner) -> String {
        if let Some(Place { route, given }) = &self.docs {
            return docs::href(route.as_deref(), given, manner);
        }
        if let Some((path, given)) = &self.place {
            return manner.href(path, given);
        }
        self.address.clone().unwrap_or_else(|| Kind::Overview.address(self.manner)).with_manner(manner).href()
    }
}

/// The whole document around [`App`].
#[component]
pub(crate) fn Layout(document: Document, app: AnyView) -> impl IntoView {
    let manner = document.manner();
    let (language, base) = (manner.language, manner.base);
    let live = document.live().map(Address::live_href);
    let description = language.text("Health of the antenna network, live", "Salud de la red de antenas, en vivo");
    let class = manner.is_wall.then_some("wall");
    // The view macro does not know these attributes.
    let open_graph = [
        ("og:type", "website"),
        ("og:site_name", "Vigía"),
        ("og:title", &*document.title),
        ("og:description", description),
    ]
    .map(|(property, content)| meta().attr("property", property).attr("content", content.to_owned()))
    .collect_view();
    let font =
        link().rel("preload").href(FONT.href(base)).attr("as", "font").r#type("font/woff2").attr("crossorigin", "");
    view! {
        <!DOCTYPE html>
        <html lang=language.code() class=class data-release=RELEASE.as_str() data-base=base.to_string()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" content="#f6f7f9" media="(prefers-color-scheme: light)"/>
                <meta name="theme-color" content="#0a0c10" media="(prefers-color-scheme: dark)"/>
                <meta name="description" content=description/>
                {open_graph}
                <title>{document.title.clone()}</title>
                <link rel="icon" type="image/svg+xml" href=ICON.href(base)/>
                {font}
                <link rel="stylesheet" href=STYLE.href(base)/>
                <script src=THEME.href(base)></script>
                <script src=MORPH.href(base) defer></script>
                <script src=SCRIPT.href(base) defer></script>
                <script src=CHARTS.href(base) defer></script>
            </head>
            <body>
                <a class="skip" href="#content">{language.text("Skip to content", "Ir al contenido")}</a>
                <div id="app" data-live=live data-hub=HUB.href(base)>{app}</div>
                <Keys language/>
            </body>
        </html>
    }
}

/// What is kept live: the header, the page, the footer.
#[component]
pub(crate) fn App(document: Document, content: AnyView) -> AnyView {
    let language = document.manner().language;
    let source = if document.is_mock {
        language.text("Built-in demonstration data.", "Datos de demostración incluidos.")
    } else {
        language.text("Data from the analytics service.", "Datos del servicio de análisis.")
    };
    let docs = docs::href(None, &[], document.manner());
    let quiet = document.manner().href_of(QUIET);
    let kind = document.address.as_ref().map(|address| address.query.page.kind());
    // If the page has a search field, the key focuses it.
    let search = (!matches!(kind, Some(Kind::Antennas | Kind::Site | Kind::Map | Kind::Incidents))).then(|| {
        let href = document.href_of(Kind::Antennas);
        let label = language.text("Search antennas", "Buscar antenas");
        view! { <a class="button is-glyph" href=href aria-label=label data-key="/"><GlyphView glyph=Glyph::Search/></a> }
    });
    let pause = document.live().is_some().then(|| {
        view! {
            <button class="button needs-script" type="button" id="pause" aria-pressed="false" data-key="p">
                {language.text("Pause", "Pausa")}
            </button>
        }
    });
    let account = (document.manner().access != Access::Open).then(|| {
        let href = document.manner().href_of(ACCOUNT);
        let label = language.text("Account", "Cuenta");
        view! { <a class="button is-glyph" href=href aria-label=label><GlyphView glyph=Glyph::Person/></a> }
    });
    view! {
        <header class="top">
            <div class="wrap">
                <a class="brand" href=Kind::Overview.address(document.manner()).href()><Logo/>"Vigía"</a>
                <Pages document=document.clone()/>
                <div class="controls">
                    {search}
                    {pause}
                    {account}
                    <Display document=document.clone()/>
                </div>
            </div>
        </header>
        <main class="wrap" id="content" tabindex="-1" data-title=document.title.clone()>{content}</main>
        <footer class="wrap">
            <span class="without-script">{language.text("Times in UTC. ", "Horas en UTC. ")}</span>
            {source}
            " "<a href=docs>{language.text("The API", "La API")}</a>"."
            " "<a href=quiet>{quiet::heading(language)}</a>"."
            <span class="needs-script">
                " "{language.text("Press ", "Pulse ")}<kbd>"?"</kbd>{language.text(" for keys.", " para ver los atajos.")}
            </span>
        </footer>
    }
    .into_any()
}

/// The navigation, over the current range.
#[component]
fn Pages(document: Document) -> AnyView {
    let manner = document.manner();
    let link = |kind: Kind| {
        let shown = document.address.as_ref().map(|address| address.query.page.kind());
        // An antenna is one of them, and so are those of a site.
        let is_of_antennas = matches!(shown, Some(Kind::Antenna | Kind::Sites | Kind::Site | Kind::Map));
        let is_shown = shown == Some(kind) || (kind == Kind::Antennas && is_of_antennas);
        let current = is_shown.then_some(if shown == Some(kind) { "page" } else { "true" });
        let href = document.href_of(kind);
        let (label, key) = match kind {
            Kind::Overview => (manner.language.text("Overview", "Resumen"), "g o"),
            Kind::Antennas | Kind::Antenna | Kind::Sites | Kind::Site | Kind::Map => {
                (manner.language.text("Antennas", "Antenas"), "g a")
            }
            Kind::Incidents => (manner.language.text("Incidents", "Incidentes"), "g i"),
            Kind::Pipeline => (manner.language.text("Pipeline", "Proceso"), "g p"),
            Kind::Report => (manner.language.text("Reports", "Informes"), "g r"),
        };
        view! { <a href=href aria-current=current data-key=key>{label}</a> }
    };
    let links = Kind::MAIN.map(link).collect_view();
    view! { <nav class="pages" aria-label=manner.language.text("Pages", "Páginas")>{links}</nav> }.into_any()
}

/// Display options. Language and wall screen are part of the address; theme and time zone are handled by the script.
#[component]
fn Display(document: Document) -> AnyView {
    let manner = document.manner();
    let language = manner.language;
    let languages = Language::ALL.map(|other| {
        let current = (other == language).then_some("true");
        let href = document.href_with(Manner { language: other, is_language_chosen: true, ..manner });
        view! { <a href=href lang=other.code() hreflang=other.code() aria-current=current>{other.name()}</a> }
    });
    let theme = |value: &'static str, label: &'static str| {
        view! { <button type="button" data-set-theme=value aria-pressed="false">{label}</button> }
    };
    let zone = |value: &'static str, label: &'static str| {
        view! { <button type="button" data-set-zone=value aria-pressed="false">{label}</button> }
    };
    let docs = docs::href(None, &[], manner);
    let wall = document.href_with(Manner { is_wall: !manner.is_wall, ..manner });
    let wall_words = if manner.is_wall {
        language.text("Leave the wall screen", "Salir de la pantalla mural")
    } else {
        language.text("Wall screen", "Pantalla mural")
    };
    view! {
        <details class="menu" id="display">
            <summary class="button" aria-label=language.text("Display", "Presentación")><GlyphView glyph=Glyph::Display/></summary>
            <div class="panel">
                <p class="panel-head" id="display-language">{language.text("Language", "Idioma")}</p>
                <div class="segments" role="group" aria-labelledby="display-language">{languages.collect_view()}</div>
                <div class="needs-script">
                    <p class="panel-head" id="display-theme">{language.text("Theme", "Tema")}</p>
                    <div class="segments" role="group" aria-labelledby="display-theme">
                        {theme("system", language.text("System", "Sistema"))}
                        {theme("light", language.text("Light", "Claro"))}
                        {theme("dark", language.text("Dark", "Oscuro"))}
                    </div>
                    <p class="panel-head" id="display-zone">{language.text("Times", "Horas")}</p>
                    <div class="segments" role="group" aria-labelledby="display-zone">
                        {zone("utc", "UTC")}
                        {zone("local", language.text("Local", "Locales"))}
                    </div>
                </div>
                <a class="button" href=wall data-wall="" data-key="w">{wall_words}</a>
                <a class="button" href=docs data-key="g d">{language.text("The API", "La API")}</a>
            </div>
        </details>
    }
    .into_any()
}

/// The keyboard shortcuts.
#[component]
fn Keys(language: Language) -> impl IntoView {
    let keys = [
        ("/", language.text("search antennas", "buscar antenas")),
        ("g o", language.text("overview", "resumen")),
        ("g a", language.text("antennas", "antenas")),
        ("g i", language.text("incidents", "incidentes")),
        ("g p", language.text("pipeline", "proceso")),
        ("g d", language.text("the API", "la API")),
        ("1 2 3", language.text("range", "intervalo")),
        ("p", language.text("pause", "pausa")),
        ("w", language.text("wall screen", "pantalla mural")),
        ("← →", language.text("step along a chart that has the focus", "avanzar por el gráfico enfocado")),
        ("?", language.text("this list", "esta lista")),
    ];
    let keys = keys.map(|(key, words)| view! { <div><dt><kbd>{key}</kbd></dt><dd>{words}</dd></div> }).collect_view();
    let title = language.text("Keys", "Atajos");
    view! {
        <dialog id="keys" aria-labelledby="keys-title">
            <h2 id="keys-title">{title}</h2>
            <dl>{keys}</dl>
            <form method="dialog"><button class="button">{language.text("Close", "Cerrar")}</button></form>
        </dialog>
    }
}
