//! Manifests as typed objects: anything that Kubernetes would not understand is an error, including an unknown field.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The parts, as their files, Deployments and labels are named.
pub(crate) const PARTS: [&str; 4] = ["redis", "analytics", "dashboard", "simulator"];

/// The minikube overlay.
pub(crate) static MINIKUBE: LazyLock<Manifests> = LazyLock::new(|| Manifests::overlay("minikube"));

/// The same with somebody who is told of incidents, and with what antennas are.
pub(crate) static ALERTING: LazyLock<Manifests> = LazyLock::new(|| Manifests::overlay("alerting"));

/// The production overlay, with the Secrets generated for it.
pub(crate) static PRODUCTION: LazyLock<Manifests> =
    LazyLock::new(|| Manifests::overlay("production").with(Manifests::made_secrets(&[])));

/// The same with a broker that demands certificates of its clients.
pub(crate) static CLIENT_CERTIFICATES: LazyLock<Manifests> =
    LazyLock::new(|| Manifests::overlay("client-certificates").with(Manifests::made_secrets(&[])));

/// The minikube overlay with a Redis Cluster.
pub(crate) static CLUSTER: LazyLock<Manifests> = LazyLock::new(|| Manifests::overlay("cluster"));

/// The production overlay with one.
pub(crate) static PRODUCTION_CLUSTER: LazyLock<Manifests> =
    LazyLock::new(|| Manifests::overlay("production-cluster").with(Manifests::made_secrets(&["--cluster"])));

/// All of them.
pub(crate) fn overlays() -> [&'static Manifests; 6] {
    [&MINIKUBE, &ALERTING, &PRODUCTION, &CLIENT_CERTIFICATES, &CLUSTER, &PRODUCTION_CLUSTER]
}

/// The objects of one source.
pub(crate) struct Manifests {
    pub(crate) source: String,
    objects: Vec<Value>,
}

impl Manifests {
    /// A file of the base, unchanged.
    pub(crate) fn file(part: &str) -> Self {
        Self::read(&format!("deploy/k8s/base/{part}.yaml"))
    }

