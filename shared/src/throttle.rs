//! How often a log line about one trouble may be written, however often the trouble is met.

use std::time::{Duration, Instant};

/// Lines about the same trouble are at least this far apart.
pub const EVERY: Duration = Duration::from_secs(60);

/// Lets the first line about a trouble through, and then at most one in every [`EVERY`].
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    last: Option<Instant>,
}

impl Throttle {
    /// A throttle that lets the next line through.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Whether a line may be written now; if so, it counts as written.
    #[must_use]
    pub fn is_due(&mut self, now: Instant) -> bool {
        // A moment before the last line, as another thread may have read it, is as good as the last line's own.
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    /// The trouble is over: when it comes again, that is news, and the next line is let through.
    pub const fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Moments at which a trouble is met, in order, milliseconds from the first.
    fn moments() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::vec(0_u64..100_000, 1..100).prop_map(|mut moments| {
            moments.sort_unstable();
            moments
        })
    }

    /// The moments at which a line is written.
    fn written(throttle: &mut Throttle, start: Instant, moments: &[u64]) -> Vec<u64> {
        let mut is_due = |&ms: &u64| throttle.is_due(start + Duration::from_millis(ms));
        moments.iter().filter(|ms| is_due(ms)).copied().collect()
    }

    proptest! {
        #[test]
        fn the_first_line_is_written_and_no_two_are_closer_than_a_minute(moments in moments()) {
            let written = written(&mut Throttle::new(), Instant::now(), &moments);
            prop_assert_eq!(written.first(), moments.first());
            prop_assert!(written.windows(2).all(|pair| u128::from(pair[1] - pair[0]) >= EVERY.as_millis()));
        }

        #[test]
        fn no_line_is_held_back_for_longer_than_a_minute(moments in moments()) {
            let written = written(&mut Throttle::new(), Instant::now(), &moments);
            for moment in moments {
                let last = written.iter().rev().find(|line| **line <= moment).copied();
                let age_ms = last.map(|last| u128::from(moment - last));
                prop_assert!(age_ms.is_some_and(|age_ms| age_ms < EVERY.as_millis()), "{} ms after {:?}", moment, last);
            }
        }

        #[test]
        fn after_a_reset_everything_is_as_in_the_beginning(before in moments(), after in moments()) {
            let start = Instant::now();
            let mut throttle = Throttle::new();
            written(&mut throttle, start, &before);
            throttle.reset();
            prop_assert_eq!(written(&mut throttle, start, &after), written(&mut Throttle::new(), start, &after));
        }
    }

    #[test]
    fn lines_about_the_same_trouble_are_a_minute_apart() {
        let start = Instant::now();
        let mut throttle = Throttle::new();
        let written = (0..180).filter(|second| throttle.is_due(start + Duration::from_secs(*second))).count();
        assert_eq!(written, 3);
    }

    #[test]
    fn a_clock_that_seems_to_go_back_holds_lines_back_and_does_no_harm() {
        let start = Instant::now();
        let mut throttle = Throttle::new();
        assert!(throttle.is_due(start + EVERY));
        assert!(!throttle.is_due(start));
        assert!(throttle.is_due(start + 2 * EVERY));
    }
}
