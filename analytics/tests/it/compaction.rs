//! Days are compacted, tables are forgotten tier by tier, and hours are given up only where the archive refuses them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use analytics::ingest::log::MemoryLog;
use analytics::pipeline::{Pipeline, Steps, empty_store};
use analytics::published::Published;
use analytics::settings::{ArchiveSettings, PipelineSettings, Thresholds};
use analytics::store::archived::Tiers;
use shared::UnixMillis;
use shared::api::{self, End, SeriesRequest, SummaryRequest};
use shared::testing::{DEADLINE, until};
use shared::time::{Clock, Span};
use tokio_util::sync::CancellationToken;

use crate::archive::{Chance, Files, drain, ledger, pipeline, report, settings, told};
use crate::support::{NOW, publish, reading, window};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A pipeline with its threads, and a clock that is set.
struct Running<'a> {
    files: &'a Files,
    published: Published,
    clock: Arc<AtomicI64>,
    shutdown: CancellationToken,
}

impl<'a> Running<'a> {
    fn start(files: &'a Files, log: &MemoryLog, settings: PipelineSettings, now: UnixMillis) -> Self {
        let published = Published::new("memory", &empty_store(&settings, Thresholds::default()), NOW);
        published.set_archive(&files.url.to_string());
        let (shutdown, clock) = (CancellationToken::new(), Arc::new(AtomicI64::new(now.0)));
        let time = Arc::clone(&clock);
        let clock_of = Clock::of(move || UnixMillis(time.load(Ordering::Relaxed)));
        let owner = "running".to_owned();
        let pipeline = Pipeline::new(log.clone(), settings, Thresholds::default(), owner, published.clone(), clock_of)
            .with_place(Some(files.place.clone()));
        drop(files.runtime.spawn(pipeline.run(shutdown.clone())));
        Self { files, published, clock, shutdown }
    }

    /// Waits until what it tells is as wanted.
    #[track_caller]
    fn wait(&self, what: &str, wanted: impl Fn(&api::Pipeline, &api::Archive) -> bool) -> api::Pipeline {
        until(what, DEADLINE, || {
            let pipeline = self.published.pipeline(Instant::now());
            let archive = pipeline.archive.clone().expect("an archive");
            if wanted(&pipeline, &archive) { Ok(pipeline) } else { Err(format!("{archive:?} {:?}", pipeline.totals)) }
        })
    }

    /// Waits until everything is read, and every final hour is in files; gives the ledger, which adds up.
    #[track_caller]
    fn settle(&self) -> api::Ledger {
        let is_done = |pipeline: &api::Pipeline, archive: &api::Archive| {
            let totals = &pipeline.totals;
            totals.lag == Some(0) && totals.counted > 0 && archive.hours_waiting == 0 && totals.imbalance == Some(0)
        };
        let is_committed = |pipeline: &api::Pipeline, archive: &api::Archive| {
            is_done(pipeline, archive) && pipeline.totals.archived == self.published.snapshot().archived.readings()
        };
        let totals = self.wait("everything is read and archived", is_committed).totals;
        let api::Ledger { counted, in_memory, archived, expired, .. } = totals.clone();
        assert_eq!(Some(counted), in_memory.map(|in_memory| in_memory + archived + expired));
        totals
    }

