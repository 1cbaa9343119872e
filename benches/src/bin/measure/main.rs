//! End-to-end measurements of the real programs on a private Redis: `cargo run --release --bin measure -- NAME`.
//!
//! Each measurement starts what it needs on free ports of the loopback interface, stops it, and prints what it saw.
//! docs/performance.md explains the figures. Build the programs first: `cargo build --release --workspace`.
#![expect(clippy::print_stdout, reason = "what was measured goes to standard output")]

mod broker;
mod drain;
mod faults;
mod freshness;
mod history;
mod hour;
mod night;
mod page;
mod program;
mod registry;
mod replicas;
mod scale;
mod soak;
mod statistics;
mod throttle;

use clap::{Parser, Subcommand};

/// Measures Vigía from outside.
#[derive(Debug, Parser)]
#[command(name = "measure")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How fast a backlog is drained, compared with a reader that only takes the bytes off the socket
    Drain(drain::Drain),
    /// An hour of panes: memory, how long a restart takes, and queries during a drain at half its rate
    Hour(hour::Hour),
    /// Months in an archive: how fast they are drained, how large they are, and questions, cold and warm
    History(history::History),
    /// How long a reading takes from its publication to the summary, and what an idle network costs
    Freshness(freshness::Freshness),
    /// How long a reading takes from its publication to an open page
    Page(page::Page),
    /// Whether anything is lost or counted twice, untold, while processes, brokers and connections fail
    Faults(faults::Faults),
    /// A week in a night: hours with viewers and a fault every minute, sampled, with a report
    Night(night::Night),
    /// Whether anything is lost or counted twice, untold, while replicas share partitions of a Redis Cluster and both change
    Replicas(replicas::Replicas),
    /// What an entry costs by partitions on a Redis Cluster, and how long answers take by replicas
    Scale(scale::Scale),
    /// What no single machine can run, by simulation: gathered answers of many replicas, and what moves where replicas come and go
    Simulate,
    /// Whether memory stays flat under a steady load
    Soak(soak::Soak),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Drain(drain) => drain.measure().await,
        What::Hour(hour) => hour.measure().await,
        What::History(history) => history.measure().await,
        What::Freshness(freshness) => freshness.measure().await,
        What::Page(page) => page.measure().await,
        What::Faults(faults) => faults.measure(),
        What::Night(night) => night.measure(),
        What::Replicas(replicas) => replicas.measure(),
        What::Scale(scale) => scale.measure().await,
        What::Simulate => {
            print!("{}", benches::scaling::tables());
            Ok(())
        }
        What::Soak(soak) => soak.measure().await,
    }
}
