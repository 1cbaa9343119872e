//! What is decided: which incidents go to which groups, and when a group is told. Pure: the time and what was seen are given.
//!
//! Of a group one notice is under way at a time, and holds what changed since the one before. So a receiver is told of an incident in
//! order, and one that is away for an hour is told once then, of all that it missed.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use shared::UnixMillis;
use shared::api::{Acknowledgement, AlertDelivery, AlertEnding, AlertKind, DeliveryStatus, MAX_DELIVERIES};

use super::file::{Alerting, GroupBy, Limit, Route, Way};
use super::incident::{Incident, Phase};
use super::message::{Alert, Notice};
use super::quiet::Quiet;
use super::state::{Group, Known, State, Told};
use crate::digits::hexadecimal;

/// A notice holds no more incidents; the others follow at once.
pub const NOTICE_MAX: usize = 1_000;

/// No more incidents are kept in mind.
const KNOWN_MAX: usize = 100_000;

/// Changes of an antenna are counted over this time.
const FLAPPING_MS: i64 = 15 * 60 * 1_000;

/// So many subjects are kept of a delivery that is done.
const SUBJECTS_MAX: usize = 3;

/// What was seen of the network.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Incidents that last, with their stream.
    pub open: Vec<(String, Incident)>,
    /// Incidents that have ended since, with their stream, in order for each stream.
    pub ended: Vec<(String, Incident)>,
    /// How many have ended since the stream's beginning, by stream.
    pub cursors: BTreeMap<String, u64>,
    /// Incidents that were dropped from memory before they were seen.
    pub missed: u64,
    /// What is known of the network as a whole.
    pub network: Network,
}

/// What rules of the network are judged by; `None` where it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Network {
    /// The share of antennas that are down or silent.
    pub down_share: Option<f64>,
    /// When a reading was merged last, or when this began to be known.
    pub last_reading: Option<UnixMillis>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Sent,
    /// It is to be tried again, and why.
    Failed(String),
    /// It is not to be tried again, and why.
    Refused(String),
}

impl State {
    /// Takes note of what was seen; tells whether anything is to be committed for it.
    pub fn take(&mut self, now: UnixMillis, seen: Seen, flapping_changes: u32) -> bool {
        let mut is_changed = self.cursors != seen.cursors || seen.missed > 0;
        self.cursors = seen.cursors;
        self.dropped += seen.missed;
        for (stream, incident) in seen.open {
            is_changed |= self.note(stream, incident);
        }
        for (stream, incident) in seen.ended {
            is_changed |= self.note(stream, incident);
        }
        self.flap(now, flapping_changes) | is_changed
    }

    /// Takes note of an incident as it is.
    fn note(&mut self, stream: String, incident: Incident) -> bool {
        let id = incident.id();
        let is_full = self.incidents.len() >= KNOWN_MAX;
        let Some(known) = self.incidents.get_mut(&id) else {
            if is_full {
                // What lasts is seen again.
                self.dropped += u64::from(incident.end.is_some());
                return incident.end.is_some();
            }
            let times = [Some(incident.start), incident.end.map(|(end, _)| end)];
            let changes = self.changes.entry(incident.subject.clone()).or_default();
            changes.extend(times.into_iter().flatten());
            self.incidents.insert(id, Known { incident, stream, lanes: Vec::new(), is_settled: false });
            return true;
        };
        if known.incident.end.is_some() {
            return false;
        }
        let is_changed = known.incident.phase() != incident.phase() || known.stream != stream;
        if let Some((end, _)) = incident.end {
            self.changes.entry(incident.subject.clone()).or_default().push(end);
        }
        known.stream = stream;
        known.incident = incident;
        is_changed
    }

    /// Begins and ends the flapping of antennas.
    fn flap(&mut self, now: UnixMillis, flapping_changes: u32) -> bool {
        let wanted = flapping_changes as usize;
        let mut is_changed = false;
        let mut begun = Vec::new();
        self.changes.retain(|subject, changes| {
            let before = changes.len();
            changes.retain(|at| at.0 > now.0 - FLAPPING_MS);
            changes.sort_unstable();
            is_changed |= changes.len() != before;
            if let Some(at) = wanted.checked_sub(1).and_then(|last| changes.get(last)) {
                begun.push((subject.clone(), *at));
            }
            !changes.is_empty()
        });
        let lasting: BTreeMap<String, String> = self.open_of(AlertKind::Flapping);
        for (subject, at) in begun {
            if !lasting.contains_key(&subject) && self.incidents.len() < KNOWN_MAX {
                let incident = Incident::begun(&subject, AlertKind::Flapping, at);
                let known = Known { incident, stream: String::new(), lanes: Vec::new(), is_settled: false };
                is_changed |= self.incidents.insert(known.incident.id(), known).is_none();
            }
        }
        for (subject, id) in lasting {
            if !self.changes.contains_key(&subject) {
                is_changed |= self.end(&id, now, AlertEnding::Recovered);
            }
        }
        is_changed
    }

