//! What the pipeline was told to have done: batches, commits, and how long they took.

use std::collections::VecDeque;

use shared::UnixMillis;
use shared::api::{
    BatchTimes, Batches, Commits, Freshness, Ledger, Partition, Phase, Pipeline, PipelineHistory, PipelineSample,
};

use crate::measures::nearest_rank;
use crate::settings::floor;
use crate::{EntryId, Reference};

/// The history has steps of this length.
const STEP_MS: i64 = 2_000;

/// Steps of the history that are over.
const STEPS: i64 = 150;

/// Rates are taken over this time.
const RATE_MS: i64 = 10_000;

/// Freshness is taken over so many batches.
const FRESHNESS_BATCHES: usize = 1_024;

/// How long the stages of a batch took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stages {
    /// Reading from the broker.
    pub read_ms: f64,
    /// Decoding.
    pub decode_ms: f64,
    /// Aggregating.
    pub aggregate_ms: f64,
    /// Merging.
    pub merge_ms: f64,
}

/// The progress since the start.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    started_at: UnixMillis,
    owner: Option<String>,
    /// Entries that were read and are not merged yet, and the arrivals of the readings among them.
    rows: u64,
    arrivals_ms: Vec<i64>,
    merged: EntryId,
    committed: EntryId,
    /// As of the last commit.
    ledger: Ledger,
    batches: u64,
    commits: u64,
    /// Oldest first, as far back as they are needed.
    last_batches: VecDeque<Batch>,
    last_commits: VecDeque<Commit>,
}

#[derive(Debug, Clone)]
struct Batch {
    at_ms: i64,
    times: BatchTimes,
    /// Ages of its readings when they became visible.
    ages_ms: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Commit {
    at_ms: i64,
    took_ms: f64,
    lag: Option<u64>,
}

impl Pace {
    pub(crate) fn new(started_at: UnixMillis) -> Self {
        let rejected = shared::Rejection::ALL.map(|reason| (reason, 0)).into();
        Self {
            started_at,
            owner: None,
            rows: 0,
            arrivals_ms: Vec::new(),
            merged: EntryId::default(),
            committed: EntryId::default(),
            ledger: Ledger { rejected, ..Ledger::default() },
            batches: 0,
            commits: 0,
            last_batches: VecDeque::new(),
            last_commits: VecDeque::new(),
        }
    }

    /// An entry with a reading was read.
    pub(crate) fn read(&mut self, arrival_ms: i64) {
        self.rows += 1;
        self.arrivals_ms.push(arrival_ms);
    }

    /// An entry without one was read.
    pub(crate) const fn read_rejected(&mut self) {
        self.rows += 1;
    }
}

impl Reference {
    /// Names the process that owns the stream.
    pub fn set_owner(&mut self, owner: String) {
        self.pace.owner = Some(owner);
    }

    /// What was read since the last batch is a batch, and became visible.
    pub fn merge(&mut self, at: UnixMillis, stages: Stages) {
        let pace = &mut self.pace;
        let Stages { read_ms, decode_ms, aggregate_ms, merge_ms } = stages;
        let times = BatchTimes { rows: std::mem::take(&mut pace.rows), read_ms, decode_ms, aggregate_ms, merge_ms };
        let ages_ms = pace.arrivals_ms.drain(..).map(|arrival_ms| (at.0 - arrival_ms).max(0) as f64).collect();
        pace.batches += 1;
        pace.merged = self.cursor;
        pace.last_batches.push_back(Batch { at_ms: at.0, times, ages_ms });
        let is_history = |batch: &Batch| batch.at_ms >= floor(at.0, STEP_MS) - STEPS * STEP_MS;
        while pace.last_batches.len() > FRESHNESS_BATCHES && !pace.last_batches.front().is_some_and(is_history) {
            pace.last_batches.pop_front();
        }
        self.as_of = Some(at);
    }

    /// What was merged is committed, and the broker told how many entries are still to read.
    pub fn commit(&mut self, at: UnixMillis, took_ms: f64, lag: Option<u64>) {
        let pace = &mut self.pace;
        pace.commits += 1;
        pace.committed = pace.merged;
        let Ledger { counted, duplicates, too_late, trimmed_unread, lost_by_broker, .. } = self.ledger;
        let gone = trimmed_unread + lost_by_broker;
        let read = counted + duplicates + self.ledger.rejected.values().sum::<u64>() + too_late + gone;
        let entries_added = lag.map(|lag| read + lag);
        pace.ledger = Ledger { entries_added, lag, imbalance: lag.map(|_| 0), ..self.ledger.clone() };
        pace.last_commits.push_back(Commit { at_ms: at.0, took_ms, lag });
        // The last one before the history tells the lag with which the history begins.
        let is_history = |commit: &Commit| commit.at_ms >= floor(at.0, STEP_MS) - STEPS * STEP_MS;
        while pace.last_commits.get(1).is_some_and(|next| !is_history(next)) {
            pace.last_commits.pop_front();
        }
    }

