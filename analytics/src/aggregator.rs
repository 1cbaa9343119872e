//! The thread that owns the store: it merges batches and prepares commits, one after the other.
//!
//! Work on frames blocks the thread that does it, which must not be one of the async runtime.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use polars::prelude::PolarsResult;
use shared::api::{BatchTimes, Ledger};
use shared::keys::REJECTED_MAX_ENTRIES;
use shared::time::millis;
use shared::{Rejection, UnixMillis};
use tokio::sync::{mpsc, oneshot};

use crate::aggregate::{Grid, Keys, Partials};
use crate::clock::Clock;
use crate::decode::{Batch, Decoder, RejectedEntry};
use crate::ledger::{Accounts, processed};
use crate::log::{Commit, Epoch, Reply};
use crate::published::Published;
use crate::settings::PipelineSettings;
use crate::sketch;
use crate::state::{Meta, encode_changes};
use crate::store::{Accepted, Store};
use crate::stream_id::StreamId;

/// Work for the thread, done in order.
#[derive(Debug)]
pub(crate) enum Work {
    /// Decode and merge a batch.
    Merge(Reply),
    /// Prepare a commit of everything merged so far.
    Prepare(Accounts, oneshot::Sender<Prepared>),
}

/// A commit with what the commit loop has to know of it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The commit; `None` where nothing has changed since the last one.
    pub(crate) commit: Option<Commit>,
    /// The ledger as of the commit.
    pub(crate) ledger: Ledger,
    /// The cursor as of the commit.
    pub(crate) cursor: StreamId,
    /// Incidents that have ended as of the commit, since the stream's beginning.
    pub(crate) incidents_ended: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Aggregator {
    store: Store,
    decoder: Decoder,
    meta: Meta,
    cursor: StreamId,
    epoch: Epoch,
    commits: u64,
    version: u64,
    keep_entries: u64,
    rejected: Vec<RejectedEntry>,
    /// Places between batches, as (entries processed, id), oldest first: where the stream may be cut.
    places: VecDeque<(u64, StreamId)>,
    is_changed: bool,
    accounts: Accounts,
    published: Published,
    clock: Clock,
}

impl Aggregator {
    pub(crate) fn new(
        (store, meta, cursor): (Store, Meta, StreamId),
        epoch: Epoch,
        settings: &PipelineSettings,
        accounts: Accounts,
        published: Published,
        clock: Clock,
    ) -> Self {
        let version = published.snapshot().version;
        let places = VecDeque::from([(processed(&meta.ledger), cursor)]);
        let decoder = Decoder::new(store.antennas().interner(), millis(settings.max_clock_skew));
        Self {
            store,
            decoder,
            meta,
            cursor,
            epoch,
            commits: 0,
            version,
            keep_entries: settings.keep_entries,
            rejected: Vec::new(),
            places,
            is_changed: false,
            accounts,
            published,
            clock,
        }
    }

