//! How far an import is, on standard error: a line that is kept up to date on a terminal, and a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::input::Progress;

/// Between two lines on a terminal.
const ON_TERMINAL: Duration = Duration::from_secs(1);

/// Between two lines elsewhere, as in the log of a container.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Goes to the beginning of the line and empties it.
const ANEW: &str = "\r\x1b[2K";

/// Shows how far it is.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    shown: Instant,
    /// When the present stage began.
    began: Instant,
    /// Hours and readings of the second stage.
    writing: Option<(usize, u64)>,
}

impl Screen {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { is_terminal: io::stderr().is_terminal(), shown: now, began: now, writing: None }
    }

    /// Everything is read; so many hours are to be written, and so many readings to be counted.
    pub(super) fn begin_writing(&mut self, hours: usize, readings: u64) {
        self.writing = Some((hours, readings));
        self.began = Instant::now();
    }

    /// Shows a line if it is time to.
    pub(super) fn show(&mut self, progress: &Progress, written: usize) {
        let now = Instant::now();
        if now.duration_since(self.shown) < if self.is_terminal { ON_TERMINAL } else { ELSEWHERE } {
            return;
        }
        self.shown = now;
        let line = line(progress, self.writing, written, now.duration_since(self.began));
        let (before, behind) = if self.is_terminal { (ANEW, "") } else { ("", "\n") };
        // Who does not look at it misses nothing.
        let _unseen = write!(io::stderr(), "{before}{line}{behind}");
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        if self.is_terminal {
            let _unseen = write!(io::stderr(), "{ANEW}");
        }
    }
}

/// How far it is after some time in the present stage.
fn line(progress: &Progress, writing: Option<(usize, u64)>, written: usize, passed: Duration) -> String {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (doing, rows, done, all) = match writing {
        None => {
            let (rows, rejected) = (count(&progress.rows), count(&progress.rejected));
            let doing = format!("reading: {rows} rows, of which {rejected} rejected");
            (doing, rows, count(&progress.bytes_read), count(&progress.bytes))
        }
        Some((hours, readings)) => {
            let counted = count(&progress.counted);
            (format!("writing: {written} of {hours} hours"), counted, counted, readings)
        }
    };
    let seconds = passed.as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (rate, share) = (rows as f64 / seconds, if all == 0 { 1.0 } else { done as f64 / all as f64 });
    let left = if share > 0.0 { format!("{:.0} s left", seconds * (1.0 - share) / share) } else { "begins".to_owned() };
    format!("{doing}; {rate:.0} rows/s; {:.0} %, {left}", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_stages_tell_how_far_they_are() {
        let progress = Progress::default();
        progress.bytes.store(1_000, Ordering::Relaxed);
        let ten = Duration::from_secs(10);
        let nothing = line(&progress, None, 0, ten);
        assert_eq!(nothing, "reading: 0 rows, of which 0 rejected; 0 rows/s; 0 %, begins");
        progress.bytes_read.store(250, Ordering::Relaxed);
        progress.rows.store(5_000, Ordering::Relaxed);
        progress.rejected.store(7, Ordering::Relaxed);
        let reading = line(&progress, None, 0, ten);
        assert_eq!(reading, "reading: 5000 rows, of which 7 rejected; 500 rows/s; 25 %, 30 s left");
        progress.counted.store(4_000, Ordering::Relaxed);
        let writing = line(&progress, Some((72, 5_000)), 51, ten);
        assert_eq!(writing, "writing: 51 of 72 hours; 400 rows/s; 80 %, 2 s left");
    }
}
