//! A pipeline that takes a step when it is told to, in place of its loops and threads: what imports and simulated histories drive.

use std::sync::Arc;
use std::time::Duration;

use super::aggregator::Aggregator;
use super::archiver::next_hour;
use super::commit::Committer;
use super::ledger::{Accounts, Seen};
use super::{LEASE, Pipeline, PipelineError};
use crate::archive::write::{Files, Written};
use crate::ingest::log::{Fence, Lease, Log, LogError, Reader as _, Reply, new_nonce};
use crate::ingest::stream_id::StreamId;
use crate::store::Store;
use crate::store::archived::{Compacted, Span, Tiers};
use crate::workers::keep_plans;

/// A process that may own the stream. Between two steps it can be dropped, as by a crash, or left alone for as long as one
/// likes. It never waits, so it needs no runtime; every method blocks its thread.
pub struct Steps<'a, L: Log> {
    pipeline: &'a Pipeline<L>,
    seen: Option<Seen>,
    /// That of the next term.
    nonce: u64,
    term: Option<Term<'a, L>>,
}

struct Term<'a, L: Log> {
    aggregator: Aggregator,
    committer: Committer<'a, L>,
    fence: Fence,
    reader: Option<L::Reader>,
    cursor: StreamId,
    /// Read, not merged yet.
    reply: Option<Reply>,
}

impl<'a, L: Log> Steps<'a, L> {
    /// A process that has just started. The thread keeps its plans to itself from now on, as the aggregator's does.
    #[must_use]
    pub fn new(pipeline: &'a Pipeline<L>) -> Self {
        keep_plans();
        Self { pipeline, seen: None, nonce: new_nonce(), term: None }
    }

    /// Whether it takes itself for the owner.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.term.is_some()
    }

    /// Takes the stream and loads the committed state, if nobody else has the stream; tells whether it is the owner then.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub async fn take_over(&mut self) -> Result<bool, PipelineError> {
        let known = self.seen.map_or(0, |seen| seen.epoch);
        let fence = match self.pipeline.log.acquire(&self.pipeline.owner, self.nonce, known, LEASE).await? {
            Lease::Held(fence) => fence,
            Lease::Taken(owner) => {
                self.pipeline.published.set_owner(owner);
                return Ok(false);
            }
        };
        self.nonce = new_nonce();
        let loaded = self.pipeline.try_load(&fence, self.seen).await?;
        self.pipeline.published.begin(&fence, &loaded);
        let (accounts, cursor) = (Accounts::new(&loaded.meta, loaded.cursor), loaded.cursor);
        let committer = Committer::new(self.pipeline, fence.clone(), accounts);
        let aggregator = Aggregator::new(self.pipeline, fence.clone(), loaded, accounts, None);
        self.term = Some(Term { aggregator, committer, fence, reader: None, cursor, reply: None });
        Ok(true)
    }

    /// Reads the next entries, if those before them are merged; tells how many.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read(&mut self) -> Result<u64, LogError> {
        let Some(term) = self.term.as_mut().filter(|term| term.reply.is_none()) else { return Ok(0) };
        let mut reader = match term.reader.take() {
            Some(reader) => reader,
            None => self.pipeline.log.reader(&term.fence).await?,
        };
        let max = usize::try_from(self.pipeline.settings.batch_max).unwrap_or(usize::MAX);
        let reply = reader.read(term.cursor, max, Duration::ZERO).await?;
        term.reader = Some(reader).filter(|_| !reply.is_cut);
        let entries = reply.entries;
        if entries > 0 {
            term.cursor = reply.last_id;
            term.reply = Some(reply);
        }
        Ok(entries)
    }

    /// Decodes and merges what was read.
    ///
    /// # Errors
    /// [`PipelineError::Aggregator`].
    pub fn merge(&mut self) -> Result<(), PipelineError> {
        let Some(term) = &mut self.term else { return Ok(()) };
        let Some(reply) = term.reply.take() else { return Ok(()) };
        term.aggregator.merge(&reply).map_err(|error| PipelineError::Aggregator(error.to_string()))
    }

    /// Prepares a commit, unless one is in flight.
    ///
    /// # Errors
    /// [`PipelineError::Aggregator`].
    pub fn prepare(&mut self) -> Result<(), PipelineError> {
        let Some(term) = self.term.as_mut().filter(|term| term.committer.is_idle()) else { return Ok(()) };
        let prepared = term.aggregator.prepare(term.committer.accounts());
        term.committer.take(prepared.map_err(|error| PipelineError::Aggregator(error.to_string()))?);
        Ok(())
    }

    /// The files of the first hour that is final, before they are written.
    ///
    /// # Errors
    /// [`PipelineError::Aggregator`].
    pub fn files(&self) -> Result<Option<Files>, PipelineError> {
        let Some(term) = &self.term else { return Ok(None) };
        let Some(hour) = next_hour(term.aggregator.store(), i64::MIN, self.pipeline.settings.row_ms()) else {
            return Ok(None);
        };
        let files = Files::of(&hour);
        files.map(Some).map_err(|error| PipelineError::Aggregator(error.to_string()))
    }

    /// Takes note of an hour whose files were written.
    ///
    /// # Errors
    /// [`PipelineError::Aggregator`].
    pub fn archived(&mut self, written: Written) -> Result<(), PipelineError> {
        let Some(term) = &mut self.term else { return Ok(()) };
        term.aggregator.archived(written).map_err(|error| PipelineError::Aggregator(error.to_string()))
    }

    /// The hours of the first day that is final and not compacted yet; none where there is no such day.
    #[must_use]
    pub fn final_day(&self) -> Vec<Arc<Span>> {
        self.term.as_ref().map(|term| term.aggregator.store().final_day(i64::MIN)).unwrap_or_default()
    }

    /// Takes note of a day whose files were written.
    pub fn compacted(&mut self, compacted: Compacted) {
        if let Some(term) = &mut self.term {
            term.aggregator.compacted(compacted);
        }
    }

    /// Forgets what in files is not kept any more.
    pub fn expire(&mut self, tiers: Tiers) {
        if let Some(term) = &mut self.term {
            term.aggregator.expire(tiers);
        }
    }

    /// What the owner has counted and archived; `None` where this is not the owner.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.term.as_ref().map(|term| term.aggregator.store())
    }

    /// Takes note of an hour of an import, by its id, whose files were written.
    ///
    /// # Errors
    /// [`PipelineError::Aggregator`].
    pub fn import(&mut self, id: &str, written: Written) -> Result<(), PipelineError> {
        let Some(term) = &mut self.term else { return Ok(()) };
        term.aggregator.import(id, written).map_err(|error| PipelineError::Aggregator(error.to_string()))
    }

    /// Ends the term in good order, so that whoever waits for the stream has it at once. What is not committed is lost.
    pub async fn give_up(mut self) {
        if let Some(term) = self.term.take() {
            self.pipeline.give_up(&term.fence).await;
        }
    }

    /// Commits what is prepared, or renews the lease. Where the stream is lost, so is what is in memory.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn commit(&mut self) -> Result<(), LogError> {
        let Some(term) = &mut self.term else { return Ok(()) };
        let mut result = term.committer.step().await;
        if let (Ok(()), Some(why)) = (&result, term.committer.is_made_anew()) {
            result = Err(LogError::Back(why));
        }
        self.seen = term.committer.seen().or(self.seen);
        if matches!(result, Err(LogError::Fenced | LogError::Back(_))) {
            self.pipeline.published.lose(false);
            self.term = None;
        }
        result
    }
}
