//! The same logging for every program: `RUST_LOG` chooses what is logged, `LOG_FORMAT` how. Logs go to standard error.

use std::io::IsTerminal;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use tracing::info;
use tracing_subscriber::EnvFilter;

/// What a program logs once it answers HTTP.
pub const ANSWERS_HTTP: &str = "answers HTTP";

/// What `RUST_LOG` calls the lines of [`answers_http`]: `warn,address=info` lets them through and nothing else below a
/// warning.
pub const ADDRESS_TARGET: &str = "address";

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

/// Says where a service answers HTTP. Whoever starts a program with port 0 reads there which port it was given, so the
/// message and the names of its fields stay as they are.
pub fn answers_http(service: &str, address: SocketAddr) {
    info!(target: ADDRESS_TARGET, %service, %address, "{ANSWERS_HTTP}");
}

fn check_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
