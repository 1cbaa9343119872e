//! One antenna in a window.

use polars::prelude::*;
use shared::api::{AntennaRequest, AntennaRow, Format};

use super::network::{measured, with_status};
use super::{About, AnswerError, Question, View, key, rows};
use crate::store::expressions::column::ANTENNA;

/// How one antenna fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AntennaQuestion {
    /// Its id.
    pub id: String,
    /// What is asked of it.
    pub request: AntennaRequest,
}

impl Question for AntennaQuestion {
    type Answer = AntennaRow;

    const FORMATS: &'static [Format] = &[Format::Json];

    fn about(&self) -> About {
        About::Window(self.request.window)
    }

    fn format(&self) -> Option<Format> {
        None
    }

    fn key(&self) -> String {
        format!("{}\n{}", key(&self.request), self.id)
    }

    fn answer(&self, view: &View<'_>) -> Result<AntennaRow, AnswerError> {
        let row = rows::antennas(&self.table(view)?)?.pop();
        row.ok_or_else(|| AnswerError::UnknownAntenna(self.id.clone()))
    }

    fn table(&self, view: &View<'_>) -> Result<DataFrame, AnswerError> {
        let slot = view.slot(&self.id)?;
        let known = view.snapshot.antenna_table()?.clone().lazy().filter(col(ANTENNA).eq(lit(slot))).collect()?;
        let row = with_status(view, measured(known, &view.cells_of(slot)?)).collect()?;
        Ok(view.with_percentiles(row)?)
    }
}
