//! What anybody may see: sites under their public names, on a page, on badges and in a feed, and nothing else.

use dashboard_ui::mock::Mock;
use dashboard_ui::settings::AuthSettings;
use dashboard_ui::source::Source;
use futures::future::join_all;
use reqwest::StatusCode;
use shared::UnixMillis;
use shared::api::{Gap, Note, Phase, PipelineRequest, PublicSite, PublicStatus, SiteIncident, SiteState};
use shared::testing::Reservation;

use crate::auth::{header, log_in, passwords, people};
use crate::common::{Analytics, Dashboard, NOW, PAGES, source_at};
use crate::with;

const DAY_MS: i64 = 86_400_000;

/// A name that is markup, a formula and turned around.
const HOSTILE: &str = "<script>alert(1)</script>\"'&=1+1";

const ALL: [&str; 3] = ["/status", "/status/badge.svg?site=Hill", "/status/feed.atom"];

/// Two public sites, one of which has been down for an hour, and what nobody is to see beside them.
fn status() -> PublicStatus {
    let today = NOW.0 - NOW.0.rem_euclid(DAY_MS);
    let site = |name: &str, state, last: f64| PublicSite {
        name: name.to_owned(),
        state,
        daily_availability: (0..90).map(|day| if day < 80 { None } else { Some(last) }).collect(),
        availability: Some(last),
    };
    let incident = SiteIncident {
        site: HOSTILE.to_owned(),
        state: SiteState::Down,
        start: UnixMillis(NOW.0 - 3_600_000),
        end: None,
    };
    PublicStatus {
        days: (0..90).map(|day| UnixMillis(today - (89 - day) * DAY_MS)).collect(),
        sites: vec![site(HOSTILE, SiteState::Down, 0.5), site("Hill", SiteState::Operational, 0.9996)],
        incidents: vec![incident],
        as_of: Some(NOW),
        gaps: vec![Gap { start: UnixMillis(today - DAY_MS), end: UnixMillis(today), reason: "secret-gap".to_owned() }],
        partitions_missing: vec!["secret-stream".to_owned()],
    }
}

async fn analytics() -> Analytics {
    let analytics = Analytics::start().await;
    analytics.make_public(status());
    let note = |site: &str, text: &str| Note {
        id: "secret-id".to_owned(),
        site: site.to_owned(),
        text: text.to_owned(),
        at: UnixMillis(NOW.0 - 60_000),
        until: UnixMillis(NOW.0 + 3_600_000),
        by: "secret-operator".to_owned(),
    };
    analytics.note(note("secret-site", "secret-note"));
    analytics.note(note(HOSTILE, "Crews <b>are</b> there"));
    analytics
}

/// A dashboard with a status page, everything else of which is closed.
async fn public_at(source: Source, base: &str) -> Dashboard {
    let auth = passwords(&people(), &[]);
    Dashboard::start_with_status(source, auth, base.parse().unwrap(), true).await
}

