//! What is decided: which incidents go to which groups, and when a group is told. Pure: the time and what was seen are given.
//!
//! Of a group one notice is under way at a time, and holds what changed since the one before. So a receiver is told of an incident in
//! order, and one that is away for an hour is told once then, of all that it missed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ring::digest::{SHA256, digest};
use shared::UnixMillis;
use shared::api::{Acknowledgement, AlertDelivery, AlertEnding, AlertKind, DeliveryStatus, MAX_DELIVERIES};

use super::antennas::{About, Antennas};
use super::file::{Alerting, GroupBy, Limit, Receiver, Route, Way};
use super::incident::{Incident, Phase};
use super::message::{Alert, Notice};
use super::quiet::Quiet;
use super::sites::{self, Change, Sizing};
use super::state::{Group, Known, Said, State, Told};
use super::upstream;
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    /// The share of antennas that are down or silent.
    pub down_share: Option<f64>,
    /// When a reading was merged last, or when this began to be known.
    pub last_reading: Option<UnixMillis>,
    /// The success rates that rules are about, from 0 to 1, by the rule's name. One that is not there is not known.
    pub success_rates: BTreeMap<String, f64>,
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
            is_changed |= self.note(now, stream, incident);
        }
        for (stream, incident) in seen.ended {
            is_changed |= self.note(now, stream, incident);
        }
        self.flap(now, flapping_changes) | is_changed
    }

    /// Takes note of an incident as it is.
    fn note(&mut self, now: UnixMillis, stream: String, incident: Incident) -> bool {
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
            self.incidents.insert(id, Known::new(incident, stream, now));
            return true;
        };
        if known.incident.end.is_some() {
            return false;
        }
        let stands_as_before = known.incident.phase() == incident.phase();
        if !stands_as_before {
            known.stands_since = Some(now);
        }
        let is_changed = !stands_as_before || known.stream != stream;
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
                let known = Known::new(incident, String::new(), now);
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

    /// Takes note of a success rate of an incident that lasts; tells whether none was lower.
    fn worsen(&mut self, id: &str, rate: Option<f64>) -> bool {
        let Some((known, rate)) = self.incidents.get_mut(id).zip(rate) else { return false };
        let is_lower = known.incident.worst_success_rate.is_none_or(|worst| rate < worst);
        if is_lower {
            known.incident.worst_success_rate = Some(rate);
        }
        is_lower
    }

    /// Judges the rules of the whole network; tells whether anything is to be committed for it.
    pub fn judge(&mut self, now: UnixMillis, alerting: &Alerting, network: &Network) -> bool {
        let mut is_changed = false;
        let lasting = self.open_of(AlertKind::Network);
        for rule in &alerting.rules {
            let rate = network.success_rates.get(&rule.name).copied();
            let is_beyond = match &rule.limit {
                Limit::DownShareAbove(limit) => network.down_share.map(|share| share > *limit),
                Limit::NoReadingsMs(limit_ms) => network.last_reading.map(|last| now.0 - last.0 >= *limit_ms),
                Limit::SuccessRateBelow(limit) => rate.map(|rate| rate < limit.rate),
            };
            match is_beyond {
                Some(true) => {
                    is_changed |= !self.rules.contains_key(&rule.name);
                    let since = *self.rules.entry(rule.name.clone()).or_insert(now);
                    if let Some(id) = lasting.get(&rule.name) {
                        is_changed |= self.worsen(id, rate);
                    } else if now.0 - since.0 >= rule.hold_ms {
                        let begun = Incident::begun(&rule.name, AlertKind::Network, since);
                        let incident = Incident { worst_success_rate: rate, ..begun };
                        let about = Some(About { site: rule.site().cloned(), ..About::default() });
                        let known = Known { about, ..Known::new(incident, String::new(), now) };
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
    pub fn step(&mut self, now: UnixMillis, alerting: &Alerting, antennas: &Antennas, sizing: Sizing<'_>) -> bool {
        let groups = self.groups.len();
        self.groups.retain(|_, group| {
            alerting.receivers.contains_key(&group.receiver) && alerting.route(&group.route).is_some()
        });
        let mut is_changed = self.groups.len() != groups;
        is_changed |= self.describe(antennas);
        is_changed |= upstream::judge(&mut self.incidents, antennas, now);
        is_changed |= self.judge_sites(now, alerting, antennas, sizing);
        is_changed |= self.assign(now, alerting);
        is_changed |= sites::judge(&mut self.incidents, antennas, now);
        let flapping: BTreeMap<String, String> = self.open_of(AlertKind::Flapping);
        let said = Said { mutes: &self.mutes, planned: &self.planned };
        let quiet = Quiet::new(now, alerting, said, antennas);
        let behind = upstream::count(self.incidents.values());
        let at_sites = sites::count(self.incidents.values());
        for group in self.groups.values_mut() {
            let Some((route, receiver)) = alerting.route(&group.route).zip(alerting.receivers.get(&group.receiver))
            else {
                continue;
            };
            let damped: BTreeSet<&str> = if route.is_damped {
                let is_told = |id: &&String| self.incidents.get(*id).is_some_and(|it| it.is_for(&route.matcher));
                flapping.iter().filter(|(_, id)| is_told(id)).map(|(subject, _)| subject.as_str()).collect()
            } else {
                BTreeSet::new()
            };
            let resend_ms = if let Way::Alertmanager { resend_ms, .. } = receiver.way { Some(resend_ms) } else { None };
            let due = Due {
                now,
                route,
                receiver,
                resend_ms,
                incidents: &self.incidents,
                damped: &damped,
                quiet: &quiet,
                antennas,
                behind: &behind,
                at_sites: &at_sites,
                taken: &self.acknowledgements,
            };
            is_changed |= due.tell(group);
        }
        if is_changed {
            self.forget(now, alerting);
        }
        is_changed
    }

    /// Begins and ends the incidents of sites.
    fn judge_sites(&mut self, now: UnixMillis, alerting: &Alerting, antennas: &Antennas, sizing: Sizing<'_>) -> bool {
        let quiet = Quiet::new(now, alerting, self.said(), antennas);
        let troubles = sites::Troubles::of(&self.incidents, antennas, &quiet);
        let wanted = troubles.wanted();
        let sizes = if wanted.is_empty() { None } else { sizing(&wanted) };
        let mut is_changed = false;
        for change in sizes.map(|sizes| troubles.changes(&sizes)).unwrap_or_default() {
            is_changed |= match change {
                Change::Begin(site, at) => {
                    let known = Known::new(Incident::begun(&site, AlertKind::Site, at), String::new(), now);
                    let about = Some(antennas.about(&known.incident));
                    let id = known.incident.id();
                    let is_new = !self.incidents.contains_key(&id) && self.incidents.len() < KNOWN_MAX;
                    is_new && self.incidents.insert(id, Known { about, ..known }).is_none()
                }
                Change::End(id, by) => self.end(&id, now, by),
            };
        }
        is_changed
    }

    /// Takes note of what the registry says of incidents that are new.
    fn describe(&mut self, antennas: &Antennas) -> bool {
        let mut is_changed = false;
        for known in self.incidents.values_mut().filter(|known| known.about.is_none()) {
            known.about = Some(antennas.about(&known.incident));
            is_changed = true;
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
                if !known.is_for(&route.matcher) {
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
                    let common = if is_grouped_elsewhere { BTreeMap::new() } else { common(route, known) };
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
    receiver: &'a Receiver,
    /// Of a receiver that groups and repeats by itself: how often it wants to hear of what lasts.
    resend_ms: Option<i64>,
    incidents: &'a BTreeMap<String, Known>,
    /// Antennas that are told as flapping alone.
    damped: &'a BTreeSet<&'a str>,
    quiet: &'a Quiet<'a>,
    antennas: &'a Antennas,
    /// How many antennas are told with one that is down in front of them.
    behind: &'a HashMap<&'a str, u64>,
    /// How many are told with their site.
    at_sites: &'a HashMap<&'a str, u64>,
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
        news.retain(|known| !self.is_too_new(known));
        if news.is_empty() {
            return self.repeat(group) | is_changed | had_none;
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
            let behind = match known.incident.kind {
                AlertKind::Network => None,
                AlertKind::Site => self.at_sites.get(known.incident.subject.as_str()),
                _ => self.behind.get(known.incident.subject.as_str()),
            };
            alerts.push(Alert::of(known, before, group.repeats, behind.copied().unwrap_or_default()));
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
        let Some((end, by)) = known.incident.end else { return true };
        match told {
            Some(_) => self.route.is_end_told || self.resend_ms.is_some(),
            // What was over with the antenna in front of it, or with its site, is told to nobody.
            None if known.unreachable.is_some() || self.is_with_site(known) => false,
            // It was another trouble than was thought for a moment.
            None if known.incident.kind == AlertKind::Site && by == AlertEnding::Withdrawn => false,
            // What began and was over while nobody was to be told is told to nobody, also where it is seen only now.
            None => !self.is_damped(&known.incident) && !self.quiet.was(&known.incident, end),
        }
    }

    /// Whether an incident that was told is told again while it lasts.
    fn is_to_be_repeated(&self, id: &str, known: &Known) -> bool {
        // Who repeats by itself takes what is not sent again for over.
        let is_taken = self.resend_ms.is_none() && self.taken.contains_key(id);
        known.incident.end.is_none()
            && !is_taken
            && !self.is_told_with_another(known)
            && !self.quiet.is_now(&known.incident)
    }

    /// An incident of which there is something to tell to who was told this.
    fn news(&self, id: &str, told: Option<Told>) -> Option<&Known> {
        let known = self.incidents.get(id)?;
        let is_news = told.is_none_or(|told| told.phase != known.incident.phase());
        let is_held_back = || {
            self.is_told_with_another(known) || self.is_damped(&known.incident) || self.quiet.is_now(&known.incident)
        };
        (is_news && !is_held_back()).then_some(known)
    }

    /// Whether it lasts and is not told by itself, but with the antenna in front of its own or with its site.
    fn is_told_with_another(&self, known: &Known) -> bool {
        known.is_unreachable() || (known.incident.end.is_none() && self.is_with_site(known))
    }

    /// Whether this receiver is told of its site in its place.
    fn is_with_site(&self, known: &Known) -> bool {
        let is_this =
            |(receiver, route): &(String, String)| *receiver == self.receiver.name && *route == self.route.name;
        known.with_site.as_ref().is_some_and(|with| with.lanes.iter().any(is_this))
    }

    /// Whether an incident waits by itself, also where its group does not: that the antenna in front of its own is down, or that its site is, may
    /// be seen a moment later.
    fn is_too_new(&self, known: &Known) -> bool {
        let has_parent = || {
            let of_antenna = self.antennas.of_incident(&known.incident);
            known.incident.kind == AlertKind::Site
                || of_antenna.is_some_and(|it| it.parent.is_some() || it.site.is_some())
        };
        let is_new = known.stands_since.is_some_and(|since| self.now.0 - since.0 < self.route.group_wait_ms);
        is_new && known.incident.end.is_none() && has_parent()
    }

    /// Whether nobody is to be told of an incident, at least for now.
    fn is_damped(&self, incident: &Incident) -> bool {
        self.resend_ms.is_none()
            && incident.kind != AlertKind::Flapping
            && self.damped.contains(incident.subject.as_str())
    }
}

/// What an incident has in common with the others of its group.
fn common(route: &Route, known: &Known) -> BTreeMap<String, String> {
    let incident = &known.incident;
    let value = |by: &GroupBy| match by {
        GroupBy::Antenna => ("antenna".to_owned(), incident.subject.clone()),
        GroupBy::Kind => ("kind".to_owned(), incident.kind.to_string()),
        GroupBy::Severity => ("severity".to_owned(), incident.severity().to_string()),
        GroupBy::Site => ("site".to_owned(), known.about().site.clone().unwrap_or_default()),
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
mod tests;