    /// Works until nobody can send work any more.
    pub(crate) fn run(mut self, mut work: mpsc::Receiver<Work>) -> anyhow::Result<()> {
        while let Some(work) = work.blocking_recv() {
            match work {
                Work::Merge(reply) => self.merge(&reply)?,
                Work::Prepare(accounts, reply) => {
                    let prepared = self.prepare(accounts)?;
                    // Whoever asked may be gone: then the term has ended and so does this thread.
                    let _gone = reply.send(prepared);
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, reply: &Reply) -> anyhow::Result<()> {
        let started = Instant::now();
        // The socket's side has walked over it already, so what fails here is a fault of ours.
        let batch = self.decoder.decode(&reply.bytes)?;
        let decoded = Instant::now();
        let (accepted, readings, revised) = self.store.accept(&batch);
        let partials = Partials::from_readings(readings)?;
        let partials = Partials::roll_up([&partials], Keys { pane: Some(Grid::of_width(1)), antenna: true })?;
        let aggregated = Instant::now();
        if accepted.counted > 0 {
            self.store.merge(&partials, &revised)?;
        }
        let now = self.clock.now();
        self.account(accepted, &batch, now);
        let ages = ages(&batch.arrival_ms, now);
        let rows = batch.entries;
        self.published.add_rejected(&batch.rejected);
        self.reject(batch.rejected);
        self.version += 1;
        let snapshot = self.store.snapshot(self.version, self.meta.as_of);
        let merged = Instant::now();
        let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
        let times = BatchTimes {
            rows,
            read_ms: ms(reply.read),
            decode_ms: ms(decoded.duration_since(started)),
            aggregate_ms: ms(aggregated.duration_since(decoded)),
            merge_ms: ms(merged.duration_since(aggregated)),
        };
        self.published.merged(snapshot, self.cursor, times, ages, (merged, now));
        Ok(())
    }

    fn account(&mut self, accepted: Accepted, batch: &Batch, now: UnixMillis) {
        let ledger = &mut self.meta.ledger;
        ledger.counted += accepted.counted;
        ledger.duplicates += accepted.duplicates;
        ledger.too_late += accepted.too_late;
        for (reason, count) in Rejection::ALL.into_iter().zip(batch.rejected_counts) {
            *ledger.rejected.entry(reason).or_default() += count;
        }
        if accepted.counted > 0 {
            self.meta.as_of = Some(now);
        }
        self.cursor = batch.last_id;
        self.is_changed = true;
        self.places.push_back((processed(ledger), self.cursor));
    }

    fn reject(&mut self, entries: Vec<RejectedEntry>) {
        self.rejected.extend(entries);
        let surplus = self.rejected.len().saturating_sub(REJECTED_MAX_ENTRIES);
        self.rejected.drain(..surplus);
    }

    fn prepare(&mut self, accounts: Accounts) -> PolarsResult<Prepared> {
        let trimmed_before = self.accounts.trimmed_unread;
        self.accounts = accounts;
        let commit = if self.is_changed || accounts.trimmed_unread != trimmed_before {
            self.store.build_tiles()?;
            Some(self.commit()?)
        } else {
            None
        };
        let (ledger, incidents_ended) = (self.meta.ledger.clone(), self.store.incidents().ended());
        Ok(Prepared { commit, ledger, cursor: self.cursor, incidents_ended })
    }

    fn commit(&mut self) -> PolarsResult<Commit> {
        let event = self.store.clock();
        self.meta.cursor = self.cursor.to_string();
        self.meta.newest_ms = event.has_started().then_some(event.newest_ms);
        self.meta.watermark_ms = event.has_started().then_some(event.watermark_ms);
        self.meta.ledger.trimmed_unread = self.accounts.trimmed_unread;
        self.meta.entries_before = self.accounts.entries_before;
        self.meta.entries_seen = self.accounts.entries_seen;
        let changes = self.store.take_changes();
        let (fields, dropped) = encode_changes(&self.store, &changes, &self.meta)?;
        self.commits += 1;
        self.is_changed = false;
        Ok(Commit {
            epoch: self.epoch,
            number: self.commits,
            fields,
            dropped,
            rejected: std::mem::take(&mut self.rejected),
            cursor: self.cursor,
            entries_read: self.accounts.entries_read(processed(&self.meta.ledger)),
            trim_before: self.trim_before(),
        })
    }

    /// The newest place that leaves the entries to keep behind the cursor.
    fn trim_before(&mut self) -> Option<StreamId> {
        let limit = processed(&self.meta.ledger).checked_sub(self.keep_entries)?;
        let mut place = None;
        while self.places.front().is_some_and(|(count, _)| *count <= limit) {
            place = self.places.pop_front();
        }
        let (_, id) = place?;
        (id != StreamId::ZERO).then_some(id)
    }
}

/// How long ago the readings arrived, as counts by bucket of milliseconds.
#[expect(clippy::cast_precision_loss, reason = "an age in milliseconds is far below 2^53")]
fn ages(arrival_ms: &[i64], now: UnixMillis) -> BTreeMap<i32, u64> {
    let mut ages = BTreeMap::new();
    // Readings arrive in order, so equal ages lie side by side and are looked up once.
    for run in arrival_ms.chunk_by(|a, b| a == b) {
        let age_ms = now.0.saturating_sub(run[0]).max(0) as f64;
        *ages.entry(sketch::bucket(age_ms)).or_default() += run.len() as u64;
    }
    ages
}
