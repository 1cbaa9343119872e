//! The program `dashboard`: settings from the command line and the environment, a listener, and signals.

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
}

fn main() -> ExitCode {
    let Arguments { settings, log, command } = match shared::settings::parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if let Some(Command::Health(health)) = command {
        return health.check(settings.bind);
    }
    log.start();
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dashboard: {error:#}");
            ExitCode::FAILURE
        }
    }
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
