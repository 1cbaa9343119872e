//! The program `analytics` with an archive in a bucket and in a directory that fail in every way: hours wait, nothing is lost,
//! and what is in files is answered as if it were in memory.

mod proxy;
mod server;

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use shared::UnixMillis;
use shared::api::request::Request;
use shared::api::{
    AntennaRequest, AntennasRequest, Count, End, HeatmapRequest, SeriesRequest, SummaryRequest, WorstRequest, path,
};
use shared::testing::{DEADLINE, Program, RedisServer, Signal, built, http, until};
use shared::time::Span;

use self::proxy::{Held, Proxy};
use self::server::{BUCKET, S3Server};
use crate::archive::Chance;
use crate::programs::redis;
use crate::support::{Analytics, fill, window};

/// The start of what is replayed, long ago: a full hour, in seconds.
const START_S: u64 = 1_699_999_200;

/// How long it lasts, in hours.
const HOURS: u64 = 6;

/// The last hour is not final.
const FINAL_HOURS: u64 = HOURS - 1;

/// A file for each table of an hour that is final.
const FILES: u64 = FINAL_HOURS * 4;

/// A file for each table of the day that is over.
const DAY_FILES: u64 = 6;

/// Readings in it.
const READINGS: u64 = HOURS * 240;

/// Fields that depend on when readings arrived or were asked for, or on what is kept where.
const ARRIVAL: [&str; 6] = ["as_of", "limits", "availability", "unavailable", "unsettled", "last_seen"];

