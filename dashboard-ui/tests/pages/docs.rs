//! The pages of the API: what they list, what they answer, and the snippets of the other pages.

use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;
use reqwest::StatusCode;
use shared::api::path;
use shared::settings::Token;
use shared::testing::Reservation;

use crate::common::{Analytics, Dashboard, PAGES, source_at};
use crate::{mock, with};

/// A route's page.
fn page(route: &str) -> String {
    format!("/docs{}", route.replace('{', "%7B").replace('}', "%7D"))
}

#[tokio::test]
async fn every_route_of_the_api_is_listed_and_has_a_page() {
    let dashboard = mock().await;
    let (status, list) = dashboard.get("/docs").await;
    assert_eq!(status, StatusCode::OK);
    for route in path::ALL {
        assert!(list.contains(&format!("href=\"{}\"", page(route))), "{route} is not listed");
        let (status, html) = dashboard.get(&page(route)).await;
        assert_eq!(status, StatusCode::OK, "{route}");
        assert!(html.contains(&format!("curl -s 'http://127.0.0.1:8001{route}'")), "{route}");
    }
    for overview in [dashboard.get("/").await.1, dashboard.get("/nowhere").await.1] {
        assert!(overview.matches("href=\"/docs\"").count() >= 2, "in the menu and in the footer");
    }
}

#[tokio::test]
async fn a_question_is_answered_on_its_page_as_analytics_would() {
    let dashboard = mock().await;
    for (question, status, said) in [
        ("/api/v1/antennas?limit=1&sort=status", 200, "&quot;status&quot;: &quot;down&quot;"),
        ("/api/v1/antennas?limit=1&sort=status&format=csv", 200, "&quot;status&quot;: &quot;down&quot;"),
        ("/api/v1/antennas/{id}?id=harbour-north", 200, "&quot;antenna_id&quot;: &quot;harbour-north&quot;"),
        ("/api/v1/summary?window=&end=", 200, "&quot;seconds&quot;: 300"),
        ("/api/v1/worst?by=beauty", 400, "one of failures, success_rate, latency, availability is needed"),
        ("/api/v1/summary?windwo=5m", 400, "known are window, end"),
        ("/api/v1/summary?window=8d", 400, "refuses this question"),
        ("/api/v1/antennas/{id}?id=nobody", 404, "404 Not Found"),
        ("/api/v1/readings", 200, "To ask, fill in: <code>antenna</code>"),
        ("/api/v1/cells?windwo=5m", 400, "no parameter"),
        ("/api/v1/nothing", 404, "no page at this address"),
    ] {
        let (got, html) = dashboard.get(&page(question)).await;
        let html = html.replace('"', "&quot;");
        assert_eq!(got.as_u16(), status, "{question}");
        assert!(html.contains(said), "{question}: {said}");
    }
    assert_eq!(dashboard.get("/docs?window=5m").await.0, StatusCode::BAD_REQUEST);
    let (_, spanish) = dashboard.get(&format!("{}&lang=es", page("/api/v1/worst?limit=1"))).await;
    assert!(spanish.contains("lang=\"es\"") && spanish.contains("name=\"lang\" value=\"es\""));
    assert!(spanish.contains("href=\"/docs/api/v1/worst?limit=1&amp;lang=en\""), "the other language asks the same");
}

#[tokio::test]
async fn without_analytics_the_api_can_still_be_read() {
    let nobody = Reservation::new();
    let dashboard = Dashboard::start(source_at(nobody.address())).await;
    assert_eq!(dashboard.get("/docs").await.0, StatusCode::OK);
    let (status, html) = dashboard.get("/docs/api/v1/summary").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("Analytics can’t be reached.") && html.contains("<code>success_rate</code>"));
}

#[tokio::test]
async fn every_page_with_figures_has_the_lines_that_load_them() {
    let dashboard = Dashboard::start(Source::Mock(Mock::default())).await;
    for (href, asked) in [
        ("/?window=15m", "/api/v1/series?window=15m&amp;end=watermark&amp;step=15s"),
        ("/antenna?id=quarry", "/api/v1/series?window=5m&amp;end=watermark&amp;step=5s&amp;antenna=quarry"),
        ("/antennas?q=a%26b&status=down", "&amp;q=a%26b&amp;status=down&amp;format=arrow"),
        (
            "/incidents?kind=silent",
            "/api/v1/incidents?window=5m&amp;end=watermark&amp;kind=silent&amp;limit=10000&amp;format=arrow",
        ),
        ("/pipeline", "curl -s 'http://127.0.0.1:8001/api/v1/pipeline/history'"),
    ] {
        let html = dashboard.get(href).await.1;
        assert!(html.contains(asked), "{href} has no {asked}");
    }
    let end = "2025-11-24T14:40:00.000Z";
    let fixed = dashboard.get(&format!("/antennas?end={end}")).await.1;
    assert!(fixed.contains("end=2025-11-24T14%3A40%3A00.000Z"), "a page of a fixed range loads that range");
    for page in PAGES {
        assert_eq!(dashboard.get(page).await.1.matches("id=\"snippets\"").count(), 1, "{page}");
    }
}

/// Where analytics answers only who shows a token, so does what a page shows to be run, and says where it comes from.
#[tokio::test]
async fn what_is_shown_to_be_run_has_the_token_from_the_environment_where_one_is_needed() {
    const TOKEN: &str = "the-token-of-this-test";
    let header = "-H \"Authorization: Bearer $ANALYTICS_TOKEN\" ";
    let python = "environ[\"ANALYTICS_TOKEN\"]";
    let notes = [
        ("lang=en", "reads it from the environment variable <code>ANALYTICS_TOKEN</code>"),
        ("lang=es", "lo lee de la variable de entorno <code>ANALYTICS_TOKEN</code>"),
    ];
    let token = Token::new(TOKEN).unwrap();
    let analytics = Analytics::start().await;
    let open = Dashboard::start(analytics.source()).await;
    let of_api = ["/docs".to_owned(), page(path::SUMMARY), page(path::EVENTS)];
    for page in PAGES.into_iter().chain(of_api.iter().map(String::as_str)) {
        let html = open.get(page).await.1;
        assert!(html.contains("curl -s '") && !html.contains("ANALYTICS_TOKEN"), "{page}: {html}");
    }
    analytics.demand(&token);
    let locked = Dashboard::start(analytics.source_with(token)).await;
    for page in PAGES.into_iter().chain(of_api.iter().map(String::as_str)) {
        for (language, note) in notes {
            let html = locked.get(&with(page, language)).await.1;
            let curls = html.matches("curl -s ").count();
            assert!(curls > 0 && html.matches(&format!("curl -s {header}'")).count() == curls, "{page}: {html}");
            let loads = ["urlopen(", "read_parquet("].map(|load| html.matches(load).count());
            assert_eq!(loads.iter().sum::<usize>(), html.matches(python).count(), "{page}: {html}");
            assert!(html.contains(note) && !html.contains(TOKEN), "{page}: {html}");
        }
    }
}
