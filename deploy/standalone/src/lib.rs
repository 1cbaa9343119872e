//! Vigía in one process: simulated antennas, analytics, the dashboard, and a broker where none is given.
//!
//! In the order in which they are used at start-up:
//!
//! - [`settings`]: the settings of the program.
//! - [`broker`]: the broker that is given, else a [`private_redis`], else the in-process log behind a [`memory_sink`].
//! - [`parts`]: the tasks that run side by side, and the order in which they end.

pub mod broker;
pub mod memory_sink;
pub mod parts;
pub mod private_redis;
pub mod settings;

use std::net::SocketAddr;

use analytics::ingest::log::{Log, MemoryLog, RedisLog};
use analytics::{Endpoint, Files, Judging};
use anyhow::Context as _;
use dashboard_ui::settings::Origin;
use shared::UnixMillis;
use shared::logging::LogFormat;
use shared::server::listen;
use shared::settings::{BrokerSettings, as_client};
use simulator::redis_sink::RedisSink;
use simulator::{FleetSettings, Sink};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use settings::Settings;

use broker::Broker;
use memory_sink::MemorySink;
use parts::{Part, Parts};

/// The most entries in the in-process log: some tens of megabytes, and minutes of what the default antennas publish.
const MEMORY_LOG_MAX_ENTRIES: usize = 200_000;

/// Runs every part, with the files that the settings name, until `shutdown` or until one of them fails, and returns within five seconds of either.
///
/// # Errors
/// What an operator has to fix: an address is in use, or a part failed.
pub async fn run(settings: Settings, files: Files, shutdown: CancellationToken) -> anyhow::Result<()> {
    // Ports first, so that anyone who has to choose another one finds out at once.
    let listeners = Listeners {
        page: listener(settings.bind, "--bind, BIND")?,
        api: listener(settings.analytics_bind, "--analytics-bind, ANALYTICS_BIND")?,
    };
    let broker = Broker::choose(&settings.broker).await;
    say(settings.log.format, &format!("broker: {broker}"));
    say(settings.log.format, &format!("open http://{}{}", as_client(listeners.page.local_addr()?), settings.base_path));
    match broker {
        Broker::Given(given) => on_redis(&settings, files, &given, listeners)?.run(shutdown, None).await,
        Broker::Private(redis) => {
            let own = BrokerSettings::from_url(&redis.url()).map_err(anyhow::Error::msg)?;
            on_redis(&settings, files, &own, listeners)?.run(shutdown, Some(*redis)).await
        }
        Broker::InProcess { .. } => {
            let keys = settings.stream.all_keys();
            let entries = MEMORY_LOG_MAX_ENTRIES.div_ceil(keys.len());
            let logs = keys.into_iter().map(|keys| (keys.stream, MemoryLog::with_max_entries(entries)));
            let logs: Vec<(String, MemoryLog)> = logs.collect();
            // Those of the partitions are the last ones.
            let spread = &logs[logs.len() - usize::from(settings.stream.stream_partitions)..];
            let sinks = spread.iter().map(|(_, log)| MemorySink::new(log.clone())).collect();
            start(&settings, files, logs, sinks, listeners)?.run(shutdown, None).await
        }
    }
}

/// The sockets of the page and of analytics' API.
struct Listeners {
    page: TcpListener,
    api: TcpListener,
}

fn listener(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| format!("cannot listen on {address} ({setting})"))
}

fn on_redis(settings: &Settings, files: Files, broker: &BrokerSettings, listeners: Listeners) -> anyhow::Result<Parts> {
    const BAD_URL: &str = "bad value for --redis-url (REDIS_URL)";
    let logs = RedisLog::of_streams(broker, &settings.stream).context(BAD_URL)?;
    let sinks = RedisSink::of_partitions(broker, &settings.stream, settings.confirm.confirm_replicas);
    start(settings, files, logs, sinks.context(BAD_URL)?, listeners)
}

/// Starts the parts on some logs by their streams' names, with a sink for each partition.
fn start<L: Log>(
    settings: &Settings,
    Files { registry, alerting }: Files,
    logs: Vec<(String, L)>,
    sinks: Vec<impl Sink + 'static>,
    listeners: Listeners,
) -> anyhow::Result<Parts> {
    let api = as_client(listeners.api.local_addr()?);
    let url = format!("http://{api}").parse().context("no address for analytics")?;
    let dashboard = dashboard_ui::Settings {
        bind: settings.bind,
        http: settings.http.clone(),
        allowed_hosts: settings.allowed_hosts.clone(),
        base_path: settings.base_path,
        auth: settings.auth.clone(),
        status: settings.status,
        ..dashboard_ui::Settings::new(Origin::Analytics { url, token: settings.token.token.clone() })
    };
    let fleet = settings.fleet.clone();
    let (pipeline, judging) = (settings.pipeline.clone(), Judging { thresholds: settings.thresholds, registry });
    let (http, token) = (settings.http.clone(), settings.token.token.clone());
    let endpoint = Endpoint { listener: listeners.api, http, token };
    Ok(Parts {
        analytics: Part::start("analytics", |stop| async move {
            analytics::run_on(logs, &pipeline, judging, endpoint, alerting, None, stop).await
        }),
        dashboard: Part::start("the dashboard", |stop| dashboard_ui::serve(dashboard, listeners.page, stop)),
        simulators: Part::start("the simulated antennas", |stop| simulate(fleet, sinks, stop)),
    })
}

/// Publishes simulated antennas. Once each has taken its `COUNT` of readings, the other parts carry on without them.
async fn simulate(fleet: FleetSettings, sinks: Vec<impl Sink>, stop: CancellationToken) -> anyhow::Result<()> {
    simulator::run(&fleet, sinks, UnixMillis::now, stop.clone()).await?;
    stop.cancelled().await;
    Ok(())
}

/// Informs the person at the terminal; for a log collector it is an entry like any other.
fn say(format: LogFormat, line: &str) {
    match format {
        LogFormat::Text => eprintln!("{line}"),
        LogFormat::Json => info!("{line}"),
    }
}
