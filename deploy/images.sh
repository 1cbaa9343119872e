#!/usr/bin/env bash
# Builds the real images and starts them as the manifests describe, on a machine without a cluster and without a registry.
#
#   deploy/images.sh          # builds, starts, looks, and leaves nothing behind
#   deploy/images.sh FOLDER   # keeps bases and layers in FOLDER, which the next run finds
#   PROGRAMS=target/debug deploy/images.sh  # with programs that are built already, in place of those that the Dockerfiles build
#
# The base images that the Dockerfiles and the manifests name are made from Debian packages and this machine's Rust, and
# imported under those names. Then buildah builds the three images, and podman plays the manifests of the minikube overlay, one
# pod per part, in a network of their own under the names of the Services; after that the same of the overlay client-certificates, with
# Secrets that secrets.sh makes. Needs Debian 12 or newer, and root.
set -euo pipefail
cd "$(dirname "$0")/.."

needs=(buildah:buildah podman:podman runc:runc mmdebstrap:mmdebstrap iptables:iptables catatonit:catatonit curl:curl openssl:openssl
  /usr/lib/podman/netavark:netavark /usr/lib/podman/aardvark-dns:aardvark-dns)
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if [[ $(id -u) != 0 ]]; then
  echo "please run this as root" >&2
  exit 1
