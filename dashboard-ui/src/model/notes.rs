//! Public notes: what operators tell everybody of sites, and the form for it.

use shared::UnixMillis;
use shared::api::{AuditAction, AuditEntry, Note};
use shared::spelled::Spelled as _;

use super::frame::Moment;
use super::quiet::{Told, Undo, until_words, whole_minute};
use super::verdict::Level;
use crate::format;
use crate::language::Language;
use crate::query::{Access, Manner, NOTE, NOTES};

/// A note is proposed to stand for a day.
const PROPOSED_MS: i64 = 24 * 60 * 60 * 1000;

/// The notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotesScreen {
    /// What was just done, and how it is undone; or why something was not done.
    pub(crate) told: Option<Told>,
    /// The newest in front; `None` if analytics does not tell.
    pub(crate) notes: Option<Vec<NoteRow>>,
    /// Where one is written; `None` for who may not do that.
    pub(crate) note: Option<String>,
    /// Whether anybody sees them.
    pub(crate) has_status: bool,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoteRow {
    pub(crate) site: String,
    pub(crate) text: String,
    pub(crate) at: Moment,
    pub(crate) until: Moment,
    pub(crate) by: String,
    /// Whether it stands beside its site; else it does beside the incidents of its time.
    pub(crate) is_current: bool,
    /// For who may do that.
    pub(crate) undo: Option<Undo>,
}

/// What the form to write a note begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoteForm {
    /// The one that is chosen.
    pub(crate) site: String,
    /// Those that there are.
    pub(crate) sites: Vec<String>,
    pub(crate) until: String,
    pub(crate) oldest: String,
    pub(crate) text: String,
}

/// The list, with what was told.
pub(crate) fn notes_screen(
    notes: Option<&[Note]>,
    told: Option<Told>,
    has_status: bool,
    now: UnixMillis,
    manner: Manner,
) -> NotesScreen {
    let may = manner.access == Access::Operator;
    let row = |note: &Note| NoteRow {
        site: note.site.clone(),
        text: note.text.clone(),
        at: Moment::day(note.at, now, manner.language),
        until: Moment::day(note.until, now, manner.language),
        by: note.by.clone(),
        is_current: note.until > now,
        undo: may.then(|| taken_back(note)),
    };
    NotesScreen {
        told,
        notes: notes.map(|notes| notes.iter().map(row).collect()),
        note: may.then(|| manner.href_of(NOTE)),
        has_status,
    }
}

fn taken_back(note: &Note) -> Undo {
    Undo { action: AuditAction::Unnote, fields: vec![("id", note.id.clone())] }
}

/// A form for a note on a site, which proposes for how long.
pub(crate) fn new_note(site: &str, sites: Vec<String>, now: UnixMillis) -> NoteForm {
    NoteForm {
        site: site.to_owned(),
        sites,
        until: format::local_input(whole_minute(now.0 + PROPOSED_MS)),
        oldest: format::local_input(whole_minute(now.0)),
        text: String::new(),
    }
}

/// Where it is told that something was done.
pub(super) fn done_href(action: AuditAction, subject: &str, manner: Manner) -> String {
    manner.href(NOTES, &[("done", action.as_str()), ("of", subject)])
}

