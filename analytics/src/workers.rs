//! Threads for work on frames, which blocks the thread that does it: it must not be one of the async runtime.
//!
//! Polars hands parts of each plan to a pool of threads of its own. Plans of this program are small and many, so what that
//! costs is more than the work: each part wakes a thread that then waits for more in a loop, and a question waits in line
//! behind the parts of a batch. So threads that work without a pause keep their plans to themselves.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use parking_lot::Mutex;
use polars_async::executor::ALLOW_RAYON_THREADS;
use tokio::sync::oneshot;

/// From now on, plans are worked out by the thread that collects them, as far as the calling thread is concerned.
pub(crate) fn keep_plans() {
    ALLOW_RAYON_THREADS.set(false);
}

/// Jobs that may wait; more are turned away.
const WAITING: usize = 256;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that do jobs. Clones share them; they end with the last clone.
#[derive(Debug, Clone)]
pub struct Workers {
    jobs: SyncSender<Job>,
}

/// Why a job was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Too many jobs are waiting.
    #[error("too many jobs are waiting")]
    Busy,
    /// The job panicked.
    #[error("the job panicked")]
    Panicked,
}

impl Workers {
    /// Starts threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name("query".to_owned()).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Does a job and waits for its result.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, JobError> {
        let (reply, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Whoever asked may have gone away, before or meanwhile.
            if !reply.is_closed() {
                let _gone = reply.send(job());
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => JobError::Busy,
            TrySendError::Disconnected(_) => JobError::Panicked,
        })?;
        result.await.map_err(|_| JobError::Panicked)
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    keep_plans();
    loop {
        let next = queue.lock().recv();
        let Ok(job) = next else { return };
        // A job that panics must not take its thread along; its reply is dropped, which tells whoever waits.
        let _panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}
