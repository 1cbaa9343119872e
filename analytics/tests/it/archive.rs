//! What is in files is answered as if it were in memory, whatever happens between the write of a file and its commit.

use std::time::{Duration, Instant};

use analytics::answer::{Question, Tables, View, Window};
use analytics::archive::compact::Compaction;
use analytics::archive::place::{ArchiveUrl, Place};
use analytics::archive::read::Archive;
use analytics::ingest::log::MemoryLog;
use analytics::pipeline::{Pipeline, Steps, empty_store};
use analytics::published::Published;
use analytics::settings::{ArchiveSettings, PipelineSettings, Thresholds};
use analytics::store::{Snapshot, Whole};
use serde_json::{Value, json};
use shared::UnixMillis;
use shared::api::{
    AntennaRequest, AntennasRequest, Count, End, HeatmapRequest, Ledger, SeriesRequest, SummaryRequest, WindowRequest,
    WorstRequest,
};
use shared::time::{Clock, Span};
use tokio_util::sync::CancellationToken;

use crate::support::{NOW, ask_with, publish, reading, window};

const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
const PANE_MS: i64 = 20_000;

/// SplitMix64: what happens next follows from the seed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A network that reports for some hours: readings late by minutes, without latency, all lost, nothing sent.
pub(crate) fn report(log: &MemoryLog, chance: &mut Chance, hours: i64) -> UnixMillis {
    let mut now = NOW;
    while now.0 < NOW.0 + hours * HOUR_MS {
        now = UnixMillis(now.0 + chance.below(30_000) as i64);
        let antenna = format!("antenna-{}", chance.below(4));
        let late_ms = [0, 0, 0, 2_000, 200_000][chance.below(5) as usize];
        let packets = [0, 10, 100, 1_000][chance.below(4) as usize];
        let loss = [0, 0, packets / 10, packets][chance.below(4) as usize];
        let latency_ms = (chance.below(5) > 0).then(|| 1.0 + chance.below(90_000) as f64 / 100.0);
        publish(log, now, &reading(&antenna, now.0 - late_ms, packets, loss, latency_ms));
    }
    now
}

pub(crate) fn settings(retention: Duration, archive: Option<&ArchiveUrl>) -> PipelineSettings {
    let archive = ArchiveSettings { archive: archive.cloned(), ..ArchiveSettings::default() };
    PipelineSettings {
        pane: Duration::from_millis(PANE_MS as u64),
        retention,
        archive,
        batch_max: 700,
        ..PipelineSettings::default()
    }
}

pub(crate) fn pipeline(log: &MemoryLog, settings: PipelineSettings, owner: &str) -> Pipeline<MemoryLog> {
    let published = Published::new("memory", &empty_store(&settings, Thresholds::default()), NOW);
    Pipeline::new(log.clone(), settings, Thresholds::default(), owner.to_owned(), published, Clock::of(|| NOW))
}

/// A directory with an archive, and a runtime for it.
pub(crate) struct Files {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) url: ArchiveUrl,
    pub(crate) place: Place,
}

