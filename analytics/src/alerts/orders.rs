//! What people say of alerts: of what nobody is to be told, and which incidents they take care of.
//!
//! An order is carried out by the process that decides what is told, in one commit with all that it knows, and answered once that is
//! done. One that comes twice, as nobody knows whether the first was carried out, is the same as one that comes once.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::{
    Acknowledgement, AuditAction, AuditEntry, MAX_AUDIT, Mute, NewAcknowledgement, NewMute, NewNote, Note,
    UnacknowledgeRequest, UnmuteRequest, UnnoteRequest,
};
use shared::glob::Glob;
use tokio::sync::{mpsc, oneshot, watch};

use super::state::State;
use crate::digits::hexadecimal;
use crate::ingest::log::Fence;
use crate::registry::harmless;

/// Mutes at a time.
const MUTES_MAX: usize = 1_000;

/// Acknowledgements that are kept.
const ACKNOWLEDGEMENTS_MAX: usize = 1_000;

/// A mute ends within a year, a leap year's day included.
const MUTE_MS_MAX: i64 = 366 * 86_400_000;

/// A mute that is over is known for so long, so that what ended in it is told to nobody, also where it is seen later.
const MUTE_KEPT_MS: i64 = 86_400_000;

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
        let id = id_of(new);
        if let Some(mute) = self.mutes.get(&id).filter(|mute| mute.until > now) {
            return Ok(Done { is_new: false, what: What::Mute(mute.clone()) });
        }
        if *until <= now || until.0 - now.0 > MUTE_MS_MAX {
            let why = "a time from now on is needed, 366 days from now at most";
            return Err(Refusal::Field("until".to_owned(), why.to_owned()));
        }
        self.mutes.retain(|_, mute| now.0 - mute.until.0 < MUTE_KEPT_MS);
        if self.mutes.len() >= MUTES_MAX {
            return Err(Refusal::Full(format!("there are {MUTES_MAX} mutes; take some back first")));
        }
        let (antennas, reason, by) = (antennas.clone(), reason.clone(), by.clone());
        let mute = Mute { id: id.clone(), antennas, at: now, until: *until, reason, by };
        self.write_down(now, &mute.by, AuditAction::Mute, &mute.antennas, &mute.reason, Some(mute.until));
        self.mutes.insert(id, mute.clone());
        Ok(Done { is_new: true, what: What::Mute(mute) })
    }

    fn unmute(&mut self, now: UnixMillis, id: &str, by: &str) -> Answer {
        within("by", by, NAME_MAX)?;
        let mute = self.mutes.get(id).filter(|mute| mute.until > now).cloned();
        let mute = mute.ok_or_else(|| Refusal::Unknown("there is no mute with this id that holds".to_owned()))?;
        self.mutes.remove(id);
        self.write_down(now, by, AuditAction::Unmute, &mute.antennas, &mute.reason, Some(mute.until));
        Ok(Done { is_new: true, what: What::Mute(mute) })
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
        self.write_down(now, by, AuditAction::Acknowledge, incident, note, None);
        self.acknowledgements.insert(incident.clone(), acknowledgement.clone());
        Ok(Done { is_new: true, what: What::Acknowledgement(acknowledgement) })
    }

    fn unacknowledge(&mut self, now: UnixMillis, incident: &str, by: &str) -> Answer {
        within("by", by, NAME_MAX)?;
        let open = self.is_open(incident);
        let before = self.acknowledgements.remove(incident);
        let why = || Refusal::Unknown("there is no acknowledgement of an incident with this id".to_owned());
        let before = Acknowledgement { open, ..before.ok_or_else(why)? };
        self.write_down(now, by, AuditAction::Unacknowledge, incident, &before.note, None);
        Ok(Done { is_new: true, what: What::Acknowledgement(before) })
    }

    /// Whether an incident lasts.
    #[must_use]
    pub fn is_open(&self, incident: &str) -> bool {
        self.incidents.get(incident).is_some_and(|known| known.incident.end.is_none())
    }

    pub(super) fn write_down(
        &mut self,
        at: UnixMillis,
        by: &str,
        action: AuditAction,
        subject: &str,
        text: &str,
        until: Option<UnixMillis>,
    ) {
        let (by, subject, text) = (by.to_owned(), subject.to_owned(), text.to_owned());
        self.audit.push_back(AuditEntry { at, by, action, subject, text, until });
        while self.audit.len() > MAX_AUDIT {
            self.audit.pop_front();
        }
    }
}

/// The id of a mute follows from what it says, so that one that comes twice is one.
fn id_of(new: &NewMute) -> String {
    let text = serde_json::json!([new.antennas, new.until.0, new.reason, new.by]).to_string();
    hexadecimal(&digest(&SHA256, text.as_bytes()).as_ref()[..8])
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
    use shared::api::AlertKind;

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
            (with("a", MUTE_MS_MAX + 1, "r", "b"), "until"),
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
