//! Publishes the rows of a recording in file order, each exactly once as far as [`Sink`] keeps its promise.

use std::io;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use shared::Reading;
use shared::codec::TIMESTAMP_MAX_MS;
use shared::recording::{Row, Rows, RowsError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::publish::{BATCH_MAX, Delivery, Sink, Stop};
use crate::settings::ReplaySettings;

/// How many batches are read ahead while one is being sent.
const READ_AHEAD: usize = 2;
/// A row that the pace would make wait longer than this is published after this time.
const WAIT_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Rows that cannot be published are all counted; this many of them are listed.
const NAMED_MAX: usize = 10;

/// Why a replay stopped before the end of its recording.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording cannot be opened; nothing was published.
    #[error(transparent)]
    NotOpened(RowsError),
    /// The recording cannot be read to the end.
    #[error("the recording cannot be read to its end; rows published: {published}")]
    Damaged {
        /// Rows that the broker took.
        published: u64,
        /// The cause.
        source: RowsError,
    },
    /// A stop was requested.
    #[error("stopped; rows published: {published}, rows that may have arrived or not: {unknown}")]
    Stopped {
        /// Rows that the broker took.
        published: u64,
        /// Rows that were being sent when the time to stop ran out.
        unknown: u64,
    },
}

/// What happened to the rows: `rows = published + skipped`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Rows read.
    pub rows: u64,
    /// Rows that the broker took.
    pub published: u64,
    /// Rows that the wire format cannot express.
    pub skipped: u64,
    /// The first of those, with their line and why.
    pub skipped_first: Vec<String>,
}

/// Publishes the recording, or its first `limit` rows, as fast as the sink takes them or paced by event time.
/// `shutdown` ends it after the batch under way.
///
/// # Errors
/// If the end of the recording was not reached; the error says what was published.
pub async fn replay<S: Sink>(
    settings: &ReplaySettings,
    sink: S,
    screen: ProgressBar,
    shutdown: CancellationToken,
) -> Result<ReplayReport, ReplayError> {
    let rows = Rows::open(&settings.file).map_err(ReplayError::NotOpened)?;
    let chunks = read_ahead(rows, settings.limit);
    let stop = Stop::new(shutdown);
    let player = Player {
        delivery: Delivery::new(sink, screen.clone()),
        stop: &stop,
        pace: settings.speed.map(|speed| Pacing { speed, start: Instant::now(), first_ms: None }),
        screen: screen.clone(),
        by_rows: settings.limit.is_some(),
        bytes_read: 0,
        pending: Vec::with_capacity(BATCH_MAX),
        report: ReplayReport::default(),
    };
    let outcome = stop.watch_over(player.play(chunks)).await;
    screen.finish_and_clear();
    outcome
}

/// A progress bar for a person who watches: on standard error, and hidden if that is not a terminal.
///
/// # Errors
/// If the size of the file cannot be determined.
pub fn progress_bar(file: &Path, limit: Option<u64>) -> io::Result<ProgressBar> {
    let length = match limit {
        Some(rows) => rows,
        None => std::fs::metadata(file)?.len(),
    };
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  {eta} left").expect("a good template");
    Ok(ProgressBar::new(length).with_style(style))
}

/// Some rows.
struct Chunk {
    rows: Vec<Row>,
    /// What ended the file early, after these rows.
    failure: Option<RowsError>,
}

/// Reads the file on a thread for blocking work, a few chunks ahead. It stops when the receiver is dropped.
fn read_ahead(mut rows: Rows, limit: Option<u64>) -> mpsc::Receiver<Chunk> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut left = limit.unwrap_or(u64::MAX);
        loop {
            let mut chunk = Chunk { rows: Vec::with_capacity(BATCH_MAX), failure: None };
            let mut ended = false;
            while chunk.rows.len() < BATCH_MAX && !ended {
                match if left == 0 { None } else { rows.next() } {
                    Some(Ok(row)) => {
                        chunk.rows.push(row);
                        left -= 1;
                    }
                    Some(Err(error)) => {
                        chunk.failure = Some(error);
                        ended = true;
                    }
                    None => ended = true,
                }
            }
            if sender.blocking_send(chunk).is_err() || ended {
                return;
            }
        }
    });
    receiver
}

/// A replay in progress.
struct Player<'a, S> {
    delivery: Delivery<S>,
    stop: &'a Stop,
    pace: Option<Pacing>,
    screen: ProgressBar,
    /// Whether the bar counts rows, or bytes of the file.
    by_rows: bool,
    bytes_read: u64,
    pending: Vec<Reading>,
    report: ReplayReport,
}

impl<S: Sink> Player<'_, S> {
    async fn play(mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<ReplayReport, ReplayError> {
        while let Some(chunk) = chunks.recv().await {
            for row in chunk.rows {
                self.take(row).await?;
            }
            self.flush().await?;
            if let Some(source) = chunk.failure {
                self.delivery.end();
                return Err(ReplayError::Damaged { published: self.report.published, source });
            }
        }
        self.delivery.end();
        Ok(self.report)
    }

    async fn take(&mut self, row: Row) -> Result<(), ReplayError> {
        self.report.rows += 1;
        self.bytes_read = row.bytes_read;
        let reading = match row.reading {
            Ok(reading) => reading,
            Err(bad) => {
                self.report.skipped += 1;
                if self.report.skipped_first.len() < NAMED_MAX {
                    self.report.skipped_first.push(format!("line {}: {}", row.line, bad.why));
                }
                return Ok(());
            }
        };
        let due = self.pace.as_mut().and_then(|pace| pace.due(reading.timestamp_ms));
        if let Some(due) = due.filter(|due| *due > Instant::now()) {
            self.flush().await?;
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.stop.requested() => return Err(self.stopped(0)),
            }
        }
        self.pending.push(reading);
        Ok(())
    }

    /// Publishes what is pending.
    async fn flush(&mut self) -> Result<(), ReplayError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.stop.is_requested() {
            return Err(self.stopped(0));
        }
        let count = self.pending.len() as u64;
        if self.delivery.deliver(&self.pending, self.stop, || 0).await.is_err() {
            return Err(self.stopped(count));
        }
        self.report.published += count;
        self.pending.clear();
        self.show();
        Ok(())
    }

    fn stopped(&self, unknown: u64) -> ReplayError {
        ReplayError::Stopped { published: self.report.published, unknown }
    }

    fn show(&self) {
        self.screen.set_position(if self.by_rows { self.report.rows } else { self.bytes_read });
        let seconds = self.screen.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.report.published as f64 / seconds;
        self.screen.set_message(format!("{} rows  {rate:.0} rows/s", self.report.published));
    }
}

/// Paces rows by event time. A row older than the newest one does not wait: file order wins.
struct Pacing {
    speed: f64,
    start: Instant,
    first_ms: Option<i64>,
}

impl Pacing {
    /// When the row is due; `None` if it is older than the first. A time outside the contract's range paces nothing.
    fn due(&mut self, timestamp_ms: i64) -> Option<Instant> {
        if !(0..=TIMESTAMP_MAX_MS).contains(&timestamp_ms) {
            return None;
        }
        let first_ms = *self.first_ms.get_or_insert(timestamp_ms);
        let passed = Duration::from_millis(u64::try_from(timestamp_ms - first_ms).ok()?);
        let after = Duration::try_from_secs_f64(passed.as_secs_f64() / self.speed).unwrap_or(WAIT_MAX);
        Some(self.start + after.min(WAIT_MAX))
    }
}

#[cfg(test)]
mod tests;
