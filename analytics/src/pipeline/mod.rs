//! The whole path: source > decode > aggregate > merge > commit > publish.
//!
//! A *term* is the time during which this process owns the stream. It begins with the lease and the committed state,
//! and ends with a last commit, or when another process takes over. Within a term three parts run side by side:
//!
//! - [`ReadLoop`] reads the next batch while the last one is decoded and merged;
//! - [`Aggregator`] decodes batches, merges them into the store, publishes snapshots and prepares commits, on a thread of
//!   its own;
//! - [`CommitLoop`] commits at an interval, renews the lease and balances the ledger.
//!
//! Where there is an archive, [`Archiver`] writes the hours that are final, on a thread of its own too.
//!
//! A bounded channel between them is the back-pressure: while the broker or the aggregator is slow, nothing piles up.

mod aggregator;
mod archiver;
mod commit;
mod health;
mod ledger;
mod load;
mod read;
mod retry;
mod steps;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use shared::api::Phase;
use shared::time::{Clock, millis};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, info, warn};

use self::aggregator::{Aggregator, Archive};
use self::archiver::Archiver;
use self::commit::{CommitLoop, Committer};
use self::health::Health;
use self::ledger::{Accounts, Seen};
pub(crate) use self::load::Committed;
use self::read::ReadLoop;
use self::retry::{Lines, Retry};
pub use self::steps::Steps;
use crate::archive::place::Place;
use crate::ingest::log::{Epoch, Fence, Lease, Log, LogError, new_nonce};
use crate::published::Published;
use crate::registry::KeptRegistry;
use crate::settings::{ArchiveSettings, PipelineSettings, Thresholds};
use crate::state::{MARKER, META, Marker, Meta, StateError};
use crate::store::Store;
use crate::store::archived::{PartitionNumber, Tiers};
use crate::workers::keep_plans;

/// An owner that does not renew its lease for this long has lost the stream to any process that waits.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// How often it is tried to take a stream that another process has.
const TAKE_INTERVAL: Duration = Duration::from_millis(500);

/// The same where the other process is to give it up, or is gone.
const TURN_INTERVAL: Duration = Duration::from_millis(100);

/// The lease is renewed and the ledger balanced this often, if commits are rarer.
const RENEW_INTERVAL: Duration = Duration::from_secs(1);

/// Giving up the lease may take this long.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the pipeline gave up.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] LogError),
    /// The committed state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The aggregator ended before it was told to.
    #[error("the aggregator failed: {0}")]
    Aggregator(String),
}

/// Why a term ended without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    /// The process is to stop.
    Shutdown,
    /// Another process has taken over.
    Fenced,
    /// Another process is to own the partition.
    NotOurs,
    /// The broker is another one, or went back: what it says now counts.
    Back(String),
}

/// What a term needs.
#[derive(Debug, Clone)]
pub struct Pipeline<L> {
    /// The number of the partition.
    pub partition: PartitionNumber,
    /// Number of the streams that readings are spread over.
    pub partitions: u16,
    /// The log.
    pub log: L,
    /// The settings.
    pub settings: PipelineSettings,
    /// What counts as trouble.
    pub thresholds: Thresholds,
    /// What is known of single antennas.
    pub registry: KeptRegistry,
    /// The name of this process in the lease; no other process has it.
    pub owner: String,
    /// Where snapshots and progress go.
    pub published: Published,
    /// The wall clock.
    pub clock: Clock,
    /// Where files of final hours go, if they go anywhere.
    pub place: Option<Place>,
    lines: AllLines,
    /// Whether this process is to own it.
    turn: Turn,
}

/// Whether this process is to own the partition, where several share them.
#[derive(Debug, Clone, Default)]
pub enum Turn {
    /// It takes the partition whenever nobody has it.
    #[default]
    Always,
    /// It is told whether it is to own it. The sender lives as long as the process does.
    Told(watch::Receiver<bool>),
}

impl Turn {
    /// Waits until whether it is to own the partition is as wanted.
    async fn until(&self, wanted: bool) {
        let is_so = match self {
            Self::Always => wanted,
            Self::Told(told) => told.clone().wait_for(|is_ours| *is_ours == wanted).await.is_ok(),
        };
        // What can change no more never will.
        if !is_so {
            std::future::pending::<()>().await;
        }
    }