    /// The ids of what lasts of a kind, by subject.
    fn open_of(&self, kind: AlertKind) -> BTreeMap<String, String> {
        let of_kind = self.incidents.iter().filter(|(_, it)| it.incident.kind == kind && it.incident.end.is_none());
        of_kind.map(|(id, it)| (it.incident.subject.clone(), id.clone())).collect()
    }

    fn end(&mut self, id: &str, at: UnixMillis, by: AlertEnding) -> bool {
        let known = self.incidents.get_mut(id).filter(|known| known.incident.end.is_none());
        known.map(|known| known.incident.end = Some((at.max(known.incident.start), by))).is_some()
    }

    /// Judges the rules of the whole network; tells whether anything is to be committed for it.
    pub fn judge(&mut self, now: UnixMillis, alerting: &Alerting, network: &Network) -> bool {
        let mut is_changed = false;
        let lasting = self.open_of(AlertKind::Network);
        for rule in &alerting.rules {
            let is_beyond = match rule.limit {
                Limit::DownShareAbove(limit) => network.down_share.map(|share| share > limit),
                Limit::NoReadingsMs(limit_ms) => network.last_reading.map(|last| now.0 - last.0 >= limit_ms),
            };
            match is_beyond {
                Some(true) => {
                    is_changed |= !self.rules.contains_key(&rule.name);
                    let since = *self.rules.entry(rule.name.clone()).or_insert(now);
                    if !lasting.contains_key(&rule.name) && now.0 - since.0 >= rule.hold_ms {
                        let incident = Incident::begun(&rule.name, AlertKind::Network, since);
                        let known = Known { incident, stream: String::new(), lanes: Vec::new(), is_settled: false };
                        is_changed |= self.incidents.insert(known.incident.id(), known).is_none();
                    }
                }
                Some(false) => {
                    is_changed |= self.rules.remove(&rule.name).is_some();
                    if let Some(id) = lasting.get(&rule.name) {
                        is_changed |= self.end(id, now, AlertEnding::Recovered);
                    }
                }
                // What is not known has not changed.
                None => {}
            }
        }
        let is_there = |name: &String| alerting.rules.iter().any(|rule| rule.name == *name);
        for (_, id) in lasting.iter().filter(|(name, _)| !is_there(name)) {
            is_changed |= self.end(id, now, AlertEnding::Withdrawn);
        }
        self.rules.retain(|name, _| is_there(name));
        is_changed
    }

    /// Puts incidents into groups, and makes the notices that are due; tells whether anything is to be committed for it.
    pub fn step(&mut self, now: UnixMillis, alerting: &Alerting) -> bool {
        let groups = self.groups.len();
        self.groups.retain(|_, group| {
            alerting.receivers.contains_key(&group.receiver) && alerting.route(&group.route).is_some()
        });
        let mut is_changed = self.groups.len() != groups;
        is_changed |= self.assign(now, alerting);
        let flapping: BTreeMap<String, String> = self.open_of(AlertKind::Flapping);
        let quiet = Quiet::new(now, alerting, &self.mutes);
        for group in self.groups.values_mut() {
            let Some((route, receiver)) = alerting.route(&group.route).zip(alerting.receivers.get(&group.receiver))
            else {
                continue;
            };
            let damped: BTreeSet<&str> = if route.is_damped {
                let is_told =
                    |id: &&String| self.incidents.get(*id).is_some_and(|it| route.matcher.matches(&it.incident));
                flapping.iter().filter(|(_, id)| is_told(id)).map(|(subject, _)| subject.as_str()).collect()
            } else {
                BTreeSet::new()
            };
            let resend_ms = if let Way::Alertmanager { resend_ms, .. } = receiver.way { Some(resend_ms) } else { None };
            let due = Due {
                now,
                route,
                resend_ms,
                incidents: &self.incidents,
                damped: &damped,
                quiet: &quiet,
                taken: &self.acknowledgements,
            };
            is_changed |= due.tell(group);
        }
        if is_changed {
            self.forget(now, alerting);
        }
        is_changed
    }

