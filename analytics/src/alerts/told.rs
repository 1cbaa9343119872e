//! What is shown of alerts: how receivers are, and what they were told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use shared::UnixMillis;
use shared::api::{
    Acknowledgement, AcknowledgementPage, AlertHeld, AlertMaintenance, AlertPage, AlertReceiver, AlertsRequest,
    AuditEntry, AuditPage, AuditRequest, DeliveryStatus, MaintenancePage, Mute, MutePage, Note, NotePage,
};

use super::file::Alerting;
use super::quiet::{Held, Window, windows};
use super::state::{Planned, State};
use super::step::delivery;
use crate::answer::said::Said;

/// What is known of alerts, behind one cheap handle. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct AlertsTold(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    page: AlertPage,
    /// Those that hold, by their end.
    mutes: Vec<Mute>,
    /// Newest first, as what follows.
    acknowledgements: Vec<Acknowledgement>,
    audit: Vec<AuditEntry>,
    notes: Vec<Note>,
    /// What answers tell of incidents.
    said: Arc<Said>,
}

/// What is known of attempts and of what is held back, and not committed.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    /// Why the last attempt failed, by receiver.
    pub(super) reasons: BTreeMap<String, String>,
    /// How often the notice of a group was tried, and why the last attempt failed, by the group's name.
    pub(super) attempts: BTreeMap<String, (u64, Option<String>)>,
    /// Of which incidents nobody is told, and why.
    pub(super) held: Held,
}

impl AlertsTold {
    /// What is known, as far as it is asked for.
    #[must_use]
    pub fn page(&self, request: &AlertsRequest) -> AlertPage {
        let mut page = self.0.lock().page.clone();
        if let Some(wanted) = &request.receiver {
            page.deliveries.retain(|delivery| delivery.receiver == *wanted);
        }
        page.deliveries.truncate(request.limit.get());
        page
    }

    /// The windows of maintenance in which it is now, and the next ones.
    #[must_use]
    pub fn maintenance(&self) -> MaintenancePage {
        let known = self.0.lock();
        MaintenancePage { maintenance: known.page.maintenance.clone(), as_of: known.page.as_of }
    }

    /// The mutes that hold.
    #[must_use]
    pub fn mutes(&self) -> MutePage {
        let known = self.0.lock();
        MutePage { mutes: known.mutes.clone(), as_of: known.page.as_of }
    }

    /// Which incidents somebody takes care of.
    #[must_use]
    pub fn acknowledgements(&self) -> AcknowledgementPage {
        let known = self.0.lock();
        AcknowledgementPage { acknowledgements: known.acknowledgements.clone(), as_of: known.page.as_of }
    }

    /// What everybody is told of sites.
    #[must_use]
    pub fn notes(&self) -> NotePage {
        let known = self.0.lock();
        NotePage { notes: known.notes.clone(), as_of: known.page.as_of }
    }

    /// Who did what.
    #[must_use]
    pub fn audit(&self, request: &AuditRequest) -> AuditPage {
        let known = self.0.lock();
        let entries = known.audit.iter().take(request.limit.get()).cloned().collect();
        AuditPage { total: known.audit.len() as u64, entries, as_of: known.page.as_of }
    }

    /// Of which incidents nobody is told, and who takes care of which.
    #[must_use]
    pub fn said(&self) -> Arc<Said> {
        Arc::clone(&self.0.lock().said)
    }

    /// How the receivers are; `None` where nobody is to be told.
    #[must_use]
    pub fn receivers(&self) -> Option<Vec<AlertReceiver>> {
        let known = self.0.lock();
        known.page.enabled.then(|| known.page.receivers.clone())
    }

    /// Why the file is not used as it is; `None` where it is.
    pub(super) fn set_reason(&self, reason: Option<String>) {
        let mut known = self.0.lock();
        known.page.enabled = true;
        known.page.reason = reason;
    }

