//! What is muted, in maintenance and acknowledged, and who did what.

use shared::UnixMillis;
use shared::api::{Acknowledgement, AuditAction, AuditEntry, Incident, Mute};
use shared::glob::Glob;
use shared::spelled::Spelled as _;

use super::maintenance::{MaintenanceRow, maintenance_row, redo_of, undo_of, when_in_words};
use super::{Level, Moment, Scene, notes, unauthorized};
use crate::client::{ClientError, NotDone};
use crate::figures::Quiet;
use crate::format;
use crate::language::Language;
use crate::query::Address;
use crate::query::{ACKNOWLEDGE, Access, MAINTENANCE, MUTE, Manner, Page, QUIET, Query};

/// A mute or maintenance is proposed for so long: a shift's half.
pub(super) const PROPOSED_MS: i64 = 4 * 60 * 60 * 1000;

/// What is muted and acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuietScreen {
    /// What was just done, and how it is undone; or why something was not done.
    pub(crate) told: Option<Told>,
    /// The one that ends first in front; `None` if analytics does not tell.
    pub(crate) mutes: Option<Vec<MuteRow>>,
    /// Those in which it is now, then the next ones.
    pub(crate) maintenance: Vec<MaintenanceRow>,
    /// The newest in front.
    pub(crate) acknowledgements: Vec<AcknowledgementRow>,
    /// Where something is muted; `None` for who may not do that.
    pub(crate) mute: Option<String>,
    /// Where maintenance is planned; `None` for who may not do that.
    pub(crate) plan: Option<String>,
}

/// What was done, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) level: Level,
    pub(crate) words: String,
    pub(crate) undo: Option<Undo>,
}

/// A form that takes something back, or does it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undo {
    /// What it does, as its path.
    pub(crate) action: AuditAction,
    pub(crate) fields: Vec<(&'static str, String)>,
}

/// A mute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MuteRow {
    /// An id or a pattern of ids: any text.
    pub(crate) antennas: String,
    /// The antenna's page, where it is about one.
    pub(crate) href: Option<String>,
    pub(crate) until: Moment,
    pub(crate) at: Moment,
    pub(crate) reason: String,
    pub(crate) by: String,
    /// For who may do that.
    pub(crate) undo: Option<Undo>,
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AcknowledgementRow {
    /// The antenna, the site, or a rule of the network.
    pub(crate) antenna: String,
    /// The antenna's page; `None` for the others.
    pub(crate) href: Option<String>,
    /// What the incident is, in words.
    pub(crate) kind: &'static str,
    pub(crate) at: Moment,
    pub(crate) note: String,
    pub(crate) by: String,
    pub(crate) is_open: bool,
    /// For who may do that.
    pub(crate) undo: Option<Undo>,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditRow {
    pub(crate) at: Moment,
    pub(crate) by: String,
    pub(crate) did: &'static str,
    /// Antennas, or what an incident is about.
    pub(crate) subject: String,
    /// What an incident is, in words; empty for antennas.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) until: Option<Moment>,
    /// When maintenance is, in words.
    pub(crate) when: Option<String>,
}

/// The form to mute antennas, as it is shown first and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MuteForm {
    pub(crate) antennas: String,
    /// As `<input type="datetime-local">` has it, in UTC.
    pub(crate) until: String,
    /// The earliest that may be chosen.
    pub(crate) oldest: String,
    pub(crate) reason: String,
}

/// The form to acknowledge an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AcknowledgementForm {
    pub(crate) incident: String,
    pub(crate) note: String,
}

/// What the page with all of it is called.
pub(crate) const fn heading(language: Language) -> &'static str {
    language.text("Mutes, maintenance and acknowledgements", "Silencios, mantenimiento y atenciones")
}

/// Where an antenna is muted, for who may do that.
pub(crate) fn mute_href(antenna: &str, manner: Manner) -> Option<String> {
    // An id can be any text, also one that would mean others.
    (manner.access == Access::Operator).then(|| manner.href(MUTE, &[("antennas", Glob::of_exactly(antenna))]))
}

/// Where an incident is acknowledged, if it lasts and nobody has done so, for who may do that.
pub(super) fn acknowledge_href(incident: &Incident, scene: &Scene<'_>) -> Option<String> {
    let manner = scene.address.manner;
    let may = manner.access == Access::Operator && incident.end.is_none() && acknowledged(incident, scene).is_none();
    may.then(|| manner.href(ACKNOWLEDGE, &[("incident", incident.id())]))
}

