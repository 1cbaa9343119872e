//! Analytics and the simulators, and what is kept of each process that has ended.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::de::DeserializeOwned;
use shared::api::{AntennaPage, Pipeline, path};
use shared::logging::ADDRESS_TARGET;
use shared::testing::{Program, Signal, built, http};

use super::producer::PREFIX;
use crate::program::status;

/// What a process gets to end in good order.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen of all processes.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Processes of analytics.
    pub(crate) analytics: u32,
    /// The most memory that one of them has had, in MB.
    pub(crate) peak_mb: f64,
    /// Lines of all logs.
    pub(crate) lines: usize,
    /// Lines in which somebody panicked.
    pub(crate) panics: Vec<String>,
}

impl Seen {
    fn log(&mut self, log: &str) {
        self.lines += log.lines().count();
        self.panics.extend(log.lines().filter(|line| line.contains("panicked")).map(str::to_owned));
    }

    fn memory(&mut self, program: &Program) -> Result<()> {
        if let Some(kilobytes) = status(program.id(), "VmHWM")? {
            self.peak_mb = self.peak_mb.max(kilobytes / 1024.0);
        }
        Ok(())
    }
}

/// A running analytics; killed when dropped.
#[derive(Debug)]
pub(crate) struct Analytics {
    program: Program,
    address: SocketAddr,
}

impl Analytics {
    /// Starts it on a broker.
    pub(crate) fn start(broker: &str, settings: &[(&'static str, String)], seen: &mut Seen) -> Self {
        let mut command = built("analytics");
        command
            .env("REDIS_URL", broker)
            .env("BIND", "127.0.0.1:0")
            .env("RUST_LOG", format!("warn,{ADDRESS_TARGET}=info"))
            .envs(settings.iter().map(|(name, value)| (*name, value)));
        let mut program = Program::start(&mut command);
        let address = program.address("analytics");
        seen.analytics += 1;
        Self { program, address }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Where it answers HTTP.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of that.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Progress and the ledger; `None` where nobody answers.
    pub(crate) fn pipeline(&self) -> Option<Pipeline> {
        self.get(path::PIPELINE)
    }

    /// The process that owns the stream, by its name and its epoch, as this one tells; `None` where it does not know.
    pub(crate) fn owner(&self) -> Option<(String, u64)> {
        let partition = self.pipeline()?.partitions.into_iter().next()?;
        Some((partition.owner?, partition.epoch))
    }

    /// Whether an owner of that name is this process: names have the process's id between the host and its start.
    pub(crate) fn is(&self, owner: &str) -> bool {
        owner.contains(&format!("/{}/", self.id()))
    }

    /// Readings of the producers' antennas, summed over the antennas; `None` where nobody can tell.
    pub(crate) fn counted_of_producers(&self) -> Option<u64> {
        let page: AntennaPage = self.get(&format!("{}?q={PREFIX}&window=1h&limit=10000", path::ANTENNAS))?;
        Some(page.antennas.iter().map(|antenna| antenna.measures.readings).sum())
    }

    /// An answer with status 200.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let answer = http::get(self.address, path, &[]).ok()?;
        if answer.status == 200 { serde_json::from_str(&answer.body).ok() } else { None }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// The last lines that it has written.
    pub(crate) fn tail(&self) -> String {
        self.program.tail()
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self, seen: &mut Seen) -> Result<()> {
        seen.memory(&self.program)?;
        self.program.kill();
        seen.log(&self.program.log());
        Ok(())
    }

    /// Ends it in good order.
    pub(crate) fn end(mut self, seen: &mut Seen) -> Result<()> {
        seen.memory(&self.program)?;
        let ended = self.program.end(Signal::Terminate, PATIENCE);
        seen.log(&ended.log);
        ensure!(ended.code == Some(0), "analytics ended with {:?}: {}", ended.code, ended.log);
        Ok(())
    }
}

/// A running simulator of some antennas; killed when dropped.
#[derive(Debug)]
pub(crate) struct Simulator {
    program: Program,
}

impl Simulator {
    pub(crate) fn start(broker: u16, number: usize, antennas: u32, interval: &str) -> Self {
        let mut command = built("simulator");
        command
            .env("REDIS_URL", format!("redis://127.0.0.1:{broker}"))
            .env("ANTENNA_ID", format!("simulated-{number}"))
            .env("ANTENNAS", antennas.to_string())
            .env("INTERVAL", interval)
            .env("RUST_LOG", "warn");
        Self { program: Program::start(&mut command) }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// The last lines that it has written.
    pub(crate) fn tail(&self) -> String {
        self.program.tail()
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self, seen: &mut Seen) {
        self.program.kill();
        seen.log(&self.program.log());
    }

    /// Ends it in good order.
    pub(crate) fn end(mut self, seen: &mut Seen) -> Result<()> {
        let ended = self.program.end(Signal::Terminate, PATIENCE);
        seen.log(&ended.log);
        ensure!(ended.code == Some(0), "a simulator ended with {:?}: {}", ended.code, ended.log);
        Ok(())
    }
}
