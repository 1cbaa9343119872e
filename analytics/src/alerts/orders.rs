//! What people say of alerts: of what nobody is to be told and when, and which incidents they take care of.
//!
//! An order is carried out by the process that decides what is told, in one commit with all that it knows, and answered once that is
//! done. One that comes twice, as nobody knows whether the first was carried out, is the same as one that comes once.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::UnixMillis;
use shared::api::{
    self, Acknowledgement, AuditAction, AuditEntry, CancelRequest, MAX_AUDIT, Mute, NewAcknowledgement, NewMaintenance,
    NewMute, NewNote, Note, UnacknowledgeRequest, UnmuteRequest, UnnoteRequest,
};
use shared::glob::Glob;
use tokio::sync::{mpsc, oneshot, watch};

use super::maintenance::{MAINTENANCE_MAX, Maintenance};
use super::state::State;
use crate::digits::hexadecimal;
use crate::ingest::log::Fence;
use crate::registry::harmless;

/// Mutes at a time.
const MUTES_MAX: usize = 1_000;

/// Acknowledgements that are kept.
const ACKNOWLEDGEMENTS_MAX: usize = 1_000;

/// A mute, a note, and maintenance that is once, end within a year, a leap year's day included.
pub(super) const AHEAD_MS_MAX: i64 = 366 * 86_400_000;

/// What is over is known for so long, so that what ended in it is told to nobody, also where it is seen later.
const KEPT_MS: i64 = 86_400_000;

/// Days, or groups of days, of maintenance.
const DAYS_MAX: usize = 7;

/// Characters of a pattern of antennas.
const ANTENNAS_MAX: usize = 253;

/// Characters of a reason or a note.
pub(super) const TEXT_MAX: usize = 500;

/// Characters of a name.
pub(super) const NAME_MAX: usize = 64;

/// Orders that wait to be taken.
const WAITING_MAX: usize = 64;

/// So long an order is given again while the process that takes it changes: longer than a lease, and shorter than clients wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// It is given again this often.
const AGAIN: Duration = Duration::from_millis(100);

/// What somebody says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Of which antennas nobody is to be told.
    Mute(NewMute),
    /// That a mute does not hold any more.
    Unmute {
        /// Its id.
        id: String,
        /// Who says so.
        by: String,
    },
    /// Of which antennas nobody is to be told at times.
    Schedule(NewMaintenance),
    /// That maintenance does not take place, or not any more.
    Cancel {
        /// The id of the window.
        id: String,
        /// Who says so.
        by: String,
    },
    /// Which incident somebody takes care of.
    Acknowledge(NewAcknowledgement),
    /// That nobody takes care of it any more.
    Unacknowledge {
        /// Its id.
        incident: String,
        /// Who says so.
        by: String,
    },
    /// What everybody is to be told of a site.
    Note(NewNote),
    /// That nobody is to be told that any more.
    Unnote {
        /// Its id.
        id: String,
        /// Who says so.
        by: String,
    },
}

impl From<NewNote> for Order {
    fn from(new: NewNote) -> Self {
        Self::Note(new)
    }
}

impl From<UnnoteRequest> for Order {
    fn from(UnnoteRequest { id, by }: UnnoteRequest) -> Self {
        Self::Unnote { id, by }
    }
}

impl From<NewMute> for Order {
    fn from(new: NewMute) -> Self {
        Self::Mute(new)
    }
}

impl From<NewMaintenance> for Order {
    fn from(new: NewMaintenance) -> Self {
        Self::Schedule(new)
    }
}

impl From<NewAcknowledgement> for Order {
    fn from(new: NewAcknowledgement) -> Self {
        Self::Acknowledge(new)
    }
}

impl From<UnmuteRequest> for Order {
    fn from(UnmuteRequest { id, by }: UnmuteRequest) -> Self {
        Self::Unmute { id, by }
    }
}

impl From<CancelRequest> for Order {
    fn from(CancelRequest { id, by }: CancelRequest) -> Self {
        Self::Cancel { id, by }
    }
}

impl From<UnacknowledgeRequest> for Order {
    fn from(UnacknowledgeRequest { incident, by }: UnacknowledgeRequest) -> Self {
        Self::Unacknowledge { incident, by }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Whether anything has changed by it: it may have come before.
    pub is_new: bool,
    /// What it was about.
    pub what: What,
}

/// What an order was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A mute.
    Mute(Mute),
    /// A window of maintenance.
    Maintenance(api::Maintenance),
    /// An acknowledgement.
    Acknowledgement(Acknowledgement),
    /// A public note.
    Note(Note),
}

