//! Maintenance: when nobody is told of some antennas, and the form with which an operator plans it.

use shared::UnixMillis;
use shared::api::{AlertMaintenance, AuditAction, Maintenance, MaintenanceTimes};
use shared::glob::Glob;

use super::quiet::{PROPOSED_MS, Undo, antenna_href, until_words, whole_minute};
use super::{Moment, Part, Scene};
use crate::format;
use crate::language::Language;
use crate::query::{Access, MAINTENANCE, Manner, parse_local};

/// A window of maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MaintenanceRow {
    /// An id, or patterns of ids: any text.
    pub(crate) antennas: String,
    /// The antenna's page, where it is about one.
    pub(crate) href: Option<String>,
    /// Until when it is, or from when until when it will be next.
    pub(crate) times: Vec<Part>,
    /// On which days, at which hours and by which clocks, where it comes again and again.
    pub(crate) recurs: Option<String>,
    pub(crate) reason: String,
    /// Who said it, and when; `None` where it is of the file.
    pub(crate) said: Option<(String, Moment)>,
    /// For who may do that.
    pub(crate) undo: Option<Undo>,
}

/// The form to plan maintenance, as it is shown first and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MaintenanceForm {
    pub(crate) antennas: String,
    /// Whether it is to come again and again.
    pub(crate) recurs: bool,
    /// As `<input type="datetime-local">` has it, in UTC.
    pub(crate) start: String,
    pub(crate) end: String,
    /// The earliest end that may be chosen.
    pub(crate) oldest: String,
    /// As `<input type="time">` has it, by the clocks of the time zone; both empty for the whole day.
    pub(crate) from: String,
    pub(crate) until: String,
    /// Values of [`DAYS`]; none for every day.
    pub(crate) days: Vec<String>,
    pub(crate) time_zone: String,
    pub(crate) reason: String,
}

