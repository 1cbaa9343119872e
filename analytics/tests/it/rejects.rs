//! Rejected entries with their examples, the pace of the pipeline, and who owns the stream; also after a restart.

use std::time::{Duration, Instant};

use analytics::ingest::log::MemoryLog;
use analytics::settings::PipelineSettings;
use shared::api::{ErrorBody, Phase, PipelineHistory, RejectedPage, path};
use shared::testing::RedisServer;
use shared::{Rejection, UnixMillis};

use crate::answers::Answering;
use crate::support::{Analytics, Embedded, NOW, fill, publish, reading, until_it_is};

fn sources(page: &RejectedPage) -> Vec<&str> {
    page.newest.iter().map(|example| example.source_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_examples_outlive_the_owner() {
    let (log, settings) = (MemoryLog::default(), PipelineSettings::default());
    let first = Embedded::start(&log, &settings, "first");
    let missing: Vec<_> = (0..30).map(|_| log.add(NOW, &[("antenna_id", "nobody")]).to_string()).collect();
    let bad = log.add(NOW, &[("antenna_id", ""), ("timestamp", "1"), ("packets", "1"), ("loss", "0")]).to_string();
    first.settle(31).await;
    let page = first.published.rejected(None, 100);
    assert_eq!((page.rejected[&Rejection::MissingField], page.rejected[&Rejection::BadAntennaId]), (30, 1));
    let expected: Vec<&str> = std::iter::once(&bad).chain(missing[10..].iter().rev()).map(String::as_str).collect();
    assert_eq!(sources(&page), expected, "newest first, at most twenty of a reason");
    assert_eq!(page.newest[0].fields[0], ("antenna_id".to_owned(), String::new()));
    assert_eq!(page.newest[0].arrived_at, NOW);
    let of_reason = first.published.rejected(Some(Rejection::BadAntennaId), 100);
    assert_eq!((sources(&of_reason), &of_reason.rejected), (vec![bad.as_str()], &page.rejected));
    assert_eq!(sources(&first.published.rejected(None, 3)), expected[..3]);

    first.crash().await;
    log.expire_lease();
    let second = Embedded::start(&log, &settings, "second");
    second.settle(31).await;
    assert_eq!(second.published.rejected(None, 100), page);
    let newer = log.add(NOW, &[("loss", "0")]).to_string();
    second.settle(32).await;
    let page = second.published.rejected(None, 100);
    assert_eq!((sources(&page)[0], page.newest.len()), (newer.as_str(), 21));
    second.stop().await;

    // What was not committed is read again, and is there once.
    let seldom = PipelineSettings { commit_interval: Duration::from_secs(3600), ..settings.clone() };
    let third = Embedded::start(&log, &seldom, "third");
    third.settle(32).await;
    let newest = log.add(NOW, &[("antenna_id", ""), ("timestamp", "1"), ("packets", "1"), ("loss", "0")]).to_string();
    until_it_is(Some(newest.clone()), || {
        third.published.rejected(None, 1).newest.first().map(|example| example.source_id.clone())
    })
    .await;
    third.crash().await;
    assert_eq!(log.rejected().len(), 32, "it is not committed");
    log.expire_lease();
    let fourth = Embedded::start(&log, &settings, "fourth");
    fourth.settle(33).await;
    let of_reason = fourth.published.rejected(Some(Rejection::BadAntennaId), 100);
    assert_eq!(sources(&of_reason), [newest.as_str(), bad.as_str()]);
    fourth.stop().await;
}

#[test]
fn the_examples_come_back_from_a_real_dead_letter_stream() {
    let server = RedisServer::start(&[]);
    let mut redis = redis::Client::open(server.url()).and_then(|client| client.get_connection()).expect("a connection");
    // What others put there is left alone, also where it looks alike.
    for words in [["reason", "bad_seq"], ["source_id", "1-1"]] {
        redis::cmd("XADD").arg("{antenna_stream}:rejected").arg("*").arg(&words).exec(&mut redis).expect("an entry");
    }
    // An entry may have fields with the names of those that are added.
    let entry = |number: usize| {
        let pairs = [("reason", "mine".to_owned()), ("source_id", "2-2".to_owned()), ("packets", number.to_string())];
        pairs.to_vec()
    };
    fill(server.port(), "antenna_stream", (0..25).map(entry));
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.settle(25);
    let before = analytics.get(path::REJECTED).expect("a page");
    assert_eq!(before["rejected"]["missing_field"], 25);
    assert_eq!(before["newest"].as_array().map(Vec::len), Some(20));
    assert_eq!(
        before["newest"][0]["fields"],
        serde_json::json!([["reason", "mine"], ["source_id", "2-2"], ["packets", "24"]])
    );
    assert_eq!(analytics.terminate().0, Some(0));
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.settle(25);
    assert_eq!(analytics.get(path::REJECTED), Some(before));
}

/// Examples are only shown: what keeps them from being read does not keep readings from being counted.
#[test]
fn a_dead_letter_stream_that_is_none_stops_nothing() {
    let server = RedisServer::start(&[]);
    let mut redis = redis::Client::open(server.url()).and_then(|client| client.get_connection()).expect("a connection");
    redis::cmd("SET").arg("{antenna_stream}:rejected").arg("a string").exec(&mut redis).expect("a string");
    let mut analytics = Analytics::start(&server.url(), &[]);
    analytics.wait("/readyz", |health| health["ok"] == true);
    assert_eq!(analytics.get(path::REJECTED).expect("a page")["newest"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_is_told_by_the_clock_that_is_set() {
    let (log, settings) = (MemoryLog::default(), PipelineSettings::default());
    let analytics = Embedded::start(&log, &settings, "owner");
    for number in 0..10 {
        publish(&log, NOW, &reading("antenna", NOW.0, number, 0, None));
    }
    analytics.settle(10).await;
    let progress = analytics.published.pipeline(Instant::now());
    let later = analytics.published.pipeline_history(UnixMillis(NOW.0 + 7_000));
    let (first, idle) = (later.samples[0], &later.samples[1..]);
    assert_eq!((later.step_seconds, first.start), (2.0, NOW));
    assert_eq!((first.rows, first.batches, first.lag), (10, progress.batches.count, Some(0)));
    assert!(first.commits > 0 && first.commit_ms > 0.0 && first.merge_ms > 0.0);
    assert_eq!((first.freshness_ms.p50, first.freshness_ms.p99), (Some(0.0), Some(0.0)));
    assert_eq!(idle.iter().map(|sample| sample.start.0 - NOW.0).collect::<Vec<_>>(), [2_000, 4_000, 6_000]);
    for sample in idle {
        assert_eq!((sample.rows, sample.commits, sample.freshness_ms.p50, sample.lag), (0, 0, None, Some(0)));
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_named_by_whoever_is_asked() {
    let (log, settings) = (MemoryLog::default(), PipelineSettings::default());
    let owner = |analytics: &Embedded| analytics.published.pipeline(Instant::now()).partitions.remove(0).owner;
    log.set_away(true);
    let first = Embedded::start(&log, &settings, "first");
    until_it_is(Phase::BrokerAway, || first.published.phase()).await;
    assert_eq!(owner(&first), None, "nobody has told yet");
    log.set_away(false);
    until_it_is(Some("first".to_owned()), || owner(&first)).await;
    let second = Embedded::start(&log, &settings, "second");
    until_it_is(Some("first".to_owned()), || owner(&second)).await;
    assert_eq!(second.published.phase(), Phase::Standby);
    let published = first.published.clone();
    first.stop().await;
    assert_eq!(published.pipeline(Instant::now()).partitions[0].owner, None, "it gave the stream up");
    until_it_is(Some("second".to_owned()), || owner(&second)).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_entries_and_the_pace_are_answered() {
    let analytics = Answering::start().await;
    let empty: RejectedPage = analytics.json(path::REJECTED).await;
    assert_eq!((empty.rejected.len(), empty.newest.len()), (Rejection::ALL.len(), 0));
    analytics.publish("antenna", &[(1, 0, None)]).await;
    analytics.log.add(UnixMillis::now(), &[("antenna_id", "<script>")]);
    let page: RejectedPage = analytics.until(path::REJECTED, |page: &RejectedPage| !page.newest.is_empty()).await;
    assert_eq!(page.newest[0].fields, [("antenna_id".to_owned(), "<script>".to_owned())]);
    let other: RejectedPage = analytics.json(&format!("{}?reason=bad_seq&limit=100", path::REJECTED)).await;
    assert!(other.newest.is_empty());
    // An example is shown a moment before its batch is told of.
    let rows = |history: &PipelineHistory| history.samples.iter().map(|sample| sample.rows).sum::<u64>();
    analytics.until(path::PIPELINE_HISTORY, |history: &PipelineHistory| rows(history) == 2).await;
    for (query, named) in [
        ("/api/v1/rejected?reason=Bad", "reason"),
        ("/api/v1/rejected?limit=0", "limit"),
        ("/api/v1/rejected?limit=101", "limit"),
        ("/api/v1/rejected?window=5m", "window"),
        ("/api/v1/pipeline/history?window=5m", "window"),
    ] {
        let (status, _, body) = analytics.ask(query, "*/*").await;
        assert_eq!(status, 400, "{query}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert!(error.code == "bad_parameter" && error.message.contains(named), "{query}: {}", error.message);
    }
    analytics.stop().await;
}
