//! Redis (7.0 or newer) or Valkey as the log.
//!
//! The stream is read over a connection of its own, see [`super::socket`]. Everything else goes through the redis
//! crate: a step is prepared under WATCH on the state's key, so that MULTI/EXEC does all of it or, when another owner
//! wrote in between, nothing. Checks that could make a command fail inside the transaction come before it, because
//! Redis does not roll back.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisError, Value, cmd};
use shared::Rejection;
use shared::keys::{GROUP, REJECTED_MAX_ENTRIES, REJECTED_REASON, REJECTED_SOURCE_ID, StreamKeys};
use tokio::sync::Mutex;
use tracing::info;

use super::socket::{CONNECT_TIMEOUT, SocketReader};
use super::{COMMIT_FIELD, Commit, EPOCH_FIELD, Epoch, Lease, Log, LogError, StateField, StreamInfo, server_error};
use crate::ingest::decode::RejectedEntry;
use crate::ingest::stream_id::StreamId;

/// How long an answer may take; a commit of many panes is megabytes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Redis knows `entries-added` and ENTRIESREAD from this version on.
const OLDEST_MAJOR_VERSION: u32 = 7;

/// One stream in Redis. Clones share the connection.
#[derive(Debug, Clone)]
pub struct RedisLog {
    client: Client,
    keys: Arc<StreamKeys>,
    connection: Arc<Mutex<Option<Connected>>>,
}

#[derive(Debug, Clone)]
struct Connected {
    connection: MultiplexedConnection,
    owner: String,
}

impl RedisLog {
    /// The stream of `keys` in the Redis at `url`. Connects when first used.
    ///
    /// # Errors
    /// When the URL cannot be understood.
    pub fn new(url: &str, keys: StreamKeys) -> Result<Self, LogError> {
        if url.starts_with("rediss://") {
            // An error means that a provider is installed already, which serves as well.
            let _installed = rustls::crypto::ring::default_provider().install_default();
        }
        let client = Client::open(url).map_err(|error| LogError::Unsupported(error.to_string()))?;
        Ok(Self { client, keys: Arc::new(keys), connection: Arc::default() })
    }

    /// Runs one step on the connection, made anew where there is none. Steps do not overlap: WATCH belongs to the
    /// connection.
    async fn step<T>(&self, step: impl AsyncFnOnce(&mut Connected) -> Result<T, LogError>) -> Result<T, LogError> {
        let mut slot = self.connection.lock().await;
        let mut connected = match slot.take() {
            Some(connected) => connected,
            None => Connected { connection: self.connect().await?, owner: String::new() },
        };
        let result = step(&mut connected).await;
        // After a lost answer nobody knows what the connection still carries, so it is dropped.
        if !matches!(result, Err(LogError::Away(_))) {
            *slot = Some(connected);
        }
        result
    }

