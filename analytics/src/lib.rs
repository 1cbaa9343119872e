//! Analytics: drains the stream of readings into Polars frames and answers windowed metrics over HTTP.
//!
//! In the order in which a reading passes:
//!
//! - [`registry`]: what antennas are, beyond what they report.
//! - [`ingest`]: the log, and from the bytes of its replies to columns.
//! - [`readings`]: a micro-batch as a table.
//! - [`store`]: readings are counted in panes of partials, expressions say what is summed; antennas and their incidents.
//! - [`archive`]: hours that are final, as files.
//! - [`state`]: what is committed.
//! - [`pipeline`]: the whole path, from the log to the snapshot and back to the log, with the ledger of every entry.
//! - [`published`]: what the pipeline shows to the outside; `figures` and `histogram` are what it is told in.
//! - [`import`]: old measurements from files, by a process that owns the stream meanwhile.
//! - [`repartition`]: the committed state, spread over another number of partitions, by a process that owns all streams meanwhile.
//! - `cache`: what is kept, bounded by its bytes.
//! - [`answer`], [`workers`], [`http`]: questions to a snapshot are plans over its tables; their answers over HTTP.
//! - [`cluster`]: several processes that share the partitions, and each of which answers for all of them.
//! - [`alerts`]: who is told of incidents, by the process that owns the plain stream.
//! - [`fault`]: what is wrong with a file that an operator writes, and where; [`kept`]: one that is read again when it changes.
//! - [`settings`]: what comes in from the edges.

pub mod alerts;
pub mod answer;
pub mod archive;
mod cache;
pub mod cluster;
mod digits;
pub mod fault;
mod figures;
mod histogram;
pub mod http;
pub mod import;
pub mod ingest;
pub mod kept;
pub mod pipeline;
pub mod published;
pub mod readings;
pub mod registry;
pub mod repartition;
pub mod settings;
pub mod state;
pub mod store;
pub mod workers;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::Context;
use shared::UnixMillis;
use shared::logging::answers_http;
use shared::server::{self, HttpSettings, listen};
use shared::settings::{KeptToken, StreamSettings};
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, error, error_span, info};

use crate::alerts::dispatch::Dispatcher;
use crate::alerts::file::{Alerting, KeptAlerting};
use crate::alerts::message::Notice;
use crate::alerts::orders::Orders;
use crate::alerts::send::Sender;
use crate::alerts::step::Outcome;
use crate::alerts::told::AlertsTold;
use crate::archive::place::Place;
use crate::archive::read::Archive;
use crate::cluster::follow::{Asker, Follower};
use crate::cluster::membership::Membership;
use crate::cluster::peers::Peers;
use crate::http::Api;
use crate::ingest::log::{Log, RedisLog};
use crate::pipeline::{Pipeline, PipelineError};
use crate::published::{Partitions, Published};
use crate::registry::KeptRegistry;
use crate::settings::{
    AlertTestSettings, AlertsSettings, ImportSettings, PipelineSettings, RegistrySettings, RepartitionSettings,
    Settings, Thresholds,
};
use crate::workers::Workers;

/// Threads that answer queries.
const QUERY_THREADS: usize = 2;

/// The files that settings name which are read again while analytics runs.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// What antennas are.
    pub registry: KeptRegistry,
    /// Who is told of incidents.
    pub alerting: KeptAlerting,
}

impl Files {
    /// Reads them.
    ///
    /// # Errors
    /// A line that names the setting and the file, says what is wrong with it, and where.
    pub fn open(registry: &RegistrySettings, alerts: &AlertsSettings) -> Result<Self, String> {
        let registry = KeptRegistry::open(registry.antennas_file.as_deref())?;
        Ok(Self { registry, alerting: KeptAlerting::open(alerts.alerts_file.as_deref())? })
    }

