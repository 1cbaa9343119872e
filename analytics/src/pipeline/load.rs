//! The beginning of a term: the committed state is read back.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use shared::UnixMillis;
use shared::api::Phase;
use shared::time::millis;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::ledger::{Accounts, Place, Seen, processed, resume};
use super::retry::Retry;
use super::{Ended, LEASE, Pipeline, PipelineError, empty_store};
use crate::figures::Loaded;
use crate::ingest::decode::RejectedEntry;
use crate::ingest::log::{COMMIT_FIELD, Fence, Log, LogError, Reader as _, StreamInfo};
use crate::ingest::resp::{EntryRef, ReplyParser, Visitor};
use crate::ingest::stream_id::{NotAStreamId, StreamId};
use crate::state::{Meta, Restored, StateError};
use crate::store::Store;

/// The number of newest rejected entries that are read back, to show examples of.
const REJECTED_READ_BACK: usize = 1_000;

/// The number of fields of the state that are read at a time.
const STATE_FIELDS_AT_ONCE: usize = 64;

/// The number of entries that are counted at a time where the broker went back.
const COUNTED_AT_ONCE: usize = 10_000;

impl<L: Log> Pipeline<L> {
    /// Reads the committed state back, unless the term ends first.
    pub(super) async fn load(
        &self,
        fence: &Fence,
        seen: Option<Seen>,
        is_told: bool,
        shutdown: &CancellationToken,
    ) -> Result<ControlFlow<Ended, Loaded>, PipelineError> {
        let started = Instant::now();
        let mut retry = Retry::new("loading the committed state", self.lines.loading.clone());
        loop {
            let pause = match self.try_load(fence, seen).await {
                Ok(loaded) => {
                    if is_told {
                        info!(duration_ms = started.elapsed().as_millis(), "loaded the committed state");
                    }
                    return Ok(ControlFlow::Continue(loaded));
                }
                Err(PipelineError::Broker(LogError::Fenced)) => return Ok(ControlFlow::Break(Ended::Fenced)),
                Err(PipelineError::Broker(LogError::Back(why))) => return Ok(ControlFlow::Break(Ended::Back(why))),
                Err(PipelineError::Broker(error @ (LogError::Away(_) | LogError::Refused(_)))) => {
                    self.published.broker_failed(&error);
                    self.published.set_phase(Phase::BrokerAway);
                    retry.failed(&error)
                }
                Err(error) => return Err(error),
            };
            if timeout(pause, shutdown.cancelled()).await.is_ok() {
                return Ok(ControlFlow::Break(Ended::Shutdown));
            }
        }
    }

    pub(super) async fn try_load(&self, fence: &Fence, seen: Option<Seen>) -> Result<Loaded, PipelineError> {
        let mut restored = Restored::default();
        for names in self.log.state_names().await?.chunks(STATE_FIELDS_AT_ONCE) {
            let fields = self.log.state(names).await?;
            restored = on_thread(move || restored.take(&fields).map(|()| restored)).await?;
            // A large state takes longer than a lease.
            self.log.renew(fence, LEASE).await?;
        }
        restored.check_marker()?;
        let rejected = self.newest_rejected().await?;
        let is_new = restored.is_new();
        let store = empty_store(&self.settings, self.thresholds).with_partition(self.partition);
        let registry = self.registry.current();
        let (mut store, mut meta) = on_thread(move || restored.finish(store)).await?;
        let is_judged_anew = store.expect(&registry);
        if is_new {
            meta.partitions = self.partitions;
        }
        meta.check_partitions(self.partitions)?;
        let cursor = meta
            .cursor
            .parse()
            .map_err(|error: NotAStreamId| StateError::Damaged { field: "meta".to_owned(), why: error.to_string() })?;
        let info = self.log.renew(fence, LEASE).await?;
        let info = StreamInfo { has_group: info.has_group && self.log.has_group().await?, ..info };
        let place = if info.has_group { None } else { Some(self.place(cursor, fence, info).await?) };
        let cursor = resume(&mut meta, cursor, info, place);
        let cursor = self.reachable(cursor, fence, &meta, info).await?;
        self.check_watermark(&meta, info);
        let lost = self.lost(fence, seen, &meta).await?;
        meta.ledger.lost_by_broker += lost;
        // That there are several partitions is committed before any reading is.
        let is_changed = is_judged_anew || lost > 0 || meta.awaits_group || (is_new && self.partitions > 1);
        Ok(Loaded { store, meta, cursor, rejected, is_changed })
    }

