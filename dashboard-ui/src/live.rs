//! Live pages: one subscription to the source's changes, one rendered fragment per change, any number of viewers.
//!
//! Viewers of the same address share a room, which exists while anybody is in it. Its task loads the figures, renders them
//! and sends them to everybody in the room. A new viewer gets a freshly rendered fragment, not the room's last one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::{Stream, StreamExt, stream};
use shared::server::Peer;
use shared::time::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::events::Event;
use crate::pages;
use crate::query::Address;

/// Fragments are rendered at least this often, even without a change: the age of the data changes.
const TICK: Duration = Duration::from_secs(5);

/// More rooms than this are refused: each costs analytics one load per change.
const MOST_ROOMS: usize = 256;

/// And of these, one client opens no more than the last of these numbers, or it would keep all others out; the networks that it is
/// in ([`Peer::networks`]), of whose clients one person may be all, no more than the others. Rooms that others are in are free.
const MOST_ROOMS_OF: [usize; Peer::LEVELS] = [MOST_ROOMS / 2, MOST_ROOMS * 3 / 8, MOST_ROOMS / 4];

/// Where all rooms are taken, whoever has opened fewer than so many opens one all the same, as long as the same goes for its networks:
/// a few that take what they may do not keep all others out.
const FEW_ROOMS: [usize; Peer::LEVELS] = [16, 8, 4];

/// How many more rooms that makes at most.
const MOST_MORE_ROOMS: usize = MOST_ROOMS / 4;

const RECONNECT: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(2))
    .with_jitter()
    .without_max_times();

/// The live rooms. A clone is the same rooms.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    cache: Cache,
    clock: Clock,
    changes: watch::Receiver<u64>,
    rooms: Mutex<HashMap<Address, Room>>,
    shutdown: CancellationToken,
}

struct Room {
    fragments: watch::Sender<Option<Fragment>>,
    /// Who opened it, if that is known.
    opened_by: Option<Peer>,
}

/// What a page shows, rendered, and the version of its figures.
#[derive(Debug, Clone)]
struct Fragment {
    event: Event,
    version: u64,
}

impl Live {
    /// Starts following the source's changes.
    pub(crate) fn start(cache: Cache, clock: Clock, shutdown: CancellationToken) -> Self {
        let (sender, changes) = watch::channel(0);
        let follower = follow(cache.clone(), sender);
        tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.run_until_cancelled(follower).await }
        });
        Self(Arc::new(Inner { cache, clock, changes, rooms: Mutex::default(), shutdown }))
    }

    /// The fragments for a viewer, as events named `fragment`: one now, then one whenever it changes. `None` if there are too
    /// many rooms, or too many that this client has opened.
    pub(crate) async fn join(
        &self,
        address: Address,
        peer: Option<Peer>,
    ) -> Option<impl Stream<Item = Event> + Send + 'static> {
        // The viewer enters before the first fragment is rendered, so that no change is missed between it and the next.
        let room = self.enter(&address, peer)?;
        let first = self.render(&address).await;
        let rest = stream::unfold((room, first.clone()), |(mut room, last)| async move {
            loop {
                room.changed().await.ok()?;
                let next = room.borrow_and_update().clone();
                if let Some(next) = next
                    && next.version >= last.version
                    && next.event != last.event
                {
                    return Some((next.event.clone(), (room, next)));
                }
            }
        });
        let shutdown = self.0.shutdown.clone();
        Some(stream::once(async { first.event }).chain(rest).take_until(shutdown.cancelled_owned()))
    }

    fn enter(&self, address: &Address, peer: Option<Peer>) -> Option<watch::Receiver<Option<Fragment>>> {
        let mut rooms = self.rooms();
        if let Some(room) = rooms.get(address) {
            return Some(room.fragments.subscribe());
        }
        let own = peer.map(|peer| opened_by(&rooms, peer));
        let is_below = |most: [usize; Peer::LEVELS]| own.map(|own| own.iter().zip(most).all(|(own, most)| *own < most));
        let most = if is_below(FEW_ROOMS) == Some(true) { MOST_ROOMS + MOST_MORE_ROOMS } else { MOST_ROOMS };
        if rooms.len() >= most || is_below(MOST_ROOMS_OF) == Some(false) {
            return None;
        }
        let (sender, receiver) = watch::channel(None);
        rooms.insert(address.clone(), Room { fragments: sender, opened_by: peer });
        let mut changes = self.0.changes.clone();
        changes.mark_unchanged();
        tokio::spawn(self.clone().keep_room(address.clone(), changes));
        Some(receiver)
    }

    /// Renders for a room until it is empty.
    async fn keep_room(self, address: Address, mut changes: watch::Receiver<u64>) {
        loop {
            tokio::select! {
                _ = changes.changed() => (),
                () = tokio::time::sleep(TICK) => (),
                () = self.0.shutdown.cancelled() => return,
            }
            if self.close_if_empty(&address) {
                return;
            }
            let fragment = self.render(&address).await;
            if let Some(room) = self.rooms().get(&address) {
                room.fragments.send_replace(Some(fragment));
            }
        }
    }

    /// Takes the same lock as [`Self::enter`], so that nobody can enter a room that is being closed.
    fn close_if_empty(&self, address: &Address) -> bool {
        let mut rooms = self.rooms();
        let is_empty = rooms.get(address).is_none_or(|room| room.fragments.receiver_count() == 0);
        if is_empty {
            rooms.remove(address);
        }
        is_empty
    }

    async fn render(&self, address: &Address) -> Fragment {
        let loaded = self.0.cache.load(&address.query).await;
        let html = pages::fragment(&loaded, address, self.0.cache.is_mock(), self.0.clock.now());
        Fragment { event: Event::new("fragment", &html), version: loaded.version }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<Address, Room>> {
        // No code that can panic runs under this lock, so the map is always consistent.
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many rooms the networks of a client have opened, and itself.
fn opened_by(rooms: &HashMap<Address, Room>, peer: Peer) -> [usize; Peer::LEVELS] {
    let (own, mut opened) = (peer.networks(), [0; Peer::LEVELS]);
    for other in rooms.values().filter_map(|room| room.opened_by) {
        let is_same = own.iter().zip(other.networks()).map(|(own, other)| *own == other);
        opened.iter_mut().zip(is_same).for_each(|(opened, is_same)| *opened += usize::from(is_same));
    }
    opened
}

/// Maintains the one subscription to the source's changes and announces them. Losing it counts as a change, and so does
/// its return.
async fn follow(cache: Cache, announce: watch::Sender<u64>) {
    let mut delays = RECONNECT.build();
    let mut is_lost = false;
    loop {
        let error = match cache.changes().await {
            Ok(mut changes) => {
                if std::mem::take(&mut is_lost) {
                    tracing::info!("analytics is back");
                }
                announce.send_replace(cache.outdate());
                delays = RECONNECT.build();
                loop {
                    match changes.next().await {
                        Some(Ok(())) => announce.send_replace(cache.outdate()),
                        Some(Err(error)) => break Some(error),
                        None => break None,
                    };
                }
            }
            Err(error) => Some(error),
        };
        if !std::mem::replace(&mut is_lost, true) {
            let error = error.map_or_else(|| "the stream ended".to_owned(), |error| error.to_string());
            tracing::warn!(error, "analytics' events are lost, trying again");
            announce.send_replace(cache.outdate());
        }
        tokio::time::sleep(delays.next().unwrap_or(TICK)).await;
    }
}
