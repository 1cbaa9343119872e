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

use crate::manifests::{CLIENT_CERTIFICATES, MINIKUBE, Manifests, PRODUCTION, PRODUCTION_CLUSTER, output};
use crate::programs::is_well;
use crate::workloads::workload;

/// The servers of one overlay: the only one, or all of a cluster.
pub(crate) struct Broker {
    pub(crate) servers: Vec<RedisServer>,
    /// Where clients connect.
    pub(crate) ports: Vec<u16>,
    reserved: Vec<[Reservation; 2]>,
    /// Options with which `redis-cli` connects to any of them.
    pub(crate) cli: Vec<String>,
    urls: BTreeMap<&'static str, String>,
    /// The variables of each program that name files, and the files, as they would be mounted; and others that tell of the broker.
    files: BTreeMap<&'static str, Vec<(String, PathBuf)>>,
    told: BTreeMap<&'static str, Vec<(String, String)>>,
    /// The operator's.
    pub(crate) password: String,
    folder: TempDir,
}

impl Broker {
    /// Starts what the manifests start. Servers of a cluster do not know each other yet; see `cluster`.
    pub(crate) fn start(manifests: &Manifests) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str, key: &str| folder.path().join(name).join(key).to_str().expect("text").to_owned();
        let (secrets, maps) = (secrets(manifests), maps(manifests));
        for (name, text) in secrets.iter().chain(&maps) {
            let (name, key) = name.split_once(' ').expect("a name and a key");
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
            fs::write(path(name, key), text).expect("a file");
        }
        let password = secrets["redis-users default-password"].clone();
        let redis = workload(manifests, "redis");
        let given = redis.container.args.expect("arguments");
        let is_tls = given.iter().any(|argument| argument == "--tls-port");
        let count = if manifests.has_cluster() { redis.replicas.expect("a number") } else { 1 };
        let reserved: Vec<_> = (0..count).map(|_| [Reservation::new(), Reservation::new()]).collect();
        let start = |[tls_port, bus]: &[Reservation; 2]| {
            let mut arguments = configuration(manifests);
            arguments.extend(["--aclfile".to_owned(), path("redis-users", "users.acl")]);
            arguments.extend(given.iter().skip(1).map(|argument| match argument.strip_prefix("/etc/redis/") {
                Some(file) => {
                    let (kind, key) = file.split_once('/').expect("a file of a folder");
                    path(&format!("redis-{kind}"), key)
                }
                None if argument == "6379" => tls_port.port().to_string(),
                None if argument.starts_with("$(POD_NAME)") => "localhost".to_owned(),
                None => argument.replace("$(POD_IP)", "127.0.0.1").replace("$(REDISCLI_AUTH)", &password),
            }));
            if manifests.has_cluster() {
                arguments.extend(["--cluster-port".to_owned(), bus.port().to_string()]);
            }
            RedisServer::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let servers: Vec<RedisServer> = reserved.iter().map(start).collect();
        let port = |(server, [tls_port, _]): (&RedisServer, &[Reservation; 2])| {
            if is_tls { tls_port.port() } else { server.port() }
        };
        let ports: Vec<u16> = servers.iter().zip(&reserved).map(port).collect();
        // As probes do.
        let probe = redis.container.liveness_probe.and_then(|probe| probe.exec?.command).expect("a command");
        let words = probe.iter().skip(2).take_while(|word| *word != "--user");
        let word = |word: &String| {
            word.strip_prefix("/etc/redis/tls/").map_or_else(|| word.clone(), |key| path("redis-tls", key))
        };
        let mut cli: Vec<String> = std::iter::once("-e".to_owned()).chain(words.map(word)).collect();
        if manifests.has_cluster() {
            // Goes where the key is.
            cli.push("-c".to_owned());
        }
        let programs = ["analytics", "simulator"].map(|name| (name, workload(manifests, name)));
        let files = programs.each_ref().map(|(name, workload)| {
            let files = workload.files().into_iter().filter(|(variable, _)| variable.starts_with("REDIS_"));
            (*name, files.map(|(variable, (name, key))| (variable, folder.path().join(name).join(key))).collect())
        });
        let told = programs.map(|(name, workload)| {
            let variables = ["STREAM_PARTITIONS", "CONFIRM_REPLICAS"];
            let told = variables.iter().filter_map(|it| Some(((*it).to_owned(), workload.value(it)?.to_owned())));
            (name, told.collect())
        });
        let hosts: Vec<String> = ports.iter().map(|port| format!("localhost:{port}")).collect();
        let urls = ["analytics", "simulator"].map(|user| {
            let url = &secrets[&format!("{user}-redis url")];
            assert!(url.ends_with("@redis-service:6379"), "{url}");
            (user, url.replace("redis-service:6379", &hosts.join(",")))
        });
        let (urls, files, told) = (urls.into(), files.into(), told.into());
        Self { servers, ports, reserved, cli, urls, files, told, password, folder }
    }

