//! Redis (7.0 or newer) or Valkey as the log.
//!
//! The stream is read over a connection of its own, see [`super::socket`]. Everything else goes through the redis
//! crate: a step is prepared under WATCH on the state's key, so that MULTI/EXEC does all of it or, when another owner
//! wrote in between, nothing. Checks that could make a command fail inside the transaction come before it, because
//! Redis does not roll back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisError, Value, cmd};
use serde::{Deserialize, Serialize};
use shared::broker::{Failure, Finder, Place};
use shared::keys::{GROUP, REJECTED_MAX_ENTRIES, REJECTED_REASON, REJECTED_SOURCE_ID, StreamKeys};
use shared::settings::{BrokerSettings, StreamSettings};
use shared::time::millis;
use shared::{Rejection, UnixMillis};
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::fence::Found;
use super::socket::{CONNECT_TIMEOUT, SocketReader};
use super::{
    COMMIT_FIELD, Commit, EPOCH_FIELD, Epoch, Fence, GroupStep, Lease, Log, LogError, Member, NONCE_FIELD, Present,
    StateField, StreamInfo, damaged, failed,
};
use crate::ingest::decode::RejectedEntry;
use crate::ingest::stream_id::StreamId;

/// How long an answer may take, on top of what a commit takes to get there.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that is slower than this is not waited for. What could not be committed for a while is one commit of up to all
/// panes, hundreds of megabytes; with a fixed timeout it would never get there.
const BYTES_PER_SECOND_MIN: usize = 1024 * 1024;

/// Redis knows `entries-added` and ENTRIESREAD from this version on.
const OLDEST_MAJOR_VERSION: u32 = 7;

/// No more rejected entries are read back behind the one that makes them so large.
const NEWEST_REJECTED_BYTES: usize = 1024 * 1024;

/// One stream in Redis. Clones share the connection.
#[derive(Debug, Clone)]
pub struct RedisLog {
    finder: Arc<Finder>,
    keys: Arc<StreamKeys>,
    connection: Arc<Mutex<Option<Connected>>>,
    /// What was logged last of the server, so that connections that flap do not fill the log.
    told: Arc<Mutex<Option<Server>>>,
}

#[derive(Debug, Clone)]
struct Connected {
    connection: MultiplexedConnection,
    place: Place,
    server: Server,
}

impl RedisLog {
    /// The stream of `keys` in a Redis. Connects when first used.
    ///
    /// # Errors
    /// When the redis crate does not take its URL.
    pub fn new(broker: &BrokerSettings, keys: StreamKeys) -> Result<Self, LogError> {
        let finder = Finder::new(broker, &keys).map_err(|error| LogError::Unsupported(error.to_string()))?;
        Ok(Self { finder: Arc::new(finder), keys: Arc::new(keys), connection: Arc::default(), told: Arc::default() })
    }

    /// All streams that the settings name, each with its name; see [`StreamSettings::all_keys`].
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn of_streams(broker: &BrokerSettings, streams: &StreamSettings) -> Result<Vec<(String, Self)>, LogError> {
        let named = |keys: StreamKeys| Ok((keys.stream.clone(), Self::new(broker, keys)?));
        streams.all_keys().into_iter().map(named).collect()
    }

    /// Runs one step on the connection, made anew where there is none. Steps do not overlap: WATCH belongs to the
    /// connection.
    async fn step<T>(&self, step: impl AsyncFnOnce(&mut Connected) -> Result<T, LogError>) -> Result<T, LogError> {
        let mut slot = self.connection.lock().await;
        let mut connected = match slot.take().filter(|connected| !connected.place.is_replaced()) {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        // After a lost answer nobody knows what the connection still carries; after any error it may still watch a key,
        // and lead to a server that is no longer the right one. So it is dropped, and the right one found anew.
        let done = step(&mut connected).await.map_err(|error| failed(&self.finder, &connected.place, error))?;
        *slot = Some(connected);
        Ok(done)
    }

    /// Runs a step of a term, on the server on which the term began.
    async fn step_of<T>(
        &self,
        fence: &Fence,
        step: impl AsyncFnOnce(&mut Connected) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        self.step(async |connected| {
            fence.check_server(connected.server.id.as_ref())?;
            step(connected).await
        })
        .await
    }

    async fn connect(&self) -> Result<Connected, LogError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let (mut connection, place) = self.finder.connect(&config).await?;
        let server = Server::ask(&mut connection, &place).await;
        let server = server.map_err(|error| failed(&self.finder, &place, error))?;
        let mut told = self.told.lock().await;
        if told.as_ref() != Some(&server) {
            let (version, id) = (&server.version, server.id.as_deref());
            info!(version, address = %place, server = id, "connected to the broker");
            if server.is_evicting == Some(true) {
                warn!(
                    "the broker evicts keys when its memory is full (maxmemory-policy), which loses readings and state; set noeviction"
                );
            }
            if server.is_evicting.is_none() {
                warn!(
                    "the broker's user has no right to INFO: whether the broker evicts keys is not known, and that another server \
                     took its place at the same address is noticed only by the state, with the next commit"
                );
            }
            *told = Some(server.clone());
        }
        Ok(Connected { connection, place, server })
    }

