//! CSV files.

use axum::Router;
use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;
use reqwest::StatusCode;
use shared::testing::Reservation;

use crate::before;
use crate::common::{Dashboard, PAGES, source_at};

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
        ("/csv/sites", "sites", 8),
        ("/csv/map", "map", 117),
        ("/csv/site?name=harbour&page=2", "site", 5),
        ("/csv/pipeline", "pipeline", 151),
    ] {
        let (disposition, text) = file(path).await;
        assert_eq!(disposition, format!("attachment; filename=\"vigia-{name}.csv\""), "{path}");
        assert_eq!(text.lines().count(), rows + 1, "{path}");
    }
    let commas = file("/csv/antennas?q=harbour&decimal=comma").await.1;
    assert!(commas.starts_with("\u{feff}antenna_id;status;readings;"), "{commas}");
    for list in ["/incidents?window=1h", "/incidents?state=open", "/incidents?kind=silent&q=mill&window=1h"] {
        let (disposition, incidents) = file(&format!("/csv{list}")).await;
        assert_eq!(disposition, "attachment; filename=\"vigia-incidents.csv\"");
        let found = format!(">{} incident", incidents.lines().count() - 1);
        assert!(dashboard.get(list).await.1.contains(&found), "{list}: {found}");
    }
    assert!(file("/csv/incidents?window=1h").await.1.lines().count() > 51, "more than a page has");
    assert!(
        file("/csv/antennas?sort=antenna_id&order=desc").await.1.lines().nth(1).unwrap().starts_with("water-tower,")
    );
}

#[tokio::test]
async fn a_file_that_analytics_cannot_fill_is_none() {
    let nobody = Reservation::new();
    let dashboard = Dashboard::start(source_at(nobody.address())).await;
    for page in PAGES {
        let response = dashboard.request(&format!("/csv{page}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(!response.headers().contains_key("content-disposition"));
    }
    let dashboard = before(Router::new().fallback(async || StatusCode::BAD_REQUEST)).await;
    assert_eq!(dashboard.get("/csv/?window=7d").await.0, StatusCode::BAD_REQUEST);
}
