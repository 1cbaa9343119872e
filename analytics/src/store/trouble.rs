//! Trouble of one antenna: the rule that tells it, the intervals that are judged by it, the incident that bad ones make.
//!
//! Readings of an antenna are added up over intervals of event time. The first reading of a later interval closes the one
//! before, which is judged then, and so does silence, or the antenna being forgotten. So the outcome depends on the antenna's
//! readings and their order alone.

use std::sync::Arc;

use shared::api::IncidentKind;

use super::expected::Rule;
use super::grid::Grid;
use crate::settings::Thresholds;

/// An antenna's readings are judged together over so many milliseconds of event time, from multiples of it since the epoch.
pub const INTERVAL_MS: i64 = 30_000;

/// So many well intervals behind each other end an incident, unless something else is expected of the antenna. Intervals without a reading do not exist.
pub const WELL_INTERVALS: u32 = 2;

const INTERVALS: Grid = Grid::of_width(INTERVAL_MS);

/// A reading that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Arrival at the broker, milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Event time, milliseconds since the epoch.
    pub event_ms: i64,
    /// Packets sent.
    pub packets_sent: u32,
    /// Packets lost.
    pub packets_lost: u32,
    /// Latency in milliseconds.
    pub latency_ms: Option<f64>,
    /// Sequence number.
    pub seq: Option<u64>,
}

/// How bad an antenna fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The success rate is below, or the mean latency above, its threshold.
    Degraded,
    /// Packets were sent and all were lost.
    Down,
}

impl Severity {
    /// The kind of incident that it makes.
    #[must_use]
    pub const fn kind(self) -> IncidentKind {
        match self {
            Self::Degraded => IncidentKind::Degraded,
            Self::Down => IncidentKind::Down,
        }
    }
}

impl Thresholds {
    /// The contract's rule for `down` and `degraded`, for a window as for an interval; `None` where all is well.
    #[must_use]
    pub fn judge(&self, packets_sent: u64, packets_lost: u64, mean_latency_ms: Option<f64>) -> Option<Severity> {
        let threshold_ms = self.degraded_latency_ms();
        if packets_sent > 0 && packets_lost == packets_sent {
            Some(Severity::Down)
        } else if success_rate(packets_sent, packets_lost).is_some_and(|rate| rate < self.degraded_success_rate)
            || mean_latency_ms.is_some_and(|mean_ms| mean_ms > threshold_ms)
        {
            Some(Severity::Degraded)
        } else {
            None
        }
    }
}

/// Delivered of sent packets; `None` where none was sent.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "packets of a window are far below 2^53")]
pub fn success_rate(packets_sent: u64, packets_lost: u64) -> Option<f64> {
    (packets_sent > 0).then(|| (packets_sent - packets_lost) as f64 / packets_sent as f64)
}

/// Added to [`Interval::first_after_ms`] of an interval that has been judged. No reading of an interval is as late as its end.
#[expect(clippy::cast_possible_truncation, reason = "a constant of 30,000")]
const JUDGED: u32 = INTERVAL_MS as u32;

/// The sums of one antenna's readings over one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Where it begins, milliseconds since the epoch; `i64::MIN` where there is none.
    pub start_ms: i64,
    /// Event time of its first reading, milliseconds after its beginning; an interval's length more where what was measured in it
    /// has been judged, and nothing has come since.
    pub first_after_ms: u32,
    /// Readings that carry a latency.
    pub latencies: u32,
    /// The sum of their latencies in milliseconds.
    pub latency_sum_ms: f64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets lost.
    pub packets_lost: u64,
}

impl Interval {
    /// Before the first reading.
    pub const NONE: Self = Self {
        start_ms: i64::MIN,
        first_after_ms: 0,
        latencies: 0,
        latency_sum_ms: 0.0,
        packets_sent: 0,
        packets_lost: 0,
    };

    /// Adds a reading of this interval, or begins its interval with it and returns the one that has passed. A reading of
    /// an earlier interval is late: what was judged stands.
    #[must_use]
    #[inline]
    pub fn count(&mut self, reading: &Counted) -> Option<Self> {
        let &Counted { event_ms, packets_sent, packets_lost, latency_ms, .. } = reading;
        let is_within = (0..INTERVAL_MS).contains(&event_ms.wrapping_sub(self.start_ms));
        if !is_within && event_ms < self.start_ms {
            return None;
        }
        let passed = if is_within && self.has_readings() { None } else { self.begin(event_ms) };
        self.packets_sent += u64::from(packets_sent);
        self.packets_lost += u64::from(packets_lost);
        if let Some(latency_ms) = latency_ms {
            self.latencies = self.latencies.saturating_add(1);
            self.latency_sum_ms += latency_ms;
        }
        passed
    }

    /// Becomes the interval that an event time begins, and returns the one that has passed.
    #[cold]
    fn begin(&mut self, first_ms: i64) -> Option<Self> {
        let start_ms = INTERVALS.floor(first_ms);
        let first_after_ms = u32::try_from(first_ms - start_ms).unwrap_or_default();
        let mut next = Self { start_ms, first_after_ms, ..Self::NONE };
        if start_ms == self.start_ms {
            // What follows what was judged does not begin before it.
            next.first_after_ms = first_after_ms.max(self.first_after_ms.saturating_sub(JUDGED));
        }
        let passed = std::mem::replace(self, next);
        passed.has_readings().then_some(passed)
    }

