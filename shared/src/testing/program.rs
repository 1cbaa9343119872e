//! A program in a process of its own.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Answer};
use super::wait::{DEADLINE, until};
use crate::logging::ANSWERS_HTTP;

/// So many lines of what a program wrote are told where something is wrong.
const TAIL_LINES: usize = 20;

/// A command that runs a program of the build that this test or measurement is part of. It knows `PATH` and nothing
/// else of the environment, so that nobody's own settings change what is tested.
///
/// # Panics
/// Where the program has not been built: `cargo test` builds only those of the packages that it tests.
#[must_use]
pub fn built(name: &str) -> Command {
    let path = folder_of_programs().join(name);
    assert!(path.exists(), "{} is missing; build it first: cargo build --workspace", path.display());
    let mut command = Command::new(path);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// Where cargo puts programs. Those of tests are one folder below.
fn folder_of_programs() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let folder = this.parent().expect("the folder of this program");
    if folder.ends_with("deps") {
        folder.parent().expect("the folder of programs").to_owned()
    } else {
        folder.to_owned()
    }
}

/// What can be sent to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// What Ctrl-C sends.
    Interrupt,
    /// What Kubernetes sends to a program that is to end.
    Terminate,
    /// Freezes it: its connections stay open and nothing answers.
    Stop,
    /// Undoes [`Signal::Stop`].
    Continue,
}

/// How a program ended, and what it had written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// How long the end was waited for.
    pub took: Duration,
    /// Its standard error, where programs log.
    pub log: String,
    /// Its standard output.
    pub output: String,
}

/// A running program; killed when dropped. What it writes goes to files, so it is never held up by a reader, and what it
/// wrote before it answered is there once the answer is.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    started: Instant,
    folder: TempDir,
}

