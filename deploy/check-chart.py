"""Lints the chart with Helm's own engine, and compares what it renders with the corresponding overlays.

Each set of values has to give the objects of its overlay, field by field, except for the namespace, whose labels Helm does
not set. Values that no overlay has, such as other namespaces and sizes, have to take effect everywhere they matter. Values that
the chart does not know, or that contradict each other, have to be refused.
"""
import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import helm_python
import yaml

DEPLOY = Path(__file__).resolve().parent
CHART = DEPLOY / "chart"
# Lists in which Kubernetes goes by names, not by order.
BY_NAME = {"env", "volumes", "volumeMounts"}


def main() -> None:
    archive = {"analytics": {"archive": {"enabled": True}}}
    alerting = {"analytics": {"alerts": {"existingSecret": "analytics-alerts"}, "antennas": {"existingConfigMap": "antennas"}}}
    production = yaml.safe_load((CHART / "values-production.yaml").read_text())
    certificates = {**production, "redis": {**production["redis"], "clientCertificates": True}}
    cluster = yaml.safe_load((CHART / "values-cluster.yaml").read_text())
    values = {
        "minikube": {},
        "archive": archive,
        "alerting": alerting,
        "cluster": cluster,
        "production": production,
        "client-certificates": certificates,
        "production-cluster": merged(production, cluster),
    }
    for overlay, given in values.items():
        said = helm_python.lint(CHART, values=given, namespace="vigia")["messages"]
        # Anything below a warning is a recommendation, such as an icon.
        if complaints := [message for message in said if message["severity"] > 1]:
            sys.exit(f"the chart, linted: {complaints}")
        ours = rendered(given, "vigia")
        folder = DEPLOY / "k8s" / "overlays" / overlay
        theirs = objects(subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True).stdout)
        theirs.pop("Namespace/vigia")
        if given is alerting:
            # Whoever uses the chart makes the files.
            del theirs["Secret/analytics-alerts"], theirs["ConfigMap/antennas"]
        if given in ({}, archive, alerting, cluster):
            the_token_is_generated(ours, theirs)
        if ours != theirs:
            sys.exit(f"the chart and the overlay {overlay} differ:\n" + "\n".join(differences(ours, theirs, "")))
        print(f"the chart says the same as the overlay {overlay}: {len(ours)} objects")
    monitoring_follows_the_values(values["production"])
    only_a_service_with_a_node_port_has_one()
    the_page_may_be_below_a_path(values["production"])
    a_secret_of_its_own_replaces_the_generated_one()
    a_login_is_that_of_its_component(values["production"])
    a_status_page_is_there_where_it_is_wanted(values["production"])
    the_processor_scales_where_keda_does_not(values["production-cluster"])
    an_external_broker_is_reached_and_not_made(values["production-cluster"])
    refused({"dashbord": {"replicas": 2}})
    refused({"simulator": {"replicas": -1}})
    refused({"redis": {"tls": True}})
    refused({"redis": {"clientCertificates": True}})
    refused({"image": {"registry": "registry.example.com/"}})
    # A second pod on another node could not mount the archive's volume.
    refused({**values["production"], **archive})
    refused(merged(cluster, archive))
    refused({"analytics": {"autoscaling": {"enabled": True}}})
    refused({"redis": {"mode": "external"}})
    refused({"analytics": {"alerts": {"existingSecret": "mine", "cidrs": ["everywhere"]}}})
    refused(merged(values["production-cluster"], {"redis": {"clientCertificates": True}}))
    refused(merged(values["production-cluster"], {"monitoring": {"enabled": False}}))
    shared = {"archive": {"enabled": True, "accessMode": "ReadWriteMany"}}
    claim = rendered({**values["production"], "analytics": shared}, "vigia")["PersistentVolumeClaim/analytics-archive"]
    if claim["spec"]["accessModes"] != ["ReadWriteMany"]:
        sys.exit(f"the chart's archive has {claim['spec']}")
    # secrets.sh creates a user for KEDA, and URLs with TLS; the development passwords come with neither.
    refused({"keda": {"enabled": True}})
    refused({"developmentPasswords": False})