type Settings = Vec<(&'static str, String)>;

/// Six hours of four antennas: a reading every 15 s, some late by minutes.
fn replay() -> impl Iterator<Item = Vec<(&'static str, String)>> {
    let mut chance = Chance(11);
    (0..READINGS).map(move |number| {
        let late_s = [0, 0, 0, 2, 200][chance.below(5) as usize];
        let packets = [10, 100, 1_000][chance.below(3) as usize];
        let loss = [0, 0, packets / 10, packets][chance.below(4) as usize];
        let latency = (chance.below(5) > 0).then(|| format!("{}.25", 1 + chance.below(400)));
        vec![
            ("antenna_id", format!("antenna-{}", number % 4)),
            ("timestamp", (START_S + number * 15).saturating_sub(late_s).max(START_S).to_string()),
            ("packets", packets.to_string()),
            ("loss", loss.to_string()),
            ("latency", latency.unwrap_or_default()),
        ]
    })
}

/// A broker with the replay.
fn broker() -> RedisServer {
    let broker = RedisServer::start(&[]);
    fill(broker.port(), "antenna_stream", replay());
    broker
}

/// What every analytics has that is compared.
fn common(retention: &str) -> Settings {
    let pairs = [("PANE", "20s"), ("RETENTION", retention), ("BATCH_MAX", "300"), ("COMMIT_INTERVAL", "100ms")];
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

/// An archive in the bucket of a server that answers at an address.
fn in_bucket(server: SocketAddr) -> Settings {
    let mut settings = common("20m");
    settings.extend([
        ("ARCHIVE", format!("s3://{BUCKET}/vigia/test")),
        ("AWS_ENDPOINT_URL", format!("http://{server}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "eu-south-2".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ]);
    settings
}

fn start(broker: &RedisServer, settings: &Settings) -> Analytics {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Analytics::start(&broker.url(), &settings)
}

/// Waits until every final hour is in files, those of the day that is over in its own, and nothing is to be read; every reading is
/// somewhere.
#[track_caller]
fn settle(analytics: &mut Analytics) {
    let is_written = |archive: &Value| archive["hours_waiting"] == 0 && archive["days_waiting"] == 0;
    let is_done = |it: &Value| is_written(&it["archive"]) && it["totals"]["lag"] == 0;
    // The ledger is that of the last commit.
    let is_committed = |it: &Value| it["totals"]["archived"].as_u64() > Some(READINGS * 7 / 10);
    let pipeline = analytics.wait(path::PIPELINE, |it| is_done(it) && is_committed(it));
    assert_whole(&pipeline);
    let archive = &pipeline["archive"];
    assert_eq!(archive["reason"], Value::Null, "{archive}");
    let time = |hours: u64| UnixMillis(((START_S + hours * 3_600) * 1_000).cast_signed()).to_string();
    assert_eq!((&archive["oldest"], &archive["until"]), (&time(0).into(), &time(FINAL_HOURS).into()), "{archive}");
    assert!(archive["bytes"].as_u64() > Some(0), "{archive}");
}

/// Nothing is lost: what was added was counted, and is in memory or in files.
#[track_caller]
fn assert_whole(pipeline: &Value) {
    let totals = &pipeline["totals"];
    let figure = |name: &str| totals[name].as_u64().unwrap_or_else(|| panic!("{name} is not known: {totals}"));
    assert_eq!((figure("counted"), figure("expired")), (READINGS, 0), "{totals}");
    assert_eq!((figure("in_memory") + figure("archived"), &totals["imbalance"]), (READINGS, &0.into()), "{totals}");
}

/// Questions to five hours and a half, of which the most lie in files, and to less than an hour.
fn questions() -> Vec<String> {
    let at = |minutes: u64| End::At(UnixMillis(((START_S + minutes * 60) * 1_000).cast_signed()));
    let mut questions = Vec::new();
    for (minutes, end, step) in [(330, 350, 60), (47, 151, 1)] {
        let (window, step) = (window(minutes * 60_000, at(end)), Some(Span::from_ms(step * 60_000)));
        let (antenna, limit) = ("antenna-2".to_owned(), Count::new(9).expect("a limit"));
        questions.extend([
            SummaryRequest { window }.href(),
            AntennasRequest { window, step, limit, ..AntennasRequest::default() }.href(),
            AntennaRequest { id: antenna.clone(), window }.href(),
            WorstRequest { window, ..WorstRequest::default() }.href(),
            SeriesRequest { window, step, ..SeriesRequest::default() }.href(),
            SeriesRequest { window, step, antenna: Some(antenna), ..SeriesRequest::default() }.href(),
            HeatmapRequest { window, step, ..HeatmapRequest::default() }.href(),
        ]);
    }
    questions
}

/// The answers without what depends on when the readings arrived and were asked for, as whether an antenna is missed does, and
/// on what is kept where.
fn answers(analytics: &Analytics) -> Vec<Value> {
    let answer = |question: &String| {
        let mut answer = analytics.get(question).unwrap_or_else(|| panic!("no answer to {question}"));
        remove_arrival(&mut answer);
        answer
    };
    questions().iter().map(answer).collect()
}

fn remove_arrival(answer: &mut Value) {
    match answer {
        Value::Object(fields) => {
            fields.retain(|name, _| !ARRIVAL.contains(&name.as_str()));
            fields.values_mut().for_each(remove_arrival);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_arrival),
        _ => {}
    }
}

/// The answers of an analytics that has everything in memory.
fn expected() -> Vec<Value> {
    static EXPECTED: std::sync::OnceLock<Vec<Value>> = std::sync::OnceLock::new();
    let expected = EXPECTED.get_or_init(|| {
        let broker = broker();
        let mut whole = start(&broker, &common("24h"));
        let totals = whole.settle(READINGS);
        assert_eq!((&totals["in_memory"], &totals["archived"]), (&READINGS.into(), &0.into()), "{totals}");
        answers(&whole)
    });
    expected.clone()
}

#[track_caller]
fn assert_answers_as_memory_does(analytics: &Analytics) {
    for ((found, expected), question) in answers(analytics).into_iter().zip(expected()).zip(questions()) {
        assert_eq!(found, expected, "{question}");
    }
}

/// The files of hours; those of the days that they make up come behind them.
fn of_hours(server: &S3Server) -> Vec<(String, String)> {
    let mut objects = server.objects();
    objects.retain(|(key, _)| key.contains("/hours/"));
    objects
}

/// Lets whoever waits for the lease have it at once.
fn expire_lease(broker: &RedisServer) {
    redis::cmd("DEL").arg("{antenna_stream}:lease").exec(&mut redis(broker)).expect("an answer");
}

#[test]
fn a_bucket_answers_as_memory_does() {
    let (broker, server) = (broker(), S3Server::start());
    let mut analytics = start(&broker, &in_bucket(server.address()));
    settle(&mut analytics);
    assert_answers_as_memory_does(&analytics);
    let objects = of_hours(&server);
    assert_eq!(objects.len() as u64, FILES, "{objects:?}");
    assert!(objects.iter().all(|(key, _)| key.starts_with("vigia/test/v1/hours/date=2023-11-1")), "{objects:?}");
    // The first day is over.
    let mut keys: Vec<String> = server.objects().into_iter().map(|(key, _)| key).collect();
    keys.retain(|key| !key.contains("/hours/"));
    let tables = ["daily", "days", "hourly", "network_daily", "network_hourly", "network_minutes"];
    assert_eq!(keys, tables.map(|table| format!("vigia/test/v1/{table}/date=2023-11-14/0.parquet")));
    // Another process finds the files by what was committed.
    assert_eq!(analytics.terminate().0, Some(0));
    let mut again = start(&broker, &in_bucket(server.address()));
    settle(&mut again);
    assert_answers_as_memory_does(&again);
    assert_eq!(of_hours(&server), objects);
    let log = analytics.log() + &again.log();
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn plain_http_has_to_be_allowed() {
    for allowed in [None, Some("false"), Some("maybe")] {
        let mut settings = in_bucket(SocketAddr::from(([127, 0, 0, 1], 1)));
        settings.retain(|(name, _)| *name != "AWS_ALLOW_HTTP");
        settings.extend(allowed.map(|allowed| ("AWS_ALLOW_HTTP", allowed.to_owned())));
        let mut command = built("analytics");
        command.envs(settings).env("REDIS_URL", "redis://127.0.0.1:1").env("BIND", "127.0.0.1:0");
        let ended = Program::run(&mut command);
        let last = ended.log.lines().last().unwrap_or_default();
        assert_eq!((ended.code, last.contains("AWS_ALLOW_HTTP")), (Some(1), true), "{allowed:?}: {}", ended.log);
        assert!(last.contains("(--archive, ARCHIVE)"), "{last}");
    }
    // What counts as true for others who read the variables of AWS does so here.
    let (broker, server) = (broker(), S3Server::start());
    let mut settings = in_bucket(server.address());
    settings.retain(|(name, _)| *name != "AWS_ALLOW_HTTP");
    settings.push(("AWS_ALLOW_HTTP", "1".to_owned()));
    settle(&mut start(&broker, &settings));
}

#[test]
fn a_write_whose_answer_is_lost_is_made_again() {
    let (broker, server) = (broker(), S3Server::start());
    let proxy = Proxy::start(server.address());
    proxy.lose(3);
    let mut analytics = start(&broker, &in_bucket(proxy.address()));
    settle(&mut analytics);
    assert_eq!((proxy.written(), of_hours(&server).len() as u64), (FILES + DAY_FILES + 3, FILES));
    assert_answers_as_memory_does(&analytics);
}

#[test]
fn an_archive_that_is_away_is_waited_for() {
    let (broker, server) = (broker(), S3Server::start());
    let proxy = Proxy::start(server.address());
    proxy.set_away(true);
    let mut analytics = start(&broker, &in_bucket(proxy.address()));
    let is_told = |it: &Value| {
        let archive = &it["archive"];
        archive["reason"].is_string() && archive["hours_waiting"] == FINAL_HOURS && it["totals"]["lag"] == 0
    };
    for _start in 0..2 {
        let pipeline = analytics.wait(path::PIPELINE, is_told);
        assert_whole(&pipeline);
        assert_eq!(pipeline["totals"]["archived"], 0, "{pipeline}");
        analytics.wait(path::READYZ, |health| health["ok"] == true);
        assert_answers_as_memory_does(&analytics);
        let log = analytics.log();
        assert_eq!(log.lines().filter(|line| line.contains("writing the archive")).count(), 1, "{log}");
        // The hours that wait are committed.
        analytics.terminate();
        analytics = start(&broker, &in_bucket(proxy.address()));
    }
    proxy.set_away(false);
    settle(&mut analytics);
    assert_eq!(of_hours(&server).len() as u64, FILES);
    assert_answers_as_memory_does(&analytics);
}

#[test]
fn a_slow_archive_does_not_hold_up_what_is_read() {
    let (broker, server) = (broker(), S3Server::start());
    let proxy = Proxy::start(server.address());
    proxy.hold(1, Held::Behind);
    let mut analytics = start(&broker, &in_bucket(proxy.address()));
    proxy.wait_until_held();
    let drained = |it: &Value| it["totals"]["lag"] == 0 && it["totals"]["entries_added"] == READINGS;
    let pipeline = analytics.wait(path::PIPELINE, drained);
    assert_whole(&pipeline);
    assert_eq!((&pipeline["archive"]["hours_waiting"], proxy.written()), (&FINAL_HOURS.into(), 2), "{pipeline}");
    proxy.release();
    settle(&mut analytics);
    assert_answers_as_memory_does(&analytics);
}

/// The process is killed when some write has been done: in the middle of an hour's files, or between the last of them and the
/// commit. Whoever comes next writes the same bytes.
#[test]
fn a_crash_between_a_write_and_its_commit_loses_nothing() {
    let (server, mut chance) = (S3Server::start(), Chance(5));
    let broker = broker();
    let proxy = Proxy::start(server.address());
    let mut seen = Vec::<(String, String)>::new();
    for round in 0..5 {
        let behind = if round % 2 == 0 { 3 } else { chance.below(3) };
        proxy.hold(behind, Held::Behind);
        let mut analytics = start(&broker, &in_bucket(proxy.address()));
        proxy.wait_until_held();
        analytics.kill();
        expire_lease(&broker);
        let objects = of_hours(&server);
        assert!(seen.iter().all(|object| objects.contains(object)), "{seen:?} became {objects:?}");
        seen = objects;
    }
    proxy.release();
    let mut analytics = start(&broker, &in_bucket(proxy.address()));
    settle(&mut analytics);
    let objects = of_hours(&server);
    assert!(seen.iter().all(|object| objects.contains(object)), "{seen:?} became {objects:?}");
    assert_eq!(objects.len() as u64, FILES, "{objects:?}");
    assert!(proxy.written() > FILES + DAY_FILES, "some files are written twice");
    assert_answers_as_memory_does(&analytics);
}

/// A process that was frozen while it wrote goes on behind the back of its successor.
#[test]
fn a_stale_owner_writes_the_same() {
    let (broker, server) = (broker(), S3Server::start());
    let proxy = Proxy::start(server.address());
    proxy.hold(2, Held::Before);
    let stale = start(&broker, &in_bucket(proxy.address()));
    proxy.wait_until_held();
    stale.signal(Signal::Stop);
    expire_lease(&broker);
    // Another one reads other batches.
    let mut settings = in_bucket(proxy.address());
    settings.retain(|(name, _)| *name != "BATCH_MAX");
    settings.push(("BATCH_MAX", "77".to_owned()));
    let mut owner = start(&broker, &settings);
    settle(&mut owner);
    let (objects, written) = (server.objects(), proxy.written());
    assert_eq!(objects.len() as u64, FILES + DAY_FILES, "{objects:?}");
    // The write reaches the server now.
    proxy.release();
    proxy.wait_until_written(written + 1);
    assert_eq!(server.objects(), objects);
    stale.signal(Signal::Continue);
    until("the stale owner is fenced", DEADLINE, || {
        let log = stale.log();
        if log.contains("another process has taken the stream over") { Ok(()) } else { Err(log) }
    });
    assert_eq!(server.objects(), objects);
    settle(&mut owner);
    assert_answers_as_memory_does(&owner);
}

/// While the files cannot be had, whatever is in memory is answered, and the rest is told to be missing.
#[test]
fn what_is_away_is_a_gap_of_the_answer() {
    let (broker, server) = (broker(), S3Server::start());
    let proxy = Proxy::start(server.address());
    let mut analytics = start(&broker, &in_bucket(proxy.address()));
    settle(&mut analytics);
    let window = window(330 * 60_000, End::At(UnixMillis(((START_S + 350 * 60) * 1_000).cast_signed())));
    let summary = SummaryRequest { window }.href();
    let ask_away = |how: &str| {
        let answer = analytics.get(&summary).unwrap_or_else(|| panic!("no answer while the archive {how}"));
        let gaps = answer["gaps"].as_array().unwrap_or_else(|| panic!("no gaps while the archive {how}: {answer}"));
        assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap["reason"] == "away"), "{how}: {answer}");
        let readings = answer["readings"].as_u64();
        assert!(readings > Some(0) && readings < Some(READINGS / 4), "{how}: {answer}");
        for format in ["csv", "arrow"] {
            let cells = format!("{}?window=330m&end={}&step=1h&format={format}", path::CELLS, START_S + 350 * 60);
            let answer = http::get(analytics.address(), &cells, &[]).expect("an answer");
            assert_eq!(answer.status, 200, "{how}: {answer:?}");
            assert!(answer.head.contains("x-gaps: 2023-11-14T") && answer.head.contains("=away"), "{how}: {answer:?}");
        }
    };
    proxy.set_away(true);
    ask_away("refuses");
    proxy.set_away(false);
    server.pause();
    ask_away("hangs");
    server.resume();
    until("the files are read again", DEADLINE, || {
        let answer = analytics.get(&summary).ok_or("no answer")?;
        if answer.get("gaps").is_none() { Ok(()) } else { Err("gaps") }
    });
    assert_answers_as_memory_does(&analytics);
}

/// A disk that has no room for a file, and a path that is none of a directory, are told; when that is mended, it goes on.
#[test]
fn a_directory_that_cannot_be_written_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("archive");
    let mut settings = common("20m");
    settings.push(("ARCHIVE", format!("file://{}", archive.display())));
    let is_told = |it: &Value| {
        let archive = &it["archive"];
        archive["reason"].is_string() && archive["hours_waiting"] == FINAL_HOURS && it["totals"]["lag"] == 0
    };

    // No file may be longer than a block. What a program writes to its log is bound by that too, so it writes little.
    let full = broker();
    let mut analytics = Analytics::start_under(&full.url(), "trap '' XFSZ; ulimit -S -f 8", &settings);
    let pipeline = analytics.wait(path::PIPELINE, is_told);
    assert_whole(&pipeline);
    assert_eq!(pipeline["totals"]["archived"], 0, "{pipeline}");
    let id = analytics.id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status().expect("prlimit");
    assert!(raised.success());
    settle(&mut analytics);
    assert_answers_as_memory_does(&analytics);
    analytics.terminate();

    // A file is where the folder of the hours has to be; root would be let past permissions.
    let refusing = broker();
    std::fs::remove_dir_all(&archive).expect("a folder");
    std::fs::create_dir(&archive).expect("a folder");
    std::fs::write(archive.join("v1"), "in the way").expect("a file");
    let mut analytics = start(&refusing, &settings);
    let pipeline = analytics.wait(path::PIPELINE, is_told);
    assert_whole(&pipeline);
    std::fs::remove_file(archive.join("v1")).expect("a file");
    settle(&mut analytics);
    assert_answers_as_memory_does(&analytics);
}
