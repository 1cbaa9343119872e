//! The settings that programs share, as flags or environment variables, and how a bad value is refused.

#[cfg(feature = "broker")]
mod broker;
#[cfg(feature = "broker")]
mod certificates;
mod secret;
mod token;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser};

#[cfg(feature = "broker")]
pub use self::broker::BrokerSettings;
#[cfg(feature = "broker")]
pub(crate) use self::broker::{Node, Topology};
#[cfg(feature = "broker")]
pub use self::certificates::Certificates;
pub use self::secret::{Secret, SecretFile, ValueOrFile, named, read_secret};
pub use self::token::{KeptToken, Token, TokenSettings};
use crate::keys::{PARTITIONS_MAX, StreamKeys};

/// Which streams carry the readings.
#[derive(Debug, Clone, Args)]
pub struct StreamSettings {
    /// Name of the stream
    #[arg(long, env = "STREAM", default_value = "antenna_stream", value_name = "NAME", value_parser = check_stream)]
    pub stream: String,
    /// Number of streams that the readings are spread over by antenna: with 1 there is the stream of that name, with more there are
    /// <NAME>:0, <NAME>:1 and so on beside it
    #[arg(long, env = "STREAM_PARTITIONS", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(PARTITIONS_MAX)))]
    pub stream_partitions: u16,
}

impl StreamSettings {
    /// The keys of the stream with the plain name.
    #[must_use]
    pub fn keys(&self) -> StreamKeys {
        StreamKeys::new(&self.stream)
    }

    /// The keys of the streams that readings are spread over, by the number that [`partition_of`] gives.
    ///
    /// [`partition_of`]: crate::keys::partition_of
    #[must_use]
    pub fn partition_keys(&self) -> Vec<StreamKeys> {
        match self.stream_partitions {
            0 | 1 => vec![self.keys()],
            several => (0..several).map(|number| StreamKeys::of_partition(&self.stream, number)).collect(),
        }
    }

    /// The keys of all streams that are read, the one with the plain name first: producers that know of no partitions publish to it.
    #[must_use]
    pub fn all_keys(&self) -> Vec<StreamKeys> {
        let mut all = vec![self.keys()];
        if self.stream_partitions > 1 {
            all.extend(self.partition_keys());
        }
        all
    }
}

/// Parses the command line and the environment.
///
/// # Errors
/// The exit code: 0 after `--help` or `--version`; 2 after one line on standard error that names the setting that is
/// unknown or has a bad value.
pub fn parse<P: Parser>() -> Result<P, ExitCode> {
    parse_from(std::env::args_os())
}

/// Like [`parse`], with the arguments given; the first is the program's name.
///
/// # Errors
/// See [`parse`].
pub fn parse_from<P: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    P::try_parse_from(arguments).map_err(|error| {
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            // Help goes to standard output; if that is closed, nobody reads it.
            let _nobody_reads = error.print();
            return ExitCode::SUCCESS;
        }
        eprintln!("{}: {}", P::command().get_name(), one_line::<P>(&error));
        ExitCode::from(2)
    })
}

/// What went wrong, in one line that names the setting both as a flag and as an environment variable.
fn one_line<P: CommandFactory>(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let setting = text(ContextKind::InvalidArg).map(|argument| named_with_variable::<P>(&argument));
    match (error.kind(), setting) {
        (ErrorKind::UnknownArgument, Some(setting)) if shown(&setting).is_empty() => "unknown setting".to_owned(),
        (ErrorKind::UnknownArgument, Some(setting)) => format!("unknown setting {setting}"),
        (ErrorKind::InvalidSubcommand, _) => {
            format!("unknown command{}", shown(&text(ContextKind::InvalidSubcommand).unwrap_or_default()))
        }
        (ErrorKind::ValueValidation, Some(setting)) => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            let why = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
            format!("bad value{} for {setting}{why}", shown(&value))
        }
        (ErrorKind::InvalidValue, Some(setting)) => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            let valid = text(ContextKind::ValidValue).unwrap_or_default();
            if value.is_empty() {
                format!("a value is needed for {setting}")
            } else {
                format!("bad value{} for {setting}: one of {valid} is needed", shown(&value))
            }
        }
        _ => {
            let whole = error.to_string();
            let first = whole.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

/// A value with a space in front, to say which one is bad; empty where it may hold a password, as a URL does.
fn shown(value: &str) -> String {
    if value.contains('@') || value.contains("://") { String::new() } else { format!(" {value:?}") }
}

/// `--pane <DURATION>` becomes `--pane (PANE)`.
fn named_with_variable<P: CommandFactory>(argument: &str) -> String {
    let flag = argument.split([' ', '=']).next().unwrap_or(argument);
    let long = flag.trim_start_matches('-');
    let command = P::command();
    let variable = std::iter::once(&command)
        .chain(command.get_subcommands())
        .flat_map(clap::Command::get_arguments)
        .find(|known| known.get_long() == Some(long))
        .and_then(clap::Arg::get_env)
        .map(|variable| format!(" ({})", variable.to_string_lossy()));
    format!("{flag}{}", variable.unwrap_or_default())
}

/// Parses an address to listen on.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_bind(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port are needed, like [::]:8000 or 127.0.0.1:8000".to_owned())
}

/// The address at which a client on this machine reaches a program that listens on `bind`. All addresses of IPv6 are those of IPv4
/// too, or those alone: see `server::listen`.
#[must_use]
pub fn as_client(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

fn check_stream(text: &str) -> Result<String, String> {
    if text.is_empty() || text.trim() != text || text.contains(['{', '}']) {
        Err("a name without { and }, and without spaces around it, is needed".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_all_is_reached_over_the_loopback_interface() {
        for (listening, reached) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "127.0.0.1:8000"),
            ("[::1]:8000", "[::1]:8000"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let listening = parse_bind(listening).expect("an address");
            assert_eq!(as_client(listening).to_string(), reached);
        }
    }
}
