//! The readings counted last, against the reference, over HTTP and after a restart.

use analytics::ingest::log::MemoryLog;
use analytics::settings::PipelineSettings;
use analytics::store::Snapshot;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{Count, ErrorBody, ReadingsRequest, RecentReadings, path};

use crate::answers::Answering;
use crate::oracle::alike;
use crate::support::{Embedded, NOW, ask, name, publish, reading};
use crate::windows::{arrivals, counted, cuts, store};

/// The newest readings of an antenna; `None` where it is not known.
fn newest(snapshot: &Snapshot, antenna: &str, limit: usize) -> Option<RecentReadings> {
    let limit = Count::new(limit).expect("within the bounds");
    ask(snapshot, NOW, &ReadingsRequest { antenna: antenna.to_owned(), limit, format: None })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Those that were counted, however the batches were cut, and no others; newest first.
    #[test]
    fn the_last_readings_are_those_that_were_counted(
        arrivals in arrivals(),
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        limit in 1..60_usize,
    ) {
        let snapshot = store(&arrivals, &cuts(&cut, arrivals.len()), false).0.snapshot(1, None);
        let (reference, limit) = (counted(&arrivals), Count::new(limit).expect("within the bounds"));
        for antenna in (0..6).map(name) {
            alike(&snapshot, &reference, NOW, &ReadingsRequest { antenna, limit, format: None })?;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_of_an_antenna_are_answered_newest_first() {
    let analytics = Answering::start().await;
    analytics.publish("..", &[(100, 1, Some(10.0)), (200, 2, None)]).await;
    analytics.publish("other", &[(1, 0, None)]).await;
    let route = format!("{}?antenna=..", path::READINGS);
    let found: RecentReadings = analytics.json(&route).await;
    assert_eq!(found.antenna_id, "..");
    assert!(found.as_of.is_some());
    let packets: Vec<_> = found.readings.iter().map(|it| (it.packets_sent, it.packets_lost, it.latency_ms)).collect();
    assert_eq!(packets, [(200, 2, None), (100, 1, Some(10.0))]);
    let one: RecentReadings = analytics.json(&format!("{route}&limit=1")).await;
    assert_eq!(one.readings, found.readings[..1]);

    let request = reqwest::Client::new().get(format!("{}{route}", analytics.base)).send().await.expect("an answer");
    let etag = request.headers()["etag"].to_str().expect("text").to_owned();
    let again = reqwest::Client::new().get(format!("{}{route}", analytics.base)).header("if-none-match", &etag);
    assert_eq!(again.send().await.expect("an answer").status(), 304);

    for (query, expected, code) in [
        ("?antenna=nobody", 404, "not_found"),
        ("", 400, "bad_parameter"),
        ("?antenna=other&limit=0", 400, "bad_parameter"),
        ("?antenna=other&limit=1001", 400, "bad_parameter"),
        ("?antenna=other&window=5m", 400, "bad_parameter"),
    ] {
        let (status, _, body) = analytics.ask(&format!("{}{query}", path::READINGS), "*/*").await;
        assert_eq!(status, expected, "{query}: {body}");
        assert_eq!(serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error.code, code, "{query}");
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_begins_anew_with_a_restart() {
    let (log, settings) = (MemoryLog::default(), PipelineSettings::default());
    let readings = |analytics: &Embedded, id: &str| {
        let snapshot = analytics.published.snapshot();
        let readings = newest(&snapshot, id, 10)?.readings;
        Some(readings.into_iter().map(|it| it.packets_sent).collect::<Vec<_>>())
    };
    let first = Embedded::start(&log, &settings, "first");
    publish(&log, NOW, &reading("a", NOW.0, 1, 0, None));
    publish(&log, NOW, &reading("b", NOW.0, 2, 0, None));
    first.settle(2).await;
    assert_eq!((readings(&first, "a"), readings(&first, "b")), (Some(vec![1]), Some(vec![2])));
    first.stop().await;
    let second = Embedded::start(&log, &settings, "second");
    second.settle(2).await;
    assert_eq!(readings(&second, "a"), Some(vec![]), "the antenna is known, its readings are not");
    publish(&log, NOW, &reading("c", NOW.0, 3, 0, None));
    publish(&log, NOW, &reading("a", NOW.0, 4, 0, None));
    second.settle(4).await;
    assert_eq!((readings(&second, "a"), readings(&second, "b")), (Some(vec![4]), Some(vec![])));
    assert_eq!((readings(&second, "c"), readings(&second, "d")), (Some(vec![3]), None));
    second.stop().await;
}

/// A slot that an antenna left is given away after a restart; the newcomer has none of its readings.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_given_away_shows_no_readings_of_the_one_before() {
    let (log, settings) = (MemoryLog::default(), PipelineSettings::default());
    let first = Embedded::start(&log, &settings, "first");
    publish(&log, NOW, &reading("gone", NOW.0 - 7_200_000, 1, 0, None));
    log.add(NOW, &shared::codec::encode(&reading("gone", NOW.0 - 3_500_000, 1, 0, None)));
    log.add(UnixMillis(NOW.0 + 3_600_000), &shared::codec::encode(&reading("stays", NOW.0 + 3_600_000, 2, 0, None)));
    first.settle(3).await;
    first.stop().await;
    let second = Embedded::start(&log, &settings, "second");
    second.settle(3).await;
    log.add(UnixMillis(NOW.0 + 3_600_000), &shared::codec::encode(&reading("new", NOW.0 + 3_600_000, 3, 0, None)));
    second.settle(4).await;
    let snapshot = second.published.snapshot();
    assert_eq!(newest(&snapshot, "gone", 10), None);
    assert_eq!(newest(&snapshot, "new", 10).map(|found| found.readings.len()), Some(1));
    assert_eq!(snapshot.find("new").map(|(slot, _)| slot), Some(0), "the slot of the one that is gone");
    second.stop().await;
}
