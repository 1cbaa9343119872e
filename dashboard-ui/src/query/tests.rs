//! Addresses as text, and what they ask for.

use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{Badness, IncidentKind, Label, MapBounds, MapBox, Order, SiteSort, Sort, Status};
use shared::spelled::Spelled;

use super::*;
use crate::language::Language;

/// The address of a text, as the router and axum's extractor read it.
pub(crate) fn read(href: &str) -> Result<Address, Reason> {
    let (path, text) = href.split_once('?').unwrap_or((href, ""));
    let kind = Kind::ALL.into_iter().find(|kind| kind.path() == path).unwrap();
    let uri = format!("http://host{path}?{text}").parse().unwrap();
    let axum::extract::Query(parameters) =
        axum::extract::Query::<Parameters>::try_from_uri(&uri).map_err(|_| Reason::Parameters)?;
    Address::parse(kind, &parameters, Language::English)
}

fn addresses() -> impl Strategy<Value = Address> {
    let text = "\\PC{0,20}";
    let label = ("[a-z_][a-z0-9_]{0,5}", text).prop_map(|(key, value)| Label { key, value });
    let at = (text, prop::option::of(label));
    let fleet = (text, prop::option::of(0..6_usize), at.clone(), 0..9_usize, 0..2_usize, 1..1000_u32).prop_map(
        |(search, filter, (site, label), sort, order, page)| {
            let filter = filter.map(|at| Filter::ALL[at]);
            let (sort, order) = (COLUMNS[sort], Order::ALL[order]);
            Fleet { search, filter, site, label, is_grouped: page % 2 == 0, sort, order, page }
        },
    );
    let boxes = (-180.0..180.0, -90.0..0.0, -180.0..180.0, 0.1..90.0)
        .prop_filter_map("it has a width", |(west, south, east, north)| {
            MapBox::new(MapBounds { west, south, east, north })
        });
    let map = (fleet.clone(), prop::option::of(boxes)).prop_map(|(fleet, within)| {
        let Fleet { search, filter, site, label, .. } = fleet;
        Page::Map(Map { within, search, filter, site, label })
    });
    let fleet = (fleet, any::<bool>()).prop_map(|(fleet, is_of_site)| match is_of_site && !fleet.site.is_empty() {
        true => Page::Site(Fleet { is_grouped: false, ..fleet }),
        false => Page::Antennas(fleet),
    });
    let sites = (0..SiteSort::ALL.len(), 0..2_usize, 1..1000_u32).prop_map(|(sort, order, page)| {
        Page::Sites(Sites { sort: SiteSort::ALL[sort], order: Order::ALL[order], page })
    });
    let kinds = (prop::option::of(0..3_usize), any::<[bool; 2]>(), 0..3_usize);
    let incidents =
        (text, at, kinds, 1..1000_u32).prop_map(|(search, (site, label), (kind, [open, kept], sort), page)| {
            let (kind, sort) = (kind.map(|at| IncidentKind::ALL[at]), IncidentSort::EVERY[sort]);
            Page::Incidents(Incidents { search, site, label, kind, open, kept, sort, page })
        });
    let page = prop_oneof![
        (0..4_usize, any::<[bool; 2]>()).prop_map(|(by, [tall, is_grouped])| Page::Overview {
            by: Badness::ALL[by],
            tall,
            is_grouped
        }),
        fleet,
        "\\PC{1,40}".prop_map(|id| Page::Antenna { id }),
        sites,
        map,
        incidents,
        Just(Page::Pipeline),
        (prop::option::of(0..4_000_000_000_000_i64), prop::option::of("\\PC{1,40}"))
            .prop_map(|(at, id)| { Page::Report { month: at.and_then(|at| Month::of(UnixMillis(at))), id } }),
    ];
    let end = prop::option::of((0..4_000_000_000_000_i64).prop_map(UnixMillis));
    let range = (30..316_224_000_u32, end).prop_map(|(window, end)| Range { window, end });
    let manner = (any::<bool>(), any::<bool>()).prop_map(|(is_language_chosen, is_wall)| Manner {
        language: if is_language_chosen { Language::Spanish } else { Language::English },
        is_language_chosen,
        is_wall,
        ..Manner::default()
    });
    let comparison = prop::sample::select(Comparison::EVERY);
    (page, range, comparison, manner)
        .prop_map(|(page, range, comparison, manner)| Address { query: Query { page, range, comparison }, manner })
}

proptest! {
    #[test]
    fn an_address_and_its_text_are_the_same(address in addresses()) {
        prop_assert_eq!(read(&address.href()), Ok(address));
    }
}

