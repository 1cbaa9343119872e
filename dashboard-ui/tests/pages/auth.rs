//! Who may see the page: logging in and out, sessions, forms, and what proxies tell.

use std::io::Write as _;
use std::process::{Command, Stdio};

use clap::Parser;
use dashboard_ui::mock::Mock;
use dashboard_ui::query::Base;
use dashboard_ui::settings::AuthSettings;
use dashboard_ui::source::Source;
use reqwest::StatusCode;
use tempfile::NamedTempFile;

use crate::common::{Dashboard, PAGES, poll};
use crate::{mock, with};

const SECRET: &str = "a secret of the tests, which is long enough";
const PASSWORD: &str = "correct horse";

/// Of the password, by the smallest parameters that there are: tests log in often.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$fYTZiAczuKw3N+pd/g/J3g$v1Dw2NIxUKaVFP4yRL7HssVKLZbSb0gQFzOZ7sEdRQg";

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    auth: AuthSettings,
}

fn parse(flags: &[&str]) -> Result<AuthSettings, String> {
    let program = Program::try_parse_from(std::iter::once("dashboard").chain(flags.iter().copied()));
    program.map(|program| program.auth).map_err(|error| error.to_string())
}

/// Ana is an operator, and Bea a viewer.
pub(crate) fn people() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("# people\nana:operator:{HASH}\nbea:viewer:{HASH}\n")).unwrap();
    file
}

pub(crate) fn passwords(file: &NamedTempFile, more: &[&str]) -> AuthSettings {
    let path = file.path().to_str().unwrap();
    let flags = [&["--auth", "basic", "--auth-users-file", path, "--auth-secret", SECRET], more].concat();
    parse(&flags).unwrap()
}

/// One that asks a source.
pub(crate) async fn closed_by(auth: AuthSettings, source: Source) -> Dashboard {
    Dashboard::start_closed(source, auth, Base::default()).await
}

async fn closed_at(auth: AuthSettings, base: &str) -> Dashboard {
    Dashboard::start_closed(Source::Mock(Mock::default()), auth, base.parse().unwrap()).await
}

async fn closed() -> Dashboard {
    closed_at(passwords(&people(), &[]), "").await
}

