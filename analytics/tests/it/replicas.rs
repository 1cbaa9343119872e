//! Several processes that share the partitions: each answers for all of them, whoever owns them, and whoever comes and goes.

use std::collections::BTreeSet;
use std::time::Instant;

use analytics::cluster::membership::wanted_owner;
use proptest::prelude::*;
use serde_json::Value;
use shared::api::path;
use shared::testing::{DEADLINE, Program, RedisServer, built, http, until};

use crate::programs::valid;
use crate::support::{Analytics, fill};

const PARTITIONS: &str = "8";

/// The streams of the partitions, and the plain one.
const STREAMS: usize = 9;

/// Publishes readings, each antenna to its stream.
fn publish(server: &RedisServer, antennas: u32, count: u32) -> u64 {
    let mut simulator = built("simulator");
    simulator.env("REDIS_URL", server.url()).env("STREAM_PARTITIONS", PARTITIONS);
    simulator.args(["--antennas", &antennas.to_string(), "--count", &count.to_string(), "--interval", "50ms"]);
    let ended = Program::run(&mut simulator);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    u64::from(antennas) * u64::from(count)
}

fn start(server: &RedisServer) -> Analytics {
    Analytics::start(&server.url(), &[("STREAM_PARTITIONS", PARTITIONS)])
}

/// The members as a process told them last in its log.
fn members(process: &Analytics) -> BTreeSet<String> {
    let log = process.log();
    let told = log.lines().filter_map(|line| line.split_once("members=[")?.1.split_once(']')).next_back();
    let (names, _) = told.unwrap_or_default();
    names.split(", ").map(|name| name.trim_matches('"').to_owned()).collect()
}

/// Waits until every process knows all of them, and tells each partition's owner as the one that is to own it, and is ready.
#[track_caller]
fn shared_by(processes: &mut [Analytics]) {
    let number = processes.len();
    for process in &mut *processes {
        process.wait(path::READYZ, |it| it["ok"] == true);
        until("all members are known", DEADLINE, || match members(process) {
            all if all.len() == number => Ok(()),
            others => Err(format!("{others:?}")),
        });
        let members = members(process);
        process.wait(path::PIPELINE, |it| owned_by(it) == wanted(it, &members));
    }
}

/// The streams with their owners.
fn owned_by(pipeline: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let partitions = pipeline["partitions"].as_array().expect("a list").iter();
    let owned: Vec<_> = partitions.map(|it| (text(&it["stream"]).expect("a name"), text(&it["owner"]))).collect();
    assert_eq!(owned.len(), STREAMS);
    owned
}

/// The streams with the owners that they are to have.
fn wanted(pipeline: &Value, members: &BTreeSet<String>) -> Vec<(String, Option<String>)> {
    let wanted = |stream: &str| wanted_owner(stream, members.iter().map(String::as_str)).map(str::to_owned);
    owned_by(pipeline).into_iter().map(|(stream, _)| (stream.clone(), wanted(&stream))).collect()
}

/// The answers of a process to all questions about a window that has ended.
fn answers(process: &Analytics, end: &str) -> Vec<(String, String)> {
    let window = format!("window=10m&end={end}");
    let questions = [
        format!("{}?{window}", path::SUMMARY),
        format!("{}?{window}&sort=p95&limit=500&step=60s", path::ANTENNAS),
        format!("{}?{window}&by=failures", path::WORST),
        format!("{}?{window}&by=availability", path::WORST),
        format!("{}?{window}&step=30s", path::SERIES),
        format!("{}?{window}&step=30s&antenna=antenna-0007", path::SERIES),
        format!("{}?{window}&step=30s", path::HEATMAP),
        format!("{}?{window}", path::INCIDENTS),
        format!("{}?{window}&step=60s", path::CELLS),
        format!("{}/antenna-0003?{window}", path::ANTENNAS),
        format!("{}?antenna=antenna-0003", path::READINGS),
        path::REJECTED.to_owned(),
    ];
    let ask = |question: String| {
        let (status, body) = process.ask(&question, "application/json").expect("an answer");
        assert_eq!(status, 200, "{question}: {body}");
        // How long an incident lasts that is not over depends on when it is asked about.
        let mut answer: Value = serde_json::from_str(&body).expect("JSON");
        for incident in answer["incidents"].as_array_mut().into_iter().flatten().filter(|it| it["end"].is_null()) {
            incident["duration_seconds"] = Value::Null;
        }
        (question, answer.to_string())
    };
    questions.into_iter().map(ask).collect()
}

