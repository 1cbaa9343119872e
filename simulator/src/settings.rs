//! What the program can be told: a flag and an environment variable for each setting.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shared::codec;
use shared::logging::LogSettings;
use shared::settings::{BrokerSettings, StreamSettings};
use shared::time::parse_duration;

use scenario::Scenario;

/// The most antennas that one process simulates.
pub const ANTENNAS_MAX: u32 = 100_000;

/// Publishes readings of simulated antennas to a Redis stream, or plays a recording back.
#[derive(Debug, Parser)]
#[command(name = "simulator", version)]
pub struct Cli {
    /// What every command shares.
    #[command(flatten)]
    pub common: CommonSettings,
    /// The antennas to simulate if no command is given.
    #[command(flatten)]
    pub fleet: FleetSettings,
    /// What to do instead of simulating.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The settings that may stand before or after the command.
#[derive(Debug, Clone, Args)]
#[command(mut_args(|argument| argument.global(true)))]
pub struct CommonSettings {
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// Which stream to publish to.
    #[command(flatten)]
    pub stream: StreamSettings,
    /// When a batch counts as taken.
    #[command(flatten)]
    pub confirm: ConfirmSettings,
    /// How to log.
    #[command(flatten)]
    pub log: LogSettings,
}

/// When the broker counts as having taken a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct ConfirmSettings {
    /// So many replicas of the broker have to have a batch of readings, or it is sent again
    #[arg(long, env = "CONFIRM_REPLICAS", default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=100))]
    pub confirm_replicas: u16,
}

/// What the program can do besides simulating.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Publish the rows of a CSV file, plain or gzip, in file order
    Replay(ReplaySettings),
}

/// The antennas to simulate.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct FleetSettings {
    /// The antenna's id; several antennas are called <ID>-0000, <ID>-0001, ... [default: HOSTNAME, else "antenna"]
    #[arg(long, env = "ANTENNA_ID", default_value_t = host_name(), hide_default_value = true, value_name = "ID", value_parser = check_antenna_id)]
    pub antenna_id: String,
    /// Number of antennas in this process
    #[arg(long, env = "ANTENNAS", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ANTENNAS_MAX)))]
    pub antennas: u32,
    /// Time between an antenna's readings
    #[arg(long, env = "INTERVAL", default_value = "1s", value_name = "DURATION", value_parser = parse_interval)]
    pub interval: Duration,
    /// What happens to the antennas
    #[arg(long, env = "SCENARIO", default_value = "steady", value_name = "SCENARIO")]
    pub scenario: Scenario,
    /// Random seed: the same seed and ids give the same measurements
    #[arg(long, env = "SEED", default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Readings per antenna before the program ends [default: endless]
    #[arg(long, env = "COUNT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// The recording to play back.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ReplaySettings {
    /// The recording: a CSV file with the columns antenna_id, timestamp_ms, latency_ms, packets_sent, packets_delivered
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Pace the rows by their event time, X times as fast as it passed [default: as fast as the broker takes them]
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = parse_speed)]
    pub speed: Option<f64>,
    /// Publish the first N rows only
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// The settings give antennas that the wire format cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "bad value {0:?} for --antenna-id (ANTENNA_ID): 1 to {max} bytes without control characters are needed, number included",
    max = codec::ANTENNA_ID_MAX_BYTES
)]
pub struct BadAntennaId(String);

impl Default for FleetSettings {
    /// One steady antenna called `antenna` that reports once a second.
    fn default() -> Self {
        Self {
            antenna_id: "antenna".to_owned(),
            antennas: 1,
            interval: Duration::from_secs(1),
            scenario: Scenario::Steady,
            seed: 1,
            count: None,
        }
    }
}

impl FleetSettings {
    /// The ids of the antennas: the id itself for one, numbered from `-0000` for several.
    ///
    /// # Errors
    /// If an id would break the contract's rules, for example because its number makes it too long.
    pub fn antenna_ids(&self) -> Result<Vec<String>, BadAntennaId> {
        let id = &self.antenna_id;
        let ids: Vec<String> = match self.antennas {
            1 => vec![id.clone()],
            several => (0..several).map(|index| format!("{id}-{index:04}")).collect(),
        };
        match ids.iter().find(|id| codec::antenna_id_from(id.as_bytes()).is_none()) {
            Some(bad) => Err(BadAntennaId(bad.clone())),
            None => Ok(ids),
        }
    }
}

/// Kubernetes pods and containers have their name in `HOSTNAME`.
fn host_name() -> String {
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "antenna".to_owned())
}

fn check_antenna_id(text: &str) -> Result<String, String> {
    codec::antenna_id_from(text.as_bytes())
        .map(str::to_owned)
        .ok_or_else(|| format!("1 to {} bytes without control characters are needed", codec::ANTENNA_ID_MAX_BYTES))
}

/// `seq` counts up from the clock's microseconds, which an antenna that reports more often than that would overtake.
fn parse_interval(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|interval| {
        if interval < Duration::from_micros(1) { Err("at least 1us is needed".to_owned()) } else { Ok(interval) }
    })
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if f64::is_finite(speed) && speed > 0.0 => Ok(speed),
        _ => Err("a number above zero is needed, like 60 for a minute a second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("simulator").chain(arguments.iter().copied()))
    }

    #[test]
    fn the_broker_may_be_named_before_and_after_the_command() {
        let before = parse(&["--redis-url", "redis://a", "replay", "file.csv"]).expect("good settings");
        let after = parse(&["replay", "file.csv", "--redis-url", "redis://a", "--speed", "60"]).expect("good settings");
        assert_eq!(before.common.broker.url(), "redis://a");
        assert_eq!(after.common.broker.url(), "redis://a");
        let Some(Command::Replay(replay)) = after.command else { panic!("replay is meant") };
        assert_eq!(replay, ReplaySettings { file: "file.csv".into(), speed: Some(60.0), limit: None });
    }

    #[test]
    fn bad_values_are_refused() {
        for arguments in [
            &["--antennas", "0"][..],
            &["--antennas", "100001"],
            &["--interval", "0s"],
            &["--interval", "1"],
            &["--interval", "10ns"],
            &["--scenario", "calm"],
            &["--count", "0"],
            &["--antenna-id", ""],
            &["--antenna-id", "a\nb"],
            &["--stream-partitions", "0"],
            &["--stream-partitions", "1025"],
            &["--nonsense"],
            &["replay"],
            &["replay", "file.csv", "--speed", "0"],
            &["replay", "file.csv", "--speed", "NaN"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn one_antenna_keeps_its_id_and_several_are_numbered() {
        let one = FleetSettings { antenna_id: "pod".to_owned(), ..FleetSettings::default() };
        assert_eq!(one.antenna_ids().expect("a good id"), ["pod"]);
        let two = FleetSettings { antennas: 2, ..one.clone() };
        assert_eq!(two.antenna_ids().expect("good ids"), ["pod-0000", "pod-0001"]);
        let long = FleetSettings { antenna_id: "x".repeat(codec::ANTENNA_ID_MAX_BYTES), ..two };
        assert!(long.antenna_ids().is_err());
    }
}
