//! Who tells: the process that owns the plain stream, for all partitions.
//!
//! What is decided is committed, under the fence of the term, before anybody is told, and what became of it afterwards. So a notice is
//! sent at least once through any crash, and always under the same key; an owner that was deposed decides nothing more.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::UnixMillis;
use shared::api::AlertKind;
use shared::throttle::Throttle;
use shared::time::Clock;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::antennas::Antennas;
use super::file::{Alerting, KeptAlerting};
use super::observe::observe;
use super::orders::{Answer, Asked};
use super::quiet::Quiet;
use super::rates::{Network, Rates};
use super::send::Sender;
use super::sites::{KeptSizes, Sizes};
use super::state::State;
use super::step::Outcome;
use super::told::{AlertsTold, Trouble};
use crate::ingest::log::{Fence, Log, LogError};
use crate::kept::Content as _;
use crate::published::{Partitions, Settled};
use crate::registry::KeptRegistry;
use crate::settings::Thresholds;

/// How often it is looked what is to be told.
const EVERY: Duration = Duration::from_millis(250);

/// How often it is looked what is known where another process tells.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A receiver that works is told so many notices at a time, each of another group.
const AT_ONCE: usize = 8;

/// The first pause behind an attempt that failed, in milliseconds; it doubles with each one that follows.
const PAUSE_MS: i64 = 500;

/// The longest pause, in milliseconds.
const PAUSE_MAX_MS: i64 = 60_000;

/// Reading and writing what is committed may take so long.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// At the end, attempts under way may take so long.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);

/// Asking for the heartbeat's address may take so long.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells receivers what happens to the network.
#[derive(Debug)]
pub struct Dispatcher<L> {
    /// The log of the plain stream, by a connection of its own.
    pub log: L,
    /// What is known of all partitions, that of the plain stream first.
    pub partitions: Partitions,
    /// What counts as trouble.
    pub thresholds: Thresholds,
    /// What antennas are.
    pub registry: KeptRegistry,
    /// The wall clock.
    pub clock: Clock,
    /// Whom to tell of what.
    pub alerting: KeptAlerting,
    /// Where it is shown what was told.
    pub told: AlertsTold,
    /// Tells receivers.
    pub sender: Sender,
    /// What people say.
    pub orders: mpsc::Receiver<Asked>,
}

/// What holds at a moment: whom to tell, and what antennas are.
#[derive(Debug)]
struct Current {
    alerting: Arc<Alerting>,
    antennas: Antennas,
}

/// An attempt that has come to its end.
#[derive(Debug)]
struct Attempt {
    group: String,
    key: String,
    receiver: String,
    outcome: Outcome,
}

/// How the attempts at a receiver go.
#[derive(Debug, Default)]
struct Lane {
    under_way: usize,
    failures: u32,
    not_before: Option<UnixMillis>,
}

/// What is known during a term.
#[derive(Debug)]
struct Term {
    state: State,
    counted: Counted,
    /// Whether more is decided than is committed.
    is_dirty: bool,
    attempts: JoinSet<Attempt>,
    /// The groups whose notices are under way.
    under_way: BTreeSet<String>,
    lanes: BTreeMap<String, Lane>,
    trouble: Trouble,
    heartbeat_from: Option<UnixMillis>,
    heartbeat: JoinSet<Result<(), String>>,
    lines: Lines,
    /// Orders that were carried out, and are answered once that is committed.
    carried_out: Vec<(oneshot::Sender<Answer>, Answer)>,
}

/// What is counted over all antennas, and kept for a moment.
#[derive(Debug, Default)]
struct Counted {
    rates: Rates,
    sizes: KeptSizes,
}

/// The lines about each trouble.
#[derive(Debug, Default)]
struct Lines {
    receivers: BTreeMap<String, Throttle>,
    broker: Option<Throttle>,
    heartbeat: Option<Throttle>,
}

