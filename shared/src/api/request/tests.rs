//! The law: reading what was written gives the same request.

use std::collections::BTreeSet;
use std::fmt::Debug;

use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{BadParameter, Count, Request};
use crate::api::{
    AntennaRequest, AntennasRequest, Badness, CellsRequest, End, Format, Grouping, HeatmapRequest, IncidentKind,
    IncidentState, IncidentsRequest, Label, Labels, MapBounds, MapBox, MapRequest, MetricsFormat, MetricsRequest,
    OptionalWindow, Order, PipelineHistoryRequest, PipelineRequest, PublicStatusRequest, ReadingsRequest,
    RejectedRequest, SeriesRequest, SiteSort, SitesRequest, Sort, Status, SummaryRequest, WindowRequest, WorstRequest,
};
use crate::codec::TIMESTAMP_MAX_MS;
use crate::reading::Rejection;
use crate::time::{Span, UnixMillis};

fn read<R: Request>(pairs: &[(&str, &str)]) -> Result<R, BadParameter> {
    R::read_from(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Reading what was written gives the same request, and what was written is described.
fn holds<R: Request + PartialEq + Debug>(request: &R) -> Result<(), TestCaseError> {
    let written = request.pairs();
    let described = R::parameters();
    for (name, _) in &written {
        prop_assert!(described.iter().any(|parameter| parameter.name == *name), "{name} is not described");
    }
    let written: Vec<(&str, &str)> = written.iter().map(|(name, value)| (*name, &**value)).collect();
    let again = read::<R>(&written);
    prop_assert_eq!(again.as_ref(), Ok(request), "{:?}", written);
    Ok(())
}

fn spans() -> impl Strategy<Value = Span> {
    let round = (1..10_000_i64, select(vec![1, 1_000, 60_000, 3_600_000, 86_400_000]));
    prop_oneof![(1..=i64::MAX).prop_map(Span::from_ms), round.prop_map(|(count, unit)| Span::from_ms(count * unit))]
}

fn ends() -> impl Strategy<Value = End> {
    let times = (0..=TIMESTAMP_MAX_MS).prop_map(|ms| End::At(UnixMillis(ms)));
    prop_oneof![Just(End::Latest), Just(End::Watermark), Just(End::Now), times]
}

fn windows() -> impl Strategy<Value = WindowRequest> {
    (option::of(spans()), ends()).prop_map(|(length, end)| WindowRequest { length, end })
}

fn optional_windows() -> impl Strategy<Value = Option<OptionalWindow>> {
    option::of((spans(), ends()).prop_map(|(length, end)| OptionalWindow { length, end }))
}

fn counts<const DEFAULT: usize, const MAX: usize>() -> impl Strategy<Value = Count<DEFAULT, MAX>> {
    (1..=MAX).prop_map(|number| Count::new(number).expect("within the bounds"))
}

fn texts() -> impl Strategy<Value = Option<String>> {
    option::of(any::<String>())
}

fn formats() -> impl Strategy<Value = Option<Format>> {
    option::of(select(&Format::ALL))
}

fn statuses() -> impl Strategy<Value = BTreeSet<Status>> {
    btree_set(select(&Status::ALL), 0..=4)
}

/// A site, and labels.
fn places() -> impl Strategy<Value = (Option<String>, Labels)> {
    let label = ("[a-zA-Z_][a-zA-Z0-9_]{0,5}", any::<String>()).prop_map(|(key, value)| Label { key, value });
    (texts(), btree_set(label, 0..=4).prop_map(Labels))
}

fn boxes() -> impl Strategy<Value = MapBox> {
    (-180.0..180.0, -90.0..0.0, -180.0..180.0, 0.1..90.0)
        .prop_filter_map("it has a width", |(west, south, east, north)| {
            MapBox::new(MapBounds { west, south, east, north })
        })
}

fn antennas() -> impl Strategy<Value = AntennasRequest> {
    let groups = option::of(select(&Grouping::ALL));
    let sorted = (select(&Sort::ALL), select(&Order::ALL), groups, counts(), any::<usize>());
    let flapping = option::of(any::<bool>());
    (windows(), sorted, texts(), texts(), statuses(), flapping, places(), option::of(spans()), formats()).prop_map(
        |(window, (sort, order, group, limit, offset), q, id, statuses, flapping, (site, labels), step, format)| {
            AntennasRequest {
                window,
                sort,
                order,
                group,
                limit,
                offset,
                q,
                id,
                statuses,
                flapping,
                site,
                labels,
                step,
                format,
            }
        },
    )
}

fn incidents() -> impl Strategy<Value = IncidentsRequest> {
    let states = option::of(select(&IncidentState::ALL));
    let kinds = option::of(select(&IncidentKind::ALL));
    (optional_windows(), kinds, states, texts(), texts(), places(), counts(), any::<usize>(), formats()).prop_map(
        |(window, kind, state, antenna, q, (site, labels), limit, offset, format)| IncidentsRequest {
            window,
            kind,
            state,
            antenna,
            q,
            site,
            labels,
            limit,
            offset,
            format,
        },
    )
}

proptest! {
    #[test]
    fn every_request_is_read_as_it_was_written(
        (window, step, format) in (windows(), option::of(spans()), formats()),
        (text, q, statuses, flapping) in (texts(), texts(), statuses(), option::of(any::<bool>())),
        (site, labels) in places(),
        (by, limit, rows) in (select(&Badness::ALL), counts(), counts()),
        (reason, readings, rejected) in (option::of(select(&Rejection::ALL)), counts(), counts()),
        antennas in antennas(),
        incidents in incidents(),
        within in option::of(boxes()),
    ) {
        holds(&antennas)?;
        holds(&incidents)?;
        holds(&SummaryRequest { window })?;
        holds(&AntennaRequest { id: text.clone().unwrap_or_default(), window })?;
        holds(&WorstRequest { window, by, site: site.clone(), labels: labels.clone(), limit, step, format })?;
        holds(&SeriesRequest { window, step, antenna: text.clone(), format })?;
        holds(&ReadingsRequest { antenna: text.clone().unwrap_or_default(), limit: readings, format })?;
        let (antenna, like) = (text, (q.clone(), statuses.clone()));
        let at = (site.clone(), labels.clone());
        let cells = CellsRequest { window, step, antenna, q: like.0, statuses: like.1, flapping, site: at.0, labels: at.1, format };
        holds(&cells)?;
        holds(&HeatmapRequest { window, step, group: antennas.group, rows, q, statuses, flapping, site, labels, format })?;
        let AntennasRequest { order, limit, offset, q, statuses, flapping, site, labels, .. } = antennas;
        let map = MapRequest { window, within, q: q.clone(), statuses: statuses.clone(), flapping, site: site.clone(), labels: labels.clone(), format };
        holds(&map)?;
        let sort = SiteSort::Latency;
        holds(&SitesRequest { window, sort, order, limit, offset, q, statuses, flapping, site, labels, format })?;
        holds(&RejectedRequest { reason, limit: rejected })?;
        holds(&MetricsRequest { format: format.map(|_| MetricsFormat::Prometheus) })?;
        holds(&PublicStatusRequest { days: Count::new(1 + antennas.offset % 366).expect("days") })?;
        holds(&PipelineRequest {})?;
        holds(&PipelineHistoryRequest {})?;
    }
}

#[test]
fn a_request_at_its_defaults_has_no_parameters() {
    fn check<R: Request + Default + PartialEq + Debug>() {
        assert_eq!(read::<R>(&[]).as_ref(), Ok(&R::default()));
        assert_eq!(R::default().pairs(), []);
    }
    check::<SummaryRequest>();
    check::<AntennasRequest>();
    check::<WorstRequest>();
    check::<SitesRequest>();
    check::<MapRequest>();
    check::<PublicStatusRequest>();
    check::<SeriesRequest>();
    check::<HeatmapRequest>();
    check::<CellsRequest>();
    check::<IncidentsRequest>();
    check::<RejectedRequest>();
    check::<PipelineRequest>();
    check::<PipelineHistoryRequest>();
}

#[test]
fn what_stands_in_a_path_is_encoded_as_a_path() {
    let antenna = AntennaRequest { id: "a/b +%?".to_owned(), window: WindowRequest::default() };
    assert_eq!(antenna.href(), "/api/v1/antennas/a%2Fb%20%2B%25%3F");
    let end = WindowRequest { length: Some(Span::from_ms(60_000)), end: End::Now };
    assert_eq!(SummaryRequest { window: end }.href(), "/api/v1/summary?window=1m&end=now");
    let twice = read::<AntennaRequest>(&[("id", "a"), ("id", "b")]).expect_err("a refusal");
    assert_eq!(twice, BadParameter::new("id", "it is given twice"));
    let described = serde_json::to_value(AntennaRequest::parameters()).expect("JSON");
    assert_eq!((&described[0]["in"], &described[1]["in"]), (&"path".into(), &"query".into()));
}

#[test]
fn what_is_refused_is_named_with_what_is_needed() {
    let refused = |pairs: &[(&str, &str)]| read::<AntennasRequest>(pairs).expect_err("a refusal").to_string();
    let sorts = "antenna_id, status, readings, packets_sent, packets_delivered, packets_lost, success_rate, latency, p95, \
                 last_seen, availability";
    for (name, value, why) in [
        ("window", "soon", "expected number at 0; write it like 500ms, 30s, 5m, 1h, 7d"),
        ("window", "0s", "a duration above zero is needed"),
        ("end", "yesterday", "latest, watermark, now, RFC 3339 or Unix seconds is needed"),
        ("end", "-5", "latest, watermark, now, RFC 3339 or Unix seconds is needed"),
        ("sort", "beauty", &format!("one of {sorts} is needed")),
        ("order", "up", "one of asc, desc is needed"),
        ("limit", "0", "a number from 1 to 10000 is needed"),
        ("limit", "10001", "a number from 1 to 10000 is needed"),
        ("offset", "-1", "a number from 0 is needed"),
        ("status", "", "one of down, degraded, silent, healthy, unseen is needed"),
        ("status", "down,ill", "one of down, degraded, silent, healthy, unseen is needed"),
        ("flapping", "yes", "true or false is needed"),
        ("label", "ring", "key:value is needed, with a key of letters, digits and _"),
        ("label", "", "key:value is needed, with a key of letters, digits and _"),
        ("label", "2:ring", "key:value is needed, with a key of letters, digits and _"),
        ("format", "xml", "one of json, csv, arrow, parquet is needed"),
    ] {
        assert_eq!(refused(&[(name, value)]), format!("bad value for the parameter {name}: {why}"));
    }
    let known = "window, end, sort, order, group, limit, offset, q, id, status, flapping, site, label, step, format";
    let unknown = format!("bad value for the parameter windwo: it is not known here; known are {known}");
    assert_eq!(refused(&[("limit", "5"), ("windwo", "5m")]), unknown);
    assert_eq!(refused(&[("q", "a"), ("q", "a")]), "bad value for the parameter q: it is given twice");
    let many = refused(&[("label", "a:b"); 17]);
    assert_eq!(many, "bad value for the parameter label: it is given more than 16 times");
    let absent = read::<ReadingsRequest>(&[]).expect_err("a refusal");
    assert_eq!(absent, BadParameter::new("antenna", "it is needed"));
    let endless = read::<IncidentsRequest>(&[("end", "latest")]).expect_err("a refusal");
    assert_eq!(endless, BadParameter::new("end", "it ends a window, so window is needed too"));
}

#[test]
fn every_way_to_write_a_value_is_understood() {
    let antennas = read::<AntennasRequest>(&[("status", "down,degraded"), ("window", "1h 30m"), ("end", "now")]);
    let antennas = antennas.expect("a request");
    assert_eq!(antennas.statuses, BTreeSet::from([Status::Down, Status::Degraded]));
    assert_eq!(antennas.window, WindowRequest { length: Some(Span::from_ms(5_400_000)), end: End::Now });
    for (text, time_ms) in [
        ("1763900000.25", 1_763_900_000_250),
        ("2025-11-23T12:13:25Z", 1_763_900_005_000),
        ("2025-11-23T13:13:25 01:00", 1_763_900_005_000),
    ] {
        let summary = read::<SummaryRequest>(&[("end", text)]).expect("a request");
        assert_eq!(summary.window.end, End::At(UnixMillis(time_ms)), "{text}");
    }
}

#[test]
fn the_description_has_names_meanings_and_values() {
    let parameters = AntennasRequest::parameters();
    let described = serde_json::to_value(&parameters).expect("JSON");
    let find = |name: &str| {
        let all = described.as_array().expect("a list");
        all.iter().find(|parameter| parameter["name"] == name).expect("the parameter").clone()
    };
    let status_of_sort = &find("sort")["schema"];
    assert_eq!(status_of_sort["enum"].as_array().map(Vec::len), Some(Sort::ALL.len()));
    assert_eq!(status_of_sort["default"], "antenna_id");
    assert_eq!(find("limit")["schema"]["maximum"], 10_000);
    assert_eq!(find("limit")["schema"]["default"], 100);
    assert_eq!(find("format")["schema"]["default"], serde_json::Value::Null);
    assert_eq!(find("offset")["description"], "Rows to skip first.");
    let status = find("status");
    assert_eq!(status["schema"]["items"]["enum"].as_array().map(Vec::len), Some(Status::ALL.len()));
    assert_eq!((&status["style"], &status["explode"]), (&"form".into(), &false.into()), "separated by commas");
    assert!(find("window")["description"].as_str().is_some_and(|text| text.contains("5 minutes by default")));
    assert_eq!(serde_json::to_value(ReadingsRequest::parameters()).expect("JSON")[0]["required"], true);
}
