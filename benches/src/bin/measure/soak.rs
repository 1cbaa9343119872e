//! Memory under a steady load.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use shared::api::{Pipeline, path};
use shared::testing::RedisServer;

use crate::hour::Load;
use crate::program::Program;
use crate::statistics::{median, slope};

/// How often memory is sampled.
const EVERY: Duration = Duration::from_secs(5);

/// Left out of the slope, as panes and caches fill up.
const WARM_UP: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// Readings per second
    #[arg(long, default_value_t = 200_000)]
    rate: u32,
    /// Antennas
    #[arg(long, default_value_t = 1_000)]
    antennas: u32,
    /// Seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How long panes are kept; shorter than the warm-up, so that as much is dropped as arrives
    #[arg(long, default_value = "1m")]
    retention: String,
}

impl Soak {
    pub(crate) async fn measure(self) -> Result<()> {
        let redis = RedisServer::start(&[]);
        let environment = [("REDIS_URL", redis.url()), ("RETENTION", self.retention.clone())];
        let mut analytics = Program::start("analytics", &environment)?;
        analytics.ready(path::READYZ).await;
        let load = Load::start(redis.port(), self.antennas, self.rate);
        let started = Instant::now();
        let mut points = Vec::new();
        let mut minute = 0;
        while started.elapsed() < Duration::from_secs(self.seconds) {
            tokio::time::sleep(EVERY).await;
            if started.elapsed().as_secs() / 60 > minute {
                minute += 1;
                println!("minute {minute}: {:.1} MB", analytics.memory_mb("VmRSS")?);
            }
            if started.elapsed() > WARM_UP {
                points.push((started.elapsed().as_secs_f64() / 60.0, analytics.memory_mb("VmRSS")?));
            }
        }
        load.stop()?;
        let pipeline: Pipeline = serde_json::from_str(&analytics.get(path::PIPELINE).await?)?;
        let totals = &pipeline.totals;
        ensure!(totals.imbalance == Some(0), "the ledger does not balance: {totals:?}");
        let middle = median(&points.iter().map(|(_, mb)| *mb).collect::<Vec<_>>());
        println!(
            "{} readings in {} s ({:.0}/s), lag {:?}, freshness {:?}",
            totals.counted,
            self.seconds,
            totals.counted as f64 / started.elapsed().as_secs_f64(),
            totals.lag,
            pipeline.freshness_ms
        );
        println!(
            "resident after the first minute: median {middle:.0} MB, slope {:+.2} % a minute; peak {:.0} MB",
            slope(&points) / middle * 100.0,
            analytics.memory_mb("VmHWM")?
        );
        analytics.stop()
    }
}