/// What was just done, if the audit list says that it was: an address alone proves nothing. Whoever may gets what undoes it.
pub(crate) fn note_done(
    action: &str,
    subject: &str,
    audit: &[AuditEntry],
    notes: &[Note],
    now: UnixMillis,
    manner: Manner,
) -> Option<Told> {
    let action = AuditAction::from_spelling(action)?;
    let entry = audit.iter().find(|entry| entry.action == action && entry.subject == subject)?;
    let (language, until) = (manner.language, entry.until?);
    let (words, undo) = match action {
        AuditAction::Note => {
            let until_words = until_words(until, now, language);
            let words = match language {
                Language::English => format!("Everybody is told this of {subject}, until {until_words}."),
                Language::Spanish => format!("Esto se dice a todos de {subject}, hasta {until_words}."),
            };
            let is_it = |note: &&Note| note.site == subject && note.until == until && note.text == entry.text;
            (words, notes.iter().find(is_it).map(taken_back))
        }
        AuditAction::Unnote => {
            let words = match language {
                Language::English => format!("The note on {subject} was taken back."),
                Language::Spanish => format!("Se ha retirado la nota de {subject}."),
            };
            let again = (until > now).then(|| Undo {
                action: AuditAction::Note,
                fields: vec![
                    ("site", subject.to_owned()),
                    ("until", format::local_input(until)),
                    ("text", entry.text.clone()),
                ],
            });
            (words, again)
        }
        _ => return None,
    };
    Some(Told { level: Level::Good, words, undo: undo.filter(|_| manner.access == Access::Operator) })
}

/// Why no note can be written.
pub(crate) fn without_alerts(language: Language) -> Told {
    let words = language.text(
        "Notes are kept with alerts, and this analytics has none (ALERTS_FILE): it will not take any.",
        "Las notas se guardan con las alertas, y este análisis no las tiene (ALERTS_FILE): no aceptará ninguna.",
    );
    Told { level: Level::Bad, words: words.to_owned(), undo: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::NOW;

    const OPERATOR: Manner = Manner {
        language: Language::English,
        is_language_chosen: false,
        is_wall: false,
        base: crate::query::Base::ROOT,
        with_token: true,
        access: Access::Operator,
    };

    #[test]
    fn only_what_the_audit_list_has_is_told_of_notes_and_only_who_may_undoes_it() {
        let until = UnixMillis(NOW.0 + 3_600_000);
        let entry = |action, subject: &str, until| AuditEntry {
            at: NOW,
            by: "ana".to_owned(),
            action,
            subject: subject.to_owned(),
            text: "new mast".to_owned(),
            until: Some(until),
            maintenance: None,
        };
        let note = Note {
            id: "1f".to_owned(),
            site: "North".to_owned(),
            text: "new mast".to_owned(),
            at: NOW,
            until,
            by: "ana".to_owned(),
        };
        let audit = [
            entry(AuditAction::Note, "North", until),
            entry(AuditAction::Unnote, "South", until),
            entry(AuditAction::Unnote, "East", NOW),
            entry(AuditAction::Mute, "North", until),
        ];
        let notes = [note];
        let told = |action: &str, subject: &str, manner| note_done(action, subject, &audit, &notes, NOW, manner);
        let given = told("note", "North", OPERATOR).unwrap();
        assert_eq!(given.words, "Everybody is told this of North, until 24 Nov 15:47 UTC.");
        assert_eq!(given.undo, Some(Undo { action: AuditAction::Unnote, fields: vec![("id", "1f".to_owned())] }));
        let undone = told("unnote", "South", OPERATOR).unwrap().undo.unwrap();
        assert_eq!((undone.action, &*undone.fields[2].1), (AuditAction::Note, "new mast"));
        assert_eq!(told("unnote", "East", OPERATOR).unwrap().undo, None, "it would have ended");
        for (action, subject) in [("note", "South"), ("mute", "North"), ("delete", "North"), ("", "")] {
            assert_eq!(told(action, subject, OPERATOR), None, "{action} {subject}");
        }
        let viewer = Manner { access: Access::Viewer, ..OPERATOR };
        assert_eq!(told("note", "North", viewer).unwrap().undo, None);
        let screen = notes_screen(Some(&notes), None, true, NOW, viewer);
        assert!(screen.note.is_none() && screen.notes.unwrap()[0].undo.is_none());
        let screen = notes_screen(Some(&notes), None, true, until, OPERATOR);
        let row = &screen.notes.unwrap()[0];
        assert!(!row.is_current && row.undo.is_some(), "what is over can be taken back too");
    }
}
