//! Old measurements from files, straight into the archive.
//!
//! - [`input`]: the files are read, and what is no reading is told. [`sorted`]: the readings in order of time.
//! - [`count`]: readings into hours. [`screen`]: how far it is, for whoever watches.
//!
//! An import owns the stream meanwhile, with the lease and the fence of any owner, and commits as one: the files of an hour are
//! written first, and the commit that makes them part of the archive comes behind. Two threads share the work. One reads and counts;
//! the other one keeps the lease, writes files and commits.
//!
//! An import is told by its readings. Hours are written in order of time, and with each commit goes how far it is, so an import
//! that was killed goes on behind its last commit when it is started again, and one that is complete adds nothing.

mod count;
mod input;
mod screen;
mod sorted;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use shared::UnixMillis;
use shared::time::{Clock, millis};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::count::Counter;
use self::input::{Bounds, Gathered, Progress, Rejected};
use self::screen::Screen;
use crate::archive::place::{Place, PlaceError};
use crate::archive::write::{Files, Written};
use crate::ingest::log::{LogError, RedisLog};
use crate::pipeline::{Pipeline, Steps, empty_store, tiers};
use crate::published::Published;
use crate::registry::KeptRegistry;
use crate::settings::{ImportSettings, Settings};
use crate::store::Store;
use crate::store::archived::{HOUR_MS, Table, Tiers};
use crate::workers::keep_plans;

/// The lease of another owner is waited for this long: longer than that of one that was killed lasts.
const LEASE_WAIT: Duration = Duration::from_secs(5);

/// How often the lease is asked for.
const LEASE_PAUSE: Duration = Duration::from_millis(250);

/// Between two renewals of the lease at most, where commits are rarer.
const RENEW_INTERVAL: Duration = Duration::from_secs(1);

/// The broker or the archive may fail for this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two tries to write a file.
const WRITE_PAUSE: Duration = Duration::from_millis(500);

/// How long nothing but the clock is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Hours that wait to be written.
const HOURS_WAITING: usize = 2;

/// Imports files, by a process with a name that no other has.
///
/// # Errors
/// When nothing or not everything could be imported; what was committed stays, and the same command goes on behind it.
pub fn run(
    runtime: &Runtime,
    settings: &Settings,
    registry: KeptRegistry,
    import: &ImportSettings,
    owner: String,
    clock: &Clock,
    shutdown: &CancellationToken,
) -> anyhow::Result<Summary> {
    let progress = Arc::new(Progress::default());
    input::check(&import.files, &progress)?;
    let Settings { pipeline: of_pipeline, thresholds, broker, stream, .. } = settings;
    if stream.stream_partitions > 1 {
        bail!(
            "an import works where readings are in one stream so far, and STREAM_PARTITIONS is {}",
            stream.stream_partitions
        );
    }
    let url = of_pipeline.archive.archive.as_ref().context("--archive (ARCHIVE) is not set")?;
    let place = Place::open(url).with_context(|| format!("cannot use the archive {url} (--archive, ARCHIVE)"))?;
    let log = RedisLog::new(broker, stream.keys()).context("REDIS_URL cannot be used")?;
    let published = Published::new(&stream.stream, &empty_store(of_pipeline, *thresholds), clock.now());
    let pipeline = Pipeline::new(log, of_pipeline.clone(), *thresholds, owner, published.clone(), clock.clone())
        .with_registry(registry.clone());
    let mut term = Term::take_over(runtime, &pipeline, shutdown)?;
    let partition = term.steps.store().context("the stream was lost")?.partition();
    let now = published.by_broker(clock.now());
    let bounds = Bounds {
        latest_ms: now.0.saturating_add(millis(of_pipeline.max_clock_skew)),
        antennas_max: usize::try_from(of_pipeline.antennas_max).unwrap_or(usize::MAX),
    };
    // Its files are those of the partition.
    let mut store = empty_store(of_pipeline, *thresholds).with_partition(partition);
    store.expect(&registry.current());
    let (events, queue) = sync_channel(HOURS_WAITING);
    let (wanted, plan) = channel();
    let worker = Worker {
        files: import.files.clone(),
        bounds,
        store,
        row_ms: of_pipeline.row_ms(),
        progress: Arc::clone(&progress),
    };
    thread::Builder::new().name("import".to_owned()).spawn(move || worker.run(&events, &plan))?;
    let tiers = tiers(of_pipeline);
    let ImportSettings { skip_overlap, dry_run, .. } = *import;
    let writing = Writing { place, tiers, skip_overlap, dry_run, now, progress: &progress };
    let done = writing.all(&mut term, &queue, wanted, shutdown);
    progress.stop.store(true, Ordering::Relaxed);
    // What is written and not committed yet is worth a commit, whatever happened.
    let committed = if term.steps.is_owner() { term.commit_all() } else { Ok(()) };
    runtime.block_on(term.steps.give_up());
    let summary = done?;
    committed?;
    Ok(summary)
}