#[test]
fn defaults_are_left_out_of_the_text() {
    for (href, text) in [
        ("/?window=5m&by=failures&end=latest", "/"),
        ("/?window=900s", "/?window=15m"),
        ("/?window=1d", "/?window=24h"),
        ("/antennas?q=&status=&sort=&order=&page=1", "/antennas"),
        ("/antennas?sort=latency&order=desc", "/antennas?sort=latency"),
        ("/incidents?state=all&kind=&sort=newest&scope=range&site=&label=", "/incidents"),
        ("/map?box=&q=", "/map"),
        ("/map?box=-9.50,36,3.4,43.8", "/map?box=-9.5%2C36%2C3.4%2C43.8"),
        ("/sites?sort=status&order=asc&page=1", "/sites"),
        ("/site?name=a/b&sort=status&status=&q=", "/site?name=a%2Fb"),
        ("/antenna?id=a/b%20c&lang=es&wall=1", "/antenna?id=a%2Fb+c&lang=es&wall=1"),
        ("/?lang=xx&wall=0", "/"),
        ("/?compare=previous", "/"),
        ("/?compare=", "/"),
        ("/pipeline?wall=1&compare=week&window=1h", "/pipeline?window=1h&compare=week&wall=1"),
    ] {
        assert_eq!(read(href).map(|address| address.href()), Ok(text.to_owned()), "{href}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let long = "x".repeat(254);
    for (href, reason) in [
        ("/?window=1s", Reason::Window),
        ("/?end=soon", Reason::End),
        ("/report?month=2026-13", Reason::Month),
        ("/report?month=2026-1", Reason::Month),
        ("/report?month=+026-01", Reason::Month),
        ("/report?month=", Reason::Month),
        ("/report?id=", Reason::Id),
        ("/?by=luck", Reason::By),
        ("/?compare=month", Reason::Compare),
        ("/?window=5m&window=15m", Reason::Parameters),
        ("/antennas?sort=luck", Reason::Sort),
        ("/antennas?order=up", Reason::Sort),
        ("/antennas?status=well", Reason::Status),
        ("/antennas?page=0", Reason::Page),
        ("/antennas?group=label", Reason::Group),
        ("/?group=label", Reason::Group),
        (&format!("/antennas?q={long}"), Reason::Search),
        ("/incidents?kind=odd", Reason::Kind),
        ("/incidents?state=shut", Reason::State),
        ("/incidents?sort=latency", Reason::IncidentSort),
        ("/incidents?scope=all", Reason::Scope),
        ("/incidents?label=ring", Reason::Label),
        ("/site", Reason::Site),
        ("/site?name=", Reason::Site),
        (&format!("/site?name={}", "x".repeat(65)), Reason::Site),
        ("/site?name=north&sort=luck", Reason::Sort),
        ("/sites?sort=luck", Reason::SiteSort),
        ("/map?box=1,2,3", Reason::Box),
        ("/map?box=0,1,1,1", Reason::Box),
        ("/map?status=well", Reason::Status),
        ("/sites?order=up", Reason::SiteSort),
        ("/antenna", Reason::Id),
        ("/antenna?id=", Reason::Id),
        (&format!("/antenna?id={long}"), Reason::Id),
    ] {
        assert_eq!(read(href), Err(reason), "{href}");
    }
}

#[test]
fn the_form_of_a_range_leads_to_an_address_of_its_own() {
    let address = read("/antennas?from=2025-11-24T14:27&to=2025-11-24T14:47&q=north&page=3").unwrap();
    assert_eq!(address.href(), "/antennas?q=north&page=3&window=20m&end=2025-11-24T14%3A47%3A00Z");
}

#[test]
fn sorting_again_turns_the_order_around() {
    let fleet = Fleet { page: 7, filter: Some(Filter::Status(Status::Down)), ..Fleet::default() };
    let slowest = fleet.sorted_by(Sort::Latency);
    assert_eq!((slowest.sort, slowest.order, slowest.page), (Sort::Latency, Order::Descending, 1));
    assert_eq!(slowest.sorted_by(Sort::Latency).order, Order::Ascending);
    assert_eq!(slowest.filter, Some(Filter::Status(Status::Down)));
}

#[test]
fn ranges_are_bounded() {
    for text in ["30s", "5m", "90s", "7d", "90d", "3660d"] {
        assert!(read(&format!("/?window={text}")).is_ok(), "{text}");
    }
    for text in ["29s", "3661d", "0s", "", "x", "1500ms", "-5m"] {
        assert_eq!(read(&format!("/?window={text}")), Err(Reason::Window), "{text}");
    }
}

#[test]
fn an_end_is_a_time_or_the_newest_reading() {
    let at = |text: &str| read(&format!("/?end={text}")).map(|address| address.query.range.end);
    assert_eq!(at("latest"), Ok(None));
    assert_eq!(at("2025-11-24T14:47:05Z"), Ok(Some(UnixMillis(1_763_995_625_000))));
    assert_eq!(at("2025-11-24T15:47:05+01:00"), Ok(Some(UnixMillis(1_763_995_625_000))));
    for text in ["now", "1763995625", "1969-12-31T23:59:59Z", "2025-13-01T00:00:00Z"] {
        assert_eq!(at(text), Err(Reason::End), "{text}");
    }
}

#[test]
fn a_form_says_from_when_to_when() {
    let between = |from, to| read(&format!("/?from={from}&to={to}")).map(|address| address.query.range);
    let range = between("2025-11-24T14:27", "2025-11-24T14:47:05").unwrap();
    assert_eq!(range, Range { window: 1205, end: Some(UnixMillis(1_763_995_625_000)) });
    assert_eq!(between("2025-11-24T14:47", "2025-11-24T14:27"), Err(Reason::Window));
    assert_eq!(between("2025-11-24T14:47", "2025-11-24T14:47"), Err(Reason::Window));
    assert_eq!(between("", "2025-11-24T14:47"), Err(Reason::End));
}
