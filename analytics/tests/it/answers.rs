//! Every route of the contract: its shape, its parameters, its errors.

use std::time::Duration;

use analytics::Endpoint;
use analytics::alerts::file::KeptAlerting;
use analytics::ingest::log::MemoryLog;
use analytics::settings::{PipelineSettings, Thresholds};
use futures::StreamExt as _;
use serde_json::Value;
use shared::UnixMillis;
use shared::api::{
    AntennaPage, ErrorBody, OriginalMetrics, Phase, Pipeline, Series, ServiceStats, Status, Summary, path,
};
use shared::server::HttpSettings;
use shared::settings::KeptToken;
use shared::testing::{DEADLINE, until_async};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::reading;

/// Analytics on a log in memory, answering on a port of its own.
pub(crate) struct Answering {
    pub(crate) log: MemoryLog,
    pub(crate) base: String,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Answering {
    pub(crate) async fn start() -> Self {
        Self::on(MemoryLog::default()).await
    }

    async fn on(log: MemoryLog) -> Self {
        Self::for_who_knows(log, None).await
    }

    pub(crate) async fn for_who_knows(log: MemoryLog, token: Option<KeptToken>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let (log, shutdown) = (log.clone(), shutdown.clone());
            async move {
                let endpoint = Endpoint { listener, http: HttpSettings::default(), token };
                let settings = PipelineSettings { commit_interval: Duration::from_millis(20), ..Default::default() };
                analytics::run_on(
                    vec![("memory".to_owned(), log)],
                    &settings,
                    Thresholds::default().into(),
                    endpoint,
                    KeptAlerting::default(),
                    None,
                    shutdown,
                )
                .await
            }
        });
        Self { log, base, shutdown, task }
    }

    /// Publishes readings of an antenna, and waits until they are counted.
    pub(crate) async fn publish(&self, antenna: &str, readings: &[(u32, u32, Option<f64>)]) {
        let now = UnixMillis::now();
        let before = self.json::<Pipeline>(path::PIPELINE).await.totals.counted;
        for &(packets, loss, latency_ms) in readings {
            self.log.add(now, &shared::codec::encode(&reading(antenna, now.0, packets, loss, latency_ms)));
        }
        // The lag is that of the last look at the broker, which may lie before these entries; what is counted is certain.
        let counted = before + readings.len() as u64;
        self.until(path::PIPELINE, |pipeline: &Pipeline| pipeline.totals.counted == counted).await;
    }

    pub(crate) async fn ask(&self, path: &str, accept: &str) -> (u16, String, String) {
        let request = reqwest::Client::new().get(format!("{}{path}", self.base)).header("accept", accept);
        let answer = request.send().await.expect("an answer");
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
        (answer.status().as_u16(), kind.unwrap_or_default(), answer.text().await.expect("a body"))
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        self.text_and_json(path).await.1
    }

    async fn text_and_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> (String, T) {
        let (status, kind, body) = self.ask(path, "*/*").await;
        assert_eq!((status, kind.as_str()), (200, "application/json"), "{path}: {body}");
        let answer = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
        (body, answer)
    }

    pub(crate) async fn until<T: serde::de::DeserializeOwned>(&self, path: &str, wanted: impl Fn(&T) -> bool) -> T {
        until_async(&format!("{path} is as wanted"), DEADLINE, async || {
            let (body, answer) = self.text_and_json(path).await;
            if wanted(&answer) { Ok(answer) } else { Err(body) }
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic").expect("a good end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_reading_everything_is_unknown() {
    let analytics = Answering::start().await;
    let metrics: Value = analytics.json(path::METRICS).await;
    assert_eq!(metrics, serde_json::json!({"last_update": null, "service_stats": {}}));
    let summary: Summary = analytics.json(path::SUMMARY).await;
    assert_eq!((summary.as_of, summary.measures), (None, Default::default()));
    assert_eq!(analytics.json::<AntennaPage>(path::ANTENNAS).await.total, 0);
    assert_eq!(analytics.json::<AntennaPage>(path::WORST).await.total, 0);
    let series: Series = analytics.json(path::SERIES).await;
    assert_eq!(series.points.len(), 60);
    assert!(series.points.iter().all(|point| point.measures == Default::default()));
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_metrics_have_the_original_keys() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(100, 10, Some(20.0)), (100, 0, Some(40.0)), (0, 0, None)]).await;
    let metrics: OriginalMetrics = analytics.json(path::METRICS).await;
    let ServiceStats::Some(figures) = metrics.service_stats else { panic!("figures are expected") };
    assert!(metrics.last_update.is_some_and(|seconds| (UnixMillis::now().seconds() - seconds).abs() < 60.0));
    assert_eq!((figures.total_packets, figures.total_loss, figures.delivered_packets), (200, 10, 190));
    assert_eq!((figures.avg_latency, figures.active_antennas), (Some(30.0), 1));
    assert_eq!(figures.success_rate, Some(0.95));
    assert!(figures.loss_rate.is_some_and(|rate| (rate - 0.05).abs() < 1e-12));
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_antenna_has_its_status_and_hostile_ids_find_their_row() {
    let analytics = Answering::start().await;
    let ids = ["fine", "lossy", "slow", "dead", "a/b?c=<d>&\"'%2F", "\u{202e}ltr"];
    analytics.publish(ids[0], &[(100, 0, Some(10.0))]).await;
    analytics.publish(ids[1], &[(100, 6, Some(10.0))]).await;
    analytics.publish(ids[2], &[(100, 0, Some(251.0))]).await;
    analytics.publish(ids[3], &[(100, 100, None)]).await;
    analytics.publish(ids[4], &[(1, 0, None)]).await;
    analytics.publish(ids[5], &[(1, 0, None)]).await;
    let expected =
        [Status::Healthy, Status::Degraded, Status::Degraded, Status::Down, Status::Healthy, Status::Healthy];
    for (id, status) in ids.into_iter().zip(expected) {
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let row: shared::api::AntennaRow = analytics.json(&format!("/api/v1/antennas/{encoded}")).await;
        assert_eq!((row.antenna_id.as_str(), row.status), (id, status));
        let series: Series = analytics.json(&format!("{}?antenna={encoded}&step=5m", path::SERIES)).await;
        assert_eq!(series.points.iter().map(|point| point.measures.readings).sum::<u64>(), 1);
    }
    let summary: Summary = analytics.json(path::SUMMARY).await;
    let counts = summary.antennas;
    assert_eq!((counts.active, counts.healthy, counts.degraded, counts.down, counts.silent), (6, 3, 2, 1, 0));
    let page: AntennaPage =
        analytics.json(&format!("{}?sort=packets_lost&order=desc&limit=2&offset=1", path::ANTENNAS)).await;
    assert_eq!((page.total, page.antennas[0].antenna_id.as_str()), (6, "lossy"));
    let found: AntennaPage = analytics.json(&format!("{}?q=SLO", path::ANTENNAS)).await;
    assert_eq!((found.total, found.antennas[0].antenna_id.as_str()), (1, "slow"));
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_series_answer_csv() {
    let analytics = Answering::start().await;
    analytics.publish("with,comma", &[(100, 100, None)]).await;
    for (path, accept) in [(format!("{}?format=csv", path::ANTENNAS), "*/*"), (path::ANTENNAS.to_owned(), "text/csv")] {
        let (status, kind, body) = analytics.ask(&path, accept).await;
        assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
        let rows: Vec<csv::StringRecord> =
            csv::Reader::from_reader(body.as_bytes()).records().collect::<Result<_, _>>().expect("CSV");
        assert_eq!((rows.len(), &rows[0][0], &rows[0][1], &rows[0][7]), (1, "with,comma", "down", ""));
    }
    let (status, _, body) = analytics.ask(&format!("{}?format=csv&window=1m&step=10s", path::SERIES), "*/*").await;
    assert_eq!((status, body.lines().count()), (200, 7));
    analytics.stop().await;
}

/// A client that holds an answer gets 304 until the answer changes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_holds_is_not_sent_again() {
    let analytics = Answering::start().await;
    analytics.publish("one", &[(100, 1, Some(20.0))]).await;
    // An end that is given: the answer does not depend on the clock.
    let window = format!("window=5m&end={}", UnixMillis::now().0 / 1000 + 60);
    let routes = [
        format!("{}?{window}", path::SUMMARY),
        format!("{}?{window}", path::ANTENNAS),
        format!("{}?{window}&format=csv", path::ANTENNAS),
        format!("{}/one?{window}", path::ANTENNAS),
        format!("{}?{window}", path::WORST),
        format!("{}?{window}", path::SERIES),
    ];
    let ask = async |route: &str, held: &str| {
        let request = reqwest::Client::new().get(format!("{}{route}", analytics.base)).header("if-none-match", held);
        let answer = request.send().await.expect("an answer");
        let etag = answer.headers()["etag"].to_str().expect("text").to_owned();
        (answer.status().as_u16(), etag, answer.text().await.expect("a body"))
    };
    let mut held = Vec::new();
    for route in &routes {
        let (status, etag, body) = ask(route, "\"another\"").await;
        assert_eq!((status, body.is_empty()), (200, false), "{route}");
        assert_eq!(ask(route, &etag).await, (304, etag.clone(), String::new()), "{route}");
        assert_eq!(ask(route, &format!("W/{etag}, \"another\"")).await.0, 304, "{route}: any of a list, weakly too");
        held.push(etag);
    }
    analytics.publish("one", &[(100, 50, Some(900.0))]).await;
    for (route, held) in routes.iter().zip(held) {
        let (status, etag, _) = ask(route, &held).await;
        assert_eq!((status, etag == held), (200, false), "{route} has changed");
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_are_400_and_named() {
    let analytics = Answering::start().await;
    for (path, named) in [
        ("/api/v1/summary?window=soon", "window"),
        ("/api/v1/summary?window=0s", "window"),
        ("/api/v1/summary?window=2h", "window"),
        ("/api/v1/summary?end=yesterday", "end"),
        ("/api/v1/summary?end=-5", "end"),
        ("/api/v1/summary?windwo=5m", "windwo"),
        ("/api/v1/antennas?sort=beauty", "sort"),
        ("/api/v1/antennas?order=up", "order"),
        ("/api/v1/antennas?limit=0", "limit"),
        ("/api/v1/antennas?limit=10001", "limit"),
        ("/api/v1/antennas?offset=-1", "offset"),
        ("/api/v1/antennas?format=xml", "format"),
        ("/api/v1/worst?by=name", "by"),
        ("/api/v1/worst?limit=many", "limit"),
        ("/api/v1/series?step=0", "step"),
        ("/api/v1/antennas/%FF", "id"),
    ] {
        let (status, kind, body) = analytics.ask(path, "*/*").await;
        assert_eq!((status, kind.as_str()), (400, "application/json"), "{path}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert_eq!(error.code, "bad_parameter");
        assert!(error.message.contains(named), "{path}: {}", error.message);
    }
    for path in ["/api/v1/antennas/nobody", "/api/v1/series?antenna=nobody", "/api/v2/summary"] {
        let (status, _, body) = analytics.ask(path, "*/*").await;
        assert_eq!(status, 404, "{body}");
        assert_eq!(serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error.code, "not_found");
    }
    let posted = reqwest::Client::new().post(format!("{}{}", analytics.base, path::SUMMARY)).send().await;
    assert_eq!(posted.expect("an answer").status(), 405);
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_write_an_end_is_understood() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(1, 0, None)]).await;
    for (end, expected) in [
        ("1763900001", "2025-11-23T12:13:25.000Z"),
        ("1763900000.25", "2025-11-23T12:13:25.000Z"),
        ("1763900005", "2025-11-23T12:13:25.000Z"),
        ("2025-11-23T12:13:25Z", "2025-11-23T12:13:25.000Z"),
        ("2025-11-23T13:13:25%2B01:00", "2025-11-23T12:13:25.000Z"),
    ] {
        let summary: Summary = analytics.json(&format!("{}?window=5m&end={end}", path::SUMMARY)).await;
        assert_eq!(summary.window.end.to_string(), expected, "{end}");
        assert_eq!((summary.window.seconds, summary.measures.readings), (300, 0));
    }
    for end in ["latest", "now"] {
        let summary: Summary = analytics.json(&format!("{}?window=5m&end={end}", path::SUMMARY)).await;
        assert_eq!(summary.measures.readings, 1, "{end}");
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_of_changes_and_end_with_the_process() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(1, 0, None)]).await;
    let answer = reqwest::get(format!("{}{}", analytics.base, path::EVENTS)).await.expect("a stream");
    let mut chunks = answer.bytes_stream();
    let mut text = String::new();
    let mut published = false;
    loop {
        let chunk = tokio::time::timeout(DEADLINE, chunks.next()).await.expect("an event in time");
        text.push_str(std::str::from_utf8(&chunk.expect("more").expect("bytes")).expect("text"));
        let summaries: Vec<Summary> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect();
        assert!(summaries.iter().all(|summary| summary.limits.is_some()), "{text}");
        if summaries.last().is_some_and(|summary| summary.measures.readings == 2) {
            assert!(text.starts_with("event: snapshot\n"), "{text}");
            break;
        }
        if !published {
            published = true;
            analytics.publish("antenna", &[(1, 0, None)]).await;
        }
    }
    analytics.stop().await;
    let rest =
        tokio::time::timeout(DEADLINE, async { while chunks.next().await.is_some_and(|chunk| chunk.is_ok()) {} });
    rest.await.expect("the stream ends with the process");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_route() {
    let analytics = Answering::start().await;
    let document: Value = analytics.json(path::OPENAPI).await;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let described = document["paths"].as_object().expect("paths");
    let mut described: Vec<&str> = described.keys().map(String::as_str).collect();
    let mut expected = path::ALL.to_vec();
    described.sort_unstable();
    expected.sort_unstable();
    assert_eq!(described, expected);
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_a_route_does_not_know_is_refused_and_named_with_those_it_knows() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(1, 0, None)]).await;
    for route in path::ALL {
        let route = route.replace("{id}", "antenna");
        let needed = if route == path::READINGS { "antenna=antenna&" } else { "" };
        let (status, kind, body) = analytics.ask(&format!("{route}?{needed}windwo=5m"), "*/*").await;
        assert_eq!((status, kind.as_str()), (400, "application/json"), "{route}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert_eq!(error.code, "bad_parameter", "{route}");
        assert!(error.message.contains("windwo") && error.message.contains("known"), "{route}: {}", error.message);
    }
    let (_, _, body) = analytics.ask("/metrics?windwo=5m", "*/*").await;
    assert!(body.contains("known are format"), "{body}");
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cache_keeps_what_is_of_a_moment_or_was_made_for_another_client() {
    let analytics = Answering::start().await;
    analytics.publish("antenna", &[(1, 0, None)]).await;
    for route in path::ALL {
        let url = format!("{}{}", analytics.base, route.replace("{id}", "antenna"));
        let url = if route == path::READINGS { format!("{url}?antenna=antenna") } else { url };
        let answer = reqwest::get(&url).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{route}");
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().expect("text"));
        // What carries an ETag may be kept, and is asked about before each use.
        let has_etag = answer.headers().contains_key("etag");
        assert_eq!(header("cache-control"), if has_etag { "no-cache" } else { "no-store" }, "{route}");
        let depends_on_accept = has_etag || [path::CELLS, path::METRICS].contains(&route);
        assert_eq!(header("vary"), if depends_on_accept { "accept" } else { "" }, "{route}");
        assert_eq!(header("x-accel-buffering"), if route == path::EVENTS { "no" } else { "" }, "{route}");
    }
    let refused = reqwest::get(format!("{}{}?windwo=1", analytics.base, path::SUMMARY)).await.expect("an answer");
    assert_eq!(refused.headers()["cache-control"], "no-store");
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scraper_that_cannot_set_a_header_asks_by_parameter() {
    let analytics = Answering::start().await;
    let (_, kind, text) = analytics.ask("/metrics?format=prometheus", "application/json").await;
    assert!(kind.starts_with("text/plain") && text.contains("vigia_ready "), "{kind}: {text}");
    let (_, kind, _) = analytics.ask("/metrics?format=json", "text/plain").await;
    assert_eq!(kind, "application/json");
    analytics.stop().await;
}

/// The figures of a standby would be those of the moment at which it lost the stream, or zeros.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_has_no_figures() {
    let owner = Answering::start().await;
    owner.publish("antenna", &[(100, 10, Some(20.0))]).await;
    let standby = Answering::on(owner.log.clone()).await;
    standby.until(path::PIPELINE, |pipeline: &Pipeline| pipeline.phase == Phase::Standby).await;
    let of_itself = [
        path::METRICS,
        path::REJECTED,
        path::ALERTS,
        path::MAINTENANCE,
        path::MUTES,
        path::ACKNOWLEDGEMENTS,
        path::NOTES,
        path::AUDIT,
        path::PIPELINE,
        path::PIPELINE_HISTORY,
        path::LIVEZ,
        path::READYZ,
        path::HEALTHZ,
        path::OPENAPI,
    ];
    for route in path::ALL.into_iter().filter(|route| !of_itself.contains(route)) {
        let route = route.replace("{id}", "antenna");
        let needed = if route == path::READINGS { "?antenna=antenna" } else { "" };
        let (status, kind, body) = standby.ask(&format!("{route}{needed}"), "*/*").await;
        assert_eq!((status, kind.as_str()), (503, "application/json"), "{route}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert_eq!(error.code, "unavailable", "{route}");
        assert!(error.message.contains("standby"), "{route}: {}", error.message);
    }
    let (status, _, text) = standby.ask("/metrics?format=prometheus", "*/*").await;
    assert_eq!(status, 200, "a standby is watched like its owner");
    assert!(text.contains("vigia_ready 0") && !text.contains("vigia_window_readings"), "{text}");
    owner.stop().await;
    standby.until(path::PIPELINE, |pipeline: &Pipeline| pipeline.phase == Phase::Running).await;
    assert_eq!(standby.json::<Summary>(path::SUMMARY).await.measures.packets_lost, 10);
    standby.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_is_not_known_is_refused_and_the_parameter_wins_over_the_header() {
    let analytics = Answering::start().await;
    for (path, named) in [
        ("/api/v1/incidents?format=xml", "json, csv, arrow, parquet"),
        ("/api/v1/cells?format=xlsx", "json, csv, arrow, parquet"),
        ("/api/v1/readings?antenna=a&format=", "format"),
    ] {
        let (status, kind, body) = analytics.ask(path, "text/csv").await;
        assert_eq!((status, kind.as_str()), (400, "application/json"), "{path}: {body}");
        let error = serde_json::from_str::<ErrorBody>(&body).expect("the error's body").error;
        assert_eq!(error.code, "bad_parameter", "{path}");
        assert!(error.message.contains(named), "{path}: {}", error.message);
    }
    let (_, kind, _) = analytics.ask("/api/v1/antennas?format=json", "text/csv").await;
    assert_eq!(kind, "application/json", "the parameter wins over the header");
    let (_, kind, _) = analytics.ask("/api/v1/antennas", "image/png").await;
    assert_eq!(kind, "application/json", "a header asks for what is offered only");
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_has_every_parameter_of_every_route() {
    let analytics = Answering::start().await;
    let document: Value = analytics.json(path::OPENAPI).await;
    let described = |path: &str| {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {parameter}");
            assert!(parameter["schema"].is_object(), "{path}: {parameter}");
        }
        parameters.into_iter().map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect()
    };
    let antennas: Vec<String> = described(path::ANTENNAS);
    assert_eq!(
        antennas,
        [
            "window", "end", "sort", "order", "group", "limit", "offset", "q", "id", "status", "flapping", "site",
            "label", "step", "format", "strict"
        ]
    );
    let antenna: Vec<String> = described(path::ANTENNA);
    assert_eq!(antenna, ["id", "window", "end", "strict"]);
    for (path, count) in [
        (path::SUMMARY, 3),
        (path::WORST, 9),
        (path::SITES, 13),
        (path::MAP, 10),
        (path::STATUS, 2),
        (path::SERIES, 6),
        (path::HEATMAP, 12),
        (path::INCIDENTS, 12),
        (path::READINGS, 4),
        (path::REJECTED, 2),
        (path::ALERTS, 2),
        (path::PIPELINE_HISTORY, 0),
    ] {
        let names: Vec<String> = described(path);
        assert_eq!(names.len(), count, "{path}: {names:?}");
    }
    let sort = &document["paths"][path::ANTENNAS]["get"]["parameters"][2]["schema"];
    assert_eq!(sort["enum"].as_array().map(Vec::len), Some(11), "{sort}");
    analytics.stop().await;
}
