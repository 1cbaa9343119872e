//! The Redis Cluster as it is deployed: real servers with the configuration of the manifests, made a cluster by the Job's script.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use shared::testing::{DEADLINE, Ended, Program, until};
use tempfile::TempDir;

use crate::broker::{Broker, the_rights_suffice};
use crate::manifests::{CLUSTER, Manifests, PRODUCTION_CLUSTER};
use crate::workloads::workload;

const MASTERS: usize = 3;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    id: String,
    is_master: bool,
    /// Whose replica it is.
    master: String,
    slots: Vec<String>,
}

struct Cluster {
    manifests: &'static Manifests,
    broker: Broker,
}

impl Cluster {
    /// The servers, which do not know each other.
    fn start(manifests: &'static Manifests) -> Self {
        Self { manifests, broker: Broker::start(manifests) }
    }

    /// The servers as a cluster.
    fn created(manifests: &'static Manifests) -> Self {
        let cluster = Self::start(manifests);
        let ended = Program::run(&mut cluster.script("create"));
        assert_eq!(ended.code, Some(0), "{}", told(&ended));
        cluster
    }

    fn count(&self) -> usize {
        self.broker.servers.len()
    }

    /// The name of a server in what the script is told, at an address.
    fn name(&self, address: &str, number: usize) -> String {
        format!("{address}:{}@{}", self.broker.ports[number], self.broker.bus(number))
    }

    fn names(&self, address: &str) -> String {
        (0..self.count()).map(|number| self.name(address, number)).collect::<Vec<_>>().join(" ")
    }

    /// The script, mounted as for the Job, with its variables.
    fn script(&self, word: &str) -> Command {
        self.script_of("redis-cluster", "redis-ca", word)
    }

    /// The script as one of the servers calls it.
    fn script_at(&self, number: usize, word: &str) -> Command {
        let mut script = self.script_of("redis", "redis-tls", word);
        script.env("HERE", format!("127.0.0.1:{}", self.broker.ports[number]));
        script.env("SELF", self.name("127.0.0.1", number));
        script
    }

    fn script_of(&self, name: &str, tls: &str, word: &str) -> Command {
        let workload = workload(self.manifests, name);
        let mut script = Command::new("bash");
        script.args(["-c", r#"SCRIPT=$$ exec bash "$0" "$1""#]);
        script.arg(self.broker.mounted("redis-cluster").join("cluster.sh")).arg(word);
        script.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        for variable in ["MASTERS", "OPTIONS"] {
            let mounted = self.broker.mounted(tls);
            let value =
                workload.value(variable).map(|it| it.replace("/etc/redis/tls", mounted.to_str().expect("text")));
            script.envs(value.map(|value| (variable, value)));
        }
        script.env("REDISCLI_AUTH", &self.broker.password).env("NODES", self.names("127.0.0.1"));
        script
    }

    fn node(&self, number: usize) -> Node {
        let nodes = self.broker.ask_server(number, &["cluster", "nodes"]);
        let line = nodes.lines().find(|line| line.contains("myself")).expect("the server itself").to_owned();
        let words: Vec<&str> = line.split_whitespace().collect();
        Node {
            id: words[0].to_owned(),
            is_master: words[2].contains("master"),
            master: words[3].to_owned(),
            slots: words[8..].iter().map(|&slots| slots.to_owned()).collect(),
        }
    }

    fn nodes(&self) -> Vec<Node> {
        (0..self.count()).map(|number| self.node(number)).collect()
    }

    /// All slots are shared by as many masters as there are to be, and each of them has a replica.
    #[track_caller]
    fn assert_is_whole(&self) {
        let nodes = self.nodes();
        let (masters, replicas): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.is_master);
        let slots: BTreeSet<&str> = masters.iter().flat_map(|node| &node.slots).map(String::as_str).collect();
        assert_eq!(slots, BTreeSet::from(["0-5460", "5461-10921", "10922-16383"]), "{nodes:?}");
        let ids: BTreeSet<&String> = masters.iter().map(|node| &node.id).collect();
        let followed: BTreeSet<&String> = replicas.iter().map(|node| &node.master).collect();
        assert_eq!((ids.len(), &ids), (MASTERS, &followed), "{nodes:?}");
        assert_eq!(replicas.len(), MASTERS, "{nodes:?}");
        for number in 0..self.count() {
            let said = self.broker.ask_server(number, &["cluster", "info"]);
            assert!(said.contains("cluster_state:ok"), "{said}");
        }
    }

    #[track_caller]
    fn until_master(&self, number: usize) {
        let is_master = || match self.node(number) {
            node if node.is_master => Ok(()),
            node => Err(format!("{node:?}")),
        };
        until("the replica takes over", DEADLINE, is_master);
    }

    /// The number of the replica of a master.
    fn replica_of(&self, number: usize) -> usize {
        let nodes = self.nodes();
        nodes.iter().position(|node| node.master == nodes[number].id).expect("a replica")
    }
}

fn told(ended: &Ended) -> String {
    format!("{}{}", ended.output, ended.log)
}

/// A `redis-cli` that kills the script that calls it, behind so many changes of a cluster.
struct Breaking(TempDir);

impl Breaking {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let own = Command::new("sh").args(["-c", "command -v redis-cli"]).output().expect("a shell").stdout;
        let own = String::from_utf8(own).expect("a path");
        let text = format!(
            "#!/bin/sh\n{} \"$@\" || exit\ncase $* in *' cluster meet '* | *addslotsrange* | *' replicate '*)\n\
             echo change >>\"$COUNTED\"; [ \"$(wc -l <\"$COUNTED\")\" -lt \"$AT_MOST\" ] || kill -KILL \"$SCRIPT\" ;; esac\n",
            own.trim()
        );
        let path = folder.path().join("redis-cli");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
        Self(folder)
    }

