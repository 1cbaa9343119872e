//! The API to read and to try.

use leptos::prelude::*;

use crate::components::{CodeBlock, Hidden, Meant, TokenNote};
use crate::language::Language;
use crate::model::Meaning;
use crate::model::docs::{DocsScreen, Entry, Field, Input, Property, RouteScreen, Shown};
use crate::model::snippets::{ADDRESS, curl};
use crate::query::Manner;

/// All routes, and how analytics is reached.
#[component]
pub(crate) fn DocsPage(screen: DocsScreen, manner: Manner) -> AnyView {
    let language = manner.language;
    let entry = |Entry { path, href, meaning }: Entry| {
        view! { <div><dt><a href=href><code>{path}</code></a></dt><dd><Meant meaning/></dd></div> }
    };
    let groups = screen.groups.into_iter().map(|(name, entries)| {
        let entries = entries.into_iter().map(entry).collect_view();
        view! { <section class="card"><h2>{name}</h2><dl class="routes">{entries}</dl></section> }
    });
    let groups = groups.collect_view();
    let about = language.text(
        "Whatever these pages show comes from the HTTP API of analytics, which only reads. Each route has a page: its parameters to \
         fill in, what it answers at this moment, and every field of the answer.",
        "Todo lo que muestran estas páginas viene de la API HTTP del análisis, que es solo de lectura. Cada ruta tiene una página: \
         sus parámetros para rellenar, lo que responde en este momento y cada campo de la respuesta.",
    );
    let document = language.text(
        "The same as an OpenAPI 3.1 document, for programs:",
        "Lo mismo como documento OpenAPI 3.1, para programas:",
    );
    let formats = language.text(
        "Tables also come as CSV, Arrow and Parquet, with the parameter format or the header Accept. Times are UTC, rates run from 0 \
         to 1, and unknown is null, never 0. A mistake gets the status 400 and a sentence that names the parameter.",
        "Las tablas también se dan en CSV, Arrow y Parquet, con el parámetro format o la cabecera Accept. Las horas son UTC, las \
         tasas van de 0 a 1 y lo desconocido es null, nunca 0. Un error recibe el estado 400 y una frase que nombra el parámetro.",
    );
    view! {
        <div class="heading"><h1>{language.text("The API", "La API")}</h1></div>
        <div class="figures docs">
            <section class="card">
                <p>{about}</p>
                <p>{formats}</p>
                <p>{document}</p>
                <CodeBlock code=curl("/openapi.json", manner.with_token) kind="curl" language/>
                <Reach manner/>
            </section>
            {groups}
        </div>
    }
    .into_any()
}

/// How analytics is reached from where the reader is.
#[component]
pub(crate) fn Reach(manner: Manner) -> AnyView {
    let here = manner.language.text(
        "is where analytics answers after “cargo run”. The dashboard does not publish it; on Kubernetes, this makes it answer there:",
        "es donde responde el análisis tras «cargo run». El panel no lo publica; en Kubernetes, esto hace que responda ahí:",
    );
    view! {
        <p class="note"><code>{ADDRESS}</code>" "{here}" "
            <code>"kubectl -n vigia port-forward service/analytics-service 8001:8000"</code></p>
        <TokenNote manner/>
    }
    .into_any()
}

/// One route: its parameters as a form, the answer, and what its fields mean.
#[component]
pub(crate) fn RoutePage(screen: RouteScreen, manner: Manner) -> AnyView {
    let language = manner.language;
    let RouteScreen { path, meaning, action, fields, media_types, asked, answer, types } = screen;
    let hidden = manner.parameters().map(|(name, value)| (name.to_owned(), value)).collect();
    let can_try = answer.is_some();
    let is_empty = fields.is_empty();
    let fields = fields.into_iter().map(|field| view! { <FieldRow field can_try language/> }).collect_view();
    let submit = language.text("Ask", "Preguntar");
    let parameters = if is_empty {
        view! { <p class="empty">{language.text("It has none.", "No tiene.")}</p> }.into_any()
    } else if can_try {
        view! {
            <form class="parameters" action=action>
                <Hidden pairs=hidden/>
                {fields}
                <button class="button is-main" type="submit">{submit}</button>
            </form>
        }
        .into_any()
    } else {
        view! { <div class="parameters">{fields}</div> }.into_any()
    };
    let media_types =
        media_types.into_iter().map(|media_type| view! { <li><code>{media_type}</code></li> }).collect_view();
    let answer = match answer {
        Some(answer) => view! { <AnswerView answer language/> }.into_any(),
        None => {
            let elsewhere = language.text(
                "Only analytics itself answers this, as it is a file, a stream or for probes.",
                "Esto solo lo responde el propio análisis: es un fichero, un flujo o para sondas.",
            );
            view! { <p>{elsewhere}</p> }.into_any()
        }
    };
    let types =
        types.into_iter().map(|(name, properties)| view! { <TypeTable name properties language/> }).collect_view();
    let all = crate::model::docs::href(None, &[], manner);
    view! {
        <div class="heading"><h1><code>{path}</code></h1></div>
        <p class="lead"><Meant meaning/>" "<a href=all>{language.text("All routes", "Todas las rutas")}</a></p>
        <div class="figures docs">
            <section class="card" id="parameters">
                <h2>{language.text("Parameters", "Parámetros")}</h2>
                {parameters}
            </section>
            <section class="card" id="answer">
                <h2>{language.text("Answer", "Respuesta")}</h2>
                <CodeBlock code=curl(&asked, manner.with_token) kind="curl" language/>
                {answer}
                <p class="note">{language.text("Media types:", "Tipos de medio:")}</p>
                <ul class="media">{media_types}</ul>
                <Reach manner/>
            </section>
            <section class="card" id="fields">
                <h2>{language.text("Fields", "Campos")}</h2>
                {types}
            </section>
        </div>
    }
    .into_any()
}

