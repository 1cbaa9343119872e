//! The simulations of docs/scaling.md: what they have to hold, and that the document has what they say.

use benches::scaling::gather::{AT_REST, Gather, Replies};
use benches::scaling::rebalance::Change;
use benches::scaling::tables;

const GATHER: Gather = Gather {
    antennas: 100_000,
    partitions: 32,
    replicas: 4,
    questions_per_second: 20.0,
    replies: Replies::Tables,
    service: AT_REST,
};

#[test]
fn the_document_has_what_is_simulated() {
    let document = include_str!("../../docs/scaling.md");
    let tables = tables();
    assert!(tables.lines().count() > 10, "{tables}");
    for line in tables.lines().filter(|line| !line.is_empty()) {
        assert!(document.contains(line), "docs/scaling.md has another line than `measure simulate`:\n{line}");
    }
}

#[test]
fn a_seed_gives_the_same_times_and_another_one_others() {
    assert_eq!(GATHER.simulate(1), GATHER.simulate(1));
    assert_ne!(GATHER.simulate(1), GATHER.simulate(2));
    let change = Change { partitions: 32, before: 4, after: 5 };
    assert_eq!(change.simulate(1), change.simulate(1));
}

/// One replica alone has nothing sent; of four, three quarters of the rows come to the one that is asked; what owners add up does not grow
/// with antennas.
#[test]
fn as_many_bytes_come_as_others_own() {
    assert_eq!(Gather { replicas: 1, ..GATHER }.simulate(1).bytes, 0);
    let all = 35.0 * 100_000.0;
    let share = GATHER.simulate(1).bytes as f64 / all;
    assert!((0.6..0.9).contains(&share), "{share}");
    let added_up = |antennas| Gather { antennas, replies: Replies::AddedUp, ..GATHER }.simulate(1).bytes;
    assert_eq!(added_up(100_000), added_up(1_000_000));
}

/// No answer is there before its slowest step could be: rows over the line, and rows that are added up.
#[test]
fn an_answer_takes_at_least_what_its_rows_take() {
    let large = Gather { antennas: 10_000_000, replicas: 16, questions_per_second: 0.01, ..GATHER };
    let times = large.simulate(1);
    let line_ms = times.bytes as f64 * 8.0 / 10e9 * 1e3;
    let added_up_ms = 10e6 * 70.0 / 1e6;
    assert!(times.p50_ms > line_ms + added_up_ms, "{times:?}");
    assert!(times.p99_ms >= times.p50_ms, "{times:?}");
    // And questions that come faster than they are answered wait for each other.
    let crowded = Gather { questions_per_second: 100.0, ..large }.simulate(1);
    assert!(crowded.p50_ms > 10.0 * times.p50_ms, "{crowded:?} {times:?}");
}

/// A replica that comes gets its share, and nothing else moves: each owner gives few away.
#[test]
fn a_replica_that_comes_gets_its_share() {
    let moves = Change { partitions: 1024, before: 20, after: 21 }.simulate(1);
    assert!((30..70).contains(&moves.moved_median), "{moves:?}");
    assert!(moves.seconds_side_by_side < moves.seconds_one_by_one / 5.0, "{moves:?}");
}

/// Where one replica becomes four, three quarters of what it had moves, all of it from the one that had it.
#[test]
fn a_change_moves_what_it_has_to() {
    let moves = Change { partitions: 1024, before: 1, after: 4 }.simulate(1);
    assert!((720..820).contains(&moves.moved_median), "{moves:?}");
    assert!((moves.seconds_side_by_side - moves.seconds_one_by_one).abs() < 1e-9, "{moves:?}");
    let back = Change { partitions: 1024, before: 4, after: 2 }.simulate(1);
    assert!((460..560).contains(&back.moved_median), "{back:?}");
    assert!(back.imbalance_median < moves.imbalance_most && back.imbalance_median >= 1.0, "{back:?}");
    let none = Change { partitions: 32, before: 3, after: 3 }.simulate(1);
    assert_eq!((none.moved_most, none.seconds_one_by_one), (0, 0.0));
}
