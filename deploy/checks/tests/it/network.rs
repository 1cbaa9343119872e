//! The network policies, evaluated for every pair of parts.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifests::{ALERTING, CLUSTER, MINIKUBE, Manifests, PARTS, PRODUCTION, PRODUCTION_CLUSTER};
use crate::workloads::{Labels, selects, workload, workloads};

/// One end of a connection.
#[derive(Clone)]
struct End {
    namespace: &'static str,
    labels: Labels,
}

impl End {
    fn of(namespace: &'static str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { namespace, labels }
    }
}

/// Whether a peer of a policy in the namespace `vigia` matches this end.
fn means(peer: &NetworkPolicyPeer, end: &End) -> bool {
    if peer.ip_block.is_some() {
        return false;
    }
    let namespace = Labels::from([("kubernetes.io/metadata.name".to_owned(), end.namespace.to_owned())]);
    let is_namespace = match &peer.namespace_selector {
        Some(selector) => selects(selector, &namespace),
        None => end.namespace == "vigia",
    };
    is_namespace && peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, &end.labels))
}

fn has_port(ports: Option<&[NetworkPolicyPort]>, port: i32) -> bool {
    ports.is_none_or(|ports| ports.iter().any(|known| known.port == Some(IntOrString::Int(port))))
}

/// Whether the policies let `from` reach `to`. They bind only our own pods; others may do as they like.
fn lets_through(policies: &[NetworkPolicySpec], from: &End, to: &End, port: i32) -> bool {
    let of = |end: &End, direction: &str| -> Vec<&NetworkPolicySpec> {
        let applies = |policy: &&NetworkPolicySpec| {
            end.namespace == "vigia"
                && policy.policy_types.iter().flatten().any(|known| known == direction)
                && policy.pod_selector.as_ref().is_none_or(|selector| selects(selector, &end.labels))
        };
        policies.iter().filter(applies).collect()
    };
    let (leaving, entering) = (of(from, "Egress"), of(to, "Ingress"));
    let may_leave = leaving.is_empty()
        || leaving.iter().flat_map(|policy| policy.egress.iter().flatten()).any(|rule| {
            has_port(rule.ports.as_deref(), port)
                && rule.to.as_ref().is_none_or(|peers| peers.iter().any(|peer| means(peer, to)))
        });
    let may_enter = entering.is_empty()
        || entering.iter().flat_map(|policy| policy.ingress.iter().flatten()).any(|rule| {
            has_port(rule.ports.as_deref(), port)
                && rule.from.as_ref().is_none_or(|peers| peers.iter().any(|peer| means(peer, from)))
        });
    may_leave && may_enter
}

/// Who reaches whom at which port, for everyone there is.
fn ways(manifests: &Manifests) -> Vec<String> {
    let policies: Vec<NetworkPolicy> = manifests.all();
    let policies: Vec<_> = policies.into_iter().map(|policy| policy.spec.expect("a spec")).collect();
    let mut ends: BTreeMap<String, End> = workloads(manifests)
        .into_iter()
        .map(|one| (one.name, End { namespace: "vigia", labels: one.labels }))
        .collect();
    assert_eq!(ends.len(), PARTS.len() + usize::from(manifests.has_cluster()));
    for (name, namespace) in
        [("ingress", "ingress-nginx"), ("prometheus", "monitoring"), ("keda", "keda"), ("else", "x")]
    {
        // Somebody else's pod may have any label.
        ends.insert(name.to_owned(), End::of(namespace, &[("app", "dashboard")]));
    }
    // The pods that cert-manager starts next to the Ingress while an issuer checks that the host is ours.
    ends.insert("solver".to_owned(), End::of("vigia", &[("acme.cert-manager.io/http01-solver", "true")]));
    ends.insert("dns".to_owned(), End::of("kube-system", &[("k8s-app", "kube-dns")]));
    let mut ways = Vec::new();
    for (from, from_end) in ends.iter().filter(|(name, _)| *name != "dns") {
        for (to, to_end) in &ends {
            if from_end.namespace != "vigia" && to_end.namespace != "vigia" {
                continue;
            }
            for port in [53, 80, 6379, 8000, 8001, 8089, 16379] {
                if lets_through(&policies, from_end, to_end, port) {
                    ways.push(format!("{from} > {to}:{port}"));
                }
            }
        }
    }
    ways
}

