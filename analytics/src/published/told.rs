//! What a process tells others of the progress of a partition that it owns.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use shared::api::{BatchTimes, Commits, Ledger, Phase, PipelineSample, RejectedExample};

use super::examples::Examples;
use super::pace::{Ages, Steps, go_on};
use super::{Known, Published};
use crate::histogram::Histogram;
use crate::ingest::log::Epoch;
use crate::ingest::stream_id::StreamId;
use crate::state::Meta;
use crate::store::Snapshot;

/// The progress of a partition, beside its snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToldProgress {
    phase: Phase,
    /// The moment at which silence is judged while the owner cannot read the stream, by the broker's clock.
    held_at: Option<UnixMillis>,
    started_at: UnixMillis,
    cursor: String,
    committed: String,
    /// The epoch of the owner that tells.
    pub epoch: Epoch,
    owner: Option<String>,
    ledger: Ledger,
    batches: u64,
    rows_per_second: f64,
    last: Option<BatchTimes>,
    ages: Histogram,
    commits: Commits,
    pace: Vec<(PipelineSample, Histogram)>,
    /// Where `pace` begins, if who asked knows what was before, in milliseconds since the epoch.
    #[serde(default)]
    paced_from: Option<i64>,
    incidents_ended: Option<u64>,
    is_evicting: Option<bool>,
    is_exhausted: bool,
    reason: Option<String>,
    ids_ahead: u64,
    archive: Option<String>,
    archive_reason: Option<String>,
    compactions_failed: u64,
    incidents_before: u64,
    /// The number of the newest snapshot that is committed.
    settled: u64,
    heard_until: UnixMillis,
    examples: Vec<(String, RejectedExample)>,
}

impl Published {
    /// What is told of the partition, where this process owns it, to who knows its pace up to a step, by its start in milliseconds since
    /// the epoch.
    #[must_use]
    pub fn told(&self, now: UnixMillis, paced_from: Option<i64>) -> Option<ToldProgress> {
        let judged_at = self.judged_at(now);
        let progress = self.progress.lock();
        (progress.known == Known::Owned).then(|| ToldProgress {
            phase: progress.phase,
            held_at: (progress.phase == Phase::BrokerAway).then_some(judged_at),
            started_at: progress.started_at,
            cursor: progress.cursor.to_string(),
            committed: progress.committed.to_string(),
            epoch: progress.epoch,
            owner: progress.owner.clone(),
            ledger: progress.ledger.clone(),
            batches: progress.batches,
            rows_per_second: progress.rows_per_second(Instant::now()),
            last: progress.last.map(|(_, times)| times),
            ages: progress.ages.all().clone(),
            commits: progress.commits,
            pace: match paced_from {
                Some(newest_ms) => progress.pace.history_since(now, newest_ms).into_values().collect(),
                None => progress.pace.history(now).into_values().collect(),
            },
            paced_from,
            incidents_ended: progress.incidents_ended,
            is_evicting: progress.is_evicting,
            is_exhausted: progress.is_exhausted,
            reason: progress.reason.clone(),
            ids_ahead: progress.ids_ahead,
            archive: progress.archive.clone(),
            archive_reason: progress.archive_reason.clone(),
            compactions_failed: progress.compactions_failed,
            incidents_before: progress.incidents_before,
            settled: progress.settled.version(),
            heard_until: progress.settled.heard_until(),
            examples: self.examples.lock().all(),
        })
    }

