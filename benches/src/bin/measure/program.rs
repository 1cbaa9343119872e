//! The programs, as processes of their own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use shared::api::{Pipeline, path};
use shared::testing::signal;

/// A program that neither answers nor ends for so long has failed.
const DEADLINE: Duration = Duration::from_secs(300);

/// How often a program is asked whether it is there yet.
const POLL_EVERY: Duration = Duration::from_millis(2);

/// A running program with an HTTP address; killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// When it was started.
    pub(crate) started: Instant,
    address: String,
    http: reqwest::Client,
}

impl Program {
    /// Starts a program of this build on a free port.
    pub(crate) fn start(name: &str, environment: &[(&str, String)]) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let program = program(name)?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let started = Instant::now();
        let child = Command::new(&program)
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".to_owned()))
            .env("BIND", &address)
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        Ok(Self { child, started, address, http })
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

    /// The body of a path.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        Ok(self.http.get(self.url(path)).send().await?.error_for_status()?.text().await?)
    }

    /// A response whose body goes on.
    pub(crate) async fn stream(&self, path: &str) -> Result<reqwest::Response> {
        Ok(self.http.get(self.url(path)).send().await?.error_for_status()?)
    }

    /// Waits until a path is answered with success, and returns how long that took since the start.
    pub(crate) async fn ready(&mut self, path: &str) -> Result<Duration> {
        loop {
            if self.try_get(path).await.is_some() {
                return Ok(self.started.elapsed());
            }
            self.check()?;
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Waits until analytics has counted so many entries and nothing is left, and returns how long that took since the
    /// start.
    pub(crate) async fn drained(&mut self, entries: u64) -> Result<Duration> {
        loop {
            if let Some(text) = self.try_get(path::PIPELINE).await {
                let at = self.started.elapsed();
                let pipeline: Pipeline = serde_json::from_str(&text)?;
                let totals = pipeline.totals;
                if totals.counted >= entries && totals.lag == Some(0) {
                    ensure!(totals.imbalance == Some(0), "the ledger does not balance: {totals:?}");
                    ensure!(totals.counted == entries, "{} entries were counted of {entries}", totals.counted);
                    return Ok(at);
                }
            }
            self.check()?;
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// A field of `/proc/<id>/status` in MB, such as `VmRSS` (resident now) or `VmHWM` (its peak).
    pub(crate) fn memory_mb(&self, field: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(field)).context("no such field of /proc/status")?;
        let kb: f64 = line.split_whitespace().nth(1).context("a field of /proc/status without a value")?.parse()?;
        Ok(kb / 1024.0)
    }

    /// Processor time used so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The fields behind the name, which may hold spaces: utime and stime are the 12th and 13th, in ticks of 10 ms.
        let fields = stat.rsplit_once(") ").context("/proc/stat without a name")?.1;
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse().unwrap_or(0)).sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
        signal(&self.child, "TERM");
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the program ended with {status}");
        }
        ensure!(self.started.elapsed() < DEADLINE, "nothing has happened for {DEADLINE:?}");
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program that was built beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(path.exists(), "{} is missing: build it first (cargo build --release --workspace)", path.display());
    Ok(path)
}
