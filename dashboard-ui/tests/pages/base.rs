//! A dashboard below a base path: every address that it gives is below it, and else nothing is different.

use std::collections::{BTreeSet, VecDeque};

use dashboard_ui::mock::Mock;
use dashboard_ui::query::Base;
use dashboard_ui::settings::AllowedHosts;
use dashboard_ui::source::Source;
use reqwest::StatusCode;

use crate::common::{Dashboard, PAGES};
use crate::{mock, with};

const BASE: &str = "/vigia";

/// Attributes that hold an address.
const ADDRESSES: [&str; 6] = ["href", "src", "action", "data-live", "data-hub", "data-href"];

async fn below() -> Dashboard {
    let base: Base = BASE.parse().unwrap();
    Dashboard::start_at(Source::Mock(Mock::default()), AllowedHosts::default(), base).await
}

/// The addresses in a page, but for those of places within it.
fn addresses(html: &str) -> Vec<String> {
    let of = |attribute: &&str| {
        let before = format!(" {attribute}=\"");
        let values = html.split(&before).skip(1);
        values.filter_map(|rest| rest.split('"').next()).map(|value| value.replace("&amp;", "&")).collect::<Vec<_>>()
    };
    ADDRESSES.iter().flat_map(of).filter(|address| !address.starts_with('#')).collect()
}

/// From the overview, every address of every page is followed, one of each path and set of parameters.
#[tokio::test]
async fn no_address_of_any_page_leads_outside() {
    let dashboard = below().await;
    let mut waiting: VecDeque<String> = [BASE, "/nowhere", "/vigia/?window=nonsense"].map(str::to_owned).into();
    let (mut seen, mut streams) = (BTreeSet::new(), 0);
    while let Some(address) = waiting.pop_front() {
        let (path, query) = address.split_once('?').unwrap_or((&address, ""));
        let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
        if !seen.insert(format!("{path}?{}", names.join("&"))) {
            continue;
        }
        if path.starts_with("/vigia/live") {
            let fragment = dashboard.view(&address).await.fragment().await;
            assert!(addresses(&fragment).iter().all(|address| address.starts_with("/vigia/")), "{address}: {fragment}");
            streams += 1;
            continue;
        }
        let (status, text) = dashboard.get(&address).await;
        assert!(
            address == "/nowhere" || address.contains("nonsense") || status == StatusCode::OK,
            "{address}: {status}"
        );
        if path.starts_with("/vigia/assets") || path.starts_with("/vigia/csv") {
            continue;
        }
        let found = addresses(&text);
        assert!(found.len() > 10, "{address}: {text}");
        for address in found {
            assert!(address.starts_with("/vigia/"), "{address} is outside: {text}");
            // A form leads there with fields, and without an id or a name there is no antenna and no site.
            if address != "/vigia/antenna" && address != "/vigia/site" {
                waiting.push_back(address.split('#').next().unwrap().to_owned());
            }
        }
    }
    assert!(seen.len() > 100 && streams > 10, "{} addresses, {streams} streams", seen.len());
}

/// To the byte, pages are those of a dashboard without a base but for it.
#[tokio::test]
async fn without_the_base_nothing_is_different() {
    let (below, root) = (below().await, mock().await);
    let others = ["/docs", "/docs/api/v1/summary?window=1m", "/report", "/nowhere", "/?window=nonsense"];
    for page in PAGES.into_iter().chain(others).flat_map(|page| [page.to_owned(), with(page, "lang=es")]) {
        let (status, html) = below.get(&format!("{BASE}{page}")).await;
        assert_eq!((status, html.replace("\"/vigia", "\"")), root.get(&page).await, "{page}");
        assert_eq!((status, html), below.get(&page).await, "{page}: a proxy that takes the base away");
    }
    for probe in ["/livez", "/vigia/livez", "/vigia/readyz"] {
        assert_eq!(below.get(probe).await, (StatusCode::OK, "ok".to_owned()));
    }
}

#[tokio::test]
async fn redirects_stay_below_it() {
    let dashboard = below().await;
    let form = "/vigia/antennas?from=2025-11-24T14%3A00&to=2025-11-24T14%3A30";
    let response = dashboard.request(form).send().await.unwrap();
    let to = response.headers()["location"].to_str().unwrap();
    assert!(response.status().is_redirection() && to.starts_with("/vigia/antennas?window=30m"), "{to}");
    assert!(response.headers().get("set-cookie").is_none(), "there are no cookies, so none has a path");
}
