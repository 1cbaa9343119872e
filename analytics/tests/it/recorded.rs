//! Real measurements with the answers that DuckDB computed for them, over HTTP, also after a crash in the middle.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;
use shared::testing::RedisServer;

use crate::support::{Analytics, fill};

pub(crate) const ROWS: u64 = 38_733;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/fixtures").join(name)
}

/// A reading as the original Python producers send it: five fields, no `seq`.
pub(crate) type Fields = Vec<(&'static str, String)>;

/// The recording.
pub(crate) fn readings() -> Vec<Fields> {
    let file = std::fs::File::open(fixture("ripe_atlas.csv.gz")).expect("the recording");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("a gzip file");
    let reading = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [id, timestamp_ms, latency, sent, delivered] = cells[..] else { panic!("five columns: {line}") };
        let lost = sent.parse::<u32>().expect("sent") - delivered.parse::<u32>().expect("delivered");
        vec![
            ("antenna_id", id.to_owned()),
            ("timestamp", timestamp_ms.strip_suffix("000").expect("whole seconds").to_owned()),
            ("packets", sent.to_owned()),
            ("loss", lost.to_string()),
            ("latency", latency.to_owned()),
        ]
    };
    text.lines().skip(1).map(reading).collect()
}

/// When a reading was measured, Unix seconds.
pub(crate) fn timestamp_s(reading: &Fields) -> i64 {
    let timestamp = reading.iter().find(|(name, _)| *name == "timestamp").map(|(_, value)| value);
    timestamp.expect("a timestamp").parse().expect("seconds")
}

/// A reading as if it had been measured later.
pub(crate) fn later(mut reading: Fields, seconds: i64) -> Fields {
    let timestamp_s = timestamp_s(&reading) + seconds;
    reading.retain(|(name, _)| *name != "timestamp");
    reading.push(("timestamp", timestamp_s.to_string()));
    reading
}

fn publish(port: u16) {
    fill(port, "antenna_stream", readings().into_iter());
}

#[test]
fn the_recording_gives_the_expected_answers_even_after_a_crash() {
    let redis = RedisServer::start(&[]);
    let settings = [("PANE", "60s"), ("RETENTION", "8d"), ("BATCH_MAX", "6000"), ("COMMIT_INTERVAL", "50ms")];
    publish(redis.port());
    let mut analytics = Analytics::start(&redis.url(), &settings);
    let is_in_the_middle = |pipeline: &Value| {
        let committed = pipeline["partitions"][0]["committed"].as_str().expect("an id");
        committed != "0-0" && pipeline["totals"]["counted"].as_u64().expect("a count") < ROWS
    };
    analytics.wait("/api/v1/pipeline", is_in_the_middle);
    analytics.kill();

    let mut analytics = Analytics::start(&redis.url(), &settings);
    let totals = analytics.settle(ROWS);
    assert_eq!(totals["counted"], ROWS, "{totals}");
    assert_expected(&analytics);
    // The same from the committed state alone: nothing is left to read.
    assert_eq!(analytics.terminate().0, Some(0));
    let mut analytics = Analytics::start(&redis.url(), &settings);
    assert_eq!(analytics.settle(ROWS), totals);
    assert_expected(&analytics);
}

/// A week of which only three days are retained, so most answers come from files. Processes are killed while they write them.
#[test]
fn the_recording_gives_the_expected_answers_from_the_archive_too() {
    let (redis, directory) = (RedisServer::start(&[]), tempfile::tempdir().expect("a directory"));
    let archive = format!("file://{}", directory.path().display());
    let settings = [
        ("PANE", "60s"),
        ("RETENTION", "3d"),
        ("BATCH_MAX", "2000"),
        ("COMMIT_INTERVAL", "20ms"),
        ("ARCHIVE", archive.as_str()),
    ];
    publish(redis.port());
    for kills in 1..=4_u64 {
        let mut analytics = Analytics::start(&redis.url(), &settings);
        let is_further = |pipeline: &Value| pipeline["totals"]["archived"].as_u64() >= Some(kills * 4_000);
        analytics.wait("/api/v1/pipeline", is_further);
        analytics.kill();
    }
    let mut analytics = Analytics::start(&redis.url(), &settings);
    let totals = analytics.settle(ROWS);
    assert_eq!((&totals["counted"], &totals["expired"]), (&ROWS.into(), &0.into()), "{totals}");
    let pipeline = analytics.wait("/api/v1/pipeline", |pipeline| pipeline["archive"]["hours_waiting"] == 0);
    let (in_memory, archived) = (&pipeline["totals"]["in_memory"], &pipeline["totals"]["archived"]);
    assert!(archived.as_u64() > Some(ROWS / 2) && archived.as_u64() < Some(ROWS), "{pipeline}");
    assert_eq!(in_memory.as_u64().zip(archived.as_u64()).map(|(a, b)| a + b), Some(ROWS), "{pipeline}");
    assert_expected(&analytics);
    assert_eq!(analytics.terminate().0, Some(0));
    let mut analytics = Analytics::start(&redis.url(), &settings);
    // The ledger is that of the last commit, which may have been behind the files before.
    assert!(analytics.settle(ROWS)["archived"].as_u64() >= archived.as_u64());
    assert_expected(&analytics);
}