const INSIDE: [&str; 7] = [
    "analytics > analytics:8001",
    "analytics > dns:53",
    "analytics > redis:6379",
    "dashboard > analytics:8000",
    "dashboard > dns:53",
    "simulator > dns:53",
    "simulator > redis:6379",
];

#[test]
fn on_minikube_browsers_reach_the_page_and_nobody_the_rest() {
    let mut expected: Vec<String> = INSIDE.map(str::to_owned).to_vec();
    // A browser comes from anywhere; it is never one of our own pods.
    expected.extend(["else", "ingress", "keda", "prometheus"].map(|from| format!("{from} > dashboard:8000")));
    expected.sort();
    assert_eq!(ways(&MINIKUBE), expected);
}

#[test]
fn in_production_each_comes_in_by_one_door() {
    let mut expected: Vec<String> = INSIDE.map(str::to_owned).to_vec();
    let doors =
        ["ingress > dashboard:8000", "ingress > solver:8089", "prometheus > analytics:8000", "keda > redis:6379"];
    expected.extend(doors.map(str::to_owned));
    expected.sort();
    assert_eq!(ways(&PRODUCTION), expected);
}

/// Receivers are elsewhere: nothing within is reached besides, and nothing comes in.
#[test]
fn whoever_tells_people_reaches_them_and_nothing_else() {
    assert_eq!(ways(&ALERTING), ways(&MINIKUBE));
    let policies: Vec<NetworkPolicy> = ALERTING.all();
    let policy = policies.iter().find(|it| it.metadata.name.as_deref() == Some("analytics-to-receivers"));
    let spec = policy.and_then(|policy| policy.spec.as_ref()).expect("a policy");
    assert!(spec.ingress.is_none());
    let [rule] = spec.egress.as_deref().expect("rules") else { panic!("not one rule") };
    let ports = [443, 465, 587, 9093];
    assert!(ports.iter().all(|port| has_port(rule.ports.as_deref(), *port)));
    assert_eq!(rule.ports.as_ref().map(Vec::len), Some(ports.len()));
}

/// The servers of a cluster reach each other, and the Job reaches them.
const IN_A_CLUSTER: [&str; 5] = [
    "redis > dns:53",
    "redis > redis:16379",
    "redis > redis:6379",
    "redis-cluster > dns:53",
    "redis-cluster > redis:6379",
];

#[test]
fn with_a_cluster_only_its_servers_reach_each_other_besides() {
    for (one, with_cluster, closed) in
        [(&MINIKUBE, &CLUSTER, None), (&PRODUCTION, &PRODUCTION_CLUSTER, Some("keda > redis:6379"))]
    {
        let mut expected: Vec<String> = ways(one).into_iter().filter(|way| Some(way.as_str()) != closed).collect();
        expected.extend(IN_A_CLUSTER.map(str::to_owned));
        expected.sort();
        let mut found = ways(with_cluster);
        found.sort();
        assert_eq!(found, expected, "{}", with_cluster.source);
    }
}

/// Whoever needs a broker that is elsewhere reaches it, and nothing of one is here.
#[test]
fn a_broker_that_is_elsewhere_is_reached() {
    let manifests = Manifests::overlay("external-redis");
    let names = manifests.names();
    assert!(names.iter().all(|name| !name.contains("redis")), "{names:?}");
    let policies: Vec<NetworkPolicy> = manifests.all();
    for part in ["analytics", "simulator"] {
        let policy = policies.iter().find(|policy| policy.metadata.name.as_deref() == Some(part)).expect("a policy");
        let rules = policy.spec.as_ref().and_then(|spec| spec.egress.as_ref()).expect("rules");
        let anywhere = rules.iter().filter(|rule| rule.to.iter().flatten().any(|peer| peer.ip_block.is_some()));
        let [rule] = anywhere.collect::<Vec<_>>()[..] else { panic!("{part}: not one rule") };
        assert!(has_port(rule.ports.as_deref(), 6379) && !has_port(rule.ports.as_deref(), 8001), "{part}");
        let is_told = workload(&manifests, part).value("STREAM_PARTITIONS").is_some();
        assert!(is_told, "{part}");
    }
}
