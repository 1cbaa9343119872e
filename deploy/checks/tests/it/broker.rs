//! The broker as it is deployed: a real `redis-server` with the configuration and the users of the manifests, used by
//! the real programs, both in development and over TLS as in production.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::Value;
use shared::api::path;
use shared::testing::{DEADLINE, Program, RedisServer, Reservation, Signal, built, http, until};
use tempfile::TempDir;

use crate::manifests::{CLIENT_CERTIFICATES, MINIKUBE, Manifests, PRODUCTION, output};
use crate::programs::is_well;
use crate::workloads::workloads;

/// The server of one overlay.
struct Broker {
    _server: RedisServer,
    _ports: [Reservation; 2],
    /// Options with which `redis-cli` connects.
    cli: Vec<String>,
    urls: BTreeMap<&'static str, String>,
    /// The variables of each program that name files, and the files, as they would be mounted.
    files: BTreeMap<&'static str, Vec<(String, PathBuf)>>,
    _folder: TempDir,
}

impl Broker {
    fn start(manifests: &Manifests) -> Self {
        Self::with(manifests, |_bus| Vec::new())
    }

    /// The same server as all of a Redis Cluster, with the right more that docs/operations.md names.
    fn start_as_cluster(manifests: &Manifests) -> Self {
        let mut broker = Self::with(manifests, |bus| vec!["--cluster-enabled", "yes", "--cluster-port", bus]);
        let password = &secrets(manifests)["redis-users default-password"];
        broker.ask(password, &["cluster", "addslotsrange", "0", "16383"]);
        until("the cluster is well", DEADLINE, || {
            let said = broker.ask(password, &["cluster", "info"]);
            if said.contains("cluster_state:ok") { Ok(()) } else { Err(said) }
        });
        for user in broker.urls.keys() {
            broker.ask(password, &["acl", "setuser", user, "+cluster|shards"]);
        }
        for url in broker.urls.values_mut() {
            *url = url.replace("redis://", "redis+cluster://");
        }
        broker
    }

    /// With arguments more, which may name the port of a cluster's bus.
    fn with(manifests: &Manifests, more: impl FnOnce(&str) -> Vec<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
        let (secrets, maps) = (secrets(manifests), maps(manifests));
        for (name, text) in secrets.iter().chain(&maps) {
            fs::write(path(name), text).expect("a file");
        }
        let mut arguments = configuration(manifests);
        arguments.extend(["--aclfile".to_owned(), path("redis-users users.acl")]);
        let workload = workloads(manifests).into_iter().find(|workload| workload.name == "redis").expect("redis");
        let given = workload.container.args.expect("arguments");
        let is_tls = given.iter().any(|argument| argument == "--tls-port");
        let tls_port = Reservation::new();
        arguments.extend(given.iter().skip(1).map(|argument| match argument.strip_prefix("/etc/redis/tls/") {
            Some(name) => path(&format!("redis-tls {name}")),
            None if argument == "6379" => tls_port.port().to_string(),
            None => argument.clone(),
        }));
        let bus = Reservation::new();
        let bus_port = bus.port().to_string();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(more(&bus_port));
        let server = RedisServer::start(&arguments);
        let port = if is_tls { tls_port.port() } else { server.port() };
        // As probes do.
        let mut cli = vec!["-e".to_owned(), "-p".to_owned(), port.to_string()];
        let probe = workload.container.liveness_probe.and_then(|probe| probe.exec?.command).expect("a command");
        cli.extend(probe.iter().skip(2).take_while(|word| *word != "--user").map(|word| {
            word.strip_prefix("/etc/redis/tls/").map_or_else(|| word.clone(), |name| path(&format!("redis-tls {name}")))
        }));
        let files = ["analytics", "simulator"].map(|program| {
            let workload = workloads(manifests).into_iter().find(|workload| workload.name == program).expect("it");
            let files = workload.files().into_iter().filter(|(variable, _)| variable.starts_with("REDIS_"));
            let files = files.map(|(variable, (name, key))| (variable, folder.path().join(format!("{name} {key}"))));
            (program, files.collect())
        });
        let urls = ["analytics", "simulator"].map(|user| {
            let url = &secrets[&format!("{user}-redis url")];
            assert!(url.ends_with("@redis-service:6379"), "{url}");
            (user, url.replace("redis-service:6379", &format!("localhost:{port}")))
        });
        Self { _server: server, _ports: [tls_port, bus], cli, urls: urls.into(), files: files.into(), _folder: folder }
    }

    /// What `redis-cli` prints for an operator of the broker, whose password is in the container.
    fn ask(&self, password: &str, words: &[&str]) -> String {
        output(Command::new("redis-cli").args(&self.cli).args(words).env("REDISCLI_AUTH", password))
    }

