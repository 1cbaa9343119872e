//! What is summed and what is derived, once for all tables: readings of a batch, panes in memory, tiles, answers.
//!
//! A **reading** is a row of a micro-batch, see [`crate::readings`]. A **partial** is a row of sums, see [`column`]: [`of_reading`]
//! makes a partial of each reading, [`summed`] and [`latencies`] add partials up, [`measures`] derives what the API tells. The latency sketch
//! likewise: [`bucket`], [`Percentiles`].

use polars::prelude::*;
use shared::api::{MOSTLY, Status};

use super::grid::Grid;
use super::sketch;
use crate::readings::column::{EVENT_MS, LATENCY_MS};

/// Columns of partials.
pub mod column {
    /// Columns of readings too. Packets are counts.
    pub use crate::readings::column::{ANTENNA, AVAILABLE_MS, PACKETS_LOST, PACKETS_SENT};

    /// Start of the pane, i64, milliseconds since the epoch.
    pub const PANE: &str = "pane";
    /// Bucket of the sketch, i32.
    pub const BUCKET: &str = "bucket";
    /// Readings in the bucket, a count.
    pub const COUNT: &str = "count";
    /// Readings, a count.
    pub const READINGS: &str = "readings";
    /// Readings that carry a latency, a count.
    pub const LATENCY_COUNT: &str = "latency_count";
    /// Sum of latencies, f64, milliseconds on the grid of [`super::snap`]; over all antennas, the whole milliseconds of it.
    pub const LATENCY_SUM: &str = "latency_sum";
    /// Over all antennas, what is left of the sum: less than a millisecond, u64, in steps of the grid.
    pub const LATENCY_REST: &str = "latency_rest";
    /// Smallest latency, f64, milliseconds; +∞, which changes no other, where no reading carries one.
    pub const LATENCY_MIN: &str = "latency_min";
    /// Largest latency, f64, milliseconds; -∞, which changes no other, where no reading carries one.
    pub const LATENCY_MAX: &str = "latency_max";
}

/// Columns of answers, under the API's names. Nested names are flattened: `latency_ms_mean` is `latency_ms.mean`.
pub mod answer {
    /// The antenna's id, text.
    pub const ANTENNA_ID: &str = "antenna_id";
    /// Start of the step, milliseconds since the epoch.
    pub const START: &str = "start";
    /// Packets sent less packets lost, u64.
    pub const PACKETS_DELIVERED: &str = "packets_delivered";
    /// Delivered of sent packets, f64; null where none was sent.
    pub const SUCCESS_RATE: &str = "success_rate";
    /// Mean latency, f64; null where no reading carries one, as for the others.
    pub const LATENCY_MEAN: &str = "latency_ms_mean";
    /// The same to the microsecond, where it is about many antennas: the digits behind depend on the order in which they were added up.
    pub const LATENCY_MEAN_MS: &str = "latency_mean_ms";
    /// Smallest latency.
    pub const LATENCY_MIN: &str = "latency_ms_min";
    /// Largest latency.
    pub const LATENCY_MAX: &str = "latency_ms_max";
    /// Median.
    pub const LATENCY_P50: &str = "latency_ms_p50";
    /// 95th percentile.
    pub const LATENCY_P95: &str = "latency_ms_p95";
    /// 99th percentile.
    pub const LATENCY_P99: &str = "latency_ms_p99";
    /// The position of the status in [`shared::api::Status::ALL`], u32: the worst is the lowest.
    pub const STATUS: &str = "status";
    /// Arrival of the antenna's newest reading, milliseconds since the epoch; null where no reading of it is kept.
    pub const LAST_SEEN: &str = "last_seen";
    /// The moment from which the antenna is silent if nothing arrives until then, milliseconds since the epoch.
    pub const SILENT_FROM: &str = "silent_from";
    /// The antenna's first event time, milliseconds since the epoch.
    pub const FIRST_EVENT: &str = "first_event";
    /// The antenna's newest event time, milliseconds since the epoch.
    pub const NEWEST_EVENT: &str = "newest_event";
    /// The usual time between an antenna's readings in milliseconds, i64; null before the second one.
    pub const USUAL_MS: &str = "usual_ms";
    /// The same in seconds, f64.
    pub const INTERVAL_SECONDS: &str = "interval_seconds";
    /// The success rate below which the antenna is degraded, f64; null where that of the settings holds.
    pub const OWN_SUCCESS_RATE: &str = "own_success_rate";
    /// The mean latency in milliseconds above which it is, f64; null where that of the settings holds.
    pub const OWN_LATENCY_MS: &str = "own_latency_ms";
    /// Until when the antenna was missed if it is not retained any more, milliseconds since the epoch; null while it is.
    pub const LEFT: &str = "left";
    /// How much of the window the antenna was observed in milliseconds, i64; null where nothing can be said.
    pub const OBSERVED_MS: &str = "observed_ms";
    /// Available of observed time, f64; null where nothing can be said.
    pub const AVAILABILITY: &str = "availability";
    /// Incidents begun and incidents ended in the window, u64.
    pub const CHANGES: &str = "changes";
    /// Whether there are as many as make an antenna flap, bool.
    pub const FLAPPING: &str = "flapping";
    /// How many antennas are flapping.
    pub const FLAPPING_ANTENNAS: &str = "flapping_antennas";
    /// How many antennas are healthy by what they measured, and were mostly unavailable.
    pub const UNAVAILABLE: &str = "unavailable";
    /// How many antennas are healthy by what they measured, and were mostly unavailable or are flapping.
    pub const UNSETTLED: &str = "unsettled";
    /// Whether a pane of the step was revised, bool.
    pub const REVISED: &str = "revised";
    /// The worst status in a single pane of the step, as [`STATUS`]; null where there is no reading.
    pub const WORST_STATUS: &str = "worst_status";
    /// Antennas that were down in at least one pane of the step, u64.
    pub const ANTENNAS_DOWN: &str = "antennas_down";

