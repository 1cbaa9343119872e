//! An hour of panes of many antennas: memory, the start with such a state, and queries during a drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use shared::api::{Ledger, Pipeline, path};
use shared::testing::RedisServer;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::broker::{Spread, Waiting, now_ms, reading, state_bytes};
use crate::program::Program;
use crate::registry::Files;
use crate::statistics::{median, quantile};
use crate::throttle::throttle;

/// Roughly what an entry takes on the wire.
const ENTRY_BYTES: f64 = 190.0;

#[derive(Debug, Args)]
pub(crate) struct Hour {
    /// Antennas that report once every five seconds
    #[arg(long, default_value_t = 10_000)]
    antennas: u32,
    /// Panes of five seconds
    #[arg(long, default_value_t = 720)]
    panes: u32,
    /// Requests per second
    #[arg(long, default_value_t = 200)]
    requests: u32,
    /// Seconds of requests, with the network idle and under load
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Readings per second that are drained from a backlog during the requests: half of what `drain` measures
    #[arg(long, default_value_t = 500_000)]
    drain: u32,
    /// Measure all of it once more with a file that says what all antennas are, and rules of alerts
    #[arg(long)]
    registry: bool,
}

impl Hour {
    pub(crate) async fn measure(self) -> Result<()> {
        self.measure_with(&[]).await?;
        if self.registry {
            println!("\nwith a registry:");
            let files = Files::of(self.antennas)?;
            self.measure_with(&files.environment()).await?;
        }
        Ok(())
    }

