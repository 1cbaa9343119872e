//! Public notes: what operators tell everybody of a site, on the status page. They are kept with the state of alerts, and carried out,
//! written down and taken back as what people say of alerts is.

use serde_json::json;
use shared::UnixMillis;
use shared::api::{AuditAction, NewNote, Note};

use super::orders::{Answer, Done, NAME_MAX, Refusal, TEXT_MAX, What, ahead, id_of, within};
use super::state::State;

/// Notes that are kept.
const NOTES_MAX: usize = 1_000;

/// A note that is over is kept beside the incidents of its time for as long as the status page goes back.
const NOTE_KEPT_MS: i64 = 90 * 86_400_000;

/// Characters of a site's public name.
const SITE_MAX: usize = 64;

impl State {
    /// Takes a note. One that comes twice is one.
    pub(super) fn tell_everybody(&mut self, now: UnixMillis, new: &NewNote) -> Answer {
        let NewNote { site, text, until, by } = new;
        within("site", site, SITE_MAX)?;
        within("text", text, TEXT_MAX)?;
        within("by", by, NAME_MAX)?;
        let id = id_of(&json!([site, until.0, text, by]));
        if let Some(note) = self.notes.get(&id).filter(|note| note.until > now) {
            return Ok(Done { is_new: false, what: What::Note(note.clone()) });
        }
        ahead("until", *until, now)?;
        self.notes.retain(|_, note| now.0 - note.until.0 < NOTE_KEPT_MS);
        if self.notes.len() >= NOTES_MAX {
            return Err(Refusal::Full(format!("there are {NOTES_MAX} notes; take some back first")));
        }
        let (site, text, by) = (site.clone(), text.clone(), by.clone());
        let note = Note { id: id.clone(), site, text, at: now, until: *until, by };
        self.notes.insert(id, note.clone());
        Ok(self.written_down(now, &new.by, AuditAction::Note, What::Note(note)))
    }

    /// Takes a note back, also one that is over: nobody is shown it any more.
    pub(super) fn tell_nobody(&mut self, now: UnixMillis, id: &str, by: &str) -> Answer {
        within("by", by, NAME_MAX)?;
        let note = self.notes.remove(id).ok_or_else(|| Refusal::Unknown("there is no note with this id".to_owned()))?;
        Ok(self.written_down(now, by, AuditAction::Unnote, What::Note(note)))
    }

    /// The notes that anybody may see, the newest in front.
    #[must_use]
    pub(super) fn notes_shown(&self, now: UnixMillis) -> Vec<Note> {
        let kept = self.notes.values().filter(|note| now.0 - note.until.0 < NOTE_KEPT_MS);
        let mut notes: Vec<Note> = kept.cloned().collect();
        notes.sort_by(|a, b| (b.at, &a.id).cmp(&(a.at, &b.id)));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::orders::{AHEAD_MS_MAX, Order};

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn note(site: &str, until_ms: i64, text: &str) -> Order {
        let (site, text, by) = (site.to_owned(), text.to_owned(), "ana".to_owned());
        Order::Note(NewNote { site, text, until: UnixMillis(NOW.0 + until_ms), by })
    }

    #[test]
    fn a_note_that_comes_twice_is_one_and_can_be_taken_back() {
        let mut state = State::default();
        let first = state.carry_out(NOW, &note("North & coast", 1_000, "<b>new mast</b>")).expect("a note");
        let again = state.carry_out(UnixMillis(NOW.0 + 10), &note("North & coast", 1_000, "<b>new mast</b>"));
        assert_eq!(again.map(|done| (done.is_new, done.what)), Ok((false, first.what.clone())));
        assert!(first.is_new && state.notes.len() == 1 && state.audit.len() == 1);
        assert_eq!(State::decode(&state.encode().expect("JSON")), Ok(state.clone()));
        let What::Note(Note { id, .. }) = first.what else { panic!("a note") };
        // Once it is over it stays beside the incidents of its time, and can be taken back all the same.
        let later = UnixMillis(NOW.0 + 2_000);
        assert_eq!(state.notes_shown(later).len(), 1);
        assert!(state.notes_shown(UnixMillis(NOW.0 + 1_000 + NOTE_KEPT_MS)).is_empty());
        let unnote = Order::Unnote { id, by: "eva".to_owned() };
        state.carry_out(later, &unnote).expect("it was there");
        assert!(matches!(state.carry_out(later, &unnote), Err(Refusal::Unknown(_))));
        let done: Vec<_> = state.audit.iter().map(|entry| (entry.action, entry.by.as_str())).collect();
        assert_eq!(done, [(AuditAction::Note, "ana"), (AuditAction::Unnote, "eva")]);
    }

    #[test]
    fn what_is_wrong_with_a_note_changes_nothing_and_what_is_kept_is_bounded() {
        let mut state = State::default();
        for (order, field) in [
            (note("", 1, "t"), "site"),
            (note(&"x".repeat(65), 1, "t"), "site"),
            (note("North", 0, "t"), "until"),
            (note("North", AHEAD_MS_MAX + 1, "t"), "until"),
            (note("North", 1, ""), "text"),
            (note("North", 1, &"x".repeat(501)), "text"),
            (note("North", 1, "line\nline"), "text"),
        ] {
            let Err(Refusal::Field(named, _)) = state.carry_out(NOW, &order) else { panic!("{order:?}") };
            assert_eq!(named, field, "{order:?}");
        }
        assert_eq!(state, State::default());
        for number in 0..=NOTES_MAX {
            let done = state.carry_out(NOW, &note("North", 1_000, &number.to_string()));
            assert_eq!(done.is_ok(), number < NOTES_MAX, "{number}");
        }
        let later = UnixMillis(NOW.0 + 1_000 + NOTE_KEPT_MS);
        let new = NewNote { site: "North".into(), text: "t".into(), until: UnixMillis(later.0 + 1), by: "ana".into() };
        state.carry_out(later, &Order::Note(new)).expect("those that are over make room");
        assert_eq!(state.notes.len(), 1);
    }
}
