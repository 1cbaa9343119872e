//! Any query string as the parameters of any question: nothing panics, and a question that is understood is the same when it
//! is written and read again.
//!
//! The first byte tells which question.
#![no_main]

use std::fmt::Debug;

use form_urlencoded::parse;
use libfuzzer_sys::fuzz_target;
use shared::api::{
    AntennaRequest, AntennasRequest, CellsRequest, HeatmapRequest, IncidentsRequest, MapRequest, MetricsRequest,
    PipelineHistoryRequest, PipelineRequest, ReadingsRequest, RejectedRequest, Request, SeriesRequest, SitesRequest,
    SummaryRequest, WorstRequest,
};

fn check<R: Request + PartialEq + Debug>(query: &[u8]) {
    let Ok(request) = R::read_from(parse(query).into_owned().collect()) else { return };
    let written = request.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(R::read_from(written).as_ref(), Ok(&request), "it is the same when it is written and read again");
    let href = request.href();
    if !R::PATH.contains('{') {
        let query = href.split_once('?').map_or("", |(_, query)| query);
        let again = R::read_from(parse(query.as_bytes()).into_owned().collect());
        assert_eq!(again.as_ref(), Ok(&request), "{href}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, query)) = bytes.split_first() else { return };
    match which % 15 {
        0 => check::<SummaryRequest>(query),
        1 => check::<AntennasRequest>(query),
        2 => check::<AntennaRequest>(query),
        3 => check::<WorstRequest>(query),
        4 => check::<SeriesRequest>(query),
        5 => check::<HeatmapRequest>(query),
        6 => check::<IncidentsRequest>(query),
        7 => check::<ReadingsRequest>(query),
        8 => check::<CellsRequest>(query),
        9 => check::<RejectedRequest>(query),
        10 => check::<PipelineRequest>(query),
        11 => check::<PipelineHistoryRequest>(query),
        12 => check::<MetricsRequest>(query),
        13 => check::<SitesRequest>(query),
        _ => check::<MapRequest>(query),
    }
});
