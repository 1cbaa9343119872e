//! The form to plan maintenance, and windows of it in a list.

use leptos::prelude::*;

use super::quiet::{AntennasField, OrderForm, ReasonField, UndoForm, UntilField};
use crate::components::{AntennaLink, Prose, Time};
use crate::model::maintenance::{DAYS, MaintenanceForm, MaintenanceRow};
use crate::model::quiet::Told;
use crate::query::{MAINTENANCE, Manner};

/// The form to plan maintenance, once or again and again.
#[component]
pub(crate) fn MaintenancePage(form: MaintenanceForm, told: Option<Told>, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let antennas = form.antennas.clone();
    let (words, other) = if form.recurs {
        (language.text("Plan it once", "Programarlo una sola vez"), manner.href(MAINTENANCE, &[("antennas", antennas)]))
    } else {
        let pairs = [("antennas", antennas), ("recurs", "1".to_owned())];
        (language.text("Plan it again and again", "Programarlo de forma periódica"), manner.href(MAINTENANCE, &pairs))
    };
    let about = language.text(
        "In maintenance nobody is told of these antennas, and incidents are recorded all the same. What still lasts when it is over is told then.",
        "En mantenimiento no se avisa de estas antenas, y los incidentes se registran igualmente. De lo que dure todavía al terminar se avisa entonces.",
    );
    let about = view! { <p>{about}" "<a href=other>{words}</a></p> }.into_any();
    let fixed = form.recurs.then(|| ("recurs", "1".to_owned()));
    let MaintenanceForm { antennas, recurs, start, end, oldest, from, until, days, time_zone, reason } = form;
    let when = if recurs {
        view! { <ClocksFields from until days time_zone manner/> }.into_any()
    } else {
        view! { <OnceFields start end oldest manner/> }.into_any()
    };
    view! {
        <OrderForm
            heading=language.text("Plan maintenance", "Programar mantenimiento") action=MAINTENANCE
            button=language.text("Plan", "Programar") about=Some(about) fixed told token manner
        >
            <AntennasField antennas language/>
            {when}
            <ReasonField reason language/>
        </OrderForm>
    }
    .into_any()
}

/// From when until when.
#[component]
fn OnceFields(start: String, end: String, oldest: String, manner: Manner) -> AnyView {
    let language = manner.language;
    view! {
        <label>
            <span>{language.text("From (", "Desde (")}<span class="zone">"UTC"</span>")"</span>
            <input type="datetime-local" name="start" value=start.clone() required=true data-utc=start/>
        </label>
        <UntilField name="end" at=end oldest language/>
    }
    .into_any()
}

/// On which days, at which hours and by which clocks.
#[component]
fn ClocksFields(from: String, until: String, days: Vec<String>, time_zone: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let boxes = DAYS.iter().map(|day| {
        let is_on = days.iter().any(|it| it == day.value);
        view! {
            <label><input type="checkbox" name="days" value=day.value checked=is_on/><span>{day.name(language)}</span></label>
        }
    });
    let boxes = boxes.collect_view();
    let whole = language.text(
        "Both empty: the whole day. Until an earlier time: until that of the next day.",
        "Ambas vacías: el día entero. Hasta una hora anterior: hasta la del día siguiente.",
    );
    let zone = language.text(
        "As IANA calls it, like Europe/Madrid. The clocks there decide, also where they are put forward or back.",
        "Como la llama la IANA, por ejemplo Europe/Madrid. Deciden los relojes de allí, también cuando se adelantan o atrasan.",
    );
    view! {
        <fieldset>
            <legend>{language.text("Days (none: every day)", "Días (ninguno: todos)")}</legend>
            {boxes}
        </fieldset>
        <label>
            <span>{language.text("From", "Desde")}</span>
            <input type="time" name="from" value=from aria-describedby="hours-hint"/>
        </label>
        <label>
            <span>{language.text("Until", "Hasta")}</span>
            <input type="time" name="until" value=until aria-describedby="hours-hint"/>
            <small id="hours-hint">{whole}</small>
        </label>
        <label>
            <span>{language.text("Time zone", "Zona horaria")}</span>
            <input type="text" name="time_zone" value=time_zone required=true maxlength="64" autocapitalize="none" spellcheck="false"
                aria-describedby="zone-hint"/>
            <small id="zone-hint">{zone}</small>
        </label>
    }
    .into_any()
}

/// A window in a list.
#[component]
pub(super) fn MaintenanceItem(row: MaintenanceRow, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let antennas = match row.href {
        Some(href) => view! { <AntennaLink id=row.antennas href/> }.into_any(),
        None => view! { <bdi class="id">{row.antennas}</bdi> }.into_any(),
    };
    let said = match row.said {
        Some((by, at)) => view! { <bdi>{by}</bdi>", "<Time moment=at/> }.into_any(),
        None => language.text("as ALERTS_FILE says", "según ALERTS_FILE").into_any(),
    };
    let recurs = row.recurs.map(|words| view! { <p>{words}</p> });
    let undo = row.undo.map(|undo| view! { <UndoForm undo token manner/> });
    view! {
        <li>
            <p>{antennas}" "<Prose parts=row.times/></p>
            {recurs}
            <p><bdi>{row.reason}</bdi></p>
            <p class="detail">{said}</p>
            {undo}
        </li>
    }
    .into_any()
}
