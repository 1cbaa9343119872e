//! A row of the worst antennas.

use shared::UnixMillis;
use shared::api::{AntennaRow, Status};

use super::Moment;
use crate::format;

/// One antenna.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorstRow {
    /// As analytics has it: any text of up to 253 bytes.
    pub(crate) id: String,
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
}

pub(super) fn worst_row(row: &AntennaRow, now: UnixMillis) -> WorstRow {
    let measures = &row.measures;
    let count = |number| if measures.readings > 0 { format::count(number) } else { format::UNKNOWN.to_owned() };
    WorstRow {
        id: row.antenna_id.clone(),
        status: row.status.as_str(),
        status_label: status_label(row.status),
        success: format::percent(measures.success_rate),
        mean: format::latency(measures.latency_ms.mean),
        p95: format::latency(measures.latency_ms.p95),
        delivered: count(measures.packets_delivered),
        lost: count(measures.packets_lost),
        last_seen: format::ago(now.0 - row.last_seen.0),
        last_seen_at: Moment::new(row.last_seen, now),
    }
}

const fn status_label(status: Status) -> &'static str {
    match status {
        Status::Down => "Down",
        Status::Degraded => "Degraded",
        Status::Silent => "Silent",
        Status::Healthy => "Healthy",
    }
}

#[cfg(test)]
mod tests {
    use shared::api::Measures;

    use super::*;
    use crate::model::tests::{NOW, figures};

    #[test]
    fn a_row_says_what_analytics_says() {
        let mut row = figures().worst.antennas[0].clone();
        row.antenna_id = "north-07".to_owned();
        row.status = Status::Degraded;
        row.last_seen = UnixMillis(NOW.0 - 12_000);
        row.measures.success_rate = Some(0.9246);
        row.measures.packets_lost = 4_321;
        let row = worst_row(&row, NOW);
        assert_eq!((row.status, row.status_label), ("degraded", "Degraded"));
        assert_eq!((row.success.as_str(), row.lost.as_str()), ("92.46\u{202f}%", "4\u{202f}321"));
        assert_eq!((row.last_seen.as_str(), row.last_seen_at.text.as_str()), ("12 s ago", "14:46:53"));
    }

    #[test]
    fn an_antenna_that_lost_everything_has_no_latency() {
        let mut row = figures().worst.antennas[0].clone();
        row.measures =
            Measures { readings: 3, packets_sent: 9, packets_lost: 9, success_rate: Some(0.0), ..Measures::default() };
        let row = worst_row(&row, NOW);
        assert_eq!((row.success.as_str(), row.mean.as_str(), row.delivered.as_str()), ("0\u{202f}%", "–", "0"));
    }
}