    /// Starts one of our programs and connects it to the broker.
    fn run(&self, program: &str, variables: &[(&str, &str)]) -> Program {
        let mut command = built(program);
        command.envs(variables.iter().copied()).env("REDIS_URL", &self.urls[program]);
        Program::start(command.envs(self.files[program].iter().map(|(variable, path)| (variable, path))))
    }
}

/// The values of the Secrets by `name key`.
fn secrets(manifests: &Manifests) -> BTreeMap<String, String> {
    let all: Vec<Secret> = manifests.all();
    let values = |secret: Secret| {
        let name = secret.metadata.name.expect("a name");
        secret.string_data.unwrap_or_default().into_iter().map(move |(key, value)| (format!("{name} {key}"), value))
    };
    all.into_iter().flat_map(values).collect()
}

/// The values of the ConfigMaps by `name key`.
fn maps(manifests: &Manifests) -> BTreeMap<String, String> {
    let all: Vec<ConfigMap> = manifests.all();
    let values = |map: ConfigMap| {
        let name = map.metadata.name.expect("a name");
        map.data.unwrap_or_default().into_iter().map(move |(key, value)| (format!("{name} {key}"), value))
    };
    all.into_iter().flat_map(values).collect()
}

/// The configuration as arguments, except for the paths and ports that a test's server has of its own.
fn configuration(manifests: &Manifests) -> Vec<String> {
    let text = maps(manifests).remove("redis-config redis.conf").expect("the file");
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    let lines = lines.filter(|(name, _)| !["port", "dir", "aclfile"].contains(name));
    lines.flat_map(|(name, value)| [format!("--{name}"), value.trim_matches('"').to_owned()]).collect()
}

/// Waits until analytics tells that its pipeline is as wanted.
#[track_caller]
fn wait_for(analytics: &mut Program, address: SocketAddr, is_there: impl Fn(&Value) -> bool) {
    analytics.wait_for(address, path::PIPELINE, |answer| is_there(&answer.json()));
}

/// Two analytics and an antenna, each as its own user, go through everything that they do with the broker: an old
/// reading whose pane is dropped later, a rejected one, trimming, a standby, a handover. Redis records what it refuses.
fn the_rights_suffice(manifests: &Manifests, broker: &Broker) {
    let password = &secrets(manifests)["redis-users default-password"];
    let old = ["xadd", "antenna_stream", "*", "antenna_id", "old", "timestamp", "1000000", "packets", "1", "loss", "0"];
    broker.ask(password, &old);
    broker.ask(password, &["xadd", "antenna_stream", "*", "antenna_id", "incomplete"]);

    let settings = [("BIND", "127.0.0.1:0"), ("KEEP_ENTRIES", "10"), ("COMMIT_INTERVAL", "100ms")];
    let mut owner = broker.run("analytics", &settings);
    let owner_address = owner.address("analytics");
    // The first commit.
    wait_for(&mut owner, owner_address, |pipeline| {
        pipeline["totals"]["counted"] == 1 && pipeline["totals"]["rejected"]["missing_field"] == 1
    });
    let antennas = [("ANTENNA_ID", "antenna"), ("ANTENNAS", "2"), ("INTERVAL", "20ms"), ("COUNT", "20")];
    assert_eq!(broker.run("simulator", &antennas).wait(DEADLINE).code, Some(0));
    wait_for(&mut owner, owner_address, |pipeline| pipeline["totals"]["counted"] == 41);

    let mut standby = broker.run("analytics", &settings);
    let standby_address = standby.address("analytics");
    wait_for(&mut standby, standby_address, |pipeline| pipeline["phase"] == "standby");
    assert!(is_well("analytics", standby_address, path::LIVEZ) && !is_well("analytics", standby_address, path::READYZ));
    assert_eq!(owner.end(Signal::Terminate, DEADLINE).code, Some(0));
    wait_for(&mut standby, standby_address, |pipeline| {
        pipeline["phase"] == "running" && pipeline["totals"]["counted"] == 41 && pipeline["totals"]["imbalance"] == 0
    });
    assert!(is_well("analytics", standby_address, path::READYZ));
    http::get(standby_address, path::REJECTED, &[]).expect("an answer");
    let refused = broker.ask(password, &["acl", "log"]);
    assert_eq!(refused.trim(), "", "{}", manifests.source);
    let probe = broker.ask(password, &["--user", "probe", "ping"]);
    assert_eq!(probe.trim(), "PONG");
}

#[test]
fn on_minikube_the_programs_work_with_the_rights_of_their_users() {
    the_rights_suffice(&MINIKUBE, &Broker::start(&MINIKUBE));
}