/// What became of the rows and hours, to be shown.
#[derive(Debug)]
pub struct Summary {
    rows: u64,
    rejected: Rejected,
    antennas: usize,
    /// Hours that were added, by start, with their readings.
    added: BTreeMap<i64, u64>,
    /// Hours that the same import had added before.
    before: BTreeSet<i64>,
    /// Hours that were left out.
    skipped: Overlap,
    took: Duration,
    /// Nothing was written; and whether the hours left out would be, or everything refused for them.
    dry_run: Option<bool>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, rejected, antennas, added, before, skipped, took, dry_run } = self;
        let readings: u64 = added.values().sum();
        match range(added.keys()) {
            Some(range) if dry_run.is_some() => {
                writeln!(f, "would import {readings} readings of {} hours, {range}", added.len())?;
            }
            Some(range) => writeln!(
                f,
                "imported {readings} readings of {} hours, {range}, in {:.1} s",
                added.len(),
                took.as_secs_f64()
            )?,
            None => writeln!(f, "nothing is left to import")?,
        }
        writeln!(f, "rows read: {rows}, of {antennas} antennas")?;
        if rejected.count() > 0 {
            writeln!(f, "rows that are no readings: {}", rejected.count())?;
            write!(f, "{rejected}")?;
        }
        if let Some(range) = range(before.iter()) {
            writeln!(f, "hours that this import had added before: {}, {range}", before.len())?;
        }
        if let Some(range) = range(skipped.archived.iter()) {
            writeln!(f, "hours left out, as they are in the archive: {}, {range}", skipped.archived.len())?;
        }
        if let Some(range) = range(skipped.not_final.iter()) {
            writeln!(f, "hours left out, as they are not final yet: {}, {range}", skipped.not_final.len())?;
        }
        if let Some(range) = range(skipped.too_old.iter()) {
            writeln!(f, "hours left out, as the archive does not keep them: {}, {range}", skipped.too_old.len())?;
        }
        if *dry_run == Some(false) && skipped.check().is_err() {
            writeln!(f, "everything would be refused for them without --skip-overlap")?;
        }
        Ok(())
    }
}

/// From when to when some hours are.
fn range<'a>(mut hours: impl DoubleEndedIterator<Item = &'a i64>) -> Option<String> {
    let first = *hours.next()?;
    let last = hours.next_back().copied().unwrap_or(first);
    Some(format!("from {} to {}", UnixMillis(first), UnixMillis(last + HOUR_MS)))
}

/// Hours that cannot be imported.
#[derive(Debug, Default)]
struct Overlap {
    /// They are in the archive.
    archived: BTreeSet<i64>,
    /// Readings of them may still be counted, or wait for the archive.
    not_final: BTreeSet<i64>,
    /// The archive does not keep them that long.
    too_old: BTreeSet<i64>,
    /// Where the hours of the latter begin, milliseconds since the epoch.
    importable_until_ms: i64,
}

