//! What a process knows of the partitions that others own: their owners tell it, and where an owner cannot be asked, what was
//! committed last does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::header;
use polars::prelude::{DataFrame, PolarsResult, polars_err};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use shared::throttle::Throttle;
use shared::time::millis;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::peers::{HEAD, ORDERS, PROGRESS, TABLES};
use crate::alerts::orders::{Answer, Forward};
use crate::http::Door;
use crate::ingest::log::{Epoch, Log, Member, Present, StateField};
use crate::ingest::stream_id::StreamId;
use crate::pipeline::{Committed, Pipeline};
use crate::published::{Demand, Published, ToldProgress};
use crate::state::head::{Mirror, decode_tables, split_fields};
use crate::store::away::{Source, Wanted, unreachable};
use crate::workers::Workers;

/// How often an owner is asked while questions come.
const EVERY: Duration = Duration::from_millis(250);

/// How often while none come.
const IDLE_EVERY: Duration = Duration::from_secs(1);

/// An owner that does not answer for so long is away, and what was committed is told in its place.
const AWAY_AFTER: Duration = Duration::from_secs(1);

/// If nobody can tell anything for so long, the partition is missing.
const MISSING_AFTER: Duration = Duration::from_secs(4);

/// The head of a partition may take so long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);

/// Tables may take so long.
const TABLES_TIMEOUT: Duration = Duration::from_secs(4);

/// An order may take so long, as it is committed.
const ORDER_TIMEOUT: Duration = Duration::from_secs(4);

/// What was committed may take so long to be read.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(10);

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// No reply is longer: it is held whole.
const REPLY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Who is asked, with which token.
#[derive(Debug, Clone)]
pub struct Asker {
    http: Client,
    door: Option<Door>,
}

/// Why a process does not tell what it is asked.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("it cannot be reached: {0}")]
    Http(#[from] reqwest::Error),
    /// It does not own the partition any more.
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("what it told cannot be understood: {0}")]
    Damaged(String),
}

impl AskError {
    /// Whether another process may answer, or this one a moment later: it is gone, does not own the partition, or a pane has changed.
    fn is_passing(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Status(status) => [StatusCode::CONFLICT, StatusCode::GONE].contains(status),
            Self::Damaged(_) => false,
        }
    }
}

