//! Answers in every format: the same rows and values in JSON, CSV, Arrow and Parquet.

use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;

use analytics::http::{Api, serve};
use analytics::ingest::log::MemoryLog;
use analytics::settings::{PipelineSettings, Thresholds};
use analytics::workers::Workers;
use polars::io::ipc::IpcStreamReader;
use polars::prelude::*;
use polars_io::parquet::read::ParquetReader;
use serde_json::{Map, Value};
use shared::api::{ErrorBody, path};
use shared::server::HttpSettings;
use shared::time::Clock;
use shared::{Reading, UnixMillis};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Embedded, NOW, publish, reading};

/// Analytics on a log in memory, whose clock stands still at [`NOW`].
pub(crate) struct Still {
    log: MemoryLog,
    pub(crate) pipeline: Embedded,
    pub(crate) address: SocketAddr,
    serving: CancellationToken,
    server: JoinHandle<()>,
    client: reqwest::Client,
    published: u64,
}

/// What a client gets.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

impl Still {
    pub(crate) async fn start() -> Self {
        let log = MemoryLog::default();
        let settings = PipelineSettings { commit_interval: Duration::from_millis(20), ..PipelineSettings::default() };
        let pipeline = Embedded::start(&log, &settings, "still");
        pipeline.begin().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let serving = CancellationToken::new();
        let api = Api::new(
            pipeline.published.clone(),
            Workers::start(2).expect("threads"),
            Thresholds::default(),
            Clock::of(|| NOW),
            serving.clone(),
        );
        let server = tokio::spawn(async move { serve(listener, api, &HttpSettings::default()).await });
        Self { log, pipeline, address, serving, server, client: reqwest::Client::new(), published: 0 }
    }

    /// Publishes readings with the times of their arrivals, and waits until they are committed.
    pub(crate) async fn publish(&mut self, readings: impl IntoIterator<Item = (UnixMillis, Reading)>) {
        for (arrival, reading) in readings {
            publish(&self.log, arrival, &reading);
            self.published += 1;
        }
        self.pipeline.settle(self.published).await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> Got {
        let answer = self.client.get(self.url(path)).header("accept", accept).send().await.expect("an answer");
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
        let (status, kind) = (answer.status().as_u16(), kind.unwrap_or_default());
        Got { status, kind, body: answer.bytes().await.expect("a whole body").to_vec() }
    }

    /// The body of an answer in a format.
    pub(crate) async fn table(&self, path: &str, format: &str) -> Vec<u8> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let got = self.get(&format!("{path}{joint}format={format}"), "*/*").await;
        let expected = match format {
            "json" => "application/json",
            "csv" => "text/csv; charset=utf-8",
            "arrow" => "application/vnd.apache.arrow.stream",
            _ => "application/vnd.apache.parquet",
        };
        assert_eq!((got.status, got.kind.as_str()), (200, expected), "{path}: {}", String::from_utf8_lossy(&got.body));
        got.body
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let got = self.get(path, "*/*").await;
        assert_eq!((got.status, got.kind.as_str()), (200, "application/json"), "{path}");
        serde_json::from_slice(&got.body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) async fn stop(self) {
        self.serving.cancel();
        self.server.await.expect("no panic");
        self.pipeline.stop().await;
    }
}

/// The error that an answer carries, which has to have a status.
pub(crate) fn error_of(got: &Got, status: u16) -> (String, String) {
    let text = String::from_utf8_lossy(&got.body);
    assert_eq!((got.status, got.kind.as_str()), (status, "application/json"), "{text}");
    let error = serde_json::from_str::<ErrorBody>(&text).expect("the contract's body").error;
    (error.code, error.message)
}

/// Ten minutes up to [`NOW`] of antennas that give every status and every kind of incident, and have everything that can be
/// unknown.
pub(crate) fn ten_minutes() -> Vec<(UnixMillis, Reading)> {
    let mut readings = Vec::new();
    for step in 0..120_u32 {
        let time_ms = NOW.0 - 599_500 + i64::from(step) * 5_000;
        let is_bad = (20..50).contains(&step);
        let latency_ms = 10.0 + f64::from(step * 37 % 101) / 7.0;
        let mut of = |antenna: &str, packets, loss, latency_ms, has_seq: bool| {
            // Event times lie a little back, and one so far that it revises its pane.
            let event_ms = time_ms - if step == 60 { 120_000 } else { i64::from(step * 613 % 3_900) };
            // Sequence numbers that no double holds.
            let seq = has_seq.then(|| u64::MAX - 1_000 + u64::from(step));
            readings
                .push((UnixMillis(time_ms), Reading { seq, ..reading(antenna, event_ms, packets, loss, latency_ms) }));
        };
        of("fine", 100 + step, 0, Some(latency_ms), true);
        of("with, a \"quoted\" comma", 100, if is_bad { 40 } else { step % 3 }, Some(latency_ms * 3.0), false);
        of("dead", 10, 10, None, false);
        of("idle", 0, 0, (step % 2 == 0).then_some(600.0), false);
        of("ánténa", 1_000, 1, Some(0.000_012_5), step % 2 == 0);
        if step < 90 && !(30..40).contains(&step) {
            of("silent", 7, 1, Some(7e7), false);
        }
    }
    readings
}

const TEXT: DataType = DataType::String;
const COUNT: DataType = DataType::UInt64;
const NUMBER: DataType = DataType::Float64;
const FLAG: DataType = DataType::Boolean;
const TIME: DataType = DataType::Datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC));

