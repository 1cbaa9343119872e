//! The antennas of a window, which several answers are made of.

use std::collections::{BTreeSet, HashMap};

use shared::UnixMillis;
use shared::api::{
    About, AntennaCounts, AntennaPage, AntennaRow, BadParameter, History, Incident, Label, Labels, MAX_STEPS_TOGETHER,
    MOSTLY, Measures, Status,
};
use shared::time::Span;

use super::is_found;
use crate::antenna::Antenna;
use crate::measures::{count, mean, measures, status};
use crate::window::Window;
use crate::worst::{Worst, worst};
use crate::{Counted, Expected, Reference};

/// An antenna in a window.
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    /// What is said of it.
    pub(super) about: Option<&'a About>,
    pub(super) status: Status,
    pub(super) measures: Measures,
    pub(super) last_seen: UnixMillis,
    /// Milliseconds of the window for which it was available, and for which it was observed.
    pub(super) available: (i64, i64),
    /// Incidents that began in the window, and those that ended in it.
    pub(super) changes: u64,
    pub(super) is_flapping: bool,
    /// How often it usually reports, in seconds.
    pub(super) interval_seconds: Option<f64>,
    /// What is expected of it in place of the settings.
    pub(super) expected: Expected,
    /// What was counted of it in the window.
    pub(super) readings: Vec<&'a Counted>,
}

impl Reference {
    /// Every antenna that is known and retained, in the order of ids.
    pub(super) fn rows(&self, window: Window) -> Vec<Row<'_>> {
        let mut readings: Vec<Vec<&Counted>> = vec![Vec::new(); self.antennas.len()];
        for reading in self.readings(window.start_ms, window.end_ms) {
            readings[reading.antenna as usize].push(reading);
        }
        let ended = self.ended_changes(window);
        let mut own = |position: u32| std::mem::take(&mut readings[position as usize]);
        let mut rows: Vec<Row<'_>> =
            self.retained().map(|(position, antenna)| self.row(antenna, own(position), window, &ended)).collect();
        rows.sort_by_key(|row| row.id);
        rows
    }

    /// How many incidents that have ended began in a window, and how many ended in it, together, by antenna.
    pub(super) fn ended_changes(&self, window: Window) -> HashMap<&str, u64> {
        let mut by_antenna = HashMap::new();
        for incident in &self.ended {
            *by_antenna.entry(&*incident.antenna_id).or_default() += changes(incident, window);
        }
        by_antenna
    }

    pub(super) fn row<'a>(
        &'a self,
        antenna: &'a Antenna,
        readings: Vec<&'a Counted>,
        window: Window,
        ended: &HashMap<&str, u64>,
    ) -> Row<'a> {
        let measures = measures(readings.iter().copied());
        // Of a window with a given end, nothing depends on the clock.
        let is_silent = window.now_ms.map_or(readings.is_empty(), |now_ms| antenna.is_silent(now_ms));
        let kept_from_ms = window.start_ms.max(self.horizon_ms);
        // There it is missed if it was silent at the watermark.
        let judged_ms = window.now_ms.unwrap_or(self.watermark_ms);
        let missed_until_ms = match window.now_ms {
            Some(_) => window.end_ms,
            None => window.end_ms.min(self.watermark_ms),
        };
        let missed_until_ms = antenna.is_silent(judged_ms).then_some(missed_until_ms);
        let quarters = (window.end_ms - window.start_ms) as f64 / 900_000.0;
        let current: u64 = antenna.current(&self.settings, judged_ms).map(|incident| changes(&incident, window)).sum();
        let changes = ended.get(&*antenna.id).copied().unwrap_or_default() + current;
        Row {
            available: antenna.availability(&readings, (kept_from_ms, window.end_ms), missed_until_ms),
            changes,
            is_flapping: changes as f64 >= self.settings.flapping_changes as f64 * quarters.max(1.0),
            interval_seconds: antenna.interval_seconds(),
            expected: antenna.expected,
            id: &antenna.id,
            about: self.about.get(&antenna.id),
            status: status(&measures, is_silent, &antenna.own(&self.settings)),
            measures,
            last_seen: UnixMillis(antenna.last_arrival_ms),
            readings,
        }
    }

    /// Rows in order as a page, with histories where a step is asked for. `limit` is the number of rows asked for.
    pub(super) fn page(
        &self,
        rows: &[Row<'_>],
        (limit, offset): (usize, usize),
        step: Option<Span>,
        window: Window,
    ) -> Result<AntennaPage, BadParameter> {
        let step_ms = step.map(|step| window.step_ms(step, &self.settings)).transpose()?;
        let steps = step_ms.map(|step_ms| window.steps(step_ms));
        if steps.as_ref().is_some_and(|steps| steps.starts.len().saturating_mul(limit) as i64 > MAX_STEPS_TOGETHER) {
            let why = "more than 500000 steps of all rows; ask for longer steps or fewer rows";
            return Err(BadParameter::new("step", why));
        }
        let history = |row: &Row<'_>| step_ms.map(|step_ms| self.history(&row.readings, window, step_ms).0);
        let shown = rows.iter().skip(offset).take(limit);
        let shown = shown.map(|row| AntennaRow { history: history(row), ..row.told() });
        let antennas = shown.collect();
        Ok(AntennaPage {
            window: window.bounds(),
            total: rows.len() as u64,
            antennas,
            steps,
            as_of: self.as_of,
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        })
    }

    /// What readings of a window come to in each of its steps, and how many antennas were down in a pane of it.
    pub(super) fn history(&self, readings: &[&Counted], window: Window, step_ms: i64) -> (History, Vec<u64>) {
        let mut steps: Vec<Vec<&Counted>> = vec![Vec::new(); window.parts(step_ms).count()];
        for reading in readings {
            steps[window.step_of(reading.event_ms, step_ms)].push(reading);
        }
        let mut history = History::default();
        let mut antennas_down = Vec::new();
        for readings in &steps {
            let count = |of: fn(&Counted) -> u32| readings.iter().map(|reading| u64::from(of(reading))).sum::<u64>();
            let latencies: Vec<f64> = readings.iter().filter_map(|reading| reading.latency_ms).collect();
            let mean_ms = mean(latencies.iter().sum(), latencies.len() as u64);
            let Worst { status, antennas_down: down } = worst(readings.iter().copied(), self);
            history.readings.push(readings.len() as u64);
            history.packets_sent.push(count(|reading| reading.packets));
            history.packets_lost.push(count(|reading| reading.lost));
            history.latency_mean_ms.push(mean_ms.map(to_microseconds));
            history.worst_status.push(status);
            antennas_down.push(down);
        }
        (history, antennas_down)
    }
}

