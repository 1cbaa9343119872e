"""Reads rendered manifests and prints the objects of one part in a form that `podman kube play` accepts.

podman supports no HTTP probes without a curl in the image, and no more than one replica. Services are names in its network,
and anything about several nodes does not apply here. podman 4.3 reads Secrets in one way for variables and in another for
volumes, so they become values and ConfigMaps instead. What has no label of a part is for all of them.
"""
import sys

import yaml


def main() -> None:
    part = sys.argv[1]
    manifests = [
        manifest for manifest in yaml.safe_load_all(sys.stdin) if app(manifest) == part or is_for_all(manifest)
    ]
    secrets = {one["metadata"]["name"]: one["stringData"] for one in manifests if one["kind"] == "Secret"}
    kept = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        for name, data in secrets.items()
    ]
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            simplify(manifest["spec"], secrets)
        if manifest["kind"] in {"ConfigMap", "PersistentVolumeClaim", "Deployment"}:
            kept.append(manifest)
    print(yaml.safe_dump_all(kept))


def app(manifest: dict) -> str | None:
    return manifest["metadata"].get("labels", {}).get("app")


def is_for_all(manifest: dict) -> bool:
    return manifest["kind"] in {"ConfigMap", "Secret"} and app(manifest) is None


def simplify(spec: dict, secrets: dict[str, dict[str, str]]) -> None:
    spec["replicas"] = 1
    pod = spec["template"]["spec"]
    pod.pop("topologySpreadConstraints", None)
    for volume in pod.get("volumes", []):
        if secret := volume.pop("secret", None):
            volume["configMap"] = {"name": secret.pop("secretName"), **secret}
    for container in pod["containers"]:
        for unknown in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports"):
            container.pop(unknown, None)
        # podman 4.3 cannot tell a container its pod's address.
        container["env"] = [one for one in container["env"] if "status.podIP" not in str(one)]
        for variable in container["env"]:
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                del variable["valueFrom"]
                variable["value"] = secrets[reference["name"]][reference["key"]]


if __name__ == "__main__":
    main()
