//! The incidents that have ended, in the order in which they did, the newest of them.
//!
//! Each has a number, counted from 0 since the stream's beginning; a chunk holds those whose number divided by [`CHUNK`]
//! is the chunk's. So incidents that end change the last chunk only, and the oldest chunk is dropped whole. Where there is an
//! archive, the oldest [`GROUP`] of chunks goes to a file instead once there are more than [`MAX_KEPT`].

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use shared::api::{IncidentEnding, IncidentKind};

use super::trouble::Tally;

/// Incidents are kept in chunks of this many, so that a snapshot shares what did not change and a commit writes only what
/// did.
pub const CHUNK: usize = 256;

/// At most so many incidents are kept, however long ago they ended; another one takes the place of the oldest chunk.
pub const MAX_KEPT: usize = 10_000;

/// So many chunks go to a file together.
const GROUP: u64 = 16;

/// While the archive is away, at most so many incidents wait for it.
pub const MAX_WAITING: usize = 2 * MAX_KEPT;

/// An incident that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The antenna's id.
    pub antenna: Arc<str>,
    /// The worst that it came to.
    pub kind: IncidentKind,
    /// When it began, milliseconds since the epoch.
    pub start_ms: i64,
    /// When it ended, milliseconds since the epoch.
    pub end_ms: i64,
    /// How it ended.
    pub ended_by: IncidentEnding,
    /// What was measured during it; nothing for silence.
    pub tally: Tally,
}

/// See the module. Cloning is cheap: chunks are shared until one is written to.
#[derive(Debug, Clone)]
pub struct Incidents {
    /// Number of the oldest chunk that is kept.
    first: u64,
    /// All full but the last.
    chunks: VecDeque<Arc<Vec<Finished>>>,
    /// Whether the oldest go to files.
    is_archived: bool,
    /// At most so many wait for the archive while it is away.
    waiting_max: usize,
    /// How many were dropped for no file while the archive was away.
    given_up: u64,
}

/// Incidents that are to be written to a file: full chunks.
#[derive(Debug, Clone)]
pub struct OldIncidents {
    /// The number of the first chunk.
    pub first: u64,
    /// The chunks.
    pub chunks: Vec<Arc<Vec<Finished>>>,
}

/// Which incidents there were at some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    first: u64,
    ended: u64,
}

impl Default for Incidents {
    fn default() -> Self {
        Self { first: 0, chunks: VecDeque::new(), is_archived: false, waiting_max: MAX_WAITING, given_up: 0 }
    }
}

impl Incidents {
    /// Incidents read back from a commit, chunk by chunk.
    ///
    /// # Errors
    /// The number of the chunk that does not follow the one before it, or is not full though another follows, with what
    /// is wrong.
    pub fn from_chunks(chunks: BTreeMap<u32, Vec<Finished>>) -> Result<Self, (u32, &'static str)> {
        let mut incidents = Self { first: chunks.keys().next().copied().unwrap_or_default().into(), ..Self::default() };
        for (number, chunk) in chunks {
            let next = incidents.first + incidents.chunks.len() as u64;
            if u64::from(number) != next || incidents.chunks.back().is_some_and(|last| last.len() != CHUNK) {
                return Err((number, "incidents are missing before it"));
            }
            if chunk.is_empty() || chunk.len() > CHUNK {
                return Err((number, "it has none or too many incidents"));
            }
            incidents.chunks.push_back(Arc::new(chunk));
        }
        Ok(incidents.with_patience())
    }

    /// The incidents, of which the oldest go to files or do not.
    #[must_use]
    pub fn with_archive(self, is_archived: bool) -> Self {
        Self { is_archived, ..self }
    }

    /// The oldest ones, if there are so many that they are to be written to a file. Which ones follows from which there are, so
    /// whoever writes them twice writes the same.
    #[must_use]
    pub fn old(&self) -> Option<OldIncidents> {
        let count = usize::try_from(GROUP - self.first % GROUP).ok()?;
        let is_due = self.is_archived && self.len() > MAX_KEPT;
        is_due.then(|| OldIncidents { first: self.first, chunks: self.chunks.iter().take(count).cloned().collect() })
    }

    /// Drops the chunks that a file holds, if they are still the oldest.
    pub fn drop_old(&mut self, first: u64, chunks: u64) -> bool {
        let is_oldest = self.first == first && chunks < self.chunks.len() as u64;
        if is_oldest {
            (0..chunks).for_each(|_| drop(self.chunks.pop_front()));
            self.first += chunks;
        }
        is_oldest
    }