    /// Watches the state, and returns what it says of its owner.
    async fn watch(&self, connection: &mut MultiplexedConnection) -> Result<Found, LogError> {
        let (epoch, nonce, commit): (Option<String>, Option<String>, Option<String>) = redis::pipe()
            .cmd("WATCH")
            .arg(&self.keys.state)
            .ignore()
            .cmd("HMGET")
            .arg(&self.keys.state)
            .arg(&[EPOCH_FIELD, NONCE_FIELD, COMMIT_FIELD])
            .query_async::<((Option<String>, Option<String>, Option<String>),)>(connection)
            .await
            .map_err(redis_error)?
            .0;
        let nonce = nonce.and_then(|text| u64::from_str_radix(&text, 16).ok());
        Ok(Found { epoch: epoch_of(epoch)?, nonce, commit })
    }

    /// What the stream looks like; zeros where it does not exist.
    async fn look(&self, connection: &mut MultiplexedConnection) -> Result<StreamInfo, LogError> {
        let mut pipe = redis::pipe();
        pipe.ignore_errors().cmd("XINFO").arg("STREAM").arg(&self.keys.stream);
        let answers: Vec<Value> = pipe.query_async(connection).await.map_err(redis_error)?;
        answers.last().map_or_else(|| Ok(StreamInfo::default()), stream_info)
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

    fn transaction(&self, commit: &Commit, lease_for: Duration) -> Pipeline {
        let mut pipe = redis::pipe();
        pipe.atomic().ignore_errors();
        let write = pipe.cmd("HSET").arg(&self.keys.state).arg(COMMIT_FIELD).arg(commit.name());
        for (field, value) in &commit.fields {
            write.arg(field).arg(value.as_slice());
        }
        if !commit.dropped.is_empty() {
            pipe.cmd("HDEL").arg(&self.keys.state).arg(&commit.dropped);
        }
        for entry in &commit.rejected {
            self.add_rejected(&mut pipe, entry);
        }
        self.add_lease(&mut pipe, &commit.fence.owner, lease_for);
        let cursor = commit.cursor.to_string();
        if commit.group == GroupStep::Make {
            pipe.cmd("XGROUP").arg("CREATE").arg(&self.keys.stream).arg(GROUP).arg(&cursor).arg("MKSTREAM");
        }
        if commit.group != GroupStep::Leave {
            pipe.cmd("XGROUP").arg("SETID").arg(&self.keys.stream).arg(GROUP).arg(&cursor);
            pipe.arg("ENTRIESREAD").arg(commit.entries_read);
        }
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

    /// Runs a transaction with TIME and XINFO STREAM as its last commands. `None` when a watched key changed.
    async fn execute(
        &self,
        mut pipe: Pipeline,
        Connected { connection, server, .. }: &mut Connected,
    ) -> Result<Option<StreamInfo>, LogError> {
        pipe.cmd("TIME").cmd("XINFO").arg("STREAM").arg(&self.keys.stream);
        match pipe.query_async::<Value>(connection).await.map_err(redis_error)? {
            Value::Array(answers) => {
                let Some([time, stream]) = answers.last_chunk() else { return Ok(Some(StreamInfo::default())) };
                let (is_evicting, broker_time, info) = (server.is_evicting, broker_time(time), stream_info(stream)?);
                let has_group = info.has_group && !is_group_missing(&answers)?;
                Ok(Some(StreamInfo { is_evicting, broker_time, has_group, ..info }))
            }
            _ => Ok(None),
        }
    }
}

impl Log for RedisLog {
    type Reader = SocketReader;

    fn beside(&self) -> Self {
        Self { connection: Arc::default(), ..self.clone() }
    }

    async fn acquire(&self, owner: &str, nonce: u64, known: Epoch, lease_for: Duration) -> Result<Lease, LogError> {
        self.step(async |connected| {
            let connection = &mut connected.connection;
            self.check_type(connection, &self.keys.state, "hash").await?;
            self.check_type(connection, &self.keys.stream, "stream").await?;
            let (holder, (last, last_nonce)): (Option<String>, (Option<String>, Option<String>)) = redis::pipe()
                // One at a time: the rights of the broker's user are for each key alone.
                .cmd("WATCH")
                .arg(&self.keys.lease)
                .ignore()
                .cmd("WATCH")
                .arg(&self.keys.state)
                .ignore()
                .cmd("GET")
                .arg(&self.keys.lease)
                .cmd("HMGET")
                .arg(&[&*self.keys.state, EPOCH_FIELD, NONCE_FIELD])
                .query_async(connection)
                .await
                .map_err(redis_error)?;
            if let Some(holder) = holder.filter(|holder| holder != owner) {
                cmd("UNWATCH").query_async::<()>(connection).await.map_err(redis_error)?;
                return Ok(Lease::Taken(Some(holder)));
            }
            let last = epoch_of(last)?.unwrap_or(0);
            let written = format!("{nonce:016x}");
            // An attempt before this one may have come through without an answer: then it is the same term.
            let step = if last_nonce.as_ref() == Some(&written) { 0 } else { known.max(last).saturating_add(1) - last };
            let mut pipe = redis::pipe();
            pipe.atomic();
            self.add_lease(&mut pipe, owner, lease_for);
            pipe.cmd("HINCRBY").arg(&self.keys.state).arg(EPOCH_FIELD).arg(step);
            pipe.cmd("HSET").arg(&self.keys.state).arg(NONCE_FIELD).arg(&written);
            pipe.cmd("HMGET").arg(&self.keys.state).arg(COMMIT_FIELD);
            let held: Option<(Value, Epoch, Value, (Option<String>,))> =
                pipe.query_async(connection).await.map_err(redis_error)?;
            let Some((_, epoch, _, (commit,))) = held else {
                return Ok(Lease::Taken(None));
            };
            // Without a commit there is nothing that the stream could be another one than.
            if commit.is_none() {
                self.ensure_group(connection).await?;
            }
            let server = connected.server.id.clone();
            Ok(Lease::Held(Fence { epoch, nonce, owner: owner.into(), server, commit }))
        })
        .await
    }

    async fn release(&self, fence: &Fence) -> Result<(), LogError> {
        self.step_of(fence, async |connected| {
            fence.check_owner(&self.watch(&mut connected.connection).await?)?;
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
            let (mut found, mut read, mut bytes, mut end, mut page) = (Vec::new(), 0, 0, "+".to_owned(), 1);
            // Whoever wrote them may have written anything, so a page is twice the last one, and the last where it is large.
            while page > 0 && bytes < NEWEST_REJECTED_BYTES {
                let entries: Vec<(String, Vec<Vec<u8>>)> = cmd("XREVRANGE")
                    .arg(&self.keys.rejected)
                    .arg(&[&end, "-", "COUNT"])
                    .arg(page)
                    .query_async(&mut connected.connection)
                    .await
                    .map_err(redis_error)?;
                let Some((oldest, _)) = entries.last() else { break };
                end = format!("({oldest}");
                bytes += entries.iter().flat_map(|(_, words)| words).map(Vec::len).sum::<usize>();
                found.extend(entries.iter().filter_map(|(_, words)| rejected_entry(words)));
                read += entries.len();
                page = (2 * page).min(count.saturating_sub(read));
            }
            Ok(found)
        })
        .await
    }

    async fn commit(&self, commit: &Commit, lease_for: Duration) -> Result<StreamInfo, LogError> {
        self.step_of(&commit.fence, async |connected| {
            let found = self.watch(&mut connected.connection).await?;
            let info = self.look(&mut connected.connection).await?;
            let pipe = if Fence::check_commit(commit, &found, info)? {
                // The answer to an earlier try was lost; only the lease is still worth writing.
                let mut pipe = redis::pipe();
                pipe.atomic().ignore_errors();
                self.add_lease(&mut pipe, &commit.fence.owner, lease_for);
                pipe
            } else {
                if !commit.rejected.is_empty() {
                    self.check_type(&mut connected.connection, &self.keys.rejected, "stream").await?;
                }
                self.transaction(commit, lease_for)
            };
            connected.connection.set_response_timeout(patience(commit));
            let info = self.execute(pipe, connected).await?.ok_or(LogError::Fenced)?;
            connected.connection.set_response_timeout(RESPONSE_TIMEOUT);
            Ok(info)
        })
        .await
    }

    async fn renew(&self, fence: &Fence, lease_for: Duration) -> Result<StreamInfo, LogError> {
        self.step_of(fence, async |connected| {
            fence.check(&self.watch(&mut connected.connection).await?)?;
            let mut pipe = redis::pipe();
            pipe.atomic().ignore_errors();
            self.add_lease(&mut pipe, &fence.owner, lease_for);
            self.execute(pipe, connected).await?.ok_or(LogError::Fenced)
        })
        .await
    }

    async fn alerts(&self) -> Result<Option<Vec<u8>>, LogError> {
        self.step(async |connected| {
            cmd("GET").arg(&self.keys.alerts).query_async(&mut connected.connection).await.map_err(redis_error)
        })
        .await
    }

    async fn commit_alerts(&self, fence: &Fence, alerts: &[u8]) -> Result<(), LogError> {
        self.step_of(fence, async |connected| {
            for _ in 0..ALERTS_TRIES {
                fence.check_owner(&self.watch(&mut connected.connection).await?)?;
                let mut pipe = redis::pipe();
                pipe.atomic().cmd("SET").arg(&self.keys.alerts).arg(alerts);
                let done = pipe.query_async::<Value>(&mut connected.connection).await.map_err(redis_error)?;
                if done != Value::Nil {
                    return Ok(());
                }
            }
            Err(LogError::Away("commits of readings always came in between".to_owned()))
        })
        .await
    }

    async fn has_group(&self) -> Result<bool, LogError> {
        self.step(async |connected| {
            let groups: Result<Vec<HashMap<String, Value>>, _> =
                cmd("XINFO").arg("GROUPS").arg(&self.keys.stream).query_async(&mut connected.connection).await;
            match groups {
                Ok(groups) => Ok(groups.iter().any(is_ours)),
                // Without the stream there is no group. Where the right to ask is missing, nothing is said against it.
                Err(error) if error.code() == Some("NOPERM") => Ok(true),
                Err(error) if error.kind() == redis::ServerErrorKind::ResponseError.into() => Ok(false),
                Err(error) => Err(redis_error(error)),
            }
        })
        .await
    }

    async fn announce(&self, member: &Member, valid_for: Duration) -> Result<Present, LogError> {
        self.step(async |connected| {
            let connection = &mut connected.connection;
            let (time, listed): (Value, HashMap<String, String>) = redis::pipe()
                .cmd("TIME")
                .cmd("HGETALL")
                .arg(&self.keys.members)
                .query_async(connection)
                .await
                .map_err(redis_error)?;
            let now = broker_time(&time);
            let now_ms = now.map_or(0, |now| now.0);
            let until_ms = now_ms.saturating_add(millis(valid_for));
            let listing = serde_json::to_string(&Listed { member: member.clone(), until_ms });
            let listing = listing.map_err(|error| LogError::Unsupported(error.to_string()))?;
            // What is no listing, or one of a later version, is none of ours to judge.
            let listed = listed.values().filter_map(|text| serde_json::from_str::<Listed>(text).ok());
            let listed = listed.filter(|listed| listed.member.has_address());
            // Nobody is there for longer than that: the clock went back.
            let is_present = |listed: &Listed| (now_ms..=until_ms).contains(&listed.until_ms);
            let (present, gone): (Vec<_>, Vec<_>) = listed.partition(is_present);
            let mut pipe = redis::pipe();
            pipe.cmd("HSET").arg(&self.keys.members).arg(&member.name).arg(listing);
            for gone in gone.iter().filter(|gone| gone.until_ms < now_ms - MEMBER_FORGOTTEN_MS) {
                pipe.cmd("HDEL").arg(&self.keys.members).arg(&gone.member.name);
            }
            pipe.query_async::<Vec<Value>>(connection).await.map_err(redis_error)?;
            let others = present.into_iter().map(|listed| listed.member).filter(|it| it.name != member.name);
            let members = others.chain([member.clone()]).map(|member| (member.name.clone(), member)).collect();
            Ok(Present { members, broker_time: now })
        })
        .await
    }

    async fn leave(&self, name: &str) -> Result<(), LogError> {
        self.step(async |connected| {
            let mut leave = cmd("HDEL");
            leave.arg(&self.keys.members).arg(name);
            leave.query_async::<Value>(&mut connected.connection).await.map_err(redis_error)?;
            Ok(())
        })
        .await
    }

    async fn reader(&self, fence: &Fence) -> Result<Self::Reader, LogError> {
        let (reader, about) = SocketReader::connect(&self.finder, &self.keys.stream, &info()).await?;
        let server = about.map(|about| Server::of(&about)).transpose()?;
        let id = server.and_then(|server| server.id).or_else(|| address_of(reader.place()));
        if let Err(error) = fence.check_server(id.as_ref()) {
            // The other connection may lead to the server of before, which need not know that it is that. A step that is under way on
            // it ends with the term, and the connection with the step.
            if let Ok(mut slot) = self.connection.try_lock() {
                *slot = None;
            }
            return Err(error);
        }
        Ok(reader)
    }
}

/// A member as it is listed.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    #[serde(flatten)]
    member: Member,
    /// Until when it is there unless it announces itself again, by the broker's clock.
    until_ms: i64,
}

/// The state that is watched changes with each commit of readings, about once a second.
const ALERTS_TRIES: u32 = 10;

/// A process that was killed stays on the list for so long behind its time.
const MEMBER_FORGOTTEN_MS: i64 = 60_000;

/// What stands for a server that does not tell which one it is: of several, each has an address of its own.
fn address_of(place: &Place) -> Option<Arc<str>> {
    place.is_one_of_several().then(|| place.to_string().into())
}

/// How long the answer to a commit may take.
fn patience(commit: &Commit) -> Duration {
    let bytes: usize = commit.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    RESPONSE_TIMEOUT + Duration::from_secs((bytes / BYTES_PER_SECOND_MIN) as u64)
}

/// The rejected entry of an entry of the dead-letter stream; `None` where something else put it there. Its own fields may
/// have any name, so what was added is known by its place: the last two.
fn rejected_entry(words: &[Vec<u8>]) -> Option<RejectedEntry> {
    let (pairs, []) = words.as_chunks::<2>() else { return None };
    let [pairs @ .., [reason_name, reason], [id_name, source_id]] = pairs else { return None };
    if *reason_name != REJECTED_REASON.as_bytes() || *id_name != REJECTED_SOURCE_ID.as_bytes() {
        return None;
    }
    let source_id = std::str::from_utf8(source_id).ok()?.parse().ok()?;
    let reason = Rejection::ALL.into_iter().find(|known| known.as_str().as_bytes() == *reason)?;
    Some(RejectedEntry::new(source_id, reason, pairs.iter().map(|[name, value]| (name.as_slice(), value.as_slice()))))
}

/// The state's epoch; `None` where there is no state.
fn epoch_of(text: Option<String>) -> Result<Option<Epoch>, LogError> {
    text.map(|text| text.parse().map_err(|_| damaged(EPOCH_FIELD))).transpose()
}

/// What TIME answers: seconds and the microseconds within the second.
fn broker_time(answer: &Value) -> Option<UnixMillis> {
    let (seconds, micros) = <(i64, i64)>::from_redis_value_ref(answer).ok()?;
    Some(UnixMillis(seconds.checked_mul(1_000)?.checked_add(micros / 1_000)?))
}

/// Whether a group that XINFO GROUPS tells of is ours.
fn is_ours(group: &HashMap<String, Value>) -> bool {
    group.get("name").and_then(|name| String::from_redis_value_ref(name).ok()).is_some_and(|name| name == GROUP)
}

/// Whether one of the answers to a transaction says that the stream or its group does not exist: somebody deleted one of them.
///
/// # Errors
/// An answer that is another error, like a right that was taken away while the transaction was on its way. What the transaction did
/// beside it is done, and known by its number.
fn is_group_missing(answers: &[Value]) -> Result<bool, LogError> {
    let mut is_missing = false;
    for answer in answers {
        let Value::ServerError(error) = answer else { continue };
        let details = error.details().unwrap_or_default();
        match error.code() {
            // That the group exists already.
            "BUSYGROUP" => {}
            "NOGROUP" => is_missing = true,
            "ERR" if details == "no such key" || details.contains("requires the key to exist") => is_missing = true,
            code => return Err(Failure::of_line(format!("{code} {details}")).into()),
        }
    }
    Ok(is_missing)
}

/// What XINFO STREAM answers; zeros where the stream does not exist (any more). A key that is something else for a while, or a
/// right that was taken away, says nothing of the stream: it may be there again as it was.
fn stream_info(answer: &Value) -> Result<StreamInfo, LogError> {
    let mut info = StreamInfo::default();
    if let Value::ServerError(error) = answer {
        let details = error.details().unwrap_or_default();
        let is_absent = error.code() == "ERR" && details == "no such key";
        let other = || Failure::of_line(format!("{} {details}", error.code()));
        return if is_absent { Ok(info) } else { Err(other().into()) };
    }
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
            // Ours, as far as this can tell: moving it fails where it is another one.
            Ok("groups") => info.has_group = number(value) > 0,
            _ => {}
        }
    }
    Ok(info)
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    version: String,
    /// The process and its history: a restart changes the one, a failover at least the other. Where it does not tell, the address, if
    /// it is one of several servers.
    id: Option<Arc<str>>,
    /// Whether it makes room by removing keys. `None` where it does not tell.
    is_evicting: Option<bool>,
}

