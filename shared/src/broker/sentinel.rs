//! Where Sentinels say that a master is, and that it is another one by now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, cmd};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::{Failure, config};
use crate::settings::{BrokerSettings, Node};

/// How often a Sentinel is asked whether it still names the master that it did.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Where a Sentinel says that the master of a name is.
pub(super) async fn named_master(broker: Arc<BrokerSettings>, node: Node, name: String) -> Result<Node, Failure> {
    let client = broker.client_at_sentinel(&node)?;
    let answer = async { master(&mut connect(&client).await?, &name).await };
    match answer.await.map_err(Failure::from) {
        Ok(Some(master)) => Ok(master),
        Ok(None) => Err(Failure::Refused(format!(
            "the Sentinel knows no master of the name {name}, which REDIS_URL has behind the /"
        ))),
        Err(Failure::Refused(line)) if line.starts_with("ERR unknown command") => {
            Err(Failure::Refused(format!("REDIS_URL begins with redis+sentinel://, and this is no Sentinel: {line}")))
        }
        Err(Failure::Refused(line)) => Err(Failure::Refused(format!(
            "the Sentinel refuses, whose login is REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD: {line}"
        ))),
        Err(failure) => Err(failure),
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    client.get_multiplexed_async_connection_with_config(&config()).await
}

async fn master(sentinel: &mut MultiplexedConnection, name: &str) -> Result<Option<Node>, RedisError> {
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let answer = question.query_async::<Option<(String, u16)>>(sentinel).await?;
    Ok(answer.map(|(host, port)| Node { host, port }))
}

/// Watches whether a master is still the one that Sentinels name, as long as this lives. After a planned change, and wherever a master
/// is cut off from them, it is seconds before the server itself is told.
#[derive(Debug)]
pub(super) struct Watch {
    is_replaced: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Watch {
    /// Watches a master that a Sentinel has just named; where that Sentinel goes away, by the others.
    pub(super) fn start(
        broker: Arc<BrokerSettings>,
        given: &[Node],
        sentinel: &Node,
        name: &str,
        master: Node,
    ) -> Self {
        let is_replaced = Arc::new(AtomicBool::new(false));
        let mut sentinels = given.to_vec();
        let first = given.iter().position(|node| node == sentinel).unwrap_or(0);
        sentinels.rotate_left(first);
        let (name, told) = (name.to_owned(), Arc::clone(&is_replaced));
        let task = tokio::spawn(async move {
            let mut has_named_it = true;
            for sentinel in sentinels.iter().cycle() {
                // One that does not answer says nothing of the master.
                if let Ok(true) = has_replaced(&broker, sentinel, &name, &master, has_named_it).await {
                    return told.store(true, Ordering::Relaxed);
                }
                has_named_it = false;
                sleep(ASK_EVERY).await;
            }
        });
        Self { is_replaced, task: task.abort_handle() }
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks a Sentinel again and again until it names another master than it has named before. One that has never named this one knows
/// less than the one that did: then this ends with `false`.
async fn has_replaced(
    broker: &BrokerSettings,
    sentinel: &Node,
    name: &str,
    watched: &Node,
    mut has_named_it: bool,
) -> Result<bool, RedisError> {
    let mut connection = connect(&broker.fresh().client_at_sentinel(sentinel)?).await?;
    loop {
        match master(&mut connection, name).await? {
            Some(named) if named == *watched => has_named_it = true,
            Some(_) => return Ok(has_named_it),
            None => return Ok(false),
        }
        sleep(ASK_EVERY).await;
    }
}
