//! The pace of the pipeline over the last minutes: what it did in each step of the wall clock.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use shared::UnixMillis;
use shared::api::{BatchTimes, Freshness, PipelineHistory, PipelineSample};

use crate::histogram::Histogram;
use crate::store::grid::Grid;

/// Length of a step in milliseconds.
const STEP_MS: i64 = 2_000;

/// Steps before the present one that a history covers: five minutes.
const STEPS: i64 = 150;

const GRID: Grid = Grid::of_width(STEP_MS);

/// Freshness is taken over this many batches.
const FRESHNESS_BATCHES: usize = 1024;

/// How old the readings of the last batches were when they became visible, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Ages {
    batches: VecDeque<Histogram>,
    /// Of all of them: kept, as it is asked for more often than a thousand histograms are merged for.
    all: Histogram,
}

impl Ages {
    /// A batch was merged.
    pub(super) fn merged(&mut self, ages: Histogram) {
        self.all.merge(&ages);
        self.batches.push_back(ages);
        if self.batches.len() > FRESHNESS_BATCHES
            && let Some(oldest) = self.batches.pop_front()
        {
            self.all.take_away(&oldest);
        }
    }

    /// Of all batches together.
    pub(super) const fn all(&self) -> &Histogram {
        &self.all
    }
}

/// The steps of a history by their starts, in milliseconds since the epoch, each with the ages of its readings.
pub(super) type Steps = BTreeMap<i64, (PipelineSample, Histogram)>;

/// What the pipeline did recently, step by step. Steps without work are not stored.
#[derive(Debug)]
pub(super) struct Pace {
    /// Start of the first step; nothing is known of the time before.
    begin_ms: i64,
    /// Steps in which something was done, oldest first.
    steps: VecDeque<Step>,
    /// The last lag reported before the oldest of them.
    lag_before: Option<u64>,
}

#[derive(Debug)]
struct Step {
    sample: PipelineSample,
    /// Whether the lag was reported in this step.
    is_lag_told: bool,
    /// Ages of the readings in milliseconds.
    ages: Histogram,
}

impl Pace {
    pub(super) fn new(started_at: UnixMillis) -> Self {
        Self { begin_ms: GRID.floor(started_at.0), steps: VecDeque::new(), lag_before: None }
    }

    /// A batch was merged.
    pub(super) fn merged(&mut self, at: UnixMillis, times: &BatchTimes, ages: &Histogram) {
        let step = self.step(at);
        step.ages.merge(ages);
        let sample = &mut step.sample;
        sample.rows += times.rows;
        sample.batches += 1;
        sample.read_ms += times.read_ms;
        sample.decode_ms += times.decode_ms;
        sample.aggregate_ms += times.aggregate_ms;
        sample.merge_ms += times.merge_ms;
    }

    /// A commit was done.
    pub(super) fn committed(&mut self, at: UnixMillis, took_ms: f64) {
        let sample = &mut self.step(at).sample;
        sample.commits += 1;
        sample.commit_ms += took_ms;
    }

    /// The broker reported how many entries are still to be read, or that it cannot tell.
    pub(super) fn lag_told(&mut self, at: UnixMillis, lag: Option<u64>) {
        let step = self.step(at);
        step.sample.lag = lag;
        step.is_lag_told = true;
    }

    /// The steps up to now, or up to the newest one where the clock was set back, each with the ages of its readings. Of the time
    /// before the start there is nothing.
    pub(super) fn history(&self, now: UnixMillis) -> Steps {
        self.history_from(now, 0)
    }

    /// What is new since a history that ended with the step that begins at a time, in milliseconds since the epoch.
    pub(super) fn history_since(&self, now: UnixMillis, newest_ms: i64) -> Steps {
        // A batch counts in the step in which it was merged, which is told of a little later; where the clock was set back, in the
        // newest step before.
        let newest_ms = self.steps.back().map_or(newest_ms, |step| step.sample.start.0.min(newest_ms));
        self.history_from(now, newest_ms.saturating_sub(STEP_MS))
    }

