//! What cannot be run on one machine, simulated: how long an answer takes that is gathered from many replicas, and what moves where
//! replicas come and go.
//!
//! Both are functions of their arguments and a seed, and [`tables`] gives the same lines in every run; docs/scaling.md has them, and
//! a test compares.

pub mod gather;
pub mod rebalance;

use std::fmt::Write as _;

use gather::{Gather, Replies};
use rebalance::Change;

/// The longest that the answer of a page of 10,000 antennas may take at the 99th percentile, in milliseconds.
const LIMIT_MS: f64 = 80.0;

/// A network that the simulation asks about.
struct Asked {
    antennas: u64,
    partitions: u16,
    replicas: usize,
    questions_per_second: f64,
}

/// The steps of docs/scaling.md.
const ASKED: [Asked; 7] = [
    Asked { antennas: 10_000, partitions: 16, replicas: 1, questions_per_second: 20.0 },
    Asked { antennas: 10_000, partitions: 16, replicas: 4, questions_per_second: 20.0 },
    Asked { antennas: 100_000, partitions: 32, replicas: 4, questions_per_second: 20.0 },
    Asked { antennas: 1_000_000, partitions: 64, replicas: 4, questions_per_second: 5.0 },
    Asked { antennas: 1_000_000, partitions: 64, replicas: 16, questions_per_second: 5.0 },
    Asked { antennas: 10_000_000, partitions: 256, replicas: 16, questions_per_second: 1.0 },
    Asked { antennas: 10_000_000, partitions: 256, replicas: 64, questions_per_second: 1.0 },
];

/// Replicas come and go: partitions, replicas before, replicas after.
const CHANGES: [(u16, usize, usize); 9] = [
    (32, 1, 4),
    (32, 4, 2),
    (32, 4, 5),
    (256, 1, 4),
    (256, 4, 2),
    (256, 16, 17),
    (1024, 1, 4),
    (1024, 4, 2),
    (1024, 100, 101),
];

/// Replicas for which it is told how many antennas there may be.
const REPLICAS: [usize; 3] = [4, 16, 64];

/// What owners send, and how busy they are.
const WAYS: [(&str, Replies, gather::Service); 4] = [
    ("tables, at rest", Replies::Tables, gather::AT_REST),
    ("tables, beside a drain", Replies::Tables, gather::BESIDE_A_DRAIN),
    ("added up, at rest", Replies::AddedUp, gather::AT_REST),
    ("added up, beside a drain", Replies::AddedUp, gather::BESIDE_A_DRAIN),
];

/// All tables as Markdown: the gather, how far it goes, and rebalancing.
#[must_use]
pub fn tables() -> String {
    format!("{}\n{}\n{}", gather_table(), limits_table(), rebalance_table())
}

fn gather_table() -> String {
    let ways = WAYS.map(|(way, ..)| format!("{way}: p50 | p99")).join(" | ");
    let mut table = format!(
        "| antennas | partitions | replicas | questions/s | to the one that is asked | {ways} |\n\
         | ---: | ---: | ---: | ---: | ---: |{}\n",
        " ---: |".repeat(2 * WAYS.len()),
    );
    for Asked { antennas, partitions, replicas, questions_per_second } in ASKED {
        let times = WAYS.map(|(_, replies, service)| {
            Gather { antennas, partitions, replicas, questions_per_second, replies, service }.simulate(1)
        });
        let cells = times.map(|it| [it.p50_ms, it.p99_ms].map(in_ms).join(" | ")).join(" | ");
        let megabytes = times[0].bytes as f64 / 1e6;
        // Writing to a string does not fail.
        let _ok = writeln!(
            table,
            "| {} | {partitions} | {replicas} | {questions_per_second:.0} | {megabytes:.1} MB | {cells} |",
            grouped(antennas),
        );
    }
    table
}

/// Up to how many antennas 99 of 100 answers are within the limit, of 10,000, 20,000, 50,000 and so on, in 64
/// partitions; five questions a second.
fn limits_table() -> String {
    let ways = WAYS.map(|(way, ..)| way).join(" | ");
    let mut table = format!("| replicas | {ways} |\n| ---: |{}\n", " ---: |".repeat(WAYS.len()));
    let steps: Vec<u64> = [10_000, 100_000, 1_000_000, 10_000_000]
        .into_iter()
        .flat_map(|decade| [1, 2, 5].map(|step| decade * step))
        .collect();
    for replicas in REPLICAS {
        let cells = WAYS.map(|(_, replies, service)| {
            let is_within = |&antennas: &u64| {
                let gather = Gather { antennas, partitions: 64, replicas, questions_per_second: 5.0, replies, service };
                gather.simulate(1).p99_ms <= LIMIT_MS
            };
            let within = steps.partition_point(is_within);
            if within == 0 { format!("below {}", grouped(steps[0])) } else { grouped(steps[within - 1]) }
        });
        let _ok = writeln!(table, "| {replicas} | {} |", cells.join(" | "));
    }
    table
}

/// Milliseconds with as many digits as they mean; what is beyond the limit is bold.
fn in_ms(milliseconds: f64) -> String {
    let text = match milliseconds {
        few if few < 10.0 => format!("{few:.1} ms"),
        many => format!("{} ms", grouped(many.round() as u64)),
    };
    if milliseconds > LIMIT_MS { format!("**{text}**") } else { text }
}

fn rebalance_table() -> String {
    let mut table = String::from(
        "| partitions | replicas | moved: median | most | largest share by the mean: median | most | owners side by side | one at a \
         time |\n\
         | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (partitions, before, after) in CHANGES {
        let moves = Change { partitions, before, after }.simulate(1);
        let _ok = writeln!(
            table,
            "| {partitions} | {before} > {after} | {} | {} | {:.2} | {:.2} | {:.1} s | {:.1} s |",
            moves.moved_median,
            moves.moved_most,
            moves.imbalance_median,
            moves.imbalance_most,
            moves.seconds_side_by_side,
            moves.seconds_one_by_one,
        );
    }
    table
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
