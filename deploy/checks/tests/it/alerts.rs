//! Alerts, the Grafana dashboard and scaling by lag: what they name exists, and the alerts fire when they should.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use analytics::http::exposition::METRICS;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, SecretKeySelector, Service};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::keys::{GROUP, StreamKeys};
use shared::settings::Token;

use crate::manifests::{CLIENT_CERTIFICATES, PRODUCTION, PRODUCTION_CLUSTER, output, root};
use crate::workloads::{selects, workload, workloads};

/// Metrics that other programs expose, with the program.
const OTHERS: [(&str, &str); 3] = [
    ("container_memory_rss", "the kubelet's cAdvisor"),
    ("kube_deployment_status_replicas_available", "kube-state-metrics"),
    ("process_resident_memory_bytes", "analytics, as any client library of Prometheus"),
];

#[derive(Deserialize)]
struct PrometheusRule {
    #[serde(rename = "apiVersion")]
    _api_version: Value,
    #[serde(rename = "kind")]
    _kind: Value,
    #[serde(rename = "metadata")]
    _metadata: Value,
    spec: Rules,
}

#[derive(Deserialize, Serialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize, Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize, Serialize)]
struct Rule {
    alert: String,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pending: Option<String>,
    labels: Severity,
    annotations: Words,
}

#[derive(Deserialize, Serialize)]
struct Severity {
    severity: String,
}

#[derive(Deserialize, Serialize)]
struct Words {
    summary: String,
    description: String,
}

fn rules() -> Rules {
    PRODUCTION.custom::<PrometheusRule>("PrometheusRule").spec
}

/// The names of the metrics in an expression: its names without labels, functions and operators.
fn metrics(expression: &str) -> BTreeSet<String> {
    let mut bare = String::new();
    let (mut depth, mut is_quoted) = (0, false);
    for letter in expression.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '{' if !is_quoted => depth += 1,
            '}' if !is_quoted => depth -= 1,
            _ if depth == 0 && !is_quoted => bare.push(letter),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let name = &word[..word.find(|letter| !is_part(letter)).unwrap_or(word.len())];
        rest = word[name.len()..].trim_start();
        match name {
            // Lists of labels.
            "by" | "on" => rest = rest.split_once(')').expect("a list").1,
            "and" | "or" | "unless" => {}
            // A number, or the width of a range.
            _ if name.starts_with(|first: char| first.is_ascii_digit()) => {}
            _ if rest.starts_with('(') || rest.starts_with("by ") => {}
            _ => drop(names.insert(name.to_owned())),
        }
    }
    names
}

fn assert_exist(expression: &str) {
    let found = metrics(expression);
    assert!(!found.is_empty(), "{expression}");
    for metric in found {
        let exists = METRICS.iter().chain(&OTHERS).any(|(known, _)| *known == metric);
        assert!(exists, "{metric} is exposed by nobody: {expression}");
    }
}

/// The expressions of the dashboard's panels.
fn panels() -> Vec<String> {
    let maps: Vec<ConfigMap> = PRODUCTION.all();
    let map = maps.into_iter().find(|map| map.metadata.name.as_deref() == Some("vigia-grafana")).expect("it");
    assert_eq!(map.metadata.labels.expect("labels").get("grafana_dashboard").map(String::as_str), Some("1"));
    let dashboard: Value = serde_json::from_str(&map.data.expect("data")["vigia.json"]).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

#[test]
fn names_of_metrics_are_found_in_expressions() {
    let expression = r#"sum by (x) (rate(aa{b="c(d)"}[5m])) / max(ee and on (y) ff == 1) > 0.5e1 unless gg"#;
    assert_eq!(metrics(expression), ["aa", "ee", "ff", "gg"].map(str::to_owned).into());
}

#[test]
fn every_metric_that_is_named_exists() {
    for rule in rules().groups.iter().flat_map(|group| &group.rules) {
        assert_exist(&rule.expr);
        assert!(["critical", "warning"].contains(&rule.labels.severity.as_str()), "{}", rule.alert);
    }
    let panels = panels();
    assert!(panels.len() > 20);
    for expression in panels {
        assert_exist(&expression);
    }
}

/// The dashboard shows everything there is to show.
#[test]
fn every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() {
    let rules = rules();
    let alerts = rules.groups.iter().flat_map(|group| &group.rules).map(|rule| rule.expr.clone());
    let named: BTreeSet<String> = alerts.chain(panels()).flat_map(|expression| metrics(&expression)).collect();
    // Of a window's readings, only the packets are shown; panes close where the newest readings are.
    let left_out = ["vigia_window_readings", "vigia_watermark_timestamp_seconds"];
    for (metric, _) in METRICS {
        assert_eq!(!named.contains(metric), left_out.contains(&metric), "{metric}");
    }
}

/// `promtool` parses the expressions and plays figures through the rules.
#[test]
fn alerts_fire_when_they_should_and_not_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rules_file, test_file) = (folder.path().join("rules.yaml"), folder.path().join("alerts.test.yaml"));
    let rules = rules();
    fs::write(&rules_file, serde_json::to_string(&rules).expect("JSON, which is YAML")).expect("a file");
    output(Command::new("promtool").args(["check", "rules"]).arg(&rules_file));
    let tests = fs::read_to_string(root().join("deploy/k8s/components/monitoring/alerts.test.yaml")).expect("tests");
    fs::write(&test_file, &tests).expect("a file");
    output(Command::new("promtool").args(["test", "rules"]).arg(&test_file));
    for rule in rules.groups.iter().flat_map(|group| &group.rules) {
        let quiet = format!("- {{eval_time: 15m, alertname: {}}}", rule.alert);
        assert!(tests.contains(&quiet), "{} is not tested on a quiet network", rule.alert);
        assert!(
            tests.contains(&format!("alertname: {}\n        exp_alerts:", rule.alert)),
            "{} is not raised",
            rule.alert
        );
    }
}

