//! Answers over HTTP, worked out once for each snapshot.
//!
//! A question to a snapshot has one answer until another antenna falls silent (see [`Window::judged_ms`]), or the registry says
//! something else of antennas or alerts of incidents. So answers are kept by snapshot, registry, alerts, window and question:
//! whoever asks the same again gets the same bytes, and whoever asks at the same time waits for the first. An answer carries an
//! `ETag` made of its bytes, so a client that holds them already is told so (304).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Serialize;
use shared::UnixMillis;
use shared::api::{CellsRequest, Format, Gap, description};

use super::ApiError;
use crate::answer::cells::CellsExport;
use crate::answer::format::write;
use crate::answer::incidents::{OpenIncidents, open_incidents};
use crate::answer::said::Said;
use crate::answer::{AnswerError, Question, Table, Tables, View, Window};
use crate::archive::read::Archive;
use crate::cache;
use crate::registry::Registry;
use crate::settings::Thresholds;
use crate::store::Whole;
use crate::store::away::is_unreachable;
use crate::workers::{JobError, Workers};

/// Answers are kept up to so many bytes of bodies.
const ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// About as many answers fit.
const ANSWERS: usize = 1024;

/// How many rows there are, on this page or not.
const TOTAL_COUNT: HeaderName = HeaderName::from_static(description::TOTAL_COUNT);

/// What a question is put to.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) whole: Arc<Whole>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) said: Arc<Said>,
    pub(crate) window: Window,
    pub(crate) now: UnixMillis,
}

/// Times that are missing from an answer in any format.
const GAPS: HeaderName = HeaderName::from_static(description::GAPS);

/// Streams that are missing from an answer in any format.
const PARTITIONS_MISSING: HeaderName = HeaderName::from_static(description::PARTITIONS_MISSING);

/// So many gaps are told in a header at most.
const GAPS_TOLD: usize = 16;

/// The bytes that answer a question.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    format: Format,
    /// What is missing from it.
    gaps: Vec<Gap>,
    /// The streams that are.
    partitions_missing: Vec<String>,
    /// The body.
    pub(crate) body: Bytes,
    list: Option<List>,
    etag: ETag,
}

/// The list that an answer is a part of.
#[derive(Debug, Clone, Hash)]
struct List {
    /// Its rows.
    total: u64,
    /// Where the rows behind those of the answer are.
    next: Option<String>,
}

impl List {
    fn of<Q: Question>(question: &Q, format: Format, total: u64) -> Self {
        Self { total, next: question.next(format, total).map(|next| next.href()) }
    }
}

impl Answer {
    fn new(format: Format, body: Vec<u8>, list: Option<List>) -> Result<Self, ApiError> {
        let mut hasher = DefaultHasher::new();
        (format, &body, &list).hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish()).parse();
        let etag = etag.map_err(|_| ApiError::internal(&"an ETag of hexadecimal digits is refused"))?;
        Ok(Self { format, gaps: Vec::new(), partitions_missing: Vec::new(), body: body.into(), list, etag })
    }

    fn json(value: &impl Serialize, list: Option<List>) -> Result<Self, ApiError> {
        Self::new(Format::Json, serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?, list)
    }

    /// The whole answer, or 304 for a client that holds it.
    pub(crate) fn respond(self, request: &HeaderMap) -> Response {
        let is_held = request.typed_get::<IfNoneMatch>().is_some_and(|held| !held.precondition_passes(&self.etag));
        let mut response =
            if is_held { StatusCode::NOT_MODIFIED.into_response() } else { written(self.format, self.body.into()) };
        if let Some(List { total, next }) = self.list {
            response.headers_mut().insert(TOTAL_COUNT, total.into());
            // An address of ours has no characters that a header cannot hold.
            if let Some(link) = next.and_then(|next| format!("<{next}>; rel=\"next\"").try_into().ok()) {
                response.headers_mut().insert(header::LINK, link);
            }
        }
        tell_gaps(&mut response, &self.gaps);
        tell_missing(&mut response, &self.partitions_missing);
        response.headers_mut().typed_insert(self.etag);
        // Kept by whoever wants to, and asked about before each use.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}

/// Tells the gaps of an answer in a header, as some formats have no other place for them.
fn tell_gaps(response: &mut Response, gaps: &[Gap]) {
    let told: Vec<String> =
        gaps.iter().take(GAPS_TOLD).map(|Gap { start, end, reason }| format!("{start}/{end}={reason}")).collect();
    if let Some(told) = (!told.is_empty()).then(|| told.join(", ").try_into().ok()).flatten() {
        response.headers_mut().insert(GAPS, told);
    }
}

/// Tells the streams that are missing from an answer likewise.
fn tell_missing(response: &mut Response, streams: &[String]) {
    if let Some(told) = (!streams.is_empty()).then(|| streams.join(", ").try_into().ok()).flatten() {
        response.headers_mut().insert(PARTITIONS_MISSING, told);
    }
}

/// A body in a format.
fn written(format: Format, body: Body) -> Response {
    let content_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        other => other.media_type(),
    };
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// A question to a window of a snapshot, the registry and what alerts say, by their versions, in a format.
type Key = ([u64; 3], Window, String, Format);

#[derive(Debug, Clone)]
struct BodyBytes;

impl Weighter<Key, Answer> for BodyBytes {
    fn weight(&self, (_, _, question, _): &Key, answer: &Answer) -> u64 {
        // An entry takes room beside its body, and a client may ask with a long text.
        (answer.body.len() + question.len() + 256) as u64
    }
}

/// Puts questions to snapshots on the query threads, and keeps the answers. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    workers: Workers,
    thresholds: Thresholds,
    answers: Arc<Cache<Key, Answer, BodyBytes>>,
    tables: Arc<Tables>,
    /// The files, and the threads that wait for them.
    archive: Option<(Archive, Workers)>,
}

