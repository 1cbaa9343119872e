//! `antennas`: antennas sorted, searched and paged, and one antenna.

use std::cmp::Ordering;

use shared::UnixMillis;
use shared::api::{AntennaPage, AntennaRequest, AntennaRow, AntennasRequest, Grouping, Order, Sort};

use super::rows::{Row, is_at};
use super::{Question, Refusal};
use crate::Reference;

impl Question for AntennasRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<AntennaPage, Refusal> {
        let window = reference.window(&self.window, now)?;
        let mut rows = reference.rows(window);
        rows.retain(|row| self.id.as_deref().is_none_or(|id| id == row.id));
        rows.retain(|row| row.is_wanted(self.q.as_deref(), &self.statuses, self.flapping));
        rows.retain(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        // The rows are in the order of ids, and equal ones stay in it.
        rows.sort_by(|a, b| compare(a, b, self.sort, self.order));
        if self.group == Some(Grouping::Site) {
            // Antennas at no site come last, and those of one stay in their order.
            rows.sort_by(|a, b| (a.site().is_none(), a.site()).cmp(&(b.site().is_none(), b.site())));
        }
        Ok(reference.page(&rows, (self.limit.get(), self.offset), self.step, window)?)
    }
}

impl Question for AntennaRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<AntennaRow, Refusal> {
        let window = reference.window(&self.window, now)?;
        let (position, antenna) = reference.find(&self.id)?;
        let readings = reference.readings(window.start_ms, window.end_ms);
        let own = readings.filter(|reading| reading.antenna == position).collect();
        Ok(reference.row(antenna, own, window, &reference.ended_changes(window)).told())
    }
}

fn compare(a: &Row<'_>, b: &Row<'_>, sort: Sort, order: Order) -> Ordering {
    let directed = |compared: Ordering| match order {
        Order::Ascending => compared,
        Order::Descending => compared.reverse(),
    };
    // Unknown values come last in either order.
    let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => directed(a.total_cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let (one, other) = (&a.measures, &b.measures);
    match sort {
        Sort::AntennaId => directed(a.id.cmp(b.id)),
        // Of one status, those that were mostly unavailable come first, and then those that flap.
        Sort::Status => {
            let key = |row: &Row<'_>| {
                (row.status, !row.is_mostly_unavailable(), !row.is_flapping && !row.is_mostly_unavailable())
            };
            directed(key(a).cmp(&key(b)))
        }
        Sort::Readings => directed(one.readings.cmp(&other.readings)),
        Sort::PacketsSent => directed(one.packets_sent.cmp(&other.packets_sent)),
        Sort::PacketsDelivered => directed(one.packets_delivered.cmp(&other.packets_delivered)),
        Sort::PacketsLost => directed(one.packets_lost.cmp(&other.packets_lost)),
        Sort::SuccessRate => known(one.success_rate, other.success_rate),
        Sort::Latency => known(one.latency_ms.mean, other.latency_ms.mean),
        Sort::P95 => known(one.latency_ms.p95, other.latency_ms.p95),
        Sort::Availability => known(a.availability(), b.availability()),
        Sort::LastSeen => directed(a.last_seen.cmp(&b.last_seen)),
    }
}