    /// Ends before its time, and returns what was measured in it. What follows within it is judged by itself.
    #[must_use]
    pub fn close(&mut self) -> Option<Self> {
        let closed =
            Self { start_ms: self.start_ms, first_after_ms: self.first_after_ms.saturating_add(JUDGED), ..Self::NONE };
        self.has_readings().then(|| std::mem::replace(self, closed))
    }

    /// Whether something was measured in it that has not been judged.
    #[must_use]
    pub const fn has_readings(&self) -> bool {
        self.start_ms != i64::MIN && self.first_after_ms < JUDGED
    }

    /// Event time of its first reading, milliseconds since the epoch.
    #[must_use]
    pub fn first_ms(&self) -> i64 {
        self.start_ms + i64::from(self.first_after_ms)
    }

    fn mean_latency_ms(&self) -> Option<f64> {
        (self.latencies > 0).then(|| self.latency_sum_ms / f64::from(self.latencies))
    }
}

/// What was measured over some intervals.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets lost.
    pub packets_lost: u64,
    /// The lowest success rate of an interval; `None` where no packet was sent.
    pub worst_success_rate: Option<f64>,
    /// The highest mean latency of an interval, in milliseconds; `None` where no reading carries one.
    pub worst_latency_ms: Option<f64>,
}

impl Tally {
    fn of(interval: &Interval) -> Self {
        Self {
            packets_sent: interval.packets_sent,
            packets_lost: interval.packets_lost,
            worst_success_rate: success_rate(interval.packets_sent, interval.packets_lost),
            worst_latency_ms: interval.mean_latency_ms(),
        }
    }

    fn add(&mut self, more: &Self) {
        let worst = |a: Option<f64>, b: Option<f64>, worse: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(worse(a, b)),
            (a, b) => a.or(b),
        };
        self.packets_sent += more.packets_sent;
        self.packets_lost += more.packets_lost;
        self.worst_success_rate = worst(self.worst_success_rate, more.worst_success_rate, f64::min);
        self.worst_latency_ms = worst(self.worst_latency_ms, more.worst_latency_ms, f64::max);
    }
}

/// Trouble that lasts: bad intervals, with too few well ones between them to end it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// The worst that it came to.
    pub severity: Severity,
    /// Event time of the first reading of the first bad interval, milliseconds since the epoch.
    pub start_ms: i64,
    /// From its start to its last bad interval.
    pub tally: Tally,
    /// The well intervals since.
    pub calm: Calm,
    /// The bad intervals behind each other, as long as they are too few to be an incident; 0 once it is one.
    pub pending: u32,
}

/// Well intervals behind the last bad one. They count as trouble only if a bad one follows in time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calm {
    /// How many there are.
    pub intervals: u32,
    /// Event time of the first reading of the first of them, milliseconds since the epoch.
    pub since_ms: i64,
    /// What was measured in them.
    pub tally: Tally,
}

/// Trouble that has ended, and when: the event time in milliseconds since the epoch of the first reading that was well.
pub type Ended = (Arc<Trouble>, i64);

/// Judges an interval that has passed: it begins trouble, goes on with it, or ends it. Returns the incident that it ended.
#[must_use]
pub fn judge(trouble: &mut Option<Arc<Trouble>>, passed: &Interval, rule: &Rule) -> Option<Ended> {
    let severity = rule.thresholds.judge(passed.packets_sent, passed.packets_lost, passed.mean_latency_ms());
    let Some(open) = trouble else {
        *trouble = severity.map(|severity| Arc::new(Trouble::begin(severity, passed, rule)));
        return None;
    };
    if open.is_pending() && severity.is_none() {
        *trouble = None;
        return None;
    }
    let open = Arc::make_mut(open);
    match severity {
        Some(severity) => open.go_on(severity, passed, rule),
        None => open.calm(passed),
    }
    if open.calm.intervals < rule.clear_after {
        return None;
    }
    let well_ms = open.calm.since_ms;
    trouble.take().map(|ended| (ended, well_ms))
}

impl Trouble {
    fn begin(severity: Severity, bad: &Interval, rule: &Rule) -> Self {
        let pending = u32::from(rule.raise_after > 1);
        Self { severity, start_ms: bad.first_ms(), tally: Tally::of(bad), calm: Calm::default(), pending }
    }

    /// Whether it is no incident yet.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.pending > 0
    }

    fn go_on(&mut self, severity: Severity, bad: &Interval, rule: &Rule) {
        if self.is_pending() {
            self.pending += 1;
            if self.pending >= rule.raise_after {
                self.pending = 0;
            }
        }
        let calm = std::mem::take(&mut self.calm);
        self.severity = self.severity.max(severity);
        self.tally.add(&calm.tally);
        self.tally.add(&Tally::of(bad));
    }

    fn calm(&mut self, well: &Interval) {
        if self.calm.intervals == 0 {
            self.calm.since_ms = well.first_ms();
        }
        self.calm.intervals += 1;
        self.calm.tally.add(&Tally::of(well));
    }
}
