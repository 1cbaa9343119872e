//! What the programs are told, by manifests and by the compose file, is what they understand; and how they are started here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;

use analytics::settings::Cli as Analytics;
use clap::{CommandFactory as _, Parser};
use shared::api::path;
use shared::logging::LogSettings;
use shared::testing::{DEADLINE, Program, Signal, built};
use simulator::settings::Cli as Simulator;

use crate::manifests::{MINIKUBE, PRODUCTION};
use crate::workloads::workloads;

/// The program `dashboard` as its library tells its settings.
#[derive(Debug, Parser)]
#[command(name = "dashboard")]
struct Dashboard {
    #[command(flatten)]
    settings: dashboard_ui::Settings,
    #[command(flatten)]
    log: LogSettings,
}

/// Read by the TLS library: the certificates to trust.
const TRUSTED: &str = "SSL_CERT_FILE";

/// What `health` of a program says of the one that listens on an address.
pub(crate) fn is_well(program: &str, bind: SocketAddr, path: &str) -> bool {
    let ended = Program::run(built(program).args(["health", "--path", path]).env("BIND", bind.to_string()));
    let said = ended.log;
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with(&format!("http://{bind}{path}: ")), "{said}");
    ended.code == Some(0)
}

/// Fails unless a program has each of these settings and takes their values. `None` is a value that is not known here.
pub(crate) fn check_settings(program: &str, variables: &BTreeMap<String, Option<String>>) {
    let command = match program {
        "analytics" => Analytics::command(),
        "dashboard" => Dashboard::command(),
        "simulator" => Simulator::command(),
        other => panic!("{other} is not a program of ours"),
    };
    let mut arguments = vec![OsString::from(program)];
    for (variable, value) in variables.iter().filter(|(variable, _)| *variable != TRUSTED) {
        let is_it = |argument: &&clap::Arg| argument.get_env().is_some_and(|name| name == variable.as_str());
        let argument =
            command.get_arguments().find(is_it).unwrap_or_else(|| panic!("{program} has no setting {variable}"));
        let (flag, takes_value) = (argument.get_long().expect("a flag"), argument.get_action().takes_values());
        match value {
            Some(value) if takes_value => arguments.push(format!("--{flag}={value}").into()),
            _ => {}
        }
    }
    let parsed = match program {
        "analytics" => shared::settings::parse_from::<Analytics>(arguments).map(drop),
        "dashboard" => shared::settings::parse_from::<Dashboard>(arguments).map(drop),
        _ => shared::settings::parse_from::<Simulator>(arguments).map(drop),
    };
    assert!(parsed.is_ok(), "{program} does not take {variables:?}");
}

#[test]
fn variables_are_settings_of_the_programs() {
    for manifests in [&*MINIKUBE, &*PRODUCTION] {
        for workload in workloads(manifests).iter().filter(|workload| workload.name != "redis") {
            let variables = workload.container.env.iter().flatten();
            check_settings(&workload.name, &variables.map(|one| (one.name.clone(), one.value.clone())).collect());
        }
    }
}

/// Analytics' is checked where it runs, in `broker`.
#[test]
fn the_dashboard_tells_whether_it_is_well() {
    let mut dashboard = Program::start(built("dashboard").envs([("BIND", "127.0.0.1:0"), ("MOCK", "true")]));
    let address = dashboard.address("dashboard");
    assert!(is_well("dashboard", address, path::LIVEZ) && is_well("dashboard", address, path::READYZ));
    assert!(!is_well("dashboard", address, "/nowhere"));
    assert_eq!(dashboard.end(Signal::Terminate, DEADLINE).code, Some(0));
    assert!(!is_well("dashboard", address, path::LIVEZ));
}

#[test]
fn a_variable_that_is_no_setting_is_an_error() {
    for (variable, value) in [("LOG_FORMT", "json"), ("LOG_FORMAT", "xml")] {
        let variables = BTreeMap::from([(variable.to_owned(), Some(value.to_owned()))]);
        assert!(std::panic::catch_unwind(|| check_settings("analytics", &variables)).is_err(), "{variable}={value}");
    }
}
