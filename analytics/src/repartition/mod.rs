//! The committed state, spread over another number of partitions, while no analytics runs: `analytics repartition`.
//!
//! - [`spread`]: what the state of each stream is afterwards. [`totals`]: what has to be the same as before.
//!
//! It is the owner of every stream meanwhile, those of before and those to come, with the lease and the fence of any owner. What each state
//! will be is committed beside what it is, in fields with a prefix, read back and compared. Only then are the streams switched, one after
//! the other and each in one commit: the fields of before go, and the others lose their prefix. A marker in each state keeps analytics from
//! going on with it meanwhile. That of the plain name, which is switched last, tells how far all of it is, so the same command goes on
//! where it was killed.

pub mod spread;
pub mod totals;

use std::collections::BTreeSet;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use futures::future::join_all;
use shared::codec::field::ANTENNA_ID;
use shared::time::Clock;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::spread::{EVER_MS, PLAIN, Place, State, States, place_of, read, spread_over};
use self::totals::Totals;
use crate::ingest::log::{
    COMMIT_FIELD, Commit, EPOCH_FIELD, Fence, GroupStep, Lease, Log, LogError, NONCE_FIELD, StateField, new_nonce,
};
use crate::ingest::resp::{EntryRef, Visitor};
use crate::ingest::stream_id::StreamId;
use crate::pipeline::{LEASE, Pipeline, PipelineError, empty_store};
use crate::published::Published;
use crate::settings::{PipelineSettings, Thresholds};
use crate::state::{MARKER, META, Marker, Meta, Restored, STAGED_PREFIX, encode_changes};
use crate::workers::keep_plans;

/// The lease of another owner is waited for this long: longer than that of one that was killed lasts.
const LEASE_WAIT: Duration = Duration::from_secs(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// The broker may fail for this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Giving up the leases may take this long.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// Leases are renewed this often.
const RENEW_INTERVAL: Duration = Duration::from_secs(1);

/// What is staged goes to the broker in commits of about so many bytes.
const STAGED_AT_ONCE: usize = 8 * 1024 * 1024;

/// The number of fields that are read at a time.
const FIELDS_AT_ONCE: usize = 64;

/// The fields that the log keeps by itself.
const OF_THE_LOG: [&str; 3] = [EPOCH_FIELD, NONCE_FIELD, COMMIT_FIELD];

/// What is to be done, and by whom.
#[derive(Debug, Clone)]
pub struct Order {
    /// The number of partitions that the state was written with.
    pub from: u16,
    /// The number that it is to have.
    pub to: u16,
    /// Nothing is to be written, only told.
    pub dry_run: bool,
    /// A name for the leases that no other process has.
    pub owner: String,
    /// How long the broker may fail, and a lease be waited for.
    pub patience: Patience,
}

/// How long something is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The lease of another owner.
    pub lease: Duration,
    /// A broker that does not answer.
    pub broker: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lease: LEASE_WAIT, broker: PATIENCE }
    }
}

/// What became of it, to be shown.
#[derive(Debug, Clone)]
pub struct Summary {
    from: u16,
    to: u16,
    done: Done,
}

#[derive(Debug, Clone)]
enum Done {
    /// The state had that number of partitions.
    Before,
    /// An earlier run had written everything, and this one has switched what was not switched yet.
    Rest,
    All(Spread),
}

#[derive(Debug, Clone)]
struct Spread {
    /// Readings in memory, and of how many antennas.
    in_memory: (u64, usize),
    /// Readings in files.
    archived: u64,
    /// The most antennas that a partition has, with its stream.
    largest: (String, usize),
    dry_run: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, done } = self;
        let Spread { in_memory: (in_memory, of), archived, largest: (stream, antennas), dry_run } = match done {
            Done::Before => return writeln!(f, "nothing is left to do: the number of partitions is {to} already"),
            Done::Rest => return writeln!(f, "the number of partitions is {to} now; an earlier run had begun with it"),
            Done::All(spread) => spread,
        };
        match dry_run {
            true => {
                writeln!(f, "the number of partitions would be {to} in place of {from}, and nothing would be lost:")?
            }
            false => writeln!(f, "the number of partitions is {to} in place of {from}, and nothing was lost:")?,
        }
        writeln!(f, "readings in memory: {in_memory}, of {of} antennas; in files: {archived}")?;
        writeln!(f, "most antennas of a partition: {antennas}, in {stream} (ANTENNAS_MAX is of each)")
    }
}

