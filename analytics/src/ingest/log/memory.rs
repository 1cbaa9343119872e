//! A log in memory: the same promises as Redis within one process, and faults on demand for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use shared::UnixMillis;
use tokio::sync::Notify;

use super::fence::Found;
use super::{
    COMMIT_FIELD, Commit, EPOCH_FIELD, Epoch, Fence, GroupStep, Lease, Log, LogError, Member, NONCE_FIELD, Present,
    Reader, Reply, StateField, StreamInfo,
};
use crate::ingest::decode::RejectedEntry;
use crate::ingest::stream_id::StreamId;

/// A fault to inject into the next commit, or the next taking of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The commit does not happen and the connection breaks.
    BeforeCommit,
    /// The commit happens, but its answer is lost.
    AfterCommit,
    /// The stream is taken, but the answer is lost.
    AfterAcquire,
}

/// All that a broker keeps, as of a moment.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// Entries as an XREAD reply would carry them.
    entries: VecDeque<(StreamId, Arc<[u8]>)>,
    info: StreamInfo,
    state: BTreeMap<String, Arc<[u8]>>,
    rejected: VecDeque<RejectedEntry>,
    owner: Option<String>,
    alerts: Option<Arc<[u8]>>,
}

/// A log in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    inner: Arc<Mutex<Inner>>,
    added: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    data: Saved,
    /// Counts the server processes that there have been under the log's address.
    server: u64,
    fault: Option<Fault>,
    /// Who shares the partitions; they are there until they leave.
    members: BTreeMap<String, Member>,
    away: bool,
    time: Option<UnixMillis>,
    /// Entries present at most; the oldest read or unread go first, as with XADD MAXLEN.
    max_entries: Option<usize>,
}

impl MemoryLog {
    /// An empty log that holds at most so many entries: the oldest make room, read or not.
    #[must_use]
    pub fn with_max_entries(max_entries: usize) -> Self {
        let log = Self::default();
        log.inner.lock().max_entries = Some(max_entries);
        log
    }

    /// Adds an entry at a time; the id counts on where the clock stands still or runs backwards.
    pub fn add<N: AsRef<[u8]>, V: AsRef<[u8]>>(&self, now: UnixMillis, pairs: &[(N, V)]) -> StreamId {
        let id = {
            let mut inner = self.inner.lock();
            let millis = u64::try_from(now.0).unwrap_or(0);
            let last = inner.data.info.last_id;
            let id = if millis > last.millis {
                StreamId { millis, counter: 0 }
            } else {
                StreamId { millis: last.millis, counter: last.counter + 1 }
            };
            inner.push(id, pairs);
            id
        };
        self.added.notify_waiters();
        id
    }

    /// The dead-letter entries.
    #[must_use]
    pub fn rejected(&self) -> Vec<RejectedEntry> {
        self.inner.lock().data.rejected.iter().cloned().collect()
    }

    /// Removes the entries before an id, read or not.
    pub fn trim_before(&self, id: StreamId) {
        self.inner.lock().data.entries.retain(|(entry, _)| *entry >= id);
    }

    /// Takes the newest entry out, and sets the stream's last id to the one before, as XDEL and XSETID do.
    pub fn remove_last(&self) {
        let mut inner = self.inner.lock();
        inner.data.entries.pop_back();
        inner.data.info.last_id = inner.data.entries.back().map_or(StreamId::ZERO, |(id, _)| *id);
    }

    /// Makes the next commit fail.
    pub fn inject(&self, fault: Fault) {
        self.inner.lock().fault = Some(fault);
    }

    /// Takes the broker away, or brings it back.
    pub fn set_away(&self, away: bool) {
        self.inner.lock().away = away;
        self.added.notify_waiters();
    }

    /// Sets the clock that the log tells; until then it tells none.
    pub fn set_time(&self, time: UnixMillis) {
        self.inner.lock().time = Some(time);
    }

