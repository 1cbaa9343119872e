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
use shared::api::Summary;

use super::{ApiError, csv};
use crate::query::{self, Badness, Filter, IncidentFilter, OpenIncidents, Paging, Row, Sort, View, Window};
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

/// What is asked about a window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// The whole network.
    Summary,
    /// Antennas: which, an order, whether it descends, a page, the step of histories, and whether as CSV.
    Antennas { filter: Filter, sort: (Sort, bool), paging: Paging, step_ms: Option<i64>, is_csv: bool },
    /// The worst antennas, and the step of histories.
    Worst { by: Badness, limit: usize, step_ms: Option<i64> },
    /// Antennas over time, in so many rows at most.
    Heatmap { filter: Filter, step_ms: i64, rows: usize },
    /// One antenna.
    Antenna { id: String },
    /// The readings of an antenna that were counted last.
    Readings { antenna: String, limit: usize },
    /// Steps, of one antenna or of all, and whether as CSV.
    Series { step_ms: i64, antenna: Option<String>, is_csv: bool },
    /// Incidents: which, a page, the current time in full seconds, and whether as CSV.
    Incidents { filter: IncidentFilter, paging: Paging, now_ms: i64, is_csv: bool },
}

impl Question {
    /// Bytes of what the client wrote into it.
    fn text_bytes(&self) -> usize {
        match self {
            Self::Antennas { filter, .. } | Self::Heatmap { filter, .. } => {
                filter.search.len() + filter.id.as_ref().map_or(0, String::len)
            }
            Self::Incidents { filter, .. } => filter.search.len() + filter.antenna.as_ref().map_or(0, String::len),
            Self::Antenna { id: text }
            | Self::Readings { antenna: text, .. }
            | Self::Series { antenna: Some(text), .. } => text.len(),
            Self::Summary | Self::Worst { .. } | Self::Series { antenna: None, .. } => 0,
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
            Question::Summary | Question::Antennas { .. } | Question::Worst { .. } | Question::Heatmap { .. } => {
                self.rows(&snapshot, window).await?
            }
            Question::Antenna { .. }
            | Question::Readings { .. }
            | Question::Series { .. }
            | Question::Incidents { .. } => Arc::default(),
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
        Question::Antennas { filter, sort, paging, step_ms, is_csv } => {
            let page = failed(view.antennas(rows, &filter, sort, paging, step_ms))?;
            if is_csv { Answer::new(csv::CONTENT_TYPE, csv::antennas(&page)?) } else { Answer::json(&page) }
        }
        Question::Worst { by, limit, step_ms } => Answer::json(&failed(view.worst(rows, by, limit, step_ms))?),
        Question::Heatmap { filter, step_ms, rows: limit } => {
            Answer::json(&failed(view.heatmap(rows, &filter, step_ms, limit))?)
        }
        Question::Antenna { id } => {
            let row = failed(view.antenna(&id, thresholds))?;
            Answer::json(&row.ok_or_else(|| ApiError::unknown_antenna(&id))?)
        }
        Question::Readings { antenna, limit } => {
            let readings = view.readings(&antenna, limit);
            Answer::json(&readings.ok_or_else(|| ApiError::unknown_antenna(&antenna))?)
        }
        Question::Series { step_ms, antenna, is_csv } => {
            let series = failed(view.series(step_ms, antenna.as_deref()))?;
            let series = series.ok_or_else(|| ApiError::unknown_antenna(&antenna.unwrap_or_default()))?;
            if is_csv { Answer::new(csv::CONTENT_TYPE, csv::series(&series)?) } else { Answer::json(&series) }
        }
        Question::Incidents { filter, paging, now_ms, is_csv } => {
            let page = view.incidents(&filter, paging, now_ms);
            if is_csv { Answer::new(csv::CONTENT_TYPE, csv::incidents(&page)?) } else { Answer::json(&page) }
        }
    }
}

fn failed<T>(result: PolarsResult<T>) -> Result<T, ApiError> {
    result.map_err(|error| ApiError::internal(&error))
}
