//! `vigia`: every part in one process.

use std::process::ExitCode;

use analytics::Files;
use anyhow::Context as _;
use vigia::Settings;

fn main() -> ExitCode {
    let settings = match shared::settings::parse::<Settings>() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    if let Err(error) = settings.check() {
        eprintln!("vigia: {error}");
        return ExitCode::from(2);
    }
    let files = match Files::open(&settings.registry, &settings.alerts) {
        Ok(files) => files,
        Err(why) => {
            eprintln!("vigia: {why}");
            return ExitCode::from(2);
        }
    };
    settings.log.start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("vigia: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        let shutdown = shared::shutdown::on_signal().context("signals cannot be handled")?;
        vigia::run(settings, files, shutdown).await
    });
    // Threads that still wait for a broker must not keep the process alive.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vigia: {error:#}");
            ExitCode::FAILURE
        }
    }
}
