//! The settings of the program: those of its parts, with defaults that suit one machine.

use std::net::SocketAddr;

use analytics::settings::{AlertsSettings, PipelineSettings, RegistrySettings, Thresholds};
use clap::{ArgAction, Parser};
use dashboard_ui::query::Base;
use dashboard_ui::settings::{AllowedHosts, AuthSettings, parse_switch};
use shared::logging::LogSettings;
use shared::server::HttpSettings;
use shared::settings::{BrokerSettings, StreamSettings, TokenSettings, parse_bind};
use simulator::{ConfirmSettings, FleetSettings};

/// Vigía in one process: simulated antennas, analytics, the dashboard, and a broker where none is given
#[derive(Debug, Clone, Parser)]
#[command(
    name = "vigia",
    version,
    mut_arg("redis_host", |argument| argument.default_value(None)),
    mut_arg("redis_port", |argument| argument.default_value(None)),
    mut_arg("antennas", |argument| argument.default_value("12")),
    mut_arg("antenna_id", |argument| argument
        .default_value("antenna")
        .hide_default_value(false)
        .help("The antennas' id; several antennas are called <ID>-0000, <ID>-0001, ...")),
    mut_arg("scenario", |argument| argument.default_value("mixed")),
)]
pub struct Settings {
    /// Where the page is served
    #[arg(long, env = "BIND", default_value = "127.0.0.1:8000", value_name = "ADDRESS", value_parser = parse_bind)]
    pub bind: SocketAddr,
    /// Where analytics answers HTTP
    #[arg(long, env = "ANALYTICS_BIND", default_value = "127.0.0.1:8001", value_name = "ADDRESS", value_parser = parse_bind)]
    pub analytics_bind: SocketAddr,
    /// Who may take how much of HTTP, for each of the two.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Whom analytics answers.
    #[command(flatten)]
    pub token: TokenSettings,
    /// Host names that the dashboard answers to, separated by commas; .example.org includes its subdomains; empty
    /// allows any
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "", value_name = "HOSTS", hide_default_value = true)]
    pub allowed_hosts: AllowedHosts,
    /// Path below which a proxy has the dashboard, like /vigia; all addresses in pages begin with it
    #[arg(long, env = "BASE_PATH", default_value = "", value_name = "PATH", hide_default_value = true)]
    pub base_path: Base,
    /// Who may see the page, and change things.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// Whether there is a public status page: on shows the sites that have a public name, at /status and to anybody
    #[arg(long, env = "STATUS", default_value = "off", value_name = "off|on", action = ArgAction::Set, value_parser = parse_switch)]
    pub status: bool,
    /// The broker, if one is given. If none of its settings is, the program brings its own.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// The stream.
    #[command(flatten)]
    pub stream: StreamSettings,
    /// The simulated antennas.
    #[command(flatten)]
    pub fleet: FleetSettings,
    /// When a batch of readings counts as taken.
    #[command(flatten)]
    pub confirm: ConfirmSettings,
    /// Analytics' pipeline.
    #[command(flatten)]
    pub pipeline: PipelineSettings,
    /// What counts as degraded.
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

impl Settings {
    /// Checks what no setting can check by itself.
    ///
    /// # Errors
    /// One line that names the setting.
    pub fn check(&self) -> Result<(), String> {
        self.pipeline.check()?;
        self.fleet.antenna_ids().map(|_ids| ()).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use simulator::Scenario;

    use super::*;

    fn parse(arguments: &[&str]) -> Settings {
        Settings::try_parse_from(std::iter::once("vigia").chain(arguments.iter().copied())).expect("good settings")
    }

    #[test]
    fn without_settings_a_dozen_antennas_fare_differently() {
        let settings = parse(&[]);
        assert_eq!((settings.fleet.antennas, settings.fleet.scenario), (12, Scenario::Mixed));
        assert_eq!(settings.bind.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.analytics_bind.to_string(), "127.0.0.1:8001");
    }

    #[test]
    fn a_broker_is_given_by_url_or_by_half_an_address() {
        let url = |arguments: &[&str]| parse(arguments).broker.given().map(BrokerSettings::url);
        assert_eq!(url(&[]), None);
        assert_eq!(url(&["--redis-url", "redis://a"]).as_deref(), Some("redis://a"));
        assert_eq!(url(&["--redis-host", "a"]).as_deref(), Some("redis://a:6379"));
        assert_eq!(url(&["--redis-port", "7"]).as_deref(), Some("redis://127.0.0.1:7"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        assert!(parse(&["--pane", "1m", "--retention", "30s"]).check().is_err_and(|why| why.contains("RETENTION")));
        let long = "x".repeat(253);
        assert!(parse(&["--antenna-id", &long]).check().is_err_and(|why| why.contains("ANTENNA_ID")));
    }
}
