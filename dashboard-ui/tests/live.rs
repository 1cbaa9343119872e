//! Live pages over real connections: what they cost analytics, and what happens when it goes away.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod common;

use std::io::Read;
use std::time::{Duration, Instant};

use common::{Analytics, Dashboard, NOW, PAGES, Viewer, browser, poll, within_deadline};
use dashboard_ui::Settings;
use dashboard_ui::mock::Mock;
use dashboard_ui::settings::Origin;
use dashboard_ui::source::Source;
use flate2::read::GzDecoder;
use futures::StreamExt;
use futures::future::join_all;
use shared::UnixMillis;
use shared::api::{PipelineRequest, SummaryRequest};
use shared::server::HttpSettings;
use shared::testing::{Program, built};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_stream_begins_with_the_release_and_a_fragment() {
    let dashboard = Dashboard::start(Source::Mock(Mock::default())).await;
    for address in PAGES {
        let (_, page) = dashboard.get(address).await;
        assert!(page.contains(&format!("data-live=\"/live{address}\"")));
        let mut viewer = dashboard.view(&format!("/live{address}")).await;
        let release = viewer.event().await.replace("event: release\ndata: ", "");
        assert!(page.contains(&format!("data-release=\"{release}\"")));
        let fragment = viewer.fragment().await;
        assert!(fragment.starts_with("<header ") && fragment.contains("<main ") && !fragment.contains("<html"));
        assert!(page.contains(&fragment), "{address}: the page and its first fragment are the same");
    }
}

#[tokio::test]
async fn a_stream_speaks_the_language_of_its_page() {
    let dashboard = Dashboard::start(Source::Mock(Mock::default())).await;
    let spanish = dashboard.request("/live/antennas").header("accept-language", "es").send();
    let mut chunks = spanish.await.unwrap();
    let mut text = String::new();
    within_deadline("a Spanish fragment", async {
        while !text.contains("Última señal") {
            text.push_str(&String::from_utf8_lossy(&chunks.chunk().await.unwrap().unwrap()));
        }
    })
    .await;
    let named = dashboard.view("/live/antennas?lang=es").await.fragment().await;
    assert!(named.contains("Última señal") && !named.contains("Last seen"));
    assert!(dashboard.view("/live/antennas").await.fragment().await.contains("Last seen"));
}

#[tokio::test]
async fn who_takes_gzip_gets_the_same_stream_in_it() {
    let dashboard = Dashboard::start(Source::Mock(Mock::default())).await;
    let mut plain = dashboard.view("/live/").await;
    let (release, fragment) = (plain.event().await, plain.event().await);
    let response = dashboard.request("/live/").header("accept-encoding", "br, gzip").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.headers().get_all("vary").iter().any(|line| line == "accept-encoding"));
    // The stream ends with the dashboard.
    drop(dashboard);
    let packed = within_deadline("the end", response.bytes()).await.unwrap();
    let mut events = String::new();
    GzDecoder::new(&*packed).read_to_string(&mut events).unwrap();
    assert_eq!(events, format!("{release}\n\n{fragment}\n\n"));
    assert!(packed.len() * 4 < events.len(), "{} of {} bytes", packed.len(), events.len());
}

#[tokio::test]
async fn a_change_reaches_each_page() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let mut viewers = join_all(PAGES.map(async |page| dashboard.view(&format!("/live{page}")).await)).await;
    poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
    analytics.announce_change(|summary| summary.as_of = Some(UnixMillis(NOW.0 + 7_000)));
    for viewer in &mut viewers {
        viewer.fragment_with(">14:47:12<").await;
    }
    assert_eq!(analytics.subscriptions(), 1, "five pages, one subscription");
}

#[tokio::test]
async fn a_page_of_the_first_release_learns_of_this_one() {
    let dashboard = Dashboard::start(Source::Mock(Mock::default())).await;
    let (_, page) = dashboard.get("/").await;
    let release = dashboard.view("/live").await.event().await.replace("event: release\ndata: ", "");
    assert!(page.contains(&format!("data-release=\"{release}\"")));
}

#[tokio::test]
async fn many_viewers_cost_one_subscription_and_share_each_load() {
    for page in PAGES {
        let path = format!("/live{page}");
        let analytics = Analytics::start().await;
        let dashboard = Dashboard::start(analytics.source()).await;
        let merged = |seconds: i64| {
            analytics.announce_change(move |summary| summary.as_of = Some(UnixMillis(NOW.0 + seconds * 1000)));
        };
        let mut viewers = vec![dashboard.view(&path).await];
        poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
        merged(1);
        viewers[0].fragment_with(">14:47:06<").await;

        viewers.extend(join_all((0..49).map(|_| dashboard.view(&path))).await);
        join_all(viewers[1..].iter_mut().map(|viewer| viewer.fragment_with(">14:47:06<"))).await;
        let loads = analytics.loads();
        merged(2);
        join_all(viewers.iter_mut().map(|viewer| viewer.fragment_with(">14:47:07<"))).await;
        let loads = analytics.loads() - loads;
        // If a change is announced after its figures were loaded, it costs a second load.
        assert!((1..=2).contains(&loads), "{loads} loads for fifty viewers of {page}");
        assert_eq!(analytics.subscriptions(), 1, "fifty viewers, one subscription");

        let other = if page.contains('?') { format!("{path}&window=15m") } else { format!("{path}?window=15m") };
        dashboard.view(&other).await.fragment_with(">14:47:07<").await;
        assert_eq!(analytics.subscriptions(), 1);
    }
}