    /// What people call the antenna, text; null where nothing is said, as for the others that say what it is.
    pub const NAME: &str = "name";
    /// The site that the antenna is at, text.
    pub const SITE: &str = "site";
    /// The antenna's labels, text: an object of JSON.
    pub const LABELS: &str = "labels";
    /// Where the antenna stands, f64, degrees northwards.
    pub const LATITUDE: &str = "latitude";
    /// The same eastwards.
    pub const LONGITUDE: &str = "longitude";
    /// The id of the antenna behind which the antenna is reached, text.
    pub const PARENT: &str = "parent";

    /// What an antenna is, in the API's order.
    pub const ABOUT: [&str; 6] = [NAME, SITE, LABELS, LATITUDE, LONGITUDE, PARENT];

    /// What every answer measures, in the API's order.
    pub const MEASURES: [&str; 11] = [
        super::column::READINGS,
        super::column::PACKETS_SENT,
        PACKETS_DELIVERED,
        super::column::PACKETS_LOST,
        SUCCESS_RATE,
        LATENCY_MEAN,
        LATENCY_MIN,
        LATENCY_MAX,
        LATENCY_P50,
        LATENCY_P95,
        LATENCY_P99,
    ];

    /// The percentiles with their quantiles.
    pub const PERCENTILES: [(&str, f64); 3] = [(LATENCY_P50, 0.50), (LATENCY_P95, 0.95), (LATENCY_P99, 0.99)];
}
use column::{
    ANTENNA, AVAILABLE_MS, BUCKET, COUNT, LATENCY_COUNT, LATENCY_MAX, LATENCY_MIN, LATENCY_REST, LATENCY_SUM,
    PACKETS_LOST, PACKETS_SENT, PANE, READINGS,
};

/// The counts of a partial.
pub const COUNTS: [&str; 5] = [READINGS, PACKETS_SENT, PACKETS_LOST, LATENCY_COUNT, AVAILABLE_MS];

/// 97.5th percentile of the normal distribution: 95 % lie within it on both sides.
const Z_95: f64 = 1.959_963_984_540_054;

