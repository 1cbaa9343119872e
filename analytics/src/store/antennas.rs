//! What is known of each antenna beyond its panes: its id, its highest `seq`, when and how often it reports, the trouble
//! that it is in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use shared::api::{IncidentEnding, IncidentKind};

use super::expected::{Expected, Limits, OwnLimits, Rule};
use super::incidents::{Finished, Incidents};
use super::trouble::{self, Counted, Ended, Interval, Severity, Tally, Trouble};
use crate::ingest::decode::Interner;
use crate::readings::Slot;
use crate::settings::{Thresholds, in_ms};

/// Antennas are kept in chunks of this many, so that a snapshot shares what did not change and a commit writes only
/// what did.
pub const CHUNK: usize = 256;

/// How much a new gap weighs in the usual interval: the factor of TCP's round-trip estimate (RFC 6298).
const INTERVAL_WEIGHT: f64 = 0.125;

/// An antenna is silent after this many of its usual intervals.
const SILENT_INTERVALS: f64 = 3.0;

/// An antenna is never silent before this many milliseconds.
const SILENT_MIN_MS: i64 = 15_000;

/// One antenna. Chunks of them are copied while a snapshot shares them, so it is small.
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
    /// Event time of its first reading counted, milliseconds since the epoch.
    pub first_event_ms: i64,
    /// Moving average of the gaps between event times, in milliseconds; `None` before there are two.
    pub event_interval_ms: Option<f64>,
    /// The interval of event time that is judged next; empty where silence has closed it.
    pub open: Interval,
    /// The trouble that it is in.
    pub trouble: Option<Arc<Trouble>>,
    /// What is expected of it; `None` where the settings hold for all of it.
    pub expected: Option<Arc<Expected>>,
    /// Its newest event time when it was forgotten, for as long as a pane that waits for the archive may hold a reading of it,
    /// milliseconds since the epoch; `i64::MIN` otherwise.
    pub left_ms: i64,
}

impl Antenna {
    /// An antenna of which nothing has been counted yet.
    #[must_use]
    pub const fn new(id: Arc<str>) -> Self {
        Self {
            id,
            last_arrival_ms: i64::MIN,
            newest_event_ms: i64::MIN,
            highest_seq: None,
            interval_ms: None,
            first_event_ms: i64::MIN,
            event_interval_ms: None,
            open: Interval::NONE,
            trouble: None,
            expected: None,
            left_ms: i64::MIN,
        }
    }

