//! From publication to an open page: looks for a reading of a new antenna, bad enough to top the page's list of the
//! worst, in what the dashboard sends to its open pages.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use shared::Reading;
use shared::api::path;
use shared::testing::RedisServer;

use crate::broker::{Pipe, STREAM, now_ms, xadd};
use crate::program::Program;
use crate::statistics::quantile;

/// A reading that is not on the page after this time is lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Page {
    /// Readings to look for
    #[arg(long, default_value_t = 200)]
    readings: u32,
    /// Readings per second besides these
    #[arg(long, default_value_t = 1_000)]
    load: u32,
}

impl Page {
    pub(crate) async fn measure(self) -> Result<()> {
        let redis = RedisServer::start(&[]);
        let mut analytics = Program::start("analytics", &[("REDIS_URL", redis.url())])?;
        analytics.ready(path::READYZ).await;
        let mut dashboard = Program::start("dashboard", &[("ANALYTICS_URL", analytics.url(""))])?;
        dashboard.ready("/livez").await;
        let load = super::hour::Load::start(redis.port(), 100, self.load);
        let mut pipe = Pipe::connect(redis.port())?;
        let mut page = dashboard.stream("/live/").await?;
        let mut ages = Vec::new();
        for number in 0..self.readings {
            // Not in step with the second in which the page is refreshed.
            tokio::time::sleep(Duration::from_millis(u64::from(number * 37 % 101) * 7)).await;
            let marker = format!("marker-{number:05}");
            let reading = Reading {
                antenna_id: marker.clone(),
                timestamp_ms: now_ms(),
                packets: 1_000_000 + number,
                loss: 1_000_000 + number,
                latency_ms: None,
                seq: None,
            };
            let published = Instant::now();
            pipe.add(&xadd(STREAM, "*", &reading), 1)?;
            let mut text = Vec::new();
            while !contains(&text, marker.as_bytes()) {
                let chunk = tokio::time::timeout(LOST_AFTER, page.chunk()).await.context("the page stands still")??;
                text.extend_from_slice(&chunk.context("the page's stream ended")?);
                ensure!(published.elapsed() < LOST_AFTER, "{marker} has not come to the page");
            }
            ages.push(published.elapsed().as_secs_f64() * 1000.0);
        }
        load.stop()?;
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| quantile(&ages, q));
        println!(
            "published to sent to an open page, {} readings beside {}/s: p50 {p50:.0} ms, p99 {p99:.0} ms, max {max:.0} ms",
            self.readings, self.load
        );
        dashboard.stop()?;
        analytics.stop()
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