impl Overlap {
    /// An error that names the hours, if there are any.
    fn check(&self) -> anyhow::Result<()> {
        let Self { archived, not_final, too_old, importable_until_ms } = self;
        let mut told = Vec::new();
        if let Some(range) = range(archived.iter()) {
            told.push(format!("{} hours of the files are in the archive already, {range}", archived.len()));
        }
        if let Some(range) = range(not_final.iter()) {
            told.push(format!(
                "{} hours of the files are not final, {range}: from {} on, readings may still come from the stream",
                not_final.len(),
                UnixMillis(*importable_until_ms)
            ));
        }
        if let Some(range) = range(too_old.iter()) {
            told.push(format!(
                "{} hours of the files are older than the archive keeps any, {range}: --archive-keep-hours \
                 (ARCHIVE_KEEP_HOURS) says how long that is, here and for analytics",
                too_old.len()
            ));
        }
        if told.is_empty() {
            return Ok(());
        }
        bail!("{}; nothing was imported; --skip-overlap leaves these hours out", told.join("; "))
    }
}

/// Which hours of an import are to be added.
#[derive(Debug, Default)]
struct Plan {
    wanted: BTreeMap<i64, u64>,
    before: BTreeSet<i64>,
    overlap: Overlap,
}

impl Plan {
    /// Holds the hours of an import, with their readings, against what is there.
    fn new(store: &Store, id: &str, hours: &BTreeMap<i64, u64>, tiers: Tiers, now: UnixMillis) -> Self {
        let kept_at_ms = if store.clock().has_started() { store.clock().watermark_ms } else { now.0 };
        let importable_until_ms = store.importable_until_ms(now.0);
        let mut plan = Self { overlap: Overlap { importable_until_ms, ..Overlap::default() }, ..Self::default() };
        let until_ms = store.imported(id).map_or(i64::MIN, |import| import.until_ms);
        for (&hour, &readings) in hours {
            let is_archived = store.has_files_of(hour, hour + HOUR_MS);
            if is_archived && hour < until_ms {
                plan.before.insert(hour);
            } else if is_archived {
                plan.overlap.archived.insert(hour);
            } else if !tiers.keep(Table::Hours, hour + HOUR_MS, kept_at_ms) {
                plan.overlap.too_old.insert(hour);
            } else if hour + HOUR_MS > importable_until_ms {
                plan.overlap.not_final.insert(hour);
            } else {
                plan.wanted.insert(hour, readings);
            }
        }
        plan
    }
}

/// What the thread that reads and counts tells.
enum Event {
    /// Everything is read.
    Read(Read),
    /// An hour is complete.
    Hour(Files),
    /// All hours that are wanted are.
    Done,
    Failed(anyhow::Error),
}

/// What was read.
struct Read {
    id: String,
    hours: BTreeMap<i64, u64>,
    rows: u64,
    rejected: Rejected,
    antennas: usize,
}

/// The thread that reads and counts.
struct Worker {
    files: Vec<PathBuf>,
    bounds: Bounds,
    store: Store,
    row_ms: i64,
    progress: Arc<Progress>,
}

impl Worker {
    fn run(self, events: &SyncSender<Event>, plan: &Receiver<BTreeSet<i64>>) {
        keep_plans();
        let last = match self.work(events, plan) {
            Ok(()) => Event::Done,
            Err(error) => Event::Failed(error),
        };
        // Nobody waits for it any more where the import has failed.
        let _gone = events.send(last);
    }