/// The start of the interval that holds a time, both in milliseconds: [`Grid::floor`].
pub fn floor(time_ms: Expr, grid: Grid) -> Expr {
    let (origin, width) = (lit(grid.origin_ms), lit(grid.width_ms));
    (time_ms - origin.clone()).floor_div(width.clone()) * width + origin
}

/// A reading as a partial of its own, in panes of a grid, with the bucket of its latency; null where it carries none.
#[must_use]
pub fn of_reading(panes: Grid) -> Vec<Expr> {
    let latency = || col(LATENCY_MS);
    vec![
        floor(col(EVENT_MS), panes).alias(PANE),
        col(ANTENNA),
        lit(1_u64).alias(READINGS),
        col(PACKETS_SENT),
        col(PACKETS_LOST),
        latency().is_not_null().cast(DataType::UInt64).alias(LATENCY_COUNT),
        col(AVAILABLE_MS),
        snap(latency()).fill_null(0.0).alias(LATENCY_SUM),
        latency().fill_null(f64::INFINITY).alias(LATENCY_MIN),
        latency().fill_null(f64::NEG_INFINITY).alias(LATENCY_MAX),
        bucket(latency()).alias(BUCKET),
    ]
}

/// Counts of a sorted table as running totals, u64 whatever they were. A group is a run of rows, so what it adds up to is the
/// difference between its last total and that of the group before: a sum of each run by itself costs a hundred nanoseconds
/// a group, most of it to slice the column, and a sketch has tens of thousands of groups.
pub fn running(counts: &[&str]) -> Vec<Expr> {
    counts.iter().map(|name| col(*name).cast(DataType::UInt64).cum_sum(false)).collect()
}

/// The counts of a group of partials, u64 whatever they were.
pub fn summed(counts: &[&str]) -> Vec<Expr> {
    counts.iter().map(|name| col(*name).cast(DataType::UInt64).sum()).collect()
}

/// The running totals of a group of partials at its end.
pub fn last(counts: &[&str]) -> Vec<Expr> {
    counts.iter().map(|name| col(*name).last()).collect()
}

/// The counts of groups from their last running totals.
pub fn added(counts: &[&str]) -> Vec<Expr> {
    let before = |name: &str| col(name).shift(lit(1)).fill_null(lit(0_u64));
    counts.iter().map(|name| col(*name) - before(name)).collect()
}

/// Latencies of a group of partials, added up, over all antennas with the rest of their sum. The sum is not the difference of running
/// totals, which would be too large to be exact; see [`snap`].
#[must_use]
pub fn latencies(are_of_all: bool) -> Vec<Expr> {
    let mut latencies = vec![col(LATENCY_SUM).sum(), col(LATENCY_MIN).min(), col(LATENCY_MAX).max()];
    latencies.extend(are_of_all.then(|| col(LATENCY_REST).sum()));
    latencies
}

/// A millisecond on the grid of latencies.
const GRID: u64 = 1 << 30;

/// Puts a latency in milliseconds on a grid of 2^-30 ms, about a picosecond.
///
/// Doubles on this grid add without rounding up to 2^23 ms (2.3 hours of summed latency in one row), so the sum does
/// not depend on the order. The error is below 5e-10 ms; beyond 2^22 ms a double has no finer digits to lose. An antenna
/// stays below that for as long as it is in memory; all of them do not, so their sum is in two parts, see [`in_two_parts`].
pub fn snap(latency_ms: Expr) -> Expr {
    const SCALE: f64 = GRID as f64;
    const COARSE: f64 = (1_u64 << 22) as f64;
    let snapped = (latency_ms.clone() * lit(SCALE)).round(0, RoundMode::HalfAwayFromZero) / lit(SCALE);
    when(latency_ms.clone().lt(lit(COARSE))).then(snapped).otherwise(latency_ms)
}

