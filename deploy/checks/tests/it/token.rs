//! The token as it is deployed: the real programs with the Secret of the production overlay, and whoever does not have it.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::Secret;
use shared::api::path;
use shared::testing::{Program, RedisServer, built, http};

use crate::manifests::PRODUCTION;
use crate::mounted::Mounted;
use crate::workloads::workloads;

/// The token that a Deployment is given as a file, which has to be there.
fn given(name: &str) -> String {
    let workload = workloads(&PRODUCTION).into_iter().find(|workload| workload.name == name).expect("a Deployment");
    let file = workload.files().into_iter().find(|(variable, _)| variable == "ANALYTICS_TOKEN_FILE");
    let (_, (name, key)) = file.expect("the file of the token");
    let secrets: Vec<Secret> = PRODUCTION.all();
    let secret = secrets.into_iter().find(|secret| secret.metadata.name.as_ref() == Some(&name));
    secret.and_then(|secret| secret.string_data?.remove(&key)).expect("the token")
}

/// A dashboard in front of analytics, and where it answers.
fn dashboard(analytics: SocketAddr, variables: &[(&str, &str)]) -> (Program, SocketAddr) {
    let url = format!("http://{analytics}");
    let mut dashboard = Program::start(
        built("dashboard").envs([("BIND", "127.0.0.1:0"), ("ANALYTICS_URL", &url)]).envs(variables.iter().copied()),
    );
    let address = dashboard.address("dashboard");
    (dashboard, address)
}