    /// The same without the steps that end before a time.
    fn history_from(&self, now: UnixMillis, from_ms: i64) -> Steps {
        let end_ms = self.steps.back().map_or(self.begin_ms, |step| step.sample.start.0).max(GRID.floor(now.0));
        let first_ms = self.begin_ms.max(end_ms - STEPS * STEP_MS).max(GRID.floor(from_ms.max(0)));
        let mut lag = self.lag_before;
        let mut done = self.steps.iter().peekable();
        while let Some(step) = done.next_if(|step| step.sample.start.0 < first_ms) {
            lag = step.lag_after(lag);
        }
        let mut samples = BTreeMap::new();
        for start_ms in (0..=(end_ms - first_ms) / STEP_MS).map(|step| first_ms + step * STEP_MS) {
            let step = done.next_if(|step| step.sample.start.0 == start_ms);
            lag = step.map_or(lag, |step| step.lag_after(lag));
            let (sample, ages) =
                step.map_or_else(|| (idle(start_ms), Histogram::default()), |step| (step.sample, step.ages.clone()));
            samples.insert(start_ms, (PipelineSample { lag, ..sample }, ages));
        }
        samples
    }

    /// The step that holds a time; the newest one if the clock was set back.
    fn step(&mut self, at: UnixMillis) -> &mut Step {
        let newest_ms = self.steps.back().map_or(self.begin_ms, |step| step.sample.start.0);
        let start_ms = GRID.floor(at.0).max(newest_ms);
        while let Some(oldest) = self.steps.pop_front_if(|step| step.sample.start.0 < start_ms - STEPS * STEP_MS) {
            self.lag_before = oldest.lag_after(self.lag_before);
        }
        if self.steps.back().is_none_or(|step| step.sample.start.0 < start_ms) {
            self.steps.push_back(Step { sample: idle(start_ms), is_lag_told: false, ages: Histogram::default() });
        }
        let newest = self.steps.len() - 1;
        &mut self.steps[newest]
    }
}

impl Step {
    fn lag_after(&self, before: Option<u64>) -> Option<u64> {
        if self.is_lag_told { self.sample.lag } else { before }
    }
}

/// Adds the newest steps to a history that is known up to them, and forgets what is too old for it.
pub(super) fn go_on(known: &mut Steps, newest: Steps) {
    known.extend(newest);
    let newest_ms = known.last_key_value().map_or(0, |(start_ms, _)| *start_ms);
    *known = known.split_off(&(newest_ms - STEPS * STEP_MS));
}

/// The histories of several partitions as one.
pub(super) fn together(histories: Vec<Steps>) -> PipelineHistory {
    let mut all = Steps::new();
    for (start_ms, (sample, ages)) in histories.into_iter().flatten() {
        match all.entry(start_ms) {
            Entry::Vacant(vacant) => drop(vacant.insert((sample, ages))),
            Entry::Occupied(mut occupied) => {
                let (sum, all_ages) = occupied.get_mut();
                *sum = PipelineSample {
                    start: sum.start,
                    rows: sum.rows + sample.rows,
                    batches: sum.batches + sample.batches,
                    read_ms: sum.read_ms + sample.read_ms,
                    decode_ms: sum.decode_ms + sample.decode_ms,
                    aggregate_ms: sum.aggregate_ms + sample.aggregate_ms,
                    merge_ms: sum.merge_ms + sample.merge_ms,
                    commits: sum.commits + sample.commits,
                    commit_ms: sum.commit_ms + sample.commit_ms,
                    lag: sum.lag.zip(sample.lag).map(|(sum, lag)| sum + lag),
                    freshness_ms: sum.freshness_ms,
                };
                all_ages.merge(&ages);
            }
        }
    }
    let with_freshness =
        |(sample, ages): (PipelineSample, Histogram)| PipelineSample { freshness_ms: freshness(&ages), ..sample };
    let samples = all.into_values().map(with_freshness).collect();
    PipelineHistory { step_seconds: UnixMillis(STEP_MS).seconds(), samples }
}

/// How old readings were when they became visible, in milliseconds.
pub(super) fn freshness(ages: &Histogram) -> Freshness {
    Freshness { p50: ages.quantile(0.50), p99: ages.quantile(0.99) }
}

