//! What a receiver is told at a time: the document that a webhook gets and that templates are given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::{AlertEnding, AlertKind, AlertSeverity};

use super::antennas::About;
use super::incident::{Incident, Phase};
use super::state::Known;

/// An incident, as a receiver is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The incident, how it stands, and how often it was repeated: whoever gets it twice knows by this.
    pub key: String,
    /// The incident: the same for everything that happens to it.
    pub incident: String,
    /// `began`, `worse`, `lasts` (as it was told before) or `ended`.
    pub phase: String,
    /// What is wrong.
    pub kind: AlertKind,
    /// How much it matters.
    pub severity: AlertSeverity,
    /// The antenna's id, the site, or the name of a rule of the whole network.
    pub antenna_id: String,
    /// What people call the antenna; `null` where they do not.
    #[serde(default)]
    pub name: Option<String>,
    /// The site that it is at; `null` where it is at none.
    #[serde(default)]
    pub site: Option<String>,
    /// What else the registry says of it, by key.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Antennas that are behind it, or at the site, and in trouble, of which nobody is told by itself.
    #[serde(default)]
    pub behind: u64,
    /// When it began.
    pub start: UnixMillis,
    /// When it ended; `null` while it lasts.
    pub end: Option<UnixMillis>,
    /// How it ended; `null` while it lasts.
    pub ended_by: Option<AlertEnding>,
    /// Packets sent in it.
    pub packets_sent: u64,
    /// Packets lost in it.
    pub packets_lost: u64,
    /// The lowest success rate, from 0 to 1.
    pub worst_success_rate: Option<f64>,
    /// The highest mean latency in milliseconds.
    pub worst_latency_ms: Option<f64>,
}

impl Alert {
    /// What is told of an incident as it is now, of its antenna and of how many are behind it, to who was told `before` that it stood
    /// otherwise, or was told the same so many times before.
    #[must_use]
    pub fn of(known: &Known, before: Option<Phase>, repeats: u64, behind: u64) -> Self {
        let (incident, about) = (&known.incident, known.about());
        let now = incident.phase();
        let phase = match (before, now) {
            (_, Phase::Ended) => "ended",
            (None, Phase::Open(_)) => "began",
            (Some(before), now) if before == now => "lasts",
            (Some(_), Phase::Open(_)) => "worse",
        };
        let id = incident.id();
        let again = if phase == "lasts" { format!(":{repeats}") } else { String::new() };
        Self {
            key: format!("{id}:{}{again}", now.as_str()),
            incident: id,
            phase: phase.to_owned(),
            kind: incident.kind,
            severity: incident.severity(),
            antenna_id: incident.subject.clone(),
            name: about.name.clone(),
            site: about.site.clone(),
            labels: about.labels.clone(),
            behind,
            start: incident.start,
            end: incident.end.map(|(end, _)| end),
            ended_by: incident.end.map(|(_, by)| by),
            packets_sent: incident.packets_sent,
            packets_lost: incident.packets_lost,
            worst_success_rate: incident.worst_success_rate,
            worst_latency_ms: incident.worst_latency_ms,
        }
    }

    /// `, and 12 antennas behind it`, where there are any.
    #[must_use]
    pub fn and_behind(&self) -> String {
        let place = if self.kind == AlertKind::Site { "there" } else { "behind it" };
        match self.behind {
            0 => String::new(),
            1 => format!(", and 1 antenna {place}"),
            many => format!(", and {many} antennas {place}"),
        }
    }

    fn is_open(&self) -> bool {
        self.end.is_none()
    }
}