    /// Whether nothing names it any more: it is forgotten, and no pane holds a reading of it.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        !self.has_started() && self.left_ms == i64::MIN
    }

    /// Whether a reading of it has been counted since it was new or forgotten.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.newest_event_ms != i64::MIN
    }

    /// What is expected of it.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.expected.as_deref().copied().unwrap_or_default()
    }

    fn rule(&self, thresholds: &Thresholds) -> Rule {
        self.expected.as_deref().map_or_else(|| Rule::from(*thresholds), |expected| Rule::of(expected, thresholds))
    }

    /// How often it is to report, in milliseconds; `None` where its usual interval says that.
    fn own_interval_ms(&self) -> Option<f64> {
        self.expected.as_deref().and_then(|expected| expected.interval).map(in_ms)
    }

    /// Takes note of a counted reading, and records what it ends: a silence, or trouble that it shows to be over. Returns for
    /// how many milliseconds it shows the antenna to have been available.
    #[expect(clippy::cast_precision_loss, reason = "a gap in milliseconds is far below 2^53")]
    fn count(&mut self, reading: &Counted, thresholds: &Thresholds, incidents: &mut Incidents) -> u64 {
        let available_ms = self.vouch(reading, thresholds);
        if self.has_started() {
            if self.is_missed(reading.arrival_ms) {
                self.close(thresholds, incidents);
                incidents.record(self.silence(reading.arrival_ms, IncidentEnding::Recovered));
            }
            let gap_ms = reading.arrival_ms.saturating_sub(self.last_arrival_ms).max(0) as f64;
            self.interval_ms = Some(match self.interval_ms {
                None => gap_ms,
                Some(usual_ms) => usual_ms + INTERVAL_WEIGHT * (gap_ms - usual_ms),
            });
        }
        self.last_arrival_ms = self.last_arrival_ms.max(reading.arrival_ms);
        self.newest_event_ms = self.newest_event_ms.max(reading.event_ms);
        if reading.seq.is_some() {
            self.highest_seq = reading.seq;
        }
        let passed = self.open.count(reading);
        self.judge(passed, thresholds, incidents);
        available_ms
    }

    /// For how many milliseconds before a reading it shows the antenna to have been available: since the newest event time so
    /// far; one usual interval where that is as long ago as silence takes; not at all where the reading is late, or down.
    ///
    /// All of it is in event time, so old readings that arrive at once are judged by when they were taken.
    #[expect(clippy::cast_precision_loss, reason = "a gap in milliseconds is far below 2^53")]
    #[expect(clippy::cast_possible_truncation, reason = "a usual interval is no longer than a gap")]
    fn vouch(&mut self, reading: &Counted, thresholds: &Thresholds) -> u64 {
        if !self.has_started() {
            self.first_event_ms = reading.event_ms;
            return 0;
        }
        let gap_ms = reading.event_ms.saturating_sub(self.newest_event_ms);
        if gap_ms <= 0 {
            return 0;
        }
        let own_ms = self.own_interval_ms();
        let patience_ms = patience_ms(own_ms.or(self.event_interval_ms));
        let vouched = |usual_ms: f64| if gap_ms < patience_ms { gap_ms } else { usual_ms as i64 };
        let (usual_ms, vouched_ms) = match self.event_interval_ms {
            None => (gap_ms as f64, own_ms.map_or(gap_ms, vouched)),
            Some(usual_ms) => {
                // How long a silence lasts says little about how often the antenna reports.
                let next_ms = usual_ms + INTERVAL_WEIGHT * (gap_ms.min(patience_ms) as f64 - usual_ms);
                (next_ms, vouched(own_ms.unwrap_or(usual_ms)))
            }
        };
        self.event_interval_ms = Some(usual_ms);
        let Counted { packets_sent, packets_lost, latency_ms, .. } = *reading;
        let is_down = thresholds.judge(packets_sent.into(), packets_lost.into(), latency_ms) == Some(Severity::Down);
        if is_down { 0 } else { vouched_ms.unsigned_abs() }
    }

    /// Judges an interval that has passed, if there is one, and records the trouble that it shows to be over.
    fn judge(&mut self, passed: Option<Interval>, thresholds: &Thresholds, incidents: &mut Incidents) {
        let Some(passed) = passed else { return };
        let rule = self.rule(thresholds);
        if let Some((ended, well_ms)) = trouble::judge(&mut self.trouble, &passed, &rule) {
            incidents.record(self.finished(&ended, well_ms, IncidentEnding::Recovered));
        }
    }

    /// Judges the open interval, which silence has closed.
    fn close(&mut self, thresholds: &Thresholds, incidents: &mut Incidents) {
        let passed = self.open.close();
        self.judge(passed, thresholds, incidents);
    }

    /// The trouble that it is in at a time, and the one that has ended by then without a reading that showed it: silence
    /// closes the open interval.
    #[must_use]
    pub fn trouble_at(&self, now_ms: i64, thresholds: &Thresholds) -> (Option<Arc<Trouble>>, Option<Ended>) {
        let mut trouble = self.trouble.clone();
        let is_closed = self.is_missed(now_ms) && self.open.has_readings();
        let ended = if is_closed { trouble::judge(&mut trouble, &self.open, &self.rule(thresholds)) } else { None };
        (trouble.filter(|trouble| !trouble.is_pending()), ended)
    }

    /// Ends what it is in the middle of, as of an arrival in milliseconds since the epoch, and knows nothing but its id and
    /// when it left any more.
    fn forget(&mut self, arrival_ms: i64, thresholds: &Thresholds, incidents: &mut Incidents) {
        self.close(thresholds, incidents);
        let (id, expected) = (Arc::clone(&self.id), self.expected.clone());
        let left = Self { left_ms: self.newest_event_ms, expected, ..Self::new(id) };
        let forgotten = std::mem::replace(self, left);
        if forgotten.is_missed(arrival_ms) {
            incidents.record(forgotten.silence(arrival_ms, IncidentEnding::Forgotten));
        }
        if let Some(trouble) = forgotten.trouble.as_deref().filter(|trouble| !trouble.is_pending()) {
            incidents.record(forgotten.finished(trouble, forgotten.newest_event_ms, IncidentEnding::Forgotten));
        }
    }

    fn silence(&self, end_ms: i64, ended_by: IncidentEnding) -> Finished {
        let antenna = Arc::clone(&self.id);
        let (kind, start_ms, tally) = (IncidentKind::Silent, self.last_arrival_ms, Tally::default());
        Finished { antenna, kind, start_ms, end_ms, ended_by, tally }
    }

    fn finished(&self, trouble: &Trouble, end_ms: i64, ended_by: IncidentEnding) -> Finished {
        let antenna = Arc::clone(&self.id);
        let Trouble { severity, start_ms, tally, .. } = *trouble;
        Finished { antenna, kind: severity.kind(), start_ms, end_ms, ended_by, tally }
    }

    /// The moment from which it is silent if nothing arrives until then, in milliseconds since the epoch: three usual
    /// intervals after the last arrival, or three of those that are expected, and 15 s at least.
    #[must_use]
    pub fn silent_from_ms(&self) -> i64 {
        self.last_arrival_ms.saturating_add(patience_ms(self.own_interval_ms().or(self.interval_ms)))
    }

    /// How much time usually lies between its readings, in milliseconds; `None` before it has reported at two times.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "an interval in milliseconds is far below 2^63")]
    pub fn usual_ms(&self) -> Option<i64> {
        self.event_interval_ms.map(|usual_ms| usual_ms as i64)
    }

    /// Whether its silence is an incident. Before the second reading nobody can tell how seldom it reports, unless that is said.
    #[must_use]
    pub fn is_missed(&self, now_ms: i64) -> bool {
        let is_known = self.interval_ms.is_some() || (self.has_started() && self.own_interval_ms().is_some());
        is_known && now_ms >= self.silent_from_ms()
    }
}