#[component]
fn FieldRow(field: Field, can_try: bool, language: Language) -> AnyView {
    let Field { name, meaning, kind, is_required, input, value } = field;
    let needed = is_required.then(|| language.text(" · needed", " · necesario"));
    let control = can_try.then(|| {
        let id = format!("parameter-{name}");
        match input {
            Input::Choice(choices) => {
                let options = choices.into_iter().map(|choice| {
                    let is_chosen = choice == value;
                    view! { <option value=choice.clone() selected=is_chosen>{choice.clone()}</option> }
                });
                let options = options.collect_view();
                view! { <select id=id name=name.clone() translate="no"><option value="">"–"</option>{options}</select> }.into_any()
            }
            Input::Number { least, most, example } => view! {
                <input type="number" translate="no" id=id name=name.clone() value=value min=least max=most placeholder=example required=is_required/>
            }
            .into_any(),
            Input::Text(example) => view! {
                <input type="text" translate="no" id=id name=name.clone() value=value placeholder=example required=is_required autocomplete="off"
                    spellcheck="false"/>
            }
            .into_any(),
            Input::Elsewhere => {
                view! { <span class="note">{language.text("Shown here as JSON.", "Aquí se muestra JSON.")}</span> }.into_any()
            }
        }
    });
    let is_labelled = can_try && name != "format";
    let label = if is_labelled {
        view! { <label r#for=format!("parameter-{name}")><code>{name.clone()}</code></label> }.into_any()
    } else {
        view! { <code>{name.clone()}</code> }.into_any()
    };
    view! {
        <div class="parameter">
            {label}
            {control}
            <p><Meant meaning/><small translate="no">{kind}{needed}</small></p>
        </div>
    }
    .into_any()
}

#[component]
fn AnswerView(answer: Shown, language: Language) -> AnyView {
    match answer {
        Shown::Json(text, more) => {
            let more = (more > 0).then(|| {
                let words = match language {
                    Language::English => format!("{more} more lines are not shown."),
                    Language::Spanish => format!("No se muestran {more} líneas más."),
                };
                view! { <p class="note">{words}</p> }
            });
            let label = language.text("The answer at this moment", "La respuesta en este momento");
            view! {
                <pre class="answer" tabindex="0" role="region" aria-label=label><code>{text}</code></pre>
                {more}
            }
            .into_any()
        }
        Shown::Not(words, said) => {
            let said = said.map(|said| view! { <span lang="en">" "{said}</span> });
            view! { <p class="remark level-bad" role="status">{words}{said}</p> }.into_any()
        }
        Shown::Needs(name) => {
            let words = language.text("To ask, fill in:", "Para preguntar, rellene:");
            view! { <p class="empty">{words}" "<code>{name}</code></p> }.into_any()
        }
    }
}

#[component]
fn TypeTable(name: String, properties: Vec<Property>, language: Language) -> AnyView {
    let rows = properties.into_iter().map(|Property { name, kind, meaning }| {
        let meaning = Meaning { foreign: (language != Language::English).then_some("en"), ..meaning };
        view! { <div><dt><code>{name}</code>" "<small translate="no">{kind}</small></dt><dd><Meant meaning/></dd></div> }
    });
    let rows = rows.collect_view();
    view! { <h3><code>{name}</code></h3><dl class="routes">{rows}</dl> }.into_any()
}
