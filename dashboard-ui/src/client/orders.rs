//! What somebody says of alerts, as analytics is told.

use std::time::Duration;

use reqwest::StatusCode;
use shared::api::{
    Acknowledgement, AuditAction, CancelRequest, ErrorBody, Maintenance, Mute, NewAcknowledgement, NewMaintenance,
    NewMute, NewNote, Note, UnacknowledgeRequest, UnmuteRequest, UnnoteRequest, path,
};

use super::{Client, ClientError};

/// Analytics answers once it is committed, or after five seconds.
const ORDER_TIMEOUT: Duration = Duration::from_secs(8);

/// What somebody says of alerts.
#[derive(Debug, Clone)]
pub enum Order {
    /// Nobody is to be told of antennas.
    Mute(NewMute),
    /// A mute is taken back.
    Unmute(UnmuteRequest),
    /// Nobody is to be told of antennas at times.
    Schedule(NewMaintenance),
    /// Maintenance is taken back.
    Cancel(CancelRequest),
    /// Somebody takes care of an incident.
    Acknowledge(NewAcknowledgement),
    /// An acknowledgement is taken back.
    Unacknowledge(UnacknowledgeRequest),
    /// Everybody is to be told something of a site.
    Note(NewNote),
    /// That is taken back.
    Unnote(UnnoteRequest),
}

impl Order {
    /// What it is, as the audit list calls it.
    #[must_use]
    pub const fn action(&self) -> AuditAction {
        match self {
            Self::Mute(_) => AuditAction::Mute,
            Self::Unmute(_) => AuditAction::Unmute,
            Self::Schedule(_) => AuditAction::Schedule,
            Self::Cancel(_) => AuditAction::Cancel,
            Self::Acknowledge(_) => AuditAction::Acknowledge,
            Self::Unacknowledge(_) => AuditAction::Unacknowledge,
            Self::Note(_) => AuditAction::Note,
            Self::Unnote(_) => AuditAction::Unnote,
        }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The built-in network has no alerts.
    #[error("the built-in network has no alerts")]
    BuiltIn,
    /// Analytics does not do it, and says why.
    #[error("analytics answered {0}: {1}")]
    Refused(StatusCode, String),
    /// Analytics cannot be asked.
    #[error(transparent)]
    Failed(#[from] ClientError),
}

impl Client {
    /// Has something done. Returns once it is committed, with what it was about: the antennas of a mute or of
    /// maintenance, an incident's id, or the public name of a site.
    ///
    /// # Errors
    /// Why it was not done. The same may be sent again, as it is done once.
    pub async fn order(&self, order: &Order) -> Result<String, NotDone> {
        let taken_back = |path: &str, pairs: [(&str, &str); 2]| {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            self.http.delete(self.url(&format!("{path}?{query}")))
        };
        let request = match order {
            Order::Mute(new) => self.http.post(self.url(path::MUTES)).json(new),
            Order::Unmute(UnmuteRequest { id, by }) => taken_back(path::MUTES, [("id", id), ("by", by)]),
            Order::Schedule(new) => self.http.post(self.url(path::MAINTENANCE)).json(new),
            Order::Cancel(CancelRequest { id, by }) => taken_back(path::MAINTENANCE, [("id", id), ("by", by)]),
            Order::Acknowledge(new) => self.http.post(self.url(path::ACKNOWLEDGEMENTS)).json(new),
            Order::Unacknowledge(UnacknowledgeRequest { incident, by }) => {
                taken_back(path::ACKNOWLEDGEMENTS, [("incident", incident), ("by", by)])
            }
            Order::Note(new) => self.http.post(self.url(path::NOTES)).json(new),
            Order::Unnote(UnnoteRequest { id, by }) => taken_back(path::NOTES, [("id", id), ("by", by)]),
        };
        let response = self.send(request.timeout(ORDER_TIMEOUT)).await.map_err(ClientError::from)?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(ClientError::Unauthorized.into());
        }
        if !status.is_success() {
            let message = response.json::<ErrorBody>().await.map_or_else(|_| String::new(), |body| body.error.message);
            return Err(NotDone::Refused(status, message));
        }
        let subject = match order {
            Order::Mute(_) | Order::Unmute(_) => response.json::<Mute>().await.map(|mute| mute.antennas),
            Order::Schedule(_) | Order::Cancel(_) => response.json::<Maintenance>().await.map(|it| it.antennas),
            Order::Acknowledge(_) | Order::Unacknowledge(_) => {
                response.json::<Acknowledgement>().await.map(|acknowledgement| acknowledgement.incident)
            }
            Order::Note(_) | Order::Unnote(_) => response.json::<Note>().await.map(|note| note.site),
        };
        Ok(subject.map_err(ClientError::from)?)
    }
}
