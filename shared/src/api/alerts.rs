//! `alerts`: who was told of which incidents, and what failed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Count, Request, request};
use super::{MaintenanceTimes, path};
use crate::spelled::spelled;
use crate::time::UnixMillis;

/// Deliveries if no limit is given.
pub const DEFAULT_DELIVERIES: usize = 50;

/// The most deliveries: as many as are kept.
pub const MAX_DELIVERIES: usize = 200;

request! {
    /// `GET /api/v1/alerts`.
    pub struct AlertsRequest {
        /// Only deliveries to this receiver.
        pub receiver: Option<String>,
        /// The most deliveries to return.
        pub limit: Count<DEFAULT_DELIVERIES, MAX_DELIVERIES>,
    }
}

impl Request for AlertsRequest {
    const PATH: &'static str = path::ALERTS;
    const MEANING: &'static str = "Who was told of which incidents, what failed and why, and how the receivers are.";
    type Answer = AlertPage;
}

spelled! {
    /// What is wrong, as receivers are told.
    pub enum AlertKind {
        /// The success rate is below, or the mean latency above, its threshold.
        Degraded = "degraded",
        /// All packets are lost.
        Down = "down",
        /// Nothing arrives.
        Silent = "silent",
        /// It begins and ends again and again.
        Flapping = "flapping",
        /// More than half of a site went down within a minute.
        Site = "site",
        /// A rule of the whole network.
        Network = "network",
    }
}

spelled! {
    /// How much it matters.
    pub enum AlertSeverity {
        /// It is to be looked at.
        Warning = "warning",
        /// It is to be looked at now.
        Critical = "critical",
    }
}

spelled! {
    /// Why an incident is over, as receivers are told.
    pub enum AlertEnding {
        /// It is well again.
        Recovered = "recovered",
        /// Nothing was heard for as long as is retained.
        Forgotten = "forgotten",
        /// It neither lasts nor is among those that ended: the broker went back, or the antenna reports to another stream.
        Withdrawn = "withdrawn",
    }
}

spelled! {
    /// By what a receiver is told.
    pub enum ReceiverType {
        /// JSON that is signed.
        Webhook = "webhook",
        /// Prometheus' Alertmanager.
        Alertmanager = "alertmanager",
        /// An incoming webhook of Slack, or of what understands the same.
        Slack = "slack",
        /// A workflow of Microsoft Teams.
        Teams = "teams",
        /// E-mail.
        Email = "email",
    }
}

spelled! {
    /// What became of a delivery.
    pub enum DeliveryStatus {
        /// The receiver took it.
        Sent = "sent",
        /// It is on its way, or is tried again.
        Waiting = "waiting",
        /// The receiver refuses what it holds, so it is not tried again.
        Refused = "refused",
    }
}

/// `GET /api/v1/alerts`: who was told of which incidents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertPage {
    /// Whether anybody is to be told: whether `ALERTS_FILE` is set.
    pub enabled: bool,
    /// The receivers, by name.
    pub receivers: Vec<AlertReceiver>,
    /// Incidents that last, as far as alerts know.
    pub open: u64,
    /// Those of them that nobody is told of, by why.
    #[serde(default)]
    pub held: AlertHeld,
    /// Incidents that began or ended and that no receiver was told of, as there were too many at a time.
    pub dropped: u64,
    /// The newest deliveries, those that wait first, then newest first.
    pub deliveries: Vec<AlertDelivery>,
    /// The windows of maintenance in which it is now, then the next ones, in order. Windows that are over are left out.
    #[serde(default)]
    pub maintenance: Vec<AlertMaintenance>,
    /// Why the file that `ALERTS_FILE` names is not used as it is now; `null` where it is.
    pub reason: Option<String>,
    /// When this was known; `null` where nothing is.
    pub as_of: Option<UnixMillis>,
}

/// How many incidents that last nobody is told of. One for which there are several reasons counts by the first of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertHeld {
    /// In maintenance.
    pub maintenance: u64,
    /// By a mute.
    pub mute: u64,
    /// The registry says `muted` of the antenna.
    pub muted: u64,
    /// The antenna is behind one that is down, or came back less than a minute ago, and is counted where that one is told.
    pub unreachable: u64,
    /// The antenna's site went down, or came back less than a minute ago, and is told in its place.
    pub site: u64,
}

spelled! {
    /// Why nobody is told of an incident that lasts; of several reasons, the first.
    pub enum HeldBy {
        /// In maintenance.
        Maintenance = "maintenance",
        /// By a mute.
        Mute = "mute",
        /// The registry says `muted` of the antenna.
        Muted = "muted",
        /// The antenna is behind one that is down, or came back less than a minute ago.
        Unreachable = "unreachable",
        /// The antenna's site went down, or came back less than a minute ago, and is told in its place.
        Site = "site",
    }
}

impl AlertHeld {
    /// How many there are of each reason.
    #[must_use]
    pub fn of(reasons: impl IntoIterator<Item = HeldBy>) -> Self {
        let mut held = Self::default();
        for reason in reasons {
            *match reason {
                HeldBy::Maintenance => &mut held.maintenance,
                HeldBy::Mute => &mut held.mute,
                HeldBy::Muted => &mut held.muted,
                HeldBy::Unreachable => &mut held.unreachable,
                HeldBy::Site => &mut held.site,
            } += 1;
        }
        held
    }
}

/// A window of maintenance, in which nobody is told of some antennas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertMaintenance {
    /// Its name in the file; the reason, where somebody said it.
    pub name: String,
    /// Patterns of antennas' ids, and of names of rules of the network; none where it is of all.
    pub antennas: Vec<String>,
    /// Whether it is now, or else the next time that it will be.
    pub active: bool,
    /// When it began, or will.
    pub start: UnixMillis,
    /// When it will be over.
    pub end: UnixMillis,
    /// When it is in general: `start` and `end` where it is once, or `hours`, each of the `days` and the `time_zone`.
    #[serde(default)]
    pub when: MaintenanceTimes,
    /// The id of one that somebody said; `null` where it is of the file.
    #[serde(default)]
    pub id: Option<String>,
    /// When it was said; `null` where it is of the file.
    #[serde(default)]
    pub at: Option<UnixMillis>,
    /// Who said it; `null` where it is of the file.
    #[serde(default)]
    pub by: Option<String>,
}

/// A receiver, and how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertReceiver {
    /// Its name in the file.
    pub name: String,
    /// By what it is told.
    pub r#type: ReceiverType,
    /// Deliveries that it took.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries that it refused, and that are not tried again.
    pub refused: u64,
    /// Deliveries that wait.
    pub waiting: u64,
    /// For how long the oldest of them has, in seconds; `null` where none waits.
    pub oldest_waiting_seconds: Option<f64>,
    /// When it took a delivery last.
    pub last_sent: Option<UnixMillis>,
    /// Why the last attempt failed; `null` where it did not.
    pub reason: Option<String>,
}

/// Incidents that a receiver is told of together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertDelivery {
    /// Its idempotency key: the same however often it is tried.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// By which route.
    pub route: String,
    /// When it was made.
    pub at: UnixMillis,
    /// Incidents in it that last.
    pub open: u64,
    /// Incidents in it that are over.
    pub ended: u64,
    /// The subjects of the first of them.
    pub subjects: Vec<String>,
    /// What became of it.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u64,
    /// Why the last attempt failed; `null` where it did not.
    pub reason: Option<String>,
}
