//! What pages show in each state of analytics: figures, none yet, old ones, refused ranges, nothing at all.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use dashboard_ui::mock::Mock;
use reference::{EntryId, Reference, Settings, Stages};
use reqwest::StatusCode;
use scenario::Network;
use scenario::network::Arrival;
use shared::api::{
    AntennasRequest, End, IncidentsRequest, Phase, PipelineRequest, ReadingsRequest, RejectedRequest, SummaryRequest,
    WorstRequest, path,
};
use shared::settings::Token;
use shared::testing::Reservation;
use shared::{Reading, UnixMillis};

use crate::common::{Analytics, Dashboard, NOW, PAGES, poll, source_at};
use crate::{before, with};

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
async fn a_standby_is_told_from_an_analytics_that_does_not_answer() {
    let mut pipeline = Mock::default().ask(&PipelineRequest::default(), NOW).unwrap();
    pipeline.phase = Phase::Standby;
    let standby = Router::new().route(path::PIPELINE, get(async move || Json(pipeline)));
    let dashboard = before(standby.fallback(async || StatusCode::SERVICE_UNAVAILABLE)).await;
    for page in PAGES {
        let (status, html) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(
            html.contains("<h1>Analytics is standing by</h1>") && !html.contains("can’t be reached"),
            "{page}: {html}"
        );
    }
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
        ("/incidents?window=1h", ["far-away", "Ongoing", "recovered"]),
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
    let nobody = Reservation::new();
    let dashboard = Dashboard::start(source_at(nobody.address())).await;
    for page in PAGES {
        let (status, away) = dashboard.get(page).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(away.contains("Analytics can’t be reached") && !away.contains("class=\"figures"), "{page}");
        assert!(!away.contains(&nobody.port().to_string()) && !away.to_lowercase().contains("error"), "{page}");
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
    for page in ["/?by=latency", "/antennas", "/antenna?id=airport-west", "/incidents?sort=length"] {
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
    assert_eq!(dashboard.get("/pipeline").await.0, StatusCode::OK, "it is about no range");
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
    for (page, tiles) in [("/", 4), ("/antenna?id=airport-west", 4)] {
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
async fn a_range_longer_than_what_is_kept_leads_to_what_is() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    for (path, href, words) in [
        ("/?by=latency&window=2h", "/?by=latency&amp;window=1h", "Show the 1 h that are kept"),
        ("/antennas?window=7d&lang=es", "/antennas?window=1h&amp;lang=es", "Mostrar lo guardado: 1 h"),
    ] {
        let (status, html) = dashboard.get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(html.contains(&format!("href=\"{href}\" class=\"button\">{words}</a>")), "{html}");
    }
    let (_, html) = dashboard.get("/antennas?window=15m").await;
    assert!(html.contains("All 1 h that are kept"));
}

#[tokio::test]
async fn how_analytics_fares_is_asked_once_for_all_pages_of_a_moment() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
    // Time does not pass. The event connection may be established in between, which counts as a change.
    for page in ["/", "/antennas", "/antenna?id=airport-west", "/incidents", "/?window=15m"] {
        assert_eq!(dashboard.get(page).await.0, StatusCode::OK);
    }
    assert!((1..=2).contains(&analytics.asked_for_pipeline()), "{}", analytics.asked_for_pipeline());
    let before = analytics.asked_for_pipeline();
    assert_eq!(dashboard.get("/pipeline").await.0, StatusCode::OK);
    assert_eq!(analytics.asked_for_pipeline(), before + 1, "its page asks for itself");
    dashboard.advance(1_000);
    dashboard.get("/").await;
    assert_eq!(analytics.asked_for_pipeline(), before + 2);
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

/// An analytics that demands a token is told it; where it is another one, every page says so in one sentence, and what to do.
#[tokio::test]
async fn an_analytics_that_demands_a_token_is_told_it_or_its_refusal_is_shown() {
    let token = Token::new("the-token-of-this-test").unwrap();
    let analytics = Analytics::start().await;
    analytics.demand(&token);
    let dashboard = Dashboard::start(analytics.source_with(token)).await;
    for page in PAGES {
        assert_eq!(dashboard.get(page).await.0, StatusCode::OK, "{page}");
    }
    assert!(dashboard.view("/live/").await.fragment().await.contains("24 antennas"));
    let tried = dashboard.get("/docs/api/v1/summary?window=1m").await;
    assert!(tried.0 == StatusCode::OK && tried.1.contains("packets_sent"), "{tried:?}");

    let other = Token::new("another-token-than-this").unwrap();
    for source in [analytics.source(), analytics.source_with(other)] {
        let dashboard = Dashboard::start(source).await;
        for page in PAGES {
            for (language, sentence) in
                [("en", "Analytics refuses the dashboard"), ("es", "El análisis rechaza al panel")]
            {
                let (status, html) = dashboard.get(&with(page, &format!("lang={language}"))).await;
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
                assert!(html.contains(&format!("<h1>{sentence}</h1>")) && html.contains("ANALYTICS_TOKEN"), "{html}");
                assert!(!html.contains("token-than") && !html.contains("can’t be reached"), "{html}");
            }
        }
        let (status, tried) = dashboard.get("/docs/api/v1/summary?window=1m").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(tried.contains("set ANALYTICS_TOKEN of the dashboard"), "{tried}");
        assert_eq!(dashboard.get("/csv/antennas").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
