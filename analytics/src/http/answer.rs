//! Answers about a window, worked out once for each snapshot.
//!
//! A question to a snapshot has one answer within a second (see [`Window::now_ms`]), so answers are kept by snapshot,
//! window and question: whoever asks the same again gets the same bytes, and whoever asks at the same time waits for the
//! first. An answer carries an `ETag` made of its bytes, so a client that holds them already is told so (304).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use polars::prelude::PolarsResult;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde::Serialize;
use shared::api::{
    AntennasRequest, Format, HeatmapRequest, IncidentState, IncidentsRequest, Order, ReadingsRequest, SeriesRequest,
    Summary, WorstRequest,
};
use shared::time::Span;

use super::{ApiError, csv};
use crate::query::{self, Filter, IncidentFilter, OpenIncidents, Paging, Row, View, Window};
use crate::settings::Thresholds;
use crate::store::Snapshot;
use crate::workers::{JobError, Workers};

/// Answers are kept up to so many bytes of bodies.
const ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// About as many answers fit.
const ANSWERS: usize = 1024;

/// Tables of antennas are kept for so many windows and snapshots: with 10,000 antennas each takes some two megabytes.
const TABLES: usize = 8;

const JSON: &str = "application/json";

/// What is asked about a window. The requests come without their window, which the handler has
/// worked out, and with the format of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// The whole network.
    Summary,
    /// Antennas; the step of their histories, if any, is whole panes.
    Antennas(AntennasRequest),
    /// The worst antennas; the step of their histories, if any, is whole panes.
    Worst(WorstRequest),
    /// Antennas over time, in steps of so many milliseconds.
    Heatmap { request: HeatmapRequest, step_ms: i64 },
    /// One antenna.
    Antenna { id: String },
    /// The readings of an antenna that were counted last.
    Readings(ReadingsRequest),
    /// Steps of so many milliseconds.
    Series { request: SeriesRequest, step_ms: i64 },
    /// Incidents as of a current time in full seconds.
    Incidents { request: IncidentsRequest, now_ms: i64 },
}

impl Question {
    /// Bytes of what the client wrote into it.
    fn text_bytes(&self) -> usize {
        let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Antennas(request) => bytes(&request.q) + bytes(&request.id),
            Self::Heatmap { request, .. } => bytes(&request.q),
            Self::Incidents { request, .. } => bytes(&request.q) + bytes(&request.antenna),
            Self::Series { request, .. } => bytes(&request.antenna),
            Self::Readings(request) => request.antenna.len(),
            Self::Antenna { id } => id.len(),
            Self::Summary | Self::Worst(_) => 0,
        }
    }
}

/// The bytes that answer a question.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    content_type: &'static str,
    /// The body.
    pub(crate) body: Bytes,
    etag: ETag,
}

impl Answer {
    fn new(content_type: &'static str, body: Vec<u8>) -> Result<Self, ApiError> {
        let mut hasher = DefaultHasher::new();
        (content_type, &body).hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish()).parse();
        let etag = etag.map_err(|_| ApiError::internal(&"an ETag of hexadecimal digits is refused"))?;
        Ok(Self { content_type, body: body.into(), etag })
    }

    fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        Self::new(JSON, serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?)
    }

    /// The whole answer, or 304 for a client that holds it.
    pub(crate) fn respond(self, request: &HeaderMap) -> Response {
        let is_held = request.typed_get::<IfNoneMatch>().is_some_and(|held| !held.precondition_passes(&self.etag));
        let mut response = if is_held {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, self.content_type)], self.body).into_response()
        };
        response.headers_mut().typed_insert(self.etag);
        // Kept by whoever wants to, and asked about before each use.
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache"));
        response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("accept"));
        response
    }
}

/// The antennas of a window.
type Table = Arc<Vec<Row>>;

#[derive(Debug, Clone)]
struct BodyBytes;

impl Weighter<(u64, Window, Question), Answer> for BodyBytes {
    fn weight(&self, (_, _, question): &(u64, Window, Question), answer: &Answer) -> u64 {
        // An entry takes room beside its body, and a client may ask with a long text.
        (answer.body.len() + question.text_bytes() + 256) as u64
    }
}

/// Puts questions to snapshots on the query threads, and keeps the answers. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    workers: Workers,
    thresholds: Thresholds,
    answers: Arc<Cache<(u64, Window, Question), Answer, BodyBytes>>,
    tables: Arc<Cache<(u64, Window), Table>>,
}

