//! What is known of an antenna beyond its readings: how often it reports, and when it was in trouble.

use shared::UnixMillis;
use shared::api::{Incident, IncidentEnding, IncidentKind};

use crate::Counted;
use crate::measures::{is_degraded, is_down, success_rate};
use crate::settings::{Expected, Settings, floor};

/// An antenna is silent after this many of its usual intervals.
const SILENT_INTERVALS: f64 = 3.0;

/// An antenna is never silent before this time.
const SILENT_MIN_MS: i64 = 15_000;

/// Readings are judged over intervals of this length.
const INTERVAL_MS: i64 = 30_000;

/// An incident that has ended.
pub(crate) type Ended = Incident;

/// One antenna.
#[derive(Debug, Clone)]
pub(crate) struct Antenna {
    pub(crate) id: String,
    pub(crate) expected: Expected,
    /// Arrival of its newest reading; `i64::MIN` where none was counted since it was new or forgotten.
    pub(crate) last_arrival_ms: i64,
    pub(crate) newest_event_ms: i64,
    pub(crate) highest_seq: Option<u64>,
    /// Moving average of the gaps between arrivals; a new gap weighs an eighth.
    usual_gap_ms: Option<f64>,
    /// The first event time counted.
    pub(crate) first_event_ms: i64,
    /// The same average of the gaps between event times; a gap that is a silence counts as no longer than it takes to be one.
    pub(crate) usual_event_gap_ms: Option<f64>,
    /// The interval of event time that is not over yet.
    open: Option<Interval>,
    /// The intervals from the first bad one of an incident that lasts; empty where all is well.
    course: Vec<Interval>,
}

/// What was measured over an interval.
#[derive(Debug, Clone)]
struct Interval {
    start_ms: i64,
    /// Event time of its first reading.
    first_ms: i64,
    /// It was closed before its time.
    is_judged: bool,
    sent: u64,
    lost: u64,
    /// Readings that carry a latency, and the sum of these.
    timed: u32,
    latency_ms: f64,
}

impl Antenna {
    pub(crate) const fn new(id: String, expected: Expected) -> Self {
        Self {
            id,
            expected,
            last_arrival_ms: i64::MIN,
            newest_event_ms: i64::MIN,
            highest_seq: None,
            usual_gap_ms: None,
            first_event_ms: i64::MIN,
            usual_event_gap_ms: None,
            open: None,
            course: Vec::new(),
        }
    }

    /// Whether a reading was counted since it was new or forgotten.
    pub(crate) const fn has_started(&self) -> bool {
        self.newest_event_ms != i64::MIN
    }

    /// The settings that it is judged by, where these are those of all.
    pub(crate) fn own(&self, settings: &Settings) -> Settings {
        settings.of(&self.expected)
    }

    /// For how long before a reading that counts the antenna was available: since the event time before it if it is not late,
    /// or for a usual gap of event times if there was silence between the two; not at all if the reading is down.
    pub(crate) fn available_ms(&self, reading: &Counted) -> i64 {
        if !self.has_started()
            || reading.event_ms <= self.newest_event_ms
            || is_down(reading.packets.into(), reading.lost.into())
        {
            return 0;
        }
        let gap_ms = reading.event_ms - self.newest_event_ms;
        match self.expected.interval_ms.or(self.usual_event_gap_ms) {
            Some(usual_ms) if gap_ms >= silent_after_ms(usual_ms) => usual_ms.floor() as i64,
            _ => gap_ms,
        }
    }

    /// Takes note of when a reading that counts was taken.
    fn take_note_of_time(&mut self, event_ms: i64) {
        if !self.has_started() {
            self.first_event_ms = event_ms;
        } else if event_ms > self.newest_event_ms {
            let gap_ms = event_ms - self.newest_event_ms;
            self.usual_event_gap_ms = Some(self.usual_event_gap_ms.map_or(gap_ms as f64, |usual_ms| {
                let gap_ms = gap_ms.min(silent_after_ms(self.expected.interval_ms.unwrap_or(usual_ms)));
                usual_ms + (gap_ms as f64 - usual_ms) / 8.0
            }));
        }
        self.newest_event_ms = self.newest_event_ms.max(event_ms);
    }

    /// How much time usually lies between its readings by their event times, in seconds, to the millisecond.
    pub(crate) fn interval_seconds(&self) -> Option<f64> {
        self.usual_event_gap_ms.map(|usual_ms| usual_ms.floor() / 1000.0)
    }

