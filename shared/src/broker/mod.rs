//! Finds the server that a stream is on, and what an error of it means.
//!
//! WATCH needs a connection of its own, so a stream is read and written over ordinary connections to one server: the only one, the
//! master of the slot that the stream's keys have in a Redis Cluster, or the master that Sentinels know under a name. Where that is
//! can change at any time. Whoever meets an error drops the connection, tells the [`Finder`], and asks it again for the next one; so
//! every change of place is a reconnect to the right one.
//!
//! - [`failure`]: errors, sorted by what helps.
//! - [`cluster`]: where the servers of a cluster say that a slot is.
//! - [`slot`]: which slot a key has.
//! - [`sentinel`]: where Sentinels say that a master is, and that it is another one by now.

mod cluster;
mod failure;
mod sentinel;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue as _, RedisError, Value, cmd};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

use self::cluster::{Shards, moved_to};
pub use self::failure::Failure;
use self::sentinel::{Watch, named_master};
use self::slot::slot;
use crate::keys::StreamKeys;
use crate::settings::{BrokerSettings, Certificates, Node, Topology};

/// How long a server may take to say where another one is.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// One that has not answered by then is not waited for before the next one is asked too.
const ASK_NEXT_AFTER: Duration = Duration::from_millis(250);

/// Finds the server that one stream is on, again and again.
#[derive(Debug)]
pub struct Finder {
    broker: BrokerSettings,
    /// The slot of the stream's keys.
    slot: u16,
    memory: Mutex<Memory>,
}

/// What was learned on the way.
#[derive(Debug, Default)]
struct Memory {
    /// Where the slot's master was last, until something goes wrong there.
    master: Option<Node>,
    /// Servers that the cluster told of. Those of the setting may all be gone some day.
    servers: Vec<Node>,
    /// Counts what went wrong. Another server or Sentinel is asked first then: the last one may not have heard yet.
    turn: usize,
    /// Whether it was told that servers do not say where the others are.
    is_told: bool,
}

/// A server to connect to.
#[derive(Debug, Clone)]
pub struct Place {
    client: Client,
    /// Its address, where it is one of several.
    node: Option<Node>,
    /// Whether Sentinels still name it.
    watch: Option<Arc<Watch>>,
    /// The settings as they were read for it.
    broker: Arc<BrokerSettings>,
}

impl Place {
    /// Its address and the login.
    #[must_use]
    pub fn server(&self) -> &ConnectionInfo {
        self.client.get_connection_info()
    }

    /// Who is trusted there, and what is shown, where it talks TLS.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.broker.certificates()
    }

    /// Whether it is one of several servers that may take each other's place.
    #[must_use]
    pub const fn is_one_of_several(&self) -> bool {
        self.node.is_some()
    }

    /// Whether Sentinels have come to name another master. The server itself learns that later, and takes writes until then that
    /// are lost.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.is_replaced())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => node.fmt(f),
            None => self.server().addr().fmt(f),
        }
    }
}

impl Finder {
    /// For the stream of `keys` at a broker. Connects to nothing yet.
    ///
    /// # Errors
    /// If the redis crate does not take the URL.
    pub fn new(broker: &BrokerSettings, keys: &StreamKeys) -> Result<Self, RedisError> {
        broker.client()?;
        Ok(Self { broker: broker.clone(), slot: slot(&keys.stream), memory: Mutex::default() })
    }

    /// Where the stream is, as far as others tell, and how to get in as the files of the settings say now.
    ///
    /// # Errors
    /// Why nobody tells.
    pub async fn find(&self) -> Result<Place, Failure> {
        let broker = Arc::new(self.broker.fresh());
        let found = match broker.topology() {
            Topology::One => return Ok(Place { client: broker.client()?, node: None, watch: None, broker }),
            Topology::Cluster(servers) => self.slots_master(&broker, servers).await.map(|node| (node, None)),
            Topology::Sentinel { sentinels, name } => self.named_master(&broker, sentinels, name).await,
        };
        let (node, watch) = found.inspect_err(|_| self.memory().turn += 1)?;
        Ok(Place { client: broker.client_at(&node)?, node: Some(node), watch, broker })
    }

