//! Code to copy, and what something of the API means.

use leptos::prelude::*;

use crate::language::Language;
use crate::model::Meaning;
use crate::model::snippets::{Asked, Snippet, snippets};
use crate::query::Manner;

/// A few lines of code. Without a script, they are there to select.
#[component]
pub(crate) fn CodeBlock(code: String, kind: &'static str, language: Language) -> AnyView {
    view! {
        <div class="code">
            <pre><code data-code=kind>{code}</code></pre>
            <button class="button needs-script" type="button" data-copy="code" data-copied=language.text("Copied", "Copiado")
                data-not-copied=language.text("Selected; press Ctrl+C", "Seleccionado; pulse Ctrl+C")>
                {language.text("Copy", "Copiar")}
            </button>
            <span class="said" aria-live="polite"></span>
        </div>
    }
    .into_any()
}

/// The lines that load what the page shows into other tools.
#[component]
pub(crate) fn SnippetsCard(asked: Asked, docs: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let snippets = snippets(&asked, manner.with_token);
    let title = if snippets.len() > 1 {
        language.text(
            "Load this in Polars, pandas, DuckDB or with curl",
            "Cargar esto en Polars, pandas, DuckDB o con curl",
        )
    } else {
        language.text("Fetch this with curl", "Obtener esto con curl")
    };
    let blocks = snippets.into_iter().map(|Snippet { tool, kind, code }| {
        view! { <h3>{tool}</h3><CodeBlock code kind language/> }
    });
    let blocks = blocks.collect_view();
    view! {
        <details class="card steps snippets" id="snippets">
            <summary>{title}</summary>
            {blocks}
            <p class="note">
                {language.text(
                    "The address is that of analytics after “cargo run”. ",
                    "La dirección es la del análisis tras «cargo run». ",
                )}
                <a href=docs>{language.text("The API, and how it is reached", "La API y cómo se llega a ella")}</a>
            </p>
            <TokenNote manner/>
        </details>
    }
    .into_any()
}

/// Where the token comes from that code on the page shows, if it does.
#[component]
pub(crate) fn TokenNote(manner: Manner) -> AnyView {
    let [before, after] = match manner.language {
        Language::English => [
            "Analytics answers only those who know its token. The code reads it from the environment variable ",
            ", whose value you get from whoever runs this dashboard.",
        ],
        Language::Spanish => [
            "El análisis solo responde a quien conoce su token. El código lo lee de la variable de entorno ",
            ", cuyo valor le dará quien opera este panel.",
        ],
    };
    let note = || view! { <p class="note">{before}<code>"ANALYTICS_TOKEN"</code>{after}</p> };
    manner.with_token.then(note).into_any()
}

/// What something means; marked where it is not in the language of the page. Code in it stands between backticks.
#[component]
pub(crate) fn Meant(meaning: Meaning) -> AnyView {
    let parts = meaning.text.split('`').enumerate().map(|(place, part)| match place % 2 {
        0 => part.to_owned().into_any(),
        _ => view! { <code>{part.to_owned()}</code> }.into_any(),
    });
    let parts = parts.collect_view();
    view! { <span lang=meaning.foreign>{parts}</span> }.into_any()
}