#[test]
fn in_a_cluster_they_do_so_with_one_right_more() {
    the_rights_suffice(&MINIKUBE, &Broker::start_as_cluster(&MINIKUBE));
}

#[test]
fn in_production_they_do_so_over_tls() {
    the_rights_suffice(&PRODUCTION, &Broker::start(&PRODUCTION));
}

#[test]
fn where_certificates_are_demanded_they_show_theirs() {
    the_rights_suffice(&CLIENT_CERTIFICATES, &Broker::start(&CLIENT_CERTIFICATES));
}

#[test]
fn a_client_that_does_not_trust_the_certificate_does_not_talk() {
    let mut broker = Broker::start(&PRODUCTION);
    broker.files.insert("analytics", Vec::new());
    let mut analytics = broker.run("analytics", &[("BIND", "127.0.0.1:0")]);
    let address = analytics.address("analytics");
    wait_for(&mut analytics, address, |pipeline| pipeline["phase"] == "broker_away");
}

/// With the password, but without a certificate, nobody gets in: not as a program, and not as an operator.
#[test]
fn who_shows_no_certificate_where_one_is_demanded_is_refused() {
    let mut broker = Broker::start(&CLIENT_CERTIFICATES);
    for files in broker.files.values_mut() {
        files.retain(|(variable, _)| variable == "REDIS_CA_FILE");
    }
    for (program, variables) in [("analytics", &[("BIND", "127.0.0.1:0")][..]), ("simulator", &[])] {
        broker.run(program, variables).until("it is told so", |program| match program.log() {
            log if log.contains("the broker demands a certificate") => Ok(()),
            log => Err(log),
        });
    }
    let mut without = broker.cli.clone();
    for option in ["--cert", "--key"] {
        let place = without.iter().position(|word| word == option).expect("the probes show one");
        without.drain(place..place + 2);
    }
    let password = &secrets(&CLIENT_CERTIFICATES)["redis-users default-password"];
    let ping = |options: &[String]| {
        let mut command = Command::new("redis-cli");
        command.args(options).arg("ping").env("REDISCLI_AUTH", password).output().expect("redis-cli").status.success()
    };
    assert!(ping(&broker.cli) && !ping(&without));
}

#[test]
fn users_may_do_nothing_else() {
    let password = &secrets(&PRODUCTION)["redis-users default-password"];
    let broker = Broker::start(&PRODUCTION);
    let may = |user: &str, command: &str| {
        let words: Vec<&str> = ["acl", "dryrun", user].into_iter().chain(command.split(' ')).collect();
        broker.ask(password, &words).trim() == "OK"
    };
    for (user, allowed, refused) in [
        (
            "analytics",
            &[
                "xread streams antenna_stream 0",
                "hset {antenna_stream}:state a b",
                "xread streams antenna_stream:3 0",
                "hset {antenna_stream:3}:state a b",
                "ping",
            ][..],
            &[
                "del antenna_stream",
                "xadd antenna_stream * a b",
                "del {antenna_stream}:state",
                "get other",
                "xread streams antenna_stream2 0",
                "keys *",
                "config get *",
                "flushall",
                "acl list",
                "eval x 0",
                "client kill id 1",
            ][..],
        ),
        (
            "simulator",
            &["xadd antenna_stream * a b", "xadd antenna_stream:3 * a b", "multi"],
            &[
                "xread streams antenna_stream 0",
                "xadd other * a b",
                "xtrim antenna_stream maxlen 0",
                "del antenna_stream",
            ],
        ),
        ("probe", &["ping"], &["get a", "xlen antenna_stream", "info", "acl whoami"]),
        // It asks for the version before it asks for the lag.
        (
            "keda",
            &["info", "xinfo groups antenna_stream"],
            &["xread streams antenna_stream 0", "xinfo groups other", "xlen a", "config get *", "client list"],
        ),
    ] {
        for command in allowed {
            assert!(may(user, command), "{user} has to {command}");
        }
        for command in refused {
            assert!(!may(user, command), "{user} must not {command}");
        }
    }
}

/// The passwords of the cluster are newly generated each time, and the broker's file contains none of them.
#[test]
fn made_secrets_are_nobody_elses() {
    let secrets = secrets(&PRODUCTION);
    let users = &secrets["redis-users users.acl"];
    for known in ["vigia-operator", "vigia-analytics", "vigia-simulator", ">"] {
        assert!(!users.contains(known), "{known}");
    }
    for user in users.lines().filter(|line| !line.contains("nopass")) {
        let hash = user.split_once('#').expect("a hash").1.split(' ').next().unwrap_or_default();
        assert_eq!(hash.len(), 64, "{user}");
    }
    assert_eq!(users.lines().count(), 5, "{users}");
}
