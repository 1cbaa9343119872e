//! A token: who does not know it is told nothing, whatever is asked and however.

use analytics::ingest::log::MemoryLog;
use reqwest::{Method, Response};
use shared::api::{ErrorBody, path};
use shared::settings::Token;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::answers::Answering;

const TOKEN: &str = "the-token-of-this-test";

/// Everything that can be asked for: the routes, exports that are streamed, and what there is not.
fn asked() -> Vec<String> {
    let exports = ["csv", "arrow", "parquet"].map(|format| format!("{}?format={format}", path::CELLS));
    let others = ["/", "/metrics?format=prometheus", "/no/such/path", "/livez/", "//livez"];
    let routes = path::ALL.map(|route| route.replace("{id}", "antenna"));
    routes.into_iter().chain(exports).chain(others.map(str::to_owned)).collect()
}

async fn ask(analytics: &Answering, method: Method, path: &str, authorization: &[&str]) -> Response {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", analytics.base));
    for value in authorization {
        request = request.header("authorization", *value);
    }
    request.send().await.expect("an answer")
}

async fn start() -> (Answering, String) {
    let token = Token::new(TOKEN).expect("a good token");
    let header = token.header();
    (Answering::for_who_knows(MemoryLog::default(), Some(token.into())).await, header)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_without_the_token_but_probes() {
    let (analytics, right) = start().await;
    let probes = [path::LIVEZ, path::READYZ, path::HEALTHZ];
    let wrong = ["Bearer the-token-of-this-tesT", "Basic the-token-of-this-test", "Bearer", "the-token-of-this-test"];
    let twice = [right.as_str(), right.as_str()];
    let tries: Vec<&[&str]> = [&[][..], &twice].into_iter().chain(wrong.iter().map(std::slice::from_ref)).collect();
    for path in asked() {
        for authorization in &tries {
            let answer = ask(&analytics, Method::GET, &path, authorization).await;
            if probes.contains(&path.as_str()) {
                assert_ne!(answer.status(), 401, "{path}");
                continue;
            }
            assert_eq!(answer.status(), 401, "{path} {authorization:?}");
            let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
            assert_eq!((header("www-authenticate").as_str(), header("cache-control").as_str()), ("Bearer", "no-store"));
            let text = answer.text().await.expect("a body");
            let body: ErrorBody = serde_json::from_str(&text).expect("the contract's body");
            assert_eq!(body.error.code, "unauthorized", "{path}");
            assert!(!text.contains(TOKEN), "{text}");
        }
        let refused = ask(&analytics, Method::POST, &path, &[]).await.status();
        assert!(refused == 401 || probes.contains(&path.as_str()), "{path}: {refused}");
    }
    analytics.stop().await;
}

/// The answer to a request as it stands here: libraries of clients tidy addresses up before they ask.
async fn ask_raw(analytics: &Answering, line: &str, headers: &str) -> String {
    let host = analytics.base.strip_prefix("http://").expect("an address");
    let mut connection = TcpStream::connect(host).await.expect("a connection");
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_to_write_an_address_leads_past_the_token() {
    let (analytics, right) = start().await;
    let host = analytics.base.clone();
    let status = |answer: &str| answer.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
    let lines = [
        "GET /livez/../metrics",
        "GET /metrics/../livez",
        "GET /livez/%2e%2e/metrics",
        "GET /./metrics",
        "GET /%6civez",
        "GET /%6detrics",
        "GET /livez;/metrics",
        "GET /livez%00",
        "GET /LIVEZ",
        "GET //metrics",
        "HEAD /metrics",
        "OPTIONS /metrics",
        "OPTIONS *",
        "TRACE /metrics",
        "LIVEZ /metrics",
    ];
    let absolute =
        [format!("GET {host}/metrics"), format!("GET {host}/livez/../metrics"), format!("HEAD {host}/metrics")];
    for line in lines.into_iter().chain(absolute.iter().map(String::as_str)) {
        let answer = ask_raw(&analytics, line, "").await;
        assert_eq!(status(&answer), "401", "{line}: {answer}");
        assert_eq!(answer.split_once("\r\n\r\n").expect("a head").1.is_empty(), line.starts_with("HEAD"), "{answer}");
    }
    // It is the token that was missing.
    let authorization = format!("Authorization: {right}\r\n");
    for line in ["HEAD /metrics", &absolute[0]] {
        assert_eq!(status(&ask_raw(&analytics, line, &authorization).await), "200", "{line}");
    }
    for line in ["GET /livez", "HEAD /livez", &format!("GET {host}/livez")] {
        assert_eq!(status(&ask_raw(&analytics, line, "").await), "200", "{line}");
    }
    analytics.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_answered_with_it_as_without_one() {
    let (locked, right) = start().await;
    let open = Answering::start().await;
    for path in asked() {
        let answer = ask(&locked, Method::GET, &path, &[&right]).await;
        assert_eq!(answer.status(), ask(&open, Method::GET, &path, &[]).await.status(), "{path}");
    }
    locked.stop().await;
    open.stop().await;
}
