//! Reads the next batch while the last one is decoded and merged.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::aggregator::Work;
use super::health::Health;
use super::retry::{Lines, Retry};
use crate::ingest::log::{Fence, Log, LogError, Reader as _, Reply};
use crate::ingest::stream_id::StreamId;
use crate::settings::PipelineSettings;

/// A read waits this long for the first entry before it is sent again.
const READ_WAIT: Duration = Duration::from_secs(1);

/// After this many full batches in a row, the stream counts as having had a backlog.
const BACKLOG_BATCHES: u32 = 4;

/// The read loop of a term.
#[derive(Debug)]
pub(super) struct ReadLoop<L> {
    pub(super) log: L,
    pub(super) settings: PipelineSettings,
    pub(super) fence: Fence,
    pub(super) lines: Lines,
    /// The last entry read.
    pub(super) cursor: StreamId,
    pub(super) work: mpsc::Sender<Work>,
    pub(super) health: Arc<Health>,
    /// Notified when a backlog has been read to its end.
    pub(super) caught_up: Arc<Notify>,
}

impl<L: Log> ReadLoop<L> {
    /// Reads batch after batch and hands them to the aggregator, until cancelled.
    pub(super) async fn run(mut self, cancelled: CancellationToken) {
        let mut retry = Retry::new("reading the stream", self.lines.clone());
        let mut reader = None;
        let mut full_batches = 0;
        loop {
            let started = Instant::now();
            let result = tokio::select! {
                result = self.read(&mut reader) => result,
                () = cancelled.cancelled() => return,
            };
            let next = match result {
                Ok(reply) => {
                    let entries = reply.entries;
                    if entries > 0 {
                        self.cursor = reply.last_id;
                        // A closed channel means that the term has ended.
                        if self.work.send(Work::Merge(reply)).await.is_err() {
                            return;
                        }
                    }
                    let is_full = entries >= u64::from(self.settings.batch_max);
                    if !is_full && full_batches >= BACKLOG_BATCHES {
                        self.caught_up.notify_one();
                    }
                    full_batches = if is_full { full_batches + 1 } else { 0 };
                    self.health.set_reading(true);
                    retry.succeeded();
                    // A batch that was not full gives the next one time to fill.
                    if entries > 0 && !is_full { started + self.settings.batch_wait } else { started }
                }
                Err(error) => {
                    reader = None;
                    self.health.reading_failed(&error);
                    Instant::now() + retry.failed(&error)
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = cancelled.cancelled() => return,
            }
        }
    }

    /// One read, over a new connection if there is none.
    async fn read(&self, reader: &mut Option<L::Reader>) -> Result<Reply, LogError> {
        let connected = match reader.take() {
            Some(connected) => connected,
            None => self.log.reader(&self.fence).await?,
        };
        let max = usize::try_from(self.settings.batch_max).unwrap_or(usize::MAX);
        reader.insert(connected).read(self.cursor, max, READ_WAIT).await
    }
}
