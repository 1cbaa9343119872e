//! What the pages of a dashboard ask: histories, the heat map, limits.

use shared::UnixMillis;
use shared::api::{AntennaPage, ErrorBody, Heatmap, Status, Summary, path};

use crate::answers::Answering;

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_tells_what_can_be_asked_for() {
    let analytics = Answering::start().await;
    let limits = analytics.json::<Summary>(path::SUMMARY).await.limits.expect("limits");
    assert_eq!((limits.pane_seconds, limits.retention_seconds, limits.oldest), (5.0, 3600.0, None));
    assert_eq!((limits.degraded_success_rate, limits.degraded_latency_ms), (0.95, 250.0));
    analytics.publish("antenna", &[(1, 0, None)]).await;
    let summary: Summary = analytics.json(path::SUMMARY).await;
    let oldest = summary.limits.and_then(|limits| limits.oldest).expect("a pane");
    assert_eq!(oldest.0, summary.window.end.0 - 5_000, "the only pane is the newest");
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn antennas_are_found_by_status_and_by_any_id() {
    let analytics = Answering::start().await;
    for id in [".", "..", "a/../b", "fine"] {
        analytics.publish(id, &[(100, 0, Some(10.0))]).await;
    }
    analytics.publish("lossy", &[(100, 50, Some(10.0))]).await;
    analytics.publish("dead", &[(100, 100, None)]).await;
    let ids = async |query: &str| {
        let page: AntennaPage = analytics.json(&format!("{}?{query}", path::ANTENNAS)).await;
        assert_eq!(page.total, page.antennas.len() as u64);
        page.antennas.into_iter().map(|row| row.antenna_id).collect::<Vec<_>>()
    };
    for (id, encoded) in [(".", "."), ("..", "%2E%2E"), ("a/../b", "a/../b"), ("fine", "fine")] {
        assert_eq!(ids(&format!("id={encoded}")).await, [id]);
    }
    assert!(ids("id=fin").await.is_empty(), "a part of an id is not the id");
    assert_eq!(ids("status=down").await, ["dead"]);
    assert_eq!(ids("status=degraded,down").await, ["dead", "lossy"]);
    assert_eq!(ids("status=healthy&q=A").await, ["a/../b"]);
    assert!(ids("status=down&id=fine").await.is_empty());
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_come_where_a_step_is_given_and_not_in_csv() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(100, 10, Some(20.0)), (100, 0, Some(30.0))]).await;
    for route in [path::ANTENNAS, path::WORST] {
        let without: AntennaPage = analytics.json(route).await;
        assert_eq!((without.steps, without.antennas[0].history.clone()), (None, None));
        // 61 s are rounded up to 13 panes.
        let page: AntennaPage = analytics.json(&format!("{route}?window=1h&step=61s")).await;
        let steps = page.steps.expect("steps");
        assert_eq!(steps.step_seconds, 65.0);
        assert!(steps.starts.iter().all(|start| start.0 % 65_000 == 0), "{:?}", steps.starts);
        let history = page.antennas[0].history.clone().expect("a history");
        assert_eq!(history.readings.iter().sum::<u64>(), 2);
        assert_eq!(history.packets_lost.last(), Some(&10));
        assert_eq!(history.latency_mean_ms.last(), Some(&Some(25.0)));
    }
    let csv = async |query: &str| analytics.ask(&format!("{}?format=csv{query}", path::ANTENNAS), "*/*").await;
    assert_eq!(csv("&step=1m").await, csv("").await);
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heat_map_is_worst_first_and_its_default_step_is_a_sixtieth_in_tiles() {
    let analytics = Answering::start().await;
    let map: Heatmap = analytics.json(path::HEATMAP).await;
    assert_eq!((map.total, map.rows.len(), map.as_of), (0, 0, None));
    analytics.publish("b-fine", &[(100, 0, Some(10.0))]).await;
    analytics.publish("a-fine", &[(100, 0, Some(10.0))]).await;
    analytics.publish("lossy", &[(100, 50, Some(10.0))]).await;
    analytics.publish("dead", &[(10, 10, None)]).await;
    let map: Heatmap = analytics.json(path::HEATMAP).await;
    let ids: Vec<_> = map.rows.iter().map(|row| row.antenna_id.as_deref()).collect();
    assert_eq!(ids, [Some("dead"), Some("lossy"), Some("a-fine"), Some("b-fine")]);
    let map: Heatmap = analytics.json(&format!("{}?rows=3", path::HEATMAP)).await;
    let last = map.rows.last().expect("rows");
    assert_eq!((map.total, map.rows.len(), last.antenna_id.as_ref()), (4, 3, None));
    assert_eq!((last.status, last.antennas.healthy, last.antennas.active), (Status::Healthy, 2, 2));
    assert_eq!(last.history.packets_sent.last(), Some(&200));
    let found: Heatmap = analytics.json(&format!("{}?q=FINE&status=healthy,down&rows=1", path::HEATMAP)).await;
    assert_eq!((found.total, found.rows.len()), (2, 1));
    // Panes of 5 s, tiles of 60 s: below a tile the step is whole panes, from a tile on whole tiles.
    for (window, step_seconds) in [("5m", 5.0), ("15m", 15.0), ("55m", 55.0), ("56m", 60.0), ("1h", 60.0)] {
        let map: Heatmap = analytics.json(&format!("{}?window={window}", path::HEATMAP)).await;
        assert_eq!(map.steps.step_seconds, step_seconds, "{window}");
        assert!((60..=62).contains(&map.steps.starts.len()) || window == "56m", "{window}");
    }
    analytics.stop().await;
}

