//! What is muted, in maintenance and acknowledged, the forms for it, and who did what.

use leptos::prelude::*;
use shared::api::AuditAction;

use super::maintenance::MaintenanceItem;
use crate::components::{AntennaLink, Hidden, LevelBadge, Time};
use crate::language::Language;
use crate::model::quiet::{
    AcknowledgementForm, AcknowledgementRow, AuditRow, MuteForm, MuteRow, QuietScreen, Told, Undo, heading, of_incident,
};
use crate::query::{
    ACKNOWLEDGE, AUDIT, CANCEL, MAINTENANCE, MUTE, Manner, NOTE, NOTES, QUIET, UNACKNOWLEDGE, UNMUTE, UNNOTE,
};

/// What is muted and acknowledged. Forms have the token; who may not send any has none.
#[component]
pub(crate) fn QuietPage(screen: QuietScreen, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let QuietScreen { told, mutes, maintenance, acknowledgements, mute, plan } = screen;
    let told = told.map(|told| view! { <ToldView told token=token.clone() manner/> });
    let mute = mute.map(|href| {
        view! { <a class="button is-main" href=href>{language.text("Mute antennas…", "Silenciar antenas…")}</a> }
    });
    let plan = plan.map(|href| {
        view! { <a class="button is-main" href=href>{language.text("Plan maintenance…", "Programar mantenimiento…")}</a> }
    });
    let knows = mutes.is_some();
    let mutes = mutes.unwrap_or_default();
    let no_mutes = if knows {
        language.text("Nothing is muted.", "No hay nada silenciado.")
    } else {
        language.text("This analytics has no alerts to mute.", "Este análisis no tiene alertas que silenciar.")
    };
    let no_acknowledgements = language.text("No incident is acknowledged.", "No hay ningún incidente atendido.");
    let mutes: Vec<AnyView> =
        mutes.into_iter().map(|row| view! { <MuteItem row token=token.clone() manner/> }.into_any()).collect();
    let no_maintenance = language.text("No maintenance is planned.", "No hay ningún mantenimiento programado.");
    let maintenance: Vec<AnyView> = maintenance
        .into_iter()
        .map(|row| view! { <MaintenanceItem row token=token.clone() manner/> }.into_any())
        .collect();
    let acknowledgements: Vec<AnyView> = acknowledgements
        .into_iter()
        .map(|row| view! { <AcknowledgementItem row token=token.clone() manner/> }.into_any())
        .collect();
    let about = language.text(
        "Of antennas that are muted or in maintenance nobody is told, and incidents are recorded all the same. Of an acknowledged incident nobody is told again while it \
         lasts, as somebody takes care of it.",
        "De las antenas silenciadas o en mantenimiento no se avisa a nadie, y los incidentes se registran igualmente. De un incidente atendido no se vuelve a avisar \
         mientras dura, pues alguien se ocupa de él.",
    );
    let audit = language.text("Who did what", "Quién hizo qué");
    let notes = language.text("Public notes", "Notas públicas");
    view! {
        <div class="heading"><h1>{heading(language)}</h1></div>
        {told}
        <p class="lead">
            {about}" "<a href=manner.href_of(AUDIT)>{audit}</a>" · "<a href=manner.href_of(NOTES)>{notes}</a>
        </p>
        <div class="figures">
            <section class="card" id="mutes">
                <header><h2>{language.text("Mutes", "Silencios")}</h2>{mute}</header>
                {listed(mutes, no_mutes)}
            </section>
            <section class="card" id="maintenance">
                <header><h2>{language.text("Maintenance", "Mantenimiento")}</h2>{plan}</header>
                {listed(maintenance, no_maintenance)}
            </section>
            <section class="card" id="acknowledgements">
                <header><h2>{language.text("Acknowledged incidents", "Incidentes atendidos")}</h2></header>
                {listed(acknowledgements, no_acknowledgements)}
            </section>
        </div>
    }
    .into_any()
}

pub(super) fn listed(items: Vec<AnyView>, nothing: &'static str) -> AnyView {
    if items.is_empty() {
        return view! { <p class="empty">{nothing}</p> }.into_any();
    }
    view! { <ul class="sayings">{items}</ul> }.into_any()
}

/// What was done, or why it was not.
#[component]
pub(crate) fn ToldView(told: Told, token: String, manner: Manner) -> AnyView {
    let Told { level, words, undo } = told;
    let undo = undo.map(|undo| view! { <UndoForm undo token manner/> });
    view! {
        <div class=format!("remark told level-{}", level.class()) role="status">
            <LevelBadge level/><span><bdi>{words}</bdi></span>{undo}
        </div>
    }
    .into_any()
}

