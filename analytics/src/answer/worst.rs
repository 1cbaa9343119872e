//! The worst antennas.

use polars::prelude::*;
use shared::api::{AntennaPage, Badness, WorstRequest};

use super::antennas::Page;
use super::{AnswerError, Question, View};
use crate::store::expressions::answer::{ANTENNA_ID, LATENCY_MEAN};
use crate::store::expressions::column::PACKETS_LOST;
use crate::store::expressions::wilson_upper;

impl Question for WorstRequest {
    fn answer(&self, view: &View<'_>) -> Result<AntennaPage, AnswerError> {
        page(self, view)?.answer(view, self.step, self.limit.get())
    }

    fn table(&self, view: &View<'_>) -> Result<DataFrame, AnswerError> {
        page(self, view)?.table()
    }
}

fn page(request: &WorstRequest, view: &View<'_>) -> Result<Page, AnswerError> {
    // Who is bad at all, by what, and whether the largest is the worst.
    let (is_bad, by, descending) = match request.by {
        Badness::Failures => (col(PACKETS_LOST).gt(lit(0_u64)), col(PACKETS_LOST), true),
        Badness::SuccessRate => (wilson_upper().is_not_null(), wilson_upper(), false),
        Badness::Latency => (col(LATENCY_MEAN).is_not_null(), col(LATENCY_MEAN), true),
    };
    let bad = view.antennas()?.as_ref().clone().lazy().filter(is_bad).collect()?;
    Page::of(view, bad, &[(by, descending), (col(ANTENNA_ID), false)], request.limit.get(), 0)
}
