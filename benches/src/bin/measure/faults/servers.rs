//! The two brokers, one the replica of the other, each with a small disk of its own.

use std::collections::HashMap;
use std::fs::{DirEntry, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use analytics::ingest::stream_id::StreamId;
use anyhow::{Context as _, Result, bail, ensure};
use redis::{FromRedisValue, Value};
use shared::testing::RedisServer;
use tempfile::TempDir;

use crate::broker::STREAM;

/// How large a disk is. The append-only file is written anew beside the old one, which by then is twice as long as what it holds: three
/// times as much as the state of 10,000 antennas and an hour, 190 MB, and a new copy from the master, have to fit.
const DISK: &str = "size=1g";

/// What a broker gets to do something.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker; ended when dropped.
#[derive(Debug)]
pub(super) struct Server {
    redis: RedisServer,
    disk: Option<Disk>,
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Id of its last entry.
    pub(super) last: StreamId,
    /// Entries ever added to it.
    pub(super) added: u64,
}

impl Server {
    /// Starts a broker, on a disk of its own where this process may mount one.
    pub(super) fn start() -> Result<Self> {
        let disk = Disk::mount()?;
        let folder = disk.as_ref().map(|disk| disk.folder.path().to_string_lossy().into_owned());
        let mut arguments = vec!["--appendonly", "yes", "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0"];
        if let Some(folder) = &folder {
            arguments.extend(["--dir", folder]);
        }
        Ok(Self { redis: RedisServer::start(&arguments), disk })
    }

    pub(super) const fn port(&self) -> u16 {
        self.redis.port()
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.redis.id()
    }

    /// The last lines that it has written.
    pub(super) fn tail(&self) -> String {
        self.redis.tail()
    }

    /// Length of its files in bytes.
    pub(super) fn file_bytes(&self) -> u64 {
        let folder = self.disk.as_ref().map_or_else(|| self.redis.folder(), |disk| disk.folder.path());
        length(folder)
    }

    /// The disk; `None` where there is none, as this process may not mount one.
    pub(super) const fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    pub(super) fn kill(&mut self) {
        self.redis.kill();
    }

    pub(super) fn restart(&mut self) {
        self.redis.restart();
    }

    /// Says one command on a connection of its own.
    pub(super) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T> {
        let mut connection = redis::Client::open(self.redis.url())?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection).with_context(|| words.join(" "))
    }

    /// Says several commands in one transaction.
    pub(super) fn transact(&self, commands: &[&[&str]]) -> Result<()> {
        let mut connection = redis::Client::open(self.redis.url())?.get_connection()?;
        let mut transaction = redis::pipe();
        transaction.atomic();
        for words in commands {
            transaction.cmd(words[0]).arg(&words[1..]).ignore();
        }
        Ok(transaction.exec(&mut connection)?)
    }

    pub(super) fn set(&self, name: &str, value: &str) -> Result<()> {
        self.ask(&["CONFIG", "SET", name, value])
    }

    /// Where the stream ends; at its very beginning where there is none.
    pub(super) fn end(&self) -> Result<End> {
        if !self.ask::<bool>(&["EXISTS", STREAM])? {
            return Ok(End { last: StreamId::ZERO, added: 0 });
        }
        let stream: HashMap<String, Value> = self.ask(&["XINFO", "STREAM", STREAM])?;
        let field = |name: &str| stream.get(name).cloned().context("a field of XINFO STREAM is missing");
        let last: String = redis::from_redis_value(field("last-generated-id")?)?;
        Ok(End { last: last.parse()?, added: redis::from_redis_value(field("entries-added")?)? })
    }

    /// A field of a section of INFO.
    pub(super) fn info(&self, section: &str, name: &str) -> Result<String> {
        let info: String = self.ask(&["INFO", section])?;
        let field = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned);
        info.lines().find_map(field).with_context(|| format!("INFO {section} has no {name}"))
    }

    /// Writes the append-only file anew.
    pub(super) fn rewrite(&self) -> Result<()> {
        self.wait_for_info("persistence", "aof_rewrite_in_progress", "0")?;
        self.ask::<()>(&["BGREWRITEAOF"])?;
        self.wait_for_info("persistence", "aof_rewrite_scheduled", "0")?;
        self.wait_for_info("persistence", "aof_rewrite_in_progress", "0")?;
        self.wait_for_info("persistence", "aof_last_bgrewrite_status", "ok")
    }

    /// Waits until a field of INFO is as wanted.
    pub(super) fn wait_for_info(&self, section: &str, name: &str, wanted: &str) -> Result<()> {
        let asked = Instant::now();
        loop {
            let seen = self.info(section, name)?;
            if seen == wanted {
                return Ok(());
            }
            ensure!(asked.elapsed() < PATIENCE, "{name} stays {seen}, and should be {wanted}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A file system in memory that is small enough to be filled; unmounted when dropped.
#[derive(Debug)]
pub(super) struct Disk {
    folder: TempDir,
}

impl Disk {
    fn mount() -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", DISK, "vigia-faults"]).arg(folder.path());
        let is_mounted = command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success());
        Ok(is_mounted.then_some(Self { folder }))
    }

    /// Fills it to the last byte.
    pub(super) fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let piece = vec![0; 64 * 1024];
        loop {
            match ballast.write(&piece) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => bail!("the disk cannot be filled: {error}"),
            }
        }
    }

    /// Makes room again.
    pub(super) fn empty(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

/// Length of all files in a folder. What goes away meanwhile counts for nothing.
fn length(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => length(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The broker that used it has ended. Nothing can be done about a failure, which `mount` would show.
        let _unmounted = Command::new("umount").arg(self.folder.path()).status();
    }
}
