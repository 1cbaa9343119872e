//! The pipeline: the ledger, and the pace.

use shared::UnixMillis;
use shared::api::{
    BatchTimes, Batches, Commits, Freshness, Ledger, Partition, Phase, Pipeline, PipelineHistory, PipelineSample,
};

use super::counters::noise;
use super::network::Antenna;
use super::rejected::rejected_before;
use super::window::{Now, ceil_to, floor_to, millis};
use super::{Mock, PANE_SECONDS, RETENTION_SECONDS};

/// The second of the stream's first entry: 1 November 2025, 00:00 UTC.
pub(super) const BEGINNING: i64 = 1_761_955_200;

/// Analytics is started anew each night at this second of the day: 03:20 UTC.
const RESTART: i64 = 12_000;

const DAY: i64 = 86_400;

/// Micro-batches merged in a second at most.
const BATCHES: usize = 10;

/// Length of a step of the history in seconds.
const STEP: i64 = 2;

/// Steps of the history.
const SAMPLES: i64 = 150;

/// An entry in so many of those counted is sent twice.
const DUPLICATE_EVERY: i64 = 4_001;

/// An entry in so many of those counted comes too late for everything retained.
const TOO_LATE_EVERY: i64 = 250_007;

impl Mock {
    /// Progress and the ledger.
    #[must_use]
    pub fn pipeline(&self, now: UnixMillis) -> Pipeline {
        let now = Now::at(now);
        let network = self.network();
        let started = floor_to(now.second - RESTART, DAY) + RESTART;
        let ledger = ledger(&network, now.second);
        let rows_over = |seconds| merged(&network, now.second) - merged(&network, now.second - seconds);
        let last = format!("{}-0", millis(now.second).0 - 40);
        let partition = Partition {
            stream: "antenna_stream".to_owned(),
            cursor: last.clone(),
            committed: last,
            epoch: ((started - BEGINNING) / DAY + 1).max(1).unsigned_abs(),
            owner: Some(format!("analytics-0:1:{}", millis(started).0)),
            ledger: ledger.clone(),
        };
        let batches = batches_a_second(&network);
        let times = Times::of_second(now.second - 1, (rows_over(1) / batches).max(1), 1);
        Pipeline {
            phase: Phase::Running,
            partitions: vec![partition],
            totals: ledger,
            batches: Batches {
                count: ((now.second - started) * batches).unsigned_abs(),
                rows_per_second: rows_over(10) as f64 / 10.0,
                last: Some(times.batch()),
            },
            commits: Commits {
                count: (now.second - started).unsigned_abs(),
                last_ms: Some(times.commit_ms),
                last_at: now.as_of(),
            },
            freshness_ms: times.freshness_ms,
            watermark: Some(millis(now.second - 1)),
            panes: (RETENTION_SECONDS / PANE_SECONDS).unsigned_abs(),
            antennas: network.len() as u64,
            started_at: millis(started),
        }
    }

    /// The pace of the pipeline over the last five minutes. The last step holds the newest second.
    #[must_use]
    pub fn pipeline_history(&self, now: UnixMillis) -> PipelineHistory {
        let now = Now::at(now);
        let network = self.network();
        let end = ceil_to(now.second, STEP);
        let first = end - SAMPLES * STEP;
        let borders: Vec<i64> = (0..=SAMPLES).map(|at| (first + at * STEP).min(now.second)).collect();
        let merged: Vec<i64> = borders.iter().map(|second| merged(&network, *second)).collect();
        let sample = |(borders, merged): (&[i64], &[i64])| {
            let (start, seconds) = (borders[0], borders[1] - borders[0]);
            let rows = merged[1] - merged[0];
            let batches = rows.min(seconds * batches_a_second(&network));
            Times::of_second(start, rows, batches).sample(start, seconds, lag(&network, borders[1]))
        };
        PipelineHistory {
            step_seconds: STEP as f64,
            samples: borders.windows(2).zip(merged.windows(2)).map(sample).collect(),
        }
    }
}

/// Micro-batches merged in a second. None is empty.
fn batches_a_second(network: &[Antenna]) -> i64 {
    network.len().clamp(1, BATCHES) as i64
}

/// Readings counted before a second since the stream's beginning.
fn counted(network: &[Antenna], second: i64) -> i64 {
    network.iter().map(|antenna| antenna.readings_since(BEGINNING, second.max(BEGINNING))).sum()
}

/// Entries merged before a second since the stream's beginning.
fn merged(network: &[Antenna], second: i64) -> i64 {
    let Ledger { counted, duplicates, rejected, too_late, .. } = ledger(network, second);
    (counted + duplicates + too_late + rejected.values().sum::<u64>()).cast_signed()
}

/// Entries still to read at a second: some of the antennas' last ones.
fn lag(network: &[Antenna], second: i64) -> u64 {
    (network.len() as f64 * 0.08 * noise(0, second, 20)) as u64
}

fn ledger(network: &[Antenna], second: i64) -> Ledger {
    let counted = counted(network, second).unsigned_abs();
    let duplicates = counted / DUPLICATE_EVERY.unsigned_abs();
    let too_late = counted / TOO_LATE_EVERY.unsigned_abs();
    let rejected = rejected_before(second);
    let lag = lag(network, second);
    Ledger {
        entries_added: Some(counted + duplicates + rejected.values().sum::<u64>() + too_late + lag),
        counted,
        duplicates,
        rejected,
        too_late,
        lag: Some(lag),
        trimmed_unread: 0,
        imbalance: Some(0),
    }
}