impl Files {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url: ArchiveUrl = format!("file://{}", directory.path().display()).parse().expect("a URL");
        let place = Place::open(&url).expect("a place");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.expect("a runtime"), directory, url, place }
    }

    pub(crate) fn archive(&self) -> Archive {
        let _runtime = self.runtime.enter();
        Archive::new(self.place.clone())
    }

    /// What makes the files of days.
    fn compaction(&self) -> Compaction {
        Compaction::new(self.place.clone(), self.runtime.handle().clone())
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Every file, by its path.
    pub(crate) fn list(&self) -> Vec<std::path::PathBuf> {
        fn below(folder: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { below(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        below(self.directory.path(), &mut files);
        files.sort();
        files
    }
}

pub(crate) fn ledger(pipeline: &Pipeline<MemoryLog>) -> Ledger {
    pipeline.published.pipeline(Instant::now()).totals
}

/// Reads, merges and commits everything; with an archive, final hours are written and final days compacted, by processes that
/// end at any point.
pub(crate) fn drain(files: &Files, log: &MemoryLog, pipelines: &[Pipeline<MemoryLog>], chance: &mut Chance) -> usize {
    let (compaction, ended) = (files.compaction(), CancellationToken::new());
    let mut current = 0;
    let mut steps = Steps::new(&pipelines[current]);
    loop {
        if !steps.is_owner() {
            log.expire_lease();
            assert!(files.runtime.block_on(steps.take_over()).expect("state that can be read"));
        }
        let read = files.runtime.block_on(steps.read()).expect("a log");
        steps.merge().expect("columns");
        let mut is_crashed = false;
        while let Some(hour) = steps.files().expect("columns") {
            is_crashed = pipelines.len() > 1 && chance.below(12) == 0;
            if is_crashed {
                break;
            }
            let written = files.runtime.block_on(hour.put(&files.place)).expect("a disk with room");
            is_crashed = pipelines.len() > 1 && chance.below(12) == 0;
            if is_crashed {
                break;
            }
            steps.archived(written).expect("what the panes hold");
        }
        let hours = steps.final_day();
        if !is_crashed && !hours.is_empty() && chance.below(3) > 0 {
            let compacted = compaction.day(hours, &ended).expect("files that are there").expect("a day");
            is_crashed = pipelines.len() > 1 && chance.below(2) == 0;
            if !is_crashed {
                steps.compacted(compacted);
            }
        }
        if !is_crashed && chance.below(3) > 0 {
            steps.prepare().expect("columns");
            is_crashed = pipelines.len() > 1 && chance.below(12) == 0;
            if !is_crashed {
                files.runtime.block_on(steps.commit()).expect("a log");
                let Ledger { counted, imported, moved, in_memory, archived, expired, .. } = ledger(&pipelines[current]);
                let all = (counted + imported).checked_add_signed(moved);
                assert_eq!(all, in_memory.map(|in_memory| in_memory + archived + expired));
            }
        }
        if is_crashed {
            current = (current + 1) % pipelines.len();
            steps = Steps::new(&pipelines[current]);
        } else if read == 0 && steps.final_day().is_empty() {
            steps.prepare().expect("columns");
            files.runtime.block_on(steps.commit()).expect("a log");
            return current;
        }
    }
}

/// Whole days, and whether they are in files of their own.
fn days(snapshot: &Snapshot) -> Vec<bool> {
    let spans = snapshot.archived.within(i64::MIN, i64::MAX);
    let mut days: Vec<(i64, bool)> = spans.map(|span| (span.start_ms / (24 * HOUR_MS), span.is_day())).collect();
    days.dedup();
    days.into_iter().map(|(_, is_day)| is_day).collect()
}

/// An answer without what depends on when it was merged and on what is kept where.
pub(crate) fn told<Q: Question>(snapshot: &Snapshot, archive: Option<&Archive>, question: &Q) -> Value {
    let answer = ask_with(snapshot, archive, UnixMillis(NOW.0 + 1_000 * HOUR_MS), question).expect("a known antenna");
    let mut answer = serde_json::to_value(answer).expect("JSON");
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("as_of");
        answer.remove("limits");
    }
    answer
}

/// The questions to a window, with steps that both can answer.
fn answers(snapshot: &Snapshot, archive: Option<&Archive>, window: WindowRequest, step_ms: i64) -> Vec<Value> {
    let step = Some(Span::from_ms(step_ms));
    let antenna = "antenna-2".to_owned();
    vec![
        told(snapshot, archive, &SummaryRequest { window }),
        told(
            snapshot,
            archive,
            &AntennasRequest { window, step, limit: Count::new(9).expect("a limit"), ..AntennasRequest::default() },
        ),
        told(snapshot, archive, &AntennaRequest { id: antenna.clone(), window }),
        told(snapshot, archive, &WorstRequest { window, ..WorstRequest::default() }),
        told(snapshot, archive, &SeriesRequest { window, step, ..SeriesRequest::default() }),
        told(snapshot, archive, &SeriesRequest { window, step, antenna: Some(antenna), ..SeriesRequest::default() }),
        told(snapshot, archive, &HeatmapRequest { window, step, ..HeatmapRequest::default() }),
    ]
}

#[test]
fn files_answer_as_memory_does_through_crashes_at_any_point() {
    // They begin two hours before midnight.
    for (seed, hours) in [(0, 12), (1, 12), (2, 28)] {
        let (mut chance, log) = (Chance(seed), MemoryLog::default());
        let end = report(&log, &mut chance, hours);
        let files = Files::new();
        let whole = [pipeline(&log, settings(Duration::from_secs(48 * 3_600), None), "whole")];
        drain(&files, &log, &whole, &mut Chance(0));
        let whole = whole[0].published.snapshot();
        // The state of that one is not that of the others.
        log.delete_state();
        log.expire_lease();
        let retention = Duration::from_secs(1_200);
        let pipelines: Vec<_> = (0..3)
            .map(|number| pipeline(&log, settings(retention, Some(&files.url)), &format!("archiving-{number}")))
            .collect();
        let last = drain(&files, &log, &pipelines, &mut chance);
        let Ledger { counted, archived, expired, imbalance, .. } = ledger(&pipelines[last]);
        assert!(
            archived > counted * 8 / 10 && expired == 0 && imbalance == Some(0),
            "seed {seed}: {archived} of {counted}"
        );
        let (snapshot, archive) = (pipelines[last].published.snapshot(), files.archive());
        assert_eq!(days(&snapshot), if hours > 24 { vec![true, true, false] } else { vec![true, false] });
        let last_hour = end.0 / HOUR_MS * HOUR_MS;
        for (length_ms, end_ms, step_ms) in [
            (11 * HOUR_MS, end.0, HOUR_MS),
            (HOUR_MS, last_hour - 3 * HOUR_MS, MINUTE_MS),
            (2 * HOUR_MS + 7 * MINUTE_MS, last_hour - 5 * HOUR_MS + 3 * MINUTE_MS, 13 * MINUTE_MS),
            (9 * HOUR_MS, last_hour, 3 * HOUR_MS),
            (MINUTE_MS, last_hour - 7 * HOUR_MS, MINUTE_MS),
            (8 * HOUR_MS, end.0, 2 * HOUR_MS),
            ((hours - 1) * HOUR_MS - 11 * MINUTE_MS, end.0, 3 * HOUR_MS),
        ] {
            let end = End::At(UnixMillis(end_ms / MINUTE_MS * MINUTE_MS));
            let window = window(length_ms, end);
            let (found, expected) =
                (answers(&snapshot, Some(&archive), window, step_ms), answers(&whole, None, window, step_ms));
            for (found, expected) in found.into_iter().zip(expected) {
                assert_eq!(found, expected, "seed {seed}, {length_ms} ms to {end_ms} in steps of {step_ms}");
            }
        }
        assert_eq!(archive.failures(), 0);
    }
}

/// What is missing or damaged is said to be, and the rest is answered.
#[test]
fn a_file_that_is_missing_or_damaged_is_a_gap() {
    let (mut chance, log, files) = (Chance(7), MemoryLog::default(), Files::new());
    let end = report(&log, &mut chance, 8);
    let pipelines = [pipeline(&log, settings(Duration::from_secs(1_200), Some(&files.url)), "archiving")];
    drain(&files, &log, &pipelines, &mut chance);
    let snapshot = pipelines[0].published.snapshot();
    let summary = SummaryRequest { window: window(7 * HOUR_MS, End::At(UnixMillis(end.0 / HOUR_MS * HOUR_MS))) };
    let whole = told(&snapshot, Some(&files.archive()), &summary);
    assert_eq!(whole.get("gaps"), None);
    // Without those that a day was made of.
    let mut paths = files.list();
    let is_named = |path: &std::path::Path| {
        let mut spans = snapshot.archived.within(i64::MIN, i64::MAX);
        spans.any(|span| span.files.keys().any(|table| path.ends_with(span.key(*table))))
    };
    let all = paths.len();
    paths.retain(|path| is_named(path));
    assert_eq!(all - paths.len(), 2 * 4, "the two hours of the first day");
    assert!(paths.len() >= 5 * 4 && paths.iter().all(|path| path.extension().is_some_and(|it| it == "parquet")));
    type Harm = fn(&[u8]) -> Option<Vec<u8>>;
    let harms: [(Harm, &str); 6] = [
        (|_| None, "missing"),
        (|bytes| Some(bytes[..bytes.len() / 2].to_vec()), "damaged"),
        (|bytes| Some(vec![0; bytes.len()]), "damaged"),
        (|bytes| Some([vec![0xff; bytes.len() - 8], bytes[bytes.len() - 8..].to_vec()].concat()), "damaged"),
        (|bytes| Some([vec![0xff; bytes.len() / 2], bytes[bytes.len() / 2..].to_vec()].concat()), "damaged"),
        (|_| Some(Vec::new()), "damaged"),
    ];
    let is_by_antenna = |path: &std::path::Path| !path.to_string_lossy().contains("network");
    for path in paths.iter().filter(|path| path.to_string_lossy().contains("hourly")).take(6) {
        let bytes = std::fs::read(path).expect("a file");
        for (harm, why) in harms {
            match harm(&bytes) {
                Some(bytes) => std::fs::write(path, bytes).expect("a disk"),
                None => std::fs::remove_file(path).expect("a file"),
            }
            let archive = files.archive();
            let answer = told(&snapshot, Some(&archive), &summary);
            let gaps = answer["gaps"].as_array().expect("gaps");
            assert_eq!((gaps.len(), &gaps[0]["reason"]), (1, &json!(why)), "{} {answer}", path.display());
            assert!(archive.failures() > 0);
            // A look at the footer counts what it finds amiss as reading does.
            let looking = files.archive();
            let spans = snapshot.archived.within(i64::MIN, i64::MAX);
            let mut tables = spans.flat_map(|span| span.files.keys().map(move |table| (span, *table)));
            let (span, table) = tables.find(|(span, table)| path.ends_with(span.key(*table))).expect("a span");
            let is_amiss = looking.look(span, table).is_err();
            assert!(is_amiss || why == "damaged", "{}", path.display());
            assert_eq!(looking.failures(), u64::from(is_amiss));
            // Whether antennas were available in a time that cannot be read is not known.
            assert!(
                whole["availability"].is_number() && answer["availability"].is_null() == is_by_antenna(path),
                "{answer}"
            );
            let (less, all) = (&answer["packets_sent"], &whole["packets_sent"]);
            assert!(less.as_u64() <= all.as_u64() && less.as_u64() > Some(0), "{less} of {all}");
            std::fs::write(path, &bytes).expect("a disk");
            // What is back is read the next time, by the same reader.
            assert_eq!(told(&snapshot, Some(&archive), &summary), whole);
        }
    }
}

/// What a window adds up to is kept from one question to the next, and an antenna that is in files alone has another slot once it is in
/// memory again.
#[test]
fn an_antenna_that_comes_back_has_what_files_have_of_it() {
    let (files, log) = (Files::new(), MemoryLog::default());
    let archiving = pipeline(&log, settings(Duration::from_secs(3_600), Some(&files.url)), "one");
    let mut steps = Steps::new(&archiving);
    let settle = |steps: &mut Steps<'_, MemoryLog>| {
        let runtime = &files.runtime;
        while runtime.block_on(steps.read()).expect("a log") > 0 {
            steps.merge().expect("columns");
        }
        while let Some(hour) = steps.files().expect("columns") {
            let written = runtime.block_on(hour.put(&files.place)).expect("a disk with room");
            steps.archived(written).expect("the same readings");
        }
        steps.prepare().expect("columns");
        runtime.block_on(steps.commit()).expect("a log");
    };
    assert!(files.runtime.block_on(steps.take_over()).expect("a log"));
    let report = |antenna: &str, minutes: i64| {
        let at = UnixMillis(NOW.0 + minutes * 60_000);
        publish(&log, at, &reading(antenna, at.0, 10, 1, Some(20.0)));
    };
    report("leaves", 0);
    (0..300).for_each(|minutes| report("stays", minutes));
    settle(&mut steps);
    // Another process has no slot for an antenna that nothing in memory names.
    steps = Steps::new(&archiving);
    assert!(files.runtime.block_on(steps.take_over()).expect("a log"));
    let (archive, tables) = (files.archive(), Tables::default());
    let sent = |tables: &Tables| {
        let whole = Whole::from(archiving.published.snapshot());
        // Its last pane has closed already when it is asked for the first time.
        let (end, now) = (End::At(UnixMillis(NOW.0 + 298 * 60_000)), UnixMillis(NOW.0 + 310 * 60_000));
        let window = Window::new(&whole, 6 * HOUR_MS, end, now);
        let view = View::new(&whole, window, now, Thresholds::default(), tables).with_archive(Some(&archive));
        let page = AntennasRequest::default().answer(&view).expect("an answer");
        let mut sent: Vec<_> =
            page.antennas.into_iter().map(|row| (row.antenna_id, row.measures.packets_sent)).collect();
        sent.sort();
        sent
    };
    let expected = [("leaves".to_owned(), 10), ("stays".to_owned(), 2_980)];
    assert_eq!(sent(&tables), expected);
    report("leaves", 300);
    settle(&mut steps);
    assert_eq!(sent(&tables), expected);
    assert_eq!(sent(&Tables::default()), expected);
}