/// Who takes care of an incident, and what they said.
pub(super) fn acknowledged(incident: &Incident, scene: &Scene<'_>) -> Option<(String, String)> {
    let it = scene.quiet?.acknowledgement(&incident.id())?;
    Some((it.by.clone(), it.note.clone()))
}

/// The mutes of an antenna.
pub(super) fn mutes_of(antenna: &str, scene: &Scene<'_>) -> Vec<MuteRow> {
    let mutes = scene.quiet.into_iter().flat_map(|quiet| quiet.mutes_of(antenna));
    mutes.filter(|mute| mute.until > scene.now).map(|mute| mute_row(mute, scene.now, scene.address.manner)).collect()
}

/// What an incident's id says: what it is, in words, whether it is of an antenna, and of which, or of which site or rule.
pub(crate) fn of_incident(id: &str, language: Language) -> (&'static str, bool, &str) {
    let mut parts = id.splitn(3, ':');
    let (family, _start, subject) = (parts.next(), parts.next(), parts.next().unwrap_or(id));
    let (words, is_antenna) = match family {
        Some("trouble") => (language.text("degraded or down", "degradada o caída"), true),
        Some("silence") => (language.text("silent", "sin señal"), true),
        Some("flapping") => (language.text("flapping", "intermitente"), true),
        Some("site") => (language.text("a site that went down", "un emplazamiento caído"), false),
        _ => (language.text("a rule that is broken", "una regla incumplida"), false),
    };
    (words, is_antenna, subject)
}

/// The list, with what was told.
pub(crate) fn quiet_screen(quiet: Option<&Quiet>, told: Option<Told>, now: UnixMillis, manner: Manner) -> QuietScreen {
    let may = manner.access == Access::Operator;
    let acknowledgement = |it: &Acknowledgement| {
        let (kind, is_antenna, _) = of_incident(&it.incident, manner.language);
        let fields = vec![("incident", it.incident.clone())];
        AcknowledgementRow {
            antenna: it.antenna_id.clone(),
            href: is_antenna.then(|| antenna_href(&it.antenna_id, manner)),
            kind,
            at: Moment::day(it.at, now, manner.language),
            note: it.note.clone(),
            by: it.by.clone(),
            is_open: it.open,
            undo: may.then_some(Undo { action: AuditAction::Unacknowledge, fields }),
        }
    };
    let windows = quiet.into_iter().flat_map(|quiet| &quiet.maintenance);
    QuietScreen {
        told,
        mutes: quiet.map(|quiet| quiet.mutes.iter().map(|mute| mute_row(mute, now, manner)).collect()),
        acknowledgements: quiet
            .map_or_else(Vec::new, |quiet| quiet.acknowledgements.iter().map(acknowledgement).collect()),
        maintenance: windows.map(|it| maintenance_row(it, now, manner)).collect(),
        mute: may.then(|| manner.href_of(MUTE)),
        plan: may.then(|| manner.href_of(MAINTENANCE)),
    }
}

fn mute_row(mute: &Mute, now: UnixMillis, manner: Manner) -> MuteRow {
    let may = manner.access == Access::Operator;
    MuteRow {
        antennas: mute.antennas.clone(),
        href: (!Glob::is_meant(&mute.antennas)).then(|| antenna_href(&mute.antennas, manner)),
        until: Moment::day(mute.until, now, manner.language),
        at: Moment::day(mute.at, now, manner.language),
        reason: mute.reason.clone(),
        by: mute.by.clone(),
        undo: may.then(|| Undo { action: AuditAction::Unmute, fields: vec![("id", mute.id.clone())] }),
    }
}

pub(super) fn antenna_href(id: &str, manner: Manner) -> String {
    Address { query: Query { page: Page::Antenna { id: id.to_owned() }, ..Query::default() }, manner }.href()
}

/// Where it is told that something was done.
pub(crate) fn done_href(action: AuditAction, subject: &str, manner: Manner) -> String {
    match action {
        AuditAction::Note | AuditAction::Unnote => notes::done_href(action, subject, manner),
        _ => manner.href(QUIET, &[("done", action.as_str()), ("of", subject)]),
    }
}

