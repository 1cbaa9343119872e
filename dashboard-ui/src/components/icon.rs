//! Icons whose shape carries the same meaning as their colour.

use leptos::prelude::*;

use crate::model::Level;

/// The badge of a level: a tick, an exclamation mark, a cross, a question mark.
#[component]
pub(crate) fn LevelBadge(level: Level) -> impl IntoView {
    let path = match level {
        Level::Good => "M5 12.5l4.5 4.5L19 7.5",
        Level::Warning => "M12 6.5v7M12 17.4v.1",
        Level::Bad => "M7 7l10 10M17 7L7 17",
        Level::Unknown => "M9 9.2a3 3 0 1 1 4.3 2.7c-.9.5-1.3 1-1.3 2.1M12 17.4v.1",
    };
    view! {
        <span class=format!("badge level-{}", level.class())>
            <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
                <path d=path/>
            </svg>
        </span>
    }
}

/// A small picture on a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyph {
    Calendar,
    Display,
    Person,
    Search,
}

/// A small picture on a button, whose text or label says what it does.
#[component]
pub(crate) fn GlyphView(glyph: Glyph) -> impl IntoView {
    let path = match glyph {
        Glyph::Calendar => "M4.5 6.5h15v13h-15zM4.5 10.5h15M8.5 4v4M15.5 4v4",
        Glyph::Search => "M10.5 16.5a6 6 0 1 1 0-12 6 6 0 0 1 0 12zM15 15l4.5 4.5",
        Glyph::Person => "M12 11.5a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7zM5 19.5a7 6 0 0 1 14 0",
        Glyph::Display => "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4",
    };
    view! {
        <svg class="glyph" viewBox="0 0 24 24" aria-hidden="true">
            <path d=path/>
        </svg>
    }
}

/// The logo: a tower that transmits to both sides.
#[component]
pub(crate) fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
            <path d="M16 15l-5 13M16 15l5 13M12.9 23h6.2"/>
            <path d="M10.5 17.5a7.5 7.5 0 0 1 0-11M21.5 17.5a7.5 7.5 0 0 0 0-11"/>
            <path class="far" d="M6.3 21a12.5 12.5 0 0 1 0-18M25.7 21a12.5 12.5 0 0 0 0-18"/>
            <circle cx="16" cy="12" r="2.6"/>
        </svg>
    }
}
