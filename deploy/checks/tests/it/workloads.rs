//! What runs, what it refers to, and what refers to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStrategy, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvVar, PersistentVolumeClaim, PodSpec, PodTemplateSpec, Probe, Secret, Service, ServicePort,
};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use shared::api::path;
use shared::server::Proxies;

use crate::manifests::{CLUSTER, MINIKUBE, Manifests, PARTS, PRODUCTION, PRODUCTION_CLUSTER, overlays};

pub(crate) type Labels = BTreeMap<String, String>;

/// A Deployment, StatefulSet or Job, with the parts that the tests use most.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) pod: PodSpec,
    pub(crate) container: Container,
    pub(crate) replicas: Option<i32>,
    /// Which pods are its own; a Job finds them by itself.
    pub(crate) selector: Option<LabelSelector>,
    /// How a Deployment is replaced.
    strategy: Option<DeploymentStrategy>,
    /// The volumes that each pod has for itself.
    claims: Vec<String>,
}

impl Workload {
    /// The variables that name files of Secrets and ConfigMaps, and whose they are: the object's name and the key in it.
    pub(crate) fn files(&self) -> Vec<(String, (String, String))> {
        let variables = self.container.env.iter().flatten().filter(|variable| variable.name.ends_with("_FILE"));
        let of = |variable: &EnvVar| {
            let path = variable.value.as_deref().expect("a path");
            let mut mounts = self.container.volume_mounts.iter().flatten();
            let (mount, key) = mounts
                .find_map(|mount| Some((mount, path.strip_prefix(&mount.mount_path)?.strip_prefix('/')?)))
                .unwrap_or_else(|| panic!("{}: nothing is mounted at {path}", self.name));
            let volume = self.pod.volumes.iter().flatten().find(|volume| volume.name == mount.name).expect("a volume");
            let name = match (&volume.secret, &volume.config_map) {
                (Some(secret), None) => {
                    assert_ne!(secret.optional, Some(true), "{} would start without it", self.name);
                    secret.secret_name.clone().expect("a name")
                }
                (None, Some(map)) => map.name.clone(),
                _ => panic!("{}: {path} is in something else", self.name),
            };
            (variable.name.clone(), (name, key.to_owned()))
        };
        variables.map(of).collect()
    }
}

impl Workload {
    /// A Job, or what others begin with.
    fn of(name: Option<String>, template: PodTemplateSpec) -> Self {
        let pod = template.spec.expect("a pod");
        let [container] = pod.containers.as_slice() else { panic!("one container is known here") };
        Self {
            name: name.expect("a name"),
            labels: template.metadata.expect("labels").labels.expect("labels"),
            container: container.clone(),
            pod,
            replicas: None,
            selector: None,
            strategy: None,
            claims: Vec::new(),
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        !self.name.starts_with("redis")
    }

    /// The value of a variable that has one in the manifest.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.container.env.iter().flatten().find(|variable| variable.name == name);
        found.and_then(|variable| variable.value.as_deref())
    }
}

/// What runs of a source; each has one container.
pub(crate) fn workloads(manifests: &Manifests) -> Vec<Workload> {
    let deployment = |it: Deployment| {
        let spec = it.spec.expect("a spec");
        let (replicas, selector, strategy) = (spec.replicas, Some(spec.selector), spec.strategy);
        Workload { replicas, selector, strategy, ..Workload::of(it.metadata.name, spec.template) }
    };
    let stateful_set = |it: StatefulSet| {
        let spec = it.spec.expect("a spec");
        let claims =
            spec.volume_claim_templates.into_iter().flatten().filter_map(|claim| claim.metadata.name).collect();
        let (replicas, selector) = (spec.replicas, Some(spec.selector));
        Workload { replicas, selector, claims, ..Workload::of(it.metadata.name, spec.template) }
    };
    let job = |it: Job| Workload::of(it.metadata.name, it.spec.expect("a spec").template);
    let mut found: Vec<Workload> = manifests.all().into_iter().map(deployment).collect();
    found.extend(manifests.all().into_iter().map(stateful_set));
    found.extend(manifests.all().into_iter().map(job));
    found
}

