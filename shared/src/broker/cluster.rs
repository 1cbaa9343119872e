//! What a server of a Redis Cluster tells of where slots are.

use redis::{FromRedisValue as _, Value};

use super::Failure;
use crate::settings::Node;

/// What CLUSTER SHARDS answers, as far as one slot is concerned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shards {
    /// The slot's master.
    pub(super) master: Node,
    /// All servers that it tells of, except those that have failed.
    pub(super) servers: Vec<Node>,
}

/// A server as CLUSTER SHARDS tells of it.
struct Server {
    node: Option<Node>,
    is_master: bool,
    is_well: bool,
}

impl Shards {
    /// Reads the answer of the server at `asked`, for the ports with or without TLS.
    ///
    /// # Errors
    /// [`Failure::Passing`] where no server has the slot, or the one that has it has failed and is not replaced yet;
    /// [`Failure::Refused`] where the servers cannot be reached as the settings say.
    pub(super) fn of(answer: &Value, slot: u16, asked: &Node, is_tls: bool) -> Result<Self, Failure> {
        let (mut master, mut servers) = (None, Vec::new());
        for shard in items(answer) {
            let told = field(shard, "nodes").map(items).unwrap_or_default();
            let told: Vec<Server> = told.iter().map(|server| Server::of(server, asked, is_tls)).collect();
            if field(shard, "slots").is_some_and(|slots| has_slot(slots, slot)) {
                master = told.iter().find(|server| server.is_master).map(|it| (it.node.clone(), it.is_well)).or(master);
            }
            servers.extend(told.into_iter().filter(|server| server.is_well).filter_map(|server| server.node));
        }
        match master {
            None => Err(Failure::Passing(format!("CLUSTERDOWN no server of the cluster has the slot {slot}"))),
            Some((Some(node), false)) => {
                Err(Failure::Passing(format!("CLUSTERDOWN {node}, the master of slot {slot}, has failed")))
            }
            Some((Some(master), true)) => Ok(Self { master, servers }),
            Some((None, _)) => {
                let (has, needed) =
                    if is_tls { ("no port with TLS", "redis") } else { ("a port with TLS only", "rediss") };
                Err(Failure::Refused(format!(
                    "the master of slot {slot} has {has}; REDIS_URL has to begin with {needed}+cluster://"
                )))
            }
        }
    }
}

impl Server {
    fn of(told: &Value, asked: &Node, is_tls: bool) -> Self {
        let text = |name| field(told, name).and_then(|value| Option::<String>::from_redis_value_ref(value).ok()?);
        let port = text(if is_tls { "tls-port" } else { "port" }).and_then(|port| port.parse().ok());
        // Nothing stands for the address that was asked. A question mark stands for a name that the server was not given.
        let endpoint = match text("endpoint").as_deref() {
            None | Some("") => asked.host.clone(),
            Some("?") => text("ip").filter(|ip| !ip.is_empty()).unwrap_or_else(|| asked.host.clone()),
            Some(endpoint) => endpoint.to_owned(),
        };
        let node = port.filter(|port| *port > 0).map(|port| Node { host: endpoint, port });
        let is = |name, wanted| text(name).is_some_and(|it| it == wanted);
        Self { node, is_master: is("role", "master"), is_well: !is("health", "fail") && !is("health", "failed") }
    }
}

/// The place that a server names with MOVED: `MOVED SLOT HOST:PORT`. `None` where the line says something else, or the server does
/// not know the other's name. Without a host, it is the same as that of the server at `from`.
pub(super) fn moved_to(line: &str, from: &Node) -> Option<Node> {
    let (host, port) = line.strip_prefix("MOVED ")?.split(' ').nth(1)?.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0)?;
    match host {
        "" => Some(Node { host: from.host.clone(), port }),
        "?" => None,
        _ => Some(Node { host: host.to_owned(), port }),
    }
}

/// Whether a list of first and last slots, one pair after the other, has a slot.
fn has_slot(ranges: &Value, slot: u16) -> bool {
    let ends: Vec<u16> = items(ranges).iter().filter_map(|end| u16::from_redis_value_ref(end).ok()).collect();
    ends.as_chunks().0.iter().any(|[first, last]| (*first..=*last).contains(&slot))
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        _ => &[],
    }
}