    /// Measures with more settings.
    async fn measure_with(&self, more: &[(&'static str, String)]) -> Result<()> {
        let redis = RedisServer::start(&[]);
        let environment = [&[("REDIS_URL", redis.url())][..], more].concat();
        let mut analytics = Program::start("analytics", &environment)?;
        let empty = analytics.ready(path::READYZ).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        println!("empty: ready after {empty:.0?}, {:.0} MB resident", analytics.memory_mb("VmRSS")?);
        analytics.stop()?;

        let entries = u64::from(self.antennas) * u64::from(self.panes);
        let start_ms = (now_ms() / 5000 - i64::from(self.panes)) * 5000;
        let antennas = self.antennas;
        let mut chance = benches::chance();
        let readings = (0..entries).map(move |number| {
            let (pane, antenna) = (number / u64::from(antennas), (number % u64::from(antennas)) as u32);
            reading(&mut chance, antenna, start_ms + pane as i64 * 5000, pane)
        });
        let mut analytics = Program::start("analytics", &environment)?;
        Spread::on(redis.port(), 1).fill(readings)?;
        analytics.drained(entries).await?;
        let memory = |analytics: &Program| -> Result<String> {
            Ok(format!("{:.0} MB, peak {:.0} MB", analytics.memory_mb("VmRSS")?, analytics.memory_mb("VmHWM")?))
        };
        println!("{antennas} antennas x {} panes, drained as they were published: {}", self.panes, memory(&analytics)?);
        for route in self.routes() {
            let started = Instant::now();
            let bytes = analytics.get(&route).await?.len();
            println!("first {route}: {:.1?}, {bytes} bytes; then {}", started.elapsed(), memory(&analytics)?);
        }
        analytics.stop()?;
        let megabytes = state_bytes(&redis).await? as f64 / 1e6;
        println!("the committed state takes {megabytes:.0} MB of the broker's memory");

        let mut starts = Vec::new();
        for _ in 0..3 {
            let mut analytics = Program::start("analytics", &environment)?;
            starts.push(analytics.ready(path::READYZ).await.as_secs_f64());
            println!("ready again after {:.2} s: {}", starts[starts.len() - 1], memory(&analytics)?);
            analytics.stop()?;
        }
        println!("median from exec to ready with this state: {:.2} s", median(&starts));

        let mut analytics = Program::start("analytics", &environment)?;
        analytics.ready(path::READYZ).await;
        let analytics = Arc::new(analytics);
        self.ask(&analytics, "at rest").await?;
        Arc::into_inner(analytics).context("a request is still under way")?.stop()?;
        self.ask_beside_a_drain(&redis, more).await
    }

    /// Sends requests while a backlog comes in through a throttle.
    async fn ask_beside_a_drain(&self, redis: &RedisServer, more: &[(&'static str, String)]) -> Result<()> {
        // What comes before the requests begin, plus a reserve. The committed state comes through the throttle too.
        let backlog = u64::from(self.drain) * (self.seconds + 5);
        let (antennas, seconds) = (u64::from(self.antennas), self.seconds + 5);
        let start_ms = now_ms();
        let mut chance = benches::chance();
        let readings = (0..backlog).map(move |number| {
            let timestamp_ms = start_ms + (number * seconds * 1000 / backlog) as i64;
            reading(&mut chance, (number % antennas) as u32, timestamp_ms, 1_000_000 + number / antennas)
        });
        Spread::on(redis.port(), 1).fill(readings)?;
        let port = throttle(redis.port(), f64::from(self.drain) * ENTRY_BYTES)?;
        let broker = [("REDIS_HOST", "127.0.0.1".to_owned()), ("REDIS_PORT", port.to_string())];
        let environment = [&broker[..], more].concat();
        let mut analytics = Program::start("analytics", &environment)?;
        analytics.ready(path::READYZ).await;
        let analytics = Arc::new(analytics);
        let before = self.totals(&analytics).await?.counted;
        let started = Instant::now();
        self.ask(&analytics, "beside a drain").await?;
        let totals = self.totals(&analytics).await?;
        ensure!(totals.lag.is_some_and(|lag| lag > 0), "the backlog ended before the questions: {totals:?}");
        let rate = (totals.counted - before) as f64 / started.elapsed().as_secs_f64();
        println!("drained meanwhile: {rate:.0} readings/s; {:.0} MB", analytics.memory_mb("VmRSS")?);
        Ok(())
    }

    /// The ledger, as of the last commit.
    async fn totals(&self, analytics: &Program) -> Result<Ledger> {
        let pipeline: Pipeline = serde_json::from_str(&analytics.get(path::PIPELINE).await?)?;
        Ok(pipeline.totals)
    }

    fn routes(&self) -> [String; 4] {
        let antenna = self.antennas / 2;
        [
            format!("{}?window=1h", path::SUMMARY),
            format!("{}?window=1h", path::WORST),
            format!("{}?window=1h&limit=50&offset=100&sort=success_rate", path::ANTENNAS),
            format!("{}?window=1h&antenna=antenna-{antenna:05}", path::SERIES),
        ]
    }

    /// Sends requests at a fixed rate, whether or not answers come: time spent waiting to be sent counts.
    async fn ask(&self, analytics: &Arc<Program>, name: &str) -> Result<()> {
        let routes = self.routes();
        let times: [Arc<Mutex<Vec<f64>>>; 4] = Default::default();
        let mut ticks = interval(Duration::from_secs(1) / self.requests);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut asked = Vec::new();
        for number in 0..self.requests as usize * self.seconds as usize {
            let due = ticks.tick().await;
            let (analytics, times) = (Arc::clone(analytics), Arc::clone(&times[number % routes.len()]));
            let route = routes[number % routes.len()].clone();
            asked.push(tokio::spawn(async move {
                analytics.get(&route).await?;
                times.lock().await.push(due.elapsed().as_secs_f64() * 1000.0);
                anyhow::Ok(())
            }));
        }
        for asked in asked {
            asked.await??;
        }
        for (route, times) in routes.iter().zip(&times) {
            let times = times.lock().await;
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| quantile(&times, q));
            println!("{name}, {route}: p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms of {}", times.len());
        }
        Ok(())
    }
}

/// Readings that a thread of its own publishes at a steady rate until stopped.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Load {
    /// To the stream on one server.
    pub(crate) fn start(port: u16, antennas: u32, rate: u32) -> Self {
        Self::over(Spread::on(port, 1), antennas, rate)
    }

    /// To streams wherever they are.
    pub(crate) fn over(spread: Spread, antennas: u32, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut pipes = spread.connect()?;
            let mut chance = benches::chance();
            let (mut number, started) = (0_u64, Instant::now());
            while !is_stopped.load(Ordering::Relaxed) {
                let due = (started.elapsed().as_secs_f64() * f64::from(rate)) as u64;
                let mut waiting = Waiting::new();
                let now_ms = now_ms();
                for _ in 0..(due - number).min(10_000) {
                    // `seq` counts up from the clock, as a producer's does.
                    let antenna = (number % u64::from(antennas)) as u32;
                    let seq = now_ms as u64 * 1_000 + number / u64::from(antennas);
                    spread.add(&mut waiting, "*", &reading(&mut chance, antenna, now_ms, seq));
                    number += 1;
                }
                pipes.send(waiting)?;
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the load panicked"))?
    }
}