/// What was just done, if the audit list says that it was: an address alone proves nothing. Whoever may gets what undoes it.
pub(crate) fn done(
    action: &str,
    subject: &str,
    audit: &[AuditEntry],
    quiet: &Quiet,
    now: UnixMillis,
    manner: Manner,
) -> Option<Told> {
    let action = AuditAction::from_spelling(action)?;
    let entry = audit.iter().find(|entry| entry.action == action && entry.subject == subject)?;
    let (language, until) = (manner.language, entry.until.map(|until| until_words(until, now, manner.language)));
    let (kind, _, about) = of_incident(subject, language);
    let planned = entry.maintenance.as_ref();
    let words = match (action, until) {
        (AuditAction::Mute, Some(until)) => match language {
            Language::English => format!("Muted: nobody is told of {subject} until {until}."),
            Language::Spanish => format!("Silenciado: no se avisa de {subject} hasta {until}."),
        },
        (AuditAction::Mute | AuditAction::Unmute, _) => match language {
            Language::English => format!("The mute of {subject} was taken back."),
            Language::Spanish => format!("Se ha retirado el silencio de {subject}."),
        },
        (AuditAction::Schedule, _) => {
            let when = planned.map_or_else(String::new, |it| when_in_words(&it.when, now, language));
            match language {
                Language::English => format!("Maintenance planned: nobody is told of {subject}. {when}."),
                Language::Spanish => format!("Mantenimiento programado: no se avisa de {subject}. {when}."),
            }
        }
        (AuditAction::Cancel, _) => match language {
            Language::English => format!("The maintenance of {subject} was taken back."),
            Language::Spanish => format!("Se ha retirado el mantenimiento de {subject}."),
        },
        (AuditAction::Acknowledge, _) => match language {
            Language::English => format!("Acknowledged: {about} ({kind})."),
            Language::Spanish => format!("Atendido: {about} ({kind})."),
        },
        (AuditAction::Unacknowledge, _) => match language {
            Language::English => format!("The acknowledgement of {about} ({kind}) was taken back."),
            Language::Spanish => format!("Se ha retirado la atención de {about} ({kind})."),
        },
        // That is told beside the notes.
        (AuditAction::Note | AuditAction::Unnote, _) => return None,
    };
    let undo = match action {
        AuditAction::Mute => quiet
            .mutes
            .iter()
            .find(|mute| mute.antennas == subject && Some(mute.until) == entry.until)
            .map(|mute| Undo { action: AuditAction::Unmute, fields: vec![("id", mute.id.clone())] }),
        AuditAction::Unmute => entry.until.filter(|until| *until > now).map(|until| Undo {
            action: AuditAction::Mute,
            fields: vec![
                ("antennas", subject.to_owned()),
                ("until", format::local_input(until)),
                ("reason", entry.text.clone()),
            ],
        }),
        AuditAction::Schedule => planned.and_then(|it| undo_of(it, &quiet.maintenance)),
        AuditAction::Cancel => planned.and_then(|it| redo_of(it, now)),
        AuditAction::Acknowledge => {
            Some(Undo { action: AuditAction::Unacknowledge, fields: vec![("incident", subject.to_owned())] })
        }
        AuditAction::Unacknowledge => Some(Undo {
            action: AuditAction::Acknowledge,
            fields: vec![("incident", subject.to_owned()), ("note", entry.text.clone())],
        }),
        AuditAction::Note | AuditAction::Unnote => None,
    };
    Some(Told { level: Level::Good, words, undo: undo.filter(|_| manner.access == Access::Operator) })
}

/// `24 Nov 14:47 UTC`.
pub(super) fn until_words(until: UnixMillis, now: UnixMillis, language: Language) -> String {
    format!("{} UTC", Moment::day(until, now, language).text)
}

/// Why something was not done.
pub(crate) fn not_done(error: &NotDone, language: Language) -> Told {
    let words = match error {
        NotDone::BuiltIn => language
            .text("The built-in data has no alerts, so nothing was done.", "Los datos incluidos no tienen alertas, así que no se ha hecho nada.")
            .to_owned(),
        NotDone::Refused(status, message) => refused(status.as_u16(), message, language),
        NotDone::Failed(ClientError::Unauthorized) => unauthorized(language).join(". "),
        NotDone::Failed(_) => language
            .text(
                "Analytics did not answer, so it is not known whether it was done. Send it again: the same twice is done once.",
                "El análisis no respondió, así que no se sabe si se hizo. Envíelo de nuevo: lo mismo dos veces se hace una.",
            )
            .to_owned(),
    };
    Told { level: Level::Bad, words, undo: None }
}

