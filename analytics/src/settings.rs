//! The settings of analytics.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use object_store::path::Path;
use shared::health::HealthSettings;
use shared::keys::PARTITIONS_MAX;
use shared::logging::LogSettings;
use shared::server::HttpSettings;
use shared::settings::{BrokerSettings, StreamSettings, TokenSettings, parse_bind};
use shared::time::{millis, parse_duration, parse_duration_or_zero};

/// Retention spans fewer panes than this: the key of a roll-up packs pane, antenna and bucket into 64 bits.
pub const MAX_PANES: i64 = 1 << 20;

/// Drains the stream of readings, keeps windowed metrics, answers them over HTTP.
#[derive(Debug, Clone, Parser)]
#[command(name = "analytics", version)]
// Settings are understood in front of a command and behind it.
#[command(mut_args(|argument| argument.global(true)))]
pub struct Cli {
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program can do besides.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Ask the analytics on this machine whether it is well; the exit code tells
    Health(HealthSettings),
    /// Put old measurements from files into the archive, while no other analytics owns the stream
    Import(ImportSettings),
    /// Spread the committed state over another number of partitions, while no analytics runs
    Repartition(RepartitionSettings),
    /// Send an example to a receiver of ALERTS_FILE, and tell what became of it
    AlertTest(AlertTestSettings),
    /// Check the settings and the files that they name, tell what is in them, and start nothing
    CheckConfig,
}

/// From how many partitions the state is spread over how many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct RepartitionSettings {
    /// The number of partitions that the state was written with (STREAM_PARTITIONS until now)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(PARTITIONS_MAX)))]
    pub from: u16,
    /// The number of partitions that it is to have (STREAM_PARTITIONS from then on)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(PARTITIONS_MAX)))]
    pub to: u16,
    /// Read everything, tell what would be done or why it is refused, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Who gets an example.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AlertTestSettings {
    /// The name of a receiver in ALERTS_FILE
    #[arg(value_name = "RECEIVER")]
    pub receiver: String,
}

/// What is imported.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportSettings {
    /// CSV, plain or gzip, or Parquet, with the columns antenna_id, timestamp_ms, latency_ms, packets_sent, packets_delivered
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Leave out the hours that are in the archive already or not final yet, in place of refusing everything
    #[arg(long)]
    pub skip_overlap: bool,
    /// Read everything and tell what would be imported, rejected and refused, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The settings of analytics.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where HTTP is answered
    #[arg(long, env = "BIND", default_value = "[::]:8000", value_name = "ADDRESS", value_parser = parse_bind)]
    pub bind: SocketAddr,
    /// Who may take how much of HTTP.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Who is answered.
    #[command(flatten)]
    pub token: TokenSettings,
    /// How processes that share the partitions reach each other.
    #[command(flatten)]
    pub peers: PeerSettings,
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// The stream.
    #[command(flatten)]
    pub stream: StreamSettings,
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineSettings,
    /// What counts as degraded, and as flapping.
    #[command(flatten)]
    pub thresholds: Thresholds,
    /// Who is told of incidents.
    #[command(flatten)]
    pub alerts: AlertsSettings,
    /// What antennas are.
    #[command(flatten)]
    pub registry: RegistrySettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
}

/// Who is told of incidents.
#[derive(Debug, Clone, Default, Args)]
pub struct AlertsSettings {
    /// A file (TOML) that says who is told of which incidents; nobody is if not set
    #[arg(long, env = "ALERTS_FILE", value_name = "FILE")]
    pub alerts_file: Option<PathBuf>,
}

/// What antennas are.
#[derive(Debug, Clone, Default, Args)]
pub struct RegistrySettings {
    /// File that says what antennas are, TOML or CSV: names, sites, labels, parents, thresholds of their own; read again when it changes
    #[arg(long, env = "ANTENNAS_FILE", value_name = "FILE")]
    pub antennas_file: Option<PathBuf>,
}

/// How processes that share the partitions reach each other.
#[derive(Debug, Clone, Default, Args)]
pub struct PeerSettings {
    /// Where other processes of analytics ask for what this one owns; by default a free port at the address of BIND
    #[arg(long, env = "PEER_BIND", value_name = "ADDRESS", value_parser = parse_bind)]
    pub peer_bind: Option<SocketAddr>,
    /// The host, or host and port, at which they reach it; by default what PEER_BIND names, else the address of this machine
    #[arg(long, env = "ADVERTISE", value_name = "HOST", value_parser = parse_advertised)]
    pub advertise: Option<String>,
}

/// Whether a text may be a host: a name, or an address of IPv4 or IPv6.
pub(crate) fn is_host(text: &str) -> bool {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
    !text.is_empty() && text.chars().all(is_allowed)
}

fn parse_advertised(text: &str) -> Result<String, String> {
    if is_host(text) {
        return Ok(text.to_owned());
    }
    Err("a host like analytics-0.example or 10.0.0.7 is needed, or one with a port like 10.0.0.7:8001".to_owned())
}