/// What every answer measures.
fn measures() -> Vec<(&'static str, DataType)> {
    let counts = ["readings", "packets_sent", "packets_delivered", "packets_lost"].map(|name| (name, COUNT));
    let numbers = [
        "success_rate",
        "latency_ms_mean",
        "latency_ms_min",
        "latency_ms_max",
        "latency_ms_p50",
        "latency_ms_p95",
        "latency_ms_p99",
    ];
    counts.into_iter().chain(numbers.map(|name| (name, NUMBER))).collect()
}

/// A question that is answered as a table.
struct Asked {
    path: String,
    columns: Vec<(&'static str, DataType)>,
    /// The rows in the JSON, with nested names joined.
    rows: fn(&Value) -> Vec<Map<String, Value>>,
}

/// A question to each route that answers with tables.
fn questions() -> Vec<Asked> {
    let window = format!("window=10m&end={}", NOW.0 / 1_000);
    let around =
        |before: &[(&'static str, DataType)], after: &[(&'static str, DataType)]| [before, &measures(), after].concat();
    let of = |route: &str, query: &str, columns: Vec<_>, rows| Asked {
        path: format!("{route}?{window}{query}"),
        columns,
        rows,
    };
    let antennas = around(
        &[("antenna_id", TEXT), ("status", TEXT)],
        &[
            ("last_seen", TIME),
            ("availability", NUMBER),
            ("changes", COUNT),
            ("flapping", FLAG),
            ("interval_seconds", NUMBER),
            ("name", TEXT),
            ("site", TEXT),
            ("labels", TEXT),
            ("latitude", NUMBER),
            ("longitude", NUMBER),
            ("parent", TEXT),
        ],
    );
    let incidents = vec![
        ("antenna_id", TEXT),
        ("kind", TEXT),
        ("start", TIME),
        ("end", TIME),
        ("ended_by", TEXT),
        ("duration_seconds", NUMBER),
        ("packets_sent", COUNT),
        ("packets_lost", COUNT),
        ("worst_success_rate", NUMBER),
        ("worst_latency_ms", NUMBER),
        ("caused_by", TEXT),
        ("held", TEXT),
        ("acknowledged", TEXT),
    ];
    let heatmap = vec![
        ("row", COUNT),
        ("antenna_id", TEXT),
        ("status", TEXT),
        ("antennas", COUNT),
        ("start", TIME),
        ("readings", COUNT),
        ("packets_sent", COUNT),
        ("packets_lost", COUNT),
        ("latency_ms_mean", NUMBER),
        ("worst_status", TEXT),
        ("antennas_down", COUNT),
        ("site", TEXT),
    ];
    let readings = vec![
        ("antenna_id", TEXT),
        ("timestamp", TIME),
        ("arrived_at", TIME),
        ("packets_sent", COUNT),
        ("packets_lost", COUNT),
        ("latency_ms", NUMBER),
        ("seq", COUNT),
        ("late", FLAG),
    ];
    let cells = around(&[("start", TIME), ("antenna_id", TEXT)], &[("worst_status", TEXT)]);
    let series = around(&[("start", TIME)], &[("revised", FLAG), ("worst_status", TEXT), ("antennas_down", COUNT)]);
    vec![
        of(path::ANTENNAS, "", antennas.clone(), antenna_rows),
        of(path::ANTENNAS, "&sort=p95&order=desc&limit=3&offset=1", antennas.clone(), antenna_rows),
        of(path::WORST, "", antennas.clone(), antenna_rows),
        of(path::WORST, "&by=latency&limit=4", antennas, antenna_rows),
        of(path::SERIES, "", series.clone(), |it| flat(&it["points"])),
        of(path::SERIES, "&step=70s&antenna=silent", series, |it| flat(&it["points"])),
        of(path::HEATMAP, "", heatmap.clone(), map_rows),
        of(path::HEATMAP, "&rows=4&step=1m", heatmap, map_rows),
        of(path::INCIDENTS, "", incidents, |it| flat(&it["incidents"])),
        Asked {
            path: format!("{}?antenna=%C3%A1nt%C3%A9na&limit=1000", path::READINGS),
            columns: readings.clone(),
            rows: reading_rows,
        },
        Asked { path: format!("{}?antenna=dead&limit=1000", path::READINGS), columns: readings, rows: reading_rows },
        of(path::CELLS, "", cells.clone(), |it| flat(&it["cells"])),
        of(path::CELLS, "&step=45s&q=A&status=degraded,down", cells, |it| flat(&it["cells"])),
    ]
}

/// Rows with nested names joined. Histories have no place in a table.
fn flat(rows: &Value) -> Vec<Map<String, Value>> {
    let flat = |row: &Value| {
        let mut flat = Map::new();
        for (name, value) in row.as_object().expect("a row") {
            match value {
                Value::Object(nested) => {
                    flat.extend(nested.iter().map(|(inner, value)| (format!("{name}_{inner}"), value.clone())));
                }
                _ => _ = flat.insert(name.clone(), value.clone()),
            }
        }
        flat
    };
    rows.as_array().expect("rows").iter().map(flat).collect()
}

/// What no registry says is absent from JSON, and has a column all the same.
fn antenna_rows(page: &Value) -> Vec<Map<String, Value>> {
    let mut rows = flat(&page["antennas"]);
    for row in &mut rows {
        for name in ["name", "site", "labels", "latitude", "longitude", "parent"] {
            assert_eq!(row.insert(name.to_owned(), Value::Null), None);
        }
    }
    rows
}

fn reading_rows(page: &Value) -> Vec<Map<String, Value>> {
    let mut rows = flat(&page["readings"]);
    for row in &mut rows {
        row.insert("antenna_id".to_owned(), page["antenna_id"].clone());
    }
    rows
}

/// A row for each step of each row of the map with a reading in it.
fn map_rows(map: &Value) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for (number, row) in map["rows"].as_array().expect("rows").iter().enumerate() {
        let history = &row["history"];
        let antennas = ["healthy", "degraded", "down", "silent"].map(|status| row["antennas"][status].as_u64());
        for (step, start) in map["starts"].as_array().expect("starts").iter().enumerate() {
            if history["readings"][step] == 0 {
                continue;
            }
            let values = [
                ("row", Value::from(number)),
                ("antenna_id", row["antenna_id"].clone()),
                ("status", row["status"].clone()),
                ("antennas", Value::from(antennas.iter().flatten().sum::<u64>())),
                ("start", start.clone()),
                ("readings", history["readings"][step].clone()),
                ("packets_sent", history["packets_sent"][step].clone()),
                ("packets_lost", history["packets_lost"][step].clone()),
                ("latency_ms_mean", history["latency_mean_ms"][step].clone()),
                ("worst_status", history["worst_status"][step].clone()),
                ("antennas_down", row["antennas_down"][step].clone()),
                // Only where rows are sites.
                ("site", row["site"].clone()),
            ];
            rows.push(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        }
    }
    rows
}

/// A table that was read from a stream of Arrow's IPC format.
pub(crate) fn from_arrow(bytes: Vec<u8>) -> DataFrame {
    IpcStreamReader::new(Cursor::new(bytes)).finish().expect("a stream of Arrow's IPC format")
}

/// A table that was read from a Parquet file.
pub(crate) fn from_parquet(bytes: Vec<u8>) -> DataFrame {
    ParquetReader::new(Cursor::new(bytes)).finish().expect("a Parquet file")
}

fn schema(table: &DataFrame) -> Vec<(String, DataType)> {
    table.schema().iter().map(|(name, kind)| (name.to_string(), kind.clone())).collect()
}

/// A value as JSON has it.
fn value(column: &Column, row: usize) -> Value {
    match column.get(row).expect("a row") {
        AnyValue::Null => Value::Null,
        AnyValue::UInt64(count) => count.into(),
        AnyValue::Float64(number) => number.into(),
        AnyValue::Boolean(flag) => flag.into(),
        AnyValue::String(text) => text.into(),
        AnyValue::Datetime(ms, TimeUnit::Milliseconds, _) => UnixMillis(ms).to_string().into(),
        other => panic!("{other:?} in the column {}", column.name()),
    }
}

/// Whether a value is the one that JSON tells. The parser of the tests may be off by the last digit of a double.
fn is_told(value: &Value, told: &Value) -> bool {
    if let (Value::Number(value), Value::Number(told)) = (value, told)
        && let (Some(value), Some(told)) = (value.as_f64(), told.as_f64())
        && (value - told).abs() <= value.abs() * 2.0 * f64::EPSILON
    {
        return true;
    }
    value == told
}

/// Whether a cell of CSV spells a value.
fn is_spelled(value: &Value, cell: &str) -> bool {
    match value {
        Value::Null => cell.is_empty(),
        Value::String(text) => cell == text,
        Value::Number(number) if number.is_f64() => cell.parse::<f64>().ok() == number.as_f64(),
        other => {
            let text = other.to_string();
            cell == text
        }
    }
}

/// Asks in all formats, checks that they hold the same, and returns the table.
async fn same_in_all_formats(analytics: &Still, asked: &Asked) -> DataFrame {
    let path = &asked.path;
    let table = from_arrow(analytics.table(path, "arrow").await);
    let columns: Vec<(String, DataType)> =
        asked.columns.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect();
    assert_eq!(schema(&table), columns, "{path}");
    let parquet = from_parquet(analytics.table(path, "parquet").await);
    assert_eq!(schema(&parquet), columns, "{path}");
    assert!(table.equals_missing(&parquet), "{path}: {table} {parquet}");

    let json = analytics.table(path, "json").await;
    let told = (asked.rows)(&serde_json::from_slice(&json).expect("JSON"));
    assert_eq!(told.len(), table.height(), "{path}");
    let csv = analytics.table(path, "csv").await;
    let mut csv = csv::Reader::from_reader(csv.as_slice());
    let names: Vec<&str> = csv.headers().expect("a line of names").iter().collect();
    assert_eq!(names, asked.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{path}");
    let csv: Vec<csv::StringRecord> = csv.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!(csv.len(), table.height(), "{path}");
    for (row, (told, csv)) in told.iter().zip(&csv).enumerate() {
        assert_eq!(told.keys().filter(|name| *name != "history").count(), columns.len(), "{path}: {told:?}");
        for (column, cell) in table.columns().iter().zip(csv) {
            let (name, value) = (column.name(), value(column, row));
            let told = told.get(name.as_str()).unwrap_or_else(|| panic!("{path}: JSON has no {name}"));
            assert!(is_told(&value, told), "{path}: {name} in row {row} is {value}, and in JSON {told}");
            assert!(is_spelled(&value, cell), "{path}: {name} in row {row} is {value}, and in CSV {cell:?}");
        }
    }
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_holds_the_same_rows() {
    let mut analytics = Still::start().await;
    analytics.publish(ten_minutes()).await;
    let mut unknown = Vec::new();
    for asked in questions() {
        let table = same_in_all_formats(&analytics, &asked).await;
        assert!(table.height() > 0, "{} has no rows", asked.path);
        unknown.extend(table.columns().iter().filter(|it| it.null_count() > 0).map(|it| it.name().to_string()));
    }
    // The readings are such that whatever can be unknown is.
    for name in
        ["success_rate", "latency_ms_mean", "latency_ms_p99", "antenna_id", "end", "ended_by", "latency_ms", "seq"]
    {
        assert!(unknown.iter().any(|it| it == name), "{name} is never unknown");
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_network_gives_empty_tables_that_have_their_columns() {
    let mut analytics = Still::start().await;
    let all: Vec<Asked> = questions().into_iter().filter(|asked| !asked.path.contains("antenna=")).collect();
    for asked in &all {
        let rows = same_in_all_formats(&analytics, asked).await.height();
        assert_eq!(rows, if asked.path.starts_with(path::SERIES) { 60 } else { 0 }, "{}", asked.path);
    }
    // A window in which nothing was measured is just as empty.
    analytics.publish(ten_minutes()).await;
    for asked in questions().into_iter().filter(|asked| asked.path.starts_with(path::CELLS)) {
        let path = asked.path.replace("end=", "end=10&q=").replace("&q=A", "");
        assert_eq!(same_in_all_formats(&analytics, &Asked { path, ..asked }).await.height(), 0);
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_comes_by_parameter_or_by_header_and_an_unknown_one_is_refused() {
    let mut analytics = Still::start().await;
    analytics.publish(ten_minutes()).await;
    for asked in questions() {
        let path = &asked.path;
        for format in ["xml", "", "CSV", "csv,json"] {
            let (code, message) = error_of(&analytics.get(&format!("{path}&format={format}"), "*/*").await, 400);
            assert_eq!(code, "bad_parameter", "{path}");
            assert!(message.contains("format") && message.contains("json, csv, arrow, parquet"), "{path}: {message}");
        }
        let twice = analytics.get(&format!("{path}&format=csv&format=csv"), "*/*").await;
        assert!(error_of(&twice, 400).1.contains("format"), "{path}");
        for (accept, kind) in [
            ("*/*", "application/json"),
            ("application/xml", "application/json"),
            ("text/csv", "text/csv; charset=utf-8"),
            ("application/xml, Text/CSV;q=0.5", "text/csv; charset=utf-8"),
            ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
            ("text/csv;q=0.1, application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ] {
            let got = analytics.get(path, accept).await;
            assert_eq!((got.status, got.kind.as_str()), (200, kind), "{path}: {accept}");
        }
        let got = analytics.get(&format!("{path}&format=parquet"), "text/csv").await;
        assert_eq!((got.status, got.kind.as_str()), (200, "application/vnd.apache.parquet"), "{path}");
    }
    analytics.stop().await;
}

/// A file is not taken for whole where it is not: without a limit it has all there is, and whatever is cut says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_whole_and_a_part_says_of_how_much() {
    const ANTENNAS: usize = 130;
    let mut analytics = Still::start().await;
    let readings = (0..ANTENNAS).flat_map(|antenna| {
        let of = move |back_ms: i64| {
            (UnixMillis(NOW.0 - back_ms), reading(&format!("{antenna:03}"), NOW.0 - back_ms, 9, 9, None))
        };
        // A silent antenna that was down has both incidents.
        [of(200_000), of(195_000), of(150_000)]
    });
    let mut readings: Vec<_> = readings.collect();
    readings.sort_by_key(|(arrival, _)| *arrival);
    analytics.publish(readings).await;
    let ask = async |path: &str| {
        let answer = reqwest::get(analytics.url(path)).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let (total, link) = (header("x-total-count"), header("link"));
        let is_json = header("content-type").as_deref() == Some("application/json");
        let body = answer.bytes().await.expect("a body").to_vec();
        let rows = if is_json {
            let page: Value = serde_json::from_slice(&body).expect("JSON");
            let rows = ["antennas", "incidents", "readings"].iter().find_map(|name| page[name].as_array());
            rows.expect("rows").len()
        } else {
            from_arrow(body).height()
        };
        (rows, total.map(|total| total.parse::<usize>().expect("a number")), link)
    };
    let end = format!("end={}", NOW.0 / 1_000);
    for route in [format!("{}?{end}", path::ANTENNAS), format!("{}?{end}&window=5m", path::INCIDENTS)] {
        let (rows, total, link) = ask(&format!("{route}&format=arrow")).await;
        assert!(rows >= ANTENNAS, "{route}: {rows}");
        assert_eq!((total, link), (Some(rows), None), "{route}");
        let (first, total, link) = ask(&route).await;
        assert_eq!((first, total), (100, Some(rows)), "{route}: 100 by default in JSON");
        assert!(link.is_some(), "{route}");
        for format in ["json", "arrow"] {
            // Who follows the links sees every row.
            let mut next = Some(format!("{route}&limit=60&format={format}"));
            let mut seen = 0;
            while let Some(path) = next {
                let (rows_of_page, total, link) = ask(&path).await;
                assert_eq!(total, Some(rows), "{path}");
                seen += rows_of_page;
                next = link.map(|link| {
                    let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
                    target.expect("a link to the next page").to_owned()
                });
            }
            assert_eq!(seen, rows, "{route} in {format}");
        }
    }
    let worst = format!("{}?{end}&format=arrow", path::WORST);
    assert_eq!(ask(&worst).await, (10, Some(ANTENNAS), None), "the worst ten of so many");
    let readings = format!("{}?antenna=007&format=arrow", path::READINGS);
    assert_eq!(ask(&readings).await, (3, Some(3), None));
    assert_eq!(ask(&format!("{readings}&limit=2")).await, (2, Some(3), None));
    analytics.stop().await;
}
