//! What an owner knows of the state it has written, and how it finds out that the state is another one.

use std::sync::Arc;

use super::{Commit, Epoch, LogError, StreamInfo};

/// The token of a term. Every write under it is refused once the state does not agree with it any more.
///
/// The epoch alone would not do: it lives in the state, so a broker that goes back gives it out twice. The nonce is drawn
/// anew for each term and never repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fence {
    /// Counts the terms, as far as the broker remembers them.
    pub epoch: Epoch,
    /// Tells terms of the same epoch apart.
    pub nonce: u64,
    /// The owner's name in the lease.
    pub owner: Arc<str>,
    /// The server process on which the term began. Another one may hold an earlier state. `None` where it did not tell.
    pub server: Option<Arc<str>>,
    /// The last commit that the owner knows of, its own or, at the beginning, its predecessor's.
    pub commit: Option<String>,
}

/// What the state says of its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) epoch: Option<Epoch>,
    pub(super) nonce: Option<u64>,
    pub(super) commit: Option<String>,
}

impl Fence {
    /// Whether the state is as the owner left it.
    pub(super) fn check(&self, found: &Found) -> Result<(), LogError> {
        self.check_owner(found)?;
        if found.commit == self.commit {
            return Ok(());
        }
        let [found, known] = [&found.commit, &self.commit].map(|it| it.as_deref().unwrap_or("none").to_owned());
        Err(LogError::Back(format!("its last commit is {found} in place of {known}")))
    }

    /// Whether a commit is done already; if not, whether the state is as its predecessor left it.
    pub(super) fn check_commit(commit: &Commit, found: &Found, info: StreamInfo) -> Result<bool, LogError> {
        commit.fence.check_owner(found)?;
        if found.commit.as_deref() == Some(commit.name().as_str()) {
            return Ok(true);
        }
        commit.fence.check(found)?;
        // What was read of a stream that was deleted counts.
        if info.has_group && info.last_id < commit.cursor {
            return Err(LogError::Back(format!("the stream ends at {}, before {}", info.last_id, commit.cursor)));
        }
        Ok(false)
    }

    /// Whether a server is the one on which the term began, as far as both tell.
    pub(super) fn check_server(&self, server: Option<&Arc<str>>) -> Result<(), LogError> {
        match (server, &self.server) {
            (Some(server), Some(known)) if server != known => {
                Err(LogError::Back(format!("another server process answers, {server} in place of {known}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether the term is still going on. That is enough to give the stream up: a last commit whose answer was lost may be
    /// done, and then the state is not as the owner knows it.
    pub(super) fn check_owner(&self, found: &Found) -> Result<(), LogError> {
        match found.epoch {
            None => Err(LogError::Back("it has lost the state".to_owned())),
            Some(epoch) if epoch < self.epoch => {
                Err(LogError::Back(format!("its epoch is {epoch} in place of {}", self.epoch)))
            }
            Some(epoch) if epoch > self.epoch || found.nonce != Some(self.nonce) => Err(LogError::Fenced),
            Some(_) => Ok(()),
        }
    }
}

impl Commit {
    /// The name under which the log remembers that it is done.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{:016x}-{}", self.fence.epoch, self.fence.nonce, self.number)
    }
}