/// How long nothing comes until an antenna is silent, in milliseconds: three of its usual intervals, and 15 s at least.
#[expect(clippy::cast_possible_truncation, reason = "a few intervals in milliseconds are far below 2^63")]
fn patience_ms(usual_ms: Option<f64>) -> i64 {
    let patience_ms = (SILENT_INTERVALS * usual_ms.unwrap_or(0.0)).ceil() as i64;
    patience_ms.max(SILENT_MIN_MS)
}

/// The highest `seq` that an antenna can have come to: what a clock shows, in milliseconds since the epoch, in the unit in
/// which its highest one so far is a time, of seconds, milli-, micro- and nanoseconds the coarsest; for its first one, in
/// nanoseconds.
///
/// A higher one is not taken note of. Anybody can send one for any antenna, and all that the antenna sends itself would be
/// duplicates from then on.
pub(super) fn reached_seq(highest: Option<u64>, clock_ms: i64) -> u64 {
    let clock_ms = clock_ms.max(0).unsigned_abs();
    let nanoseconds = clock_ms.saturating_mul(1_000_000);
    let coarser = [clock_ms / 1_000, clock_ms, clock_ms.saturating_mul(1_000)];
    highest.and_then(|highest| coarser.into_iter().find(|clock| highest <= *clock)).unwrap_or(nanoseconds)
}

type Chunk = Vec<Option<Antenna>>;

