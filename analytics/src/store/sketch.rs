//! The latency sketch: log-spaced buckets with a bounded relative error, after DDSketch (Masson, Rim, Lee: "DDSketch: a
//! fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019).
//!
//! A latency falls into bucket `ceil(ln(x) / ln(gamma))` with `gamma = (1 + a) / (1 - a)`; every value of a bucket lies
//! within `a` of the bucket's value `2 * gamma^i / (gamma + 1)`. Two sketches merge by adding counts, bucket by bucket,
//! so a quantile's error does not grow with merging.

/// The bound on the relative error of a quantile. The contract allows 2 %.
pub const RELATIVE_ERROR: f64 = 0.015;

/// `ln((1 + a) / (1 - a))`.
pub(super) const LN_GAMMA: f64 = 0.030_002_250_303_798_7;

/// Buckets of a unit of the logarithm. Multiplied by and not divided, as Polars does where the divisor is a constant: both
/// must tell the same bucket.
pub(super) const PER_LN_GAMMA: f64 = 1.0 / LN_GAMMA;

/// Bucket of the latency zero, below all others: the smallest double above zero has the bucket -24,813.
pub(super) const ZERO_BUCKET: i32 = -25_000;

/// The bucket of a latency in milliseconds; finite and not negative.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the logarithm of any double is within 745, so a bucket is within 25,000"
)]
pub fn bucket(latency_ms: f64) -> i32 {
    if latency_ms == 0.0 { ZERO_BUCKET } else { (latency_ms.ln() * PER_LN_GAMMA).ceil() as i32 }
}

/// The latency in milliseconds that stands for a bucket.
#[must_use]
pub fn value(bucket: i32) -> f64 {
    if bucket == ZERO_BUCKET {
        return 0.0;
    }
    // 2 * gamma^i / (gamma + 1), with gamma + 1 = 2 / (1 - a).
    (f64::from(bucket) * LN_GAMMA).exp() * (1.0 - RELATIVE_ERROR)
}

/// The nearest-rank quantile of bucket counts in ascending order of bucket; `total` is their sum. `None` where it is 0.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank off by one in 2^53 readings is far within the sketch's error"
)]
pub fn quantile(counts: impl IntoIterator<Item = (i32, u64)>, total: u64, q: f64) -> Option<f64> {
    let rank = ((total as f64 * q).ceil() as u64).clamp(1, total.max(1));
    let mut below = 0;
    for (bucket, count) in counts {
        below += count;
        if below >= rank {
            return Some(value(bucket));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gamma_follows_from_the_error() {
        let expected = ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln();
        assert!((LN_GAMMA - expected).abs() < 1e-15, "{expected}");
    }

    proptest! {
        /// Any latency that a double can hold is within the error of its bucket's value.
        #[test]
        fn a_bucket_stands_for_its_values(latency_ms in prop_oneof![Just(0.0), 1e-9..1e6_f64, 1e-300..1e300_f64]) {
            let error = (value(bucket(latency_ms)) - latency_ms).abs();
            prop_assert!(error <= latency_ms * (RELATIVE_ERROR + 1e-9), "{latency_ms} is off by {error}");
        }

        #[test]
        fn quantiles_are_within_the_error_of_the_nearest_rank(
            mut latencies in prop::collection::vec(0.0..10_000.0_f64, 1..300), q in 0.001..=1.0_f64,
        ) {
            let mut counts = std::collections::BTreeMap::new();
            for &latency in &latencies {
                *counts.entry(bucket(latency)).or_insert(0_u64) += 1;
            }
            latencies.sort_by(f64::total_cmp);
            let rank = ((latencies.len() as f64 * q).ceil() as usize).clamp(1, latencies.len());
            let exact = latencies[rank - 1];
            let estimate = quantile(counts, latencies.len() as u64, q).expect("not empty");
            prop_assert!((estimate - exact).abs() <= exact * (RELATIVE_ERROR + 1e-9), "{estimate} for {exact}");
        }
    }

    #[test]
    fn zero_is_below_all_others() {
        assert!(bucket(f64::from_bits(1)) > bucket(0.0));
        assert_eq!(value(bucket(0.0)), 0.0);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(quantile([], 0, 0.5), None);
    }
}
