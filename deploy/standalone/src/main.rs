//! `vigia`: simulated antennas, analytics and the dashboard in one process.
//!
//! The parts are those of the three programs and meet as they do there: readings go through the broker, the page asks
//! analytics over HTTP. They end in the order of the data: antennas publish what is left, analytics commits, the page
//! closes, and a private broker goes last.

mod broker;
mod settings;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use shared::UnixMillis;
use simulator::redis_sink::RedisSink;
use simulator::{FleetSettings, Sink};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, MemorySink};
use crate::settings::Settings;

fn main() -> ExitCode {
    let settings = match shared::settings::parse::<Settings>() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    if let Err(error) = settings.pipeline.check() {
        eprintln!("vigia: {error}");
        return ExitCode::from(2);
    }
    settings.log.start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("vigia: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(settings));
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vigia: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let shutdown = shared::shutdown::on_signal().context("signals cannot be handled")?;
    let page = listen(settings.bind, "--bind, BIND").await?;
    let answers = listen(settings.analytics_bind, "--analytics-bind, ANALYTICS_BIND").await?;
    let broker = Broker::choose(settings.redis_url.as_deref())?;
    eprintln!("{}", broker.describe());
    eprintln!("open http://{}", page.local_addr().context("the page has no address")?);

    let parts = Parts::start(&settings, &broker, page, answers)?;
    parts.run(shutdown).await
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} ({setting})"))
}

/// A part that runs until its token is cancelled.
struct Part {
    name: &'static str,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Part {
    fn start<F>(name: &'static str, part: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(part(shutdown.clone()));
        Self { name, shutdown, task }
    }

    async fn ended(&mut self) -> anyhow::Result<()> {
        let name = self.name;
        (&mut self.task).await.with_context(|| format!("{name} panicked"))?.with_context(|| format!("{name} failed"))
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.ended().await
    }
}

struct Parts {
    antennas: Part,
    analytics: Part,
    dashboard: Part,
}

impl Parts {
    fn start(settings: &Settings, broker: &Broker, page: TcpListener, answers: TcpListener) -> anyhow::Result<Self> {
        let keys = settings.stream.keys();
        let analytics_url = format!("http://{}", answers.local_addr().context("analytics has no address")?);
        let dashboard = dashboard_ui::Settings::new(analytics_url.parse().context("the address of analytics")?);
        let dashboard = Part::start("the dashboard", |shutdown| dashboard_ui::serve(dashboard, page, shutdown));
        let (antennas, analytics) = match broker {
            Broker::Memory(log) => {
                (simulate(settings, MemorySink(log.clone())), analyse(settings, log.clone(), answers))
            }
            Broker::Given(_) | Broker::Private(_) => {
                let url = broker.url();
                let log = analytics::log::RedisLog::new(&url, keys.clone()).context("REDIS_URL cannot be used")?;
                let sink = RedisSink::new(&url, &keys).context("REDIS_URL cannot be used")?;
                (simulate(settings, sink), analyse(settings, log, answers))
            }
        };
        Ok(Self { antennas, analytics, dashboard })
    }

    /// Runs until told to end, or until a part fails.
    async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = shutdown.cancelled() => {}
            ended = self.antennas.ended() => return ended,
            ended = self.analytics.ended() => return ended,
            ended = self.dashboard.ended() => return ended,
        }
        self.antennas.stop().await?;
        self.analytics.stop().await?;
        self.dashboard.stop().await
    }
}

fn simulate(settings: &Settings, sink: impl Sink + 'static) -> Part {
    let fleet = FleetSettings {
        antenna_id: "antenna".to_owned(),
        antennas: settings.antennas,
        interval: settings.interval,
        scenario: settings.scenario,
        seed: settings.seed,
        count: None,
    };
    Part::start("the simulator", |shutdown| async move {
        simulator::run(&fleet, sink, UnixMillis::now, shutdown).await?;
        Ok(())
    })
}

fn analyse(settings: &Settings, log: impl analytics::log::Log, answers: TcpListener) -> Part {
    let Settings { stream, pipeline, thresholds, .. } = settings.clone();
    Part::start("analytics", |shutdown| async move {
        analytics::run_on(log, &stream.stream, &pipeline, thresholds, answers, shutdown).await
    })
}