/// What a receiver is told at a time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// Grows when fields change their meaning.
    pub version: u32,
    /// The same for every attempt at this message, and for no other message.
    pub key: String,
    /// The receiver's name.
    pub receiver: String,
    /// The route's name.
    pub route: String,
    /// What all incidents in it have in common.
    pub group: BTreeMap<String, String>,
    /// When it was made.
    pub at: UnixMillis,
    /// A line about all of it.
    pub title: String,
    /// Incidents in it.
    pub total: usize,
    /// Those of them that last.
    pub open: usize,
    /// Those of them that are over.
    pub ended: usize,
    /// How many there are of each kind, as text.
    pub counts: String,
    /// Antennas that are in trouble behind those of them, of which nobody is told by itself.
    pub behind: u64,
    /// How many of them `alerts` leaves out.
    pub more: usize,
    /// The incidents, in the order in which they began.
    pub alerts: Vec<Alert>,
}

/// Who is told what, when it was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// See [`Message::key`].
    pub key: String,
    /// The receiver's name.
    pub receiver: String,
    /// The route's name.
    pub route: String,
    /// What all incidents in it have in common.
    pub group: BTreeMap<String, String>,
    /// When it was made.
    pub at: UnixMillis,
    /// The incidents.
    pub alerts: Vec<Alert>,
}

impl Notice {
    /// As a message that names so many incidents.
    #[must_use]
    pub fn message(&self, named_max: usize) -> Message {
        let open = self.alerts.iter().filter(|alert| alert.is_open()).count();
        let mut counts: BTreeMap<(bool, AlertKind), usize> = BTreeMap::new();
        for alert in &self.alerts {
            *counts.entry((!alert.is_open(), alert.kind)).or_default() += 1;
        }
        let counts = counts.into_iter().map(|((has_ended, kind), count)| {
            let over = if has_ended { " over" } else { "" };
            format!("{count} {kind}{over}")
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let group: Vec<&str> = self.group.values().map(String::as_str).filter(|value| !value.is_empty()).collect();
        let of_group = if group.is_empty() { String::new() } else { format!(" ({})", group.join(", ")) };
        // An antenna may be both silent and down.
        let behind: BTreeMap<&str, u64> =
            self.alerts.iter().map(|alert| (alert.antenna_id.as_str(), alert.behind)).collect();
        let behind: u64 = behind.values().sum();
        let and_behind = if behind > 0 { format!(", and {behind} behind") } else { String::new() };
        Message {
            version: 1,
            key: self.key.clone(),
            receiver: self.receiver.clone(),
            route: self.route.clone(),
            group: self.group.clone(),
            at: self.at,
            title: format!("{counts}{and_behind}{of_group}"),
            total: self.alerts.len(),
            open,
            ended: self.alerts.len() - open,
            counts,
            behind,
            more: self.alerts.len().saturating_sub(named_max),
            alerts: self.alerts.iter().take(named_max).cloned().collect(),
        }
    }
}

impl Message {
    /// What stands for any message where a template is tried, and where a receiver is.
    #[must_use]
    pub fn example() -> Self {
        Notice::example("test", "test", UnixMillis(1_700_000_000_000)).message(20)
    }
}

impl Notice {
    /// An example: an antenna that was down, and is not any more.
    #[must_use]
    pub fn example(receiver: &str, key: &str, at: UnixMillis) -> Self {
        let start = UnixMillis(at.0 - 60_000);
        let incident = Incident {
            end: Some((at, AlertEnding::Recovered)),
            packets_sent: 100,
            packets_lost: 100,
            worst_success_rate: Some(0.0),
            ..Incident::begun("this-is-a-test", AlertKind::Down, start)
        };
        let group = BTreeMap::from([("kind".to_owned(), "down".to_owned())]);
        let (name, site) = (Some("A test".to_owned()), Some("test".to_owned()));
        let about = Some(About { name, site, labels: BTreeMap::new() });
        let known = Known { about, ..Known::new(incident, String::new(), at) };
        let alerts = vec![Alert::of(&known, None, 0, 0)];
        let (receiver, route) = (receiver.to_owned(), "test".to_owned());
        Self { key: key.to_owned(), receiver, route, group, at, alerts }
    }
}