/// One of them.
pub(crate) fn workload(manifests: &Manifests, name: &str) -> Workload {
    workloads(manifests).into_iter().find(|workload| workload.name == name).expect("a workload of this name")
}

/// The files of the base.
fn sources() -> Vec<Manifests> {
    PARTS.iter().map(|part| Manifests::file(part)).collect()
}

fn each_workload(check: impl Fn(&Manifests, &Workload)) {
    let files = sources();
    let all = files.iter().chain(overlays());
    let mut count = 0;
    for manifests in all {
        for workload in workloads(manifests) {
            check(manifests, &workload);
            count += 1;
        }
    }
    let jobs = overlays().iter().filter(|manifests| manifests.has_cluster()).count();
    assert_eq!(count, (1 + overlays().len()) * PARTS.len() + jobs);
}

/// Whether a selector finds a pod with these labels.
pub(crate) fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let by_label = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let by_expression = selector.match_expressions.iter().flatten().all(|requirement| {
        assert_eq!(requirement.operator, "In", "the only operator that is known here");
        labels.get(&requirement.key).is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value))
    });
    by_label && by_expression
}

/// The port of a container that a Service's port leads to.
pub(crate) fn target(port: &ServicePort, container: &Container) -> Option<i32> {
    let ports = container.ports.as_deref().unwrap_or_default();
    let found = match port.target_port.as_ref()? {
        IntOrString::Int(number) => ports.iter().find(|port| port.container_port == *number),
        IntOrString::String(name) => ports.iter().find(|port| port.name.as_ref() == Some(name)),
    };
    found.map(|port| port.container_port)
}

#[test]
fn names_ports_and_images_are_those_that_people_know() {
    let found: Vec<_> = workloads(&MINIKUBE)
        .into_iter()
        .map(|workload| (workload.name, workload.container.image.unwrap_or_default(), workload.replicas))
        .filter(|(name, ..)| name != "redis")
        .collect();
    let expected =
        [("analytics", "analytics:v1", 1), ("dashboard", "dashboard:v1", 1), ("simulator", "simulator:v1", 3)];
    assert_eq!(found, expected.map(|(name, image, replicas)| (name.to_owned(), image.to_owned(), Some(replicas))));

    let services: Vec<Service> = MINIKUBE.all();
    let found: BTreeSet<_> = services
        .into_iter()
        .map(|service| {
            let spec = service.spec.expect("a spec");
            let port = spec.ports.expect("ports").remove(0);
            (service.metadata.name.expect("a name"), port.port, spec.type_, port.node_port)
        })
        .collect();
    let node_port = Some("NodePort".to_owned());
    assert_eq!(
        found,
        BTreeSet::from([
            ("redis-service".to_owned(), 6379, None, None),
            ("analytics-service".to_owned(), 8000, None, None),
            ("dashboard-service".to_owned(), 8000, node_port, Some(30081)),
        ])
    );
}

#[test]
fn images_are_pinned_and_pulled_only_where_they_are_not_there() {
    each_workload(|manifests, workload| {
        let image = workload.container.image.as_deref().expect("an image");
        let (name, tag) = image.rsplit_once(':').expect("a tag");
        assert!(tag.starts_with(|first: char| first == 'v' || first.is_ascii_digit()), "{image}");
        let expected = match workload.name.as_str() {
            name if !workload.is_ours() => name.split('-').next().expect("a word").to_owned(),
            name if manifests.is_for_production() => format!("registry.example.com/vigia/{name}"),
            name => name.to_owned(),
        };
        assert_eq!(name, expected, "{}", manifests.source);
        assert_eq!(workload.container.image_pull_policy.as_deref(), Some("IfNotPresent"));
    });
}