/// A day of the week.
#[derive(Debug)]
pub(crate) struct Day {
    /// As analytics calls it.
    pub(crate) value: &'static str,
    names: [&'static str; 2],
    short: [&'static str; 2],
}

/// From Monday on.
pub(crate) const DAYS: [Day; 7] = [
    Day { value: "mon", names: ["Monday", "lunes"], short: ["Mon", "lun"] },
    Day { value: "tue", names: ["Tuesday", "martes"], short: ["Tue", "mar"] },
    Day { value: "wed", names: ["Wednesday", "miércoles"], short: ["Wed", "mié"] },
    Day { value: "thu", names: ["Thursday", "jueves"], short: ["Thu", "jue"] },
    Day { value: "fri", names: ["Friday", "viernes"], short: ["Fri", "vie"] },
    Day { value: "sat", names: ["Saturday", "sábado"], short: ["Sat", "sáb"] },
    Day { value: "sun", names: ["Sunday", "domingo"], short: ["Sun", "dom"] },
];

impl Day {
    /// Its name.
    pub(crate) const fn name(&self, language: Language) -> &'static str {
        language.text(self.names[0], self.names[1])
    }
}

impl MaintenanceForm {
    /// When it is to be, as analytics is told.
    pub(crate) fn when(&self) -> MaintenanceTimes {
        if self.recurs {
            let is_whole_day = self.from.is_empty() && self.until.is_empty();
            return MaintenanceTimes {
                hours: (!is_whole_day).then(|| format!("{}-{}", self.from, self.until)),
                days: (!self.days.is_empty()).then(|| self.days.clone()),
                time_zone: Some(self.time_zone.clone()),
                ..MaintenanceTimes::default()
            };
        }
        // Analytics says that a time is needed where there is none.
        let at = |text: &str| parse_local(text).ok().map(|at| UnixMillis(at.timestamp_millis()));
        MaintenanceTimes { start: at(&self.start), end: at(&self.end), ..MaintenanceTimes::default() }
    }
}

/// A form to plan maintenance of these antennas, which proposes when.
pub(crate) fn new_maintenance(antennas: &str, recurs: bool, now: UnixMillis) -> MaintenanceForm {
    let start = whole_minute(now.0);
    MaintenanceForm {
        antennas: antennas.to_owned(),
        recurs,
        start: format::local_input(start),
        end: format::local_input(UnixMillis(start.0 + PROPOSED_MS)),
        oldest: format::local_input(start),
        time_zone: "UTC".to_owned(),
        ..MaintenanceForm::default()
    }
}

/// Where maintenance of an antenna is planned, for who may do that.
pub(crate) fn plan_href(antenna: &str, manner: Manner) -> Option<String> {
    (manner.access == Access::Operator).then(|| manner.href(MAINTENANCE, &[("antennas", Glob::of_exactly(antenna))]))
}

/// The windows that an antenna is in.
pub(super) fn maintenance_of(antenna: &str, scene: &Scene<'_>) -> Vec<MaintenanceRow> {
    let windows = scene.quiet.into_iter().flat_map(|quiet| quiet.maintenance_of(antenna));
    let windows = windows.filter(|it| it.end > scene.now);
    windows.map(|it| maintenance_row(it, scene.now, scene.address.manner)).collect()
}

pub(super) fn maintenance_row(it: &AlertMaintenance, now: UnixMillis, manner: Manner) -> MaintenanceRow {
    let language = manner.language;
    let one = it.antennas.first().filter(|first| it.antennas.len() == 1 && !Glob::is_meant(first));
    let all = || language.text("all antennas", "todas las antenas").to_owned();
    let may = manner.access == Access::Operator;
    let said = it.by.clone().zip(it.at).map(|(by, at)| (by, Moment::day(at, now, language)));
    MaintenanceRow {
        antennas: if it.antennas.is_empty() { all() } else { it.antennas.join(", ") },
        href: one.map(|antenna| antenna_href(antenna, manner)),
        times: times(it, now, language),
        recurs: recurrence(&it.when, language),
        reason: it.name.clone(),
        said,
        undo: it.id.clone().filter(|_| may).map(cancellation),
    }
}

fn times(it: &AlertMaintenance, now: UnixMillis, language: Language) -> Vec<Part> {
    let at = |at| Part::Time(Moment::day(at, now, language));
    let words = |english, spanish| Part::text(language.text(english, spanish));
    if it.active {
        return vec![words("now, until ", "ahora, hasta "), at(it.end), Part::text(" "), Part::Zone];
    }
    let first =
        if it.when.time_zone.is_some() { words("next from ", "próxima vez desde ") } else { words("from ", "desde ") };
    vec![first, at(it.start), words(" until ", " hasta "), at(it.end), Part::text(" "), Part::Zone]
}

fn cancellation(id: String) -> Undo {
    Undo { action: AuditAction::Cancel, fields: vec![("id", id)] }
}

/// On which days, at which hours and by which clocks: `Sun, 02:00–04:00, Europe/Madrid`; `None` where it is once.
pub(super) fn recurrence(when: &MaintenanceTimes, language: Language) -> Option<String> {
    let zone = when.time_zone.as_deref()?;
    let days = match when.days.as_deref() {
        Some(days) if days.len() < DAYS.len() => {
            days.iter().map(|days| days_in_words(days, language)).collect::<Vec<_>>().join(", ")
        }
        _ => language.text("every day", "todos los días").to_owned(),
    };
    let hours = when.hours.as_deref().filter(|hours| *hours != "00:00-24:00");
    let whole = || language.text("the whole day", "el día entero").to_owned();
    let hours = hours.map_or_else(whole, |hours| hours.replace('-', "–"));
    Some(format!("{days}, {hours}, {zone}"))
}

/// A day, or the first and the last of some.
fn days_in_words(days: &str, language: Language) -> String {
    let short = |value: &str| {
        let day = DAYS.iter().find(|day| day.value == value);
        day.map_or_else(|| value.to_owned(), |day| language.text(day.short[0], day.short[1]).to_owned())
    };
    days.split('-').map(short).collect::<Vec<_>>().join("–")
}

/// When it is, in words: `24 Nov 14:47 UTC – 24 Nov 18:47 UTC`, or as [`recurrence`] says.
pub(super) fn when_in_words(when: &MaintenanceTimes, now: UnixMillis, language: Language) -> String {
    let once = || {
        let at = |at: Option<UnixMillis>| at.map_or_else(String::new, |at| until_words(at, now, language));
        format!("{} – {}", at(when.start), at(when.end))
    };
    recurrence(when, language).unwrap_or_else(once)
}

/// What takes a window back that was just planned, if it is there.
pub(super) fn undo_of(planned: &Maintenance, windows: &[AlertMaintenance]) -> Option<Undo> {
    let is_there = windows.iter().any(|it| it.id.as_ref() == Some(&planned.id));
    is_there.then(|| cancellation(planned.id.clone()))
}

/// What plans a window again that was just taken back, unless it would be over.
pub(super) fn redo_of(cancelled: &Maintenance, now: UnixMillis) -> Option<Undo> {
    let MaintenanceTimes { start, end, hours, days, time_zone } = &cancelled.when;
    if end.is_some_and(|end| end <= now) {
        return None;
    }
    let mut fields = vec![("antennas", cancelled.antennas.clone()), ("reason", cancelled.reason.clone())];
    let times = [("start", start), ("end", end)];
    fields.extend(times.into_iter().filter_map(|(name, at)| Some((name, format::local_input((*at)?)))));
    if let Some(zone) = time_zone {
        fields.extend([("recurs", "1".to_owned()), ("time_zone", zone.clone())]);
    }
    if let Some((from, until)) = hours.as_deref().and_then(|hours| hours.split_once('-')) {
        fields.extend([("from", from.to_owned()), ("until", until.to_owned())]);
    }
    fields.extend(days.iter().flatten().map(|day| ("days", day.clone())));
    Some(Undo { action: AuditAction::Schedule, fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recurring(hours: Option<&str>, days: Option<&[&str]>) -> MaintenanceTimes {
        MaintenanceTimes {
            hours: hours.map(str::to_owned),
            days: days.map(|days| days.iter().map(|day| (*day).to_owned()).collect()),
            time_zone: Some("Europe/Madrid".to_owned()),
            ..MaintenanceTimes::default()
        }
    }

    #[test]
    fn what_recurs_is_told_by_days_hours_and_clocks() {
        let all = DAYS.map(|day| day.value);
        for (when, english, spanish) in [
            (recurring(Some("02:00-04:00"), Some(&["sun"])), "Sun, 02:00–04:00", "dom, 02:00–04:00"),
            (recurring(None, Some(&["mon-fri", "sun"])), "Mon–Fri, Sun, the whole day", "lun–vie, dom, el día entero"),
            (recurring(Some("00:00-24:00"), Some(&all)), "every day, the whole day", "todos los días, el día entero"),
            (recurring(Some("22:00-06:00"), None), "every day, 22:00–06:00", "todos los días, 22:00–06:00"),
        ] {
            let told = |language| recurrence(&when, language).unwrap();
            assert_eq!(told(Language::English), format!("{english}, Europe/Madrid"));
            assert_eq!(told(Language::Spanish), format!("{spanish}, Europe/Madrid"));
        }
        assert_eq!(recurrence(&MaintenanceTimes::default(), Language::English), None);
    }

    #[test]
    fn what_a_form_says_is_planned_again_by_the_same_fields() {
        let now = crate::model::tests::NOW;
        let once = new_maintenance("north-*", false, now);
        let recurs = MaintenanceForm {
            from: "22:00".to_owned(),
            until: "02:00".to_owned(),
            days: vec!["mon".to_owned(), "sun".to_owned()],
            ..new_maintenance("north-*", true, now)
        };
        let whole_days = MaintenanceForm { days: vec!["sat".to_owned()], ..new_maintenance("north-*", true, now) };
        for form in [once, recurs, whole_days] {
            let (id, reason, by) = ("1f".to_owned(), "new mast".to_owned(), "ana".to_owned());
            let antennas = form.antennas.clone();
            let planned = Maintenance { id, antennas, when: form.when(), at: now, reason, by };
            let Undo { action, fields } = redo_of(&planned, now).unwrap();
            assert_eq!(action, AuditAction::Schedule);
            let field = |wanted: &str| -> String {
                fields.iter().find(|(name, _)| *name == wanted).map_or_else(String::new, |(_, value)| value.clone())
            };
            let again = MaintenanceForm {
                antennas: field("antennas"),
                recurs: !field("recurs").is_empty(),
                start: field("start"),
                end: field("end"),
                oldest: String::new(),
                from: field("from"),
                until: field("until"),
                days: fields.iter().filter(|(name, _)| *name == "days").map(|(_, day)| day.clone()).collect(),
                time_zone: field("time_zone"),
                reason: field("reason"),
            };
            assert_eq!((again.antennas.as_str(), again.reason.as_str()), ("north-*", "new mast"));
            assert_eq!(again.when(), planned.when);
        }
        let over = Maintenance {
            id: String::new(),
            antennas: String::new(),
            when: MaintenanceTimes { start: Some(UnixMillis(0)), end: Some(now), ..MaintenanceTimes::default() },
            at: now,
            reason: String::new(),
            by: String::new(),
        };
        assert_eq!(redo_of(&over, now), None);
    }
}