impl Row<'_> {
    /// Whether a row is one of those asked for by a part of the id or of the name, by status if by any, and by whether it flaps if by that.
    pub(super) fn is_wanted(&self, text: Option<&str>, statuses: &BTreeSet<Status>, flapping: Option<bool>) -> bool {
        let name = self.about.and_then(|about| about.name.as_deref());
        (is_found(self.id, text) || name.is_some_and(|name| is_found(name, text)))
            && (statuses.is_empty() || statuses.contains(&self.status))
            && flapping.is_none_or(|flapping| flapping == self.is_flapping)
    }

    /// The site that it is at.
    pub(super) fn site(&self) -> Option<&str> {
        self.about.and_then(|about| about.site.as_deref())
    }

    /// Available of observed time.
    pub(super) fn availability(&self) -> Option<f64> {
        availability(&[self.available])
    }

    /// As the API tells it, without a history.
    pub(super) fn told(&self) -> AntennaRow {
        AntennaRow {
            antenna_id: self.id.to_owned(),
            status: self.status,
            measures: self.measures,
            last_seen: Some(self.last_seen),
            availability: self.availability(),
            changes: Some(self.changes),
            flapping: self.is_flapping,
            interval_seconds: self.interval_seconds,
            degraded_success_rate: self.expected.degraded_success_rate,
            degraded_latency_ms: self.expected.degraded_latency_ms,
            history: None,
            about: self.about.cloned().unwrap_or_default(),
        }
    }

    /// Whether it was available for less than half of the time.
    pub(super) fn is_mostly_unavailable(&self) -> bool {
        self.availability().is_some_and(|share| share < MOSTLY)
    }
}

/// Whether an antenna of which this is said is at a site, if one is asked for, and has all labels that are.
pub(super) fn is_at(about: Option<&About>, site: Option<&str>, labels: &Labels) -> bool {
    // A form sends its empty fields too.
    let site = site.filter(|site| !site.is_empty());
    let has = |about: &About, label: &Label| about.labels.get(&label.key) == Some(&label.value);
    site.is_none_or(|site| about.is_some_and(|about| about.site.as_deref() == Some(site)))
        && labels.0.iter().all(|label| about.is_some_and(|about| has(about, label)))
}

/// Antennas by status.
pub(super) fn counts(rows: &[Row<'_>]) -> AntennaCounts {
    let mut counts = AntennaCounts::default();
    rows.iter().for_each(|row| {
        count(&mut counts, row.status, row.measures.readings > 0, row.is_flapping, row.is_mostly_unavailable())
    });
    counts
}

/// Whether an incident began in a window, and whether it ended in it: 0, 1 or 2.
fn changes(incident: &Incident, window: Window) -> u64 {
    let is_within = |time: &UnixMillis| (window.start_ms..window.end_ms).contains(&time.0);
    [Some(incident.start), incident.end].iter().flatten().filter(|time| is_within(time)).count() as u64
}

/// Available of observed time.
pub(super) fn availability(times: &[(i64, i64)]) -> Option<f64> {
    let (available_ms, observed_ms) = times.iter().fold((0, 0), |sums, times| (sums.0 + times.0, sums.1 + times.1));
    (observed_ms > 0).then(|| available_ms as f64 / observed_ms as f64)
}

/// Histories tell latencies to the microsecond.
pub(super) fn to_microseconds(latency_ms: f64) -> f64 {
    (latency_ms * 1000.0).round() / 1000.0
}
