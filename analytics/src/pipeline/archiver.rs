//! Writes hours that are final and incidents that are old into files, makes files of days from those of hours and removes files
//! that are not read any more, on a thread of its own, while the aggregator goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use polars::prelude::PolarsResult;
use shared::UnixMillis;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::retry::{Lines, Retry};
use crate::archive::compact::{CompactError, Compaction};
use crate::archive::incidents::encoded;
use crate::archive::place::{Place, PlaceError};
use crate::archive::rows::FinalHour;
use crate::archive::write::{Files, Written};
use crate::published::Published;
use crate::store::Store;
use crate::store::archived::{Compacted, DAY_MS, Discarded, HOUR_MS, IncidentFile, PartitionNumber, Span};
use crate::store::incidents::OldIncidents;
use crate::workers::keep_plans;

/// Hours that wait for the thread at most, so that their panes are not in memory twice for long.
const WAITING: usize = 4;

/// A day of which a file is missing or damaged is tried again after this long.
const MEND: Duration = Duration::from_secs(3_600);

/// Where the place did not answer or refused, days and removals are tried again after this long. The thread does not wait for
/// that, as hours come first.
const REST: Duration = Duration::from_secs(60);

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
    /// A day was handed over, and is not back.
    is_compacting: bool,
    /// The days before are compacted, or could not be.
    next_day_ms: i64,
    /// When the first of those that could not be is tried again.
    again: Option<Instant>,
    /// Nothing but hours and incidents is handed over before.
    rests_until: Option<Instant>,
    /// The number of the discarded files that were handed over, and are not back.
    discarded: Option<u64>,
    reached: Arc<Reached>,
    row_ms: i64,
}

/// How far the thread has come, in milliseconds since the epoch.
#[derive(Debug)]
struct Reached {
    /// The hours before are not to be written any more.
    skip_before_ms: AtomicI64,
    /// The hours up to this one have been tried.
    failed_ms: AtomicI64,
}

/// What is to be written.
#[derive(Debug)]
enum Work {
    Hour(FinalHour),
    Incidents(OldIncidents),
    Day(Vec<Arc<Span>>),
    Discarded(u64, Arc<Discarded>),
}

/// What has been written.
#[derive(Debug)]
enum Done {
    Hour(Written),
    Incidents(IncidentFile),
    Day(Compacted),
    /// Files of a day are missing or damaged.
    NotCompacted(i64),
    Removed(u64),
    /// A day or a removal was refused.
    Refused,
}

/// What the thread works with.
struct Writer {
    partition: PartitionNumber,
    place: Place,
    work: Receiver<Work>,
    done: Sender<Done>,
    reached: Arc<Reached>,
    ended: CancellationToken,
    published: Published,
    retry: Retry,
}

