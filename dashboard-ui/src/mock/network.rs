//! The antennas, what is wrong with some of them, and what they counted.

use std::borrow::Cow;
use std::ops::Range;

use super::attendance::{HOLD_PERIOD, TURNS};
use super::counters::{Border, Counters, INCIDENT, INCIDENT_PERIOD, Moment, Nature, noise};
use super::window::{Now, Window, floor_to};
use super::{Mock, PANE_SECONDS};

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
        // What makes the antenna differ from the others for good.
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
            incident_loss: 0.07 + 0.016 * character,
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

    /// The latencies in milliseconds of the readings of a pane that were counted by `now`.
    pub(super) fn latencies_ms(&self, pane: &Pane, now: Now) -> impl Iterator<Item = f64> {
        let latencies_us = self.nature.latencies_us(&pane.borders[0], &pane.borders[1]);
        let timed = (pane.start..).zip(latencies_us.into_iter().flatten());
        timed.filter(move |(second, _)| self.is_counted(*second, now)).map(|(_, latency_us)| latency_us as f64 / 1000.0)
    }

    /// The incidents of the network that reached the antenna and were not over before `from`, as seconds; oldest first.
    pub(super) fn hits(&self, from: i64, now: i64) -> impl Iterator<Item = Range<i64>> {
        let period = INCIDENT_PERIOD * PANE_SECONDS;
        let first = floor_to(from, period);
        let Range { start, end } = self.nature.incident;
        let hits = (0..).map(move |at| first + at * period).take_while(move |period| *period < now);
        let hits = hits.map(move |period| period + start * PANE_SECONDS..period + end * PANE_SECONDS);
        // A pane has to pass before it shows. Who rests is not reached; what is held back will have come.
        hits.filter(move |hit| hit.end > from && hit.start + PANE_SECONDS <= now)
            .filter(|hit| self.gaps(hit.start, hit.end, hit.end + HOLD_PERIOD).next().is_none())
    }
}

/// A pane with its borders: no border is worked out for each antenna.
#[derive(Debug)]
pub(super) struct Pane {
    pub(super) start: i64,
    borders: [Border; 2],
}

impl Pane {
    pub(super) fn new(start: i64) -> Self {
        let border = start.div_euclid(PANE_SECONDS);
        Self { start, borders: [Border::new(border), Border::new(border + 1)] }
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
    // The turns of a pair begin at the same second, half of the turns apart; none begins within 75 s of an incident.
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
