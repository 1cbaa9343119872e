//! The compose file: the images and settings of the manifests, on one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::manifests::{MINIKUBE, PARTS, root};
use crate::programs::check_settings;
use crate::workloads::workloads;

/// The user and group `redis` of the image, which own its folder `/data`.
const REDIS: &str = "999:999";

fn text() -> String {
    fs::read_to_string(root().join("deploy/compose.yaml")).expect("the compose file")
}

fn services() -> serde_json::Map<String, Value> {
    let mut file: Value = serde_saphyr::from_str(&text()).expect("YAML");
    let Value::Object(services) = file["services"].take() else { panic!("services are a mapping") };
    services
}

#[test]
fn it_runs_the_same_images_as_the_manifests() {
    let services = services();
    assert_eq!(services.keys().map(String::as_str).collect::<BTreeSet<_>>(), PARTS.into());
    for workload in workloads(&MINIKUBE) {
        let service = &services[&workload.name];
        assert_eq!(service["image"].as_str(), workload.container.image.as_deref(), "{}", workload.name);
        if workload.name != "redis" {
            let dockerfile = format!("deploy/{}.Dockerfile", workload.name);
            assert_eq!(service["build"]["dockerfile"], dockerfile.as_str());
        }
        assert_eq!((&service["read_only"], &service["cap_drop"][0]), (&Value::Bool(true), &Value::from("ALL")));
    }
}

#[test]
fn its_variables_are_settings_of_the_programs() {
    for (name, service) in services() {
        let Some(variables) = service["environment"].as_object() else { continue };
        // Without a value, it is that of who starts compose.
        let text = |value: &Value| if value.is_null() { None } else { Some(value.as_str().expect("text").to_owned()) };
        let variables: BTreeMap<_, _> = variables.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        check_settings(&name, &variables);
        // A host that is named is a service that shares a network.
        let address = variables.get("REDIS_URL").or(variables.get("ANALYTICS_URL")).cloned().flatten().expect("one");
        let host = address.split_once("://").and_then(|(_, rest)| rest.split(':').next()).expect("a host");
        let networks = |name: &str| {
            let networks = services()[name]["networks"].as_array().expect("networks").clone();
            networks.iter().map(|network| network.as_str().expect("a name").to_owned()).collect::<BTreeSet<_>>()
        };
        assert!(!networks(&name).is_disjoint(&networks(host)), "{name} cannot reach {host}");
    }
}

/// Readings can flow only the intended way, as with the network policies.
#[test]
fn only_neighbours_share_a_network() {
    let services = services();
    let mut pairs = BTreeSet::new();
    for (one, about_one) in &services {
        for (other, about_other) in services.iter().filter(|(other, _)| *other > one) {
            let shared = about_one["networks"].as_array().expect("networks").iter();
            if shared.clone().any(|network| about_other["networks"].as_array().expect("networks").contains(network)) {
                pairs.insert(format!("{one} {other}"));
            }
        }
        assert_eq!(
            about_one["ports"].is_array(),
            one == "dashboard",
            "only the page is open, and on this machine only"
        );
    }
    // The clients of Redis share a network, where analytics and the simulator have nothing to say to each other.
    let expected = ["analytics dashboard", "analytics redis", "analytics simulator", "redis simulator"];
    assert_eq!(pairs, expected.map(str::to_owned).into());
    assert!(services["dashboard"]["ports"][0].as_str().is_some_and(|port| port.starts_with("127.0.0.1:")));
}

/// A new volume belongs to the owner of the folder in the image, and without capabilities nobody else may write there.
#[test]
fn who_has_a_volume_may_write_it() {
    for (name, service) in services() {
        let mounts = service["volumes"].as_array().cloned().unwrap_or_default();
        if name == "redis" {
            assert_eq!(mounts, ["redis-data:/data"]);
            assert_eq!(service["user"], REDIS);
        } else {
            assert!(mounts.is_empty() && service["user"].is_null(), "{name} runs as its image says");
        }
    }
}

/// The head of the file tells anyone who scales how many antennas that makes.
#[test]
fn the_head_says_how_many_antennas_a_container_is() {
    let antennas = services()["simulator"]["environment"]["ANTENNAS"].clone();
    let head = format!("`--scale simulator=N`, which makes N times {}", antennas.as_str().expect("a number"));
    let text = text().lines().map(|line| line.trim_start_matches("# ")).collect::<Vec<_>>().join(" ");
    assert!(text.contains(&head), "{head}");
}