#[test]
fn selectors_find_the_pods_of_their_own_part_only() {
    for manifests in overlays() {
        let workloads = workloads(manifests);
        let found = |selector: &LabelSelector| -> Vec<String> {
            let found = workloads.iter().filter(|workload| selects(selector, &workload.labels));
            found.map(|workload| workload.name.clone()).collect()
        };
        let mut selected = 0;
        for workload in &workloads {
            let own = std::slice::from_ref(&workload.name);
            let Some(selector) = &workload.selector else { continue };
            selected += 1;
            assert_eq!(found(selector), own);
            let affinity = workload.pod.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
            if let Some(affinity) = affinity {
                let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
                let required = affinity.required_during_scheduling_ignored_during_execution.iter().flatten();
                for term in preferred.map(|it| &it.pod_affinity_term).chain(required) {
                    assert_eq!(found(term.label_selector.as_ref().expect("a selector")), own);
                }
            }
            for constraint in workload.pod.topology_spread_constraints.iter().flatten() {
                assert_eq!(found(constraint.label_selector.as_ref().expect("a selector")), own);
            }
        }
        let budgets: Vec<PodDisruptionBudget> = manifests.all();
        assert_eq!(budgets.len(), selected, "a budget for each");
        for budget in budgets {
            let selector = budget.spec.and_then(|spec| spec.selector).expect("a selector");
            assert_eq!(found(&selector), [budget.metadata.name.expect("a name")]);
        }
        for service in manifests.all::<Service>() {
            let spec = service.spec.expect("a spec");
            let selector = LabelSelector { match_labels: spec.selector, ..LabelSelector::default() };
            let name = service.metadata.name.expect("a name");
            let suffixes = ["-service", "-nodes"];
            let part = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).expect("the name of a Service");
            assert_eq!(found(&selector), [part]);
            let workload = workloads.iter().find(|workload| selects(&selector, &workload.labels)).expect("its pods");
            for port in spec.ports.iter().flatten() {
                assert_eq!(target(port, &workload.container), Some(port.port), "{name}");
            }
        }
    }
}

#[test]
fn what_scales_and_what_leads_in_name_what_is_there() {
    let names = PRODUCTION.names();
    for scaler in PRODUCTION.all::<HorizontalPodAutoscaler>() {
        let spec = scaler.spec.expect("a spec");
        let target = spec.scale_target_ref;
        assert!(names.contains(&format!("{}/{}", target.kind, target.name)), "{target:?}");
        assert!(spec.min_replicas >= Some(2), "one may go");
    }
    for ingress in PRODUCTION.all::<Ingress>() {
        let spec = ingress.spec.expect("a spec");
        let hosts: BTreeSet<_> = spec.rules.iter().flatten().filter_map(|rule| rule.host.clone()).collect();
        let secured: BTreeSet<_> =
            spec.tls.iter().flatten().flat_map(|tls| tls.hosts.clone().unwrap_or_default()).collect();
        assert_eq!(hosts, secured, "each host has a certificate");
        let paths = spec.rules.into_iter().flatten().filter_map(|rule| rule.http).flat_map(|http| http.paths);
        let mut count = 0;
        for path in paths {
            let backend = path.backend.service.expect("a Service");
            let service: Vec<Service> = PRODUCTION.all();
            let service = service.into_iter().find(|service| service.metadata.name.as_ref() == Some(&backend.name));
            let ports = service.and_then(|service| service.spec).and_then(|spec| spec.ports).unwrap_or_default();
            let port = backend.port.expect("a port");
            assert!(ports.iter().any(|known| known.name == port.name), "{}: {port:?}", backend.name);
            count += 1;
        }
        assert!(count > 0);
        // The page answers to the hosts that lead to it.
        let dashboard = workloads(&PRODUCTION).into_iter().find(|workload| workload.name == "dashboard").expect("it");
        let environment = dashboard.container.env.unwrap_or_default();
        let value = |name: &str| environment.iter().find(|it| it.name == name).and_then(|it| it.value.as_deref());
        let allowed = value("ALLOWED_HOSTS").expect("hosts");
        assert_eq!(hosts, allowed.split(',').map(str::to_owned).collect());
        // And tells the viewers behind the Ingress apart.
        let proxies: Proxies = value("TRUSTED_PROXIES").expect("networks").parse().expect("networks");
        let pod = "10.244.0.7".parse().expect("an address");
        assert!(proxies.contains(pod) && !proxies.contains([203, 0, 113, 7].into()), "{proxies:?}");
    }
}

