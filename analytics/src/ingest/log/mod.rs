//! The log that readings come from and that state is committed to, behind one small trait.
//!
//! [`RedisLog`] is the real one. [`MemoryLog`] is the embedded default on a machine without Redis, and the log that
//! fault tests drive. Nothing else knows which it has.

mod fence;
mod members;
mod memory;
mod redis;
mod socket;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use bytes::Bytes;
use shared::UnixMillis;
use shared::broker::{Failure, Finder, Place};

pub use self::fence::Fence;
pub use self::members::{Member, Present};
pub use self::memory::{Fault, MemoryLog, Saved};
pub use self::redis::RedisLog;
use crate::ingest::decode::RejectedEntry;
use crate::ingest::resp::ReplyError;
use crate::ingest::stream_id::StreamId;

/// A number that grows with every change of owner, as long as the broker does not go back; see [`Fence`].
pub type Epoch = u64;

/// What the state is made of: named fields of bytes.
pub type StateField = (String, Vec<u8>);

/// A nonce that no other term has.
#[must_use]
pub fn new_nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A stream and the state that is committed with it.
pub trait Log: Clone + Send + Sync + 'static {
    /// Reads the stream.
    type Reader: Reader;

    /// The same log by a connection of its own, on which nothing waits for what is done here.
    #[must_use]
    fn beside(&self) -> Self;

    /// Tries to become the stream's owner, for `lease_for` or until a later commit or renewal extends it. The epoch will be
    /// above the last one of the state and above `known`, the last one that the process itself had: the state may have gone back.
    ///
    /// The nonce is that of the term, see [`new_nonce`]: to try again with the same one, because the answer may have been lost,
    /// begins one term and not two. Whoever had the stream before is known by its epoch then.
    fn acquire(
        &self,
        owner: &str,
        nonce: u64,
        known: Epoch,
        lease_for: Duration,
    ) -> impl Future<Output = Result<Lease, LogError>> + Send;

    /// Gives the lease up, if it is still held.
    fn release(&self, fence: &Fence) -> impl Future<Output = Result<(), LogError>> + Send;

    /// The names of the committed fields.
    fn state_names(&self) -> impl Future<Output = Result<Vec<String>, LogError>> + Send;

    /// The values of committed fields; a field that is gone is left out.
    fn state(&self, names: &[String]) -> impl Future<Output = Result<Vec<StateField>, LogError>> + Send;

    /// Rejected entries of the dead-letter stream, at most `count`, newest first.
    fn newest_rejected(&self, count: usize) -> impl Future<Output = Result<Vec<RejectedEntry>, LogError>> + Send;

    /// Does all of a commit or nothing of it, and renews the lease.
    fn commit(&self, commit: &Commit, lease_for: Duration)
    -> impl Future<Output = Result<StreamInfo, LogError>> + Send;

    /// Renews the lease and looks at the stream.
    fn renew(&self, fence: &Fence, lease_for: Duration) -> impl Future<Output = Result<StreamInfo, LogError>> + Send;

    /// What was committed of alerts; `None` where nothing was.
    fn alerts(&self) -> impl Future<Output = Result<Option<Vec<u8>>, LogError>> + Send;

    /// Commits what is to be known of alerts, beside the state, as long as the term goes on. Other commits may come in between.
    fn commit_alerts(&self, fence: &Fence, alerts: &[u8]) -> impl Future<Output = Result<(), LogError>> + Send;

    /// Whether the stream has our consumer group, even where it has others. See [`GroupStep`].
    fn has_group(&self) -> impl Future<Output = Result<bool, LogError>> + Send;

    /// Announces a process that shares the partitions of the stream with others, for so long, and tells who does.
    fn announce(&self, member: &Member, valid_for: Duration) -> impl Future<Output = Result<Present, LogError>> + Send;

    /// Takes such a process off the list.
    fn leave(&self, name: &str) -> impl Future<Output = Result<(), LogError>> + Send;

    /// A reader of the stream on the server of a term.
    fn reader(&self, fence: &Fence) -> impl Future<Output = Result<Self::Reader, LogError>> + Send;
}

/// Reads the stream from a place on.
pub trait Reader: Send + 'static {
    /// Reads up to `max` entries after an id, waiting up to `wait` for the first; without one, the reply is empty.
    fn read(
        &mut self,
        after: StreamId,
        max: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Reply, LogError>> + Send;
}