fn refused(status: u16, message: &str, language: Language) -> String {
    let words = match status {
        403 => language.text(
            "Analytics takes this only where ANALYTICS_TOKEN is set, here and there. Nothing was done.",
            "El análisis solo acepta esto donde ANALYTICS_TOKEN está fijado, aquí y allí. No se ha hecho nada.",
        ),
        404 => language.text(
            "There is no such thing any more: it has ended, or somebody has taken it back. Or analytics does not know of it yet; then send it \
             again in a moment.",
            "Ya no existe: ha terminado o alguien lo ha retirado. O el análisis aún no lo conoce; entonces envíelo de nuevo dentro de un momento.",
        ),
        409 => language.text(
            "Analytics cannot do this: it tells nobody of incidents (ALERTS_FILE), or keeps as many of these as it can.",
            "El análisis no puede hacerlo: no avisa a nadie de incidentes (ALERTS_FILE), o ya guarda tantos como puede.",
        ),
        503 => language.text(
            "No analytics took it in time, so it is not known whether it was done. Send it again: the same twice is done once.",
            "Ningún análisis lo aceptó a tiempo, así que no se sabe si se hizo. Envíelo de nuevo: lo mismo dos veces se hace una.",
        ),
        _ => {
            let words = language.text("Analytics did not take it", "El análisis no lo ha aceptado");
            return format!("{words}: {message}");
        }
    };
    words.to_owned()
}

/// A form to mute these antennas, which proposes for how long.
pub(crate) fn new_mute(antennas: &str, now: UnixMillis) -> MuteForm {
    MuteForm {
        antennas: antennas.to_owned(),
        until: format::local_input(whole_minute(now.0 + PROPOSED_MS)),
        oldest: format::local_input(whole_minute(now.0)),
        reason: String::new(),
    }
}

pub(super) const fn whole_minute(at_ms: i64) -> UnixMillis {
    UnixMillis(at_ms - at_ms.rem_euclid(60_000))
}

