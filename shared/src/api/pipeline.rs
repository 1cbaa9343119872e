//! `pipeline`: progress and the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path;
use super::request::{Request, request};
use crate::reading::Rejection;
use crate::spelled::spelled;
use crate::time::UnixMillis;

request! {
    /// `GET /api/v1/pipeline`.
    pub struct PipelineRequest {}
}

impl Request for PipelineRequest {
    const PATH: &'static str = path::PIPELINE;
    const MEANING: &'static str = "Progress and the ledger.";
    type Answer = Pipeline;
}

/// `GET /api/v1/pipeline`: progress and the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pipeline {
    /// What analytics is doing; see [`Phase`].
    pub phase: Phase,
    /// The partitions, whoever owns them.
    pub partitions: Vec<Partition>,
    /// The sums over the partitions.
    pub totals: Ledger,
    /// Micro-batches.
    pub batches: Batches,
    /// Commits.
    pub commits: Commits,
    /// Age of the readings at the moment they become visible.
    pub freshness_ms: Freshness,
    /// Event time up to which panes have closed, bounded by the broker's clock; `null` before the first reading.
    pub watermark: Option<UnixMillis>,
    /// The archive; `null` where nothing is archived.
    #[serde(default)]
    pub archive: Option<Archive>,
    /// Panes in memory.
    pub panes: u64,
    /// Antennas known and retained.
    pub antennas: u64,
    /// When this process started.
    pub started_at: UnixMillis,
    /// How far the broker's clock is from that of this process; `null` before they have been compared.
    #[serde(default)]
    pub clock: Option<ClockOffset>,
    /// Entries since the start whose id was ahead of the broker's clock, which was taken for their arrival instead.
    #[serde(default)]
    pub ids_ahead: u64,
    /// Whether nothing can be appended to the stream, as its last id is the largest there is.
    #[serde(default)]
    pub exhausted: bool,
    /// The moment of this answer by the broker's clock as this process knows it: what the times of arrival and `as_of` are
    /// to be compared with.
    #[serde(default)]
    pub now: Option<UnixMillis>,
    /// While the phase is `broker_away`, why: what the broker answered, or how the connection failed. While the stream is
    /// `exhausted`, what to do. `null` otherwise.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The archive of hours that are final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Archive {
    /// Where it is, as it was set.
    pub url: String,
    /// Where it begins; `null` where nothing is in it.
    pub oldest: Option<UnixMillis>,
    /// Where it ends: what is newer is in memory; `null` where nothing is in it.
    pub until: Option<UnixMillis>,
    /// Length of its files in bytes.
    pub bytes: u64,
    /// Hours that are final and not in it yet.
    pub hours_waiting: u64,
    /// Days that are final and still in files of hours, to be compacted into those of a day.
    #[serde(default)]
    pub days_waiting: u64,
    /// Days that could not be compacted, as a file of theirs is missing or damaged, each time that it was tried since the start.
    #[serde(default)]
    pub compactions_failed: u64,
    /// Why the last file could not be written; `null` where it was.
    pub reason: Option<String>,
}

/// How far two clocks are apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClockOffset {
    /// The broker's clock minus that of this process, in milliseconds.
    pub offset_ms: i64,
    /// It may be wrong by so much either way: half of the round trip.
    pub error_ms: f64,
}

spelled! {
    /// What analytics is doing. Only [`Phase::Running`] is ready.
    pub enum Phase {
        /// Not connected to the broker yet.
        Starting = "starting",
        /// Another process owns the stream; this one takes over when it ends.
        Standby = "standby",
        /// Reads, counts and commits.
        Running = "running",
        /// The broker is away or refuses; the last snapshot is served.
        BrokerAway = "broker_away",
        /// Commits for the last time.
        Stopping = "stopping",
    }
}

/// One partition of the stream with its ledger, as of its last commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Partition {
    /// The stream's name.
    pub stream: String,
    /// Id of the last entry merged.
    pub cursor: String,
    /// Id of the last entry committed.
    pub committed: String,
    /// The fencing epoch of its owner.
    pub epoch: u64,
    /// The process that owns the stream: its host, process number and start; `null` if unknown.
    #[serde(default)]
    pub owner: Option<String>,
    /// Entries merged per second, over the last 10 s.
    #[serde(default)]
    pub rows_per_second: f64,
    /// When the last commit was done; `null` before the first of this owner.
    #[serde(default)]
    pub committed_at: Option<UnixMillis>,
    /// How often the partition got another owner since the process that answers started.
    #[serde(default)]
    pub moves: u64,
    /// What became of every entry.
    #[serde(flatten)]
    pub ledger: Ledger,
}

