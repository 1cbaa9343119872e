//! The table from which all other answers follow: a row for each step and antenna.
//!
//! It is worked out step by step, as a client takes it, so that an answer of hundreds of thousands of rows is never in
//! memory as a whole: [`CellsExport`] holds what a step needs, and nothing of the steps before.

use polars::prelude::*;
use polars_io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};
use serde::Serialize;
use shared::UnixMillis;
use shared::api::{BadParameter, Cell, CellsRequest, Format, Gap, Status, WindowBounds};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::choice::Choice;
use super::format::{self, ArrowStream};
use super::{AnswerError, View, rows};
use crate::readings::Slot;
use crate::store::expressions::answer::{ANTENNA_ID, MEASURES, START, WORST_STATUS};
use crate::store::expressions::column::{ANTENNA, PANE};
use crate::store::expressions::{Percentiles, measures, status_name, time};
use crate::store::grid::Grid;
use crate::store::judged::Judged;
use crate::store::partials::{Keys, Partials};
use crate::store::whole::{Covering, judged, partials, partials_of};

/// Rows of an answer at most.
pub const MAX_CELLS: usize = 10_000_000;

/// An answer that is written step by step.
#[derive(Debug)]
pub struct CellsExport {
    antennas: DataFrame,
    /// The slots of the antennas, ascending; `None` where they are all.
    slots: Option<Vec<Slot>>,
    steps: Grid,
    starts: Vec<i64>,
    next: usize,
    writer: Writer,
    has_rows: bool,
}

enum Writer {
    Json(Head),
    Csv,
    Arrow(ArrowStream),
    Parquet(Box<(BatchedWriter<Sink>, Sink)>),
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json",
            Self::Csv => "Csv",
            Self::Arrow(_) => "Arrow",
            Self::Parquet(_) => "Parquet",
        })
    }
}

/// What stands before the cells of a [`shared::api::Cells`].
#[derive(Debug, Serialize)]
struct Head {
    window: WindowBounds,
    step_seconds: f64,
    as_of: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<Gap>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    partitions_missing: Vec<String>,
}

impl CellsExport {
    /// The answer to a request in a format, before its first step.
    ///
    /// # Errors
    /// When the antenna is not known, or there would be too many rows.
    pub fn begin(request: &CellsRequest, format: Format, view: &View<'_>) -> Result<Self, AnswerError> {
        let steps = view.default_steps(request.step)?;
        view.look_ahead(steps);
        view.whole.bring_open(view.window.start_ms, view.window.end_ms, &view.thresholds)?;
        let CellsRequest { q, statuses, flapping, site, labels, .. } = request;
        let choice = Choice { search: q.as_deref(), statuses, flapping: *flapping, site: site.as_deref(), labels };
        let all = view.antennas()?;
        let mut chosen = choice.of(view, &all)?;
        if let Some(antenna) = &request.antenna {
            chosen = chosen.filter(col(ANTENNA).eq(lit(view.slot(antenna)?)));
        }
        let antennas = chosen.select([col(ANTENNA), col(ANTENNA_ID)]).collect()?;
        let starts: Vec<i64> = view.window.step_starts(steps).collect();
        if antennas.height().saturating_mul(starts.len()) > MAX_CELLS {
            let (antennas, steps) = (antennas.height(), starts.len());
            let why =
                format!("{antennas} antennas in {steps} steps are more than {MAX_CELLS} cells; ask for longer steps");
            return Err(BadParameter::new("step", why).into());
        }
        let slots = if antennas.height() == all.height() {
            None
        } else {
            let slots = antennas.column(ANTENNA)?.sort(SortOptions::default())?;
            Some(slots.u32()?.iter().flatten().collect())
        };
        let nothing = named(table(Partials::empty(), &Judged::default(), &antennas)?)?;
        let writer = match format {
            Format::Json => Writer::Json(Head {
                window: view.window.bounds(),
                step_seconds: UnixMillis(steps.width_ms).seconds(),
                as_of: view.whole.as_of,
                gaps: view.gaps(),
                partitions_missing: view.partitions_missing(),
            }),
            Format::Csv => Writer::Csv,
            Format::Arrow => Writer::Arrow(ArrowStream::of(&nothing)?),
            Format::Parquet => {
                let sink = Sink::default();
                let writer = ParquetWriter::new(sink.clone()).with_compression(ParquetCompression::Snappy);
                Writer::Parquet(Box::new((writer.set_parallel(false).batched(nothing.schema())?, sink)))
            }
        };
        Ok(Self { antennas, slots, steps, starts, next: 0, writer, has_rows: false })
    }

