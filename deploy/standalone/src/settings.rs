//! The settings of `vigia`.

use std::net::SocketAddr;
use std::time::Duration;

use analytics::settings::{PipelineSettings, Thresholds};
use clap::Parser;
use shared::logging::LogSettings;
use shared::settings::{BrokerSettings, StreamSettings, parse_bind};
use shared::time::parse_duration;
use simulator::Scenario;

/// Vigía in one process: simulated antennas, analytics, and the dashboard
#[derive(Debug, Clone, Parser)]
#[command(name = "vigia", version)]
pub(crate) struct Settings {
    /// Where the page is answered
    #[arg(long, env = "BIND", default_value = "127.0.0.1:8000", value_name = "ADDRESS", value_parser = parse_bind)]
    pub(crate) bind: SocketAddr,
    /// Where analytics answers
    #[arg(long, env = "ANALYTICS_BIND", default_value = "127.0.0.1:8001", value_name = "ADDRESS", value_parser = parse_bind)]
    pub(crate) analytics_bind: SocketAddr,
    /// The broker's address; without it a private redis-server is started, or readings stay in this process
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) redis_url: Option<String>,
    #[command(flatten)]
    pub(crate) stream: StreamSettings,
    /// Number of simulated antennas
    #[arg(long, env = "ANTENNAS", default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(simulator::settings::ANTENNAS_MAX)))]
    pub(crate) antennas: u32,
    /// Time between two readings of an antenna
    #[arg(long, env = "INTERVAL", default_value = "1s", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) interval: Duration,
    /// What the antennas go through
    #[arg(long, env = "SCENARIO", default_value = "mixed", value_name = "NAME")]
    pub(crate) scenario: Scenario,
    /// Chooses the antennas' fates
    #[arg(long, env = "SEED", default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) pipeline: PipelineSettings,
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
    #[command(flatten)]
    pub(crate) log: LogSettings,
}

impl Settings {
    /// The broker at `url`, in the form that the parts take.
    pub(crate) fn broker(url: String) -> BrokerSettings {
        BrokerSettings { redis_url: Some(url), redis_host: String::new(), redis_port: 0 }
    }
}
