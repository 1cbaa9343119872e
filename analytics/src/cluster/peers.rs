//! What a process tells others of the partitions that it owns, at an address that only they reach: the head of a snapshot, and the
//! tables that a question reads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use polars::prelude::PolarsError;
use serde::Deserialize;
use shared::time::Clock;

use crate::alerts::orders::{Answer, Order, Orders};
use crate::http::Door;
use crate::ingest::log::{Epoch, StateField};
use crate::published::{Published, ToldProgress};
use crate::settings::Thresholds;
use crate::state::head::{encode_head, encode_tables, join_fields};
use crate::store::Snapshot;
use crate::store::away::{Wanted, is_unreachable};
use crate::workers::Workers;

/// Where the head of a partition is.
pub const HEAD: &str = "/partitions/{number}/head";

/// Where its tables are.
pub const TABLES: &str = "/partitions/{number}/tables";

/// Where what people say of alerts is passed on to.
pub const ORDERS: &str = "/alerts/orders";

/// The field of the answer that holds the [`ToldProgress`].
pub(super) const PROGRESS: &str = "progress";

/// Tables of a snapshot that was told can be asked for during this time, and what follows can be told as what changed.
const KEPT: Duration = Duration::from_secs(4);

/// Who asks within this time is told the same snapshot, so that few have to be kept.
const SHARED: Duration = Duration::from_millis(200);

/// A question may name all antennas.
const QUESTION_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is asked of a partition's owner.
#[derive(Debug, Clone, Deserialize)]
struct Of {
    /// Its name: where a process took the place of another, epochs may repeat.
    owner: String,
    /// The epoch in which it owns it.
    epoch: Epoch,
    /// The snapshot that is known.
    since: Option<u64>,
    /// The start of the newest step of its pace that is known, in milliseconds since the epoch.
    paced_from: Option<i64>,
}

/// What this process tells others. Clones share it.
#[derive(Debug, Clone)]
pub struct Peers {
    name: Arc<str>,
    partitions: Arc<[Handout]>,
    workers: Workers,
    thresholds: Thresholds,
    clock: Clock,
    orders: Option<Orders>,
}

/// A partition, and what was told of it.
#[derive(Debug)]
struct Handout {
    published: Published,
    told: Mutex<VecDeque<Told>>,
}

#[derive(Debug, Clone)]
struct Told {
    epoch: Epoch,
    at: Instant,
    snapshot: Arc<Snapshot>,
}

/// Why nothing is told.
#[derive(Debug)]
enum Refusal {
    /// This process does not own the partition, or does in another epoch.
    NotOwned,
    /// A pane is not there any more.
    Gone,
    Failed,
}

impl Peers {
    /// Tells of some partitions, in their order. The threads are none that wait for other processes: two of them could
    /// wait for each other.
    #[must_use]
    pub fn new(name: &str, published: &[Published], workers: Workers, thresholds: Thresholds, clock: Clock) -> Self {
        let handout = |published: &Published| Handout { published: published.clone(), told: Mutex::default() };
        let partitions = published.iter().map(handout).collect();
        Self { name: name.into(), partitions, workers, thresholds, clock, orders: None }
    }

    /// Takes what people said of alerts to other processes.
    #[must_use]
    pub fn with_orders(self, orders: Option<Orders>) -> Self {
        Self { orders, ..self }
    }

    /// Forgets what was told, also of partitions that nobody asks about any more.
    pub async fn forget(self) {
        loop {
            tokio::time::sleep(KEPT).await;
            self.partitions.iter().for_each(|handout| handout.forget(Instant::now()));
        }
    }

    /// The routes; with a door, only for those who know the token.
    pub fn router(self, door: Option<Door>) -> Router {
        let router = Router::new().route(HEAD, get(head)).route(TABLES, post(tables));
        let router = router.route(ORDERS, post(order)).with_state(self);
        let router = router.layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX));
        match door {
            Some(door) => router.layer(middleware::from_fn_with_state(door, only_who_knows)),
            None => router,
        }
    }

    fn handout(&self, number: usize, of: &Of) -> Result<&Handout, Refusal> {
        let is_meant = *of.owner == *self.name;
        self.partitions.get(number).filter(|_| is_meant).ok_or(Refusal::NotOwned)
    }
}