    /// The bytes of the next step, with what stands before the first and behind the last; `None` behind the end.
    ///
    /// # Errors
    /// When a table lacks a column.
    pub fn step(&mut self, view: &View<'_>) -> Result<Option<Vec<u8>>, AnswerError> {
        if self.next > self.starts.len() {
            return Ok(None);
        }
        let is_first = self.next == 0;
        let start = self.starts.get(self.next).copied();
        self.next += 1;
        let Some(start_ms) = start else {
            // A window has one pane at least, so a step has been written.
            return Ok(Some(self.end()?));
        };
        let parts = view.parts_of(start_ms, self.steps);
        let end_ms = start_ms.saturating_add(self.steps.width_ms).min(view.window.end_ms);
        let range = (start_ms.max(view.window.start_ms), end_ms);
        let slots = self.slots.as_deref();
        let fared = view.archived_fared(range, Some(self.steps), slots);
        let judged = judged(&parts, &view.thresholds)?;
        let judged = Judged::of(judged.into_iter().chain(fared).map(|(_, slot, status)| (slot, status)));
        let archived = view.archived_partials(range, self.steps, slots)?;
        let table = table(self.partials(&parts, &archived)?, &judged, &self.antennas)?;
        Ok(Some(self.write(table, is_first)?))
    }

    /// What the wanted antennas measured in some parts of one step, and in what was archived of it.
    fn partials(&self, parts: &[Covering<'_>], archived: &Partials) -> PolarsResult<Partials> {
        let keys = Keys { pane: Some(self.steps), antenna: true };
        match &self.slots {
            None => Partials::roll_up(partials(parts)?.iter().chain([archived]), keys),
            Some(slots) => Partials::roll_up([&partials_of(parts, slots)?, archived], keys),
        }
    }

    fn write(&mut self, table: DataFrame, is_first: bool) -> Result<Vec<u8>, AnswerError> {
        let mut bytes = Vec::new();
        match &mut self.writer {
            Writer::Json(head) => {
                if is_first {
                    bytes = json(head)?;
                    // In place of the closing brace.
                    bytes.pop();
                    bytes.extend_from_slice(b",\"cells\":[");
                }
                for cell in cells(&table)? {
                    if self.has_rows {
                        bytes.push(b',');
                    }
                    bytes.extend(json(&cell)?);
                    self.has_rows = true;
                }
            }
            Writer::Csv => bytes = format::csv(&named(table)?, is_first)?,
            Writer::Arrow(stream) => {
                if is_first {
                    bytes = stream.head();
                }
                bytes.extend(stream.batches(&named(table)?)?);
            }
            Writer::Parquet(parquet) => {
                let (writer, sink) = &mut **parquet;
                if table.height() > 0 {
                    writer.write_batch(&named(table)?)?;
                }
                bytes = sink.take();
            }
        }
        Ok(bytes)
    }

    fn end(&mut self) -> Result<Vec<u8>, AnswerError> {
        Ok(match &mut self.writer {
            Writer::Json(_) => b"]}".to_vec(),
            Writer::Csv => Vec::new(),
            Writer::Arrow(_) => ArrowStream::tail(),
            Writer::Parquet(parquet) => {
                let (writer, sink) = &mut **parquet;
                writer.finish()?;
                sink.take()
            }
        })
    }
}

/// The cells of one step, by id.
fn table(partials: Partials, judged: &Judged, antennas: &DataFrame) -> PolarsResult<DataFrame> {
    let on = || [col(ANTENNA)];
    let measured =
        partials.cells.lazy().select([&[col(PANE).alias(START), col(ANTENNA)], measures().as_slice()].concat());
    let percentiles = Percentiles::of(partials.sketch.lazy(), &[ANTENNA])?;
    let worst = col(WORST_STATUS).fill_null(lit(Status::Healthy as u32));
    let columns: Vec<Expr> =
        [time(START), col(ANTENNA_ID)].into_iter().chain(MEASURES.map(col)).chain([worst]).collect();
    antennas
        .clone()
        .lazy()
        .join(measured, on(), on(), JoinArgs::new(JoinType::Inner))
        .join(percentiles, on(), on(), JoinArgs::new(JoinType::Left))
        .join(judged.table(WORST_STATUS)?.lazy(), on(), on(), JoinArgs::new(JoinType::Left))
        .with_columns(Percentiles::bounded())
        .sort([ANTENNA_ID], SortMultipleOptions::default())
        .select(columns)
        .collect()
}

/// Cells for the formats that are tables: with statuses as the API spells them.
fn named(cells: DataFrame) -> PolarsResult<DataFrame> {
    cells.lazy().with_column(status_name(WORST_STATUS)).collect()
}

fn cells(table: &DataFrame) -> PolarsResult<Vec<Cell>> {
    let starts = table.column(START)?.cast(&DataType::Int64)?;
    let starts = starts.i64()?.iter().map(|start| UnixMillis(start.unwrap_or_default()));
    let worst = rows::known_positions(table, WORST_STATUS, &Status::ALL)?;
    let cells = starts.zip(rows::texts(table, ANTENNA_ID)?).zip(rows::measures(table)?).zip(worst);
    let cell = |(((start, antenna_id), measures), worst_status): (((_, Option<String>), _), _)| Cell {
        start,
        antenna_id: antenna_id.unwrap_or_default(),
        measures,
        worst_status,
    };
    Ok(cells.map(cell).collect())
}

fn json(value: &impl Serialize) -> PolarsResult<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| polars_err!(ComputeError: "{error}"))
}

/// Where a writer that goes on from step to step leaves its bytes.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock())
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