#[tokio::test]
async fn who_comes_later_sees_the_present_first() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let mut first = dashboard.view("/live/").await;
    poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
    analytics.announce(111.1);
    first.fragment_with("111.1").await;
    drop(first);
    // Nobody watches this change; the room, if it still exists, holds an older fragment.
    analytics.announce(222.2);
    poll("the change", || async { dashboard.get("/").await.1.contains("222.2").then_some(()) }).await;
    let fragment = dashboard.view("/live/").await.fragment().await;
    assert!(fragment.contains(">222.2<") && !fragment.contains(">111.1<"));
}

#[tokio::test]
async fn a_stream_survives_the_death_of_analytics() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let mut viewer = dashboard.view("/live/").await;
    poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
    analytics.announce(111.1);
    viewer.fragment_with("111.1").await;

    analytics.kill();
    let away = viewer.fragment_with("Analytics can’t be reached").await;
    assert!(away.contains("111.1") && away.contains("was so at <time"), "the last figures stay, marked as such");

    analytics.restart().await;
    poll("the next subscription", || async { (analytics.subscriptions() == 2).then_some(()) }).await;
    analytics.announce(222.2);
    let back = viewer.fragment_with("222.2").await;
    assert!(!back.contains("can’t be reached"));
}

#[tokio::test]
async fn every_page_survives_the_death_of_analytics() {
    let analytics = Analytics::start().await;
    let dashboard = Dashboard::start(analytics.source()).await;
    let mut viewers = join_all(PAGES.map(async |page| dashboard.view(&format!("/live{page}")).await)).await;
    poll("the subscription", || async { (analytics.subscriptions() == 1).then_some(()) }).await;
    for viewer in &mut viewers {
        viewer.fragment_with("freshness is-live").await;
    }
    analytics.kill();
    for viewer in &mut viewers {
        let away = viewer.fragment_with("freshness is-away").await;
        assert!(away.contains("figures is-old"), "the last figures stay, marked as such");
    }
    analytics.restart().await;
    for viewer in &mut viewers {
        assert!(!viewer.fragment_with("freshness is-live").await.contains("is-old"));
    }
}

#[tokio::test]
async fn a_stream_that_began_without_analytics_finds_it() {
    let analytics = Analytics::start().await;
    analytics.kill();
    let dashboard = Dashboard::start(analytics.source()).await;
    let mut viewer = dashboard.view("/live/").await;
    assert!(!viewer.fragment_with("Analytics can’t be reached").await.contains("Mean latency"));
    analytics.restart().await;
    viewer.fragment_with("Mean latency").await;
}

#[tokio::test]
async fn figures_become_stale_while_one_looks_on() {
    let analytics = Analytics::start().await;
    // One whose clock does not go along with the dashboard's here, and so is not told.
    analytics.change::<PipelineRequest>(|pipeline| pipeline.now = None);
    let dashboard = Dashboard::start(analytics.source()).await;
    let mut viewer = dashboard.view("/live/").await;
    viewer.fragment_with("is-live").await;
    dashboard.advance(250_000);
    viewer.fragment_with("Stale: newest data is 4 min old").await;
    analytics.change::<SummaryRequest>(|summary| summary.as_of = Some(UnixMillis(NOW.0 + 250_000)));
    analytics.announce(111.1);
    assert!(viewer.fragment_with("111.1").await.contains("is-live"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_comes_whole_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let settings = Settings::new(Origin::BuiltIn { antennas: 24 });
    tokio::spawn(dashboard_ui::serve(settings, listener, shutdown.clone()));
    // Half a request head, nothing at all, and a connection kept alive after a response.
    for sent in ["GET / HTTP/1.1\r\nHost: loc", "", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(sent.as_bytes()).await.unwrap();
        // The end comes because the paused clock advances while every task waits.
        let mut answer = Vec::new();
        within_deadline("the end", socket.read_to_end(&mut answer)).await.unwrap();
        let status = String::from_utf8_lossy(&answer).lines().next().map(str::to_owned);
        assert!(status.is_none_or(|line| line.contains(" 200 ") == sent.contains("livez")), "{sent}");
    }
}

#[tokio::test]
async fn open_streams_do_not_hold_up_the_shutdown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let settings = Settings::new(Origin::BuiltIn { antennas: 24 });
    let server = tokio::spawn(dashboard_ui::serve(settings, listener, shutdown.clone()));
    let mut stream = browser().get(format!("{url}/live/")).send().await.unwrap();
    stream.chunk().await.unwrap();
    let asked = Instant::now();
    shutdown.cancel();
    within_deadline("the end", server).await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5));
}