/// The sum of latencies of antennas as whole milliseconds and the rest. Both parts add without rounding: whole milliseconds up to
/// 2^53, and the rest of 2^34 rows.
pub fn in_two_parts() -> [Expr; 2] {
    let whole = || col(LATENCY_SUM).floor();
    let rest = (col(LATENCY_SUM) - whole()) * lit(GRID as f64);
    [whole(), rest.cast(DataType::UInt64).alias(LATENCY_REST)]
}

/// The two parts that were added up: what has come to whole milliseconds of the rest belongs to them.
pub fn carried() -> [Expr; 2] {
    let whole = col(LATENCY_REST).floor_div(lit(GRID)).cast(DataType::Float64);
    [col(LATENCY_SUM) + whole, col(LATENCY_REST) % lit(GRID)]
}

/// The sum of latencies of its two parts, rounded once.
pub fn in_one_part() -> Expr {
    col(LATENCY_SUM) + col(LATENCY_REST).cast(DataType::Float64) / lit(GRID as f64)
}

/// The bucket of a latency in milliseconds: [`sketch::bucket`].
pub fn bucket(latency_ms: Expr) -> Expr {
    let exact = (latency_ms.clone().log(lit(std::f64::consts::E)) * lit(sketch::PER_LN_GAMMA)).ceil();
    when(latency_ms.eq(lit(0.0))).then(lit(f64::from(sketch::ZERO_BUCKET))).otherwise(exact).cast(DataType::Int32)
}

/// The latency in milliseconds that stands for a bucket: [`sketch::value`].
fn bucket_value(bucket: Expr) -> Expr {
    let value =
        (bucket.clone().cast(DataType::Float64) * lit(sketch::LN_GAMMA)).exp() * lit(1.0 - sketch::RELATIVE_ERROR);
    when(bucket.eq(lit(sketch::ZERO_BUCKET))).then(lit(0.0)).otherwise(value)
}

/// Delivered of sent packets; null where none was sent.
pub fn success_rate() -> Expr {
    let delivered = (col(PACKETS_SENT) - col(PACKETS_LOST)).cast(DataType::Float64);
    known_if(col(PACKETS_SENT).gt(lit(0_u64)), delivered / col(PACKETS_SENT).cast(DataType::Float64))
}

/// Mean latency in milliseconds; null where no reading carries one. The sum is of latencies on a grid, so the quotient may lie
/// a hair outside of the extremes, which are exact.
pub fn latency_mean() -> Expr {
    let mean = col(LATENCY_SUM) / col(LATENCY_COUNT).cast(DataType::Float64);
    known_if(has_latency(), within(mean, LATENCY_MIN, LATENCY_MAX))
}

/// The mean latency in milliseconds, to the microsecond: a history has thousands of them, whose other digits would be most of its JSON, and
/// over many antennas those digits depend on the order in which sums were added up.
pub fn mean_to_microseconds() -> Expr {
    latency_mean().round(3, RoundMode::HalfAwayFromZero)
}

/// What the API tells of a partial, under its names; percentiles come from the sketch, see [`Percentiles`].
#[must_use]
pub fn measures() -> Vec<Expr> {
    vec![
        col(READINGS),
        col(PACKETS_SENT),
        (col(PACKETS_SENT) - col(PACKETS_LOST)).alias(answer::PACKETS_DELIVERED),
        col(PACKETS_LOST),
        success_rate().alias(answer::SUCCESS_RATE),
        latency_mean().alias(answer::LATENCY_MEAN),
        known_if(has_latency(), col(LATENCY_MIN)).alias(answer::LATENCY_MIN),
        known_if(has_latency(), col(LATENCY_MAX)).alias(answer::LATENCY_MAX),
    ]
}

fn has_latency() -> Expr {
    col(LATENCY_COUNT).gt(lit(0_u64))
}

