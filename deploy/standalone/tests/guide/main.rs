//! The guides' commands do what the guides say.
//!
//! - [`document`]: a guide's blocks, and what their marks mean.
//! - [`output`]: whether a command printed what the guide shows.
//! - [`machine`]: runs the programs of a guide, each in a terminal of its own.
//! - [`cluster`]: checks the commands that need a cluster, without one.
//!
//! The programs are next to `vigia` once the workspace has been built, as the test command does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cluster::Cluster;
use document::{Guide, Step};
use machine::Machine;

mod cluster;
mod document;
mod machine;
mod output;

/// A guide, and the language in which a browser asks for its pages.
const ENGLISH: (&str, &str) = ("docs/guide.md", "en");
const SPANISH: (&str, &str) = ("docs/guide.es.md", "es");
/// Other documents with commands for a cluster.
const OPERATIONS: (&str, &str) = ("docs/operations.md", "en");
const MIGRATING: (&str, &str) = ("docs/migrating.md", "en");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

fn guide((path, _): (&str, &str)) -> Guide {
    let text = std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Guide::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn both_guides_have_the_same_commands_in_the_same_order() {
    let (english, spanish) = (guide(ENGLISH), guide(SPANISH));
    for (one, other) in english.blocks.iter().zip(&spanish.blocks) {
        let place = format!("guide.md:{} and guide.es.md:{}", one.line, other.line);
        match (&one.step, &other.step) {
            // What a page says is in the reader's language; the programs and their commands speak English.
            (Step::Page { path, says }, Step::Page { path: other_path, says: other_says }) => {
                assert_eq!((path, says.len()), (other_path, other_says.len()), "{place}");
            }
            (step, other_step) => assert_eq!(step, other_step, "{place}"),
        }
    }
    assert_eq!(english.blocks.len(), spanish.blocks.len(), "one guide ends before the other");
    assert_eq!(english.headings, spanish.headings, "the depths of the headings");
}

#[test]
fn the_programs_do_what_the_guides_say() {
    follow(ENGLISH, SPANISH);
}

#[test]
fn the_programs_do_what_is_said_of_migrating() {
    follow(MIGRATING, MIGRATING);
}

/// Does what a guide says, and checks its pages in the language of a translation too.
fn follow(original: (&str, &str), translation: (&str, &str)) {
    let (guides, mut machine) = ([guide(original), guide(translation)], Machine::start(&workspace()));
    for (block, translated) in guides[0].blocks.iter().zip(&guides[1].blocks) {
        let place = format!("{}:{}", original.0, block.line);
        match (&block.step, &translated.step) {
            (Step::Run { command, prints }, _) => machine.run(command, prints.as_deref(), &place),
            (Step::Keep { terminal, command }, _) => machine.keep(terminal, command),
            (Step::Interrupt { terminal }, _) => machine.interrupt(terminal, &place),
            (Step::Ended { terminal }, _) => machine.wait_for_end(terminal, &place),
            (Step::Page { path, says }, Step::Page { says: says_too, .. }) => {
                machine.page(path, original.1, says, &place);
                machine.page(path, translation.1, says_too, &format!("{}:{}", translation.0, translated.line));
            }
            (Step::Cluster { .. }, _) => {}
            (step, other) => panic!("{place}: {step:?} is {other:?} in {}", translation.0),
        }
    }
    assert_eq!(machine.running(), BTreeSet::new(), "{} does not say that these end", original.0);
}

#[test]
fn the_cluster_has_what_the_guides_name() {
    judge(ENGLISH, Cluster::of_guide(&workspace(), &guide(ENGLISH)));
}

#[test]
fn the_cluster_has_what_operations_and_migrating_name() {
    judge(OPERATIONS, Cluster::read(&workspace()));
    judge(MIGRATING, Cluster::read(&workspace()));
}

fn judge(document: (&str, &str), mut cluster: Cluster) {
    for block in guide(document).blocks {
        let Step::Cluster { commands, prints, .. } = &block.step else { continue };
        let judged = commands.iter().try_for_each(|command| cluster.judge(command));
        let judged = judged.and_then(|()| cluster.judge_output(prints.as_deref().unwrap_or_default()));
        judged.unwrap_or_else(|error| panic!("{}:{}: {error}", document.0, block.line));
    }
}

/// A pod that is told to stop still commits, so its state may be changed only once it is gone; KEDA would start
/// another.
#[test]
fn who_stops_analytics_pauses_keda_and_waits_until_it_has_stopped() {
    let blocks = guide(OPERATIONS).blocks;
    let commands: Vec<Vec<&str>> = blocks
        .iter()
        .map(|block| match &block.step {
            Step::Cluster { commands, .. } => commands.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        })
        .collect();
    let mut count = 0;
    for neighbours in commands.windows(3) {
        let [before, stopped, after] = neighbours else { continue };
        if stopped.first() != Some(&"kubectl -n vigia scale deployment/analytics --replicas=0") {
            continue;
        }
        assert_eq!(stopped[1], "kubectl -n vigia wait pods -l app=analytics --for=delete --timeout=60s");
        assert_eq!(before[0], "kubectl -n vigia annotate scaledobject/analytics autoscaling.keda.sh/paused=true");
        assert_eq!(after[0], "kubectl -n vigia annotate scaledobject/analytics autoscaling.keda.sh/paused-");
        count += 1;
    }
    assert_eq!(count, 4, "importing, another number of partitions, going back, and restoring");
}

/// The checks above find what would fail on a cluster.
#[test]
fn what_a_cluster_does_not_have_is_found() {
    for (command, why) in [
        ("minikube image build -t dashboard:v2 -f deploy/Dashboard.Dockerfile .", "deploy/Dashboard.Dockerfile"),
        ("minikube image build -t dashbord:v2 -f deploy/dashboard.Dockerfile .", "dashbord"),
        ("minikube image list", "minikube"),
        ("minikube service dashboard --namespace vigia", "dashboard"),
        ("kubectl apply -f deploy/k8s/dashboard.yaml", "deploy/k8s/dashboard.yaml"),
        ("kubectl apply -f deploy/k8s/base/dashboard.yaml", "dashboard:v1 has not been built"),
        ("kubectl rollout status deployment/dashbord", "dashbord"),
        ("kubectl get deployment dashbord -o wide", "dashbord"),
        ("kubectl get pods -l app=antenna", "app=antenna"),
        ("kubectl get pods --selector-by app=analytics", "--selector-by"),
        ("kubectl set image deployment/dashboard page=dashboard:v1", "page"),
        ("kubectl set image deployment/dashboard dashboard=dashboard:v9", "dashboard:v9 has not been built"),
        ("kubectl set env deployment/dashboard MOK=true", "MOK"),
        ("kubectl scale deployment/simulator", "replicas"),
        ("kubectl exec deployment/redis -- redis-cli PONG", "PONG"),
        ("kubectl logs service/analytics", "analytics"),
        ("kubectl delete namespace vigía", "vigía"),
        ("kubectl annotate scaledobject/analytic autoscaling.keda.sh/paused=true", "ScaledObject analytic"),
        ("kubectl apply --dry-run=sever -k deploy/k8s/overlays/production", "sever"),
        ("kubectl -n vigai get pods", "vigai"),
        ("deploy/k8s/overlays/production/secret.sh | kubectl apply -f -", "secret.sh"),
        ("kubecti get pods", "neither minikube nor kubectl"),
    ] {
        let error = Cluster::of_guide(&workspace(), &guide(ENGLISH)).judge(command).expect_err(command);
        assert!(error.contains(why), "{command}: {error}");
    }
}

/// On a machine with minikube: everything that the guide does with a cluster, in order.
#[test]
#[ignore = "needs minikube, and takes an hour where images are built for the first time"]
fn a_cluster_does_what_the_guides_say() {
    let mut machine = Machine::as_it_is(&workspace());
    for block in guide(ENGLISH).blocks {
        let Step::Cluster { commands, prints, terminal } = &block.step else { continue };
        let command = commands.join("\n");
        match terminal {
            Some(terminal) => machine.keep(terminal, &command),
            None => machine.run(&command, prints.as_deref(), &format!("{}:{}", ENGLISH.0, block.line)),
        }
    }
}
