//! What the programs are told, by manifests and by the compose file, is what they understand; and how they are started here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;

use analytics::settings::{Cli as Analytics, Command};
use clap::{CommandFactory as _, Parser};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Container;
use shared::api::path;
use shared::logging::LogSettings;
use shared::testing::{DEADLINE, Program, Signal, built};
use simulator::settings::Cli as Simulator;

use crate::manifests::{Manifests, overlays, root};
use crate::workloads::workloads;

/// The program `dashboard` as its library tells its settings.
#[derive(Debug, Parser)]
#[command(name = "dashboard")]
pub(crate) struct Dashboard {
    #[command(flatten)]
    settings: dashboard_ui::Settings,
    #[command(flatten)]
    log: LogSettings,
}

/// What `health` of a program says of the one that listens on an address.
pub(crate) fn is_well(program: &str, bind: SocketAddr, path: &str) -> bool {
    let mut asking = built(program);
    asking.args(["health", "--path", path]).env("BIND", bind.to_string());
    // While they are being replaced, the program that is asked is well.
    let files = ["ANALYTICS_TOKEN_FILE", "REDIS_USERNAME_FILE", "REDIS_PASSWORD_FILE", "REDIS_CA_FILE"];
    asking.envs(files.map(|file| (file, "/no/such/file")));
    let ended = Program::run(&mut asking);
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
    for (variable, value) in variables {
        let is_it = |argument: &&clap::Arg| argument.get_env().is_some_and(|name| name == variable.as_str());
        let argument =
            command.get_arguments().find(is_it).unwrap_or_else(|| panic!("{program} has no setting {variable}"));
        let (flag, takes_value) = (argument.get_long().expect("a flag"), argument.get_action().takes_values());
        match value {
            // A file of a pod is not here.
            Some(_) if variable.ends_with("_FILE") => {}
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
    for manifests in overlays() {
        for workload in workloads(manifests).iter().filter(|workload| workload.is_ours()) {
            let variables = workload.container.env.iter().flatten();
            check_settings(&workload.name, &variables.map(|one| (one.name.clone(), one.value.clone())).collect());
        }
    }
}

/// Files that people copy: what `check-config` says of them is what analytics would.
#[test]
fn examples_of_files_can_be_used_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |variable: &str, file: &std::path::Path| {
        let mut command = built("analytics");
        let ended = Program::run(command.arg("check-config").env(variable, file));
        assert_eq!(ended.code, Some(0), "{}: {}", file.display(), ended.log);
    };
    let overlay = root().join("deploy/k8s/overlays/alerting");
    check("ALERTS_FILE", &overlay.join("alerts.toml"));
    check("ANTENNAS_FILE", &overlay.join("antennas.toml"));
    let operations = fs::read_to_string(root().join("docs/operations.md")).expect("a document");
    let mut examples: Vec<&str> = operations.split("```toml\n").skip(1).collect();
    examples.iter_mut().for_each(|text| *text = text.split("```").next().unwrap_or_default());
    assert!(examples.len() > 2);
    for text in examples {
        let file = folder.path().join("file.toml");
        fs::write(&file, text).expect("a file");
        check(if text.contains("[[antenna]]") { "ANTENNAS_FILE" } else { "ALERTS_FILE" }, &file);
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

/// The pod of the only Job of a manifest, and its container, which works where an analytics works and is told nothing else.
fn job_of_analytics(path: &str, analytics: &Container) -> Container {
    let [job] = &Manifests::read(path).all::<Job>()[..] else { panic!("one Job is needed") };
    let template = &job.spec.as_ref().expect("a spec").template;
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref()).expect("labels");
    assert_eq!(labels.get("app").map(String::as_str), Some("analytics"), "the network policies let it reach Redis");
    let pod = template.spec.as_ref().expect("a pod");
    let [container] = &pod.containers[..] else { panic!("one container is needed") };
    assert_eq!((&container.image, &container.security_context), (&analytics.image, &analytics.security_context));
    assert_eq!(container.ports, None, "nobody is sent to it");
    let known = analytics.env.as_ref().expect("settings");
    assert!(container.env.iter().flatten().all(|one| known.contains(one)), "{:?}", container.env);
    container.clone()
}

fn command_of(job: &Container) -> Command {
    let arguments = std::iter::once("analytics".to_owned()).chain(job.args.clone().expect("arguments"));
    Analytics::try_parse_from(arguments).expect("a command of analytics").command.expect("a command")
}

/// The Job that imports is told what analytics is told, and works where analytics works.
#[test]
fn the_job_that_imports_is_an_analytics() {
    let workloads = workloads(&Manifests::overlay("archive"));
    let analytics = workloads.iter().find(|workload| workload.name == "analytics").expect("analytics");
    let container = job_of_analytics("deploy/k8s/import.yaml", &analytics.container);
    assert_eq!(container.env.as_ref().map(Vec::len), Some(2));
    let mounts = |container: &Container| container.volume_mounts.clone().unwrap_or_default();
    assert!(mounts(&analytics.container).iter().all(|mount| mounts(&container).contains(mount)));
    let Command::Import(import) = command_of(&container) else { panic!("it does not import") };
    let is_mounted =
        |path: &std::path::Path| mounts(&container).iter().any(|mount| path.starts_with(&mount.mount_path));
    assert!(import.files.iter().all(|path| is_mounted(path)), "{:?}", import.files);
}

/// So is the one that spreads the state anew, which needs nothing but the broker.
#[test]
fn the_job_that_spreads_the_state_is_an_analytics() {
    let workloads = workloads(&Manifests::overlay("archive"));
    let analytics = workloads.iter().find(|workload| workload.name == "analytics").expect("analytics");
    let container = job_of_analytics("deploy/k8s/repartition.yaml", &analytics.container);
    let env = container.env.as_ref().expect("settings").iter().map(|one| &*one.name);
    assert_eq!(env.collect::<Vec<_>>(), ["REDIS_URL"]);
    let Command::Repartition(repartition) = command_of(&container) else { panic!("it does something else") };
    assert!(repartition.from == 1 && repartition.to > 1 && !repartition.dry_run);
}