/// How much of `[start, end)`, in milliseconds since the epoch, an antenna was observed, in milliseconds: from its first reading on; to its newest one, or
/// to the end where a newer one shows that it goes on, or where it is missed. As a reading speaks for the time before it, the
/// last usual interval before such an end is left to a reading that is still to come. Null where nothing was observed.
pub fn observed_ms(start: Expr, end: Expr, is_missed: Expr, missed_until: Expr) -> Expr {
    let (newest, usual) = (col(answer::NEWEST_EVENT), col(answer::USUAL_MS));
    // Whoever was forgotten is not missed for ever.
    let has_left = col(answer::LEFT).lt(missed_until.clone()).fill_null(false);
    let missed_until = when(has_left).then(col(answer::LEFT)).otherwise(missed_until);
    let until = when(newest.clone().gt_eq(end.clone()))
        .then(end - usual.clone())
        .when(is_missed)
        .then(later(missed_until - usual.clone(), newest.clone()))
        .otherwise(newest);
    let observed = until - later(col(answer::FIRST_EVENT), start);
    known_if(usual.is_not_null().and(observed.clone().gt(lit(0_i64))), observed)
}

/// The later one of two times.
pub fn later(a: Expr, b: Expr) -> Expr {
    when(a.clone().gt(b.clone())).then(a).otherwise(b)
}

/// The earlier one of two times.
pub fn earlier(a: Expr, b: Expr) -> Expr {
    when(a.clone().lt(b.clone())).then(a).otherwise(b)
}

/// Available time of an antenna in milliseconds, of that for which it was observed. What the first reading of a window speaks
/// for may lie before the window. Null where nothing was observed.
pub fn available_ms() -> Expr {
    let (available, observed) = (col(AVAILABLE_MS).cast(DataType::Int64), col(answer::OBSERVED_MS));
    let within = when(available.clone().gt(observed.clone())).then(observed.clone()).otherwise(available);
    known_if(observed.is_not_null(), within)
}

/// Available of observed time, each in milliseconds; null where nothing was observed.
pub fn availability(available_ms: Expr, observed_ms: Expr) -> Expr {
    let share = available_ms.cast(DataType::Float64) / observed_ms.clone().cast(DataType::Float64);
    known_if(observed_ms.gt(lit(0_i64)), share)
}

/// Milliseconds as seconds. A division by a constant is a multiplication, whose last digit may be off.
pub fn seconds(ms: Expr) -> Expr {
    (ms.cast(DataType::Float64) / lit(1000.0)).round(3, RoundMode::HalfAwayFromZero)
}

/// The median: of an even number the lower one of the two in the middle, so that it is the value of an antenna. Null where all
/// are.
pub fn median(value: Expr) -> Expr {
    value.quantile(lit(0.5), QuantileMethod::Lower)
}

/// The upper bound of the Wilson score interval at 95 % (E. B. Wilson, "Probable inference, the law of succession, and
/// statistical inference", 1927) of the success rate; null where no packet was sent. Where none was lost it is 1, which the
/// formula misses by a rounding error that depends on the number sent.
pub fn wilson_upper() -> Expr {
    let n = || col(PACKETS_SENT).cast(DataType::Float64);
    let p = || (col(PACKETS_SENT) - col(PACKETS_LOST)).cast(DataType::Float64) / n();
    let z2 = Z_95 * Z_95;
    let spread = lit(Z_95) * (p() * (lit(1.0) - p()) / n() + lit(z2) / (lit(4.0) * n() * n())).sqrt();
    let bound = (p() + lit(z2) / (lit(2.0) * n()) + spread) / (lit(1.0) + lit(z2) / n());
    let is_whole = col(PACKETS_LOST).eq(lit(0_u64)).or(bound.clone().gt(lit(1.0)));
    known_if(col(PACKETS_SENT).gt(lit(0_u64)), when(is_whole).then(lit(1.0)).otherwise(bound))
}

/// The contract's rule of the status, from the top: down, degraded, silent, else healthy, as the position in
/// [`Status::ALL`]. The first two are the rule of [`Thresholds::judge`](crate::settings::Thresholds::judge), by limits as
/// [`Limits::of`](super::expected::Limits::of) has them.
pub fn status([success_rate_limit, latency_limit]: [Expr; 2], is_silent: Expr) -> Expr {
    let is_down = col(PACKETS_SENT).gt(lit(0_u64)).and(col(PACKETS_LOST).eq(col(PACKETS_SENT)));
    let is_lossy = success_rate().lt(success_rate_limit).fill_null(false);
    let is_slow = latency_mean().gt(latency_limit).fill_null(false);
    let position = |status: Status| lit(status as u32);
    when(is_down)
        .then(position(Status::Down))
        .when(is_lossy.or(is_slow))
        .then(position(Status::Degraded))
        .when(is_silent)
        .then(position(Status::Silent))
        .otherwise(position(Status::Healthy))
        .cast(DataType::UInt32)
}

