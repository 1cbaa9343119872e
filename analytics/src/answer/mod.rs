//! Answers: a question to a window of what is known is a plan over tables, and its answer a table until its last step.
//!
//! - [`window`]: which panes a question is about, and in which steps.
//! - `archived`: what of a window lies in files.
//! - [`network`]: every antenna in a window, the table that most questions begin with.
//! - A file a question: [`summary`], [`antennas`], [`antenna`], [`worst`], [`sites`], [`map`], [`public_status`], [`series`], [`heatmap`], [`cells`],
//!   [`incidents`], [`readings`]; [`history`] is what lists of antennas and the heat map share, `leveled` what the sums of a
//!   step level out.
//! - `about`: what the registry says of antennas; `unseen`: of which of them nothing has been heard; `choice`: which of them an
//!   answer is about.
//! - `causes`: which incident is in front of another one; [`said`]: what alerts know of incidents.
//! - [`rows`]: tables to the API's types; [`format`]: tables to CSV, Arrow and Parquet.
//!
//! [`Question::answer`] is where a window is answered.

mod about;
pub mod antenna;
pub mod antennas;
mod archived;
mod causes;
pub mod cells;
mod choice;
pub mod format;
pub mod heatmap;
pub mod history;
pub mod incidents;
mod leveled;
pub mod map;
pub mod network;
pub mod public_status;
pub mod readings;
pub mod rows;
pub mod said;
pub mod series;
pub mod sites;
pub mod summary;
mod unseen;
pub mod window;
pub mod worst;

use std::sync::Arc;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{BadParameter, Format, Request};

use self::archived::Looked;
pub use self::network::Tables;
use self::said::Said;
pub use self::window::Window;
use crate::archive::read::Archive;
use crate::registry::Registry;
use crate::settings::Thresholds;
use crate::store::Whole;
use crate::store::whole::Covering;

/// A request that is a question to a window.
pub trait Question: Request + Clone + Send + Sync + 'static {
    /// Its answer.
    ///
    /// # Errors
    /// [`AnswerError`].
    fn answer(&self, view: &View<'_>) -> Result<Self::Answer, AnswerError>;

    /// Its answer as a table, for the formats that are tables.
    ///
    /// # Errors
    /// [`AnswerError`].
    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError>;

    /// The rows of the list that an answer is a part of.
    ///
    /// # Errors
    /// [`AnswerError`].
    fn total(&self, answer: &Self::Answer, view: &View<'_>) -> Result<Option<u64>, AnswerError> {
        let (_, _) = (answer, view);
        Ok(None)
    }

    /// The question for the rows that follow an answer in a format; `None` behind the last one of the total.
    #[must_use]
    fn next(&self, format: Format, total: u64) -> Option<Self> {
        let (_, _) = (format, total);
        None
    }
}

/// An answer as a table.
#[derive(Debug)]
pub struct Table {
    /// Its rows.
    pub rows: DataFrame,
    /// The rows of the list that it is a part of, if it is.
    pub total: Option<u64>,
}

impl From<DataFrame> for Table {
    fn from(rows: DataFrame) -> Self {
        Self { rows, total: None }
    }
}

/// The offset of the page behind one, if there is one.
fn next_offset(offset: usize, limit: usize, total: u64) -> Option<usize> {
    offset.checked_add(limit).filter(|next| (*next as u64) < total)
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The question cannot be answered as it is asked.
    #[error(transparent)]
    BadParameter(#[from] BadParameter),
    /// The antenna is not known, or nothing of it is retained.
    #[error("no antenna {0:?} is known and retained")]
    UnknownAntenna(String),
    /// A fault of ours.
    #[error(transparent)]
    Failed(#[from] PolarsError),
}

/// A window of the whole network at a moment: what questions are put to.
pub struct View<'a> {
    /// The network.
    pub whole: &'a Whole,
    /// The window.
    pub window: Window,
    /// The current time, in milliseconds since the epoch.
    pub now_ms: i64,
    /// What is down and degraded.
    pub thresholds: Thresholds,
    tables: &'a Tables,
    archive: Option<&'a Archive>,
    registry: Option<&'a Registry>,
    said: Option<&'a Said>,
    looked: Looked,
}

impl<'a> View<'a> {
    /// A window of the whole network; `tables` keeps what questions to it share.
    #[must_use]
    pub fn new(whole: &'a Whole, window: Window, now: UnixMillis, thresholds: Thresholds, tables: &'a Tables) -> Self {
        let (archive, registry, said, looked) = (None, None, None, Looked::default());
        Self { whole, window, now_ms: now.0, thresholds, tables, archive, registry, said, looked }
    }

    /// The view with the files of an archive, if there is one.
    #[must_use]
    pub fn with_archive(self, archive: Option<&'a Archive>) -> Self {
        Self { archive, ..self }
    }

    /// The view with what is known of antennas beyond what they report.
    #[must_use]
    pub fn with_registry(self, registry: &'a Registry) -> Self {
        Self { registry: Some(registry), ..self }
    }

    /// The view with what alerts know of incidents.
    #[must_use]
    pub fn with_alerts(self, said: &'a Said) -> Self {
        Self { said: Some(said), ..self }
    }

    /// The same over another window.
    pub(super) fn over(&self, window: Window) -> Self {
        let Self { whole, now_ms, thresholds, tables, archive, registry, said, .. } = *self;
        Self { whole, window, now_ms, thresholds, tables, archive, registry, said, looked: Looked::default() }
    }

    /// Every antenna that is known and retained with what it measured in the window, see [`network`].
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn antennas(&self) -> PolarsResult<Arc<DataFrame>> {
        self.tables.antennas(self)
    }

    /// The streams whose readings are missing from any answer.
    #[must_use]
    pub fn partitions_missing(&self) -> Vec<String> {
        self.whole.missing().to_vec()
    }

    /// Tiles and panes that together cover the window.
    fn cover(&self) -> Vec<Covering<'a>> {
        self.whole.cover(self.window.start_ms, self.window.end_ms)
    }
}
