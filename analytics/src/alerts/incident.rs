//! What receivers are told of: an incident as it is now.

use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::{AlertEnding, AlertKind, AlertSeverity, incident_id};

/// An incident as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The antenna's id, the site, or the name of a rule of the whole network.
    pub subject: String,
    /// The worst that it came to.
    pub kind: AlertKind,
    /// When it began.
    pub start: UnixMillis,
    /// When and how it ended; `None` while it lasts.
    pub end: Option<(UnixMillis, AlertEnding)>,
    /// Packets sent in it.
    pub packets_sent: u64,
    /// Packets lost in it.
    pub packets_lost: u64,
    /// The lowest success rate, from 0 to 1.
    pub worst_success_rate: Option<f64>,
    /// The highest mean latency in milliseconds.
    pub worst_latency_ms: Option<f64>,
}

/// How an incident stands, or stood when somebody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It lasts, and has come to this.
    Open(AlertKind),
    /// It is over.
    Ended,
}

impl Incident {
    /// Of nothing but a subject, a kind and a beginning.
    #[must_use]
    pub fn begun(subject: &str, kind: AlertKind, start: UnixMillis) -> Self {
        Self {
            subject: subject.to_owned(),
            kind,
            start,
            end: None,
            packets_sent: 0,
            packets_lost: 0,
            worst_success_rate: None,
            worst_latency_ms: None,
        }
    }

    /// What tells it from all others, and stays the same through everything that happens to it: also where it gets worse, is
    /// counted again after a crash, or moves to another partition.
    #[must_use]
    pub fn id(&self) -> String {
        let family = match self.kind {
            AlertKind::Degraded | AlertKind::Down => "trouble",
            AlertKind::Silent => "silence",
            AlertKind::Flapping => "flapping",
            AlertKind::Site => "site",
            AlertKind::Network => "network",
        };
        incident_id(family, self.start, &self.subject)
    }

    /// How it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.end {
            Some(_) => Phase::Ended,
            None => Phase::Open(self.kind),
        }
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> AlertSeverity {
        match self.kind {
            AlertKind::Down | AlertKind::Site | AlertKind::Network => AlertSeverity::Critical,
            AlertKind::Degraded | AlertKind::Silent | AlertKind::Flapping => AlertSeverity::Warning,
        }
    }
}

impl Phase {
    /// As it stands in the key of what is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open(kind) => kind.as_str(),
            Self::Ended => "ended",
        }
    }
}