/// A status as the API spells it, from a column of its position; null where that is.
pub fn status_name(column: &str) -> Expr {
    let is = |status: Status| col(column).eq(lit(status as u32));
    let name = |status: Status| lit(status.as_str());
    when(is(Status::Down))
        .then(name(Status::Down))
        .when(is(Status::Degraded))
        .then(name(Status::Degraded))
        .when(is(Status::Silent))
        .then(name(Status::Silent))
        .when(is(Status::Healthy))
        .then(name(Status::Healthy))
        .when(is(Status::Unseen))
        .then(name(Status::Unseen))
        .otherwise(lit(NULL))
        .alias(column)
}

/// Whether an antenna was available for less than half of the time; false where nothing can be said.
pub fn is_mostly_unavailable() -> Expr {
    col(answer::AVAILABILITY).lt(lit(MOSTLY)).fill_null(false)
}

/// How unsettled an antenna is beside its status, the most first.
pub fn unrest() -> Expr {
    let rank = |rank: u32| lit(rank);
    when(is_mostly_unavailable()).then(rank(0)).when(col(answer::FLAPPING)).then(rank(1)).otherwise(rank(2))
}

/// How many antennas have a status, how many are active, and how many are flapping or unsettled, of a table of antennas or a
/// group of it.
#[must_use]
pub fn antenna_counts() -> Vec<Expr> {
    let counted = |condition: Expr, name: &str| condition.cast(DataType::UInt64).sum().alias(name);
    let statuses = Status::ALL.map(|it| counted(col(answer::STATUS).eq(lit(it as u32)), it.as_str()));
    let is_healthy = || col(answer::STATUS).eq(lit(Status::Healthy as u32));
    let is_unsettled = is_mostly_unavailable().or(col(answer::FLAPPING));
    let beside = [
        counted(col(answer::FLAPPING), answer::FLAPPING_ANTENNAS),
        counted(is_healthy().and(is_mostly_unavailable()), answer::UNAVAILABLE),
        counted(is_healthy().and(is_unsettled), answer::UNSETTLED),
    ];
    std::iter::once(counted(col(READINGS).gt(lit(0_u64)), "active")).chain(statuses).chain(beside).collect()
}

/// A column of milliseconds since the epoch as times in UTC.
pub fn time(name: &str) -> Expr {
    // A cast would drop the zone: Polars casts to zones only with its feature `timezones`, which brings the database of zones.
    let in_utc = |column: Column| {
        let times = column.i64()?.clone().into_datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC));
        Ok(times.into_column())
    };
    let kind = |_: &Schema, field: &Field| {
        Ok(Field::new(field.name().clone(), DataType::Datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC))))
    };
    col(name).map(in_utc, kind)
}

/// A value, at least that of the column `low` and at most that of `high`.
fn within(value: Expr, low: &str, high: &str) -> Expr {
    let (low, high) = (col(low), col(high));
    let is_low = value.clone().lt(low.clone());
    when(is_low).then(low).when(value.clone().gt(high.clone())).then(high).otherwise(value)
}

/// A value where a condition holds, else null.
pub fn known_if(condition: Expr, value: Expr) -> Expr {
    when(condition).then(value).otherwise(lit(NULL))
}

/// Percentiles of latency from rolled-up rows of the sketch, in ascending order of bucket within each group.
///
/// The nearest-rank quantile `q` of `total` readings is the value of the bucket that holds the reading of rank
/// `ceil(q * total)`, 1 at least.
pub struct Percentiles;

