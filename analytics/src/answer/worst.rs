//! The worst antennas.

use polars::prelude::*;
use shared::api::{AntennaPage, Badness, WorstRequest};

use super::antennas::Page;
use super::choice::Choice;
use super::{AnswerError, Question, Table, View};
use crate::store::expressions::answer::{ANTENNA_ID, AVAILABILITY, LATENCY_MEAN};
use crate::store::expressions::column::PACKETS_LOST;
use crate::store::expressions::wilson_upper;

impl Question for WorstRequest {
    fn answer(&self, view: &View<'_>) -> Result<AntennaPage, AnswerError> {
        page(self, view)?.answer(view, self.step, self.limit.get())
    }

    /// So many as in JSON: who asks for the worst does not ask for all.
    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        page(self, view)?.table()
    }

    fn total(&self, answer: &AntennaPage, _: &View<'_>) -> Result<Option<u64>, AnswerError> {
        Ok(Some(answer.total))
    }
}

fn page(request: &WorstRequest, view: &View<'_>) -> Result<Page, AnswerError> {
    // Who is bad at all, by what, and whether the largest is the worst.
    let (is_bad, by, descending) = match request.by {
        Badness::Failures => (col(PACKETS_LOST).gt(lit(0_u64)), col(PACKETS_LOST), true),
        Badness::SuccessRate => (wilson_upper().is_not_null(), wilson_upper(), false),
        Badness::Latency => (col(LATENCY_MEAN).is_not_null(), col(LATENCY_MEAN), true),
        Badness::Availability => (col(AVAILABILITY).lt(lit(1.0)), col(AVAILABILITY), false),
    };
    let choice = Choice::by_place(request.site.as_deref(), &request.labels);
    let bad = choice.of(view, view.antennas()?.as_ref())?.filter(is_bad).collect()?;
    Page::of(view, bad, &[(by, descending), (col(ANTENNA_ID), false)], request.limit.get(), 0)
}
