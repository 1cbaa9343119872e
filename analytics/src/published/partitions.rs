//! What the pipelines of all partitions have published, as one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use shared::api::{
    Archive, Batches, ClockOffset, Commits, Ledger, Partition, Phase, Pipeline, PipelineHistory, RejectedPage,
};
use shared::{Rejection, UnixMillis};

use tokio::sync::watch;

use super::pace::{freshness, together};
use super::{Demand, EXHAUSTED, Progress, Published, Settled};
use crate::histogram::Histogram;
use crate::ingest::log::Fence;
use crate::store::Whole;

/// The partitions, of which there is at least one. Clones share it.
#[derive(Debug, Clone)]
pub struct Partitions {
    all: Arc<[Published]>,
    whole: Arc<Mutex<Arc<Whole>>>,
    demand: Demand,
}

impl From<Published> for Partitions {
    /// Of one partition.
    fn from(one: Published) -> Self {
        Self::of(vec![one])
    }
}

impl Partitions {
    /// What some pipelines have published, at least one.
    #[must_use]
    pub fn of(all: Vec<Published>) -> Self {
        let whole = Whole::join(all.iter().map(Published::snapshot).collect(), Default::default());
        let whole = whole.without(all.iter().map(Published::stream).collect());
        Self { all: all.into(), whole: Arc::new(Mutex::new(Arc::new(whole))), demand: Demand::default() }
    }

    /// Whether anybody asks.
    #[must_use]
    pub const fn demand(&self) -> &Demand {
        &self.demand
    }

    /// What is committed of those of which that is known, and whether these are all.
    #[must_use]
    pub fn settled(&self) -> (Vec<Settled>, bool) {
        let settled: Vec<Settled> = self.all.iter().filter_map(Published::settled).collect();
        let is_whole = settled.len() == self.all.len();
        (settled, is_whole)
    }

    /// The term in which this process owns the partition of the plain stream.
    #[must_use]
    pub fn first_term(&self) -> watch::Receiver<Option<Fence>> {
        self.all[0].term()
    }

    /// Whether readings of all partitions are read and committed.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.phase() == Phase::Running
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The newest snapshots of all of them. As long as none of them is another one, this is the same.
    #[must_use]
    pub fn whole(&self) -> Arc<Whole> {
        let mut whole = self.whole.lock();
        let mut missing = Vec::new();
        let mut snapshots = Vec::with_capacity(self.all.len());
        for published in &*self.all {
            let (snapshot, is_known) = published.seen();
            if !is_known {
                missing.push(published.stream());
            }
            snapshots.push(snapshot);
        }
        let is_same = whole.missing() == missing
            && whole.portions().iter().zip(&snapshots).all(|(known, new)| Arc::ptr_eq(&known.snapshot, new));
        if !is_same {
            *whole = Arc::new(Whole::join(snapshots, whole.numbering()).without(missing));
        }
        Arc::clone(&whole)
    }

    /// What analytics is doing: running where every partition is, else what is worst.
    #[must_use]
    pub fn phase(&self) -> Phase {
        worst_phase(self.all.iter().map(Published::phase))
    }

    /// The broker's clock at a moment of this process's own; see [`Published::by_broker`].
    #[must_use]
    pub fn by_broker(&self, own: UnixMillis) -> UnixMillis {
        self.all[0].by_broker(own)
    }

    /// The moment by which antennas are judged silent. While the broker of one partition is away, nothing more is said of any.
    #[must_use]
    pub fn judged_at(&self, own: UnixMillis) -> UnixMillis {
        self.all.iter().map(|published| published.judged_at(own)).min().unwrap_or(own)
    }

    /// The ledgers of the partitions, added up; `None` unless those of all are known, as a counter that is a part of the sum for a
    /// while looks like one that went back.
    #[must_use]
    pub fn known_ledger(&self) -> Option<Ledger> {
        let known: Option<Vec<Ledger>> = self.all.iter().map(Published::known_ledger).collect();
        known.map(|ledgers| ledgers.iter().sum())
    }

    /// Whether anything was known of any partition since the process began.
    #[must_use]
    pub fn was_known(&self) -> bool {
        self.all.iter().any(Published::was_known)
    }