/// The value behind a name, in a list of names and values or a map of them.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let is_it = |it: &Value| {
        matches!(it, Value::BulkString(text) if text == name.as_bytes())
            || matches!(it, Value::SimpleString(text) if text == name)
    };
    match value {
        Value::Array(items) => items.as_chunks().0.iter().find(|[it, _]| is_it(it)).map(|[_, value]| value),
        Value::Map(pairs) => pairs.iter().find(|(it, _)| is_it(it)).map(|(_, value)| value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn node(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    /// A server, with the fields that differ from case to case.
    fn server(role: &str, health: &str, fields: &[(&str, Value)]) -> Value {
        let mut all = vec![text("id"), text("0e1f"), text("role"), text(role), text("health"), text(health)];
        all.extend(fields.iter().flat_map(|(name, value)| [text(name), value.clone()]));
        Value::Array(all)
    }

    fn shard(slots: &[i64], servers: Vec<Value>) -> Value {
        let slots = Value::Array(slots.iter().map(|end| Value::Int(*end)).collect());
        Value::Array(vec![text("slots"), slots, text("nodes"), Value::Array(servers)])
    }

    fn read(shards: Vec<Value>, is_tls: bool) -> Result<Shards, Failure> {
        Shards::of(&Value::Array(shards), 7_000, &node("asked", 6_379), is_tls)
    }

    #[test]
    fn the_master_of_the_slot_is_found_among_the_others() {
        let at = |host: &str, port| [("endpoint", text(host)), ("ip", text("10.0.0.9")), ("port", Value::Int(port))];
        let found = read(
            vec![
                shard(&[], vec![server("master", "fail", &at("10.0.0.1", 1))]),
                shard(&[0, 6_999, 7_001, 9_000], vec![server("master", "online", &at("10.0.0.2", 2))]),
                shard(
                    &[9_001, 9_001, 7_000, 7_000],
                    vec![
                        server("replica", "loading", &at("10.0.0.3", 3)),
                        server("master", "online", &at("fd00::4", 4)),
                    ],
                ),
            ],
            false,
        );
        let found = found.expect("a master");
        assert_eq!(found.master, node("fd00::4", 4));
        assert_eq!(found.servers, [node("10.0.0.2", 2), node("10.0.0.3", 3), node("fd00::4", 4)]);
        assert_eq!(found.master.to_string(), "[fd00::4]:4");
    }

    #[test]
    fn what_is_announced_is_where_the_master_is() {
        let ports = [("port", Value::Int(7_001)), ("tls-port", Value::Int(7_002))];
        for (endpoint, host) in [
            (Some(text("10.0.0.2")), "10.0.0.2"),
            (Some(text("redis-1.example.org")), "redis-1.example.org"),
            (Some(text("?")), "10.0.0.9"),
            (Some(text("")), "asked"),
            (Some(Value::Nil), "asked"),
            (None, "asked"),
        ] {
            let mut fields = ports.to_vec();
            fields.push(("ip", text("10.0.0.9")));
            fields.extend(endpoint.map(|endpoint| ("endpoint", endpoint)));
            for (is_tls, port) in [(false, 7_001), (true, 7_002)] {
                let found = read(vec![shard(&[0, 16_383], vec![server("master", "online", &fields)])], is_tls);
                assert_eq!(found.expect("a master").master, node(host, port));
            }
        }
    }

    #[test]
    fn a_slot_without_a_master_is_waited_for_and_the_wrong_port_is_told() {
        let plain = [("endpoint", text("a")), ("port", Value::Int(1))];
        let failed = read(vec![shard(&[0, 16_383], vec![server("master", "fail", &plain)])], false);
        assert!(matches!(&failed, Err(Failure::Passing(why)) if why.contains("a:1")), "{failed:?}");
        for shards in [vec![], vec![shard(&[0, 6_999], vec![server("master", "online", &plain)])]] {
            let nobody = read(shards, false);
            assert!(matches!(&nobody, Err(Failure::Passing(why)) if why.contains("slot 7000")), "{nobody:?}");
        }
        for (port, is_tls, why) in [("port", true, "no port with TLS"), ("tls-port", false, "rediss+cluster://")] {
            let fields = [("endpoint", text("a")), (port, Value::Int(1))];
            let wrong = read(vec![shard(&[0, 16_383], vec![server("master", "online", &fields)])], is_tls);
            assert!(matches!(&wrong, Err(Failure::Refused(told)) if told.contains(why)), "{wrong:?}");
        }
    }

    /// Whoever answers may answer anything.
    #[test]
    fn what_is_no_answer_to_it_has_no_master() {
        for answer in [Value::Nil, text("OK"), Value::Array(vec![Value::Nil, text("slots"), Value::Array(vec![])])] {
            let found = Shards::of(&answer, 0, &node("asked", 1), false);
            assert!(matches!(found, Err(Failure::Passing(_))), "{answer:?}");
        }
    }

    #[test]
    fn a_server_says_where_the_slot_is() {
        let from = node("asked", 6_379);
        for (line, to) in [
            ("MOVED 3999 10.0.0.2:6381", Some(node("10.0.0.2", 6_381))),
            ("MOVED 3999 fd00::4:6381", Some(node("fd00::4", 6_381))),
            ("MOVED 3999 [fd00::4]:6381", Some(node("fd00::4", 6_381))),
            ("MOVED 3999 redis-1.example.org:6381", Some(node("redis-1.example.org", 6_381))),
            ("MOVED 3999 :6381", Some(node("asked", 6_381))),
            ("MOVED 3999 ?:6381", None),
            ("MOVED 3999 10.0.0.2:0", None),
            ("MOVED 3999 10.0.0.2:70000", None),
            ("MOVED 3999", None),
            ("MOVED", None),
            ("ASK 3999 10.0.0.2:6381", None),
        ] {
            assert_eq!(moved_to(line, &from), to, "{line}");
        }
    }
}
