//! Publishes readings of simulated antennas to a Redis stream, or plays a recording back.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use shared::UnixMillis;
use simulator::partitioned::Partitioned;
use simulator::redis_sink::{OnceSink, RedisSink};
use simulator::replay::{progress_bar, replay};
use simulator::settings::{Cli, Command, CommonSettings, FleetSettings, ReplaySettings};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

fn main() -> ExitCode {
    let cli: Cli = match shared::settings::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    cli.common.log.start();
    match start(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let result = runtime.block_on(run(cli));
    // A thread that still looks the broker's name up must not keep the process alive.
    runtime.shutdown_background();
    result
}

async fn run(cli: &Cli) -> anyhow::Result<()> {
    let shutdown = shared::shutdown::on_signal().context("signals cannot be handled")?;
    match &cli.command {
        None => simulate(&cli.common, &cli.fleet, shutdown).await,
        Some(Command::Replay(settings)) => play_back(&cli.common, settings, shutdown).await,
    }
}

async fn simulate(
    common: &CommonSettings,
    settings: &FleetSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let sinks = RedisSink::of_partitions(&common.broker, &common.stream, common.confirm.confirm_replicas);
    let sinks = sinks.context("bad value for --redis-url (REDIS_URL)")?;
    info!(
        broker = common.broker.public_url(),
        stream = common.stream.stream,
        partitions = sinks.len(),
        antenna_id = settings.antenna_id,
        antennas = settings.antennas,
        interval_ms = settings.interval.as_secs_f64() * 1_000.0,
        scenario = ?settings.scenario,
        seed = settings.seed,
        count = settings.count,
        "publishing simulated antennas"
    );
    let report = simulator::run(settings, sinks, UnixMillis::now, shutdown).await?;
    if settings.count.is_some() && report.dropped > 0 {
        bail!("not all readings were published: {} were, {} had to be dropped", report.published, report.dropped);
    }
    Ok(())
}

async fn play_back(
    common: &CommonSettings,
    settings: &ReplaySettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let file = settings.file.display();
    let (name, replicas) = (rand::random(), common.confirm.confirm_replicas);
    let sinks = common.stream.partition_keys().into_iter();
    let sinks = sinks.map(|keys| OnceSink::new(&common.broker, &keys, name).map(|sink| sink.confirmed_by(replicas)));
    let sinks = sinks.collect::<Result<Vec<_>, _>>().context("bad value for --redis-url (REDIS_URL)")?;
    let mut sink = Partitioned::new(sinks);
    let screen = progress_bar(&settings.file, settings.limit).with_context(|| format!("{file}"))?;
    info!(
        broker = common.broker.public_url(),
        stream = common.stream.stream,
        partitions = common.stream.stream_partitions,
        %file,
        speed = settings.speed,
        limit = settings.limit,
        "replaying a recording"
    );
    let started = std::time::Instant::now();
    let report = replay(settings, &mut sink, screen, shutdown).await.with_context(|| format!("{file}"))?;
    for sink in sink.sinks() {
        sink.finish().await;
    }
    let duration = started.elapsed();
    info!(
        rows = report.rows,
        published = report.published,
        skipped = report.skipped,
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        "the recording was replayed"
    );
    if report.skipped > 0 {
        for row in &report.skipped_first {
            warn!("{file}: not published: {row}");
        }
        bail!("{file}: {} of {} rows cannot be expressed as readings and were skipped", report.skipped, report.rows);
    }
    Ok(())
}
