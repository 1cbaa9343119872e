//! The reference as the oracle: the same readings counted, the same questions asked, the answers compared as a whole.

use std::fmt::Debug;
use std::sync::Arc;

use analytics::answer::cells::CellsExport;
use analytics::answer::{AnswerError, Question, Tables, View, Window};
use analytics::settings::Thresholds;
use analytics::store::{Snapshot, Whole};
use proptest::prelude::*;
use reference::{EntryId, Expected, Reference, Refusal, Settings};
use shared::api::{
    AntennaPage, AntennaRow, Cells, CellsRequest, Format, Heatmap, History, IncidentPage, Latency, RecentReadings,
    Series, Summary,
};
use shared::{Reading, UnixMillis};

use crate::support::{Arrival, ask, name};

/// What the reference made of arrivals.
pub(crate) fn counted(pane_ms: i64, retention_ms: i64, arrivals: &[Arrival]) -> Reference {
    counted_with(pane_ms, retention_ms, arrivals, &[])
}

/// The same where something is expected of the first antennas.
pub(crate) fn counted_with(pane_ms: i64, retention_ms: i64, arrivals: &[Arrival], expected: &[Expected]) -> Reference {
    // What lies too far ahead is rejected before it reaches a store.
    let settings = Settings { pane_ms, retention_ms, max_clock_skew_ms: i64::MAX, ..Settings::default() };
    let mut reference = Reference::new(settings, UnixMillis(0));
    for (antenna, expected) in (0..).zip(expected) {
        reference.expect(&name(antenna), *expected);
    }
    for arrival in arrivals {
        let reading = Reading {
            antenna_id: name(arrival.antenna),
            timestamp_ms: arrival.event_ms,
            packets: arrival.packets,
            loss: arrival.loss,
            latency_ms: arrival.latency_ms,
            seq: arrival.seq,
        };
        reference.count(EntryId { arrival_ms: arrival.arrival_ms, number: 0 }, &reading);
    }
    reference
}

/// Asks both, compares the answers, and returns that of analytics; `None` where both do not know the antenna.
pub(crate) fn alike<Q>(
    snapshot: &Snapshot,
    reference: &Reference,
    now: UnixMillis,
    question: &Q,
) -> Result<Option<Q::Answer>, TestCaseError>
where
    Q: Question + reference::Question,
    Q::Answer: Approximate,
{
    compare(ask(snapshot, now, question), reference.ask(question, now))
}

/// The same for cells, which are written step by step.
pub(crate) fn alike_in_cells(
    snapshot: &Snapshot,
    reference: &Reference,
    now: UnixMillis,
    request: &CellsRequest,
) -> Result<Option<Cells>, TestCaseError> {
    let whole = Whole::from(Arc::new(snapshot.clone()));
    let window = Window::of(&whole, request.window, now).expect("it is retained");
    let tables = Tables::default();
    let view = View::new(&whole, window, now, Thresholds::default(), &tables);
    let found = match CellsExport::begin(request, Format::Json, &view) {
        Ok(mut export) => {
            let mut json = Vec::new();
            while let Some(bytes) = export.step(&view).expect("columns") {
                json.extend(bytes);
            }
            Some(serde_json::from_slice(&json).expect("the contract's JSON"))
        }
        Err(AnswerError::UnknownAntenna(_)) => None,
        Err(error) => panic!("{error}"),
    };
    compare(found, reference.ask(request, now))
}

/// Compares an answer with that of the reference: equal but for percentiles, which are within 2 %, and sums of doubles.
pub(crate) fn compare<A: Approximate>(
    found: Option<A>,
    expected: Result<A, Refusal>,
) -> Result<Option<A>, TestCaseError> {
    let expected = match expected {
        Ok(expected) => Some(expected),
        Err(Refusal::UnknownAntenna) => None,
        Err(refusal) => panic!("{refusal}"),
    };
    let mut settled = found.clone();
    let mut rounded = 0;
    if let (Some(settled), Some(expected)) = (&mut settled, &expected) {
        settled.settle(expected, &mut rounded);
    }
    prop_assert_eq!(settled, expected);
    // Means on the border between two microseconds are that rare.
    prop_assert!(rounded <= 1, "{} means of histories are a microsecond off", rounded);
    Ok(found)
}

/// An answer in which some figures need not be exact.
pub(crate) trait Approximate: Clone + Debug + PartialEq {
    /// Makes those figures exact that are near enough. Counts the means of histories that were rounded the other way.
    fn settle(&mut self, exact: &Self, rounded: &mut usize);
}

fn settle(found: &mut Option<f64>, exact: Option<f64>, error: f64) {
    if let (Some(value), Some(exact)) = (&mut *found, exact)
        && (*value - exact).abs() <= error
    {
        *value = exact;
    }
}

impl Approximate for Latency {
    fn settle(&mut self, exact: &Self, _: &mut usize) {
        // Each latency is rounded to 2^-30 ms before it is added.
        settle(&mut self.mean, exact.mean, exact.mean.unwrap_or_default() * 1e-9 + 1e-9);
        for (found, exact) in [(&mut self.p50, exact.p50), (&mut self.p95, exact.p95), (&mut self.p99, exact.p99)] {
            settle(found, exact, exact.unwrap_or_default() * 0.02);
        }
    }
}

impl Approximate for History {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        for (found, exact) in self.latency_mean_ms.iter_mut().zip(&exact.latency_mean_ms) {
            let before = *found;
            settle(found, *exact, 0.001 + 1e-9);
            *rounded += usize::from(before != *found);
        }
    }
}

impl Approximate for Summary {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        self.measures.latency_ms.settle(&exact.measures.latency_ms, rounded);
    }
}

impl Approximate for AntennaRow {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        self.measures.latency_ms.settle(&exact.measures.latency_ms, rounded);
        if let (Some(found), Some(exact)) = (&mut self.history, &exact.history) {
            found.settle(exact, rounded);
        }
    }
}

impl Approximate for AntennaPage {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        self.antennas.iter_mut().zip(&exact.antennas).for_each(|(found, exact)| found.settle(exact, rounded));
    }
}

impl Approximate for Series {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        for (found, exact) in self.points.iter_mut().zip(&exact.points) {
            found.measures.latency_ms.settle(&exact.measures.latency_ms, rounded);
        }
    }
}

impl Approximate for Heatmap {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        self.rows.iter_mut().zip(&exact.rows).for_each(|(found, exact)| found.history.settle(&exact.history, rounded));
    }
}

impl Approximate for Cells {
    fn settle(&mut self, exact: &Self, rounded: &mut usize) {
        for (found, exact) in self.cells.iter_mut().zip(&exact.cells) {
            let (found, exact) = (&mut found.measures, &exact.measures);
            found.latency_ms.settle(&exact.latency_ms, rounded);
            // They were read from JSON, which may miss the last bit of a double.
            for (found, exact) in [
                (&mut found.success_rate, exact.success_rate),
                (&mut found.latency_ms.min, exact.latency_ms.min),
                (&mut found.latency_ms.max, exact.latency_ms.max),
            ] {
                settle(found, exact, exact.unwrap_or_default() * f64::EPSILON);
            }
        }
    }
}

impl Approximate for IncidentPage {
    fn settle(&mut self, _: &Self, _: &mut usize) {}
}

impl Approximate for RecentReadings {
    fn settle(&mut self, _: &Self, _: &mut usize) {}
}