/// Spreads the state over another number of partitions. `open` gives the logs of so many, each with the name of its stream, that of the
/// plain name first.
///
/// # Errors
/// When it cannot be done, or not to its end. Before the streams are switched everything is as it was; from then on the same command
/// goes on where it ended.
pub fn run<L: Log>(
    runtime: &Runtime,
    open: impl Fn(u16) -> Result<Vec<(String, L)>, LogError>,
    order: &Order,
    clock: &Clock,
    shutdown: &CancellationToken,
) -> anyhow::Result<Summary> {
    keep_plans();
    let mut work = Work { runtime, open: &open, order, clock, shutdown, held: Vec::new(), renewed: Instant::now() };
    let done = work.all();
    work.give_up();
    done
}

/// A stream that is owned.
struct Held<L> {
    pipeline: Pipeline<L>,
    fence: Fence,
    /// Counts the commits.
    commits: u64,
}

impl<L> Held<L> {
    fn stream(&self) -> String {
        self.pipeline.published.stream()
    }
}

struct Work<'a, L, O> {
    runtime: &'a Runtime,
    open: &'a O,
    order: &'a Order,
    clock: &'a Clock,
    shutdown: &'a CancellationToken,
    /// By place.
    held: Vec<Held<L>>,
    renewed: Instant,
}

