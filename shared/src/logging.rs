//! The same logging for every program: `RUST_LOG` chooses what is logged, `LOG_FORMAT` how. Logs go to standard error.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For humans.
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

/// The settings of logging.
#[derive(Debug, Clone, Args)]
pub struct LogSettings {
    /// What to log: a level, or levels by module like `info,analytics=debug`
    #[arg(long = "rust-log", env = "RUST_LOG", default_value = "info", value_name = "FILTER", value_parser = check_filter)]
    pub filter: String,
    /// How to log
    #[arg(long = "log-format", env = "LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub format: LogFormat,
}

impl LogSettings {
    /// Starts logging. A second call in the same process changes nothing.
    pub fn start(&self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(&self.filter))
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        // An error here means that logging has already been started, by a test or by the program that embeds this one.
        let _already_started = match self.format {
            LogFormat::Text => builder.with_target(false).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
    }
}

fn check_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