/// Asks all processes the same, until what one tells of the other's partitions is as new as what that one has.
#[track_caller]
fn agree(processes: &[Analytics], end: &str) {
    until("all processes give the same answers", DEADLINE, || {
        let expected = answers(&processes[0], end);
        for process in &processes[1..] {
            for (found, expected) in answers(process, end).iter().zip(&expected) {
                if found != expected {
                    return Err(format!("{}\n{}\n{}", found.0, found.1, expected.1));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn processes_share_partitions_and_each_answers_for_all() {
    // Each commit survives the broker.
    let server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut published = publish(&server, 100, 20);
    let mut processes = vec![start(&server)];
    processes[0].settle(published);
    shared_by(&mut processes);
    let end = processes[0].get(path::SUMMARY).expect("a summary")["window"]["end"].as_str().expect("a time").to_owned();
    let alone = answers(&processes[0], &end);
    // One process becomes four.
    processes.extend((1..4).map(|_| start(&server)));
    shared_by(&mut processes);
    agree(&processes, &end);
    for (found, expected) in answers(&processes[3], &end).iter().zip(&alone) {
        // The readings counted last are those that the owner has counted itself.
        assert!(found == expected || found.0.starts_with(path::READINGS), "{found:?}\n{expected:?}");
    }
    // Readings come while they share.
    published += publish(&server, 150, 20);
    for process in &mut processes {
        process.settle(published);
    }
    let end = processes[0].get(path::SUMMARY).expect("a summary")["window"]["end"].as_str().expect("a time").to_owned();
    agree(&processes, &end);
    // One is killed: what it owned is owned by others, and nobody's answers lack it meanwhile.
    let counted = |process: &Analytics| {
        let summary = process.get(&format!("{}?window=10m&end={end}", path::SUMMARY)).expect("a summary");
        assert_eq!(summary["partitions_missing"], Value::Null, "{summary}");
        summary["readings"].as_u64().expect("a number")
    };
    let expected = counted(&processes[0]);
    let mut killed = processes.remove(1);
    let gone = members(&processes[0]).into_iter().find(|name| name.contains(&format!("/{}/", killed.id())));
    let began = Instant::now();
    killed.kill();
    loop {
        for process in &processes {
            assert_eq!(counted(process), expected);
        }
        let owned = owned_by(&processes[0].get(path::PIPELINE).expect("an answer"));
        if owned.iter().all(|(_, owner)| owner.is_some() && *owner != gone) {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "{owned:?}");
    }
    // Four become two, in good order.
    let mut left = processes.remove(0);
    let (code, _) = left.terminate();
    assert_eq!(code, Some(0), "{}", left.log());
    shared_by(&mut processes);
    published += publish(&server, 150, 20);
    for process in &mut processes {
        let totals = process.settle(published);
        assert_eq!(totals["counted"], published, "{totals}");
    }
    agree(&processes, &end);

    // What a process owned is missing once it and the broker are gone, which is told and never shown as zero.
    let mut server = server;
    let mut killed = processes.remove(0);
    let pipeline = processes[0].get(path::PIPELINE).expect("an answer");
    let of_killed =
        |owner: &Option<String>| owner.as_ref().is_some_and(|it| it.contains(&format!("/{}/", killed.id())));
    let lost: BTreeSet<String> =
        owned_by(&pipeline).into_iter().filter(|(_, owner)| of_killed(owner)).map(|(stream, _)| stream).collect();
    server.kill();
    killed.kill();
    let question = format!("{}?window=10m&end={end}", path::SUMMARY);
    let missing = |it: &Value| {
        let missing = it["partitions_missing"].as_array().into_iter().flatten();
        missing.filter_map(|stream| stream.as_str().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    processes[0].wait(&question, |it| missing(it) == lost);
    let (status, body) = processes[0].ask(&format!("{question}&strict=1"), "*/*").expect("an answer");
    assert!(status == 503 && lost.iter().all(|stream| body.contains(stream)), "{status} {body}");
    let (status, _) = processes[0].ask(&format!("{}/nobody", path::ANTENNAS), "*/*").expect("an answer");
    assert_eq!(status, 503, "it may be in what is missing");
    server.restart();
    processes[0].wait(&format!("{question}&strict=1"), |it| missing(it).is_empty() && it["readings"] == expected);
    shared_by(&mut processes);
}

/// Of one stream, one process counts and the others answer with it, where a token is demanded too: what they show each other is derived
/// from it, and nobody else is told anything.
#[test]
fn one_stream_has_one_owner_and_all_answer() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    fill(server.port(), "antenna_stream", (0..3_000).map(valid));
    let token = "0123456789abcdef-of-the-test";
    let url = server.url();
    let start = || Analytics::start(&url, &[("ANALYTICS_TOKEN", token)]);
    let (mut first, mut second) = (start(), start());
    let ask = |process: &Analytics, path: &str| {
        http::get(process.address(), path, &[("Authorization", &format!("Bearer {token}"))]).expect("an answer")
    };
    let counted = |process: &Analytics, number: u64| {
        until("all is counted", DEADLINE, || {
            let pipeline = ask(process, path::PIPELINE);
            let totals = &pipeline.json()["totals"];
            if totals["counted"] == number && totals["imbalance"] == 0 { Ok(()) } else { Err(pipeline.body) }
        });
    };
    for process in [&mut first, &mut second] {
        process.wait(path::READYZ, |it| it["ok"] == true);
        counted(process, 3_000);
    }
    let window = ask(&first, path::SUMMARY).json()["window"]["end"].as_str().expect("a time").to_owned();
    let worst = format!("{}?window=10m&end={window}&by=failures", path::WORST);
    until("both give the same answer", DEADLINE, || {
        let answers = [&first, &second].map(|process| ask(process, &worst).body);
        if answers[0] == answers[1] { Ok(()) } else { Err(answers.concat()) }
    });
    // The address for other processes demands what is derived from the token: neither nothing nor the token itself will do.
    let log = first.log();
    let peers =
        log.lines().find_map(|line| line.split_once("ask here address=\"")?.1.split_once('"')).expect("a line").0;
    let peers = peers.parse().expect("an address");
    for headers in [vec![], vec![("Authorization", format!("Bearer {token}"))]] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = http::get(peers, "/partitions/0/head?owner=x&epoch=1", &headers).expect("an answer");
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    // Whichever of the two owns the stream, the other one goes on with it.
    let mut named = None;
    until("the owner is known", DEADLINE, || {
        let pipeline = ask(&first, path::PIPELINE).json();
        named = pipeline["partitions"][0]["owner"].as_str().map(str::to_owned);
        if named.is_some() { Ok(()) } else { Err(pipeline.to_string()) }
    });
    let is_first = named.is_some_and(|name| name.contains(&format!("/{}/", first.id())));
    let (mut owner, other) = if is_first { (first, second) } else { (second, first) };
    owner.kill();
    fill(server.port(), "antenna_stream", (3_000..4_000).map(valid));
    counted(&other, 4_000);

    // Once neither the owner nor the broker can be asked, nothing is known, and no answer says zero.
    let processes = [other, start()];
    counted(&processes[1], 4_000);
    let mut owning = None;
    until("the one that is to own the stream does", DEADLINE, || {
        let members = processes.each_ref().map(members);
        let wanted = wanted_owner("antenna_stream", members[0].iter().map(String::as_str));
        let pipelines = processes.each_ref().map(|process| ask(process, path::PIPELINE).json());
        let is_shared = members[0] == members[1]
            && members[0].len() == 2
            && pipelines.iter().all(|it| it["partitions"][0]["owner"].as_str() == wanted);
        owning = wanted.map(str::to_owned);
        if is_shared { Ok(()) } else { Err(format!("{members:?} {pipelines:?}")) }
    });
    let is_first = owning.is_some_and(|name| name.contains(&format!("/{}/", processes[0].id())));
    let [first, second] = processes;
    let (mut owner, follower) = if is_first { (first, second) } else { (second, first) };
    server.kill();
    owner.kill();
    until("nothing is answered", DEADLINE, || {
        let answer = ask(&follower, path::SUMMARY);
        if answer.status == 503 { Ok(()) } else { Err(answer.body) }
    });
    for path in [path::SUMMARY, path::ANTENNAS, path::WORST, path::SERIES, path::INCIDENTS] {
        let answer = ask(&follower, path);
        assert!(answer.status == 503 && answer.json()["error"]["code"] == "unavailable", "{path}: {}", answer.body);
    }
    let exposition = ask(&follower, "/metrics").body;
    assert!(!exposition.contains("\nvigia_window_success_ratio"), "{exposition}");
    server.restart();
    counted(&follower, 4_000);
}

proptest! {
    /// A member that comes takes partitions from others, and one that goes leaves its own to them; nothing else moves.
    #[test]
    fn a_member_moves_only_what_it_gets_or_had(members in prop::collection::btree_set("[a-z]{1,12}", 1..12), other in "[A-Z]{1,12}") {
        let streams: Vec<String> = (0..64).map(|number| format!("antenna_stream:{number}")).collect();
        let with = || members.iter().map(String::as_str).chain([&*other]);
        for stream in &streams {
            let before = wanted_owner(stream, members.iter().map(String::as_str)).expect("a member");
            let after = wanted_owner(stream, with()).expect("a member");
            prop_assert!(after == before || after == other);
            prop_assert_eq!(wanted_owner(stream, with().collect::<Vec<_>>().into_iter().rev()), Some(after));
        }
    }
}
