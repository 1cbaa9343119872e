//! A `redis-server` that belongs to this process: on a free port of the loopback interface, persisting nothing, and
//! gone with the process.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tracing::debug;

/// Programs that can serve, in order of preference.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// The oldest version that analytics works with.
const OLDEST_MAJOR_VERSION: u32 = 7;

/// A server that is not listening by then never will.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to try: another process may take the port between the moment it is found free and the moment the server
/// binds it.
const ATTEMPTS: u32 = 5;

/// What a server logs once it listens.
const READY: &str = "Ready to accept connections";

/// Waits for the end of its input, which comes when this process ends for whatever reason; then kills the server.
const GUARD: &str = r#"read -r _; kill -KILL "$1""#;

/// Why there is no private server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// None of the programs is installed.
    #[error("no redis-server is installed")]
    NotInstalled,
    /// There is one, but in a version that cannot be used.
    #[error("the installed {program} has version {version}, and {OLDEST_MAJOR_VERSION}.0 or newer is needed")]
    TooOld {
        /// The program.
        program: &'static str,
        /// Its version.
        version: String,
    },
    /// It does not start.
    #[error("{program} does not start: {why}")]
    DoesNotStart {
        /// The program.
        program: &'static str,
        /// Its last words, or the system's error.
        why: String,
    },
}

/// A running server. It is killed when dropped, and when this process ends in any other way.
#[derive(Debug)]
pub struct PrivateRedis {
    program: &'static str,
    port: u16,
    server: Child,
    guard: Child,
    _folder: TempDir,
}

impl PrivateRedis {
    /// Starts a server if one is installed, and waits until it listens.
    ///
    /// # Errors
    /// Why there can be none.
    pub async fn start() -> Result<Self, StartError> {
        let program = installed().await?;
        let failed = |why: String| StartError::DoesNotStart { program, why };
        let folder = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
        let mut why = String::new();
        for _attempt in 0..ATTEMPTS {
            let port = free_port().map_err(|error| failed(error.to_string()))?;
            let mut server = serve(program, port, &folder).map_err(|error| failed(error.to_string()))?;
            let guard = guard(&server).map_err(|error| failed(error.to_string()))?;
            match listening(&mut server).await {
                Ok(lines) => {
                    tokio::spawn(drain(program, lines));
                    return Ok(Self { program, port, server, guard, _folder: folder });
                }
                Err(words) => why = words,
            }
        }
        Err(failed(why))
    }

    /// The program that serves.
    #[must_use]
    pub const fn program(&self) -> &'static str {
        self.program
    }

    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL to connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Returns when the server has ended by itself, with what is known about it.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.server.wait().await {
            Ok(status) => anyhow::anyhow!("the private {} ended: {status}", self.program),
            Err(error) => anyhow::Error::new(error).context(format!("the private {} is lost", self.program)),
        }
    }

    /// Kills the server. It has nothing to save.
    pub async fn stop(mut self) {
        // The guard goes first: it knows the server by a process id that the system may reuse later.
        for child in [&mut self.guard, &mut self.server] {
            // An error means that it has already ended.
            let _ended = child.kill().await;
        }
    }
}

/// The first of the programs that is installed in a usable version.
async fn installed() -> Result<&'static str, StartError> {
    let mut error = StartError::NotInstalled;
    for program in PROGRAMS {
        let asked = Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
        match timeout(START_TIMEOUT, asked).await {
            Ok(Ok(output)) => match version_of(&String::from_utf8_lossy(&output.stdout)) {
                Some((major, _)) if major >= OLDEST_MAJOR_VERSION => return Ok(program),
                Some((_, version)) => error = StartError::TooOld { program, version },
                None => error = StartError::DoesNotStart { program, why: "it does not tell its version".to_owned() },
            },
            Ok(Err(absent)) if absent.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(broken)) => error = StartError::DoesNotStart { program, why: broken.to_string() },
            Err(_elapsed) => error = StartError::DoesNotStart { program, why: "it does not answer".to_owned() },
        }
    }
    Err(error)
}

/// The version in a line like `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64`.
fn version_of(line: &str) -> Option<(u32, String)> {
    let version = line.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let major = version.split('.').next()?.parse().ok()?;
    Some((major, version.to_owned()))
}

fn free_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

fn serve(program: &str, port: u16, folder: &TempDir) -> io::Result<Child> {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", &Ipv4Addr::LOCALHOST.to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C in a terminal reaches the whole process group; the server has to outlive the parts that still write to
        // it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn guard(server: &Child) -> io::Result<Child> {
    let server = server.id().map(|id| id.to_string()).unwrap_or_default();
    Command::new("sh")
        .args(["-c", GUARD, "guard", &server])
        // This end of the pipe is held until the guard is dropped, and the system closes it when this process ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Waits until the server listens. Its own log says so, so that another server on the same port is never mistaken for
/// it.
async fn listening(server: &mut Child) -> Result<Lines<BufReader<ChildStdout>>, String> {
    let mut lines = BufReader::new(server.stdout.take().ok_or("it has no output")?).lines();
    let mut last = "it ended at once".to_owned();
    let ready = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains(READY) {
                return true;
            }
            if !line.trim().is_empty() {
                last = line;
            }
        }
        false
    };
    match timeout(START_TIMEOUT, ready).await {
        Ok(true) => Ok(lines),
        Ok(false) => Err(last),
        Err(_elapsed) => Err(format!("it does not listen after {} s", START_TIMEOUT.as_secs())),
    }
}

/// Keeps reading the server's output: a full pipe would block it.
async fn drain(program: &'static str, mut lines: Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        debug!("{program}: {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_redis_and_valkey_are_understood() {
        let of = |line| version_of(line);
        assert_eq!(of("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), Some((7, "7.0.15".to_owned())));
        assert_eq!(of("Valkey server v=8.1.1 sha=00000000:0 bits=64"), Some((8, "8.1.1".to_owned())));
        assert_eq!(of("Redis server v=6.0.16 sha=00000000:0"), Some((6, "6.0.16".to_owned())));
        assert_eq!(of("no version"), None);
        assert_eq!(of("v=x"), None);
    }
}