    /// What was committed last, for who does not own the stream; `None` where that is the commit that is known, or none. While
    /// somebody goes on committing there is an owner to ask, so that is an error.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub(crate) async fn committed(&self, known: Option<&str>) -> Result<Option<Committed>, PipelineError> {
        let Some(commit) = self.last_commit().await? else { return Ok(None) };
        if known == Some(commit.as_str()) {
            return Ok(None);
        }
        let mut restored = Restored::default();
        for names in self.log.state_names().await?.chunks(STATE_FIELDS_AT_ONCE) {
            let fields = self.log.state(names).await?;
            restored = on_thread(move || restored.take(&fields).map(|()| restored)).await?;
        }
        restored.check_marker()?;
        let store = empty_store(&self.settings, self.thresholds).with_partition(self.partition);
        let (store, meta) = on_thread(move || restored.finish(store)).await?;
        meta.check_partitions(self.partitions)?;
        if self.last_commit().await?.as_ref() != Some(&commit) {
            return Err(LogError::Away("another process committed meanwhile".to_owned()).into());
        }
        Ok(Some(Committed { store, meta, commit }))
    }

    async fn last_commit(&self) -> Result<Option<String>, LogError> {
        let fields = self.log.state(&[COMMIT_FIELD.to_owned()]).await?;
        Ok(fields.into_iter().next().map(|(_, commit)| String::from_utf8_lossy(&commit).into_owned()))
    }

    /// The committed state as it is once everything that the broker tells of the stream is accounted for, and the entry behind which
    /// reading would go on.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub(crate) async fn load_settled(&self, fence: &Fence) -> Result<(Store, Meta, StreamId), PipelineError> {
        let Loaded { store, mut meta, cursor, .. } = self.try_load(fence, None).await?;
        let info = self.log.renew(fence, LEASE).await?;
        let mut accounts = Accounts::new(&meta, cursor);
        let mut ledger = meta.ledger.clone();
        accounts.balance(&mut ledger, cursor, info);
        meta.cursor = cursor.to_string();
        accounts.enter(&mut meta);
        Ok((store, meta, cursor))
    }

    /// Shows the entries behind one to a visitor.
    ///
    /// # Errors
    /// [`LogError`].
    pub(crate) async fn visit_unread(
        &self,
        fence: &Fence,
        cursor: StreamId,
        visitor: &mut (impl for<'a> Visitor<'a> + Send),
    ) -> Result<(), LogError> {
        let info = self.log.renew(fence, LEASE).await?;
        self.walk(fence, cursor, info.last_id, visitor).await
    }

    /// Where an id lies in the stream.
    async fn place(&self, id: StreamId, fence: &Fence, info: StreamInfo) -> Result<Place, LogError> {
        let is_there = self.is_there(id, fence, info).await?;
        Ok(Place { is_there, newer: self.newer(id, fence, info).await? })
    }

    /// How many entries are behind an id.
    async fn newer(&self, id: StreamId, fence: &Fence, info: StreamInfo) -> Result<u64, LogError> {
        let mut newer = Newer { until: info.last_id, entries: 0 };
        self.walk(fence, id, info.last_id, &mut newer).await?;
        Ok(newer.entries)
    }

    /// Whether the stream holds an entry with this id.
    async fn is_there(&self, id: StreamId, fence: &Fence, info: StreamInfo) -> Result<bool, LogError> {
        if info.length == 0 || id < info.first_id || id > info.last_id {
            return Ok(false);
        }
        let mut reader = self.log.reader(fence).await?;
        Ok(reader.read(id.before(), 1, Duration::ZERO).await?.last_id == id)
    }

    /// The cursor to begin after. Behind the largest id there is nothing. Where an operator took the entry with that id out, the
    /// last entry that was read is found by their number.
    async fn reachable(
        &self,
        cursor: StreamId,
        fence: &Fence,
        meta: &Meta,
        info: StreamInfo,
    ) -> Result<StreamId, LogError> {
        if cursor != StreamId::MAX || info.last_id == StreamId::MAX {
            return Ok(cursor);
        }
        let read = Accounts::new(meta, cursor).entries_read(processed(&meta.ledger));
        let unread = info.entries_added.saturating_sub(read);
        let mut found = Nth { left: info.length.saturating_sub(unread), last_id: StreamId::ZERO };
        self.walk(fence, StreamId::ZERO, info.last_id, &mut found).await?;
        Ok(found.last_id)
    }

    /// Says where the state's watermark is so far ahead of the broker's clock that every right reading is too late, as in state of
    /// versions that took an entry's id for that clock. It is not set back: the clock may be the wrong one of the two.
    fn check_watermark(&self, meta: &Meta, info: StreamInfo) {
        let (Some(watermark_ms), Some(now)) = (meta.watermark_ms, info.broker_time) else { return };
        let kept_ms = millis(self.settings.retention).saturating_add(millis(self.settings.max_clock_skew));
        if watermark_ms > now.0.saturating_add(kept_ms) {
            error!(
                watermark = %UnixMillis(watermark_ms),
                broker_time = %now,
                "the state's watermark is ahead of the broker's clock by more than RETENTION, so readings of now are too \
                 late; docs/operations.md (A watermark ahead of the clock) says what to do"
            );
        }
    }

    /// How many entries that this process had seen are gone because the broker went back. What lies behind the last entry
    /// seen is new; it is counted by reading it. Of a stream that was made anew since, everything is.
    async fn lost(&self, fence: &Fence, seen: Option<Seen>, meta: &Meta) -> Result<u64, LogError> {
        // If others have owned the stream meanwhile, they have seen what happened to it.
        let is_known = |seen: &Seen| seen.is_known_in(fence.epoch) && seen.last_id != StreamId::MAX;
        let Some(seen) = seen.filter(is_known) else { return Ok(0) };
        let info = self.log.renew(fence, LEASE).await?;
        let is_same = info.has_group || self.is_there(seen.last_id, fence, info).await?;
        let newer = if is_same { self.newer(seen.last_id, fence, info).await? } else { info.entries_added };
        let lost = seen.lost(meta, info.entries_added.saturating_sub(newer));
        if lost > 0 {
            warn!(lost, "the broker has lost entries that it had confirmed");
        }
        Ok(lost)
    }

    /// Visits the entries behind one and, at least, up to another.
    async fn walk(
        &self,
        fence: &Fence,
        mut after: StreamId,
        until: StreamId,
        visitor: &mut (impl for<'a> Visitor<'a> + Send),
    ) -> Result<(), LogError> {
        let mut reader = self.log.reader(fence).await?;
        while after < until {
            let reply = reader.read(after, COUNTED_AT_ONCE, Duration::ZERO).await?;
            if reply.entries == 0 {
                break;
            }
            ReplyParser::default().feed(&reply.bytes, visitor)?;
            after = reply.last_id;
            if reply.is_cut {
                reader = self.log.reader(fence).await?;
            }
            self.log.renew(fence, LEASE).await?;
        }
        Ok(())
    }

    /// The newest rejected entries, oldest first. They are only shown, so a broker that refuses them does not stop the
    /// term.
    async fn newest_rejected(&self) -> Result<Vec<RejectedEntry>, LogError> {
        match self.log.newest_rejected(REJECTED_READ_BACK).await {
            Ok(mut newest) => {
                newest.reverse();
                Ok(newest)
            }
            Err(LogError::Refused(why)) => {
                warn!("rejected entries of earlier terms are not shown: {why}");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

/// What was committed last, as somebody reads it who does not own the stream.
#[derive(Debug)]
pub(crate) struct Committed {
    /// All that was counted.
    pub(crate) store: Store,
    /// The ledger, and what else is committed beside the store.
    pub(crate) meta: Meta,
    /// The name of the commit.
    pub(crate) commit: String,
}

/// Finds the last of so many entries.
struct Nth {
    left: u64,
    last_id: StreamId,
}

impl Visitor<'_> for Nth {
    fn end(&mut self, entry: EntryRef<'_>) {
        if self.left > 0 {
            self.left -= 1;
            self.last_id = entry.id;
        }
    }
}

/// Counts entries up to one.
struct Newer {
    until: StreamId,
    entries: u64,
}

impl Visitor<'_> for Newer {
    fn end(&mut self, entry: EntryRef<'_>) {
        self.entries += u64::from(entry.id <= self.until);
    }
}

/// Runs work that uses Polars on a thread of its own, as it would block one of the async runtime.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, PipelineError> {
    let (reply, result) = oneshot::channel();
    let thread = thread::Builder::new().name("loader".to_owned()).spawn(move || {
        // Nobody waits for the result once the process is to end.
        let _gone = reply.send(work());
    });
    thread.map_err(|error| PipelineError::Aggregator(error.to_string()))?;
    let result = result.await.map_err(|_| PipelineError::Aggregator("it panicked".to_owned()))?;
    result.map_err(Into::into)
}
