//! What analytics answers, worked out in the most obvious way: every reading is kept as it came, and each question goes
//! through them anew. The contract (`docs/contract.md`) is the only model; no code is shared with analytics.
//!
//! It is the oracle of analytics' tests, and it stands in for analytics where the dashboard runs alone.
//!
//! - [`settings`]: what can be asked for, and what is judged by.
//! - [`count`]: which readings count, and what became of each entry.
//! - `antenna`: what is known of an antenna beyond its readings: how often it reports, and when it was in trouble.
//! - `pace`: what the pipeline was told to have done.
//! - `window`, `measures`: the parts of time that questions are about, and what readings come to.
//! - `worst`: how single panes fared.
//! - [`answer`]: the questions, one file for each.
//!
//! Time is an argument everywhere, in milliseconds since the epoch.

pub mod answer;
mod antenna;
pub mod count;
mod measures;
mod pace;
pub mod settings;
mod window;
mod worst;

use std::collections::{BTreeMap, HashMap, VecDeque};

use shared::api::{About, Incident, Ledger, RejectedExample};
use shared::{Rejection, UnixMillis};

pub use self::answer::{Question, Refusal};
pub use self::count::{Entry, EntryId, Outcome};
pub use self::pace::Stages;
pub use self::settings::{Expected, Settings};

use self::antenna::Antenna;
use self::pace::Pace;

/// Everything that was counted and is retained, with what became of all other entries.
#[derive(Debug, Clone)]
pub struct Reference {
    settings: Settings,
    /// In the order in which they were first seen. A reading names its antenna by the position in this list.
    antennas: Vec<Antenna>,
    positions: HashMap<String, usize>,
    expected: HashMap<String, Expected>,
    about: HashMap<String, About>,
    /// What is retained, by start.
    panes: BTreeMap<i64, Pane>,
    /// The readings counted last, retained or not, oldest first.
    recent: VecDeque<Counted>,
    /// The newest event time counted; `i64::MIN` before the first reading, as in the two below.
    newest_ms: i64,
    /// The newest event time counted, each bounded by its arrival.
    watermark_ms: i64,
    /// The start of the oldest pane that is retained.
    horizon_ms: i64,
    /// Incidents that have ended, in the order in which they did.
    ended: VecDeque<Incident>,
    /// How many have ended since the beginning.
    ended_ever: u64,
    ledger: Ledger,
    /// Newest first.
    examples: BTreeMap<Rejection, VecDeque<RejectedExample>>,
    cursor: EntryId,
    as_of: Option<UnixMillis>,
    pace: Pace,
}

/// A pane with the readings that fell into it, in the order in which they arrived.
#[derive(Debug, Clone, Default)]
struct Pane {
    /// Whether one of them arrived after the pane had closed.
    revised: bool,
    readings: Vec<Counted>,
}

/// A reading that counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    antenna: u32,
    arrival_ms: i64,
    event_ms: i64,
    packets: u32,
    lost: u32,
    latency_ms: Option<f64>,
    seq: Option<u64>,
    is_late: bool,
    /// For how long before it the antenna was available, by what the reading shows.
    available_ms: i64,
}

impl Reference {
    /// Nothing has been counted yet. What is done from `started_at` on shows in the pipeline's history.
    #[must_use]
    pub fn new(settings: Settings, started_at: UnixMillis) -> Self {
        let rejected = Rejection::ALL.map(|reason| (reason, 0)).into();
        Self {
            settings,
            antennas: Vec::new(),
            positions: HashMap::new(),
            expected: HashMap::new(),
            about: HashMap::new(),
            panes: BTreeMap::new(),
            recent: VecDeque::new(),
            newest_ms: i64::MIN,
            watermark_ms: i64::MIN,
            horizon_ms: i64::MIN,
            ended: VecDeque::new(),
            ended_ever: 0,
            ledger: Ledger { rejected, in_memory: Some(0), ..Ledger::default() },
            examples: BTreeMap::new(),
            cursor: EntryId::default(),
            as_of: None,
            pace: Pace::new(started_at),
        }
    }

    /// Says what is expected of an antenna of which nothing has been counted yet.
    pub fn expect(&mut self, id: &str, expected: Expected) {
        self.expected.insert(id.to_owned(), expected);
    }

    /// Says what an antenna is, beyond what it reports.
    pub fn describe(&mut self, id: &str, about: About) {
        self.about.insert(id.to_owned(), about);
    }

    /// What it was set to.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What became of the entries so far. Nothing is known of those still to read.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The newest event time counted.
    #[must_use]
    pub fn newest(&self) -> Option<UnixMillis> {
        (self.newest_ms != i64::MIN).then_some(UnixMillis(self.newest_ms))
    }

    /// The event time up to which panes have closed but for the time of grace.
    #[must_use]
    pub fn watermark(&self) -> Option<UnixMillis> {
        (self.watermark_ms != i64::MIN).then_some(UnixMillis(self.watermark_ms))
    }

    /// How many incidents have ended since the beginning, kept or not.
    #[must_use]
    pub const fn incidents_ended(&self) -> u64 {
        self.ended_ever
    }

    /// The antennas that are known and retained: id, arrival of the newest reading, and whether it is silent at a time.
    pub fn arrivals(&self, now: UnixMillis) -> impl Iterator<Item = (&str, UnixMillis, bool)> {
        self.retained().map(move |(_, it)| (it.id.as_str(), UnixMillis(it.last_arrival_ms), it.is_silent(now.0)))
    }

    /// The antennas that are known and retained, with their positions.
    fn retained(&self) -> impl Iterator<Item = (u32, &Antenna)> {
        (0..).zip(&self.antennas).filter(|(_, antenna)| antenna.has_started())
    }

    /// The antenna with this id, where it is known and retained.
    fn find(&self, id: &str) -> Result<(u32, &Antenna), Refusal> {
        let position = self.positions.get(id).and_then(|&position| u32::try_from(position).ok());
        let found = position.map(|position| (position, &self.antennas[position as usize]));
        found.filter(|(_, antenna)| antenna.has_started()).ok_or(Refusal::UnknownAntenna)
    }

    /// What was counted of `[start, end)` and is retained; the panes' borders are within it or on its ends.
    fn readings(&self, start_ms: i64, end_ms: i64) -> impl Iterator<Item = &Counted> {
        self.panes.range(start_ms..end_ms.max(start_ms)).flat_map(|(_, pane)| &pane.readings)
    }

    /// Whether a pane of `[start, end)` changed after it had closed.
    fn is_revised(&self, start_ms: i64, end_ms: i64) -> bool {
        self.panes.range(start_ms..end_ms.max(start_ms)).any(|(_, pane)| pane.revised)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests;
