//! Old measurements that `analytics import` puts into the archive, as the stream would have, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use analytics::archive::file::encode;
use analytics::ingest::log::MemoryLog;
use polars::prelude::*;
use serde_json::Value;
use shared::api::request::Request;
use shared::api::{AntennasRequest, Count, End, SummaryRequest, path};
use shared::testing::{DEADLINE, Ended, Program, RedisServer, Signal, built, until};
use shared::{Reading, UnixMillis};

use crate::archive::{Chance, Files, HOUR_MS, drain, pipeline, settings};
use crate::programs::redis;
use crate::support::{Analytics, fill, publish, reading, window};

/// The start of what is imported, long ago: a full hour.
const START: i64 = 1_699_999_200_000;

const RETENTION: Duration = Duration::from_secs(1_200);

/// What is imported is old, and is kept.
const KEPT: &str = "36500d";

/// A file for each table of an hour.
const TABLES: usize = 4;

/// Some hours of four antennas in order of time: without latency, all lost, nothing sent, with pauses that are longer than
/// retention, in which antennas are forgotten.
fn readings(chance: &mut Chance, hours: i64) -> Vec<Reading> {
    let (mut readings, mut now) = (Vec::new(), START);
    while now < START + hours * HOUR_MS {
        let antenna = format!("antenna-{}", chance.below(4));
        let packets = [0, 10, 100, 1_000][chance.below(4) as usize];
        let loss = [0, 0, packets / 10, packets][chance.below(4) as usize];
        let latency_ms = (chance.below(5) > 0).then(|| 1.0 + chance.below(90_000) as f64 / 100.0);
        readings.push(reading(&antenna, now, packets, loss, latency_ms));
        now += 1 + chance.below(30_000) as i64;
        if chance.below(300) == 0 {
            now += 2_000_000;
        }
    }
    readings
}

fn shuffled(mut readings: Vec<Reading>, chance: &mut Chance) -> Vec<Reading> {
    for at in (1..readings.len()).rev() {
        readings.swap(at, chance.below(at as u64 + 1) as usize);
    }
    readings
}

fn csv(readings: &[Reading]) -> String {
    let mut text = "antenna_id,timestamp_ms,latency_ms,packets_sent,packets_delivered\n".to_owned();
    for Reading { antenna_id, timestamp_ms, packets, loss, latency_ms, .. } in readings {
        let latency = latency_ms.map(|latency_ms| latency_ms.to_string()).unwrap_or_default();
        writeln!(text, "{antenna_id},{timestamp_ms},{latency},{packets},{}", packets - loss).expect("a string");
    }
    text
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// The same rows as another system may have them: times instead of numbers, columns in another order, and one more; in several row
/// groups.
fn parquet(readings: &[Reading]) -> Vec<u8> {
    let column = |value: &dyn Fn(&Reading) -> i64| readings.iter().map(value).collect::<Vec<_>>();
    let time = Column::new("timestamp_ms".into(), column(&|it| it.timestamp_ms * 1_000));
    let time = time.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("times");
    let columns = vec![
        time,
        Column::new("packets_delivered".into(), readings.iter().map(|it| it.packets - it.loss).collect::<Vec<_>>()),
        Column::new("site".into(), vec!["north"; readings.len()]),
        Column::new("packets_sent".into(), column(&|it| it.packets.into())),
        Column::new("latency_ms".into(), readings.iter().map(|it| it.latency_ms).collect::<Vec<_>>()),
        Column::new("antenna_id".into(), readings.iter().map(|it| it.antenna_id.as_str()).collect::<Vec<_>>()),
    ];
    encode(&DataFrame::new(readings.len(), columns).expect("columns of one length"), 100).expect("types of Parquet")
}

/// A folder of files to import.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a disk with room");
        path
    }
}

/// A broker, and an archive in a directory.
struct Place {
    broker: RedisServer,
    archive: Files,
}

impl Place {
    fn new() -> Self {
        Self { broker: RedisServer::start(&[]), archive: Files::new() }
    }

