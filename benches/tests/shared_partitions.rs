//! The short form of `measure replicas`: each change once, on real programs and a real Redis Cluster of six nodes.

use std::time::Duration;

use shared::testing::{Program, built};

/// What a run gets, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(600);

#[test]
fn whatever_comes_and_goes_what_is_acknowledged_is_counted_once_or_told_lost() {
    let mut command = built("measure");
    command.args(["replicas", "--short", "--burst", "20000", "--antennas", "500"]);
    let ran = Program::start(&mut command).wait(PATIENCE);
    assert_eq!(ran.code, Some(0), "{}{}", ran.output, ran.log);
    let changes = ran.output.lines().filter(|line| line.contains(": owned again after")).count();
    assert_eq!(changes, 7, "{}", ran.output);
    assert!(ran.output.contains("imbalance Some(0)") && ran.output.contains(" 0 panics"), "{}", ran.output);
}
