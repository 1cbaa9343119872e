//! Whoever asks meanwhile: every replica for its summary, and the dashboard for its first page. What is unknown is to be said, and
//! never to be shown as zero.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, ensure};
use shared::api::{Summary, path};
use shared::testing::http;

use crate::faults::lock;

/// The pause between two rounds of questions.
const EVERY: Duration = Duration::from_millis(200);

/// What a page says of a partition that nobody can tell.
const MISSING: &str = "are missing from these figures";

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) answers: u64,
    /// Those that named partitions that are missing, or were refused for that.
    pub(super) answers_missing: u64,
    pub(super) pages: u64,
    pub(super) pages_missing: u64,
    /// Those that had no figures, and said so.
    pub(super) pages_empty: u64,
}

/// Asks until it is stopped.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    threads: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct Shared {
    replicas: Arc<Mutex<Vec<SocketAddr>>>,
    dashboard: SocketAddr,
    /// All of them have reported.
    antennas: u64,
    stop: AtomicBool,
    answers: AtomicU64,
    answers_missing: AtomicU64,
    pages: AtomicU64,
    pages_missing: AtomicU64,
    pages_empty: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Watch {
    /// Begins to ask, when every antenna has reported.
    pub(super) fn start(replicas: Arc<Mutex<Vec<SocketAddr>>>, dashboard: SocketAddr, antennas: u64) -> Self {
        let shared = Arc::new(Shared {
            replicas,
            dashboard,
            antennas,
            stop: AtomicBool::new(false),
            answers: AtomicU64::new(0),
            answers_missing: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            pages_missing: AtomicU64::new(0),
            pages_empty: AtomicU64::new(0),
            wrong: Mutex::default(),
        });
        let threads = [Shared::ask_all as fn(&Shared), Shared::look].map(|round| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    round(&shared);
                    thread::sleep(EVERY);
                }
            })
        });
        Self { shared, threads }
    }

    /// That nothing was shown as zero that was unknown.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = lock(&self.shared.wrong);
        ensure!(wrong.is_empty(), "{} answers are wrong, such as this: {}", wrong.len(), wrong[0]);
        Ok(())
    }

    /// Stops, and tells what was seen.
    pub(super) fn stop(self) -> Result<Seen> {
        self.check()?;
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("whoever asks panicked"))?;
        }
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Shared { answers, answers_missing, pages, pages_missing, pages_empty, .. } = &*self.shared;
        Ok(Seen {
            answers: of(answers),
            answers_missing: of(answers_missing),
            pages: of(pages),
            pages_missing: of(pages_missing),
            pages_empty: of(pages_empty),
        })
    }
}

impl Shared {
    fn ask_all(&self) {
        let replicas = lock(&self.replicas).clone();
        replicas.into_iter().for_each(|replica| self.ask(replica));
    }

    /// Asks a replica. One that is gone, or has just come, has no figures to be wrong about.
    fn ask(&self, replica: SocketAddr) {
        let Ok(answer) = http::get(replica, &format!("{}?window=1h", path::SUMMARY), &[]) else { return };
        let summary = serde_json::from_str::<Summary>(&answer.body).ok();
        let is_missing = match (answer.status, &summary) {
            (503, _) => true,
            (200, Some(summary)) => !summary.partitions_missing.is_empty(),
            _ => return self.wrong(format!("{} {}", answer.status, answer.body)),
        };
        self.answers.fetch_add(1, Ordering::Relaxed);
        if is_missing {
            self.answers_missing.fetch_add(1, Ordering::Relaxed);
        } else if summary.is_some_and(|it| it.antennas.active != self.antennas || it.measures.readings == 0) {
            self.wrong(format!("{replica}: {}", answer.body));
        }
    }

    /// Loads the first page, which shows how many antennas have reported of how many.
    fn look(&self) {
        let Ok(answer) = http::get(self.dashboard, "/", &[]) else { return };
        self.pages.fetch_add(1, Ordering::Relaxed);
        match reporting(&answer.body) {
            _ if answer.body.contains(MISSING) => {
                self.pages_missing.fetch_add(1, Ordering::Relaxed);
            }
            // Without figures, it says why.
            None => {
                self.pages_empty.fetch_add(1, Ordering::Relaxed);
            }
            Some((reporting, known)) if known == self.antennas && reporting > 0 => {}
            Some((reporting, known)) => {
                self.wrong(format!("a page shows {reporting} of {known} antennas, and there are {}", self.antennas));
            }
        }
    }

    fn wrong(&self, what: String) {
        lock(&self.wrong).push(what);
    }
}

/// Antennas that report, and those that are known, as a page shows them; `None` where it has no figures.
fn reporting(page: &str) -> Option<(u64, u64)> {
    let (_, tile) = page.split_once("Antennas reporting</h2>")?;
    let number = |class: &str| {
        let (_, text) = tile.split_once(&format!("<span class=\"{class}\">"))?;
        let (text, _) = text.split_once('<')?;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    Some((number("value")?, number("unit")?))
}
