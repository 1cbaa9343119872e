//! The thread that owns the store: it merges batches and prepares commits, one after the other.
//!
//! Work on frames blocks the thread that does it, which must not be one of the async runtime.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use polars::prelude::PolarsResult;
use shared::api::BatchTimes;
use shared::throttle::Throttle;
use shared::time::{Clock, millis};
use shared::{Rejection, UnixMillis};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, warn};

use super::Pipeline;
use super::archiver::Archiver;
use super::ledger::{Accounts, Stream, processed};
use crate::archive::write::Written;
use crate::figures::{CommitFigures, Loaded, Outcome};
use crate::histogram::Histogram;
use crate::ingest::decode::{Batch, Decoder, RejectedEntry};
use crate::ingest::log::{Commit, Fence, Reply};
use crate::ingest::stream_id::StreamId;
use crate::published::Published;
use crate::readings::column::ARRIVAL_MS;
use crate::registry::KeptRegistry;
use crate::state::{Meta, encode_changes};
use crate::store::archived::{Compacted, HOUR_MS, Tiers};
use crate::store::{Accepted, Store};

/// Work for the thread, done in order.
#[derive(Debug)]
pub(super) enum Work {
    /// Decode and merge a batch.
    Merge(Reply),
    /// Prepare a commit of everything merged so far.
    Prepare(Accounts, oneshot::Sender<Prepared>),
    /// Tell that everything before is done.
    Tell(oneshot::Sender<()>),
}

/// A commit that has been prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    /// `None` if nothing has changed since the last one.
    pub(super) commit: Option<Commit>,
    pub(super) figures: CommitFigures,
}

/// A place between two batches, where the stream may be cut.
#[derive(Debug)]
struct Place {
    /// Entries processed up to here.
    processed: u64,
    id: StreamId,
}

/// The owner of the store during a term.
#[derive(Debug)]
pub(super) struct Aggregator {
    store: Store,
    decoder: Decoder,
    meta: Meta,
    cursor: StreamId,
    /// With the last commit that was prepared.
    fence: Fence,
    commits: u64,
    version: u64,
    keep_entries: u64,
    rejected: Vec<RejectedEntry>,
    /// Oldest first.
    places: VecDeque<Place>,
    is_changed: bool,
    accounts: Accounts,
    published: Published,
    clock: Clock,
    registry: KeptRegistry,
    archive: Option<Archive>,
    /// Of these, the log has been told.
    incidents_given_up: u64,
    antennas_max: usize,
    ahead_lines: Throttle,
    untracked_lines: Throttle,
}

/// Where final hours go.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) archiver: Archiver,
    /// Hours that may wait.
    pub(super) hours_max: u64,
    /// How long what is in files is kept.
    pub(super) tiers: Tiers,
    /// Whether so many wait that reading has to.
    pub(super) is_full: watch::Sender<bool>,
}

impl Aggregator {
    /// An aggregator that goes on from what was loaded.
    pub(super) fn new<L>(
        pipeline: &Pipeline<L>,
        fence: Fence,
        loaded: Loaded,
        accounts: Accounts,
        archive: Option<Archive>,
    ) -> Self {
        let (meta, cursor) = (loaded.meta, loaded.cursor);
        let Pipeline { settings, published, clock, registry, .. } = pipeline;
        let antennas_max = usize::try_from(settings.antennas_max).unwrap_or(usize::MAX);
        let interner = loaded.store.antennas().interner().with_max(antennas_max);
        Self {
            decoder: Decoder::new(interner, millis(settings.max_clock_skew)),
            places: VecDeque::from([Place { processed: processed(&meta.ledger), id: cursor }]),
            version: published.snapshot().version,
            keep_entries: settings.keep_entries,
            commits: 0,
            rejected: Vec::new(),
            is_changed: loaded.is_changed,
            store: loaded.store,
            meta,
            cursor,
            fence,
            accounts,
            published: published.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
            archive,
            incidents_given_up: 0,
            antennas_max,
            ahead_lines: Throttle::new(),
            untracked_lines: Throttle::new(),
        }
    }

