//! What every response has: security headers, hosts, probes, caching, compression.

use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;
use reqwest::StatusCode;
use shared::testing::Reservation;

use crate::common::{Dashboard, PAGES, browser, source_at};
use crate::mock;

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let dashboard = mock().await;
    let pages = PAGES.iter().flat_map(|page| [(*page).to_owned(), format!("/live{page}"), format!("/csv{page}")]);
    let others = [
        "/?window=abc",
        "/nowhere",
        "/antenna?id=nowhere",
        "/?from=2025-11-24T14:27&to=2025-11-24T14:47",
        "/livez",
        "/readyz",
        "/healthz",
        "/docs",
        "/docs/api/v1/summary",
        "/assets/app.css",
        "/assets/nothing",
    ];
    let check = |path: &str, response: &reqwest::Response| {
        let header = |name| response.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "same-origin"), "{path}");
        let is_live = ["/live", "/csv", "/readyz", "/healthz", "/docs/"].iter().any(|live| path.starts_with(live));
        let is_kept = header("cache-control") != "no-store";
        assert!(!response.status().is_success() || is_kept != is_live, "{path}: {}", header("cache-control"));
        assert!(response.headers().get_all("vary").iter().any(|vary| vary == "accept-language"), "{path}");
    };
    for path in pages.chain(others.map(str::to_owned)) {
        check(&path, &dashboard.request(&path).send().await.unwrap());
    }
    for (path, body) in [("/", 0), ("/csv/antennas", 0), ("/live/", 0), ("/", 4096)] {
        let url = format!("{}{path}", dashboard.url);
        check(path, &browser().post(url).body(vec![0; body]).send().await.unwrap());
    }
    let nobody = Reservation::new();
    let away = Dashboard::start(source_at(nobody.address())).await;
    for path in ["/", "/csv/", "/live/"] {
        check(path, &away.request(path).send().await.unwrap());
    }
}

#[tokio::test]
async fn only_allowed_hosts_are_answered_and_probes_always() {
    let dashboard =
        Dashboard::start_for(Source::Mock(Mock::default()), "vigia.test,.example.org".parse().unwrap()).await;
    let status = async |path: &str, host: &str| {
        let response = dashboard.request(path).header("host", host).send().await.unwrap();
        assert!(response.headers().contains_key("content-security-policy"), "{path} {host}");
        response.status()
    };
    for page in PAGES {
        for host in ["vigia.test", "VIGIA.test:8000", "a.example.org"] {
            assert_eq!(status(page, host).await, StatusCode::OK, "{page} {host}");
        }
        for path in [page.to_owned(), format!("/live{page}"), format!("/csv{page}")] {
            assert_eq!(status(&path, "evil.test").await, StatusCode::BAD_REQUEST, "{path}");
        }
    }
    for path in ["/assets/app.css", "/nowhere", "/?from=2025-11-24T14:27&to=2025-11-24T14:47"] {
        assert_eq!(status(path, "evil.test").await, StatusCode::BAD_REQUEST, "{path}");
    }
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(status(path, "10.1.2.3:8000").await, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn probes_do_not_depend_on_analytics() {
    let nobody = Reservation::new();
    let dashboard = Dashboard::start(source_at(nobody.address())).await;
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(dashboard.get(path).await, (StatusCode::OK, "ok".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn linked_assets_are_kept_for_ever_and_others_are_not() {
    let dashboard = mock().await;
    let (_, html) = dashboard.get("/").await;
    let links: Vec<&str> = html.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(links.len(), 8);
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
async fn everything_is_compressed_once_for_who_takes_that() {
    let dashboard = mock().await;
    let pages = PAGES.iter().flat_map(|page| [(*page).to_owned(), format!("/live{page}")]);
    for path in pages.chain(["/assets/app.css".to_owned()]) {
        for (accepted, encoding) in [("gzip", Some("gzip")), ("identity", None)] {
            let response = dashboard.request(&path).header("accept-encoding", accepted).send().await.unwrap();
            let found = response.headers().get_all("content-encoding").iter().map(|coding| coding.to_str().unwrap());
            assert_eq!(found.collect::<Vec<_>>(), Vec::from_iter(encoding), "{path}");
        }
    }
}

#[tokio::test]
async fn nothing_can_be_sent_to_the_dashboard() {
    let dashboard = mock().await;
    for page in PAGES {
        let post = |body: Vec<u8>| browser().post(format!("{}{page}", dashboard.url)).body(body).send();
        assert_eq!(post(vec![]).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED, "{page}");
        assert_eq!(post(vec![0; 4096]).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE, "{page}");
    }
}