impl Archiver {
    /// Starts the thread of a partition. It is to be called within the async runtime, on which files are put.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        partition: PartitionNumber,
        place: Place,
        row_ms: i64,
        published: Published,
        lines: Lines,
        ended: CancellationToken,
    ) -> std::io::Result<Self> {
        let (work, queue) = sync_channel(WAITING);
        let (done, written) = channel();
        let reached = Reached { skip_before_ms: AtomicI64::new(i64::MIN), failed_ms: AtomicI64::new(i64::MIN) };
        let reached = Arc::new(reached);
        let writer = Writer {
            partition,
            place,
            work: queue,
            done,
            reached: Arc::clone(&reached),
            ended,
            published,
            retry: Retry::new("writing the archive", lines),
        };
        let runtime = Handle::current();
        let span = tracing::Span::current();
        thread::Builder::new().name("archiver".to_owned()).spawn(move || {
            let _of_partition = span.enter();
            writer.run(&runtime);
        })?;
        Ok(Self {
            work,
            done: written,
            held: None,
            next_ms: i64::MIN,
            incidents: None,
            is_compacting: false,
            next_day_ms: i64::MIN,
            again: None,
            rests_until: None,
            discarded: None,
            reached,
            row_ms,
        })
    }

    /// Hands over what there is to do by a time of the broker's clock, as far as there is room: the incidents that are old, the
    /// hours that have become final, a day of which all hours are in files, and the files that are not read any more.
    pub(super) fn hand_over(&mut self, store: &Store, now: UnixMillis) {
        if let Some(old) = store.incidents().old().filter(|old| self.incidents != Some(old.first)) {
            let first = old.first;
            self.incidents = self.work.try_send(Work::Incidents(old)).is_ok().then_some(first);
        }
        // Before the hours, which may fill the queue for as long as old data is read.
        self.hand_over_days(store, now);
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

    fn hand_over_days(&mut self, store: &Store, now: UnixMillis) {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        if self.again.is_some_and(|again| again <= Instant::now()) {
            (self.again, self.next_day_ms) = (None, i64::MIN);
        }
        if !self.is_compacting {
            let hours = store.final_day(self.next_day_ms);
            self.is_compacting = !hours.is_empty() && self.work.try_send(Work::Day(hours)).is_ok();
        }
        let first = store.archived().discarded().first_key_value();
        let due = first.filter(|(_, files)| self.discarded.is_none() && files.removed_from_ms() <= now.0);
        if let Some((number, files)) = due {
            let is_handed = self.work.try_send(Work::Discarded(*number, Arc::clone(files))).is_ok();
            self.discarded = is_handed.then_some(*number);
        }
    }

    /// Takes note of what has been written; tells whether there was anything.
    ///
    /// # Errors
    /// When the files do not hold what the panes do.
    pub(super) fn take(&mut self, store: &mut Store, now: UnixMillis) -> PolarsResult<bool> {
        let mut is_changed = false;
        for done in self.done.try_iter() {
            match done {
                Done::Hour(Written { span, courses }) => store.archive(span, &courses)?,
                Done::Incidents(file) => store.archive_incidents(file),
                Done::Day(compacted) => {
                    self.is_compacting = false;
                    // Partitions of before may have hours of the same day.
                    let next_ms = compacted.day.start_ms;
                    // A day whose hours are others than before is compacted anew.
                    if store.compact(compacted, now) {
                        self.next_day_ms = next_ms;
                    }
                }
                Done::NotCompacted(start_ms) => {
                    (self.is_compacting, self.next_day_ms) = (false, start_ms + DAY_MS);
                    self.again.get_or_insert_with(|| Instant::now() + MEND);
                }
                Done::Removed(number) => {
                    self.discarded = None;
                    store.removed(number);
                }
                Done::Refused => {
                    (self.is_compacting, self.discarded) = (false, None);
                    self.rests_until = Some(Instant::now() + REST);
                }
            }
            is_changed = true;
        }
        Ok(is_changed)
    }

    /// Whether an hour has been tried in vain, by its start.
    pub(super) fn has_failed(&self, start_ms: i64) -> bool {
        start_ms <= self.reached.failed_ms.load(Ordering::Relaxed)
    }

    /// The hours before a time are not to be written any more.
    pub(super) fn skip_before(&mut self, time_ms: i64) {
        self.reached.skip_before_ms.store(time_ms, Ordering::Relaxed);
        self.next_ms = self.next_ms.max(time_ms);
        self.held = self.held.take().filter(|hour| hour.start_ms >= time_ms);
    }
}

/// The first final hour from a time on.
pub(super) fn next_hour(store: &Store, from_ms: i64, row_ms: i64) -> Option<FinalHour> {
    store.final_hour(from_ms).map(|hour| FinalHour::of(store, hour, row_ms))
}

