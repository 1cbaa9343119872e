//! The pages as a browser receives them: states, status codes, headers, hosts, languages, and invalid requests.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod common;

use std::sync::Arc;

use axum::Router;
use common::{Analytics, Dashboard, NOW, PAGES, browser, poll, source_at};
use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;
use reference::{EntryId, Reference, Settings, Stages};
use reqwest::StatusCode;
use scenario::Network;
use scenario::network::Arrival;
use shared::api::End;
use shared::api::{
    AntennasRequest, IncidentsRequest, PipelineRequest, ReadingsRequest, RejectedRequest, SummaryRequest, WorstRequest,
};
use shared::{Reading, UnixMillis};

async fn mock() -> Dashboard {
    Dashboard::start(Source::Mock(Mock::default())).await
}

/// An address that nobody listens on.
async fn nobody() -> std::net::SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A dashboard in front of something other than analytics.
async fn before(something: Router) -> Dashboard {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, something).await });
    Dashboard::start(source_at(address)).await
}

/// A page with another parameter.
fn with(page: &str, parameter: &str) -> String {
    format!("{page}{}{parameter}", if page.contains('?') { '&' } else { '?' })
}

#[tokio::test]
async fn the_overview_shows_what_analytics_answers() {
    let analytics = Analytics::start().await;
    analytics.change::<SummaryRequest>(|summary| summary.measures.latency_ms.mean = Some(123.4));
    analytics.change::<WorstRequest>(|worst| worst.antennas[0].antenna_id = "<b>north</b>".to_owned());
    let (status, html) = Dashboard::start(analytics.source()).await.get("/").await;
    assert_eq!(status, StatusCode::OK);
    for text in ["123.4", "1 of 24 antennas down, 2 degraded, 1 silent", "&lt;b&gt;north&lt;/b&gt;", ">14:47:05<"] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains("Data from the analytics service.") && !html.contains("<b>north"));
}

#[tokio::test]
async fn every_page_shows_what_analytics_answers() {
    let analytics = Analytics::start().await;
    analytics.change::<AntennasRequest>(|page| {
        page.antennas.iter_mut().skip(1).for_each(|row| row.measures.packets_lost = 4_321);
    });
    analytics.change::<ReadingsRequest>(|page| page.readings[0].packets_sent = 7_654);
    analytics.change::<IncidentsRequest>(|page| {
        page.incidents.iter_mut().take(1).for_each(|first| first.antenna_id = "far-away".to_owned());
    });
    analytics.change::<PipelineRequest>(|pipeline| pipeline.totals.duplicates = 98_765);
    analytics.change::<RejectedRequest>(|page| page.newest[0].source_id = "1763995600000-42".to_owned());
    let dashboard = Dashboard::start(analytics.source()).await;
    for (page, texts) in [
        ("/antennas", ["4\u{202f}321", "24 antennas", "canal-street"]),
        ("/antenna?id=airport-west", ["7\u{202f}654", "airport-west", "Recent readings"]),
        ("/incidents", ["far-away", "Ongoing", "recovered"]),
        ("/pipeline", ["98\u{202f}765", "1763995600000-42", "missing_field"]),
    ] {
        let (status, html) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for text in texts {
            assert!(html.contains(text), "{page}: {text}");
        }
    }
}

