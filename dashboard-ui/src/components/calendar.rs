//! Months of days, a square a day: a table, so that whoever cannot see it hears the day and its figures.

use leptos::prelude::*;

use crate::language::Language;
use crate::model::{CalendarMonth, Square};

/// The weekdays in short and in full.
const WEEKDAYS: [[(&str, &str); 2]; 7] = [
    [("Mo", "Monday"), ("lu", "lunes")],
    [("Tu", "Tuesday"), ("ma", "martes")],
    [("We", "Wednesday"), ("mi", "miércoles")],
    [("Th", "Thursday"), ("ju", "jueves")],
    [("Fr", "Friday"), ("vi", "viernes")],
    [("Sa", "Saturday"), ("sá", "sábado")],
    [("Su", "Sunday"), ("do", "domingo")],
];

/// A month.
#[component]
pub(crate) fn CalendarView(month: CalendarMonth, language: Language) -> AnyView {
    let CalendarMonth { name, href, weeks } = month;
    let heads = WEEKDAYS.map(|[english, spanish]| {
        let (short, full) = match language {
            Language::English => english,
            Language::Spanish => spanish,
        };
        view! { <th scope="col"><abbr title=full>{short}</abbr></th> }
    });
    let heads = heads.collect_view();
    let rows = weeks.into_iter().map(|week| {
        let cells =
            week.into_iter().map(|square| view! { <td>{square.map(|square| view! { <SquareView square/> })}</td> });
        view! { <tr>{cells.collect_view()}</tr> }
    });
    let rows = rows.collect_view();
    let title = match href {
        Some(href) => view! { <a href=href>{name}</a> }.into_any(),
        None => name.into_any(),
    };
    view! {
        <table class="calendar">
            <caption>{title}</caption>
            <thead><tr>{heads}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn SquareView(square: Square) -> AnyView {
    let Square { day, class, figure, words, href } = square;
    let class = format!("day {class}");
    let parts = view! {
        <span aria-hidden="true">{day}</span>
        <strong aria-hidden="true">{figure}</strong>
        <span class="tip">{words}</span>
    };
    match href {
        Some(href) => view! { <a class=class href=href>{parts}</a> }.into_any(),
        None => view! { <span class=class>{parts}</span> }.into_any(),
    }
}