/// A dashboard behind a proxy: opens the live page of a number for a client of which the proxy tells.
async fn behind_a_proxy() -> impl AsyncFn(usize, &str) -> reqwest::Response {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let http = HttpSettings { trusted_proxies: "127.0.0.1".parse().unwrap(), ..HttpSettings::default() };
    let settings = Settings { http, ..Settings::new(Origin::BuiltIn { antennas: 24 }) };
    tokio::spawn(dashboard_ui::serve(settings, listener, CancellationToken::new()));
    async move |page, client| {
        let request = browser().get(format!("{url}/live/incidents?q={page}")).header("x-forwarded-for", client);
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn one_client_does_not_take_all_live_rooms() {
    let view = behind_a_proxy().await;
    let greedy = "2001:db8::1";
    let mut viewers = join_all((0..64).map(|n| view(n, greedy))).await;
    assert!(viewers.iter().all(|viewer| viewer.status().is_success()));
    assert_eq!(view(64, "2001:db8::ffff").await.status(), 503, "it is the same client");
    viewers.push(view(0, greedy).await);
    viewers.push(view(64, "2001:db8:0:1::1").await);
    viewers.push(view(64, greedy).await);
    assert!(viewers.iter().all(|viewer| viewer.status().is_success()), "rooms of others, and others' rooms, are free");
}

/// Whoever has a network of IPv6 has hundreds or thousands of clients, each of which opens one page.
#[tokio::test]
async fn a_network_of_ipv6_does_not_take_all_live_rooms_nor_those_kept_for_others() {
    let view = behind_a_proxy().await;
    let (mut held, mut page) = (Vec::new(), 0);
    for (network, rooms) in [
        ("2001:db8:1:00", 96),
        ("2001:db8:1:01", 32),
        ("2001:db8:1:02", 0),
        ("2001:db8:2:00", 96),
        ("2001:db8:2:01", 32),
        // All are taken; some are left for those who have few.
        ("2001:db8:3:00", 8),
        ("2001:db8:3:01", 8),
        ("2001:db8:3:02", 0),
    ] {
        let clients: Vec<String> = (0..100).map(|client| format!("{network}{client:02x}::1")).collect();
        let mut opened = 0;
        for client in &clients {
            page += 1;
            let viewer = view(page, client).await;
            opened += usize::from(viewer.status().is_success());
            held.push(viewer);
        }
        assert_eq!(opened, rooms, "{network}");
    }
    for client in ["198.51.100.1", "2001:db8:4::1"] {
        for _ in 0..4 {
            page += 1;
            held.push(view(page, client).await);
            assert!(held.last().unwrap().status().is_success(), "{client}");
        }
    }
}

#[tokio::test]
async fn queries_without_end_are_refused_at_some_point() {
    let dashboard = Dashboard::start(Source::Mock(Mock::default())).await;
    let viewers = join_all((0..256).map(|n| dashboard.request(&format!("/live/incidents?q={n}")).send())).await;
    assert!(viewers.iter().all(|viewer| viewer.as_ref().unwrap().status().is_success()));
    let refused = dashboard.request("/live/").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "30"));
}

/// The real program, and clients with addresses of their own: one takes what it may and is refused more, four take all there is, and
/// another still gets its pages and what changes on them.
#[tokio::test]
async fn whoever_has_few_live_rooms_gets_one_where_others_have_taken_all() {
    let variables = [("BIND", "127.0.0.1:0"), ("MOCK", "true")];
    let mut program = Program::start(built("dashboard").envs(variables));
    let url = format!("http://{}", program.address("dashboard"));
    let client = |number: u8| {
        let address = std::net::IpAddr::from([127, 0, 0, number]);
        reqwest::Client::builder().no_proxy().local_address(address).build().unwrap()
    };
    let view = async |http: &reqwest::Client, page: usize| {
        http.get(format!("{url}/live/incidents?q={page}")).send().await.unwrap()
    };
    let mut held = Vec::new();
    for greedy in 0..4_usize {
        let http = client(2 + u8::try_from(greedy).unwrap());
        held.extend(join_all((0..64).map(|page| view(&http, 64 * greedy + page))).await);
        assert_eq!(view(&http, 1_000 + greedy).await.status(), 503, "it has what it may");
    }
    assert!(held.iter().all(|viewer| viewer.status().is_success()));
    let other = client(9);
    for page in 0..4 {
        held.push(view(&other, 2_000 + page).await);
    }
    assert!(held.iter().all(|viewer| viewer.status().is_success()));
    assert_eq!(view(&other, 3_000).await.status(), 503, "of what is left for those that have few");
    let last = held.pop().unwrap();
    let chunks = last.bytes_stream().map(|chunk| chunk.unwrap().to_vec());
    let mut viewer = Viewer::of(Box::pin(chunks));
    let first = viewer.fragment().await;
    assert_ne!(viewer.fragment().await, first, "it is live");
    drop(held);
}