    /// How often it is tried to take the partition.
    const fn pause(&self) -> Duration {
        match self {
            Self::Always => TAKE_INTERVAL,
            Self::Told(_) => TURN_INTERVAL,
        }
    }
}

/// The lines about each trouble, which are throttled over all terms.
#[derive(Debug, Clone, Default)]
struct AllLines {
    taking: Lines,
    loading: Lines,
    reading: Lines,
    committing: Lines,
    archiving: Lines,
    terms: Lines,
}

/// An empty store with the settings' panes and retention, that judges by the thresholds.
#[must_use]
pub fn empty_store(settings: &PipelineSettings, thresholds: Thresholds) -> Store {
    Store::new(millis(settings.pane), millis(settings.retention), thresholds)
        .with_max_clock_skew(millis(settings.max_clock_skew))
        .with_archive(settings.archive.archive.as_ref().map(|_| settings.row_ms()))
}

/// How long the settings keep what is in files.
#[must_use]
pub fn tiers(settings: &PipelineSettings) -> Tiers {
    let ArchiveSettings { archive_keep_minutes, archive_keep_hours, .. } = settings.archive;
    Tiers { minutes_ms: millis(archive_keep_minutes), hours_ms: millis(archive_keep_hours) }
}

impl<L: Log> Pipeline<L> {
    /// A pipeline that has not begun.
    #[must_use]
    pub fn new(
        log: L,
        settings: PipelineSettings,
        thresholds: Thresholds,
        owner: String,
        published: Published,
        clock: Clock,
    ) -> Self {
        Self {
            partition: 0,
            partitions: 1,
            log,
            settings,
            thresholds,
            registry: KeptRegistry::default(),
            owner,
            published,
            clock,
            place: None,
            lines: AllLines::default(),
            turn: Turn::Always,
        }
    }

    /// The pipeline with what is known of single antennas.
    #[must_use]
    pub fn with_registry(self, registry: KeptRegistry) -> Self {
        Self { registry, ..self }
    }

    /// The pipeline of a partition, where readings are spread over a number of streams.
    #[must_use]
    pub fn with_partition(self, partition: PartitionNumber, partitions: u16) -> Self {
        Self { partition, partitions, ..self }
    }