impl Program {
    /// Starts a program.
    ///
    /// # Panics
    /// Where it cannot be run.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = tempfile::tempdir().expect("a folder for what a program writes");
        let file = |name| File::create(folder.path().join(name)).expect("a file for what a program writes");
        command.stdin(Stdio::null()).stdout(file("output")).stderr(file("log"));
        let started = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => panic!("{name} is not installed; deploy/test.sh installs what tests need"),
            _ => panic!("{name} cannot be run: {error}"),
        });
        Self { name, child, started, folder }
    }

    /// Runs a program to its end.
    ///
    /// # Panics
    /// Where it cannot be run, or does not end.
    #[must_use]
    pub fn run(command: &mut Command) -> Ended {
        Self::start(command).wait(DEADLINE)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// When it was started.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// What it has written to standard error so far: its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.written("log")
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.written("output")
    }

    /// The last lines that it has written, for whoever has to find out what is wrong.
    #[must_use]
    pub fn tail(&self) -> String {
        let mut tail = String::new();
        for written in [self.output(), self.log()] {
            let lines: Vec<&str> = written.lines().collect();
            for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
                tail.push_str(&format!("    {line}\n"));
            }
        }
        format!("the last lines of {}:\n{tail}", self.name)
    }

    /// Where one of its services answers HTTP, once it says so: see [`crate::logging::answers_http`].
    ///
    /// # Panics
    /// Where it does not say so.
    #[track_caller]
    pub fn address(&mut self, service: &str) -> SocketAddr {
        self.until(&format!("{service} answers HTTP"), |program| {
            program.log().lines().find_map(|line| address_in(line, service)).ok_or("no such line in the log")
        })
    }

    /// Asks what listens on an address for a path until the answer is as wanted, and returns it.
    ///
    /// # Panics
    /// Where that does not come to be, or the program ends.
    #[track_caller]
    pub fn wait_for(&mut self, address: SocketAddr, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        self.until(&format!("{path} is as wanted"), |_program| match http::get(address, path, &[]) {
            Ok(answer) if wanted(&answer) => Ok(answer),
            Ok(answer) => Err(format!("{answer:?}")),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Looks until the outcome is `Ok`, as [`until`] does.
    ///
    /// # Panics
    /// Where that does not come to be, or the program ends; with its last lines.
    #[track_caller]
    pub fn until<T, S: std::fmt::Display>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Result<T, S>) -> T {
        until(what, DEADLINE, || {
            look(self).map_err(|seen| {
                self.assert_runs();
                format!("{seen}\n{}", self.tail())
            })
        })
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// Where the system does not know the process.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child process").is_some()
    }

    /// Fails where it has ended.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn assert_runs(&mut self) {
        let status = self.child.try_wait().expect("the state of a child process");
        if let Some(status) = status {
            panic!("{} has ended with {status}; {}", self.name, self.tail());
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// Where it has ended already.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        // There is no safe function for it in the standard library.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} does not reach {}", self.name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end in time.
    #[track_caller]
    pub fn wait(&mut self, at_most: Duration) -> Ended {
        let asked = Instant::now();
        let code = until(&format!("{} ends", self.name), at_most, || {
            let status = self.child.try_wait().expect("the state of a child process");
            status.map(|status| status.code()).ok_or_else(|| self.tail())
        });
        Ended { code, took: asked.elapsed(), log: self.log(), output: self.output() }
    }

    /// Sends a signal and waits for the end.
    ///
    /// # Panics
    /// Where it has ended already, or does not end in time.
    #[track_caller]
    pub fn end(&mut self, signal: Signal, at_most: Duration) -> Ended {
        self.signal(signal);
        self.wait(at_most)
    }

    /// Ends it at once with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }

    fn written(&self, to: &str) -> String {
        let bytes = fs::read(self.folder.path().join(to)).expect("the file of what a program writes");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address in a line that says where a service answers, logged as text or as JSON; `None` for any other line.
fn address_in(line: &str, service: &str) -> Option<SocketAddr> {
    if let Ok(entry) = serde_json::from_str::<Value>(line) {
        let is_it = entry["message"] == ANSWERS_HTTP && entry["service"] == service;
        return if is_it { entry["address"].as_str()?.parse().ok() } else { None };
    }
    let (_, fields) = line.split_once(ANSWERS_HTTP)?;
    let field = |name: &str| {
        fields.split_whitespace().find_map(|field| field.split_once('=').filter(|(known, _)| *known == name))
    };
    if field("service")?.1 == service { field("address")?.1.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::logging::{LogFormat, answers_http};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_address_that_is_logged_is_read() {
        for format in [LogFormat::Text, LogFormat::Json] {
            for address in ["127.0.0.1:8001", "[::1]:65535"] {
                let address = address.parse().expect("an address");
                let line = logged(format, || answers_http("analytics", address));
                assert_eq!(address_in(&line, "analytics"), Some(address), "{line}");
                assert_eq!(address_in(&line, "dashboard"), None, "{line}");
            }
            let other = logged(format, || tracing::info!(service = "analytics", address = "127.0.0.1:1", "starts"));
            assert_eq!(address_in(&other, "analytics"), None, "{other}");
        }
    }

    #[test]
    fn what_a_program_writes_and_how_it_ends_is_told() {
        let ended = Program::run(&mut shell("echo out; echo err >&2; exit 3"));
        assert_eq!((ended.code, ended.output.as_str(), ended.log.as_str()), (Some(3), "out\n", "err\n"));
    }

    #[test]
    fn signals_arrive() {
        let mut program =
            Program::start(&mut shell("trap 'echo caught; exit 0' INT; echo ready; while :; do sleep 0.01; done"));
        program
            .until("it is ready", |program| if program.output().contains("ready") { Ok(()) } else { Err("silence") });
        let ended = program.end(Signal::Interrupt, DEADLINE);
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), "ready\ncaught\n"));
        assert!(program.has_ended());
    }

    #[test]
    fn a_program_that_ends_while_something_is_waited_for_is_told_with_its_last_lines() {
        let waiting = || Program::start(&mut shell("echo nonsense >&2; exit 1")).address("analytics");
        let told = std::panic::catch_unwind(waiting).expect_err("a panic");
        let told = told.downcast_ref::<String>().expect("a message");
        assert!(told.contains("sh has ended with exit status: 1") && told.contains("nonsense"), "{told}");
    }

    /// What is logged meanwhile, by this thread.
    fn logged(format: LogFormat, work: impl FnOnce()) -> String {
        let written = Written::default();
        let builder = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false);
        match format {
            LogFormat::Text => tracing::subscriber::with_default(builder.with_target(false).finish(), work),
            LogFormat::Json => tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), work),
        }
        let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("text")
    }

    #[derive(Debug, Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
}
