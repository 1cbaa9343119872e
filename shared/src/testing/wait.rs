//! Waits for a condition. A test that waits for a while instead is either slow or wrong on a busy machine.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// What real processes get to do something before a test fails, however busy the machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The pause before a condition is looked at again.
const POLL_EVERY: Duration = Duration::from_millis(5);

/// Looks again and again until the outcome is `Ok`, and returns it. `Err` says what was seen instead.
///
/// # Panics
/// After `at_most`, with what was waited for and what was seen last.
#[track_caller]
pub fn until<T, S: Display>(what: &str, at_most: Duration, mut look: impl FnMut() -> Result<T, S>) -> T {
    let patience = Patience::new(what, at_most);
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(seen) => patience.check(&seen),
        }
        thread::sleep(POLL_EVERY);
    }
}

/// [`until`] for an async test, whose tasks go on meanwhile.
///
/// # Panics
/// See [`until`].
pub async fn until_async<T, S: Display>(
    what: &str,
    at_most: Duration,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let patience = Patience::new(what, at_most);
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(seen) => patience.check(&seen),
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// When to give up, and what to say then. By the monotonic clock, which a test with paused time does not set.
struct Patience<'a> {
    what: &'a str,
    at_most: Duration,
    started: Instant,
}

impl<'a> Patience<'a> {
    fn new(what: &'a str, at_most: Duration) -> Self {
        Self { what, at_most, started: Instant::now() }
    }

    #[track_caller]
    fn check(&self, seen: &impl Display) {
        let Self { what, at_most, started } = self;
        assert!(started.elapsed() < *at_most, "waited {at_most:?} for this: {what}; seen last: {seen}");
    }
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    #[test]
    fn the_first_good_outcome_is_returned() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            if looks < 3 { Err("not yet") } else { Ok(looks) }
        };
        assert_eq!(until("the third look", DEADLINE, &mut look), 3);
    }

    #[test]
    fn who_gives_up_says_what_was_waited_for_and_seen() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            Err::<(), _>(format!("look {looks}"))
        };
        let waiting = panic::AssertUnwindSafe(|| until("the impossible", Duration::from_millis(20), &mut look));
        let told = panic::catch_unwind(waiting).expect_err("a panic");
        let told = told.downcast_ref::<String>().expect("a message");
        assert!(told.contains("for this: the impossible; seen last: look "), "{told}");
    }
}