    /// Adds an entry under an id of the writer's choice, as XADD with an explicit id does.
    pub fn add_as<N: AsRef<[u8]>, V: AsRef<[u8]>>(&self, id: StreamId, pairs: &[(N, V)]) {
        self.inner.lock().push(id, pairs);
        self.added.notify_waiters();
    }

    /// Ends the lease of whoever holds it, as its expiry would.
    pub fn expire_lease(&self) {
        self.inner.lock().data.owner = None;
    }

    /// Who holds the lease.
    #[must_use]
    pub fn lease(&self) -> Option<String> {
        self.inner.lock().data.owner.clone()
    }

    /// What the stream looks like.
    #[must_use]
    pub fn info(&self) -> StreamInfo {
        self.inner.lock().data.look()
    }

    /// All that is kept.
    #[must_use]
    pub fn save(&self) -> Saved {
        self.inner.lock().data.clone()
    }

    /// Another server takes the address, with what was kept at some moment: a dump, or a replica that was behind.
    pub fn restore(&self, saved: Saved) {
        let mut inner = self.inner.lock();
        inner.data = saved;
        inner.server += 1;
    }

    /// Deletes the stream, as DEL does; what is added then makes another one.
    pub fn delete_stream(&self) {
        let data = &mut self.inner.lock().data;
        data.entries.clear();
        data.info = StreamInfo::default();
    }

    /// Deletes the consumer group, as XGROUP DESTROY does.
    pub fn destroy_group(&self) {
        self.inner.lock().data.info.has_group = false;
    }

    /// Deletes everything, as FLUSHALL does.
    pub fn flush(&self) {
        self.inner.lock().data = Saved::default();
    }

    /// Deletes the state's key.
    pub fn delete_state(&self) {
        self.inner.lock().data.state.clear();
    }

    /// Overwrites a field of the state, the first one with a prefix, with what is no state; its name, where there is one.
    pub fn damage(&self, prefix: &str) -> Option<String> {
        let mut inner = self.inner.lock();
        let (name, value) = inner.data.state.iter_mut().find(|(name, _)| name.starts_with(prefix))?;
        *value = Arc::from(*b"garbage");
        Some(name.clone())
    }

    /// Number of the entries present.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().data.entries.len()
    }

    /// Whether no entry is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn push<N: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, id: StreamId, pairs: &[(N, V)]) {
        let data = &mut self.data;
        data.entries.push_back((id, encode_entry(id, pairs).into()));
        data.info.last_id = id;
        data.info.entries_added += 1;
        if let Some(max_entries) = self.max_entries {
            while data.entries.len() > max_entries {
                data.entries.pop_front();
            }
        }
    }

    fn check(&self) -> Result<(), LogError> {
        if self.away { Err(LogError::Away("taken away".to_owned())) } else { Ok(()) }
    }

    /// What the state says of its owner, on the server of a term.
    fn found(&self, fence: &Fence) -> Result<Found, LogError> {
        self.check()?;
        fence.check_server(Some(&self.server.to_string().into()))?;
        Ok(self.data.found())
    }
}

impl Saved {
    fn field(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.state.get(name)?).ok()
    }

    fn found(&self) -> Found {
        Found {
            epoch: self.field(EPOCH_FIELD).and_then(|text| text.parse().ok()),
            nonce: self.field(NONCE_FIELD).and_then(|text| text.parse().ok()),
            commit: self.field(COMMIT_FIELD).map(str::to_owned),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.state.insert(name.to_owned(), value.as_bytes().into());
    }

    /// A lease that was ended stays so, that a test can hand the stream over while its owner lives.
    fn renew(&mut self, fence: &Fence) {
        if let Some(owner) = &mut self.owner {
            (*fence.owner).clone_into(owner);
        }
    }

    fn look(&self) -> StreamInfo {
        StreamInfo {
            is_evicting: Some(false),
            length: self.entries.len() as u64,
            first_id: self.entries.front().map_or(StreamId::ZERO, |(id, _)| *id),
            ..self.info
        }
    }

    fn apply(&mut self, commit: &Commit) {
        self.state.extend(commit.fields.iter().map(|(name, value)| (name.clone(), value.as_slice().into())));
        self.set(COMMIT_FIELD, &commit.name());
        self.info.has_group |= commit.group == GroupStep::Make;
        for field in &commit.dropped {
            self.state.remove(field);
        }
        self.rejected.extend(commit.rejected.iter().cloned());
        let surplus = self.rejected.len().saturating_sub(shared::keys::REJECTED_MAX_ENTRIES);
        self.rejected.drain(..surplus);
        if let Some(id) = commit.trim_before {
            while self.entries.front().is_some_and(|(entry, _)| *entry < id) {
                self.entries.pop_front();
            }
        }
    }
}