    fn work(self, events: &SyncSender<Event>, plan: &Receiver<BTreeSet<i64>>) -> anyhow::Result<()> {
        let gone = || anyhow!("the import has ended");
        let mut gathered = input::gather(&self.files, self.bounds, &self.progress)?;
        let read = Read {
            id: gathered.fingerprint.clone(),
            hours: gathered.hours.clone(),
            rows: gathered.rows,
            rejected: std::mem::take(&mut gathered.rejected),
            antennas: gathered.ids.len(),
        };
        events.send(Event::Read(read)).map_err(|_| gone())?;
        let wanted = plan.recv().map_err(|_| gone())?;
        let Self { store, row_ms, progress, .. } = self;
        let Gathered { ids, readings, .. } = gathered;
        let counter = Counter::new(store, row_ms, ids);
        counter.count(readings, &wanted, &progress, |files| events.send(Event::Hour(files)).map_err(|_| gone()))
    }
}

/// The time during which an import owns the stream.
struct Term<'a> {
    runtime: &'a Runtime,
    steps: Steps<'a, RedisLog>,
    published: &'a Published,
    /// Between two commits, or renewals of the lease.
    interval: Duration,
    /// When there was one last.
    last: Instant,
    failing_since: Option<Instant>,
}

impl<'a> Term<'a> {
    /// Takes the stream, unless somebody else has it and keeps it.
    fn take_over(
        runtime: &'a Runtime,
        pipeline: &'a Pipeline<RedisLog>,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let (mut steps, asked) = (Steps::new(pipeline), Instant::now());
        while !runtime.block_on(steps.take_over()).context("the stream cannot be taken")? {
            if shutdown.is_cancelled() {
                bail!("stopped; nothing was imported");
            }
            if asked.elapsed() >= LEASE_WAIT {
                let owner = pipeline.published.pipeline(asked).partitions.into_iter().find_map(|it| it.owner);
                bail!(
                    "{} owns the stream, and only one process can: stop analytics first (in Kubernetes, scale it to 0), import, and \
                     start it again; the stream keeps what arrives meanwhile",
                    owner.as_deref().unwrap_or("another process")
                );
            }
            thread::sleep(LEASE_PAUSE);
        }
        let interval = pipeline.settings.commit_interval.min(RENEW_INTERVAL);
        let published = &pipeline.published;
        let mut term = Self { runtime, steps, published, interval, last: Instant::now(), failing_since: None };
        // What was found out at the beginning of the term, and what time it is at the broker.
        term.commit_all()?;
        Ok(term)
    }

    /// Commits what was imported since the last time, or renews the lease, when it is time to.
    fn tend(&mut self) -> anyhow::Result<()> {
        if self.last.elapsed() < self.interval {
            return Ok(());
        }
        self.last = Instant::now();
        self.steps.prepare()?;
        let result = self.runtime.block_on(self.steps.commit());
        self.bear(result)
    }

    /// Commits everything, however often it has to be tried.
    fn commit_all(&mut self) -> anyhow::Result<()> {
        loop {
            let mut is_done = true;
            // What was in flight has to be done before the rest can follow.
            for _step in 0..2 {
                self.steps.prepare()?;
                let result = self.runtime.block_on(self.steps.commit());
                is_done &= result.is_ok();
                self.bear(result)?;
            }
            if is_done {
                return Ok(());
            }
            thread::sleep(WRITE_PAUSE);
        }
    }

    /// Takes a failure of the broker for passing, for a while.
    fn bear(&mut self, result: Result<(), LogError>) -> anyhow::Result<()> {
        match result {
            Ok(()) => self.failing_since = None,
            Err(error @ (LogError::Away(_) | LogError::Refused(_))) => {
                let since = *self.failing_since.get_or_insert_with(|| {
                    warn!("committing: {error}; trying on");
                    Instant::now()
                });
                if since.elapsed() >= PATIENCE {
                    return Err(error).context("nothing could be committed for a minute");
                }
            }
            Err(error) => return Err(error).context("the stream was lost"),
        }
        Ok(())
    }

