//! The pages as a browser gets them: states, status codes, headers, hosts, and what is asked for wrongly.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod common;

use common::{Analytics, Dashboard, NOW, browser, poll, source_at};
use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;
use reqwest::StatusCode;
use shared::UnixMillis;

async fn mock() -> Dashboard {
    Dashboard::start(Source::Mock(Mock)).await
}

/// An address at which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn the_overview_shows_what_analytics_answers() {
    let analytics = Analytics::start().await;
    analytics.set(|figures| {
        figures.summary.measures.latency_ms.mean = Some(123.4);
        figures.worst.antennas[0].antenna_id = "<b>north</b>".to_owned();
    });
    let (status, html) = Dashboard::start(analytics.source()).await.get("/").await;
    assert_eq!(status, StatusCode::OK);
    for text in ["123.4", "1 of 24 antennas down, 2 degraded, 1 silent", "&lt;b&gt;north&lt;/b&gt;", ">14:47:05<"] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains("Data from the analytics service.") && !html.contains("<b>north"));
}

#[tokio::test]
async fn away_no_data_and_stale_are_three_pages() {
    let address = nobody().await;
    let (status, away) = Dashboard::start(source_at(address)).await.get("/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(away.contains("Analytics can’t be reached") && !away.contains("Mean latency"));
    assert!(!away.contains(&address.port().to_string()) && !away.to_lowercase().contains("error"));

    let analytics = Analytics::start().await;
    analytics.set(|figures| figures.summary.as_of = None);
    let (status, empty) = Dashboard::start(analytics.source()).await.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(empty.contains("No data yet") && empty.contains("simulator --antennas"));

    analytics.set(|figures| figures.summary.as_of = Some(UnixMillis(NOW.0 - 250_000)));
    let (status, stale) = Dashboard::start(analytics.source()).await.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(stale.contains("Stale: newest data is 4 min old") && stale.contains("Mean latency"));
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_answer() {
    let strange = axum::Router::new().fallback(async || "<html>I am a proxy</html>");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, strange).await });
    let (status, html) = Dashboard::start(source_at(address)).await.get("/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("Analytics can’t be reached") && !html.contains("proxy"));
}

#[tokio::test]
async fn a_range_that_analytics_refuses_is_the_askers_mistake() {
    let refusing = axum::Router::new().fallback(async || StatusCode::BAD_REQUEST);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, refusing).await });
    let (status, html) = Dashboard::start(source_at(address)).await.get("/?window=7d").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("<h1>This range can’t be shown</h1>") && html.contains("href=\"/?window=15m\""));
}

#[tokio::test]
async fn a_page_recovers_with_analytics() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let status = || async { dashboard.get("/").await.0 };
    assert_eq!(status().await, StatusCode::OK);
    analytics.kill();
    poll("the page that says so", || async { (status().await == StatusCode::SERVICE_UNAVAILABLE).then_some(()) }).await;
    analytics.restart().await;
    poll("the overview", || async { (status().await == StatusCode::OK).then_some(()) }).await;
}

#[tokio::test]
async fn a_window_before_that_analytics_does_not_keep_is_no_failure() {
    let analytics = Analytics::start().await;
    analytics.forget_previous();
    let (status, html) = Dashboard::start(analytics.source()).await.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(html.matches("no earlier data").count(), 4);
}

#[tokio::test]
async fn many_pages_cost_one_load_and_time_costs_another() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    futures::future::join_all((0..50).map(|_| dashboard.get("/"))).await;
    // The connection for changes may come about in between, which is a change too.
    assert!((1..=2).contains(&analytics.loads()), "{} loads for fifty pages", analytics.loads());
    let loads = analytics.loads();
    dashboard.advance(1_000);
    dashboard.get("/").await;
    assert!(analytics.loads() > loads);
}

#[tokio::test]
async fn bad_parameters_are_answered_in_words() {
    let dashboard = mock().await;
    for path in ["/?window=abc", "/?window=", "/?by=name", "/?window=5m&window=5m", "/?window=%ff", "/live?window=9y"] {
        let (status, html) = dashboard.get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(html.contains("<h1>This address can’t be understood</h1>"), "{path}");
        assert!(html.contains("5m, 15m or 1h") || html.contains("success_rate") || html.contains("once"), "{path}");
    }
    assert_eq!(dashboard.get("/?window=15m&by=latency&utm_source=mail").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_address_has_a_page_of_its_own() {
    let dashboard = mock().await;
    for path in ["/nowhere", "/assets/nothing.css", "/assets/", "/api/v1/summary", "/%3Cscript%3E"] {
        let (status, html) = dashboard.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(html.contains("<h1>Page not found</h1>") && html.contains("</html>"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let dashboard = mock().await;
    let paths = ["/", "/live", "/?window=abc", "/nowhere", "/livez", "/readyz", "/healthz", "/assets/app.css"];
    for path in paths {
        let response = dashboard.request(path).send().await.unwrap();
        let header = |name| response.headers()[name].to_str().unwrap();
        assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "same-origin"), "{path}");
        assert!(response.headers().contains_key("cache-control"), "{path}");
    }
}

#[tokio::test]
async fn only_allowed_hosts_are_answered_and_probes_always() {
    let dashboard = Dashboard::start_for(Source::Mock(Mock), "vigia.test,.example.org".parse().unwrap()).await;
    let status = async |path: &str, host: &str| {
        let response = dashboard.request(path).header("host", host).send().await.unwrap();
        assert!(response.headers().contains_key("content-security-policy"), "{path} {host}");
        response.status()
    };
    for host in ["vigia.test", "VIGIA.test:8000", "a.example.org"] {
        assert_eq!(status("/", host).await, StatusCode::OK, "{host}");
    }
    for path in ["/", "/live", "/assets/app.css", "/nowhere"] {
        assert_eq!(status(path, "evil.test").await, StatusCode::BAD_REQUEST, "{path}");
    }
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(status(path, "10.1.2.3:8000").await, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn probes_do_not_depend_on_analytics() {
    let dashboard = Dashboard::start(source_at(nobody().await)).await;
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(dashboard.get(path).await, (StatusCode::OK, "ok".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn linked_assets_are_kept_for_ever_and_others_are_not() {
    let dashboard = mock().await;
    let (_, html) = dashboard.get("/").await;
    let links: Vec<&str> = html.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(links.len(), 5);
    for link in links {
        let response = dashboard.request(link).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{link}");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"), "{link}");
    }
    for (path, content_type) in [
        ("/assets/app.0000000000000000.css", "text/css; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
    ] {
        let response = dashboard.request(path).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], content_type);
        assert_eq!(response.headers()["cache-control"], "no-cache", "another version's name");
    }
}

#[tokio::test]
async fn pages_are_compressed_and_streams_are_not() {
    let dashboard = mock().await;
    for (path, encoding) in [("/", Some("gzip")), ("/assets/app.css", Some("gzip")), ("/live", None)] {
        let response = dashboard.request(path).header("accept-encoding", "gzip").send().await.unwrap();
        let found = response.headers().get("content-encoding").map(|encoding| encoding.to_str().unwrap());
        assert_eq!(found, encoding, "{path}");
    }
}

#[tokio::test]
async fn nothing_can_be_sent_to_the_dashboard() {
    let dashboard = mock().await;
    let post = |body: Vec<u8>| browser().post(format!("{}/", dashboard.url)).body(body).send();
    assert_eq!(post(vec![]).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(vec![0; 4096]).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}
