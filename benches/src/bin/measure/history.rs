//! Months of history: how fast it is drained into an archive, how large it is there, and how long questions about it take, beside
//! DuckDB and Polars, which are asked the same of the same files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::UnixMillis;
use shared::api::path;
use shared::testing::RedisServer;

use crate::broker::{Spread, now_ms, reading, save};
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
    /// A folder in which archive and state are kept, so that the questions can be asked again on the same day without the drain
    #[arg(long)]
    keep: Option<PathBuf>,
}

impl History {
    pub(crate) async fn measure(self) -> Result<()> {
        let temporary = tempfile::tempdir()?;
        let folder = self.keep.as_deref().unwrap_or(temporary.path());
        let archive_folder = folder.join("archive");
        let is_there = archive_folder.exists();
        let redis = match &self.keep {
            Some(folder) => RedisServer::start(&["--dir", &folder.to_string_lossy(), "--dbfilename", "state.rdb"]),
            None => RedisServer::start(&[]),
        };
        let archive = format!("file://{}", archive_folder.display());
        let environment = [
            ("REDIS_URL", redis.url()),
            ("PANE", "60s".into()),
            ("RETENTION", "1h".into()),
            ("ARCHIVE", archive),
            // All of it, by minute.
            ("ARCHIVE_KEEP_MINUTES", "1y".into()),
        ];
        let start_ms = (now_ms() / DAY_MS - i64::from(self.days)) * DAY_MS;
        if !is_there {
            self.drain(&redis, &environment, start_ms).await?;
        }

        let end_ms = start_ms + i64::from(self.days) * DAY_MS;
        // Each ends at another hour, or the answer itself would be taken from a cache; the last two are not in files.
        let ends: Vec<String> = (2..=self.requests + 2)
            .map(|number| UnixMillis(end_ms - i64::from(number) * 60 * MINUTE_MS).to_string())
            .collect();
        for (name, route, others) in self.routes() {
            let (mut cold, mut memory, mut answers) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..self.requests {
                let mut analytics = Program::start("analytics", &environment)?;
                analytics.ready(path::READYZ).await;
                let before = analytics.memory_mb("VmRSS")?;
                let (took, answer) = asked(&analytics, &route, &ends[0]).await?;
                cold.push(took);
                answers.push(answer);
                memory.push(analytics.memory_mb("VmHWM")? - before);
                analytics.stop()?;
            }
            let mut analytics = Program::start("analytics", &environment)?;
            analytics.ready(path::READYZ).await;
            let mut warm = Vec::new();
            for end in &ends {
                warm.push(asked(&analytics, &route, end).await?.0);
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
            let Some((question, told)) = others else { continue };
            for engine in ["duckdb", "polars"] {
                let (mut cold, mut warm) = (Vec::new(), Vec::new());
                for _ in 0..self.requests {
                    let other = self.other(engine, question, &archive_folder, &ends[0])?;
                    let expected = told(&answers[0]);
                    ensure!(other.answer == expected, "{engine} says {} and not {expected}", other.answer);
                    cold.push(other.cold_ms);
                    warm.push(other.warm_ms);
                }
                println!("  {engine}: cold median {:.0} ms; again {:.0} ms", median(&cold), median(&warm));
            }
        }
        Ok(())
    }

    /// Publishes all days and has them drained into the archive.
    async fn drain(&self, redis: &RedisServer, environment: &[(&str, String)], start_ms: i64) -> Result<()> {
        let mut analytics = Program::start("analytics", environment)?;
        analytics.ready(path::READYZ).await;
        // A day after the other, so that the broker never holds more than one.
        let (started, mut readings) = (Instant::now(), 0);
        for day in 0..self.days {
            readings += self.publish(redis, start_ms + i64::from(day) * DAY_MS, day)?;
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
        let archive = analytics.compacted().await?;
        analytics.stop()?;
        println!(
            "the archive: {:.0} MB, {:.1} bytes a reading, compacted {:.0?} behind the drain",
            archive.bytes as f64 / 1e6,
            archive.bytes as f64 / readings as f64,
            started.elapsed() - took,
        );
        if self.keep.is_some() {
            save(redis).await?;
        }
        Ok(())
    }

    /// What another engine answers from the same files, in a process of its own.
    fn other(&self, engine: &str, question: &str, archive: &Path, end: &str) -> Result<Other> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = Command::new(workspace.join("../analytics/tests/tools.sh")).arg("analysis").output()?;
        ensure!(python.status.success(), "no Python: {}", String::from_utf8_lossy(&python.stderr));
        let ran = Command::new(String::from_utf8(python.stdout)?.trim())
            .arg(workspace.join("history/others.py"))
            .args([engine, question])
            .arg(archive)
            .args([end, &self.days.min(30).to_string(), &self.antenna()])
            .output()?;
        ensure!(ran.status.success(), "{engine}: {}", String::from_utf8_lossy(&ran.stderr));
        Ok(serde_json::from_slice(&ran.stdout)?)
    }

    /// The antenna of which the history is asked for.
    fn antenna(&self) -> String {
        format!("antenna-{:05}", self.antennas / 2)
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
        Spread::on(redis.port(), 1).fill(readings)?;
        Ok(entries)
    }

    /// The questions, but for their end; and where others are asked the same, its name there and what of the answer they give.
    fn routes(&self) -> [(String, String, Option<Told>); 4] {
        let (antenna, days) = (self.antenna(), self.days.min(30));
        [
            (
                format!("summary of {days} days"),
                format!("{}?window={days}d", path::SUMMARY),
                Some(("summary", |it| json!([it["readings"], it["packets_sent"], it["packets_lost"]]))),
            ),
            (
                "one antenna, 7 days by hour".to_owned(),
                format!("{}?window=7d&step=1h&antenna={antenna}", path::SERIES),
                Some(("series", |it| {
                    let points = it["points"].as_array().map(Vec::as_slice).unwrap_or_default();
                    let sum = |name: &str| points.iter().filter_map(|point| point[name].as_u64()).sum::<u64>();
                    // Others have no rows of hours without a reading.
                    let known = points.iter().filter(|point| point["readings"].as_u64() > Some(0)).count();
                    json!([known, sum("packets_sent"), sum("packets_lost")])
                })),
            ),
            (
                format!("worst of {days} days"),
                format!("{}?window={days}d", path::WORST),
                Some(("worst", |it| {
                    let rows = it["antennas"].as_array().map(Vec::as_slice).unwrap_or_default();
                    rows.iter().map(|row| json!([row["antenna_id"], row["packets_lost"]])).collect()
                })),
            ),
            (format!("the network, {days} days by hour"), format!("{}?window={days}d&step=1h", path::SERIES), None),
        ]
    }
}

/// The name of a question among those to others, and what of the answer to it they give.
type Told = (&'static str, fn(&Value) -> Value);

/// What another engine says.
#[derive(Debug, Deserialize)]
struct Other {
    cold_ms: f64,
    warm_ms: f64,
    answer: Value,
}

/// The answer to a question up to an end, and how many milliseconds it takes.
async fn asked(analytics: &Program, route: &str, end: &str) -> Result<(f64, Value)> {
    let started = Instant::now();
    let answer = analytics.get(&format!("{route}&end={end}")).await?;
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    Ok((took, serde_json::from_str(&answer)?))
}
