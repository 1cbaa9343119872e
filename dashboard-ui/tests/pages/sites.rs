//! Sites and the map: their pages, and what links lead there.

use reqwest::StatusCode;
use shared::api::{AntennasRequest, MapRequest, SitesRequest};

use crate::common::{Analytics, Dashboard};
use crate::mock;

/// Markup, quotes, and letters that turn the direction of what follows.
const HOSTILE: &str = "<script>alert(1)</script>\"'\u{202e}gpj";

#[tokio::test]
async fn a_site_has_a_page_with_its_antennas_and_what_lasts_there() {
    let dashboard = mock().await;
    let (status, sites) = dashboard.get("/sites").await;
    assert_eq!(status, StatusCode::OK);
    assert!(sites.contains("5 sites") && sites.contains("href=\"/site?name=harbour\""), "{sites}");
    let (status, site) = dashboard.get("/site?name=harbour&window=15m").await;
    assert_eq!(status, StatusCode::OK);
    for text in ["1 of 5 antennas down", "Mean latency", "Ongoing incidents", "harbour-north", "lighthouse"] {
        assert!(site.contains(text), "{text}");
    }
    assert!(!site.contains("canal-street"), "that is elsewhere");
    for href in ["/incidents?site=harbour&amp;window=15m", "/site?status=down&amp;name=harbour&amp;window=15m"] {
        assert!(site.contains(&format!("href=\"{href}\"")), "{href}: {site}");
        assert_eq!(dashboard.get(&href.replace("&amp;", "&")).await.0, StatusCode::OK, "{href}");
    }
    let down = dashboard.get("/site?name=harbour&status=down").await.1;
    let list = down.split("id=\"fleet\"").nth(1).and_then(|rest| rest.split("</section>").next()).unwrap();
    assert!(list.contains("harbour-north") && !list.contains("lighthouse"), "{list}");
    for page in ["/antennas?q=lighthouse", "/antenna?id=lighthouse"] {
        assert!(dashboard.get(page).await.1.contains("href=\"/site?name=harbour\""), "{page}");
    }
}

#[tokio::test]
async fn a_site_that_nobody_is_at_is_not_found_and_named() {
    let analytics = Analytics::start().await;
    for dashboard in [mock().await, Dashboard::start(analytics.source()).await] {
        let (status, html) = dashboard.get("/site?name=%3Ci%3Enowhere").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(html.contains("<h1>This site is not known</h1>") && html.contains("&lt;i&gt;nowhere"), "{html}");
        assert!(html.contains("href=\"/sites\""), "where those are that are known");
        assert_eq!(dashboard.get("/csv/site?name=nowhere").await.0, StatusCode::NOT_FOUND);
    }
}

/// An analytics of the original contract has neither sites nor a parameter for them.
#[tokio::test]
async fn without_sites_pages_say_so_and_offer_none() {
    let analytics = Analytics::start().await;
    analytics.become_original();
    let dashboard = Dashboard::start(analytics.source()).await;
    let (status, html) = dashboard.get("/sites").await;
    assert!(status == StatusCode::OK && html.contains("This analytics knows of no sites."), "{html}");
    assert_eq!(dashboard.get("/csv/sites").await.0, StatusCode::NOT_FOUND);
    let analytics = Analytics::start().await;
    analytics.change::<SitesRequest>(|page| (page.total, page.sites) = (0, Vec::new()));
    analytics.change::<AntennasRequest>(|page| page.antennas.iter_mut().for_each(|row| row.about.site = None));
    let dashboard = Dashboard::start(analytics.source()).await;
    assert!(dashboard.get("/sites").await.1.contains("Of no antenna is it said where it is"));
    for page in ["/incidents", "/antennas"] {
        let html = dashboard.get(page).await.1;
        assert!(!html.contains("name=\"site\"") && !html.contains("href=\"/sites\""), "{page}");
    }
    assert!(dashboard.get("/incidents?site=north").await.1.contains("name=\"site\""), "what narrows is shown");
}

#[tokio::test]
async fn incidents_are_narrowed_to_a_site_and_a_label() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let all = dashboard.get("/incidents?window=1h").await.1;
    assert!(all.contains("name=\"site\"") && all.contains("name=\"label\""));
    let harbour = dashboard.get("/incidents?window=1h&site=harbour").await.1;
    assert!(harbour.contains("harbour-north") && !harbour.contains("cathedral"), "{harbour}");
    assert!(dashboard.get("/incidents?label=ring:2").await.1.contains("No incident matches."));
}

#[tokio::test]
async fn whatever_a_site_is_called_it_is_text() {
    let analytics = Analytics::start().await;
    analytics.change::<SitesRequest>(|page| {
        page.sites.iter_mut().take(1).for_each(|row| row.site = HOSTILE.to_owned());
    });
    analytics.change::<AntennasRequest>(|page| {
        page.antennas.iter_mut().for_each(|row| row.about.site = Some(HOSTILE.to_owned()));
    });
    let dashboard = Dashboard::start(analytics.source()).await;
    let address = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect::<String>();
    for page in ["/sites", "/antennas", "/antenna?id=lighthouse", &format!("/site?name={address}")] {
        let html = dashboard.get(page).await.1;
        assert!(!html.contains("<script>alert"), "{page}");
        assert!(html.contains("<bdi") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}: {html}");
        assert!(html.contains(&format!("/site?name={address}")), "{page}");
        let title = html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap();
        assert!(!title.contains('\u{202e}'), "{page}: {title}");
    }
    let (_, csv) = dashboard.get("/csv/sites").await;
    assert!(csv.contains("\"<script>alert(1)</script>\"\"'"), "{csv}");
}