pub(crate) fn header(response: &reqwest::Response, name: &str) -> String {
    response.headers().get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// What the form to log in leads to.
async fn try_in(dashboard: &Dashboard, name: &str, password: &str) -> reqwest::Response {
    dashboard.form("/login", &[("name", name), ("password", password), ("to", "/antennas")]).send().await.unwrap()
}

/// The cookie of somebody's session.
pub(crate) async fn log_in(dashboard: &Dashboard, name: &str) -> String {
    let response = try_in(dashboard, name, PASSWORD).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    header(&response, "set-cookie").split(';').next().unwrap().to_owned()
}

/// The token in a page.
pub(crate) async fn token(dashboard: &Dashboard, path: &str, cookie: &str) -> String {
    let page = dashboard.request(path).header("cookie", cookie).send().await.unwrap().text().await.unwrap();
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no token in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_is_shown_without_a_login_but_its_form_assets_and_probes() {
    let dashboard = closed().await;
    let pages = PAGES.iter().flat_map(|page| [(*page).to_owned(), format!("/live{page}"), format!("/csv{page}")]);
    let others = ["/live", "/docs", "/docs/api/v1/summary", "/report", "/nowhere", "/account", "/antenna?id=nobody"];
    for path in pages.chain(others.map(str::to_owned)) {
        let told = dashboard.request(&path).send().await.unwrap();
        assert_eq!((told.status(), &*header(&told, "cache-control")), (StatusCode::UNAUTHORIZED, "no-store"), "{path}");
        assert!(header(&told, "www-authenticate").starts_with("Cookie "), "{path}");
        assert_eq!(told.text().await.unwrap(), "log in first\n", "{path}");
        let led = dashboard.request(&path).header("accept", "text/html,*/*;q=0.8").send().await.unwrap();
        let to = header(&led, "location");
        assert!(led.status() == StatusCode::SEE_OTHER && to.starts_with("/login"), "{path}: {to}");
        let (status, form) = dashboard.get(&to).await;
        assert!(
            status == StatusCode::OK && form.contains(&format!("value=\"{}\"", path.replace('&', "&amp;"))),
            "{path}: {form}"
        );
    }
    for (method, path) in [("POST", "/"), ("POST", "/logout"), ("DELETE", "/antennas"), ("HEAD", "/")] {
        let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", dashboard.url));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    for path in ["/login", "/assets/app.css", "/livez", "/readyz", "/healthz"] {
        assert_eq!(dashboard.get(path).await.0, StatusCode::OK, "{path}");
    }
    assert_eq!(dashboard.get("/login?window=1m").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_logs_in_sees_every_page_and_is_led_to_the_one_that_was_asked_for() {
    let dashboard = closed().await;
    let entered = try_in(&dashboard, "ana", PASSWORD).await;
    let cookie = header(&entered, "set-cookie");
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax", "Secure"], "{cookie}");
    let (next, session) = (header(&entered, "location"), cookie.split(';').next().unwrap());
    let forgetful = dashboard.request(&next).send().await.unwrap().text().await.unwrap();
    assert!(forgetful.contains("did not keep the session’s cookie"), "{forgetful}");
    let led = dashboard.request(&next).header("cookie", session).send().await.unwrap();
    assert_eq!((led.status(), &*header(&led, "location")), (StatusCode::SEE_OTHER, "/antennas"));
    for page in PAGES.iter().flat_map(|page| [(*page).to_owned(), format!("/csv{page}"), with(page, "lang=es")]) {
        let shown = dashboard.request(&page).header("cookie", session).send().await.unwrap();
        assert_eq!((shown.status(), &*header(&shown, "cache-control")), (StatusCode::OK, "no-store"), "{page}");
        assert!(shown.headers().get_all("vary").iter().any(|vary| vary == "cookie"), "{page}");
        let text = shown.text().await.unwrap();
        assert!(page.starts_with("/csv") || text.contains("href=\"/account"), "{page}");
    }
    let account = async |lang: &str| {
        let path = format!("/account?lang={lang}");
        dashboard.request(&path).header("cookie", session).send().await.unwrap().text().await.unwrap()
    };
    assert!(account("en").await.contains("You are an operator") && account("es").await.contains("Es operador"));
}

#[tokio::test]
async fn a_session_ends_in_time_and_so_do_its_streams() {
    let dashboard = closed_at(passwords(&people(), &["--auth-session", "1h"]), "").await;
    let cookie = log_in(&dashboard, "bea").await;
    let mut viewer = Dashboard::view_of(dashboard.request("/live/").header("cookie", &cookie)).await;
    viewer.fragment().await;
    dashboard.advance(3_600_000 - 1);
    assert_eq!(dashboard.request("/").header("cookie", &cookie).send().await.unwrap().status(), StatusCode::OK);
    dashboard.advance(1);
    assert_eq!(
        dashboard.request("/").header("cookie", &cookie).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    viewer.end().await;
}

#[tokio::test]
async fn who_logs_out_is_out() {
    let dashboard = closed().await;
    let cookie = log_in(&dashboard, "bea").await;
    let form = token(&dashboard, "/account", &cookie).await;
    let left = dashboard.form("/logout?lang=es", &[("token", &form)]).header("cookie", &cookie).send().await.unwrap();
    let forgets = header(&left, "set-cookie");
    assert!(forgets.starts_with("vigia-session=; Path=/; Max-Age=0; HttpOnly;"), "{forgets}");
    let next = header(&left, "location");
    assert!(dashboard.get(&next).await.1.contains("Ha cerrado la sesión."), "{next}");
}

#[tokio::test]
async fn a_form_that_was_not_sent_by_a_page_of_the_dashboard_is_not_taken() {
    let dashboard = closed().await;
    let (cookie, other) = (log_in(&dashboard, "ana").await, log_in(&dashboard, "ana").await);
    let [own, of_other] = [token(&dashboard, "/account", &cookie).await, token(&dashboard, "/account", &other).await];
    let url = format!("{}/logout", dashboard.url);
    let send = async |token: &str, headers: &[(&str, &str)]| {
        let mut request = crate::common::browser().post(&url).header("cookie", &cookie).body(format!("token={token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let own_page = ("origin", &*dashboard.url);
    for (token, headers) in [
        (&*own, &[][..]),
        (&own, &[("origin", "https://evil.test")]),
        (&own, &[("origin", "null")]),
        (&own, &[own_page, ("sec-fetch-site", "cross-site")]),
        (&own, &[own_page, ("sec-fetch-site", "same-site")]),
        (&of_other, &[own_page]),
        ("", &[own_page]),
        ("1.0", &[own_page]),
    ] {
        let refused = send(token, headers).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{token} {headers:?}");
        assert!(refused.headers().get("set-cookie").is_none());
        assert!(refused.text().await.unwrap().contains("This form was not taken"));
    }
    let name = [("name", "ana"), ("password", PASSWORD)];
    let elsewhere = dashboard.form("/login", &name).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert!(elsewhere.status() == StatusCode::FORBIDDEN && elsewhere.headers().get("set-cookie").is_none());
    assert_eq!(send(&own, &[own_page]).await.status(), StatusCode::SEE_OTHER);
    dashboard.advance(12 * 3_600_000);
    assert_eq!(send(&own, &[own_page]).await.status(), StatusCode::UNAUTHORIZED, "the session is over");
}

#[tokio::test]
async fn what_was_wrong_with_a_login_is_not_told() {
    let dashboard = closed().await;
    let mut told = Vec::new();
    for (name, password) in [("ana", "battery staple"), ("nobody", PASSWORD), ("ana", ""), ("", "")] {
        let refused = try_in(&dashboard, name, password).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && refused.headers().get("set-cookie").is_none(), "{name}");
        told.push(refused.text().await.unwrap().replace(&format!("value=\"{name}\""), "value=\"\""));
    }
    assert!(told[0].contains("The name or the password is wrong.") && !told[0].contains("battery"), "{}", told[0]);
    assert!(told.iter().all(|page| *page == told[0]), "{told:?}");
    let long = try_in(&dashboard, "ana", &"x".repeat(17_000)).await;
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn who_tries_passwords_has_to_wait_and_is_told_how_long() {
    let dashboard = closed().await;
    for _ in 0..10 {
        assert_eq!(try_in(&dashboard, "ana", "battery staple").await.status(), StatusCode::FORBIDDEN);
    }
    let waits = try_in(&dashboard, "ana", PASSWORD).await;
    assert_eq!(waits.status(), StatusCode::TOO_MANY_REQUESTS, "the right one too");
    let seconds: u64 = header(&waits, "retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds));
    assert!(waits.text().await.unwrap().contains("tried too often"));
    log_in(&dashboard, "bea").await;
    for number in 0..10 {
        assert_eq!(try_in(&dashboard, &format!("name {number}"), PASSWORD).await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(try_in(&dashboard, "bea", PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS, "of this client");
}

#[tokio::test]
async fn every_replica_takes_a_session_and_a_user_who_is_taken_out_of_the_file_is_out() {
    let file = people();
    let replicas = [closed_at(passwords(&file, &[]), "").await, closed_at(passwords(&file, &[]), "").await];
    let cookie = log_in(&replicas[0], "bea").await;
    let status = async |replica: &Dashboard, cookie: &str| {
        replica.request("/").header("cookie", cookie).send().await.unwrap().status()
    };
    assert_eq!(status(&replicas[1], &cookie).await, StatusCode::OK);
    std::fs::write(file.path(), format!("ana:operator:{HASH}\n")).unwrap();
    for replica in &replicas {
        poll("the end of the session", || async {
            (status(replica, &cookie).await == StatusCode::UNAUTHORIZED).then_some(())
        })
        .await;
    }
    let ana = log_in(&replicas[1], "ana").await;
    std::fs::write(file.path(), "hunter2").unwrap();
    assert_eq!(status(&replicas[0], &ana).await, StatusCode::OK);
}

#[tokio::test]
async fn below_a_base_the_login_and_its_cookie_are_below_it_too() {
    let base: Base = "/vigia".parse().unwrap();
    let dashboard =
        Dashboard::start_closed(Source::Mock(Mock::default()), passwords(&people(), &["--auth-plain-http"]), base)
            .await;
    let led = dashboard.request("/vigia/antennas?lang=es").header("accept", "text/html").send().await.unwrap();
    let to = header(&led, "location");
    assert_eq!(to, "/vigia/login?to=%2Fantennas%3Flang%3Des&lang=es");
    let (_, form) = dashboard.get(&to).await;
    assert!(form.contains("action=\"/vigia/login?lang=es\"") && form.contains("Iniciar sesión"), "{form}");
    let fields = [("name", "ana"), ("password", PASSWORD), ("to", "/antennas?lang=es")];
    let entered = dashboard.form("/vigia/login?lang=es", &fields).send().await.unwrap();
    let cookie = header(&entered, "set-cookie");
    assert!(cookie.ends_with("; Path=/vigia; Max-Age=43200; HttpOnly; SameSite=Lax"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    let led = dashboard.request(&header(&entered, "location")).header("cookie", session).send().await.unwrap();
    assert_eq!(header(&led, "location"), "/vigia/antennas?lang=es");
    let page = dashboard.request("/vigia/antennas").header("cookie", session).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("href=\"/vigia/account\""));
}

#[tokio::test]
async fn a_proxy_names_who_asks_and_nobody_else_does() {
    let of = |from: &str| {
        let flags = ["--auth", "proxy", "--auth-proxy-header", "X-Forwarded-User", "--auth-secret", SECRET];
        parse(&[&flags[..], &["--auth-proxy-from", from, "--auth-proxy-operators", "ana, Bea López"]].concat()).unwrap()
    };
    let (behind, past) = (closed_at(of("127.0.0.1"), "").await, closed_at(of("10.0.0.0/8"), "").await);
    let ask = async |dashboard: &Dashboard, path: &str, names: &[&str]| {
        let names =
            names.iter().fold(dashboard.request(path), |request, name| request.header("x-forwarded-user", *name));
        let response = names.header("accept", "text/html").send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    };
    let (status, account) = ask(&behind, "/account", &["ana"]).await;
    assert!(status == StatusCode::OK && account.contains("You are an operator"), "{account}");
    assert!(!account.contains("/logout"), "the proxy keeps the session");
    assert!(ask(&behind, "/account", &["carl"]).await.1.contains("You are a viewer"));
    for (dashboard, names) in [(&behind, &[][..]), (&behind, &["bea", "ana"]), (&past, &["ana"]), (&past, &[])] {
        for path in ["/", "/live/", "/csv/antennas", "/nowhere", "/account"] {
            let (status, text) = ask(dashboard, path, names).await;
            assert!(status == StatusCode::FORBIDDEN && text.contains("This page is closed"), "{path} {names:?}");
        }
    }
    assert_eq!(ask(&behind, "/login", &["ana"]).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_a_login_there_is_nothing_to_log_in_to() {
    let dashboard = mock().await;
    for path in ["/login", "/account", "/logout"] {
        let response = dashboard.request(path).send().await.unwrap();
        assert!(response.status() == StatusCode::NOT_FOUND && response.headers().get("set-cookie").is_none(), "{path}");
    }
    assert!(!dashboard.get("/").await.1.contains("/account"));
}

#[test]
fn what_a_login_lacks_is_named() {
    let file = people();
    let path = file.path().to_str().unwrap();
    let basic = ["--auth", "basic"];
    let proxy = ["--auth", "proxy", "--auth-proxy-header", "x-user"];
    for (flags, named) in [
        (&["--auth", "yes"][..], "--auth"),
        (&basic, "AUTH_USERS_FILE"),
        (&[&basic[..], &["--auth-users-file", path]].concat(), "AUTH_SECRET"),
        (&[&basic[..], &["--auth-users-file", path, "--auth-secret", "hunter2"]].concat(), "32 characters"),
        (&[&basic[..], &["--auth-users-file", "/nowhere", "--auth-secret", SECRET]].concat(), "AUTH_USERS_FILE"),
        (&["--auth", "proxy"], "AUTH_PROXY_HEADER"),
        (&proxy, "AUTH_PROXY_FROM"),
        (&[&proxy[..], &["--auth-proxy-from", "10.0.0.1"]].concat(), "AUTH_SECRET"),
        (&[&proxy[..], &["--auth-proxy-from", "proxy"]].concat(), "--auth-proxy-from"),
        (&["--auth-session", "12"], "--auth-session"),
    ] {
        let told = parse(flags).expect_err(named);
        assert!(told.contains(named) && !told.contains("hunter2"), "{told}");
    }
    assert_eq!(parse(&[]), Ok(AuthSettings::Off));
    assert_eq!(parse(&["--auth-users-file", "/nowhere"]), Ok(AuthSettings::Off), "it is not read");
    let debugged = format!("{:?}", passwords(&file, &[]));
    assert!(!debugged.contains(SECRET) && !debugged.contains("argon2"), "{debugged}");
}

#[tokio::test]
async fn a_password_is_hashed_by_the_program_and_lets_in() {
    let hashed = |input: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_dashboard"));
        let program = program.arg("hash-password").env("AUTH", "basic").env("AUTH_USERS_FILE", "/nowhere");
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = hashed("battery staple\n");
    let hash = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("ana:viewer:{hash}")).unwrap();
    let dashboard = closed_at(passwords(&file, &[]), "").await;
    assert_eq!(try_in(&dashboard, "ana", "battery staple").await.status(), StatusCode::SEE_OTHER);
    let short = hashed("hunter2\n");
    let told = String::from_utf8(short.stderr).unwrap();
    assert!(!short.status.success() && told.contains("8 characters") && !told.contains("hunter2"), "{told}");
}
