//! The token as it is deployed: the real programs with the Secret of the production overlay, and whoever does not have it.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{EnvVar, Secret};
use shared::api::path;
use shared::testing::{Program, RedisServer, built, http};

use crate::manifests::PRODUCTION;
use crate::workloads::workloads;

/// The token that a Deployment is given, which has to be there.
fn given(name: &str) -> String {
    let workload = workloads(&PRODUCTION).into_iter().find(|workload| workload.name == name).expect("a Deployment");
    let is_it = |variable: &EnvVar| variable.name == "ANALYTICS_TOKEN";
    let variable = workload.container.env.unwrap_or_default().into_iter().find(is_it).expect("the variable");
    let reference = variable.value_from.and_then(|source| source.secret_key_ref).expect("a Secret");
    assert_ne!(reference.optional, Some(true), "{name} would start without it");
    let secrets: Vec<Secret> = PRODUCTION.all();
    let secret = secrets.into_iter().find(|secret| secret.metadata.name.as_ref() == Some(&reference.name));
    secret.and_then(|secret| secret.string_data?.remove(&reference.key)).expect("the token")
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
