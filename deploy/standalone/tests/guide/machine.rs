//! A machine on which a guide is followed: a folder, free ports, and a terminal for each program that stays.
//!
//! A guide names the ports 8000, 8001, 8002 and 6379, which somebody may use here; free ones stand in for them. `cargo run` runs what has
//! been built already.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use shared::testing::{Ended, Program, Reservation, Signal, http, until};
use tempfile::TempDir;

use crate::output::is_as_shown;

/// What real processes get to come to what the guide says: the page speaks of stale figures after half a minute.
const DEADLINE: Duration = Duration::from_secs(90);
/// The same where images are built.
const CLUSTER_DEADLINE: Duration = Duration::from_secs(3600);
/// What a program gets to end after Ctrl-C, by the contract.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// So much of a page is shown where it does not say what it should, in characters.
const PAGE_SHOWN: usize = 1_500;

/// Where the page is in a guide, where analytics answers, and where somebody listens who is told of alerts.
const PAGE: &str = "127.0.0.1:8000";
const ANALYTICS: &str = "127.0.0.1:8001";
const RECEIVER: &str = "127.0.0.1:8002";

/// A machine; what still runs is killed with the value.
pub(crate) struct Machine {
    _folder: TempDir,
    /// The working directory of commands.
    directory: PathBuf,
    /// What the guide says, and what takes its place.
    replaced: Vec<(&'static str, String)>,
    /// `PATH` and the like; `None` for those of this process.
    environment: Option<Vec<(&'static str, String)>>,
    terminals: BTreeMap<String, Program>,
    /// What ran in terminals before, with its terminal.
    past: Vec<(String, Program)>,
    /// The ports that stand in for those of the guide.
    ports: Vec<Reservation>,
    deadline: Duration,
}

impl Machine {
    /// One where nothing else is.
    pub(crate) fn start(workspace: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = [(); 4].map(|()| Reservation::new());
        let [page, analytics, receiver, redis] = ports.each_ref().map(Reservation::address);
        let (programs, directory) = (folder.path().join("bin"), folder.path().join("home"));
        for made in [&programs, &directory] {
            fs::create_dir(made).expect("a folder in it");
        }
        let redis = redis.port().to_string();
        script(&programs.join("cargo"), &cargo(workspace));
        script(&programs.join("redis-cli"), &format!("exec {} -p {redis} --no-raw \"$@\"", installed("redis-cli")));
        let server = installed("redis-server");
        script(&programs.join("redis-server"), &format!("exec {server} --port {redis} \"$@\""));
        let path = std::env::var("PATH").expect("where programs are");
        let environment = vec![
            ("PATH", format!("{}:{path}", programs.display())),
            ("HOME", directory.to_string_lossy().into_owned()),
            ("REDIS_PORT", redis),
        ];
        Self {
            _folder: folder,
            directory,
            replaced: [(PAGE, page), (ANALYTICS, analytics), (RECEIVER, receiver)]
                .map(|(from, to)| (from, to.to_string()))
                .into(),
            environment: Some(environment),
            terminals: BTreeMap::new(),
            past: Vec::new(),
            ports: ports.into(),
            deadline: DEADLINE,
        }
    }

    /// The one that this runs on, as a reader has it.
    pub(crate) fn as_it_is(workspace: &Path) -> Self {
        Self {
            _folder: tempfile::tempdir().expect("a folder"),
            directory: workspace.to_owned(),
            replaced: Vec::new(),
            environment: None,
            terminals: BTreeMap::new(),
            past: Vec::new(),
            ports: Vec::new(),
            deadline: CLUSTER_DEADLINE,
        }
    }

    /// Runs commands, again until they end well and print what the guide shows: what they ask may take a moment.
    pub(crate) fn run(&self, command: &str, shown: Option<&str>, place: &str) {
        until(&format!("{place}: {command}"), self.deadline, || {
            let ended = Program::start(&mut self.shell(command)).wait(self.deadline);
            if ended.code == Some(0) && shown.is_none_or(|shown| is_as_shown(shown, &ended.output)) {
                return Ok(());
            }
            Err(format!("{:?}\n{}{}\n{}", ended.code, ended.output, ended.log, self.logs()))
        });
    }

    /// Starts a program in a terminal of its own.
    pub(crate) fn keep(&mut self, terminal: &str, command: &str) {
        assert!(!self.terminals.contains_key(terminal), "something runs in the terminal {terminal} already");
        let mut shell = self.shell(&format!("exec {command}"));
        // Like a terminal, so that what a program starts ends with it.
        self.terminals.insert(terminal.to_owned(), Program::start(shell.process_group(0)));
    }

    /// Presses Ctrl-C in a terminal, upon which the program has to end well and in time.
    pub(crate) fn interrupt(&mut self, terminal: &str, place: &str) {
        let program = self.take(terminal, place);
        program.signal(Signal::Interrupt);
        let ended = self.end_of(terminal, program, END_TIMEOUT, place);
        assert_eq!(ended.code, Some(0), "{place}: {terminal}\n{}", self.logs());
    }

    /// Waits until the program in a terminal has ended.
    pub(crate) fn wait_for_end(&mut self, terminal: &str, place: &str) {
        let program = self.take(terminal, place);
        self.end_of(terminal, program, self.deadline, place);
    }

    /// Looks at a page until it says all of these lines.
    pub(crate) fn page(&self, path: &str, language: &str, says: &[String], place: &str) {
        until(&format!("{place}: {path} says {says:?}"), self.deadline, || {
            let page = readable(&self.ask_for_page(path, language).unwrap_or_default());
            if says.iter().all(|line| page.contains(&spaced(line))) {
                return Ok(());
            }
            Err(page.chars().take(PAGE_SHOWN).collect::<String>() + "\n" + &self.logs())
        });
    }

    /// The terminals in which something runs.
    pub(crate) fn running(&self) -> BTreeSet<&str> {
        self.terminals.keys().map(String::as_str).collect()
    }

    fn end_of(&mut self, terminal: &str, mut program: Program, at_most: Duration, place: &str) -> Ended {
        until(&format!("{place}: {terminal} ends"), at_most, || {
            if program.has_ended() { Ok(()) } else { Err(program.tail() + &self.logs()) }
        });
        let ended = program.wait(at_most);
        self.past.push((terminal.to_owned(), program));
        ended
    }

    fn take(&mut self, terminal: &str, place: &str) -> Program {
        self.terminals.remove(terminal).unwrap_or_else(|| panic!("{place}: nothing runs in the terminal {terminal}"))
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("bash");
        let command = self.replaced.iter().fold(command.to_owned(), |command, (from, to)| command.replace(from, to));
        shell.args(["-euo", "pipefail", "-c", &command]).current_dir(&self.directory);
        if let Some(environment) = &self.environment {
            shell.env_clear().envs(environment.iter().cloned());
        }
        shell
    }

    /// HTML, whatever the status; `None` where nobody answers.
    fn ask_for_page(&self, path: &str, language: &str) -> Option<String> {
        let page = self.ports.first()?.address();
        http::get(page, path, &[("Accept-Language", language)]).ok().map(|answer| answer.body)
    }

    /// The last lines of each terminal, for whoever has to find out why a test failed.
    fn logs(&self) -> String {
        let past = self.past.iter().map(|(terminal, program)| (terminal, program));
        past.chain(&self.terminals).map(|(terminal, program)| format!("--- {terminal}: {}", program.tail())).collect()
    }
}

/// A `cargo` that builds nothing. It knows the workspace's packages by what the real one tells of them.
fn cargo(workspace: &Path) -> String {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(workspace);
    let metadata: Value = serde_json::from_slice(&metadata.output().expect("cargo").stdout).expect("its JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let built = Path::new(env!("CARGO_BIN_EXE_vigia")).parent().expect("the folder of programs");
    let mut cases = String::new();
    for package in list(&metadata["packages"]) {
        let is_program = |target: &&Value| target["kind"] == Value::from(["bin"].as_slice());
        for program in
            list(&package["targets"]).iter().filter(is_program).filter_map(|program| program["name"].as_str())
        {
            // `cargo run` runs the program that a package names for that.
            let is_default = package["default_run"] == program;
            let pattern = if is_default { format!("{program} | ''") } else { program.to_owned() };
            cases += &format!("  {pattern}) program={} ;;\n", built.join(program).display());
        }
    }
    format!(
        r#"[ "$*" = "build --workspace" ] && exit 0
[ "$1" = run ] || {{ echo "cargo $*: only run and build --workspace are in the guide" >&2; exit 2; }}
shift
name=
if [ "$1" = --bin ]; then name=$2; shift 2; fi
if [ "$1" = -- ]; then shift; fi
case $name in
{cases}  *) echo "no package has a program $name" >&2; exit 2 ;;
esac
[ -x "$program" ] || echo "$program is missing; run deploy/test.sh, which builds the workspace" >&2
exec "$program" "$@""#
    )
}

fn script(path: &Path, content: &str) {
    fs::write(path, format!("#!/bin/sh\n{content}\n")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a script that can be run");
}

fn installed(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{program} is missing; deploy/test.sh installs it")).display().to_string()
}

/// What one reads on a page: no tags, and one space for any white space.
fn readable(html: &str) -> String {
    // Within a word there are only these: an id that is cut where there is no room for it.
    let html = ["<bdi>", "</bdi>", "<span>", "</span>"].iter().fold(html.to_owned(), |html, tag| html.replace(tag, ""));
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text = pieces.collect::<Vec<_>>().join(" ");
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&amp;", "&")];
    spaced(&entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character)))
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