fn assert_expected(analytics: &Analytics) {
    let expected = std::fs::read(fixture("ripe_atlas.expected.json")).expect("the expected answers");
    let expected: Value = serde_json::from_slice(&expected).expect("JSON");
    let summary = analytics.get("/api/v1/summary?window=8d").expect("a summary");
    assert_summary(&summary, &expected["all"]);
    for window in expected["windows"].as_array().expect("windows") {
        let end = match window["end"].as_i64() {
            Some(end_ms) => format!("{}.{:03}", end_ms / 1000, end_ms % 1000),
            None => window["end"].as_str().expect("milliseconds, or latest").to_owned(),
        };
        let end = format!("window=6h&end={end}");
        let summary = analytics.get(&format!("/api/v1/summary?{end}")).expect("a summary");
        assert_summary(&summary, window);
        for (name, of) in [("start", "start_ms"), ("end", "end_ms")] {
            assert_eq!(summary["window"][name], shared::UnixMillis(window[of].as_i64().expect("ms")).to_string());
        }
        for (by, field) in [
            ("failures", "worst_by_failures"),
            ("success_rate", "worst_by_success_rate"),
            ("latency", "worst_by_latency"),
        ] {
            let worst = analytics.get(&format!("/api/v1/worst?{end}&by={by}")).expect("the worst");
            let rows = worst["antennas"].as_array().expect("rows");
            let expected = window[field].as_array().expect("rows");
            assert_eq!(rows.len(), expected.len(), "{by} at {end}");
            for (row, expected) in rows.iter().zip(expected) {
                assert_eq!(row["antenna_id"], expected[0], "{by} at {end}");
                match by {
                    "failures" => assert_eq!(row["packets_lost"], expected[1]),
                    "success_rate" => {
                        assert_eq!((&row["packets_sent"], &row["packets_lost"]), (&expected[1], &expected[2]));
                    }
                    _ => assert_close(&row["latency_ms"]["mean"], &expected[1], 1e-9),
                }
            }
        }
        let series = analytics.get(&format!("/api/v1/series?{end}&step=30m")).expect("a series");
        let points = series["points"].as_array().expect("points");
        assert_eq!(points.len(), 12);
        let sum = |name: &str| points.iter().map(|point| point[name].as_u64().expect("a count")).sum::<u64>();
        for name in ["readings", "packets_sent", "packets_delivered", "packets_lost"] {
            assert_eq!(sum(name), window[name], "{name} of the series at {end}");
        }
    }
}

fn assert_summary(found: &Value, expected: &Value) {
    for name in ["readings", "packets_sent", "packets_delivered", "packets_lost"] {
        assert_eq!(found[name], expected[name], "{name}");
    }
    assert_eq!(found["antennas"]["active"], expected["active_antennas"]);
    assert_close(&found["success_rate"], &expected["success_rate"], 1e-12);
    for (name, error) in [("mean", 1e-9), ("min", 0.0), ("max", 0.0), ("p50", 0.02), ("p95", 0.02), ("p99", 0.02)] {
        assert_close(&found["latency_ms"][name], &expected["latency_ms"][name], error);
    }
}

fn assert_close(found: &Value, expected: &Value, error: f64) {
    let (number, target) = (found.as_f64().expect("a number"), expected.as_f64().expect("a number"));
    assert!((number - target).abs() <= target.abs() * error, "{found} is not within {error} of {expected}");
}