    fn command(&self, files: &[&Path], arguments: &[&str]) -> std::process::Command {
        let mut command = built("analytics");
        command.arg("import").args(files).args(arguments).envs([
            ("REDIS_URL", self.broker.url()),
            ("ARCHIVE", self.archive.url.to_string()),
            ("PANE", "20s".to_owned()),
            ("RETENTION", "20m".to_owned()),
            ("COMMIT_INTERVAL", "20ms".to_owned()),
            ("ARCHIVE_KEEP_HOURS", KEPT.to_owned()),
        ]);
        command
    }

    fn import(&self, files: &[&Path], arguments: &[&str]) -> Ended {
        Program::run(&mut self.command(files, arguments))
    }

    #[track_caller]
    fn imported(&self, files: &[&Path], arguments: &[&str]) -> String {
        let ended = self.import(files, arguments);
        assert_eq!(ended.code, Some(0), "{}{}", ended.log, ended.output);
        ended.output
    }

    /// The last line of an import that has to fail.
    #[track_caller]
    fn refused(&self, files: &[&Path], arguments: &[&str]) -> String {
        let ended = self.import(files, arguments);
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{}", ended.log);
        let told = ended.log.lines().skip_while(|line| !line.starts_with("analytics: ")).collect::<Vec<_>>();
        assert!(!told.is_empty(), "{}", ended.log);
        told.join("\n")
    }

    fn analytics(&self) -> Analytics {
        let archive = self.archive.url.to_string();
        let settings = [
            ("ARCHIVE", archive.as_str()),
            ("PANE", "20s"),
            ("RETENTION", "20m"),
            ("COMMIT_INTERVAL", "50ms"),
            ("ARCHIVE_KEEP_HOURS", KEPT),
        ];
        Analytics::start(&self.broker.url(), &settings)
    }

    /// What is committed, but for what counts owners and commits.
    fn state(&self) -> BTreeMap<String, Vec<u8>> {
        let mut state: BTreeMap<String, Vec<u8>> =
            redis::cmd("HGETALL").arg("{antenna_stream}:state").query(&mut redis(&self.broker)).expect("a hash");
        for owner in ["epoch", "nonce", "commit"] {
            state.remove(owner);
        }
        state
    }

    /// Every file of the archive, by its path below it. One that is not whole has another name.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.archive.directory.path();
        let below = |path: &PathBuf| path.strip_prefix(root).expect("a file below").to_owned();
        let files = self.archive.list().into_iter().filter(|path| path.extension().is_some_and(|it| it == "parquet"));
        files.map(|path| (below(&path), std::fs::read(&path).expect("a file"))).collect()
    }
}

/// What is committed, by field, and what is in files, by path.
type Left = (BTreeMap<String, Vec<u8>>, BTreeMap<PathBuf, Vec<u8>>);

#[track_caller]
fn assert_same(place: &Place, (state, files): &Left) {
    let found = place.files();
    assert!(found.keys().eq(files.keys()), "{:?} in place of {:?}", found.keys(), files.keys());
    assert!(found.iter().all(|(name, bytes)| files[name] == *bytes), "files differ");
    let found = place.state();
    assert!(found.keys().eq(state.keys()), "{:?} in place of {:?}", found.keys(), state.keys());
    for (name, value) in found {
        let [found, expected] = [&value, &state[&name]].map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(found, expected, "{name}");
    }
}

/// Everything that was counted or imported is somewhere.
#[track_caller]
fn assert_whole(totals: &Value) {
    let figure = |name: &str| totals[name].as_u64().unwrap_or_else(|| panic!("{name} is not known: {totals}"));
    assert_eq!(
        figure("counted") + figure("imported"),
        figure("in_memory") + figure("archived") + figure("expired"),
        "{totals}"
    );
}