    /// Puts incidents into the groups of the routes that they match.
    fn assign(&mut self, now: UnixMillis, alerting: &Alerting) -> bool {
        let open: Vec<bool> =
            alerting.routes.iter().map(|route| route.hours.as_ref().is_none_or(|hours| hours.hold(now))).collect();
        let mut is_changed = false;
        for (id, known) in self.incidents.iter_mut().filter(|(_, known)| !known.is_settled) {
            for (route, _) in alerting.routes.iter().zip(&open).filter(|(_, is_open)| **is_open) {
                if !route.matcher.matches(&known.incident) {
                    continue;
                }
                for receiver in &route.receivers {
                    let lane = (receiver.clone(), route.name.clone());
                    if known.lanes.contains(&lane) {
                        continue;
                    }
                    known.lanes.push(lane);
                    let is_grouped_elsewhere =
                        alerting.receivers.get(receiver).is_some_and(|it| matches!(it.way, Way::Alertmanager { .. }));
                    let common = if is_grouped_elsewhere { BTreeMap::new() } else { common(route, &known.incident) };
                    let name = Group::name(receiver, &route.name, &common);
                    let group = self.groups.entry(name);
                    let group = group.or_insert_with(|| Group::new(receiver.clone(), route.name.clone(), common));
                    group.members.entry(id.clone()).or_insert(None);
                    is_changed = true;
                }
                if !route.goes_on {
                    break;
                }
            }
            if known.incident.end.is_some() {
                known.is_settled = true;
                is_changed = true;
            }
        }
        is_changed
    }

    /// Forgets what nobody is to be told of any more.
    fn forget(&mut self, now: UnixMillis, alerting: &Alerting) {
        self.groups.retain(|_, group| {
            let interval_ms = alerting.route(&group.route).map_or(0, |route| route.group_interval_ms);
            // As long as it stays, what is new is told at its interval, and not as if it were another group.
            let is_recent = group.told.is_some_and(|told| now.0 - told.0 < interval_ms);
            !group.members.is_empty() || group.notice.is_some() || is_recent
        });
        let mut wanted: BTreeSet<&String> = BTreeSet::new();
        self.groups.values().for_each(|group| wanted.extend(group.members.keys()));
        let gone = self.incidents.iter().filter(|(id, known)| known.is_settled && !wanted.contains(*id));
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.incidents.remove(&id);
        }
    }

    /// Takes note of what became of an attempt at the notice of a group; the number of attempts includes it.
    pub fn delivered(&mut self, now: UnixMillis, group: &str, key: &str, attempts: u64, outcome: &Outcome) {
        let Some(group) =
            self.groups.get_mut(group).filter(|group| group.notice.as_ref().is_some_and(|it| it.key == key))
        else {
            return;
        };
        let tally = self.tallies.entry(group.receiver.clone()).or_default();
        let (status, reason) = match outcome {
            Outcome::Sent => {
                tally.sent += 1;
                tally.last_sent = Some(now);
                (DeliveryStatus::Sent, None)
            }
            Outcome::Failed(_) => {
                tally.failed += 1;
                return;
            }
            Outcome::Refused(why) => {
                tally.failed += 1;
                tally.refused += 1;
                (DeliveryStatus::Refused, Some(why.clone()))
            }
        };
        if let Some(notice) = group.notice.take() {
            self.done.push_back(delivery(&notice, status, attempts, reason));
        }
        while self.done.len() > MAX_DELIVERIES {
            self.done.pop_front();
        }
    }

    /// What waits to be sent: the name of its group and the notice, the oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<(&String, &Notice)> {
        let mut waiting: Vec<_> =
            self.groups.iter().filter_map(|(name, group)| Some((name, group.notice.as_ref()?))).collect();
        waiting.sort_by_key(|(name, notice)| (notice.at, *name));
        waiting
    }
}