/// Who did what.
pub(crate) fn audit_rows(entries: &[AuditEntry], now: UnixMillis, language: Language) -> Vec<AuditRow> {
    let row = |entry: &AuditEntry| {
        let is_of_incident = matches!(entry.action, AuditAction::Acknowledge | AuditAction::Unacknowledge);
        let (kind, _, subject) =
            if is_of_incident { of_incident(&entry.subject, language) } else { ("", false, &*entry.subject) };
        // That of maintenance is told with its beginning.
        let until = entry.until.filter(|_| entry.maintenance.is_none());
        AuditRow {
            at: Moment::day(entry.at, now, language),
            by: entry.by.clone(),
            did: match entry.action {
                AuditAction::Mute => language.text("muted", "silenció"),
                AuditAction::Unmute => language.text("took the mute back of", "retiró el silencio de"),
                AuditAction::Schedule => language.text("planned maintenance of", "programó el mantenimiento de"),
                AuditAction::Cancel => language.text("took the maintenance back of", "retiró el mantenimiento de"),
                AuditAction::Acknowledge => language.text("acknowledged", "atendió"),
                AuditAction::Unacknowledge => {
                    language.text("took the acknowledgement back of", "retiró la atención de")
                }
                AuditAction::Note => language.text("told everybody of", "dijo a todos de"),
                AuditAction::Unnote => language.text("took the public note back of", "retiró la nota pública de"),
            },
            subject: subject.to_owned(),
            kind,
            text: entry.text.clone(),
            until: until.map(|until| Moment::day(until, now, language)),
            when: entry.maintenance.as_ref().map(|it| when_in_words(&it.when, now, language)),
        }
    };
    entries.iter().map(row).collect()
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

    fn entry(action: AuditAction, subject: &str, until: Option<UnixMillis>) -> AuditEntry {
        let (by, text) = ("ana".to_owned(), "new mast".to_owned());
        AuditEntry { at: NOW, by, action, subject: subject.to_owned(), text, until, maintenance: None }
    }

    #[test]
    fn an_antenna_is_muted_and_none_of_those_that_its_id_would_mean() {
        for id in ["north-01", "north-*", "a?[b]**", "[", "ñ"] {
            let href = mute_href(id, OPERATOR).unwrap();
            let (_, query) = href.split_once('?').unwrap();
            let (_, antennas) = form_urlencoded::parse(query.as_bytes()).next().unwrap();
            let glob = Glob::new(&antennas).unwrap();
            assert!(
                glob.matches(id) && !glob.matches("north-02") && !glob.matches(&format!("{id}x")),
                "{id}: {antennas}"
            );
        }
        assert_eq!(mute_href("north-01", Manner { access: Access::Viewer, ..OPERATOR }), None);
    }

    #[test]
    fn only_what_the_audit_list_has_is_told_as_done_and_only_who_may_undoes_it() {
        let until = UnixMillis(NOW.0 + 3_600_000);
        let mute = Mute {
            id: "1f".to_owned(),
            antennas: "north-*".to_owned(),
            at: NOW,
            until,
            reason: "new mast".to_owned(),
            by: "ana".to_owned(),
        };
        let quiet = Quiet { mutes: vec![mute], ..Quiet::default() };
        let audit = [
            entry(AuditAction::Unacknowledge, "silence:17:a:b", None),
            entry(AuditAction::Acknowledge, "trouble:17:a:b", None),
            entry(AuditAction::Mute, "north-*", Some(until)),
            entry(AuditAction::Unmute, "south", Some(until)),
            entry(AuditAction::Unmute, "east", Some(NOW)),
        ];
        let told = |action: &str, subject: &str, manner| done(action, subject, &audit, &quiet, NOW, manner);
        let mute = told("mute", "north-*", OPERATOR).unwrap();
        assert_eq!(mute.words, "Muted: nobody is told of north-* until 24 Nov 15:47 UTC.");
        assert_eq!(mute.undo, Some(Undo { action: AuditAction::Unmute, fields: vec![("id", "1f".to_owned())] }));
        let undone = told("unmute", "south", OPERATOR).unwrap().undo.unwrap();
        assert_eq!((undone.action, &*undone.fields[1].1), (AuditAction::Mute, "2025-11-24T15:47:05"));
        assert_eq!(told("unmute", "east", OPERATOR).unwrap().undo, None, "it would have ended");
        let taken = told("acknowledge", "trouble:17:a:b", OPERATOR).unwrap();
        assert_eq!(taken.words, "Acknowledged: a:b (degraded or down).");
        assert_eq!(told("unacknowledge", "silence:17:a:b", OPERATOR).unwrap().undo.unwrap().fields[1].1, "new mast");
        for (action, subject) in [("mute", "south"), ("acknowledge", "silence:17:a:b"), ("delete", "north-*"), ("", "")]
        {
            assert_eq!(told(action, subject, OPERATOR), None, "{action} {subject}");
        }
        let viewer = Manner { access: Access::Viewer, ..OPERATOR };
        assert_eq!(told("mute", "north-*", viewer).unwrap().undo, None);
        assert!(quiet_screen(Some(&quiet), None, NOW, OPERATOR).mutes.unwrap()[0].undo.is_some());
        let screen = quiet_screen(Some(&quiet), None, NOW, viewer);
        assert!(screen.mutes.unwrap()[0].undo.is_none() && screen.mute.is_none());
    }

    #[test]
    fn an_id_says_what_an_incident_is_and_of_which_antenna_site_or_rule() {
        for (id, english, spanish, is_antenna, subject) in [
            ("trouble:1:a:b", "degraded or down", "degradada o caída", true, "a:b"),
            ("silence:1:a", "silent", "sin señal", true, "a"),
            ("flapping:1:a", "flapping", "intermitente", true, "a"),
            ("site:1:north", "a site that went down", "un emplazamiento caído", false, "north"),
            ("network:1:success rate", "a rule that is broken", "una regla incumplida", false, "success rate"),
        ] {
            assert_eq!(of_incident(id, Language::English), (english, is_antenna, subject));
            assert_eq!(of_incident(id, Language::Spanish), (spanish, is_antenna, subject));
        }
    }
}
