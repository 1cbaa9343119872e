//! Pages that have no figures to show, and say why.

use leptos::prelude::*;

use crate::components::LevelBadge;
use crate::model::Level;

/// A heading and a sentence, with the way back to the overview.
#[component]
pub(crate) fn Message(heading: &'static str, text: String) -> impl IntoView {
    view! {
        <section class="card message">
            <h1>{heading}</h1>
            <p>{text}</p>
            <p><a class="button" href="/">"Go to the overview"</a></p>
        </section>
    }
}

/// Analytics does not answer. What exactly went wrong is in the log: it means nothing to a viewer, and tells a stranger
/// too much.
#[component]
pub(crate) fn AwayMessage() -> impl IntoView {
    view! {
        <section class="card message is-away">
            <LevelBadge level=Level::Bad/>
            <h1>"Analytics can’t be reached"</h1>
            <p role="status">
                "The dashboard is running, but the service that measures the network does not answer. "
                "Nothing is known about the antennas until it does."
            </p>
            <p class="detail when-connected">"This page recovers by itself as soon as analytics is back."</p>
            <p class="detail when-lost">"The connection to the dashboard is lost as well. Trying again."</p>
            <p class="detail without-script">"Load the page again in a moment."</p>
        </section>
    }
}

/// Analytics answers, though not for this range. The ranges to choose from are at the top of the page.
#[component]
pub(crate) fn RefusedMessage() -> impl IntoView {
    view! {
        <Message
            heading="This range can’t be shown"
            text="It is longer than what analytics keeps. Choose one of the ranges above.".to_owned()
        />
    }
}

/// Analytics answers, and has not counted a reading yet.
#[component]
pub(crate) fn NoDataMessage() -> impl IntoView {
    view! {
        <section class="card message">
            <LevelBadge level=Level::Unknown/>
            <h1>"No data yet"</h1>
            <p role="status">"Everything is running. The first antenna that reports brings this page to life."</p>
            <h2>"What will appear here"</h2>
            <ul>
                <li>"a verdict: how many antennas are healthy, degraded, down or silent"</li>
                <li>"latency, delivered packets, success rate and active antennas"</li>
                <li>"latency and packet loss over time, and the worst antennas"</li>
            </ul>
            <h2>"How to start antennas"</h2>
            <p>"Simulated ones, as many as wanted:"</p>
            <pre><code>"simulator --antennas 24"</code></pre>
            <p>"Or any program that adds readings to the stream:"</p>
            <pre><code>
                "redis-cli XADD antenna_stream '*' antenna_id north-01 \\\n  timestamp $(date +%s) packets 100 loss 2 latency 42.5"
            </code></pre>
            <p class="detail when-lost">"The connection to the dashboard is lost. Trying again."</p>
            <p class="detail without-script">"Load the page again when the first antenna has reported."</p>
        </section>
    }
}
