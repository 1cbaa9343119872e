//! What is known of each antenna beyond its panes: its id, its highest `seq`, when and how often it reports.

use std::sync::Arc;

use crate::decode::{Interner, Slot};

/// Antennas are kept in chunks of this many, so that a snapshot shares what did not change and a commit writes only
/// what did.
pub const CHUNK: usize = 256;

/// How much a new gap weighs in the usual interval: the factor of TCP's round-trip estimate (RFC 6298).
const INTERVAL_WEIGHT: f64 = 0.125;

/// An antenna is silent after this many of its usual intervals.
const SILENT_INTERVALS: f64 = 3.0;

/// An antenna is never silent before this many milliseconds.
const SILENT_MIN_MS: i64 = 15_000;

/// One antenna.
#[derive(Debug, Clone, PartialEq)]
pub struct Antenna {
    /// Its id.
    pub id: Arc<str>,
    /// Arrival of its newest counted reading, milliseconds since the epoch.
    pub last_arrival_ms: i64,
    /// Its newest event time counted, milliseconds since the epoch.
    pub newest_event_ms: i64,
    /// The highest `seq` counted.
    pub highest_seq: Option<u64>,
    /// Moving average of the gaps between arrivals, in milliseconds; `None` before the second reading.
    pub interval_ms: Option<f64>,
}

impl Antenna {
    /// An antenna of which nothing has been counted yet.
    #[must_use]
    pub const fn new(id: Arc<str>) -> Self {
        Self { id, last_arrival_ms: i64::MIN, newest_event_ms: i64::MIN, highest_seq: None, interval_ms: None }
    }

    /// Takes note of a counted reading.
    #[expect(clippy::cast_precision_loss, reason = "a gap in milliseconds is far below 2^53")]
    fn count(&mut self, arrival_ms: i64, event_ms: i64, seq: Option<u64>) {
        if self.last_arrival_ms != i64::MIN {
            let gap_ms = arrival_ms.saturating_sub(self.last_arrival_ms).max(0) as f64;
            self.interval_ms = Some(match self.interval_ms {
                None => gap_ms,
                Some(usual_ms) => usual_ms + INTERVAL_WEIGHT * (gap_ms - usual_ms),
            });
        }
        self.last_arrival_ms = self.last_arrival_ms.max(arrival_ms);
        self.newest_event_ms = self.newest_event_ms.max(event_ms);
        if seq.is_some() {
            self.highest_seq = seq;
        }
    }

    /// Whether no reading has arrived for three usual intervals, and for 15 s at least.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an age in milliseconds is far below 2^53")]
    pub fn is_silent(&self, now_ms: i64) -> bool {
        let age_ms = now_ms.saturating_sub(self.last_arrival_ms);
        age_ms >= SILENT_MIN_MS && age_ms as f64 >= SILENT_INTERVALS * self.interval_ms.unwrap_or(0.0)
    }
}

type Chunk = Vec<Option<Antenna>>;

/// All antennas by slot. Cloning is cheap: chunks are shared until one is written to.
#[derive(Debug, Clone, Default)]
pub struct Antennas {
    chunks: Vec<Arc<Chunk>>,
}

impl Antennas {
    /// Antennas read back from a commit, chunk by chunk.
    #[must_use]
    pub fn from_chunks(chunks: impl IntoIterator<Item = (usize, Vec<Option<Antenna>>)>) -> Self {
        let mut antennas = Self::default();
        for (index, chunk) in chunks {
            antennas.reach(index);
            antennas.chunks[index] = Arc::new(chunk);
        }
        antennas
    }

    /// Gives a slot to an antenna. A slot that was free or forgotten is overwritten.
    pub fn insert(&mut self, slot: Slot, id: Arc<str>) {
        let (chunk, row) = place(slot);
        self.reach(chunk);
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        if chunk.len() <= row {
            chunk.resize(row + 1, None);
        }
        chunk[row] = Some(Antenna::new(id));
    }

    /// The antenna in a slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&Antenna> {
        let (chunk, row) = place(slot);
        self.chunks.get(chunk)?.get(row)?.as_ref()
    }

    /// Takes note of a counted reading of the antenna in `slot`.
    pub fn count(&mut self, slot: Slot, arrival_ms: i64, event_ms: i64, seq: Option<u64>) {
        let (chunk, row) = place(slot);
        if let Some(antenna) = self.chunks.get_mut(chunk).and_then(|chunk| Arc::make_mut(chunk).get_mut(row)?.as_mut())
        {
            antenna.count(arrival_ms, event_ms, seq);
        }
    }

    /// The antennas with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Antenna)> {
        (0..).zip(&self.chunks).flat_map(|(chunk, antennas)| {
            (chunk * CHUNK as Slot..).zip(antennas.iter()).filter_map(|(slot, antenna)| Some((slot, antenna.as_ref()?)))
        })
    }

    /// One chunk, for a commit.
    #[must_use]
    pub fn chunk(&self, index: usize) -> &[Option<Antenna>] {
        self.chunks.get(index).map_or(&[], |chunk| chunk.as_slice())
    }

    /// Forgets the antennas of which no pane holds a reading, and returns the chunks that this changed.
    pub fn forget_before(&mut self, horizon_ms: i64) -> Vec<usize> {
        let is_gone = |antenna: &Option<Antenna>| antenna.as_ref().is_some_and(|it| it.newest_event_ms < horizon_ms);
        let mut changed = Vec::new();
        for (index, chunk) in self.chunks.iter_mut().enumerate() {
            if chunk.iter().any(is_gone) {
                for antenna in Arc::make_mut(chunk) {
                    if is_gone(antenna) {
                        *antenna = None;
                    }
                }
                changed.push(index);
            }
        }
        changed
    }

    /// An interner that gives these antennas their slots and uses the free slots first.
    #[must_use]
    pub fn interner(&self) -> Interner {
        let next = self.chunks.iter().enumerate().map(|(index, chunk)| index * CHUNK + chunk.len()).max().unwrap_or(0);
        let next = Slot::try_from(next).unwrap_or(Slot::MAX);
        let free = (0..next).rev().filter(|&slot| self.get(slot).is_none()).collect();
        Interner::new(self.iter().map(|(slot, antenna)| (Arc::clone(&antenna.id), slot)), free, next)
    }

    fn reach(&mut self, chunk: usize) {
        while self.chunks.len() <= chunk {
            self.chunks.push(Arc::default());
        }
    }
}

/// The chunk of a slot, and the row within it.
#[must_use]
pub const fn place(slot: Slot) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}
