//! Rows of tables: antennas, readings, and the paging of long tables.

use shared::UnixMillis;
use shared::api::{AntennaCounts, AntennaRow, MOSTLY, RecentReading, Status};

use super::heat::{antenna_href, strip};
use super::{Moment, Scene, Strip};
use crate::format;
use crate::language::Language;
use crate::query::{Filter, Fleet, Page};

/// One antenna in a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AntennaLine {
    /// As reported by analytics: any text of up to 253 bytes.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: Option<String>,
    /// Its site, with the address of the site's page; `None` where nothing says it, and on that page.
    pub(crate) site: Option<(String, String)>,
    /// The address of its page.
    pub(crate) href: String,
    /// As a CSS class.
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    /// That it flaps, where its status says something else.
    pub(crate) flapping: Option<String>,
    pub(crate) success: String,
    pub(crate) availability: String,
    pub(crate) mean: String,
    pub(crate) p95: String,
    pub(crate) delivered: String,
    pub(crate) lost: String,
    /// How long ago, and when; `None` if no reading of it is kept.
    pub(crate) last_seen: Option<(String, Moment)>,
    pub(crate) strip: Strip,
}

/// One reading in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadingRow {
    pub(crate) time: Moment,
    /// The time from the reading to its arrival.
    pub(crate) delay: String,
    pub(crate) latency: String,
    pub(crate) sent: String,
    pub(crate) lost: String,
    pub(crate) is_all_lost: bool,
    pub(crate) is_late: bool,
}

/// The position in a paged table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pages {
    /// `51–100 of 1 280`, `0 of 0`.
    pub(crate) place: String,
    /// Whether the list ends before this page, as happens when it shrinks.
    pub(crate) is_beyond: bool,
    /// The address of the previous page, or of the last one from beyond it.
    pub(crate) previous: Option<String>,
    /// The address of the next page.
    pub(crate) next: Option<String>,
}

pub(super) fn antenna_line(row: &AntennaRow, scene: &Scene<'_>) -> AntennaLine {
    let (measures, language) = (&row.measures, scene.language());
    let count = |number| format::count_if_known((measures.readings > 0).then_some(number));
    AntennaLine {
        id: row.antenna_id.clone(),
        name: row.about.name.clone(),
        site: row.about.site.clone().filter(|_| !is_of_site(scene)).map(|site| (site.clone(), site_href(site, scene))),
        href: antenna_href(&row.antenna_id, scene),
        status: State::of(row).class(),
        status_label: State::of(row).label(language),
        flapping: flapping(row, language),
        success: language.percent(measures.success_rate),
        availability: language.percent(row.availability),
        mean: language.latency(measures.latency_ms.mean),
        p95: language.percentile(measures.latency_ms.p95),
        delivered: count(measures.packets_delivered),
        lost: count(measures.packets_lost),
        last_seen: last_seen(row, scene),
        strip: strip(row.history.as_ref(), &scene.of_antenna(row)),
    }
}

/// Whether the page is that of a site, so that no antenna's row has to say where it is.
const fn is_of_site(scene: &Scene<'_>) -> bool {
    matches!(scene.address.query.page, Page::Site(_))
}

/// The address of a site's page, over the same range.
pub(super) fn site_href(site: String, scene: &Scene<'_>) -> String {
    scene.address.with_page(Page::Site(Fleet { site, ..Fleet::default() })).href()
}

/// How long ago the newest reading of an antenna arrived, and when.
pub(super) fn last_seen(row: &AntennaRow, scene: &Scene<'_>) -> Option<(String, Moment)> {
    let told =
        |at: UnixMillis| (scene.language().ago(scene.now.0 - at.0), Moment::near(at, scene.now, scene.language()));
    row.last_seen.map(told)
}

pub(super) fn reading_row(reading: &RecentReading, scene: &Scene<'_>) -> ReadingRow {
    let language = scene.language();
    let delay_ms = reading.arrived_at.0 - reading.timestamp.0;
    ReadingRow {
        time: Moment::near(reading.timestamp, scene.now, language),
        // If the antenna's clock is ahead, the reading arrives before it was taken.
        delay: if delay_ms < 0 { format!("−{}", delay(-delay_ms, language)) } else { delay(delay_ms, language) },
        latency: language.latency(reading.latency_ms),
        sent: format::count(reading.packets_sent),
        lost: format::count(reading.packets_lost),
        is_all_lost: reading.packets_sent > 0 && reading.packets_lost == reading.packets_sent,
        is_late: reading.late,
    }
}

fn delay(milliseconds: i64, language: Language) -> String {
    match milliseconds {
        ..1000 => format::with_unit(&milliseconds.to_string(), "ms"),
        _ => language.duration(milliseconds as f64 / 1000.0),
    }
}

