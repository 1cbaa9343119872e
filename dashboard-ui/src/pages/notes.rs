//! Public notes: the list, and the form.

use leptos::prelude::*;

use super::quiet::{OrderForm, ToldView, UndoForm, UntilField, listed};
use crate::components::Time;
use crate::model::notes::{NoteForm, NoteRow, NotesScreen};
use crate::model::quiet::Told;
use crate::query::{Manner, NOTE, NOTES, STATUS};

/// The notes. Forms have the token; who may not send any has none.
#[component]
pub(crate) fn NotesPage(screen: NotesScreen, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let NotesScreen { told, notes, note, has_status } = screen;
    let told = told.map(|told| view! { <ToldView told token=token.clone() manner/> });
    let note = note.map(|href| {
        view! { <a class="button is-main" href=href>{language.text("Write a note…", "Escribir una nota…")}</a> }
    });
    let nothing = if notes.is_some() {
        language.text("There is no note.", "No hay ninguna nota.")
    } else {
        language.text("This analytics keeps no notes.", "Este análisis no guarda notas.")
    };
    let items = notes.unwrap_or_default().into_iter();
    let items: Vec<AnyView> = items.map(|row| item(row, token.clone(), manner)).collect();
    let about = language.text(
        "A note stands beside its site on the public status page until its end, and beside the incidents of its time for 90 days more. Who wrote \
         it is not told there.",
        "Una nota aparece junto a su emplazamiento en la página pública de estado hasta su fin, y 90 días más junto a los incidentes de su tiempo. \
         Allí no se dice quién la escribió.",
    );
    let page = match has_status {
        true => {
            let words = language.text("The public status page", "La página pública de estado");
            view! { <a href=manner.href_of(STATUS)>{words}</a> }.into_any()
        }
        false => {
            let words = language.text(
                "There is no such page at present, as STATUS is off.",
                "Ahora no existe esa página, pues STATUS está en off.",
            );
            view! { <strong>{words}</strong> }.into_any()
        }
    };
    view! {
        <div class="heading"><h1>{language.text("Public notes", "Notas públicas")}</h1></div>
        {told}
        <p class="lead">{about}" "{page}</p>
        <div class="figures">
            <section class="card" id="notes">
                <header><h2>{language.text("Notes", "Notas")}</h2>{note}</header>
                {listed(items, nothing)}
            </section>
        </div>
    }
    .into_any()
}

fn item(row: NoteRow, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let undo = row.undo.map(|undo| view! { <UndoForm undo token manner/> });
    let over = (!row.is_current).then(|| language.text(" (over)", " (terminada)"));
    view! {
        <li>
            <p>
                <bdi class="name">{row.site}</bdi>{language.text(" until ", " hasta ")}<Time moment=row.until/>" "
                <span class="zone">"UTC"</span>{over}
            </p>
            <p><bdi>{row.text}</bdi></p>
            <p class="detail"><bdi>{row.by}</bdi>", "<Time moment=row.at/></p>
            {undo}
        </li>
    }
    .into_any()
}

/// The form to write a note.
#[component]
pub(crate) fn NotePage(form: NoteForm, told: Option<Told>, token: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let NoteForm { site, sites, until, oldest, text } = form;
    let option = |name: String| {
        let selected = name == site;
        view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
    };
    let options = sites.into_iter().map(option).collect_view();
    view! {
        <OrderForm
            heading=language.text("Write a public note", "Escribir una nota pública") action=NOTE
            button=language.text("Tell everybody", "Decirlo a todos") about=None fixed=None told token manner back=NOTES
        >
            <label>
                <span>{language.text("Site", "Emplazamiento")}</span>
                <select name="site" required=true>{options}</select>
            </label>
            <label>
                <span>{language.text("Note, which anybody can read", "Nota, que cualquiera puede leer")}</span>
                <input type="text" name="text" value=text required=true maxlength="500"/>
            </label>
            <UntilField name="until" at=until oldest language/>
        </OrderForm>
    }
    .into_any()
}
