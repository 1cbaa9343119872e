//! What is around every page.

use leptos::prelude::*;

use super::icon::Logo;
use crate::assets::{ICON, MORPH, RELEASE, SCRIPT, STYLE, THEME};
use crate::query::{PRESETS, Query, duration_label};

/// What a page is, apart from what it says.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// Present where the page shows figures: it has ranges then, and is kept live.
    pub(crate) query: Option<Query>,
    pub(crate) is_mock: bool,
}

/// The whole document.
#[component]
pub(crate) fn Layout(document: Document, children: Children) -> impl IntoView {
    let Document { title, query, is_mock } = document;
    let live = query.map(|query| query.href("/live"));
    let source = if is_mock { "Built-in demonstration data." } else { "Data from the analytics service." };
    let pause = query.map(|_| view! { <button class="button needs-script" type="button" id="pause" aria-pressed="false">"Pause"</button> });
    view! {
        <!DOCTYPE html>
        <html lang="en" data-release=RELEASE.as_str()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="description" content="Health of the antenna network, live"/>
                <title>{title}</title>
                <link rel="icon" type="image/svg+xml" href=ICON.href()/>
                <link rel="stylesheet" href=STYLE.href()/>
                <script src=THEME.href()></script>
                <script src=MORPH.href() defer></script>
                <script src=SCRIPT.href() defer></script>
            </head>
            <body>
                <a class="skip" href="#content">"Skip to content"</a>
                <header class="top">
                    <div class="wrap">
                        <a class="brand" href="/">
                            <Logo/>
                            "Vigía"
                        </a>
                        <div class="controls">
                            {query.map(|query| view! { <Ranges query/> })}
                            {pause}
                            <button class="button needs-script" type="button" id="theme">"Theme"</button>
                        </div>
                    </div>
                </header>
                <main class="wrap" id="content" tabindex="-1" data-live=live>{children()}</main>
                <footer class="wrap">"Times in UTC. " {source}</footer>
            </body>
        </html>
    }
}

/// The ranges as plain links. One that is none of the presets stands beside them.
#[component]
fn Ranges(query: Query) -> impl IntoView {
    let custom = Some(query.window).filter(|window| !PRESETS.contains(window));
    let link = |window: u32| {
        let current = (window == query.window).then_some("page");
        let href = Query { window, ..query }.href("/");
        view! { <a href=href aria-current=current>{duration_label(window)}</a> }
    };
    let links = PRESETS.into_iter().chain(custom).map(link).collect_view();
    view! { <nav class="segments" aria-label="Range">{links}</nav> }
}