/// A button that takes something back, or does it again.
#[component]
pub(crate) fn UndoForm(undo: Undo, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let (path, words) = match undo.action {
        AuditAction::Mute => (MUTE, language.text("Mute again", "Silenciar de nuevo")),
        AuditAction::Unmute => (UNMUTE, language.text("Take it back", "Retirarlo")),
        AuditAction::Schedule => (MAINTENANCE, language.text("Plan it again", "Programarlo de nuevo")),
        AuditAction::Cancel => (CANCEL, language.text("Take it back", "Retirarlo")),
        AuditAction::Acknowledge => (ACKNOWLEDGE, language.text("Acknowledge again", "Atender de nuevo")),
        AuditAction::Unacknowledge => (UNACKNOWLEDGE, language.text("Take it back", "Retirarlo")),
        AuditAction::Note => (NOTE, language.text("Tell it again", "Decirlo de nuevo")),
        AuditAction::Unnote => (UNNOTE, language.text("Take it back", "Retirarlo")),
    };
    let fields = undo.fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let pairs: Vec<(String, String)> = fields.chain([("token".to_owned(), token)]).collect();
    view! {
        <form method="post" action=manner.href_of(path)>
            <Hidden pairs/>
            <button class="button" type="submit">{words}</button>
        </form>
    }
    .into_any()
}

#[component]
fn MuteItem(row: MuteRow, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let antennas = match row.href {
        Some(href) => view! { <AntennaLink id=row.antennas href/> }.into_any(),
        None => view! { <bdi class="id">{row.antennas}</bdi> }.into_any(),
    };
    let undo = row.undo.map(|undo| view! { <UndoForm undo token manner/> });
    view! {
        <li>
            <p>
                {antennas}{language.text(" until ", " hasta ")}<Time moment=row.until/>" "<span class="zone">"UTC"</span>
            </p>
            <p><bdi>{row.reason}</bdi></p>
            <p class="detail"><bdi>{row.by}</bdi>", "<Time moment=row.at/></p>
            {undo}
        </li>
    }
    .into_any()
}

#[component]
fn AcknowledgementItem(row: AcknowledgementRow, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let antenna = match row.href {
        Some(href) => view! { <AntennaLink id=row.antenna href/> }.into_any(),
        None => view! { <bdi class="id">{row.antenna}</bdi> }.into_any(),
    };
    let state = if row.is_open { language.text("ongoing", "en curso") } else { language.text("over", "terminado") };
    let undo = row.undo.map(|undo| view! { <UndoForm undo token manner/> });
    view! {
        <li>
            <p>{antenna}" "{row.kind}", "{state}</p>
            <p><bdi>{row.note}</bdi></p>
            <p class="detail"><bdi>{row.by}</bdi>", "<Time moment=row.at/></p>
            {undo}
        </li>
    }
    .into_any()
}