/// Why an order is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A field has a bad value.
    #[error("bad value for {0}: {1}")]
    Field(String, String),
    /// There is no such thing.
    #[error("{0}")]
    Unknown(String),
    /// There is no room.
    #[error("{0}")]
    Full(String),
}

/// What becomes of an order.
pub type Answer = Result<Done, Refusal>;

impl State {
    /// Carries out an order at a moment. What is refused changes nothing.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn carry_out(&mut self, now: UnixMillis, order: &Order) -> Answer {
        match order {
            Order::Mute(new) => self.mute(now, new),
            Order::Unmute { id, by } => self.unmute(now, id, by),
            Order::Schedule(new) => self.schedule(now, new),
            Order::Cancel { id, by } => self.cancel(now, id, by),
            Order::Acknowledge(new) => self.acknowledge(now, new),
            Order::Unacknowledge { incident, by } => self.unacknowledge(now, incident, by),
            Order::Note(new) => self.tell_everybody(now, new),
            Order::Unnote { id, by } => self.tell_nobody(now, id, by),
        }
    }

    fn mute(&mut self, now: UnixMillis, new: &NewMute) -> Answer {
        let NewMute { antennas, until, reason, by } = new;
        within("antennas", antennas, ANTENNAS_MAX)?;
        Glob::new(antennas).map_err(|why| Refusal::Field("antennas".to_owned(), why))?;
        within("reason", reason, TEXT_MAX)?;
        within("by", by, NAME_MAX)?;
        let id = id_of(&json!([antennas, until.0, reason, by]));
        if let Some(mute) = self.mutes.get(&id).filter(|mute| mute.until > now) {
            return Ok(Done { is_new: false, what: What::Mute(mute.clone()) });
        }
        ahead("until", *until, now)?;
        self.mutes.retain(|_, mute| now.0 - mute.until.0 < KEPT_MS);
        if self.mutes.len() >= MUTES_MAX {
            return Err(Refusal::Full(format!("there are {MUTES_MAX} mutes; take some back first")));
        }
        let (antennas, reason, by) = (antennas.clone(), reason.clone(), by.clone());
        let mute = Mute { id: id.clone(), antennas, at: now, until: *until, reason, by };
        self.mutes.insert(id, mute.clone());
        Ok(self.written_down(now, &new.by, AuditAction::Mute, What::Mute(mute)))
    }

    fn unmute(&mut self, now: UnixMillis, id: &str, by: &str) -> Answer {
        within("by", by, NAME_MAX)?;
        let mute = self.mutes.get(id).filter(|mute| mute.until > now).cloned();
        let mute = mute.ok_or_else(|| Refusal::Unknown("there is no mute with this id that holds".to_owned()))?;
        self.mutes.remove(id);
        Ok(self.written_down(now, by, AuditAction::Unmute, What::Mute(mute)))
    }

    fn schedule(&mut self, now: UnixMillis, new: &NewMaintenance) -> Answer {
        let NewMaintenance { antennas, when, reason, by } = new;
        within("antennas", antennas, ANTENNAS_MAX)?;
        within("reason", reason, TEXT_MAX)?;
        within("by", by, NAME_MAX)?;
        if let Some(hours) = &when.hours {
            within("hours", hours, NAME_MAX)?;
        }
        if when.days.as_ref().is_some_and(|days| !(1..=DAYS_MAX).contains(&days.len())) {
            return Err(Refusal::Field("days".to_owned(), format!("1 to {DAYS_MAX} days are needed")));
        }
        let refused = |(field, why): (Option<&str>, String)| Refusal::Field(field.unwrap_or("when").to_owned(), why);
        Maintenance::said(antennas, when, reason).map_err(refused)?;
        let id = id_of(&json!([antennas, when, reason, by]));
        if let Some(known) = self.planned.get(&id).filter(|it| is_ahead(it, now)) {
            return Ok(Done { is_new: false, what: What::Maintenance(known.clone()) });
        }
        if let Some(end) = when.end {
            ahead("end", end, now)?;
        }
        self.planned.retain(|_, it| it.when.end.is_none_or(|end| now.0 - end.0 < KEPT_MS));
        if self.planned.len() >= MAINTENANCE_MAX {
            let why = format!("there are {MAINTENANCE_MAX} windows of maintenance; take some back first");
            return Err(Refusal::Full(why));
        }
        let NewMaintenance { antennas, when, reason, by } = new.clone();
        let maintenance = api::Maintenance { id: id.clone(), antennas, when, at: now, reason, by };
        self.planned.insert(id, maintenance.clone());
        Ok(self.written_down(now, &new.by, AuditAction::Schedule, What::Maintenance(maintenance)))
    }

    fn cancel(&mut self, now: UnixMillis, id: &str, by: &str) -> Answer {
        within("by", by, NAME_MAX)?;
        let known = self.planned.get(id).filter(|it| is_ahead(it, now)).cloned();
        let why = || Refusal::Unknown("there is no maintenance with this id that is not over".to_owned());
        let known = known.ok_or_else(why)?;
        self.planned.remove(id);
        Ok(self.written_down(now, by, AuditAction::Cancel, What::Maintenance(known)))
    }

    /// The ids of windows of maintenance that cannot be read, and why: they were committed by a program that knew more time zones.
    pub fn unknown_maintenance(&self) -> impl Iterator<Item = (&str, String)> {
        let read = |it: &api::Maintenance| Maintenance::said(&it.antennas, &it.when, &it.reason);
        self.planned.values().filter_map(move |it| Some((it.id.as_str(), read(it).err()?.1)))
    }

    fn acknowledge(&mut self, now: UnixMillis, new: &NewAcknowledgement) -> Answer {
        let NewAcknowledgement { incident, note, by } = new;
        within("note", note, TEXT_MAX)?;
        within("by", by, NAME_MAX)?;
        let known = self.incidents.get(incident).filter(|known| known.incident.end.is_none());
        let known = known.ok_or_else(|| Refusal::Unknown("there is no incident with this id that lasts".to_owned()))?;
        if let Some(before) = self.acknowledgements.get(incident).filter(|it| it.note == *note && it.by == *by) {
            let before = Acknowledgement { open: true, ..before.clone() };
            return Ok(Done { is_new: false, what: What::Acknowledgement(before) });
        }
        let acknowledgement = Acknowledgement {
            incident: incident.clone(),
            antenna_id: known.incident.subject.clone(),
            at: now,
            note: note.clone(),
            by: by.clone(),
            open: true,
        };
        if self.acknowledgements.len() >= ACKNOWLEDGEMENTS_MAX && !self.acknowledgements.contains_key(incident) {
            let over = self.acknowledgements.values().filter(|it| !self.is_open(&it.incident));
            let oldest = over.min_by_key(|it| it.at).map(|it| it.incident.clone());
            let oldest = oldest.ok_or_else(|| {
                Refusal::Full(format!("there are {ACKNOWLEDGEMENTS_MAX} acknowledgements of incidents that last"))
            })?;
            self.acknowledgements.remove(&oldest);
        }
        self.acknowledgements.insert(incident.clone(), acknowledgement.clone());
        Ok(self.written_down(now, by, AuditAction::Acknowledge, What::Acknowledgement(acknowledgement)))
    }

    fn unacknowledge(&mut self, now: UnixMillis, incident: &str, by: &str) -> Answer {
        within("by", by, NAME_MAX)?;
        let open = self.is_open(incident);
        let before = self.acknowledgements.remove(incident);
        let why = || Refusal::Unknown("there is no acknowledgement of an incident with this id".to_owned());
        let before = Acknowledgement { open, ..before.ok_or_else(why)? };
        Ok(self.written_down(now, by, AuditAction::Unacknowledge, What::Acknowledgement(before)))
    }

    /// Whether an incident lasts.
    #[must_use]
    pub fn is_open(&self, incident: &str) -> bool {
        self.incidents.get(incident).is_some_and(|known| known.incident.end.is_none())
    }

    /// What was done, once it is written down who did it.
    pub(super) fn written_down(&mut self, at: UnixMillis, by: &str, action: AuditAction, what: What) -> Done {
        let (subject, text, until, maintenance) = match &what {
            What::Mute(mute) => (&mute.antennas, &mute.reason, Some(mute.until), None),
            What::Maintenance(it) => (&it.antennas, &it.reason, it.when.end, Some(it.clone())),
            What::Acknowledgement(it) => (&it.incident, &it.note, None, None),
            What::Note(note) => (&note.site, &note.text, Some(note.until), None),
        };
        let (by, subject, text) = (by.to_owned(), subject.clone(), text.clone());
        self.audit.push_back(AuditEntry { at, by, action, subject, text, until, maintenance });
        while self.audit.len() > MAX_AUDIT {
            self.audit.pop_front();
        }
        Done { is_new: true, what }
    }
}

