//! Real faults: the programs on a real Redis with a replica, readings at full speed, and in each burst of them a fault.
//!
//! - [`plan`]: which faults come in which order, by a seed.
//! - [`proxy`]: a connection to the broker that can be closed, pointed elsewhere, cut and stalled.
//! - [`producer`]: producers that keep a record of what the broker has acknowledged.
//! - [`servers`], [`processes`]: the brokers, analytics and the simulators.
//! - [`world`]: all of it together, each fault, and what has to be true behind it.
//! - [`report`]: what happened, as a table.

mod plan;
mod processes;
mod producer;
mod proxy;
mod report;
mod servers;
mod world;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

pub(crate) use self::plan::{Fault, plan, shuffled};
pub(crate) use self::processes::{Analytics, Seen};
pub(crate) use self::producer::{BATCH, PREFIX, Producers, Target, lock};
pub(crate) use self::proxy::Proxy;
pub(crate) use self::report::{End, Row};
pub(crate) use self::world::{Load, World};

use self::plan::Step;
use self::report::Report;

#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// Where all chance comes from: the same seed gives the same faults in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Readings with a record, published in as many bursts as there are faults
    #[arg(long, default_value_t = 1_000_000)]
    readings: u64,
    /// Antennas that send them
    #[arg(long, default_value_t = 1_000)]
    antennas: u32,
    /// Each fault once
    #[arg(long)]
    short: bool,
    /// Only say which faults would come
    #[arg(long)]
    plan: bool,
    /// The most memory that analytics may take, in MB
    #[arg(long, default_value_t = 512.0)]
    memory_mb: f64,
    /// A folder for the table of what happened: faults.md and faults.json
    #[arg(long)]
    report: Option<PathBuf>,
}

impl Faults {
    pub(crate) fn measure(self) -> Result<()> {
        let steps = plan(self.seed, self.short);
        if self.plan {
            for (number, step) in steps.iter().enumerate() {
                println!("{:2} {}", number + 1, said(step));
            }
            return Ok(());
        }
        let mut report = Report::new(self.seed);
        let ran = self.run(&steps, &mut report);
        if let Some(folder) = &self.report {
            report.write(folder)?;
        }
        println!("{}", report.summary());
        ran
    }

    fn run(&self, steps: &[Step], report: &mut Report) -> Result<()> {
        let mut world = World::start(Load {
            recorded: self.antennas,
            simulators: vec![(50, "100ms"); 2],
            // More commits make more moments at which something can go wrong.
            settings: vec![("COMMIT_INTERVAL", "200ms".to_owned())],
            keeps_all: true,
        })?;
        let bursts = steps.len() as u64 + 1;
        let burst = self.readings / bursts;
        // A burst without a fault first, so that there is something to lose.
        world.warm_up(self.readings - burst * steps.len() as u64)?;
        for (index, step) in steps.iter().enumerate() {
            if step.fault == Fault::DiskFull && !world.has_disk() {
                println!("{:2} {}: left out, as only root may mount a small disk", index + 1, said(step));
                report.left_out(index + 1, step);
                // What was to be published in it is published all the same.
                world.warm_up(burst)?;
                continue;
            }
            let row = world.step(index + 1, step, burst)?;
            println!("{}", row.line());
            report.rows.push(row);
        }
        report.end = Some(world.end()?);
        let Some(end) = &report.end else { return Ok(()) };
        ensure!(end.panics.is_empty(), "somebody panicked: {:?}", end.panics);
        ensure!(end.peak_mb <= self.memory_mb, "analytics took {:.0} MB", end.peak_mb);
        Ok(())
    }
}

/// A step in words.
fn said(step: &Step) -> String {
    let company = if step.kills_analytics { ", with SIGKILL of analytics" } else { "" };
    format!("{}{company}", step.fault)
}
