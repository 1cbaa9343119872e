//! The overview: verdict, tiles, charts, the worst antennas.

use leptos::prelude::*;

use crate::components::{FreshnessLabel, LatencyCard, LossCard, StepsCard, TileCard, VerdictCard, WorstCard};
use crate::model::{Condition, Overview};
use crate::query::Query;

/// Everything on one screen. Figures that are not current are toned down.
#[component]
pub(crate) fn OverviewScreen(overview: Overview, query: Query) -> impl IntoView {
    let Overview { condition, as_of, verdict, tiles, charts, worst, range } = overview;
    let class = if condition == Condition::Live { "figures" } else { "figures is-old" };
    let tiles = tiles.into_iter().map(|tile| view! { <TileCard tile range=range.clone()/> }).collect_view();
    view! {
        <div class="heading">
            <h1>"Network overview"</h1>
            <FreshnessLabel condition as_of/>
        </div>
        <VerdictCard verdict/>
        <div class=class>
            <div class="tiles">{tiles}</div>
            <div class="charts">
                <LatencyCard chart=charts.latency times=charts.times.clone()/>
                <LossCard chart=charts.loss times=charts.times/>
            </div>
            <StepsCard rows=charts.rows/>
            <WorstCard rows=worst query/>
        </div>
    }
}
