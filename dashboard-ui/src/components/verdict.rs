//! The verdict, and how old the figures are.

use leptos::prelude::*;

use super::icon::LevelBadge;
use crate::model::{Condition, Moment, Verdict};

/// The whole in one sentence. Screen readers are told when it changes, and of nothing else.
#[component]
pub(crate) fn VerdictCard(verdict: Verdict) -> AnyView {
    let class = format!("card verdict level-{}", verdict.level.class());
    view! {
        <section class=class aria-label="Verdict">
            <LevelBadge level=verdict.level/>
            <div>
                <p class="sentence" role="status" aria-live="polite">{verdict.sentence}</p>
                <p class="detail">{verdict.detail}</p>
            </div>
        </section>
    }
    .into_any()
}

/// The data's age. The words before it depend on what the browser knows of its stream: the script sets a state on the
/// root element, and the style sheet shows the word for it. An update cannot undo that.
#[component]
pub(crate) fn FreshnessLabel(condition: Condition, as_of: Moment) -> AnyView {
    let (class, connected) = match condition {
        Condition::Live => ("freshness is-live", "Live"),
        Condition::Stale(_) => ("freshness is-stale", "Stale"),
        Condition::Away => ("freshness is-away", "Analytics away"),
    };
    view! {
        <p class=class>
            <span class="dot" aria-hidden="true"></span>
            <span class="when-connected">{connected}" · "</span>
            <span class="when-paused">"Paused · "</span>
            <span class="when-lost">"Connection lost · "</span>
            "data from "
            <time datetime=as_of.machine>{as_of.text}</time>
            " UTC"
        </p>
    }
    .into_any()
}
