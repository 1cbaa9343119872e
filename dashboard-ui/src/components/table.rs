//! The worst antennas: a table that becomes cards where the screen is narrow.

use leptos::either::Either;
use leptos::prelude::*;

use crate::model::WorstRow;
use crate::query::{By, Query};

/// The worst antennas with the orders to choose from.
#[component]
pub(crate) fn WorstCard(rows: Vec<WorstRow>, query: Query) -> AnyView {
    let body = if rows.is_empty() {
        Either::Left(view! { <p class="empty">{nothing_to_list(query.by)}</p> })
    } else {
        Either::Right(view! { <WorstTable rows/> })
    };
    view! {
        <section class="card worst" id="worst">
            <header>
                <h2>"Worst antennas" <small>{order(query.by)}</small></h2>
                <Orders query/>
            </header>
            {body}
        </section>
    }
    .into_any()
}

/// The orders as plain links that lead back to this card.
#[component]
fn Orders(query: Query) -> impl IntoView {
    let link = |by: By| {
        let current = (by == query.by).then_some("true");
        let href = format!("{}#worst", Query { by, ..query }.href("/"));
        let label = match by {
            By::Failures => "Failures",
            By::SuccessRate => "Success rate",
            By::Latency => "Latency",
        };
        view! { <a href=href aria-current=current>{label}</a> }
    };
    view! { <nav class="segments" aria-label="Order of the worst antennas">{By::ALL.map(link).collect_view()}</nav> }
}

/// The roles are spelled out because a table whose parts are laid out as blocks loses them.
#[component]
fn WorstTable(rows: Vec<WorstRow>) -> impl IntoView {
    const COLUMNS: [&str; 8] = ["Antenna", "Status", "Success", "Mean", "p95", "Delivered", "Lost", "Last seen"];
    let heads = COLUMNS.map(|column| view! { <th scope="col" role="columnheader">{column}</th> }).collect_view();
    let rows = rows.into_iter().map(|row| view! { <WorstTableRow row/> }).collect_view();
    view! {
        <table role="table">
            <thead role="rowgroup"><tr role="row">{heads}</tr></thead>
            <tbody role="rowgroup">{rows}</tbody>
        </table>
    }
}

/// Ids are any text: `bdi` keeps one that runs from right to left from turning its neighbours around.
#[component]
fn WorstTableRow(row: WorstRow) -> impl IntoView {
    let pill = format!("pill status-{}", row.status);
    view! {
        <tr role="row">
            <th scope="row" role="rowheader"><bdi class="id" title=row.id.clone()>{row.id.clone()}</bdi></th>
            <td role="cell" data-label="Status"><span class=pill>{row.status_label}</span></td>
            <td role="cell" data-label="Success" class="strong">{row.success}</td>
            <td role="cell" data-label="Mean">{row.mean}</td>
            <td role="cell" data-label="p95">{row.p95}</td>
            <td role="cell" data-label="Delivered">{row.delivered}</td>
            <td role="cell" data-label="Lost">{row.lost}</td>
            <td role="cell" data-label="Last seen">
                <time datetime=row.last_seen_at.machine title=format!("{} UTC", row.last_seen_at.text)>{row.last_seen}</time>
            </td>
        </tr>
    }
}

const fn order(by: By) -> &'static str {
    match by {
        By::Failures => "most packets lost first",
        By::SuccessRate => "lowest success rate first",
        By::Latency => "highest mean latency first",
    }
}

const fn nothing_to_list(by: By) -> &'static str {
    match by {
        By::Failures => "No antenna lost a packet in this range.",
        By::SuccessRate => "No antenna sent a packet in this range.",
        By::Latency => "No antenna reported a latency in this range.",
    }
}