    /// Lets a script make so many changes at most.
    fn run(&self, script: &mut Command, at_most: usize) -> Ended {
        let counted = self.0.path().join("counted");
        fs::write(&counted, "").expect("a file");
        let path = std::env::var("PATH").expect("a path");
        script.env("PATH", format!("{}:{path}", self.0.path().display()));
        Program::run(script.env("COUNTED", &counted).env("AT_MOST", at_most.to_string()))
    }
}

/// Broken off behind each of its steps, and started again each time, it ends with the same cluster; and once more, it does nothing.
#[test]
fn servers_become_a_cluster_however_often_the_job_is_interrupted() {
    let (cluster, breaking) = (Cluster::start(&CLUSTER), Breaking::new());
    let mut broken_off = 0;
    loop {
        let ended = breaking.run(&mut cluster.script("create"), broken_off + 1);
        if ended.code == Some(0) {
            break;
        }
        broken_off += 1;
        assert!(broken_off < 30, "{}", told(&ended));
    }
    assert!(broken_off > MASTERS, "it was interrupted at no step but its first ones: {broken_off}");
    cluster.assert_is_whole();
    let before = cluster.nodes();
    let again = Program::run(&mut cluster.script("create"));
    assert_eq!((again.code, again.output.trim()), (Some(0), "the cluster is well"), "{}", told(&again));
    assert_eq!(cluster.nodes(), before);
}

/// The Job waits for a server that is away, and changes nothing of who took over for it; a server that lost its volume is a
/// replica again.
#[test]
fn a_server_that_was_killed_comes_back_as_a_replica_with_its_volume_and_without() {
    let mut cluster = Cluster::created(&CLUSTER);
    for loses_its_volume in [false, true] {
        let number = cluster.nodes().iter().position(|node| node.is_master).expect("a master");
        let replica = cluster.replica_of(number);
        cluster.broker.servers[number].kill();
        // Who has lost his master may lack what that had, until he is one himself.
        let is_ready = || Program::run(&mut cluster.script_at(replica, "ready")).code == Some(0);
        until("the replica knows", DEADLINE, || if is_ready() { Err("it is ready") } else { Ok(()) });
        cluster.until_master(replica);
        assert!(is_ready());
        let mut waiting = Program::start(&mut cluster.script("create"));
        if loses_its_volume {
            let folder = cluster.broker.servers[number].folder();
            fs::remove_file(folder.join("nodes.conf")).expect("what it knows of the cluster");
            fs::remove_dir_all(folder.join("appendonlydir")).expect("its data");
        }
        waiting.assert_runs();
        cluster.broker.servers[number].restart();
        let ended = waiting.wait(DEADLINE);
        assert_eq!(ended.code, Some(0), "{}", told(&ended));
        cluster.assert_is_whole();
        assert!(cluster.node(replica).is_master && !cluster.node(number).is_master);
    }
}

