//! `sites`: how the antennas of each site fare together.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use shared::UnixMillis;
use shared::api::{Order, SitePage, SiteRow, SiteSort, SitesRequest};

use super::rows::{Row, availability, counts, is_at, to_microseconds};
use super::{Question, Refusal};
use crate::Reference;
use crate::measures::measures;

impl Question for SitesRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<SitePage, Refusal> {
        let window = reference.window(&self.window, now)?;
        let mut rows = reference.rows(window);
        rows.retain(|row| row.is_wanted(self.q.as_deref(), &self.statuses, self.flapping));
        rows.retain(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        let mut by_site: BTreeMap<String, Vec<Row<'_>>> = BTreeMap::new();
        for row in rows {
            if let Some(site) = row.about.and_then(|about| about.site.clone()) {
                by_site.entry(site).or_default().push(row);
            }
        }
        // They are in the order of their names, and equal ones stay in it.
        let mut sites: Vec<SiteRow> = by_site.into_iter().map(|(site, rows)| together(site, &rows)).collect();
        sites.sort_by(|a, b| compare(a, b, self.sort, self.order));
        Ok(SitePage {
            window: window.bounds(),
            total: sites.len() as u64,
            sites: sites.into_iter().skip(self.offset).take(self.limit.get()).collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}

fn together(site: String, rows: &[Row<'_>]) -> SiteRow {
    let measures = measures(rows.iter().flat_map(|row| row.readings.iter().copied()));
    let times: Vec<(i64, i64)> = rows.iter().map(|row| row.available).collect();
    SiteRow {
        site,
        status: rows.iter().map(|row| row.status).min().unwrap_or(shared::api::Status::Unseen),
        antennas: counts(rows),
        readings: measures.readings,
        packets_sent: measures.packets_sent,
        packets_delivered: measures.packets_delivered,
        packets_lost: measures.packets_lost,
        success_rate: measures.success_rate,
        latency_mean_ms: measures.latency_ms.mean.map(to_microseconds),
        availability: availability(&times),
    }
}

fn compare(a: &SiteRow, b: &SiteRow, sort: SiteSort, order: Order) -> Ordering {
    let directed = |compared: Ordering| match order {
        Order::Ascending => compared,
        Order::Descending => compared.reverse(),
    };
    // Unknown values come last in either order.
    let known = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => directed(a.total_cmp(&b)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    match sort {
        SiteSort::Status => {
            let badness = |row: &SiteRow| {
                let counts = row.antennas;
                Reverse([counts.down, counts.degraded, counts.silent, counts.unsettled])
            };
            directed(badness(a).cmp(&badness(b)))
        }
        SiteSort::Site => directed(a.site.cmp(&b.site)),
        SiteSort::PacketsLost => directed(a.packets_lost.cmp(&b.packets_lost)),
        SiteSort::SuccessRate => known(a.success_rate, b.success_rate),
        SiteSort::Latency => known(a.latency_mean_ms, b.latency_mean_ms),
        SiteSort::Availability => known(a.availability, b.availability),
    }
}
