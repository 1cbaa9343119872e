//! `heatmap`: all antennas over time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use shared::UnixMillis;
use shared::api::{Grouping, Heatmap, HeatmapRequest, HeatmapRow, Status, heatmap_groups};

use super::rows::{Row, counts, is_at};
use super::{Question, Refusal};
use crate::{Counted, Reference};

impl Question for HeatmapRequest {
    fn answer(&self, reference: &Reference, now: UnixMillis) -> Result<Heatmap, Refusal> {
        let window = reference.window(&self.window, now)?;
        let step_ms = window.default_step_ms(self.step, &reference.settings)?;
        let mut rows = reference.rows(window);
        rows.retain(|row| row.is_wanted(self.q.as_deref(), &self.statuses, self.flapping));
        rows.retain(|row| is_at(row.about, self.site.as_deref(), &self.labels));
        // The rows are in the order of ids, and equal ones stay in it.
        rows.sort_by_key(|row| (row.status, Reverse(row.measures.packets_lost)));
        let is_by_site = self.group == Some(Grouping::Site);
        let groups = match is_by_site {
            true => by_site(&mut rows, self.rows.get()),
            false => {
                let statuses: Vec<Status> = rows.iter().map(|row| row.status).collect();
                heatmap_groups(&statuses, self.rows.get())
            }
        };
        let groups = groups.into_iter().map(|group| {
            let group = &rows[group];
            let site = group[0].site().filter(|site| is_by_site && group.iter().all(|row| row.site() == Some(*site)));
            let readings: Vec<&Counted> = group.iter().flat_map(|row| row.readings.iter().copied()).collect();
            let (history, antennas_down) = reference.history(&readings, window, step_ms);
            HeatmapRow {
                antenna_id: alone(group).filter(|_| !is_by_site).map(|row| row.id.to_owned()),
                site: site.map(str::to_owned),
                status: group.iter().map(|row| row.status).min().unwrap_or(Status::Healthy),
                antennas: counts(group),
                history,
                antennas_down,
            }
        });
        Ok(Heatmap {
            window: window.bounds(),
            steps: window.steps(step_ms),
            total: rows.len() as u64,
            rows: groups.collect(),
            as_of: reference.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }
}

/// Puts antennas of a site together, the worst site first, and those at none last; the last group is of all that are left.
fn by_site(rows: &mut [Row<'_>], limit: usize) -> Vec<Range<usize>> {
    let mut sites: BTreeMap<String, (Status, u64)> = BTreeMap::new();
    for row in rows.iter() {
        let Some(site) = row.site() else { continue };
        let (worst, lost) = sites.entry(site.to_owned()).or_insert((row.status, 0));
        (*worst, *lost) = ((*worst).min(row.status), *lost + row.measures.packets_lost);
    }
    let key = |row: &Row<'_>| {
        let site = row.site().map(|site| (sites[site].0, Reverse(sites[site].1), site.to_owned()));
        (site.is_none(), site)
    };
    rows.sort_by_cached_key(key);
    let mut groups: Vec<Range<usize>> = Vec::new();
    for group in rows.chunk_by(|a, b| a.site() == b.site()) {
        let start = groups.last().map_or(0, |before| before.end);
        groups.push(start..start + group.len());
    }
    if groups.len() > limit {
        groups.truncate(limit);
        groups.iter_mut().skip(limit - 1).for_each(|last| last.end = rows.len());
    }
    groups
}

const fn alone<'a, 'b>(group: &'a [Row<'b>]) -> Option<&'a Row<'b>> {
    if let [row] = group { Some(row) } else { None }
}
