//! `analytics`: drains the stream of readings and answers windowed metrics over HTTP.

use std::process::ExitCode;

use analytics::settings::{Cli, Command};
use anyhow::Context;

fn main() -> ExitCode {
    let Cli { settings, command } = match shared::settings::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if let Some(Command::Health(health)) = command {
        return health.check(settings.bind);
    }
    if let Err(error) = settings.pipeline.check() {
        eprintln!("analytics: {error}");
        return ExitCode::from(2);
    }
    settings.log.start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("analytics: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        let shutdown = shared::shutdown::on_signal().context("signals cannot be handled")?;
        analytics::run(&settings, shutdown).await
    });
    // Threads that still wait for a broker must not hold the process back.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("analytics: {error:#}");
            ExitCode::FAILURE
        }
    }
}
