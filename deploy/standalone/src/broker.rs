//! Where readings go when nobody says: a Redis of our own if one is installed, else the memory of this process.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use analytics::log::MemoryLog;
use anyhow::{Context as _, bail};
use shared::{Reading, UnixMillis};
use simulator::{SendError, Sink};
use tempfile::TempDir;

/// The in-process log holds so many entries: an hour of a hundred antennas.
const MEMORY_ENTRIES: usize = 400_000;

/// A private server may take so long to answer.
const START_TIMEOUT: Duration = Duration::from_secs(10);

const POLL_EVERY: Duration = Duration::from_millis(10);

/// Another process may take the port between the moment it is found free and the moment the server binds it.
const START_TRIES: usize = 5;

/// Where readings go.
#[derive(Debug)]
pub(crate) enum Broker {
    /// A Redis that somebody runs.
    Given(String),
    /// A `redis-server` that lives as long as this process.
    Private(PrivateRedis),
    /// The memory of this process.
    Memory(MemoryLog),
}

impl Broker {
    /// The given one, else a private one, else memory.
    ///
    /// # Errors
    /// When `redis-server` is installed and does not start.
    pub(crate) fn choose(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url {
            return Ok(Self::Given(url.to_owned()));
        }
        match PrivateRedis::start()? {
            Some(redis) => Ok(Self::Private(redis)),
            None => Ok(Self::Memory(MemoryLog::with_max_entries(MEMORY_ENTRIES))),
        }
    }

    /// The address of a Redis; empty for memory.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Given(url) => url.clone(),
            Self::Private(redis) => redis.url(),
            Self::Memory(_) => String::new(),
        }
    }

    /// One line for whoever started the program.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Given(url) => {
                format!("broker: {} (REDIS_URL)", crate::settings::Settings::broker(url.clone()).public_url())
            }
            Self::Private(redis) => {
                format!(
                    "broker: a private redis-server at {}, gone with this process (REDIS_URL names another)",
                    redis.url()
                )
            }
            Self::Memory(_) => {
                "broker: the memory of this process, because no redis-server is installed (REDIS_URL names one)"
                    .to_owned()
            }
        }
    }
}

/// A `redis-server` on a free port of the loopback interface, with a folder of its own. It keeps nothing, and it is
/// killed with the value that stands for it.
#[derive(Debug)]
pub(crate) struct PrivateRedis {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl PrivateRedis {
    /// Starts one; `None` where `redis-server` is not installed.
    fn start() -> anyhow::Result<Option<Self>> {
        for _ in 0..START_TRIES {
            let folder = tempfile::tempdir().context("no temporary folder for redis-server")?;
            let address = free_address().context("no free port for redis-server")?;
            let started = Command::new("redis-server")
                .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
                .args(["--save", "", "--appendonly", "no"])
                .arg("--dir")
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                // Ctrl-C reaches the whole group of a terminal; the last commit still needs the server.
                .process_group(0)
                .spawn();
            let child = match started {
                Ok(child) => child,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error).context("redis-server does not start; REDIS_URL names another broker"),
            };
            let mut redis = Self { child, address, _folder: folder };
            if redis.answers()? {
                return Ok(Some(redis));
            }
        }
        bail!("redis-server ends as soon as it starts; REDIS_URL names another broker")
    }

    fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Waits until it answers; false if it ends instead.
    fn answers(&mut self) -> anyhow::Result<bool> {
        let give_up_at = Instant::now() + START_TIMEOUT;
        while Instant::now() < give_up_at {
            if self.child.try_wait().context("the state of redis-server")?.is_some() {
                return Ok(false);
            }
            if ping(self.address).is_ok() {
                return Ok(true);
            }
            thread::sleep(POLL_EVERY);
        }
        bail!("redis-server does not answer; REDIS_URL names another broker")
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn ping(address: SocketAddr) -> std::io::Result<()> {
    let mut connection = TcpStream::connect_timeout(&address, START_TIMEOUT)?;
    connection.set_read_timeout(Some(START_TIMEOUT))?;
    connection.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer)?;
    if &answer == b"+PONG\r\n" { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}

/// Publishes to the memory of this process.
#[derive(Debug)]
pub(crate) struct MemorySink(pub(crate) MemoryLog);

impl Sink for MemorySink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        for reading in batch {
            self.0.add(UnixMillis::now(), &shared::codec::encode(reading));
        }
        Ok(())
    }
}
