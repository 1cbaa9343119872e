//! When antennas report, and when what they reported arrives: some rest, and the uplink of some holds readings back.

use std::ops::Range;

use shared::UnixMillis;

use super::counters::{INCIDENT_PERIOD, noise};
use super::network::{Ailment, Antenna};
use super::window::{Now, Window, floor_to};
use super::{PANE_SECONDS, SILENT_AFTER_SECONDS};

/// Antennas that rest take turns: each reports in one half of this many seconds and is silent in the other. It is twice
/// the incident's period, and turns are taken well away from the incident.
pub(super) const TURNS: i64 = 2 * INCIDENT_PERIOD * PANE_SECONDS;

/// Who rests stops before the other one resumes by the time after which it counts as silent.
const REPORTING: i64 = TURNS / 2 - SILENT_AFTER_SECONDS;

/// The uplink of some antennas holds back the first readings of each of these many seconds.
pub(super) const HOLD_PERIOD: i64 = 120;

/// The readings that are held back, in seconds from the period's start: the first of a pane.
const HELD: Range<i64> = 40..43;

/// When they arrive, in seconds from the period's start: their pane has closed.
const RELEASED: i64 = 52;

impl Antenna {
    /// Whether the reading of a second was counted by `now`, and is retained.
    pub(super) fn is_counted(&self, second: i64, now: Now) -> bool {
        (now.oldest..now.second).contains(&second) && self.gaps(second, second + 1, now.second).next().is_none()
    }

    /// The second after that of the newest reading.
    pub(super) fn last_reading(&self, now: i64) -> i64 {
        self.gaps(now - 1, now, now).next().map_or(now, |gap| match self.ailment {
            Ailment::Resting { resumes } => floor_to(gap.start - resumes, TURNS) + resumes + REPORTING,
            _ => floor_to(gap.start, HOLD_PERIOD) + HELD.start,
        })
    }

    /// The parts of the seconds `[from, to)` of which nothing had been counted by `now`.
    pub(super) fn gaps(&self, from: i64, to: i64, now: i64) -> impl Iterator<Item = Range<i64>> {
        self.ailment.absence(now).into_iter().flat_map(move |absence| {
            let from = from.max(absence.since);
            absence.after(from).take_while(move |gap| gap.start < to).filter_map(move |gap| {
                let (start, end) = (gap.start.max(from), gap.end.min(to));
                (start < end).then_some(start..end)
            })
        })
    }

    /// Event time of the reading of a second.
    pub(super) fn event(&self, second: i64) -> UnixMillis {
        // Those whose uplink holds readings back are of the older kind, which tells full seconds.
        let offset = if self.ailment == Ailment::Late { 0.0 } else { 900.0 * noise(u64::from(self.index), 0, 4) };
        UnixMillis(second * 1000 + offset as i64)
    }

    /// Arrival of the reading of a second at the broker.
    pub(super) fn arrival(&self, second: i64) -> UnixMillis {
        if self.is_late(second) {
            let start = floor_to(second, HOLD_PERIOD);
            return UnixMillis((start + RELEASED - 1) * 1000 + 900 + second - start);
        }
        UnixMillis(self.event(second).0 + 15 + (60.0 * noise(u64::from(self.index), second, 12)) as i64)
    }

    /// Whether the reading of a second arrives after its pane has closed.
    pub(super) fn is_late(&self, second: i64) -> bool {
        self.ailment == Ailment::Late && HELD.contains(&second.rem_euclid(HOLD_PERIOD))
    }

    /// Whether a pane of a window changed after it had closed.
    pub(super) fn is_revised(&self, window: Window) -> bool {
        let Window { start, end, now, .. } = window;
        let newest = floor_to((end - 1 - HELD.start).min(now.second - RELEASED), HOLD_PERIOD) + HELD.start;
        self.ailment == Ailment::Late && newest >= start.max(now.oldest)
    }

    /// The times of silence that were not over before `from`, as seconds; oldest first.
    pub(super) fn silences(&self, from: i64, now: i64) -> impl Iterator<Item = Range<i64>> {
        let rests = self.ailment.absence(now).filter(|_| matches!(self.ailment, Ailment::Resting { .. }));
        let rests = rests.into_iter().flat_map(move |absence| absence.after(from - TURNS));
        rests.take_while(move |rest| rest.start + SILENT_AFTER_SECONDS < now).filter(move |rest| rest.end >= from)
    }

    /// Readings that were counted from a second up to `now`, however long ago that was.
    pub(super) fn readings_since(&self, from: i64, now: i64) -> i64 {
        if let Ailment::Resting { resumes } = self.ailment {
            let turn = |second: i64| ((second - resumes).div_euclid(TURNS), (second - resumes).rem_euclid(TURNS));
            let reported = |(turns, seconds): (i64, i64)| turns * REPORTING + seconds.min(REPORTING);
            return reported(turn(now)) - reported(turn(from));
        }
        now - from - self.gaps(from, now, now).map(|gap| gap.end - gap.start).sum::<i64>()
    }
}

/// Seconds of each period of which nothing is counted.
#[derive(Debug, Clone)]
struct Absence {
    /// Nothing is absent before this second.
    since: i64,
    period: i64,
    /// A second at which a period begins.
    origin: i64,
    /// In seconds from the period's start.
    gap: Range<i64>,
}

impl Absence {
    /// The gaps from the period that holds a second on.
    fn after(self, from: i64) -> impl Iterator<Item = Range<i64>> {
        let first = floor_to(from - self.origin, self.period) + self.origin;
        (0..).map(move |at| first + at * self.period).map(move |start| start + self.gap.start..start + self.gap.end)
    }
}

impl Ailment {
    fn absence(self, now: i64) -> Option<Absence> {
        match self {
            Self::Resting { resumes } => {
                Some(Absence { since: i64::MIN, period: TURNS, origin: resumes, gap: REPORTING..TURNS })
            }
            // What was held back in earlier periods has arrived; so has this one's after its release.
            Self::Late => {
                let since = floor_to(now, HOLD_PERIOD);
                let is_out = now - since >= RELEASED;
                (!is_out).then_some(Absence { since, period: HOLD_PERIOD, origin: 0, gap: HELD })
            }
            _ => None,
        }
    }
}
