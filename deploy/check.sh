#!/usr/bin/env bash
# Checks what is deployed without a cluster: renders the overlays and validates them against the schemas of Kubernetes, compares
# the chart with the overlays, and runs linters over everything. The tests of deploy/checks check that the parts agree with each
# other.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(deploy/tools.sh)
PATH=$tools:$PATH

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT

# The oldest and the newest Kubernetes that this supports.
versions=(1.32.0 1.36.0)
# Kinds that operators install; Kubernetes has no schema for them. deploy/checks knows their fields.
custom=$'PrometheusRule\nScaledObject\nServiceMonitor\nTriggerAuthentication'

for overlay in minikube archive alerting cluster production client-certificates production-cluster external-redis; do
  file=$rendered/$overlay.yaml
  kubectl kustomize "deploy/k8s/overlays/$overlay" >"$file"
  for version in "${versions[@]}"; do
    if ! said=$(kubernetes-validate --strict --kubernetes-version "$version" "$file" 2>&1); then
      printf '%s\n' "$said" >&2
      exit 1
    fi
    unknown=$(sed -n "s/.*Couldn't find schema for kind \([A-Za-z]*\) .*/\1/p" <<<"$said" | sort -u)
    case $overlay in
      production | client-certificates) expected=$custom ;;
      # KEDA has no password there.
      production-cluster | external-redis) expected=$(grep -v TriggerAuthentication <<<"$custom") ;;
      *) expected= ;;
    esac
    if [[ $unknown != "$expected" ]]; then
      echo "$overlay: not checked by Kubernetes $version: $unknown" >&2
      exit 1
    fi
    echo "$overlay: $(grep -c ' passed for resource ' <<<"$said") objects are valid in Kubernetes $version"
  done
done

for version in "${versions[@]}"; do
  for file in deploy/k8s/import.yaml deploy/k8s/repartition.yaml deploy/k8s/components/cluster-hpa/analytics-autoscaler.yaml; do
    kubernetes-validate --strict --kubernetes-version "$version" "$file"
  done
done

checkov --config-file deploy/checkov.yaml --framework kubernetes --file "$rendered"/*.yaml
checkov --config-file deploy/checkov.yaml --framework dockerfile --file deploy/*.Dockerfile
hadolint deploy/*.Dockerfile
"$tools/../bin/python3" deploy/check-chart.py
check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
shellcheck deploy/*.sh deploy/k8s/overlays/production/secrets.sh deploy/k8s/components/redis-cluster/cluster.sh
echo "check.sh: all is well"