/// All antennas by slot. Cloning is cheap: chunks are shared until one is written to.
#[derive(Debug, Clone, Default)]
pub struct Antennas {
    chunks: Vec<Arc<Chunk>>,
    /// No antenna's newest event time is below it, in milliseconds since the epoch: nothing is to be forgotten before.
    oldest_ms: i64,
    /// No antenna that was forgotten and is still named by a pane left before it.
    oldest_left_ms: i64,
    /// See [`Self::names`].
    names: u64,
    /// What of their limits is their own; worked out when a table is judged first, and shared until it may be another one.
    own_limits: Arc<OnceLock<Option<OwnLimits>>>,
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
        antennas.names = next_names();
        antennas
    }

    /// Gives a slot to an antenna. A slot that was free or forgotten is overwritten.
    pub fn insert(&mut self, slot: Slot, id: Arc<str>, expected: Option<Arc<Expected>>) {
        let (chunk, row) = place(slot);
        self.reach(chunk);
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        if chunk.len() <= row {
            chunk.resize(row + 1, None);
        }
        chunk[row] = Some(Antenna { expected, ..Antenna::new(id) });
        self.names = next_names();
        self.own_limits = Arc::default();
    }

    /// Says what is expected of each antenna, and returns the chunks that this changed, and whether limits are others than before.
    pub fn expect(&mut self, of: impl Fn(&str) -> Option<Arc<Expected>>) -> (Vec<usize>, bool) {
        let others = self.iter().filter_map(|(slot, antenna)| {
            let expected = of(&antenna.id);
            (expected != antenna.expected).then_some((slot, expected))
        });
        let others: Vec<_> = others.collect();
        let limits = |expected: &Option<Arc<Expected>>| {
            expected.as_deref().map(|it| (it.degraded_success_rate, it.degraded_latency)).unwrap_or_default()
        };
        let (mut chunks, mut are_limits_others) = (Vec::new(), false);
        for (slot, expected) in others {
            let (chunk, row) = place(slot);
            if let Some(antenna) = Arc::make_mut(&mut self.chunks[chunk])[row].as_mut() {
                are_limits_others |= limits(&antenna.expected) != limits(&expected);
                antenna.expected = expected;
                chunks.push(chunk);
            }
        }
        if are_limits_others {
            self.own_limits = Arc::default();
        }
        chunks.dedup();
        (chunks, are_limits_others)
    }

    /// By what they are judged in tables.
    #[must_use]
    pub fn limits(&self, thresholds: Thresholds) -> Limits {
        let own = self.own_limits.get_or_init(|| {
            OwnLimits::of(self.iter().filter_map(|(slot, antenna)| Some((slot, antenna.expected.as_deref()?))))
        });
        Limits::new(thresholds, own.clone())
    }

    /// The antenna in a slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&Antenna> {
        let (chunk, row) = place(slot);
        self.chunks.get(chunk)?.get(row)?.as_ref()
    }

    /// Takes note of a counted reading of the antenna in `slot`, and records the incidents that it ends. Returns for how many
    /// milliseconds it shows the antenna to have been available.
    pub fn count(&mut self, slot: Slot, reading: &Counted, thresholds: &Thresholds, incidents: &mut Incidents) -> u64 {
        let (chunk, row) = place(slot);
        let antenna = self.chunks.get_mut(chunk).and_then(|chunk| Arc::make_mut(chunk).get_mut(row)?.as_mut());
        antenna.map_or(0, |antenna| {
            if !antenna.has_started() {
                self.oldest_ms = self.oldest_ms.min(reading.event_ms);
            }
            antenna.count(reading, thresholds, incidents)
        })
    }

    /// The antennas with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Antenna)> {
        (0..).zip(&self.chunks).flat_map(|(chunk, antennas)| {
            (chunk * CHUNK as Slot..).zip(antennas.iter()).filter_map(|(slot, antenna)| Some((slot, antenna.as_ref()?)))
        })
    }

    /// Another whenever a slot is given to an antenna or taken from one. No two sets of antennas of a process share one, but for
    /// those without any.
    #[must_use]
    pub const fn names(&self) -> u64 {
        self.names
    }

    /// Number of chunks.
    #[must_use]
    pub const fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// One chunk, for a commit.
    #[must_use]
    pub fn chunk(&self, index: usize) -> &[Option<Antenna>] {
        self.chunks.get(index).map_or(&[], |chunk| chunk.as_slice())
    }

    /// The chunks that are not those of some antennas before.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let is_same =
            |index: &usize| before.chunks.get(*index).is_some_and(|before| Arc::ptr_eq(before, &self.chunks[*index]));
        (0..self.chunks.len()).filter(move |index| !is_same(index))
    }

    /// The same antennas with other ones in some chunks. Whether slots were given out or taken is for the caller to say.
    #[must_use]
    pub fn with_chunks(mut self, chunks: Vec<(usize, Vec<Option<Antenna>>)>, is_renamed: bool) -> Self {
        for (index, chunk) in chunks {
            self.reach(index);
            self.chunks[index] = Arc::new(chunk);
        }
        self.own_limits = Arc::default();
        if is_renamed {
            self.names = next_names();
        }
        self
    }

    /// Whether there may be an antenna of which no pane holds a reading.
    #[must_use]
    pub const fn may_forget_before(&self, horizon_ms: i64) -> bool {
        self.oldest_ms < horizon_ms
    }

    /// Forgets all but the ids of the antennas of which no pane holds a reading, and returns the chunks that this changed.
    ///
    /// What they were in the middle of ends as of the newest arrival counted, in milliseconds since the epoch. Incidents are
    /// recorded in the order of ids: slots differ from one run to another.
    pub fn forget_before(
        &mut self,
        horizon_ms: i64,
        arrival_ms: i64,
        thresholds: &Thresholds,
        incidents: &mut Incidents,
    ) -> Vec<usize> {
        let is_gone = |antenna: &Antenna| antenna.has_started() && antenna.newest_event_ms < horizon_ms;
        let mut gone: Vec<(Arc<str>, Slot)> =
            self.iter().filter(|(_, it)| is_gone(it)).map(|(slot, it)| (Arc::clone(&it.id), slot)).collect();
        gone.sort_unstable();
        let mut changed = Vec::new();
        for (_, slot) in gone {
            let (chunk, row) = place(slot);
            if let Some(antenna) = Arc::make_mut(&mut self.chunks[chunk])[row].as_mut() {
                antenna.forget(arrival_ms, thresholds, incidents);
                self.oldest_left_ms = self.oldest_left_ms.min(antenna.left_ms);
            }
            changed.push(chunk);
        }
        let known = self.iter().filter(|(_, antenna)| antenna.has_started());
        self.oldest_ms = known.map(|(_, antenna)| antenna.newest_event_ms).min().unwrap_or(i64::MAX);
        changed
    }

    /// Arrival of the newest reading counted of any antenna, in milliseconds since the epoch; `i64::MIN` where there is
    /// none.
    #[must_use]
    pub fn newest_arrival_ms(&self) -> i64 {
        self.iter().map(|(_, antenna)| antenna.last_arrival_ms).max().unwrap_or(i64::MIN)
    }

    /// No pane before a time in milliseconds since the epoch is left, so what was forgotten before it is named by none. Returns
    /// the chunks that this changed.
    pub fn let_go(&mut self, before_ms: i64) -> Vec<usize> {
        if self.oldest_left_ms >= before_ms {
            return Vec::new();
        }
        let left = |antenna: &Antenna| antenna.left_ms != i64::MIN;
        let lets_go = |antenna: &Antenna| left(antenna) && antenna.left_ms < before_ms;
        let slots: Vec<Slot> = self.iter().filter(|(_, it)| lets_go(it)).map(|(slot, _)| slot).collect();
        for &slot in &slots {
            let (chunk, row) = place(slot);
            if let Some(antenna) = Arc::make_mut(&mut self.chunks[chunk])[row].as_mut() {
                antenna.left_ms = i64::MIN;
            }
        }
        let still = self.iter().filter(|(_, antenna)| left(antenna)).map(|(_, antenna)| antenna.left_ms);
        self.oldest_left_ms = still.min().unwrap_or(i64::MAX);
        slots.into_iter().map(|slot| place(slot).0).collect()
    }

    /// Takes their slots from the antennas of which nothing is known but the id, and returns the chunks that this changed.
    pub fn free_forgotten(&mut self) -> Vec<usize> {
        let is_forgotten = |slot: &Option<Antenna>| slot.as_ref().is_some_and(Antenna::is_gone);
        self.names = next_names();
        let changed = (0..).zip(&mut self.chunks).filter(|(_, chunk)| chunk.iter().any(is_forgotten));
        changed
            .map(|(index, chunk)| {
                Arc::make_mut(chunk).iter_mut().filter(|slot| is_forgotten(slot)).for_each(|slot| *slot = None);
                index
            })
            .collect()
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

/// A number that no antennas of this process have had.
fn next_names() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The chunk of a slot, and the row within it.
#[must_use]
pub const fn place(slot: Slot) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}