/// Asks a server what [`Server::of`] reads.
fn info() -> Cmd {
    let mut info = cmd("INFO");
    info.arg(&["server", "replication", "memory"]);
    info
}

impl Server {
    /// Asks a server what it is.
    async fn ask(connection: &mut MultiplexedConnection, place: &Place) -> Result<Self, LogError> {
        match info().query_async::<String>(connection).await {
            Ok(about) => Self::of(&about),
            Err(error) if error.code() == Some("NOPERM") => {
                let greeting = cmd("HELLO").query_async(connection).await.map_err(redis_error)?;
                Ok(Self { id: address_of(place), ..Self::of_greeting(&greeting)? })
            }
            Err(error) => Err(redis_error(error)),
        }
    }

    /// Refuses a server that does not keep count of a stream's entries.
    fn of(about: &str) -> Result<Self, LogError> {
        let value =
            |name: &str| about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let version = value("redis_version").unwrap_or("unknown");
        check_version(version)?;
        let id = format!("{}/{}", value("run_id").unwrap_or_default(), value("master_replid").unwrap_or_default());
        let is_evicting = value("maxmemory").is_some_and(|bytes| bytes != "0")
            && value("maxmemory_policy").is_some_and(|policy| policy.starts_with("allkeys"));
        Ok(Self { version: version.to_owned(), id: Some(id.into()), is_evicting: Some(is_evicting) })
    }