#[tokio::test]
async fn lists_are_searched_filtered_sorted_and_cut_into_pages_by_links_alone() {
    // The later the number, the slower; one of 24 is down; one was heard of last 20 s ago.
    let mut reference = Reference::new(Settings::default(), NOW);
    for (seconds_ago, n) in [25, 20, 4, 2].into_iter().flat_map(|ago| (0..120).map(move |n| (ago, n))) {
        if n == 0 && seconds_ago < 20 {
            continue;
        }
        let loss = if n % 24 == 9 { 100 } else { 1 };
        let latency_ms = (loss < 100).then_some(f64::from(n));
        let (antenna_id, timestamp_ms) = (format!("n-{n:03}"), NOW.0 - seconds_ago * 1000);
        let reading = Reading { antenna_id, timestamp_ms, packets: 100, loss, latency_ms, seq: None };
        reference.count(EntryId { arrival_ms: timestamp_ms, number: 0 }, &reading);
    }
    reference.merge(NOW, Stages::default());
    let analytics = Analytics::start_with(Arc::new(reference)).await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let ids = async |path: &str| {
        let html = dashboard.get(path).await.1;
        let (from, to) = (html.find("<tbody").unwrap(), html.find("</tbody>").unwrap());
        html[from..to].split("<bdi>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all: Vec<String> = (0..120).map(|n| format!("n-{n:03}")).collect();
    assert_eq!(ids("/antennas?sort=antenna_id").await, all[..50]);
    assert_eq!(ids("/antennas?sort=antenna_id&page=3").await, all[100..]);
    assert_eq!(ids("/antennas?q=n-11").await, all[110..120]);
    assert_eq!(ids("/antennas?sort=latency").await[0], "n-119", "the largest first");
    assert_eq!(ids("/antennas?status=down").await, ["n-009", "n-033", "n-057", "n-081", "n-105"]);
    let (_, html) = dashboard.get("/antennas?page=2").await;
    assert!(html.contains("51–100 of 120") && html.contains("href=\"/antennas?page=3\" rel=\"next\""));
    assert!(html.contains("href=\"/antennas\" rel=\"prev\""));
    assert!(!dashboard.get("/antennas?page=3").await.1.contains("rel=\"next\""));
    let incidents = dashboard.get("/incidents?state=open&kind=silent").await.1;
    assert!(incidents.contains("1 incident, 1 open") && !incidents.contains("recovered"));
}

#[tokio::test]
async fn away_no_data_and_stale_are_three_pages() {
    let address = nobody().await;
    let dashboard = Dashboard::start(source_at(address)).await;
    for page in PAGES {
        let (status, away) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(away.contains("Analytics can’t be reached") && !away.contains("class=\"figures"), "{page}");
        assert!(!away.contains(&address.port().to_string()) && !away.to_lowercase().contains("error"), "{page}");
    }

    let analytics = Analytics::start().await;
    analytics.change::<SummaryRequest>(|summary| summary.as_of = None);
    let dashboard = Dashboard::start(analytics.source()).await;
    for page in PAGES {
        let (status, empty) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        if page == "/pipeline" {
            assert!(empty.contains("Waiting for readings") && empty.contains("The ledger"));
        } else {
            assert!(empty.contains("No data yet") && empty.contains("simulator --antennas"), "{page}");
        }
    }

    analytics.change::<SummaryRequest>(|summary| summary.as_of = Some(UnixMillis(NOW.0 - 250_000)));
    let dashboard = Dashboard::start(analytics.source()).await;
    for page in PAGES {
        let (status, stale) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(stale.contains("freshness is-stale") && stale.contains("figures is-old"), "{page}");
    }
    assert!(dashboard.get("/").await.1.contains("Stale: newest data is 4 min old"));
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_answer() {
    let dashboard = before(Router::new().fallback(async || "<html>I am a proxy</html>")).await;
    for page in PAGES {
        let (status, html) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(html.contains("Analytics can’t be reached") && !html.contains("proxy"), "{page}");
    }
}

#[tokio::test]
async fn a_range_that_analytics_refuses_is_the_askers_mistake() {
    let dashboard = before(Router::new().fallback(async || StatusCode::BAD_REQUEST)).await;
    for page in PAGES {
        let (status, html) = dashboard.get(&with(page, "window=7d")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
        assert!(html.contains("<h1>This range can’t be shown</h1>"), "{page}");
        assert!(html.contains("<a href=\"/\" class=\"button\">"), "{page}: the way on");
    }
}

#[tokio::test]
async fn where_less_is_kept_than_the_default_range_a_page_shows_all_of_it() {
    let settings = Settings { retention_ms: 60_000, ..Settings::default() };
    let (mut reference, mut arrivals) = (Reference::new(settings, NOW), Vec::new());
    Network::new(24, NOW.0).publish(NOW.0, &mut arrivals);
    for Arrival { arrival_ms, reading } in arrivals {
        reference.count(EntryId { arrival_ms, number: 0 }, &reading);
    }
    reference.merge(NOW, Stages::default());
    let analytics = Analytics::start_with(Arc::new(reference)).await;
    let dashboard = Dashboard::start(analytics.source()).await;
    for page in ["/?by=latency", "/antennas", "/antenna?id=airport-west"] {
        let response = dashboard.request(page).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{page}");
        let shorter = response.headers()["location"].to_str().unwrap();
        assert_eq!(shorter, with(page, "window=1m"));
        assert_eq!(dashboard.get(shorter).await.0, StatusCode::OK, "{page}");
        assert_eq!(
            dashboard.get(&with(page, "window=15m")).await.0,
            StatusCode::BAD_REQUEST,
            "{page}: someone's choice"
        );
    }
    for page in ["/incidents", "/pipeline"] {
        assert_eq!(dashboard.get(page).await.0, StatusCode::OK, "{page} is about no range");
    }
}

#[tokio::test]
async fn a_range_that_has_ended_shows_nothing_newer() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let live = dashboard.get("/antenna?id=airport-west").await.1;
    let fixed = dashboard.get("/antenna?id=airport-west&end=2025-11-24T14:40:00Z").await.1;
    assert!(live.contains("id=\"readings\"") && !fixed.contains("id=\"readings\""));
    assert!(live.contains("id=\"incidents\"") && fixed.contains("id=\"incidents\""));
    let windows = analytics.asked_for_incidents();
    assert_eq!(windows, [None, Some(End::At(UnixMillis(1_763_995_200_000)))], "the ends of the windows asked for");
}

#[tokio::test]
async fn a_page_recovers_with_analytics() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let status = |page| {
        let dashboard = &dashboard;
        async move { dashboard.get(page).await.0 }
    };
    for page in PAGES {
        assert_eq!(status(page).await, StatusCode::OK, "{page}");
    }
    analytics.kill();
    for page in PAGES {
        poll("the page that says so", || async {
            (status(page).await == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
    }
    analytics.restart().await;
    for page in PAGES {
        poll("the figures", || async { (status(page).await == StatusCode::OK).then_some(()) }).await;
    }
}

#[tokio::test]
async fn a_window_before_that_analytics_does_not_keep_is_no_failure() {
    let analytics = Analytics::start().await;
    analytics.forget_previous();
    let dashboard = Dashboard::start(analytics.source()).await;
    for (page, tiles) in [("/", 4), ("/antenna?id=airport-west", 3)] {
        let (status, html) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(html.matches("no earlier data").count(), tiles, "{page}");
    }
}

#[tokio::test]
async fn an_analytics_of_the_original_contract_has_pages_without_what_it_does_not_know() {
    let analytics = Analytics::start().await;
    analytics.become_original();
    let dashboard = Dashboard::start(analytics.source()).await;
    for (page, there, missing) in [
        ("/", &["Mean latency", "Worst antennas"][..], &["id=\"heatmap\"", "id=\"incidents\"", "class=\"strip\""][..]),
        ("/antennas", &["24 antennas", "canal-street"], &["class=\"strip\""]),
        ("/antenna?id=airport-west", &["Mean latency", "id=\"steps\""], &["id=\"readings\"", "id=\"incidents\""]),
        ("/incidents", &["This analytics keeps no incidents."], &["<tbody"]),
        ("/pipeline", &["The ledger", "missing_field"], &["class=\"plot\"", "id=\"examples\""]),
    ] {
        let (status, html) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(there.iter().all(|text| html.contains(text)), "{page}");
        assert!(!missing.iter().any(|text| html.contains(text)), "{page}");
    }
    // It ignores the parameter for one antenna and returns all of them.
    let (status, html) = dashboard.get("/antenna?id=quarry").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("<title>quarry: Degraded"));
    assert_eq!(dashboard.get("/antenna?id=nowhere").await.0, StatusCode::NOT_FOUND);
    assert_eq!(dashboard.get("/csv/incidents").await.0, StatusCode::NOT_FOUND);
    assert_eq!(dashboard.get("/csv/pipeline").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_pages_cost_one_load_and_time_costs_another() {
    for page in PAGES {
        let analytics = Analytics::start().await;
        let dashboard = Dashboard::start(analytics.source()).await;
        futures::future::join_all((0..50).map(|_| dashboard.get(page))).await;
        // The event connection may be established in between, which counts as a change.
        assert!((1..=2).contains(&analytics.loads()), "{} loads for fifty pages of {page}", analytics.loads());
        let loads = analytics.loads();
        dashboard.advance(1_000);
        dashboard.get(page).await;
        assert!(analytics.loads() > loads, "{page}");
    }
}

#[tokio::test]
async fn made_up_queries_do_not_drive_out_what_is_looked_at() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
    for _ in 0..2 {
        dashboard.get("/pipeline").await;
    }
    for n in 0..1000 {
        dashboard.get(&format!("/incidents?q={n}")).await;
    }
    let loads = analytics.loads();
    assert_eq!(dashboard.get("/pipeline").await.0, StatusCode::OK);
    assert_eq!(analytics.loads(), loads);
}

#[tokio::test]
async fn bad_parameters_are_answered_in_words() {
    let dashboard = mock().await;
    for (path, english, spanish) in [
        ("/?window=abc", "5m, 15m or 1h", "5m, 15m o 1h"),
        ("/?window=", "5m, 15m or 1h", "5m, 15m o 1h"),
        ("/?by=name", "success_rate", "success_rate"),
        ("/?window=5m&window=5m", "given twice", "está repetido"),
        ("/?window=%ff", "5m, 15m or 1h", "5m, 15m o 1h"),
        ("/live/?window=9y", "5m, 15m or 1h", "5m, 15m o 1h"),
        ("/?end=soon", "or latest", "o latest"),
        ("/?from=now&to=then", "or latest", "o latest"),
        ("/antennas?sort=luck", "(sort)", "(sort)"),
        ("/antennas?status=well", "silent and healthy", "silent o healthy"),
        ("/antennas?page=0", "number from 1", "número desde 1"),
        ("/csv/antennas?order=up", "asc or desc", "asc o desc"),
        ("/incidents?kind=odd", "(kind)", "(kind)"),
        ("/incidents?state=shut", "open or all", "open o all"),
        ("/antenna", "1 to 253 bytes", "1 a 253 bytes"),
        ("/live/antenna?id=", "1 to 253 bytes", "1 a 253 bytes"),
        ("/csv/pipeline?window=1s", "5m, 15m or 1h", "5m, 15m o 1h"),
    ] {
        for (language, heading, words) in
            [("en", "This address can’t be understood", english), ("es", "No se entiende esta dirección", spanish)]
        {
            let response = dashboard.request(path).header("accept-language", language).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
            let html = response.text().await.unwrap();
            assert!(html.contains(&format!("<h1>{heading}</h1>")), "{path}: {html}");
            let words = words.replace(['(', ')'], "");
            assert!(html.replace(['(', ')'], "").contains(&words), "{path}: {words}");
        }
    }
    assert_eq!(dashboard.get("/?window=15m&by=latency&utm_source=mail").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_address_has_a_page_of_its_own() {
    let dashboard = mock().await;
    for path in [
        "/nowhere",
        "/assets/nothing.css",
        "/assets/",
        "/api/v1/summary",
        "/%3Cscript%3E",
        "/live/nowhere",
        "/csv",
        "/antennas/",
    ] {
        for (language, heading) in [("en", "Page not found"), ("es", "Página no encontrada")] {
            let response = dashboard.request(path).header("accept-language", language).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            let html = response.text().await.unwrap();
            assert!(html.contains(&format!("<h1>{heading}</h1>")) && html.contains("</html>"), "{path} {language}");
        }
    }
}

#[tokio::test]
async fn an_unknown_antenna_is_not_found_and_named() {
    let analytics = Analytics::start().await;
    for dashboard in [mock().await, Dashboard::start(analytics.source()).await] {
        let (status, html) = dashboard.get("/antenna?id=%3Ci%3Enowhere").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(html.contains("<h1>This antenna is not known</h1>") && html.contains("&lt;i&gt;nowhere"));
        assert_eq!(dashboard.get("/csv/antenna?id=nowhere").await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_form_of_a_range_leads_to_an_address_of_its_own() {
    let dashboard = mock().await;
    let form = "from=2025-11-24T14%3A27%3A00&to=2025-11-24T14%3A47%3A05";
    let range = "window=1205s&end=2025-11-24T14%3A47%3A05Z";
    for (page, location) in [
        ("/?by=latency&lang=es&wall=1", format!("/?by=latency&{range}&lang=es&wall=1")),
        ("/antennas?q=%2F%2Fevil.test&sort=p95", format!("/antennas?q=%2F%2Fevil.test&sort=p95&{range}")),
        ("/antenna?id=a%2Fb%26c%0A%C3%B1", format!("/antenna?id=a%2Fb%26c%0A%C3%B1&{range}")),
    ] {
        let response = dashboard.request(&with(page, form)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{page}");
        assert_eq!(response.headers()["location"], location);
        assert!(response.headers().contains_key("content-security-policy"));
    }
    let (status, html) = dashboard.get(&format!("/?{range}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Fixed range") && html.contains("Back to live"));
}

#[tokio::test]
async fn a_page_speaks_the_language_of_the_browser_or_the_one_that_its_address_names() {
    let dashboard = mock().await;
    for page in PAGES {
        for (header, parameter, language) in [
            (None, None, "en"),
            (Some("es-MX,es;q=0.9,en;q=0.8"), None, "es"),
            (Some("de"), None, "en"),
            (Some("es"), Some("en"), "en"),
            (Some("en"), Some("es"), "es"),
            (Some("es"), Some("xx"), "es"),
        ] {
            let path = parameter.map_or_else(|| page.to_owned(), |language| with(page, &format!("lang={language}")));
            let mut request = dashboard.request(&path);
            if let Some(header) = header {
                request = request.header("accept-language", header);
            }
            let response = request.send().await.unwrap();
            assert!(response.headers().get_all("vary").iter().any(|vary| vary == "accept-language"), "{path}");
            let html = response.text().await.unwrap();
            assert!(html.contains(&format!("<html lang=\"{language}\"")), "{path} for {header:?}");
            // Links keep only what the address names, so that they can be shared.
            let is_chosen = parameter.is_some_and(|language| language != "xx");
            let kept =
                if is_chosen { format!("href=\"/pipeline?lang={language}\"") } else { "href=\"/pipeline\"".to_owned() };
            assert!(html.contains(&kept), "{path} for {header:?}");
        }
    }
}

#[tokio::test]
async fn a_file_holds_all_rows_of_what_a_page_lists_a_part_of() {
    let dashboard = Dashboard::start(Source::Mock(Mock::with_antennas(120))).await;
    let file = async |path: &str| {
        let response = dashboard.request(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8", "{path}");
        assert!(response.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        (disposition, response.text().await.unwrap())
    };
    for (path, name, rows) in [
        ("/csv/", "network", 60),
        ("/csv/?window=90s", "network", 18),
        ("/csv/antennas", "antennas", 120),
        ("/csv/antennas?page=2&sort=latency", "antennas", 120),
        ("/csv/antennas?q=harbour", "antennas", 2),
        ("/csv/antenna?id=quarry", "antenna", 60),
        ("/csv/pipeline", "pipeline", 151),
    ] {
        let (disposition, text) = file(path).await;
        assert_eq!(disposition, format!("attachment; filename=\"vigia-{name}.csv\""), "{path}");
        assert_eq!(text.lines().count(), rows + 1, "{path}");
    }
    for list in ["/incidents", "/incidents?state=open", "/incidents?kind=silent&q=mill"] {
        let (disposition, incidents) = file(&format!("/csv{list}")).await;
        assert_eq!(disposition, "attachment; filename=\"vigia-incidents.csv\"");
        let found = format!(">{} incident", incidents.lines().count() - 1);
        assert!(dashboard.get(list).await.1.contains(&found), "{list}: {found}");
    }
    assert!(file("/csv/incidents").await.1.lines().count() > 51, "more than a page has");
    assert!(
        file("/csv/antennas?sort=antenna_id&order=desc").await.1.lines().nth(1).unwrap().starts_with("water-tower,")
    );
}

#[tokio::test]
async fn a_file_that_analytics_cannot_fill_is_none() {
    let dashboard = Dashboard::start(source_at(nobody().await)).await;
    for page in PAGES {
        let response = dashboard.request(&format!("/csv{page}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(!response.headers().contains_key("content-disposition"));
    }
    let dashboard = before(Router::new().fallback(async || StatusCode::BAD_REQUEST)).await;
    assert_eq!(dashboard.get("/csv/?window=7d").await.0, StatusCode::BAD_REQUEST);
}

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
        "/assets/app.css",
        "/assets/nothing",
    ];
    let check = |path: &str, response: &reqwest::Response| {
        let header = |name| response.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "same-origin"), "{path}");
        assert!(response.headers().contains_key("cache-control"), "{path}");
        assert!(response.headers().get_all("vary").iter().any(|vary| vary == "accept-language"), "{path}");
    };
    for path in pages.chain(others.map(str::to_owned)) {
        check(&path, &dashboard.request(&path).send().await.unwrap());
    }
    for (path, body) in [("/", 0), ("/csv/antennas", 0), ("/live/", 0), ("/", 4096)] {
        let url = format!("{}{path}", dashboard.url);
        check(path, &browser().post(url).body(vec![0; body]).send().await.unwrap());
    }
    let away = Dashboard::start(source_at(nobody().await)).await;
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
    assert_eq!(links.len(), 7);
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
