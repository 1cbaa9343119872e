//! `analytics`: drains the stream of readings and answers windowed metrics over HTTP.

use std::io::Write as _;
use std::process::ExitCode;

use analytics::Files;
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
    let needs_archive = matches!(command, Some(Command::Import(_))) && settings.pipeline.archive.archive.is_none();
    if needs_archive {
        eprintln!("analytics: import: --archive (ARCHIVE) says where the archive is, and it is not set");
        return ExitCode::from(2);
    }
    if let Some(Command::Repartition(repartition)) = command
        && repartition.from == repartition.to
    {
        eprintln!("analytics: repartition: --from and --to are the same number");
        return ExitCode::from(2);
    }
    let files = match Files::open(&settings.registry, &settings.alerts) {
        Ok(files) => files,
        Err(why) => {
            eprintln!("analytics: {why}");
            return ExitCode::from(2);
        }
    };
    if let Some(Command::CheckConfig) = command {
        // Where nobody reads standard output, the exit code tells.
        let _nobody_reads = std::io::stdout().write_all(files.told().as_bytes());
        return ExitCode::SUCCESS;
    }
    settings.log.start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("analytics: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shutdown = runtime.block_on(async { shared::shutdown::on_signal().context("signals cannot be handled") });
    let result = shutdown.and_then(|shutdown| match command {
        Some(Command::Import(import)) => {
            let summary =
                analytics::run_import(&runtime, &settings, files.registry, &import, &shutdown).context("import")?;
            // Where nobody reads standard output, the import is done all the same.
            let _nobody_reads = std::io::stdout().write_all(summary.to_string().as_bytes());
            Ok(())
        }
        Some(Command::Repartition(repartition)) => {
            let summary =
                analytics::run_repartition(&runtime, &settings, repartition, &shutdown).context("repartition")?;
            let _nobody_reads = std::io::stdout().write_all(summary.to_string().as_bytes());
            Ok(())
        }
        Some(Command::AlertTest(test)) => {
            analytics::run_alert_test(&runtime, &files.alerting, &test).context("alert-test")
        }
        _ => runtime.block_on(analytics::run(&settings, files, shutdown)),
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
