//! The beginning of a term: the committed state is read back.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use shared::api::Phase;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ledger::Seen;
use super::retry::Retry;
use super::{Ended, LEASE, Pipeline, PipelineError, empty_store};
use crate::figures::Loaded;
use crate::ingest::decode::RejectedEntry;
use crate::ingest::log::{Fence, Log, LogError, Reader as _};
use crate::ingest::resp::{EntryRef, ReplyParser, Visitor};
use crate::ingest::stream_id::{NotAStreamId, StreamId};
use crate::state::{Meta, Restored, StateError};

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
        shutdown: &CancellationToken,
    ) -> Result<ControlFlow<Ended, Loaded>, PipelineError> {
        let started = Instant::now();
        let mut retry = Retry::new("loading the committed state", self.lines.loading.clone());
        loop {
            let pause = match self.try_load(fence, seen).await {
                Ok(loaded) => {
                    info!(duration_ms = started.elapsed().as_millis(), "loaded the committed state");
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
        let rejected = self.newest_rejected().await?;
        let store = empty_store(&self.settings, self.thresholds);
        let (store, mut meta) = on_thread(move || restored.finish(store)).await?;
        let cursor = meta
            .cursor
            .parse()
            .map_err(|error: NotAStreamId| StateError::Damaged { field: "meta".to_owned(), why: error.to_string() })?;
        let lost = self.lost(fence, seen, &meta).await?;
        meta.ledger.lost_by_broker += lost;
        Ok(Loaded { store, meta, cursor, rejected, lost })
    }

    /// How many entries that this process had seen are gone because the broker went back. What lies behind the last entry
    /// seen is new; it is counted by reading it.
    async fn lost(&self, fence: &Fence, seen: Option<Seen>, meta: &Meta) -> Result<u64, LogError> {
        // If others have owned the stream meanwhile, they have seen what happened to it.
        let Some(seen) = seen.filter(|seen| fence.epoch <= seen.epoch + 1) else { return Ok(0) };
        let info = self.log.renew(fence, LEASE).await?;
        let mut newer = Newer { after: seen.last_id, until: info.last_id, entries: 0 };
        let mut reader = self.log.reader(fence).await?;
        while newer.after < newer.until {
            let reply = reader.read(newer.after, COUNTED_AT_ONCE, Duration::ZERO).await?;
            if reply.entries == 0 {
                break;
            }
            ReplyParser::default().feed(&reply.bytes, &mut newer)?;
            newer.after = reply.last_id;
            self.log.renew(fence, LEASE).await?;
        }
        let lost = seen.lost(meta, info, newer.entries);
        if lost > 0 {
            warn!(lost, "the broker has lost entries that it had confirmed");
        }
        Ok(lost)
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

/// Counts entries behind one and up to another.
struct Newer {
    after: StreamId,
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