impl Answers {
    pub(crate) fn new(workers: Workers, thresholds: Thresholds) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(ANSWERS)
            .weight_capacity(ANSWER_BYTES)
            // A shard keeps no answer that is larger than itself, and a list of all antennas is megabytes.
            .shards(1)
            .build();
        let options = options.unwrap_or_else(|_| unreachable!("both capacities are given"));
        Self {
            workers,
            thresholds,
            answers: Arc::new(Cache::with_options(
                options,
                BodyBytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            )),
            tables: Arc::new(Cache::new(TABLES)),
        }
    }

    /// The answer to a question about a window.
    pub(crate) async fn answer(
        &self,
        snapshot: Arc<Snapshot>,
        window: Window,
        question: Question,
    ) -> Result<Answer, ApiError> {
        let key = (snapshot.version, window, question);
        let work = self.work(snapshot, window, key.2.clone());
        self.answers.get_or_insert_async(&key, work).await
    }

    async fn work(&self, snapshot: Arc<Snapshot>, window: Window, question: Question) -> Result<Answer, ApiError> {
        let rows = match question {
            Question::Summary | Question::Antennas(_) | Question::Worst(_) | Question::Heatmap { .. } => {
                self.rows(&snapshot, window).await?
            }
            Question::Antenna { .. } | Question::Readings(_) | Question::Series { .. } | Question::Incidents { .. } => {
                Arc::default()
            }
        };
        let thresholds = self.thresholds;
        self.on_worker(move || answer(&View::new(&snapshot, window), &rows, question, &thresholds)).await?
    }

    /// The whole network in a window.
    pub(crate) async fn summary(&self, snapshot: Arc<Snapshot>, window: Window) -> Result<Summary, ApiError> {
        let (rows, thresholds) = (self.rows(&snapshot, window).await?, self.thresholds);
        self.on_worker(move || failed(View::new(&snapshot, window).summary(&rows, &thresholds))).await?
    }

    /// The number of incidents that last, by kind.
    pub(crate) async fn open_incidents(&self, snapshot: Arc<Snapshot>, now_ms: i64) -> Result<OpenIncidents, ApiError> {
        self.on_worker(move || query::open_incidents(&snapshot, now_ms)).await
    }

    /// The antennas in a window.
    async fn rows(&self, snapshot: &Arc<Snapshot>, window: Window) -> Result<Table, ApiError> {
        let work = async {
            let (snapshot, thresholds) = (Arc::clone(snapshot), self.thresholds);
            let rows = self.on_worker(move || View::new(&snapshot, window).rows(&thresholds)).await?;
            failed(rows).map(Arc::new)
        };
        self.tables.get_or_insert_async(&(snapshot.version, window), work).await
    }

    async fn on_worker<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        self.workers.run(work).await.map_err(|error| match error {
            JobError::Busy => ApiError::Busy,
            JobError::Panicked => ApiError::internal(&error),
        })
    }
}

fn answer(view: &View<'_>, rows: &[Row], question: Question, thresholds: &Thresholds) -> Result<Answer, ApiError> {
    match question {
        Question::Summary => Answer::json(&failed(view.summary(rows, thresholds))?),
        Question::Antennas(request) => {
            let filter = Filter { search: request.q.unwrap_or_default(), id: request.id, statuses: request.statuses };
            let order = (request.sort, request.order == Order::Descending);
            let paging = Paging { limit: request.limit.get(), offset: request.offset };
            let page = failed(view.antennas(rows, &filter, order, paging, request.step.map(Span::ms)))?;
            written(request.format, &page, csv::antennas)
        }
        Question::Worst(request) => {
            let page = view.worst(rows, request.by, request.limit.get(), request.step.map(Span::ms));
            Answer::json(&failed(page)?)
        }
        Question::Heatmap { request, step_ms } => {
            let filter = Filter { search: request.q.unwrap_or_default(), id: None, statuses: request.statuses };
            Answer::json(&failed(view.heatmap(rows, &filter, step_ms, request.rows.get()))?)
        }
        Question::Antenna { id } => {
            let row = failed(view.antenna(&id, thresholds))?;
            Answer::json(&row.ok_or_else(|| ApiError::unknown_antenna(&id))?)
        }
        Question::Readings(request) => {
            let readings = view.readings(&request.antenna, request.limit.get());
            Answer::json(&readings.ok_or_else(|| ApiError::unknown_antenna(&request.antenna))?)
        }
        Question::Series { request, step_ms } => {
            let series = failed(view.series(step_ms, request.antenna.as_deref()))?;
            let series = series.ok_or_else(|| ApiError::unknown_antenna(&request.antenna.unwrap_or_default()))?;
            written(request.format, &series, csv::series)
        }
        Question::Incidents { request, now_ms } => {
            let filter = IncidentFilter {
                is_windowed: request.window.is_some(),
                kind: request.kind,
                is_open: request.state.map(|state| state == IncidentState::Open),
                antenna: request.antenna,
                search: request.q.unwrap_or_default(),
            };
            let paging = Paging { limit: request.limit.get(), offset: request.offset };
            written(request.format, &view.incidents(&filter, paging, now_ms), csv::incidents)
        }
    }
}

/// A list as CSV where that is asked for, else as JSON.
fn written<T: Serialize>(
    format: Option<Format>,
    list: &T,
    csv: impl FnOnce(&T) -> Result<Vec<u8>, ApiError>,
) -> Result<Answer, ApiError> {
    if format == Some(Format::Csv) { Answer::new(csv::CONTENT_TYPE, csv(list)?) } else { Answer::json(list) }
}

fn failed<T>(result: PolarsResult<T>) -> Result<T, ApiError> {
    result.map_err(|error| ApiError::internal(&error))
}