/// The paging of a list of `total` rows, `rows` to a page, at `page`; `href` returns the address of a page.
pub(super) fn pages(
    total: u64,
    shown: u64,
    page: u32,
    rows: u32,
    language: Language,
    href: impl Fn(u32) -> String,
) -> Pages {
    let before = u64::from(page - 1) * u64::from(rows);
    let last = before + shown;
    let place = match shown {
        0 => format::count(0),
        _ => format!("{}–{}", format::count(before + 1), format::count(last)),
    };
    let last_page = u32::try_from(total.div_ceil(u64::from(rows))).unwrap_or(u32::MAX).max(1);
    Pages {
        place: format!("{place} {} {}", language.text("of", "de"), format::count(total)),
        is_beyond: shown == 0 && total > 0,
        previous: (page > 1).then(|| href(last_page.min(page - 1))),
        next: (shown > 0 && last < total).then(|| href(page + 1)),
    }
}

/// How an antenna fares, as the page shows it: its status, but where it is healthy by what it measured and was mostly unavailable
/// or is flapping, that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Status(Status),
    Unavailable,
    Flapping,
}

impl State {
    /// What an antenna can be besides its status.
    pub(super) const UNSETTLED: [Self; 2] = [Self::Unavailable, Self::Flapping];

    pub(crate) fn of(row: &AntennaRow) -> Self {
        let is_mostly_unavailable = row.availability.is_some_and(|share| share < MOSTLY);
        Self::with(row.status, is_mostly_unavailable, row.flapping)
    }

    /// Of one antenna, or of a group of antennas with this worst status that are all like that.
    pub(super) const fn of_group(worst: Status, antennas: &AntennaCounts) -> Self {
        let AntennaCounts { unavailable, flapping, .. } = *antennas;
        let total = antennas.total();
        Self::with(worst, unavailable == total, flapping == total)
    }

    const fn with(status: Status, is_mostly_unavailable: bool, is_flapping: bool) -> Self {
        match status {
            Status::Healthy if is_mostly_unavailable => Self::Unavailable,
            Status::Healthy if is_flapping => Self::Flapping,
            status => Self::Status(status),
        }
    }

    /// How many antennas are in it. Those that flap may have another status too.
    pub(super) const fn count(self, counts: &AntennaCounts) -> u64 {
        match self {
            Self::Status(status) => counts.of(status),
            Self::Unavailable => counts.unavailable,
            Self::Flapping => counts.flapping,
        }
    }

    /// The antennas that are in it.
    pub(super) fn fleet(self) -> Fleet {
        let filter = match self {
            Self::Status(status) => Filter::Status(status),
            Self::Flapping => Filter::Flapping,
            // Of the healthy ones, they come first.
            Self::Unavailable => Filter::Status(Status::Healthy),
        };
        Fleet { filter: Some(filter), ..Fleet::default() }
    }

    /// As a CSS class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Status(status) => status.as_str(),
            Self::Unavailable => "unavailable",
            Self::Flapping => "flapping",
        }
    }

    pub(crate) const fn label(self, language: Language) -> &'static str {
        match self {
            Self::Status(status) => status_label(status, language),
            Self::Unavailable => language.text("Mostly unavailable", "Casi nunca disponible"),
            Self::Flapping => language.text("Flapping", "Intermitente"),
        }
    }

    /// The word for a number of antennas: `down`, `caída`, `caídas`.
    pub(super) const fn word(self, number: u64, language: Language) -> &'static str {
        let is_one = number == 1;
        match self {
            Self::Status(status) => status_word(status, number, language),
            Self::Unavailable => language
                .text("mostly unavailable", if is_one { "casi nunca disponible" } else { "casi nunca disponibles" }),
            Self::Flapping => language.text("flapping", if is_one { "intermitente" } else { "intermitentes" }),
        }
    }
}

/// `flapping, 8 changes`, where an antenna flaps and its state says something else.
pub(super) fn flapping(row: &AntennaRow, language: Language) -> Option<String> {
    let is_told = row.flapping && State::of(row) != State::Flapping;
    is_told.then(|| language.text("flapping", "intermitente").to_owned())
}

/// How many antennas there are in each of these states, without those in which there are none: `1 down`, `2 degraded`.
pub(super) fn counts_in_words(counts: &AntennaCounts, states: &[State], language: Language) -> Vec<String> {
    let of = states.iter().map(|state| (*state, state.count(counts))).filter(|(_, number)| *number > 0);
    of.map(|(state, number)| format!("{} {}", format::count(number), state.word(number, language))).collect()
}