    /// Takes over what the partition's owner told of it, with the number that it gave the snapshot, unless this process owns it by
    /// now; tells whether it was taken.
    pub(crate) fn follow(&self, mut snapshot: Snapshot, version: u64, told: ToldProgress) -> bool {
        let ToldProgress {
            phase, started_at, epoch, owner, ledger, batches, rows_per_second, last, ages, commits, ..
        } = told;
        let mut progress = self.progress.lock();
        if progress.known == Known::Owned {
            return false;
        }
        if progress.epoch != epoch {
            progress.settled.forget_told();
        }
        (progress.known, progress.was_known) = (Known::Followed, true);
        progress.phase = phase;
        progress.held_at = told.held_at;
        progress.started_at = started_at;
        progress.cursor = told.cursor.parse().unwrap_or(StreamId::ZERO);
        progress.committed = told.committed.parse().unwrap_or(StreamId::ZERO);
        progress.epoch = epoch;
        progress.set_owner(owner);
        progress.ledger = ledger;
        progress.batches = batches;
        progress.rate_told = Some(rows_per_second);
        progress.last = last.map(|times| (Instant::now(), times));
        progress.ages = Ages::default();
        progress.ages.merged(ages);
        progress.commits = commits;
        let steps: Steps = told.pace.into_iter().map(|(sample, ages)| (sample.start.0, (sample, ages))).collect();
        match (told.paced_from, &mut progress.pace_told) {
            (None, pace) => *pace = Some(steps),
            (Some(_), Some(known)) => go_on(known, steps),
            // What was known was given up meanwhile: it is asked for as a whole the next time.
            (Some(_), None) => {}
        }
        progress.incidents_ended = told.incidents_ended;
        progress.is_evicting = told.is_evicting;
        progress.is_exhausted = told.is_exhausted;
        progress.reason = told.reason;
        progress.ids_ahead = told.ids_ahead;
        progress.archive = told.archive;
        progress.archive_reason = told.archive_reason;
        progress.compactions_failed = told.compactions_failed;
        progress.incidents_before = told.incidents_before;
        *self.examples.lock() = Examples::of(told.examples);
        snapshot.version = self.snapshot().version + 1;
        let snapshot = Arc::new(snapshot);
        progress.settled.follow(version, Arc::clone(&snapshot), told.settled, told.heard_until);
        self.snapshot.send_replace(snapshot);
        true
    }

    /// The start of the newest step of the pace that the partition's owner told, in milliseconds since the epoch.
    #[must_use]
    pub fn paced_from(&self) -> Option<i64> {
        let progress = self.progress.lock();
        progress.pace_told.as_ref().and_then(|steps| steps.last_key_value()).map(|(start_ms, _)| *start_ms)
    }

    /// Takes over what was committed of the partition, whose owner cannot be asked.
    pub(crate) fn follow_committed(&self, mut snapshot: Snapshot, meta: &Meta, cursor: StreamId) -> bool {
        let mut progress = self.progress.lock();
        if progress.known == Known::Owned {
            return false;
        }
        (progress.known, progress.was_known) = (Known::Followed, true);
        progress.phase = Phase::Running;
        // Nobody reads the stream at the moment, which is no antenna's fault.
        progress.held_at = Some(snapshot.as_of.unwrap_or(UnixMillis(0)));
        progress.incidents_ended = Some(meta.incidents_before + snapshot.incidents.ended());
        (progress.cursor, progress.committed, progress.ledger) = (cursor, cursor, meta.ledger.clone());
        progress.rate_told = Some(0.0);
        progress.reason = None;
        progress.incidents_before = meta.incidents_before;
        snapshot.version = self.snapshot().version + 1;
        let snapshot = Arc::new(snapshot);
        progress.settled.begin(Arc::clone(&snapshot), cursor);
        self.snapshot.send_replace(snapshot);
        true
    }

    /// Neither the owner nor the broker tells anything of the partition any more. What this process owned itself it still knows, as of
    /// then. Whether it is missing from now on.
    pub(crate) fn miss(&self) -> bool {
        let mut progress = self.progress.lock();
        match progress.known {
            Known::Followed => {
                progress.known = Known::Missing;
                progress.phase = Phase::BrokerAway;
                self.snapshot.send_replace(Arc::clone(&self.nothing));
                true
            }
            Known::Lost => {
                progress.phase = Phase::BrokerAway;
                false
            }
            Known::Owned | Known::Missing => false,
        }
    }

    /// The epoch in which this process owns the partition, and has loaded it.
    #[must_use]
    pub fn owned_epoch(&self) -> Option<Epoch> {
        let progress = self.progress.lock();
        (progress.known == Known::Owned).then_some(progress.epoch)
    }

    /// Whether anything was known of the partition since the process began.
    #[must_use]
    pub fn was_known(&self) -> bool {
        self.progress.lock().was_known
    }
}
