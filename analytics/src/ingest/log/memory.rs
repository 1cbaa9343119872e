//! A log in memory: the same promises as Redis within one process, and faults on demand for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use shared::UnixMillis;
use tokio::sync::Notify;

use super::{COMMIT_FIELD, Commit, EPOCH_FIELD, Epoch, Lease, Log, LogError, Reader, Reply, StateField, StreamInfo};
use crate::ingest::decode::RejectedEntry;
use crate::ingest::stream_id::StreamId;

/// A fault to inject into the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The commit does not happen and the connection breaks.
    BeforeCommit,
    /// The commit happens, but its answer is lost.
    AfterCommit,
}

/// A log in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    inner: Arc<Mutex<Inner>>,
    added: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Entries as an XREAD reply would carry them.
    entries: VecDeque<(StreamId, Vec<u8>)>,
    info: StreamInfo,
    state: BTreeMap<String, Vec<u8>>,
    rejected: VecDeque<RejectedEntry>,
    owner: Option<String>,
    fault: Option<Fault>,
    away: bool,
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
            let last = inner.info.last_id;
            let id = if millis > last.millis {
                StreamId { millis, counter: 0 }
            } else {
                StreamId { millis: last.millis, counter: last.counter + 1 }
            };
            inner.entries.push_back((id, encode_entry(id, pairs)));
            inner.info.last_id = id;
            inner.info.entries_added += 1;
            if let Some(max_entries) = inner.max_entries {
                while inner.entries.len() > max_entries {
                    inner.entries.pop_front();
                }
            }
            id
        };
        self.added.notify_waiters();
        id
    }

    /// The dead-letter entries.
    #[must_use]
    pub fn rejected(&self) -> Vec<RejectedEntry> {
        self.inner.lock().rejected.iter().cloned().collect()
    }

    /// Removes the entries before an id, read or not.
    pub fn trim_before(&self, id: StreamId) {
        self.inner.lock().entries.retain(|(entry, _)| *entry >= id);
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

    /// Ends the lease of whoever holds it, as its expiry would.
    pub fn expire_lease(&self) {
        self.inner.lock().owner = None;
    }

    /// Number of the entries present.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().entries.len()
    }

    /// Whether no entry is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn check(&self) -> Result<(), LogError> {
        if self.away { Err(LogError::Away("taken away".to_owned())) } else { Ok(()) }
    }

    fn epoch(&self) -> Epoch {
        self.state.get(EPOCH_FIELD).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).unwrap_or(0)
    }

    fn check_epoch(&self, epoch: Epoch) -> Result<(), LogError> {
        self.check()?;
        if self.epoch() == epoch { Ok(()) } else { Err(LogError::Fenced) }
    }

    fn info(&self) -> StreamInfo {
        StreamInfo {
            length: self.entries.len() as u64,
            first_id: self.entries.front().map_or(StreamId::ZERO, |(id, _)| *id),
            ..self.info
        }
    }

    fn apply(&mut self, commit: &Commit) {
        let name = format!("{}-{}", commit.epoch, commit.number);
        if self.state.get(COMMIT_FIELD).is_some_and(|done| done == name.as_bytes()) {
            return;
        }
        self.state.extend(commit.fields.iter().cloned());
        self.state.insert(COMMIT_FIELD.to_owned(), name.into_bytes());
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

    async fn acquire(&self, owner: &str, _lease_for: Duration) -> Result<Lease, LogError> {
        let mut inner = self.inner.lock();
        inner.check()?;
        if let Some(other) = inner.owner.as_ref().filter(|other| *other != owner) {
            return Ok(Lease::Taken(Some(other.clone())));
        }
        inner.owner = Some(owner.to_owned());
        let epoch = inner.epoch() + 1;
        inner.state.insert(EPOCH_FIELD.to_owned(), epoch.to_string().into_bytes());
        Ok(Lease::Held(epoch))
    }

    async fn release(&self, epoch: Epoch) -> Result<(), LogError> {
        let mut inner = self.inner.lock();
        inner.check_epoch(epoch)?;
        inner.owner = None;
        Ok(())
    }

    async fn state_names(&self) -> Result<Vec<String>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(inner.state.keys().cloned().collect())
    }

    async fn state(&self, names: &[String]) -> Result<Vec<StateField>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(names.iter().filter_map(|name| Some((name.clone(), inner.state.get(name)?.clone()))).collect())
    }

    async fn newest_rejected(&self, count: usize) -> Result<Vec<RejectedEntry>, LogError> {
        let inner = self.inner.lock();
        inner.check()?;
        Ok(inner.rejected.iter().rev().take(count).cloned().collect())
    }

    async fn commit(&self, commit: &Commit, _lease_for: Duration) -> Result<StreamInfo, LogError> {
        let mut inner = self.inner.lock();
        inner.check_epoch(commit.epoch)?;
        match inner.fault.take() {
            Some(Fault::BeforeCommit) => return Err(LogError::Away("broke before the commit".to_owned())),
            Some(Fault::AfterCommit) => {
                inner.apply(commit);
                return Err(LogError::Away("broke after the commit".to_owned()));
            }
            None => inner.apply(commit),
        }
        Ok(inner.info())
    }

    async fn renew(&self, epoch: Epoch, _lease_for: Duration) -> Result<StreamInfo, LogError> {
        let inner = self.inner.lock();
        inner.check_epoch(epoch)?;
        Ok(inner.info())
    }

    async fn reader(&self) -> Result<Self::Reader, LogError> {
        self.inner.lock().check()?;
        Ok(MemoryReader { log: self.clone() })
    }
}

/// Reads a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryReader {
    log: MemoryLog,
}

impl Reader for MemoryReader {
    async fn read(&mut self, after: StreamId, max: usize, wait: Duration) -> Result<Reply, LogError> {
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
        let first = inner.entries.partition_point(|(id, _)| *id <= after);
        let count = (inner.entries.len() - first).min(max);
        if count == 0 {
            return Ok(None);
        }
        let mut bytes = format!("*1\r\n*2\r\n$6\r\nmemory\r\n*{count}\r\n").into_bytes();
        inner.entries.range(first..first + count).for_each(|(_, entry)| bytes.extend_from_slice(entry));
        let last_id = inner.entries[first + count - 1].0;
        Ok(Some(Reply { bytes: bytes.into(), entries: count as u64, last_id, read: Duration::ZERO }))
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