    /// What it tells those who may not ask for more: the answer to HELLO, which everybody may ask who may connect.
    fn of_greeting(greeting: &Value) -> Result<Self, LogError> {
        let told = HashMap::<String, Value>::from_redis_value_ref(greeting).unwrap_or_default();
        let version = told.get("version").and_then(|version| String::from_redis_value_ref(version).ok());
        let version = version.unwrap_or_else(|| "unknown".to_owned());
        check_version(&version)?;
        Ok(Self { version, id: None, is_evicting: None })
    }
}

fn check_version(version: &str) -> Result<(), LogError> {
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < OLDEST_MAJOR_VERSION {
        return Err(LogError::Unsupported(format!(
            "the broker is Redis {version}; Redis {OLDEST_MAJOR_VERSION}.0 or newer, or Valkey, is needed"
        )));
    }
    Ok(())
}

fn redis_error(error: RedisError) -> LogError {
    Failure::from(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_of_a_missing_stream_or_group_are_read_as_that() {
        let answers = |lines: &[&str]| -> Vec<Value> {
            let parse = |line: &&str| redis::parse_redis_value(format!("{line}\r\n").as_bytes()).expect("an answer");
            lines.iter().map(parse).collect()
        };
        let asked = |lines: &[&str]| is_group_missing(&answers(lines));
        for good in [&[":1", "+OK", "$1\r\na"][..], &["-BUSYGROUP Consumer Group name already exists", "+OK"], &[]] {
            assert_eq!(asked(good).ok(), Some(false), "{good:?}");
        }
        for missing in [
            "-NOGROUP No such consumer group 'analytics' for key name 'antenna_stream'",
            "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option",
            "-ERR no such key",
        ] {
            assert_eq!(asked(&["+OK", missing, ":0"]).ok(), Some(true), "{missing}");
        }
        for other in [
            "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call.",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            "-ERR The stream has exhausted the last possible ID, unable to add more items",
        ] {
            let refused = asked(&["-NOGROUP No such consumer group", other]).expect_err(other).to_string();
            assert!(refused.contains(&other[1..20]), "{refused}");
        }
    }
}