impl Log for MemoryLog {
    type Reader = MemoryReader;

    fn beside(&self) -> Self {
        self.clone()
    }

    async fn acquire(&self, owner: &str, nonce: u64, known: Epoch, _lease_for: Duration) -> Result<Lease, LogError> {
        let mut inner = self.inner.lock();
        inner.check()?;
        if let Some(other) = inner.data.owner.as_ref().filter(|other| *other != owner) {
            return Ok(Lease::Taken(Some(other.clone())));
        }
        inner.data.owner = Some(owner.to_owned());
        let Found { epoch, nonce: last_nonce, commit } = inner.data.found();
        let last: Epoch = epoch.unwrap_or(0);
        let epoch = if last_nonce == Some(nonce) { last } else { last.max(known) + 1 };
        inner.data.set(EPOCH_FIELD, &epoch.to_string());
        inner.data.set(NONCE_FIELD, &nonce.to_string());
        inner.data.info.has_group |= commit.is_none();
        if inner.fault.take_if(|fault| *fault == Fault::AfterAcquire).is_some() {
            return Err(LogError::Away("the answer is lost".to_owned()));
        }
        Ok(Lease::Held(Fence {
            epoch,
            nonce,
            owner: owner.into(),
            server: Some(inner.server.to_string().into()),
            commit,
        }))
    }

    async fn announce(&self, member: &Member, _valid_for: Duration) -> Result<Present, LogError> {
        let mut inner = self.inner.lock();
        inner.check()?;
        inner.members.insert(member.name.clone(), member.clone());
        Ok(Present { members: inner.members.clone(), broker_time: inner.time })
    }

    async fn leave(&self, name: &str) -> Result<(), LogError> {
        let mut inner = self.inner.lock();
        inner.check()?;
        inner.members.remove(name);
        Ok(())
    }

    async fn release(&self, fence: &Fence) -> Result<(), LogError> {
        let mut inner = self.inner.lock();
        fence.check_owner(&inner.found(fence)?)?;
        inner.data.owner = None;
        Ok(())
    }

