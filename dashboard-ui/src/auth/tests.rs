//! Sessions, forms' tokens and what proxies tell, without a server.

use std::time::Duration;

use super::*;

const NOW: UnixMillis = UnixMillis(1_763_995_625_000);
const HOUR_MS: i64 = 3_600_000;

fn passwords(text: &str, secret: &str, base: &str) -> Auth {
    let settings = AuthSettings::Basic {
        users: users::Users::parse(text).unwrap(),
        users_file: None,
        secret: secret.into(),
        session: Duration::from_secs(3600),
        is_plain: false,
    };
    Auth::new(settings, base.parse().unwrap())
}

fn line(name: &str, role: &str, password: &str) -> String {
    format!("{name}:{role}:{}\n", users::tests::cheap(password))
}

/// A browser that keeps what it is told to.
async fn session(auth: &Auth, name: &str, password: &str) -> HeaderMap {
    let cookie = auth.enter(None, name, password, NOW).await.unwrap();
    let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    HeaderMap::from_iter([(COOKIE, pair.parse().unwrap())])
}

#[tokio::test]
async fn a_session_is_good_for_its_user_its_time_its_password_its_secret_and_its_base() {
    let file = line("Bea López", "operator", "correct horse");
    let auth = passwords(&file, "one", "");
    let headers = session(&auth, "Bea López", "correct horse").await;
    let visitor = auth.visitor(&headers, None, NOW).unwrap();
    assert_eq!((&*visitor.name, visitor.role), ("Bea López", Role::Operator));
    let replica = passwords(&file, "one", "");
    assert_eq!(replica.visitor(&headers, None, UnixMillis(NOW.0 + HOUR_MS - 1)), Some(visitor));
    assert_eq!(auth.visitor(&headers, None, UnixMillis(NOW.0 + HOUR_MS)), None, "its time is over");
    for (other, why) in [
        (passwords(&file, "two", ""), "another secret"),
        (passwords(&file, "one", "/vigia"), "another base"),
        (passwords(&line("Bea López", "operator", "battery staple"), "one", ""), "another password"),
        (passwords(&line("Ana", "operator", "correct horse"), "one", ""), "nobody of that name"),
    ] {
        assert_eq!(other.visitor(&headers, None, NOW), None, "{why}");
    }
    let hash = file.rsplit(':').next().unwrap();
    let demoted = passwords(&format!("Bea López:viewer:{hash}"), "one", "");
    assert_eq!(demoted.visitor(&headers, None, NOW).unwrap().role, Role::Viewer, "what the file says now");
}

#[tokio::test]
async fn a_session_of_which_anything_is_another_one_is_none() {
    let auth = passwords(&line("ana", "viewer", "correct horse"), "one", "");
    let headers = session(&auth, "ana", "correct horse").await;
    let cookie = headers[COOKIE].to_str().unwrap();
    for at in "vigia-session=".len()..cookie.len() {
        let changed: String = cookie
            .char_indices()
            .map(|(place, c)| if place == at { if c == '1' { '2' } else { '1' } } else { c })
            .collect();
        let headers = HeaderMap::from_iter([(COOKIE, changed.parse().unwrap())]);
        assert_eq!(auth.visitor(&headers, None, NOW), None, "{changed}");
    }
    for none in ["", "vigia-session=", "vigia-session=name=ana", "other=1"] {
        let headers = HeaderMap::from_iter([(COOKIE, none.parse().unwrap())]);
        assert_eq!(auth.visitor(&headers, None, NOW), None, "{none}");
    }
    let both = format!("vigia-session=of-another-dashboard; {cookie}");
    assert!(auth.visitor(&HeaderMap::from_iter([(COOKIE, both.parse().unwrap())]), None, NOW).is_some());
}

#[tokio::test]
async fn the_token_of_a_form_is_good_for_one_session_and_its_time() {
    let auth = passwords(&line("ana", "viewer", "correct horse"), "one", "");
    let visitors = [session(&auth, "ana", "correct horse").await, session(&auth, "ana", "correct horse").await];
    let [one, other] = visitors.map(|headers| auth.visitor(&headers, None, NOW).unwrap());
    let token = auth.token(&one, NOW);
    assert!(auth.holds(&token, &one, NOW) && !auth.holds(&token, &other, NOW));
    assert!(!auth.holds(&token, &one, UnixMillis(NOW.0 + HOUR_MS)) && !auth.holds("", &one, NOW));
    let longer = token.replacen('1', "2", 1);
    assert!(!auth.holds(&longer, &one, NOW), "{longer}");
}

#[test]
fn a_name_is_believed_from_the_proxy_alone_and_only_once() {
    let settings = AuthSettings::Proxy {
        header: HeaderName::from_static("x-forwarded-user"),
        from: "10.0.0.0/8".parse().unwrap(),
        operators: vec!["ana".to_owned()],
        secret: "one".into(),
        session: Duration::from_secs(3600),
    };
    let auth = Auth::new(settings, Base::default());
    let role = |address: &str, names: &[&str]| {
        let headers = names
            .iter()
            .map(|name| (HeaderName::from_static("x-forwarded-user"), HeaderValue::from_str(name).unwrap()));
        let mut map = HeaderMap::new();
        headers.for_each(|(header, name)| _ = map.append(header, name));
        auth.visitor(&map, Some(Neighbour(address.parse().unwrap())), NOW).map(|visitor| visitor.role)
    };
    assert_eq!(role("10.1.2.3", &["ana"]), Some(Role::Operator));
    assert_eq!(role("::ffff:10.1.2.3", &["ana"]), Some(Role::Operator));
    assert_eq!(role("10.1.2.3", &["bea@example.org"]), Some(Role::Viewer));
    assert_eq!(role("10.1.2.3", &["Ana"]), Some(Role::Viewer), "another name");
    for (address, names) in [
        ("192.0.2.1", &["ana"][..]),
        ("10.1.2.3", &[]),
        ("10.1.2.3", &["bea", "ana"]),
        ("10.1.2.3", &[""]),
        ("10.1.2.3", &["ana,bea"]),
        ("10.1.2.3", &["<b>ana</b>"]),
    ] {
        assert_eq!(role(address, names), None, "{address} {names:?}");
    }
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-user"), "ana".parse().unwrap())]);
    assert_eq!(auth.visitor(&headers, None, NOW), None, "from nobody knows where");
}

#[test]
fn a_form_is_from_a_page_of_its_own_host() {
    let is_own = |headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        is_from_own_page(&headers.collect())
    };
    let host = ("host", "vigia.test:8000");
    assert!(is_own(&[host, ("origin", "https://vigia.test:8000")]) && is_own(&[("sec-fetch-site", "same-origin")]));
    assert!(is_own(&[("host", "proxied"), ("origin", "https://vigia.test"), ("sec-fetch-site", "same-origin")]));
    for headers in [
        &[host][..],
        &[host, ("origin", "null")],
        &[host, ("origin", "https://vigia.test")],
        &[host, ("origin", "https://evil.test")],
        &[host, ("origin", "https://vigia.test:8000"), ("sec-fetch-site", "cross-site")],
        &[host, ("sec-fetch-site", "same-site")],
        &[host, ("sec-fetch-site", "none")],
    ] {
        assert!(!is_own(headers), "{headers:?}");
    }
}
