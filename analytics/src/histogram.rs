//! Counts of values by bucket of the [`sketch`], for what is measured of the pipeline itself.

use std::collections::BTreeMap;

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
        /// However the values are split, merging gives the histogram of all of them.
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
            let largest = values.iter().map(|(value, _)| *value).max_by(f64::total_cmp);
            prop_assert_eq!(merged.quantile(1.0), largest.map(|value| sketch::value(sketch::bucket(value))));
        }
    }
}