impl Handout {
    /// The snapshots to tell of now, and the older ones that are kept.
    fn tell(&self, epoch: Epoch, now: Instant) -> Result<(Arc<Snapshot>, Vec<Arc<Snapshot>>), Refusal> {
        self.forget(now);
        let mut told = self.told.lock();
        if self.published.owned_epoch() != Some(epoch) {
            return Err(Refusal::NotOwned);
        }
        let newest = self.published.snapshot();
        told.retain(|it| it.epoch == epoch);
        let before = told.iter().map(|it| Arc::clone(&it.snapshot)).collect();
        if let Some(last) = told.back().filter(|last| now.duration_since(last.at) < SHARED) {
            return Ok((Arc::clone(&last.snapshot), before));
        }
        told.push_back(Told { epoch, at: now, snapshot: Arc::clone(&newest) });
        Ok((newest, before))
    }

    /// Forgets what was told too long ago.
    fn forget(&self, now: Instant) {
        self.told.lock().retain(|it| now.duration_since(it.at) < KEPT);
    }

    /// The snapshots whose tables can be asked for: the newest one, and those that were told.
    fn kept(&self, epoch: Epoch) -> Result<(Arc<Snapshot>, Vec<Arc<Snapshot>>), Refusal> {
        if self.published.owned_epoch() != Some(epoch) {
            return Err(Refusal::NotOwned);
        }
        let told = self.told.lock();
        let kept = told.iter().filter(|it| it.epoch == epoch).map(|it| Arc::clone(&it.snapshot)).collect();
        Ok((self.published.snapshot(), kept))
    }
}

async fn head(
    State(peers): State<Peers>,
    Path(number): Path<usize>,
    Query(of): Query<Of>,
) -> Result<Response, Refusal> {
    let handout = peers.handout(number, &of)?;
    let (now, before) = handout.tell(of.epoch, Instant::now())?;
    let progress =
        handout.published.told(peers.clock.now(), of.paced_from).filter(|told: &ToldProgress| told.epoch == of.epoch);
    let progress = serde_json::to_vec(&progress.ok_or(Refusal::NotOwned)?).map_err(|error| failed(&error))?;
    let progress: StateField = (PROGRESS.to_owned(), progress);
    let told = peers.workers.run(move || {
        let known = of.since.and_then(|version| before.iter().find(|it| it.version == version));
        let mut fields = encode_head(&now, known.map(|it| &**it))?;
        fields.push(progress);
        Ok::<_, PolarsError>(join_fields(&fields))
    });
    respond(told.await.map_err(|error| failed(&error))?)
}

async fn tables(
    State(peers): State<Peers>,
    Path(number): Path<usize>,
    Query(of): Query<Of>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Refusal> {
    let (newest, kept) = peers.handout(number, &of)?.kept(of.epoch)?;
    let thresholds = peers.thresholds;
    let told = peers.workers.run(move || {
        let tables = newest.tell(&kept, &wanted, &thresholds)?;
        Ok::<_, PolarsError>(join_fields(&encode_tables(tables)?))
    });
    respond(told.await.map_err(|error| failed(&error))?)
}

async fn order(State(peers): State<Peers>, Json(order): Json<Order>) -> Result<Json<Answer>, Refusal> {
    let answer = peers.orders.ok_or(Refusal::NotOwned)?.give_here(order).await;
    answer.map(Json).ok_or(Refusal::NotOwned)
}

fn respond(told: Result<Vec<u8>, PolarsError>) -> Result<Response, Refusal> {
    match told {
        Ok(bytes) => Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()),
        Err(error) if is_unreachable(&error) => Err(Refusal::Gone),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(why: &dyn std::fmt::Display) -> Refusal {
    tracing::error!("another process could not be told of a partition: {why}");
    Refusal::Failed
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NotOwned => (StatusCode::CONFLICT, "this process does not own the partition in that epoch\n"),
            Self::Gone => (StatusCode::GONE, "a pane has changed since\n"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "the log of this process tells why\n"),
        }
        .into_response()
    }
}

/// Turns away who does not know the token.
async fn only_who_knows(State(door): State<Door>, request: Request, next: Next) -> Response {
    if door.admits_peer(request.headers()) {
        return next.run(request).await;
    }
    let demanded = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (StatusCode::UNAUTHORIZED, demanded, "what is derived from the token is missing or wrong (ANALYTICS_TOKEN)\n")
        .into_response()
}