    /// Writes the files of an hour. The lease is kept meanwhile.
    fn write(&mut self, files: &Files, place: &Place, shutdown: &CancellationToken) -> anyhow::Result<Written> {
        let began = Instant::now();
        loop {
            let error = match self.put(files, place)? {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            if began.elapsed() >= PATIENCE || shutdown.is_cancelled() {
                return Err(error).context("the archive cannot be written");
            }
            warn!("writing the archive: {error}; trying on");
            thread::sleep(WRITE_PAUSE);
            self.tend()?;
        }
    }

    fn put(&mut self, files: &Files, place: &Place) -> anyhow::Result<Result<Written, PlaceError>> {
        let runtime = self.runtime;
        let put = files.put(place);
        tokio::pin!(put);
        loop {
            let done = runtime.block_on(async { tokio::time::timeout(RENEW_INTERVAL, &mut put).await });
            if let Ok(result) = done {
                return Ok(result);
            }
            self.tend()?;
        }
    }
}

/// Writes and commits what the other thread has counted.
struct Writing<'a> {
    place: Place,
    tiers: Tiers,
    skip_overlap: bool,
    dry_run: bool,
    now: UnixMillis,
    progress: &'a Progress,
}

impl Writing<'_> {
    fn all(
        &self,
        term: &mut Term<'_>,
        events: &Receiver<Event>,
        wanted: Sender<BTreeSet<i64>>,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Summary> {
        let (began, mut screen) = (Instant::now(), Screen::new());
        let mut read: Option<(Read, Plan)> = None;
        let mut written = 0;
        loop {
            if shutdown.is_cancelled() {
                bail!("stopped after {written} hours; the same command goes on behind them");
            }
            match events.recv_timeout(TICK) {
                Ok(Event::Read(all)) => {
                    let plan = self.plan(term, &all)?;
                    if self.dry_run {
                        read = Some((all, plan));
                        break;
                    }
                    let counted = plan
                        .wanted
                        .last_key_value()
                        .map_or(0, |(last, _)| all.hours.range(..=last).map(|it| it.1).sum());
                    screen.begin_writing(plan.wanted.len(), counted);
                    // Where the thread is gone, that is told next.
                    let _gone = wanted.send(plan.wanted.keys().copied().collect());
                    read = Some((all, plan));
                }
                Ok(Event::Hour(files)) => {
                    let id = read.as_ref().map(|(read, _)| read.id.as_str()).unwrap_or_default();
                    let files = term.write(&files, &self.place, shutdown)?;
                    term.steps.import(id, files)?;
                    written += 1;
                }
                Ok(Event::Done) => break,
                Ok(Event::Failed(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the thread that counts panicked"),
            }
            term.tend()?;
            screen.show(self.progress, written);
        }
        screen.end();
        let (read, plan) = read.context("the thread that counts has read nothing")?;
        if !self.dry_run {
            info!(hours = written, import = read.id, "imported");
        }
        Ok(Summary {
            rows: read.rows,
            rejected: read.rejected,
            antennas: read.antennas,
            added: plan.wanted,
            before: plan.before,
            skipped: plan.overlap,
            took: began.elapsed(),
            dry_run: self.dry_run.then_some(self.skip_overlap),
        })
    }

    /// What is to be imported of what was read; an error where that is nothing, or not all of it.
    fn plan(&self, term: &Term<'_>, read: &Read) -> anyhow::Result<Plan> {
        if read.hours.is_empty() {
            match read.rows {
                0 => bail!("the files have no rows"),
                rows => bail!("none of the {rows} rows is a reading:\n{}", read.rejected.to_string().trim_end()),
            }
        }
        let store = term.steps.store().context("the stream was lost")?;
        let unread = term.published.pipeline(Instant::now()).totals.lag.unwrap_or(0);
        if !store.clock().has_started() && unread > 0 {
            bail!(
                "the stream holds {unread} entries, and analytics has not counted any yet: start it once without importing, so that \
                 it is known of which hours the stream still brings readings"
            );
        }
        let plan = Plan::new(store, &read.id, &read.hours, self.tiers, self.now);
        if !self.skip_overlap && !self.dry_run {
            plan.overlap.check()?;
        }
        Ok(plan)
    }
}
