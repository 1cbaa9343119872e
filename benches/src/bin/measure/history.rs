//! Months of history: how fast it is drained into an archive, how large it is there, and how long questions about it take.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use shared::UnixMillis;
use shared::api::path;
use shared::testing::RedisServer;

use crate::broker::{Pipe, now_ms, reading};
use crate::program::Program;
use crate::statistics::{median, quantile};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Antennas that report once a minute
    #[arg(long, default_value_t = 1_000)]
    antennas: u32,
    /// Days up to now
    #[arg(long, default_value_t = 70)]
    days: u32,
    /// How often each question is asked of a process that has just started, and again of one that has not
    #[arg(long, default_value_t = 10)]
    requests: u32,
}

impl History {
    pub(crate) async fn measure(self) -> Result<()> {
        let redis = RedisServer::start(&[]);
        let folder = tempfile::tempdir()?;
        let archive = format!("file://{}", folder.path().display());
        let environment =
            [("REDIS_URL", redis.url()), ("PANE", "60s".into()), ("RETENTION", "1h".into()), ("ARCHIVE", archive)];
        let mut analytics = Program::start("analytics", &environment)?;
        analytics.ready(path::READYZ).await;

        // A day after the other, so that the broker never holds more than one.
        let start_ms = (now_ms() / DAY_MS - i64::from(self.days)) * DAY_MS;
        let (started, mut readings) = (Instant::now(), 0);
        for day in 0..self.days {
            readings += self.publish(&redis, start_ms + i64::from(day) * DAY_MS, day)?;
            analytics.drained(readings).await?;
        }
        let took = started.elapsed();
        println!(
            "{} antennas, {} days: {readings} readings published and drained in {took:.0?}, {:.0} a second; {:.0} MB, peak {:.0} MB",
            self.antennas,
            self.days,
            readings as f64 / took.as_secs_f64(),
            analytics.memory_mb("VmRSS")?,
            analytics.memory_mb("VmHWM")?,
        );
        analytics.stop()?;
        let (files, bytes) = size(folder.path())?;
        let of_each = bytes as f64 / readings as f64;
        println!("the archive: {files} files, {:.0} MB, {of_each:.1} bytes a reading", bytes as f64 / 1e6);

        let end_ms = start_ms + i64::from(self.days) * DAY_MS;
        // Each ends at another hour, or the answer itself would be taken from a cache.
        let ends: Vec<String> = (0..=self.requests)
            .map(|number| UnixMillis(end_ms - i64::from(number) * 60 * MINUTE_MS).to_string())
            .collect();
        for (name, route) in self.routes() {
            let (mut cold, mut memory) = (Vec::new(), Vec::new());
            for _ in 0..self.requests {
                let mut analytics = Program::start("analytics", &environment)?;
                analytics.ready(path::READYZ).await;
                let before = analytics.memory_mb("VmRSS")?;
                cold.push(milliseconds(&analytics, &route, &ends[0]).await?);
                memory.push(analytics.memory_mb("VmHWM")? - before);
                analytics.stop()?;
            }
            let mut analytics = Program::start("analytics", &environment)?;
            analytics.ready(path::READYZ).await;
            let mut warm = Vec::new();
            for end in &ends {
                warm.push(milliseconds(&analytics, &route, end).await?);
            }
            analytics.stop()?;
            println!(
                "{name}: cold median {:.0} ms, most {:.0} ms, memory + {:.0} MB at most; warm median {:.0} ms, most {:.0} ms",
                median(&cold),
                quantile(&cold, 1.0),
                quantile(&memory, 1.0),
                median(&warm[1..]),
                quantile(&warm[1..], 1.0),
            );
        }
        Ok(())
    }

    /// A day of readings, one a minute of each antenna; how many.
    fn publish(&self, redis: &RedisServer, start_ms: i64, day: u32) -> Result<u64> {
        let (antennas, mut chance) = (u64::from(self.antennas), benches::chance());
        let entries = antennas * 1_440;
        let readings = (0..entries).map(move |number| {
            let minute = number / antennas;
            let seq = u64::from(day) * 1_440 + minute;
            reading(&mut chance, (number % antennas) as u32, start_ms + minute as i64 * MINUTE_MS, seq)
        });
        Pipe::fill(redis.port(), readings)?;
        Ok(entries)
    }

    /// The questions, but for their end.
    fn routes(&self) -> [(String, String); 4] {
        let antenna = self.antennas / 2;
        let days = self.days.min(30);
        [
            (format!("summary of {days} days"), format!("{}?window={days}d", path::SUMMARY)),
            (
                "one antenna, 7 days by hour".to_owned(),
                format!("{}?window=7d&step=1h&antenna=antenna-{antenna:05}", path::SERIES),
            ),
            (format!("worst of {days} days"), format!("{}?window={days}d", path::WORST)),
            (format!("the network, {days} days by hour"), format!("{}?window={days}d&step=1h", path::SERIES)),
        ]
    }
}

/// How long the answer to a question up to an end takes.
async fn milliseconds(analytics: &Program, route: &str, end: &str) -> Result<f64> {
    let started = Instant::now();
    analytics.get(&format!("{route}&end={end}")).await?;
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}

/// The files below a folder, and their bytes.
fn size(folder: &Path) -> Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let (more, length) = if metadata.is_dir() { size(&entry.path())? } else { (1, metadata.len()) };
        files += more;
        bytes += length;
    }
    Ok((files, bytes))
}