/// What others on the machine see of a process without being its user: its command line.
pub(crate) fn command_line(program: &Program) -> String {
    let bytes = std::fs::read(format!("/proc/{}/cmdline", program.id())).expect("the command line");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Who has the Secret is answered; who has none or another one is told so, in the log too; and none of all that is written or
/// answered has the token in it.
#[test]
fn a_pod_without_the_token_is_refused() {
    let token = given("analytics");
    assert_eq!(token, given("dashboard"), "both are told the same");
    let redis = RedisServer::start(&[]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{token}\n")).expect("the token");
    let path_of_token = file.path().to_str().expect("text");
    let variables = [("BIND", "127.0.0.1:0"), ("REDIS_URL", &redis.url()), ("RUST_LOG", "debug")];
    let mut analytics = Program::start(built("analytics").envs(variables).env("ANALYTICS_TOKEN_FILE", path_of_token));
    let address = analytics.address("analytics");
    // Probes have no token.
    analytics.wait_for(address, path::READYZ, |answer| answer.status == 200);

    let (mut own, own_address) = dashboard(address, &[("ANALYTICS_TOKEN", &token), ("RUST_LOG", "debug")]);
    own.wait_for(own_address, "/pipeline", |page| page.status == 200);
    let mut answers = vec![http::get(own_address, "/", &[]).expect("a page")];
    let header = format!("Bearer {token}");
    for route in path::ALL.iter().filter(|route| **route != path::EVENTS) {
        let without = http::get(address, route, &[]).expect("an answer");
        let with = http::get(address, route, &[("Authorization", &header)]).expect("an answer");
        let is_probe = [path::LIVEZ, path::READYZ, path::HEALTHZ].contains(route);
        // Nobody has heard of an antenna `{id}`, and whose readings are meant is not said.
        let found = match *route {
            path::ANTENNA => 404,
            path::READINGS => 400,
            _ => 200,
        };
        assert_eq!((without.status, with.status), (if is_probe { 200 } else { 401 }, found), "{route}");
        answers.extend([without, with]);
    }
    let mut logs = vec![own.log(), command_line(&own), command_line(&analytics)];
    for given in [&[][..], &[("ANALYTICS_TOKEN", "another-token-than-this")]] {
        let (mut other, address) = dashboard(address, given);
        let page = other.wait_for(address, "/", |page| page.status == 503);
        assert!(page.body.contains("Analytics refuses the dashboard"), "{}", page.body);
        other.until("the log names the setting", |other| match other.log() {
            log if log.contains("ANALYTICS_TOKEN") => Ok(()),
            log => Err(log),
        });
        assert!(!other.log().contains("another-token"), "{}", other.log());
        answers.push(page);
        logs.push(other.log());
    }
    logs.push(analytics.log());
    let said = answers.iter().map(|answer| format!("{}{}", answer.head, answer.body)).chain(logs);
    for text in said {
        assert!(!text.contains(&token), "{text}");
    }
}

/// Says when a program has taken another token from its file: so many times so far.
const ANOTHER: &str = "holds another one";

/// The files of the two pods are replaced one after the other, in either order, and at last by nothing. Meanwhile every page has its
/// figures, and who knows only a token that is no longer good is refused.
#[test]
fn another_token_needs_no_restart_and_leaves_no_page_without_figures() {
    let tokens: [String; 5] = std::array::from_fn(|number| format!("a-token-that-is-number-{number}"));
    let file = |number: usize| [("token", tokens[number].as_str())];
    let [mut of_analytics, mut of_dashboard] = [Mounted::new(&file(0)), Mounted::new(&file(0))];
    let redis = RedisServer::start(&[]);
    let variables = [("BIND", "127.0.0.1:0"), ("REDIS_URL", &redis.url()), ("RUST_LOG", "debug")];
    let path_of_token = of_analytics.path("token");
    let mut analytics = Program::start(built("analytics").envs(variables).env("ANALYTICS_TOKEN_FILE", path_of_token));
    let address = analytics.address("analytics");
    analytics.wait_for(address, path::READYZ, |answer| answer.status == 200);
    let path_of_token = of_dashboard.path("token");
    let (mut shown, page) = dashboard(address, &[("ANALYTICS_TOKEN_FILE", &path_of_token), ("RUST_LOG", "debug")]);
    let mut answers = Vec::new();
    // What is tried is asked anew each time; no answer is kept.
    let look = |answers: &mut Vec<http::Answer>| {
        for tried in ["/docs/api/v1/summary?window=1m", "/pipeline"] {
            let answer = http::get(page, tried, &[]).expect("a page");
            assert_eq!(answer.status, 200, "{tried}: {}", answer.body);
            answers.push(answer);
        }
    };
    let good = |number: usize| {
        let header = format!("Bearer {}", tokens[number]);
        http::get(address, path::SUMMARY, &[("Authorization", &header)]).expect("an answer").status == 200
    };
    let taken = |analytics: &mut Program, times: usize| {
        analytics.until("the token is another one", |analytics| match analytics.log() {
            log if log.matches(ANOTHER).count() == times => Ok(()),
            log => Err(log),
        });
    };
    look(&mut answers);

    of_analytics.replace(&file(1));
    taken(&mut analytics, 1);
    assert_eq!([0, 1, 2].map(good), [true, true, false], "the one before is good for a while");
    look(&mut answers);
    of_dashboard.replace(&file(1));
    look(&mut answers);
    of_analytics.replace(&file(2));
    taken(&mut analytics, 2);
    assert_eq!([0, 1, 2].map(good), [false, true, true]);
    // The dashboard has shown the first one until now.
    look(&mut answers);
    assert_eq!(shown.log().matches(ANOTHER).count(), 1, "{}", shown.log());

    // The dashboard's file is the first to change.
    of_dashboard.replace(&file(3));
    look(&mut answers);
    of_analytics.replace(&file(3));
    taken(&mut analytics, 3);
    look(&mut answers);

    // What is empty or away is not taken for a token.
    of_analytics.replace(&[("token", "")]);
    analytics.until("the file is of no use", |analytics| match analytics.log() {
        log if log.contains("it is empty; what was read before stays in use") => Ok(()),
        log => Err(log),
    });
    of_dashboard.replace(&[]);
    look(&mut answers);
    of_analytics.replace(&file(4));
    taken(&mut analytics, 4);
    assert_eq!([2, 3, 4].map(good), [false, true, true]);
    assert_eq!(analytics.log().matches("it is empty").count(), 1, "it is told once");
    // A third token in a row that the dashboard has not seen: only now is it refused, and says which file is to blame.
    of_analytics.replace(&file(0));
    taken(&mut analytics, 5);
    shown.wait_for(page, "/docs/api/v1/summary?window=1m", |answer| answer.status == 503);
    assert!(shown.log().contains("there is no such file; what was read before stays in use"), "{}", shown.log());
    of_dashboard.replace(&file(0));
    shown.wait_for(page, "/docs/api/v1/summary?window=1m", |answer| answer.status == 200);

    let said = answers.iter().map(|answer| format!("{}{}", answer.head, answer.body));
    for text in said.chain([analytics.log(), shown.log()]) {
        assert!(!tokens.iter().any(|token| text.contains(token)), "{text}");
    }
}