/// How the stream is drained and what is kept of it.
#[derive(Debug, Clone, Args)]
pub struct PipelineSettings {
    /// Width of a pane, the finest window
    #[arg(long, env = "PANE", default_value = "5s", value_name = "DURATION", value_parser = parse_duration)]
    pub pane: Duration,
    /// How long panes are kept, in event time
    #[arg(long, env = "RETENTION", default_value = "1h", value_name = "DURATION", value_parser = parse_duration)]
    pub retention: Duration,
    /// How often state and cursor are committed
    #[arg(long, env = "COMMIT_INTERVAL", default_value = "1s", value_name = "DURATION", value_parser = parse_duration)]
    pub commit_interval: Duration,
    /// Most entries of one micro-batch
    #[arg(long, env = "BATCH_MAX", default_value_t = 65_536, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch_max: u32,
    /// How long a micro-batch that is not full waits for more
    #[arg(long, env = "BATCH_WAIT", default_value = "50ms", value_name = "DURATION", value_parser = parse_duration_or_zero)]
    pub batch_wait: Duration,
    /// How far an event time may lie ahead of the broker's clock
    #[arg(long, env = "MAX_CLOCK_SKEW", default_value = "60s", value_name = "DURATION", value_parser = parse_duration_or_zero)]
    pub max_clock_skew: Duration,
    /// Entries that stay in the stream after they were read
    #[arg(long, env = "KEEP_ENTRIES", default_value_t = 10_000, value_name = "N")]
    pub keep_entries: u64,
    /// What is kept beyond memory.
    #[command(flatten)]
    pub archive: ArchiveSettings,
    /// Most antennas that are kept track of at a time
    #[arg(long, env = "ANTENNAS_MAX", default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub antennas_max: u32,
}

/// What is kept beyond memory, and where.
#[derive(Debug, Clone, Args)]
pub struct ArchiveSettings {
    /// Where hours go that are final: file:///path, or s3://bucket/prefix with the usual variables of AWS; nowhere if not set
    #[arg(long, env = "ARCHIVE", value_name = "URL")]
    pub archive: Option<ArchiveUrl>,
    /// Final hours that may wait for the archive while it is away; the oldest are given up then
    #[arg(long, env = "ARCHIVE_BACKLOG", default_value = "6h", value_name = "DURATION", value_parser = parse_duration)]
    pub archive_backlog: Duration,
    /// How long the archive keeps minutes, in event time
    #[arg(long, env = "ARCHIVE_KEEP_MINUTES", default_value = "30d", value_name = "DURATION", value_parser = parse_duration)]
    pub archive_keep_minutes: Duration,
    /// How long the archive keeps hours, in event time
    #[arg(long, env = "ARCHIVE_KEEP_HOURS", default_value = "2y", value_name = "DURATION", value_parser = parse_duration)]
    pub archive_keep_hours: Duration,
}

impl Default for ArchiveSettings {
    /// The contract's defaults.
    fn default() -> Self {
        Self { archive: None, archive_backlog: 6 * HOUR, archive_keep_minutes: 30 * DAY, archive_keep_hours: 2 * YEAR }
    }
}

/// The width of an archive's finest rows, unless a pane is wider.
const ROW: Duration = Duration::from_secs(60);

const HOUR: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// As durations are read: of 365 days and a quarter.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600 + 6 * 3600);

impl Default for PipelineSettings {
    /// The contract's defaults.
    fn default() -> Self {
        Self {
            pane: Duration::from_secs(5),
            retention: Duration::from_secs(3600),
            commit_interval: Duration::from_secs(1),
            batch_max: 65_536,
            batch_wait: Duration::from_millis(50),
            max_clock_skew: Duration::from_secs(60),
            keep_entries: 10_000,
            archive: ArchiveSettings::default(),
            antennas_max: 100_000,
        }
    }
}

/// When an antenna counts as degraded, and when as flapping.
#[derive(Debug, Clone, Copy, PartialEq, Args)]
pub struct Thresholds {
    /// An antenna is degraded below this success rate
    #[arg(long, env = "DEGRADED_SUCCESS_RATE", default_value_t = 0.95, value_name = "RATE", value_parser = parse_rate)]
    pub degraded_success_rate: f64,
    /// An antenna is degraded above this mean latency
    #[arg(long, env = "DEGRADED_LATENCY", default_value = "250ms", value_name = "DURATION", value_parser = parse_duration)]
    pub degraded_latency: Duration,
    /// An antenna is flapping from so many incidents begun or ended on, in 15 minutes
    #[arg(long, env = "FLAPPING_CHANGES", default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub flapping_changes: u32,
}

impl Default for Thresholds {
    /// The contract's defaults.
    fn default() -> Self {
        Self { degraded_success_rate: 0.95, degraded_latency: Duration::from_millis(250), flapping_changes: 6 }
    }
}