    /// Connects to where the stream is. Of servers that Sentinels tell of, only a master is taken; the servers of a cluster themselves
    /// see to it that nobody is answered elsewhere.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self, config: &AsyncConnectionConfig) -> Result<(MultiplexedConnection, Place), Failure> {
        let place = self.find().await?;
        match self.enter(&place, config).await {
            Ok(connection) => Ok((connection, place)),
            Err(failure) => Err(self.failed(&place, failure)),
        }
    }

    async fn enter(&self, place: &Place, config: &AsyncConnectionConfig) -> Result<MultiplexedConnection, Failure> {
        let mut connection = place.client.get_multiplexed_async_connection_with_config(config).await?;
        if let Topology::Sentinel { name, .. } = place.broker.topology() {
            let greeting: HashMap<String, Value> = cmd("HELLO").query_async(&mut connection).await?;
            let role =
                greeting.get("role").and_then(|role| String::from_redis_value_ref(role).ok()).unwrap_or_default();
            if role != "master" {
                return Err(Failure::Passing(format!("it is a {role}, which Sentinel names as the master {name}")));
            }
        }
        Ok(connection)
    }

    /// Takes note of an error of a connection to a place, made or being made, which is dropped now: what is found next may be elsewhere.
    /// Gives the error with what is known about it: where it was, and which setting is to blame.
    #[must_use]
    pub fn failed(&self, place: &Place, failure: Failure) -> Failure {
        let failure = blamed(&place.broker, failure);
        let Some(node) = &place.node else { return of_the_only_one(failure) };
        let mut memory = self.memory();
        if let Some(to) = moved_to(failure.text(), node).filter(|to| to != node) {
            memory.master = Some(to);
        } else {
            memory.turn += 1;
            if memory.master.as_ref() == Some(node) {
                memory.master = None;
            }
        }
        failure.map(|text| format!("{text} (at {node})"))
    }

    /// The master of the stream's slot.
    async fn slots_master(&self, broker: &Arc<BrokerSettings>, given: &[Node]) -> Result<Node, Failure> {
        let asked = {
            let memory = self.memory();
            if let Some(master) = &memory.master {
                return Ok(master.clone());
            }
            memory.in_turn(given)
        };
        let slot = self.slot;
        let (asked, shards) = ask(broker, asked, move |broker, node| shards(broker, node, slot)).await?;
        let mut memory = self.memory();
        let Shards { master, servers } = shards.unwrap_or_else(|| {
            if !std::mem::replace(&mut memory.is_told, true) {
                warn!(
                    "the broker's user has no right to CLUSTER SHARDS, or the broker does not know it; which server has the stream is \
                     found by asking those of REDIS_URL for it"
                );
            }
            // It says MOVED where it is not the one.
            Shards { master: asked, servers: Vec::new() }
        });
        memory.master = Some(master.clone());
        memory.servers = servers;
        Ok(master)
    }

    /// The master that Sentinels know under a name. It is asked for each time: a server that was a master does not say itself where
    /// the new one is.
    async fn named_master(
        &self,
        broker: &Arc<BrokerSettings>,
        given: &[Node],
        name: &str,
    ) -> Result<(Node, Option<Arc<Watch>>), Failure> {
        let asked = self.memory().in_turn(given);
        let asking = name.to_owned();
        let (sentinel, master) =
            ask(broker, asked, move |broker, node| named_master(broker, node, asking.clone())).await?;
        let watch = Watch::start(Arc::clone(broker), given, &sentinel, name, master.clone());
        Ok((master, Some(Arc::new(watch))))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // No code panics while holding the lock, and what is remembered is checked when it is used.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Whom to ask: those that were told of and those of the setting, beginning with another one each time that something went wrong.
    fn in_turn(&self, given: &[Node]) -> Vec<Node> {
        let mut all: Vec<Node> = Vec::with_capacity(self.servers.len() + given.len());
        for node in self.servers.iter().chain(given) {
            if !all.contains(node) {
                all.push(node.clone());
            }
        }
        let first = self.turn % all.len().max(1);
        all.rotate_left(first);
        all
    }
}

/// A failure with the setting that is to blame for it, where that is known.
fn blamed(broker: &BrokerSettings, failure: Failure) -> Failure {
    match failure {
        Failure::Away(text) => broker.blame(&text).map_or(Failure::Away(text), Failure::Refused),
        other => other,
    }
}

/// Asks one after the other until one answers, and the next one already where an answer takes its time. Gives who answered, and
/// what.
async fn ask<T, F, R>(broker: &Arc<BrokerSettings>, asked: Vec<Node>, ask: F) -> Result<(Node, T), Failure>
where
    T: Send + 'static,
    F: Fn(Arc<BrokerSettings>, Node) -> R,
    R: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let (count, mut waiting, mut asking) = (asked.len(), asked.into_iter(), JoinSet::new());
    let mut gravest: Option<Failure> = None;
    loop {
        match waiting.next() {
            Some(node) => {
                let answer = ask(Arc::clone(broker), node.clone());
                asking.spawn(async move { (node, timeout(ASK_TIMEOUT, answer).await) });
            }
            None if asking.is_empty() => break,
            None => {}
        }
        let patience = if waiting.len() == 0 { ASK_TIMEOUT } else { ASK_NEXT_AFTER };
        let Ok(Some(Ok((node, answer)))) = timeout(patience, asking.join_next()).await else { continue };
        let failure = match answer {
            Ok(Ok(answer)) => return Ok((node, answer)),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Away("it does not answer in time".to_owned()),
        };
        let failure = blamed(broker, failure);
        if gravest.as_ref().is_none_or(|known| known.weight() < failure.weight()) {
            gravest = Some(failure.map(|text| format!("{text} (at {node})")));
        }
    }
    let gravest = gravest.unwrap_or_else(|| Failure::Away("nobody answers".to_owned()));
    Err(gravest.map(|text| format!("none of {count} asked says where the stream's master is: {text}")))
}

