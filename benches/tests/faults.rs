//! The short form of `measure faults`: each fault once, on real programs and a real Redis with a replica.

use std::time::Duration;

use shared::testing::{Ended, Program, built};

/// What a run gets, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(600);

fn faults(arguments: &[&str]) -> Ended {
    let mut command = built("measure");
    // The small disks that are filled need `mount`.
    command.arg("faults").args(arguments);
    Program::start(&mut command).wait(PATIENCE)
}

#[test]
fn whatever_fails_what_is_acknowledged_is_counted_once_or_told_lost() {
    let ran = faults(&["--short", "--readings", "60000"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.output, ran.log);
    // Each fault has a line, also one that had to be left out.
    let lines = ran.output.lines().filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()));
    assert_eq!(lines.count(), 14, "{}", ran.output);
    assert!(ran.output.contains("imbalance Some(0)") && ran.output.contains(" 0 panics"), "{}", ran.output);
}

#[test]
fn a_seed_gives_the_same_faults_in_the_same_order() {
    let plan = |seed: &str| faults(&["--plan", "--seed", seed]).output;
    let (first, again, other) = (plan("7"), plan("7"), plan("8"));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let kills = first.lines().filter(|line| line.contains("SIGKILL of analytics")).count();
    assert_eq!(kills, 20, "{first}");
}
