//! The questions that can be asked, as the API's requests, and their answers.

mod antennas;
mod cells;
mod heatmap;
mod incidents;
mod map;
mod pipeline;
mod readings;
mod rejected;
mod rows;
mod series;
mod sites;
mod summary;
mod worst;

use shared::UnixMillis;
use shared::api::{BadParameter, Request};

use crate::Reference;

/// A request that the reference answers.
pub trait Question: Request {
    /// The answer at a time.
    ///
    /// # Errors
    /// Why there is none.
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Self::Answer, Refusal>;
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Analytics answers 400.
    #[error(transparent)]
    BadParameter(#[from] BadParameter),
    /// The antenna is not known, or nothing of it is retained: analytics answers 404.
    #[error("the antenna is not known")]
    UnknownAntenna,
}

impl Reference {
    /// The answer to a question at a time.
    ///
    /// # Errors
    /// Why there is none.
    pub fn ask<Q: Question>(&self, question: &Q, now: UnixMillis) -> Result<Q::Answer, Refusal> {
        question.answer(self, now)
    }
}

/// Whether an id contains a text, in upper or lower case.
fn is_found(id: &str, text: Option<&str>) -> bool {
    text.is_none_or(|text| id.to_lowercase().contains(&text.to_lowercase()))
}