    async fn connect(&self) -> Result<MultiplexedConnection, LogError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(redis_error)?;
        let about: String = cmd("INFO").arg("server").query_async(&mut connection).await.map_err(redis_error)?;
        check_version(&about)?;
        Ok(connection)
    }

    /// Watches the state and fails if another owner has written to it. Returns the last commit done.
    async fn watch(&self, connection: &mut MultiplexedConnection, epoch: Epoch) -> Result<Option<String>, LogError> {
        let (found, commit): (Option<Epoch>, Option<String>) = redis::pipe()
            .cmd("WATCH")
            .arg(&self.keys.state)
            .ignore()
            .cmd("HMGET")
            .arg(&self.keys.state)
            .arg(&[EPOCH_FIELD, COMMIT_FIELD])
            .query_async::<((Option<Epoch>, Option<String>),)>(connection)
            .await
            .map_err(redis_error)?
            .0;
        if found == Some(epoch) { Ok(commit) } else { Err(LogError::Fenced) }
    }

    async fn check_type(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
        expected: &str,
    ) -> Result<(), LogError> {
        let found: String = cmd("TYPE").arg(key).query_async(connection).await.map_err(redis_error)?;
        if found == "none" || found == expected {
            Ok(())
        } else {
            Err(LogError::Refused(format!("WRONGTYPE the key {key} holds a {found}, a {expected} is needed")))
        }
    }

    async fn ensure_group(&self, connection: &mut MultiplexedConnection) -> Result<(), LogError> {
        let created: Result<(), RedisError> = cmd("XGROUP")
            .arg("CREATE")
            .arg(&self.keys.stream)
            .arg(GROUP)
            .arg("0")
            .arg("MKSTREAM")
            .query_async(connection)
            .await;
        match created {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(redis_error(error)),
            _ => Ok(()),
        }
    }

    fn transaction(&self, commit: &Commit, owner: &str, lease_for: Duration) -> Pipeline {
        let mut pipe = redis::pipe();
        pipe.atomic().ignore_errors();
        let name = commit_name(commit);
        let write = pipe.cmd("HSET").arg(&self.keys.state).arg(COMMIT_FIELD).arg(name);
        for (field, value) in &commit.fields {
            write.arg(field).arg(value.as_slice());
        }
        if !commit.dropped.is_empty() {
            pipe.cmd("HDEL").arg(&self.keys.state).arg(&commit.dropped);
        }
        for entry in &commit.rejected {
            self.add_rejected(&mut pipe, entry);
        }
        self.add_lease(&mut pipe, owner, lease_for);
        pipe.cmd("XGROUP")
            .arg("SETID")
            .arg(&self.keys.stream)
            .arg(GROUP)
            .arg(commit.cursor.to_string())
            .arg("ENTRIESREAD")
            .arg(commit.entries_read);
        if let Some(id) = commit.trim_before {
            pipe.cmd("XTRIM").arg(&self.keys.stream).arg("MINID").arg(id.to_string());
        }
        pipe
    }

    fn add_rejected(&self, pipe: &mut Pipeline, entry: &RejectedEntry) {
        let add = pipe.cmd("XADD").arg(&self.keys.rejected).arg("MAXLEN").arg("~").arg(REJECTED_MAX_ENTRIES).arg("*");
        for (name, value) in &entry.pairs {
            add.arg(name.as_slice()).arg(value.as_slice());
        }
        add.arg(REJECTED_REASON).arg(entry.reason.as_str());
        add.arg(REJECTED_SOURCE_ID).arg(entry.source_id.to_string());
    }

    fn add_lease(&self, pipe: &mut Pipeline, owner: &str, lease_for: Duration) {
        pipe.cmd("SET").arg(&self.keys.lease).arg(owner).arg("PX").arg(lease_for.as_millis().to_string());
    }

    /// Runs a transaction with XINFO STREAM as its last command. `None` when a watched key changed.
    async fn execute(
        &self,
        mut pipe: Pipeline,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<StreamInfo>, LogError> {
        pipe.cmd("XINFO").arg("STREAM").arg(&self.keys.stream);
        match pipe.query_async::<Value>(connection).await.map_err(redis_error)? {
            Value::Array(answers) => {
                // What can fail here needs the stream or its group, and somebody deleted one of them.
                if answers.iter().any(|answer| matches!(answer, Value::ServerError(_))) {
                    self.ensure_group(connection).await?;
                }
                Ok(Some(answers.last().map_or_else(StreamInfo::default, stream_info)))
            }
            _ => Ok(None),
        }
    }
}

impl Log for RedisLog {
    type Reader = SocketReader;

    async fn acquire(&self, owner: &str, lease_for: Duration) -> Result<Lease, LogError> {
        self.step(async |connected| {
            let connection = &mut connected.connection;
            self.check_type(connection, &self.keys.state, "hash").await?;
            self.check_type(connection, &self.keys.stream, "stream").await?;
            let holder: Option<String> = redis::pipe()
                .cmd("WATCH")
                .arg(&self.keys.lease)
                .ignore()
                .cmd("GET")
                .arg(&self.keys.lease)
                .query_async::<(Option<String>,)>(connection)
                .await
                .map_err(redis_error)?
                .0;
            if let Some(holder) = holder.filter(|holder| holder != owner) {
                cmd("UNWATCH").query_async::<()>(connection).await.map_err(redis_error)?;
                return Ok(Lease::Taken(Some(holder)));
            }
            let mut pipe = redis::pipe();
            pipe.atomic();
            self.add_lease(&mut pipe, owner, lease_for);
            pipe.cmd("HINCRBY").arg(&self.keys.state).arg(EPOCH_FIELD).arg(1);
            let Some((_, epoch)) = pipe.query_async::<Option<((), Epoch)>>(connection).await.map_err(redis_error)?
            else {
                // Another process was quicker.
                return Ok(Lease::Taken(None));
            };
            self.ensure_group(connection).await?;
            owner.clone_into(&mut connected.owner);
            Ok(Lease::Held(epoch))
        })
        .await
    }

    async fn release(&self, epoch: Epoch) -> Result<(), LogError> {
        self.step(async |connected| {
            self.watch(&mut connected.connection, epoch).await?;
            let mut pipe = redis::pipe();
            pipe.atomic().cmd("DEL").arg(&self.keys.lease);
            pipe.query_async::<Value>(&mut connected.connection).await.map_err(redis_error)?;
            Ok(())
        })
        .await
    }

    async fn state_names(&self) -> Result<Vec<String>, LogError> {
        self.step(async |connected| {
            cmd("HKEYS").arg(&self.keys.state).query_async(&mut connected.connection).await.map_err(redis_error)
        })
        .await
    }

