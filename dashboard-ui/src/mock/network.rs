//! The antennas, what is wrong with some of them, and which of their readings were counted by when.

use std::borrow::Cow;
use std::ops::Range;

use shared::UnixMillis;

use super::counters::{Border, Counters, INCIDENT, INCIDENT_PERIOD, Moment, Nature, noise};
use super::window::{Now, Window, floor_to};
use super::{Mock, PANE_SECONDS, SILENT_AFTER_SECONDS};

/// The first antennas have names of their own.
const NAMES: [&str; 24] = [
    "airport-west",
    "canal-street",
    "castle-hill",
    "cathedral",
    "city-park",
    "depot-12",
    "east-bridge",
    "ferry-pier",
    "grain-silo",
    "harbour-north",
    "harbour-south",
    "hillcrest",
    "hospital",
    "lakeside",
    "lighthouse",
    "market-hall",
    "observatory",
    "old-mill",
    "quarry",
    "ridge-7",
    "stadium",
    "tv-tower",
    "university",
    "water-tower",
];

/// Antennas that rest take turns: each reports in one half of this many seconds and is silent in the other. It is twice
/// the incident's period, and turns are taken well away from the incident.
const TURNS: i64 = 2 * INCIDENT_PERIOD * PANE_SECONDS;

/// Who rests stops before the other one resumes by the time after which it counts as silent.
const REPORTING: i64 = TURNS / 2 - SILENT_AFTER_SECONDS;

/// The uplink of some antennas holds back the first readings of each of these many seconds.
const HOLD_PERIOD: i64 = 120;

/// The readings that are held back, in seconds from the period's start: the first of a pane.
const HELD: Range<i64> = 40..43;

/// When they arrive, in seconds from the period's start: their pane has closed.
const RELEASED: i64 = 52;

/// What is wrong with an antenna.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ailment {
    /// Nothing.
    None,
    /// Its uplink holds back a few readings now and then.
    Late,
    /// It always loses some packets.
    Lossy,
    /// It is always slow.
    Slow,
    /// It delivers nothing.
    Down,
    /// It rests half of the time; see [`TURNS`].
    Resting {
        /// A second at which it resumes.
        resumes: i64,
    },
}

/// An antenna of the network.
#[derive(Debug, Clone)]
pub(super) struct Antenna {
    pub(super) index: u32,
    pub(super) ailment: Ailment,
    nature: Nature,
}

impl Mock {
    /// Every antenna.
    pub(super) fn network(self) -> Vec<Antenna> {
        (0..self.antennas).map(Antenna::new).collect()
    }

    /// The antenna of an id.
    pub(super) fn find(self, id: &str) -> Option<Antenna> {
        let numbered = || id.strip_prefix("antenna-")?.parse().ok();
        let named = NAMES.iter().position(|name| *name == id).and_then(|index| u32::try_from(index).ok());
        let index = named.or_else(numbered).filter(|index| *index < self.antennas)?;
        Some(Antenna::new(index)).filter(|antenna| antenna.id() == id)
    }
}

impl Antenna {
    pub(super) fn new(index: u32) -> Self {
        let ailment = ailment(index);
        let seed = u64::from(index);
        let character = noise(seed, 0, 0);
        let (loss, latency_ms, unrest) = match ailment {
            Ailment::Down => (1.0, None, 1.0),
            Ailment::Lossy => (0.078, Some(24.0 + 26.0 * character), 0.25),
            Ailment::Slow => (0.006, Some(370.0), 0.2),
            _ => (0.003 + 0.006 * noise(seed, 0, 1), Some(24.0 + 26.0 * character), 1.0),
        };
        let nature = Nature {
            seed,
            // An antenna that is down carries little traffic: one that carried its share would drown all else.
            rate: if ailment == Ailment::Down { 9.0 } else { 150.0 + 40.0 * character },
            loss,
            latency_ms,
            unrest,
            // The incident spreads, and clears here sooner than there.
            incident: INCIDENT.start + (3.0 * noise(seed, 0, 2)) as i64
                ..INCIDENT.end - (2.0 * noise(seed, 0, 3)) as i64,
        };
        Self { index, ailment, nature }
    }