/// If an autoscaler sets the replicas, a number in the manifest would reset them at the next `kubectl apply`.
#[test]
fn what_is_scaled_has_no_replicas_of_its_own() {
    for workload in [&PRODUCTION, &PRODUCTION_CLUSTER].into_iter().flat_map(|it| workloads(it)) {
        let is_scaled = ["analytics", "dashboard"].contains(&workload.name.as_str());
        assert_eq!(workload.replicas.is_none(), is_scaled || workload.selector.is_none(), "{}", workload.name);
    }
}

#[test]
fn keys_that_are_referred_to_exist() {
    each_workload(|manifests, workload| {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for secret in manifests.all::<Secret>() {
            let name = format!("secret {}", secret.metadata.name.expect("a name"));
            assert!(
                keys.insert(name.clone(), secret.string_data.unwrap_or_default().into_keys().collect()).is_none(),
                "{name}"
            );
        }
        for map in manifests.all::<ConfigMap>() {
            let name = format!("map {}", map.metadata.name.expect("a name"));
            keys.insert(name, map.data.unwrap_or_default().into_keys().collect());
        }
        let claims: Vec<PersistentVolumeClaim> = manifests.all();
        let claims: BTreeSet<_> = claims.into_iter().filter_map(|claim| claim.metadata.name).collect();
        let known = |name: &str| keys.get(name).unwrap_or_else(|| panic!("{}: {name}", manifests.source));

        let variables = workload.container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
        for source in variables {
            if let Some(reference) = &source.secret_key_ref {
                let name = format!("secret {}", reference.name);
                // Only a token that nobody has made is not there, and nowhere in production.
                let is_absent = !keys.contains_key(&name) && reference.optional == Some(true);
                assert!(!is_absent || (reference.name == "analytics-token" && !manifests.is_for_production()));
                assert!(is_absent || known(&name).contains(&reference.key), "{name}: {}", reference.key);
            }
            assert!(source.config_map_key_ref.is_none(), "not used so far, so not checked here");
            let fields = ["metadata.name", "metadata.namespace", "status.podIP"];
            assert!(source.field_ref.as_ref().is_none_or(|field| fields.contains(&field.field_path.as_str())));
        }
        let mut volumes: BTreeSet<&String> = workload.claims.iter().collect();
        for volume in workload.pod.volumes.iter().flatten() {
            volumes.insert(&volume.name);
            if let Some(secret) = &volume.secret {
                let known = known(&format!("secret {}", secret.secret_name.as_deref().expect("a name")));
                assert!(secret.items.iter().flatten().all(|item| known.contains(&item.key)), "{secret:?}");
            } else if let Some(map) = &volume.config_map {
                let known = known(&format!("map {}", map.name));
                assert!(map.items.iter().flatten().all(|item| known.contains(&item.key)), "{map:?}");
            } else {
                let claim = volume.persistent_volume_claim.as_ref().expect("no other volumes are known here");
                assert!(claims.contains(&claim.claim_name), "{claim:?}");
            }
        }
        let mounted: BTreeSet<_> = workload.container.volume_mounts.iter().flatten().map(|mount| &mount.name).collect();
        assert_eq!(mounted, volumes, "{}: {}", manifests.source, workload.name);
    });
}

