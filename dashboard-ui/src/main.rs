//! The program `dashboard`: settings from the command line and the environment, a listener, and signals.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use dashboard_ui::Settings;
use shared::health::HealthSettings;
use shared::logging::LogSettings;
use shared::server::listen;

/// The dashboard of Vigía: the network's health as a live page
#[derive(Debug, Parser)]
#[command(name = "dashboard", version)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    log: LogSettings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the dashboard on this machine whether it is well; the exit code tells
    Health(HealthSettings),
    /// Read a password from standard input, and print its hash for a line of AUTH_USERS_FILE
    HashPassword,
}

fn main() -> ExitCode {
    let Arguments { settings, log, command } = match shared::settings::parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match command {
        Some(Command::Health(health)) => return health.check(settings.bind),
        Some(Command::HashPassword) => return ended(hash_password()),
        None => (),
    }
    log.start();
    ended(run(settings))
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dashboard: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The first line of standard input is the password.
fn hash_password() -> anyhow::Result<()> {
    let input = io::stdin();
    if input.is_terminal() {
        eprintln!("Password, which is shown as you type it:");
    }
    let mut line = String::new();
    input.read_line(&mut line).context("the password cannot be read")?;
    let password = line.trim_end_matches(['\r', '\n']);
    let hash = dashboard_ui::hash_password(password).map_err(anyhow::Error::msg)?;
    writeln!(io::stdout(), "{hash}").context("the hash cannot be written")
}

fn run(settings: Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let result = runtime.block_on(serve(settings));
    // A thread that still looks analytics' name up must not keep the process alive.
    runtime.shutdown_background();
    result
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let listener = listen(settings.bind).with_context(|| format!("cannot listen on {} (BIND)", settings.bind))?;
    let shutdown = shared::shutdown::on_signal().context("signals cannot be handled")?;
    dashboard_ui::serve(settings, listener, shutdown).await?;
    tracing::info!("the dashboard stopped");
    Ok(())
}