    /// For how much of `[start, end)` the antenna was available, and for how much it was observed, by its readings of that time;
    /// nothing where nothing can be said. `missed_until_ms` is the time up to which it is missed, if it is.
    pub(crate) fn availability(
        &self,
        readings: &[&Counted],
        (start_ms, end_ms): (i64, i64),
        missed_until_ms: Option<i64>,
    ) -> (i64, i64) {
        let Some(usual_ms) = self.usual_event_gap_ms else { return (0, 0) };
        let usual_ms = usual_ms.floor() as i64;
        let until_ms = if self.newest_event_ms >= end_ms {
            end_ms - usual_ms
        } else if let Some(missed_until_ms) = missed_until_ms {
            self.newest_event_ms.max(missed_until_ms - usual_ms)
        } else {
            self.newest_event_ms
        };
        let observed_ms = (until_ms - start_ms.max(self.first_event_ms)).max(0);
        let available_ms: i64 = readings.iter().map(|reading| reading.available_ms).sum();
        (available_ms.min(observed_ms), observed_ms)
    }

    /// Takes note of a reading that counts, and returns the incidents that it ends.
    pub(crate) fn count(&mut self, reading: &Counted, settings: &Settings) -> Vec<Ended> {
        let (mut ended, settings) = (Vec::new(), &self.own(settings));
        if self.has_started() {
            let silence = self.silence(reading.arrival_ms, Some((reading.arrival_ms, IncidentEnding::Recovered)));
            if silence.is_some() {
                ended.extend(self.close_open(settings));
            }
            ended.extend(silence);
            // The ids of a stream that was made anew may go back.
            let gap_ms = (reading.arrival_ms - self.last_arrival_ms).max(0) as f64;
            self.usual_gap_ms = Some(self.usual_gap_ms.map_or(gap_ms, |usual_ms| usual_ms + (gap_ms - usual_ms) / 8.0));
        }
        self.last_arrival_ms = self.last_arrival_ms.max(reading.arrival_ms);
        self.take_note_of_time(reading.event_ms);
        self.highest_seq = reading.seq.or(self.highest_seq);
        ended.extend(self.add(reading, settings));
        ended
    }

    /// Adds a reading to its interval. The first one of a later interval closes the one before; one of an earlier interval
    /// changes nothing. Returns the incident that this ends.
    fn add(&mut self, reading: &Counted, settings: &Settings) -> Option<Ended> {
        let start_ms = floor(reading.event_ms, INTERVAL_MS);
        let closed = match &mut self.open {
            Some(open) if start_ms < open.start_ms => return None,
            Some(open) if start_ms == open.start_ms && !open.is_judged => {
                open.add(reading);
                None
            }
            open => {
                // What follows what was judged does not begin before it.
                let before = open.as_ref().filter(|open| open.start_ms == start_ms);
                let first_ms = before.map_or(reading.event_ms, |open| open.first_ms.max(reading.event_ms));
                let mut next = Interval::new(start_ms, first_ms);
                next.add(reading);
                open.replace(next)
            }
        };
        closed.filter(|interval| !interval.is_judged).and_then(|interval| self.close(interval, settings))
    }

    /// Silence, or being forgotten, closes the interval that is not over. What follows within it is judged by itself.
    fn close_open(&mut self, settings: &Settings) -> Option<Ended> {
        let open = self.open.as_mut().filter(|open| !open.is_judged)?;
        let closed = open.clone();
        open.is_judged = true;
        self.close(closed, settings)
    }

    /// Goes on with an incident or begins one. Well intervals behind each other end it.
    fn close(&mut self, interval: Interval, settings: &Settings) -> Option<Ended> {
        if self.course.is_empty() && interval.kind(settings).is_none() {
            return None;
        }
        let is_well = interval.kind(settings).is_none();
        self.course.push(interval);
        if !self.is_raised(settings) {
            if is_well {
                self.course.clear();
            }
            return None;
        }
        let well = self.course.iter().rev().take_while(|interval| interval.kind(settings).is_none()).count();
        if well < self.expected.clear_after.unwrap_or(2) {
            return None;
        }
        let end_ms = self.course[self.course.len() - well].first_ms;
        let ended = self.trouble(settings, Some((end_ms, IncidentEnding::Recovered)));
        self.course.clear();
        ended
    }

    /// Whether its course begins with so many bad intervals as make an incident.
    fn is_raised(&self, settings: &Settings) -> bool {
        let bad = self.course.iter().take_while(|interval| interval.kind(settings).is_some()).count();
        bad >= self.expected.raise_after.unwrap_or(1)
    }

    /// Ends what it is in the middle of, as of an arrival, and knows nothing but its id any more.
    pub(crate) fn forget(&mut self, arrival_ms: i64, settings: &Settings) -> Vec<Ended> {
        let settings = &self.own(settings);
        let ended = self.close_open(settings);
        let silence = self.silence(arrival_ms, Some((arrival_ms, IncidentEnding::Forgotten)));
        let trouble = self.trouble(settings, Some((self.newest_event_ms, IncidentEnding::Forgotten)));
        *self = Self::new(std::mem::take(&mut self.id), self.expected);
        ended.into_iter().chain(silence).chain(trouble).collect()
    }