#[test]
fn probes_ask_for_what_is_served() {
    each_workload(|manifests, workload| {
        let Container { startup_probe, liveness_probe, readiness_probe, ports, .. } = &workload.container;
        let place = format!("{}: {}", manifests.source, workload.name);
        let probes = [startup_probe, liveness_probe, readiness_probe].map(Option::as_ref);
        match workload.name.as_str() {
            "simulator" => assert!(probes.iter().all(Option::is_none), "{place}: simulator.yaml says why"),
            "redis-cluster" => assert!(probes.iter().all(Option::is_none), "{place}: a Job ends by itself"),
            "redis" => {
                // In a cluster, the script tells whether it is ready.
                let asked = if manifests.has_cluster() { &probes[..2] } else { &probes[..] };
                for probe in asked {
                    let command = probe.and_then(|probe| probe.exec.clone()?.command).expect("a command");
                    assert_eq!(command[..2], ["redis-cli", "-e"], "{place}: an error has to be one");
                    assert!(command.join(" ").ends_with("--user probe ping"), "{place}: {command:?}");
                    // Over TLS if the server listens for nothing else, with a certificate if it demands one.
                    let args = workload.container.args.as_deref().unwrap_or_default();
                    let is_tls = args.iter().any(|argument| argument == "--tls-port");
                    assert_eq!(command.iter().any(|word| word == "--tls"), is_tls, "{place}");
                    let demands = args.windows(2).any(|pair| pair == ["--tls-auth-clients", "yes"]);
                    assert_eq!(command.iter().any(|word| word == "--cert"), demands, "{place}");
                    assert_eq!(demands, manifests.source.ends_with("client-certificates"), "{place}");
                }
            }
            _ => {
                let path = |probe: Option<&Probe>| {
                    let request = probe.and_then(|probe| probe.http_get.clone()).expect("a request");
                    let ports = ports.as_deref().unwrap_or_default();
                    let name = IntOrString::String("http".to_owned());
                    assert!(
                        request.port == name && ports.iter().any(|port| port.name.as_deref() == Some("http")),
                        "{place}"
                    );
                    request.path.expect("a path")
                };
                // A liveness probe that depends on the broker would kill the owner of the stream whenever the broker is
                // away.
                assert_eq!(probes.map(path), [path::LIVEZ, path::LIVEZ, path::READYZ], "{place}");
            }
        }
    });
}

#[test]
fn pods_are_as_restricted_as_can_be() {
    each_workload(|manifests, workload| {
        let place = format!("{}: {}", manifests.source, workload.name);
        let Workload { pod, container, .. } = workload;
        assert_eq!(pod.enable_service_links, Some(false), "{place}: REDIS_PORT would be tcp://...");
        assert_eq!(pod.automount_service_account_token, Some(false), "{place}");
        let context = pod.security_context.as_ref().expect("a context");
        assert_eq!(context.run_as_non_root, Some(true), "{place}");
        assert!(context.run_as_user >= Some(10_000) && context.run_as_group == context.run_as_user, "{place}");
        assert_eq!(context.seccomp_profile.as_ref().map(|profile| profile.type_.as_str()), Some("RuntimeDefault"));
        let context = container.security_context.as_ref().expect("a context");
        assert_eq!(context.allow_privilege_escalation, Some(false), "{place}");
        assert_eq!(context.read_only_root_filesystem, Some(true), "{place}");
        let dropped = context.capabilities.as_ref().and_then(|capabilities| capabilities.drop.as_deref());
        assert_eq!(dropped, Some(["ALL".to_owned()].as_slice()), "{place}");
        let resources = container.resources.as_ref().expect("resources");
        for sizes in [&resources.requests, &resources.limits] {
            let sizes: Vec<_> = sizes.iter().flatten().map(|(name, _)| name.as_str()).collect();
            assert_eq!(sizes, ["cpu", "memory"], "{place}");
        }
    });
}

/// The programs stop within 5 s. Kubernetes kills them after the grace period, which includes the time of the hook.
#[test]
fn nobody_is_killed_while_it_ends_in_order() {
    const STOP_SECONDS: i64 = 5;
    each_workload(|manifests, workload| {
        if workload.selector.is_none() {
            return;
        }
        let hook = workload.container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
        let slept = hook.and_then(|hook| hook.sleep.as_ref()).map_or(0, |sleep| sleep.seconds);
        let grace = workload.pod.termination_grace_period_seconds.expect("a grace period");
        assert!(grace >= slept + 2 * STOP_SECONDS - 2, "{}: {}: {grace} s", manifests.source, workload.name);
    });
}