impl Percentiles {
    const BELOW: &str = "below";
    const TOTAL: &str = "total";

    /// A row for each group with its percentiles, in the order of the groups.
    ///
    /// # Errors
    /// Never in practice: the keys are columns.
    pub fn of(sketch: LazyFrame, keys: &[&str]) -> PolarsResult<LazyFrame> {
        let by = || keys.iter().map(|key| col(*key)).collect::<Vec<_>>();
        let up_to = col(COUNT).cum_sum(false);
        let of_group = |sum: Expr| if keys.is_empty() { Ok(sum) } else { sum.over(by()) };
        let (up_to, total) = (of_group(up_to)?, of_group(col(COUNT).sum())?);
        let rows = sketch.with_columns([(up_to - col(COUNT)).alias(Self::BELOW), total.alias(Self::TOTAL)]);
        let percentiles = answer::PERCENTILES.map(|(name, q)| Self::value_at(q).max().alias(name));
        Ok(match keys {
            [] => rows.select(percentiles),
            _ => rows.group_by_stable(by()).agg(percentiles),
        })
    }

    /// The value of the row that holds the quantile; null in all others.
    fn value_at(q: f64) -> Expr {
        let rank = (col(Self::TOTAL).cast(DataType::Float64) * lit(q)).ceil().cast(DataType::UInt64);
        let rank = when(rank.clone().eq(lit(0_u64))).then(lit(1_u64)).otherwise(rank);
        let holds = col(Self::BELOW).lt(rank.clone()).and((col(Self::BELOW) + col(COUNT)).gt_eq(rank));
        known_if(holds, bucket_value(col(BUCKET)))
    }