fi
if ((${#missing[@]})); then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
tools=$(deploy/tools.sh)
PATH=$tools:$PATH

network=vigia-images
parts=(redis analytics dashboard simulator)
redis_image=$(sed -n 's/^ *image: \(redis:.*\)/\1/p' deploy/k8s/base/redis.yaml)
rust_image=$(sed -n 's/^FROM \(rust:[^ ]*\) .*/\1/p' deploy/analytics.Dockerfile)

# Everything it creates is in one folder: images, containers, volumes, networks. The pods live in their own network namespace,
# for which this script calls itself, so that the namespace and all that is set up in it disappear together.
inside=
if [[ ${1:-} == --inside ]]; then
  inside=yes
  shift
fi
kept=${1:-}
work=${kept:-$(mktemp -d /var/tmp/vigia-images.XXXXXX)}
mkdir -p "$work"
work=$(realpath "$work")
cat >"$work/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$work/storage"
runroot = "$work/run"
CONF
cat >"$work/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
volume_path = "$work/volumes"
[network]
network_backend = "netavark"
network_config_dir = "$work/networks"
CONF
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf

# Whatever happens, no container, network or file is left behind.
sweep() {
  podman pod rm --force --all >/dev/null 2>&1 || true
  podman rm --force --all --time 0 >/dev/null 2>&1 || true
  podman network rm --force "$network" >/dev/null 2>&1 || true
  podman volume rm --force --all >/dev/null 2>&1 || true
  podman secret rm --all >/dev/null 2>&1 || true
  if [[ -z $kept && -z $inside ]]; then
    podman rmi --force --all >/dev/null 2>&1 || true
    rm -rf "$work"
  fi
}
trap sweep EXIT

say() { printf '%s %s\n' "$(date +%T)" "$*"; }

fail() {
  say "$*" >&2
  for part in "${parts[@]}"; do
    podman logs --tail 20 "$part-pod-0-$part" 2>&1 | sed "s/^/$part: /" >&2 || true
  done
  exit 1
}

# Retries until it works, for at most SECONDS.
within() { # SECONDS WHAT COMMAND...
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < until)) || fail "$what does not come"
    sleep 0.2
  done
}

# A base image of Debian packages and whatever else it needs, imported under the name of the image it stands in for.
base() { # IMAGE PACKAGES HOOK
  podman image exists "docker.io/library/$1" && return
  say "makes a base: $1"
  local sources=(/etc/apt/sources.list)
  [[ -s ${sources[0]} ]] || sources=(/etc/apt/sources.list.d/debian.sources)
  mmdebstrap --quiet --variant=minbase --include="$2" --customize-hook="$3" \
    "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$work/base.tar" "${sources[@]}"
  podman import --quiet --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$work/base.tar" "docker.io/library/$1" >/dev/null
  rm "$work/base.tar"
}

build() {
  # Debian's folder of settings is not world-readable; the image has none.
  base "$redis_image" redis-server "rm -r \"\$1/etc/redis\""
  # Fetching crates may need the certificates that this machine trusts; they are not part of the project.
  sysroot=$(rustc --print sysroot)
  [[ ${PROGRAMS-} ]] || base "$rust_image" ca-certificates,gcc,libc6-dev \
    "cp /etc/ssl/certs/ca-certificates.crt \"\$1/etc/ssl/certs/\" && cp -a $sysroot/bin $sysroot/lib $sysroot/libexec \"\$1/usr/local/\""

  for program in analytics dashboard simulator; do
    started=$SECONDS
    # This image format supports health checks. The build uses this machine's network, as a sandbox may have no other. The overlays of
    # production name a registry.
    how=(--format docker --layers --pull-never --isolation chroot --quiet --tag "$program:v1"
      --tag "registry.example.com/vigia/$program:v1")
    if [[ ${PROGRAMS-} ]]; then
      last_stage "$program" "${how[@]}" >/dev/null
    else
      buildah build "${how[@]}" --file "deploy/$program.Dockerfile" . >/dev/null
    fi
    say "built $program:v1 in $((SECONDS - started)) s, $(podman image inspect --format '{{.Size}}' "$program:v1" | numfmt --to=si)B"
  done
}

# The last stage of a Dockerfile, with a program that is built already and the libraries of this machine.
last_stage() { # PROGRAM OPTIONS...
  local root=$work/root-of-image file
  rm -rf "$root"
  mkdir -p "$root/etc" "$root/usr/bin"
  cp "$PROGRAMS/$1" "$root/usr/bin/$1"
  for file in $(ldd "$PROGRAMS/$1" | grep -o '/lib[^ ]*') /etc/ssl/certs/ca-certificates.crt; do
    cp --dereference --parents "$file" "$root"
  done
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  echo 'vigia:x:65532:65532::/:/usr/sbin/nologin' >"$root/etc/passwd"
  sed -n '/^FROM scratch$/,$p' "deploy/$1.Dockerfile" \
    | sed -e '/^COPY --from=builder \/programs/d' -e 's/^COPY --from=builder .*/COPY . \//' >"$work/last-stage"
  buildah build "${@:2}" --file "$work/last-stage" "$root"
}

# The objects of one part of an overlay, as podman can play them: without probes that need a shell, with one replica, without Service
# ports; and with Secrets that the overlay does not bring.
part() { # PART
  { kubectl kustomize "deploy/k8s/overlays/$overlay" && echo "$secrets"; } | "$tools/../bin/python3" deploy/one-part.py "$1"
}

play() { # PART
  part "$1" >"$work/$1.yaml"
  podman kube play --network "$network:alias=$1-service" "$work/$1.yaml" >/dev/null || fail "$1 does not start"
}

address() { # PART
  podman inspect --format "{{(index .NetworkSettings.Networks \"$network\").IPAddress}}" "$(podman pod inspect --format '{{.InfraContainerID}}' "$1-pod-0")"
}

page() { curl --silent --fail --max-time 5 --header "Host: vigia.example.com" "http://$(address dashboard):8000/$1"; }

shows() { [[ $(page antennas) == *simulator-pod-0* ]]; }
asks() { curl --silent --max-time 5 "$@" "http://$(address analytics):8000/api/v1/pipeline"; }
counted() { asks --header "Authorization: Bearer $token" | python3 -c 'import json, sys; print(json.load(sys.stdin)["totals"]["counted"])'; }
more() { (($(counted) > first + 3)); }

# Starts an overlay with what secrets.sh prints for these words, and sees readings on the page and the door closed to others.
works() { # OVERLAY WORDS...
  overlay=$1
  secrets=$(deploy/k8s/overlays/production/secrets.sh "${@:2}")
  token=$(sed -n 's/^ *token: "\(.*\)"$/\1/p' <<<"$secrets")
  for name in "${parts[@]}"; do
    play "$name"
  done

  within 60 "an antenna on the page" shows
  say "$overlay: the page shows the antenna simulator-pod-0"

  first=$(counted)
  within 30 "the next reading" more
  say "readings arrive: $first counted, then $(counted)"

  status=$(asks --output /dev/null --write-out '%{http_code}')
  [[ $status == 401 ]] || fail "analytics answers $status to who does not know the token"
  podman run --detach --no-healthcheck --name stranger --network "$network" --env ANALYTICS_URL=http://analytics-service:8000 dashboard:v1 >/dev/null
  within 10 "a page of the dashboard without the token" is_refused
  podman rm --force --time 0 stranger >/dev/null
  say "who does not know the token is refused, and a dashboard without it says so"
}

is_refused() {
  local there
  there=$(podman inspect --format "{{(index .NetworkSettings.Networks \"$network\").IPAddress}}" stranger)
  [[ $(curl --silent --max-time 5 "http://$there:8000/") == *"Analytics refuses the dashboard"* ]]
}

# What the probes of the overlay run, but for some words.
ping_of_probe() { # WORDS...
  podman exec redis-pod-0-redis redis-cli -e --tls --cacert /etc/redis/tls/ca.crt "$@" --user probe ping
}

start() {
  ip link set lo up
  podman network create "$network" >/dev/null
  works minikube token

  for name in analytics dashboard; do
    podman exec "$name-pod-0-$name" "/usr/bin/$name" health || fail "$name says that it is not well"
  done
  for name in "${parts[@]}"; do
    container=$name-pod-0-$name
    user=$(awk '/^Uid:/ {print $2}' "/proc/$(podman inspect --format '{{.State.Pid}}' "$container")/status")
    read_only=$(podman inspect --format '{{.HostConfig.ReadonlyRootfs}}' "$container")
    [[ $user == 65532 && $read_only == true ]] || fail "$name runs as $user, with its root read-only: $read_only"
  done
  say "all run as 65532 with a root that is read-only"

  # In the order of the data, so that each part can hand over to the next.
  for name in simulator analytics dashboard; do
    container=$name-pod-0-$name
    started=$(date +%s%N)
    podman stop --time 20 "$container" >/dev/null
    took=$((($(date +%s%N) - started) / 1000000))
    code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
    [[ $code == 0 && $took -lt 5000 ]] || fail "$name ended with $code after $took ms"
    say "$name ended in order after $took ms"
  done
  [[ $(podman logs analytics-pod-0-analytics 2>&1) == *"committed for the last time"* ]] || fail "analytics did not commit at its end"
  podman images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep localhost

  podman pod rm --force --all >/dev/null
  podman volume rm --force --all >/dev/null
  works client-certificates
  [[ $(podman logs analytics-pod-0-analytics 2>&1) == *'"broker":"rediss://redis-service:6379"'* ]] || fail "analytics talks no TLS"
  [[ $(ping_of_probe --cert /etc/redis/tls/tls.crt --key /etc/redis/tls/tls.key) == PONG ]] || fail "the broker's probes fail"
  if ping_of_probe >/dev/null 2>&1; then fail "the broker lets in who shows no certificate"; fi
  say "the broker demands certificates, and gets them from the files of Secrets"
}

if [[ $inside ]]; then
  start
else
  build
  # If no folder is to be kept, the inner script made one and leaves its removal to this one.
  unshare --net "$0" --inside "$work"
  say "images.sh: all is well"
fi
