//! The same logging for every program: `RUST_LOG` chooses what is logged, `LOG_FORMAT` how. Logs go to standard error.

use std::io::IsTerminal;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use tracing::info;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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

/// A level, or levels by module. The filter's own parser takes any other word for the name of a module, of which nothing else
/// is logged then: `warning` would turn all lines off.
fn check_filter(text: &str) -> Result<String, String> {
    const LEVELS: &str = "off, error, warn, info, debug or trace";
    let mut levels_for_all = 0;
    for part in text.split(',') {
        let (module, level) = part.split_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        if level.is_empty() || level.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "{part:?} is not a level ({LEVELS}), nor a module and its level, like analytics=debug"
            ));
        }
        match module {
            None => levels_for_all += 1,
            Some(module) if module.is_empty() || !module.bytes().all(is_of_module) => {
                return Err(format!("{module:?} is not a module"));
            }
            Some(_) => {}
        }
    }
    if levels_for_all > 1 {
        return Err("it has more than one level for all modules".to_owned());
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

const fn is_of_module(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_taken_only_if_it_means_what_it_says() {
        for good in
            ["off", "info", "WARN", "warn,address=info", "info,analytics=debug,tower_http::trace=off", "a-b=error"]
        {
            assert_eq!(check_filter(good).as_deref(), Ok(good));
        }
        let words = ["", "warning", "none", "information", "infos", "all", "info,", "info;debug", "analytics"];
        let pairs =
            ["analytics=warning", "analytics=", "=debug", "info,debug", "info, analytics=debug", "analytics:debug"];
        for bad in words.into_iter().chain(pairs).chain(["a[b]=debug", "analytics=debug=info"]) {
            assert!(check_filter(bad).is_err(), "{bad}");
        }
    }
}