/// A master that is told to stop hands over first, to a replica that has all that it has.
#[test]
fn a_master_that_leaves_is_replaced_before_it_stops() {
    for manifests in [&*CLUSTER, &*PRODUCTION_CLUSTER] {
        let cluster = Cluster::created(manifests);
        cluster.broker.ask(&["set", "key", "value"]);
        let nodes = cluster.nodes();
        let number = nodes.iter().position(|node| node.is_master).expect("a master");
        let replica = cluster.replica_of(number);
        for (number, is_master) in [(number, true), (replica, false)] {
            assert_eq!(cluster.node(number).is_master, is_master);
            let ready = Program::run(&mut cluster.script_at(number, "ready"));
            assert_eq!(ready.code, Some(0), "{}", told(&ready));
        }
        let left = Program::run(&mut cluster.script_at(number, "leave"));
        assert_eq!(left.code, Some(0), "{}", told(&left));
        assert!(!cluster.node(number).is_master);
        cluster.until_master(replica);
        assert_eq!(cluster.broker.ask(&["get", "key"]).trim(), "value");
        // Whoever has no slots has nothing to hand over.
        let left = Program::run(&mut cluster.script_at(number, "leave"));
        assert_eq!((left.code, cluster.node(replica).is_master), (Some(0), true), "{}", told(&left));
    }
}

/// Where all pods start anew, all have other addresses than those that the servers know: the probes tell them.
#[test]
fn servers_find_each_other_at_other_addresses() {
    const OTHER: &str = "127.0.0.2";
    let mut cluster = Cluster::created(&CLUSTER);
    let before: BTreeMap<String, Node> = cluster.nodes().into_iter().map(|node| (node.id.clone(), node)).collect();
    cluster.broker.servers.iter_mut().for_each(shared::testing::RedisServer::kill);
    for server in &mut cluster.broker.servers {
        server.restart_with(&["--bind", OTHER, "--cluster-announce-ip", OTHER], || ());
    }
    cluster.broker.cli.extend(["-h".to_owned(), OTHER.to_owned()]);
    for number in 0..cluster.count() {
        until("nobody is where he was", DEADLINE, || {
            let nodes = cluster.broker.ask_server(number, &["cluster", "nodes"]);
            if nodes.matches(" disconnected").count() == cluster.count() - 1 { Ok(()) } else { Err(nodes) }
        });
    }
    let is_well = |number: usize| {
        let all =
            cluster.broker.ask_server(number, &["cluster", "nodes"]).matches(" connected").count() == cluster.count();
        all && cluster.broker.ask_server(number, &["cluster", "info"]).contains("cluster_state:ok")
    };
    until("they find each other", DEADLINE, || {
        for number in 0..cluster.count() {
            let mut ready = cluster.script_at(number, "ready");
            ready.env("HERE", format!("{OTHER}:{}", cluster.broker.ports[number]));
            let asked = Program::run(ready.env("SELF", cluster.name(OTHER, number)).env("NODES", cluster.names(OTHER)));
            assert!([Some(0), Some(1)].contains(&asked.code), "{}", told(&asked));
        }
        if (0..cluster.count()).all(is_well) { Ok(()) } else { Err(cluster.broker.ask(&["cluster", "nodes"])) }
    });
    let after: BTreeMap<String, Node> = cluster.nodes().into_iter().map(|node| (node.id.clone(), node)).collect();
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    cluster.assert_is_whole();
}

#[test]
fn a_cluster_that_was_not_made_in_time_is_told() {
    let mut cluster = Cluster::start(&CLUSTER);
    cluster.broker.servers[4].kill();
    let ended = Program::run(cluster.script("create").env("WAIT", "1"));
    assert_eq!(ended.code, Some(1), "{}", told(&ended));
    let expected = format!("given up after 1 s: {} does not answer\n", cluster.name("127.0.0.1", 4));
    assert_eq!(ended.log, expected);
    let usage = Program::run(&mut cluster.script("creates"));
    assert_eq!(usage.code, Some(2));
    assert!(usage.log.contains("cluster.sh create"), "{}", usage.log);
}

#[test]
fn in_a_cluster_the_programs_work_with_the_rights_of_their_users() {
    the_rights_suffice(&CLUSTER, &Cluster::created(&CLUSTER).broker);
}

#[test]
fn in_a_cluster_in_production_they_do_so_over_tls() {
    the_rights_suffice(&PRODUCTION_CLUSTER, &Cluster::created(&PRODUCTION_CLUSTER).broker);
}