#[test]
fn the_expressions_of_the_dashboard_are_understood() {
    let record = |(number, expression)| serde_json::json!({"record": format!("panel_{number}"), "expr": expression});
    let rules: Vec<Value> = panels().into_iter().enumerate().map(record).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.yaml");
    let text = serde_json::json!({"groups": [{"name": "panels", "rules": rules}]}).to_string();
    fs::write(&file, text).expect("a file");
    output(Command::new("promtool").args(["check", "rules"]).arg(&file));
}

/// The alert on memory fires before `maxmemory` is reached, and knows it only as a number.
#[test]
fn the_alert_about_memory_knows_how_much_there_is() {
    let redis = workloads(&PRODUCTION).into_iter().find(|workload| workload.name == "redis").expect("redis");
    let arguments = redis.container.args.expect("arguments");
    let at = arguments.iter().position(|argument| argument == "--maxmemory").expect("a bound") + 1;
    let gigabytes: u64 = arguments[at].strip_suffix("gb").and_then(|number| number.parse().ok()).expect("gigabytes");
    let rules = rules();
    let mut rules = rules.groups.iter().flat_map(|group| &group.rules);
    let rule = rules.find(|rule| rule.alert == "VigiaBrokerMemory").expect("the alert");
    assert!(rule.expr.ends_with(&format!("> 0.8 * {}", gigabytes << 30)), "{}", rule.expr);
}

#[derive(Deserialize)]
struct ServiceMonitor {
    #[serde(rename = "apiVersion")]
    _api_version: Value,
    #[serde(rename = "kind")]
    _kind: Value,
    #[serde(rename = "metadata")]
    _metadata: Value,
    spec: Monitor,
}

#[derive(Deserialize)]
struct Monitor {
    selector: k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    port: String,
    path: String,
    #[serde(rename = "interval")]
    _interval: String,
    authorization: Authorization,
}

#[derive(Deserialize)]
struct Authorization {
    #[serde(rename = "type")]
    scheme: String,
    credentials: SecretKeySelector,
}

#[test]
fn prometheus_scrapes_what_is_there() {
    let monitor: Monitor = PRODUCTION.custom::<ServiceMonitor>("ServiceMonitor").spec;
    let services: Vec<Service> = PRODUCTION.all();
    let mut found = services
        .into_iter()
        .filter(|service| selects(&monitor.selector, &service.metadata.labels.clone().unwrap_or_default()));
    let service = found.next().expect("a Service");
    assert_eq!((service.metadata.name.as_deref(), found.count()), (Some("analytics-service"), 0));
    let [endpoint] = monitor.endpoints.as_slice() else { panic!("one endpoint") };
    assert_eq!(endpoint.path, shared::api::path::METRICS);
    let Authorization { scheme, credentials } = &endpoint.authorization;
    let secrets: Vec<Secret> = PRODUCTION.all();
    let secret = secrets.into_iter().find(|secret| secret.metadata.name.as_ref() == Some(&credentials.name));
    let token = secret.and_then(|secret| secret.string_data?.remove(&credentials.key)).expect("the token");
    assert_eq!(format!("{scheme} {token}"), Token::new(&token).expect("a good token").header());
    let ports = service.spec.and_then(|spec| spec.ports).expect("ports");
    assert!(ports.iter().any(|port| port.name.as_ref() == Some(&endpoint.port)), "{}", endpoint.port);
}