/// The word for a number of antennas of a status: `down`, `caída`, `caídas`.
pub(super) const fn status_word(status: Status, number: u64, language: Language) -> &'static str {
    let is_one = number == 1;
    match status {
        Status::Down => language.text("down", if is_one { "caída" } else { "caídas" }),
        Status::Degraded => language.text("degraded", if is_one { "degradada" } else { "degradadas" }),
        Status::Silent => language.text("silent", "sin señal"),
        Status::Healthy => language.text("healthy", if is_one { "sana" } else { "sanas" }),
        Status::Unseen => language.text("unseen", if is_one { "nunca vista" } else { "nunca vistas" }),
    }
}

/// The status of one antenna.
pub(crate) const fn status_label(status: Status, language: Language) -> &'static str {
    match status {
        Status::Down => language.text("Down", "Caída"),
        Status::Degraded => language.text("Degraded", "Degradada"),
        Status::Silent => language.text("Silent", "Sin señal"),
        Status::Healthy => language.text("Healthy", "Sana"),
        Status::Unseen => language.text("Unseen", "Nunca vista"),
    }
}

#[cfg(test)]
mod tests {
    use shared::UnixMillis;
    use shared::api::Measures;

    use super::*;
    use crate::model::tests::{NOW, address, antenna, fleet, scene};
    use crate::query::tests::read;

    fn reading(delay_ms: i64) -> ReadingRow {
        let address = address("/antenna?id=x");
        let taken = UnixMillis(NOW.0 - 60_000);
        let reading = RecentReading {
            timestamp: taken,
            arrived_at: UnixMillis(taken.0 + delay_ms),
            packets_sent: 100,
            packets_lost: 100,
            latency_ms: None,
            seq: None,
            late: false,
        };
        reading_row(&reading, &scene(&address))
    }

    #[test]
    fn a_reading_that_arrives_before_it_was_taken_was_on_its_way_for_less_than_nothing() {
        for (delay_ms, text) in [
            (0, "0_ms"),
            (15, "15_ms"),
            (999, "999_ms"),
            (1000, "1 s"),
            (61_000, "1 min 1 s"),
            (-1, "−1_ms"),
            (-40, "−40_ms"),
            (-1500, "−1 s"),
            (-7_200_000, "−2 h"),
        ] {
            assert_eq!(reading(delay_ms).delay, text.replace('_', "\u{202f}"));
        }
    }

    #[test]
    fn a_reading_without_latency_has_a_dash_and_one_that_lost_all_is_marked() {
        let row = reading(10);
        assert_eq!((&*row.latency, row.is_all_lost, &*row.time.text), ("–", true, "14:46:05"));
        let address = address("/antenna?id=airport-west");
        let readings = antenna("airport-west").readings.unwrap().readings;
        let rows: Vec<ReadingRow> = readings.iter().map(|reading| reading_row(reading, &scene(&address))).collect();
        assert!(rows.iter().any(|row| row.is_late) && rows.iter().any(|row| !row.is_late));
        assert!(rows.iter().zip(&readings).all(|(row, reading)| row.is_late == reading.late && !row.is_all_lost));
    }

    #[test]
    fn an_antenna_without_readings_has_dashes_and_never_zeros() {
        let address = address("/antennas");
        let mut row = fleet(&address).antennas.antennas[0].clone();
        row.measures = Measures::default();
        let line = antenna_line(&row, &scene(&address));
        assert_eq!([&*line.success, &*line.mean, &*line.p95, &*line.delivered, &*line.lost], ["–"; 5]);
    }

    #[test]
    fn a_row_leads_to_its_antenna_over_the_same_range_in_the_same_manner() {
        let address = address("/antennas?q=x&page=2&window=15m&lang=es&wall=1");
        let mut row = antenna("quarry").antenna;
        for id in ["..", "a/b?c=d&e#f", "%2F", " x ", "ñ+ñ", "\u{202e}gpj.exe"] {
            row.antenna_id = id.to_owned();
            let line = antenna_line(&row, &scene(&address));
            assert_eq!(line.id, id);
            assert_eq!(read(&line.href), Ok(address.with_page(Page::Antenna { id: id.to_owned() })), "{}", line.href);
        }
    }

    #[test]
    fn last_seen_is_counted_from_now() {
        let address = address("/antennas");
        let mut row = antenna("quarry").antenna;
        row.last_seen = Some(UnixMillis(NOW.0 - 240_000));
        let line = antenna_line(&row, &scene(&address));
        let (ago, at) = line.last_seen.expect("a time");
        assert_eq!((&*ago, &*at.text), ("4 min ago", "14:43:05"));
    }
}