impl Writer {
    fn run(mut self, runtime: &Handle) {
        keep_plans();
        let compaction = Compaction::new(self.place.clone(), runtime.clone());
        while let Ok(work) = self.work.recv() {
            let done = match work {
                Work::Hour(hour) => self.hour(runtime, hour),
                Work::Incidents(old) => self.incidents(runtime, &old),
                Work::Day(hours) => Ok(self.day(&compaction, hours)),
                Work::Discarded(number, files) => Ok(self.remove(runtime, number, &files.keys)),
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
                    self.reached.failed_ms.store(i64::MAX, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    fn hour(&mut self, runtime: &Handle, hour: FinalHour) -> PolarsResult<Option<Done>> {
        let started = Instant::now();
        let files = Files::of(&hour)?;
        let start_ms = hour.start_ms;
        // The bytes are enough from here on.
        drop(hour);
        let encoded = started.elapsed();
        let reached = Arc::clone(&self.reached);
        let is_wanted = || reached.skip_before_ms.load(Ordering::Relaxed) <= start_ms;
        let put = async |place: &Place| {
            let written = files.put(place).await;
            if written.is_err() {
                reached.failed_ms.store(start_ms, Ordering::Relaxed);
            }
            written
        };
        let Some(written) = self.put(runtime, is_wanted, put) else { return Ok(None) };
        debug!(
            hour = %UnixMillis(start_ms),
            readings = written.span.readings,
            encode_ms = encoded.as_millis(),
            duration_ms = started.elapsed().as_millis(),
            "archived"
        );
        Ok(Some(Done::Hour(written)))
    }

    fn incidents(&mut self, runtime: &Handle, old: &OldIncidents) -> PolarsResult<Option<Done>> {
        let (file, bytes) = encoded(old, self.partition)?;
        let put = async |place: &Place| place.put(&file.key(), bytes.clone()).await;
        let is_put = self.put(runtime, || true, put).is_some();
        Ok(is_put.then_some(Done::Incidents(file)))
    }

    /// A day of which a file is missing or damaged is left as it is, so that no other day waits for it.
    fn day(&mut self, compaction: &Compaction, hours: Vec<Arc<Span>>) -> Option<Done> {
        let started = Instant::now();
        let start_ms = Span::day(&hours).start_ms;
        let day = UnixMillis(start_ms);
        match compaction.day(hours, &self.ended) {
            Ok(compacted) => {
                let compacted = compacted?;
                self.works();
                let readings = compacted.day.readings;
                debug!(%day, readings, duration_ms = started.elapsed().as_millis(), "compacted");
                Some(Done::Day(compacted))
            }
            Err(CompactError::Place(error @ PlaceError::Away { .. })) => Some(self.refused(&error)),
            Err(error) => {
                self.published.compaction_failed();
                warn!(%day, "a day stays in files of hours: {error}");
                Some(Done::NotCompacted(start_ms))
            }
        }
    }

    fn remove(&mut self, runtime: &Handle, number: u64, keys: &[String]) -> Option<Done> {
        let all = async {
            for key in keys {
                self.place.remove(key).await?;
            }
            Ok(())
        };
        let removed = runtime.block_on(self.ended.run_until_cancelled(all))?;
        match removed {
            Ok(()) => {
                self.works();
                Some(Done::Removed(number))
            }
            Err(error) => Some(self.refused(&error)),
        }
    }

    fn refused(&mut self, error: &PlaceError) -> Done {
        // The rest that follows is longer than the pause.
        let _pause = self.failed(error);
        Done::Refused
    }

    /// Tries until something is written, is not wanted any more, or the term has ended.
    fn put<T>(
        &mut self,
        runtime: &Handle,
        is_wanted: impl Fn() -> bool,
        put: impl AsyncFn(&Place) -> Result<T, PlaceError>,
    ) -> Option<T> {
        while is_wanted() {
            let result = runtime.block_on(self.ended.run_until_cancelled(put(&self.place)))?;
            match result {
                Ok(written) => {
                    self.works();
                    return Some(written);
                }
                Err(error) => {
                    let pause = self.failed(&error);
                    runtime.block_on(async { tokio::time::timeout(pause, self.ended.cancelled()).await }).err()?;
                }
            }
        }
        None
    }

    fn works(&mut self) {
        self.retry.succeeded();
        self.published.archive_works();
    }

    /// Tells of a failure; gives the wait before the next try.
    fn failed(&mut self, error: &PlaceError) -> Duration {
        self.published.archive_failed(error.to_string());
        self.retry.failed_with(error, "")
    }
}
