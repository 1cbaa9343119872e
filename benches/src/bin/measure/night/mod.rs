//! A week in a night: hours at a steady load, with viewers, and a fault every minute. Memory, descriptors, threads and files are
//! sampled between the faults and have to be as flat at the end as they were before.

mod plot;
mod samples;
mod viewers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use shared::logging::ADDRESS_TARGET;
use shared::testing::{DEADLINE, Program, Signal, built};

use self::samples::Samples;
use self::viewers::Viewers;
use crate::faults::{Fault, Load, World, plan};

/// How often is sampled.
const EVERY: Duration = Duration::from_secs(2);

/// Readings with a record in each burst with a fault.
const BURST: u64 = 5_000;

#[derive(Debug, Args)]
pub(crate) struct Night {
    /// Where all chance comes from: the same seed gives the same faults in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long, in minutes
    #[arg(long, default_value_t = 480)]
    minutes: u64,
    /// Seconds from one fault to the next
    #[arg(long, default_value_t = 60)]
    every: u64,
    /// Antennas that report every five seconds
    #[arg(long, default_value_t = 10_000)]
    antennas: u32,
    /// Pages that are kept open
    #[arg(long, default_value_t = 20)]
    viewers: usize,
    /// How long panes are kept; memory is flat behind that
    #[arg(long, default_value = "1h")]
    retention: String,
    /// Two minutes, a fault every fifteen seconds, panes of half a minute
    #[arg(long)]
    short: bool,
    /// A folder for the report: night.md, night.json and a plot for each figure
    #[arg(long, default_value = "night")]
    report: PathBuf,
}

impl Night {
    pub(crate) fn measure(mut self) -> Result<()> {
        if self.short {
            (self.minutes, self.every, self.retention) = (2, 15, "30s".to_owned());
        }
        let mut world = World::start(Load {
            recorded: 100,
            // One process has half of the antennas, so that the other half goes on when it is killed.
            simulators: vec![(self.antennas / 2, "5s"); 2],
            settings: vec![("RETENTION", self.retention.clone())],
            keeps_all: false,
        })?;
        world.warm_up(BURST)?;
        let (mut dashboard, address) = dashboard(world.web_port());
        let viewers = Viewers::start(address, self.viewers);
        let mut samples = Samples::default();
        let started = Instant::now();
        let end = Duration::from_secs(self.minutes * 60);
        let mut steps = Vec::new();
        let mut number = 0;
        while started.elapsed() < end {
            if steps.is_empty() {
                // The next plan is that of the next seed. The ledger cannot tell what is lost from what left the window, so nothing
                // is taken away.
                steps = plan(self.seed + number as u64, false);
                steps.retain(|step| step.fault != Fault::DiskFull || world.has_disk());
            }
            let Some(step) = steps.pop() else { continue };
            number += 1;
            let due = Duration::from_secs(self.every) * u32::try_from(number)?;
            while started.elapsed() < due.min(end) {
                samples.take(started.elapsed(), &world, dashboard.id())?;
                thread::sleep(EVERY);
            }
            if started.elapsed() >= end {
                break;
            }
            let at = started.elapsed();
            let row = world.step(number, &step, BURST)?;
            println!("{:>6.0} s {}", at.as_secs_f64(), row.line());
            samples.faults.push((at.as_secs_f64(), row));
        }
        let seen = viewers.stop()?;
        let ended = dashboard.end(Signal::Terminate, DEADLINE);
        let end = world.end()?;
        let verdicts = samples.verdicts();
        samples.write(&self.report, &verdicts, &seen, &end)?;
        for verdict in &verdicts {
            println!("{verdict}");
        }
        println!(
            "{} faults in {:.0} s; {} entries in the ledger, imbalance {:?}, {} panics; {} pages, {} of them errors of the \
             server; {} live updates",
            samples.faults.len(),
            end.seconds,
            end.ledger.entries_added.unwrap_or_default(),
            end.ledger.imbalance,
            end.panics.len(),
            seen.pages,
            seen.errors,
            seen.updates
        );
        ensure!(end.panics.is_empty() && !ended.log.contains("panicked"), "somebody panicked: {:?}", end.panics);
        ensure!(ended.code == Some(0), "the dashboard ended with {:?}", ended.code);
        ensure!(verdicts.iter().all(|verdict| verdict.is_flat), "not everything is flat");
        Ok(())
    }
}

/// The dashboard of whichever analytics owns the stream.
fn dashboard(analytics: u16) -> (Program, SocketAddr) {
    let mut command = built("dashboard");
    command
        .env("ANALYTICS_URL", format!("http://127.0.0.1:{analytics}"))
        .env("BIND", "127.0.0.1:0")
        .env("RUST_LOG", format!("warn,{ADDRESS_TARGET}=info"));
    let mut program = Program::start(&mut command);
    let address = program.address("dashboard");
    (program, address)
}
