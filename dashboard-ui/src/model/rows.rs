//! Rows of tables: antennas, readings, and the pages that a long table is cut into.

use shared::api::{AntennaRow, RecentReading, Status};

use super::heat::{antenna_href, strip};
use super::{Moment, Scene, Strip};
use crate::format;
use crate::language::Language;

/// One antenna in a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AntennaLine {
    /// As analytics has it: any text of up to 253 bytes.
    pub(crate) id: String,
    /// Its own page.
    pub(crate) href: String,
    /// As a class of the style sheet.
    pub(crate) status: &'static str,
    pub(crate) status_label: &'static str,
    pub(crate) success: String,
    pub(crate) mean: String,
    pub(crate) p95: String,
    pub(crate) delivered: String,
    pub(crate) lost: String,
    pub(crate) last_seen: String,
    pub(crate) last_seen_at: Moment,
    pub(crate) strip: Strip,
}

/// One reading in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadingRow {
    pub(crate) time: Moment,
    /// How long it was on its way.
    pub(crate) delay: String,
    pub(crate) latency: String,
    pub(crate) sent: String,
    pub(crate) lost: String,
    pub(crate) is_all_lost: bool,
    pub(crate) is_late: bool,
}

/// Where one is in a table that is cut into pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pages {
    /// `51–100 of 1 280`.
    pub(crate) place: String,
    /// The address of the page before.
    pub(crate) previous: Option<String>,
    /// The address of the page after.
    pub(crate) next: Option<String>,
}

pub(super) fn antenna_line(row: &AntennaRow, scene: &Scene<'_>) -> AntennaLine {
    let (measures, language) = (&row.measures, scene.language());
    let count = |number| format::count_if_known((measures.readings > 0).then_some(number));
    AntennaLine {
        id: row.antenna_id.clone(),
        href: antenna_href(&row.antenna_id, scene),
        status: row.status.as_str(),
        status_label: status_label(row.status, language),
        success: language.percent(measures.success_rate),
        mean: language.latency(measures.latency_ms.mean),
        p95: language.latency(measures.latency_ms.p95),
        delivered: count(measures.packets_delivered),
        lost: count(measures.packets_lost),
        last_seen: language.ago(scene.now.0 - row.last_seen.0),
        last_seen_at: Moment::near(row.last_seen, scene.now, language),
        strip: strip(row.history.as_ref(), scene),
    }
}

pub(super) fn reading_row(reading: &RecentReading, scene: &Scene<'_>) -> ReadingRow {
    let language = scene.language();
    let delay_ms = reading.arrived_at.0 - reading.timestamp.0;
    ReadingRow {
        time: Moment::near(reading.timestamp, scene.now, language),
        delay: match delay_ms {
            // A clock that is ahead makes a reading arrive before it was taken.
            ..0 => format!("−{}", format::with_unit(&language.fixed(delay_ms.abs() as f64 / 1000.0, 1), "s")),
            0..1000 => format::with_unit(&delay_ms.to_string(), "ms"),
            _ => language.duration(delay_ms as f64 / 1000.0),
        },
        latency: language.latency(reading.latency_ms),
        sent: format::count(reading.packets_sent),
        lost: format::count(reading.packets_lost),
        is_all_lost: reading.packets_sent > 0 && reading.packets_lost == reading.packets_sent,
        is_late: reading.late,
    }
}

/// The pages of a list of `total` rows, `rows` to a page, of which `page` is shown; `href` gives a page's address.
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
    let place = match (shown, language) {
        (0, _) => format::count(total),
        (_, Language::English) => {
            format!("{}–{} of {}", format::count(before + 1), format::count(last), format::count(total))
        }
        (_, Language::Spanish) => {
            format!("{}–{} de {}", format::count(before + 1), format::count(last), format::count(total))
        }
    };
    Pages {
        place,
        previous: (page > 1).then(|| href(page - 1)),
        next: (shown > 0 && last < total).then(|| href(page + 1)),
    }
}

pub(crate) const fn status_label(status: Status, language: Language) -> &'static str {
    match status {
        Status::Down => language.text("Down", "Caída"),
        Status::Degraded => language.text("Degraded", "Degradada"),
        Status::Silent => language.text("Silent", "Sin señal"),
        Status::Healthy => language.text("Healthy", "Sana"),
    }
}