impl Answers {
    pub(crate) fn new(workers: Workers, thresholds: Thresholds, partitions: usize) -> Self {
        Self {
            workers,
            thresholds,
            answers: Arc::new(cache::of_bytes(ANSWER_BYTES, ANSWERS, BodyBytes)),
            tables: Arc::new(Tables::of_partitions(partitions)),
            archive: None,
        }
    }

    /// The same with files, and threads that wait for them.
    pub(crate) fn with_archive(self, archive: Option<(Archive, Workers)>) -> Self {
        Self { archive, ..self }
    }

    /// How many files could not be read; `None` where nothing is archived.
    pub(crate) fn archive_gaps(&self) -> Option<u64> {
        self.archive.as_ref().map(|(archive, _)| archive.failures())
    }

    /// The answer to a question in a format.
    pub(crate) async fn answer<Q: Question>(
        &self,
        asked: Asked,
        question: Q,
        format: Format,
    ) -> Result<Answer, ApiError> {
        let versions = [asked.whole.version, asked.registry.version(), asked.said.version()];
        let key = (versions, asked.window, question.href(), format);
        let work = self.put(asked, move |view| {
            let answer = match format {
                Format::Json => {
                    let answer = question.answer(view)?;
                    let total = question.total(&answer, view)?;
                    Answer::json(&answer, total.map(|total| List::of(&question, format, total)))
                }
                _ => {
                    let Table { rows, total } = question.table(view)?;
                    let list = total.map(|total| List::of(&question, format, total));
                    Answer::new(format, write(&rows, format).map_err(AnswerError::from)?, list)
                }
            };
            answer.map(|answer| Answer { gaps: view.gaps(), partitions_missing: view.partitions_missing(), ..answer })
        });
        let answer = self.answers.get_or_insert_async(&key, work).await?;
        if !answer.gaps.is_empty() {
            // The files are looked for again the next time.
            self.answers.remove(&key);
        }
        Ok(answer)
    }

    /// The answer to a question itself, for an answer made of several.
    pub(crate) async fn figures<Q: Question>(&self, asked: Asked, question: Q) -> Result<Q::Answer, ApiError>
    where
        Q::Answer: Send,
    {
        self.put(asked, move |view| Ok(question.answer(view)?)).await
    }

    /// Cells, worked out step by step as the client takes them. The first step is there before the answer begins, so what
    /// fails at once is an error; a client that goes away takes the rest with it.
    pub(crate) async fn cells(
        &self,
        asked: Asked,
        request: CellsRequest,
        format: Format,
    ) -> Result<Response, ApiError> {
        let begin = move |view: &View<'_>| Ok((CellsExport::begin(&request, format, view)?, view.gaps()));
        let (begun, gaps) = self.put(asked.clone(), begin).await?;
        let (first, export) = self.next_cells(asked.clone(), begun).await?;
        let (answers, missing) = (self.clone(), asked.whole.missing().to_vec());
        let later = stream::unfold(Some(export), move |export| {
            let (answers, asked) = (answers.clone(), asked.clone());
            async move {
                match answers.next_cells(asked, export?).await {
                    Ok((Some(bytes), export)) => Some((Ok(bytes), Some(export))),
                    Ok((None, _)) => None,
                    // The status has been sent: the connection is cut, so that no half answer looks whole.
                    Err(error) => Some((Err(error), None)),
                }
            }
        });
        let first = stream::once(async move { Ok(first.unwrap_or_default()) });
        let body = futures::StreamExt::chain(first, later);
        let mut response = written(format, Body::from_stream(body));
        tell_gaps(&mut response, &gaps);
        tell_missing(&mut response, &missing);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        Ok(response)
    }

    async fn next_cells(
        &self,
        asked: Asked,
        mut export: CellsExport,
    ) -> Result<(Option<Vec<u8>>, CellsExport), ApiError> {
        self.put(asked, move |view| Ok((export.step(view)?, export))).await
    }

    /// The number of incidents that last, by kind.
    pub(crate) async fn open_incidents(&self, asked: Asked) -> Result<OpenIncidents, ApiError> {
        self.put(asked, |view| Ok(open_incidents(view.whole, view.now_ms, &view.thresholds))).await
    }

    /// Puts something to a view, on a query thread.
    async fn put<T: Send + 'static>(
        &self,
        asked: Asked,
        work: impl FnOnce(&View<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (thresholds, tables) = (self.thresholds, Arc::clone(&self.tables));
        let (archive, workers) = match &self.archive {
            Some((archive, workers)) if asked.whole.is_archived(asked.window.start_ms) => {
                (Some(archive.clone()), workers)
            }
            _ => (None, &self.workers),
        };
        let work = move || {
            let Asked { whole, registry, said, window, now } = asked;
            let view = View::new(&whole, window, now, thresholds, &tables).with_registry(&registry).with_alerts(&said);
            match work(&view.with_archive(archive.as_ref())) {
                // It may be in a partition of which nothing is known.
                Err(ApiError::NotFound(_)) if !whole.missing().is_empty() => Err(ApiError::missing(whole.missing())),
                answer => answer,
            }
        };
        workers.run(work).await.map_err(|error| match error {
            JobError::Busy => ApiError::Busy,
            JobError::Panicked => ApiError::internal(&error),
        })?
    }
}

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::BadParameter(error) => error.into(),
            AnswerError::UnknownAntenna(_) => Self::NotFound(error.to_string()),
            AnswerError::Failed(error) if is_unreachable(&error) => Self::Moving,
            AnswerError::Failed(error) => Self::internal(&error),
        }
    }
}
