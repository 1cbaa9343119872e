//! How often the trouble of antennas began and ended, and which of them flap.

use analytics::settings::Thresholds;
use analytics::store::Snapshot;
use proptest::prelude::*;
use shared::UnixMillis;
use shared::api::{
    AntennaPage, AntennasRequest, CellsRequest, Count, End, HeatmapRequest, IncidentsRequest, OptionalWindow, Sort,
    SummaryRequest,
};
use shared::time::Span;

use crate::oracle::{alike, alike_in_cells};
use crate::support::{Arrival, ask, name, window};
use crate::windows::{PANE_MS, START_MS, arrivals, counted, store};

fn reading(antenna: u32, second: i64, loss: u32) -> Arrival {
    let time_ms = START_MS + second * 1_000;
    let (packets, latency_ms, seq) = (100, Some(40.0), None);
    Arrival { arrival_ms: time_ms, event_ms: time_ms, antenna, packets, loss, latency_ms, seq }
}

fn snapshot(arrivals: &[Arrival]) -> Snapshot {
    store(arrivals, &[0, arrivals.len()], true).0.snapshot(1, None)
}

const NOW: UnixMillis = UnixMillis(START_MS + 300_000);

/// The antennas of the last five minutes, by status, of a network of three. The second one is silent for twenty seconds in each
/// half minute, `times` times in all, and the third one has been heard of only for the last minute.
fn network(times: i64) -> Vec<Arrival> {
    let steady = (0..300).map(|second| reading(0, second, 0));
    let silent_in = |second: i64| second % 30 >= 10 && second / 30 < times;
    let flapping = (0..300).filter(move |second| !silent_in(*second)).map(|second| reading(1, second, 0));
    let rare = (0..300).filter(|second| *second < 10 || *second >= 240).map(|second| reading(2, second, 0));
    let mut arrivals: Vec<Arrival> = steady.chain(flapping).chain(rare).collect();
    arrivals.sort_by_key(|arrival| (arrival.arrival_ms, arrival.antenna));
    arrivals
}

fn page(arrivals: &[Arrival], asked: AntennasRequest) -> AntennaPage {
    let asked = AntennasRequest { window: window(300_000, End::Watermark), ..asked };
    alike(&snapshot(arrivals), &counted(arrivals), NOW, &asked).expect("one answer").expect("a page")
}

#[test]
fn an_antenna_flaps_from_six_changes_on() {
    for (times, changes, is_flapping) in [(0, 0, false), (1, 2, false), (2, 4, false), (3, 6, true), (8, 16, true)] {
        let page = page(&network(times), AntennasRequest::default());
        let told = |row: usize| (page.antennas[row].changes, page.antennas[row].flapping);
        assert_eq!(told(0), (Some(0), false));
        assert_eq!(told(1), (Some(changes), is_flapping), "{times} times silent");
        assert_eq!(told(2), (Some(2), false), "one silence begins and ends");
    }
}

#[test]
fn a_longer_window_takes_as_many_for_each_quarter_of_an_hour() {
    let thresholds = Thresholds::default();
    let minutes = [1, 5, 15, 16, 30, 60].map(|minutes| thresholds.flapping_changes_in(minutes * 60_000));
    assert_eq!(minutes, [6, 6, 6, 7, 12, 24]);
}

#[test]
fn flapping_antennas_are_counted_and_found_and_come_before_the_steady_ones_of_their_status() {
    let arrivals = network(4);
    let (snapshot, reference) = (snapshot(&arrivals), counted(&arrivals));
    let asked = window(300_000, End::Watermark);
    let summary = alike(&snapshot, &reference, NOW, &SummaryRequest { window: asked }).expect("one answer");
    let summary = summary.expect("a summary");
    let counts = summary.antennas;
    assert_eq!((counts.healthy, counts.flapping, counts.unavailable, counts.unsettled), (3, 1, 1, 2));
    assert_eq!(summary.limits.and_then(|limits| limits.flapping_changes), Some(6));
    assert_eq!(Thresholds::default().flapping_changes, 6);

    let ids = |page: AntennaPage| page.antennas.into_iter().map(|row| row.antenna_id).collect::<Vec<_>>();
    let found = |flapping| ids(page(&arrivals, AntennasRequest { flapping, ..AntennasRequest::default() }));
    assert_eq!(found(Some(true)), [name(1)]);
    assert_eq!(found(Some(false)), [name(0), name(2)]);
    let worst_first = AntennasRequest { sort: Sort::Status, ..AntennasRequest::default() };
    assert_eq!(ids(page(&arrivals, worst_first)), [name(2), name(1), name(0)], "who is mostly silent is first");

    let map = HeatmapRequest { window: asked, flapping: Some(true), ..HeatmapRequest::default() };
    let map = alike(&snapshot, &reference, NOW, &map).expect("one answer").expect("a map");
    assert_eq!((map.total, map.rows[0].antennas.flapping), (1, 1));
    let cells = CellsRequest { window: asked, flapping: Some(true), ..CellsRequest::default() };
    let cells = alike_in_cells(&snapshot, &reference, NOW, &cells).expect("one answer").expect("cells");
    assert!(!cells.cells.is_empty() && cells.cells.iter().all(|cell| cell.antenna_id == name(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// An antenna's changes are the beginnings and ends of its incidents that lie in the window.
    #[test]
    fn changes_are_the_ends_of_incidents(arrivals in arrivals(), panes in 1..=120_i64, later_ms in 0..100_000_i64) {
        let snapshot = snapshot(&arrivals);
        // Answers know the time in full seconds.
        let now = UnixMillis((arrivals[arrivals.len() - 1].arrival_ms + later_ms) / 1_000 * 1_000);
        let every = AntennasRequest {
            window: window(panes * PANE_MS, End::Watermark),
            limit: Count::MOST,
            ..AntennasRequest::default()
        };
        let page = alike(&snapshot, &counted(&arrivals), now, &every)?.expect("a page");
        let whole = OptionalWindow { length: Span::from_ms(panes * PANE_MS), end: End::Watermark };
        let incidents = IncidentsRequest { window: Some(whole), limit: Count::MOST, ..IncidentsRequest::default() };
        let incidents = ask(&snapshot, now, &incidents).expect("a page").incidents;
        for row in page.antennas {
            let own = incidents.iter().filter(|incident| incident.antenna_id == row.antenna_id);
            let times = own.flat_map(|incident| [Some(incident.start), incident.end]).flatten();
            let within = times.filter(|time| (page.window.start..page.window.end).contains(time)).count() as u64;
            prop_assert_eq!(row.changes, Some(within), "{}", row.antenna_id);
            prop_assert_eq!(row.flapping, within >= 6);
        }
    }
}
