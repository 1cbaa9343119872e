//! Writes hours that are final and incidents that are old into files, on a thread of its own, while the aggregator goes on.

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
use crate::archive::incidents::encoded;
use crate::archive::place::{Place, PlaceError};
use crate::archive::rows::FinalHour;
use crate::archive::write::{Files, Written};
use crate::published::Published;
use crate::settings::Thresholds;
use crate::store::Store;
use crate::store::archived::{HOUR_MS, IncidentFile};
use crate::store::incidents::OldIncidents;
use crate::workers::keep_plans;

/// Hours that wait for the thread at most, so that their panes are not in memory twice for long.
const WAITING: usize = 4;

/// Hands hours to the thread, and takes back what it has written. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Archiver {
    work: SyncSender<Work>,
    done: Receiver<Done>,
    /// The hour that found no room the last time: its panes and ids are not gathered anew with each batch.
    held: Option<FinalHour>,
    /// The hours before have been handed over, or are held.
    next_ms: i64,
    /// The first chunk of the incidents that were handed over last.
    incidents: Option<u64>,
    /// The hours before are not to be written any more.
    skip_before_ms: Arc<AtomicI64>,
    row_ms: i64,
}

/// What is to be written.
#[derive(Debug)]
enum Work {
    Hour(FinalHour),
    Incidents(OldIncidents),
}

/// What has been written.
#[derive(Debug)]
enum Done {
    Hour(Written),
    Incidents(IncidentFile),
}

/// What the thread works with.
struct Writer {
    place: Place,
    thresholds: Thresholds,
    work: Receiver<Work>,
    done: Sender<Done>,
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
        let (work, queue) = sync_channel(WAITING);
        let (done, written) = channel();
        let skip_before_ms = Arc::new(AtomicI64::new(i64::MIN));
        let writer = Writer {
            place,
            thresholds,
            work: queue,
            done,
            skip_before_ms: Arc::clone(&skip_before_ms),
            ended,
            published,
            retry: Retry::new("writing the archive", lines),
        };
        let runtime = Handle::current();
        thread::Builder::new().name("archiver".to_owned()).spawn(move || writer.run(&runtime))?;
        Ok(Self { work, done: written, held: None, next_ms: i64::MIN, incidents: None, skip_before_ms, row_ms })
    }

    /// Hands over the incidents that are old and the hours that have become final, as far as there is room.
    pub(super) fn hand_over(&mut self, store: &Store) {
        if let Some(old) = store.incidents().old().filter(|old| self.incidents != Some(old.first)) {
            let first = old.first;
            self.incidents = self.work.try_send(Work::Incidents(old)).is_ok().then_some(first);
        }
        while let Some(hour) = self.held.take().or_else(|| next_hour(store, self.next_ms, self.row_ms)) {
            self.next_ms = hour.start_ms + HOUR_MS;
            if let Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) =
                self.work.try_send(Work::Hour(hour))
            {
                self.held = if let Work::Hour(hour) = work { Some(hour) } else { None };
                return;
            }
        }
    }

    /// Takes note of what has been written; tells whether there was anything.
    ///
    /// # Errors
    /// When the files do not hold what the panes do.
    pub(super) fn take(&self, store: &mut Store) -> PolarsResult<bool> {
        let mut is_changed = false;
        for done in self.done.try_iter() {
            match done {
                Done::Hour(Written { span, courses }) => store.archive(span, &courses)?,
                Done::Incidents(file) => store.archive_incidents(file),
            }
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
        while let Ok(work) = self.work.recv() {
            let done = match work {
                Work::Hour(hour) => self.hour(runtime, hour),
                Work::Incidents(old) => self.incidents(runtime, &old),
            };
            match done {
                Ok(Some(done)) => {
                    if self.done.send(done).is_err() {
                        return;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    // A fault of ours. What was to be written stays in memory, and what is behind waits for it.
                    error!("the archive cannot be written: {error}");
                    self.published.archive_failed(error.to_string());
                    return;
                }
            }
        }
    }

    fn hour(&mut self, runtime: &Handle, hour: FinalHour) -> PolarsResult<Option<Done>> {
        let started = Instant::now();
        let files = Files::of(&hour, &self.thresholds)?;
        let start_ms = hour.start_ms;
        // The bytes are enough from here on.
        drop(hour);
        let encoded = started.elapsed();
        let skip_before_ms = Arc::clone(&self.skip_before_ms);
        let is_wanted = || skip_before_ms.load(Ordering::Relaxed) <= start_ms;
        let Some(written) = self.put(runtime, is_wanted, async |place| files.put(place).await) else { return Ok(None) };
        debug!(
            hour = %shared::UnixMillis(start_ms),
            readings = written.span.readings,
            encode_ms = encoded.as_millis(),
            duration_ms = started.elapsed().as_millis(),
            "archived"
        );
        Ok(Some(Done::Hour(written)))
    }

    fn incidents(&mut self, runtime: &Handle, old: &OldIncidents) -> PolarsResult<Option<Done>> {
        let (file, bytes) = encoded(old)?;
        let put = async |place: &Place| place.put(&file.key(), bytes.clone()).await;
        let is_put = self.put(runtime, || true, put).is_some();
        Ok(is_put.then_some(Done::Incidents(file)))
    }

    /// Tries until something is written, is not wanted any more, or the term has ended.
    fn put<T>(
        &mut self,
        runtime: &Handle,
        is_wanted: impl Fn() -> bool,
        put: impl AsyncFn(&Place) -> Result<T, PlaceError>,
    ) -> Option<T> {
        while is_wanted() {
            let ended = self.ended.clone();
            let result = runtime.block_on(async {
                tokio::select! {
                    result = put(&self.place) => Some(result),
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
        None
    }
}