/// A pod that is new is ready as soon as it can answer for what others own, so one is started before one is ended. Only a volume that
/// one node mounts keeps a new pod from starting elsewhere.
#[test]
fn a_rollout_ends_and_leaves_nobody_without_an_answer() {
    let archive = Manifests::overlay("archive");
    for manifests in overlays().into_iter().chain([&archive]) {
        let strategy = |name: &str| workload(manifests, name).strategy.expect("a strategy");
        let all = IntOrString::String("100%".to_owned());
        let may_be_away = if manifests.source.ends_with("archive") { all } else { IntOrString::Int(0) };
        for (part, may_be_away) in [("analytics", may_be_away), ("dashboard", IntOrString::Int(0))] {
            let rolling = strategy(part).rolling_update.expect("a rolling update");
            assert_eq!(rolling.max_surge, Some(IntOrString::Int(1)), "{part}: {}", manifests.source);
            assert_eq!(rolling.max_unavailable, Some(may_be_away), "{part}: {}", manifests.source);
        }
        if !manifests.has_cluster() {
            assert_eq!(strategy("redis").type_.as_deref(), Some("Recreate"), "one server a volume");
        }
    }
}

fn budget(manifests: &Manifests, name: &str) -> PodDisruptionBudgetSpec {
    let budgets: Vec<PodDisruptionBudget> = manifests.all();
    let found = budgets.into_iter().find(|budget| budget.metadata.name.as_deref() == Some(name));
    found.and_then(|budget| budget.spec).expect("a budget")
}

/// A node is drained by evicting its pods, which a budget refuses if too few others are ready. One that may be an only pod is let go;
/// of several, one at least stays.
#[test]
fn analytics_goes_where_it_is_alone_and_stays_where_it_is_not() {
    for manifests in overlays() {
        let budget = budget(manifests, "analytics");
        let bounds = (budget.max_unavailable, budget.min_available);
        let one = Some(IntOrString::Int(1));
        let expected = if manifests.has_cluster() { (None, one) } else { (one, None) };
        assert_eq!(bounds, expected, "{}", manifests.source);
        assert_eq!(budget.unhealthy_pod_eviction_policy.as_deref(), Some("AlwaysAllow"));
    }
}

/// Of a cluster, one server may be away: a second one could be the replica of the first.
#[test]
fn one_server_is_evicted_at_a_time() {
    for manifests in overlays() {
        assert_eq!(budget(manifests, "redis").max_unavailable, Some(IntOrString::Int(1)), "{}", manifests.source);
    }
}

/// Antennas go on from their clocks, so any number of them may be evicted at once: on a cluster of one node, a smaller budget
/// would wait for ever for a pod elsewhere.
#[test]
fn antennas_do_not_keep_an_only_node_from_being_drained() {
    for manifests in overlays() {
        let all = IntOrString::String("100%".to_owned());
        assert_eq!(budget(manifests, "simulator").max_unavailable, Some(all), "{}", manifests.source);
    }
}

/// `helm uninstall` keeps what has this annotation.
#[test]
fn the_volume_outlives_an_uninstall() {
    for manifests in overlays() {
        for volume in manifests.all::<PersistentVolumeClaim>() {
            let annotations = volume.metadata.annotations.unwrap_or_default();
            assert_eq!(annotations.get("helm.sh/resource-policy").map(String::as_str), Some("keep"));
        }
    }
}

/// Who is sent to a pod that stops, or is not sent to one that has started, waits for the next probe.
#[test]
fn a_pod_that_is_ready_is_found_within_a_second() {
    for manifests in overlays() {
        let probe = workload(manifests, "analytics").container.readiness_probe.expect("a probe");
        assert_eq!(probe.period_seconds, Some(1));
    }
}