    /// The same by a connection to the broker of its own: for who reads what was committed while another process owns the partition.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self { log: self.log.beside(), ..self.clone() }
    }

    /// The pipeline, which owns its partition when it is told to.
    #[must_use]
    pub fn with_turn(self, turn: Turn) -> Self {
        Self { turn, ..self }
    }

    /// Waits until the broker tells whether the state was written with another number of partitions, or is being spread anew, which is
    /// refused before anything is read. Where nothing is committed yet, any number will do.
    ///
    /// # Errors
    /// [`StateError`], or the broker cannot be used at all.
    pub async fn check_partitions(&self, shutdown: &CancellationToken) -> Result<(), PipelineError> {
        let mut retry = Retry::new("looking for the number of partitions", self.lines.taking.clone());
        loop {
            let names = [MARKER, META].map(str::to_owned);
            let fields = tokio::select! {
                fields = self.log.state(&names) => fields,
                () = shutdown.cancelled() => return Ok(()),
            };
            let pause = match fields {
                Ok(fields) => {
                    for (name, value) in &fields {
                        match &**name {
                            MARKER => return Err(Marker::decode(value)?.refusal().into()),
                            _ => Meta::decode(value)?.check_partitions(self.partitions)?,
                        }
                    }
                    return Ok(());
                }
                Err(error @ LogError::Unsupported(_)) => return Err(error.into()),
                Err(error) => {
                    self.published.broker_failed(&error);
                    self.published.set_phase(Phase::BrokerAway);
                    retry.failed(&error)
                }
            };
            if timeout(pause, shutdown.cancelled()).await.is_ok() {
                return Ok(());
            }
        }
    }

    /// The pipeline with the place that the setting `ARCHIVE` names.
    #[must_use]
    pub fn with_place(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// What the aggregator hands final hours to, until `ended`; `None` where nothing is archived.
    fn archive(
        &self,
        partition: PartitionNumber,
        is_full: watch::Sender<bool>,
        ended: CancellationToken,
    ) -> Result<Option<Archive>, PipelineError> {
        let Some(place) = self.place.clone() else { return Ok(None) };
        let (row_ms, lines) = (self.settings.row_ms(), self.lines.archiving.clone());
        let archiver = Archiver::start(partition, place, row_ms, self.published.clone(), lines, ended);
        let archiver = archiver.map_err(|error| PipelineError::Aggregator(error.to_string()))?;
        let hours_max = self.settings.archive.archive_backlog.as_secs() / 3_600;
        let tiers = tiers(&self.settings);
        Ok(Some(Archive { archiver, hours_max, tiers, is_full }))
    }

    /// Owns the stream, term after term, until `shutdown`; everything merged is committed then.
    ///
    /// # Errors
    /// [`PipelineError`], if trying again would not help.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        let (mut seen, mut known, mut is_told) = (None, 0, true);
        loop {
            let Some(mut fence) = self.take_over(known, is_told, &shutdown).await? else { return Ok(()) };
            let began = Instant::now();
            known = fence.epoch;
            let ended = self.term(&mut fence, &mut seen, is_told, &shutdown).await?;
            // The broker may have told nothing in this term. Nobody else has owned the stream since what it told before.
            seen = seen.map(|seen| seen.still_known_in(known));
            if matches!(ended, Ended::Shutdown | Ended::NotOurs) {
                self.give_up(&fence).await;
            }
            if ended == Ended::Shutdown {
                return Ok(());
            }
            self.published.lose(matches!(self.turn, Turn::Told(_)));
            is_told = self.lines.terms.lock().is_due(Instant::now());
            match ended {
                Ended::Back(why) => {
                    self.published.set_phase(Phase::BrokerAway);
                    if is_told {
                        warn!("the broker is not as it was left, so the committed state is loaded anew: {why}");
                    }
                }
                Ended::Fenced if is_told => {
                    let epoch = fence.epoch;
                    warn!(epoch, "another process has taken the stream over; dropping what is in memory");
                }
                _ => {}
            }
            // A broker that is never as it was left must not be asked without a pause.
            let pause = if began.elapsed() < LEASE { LEASE / 6 } else { Duration::ZERO };
            if timeout(pause, shutdown.cancelled()).await.is_ok() {
                return Ok(());
            }
        }
    }

    /// Waits for the lease; `None` if the process is to stop first.
    async fn take_over(
        &self,
        known: Epoch,
        is_told: bool,
        shutdown: &CancellationToken,
    ) -> Result<Option<Fence>, PipelineError> {
        let (mut retry, nonce) = (Retry::new("taking the stream", self.lines.taking.clone()), new_nonce());
        let mut is_standby = false;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(None),
                () = self.turn.until(true) => {}
            }
            let mut pause = self.turn.pause();
            match self.log.acquire(&self.owner, nonce, known, LEASE).await {
                Ok(Lease::Held(fence)) => {
                    retry.succeeded();
                    if is_told || is_standby {
                        info!(epoch = fence.epoch, owner = self.owner, "owns the stream");
                    }
                    self.published.set_owner(Some(self.owner.clone()));
                    return Ok(Some(fence));
                }
                Ok(Lease::Taken(owner)) => {
                    retry.succeeded();
                    self.published.stand_by(owner.clone());
                    if !is_standby {
                        info!(owner, "another process owns the stream; waiting for its lease to end");
                        is_standby = true;
                    }
                }
                Err(error @ LogError::Unsupported(_)) => return Err(error.into()),
                Err(error) => {
                    self.published.broker_failed(&error);
                    self.published.set_phase(Phase::BrokerAway);
                    let backoff = retry.failed(&error);
                    // A standby keeps its rhythm, so that it takes over as soon as the broker is back.
                    pause = if is_standby { pause } else { backoff };
                }
            }
            if timeout(pause, shutdown.cancelled()).await.is_ok() {
                return Ok(None);
            }
        }
    }

    /// One term, from the committed state to the last commit.
    async fn term(
        &self,
        fence: &mut Fence,
        seen: &mut Option<Seen>,
        is_told: bool,
        shutdown: &CancellationToken,
    ) -> Result<Ended, PipelineError> {
        let loaded = tokio::select! {
            loaded = self.load(fence, *seen, is_told, shutdown) => match loaded? {
                ControlFlow::Continue(loaded) => loaded,
                ControlFlow::Break(ended) => return Ok(ended),
            },
            () = self.turn.until(false) => return Ok(Ended::NotOurs),
        };
        let (cursor, meta) = (loaded.cursor, &loaded.meta);
        if is_told {
            info!(%cursor, counted = meta.ledger.counted, "begins after the committed cursor");
        }
        self.published.begin(fence, &loaded);
        // What another process told meanwhile was of the owner before.
        self.published.set_owner(Some(self.owner.clone()));
        let accounts = Accounts::new(meta, cursor);

        let (work, queue) = mpsc::channel(1);
        let (is_full, archive_is_full) = watch::channel(false);
        let archiving = CancellationToken::new();
        // However the term ends, the archiver ends with it.
        let _archiving = archiving.clone().drop_guard();
        let archive = self.archive(loaded.store.partition(), is_full, archiving)?;
        let aggregator = Aggregator::new(self, fence.clone(), loaded, accounts, archive);
        let (failed, mut failure) = oneshot::channel();
        let span = Span::current();
        let thread = thread::Builder::new().name("aggregator".to_owned()).spawn(move || {
            let _of_partition = span.enter();
            keep_plans();
            if let Err(error) = aggregator.run(queue) {
                // Nobody listens once the term has ended.
                let _ended = failed.send(error.to_string());
            }
        });
        let thread = thread.map_err(|error| PipelineError::Aggregator(error.to_string()))?;

        let health = Arc::new(Health::new(self.published.clone()));
        let caught_up = Arc::new(Notify::new());
        let (went_back, mut back) = oneshot::channel();
        let read_loop = ReadLoop {
            log: self.log.clone(),
            settings: self.settings.clone(),
            fence: fence.clone(),
            lines: self.lines.reading.clone(),
            cursor,
            work: work.clone(),
            archive_is_full,
            health: Arc::clone(&health),
            caught_up: Arc::clone(&caught_up),
            went_back,
        };
        let reading = CancellationToken::new();
        let reader = tokio::spawn(read_loop.run(reading.clone()).in_current_span());
        let committer = Committer::new(self, fence.clone(), accounts);
        let mut commits = CommitLoop::new(committer, work, health, caught_up, self.lines.committing.clone());
        let ended = tokio::select! {
            ended = commits.run(shutdown) => ended,
            () = self.turn.until(false) => Ok(Ended::NotOurs),
            Ok(why) = &mut back => Ok(Ended::Back(why)),
            why = &mut failure => Err(PipelineError::Aggregator(why.unwrap_or_else(|_| "it panicked".to_owned()))),
        };

        reading.cancel();
        // The reader stops at once; whether it ended well does not matter any more.
        let _ended = reader.await;
        if matches!(ended, Ok(Ended::Shutdown)) {
            self.published.set_phase(Phase::Stopping);
        }
        if matches!(ended, Ok(Ended::Shutdown | Ended::NotOurs)) {
            commits.last().await;
        }
        let last_seen;
        (*fence, last_seen) = commits.end();
        // What was seen before stays true until the broker has told something in this term.
        *seen = last_seen.or(*seen);
        // The queue is closed, so the thread ends after what it is doing.
        let _joined = tokio::task::spawn_blocking(move || thread.join()).await;
        ended
    }

    /// Ends the lease, so that a process that waits need not wait for it to run out.
    async fn give_up(&self, fence: &Fence) {
        match timeout(GIVE_UP_TIMEOUT, self.log.release(fence)).await {
            Ok(Ok(())) => {
                self.published.set_owner(None);
                info!(epoch = fence.epoch, "gave the stream up");
            }
            Ok(Err(error)) => warn!("the lease runs out by itself: {error}"),
            Err(_) => warn!("the lease runs out by itself: the broker does not answer"),
        }
    }
}