/// An id follows from what is said, so that what comes twice is one.
pub(super) fn id_of(said: &serde_json::Value) -> String {
    hexadecimal(&digest(&SHA256, said.to_string().as_bytes()).as_ref()[..8])
}

/// Whether maintenance is not over for good.
fn is_ahead(maintenance: &api::Maintenance, now: UnixMillis) -> bool {
    maintenance.when.end.is_none_or(|end| end > now)
}

pub(super) fn ahead(field: &str, at: UnixMillis, now: UnixMillis) -> Result<(), Refusal> {
    if at > now && at.0 - now.0 <= AHEAD_MS_MAX {
        return Ok(());
    }
    let why = "a time from now on is needed, 366 days from now at most";
    Err(Refusal::Field(field.to_owned(), why.to_owned()))
}

pub(super) fn within(field: &str, text: &str, max: usize) -> Result<(), Refusal> {
    let refused = |why: String| Refusal::Field(field.to_owned(), why);
    if !(1..=max).contains(&text.chars().count()) || text.trim().is_empty() {
        return Err(refused(format!("1 to {max} characters are needed")));
    }
    harmless(text).map_err(refused)
}

/// An order, and who waits for what becomes of it.
#[derive(Debug)]
pub struct Asked {
    /// The order.
    pub order: Order,
    /// Who waits.
    pub reply: oneshot::Sender<Answer>,
}