/// The others ask at the port that the pod listens at, by its own address, and the network policies know the same port (`network`).
#[test]
fn pods_of_analytics_reach_each_other() {
    for manifests in overlays() {
        let analytics = workload(manifests, "analytics");
        let bind: SocketAddr = analytics.value("PEER_BIND").expect("a fixed port").parse().expect("an address");
        assert!(bind.ip().is_unspecified(), "{bind}: reachable from other pods");
        let ports = analytics.container.ports.iter().flatten();
        let port = ports.clone().find(|port| port.name.as_deref() == Some("peers")).expect("the port");
        assert_eq!(port.container_port, i32::from(bind.port()));
        let advertised =
            analytics.container.env.iter().flatten().find(|it| it.name == "ADVERTISE").expect("its address");
        let field = advertised.value_from.as_ref().and_then(|source| source.field_ref.as_ref()).expect("a field");
        assert_eq!(field.field_path, "status.podIP");
    }
}

/// Producers and analytics have to spread readings over the same streams, and pods beyond their number would have none.
#[test]
fn partitions_are_the_same_for_all_and_more_than_pods() {
    for manifests in [&CLUSTER, &PRODUCTION_CLUSTER] {
        let of =
            |name: &str| workload(manifests, name).value("STREAM_PARTITIONS").map(str::to_owned).expect("a number");
        assert_eq!(of("analytics"), of("simulator"), "{}", manifests.source);
        let partitions: i32 = of("analytics").parse().expect("a number");
        assert!(workload(manifests, "analytics").replicas.is_none_or(|replicas| replicas > 1 && replicas < partitions));
        let scalers: Vec<HorizontalPodAutoscaler> =
            Manifests::read("deploy/k8s/components/cluster-hpa/analytics-autoscaler.yaml").all();
        let [scaler] = scalers.as_slice() else { panic!("one autoscaler") };
        let spec = scaler.spec.as_ref().expect("a spec");
        assert!(spec.max_replicas <= partitions && spec.min_replicas == Some(3));
        assert_eq!(
            (spec.scale_target_ref.kind.as_str(), spec.scale_target_ref.name.as_str()),
            ("Deployment", "analytics")
        );
    }
}

/// The scripts are told all servers by the names that the StatefulSet gives them, and the ports that they listen at.
#[test]
fn the_servers_of_a_cluster_are_named_as_they_are() {
    for manifests in [&CLUSTER, &PRODUCTION_CLUSTER] {
        let [servers, job] = ["redis", "redis-cluster"].map(|name| workload(manifests, name));
        let sets: Vec<StatefulSet> = manifests.all();
        let service = sets[0].spec.as_ref().and_then(|spec| spec.service_name.clone()).expect("a Service");
        let services: Vec<Service> = manifests.all();
        let headless =
            services.into_iter().find(|it| it.metadata.name.as_ref() == Some(&service)).expect("the Service");
        let spec = headless.spec.expect("a spec");
        assert_eq!((spec.cluster_ip.as_deref(), spec.publish_not_ready_addresses), (Some("None"), Some(true)));
        let port = |name: &str| {
            let port = servers.container.ports.iter().flatten().find(|port| port.name.as_deref() == Some(name));
            port.expect("a port").container_port
        };
        let name = |pod: &str| format!("{pod}.{service}:{}@{}", port("redis"), port("bus"));
        let replicas = servers.replicas.expect("a number");
        let names: Vec<String> = (0..replicas).map(|number| name(&format!("redis-{number}"))).collect();
        for workload in [&servers, &job] {
            assert_eq!(workload.value("NODES").expect("names").split(' ').collect::<Vec<_>>(), names);
        }
        assert_eq!(servers.value("SELF"), Some(name("$(POD_NAME)").as_str()));
        assert_eq!(job.value("MASTERS").and_then(|it| it.parse().ok()), Some(replicas / 2), "each has a replica");
        assert_eq!(servers.container.image, job.container.image);
        assert_eq!(port("bus"), port("redis") + 10_000, "where a server looks for the others");
        let announced = format!("$(POD_NAME).{service}.$(POD_NAMESPACE).svc.cluster.local");
        assert!(servers.container.args.iter().flatten().any(|argument| *argument == announced));
    }
}