    /// How many this process has dropped for no file, as the archive was away.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Takes note of an incident that has ended.
    pub fn record(&mut self, finished: Finished) {
        match self.chunks.back_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => Arc::make_mut(last).push(finished),
            None => self.chunks.push_back(Arc::new(vec![finished])),
        }
        if self.len() > if self.is_archived { self.waiting_max } else { MAX_KEPT } {
            self.chunks.pop_front();
            self.first += 1;
            self.given_up += if self.is_archived { CHUNK as u64 } else { 0 };
        }
    }

    /// How many have ended since the stream's beginning.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.first * CHUNK as u64 + self.len() as u64
    }

    /// Those that are kept, in the order in which they ended.
    pub fn iter(&self) -> impl Iterator<Item = &Finished> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// One chunk, for a commit.
    #[must_use]
    pub fn chunk(&self, number: u64) -> &[Finished] {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.chunks.get(index)).map_or(&[], |chunk| chunk.as_slice())
    }

    /// The numbers of all chunks.
    #[must_use]
    pub fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.chunks.len() as u64
    }

    /// Incidents in the order in which they ended, the first of which is the first of all.
    #[must_use]
    pub fn from_all(all: &[Finished]) -> Self {
        let chunks = all.chunks(CHUNK).map(|chunk| Arc::new(chunk.to_vec()));
        Self { chunks: chunks.collect(), ..Self::default() }.with_patience()
    }

    /// Those of several partitions, which together are more than one may have waiting, all get the time to be written to files.
    fn with_patience(self) -> Self {
        Self { waiting_max: self.waiting_max.max(self.len()), ..self }
    }

    /// Which there are now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { first: self.first, ended: self.ended() }
    }

    /// The chunks that were written to, and those that were dropped, since a mark.
    #[must_use]
    pub fn changes_since(&self, mark: Mark) -> (Range<u64>, Range<u64>) {
        const WIDTH: u64 = CHUNK as u64;
        let written = (mark.ended / WIDTH).max(self.first)..self.ended().div_ceil(WIDTH);
        (if mark.ended == self.ended() { 0..0 } else { written }, mark.first..self.first)
    }

    fn len(&self) -> usize {
        self.chunks.back().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(number: u64) -> Finished {
        let start_ms = i64::try_from(number).expect("a small number");
        Finished {
            antenna: "antenna".into(),
            kind: IncidentKind::Silent,
            start_ms,
            end_ms: start_ms + 1,
            ended_by: IncidentEnding::Recovered,
            tally: Tally::default(),
        }
    }

    /// Whatever was committed last, the chunks that a commit writes and drops turn it into what there is.
    #[test]
    fn the_newest_are_kept_and_a_commit_follows_them() {
        let (mut incidents, mut committed) = (Incidents::default(), BTreeMap::new());
        let mut mark = incidents.mark();
        for number in 0..3 * MAX_KEPT as u64 {
            incidents.record(finished(number));
            let kept = incidents.len() as u64;
            assert_eq!(incidents.ended(), number + 1);
            assert!(kept <= MAX_KEPT as u64 && kept + CHUNK as u64 > (number + 1).min(MAX_KEPT as u64));
            // Commits that are close to each other, and commits that are far apart.
            if number % 1_000 < 3 || number % 4_999 == 0 {
                let (written, dropped) = incidents.changes_since(mark);
                mark = incidents.mark();
                for number in written {
                    let key = u32::try_from(number).expect("a small number");
                    committed.insert(key, incidents.chunk(number).to_vec());
                }
                committed.retain(|number, _| !dropped.contains(&u64::from(*number)));
                assert_eq!(incidents.changes_since(mark), (0..0, mark.first..mark.first));
                let read = Incidents::from_chunks(committed.clone()).expect("whole chunks");
                assert_eq!(read.mark(), mark);
                assert!(
                    read.iter().eq(incidents.iter())
                        && read.iter().map(|it| it.start_ms as u64).eq(number + 1 - kept..=number)
                );
            }
        }
    }

    #[test]
    fn chunks_that_do_not_follow_each_other_are_told() {
        let chunk = |count: usize| (0..count as u64).map(finished).collect::<Vec<_>>();
        for (chunks, culprit) in [
            (vec![(0, chunk(CHUNK)), (2, chunk(1))], 2),
            (vec![(0, chunk(CHUNK - 1)), (1, chunk(1))], 1),
            (vec![(7, chunk(0))], 7),
            (vec![(7, chunk(CHUNK + 1))], 7),
        ] {
            assert_eq!(Incidents::from_chunks(chunks.into_iter().collect()).expect_err("told").0, culprit);
        }
    }
}
