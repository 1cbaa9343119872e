//! Names of what Vigía keeps in the broker.
//!
//! Every key of a stream carries the stream's name as its hash tag, so that a Redis Cluster keeps them on one node and
//! one transaction can cover them.

/// The most partitions: each costs analytics a thread and two connections.
pub const PARTITIONS_MAX: u16 = 1024;

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
    /// The hash of the processes that share the partitions; that of the plain name is used.
    pub members: String,
    /// What receivers of alerts were told and are to be told; that of the plain name is used.
    pub alerts: String,
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
            members: format!("{{{stream}}}:members"),
            alerts: format!("{{{stream}}}:alerts"),
        }
    }

    /// The keys of a partition of `stream`, by its number.
    #[must_use]
    pub fn of_partition(stream: &str, number: u16) -> Self {
        Self::new(&format!("{stream}:{number}"))
    }

    /// The key that records which batches of a replay have been appended; `name` distinguishes replays.
    #[must_use]
    pub fn replay_marker(&self, name: u64) -> String {
        format!("{{{}}}:replay:{name:016x}", self.stream)
    }
}

/// The number of the partition that an antenna's readings are published to, of so many: the CRC-32 of the id's UTF-8 bytes (that of
/// zlib, gzip and PNG: ISO 3309), modulo their number. Every language's zlib has it.
#[must_use]
pub fn partition_of(antenna_id: &str, partitions: u16) -> u16 {
    let partition = crc32fast::hash(antenna_id.as_bytes()) % u32::from(partitions.max(1));
    u16::try_from(partition).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the contract says, for whoever writes producers in other languages.
    #[test]
    fn partitions_are_those_of_the_contract() {
        let contract = include_str!("../../docs/contract.md");
        let vectors = contract.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, id, crc, of_4, of_16, of_32, _] = &*cells else { return None };
            let crc = u32::from_str_radix(crc.strip_prefix("`0x")?.strip_suffix('`')?, 16).ok()?;
            Some((id.trim_matches('`').to_owned(), crc, [*of_4, *of_16, *of_32].map(str::to_owned)))
        });
        let vectors: Vec<_> = vectors.collect();
        assert!(vectors.len() >= 5, "the contract has test vectors");
        for (id, crc, partitions) in vectors {
            assert_eq!(crc32fast::hash(id.as_bytes()), crc, "{id}");
            assert_eq!([4, 16, 32].map(|count| partition_of(&id, count).to_string()), partitions, "{id}");
        }
    }
}