/// A delivery as it is shown.
#[must_use]
pub fn delivery(notice: &Notice, status: DeliveryStatus, attempts: u64, reason: Option<String>) -> AlertDelivery {
    let ended = notice.alerts.iter().filter(|alert| alert.end.is_some()).count() as u64;
    AlertDelivery {
        key: notice.key.clone(),
        receiver: notice.receiver.clone(),
        route: notice.route.clone(),
        at: notice.at,
        open: notice.alerts.len() as u64 - ended,
        ended,
        subjects: notice.alerts.iter().take(SUBJECTS_MAX).map(|alert| alert.antenna_id.clone()).collect(),
        status,
        attempts,
        reason,
    }
}

/// What decides whether a group is told something.
struct Due<'a> {
    now: UnixMillis,
    route: &'a Route,
    /// Of a receiver that groups and repeats by itself: how often it wants to hear of what lasts.
    resend_ms: Option<i64>,
    incidents: &'a BTreeMap<String, Known>,
    /// Antennas that are told as flapping alone.
    damped: &'a BTreeSet<&'a str>,
    quiet: &'a Quiet<'a>,
    /// Incidents that somebody takes care of.
    taken: &'a BTreeMap<String, Acknowledgement>,
}

impl Due<'_> {
    /// Makes the notice of a group that is due; tells whether the group has changed.
    fn tell(&self, group: &mut Group) -> bool {
        let members = group.members.len();
        group.members.retain(|id, told| self.is_to_be_kept(id, *told));
        let is_changed = group.members.len() != members;
        if group.notice.is_some() {
            return is_changed;
        }
        let mut news: Vec<&Known> = group.members.iter().filter_map(|(id, told)| self.news(id, *told)).collect();
        if news.is_empty() {
            let was_due = group.changed.take().is_some();
            return self.repeat(group) | is_changed | was_due;
        }
        let had_none = group.changed.is_none();
        let changed = *group.changed.get_or_insert(self.now);
        if self.now < self.due(group, changed) {
            return is_changed | had_none;
        }
        news.sort_by(|a, b| (a.incident.start, &a.incident.subject).cmp(&(b.incident.start, &b.incident.subject)));
        let are_left = news.len() > NOTICE_MAX;
        news.truncate(NOTICE_MAX);
        let ids = news.into_iter().map(|known| known.incident.id()).collect();
        self.put(group, ids);
        // Those that are left are as old as these, and wait for nothing but their turn.
        group.changed = are_left.then_some(changed);
        true
    }

    /// From when on a group is told what has changed since a time.
    fn due(&self, group: &Group, changed: UnixMillis) -> UnixMillis {
        if self.resend_ms.is_some() {
            return changed;
        }
        match group.told {
            None => UnixMillis(changed.0 + self.route.group_wait_ms),
            // The rest of what did not fit into the last notice.
            Some(told) if changed <= told => told,
            Some(told) => UnixMillis(changed.0.max(told.0 + self.route.group_interval_ms)),
        }
    }

    /// Tells again what lasts, where that is due.
    fn repeat(&self, group: &mut Group) -> bool {
        let every_ms = self.resend_ms.or(self.route.repeat_ms);
        let Some(before) = every_ms.map(|every_ms| UnixMillis(self.now.0 - every_ms)) else { return false };
        if self.resend_ms.is_none() && group.told.is_none_or(|told| told > before) {
            return false;
        }
        let is_old =
            |told: &Option<Told>| told.is_some_and(|told| matches!(told.phase, Phase::Open(_)) && told.at <= before);
        let mut ids: Vec<(UnixMillis, String)> = Vec::new();
        for (id, _) in group.members.iter().filter(|(_, told)| is_old(told)) {
            if let Some(known) = self.incidents.get(id).filter(|known| self.is_to_be_repeated(id, known)) {
                ids.push((known.incident.start, id.clone()));
            }
        }
        if ids.is_empty() {
            return false;
        }
        ids.sort_unstable();
        ids.truncate(NOTICE_MAX);
        group.repeats += 1;
        self.put(group, ids.into_iter().map(|(_, id)| id).collect());
        true
    }

    /// Makes a notice of some members, which count as told from now on: it is committed with that, and sent until it is taken.
    fn put(&self, group: &mut Group, ids: Vec<String>) {
        let mut alerts = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(known) = self.incidents.get(&id) else { continue };
            let before = group.members.get(&id).copied().flatten().map(|told| told.phase);
            alerts.push(Alert::of(&known.incident, before, group.repeats));
            match known.incident.phase() {
                Phase::Ended => {
                    group.members.remove(&id);
                }
                phase => {
                    group.members.insert(id, Some(Told { phase, at: self.now }));
                }
            }
        }
        let (receiver, route) = (group.receiver.clone(), group.route.clone());
        let key = key(&receiver, &route, &alerts);
        group.notice = Some(Notice { key, receiver, route, group: group.common.clone(), at: self.now, alerts });
        group.told = Some(self.now);
        group.changed = None;
    }

    /// Whether an incident that was told like this stays in its group.
    fn is_to_be_kept(&self, id: &str, told: Option<Told>) -> bool {
        let Some(known) = self.incidents.get(id) else { return false };
        let Some((end, _)) = known.incident.end else { return true };
        match told {
            Some(_) => self.route.is_end_told || self.resend_ms.is_some(),
            // What began and was over while nobody was to be told is told to nobody, also where it is seen only now.
            None => !self.is_damped(&known.incident) && !self.quiet.was(&known.incident.subject, end),
        }
    }

    /// Whether an incident that was told is told again while it lasts.
    fn is_to_be_repeated(&self, id: &str, known: &Known) -> bool {
        // Who repeats by itself takes what is not sent again for over.
        let is_taken = self.resend_ms.is_none() && self.taken.contains_key(id);
        known.incident.end.is_none() && !is_taken && !self.quiet.is_now(&known.incident.subject)
    }

    /// An incident of which there is something to tell to who was told this.
    fn news(&self, id: &str, told: Option<Told>) -> Option<&Known> {
        let known = self.incidents.get(id)?;
        let is_news = told.is_none_or(|told| told.phase != known.incident.phase());
        let is_held_back = || self.is_damped(&known.incident) || self.quiet.is_now(&known.incident.subject);
        (is_news && !is_held_back()).then_some(known)
    }

    /// Whether nobody is to be told of an incident, at least for now.
    fn is_damped(&self, incident: &Incident) -> bool {
        self.resend_ms.is_none()
            && incident.kind != AlertKind::Flapping
            && self.damped.contains(incident.subject.as_str())
    }
}