    /// Works until the queue is closed.
    pub(super) fn run(mut self, mut work: mpsc::Receiver<Work>) -> anyhow::Result<()> {
        while let Some(work) = work.blocking_recv() {
            match work {
                Work::Merge(reply) => self.merge(&reply)?,
                Work::Prepare(accounts, reply) => {
                    let prepared = self.prepare(accounts)?;
                    // If nobody waits for it any more, the term has ended, and so will this thread.
                    let _gone = reply.send(prepared);
                }
                Work::Tell(reply) => {
                    let _gone = reply.send(());
                }
            }
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, reply: &Reply) -> anyhow::Result<()> {
        let started = Instant::now();
        // The socket's side has found the reply's end already, so an error here is a fault of ours.
        let told = reply.broker_time;
        // The time comes behind a reply, so one that is cut has none, and the clocks were compared before.
        let known = || reply.is_cut.then(|| self.published.by_broker(self.clock.now()));
        if let Some(time) = told.or_else(known) {
            self.decoder.set_broker_time(time);
        }
        let batch = match reply.is_cut {
            true => self.decoder.decode_first(&reply.bytes)?.0,
            false => self.decoder.decode(&reply.bytes)?,
        };
        if batch.ids_ahead > 0 && self.ahead_lines.is_due(started) {
            warn!(
                entries = batch.ids_ahead,
                last_id = %batch.last_id,
                "ids are ahead of the broker's clock, which is taken for the arrival instead: somebody appends with ids of \
                 their own, or the broker's clock was set back"
            );
        }
        let decoded = Instant::now();
        self.is_changed |= self.store.expect(&self.registry.current());
        let counting = self.store.count(&batch)?;
        self.tend_archive()?;
        if batch.untracked > 0 {
            self.make_room(batch.untracked, started);
        }
        let now = self.clock.now();
        let broker_now = self.published.by_broker(now);
        self.account(counting.accepted, &batch, broker_now);
        let ages = ages(batch.readings.column(ARRIVAL_MS)?.i64()?.cont_slice()?, broker_now);
        let rows = batch.entries;
        self.published.add_rejected(&batch.rejected);
        self.reject(batch.rejected);
        self.version += 1;
        let snapshot = self.store.snapshot(self.version, self.meta.as_of);
        let merged = Instant::now();
        let times = BatchTimes {
            rows,
            read_ms: ms(reply.read),
            decode_ms: ms(decoded.duration_since(started)),
            aggregate_ms: ms(counting.rolled_up.duration_since(decoded)),
            merge_ms: ms(merged.duration_since(counting.rolled_up)),
        };
        self.published.merged(Outcome {
            snapshot,
            cursor: self.cursor,
            times,
            ages,
            merged,
            merged_at: now,
            ids_ahead: batch.ids_ahead,
        });
        Ok(())
    }

    /// There are more antennas than are kept track of: the forgotten ones give up their places, from the next batch on.
    fn make_room(&mut self, untracked: u64, now: Instant) {
        if self.store.free_forgotten() {
            self.decoder.set_interner(self.store.antennas().interner().with_max(self.antennas_max));
        }
        if self.untracked_lines.is_due(now) {
            warn!(
                entries = untracked,
                antennas_max = self.antennas_max,
                "there are more antennas than ANTENNAS_MAX, and the readings of those beyond are not counted"
            );
        }
    }

    fn account(&mut self, accepted: Accepted, batch: &Batch, now: UnixMillis) {
        let ledger = &mut self.meta.ledger;
        ledger.counted += accepted.counted;
        ledger.duplicates += accepted.duplicates;
        ledger.too_late += accepted.too_late;
        ledger.untracked += batch.untracked;
        for (reason, count) in Rejection::ALL.into_iter().zip(batch.rejected_counts) {
            *ledger.rejected.entry(reason).or_default() += count;
        }
        if accepted.counted > 0 {
            self.meta.as_of = Some(now);
        }
        self.cursor = batch.last_id;
        self.is_changed = true;
        self.places.push_back(Place { processed: processed(ledger), id: self.cursor });
    }

    fn reject(&mut self, entries: Vec<RejectedEntry>) {
        self.rejected.extend(entries);
        self.rejected.drain(..RejectedEntry::surplus(&self.rejected));
    }

    /// Hands over the hours that have become final, and takes note of those that are in files now. Where too many wait, reading
    /// waits for the archive; a network that is watched now cannot wait for one that is away, so that the oldest hours are given
    /// up.
    fn tend_archive(&mut self) -> PolarsResult<()> {
        let now = self.now();
        let Some(Archive { archiver, hours_max, tiers, is_full }) = &mut self.archive else { return Ok(()) };
        self.is_changed |= archiver.take(&mut self.store, now)?;
        self.is_changed |= self.store.expire(*tiers, now);
        archiver.hand_over(&self.store, now);
        let given_up = self.store.incidents().given_up();
        if given_up > self.incidents_given_up {
            let incidents = given_up - self.incidents_given_up;
            error!(incidents, "the archive is away for too long: the oldest incidents were given up");
            self.incidents_given_up = given_up;
        }
        let is_live = self.store.clock().watermark_ms >= now.0.saturating_sub(HOUR_MS);
        while is_live && self.store.final_hours() > *hours_max {
            // Many hours become final at once where no reading came for long: each of them is tried before.
            let oldest = self.store.final_hour(i64::MIN).map(|(start_ms, _)| start_ms);
            let Some(start_ms) = oldest.filter(|start_ms| archiver.has_failed(*start_ms)) else { break };
            archiver.skip_before(start_ms + HOUR_MS);
            let readings = self.store.give_up(start_ms)?;
            error!(hour = %UnixMillis(start_ms), readings, "the archive is away for too long: an hour was given up");
            self.is_changed = true;
        }
        let waits = self.store.final_hours() > *hours_max;
        is_full.send_if_modified(|is_full| std::mem::replace(is_full, waits) != waits);
        Ok(())
    }

    /// Takes note of an hour that was written without a thread.
    pub(super) fn archived(&mut self, written: Written) -> PolarsResult<()> {
        self.is_changed = true;
        self.store.archive(written.span, &written.courses)
    }

    /// Takes note of a day that was compacted without a thread.
    pub(super) fn compacted(&mut self, compacted: Compacted) {
        self.is_changed = true;
        self.store.compact(compacted, self.now());
    }

    /// Forgets what in files is not kept any more, without an archive of its own.
    pub(super) fn expire(&mut self, tiers: Tiers) {
        self.is_changed |= self.store.expire(tiers, self.now());
    }

    /// The broker's clock.
    fn now(&self) -> UnixMillis {
        self.published.by_broker(self.clock.now())
    }

    /// Takes note of an hour of an import whose files were written.
    pub(super) fn import(&mut self, id: &str, written: Written) -> PolarsResult<()> {
        let readings = written.span.readings;
        self.store.import(id, written.span, &written.courses)?;
        self.meta.ledger.imported += readings;
        self.is_changed = true;
        Ok(())
    }

    /// The store.
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn prepare(&mut self, accounts: Accounts) -> PolarsResult<Prepared> {
        self.is_changed |= self.store.expect(&self.registry.current());
        self.tend_archive()?;
        if self.store.revision() != self.published.snapshot().revision {
            // Nothing may be merged for long, so the next batch cannot be left to show what is in files now.
            self.version += 1;
            self.published.archived(self.store.snapshot(self.version, self.meta.as_of));
        }
        self.store.kept()?.enter(&mut self.meta.ledger);
        let committed = std::mem::replace(&mut self.accounts, accounts);
        let is_settled = accounts.trimmed_unread != committed.trimmed_unread;
        let commit = if self.is_changed || is_settled || accounts.stream != Stream::Same {
            self.store.build_tiles()?;
            Some(self.commit()?)
        } else {
            None
        };
        let incidents_ended = self.meta.incidents_before + self.store.incidents().ended();
        let ledger = self.meta.ledger.clone();
        let snapshot = self.published.snapshot();
        Ok(Prepared { commit, figures: CommitFigures { ledger, cursor: self.cursor, incidents_ended, snapshot } })
    }

    fn commit(&mut self) -> PolarsResult<Commit> {
        let event = self.store.clock();
        self.meta.cursor = self.cursor.to_string();
        self.meta.newest_ms = event.has_started().then_some(event.newest_ms);
        self.meta.watermark_ms = event.has_started().then_some(event.watermark_ms);
        self.accounts.enter(&mut self.meta);
        self.meta.awaits_group = self.accounts.stream == Stream::Behind;
        let changes = self.store.take_changes();
        let (fields, dropped) = encode_changes(&self.store, &changes, &self.meta)?;
        self.commits += 1;
        self.is_changed = false;
        let commit = Commit {
            fence: self.fence.clone(),
            number: self.commits,
            fields,
            dropped,
            rejected: std::mem::take(&mut self.rejected),
            cursor: self.cursor,
            group: self.accounts.stream.group(),
            entries_read: self.accounts.entries_read(processed(&self.meta.ledger)),
            trim_before: self.trim_before(),
        };
        self.fence.commit = Some(commit.name());
        Ok(commit)
    }

    /// The newest place that leaves the entries to keep between itself and the cursor.
    fn trim_before(&mut self) -> Option<StreamId> {
        let limit = processed(&self.meta.ledger).checked_sub(self.keep_entries)?;
        let mut newest = None;
        while let Some(place) = self.places.pop_front_if(|place| place.processed <= limit) {
            newest = Some(place.id);
        }
        newest.filter(|id| *id != StreamId::ZERO)
    }
}

/// How long ago the readings arrived, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "an age in milliseconds is far below 2^53")]
fn ages(arrival_ms: &[i64], now: UnixMillis) -> Histogram {
    let mut ages = Histogram::default();
    // Readings arrive in order, so equal ages lie side by side and are looked up once.
    for run in arrival_ms.chunk_by(|a, b| a == b) {
        ages.add(now.0.saturating_sub(run[0]).max(0) as f64, run.len() as u64);
    }
    ages
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