    fn count(&self, part: &str) -> usize {
        self.files.list().iter().filter(|path| path.to_string_lossy().contains(part)).count()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Reports for some hours, every other minute; returns when it ended.
fn report_slowly(log: &MemoryLog, hours: i64) -> UnixMillis {
    report_from(log, NOW, hours)
}

fn report_from(log: &MemoryLog, start: UnixMillis, hours: i64) -> UnixMillis {
    let end = start.0 + hours * HOUR_MS;
    for time in (start.0..end).step_by(120_000) {
        publish(log, UnixMillis(time), &reading("antenna-1", time, 10, 1, Some(5.0)));
    }
    UnixMillis(end)
}

/// Retention and backlog in hours.
fn settings_of(files: &Files, retention: u64, backlog: u64) -> PipelineSettings {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let archive = ArchiveSettings { archive_backlog: hours(backlog), ..ArchiveSettings::default() };
    let pane = Duration::from_secs(60);
    PipelineSettings {
        pane,
        archive: ArchiveSettings { archive: Some(files.url.clone()), ..archive },
        ..settings(hours(retention), None)
    }
}

/// The files of hours stay a day longer than they are read, by the broker's clock.
#[test]
fn files_that_are_not_read_any_more_are_removed_a_day_later() {
    let (log, files) = (MemoryLog::default(), Files::new());
    let end = report_slowly(&log, 27);
    let running = Running::start(&files, &log, settings_of(&files, 1, 6), end);
    let counted = running.settle();
    running.wait("both days are compacted", |_, archive| archive.days_waiting == 0 && archive.oldest.is_some());
    let (hours, days) = (running.count("/hours/"), running.count("/days/"));
    assert_eq!((hours % 4, days), (0, 2), "{:?}", files.list());
    let later = end.0 + DAY_MS - 60_000;
    for (time, gone) in [(later, false), (later + 2 * 60_000, true)] {
        running.clock.store(time, Ordering::Relaxed);
        publish(&log, end, &reading("antenna-1", end.0, 10, 0, None));
        let ledger = running.settle();
        if gone {
            until("the files of hours are removed", DEADLINE, || {
                let left = running.count("/hours/");
                if left == 0 { Ok(()) } else { Err(format!("{left} files")) }
            });
            assert_eq!(running.count("/days/"), days);
        } else {
            assert_eq!((running.count("/hours/"), running.count("/days/")), (hours, days));
        }
        assert_eq!((ledger.archived, ledger.expired), (counted.archived, 0));
    }
    // Those of a later day go likewise, though there were none to be removed meanwhile.
    let end = report_from(&log, end, 24);
    running.clock.store(end.0, Ordering::Relaxed);
    let third_day_end = UnixMillis((end.0 - DAY_MS) / DAY_MS * DAY_MS + DAY_MS);
    running.wait("the third day is compacted", |_, archive| {
        archive.until >= Some(third_day_end) && archive.days_waiting == 0
    });
    running.settle();
    assert_eq!((running.count("/days/"), running.count("/hours/") >= 24 * 4), (3, true));
    running.clock.store(end.0 + DAY_MS + 60_000, Ordering::Relaxed);
    until("the files of hours are removed again", DEADLINE, || {
        let left = running.count("/hours/");
        if left < 24 { Ok(()) } else { Err(format!("{left} files")) }
    });
}

/// A file that cannot be removed holds no hour up.
#[test]
fn hours_are_written_where_nothing_can_be_removed() {
    let (log, files) = (MemoryLog::default(), Files::new());
    let end = report_slowly(&log, 27);
    let running = Running::start(&files, &log, settings_of(&files, 1, 6), end);
    running.settle();
    running.wait("both days are compacted", |_, archive| archive.days_waiting == 0);
    let first = files.list().into_iter().find(|path| path.to_string_lossy().contains("/hours/")).expect("a file");
    std::fs::remove_file(&first).expect("a file");
    std::fs::create_dir_all(first.join("in the way")).expect("a folder");
    let end = report_from(&log, UnixMillis(end.0 + DAY_MS), 3);
    running.clock.store(end.0, Ordering::Relaxed);
    running.wait("it is told", |_, archive| archive.reason.is_some());
    let later = report_from(&log, end, 8);
    running.clock.store(later.0, Ordering::Relaxed);
    running.wait("the hours behind it are written", |_, archive| {
        archive.until >= Some(UnixMillis(later.0 - 3 * HOUR_MS)) && archive.hours_waiting == 0
    });
    assert_eq!(running.settle().expired, 0);
    assert!(first.exists());
}

/// A day of which a file is missing stays as it is, and is told; the others do not wait for it.
#[test]
fn a_day_that_cannot_be_compacted_is_told_and_holds_nothing_up() {
    let (log, files) = (MemoryLog::default(), Files::new());
    let end = report_slowly(&log, 27);
    let retention = Duration::from_secs(3_600);
    // All hours are written, and one of the first day goes.
    let written = [pipeline(&log, settings(retention, Some(&files.url)), "written")];
    let mut steps = Steps::new(&written[0]);
    assert!(files.runtime.block_on(steps.take_over()).expect("no state"));
    while files.runtime.block_on(steps.read()).expect("a log") > 0 {
        steps.merge().expect("columns");
        while let Some(hour) = steps.files().expect("columns") {
            steps.archived(files.runtime.block_on(hour.put(&files.place)).expect("room")).expect("its panes");
        }
        steps.prepare().expect("columns");
        files.runtime.block_on(steps.commit()).expect("a log");
    }
    drop(steps);
    log.expire_lease();
    let first = files.list().into_iter().find(|path| path.to_string_lossy().contains("/hours/")).expect("a file");
    std::fs::remove_file(&first).expect("a file");
    let settings = PipelineSettings { pane: Duration::from_secs(20), ..settings_of(&files, 1, 6) };
    let running = Running::start(&files, &log, settings, end);
    running.wait("a day is compacted, and one cannot be", |_, archive| {
        archive.compactions_failed == 1 && archive.days_waiting == 1
    });
    // The last table that is written of a day.
    assert_eq!(running.count("/network_hourly/"), 1);
    running.settle();
}

/// Hours that become final all at once, as nothing came for long, are written and not given up, though more wait than may.
#[test]
fn hours_that_become_final_at_once_are_not_given_up() {
    let (log, files) = (MemoryLog::default(), Files::new());
    let end = report_slowly(&log, 10);
    let later = end.0 + 30 * HOUR_MS;
    publish(&log, UnixMillis(later), &reading("antenna-1", later, 10, 1, Some(5.0)));
    let running = Running::start(&files, &log, settings_of(&files, 12, 1), UnixMillis(later));
    let ledger = running.settle();
    assert_eq!((ledger.expired, ledger.in_memory, ledger.archived), (0, Some(1), 300));
}

/// Where the archive refuses them, a network that is watched now goes on without the oldest.
#[test]
fn hours_that_an_archive_refuses_for_too_long_are_given_up() {
    let (log, files) = (MemoryLog::default(), Files::new());
    std::fs::write(files.path().join("v1"), "in the way").expect("a file");
    let end = report_slowly(&log, 10);
    let running = Running::start(&files, &log, settings_of(&files, 1, 3), end);
    let is_read = |pipeline: &api::Pipeline, archive: &api::Archive| {
        // Of nine final hours the first six, of which the first is not whole.
        pipeline.totals.counted == 300 && pipeline.totals.expired == 24 + 5 * 30 && archive.hours_waiting == 3
    };
    let totals = running.wait("the oldest are given up", is_read).totals;
    assert_eq!((totals.archived, totals.imbalance), (0, Some(0)));
    std::fs::remove_file(files.path().join("v1")).expect("a file");
    let after = running.settle();
    assert_eq!((after.expired, after.lag), (totals.expired, Some(0)));
    assert!(after.archived > 0);
}

/// Where only hours are kept, windows are of whole hours, and equal what minutes tell of the same ones.
#[test]
fn where_only_hours_are_kept_windows_are_of_hours() {
    let (mut chance, log, files) = (Chance(3), MemoryLog::default(), Files::new());
    let end = report(&log, &mut chance, 28);
    let archiving = [pipeline(&log, settings(Duration::from_secs(1_200), Some(&files.url)), "archiving")];
    drain(&files, &log, &archiving, &mut chance);
    let (before, by_minute) = (ledger(&archiving[0]), archiving[0].published.snapshot());
    let expire = |tiers| {
        log.expire_lease();
        let mut steps = Steps::new(&archiving[0]);
        assert!(files.runtime.block_on(steps.take_over()).expect("state"));
        steps.expire(tiers);
        steps.prepare().expect("columns");
        files.runtime.block_on(steps.commit()).expect("a log");
        archiving[0].published.snapshot()
    };
    let snapshot = expire(Tiers { minutes_ms: DAY_MS, hours_ms: 365 * DAY_MS });
    let days: Vec<bool> = snapshot.archived.within(i64::MIN, i64::MAX).map(|span| span.is_by_hour()).collect();
    assert_eq!(days[..2], [true, false], "{days:?}");
    assert_eq!(ledger(&archiving[0]), before, "no reading is lost with the minutes");
    let archive = files.archive();
    let first_day_end = (NOW.0 / DAY_MS + 1) * DAY_MS;
    let minute = 60_000;
    // Asked for, and what is answered for it.
    for (start, end_ms, wide_start, wide_end) in [
        (first_day_end - 90 * minute, first_day_end - 30 * minute, first_day_end - 2 * HOUR_MS, first_day_end),
        (
            first_day_end - 61 * minute,
            first_day_end + 61 * minute,
            first_day_end - 2 * HOUR_MS,
            first_day_end + 61 * minute,
        ),
        (
            first_day_end + 3 * minute,
            first_day_end + 61 * minute,
            first_day_end + 3 * minute,
            first_day_end + 61 * minute,
        ),
    ] {
        let asked = window(end_ms - start, End::At(UnixMillis(end_ms)));
        let same = window(wide_end - wide_start, End::At(UnixMillis(wide_end)));
        let found = told(&snapshot, Some(&archive), &SummaryRequest { window: asked });
        assert_eq!(found, told(&by_minute, Some(&archive), &SummaryRequest { window: same }));
        let step = Some(Span::from_ms(HOUR_MS));
        let series =
            |window| SeriesRequest { window, step, antenna: Some("antenna-1".to_owned()), ..SeriesRequest::default() };
        assert_eq!(told(&snapshot, Some(&archive), &series(asked)), told(&by_minute, Some(&archive), &series(same)));
    }
    assert_eq!(archive.failures(), 0);

    // What is not kept by hour either is expired, and the ledger says so.
    let first_day = snapshot.archived.within(i64::MIN, first_day_end).map(|span| span.readings).sum::<u64>();
    let snapshot = expire(Tiers { minutes_ms: DAY_MS, hours_ms: DAY_MS + minute });
    let after = ledger(&archiving[0]);
    assert_eq!((after.archived, after.expired), (before.archived - first_day, before.expired + first_day));
    assert_eq!((after.imbalance, snapshot.archived.oldest_ms()), (Some(0), Some(first_day_end)));
    assert!(end.0 > first_day_end);
}
