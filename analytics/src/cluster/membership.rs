//! Who shares the partitions, and who of them is to own which.
//!
//! Members announce themselves in the broker. Which of them is to own a partition is told by rendezvous hashing over their names, so
//! all of them agree without talking to each other, and a member that comes or goes moves only the partitions that it gets or had.
//! A member that owns a partition of another one commits and releases it, one at a time. Where the members cannot be read, nothing
//! moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use shared::throttle::Throttle;
use shared::time::Clock;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::figures::clock_offset;
use crate::ingest::log::{Log, LogError, Member, Present};
use crate::pipeline::Turn;
use crate::published::Published;

/// A member announces itself this often.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// A member that did not announce itself for so long is gone.
const VALID: Duration = Duration::from_secs(2);

/// An announcement that takes longer failed.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(1);

/// If the process that is to own a partition does not for so long, any other one may: it may not reach that partition's broker.
const UNOWNED_MAX: Duration = Duration::from_secs(6);

/// So long such a process keeps the partition, before it tries to hand it over again.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// If the members cannot be read for so long, each process takes what nobody has.
const UNKNOWN_MAX: Duration = Duration::from_secs(5);

/// Leaving may take so long.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(200);

/// How often a member looks whether it owns other partitions than it said.
const LOOK: Duration = Duration::from_millis(25);

/// The name of the member that is to own a stream; `None` where there are none.
#[must_use]
pub fn wanted_owner<'m>(stream: &str, members: impl IntoIterator<Item = &'m str>) -> Option<&'m str> {
    members.into_iter().max_by_key(|member| (weight(stream, member), *member))
}

/// Rendezvous hashing (Thaler and Ravishankar, 1998): of all members, the one with the highest weight.
fn weight(stream: &str, member: &str) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(&(stream.len() as u64).to_le_bytes());
    context.update(stream.as_bytes());
    context.update(member.as_bytes());
    let mut weight = [0; 8];
    weight.copy_from_slice(&context.finish().as_ref()[..8]);
    u64::from_be_bytes(weight)
}

/// A process among those that share the partitions.
#[derive(Debug)]
pub struct Membership<L> {
    log: L,
    name: String,
    address: String,
    partitions: Vec<Share>,
    present: watch::Sender<Arc<Present>>,
    clock: Clock,
}

/// A partition, and whether this process is to own it.
#[derive(Debug)]
struct Share {
    stream: String,
    published: Published,
    turn: watch::Sender<bool>,
    /// When nobody began to own it.
    unowned_since: Option<Instant>,
    /// Until when this process keeps it, though another one is to own it.
    kept_until: Option<Instant>,
}

impl<L: Log> Membership<L> {
    /// A process with a name that no other one has, which others ask at an address. The log is that of the plain stream, by a
    /// connection of its own, so that nothing holds its heartbeat up.
    #[must_use]
    pub fn new(log: L, name: String, address: String, published: &[Published], clock: Clock) -> Self {
        let share = |published: &Published| Share {
            stream: published.stream(),
            published: published.clone(),
            turn: watch::Sender::new(false),
            unowned_since: None,
            kept_until: None,
        };
        let partitions = published.iter().map(share).collect();
        Self { log, name, address, partitions, present: watch::Sender::default(), clock }
    }

    /// For each partition in their order, whether this process is to own it.
    pub fn turns(&self) -> impl Iterator<Item = Turn> {
        self.partitions.iter().map(|share| Turn::Told(share.turn.subscribe()))
    }

    /// Tells who is there.
    #[must_use]
    pub fn present(&self) -> watch::Receiver<Arc<Present>> {
        self.present.subscribe()
    }

