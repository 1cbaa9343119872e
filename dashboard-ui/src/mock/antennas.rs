//! Lists of antennas: searched, sorted and paged, or the worst of them.

use std::cmp::Ordering;

use shared::UnixMillis;
use shared::api::{AntennaPage, AntennaRow, Status, Steps};

use super::Mock;
use super::counters::Counters;
use super::measure::{Sample, history, measures, status, wilson_upper};
use super::network::{Antenna, Parts};
use super::window::Window;

/// Percentiles of an antenna come from at most so many of its panes.
const ROW_SAMPLE: usize = 60;

/// Which antennas, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AntennaSearch {
    /// Only antennas whose id contains this text, in upper or lower case; all for an empty one.
    pub q: String,
    /// Only antennas of this status.
    pub status: Option<Status>,
    /// Only the antenna of this id.
    pub id: Option<String>,
    /// By what they are sorted.
    pub sort: Sort,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Rows at most.
    pub limit: usize,
    /// Rows to leave out first.
    pub offset: usize,
    /// Length in seconds of the steps of the rows' histories; none without it.
    pub step_s: Option<u32>,
}

impl Default for AntennaSearch {
    fn default() -> Self {
        Self {
            q: String::new(),
            status: None,
            id: None,
            sort: Sort::AntennaId,
            descending: false,
            limit: 100,
            offset: 0,
            step_s: None,
        }
    }
}

/// By what antennas are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Id.
    AntennaId,
    /// Status, worst first.
    Status,
    /// Readings.
    Readings,
    /// Packets sent.
    PacketsSent,
    /// Packets delivered.
    PacketsDelivered,
    /// Packets lost.
    PacketsLost,
    /// Success rate.
    SuccessRate,
    /// Mean latency.
    Latency,
    /// 95th percentile of latency.
    P95,
    /// Arrival of the newest reading.
    LastSeen,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 10] = [
        Self::AntennaId,
        Self::Status,
        Self::Readings,
        Self::PacketsSent,
        Self::PacketsDelivered,
        Self::PacketsLost,
        Self::SuccessRate,
        Self::Latency,
        Self::P95,
        Self::LastSeen,
    ];

    /// The order as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AntennaId => "antenna_id",
            Self::Status => "status",
            Self::Readings => "readings",
            Self::PacketsSent => "packets_sent",
            Self::PacketsDelivered => "packets_delivered",
            Self::PacketsLost => "packets_lost",
            Self::SuccessRate => "success_rate",
            Self::Latency => "latency",
            Self::P95 => "p95",
            Self::LastSeen => "last_seen",
        }
    }

    /// The order that the API spells so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == name)
    }
}

/// An antenna in a window: what it takes to sort and to page.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) antenna: Antenna,
    pub(super) id: String,
    pub(super) counted: Counters,
    pub(super) status: Status,
}

impl Mock {
    /// Antennas that match a search, sorted and paged.
    #[must_use]
    pub fn antennas(
        &self,
        window_s: u32,
        end: Option<UnixMillis>,
        search: &AntennaSearch,
        now: UnixMillis,
    ) -> AntennaPage {
        let window = Window::new(window_s, end, now);
        let q = search.q.to_lowercase();
        let mut rows = match &search.id {
            Some(id) => self.find(id).map(|antenna| row(antenna, window)).into_iter().collect(),
            None => self.rows(window),
        };
        rows.retain(|row| {
            search.status.is_none_or(|status| status == row.status) && row.id.to_lowercase().contains(&q)
        });
        let sample = Sample::new(window, ROW_SAMPLE);
        sort(&mut rows, &sample, search.sort, search.descending);
        let total = rows.len() as u64;
        let rows: Vec<Row> = rows.into_iter().skip(search.offset).take(search.limit).collect();
        page(&sample, total, &rows, search.step_s)
    }

