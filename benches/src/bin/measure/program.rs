//! The programs, as processes of their own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use shared::api::{Archive, Pipeline, path};
use shared::logging::{ADDRESS_TARGET, ANSWERS_HTTP};
use shared::testing::{self, Signal, built, until_async};

/// A program that neither answers nor ends for so long has failed.
const DEADLINE: Duration = Duration::from_secs(300);

/// A field of `/proc/<id>/status`: memory is in kB. `None` where the process has no such field, as one that has ended but for its
/// status has no memory.
pub(crate) fn status(id: u32, field: &str) -> Result<Option<f64>> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = |value: &str| Ok(value.split_whitespace().next().context("a field without a value")?.parse()?);
    value.map(number).transpose()
}

/// Processor time that a process has used so far.
pub(crate) fn processor_time(id: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The fields behind the name, which may hold spaces: utime and stime are the 12th and 13th, in ticks of 10 ms.
    let fields = stat.rsplit_once(") ").context("/proc/stat without a name")?.1;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse().unwrap_or(0)).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// A running program with an HTTP address; killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    program: testing::Program,
    address: SocketAddr,
    http: reqwest::Client,
}

impl Program {
    /// Starts a program of this build on a free port. It has the environment of this one, so that settings which are not
    /// measured, like `POLARS_MAX_THREADS`, can be tried from outside.
    pub(crate) fn start(name: &str, environment: &[(&str, String)]) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".to_owned());
        let mut command = built(name);
        command
            .envs(std::env::vars_os())
            .env("RUST_LOG", format!("{filter},{ADDRESS_TARGET}=info"))
            .env("BIND", "127.0.0.1:0")
            .envs(environment.iter().map(|(name, value)| (*name, value)));
        let mut program = testing::Program::start(&mut command);
        let address = program.address(name);
        Ok(Self { program, address, http })
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The body of a path; `None` while nothing is answered but errors.
    pub(crate) async fn try_get(&self, path: &str) -> Option<String> {
        let response = self.http.get(self.url(path)).send().await.ok()?.error_for_status().ok()?;
        response.text().await.ok()
    }

    /// How long the first byte of an answer with success takes; `None` where there is none.
    pub(crate) async fn first_byte(&self, path: &str) -> Option<Duration> {
        let asked = Instant::now();
        let response = self.http.get(self.url(path)).send().await.ok()?.error_for_status().ok()?;
        let took = asked.elapsed();
        // The rest is read, so that the connection can be used again.
        response.bytes().await.ok()?;
        Some(took)
    }

    /// The body of a path.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        Ok(self.http.get(self.url(path)).send().await?.error_for_status()?.text().await?)
    }

    /// A response whose body goes on.
    pub(crate) async fn stream(&self, path: &str) -> Result<reqwest::Response> {
        Ok(self.http.get(self.url(path)).send().await?.error_for_status()?)
    }

    /// Waits until a path is answered with success, and returns how long that took since the start.
    pub(crate) async fn ready(&mut self, path: &str) -> Duration {
        until_async(&format!("{path} is answered"), DEADLINE, async || {
            if self.try_get(path).await.is_some() {
                return Ok(self.program.started().elapsed());
            }
            self.program.assert_runs();
            Err(self.program.tail())
        })
        .await
    }

    /// Waits until a path is answered with success, but no longer than so long; `None` where it was not.
    pub(crate) async fn ready_within(&self, path: &str, at_most: Duration) -> Option<Duration> {
        let asked = Instant::now();
        while asked.elapsed() < at_most {
            if self.try_get(path).await.is_some() {
                return Some(self.program.started().elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// Waits until every hour and day that is final is in its files, and returns what is told of the archive.
    pub(crate) async fn compacted(&mut self) -> Result<Archive> {
        let archive = until_async("the archive is at rest", DEADLINE, async || {
            let text = self.try_get(path::PIPELINE).await.unwrap_or_default();
            match serde_json::from_str::<Pipeline>(&text).ok().and_then(|pipeline| pipeline.archive) {
                Some(archive) if archive.hours_waiting == 0 && archive.days_waiting == 0 => return Ok(archive),
                _ => self.program.assert_runs(),
            }
            Err(text)
        });
        Ok(archive.await)
    }

    /// Waits until analytics has counted so many entries and nothing is left, and returns how long that took since the
    /// start.
    pub(crate) async fn drained(&mut self, entries: u64) -> Result<Duration> {
        self.drained_asking(entries, Duration::ZERO).await
    }

    /// The same with a pause before each look, where it is the processor time that counts and questions have their part in it.
    pub(crate) async fn drained_asking(&mut self, entries: u64, pause: Duration) -> Result<Duration> {
        let (at, totals) = until_async(&format!("{entries} entries are counted"), DEADLINE, async || {
            tokio::time::sleep(pause).await;
            let text = self.try_get(path::PIPELINE).await.unwrap_or_default();
            let at = self.program.started().elapsed();
            match serde_json::from_str::<Pipeline>(&text).map(|pipeline| pipeline.totals) {
                Ok(totals) if totals.counted >= entries && totals.lag == Some(0) => return Ok((at, totals)),
                _ => self.program.assert_runs(),
            }
            Err(format!("{text}\n{}", self.program.tail()))
        })
        .await;
        ensure!(totals.imbalance == Some(0), "the ledger does not balance: {totals:?}");
        ensure!(totals.counted == entries, "{} entries were counted of {entries}", totals.counted);
        Ok(at)
    }

    /// A field of `/proc/<id>/status` in MB, such as `VmRSS` (resident now) or `VmHWM` (its peak).
    pub(crate) fn memory_mb(&self, field: &str) -> Result<f64> {
        Ok(status(self.program.id(), field)?.context("no such field of /proc/status")? / 1024.0)
    }

    /// Processor time used so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        processor_time(self.program.id())
    }

    /// Ends it in good order, and shows what it has logged.
    pub(crate) fn stop(mut self) -> Result<()> {
        let ended = self.program.end(Signal::Terminate, DEADLINE);
        for line in ended.log.lines().filter(|line| !line.contains(ANSWERS_HTTP)) {
            eprintln!("{line}");
        }
        ensure!(ended.code == Some(0), "it ended with {:?}", ended.code);
        Ok(())
    }
}