    /// Shows what is known now.
    pub(super) fn show(&self, state: &State, alerting: &Alerting, trouble: &Trouble, now: UnixMillis) {
        let waiting = state.waiting();
        let receivers = alerting.receivers.values().map(|receiver| {
            let tally = state.tallies.get(&receiver.name).cloned().unwrap_or_default();
            let mut waiting = waiting.iter().filter(|(_, notice)| notice.receiver == receiver.name).peekable();
            let oldest = waiting.peek().map(|(_, notice)| UnixMillis((now.0 - notice.at.0).max(0)).seconds());
            AlertReceiver {
                name: receiver.name.clone(),
                r#type: receiver.way.kind(),
                sent: tally.sent,
                failed: tally.failed,
                refused: tally.refused,
                waiting: waiting.count() as u64,
                oldest_waiting_seconds: oldest,
                last_sent: tally.last_sent,
                reason: trouble.reasons.get(&receiver.name).cloned(),
            }
        });
        let mut deliveries: Vec<_> = waiting
            .iter()
            .map(|(group, notice)| {
                let (attempts, reason) = trouble.attempts.get(*group).cloned().unwrap_or_default();
                delivery(notice, DeliveryStatus::Waiting, attempts, reason)
            })
            .collect();
        deliveries.extend(state.done.iter().rev().cloned());
        let open = state.incidents.values().filter(|known| known.incident.end.is_none()).count() as u64;
        let receivers = receivers.collect();
        let maintenance = maintenance(alerting, &state.planned, now);
        let mut mutes: Vec<Mute> = state.mutes.values().filter(|mute| mute.until > now).cloned().collect();
        mutes.sort_by(|a, b| (a.until, &a.id).cmp(&(b.until, &b.id)));
        let as_it_is = |it: &Acknowledgement| Acknowledgement { open: state.is_open(&it.incident), ..it.clone() };
        let mut acknowledgements: Vec<Acknowledgement> = state.acknowledgements.values().map(as_it_is).collect();
        acknowledgements.sort_by(|a, b| (b.at, &a.incident).cmp(&(a.at, &b.incident)));
        let notes = state.notes_shown(now);
        let held = AlertHeld::of(trouble.held.values().copied());
        let taken_by: HashMap<String, String> =
            state.acknowledgements.values().map(|it| (it.incident.clone(), it.by.clone())).collect();
        let mut known = self.0.lock();
        let said = if known.said.is(&trouble.held, &taken_by) {
            Arc::clone(&known.said)
        } else {
            Arc::new(Said::new(trouble.held.clone(), taken_by))
        };
        let (reason, dropped) = (known.page.reason.take(), state.dropped);
        let (enabled, as_of) = (true, Some(now));
        let page = AlertPage { enabled, receivers, open, held, dropped, deliveries, maintenance, reason, as_of };
        (known.page, known.mutes, known.acknowledgements) = (page, mutes, acknowledgements);
        (known.notes, known.said) = (notes, said);
        // There are hundreds of entries, and another one only when somebody says something.
        if !known.audit.iter().eq(state.audit.iter().rev()) {
            known.audit = state.audit.iter().rev().cloned().collect();
        }
    }
}

/// The windows of maintenance in which a moment is, then those that follow, the next first.
fn maintenance(alerting: &Alerting, planned: &Planned, now: UnixMillis) -> Vec<AlertMaintenance> {
    let of = |Window { maintenance: it, said }: Window<'_>| {
        let (span, active) = it.at(now).map(|span| (span, true)).or_else(|| it.next(now).map(|span| (span, false)))?;
        Some(AlertMaintenance {
            name: it.name.clone(),
            antennas: it.antennas.iter().map(ToString::to_string).collect(),
            active,
            start: span.start,
            end: span.end,
            when: it.times(),
            id: said.map(|said| said.id.clone()),
            at: said.map(|said| said.at),
            by: said.map(|said| said.by.clone()),
        })
    };
    let mut told: Vec<AlertMaintenance> = windows(alerting, planned).filter_map(of).collect();
    let order = |it: &AlertMaintenance| (!it.active, it.start, it.name.clone(), it.id.clone());
    told.sort_by_cached_key(order);
    told
}

#[cfg(test)]
mod tests {
    use shared::api::AuditAction;

    use super::*;

    #[test]
    fn the_list_of_who_did_what_is_copied_only_where_there_is_another_entry() {
        let (told, mut state) = (AlertsTold::default(), State::default());
        let show = |state: &State, second: i64| {
            told.show(state, &Alerting::default(), &Trouble::default(), UnixMillis(second * 1_000));
            told.0.lock().audit.as_ptr()
        };
        let entry = |number: i64| AuditEntry {
            at: UnixMillis(number),
            by: "ana".to_owned(),
            action: AuditAction::Mute,
            subject: number.to_string(),
            text: String::new(),
            until: None,
            maintenance: None,
        };
        state.audit.extend((0..500).map(entry));
        let first = show(&state, 1);
        assert_eq!(show(&state, 2), first, "nothing was said");
        // The oldest one makes room.
        state.audit.pop_front();
        state.audit.push_back(entry(500));
        show(&state, 3);
        let shown: Vec<i64> = told.0.lock().audit.iter().map(|it| it.at.0).collect();
        assert_eq!(shown, (1..=500).rev().collect::<Vec<_>>());
        // What another process committed may be less.
        show(&State::default(), 4);
        assert_eq!(told.audit(&AuditRequest::default()).total, 0);
    }
}