/// Passes an order on to the process that takes it; `None` where it does not answer, or is not that process any more.
pub type Forward = Box<dyn Fn(Order) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send>> + Send + Sync>;

/// Where orders are given. Clones are the same.
#[derive(Clone)]
pub struct Orders(Arc<Inner>);

struct Inner {
    sender: mpsc::Sender<Asked>,
    term: watch::Receiver<Option<Fence>>,
    forward: OnceLock<Forward>,
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Orders")
    }
}

impl Orders {
    /// Orders that are taken here in the terms in which this process decides.
    #[must_use]
    pub fn new(term: watch::Receiver<Option<Fence>>) -> (Self, mpsc::Receiver<Asked>) {
        let (sender, taken) = mpsc::channel(WAITING_MAX);
        (Self(Arc::new(Inner { sender, term, forward: OnceLock::new() })), taken)
    }

    /// From now on, orders are passed on where another process decides.
    pub fn pass_on(&self, forward: Forward) {
        // There is one group.
        let _is_first = self.0.forward.set(forward).is_ok();
    }

    /// Gives an order, again and again while the process that takes it changes. `None` where nobody took it in time: it may be carried
    /// out all the same.
    pub async fn give(&self, order: Order) -> Option<Answer> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let answered = if self.0.term.borrow().is_some() {
                self.give_here(order.clone()).await
            } else if let Some(forward) = self.0.forward.get() {
                forward(order.clone()).await
            } else {
                None
            };
            if answered.is_some() {
                return answered;
            }
            tokio::time::sleep(AGAIN).await;
        }
        None
    }

    /// Gives an order to this process; `None` where it does not decide, or does not any more before it was committed.
    pub async fn give_here(&self, order: Order) -> Option<Answer> {
        if self.0.term.borrow().is_none() {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        let given = async {
            self.0.sender.send(Asked { order, reply }).await.ok()?;
            answer.await.ok()
        };
        tokio::time::timeout(PATIENCE, given).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use shared::api::{AlertKind, MaintenanceTimes};

    use super::*;
    use crate::alerts::incident::Incident;
    use crate::alerts::state::Known;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn mute(antennas: &str, until_ms: i64) -> Order {
        let (antennas, reason, by) = (antennas.to_owned(), "=new mast <b>".to_owned(), "ana".to_owned());
        Order::Mute(NewMute { antennas, until: UnixMillis(NOW.0 + until_ms), reason, by })
    }

    #[test]
    fn a_mute_that_comes_twice_is_one_and_can_be_taken_back() {
        let mut state = State::default();
        let first = state.carry_out(NOW, &mute("north-*", 1_000)).expect("a mute");
        assert!(first.is_new);
        let later = UnixMillis(NOW.0 + 10);
        let second = state.carry_out(later, &mute("north-*", 1_000)).expect("the same");
        assert_eq!((second.is_new, &second.what), (false, &first.what));
        assert_eq!((state.mutes.len(), state.audit.len()), (1, 1));
        let What::Mute(Mute { id, .. }) = first.what else { panic!("a mute") };
        let unmute = Order::Unmute { id, by: "eva".to_owned() };
        state.carry_out(later, &unmute).expect("it held");
        assert!(matches!(state.carry_out(later, &unmute), Err(Refusal::Unknown(_))));
        let done: Vec<_> = state.audit.iter().map(|entry| (entry.action, entry.by.as_str())).collect();
        assert_eq!(done, [(AuditAction::Mute, "ana"), (AuditAction::Unmute, "eva")]);
        let committed = state.encode().expect("JSON");
        assert_eq!(State::decode(&committed), Ok(state));
    }

    #[test]
    fn what_is_wrong_with_an_order_is_told_by_its_field_and_changes_nothing() {
        let long = "x".repeat(501);
        let with = |antennas: &str, until_ms: i64, reason: &str, by: &str| {
            let until = UnixMillis(NOW.0 + until_ms);
            Order::Mute(NewMute { antennas: antennas.into(), until, reason: reason.into(), by: by.into() })
        };
        let mut state = State::default();
        for (order, field) in [
            (with("", 1, "r", "b"), "antennas"),
            (with(&long, 1, "r", "b"), "antennas"),
            (with("north-[0", 1, "r", "b"), "antennas"),
            (with("a", 0, "r", "b"), "until"),
            (with("a", AHEAD_MS_MAX + 1, "r", "b"), "until"),
            (with("a", 1, " ", "b"), "reason"),
            (with("a", 1, &long, "b"), "reason"),
            (with("a", 1, "line\nline", "b"), "reason"),
            (with("a", 1, "turned \u{202e}", "b"), "reason"),
            (with("a", 1, "r", ""), "by"),
        ] {
            let Err(Refusal::Field(named, _)) = state.carry_out(NOW, &order) else { panic!("{order:?}") };
            assert_eq!(named, field, "{order:?}");
        }
        assert_eq!(state, State::default());
    }

    fn window(antennas: &str, when: MaintenanceTimes) -> NewMaintenance {
        let (antennas, reason, by) = (antennas.to_owned(), "new mast".to_owned(), "ana".to_owned());
        NewMaintenance { antennas, when, reason, by }
    }

    fn once(from_ms: i64, until_ms: i64) -> MaintenanceTimes {
        let at = |ms: i64| Some(UnixMillis(NOW.0 + ms));
        MaintenanceTimes { start: at(from_ms), end: at(until_ms), ..MaintenanceTimes::default() }
    }

    fn sundays() -> MaintenanceTimes {
        let (hours, days) = (Some("02:00-04:00".to_owned()), Some(vec!["sun".to_owned()]));
        MaintenanceTimes { hours, days, time_zone: Some("Europe/Madrid".to_owned()), ..MaintenanceTimes::default() }
    }

    #[test]
    fn maintenance_that_comes_twice_is_one_and_can_be_taken_back_until_it_is_over() {
        for (when, is_over_some_day) in [(once(-1_000, 5_000), true), (sundays(), false)] {
            let mut state = State::default();
            let order = Order::Schedule(window("north-*", when.clone()));
            let first = state.carry_out(NOW, &order).expect("a window");
            let What::Maintenance(made) = first.what.clone() else { panic!("a window") };
            assert_eq!((first.is_new, &made.when, made.at), (true, &when, NOW));
            let second = state.carry_out(UnixMillis(NOW.0 + 10), &order).expect("the same");
            assert_eq!((second.is_new, second.what), (false, first.what));
            let cancel = Order::Cancel { id: made.id.clone(), by: "eva".to_owned() };
            let later = UnixMillis(NOW.0 + 5_000);
            assert_eq!(state.clone().carry_out(later, &cancel).is_err(), is_over_some_day);
            assert_eq!(state.clone().carry_out(later, &order).is_err(), is_over_some_day);
            state.carry_out(UnixMillis(later.0 - 1), &cancel).expect("it was to be");
            assert!(matches!(state.carry_out(NOW, &cancel), Err(Refusal::Unknown(_))));
            let done: Vec<_> =
                state.audit.iter().map(|it| (it.action, it.by.as_str(), it.maintenance.as_ref())).collect();
            let expected = [(AuditAction::Schedule, "ana", Some(&made)), (AuditAction::Cancel, "eva", Some(&made))];
            assert_eq!(done, expected);
            assert_eq!((state.audit[0].subject.as_str(), state.audit[0].until), ("north-*", when.end));
            assert_eq!(State::decode(&state.encode().expect("JSON")), Ok(state));
        }
    }

    #[test]
    fn what_is_wrong_with_maintenance_is_told_by_its_field_and_changes_nothing() {
        let mut state = State::default();
        let none = MaintenanceTimes::default;
        let sundays_of = |hours: &str, day: &str, zone: &str| MaintenanceTimes {
            hours: Some(hours.to_owned()),
            days: Some(vec![day.to_owned()]),
            time_zone: Some(zone.to_owned()),
            ..none()
        };
        let utc = "Etc/UTC";
        for (antennas, when, field) in [
            ("", sundays(), "antennas"),
            ("north-[0", sundays(), "antennas"),
            ("a", none(), "when"),
            ("a", MaintenanceTimes { start: Some(NOW), ..none() }, "when"),
            ("a", MaintenanceTimes { start: Some(NOW), ..sundays() }, "when"),
            ("a", MaintenanceTimes { time_zone: Some(utc.to_owned()), ..none() }, "when"),
            ("a", MaintenanceTimes { time_zone: None, ..sundays() }, "when"),
            ("a", once(5, 5), "end"),
            ("a", once(-5, 0), "end"),
            ("a", once(0, AHEAD_MS_MAX + 1), "end"),
            ("a", sundays_of("2-4", "sun", utc), "hours"),
            ("a", sundays_of("02:00 -04:00\n", "sun", utc), "hours"),
            ("a", sundays_of("02:00-04:00", "someday", utc), "days"),
            ("a", MaintenanceTimes { days: Some(Vec::new()), ..sundays() }, "days"),
            ("a", MaintenanceTimes { days: Some(vec!["sun".to_owned(); 8]), ..sundays() }, "days"),
            ("a", sundays_of("02:00-04:00", "sun", "Europe/Atlantis"), "time_zone"),
        ] {
            let order = Order::Schedule(window(antennas, when));
            let Err(Refusal::Field(named, _)) = state.carry_out(NOW, &order) else { panic!("{order:?}") };
            assert_eq!(named, field, "{order:?}");
        }
        assert_eq!(state, State::default());
        for number in 0..=MAINTENANCE_MAX {
            let done = state.carry_out(NOW, &Order::Schedule(window(&number.to_string(), sundays())));
            assert_eq!(done.is_ok(), number < MAINTENANCE_MAX, "{done:?}");
        }
        assert_eq!(state.unknown_maintenance().count(), 0);
        let first = state.planned.values_mut().next().expect("one");
        first.when.time_zone = Some("Europe/Atlantis".to_owned());
        assert_eq!(state.unknown_maintenance().count(), 1);
    }

    #[test]
    fn only_what_lasts_is_acknowledged_and_what_is_kept_is_bounded() {
        let mut state = State::default();
        let of = |incident: &Incident, note: &str| {
            let (note, by) = (note.to_owned(), "ana".to_owned());
            Order::Acknowledge(NewAcknowledgement { incident: incident.id(), note, by })
        };
        let incidents: Vec<Incident> = (0..=ACKNOWLEDGEMENTS_MAX)
            .map(|number| Incident::begun(&number.to_string(), AlertKind::Down, NOW))
            .collect();
        assert!(matches!(state.carry_out(NOW, &of(&incidents[0], "mine")), Err(Refusal::Unknown(_))));
        for (at, incident) in (NOW.0..).zip(&incidents) {
            state.incidents.insert(incident.id(), Known::new(incident.clone(), String::new(), NOW));
            let done = state.carry_out(UnixMillis(at), &of(incident, "mine"));
            assert_eq!(done.is_ok(), incident != incidents.last().expect("one"), "{incident:?}");
        }
        let again = state.carry_out(NOW, &of(&incidents[0], "mine")).expect("the same");
        assert!(!again.is_new && state.carry_out(NOW, &of(&incidents[0], "another")).expect("a note").is_new);
        // One of an incident that is over makes room.
        state.incidents.remove(&incidents[5].id());
        state.carry_out(NOW, &of(incidents.last().expect("one"), "mine")).expect("room");
        assert!(!state.acknowledgements.contains_key(&incidents[5].id()));
        assert_eq!((state.acknowledgements.len(), state.audit.len()), (ACKNOWLEDGEMENTS_MAX, MAX_AUDIT));
    }
}
