//! Incidents: those that have ended, as they were recorded, and those that last, as the antennas are now.

use std::sync::Arc;

use polars::prelude::*;
use shared::api::request::Count;
use shared::api::{
    Format, HeldBy, Incident, IncidentEnding, IncidentKind, IncidentPage, IncidentState, IncidentsRequest,
};
use shared::spelled::Spelled as _;

use super::causes::{ACKNOWLEDGED, CAUSED_BY, HELD};
use super::choice::Choice;
use super::network::contains;
use super::{AnswerError, Question, Table, View, next_offset, rows};
use crate::settings::Thresholds;
use crate::store::Whole;
use crate::store::expressions::answer::{ANTENNA_ID, CHANGES, START};
use crate::store::expressions::column::{PACKETS_LOST, PACKETS_SENT};
use crate::store::expressions::{seconds, time};
use crate::store::incidents::Finished;
use crate::store::trouble::{Tally, Trouble};

pub(super) const KIND: &str = "kind";
pub(super) const END: &str = "end";
const ENDED_BY: &str = "ended_by";
const DURATION_SECONDS: &str = "duration_seconds";
const WORST_SUCCESS_RATE: &str = "worst_success_rate";
const WORST_LATENCY_MS: &str = "worst_latency_ms";

impl Question for IncidentsRequest {
    fn answer(&self, view: &View<'_>) -> Result<IncidentPage, AnswerError> {
        let found = found(self, view)?.collect()?;
        let open = found.column(END)?.null_count() as u64;
        let page = page(self, found.clone().lazy(), self.limit.get()).collect()?;
        let page = view.with_said(page, self.window.is_some())?;
        let (ids, kinds) = (rows::texts(&page, ANTENNA_ID)?, rows::positions(&page, KIND, &IncidentKind::ALL)?);
        let (starts, ends) = (rows::times(&page, START)?, rows::known_times(&page, END)?);
        let endings: Vec<Option<u32>> = page.column(ENDED_BY)?.u32()?.iter().collect();
        let durations = rows::numbers(&page, DURATION_SECONDS)?;
        let (sent, lost) = (rows::counts(&page, PACKETS_SENT)?, rows::counts(&page, PACKETS_LOST)?);
        let (rates, latencies) = (rows::numbers(&page, WORST_SUCCESS_RATE)?, rows::numbers(&page, WORST_LATENCY_MS)?);
        let text = |name: &str| rows::texts(&page, name);
        let (caused_by, held, acknowledged) = (text(CAUSED_BY)?, text(HELD)?, text(ACKNOWLEDGED)?);
        let incident = |(row, antenna_id): (usize, Option<String>)| Incident {
            antenna_id: antenna_id.unwrap_or_default(),
            kind: kinds[row],
            start: starts[row],
            end: ends[row],
            ended_by: endings[row].and_then(|position| IncidentEnding::ALL.get(position as usize).copied()),
            duration_seconds: durations[row].unwrap_or_default(),
            packets_sent: sent[row],
            packets_lost: lost[row],
            worst_success_rate: rates[row],
            worst_latency_ms: latencies[row],
            caused_by: caused_by[row].clone(),
            held: held[row].as_deref().and_then(HeldBy::from_spelling),
            acknowledged: acknowledged[row].clone(),
        };
        Ok(IncidentPage {
            total: found.height() as u64,
            open,
            incidents: ids.into_iter().enumerate().map(incident).collect(),
            as_of: view.whole.as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let kind = spelled(KIND, &IncidentKind::ALL.map(IncidentKind::as_str));
        let ended_by = spelled(ENDED_BY, &IncidentEnding::ALL.map(IncidentEnding::as_str));
        let names = [kind, time(START), time(END), ended_by];
        let found = found(self, view)?.collect()?;
        let total = Some(found.height() as u64);
        let rows = view.with_said(page(self, found.lazy(), self.limit.in_table()).collect()?, self.window.is_some())?;
        let rows = rows.lazy().with_columns(names).collect()?;
        Ok(Table { rows, total })
    }

    fn total(&self, answer: &IncidentPage, _: &View<'_>) -> Result<Option<u64>, AnswerError> {
        Ok(Some(answer.total))
    }

    fn next(&self, format: Format, total: u64) -> Option<Self> {
        let limit = self.limit.in_format(format);
        let offset = next_offset(self.offset, limit, total)?;
        Some(Self { limit: Count::new(limit)?, offset, ..self.clone() })
    }
}

/// The incidents that match, newest start first, then by id and kind.
fn found(request: &IncidentsRequest, view: &View<'_>) -> Result<LazyFrame, AnswerError> {
    // The time until which an open incident has lasted; a window with a given end has an open incident last to now too.
    let now_ms = view.now_ms;
    let mut wanted = lit(true);
    if let Some(kind) = request.kind {
        wanted = wanted.and(col(KIND).eq(lit(kind as u32)));
    }
    if let Some(state) = request.state {
        let has_ended = col(END).is_not_null();
        wanted = wanted.and(if state == IncidentState::Open { has_ended.not() } else { has_ended });
    }
    if let Some(antenna) = &request.antenna {
        wanted = wanted.and(col(ANTENNA_ID).eq(lit(antenna.clone())));
    }
    if request.window.is_some() {
        let has_begun = col(START).lt(lit(view.window.end_ms));
        wanted = wanted.and(has_begun).and(col(END).is_null().or(col(END).gt(lit(view.window.start_ms))));
    }
    if let Some(search) = request.q.as_deref().filter(|search| !search.is_empty()) {
        wanted = wanted.and(contains(ANTENNA_ID, search));
    }
    let lasted_ms = col(END).fill_null(lit(now_ms)) - col(START);
    let lasted_ms = when(lasted_ms.clone().lt(lit(0_i64))).then(lit(0_i64)).otherwise(lasted_ms);
    let duration = seconds(lasted_ms).alias(DURATION_SECONDS);
    let by = SortMultipleOptions::default().with_order_descending_multi([true, false, false]);
    let columns = [
        ANTENNA_ID,
        KIND,
        START,
        END,
        ENDED_BY,
        DURATION_SECONDS,
        PACKETS_SENT,
        PACKETS_LOST,
        WORST_SUCCESS_RATE,
        WORST_LATENCY_MS,
    ];
    // Without a window, those that memory has.
    let archived = request.window.map(|_| view.archived_incidents(view.range())).unwrap_or_default();
    let found = table(view, &archived, now_ms)?.lazy().filter(wanted).collect()?;
    let chosen = Choice::by_place(request.site.as_deref(), &request.labels).of(view, &found)?;
    Ok(chosen.sort([START, ANTENNA_ID, KIND], by).with_column(duration).select(columns.map(col)))
}

fn page(request: &IncidentsRequest, found: LazyFrame, limit: usize) -> LazyFrame {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    found.slice(i64::try_from(request.offset).unwrap_or(i64::MAX), limit)
}

/// The incidents that last, by the position of their kind in [`IncidentKind::ALL`].
pub type OpenIncidents = [u64; IncidentKind::ALL.len()];

/// The number of incidents that last, by kind; for silence and what it closes, as of `now_ms`, milliseconds since the epoch.
#[must_use]
pub fn open_incidents(whole: &Whole, now_ms: i64, thresholds: &Thresholds) -> OpenIncidents {
    let mut counts = OpenIncidents::default();
    for incident in current(whole, now_ms, thresholds).filter(|incident| incident.end.is_none()) {
        counts[incident.kind as usize] += 1;
    }
    counts
}

/// How many incidents began in `[start_ms, end_ms)` and how many ended in it, together, as of `now_ms`; all in milliseconds since the
/// epoch. A row for each antenna that had any.
pub(super) fn changes(view: &View<'_>, (start_ms, end_ms): (i64, i64), now_ms: i64) -> PolarsResult<DataFrame> {
    let is_within = |time_ms: &i64| (start_ms..end_ms).contains(time_ms);
    let archived = view.archived_incidents((start_ms, end_ms));
    let changed = all(view.whole, &archived, now_ms, &view.thresholds).flat_map(|row| {
        let times = [Some(row.start_ms), row.end.map(|(end_ms, _)| end_ms)];
        times.into_iter().flatten().filter(is_within).map(move |_| row.antenna)
    });
    let changed: Vec<&str> = changed.collect();
    let table = DataFrame::new(changed.len(), vec![Column::new(ANTENNA_ID.into(), changed)])?;
    table.lazy().group_by([col(ANTENNA_ID)]).agg([len().cast(DataType::UInt64).alias(CHANGES)]).collect()
}

/// An incident that has ended or lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) antenna: &'a str,
    pub(super) kind: IncidentKind,
    pub(super) start_ms: i64,
    pub(super) end: Option<(i64, IncidentEnding)>,
    pub(super) tally: Tally,
}

/// Every incident that is in some files, is in memory or lasts.
pub(super) fn all<'a>(
    whole: &'a Whole,
    archived: &'a [Arc<Vec<Finished>>],
    now_ms: i64,
    thresholds: &'a Thresholds,
) -> impl Iterator<Item = Row<'a>> + use<'a> {
    let archived = archived.iter().flat_map(|file| file.iter());
    let ended = archived.chain(whole.incidents()).map(|it| Row {
        antenna: &it.antenna,
        kind: it.kind,
        start_ms: it.start_ms,
        end: Some((it.end_ms, it.ended_by)),
        tally: it.tally,
    });
    ended.chain(current(whole, now_ms, thresholds))
}