def the_token_is_generated(ours: dict, theirs: dict) -> None:
    """The chart makes the token that the overlays for development leave to whoever wants one."""
    secret = ours.pop("Secret/analytics-token")
    token = secret["data"]["token"]
    if secret["metadata"].get("annotations") != {"helm.sh/resource-policy": "keep"}:
        sys.exit("whoever names the generated Secret in existingSecret loses it")
    checksum = {"checksum/token": hashlib.sha256(token.encode()).hexdigest()}
    for name in ["analytics", "dashboard"]:
        if (found := ours[f"Deployment/{name}"]["spec"]["template"]["metadata"].pop("annotations", None)) != checksum:
            sys.exit(f"the pods of the chart's {name} are marked {found}, and their token {checksum}")
    if len(base64.b64decode(token, validate=True)) < 32:
        sys.exit(f"the chart's token is short: {token}")
    for name in ["analytics", "dashboard"]:
        container = theirs[f"Deployment/{name}"]["spec"]["template"]["spec"]["containers"][0]
        reference = next(one for one in container["env"] if one["name"] == "ANALYTICS_TOKEN")["valueFrom"]["secretKeyRef"]
        if not reference.pop("optional"):
            sys.exit(f"without a token, the overlay's {name} does not start")


def monitoring_follows_the_values(production: dict) -> None:
    for maxmemory, size in {"512mb": 512 << 20, "3gb": 3 << 30}.items():
        given = {**production, "redis": {**production["redis"], "maxmemory": maxmemory}}
        ours = rendered(given, "elsewhere")
        rules = {rule["alert"]: rule["expr"] for rule in ours["PrometheusRule/vigia"]["spec"]["groups"][0]["rules"]}
        memory = f'max(container_memory_rss{{namespace="elsewhere", container="redis"}}) > 0.8 * {size}'
        if rules["VigiaBrokerMemory"] != memory:
            sys.exit(f"with {maxmemory} the chart says {rules['VigiaBrokerMemory']}")
        grafana = json.loads(ours["ConfigMap/vigia-grafana"]["data"]["vigia.json"])
        panels = [target["expr"] for panel in grafana["panels"] for target in panel["targets"]]
        for expression in [*rules.values(), *panels]:
            if 'namespace="' in expression.replace('namespace="elsewhere"', ""):
                sys.exit(f"the chart asks for another namespace than its own: {expression}")
    print("the chart's alerts know its namespace and its memory")


def only_a_service_with_a_node_port_has_one() -> None:
    for kind, expected in {"ClusterIP": [None], "NodePort": [30081], "LoadBalancer": [30081]}.items():
        service = rendered({"dashboard": {"service": {"type": kind}}}, "vigia")["Service/dashboard-service"]["spec"]
        if [port.get("nodePort") for port in service["ports"]] != expected:
            sys.exit(f"the chart's Service of type {kind} has the ports {service['ports']}")


def the_page_may_be_below_a_path(production: dict) -> None:
    for path, base in {"/": [], "/vigia": ["/vigia"]}.items():
        dashboard = {**production["dashboard"], "ingress": {**production["dashboard"]["ingress"], "path": path}}
        ours = rendered({**production, "dashboard": dashboard}, "vigia")
        paths = [one["path"] for one in ours["Ingress/dashboard"]["spec"]["rules"][0]["http"]["paths"]]
        env = ours["Deployment/dashboard"]["spec"]["template"]["spec"]["containers"][0]["env"]
        if paths != [path] or [one["value"] for one in env if one["name"] == "BASE_PATH"] != base:
            sys.exit(f"the chart's dashboard at {path} is told {env}")
    for path in ["/vigia/", "/live", "/antennas/vigia"]:
        refused({"dashboard": {"ingress": {"enabled": True, "path": path}}})
    # Nothing would tell the dashboard.
    refused({"dashboard": {"ingress": {"enabled": False, "path": "/vigia"}}})


def a_secret_of_its_own_replaces_the_generated_one() -> None:
    ours = rendered({"analytics": {"token": {"existingSecret": "mine"}}}, "vigia")
    pods = [ours[f"Deployment/{name}"]["spec"]["template"]["spec"] for name in ["analytics", "dashboard"]]
    secrets = [volume["secret"]["secretName"] for pod in pods for volume in pod["volumes"]]
    variables = [one for pod in pods for one in pod["containers"][0]["env"] if one["name"].startswith("ANALYTICS_TOKEN")]
    file = {"name": "ANALYTICS_TOKEN_FILE", "value": "/etc/vigia/token/token"}
    if "Secret/analytics-token" in ours or secrets != ["mine", "mine"] or variables != [file, file]:
        sys.exit(f"the chart takes the token from {secrets} by {variables}")