    async fn state(&self, names: &[String]) -> Result<Vec<StateField>, LogError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.step(async |connected| {
            let values: Vec<Option<Vec<u8>>> = cmd("HMGET")
                .arg(&self.keys.state)
                .arg(names)
                .query_async(&mut connected.connection)
                .await
                .map_err(redis_error)?;
            Ok(names.iter().zip(values).filter_map(|(name, value)| Some((name.clone(), value?))).collect())
        })
        .await
    }

    async fn newest_rejected(&self, count: usize) -> Result<Vec<RejectedEntry>, LogError> {
        self.step(async |connected| {
            let entries: Vec<(String, Vec<Vec<u8>>)> = cmd("XREVRANGE")
                .arg(&self.keys.rejected)
                .arg(&["+", "-", "COUNT"])
                .arg(count)
                .query_async(&mut connected.connection)
                .await
                .map_err(redis_error)?;
            Ok(entries.iter().filter_map(|(_, words)| rejected_entry(words)).collect())
        })
        .await
    }

    async fn commit(&self, commit: &Commit, lease_for: Duration) -> Result<StreamInfo, LogError> {
        self.step(async |connected| {
            let done = self.watch(&mut connected.connection, commit.epoch).await?;
            let pipe = if done.as_deref() == Some(commit_name(commit).as_str()) {
                // The answer to an earlier try was lost; only the lease is still worth writing.
                let mut pipe = redis::pipe();
                pipe.atomic().ignore_errors();
                self.add_lease(&mut pipe, &connected.owner, lease_for);
                pipe
            } else {
                if !commit.rejected.is_empty() {
                    self.check_type(&mut connected.connection, &self.keys.rejected, "stream").await?;
                }
                self.transaction(commit, &connected.owner, lease_for)
            };
            self.execute(pipe, &mut connected.connection).await?.ok_or(LogError::Fenced)
        })
        .await
    }

    async fn renew(&self, epoch: Epoch, lease_for: Duration) -> Result<StreamInfo, LogError> {
        self.step(async |connected| {
            self.watch(&mut connected.connection, epoch).await?;
            let mut pipe = redis::pipe();
            pipe.atomic().ignore_errors();
            self.add_lease(&mut pipe, &connected.owner, lease_for);
            self.execute(pipe, &mut connected.connection).await?.ok_or(LogError::Fenced)
        })
        .await
    }

    async fn reader(&self) -> Result<Self::Reader, LogError> {
        SocketReader::connect(self.client.get_connection_info(), &self.keys.stream).await
    }
}

/// The rejected entry of an entry of the dead-letter stream; `None` where something else put it there. Its own fields may
/// have any name, so what was added is known by its place: the last two.
fn rejected_entry(words: &[Vec<u8>]) -> Option<RejectedEntry> {
    let (pairs, []) = words.as_chunks::<2>() else { return None };
    let [pairs @ .., [reason_name, reason], [id_name, source_id]] = pairs else { return None };
    if *reason_name != REJECTED_REASON.as_bytes() || *id_name != REJECTED_SOURCE_ID.as_bytes() {
        return None;
    }
    Some(RejectedEntry {
        source_id: std::str::from_utf8(source_id).ok()?.parse().ok()?,
        reason: Rejection::ALL.into_iter().find(|known| known.as_str().as_bytes() == *reason)?,
        pairs: pairs.iter().map(|[name, value]| (name.clone(), value.clone())).collect(),
    })
}

fn commit_name(commit: &Commit) -> String {
    format!("{}-{}", commit.epoch, commit.number)
}

/// What XINFO STREAM answers; zeros where the stream does not exist (any more).
fn stream_info(answer: &Value) -> StreamInfo {
    let mut info = StreamInfo::default();
    let pairs: Vec<(&Value, &Value)> = match answer {
        Value::Array(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        _ => Vec::new(),
    };
    let number = |value: &Value| u64::from_redis_value_ref(value).unwrap_or_default();
    let id = |value: &Value| {
        String::from_redis_value_ref(value).ok().and_then(|text| text.parse().ok()).unwrap_or(StreamId::ZERO)
    };
    for (name, value) in pairs {
        match String::from_redis_value_ref(name).as_deref() {
            Ok("length") => info.length = number(value),
            Ok("entries-added") => info.entries_added = number(value),
            Ok("last-generated-id") => info.last_id = id(value),
            Ok("max-deleted-entry-id") => info.max_deleted_id = id(value),
            Ok("recorded-first-entry-id") => info.first_id = id(value),
            _ => {}
        }
    }
    info
}

/// Refuses a server that does not keep count of a stream's entries.
fn check_version(about: &str) -> Result<(), LogError> {
    let version = about.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("unknown").trim();
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < OLDEST_MAJOR_VERSION {
        return Err(LogError::Unsupported(format!(
            "the broker is Redis {version}; Redis {OLDEST_MAJOR_VERSION}.0 or newer, or Valkey, is needed"
        )));
    }
    info!(version, "connected to the broker");
    Ok(())
}

/// Sorts an error of the redis crate: an answer of the server, or a connection that is of no use.
fn redis_error(error: RedisError) -> LogError {
    match error.code() {
        Some(code) => server_error(match error.detail() {
            Some(detail) => format!("{code} {detail}"),
            None => error.to_string(),
        }),
        None if error.kind() == redis::ErrorKind::AuthenticationFailed => server_error(format!("NOAUTH {error}")),
        None => LogError::Away(error.to_string()),
    }
}