/// The order of rows and files does not matter, nor what kind of files they are: the archive is, to the byte, what the stream of
/// these readings in order of time would have made.
#[test]
fn an_import_writes_what_the_stream_would_have() {
    let mut chance = Chance(3);
    let readings = readings(&mut chance, 14);
    let log = MemoryLog::default();
    let arrival = UnixMillis(START + 20 * HOUR_MS);
    readings.iter().for_each(|reading| publish(&log, arrival, reading));
    let streamed = Files::new();
    let pipelines = [pipeline(&log, settings(RETENTION, Some(&streamed.url)), "streaming")];
    drain(&streamed, &log, &pipelines, &mut chance);

    let (place, folder) = (Place::new(), Folder::new());
    let mixed = shuffled(readings.clone(), &mut chance);
    let (first, rest) = mixed.split_at(mixed.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let files = [
        folder.file("a.csv", csv(first)),
        folder.file("b.csv.gz", gzip(&csv(second))),
        folder.file("c.parquet", parquet(third)),
    ];
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let told = place.imported(&files, &[]);
    assert!(told.starts_with(&format!("imported {} readings of ", readings.len())), "{told}");
    let found = place.files();
    let root = streamed.directory.path();
    // A day that is final is compacted there; its hours lie beside it for a while.
    let expected: Vec<PathBuf> =
        streamed.list().into_iter().filter(|path| path.starts_with(root.join("v1/hours"))).collect();
    assert!(expected.len() >= 10 * TABLES && found.len() >= expected.len(), "{} and {}", expected.len(), found.len());
    for path in expected {
        let name = path.strip_prefix(root).expect("a file below");
        assert!(found[name] == std::fs::read(&path).expect("a file"), "{} differs", name.display());
    }

    // Analytics starts with it, and answers.
    let mut analytics = place.analytics();
    let totals = analytics.settle(0);
    assert_whole(&totals);
    let all = readings.len() as u64;
    for (name, count) in [("counted", 0), ("imported", all), ("archived", all), ("in_memory", 0), ("expired", 0)] {
        assert_eq!(totals[name], count, "{name}: {totals}");
    }
    let hours = (readings.last().expect("a reading").timestamp_ms - START) / HOUR_MS + 1;
    let window = window(hours * HOUR_MS, End::At(UnixMillis(START + hours * HOUR_MS)));
    let summary = analytics.get(&SummaryRequest { window }.href()).expect("a summary");
    let sum = |of: fn(&Reading) -> u32| readings.iter().map(|it| u64::from(of(it))).sum::<u64>();
    assert_eq!(summary["readings"], all, "{summary}");
    assert_eq!(summary["packets_sent"], sum(|it| it.packets), "{summary}");
    assert_eq!(summary["packets_lost"], sum(|it| it.loss), "{summary}");
    assert_eq!(summary.get("gaps"), None, "{summary}");
    let limit = Count::new(9).expect("a limit");
    let antennas = analytics.get(&AntennasRequest { window, limit, ..AntennasRequest::default() }.href());
    assert_eq!(antennas.expect("antennas")["antennas"].as_array().map(Vec::len), Some(4));
    let (_, metrics) = analytics.ask(path::METRICS, "text/plain").expect("metrics");
    assert!(metrics.contains(&format!("vigia_readings_imported_total {all}\n")), "{metrics}");

    // What arrives from now on is counted beside it.
    let now_s = UnixMillis::now().0 / 1_000;
    let live = |number: i64| {
        let fields = [("antenna_id", "antenna-1".to_owned()), ("timestamp", (now_s - 9 + number).to_string())];
        fields.into_iter().chain([("packets", "10".to_owned()), ("loss", "0".to_owned())]).collect()
    };
    fill(place.broker.port(), "antenna_stream", (0..10).map(live));
    let totals = analytics.settle(10);
    assert_whole(&totals);
    assert_eq!((&totals["counted"], &totals["imported"]), (&10.into(), &all.into()), "{totals}");
}

#[test]
fn what_overlaps_is_refused_as_a_whole_or_left_out() {
    let (place, folder, mut chance) = (Place::new(), Folder::new(), Chance(5));
    let early = readings(&mut chance, 4);
    let of_hours = |from: i64, to: i64| -> Vec<Reading> {
        let every_minute = (from * 60..to * 60).map(|minute| START + minute * 60_000);
        every_minute.map(|time_ms| reading("another", time_ms, 10, 1, Some(2.0))).collect()
    };
    let first = folder.file("first.csv", csv(&of_hours(0, 4)));
    place.imported(&[&first], &[]);
    let (state, files) = (place.state(), place.files());
    assert_eq!(files.len(), 4 * TABLES);

    let second = folder.file("second.csv", csv(&of_hours(2, 7)));
    let told = place.refused(&[&second], &[]);
    let time = |hours: i64| UnixMillis(START + hours * HOUR_MS).to_string();
    let hours = format!("2 hours of the files are in the archive already, from {} to {}", time(2), time(4));
    assert!(told.contains(&hours) && told.contains("nothing was imported"), "{told}");
    assert_eq!((place.state(), place.files()), (state.clone(), files.clone()));
    for (options, refused) in [(&["--dry-run"] as &[&str], true), (&["--dry-run", "--skip-overlap"], false)] {
        let told = place.imported(&[&second], options);
        assert!(told.contains("would import 180 readings of 3 hours"), "{told}");
        assert_eq!(told.contains("everything would be refused"), refused, "{told}");
        assert_eq!((place.state(), place.files()), (state.clone(), files.clone()));
    }
    let told = place.imported(&[&second], &["--skip-overlap"]);
    assert!(told.contains("imported 180 readings of 3 hours") && told.contains("in the archive: 2, from"), "{told}");
    let now = place.files();
    assert_eq!(now.len(), 7 * TABLES);
    assert!(files.iter().all(|(name, bytes)| now[name] == *bytes));
    // What would be removed at once is not written.
    let old = folder.file("old.csv", csv(&of_hours(20, 21)));
    let mut command = place.command(&[&old], &["--archive-keep-minutes", "1d"]);
    let ended = Program::run(command.env("ARCHIVE_KEEP_HOURS", "30d"));
    assert!(ended.code == Some(1) && ended.log.contains("(ARCHIVE_KEEP_HOURS)"), "{}", ended.log);
    // Other readings of the same hours are no part of that import.
    let third = folder.file("third.csv", csv(&early));
    assert!(place.refused(&[&third], &[]).contains("in the archive already"));

    // Neither is anything while nobody knows of which hours the stream brings readings.
    let unread = Place::new();
    fill(unread.broker.port(), "antenna_stream", (0..10).map(crate::programs::valid));
    let told = unread.refused(&[&first], &[]);
    assert!(told.contains("the stream holds 10 entries") && told.contains("start it once"), "{told}");

    // What the stream may still change is not imported either.
    let mut analytics = place.analytics();
    let now_ms = UnixMillis::now().0;
    fill(place.broker.port(), "antenna_stream", (0..10).map(crate::programs::valid));
    analytics.settle(10);
    let held = folder.file("held.csv", csv(&of_hours(8, 9)));
    let told = place.refused(&[&held], &[]);
    assert!(told.contains("owns the stream") && told.contains("stop analytics first"), "{told}");
    assert_eq!(analytics.terminate().0, Some(0));
    let hour = now_ms / HOUR_MS * HOUR_MS;
    let old_and_new: Vec<Reading> =
        [hour - 5 * HOUR_MS, hour - 4 * HOUR_MS, now_ms].map(|time_ms| reading("another", time_ms, 1, 0, None)).into();
    let fresh = folder.file("fresh.csv", csv(&old_and_new));
    let told = place.refused(&[&fresh], &[]);
    assert!(told.contains("1 hours of the files are not final"), "{told}");
    let told = place.imported(&[&fresh], &["--skip-overlap"]);
    assert!(told.contains("imported 2 readings of 2 hours") && told.contains("not final yet: 1"), "{told}");
    let totals = place.analytics().settle(10);
    assert_whole(&totals);
    assert_eq!((&totals["in_memory"], &totals["imported"]), (&10.into(), &(240 + 180 + 2).into()), "{totals}");
}

/// Killed at any point, it goes on behind its last commit, and comes to what it would have come to.
#[test]
fn an_import_that_is_killed_goes_on() {
    let (folder, mut chance) = (Folder::new(), Chance(9));
    let file = folder.file("all.csv", csv(&readings(&mut chance, 48)));
    let whole = Place::new();
    whole.imported(&[&file], &[]);
    let expected: Left = (whole.state(), whole.files());

    let (place, mut resumed) = (Place::new(), 0);
    for kill in 1..=4_u64 {
        let at_least = (kill * 30 + chance.below(12)) as usize;
        let mut import = Program::start(&mut place.command(&[&file], &[]));
        import.until("some files are written", |_| {
            let written = place.archive.list().len();
            if written >= at_least { Ok(()) } else { Err(written.to_string()) }
        });
        import.kill();
        // The next one need not wait for it.
        redis::cmd("DEL").arg("{antenna_stream}:lease").exec(&mut redis(&place.broker)).expect("an answer");
        let before = place.state().keys().filter(|name| name.starts_with("archived:")).count();
        assert!(before * TABLES <= place.files().len(), "only what is written is committed");
        resumed = resumed.max(before);
    }
    assert!(resumed > 0, "nothing was committed before a kill");
    let told = place.imported(&[&file], &[]);
    assert!(told.contains("hours that this import had added before: "), "{told}");
    assert_same(&place, &expected);
    let told = place.imported(&[&file], &[]);
    assert!(told.starts_with("nothing is left to import\n"), "{told}");
    assert_same(&place, &expected);
    assert_whole(&place.analytics().settle(0));
}

/// Who stops it has what was written so far.
#[test]
fn an_import_that_is_stopped_commits_what_it_has_written() {
    let (folder, place) = (Folder::new(), Place::new());
    let file = folder.file("all.csv", csv(&readings(&mut Chance(2), 72)));
    let mut import = Program::start(&mut place.command(&[&file], &[]));
    import.until("some files are written", |_| if place.archive.list().len() >= 20 { Ok(()) } else { Err("few") });
    let ended = import.end(Signal::Terminate, DEADLINE);
    assert_eq!((ended.code, ended.log.contains("the same command goes on")), (Some(1), true), "{}", ended.log);
    let committed = place.state().keys().filter(|name| name.starts_with("archived:")).count();
    assert!(committed >= 4, "{committed} hours");
    // The lease is given up at once.
    let told = place.imported(&[&file], &[]);
    assert!(told.contains(&format!("hours that this import had added before: {committed}, ")), "{told}");
}

#[test]
fn rows_that_are_no_readings_are_told_by_reason_and_place() {
    let (place, folder) = (Place::new(), Folder::new());
    let in_a_year = UnixMillis::now().0 + 365 * 24 * HOUR_MS;
    let bad = format!(
        "good,{START},1.5,10,9\n,{START},1,1,1\na,-5,1,1,1\na,soon,1,1,1\na,{in_a_year},1,1,1\na,{START},1,1,2\n\
         a,{START},-1,1,1\na,{START},1,4294967296,1\na,{START},1\na,{START},2,1,2\na,{START},3,1,2\na,{START},4,1,2\n"
    );
    let header = csv(&[]);
    let file = folder.file("bad.csv", header.clone() + &bad);
    let told = place.imported(&[&file], &[]);
    let name = file.display();
    for line in [
        "imported 1 readings of 1 hours".to_owned(),
        "rows read: 12, of 1 antennas".to_owned(),
        "rows that are no readings: 11".to_owned(),
        "  missing_field: 1".to_owned(),
        format!("    {name}:10: packets_sent is missing"),
        "  bad_antenna_id: 1".to_owned(),
        format!("    {name}:3: antenna_id is empty"),
        "  bad_timestamp: 2".to_owned(),
        format!("    {name}:4: timestamp_ms -5 is not between 1970 and the year 9999"),
        format!("    {name}:5: timestamp_ms \"soon\" is not a number that a reading can carry"),
        "  future: 1".to_owned(),
        format!("    {name}:6: timestamp_ms {in_a_year} is in the future"),
        "  bad_latency: 1".to_owned(),
        "  bad_packets: 1".to_owned(),
        "  bad_loss: 4".to_owned(),
        format!("    {name}:7: packets_delivered 2 is above packets_sent 1"),
    ] {
        assert!(told.contains(&line), "{line} is not in {told}");
    }
    assert_eq!(told.matches("packets_delivered 2 is above").count(), 3, "{told}");

    // A file that cannot be read is told before anything is written, and what is wrong with it.
    let good = folder.file("good.csv", csv(&readings(&mut Chance(1), 2)));
    let state = place.state();
    let cut = gzip(&csv(&readings(&mut Chance(1), 40)));
    let table = |columns: Vec<Column>| encode(&DataFrame::new(1, columns).expect("columns"), 9).expect("a file");
    let [id, time, latency, sent] = [
        Column::new("antenna_id".into(), ["a"]),
        Column::new("timestamp_ms".into(), [START]),
        Column::new("latency_ms".into(), [1.5]),
        Column::new("packets_sent".into(), [1_u32]),
    ];
    let of_text = Column::new("packets_delivered".into(), ["one"]);
    for (name, content, why) in [
        ("empty.csv", Vec::new(), "the file is empty"),
        (
            "other.csv",
            b"antenna_id,time,packets_sent\na,1,1\n".to_vec(),
            "the header lacks timestamp_ms, latency_ms, packets_",
        ),
        ("cut.csv.gz", cut[..cut.len() / 2].to_vec(), "the file is damaged"),
        ("cut.parquet", parquet(&readings(&mut Chance(1), 2))[..900].to_vec(), "cut.parquet"),
        (
            "less.parquet",
            table(vec![id.clone(), time.clone(), latency.clone(), sent.clone()]),
            "the file lacks packets_delivered",
        ),
        (
            "text.parquet",
            table(vec![id, time, latency, sent, of_text]),
            "packets_delivered is of type str, where a whole number",
        ),
    ] {
        let file = folder.file(name, content);
        let told = place.refused(&[&good, &file], &[]);
        assert!(told.contains(name) && told.contains(why), "{name}: {told}");
        assert_eq!(place.state(), state);
    }
    let told = place.refused(&[&good, Path::new("/no/such/file.csv")], &[]);
    assert!(told.contains("/no/such/file.csv cannot be opened"), "{told}");
    let nothing = folder.file("nothing.csv", &header);
    assert!(place.refused(&[&nothing], &[]).ends_with("the files have no rows"));
    let none = folder.file("none.csv", header + "a,soon,1,1,1\n");
    let told = place.refused(&[&none], &[]);
    assert!(told.contains("none of the 1 rows is a reading") && told.contains("none.csv:2: timestamp_ms"), "{told}");
    let told = place.refused(&[&good], &["--antennas-max", "3"]);
    assert!(told.contains("more than 3 antennas") && told.contains("ANTENNAS_MAX"), "{told}");
    assert_eq!(place.state(), state);
    // Without an archive there is nowhere to put it.
    let ended = Program::run(place.command(&[&good], &[]).env_remove("ARCHIVE"));
    assert_eq!((ended.code, ended.log.contains("--archive (ARCHIVE)")), (Some(2), true), "{}", ended.log);
    let ended = Program::run(&mut place.command(&[], &[]));
    assert_eq!(ended.code, Some(2), "{}", ended.log);
}

/// The same readings are the same import, in whatever kind of file.
#[test]
fn a_parquet_file_is_read_as_a_csv_file_is() {
    let (place, folder) = (Place::new(), Folder::new());
    let readings = readings(&mut Chance(4), 3);
    let as_csv = folder.file("all.csv", csv(&readings));
    let as_parquet = folder.file("all", parquet(&readings));
    place.imported(&[&as_csv], &[]);
    let told = place.imported(&[&as_parquet], &[]);
    assert!(told.starts_with("nothing is left to import\n"), "{told}");
    // Numbers beyond what a reading carries, and values that are missing, are rows of their own.
    let columns = vec![
        Column::new("antenna_id".into(), [Some("a"), Some("a"), None, Some("a")]),
        Column::new("timestamp_ms".into(), [Some(START + 9 * HOUR_MS); 4]),
        Column::new("latency_ms".into(), [None, Some(1.0_f32), Some(1.0), Some(1.0)]),
        Column::new("packets_sent".into(), [Some(3_u64), Some(u64::MAX), Some(3), None]),
        Column::new("packets_delivered".into(), [3_i32, 3, 3, -3]),
    ];
    let rows = encode(&DataFrame::new(4, columns).expect("columns"), 3).expect("a file");
    let told = place.imported(&[&folder.file("rows.parquet", rows)], &[]);
    assert!(told.contains("imported 1 readings of 1 hours"), "{told}");
    for line in [
        "  missing_field: 2",
        "  bad_packets: 1",
        "rows.parquet:row 2: packets_sent \"18446744073709551615\"",
        "row 3: antenna_id is missing",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    until("the lease is given up", DEADLINE, || {
        let lease: Option<String> =
            redis::cmd("GET").arg("{antenna_stream}:lease").query(&mut redis(&place.broker)).expect("an answer");
        lease.map_or(Ok(()), Err)
    });
}