/// The ledger: what became of every entry that the broker ever added.
///
/// `entries_added = counted + duplicates + sum(rejected) + too_late + untracked + lag + trimmed_unread + lost_by_broker +
/// imbalance`, and `counted + imported + moved = in_memory + archived + expired`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Entries ever added to the stream; `null` if the broker has not reported it yet.
    pub entries_added: Option<u64>,
    /// Entries counted in a window.
    pub counted: u64,
    /// Readings of other systems that `analytics import` has put into the archive: they were never in the stream.
    #[serde(default)]
    pub imported: u64,
    /// Readings that `analytics repartition` has brought here from other partitions, less those that it took away. Over all partitions
    /// it is 0.
    #[serde(default)]
    pub moved: i64,
    /// Entries counted that are in memory; `null` if analytics does not say.
    #[serde(default)]
    pub in_memory: Option<u64>,
    /// Entries counted and readings imported that are in the archive's files.
    #[serde(default)]
    pub archived: u64,
    /// Entries counted, or readings imported, that retention has moved past and no file holds.
    #[serde(default)]
    pub expired: u64,
    /// Entries whose `seq` had been counted before.
    pub duplicates: u64,
    /// Entries that broke a rule, by reason; every reason is listed.
    pub rejected: BTreeMap<Rejection, u64>,
    /// Entries older than everything retained.
    pub too_late: u64,
    /// Readings of antennas beyond the most that are kept track of (`ANTENNAS_MAX`).
    #[serde(default)]
    pub untracked: u64,
    /// Entries still to be read; `null` if the broker cannot tell.
    pub lag: Option<u64>,
    /// Entries that were removed from the stream before they were read.
    pub trimmed_unread: u64,
    /// Entries that the broker had reported as added and no longer had when it went back to an earlier state.
    #[serde(default)]
    pub lost_by_broker: u64,
    /// What is left of the equation, which should be 0; `null` if `entries_added` or `lag` is.
    pub imbalance: Option<i64>,
}

impl<'a> std::iter::Sum<&'a Self> for Ledger {
    /// The ledgers of several partitions as one. What one of them does not know, the sum does not know.
    fn sum<I: Iterator<Item = &'a Self>>(ledgers: I) -> Self {
        let add = |mut sum: Self, ledger: &Self| {
            for (reason, count) in &ledger.rejected {
                *sum.rejected.entry(*reason).or_default() += count;
            }
            let known = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b);
            Self {
                entries_added: known(sum.entries_added, ledger.entries_added),
                counted: sum.counted + ledger.counted,
                imported: sum.imported + ledger.imported,
                moved: sum.moved + ledger.moved,
                in_memory: known(sum.in_memory, ledger.in_memory),
                archived: sum.archived + ledger.archived,
                expired: sum.expired + ledger.expired,
                duplicates: sum.duplicates + ledger.duplicates,
                rejected: sum.rejected,
                too_late: sum.too_late + ledger.too_late,
                untracked: sum.untracked + ledger.untracked,
                lag: known(sum.lag, ledger.lag),
                trimmed_unread: sum.trimmed_unread + ledger.trimmed_unread,
                lost_by_broker: sum.lost_by_broker + ledger.lost_by_broker,
                imbalance: sum.imbalance.zip(ledger.imbalance).map(|(a, b)| a + b),
            }
        };
        let nothing =
            Self { entries_added: Some(0), in_memory: Some(0), lag: Some(0), imbalance: Some(0), ..Self::default() };
        ledgers.fold(nothing, add)
    }
}

/// Progress of the micro-batches since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Batches {
    /// Batches merged.
    pub count: u64,
    /// Entries merged per second, over the last 10 s.
    pub rows_per_second: f64,
    /// The last batch; `null` before the first.
    pub last: Option<BatchTimes>,
}

/// The stages of one micro-batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchTimes {
    /// Entries in the batch.
    pub rows: u64,
    /// From the request until the reply's last byte, without decoding.
    pub read_ms: f64,
    /// Reply bytes to columns.
    pub decode_ms: f64,
    /// Columns to partials.
    pub aggregate_ms: f64,
    /// Partials into panes, and the snapshot.
    pub merge_ms: f64,
}

/// Progress of the commits since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Commits {
    /// Commits done.
    pub count: u64,
    /// How long the last one took, in milliseconds; `null` before the first.
    pub last_ms: Option<f64>,
    /// When the last one was done; `null` before the first.
    pub last_at: Option<UnixMillis>,
}

/// From the broker's entry time until the reading is in the snapshot that queries use, over the last 1,024 batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Freshness {
    /// Median in milliseconds; `null` before the first batch.
    pub p50: Option<f64>,
    /// 99th percentile in milliseconds; `null` before the first batch.
    pub p99: Option<f64>,
}