/// A duration in milliseconds.
pub(crate) fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Thresholds {
    /// [`Self::degraded_latency`] in milliseconds.
    #[must_use]
    pub fn degraded_latency_ms(&self) -> f64 {
        in_ms(self.degraded_latency)
    }
}

/// How long a window may be until an antenna that flaps has more changes than [`Thresholds::flapping_changes`].
const FLAPPING_WINDOW_MS: u64 = 15 * 60 * 1000;

impl Thresholds {
    /// From how many changes on an antenna flaps in a window of a length in milliseconds.
    #[must_use]
    pub fn flapping_changes_in(&self, length_ms: i64) -> u64 {
        let scaled = u64::from(self.flapping_changes).saturating_mul(length_ms.max(0).unsigned_abs());
        scaled.div_ceil(FLAPPING_WINDOW_MS).max(self.flapping_changes.into())
    }
}

impl PipelineSettings {
    /// The width of the finest rows of the archive in milliseconds.
    #[must_use]
    pub fn row_ms(&self) -> i64 {
        millis(self.pane.max(ROW))
    }

    /// Checks what no setting can tell alone.
    ///
    /// # Errors
    /// One line that names the setting.
    pub fn check(&self) -> Result<(), String> {
        let Self { pane, retention, max_clock_skew, archive, .. } = self;
        if pane.subsec_nanos() % 1_000_000 != 0 {
            return Err(format!("bad value for --pane (PANE): {pane:?} is not a whole number of milliseconds"));
        }
        if retention < pane {
            return Err(format!("bad value for --retention (RETENTION): {retention:?} is below PANE, {pane:?}"));
        }
        let fits = |inner: Duration, outer: Duration| outer.as_nanos().is_multiple_of(inner.as_nanos().max(1));
        if archive.archive.is_some() && !(fits(*pane, ROW) || (fits(ROW, *pane) && fits(*pane, HOUR))) {
            return Err(format!(
                "bad value for --pane (PANE): with ARCHIVE, whose rows are minutes of full hours, {pane:?} has to divide a minute, \
                 or to be minutes that divide an hour"
            ));
        }
        if archive.archive.is_some() && archive.archive_backlog < HOUR {
            return Err(format!(
                "bad value for --archive-backlog (ARCHIVE_BACKLOG): {:?} is less than an hour",
                archive.archive_backlog
            ));
        }
        let ArchiveSettings { archive_keep_minutes: minutes, archive_keep_hours: hours, .. } = archive;
        if archive.archive.is_some() && minutes < retention.max(&DAY) {
            return Err(format!(
                "bad value for --archive-keep-minutes (ARCHIVE_KEEP_MINUTES): {minutes:?} is less than a day, or below RETENTION, \
                 {retention:?}"
            ));
        }
        if archive.archive.is_some() && hours < minutes {
            return Err(format!(
                "bad value for --archive-keep-hours (ARCHIVE_KEEP_HOURS): {hours:?} is below ARCHIVE_KEEP_MINUTES, {minutes:?}"
            ));
        }
        let panes = retention.saturating_add(*max_clock_skew).as_nanos() / pane.as_nanos().max(1);
        if panes >= u128::from(MAX_PANES.unsigned_abs()) {
            return Err(format!(
                "bad value for --retention (RETENTION): with MAX_CLOCK_SKEW it spans {panes} panes of {pane:?}, {MAX_PANES} or more"
            ));
        }
        Ok(())
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a rate from 0 to 1 is needed".to_owned()),
    }
}

/// The setting `ARCHIVE`: `file:///path` or `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveUrl {
    /// A directory.
    Directory(PathBuf),
    /// A bucket, and what keys in it begin with.
    Bucket {
        /// Its name.
        bucket: String,
        /// Without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl FromStr for ArchiveUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str = "file:///path or s3://bucket/prefix is needed";
        if let Some(path) = text.strip_prefix("file://") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Directory(path)) } else { Err(WANTED.to_owned()) };
        }
        let rest = text.strip_prefix("s3://").ok_or(WANTED)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || bucket.contains(['@', ':', '?']) {
            return Err(format!("{WANTED}; the endpoint and the credentials are told by the variables of AWS"));
        }
        let prefix = prefix.trim_matches('/');
        Path::parse(prefix).map_err(|error| format!("{WANTED}: {error}"))?;
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file://{}", path.display()),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_told() {
        for url in ["file:///var/lib/vigia", "s3://bucket/some/prefix", "s3://bucket/"] {
            assert_eq!(url.parse::<ArchiveUrl>().expect(url).to_string(), url);
        }
        for url in [
            "",
            "file://here",
            "/var",
            "s3://",
            "s3:///prefix",
            "http://bucket",
            "s3://key:secret@bucket/x",
            "s3://b/a//b",
        ] {
            assert!(url.parse::<ArchiveUrl>().is_err(), "{url}");
        }
    }
}
