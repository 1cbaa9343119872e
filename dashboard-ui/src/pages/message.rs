//! Pages without figures that say why.

use leptos::prelude::*;

use crate::components::LevelBadge;
use crate::language::Language;
use crate::model::{Level, away};

/// A heading and a sentence, with a link to continue: its words and its address.
#[component]
pub(crate) fn Message(heading: &'static str, text: AnyView, to: (String, String)) -> AnyView {
    let (words, href) = to;
    view! {
        <section class="card message">
            <h1>{heading}</h1>
            <p>{text}</p>
            <p><a class="button" href=href>{words}</a></p>
        </section>
    }
    .into_any()
}

/// Analytics does not answer. The details are in the log: they mean nothing to a viewer and tell a stranger too much.
#[component]
pub(crate) fn AwayMessage(language: Language) -> AnyView {
    let text = language.text(
        "The dashboard is running, but the service that measures the network does not answer. \
         Nothing is known about the antennas until it does.",
        "El panel funciona, pero el servicio que mide la red no responde. Hasta que lo haga, no se sabe nada de las antenas.",
    );
    let recovers = language.text(
        "This page recovers by itself as soon as analytics is back.",
        "Esta página se recupera sola en cuanto vuelva el análisis.",
    );
    let lost = language.text(
        "The connection to the dashboard is lost as well. Trying again.",
        "También se ha perdido la conexión con el panel. Reintentando.",
    );
    let again = language.text("Load the page again in a moment.", "Vuelva a cargar la página dentro de un momento.");
    view! {
        <section class="card message is-away">
            <LevelBadge level=Level::Bad/>
            <h1>{away(language)}</h1>
            <p role="status">{text}</p>
            <p class="detail when-connected">{recovers}</p>
            <p class="detail when-lost">{lost}</p>
            <p class="detail without-script">{again}</p>
        </section>
    }
    .into_any()
}

/// Analytics answers, but has not counted a reading yet.
#[component]
pub(crate) fn NoDataMessage(language: Language) -> AnyView {
    let text = language.text(
        "Everything is running. The first antenna that reports brings this page to life.",
        "Todo está en marcha. La primera antena que informe dará vida a esta página.",
    );
    let parts = [
        language.text(
            "a verdict: how many antennas are healthy, degraded, down or silent",
            "un veredicto: cuántas antenas están sanas, degradadas, caídas o sin señal",
        ),
        language.text(
            "latency, delivered packets, success rate and how many antennas report",
            "latencia, paquetes entregados, tasa de éxito y cuántas antenas informan",
        ),
        language.text(
            "latency and packet loss over time, the health of every antenna, incidents",
            "latencia y pérdida a lo largo del tiempo, la salud de cada antena, los incidentes",
        ),
    ]
    .map(|part| view! { <li>{part}</li> });
    let add = language.text(
        "Or any program that adds readings to the stream:",
        "O con cualquier programa que añada lecturas al flujo:",
    );
    let lost = language.text(
        "The connection to the dashboard is lost. Trying again.",
        "Se ha perdido la conexión con el panel. Reintentando.",
    );
    let again = language.text(
        "Load the page again when the first antenna has reported.",
        "Vuelva a cargar la página cuando haya informado la primera antena.",
    );
    view! {
        <section class="card message">
            <LevelBadge level=Level::Unknown/>
            <h1>{language.text("No data yet", "Aún no hay datos")}</h1>
            <p role="status">{text}</p>
            <h2>{language.text("What will appear here", "Qué aparecerá aquí")}</h2>
            <ul>{parts.collect_view()}</ul>
            <h2>{language.text("How to start antennas", "Cómo arrancar antenas")}</h2>
            <p>{language.text("Simulated ones, as many as wanted:", "Simuladas, tantas como se quiera:")}</p>
            <pre><code>"simulator --antennas 24"</code></pre>
            <p>{add}</p>
            <pre><code>
                "redis-cli XADD antenna_stream '*' antenna_id north-01 \\\n  timestamp $(date +%s) packets 100 loss 2 latency 42.5"
            </code></pre>
            <p class="detail when-lost">{lost}</p>
            <p class="detail without-script">{again}</p>
        </section>
    }
    .into_any()
}
