//! A real Redis Cluster on the loopback interface.

use super::redis::RedisServer;
use super::reservation::Reservation;
use super::wait::{DEADLINE, until};

/// A cluster has so many slots.
const SLOTS: usize = 16_384;

/// Servers that are a cluster together. The masters come first, each with as many slots as the others, and then the replicas: that of
/// the first master, that of the second one, and so on.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<RedisServer>,
    buses: Vec<Reservation>,
    masters: usize,
}

impl RedisCluster {
    /// Masters without replicas: where one is gone, nobody takes its place.
    ///
    /// # Panics
    /// Where the servers do not come up and find each other.
    #[must_use]
    pub fn start(masters: usize, extra_arguments: &[&str]) -> Self {
        Self::of(masters, 0, extra_arguments)
    }

    /// Three masters with a replica each, which takes a master's place when that has been gone for about a second.
    ///
    /// # Panics
    /// Where the servers do not come up and find each other.
    #[must_use]
    pub fn with_replicas() -> Self {
        Self::with_patient_replicas(&["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"])
    }

    /// The same, where a master may be busy for as long as Redis gives it by default: a measurement is not to end in a failover.
    ///
    /// # Panics
    /// Where the servers do not come up and find each other.
    #[must_use]
    pub fn with_patient_replicas(extra_arguments: &[&str]) -> Self {
        Self::of(3, 3, extra_arguments)
    }

    fn of(masters: usize, replicas: usize, extra_arguments: &[&str]) -> Self {
        let buses: Vec<Reservation> = (0..masters + replicas).map(|_| Reservation::new()).collect();
        let server = |bus: &Reservation| {
            let bus = bus.port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--repl-diskless-sync-delay", "0"];
            RedisServer::start(&[&arguments, extra_arguments].concat())
        };
        let servers: Vec<RedisServer> = buses.iter().map(server).collect();
        let cluster = Self { servers, buses, masters };
        for (number, server) in cluster.servers.iter().enumerate() {
            server.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            if number < masters {
                let [first, last] =
                    [number * SLOTS / masters, (number + 1) * SLOTS / masters - 1].map(|it| it.to_string());
                server.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            }
        }
        for (server, bus) in cluster.servers.iter().zip(&cluster.buses) {
            let [port, bus] = [server.port(), bus.port()].map(|port| port.to_string());
            cluster.servers[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        cluster.until_they_know_each_other();
        for number in 0..replicas {
            cluster.servers[masters + number].ask(&["CLUSTER", "REPLICATE", &cluster.id(number % masters)]);
        }
        for number in 0..masters + replicas {
            cluster.until_it_says(number, "CLUSTER INFO", &["cluster_state:ok", "cluster_slots_ok:16384"]);
            if number >= masters {
                cluster.until_it_says(number, "INFO replication", &["role:slave", "master_link_status:up"]);
            }
        }
        cluster
    }

    /// The URL, which names all servers.
    #[must_use]
    pub fn url(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis+cluster://{}", servers.join(","))
    }

    /// A server.
    #[must_use]
    pub fn server(&self, number: usize) -> &RedisServer {
        &self.servers[number]
    }

    /// All servers: the masters of the beginning, then their replicas.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// A server, to kill it or to bring it back.
    pub fn server_mut(&mut self, number: usize) -> &mut RedisServer {
        &mut self.servers[number]
    }

    /// The number of the master that had a key's slot in the beginning.
    #[must_use]
    pub fn first_master_of(&self, key: &str) -> usize {
        let slot = self.slot_of(key);
        let last = |number: &usize| (number + 1) * SLOTS / self.masters;
        (0..self.masters).find(|number| slot < last(number)).expect("every slot has a master")
    }

    /// The number of the replica that a master had in the beginning.
    #[must_use]
    pub const fn replica_of(&self, master: usize) -> usize {
        self.masters + master
    }

    /// A key's slot.
    ///
    /// # Panics
    /// Where no server answers.
    #[must_use]
    pub fn slot_of(&self, key: &str) -> usize {
        self.servers[0].ask(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot")
    }

    /// A server's id in the cluster.
    #[must_use]
    pub fn id(&self, number: usize) -> String {
        self.servers[number].ask(&["CLUSTER", "MYID"])
    }

    /// Begins to move the slot of a key from a server to another one. Its keys stay until they are moved one by one.
    pub fn begin_to_move(&self, key: &str, from: usize, to: usize) {
        let slot = self.slot_of(key).to_string();
        self.servers[to].ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)]);
        self.servers[from].ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)]);
    }

    /// Moves a key of a slot that is being moved.
    pub fn move_key(&self, key: &str, from: usize, to: usize) {
        let port = self.servers[to].port().to_string();
        self.servers[from].ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }

    /// Ends the move of a key's slot.
    pub fn end_to_move(&self, key: &str, from: usize, to: usize) {
        let (slot, id) = (self.slot_of(key).to_string(), self.id(to));
        // The new owner first: nobody is sent to one that does not know that it is that.
        for number in [to, from] {
            self.servers[number].ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
    }

    /// Waits until a server is a master that takes writes.
    ///
    /// # Panics
    /// Where it does not come to that.
    #[track_caller]
    pub fn until_promoted(&self, number: usize) {
        self.until_it_says(number, "INFO replication", &["role:master"]);
        self.until_it_says(number, "CLUSTER INFO", &["cluster_state:ok"]);
    }

    /// Waits until a server has all of some lines in an answer.
    ///
    /// # Panics
    /// Where it does not come to that.
    #[track_caller]
    pub fn until_it_says(&self, number: usize, command: &str, lines: &[&str]) {
        let words: Vec<&str> = command.split(' ').collect();
        until(&format!("server {number} says {lines:?}"), DEADLINE, || {
            let said = self.servers[number].ask(&words);
            let has = |line: &&str| said.lines().any(|it| it.trim_end() == *line);
            if lines.iter().all(has) { Ok(()) } else { Err(said) }
        });
    }

    /// Waits until each server has met all the others.
    fn until_they_know_each_other(&self) {
        for server in &self.servers {
            until("the servers know each other", DEADLINE, || {
                let nodes = server.ask(&["CLUSTER", "NODES"]);
                let met = nodes.lines().filter(|line| !line.contains("handshake")).count();
                if met == self.servers.len() { Ok(()) } else { Err(nodes) }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_on_the_master_of_their_slot() {
        let cluster = RedisCluster::start(2, &[]);
        for key in ["a", "b", "c", "{a}:d"] {
            let owner = cluster.server(cluster.first_master_of(key));
            owner.ask(&["SET", key, "x"]);
            assert_eq!(owner.ask(&["GET", key]), "x");
        }
        assert_eq!(cluster.first_master_of("a"), cluster.first_master_of("{a}:d"));
    }
}
