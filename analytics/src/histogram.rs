//! Counts of values by bucket of the [`sketch`], for what is measured of the pipeline itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use crate::store::sketch;

/// How often values occurred, within [`sketch::RELATIVE_ERROR`] of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Histogram(BTreeMap<i32, u64>);

impl Histogram {
    /// Adds a value that occurred `count` times; finite and not negative.
    pub(crate) fn add(&mut self, value: f64, count: u64) {
        *self.0.entry(sketch::bucket(value)).or_default() += count;
    }

    /// Adds the values of another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (&bucket, &count) in &other.0 {
            *self.0.entry(bucket).or_default() += count;
        }
    }

    /// Takes away the values of a histogram that was merged into this one.
    pub(crate) fn take_away(&mut self, merged: &Self) {
        for (&bucket, &count) in &merged.0 {
            if let Entry::Occupied(mut all) = self.0.entry(bucket) {
                *all.get_mut() -= count;
                if *all.get() == 0 {
                    all.remove();
                }
            }
        }
    }

    /// The nearest-rank quantile; `None` if there is no value.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        sketch::quantile(self.0.iter().map(|(&bucket, &count)| (bucket, count)), self.0.values().sum(), q)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the values are split, merging gives the histogram of all of them, and taking away that of the others.
        #[test]
        fn merging_adds(values in prop::collection::vec((0.0..10_000.0_f64, 1..9_u64), 0..50), at in 0..50_usize) {
            let of = |values: &[(f64, u64)]| {
                let mut histogram = Histogram::default();
                values.iter().for_each(|&(value, count)| histogram.add(value, count));
                histogram
            };
            let (left, right) = values.split_at(at.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(&merged, &of(&values));
            let mut taken_away = merged.clone();
            taken_away.take_away(&of(left));
            prop_assert_eq!(taken_away, of(right));
            let largest = values.iter().map(|(value, _)| *value).max_by(f64::total_cmp);
            prop_assert_eq!(merged.quantile(1.0), largest.map(|value| sketch::value(sketch::bucket(value))));
        }
    }
}
