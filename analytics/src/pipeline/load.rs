//! The beginning of a term: the committed state is read back.

use std::ops::ControlFlow;
use std::thread;
use std::time::Instant;

use shared::api::Phase;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::retry::Retry;
use super::{Ended, LEASE, Pipeline, PipelineError, empty_store};
use crate::figures::Loaded;
use crate::ingest::decode::RejectedEntry;
use crate::ingest::log::{Epoch, Log, LogError};
use crate::ingest::stream_id::NotAStreamId;
use crate::state::{Restored, StateError};

/// The number of newest rejected entries that are read back, to show examples of.
const REJECTED_READ_BACK: usize = 1_000;

/// The number of fields of the state that are read at a time.
const STATE_FIELDS_AT_ONCE: usize = 64;

impl<L: Log> Pipeline<L> {
    /// Reads the committed state back, unless the term ends first.
    pub(super) async fn load(
        &self,
        epoch: Epoch,
        shutdown: &CancellationToken,
    ) -> Result<ControlFlow<Ended, Loaded>, PipelineError> {
        let started = Instant::now();
        let mut retry = Retry::new("loading the committed state");
        loop {
            let pause = match self.try_load(epoch).await {
                Ok(loaded) => {
                    info!(duration_ms = started.elapsed().as_millis(), "loaded the committed state");
                    return Ok(ControlFlow::Continue(loaded));
                }
                Err(PipelineError::Broker(LogError::Fenced)) => return Ok(ControlFlow::Break(Ended::Again)),
                Err(PipelineError::Broker(error @ (LogError::Away(_) | LogError::Refused(_)))) => {
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

    async fn try_load(&self, epoch: Epoch) -> Result<Loaded, PipelineError> {
        let mut restored = Restored::default();
        for names in self.log.state_names().await?.chunks(STATE_FIELDS_AT_ONCE) {
            let fields = self.log.state(names).await?;
            restored = on_thread(move || restored.take(&fields).map(|()| restored)).await?;
            // A large state takes longer than a lease.
            self.log.renew(epoch, LEASE).await?;
        }
        let rejected = self.newest_rejected().await?;
        let store = empty_store(&self.settings, self.thresholds);
        let (store, meta) = on_thread(move || restored.finish(store)).await?;
        let cursor = meta
            .cursor
            .parse()
            .map_err(|error: NotAStreamId| StateError::Damaged { field: "meta".to_owned(), why: error.to_string() })?;
        Ok(Loaded { store, meta, cursor, rejected })
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
