//! Names of what Vigía keeps in the broker.
//!
//! Every key of a stream carries the stream's name as its hash tag, so that a Redis Cluster keeps them on one node and
//! one transaction can cover them.

/// The consumer group that mirrors the cursor, for `XINFO GROUPS`, KEDA and redis_exporter. Nothing reads through it.
pub const GROUP: &str = "analytics";

/// The dead-letter stream holds about this many entries.
pub const REJECTED_MAX_ENTRIES: usize = 10_000;

/// Field of a rejected entry: why it was rejected. See [`crate::Rejection::as_str`].
pub const REJECTED_REASON: &str = "reason";

/// Field of a rejected entry: its id in the original stream.
pub const REJECTED_SOURCE_ID: &str = "source_id";

/// The keys that belong to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamKeys {
    /// The stream that antennas publish to.
    pub stream: String,
    /// The dead-letter stream.
    pub rejected: String,
    /// The hash that holds the committed state: cursor, epoch, ledger, antennas, panes.
    pub state: String,
    /// The lease of the stream's owner.
    pub lease: String,
}

impl StreamKeys {
    /// The keys of `stream`.
    #[must_use]
    pub fn new(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            rejected: format!("{{{stream}}}:rejected"),
            state: format!("{{{stream}}}:state"),
            lease: format!("{{{stream}}}:lease"),
        }
    }

    /// The key that records which batches of a replay have been appended; `name` distinguishes replays.
    #[must_use]
    pub fn replay_marker(&self, name: u64) -> String {
        format!("{{{}}}:replay:{name:016x}", self.stream)
    }
}