/// A row for each incident.
pub(super) fn table(view: &View<'_>, archived: &[Arc<Vec<Finished>>], now_ms: i64) -> PolarsResult<DataFrame> {
    let rows: Vec<Row<'_>> = all(view.whole, archived, now_ms, &view.thresholds).collect();
    fn column<'a, T>(rows: &[Row<'a>], name: &str, value: impl Fn(&Row<'a>) -> T) -> Column
    where
        Series: NamedFrom<Vec<T>, [T]>,
    {
        Column::new(name.into(), rows.iter().map(value).collect::<Vec<T>>())
    }
    let columns = vec![
        Column::new(ANTENNA_ID.into(), rows.iter().map(|row| row.antenna).collect::<Vec<_>>()),
        column(&rows, KIND, |row| row.kind as u32),
        column(&rows, START, |row| row.start_ms),
        column(&rows, END, |row| row.end.map(|(end_ms, _)| end_ms)),
        column(&rows, ENDED_BY, |row| row.end.map(|(_, ended_by)| ended_by as u32)),
        column(&rows, PACKETS_SENT, |row| row.tally.packets_sent),
        column(&rows, PACKETS_LOST, |row| row.tally.packets_lost),
        column(&rows, WORST_SUCCESS_RATE, |row| row.tally.worst_success_rate),
        column(&rows, WORST_LATENCY_MS, |row| row.tally.worst_latency_ms),
    ];
    DataFrame::new(rows.len(), columns)
}