    /// The worst antennas by `failures`, `success_rate` or `latency`; there are none by anything else.
    #[must_use]
    pub fn worst(
        &self,
        window_s: u32,
        end: Option<UnixMillis>,
        by: &str,
        limit: usize,
        step_s: Option<u32>,
        now: UnixMillis,
    ) -> AntennaPage {
        let window = Window::new(window_s, end, now);
        let badness = |Row { counted, .. }: &Row| match by {
            "failures" => Some(counted.lost as f64).filter(|lost| *lost > 0.0),
            "success_rate" => wilson_upper(counted).map(|bound| -bound),
            "latency" => counted.mean_latency_ms(),
            _ => None,
        };
        let rows = self.rows(window).into_iter();
        let mut rows: Vec<(f64, Row)> = rows.filter_map(|row| Some((badness(&row)?, row))).collect();
        rows.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.id.cmp(&right.id)));
        let total = rows.len() as u64;
        let rows: Vec<Row> = rows.into_iter().take(limit).map(|(_, row)| row).collect();
        page(&Sample::new(window, ROW_SAMPLE), total, &rows, step_s)
    }

    /// Every antenna in a window.
    pub(super) fn rows(self, window: Window) -> Vec<Row> {
        self.network().into_iter().map(|antenna| row(antenna, window)).collect()
    }
}

fn row(antenna: Antenna, window: Window) -> Row {
    let counted = antenna.counted(window);
    let (id, status) = (antenna.id().into_owned(), status(&antenna, &counted, window));
    Row { antenna, id, counted, status }
}

fn sort(rows: &mut [Row], sample: &Sample, sort: Sort, descending: bool) {
    let directed = |order: Ordering| if descending { order.reverse() } else { order };
    // Unknown values come last in either direction.
    let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => directed(a.total_cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let number = |row: &Row| match sort {
        Sort::AntennaId => None,
        Sort::Status => Some(f64::from(row.status as u8)),
        Sort::Readings => Some(row.counted.readings as f64),
        Sort::PacketsSent => Some(row.counted.packets as f64),
        Sort::PacketsDelivered => Some((row.counted.packets - row.counted.lost) as f64),
        Sort::PacketsLost => Some(row.counted.lost as f64),
        Sort::SuccessRate => row.counted.success_rate(),
        Sort::Latency => row.counted.mean_latency_ms(),
        Sort::P95 => api_row(row, sample).measures.latency_ms.p95,
        Sort::LastSeen => Some(last_seen(&row.antenna, sample.window).0 as f64),
    };
    if sort == Sort::AntennaId {
        return rows.sort_by(|a, b| directed(a.id.cmp(&b.id)));
    }
    let mut keyed: Vec<(Option<f64>, Row)> = rows.iter().map(|row| (number(row), row.clone())).collect();
    keyed.sort_by(|(a, left), (b, right)| known(*a, *b).then_with(|| left.id.cmp(&right.id)));
    rows.iter_mut().zip(keyed).for_each(|(row, (_, sorted))| *row = sorted);
}

fn page(sample: &Sample, total: u64, rows: &[Row], step_s: Option<u32>) -> AntennaPage {
    let window = sample.window;
    let (steps, parts): (Option<Steps>, Option<Parts>) =
        step_s.map(|step_s| window.steps(step_s)).map(|(steps, parts)| (steps, Parts::new(parts))).unzip();
    let antennas = rows.iter().map(|row| {
        let history = parts.as_ref().map(|parts| history(&row.antenna.course(parts)));
        AntennaRow { history, ..api_row(row, sample) }
    });
    AntennaPage { window: window.bounds(), total, antennas: antennas.collect(), steps, as_of: window.now.as_of() }
}

fn api_row(row: &Row, sample: &Sample) -> AntennaRow {
    AntennaRow {
        antenna_id: row.id.clone(),
        status: row.status,
        measures: measures(&row.counted, sample.of_antenna(&row.antenna)),
        last_seen: last_seen(&row.antenna, sample.window),
        history: None,
    }
}

fn last_seen(antenna: &Antenna, window: Window) -> UnixMillis {
    antenna.arrival(antenna.last_reading(window.now.second) - 1)
}
