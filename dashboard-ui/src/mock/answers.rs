//! Answers to the requests of the API.

use reqwest::StatusCode;
use shared::UnixMillis;
use shared::api::{
    AntennaPage, AntennasRequest, End, Heatmap, HeatmapRequest, IncidentPage, IncidentState, IncidentsRequest, Order,
    Pipeline, PipelineHistory, PipelineHistoryRequest, PipelineRequest, ReadingsRequest, RecentReadings, RejectedPage,
    RejectedRequest, Series, SeriesRequest, Summary, SummaryRequest, WindowRequest, WorstRequest,
};
use shared::time::Span;

use super::{AntennaSearch, IncidentSearch, Mock, Sort};
use crate::client::ClientError;
use crate::source::Answers;

/// The window and the step of a question that names none.
const DEFAULT: (u32, u32) = (300, 5);

impl Answers<SummaryRequest> for Mock {
    fn answer(&self, request: &SummaryRequest, now: UnixMillis) -> Result<Summary, ClientError> {
        let (window, end) = bounds(request.window);
        Ok(self.summary(window, end, now))
    }
}

impl Answers<AntennasRequest> for Mock {
    fn answer(&self, request: &AntennasRequest, now: UnixMillis) -> Result<AntennaPage, ClientError> {
        let (window, end) = bounds(request.window);
        let search = AntennaSearch {
            q: request.q.clone().unwrap_or_default(),
            status: request.statuses.first().copied(),
            id: request.id.clone(),
            sort: Sort::named(request.sort.as_str()).unwrap_or(Sort::AntennaId),
            descending: request.order == Order::Descending,
            limit: request.limit.get(),
            offset: request.offset,
            step_s: request.step.map(seconds),
        };
        Ok(self.antennas(window, end, &search, now))
    }
}

impl Answers<WorstRequest> for Mock {
    fn answer(&self, request: &WorstRequest, now: UnixMillis) -> Result<AntennaPage, ClientError> {
        let ((window, end), step) = (bounds(request.window), request.step.map(seconds));
        Ok(self.worst(window, end, request.by.as_str(), request.limit.get(), step, now))
    }
}

impl Answers<SeriesRequest> for Mock {
    fn answer(&self, request: &SeriesRequest, now: UnixMillis) -> Result<Series, ClientError> {
        let ((window, end), step) = (bounds(request.window), request.step.map_or(DEFAULT.1, seconds));
        self.series(window, step, end, request.antenna.as_deref(), now).ok_or(NOT_FOUND)
    }
}

impl Answers<HeatmapRequest> for Mock {
    fn answer(&self, request: &HeatmapRequest, now: UnixMillis) -> Result<Heatmap, ClientError> {
        let ((window, end), step) = (bounds(request.window), request.step.map_or(DEFAULT.1, seconds));
        Ok(self.heatmap(window, end, step, request.rows.get(), now))
    }
}

impl Answers<IncidentsRequest> for Mock {
    fn answer(&self, request: &IncidentsRequest, now: UnixMillis) -> Result<IncidentPage, ClientError> {
        let within = request.window.map(|window| {
            let (window, end) = bounds(window.into());
            let window = self.summary(window, end, now).window;
            (window.start, window.end)
        });
        let search = IncidentSearch {
            is_open: request.state.map(|state| state == IncidentState::Open),
            kind: request.kind,
            antenna: request.antenna.clone(),
            q: request.q.clone().unwrap_or_default(),
            within,
            limit: request.limit.get(),
            offset: request.offset,
        };
        Ok(self.incidents(&search, now))
    }
}

impl Answers<ReadingsRequest> for Mock {
    fn answer(&self, request: &ReadingsRequest, now: UnixMillis) -> Result<RecentReadings, ClientError> {
        self.readings(&request.antenna, request.limit.get(), now).ok_or(NOT_FOUND)
    }
}

impl Answers<RejectedRequest> for Mock {
    fn answer(&self, _: &RejectedRequest, now: UnixMillis) -> Result<RejectedPage, ClientError> {
        Ok(self.rejected(now))
    }
}

impl Answers<PipelineRequest> for Mock {
    fn answer(&self, _: &PipelineRequest, now: UnixMillis) -> Result<Pipeline, ClientError> {
        Ok(self.pipeline(now))
    }
}

impl Answers<PipelineHistoryRequest> for Mock {
    fn answer(&self, _: &PipelineHistoryRequest, now: UnixMillis) -> Result<PipelineHistory, ClientError> {
        Ok(self.pipeline_history(now))
    }
}

const NOT_FOUND: ClientError = ClientError::Status(StatusCode::NOT_FOUND);

/// The length of a window in seconds, and its end where it is given.
fn bounds(window: WindowRequest) -> (u32, Option<UnixMillis>) {
    let end = match window.end {
        End::At(end) => Some(end),
        End::Latest | End::Now => None,
    };
    (window.length.map_or(DEFAULT.0, seconds), end)
}

fn seconds(span: Span) -> u32 {
    u32::try_from(span.ms() / 1000).unwrap_or(u32::MAX)
}
