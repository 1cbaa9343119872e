use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::NamedTempFile;

use super::*;
use crate::publish::{GRACE, SendError};

/// A broker that takes everything, or stops answering once it has taken `hangs_after` batches.
#[derive(Debug, Clone, Default)]
struct RecordingSink {
    hangs_after: Option<usize>,
    batches: Arc<Mutex<Vec<Batch>>>,
}

/// When a batch came, and its readings.
type Batch = (Instant, Vec<Reading>);

impl RecordingSink {
    fn readings(&self) -> Vec<Reading> {
        let batches = self.batches.lock().expect("no panic under the lock");
        batches.iter().flat_map(|(_, batch)| batch.clone()).collect()
    }
}

impl Sink for RecordingSink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        let taken = self.batches.lock().expect("no panic under the lock").len();
        if self.hangs_after.is_some_and(|batches| taken >= batches) {
            std::future::pending::<()>().await;
        }
        self.batches.lock().expect("no panic under the lock").push((Instant::now(), batch.to_vec()));
        Ok(())
    }
}

fn recording(rows: &[&str]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    writeln!(file, "antenna_id,timestamp_ms,latency_ms,packets_sent,packets_delivered").expect("room");
    for row in rows {
        writeln!(file, "{row}").expect("room");
    }
    file
}

fn settings(file: &Path) -> ReplaySettings {
    ReplaySettings { file: file.to_owned(), speed: None, limit: None }
}

fn real_recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/fixtures/ripe_atlas.csv.gz")
}

async fn play(settings: &ReplaySettings, sink: RecordingSink) -> Result<ReplayReport, ReplayError> {
    replay(settings, sink, ProgressBar::hidden(), CancellationToken::new()).await
}

#[tokio::test(start_paused = true)]
async fn every_row_of_a_real_recording_is_published_in_file_order() {
    let sink = RecordingSink::default();
    let report = play(&settings(&real_recording()), sink.clone()).await.expect("a whole recording");
    assert_eq!((report.rows, report.published, report.skipped), (38_733, 38_733, 0));
    let readings = sink.readings();
    let rows = Rows::open(&real_recording()).expect("the recording").map(|row| row.map(|row| row.reading));
    let expected: Vec<Reading> = rows.map(|reading| reading.expect("readable").expect("expressible")).collect();
    assert_eq!(readings, expected);
    assert!(readings.iter().all(|reading| reading.seq.is_none()));
    assert_eq!(readings.iter().filter(|reading| reading.latency_ms.is_none() && reading.packets > 0).count(), 804);
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_it_early() {
    for limit in [0, 1, 2_000, 2_001] {
        let sink = RecordingSink::default();
        let settings = ReplaySettings { limit: Some(limit), ..settings(&real_recording()) };
        let report = play(&settings, sink.clone()).await.expect("a whole recording");
        assert_eq!((report.rows, sink.readings().len() as u64), (limit, limit));
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_published_are_counted_and_named() {
    let file = recording(&["a,1,1,3,3", "a,2,1,3,4", "a,3,-1,3,3", "a,oops,1,3,3"]);
    let sink = RecordingSink::default();
    let report = play(&settings(file.path()), sink.clone()).await.expect("a readable recording");
    assert_eq!((report.rows, report.published, report.skipped), (4, 2, 2));
    assert!(report.skipped_first[0].starts_with("line 3: ") && report.skipped_first[1].starts_with("line 5: "));
    assert_eq!(sink.readings().iter().map(|reading| reading.timestamp_ms).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_paced_replay_follows_event_time_and_keeps_file_order() {
    let rows = ["a,10000,1,3,3", "a,10000,2,3,3", "a,70000,3,3,3", "a,40000,4,3,3", "a,-5,5,3,3", "a,130000,6,3,3"];
    let file = recording(&rows);
    let sink = RecordingSink::default();
    let began = Instant::now();
    let settings = ReplaySettings { speed: Some(60.0), ..settings(file.path()) };
    play(&settings, sink.clone()).await.expect("a readable recording");
    let batches = sink.batches.lock().expect("no panic under the lock");
    let sent: Vec<(u128, Vec<f64>)> = batches
        .iter()
        .map(|(at, batch)| {
            (at.duration_since(began).as_secs().into(), batch.iter().filter_map(|r| r.latency_ms).collect())
        })
        .collect();
    assert_eq!(sent, [(0, vec![1.0, 2.0]), (1, vec![3.0, 4.0, 5.0]), (2, vec![6.0])]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_what_was_published_and_what_is_unknown() {
    let (sink, shutdown) =
        (RecordingSink { hangs_after: Some(2), ..RecordingSink::default() }, CancellationToken::new());
    // So few rows that all are read ahead: a reader that waits would hold up the paused clock.
    let settings = ReplaySettings { limit: Some(3 * BATCH_MAX as u64), ..settings(&real_recording()) };
    let began = Instant::now();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shutdown.cancel();
    };
    let (outcome, ()) = tokio::join!(replay(&settings, sink.clone(), ProgressBar::hidden(), shutdown.clone()), stop);
    let batch = BATCH_MAX as u64;
    assert!(
        matches!(outcome, Err(ReplayError::Stopped { published, unknown }) if (published, unknown) == (2 * batch, batch)),
        "{outcome:?}"
    );
    assert_eq!(began.elapsed(), Duration::from_secs(1) + GRACE);
}

#[tokio::test(start_paused = true)]
async fn rows_before_the_damage_are_published_and_counted() {
    let whole = std::fs::read(real_recording()).expect("the recording");
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(&whole[..whole.len() / 2]).expect("room");
    let sink = RecordingSink::default();
    let outcome = play(&settings(file.path()), sink.clone()).await;
    let Err(ReplayError::Damaged { published, source: RowsError::Damaged { line, .. } }) = outcome else {
        panic!("the damage is told: {outcome:?}");
    };
    assert!(published > 10_000);
    assert_eq!(sink.readings().len() as u64, published);
    assert!(line >= published, "line {line}");
}
