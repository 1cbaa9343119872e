//! One antenna in a window.

use polars::prelude::*;
use shared::api::{AntennaRequest, AntennaRow};

use super::network::{measured, with_status};
use super::{AnswerError, Question, Table, View, rows};
use crate::store::expressions::answer::ANTENNA_ID;
use crate::store::expressions::column::ANTENNA;

impl Question for AntennaRequest {
    fn answer(&self, view: &View<'_>) -> Result<AntennaRow, AnswerError> {
        let row = rows::antennas(&self.table(view)?.rows)?.pop();
        row.ok_or_else(|| AnswerError::UnknownAntenna(self.id.clone()))
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let slot = match view.slot(&self.id) {
            Err(_) if view.is_unseen(&self.id) => {
                let row = view.unseen()?.lazy().filter(col(ANTENNA_ID).eq(lit(self.id.clone()))).collect()?;
                return Ok(view.with_about(view.with_percentiles(row)?)?.into());
            }
            slot => slot?,
        };
        let known = view.known()?.clone().lazy().filter(col(ANTENNA).eq(lit(slot))).collect()?;
        let row = with_status(view, measured(known, &view.cells_of(slot)?))?.collect()?;
        Ok(view.with_about(view.with_percentiles(row)?)?.into())
    }
}