    /// Whether nothing has arrived for three usual intervals, and for 15 s at least.
    pub(crate) fn is_silent(&self, now_ms: i64) -> bool {
        let gap_ms = now_ms.saturating_sub(self.last_arrival_ms);
        gap_ms >= SILENT_MIN_MS
            && gap_ms as f64 >= SILENT_INTERVALS * self.expected.interval_ms.or(self.usual_gap_ms).unwrap_or(0.0)
    }

    /// What lasts at a time, and what silence has ended by then.
    pub(crate) fn current(&self, settings: &Settings, now_ms: i64) -> impl Iterator<Item = Incident> {
        let (silence, settings) = (self.silence(now_ms, None), &self.own(settings));
        let mut then = self.clone();
        let ended = silence.as_ref().and_then(|_| then.close_open(settings));
        silence.into_iter().chain(ended).chain(then.trouble(settings, None))
    }

    /// The silence since its newest reading, if it is one at a time. How often it reports is not known after its first reading,
    /// unless that is said.
    fn silence(&self, now_ms: i64, end: Option<(i64, IncidentEnding)>) -> Option<Incident> {
        let is_known = self.has_started() && self.expected.interval_ms.or(self.usual_gap_ms).is_some();
        let is_silence = is_known && self.is_silent(now_ms);
        is_silence.then(|| self.incident(IncidentKind::Silent, self.last_arrival_ms, end, &[]))
    }

    /// The incident of its course, if there is one: from its first interval, which is bad, to the last bad one.
    fn trouble(&self, settings: &Settings, end: Option<(i64, IncidentEnding)>) -> Option<Incident> {
        if !self.is_raised(settings) {
            return None;
        }
        let last_bad = self.course.iter().rposition(|interval| interval.kind(settings).is_some())?;
        let during = &self.course[..=last_bad];
        // The kinds are in the order of the contract, worst first.
        let kind = during.iter().filter_map(|interval| interval.kind(settings)).min()?;
        Some(self.incident(kind, during[0].first_ms, end, during))
    }

    /// Its duration is worked out where it is asked for, if it lasts.
    fn incident(
        &self,
        kind: IncidentKind,
        start_ms: i64,
        end: Option<(i64, IncidentEnding)>,
        during: &[Interval],
    ) -> Incident {
        let end_ms = end.map(|(end_ms, _)| UnixMillis(end_ms));
        Incident {
            antenna_id: self.id.clone(),
            kind,
            start: UnixMillis(start_ms),
            end: end_ms,
            ended_by: end.map(|(_, ended_by)| ended_by),
            duration_seconds: end_ms.map_or(0.0, |end| duration_seconds(UnixMillis(start_ms), end)),
            packets_sent: during.iter().map(|interval| interval.sent).sum(),
            packets_lost: during.iter().map(|interval| interval.lost).sum(),
            worst_success_rate: during.iter().filter_map(Interval::success_rate).min_by(f64::total_cmp),
            worst_latency_ms: during.iter().filter_map(Interval::mean_latency_ms).max_by(f64::total_cmp),
            // It knows neither of antennas in front of others nor of alerts.
            caused_by: None,
            held: None,
            acknowledged: None,
        }
    }
}

/// Three usual gaps, and 15 s at least.
fn silent_after_ms(usual_ms: f64) -> i64 {
    SILENT_MIN_MS.max((SILENT_INTERVALS * usual_ms).ceil() as i64)
}

/// Seconds from a start to an end; none where the end is before it.
pub(crate) fn duration_seconds(start: UnixMillis, end: UnixMillis) -> f64 {
    UnixMillis((end.0 - start.0).max(0)).seconds()
}

impl Interval {
    const fn new(start_ms: i64, first_ms: i64) -> Self {
        Self { start_ms, first_ms, is_judged: false, sent: 0, lost: 0, timed: 0, latency_ms: 0.0 }
    }

    fn add(&mut self, reading: &Counted) {
        self.sent += u64::from(reading.packets);
        self.lost += u64::from(reading.lost);
        if let Some(latency_ms) = reading.latency_ms {
            self.timed += 1;
            self.latency_ms += latency_ms;
        }
    }

    fn success_rate(&self) -> Option<f64> {
        success_rate(self.sent, self.lost)
    }

    fn mean_latency_ms(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.latency_ms / f64::from(self.timed))
    }

    /// What is wrong in it; `None` where all is well.
    fn kind(&self, settings: &Settings) -> Option<IncidentKind> {
        if is_down(self.sent, self.lost) {
            Some(IncidentKind::Down)
        } else if is_degraded(self.success_rate(), self.mean_latency_ms(), settings) {
            Some(IncidentKind::Degraded)
        } else {
            None
        }
    }
}
