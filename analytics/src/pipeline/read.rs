//! Reads the next batch while the last one is decoded and merged.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::aggregator::Work;
use super::health::Health;
use super::retry::{Lines, Retry};
use crate::ingest::log::{Fence, Log, LogError, REPLY_BYTES_MAX, Reader as _, Reply};
use crate::ingest::stream_id::StreamId;
use crate::settings::PipelineSettings;

/// A read waits this long for the first entry before it is sent again.
const READ_WAIT: Duration = Duration::from_secs(1);

/// After this many full batches in a row, the stream counts as having had a backlog.
const BACKLOG_BATCHES: u32 = 4;

/// So many entries are asked for that a reply has about so many bytes, judging by the last one.
const REPLY_BYTES: usize = REPLY_BYTES_MAX * 2 / 3;

/// So many entries are asked for first: how large they are is not known yet, and the broker holds its whole reply.
const FIRST_ENTRIES: usize = 64;

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
    /// Whether so many hours wait for the archive that reading has to wait as well.
    pub(super) archive_is_full: watch::Receiver<bool>,
    pub(super) health: Arc<Health>,
    /// Notified when a backlog has been read to its end.
    pub(super) caught_up: Arc<Notify>,
    /// Told why, where the broker is found to be another one. The connection for commits may not have noticed.
    pub(super) went_back: oneshot::Sender<String>,
}

impl<L: Log> ReadLoop<L> {
    /// Reads batch after batch and hands them to the aggregator, until cancelled.
    pub(super) async fn run(mut self, cancelled: CancellationToken) {
        let mut retry = Retry::new("reading the stream", self.lines.clone());
        let mut reader = None;
        let mut full_batches = 0;
        let batch_max = usize::try_from(self.settings.batch_max).unwrap_or(usize::MAX);
        let mut count = batch_max.min(FIRST_ENTRIES);
        loop {
            tokio::select! {
                // Where nothing is archived, there is nobody to say so.
                _ = self.archive_is_full.wait_for(|is_full| !is_full) => {}
                () = cancelled.cancelled() => return,
            }
            let started = Instant::now();
            let result = tokio::select! {
                result = self.read(&mut reader, count) => result,
                () = cancelled.cancelled() => return,
            };
            let next = match result {
                Ok(reply) => {
                    let entries = reply.entries;
                    let is_full = reply.is_cut || entries >= count as u64;
                    if reply.is_cut {
                        reader = None;
                    }
                    let bytes = reply.bytes.len();
                    if let Some(each) = (bytes as u64).checked_div(entries) {
                        let fit = REPLY_BYTES as u64 / each.max(1);
                        count = usize::try_from(fit).unwrap_or(batch_max).clamp(1, batch_max);
                        self.cursor = reply.last_id;
                        // A closed channel means that the term has ended.
                        if self.work.send(Work::Merge(reply)).await.is_err() {
                            return;
                        }
                        // One huge entry is in memory at a time.
                        if bytes > REPLY_BYTES_MAX && self.merged().await.is_err() {
                            return;
                        }
                    }
                    if !is_full && full_batches >= BACKLOG_BATCHES {
                        self.caught_up.notify_one();
                    }
                    full_batches = if is_full { full_batches + 1 } else { 0 };
                    self.health.set_reading(true);
                    retry.succeeded();
                    // A batch that was not full gives the next one time to fill.
                    if entries > 0 && !is_full { started + self.settings.batch_wait } else { started }
                }
                Err(LogError::Back(why)) => {
                    // Nobody listens where the term has ended.
                    let _ended = self.went_back.send(why);
                    return;
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

    /// Waits until everything read has been merged.
    async fn merged(&self) -> Result<(), oneshot::error::RecvError> {
        let (reply, merged) = oneshot::channel();
        // Where the queue is closed the reply is dropped, which ends the wait as well.
        let _closed = self.work.send(Work::Tell(reply)).await;
        merged.await
    }

    /// One read of up to so many entries, over a new connection if there is none.
    async fn read(&self, reader: &mut Option<L::Reader>, count: usize) -> Result<Reply, LogError> {
        let connected = match reader.take() {
            Some(connected) => connected,
            None => self.log.reader(&self.fence).await?,
        };
        reader.insert(connected).read(self.cursor, count, READ_WAIT).await
    }
}