/// How long the stages took for some rows in some batches.
#[derive(Debug, Clone, Copy)]
struct Times {
    rows: u64,
    batches: u64,
    read_ms: f64,
    decode_ms: f64,
    aggregate_ms: f64,
    merge_ms: f64,
    commit_ms: f64,
    freshness_ms: Freshness,
}

impl Times {
    fn of_second(second: i64, rows: i64, batches: i64) -> Self {
        let noise = |salt| 0.8 + 0.4 * noise(0, second, salt);
        // A part for each batch, and a part for each row.
        let stage = |batch_us: f64, row_us: f64, salt| {
            (batches as f64 * batch_us + rows as f64 * row_us) * noise(salt) / 1000.0
        };
        let p50 = 28.0 * noise(26);
        Self {
            rows: rows.unsigned_abs(),
            batches: batches.unsigned_abs(),
            read_ms: stage(180.0, 0.5, 21),
            decode_ms: stage(12.0, 0.13, 22),
            aggregate_ms: stage(60.0, 0.09, 23),
            merge_ms: stage(90.0, 0.07, 24),
            commit_ms: 4.5 * noise(25),
            freshness_ms: Freshness { p50: Some(p50), p99: Some(p50 + 45.0 * noise(27)) },
        }
    }

    fn batch(self) -> BatchTimes {
        let Self { rows, read_ms, decode_ms, aggregate_ms, merge_ms, .. } = self;
        BatchTimes { rows, read_ms, decode_ms, aggregate_ms, merge_ms }
    }

    fn sample(self, start: i64, commits: i64, lag: u64) -> PipelineSample {
        PipelineSample {
            start: millis(start),
            rows: self.rows,
            batches: self.batches,
            read_ms: self.read_ms,
            decode_ms: self.decode_ms,
            aggregate_ms: self.aggregate_ms,
            merge_ms: self.merge_ms,
            commits: commits.unsigned_abs(),
            commit_ms: self.commit_ms * commits as f64,
            lag: Some(lag),
            freshness_ms: self.freshness_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::api::PipelineHistory;

    use super::super::tests::{NOON, SIZES, later, seconds_later};
    use super::*;

    #[test]
    fn the_ledger_adds_up_and_only_grows() {
        for mock in SIZES.map(Mock::with_antennas) {
            let mut last = Ledger::default();
            for now in later(150, 1) {
                let Pipeline { totals, partitions, .. } = mock.pipeline(now);
                let rejected: u64 = totals.rejected.values().sum();
                let sum = totals.counted + totals.duplicates + rejected + totals.too_late + totals.trimmed_unread;
                assert_eq!(totals.entries_added, totals.lag.map(|lag| sum + lag));
                assert_eq!((totals.imbalance, &totals), (Some(0), &partitions[0].ledger));
                assert_eq!(totals.rejected, mock.rejected(now).rejected);
                assert!(totals.counted >= last.counted && totals.entries_added >= last.entries_added, "at {now}");
                last = totals;
            }
        }
    }

    #[test]
    fn what_the_ledger_counts_is_what_windows_hold() {
        // A window that begins and ends when nothing is held back.
        let from = UnixMillis(NOON.0 - NOON.0 % 120_000);
        let to = seconds_later(from, 1200);
        for mock in SIZES.map(Mock::with_antennas) {
            let counted = |now| mock.pipeline(now).totals.counted;
            assert_eq!(counted(to) - counted(from), mock.summary(1200, Some(to), to).measures.readings);
        }
    }

    #[test]
    fn the_history_has_no_gap_and_adds_up_to_the_ledger() {
        for now in later(20, 7) {
            let mock = Mock::default();
            let PipelineHistory { samples, step_seconds } = mock.pipeline_history(now);
            assert_eq!((samples.len(), step_seconds), (150, 2.0));
            assert!(samples.windows(2).all(|pair| pair[1].start.0 - pair[0].start.0 == 2000));
            assert!(samples[0].start.0 % 2000 == 0 && samples[149].start < now && samples[149].start.0 >= now.0 - 2999);
            let read = |now| {
                let Ledger { entries_added, lag, .. } = mock.pipeline(now).totals;
                entries_added.unwrap() - lag.unwrap()
            };
            assert_eq!(samples.iter().map(|it| it.rows).sum::<u64>(), read(now) - read(samples[0].start));
            assert_eq!(samples[149].lag, mock.pipeline(now).totals.lag);
        }
    }

    #[test]
    fn progress_since_the_start_grows_until_the_next_start() {
        let progress = |now| {
            let Pipeline { started_at, batches, commits, partitions, .. } = Mock::default().pipeline(now);
            (started_at, partitions[0].epoch, batches.count, commits.count)
        };
        let (started_at, epoch, batches, commits) = progress(NOON);
        assert_eq!(progress(seconds_later(NOON, 60)), (started_at, epoch, batches + 600, commits + 60));
        let restart = UnixMillis(started_at.0 + DAY * 1000);
        assert_eq!(progress(restart), (restart, epoch + 1, 0, 0));
    }
}