    /// What `redis-cli` prints for an operator of the broker, whose password is in the container.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        self.ask_server(0, words)
    }

    /// The same, begun at one of the servers.
    pub(crate) fn ask_server(&self, number: usize, words: &[&str]) -> String {
        output(self.client(number).args(words).env("REDISCLI_AUTH", &self.password))
    }

    fn client(&self, number: usize) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.ports[number].to_string()]).args(&self.cli);
        command
    }

    /// The ports of the clusters' bus.
    pub(crate) fn bus(&self, number: usize) -> u16 {
        self.reserved[number][1].port()
    }

    /// A file of a Secret or ConfigMap, as it would be mounted.
    pub(crate) fn mounted(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts one of our programs and connects it to the broker.
    fn run(&self, program: &str, variables: &[(&str, &str)]) -> Program {
        let mut command = built(program);
        command.envs(variables.iter().copied()).env("REDIS_URL", &self.urls[program]);
        command.envs(self.told[program].iter().map(|(variable, value)| (variable, value)));
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
/// reading whose pane is dropped later, a rejected one, trimming, a second process, a handover. Redis records what it refuses.
pub(crate) fn the_rights_suffice(manifests: &Manifests, broker: &Broker) {
    let old = ["xadd", "antenna_stream", "*", "antenna_id", "old", "timestamp", "1000000", "packets", "1", "loss", "0"];
    broker.ask(&old);
    broker.ask(&["xadd", "antenna_stream", "*", "antenna_id", "incomplete"]);

    let settings = [("BIND", "127.0.0.1:0"), ("KEEP_ENTRIES", "10"), ("COMMIT_INTERVAL", "100ms")];
    let mut one = broker.run("analytics", &settings);
    let one_address = one.address("analytics");
    // The first commit.
    wait_for(&mut one, one_address, |pipeline| {
        pipeline["totals"]["counted"] == 1 && pipeline["totals"]["rejected"]["missing_field"] == 1
    });
    let publish = |name: &str| {
        let antennas = [("ANTENNA_ID", name), ("ANTENNAS", "2"), ("INTERVAL", "20ms"), ("COUNT", "20")];
        let ended = broker.run("simulator", &antennas).wait(DEADLINE);
        assert_eq!(ended.code, Some(0), "{}", ended.log);
    };
    publish("antenna");
    wait_for(&mut one, one_address, |pipeline| pipeline["totals"]["counted"] == 41);

    // They know of each other, and either answers for all, whoever owns what.
    let mut other = broker.run("analytics", &settings);
    let other_address = other.address("analytics");
    let members = || broker.ask(&["hlen", "{antenna_stream}:members"]).trim().to_owned();
    until("there are two members", DEADLINE, || if members() == "2" { Ok(()) } else { Err(members()) });
    for (process, address) in [(&mut one, one_address), (&mut other, other_address)] {
        wait_for(process, address, |pipeline| {
            pipeline["phase"] == "running"
                && pipeline["totals"]["counted"] == 41
                && pipeline["totals"]["imbalance"] == 0
        });
        assert!(is_well("analytics", address, path::LIVEZ) && is_well("analytics", address, path::READYZ));
    }
    assert_eq!(one.end(Signal::Terminate, DEADLINE).code, Some(0));
    assert_eq!(members(), "1", "it left");
    publish("another");
    wait_for(&mut other, other_address, |pipeline| {
        pipeline["phase"] == "running" && pipeline["totals"]["counted"] == 81 && pipeline["totals"]["imbalance"] == 0
    });
    http::get(other_address, path::REJECTED, &[]).expect("an answer");
    for number in 0..broker.servers.len() {
        assert_eq!(broker.ask_server(number, &["acl", "log"]).trim(), "", "{}", manifests.source);
        let probe = broker.ask_server(number, &["--user", "probe", "ping"]);
        assert_eq!(probe.trim(), "PONG");
    }
}

#[test]
fn on_minikube_the_programs_work_with_the_rights_of_their_users() {
    the_rights_suffice(&MINIKUBE, &Broker::start(&MINIKUBE));
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
    let ping = |broker: &Broker| {
        let mut client = broker.client(0);
        client.arg("ping").env("REDISCLI_AUTH", &broker.password).output().expect("redis-cli").status.success()
    };
    assert!(ping(&broker));
    broker.cli = without;
    assert!(!ping(&broker));
}

#[test]
fn users_may_do_nothing_else() {
    let broker = Broker::start(&PRODUCTION);
    let may = |user: &str, command: &str| {
        let words: Vec<&str> = ["acl", "dryrun", user].into_iter().chain(command.split(' ')).collect();
        broker.ask(&words).trim() == "OK"
    };
    for (user, allowed, refused) in [
        (
            "analytics",
            &[
                "xread streams antenna_stream 0",
                "hset {antenna_stream}:state a b",
                "xread streams antenna_stream:3 0",
                "hset {antenna_stream:3}:state a b",
                "hset {antenna_stream}:members a b",
                "hgetall {antenna_stream}:members",
                "hdel {antenna_stream}:members a",
                "get {antenna_stream}:alerts",
                "set {antenna_stream}:alerts a",
                "cluster shards",
                "ping",
            ][..],
            &[
                "del antenna_stream",
                "xadd antenna_stream * a b",
                "del {antenna_stream}:state",
                "del {antenna_stream}:members",
                "del {antenna_stream}:alerts",
                "set {antenna_stream:3}:alerts a",
                "hset {antenna_stream:3}:members a b",
                "hgetall {antenna_stream}:state",
                "cluster nodes",
                "cluster reset",
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
            &["xadd antenna_stream * a b", "xadd antenna_stream:3 * a b", "multi", "cluster shards"],
            &[
                "cluster nodes",
                "hset {antenna_stream}:members a b",
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

/// The passwords of an installation are newly generated each time, and the broker's file contains none of them.
#[test]
fn made_secrets_are_nobody_elses() {
    for (manifests, expected) in [(&PRODUCTION, 5), (&PRODUCTION_CLUSTER, 4)] {
        let secrets = secrets(manifests);
        let users = &secrets["redis-users users.acl"];
        let is_of_keda = users.contains("user keda ");
        // With a cluster, KEDA asks Prometheus.
        assert_eq!((users.lines().count(), is_of_keda), (expected, expected == 5), "{users}");
        are_nobody_elses(users);
    }
}

fn are_nobody_elses(users: &str) {
    for known in ["vigia-operator", "vigia-analytics", "vigia-simulator", ">"] {
        assert!(!users.contains(known), "{known}");
    }
    for user in users.lines().filter(|line| !line.contains("nopass")) {
        let hash = user.split_once('#').expect("a hash").1.split(' ').next().unwrap_or_default();
        assert_eq!(hash.len(), 64, "{user}");
    }
}