/// A form with which an operator says something of alerts: what it is about, what was told of the last try, fields, and a way back.
#[component]
pub(crate) fn OrderForm(
    heading: &'static str,
    action: &'static str,
    button: &'static str,
    about: Option<AnyView>,
    /// What is sent along with the fields.
    fixed: Option<(&'static str, String)>,
    told: Option<Told>,
    token: String,
    manner: Manner,
    /// Where whoever thinks better of it goes on.
    #[prop(default = QUIET)]
    back: &'static str,
    children: Children,
) -> AnyView {
    let told = told.map(|told| view! { <ToldView told token=token.clone() manner/> });
    let pairs = std::iter::once(("token", token)).chain(fixed).map(|(name, value)| (name.to_owned(), value)).collect();
    view! {
        <section class="card message">
            <h1>{heading}</h1>
            {about}
            {told}
            <form class="fields" method="post" action=manner.href_of(action)>
                <Hidden pairs/>
                {children()}
                <div class="buttons">
                    <button class="button is-main" type="submit">{button}</button>
                    <a class="button" href=manner.href_of(back)>{manner.language.text("Cancel", "Cancelar")}</a>
                </div>
            </form>
        </section>
    }
    .into_any()
}

/// The form to mute antennas.
#[component]
pub(crate) fn MutePage(form: MuteForm, told: Option<Told>, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    view! {
        <OrderForm
            heading=language.text("Mute alerts", "Silenciar alertas") action=MUTE button=language.text("Mute", "Silenciar")
            about=None fixed=None told token manner
        >
            <AntennasField antennas=form.antennas language/>
            <UntilField name="until" at=form.until oldest=form.oldest language/>
            <ReasonField reason=form.reason language/>
        </OrderForm>
    }
    .into_any()
}

/// Which antennas an order is about.
#[component]
pub(super) fn AntennasField(antennas: String, language: Language) -> AnyView {
    let hint = language.text(
        "An antenna’s id, or a pattern in which * stands for any characters, ? for one, and [*] for the character itself.",
        "El identificador de una antena, o un patrón en que * es cualquier texto, ? un carácter y [*] el propio carácter.",
    );
    view! {
        <label>
            <span>{language.text("Antennas", "Antenas")}</span>
            <input type="text" name="antennas" value=antennas required=true maxlength="253" autocapitalize="none" spellcheck="false"
                aria-describedby="antennas-hint"/>
            <small id="antennas-hint">{hint}</small>
        </label>
    }
    .into_any()
}

/// Until when something is to be, from the earliest time that may be chosen on.
#[component]
pub(super) fn UntilField(name: &'static str, at: String, oldest: String, language: Language) -> AnyView {
    view! {
        <label>
            <span>{language.text("Until (", "Hasta (")}<span class="zone">"UTC"</span>")"</span>
            <input type="datetime-local" name=name value=at.clone() min=oldest.clone() required=true data-utc=at data-oldest=oldest/>
        </label>
    }
    .into_any()
}

/// Why an order is given.
#[component]
pub(super) fn ReasonField(reason: String, language: Language) -> AnyView {
    view! {
        <label>
            <span>{language.text("Reason", "Motivo")}</span>
            <input type="text" name="reason" value=reason required=true maxlength="500"/>
        </label>
    }
    .into_any()
}

/// The form to acknowledge an incident.
#[component]
pub(crate) fn AcknowledgementPage(
    form: AcknowledgementForm,
    told: Option<Told>,
    token: String,
    manner: Manner,
) -> AnyView {
    let language = manner.language;
    let (kind, _, subject) = of_incident(&form.incident, language);
    let subject = subject.to_owned();
    let about = view! { <p><bdi class="name">{subject}</bdi>": "{kind}</p> }.into_any();
    let fixed = ("incident", form.incident);
    view! {
        <OrderForm
            heading=language.text("Acknowledge an incident", "Atender un incidente") action=ACKNOWLEDGE
            button=language.text("Acknowledge", "Atender") about=Some(about) fixed=Some(fixed) told token manner
        >
            <label>
                <span>{language.text("Note: who does what about it", "Nota: quién hace qué al respecto")}</span>
                <input type="text" name="note" value=form.note required=true maxlength="500"/>
            </label>
        </OrderForm>
    }
    .into_any()
}

/// Who did what, the newest first; `None` if analytics does not tell.
#[component]
pub(crate) fn AuditPage(rows: Option<Vec<AuditRow>>, manner: Manner) -> AnyView {
    let language = manner.language;
    let nothing = if rows.is_some() {
        language.text("Nobody has done anything so far.", "Nadie ha hecho nada hasta ahora.")
    } else {
        language.text("This analytics keeps no list.", "Este análisis no guarda ninguna lista.")
    };
    let items = rows.unwrap_or_default().into_iter().map(|row| audit_item(row, language)).collect();
    let about = language.text(
        "Who muted and acknowledged what, planned maintenance, and took it back, the newest first. Analytics keeps the last 500.",
        "Quién silenció y atendió qué, programó mantenimiento y lo retiró, lo más reciente primero. El análisis guarda los últimos 500.",
    );
    let back = heading(language);
    view! {
        <div class="heading"><h1>{language.text("Who did what", "Quién hizo qué")}</h1></div>
        <p class="lead">{about}" "<a href=manner.href_of(QUIET)>{back}</a></p>
        <div class="figures"><section class="card" id="audit">{listed(items, nothing)}</section></div>
    }
    .into_any()
}

fn audit_item(row: AuditRow, language: Language) -> AnyView {
    let kind = (!row.kind.is_empty()).then(|| format!(" ({})", row.kind));
    let when = row.when.map(|when| view! { <p>{when}</p> });
    let until = row.until.map(|until| {
        view! { {language.text(", until ", ", hasta ")}<Time moment=until/>" "<span class="zone">"UTC"</span> }
    });
    view! {
        <li>
            <p><Time moment=row.at/>" "<bdi>{row.by}</bdi>" "{row.did}" "<bdi class="id">{row.subject}</bdi>{kind}{until}</p>
            {when}
            <p class="detail"><bdi>{row.text}</bdi></p>
        </li>
    }
    .into_any()
}