impl<L: Log> Dispatcher<L> {
    /// Tells until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        if let Some(path) = self.alerting.path() {
            self.alerting.current().log(path);
        }
        self.told.set_reason(self.alerting.trouble());
        let mut terms = self.partitions.first_term();
        let mut line = Throttle::new();
        // Nobody is left to give another one.
        let (_, none) = mpsc::channel(1);
        let mut orders = std::mem::replace(&mut self.orders, none);
        loop {
            let fence = terms.borrow_and_update().clone();
            match fence {
                Some(fence) => {
                    let ended = self.term(&fence, &mut terms, &mut orders, &shutdown).await;
                    if let Err(error) = ended
                        && line.is_due(Instant::now())
                    {
                        warn!("nobody is told of incidents, as what was told is not known: {error}");
                    }
                }
                None => self.stand_by().await,
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = terms.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Shows what another process committed.
    async fn stand_by(&self) {
        let Current { alerting, antennas } = self.look();
        if let Ok(Ok(Some(bytes))) = timeout(BROKER_TIMEOUT, self.log.alerts()).await
            && let Ok(state) = State::decode(&bytes)
        {
            let (now, of_job) = (self.now(), Arc::clone(&alerting));
            let counted = tokio::task::spawn_blocking(move || {
                let held = state.held(now, &of_job, &antennas);
                (state, held)
            });
            if let Ok((state, held)) = counted.await {
                self.told.show(&state, &alerting, &Trouble { held, ..Trouble::default() }, now);
            }
        }
    }

    /// The broker's clock, by which incidents are told.
    fn now(&self) -> UnixMillis {
        self.partitions.by_broker(self.clock.now())
    }

    /// What holds now.
    fn look(&self) -> Current {
        self.told.set_reason(self.alerting.trouble());
        Current { alerting: self.alerting.current(), antennas: Antennas::from(self.registry.current()) }
    }

    /// One term, from what was committed on.
    async fn term(
        &self,
        fence: &Fence,
        terms: &mut watch::Receiver<Option<Fence>>,
        orders: &mut mpsc::Receiver<Asked>,
        shutdown: &CancellationToken,
    ) -> Result<(), LogError> {
        let state = match timeout(BROKER_TIMEOUT, self.log.alerts()).await {
            Ok(Ok(Some(bytes))) => State::decode(&bytes).unwrap_or_else(|why| {
                error!("what was committed of alerts is damaged, so what was told is not known: {why}");
                State::default()
            }),
            Ok(Ok(None)) => State::default(),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(LogError::Away("it does not answer in time".to_owned())),
        };
        for (id, why) in state.unknown_maintenance() {
            error!(id, "a window of maintenance that somebody said cannot be read, so it keeps nobody quiet: {why}");
        }
        let mut term = Term::new(state);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_over = |now: &Option<Fence>| {
                now.as_ref().is_none_or(|now| (now.epoch, now.nonce) != (fence.epoch, fence.nonce))
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = async { drop(terms.wait_for(is_over).await) } => return Ok(()),
                Some(attempt) = term.attempts.join_next() => match attempt {
                    Ok(attempt) => {
                        self.take(&mut term, attempt);
                        continue;
                    }
                    Err(error) => {
                        error!("an attempt came to no end, so what is committed is read again: {error}");
                        return Ok(());
                    }
                },
                Some(beat) = term.heartbeat.join_next() => if let Ok(Err(why)) = beat {
                    let line = term.lines.heartbeat.get_or_insert_with(Throttle::new);
                    if line.is_due(Instant::now()) {
                        warn!("the address of the heartbeat could not be asked for: {why}");
                    }
                },
                Some(asked) = orders.recv() => self.carry_out(&mut term, asked),
                _ = ticks.tick() => {}
            }
            let current = self.look();
            if let Err(error) = self.decide(&mut term, &current).await {
                error!("what is to be told could not be decided, so what is committed is read again: {error}");
                return Ok(());
            }
            if term.is_dirty {
                match self.commit(&term, fence).await {
                    Ok(()) => term.committed(),
                    Err(LogError::Fenced | LogError::Back(_)) => return Ok(()),
                    Err(error) => {
                        if term.lines.broker.get_or_insert_with(Throttle::new).is_due(Instant::now()) {
                            warn!("what is to be told cannot be committed, so nobody is told: {error}");
                        }
                    }
                }
            }
            if !term.is_dirty {
                term.committed();
                self.tell(&mut term, &current.alerting);
                self.beat(&mut term, &current);
            }
            self.told.show(&term.state, &current.alerting, &term.trouble, self.now());
        }
        self.end(term, fence).await;
        Ok(())
    }

    /// Looks at the network, and decides what is to be told. Where that fails, the state of the term is gone.
    async fn decide(&self, term: &mut Term, current: &Current) -> Result<(), JoinError> {
        // What other processes own is told often only where somebody asks.
        self.partitions.demand().asked();
        let (settled, is_whole) = self.partitions.settled();
        let (now, thresholds) = (self.now(), self.thresholds);
        let (mut state, mut counted) = (std::mem::take(&mut term.state), std::mem::take(&mut term.counted));
        let (alerting, antennas) = (Arc::clone(&current.alerting), current.antennas.clone());
        // Looking through all antennas, and all incidents, takes longer than what waits on the runtime should.
        let decided = tokio::task::spawn_blocking(move || {
            let by = By { alerting: &alerting, antennas: &antennas, thresholds: &thresholds };
            let is_changed = decide(&mut state, &mut counted, now, &settled, is_whole, &by);
            let held = state.held(now, &alerting, &antennas);
            (state, counted, is_changed, held)
        });
        let is_changed;
        (term.state, term.counted, is_changed, term.trouble.held) = decided.await?;
        term.is_dirty |= is_changed;
        Ok(())
    }

    async fn commit(&self, term: &Term, fence: &Fence) -> Result<(), LogError> {
        let bytes = term.state.encode().map_err(|error| LogError::Unsupported(error.to_string()))?;
        match timeout(BROKER_TIMEOUT, self.log.commit_alerts(fence, &bytes)).await {
            Ok(done) => done,
            Err(_) => Err(LogError::Away("it does not answer in time".to_owned())),
        }
    }

    /// Starts attempts at what is committed and waits, of receivers that are not given a pause.
    fn tell(&self, term: &mut Term, alerting: &Arc<Alerting>) {
        let now = self.clock.now();
        for (group, notice) in term.state.waiting() {
            let lane = term.lanes.entry(notice.receiver.clone()).or_default();
            // One that failed is tried with one notice.
            let at_once = if lane.failures > 0 { 1 } else { AT_ONCE };
            let is_paused = lane.not_before.is_some_and(|not_before| now < not_before);
            let known = alerting.receivers.get(&notice.receiver).zip(alerting.route(&notice.route));
            let Some((receiver, route)) = known else { continue };
            if is_paused || lane.under_way >= at_once || term.under_way.contains(group) {
                continue;
            }
            lane.under_way += 1;
            term.under_way.insert(group.clone());
            let (sender, clock) = (self.sender.clone(), self.clock.clone());
            let (receiver, notice, group, named_max) = (receiver.clone(), notice.clone(), group.clone(), route.digest);
            term.attempts.spawn(async move {
                let outcome = sender.send(&receiver, &notice, named_max, clock.now()).await;
                Attempt { group, key: notice.key, receiver: receiver.name, outcome }
            });
        }
    }

    /// Takes note of what became of an attempt.
    fn take(&self, term: &mut Term, Attempt { group, key, receiver, outcome }: Attempt) {
        term.under_way.remove(&group);
        let (attempts, last) = term.trouble.attempts.entry(group.clone()).or_default();
        *attempts += 1;
        let lane = term.lanes.entry(receiver.clone()).or_default();
        lane.under_way = lane.under_way.saturating_sub(1);
        match &outcome {
            Outcome::Sent => {
                if lane.failures > 0 {
                    info!(receiver, "the receiver of alerts is there again");
                }
                (lane.failures, lane.not_before) = (0, None);
                term.trouble.reasons.remove(&receiver);
            }
            Outcome::Failed(why) | Outcome::Refused(why) => {
                if matches!(outcome, Outcome::Failed(_)) {
                    let pause_ms = PAUSE_MS.saturating_mul(1 << lane.failures.min(16)).min(PAUSE_MAX_MS);
                    lane.failures += 1;
                    lane.not_before = Some(UnixMillis(self.clock.now().0 + pause_ms));
                }
                let line = term.lines.receivers.entry(receiver.clone()).or_default();
                if line.is_due(Instant::now()) {
                    let again =
                        if matches!(outcome, Outcome::Failed(_)) { "is tried again" } else { "is not tried again" };
                    warn!(receiver, "an alert could not be sent and {again}: {why}");
                }
                *last = Some(why.clone());
                term.trouble.reasons.insert(receiver, why.clone());
            }
        }
        let attempts = *attempts;
        if !matches!(outcome, Outcome::Failed(_)) {
            term.trouble.attempts.remove(&group);
            term.is_dirty = true;
        }
        term.state.delivered(self.now(), &group, &key, attempts, &outcome);
    }

    /// Carries out what somebody says, unless who said it has gone: it may be carried out by another process by now.
    fn carry_out(&self, term: &mut Term, Asked { order, reply }: Asked) {
        if reply.is_closed() {
            return;
        }
        let answer = term.state.carry_out(self.now(), &order);
        let is_new = answer.as_ref().is_ok_and(|done| done.is_new);
        if is_new {
            info!(order = ?order, "carries out what somebody said of alerts");
        }
        term.is_dirty |= is_new;
        // Also what changes nothing may rest on what is not committed yet.
        term.carried_out.push((reply, answer));
    }

    /// Tells that all is well, where it is.
    fn beat(&self, term: &mut Term, current: &Current) {
        let Some(heartbeat) = &current.alerting.heartbeat else { return };
        let now = self.clock.now();
        let is_due = term.heartbeat_from.is_none_or(|from| now >= from);
        let waits = |oldest: &(&String, &super::message::Notice)| now.0 - oldest.1.at.0 > heartbeat.every_ms;
        let is_stuck = term.state.waiting().first().is_some_and(waits);
        let quiet = Quiet::new(self.now(), &current.alerting, term.state.said(), &current.antennas);
        let lasts = term.state.incidents.values().map(|known| &known.incident).any(|incident| {
            let is_broken_rule = incident.kind == AlertKind::Network && incident.end.is_none();
            is_broken_rule && !quiet.is_now(incident)
        });
        if !is_due || is_stuck || lasts || !self.partitions.is_running() || !term.heartbeat.is_empty() {
            return;
        }
        term.heartbeat_from = Some(UnixMillis(now.0 + heartbeat.every_ms));
        let (sender, url) = (self.sender.clone(), heartbeat.url.clone());
        term.heartbeat.spawn(async move { sender.ping(&url, HEARTBEAT_TIMEOUT).await });
    }

    /// The process ends: what is under way is waited for, for a while, and committed.
    async fn end(&self, mut term: Term, fence: &Fence) {
        let last = async {
            while let Some(attempt) = term.attempts.join_next().await {
                if let Ok(attempt) = attempt {
                    self.take(&mut term, attempt);
                }
            }
        };
        let _elapsed = timeout(LAST_TIMEOUT, last).await;
        if term.is_dirty {
            match self.commit(&term, fence).await {
                Ok(()) => term.committed(),
                Err(error) => warn!("what was told last could not be committed, so it is told again: {error}"),
            }
        }
    }
}

