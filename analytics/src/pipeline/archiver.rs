//! Writes hours that are final into files, on a thread of its own, while the aggregator goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Instant;

use polars::prelude::PolarsResult;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::retry::{Lines, Retry};
use crate::archive::place::Place;
use crate::archive::rows::FinalHour;
use crate::archive::write::{Files, Written};
use crate::published::Published;
use crate::settings::Thresholds;
use crate::store::Store;
use crate::store::archived::HOUR_MS;
use crate::workers::keep_plans;

/// Hours that wait for the thread at most, so that their panes are not in memory twice for long.
const WAITING: usize = 4;

/// Hands hours to the thread, and takes back what it has written. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Archiver {
    hours: SyncSender<FinalHour>,
    written: Receiver<Written>,
    /// The hour that found no room the last time: its panes and ids are not gathered anew with each batch.
    held: Option<FinalHour>,
    /// The hours before have been handed over, or are held.
    next_ms: i64,
    /// The hours before are not to be written any more.
    skip_before_ms: Arc<AtomicI64>,
    row_ms: i64,
}

/// What the thread works with.
struct Writer {
    place: Place,
    thresholds: Thresholds,
    hours: Receiver<FinalHour>,
    written: Sender<Written>,
    skip_before_ms: Arc<AtomicI64>,
    ended: CancellationToken,
    published: Published,
    retry: Retry,
}

impl Archiver {
    /// Starts the thread. It is to be called within the async runtime, on which files are put.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        place: Place,
        thresholds: Thresholds,
        row_ms: i64,
        published: Published,
        lines: Lines,
        ended: CancellationToken,
    ) -> std::io::Result<Self> {
        let (hours, queue) = sync_channel(WAITING);
        let (written, spans) = channel();
        let skip_before_ms = Arc::new(AtomicI64::new(i64::MIN));
        let writer = Writer {
            place,
            thresholds,
            hours: queue,
            written,
            skip_before_ms: Arc::clone(&skip_before_ms),
            ended,
            published,
            retry: Retry::new("writing the archive", lines),
        };
        let runtime = Handle::current();
        thread::Builder::new().name("archiver".to_owned()).spawn(move || writer.run(&runtime))?;
        Ok(Self { hours, written: spans, held: None, next_ms: i64::MIN, skip_before_ms, row_ms })
    }

    /// Hands over the hours that have become final, as far as there is room.
    pub(super) fn hand_over(&mut self, store: &Store) {
        while let Some(hour) = self.held.take().or_else(|| next_hour(store, self.next_ms, self.row_ms)) {
            self.next_ms = hour.start_ms + HOUR_MS;
            if let Err(TrySendError::Full(hour) | TrySendError::Disconnected(hour)) = self.hours.try_send(hour) {
                self.held = Some(hour);
                return;
            }
        }
    }

    /// Takes note of the hours that have been written; tells whether there were any.
    ///
    /// # Errors
    /// When the files do not hold what the panes do.
    pub(super) fn take(&self, store: &mut Store) -> PolarsResult<bool> {
        let mut is_changed = false;
        for Written { span, courses } in self.written.try_iter() {
            store.archive(span, &courses)?;
            is_changed = true;
        }
        Ok(is_changed)
    }

    /// The hours before a time are not to be written any more.
    pub(super) fn skip_before(&mut self, time_ms: i64) {
        self.skip_before_ms.store(time_ms, Ordering::Relaxed);
        self.next_ms = self.next_ms.max(time_ms);
        self.held = self.held.take().filter(|hour| hour.start_ms >= time_ms);
    }
}

/// The first final hour from a time on.
pub(super) fn next_hour(store: &Store, from_ms: i64, row_ms: i64) -> Option<FinalHour> {
    let (start_ms, panes) = store.final_hour(from_ms)?;
    let ids = store.antennas().iter().map(|(slot, antenna)| (slot, Arc::clone(&antenna.id))).collect();
    Some(FinalHour { start_ms, panes, row_ms, ids })
}

impl Writer {
    fn run(mut self, runtime: &Handle) {
        keep_plans();
        while let Ok(hour) = self.hours.recv() {
            let started = Instant::now();
            let files = match Files::of(&hour, &self.thresholds) {
                Ok(files) => files,
                Err(error) => {
                    // A fault of ours. The panes stay in memory, and the hours behind wait for this one.
                    error!("an hour cannot be archived: {error}");
                    self.published.archive_failed(error.to_string());
                    return;
                }
            };
            let start_ms = hour.start_ms;
            // The bytes are enough from here on.
            drop(hour);
            let encoded = started.elapsed();
            let Some(written) = self.put(runtime, &files, start_ms) else { continue };
            debug!(
                hour = %shared::UnixMillis(start_ms),
                readings = written.span.readings,
                encode_ms = encoded.as_millis(),
                duration_ms = started.elapsed().as_millis(),
                "archived"
            );
            if self.written.send(written).is_err() {
                return;
            }
        }
    }

    /// Tries until the files are written, the hour is not to be written any more, or the term has ended.
    fn put(&mut self, runtime: &Handle, files: &Files, start_ms: i64) -> Option<Written> {
        loop {
            if self.skip_before_ms.load(Ordering::Relaxed) > start_ms {
                return None;
            }
            let ended = self.ended.clone();
            let result = runtime.block_on(async {
                tokio::select! {
                    result = files.put(&self.place) => Some(result),
                    () = ended.cancelled() => None,
                }
            })?;
            match result {
                Ok(written) => {
                    self.retry.succeeded();
                    self.published.archive_works();
                    return Some(written);
                }
                Err(error) => {
                    self.published.archive_failed(error.to_string());
                    let pause = self.retry.failed_with(&error, "");
                    runtime.block_on(async { tokio::time::timeout(pause, ended.cancelled()).await }).err()?;
                }
            }
        }
    }
}