    /// The antenna's id.
    pub(super) fn id(&self) -> Cow<'static, str> {
        match NAMES.get(self.index as usize) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("antenna-{:05}", self.index)),
        }
    }

    /// What was counted of a window.
    pub(super) fn counted(&self, window: Window) -> Counters {
        let from = window.start.max(window.now.oldest);
        let to = window.end.min(window.now.second);
        self.counted_between(from, to, window.now.second)
    }

    /// What was counted of the seconds `[from, to)` before `now`.
    pub(super) fn counted_between(&self, from: i64, to: i64, now: i64) -> Counters {
        if from >= to {
            return Counters::default();
        }
        let sum = |from, to| self.nature.before(&Moment::new(to)) - self.nature.before(&Moment::new(from));
        let mut counted = sum(from, to);
        for gap in self.gaps(from, to, now) {
            counted -= sum(gap.start, gap.end);
        }
        counted
    }

    /// What was counted of each part of a window; the parts follow each other.
    pub(super) fn course(&self, parts: &Parts) -> Vec<Counters> {
        if matches!(self.ailment, Ailment::Resting { .. } | Ailment::Late) {
            return parts.windows.iter().map(|part| self.counted(*part)).collect();
        }
        let counts: Vec<Counters> = parts.moments.iter().map(|moment| self.nature.before(moment)).collect();
        counts.windows(2).map(|borders| borders[1] - borders[0]).collect()
    }

    /// The readings of a pane that were counted by `now`, with their seconds.
    pub(super) fn readings(&self, pane: i64, now: Now) -> impl Iterator<Item = (i64, Counters)> {
        let border = pane / PANE_SECONDS;
        let readings = self.nature.readings(&Border::new(border), &Border::new(border + 1));
        (pane..).zip(readings).filter(move |(second, _)| self.is_counted(*second, now))
    }

    /// Whether the reading of a second was counted by `now`, and is retained.
    fn is_counted(&self, second: i64, now: Now) -> bool {
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
    fn gaps(&self, from: i64, to: i64, now: i64) -> impl Iterator<Item = Range<i64>> {
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
        let offset = if self.ailment == Ailment::Late { 0.0 } else { 900.0 * noise(self.nature.seed, 0, 4) };
        UnixMillis(second * 1000 + offset as i64)
    }

    /// Arrival of the reading of a second at the broker.
    pub(super) fn arrival(&self, second: i64) -> UnixMillis {
        if self.is_late(second) {
            let start = floor_to(second, HOLD_PERIOD);
            return UnixMillis((start + RELEASED - 1) * 1000 + 900 + second - start);
        }
        UnixMillis(self.event(second).0 + 15 + (60.0 * noise(self.nature.seed, second, 12)) as i64)
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

    /// The incidents of the network that reached the antenna and were not over before `from`, as seconds; oldest first.
    pub(super) fn hits(&self, from: i64, now: i64) -> impl Iterator<Item = Range<i64>> {
        let period = INCIDENT_PERIOD * PANE_SECONDS;
        let first = floor_to(from, period);
        let Range { start, end } = self.nature.incident;
        let hits = (0..).map(move |at| first + at * period).take_while(move |period| *period < now);
        let hits = hits.map(move |period| period + start * PANE_SECONDS..period + end * PANE_SECONDS);
        // What begins with an antenna's rest does not reach it. The first pane of an incident tells of it.
        hits.filter(move |hit| hit.end > from && hit.start + PANE_SECONDS <= now)
            .filter(|hit| self.gaps(hit.start, hit.end, hit.end + HOLD_PERIOD).next().is_none())
    }

    /// The times of silence that were not over before `from`, as seconds; oldest first.
    pub(super) fn silences(&self, from: i64, now: i64) -> impl Iterator<Item = Range<i64>> {
        let rests = matches!(self.ailment, Ailment::Resting { .. }).then(|| self.ailment.absence(now)).flatten();
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

/// Parts of a window that follow each other, with their borders: no border is worked out twice.
#[derive(Debug)]
pub(super) struct Parts {
    windows: Vec<Window>,
    moments: Vec<Moment>,
}

impl Parts {
    pub(super) fn new(windows: Vec<Window>) -> Self {
        let known = |second: i64, now: Now| Moment::new(second.clamp(now.oldest, now.second));
        let first = windows.first().map(|part| known(part.start, part.now));
        let moments = first.into_iter().chain(windows.iter().map(|part| known(part.end, part.now))).collect();
        Self { windows, moments }
    }

    /// What several antennas counted together, part by part.
    pub(super) fn sums<'a>(&self, antennas: impl IntoIterator<Item = &'a Antenna>) -> Vec<Counters> {
        let mut sums = vec![Counters::default(); self.windows.len()];
        for antenna in antennas {
            sums.iter_mut().zip(antenna.course(self)).for_each(|(sum, own)| *sum += own);
        }
        sums
    }
}

fn ailment(index: u32) -> Ailment {
    // The turns of a pair begin at the same second, half of the turns apart, and within 75 s of no incident.
    let resting = |pair: u32, is_first: bool| Ailment::Resting {
        resumes: 100 + (400.0 * noise(u64::from(pair), 0, 5)) as i64 + if is_first { 0 } else { TURNS / 2 },
    };
    match index {
        0 | 8 | 16 => Ailment::Late,
        5 => Ailment::Lossy,
        18 => Ailment::Slow,
        9 => Ailment::Down,
        3 | 17 => resting(0, index == 3),
        0..24 => Ailment::None,
        _ => match (index % 1000, index % 200, index % 100) {
            (205 | 505 | 805, ..) => Ailment::Down,
            (_, 10 | 110, _) => resting(index / 200 + 1, index % 200 == 10),
            (_, _, 50) => Ailment::Lossy,
            (_, _, 75) => Ailment::Slow,
            _ => Ailment::None,
        },
    }
}
