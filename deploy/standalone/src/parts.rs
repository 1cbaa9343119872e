//! The parts that run side by side, and the order in which they stop.
//!
//! A part that feeds another stops before it: the antennas hand over what they have taken, analytics commits it, and
//! the broker stops last.

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::private_redis::PrivateRedis;

/// How long the antennas may take to hand over what they have taken. Longer would only help if the broker is away, and
/// then analytics needs the time.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long all parts together may take to stop.
const END_TIMEOUT: Duration = Duration::from_millis(4_500);

/// A task and the means to stop it.
#[derive(Debug)]
pub struct Part {
    name: &'static str,
    stop: CancellationToken,
    /// `None` once its result has been taken.
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Part {
    /// Starts a task that runs until its token is cancelled, or fails.
    pub fn start<F>(name: &'static str, work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(work(stop.clone()));
        Self { name, stop, task: Some(task) }
    }

    /// Returns when the part has ended without being told to.
    async fn failed(&mut self) -> anyhow::Error {
        match self.result().await {
            Ok(()) => anyhow::anyhow!("{} ended without having been told to", self.name),
            Err(error) => error,
        }
    }

    /// Waits for a part that has been told to stop; past the deadline, it is aborted.
    async fn end(&mut self, deadline: Instant) {
        match timeout_at(deadline, self.result()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error!("{error:#}"),
            Err(_elapsed) => warn!("{} took too long to end and was cut off", self.name),
        }
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    async fn result(&mut self) -> anyhow::Result<()> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let result = task.await;
        self.task = None;
        // A task that panicked has no result of its own.
        result.map_err(anyhow::Error::new).and_then(|result| result).context(self.name)
    }
}

/// Everything that runs in this process.
#[derive(Debug)]
pub struct Parts {
    /// Drains the log and answers over HTTP.
    pub analytics: Part,
    /// Serves the page.
    pub dashboard: Part,
    /// Publish readings.
    pub simulators: Part,
}

impl Parts {
    /// Waits for `shutdown` or for the first failure, and stops everything in order, the private server last.
    ///
    /// # Errors
    /// The first failure.
    pub async fn run(mut self, shutdown: CancellationToken, mut redis: Option<PrivateRedis>) -> anyhow::Result<()> {
        let result = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            error = self.analytics.failed() => Err(error),
            error = self.dashboard.failed() => Err(error),
            error = self.simulators.failed() => Err(error),
            error = ended(&mut redis) => Err(error),
        };
        self.end().await;
        if let Some(redis) = redis {
            redis.stop().await;
        }
        result
    }

    async fn end(mut self) {
        let now = Instant::now();
        // Nothing waits for the page, and it would complain about analytics if it stopped later.
        self.dashboard.stop.cancel();
        self.simulators.stop.cancel();
        self.simulators.end(now + HAND_OVER_TIMEOUT).await;
        self.analytics.stop.cancel();
        self.analytics.end(now + END_TIMEOUT).await;
        self.dashboard.end(now + END_TIMEOUT).await;
    }
}

/// Waits for the private server to end; waits for ever if there is none.
async fn ended(redis: &mut Option<PrivateRedis>) -> anyhow::Error {
    match redis {
        Some(redis) => redis.ended().await,
        None => std::future::pending().await,
    }
}
