//! The guides' commands do what the guides say.
//!
//! - [`document`]: a guide's blocks, and what their marks mean.
//! - [`output`]: whether what a command printed is what the guide shows.
//! - [`machine`]: runs the programs of a guide, each in a terminal of its own.
//! - [`cluster`]: judges the commands that need a cluster, without one.
//!
//! The programs lie beside `vigia` once the workspace has been built, as the test command does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cluster::Cluster;
use document::{Guide, Step};
use machine::Machine;

mod cluster;
mod document;
mod machine;
mod output;

/// A guide and the language that its pages are in, as a browser asks for it.
const ENGLISH: (&str, &str) = ("docs/guide.md", "en");
const SPANISH: (&str, &str) = ("docs/guide.es.md", "es");

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
    let (english, spanish) = (guide(ENGLISH), guide(SPANISH));
    let mut machine = Machine::start(&workspace());
    for (block, translated) in english.blocks.iter().zip(&spanish.blocks) {
        let place = format!("{}:{}", ENGLISH.0, block.line);
        match (&block.step, &translated.step) {
            (Step::Run { command, prints }, _) => machine.run(command, prints.as_deref(), &place),
            (Step::Keep { terminal, command }, _) => machine.keep(terminal, command),
            (Step::Interrupt { terminal }, _) => machine.interrupt(terminal, &place),
            (Step::Ended { terminal }, _) => machine.wait_for_end(terminal, &place),
            (Step::Page { path, says }, Step::Page { says: translation, .. }) => {
                machine.page(path, ENGLISH.1, says, &place);
                machine.page(path, SPANISH.1, translation, &format!("{}:{}", SPANISH.0, translated.line));
            }
            (Step::Cluster { .. }, _) => {}
            (step, other) => panic!("{place}: {step:?} is {other:?} in {}", SPANISH.0),
        }
    }
    assert_eq!(machine.running(), BTreeSet::new(), "the guide does not say that these end");
}

#[test]
fn the_cluster_has_what_the_guides_name() {
    let workspace = workspace();
    let mut cluster = Cluster::read(&workspace, &guide(ENGLISH));
    for block in guide(ENGLISH).blocks {
        let Step::Cluster { commands, prints, .. } = &block.step else { continue };
        let judged = commands.iter().try_for_each(|command| cluster.judge(command));
        let judged = judged.and_then(|()| cluster.judge_output(prints.as_deref().unwrap_or_default()));
        judged.unwrap_or_else(|error| panic!("{}:{}: {error}", ENGLISH.0, block.line));
    }
}

/// The check above finds what would go wrong on a cluster.
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
        ("kubecti get pods", "kubecti"),
    ] {
        let error = Cluster::read(&workspace(), &guide(ENGLISH)).judge(command).expect_err(command);
        assert!(error.contains(why), "{command}: {error}");
    }
}

/// On a machine with minikube: everything that the guide says of a cluster, in order.
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