/// A step in which nothing was done.
fn idle(start_ms: i64) -> PipelineSample {
    PipelineSample {
        start: UnixMillis(start_ms),
        rows: 0,
        batches: 0,
        read_ms: 0.0,
        decode_ms: 0.0,
        aggregate_ms: 0.0,
        merge_ms: 0.0,
        commits: 0,
        commit_ms: 0.0,
        lag: None,
        freshness_ms: Freshness::default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: UnixMillis = UnixMillis(1_700_000_000_999);

    #[derive(Debug, Clone)]
    enum Event {
        Merged { rows: u64, age_ms: f64 },
        Committed,
        Lag(Option<u64>),
    }

    fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
        let event = prop_oneof![
            3 => (1..1_000_u64, 0.0..5_000.0_f64).prop_map(|(rows, age_ms)| Event::Merged { rows, age_ms }),
            1 => Just(Event::Committed),
            1 => prop::option::of(0..100_u64).prop_map(Event::Lag),
        ];
        let pause = prop_oneof![8 => 0..3_000_i64, 1 => 0..400_000_i64];
        prop::collection::vec((pause, event), 0..80).prop_map(|events| {
            let mut at_ms = START.0;
            let at = |(pause, event)| {
                at_ms += pause;
                (at_ms, event)
            };
            events.into_iter().map(at).collect()
        })
    }

    proptest! {
        /// Against an oracle that keeps every event.
        #[test]
        fn each_step_tells_what_was_done_in_it(events in events(), later_ms in 0..400_000_i64) {
            let mut pace = Pace::new(START);
            for (at_ms, event) in &events {
                let at = UnixMillis(*at_ms);
                match event {
                    Event::Merged { rows, age_ms } => {
                        let times =
                            BatchTimes { rows: *rows, read_ms: 1.0, decode_ms: 2.0, aggregate_ms: 3.0, merge_ms: 4.0 };
                        let mut ages = Histogram::default();
                        ages.add(*age_ms, *rows);
                        pace.merged(at, &times, &ages);
                    }
                    Event::Committed => pace.committed(at, 5.0),
                    Event::Lag(lag) => pace.lag_told(at, *lag),
                }
            }
            let now_ms = events.last().map_or(START.0, |(at_ms, _)| *at_ms) + later_ms;
            let history = together(vec![pace.history(UnixMillis(now_ms))]);
            prop_assert_eq!(history.step_seconds, 2.0);
            let step_of = |at_ms: i64| at_ms.div_euclid(2_000);
            let first = (step_of(now_ms) - 150).max(step_of(START.0));
            let starts: Vec<i64> = history.samples.iter().map(|sample| sample.start.0).collect();
            let expected: Vec<i64> = (first..=step_of(now_ms)).map(|step| step * 2_000).collect();
            prop_assert_eq!(starts, expected);
            for sample in &history.samples {
                let within: Vec<&Event> = events
                    .iter()
                    .filter(|(at_ms, _)| step_of(*at_ms) * 2_000 == sample.start.0)
                    .map(|(_, event)| event)
                    .collect();
                let merged: Vec<(u64, f64)> = within
                    .iter()
                    .filter_map(|event| match event {
                        Event::Merged { rows, age_ms } => Some((*rows, *age_ms)),
                        _ => None,
                    })
                    .collect();
                let batches = merged.len() as f64;
                prop_assert_eq!(sample.batches, merged.len() as u64);
                prop_assert_eq!(sample.rows, merged.iter().map(|(rows, _)| rows).sum::<u64>());
                prop_assert_eq!((sample.read_ms, sample.decode_ms), (batches, 2.0 * batches));
                prop_assert_eq!((sample.aggregate_ms, sample.merge_ms), (3.0 * batches, 4.0 * batches));
                let commits = within.iter().filter(|event| matches!(event, Event::Committed)).count();
                prop_assert_eq!((sample.commits, sample.commit_ms), (commits as u64, 5.0 * commits as f64));
                let told = events.iter().rev().filter(|(at_ms, _)| step_of(*at_ms) * 2_000 <= sample.start.0);
                let lag = told.filter_map(|(_, event)| if let Event::Lag(lag) = event { Some(*lag) } else { None });
                prop_assert_eq!(sample.lag, lag.into_iter().next().flatten());
                let oldest = merged.iter().map(|(_, age_ms)| *age_ms).max_by(f64::total_cmp);
                prop_assert_eq!(sample.freshness_ms.p99.is_some(), oldest.is_some());
                if let (Some(p99), Some(oldest_ms)) = (sample.freshness_ms.p99, oldest) {
                    prop_assert!(p99 <= oldest_ms * 1.02, "{p99} for {oldest_ms}");
                }
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let mut pace = Pace::new(START);
        let times = BatchTimes { rows: 7, ..BatchTimes::default() };
        pace.merged(UnixMillis(START.0 + 10_000), &times, &Histogram::default());
        pace.merged(UnixMillis(START.0 - 50_000), &times, &Histogram::default());
        let samples = together(vec![pace.history(UnixMillis(START.0 - 50_000))]).samples;
        assert_eq!(samples.len(), 6);
        assert_eq!(samples.last().map(|sample| (sample.rows, sample.batches)), Some((14, 2)));
    }
}