impl Asker {
    /// A client that shows the token which the door demands: all processes demand the same.
    ///
    /// # Errors
    /// When the system gives no client.
    pub fn new(door: Option<Door>) -> reqwest::Result<Self> {
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).no_proxy().build()?;
        Ok(Self { http, door })
    }

    /// Passes what people say of alerts on to the process that owns a stream.
    #[must_use]
    pub fn passes_on(&self, present: watch::Receiver<Arc<Present>>, stream: String) -> Forward {
        let asker = self.clone();
        Box::new(move |order| {
            let asker = asker.clone();
            let owner = present.borrow().owner_of(&stream).map(|(member, _)| member.address.clone());
            Box::pin(async move {
                let request = asker.http.post(format!("http://{}{ORDERS}", owner?)).json(&order).timeout(ORDER_TIMEOUT);
                let response = asker.shown(request).send().await.ok()?;
                if response.status() != StatusCode::OK {
                    return None;
                }
                response.json::<Answer>().await.ok()
            })
        })
    }

    /// A request that shows the token.
    fn shown(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.door {
            Some(door) => request.header(header::AUTHORIZATION, door.peer_header(Instant::now())),
            None => request,
        }
    }

    async fn bytes(&self, request: RequestBuilder) -> Result<Vec<StateField>, AskError> {
        let request = self.shown(request);
        let mut response = request.send().await?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Status(response.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(AskError::Damaged(format!("it is longer than {REPLY_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        split_fields(&bytes).map_err(|error| AskError::Damaged(error.to_string()))
    }
}

/// A partition as one owner in one epoch tells it.
#[derive(Debug)]
struct Owner {
    asker: Asker,
    /// Where the process is.
    base: String,
    number: usize,
    /// Its name and epoch: another process in its place has other tables.
    name: String,
    epoch: Epoch,
    runtime: Handle,
    /// Tells that it did not answer, so that it is asked for its head at once.
    failed: Arc<Notify>,
    /// Whether it did not answer, and has not told its head since: nobody else is to wait for it.
    is_stuck: AtomicBool,
}

impl Owner {
    fn url(&self, route: &str) -> String {
        let route = route.replace("{number}", &self.number.to_string());
        format!("{}{route}?owner={}&epoch={}", self.base, encoded(&self.name), self.epoch)
    }

    /// What is new since a snapshot and a step of the pace, by its start.
    async fn head(&self, since: Option<(u64, Option<i64>)>) -> Result<Vec<StateField>, AskError> {
        let mut url = self.url(HEAD);
        if let Some((version, paced_from)) = since {
            url += &format!("&since={version}");
            url.extend(paced_from.map(|start_ms| format!("&paced_from={start_ms}")));
        }
        self.asker.bytes(self.asker.http.get(url).timeout(HEAD_TIMEOUT)).await
    }
}

impl Source for Owner {
    fn tables(&self, wanted: &Wanted) -> PolarsResult<Vec<DataFrame>> {
        if self.is_stuck.load(Ordering::Relaxed) {
            return Err(unreachable(format!("{}: it did not answer", self.base)));
        }
        let request = self.asker.http.post(self.url(TABLES)).json(wanted);
        let told = self.runtime.block_on(self.asker.bytes(request.timeout(TABLES_TIMEOUT)));
        match told {
            Ok(fields) => decode_tables(&fields),
            Err(error) if error.is_passing() => {
                self.is_stuck.store(matches!(error, AskError::Http(_)), Ordering::Relaxed);
                self.failed.notify_one();
                Err(unreachable(format!("{}: {error}", self.base)))
            }
            Err(error) => Err(polars_err!(ComputeError: "{}: {error}", self.base)),
        }
    }
}

/// A text as a part of a query string.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Follows one partition while others own it.
#[derive(Debug)]
pub struct Follower<L> {
    /// The name of this process.
    pub name: String,
    /// The place of the partition among all.
    pub number: usize,
    /// Its pipeline, which is at rest while another process owns it: where what was committed is read.
    pub pipeline: Pipeline<L>,
    /// Who is there.
    pub present: watch::Receiver<Arc<Present>>,
    /// Asks others.
    pub asker: Asker,
    /// Reads what they tell.
    pub workers: Workers,
    /// Whether anybody asks.
    pub demand: Demand,
}

/// From where the partition is known now.
#[derive(Debug, Default)]
struct State {
    /// The owner that tells, with what it told.
    mirror: Option<(Arc<Owner>, Mirror)>,
    /// When something was told last.
    told_at: Option<Instant>,
    /// The commit that was read in place of an owner.
    commit: Option<String>,
    /// How often what was committed could not be read since somebody told something.
    failures: u32,
    /// When it is tried again.
    committed_from: Option<Instant>,
}

impl<L: Log> Follower<L> {
    /// Follows until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut state = State::default();
        let failed = Arc::new(Notify::new());
        let (mut lines, began) = (Throttle::new(), Instant::now());
        loop {
            if self.published().owned_epoch().is_some() {
                state = State::default();
            } else {
                self.look(&mut state, &failed, &mut lines, began).await;
            }
            let pause = if self.demand.is_recent() { EVERY } else { IDLE_EVERY };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = failed.notified() => {}
                () = self.demand.is_urgent() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn published(&self) -> &Published {
        &self.pipeline.published
    }

    /// Asks the owner, or else the broker.
    async fn look(&self, state: &mut State, failed: &Arc<Notify>, lines: &mut Throttle, began: Instant) {
        let stream = self.published().stream();
        let silent_for = |state: &State| state.told_at.unwrap_or(began).elapsed();
        let present = Arc::clone(&self.present.borrow());
        let owner = present.owner_of(&stream).filter(|(member, _)| member.name != self.name);
        if let Some((member, epoch)) = owner {
            match self.ask(state, failed, member, epoch).await {
                Ok(()) => {
                    let mirror = state.mirror.take();
                    *state = State { mirror, told_at: Some(Instant::now()), ..State::default() };
                    return;
                }
                Err(error) => {
                    if silent_for(state) > MISSING_AFTER && lines.is_due(Instant::now()) {
                        warn!(stream, owner = member.name, "the owner does not tell what it has: {error}");
                    }
                }
            }
        }
        let silent_for = silent_for(state);
        // At the start there is nothing to show until somebody tells something.
        if silent_for < AWAY_AFTER && state.told_at.is_some() {
            return;
        }
        if state.committed_from.is_some_and(|from| Instant::now() < from) {
            return;
        }
        // By a connection of its own: nothing is to wait for this, and none is to stay open to a server that is left.
        let reader = self.pipeline.beside();
        let read = timeout(COMMITTED_TIMEOUT, reader.committed(state.commit.as_deref())).await;
        let why = match read {
            Ok(Ok(Some(committed))) => {
                let Committed { store, meta, commit } = committed;
                let cursor = meta.cursor.parse().unwrap_or(StreamId::ZERO);
                self.published().follow_committed(store.snapshot(0, meta.as_of), &meta, cursor);
                *state = State { told_at: Some(Instant::now()), commit: Some(commit), ..State::default() };
                return;
            }
            // It is as it was.
            Ok(Ok(None)) if state.commit.is_some() => {
                state.told_at = Some(Instant::now());
                return;
            }
            Ok(Ok(None)) => "nothing was committed yet".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the broker does not answer in time".to_owned(),
        };
        // A state that is large takes long to read, and whoever owns the stream has to read it too.
        state.failures += 1;
        state.committed_from = Some(Instant::now() + EVERY * 2_u32.pow(state.failures.min(5)));
        debug!(stream, "what was committed cannot be read: {why}");
        if silent_for > MISSING_AFTER && self.published().miss() && lines.is_due(Instant::now()) {
            warn!(
                stream,
                "the partition is missing: its owner does not answer, and what was committed cannot be read: {why}"
            );
        }
    }

    /// Asks an owner for what is new.
    async fn ask(
        &self,
        state: &mut State,
        failed: &Arc<Notify>,
        member: &Member,
        epoch: Epoch,
    ) -> Result<(), AskError> {
        let base = format!("http://{}", member.address);
        if state
            .mirror
            .as_ref()
            .is_none_or(|(owner, _)| owner.base != base || owner.name != member.name || owner.epoch != epoch)
        {
            let owner = Arc::new(Owner {
                asker: self.asker.clone(),
                base,
                number: self.number,
                name: member.name.clone(),
                epoch,
                runtime: Handle::current(),
                failed: Arc::clone(failed),
                is_stuck: AtomicBool::new(false),
            });
            let mirror = Mirror::new(Arc::clone(&owner) as Arc<dyn Source>);
            state.mirror = Some((owner, mirror));
        }
        let Some((owner, mut mirror)) = state.mirror.take() else { return Ok(()) };
        let since = mirror.version().map(|version| (version, self.published().paced_from()));
        let fields = match owner.head(since).await {
            Ok(fields) => {
                owner.is_stuck.store(false, Ordering::Relaxed);
                fields
            }
            Err(error) => {
                state.mirror = Some((owner, mirror));
                return Err(error);
            }
        };
        let (published, pane_ms) = (self.published().clone(), millis(self.pipeline.settings.pane));
        let taken = self.workers.run(move || {
            take(&mut mirror, &fields, pane_ms, &published)?;
            Ok::<_, AskError>(mirror)
        });
        // What is damaged is asked for anew, as a whole.
        let mirror = taken.await.map_err(|error| AskError::Damaged(error.to_string()))??;
        state.mirror = Some((owner, mirror));
        Ok(())
    }
}

/// Takes over what an owner told.
fn take(mirror: &mut Mirror, fields: &[StateField], pane_ms: i64, published: &Published) -> Result<(), AskError> {
    let progress = fields.iter().find(|(name, _)| name == PROGRESS).map(|(_, progress)| progress);
    let progress: Option<ToldProgress> = progress.and_then(|progress| serde_json::from_slice(progress).ok());
    let progress = progress.ok_or_else(|| AskError::Damaged("it told no progress".to_owned()))?;
    let snapshot = mirror.take(fields).map_err(|error| AskError::Damaged(error.to_string()))?;
    // Panes of other widths cannot be joined.
    if snapshot.grid.width_ms != pane_ms {
        return Err(AskError::Damaged(format!("its PANE is {} ms", snapshot.grid.width_ms)));
    }
    published.follow(snapshot, mirror.version().unwrap_or_default(), progress);
    Ok(())
}
