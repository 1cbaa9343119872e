//! Replicas of analytics on a Redis Cluster that share partitions, under a steady load, while replicas are killed, come and go,
//! masters fail over and a slot moves.
//!
//! - [`plan`]: which changes come in which order, by a seed.
//! - [`group`]: the replicas, and what they tell.
//! - [`watch`]: whoever asks meanwhile, and is never told zero for what is unknown.
//! - [`world`]: all of it together, each change, and what has to be true behind it.

mod group;
mod plan;
mod watch;
mod world;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use self::plan::plan;
use self::world::{End, Row, World};

#[derive(Debug, Args)]
pub(crate) struct Replicas {
    /// Where all chance comes from: the same seed gives the same changes in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long, in minutes
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Partitions beside the plain stream
    #[arg(long, default_value_t = 16)]
    partitions: u16,
    /// Antennas
    #[arg(long, default_value_t = 2_000)]
    antennas: usize,
    /// Readings that are published at once to see how fast all of it is
    #[arg(long, default_value_t = 500_000)]
    burst: u64,
    /// Readings a second; half of what the burst has shown where nothing is said
    #[arg(long)]
    rate: Option<u64>,
    /// Each change once, one behind the other
    #[arg(long)]
    short: bool,
    /// A file for the table of what happened
    #[arg(long)]
    report: Option<PathBuf>,
}

impl Replicas {
    pub(crate) fn measure(self) -> Result<()> {
        let steps = plan(self.seed, self.short);
        let mut world = World::start(self.partitions, self.antennas)?;
        let top = world.burst(self.burst)?;
        let rate = self.rate.unwrap_or(top / 2);
        println!("{top} readings/s from the first to the last of {}; {rate}/s from now on", self.burst);
        let every = if self.short {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(self.minutes * 60.0) / u32::try_from(steps.len())?
        };
        world.publish(rate);
        let (started, mut rows) = (Instant::now(), Vec::new());
        for (number, step) in (1..).zip(&steps) {
            let row = world.step(number, *step)?;
            println!("{}", row.line());
            rows.push(row);
            thread::sleep((every * number).saturating_sub(started.elapsed()));
        }
        let end = world.end()?;
        println!("{}", end.summary(self.seed, rate, &rows));
        if let Some(path) = &self.report {
            std::fs::write(path, table(&rows, &end.summary(self.seed, rate, &rows)))?;
        }
        ensure!(end.panics.is_empty(), "somebody panicked: {:?}", end.panics);
        Ok(())
    }
}

fn table(rows: &[Row], summary: &str) -> String {
    let mut text = format!(
        "{summary}\n\n| # | change | at s | owned again after s | lost | told lost | replicas |\n\
         | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for Row { number, said, at_s, owned_s, lost, told, replicas } in rows {
        // Writing to a string does not fail.
        let _ok = writeln!(text, "| {number} | {said} | {at_s:.0} | {owned_s:.1} | {lost} | {told} | {replicas} |");
    }
    text
}

impl End {
    /// One line about all of it.
    fn summary(&self, seed: u64, rate: u64, rows: &[Row]) -> String {
        format!(
            "seed {seed}: {} changes, {rate} readings/s; {} readings acknowledged = {} counted + {} lost; imbalance {:?}, {} entries told \
             lost; {} answers and {} pages, of which {} and {} said what is missing, and {} \
             pages had no figures and said so; {} panics, {:.0} MB at most, {:.0} s",
            rows.len(),
            self.acknowledged,
            self.counted,
            self.lost,
            self.ledger.imbalance,
            self.ledger.lost_by_broker,
            self.seen.answers,
            self.seen.pages,
            self.seen.answers_missing,
            self.seen.pages_missing,
            self.seen.pages_empty,
            self.panics.len(),
            self.peak_mb,
            self.seconds
        )
    }
}