/// A whole reply to XREAD, with what must be known to ask for the next.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Its bytes: RESP2 or RESP3.
    pub bytes: Bytes,
    /// How many entries it holds.
    pub entries: u64,
    /// The id of the last of them.
    pub last_id: StreamId,
    /// From its first byte to its last.
    pub read: Duration,
    /// The broker's clock just after it gave the reply: no entry in it arrived later. `None` where the log has no clock.
    pub broker_time: Option<UnixMillis>,
    /// Whether these are only its first entries, as all of them would take too much memory. The reader is of no use then.
    pub is_cut: bool,
}

/// A reply is cut behind the entry that brings it to so many bytes. Only a single entry that is larger is held whole.
pub const REPLY_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Whether the stream could be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// It is ours, for a term with this fence.
    Held(Fence),
    /// Somebody else has it; who, where that is known.
    Taken(Option<String>),
}

/// One atomic step: all of it happens or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// The owner's fence, with the commit before this one; the state has to agree with it.
    pub fence: Fence,
    /// Counts the commits of a term. A commit that is done already is not done again.
    pub number: u64,
    /// Fields to write.
    pub fields: Vec<StateField>,
    /// Fields to drop.
    pub dropped: Vec<String>,
    /// Entries for the dead-letter stream.
    pub rejected: Vec<RejectedEntry>,
    /// The last entry that is counted with this commit.
    pub cursor: StreamId,
    /// What becomes of the consumer group.
    pub group: GroupStep,
    /// Entries of the present stream up to the cursor, for the consumer group's lag.
    pub entries_read: u64,
    /// Entries before this one may be trimmed.
    pub trim_before: Option<StreamId>,
}

/// What a commit does to the consumer group. A stream that was deleted took its group along, so where the group is missing, the
/// stream may be another one. The group is therefore only made together with a state that accounts for that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupStep {
    /// It is moved to the cursor, if it exists.
    #[default]
    Move,
    /// It is made at the cursor.
    Make,
    /// It stays away.
    Leave,
}

/// What the broker tells of the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// Entries ever added.
    pub entries_added: u64,
    /// Entries present.
    pub length: u64,
    /// Id of the newest entry ever added.
    pub last_id: StreamId,
    /// Id of the oldest entry present; zero where the stream is empty.
    pub first_id: StreamId,
    /// Highest id that was deleted out of order.
    pub max_deleted_id: StreamId,
    /// Whether the stream has the consumer group, see [`GroupStep`]. With a group of somebody else's in the stream this can be said
    /// wrongly, but not behind a commit.
    pub has_group: bool,
    /// Whether the broker removes keys when its memory is full; `None` where it does not tell.
    pub is_evicting: Option<bool>,
    /// The broker's clock at that moment; `None` where the log has none.
    pub broker_time: Option<UnixMillis>,
}

/// What can go wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The broker is away; worth another try soon.
    #[error("the broker is away: {0}")]
    Away(String),
    /// The broker answers, with an error that an operator has to mend: WRONGTYPE, NOAUTH, NOPERM, OOM and the like.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// Another process has taken the stream over.
    #[error("another process has taken the stream over")]
    Fenced,
    /// The broker is another one than it was in this term, or has gone back to an earlier state.
    #[error("the broker is not as it was left: {0}")]
    Back(String),
    /// The broker cannot be worked with at all.
    #[error("{0}")]
    Unsupported(String),
}

impl From<ReplyError> for LogError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Server(message) => Failure::of_line(message).into(),
            ReplyError::Malformed(_) => Self::Away(error.to_string()),
        }
    }
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(text) | Failure::Passing(text) => Self::Away(text),
            Failure::Refused(text) => Self::Refused(text),
        }
    }
}

/// What is known of an error of a connection to a place, which is dropped now.
fn failed(finder: &Finder, place: &Place, error: LogError) -> LogError {
    match error {
        LogError::Away(text) => finder.failed(place, Failure::Away(text)).into(),
        LogError::Refused(text) => finder.failed(place, Failure::Refused(text)).into(),
        other => other,
    }
}

/// What is said of a field that holds something else than this program writes there.
pub(crate) fn damaged(field: &str) -> LogError {
    LogError::Refused(format!(
        "the committed field {field} is damaged; docs/operations.md (A damaged state) says how to set it aside"
    ))
}

/// The name of the field that counts owners.
pub(crate) const EPOCH_FIELD: &str = "epoch";

/// The name of the field that holds the last owner's nonce, as hexadecimal digits.
pub(crate) const NONCE_FIELD: &str = "nonce";

/// The name of the field that holds the last commit as `epoch-nonce-number`.
pub(crate) const COMMIT_FIELD: &str = "commit";
