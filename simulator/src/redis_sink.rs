//! The sinks that write to Redis. Either one appends a batch in one transaction, so that no part of it is appended
//! twice, and no antenna's readings arrive with a gap that a resent reading would then fall behind.
//!
//! - [`RedisSink`] pipelines one `XADD` per reading between `MULTI` and `EXEC`. If the connection breaks, it is unknown
//!   whether the batch was appended; it is sent again, and the `seq` of its readings shows whether they are duplicates.
//! - [`OnceSink`] is for readings without a `seq`. A script appends the batch and writes its number to a marker key, or
//!   does nothing if the marker already has that number. So a batch may be sent any number of times, even by a
//!   connection that was given up and whose bytes Redis reads only later.
//!
//! Where replicas are to confirm a batch, `WAIT` follows it. A batch that too few of them have is sent again, but not
//! before there are enough of them: while they are away, the stream does not fill up with copies.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline, RedisError, Script, cmd};
use shared::Reading;
use shared::broker::{Failure, Finder, Place};
use shared::codec::encode;
use shared::keys::StreamKeys;
use shared::settings::{BrokerSettings, StreamSettings};

use crate::publish::{SendError, Sink};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long replicas may take to have a batch.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a replay's marker is kept after its last batch; an outage that lasts longer may duplicate one batch.
const MARKER_KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept after the end of the replay: bytes of an abandoned connection may still be on their way.
const MARKER_KEPT_AT_END: Duration = Duration::from_secs(60);

/// KEYS: marker, stream. ARGV: the batch's number, seconds to keep the marker, then for each reading the number of its
/// arguments and the arguments. Redis runs the script alone, and checks memory, rights and the stream's type before its
/// first write takes effect, so either all of the batch is appended or none of it. Even where there is nothing to append
/// it writes, so that a WAIT behind it waits for what was appended before, over whichever connection.
const APPEND_ONCE: &str = "
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  return 0
end
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
        Ok(Self { connection: Connection::new(broker, keys, greeting)?, stream: keys.stream.clone() })
    }

    /// A sink for each partition that the settings name, by its number, whose batches are taken once so many replicas have them.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn of_partitions(
        broker: &BrokerSettings,
        streams: &StreamSettings,
        replicas: u16,
    ) -> Result<Vec<Self>, RedisError> {
        let sink = |keys| Self::new(broker, &keys).map(|sink| sink.confirmed_by(replicas));
        streams.partition_keys().into_iter().map(sink).collect()
    }

    /// The same, where a batch is taken once so many replicas have it.
    #[must_use]
    pub fn confirmed_by(mut self, replicas: u16) -> Self {
        self.connection.confirmed_by(replicas);
        self
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
        self.connection.judge(sent)?;
        self.connection.confirm().await
    }

    fn address(&self) -> Option<String> {
        self.connection.address()
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
            connection: Connection::new(broker, keys, greeting)?,
            stream: keys.stream.clone(),
            script: Script::new(APPEND_ONCE),
            marker: keys.replay_marker(name),
            number: 1,
        })
    }

    /// The same, where a batch is taken once so many replicas have it.
    #[must_use]
    pub fn confirmed_by(mut self, replicas: u16) -> Self {
        self.connection.confirmed_by(replicas);
        self
    }

    /// Lets the marker expire soon. If that fails, it expires after a day.
    pub async fn finish(&mut self) {
        if let Ok(connection) = self.connection.get().await {
            let mut expire = cmd("EXPIRE");
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
        let sent = invocation.invoke_async::<()>(connection).await;
        self.connection.judge(sent)?;
        self.connection.confirm().await?;
        self.number += 1;
        Ok(())
    }

    fn address(&self) -> Option<String> {
        self.connection.address()
    }
}

/// A connection that is opened when needed and abandoned after any error: a new one is made to where the stream is by
/// then, and is in no transaction.
#[derive(Debug)]
struct Connection {
    finder: Finder,
    /// Short commands that a new connection begins with. They fail for the same reasons as a batch would, but Redis
    /// cuts off a client that sends a batch without having logged in, and its NOAUTH may be lost along with the
    /// connection.
    greeting: Pipeline,
    open: Option<(MultiplexedConnection, Place)>,
    /// How many replicas have to have a batch.
    replicas: u16,
    /// Whether too few of them had the last one.
    is_unconfirmed: bool,
}

impl Connection {
    fn new(broker: &BrokerSettings, keys: &StreamKeys, greeting: Pipeline) -> Result<Self, RedisError> {
        let finder = Finder::new(broker, keys)?;
        Ok(Self { finder, greeting, open: None, replicas: 0, is_unconfirmed: false })
    }

    fn confirmed_by(&mut self, replicas: u16) {
        self.replicas = replicas;
        if replicas > 0 {
            // It comes back at once, and fails where the right is missing before anything was appended.
            self.greeting.cmd("WAIT").arg(0).arg(0).ignore();
        }
    }

    /// The connection, over which a batch may be sent. After one that too few replicas had, that is once there are enough.
    async fn get(&mut self) -> Result<&mut MultiplexedConnection, SendError> {
        if self.open.as_ref().is_none_or(|(_, place)| place.is_replaced()) {
            self.open = None;
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(Some(RESPONSE_TIMEOUT));
            let (mut connection, place) = self.finder.connect(&config).await?;
            let greeted = self.greeting.exec_async(&mut connection).await;
            greeted.map_err(|error| self.finder.failed(&place, error.into()))?;
            self.open = Some((connection, place));
        }
        if self.is_unconfirmed {
            self.confirm().await?;
        }
        let (connection, _) = self.open.as_mut().expect("it is open, and nothing went wrong with it");
        Ok(connection)
    }

    /// Waits until enough replicas have what was written over this connection.
    async fn confirm(&mut self) -> Result<(), SendError> {
        let Some((connection, _)) = self.open.as_mut().filter(|_| self.replicas > 0) else { return Ok(()) };
        let mut wait = cmd("WAIT");
        wait.arg(self.replicas).arg(u64::try_from(CONFIRM_TIMEOUT.as_millis()).unwrap_or(u64::MAX));
        self.is_unconfirmed = true;
        let confirmed = wait.query_async(connection).await;
        let replicas: u64 = self.judge(confirmed)?;
        if replicas < u64::from(self.replicas) {
            return Err(SendError::Unconfirmed { replicas, needed: self.replicas });
        }
        self.is_unconfirmed = false;
        Ok(())
    }

    /// Gives the connection up where something went wrong with it.
    fn judge<T>(&mut self, sent: Result<T, RedisError>) -> Result<T, SendError> {
        sent.map_err(|error| match self.open.take() {
            Some((_, place)) => self.finder.failed(&place, error.into()).into(),
            None => Failure::from(error).into(),
        })
    }

    /// Where it leads, where that can change.
    fn address(&self) -> Option<String> {
        self.open.as_ref().filter(|(_, place)| place.is_one_of_several()).map(|(_, place)| place.to_string())
    }
}

impl From<Failure> for SendError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(text) => Self::Unreachable(text),
            Failure::Passing(text) => Self::NotNow(text),
            Failure::Refused(text) => Self::Refused(text),
        }
    }
}