    /// Announces this process until `shutdown`, and leaves then. What it owns is released by its pipelines.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut lines = Throttle::default();
        let (mut is_known, mut read_at) = (false, Instant::now());
        while !shutdown.is_cancelled() {
            let member = self.member();
            let asked = Instant::now();
            let announced = timeout(HEARTBEAT_TIMEOUT, self.log.announce(&member, VALID));
            let announced = tokio::select! {
                announced = announced => announced,
                () = shutdown.cancelled() => break,
            };
            match announced.unwrap_or_else(|_| Err(LogError::Away("the broker does not answer in time".to_owned()))) {
                Ok(present) => {
                    if let Some(broker) = present.broker_time {
                        let offset = clock_offset(broker, self.clock.now(), asked.elapsed());
                        let followed = self.partitions.iter().filter(|share| share.published.owned_epoch().is_none());
                        followed.for_each(|it| it.published.set_clock(offset));
                    }
                    read_at = Instant::now();
                    self.decide(&present, read_at);
                    is_known = true;
                    self.tell(present);
                }
                Err(error) => {
                    // Without the right to the list, each process takes what nobody has, as if there were no list; so it does where the
                    // list is away for long, as the partitions may be elsewhere than the list is.
                    let is_alone = !is_known && matches!(error, LogError::Refused(_));
                    let is_blind = is_known && read_at.elapsed() > UNKNOWN_MAX;
                    let takes_what_is_free = is_alone || is_blind;
                    if takes_what_is_free {
                        self.partitions.iter().for_each(|share| share.tell(true));
                    }
                    if lines.is_due(Instant::now()) {
                        let what = if takes_what_is_free {
                            "this process takes what nobody has"
                        } else {
                            "none of them moves"
                        };
                        warn!("who shares the partitions cannot be told, so {what}: {error}");
                    }
                }
            }
            // At the latest with the next heartbeat.
            let _due = timeout(HEARTBEAT, self.until_other_than(&member)).await;
        }
        match timeout(LEAVE_TIMEOUT, self.log.leave(&self.name)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!("others find out by themselves that this process is gone: {error}"),
            Err(_) => warn!("others find out by themselves that this process is gone: the broker does not answer"),
        }
    }

    /// This process as it is now.
    fn member(&self) -> Member {
        let owned = |share: &Share| Some((share.stream.clone(), share.published.owned_epoch()?));
        let owns = self.partitions.iter().filter_map(owned).collect();
        Member { name: self.name.clone(), address: self.address.clone(), owns }
    }

    /// Waits until this process owns other partitions than it said.
    async fn until_other_than(&self, said: &Member) {
        while self.member() == *said {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn tell(&self, present: Present) {
        let names = |present: &Present| present.members.keys().cloned().collect::<Vec<_>>();
        if names(&self.present.borrow()) != names(&present) {
            info!(members = ?names(&present), "shares the partitions");
        }
        self.present.send_replace(Arc::new(present));
    }

    /// Takes what this process is to own, and gives up what it is not to, one partition at a time.
    fn decide(&mut self, present: &Present, now: Instant) {
        let mut moving = self.partitions.iter().any(|share| share.is_owned() && !*share.turn.borrow());
        for share in &mut self.partitions {
            let names = present.members.keys().map(String::as_str);
            let is_ours = wanted_owner(&share.stream, names) == Some(self.name.as_str());
            let is_unowned = present.owner_of(&share.stream).is_none();
            share.unowned_since = share.unowned_since.or(Some(now)).filter(|_| is_unowned);
            let is_left = share.unowned_since.is_some_and(|since| now.duration_since(since) > UNOWNED_MAX);
            if is_left && !is_ours {
                share.kept_until = Some(now + KEPT_FOR);
            }
            if is_ours || share.kept_until.is_some_and(|until| now < until) {
                share.tell(true);
            } else if !share.is_owned() {
                share.tell(false);
            } else if !moving {
                moving = true;
                share.tell(false);
            }
        }
    }
}

impl Share {
    /// Whether this process owns the partition and has loaded it.
    fn is_owned(&self) -> bool {
        self.published.owned_epoch().is_some()
    }

    /// Tells the pipeline whether this process is to own the partition, if that is another thing than it was told.
    fn tell(&self, is_ours: bool) {
        self.turn.send_if_modified(|turn| std::mem::replace(turn, is_ours) != is_ours);
    }
}