/// The bound of antennas that lost nothing is 1 whatever they sent, so ids decide; and three readings of 0.1 ms have a mean of
/// 0.1 ms.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_derived_hangs_on_rounding() {
    let analytics = Answering::start().await;
    for (id, packets) in [("a", 5), ("b", 60), ("c", 25), ("d", 237), ("e", 682)] {
        analytics.publish(id, &[(packets, 0, Some(0.1)), (0, 0, Some(0.1)), (0, 0, Some(0.1))]).await;
    }
    analytics.publish("f", &[(1_000_000, 1, None)]).await;
    let page: AntennaPage = analytics.json("/api/v1/worst?by=success_rate").await;
    let ids: Vec<&str> = page.antennas.iter().map(|row| &*row.antenna_id).collect();
    assert_eq!(ids, ["f", "a", "b", "c", "d", "e"]);
    for row in &page.antennas[1..] {
        let latency = row.measures.latency_ms;
        assert_eq!([latency.mean, latency.min, latency.max, latency.p50], [Some(0.1); 4], "{}", row.antenna_id);
    }
    analytics.stop().await;
}

/// Anybody can publish any id; a number is none, whatever it begins with.
#[tokio::test(flavor = "multi_thread")]
async fn no_csv_holds_a_formula() {
    let analytics = Answering::start().await;
    let ids = ["=cmd|' /C calc'!A0", "-1", "a;=1", "fine"];
    for id in ids {
        analytics.publish(id, &[(100, 100, Some(10.0))]).await;
    }
    let [worst, heatmap] = ["worst", "heatmap"].map(|route| format!("/api/v1/{route}?format=csv"));
    for route in ["/api/v1/antennas?format=csv", "/api/v1/cells?format=csv", &worst, &heatmap] {
        let (_, _, text) = analytics.ask(route, "*/*").await;
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let place = rows.headers().expect("heads").iter().position(|head| head == "antenna_id").expect("ids");
        let mut found: Vec<String> = rows.records().map(|row| row.expect("a row")[place].to_owned()).collect();
        found.sort_unstable();
        assert_eq!(found, ["'-1", "'=cmd|' /C calc'!A0", "a;'=1", "fine"], "{route}");
    }
    let (_, _, text) = analytics.ask("/api/v1/antennas?format=json", "*/*").await;
    assert!(text.contains(r#""=cmd|' /C calc'!A0""#), "only spreadsheets read formulas: {text}");
    analytics.stop().await;
}

/// A client that holds an answer gets 304 until the answer changes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_holds_of_the_pages_is_not_sent_again() {
    let analytics = Answering::start().await;
    analytics.publish("one", &[(100, 1, Some(20.0))]).await;
    let window = format!("window=5m&end={}", UnixMillis::now().0 / 1000 + 60);
    let routes = [
        format!("{}?{window}", path::HEATMAP),
        format!("{}?{window}&step=10s&status=healthy", path::ANTENNAS),
        format!("{}?{window}&step=10s", path::WORST),
    ];
    let ask = async |route: &str, held: &str| {
        let request = reqwest::Client::new().get(format!("{}{route}", analytics.base)).header("if-none-match", held);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers()["etag"].to_str().expect("text").to_owned())
    };
    let mut held = Vec::new();
    for route in &routes {
        let (status, etag) = ask(route, "\"another\"").await;
        assert_eq!(status, 200, "{route}");
        assert_eq!(ask(route, &etag).await, (304, etag.clone()), "{route}");
        held.push(etag);
    }
    analytics.publish("one", &[(100, 2, Some(900.0))]).await;
    for (route, held) in routes.iter().zip(held) {
        assert_eq!(ask(route, &held).await.0, 200, "{route} has changed");
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_of_the_pages_are_400_and_named() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(1, 0, None)]).await;
    for (path, named) in [
        ("/api/v1/antennas?status=ill", "status"),
        ("/api/v1/antennas?status=", "status"),
        ("/api/v1/antennas?status=down,", "status"),
        ("/api/v1/antennas?step=0s", "step"),
        ("/api/v1/antennas?window=1h&step=5s", "step"),
        ("/api/v1/antennas?window=1h&step=1m&limit=10000", "step"),
        ("/api/v1/worst?step=soon", "step"),
        ("/api/v1/worst?window=1h&step=1ms", "step"),
        ("/api/v1/heatmap?window=2h", "window"),
        ("/api/v1/heatmap?step=none", "step"),
        ("/api/v1/heatmap?step=61m", "step"),
        ("/api/v1/heatmap?window=1h&step=5s", "step"),
        ("/api/v1/heatmap?rows=0", "rows"),
        ("/api/v1/heatmap?rows=1001", "rows"),
        ("/api/v1/heatmap?status=Down", "status"),
        ("/api/v1/heatmap?limit=5", "limit"),
    ] {
        let (status, _, body) = analytics.ask(path, "*/*").await;
        assert_eq!(status, 400, "{path}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert_eq!(error.code, "bad_parameter");
        assert!(error.message.contains(named), "{path}: {}", error.message);
    }
    // A step may be longer than the window, which then lies in one or two.
    let old = format!("{}?step=1h&window=1m&end=10", path::HEATMAP);
    let map: Heatmap = analytics.json(&old).await;
    assert_eq!((map.steps.starts.len(), map.rows[0].history.readings.clone()), (2, vec![0, 0]));
    analytics.stop().await;
}