/// By what is decided.
struct By<'a> {
    alerting: &'a Arc<Alerting>,
    antennas: &'a Antennas,
    thresholds: &'a Thresholds,
}

/// Takes note of what was seen, and decides what is told; tells whether anything is to be committed.
fn decide(
    state: &mut State,
    Counted { rates, sizes }: &mut Counted,
    now: UnixMillis,
    settled: &[Settled],
    is_whole: bool,
    by: &By<'_>,
) -> bool {
    let By { alerting, antennas, thresholds } = *by;
    let quiet = Quiet::new(now, alerting, state.said(), antennas);
    let mut seen = observe(settled, is_whole, state, thresholds, &quiet);
    if is_whole {
        seen.network.success_rates = rates.of(alerting, Network { settled, antennas, quiet: &quiet });
    }
    let network = std::mem::take(&mut seen.network);
    let mut is_changed = state.take(now, seen, thresholds.flapping_changes);
    if is_whole {
        is_changed |= state.judge(now, alerting, &network);
    }
    // Where a partition is not known, a site may have more antennas than are seen.
    let sizes = RefCell::new(sizes);
    let sizing = |wanted: &BTreeSet<Arc<str>>| {
        is_whole.then(|| {
            let mut sizes = sizes.borrow_mut();
            let all = sizes.of(settled, antennas);
            wanted.iter().filter_map(|site| Some((Arc::clone(site), *all.get(site)?))).collect::<Sizes>()
        })
    };
    state.step(now, alerting, antennas, &sizing) | is_changed
}

impl Term {
    /// All that was decided is committed, so who said something is told that it was done. Whoever does not wait any more asks again.
    fn committed(&mut self) {
        self.is_dirty = false;
        for (reply, answer) in self.carried_out.drain(..) {
            let _is_waited_for = reply.send(answer).is_ok();
        }
    }

    fn new(state: State) -> Self {
        Self {
            state,
            counted: Counted::default(),
            is_dirty: false,
            attempts: JoinSet::new(),
            under_way: BTreeSet::new(),
            lanes: BTreeMap::new(),
            trouble: Trouble::default(),
            heartbeat_from: None,
            heartbeat: JoinSet::new(),
            lines: Lines::default(),
            carried_out: Vec::new(),
        }
    }
}