    /// A line of each that is named: what is in it.
    #[must_use]
    pub fn told(&self) -> String {
        let mut told = String::new();
        if let Some(path) = self.registry.path() {
            let registry = self.registry.current();
            let (antennas, globs) = (registry.antennas().count(), registry.globs().count());
            let (sites, path) = (registry.sites().len(), path.display());
            told += &format!("ANTENNAS_FILE {path}: antennas by id: {antennas}, globs: {globs}, sites: {sites}\n");
        }
        if let Some(path) = self.alerting.path() {
            let alerting = self.alerting.current();
            let Alerting { receivers, routes, rules, maintenance, .. } = &*alerting;
            let (path, receivers, routes) = (path.display(), receivers.len(), routes.len());
            let (rules, maintenance) = (rules.len(), maintenance.len());
            told += &format!(
                "ALERTS_FILE {path}: receivers: {receivers}, routes: {routes}, rules: {rules}, windows of maintenance: {maintenance}\n"
            );
        }
        told
    }
}

/// Runs analytics on Redis until `shutdown`, with the files that its settings name.
///
/// # Errors
/// What an operator has to mend: the address is taken, the broker is too old, the state cannot be read.
pub async fn run(settings: &Settings, files: Files, shutdown: CancellationToken) -> anyhow::Result<()> {
    let logs = RedisLog::of_streams(&settings.broker, &settings.stream).context("REDIS_URL cannot be used")?;
    let listener =
        listen(settings.bind).with_context(|| format!("cannot listen on {} (--bind, BIND)", settings.bind))?;
    info!(broker = settings.broker.public_url(), stream = settings.stream.stream, "starts");
    let Settings { pipeline, thresholds, http, token, peers, .. } = settings;
    let bind = peers.peer_bind.unwrap_or_else(|| SocketAddr::new(settings.bind.ip(), 0));
    let peers_listener = listen(bind).with_context(|| format!("cannot listen on {bind} (--peer-bind, PEER_BIND)"))?;
    let bound = peers_listener.local_addr().context("the listener has no address")?;
    let group = Group {
        listener: peers_listener,
        address: advertised(bound, peers.advertise.as_deref()),
        // A heartbeat is not to wait for a commit. The first stream is that of the plain name.
        log: logs.first().map(|(_, log)| log.beside()).context("there is no stream")?,
    };
    let endpoint = Endpoint { listener, http: http.clone(), token: token.token.clone() };
    let judging = Judging { thresholds: *thresholds, registry: files.registry };
    run_on(logs, pipeline, judging, endpoint, files.alerting, Some(group), shutdown).await
}

/// With whom a process shares the partitions.
#[derive(Debug)]
pub struct Group<L> {
    /// Takes the connections of the others.
    pub listener: TcpListener,
    /// Where the others reach it: a host and a port.
    pub address: String,
    /// The log of the plain stream, by a connection of its own: where the members are listed.
    pub log: L,
}

/// Where others reach a listener: what is set, else where it listens, else this machine's address towards others.
fn advertised(bound: SocketAddr, set: Option<&str>) -> String {
    let port = bound.port();
    match set {
        Some(set) if set.parse::<SocketAddr>().is_ok() => set.to_owned(),
        Some(set) if set.parse::<Ipv6Addr>().is_ok() => format!("[{set}]:{port}"),
        Some(set) if set.contains(':') && !set.ends_with(']') => set.to_owned(),
        Some(set) => format!("{set}:{port}"),
        None if !bound.ip().is_unspecified() => bound.to_string(),
        None => SocketAddr::new(own_address(), port).to_string(),
    }
}

/// The address that packets of this machine to others come from; that of the loopback where it has no way to others. Nothing is
/// sent: a datagram socket only looks the way up. The other address is one for documentation (RFC 5737).
fn own_address() -> IpAddr {
    let towards = |to: (Ipv4Addr, u16)| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(to)?;
        Ok::<_, std::io::Error>(socket.local_addr()?.ip())
    };
    towards((Ipv4Addr::new(192, 0, 2, 1), 9)).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
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

/// By what antennas are judged.
#[derive(Debug, Clone, Default)]
pub struct Judging {
    /// What counts as degraded, and as flapping.
    pub thresholds: Thresholds,
    /// What is known of single antennas.
    pub registry: KeptRegistry,
}

impl From<Thresholds> for Judging {
    /// All antennas alike.
    fn from(thresholds: Thresholds) -> Self {
        Self { thresholds, ..Self::default() }
    }
}

