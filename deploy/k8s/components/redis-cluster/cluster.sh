#!/usr/bin/env bash
# Servers of a Redis Cluster find each other, share the slots, and hand them over.
#
#   cluster.sh create  makes the servers of NODES a cluster, and waits until it is one. What is done already stays as it is, so
#                      this may be interrupted at any point, and may run again at any time: it makes a server that has lost
#                      its volume a replica again.
#   cluster.sh ready   tells whether this server has what its master has. One that does not know where all the others are is
#                      told: where all pods start anew, all have other addresses than those that they know of each other.
#   cluster.sh leave   hands the slots of this server over to its replica, before it stops.
#
# NODES are all servers as HOST:PORT@BUS, of which the first MASTERS begin with slots. SELF is this one's name among them, and
# HERE where it is asked. OPTIONS are more options of redis-cli, such as for TLS; REDISCLI_AUTH is the operator's password.
set -euo pipefail
shopt -s inherit_errexit

SLOTS=16384
# Seconds that are waited for the others, and for a replica to take over.
WAIT=${WAIT:-300}
WAIT_LEAVE=10

read -ra nodes <<<"${NODES:-}"
read -ra options <<<"${OPTIONS:-}"

ask() { # NODE WORDS...
  local place=${1%@*}
  timeout 5 redis-cli -e "${options[@]}" -h "${place%:*}" -p "${place##*:}" "${@:2}" | tr -d '\r'
}

answers() { [[ $(ask "$1" ping 2>/dev/null) == PONG ]]; }

# What a server says of itself in CLUSTER NODES: id, address, flags, master, times, epoch, link, slots.
myself() { ask "$1" cluster nodes | grep myself; }

has_slots() { # LINE
  local words
  read -ra words <<<"$1"
  [[ ${words[2]} == *master* ]] && ((${#words[@]} > 8))
}

knows_all() { # NODE
  local known
  known=$(ask "$1" cluster nodes | grep ' connected' | grep -cv 'fail\|handshake\|noaddr' || true)
  ((known >= ${#nodes[@]}))
}

# Tells a server, where it is asked, where those are that have an address.
introduce() { # NODE ITS-NAME
  local other place found
  for other in "${nodes[@]}"; do
    [[ $other != "$2" ]] || continue
    place=${other%@*}
    found=$(getent ahosts "${place%:*}") || continue
    ask "$1" cluster meet "${found%% *}" "${place##*:}" "${other##*@}" >/dev/null
  done
}

until_so() { # WHAT WORDS...
  local end=$((SECONDS + WAIT))
  until "${@:2}"; do
    if ((SECONDS >= end)); then
      echo "given up after $WAIT s: $1" >&2
      exit 1
    fi
    sleep 0.5
  done
}

all() { # WORDS...
  local node
  for node in "${nodes[@]}"; do "$@" "$node" || return 1; done
}

met() {
  all knows_all && return
  introduce "${nodes[0]}" "${nodes[0]}"
  return 1
}

has_all_slots() { # NODE
  [[ $(ask "$1" cluster info) == *cluster_slots_assigned:$SLOTS* ]]
}

is_in_step() { # NODE
  local said
  said=$(ask "$1" info replication) || return 1
  [[ $said != *role:slave* || $said == *master_link_status:up* ]]
}

is_well() { # NODE
  [[ $(ask "$1" cluster info) == *cluster_state:ok* ]] && has_all_slots "$1" && is_in_step "$1"
}

# The slots that no server has go to the first servers, each its part.
share_slots() {
  local owned=() words node line word slot first last masters=${MASTERS:?}
  for node in "${nodes[@]}"; do
    line=$(myself "$node")
    read -ra words <<<"$line"
    for word in "${words[@]:8}"; do
      # What is in brackets is a slot that moves, which is in the list besides.
      [[ $word =~ ^([0-9]+)(-([0-9]+))?$ ]] || continue
      for ((slot = BASH_REMATCH[1]; slot <= ${BASH_REMATCH[3]:-${BASH_REMATCH[1]}}; slot++)); do owned[slot]=1; done
    done
  done
  local number
  for ((number = 0; number < masters; number++)); do
    node=${nodes[number]}
    first=
    for ((slot = number * SLOTS / masters, last = (number + 1) * SLOTS / masters; slot <= last; slot++)); do
      if ((slot < last)) && [[ -z ${owned[slot]:-} ]]; then
        first=${first:-$slot}
      elif [[ -n $first ]]; then
        echo "slots $first to $((slot - 1)) go to $node"
        ask "$node" cluster addslotsrange "$first" "$((slot - 1))" >/dev/null
        first=
      fi
    done
  done
}

# Each server without slots becomes a replica of the master that has fewest.
share_replicas() {
  local node other line words id best fewest count
  for node in "${nodes[@]}"; do
    line=$(myself "$node")
    read -ra words <<<"$line"
    if [[ ${words[2]} != *master* ]] || has_slots "$line"; then continue; fi
    best='' fewest=${#nodes[@]}
    local lines=()
    for other in "${nodes[@]}"; do lines+=("$(myself "$other")"); done
    for line in "${lines[@]}"; do
      has_slots "$line" || continue
      id=${line%% *}
      count=$(printf '%s\n' "${lines[@]}" | cut -d' ' -f4 | grep -c "^$id$" || true)
      ((count >= fewest)) || best=$id fewest=$count
    done
    echo "$node becomes a replica of $best"
    ask "$node" cluster replicate "$best" >/dev/null
  done
}

create() {
  local node
  for node in "${nodes[@]}"; do until_so "$node does not answer" answers "$node"; done
  until_so "the servers do not find each other" met
  share_slots
  until_so "the servers do not agree on who has the slots" all has_all_slots
  share_replicas
  until_so "the cluster is not well" all is_well
  echo "the cluster is well"
}

ready() {
  knows_all "$HERE" || introduce "$HERE" "$SELF"
  is_in_step "$HERE"
}

is_replica() { [[ $(ask "$HERE" info replication) == *role:slave* ]]; }

leave() {
  local line id replica
  line=$(myself "$HERE")
  has_slots "$line" || return 0
  id=${line%% *}
  replica=$(ask "$HERE" cluster replicas "$id" | grep ' connected' | grep -v fail | head -n 1 | cut -d' ' -f2 || true)
  [[ -n $replica ]] || return 0
  ask "${replica%%,*}" cluster failover >/dev/null
  WAIT=$WAIT_LEAVE until_so "${replica%%,*} does not take over" is_replica
}

case ${1:-} in
  create | ready | leave) "$1" ;;
  *)
    sed -n '2,/^set/{/^#/p}' "$0" >&2
    exit 2
    ;;
esac
