//! Measures the time from publication to the summary, and what a quiet network costs.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use shared::api::{Pipeline, Summary, path};
use shared::testing::RedisServer;

use crate::broker::{Pipe, STREAM, now_ms, reading, xadd};
use crate::program::Program;
use crate::statistics::quantile;

/// How often readings are published.
const EVERY: Duration = Duration::from_millis(10);

/// A reading that is not shown this long after the last was published is lost.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Freshness {
    /// Readings per second
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Antennas
    #[arg(long, default_value_t = 1_000)]
    antennas: u32,
    /// Seconds of readings
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

impl Freshness {
    pub(crate) async fn measure(self) -> Result<()> {
        let redis = RedisServer::start(&[]);
        let mut analytics = Program::start("analytics", &[("REDIS_URL", redis.url())])?;
        analytics.ready(path::READYZ).await;
        idle(&analytics, "nothing is published").await?;

        let (port, rate, antennas, seconds) = (redis.port(), self.rate, self.antennas, self.seconds);
        let publisher = std::thread::spawn(move || publish(port, rate, antennas, seconds));
        // When the summary first showed this many readings.
        let mut seen: Vec<(u64, Instant)> = Vec::new();
        let wanted = u64::from(rate) * seconds;
        let give_up = Instant::now() + Duration::from_secs(seconds) + GRACE;
        while seen.last().is_none_or(|(readings, _)| *readings < wanted) {
            ensure!(Instant::now() < give_up, "the summary shows {seen:?} of {wanted} readings", seen = seen.last());
            let summary: Summary =
                serde_json::from_str(&analytics.get(&format!("{}?window=10m", path::SUMMARY)).await?)?;
            if seen.last().is_none_or(|(readings, _)| *readings < summary.measures.readings) {
                seen.push((summary.measures.readings, Instant::now()));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let published = publisher.join().map_err(|_| anyhow::anyhow!("the publisher panicked"))??;
        let mut ages = Vec::new();
        for (readings, at) in &published {
            let shown = seen.iter().find(|(seen, _)| seen >= readings).map(|(_, shown)| *shown);
            ages.extend(shown.map(|shown| shown.saturating_duration_since(*at).as_secs_f64() * 1000.0));
        }
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| quantile(&ages, q));
        println!(
            "{rate} readings/s, published to visible in the summary: p50 {p50:.0} ms, p99 {p99:.0} ms, max {max:.0} ms"
        );
        let pipeline: Pipeline = serde_json::from_str(&analytics.get(path::PIPELINE).await?)?;
        println!("as analytics tells it, from the broker to the snapshot: {:?}", pipeline.freshness_ms);

        let quiet = super::hour::Load::start(redis.port(), 12, 12);
        idle(&analytics, "12 antennas report once a second").await?;
        quiet.stop()?;
        analytics.stop()
    }
}

/// Processor time over ten seconds.
async fn idle(analytics: &Program, what: &str) -> Result<()> {
    const OVER: Duration = Duration::from_secs(10);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = analytics.processor_time()?;
    tokio::time::sleep(OVER).await;
    let used = analytics.processor_time()? - before;
    println!("{what}: {:.1} % of a core", used.as_secs_f64() / OVER.as_secs_f64() * 100.0);
    Ok(())
}

/// Publishes, and records when how many readings had been handed to the broker.
fn publish(port: u16, rate: u32, antennas: u32, seconds: u64) -> Result<Vec<(u64, Instant)>> {
    let mut pipe = Pipe::connect(port)?;
    let each = u64::from(rate) * EVERY.as_millis() as u64 / 1000;
    let started = Instant::now();
    let mut chance = benches::chance();
    let (mut number, mut published) = (0_u64, Vec::new());
    while number < u64::from(rate) * seconds {
        let due = started + EVERY * (number / each) as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let now_ms = now_ms();
        let mut commands = Vec::new();
        for _ in 0..each {
            commands.extend(xadd(
                STREAM,
                "*",
                &reading(&mut chance, (number % u64::from(antennas)) as u32, now_ms, number),
            ));
            number += 1;
        }
        published.push((number, Instant::now()));
        pipe.add(&commands, each as usize)?;
    }
    Ok(published)
}
