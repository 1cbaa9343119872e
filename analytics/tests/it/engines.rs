//! The Python of docs/history.md, run on the files of an archive beside the program that wrote them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use shared::testing::RedisServer;

use crate::recorded::{self, ROWS};
use crate::support::{Analytics, fill};

/// From the recording's eleventh of February to the end of the month, so that its files are of two months.
const SHIFT_S: i64 = 15 * 86_400;

/// Reports on the first two days only, so that it is forgotten.
const GONE: &str = "gone";

/// Reports from the third day on.
const NEW: &str = "new";

/// Never carries a latency, and sends nothing.
const IDLE: &str = "idle";

#[test]
fn every_engine_of_the_guide_answers_from_files_as_the_api_does() {
    compare(None);
}

#[test]
#[ignore = "Spark is half a gigabyte and needs a JVM; deploy/engines.sh runs it"]
fn spark_answers_from_files_as_the_api_does() {
    compare(Some("Spark SQL"));
}

/// Has an engine, or all that need no JVM, answer from the files of a recording, and compares that with the API.
fn compare(engine: Option<&str>) {
    let (redis, directory) = (RedisServer::start(&[]), tempfile::tempdir().expect("a directory"));
    let archive = format!("file://{}", directory.path().display());
    let mut readings: Vec<_> = recorded::readings().into_iter().map(|it| recorded::later(it, SHIFT_S)).collect();
    let begin_s = readings.iter().map(recorded::timestamp_s).min().expect("a first reading");
    for (id, minutes) in [(GONE, 100..2_880), (NEW, 2_900..10_000), (IDLE, 0..10_000)] {
        // With a silence of four hours in between.
        for minute in minutes.filter(|minute| !(1_200..1_440).contains(&(minute % 2_400))) {
            let (packets, latency) = if id == IDLE { ("0", "") } else { ("10", "12.5") };
            readings.push(vec![
                ("antenna_id", id.to_owned()),
                ("timestamp", (begin_s + minute * 60).to_string()),
                ("packets", packets.to_owned()),
                ("loss", if minute % 50 < 3 { packets } else { "0" }.to_owned()),
                ("latency", latency.to_owned()),
            ]);
        }
    }
    readings.sort_by_key(recorded::timestamp_s);
    let entries = readings.len() as u64;
    assert!(entries > ROWS);
    fill(redis.port(), "antenna_stream", readings.into_iter());
    let settings = [("PANE", "60s"), ("RETENTION", "1d"), ("COMMIT_INTERVAL", "50ms"), ("ARCHIVE", archive.as_str())];
    let mut analytics = Analytics::start(&redis.url(), &settings);
    let totals = analytics.settle(entries);
    assert_eq!((&totals["counted"], &totals["expired"]), (&entries.into(), &0.into()), "{totals}");
    let is_written = |archive: &Value| archive["hours_waiting"] == 0 && archive["days_waiting"] == 0;
    analytics.wait("/api/v1/pipeline", |pipeline| is_written(&pipeline["archive"]));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analysis/engines.sh");
    let ran = Command::new(script).arg(analytics.base()).arg(directory.path()).args(engine).output().expect("bash");
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ran.status.success(), "engines.sh fails:\n{}{}", said[0], said[1]);
    assert!(said[0].contains("all answer as the API does"), "{}", said[0]);
}
