//! What the programs are told, by manifests and by the compose file, is what they understand; and how they are started here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use analytics::settings::Cli as Analytics;
use clap::{CommandFactory as _, Parser};
use shared::api::path;
use shared::logging::LogSettings;
use shared::testing::signal;
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

/// How long a step may take before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running program, killed when dropped.
pub(crate) struct Program {
    child: Child,
    log: mpsc::Receiver<String>,
}

impl Program {
    /// Starts a program of the workspace with these variables and no others.
    pub(crate) fn start(program: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(built(program));
        command.env_clear().envs(variables.iter().copied()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program that starts");
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let (said, log) = mpsc::channel();
        // Reads on after the test has lost interest: a full pipe would stop the program.
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(said.send(line))));
        Self { child, log }
    }

    /// The address that it says it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        let mut said = Vec::new();
        while let Ok(line) = self.log.recv_timeout(DEADLINE) {
            let address = line.split_once(" address=").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            if let Some(address) = address {
                return address;
            }
            said.push(line);
        }
        panic!("the program does not say where it listens: {said:?}");
    }

    /// Tells it to end.
    pub(crate) fn terminate(self) {
        signal(&self.child, "TERM");
        self.ends_well();
    }

    /// Waits for its end.
    pub(crate) fn ends_well(mut self) {
        assert!(self.child.wait().expect("an end").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program beside this test's own folder.
fn built(program: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let path = test.ancestors().nth(2).expect("the folder of programs").join(program);
    assert!(path.exists(), "{} is missing; run deploy/test.sh, which builds the workspace", path.display());
    path
}

/// What `health` of a program says of the one that listens on an address.
pub(crate) fn is_well(program: &str, bind: SocketAddr, path: &str) -> bool {
    let mut command = Command::new(built(program));
    command.args(["health", "--path", path]).env_clear().env("BIND", bind.to_string());
    let output = command.output().expect("a program that starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with(&format!("http://{bind}{path}: ")), "{said}");
    output.status.success()
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
    let dashboard = Program::start("dashboard", &[("BIND", "127.0.0.1:0"), ("MOCK", "true")]);
    let address = dashboard.address();
    assert!(is_well("dashboard", address, path::LIVEZ) && is_well("dashboard", address, path::READYZ));
    assert!(!is_well("dashboard", address, "/nowhere"));
    dashboard.terminate();
    assert!(!is_well("dashboard", address, path::LIVEZ));
}

#[test]
fn a_variable_that_is_no_setting_is_an_error() {
    for (variable, value) in [("LOG_FORMT", "json"), ("LOG_FORMAT", "xml")] {
        let variables = BTreeMap::from([(variable.to_owned(), Some(value.to_owned()))]);
        assert!(std::panic::catch_unwind(|| check_settings("analytics", &variables)).is_err(), "{variable}={value}");
    }
}