    /// Progress and the ledger, of the one partition that there is.
    pub(crate) fn pipeline(&self, now: UnixMillis) -> Pipeline {
        let pace = &self.pace;
        let is_recent = |batch: &&Batch| now.0 - batch.at_ms <= RATE_MS;
        let rows: u64 = pace.last_batches.iter().filter(is_recent).map(|batch| batch.times.rows).sum();
        let last_commit = pace.last_commits.back();
        let committed_at = last_commit.map(|commit| UnixMillis(commit.at_ms));
        let rows_per_second = rows as f64 / UnixMillis(RATE_MS).seconds();
        let partition = Partition {
            stream: "antenna_stream".to_owned(),
            cursor: pace.merged.to_string(),
            committed: pace.committed.to_string(),
            epoch: 1,
            owner: pace.owner.clone(),
            rows_per_second,
            committed_at,
            moves: 0,
            ledger: pace.ledger.clone(),
        };
        let newest = pace.last_batches.len().saturating_sub(FRESHNESS_BATCHES);
        Pipeline {
            phase: Phase::Running,
            partitions: vec![partition],
            totals: pace.ledger.clone(),
            batches: Batches {
                count: pace.batches,
                rows_per_second,
                last: pace.last_batches.back().map(|batch| batch.times),
            },
            commits: Commits {
                count: pace.commits,
                last_ms: last_commit.map(|commit| commit.took_ms),
                last_at: committed_at,
            },
            freshness_ms: freshness(pace.last_batches.iter().skip(newest)),
            watermark: self.watermark(),
            archive: None,
            panes: self.panes.len() as u64,
            antennas: self.retained().count() as u64,
            started_at: pace.started_at,
            clock: None,
            ids_ahead: 0,
            exhausted: false,
            now: Some(now),
            reason: None,
        }
    }

    /// The steps of the last minutes, and the one that is not over yet.
    pub(crate) fn pipeline_history(&self, now: UnixMillis) -> PipelineHistory {
        let first_ms = floor(self.pace.started_at.0, STEP_MS);
        let newest_ms = self.pace.last_batches.back().map_or(first_ms, |batch| floor(batch.at_ms, STEP_MS));
        let end_ms = floor(now.0, STEP_MS).max(newest_ms);
        let starts = (first_ms.max(end_ms - STEPS * STEP_MS)..=end_ms).step_by(STEP_MS.unsigned_abs() as usize);
        PipelineHistory {
            step_seconds: UnixMillis(STEP_MS).seconds(),
            samples: starts.map(|start_ms| self.pace.sample(start_ms)).collect(),
        }
    }
}

impl Pace {
    fn sample(&self, start_ms: i64) -> PipelineSample {
        let is_within = |at_ms: i64| floor(at_ms, STEP_MS) == start_ms;
        let batches: Vec<&Batch> = self.last_batches.iter().filter(|batch| is_within(batch.at_ms)).collect();
        let commits = || self.last_commits.iter().filter(|commit| is_within(commit.at_ms));
        let sum = |stage: fn(&BatchTimes) -> f64| batches.iter().map(|batch| stage(&batch.times)).sum();
        let told = self.last_commits.iter().rfind(|commit| commit.at_ms < start_ms + STEP_MS);
        PipelineSample {
            start: UnixMillis(start_ms),
            rows: batches.iter().map(|batch| batch.times.rows).sum(),
            batches: batches.len() as u64,
            read_ms: sum(|times| times.read_ms),
            decode_ms: sum(|times| times.decode_ms),
            aggregate_ms: sum(|times| times.aggregate_ms),
            merge_ms: sum(|times| times.merge_ms),
            commits: commits().count() as u64,
            commit_ms: commits().map(|commit| commit.took_ms).sum(),
            lag: told.and_then(|commit| commit.lag),
            freshness_ms: freshness(batches.iter().copied()),
        }
    }
}

fn freshness<'a>(batches: impl Iterator<Item = &'a Batch>) -> Freshness {
    let mut ages_ms: Vec<f64> = batches.flat_map(|batch| batch.ages_ms.iter().copied()).collect();
    Freshness { p50: nearest_rank(&mut ages_ms, 0.50), p99: nearest_rank(&mut ages_ms, 0.99) }
}