#[tokio::test]
async fn the_map_has_a_mark_and_a_row_for_each_antenna_and_links_that_lead_around() {
    let dashboard = mock().await;
    let (status, html) = dashboard.get("/map?window=15m").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("24 antennas, 1 without a position"), "{html}");
    assert_eq!(html.matches("class=\"spot status-").count(), 23, "{html}");
    for id in ["harbour-north", "lighthouse"] {
        let href = format!("href=\"/antenna?id={id}&amp;window=15m\"");
        assert_eq!(html.matches(&href).count(), 2, "a mark and a row of {id}");
    }
    assert!(html.contains("aria-label=\"harbour-north: Down\"") && html.contains("aria-label=\"Closer\""));
    let mut hrefs = html.split("href=\"").filter_map(|rest| rest.split('"').next());
    let closer = hrefs.find(|href| href.starts_with("/map?box=")).unwrap().replace("&amp;", "&");
    let there = dashboard.get(closer.split('#').next().unwrap()).await;
    assert!(there.0 == StatusCode::OK && there.1.contains("beyond the edges"), "{closer}");
    let down = dashboard.get("/map?status=down").await.1;
    assert_eq!(down.matches("class=\"spot status-").count(), 1);
    assert!(!html.contains(" style="), "nothing is inline");
    assert_eq!(dashboard.get("/map?box=1,2,3").await.0, StatusCode::BAD_REQUEST);
    let csv = dashboard.get("/csv/map?status=down").await.1;
    assert!(csv.starts_with("antenna_id,name,site,status,latitude,") && csv.contains("\nharbour-north,,harbour,down,"));
}

#[tokio::test]
async fn whatever_is_said_of_an_antenna_is_text_on_the_map() {
    let analytics = Analytics::start().await;
    analytics.change::<MapRequest>(|map| {
        let first = map.marks.first_mut().unwrap();
        first.antenna_id = Some(format!("id{HOSTILE}"));
        (first.name, first.site) = (Some(HOSTILE.to_owned()), Some(HOSTILE.to_owned()));
    });
    let dashboard = Dashboard::start(analytics.source()).await;
    let html = dashboard.get("/map").await.1;
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(html.contains("<bdi>id&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    let spoken = html.split("aria-label=\"id&lt;").nth(1).and_then(|rest| rest.split("href").next()).unwrap();
    assert!(!spoken.contains('\u{202e}'), "{spoken}");
}

#[tokio::test]
async fn without_positions_the_map_says_so() {
    let analytics = Analytics::start().await;
    analytics.become_original();
    let dashboard = Dashboard::start(analytics.source()).await;
    let (status, html) = dashboard.get("/map").await;
    assert!(status == StatusCode::OK && html.contains("Of no antenna that matches is it said where it stands"));
    assert_eq!(dashboard.get("/csv/map").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn antennas_and_the_heat_map_are_grouped_by_site() {
    let dashboard = mock().await;
    let (status, html) = dashboard.get("/antennas?group=site&sort=latency").await;
    assert_eq!(status, StatusCode::OK);
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("no {text}: {html}"));
    let heads = ["centre", "east", "harbour", "hills", "west"].map(|name| at(&format!("href=\"/site?name={name}\"")));
    assert!(heads.is_sorted(), "{heads:?}");
    let rows =
        ["hospital", "stadium", "lighthouse", "ridge-7", "old-mill"].map(|id| at(&format!("/antenna?id={id}\"")));
    for (at, row) in rows.into_iter().enumerate() {
        assert!(heads[at] < row && heads.get(at + 1).is_none_or(|next| row < *next), "{at}");
    }
    assert_eq!(html.matches("scope=\"rowgroup\"").count(), 5);
    assert!(dashboard.get("/antennas").await.1.contains("href=\"/antennas?group=site\""));

    let (status, html) = dashboard.get("/?group=site&window=15m").await;
    assert_eq!(status, StatusCode::OK);
    let labels = html.split("class=\"map-labels\"").nth(1).and_then(|rest| rest.split("</ol>").next()).unwrap();
    assert_eq!(labels.matches("<li").count(), 5, "{labels}");
    let first = labels.find("/site?name=").map(|at| &labels[at..]).unwrap();
    assert!(first.starts_with("/site?name=harbour&amp;window=15m"), "the worst first: {labels}");
    let plain = dashboard.get("/?window=15m").await.1;
    assert!(plain.contains("href=\"/?group=site&amp;window=15m#heatmap\""));
    assert_eq!(dashboard.get("/antennas?group=label").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn antennas_at_no_site_are_a_group_of_their_own() {
    let analytics = Analytics::start().await;
    analytics.change::<AntennasRequest>(|page| {
        page.antennas.iter_mut().skip(22).for_each(|row| row.about.site = None);
    });
    let html = Dashboard::start(analytics.source()).await.get("/antennas?group=site").await.1;
    assert!(html.contains("At no site"), "{html}");
}