/// Where a server of a cluster says that a slot is; `None` where its user may not ask, or it does not know the question.
async fn shards(broker: Arc<BrokerSettings>, node: Node, slot: u16) -> Result<Option<Shards>, Failure> {
    let client = broker.client_at(&node)?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config()).await?;
    let answer = cmd("CLUSTER").arg("SHARDS").query_async::<Value>(&mut connection).await;
    match answer.map_err(Failure::from) {
        Ok(answer) => Shards::of(&answer, slot, &node, broker.is_tls()).map(Some),
        Err(Failure::Refused(line)) if line.starts_with("NOPERM") || line.starts_with("ERR unknown ") => Ok(None),
        Err(Failure::Refused(line)) if line.starts_with("ERR This instance has cluster support disabled") => {
            Err(Failure::Refused(format!(
                "REDIS_URL begins with redis+cluster://, and this is no server of a cluster: {line}"
            )))
        }
        Err(failure) => Err(failure),
    }
}

/// For connections over which is asked where to connect to.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(ASK_TIMEOUT)).set_response_timeout(Some(ASK_TIMEOUT))
}

/// A server that says where others are, though the settings say that it is the only one.
fn of_the_only_one(failure: Failure) -> Failure {
    match failure {
        Failure::Away(line) | Failure::Passing(line) if line.starts_with("MOVED ") || line.starts_with("ASK ") => {
            Failure::Refused(format!(
                "{line}; it is a server of a cluster, for which REDIS_URL has to begin with redis+cluster://"
            ))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder(url: &str) -> Finder {
        let broker = BrokerSettings::from_url(url).expect("a good URL");
        Finder::new(&broker, &StreamKeys::new("antenna_stream")).expect("the redis crate takes it")
    }

    fn node(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    fn gone() -> Failure {
        Failure::Away("connection refused".to_owned())
    }

    /// Nobody is connected to: where the stream is is known, until something goes wrong there.
    #[tokio::test]
    async fn a_place_is_left_for_the_one_that_it_names_or_forgotten() {
        let finder = finder("redis+cluster://a,b:1");
        finder.memory().master = Some(node("a", 6_379));
        let first = finder.find().await.expect("a place");
        let moved = Failure::Passing("MOVED 1683 c:7".to_owned());
        assert_eq!(finder.failed(&first, moved), Failure::Passing("MOVED 1683 c:7 (at a:6379)".to_owned()));
        let second = finder.find().await.expect("a place");
        assert_eq!((second.to_string(), second.is_one_of_several()), ("c:7".to_owned(), true));
        // That the other connection to the first place breaks says nothing of the second.
        assert_eq!(finder.failed(&first, gone()), Failure::Away("connection refused (at a:6379)".to_owned()));
        assert_eq!(finder.memory().master, Some(node("c", 7)));
        // One that names itself has nothing to say.
        let itself = Failure::Passing("MOVED 1683 c:7".to_owned());
        assert_eq!(finder.failed(&second, itself), Failure::Passing("MOVED 1683 c:7 (at c:7)".to_owned()));
        assert_eq!(finder.memory().master, None);
    }

    #[test]
    fn whoever_was_asked_in_vain_is_asked_last() {
        let given = [node("a", 1), node("b", 2)];
        let mut memory = Memory { servers: vec![node("b", 2), node("c", 3)], ..Memory::default() };
        for first in ["b", "c", "a", "b"] {
            let asked = memory.in_turn(&given);
            assert_eq!((asked.len(), asked[0].host.as_str()), (3, first));
            memory.turn += 1;
        }
    }

    #[tokio::test]
    async fn what_the_settings_say_wrongly_is_blamed() {
        let finder = finder("redis://a");
        let only = finder.find().await.expect("a place");
        assert!(!only.is_one_of_several() && !only.is_replaced());
        let told = finder.failed(&only, Failure::of_line("MOVED 1683 c:7".to_owned()));
        assert!(matches!(&told, Failure::Refused(why) if why.contains("redis+cluster://")), "{told:?}");
        assert_eq!(finder.failed(&only, gone()), gone());
    }
}