def a_login_is_that_of_its_component(production: dict) -> None:
    """The component login, which no overlay has, in production and without a Secret of the token."""
    login = {"dashboard": {"login": {"existingSecret": "dashboard-login"}}}
    folder = DEPLOY / "k8s" / "components" / "login"
    pod = objects((folder / "dashboard.yaml").read_text())["Deployment/dashboard"]["spec"]["template"]["spec"]
    added = {"env": pod["containers"][0]["env"], "mounts": pod["containers"][0]["volumeMounts"], "volumes": pod["volumes"]}
    for given in (production, {}):
        def parts(values: dict) -> dict:
            ours = rendered(values, "vigia")["Deployment/dashboard"]["spec"]["template"]["spec"]
            container = ours["containers"][0]
            return {"env": container["env"], "mounts": container.get("volumeMounts", []), "volumes": ours.get("volumes", [])}
        before, after = parts(given), parts(merged(given, login))
        more = {name: [one for one in after[name] if one not in before[name]] for name in after}
        if more != added:
            sys.exit(f"the chart's login adds {more}")
    print("the chart's login is that of the component")


def a_status_page_is_there_where_it_is_wanted(production: dict) -> None:
    """A variable more, in production and without a login."""
    for given in (production, {}):
        def env(values: dict) -> list:
            ours = rendered(values, "vigia")["Deployment/dashboard"]["spec"]["template"]["spec"]
            return ours["containers"][0]["env"]
        before, after = env(given), env(merged(given, {"dashboard": {"status": True}}))
        if [one for one in after if one not in before] != [{"name": "STATUS", "value": "on"}] or "STATUS" in str(before):
            sys.exit(f"the chart's status page adds to {before}: {after}")
    print("the chart has a status page where it is wanted")


def the_processor_scales_where_keda_does_not(production_cluster: dict) -> None:
    """The component cluster-hpa, which no overlay has."""
    changed = {"keda": {"enabled": False}, "analytics": {"autoscaling": {"enabled": True}}}
    ours = rendered(merged(production_cluster, changed), "vigia")
    file = DEPLOY / "k8s" / "components" / "cluster-hpa" / "analytics-autoscaler.yaml"
    theirs = objects(file.read_text())["HorizontalPodAutoscaler/analytics"]
    if ours["HorizontalPodAutoscaler/analytics"]["spec"] != theirs["spec"]:
        sys.exit(f"the chart scales by {ours['HorizontalPodAutoscaler/analytics']}")
    if "replicas" in ours["Deployment/analytics"]["spec"] or "ScaledObject/analytics" in ours:
        sys.exit("something else scales analytics in the chart")


def an_external_broker_is_reached_and_not_made(production_cluster: dict) -> None:
    external = {"mode": "external", "external": {"cidr": "10.1.0.0/16", "port": 6380}}
    ours = rendered(merged(production_cluster, {"redis": external}), "vigia")
    if made := [name for name in ours if "redis" in name]:
        sys.exit(f"the chart makes {made} beside an external broker")
    way = {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 6380}]}
    for name in ["analytics", "simulator"]:
        if way not in (found := ours[f"NetworkPolicy/{name}"]["spec"]["egress"]):
            sys.exit(f"the chart's {name} may go to {found}")
        url = next(one for one in ours[f"Deployment/{name}"]["spec"]["template"]["spec"]["containers"][0]["env"] if one["name"] == "REDIS_URL")
        if url["valueFrom"]["secretKeyRef"] != {"name": f"{name}-redis", "key": "url"}:
            sys.exit(f"the chart's {name} finds the broker by {url}")


def merged(one: dict, other: dict) -> dict:
    """As Helm reads the second file of values behind the first."""
    both = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            both[key] = merged(one[key], other[key])
    return both


def rendered(values: dict, namespace: str) -> dict[str, dict]:
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="vigia", namespace=namespace)
    return objects("\n---\n".join(files.values()))


def objects(text: str | bytes) -> dict[str, dict]:
    manifests = [manifest for manifest in yaml.safe_load_all(text) if manifest]
    return {f"{one['kind']}/{one['metadata']['name']}": in_order(one) for one in manifests}


def in_order(value: object) -> object:
    if isinstance(value, dict):
        ordered = {key: in_order(below) for key, below in value.items()}
        return {
            key: sorted(below, key=lambda one: one["name"]) if key in BY_NAME else below
            for key, below in ordered.items()
        }
    if isinstance(value, list):
        return [in_order(below) for below in value]
    return value


def differences(one: object, other: object, path: str) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}/{key}")]
    return [] if one == other else [f"{path}: {one!r} in the chart, {other!r} in the overlay"]


def refused(values: dict) -> None:
    with helm_python.Chart.load(CHART) as chart:
        try:
            chart.validate_schema(values)
        except helm_python.HelmError:
            return
    sys.exit(f"the chart takes {values}")


if __name__ == "__main__":
    main()