impl<L: Log, O: Fn(u16) -> Result<Vec<(String, L)>, LogError>> Work<'_, L, O> {
    fn all(&mut self) -> anyhow::Result<Summary> {
        let Order { from, to, dry_run, .. } = *self.order;
        self.hold(1, from)?;
        let (meta, marker) = self.committed()?;
        if let Some(other) = marker.filter(|it| it.is_switching && (it.from, it.to) != (from, to)) {
            return Err(other.refusal().into());
        }
        let meta =
            meta.context("nothing is committed yet: any STREAM_PARTITIONS will do, and there is nothing to spread")?;
        if marker.is_none() && meta.partitions == to {
            return Ok(Summary { from, to, done: Done::Before });
        }
        if meta.partitions != from {
            bail!("the committed state was written with {} partitions, and --from is {from}", meta.partitions);
        }
        let most = marker.map_or(1, |marker| marker.from.max(marker.to)).max(from).max(to);
        self.hold(most, from)?;
        match marker {
            Some(Marker { is_switching: true, .. }) => {
                info!(from, to, "goes on switching the streams");
                self.switch_all()?;
                return Ok(Summary { from, to, done: Done::Rest });
            }
            Some(_) if dry_run => {}
            Some(_) => {
                info!(from, to, "begins anew what had not been switched");
                self.take_back()?;
            }
            None => {}
        }
        self.begin(meta.pane_ms)
    }

    /// Everything from the states of before on.
    fn begin(&mut self, pane_ms: i64) -> anyhow::Result<Summary> {
        let Order { from, to, dry_run, .. } = *self.order;
        let (states, cursors) = self.load(pane_ms)?;
        self.check_unread(&cursors)?;
        let before = Totals::of(&states, from).context("the committed state cannot be added up")?;
        let states = spread::spread(states, from, to).context("the committed state cannot be spread")?;
        check(&Totals::of(&states, to)?, &before)?;
        let largest = states.iter().map(|(place, state)| (*place, state.committed.antennas.iter().count()));
        let (place, antennas) = largest.max_by_key(|(_, antennas)| *antennas).unwrap_or_default();
        let largest = (self.at(place).stream(), antennas);
        let in_memory = (before.in_memory(), before.antennas());
        let summary =
            Summary { from, to, done: Done::All(Spread { in_memory, archived: before.archived(), largest, dry_run }) };
        if dry_run {
            return Ok(summary);
        }
        let marker = Marker { from, to, is_switching: false };
        self.mark(marker)?;
        let staged = self.stage(states, marker).and_then(|()| {
            // What was written is what will count.
            let staged = self.read_all(pane_ms, STAGED_PREFIX)?;
            check(&Totals::of(&staged, to)?, &before)?;
            self.check_unread(&cursors)
        });
        if let Err(error) = staged {
            // Where that cannot be done either, the next run does it.
            if let Err(other) = self.take_back() {
                warn!("what was staged is still there: {other:#}");
            }
            return Err(error);
        }
        self.mark(Marker { is_switching: true, ..marker })?;
        self.switch_all()?;
        Ok(summary)
    }

    fn at(&self, place: Place) -> &Held<L> {
        &self.held[place as usize]
    }

    /// Takes all streams of so many partitions that it does not have yet.
    fn hold(&mut self, partitions: u16, from: u16) -> anyhow::Result<()> {
        let logs = (self.open)(partitions).context("the broker cannot be used")?;
        for (place, (stream, log)) in (PLAIN..).zip(logs).skip(self.held.len()) {
            self.keep()?;
            let settings = settings(Duration::from_secs(1));
            let store = empty_store(&settings, Thresholds::default());
            let published = Published::new(&stream, &store, self.clock.now());
            let owner = self.order.owner.clone();
            let pipeline = Pipeline::new(log, settings, Thresholds::default(), owner, published, self.clock.clone());
            let pipeline = pipeline.with_partition(place, from);
            let fence = self.acquire(&pipeline)?;
            self.held.push(Held { pipeline, fence, commits: 0 });
        }
        Ok(())
    }

    fn acquire(&self, pipeline: &Pipeline<L>) -> anyhow::Result<Fence> {
        let (asked, stream, nonce) = (Instant::now(), pipeline.published.stream(), new_nonce());
        loop {
            let lease = self.patiently(async || pipeline.log.acquire(&pipeline.owner, nonce, 0, LEASE).await);
            let owner = match lease.with_context(|| format!("the stream {stream} cannot be taken"))? {
                Lease::Held(fence) => return Ok(fence),
                Lease::Taken(owner) => owner,
            };
            if asked.elapsed() >= self.order.patience.lease {
                bail!(
                    "{} owns the stream {stream}: stop analytics first (in Kubernetes, scale it to 0), and start it again behind this; \
                     the streams keep what arrives meanwhile",
                    owner.as_deref().unwrap_or("another process")
                );
            }
            self.pause()?;
        }
    }

    /// Does something that may fail for a while.
    fn patiently<T>(&self, mut doing: impl AsyncFnMut() -> Result<T, LogError>) -> anyhow::Result<T> {
        let mut failing_since = None;
        loop {
            match self.runtime.block_on(doing()) {
                Ok(done) => return Ok(done),
                Err(error @ (LogError::Away(_) | LogError::Refused(_))) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.order.patience.broker {
                        return Err(error.into());
                    }
                    warn!("{error}; trying on");
                    self.pause()?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn pause(&self) -> anyhow::Result<()> {
        self.check_shutdown()?;
        thread::sleep(PAUSE);
        Ok(())
    }

    fn check_shutdown(&self) -> anyhow::Result<()> {
        if self.shutdown.is_cancelled() {
            bail!("stopped; the same command goes on");
        }
        Ok(())
    }

    /// Renews the leases when it is time to. They keep others from waiting in vain; safety is the fence's.
    fn keep(&mut self) -> anyhow::Result<()> {
        self.check_shutdown()?;
        if self.renewed.elapsed() < RENEW_INTERVAL {
            return Ok(());
        }
        self.renewed = Instant::now();
        let all = self.held.iter().map(|held| held.pipeline.log.renew(&held.fence, LEASE));
        for result in self.runtime.block_on(join_all(all)) {
            match result {
                Ok(_) | Err(LogError::Away(_) | LogError::Refused(_)) => {}
                Err(error) => return Err(error).context("a stream was lost"),
            }
        }
        Ok(())
    }

    /// What the state of the plain name says.
    fn committed(&self) -> anyhow::Result<(Option<Meta>, Option<Marker>)> {
        let names = [META, MARKER].map(str::to_owned);
        let fields = self.patiently(async || self.at(PLAIN).pipeline.log.state(&names).await)?;
        let (mut meta, mut marker) = (None, None);
        for (name, value) in &fields {
            match &**name {
                META => meta = Some(Meta::decode(value)?),
                _ => marker = Some(Marker::decode(value)?),
            }
        }
        Ok((meta, marker))
    }

    /// The states of all streams, and behind which entry those go on whose antennas may get another stream. What is read now is settled as
    /// analytics settles it at a start; of other streams, what is there is taken.
    fn load(&mut self, pane_ms: i64) -> anyhow::Result<(States, Vec<(Place, StreamId)>)> {
        let from = self.order.from;
        let (mut states, mut cursors) = (States::new(), Vec::new());
        for place in PLAIN..self.held.len() as Place {
            self.keep()?;
            if !read(from).contains(&place) {
                states.insert(place, self.read_one(place, pane_ms, "")?);
                continue;
            }
            let pane = Duration::from_millis(pane_ms.unsigned_abs());
            let held = &mut self.held[place as usize];
            held.pipeline.settings = settings(pane);
            let began = Instant::now();
            let (store, meta, cursor) = loop {
                let held = &self.held[place as usize];
                match self.runtime.block_on(held.pipeline.load_settled(&held.fence)) {
                    Ok(loaded) => break loaded,
                    Err(PipelineError::Broker(error @ (LogError::Away(_) | LogError::Refused(_))))
                        if began.elapsed() < self.order.patience.broker =>
                    {
                        warn!("{error}; trying on");
                        self.pause()?;
                    }
                    Err(error) => {
                        return Err(error).with_context(|| format!("the state of {} cannot be read", held.stream()));
                    }
                }
            };
            if spread_over(from).contains(&place) {
                cursors.push((place, cursor));
            }
            states.insert(place, State { committed: store.into_committed(), meta });
        }
        Ok((states, cursors))
    }

    /// Refuses where entries are unread in a stream that are of antennas that get another one: they would be counted by who does not
    /// know what was counted of them before.
    fn check_unread(&mut self, cursors: &[(Place, StreamId)]) -> anyhow::Result<()> {
        let Order { from, to, .. } = *self.order;
        for (place, cursor) in cursors {
            self.keep()?;
            let held = self.at(*place);
            let entries = self.patiently(async || {
                let mut elsewhere = Elsewhere { place: *place, to, antenna: None, entries: 0 };
                held.pipeline.visit_unread(&held.fence, *cursor, &mut elsewhere).await?;
                Ok(elsewhere.entries)
            });
            let entries = entries.with_context(|| format!("the stream {} cannot be read", held.stream()))?;
            if entries > 0 {
                bail!(
                    "{} entries behind the cursor of {} are not read yet, and are of antennas that get another stream; nothing was changed: \
                     set the producers to STREAM_PARTITIONS={to}, or stop them, then let analytics run with STREAM_PARTITIONS={from} until \
                     its lag is 0, and stop it",
                    entries,
                    held.stream()
                );
            }
        }
        Ok(())
    }

    /// The states of all streams, of fields with a prefix.
    fn read_all(&mut self, pane_ms: i64, prefix: &str) -> anyhow::Result<States> {
        let mut states = States::new();
        for place in PLAIN..self.held.len() as Place {
            self.keep()?;
            states.insert(place, self.read_one(place, pane_ms, prefix)?);
        }
        Ok(states)
    }

    fn read_one(&self, place: Place, pane_ms: i64, prefix: &str) -> anyhow::Result<State> {
        let mut restored = Restored::default();
        let names = self.names(place)?;
        let names: Vec<String> = names.into_iter().filter(|name| name.starts_with(prefix)).collect();
        for names in names.chunks(FIELDS_AT_ONCE) {
            let fields = self.fields(place, names)?;
            restored.take(&without_prefix(fields, prefix))?;
        }
        if restored.is_new() {
            return Ok(State::new(pane_ms));
        }
        let (committed, meta) = restored.into_committed(pane_ms)?;
        Ok(State { committed, meta })
    }

    fn names(&self, place: Place) -> anyhow::Result<Vec<String>> {
        let mut names = self.patiently(async || self.at(place).pipeline.log.state_names().await)?;
        names.sort();
        Ok(names)
    }

    fn fields(&self, place: Place, names: &[String]) -> anyhow::Result<Vec<StateField>> {
        self.patiently(async || self.at(place).pipeline.log.state(names).await)
    }

    fn mark(&mut self, marker: Marker) -> anyhow::Result<()> {
        self.commit(PLAIN, vec![marker_field(marker)?], Vec::new())
    }

    /// Commits what the states will be beside what they are.
    fn stage(&mut self, states: States, marker: Marker) -> anyhow::Result<()> {
        for (place, state) in states {
            let (store, meta) = state.into_store(place);
            let (fields, _) = encode_changes(&store, &store.all_as_changes(), &meta)?;
            drop(store);
            let (mut some, mut bytes) = (vec![marker_field(marker)?], 0);
            for (name, value) in fields {
                bytes += value.len();
                some.push((format!("{STAGED_PREFIX}{name}"), value));
                if bytes >= STAGED_AT_ONCE {
                    self.keep()?;
                    self.commit(place, std::mem::take(&mut some), Vec::new())?;
                    bytes = 0;
                }
            }
            self.keep()?;
            self.commit(place, some, Vec::new())?;
        }
        Ok(())
    }

    /// Drops what is staged, and the marker behind all of it.
    fn take_back(&mut self) -> anyhow::Result<()> {
        for place in (PLAIN..self.held.len() as Place).rev() {
            let names = self.names(place)?.into_iter();
            let is_staged = |name: &String| name.starts_with(STAGED_PREFIX) || (place != PLAIN && name == MARKER);
            let staged: Vec<String> = names.filter(is_staged).collect();
            if !staged.is_empty() {
                self.commit(place, Vec::new(), staged)?;
            }
        }
        self.commit(PLAIN, Vec::new(), vec![MARKER.to_owned()])
    }

    /// Switches the streams that are not switched yet, that of the plain name last.
    fn switch_all(&mut self) -> anyhow::Result<()> {
        let Order { from, to, .. } = *self.order;
        for place in (PLAIN..self.held.len() as Place).rev() {
            self.keep()?;
            self.switch(place)?;
        }
        info!(from, to, "the state is spread anew");
        Ok(())
    }

    fn switch(&mut self, place: Place) -> anyhow::Result<()> {
        let names = self.names(place)?;
        let staged: Vec<String> = names.iter().filter(|name| name.starts_with(STAGED_PREFIX)).cloned().collect();
        if staged.is_empty() {
            return Ok(());
        }
        let mut fields = Vec::with_capacity(staged.len());
        for names in staged.chunks(FIELDS_AT_ONCE) {
            fields.extend(without_prefix(self.fields(place, names)?, STAGED_PREFIX));
        }
        let stays: BTreeSet<&str> = fields.iter().map(|(name, _)| &**name).chain(OF_THE_LOG).collect();
        let dropped: Vec<String> = names.iter().filter(|name| !stays.contains(&***name)).cloned().collect();
        self.commit(place, fields, dropped)
    }

    /// One atomic step of a stream's state. Its entries, its group and its rejected entries are left alone.
    fn commit(&mut self, place: Place, fields: Vec<StateField>, dropped: Vec<String>) -> anyhow::Result<()> {
        let held = &mut self.held[place as usize];
        held.commits += 1;
        let (fence, number) = (held.fence.clone(), held.commits);
        let commit = Commit { fence, number, fields, dropped, group: GroupStep::Leave, ..Commit::default() };
        let held = self.at(place);
        let done = self.patiently(async || held.pipeline.log.commit(&commit, LEASE).await);
        done.with_context(|| format!("the state of {} cannot be written", held.stream()))?;
        self.held[place as usize].fence.commit = Some(commit.name());
        Ok(())
    }

    /// Ends the leases, so that analytics need not wait for them to run out.
    fn give_up(&self) {
        let all = async {
            let all = self.held.iter().map(|held| held.pipeline.log.release(&held.fence));
            timeout(GIVE_UP_TIMEOUT, join_all(all)).await
        };
        let is_done = self.runtime.block_on(all).is_ok_and(|all| all.iter().all(Result::is_ok));
        if !is_done {
            warn!("some leases run out by themselves");
        }
    }
}

/// Checks that nothing was lost or doubled.
fn check(now: &Totals, before: &Totals) -> anyhow::Result<()> {
    match now.difference(before) {
        Some(difference) => Err(anyhow!("the totals would differ, so nothing was changed: {difference}")),
        None => Ok(()),
    }
}

/// Settings with which everything that is committed stays, whatever those of analytics are.
fn settings(pane: Duration) -> PipelineSettings {
    let retention = Duration::from_millis(EVER_MS.unsigned_abs());
    PipelineSettings { pane, retention, ..PipelineSettings::default() }
}

fn marker_field(marker: Marker) -> anyhow::Result<StateField> {
    Ok((MARKER.to_owned(), serde_json::to_vec(&marker)?))
}

fn without_prefix(fields: Vec<StateField>, prefix: &str) -> Vec<StateField> {
    let named = |(name, value): StateField| (name.strip_prefix(prefix).unwrap_or(&name).to_owned(), value);
    fields.into_iter().map(named).collect()
}

/// Counts the entries of antennas that get another stream than the one that they are in.
struct Elsewhere {
    place: Place,
    to: u16,
    /// Where the antenna of this entry publishes to afterwards.
    antenna: Option<Place>,
    entries: u64,
}

impl<'a> Visitor<'a> for Elsewhere {
    fn begin(&mut self) {
        self.antenna = None;
    }

    fn field(&mut self, name: &'a [u8], value: &'a [u8]) {
        if name == ANTENNA_ID.as_bytes() && self.antenna.is_none() {
            // What is no text is rejected wherever it is.
            self.antenna = std::str::from_utf8(value).ok().map(|antenna| place_of(antenna, self.to));
        }
    }

    fn end(&mut self, _entry: EntryRef<'a>) {
        self.entries += u64::from(self.antenna.is_some_and(|place| place != self.place));
    }
}