/// The trouble and the silence of each antenna, and the trouble that silence shows to be over before a reading does.
fn current<'a>(whole: &'a Whole, now_ms: i64, thresholds: &'a Thresholds) -> impl Iterator<Item = Row<'a>> + use<'a> {
    whole.retained().flat_map(move |(_, antenna)| {
        let row = |kind, start_ms, end, tally| Row { antenna: &antenna.id, kind, start_ms, end, tally };
        let of = |it: &Trouble, end| row(it.severity.kind(), it.start_ms, end, it.tally);
        let (lasting, ended) = antenna.trouble_at(now_ms, thresholds);
        let lasting = lasting.map(|it| of(&it, None));
        let ended = ended.map(|(it, well_ms)| of(&it, Some((well_ms, IncidentEnding::Recovered))));
        let silence = antenna.is_missed(now_ms);
        let silence = silence.then(|| row(IncidentKind::Silent, antenna.last_arrival_ms, None, Tally::default()));
        lasting.into_iter().chain(ended).chain(silence)
    })
}

/// A column of positions in a list of names, as names.
fn spelled(name: &str, names: &[&'static str]) -> Expr {
    let position = |at: usize| lit(u32::try_from(at).unwrap_or(u32::MAX));
    let spelled = names.iter().enumerate().fold(lit(NULL).cast(DataType::String), |others, (at, text)| {
        when(col(name).eq(position(at))).then(lit(*text)).otherwise(others)
    });
    spelled.alias(name)
}
