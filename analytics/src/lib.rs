//! Analytics: drains the stream of readings into Polars frames and answers windowed metrics over HTTP.
//!
//! In the order in which a reading passes:
//!
//! - [`ingest`]: the log, and from the bytes of its replies to columns.
//! - [`readings`]: a micro-batch as a table.
//! - [`store`]: readings are counted in panes of partials, expressions say what is summed; antennas and their incidents.
//! - [`archive`]: hours that are final, as files.
//! - [`state`]: what is committed.
//! - [`pipeline`]: the whole path, from the log to the snapshot and back to the log, with the ledger of every entry.
//! - [`published`]: what the pipeline shows to the outside; `figures` and `histogram` are what it is told in.
//! - [`import`]: old measurements from files, by a process that owns the stream meanwhile.
//! - `cache`: what is kept, bounded by its bytes.
//! - [`answer`], [`workers`], [`http`]: questions to a snapshot are plans over its tables; their answers over HTTP.
//! - [`settings`]: what comes in from the edges.

pub mod answer;
pub mod archive;
mod cache;
mod figures;
mod histogram;
pub mod http;
pub mod import;
pub mod ingest;
pub mod pipeline;
pub mod published;
pub mod readings;
pub mod settings;
pub mod state;
pub mod store;
pub mod workers;

use anyhow::Context;
use shared::UnixMillis;
use shared::logging::answers_http;
use shared::server::{HttpSettings, listen};
use shared::settings::KeptToken;
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, error, error_span, info};

use crate::archive::place::Place;
use crate::archive::read::Archive;
use crate::http::Api;
use crate::import::Summary;
use crate::ingest::log::{Log, RedisLog};
use crate::pipeline::{Lead, Pipeline, PipelineError};
use crate::published::{Partitions, Published};
use crate::settings::{ImportSettings, PipelineSettings, Settings, Thresholds};
use crate::workers::Workers;

/// Threads that answer queries.
const QUERY_THREADS: usize = 2;

/// Runs analytics on Redis until `shutdown`.
///
/// # Errors
/// What an operator has to mend: the address is taken, the broker is too old, the state cannot be read.
pub async fn run(settings: &Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let logs = RedisLog::of_streams(&settings.broker, &settings.stream).context("REDIS_URL cannot be used")?;
    let listener =
        listen(settings.bind).with_context(|| format!("cannot listen on {} (--bind, BIND)", settings.bind))?;
    info!(broker = settings.broker.public_url(), stream = settings.stream.stream, "starts");
    let Settings { pipeline, thresholds, http, token, .. } = settings;
    let endpoint = Endpoint { listener, http: http.clone(), token: token.token.clone() };
    run_on(logs, pipeline, *thresholds, endpoint, shutdown).await
}

/// Where HTTP is answered, and whom.
#[derive(Debug)]
pub struct Endpoint {
    /// Takes the connections.
    pub listener: TcpListener,
    /// Who may take how much.
    pub http: HttpSettings,
    /// What clients have to know; `None` if anybody is answered.
    pub token: Option<KeptToken>,
}

/// Runs analytics on any logs until `shutdown`, answering at an endpoint. Each log has a stream's name, and its place is the number
/// of the partition: the first one is that of the plain name.
///
/// # Errors
/// See [`run`].
pub async fn run_on<L: Log>(
    logs: Vec<(String, L)>,
    settings: &PipelineSettings,
    thresholds: Thresholds,
    endpoint: Endpoint,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    let partitions = u16::try_from(logs.len().saturating_sub(1).max(1)).unwrap_or(u16::MAX);
    let owner = owner(clock.now());
    let pipelines = logs.into_iter().zip(0..).map(|((stream, log), partition)| {
        let published = Published::new(&stream, &pipeline::empty_store(settings, thresholds), clock.now());
        Pipeline::new(log, settings.clone(), thresholds, owner.clone(), published, clock.clone())
            .with_partition(partition, partitions)
    });
    let pipelines: Vec<Pipeline<L>> = pipelines.collect();
    let published: Vec<Published> = pipelines.iter().map(|pipeline| pipeline.published.clone()).collect();
    let serving = CancellationToken::new();
    let workers = Workers::start(QUERY_THREADS).context("no threads for queries")?;
    let place = settings.archive.archive.as_ref().map(|url| {
        info!(archive = %url, "archives hours that are final");
        published.iter().for_each(|published| published.set_archive(&url.to_string()));
        Place::open(url).with_context(|| format!("cannot use the archive {url} (--archive, ARCHIVE)"))
    });
    let place = place.transpose()?;
    let archive =
        place.clone().map(|place| Workers::start(QUERY_THREADS).map(|workers| (Archive::new(place), workers)));
    let archive = archive.transpose().context("no threads for queries")?;
    let Endpoint { listener, http, token } = endpoint;
    if token.is_some() {
        info!("answers only those who know the token (ANALYTICS_TOKEN), and probes");
    }
    let api = Api::new(Partitions::of(published), workers, thresholds, clock.clone(), serving.clone());
    let api = api.with_archive(archive).with_token(token);
    answers_http("analytics", listener.local_addr().context("the listener has no address")?);
    let server = tokio::spawn(async move { http::serve(listener, api, &http).await });
    let result =
        run_all(pipelines.into_iter().map(|pipeline| pipeline.with_place(place.clone())).collect(), shutdown).await;
    // Answers go on until the last commit is done.
    serving.cancel();
    server.await.context("the HTTP server failed")?;
    result
}

/// Runs the pipelines of all partitions, of which the first one is that of the plain name, until `shutdown`. If one of them gives up,
/// the others end in good order.
async fn run_all<L: Log>(pipelines: Vec<Pipeline<L>>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let of = |stream: &str| format!("the partition {stream}");
    for pipeline in &pipelines {
        let checked = pipeline.check_partitions(&shutdown).await;
        checked.with_context(|| of(&pipeline.published.stream()))?;
    }
    let stop = shutdown.child_token();
    let is_one = pipelines.len() == 1;
    let (leads, follows) = watch::channel(false);
    let mut lead = Lead::Leads(leads);
    let mut running = JoinSet::new();
    for pipeline in pipelines {
        let span = if is_one { Span::none() } else { error_span!("partition", stream = pipeline.published.stream()) };
        let lead = std::mem::replace(&mut lead, Lead::Follows(follows.clone()));
        let (stream, stop) = (pipeline.published.stream(), stop.clone());
        let run = async move {
            let ended = pipeline.with_lead(lead).run(stop).await.map_err(anyhow::Error::from);
            if is_one { ended } else { ended.with_context(|| of(&stream)) }
        };
        running.spawn(run.instrument(span));
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        stop.cancel();
        let ended = ended.unwrap_or_else(|error| Err(PipelineError::Aggregator(error.to_string()).into()));
        match ended {
            Err(error) if result.is_err() => error!("{error:#}"),
            ended => result = result.and(ended),
        }
    }
    result
}

/// Imports files into the archive; see [`import`].
///
/// # Errors
/// See [`import::run`].
pub fn run_import(
    runtime: &Runtime,
    settings: &Settings,
    import: &ImportSettings,
    shutdown: &CancellationToken,
) -> anyhow::Result<Summary> {
    let clock = Clock::system();
    let owner = format!("{} (import)", owner(clock.now()));
    import::run(runtime, settings, import, owner, &clock, shutdown)
}

/// A name for the lease that no other process has: the host, the process, the moment.
fn owner(now: UnixMillis) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    format!("{host}/{}/{}", std::process::id(), now.0)
}