    /// Any file, unchanged.
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self::parse(path.to_owned(), &text)
    }

    pub(crate) fn overlay(name: &str) -> Self {
        let source = format!("deploy/k8s/overlays/{name}");
        let text = output(Command::new("kubectl").arg("kustomize").arg(root().join(&source)));
        Self::parse(source, &text)
    }

    fn made_secrets(options: &[&str]) -> Self {
        let source = "deploy/k8s/overlays/production/secrets.sh".to_owned();
        let text = output(Command::new(root().join(&source)).args(options));
        Self::parse(source, &text)
    }

    fn parse(source: String, text: &str) -> Self {
        let mut objects: Vec<Value> =
            serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{source}: {error}"));
        for object in objects.iter_mut().filter(|object| object["kind"] == "Secret") {
            // Kubernetes skips the line breaks that kustomize puts into Base64.
            for value in object["data"].as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
                *value = value.as_str().map(|text| text.replace('\n', "")).into();
            }
        }
        Self { source, objects }
    }

    fn with(mut self, other: Self) -> Self {
        self.objects.extend(other.objects);
        self
    }

    /// Whether it is for a shared cluster, with Secrets and images of its own.
    pub(crate) fn is_for_production(&self) -> bool {
        ["production", "client-certificates", "production-cluster"].iter().any(|name| self.source.ends_with(name))
    }

    /// Whether its broker is a Redis Cluster.
    pub(crate) fn has_cluster(&self) -> bool {
        self.source.ends_with("cluster")
    }

    /// All objects of a type.
    pub(crate) fn all<K: Resource + DeserializeOwned>(&self) -> Vec<K> {
        let is_one = |object: &&Value| object["apiVersion"] == K::API_VERSION && object["kind"] == K::KIND;
        self.objects.iter().filter(is_one).map(|object| self.strict(object)).collect()
    }

    /// The only object of a kind that Kubernetes itself does not define.
    pub(crate) fn custom<T: DeserializeOwned>(&self, kind: &str) -> T {
        let mut found = self.objects.iter().filter(|object| object["kind"] == kind);
        let (Some(object), None) = (found.next(), found.next()) else { panic!("{}: not one {kind}", self.source) };
        self.strict(object)
    }

    /// Kinds and names, like `Deployment/redis`.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |object: &Value| {
            format!("{}/{}", object["kind"].as_str().unwrap_or("?"), object["metadata"]["name"].as_str().unwrap_or("?"))
        };
        self.objects.iter().map(name).collect()
    }

    fn strict<T: DeserializeOwned>(&self, object: &Value) -> T {
        let mut unknown = Vec::new();
        let typed = serde_ignored::deserialize(object, |path| unknown.push(path.to_string()));
        let name = format!("{}: {}/{}", self.source, object["kind"], object["metadata"]["name"]);
        assert!(unknown.is_empty(), "{name} has fields that nobody knows: {unknown:?}");
        typed.unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a command prints; if it fails, so does the test.
pub(crate) fn output(command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}); deploy/test.sh installs what is missing"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Every object is of a kind that is known here, and is parsed strictly.
#[test]
fn every_field_of_every_object_is_known() {
    const CUSTOM: [&str; 4] = ["ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PrometheusRule"];
    for manifests in overlays() {
        let known = manifests.all::<Namespace>().len()
            + manifests.all::<ConfigMap>().len()
            + manifests.all::<Secret>().len()
            + manifests.all::<PersistentVolumeClaim>().len()
            + manifests.all::<Service>().len()
            + manifests.all::<Deployment>().len()
            + manifests.all::<StatefulSet>().len()
            + manifests.all::<Job>().len()
            + manifests.all::<PodDisruptionBudget>().len()
            + manifests.all::<NetworkPolicy>().len()
            + manifests.all::<Ingress>().len()
            + manifests.all::<HorizontalPodAutoscaler>().len();
        let custom =
            manifests.objects.iter().filter(|object| CUSTOM.iter().any(|kind| object["kind"] == *kind)).count();
        assert_eq!(known + custom, manifests.objects.len(), "{}: {:?}", manifests.source, manifests.names());
    }
}

#[test]
fn an_unknown_field_is_an_error() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIp: None}\n";
    let misspelt = Manifests::parse("a test".to_owned(), text);
    assert!(std::panic::catch_unwind(|| misspelt.all::<Service>()).is_err());
}

#[test]
fn the_overlays_have_all_that_the_files_have() {
    for part in PARTS {
        let file = Manifests::file(part);
        for manifests in overlays() {
            // A Redis Cluster stands in place of the one server.
            let is_replaced = |name: &str| {
                manifests.has_cluster() && ["Deployment/redis", "PersistentVolumeClaim/redis-data"].contains(&name)
            };
            for name in file.names().into_iter().filter(|name| !is_replaced(name)) {
                assert!(manifests.names().contains(&name), "{} lacks {name}", manifests.source);
            }
        }
    }
}

/// Anyone who applies a single file chooses the namespace.
#[test]
fn a_file_names_no_namespace() {
    for part in PARTS {
        for object in &Manifests::file(part).objects {
            assert!(object["metadata"]["namespace"].is_null(), "{part}.yaml");
        }
    }
}

/// What is applied together ends up in the same namespace; only the namespace itself is in none.
#[test]
fn an_overlay_is_one_namespace_that_refuses_pods_with_privileges() {
    for manifests in overlays() {
        let namespaces: Vec<Namespace> = manifests.all();
        let [namespace] = namespaces.as_slice() else { panic!("{}: not one namespace", manifests.source) };
        let labels = namespace.metadata.labels.clone().unwrap_or_default();
        assert_eq!(labels.get("pod-security.kubernetes.io/enforce").map(String::as_str), Some("restricted"));
        for object in manifests.objects.iter().filter(|object| object["kind"] != "Namespace") {
            let found = object["metadata"]["namespace"].as_str();
            assert_eq!(
                found,
                namespace.metadata.name.as_deref(),
                "{}: {}",
                manifests.source,
                object["metadata"]["name"]
            );
        }
    }
}
