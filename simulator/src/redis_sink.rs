//! The sinks that write to Redis. Either one appends a batch in one transaction, so that no part of it is appended
//! twice, and no antenna's readings arrive with a gap that a resent reading would then fall behind.
//!
//! - [`RedisSink`] pipelines one `XADD` per reading between `MULTI` and `EXEC`. If the connection breaks, it is unknown
//!   whether the batch was appended; it is sent again, and the `seq` of its readings shows whether they are duplicates.
//! - [`OnceSink`] is for readings without a `seq`. A script appends the batch and writes its number to a marker key, or
//!   does nothing if the marker already has that number. So a batch may be sent any number of times, even by a
//!   connection that was given up and whose bytes Redis reads only later.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, Pipeline, RedisError, Script};
use shared::Reading;
use shared::codec::encode;
use shared::keys::StreamKeys;
use shared::settings::BrokerSettings;

use crate::publish::{SendError, Sink};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a replay's marker is kept after its last batch; an outage that lasts longer may duplicate one batch.
const MARKER_KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept after the end of the replay: bytes of an abandoned connection may still be on their way.
const MARKER_KEPT_AT_END: Duration = Duration::from_secs(60);

/// KEYS: marker, stream. ARGV: the batch's number, seconds to keep the marker, then for each reading the number of its
/// arguments and the arguments. Redis runs the script alone, and checks memory, rights and the stream's type before its
/// first write takes effect, so either all of the batch is appended or none of it.
const APPEND_ONCE: &str = "
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
local at = 3
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  redis.call('XADD', KEYS[2], '*', unpack(ARGV, at + 1, last))
  at = last + 1
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
";

/// Appends readings with a `seq` to the stream.
#[derive(Debug)]
pub struct RedisSink {
    connection: Connection,
    stream: String,
}

impl RedisSink {
    /// A sink that connects when it gets its first batch.
    ///
    /// # Errors
    /// If the redis crate does not take the URL.
    pub fn new(broker: &BrokerSettings, keys: &StreamKeys) -> Result<Self, RedisError> {
        // Without the right to MULTI, every XADD would take effect on its own, and the batch would be refused all the
        // same.
        let mut greeting = redis::pipe();
        greeting.cmd("MULTI").ignore().cmd("EXEC").ignore();
        Ok(Self { connection: Connection::new(broker, greeting)?, stream: keys.stream.clone() })
    }
}

impl Sink for RedisSink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        // Not `Pipeline::atomic`: if MULTI itself fails, redis 1.8 numbers the failure as if it were before the first
        // command, and panics on its connection's task.
        let mut pipeline = Pipeline::with_capacity(batch.len() + 2);
        pipeline.cmd("MULTI").ignore();
        for reading in batch {
            pipeline.cmd("XADD").arg(&self.stream).arg("*");
            for (field, value) in encode(reading) {
                pipeline.arg(field).arg(value);
            }
            pipeline.ignore();
        }
        pipeline.cmd("EXEC");
        let connection = self.connection.get().await?;
        let sent = pipeline.query_async::<(Vec<String>,)>(connection).await.map(|_ids| ());
        self.connection.judge(sent)
    }
}

/// Appends readings without a `seq` to the stream, each batch once.
pub struct OnceSink {
    connection: Connection,
    stream: String,
    script: Script,
    marker: String,
    /// Number of the batch being sent, from 1.
    number: u64,
}

impl OnceSink {
    /// A sink that connects when it gets its first batch. `name` distinguishes it from every other sink of the stream.
    ///
    /// # Errors
    /// If the redis crate does not take the URL.
    pub fn new(broker: &BrokerSettings, keys: &StreamKeys, name: u64) -> Result<Self, RedisError> {
        let mut greeting = redis::pipe();
        greeting.cmd("SCRIPT").arg("LOAD").arg(APPEND_ONCE).ignore();
        Ok(Self {
            connection: Connection::new(broker, greeting)?,
            stream: keys.stream.clone(),
            script: Script::new(APPEND_ONCE),
            marker: keys.replay_marker(name),
            number: 1,
        })
    }

    /// Lets the marker expire soon. If that fails, it expires after a day.
    pub async fn finish(&mut self) {
        if let Ok(connection) = self.connection.get().await {
            let mut expire = redis::cmd("EXPIRE");
            let _expires_anyway =
                expire.arg(&self.marker).arg(MARKER_KEPT_AT_END.as_secs()).exec_async(connection).await;
        }
    }
}

impl Sink for OnceSink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        let mut invocation = self.script.prepare_invoke();
        invocation.key(&self.marker).key(&self.stream).arg(self.number).arg(MARKER_KEPT.as_secs());
        for reading in batch {
            let pairs = encode(reading);
            invocation.arg(pairs.len() * 2);
            for (field, value) in pairs {
                invocation.arg(field).arg(value);
            }
        }
        let connection = self.connection.get().await?;
        let sent = invocation.invoke_async(connection).await;
        self.connection.judge(sent)?;
        self.number += 1;
        Ok(())
    }
}

/// A connection that is opened when needed and abandoned after any error: a new one looks up the broker's name again,
/// and is in no transaction.
#[derive(Debug)]
struct Connection {
    broker: BrokerSettings,
    /// Short commands that a new connection begins with. They fail for the same reasons as a batch would, but Redis
    /// cuts off a client that sends a batch without having logged in, and its NOAUTH may be lost along with the
    /// connection.
    greeting: Pipeline,
    open: Option<MultiplexedConnection>,
}

impl Connection {
    fn new(broker: &BrokerSettings, greeting: Pipeline) -> Result<Self, RedisError> {
        broker.client()?;
        Ok(Self { broker: broker.clone(), greeting, open: None })
    }

    async fn get(&mut self) -> Result<&mut MultiplexedConnection, SendError> {
        let connection = match self.open.take() {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT));
                let client = self.broker.fresh().client().map_err(|error| self.blamed(error))?;
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                let mut connection = connecting.await.map_err(|error| self.blamed(error))?;
                self.greeting.exec_async(&mut connection).await.map_err(|error| self.blamed(error))?;
                connection
            }
        };
        Ok(self.open.insert(connection))
    }

    /// An error of a connection that is being made, with what is to blame for it where that is known.
    fn blamed(&self, error: RedisError) -> SendError {
        match send_error(error) {
            SendError::Unreachable(text) => match self.broker.blame(&text) {
                Some(why) => SendError::Refused(why),
                None => SendError::Unreachable(text),
            },
            refused => refused,
        }
    }

    fn judge(&mut self, sent: Result<(), RedisError>) -> Result<(), SendError> {
        sent.map_err(|error| {
            self.open = None;
            send_error(error)
        })
    }
}

/// The broker's own words, if it said something: the first error of a batch, as the others follow from it.
fn send_error(error: RedisError) -> SendError {
    let text = error.to_string();
    if error.kind() == ErrorKind::AuthenticationFailed {
        return SendError::Refused(text);
    }
    match error.into_server_errors().as_deref() {
        Some([(_, first), ..]) => {
            SendError::Refused(format!("{} {}", first.code(), first.details().unwrap_or_default()))
        }
        _ => SendError::Unreachable(text),
    }
}
