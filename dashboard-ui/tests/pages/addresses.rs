//! Addresses: invalid ones, unknown ones, the form of a range, and languages.

use dashboard_ui::language::Language;
use reqwest::StatusCode;

use crate::common::{Analytics, Dashboard, PAGES};
use crate::{mock, with};

#[tokio::test]
async fn bad_parameters_are_answered_in_words() {
    let dashboard = mock().await;
    for (path, english, spanish) in [
        ("/?window=abc", "5m, 24h or 7d", "5m, 24h o 7d"),
        ("/?window=", "5m, 24h or 7d", "5m, 24h o 7d"),
        ("/?by=name", "success_rate", "success_rate"),
        ("/?window=5m&window=5m", "given twice", "está repetido"),
        ("/?window=%ff", "5m, 24h or 7d", "5m, 24h o 7d"),
        ("/live/?window=11y", "5m, 24h or 7d", "5m, 24h o 7d"),
        ("/?end=soon", "or latest", "o latest"),
        ("/?from=now&to=then", "or latest", "o latest"),
        ("/?compare=month", "(compare) is previous or week", "(compare) es previous o week"),
        ("/antennas?sort=luck", "(sort)", "(sort)"),
        ("/antennas?status=well", "healthy and unseen", "healthy o unseen"),
        ("/antennas?label=ring", "written key:value", "clave:valor"),
        ("/antennas?page=0", "number from 1", "número desde 1"),
        ("/csv/antennas?order=up", "asc or desc", "asc o desc"),
        ("/csv/antennas?decimal=dot", "a point or a comma", "point o comma"),
        ("/incidents?kind=odd", "(kind)", "(kind)"),
        ("/incidents?state=shut", "open or all", "open o all"),
        ("/incidents?scope=all", "range or kept", "range o kept"),
        ("/incidents?sort=latency", "newest, severity or length", "newest, severity o length"),
        ("/antenna", "1 to 253 bytes", "1 a 253 bytes"),
        ("/live/antenna?id=", "1 to 253 bytes", "1 a 253 bytes"),
        ("/csv/pipeline?window=1s", "5m, 24h or 7d", "5m, 24h o 7d"),
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
}

/// A misspelt parameter would otherwise show another range or list than the one asked for.
#[tokio::test]
async fn a_parameter_that_a_page_does_not_have_is_named() {
    let dashboard = mock().await;
    let pages = PAGES.map(|page| format!("{page}{}windwo=1m", if page.contains('?') { '&' } else { '?' }));
    let with_fragments = pages.iter().flat_map(|page| [page.clone(), format!("/live{page}"), format!("/csv{page}")]);
    let others = ["/livez", "/readyz", "/healthz", "/assets/app.css"].map(|path| format!("{path}?windwo=1m"));
    for path in with_fragments.chain(others) {
        let (status, html) = dashboard.get(&path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(html.contains("This page has no parameter \"windwo\""), "{path}: {html}");
    }
    for path in ["/?sort=latency", "/antennas?by=latency", "/antenna?id=quarry&q=a", "/incidents?status=down"] {
        assert_eq!(dashboard.get(path).await.0, StatusCode::BAD_REQUEST, "{path}: it belongs to another page");
    }
    let hostile = dashboard.get("/?%3Cscript%3E=1").await.1;
    assert!(hostile.contains("&lt;script&gt;") && !hostile.contains("\"<script>"), "{hostile}");
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
        let incidents = "/incidents?q=%3Ci%3Enowhere&amp;scope=kept";
        assert!(html.contains(&format!("href=\"{incidents}\"")), "what is known of it");
        assert_eq!(dashboard.get(&incidents.replace("&amp;", "&")).await.0, StatusCode::OK);
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

#[test]
fn a_browser_gets_the_language_that_it_prefers_of_those_there_are() {
    for (header, language) in [
        (None, Language::English),
        (Some(""), Language::English),
        (Some("de, fr;q=0.8"), Language::English),
        (Some("es"), Language::Spanish),
        (Some("es-MX,es;q=0.9,en;q=0.8"), Language::Spanish),
        (Some("ES-ar"), Language::Spanish),
        (Some("en-GB, es;q=0.9"), Language::English),
        (Some("en;q=0.3, es;q=0.7"), Language::Spanish),
        (Some("es;q=0, en;q=0.1"), Language::English),
        (Some("de, es;q=0.5, en;q=0.5"), Language::Spanish),
        (Some("es;q=x, *"), Language::English),
    ] {
        assert_eq!(Language::preferred(header), language, "{header:?}");
    }
}

#[test]
fn codes_lead_back_to_their_language() {
    for language in Language::ALL {
        assert_eq!(Language::from_code(language.code()), Some(language));
    }
    assert_eq!(Language::from_code("EN"), None);
}