    async fn state_names(&self) -> Result<Vec<String>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(inner.data.state.keys().cloned().collect())
    }

    async fn state(&self, names: &[String]) -> Result<Vec<StateField>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(names.iter().filter_map(|name| Some((name.clone(), inner.data.state.get(name)?.to_vec()))).collect())
    }

    async fn newest_rejected(&self, count: usize) -> Result<Vec<RejectedEntry>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(inner.data.rejected.iter().rev().take(count).cloned().collect())
    }

    async fn commit(&self, commit: &Commit, _lease_for: Duration) -> Result<StreamInfo, LogError> {
        let mut inner = self.inner.lock();
        let is_done = Fence::check_commit(commit, &inner.found(&commit.fence)?, inner.data.look())?;
        let fault = inner.fault.take_if(|fault| *fault != Fault::AfterAcquire);
        if fault == Some(Fault::BeforeCommit) {
            return Err(LogError::Away("broke before the commit".to_owned()));
        }
        if !is_done {
            inner.data.apply(commit);
        }
        inner.data.renew(&commit.fence);
        if fault == Some(Fault::AfterCommit) {
            return Err(LogError::Away("broke after the commit".to_owned()));
        }
        Ok(StreamInfo { broker_time: inner.time, ..inner.data.look() })
    }

    async fn renew(&self, fence: &Fence, _lease_for: Duration) -> Result<StreamInfo, LogError> {
        let mut inner = self.inner.lock();
        fence.check(&inner.found(fence)?)?;
        inner.data.renew(fence);
        Ok(StreamInfo { broker_time: inner.time, ..inner.data.look() })
    }

    async fn alerts(&self) -> Result<Option<Vec<u8>>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(inner.data.alerts.as_ref().map(|alerts| alerts.to_vec()))
    }

    async fn commit_alerts(&self, fence: &Fence, alerts: &[u8]) -> Result<(), LogError> {
        let mut inner = self.inner.lock();
        fence.check_owner(&inner.found(fence)?)?;
        inner.data.alerts = Some(alerts.into());
        Ok(())
    }

    async fn has_group(&self) -> Result<bool, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(inner.data.info.has_group)
    }

    async fn reader(&self, fence: &Fence) -> Result<Self::Reader, LogError> {
        let server = {
            let inner = self.inner.lock();
            inner.found(fence)?;
            inner.server
        };
        Ok(MemoryReader { log: self.clone(), server })
    }
}

/// Reads a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryReader {
    log: MemoryLog,
    /// The server that it is connected to.
    server: u64,
}

impl Reader for MemoryReader {
    async fn read(&mut self, after: StreamId, max: usize, wait: Duration) -> Result<Reply, LogError> {
        if wait.is_zero() {
            return Ok(self.reply(after, max)?.unwrap_or_default());
        }
        let added = self.log.added.notified();
        tokio::pin!(added);
        // Interest is registered before looking, so that an entry added in between is not missed.
        added.as_mut().enable();
        let mut reply = self.reply(after, max)?;
        if reply.is_none() {
            // Running out of time is the usual end of a wait.
            let _elapsed = tokio::time::timeout(wait, added).await;
            reply = self.reply(after, max)?;
        }
        Ok(reply.unwrap_or_default())
    }
}

impl MemoryReader {
    fn reply(&self, after: StreamId, max: usize) -> Result<Option<Reply>, LogError> {
        let inner = self.log.inner.lock();
        inner.check()?;
        if inner.server != self.server {
            return Err(LogError::Away("the server is gone".to_owned()));
        }
        let entries = &inner.data.entries;
        let first = entries.partition_point(|(id, _)| *id <= after);
        let count = (entries.len() - first).min(max);
        if count == 0 {
            return Ok(None);
        }
        let mut bytes = format!("*1\r\n*2\r\n$6\r\nmemory\r\n*{count}\r\n").into_bytes();
        entries.range(first..first + count).for_each(|(_, entry)| bytes.extend_from_slice(entry));
        let last_id = entries[first + count - 1].0;
        Ok(Some(Reply {
            bytes: bytes.into(),
            entries: count as u64,
            last_id,
            read: Duration::ZERO,
            broker_time: inner.time,
            is_cut: false,
        }))
    }
}

fn encode_entry<N: AsRef<[u8]>, V: AsRef<[u8]>>(id: StreamId, pairs: &[(N, V)]) -> Vec<u8> {
    fn bulk(bytes: &[u8], into: &mut Vec<u8>) {
        into.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        into.extend_from_slice(bytes);
        into.extend_from_slice(b"\r\n");
    }
    let mut entry = b"*2\r\n".to_vec();
    bulk(id.to_string().as_bytes(), &mut entry);
    entry.extend_from_slice(format!("*{}\r\n", pairs.len() * 2).as_bytes());
    for (name, value) in pairs {
        bulk(name.as_ref(), &mut entry);
        bulk(value.as_ref(), &mut entry);
    }
    entry
}