#[tokio::test]
async fn there_is_no_status_page_unless_it_is_turned_on() {
    let analytics = analytics().await;
    let open = Dashboard::start(analytics.source()).await;
    let closed = Dashboard::start_closed(analytics.source(), passwords(&people(), &[]), "".parse().unwrap()).await;
    for path in ALL {
        assert_eq!(open.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(closed.get(path).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(analytics.asked_for_public(), 0);
    let on = Dashboard::start_with_status(analytics.source(), AuthSettings::Off, "".parse().unwrap(), true).await;
    for path in ALL {
        assert_eq!(on.get(path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_status_page_is_open_and_everything_else_stays_closed() {
    let analytics = analytics().await;
    let dashboard = public_at(analytics.source(), "").await;
    for path in ALL {
        let told = dashboard.request(path).send().await.unwrap();
        assert_eq!((told.status(), &*header(&told, "set-cookie")), (StatusCode::OK, ""), "{path}");
        assert_eq!(header(&told, "cache-control"), "public, max-age=30", "{path}");
        assert!(header(&told, "content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
    let others = [
        "/quiet",
        "/audit",
        "/account",
        "/docs",
        "/statuses",
        "/status/",
        "/status/other",
        "/live/status",
        "/csv/status",
    ];
    for path in PAGES.into_iter().chain(others) {
        assert_eq!(dashboard.get(path).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}/status", dashboard.url));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let (_, page) = dashboard.get("/status").await;
    assert!(!page.contains("<script"), "no script is needed");
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(
        links.len() > 6 && links.iter().all(|link| link.starts_with("/status") || link.starts_with("/assets/")),
        "{links:?}"
    );
    for link in links {
        assert_eq!(dashboard.get(&link.replace("&amp;", "&").replace("&#39;", "'")).await.0, StatusCode::OK, "{link}");
    }
    // Who is known sees the same.
    let cookie = log_in(&dashboard, "ana").await;
    let known = dashboard.request("/status").header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    assert_eq!(known, page);
}

#[tokio::test]
async fn nothing_but_public_names_is_told() {
    let analytics = analytics().await;
    analytics.change::<PipelineRequest>(|pipeline| {
        (pipeline.phase, pipeline.reason) = (Phase::BrokerAway, Some("secret-broker refused".to_owned()));
        for partition in &mut pipeline.partitions {
            (partition.stream, partition.owner) = ("secret-partition".to_owned(), Some("secret-owner".to_owned()));
        }
    });
    let dashboard = public_at(analytics.source(), "").await;
    let wrong = [
        "/status?secret-name=1",
        "/status/badge.svg?site=secret-site",
        "/status/badge.svg",
        "/status/feed.atom?window=5m",
    ];
    let texts = async || {
        let mut texts = String::new();
        for path in ALL.into_iter().chain(wrong) {
            for lang in ["en", "es"] {
                let (status, text) = dashboard.get(&with(path, &format!("lang={lang}"))).await;
                assert!(!status.is_success() || ALL.contains(&path), "{path}: {status}");
                texts += &text.replace("secret-name", "");
            }
        }
        texts.to_lowercase()
    };
    for _ in 0..2 {
        let texts = texts().await;
        // The names of antennas, people and streams, what analytics and the broker say, and where they are.
        for word in ["secret", "harbour", "airport", "antenna_stream", "redis", "127.0.0.1", "<script>alert"] {
            assert!(!texts.contains(word), "{word} in {texts}");
        }
        analytics.kill();
        dashboard.advance(60_000);
    }
}

#[tokio::test]
async fn states_days_and_incidents_are_told_in_both_languages() {
    let analytics = analytics().await;
    let dashboard = public_at(analytics.source(), "").await;
    for (lang, words) in [
        (
            "en",
            [
                "There are sites that are down",
                "operational",
                "99.96\u{202f}% available",
                "90 days: 0 with less than 99.9 %, 80 without data",
                "since",
            ],
        ),
        (
            "es",
            [
                "Hay emplazamientos caídos",
                "operativo",
                "99,96\u{202f}% disponible",
                "90 días: 0 con menos del 99,9 %, 80 sin datos",
                "desde",
            ],
        ),
    ] {
        let (status, page) = dashboard.get(&format!("/status?lang={lang}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(&format!("<html lang=\"{lang}\"")), "{page}");
        for word in words {
            assert!(page.contains(word), "{word} in {page}");
        }
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        assert_eq!(
            page.matches("Crews &lt;b&gt;are&lt;/b&gt; there").count(),
            2,
            "beside the site and the incident: {page}"
        );
        let (_, badge) = dashboard.get(&format!("/status/badge.svg?site=Hill&lang={lang}")).await;
        assert!(badge.contains(words[1]) && badge.starts_with("<svg "), "{badge}");
        let (_, feed) = dashboard.get(&format!("/status/feed.atom?lang={lang}")).await;
        assert!(feed.contains(&format!("xml:lang=\"{lang}\"")) && feed.contains("&lt;script&gt;"), "{feed}");
        assert_eq!((feed.matches("<entry>").count(), feed.matches("<script").count()), (1, 0), "{feed}");
    }
    let badge = dashboard.request("/status/badge.svg?site=Hill").send().await.unwrap();
    assert_eq!(header(&badge, "content-type"), "image/svg+xml");
    let feed = dashboard.request("/status/feed.atom").send().await.unwrap();
    assert_eq!(header(&feed, "content-type"), "application/atom+xml; charset=utf-8");
}

#[tokio::test]
async fn many_viewers_are_one_question_to_analytics() {
    let analytics = analytics().await;
    let dashboard = public_at(analytics.source(), "").await;
    for questions in 1..4 {
        let asked = (0..60).map(|viewer| dashboard.get(ALL[viewer % ALL.len()]));
        assert!(join_all(asked).await.iter().all(|(status, _)| *status == StatusCode::OK));
        assert_eq!(analytics.asked_for_public(), questions);
        dashboard.advance(5_000);
    }
}

#[tokio::test]
async fn what_is_not_known_at_present_is_never_operational() {
    let analytics = analytics().await;
    let dashboard = public_at(analytics.source(), "").await;
    assert!(dashboard.get("/status/badge.svg?site=Hill").await.1.contains("operational"));
    analytics.kill();
    dashboard.advance(5_000);
    let (status, page) = dashboard.get("/status").await;
    assert!(status == StatusCode::OK && page.contains("no data") && !page.contains("operational"), "{page}");
    assert!(page.contains("since"), "what was known of incidents stays");
    assert!(dashboard.get("/status/badge.svg?site=Hill").await.1.contains("Hill: no data"));
    let nobody = Reservation::new();
    let never = public_at(source_at(nobody.address()), "").await;
    for (path, status) in [("/status", 503), ("/status/feed.atom", 503), ("/status/badge.svg?site=Hill", 200)] {
        let told = never.request(path).send().await.unwrap();
        assert_eq!(told.status().as_u16(), status, "{path}");
        assert!(!told.text().await.unwrap().contains("operational"), "{path}");
    }
    let built_in = public_at(Source::Mock(Mock::default()), "").await;
    let (status, page) = built_in.get("/status").await;
    assert!(status == StatusCode::OK && page.contains("No site is public"), "{page}");
}

#[tokio::test]
async fn who_has_the_feed_or_a_badge_already_is_told_so() {
    let analytics = analytics().await;
    let dashboard = public_at(analytics.source(), "").await;
    for path in &ALL[1..] {
        let first = dashboard.request(path).send().await.unwrap();
        let etag = header(&first, "etag");
        assert!(etag.starts_with("W/\""), "{etag}");
        dashboard.advance(60_000);
        for held in [etag.clone(), format!("\"other\", {etag}"), "*".to_owned()] {
            let again = dashboard.request(path).header("if-none-match", held).send().await.unwrap();
            assert_eq!((again.status(), header(&again, "etag")), (StatusCode::NOT_MODIFIED, etag.clone()), "{path}");
            assert!(again.text().await.unwrap().is_empty());
        }
        let other = dashboard.request(path).header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(other.status(), StatusCode::OK, "{path}");
    }
    let before = header(&dashboard.request("/status/feed.atom").send().await.unwrap(), "etag");
    let mut over = status();
    over.incidents[0].end = Some(NOW);
    analytics.make_public(over);
    dashboard.advance(5_000);
    let after = header(&dashboard.request("/status/feed.atom").send().await.unwrap(), "etag");
    assert_ne!(before, after);
}

#[tokio::test]
async fn below_a_base_everything_public_is_below_it_too() {
    let analytics = analytics().await;
    let dashboard = public_at(analytics.source(), "/vigia").await;
    let (status, page) = dashboard.get("/vigia/status").await;
    assert_eq!(status, StatusCode::OK);
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.iter().all(|link| link.starts_with("/vigia/")), "{links:?}");
    let (_, feed) = dashboard.get("/vigia/status/feed.atom").await;
    assert!(feed.contains("href=\"/vigia/status\"") && feed.contains("href=\"/vigia/status/feed.atom\""), "{feed}");
}