/// Runs analytics on any logs until `shutdown`, answering at an endpoint. Each log has a stream's name, and its place is the number
/// of the partition: the first one is that of the plain name. In a group, the processes share the partitions; else this one owns all.
///
/// # Errors
/// See [`run`].
pub async fn run_on<L: Log>(
    logs: Vec<(String, L)>,
    settings: &PipelineSettings,
    judging: Judging,
    endpoint: Endpoint,
    alerting: KeptAlerting,
    group: Option<Group<L>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Judging { thresholds, registry } = judging;
    let clock = Clock::system();
    let partitions = u16::try_from(logs.len().saturating_sub(1).max(1)).unwrap_or(u16::MAX);
    let owner = owner(clock.now());
    let pipelines = logs.into_iter().zip(0..).map(|((stream, log), partition)| {
        let published = Published::new(&stream, &pipeline::empty_store(settings, thresholds), clock.now());
        Pipeline::new(log, settings.clone(), thresholds, owner.clone(), published, clock.clone())
            .with_partition(partition, partitions)
            .with_registry(registry.clone())
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
    let partitions = Partitions::of(published.clone());
    let demand = partitions.demand().clone();
    let told = AlertsTold::default();
    let keeping = alerting.clone();
    let dispatching = alerting.path().is_some().then(|| {
        let sender = Sender::new().context("no client for receivers of alerts")?;
        let log = pipelines.first().map(|pipeline| pipeline.log.beside()).context("there is no stream")?;
        let (partitions, told, clock) = (partitions.clone(), told.clone(), clock.clone());
        let (orders, taken) = Orders::new(partitions.first_term());
        let registry = registry.clone();
        let dispatcher =
            Dispatcher { log, partitions, thresholds, registry, clock, alerting, told, sender, orders: taken };
        anyhow::Ok((dispatcher, orders))
    });
    let (dispatcher, orders) = dispatching.transpose()?.unzip();
    let api = Api::new(partitions, workers, thresholds, clock.clone(), serving.clone());
    let api = api.with_archive(archive).with_token(token).with_alerts(told).with_orders(orders.clone());
    let api = api.with_registry(registry.clone());
    let door = api.door().cloned();
    answers_http("analytics", listener.local_addr().context("the listener has no address")?);
    let server = tokio::spawn(async move { http::serve(listener, api, &http).await });
    let mut pipelines: Vec<_> = pipelines.into_iter().map(|pipeline| pipeline.with_place(place.clone())).collect();
    let mut together = JoinSet::new();
    let stop = shutdown.child_token();
    together.spawn(registry.keep(serving.clone()));
    together.spawn(keeping.keep(serving.clone()));
    let checked = check_all(&pipelines, &stop).await;
    if let (Some(dispatcher), Ok(())) = (dispatcher, &checked) {
        together.spawn(dispatcher.run(stop.clone()));
    }
    if let (Some(Group { listener, address, log }), Ok(())) = (group, &checked) {
        info!(address, "other processes of analytics ask here");
        let asked = Workers::start(QUERY_THREADS).context("no threads for what others ask")?;
        let peers = Peers::new(&owner, &published, asked.clone(), thresholds, clock.clone());
        let peers = peers.with_orders(orders.clone());
        let (forgetting, forgotten) = (serving.clone(), peers.clone().forget());
        together.spawn(async move {
            forgetting.run_until_cancelled(forgotten).await;
        });
        let peers = peers.router(door.clone());
        let serving = serving.clone();
        together.spawn(async move { server::serve(listener, peers, &HttpSettings::default(), serving).await });
        let membership = Membership::new(log, owner.clone(), address, &published, clock);
        let asker = Asker::new(door).context("no client for other processes")?;
        if let (Some(orders), Some(first)) = (&orders, published.first()) {
            orders.pass_on(asker.passes_on(membership.present(), first.stream()));
        }
        let turns: Vec<_> = membership.turns().collect();
        for (number, pipeline) in pipelines.iter().enumerate() {
            let follower = Follower {
                name: owner.clone(),
                number,
                pipeline: pipeline.clone(),
                present: membership.present(),
                asker: asker.clone(),
                // Threads that answer questions may be waiting for what is read here.
                workers: asked.clone(),
                demand: demand.clone(),
            };
            together.spawn(follower.run(stop.clone()));
        }
        pipelines = pipelines.into_iter().zip(turns).map(|(pipeline, turn)| pipeline.with_turn(turn)).collect();
        together.spawn(membership.run(stop.clone()));
    }
    let result = match checked {
        Ok(()) => run_all(pipelines, stop).await,
        refused => refused,
    };
    // Answers go on until the last commit is done.
    serving.cancel();
    server.await.context("the HTTP server failed")?;
    while let Some(ended) = together.join_next().await {
        ended.context("what is shared with other processes failed")?;
    }
    result
}

/// Waits until the broker tells of every partition whether its state is of as many partitions as the settings say.
async fn check_all<L: Log>(pipelines: &[Pipeline<L>], shutdown: &CancellationToken) -> anyhow::Result<()> {
    for pipeline in pipelines {
        let checked = pipeline.check_partitions(shutdown).await;
        checked.with_context(|| of_partition(&pipeline.published.stream()))?;
    }
    Ok(())
}

fn of_partition(stream: &str) -> String {
    format!("the partition {stream}")
}

/// Runs the pipelines of all partitions until `stop`. If one of them gives up, the others end in good order, and `stop` is cancelled.
async fn run_all<L: Log>(pipelines: Vec<Pipeline<L>>, stop: CancellationToken) -> anyhow::Result<()> {
    let is_one = pipelines.len() == 1;
    let mut running = JoinSet::new();
    for pipeline in pipelines {
        let span = if is_one { Span::none() } else { error_span!("partition", stream = pipeline.published.stream()) };
        let (stream, stop) = (pipeline.published.stream(), stop.clone());
        let run = async move {
            let ended = pipeline.run(stop).await.map_err(anyhow::Error::from);
            if is_one { ended } else { ended.with_context(|| of_partition(&stream)) }
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
    registry: KeptRegistry,
    import: &ImportSettings,
    shutdown: &CancellationToken,
) -> anyhow::Result<import::Summary> {
    let clock = Clock::system();
    let owner = format!("{} (import)", owner(clock.now()));
    import::run(runtime, settings, registry, import, owner, &clock, shutdown)
}

/// Spreads the committed state over another number of partitions; see [`repartition`].
///
/// # Errors
/// See [`repartition::run`].
pub fn run_repartition(
    runtime: &Runtime,
    settings: &Settings,
    RepartitionSettings { from, to, dry_run }: RepartitionSettings,
    shutdown: &CancellationToken,
) -> anyhow::Result<repartition::Summary> {
    let clock = Clock::system();
    let owner = format!("{} (repartition)", owner(clock.now()));
    let order = repartition::Order { from, to, dry_run, owner, patience: repartition::Patience::default() };
    let open = |stream_partitions| {
        let streams = StreamSettings { stream_partitions, ..settings.stream.clone() };
        RedisLog::of_streams(&settings.broker, &streams)
    };
    repartition::run(runtime, open, &order, &clock, shutdown)
}

/// Sends an example to a receiver of `ALERTS_FILE`.
///
/// # Errors
/// There is no file or no such receiver, or why the receiver did not take it.
pub fn run_alert_test(runtime: &Runtime, alerting: &KeptAlerting, test: &AlertTestSettings) -> anyhow::Result<()> {
    alerting.path().context("--alerts-file (ALERTS_FILE) is not set")?;
    let alerting = alerting.current();
    let known = || alerting.receivers.keys().cloned().collect::<Vec<_>>().join(", ");
    let receiver = alerting.receivers.get(&test.receiver);
    let receiver = receiver.with_context(|| format!("there is no receiver {:?}, but {}", test.receiver, known()))?;
    let now = Clock::system().now();
    let sender = Sender::new().context("no client for receivers of alerts")?;
    let notice = Notice::example(&receiver.name, &format!("test-{}", now.0), now);
    match runtime.block_on(sender.send(receiver, &notice, usize::MAX, now)) {
        Outcome::Sent => Ok(()),
        Outcome::Failed(why) | Outcome::Refused(why) => {
            anyhow::bail!("the receiver {:?} did not take it: {why}", receiver.name)
        }
    }
}

/// A name for the lease that no other process has: the host, the process, the moment.
fn owner(now: UnixMillis) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    format!("{host}/{}/{}", std::process::id(), now.0)
}
