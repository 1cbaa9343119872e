#!/usr/bin/env bash
# Prints the Secrets that the production overlay refers to: random passwords, a token, and certificates for the broker and its clients.
#
#   secrets.sh | kubectl apply -f -            # once, before the overlay; again to change everything
#   secrets.sh passwords | kubectl apply -f -  # only the passwords
#   secrets.sh token | kubectl apply -f -      # only the token that analytics demands of the dashboard and of Prometheus
#   secrets.sh tls | kubectl apply -f -        # only the certificates, which are good for two years
#
# For the overlay production-cluster, --cluster stands before all that: the addresses are those of a Redis Cluster, and KEDA, which
# asks Prometheus there, has no password.
#
# Restart the pods of the broker and of its clients afterwards, but for the token, which is read again. Nothing is kept here: the key of
# the authority that signs the certificates is discarded at the end. Those of clients are for the component client-certificates.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)
namespace=vigia
days=730
scheme=rediss
if [[ ${1:-} == --cluster ]]; then
  scheme=rediss+cluster
  shift
fi

# The same rules as for development, with other passwords, of which the broker knows only the hashes.
rules=$here/../../base/redis.yaml

indented() { sed 's/^/    /'; }

secret() { # NAME TYPE
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\ntype: %s\nstringData:\n' "$1" "$namespace" "$2"
}

password() { openssl rand -hex 32; }

# openssl is chatty; its output matters only if it fails.
quietly() { "$@" 2>said || { cat said; exit 1; }; }

hash() { printf %s "$1" | openssl dgst -sha256 -r | cut -d' ' -f1; }

passwords() {
  local default analytics simulator keda
  default=$(password) analytics=$(password) simulator=$(password) keda=$(password)
  secret redis-users Opaque
  printf '  default-password: "%s"\n  users.acl: |\n' "$default"
  {
    sed -n 's/^    \(user .*\)/\1/p' "$rules" | sed \
      -e "s/>vigia-operator/#$(hash "$default")/" \
      -e "s/>vigia-analytics/#$(hash "$analytics")/" \
      -e "s/>vigia-simulator/#$(hash "$simulator")/"
    # It asks for the server's version first, and then for the lag.
    [[ $scheme != rediss ]] || echo "user keda on #$(hash "$keda") resetchannels -@all +@connection -@admin -@dangerous +info (~antenna_stream ~antenna_stream:* +xinfo|groups)"
  } | indented
  secret analytics-redis Opaque
  printf '  url: %s://analytics:%s@redis-service:6379\n' "$scheme" "$analytics"
  secret simulator-redis Opaque
  printf '  url: %s://simulator:%s@redis-service:6379\n' "$scheme" "$simulator"
  [[ $scheme == rediss ]] || return 0
  secret keda-redis Opaque
  printf '  username: keda\n  password: "%s"\n' "$keda"
}

token() {
  secret analytics-token Opaque
  printf '  token: "%s"\n' "$(password)"
}

# A certificate, and its key, of the authority in this folder.
certificate() { # NAME SUBJECT EXTENSIONS
  printf '%s\n' "$3" >extensions
  # In a form that OpenSSL 1.1 and LibreSSL understand too.
  quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out request -subj "/CN=$2"
  quietly openssl x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -extfile extensions -out "$1.crt"
}

tls() {
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  local clients=(analytics simulator keda) service=redis-service client
  (
    cd "$folder"
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days "$days" \
      -subj "/CN=Vigia's broker" -addext keyUsage=critical,keyCertSign
    # Probes show the certificate of the server to the server.
    certificate redis "$service" "extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$service,DNS:$service.$namespace,DNS:$service.$namespace.svc,DNS:$service.$namespace.svc.cluster.local,DNS:localhost,DNS:*.redis-nodes.$namespace.svc.cluster.local"
    for client in "${clients[@]}"; do
      certificate "$client" "$client" extendedKeyUsage=clientAuth
    done
  ) >&2
  tls_secret redis-tls redis
  for client in "${clients[@]}"; do
    tls_secret "$client-redis-tls" "$client"
  done
  printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: redis-ca\n  namespace: %s\ndata:\n  ca.crt: |\n' "$namespace"
  indented <"$folder/ca.crt"
}

tls_secret() { # NAME FILES
  secret "$1" kubernetes.io/tls
  local key
  for key in "ca.crt:ca.crt" "tls.crt:$2.crt" "tls.key:$2.key"; do
    printf '  %s: |\n' "${key%%:*}"
    indented <"$folder/${key##*:}"
  done
}

# Nothing is printed unless everything could be created.
case ${1:-all} in
  all) manifests=$(passwords; token; tls) ;;
  passwords | token | tls) manifests=$("$1") ;;
  *)
    sed -n '2,/^set/{/^#/p}' "$0" >&2
    exit 2
    ;;
esac
printf '%s\n' "$manifests"
