//! What is expected of single antennas, in place of what the settings say of all; and by what a table of antennas is judged then.
//!
//! It comes from the registry, is kept with the antenna and committed with it, so that whoever reads a partition judges its antennas as
//! its owner does.

use std::time::Duration;

use polars::prelude::*;

use super::trouble::WELL_INTERVALS;
use crate::readings::Slot;
use crate::registry::Description;
use crate::settings::{Thresholds, in_ms};

/// What is expected of an antenna; where it says nothing, the settings hold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expected {
    /// How often it is to report, in place of its usual interval where silence is told.
    pub interval: Option<Duration>,
    /// It is degraded below this success rate.
    pub degraded_success_rate: Option<f64>,
    /// It is degraded above this mean latency.
    pub degraded_latency: Option<Duration>,
    /// So many bad intervals behind each other begin an incident.
    pub raise_after: Option<u32>,
    /// So many well intervals behind each other end it.
    pub clear_after: Option<u32>,
}

impl From<&Description> for Expected {
    fn from(description: &Description) -> Self {
        let &Description { interval, degraded_success_rate, degraded_latency, raise_after, clear_after, .. } =
            description;
        Self { interval, degraded_success_rate, degraded_latency, raise_after, clear_after }
    }
}

impl Expected {
    /// Whether the settings hold for all of it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The thresholds, where the settings say others.
    #[must_use]
    pub fn thresholds(&self, settings: &Thresholds) -> Thresholds {
        Thresholds {
            degraded_success_rate: self.degraded_success_rate.unwrap_or(settings.degraded_success_rate),
            degraded_latency: self.degraded_latency.unwrap_or(settings.degraded_latency),
            ..*settings
        }
    }
}

/// By what the intervals of an antenna are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// When one is bad.
    pub thresholds: Thresholds,
    /// So many bad ones behind each other begin an incident.
    pub raise_after: u32,
    /// So many well ones behind each other end it.
    pub clear_after: u32,
}

impl From<Thresholds> for Rule {
    /// Where nothing else is expected.
    fn from(thresholds: Thresholds) -> Self {
        Self { thresholds, raise_after: 1, clear_after: WELL_INTERVALS }
    }
}

impl Rule {
    /// That of an antenna of which something is expected.
    #[must_use]
    pub fn of(expected: &Expected, settings: &Thresholds) -> Self {
        let usual = Self::from(expected.thresholds(settings));
        Self {
            raise_after: expected.raise_after.unwrap_or(usual.raise_after),
            clear_after: expected.clear_after.unwrap_or(usual.clear_after),
            ..usual
        }
    }
}

/// By what the antennas of a partition are judged in tables, by their slots.
#[derive(Debug, Clone)]
pub struct Limits {
    thresholds: Thresholds,
    own: Option<OwnLimits>,
}

/// The limits of single antennas, by slot; null where the settings hold.
#[derive(Debug, Clone)]
pub(super) struct OwnLimits {
    success_rate: Series,
    latency_ms: Series,
}

impl From<Thresholds> for Limits {
    /// All antennas alike.
    fn from(thresholds: Thresholds) -> Self {
        Self { thresholds, own: None }
    }
}

impl Limits {
    /// The limits of all antennas, but for some.
    pub(super) const fn new(thresholds: Thresholds, own: Option<OwnLimits>) -> Self {
        Self { thresholds, own }
    }

    /// The success rate below which an antenna is degraded, and the mean latency in milliseconds above which it is, by the column
    /// of its slot.
    pub fn of(&self, antenna: &Expr) -> [Expr; 2] {
        let Self { thresholds, own } = self;
        let Some(OwnLimits { success_rate, latency_ms }) = own else { return of_all(thresholds) };
        let of = |by_slot: &Series| lit(by_slot.clone()).gather(antenna.clone(), true);
        or_of_all([of(success_rate), of(latency_ms)], thresholds)
    }
}

impl OwnLimits {
    /// Those of antennas in slots that ascend; `None` where there are none.
    pub(super) fn of<'a>(antennas: impl Iterator<Item = (Slot, &'a Expected)>) -> Option<Self> {
        let (mut rates, mut latencies) = (Vec::new(), Vec::new());
        for (slot, expected) in antennas {
            let end = slot as usize + 1;
            rates.resize(end, None);
            latencies.resize(end, None);
            rates[slot as usize] = expected.degraded_success_rate;
            latencies[slot as usize] = expected.degraded_latency.map(in_ms);
        }
        let has_any = rates.iter().chain(&latencies).any(Option::is_some);
        let column = |values: Vec<Option<f64>>| Series::new("by_slot".into(), values);
        has_any.then(|| Self { success_rate: column(rates), latency_ms: column(latencies) })
    }
}

/// The limits that the settings say, as [`Limits::of`] has them.
pub fn of_all(thresholds: &Thresholds) -> [Expr; 2] {
    [lit(thresholds.degraded_success_rate), lit(thresholds.degraded_latency_ms())]
}

/// Limits of single antennas, null where the settings hold.
pub fn or_of_all([success_rate, latency_ms]: [Expr; 2], thresholds: &Thresholds) -> [Expr; 2] {
    let [rate_of_all, latency_of_all] = of_all(thresholds);
    [success_rate.fill_null(rate_of_all), latency_ms.fill_null(latency_of_all)]
}
