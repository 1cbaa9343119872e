//! Pages without figures that say why.

use leptos::prelude::*;

use crate::components::LevelBadge;
use crate::language::Language;
use crate::model::{Level, away};

/// A heading and a sentence, with a link to continue.
#[component]
pub(crate) fn Message(heading: &'static str, text: AnyView, href: String, language: Language) -> AnyView {
    view! {
        <section class="card message">
            <h1>{heading}</h1>
            <p>{text}</p>
            <p><a class="button" href=href>{language.text("Go to the overview", "Ir al resumen")}</a></p>
        </section>
    }
    .into_any()
}

/// Analytics does not answer. The details are in the log: they mean nothing to a viewer and tell a stranger too much.
#[component]
pub(crate) fn AwayMessage(language: Language) -> AnyView {
    view! {
        <section class="card message is-away">
            <LevelBadge level=Level::Bad/>
            <h1>{away(language)}</h1>
            <p role="status">
                {language.text(
                    "The dashboard is running, but the service that measures the network does not answer. \
                     Nothing is known about the antennas until it does.",
                    "El panel funciona, pero el servicio que mide la red no responde. \
                     Hasta que lo haga, no se sabe nada de las antenas.",
                )}
            </p>
            <p class="detail when-connected">
                {language.text(
                    "This page recovers by itself as soon as analytics is back.",
                    "Esta página se recupera sola en cuanto vuelva el análisis.",
                )}
            </p>
            <p class="detail when-lost">
                {language.text(
                    "The connection to the dashboard is lost as well. Trying again.",
                    "También se ha perdido la conexión con el panel. Reintentando.",
                )}
            </p>
            <p class="detail without-script">
                {language.text("Load the page again in a moment.", "Vuelva a cargar la página dentro de un momento.")}
            </p>
        </section>
    }
    .into_any()
}

/// Analytics answers, but has not counted a reading yet.
#[component]
pub(crate) fn NoDataMessage(language: Language) -> AnyView {
    view! {
        <section class="card message">
            <LevelBadge level=Level::Unknown/>
            <h1>{language.text("No data yet", "Aún no hay datos")}</h1>
            <p role="status">
                {language.text(
                    "Everything is running. The first antenna that reports brings this page to life.",
                    "Todo está en marcha. La primera antena que informe dará vida a esta página.",
                )}
            </p>
            <h2>{language.text("What will appear here", "Qué aparecerá aquí")}</h2>
            <ul>
                <li>
                    {language.text(
                        "a verdict: how many antennas are healthy, degraded, down or silent",
                        "un veredicto: cuántas antenas están sanas, degradadas, caídas o sin señal",
                    )}
                </li>
                <li>
                    {language.text(
                        "latency, delivered packets, success rate and active antennas",
                        "latencia, paquetes entregados, tasa de éxito y antenas activas",
                    )}
                </li>
                <li>
                    {language.text(
                        "latency and packet loss over time, the health of every antenna, incidents",
                        "latencia y pérdida a lo largo del tiempo, la salud de cada antena, los incidentes",
                    )}
                </li>
            </ul>
            <h2>{language.text("How to start antennas", "Cómo arrancar antenas")}</h2>
            <p>{language.text("Simulated ones, as many as wanted:", "Simuladas, tantas como se quiera:")}</p>
            <pre><code>"simulator --antennas 24"</code></pre>
            <p>
                {language.text(
                    "Or any program that adds readings to the stream:",
                    "O con cualquier programa que añada lecturas al flujo:",
                )}
            </p>
            <pre><code>
                "redis-cli XADD antenna_stream '*' antenna_id north-01 \\\n  timestamp $(date +%s) packets 100 loss 2 latency 42.5"
            </code></pre>
            <p class="detail when-lost">
                {language.text(
                    "The connection to the dashboard is lost. Trying again.",
                    "Se ha perdido la conexión con el panel. Reintentando.",
                )}
            </p>
            <p class="detail without-script">
                {language.text(
                    "Load the page again when the first antenna has reported.",
                    "Vuelva a cargar la página cuando haya informado la primera antena.",
                )}
            </p>
        </section>
    }
    .into_any()
}