/// What an incident has in common with the others of its group.
fn common(route: &Route, incident: &Incident) -> BTreeMap<String, String> {
    let value = |by: &GroupBy| match by {
        GroupBy::Antenna => ("antenna".to_owned(), incident.subject.clone()),
        GroupBy::Kind => ("kind".to_owned(), incident.kind.to_string()),
        GroupBy::Severity => ("severity".to_owned(), incident.severity().to_string()),
    };
    route.group_by.iter().map(value).collect()
}

/// The key of a notice follows from what is in it: whoever decides the same after a crash sends the same.
fn key(receiver: &str, route: &str, alerts: &[Alert]) -> String {
    let mut text = format!("{receiver}\n{route}\n");
    for alert in alerts {
        text.push_str(&alert.key);
        text.push('\n');
    }
    hexadecimal(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::api::{NewAcknowledgement, NewMute};

    use super::*;
    use crate::alerts::maintenance::Span;
    use crate::alerts::orders::Order;

    const FILE: &str = "
        [[receiver]]
        name = \"a\"
        type = \"webhook\"
        url = \"http://localhost/\"
        [[receiver]]
        name = \"b\"
        type = \"slack\"
        url = \"http://localhost/\"
        [[route]]
        receivers = [\"a\", \"b\"]
        group_by = [\"kind\"]
        group_wait = \"2s\"
        group_interval = \"5s\"
        repeat = \"1m\"
        damping = false
    ";

    /// What happens at a moment.
    #[derive(Debug, Clone)]
    enum Step {
        /// Trouble of an antenna begins.
        Begin(u8),
        /// It gets worse.
        Worsen(u8),
        /// It ends.
        End(u8),
        /// So many milliseconds pass.
        Wait(u16),
        /// A receiver takes what waits for it, and that is committed or not.
        Take(bool),
        /// The process is killed, and another one goes on from what was committed.
        Kill,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..6_u8).prop_map(Step::Begin),
            (0..6_u8).prop_map(Step::Worsen),
            (0..6_u8).prop_map(Step::End),
            (0..9_000_u16).prop_map(Step::Wait),
            any::<bool>().prop_map(Step::Take),
            Just(Step::Kill),
        ];
        prop::collection::vec(step, 1..80)
    }

    /// The network, as it is committed.
    #[derive(Debug, Default)]
    struct World {
        open: BTreeMap<u8, Incident>,
        ended: Vec<Incident>,
    }

    impl World {
        /// What happens to the network, or to time.
        fn pass(&mut self, step: Step, now: &mut UnixMillis) {
            match step {
                Step::Begin(antenna) => {
                    now.0 += 1;
                    let begun = Incident::begun(&antenna.to_string(), AlertKind::Degraded, *now);
                    self.open.entry(antenna).or_insert(begun);
                }
                Step::Worsen(antenna) => {
                    if let Some(open) = self.open.get_mut(&antenna) {
                        open.kind = AlertKind::Down;
                    }
                }
                Step::End(antenna) => {
                    if let Some(open) = self.open.remove(&antenna) {
                        now.0 += 1;
                        self.ended.push(Incident { end: Some((*now, AlertEnding::Recovered)), ..open });
                    }
                }
                Step::Wait(ms) => now.0 += i64::from(ms),
                Step::Take(_) | Step::Kill => unreachable!("they happen to the process"),
            }
        }

        /// All that lasts is over.
        fn end_all(&mut self, now: UnixMillis) {
            for open in std::mem::take(&mut self.open).into_values() {
                self.ended.push(Incident { end: Some((now, AlertEnding::Recovered)), ..open });
            }
        }

        fn seen(&self, state: &State) -> Seen {
            let stream = || "s".to_owned();
            let count = self.ended.len() as u64;
            let known = state.cursors.get("s").copied().unwrap_or(count);
            let new = self.ended.iter().skip(usize::try_from(known).expect("few"));
            Seen {
                open: self.open.values().map(|it| (stream(), it.clone())).collect(),
                ended: new.map(|it| (stream(), it.clone())).collect(),
                cursors: BTreeMap::from([(stream(), count)]),
                ..Seen::default()
            }
        }
    }

    /// What receivers got: the phases of each incident in order, and under which keys each alert came.
    #[derive(Debug, Default)]
    struct Mailbox {
        phases: BTreeMap<(String, String), Vec<String>>,
        keys: BTreeMap<(String, String), BTreeSet<String>>,
    }

    impl Mailbox {
        fn take(&mut self, notice: &Notice) {
            for alert in &notice.alerts {
                let keys = self.keys.entry((notice.receiver.clone(), alert.key.clone())).or_default();
                if keys.insert(notice.key.clone()) {
                    let of = (notice.receiver.clone(), alert.incident.clone());
                    self.phases.entry(of).or_default().push(alert.phase.clone());
                }
            }
        }
    }

    fn deliver(state: &mut State, now: UnixMillis, mailbox: &mut Mailbox) {
        let waiting: Vec<(String, Notice)> =
            state.waiting().into_iter().map(|(group, notice)| (group.clone(), notice.clone())).collect();
        for (group, notice) in waiting {
            mailbox.take(&notice);
            state.delivered(now, &group, &notice.key, 1, &Outcome::Sent);
        }
    }

    const BEGINNING: i64 = 1_700_000_000_000;

    /// In which nobody is told of the antennas 0 to 2.
    const WINDOW: Span = Span { start: UnixMillis(BEGINNING + 10_000), end: UnixMillis(BEGINNING + 40_000) };

    fn is_maintained(subject: &str) -> bool {
        ["0", "1", "2"].contains(&subject)
    }

    proptest! {
        /// In maintenance nothing is told of its antennas. What was told before is told to its end behind it, what lasts is told then, and what
        /// began and was over in it is told to nobody; all others are told of as ever.
        #[test]
        fn nobody_is_told_in_maintenance_and_of_what_lasts_behind_it(steps in steps()) {
            let maintenance = format!(
                "{FILE}
                [[maintenance]]
                name = \"works\"
                antennas = [\"0\", \"1\", \"2\"]
                start = {}
                end = {}",
                WINDOW.start, WINDOW.end
            );
            let alerting = Alerting::parse(&maintenance).expect("a good file");
            let (mut world, mut mailbox, mut now) = (World::default(), Mailbox::default(), UnixMillis(BEGINNING));
            let mut state = State::default();
            state.take(now, world.seen(&State::default()), 1_000);
            let turn = |state: &mut State, now: UnixMillis, world: &World| {
                let seen = world.seen(state);
                state.take(now, seen, 1_000);
                state.step(now, &alerting);
                let made = state.waiting().into_iter().filter(|(_, notice)| notice.at == now);
                let subjects: Vec<&str> =
                    made.flat_map(|(_, notice)| &notice.alerts).map(|alert| alert.antenna_id.as_str()).collect();
                !WINDOW.holds(now) || !subjects.into_iter().any(is_maintained)
            };
            for step in steps {
                match step {
                    Step::Take(_) | Step::Kill => deliver(&mut state, now, &mut mailbox),
                    step => world.pass(step, &mut now),
                }
                prop_assert!(turn(&mut state, now, &world), "told in maintenance: {:?}", state);
            }
            now = now.max(WINDOW.end);
            for _ in 0..4 {
                turn(&mut state, now, &world);
                deliver(&mut state, now, &mut mailbox);
                now.0 += 10_000;
            }
            let phases = |mailbox: &Mailbox, incident: &Incident| {
                mailbox.phases.get(&("a".to_owned(), incident.id())).cloned().unwrap_or_default()
            };
            for open in world.open.values() {
                prop_assert!(phases(&mailbox, open).last().is_some_and(|last| last != "ended"), "{:?}", open);
            }
            world.end_all(now);
            for _ in 0..4 {
                turn(&mut state, now, &world);
                deliver(&mut state, now, &mut mailbox);
                now.0 += 10_000;
            }
            for incident in &world.ended {
                let told = phases(&mailbox, incident);
                let is_in = |at: UnixMillis| is_maintained(&incident.subject) && WINDOW.holds(at);
                let ends_in = incident.end.is_some_and(|(end, _)| is_in(end));
                if ends_in && is_in(incident.start) {
                    prop_assert!(told.is_empty(), "{:?} {:?}", incident, told);
                } else {
                    let is_whole = told.last().map(String::as_str) == Some("ended");
                    prop_assert!(is_whole || (ends_in && told.is_empty()), "{:?} {:?}", incident, told);
                }
            }
            prop_assert!(state.waiting().is_empty() && state.incidents.is_empty(), "{:?}", state);
        }

        /// Whatever happens, each receiver is told of each incident that there was, in order and up to its end, and of nothing under
        /// two keys.
        #[test]
        fn every_receiver_is_told_of_every_incident_in_order_through_any_crash(steps in steps()) {
            let alerting = Alerting::parse(FILE).expect("a good file");
            let (mut world, mut mailbox, mut now) = (World::default(), Mailbox::default(), UnixMillis(BEGINNING));
            let mut state = State::default();
            state.take(now, world.seen(&State::default()), 1_000);
            let mut committed = state.encode().expect("JSON");
            let turn = |state: &mut State, now: UnixMillis, world: &World| {
                let seen = world.seen(state);
                state.take(now, seen, 1_000);
                state.step(now, &alerting);
                state.encode().expect("JSON")
            };
            for step in steps {
                match step {
                    // What is sent is what was committed.
                    Step::Take(is_committed) => {
                        let mut sent = State::decode(&committed).expect("a state");
                        deliver(&mut sent, now, &mut mailbox);
                        state = sent;
                        if is_committed { committed = state.encode().expect("JSON"); }
                        continue;
                    }
                    Step::Kill => state = State::decode(&committed).expect("a state"),
                    step => world.pass(step, &mut now),
                }
                committed = turn(&mut state, now, &world);
            }
            world.end_all(now);
            for _ in 0..4 {
                turn(&mut state, now, &world);
                deliver(&mut state, now, &mut mailbox);
                now.0 += 10_000;
            }
            for receiver in ["a", "b"] {
                for incident in &world.ended {
                    let phases = mailbox.phases.get(&(receiver.to_owned(), incident.id())).cloned().unwrap_or_default();
                    let rank = |phase: &String| ["began", "lasts", "worse", "ended"].iter().position(|it| it == phase);
                    prop_assert_eq!(phases.last().map(String::as_str), Some("ended"), "{} {:?}", incident.id(), phases);
                    let once = phases.iter().filter(|phase| *phase != "lasts");
                    let ranks: Vec<_> = once.map(rank).collect();
                    prop_assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", phases);
                }
            }
            let told: BTreeSet<&String> = mailbox.phases.keys().map(|(_, incident)| incident).collect();
            prop_assert_eq!(told.len(), world.ended.len());
            prop_assert!(mailbox.keys.values().all(|keys| keys.len() == 1), "{:?}", mailbox.keys);
            prop_assert!(state.waiting().is_empty() && state.incidents.is_empty(), "{:?}", state);
        }
    }

    /// A degraded antenna "1", looked at every second for so long, told to receivers that take everything at once. Gives the phases that
    /// `a` is told, each with the second.
    fn told_of_one(state: &mut State, now: &mut UnixMillis, seconds: u32, incident: &Incident) -> Vec<(i64, String)> {
        let alerting = Alerting::parse(FILE).expect("a good file");
        let mut told = Vec::new();
        for turn in 0..seconds {
            let mut seen = Seen::default();
            match incident.end {
                None => seen.open.push(("s".to_owned(), incident.clone())),
                // That it ended is seen once.
                Some(_) if turn == 0 => seen.ended.push(("s".to_owned(), incident.clone())),
                Some(_) => {}
            }
            state.take(*now, seen, 1_000);
            state.step(*now, &alerting);
            let second = (now.0 - BEGINNING) / 1_000;
            let new = state.waiting().into_iter().filter(|(_, notice)| notice.receiver == "a");
            told.extend(new.flat_map(|(_, it)| &it.alerts).map(|alert| (second, alert.phase.clone())));
            deliver(state, *now, &mut Mailbox::default());
            now.0 += 1_000;
        }
        told
    }

    fn phases(told: &[(i64, String)]) -> Vec<(i64, &str)> {
        told.iter().map(|(second, phase)| (*second, phase.as_str())).collect()
    }

    #[test]
    fn what_is_acknowledged_is_not_repeated_and_its_end_is_told() {
        let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
        let mut incident = Incident::begun("1", AlertKind::Degraded, now);
        let told = told_of_one(&mut state, &mut now, 100, &incident);
        assert_eq!(phases(&told), [(2, "began"), (62, "lasts")]);
        let (note, by) = ("mine".to_owned(), "ana".to_owned());
        let order = Order::Acknowledge(NewAcknowledgement { incident: incident.id(), note, by });
        state.carry_out(now, &order).expect("it lasts");
        assert_eq!(told_of_one(&mut state, &mut now, 200, &incident), []);
        incident.kind = AlertKind::Down;
        assert_eq!(phases(&told_of_one(&mut state, &mut now, 100, &incident)), [(300, "worse")]);
        let unacknowledge = Order::Unacknowledge { incident: incident.id(), by: "eva".to_owned() };
        state.carry_out(now, &unacknowledge).expect("it was");
        assert_eq!(phases(&told_of_one(&mut state, &mut now, 10, &incident)), [(400, "lasts")]);
        state.carry_out(now, &order).expect("it lasts");
        incident.end = Some((now, AlertEnding::Recovered));
        assert_eq!(phases(&told_of_one(&mut state, &mut now, 10, &incident)), [(410, "ended")]);
        assert!(state.acknowledgements.contains_key(&incident.id()) && !state.is_open(&incident.id()));
    }

    #[test]
    fn a_mute_ends_by_itself_and_what_lasts_is_told_then() {
        let (mut state, mut now) = (State::default(), UnixMillis(BEGINNING));
        let mute = |until_s: i64| NewMute {
            antennas: "?".to_owned(),
            until: UnixMillis(BEGINNING + until_s * 1_000),
            reason: "works".to_owned(),
            by: "ana".to_owned(),
        };
        state.carry_out(now, &Order::Mute(mute(50))).expect("a mute");
        let incident = Incident::begun("1", AlertKind::Degraded, now);
        assert_eq!(phases(&told_of_one(&mut state, &mut now, 60, &incident)), [(52, "began")]);
        // What ends while it is muted was told before, and is told to its end behind that.
        state.carry_out(now, &Order::Mute(mute(80))).expect("a mute");
        let ended = Incident { end: Some((now, AlertEnding::Recovered)), ..incident };
        assert_eq!(phases(&told_of_one(&mut state, &mut now, 60, &ended)), [(80, "ended")]);
        // What begins and ends while it is muted is told to nobody, also if it is seen only behind that.
        let start = UnixMillis(BEGINNING + 70_000);
        let passed = Incident { end: Some((UnixMillis(start.0 + 5_000), AlertEnding::Recovered)), start, ..ended };
        assert_eq!(told_of_one(&mut state, &mut now, 10, &passed), []);
    }
}