#[derive(Deserialize)]
struct ScaledObject<T> {
    #[serde(rename = "apiVersion")]
    _api_version: Value,
    #[serde(rename = "kind")]
    _kind: Value,
    #[serde(rename = "metadata")]
    _metadata: Value,
    spec: Scaling<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scaling<T> {
    scale_target_ref: Named,
    min_replica_count: u32,
    max_replica_count: u32,
    #[serde(rename = "pollingInterval")]
    _polling_interval: u32,
    #[serde(rename = "cooldownPeriod")]
    _cooldown_period: u32,
    triggers: Vec<T>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    r#type: String,
    metadata: Lag,
    authentication_ref: Named,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lag {
    address: String,
    stream: String,
    consumer_group: String,
    lag_count: String,
    activation_lag_count: String,
    #[serde(rename = "enableTLS")]
    enable_tls: String,
}

/// What is asked of others than the broker.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Figure {
    Prometheus { metadata: Query },
    Cpu { metric_type: String, metadata: Share },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    server_address: String,
    query: String,
    threshold: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    value: String,
}

#[derive(Deserialize)]
struct TriggerAuthentication {
    #[serde(rename = "apiVersion")]
    _api_version: Value,
    #[serde(rename = "kind")]
    _kind: Value,
    metadata: Value,
    spec: Authentication,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    secret_target_ref: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    parameter: String,
    name: String,
    key: String,
}

/// KEDA asks the broker for the lag that analytics writes, and starts at most one that waits to take over.
#[test]
fn scaling_follows_the_lag_of_the_stream() {
    let scaling = PRODUCTION.custom::<ScaledObject<Trigger>>("ScaledObject").spec;
    assert!(PRODUCTION.names().contains(&format!("Deployment/{}", scaling.scale_target_ref.name)));
    assert_eq!((scaling.min_replica_count, scaling.max_replica_count), (1, 2), "one that reads and one that waits");
    let [trigger] = scaling.triggers.as_slice() else { panic!("one trigger") };
    assert_eq!(trigger.r#type, "redis-streams");
    let lag = &trigger.metadata;
    assert_eq!(lag.address, "redis-service.vigia.svc.cluster.local:6379", "KEDA is in a namespace of its own");
    let keys = StreamKeys::new("antenna_stream");
    assert_eq!((lag.stream.as_str(), lag.consumer_group.as_str()), (keys.stream.as_str(), GROUP));
    assert!(lag.lag_count.parse::<u64>().is_ok_and(|count| count > 0));
    assert_eq!((lag.activation_lag_count.as_str(), lag.enable_tls.as_str()), ("1", "true"));

    for (manifests, certificate) in [(&PRODUCTION, &[][..]), (&CLIENT_CERTIFICATES, &["cert", "key"])] {
        let authentication: TriggerAuthentication = manifests.custom("TriggerAuthentication");
        assert_eq!(authentication.metadata["name"], trigger.authentication_ref.name.as_str());
        let secrets: Vec<Secret> = manifests.all();
        let mut parameters = BTreeSet::new();
        for Parameter { parameter, name, key } in authentication.spec.secret_target_ref {
            let secret = secrets.iter().find(|secret| secret.metadata.name.as_ref() == Some(&name));
            let data = secret.and_then(|secret| secret.string_data.as_ref()).unwrap_or_else(|| panic!("{name}"));
            assert!(data.contains_key(&key), "{name}: {key}");
            parameters.insert(parameter);
        }
        let expected = ["username", "password", "ca"].iter().chain(certificate);
        assert_eq!(parameters, expected.map(|parameter| (*parameter).to_owned()).collect());
    }
}

/// With partitions on several servers, KEDA asks Prometheus for what all of them lag, and nobody for a password.
#[test]
fn scaling_follows_the_lag_of_all_partitions() {
    let scaling = PRODUCTION_CLUSTER.custom::<ScaledObject<Figure>>("ScaledObject").spec;
    let analytics = workload(&PRODUCTION_CLUSTER, &scaling.scale_target_ref.name);
    let partitions: u32 = analytics.value("STREAM_PARTITIONS").and_then(|it| it.parse().ok()).expect("a number");
    assert!(scaling.min_replica_count == 3 && scaling.max_replica_count <= partitions);
    let [Figure::Prometheus { metadata: asked }, Figure::Cpu { metric_type, metadata: share }] =
        scaling.triggers.as_slice()
    else {
        panic!("the lag, and the processor")
    };
    assert!(asked.server_address.contains(".monitoring.svc."), "where the network policies expect Prometheus");
    let names: BTreeSet<&str> = asked
        .query
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|it| it.starts_with("vigia_"))
        .collect();
    assert_eq!(names, BTreeSet::from(["vigia_ready", "vigia_stream_lag_entries"]));
    assert!(names.iter().all(|name| METRICS.iter().any(|(known, _)| known == name)), "{names:?}");
    assert!(asked.threshold.parse::<u64>().is_ok_and(|count| count > 0));
    assert_eq!((metric_type.as_str(), share.value.as_str()), ("Utilization", "70"));
    let unneeded = ["TriggerAuthentication/redis-lag", "NetworkPolicy/redis-from-keda", "Secret/keda-redis"];
    assert!(PRODUCTION_CLUSTER.names().iter().all(|name| !unneeded.contains(&name.as_str())));
}