    /// Bounds percentiles by the exact extremes, which a bucket's value may lie outside of.
    #[must_use]
    pub fn bounded() -> Vec<Expr> {
        let bounded = |name| within(col(name), answer::LATENCY_MIN, answer::LATENCY_MAX).alias(name);
        answer::PERCENTILES.map(|(name, _)| bounded(name)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::settings::Thresholds;
    use crate::store::expected::of_all;
    use crate::store::trouble::{Severity, success_rate as rate};

    const X: &str = "x";

    /// The value of an expression over a column of doubles.
    fn over(values: Vec<f64>, expression: Expr) -> Column {
        let table = df!(X => values).expect("a column");
        table.lazy().select([expression.alias(X)]).collect().expect("a plan").column(X).expect("a column").clone()
    }

    /// A partial of an antenna.
    fn partial(readings: u64, sent: u64, lost: u64, latency_count: u64, latency_sum: f64) -> DataFrame {
        df!(
            READINGS => [readings], PACKETS_SENT => [sent], PACKETS_LOST => [lost], LATENCY_COUNT => [latency_count],
            LATENCY_SUM => [latency_sum], LATENCY_MIN => [0.0], LATENCY_MAX => [latency_sum],
        )
        .expect("columns of one length")
    }

    fn latency() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), 1e-9..1e6_f64, 1e-300..1e300_f64, Just(f64::MIN_POSITIVE), Just(f64::MAX)]
    }

    proptest! {
        #[test]
        fn a_bucket_is_the_sketchs(latencies in prop::collection::vec(latency(), 1..50)) {
            let buckets = over(latencies.clone(), bucket(col(X)));
            let values = over(latencies.clone(), bucket_value(bucket(col(X))));
            for (row, latency) in latencies.into_iter().enumerate() {
                let expected = sketch::bucket(latency);
                prop_assert_eq!(buckets.i32().expect("buckets").get(row), Some(expected));
                prop_assert_eq!(values.f64().expect("values").get(row), Some(sketch::value(expected)));
            }
        }

        #[test]
        fn a_floor_is_the_grids(time_ms in any::<i32>(), origin_ms in any::<i32>(), width_ms in 1..1_000_000_i64) {
            let grid = Grid { origin_ms: origin_ms.into(), width_ms };
            let table = df!(X => [i64::from(time_ms)]).expect("a column");
            let floored = table.lazy().select([floor(col(X), grid).alias(X)]).collect().expect("a plan");
            let expected = grid.floor(time_ms.into());
            prop_assert_eq!(floored.column(X).expect("a column").i64().expect("times").get(0), Some(expected));
        }

        #[test]
        fn what_is_derived_stays_within_what_it_is_derived_from(
            latencies in prop::collection::vec(prop_oneof![Just(0.1), Just(0.3), latency()], 1..20),
            sent in prop_oneof![1..10_000_u64, 1..=u64::MAX >> 12],
            share in 0.0..=1.0_f64,
        ) {
            let lost = (sent as f64 * share * share) as u64;
            let sums = [snap(col(X)).sum().alias(LATENCY_SUM), col(X).min().alias(LATENCY_MIN), col(X).max().alias(LATENCY_MAX)];
            let table = df!(X => latencies.clone()).expect("a column").lazy().select(sums).with_columns([
                lit(latencies.len() as u64).alias(LATENCY_COUNT), lit(sent).alias(PACKETS_SENT), lit(lost).alias(PACKETS_LOST),
            ]);
            let derived = [latency_mean().alias("mean"), success_rate().alias("rate"), wilson_upper().alias("bound")];
            let found = table.with_columns(derived).collect().expect("a plan");
            let value = |name: &str| found.column(name).expect("a column").f64().expect("numbers").get(0).expect("a value");
            prop_assert!(value(LATENCY_MIN) <= value("mean") && value("mean") <= value(LATENCY_MAX), "{found}");
            prop_assert!((value("rate")..=1.0).contains(&value("bound")), "{found}");
            prop_assert_eq!(value("bound") == 1.0 && sent < 10_000, lost == 0 && sent < 10_000, "{}", found);
        }

        /// A window and an interval are judged by one rule.
        #[test]
        fn a_status_is_what_the_thresholds_judge(
            sent in 0..50_u64,
            share in 0..=50_u64,
            (latency_count, mean_ms) in (0..3_u64, prop_oneof![Just(250.0), 0.0..500.0_f64]),
            is_silent in any::<bool>(),
        ) {
            let thresholds = Thresholds { degraded_success_rate: 0.5, degraded_latency: Duration::from_millis(250), ..Thresholds::default() };
            let lost = sent * share / 50;
            let table = partial(1, sent, lost, latency_count, mean_ms * latency_count as f64);
            let columns = [status(of_all(&thresholds), lit(is_silent)).alias(answer::STATUS), success_rate().alias("rate")];
            let found = table.lazy().select(columns).collect().expect("a plan");
            let mean_ms = (latency_count > 0).then_some(mean_ms);
            let expected = match thresholds.judge(sent, lost, mean_ms) {
                Some(Severity::Down) => Status::Down,
                Some(Severity::Degraded) => Status::Degraded,
                None if is_silent => Status::Silent,
                None => Status::Healthy,
            };
            let position = found.column(answer::STATUS).expect("a column").u32().expect("positions").get(0);
            prop_assert_eq!(position, Some(expected as u32));
            prop_assert_eq!(found.column("rate").expect("a column").f64().expect("rates").get(0), rate(sent, lost));
        }
    }

    /// Brown, Cai and DasGupta's example of a bound that stays below 1, and one of nothing lost.
    #[test]
    fn a_wilson_bound_is_the_formulas() {
        let upper = |sent, lost| {
            let table = partial(1, sent, lost, 0, 0.0).lazy().select([wilson_upper().alias(X)]);
            table.collect().expect("a plan").column(X).expect("a column").f64().expect("a bound").get(0)
        };
        let is_close = |found: Option<f64>, expected: f64| found.is_some_and(|found| (found - expected).abs() < 1e-6);
        assert!(is_close(upper(10, 10), 0.277_533), "{:?}", upper(10, 10));
        assert!(is_close(upper(100, 50), 0.596_168), "{:?}", upper(100, 50));
        assert!(is_close(upper(1, 0), 1.0), "{:?}", upper(1, 0));
        assert_eq!(upper(0, 0), None);
    }
}