    /// Progress and the ledgers.
    #[must_use]
    pub fn pipeline(&self, now: Instant) -> Pipeline {
        let whole = self.whole();
        let mut partitions = Vec::with_capacity(self.all.len());
        let (mut batches, mut commits) = (Batches::default(), Commits::default());
        let (mut last, mut ages) = (None, Histogram::default());
        let (mut phases, mut reason, mut archive_reason) = (Vec::new(), None, None);
        let (mut compactions_failed, mut ids_ahead, mut is_exhausted) = (0, 0, false);
        let (mut started_at, mut clock, mut archive): (_, Option<ClockOffset>, _) = (None, None, None);
        for published in &*self.all {
            let progress = published.progress.lock();
            partitions.push(progress.partition(now));
            batches.count += progress.batches;
            batches.rows_per_second += progress.rows_per_second(now);
            last = last.into_iter().chain(progress.last).max_by_key(|(merged, _)| *merged);
            commits.count += progress.commits.count;
            if progress.commits.last_at >= commits.last_at {
                (commits.last_at, commits.last_ms) = (progress.commits.last_at, progress.commits.last_ms);
            }
            ages.merge(progress.ages.all());
            phases.push(progress.phase);
            reason = reason.or_else(|| progress.reason.clone().filter(|_| progress.phase == Phase::BrokerAway));
            archive_reason = archive_reason.or_else(|| progress.archive_reason.clone());
            compactions_failed += progress.compactions_failed;
            ids_ahead += progress.ids_ahead;
            is_exhausted |= progress.is_exhausted;
            started_at = started_at.into_iter().chain([progress.started_at]).min();
            clock = clock.or(progress.clock);
            archive = archive.or_else(|| progress.archive.clone());
        }
        batches.last = last.map(|(_, times)| times);
        let (oldest, until) = whole.archived_extent().unzip();
        let snapshots = || whole.portions().iter().map(|portion| &portion.snapshot);
        let starts: BTreeSet<i64> = snapshots().flat_map(|snapshot| snapshot.pane_starts()).collect();
        Pipeline {
            phase: worst_phase(phases),
            totals: partitions.iter().map(|partition: &Partition| &partition.ledger).sum(),
            partitions,
            batches,
            commits,
            freshness_ms: freshness(&ages),
            watermark: whole.clock.has_started().then_some(UnixMillis(whole.clock.watermark_ms)),
            archive: archive.map(|url| Archive {
                url,
                oldest,
                until,
                bytes: whole.archives().map(|archived| archived.bytes()).sum(),
                hours_waiting: snapshots().map(|snapshot| snapshot.final_hours()).max().unwrap_or(0),
                days_waiting: snapshots().map(|snapshot| snapshot.final_days()).max().unwrap_or(0),
                compactions_failed,
                reason: archive_reason,
            }),
            panes: starts.len() as u64,
            antennas: whole.retained().count() as u64,
            started_at: started_at.unwrap_or(UnixMillis(0)),
            clock,
            ids_ahead,
            now: None,
            exhausted: is_exhausted,
            reason: reason.or_else(|| is_exhausted.then(|| EXHAUSTED.to_owned())),
        }
    }

    /// The pace of the pipelines over the last minutes.
    #[must_use]
    pub fn pipeline_history(&self, now: UnixMillis) -> PipelineHistory {
        together(self.all.iter().map(|published| published.progress.lock().pace_history(now)).collect())
    }

    /// How many entries were rejected and why, with at most `limit` examples of a reason, or of all, newest first.
    #[must_use]
    pub fn rejected(&self, reason: Option<Rejection>, limit: usize) -> RejectedPage {
        let is_one = self.all.len() == 1;
        let pages = self.all.iter().map(|published| {
            let mut page = published.rejected(reason, limit);
            page.newest.iter_mut().for_each(|example| example.stream = (!is_one).then(|| published.stream()));
            page
        });
        let mut page = pages.reduce(|mut all, page| {
            for (reason, count) in page.rejected {
                *all.rejected.entry(reason).or_default() += count;
            }
            all.newest.extend(page.newest);
            all
        });
        if let Some(page) = &mut page {
            // Those of a partition are in order, and one that follows another in the same millisecond stays behind it.
            page.newest.sort_by_key(|example| std::cmp::Reverse(example.arrived_at));
            page.newest.truncate(limit);
        }
        page.unwrap_or_default()
    }

    /// Incidents that have ended since the streams' beginning, as of the last commits; `None` before the first of each is known.
    #[must_use]
    pub fn incidents_ended(&self) -> Option<u64> {
        self.all.iter().map(Published::incidents_ended).sum()
    }

    /// Whether a broker removes keys when its memory is full, as of the last look at it.
    #[must_use]
    pub fn is_evicting(&self) -> Option<bool> {
        self.all.iter().filter_map(Published::is_evicting).max()
    }
}

impl Progress {
    fn partition(&self, now: Instant) -> Partition {
        Partition {
            stream: self.stream.clone(),
            cursor: self.cursor.to_string(),
            committed: self.committed.to_string(),
            epoch: self.epoch,
            owner: self.owner.clone(),
            rows_per_second: self.rows_per_second(now),
            committed_at: self.commits.last_at,
            moves: self.moves,
            ledger: self.ledger.clone(),
        }
    }
}

/// What some partitions are doing together.
fn worst_phase(phases: impl IntoIterator<Item = Phase>) -> Phase {
    const WORST_FIRST: [Phase; 5] =
        [Phase::BrokerAway, Phase::Starting, Phase::Stopping, Phase::Standby, Phase::Running];
    let rank = |phase: &Phase| WORST_FIRST.iter().position(|known| known == phase);
    phases.into_iter().min_by_key(rank).unwrap_or(Phase::Starting)
}
